"""Runs many queries at once on one connection. A query that raises or returns the wrong number of
rows is lost; the error of the first one is reported."""

from __future__ import annotations

import asyncio
import time

from pyathena import aio_connect

import worker


async def run_query(connection, run_ms: int, begin: float) -> float:
    cursor = connection.cursor()
    await cursor.execute(f"SELECT 1 -- run_ms={run_ms} rows=1")
    rows = await cursor.fetchall()
    if len(rows) != 1:
        raise RuntimeError(f"{len(rows)} rows instead of 1")
    return time.monotonic() - begin


async def main(port: int, queries: int, run_ms: int) -> None:
    loop = asyncio.get_running_loop()
    threads: list[int] = []
    async with await aio_connect(**worker.connect_args(port)) as connection:
        await run_query(connection, 0, time.monotonic())
        for moment in (0.5, 1.5, 2.2, 3.0):
            loop.call_later(moment, lambda: threads.append(worker.thread_count()))
        begin = time.monotonic()
        cpu = time.process_time()
        results = await asyncio.gather(
            *(run_query(connection, run_ms, begin) for _ in range(queries)),
            return_exceptions=True,
        )
        cpu = time.process_time() - cpu
        total = time.monotonic() - begin
        threads.append(worker.thread_count())
    errors = [result for result in results if isinstance(result, BaseException)]
    beyond = [r - run_ms / 1e3 for r in results if not isinstance(r, BaseException)]
    worker.report(
        total_s=total,
        beyond_p50_s=worker.percentile(beyond, 50),
        beyond_p99_s=worker.percentile(beyond, 99),
        cpu_ms=cpu / queries * 1e3,
        threads=max(threads),
        lost=len(errors),
        error=repr(errors[0]) if errors else None,
    )


asyncio.run(main(**worker.arguments()))

"""Reads one large result. mode is "cpu" (time and CPU), "lag" (the event loop's lateness, with an
idle stretch before for comparison) or "memory"."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from typing import Any

from pyathena import aio_connect
from pyathena.aio.cursor import AioCursor, AioDictCursor

import worker

IDLE_SECONDS = 1.0


async def read(cursor: Any, fetch: str, rows: int, shape: str) -> list[Any]:
    """Executes and reads; the rows are kept unless fetch is "iterate"."""
    await cursor.execute(f"SELECT * FROM {shape} -- run_ms=0 rows={rows} cols=10 shape={shape}")
    if fetch != "iterate":
        kept = await cursor.fetchall()
        if len(kept) != rows:
            raise RuntimeError(f"{len(kept)} rows instead of {rows}")
        return kept
    count = 0
    async for _ in cursor:
        count += 1
    if count != rows:
        raise RuntimeError(f"{count} rows instead of {rows}")
    return []


def object_bytes(rows: list[Any]) -> int:
    """Bytes of the list, its rows and their values, each object once."""
    seen: set[int] = set()
    total = sys.getsizeof(rows)
    for row in rows:
        total += sys.getsizeof(row)
        for value in row.values() if isinstance(row, dict) else row:
            if id(value) not in seen:
                seen.add(id(value))
                total += sys.getsizeof(value)
    return total


async def measure_cpu(cursor: Any, fetch: str, rows: int, shape: str) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    kept = await read(cursor, fetch, rows, shape)
    cpu = time.process_time() - cpu
    wall = time.perf_counter() - wall
    del kept
    return {"cpu_us": cpu / rows * 1e6, "wall_us": wall / rows * 1e6}


async def measure_lag(cursor: Any, fetch: str, rows: int, shape: str) -> dict[str, float]:
    heartbeat = worker.Heartbeat()
    await asyncio.sleep(IDLE_SECONDS)
    idle = heartbeat.stop()
    heartbeat = worker.Heartbeat()
    kept = await read(cursor, fetch, rows, shape)
    busy = heartbeat.stop()
    del kept
    result = {f"lag_{name}": value for name, value in busy.items()}
    return result | {f"idle_{name}": value for name, value in idle.items()}


async def measure_memory(cursor: Any, fetch: str, rows: int, shape: str) -> dict[str, float]:
    gc.collect()
    worker.reset_peak()
    idle = worker.status_kib("VmRSS")
    kept = await read(cursor, fetch, rows, shape)
    peak = worker.status_kib("VmHWM")
    return {"peak_mib": (peak - idle) / 1024, "objects_mib": object_bytes(kept) / 2**20}


async def main(port: int, mode: str, fetch: str, rows: int, shape: str) -> None:
    measure = {"cpu": measure_cpu, "lag": measure_lag, "memory": measure_memory}[mode]
    async with await aio_connect(**worker.connect_args(port)) as connection:
        cursor = connection.cursor(AioDictCursor if fetch == "dict" else AioCursor)
        await read(cursor, fetch, 1, shape)
        worker.report(**await measure(cursor, fetch, rows, shape))


asyncio.run(main(**worker.arguments()))

"""Runs queries one after the other and says when each was finished for the client."""

from __future__ import annotations

import asyncio
import time

from pyathena import aio_connect

import worker


async def main(port: int, durations_ms: list[int]) -> None:
    finished = []
    async with await aio_connect(**worker.connect_args(port)) as connection:
        cursor = connection.cursor()
        await cursor.execute("SELECT 1 -- warm up: run_ms=0 rows=1")
        await cursor.fetchall()
        for duration in durations_ms:
            await cursor.execute(f"SELECT 1 -- run_ms={duration} rows=1")
            await cursor.fetchall()
            finished.append([cursor.query_id, duration, time.monotonic()])
    worker.report(finished=finished)


asyncio.run(main(**worker.arguments()))

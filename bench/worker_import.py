"""Imports the asyncio cursor and reads one row, as a fresh process would. The modules that any
asyncio program has are loaded first and not counted."""

from __future__ import annotations

import asyncio
import datetime  # noqa: F401
import decimal  # noqa: F401
import json
import sys
import time

arguments = json.loads(sys.argv[1])
modules_before = len(sys.modules)
started = time.perf_counter()
from pyathena import aio_connect  # noqa: E402
from pyathena.aio.cursor import AioCursor  # noqa: E402

import_ms = (time.perf_counter() - started) * 1e3
modules = len(sys.modules) - modules_before


async def main(endpoint: str) -> None:
    async with await aio_connect(
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="stub",
        aws_secret_access_key="stub",
        s3_staging_dir="s3://stub-results/bench/",
    ) as connection:
        cursor = connection.cursor(AioCursor)
        await cursor.execute("SELECT 1 -- run_ms=0 rows=1")
        await cursor.fetchone()
        first_row = time.monotonic()
        modules_used = len(sys.modules) - modules_before
    import worker

    worker.report(
        import_ms=import_ms, modules=modules, modules_used=modules_used, first_row=first_row
    )


asyncio.run(main(f"http://127.0.0.1:{arguments['port']}"))

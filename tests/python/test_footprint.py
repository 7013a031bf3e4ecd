"""What the package leaves alone: the modules, executors and threads of the program."""

from __future__ import annotations

import athena_local
import harness
import pytest

pytestmark = pytest.mark.core

_CODE = """
import asyncio, os, sys, threading, time
import pyathena

FOREIGN = ("boto3", "botocore", "s3transfer", "urllib3", "requests", "aiohttp", "aiobotocore",
           "httpx", "pandas", "pyarrow", "polars", "numpy", "fsspec", "sqlalchemy", "tenacity")

def foreign():
    return [name for name in FOREIGN if name in sys.modules]

assert not foreign(), foreign()

COUNT = int(sys.argv[1])
kind = sys.argv[2]
most = 0

def count_threads():
    global most
    most = max(most, len(os.listdir("/proc/self/task")))

async def watch():
    while True:
        count_threads()
        await asyncio.sleep(0.005)

async def ask(connection, number):
    cursor = connection.cursor()
    await cursor.execute(f"SELECT {number} AS x")
    assert await cursor.fetchall() == [(number,)]

async def main():
    loop = asyncio.get_running_loop()
    watcher = asyncio.ensure_future(watch())
    async with await pyathena.aio_connect() as connection:
        for number in range(5):
            await ask(connection, number)
        cursor = connection.cursor()
        await cursor.list_databases(None)
        await cursor.get_table_metadata("many_rows")
        await cursor.execute("SELECT * FROM many_rows")
        assert len([row async for row in cursor]) == 10_000
        await asyncio.gather(*(ask(connection, number) for number in range(COUNT)))
    watcher.cancel()
    if kind == "asyncio":
        assert loop._default_executor is None
    # An executor's threads would stand here; the core's is none of Python's.
    names = [thread.name for thread in threading.enumerate()]
    assert names == ["MainThread"], names
    count_threads()

if kind == "uvloop":
    import uvloop
    loop = uvloop.new_event_loop()
else:
    loop = asyncio.new_event_loop()
loop.run_until_complete(main())
loop.close()
assert not foreign(), foreign()
assert most <= 3, most
print(most)
"""


def test_a_thousand_queries_need_no_library_no_executor_and_three_threads(
    server: athena_local.Server, loop_kind: str
) -> None:
    done = harness.run_script(server, _CODE, "1000", loop_kind, timeout=120)
    assert 1 <= int(done.stdout) <= 3


def test_importing_the_package_loads_little(server: athena_local.Server) -> None:
    code = """
import sys
before = set(sys.modules)
import pyathena, pyathena.cursor, pyathena.aio.cursor, pyathena.aio.connection
import os
assert len(os.listdir("/proc/self/task")) == 1, "a thread was started"
heavy = {name.split(".")[0] for name in set(sys.modules) - before} & {
    "boto3", "botocore", "fsspec", "pandas", "numpy", "pyarrow", "polars", "sqlalchemy", "requests",
    "urllib3", "aiohttp", "ssl", "tenacity"}
assert heavy <= {"ssl"}, heavy
"""
    harness.run_script(server, code)


def test_a_program_that_only_imports_and_connects_ends_at_once(server: athena_local.Server) -> None:
    harness.run_script(server, "import pyathena; pyathena.connect()")

"""Ends queries that take too long: by their own limit, by the task's, and as the first of two wins.

    AWS_ATHENA_S3_STAGING_DIR=s3://YOUR_S3_BUCKET/path/to/ python timeouts.py

In each case the query is stopped on the server, too.
"""

from __future__ import annotations

import asyncio

from pyathena import OperationalError, aio_connect
from pyathena.aio.connection import AioConnection

NUMBERS = "UNNEST(SEQUENCE(1, 10000))"
SLOW = (
    f"SELECT count(*) FROM {NUMBERS} AS a (x), {NUMBERS} AS b (y), {NUMBERS} AS c (z) "
    "WHERE x + y + z = 1"
)


async def limit_of_query(connection: AioConnection) -> None:
    async with connection.cursor(query_timeout=1) as cursor:
        try:
            await cursor.execute(SLOW)
        except OperationalError as error:
            print("query_timeout:", error)


async def limit_of_task(connection: AioConnection) -> None:
    async with connection.cursor() as cursor:
        try:
            await asyncio.wait_for(cursor.execute(SLOW), 1)
        except asyncio.TimeoutError:
            print("wait_for: given up")


async def first_wins(connection: AioConnection) -> None:
    async def ask(sql: str) -> object:
        async with connection.cursor() as cursor:
            await cursor.execute(sql)
            return await cursor.fetchone()

    tasks = [asyncio.create_task(ask(sql)) for sql in (SLOW, "SELECT 'the quick one'")]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    print("first:", *(task.result() for task in done))


async def main() -> None:
    async with await aio_connect() as connection:
        await limit_of_query(connection)
        await limit_of_task(connection)
        await first_wins(connection)
        print("stops sent:", connection.stats()["calls_stop"])


if __name__ == "__main__":
    asyncio.run(main())

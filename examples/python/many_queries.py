"""A hundred queries at once; each result is taken as it comes, failures do not stop the others.

AWS_ATHENA_S3_STAGING_DIR=s3://YOUR_S3_BUCKET/path/to/ python many_queries.py
"""

from __future__ import annotations

import asyncio

from pyathena import DatabaseError, aio_connect
from pyathena.aio.connection import AioConnection

QUERIES = 100


async def divide(connection: AioConnection, divisor: int) -> tuple[int, int | None]:
    async with connection.cursor() as cursor:
        await cursor.execute("SELECT 1000 / (%(divisor)d %% 10)", {"divisor": divisor})
        row = await cursor.fetchone()
        return divisor, row[0]


async def main() -> None:
    async with await aio_connect() as connection:
        total, failures = 0, 0
        for finished in asyncio.as_completed([divide(connection, n) for n in range(QUERIES)]):
            try:
                _, quotient = await finished
                total += quotient or 0
            except DatabaseError as error:  # every tenth divides by zero
                failures += 1
                if failures == 1:
                    print(f"{error.query_id} failed: {error}")
        stats = connection.stats()
    print(f"{QUERIES - failures} quotients, sum {total}; {failures} failures")
    print(f"{stats['calls']} API calls, {stats['looks']} looks, {stats['refusals']} refused")


if __name__ == "__main__":
    asyncio.run(main())

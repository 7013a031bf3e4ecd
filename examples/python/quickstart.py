"""One query: rows, columns and cost.

    AWS_ATHENA_S3_STAGING_DIR=s3://YOUR_S3_BUCKET/path/to/ python quickstart.py

Region and credentials come from the environment or the AWS profile files.
"""

from __future__ import annotations

import asyncio

from pyathena import aio_connect


async def main() -> None:
    async with await aio_connect() as connection, connection.cursor() as cursor:
        await cursor.execute(
            "SELECT x AS number, x * x AS square, IF(x > 3, NULL, 'small') AS size "
            "FROM UNNEST(SEQUENCE(1, 5)) AS t (x)"
        )
        print(*(column[0] for column in cursor.description), sep="\t")
        async for row in cursor:
            print(*row, sep="\t")
        print(f"{cursor.query_id}: {cursor.total_execution_time_in_millis} ms,"
              f" {cursor.data_scanned_in_bytes} bytes scanned")  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())

"""Runs the same queries on whichever ``pyathena`` this interpreter has, and prints what they cost.

Both packages have ``aio_connect``; everything is at its default. It prints one JSON document.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from typing import Any

from heart import Heart
from pyathena import aio_connect

AT_ONCE = 5

QUERIES = [
    *(
        f"SELECT origin, count(*), avg(dep_delay) FROM flights WHERE month = {month} "
        "GROUP BY origin ORDER BY origin"
        for month in range(1, 13)
    ),
    *(
        f"SELECT dest, count(*) FROM flights WHERE carrier = '{carrier}' GROUP BY dest "
        "ORDER BY 2 DESC LIMIT 10"
        for carrier in ("UA", "B6", "EV", "DL", "AA", "MQ")
    ),
    "SELECT * FROM flights WHERE month = 1 AND day <= 10",
    "SELECT count(*), count(dep_time) FROM flights_raw",
]


def server_calls() -> int:
    """API calls that the server has counted."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"{os.environ['AWS_ENDPOINT_URL_ATHENA']}/_athena_local/stats"
    with opener.open(url, timeout=30) as answer:
        return sum(json.load(answer)["calls"].values())


async def run_query(connection: Any, sql: str) -> tuple[float, int]:
    """Runs a query and reads all rows; the seconds beyond Athena's own time, and the rows."""
    begin = time.perf_counter()
    async with connection.cursor() as cursor:
        await cursor.execute(sql)
        rows = await cursor.fetchall()
        took = time.perf_counter() - begin
        own = (cursor.completion_date_time - cursor.submission_date_time).total_seconds()
    return took - own, len(rows)


async def main() -> None:
    async with await aio_connect() as connection:
        await run_query(connection, "SELECT 1")  # connections and late imports are not compared
        calls = server_calls()
        cpu, begin = time.process_time(), time.perf_counter()
        beyond, rows = [], 0
        async with Heart() as heart:
            for first in range(0, len(QUERIES), AT_ONCE):
                group = QUERIES[first : first + AT_ONCE]
                for extra, count in await asyncio.gather(
                    *(run_query(connection, sql) for sql in group)
                ):
                    beyond.append(extra)
                    rows += count
        total = time.perf_counter() - begin
        result = {
            "total": total,
            "beyond": sorted(beyond),
            "cpu": time.process_time() - cpu,
            "late": heart.worst * 1000,
            "own": heart.own * 1000,
            "threads": heart.threads,
            "calls": server_calls() - calls,
            "rows": rows,
        }
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main())

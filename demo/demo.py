"""Shows the package at work on this machine; `make demo` runs it.

Starts SeaweedFS and athena-local, loads real data, runs every program of docs/asyncio.md and
docs/filesystem.md, two hundred queries at once, a cancel and a failure, a thousand objects, and the
same queries with PyAthena from PyPI. What it starts it stops, however it ends. Exit status 0 when
all went well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flights
from codeblocks import read_blocks
from heart import Heart
from measure import AT_ONCE, QUERIES
from objects import LARGE_BYTES, OBJECT_BYTES, OBJECTS, show_objects
from servers import DemoError, Servers, plain_environment, run_program
from term import Terminal

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DAYS = 200
DAY_SQL = """
SELECT month, day, count(*) AS planned, count(dep_time) AS departed,
       avg(dep_delay) AS delay
FROM flights
WHERE month = %(month)d AND day = %(day)d
GROUP BY month, day"""
SLOW_SQL = """
SELECT count(*)
FROM flights a CROSS JOIN flights b
WHERE a.dep_delay * b.arr_delay = 12345"""
PROPERTIES = (
    "state", "state_change_reason", "completion_date_time", "submission_date_time",
    "data_scanned_in_bytes", "engine_execution_time_in_millis", "query_queue_time_in_millis",
    "total_execution_time_in_millis", "query_planning_time_in_millis",
    "service_processing_time_in_millis", "output_location",
)  # fmt: skip


def show_start(term: Terminal, servers: Servers, seconds: float) -> None:
    """Says what runs now."""
    term.text(
        """athena-local answers Amazon Athena's API on this machine: DuckDB runs the SQL, the files
        are in SeaweedFS, an S3 server. Both check signatures as AWS does, with a key made for
        this run. The programs below would run on AWS as they are."""
    )
    term.line()
    term.fact("Athena", servers.ready["athena_url"])
    term.fact("S3", servers.ready["s3_url"])
    term.fact("started in", f"{seconds:.1f} s")


def load_data(term: Terminal, servers: Servers, cache: Path) -> None:
    """Fetches the flights and puts them into S3 as Parquet and as CSV."""
    begin = time.monotonic()
    archive, downloaded = flights.fetch(cache)
    term.text(
        """All flights that left New York City in 2013. The file writes a missing value as the text
        NA. One table has the raw CSV; the other has Parquet, with types and real NULLs."""
    )
    term.line()
    term.fact("source", f"{archive.name}, {'downloaded' if downloaded else 'fetched before'}")
    csv = flights.unpack(archive)
    with tempfile.TemporaryDirectory(prefix="libathena-demo-") as folder:
        raw, parquet = Path(folder, "flights.csv"), Path(folder, "flights.parquet")
        raw.write_bytes(csv)
        flights.to_parquet(raw, parquet)
        term.fact("flights.csv", f"{raw.stat().st_size:,} bytes")
        term.fact("flights.parquet", f"{parquet.stat().st_size:,} bytes")
        flights.upload(servers, raw, parquet)
    term.fact("loaded in", f"{time.monotonic() - begin:.1f} s")


async def make_tables(term: Terminal, connection: Any, bucket: str) -> None:
    """Creates the tables and shows how their missing values differ."""
    async with connection.cursor() as cursor:
        for statement in flights.statements(bucket):
            await cursor.execute(statement)
        table: list[list[str]] = [["", "rows", "dep_time IS NULL", "dep_time = 'NA'"]]
        for name in ("flights", "flights_raw"):
            await cursor.execute(
                "SELECT count(*), count_if(dep_time IS NULL), "
                f"count_if(CAST(dep_time AS varchar) = 'NA') FROM {name}"
            )
            row = await cursor.fetchone()
            table.append([name, *(f"{number:,}" for number in row)])
            if row[0] != flights.ROWS:
                raise DemoError(f"{name} has {row[0]:,} rows instead of {flights.ROWS:,}")
        term.line()
        term.table(table)
        term.line()
        term.text("The same cancelled flight from both: dep_time, tailnum, time_hour.")
        for name in ("flights", "flights_raw"):
            await cursor.execute(
                f"SELECT dep_time, tailnum, time_hour FROM {name} WHERE "
                "concat_ws('-', CAST(month AS varchar), CAST(day AS varchar), "
                "CAST(flight AS varchar)) = '1-1-4308'"
            )
            term.fact(name, await cursor.fetchone(), "green")


def show_documentation(term: Terminal, servers: Servers, page: str) -> None:
    """Runs the programs of a page as they stand, each by a Python of its own."""
    blocks = [b for b in read_blocks(ROOT / page) if b.language == "python"]
    term.text(
        f"""Every program of {page}, {len(blocks)} of them, as it stands there but for the
        name of the bucket. Below each is what it printed."""
    )
    heading = ""
    for block in blocks:
        if block.heading != heading:
            heading = block.heading
            term.line()
            term.line(f"  {heading}", "bold")
        term.code(block.text)
        what = f"{page}, line {block.line}"
        text = block.with_bucket(servers.bucket)
        term.output(run_program([sys.executable, "-"], servers.environment, what, text))


def _days() -> list[dict[str, int]]:
    lengths = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    days = [{"month": m, "day": d} for m, n in enumerate(lengths, 1) for d in range(1, n + 1)]
    return days[:DAYS]


def _lateness(heart: Heart) -> str:
    return f"late by at most {heart.worst * 1000:.1f} ms, {heart.own * 1000:.1f} by own work"


async def _one_day(connection: Any, day: dict[str, int]) -> Any:
    async with connection.cursor() as cursor:
        await cursor.execute(DAY_SQL, day)
        return await cursor.fetchone()


async def run_many(term: Terminal, connection: Any) -> None:
    """Two hundred queries at once, with a heart beating on the same loop."""
    term.text(
        f"""{DAYS} queries, one for each of the first {DAYS} days of the year, started in the same
        moment on one connection. Meanwhile a task on the same event loop beats every 5 ms and
        notes how late each beat comes. The servers use the processors too, so part of that is
        waiting for one; how much this process can have caused itself is shown beside it."""
    )
    term.code(DAY_SQL.strip())
    before, begin = connection.stats(), time.perf_counter()
    rows: list[Any] = []
    async with Heart() as heart:
        tasks = [asyncio.create_task(_one_day(connection, day)) for day in _days()]
        for next_done in asyncio.as_completed(tasks):
            rows.append(await next_done)
            term.progress(len(rows), DAYS, _lateness(heart))
    took = time.perf_counter() - begin
    after = connection.stats()
    term.line()
    planned, departed = (sum(row[i] for row in rows) for i in (2, 3))
    worst = max(rows, key=lambda row: row[4])
    term.fact("time", f"{took:.1f} s for {DAYS} queries, {DAYS / took:.0f} a second")
    term.fact("event loop", _lateness(heart))
    term.fact("threads", f"{heart.threads} in this process, the library's included")
    term.fact("API calls", f"{after['calls'] - before['calls']} in all, for "
              f"{after['looks'] - before['looks']} looks at a query's state")  # fmt: skip
    term.fact("flights in these days", f"{planned:,}, {planned - departed:,} of them cancelled")
    term.fact(
        "day with the most delay",
        f"2013-{worst[0]:02}-{worst[1]:02}: {worst[4]:.0f} minutes a flight",
    )


async def cancel_one(term: Terminal, connection: Any, servers: Servers) -> None:
    """Cancels a query that would run for very long; the server is asked what became of it."""
    from pyathena import OperationalError

    term.text(
        """This one would compare every flight with every other, 113 billion pairs. A second after
        its start it is cancelled; then the server is asked for its state."""
    )
    term.code(SLOW_SQL.strip())
    async with connection.cursor() as cursor:
        waiting = asyncio.create_task(cursor.execute(SLOW_SQL))
        await asyncio.sleep(1)
        term.fact("state on the server", servers.state_of(cursor.query_id))
        begin = time.perf_counter()
        await cursor.cancel()
        term.fact("await cursor.cancel()", f"{(time.perf_counter() - begin) * 1000:.0f} ms")
        try:
            await waiting
        except OperationalError as error:
            term.fact("execute() raised", f"{type(error).__name__}: {error}", "yellow")
        else:
            raise DemoError("the cancelled query ended as if nothing had happened")
        state = servers.state_of(cursor.query_id)
        term.fact("state on the server", state)
        if state != "CANCELLED":
            raise DemoError(f"the cancelled query is {state} on the server")


async def fail_one(term: Terminal, connection: Any) -> None:
    """A query that cannot work, and what is known of one that did."""
    from pyathena import OperationalError

    async with connection.cursor() as cursor:
        sql = "SELECT carrier, arrival_delay FROM flights"
        term.code(sql)
        try:
            await cursor.execute(sql)
        except OperationalError as error:
            term.fact("execute() raised", type(error).__name__, "yellow")
            term.fact("message", error, "yellow")
            term.fact("error.query_id", error.query_id)
        else:
            raise DemoError("a query on a column that is not there succeeded")
        sql = "SELECT carrier, avg(arr_delay) FROM flights\nGROUP BY carrier ORDER BY 2 DESC"
        term.code(sql)
        await cursor.execute(sql)
        term.output("\n".join(map(repr, await cursor.fetchall())), 5)
        term.line()
        for name in PROPERTIES:
            term.fact(name, getattr(cursor, name), column=33)


def compare(term: Terminal, servers: Servers, pyathena_python: Path) -> None:
    """The same queries by this package and by PyAthena from PyPI."""
    version = run_program(
        [pyathena_python, "-c", "import pyathena; print(pyathena.__version__)"],
        plain_environment(), "PyAthena's Python",
    ).strip()  # fmt: skip
    term.text(
        f"""{len(QUERIES)} queries on the flights, {AT_ONCE} at a time, by the same program on the
        same servers: with PyAthena {version} from PyPI, then with this package. Everything is at
        its default."""
    )
    sides = {}
    for name, python in (
        (f"PyAthena {version}", pyathena_python),
        ("libathena", Path(sys.executable)),
    ):
        output = run_program([python, HERE / "measure.py"], servers.environment, name)
        sides[name] = json.loads(output)
    theirs, ours = sides.values()
    if theirs["rows"] != ours["rows"]:
        raise DemoError(f"{theirs['rows']:,} rows on one side, {ours['rows']:,} on the other")

    def both(what: str, form: str, *keys: str) -> list[str]:
        return [what, *(form.format(*(side[key] for key in keys)) for side in (theirs, ours))]

    for side in (theirs, ours):
        side["median"] = statistics.median(side["beyond"]) * 1000
        side["longest"] = side["beyond"][-1] * 1000
    term.line()
    term.table([
        ["", *sides],
        both("all queries, s", "{:.1f}", "total"),
        both("beyond the query, median, ms", "{:,.0f}", "median"),
        both("beyond the query, longest, ms", "{:,.0f}", "longest"),
        both("loop late by at most, ms", "{:.1f}", "late"),
        both("  of it by own work, ms", "{:.1f}", "own"),
        both("threads", "{}", "threads"),
        both("API calls", "{}", "calls"),
        both("CPU of the client, s", "{:.2f}", "cpu"),
        both("rows read", "{:,}", "rows"),
    ])  # fmt: skip
    term.line()
    term.text(
        """"Beyond the query" is the time from execute() to the last row, less the time that Athena
        itself reports for the query. One run on a busy machine is no benchmark; `make bench` is."""
    )


async def show_queries(term: Terminal, servers: Servers) -> None:
    """The parts that use one connection of this process."""
    from pyathena import aio_connect

    async with await aio_connect() as connection:
        term.heading(f"{DAYS} queries at once")
        await run_many(term, connection)
        term.heading("Cancel means cancel")
        await cancel_one(term, connection, servers)
        term.heading("A query that fails, and what Athena tells of one that does not")
        await fail_one(term, connection)


async def show_tables(term: Terminal, servers: Servers) -> None:
    from pyathena import aio_connect

    async with await aio_connect() as connection:
        await make_tables(term, connection, servers.bucket)


def run(term: Terminal, options: argparse.Namespace) -> None:
    """The demo from start to end."""
    import pyathena

    if "libathena" not in pyathena.__version__:
        raise DemoError(f"{sys.executable} has another pyathena: {pyathena.__file__}")
    if not options.pyathena_python.exists():
        raise DemoError(
            f"no Python with PyAthena at {options.pyathena_python}; `make demo` makes it"
        )
    term.line("libathena: Amazon Athena for asyncio", "bold")
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    versions = f"pyathena {pyathena.__version__}, Python {platform.python_version()}"
    term.line(f"{versions}, {machine}", "dim")
    term.heading("A local Athena")
    begin = time.monotonic()
    with Servers() as servers:
        show_start(term, servers, time.monotonic() - begin)
        kept = {**plain_environment(), **servers.variables}
        os.environ.clear()
        os.environ.update(kept)
        term.heading("Real data")
        load_data(term, servers, options.cache)
        asyncio.run(show_tables(term, servers))
        term.heading("The documentation at work")
        show_documentation(term, servers, "docs/asyncio.md")
        asyncio.run(show_queries(term, servers))
        term.heading("S3 as a file system")
        show_documentation(term, servers, "docs/filesystem.md")
        term.heading("Many objects, one large one")
        term.text(
            f"""{OBJECTS:,} objects of {OBJECT_BYTES // 1024} KiB at once, and one of
            {LARGE_BYTES // 1024**2} MiB in parts, from one coroutine. Every byte is compared."""
        )
        asyncio.run(show_objects(term, servers))
        term.heading("The same queries with PyAthena")
        compare(term, servers, options.pyathena_python)
    term.heading("The end")
    term.text(
        """The servers are stopped now. `make local` keeps them running for your own programs,
        `make test` runs every test, docs/asyncio.md and docs/filesystem.md are what you have just
        seen."""
    )


def _end(number: int, frame: object) -> None:
    sys.exit(128 + number)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    theirs = os.environ.get("LIBATHENA_PYATHENA_PYTHON", ROOT / ".venv-pyathena" / "bin" / "python")
    parser.add_argument(
        "--pyathena-python",
        type=Path,
        default=Path(theirs),
        metavar="PYTHON",
        help="the Python of an environment with PyAthena (default: %(default)s)",
    )
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "demo", metavar="DIR",
                        help="where the download is kept")  # fmt: skip
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    options = _arguments(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    term = Terminal()
    try:
        run(term, options)
        term.line()
    except DemoError as error:
        term.line()
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything is stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

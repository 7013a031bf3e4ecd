"""The benchmarks: what is run on a side, what is measured, and the target of each number."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from harness import Side, Stub, run_worker
from worker import percentile

Values = dict[str, float]


@dataclass
class Context:
    """What a case may use."""

    stub: Stub
    side: Side
    key: str
    quick: bool
    instructions: bool
    round: int

    @property
    def ours(self) -> bool:
        return self.key == "libathena"

    def work(self, script: str, **arguments: object) -> dict:
        return run_worker(self.side, script, {"port": self.stub.port, **arguments})


@dataclass(frozen=True)
class Measure:
    """A number: lower is better unless the label says more. target is what ours must reach, as
    text."""

    key: str
    label: str
    unit: str
    target: str = ""


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    run: Callable[[Context], Values]
    measures: tuple[Measure, ...]
    rounds: int = 3
    sides: tuple[str, ...] = ("pyathena", "libathena")
    note: str = ""


def total_calls(stub: Stub) -> int:
    """Athena calls since the reset, refused ones too."""
    return sum(n for api, n in stub.stats()["calls"].items() if not api.startswith("S3."))


def run_latency(context: Context) -> Values:
    count = 6 if context.quick else 20
    picks = random.Random(1000 + context.round)
    durations = [round(picks.uniform(100, 3000)) for _ in range(count)]
    context.stub.reset()
    result = context.work("worker_latency.py", durations_ms=durations)
    ends = {query["id"]: query["end"] for query in context.stub.stats()["queries"]}
    beyond = [(1e3 * (finish - ends[query]), ms) for query, ms, finish in result["finished"]]
    shares = [max(0.0, late - 10) / ms * 100 for late, ms in beyond]
    return {
        "median_ms": median(late for late, _ in beyond),
        "median_share": median(shares),
        "p95_share": percentile(shares, 95),
    }


def run_latency_short(context: Context) -> Values:
    durations = [300] * (3 if context.quick else 8)
    context.stub.reset()
    result = context.work("worker_latency.py", durations_ms=durations)
    calls = total_calls(context.stub) - warm_up_calls(context.stub)
    ends = {query["id"]: query["end"] for query in context.stub.stats()["queries"]}
    late = [1e3 * (finish - ends[query]) for query, _, finish in result["finished"]]
    return {"median_ms": median(late), "calls": calls / len(durations)}


def warm_up_calls(stub: Stub) -> int:
    """Calls of the warm-up query: start, its looks, one page."""
    return 2 + stub.stats()["queries"][0]["looks"]


def concurrency(queries: int) -> Callable[[Context], Values]:
    def run(context: Context) -> Values:
        context.stub.reset(quota="aws-status")
        result = context.work("worker_concurrency.py", queries=queries, run_ms=2000)
        calls = total_calls(context.stub) - warm_up_calls(context.stub)
        return {
            "beyond_p99_s": result["beyond_p99_s"],
            "calls": calls / queries,
            "cpu_ms": result["cpu_ms"],
            "threads": result["threads"],
            "lost": result["lost"],
        }

    return run


def run_ten_thousand(context: Context) -> Values:
    queries = 1000 if context.quick else 10000
    context.stub.reset(quota="aws-status")
    result = context.work("worker_concurrency.py", queries=queries, run_ms=2000)
    stats = context.stub.stats()
    # One look at each query after its end: bursts of 40 batches of 50 and 200 single looks, then
    # 20 batches and 100 looks a second.
    quota_s = 2 + max(0.0, (queries - 40 * 50 - 200) / (20 * 50 + 100))
    return {
        "total_s": result["total_s"],
        "times_quota": result["total_s"] / quota_s,
        "cpu_ms": result["cpu_ms"],
        "threads": result["threads"],
        "connections": stats["connections"]["max"],
        "refused": sum(stats["refused"].values()),
        "lost": result["lost"],
    }


def run_throttle(context: Context) -> Values:
    queries = 100 if context.quick else 300
    context.stub.reset(quota="aws")
    result = context.work("worker_concurrency.py", queries=queries, run_ms=2000)
    refused = context.stub.stats()["refused"]
    return {
        "total_s": result["total_s"],
        "refused": sum(refused.values()),
        "lost": result["lost"],
        "quota_s": 2 + (queries - 80) / 20,
    }


def rows(fetch: str, shape: str = "mixed", scale: float = 1.0) -> Callable[[Context], Values]:
    def run(context: Context) -> Values:
        count = int((1_000_000 if context.ours else 100_000) * scale)
        if context.quick:
            count //= 5
        arguments = {"fetch": fetch, "shape": shape, "rows": count}
        context.stub.reset()
        cpu = context.work("worker_rows.py", mode="cpu", **arguments)
        lag = context.work("worker_rows.py", mode="lag", **arguments)
        values = {
            "cpu_us": cpu["cpu_us"],
            "wall_us": cpu["wall_us"],
            "lag_p99_ms": lag["lag_p99_ms"],
            "lag_max_ms": lag["lag_max_ms"],
            "idle_p99_ms": lag["idle_p99_ms"],
            "idle_max_ms": lag["idle_max_ms"],
            "late_share": lag["lag_late_share"] * 100,
        }
        if context.instructions:
            values["instructions"] = count_instructions(context, arguments)
        return values

    return run


def run_far(context: Context) -> Values:
    count = (1_000_000 if context.ours else 100_000) // (5 if context.quick else 1)
    with context.stub.slow(latency_ms=20, s3_latency_ms=20, s3_mbps=90):
        result = run_worker(
            context.side,
            "worker_rows.py",
            {
                "port": context.stub.port,
                "mode": "cpu",
                "fetch": "tuple",
                "shape": "mixed",
                "rows": count,
            },
            s3_endpoint=f"http://127.0.0.1:{context.stub.port}",
        )
        stats = context.stub.stats()
    return {
        "million_s": result["wall_us"],
        "cpu_us": result["cpu_us"],
        "pages": (stats["calls"]["GetQueryResults"] - 1) * 1_000_000 / count,
        "gets": stats["calls"]["S3.GetObject"],
    }


def count_instructions(context: Context, arguments: dict) -> float:
    """Instructions a row: the whole process less one that reads a single row."""
    totals = [
        run_worker(
            context.side,
            "worker_rows.py",
            {"port": context.stub.port, "mode": "cpu", **arguments, "rows": count},
            instructions=True,
        )["instructions"]
        for count in (arguments["rows"], 1)
    ]
    return (totals[0] - totals[1]) / arguments["rows"]


def run_memory(context: Context) -> Values:
    count = 300_000 if context.ours else 60_000
    if context.quick:
        count //= 5
    context.stub.reset()
    result = context.work("worker_rows.py", mode="memory", fetch="tuple", shape="mixed", rows=count)
    return {"beyond_mib": result["peak_mib"] - result["objects_mib"]}


def run_memory_iterate(context: Context) -> Values:
    count = 10_000_000 if context.ours else 60_000
    if context.quick:
        count //= 10
    context.stub.reset()
    result = context.work(
        "worker_rows.py", mode="memory", fetch="iterate", shape="mixed", rows=count
    )
    return {"peak_mib": result["peak_mib"]}


def run_import(context: Context) -> Values:
    context.stub.reset()
    results = [context.work("worker_import.py") for _ in range(3 if context.quick else 7)][1:]
    return {
        "import_ms": median(result["import_ms"] for result in results),
        "modules": results[0]["modules"],
        "modules_used": results[0]["modules_used"],
        "cold_ms": median((r["first_row"] - r["spawned"]) * 1e3 for r in results),
    }


CONCURRENCY = (
    Measure("calls", "API calls a query", "", "<= 2.5"),
    Measure("cpu_ms", "CPU a query", "ms", "<= 0.2"),
    Measure("threads", "OS threads", "", "2"),
    Measure("lost", "queries lost", "", "0"),
)

ROW_LAG = (
    Measure("lag_p99_ms", "loop lag p99", "ms", "<= 2"),
    Measure("idle_p99_ms", "idle loop's lag p99", "ms"),
    Measure("lag_max_ms", "loop lag max", "ms"),
    Measure("idle_max_ms", "idle loop's lag max", "ms"),
    Measure("late_share", "time the loop was late", "%"),
    Measure("instructions", "instructions a row", ""),
)

ROW_NOTE = "PyAthena reads a tenth of the rows; numbers are a row"


def row_measures(cpu: str, wall: str = "") -> tuple[Measure, ...]:
    return (
        Measure("cpu_us", "CPU a row", "us", cpu),
        Measure("wall_us", "time a row", "us", wall),
        *ROW_LAG,
    )


CASES = (
    Case(
        "latency",
        "Queries of 0.1-3 s one by one, defaults",
        run_latency,
        (
            Measure("median_ms", "time beyond the query, median", "ms"),
            Measure("median_share", "less 10 ms, of its duration, median", "%", "<= 12"),
            Measure("p95_share", "less 10 ms, of its duration, p95", "%", "<= 25"),
        ),
    ),
    Case(
        "latency300",
        "Queries of 300 ms one by one",
        run_latency_short,
        (
            Measure("median_ms", "time beyond the query, median", "ms"),
            Measure("calls", "API calls a query", "", "<= 12"),
        ),
    ),
    Case(
        "concurrency100",
        "100 queries of 2 s at once, status quotas",
        concurrency(100),
        (Measure("beyond_p99_s", "time beyond 2 s, p99", "s", "<= 0.15"), *CONCURRENCY),
    ),
    Case(
        "concurrency1000",
        "1,000 queries of 2 s at once, status quotas",
        concurrency(1000),
        (Measure("beyond_p99_s", "time beyond 2 s, p99", "s", "<= 1.0"), *CONCURRENCY),
    ),
    Case(
        "concurrency10000",
        "10,000 queries of 2 s at once, status quotas",
        run_ten_thousand,
        (
            Measure("total_s", "all finished after", "s"),
            Measure("times_quota", "of the least time the quota allows", "x"),
            Measure("cpu_ms", "CPU a query", "ms"),
            Measure("threads", "OS threads", "", "2"),
            Measure("connections", "connections at most", ""),
            Measure("refused", "calls refused", ""),
            Measure("lost", "queries lost", "", "0"),
        ),
        rounds=1,
        sides=("libathena",),
    ),
    Case(
        "throttle",
        "300 queries of 2 s, every API at AWS's default quota",
        run_throttle,
        (
            Measure("total_s", "all finished after", "s", "<= 13.6"),
            Measure("quota_s", "least time the quota allows", "s"),
            Measure("refused", "calls refused", "", "<= 20"),
            Measure("lost", "queries lost", "", "0"),
        ),
    ),
    Case(
        "rows",
        "1,000,000 rows x 10 by pages, fetchall() of tuples",
        rows("tuple"),
        row_measures("<= 2.0"),
        note=ROW_NOTE,
    ),
    Case(
        "dicts",
        "1,000,000 rows x 10 by pages, fetchall() of dicts",
        rows("dict"),
        row_measures(""),
        note=ROW_NOTE,
    ),
    Case(
        "iterate",
        "1,000,000 rows x 10 by pages, async for",
        rows("iterate"),
        row_measures("<= 2.0"),
        note=ROW_NOTE,
    ),
    Case(
        "nested",
        "300,000 rows x 12 by pages, array and json among them",
        rows("tuple", "nested", 0.3),
        row_measures(""),
        note=ROW_NOTE,
    ),
    Case(
        "far",
        "1,000,000 rows x 10 with objects in reach: 20 ms a request, 90 MB/s a connection",
        run_far,
        (
            Measure("million_s", "time of 1,000,000 rows", "s", "<= 2.2"),
            Measure("cpu_us", "CPU a row", "us", "<= 1.5"),
            Measure("pages", "pages of 1,000,000 rows", ""),
            Measure("gets", "object requests", ""),
        ),
        note="PyAthena reads a tenth of the rows",
    ),
    Case(
        "memory",
        "Peak memory of fetchall()",
        run_memory,
        (Measure("beyond_mib", "peak over idle beyond the rows", "MiB"),),
        note="300,000 rows; PyAthena 60,000",
    ),
    Case(
        "memory10m",
        "Peak memory of async for over 10,000,000 rows",
        run_memory_iterate,
        (Measure("peak_mib", "peak over idle", "MiB"),),
        rounds=1,
        note="PyAthena reads 60,000 rows",
    ),
    Case(
        "import",
        "Import of the asyncio cursor, cold start",
        run_import,
        (
            Measure("import_ms", "beyond asyncio, datetime, decimal", "ms", "<= 25"),
            Measure("modules", "modules loaded by it", ""),
            Measure("modules_used", "modules loaded at the first row", ""),
            Measure("cold_ms", "process start to first row", "ms", "<= 80"),
        ),
    ),
)

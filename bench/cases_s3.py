"""The benchmarks of the file systems: what each S3 client is made to do, and what is measured."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from statistics import median

from cases import Case, Context, Measure, Values
from harness import BenchError, run_worker

MIB, GIB = 1 << 20, 1 << 30
SIDES = ("libathena", "pyathena", "s3fs", "obstore", "boto3")
LATENCY_MS, MBPS = 20, 90


def endpoint(context: Context, tls: bool) -> str:
    stub = context.stub
    return f"https://127.0.0.1:{stub.tls_port}" if tls else f"http://127.0.0.1:{stub.port}"


def work(
    context: Context,
    kind: str,
    *,
    size: int = 0,
    count: int = 0,
    passes: int = 1,
    lag: bool = True,
    tls: bool = False,
) -> dict:
    """One worker; its result with the passes taken apart."""
    return run_worker(
        context.side,
        "worker_s3.py",
        {
            "client": context.key,
            "endpoint": endpoint(context, tls),
            "plain": endpoint(context, False),
            "certificate": str(context.stub.certificate) if tls else None,
            "work": kind,
            "size": size,
            "count": count,
            "passes": passes,
            "lag": lag,
        },
    )


def beside(result: dict) -> Values:
    """What the pass beside the heartbeat told."""
    kept = ("lag_p99_ms", "lag_max_ms", "idle_p99_ms", "hold_p99_ms", "hold_max_ms", "threads")
    return {key: result[key] for key in kept if key in result}


def whole(kind: str, size: int, *, passes: int, tls: bool = False) -> Callable[[Context], Values]:
    """A large object at once; the pass of the least CPU time counts."""

    def run(context: Context) -> Values:
        bytes_ = size // 8 if context.quick else size
        context.stub.reset()
        if context.key == "libcurl":
            return bare(context, bytes_, passes)
        result = work(context, kind, size=bytes_, passes=passes, tls=tls)
        best = min(result["passes"], key=lambda values: values["cpu_s"])
        kept = bytes_ / MIB if kind == "get" else 0
        peak = max(values["peak_mib"] for values in result["passes"])
        return {
            "cpu_s": best["cpu_s"],
            "wall_s": best["wall_s"],
            "beyond_mib": peak - kept,
            **beside(result),
        }

    return run


def bare(context: Context, size: int, passes: int) -> Values:
    """libcurl alone, into huge pages and into plain ones."""

    def read(pages: str) -> dict:
        url = f"{endpoint(context, False)}/bench/gen/{size}/object"
        words = [context.side.python, url, str(size), str(passes), "16", pages]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise BenchError(f"libcurl: {done.stderr.strip()}")
        return json.loads(done.stdout)

    best, plain = read("huge"), read("plain")
    return {"cpu_s": best["cpu_s"], "wall_s": best["wall_s"], "plain_cpu_s": plain["cpu_s"]}


def run_get_slow(context: Context) -> Values:
    size = GIB // 4 if context.quick else GIB
    with context.stub.slow(s3_latency_ms=LATENCY_MS, s3_mbps=MBPS):
        if context.key == "libcurl":
            wall = bare(context, size, 2)["wall_s"]
        else:
            result = work(context, "get", size=size, passes=2, lag=False)
            wall = min(result["passes"], key=lambda values: values["cpu_s"])["wall_s"]
    return {"mbps": size / wall / 1e6}


def run_copy(context: Context) -> Values:
    with context.stub.slow(s3_latency_ms=LATENCY_MS):
        result = work(context, "copy", size=6 * GIB, passes=3)
        calls = context.stub.stats()["calls"]
    passes = result["passes"]
    return {
        "wall_s": median(values["wall_s"] for values in passes),
        "cpu_s": median(values["cpu_s"] for values in passes),
        "parts": calls["S3.UploadPartCopy"] / (len(passes) + 1),
        **beside(result),
    }


def many(
    kind: str, count: int, *, size: int = 0, passes: int = 3, tls: bool = False
) -> Callable[[Context], Values]:
    """Many small operations; CPU of the first pass apart, because it opens the connections."""

    def run(context: Context) -> Values:
        number = count // 10 if context.quick else count
        context.stub.reset()
        result = work(context, kind, size=size, count=number, passes=passes, tls=tls)
        stats = context.stub.stats()
        first, *later = result["passes"]
        return {
            "cpu_us": median(values["cpu_s"] for values in later) / number * 1e6,
            "first_us": first["cpu_s"] / number * 1e6,
            "wall_us": median(values["wall_s"] for values in later) / number * 1e6,
            "cpu_s": median(values["cpu_s"] for values in later),
            "wall_s": median(values["wall_s"] for values in later),
            "sockets": stats["connections"]["max"],
            "lost": 0 if kind != "delete" else number * (passes + 1) - stats["deleted"],
            **beside(result),
        }

    return run


def run_small_far(context: Context) -> Values:
    count = 300 if context.quick else 1000
    values: Values = {}
    for kind in ("put", "get"):
        with context.stub.slow(s3_latency_ms=LATENCY_MS):
            result = work(context, f"small_{kind}", count=count, passes=3, lag=False)
            sockets = context.stub.stats()["connections"]["max"]
        wall = median(found["wall_s"] for found in result["passes"][1:])
        values[f"{kind}_s"] = wall
        values[f"{kind}_rate"] = count / wall
        values[f"{kind}_share"] = count / wall / (sockets / LATENCY_MS * 1e3) * 100
        values["sockets"] = sockets
    return values


LAG = (
    Measure("lag_p99_ms", "loop lag p99", "ms", "<= 2"),
    Measure("lag_max_ms", "loop lag max", "ms"),
    Measure("idle_p99_ms", "idle loop's lag p99", "ms"),
    Measure("hold_p99_ms", "CPU between two beats p99", "ms"),
    Measure("hold_max_ms", "CPU between two beats max", "ms", "<= 10"),
    Measure("threads", "OS threads", ""),
)


def bulk(cpu: str = "", memory: str = "<= 64") -> tuple[Measure, ...]:
    return (
        Measure("cpu_s", "CPU", "s", cpu),
        Measure("plain_cpu_s", "CPU without huge pages", "s"),
        Measure("wall_s", "time", "s"),
        Measure("beyond_mib", "peak memory beyond the object", "MiB", memory),
        *LAG,
    )


def small(cpu: str) -> tuple[Measure, ...]:
    return (
        Measure("cpu_us", "CPU an operation", "us", cpu),
        Measure("first_us", "in the first pass, which connects", "us"),
        Measure("wall_us", "time an operation", "us"),
        Measure("sockets", "sockets", "", "<= 64"),
        *LAG,
    )


def batch(cpu: str) -> tuple[Measure, ...]:
    return (
        Measure("cpu_s", "CPU", "s", cpu),
        Measure("wall_s", "time", "s"),
        Measure("lost", "not done", "", "0"),
        *LAG,
    )


CASES = (
    Case(
        "get_1g",
        "GET of 1 GiB into one bytes object",
        whole("get", GIB, passes=4),
        bulk("<= 1.15x libcurl"),
        sides=(*SIDES, "libcurl"),
    ),
    Case(
        "get_1g_https",
        "GET of 1 GiB into one bytes object, https",
        whole("get", GIB, passes=3, tls=True),
        bulk(""),
        sides=SIDES,
    ),
    Case(
        "get_1g_slow",
        "GET of 1 GiB from a server of 20 ms and 90 MB/s a connection",
        run_get_slow,
        (Measure("mbps", "rate (more is better)", "MB/s", ">= 670"),),
        rounds=1,
        sides=(*SIDES, "libcurl"),
    ),
    Case(
        "stream_1g",
        "1 GiB as a stream, read in order by 1 MiB",
        whole("stream", GIB, passes=3),
        bulk("", memory="constant"),
        sides=SIDES,
    ),
    Case(
        "put_1g",
        "PUT of 1 GiB from memory, http",
        whole("put", GIB, passes=3),
        bulk("<= 1.5"),
        sides=SIDES,
    ),
    Case(
        "put_1g_https",
        "PUT of 1 GiB from memory, https",
        whole("put", GIB, passes=3, tls=True),
        bulk("<= 1.0"),
        sides=SIDES,
    ),
    Case(
        "copy_6g",
        "Copy of 6 GiB in a server of 20 ms",
        run_copy,
        (
            Measure("wall_s", "time", "s", "<= PyAthena"),
            Measure("cpu_s", "CPU", "s"),
            Measure("parts", "UploadPartCopy calls", ""),
            *LAG,
        ),
        sides=SIDES,
        note="obstore cannot: over 5 GiB",
    ),
    Case(
        "small_put",
        "1,000 PUTs of 4 KiB at once, http",
        many("small_put", 1000),
        small("<= 90"),
        sides=SIDES,
    ),
    Case(
        "small_put_https",
        "1,000 PUTs of 4 KiB at once, https",
        many("small_put", 1000, tls=True),
        small("<= 110"),
        sides=SIDES,
    ),
    Case(
        "small_get",
        "1,000 GETs of 4 KiB at once, http",
        many("small_get", 1000),
        small("<= 90"),
        sides=SIDES,
    ),
    Case(
        "small_get_https",
        "1,000 GETs of 4 KiB at once, https",
        many("small_get", 1000, tls=True),
        small("<= 110"),
        sides=SIDES,
    ),
    Case(
        "small_far",
        "1,000 of 4 KiB at once, a server of 20 ms",
        run_small_far,
        (
            Measure("put_s", "PUTs, time", "s"),
            Measure("put_share", "of sockets / latency (more is better)", "%", ">= 80"),
            Measure("get_s", "GETs, time", "s"),
            Measure("get_share", "of sockets / latency (more is better)", "%", ">= 80"),
            Measure("sockets", "sockets", ""),
        ),
        sides=SIDES,
    ),
    Case(
        "ranges_64k",
        "1,000 random ranges of 64 KiB of one object",
        many("ranges", 1000, size=GIB),
        small("<= 150"),
        sides=SIDES,
    ),
    Case(
        "list_100k",
        "List of 100,000 keys",
        many("list", 100_000),
        batch("<= 0.5"),
        sides=SIDES,
    ),
    Case(
        "delete_20k",
        "Deletion of 20,000 keys",
        many("delete", 20_000),
        batch("<= 0.1"),
        sides=SIDES,
    ),
)

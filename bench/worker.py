"""What the workers share. A worker runs in a process of its own, gets one JSON object as its only
argument and prints one JSON object. It must import nothing that a client under test could be
charged for, so this file keeps to the standard library."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any


def arguments() -> dict[str, Any]:
    """The JSON object given on the command line."""
    return json.loads(sys.argv[1])


def report(**values: Any) -> None:
    """Prints the result, with the version of the package that was measured."""
    import pyathena

    print(json.dumps({**values, "version": pyathena.__version__, "file": pyathena.__file__}))


def connect_args(port: int) -> dict[str, Any]:
    """Arguments of aio_connect() that reach the stub; all else stays at its default."""
    return {
        "endpoint_url": f"http://127.0.0.1:{port}",
        "region_name": "us-east-1",
        "aws_access_key_id": "stub",
        "aws_secret_access_key": "stub",
        "s3_staging_dir": "s3://stub-results/bench/",
    }


def percentile(values: list[float], percent: float) -> float:
    """Nearest-rank percentile; 0.0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def status_kib(field: str) -> int:
    """A memory field of /proc/self/status, in KiB."""
    return int(_status(field).split()[0])


def thread_count() -> int:
    """OS threads of this process, the main one included."""
    return int(_status("Threads"))


def _status(field: str) -> str:
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name == field:
                return value.strip()
    raise LookupError(field)


def reset_peak() -> None:
    """Makes VmHWM start again from what is resident now."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as clear_refs:
        clear_refs.write("5")


class Heartbeat:
    """A callback that wants to run every millisecond, and how late it was each time.

    stop() counts the beat that is still due, so that a call which blocks and then returns is
    charged.
    """

    PERIOD = 0.001

    def __init__(self) -> None:
        self.lags: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._started = time.perf_counter()
        self._seconds = 0.0
        self._arm()

    def _arm(self) -> None:
        self._due = self._loop.time() + self.PERIOD
        self._handle = self._loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        self.lags.append(self._loop.time() - self._due)
        self._arm()

    def stop(self) -> dict[str, float]:
        """Ends it; milliseconds late (p50, p99, max) and the share of time spent late."""
        self._handle.cancel()
        self._seconds = time.perf_counter() - self._started
        self.lags.append(max(0.0, self._loop.time() - self._due))
        return {
            "p50_ms": percentile(self.lags, 50) * 1e3,
            "p99_ms": percentile(self.lags, 99) * 1e3,
            "max_ms": max(self.lags) * 1e3,
            "late_share": sum(self.lags) / self._seconds,
        }

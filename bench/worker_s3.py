"""One kind of S3 work by one client. It is done once or more often ("passes") to measure CPU, time,
memory and threads, and once more beside a heartbeat for the event loop's lag."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import time
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import s3_clients
import worker

PATTERN = 1048583  # after so many bytes a generated object repeats
IDLE_SECONDS = 0.5
SMALL = 4096
RANGE = 64 << 10

Work = Callable[[], Awaitable[Any]]


class Job:
    """The pieces of work by name; each checks what it got."""

    def __init__(self, client: s3_clients.Client, endpoint: str, size: int, count: int) -> None:
        self.client = client
        self.size = size
        self.count = count
        self.key = f"gen/{size}/object"
        self.endpoint = endpoint
        self._passes = 0

    def fetch(self, key: str, last: int) -> bytes:
        """The first bytes of an object, by no client under test."""
        request = urllib.request.Request(
            f"{self.endpoint}/{s3_clients.BUCKET}/{key}", headers={"Range": f"bytes=0-{last}"}
        )
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def get(self) -> Work:
        pattern = self.fetch(self.key, PATTERN - 1)

        async def work() -> Any:
            data = await self.client.get(self.key)
            if len(data) != self.size:
                raise RuntimeError(f"{len(data)} bytes instead of {self.size}")
            view = memoryview(data)
            check(pattern, 0, view)
            check(pattern, self.size // 2, view[self.size // 2 :])
            return data

        return work

    def stream(self) -> Work:
        pattern = self.fetch(self.key, PATTERN - 1)

        async def work() -> Any:
            at = 0

            def take(piece: Any) -> None:
                nonlocal at
                check(pattern, at, memoryview(piece))
                at += len(piece)

            await self.client.stream(self.key, take)
            if at != self.size:
                raise RuntimeError(f"{at} bytes instead of {self.size}")

        return work

    def put(self) -> Work:
        data = random.Random(1).randbytes(1 << 20) * (self.size >> 20)
        return lambda: self.client.put("written", data)

    def copy(self) -> Work:
        return lambda: self.client.copy(self.key, "copied")

    def small_put(self) -> Work:
        data = random.Random(1).randbytes(SMALL)

        async def work() -> Any:
            self._passes += 1
            keys = [f"small/{self._passes}/{number}" for number in range(self.count)]
            await asyncio.gather(*(self.client.put(key, data) for key in keys))

        return work

    def small_get(self) -> Work:
        async def work() -> Any:
            keys = [f"gen/{SMALL}/{number}" for number in range(self.count)]
            objects = await asyncio.gather(*(self.client.get(key) for key in keys))
            if any(len(data) != SMALL for data in objects):
                raise RuntimeError("an object is too short")

        return work

    def ranges(self) -> Work:
        picks = random.Random(1)
        starts = [picks.randrange(self.size - RANGE) for _ in range(self.count)]
        ends = [start + RANGE for start in starts]
        pattern = self.fetch(self.key, PATTERN - 1)

        async def work() -> Any:
            pieces = await self.client.ranges(self.key, starts, ends)
            for start, piece in zip(starts, pieces, strict=True):
                if len(piece) != RANGE:
                    raise RuntimeError(f"{len(piece)} bytes instead of {RANGE}")
                check(pattern, start, memoryview(piece))

        return work

    def list(self) -> Work:
        async def work() -> Any:
            # another folder each time, so that no client answers from its cache
            expected = self.count + self._passes
            self._passes += 1
            found = await self.client.list(f"list/{expected}/")
            if found != expected:
                raise RuntimeError(f"{found} keys instead of {expected}")

        return work

    def delete(self) -> Work:
        keys = [f"list/{self.count}/part-{number:08}.parquet" for number in range(self.count)]
        return lambda: self.client.delete(keys)


def check(pattern: bytes, at: int, piece: memoryview) -> None:
    """Whether a piece of a generated object begins as it must."""
    at %= PATTERN
    expected = pattern[at : at + 64]
    if bytes(piece[: len(expected)]) != expected[: len(piece)]:
        raise RuntimeError(f"wrong bytes, expected those of offset {at} mod {PATTERN}")


class Threads:
    """The most OS threads at a few moments of the work."""

    def __init__(self) -> None:
        self.most = worker.thread_count()

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            self.most = max(self.most, worker.thread_count())


class Beats(worker.Heartbeat):
    """A heartbeat that also takes the CPU time of the loop's thread from beat to beat: how long the
    loop was held, whatever else the machine does."""

    def __init__(self) -> None:
        self.holds: list[float] = []
        self._used = time.thread_time()
        super().__init__()

    def _beat(self) -> None:
        used = time.thread_time()
        self.holds.append(used - self._used)
        self._used = used
        super()._beat()

    def stop(self) -> dict[str, float]:
        self.holds.append(time.thread_time() - self._used)
        return super().stop()


async def measure(work: Work) -> dict[str, float]:
    gc.collect()
    worker.reset_peak()
    start = worker.status_kib("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    kept = await work()
    cpu = time.process_time() - cpu
    wall = time.perf_counter() - wall
    peak = worker.status_kib("VmHWM")
    del kept
    return {"cpu_s": cpu, "wall_s": wall, "peak_mib": (peak - start) / 1024}


async def measure_lag(work: Work) -> dict[str, float]:
    heartbeat = worker.Heartbeat()
    await asyncio.sleep(IDLE_SECONDS)
    idle = heartbeat.stop()
    heartbeat, threads = Beats(), Threads()
    watch = asyncio.create_task(threads.watch())
    kept = await work()
    busy = heartbeat.stop()
    watch.cancel()
    del kept
    return {
        "threads": max(threads.most, worker.thread_count()),
        "lag_p99_ms": busy["p99_ms"],
        "lag_max_ms": busy["max_ms"],
        "idle_p99_ms": idle["p99_ms"],
        "hold_p99_ms": worker.percentile(heartbeat.holds, 99) * 1e3,
        "hold_max_ms": max(heartbeat.holds) * 1e3,
    }


async def main(
    client: str,
    endpoint: str,
    plain: str,
    certificate: str | None,
    work: str,
    size: int,
    count: int,
    passes: int,
    lag: bool,
) -> None:
    opened = await s3_clients.open_client(client, endpoint, certificate)
    try:
        await opened.get("gen/1/warm-up")
        job = Job(opened, plain, size, count)
        run = getattr(job, work)()
        found = [await measure(run) for _ in range(passes)]
        beside = await measure_lag(run) if lag else {}
    finally:
        await opened.close()
    print(json.dumps({"passes": found, **beside}), flush=True)
    os._exit(0)  # some clients abort when the interpreter ends


asyncio.run(main(**worker.arguments()))

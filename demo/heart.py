"""A task that beats on an event loop and notes how late each beat comes.

Run as a program it beats with nothing beside it until standard input is closed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

BEAT = 0.005  # seconds


class Heart:
    """Beats between entry and exit. Lateness is in seconds."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self.worst = 0.0
        self.threads = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            due = time.perf_counter() + BEAT
            await asyncio.sleep(BEAT)
            self.late.append(max(time.perf_counter() - due, 0.0))
            self.worst = max(self.worst, self.late[-1])
            self.threads = max(self.threads, thread_count())

    def quantile(self, part: float) -> float:
        """The lateness that ``part`` of the beats did not exceed."""
        ordered = sorted(self.late)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0

    @property
    def median(self) -> float:
        return self.quantile(0.5)


def thread_count() -> int:
    """Threads of the process, also those that Python does not know."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()


async def main() -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(0, ended.set)
    async with Heart() as heart:
        print("beating", flush=True)
        await ended.wait()
        loop.remove_reader(0)
    print(json.dumps({"worst": heart.worst, "median": heart.median}))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""A task that beats on an event loop and notes how late each beat comes."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

BEAT = 0.005  # seconds


class Heart:
    """Beats between entry and exit.

    ``worst`` is the latest beat's lateness in seconds. On a busy machine most of it is the wait for
    a processor; ``own`` is the worst that this process's own work, in any thread, can have caused:
    of each beat the lateness or the processor time used since the beat before, whichever is less.
    """

    def __init__(self) -> None:
        self.worst = 0.0
        self.own = 0.0
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
            due, used = time.perf_counter() + BEAT, time.process_time()
            await asyncio.sleep(BEAT)
            late = max(time.perf_counter() - due, 0.0)
            self.worst = max(self.worst, late)
            self.own = max(self.own, min(late, time.process_time() - used))
            self.threads = max(self.threads, thread_count())


def thread_count() -> int:
    """Threads of the process, also those that Python does not know."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()

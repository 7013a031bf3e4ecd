"""KeyboardInterrupt at any step of the package's code on the loop's thread.

Before Python 3.11, and on loops that ``asyncio.run`` did not make, Ctrl-C raises wherever the main
thread is. A trace function raises here at one step after another.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import athena_local
import harness
import pyathena
import pytest
from pyathena import cursor as blocking
from pyathena.aio import _bridge, common
from pyathena.aio.cursor import AioCursor

pytestmark = pytest.mark.core

FILES = {_bridge.__file__, common.__file__, blocking.__file__}
ENDED = ("CANCELLED", "SUCCEEDED")
#: Whatever hangs is found after so many seconds.
BOUND = 20.0


def is_finalizing(frame: FrameType | None) -> bool:
    """Whether a finalizer runs: what it raises goes nowhere."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


class Steps:
    """Counts the bytecodes of cursors, and interrupts at one of them."""

    def __init__(self, at: int = -1) -> None:
        self.at = at
        self.count = 0
        self.place = ""
        self.armed = True

    def _local(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "opcode" and self.armed:
            self.count += 1
            if self.count == self.at:
                self.place = f"{frame.f_code.co_name}:{frame.f_lineno}+{frame.f_lasti}"
                raise KeyboardInterrupt
        return self._local

    def _global(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in FILES or is_finalizing(frame):
            return None
        frame.f_trace_opcodes = True
        return self._local

    @contextmanager
    def traced(self) -> Iterator[None]:
        before = sys.gettrace()
        sys._getframe().f_trace_opcodes = True  # from 3.12 on, looked at by settrace
        sys.settrace(self._global)
        try:
            yield
        finally:
            sys.settrace(before)

    @property
    def struck(self) -> bool:
        return bool(self.place)


@pytest.fixture
def stride(loop_kind: str) -> int:
    """Each step in the long runs, with the loop whose own code is Python too; else samples."""
    if loop_kind == "asyncio":
        return 1 if os.environ.get("ATHENA_SLOW_TESTS") else 3
    return 7


def every_step(work: Callable[[Steps], None], stride: int) -> int:
    """Does the work again and again, interrupted at the first step, the second (or the one a
    stride later) ..., and at last not at all; how many steps there were."""
    for number in itertools.count(1, stride):
        steps = Steps(number)
        try:
            work(steps)
        except AssertionError as ex:
            raise AssertionError(f"interrupted at {steps.place}: {ex}") from ex
        if not steps.struck:
            return number
    raise AssertionError("no end")


def assert_stopped(
    server: athena_local.Server, known: harness.NewQueries, places: dict[str | None, str]
) -> None:
    """Fails unless all new queries are stopped; names the places of those that are not."""
    left: list[str] = []

    def all_stopped() -> bool:
        states = harness.query_states(server)
        left[:] = [id_ for id_ in known.ids() if states.get(id_) not in ENDED]
        return not left

    try:
        harness.wait_until(all_stopped, 15, "all are stopped")
    except AssertionError:
        found = [places.get(id_, "before the id was known") for id_ in left]
        raise AssertionError(f"not stopped, interrupted at {found}") from None


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")  # struck before its first step
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_step_stops_the_query(
    loop_kind: str, stride: int, settings: dict[str, Any], server: athena_local.Server
) -> None:
    """Up to the moment when the query runs and nothing more is to be done."""
    connection = pyathena.connect(**settings)
    known = harness.NewQueries(server)
    places: dict[str | None, str] = {}
    kept: list[Any] = []

    def work(steps: Steps) -> None:
        loop = harness.new_loop(loop_kind)
        try:
            cursor = connection.cursor(AioCursor)

            async def main() -> None:
                task = asyncio.current_task()
                assert task is not None
                end = task.cancel
                loop.call_later(BOUND, loop.stop)

                # The query's start is the last that the loop hears of it.
                def started(_: str) -> None:
                    loop.call_soon(end)

                await cursor.execute(harness.LONG, on_start_query_execution=started)

            with pytest.raises((KeyboardInterrupt, asyncio.CancelledError)) as caught:
                with steps.traced():
                    loop.run_until_complete(main())
            assert steps.struck == (caught.type is KeyboardInterrupt)
            harness.cancel_all(loop, BOUND)
        finally:
            loop.close()
        places[cursor.query_id] = steps.place
        kept.append(cursor)  # the end of its last cursor stops a query too

    assert every_step(work, stride) > 100
    assert_stopped(server, known, places)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_step_loses_no_event(
    loop_kind: str, stride: int, settings: dict[str, Any]
) -> None:
    """The loop may run again afterwards: what waits on it goes on."""
    connection = pyathena.connect(**settings)

    def work(steps: Steps) -> None:
        loop = harness.new_loop(loop_kind)
        try:

            async def ask() -> Any:
                cursor = connection.cursor(AioCursor)
                await cursor.execute("SELECT 1")
                return await cursor.fetchall()

            task = loop.create_task(ask())
            try:
                with steps.traced():
                    loop.run_until_complete(asyncio.wait([task], timeout=BOUND))
            except KeyboardInterrupt:
                assert steps.struck
            loop.run_until_complete(asyncio.wait([task], timeout=BOUND))
            assert task.done(), "the query hangs"
            if not isinstance(task.exception(), KeyboardInterrupt):
                assert task.result() == [(1,)]
        finally:
            loop.close()

    assert every_step(work, stride) > 100


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_a_callback_ends_the_loop(
    loop_kind: str,
    settings: dict[str, Any],
    server: athena_local.Server,
    error: type[BaseException],
) -> None:
    """As in any other callback of the loop; the program's end then stops the query."""
    ids: list[str] = []

    def started(query_id: str) -> None:
        ids.append(query_id)
        raise error

    async def main() -> None:
        cursor = (await pyathena.aio_connect(**settings)).cursor()
        await cursor.execute(harness.LONG, on_start_query_execution=started)

    with pytest.raises(error):
        harness.run_on(loop_kind, main())
    assert len(ids) == 1
    harness.wait_state(server, ids[0], "CANCELLED")


def test_an_interrupt_at_any_step_of_a_blocking_cursor_stops_the_query(
    settings: dict[str, Any], server: athena_local.Server
) -> None:
    connection = pyathena.connect(**settings)
    known = harness.NewQueries(server)
    places: dict[str | None, str] = {}
    kept: list[Any] = []

    def started(_: str) -> None:
        sys.settrace(None)  # one interrupt is enough
        raise KeyboardInterrupt

    def work(steps: Steps) -> None:
        cursor = connection.cursor()
        with pytest.raises(KeyboardInterrupt), steps.traced():
            steps.armed = False
            cursor.execute("SELECT 1")  # Python 3.13 traces a function's bytecodes from its second
            steps.armed = True  # call on
            cursor.execute(harness.LONG, on_start_query_execution=started)
        places[cursor.query_id] = steps.place
        kept.append(cursor)  # the end of its last cursor stops a query too

    assert every_step(work, 1) > 100
    assert_stopped(server, known, places)

"""Awaitables over rows: slices, budgets, waiting, cancellation, on asyncio and uvloop."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from fakelib import INT64, TEXT, Bridge, Script, column, core, numbers

Run = Callable[[Callable[[], Any]], Any]


def test_fetch_one_many_all(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        rows = core.Rows(numbers(500, queue=bridge.queue).finish().query)
        assert await rows.fetch_one(bridge) == (0,)
        assert await rows.fetch(2, bridge) == [(1,), (2,)]
        assert await rows.fetch(0, bridge) == []
        assert [row[0] for row in await rows.fetch(None, bridge)] == list(range(3, 500))
        assert await rows.fetch_one(bridge) is None
        assert await rows.fetch(5, bridge) == []
        assert await rows.fetch(None, bridge) == []
        assert rows.rownumber == 500
        bridge.close()

    run(main)


def test_tuple_result_is_not_taken_apart() -> None:
    """A row goes through StopIteration whole, also when it looks like its arguments."""
    script = Script().columns("a", "b").push(1, column(INT64, [1]), column(INT64, [2])).finish()
    rows = core.Rows(script.query)

    class Loop:
        def call_soon(self, function: Any) -> None:
            pass

    class Plain:
        budget = core.LoopBudget(Loop())

    with pytest.raises(StopIteration) as info:
        next(rows.fetch_one(Plain()))
    assert info.value.value == (1, 2)


def test_async_for(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        script = numbers(300, queue=bridge.queue)
        script.push(300, column(INT64, list(range(300, 600)))).finish()
        rows = core.Rows(script.query)
        seen = [row[0] async for row in rows.iterate(bridge)]
        assert seen == list(range(600))
        assert [row async for row in rows.iterate(bridge)] == []
        bridge.close()

    run(main)


def test_anext_is_usable_from_a_python_class(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        rows = core.Rows(numbers(100, queue=bridge.queue).finish().query)

        class Cursor:
            def __aiter__(self) -> Cursor:
                return self

            def __anext__(self) -> Any:
                return rows.anext(bridge)

        assert [row[0] async for row in Cursor()] == list(range(100))
        with pytest.raises(StopAsyncIteration):
            await Cursor().__anext__()
        bridge.close()

    run(main)


def test_fetch_waits_for_batches(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        script = Script(bridge.queue).columns("n")
        rows = core.Rows(script.query)

        async def feed() -> None:
            for start in range(0, 50, 10):
                await asyncio.sleep(0.002)
                script.push(10, column(INT64, list(range(start, start + 10))))
            await asyncio.sleep(0.002)
            script.finish()

        task = asyncio.ensure_future(feed())
        assert [row[0] for row in await rows.fetch(15, bridge)] == list(range(15))
        assert [row[0] async for row in rows.iterate(bridge)] == list(range(15, 50))
        assert bridge.waits >= 3
        await task
        bridge.close()

    run(main)


def test_long_fetch_lets_the_loop_run(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge(budget_ns=100_000)
        script = Script(bridge.queue).columns("t")
        script.push(20000, column(TEXT, [f"text number {i}" for i in range(20000)])).finish()
        rows = core.Rows(script.query, converters=[lambda text: text.upper()])
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(count())
        assert len(await rows.fetch(None, bridge)) == 20000
        assert turns >= 10
        task.cancel()
        bridge.close()

    run(main)


def test_budget_is_shared_and_fair(run: Run) -> None:
    """Eight fetches together take one budget an iteration, and all move on together."""

    async def main() -> None:
        bridge = Bridge(budget_ns=100_000)

        def slow(text: str) -> str:
            until = time.perf_counter_ns() + 20_000
            while time.perf_counter_ns() < until:
                pass
            return text

        ended: list[int] = []
        starts: list[float] = []

        async def fetch(index: int) -> None:
            script = Script(bridge.queue).columns("t").push(60, column(TEXT, ["x"] * 60)).finish()
            rows = core.Rows(script.query, converters=[slow])
            assert len(await rows.fetch(None, bridge)) == 60
            ended.append(index)
            starts.append(time.perf_counter())

        turns: list[float] = []

        async def watch() -> None:
            while len(ended) < 8:
                turns.append(time.perf_counter())
                await asyncio.sleep(0)

        begin = time.perf_counter()
        await asyncio.gather(*(fetch(i) for i in range(8)), watch())
        whole = time.perf_counter() - begin
        # 8 x 60 x 20 us are 9.6 ms of work in slices of 0.1 ms.
        assert len(turns) >= 20
        # The first to end does so late: nobody was served to the end before the others.
        assert starts[0] - begin > whole * 0.4
        bridge.close()

    run(main)


def test_budget_is_spent_by_async_for_too(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge(budget_ns=50_000)
        script = Script(bridge.queue).columns("t").push(3000, column(TEXT, ["x"] * 3000)).finish()
        rows = core.Rows(script.query, converters=[lambda text: text * 50])
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(count())
        seen = 0
        async for _ in rows.iterate(bridge):
            seen += 1
        assert seen == 3000
        assert turns >= 3
        task.cancel()
        bridge.close()

    run(main)


def test_abandoned_fetch_does_not_hold_up_others(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge(budget_ns=1)
        first = core.Rows(numbers(5000, queue=bridge.queue).finish().query)
        abandoned = first.fetch(None, bridge)
        while abandoned.send(None) is not None:
            pass
        while True:  # until it stands in the line
            if abandoned.send(None) is None:
                break
        second = core.Rows(numbers(5000, queue=bridge.queue).finish().query)
        assert len(await asyncio.wait_for(second.fetch(None, bridge), 10)) == 5000
        del abandoned
        assert len(await first.fetch(None, bridge)) == 5000
        bridge.close()

    run(main)


# -- cancellation ------------------------------------------------------------


def test_cancel_while_waiting_keeps_gathered_rows(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        script = numbers(100, queue=bridge.queue)
        rows = core.Rows(script.query)
        for fetch in (rows.fetch(None, bridge), rows.fetch(500, bridge)):

            async def wait(fetch: Any = fetch) -> Any:
                return await fetch

            task = asyncio.ensure_future(wait())
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert rows.rownumber == 0
        script.push(1, column(INT64, [100])).finish()
        assert await rows.fetch_one(bridge) == (0,)
        assert [row[0] for row in await rows.fetch(None, bridge)] == list(range(1, 101))
        bridge.close()

    run(main)


def test_cancel_in_a_yield_keeps_gathered_rows(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge(budget_ns=1)
        rows = core.Rows(numbers(5000, queue=bridge.queue).finish().query)

        async def fetch() -> Any:
            return await rows.fetch(None, bridge)

        task = asyncio.ensure_future(fetch())
        for _ in range(6):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [row[0] for row in await rows.fetch(None, bridge)] == list(range(5000))
        bridge.close()

    run(main)


def test_cancelled_fetches_at_once_lose_nothing(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        script = numbers(50, queue=bridge.queue)
        rows = core.Rows(script.query)

        async def fetch() -> Any:
            return await rows.fetch(None, bridge)

        tasks = [asyncio.ensure_future(fetch())]
        await asyncio.sleep(0.005)
        tasks.append(asyncio.ensure_future(fetch()))
        await asyncio.sleep(0.005)
        script.push(50, column(INT64, list(range(50, 100))))
        await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        script.finish()
        assert sorted(row[0] for row in await rows.fetch(None, bridge)) == list(range(100))
        bridge.close()

    run(main)


def test_time_out(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        script = numbers(10, queue=bridge.queue)
        rows = core.Rows(script.query)

        async def fetch() -> Any:
            return await rows.fetch(None, bridge)

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(fetch(), 0.01)
        script.finish()
        assert len(await rows.fetch(None, bridge)) == 10
        bridge.close()

    run(main)


def test_close_and_dealloc_keep_gathered_rows(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge(budget_ns=10**10)
        script = numbers(100, queue=bridge.queue)
        rows = core.Rows(script.query)
        fetch = rows.fetch(None, bridge)
        assert fetch.send(None) is not None
        fetch.close()
        with pytest.raises(RuntimeError, match="cannot reuse"):
            fetch.send(None)
        fetch = rows.fetch(None, bridge)
        assert fetch.send(None) is not None
        del fetch
        gc.collect()
        script.finish()
        assert len(await rows.fetch(None, bridge)) == 100
        bridge.close()

    run(main)


def test_throw_into_a_fetch(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge(budget_ns=1)
        rows = core.Rows(numbers(500, queue=bridge.queue).finish().query)
        for thrown in ((ValueError,), (ValueError("v"),), (ValueError, ValueError("v"), None)):
            fetch = rows.fetch(None, bridge)
            fetch.send(None)
            with pytest.raises(ValueError):
                fetch.throw(*thrown)
        with pytest.raises(TypeError):
            rows.fetch(None, bridge).throw(5)
        assert len(await rows.fetch(None, bridge)) == 500
        bridge.close()

    run(main)


def test_awaiting_twice_is_refused(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        rows = core.Rows(numbers(5, queue=bridge.queue).finish().query)
        fetch = rows.fetch(1, bridge)
        await fetch
        with pytest.raises(RuntimeError, match="cannot reuse"):
            await fetch
        bridge.close()

    run(main)


# -- failures ------------------------------------------------------------


def test_failure_while_waiting(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        script = numbers(5, queue=bridge.queue)
        rows = core.Rows(script.query, error_factory=lambda m: LookupError(m and m["message"]))
        asyncio.get_running_loop().call_later(0.01, script.finish, core.ERR_IO, "broken")
        with pytest.raises(LookupError, match="broken"):
            await rows.fetch(None, bridge)
        for again in (rows.fetch_one(bridge), rows.fetch(None, bridge), rows.anext(bridge)):
            with pytest.raises(LookupError, match="None"):
                await again
        bridge.close()

    run(main)


def test_conversion_failure(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        script = Script(bridge.queue).columns("t").push(1, column(TEXT, ["x"])).finish()
        with pytest.raises(ValueError, match="invalid literal"):
            async for _ in core.Rows(script.query, converters=[int]).iterate(bridge):
                pass
        bridge.close()

    run(main)


def test_close_while_a_fetch_waits(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        script = numbers(5, queue=bridge.queue)
        rows = core.Rows(script.query)

        async def fetch() -> Any:
            return await rows.fetch(None, bridge)

        task = asyncio.ensure_future(fetch())
        await asyncio.sleep(0.005)
        rows.close()
        script.finish()
        with pytest.raises(core.CoreError, match="closed"):
            await task
        bridge.close()

    run(main)


def test_bad_bridges() -> None:
    rows = core.Rows(numbers(1).query)

    class Loop:
        def call_soon(self, function: Any) -> None:
            raise OSError("loop is closed")

    class NoBudget:
        budget = 5

    class NoFuture:
        budget = core.LoopBudget(Loop())

        def wait_batch(self, query: Any) -> int:
            return 5

    with pytest.raises(AttributeError):
        rows.fetch(None, object())
    with pytest.raises(TypeError, match="LoopBudget"):
        rows.iterate(NoBudget())
    with pytest.raises(OSError, match="closed"):
        rows.fetch(None, NoFuture()).send(None)
    rows.take()
    with pytest.raises(TypeError, match="must return a future"):
        rows.fetch(None, NoFuture()).send(None)
    with pytest.raises(ValueError, match="budget_ns"):
        core.LoopBudget(Loop(), 0)
    with pytest.raises(AttributeError):
        core.LoopBudget(5)


def test_fetch_objects_are_collected(run: Run) -> None:
    async def main() -> None:
        bridge = Bridge()
        script = numbers(5, queue=bridge.queue)
        rows = core.Rows(script.query)
        fetch = rows.fetch(None, bridge)
        fetch.send(None)

        class Marker:
            pass

        marker = Marker()
        bridge.cycle = (fetch, marker)  # type: ignore[attr-defined]
        gone = weakref.ref(marker)
        bridge.close()
        del bridge, fetch, marker, rows, script
        gc.collect()
        assert gone() is None

    run(main)


def test_two_loops_one_after_the_other() -> None:
    rows = None
    for _ in range(2):

        async def main() -> int:
            nonlocal rows
            bridge = Bridge()
            rows = core.Rows(numbers(1000, queue=bridge.queue).finish().query)
            count = len(await rows.fetch(None, bridge))
            bridge.close()
            return count

        assert asyncio.run(main()) == 1000
    del rows


@pytest.mark.parametrize("collects", [True, False])
def test_fetch_of_containers_holds_the_collector_off(run: Run, collects: bool) -> None:
    """Automatic collection pauses while lists are made, and is afterwards as it was before."""
    states: list[bool] = []

    def convert(text: str) -> list[str]:
        states.append(gc.isenabled())
        return [text]

    async def main() -> None:
        bridge = Bridge()
        script = Script(bridge.queue).columns("t")
        script.push(300, column(TEXT, [str(i) for i in range(300)])).finish()
        rows = core.Rows(script.query, converters=[convert])
        assert await rows.fetch_one(bridge) == (["0"],)
        assert gc.isenabled() is collects
        assert len(await rows.fetch(200, bridge)) == 200
        assert gc.isenabled() is collects
        left = rows.fetch(None, bridge)
        del left  # never awaited
        assert len(await rows.fetch(None, bridge)) == 99
        bridge.close()

    if not collects:
        gc.disable()
    try:
        run(main)
        assert gc.isenabled() is collects
        assert states[-1] is False
    finally:
        gc.enable()


def test_fetch_of_atoms_leaves_the_collector_alone(run: Run) -> None:
    states: list[bool] = []

    def convert(text: str) -> str:
        states.append(gc.isenabled())
        return text

    async def main() -> None:
        bridge = Bridge()
        script = Script(bridge.queue).columns("t")
        script.push(200, column(TEXT, [str(i) for i in range(200)])).finish()
        rows = core.Rows(script.query, converters=[convert])
        assert len(await rows.fetch(None, bridge)) == 200
        bridge.close()

    run(main)
    assert all(states)

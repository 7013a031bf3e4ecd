"""Event loops, threads, forks, freezes: the package works in each and leaves nothing behind."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import os
import selectors
import signal
import threading
import time
from typing import Any

import athena_local
import harness
import pyathena
import pytest

pytestmark = [pytest.mark.core, pytest.mark.loops]


async def ask(settings: dict[str, Any], number: int) -> list[Any]:
    async with await pyathena.aio_connect(**settings) as connection:
        cursor = connection.cursor()
        await cursor.execute(f"SELECT a + {number} FROM many_rows WHERE a < 3 ORDER BY 1")
        rows: list[Any] = await cursor.fetchall()
        return rows


def answer(number: int) -> list[tuple[int]]:
    return [(number,), (number + 1,), (number + 2,)]


def test_several_loops_in_threads_at_once(loop_kind: str, settings: dict[str, Any]) -> None:
    def work(number: int) -> list[Any]:
        async def main() -> list[Any]:
            found = await asyncio.gather(*(ask(settings, number + n) for n in range(4)))
            return [row for rows in found for row in rows]

        return harness.run_on(loop_kind, main())  # type: ignore[no-any-return]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(work, range(0, 600, 100)))
    assert answers == [
        [row for n in range(4) for row in answer(number + n)] for number in range(0, 600, 100)
    ]


def test_run_again_and_again(loop_kind: str, settings: dict[str, Any]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        assert harness.run_on(loop_kind, ask(settings, number)) == answer(number)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 8
    assert threading.active_count() < 10


def test_one_connection_in_one_loop_after_another(loop_kind: str, settings: dict[str, Any]) -> None:
    connection = pyathena.connect(**settings)
    from pyathena.aio.cursor import AioCursor

    async def main(number: int) -> Any:
        cursor = connection.cursor(AioCursor)
        await cursor.execute(f"SELECT {number}")
        return await cursor.fetchone()

    for number in range(3):
        assert harness.run_on(loop_kind, main(number)) == (number,)


def test_rows_read_when_the_loop_is_gone(loop_kind: str, settings: dict[str, Any]) -> None:
    """A cursor of a closed loop fails or answers in another one, but never hangs."""

    async def execute() -> Any:
        connection = await pyathena.aio_connect(**settings)
        cursor = connection.cursor()
        await cursor.execute("SELECT a FROM many_rows ORDER BY a")
        return cursor

    cursor = harness.run_on(loop_kind, execute())

    async def fetch() -> None:
        try:
            rows = await asyncio.wait_for(cursor.fetchall(), 10)
        except (pyathena.Error, RuntimeError):
            return
        assert rows == [(a,) for a in range(10_000)]

    harness.run_on(loop_kind, fetch())


def test_two_loops_take_turns_in_one_thread(loop_kind: str, settings: dict[str, Any]) -> None:
    loops = [harness.new_loop(loop_kind) for _ in range(2)]
    try:
        tasks = [loop.create_task(ask(settings, n)) for n, loop in enumerate(loops)]
        for loop in loops * 3:
            loop.run_until_complete(asyncio.sleep(0.02))
        for number, loop in enumerate(loops):
            assert loop.run_until_complete(tasks[number]) == answer(number)
    finally:
        for loop in loops:
            loop.close()


class NoReaders(asyncio.SelectorEventLoop):
    """As loops that cannot watch descriptors."""

    def add_reader(self, *args: Any) -> Any:
        raise NotImplementedError


def test_a_loop_that_cannot_watch_descriptors(
    settings: dict[str, Any], server: athena_local.Server
) -> None:
    loop = NoReaders(selectors.DefaultSelector())
    try:
        found = loop.run_until_complete(_gather(settings))
        assert found == [answer(n) for n in range(20)]

        async def give_up() -> Any:
            connection = await pyathena.aio_connect(**settings)
            cursor = connection.cursor()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(cursor.execute(harness.LONG), 0.3)
            return cursor.query_id

        harness.wait_state(server, loop.run_until_complete(give_up()), "CANCELLED")
    finally:
        loop.close()


async def _gather(settings: dict[str, Any]) -> list[Any]:
    return list(await asyncio.gather(*(ask(settings, n) for n in range(20))))


def test_the_waiting_thread_ends_with_its_loop(settings: dict[str, Any]) -> None:
    loop = NoReaders(selectors.DefaultSelector())
    assert loop.run_until_complete(ask(settings, 1)) == answer(1)
    assert any(thread.name == "pyathena-events" for thread in threading.enumerate())
    loop.close()
    harness.wait_until(
        lambda: not any(thread.name == "pyathena-events" for thread in threading.enumerate()),
        20,
        "the thread's end",
    )


def test_blocking_cursors_in_sixteen_threads(settings: dict[str, Any]) -> None:
    connection = pyathena.connect(**settings)

    def work(number: int) -> Any:
        cursor = connection.cursor()
        cursor.execute(f"SELECT a + {number} FROM many_rows ORDER BY 1")
        return cursor.fetchall()

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for number, rows in enumerate(pool.map(work, range(32))):
            assert rows == [(number + a,) for a in range(10_000)]


def test_two_hundred_connections_cost_nothing(settings: dict[str, Any]) -> None:
    keep = pyathena.connect(**settings)
    keep.cursor().execute("SELECT 1")
    before = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    for number in range(200):
        with pyathena.connect(**settings) as connection:
            if number % 20 == 0:
                assert connection.cursor().execute(f"SELECT {number}").fetchone() == (number,)
    gc.collect()
    after = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    assert after[0] <= before[0] + 5 and after[1] <= before[1]


# -- fork -----------------------------------------------------------------------------------------

_FORK = """
import asyncio, os, sys, pyathena, harness
kind = sys.argv[1]
connection = pyathena.connect()
cursor = connection.cursor()
aio = pyathena.connect()
assert cursor.execute("SELECT 1").fetchone() == (1,)
open_cursor = connection.cursor().execute("SELECT a FROM many_rows ORDER BY a")
open_cursor.fetchmany(10)
from pyathena.aio.cursor import AioCursor
async def ask(number):
    c = connection.cursor(AioCursor)
    await c.execute(f"SELECT {number}")
    return await c.fetchone()
if kind != "blocking":
    assert harness.run_on(kind, ask(2)) == (2,)

def child():
    if kind == "blocking":
        assert connection.cursor().execute("SELECT 3").fetchone() == (3,)
        assert cursor.execute("SELECT 4").fetchone() == (4,)
        assert pyathena.connect().cursor().execute("SELECT 5").fetchone() == (5,)
    else:
        assert harness.run_on(kind, ask(3)) == (3,)
        assert harness.run_on(kind, ask(4)) == (4,)
    try:
        open_cursor.fetchall()
    except pyathena.Error as ex:
        print("child:", type(ex).__name__, flush=True)
    else:
        print("child: rows", flush=True)

pid = os.fork()
if pid == 0:
    try:
        child()
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    if "exit" in sys.argv:
        sys.exit(0)
    os._exit(0)
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 0
assert len(open_cursor.fetchall()) == 9990
assert cursor.execute("SELECT 6").fetchone() == (6,)
if kind != "blocking":
    assert harness.run_on(kind, ask(7)) == (7,)
print("parent: well")
"""


@pytest.mark.parametrize("kind", ["blocking", "asyncio", "uvloop"])
@pytest.mark.parametrize("how", ["_exit", "exit"])
def test_a_forked_child_works_and_leaves_the_parent_alone(
    server: athena_local.Server, kind: str, how: str
) -> None:
    done = harness.run_script(server, _FORK, kind, how)
    assert "parent: well" in done.stdout
    assert "child: " in done.stdout


_FORK_IN_FLIGHT = """
import asyncio, os, sys, threading, pyathena, harness
kind = sys.argv[1]
started = threading.Event()
def tell(query_id):
    print(query_id, flush=True)
    started.set()
if kind == "blocking":
    cursor = pyathena.connect().cursor()
    result = []
    thread = threading.Thread(target=lambda: result.append(cursor.execute(
        harness.for_seconds(1.0), on_start_query_execution=tell).fetchall()))
    thread.start()
    started.wait()
    pid = os.fork()
    if pid == 0:
        assert pyathena.connect().cursor().execute("SELECT 1").fetchone() == (1,)
        del cursor
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    thread.join()
    assert result == [[(1,)]], result
else:
    async def main():
        connection = await pyathena.aio_connect()
        cursor = connection.cursor()
        task = asyncio.ensure_future(cursor.execute(
            harness.for_seconds(1.0), on_start_query_execution=tell))
        while not started.is_set():
            await asyncio.sleep(0.01)
        pid = os.fork()
        if pid == 0:
            try:
                cursor.close()
                assert pyathena.connect().cursor().execute("SELECT 1").fetchone() == (1,)
            finally:
                os._exit(0 if sys.exc_info()[0] is None else 1)
        await task
        assert await cursor.fetchall() == [(1,)]
        return os.waitpid(pid, 0)[1]
    status = harness.run_on(kind, main())
assert os.waitstatus_to_exitcode(status) == 0
"""


@pytest.mark.parametrize("kind", ["blocking", "asyncio", "uvloop"])
def test_a_fork_while_a_query_runs(server: athena_local.Server, kind: str) -> None:
    done = harness.run_script(server, _FORK_IN_FLIGHT, kind)
    assert harness.query_states(server)[done.stdout.split()[0]] == "SUCCEEDED"


_POOL = """
import multiprocessing, pyathena
connection = pyathena.connect()
connection.cursor().execute("SELECT 1").fetchone()
def ask(number):
    return connection.cursor().execute(f"SELECT {number}").fetchone()[0]
with multiprocessing.get_context("fork").Pool(4) as pool:
    assert pool.map(ask, range(20)) == list(range(20))
assert ask(5) == 5
"""


def test_a_pool_of_forked_workers(server: athena_local.Server) -> None:
    harness.run_script(server, _POOL)


# -- freezes --------------------------------------------------------------------------------------

_FROZEN = """
import sys, pyathena
cursor = pyathena.connect().cursor()
assert cursor.execute("SELECT 1").fetchone() == (1,)
print("ready", flush=True)
for line in sys.stdin:
    number = int(line)
    print(*cursor.execute(f"SELECT {number}").fetchone(), flush=True)
"""


def freeze(server: athena_local.Server, seconds: float) -> None:
    with harness.Script(server, _FROZEN) as script:
        assert script.line() == "ready"
        script.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        script.process.send_signal(signal.SIGCONT)
        script.tell("7")
        assert script.line() == "7"
        script.tell("8")
        assert script.line() == "8"


def test_a_frozen_program_goes_on(server: athena_local.Server) -> None:
    freeze(server, 2)


@pytest.mark.slow
def test_a_program_frozen_for_a_minute_goes_on(server: athena_local.Server) -> None:
    freeze(server, 60)


def test_a_program_frozen_while_it_waits_goes_on(server: athena_local.Server) -> None:
    code = """
import pyathena, harness
def tell(query_id):
    print(query_id, flush=True)
cursor = pyathena.connect().cursor()
cursor.execute(harness.for_seconds(0.5), on_start_query_execution=tell)
print(cursor.fetchall(), flush=True)
"""
    with harness.Script(server, code) as script:
        script.line()
        script.process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        script.process.send_signal(signal.SIGCONT)
        assert script.line() == "[(1,)]"


# -- exit -----------------------------------------------------------------------------------------

_EXIT = """
import asyncio, sys, threading, pyathena, harness
stage, kind = sys.argv[1:3]
async def main():
    connection = await pyathena.aio_connect()
    cursor = connection.cursor()
    task = asyncio.ensure_future(cursor.execute(
        {
            "rows": "SELECT l.a FROM many_rows AS l CROSS JOIN many_rows AS r WHERE r.a < 100",
            "run": harness.LONG,
        }.get(stage, "SELECT 1")))
    if stage == "submit":
        await asyncio.sleep(0)
    elif stage == "start":
        await asyncio.sleep(0.1)
    elif stage == "run":
        while not cursor.query_id:
            await asyncio.sleep(0.01)
    elif stage == "rows":
        await task
        await cursor.fetchmany(5)
        asyncio.ensure_future(cursor.fetchall())
        await asyncio.sleep(0)
    print("now", flush=True)
    sys.exit(3)
loop = harness.new_loop(kind)
keep = loop.run_until_complete(main())
"""


@pytest.mark.parametrize("stage", ["submit", "start", "run", "rows"])
def test_exit_with_work_in_flight(
    switched: athena_local.Server, loop_kind: str, stage: str
) -> None:
    if stage == "start":
        switched.switch(latency={"StartQueryExecution": 1.0})
    with harness.Script(switched, _EXIT, stage, loop_kind) as script:
        assert script.line() == "now"
        begun = time.monotonic()
        status, _, errors = script.finish()
        assert status == 3, errors
        assert time.monotonic() - begun < 20
    harness.wait_until(
        lambda: (
            set(harness.query_states(switched).values()) <= {"SUCCEEDED", "CANCELLED", "FAILED"}
        ),
        20,
        "no query runs",
    )


def test_exit_when_the_server_does_not_answer_the_stop(switched: athena_local.Server) -> None:
    """The end of a program waits five seconds for it, not for ever."""
    switched.switch(latency={"StopQueryExecution": 60})
    with harness.Script(switched, _EXIT, "run", "asyncio") as script:
        assert script.line() == "now"
        begun = time.monotonic()
        status, _, errors = script.finish()
        assert status == 3, errors
        assert time.monotonic() - begun < 30
    assert "Stop" in errors or "stop" in errors

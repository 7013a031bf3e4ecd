"""Cancelling: whoever gives a query up, it is stopped at the server."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import athena_local
import harness
import pyathena
import pytest
from pyathena.error import OperationalError

pytestmark = [pytest.mark.core, pytest.mark.loops]

MANY = "SELECT l.a FROM many_rows AS l CROSS JOIN (SELECT a FROM many_rows WHERE a < 3) AS r"


async def start(
    settings: dict[str, Any], sql: str = harness.LONG, **kwargs: Any
) -> tuple[Any, asyncio.Task[Any]]:
    """A cursor whose task waits for a query that runs."""
    connection = await pyathena.aio_connect(**settings)
    cursor = connection.cursor(**kwargs)
    started = asyncio.Event()
    task = asyncio.ensure_future(
        cursor.execute(sql, on_start_query_execution=lambda _: started.set())
    )
    waiter = asyncio.ensure_future(started.wait())
    await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
    if not waiter.done():
        waiter.cancel()
        await task
    return cursor, task


def test_cancel_from_another_task(
    run: harness.Run, settings: dict[str, Any], server: athena_local.Server
) -> None:
    async def main() -> None:
        cursor, task = await start(settings)
        await cursor.cancel()
        with pytest.raises(OperationalError, match="cancelled") as caught:
            await asyncio.wait_for(task, 20)
        harness.wait_state(server, cursor.query_id, "CANCELLED")
        assert caught.value.query_id == cursor.query_id
        await cursor.execute("SELECT 1")
        assert await cursor.fetchall() == [(1,)]

    run(main())


def test_cancel_before_the_id_is_known(
    run: harness.Run, settings: dict[str, Any], switched: athena_local.Server
) -> None:
    switched.switch(latency={"StartQueryExecution": 0.4})
    new = harness.NewQueries(switched)

    async def main() -> None:
        connection = await pyathena.aio_connect(**settings)
        cursor = connection.cursor()
        task = asyncio.ensure_future(cursor.execute(harness.LONG))
        while not switched.stats()["calls"].get("StartQueryExecution"):
            await asyncio.sleep(0.01)
        assert cursor.query_id is None
        await cursor.cancel()
        with pytest.raises(OperationalError, match="cancelled"):
            await asyncio.wait_for(task, 20)
        (query_id,) = new.wait()
        harness.wait_state(switched, query_id, "CANCELLED")
        assert cursor.query_id == query_id

    run(main())


def test_cancel_before_anything_was_sent(
    run: harness.Run, settings: dict[str, Any], switched: athena_local.Server
) -> None:
    async def main() -> None:
        connection = await pyathena.aio_connect(**settings)
        cursor = connection.cursor()
        task = asyncio.ensure_future(cursor.execute(harness.LONG))
        await asyncio.sleep(0)
        await cursor.cancel()
        with pytest.raises(OperationalError, match="cancelled"):
            await asyncio.wait_for(task, 20)
        for query_id, state in harness.query_states(switched).items():
            assert state != "RUNNING", query_id

    run(main())


def test_cancel_loses_against_a_result_larger_than_what_is_read_ahead(
    run: harness.Run, settings: dict[str, Any], switched: athena_local.Server
) -> None:
    """A cancel that comes when the query has succeeded must not wait for rows nobody reads."""
    switched.switch(latency={"StartQueryExecution": 0.3, "StopQueryExecution": 30})
    wide = "SELECT l.a, lpad('', 1000, 'x') FROM many_rows AS l CROSS JOIN (VALUES 1, 2, 3) AS r"

    async def main() -> None:
        connection = await pyathena.aio_connect(**settings)
        cursor = connection.cursor()
        task = asyncio.ensure_future(cursor.execute(wide))
        await asyncio.sleep(0.05)
        await asyncio.wait_for(cursor.cancel(), 20)
        await asyncio.wait_for(task, 20)
        assert len(await cursor.fetchall()) == 30_000

    run(main())


def cancel_task(task: asyncio.Task[Any], cursor: Any) -> Any:
    task.cancel()
    return task


def close_cursor(task: asyncio.Task[Any], cursor: Any) -> Any:
    cursor.close()
    return task


@pytest.mark.parametrize(
    ("give_up", "error"),
    [(cancel_task, asyncio.CancelledError), (close_cursor, OperationalError)],
)
def test_giving_up_stops_the_query(
    run: harness.Run,
    settings: dict[str, Any],
    server: athena_local.Server,
    give_up: Callable[..., Any],
    error: type[BaseException],
) -> None:
    async def main() -> None:
        cursor, task = await start(settings)
        with pytest.raises(error):
            await give_up(task, cursor)
        harness.wait_state(server, cursor.query_id, "CANCELLED")

    run(main())


def test_wait_for_stops_the_query(
    run: harness.Run, settings: dict[str, Any], server: athena_local.Server
) -> None:
    async def main() -> None:
        connection = await pyathena.aio_connect(**settings)
        cursor = connection.cursor()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(cursor.execute(harness.LONG), 0.4)
        harness.wait_state(server, cursor.query_id, "CANCELLED")
        await cursor.execute("SELECT 1")
        assert await cursor.fetchall() == [(1,)]

    run(main())


if hasattr(asyncio, "timeout"):  # Python 3.11

    def test_timeout_stops_the_query(
        run: harness.Run, settings: dict[str, Any], server: athena_local.Server
    ) -> None:
        async def main() -> None:
            connection = await pyathena.aio_connect(**settings)
            cursor = connection.cursor()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.4):
                    await cursor.execute(harness.LONG)
            harness.wait_state(server, cursor.query_id, "CANCELLED")

        run(main())


def test_a_cancelled_task_ends_once_stop_is_answered(
    run: harness.Run, settings: dict[str, Any], switched: athena_local.Server
) -> None:
    switched.switch(latency={"StopQueryExecution": 0.5})

    async def main() -> None:
        cursor, task = await start(settings)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun >= 0.5
        assert harness.query_states(switched)[cursor.query_id] == "CANCELLED"

    run(main())


def test_a_task_waits_two_seconds_for_stop_at_most(
    run: harness.Run, settings: dict[str, Any], switched: athena_local.Server
) -> None:
    switched.switch(latency={"StopQueryExecution": 4.0})

    async def main() -> None:
        cursor, task = await start(settings)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=3.8)
        assert task in done and task.cancelled()
        harness.wait_state(switched, cursor.query_id, "CANCELLED")

    run(main())


def test_a_task_waits_two_seconds_for_start_at_most(
    run: harness.Run, settings: dict[str, Any], switched: athena_local.Server
) -> None:
    """The start goes on without the task, and the stop follows it."""
    switched.switch(latency={"StartQueryExecution": 4.0})
    new = harness.NewQueries(switched)

    async def main() -> None:
        connection = await pyathena.aio_connect(**settings)
        task = asyncio.ensure_future(connection.cursor().execute(harness.LONG))
        while not switched.stats()["calls"].get("StartQueryExecution"):
            await asyncio.sleep(0.01)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=3.8)
        assert task in done and task.cancelled()
        (query_id,) = new.wait()
        harness.wait_state(switched, query_id, "CANCELLED")

    run(main())


def test_a_second_cancel_ends_the_wait_at_once(
    run: harness.Run, settings: dict[str, Any], switched: athena_local.Server
) -> None:
    switched.switch(latency={"StopQueryExecution": 1.0})

    async def main() -> None:
        cursor, task = await start(settings)
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        await asyncio.sleep(0.05)
        assert task.done() and task.cancelled()
        harness.wait_state(switched, cursor.query_id, "CANCELLED")

    run(main())


def test_a_cancelled_cancel_disturbs_nobody(
    run: harness.Run, settings: dict[str, Any], switched: athena_local.Server
) -> None:
    """cancel() given up while the start is on its way: execute() still hears of its end."""
    switched.switch(latency={"StartQueryExecution": 0.4})

    async def main() -> None:
        connection = await pyathena.aio_connect(**settings)
        cursor = connection.cursor()
        task = asyncio.ensure_future(cursor.execute(harness.LONG))
        while not switched.stats()["calls"].get("StartQueryExecution"):
            await asyncio.sleep(0.01)
        first = asyncio.ensure_future(cursor.cancel())
        second = asyncio.ensure_future(cursor.cancel())
        await asyncio.sleep(0.02)
        first.cancel()
        await second
        assert first.cancelled()
        with pytest.raises(OperationalError, match="cancelled"):
            await asyncio.wait_for(task, 20)
        harness.wait_state(switched, cursor.query_id, "CANCELLED")

    run(main())


def test_kill_on_interrupt_off_leaves_the_query_running(
    run: harness.Run, settings: dict[str, Any], server: athena_local.Server
) -> None:
    async def main() -> str:
        cursor, task = await start(settings, harness.for_seconds(1.0), kill_on_interrupt=False)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return str(cursor.query_id)

    harness.wait_state(server, run(main()), "SUCCEEDED", 3)


def test_cancel_of_a_query_left_running_stops_it(
    run: harness.Run, settings: dict[str, Any], server: athena_local.Server
) -> None:
    async def main() -> None:
        cursor, task = await start(settings, kill_on_interrupt=False)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await cursor.cancel()
        harness.wait_state(server, cursor.query_id, "CANCELLED")

    run(main())


def test_cancel_of_an_ended_query_keeps_its_rows(db: harness.Driver) -> None:
    cursor = db.cursor().execute(MANY)
    cursor.fetchmany(5)
    cursor.cancel()
    assert len(cursor.fetchall()) == 29_995
    cursor.cancel()
    assert cursor.state == "SUCCEEDED"


def test_cancel_of_a_query_by_its_id(db: harness.Driver, server: athena_local.Server) -> None:
    """query_id may be set, to stop a query of another program."""
    new = harness.NewQueries(server)
    other = threading.Thread(target=lambda: _run_long(db.settings), daemon=True)
    other.start()
    (query_id,) = new.wait()
    cursor = db.cursor()
    cursor.query_id = query_id
    cursor.cancel()
    harness.wait_state(server, query_id, "CANCELLED")
    other.join(20)
    assert not other.is_alive()


def _run_long(settings: dict[str, Any]) -> None:
    with pytest.raises(OperationalError):
        pyathena.connect(**settings).cursor().execute(harness.LONG)


def test_cancel_that_aws_refuses(db: harness.Driver, switched: athena_local.Server) -> None:
    cursor = db.cursor()
    cursor.query_id = "no-such-query"
    with pytest.raises(OperationalError, match="when calling the StopQueryExecution operation"):
        cursor.cancel()
    switched.switch(refuse=["StopQueryExecution"])
    cursor.query_id = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(OperationalError, match="AccessDenied") as caught:
        cursor.cancel()
    assert caught.value.code == "AccessDeniedException"


def test_query_timeout_stops_the_query(db: harness.Driver, server: athena_local.Server) -> None:
    cursor = db.of(db.connect(query_timeout=0.5))
    begun = time.monotonic()
    with pytest.raises(OperationalError, match=r"did not end within 0\.500 s"):
        cursor.execute(harness.LONG)
    assert time.monotonic() - begun < 10
    harness.wait_state(server, cursor.query_id, "CANCELLED")
    assert cursor.execute("SELECT 1").fetchone() == (1,)


def test_close_of_a_blocking_cursor_from_another_thread(
    settings: dict[str, Any], server: athena_local.Server
) -> None:
    cursor = pyathena.connect(**settings).cursor()
    started = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            cursor.execute(harness.LONG, on_start_query_execution=lambda _: started.set())
        except BaseException as ex:
            errors.append(ex)

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(10)
    cursor.close()
    thread.join(20)
    assert not thread.is_alive()
    assert isinstance(errors[0], OperationalError)
    harness.wait_state(server, cursor.query_id, "CANCELLED")


def test_cancel_of_a_blocking_cursor_from_another_thread(
    settings: dict[str, Any], switched: athena_local.Server
) -> None:
    """Also while the start is on its way."""
    for latency in (0.0, 0.3):
        switched.switch(reset=True, latency={"StartQueryExecution": latency})
        cursor = pyathena.connect(**settings).cursor()
        errors: list[BaseException] = []

        def work(cursor: Any = cursor, errors: list[BaseException] = errors) -> None:
            try:
                cursor.execute(harness.LONG)
            except BaseException as ex:
                errors.append(ex)

        thread = threading.Thread(target=work)
        thread.start()
        harness.wait_until(
            lambda: switched.stats()["calls"].get("StartQueryExecution"), 10, "a start"
        )
        cursor.cancel()
        thread.join(20)
        assert not thread.is_alive()
        assert isinstance(errors[0], OperationalError), errors
        harness.wait_state(switched, cursor.query_id, "CANCELLED")


def test_a_loop_closed_with_a_pending_task_stops_its_query(
    loop_kind: str, settings: dict[str, Any], server: athena_local.Server
) -> None:
    loop = harness.new_loop(loop_kind)
    cursor, task = loop.run_until_complete(start(settings))
    task.get_loop().set_exception_handler(lambda *_: None)
    loop.close()
    harness.wait_state(server, cursor.query_id, "CANCELLED")
    task._log_destroy_pending = False  # type: ignore[attr-defined]


_EXIT_ASYNC = """
import asyncio, os, pyathena, harness, sys
async def main():
    connection = await pyathena.aio_connect()
    cursor = connection.cursor()
    started = asyncio.Event()
    def tell(query_id):
        print(query_id, flush=True)
        started.set()
    task = asyncio.ensure_future(cursor.execute(harness.LONG, on_start_query_execution=tell))
    await started.wait()
    if sys.argv[2] == "exit":
        raise SystemExit(7)
    if sys.argv[2] == "return":
        return
    await task
harness.run_on(sys.argv[1], main())
"""


@pytest.mark.parametrize(("how", "status"), [("exit", 7), ("return", 0)])
def test_a_program_that_ends_stops_its_query(
    loop_kind: str, server: athena_local.Server, how: str, status: int
) -> None:
    with harness.Script(server, _EXIT_ASYNC, loop_kind, how) as script:
        query_id = script.line()
        assert script.finish()[0] == status
    harness.wait_state(server, query_id, "CANCELLED")


_EXIT_THREAD = """
import sys, threading, pyathena, harness
started = threading.Event()
def tell(query_id):
    print(query_id, flush=True)
    started.set()
cursor = pyathena.connect().cursor()
threading.Thread(
    target=lambda: cursor.execute(harness.LONG, on_start_query_execution=tell), daemon=True
).start()
started.wait()
"""


def test_a_program_that_ends_beside_a_waiting_thread(server: athena_local.Server) -> None:
    with harness.Script(server, _EXIT_THREAD) as script:
        query_id = script.line()
        status, _, errors = script.finish()
    assert status == 0, errors
    harness.wait_state(server, query_id, "CANCELLED")


_INTERRUPT = """
import asyncio, sys, pyathena, harness
def tell(query_id):
    print(query_id, flush=True)
if sys.argv[1] == "blocking":
    cursor = pyathena.connect(kill_on_interrupt=sys.argv[2] == "kill").cursor()
    try:
        cursor.execute(harness.LONG, on_start_query_execution=tell)
    except KeyboardInterrupt:
        print("interrupted", cursor.query_id, flush=True)
        sys.stdin.readline()
else:
    async def main():
        connection = await pyathena.aio_connect(kill_on_interrupt=sys.argv[2] == "kill")
        cursor = connection.cursor()
        try:
            await cursor.execute(harness.LONG, on_start_query_execution=tell)
        finally:
            print("interrupted", cursor.query_id, flush=True)
    try:
        if sys.argv[1] == "uvloop":
            import uvloop
            uvloop.install()
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.stdin.readline()
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["blocking", "asyncio", "uvloop"])
def test_ctrl_c_stops_the_query(server: athena_local.Server, kind: str) -> None:
    with harness.Script(server, _INTERRUPT, kind, "kill") as script:
        query_id = script.line()
        script.process.send_signal(signal.SIGINT)
        assert script.line() == f"interrupted {query_id}"
        harness.wait_state(server, query_id, "CANCELLED")
        script.tell("end")
        assert script.finish()[0] == 0


def test_ctrl_c_without_kill_leaves_the_query_running(server: athena_local.Server) -> None:
    with harness.Script(server, _INTERRUPT, "blocking", "leave") as script:
        query_id = script.line()
        script.process.send_signal(signal.SIGINT)
        assert script.line() == f"interrupted {query_id}"
        script.tell("end")
        assert script.finish()[0] == 0
    assert harness.query_states(server)[query_id] == "RUNNING"
    with_keys = {"endpoint_url": server.url, "region_name": server.region}
    cursor = pyathena.connect(
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        s3_staging_dir=server.staging_dir,
        **with_keys,
    ).cursor()
    cursor.query_id = query_id
    cursor.cancel()
    harness.wait_state(server, query_id, "CANCELLED")


_INTERRUPT_START = """
import sys, pyathena, harness
cursor = pyathena.connect().cursor()
print("now", flush=True)
try:
    cursor.execute(harness.LONG)
except KeyboardInterrupt:
    print("interrupted", cursor.query_id, flush=True)
"""


def test_ctrl_c_while_the_start_is_on_its_way(switched: athena_local.Server) -> None:
    switched.switch(latency={"StartQueryExecution": 0.5})
    new = harness.NewQueries(switched)
    with harness.Script(switched, _INTERRUPT_START) as script:
        script.line()
        harness.wait_until(
            lambda: switched.stats()["calls"].get("StartQueryExecution"), 10, "a start"
        )
        script.process.send_signal(signal.SIGINT)
        (query_id,) = new.wait()
        harness.wait_state(switched, query_id, "CANCELLED")
        assert script.line() == f"interrupted {query_id}"

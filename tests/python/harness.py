"""What the tests of the package share: loops, scripts, looks at the server's queries."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import athena_local
import pyathena
import uvloop
from pyathena.aio.cursor import AioCursor, AioDictCursor
from pyathena.cursor import Cursor, DictCursor

Run = Callable[[Coroutine[Any, Any, Any]], Any]

#: Runs a minute unless it is stopped.
LONG = "SELECT 60 /* athena-local: run_seconds=60 */"


def for_seconds(seconds: float, sql: str = "SELECT 1") -> str:
    """A statement that runs so long."""
    return f"{sql} /* athena-local: run_seconds={seconds} */"


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """An event loop of asyncio or uvloop."""
    return uvloop.new_event_loop() if kind == "uvloop" else asyncio.new_event_loop()


def run_on(kind: str, main: Coroutine[Any, Any, Any]) -> Any:
    """``asyncio.run`` on a loop of this kind, on every Python."""
    loop = new_loop(kind)
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        try:
            cancel_all(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def cancel_all(loop: asyncio.AbstractEventLoop, timeout: float | None = None) -> None:
    """As ``asyncio.run`` at its end; fails when that takes longer than ``timeout`` seconds."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        _, pending = loop.run_until_complete(asyncio.wait(tasks, timeout=timeout))
        assert not pending, f"not ended within {timeout} s: {pending}"


class Blocking:
    """An object of asyncio used by blocking calls: each runs the loop until it has its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Any) -> None:
        object.__setattr__(self, "_loop", loop)
        object.__setattr__(self, "target", target)

    async def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.target, name)
        if not inspect.ismethod(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            result = self._loop.run_until_complete(self._call(value, *args, **kwargs))
            return self if result is self.target else result

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.target, name, value)

    def __iter__(self) -> Iterator[Any]:
        rows = self._loop.run_until_complete(self._call(self.target.__aiter__))
        while True:
            try:
                yield self._loop.run_until_complete(self._call(rows.__anext__))
            except StopAsyncIteration:
                return

    def __next__(self) -> Any:
        try:
            return self._loop.run_until_complete(self._call(self.target.__anext__))
        except StopAsyncIteration:
            raise StopIteration from None


class Driver:
    """Blocking or asyncio connections behind one blocking interface."""

    def __init__(self, kind: str, settings: dict[str, Any]) -> None:
        self.kind = kind
        self.settings = settings
        self.loop = None if kind == "blocking" else new_loop(kind)

    @property
    def cursor_class(self) -> Any:
        return Cursor if self.loop is None else AioCursor

    @property
    def dict_cursor_class(self) -> Any:
        return DictCursor if self.loop is None else AioDictCursor

    def connect(self, **kwargs: Any) -> Any:
        """A connection of the driver's kind to the server."""
        settings = {**self.settings, **kwargs}
        if self.loop is None:
            return pyathena.connect(**settings)
        return self.loop.run_until_complete(pyathena.aio_connect(**settings))

    def of(self, connection: Any, *args: Any, **kwargs: Any) -> Any:
        """A cursor of a connection."""
        cursor = connection.cursor(*args, **kwargs)
        return cursor if self.loop is None else Blocking(self.loop, cursor)

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A cursor of a new connection."""
        return self.of(self.connect(), *args, **kwargs)

    def close(self) -> None:
        """Ends the loop."""
        if self.loop is not None:
            cancel_all(self.loop)
            self.loop.close()


# -- looks at the server --------------------------------------------------------------------------


def query_states(server: athena_local.Server) -> dict[str, str]:
    """The state of each query of the server by its id, oldest first."""
    return {query["id"]: query["state"] for query in server.stats()["queries"]}


def wait_until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Asks again and again until it is true, at most so long."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return found


def wait_state(
    server: athena_local.Server, query_id: str | None, state: str, seconds: float = 15.0
) -> None:
    """Fails unless the query has this state within the time."""
    assert query_id
    last: list[str | None] = [None]

    def look() -> bool:
        last[0] = query_states(server).get(query_id)
        return last[0] == state

    try:
        wait_until(look, seconds, state)
    except AssertionError:
        raise AssertionError(f"{query_id} is {last[0]}, not {state}") from None


class NewQueries:
    """The queries that the server got since this was made."""

    def __init__(self, server: athena_local.Server) -> None:
        self._server = server
        self._known = set(query_states(server))

    def ids(self) -> list[str]:
        return [id_ for id_ in query_states(self._server) if id_ not in self._known]

    def wait(self, count: int = 1, seconds: float = 10.0) -> list[str]:
        """Their ids as soon as there are so many."""
        wait_until(lambda: len(self.ids()) >= count, seconds, f"{count} new queries")
        return self.ids()


# -- programs of their own ------------------------------------------------------------------------


def script_environment(server: athena_local.Server, **more: str) -> dict[str, str]:
    """The environment of a program that talks to the server and knows no other AWS settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nothing = os.devnull
    return {
        **kept,
        "AWS_CONFIG_FILE": nothing,
        "AWS_SHARED_CREDENTIALS_FILE": nothing,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": str(Path(__file__).parent),
        "PYTHONUNBUFFERED": "1",
        **server.environment,
        **more,
    }


def run_script(
    server: athena_local.Server, code: str, *args: str, timeout: float = 60, **more: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env=script_environment(server, **more),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


class Script:
    """A program that runs beside the test; leaving the context ends it."""

    def __init__(
        self, server: athena_local.Server, code: str, *args: str, group: bool = False, **more: str
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *args],
            env=script_environment(server, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=group,
        )

    def line(self) -> str:
        """The next line of its output."""
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        if not text:
            self.process.wait(10)
            assert self.process.stderr is not None
            raise AssertionError(f"the program ended:\n{self.process.stderr.read()}")
        return text.strip()

    def tell(self, text: str) -> None:
        """A line for its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def finish(self, timeout: float = 60) -> tuple[int, str, str]:
        """Its status, the rest of its output, and its errors."""
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, err

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.communicate()

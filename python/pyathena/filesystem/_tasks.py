"""Parts and ranges of files as work for an :class:`~pyathena.filesystem.s3_executor.S3Executor`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pyathena import _core
from pyathena.filesystem._requests import raise_failure
from pyathena.filesystem.s3_errors import from_core_error
from pyathena.filesystem.s3_executor import (
    NativeTask,
    S3AioExecutor,
    S3Executor,
    settle,
)

if TYPE_CHECKING:
    from pyathena.filesystem._client import S3Client

__all__ = ["CoreTask", "FileExecutor", "NativeExecutor", "stop"]

T = TypeVar("T")

_MASK = _core.WAIT_DONE | _core.WAIT_CREDENTIALS
_STOP_S = 5.0  # the core tells the end of a cancelled operation after two seconds at the latest


class CoreTask(NativeTask[T]):
    """One operation of the core and what becomes of its answer.

    Args:
        client: whose credentials it may wait for.
        starter: starts the operation.
        finisher: makes the result of the operation when it has succeeded.
        path: what it is about, for errors.
    """

    def __init__(
        self,
        client: S3Client,
        starter: Callable[[_core.Queue | None], _core.Query],
        finisher: Callable[[_core.Query], T],
        path: object,
    ) -> None:
        self._client = client
        self._starter: Callable[[_core.Queue | None], _core.Query] | None = starter
        self._finisher: Callable[[_core.Query], T] | None = finisher
        self._path = path
        self._query: _core.Query | None = None
        self._future: Future[T] | None = None
        self._is_cancelled = False

    @property
    def query(self) -> _core.Query | None:
        """The operation, once it was started."""
        return self._query

    def _start(self, queue: _core.Queue | None) -> _core.Query:
        starter, self._starter = self._starter, None  # with what it lends, which may be large
        if self._is_cancelled or starter is None:
            raise CancelledError
        try:
            query = self._query = starter(queue)
        except _core.CoreError as ex:
            raise from_core_error(ex, str(self._path)) from None
        if self._is_cancelled:  # from another thread, meanwhile
            query.cancel(True)
        return query

    def start_async(self, future: Future[T]) -> None:
        from pyathena.aio._bridge import get_bridge

        bridge = get_bridge()
        self._future = future
        bridge.follow(self._start(bridge.queue).token, self)
        future.add_done_callback(self._follow)

    def start_now(self, future: Future[T]) -> None:
        """Start without an event loop; :meth:`wait` resolves the future."""
        self._future = future
        self._start(None)
        future.add_done_callback(self._follow)

    def _follow(self, future: Future[T]) -> None:
        if future.cancelled():
            self.cancel()

    def handle(self, event: int, execution: bytes | None) -> None:
        """Take one event of the operation, on the loop's thread."""
        if event == _core.EVENT_DONE:
            self._resolve()
        elif event == _core.EVENT_CREDENTIALS:
            self._supply()

    def _supply(self) -> None:
        if self._client.supply_credentials is not None:
            self._client.supply_credentials()

    def _resolve(self) -> None:
        future, self._future = self._future, None
        if future is None:
            return
        try:
            result = self._finish()
        except Exception as failure:
            settle(future, exception=failure)
        else:
            settle(future, result)

    def _finish(self) -> T:
        query, finisher = self._query, self._finisher
        assert query is not None
        assert finisher is not None
        failure = query.error()
        if failure is not None:
            raise_failure(failure, self._path, None)
        return finisher(query)

    def wait(self, timeout: float | None = None) -> bool:
        if self._query is None:
            return False
        if not self._ends(self._query, timeout):
            return False
        self._resolve()
        return True

    def _ends(self, query: _core.Query, timeout: float | None) -> bool:
        while True:
            bits = query.wait(_MASK, timeout)
            if bits & _core.WAIT_DONE:
                return True
            if not bits & _core.WAIT_CREDENTIALS:
                return False
            self._supply()

    def __call__(self) -> T:
        query = self._start(None)
        try:
            self._ends(query, None)
        except BaseException:
            query.cancel(True)
            query.wait(_core.WAIT_DONE, _STOP_S)
            raise
        return self._finish()

    def cancel(self) -> None:
        """Ask the operation to end, from any thread."""
        self._is_cancelled = True
        if self._query is not None:
            self._query.cancel(True)


def stop(task: CoreTask[Any], future: Future[Any]) -> None:
    """Cancel a task and wait until it has ended."""
    task.cancel()
    future.cancel()
    task._starter = None
    query = task.query
    if query is not None:
        query.wait(_core.WAIT_DONE, _STOP_S)
    with contextlib.suppress(CancelledError, FutureTimeoutError, RuntimeError):
        future.exception(0 if query is None else _STOP_S)


class _NativeFuture(Future[T]):
    """A future whose work is waited for in the core."""

    task: NativeTask[T] | None = None

    def result(self, timeout: float | None = None) -> T:
        self._advance(timeout)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._advance(timeout)
        return super().exception(timeout)

    def _advance(self, timeout: float | None) -> None:
        task, self.task = self.task, None
        if task is not None and not super().done():
            try:
                ended = task.wait(timeout)
            except BaseException:
                self.task = task
                raise
            if not ended:
                self.task = task


class NativeExecutor(S3Executor):
    """Starts native tasks on the core at once, on the caller's thread; needs neither threads nor an
    event loop. Other work is carried out when it is submitted."""

    def submit(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
        """Start a task of the core, or call ``fn(*args, **kwargs)``."""
        future: _NativeFuture[T] = _NativeFuture()
        try:
            if isinstance(fn, CoreTask):
                future.task = fn
                fn.start_now(future)
            else:
                future.set_result(fn(*args, **kwargs))
        except Exception as failure:
            settle(future, exception=failure)
        return cast("Future[T]", future)

    def shutdown(self, wait: bool = True) -> None:
        """Do nothing: nothing is kept."""


class FileExecutor(S3AioExecutor):
    """The executor of the files of ``AioS3FileSystem``.

    Tasks of the core need no event loop, so their files work on and off the loop's thread; other
    work goes to the loop.
    """

    def submit(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
        """Start a task of the core, or have ``fn(*args, **kwargs)`` called on the loop."""
        if isinstance(fn, CoreTask):
            return _NATIVE.submit(fn)
        return super().submit(fn, *args, **kwargs)


_NATIVE = NativeExecutor()

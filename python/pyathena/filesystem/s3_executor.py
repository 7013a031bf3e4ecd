"""Who carries out the parallel parts of reading and writing a file.

Work is a callable, or a :class:`NativeTask`: an operation of the native core, which needs no thread
to run. :class:`S3AioExecutor` has no threads at all; it starts native tasks on the core and calls
other callables on its event loop.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from types import TracebackType

__all__ = [
    "NativeTask",
    "S3AioExecutor",
    "S3AioThreadPool",
    "S3Executor",
    "S3ThreadPoolExecutor",
    "settle",
]

_T = TypeVar("_T")
_E = TypeVar("_E", bound="S3Executor")

_MAX_WORKERS = (os.cpu_count() or 1) * 5


class NativeTask(ABC, Generic[_T]):
    """An operation of the core that an executor can start without a thread.

    Derive from it, or make a class one with ``NativeTask.register(cls)``. The future is resolved
    with :func:`settle`, once. The operation may be cancelled when the future is
    (``future.add_done_callback``).
    """

    @abstractmethod
    def start_async(self, future: Future[_T]) -> None:
        """Start the operation; its completion resolves ``future``, on any thread.

        Called on the thread of the executor's event loop. What it raises becomes the
        exception of the future.
        """

    @abstractmethod
    def wait(self, timeout: float | None = None) -> bool:
        """Block until the operation has ended, at most ``timeout`` seconds; tell whether it has.

        Called on the loop's thread after ``start_async``, so it must not need the loop to turn.
        When it returns true the future is resolved.
        """

    @abstractmethod
    def __call__(self) -> _T:
        """Carry out the operation and return its result; for executors with threads."""


def settle(future: Future[Any], result: Any = None, exception: BaseException | None = None) -> bool:
    """Resolve a future; false when it was cancelled or resolved before."""
    with contextlib.suppress(InvalidStateError):
        if exception is not None:
            future.set_exception(exception)
        else:
            future.set_result(result)
        return True
    return False


class _Call(Generic[_T]):
    """A callable with its arguments, and the future that gets what it returns or raises."""

    __slots__ = ("_args", "_fn", "_kwargs", "_lock", "_taken", "future")

    def __init__(
        self,
        future: Future[_T],
        fn: Callable[..., _T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.future = future
        self._fn = fn
        self._args = args
        self._kwargs = kwargs
        self._taken = False
        self._lock = threading.Lock()

    def run(self, timeout: float | None = None) -> None:
        """Make the call unless it has been made or cancelled; ``timeout`` is not used."""
        with self._lock:
            taken, self._taken = self._taken, True
        if taken or not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self._fn(*self._args, **self._kwargs)
        except BaseException as error:
            settle(self.future, exception=error)
            if not isinstance(error, Exception):
                raise
        else:
            settle(self.future, result)

    def follow(self, carrier: Future[Any]) -> None:
        """Cancel the future when what carries the call was cancelled."""
        if carrier.cancelled():
            self.future.cancel()


class S3Executor(ABC):
    """The interface that files use; like ``concurrent.futures.Executor``.

    As a context manager it is shut down at the end of the block.
    """

    @abstractmethod
    def submit(self, fn: Callable[..., _T], *args: Any, **kwargs: Any) -> Future[_T]:
        """Have ``fn(*args, **kwargs)`` called.

        Raises:
            RuntimeError: the executor has been shut down.
        """

    @abstractmethod
    def shutdown(self, wait: bool = True) -> None:
        """Take no more work; with ``wait``, return when all there is has been done."""

    def submit_to(
        self, future: Future[_T], fn: Callable[..., _T], *args: Any, **kwargs: Any
    ) -> None:
        """As :meth:`submit`, with a future of the caller's that gets the result.

        Nothing is called when the future has been cancelled; when this raises, the future is
        untouched.
        """
        call = _Call(future, fn, args, kwargs)
        self.submit(call.run).add_done_callback(call.follow)

    def __enter__(self: _E) -> _E:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.shutdown(wait=True)


class S3ThreadPoolExecutor(S3Executor):
    """A pool of threads.

    Args:
        max_workers: how many threads at most.

    Raises:
        ValueError: ``max_workers`` is not positive.
    """

    def __init__(self, max_workers: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=max_workers)

    def submit(self, fn: Callable[..., _T], *args: Any, **kwargs: Any) -> Future[_T]:
        """Have ``fn(*args, **kwargs)`` called on a thread of the pool."""
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True) -> None:
        """Take no more work; with ``wait``, return when all threads have ended."""
        self._pool.shutdown(wait=wait)


def _running_loop() -> AbstractEventLoop | None:
    """The event loop that runs on this thread."""
    asyncio = sys.modules.get("asyncio")  # no loop runs in a program that never imported it
    if asyncio is None:
        return None
    try:
        loop: AbstractEventLoop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop


class _LoopFuture(Future[_T]):
    """A future of :class:`S3AioExecutor`; waiting on the loop's own thread gets its work done."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._advance: Callable[[float | None], object] | None = None

    def done_by(self, advance: Callable[[float | None], object]) -> None:
        """Let ``advance(timeout)`` bring the result when the loop's thread waits for it."""
        self._advance = advance

    def result(self, timeout: float | None = None) -> _T:
        """See ``concurrent.futures.Future.result``."""
        return super().result(self._push(timeout))

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """See ``concurrent.futures.Future.exception``."""
        return super().exception(self._push(timeout))

    def _push(self, timeout: float | None) -> float | None:
        """On the loop's thread get the work done; return how long there still is to wait."""
        if self.done() or self._advance is None or _running_loop() is not self._loop:
            return timeout
        self._advance(timeout)
        if timeout is None and not self.done():
            raise RuntimeError("The call waits for its own result.")
        return 0


class S3AioExecutor(S3Executor):
    """Work on an event loop, without threads.

    * A :class:`NativeTask` is started on the core; its completion resolves the future.
    * Any other callable is called on the loop's thread: at once when it is submitted there, else
      by ``call_soon_threadsafe``. It holds up the loop for as long as it takes.

    ``future.result()`` and ``future.exception()`` may be called on the loop's thread too: they
    carry out what the future waits for. ``concurrent.futures.wait()`` and ``as_completed()``
    cannot know this and are for other threads.

    Args:
        loop: the event loop; without it, the one that runs when the executor is made or first used.
        max_workers: how many parts of one file a caller should have in flight; kept for callers,
            nothing is limited here.

    Raises:
        ValueError: ``max_workers`` is not positive.
    """

    def __init__(
        self, loop: AbstractEventLoop | None = None, max_workers: int = _MAX_WORKERS
    ) -> None:
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self.max_workers = max_workers
        self._loop = loop if loop is not None else _running_loop()
        self._is_shut = False
        self._lock = threading.Lock()
        self._pending: dict[Future[Any], Callable[[float | None], object]] = {}

    def submit(self, fn: Callable[..., _T], *args: Any, **kwargs: Any) -> Future[_T]:
        """Start a native task, or have ``fn(*args, **kwargs)`` called on the loop.

        Raises:
            RuntimeError: there is no running event loop, or the executor has been shut down.
        """
        future: _LoopFuture[_T] = _LoopFuture(self._running())
        self._dispatch(future, fn, args, kwargs)
        return future

    def submit_to(
        self, future: Future[_T], fn: Callable[..., _T], *args: Any, **kwargs: Any
    ) -> None:
        """As :meth:`submit`, with a future of the caller's that gets the result.

        Only :meth:`submit`'s own futures can be waited for on the loop's thread.
        """
        self._dispatch(future, fn, args, kwargs)

    def shutdown(self, wait: bool = True) -> None:
        """Take no more work; with ``wait``, return when all there is has been done.

        On the loop's own thread this carries out what is waiting. When the loop does not run any
        more, what was left to it is cancelled.
        """
        with self._lock:
            self._is_shut = True
            pending = list(self._pending.items())
        if not wait:
            return
        loop = self._loop
        if loop is not None and _running_loop() is loop:
            for _, advance in pending:
                advance(None)
        elif loop is not None and loop.is_running():
            _wait_for([future for future, _ in pending])
        else:
            for future, _ in pending:
                future.cancel()

    def _running(self) -> AbstractEventLoop:
        loop = self._loop
        if loop is None:
            loop = self._loop = _running_loop()
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if loop is None or not loop.is_running():
            raise RuntimeError(
                "S3AioExecutor requires a running event loop. "
                "Use S3ThreadPoolExecutor for synchronous usage."
            )
        return loop

    def _dispatch(
        self,
        future: Future[_T],
        fn: Callable[..., _T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        loop = self._running()
        if isinstance(fn, NativeTask):
            if args or kwargs:
                raise TypeError("A native task takes no arguments.")
            start = _Start(future, fn)
            advance: Callable[[float | None], object] = start.wait
            begin = start.begin
        else:
            call = _Call(future, fn, args, kwargs)
            advance = begin = call.run
        if isinstance(future, _LoopFuture):
            future.done_by(advance)
        if _running_loop() is loop:
            begin()
            if not future.done():
                self._remember(future, advance)
            return
        self._remember(future, advance)
        try:
            loop.call_soon_threadsafe(begin)
        except RuntimeError:  # closed since
            self._forget(future)
            raise

    def _remember(self, future: Future[Any], advance: Callable[[float | None], object]) -> None:
        with self._lock:
            self._pending[future] = advance
        future.add_done_callback(self._forget)

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._pending.pop(future, None)


class _Start:
    """The start of a native task, on the loop's thread, and the wait for its end there."""

    __slots__ = ("_begun", "_future", "_task")

    def __init__(self, future: Future[Any], task: NativeTask[Any]) -> None:
        self._future = future
        self._task = task
        self._begun = False

    def begin(self) -> None:
        if self._begun or self._future.done():
            return
        self._begun = True
        try:
            self._task.start_async(self._future)
        except BaseException as error:
            settle(self._future, exception=error)
            if not isinstance(error, Exception):
                raise

    def wait(self, timeout: float | None = None) -> None:
        self.begin()
        if not self._future.done():
            self._task.wait(timeout)


def _wait_for(futures: list[Future[Any]]) -> None:
    """Return when all futures are done."""
    wait(futures)


class S3AioThreadPool(S3Executor):
    """Threads for blocking calls of coroutines, apart from the loop's default executor.

    Nothing in this package uses it. Threads are made when first needed; a forked process makes
    its own.

    Args:
        max_workers: how many threads at most; ``None`` for 4 more than there are CPUs, at most 32.

    Raises:
        ValueError: ``max_workers`` is not positive.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self._max_workers = (
            min(32, (os.cpu_count() or 1) + 4) if max_workers is None else max_workers
        )
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._pid = os.getpid()
        self._is_shut = False

    def submit(self, fn: Callable[..., _T], *args: Any, **kwargs: Any) -> Future[_T]:
        """Have ``fn(*args, **kwargs)`` called on a thread of the pool."""
        if self._pid != os.getpid():  # forked: neither the threads nor the lock's holder came along
            self._lock, self._pool, self._pid = threading.Lock(), None, os.getpid()
        with self._lock:
            if self._is_shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._pool is None:
                self._pool = ThreadPoolExecutor(max_workers=self._max_workers)
            return self._pool.submit(fn, *args, **kwargs)

    async def run(self, fn: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
        """Call ``fn(*args, **kwargs)`` on a thread, with the caller's context variables.

        A cancelled caller does not wait for a call that has begun.
        """
        import asyncio

        return await asyncio.wrap_future(self._submit_in_context(fn, args, kwargs))

    async def run_shielded(self, fn: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
        """As :meth:`run`, but a cancelled caller waits until the call has ended."""
        return await self.wait_shielded(self._submit_in_context(fn, args, kwargs))

    async def wait_shielded(self, future: Future[_T]) -> _T:
        """Wait for a future; a cancelled caller is cancelled when the future is done."""
        import asyncio

        waited = asyncio.wrap_future(future)
        cancelled: BaseException | None = None
        while not waited.done():
            try:
                await asyncio.wait({waited})
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is None:
            return waited.result()
        if not waited.cancelled():
            waited.exception()  # seen: no warning that it was never retrieved
        raise cancelled

    def release(self) -> None:
        """Let the threads end when their calls have; the next call makes new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and self._pid == os.getpid():
            pool.shutdown(wait=False)

    def shutdown(self, wait: bool = True) -> None:
        """Take no more work; with ``wait``, return when all threads have ended."""
        with self._lock:
            self._is_shut = True
            pool, self._pool = self._pool, None
        if pool is not None and self._pid == os.getpid():
            pool.shutdown(wait=wait)

    def _submit_in_context(
        self, fn: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future[_T]:
        return self.submit(contextvars.copy_context().run, fn, *args, **kwargs)

"""One coroutine, two ways to carry it out.

What the file systems do is written once, as coroutines over a :class:`Drive`. Under asyncio a
``LoopDrive`` (in ``_loop_drive.py``) lets them wait on futures of the loop; a
:class:`BlockingDrive` steps the same coroutines on the caller's thread and waits in the core with
the GIL released. The latter needs no event loop, so it works inside a running one, in any thread,
and nested.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pyathena import _core
from pyathena.common import drain_log

if TYPE_CHECKING:
    from pyathena.filesystem._client import S3Client

__all__ = ["Abandoned", "BlockingDrive", "Drive", "Gathering", "Transfer", "run_blocking"]

T = TypeVar("T")

_DONE = _core.EVENT_DONE
_CREDENTIALS = _core.EVENT_CREDENTIALS
_LOOK_S = 1.0


class Abandoned(BaseException):
    """Thrown into coroutines of a :class:`BlockingDrive` that have to end, for instance because a
    sibling failed; what ``CancelledError`` is under asyncio."""


class Transfer(ABC):
    """An operation of the core that was started.

    Whoever starts one waits for its end, with :meth:`done` or :meth:`cancel`, or forgets it.

    Attributes:
        query: the operation.
        failure: set when the operation could not be followed to its end.
    """

    __slots__ = ("_enders", "_is_over", "_news", "_watchers", "client", "query")

    query: _core.Query

    def __init__(self, client: S3Client) -> None:
        self.client = client
        self._is_over = False
        self._news = False
        # Who waits for the end, and who for anything new.
        self._enders: list[Any] | None = None
        self._watchers: list[Any] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the final event was seen."""
        return self._is_over

    def handle(self, event: int, execution: bytes | None) -> None:
        """Take one event of the operation."""
        if event == _DONE:
            self._is_over = True
            waiting, self._enders = self._enders, None
            if waiting is not None:
                self._wake(waiting)
        elif event == _CREDENTIALS:
            if self.client.supply_credentials is not None:
                self.client.supply_credentials()
            return
        self._news = True
        if self._watchers is not None:
            waiting, self._watchers = self._watchers, None
            self._wake(waiting)

    @abstractmethod
    def _waiter(self) -> Any:
        """What is put into a list of waiters and then awaited."""

    @abstractmethod
    def _wake(self, waiting: list[Any]) -> None:
        """Let all go on that wait."""

    @abstractmethod
    def forget(self) -> None:
        """Let the operation end by itself; memory lent to it is free on return."""

    async def _end(self) -> None:
        waiter = self._waiter()
        if self._enders is None:
            self._enders = [waiter]
        else:
            self._enders.append(waiter)
        await waiter

    async def done(self) -> _core.Query:
        """Wait for the end and return the operation; raises nothing of the operation itself.

        When the waiting is abandoned the operation is cancelled and its end awaited; when that is
        abandoned too, the operation is forgotten.
        """
        while not self._is_over:
            try:
                await self._end()
            except GeneratorExit:  # there is no more waiting
                self.forget()
                raise
            except BaseException:
                await self.cancel()
                raise
        return self.query

    async def changed(self) -> None:
        """Wait until there is something new (results, room, the end) since the last look; may
        return early. Abandoned, it leaves the operation as it is."""
        if not self._news and not self._is_over:
            waiter = self._waiter()
            if self._watchers is None:
                self._watchers = [waiter]
            else:
                self._watchers.append(waiter)
            await waiter
        self._news = False

    async def cancel(self) -> None:
        """Cancel the operation and wait for its end."""
        if self._is_over:
            return
        self.query.cancel(True)
        try:
            while not self._is_over:
                await self._end()
        except BaseException:
            self.forget()
            raise


class Drive(ABC):
    """What carries out the coroutines of the file systems."""

    __slots__ = ("client",)

    client: S3Client

    @abstractmethod
    def start(self, start: Callable[[_core.Queue], _core.Query]) -> Transfer:
        """Start an operation: ``start`` is called with the queue for its events."""

    @abstractmethod
    async def gather(
        self,
        coroutines: Iterable[Coroutine[Any, Any, T]],
        limit: int | None = None,
        return_exceptions: bool = False,
    ) -> list[T]:
        """Run coroutines at the same time and return their results in order.

        Args:
            coroutines: consumed as places become free when there is a ``limit``.
            limit: how many run at once; ``None``: all.
            return_exceptions: exceptions are results. Otherwise the first failure ends the others,
                and is raised when they have ended.
        """

    @abstractmethod
    async def breathe(self) -> None:
        """Let others go on for a moment."""


def close_rest(coroutines: Iterator[Coroutine[Any, Any, Any]], source: object) -> None:
    """Close coroutines that are not going to run."""
    if isinstance(source, (list, tuple)):
        for coroutine in coroutines:
            coroutine.close()
    elif isinstance(source, Generator):
        source.close()


class Gathering(ABC, Generic[T]):
    """Coroutines that run at the same time, each in a task of the drive's kind; used once."""

    def __init__(self, coroutines: Iterable[Coroutine[Any, Any, T]], keeps: bool) -> None:
        self._source = coroutines
        self._rest = iter(coroutines)
        self._keeps = keeps
        self._tasks: list[Any] = []
        self._running: set[Any] = set()
        self._failure: BaseException | None = None

    @abstractmethod
    def _spawn(self, coroutine: Coroutine[Any, Any, T]) -> Any:
        """A task that runs a coroutine and, never at once, calls :meth:`_over` at its end."""

    @abstractmethod
    def _failure_of(self, task: Any) -> BaseException | None:
        """What a task that is over has raised."""

    @abstractmethod
    def _result_of(self, task: Any) -> T:
        """What a task that is over has returned."""

    @abstractmethod
    def _abandon(self, task: Any) -> None:
        """Have a task end."""

    @abstractmethod
    def _pause(self) -> Awaitable[None]:
        """What the caller awaits until :meth:`_wake`."""

    @abstractmethod
    def _wake(self) -> None:
        """Let the caller go on if it waits."""

    async def _turn(self) -> None:
        """Wait until the next one may begin."""

    async def run(self, limit: int | None) -> list[T]:
        """See :meth:`Drive.gather`."""
        try:
            while limit is None or len(self._running) < limit:
                await self._turn()
                if not self._start_next():
                    break
            await self._all_over()
        except BaseException as failure:
            if self._failure is None or not isinstance(failure, Exception):
                self._failure = failure
            await self._stop()
        if self._failure is not None:
            close_rest(self._rest, self._source)
            try:
                raise self._failure
            finally:
                self._failure = None
        return [cast("T", self._failure_of(task) or self._result_of(task)) for task in self._tasks]

    def _start_next(self) -> bool:
        coroutine = next(self._rest, None)
        if coroutine is None:
            return False
        task = self._spawn(coroutine)
        self._tasks.append(task)
        self._running.add(task)
        return True

    def _over(self, task: Any) -> None:
        self._running.discard(task)
        failure = self._failure_of(task)
        if failure is not None and not (self._keeps and isinstance(failure, Exception)):
            if self._failure is None:
                self._failure = failure
                self._abandon_all()
        elif self._failure is None:
            try:
                self._start_next()
            except BaseException as error:  # of the iterable
                self._failure = error
                self._abandon_all()
        if not self._running:
            self._wake()

    def _abandon_all(self) -> None:
        for task in self._running:
            self._abandon(task)

    async def _all_over(self) -> None:
        while self._running:
            await self._pause()

    async def _stop(self) -> None:
        """End what runs and wait for it; abandoned again, it is told again, which makes it forget
        its operations."""
        while self._running:
            self._abandon_all()
            try:
                await self._all_over()
            except GeneratorExit:
                raise
            except BaseException:
                continue


# -- blocking --------------------------------------------------------------------------------------


class _Task(Generic[T]):
    """A coroutine that a blocking drive steps."""

    __slots__ = ("coroutine", "failure", "is_over", "is_queued", "on_over", "result", "thrown")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, T],
        on_over: Callable[[_Task[T]], None] | None = None,
    ) -> None:
        self.coroutine = coroutine
        self.on_over = on_over
        self.result: T | None = None
        self.failure: BaseException | None = None
        self.thrown: BaseException | None = None
        self.is_over = False
        self.is_queued = False


class _Pause:
    """Awaited by a task until the drive wakes it."""

    __slots__ = ("task",)

    def __init__(self, task: _Task[Any]) -> None:
        self.task = task

    def __await__(self) -> Generator[None, None, None]:
        yield


class _BlockingTransfer(Transfer):
    __slots__ = ("_drive",)

    def __init__(self, drive: BlockingDrive) -> None:
        super().__init__(drive.client)
        self._drive = drive

    def _waiter(self) -> _Pause:
        return self._drive.pause()

    def _wake(self, waiting: list[_Pause]) -> None:
        for pause in waiting:
            self._drive.wake(pause.task)

    def forget(self) -> None:
        self._drive.forget(self)


class _Idle(threading.local):
    """Queues of this thread that nobody uses; each keeps a descriptor open."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.queues: list[_core.Queue] = []


_idle = _Idle()
_IDLE_MAX = 4


def _take_queue() -> _core.Queue:
    if _idle.pid != os.getpid():
        _idle.pid, _idle.queues = os.getpid(), []
    return _idle.queues.pop() if _idle.queues else _core.Queue()


class BlockingDrive(Drive):
    """Steps coroutines on the calling thread.

    Operations may be left running between two calls of :meth:`run`, which may come from different
    threads, one at a time.
    """

    __slots__ = ("_current", "_operations", "_pid", "_queue", "_ready")

    def __init__(self, client: S3Client, queue: _core.Queue | None = None) -> None:
        self.client = client
        self._pid = os.getpid()
        self._queue = _core.Queue() if queue is None else queue
        self._operations: dict[int, _BlockingTransfer] = {}
        self._ready: deque[_Task[Any]] = deque()
        self._current: _Task[Any] | None = None

    def start(self, start: Callable[[_core.Queue], _core.Query]) -> Transfer:
        if self._pid != os.getpid():  # forked: what is in flight belongs to the parent
            self._pid, self._queue, self._operations = os.getpid(), _core.Queue(), {}
        transfer = _BlockingTransfer(self)
        transfer.query = query = start(self._queue)
        self._operations[query.token] = transfer
        return transfer

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end; return its result or raise its exception.

        A ``KeyboardInterrupt`` is thrown into it: it stops its operations, then it is raised.
        """
        task = _Task(coroutine)
        self.wake(task)
        while not task.is_over:
            try:
                self._turn()
            except KeyboardInterrupt as interrupt:
                task.thrown = interrupt
                self.wake(task)
        drain_log()
        if task.failure is not None:
            try:
                raise task.failure
            finally:
                task.failure = None  # no cycle with this frame
        return cast("T", task.result)

    def _turn(self) -> None:
        """Step one task, or wait for events."""
        if self._ready:
            task = self._ready.popleft()
            task.is_queued = False
            if not task.is_over:
                self._step(task)
            return
        if not self._operations:
            raise RuntimeError("a coroutine waits for nothing of this drive")
        if self._queue.wait(_LOOK_S):
            for event, _, token, execution in self._queue.drain():
                transfer = self._operations.get(token)
                if transfer is None:
                    continue
                if event == _DONE:
                    del self._operations[token]
                transfer.handle(event, execution)
        else:  # an interrupt may have come between an event and its handling
            for token, transfer in list(self._operations.items()):
                if transfer.query.done:
                    self._operations.pop(token, None)
                    transfer.handle(_DONE, None)

    def _step(self, task: _Task[Any]) -> None:
        before, self._current = self._current, task
        try:
            thrown, task.thrown = task.thrown, None
            if thrown is None:
                task.coroutine.send(None)
            else:
                task.coroutine.throw(thrown)
        except StopIteration as stop:
            task.result = stop.value
            task.is_over = True
        except BaseException as failure:
            task.failure = failure
            task.is_over = True
        finally:
            self._current = before
        if task.is_over and task.on_over is not None:
            task.on_over(task)

    def pause(self) -> _Pause:
        """What the running task awaits until it is woken."""
        assert self._current is not None, "awaited outside of the drive"
        return _Pause(self._current)

    def wake(self, task: _Task[Any]) -> None:
        """Step a task soon."""
        if not task.is_queued:
            task.is_queued = True
            self._ready.append(task)

    def throw(self, task: _Task[Any], exception: BaseException) -> None:
        """Raise an exception in a task soon."""
        if not task.is_over:
            task.thrown = exception
            self.wake(task)

    def forget(self, transfer: Transfer) -> None:
        """No more events of an operation; one that runs is stopped by the core."""
        if self._pid == os.getpid():
            self._operations.pop(transfer.query.token, None)
            transfer.query.detach()

    def forget_all(self) -> None:
        """Forget all operations that still run."""
        for transfer in list(self._operations.values()):
            self.forget(transfer)

    async def gather(
        self,
        coroutines: Iterable[Coroutine[Any, Any, T]],
        limit: int | None = None,
        return_exceptions: bool = False,
    ) -> list[T]:
        return await _BlockingGathering(self, coroutines, return_exceptions).run(limit)

    async def breathe(self) -> None:
        return None


class _BlockingGathering(Gathering[T]):
    """Coroutines that run at the same time in a blocking drive."""

    def __init__(
        self, drive: BlockingDrive, coroutines: Iterable[Coroutine[Any, Any, T]], keeps: bool
    ) -> None:
        super().__init__(coroutines, keeps)
        self._drive = drive
        self._parent: _Pause | None = None

    def _spawn(self, coroutine: Coroutine[Any, Any, T]) -> _Task[T]:
        task = _Task(coroutine, self._over)
        self._drive.wake(task)
        return task

    def _failure_of(self, task: _Task[T]) -> BaseException | None:
        return task.failure

    def _result_of(self, task: _Task[T]) -> T:
        return cast("T", task.result)

    def _abandon(self, task: _Task[T]) -> None:
        self._drive.throw(task, Abandoned())

    def _pause(self) -> _Pause:
        self._parent = self._drive.pause()
        return self._parent

    def _wake(self) -> None:
        if self._parent is not None:
            self._drive.wake(self._parent.task)


def run_blocking(client: S3Client, make: Callable[[Drive], Coroutine[Any, Any, T]]) -> T:
    """Run the coroutine that ``make`` makes for a drive, on this thread, to its end."""
    drive = BlockingDrive(client, _take_queue())
    try:
        return drive.run(make(drive))
    finally:
        drive.forget_all()
        if len(_idle.queues) < _IDLE_MAX and drive._pid == os.getpid():
            _idle.queues.append(drive._queue)

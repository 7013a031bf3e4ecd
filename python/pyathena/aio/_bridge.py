"""Between the core and an event loop: one completion queue, one descriptor, one reader a loop.

The core's I/O thread makes the queue's descriptor readable; the loop's reader drains it once and
resolves futures. Nothing else of the core runs on the loop's thread.

A KeyboardInterrupt may strike between any two steps of the loop's thread: an event leaves the line
only when it has been handled, or just before it goes to a callback of the user's.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Protocol

from pyathena import _core
from pyathena.common import drain_log

_EVENTS_MAX = 32  # of one drain: what they wake runs in one iteration of the loop
_STARTS_MAX = 32  # operations that begin without a look at the loop
_CROWD = 256  # operations from which on the collector is held off,
_CROWD_OVER = 64  # up to which it is,
_CROWD_S = 2.0  # and how long at most
_FOR_WAITERS = (_core.EVENT_BATCH, _core.EVENT_RESULT, _core.EVENT_DONE)


class Handler(Protocol):
    """Who gets the events of an operation."""

    @property
    def query(self) -> _core.Query | None:
        """The operation."""

    def handle(self, event: int, execution: bytes | None) -> None:
        """Take one event, on the loop's thread. EVENT_BATCH, EVENT_RESULT and EVENT_DONE may come
        again when an interrupt cut their handling short."""


class Operation:
    """One operation of the core as the loop sees it."""

    __slots__ = (
        "_batch",
        "_done",
        "_is_ready",
        "_ready",
        "bridge",
        "failure",
        "on_credentials",
        "on_started",
        "on_state",
        "query",
    )

    def __init__(self, bridge: LoopBridge) -> None:
        self.bridge = bridge
        self.query: _core.Query | None = None
        self.on_started: Callable[[], None] | None = None
        self.on_state: Callable[[bytes], None] | None = None
        self.on_credentials: Callable[[], None] | None = None
        self.failure: BaseException | None = None  # of a callback of the user's
        # One future for each who waits: a cancelled task cancels the future it waits on.
        self._ready: list[asyncio.Future[None]] = []
        self._done: list[asyncio.Future[None]] = []
        self._batch: asyncio.Future[None] | None = None
        self._is_ready = False

    def ready(self) -> asyncio.Future[None]:
        """Resolved when the result is there or the operation has ended."""
        return self._add(self._ready, self._is_ready)

    def done(self) -> asyncio.Future[None]:
        """Resolved by the final event."""
        return self._add(self._done, self.query is not None and self.query.done)

    def _add(self, waiting: list[asyncio.Future[None]], is_over: bool) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self.bridge.loop.create_future()
        if is_over:
            future.set_result(None)
        else:
            waiting.append(future)
        return future

    def _tell_ready(self) -> None:
        self._is_ready = True
        _resolve_all(self._ready)

    def batch(self) -> asyncio.Future[None]:
        """Resolved when rows came in, or the operation has ended."""
        if self._batch is None or self._batch.done():
            self._batch = self.bridge.loop.create_future()
        return self._batch

    def handle(self, event: int, execution: bytes | None) -> None:
        """Take one event, on the loop's thread."""
        if event == _core.EVENT_BATCH:
            _resolve(self._batch)
        elif event == _core.EVENT_RESULT:
            self._tell_ready()
            _resolve(self._batch)
        elif event == _core.EVENT_DONE:
            self._tell_ready()
            _resolve(self._batch)
            _resolve_all(self._done)
        elif event == _core.EVENT_CREDENTIALS:
            if self.on_credentials is not None:
                self.on_credentials()
        elif self.failure is None:
            self._call_user(event, execution)

    def _call_user(self, event: int, execution: bytes | None) -> None:
        """A failure of the user's is the operation's, but not one that is to end the loop."""
        try:
            if event == _core.EVENT_STARTED and self.on_started is not None:
                self.on_started()
            elif event == _core.EVENT_STATE and self.on_state is not None:
                self.on_state(execution or b"{}")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as ex:
            self.failure = ex
            self._tell_ready()


def _resolve_all(waiting: list[asyncio.Future[None]]) -> None:
    for future in waiting:
        _resolve(future)
    waiting.clear()


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


class _Reader:
    """The loop's callback. Only the loop holds it, so that its end tells that the loop closed."""

    __slots__ = ("bridge",)

    def __init__(self, bridge: LoopBridge) -> None:
        self.bridge: LoopBridge | None = bridge

    def __call__(self) -> None:
        if self.bridge is not None:
            self.bridge.drain()

    def __del__(self) -> None:
        if self.bridge is not None:
            self.bridge.loop_closed()


class _Process:
    """Which process this is, counted in forks: cheaper to ask than the id."""

    generation = 0
    holders: set[LoopBridge] = set()  # of the collector

    @classmethod
    def count_fork(cls) -> None:
        cls.generation += 1
        for _ in cls.holders:  # their loops stay with the parent
            _core.gc_release()
        cls.holders.clear()


os.register_at_fork(after_in_child=_Process.count_fork)


class LoopBridge:
    """What all cursors of one loop share."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._generation = _Process.generation
        self.queue = _core.Queue()
        #: The time rows may be made in one iteration of the loop, by all cursors together.
        self.budget = _core.LoopBudget(loop)
        self._operations: dict[int, Handler] = {}
        self._events: deque[tuple[int, int, int, bytes | None]] = deque()
        self._closed = False
        self._starts = 0
        self._turns: deque[asyncio.Future[None]] = deque()
        self._is_pumping = False
        self._may_hold = True
        self._hold_end: asyncio.TimerHandle | None = None
        reader = _Reader(self)
        try:
            loop.add_reader(self.queue.fileno(), reader)
        except NotImplementedError:
            reader.bridge = None
            threading.Thread(
                target=self._wait_in_thread, name="pyathena-events", daemon=True
            ).start()

    def start(
        self, start: Callable[[_core.Queue], _core.Query], operation: Operation
    ) -> _core.Query:
        """Start an operation; its events go to ``operation`` from now on."""
        operation.query = query = start(self.queue)  # in this order: an interrupt may come between
        self._operations[query.token] = operation
        return query

    def follow(self, token: int, handler: Handler) -> None:
        """Send the events of an operation that was started with the bridge's queue to
        ``handler``."""
        self._operations[token] = handler

    def wait_batch(self, query: _core.Query) -> asyncio.Future[None]:
        """For the core's awaitables: the future to wait on for more rows of ``query``."""
        operation = self._operations.get(query.token)
        if isinstance(operation, Operation):
            return operation.batch()
        future: asyncio.Future[None] = self.loop.create_future()
        future.set_result(None)  # it has ended: all there is has arrived
        return future

    def turn(self) -> asyncio.Future[None] | None:
        """``None``: an operation may begin at once; else it is to wait for this.

        A thousand tasks that begin in one iteration of the loop would hold it for a thousand
        beginnings. The first few go on, the others in groups, with a look at the loop between.
        """
        self._starts += 1
        if self._starts <= _STARTS_MAX and not self._turns:
            return None
        future: asyncio.Future[None] = self.loop.create_future()
        self._turns.append(future)
        if not self._is_pumping:
            self.loop.call_soon(self._pump)
            self._is_pumping = True
        if self._may_hold and len(self._turns) + len(self._operations) >= _CROWD:
            self._hold_collector()
        return future

    def _pump(self) -> None:
        """Let the next ones begin."""
        turns = self._turns
        self._starts = 0
        try:
            while turns and self._starts < _STARTS_MAX:
                _resolve(turns[0])
                turns.popleft()
                self._starts += 1
            self._look_at_crowd()
        finally:
            self._is_pumping = False
            if turns:
                self.loop.call_soon(self._pump)
                self._is_pumping = True

    def _hold_collector(self) -> None:
        """Objects of a crowd's tasks, alive all of them, would bring about full collections, each
        of which holds the loop for tens of milliseconds. Not for long: a crowd may be a program's
        normal state."""
        self._may_hold = False
        self._hold_end = self.loop.call_later(_CROWD_S, self._release_collector)
        _Process.holders.add(self)
        _core.gc_hold()

    def _release_collector(self) -> None:
        if self in _Process.holders:
            _Process.holders.discard(self)
            _core.gc_release()
        if self._hold_end is not None:
            self._hold_end.cancel()
            self._hold_end = None

    def _look_at_crowd(self) -> None:
        if not self._may_hold and len(self._turns) + len(self._operations) <= _CROWD_OVER:
            self._release_collector()
            self._may_hold = True

    def drain(self) -> None:
        """Hand out the events that wait; bounded, the descriptor stays readable for the rest."""
        if not self._turns:
            self._starts = 0
        self._look_at_crowd()
        try:
            # From the queue to the line without a step between, where events could be lost.
            self._events.extend(chain.from_iterable(map(self.queue.drain, (_EVENTS_MAX,))))
            self._hand_out()
        finally:
            if self._events:
                self.loop.call_soon(self.drain)
        drain_log()

    def _hand_out(self) -> None:
        events = self._events
        while events:
            event, _, token, execution = events[0]
            operation = self._operations.get(token)
            if operation is not None and event in _FOR_WAITERS:
                try:
                    operation.handle(event, execution)
                except Exception:
                    events.popleft()
                    raise
                if event == _core.EVENT_DONE:
                    self._operations.pop(token, None)
                events.popleft()
            else:
                events.popleft()
                if operation is not None:
                    operation.handle(event, execution)

    def forget(self, operation: Handler) -> None:
        """No more events of an operation; one that runs is stopped by the core."""
        if operation.query is not None:
            self._operations.pop(operation.query.token, None)
            operation.query.detach()

    def loop_closed(self) -> None:
        """Stop what still runs: nobody can wait for it any more."""
        self._closed = True
        self._release_collector()
        if self._generation != _Process.generation:
            return  # a forked child's copy of the loop; the parent's goes on
        for operation in list(self._operations.values()):
            if operation.query is not None:
                operation.query.cancel(True)
        self._operations.clear()

    def _wait_in_thread(self) -> None:
        """For loops that cannot watch descriptors."""
        while self._is_open():
            if not self.queue.wait(1.0):
                continue
            drained = threading.Event()
            while self._is_open() and not drained.is_set():
                try:
                    self.loop.call_soon_threadsafe(self._drain_for_thread, drained)
                except RuntimeError:
                    break  # closed meanwhile
                drained.wait(1.0)  # then again: an interrupt may have taken the call's place
        self.loop_closed()

    def _is_open(self) -> bool:
        return not self._closed and not self.loop.is_closed()

    def _drain_for_thread(self, drained: threading.Event) -> None:
        try:
            self.drain()
        finally:
            drained.set()

    @property
    def is_usable(self) -> bool:
        return not self._closed and self._generation == _Process.generation


class _Local(threading.local):
    bridge: LoopBridge | None = None


_local = _Local()


def get_bridge() -> LoopBridge:
    """The bridge of the running loop."""
    loop = asyncio.get_running_loop()
    bridge = _local.bridge
    if bridge is None or bridge.loop is not loop or not bridge.is_usable:
        bridge = _local.bridge = LoopBridge(loop)
    return bridge


def next_turn() -> asyncio.Future[None] | None:
    """What an operation of the running loop has to wait for before it begins, if anything; see
    :meth:`LoopBridge.turn`."""
    return get_bridge().turn()


async def take_turn() -> None:
    """Wait until an operation of the running loop may begin."""
    turn = next_turn()
    if turn is not None:
        await turn

"""The drive of asyncio: operations of the core as futures of the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pyathena import _core
from pyathena.aio._bridge import LoopBridge, get_bridge, next_turn
from pyathena.filesystem._drive import Drive, Transfer, close_rest

if TYPE_CHECKING:
    from pyathena.filesystem._client import S3Client

__all__ = ["LoopDrive"]

T = TypeVar("T")


class _LoopTransfer(Transfer):
    __slots__ = ("_bridge",)

    def __init__(self, client: S3Client, bridge: LoopBridge) -> None:
        super().__init__(client)
        self._bridge = bridge

    def _waiter(self) -> asyncio.Future[None]:
        return self._bridge.loop.create_future()

    def _wake(self, waiting: list[asyncio.Future[None]]) -> None:
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def forget(self) -> None:
        self._bridge.forget(self)

    async def done(self) -> _core.Query:
        # As the base class's, without a coroutine of its own for the one wait.
        if not self._is_over:
            future: asyncio.Future[None] = self._bridge.loop.create_future()
            if self._enders is None:
                self._enders = [future]
            else:
                self._enders.append(future)
            try:
                await future
            except GeneratorExit:
                self.forget()
                raise
            except BaseException:
                await self.cancel()
                raise
        return self.query


class LoopDrive(Drive):
    """Carries out coroutines on whatever event loop runs them."""

    __slots__ = ()

    def __init__(self, client: S3Client) -> None:
        self.client = client

    def start(self, start: Callable[[_core.Queue], _core.Query]) -> Transfer:
        bridge = get_bridge()
        transfer = _LoopTransfer(self.client, bridge)
        transfer.query = query = start(bridge.queue)
        bridge.follow(query.token, transfer)
        return transfer

    async def gather(
        self,
        coroutines: Iterable[Coroutine[Any, Any, T]],
        limit: int | None = None,
        return_exceptions: bool = False,
    ) -> list[T]:
        return await _LoopGathering(coroutines, return_exceptions).run(limit)

    async def breathe(self) -> None:
        await asyncio.sleep(0)


class _LoopGathering(Generic[T]):
    """Coroutines that run at the same time as tasks of the loop."""

    def __init__(self, coroutines: Iterable[Coroutine[Any, Any, T]], keeps: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._source = coroutines
        self._rest = iter(coroutines)
        self._keeps = keeps
        self._tasks: list[asyncio.Task[T]] = []
        self._running: set[asyncio.Task[T]] = set()
        self._failure: BaseException | None = None
        self._all: asyncio.Future[None] | None = None

    async def run(self, limit: int | None) -> list[T]:
        try:
            while limit is None or len(self._running) < limit:
                turn = next_turn()
                if turn is not None:
                    await turn
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
        return [cast("T", task.exception() or task.result()) for task in self._tasks]

    def _start_next(self) -> bool:
        coroutine = next(self._rest, None)
        if coroutine is None:
            return False
        task = self._loop.create_task(coroutine)
        self._tasks.append(task)
        self._running.add(task)
        task.add_done_callback(self._over)
        return True

    def _over(self, task: asyncio.Task[T]) -> None:
        self._running.discard(task)
        failure = asyncio.CancelledError() if task.cancelled() else task.exception()
        if failure is not None and not (self._keeps and isinstance(failure, Exception)):
            if self._failure is None:
                self._failure = failure
                self._abandon()
        elif self._failure is None:
            try:
                self._start_next()
            except BaseException as error:  # of the iterable
                self._failure = error
                self._abandon()
        if not self._running and self._all is not None and not self._all.done():
            self._all.set_result(None)

    def _abandon(self) -> None:
        for task in self._running:
            task.cancel()

    async def _all_over(self) -> None:
        while self._running:
            self._all = self._loop.create_future()
            await self._all

    async def _stop(self) -> None:
        """End what runs and wait for it; cancelled again, it is told again, which makes it forget
        its operations."""
        while self._running:
            self._abandon()
            try:
                await self._all_over()
            except GeneratorExit:
                raise
            except BaseException:
                continue

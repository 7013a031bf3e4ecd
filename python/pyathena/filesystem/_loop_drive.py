"""The drive of asyncio: operations of the core as futures of the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from pyathena import _core
from pyathena.aio._bridge import LoopBridge, get_bridge, take_turn
from pyathena.filesystem._drive import Drive, Gathering, Transfer

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


class _LoopGathering(Gathering[T]):
    """Coroutines that run at the same time as tasks of the loop."""

    def __init__(self, coroutines: Iterable[Coroutine[Any, Any, T]], keeps: bool) -> None:
        super().__init__(coroutines, keeps)
        self._loop = asyncio.get_running_loop()
        self._all: asyncio.Future[None] | None = None

    async def _turn(self) -> None:
        await take_turn()

    def _spawn(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(coroutine)
        task.add_done_callback(self._over)
        return task

    def _failure_of(self, task: asyncio.Task[T]) -> BaseException | None:
        return asyncio.CancelledError() if task.cancelled() else task.exception()

    def _result_of(self, task: asyncio.Task[T]) -> T:
        return task.result()

    def _abandon(self, task: asyncio.Task[T]) -> None:
        task.cancel()

    def _pause(self) -> asyncio.Future[None]:
        self._all = self._loop.create_future()
        return self._all

    def _wake(self) -> None:
        if self._all is not None and not self._all.done():
            self._all.set_result(None)

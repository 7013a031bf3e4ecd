"""asyncio connections."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

from pyathena.aio.cursor import AioCursor
from pyathena.connection import Connection

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class _Creation(Coroutine[Any, Any, "AioConnection"]):
    """What ``AioConnection.create()`` gives: a coroutine that may be entered with ``async with``
    instead."""

    __slots__ = ("_arguments", "_cls", "_connection")

    def __init__(self, cls: type[AioConnection], arguments: dict[str, Any]) -> None:
        self._cls = cls
        self._arguments = arguments
        self._connection: AioConnection | None = None

    async def _create(self) -> AioConnection:
        return self._cls(**self._arguments)

    # Nothing is waited for, so it ends in one step.

    def send(self, value: Any) -> Any:
        raise StopIteration(self._cls(**self._arguments))

    def throw(self, *args: Any) -> Any:
        raise args[0] if len(args) == 1 else args[1] or args[0]

    def close(self) -> None:
        """Nothing has begun that could be ended."""

    def __await__(self) -> Generator[Any, None, AioConnection]:
        return self._create().__await__()

    async def __aenter__(self) -> AioConnection:
        self._connection = await self._create()
        return self._connection

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.close()


class AioConnection(Connection[AioCursor]):
    """A connection whose cursors are awaited; arguments as those of
    :class:`~pyathena.connection.Connection`.

    Making one does no network I/O, so it may be made inside a coroutine.

    >>> async with await aio_connect(s3_staging_dir="s3://bucket/results/") as conn:
    ...     async with conn.cursor() as cursor:
    ...         await cursor.execute("SELECT 1")
    """

    @classmethod
    def create(cls, **kwargs: Any) -> _Creation:
        """Make a connection: ``await AioConnection.create(...)``, or
        ``async with AioConnection.create(...) as conn``."""
        return _Creation(cls, kwargs)

    def _default_cursor_class(self) -> type[AioCursor]:
        return AioCursor

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

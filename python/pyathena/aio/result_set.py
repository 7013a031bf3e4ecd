"""Results of queries, read by coroutines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any

from pyathena.converter import Converter
from pyathena.result_set import BaseResultSet, ExecutedQuery, dict_kind

if TYPE_CHECKING:
    from types import TracebackType

    from pyathena.aio._bridge import LoopBridge
    from typing_extensions import Self


class AthenaAioResultSet(BaseResultSet):
    """Rows as tuples. Fetches make rows in short slices, so that the loop stays free."""

    def __init__(
        self,
        connection: Any,
        converter: Converter,
        executed: ExecutedQuery,
        arraysize: int,
        bridge: LoopBridge,
    ) -> None:
        super().__init__(connection, converter, executed, arraysize)
        self._bridge = bridge

    def fetchone(self) -> Awaitable[Any]:
        """The next row, ``None`` after the last."""
        return self._rows.fetch_one(self._bridge)

    def fetchmany(self, size: int | None = None) -> Awaitable[list[Any]]:
        """Up to ``size`` (default ``arraysize``) rows."""
        return self._rows.fetch(self._fetch_size(size), self._bridge)

    def fetchall(self) -> Awaitable[list[Any]]:
        """All rows that are left."""
        return self._rows.fetch(None, self._bridge)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._rows.iterate(self._bridge)

    def __anext__(self) -> Awaitable[Any]:
        return self._rows.anext(self._bridge)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()


class AthenaAioDictResultSet(AthenaAioResultSet):
    """Rows as mappings from column name to value; of equal names the last wins."""

    def __init__(
        self,
        connection: Any,
        converter: Converter,
        executed: ExecutedQuery,
        arraysize: int,
        bridge: LoopBridge,
        dict_type: Any = None,
    ) -> None:
        self._KIND = dict_kind(dict_type)
        super().__init__(connection, converter, executed, arraysize, bridge)

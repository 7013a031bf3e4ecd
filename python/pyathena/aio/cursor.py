"""asyncio cursors over result pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pyathena.aio._bridge import LoopBridge
from pyathena.aio.common import WithAsyncFetch
from pyathena.aio.result_set import AthenaAioDictResultSet, AthenaAioResultSet
from pyathena.common import BaseCursor, CursorIterator
from pyathena.options import ExecuteOptions
from pyathena.result_set import ExecutedQuery


class AioCursor(WithAsyncFetch, CursorIterator):
    """Runs queries and reads their rows as tuples.

    >>> cursor = conn.cursor()
    >>> await cursor.execute("SELECT * FROM many_rows")
    >>> async for row in cursor:
    ...     print(row)
    """

    def __init__(
        self, *, arraysize: int = CursorIterator.DEFAULT_FETCH_SIZE, **kwargs: Any
    ) -> None:
        BaseCursor.__init__(self, **kwargs)
        self.arraysize = arraysize

    async def execute(
        self,
        operation: str,
        parameters: Any = None,
        work_group: str | None = None,
        s3_staging_dir: str | None = None,
        cache_size: int | None = None,
        cache_expiration_time: int | None = None,
        result_reuse_enable: bool | None = None,
        result_reuse_minutes: int | None = None,
        paramstyle: str | None = None,
        on_start_query_execution: Callable[[str], None] | None = None,
        result_set_type_hints: dict[str | int, str] | None = None,
        options: ExecuteOptions | None = None,
    ) -> AioCursor:
        """Run a query to its end and have its first rows ready.

        :param operation: the SQL, at most 262,144 bytes of UTF-8.
        :param parameters: a dict for ``%(name)s`` (pyformat), or a list of SQL literals as text for
            ``?`` (qmark).
        :param result_set_type_hints: full types of array, map and row columns by name or index.
        :param options: defaults for the keywords above it.
        :returns: the cursor.
        :raises ProgrammingError: bad statement or parameters; nothing was sent.
        :raises DatabaseError: AWS refused to start the query.
        :raises OperationalError: the query failed or was cancelled, or AWS could not be reached.
        """
        self._check_open()
        self._reset()
        self._many_count = -1
        resolved = ExecuteOptions.resolve(
            options,
            work_group=work_group,
            s3_staging_dir=s3_staging_dir,
            cache_size=cache_size,
            cache_expiration_time=cache_expiration_time,
            result_reuse_enable=result_reuse_enable,
            result_reuse_minutes=result_reuse_minutes,
            paramstyle=paramstyle,
            on_start_query_execution=on_start_query_execution,
            result_set_type_hints=result_set_type_hints,
        )
        prepared = self._prepare(operation, parameters, resolved, self._arraysize)
        executed, bridge = await self._run(prepared)
        self._result_set = self._make_result_set(executed, bridge)
        return self

    def _make_result_set(self, executed: ExecutedQuery, bridge: LoopBridge) -> AthenaAioResultSet:
        return AthenaAioResultSet(
            self._connection, self._converter, executed, self._arraysize, bridge
        )

    async def executemany(
        self, operation: str, seq_of_parameters: Iterable[Any], **kwargs: Any
    ) -> None:
        """Run a statement once for each set of parameters; afterwards ``rowcount`` is the sum of
        the counts, or -1 when one is unknown. No rows are kept."""
        self._check_open()
        total = 0
        for parameters in seq_of_parameters:
            await self.execute(operation, parameters, **kwargs)
            count = self.rowcount
            total = -1 if count < 0 or total < 0 else total + count
        self._reset()
        self._many_count = total

    _many_count: int = -1

    @property
    def rowcount(self) -> int:
        if self._result_set is None:
            return self._many_count
        return self._result_set.rowcount

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Up to ``size`` (default ``arraysize``) rows."""
        self._require_result_set()._arraysize = self._arraysize
        return await super().fetchmany(size)


class AioDictCursor(AioCursor):
    """As :class:`AioCursor`, with rows as mappings.

    :param dict_type: the mapping's class, called with (name, value) pairs; ``dict`` when ``None``.
    """

    def __init__(self, *, dict_type: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._dict_type = dict_type

    def _make_result_set(self, executed: ExecutedQuery, bridge: LoopBridge) -> AthenaAioResultSet:
        return AthenaAioDictResultSet(
            self._connection,
            self._converter,
            executed,
            self._arraysize,
            bridge,
            self._dict_type,
        )

"""What the asyncio SQL cursors share: running a query, cancelling, catalogue calls."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from pyathena import _core
from pyathena._errors import make_error
from pyathena.aio._bridge import LoopBridge, Operation, get_bridge
from pyathena.common import BaseCursor, PreparedQuery, databases_of, tables_of
from pyathena.error import ProgrammingError
from pyathena.model import AthenaDatabase, AthenaTableMetadata
from pyathena.result_set import ExecutedQuery, WithResultSet, parse_execution

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class AioBaseCursor(WithResultSet, BaseCursor):
    """A cursor whose calls are coroutines of the running event loop.

    One coroutine at a time may execute and fetch; ``cancel()`` and ``close()`` may come from
    others.
    """

    _operation: Operation | None = None

    async def _run(self, prepared: PreparedQuery) -> tuple[ExecutedQuery, LoopBridge]:
        """Start a query and wait until its result is there.

        A cancelled wait stops the query first (with ``kill_on_interrupt``): the cancellation goes
        on once AWS has answered the stop, after two seconds at the latest, and at once when it is
        repeated.
        """
        bridge = get_bridge()
        operation = self._operation = Operation(bridge)
        operation.on_credentials = self._connection._supply_credentials
        try:
            query = bridge.start(functools.partial(self._start, prepared=prepared), operation)
            executed = ExecutedQuery(
                query, prepared.sql, prepared.core_options.get("parameters"), prepared.type_hints
            )
            operation.on_started = functools.partial(self._started, query, prepared.on_start)
            if self._on_poll is not None:
                operation.on_state = functools.partial(self._polled, executed)
            await operation.ready()
        except asyncio.CancelledError:
            await self._give_up(operation)
            raise
        except BaseException:  # an interrupt: the loop ends, so there is no waiting for the stop
            if operation.query is not None:
                operation.query.cancel(True)
            raise
        finally:
            if self._operation is operation and operation.query is not None:
                self._query_id = operation.query.query_id or self._query_id
        if operation.failure is not None:
            raise operation.failure
        failure = query.error()
        if failure is not None and query.columns() is None:
            self._raise_failure(failure, executed)
        return executed, bridge

    def _started(self, query: _core.Query, callbacks: list[Callable[[str], None]]) -> None:
        self._query_id = query.query_id
        for callback in callbacks:
            callback(query.query_id or "")

    def _polled(self, executed: ExecutedQuery, execution: bytes) -> None:
        if self._on_poll is not None:
            self._on_poll(parse_execution(execution, executed.sql, executed.parameters))

    @staticmethod
    async def _give_up(operation: Operation) -> None:
        query = operation.query
        if query is None:
            return
        query.cancel(True)
        try:
            await operation.done()
        except asyncio.CancelledError:
            operation.bridge.forget(operation)  # the core goes on stopping

    @staticmethod
    def _raise_failure(failure: _core.ErrorMembers, executed: ExecutedQuery) -> NoReturn:
        message = None
        if failure["name"] in ("ATH_ERR_QUERY_FAILED", "ATH_ERR_QUERY_CANCELLED"):
            # Athena's StateChangeReason may be longer than the record's message.
            message = executed.execution.state_change_reason or failure["message"]
        raise make_error(failure, executed.query.query_id, message)

    async def _call(self, start: Callable[[_core.Queue], _core.Query]) -> _core.Query:
        """Run an operation of one answer."""
        bridge = get_bridge()
        operation = Operation(bridge)
        operation.on_credentials = self._connection._supply_credentials
        try:
            query = bridge.start(start, operation)
            await operation.done()
        except BaseException:
            bridge.forget(operation)
            raise
        return query

    def _reset(self) -> None:
        if self._result_set is not None:
            self._result_set.close()
        self._result_set = None
        self._operation = None
        self._query_id = None

    async def cancel(self) -> None:
        """Stop the running query, also one whose id is not known yet; does nothing when it has
        ended, and rows not read yet stay fetchable.

        :raises ProgrammingError: there is no query.
        :raises OperationalError: AWS refused.
        """
        self._check_open()
        operation = self._operation
        query = None if operation is None else operation.query
        if operation is not None and query is not None and not query.done and not query.query_id:
            query.interrupt()
            await operation.ready()  # not its end: that may need rows to be read first
            return
        query_id = self._query_id or (query.query_id if query is not None else None)
        if not query_id:
            raise ProgrammingError("QueryExecutionId is none or empty.")
        if query is not None and query.query_id == query_id and self._is_over(query):
            return
        client = self._connection._core_client
        stop = await self._call(lambda queue: client.stop_query(queue, query_id))
        failure = stop.error()
        if failure is not None:
            raise make_error(failure, query_id)

    @staticmethod
    def _is_over(query: _core.Query) -> bool:
        return query.state() >= _core.STATE_SUCCEEDED  # not `done`: a wait may end before the query

    def close(self) -> None:
        """Close; a query that still runs is stopped. Calling twice is fine."""
        if self._closed:
            return
        self._closed = True
        if self._result_set is not None:
            self._result_set.close()
        elif self._operation is not None and self._operation.query is not None:
            self._operation.query.cancel(True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    # -- catalogue -------------------------------------------------------------------------------

    async def _call_metadata(
        self, options: dict[str, Any], what: str, logging_: bool = True
    ) -> Any:
        call = await self._call(functools.partial(self._start_metadata, options=options))
        return self._read_metadata(call, what, logging_)

    async def list_databases(
        self, catalog_name: str | None, max_results: int | None = None
    ) -> list[AthenaDatabase]:
        """All databases of a catalog; ``max_results`` is the size of one page, at most 50."""
        options = self._metadata_options(
            _core.METADATA_DATABASES, catalog_name, max_results=max_results
        )
        return databases_of(await self._call_metadata(options, "list databases"))

    async def list_table_metadata(
        self,
        catalog_name: str | None = None,
        schema_name: str | None = None,
        expression: str | None = None,
        max_results: int | None = None,
        logging_: bool = True,
    ) -> list[AthenaTableMetadata]:
        """The tables of a database, those matching ``expression`` (Athena's regular expression)."""
        options = self._metadata_options(
            _core.METADATA_TABLES,
            catalog_name,
            schema_name,
            expression=expression,
            max_results=max_results,
        )
        return tables_of(await self._call_metadata(options, "list table metadata", logging_))

    async def get_table_metadata(
        self,
        table_name: str,
        catalog_name: str | None = None,
        schema_name: str | None = None,
        logging_: bool = True,
    ) -> AthenaTableMetadata:
        """One table."""
        options = self._metadata_options(
            _core.METADATA_TABLE, catalog_name, schema_name, table_name
        )
        return tables_of([await self._call_metadata(options, "get table metadata", logging_)])[0]


class WithAsyncFetch(AioBaseCursor):
    """Fetching by coroutines from the cursor's result set."""

    async def fetchone(self) -> Any:
        """The next row, ``None`` after the last."""
        return await self._require_result_set().fetchone()

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Up to ``size`` (default ``arraysize``) rows."""
        result_set = self._require_result_set()
        return await result_set.fetchmany(size)  # type: ignore[no-any-return]

    async def fetchall(self) -> list[Any]:
        """All rows that are left. The loop runs on while they are made."""
        return await self._require_result_set().fetchall()  # type: ignore[no-any-return]

    def __aiter__(self) -> Any:
        return self._require_result_set().__aiter__()

    def __anext__(self) -> Any:
        return self._require_result_set().__anext__()

    def __iter__(self) -> NoReturn:
        raise TypeError(f"'{type(self).__name__}' object is not iterable; use 'async for' instead.")

    def __next__(self) -> NoReturn:
        raise TypeError(
            f"'{type(self).__name__}' object is not an iterator; use 'async for' instead."
        )

"""Blocking cursors: thin waits on the core's operations, with the GIL released."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyathena import _core
from pyathena._errors import make_error
from pyathena.common import (
    BaseCursor,
    CursorIterator,
    PreparedQuery,
    databases_of,
    drain_log,
    tables_of,
)
from pyathena.error import ProgrammingError
from pyathena.model import AthenaDatabase, AthenaTableMetadata
from pyathena.options import ExecuteOptions
from pyathena.result_set import (
    AthenaDictResultSet,
    AthenaResultSet,
    ExecutedQuery,
    WithResultSet,
    parse_execution,
)

_STOP_WAIT = 2.5  # seconds; the core tells the end after two at the latest


class Cursor(WithResultSet, BaseCursor, CursorIterator):
    """Runs queries and reads their rows as tuples.

    Made by ``Connection.cursor()``. One thread at a time, but ``cancel()`` may come from another.

    >>> cursor = conn.cursor()
    >>> cursor.execute("SELECT * FROM many_rows LIMIT 10").fetchall()
    """

    def __init__(
        self, *, arraysize: int = CursorIterator.DEFAULT_FETCH_SIZE, **kwargs: Any
    ) -> None:
        BaseCursor.__init__(self, **kwargs)
        self._query: _core.Query | None = None
        self.arraysize = arraysize

    def execute(
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
    ) -> Cursor:
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
        try:
            self._query = query = self._start(None, prepared)
            executed = ExecutedQuery(
                query,
                prepared.sql,
                prepared.core_options.get("parameters"),
                prepared.type_hints,
            )
            self._follow(query, prepared, executed)
        except KeyboardInterrupt:
            if self._query is not None:
                self._give_up(self._query)
            raise
        finally:
            if self._query is not None:
                self._query_id = self._query.query_id or self._query_id
            drain_log()
        failure = query.error()
        if failure is not None and query.columns() is None:
            raise make_error(failure, query.query_id, self._failure_text(failure, executed))
        self._result_set = self._make_result_set(executed)
        return self

    def _follow(self, query: _core.Query, prepared: PreparedQuery, executed: ExecutedQuery) -> None:
        """Wait for the result, calling the callbacks on the way."""
        mask = _core.WAIT_STARTED | _core.WAIT_RESULT | _core.WAIT_CREDENTIALS
        if self._on_poll is not None:
            mask |= _core.WAIT_STATE
        while True:
            bits = query.wait(mask)
            if bits & _core.WAIT_CREDENTIALS:
                self._connection._supply_credentials()
            if bits & _core.WAIT_STARTED and mask & _core.WAIT_STARTED:
                mask &= ~_core.WAIT_STARTED
                self._query_id = query.query_id
                for callback in prepared.on_start:
                    callback(self._query_id or "")
            if bits & _core.WAIT_STATE and self._on_poll is not None:
                self._on_poll(parse_execution(query.execution(), executed.sql, executed.parameters))
            if bits & (_core.WAIT_RESULT | _core.WAIT_DONE):
                return

    def _give_up(self, query: _core.Query) -> None:
        query.cancel(True)
        query.wait(_core.WAIT_DONE, _STOP_WAIT)

    @staticmethod
    def _failure_text(failure: _core.ErrorMembers, executed: ExecutedQuery) -> str | None:
        """Athena's StateChangeReason may be longer than the record's message."""
        if failure["name"] in ("ATH_ERR_QUERY_FAILED", "ATH_ERR_QUERY_CANCELLED"):
            return executed.execution.state_change_reason or failure["message"]
        return None

    def _make_result_set(self, executed: ExecutedQuery) -> AthenaResultSet:
        return AthenaResultSet(self._connection, self._converter, executed, self._arraysize)

    def _reset(self) -> None:
        if self._result_set is not None:
            self._result_set.close()
        self._result_set = None
        self._query = None
        self._query_id = None
        self._many_count = -1

    def executemany(self, operation: str, seq_of_parameters: Iterable[Any], **kwargs: Any) -> None:
        """Run a statement once for each set of parameters; afterwards ``rowcount`` is the sum of
        the counts, or -1 when one is unknown. No rows are kept."""
        self._check_open()
        total = 0
        for parameters in seq_of_parameters:
            self.execute(operation, parameters, **kwargs)
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

    def cancel(self) -> None:
        """Stop the running query; does nothing when it has ended.

        :raises ProgrammingError: there is no query.
        :raises OperationalError: AWS refused.
        """
        self._check_open()
        query = self._query
        if query is not None and query.query_id is None and not query.done:
            query.interrupt()
            query.wait(_core.WAIT_RESULT | _core.WAIT_DONE, _STOP_WAIT)
            return
        if not self._query_id and not (query is not None and query.query_id):
            raise ProgrammingError("QueryExecutionId is none or empty.")
        query_id = self._query_id or (query.query_id if query is not None else None) or ""
        if query is not None and query.query_id == query_id and self._is_over(query):
            return
        stop = self._connection._core_client.stop_query(None, query_id)
        while not stop.wait(_core.WAIT_CREDENTIALS) & _core.WAIT_DONE:
            self._connection._supply_credentials()
        failure = stop.error()
        if failure is not None:
            raise make_error(failure, query_id)

    @staticmethod
    def _is_over(query: _core.Query) -> bool:
        return query.state() >= _core.STATE_SUCCEEDED  # not `done`: a wait may end before the query

    def fetchone(self) -> Any:
        """The next row as a tuple, ``None`` after the last."""
        return self._require_result_set().fetchone()

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Up to ``size`` (default ``arraysize``) rows."""
        result_set = self._require_result_set()
        result_set._arraysize = self._arraysize
        return result_set.fetchmany(size)  # type: ignore[no-any-return]

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return self._require_result_set().fetchall()  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._require_result_set())

    def close(self) -> None:
        """Close; a query that still runs is stopped. Calling twice is fine."""
        if self._closed:
            return
        self._closed = True
        query = self._query
        if self._result_set is not None:
            self._result_set.close()
        elif query is not None and not query.done:
            query.cancel(True)

    # -- catalogue -------------------------------------------------------------------------------

    def _call_metadata(self, options: dict[str, Any], what: str, logging_: bool = True) -> Any:
        call = self._start_metadata(None, options)
        while not call.wait(_core.WAIT_CREDENTIALS) & _core.WAIT_DONE:
            self._connection._supply_credentials()
        return self._read_metadata(call, what, logging_)

    def list_databases(
        self, catalog_name: str | None, max_results: int | None = None
    ) -> list[AthenaDatabase]:
        """All databases of a catalog; ``max_results`` is the size of one page, at most 50."""
        options = self._metadata_options(
            _core.METADATA_DATABASES, catalog_name, max_results=max_results
        )
        return databases_of(self._call_metadata(options, "list databases"))

    def list_table_metadata(
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
        return tables_of(self._call_metadata(options, "list table metadata", logging_))

    def get_table_metadata(
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
        return tables_of([self._call_metadata(options, "get table metadata", logging_)])[0]


class DictCursor(Cursor):
    """As :class:`Cursor`, with rows as mappings.

    :param dict_type: the mapping's class, called with (name, value) pairs; ``dict`` when ``None``.
    """

    def __init__(self, *, dict_type: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._dict_type = dict_type

    def _make_result_set(self, executed: ExecutedQuery) -> AthenaResultSet:
        return AthenaDictResultSet(
            self._connection, self._converter, executed, self._arraysize, self._dict_type
        )

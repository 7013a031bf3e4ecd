"""Results of queries: rows, column description, and what AWS tells of the execution."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from pyathena import _core
from pyathena._errors import make_error
from pyathena.common import CursorIterator
from pyathena.converter import Converter
from pyathena.error import DataError, ProgrammingError
from pyathena.model import AthenaQueryExecution

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

#: Substatements whose UpdateCount is a row count.
_COUNTED = ("INSERT", "UPDATE", "DELETE", "MERGE", "CREATE_TABLE_AS_SELECT")
#: Substatements without a description.
_WITHOUT_ROWS = ("INSERT", "UPDATE", "DELETE", "MERGE")
#: Types whose text is the value.
_TEXT_TYPES = frozenset(("char", "varchar", "string"))
_HINTED_TYPES = frozenset(("array", "map", "row", "struct"))

_EXECUTION_FIELDS = (
    "database",
    "catalog",
    "query",
    "statement_type",
    "substatement_type",
    "work_group",
    "state",
    "state_change_reason",
    "submission_date_time",
    "completion_date_time",
    "error_category",
    "error_type",
    "retryable",
    "error_message",
    "data_scanned_in_bytes",
    "engine_execution_time_in_millis",
    "query_queue_time_in_millis",
    "total_execution_time_in_millis",
    "query_planning_time_in_millis",
    "service_processing_time_in_millis",
    "output_location",
    "data_manifest_location",
    "reused_previous_result",
    "encryption_option",
    "kms_key",
    "expected_bucket_owner",
    "s3_acl_option",
    "selected_engine_version",
    "effective_engine_version",
    "result_reuse_enabled",
    "result_reuse_minutes",
)


class WithExecution:
    """The properties of a query execution, ``None`` while there is none."""

    @property
    def _execution(self) -> AthenaQueryExecution | None:
        raise NotImplementedError

    @property
    def execution_parameters(self) -> list[str]:
        execution = self._execution
        return [] if execution is None else execution.execution_parameters

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


def _execution_property(name: str) -> property:
    def read(self: WithExecution) -> Any:
        execution = self._execution
        return None if execution is None else getattr(execution, name)

    return property(read, doc=f"``AthenaQueryExecution.{name}``, ``None`` without a result set.")


for _name in _EXECUTION_FIELDS:
    setattr(WithExecution, _name, _execution_property(_name))


def parse_execution(
    data: bytes | None, sql: str | None, parameters: list[str] | None
) -> AthenaQueryExecution:
    """The model of a QueryExecution document; the core leaves out the statement, which the caller
    knows, and AWS does not return the parameters."""
    document: dict[str, Any] = json.loads(data) if data else {}
    if sql is not None:
        document.setdefault("Query", sql)
    if parameters:
        document.setdefault("ExecutionParameters", parameters)
    return AthenaQueryExecution({"QueryExecution": document})


class ExecutedQuery:
    """An operation of the core with what was asked: from it result sets are made."""

    __slots__ = ("_execution", "parameters", "query", "sql", "type_hints")

    def __init__(
        self,
        query: _core.Query,
        sql: str | None = None,
        parameters: list[str] | None = None,
        type_hints: dict[str | int, str] | None = None,
    ) -> None:
        self.query = query
        self.sql = sql
        self.parameters = parameters
        self.type_hints = type_hints
        self._execution: AthenaQueryExecution | None = None

    @property
    def execution(self) -> AthenaQueryExecution:
        """Read when first asked for: most programs only want the rows."""
        if self._execution is None or not self.query.done:
            self._execution = parse_execution(self.query.execution(), self.sql, self.parameters)
        return self._execution


def column_converters(
    columns: list[tuple[Any, ...]],
    converter: Converter,
    type_hints: dict[str | int, str] | None,
) -> list[Callable[[str], Any] | None]:
    """What turns the text of each column into its value; ``None`` where the core does it."""
    is_default = converter._is_default()
    hints = _hints_by_index(columns, type_hints)
    result: list[Callable[[str], Any] | None] = []
    for index, column in enumerate(columns):
        type_ = column[2]
        hint = hints.get(index) if type_ in _HINTED_TYPES else None
        if hint is not None:
            result.append(partial(_convert_hinted, converter, type_, hint))
        elif is_default:
            result.append(None if type_ in _TEXT_TYPES else converter.get(type_))
        else:
            result.append(partial(converter.convert, type_))
    return result


def _convert_hinted(converter: Converter, type_: str, hint: str, value: str) -> Any:
    return converter.convert(type_, value, type_hint=hint)


def _hints_by_index(
    columns: list[tuple[Any, ...]], type_hints: dict[str | int, str] | None
) -> dict[int, str]:
    """Hints name columns in any case or by index; an index wins."""
    if not type_hints:
        return {}
    by_name = {name.lower(): hint for name, hint in type_hints.items() if isinstance(name, str)}
    hints = {
        index: by_name[column[0].lower()]
        for index, column in enumerate(columns)
        if column[0].lower() in by_name
    }
    hints.update({key: hint for key, hint in type_hints.items() if isinstance(key, int)})
    return hints


class BaseResultSet(WithExecution, CursorIterator):
    """Columns and rows of one finished query."""

    _KIND: Any = tuple

    def __init__(
        self, connection: Any, converter: Converter, executed: ExecutedQuery, arraysize: int
    ) -> None:
        super().__init__(arraysize=arraysize)
        self._connection = connection
        self._converter = converter
        self._executed = executed
        self._columns = executed.query.columns() or []
        self._rows = self._make_rows()
        self._closed = False

    def _make_rows(self) -> _core.Rows:
        return _core.Rows(
            self._executed.query,
            kind=self._KIND,
            converters=column_converters(self._columns, self._converter, self._executed.type_hints),
            error_factory=self._make_fetch_error,
            value_error=self._make_value_error,
        )

    def _make_fetch_error(self, members: _core.ErrorMembers | None) -> Exception:
        if members is not None:
            return make_error(members, self.query_id)
        if self._closed:
            return ProgrammingError(f"{self._CLOSED_NAME} is closed.")
        return ProgrammingError("The result set cannot be fetched after a failed fetch.")

    _CLOSED_NAME = "AthenaResultSet"

    def _make_value_error(self, index: int, ex: Exception) -> Exception:
        if isinstance(ex, DataError):
            result = DataError(f"Column '{self._columns[index][0]}': {ex}")
            result.__cause__ = ex
            return result
        return ex

    @property
    def _execution(self) -> AthenaQueryExecution | None:
        return None if self._closed else self._executed.execution

    @property
    def connection(self) -> Any:
        return self._connection

    @property
    def query_id(self) -> str | None:
        return self._executed.query.query_id

    @property
    def is_closed(self) -> bool:
        return self._closed

    @property
    def is_unload(self) -> bool:
        return False

    @property
    def description(
        self,
    ) -> list[tuple[str, str, None, None, int, int, str]] | None:
        """``(name, type, None, None, precision, scale, nullable)`` for each column; ``None`` for
        INSERT, UPDATE, DELETE and MERGE."""
        if self._closed or self.substatement_type in _WITHOUT_ROWS:
            return None
        return [
            (name, type_, None, None, precision, scale, nullable)
            for name, _, type_, precision, scale, nullable, *_ in self._columns
        ]

    @property
    def rowcount(self) -> int:
        """Rows written by INSERT, UPDATE, DELETE, MERGE or CREATE TABLE AS; else -1."""
        if self._closed or self.substatement_type not in _COUNTED:
            return -1
        return self._executed.query.update_count

    @property
    def rownumber(self) -> int | None:
        """Index of the next row, from 0."""
        return self._rows.rownumber

    def _fetch_size(self, size: int | None) -> int:
        if size is not None and not isinstance(size, int):
            raise TypeError(f"size must be an integer, not {type(size).__name__}")
        return self._arraysize if size is None or size <= 0 else size

    def close(self) -> None:
        """Drop the rows; pages still to come are not read."""
        if not self._closed:
            self._closed = True
            self._executed.query.cancel(True)
            self._rows.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else self.state
        return f"<{type(self).__name__} {self.query_id} {state}>"


class AthenaResultSet(BaseResultSet):
    """Rows as tuples, read by blocking calls."""

    def fetchone(self) -> Any:
        """The next row, ``None`` after the last."""
        return self._rows.read_one()

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Up to ``size`` (default ``arraysize``) rows."""
        return self._rows.read(self._fetch_size(size))

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return self._rows.read()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def __next__(self) -> Any:
        return next(self._rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()


def dict_kind(dict_type: Any) -> Any:
    """What makes a row of ``dict_type`` out of (name, value) pairs."""
    return dict if dict_type is None else dict_type


class AthenaDictResultSet(AthenaResultSet):
    """Rows as mappings from column name to value; of equal names the last wins."""

    def __init__(
        self,
        connection: Any,
        converter: Converter,
        executed: ExecutedQuery,
        arraysize: int,
        dict_type: Any = None,
    ) -> None:
        self._KIND = dict_kind(dict_type)
        super().__init__(connection, converter, executed, arraysize)


class WithResultSet(WithExecution):
    """The properties of a cursor that come from its result set."""

    _result_set: BaseResultSet | None = None
    _query_id: str | None = None

    @property
    def _execution(self) -> AthenaQueryExecution | None:
        return None if self._result_set is None else self._result_set._execution

    @property
    def result_set(self) -> Any:
        return self._result_set

    @property
    def has_result_set(self) -> bool:
        return self._result_set is not None

    @property
    def query_id(self) -> str | None:
        """The QueryExecutionId of the last query, known as soon as it has started."""
        return self._query_id

    @query_id.setter
    def query_id(self, value: str | None) -> None:
        self._query_id = value

    @property
    def description(self) -> list[tuple[str, str, None, None, int, int, str]] | None:
        return None if self._result_set is None else self._result_set.description

    @property
    def rowcount(self) -> int:
        return -1 if self._result_set is None else self._result_set.rowcount

    @property
    def rownumber(self) -> int | None:
        return None if self._result_set is None else self._result_set.rownumber

    def _require_result_set(self) -> Any:
        if self._result_set is None:
            raise ProgrammingError("No result set.")
        return self._result_set

    @abstractmethod
    def close(self) -> None: ...

"""What the SQL cursors share: settings, preparation of a query, catalogue calls."""

from __future__ import annotations

import atexit
import json
import logging
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pyathena
from pyathena import _core
from pyathena._errors import from_core_error, make_error
from pyathena.converter import Converter, DefaultTypeConverter
from pyathena.error import NotSupportedError, ProgrammingError
from pyathena.formatter import Formatter, check_statement
from pyathena.model import AthenaDatabase, AthenaQueryExecution, AthenaTableMetadata
from pyathena.options import ExecuteOptions
from pyathena.util import RetryConfig

if TYPE_CHECKING:
    from types import TracebackType

    from pyathena.connection import Connection
    from typing_extensions import Self

_logger = logging.getLogger(__name__)

#: Called with each status look at a query.
OnPollCallback = Callable[[AthenaQueryExecution], None]

_LOG_LEVELS = {
    _core.LOG_ERROR: logging.ERROR,
    _core.LOG_WARNING: logging.WARNING,
    _core.LOG_INFO: logging.INFO,
    _core.LOG_DEBUG: logging.DEBUG,
}
_core.log_level(_core.LOG_INFO)


def _log_record(level: int, subject: str, message: str) -> None:
    logging.getLogger(f"pyathena.core.{subject}").log(_LOG_LEVELS.get(level, 20), message)


def drain_log() -> None:
    """Pass the core's waiting log records to :mod:`logging`, on this thread."""
    _core.log_drain(_log_record)


@atexit.register
def _flush_at_exit() -> None:
    """Stop what still runs at AWS, for at most five seconds, and log the ids that were left."""
    _core.shutdown(5.0)
    drain_log()


class CursorIterator(metaclass=ABCMeta):
    """The arraysize and row position of a cursor or result set, and iteration over it."""

    DEFAULT_FETCH_SIZE: int = 1000
    #: AWS's limit for MaxResults of GetQueryResults.
    _ARRAYSIZE_MAX: int | None = 1000

    def __init__(self, arraysize: int = DEFAULT_FETCH_SIZE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arraysize = arraysize

    @property
    def arraysize(self) -> int:
        """Rows ``fetchmany()`` gives by default, and the size of a result page."""
        return self._arraysize

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        limit = self._ARRAYSIZE_MAX
        if limit is not None and (not isinstance(value, int) or not 0 < value <= limit):
            raise ProgrammingError(f"MaxResults is more than maximum allowed length {limit}.")
        if limit is None and (not isinstance(value, int) or value <= 0):
            raise ProgrammingError("arraysize must be a positive integer value.")
        self._arraysize = value


class PreparedQuery:
    """A statement ready to be sent, with the options that go with it."""

    __slots__ = ("core_options", "on_start", "sql", "type_hints")

    def __init__(
        self,
        sql: str,
        core_options: dict[str, Any],
        on_start: list[Callable[[str], None]],
        type_hints: dict[str | int, str] | None,
    ) -> None:
        self.sql = sql
        self.core_options = core_options
        self.on_start = on_start
        self.type_hints = type_hints


class BaseCursor(metaclass=ABCMeta):
    """Settings and the calls that need no result; made by ``Connection.cursor()``.

    Keyword arguments as :class:`~pyathena.connection.Connection`'s of the same name.
    """

    LIST_QUERY_EXECUTIONS_MAX_RESULTS = 50
    LIST_TABLE_METADATA_MAX_RESULTS = 50
    LIST_DATABASES_MAX_RESULTS = 50
    DEFAULT_RESULT_REUSE_MINUTES = 60

    def __init__(
        self,
        connection: Connection[Any],
        converter: Converter,
        formatter: Formatter,
        retry_config: RetryConfig,
        s3_staging_dir: str | None = None,
        schema_name: str | None = None,
        catalog_name: str | None = None,
        work_group: str | None = None,
        poll_interval: float | None = None,
        encryption_option: str | None = None,
        kms_key: str | None = None,
        kill_on_interrupt: bool = True,
        result_reuse_enable: bool = False,
        result_reuse_minutes: int = DEFAULT_RESULT_REUSE_MINUTES,
        on_start_query_execution: Callable[[str], None] | None = None,
        on_poll: OnPollCallback | None = None,
        query_timeout: float | None = None,
    ) -> None:
        _check_instance("converter", converter, Converter)
        _check_instance("formatter", formatter, Formatter)
        _check_callable("on_start_query_execution", on_start_query_execution)
        _check_callable("on_poll", on_poll)
        self._connection = connection
        self._converter = converter
        self._formatter = formatter
        self._retry_config = retry_config
        self._s3_staging_dir = s3_staging_dir
        self._schema_name = schema_name
        self._catalog_name = catalog_name
        self._work_group = work_group
        self._poll_interval = poll_interval
        self._encryption_option = encryption_option
        self._kms_key = kms_key
        self._kill_on_interrupt = kill_on_interrupt
        self._result_reuse_enable = result_reuse_enable
        self._result_reuse_minutes = result_reuse_minutes
        self._on_start_query_execution = on_start_query_execution
        self._on_poll = on_poll
        self._query_timeout = query_timeout
        self._closed = False

    @staticmethod
    def get_default_converter(unload: bool = False) -> Converter:
        return DefaultTypeConverter()

    @property
    def connection(self) -> Connection[Any]:
        return self._connection

    @property
    def is_closed(self) -> bool:
        return self._closed

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Do nothing (PEP 249)."""
        self._check_open()

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing (PEP 249)."""
        self._check_open()

    @abstractmethod
    def close(self) -> None:
        """Close the cursor; what it waits for is given up, a running query is stopped."""

    def _check_open(self) -> None:
        if self._closed:
            raise ProgrammingError("Cursor is closed.")

    # -- queries ---------------------------------------------------------------------------------

    def _prepare(
        self, operation: str, parameters: Any, options: ExecuteOptions, arraysize: int
    ) -> PreparedQuery:
        """Format and check; nothing is sent before all of it has passed."""
        if options.cache_size or options.cache_expiration_time:
            raise NotSupportedError(
                "cache_size and cache_expiration_time are not supported by this version; use"
                " result_reuse_enable, which AWS serves"
            )
        _check_options(options)
        sql, execution_parameters = self._format(operation, parameters, options)
        check_statement(sql)
        _logger.debug("Query of %d characters.", len(sql))
        on_start = [
            callback
            for callback in (self._on_start_query_execution, options.on_start_query_execution)
            if callback is not None
        ]
        return PreparedQuery(
            sql,
            self._core_options(options, execution_parameters, arraysize),
            on_start,
            options.result_set_type_hints,
        )

    def _format(
        self, operation: str, parameters: Any, options: ExecuteOptions
    ) -> tuple[str, list[str] | None]:
        if pyathena.paramstyle == "qmark" or options.paramstyle == "qmark":
            return operation, _qmark_literals(parameters)
        return self._formatter.format(operation, parameters), None

    def _core_options(
        self, options: ExecuteOptions, parameters: list[str] | None, arraysize: int
    ) -> dict[str, Any]:
        reuse = options.result_reuse_enable
        minutes = options.result_reuse_minutes
        wants_reuse = self._result_reuse_enable if reuse is None else reuse
        core_options: dict[str, Any] = {
            "database": _text("schema_name", self._schema_name),
            "catalog": _text("catalog_name", self._catalog_name),
            "work_group": _text("work_group", options.work_group or self._work_group),
            "output_location": _location(options.s3_staging_dir or self._s3_staging_dir),
            "encryption_option": _text("encryption_option", self._encryption_option),
            "kms_key": _text("kms_key", self._kms_key),
            "parameters": parameters or None,
            "page_rows": arraysize,
            "notify_state": self._on_poll is not None,
            "keep_running": not self._kill_on_interrupt,
            "decode_text": not self._converter._is_default(),
        }
        if wants_reuse or (reuse is False and self._result_reuse_enable):
            core_options["result_reuse"] = bool(wants_reuse)
            core_options["result_reuse_minutes"] = (
                self._result_reuse_minutes if minutes is None else minutes
            )
        if self._poll_interval is not None:
            core_options["poll_interval_ms"] = _milliseconds("poll_interval", self._poll_interval)
        if self._query_timeout is not None:
            core_options["timeout_ms"] = _milliseconds("query_timeout", self._query_timeout)
        return {name: value for name, value in core_options.items() if value is not None}

    def _start(self, queue: _core.Queue | None, prepared: PreparedQuery) -> _core.Query:
        keys = self._connection._session_keys
        if keys is not None:
            keys.refresh_if_wanted()
        try:
            return self._connection._core_client.start_query(
                queue, prepared.sql, prepared.core_options
            )
        except _core.CoreError as ex:
            raise from_core_error(ex) from None
        except (TypeError, ValueError, OverflowError) as ex:
            raise ProgrammingError(str(ex)) from ex

    # -- catalogue -------------------------------------------------------------------------------

    def _metadata_options(
        self,
        kind: int,
        catalog_name: str | None,
        schema_name: str | None = None,
        table_name: str | None = None,
        expression: str | None = None,
        max_results: int | None = None,
    ) -> dict[str, Any]:
        self._check_open()
        if max_results is not None and (
            not isinstance(max_results, int) or not 1 <= max_results <= 50
        ):
            raise ProgrammingError(f"max_results must lie within 1 and 50, not {max_results!r:.50}")
        options = {
            "kind": kind,
            "catalog": catalog_name or self._catalog_name,
            "work_group": self._work_group,
            "page_size": max_results,
            "expression": expression,
            "table": table_name,
        }
        if kind != _core.METADATA_DATABASES:
            options["database"] = schema_name or self._schema_name
        return {name: value for name, value in options.items() if value is not None}

    def _start_metadata(self, queue: _core.Queue | None, options: dict[str, Any]) -> _core.Query:
        keys = self._connection._session_keys
        if keys is not None:
            keys.refresh_if_wanted()
        try:
            return self._connection._core_client.start_metadata(queue, options)
        except _core.CoreError as ex:
            raise from_core_error(ex) from None
        except (TypeError, ValueError, OverflowError) as ex:
            raise ProgrammingError(str(ex)) from ex

    @staticmethod
    def _read_metadata(call: _core.Query, what: str, logging_: bool) -> Any:
        failure = call.error()
        if failure is not None:
            if logging_:
                _logger.error("Failed to %s: %s", what, failure["message"])
            raise make_error(failure)
        return json.loads(call.metadata_json() or b"null")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()


def _text(name: str, value: Any) -> str | None:
    if value and not isinstance(value, str):
        raise ProgrammingError(f"{name} must be str, not {type(value).__name__}")
    return value or None


def _location(value: Any) -> str | None:
    location = _text("s3_staging_dir", value)
    if location is not None and not location.startswith("s3://"):
        raise ProgrammingError(
            f"s3_staging_dir must look like 's3://bucket/prefix/', not {location!r:.200}"
        )
    return location


def _check_callable(name: str, value: Any) -> None:
    if value is not None and not callable(value):
        raise ProgrammingError(f"{name} is not callable: {value!r:.200}")


def _check_instance(name: str, value: Any, cls: type) -> None:
    if not isinstance(value, cls):
        raise ProgrammingError(f"{name} must be a {cls.__name__}, not {type(value).__name__}")


def _check_options(options: ExecuteOptions) -> None:
    hints = options.result_set_type_hints
    if hints and not (
        isinstance(hints, dict)
        and all(isinstance(key, (str, int)) for key in hints)
        and all(isinstance(hint, str) for hint in hints.values())
    ):
        raise ProgrammingError(
            "result_set_type_hints must be a dict from column names or indexes to types, such as"
            f" {{'column': 'array(integer)'}}, not {hints!r:.200}"
        )
    _check_callable("on_start_query_execution", options.on_start_query_execution)
    if options.paramstyle not in (None, "pyformat", "qmark"):
        raise ProgrammingError(
            f"paramstyle must be 'pyformat' or 'qmark', not {options.paramstyle!r:.200}"
        )


def _qmark_literals(parameters: Any) -> list[str] | None:
    if parameters is None:
        return None
    try:
        literals = None if isinstance(parameters, (str, bytes, dict)) else list(parameters)
    except TypeError:
        literals = None
    if literals is None or not all(isinstance(literal, str) for literal in literals):
        if not parameters:
            return None
        raise ProgrammingError(
            "Parameter validation failed: qmark parameters are a list of SQL literals as"
            f' text, such as ["\'text\'", "1"], not {parameters!r:.200}'
        )
    return literals or None


def _milliseconds(name: str, seconds: float) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise ProgrammingError(f"{name} must be a positive number of seconds: {seconds!r}")
    return max(int(min(seconds, 2_000_000.0) * 1000), 1)


def databases_of(items: list[dict[str, Any]]) -> list[AthenaDatabase]:
    return [AthenaDatabase({"Database": item}) for item in items]


def tables_of(items: list[dict[str, Any]]) -> list[AthenaTableMetadata]:
    return [AthenaTableMetadata({"TableMetadata": item}) for item in items]

"""Client-side parameters: Python values become SQL literals inside the statement.

The statement's kind decides how text is quoted. Hive's grammar, which Athena uses for most DDL,
reads backslash escapes; Trino's, used for everything else, knows only the doubled quote.
Quoting by the wrong rule would let a value end its own literal, so the kind is decided on the
statement alone, never on a value.
"""

from __future__ import annotations

import re
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from pyathena.error import ProgrammingError

__all__ = ["DefaultParameterFormatter", "Formatter", "check_statement"]

#: Longest statement Athena takes, in bytes of UTF-8.
MAX_STATEMENT_BYTES = 262_144

Escaper = Callable[[str], str]
FormatFunction = Callable[["Formatter", Escaper, Any], Any]


def check_statement(sql: str | None) -> None:
    """Check that Athena can take the final text of a statement.

    Raises:
        ProgrammingError: it is empty or blank, holds a NUL character or a lone surrogate, or is
            longer than 262,144 bytes of UTF-8.
    """
    if not sql or not isinstance(sql, str) or sql.isspace():
        if sql and not isinstance(sql, str):
            raise ProgrammingError(f"Query must be str, not {type(sql).__name__}.")
        raise ProgrammingError("Query is none or empty.")
    position = sql.find("\0")
    if position >= 0:
        raise ProgrammingError(
            f"Query has a NUL character at index {position}; a query is text without NUL of at "
            f"most {MAX_STATEMENT_BYTES} bytes."
        )
    if len(sql) * 3 <= MAX_STATEMENT_BYTES and sql.isascii():
        return
    try:
        size = len(sql.encode())
    except UnicodeEncodeError as ex:
        raise ProgrammingError(
            f"Query has a lone surrogate at index {ex.start}, which is no text."
        ) from None
    if size > MAX_STATEMENT_BYTES:
        raise ProgrammingError(
            f"Query is {size} bytes long, more than the limit of {MAX_STATEMENT_BYTES} bytes."
        )


def _refuse_nul(val: str) -> None:
    if "\0" in val:
        raise ProgrammingError("A text parameter has a NUL character, which no SQL literal holds.")


def _escape_trino(val: str) -> str:
    """Quote text for Trino: quotes doubled, all else literal."""
    _refuse_nul(val)
    return "'" + val.replace("'", "''") + "'"


_HIVE_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\r": "\\r", "\n": "\\n", "\t": "\\t"})


def _escape_hive(val: str) -> str:
    """Quote text for Hive: backslash, quote, CR, LF and TAB by backslash."""
    _refuse_nul(val)
    return "'" + val.translate(_HIVE_ESCAPES) + "'"


#: Name of :func:`_escape_trino` in earlier versions, imported by others.
_escape_presto = _escape_trino

_HIVE_STATEMENT = re.compile(
    r"""(?:
        ALTER\s+(?:DATABASE|SCHEMA|TABLE)
      | CREATE\s+(?:DATABASE|SCHEMA)
      | (?P<create_table>CREATE\s+(?:EXTERNAL\s+)?TABLE)
      | DROP\s+(?:DATABASE|SCHEMA|TABLE)
      | MSCK\s+REPAIR
      | SHOW | DESC | DESCRIBE
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)

# What can hide the letters AS: comments, quoted names, literals by either grammar's rules. What
# is never closed reaches to the end, so that no text takes more than one pass.
_HIDDEN = r"--[^\n]*|/\*(?:.*?\*/|.*)|`[^`]*(?:`|\Z)"
_HIDDEN_TRINO = _HIDDEN + r"""|'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)"""
_HIDDEN_HIVE = _HIDDEN + r"""|'(?:[^'\\]|\\.)*(?:'|\\?\Z)|"(?:[^"\\]|\\.)*(?:"|\\?\Z)"""
_FIND_AS = tuple(
    re.compile(rf"{hidden}|\b(?P<as>AS)\b", re.IGNORECASE | re.DOTALL)
    for hidden in (_HIDDEN_TRINO, _HIDDEN_HIVE)
)


def _has_as(operation: str) -> bool:
    """Tell whether the word AS stands outside literals, names and comments.

    The two grammars may disagree where a literal ends; the word counts if either sees it.
    """
    return any(
        any(match.lastgroup for match in pattern.finditer(operation)) for pattern in _FIND_AS
    )


def _strip_leading_comments(operation: str) -> str:
    """Cut blanks and comments off the start; an unfinished block comment stays."""
    rest = operation.lstrip()
    while True:
        if rest.startswith("--"):
            end = rest.find("\n")
            rest = "" if end < 0 else rest[end + 1 :].lstrip()
        elif rest.startswith("/*"):
            end = rest.find("*/", 2)
            if end < 0:
                return rest
            rest = rest[end + 2 :].lstrip()
        else:
            return rest


def _get_escaper(operation: str) -> Escaper:
    """Return the quoting rule of the grammar that Athena will read this statement with."""
    statement = _strip_leading_comments(operation)
    match = _HIVE_STATEMENT.match(statement)
    if match is None:
        return _escape_trino
    if match["create_table"] and _has_as(statement[match.end() :]):
        return _escape_trino
    return _escape_hive


def _format_none(formatter: Formatter, escaper: Escaper, val: Any) -> Any:
    return "null"


def _format_default(formatter: Formatter, escaper: Escaper, val: Any) -> Any:
    return val


def _format_bool(formatter: Formatter, escaper: Escaper, val: Any) -> Any:
    return str(val)


def _format_str(formatter: Formatter, escaper: Escaper, val: Any) -> Any:
    return escaper(val)


def _format_binary(formatter: Formatter, escaper: Escaper, val: Any) -> Any:
    return f"X'{bytes(val).hex()}'"


def _date_literal(value: date) -> str:
    return f"DATE '{value.year:04d}-{value.month:02d}-{value.day:02d}'"


def _timestamp_literal(value: datetime) -> str:
    """Write a TIMESTAMP literal; three digits of fraction unless six are needed."""
    spec = "microseconds" if value.microsecond % 1000 else "milliseconds"
    return f"TIMESTAMP '{value.replace(tzinfo=None).isoformat(' ', spec)}'"


def _format_date(formatter: Formatter, escaper: Escaper, val: Any) -> Any:
    return _date_literal(val)


def _format_datetime(formatter: Formatter, escaper: Escaper, val: Any) -> Any:
    return _timestamp_literal(val)


def _format_decimal(formatter: Formatter, escaper: Escaper, val: Any) -> Any:
    return f"DECIMAL '{val:f}'"


def _format_item(value: Any) -> str:
    """Write a formatted element of a sequence; a float in fixed notation where that is exact."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        text = f"{value:f}"
        return text if float(text) == value or value != value else repr(value)
    return str(value)


def _format_seq(formatter: Formatter, escaper: Escaper, val: Any) -> Any:
    items = []
    for item in val:
        function = formatter.get(item)
        if function is None:
            raise TypeError(f"{type(item)} is not defined formatter.")
        items.append(_format_item(function(formatter, escaper, item)))
    return f"({', '.join(items)})"


_DEFAULT_FORMATTERS: dict[type[Any], FormatFunction] = {
    type(None): _format_none,
    date: _format_date,
    datetime: _format_datetime,
    int: _format_default,
    float: _format_default,
    Decimal: _format_decimal,
    bool: _format_bool,
    str: _format_str,
    bytes: _format_binary,
    bytearray: _format_binary,
    memoryview: _format_binary,
    list: _format_seq,
    set: _format_seq,
    tuple: _format_seq,
}


class _Named(dict[str, Any]):
    """Right side of ``%``: a placeholder without a name must not print the whole mapping."""

    def __repr__(self) -> str:
        raise TypeError("not enough arguments for format string")

    __str__ = __repr__


class Formatter(metaclass=ABCMeta):
    """Puts parameters into a statement, with one function per Python type.

    Args:
        mappings: function per exact type; called with this object, the quoting rule and the
            value, returns what ``%`` shall insert.
        default: function for all other types, or ``None`` to refuse them.
    """

    def __init__(
        self,
        mappings: dict[type[Any], FormatFunction],
        default: FormatFunction | None = None,
    ) -> None:
        self._mappings = mappings
        self._default = default

    @property
    def mappings(self) -> dict[type[Any], FormatFunction]:
        """The functions by type; the dict itself, not a copy."""
        return self._mappings

    def get(self, type_: Any) -> FormatFunction | None:
        """Return the function for a *value*, by its exact type."""
        return self._mappings.get(type(type_), self._default)

    def set(self, type_: type[Any], formatter: FormatFunction) -> None:
        """Use ``formatter`` for values of ``type_``."""
        self._mappings[type_] = formatter

    def remove(self, type_: type[Any]) -> None:
        """Forget the function of ``type_``; unknown types are ignored."""
        self._mappings.pop(type_, None)

    def update(self, mappings: dict[type[Any], FormatFunction]) -> None:
        """Use several functions."""
        self._mappings.update(mappings)

    @abstractmethod
    def format(self, operation: str, parameters: dict[str, Any] | None = None) -> str:
        """Return the statement with its parameters in place."""
        raise NotImplementedError  # pragma: no cover

    @staticmethod
    def wrap_unload(
        operation: str,
        s3_staging_dir: str | None,
        format_: str = "PARQUET",
        compression: str = "SNAPPY",
    ) -> tuple[str, str | None]:
        """Wrap a SELECT or WITH statement in UNLOAD to a fresh location.

        Args:
            operation: the statement; a final semicolon is dropped.
            s3_staging_dir: prefix of the location, with its final slash.
            format_: file format.
            compression: compression of the files.

        Returns:
            The statement and the location, or ``operation`` as it is and ``None`` when it is
            no query.

        Raises:
            ProgrammingError: the statement is empty, or there is no ``s3_staging_dir``.
        """
        if not operation or not operation.strip():
            raise ProgrammingError("Query is none or empty.")
        if not _QUERY.match(_strip_leading_comments(operation)):
            return operation, None
        if not s3_staging_dir:
            raise ProgrammingError("If the unload option is used, s3_staging_dir is required.")
        import uuid  # not free to import, and used only here

        day = datetime.now(timezone.utc).strftime("%Y%m%d")
        location = f"{s3_staging_dir}unload/{day}/{uuid.uuid4()}/"
        query = operation.strip()
        while query.endswith(";"):
            query = query[:-1].rstrip()
        return (
            f"\nUNLOAD (\n\t{query}\n)\n"
            f"TO {_escape_trino(location)}\n"
            f"WITH (\n\tformat = {_escape_trino(format_)},\n"
            f"\tcompression = {_escape_trino(compression)}\n)\n",
            location,
        )


_QUERY = re.compile(r"(?:SELECT|WITH)\b", re.IGNORECASE)


class DefaultParameterFormatter(Formatter):
    """Inserts a dict's values at ``%(name)s`` placeholders (paramstyle ``pyformat``)."""

    def __init__(self) -> None:
        super().__init__(mappings=_DEFAULT_FORMATTERS.copy(), default=None)

    def format(self, operation: str, parameters: dict[str, Any] | None = None) -> str:
        """Return the statement, stripped, with its parameters in place.

        Without ``parameters`` percent signs mean themselves; with any, also an empty dict,
        ``%%`` is one percent sign.

        Raises:
            ProgrammingError: no statement, parameters that are no dict, NUL in a text.
            TypeError: a value's exact type has no function; a placeholder has no name.
            KeyError: a placeholder's name is not among the parameters.
            ValueError: a lone percent sign.
        """
        if operation is not None and not isinstance(operation, str):
            raise ProgrammingError(f"Query must be str, not {type(operation).__name__}.")
        if not operation or not operation.strip():
            raise ProgrammingError("Query is none or empty.")
        operation = operation.strip()
        if parameters is None:
            return operation
        values = _Named()
        if parameters:
            if not isinstance(parameters, dict):
                raise ProgrammingError(
                    f"Unsupported parameter (Support for dict only): {parameters}"
                )
            escaper = _get_escaper(operation)
            for name, value in parameters.items():
                function = self.get(value)
                if function is None:
                    raise TypeError(f"{type(value)} is not defined formatter.")
                values[name] = function(self, escaper, value)
        return (operation % values).strip()

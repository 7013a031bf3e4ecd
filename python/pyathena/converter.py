"""Athena's text of values to Python objects, one function per type.

A cell without text is SQL's NULL and becomes ``None`` before any function is asked; the
functions take ``None`` for it all the same.
"""

from __future__ import annotations

import binascii
import re
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, cast

from pyathena.error import DataError, ProgrammingError
from pyathena.parser import (
    MAX_DEPTH,
    TypedValueConverter,
    TypeNode,
    TypeSignatureParser,
    is_null,
    load_json,
    looks_like_json,
    split_fields,
    split_items,
)
from pyathena.util import strtobool

__all__ = ["Converter", "DefaultTypeConverter"]

Conversion = Callable[["str | None"], "Any | None"]

_ODD_TIMESTAMP = re.compile(r"(.{10}[ T][0-9]{2}:[0-9]{2}:[0-9]{2})\.([0-9]{1,12})", re.DOTALL)
_ODD_TIME = re.compile(r"([0-9]{2}:[0-9]{2}:[0-9]{2})\.([0-9]{1,12})")
_UTC_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-5][0-9])")


def _to_default(varchar_value: str | None) -> str | None:
    return varchar_value


def _to_date(value: str | datetime | date | None) -> date | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return date.fromisoformat(value)


def _to_datetime(varchar_value: str | None) -> datetime | None:
    if varchar_value is None:
        return None
    # These lengths are exact for every Python version: date, seconds, 3 and 6 digits.
    text = varchar_value
    if len(text) not in (10, 19, 23, 26):
        match = _ODD_TIMESTAMP.fullmatch(text)
        if match is not None:
            text = f"{match[1]}.{match[2]:0<6}"[:26]
        elif len(text) > 26:
            raise ValueError(f"Invalid timestamp: {varchar_value!r}")
    value = datetime.fromisoformat(text)
    if value.tzinfo is not None:
        raise ValueError(f"Invalid timestamp: {varchar_value!r}")
    return value


_time_zones: dict[str, tzinfo] = {}


def _parse_utc_offset(value: str) -> timezone | None:
    """Read ``+HH:MM`` or ``-HH:MM``; ``None`` for other text."""
    match = _UTC_OFFSET.fullmatch(value)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)


def _parse_time_zone(value: str) -> tzinfo:
    """Return the zone of an offset or an IANA name; zones are kept for the process."""
    zone = _time_zones.get(value)
    if zone is not None:
        return zone
    try:
        zone = _parse_utc_offset(value)
        if zone is None:
            from zoneinfo import ZoneInfo

            zone = ZoneInfo(value)
    except (ValueError, KeyError, OSError):
        # Besides unknown names: offsets of a day or more, paths, folders of the database.
        raise DataError(
            f"Unknown time zone '{value}'. Update the tzdata package or the system time zone "
            "database."
        ) from None
    _time_zones[value] = zone
    return zone


def _to_datetime_with_tz(varchar_value: str | None) -> datetime | None:
    if not varchar_value:
        return None
    text, _, zone_name = varchar_value.rpartition(" ")
    zone = _parse_time_zone(zone_name)
    local = _to_datetime(text)
    assert local is not None
    value = local.replace(tzinfo=zone)
    if zone_name == "UTC" or isinstance(zone, timezone):
        return value
    early, late = value.utcoffset(), value.replace(fold=1).utcoffset()
    if early == late or early is None or late is None:
        return value
    problem = (
        f"is ambiguous: the local time occurs twice in {zone_name}"
        if early > late
        else f"does not exist: the local time is skipped in {zone_name}"
    )
    raise DataError(
        f"'{varchar_value}' {problem}. Convert the value to UTC in SQL, for example with "
        "AT TIME ZONE 'UTC'."
    )


def _to_time(varchar_value: str | None) -> time | None:
    if not varchar_value:
        return None
    text = varchar_value
    if len(text) not in (8, 12, 15):
        match = _ODD_TIME.fullmatch(text)
        if match is None:
            raise ValueError(f"Invalid time: {varchar_value!r}")
        text = f"{match[1]}.{match[2][:6]:0<6}"
    value = time.fromisoformat(text)
    if value.tzinfo is not None or text[2] != ":":
        raise ValueError(f"Invalid time: {varchar_value!r}")
    return value


def _to_time_with_tz(varchar_value: str | None) -> time | None:
    if not varchar_value:
        return None
    sign = max(varchar_value.rfind("+"), varchar_value.rfind("-"))
    offset = varchar_value[sign:] if sign >= 0 else ""
    zone = _time_zones.get(offset) or _parse_utc_offset(offset)
    value = _to_time(varchar_value[:sign].rstrip(" ")) if zone is not None else None
    if value is None:
        raise ValueError(f"Invalid time with time zone: {varchar_value!r}")
    _time_zones[offset] = cast(tzinfo, zone)
    return value.replace(tzinfo=zone)


def _to_float(varchar_value: str | None) -> float | None:
    return None if varchar_value is None else float(varchar_value)


def _to_int(varchar_value: str | None) -> int | None:
    return None if varchar_value is None else int(varchar_value)


def _to_decimal(varchar_value: str | None) -> Decimal | None:
    return Decimal(varchar_value) if varchar_value else None


def _to_boolean(varchar_value: str | None) -> bool | None:
    if varchar_value == "true":
        return True
    if varchar_value == "false":
        return False
    return strtobool(varchar_value) if varchar_value else None


def _to_binary(varchar_value: str | None) -> bytes | None:
    if varchar_value is None:
        return None
    return binascii.a2b_hex(varchar_value.replace(" ", ""))


def _to_json(varchar_value: str | None) -> Any | None:
    return load_json(varchar_value) if varchar_value else None


def _to_array(varchar_value: str | None) -> list[Any] | str | None:
    """Convert the text of an array whose element type is unknown.

    Returns:
        A list; the text itself when it cannot be split surely; ``None`` when it is no array.
    """
    value = varchar_value
    if value is None or len(value) < 2 or value[0] != "[" or value[-1] != "]":
        return None
    inner = value[1:-1]
    if inner[:1] in _JSON_STARTS:
        try:
            loaded = load_json(value)
        except ValueError:
            pass
        else:
            if isinstance(loaded, list):
                return loaded
    if not inner.strip():
        return []
    if "[" in inner:
        return value
    items = _parse_array_native(inner)
    return value if items is None else items


# First characters with which the inside of a JSON array can begin.
_JSON_STARTS = frozenset('"[{-0123456789tfnNI \t\r\n')


def _to_map(varchar_value: str | None) -> dict[str, Any] | str | None:
    """Convert the text of a map whose types are unknown; keys and values stay text.

    Returns:
        A dict; the text itself when it cannot be split surely; ``None`` when it is no map.
    """
    value = varchar_value
    if value is None or len(value) < 2 or value[0] != "{" or value[-1] != "}":
        return None
    if looks_like_json(value):
        try:
            loaded = load_json(value)
        except ValueError:
            pass
        else:
            return loaded if isinstance(loaded, dict) else None
    inner = value[1:-1]
    if not inner.strip():
        return {}
    pairs = _parse_map_native(inner)
    return value if pairs is None else pairs


def _to_struct(varchar_value: str | None) -> dict[str, Any] | str | None:
    """Convert the text of a row whose types are unknown; values stay text.

    Returns:
        A dict, with keys ``'0'``, ``'1'``, ... when the text has no names; the text itself when
        it cannot be split surely; ``None`` when it is no row.
    """
    return _parse_struct(varchar_value, 0)


def _parse_struct(value: str | None, depth: int) -> dict[str, Any] | str | None:
    if value is None or len(value) < 2 or value[0] != "{" or value[-1] != "}":
        return None
    if looks_like_json(value):
        try:
            loaded = load_json(value)
        except ValueError:
            pass
        else:
            return loaded if isinstance(loaded, dict) else None
    inner = value[1:-1]
    if not inner.strip():
        return {}
    if "=" not in inner:
        return _parse_unnamed_struct(inner)
    fields = _parse_named_struct(inner, depth)
    return value if fields is None else fields


def _parse_array_native(inner: str) -> list[Any] | None:
    result: list[Any] = []
    for item in split_items(inner):
        stripped = item.strip()
        if stripped[:1] == "{" and stripped[-1:] == "}":
            result.append(_to_struct(stripped))
        elif "=" in item or '"' in item or "]" in item or "[" in item:
            return None
        else:
            result.append(_convert_value(item))
    return result


def _parse_map_native(inner: str) -> dict[str, Any] | None:
    if "=" not in inner or any(char in inner for char in "()[]"):
        return None
    result: dict[str, Any] = {}
    for part in inner.split(","):
        key, equals, text = part.partition("=")
        key, text = key.strip(), text.strip()
        if not equals:
            if key:
                return None
            continue
        if _is_odd(key) or _is_odd(text):
            return None
        result[str(_convert_value(key))] = _convert_value(text)
    return result


def _is_odd(text: str) -> bool:
    return "{" in text or "}" in text or "=" in text or '"' in text


def _parse_named_struct(inner: str, depth: int = 0) -> dict[str, Any] | None:
    result: dict[str, Any] = {}
    for part in split_fields(inner):
        key, equals, text = part.partition("=")
        key, text = key.strip(), text.strip()
        if not equals:
            if key:
                return None
            continue
        if _is_odd(key):
            return None
        if text[:1] == "{" and text[-1:] == "}" and depth < MAX_DEPTH:
            result[key] = _parse_struct(text, depth + 1)
        else:
            result[key] = _convert_value(text)
    return result


def _parse_unnamed_struct(inner: str) -> dict[str, Any]:
    return {str(i): _convert_value(part.strip()) for i, part in enumerate(inner.split(","))}


def _convert_value(value: str) -> Any:
    return None if is_null(value) else value


_DEFAULT_CONVERTERS: dict[str, Callable[..., Any]] = {
    "boolean": _to_boolean,
    "tinyint": _to_int,
    "smallint": _to_int,
    "integer": _to_int,
    "bigint": _to_int,
    "float": _to_float,
    "real": _to_float,
    "double": _to_float,
    "char": _to_default,
    "varchar": _to_default,
    "string": _to_default,
    "timestamp": _to_datetime,
    "timestamp with time zone": _to_datetime_with_tz,
    "date": _to_date,
    "time": _to_time,
    "time with time zone": _to_time_with_tz,
    "varbinary": _to_binary,
    "array": _to_array,
    "map": _to_map,
    "row": _to_struct,
    "decimal": _to_decimal,
    "json": _to_json,
}


class Converter(metaclass=ABCMeta):
    """Converts cells, with one function per Athena type.

    Args:
        mappings: function per type name; the dict is kept, not copied.
        default: function for all other types.
        types: column type per type name, for the readers that build tables.
    """

    def __init__(
        self,
        mappings: dict[str, Conversion],
        default: Conversion = _to_default,
        types: dict[str, Any] | None = None,
    ) -> None:
        self._mappings = {} if mappings is None else mappings
        self._default = default
        self._types = {} if types is None else types

    @property
    def mappings(self) -> dict[str, Conversion]:
        """The functions by type name; the dict itself, not a copy."""
        return self._mappings

    @property
    def types(self) -> dict[str, Any]:
        """The column types by type name; the dict itself, not a copy."""
        return self._types

    def get(self, type_: str) -> Conversion:
        """Return the function of a type, the default one when it has none."""
        return self._mappings.get(type_, self._default)

    def set(self, type_: str, converter: Conversion) -> None:
        """Use ``converter`` for a type."""
        self._mappings[type_] = converter

    def remove(self, type_: str) -> None:
        """Forget the function of a type; unknown types are ignored."""
        self._mappings.pop(type_, None)

    def update(self, mappings: dict[str, Conversion]) -> None:
        """Use several functions."""
        self._mappings.update(mappings)

    def get_dtype(self, type_: str, precision: int = 0, scale: int = 0) -> Any | None:
        """Return the column type of a type, or ``None``."""
        return self._types.get(type_)

    def _is_default(self) -> bool:
        """Tell whether every value comes out as the built-in conversions make it."""
        return False

    @abstractmethod
    def convert(self, type_: str, value: str | None, type_hint: str | None = None) -> Any | None:
        """Convert one cell.

        Args:
            type_: Athena's name of the column's type.
            value: the text, ``None`` for NULL.
            type_hint: type signature of a complex value.
        """
        raise NotImplementedError  # pragma: no cover


class DefaultTypeConverter(Converter):
    """Converts cells to the Python types of PEP 249's type objects.

    Arrays, maps and rows become lists and dicts of text, or of typed values when the call gives
    a type signature (``array(integer)``, ``struct<a:int>``); what cannot be read stays text.
    """

    def __init__(self) -> None:
        super().__init__(mappings=_DEFAULT_CONVERTERS.copy(), default=_to_default)
        self._parser = TypeSignatureParser()
        self._typed = TypedValueConverter(_DEFAULT_CONVERTERS, _to_default, _to_struct)
        self._hints: dict[str, TypeNode] = {}

    def _is_default(self) -> bool:
        # Compared, not counted: `mappings` hands the dict out.
        return (
            type(self) is DefaultTypeConverter
            and self._default is _to_default
            and self._mappings == _DEFAULT_CONVERTERS
            and "convert" not in self.__dict__
        )

    def convert(self, type_: str, value: str | None, type_hint: str | None = None) -> Any | None:
        """Convert one cell; see the base class.

        Raises:
            ValueError, decimal.InvalidOperation, binascii.Error, DataError: the text does not
                fit the type.
            ProgrammingError: the type hint is malformed.
        """
        if value is None:
            return None
        if type_hint:
            node = self._hints.get(type_hint)
            if node is None:
                node = self._hints[type_hint] = self._parse_type_hint(type_hint)
            result = self._typed.convert(value, node)
            if result is not None:
                return result
        return self._mappings.get(type_, self._default)(value)

    @staticmethod
    def _normalize_hive_syntax(type_str: str) -> str:
        """Turn ``array<struct<a:int>>`` into ``array(struct(a int))``."""
        return type_str.translate(_HIVE_TO_TRINO) if "<" in type_str else type_str

    def _parse_type_hint(self, type_hint: str) -> TypeNode:
        if not isinstance(type_hint, str):
            raise ProgrammingError(f"Type hint must be str, not {type(type_hint).__name__}.")
        signature = self._normalize_hive_syntax(type_hint)
        if signature.count("(") != signature.count(")"):
            raise ProgrammingError(f"Type hint '{type_hint}' has unbalanced brackets.")
        return self._parser.parse(signature)


_HIVE_TO_TRINO = str.maketrans({"<": "(", ">": ")", ":": " "})

"""Values of the engine as the text that Athena writes."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from .sqltypes import Type

Renderer = Callable[[Any], str]


def java_double(value: float) -> str:
    """Java's Double.toString of a value."""
    return _java(value, repr(value))


def java_float(value: float) -> str:
    """Java's Float.toString: the fewest digits that give the same 32-bit value."""
    if math.isnan(value) or math.isinf(value) or value == 0:
        return _java(value, repr(value))
    packed = struct.pack("f", value)
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        try:
            if struct.pack("f", float(text)) == packed:
                return _java(value, text)
        except OverflowError:  # rounded up beyond the largest float
            continue
    return _java(value, repr(value))


def _java(value: float, text: str) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    magnitude = abs(value)
    if magnitude == 0 or 1e-3 <= magnitude < 1e7:
        if "e" in text:
            text = format(Decimal(text), "f")
        return text if "." in text else text + ".0"
    return scientific(text)


def scientific(text: str) -> str:
    """A number's text as ``d.dddE±n``."""
    sign, digits, exponent = Decimal(text).as_tuple()
    body = "".join(map(str, digits)).rstrip("0") or "0"
    power = int(exponent) + len(digits) - 1
    head, tail = body[0], body[1:] or "0"
    return f"{'-' if sign else ''}{head}.{tail}E{power}"


def _bool(value: Any) -> str:
    return "true" if value else "false"


def _decimal(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _fraction(micros: int) -> str:
    return f"{micros // 1000:03d}" if micros % 1000 == 0 else f"{micros:06d}"


def _date(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _timestamp(value: Any) -> str:
    if not isinstance(value, datetime):
        return str(value)
    return (
        f"{value.replace(microsecond=0, tzinfo=None).isoformat(' ')}.{_fraction(value.microsecond)}"
    )


def zoned(zone: str) -> Renderer:
    """A renderer of instants in a time zone: ``UTC``, ``+02:00`` or a name."""
    info = parse_zone(zone)

    def render(value: Any) -> str:
        if not isinstance(value, datetime):
            return str(value)
        return f"{_timestamp(value.astimezone(info))} {zone}"

    return render


def parse_zone(zone: str) -> ZoneInfo | timezone:
    """The zone of a name or an offset; ValueError when there is none of that name."""
    if zone[:1] in "+-" and len(zone) == 6:
        minutes = int(zone[1:3]) * 60 + int(zone[4:6])
        return timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))
    try:
        return ZoneInfo(zone)
    except (KeyError, OSError) as error:
        raise ValueError(f"'{zone}' is not a time zone") from error


def _time(value: Any) -> str:
    if not isinstance(value, time):
        return str(value)
    text = f"{value:%H:%M:%S}.{_fraction(value.microsecond)}"
    offset = value.utcoffset()
    if offset is not None:
        minutes = int(offset.total_seconds()) // 60
        sign = "-" if minutes < 0 else "+"
        text += f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    return text


def _day_interval(value: Any) -> str:
    if not isinstance(value, timedelta):
        return str(value)
    sign = "-" if value < timedelta(0) else ""
    value = abs(value)
    hours, rest = divmod(value.seconds, 3600)
    millis = value.microseconds // 1000
    return f"{sign}{value.days} {hours:02d}:{rest // 60:02d}:{rest % 60:02d}.{millis:03d}"


def _month_interval(value: Any) -> str:
    # The engine's interval of months arrives as 30 days a month.
    if not isinstance(value, timedelta):
        return str(value)
    sign = "-" if value < timedelta(0) else ""
    years, months = divmod(abs(value).days // 30, 12)
    return f"{sign}{years}-{months}"


def _binary(value: Any) -> str:
    return bytes(value).hex(" ")


_PLAIN: dict[str, Renderer] = {
    "boolean": _bool,
    "float": java_float,
    "double": java_double,
    "decimal": _decimal,
    "date": _date,
    "timestamp": _timestamp,
    "time": _time,
    "timetz": _time,
    "binary": _binary,
    "interval": _day_interval,
    "interval_ym": _month_interval,
}


def renderer(kind: Type, zone: str = "UTC") -> Renderer:
    """The function from a value (never None) to its text."""
    if kind.name == "timestamptz":
        return zoned(zone)
    if kind.name == "array":
        return _array(_nested(kind.children[0], zone))
    if kind.name == "map":
        return _map(_nested(kind.children[0], zone), _nested(kind.children[1], zone))
    if kind.name == "struct":
        return _row(kind.fields, [_nested(child, zone) for child in kind.children])
    return _PLAIN.get(kind.name, str)


def _nested(kind: Type, zone: str) -> Renderer:
    inner = renderer(kind, zone)
    return lambda value: "null" if value is None else inner(value)


def _array(element: Renderer) -> Renderer:
    return lambda value: "[" + ", ".join(map(element, value)) + "]"


def _map(key: Renderer, element: Renderer) -> Renderer:
    def render(value: Any) -> str:
        pairs = value.items()
        if list(value) == ["key", "value"] and isinstance(value["key"], list):
            pairs = zip(value["key"], value["value"], strict=True)  # keys that do not hash
        return "{" + ", ".join(f"{key(k)}={element(v)}" for k, v in pairs) + "}"

    return render


def _row(fields: tuple[str, ...], elements: list[Renderer]) -> Renderer:
    def render(value: Any) -> str:
        values = value.values() if isinstance(value, dict) else value
        parts = zip(fields, elements, values, strict=True)
        return "{" + ", ".join(f"{name}={element(v)}" for name, element, v in parts) + "}"

    return render

"""Text of cells to Python values."""

from __future__ import annotations

import binascii
import json
import random
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import pytest
from pyathena import converter as module
from pyathena.converter import Converter, DefaultTypeConverter
from pyathena.error import DataError

TZ = "timestamp with time zone"
TTZ = "time with time zone"


def offset(hours, minutes=0):
    return timezone(timedelta(hours=hours, minutes=minutes))


@pytest.fixture
def converter():
    return DefaultTypeConverter()


@pytest.mark.parametrize("type_", [*module._DEFAULT_CONVERTERS, "uuid", "struct", "anything"])
def test_null(converter, type_):
    assert converter.convert(type_, None) is None
    assert converter.get(type_)(None) is None


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("boolean", "true", True),
        ("boolean", "FALSE", False),
        ("boolean", "on", True),
        ("tinyint", "-1", -1),
        ("bigint", "9223372036854775807", 2**63 - 1),
        ("double", "1.0E10", 1e10),
        ("real", "-Infinity", float("-inf")),
        ("decimal", "12345678901234567890.10", Decimal("12345678901234567890.10")),
        ("varchar", "a ", "a "),
        ("date", "2020-02-29", date(2020, 2, 29)),
        ("time", "01:02:03", time(1, 2, 3)),
        ("time", "01:02:03.1", time(1, 2, 3, 100000)),
        ("time", "01:02:03.123456789012", time(1, 2, 3, 123456)),
        (TTZ, "01:02:03.123+01:00", time(1, 2, 3, 123000, offset(1))),
        (TTZ, "01:02:03-00:30", time(1, 2, 3, tzinfo=offset(0, -30))),
        ("timestamp", "2020-01-02", datetime(2020, 1, 2)),
        ("timestamp", "2020-01-02 03:04:05", datetime(2020, 1, 2, 3, 4, 5)),
        ("timestamp", "2020-01-02T03:04:05.6", datetime(2020, 1, 2, 3, 4, 5, 600000)),
        ("timestamp", "2020-01-02 03:04:05.999999999", datetime(2020, 1, 2, 3, 4, 5, 999999)),
        ("timestamp", "2020-01-02 03:04:05.000000999999", datetime(2020, 1, 2, 3, 4, 5)),
        (TZ, "2020-01-02 03:04:05.123 UTC", datetime(2020, 1, 2, 3, 4, 5, 123000, ZoneInfo("UTC"))),
        (TZ, "2020-01-02 03:04:05 +00:00", datetime(2020, 1, 2, 3, 4, 5, 0, timezone.utc)),
        (TZ, "2020-01-02 03:04:05 -03:30", datetime(2020, 1, 2, 3, 4, 5, 0, offset(-3, -30))),
        (
            TZ,
            "2020-01-02 03:04:05 Asia/Tokyo",
            datetime(2020, 1, 2, 3, 4, 5, 0, ZoneInfo("Asia/Tokyo")),
        ),
        ("varbinary", "de ad be ef", b"\xde\xad\xbe\xef"),
        ("varbinary", "dead", b"\xde\xad"),
        ("json", '{"a": [1, null]}', {"a": [1, None]}),
        ("json", "null", None),
        ("interval day to second", "2 00:00:00.000", "2 00:00:00.000"),
        ("uuid", "x", "x"),
    ],
)
def test_scalar(converter, type_, text, value):
    result = converter.convert(type_, text)
    assert result == value
    assert repr(result) == repr(value)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        *[
            (t, None)
            for t in ("boolean", "decimal", "time", TTZ, TZ, "json", "array", "map", "row")
        ],
        *[(t, "") for t in ("char", "varchar", "string", "uuid")],
        ("varbinary", b""),
    ],
)
def test_empty_text(converter, type_, value):
    assert converter.convert(type_, "") == value


@pytest.mark.parametrize(
    ("type_", "text", "error"),
    [
        ("boolean", "x", ValueError),
        *[(t, "", ValueError) for t in ("tinyint", "integer", "double", "date", "timestamp")],
        ("integer", "1.0", ValueError),
        ("double", "x", ValueError),
        ("decimal", "x", InvalidOperation),
        ("date", "2020-13-01", ValueError),
        ("date", "10000-01-01", ValueError),
        ("time", "24:00:00", ValueError),
        ("time", "01:02", ValueError),
        ("time", "01:02:03+01:00", ValueError),
        ("time", "01:02:03.1234567890123", ValueError),
        (TTZ, "01:02:03", ValueError),
        (TTZ, "01:02:03+25:00", ValueError),
        ("timestamp", "10000-01-01 00:00:00", ValueError),
        ("timestamp", "2020-01-01 00:00:00.12x", ValueError),
        ("timestamp", "2020-01-01 00:00:00.1234567890123", ValueError),
        ("timestamp", "2020-01-01T00+01:00", ValueError),
        (TZ, "x UTC", ValueError),
        ("varbinary", "zz", binascii.Error),
        ("varbinary", "abc", binascii.Error),
        ("json", "{", json.JSONDecodeError),
        ("json", "[" * 200_000, ValueError),
    ],
)
def test_text_that_does_not_fit(converter, type_, text, error):
    with pytest.raises(error):
        converter.convert(type_, text)


@pytest.mark.parametrize("zone", ["X/Y", "America", "../etc", "/etc/localtime", "+24:00", "+01:60"])
def test_unknown_time_zone(converter, zone):
    with pytest.raises(DataError) as caught:
        converter.convert(TZ, f"2020-01-01 00:00:00 {zone}")
    assert str(caught.value) == (
        f"Unknown time zone '{zone}'. Update the tzdata package or the system time zone database."
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2020-11-01 01:30:00 America/New_York", "is ambiguous: the local time occurs twice"),
        ("2020-03-08 02:30:00 America/New_York", "does not exist: the local time is skipped"),
    ],
)
def test_local_times_that_are_not_one_moment(converter, text, problem):
    with pytest.raises(DataError) as caught:
        converter.convert(TZ, text)
    assert str(caught.value) == (
        f"'{text}' {problem} in America/New_York. Convert the value to UTC in SQL, for example "
        "with AT TIME ZONE 'UTC'."
    )


def test_zones_are_shared(converter):
    first = converter.convert(TZ, "2020-01-01 00:00:00 Asia/Tokyo")
    assert converter.convert(TZ, "2021-01-01 00:00:00 Asia/Tokyo").tzinfo is first.tzinfo


def test_timestamp_round_trip(converter):
    source = random.Random(3)
    for _ in range(500):
        value = datetime(1, 1, 1) + timedelta(microseconds=source.randrange(10**17))
        for digits in range(1, 13):
            text = f"{value:%H:%M:%S}.{value.microsecond:06d}000000"[: 9 + digits]
            cut = value.microsecond // 10 ** max(6 - digits, 0) * 10 ** max(6 - digits, 0)
            expected = value.replace(microsecond=cut)
            assert converter.convert("time", text) == expected.time()
            day = value.date().isoformat()
            assert converter.convert("timestamp", f"{day} {text}") == expected


RAW = object()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, 2]", [1, 2]),
        ("[1.5, true, null]", [1.5, True, None]),
        ("[[1, 2], [3]]", [[1, 2], [3]]),
        ('["a, b"]', ["a, b"]),
        ("[a, b]", ["a", "b"]),
        ("[a,b]", ["a,b"]),
        ("[, a]", ["", "a"]),
        ("[a, ]", ["a", ""]),
        ("[ ]", []),
        ("[]", []),
        ("[null, a, NULL]", [None, "a", None]),
        ("[{a=1, b=x}, {a=2, b=y}]", [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]),
        ("[{a, b}]", [{"0": "a", "1": "b"}]),
        ("[{a=x, y}]", ["{a=x, y}"]),
        ("[[a, b]]", RAW),
        ("[{a=[1, 2]}]", RAW),
        ("[a=b]", RAW),
        ('["x]', RAW),
        ("a", None),
        ("{a}", None),
        ("[", None),
        (" [1]", None),
    ],
)
def test_array(converter, text, value):
    assert converter.convert("array", text) == (text if value is RAW else value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("{a=1, b=null}", {"a": "1", "b": None}),
        ("{1=x y, 2=z}", {"1": "x y", "2": "z"}),
        ("{null=1}", {"None": "1"}),
        ("{a=}", {"a": ""}),
        ("{=1}", {"": "1"}),
        ("{a=1,,b=2}", {"a": "1", "b": "2"}),
        ('{"a": 1}', {"a": 1}),
        ("{a={b=1}}", RAW),
        ("{a=[1]}", RAW),
        ("{a=(1)}", RAW),
        ("{a=1,b}", RAW),
        ("{a=b=c}", RAW),
        ("{,}", RAW),
        ('{"a"=1}', RAW),
        ("[1]", None),
        ('{"a": 1', None),
    ],
)
def test_map(converter, text, value):
    assert converter.convert("map", text) == (text if value is RAW else value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("{a=1, b={c=2, d=3}}", {"a": "1", "b": {"c": "2", "d": "3"}}),
        ("{a=[1, 2], b=3}", {"a": "[1, 2]", "b": "3"}),
        ("{Alice, 25}", {"0": "Alice", "1": "25"}),
        ("{a=b=c}", {"a": "b=c"}),
        ("{a={}}", {"a": {}}),
        ("{a={b=1, c}}", {"a": "{b=1, c}"}),
        ("{null}", {"0": None}),
        ('{"a": {"b": 1}}', {"a": {"b": 1}}),
        ("{a=x, y, b=z}", RAW),
        ("{{a=1}}", RAW),
        ("(1, 2)", None),
    ],
)
def test_row(converter, text, value):
    assert converter.convert("row", text) == (text if value is RAW else value)


def test_deep_values_do_not_exhaust_the_stack(converter):
    for text in ("{a=" * 20_000 + "}" * 20_000, "{" * 20_000 + "}" * 20_000):
        assert converter.convert("row", text) is not None
    assert converter.convert("array", "[" * 200_000 + "]" * 200_000) is not None
    assert converter.convert("map", '{"a":' * 200_000 + "}" * 200_000) is not None


def test_hint_falls_back_to_the_type(converter):
    assert converter.convert("varchar", "5", "integer") == 5
    assert converter.convert("integer", "5", "") == 5
    assert converter.convert("map", "{1=2}", "array(int)") == {"1": "2"}


def test_mappings(converter):
    converter.set("integer", lambda value: "int")
    assert converter.convert("integer", "1") == "int"
    converter.update({"date": lambda value: "day"})
    assert converter.convert("date", "2020-01-01") == "day"
    converter.remove("varchar")
    converter.remove("nope")
    assert converter.get("varchar")("x") == "x"
    assert converter.get_dtype("integer", 10, 0) is None
    assert (converter.types, DefaultTypeConverter().convert("integer", "1")) == ({}, 1)


def test_is_default():
    changes = [
        lambda c: c.set("date", str),
        lambda c: c.mappings.update({"date": str}),
        lambda c: c.remove("date"),
        lambda c: c.update({"new": str}),
        lambda c: setattr(c, "_default", str),
        lambda c: setattr(c, "convert", lambda *args: None),
    ]
    for change in changes:
        converter = DefaultTypeConverter()
        assert converter._is_default()
        change(converter)
        assert not converter._is_default()
    converter = DefaultTypeConverter()
    converter.set("date", str)
    converter.set("date", module._to_date)
    assert converter._is_default()

    class Sub(DefaultTypeConverter):
        pass

    assert not Sub()._is_default()


def test_own_converter():
    class Shout(Converter):
        def __init__(self):
            super().__init__(mappings={"varchar": str.upper}, types={"varchar": str})

        def convert(self, type_, value, type_hint=None):
            return self.get(type_)(value)

    converter = Shout()
    assert converter.convert("varchar", "a") == "A"
    assert converter.convert("integer", "1") == "1"
    assert converter.get_dtype("varchar") is str
    assert not converter._is_default()
    with pytest.raises(TypeError):
        Converter({})

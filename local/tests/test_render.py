"""Values as text."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from athena_local.render import java_double, java_float, parse_zone, renderer
from athena_local.sqltypes import Type, parse

UTC = dt.timezone.utc


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (1.5, "1.5"),
        (-2.25, "-2.25"),
        (0.001, "0.001"),
        (0.00099, "9.9E-4"),
        (1e-5, "1.0E-5"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (1e10, "1.0E10"),
        (123456789.0, "1.23456789E8"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e21, "1.0E21"),
    ],
)
def test_java_double(value: float, text: str) -> None:
    assert java_double(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.100000023841858, "1.1"),
        (16777216.0, "1.6777216E7"),
        (3.4028234663852886e38, "3.4028235E38"),
        (0.0, "0.0"),
        (float("nan"), "NaN"),
        (0.3333333432674408, "0.33333334"),
    ],
)
def test_java_float(value: float, text: str) -> None:
    assert java_float(value) == text


STAMP = dt.datetime(2024, 2, 29, 13, 5, 7)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("boolean", True, "true"),
        ("boolean", False, "false"),
        ("int", -5, "-5"),
        ("decimal(10,2)", Decimal("1.50"), "1.50"),
        ("decimal(38,10)", Decimal("0E-10"), "0.0000000000"),
        ("date", dt.date(1, 1, 1), "0001-01-01"),
        ("timestamp", STAMP, "2024-02-29 13:05:07.000"),
        ("timestamp", STAMP.replace(microsecond=120000), "2024-02-29 13:05:07.120"),
        ("timestamp", STAMP.replace(microsecond=1), "2024-02-29 13:05:07.000001"),
        ("timestamp with time zone", STAMP.replace(tzinfo=UTC), "2024-02-29 13:05:07.000 UTC"),
        ("time", dt.time(1, 2, 3, 400000), "01:02:03.400"),
        ("varbinary", b"\x00\xff\x10", "00 ff 10"),
        ("varbinary", b"", ""),
        ("array(integer)", [1, None, 3], "[1, null, 3]"),
        ("array(varchar)", [], "[]"),
        ("array(double)", [1.0, 1e10], "[1.0, 1.0E10]"),
        ("map(varchar, integer)", {"a": 1, "b": None}, "{a=1, b=null}"),
        (
            "row(x integer, y array(date))",
            {"x": 1, "y": [dt.date(2020, 1, 2)]},
            "{x=1, y=[2020-01-02]}",
        ),
        ("varchar", 'a\n"b', 'a\n"b'),
        ("json", '{"a":1}', '{"a":1}'),
    ],
)
def test_renderer(kind: str, value: Any, text: str) -> None:
    assert renderer(parse(kind))(value) == text


def test_renderer_intervals() -> None:
    day = renderer(Type("interval"))
    assert day(dt.timedelta(days=2)) == "2 00:00:00.000"
    assert day(dt.timedelta(seconds=-3661.5)) == "-0 01:01:01.500"
    month = renderer(Type("interval_ym"))
    assert month(dt.timedelta(days=90)) == "0-3"
    assert month(dt.timedelta(days=-14 * 30)) == "-1-2"


def test_renderer_zones() -> None:
    value = STAMP.replace(tzinfo=UTC)
    assert renderer(Type("timestamptz"), "+02:00")(value) == "2024-02-29 15:05:07.000 +02:00"
    zone = "America/New_York"
    assert renderer(Type("timestamptz"), zone)(value) == f"2024-02-29 08:05:07.000 {zone}"


def test_renderer_time_with_zone() -> None:
    value = dt.time(1, 2, 3, tzinfo=dt.timezone(-dt.timedelta(hours=3, minutes=30)))
    assert renderer(Type("timetz"))(value) == "01:02:03.000-03:30"


def test_parse_zone_unknown() -> None:
    with pytest.raises(ValueError, match="Mars"):
        parse_zone("Mars/Olympus")

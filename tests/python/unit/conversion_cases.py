"""Inputs for converters, formatter and helpers, and what the installed package makes of them.

Run as a program it prints one JSON object, case name to outcome, for whichever ``pyathena`` the
interpreter finds; see ``test_compare_pyathena.py``.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

TZ = "timestamp with time zone"
TTZ = "time with time zone"

SCALARS = {
    "boolean": ["true", "FALSE", "on", "0", "", "x", " true"],
    "integer": ["1", "-5", " 7 ", "1_0", "", "1.0", "x"],
    "bigint": ["9223372036854775807", "99999999999999999999"],
    "double": ["1.0E10", "NaN", "-Infinity", "0.1", "", "x"],
    "decimal": ["1.10", "-0", "1E5", "NaN", "", "x"],
    "varchar": ["", "a", " é\0 "],
    "uuid": ["", "x"],
    "date": ["2020-02-29", "2021-02-29", "0001-01-01", "10000-01-01", "", "x", "2020-1-1"],
    "time": ["01:02:03", "01:02:03.1", "01:02:03.123456789012", "24:00:00", "", "x", "01:02",
             "01:02:03+01:00"],
    TTZ: ["01:02:03+01:00", "01:02:03.123-00:30", "01:02:03.123456789+14:00", "", "01:02:03",
          "01:02:03+25:00", "01:02:03+01"],
    "timestamp": ["2020-01-01", "2020-01-01 00:00", "2020-01-01T01:02:03.4",
                  "2020-01-01 01:02:03.123456789012", "10000-01-01 00:00:00", "", "x",
                  "2020-01-01 00:00:00.12x", "2020-01-01 00:00:00+01:00"],
    TZ: ["2020-01-01 00:00:00 UTC", "2020-01-01 00:00:00.123456789 Asia/Tokyo",
         "2020-01-01 00:00:00 +01:00", "2020-01-01 00:00:00 -00:00", "2020-01-01 00:00:00 X/Y",
         "2020-11-01 01:30:00 America/New_York", "2020-03-08 02:30:00 America/New_York", "",
         "2020-01-01 00:00:00", "x UTC", "2020-01-01 00:00:00 America", "2020-01-01 UTC",
         "2020-01-01 00:00:00 +24:00", "2020-01-01 00:00:00 +01:60"],
    "varbinary": ["", "de ad", "dead", "zz", "abc"],
    "json": ["", "null", "[1, 2.5]", "\"a\"", "NaN", "{"],
    "interval day to second": ["2 00:00:00.000"],
}  # fmt: skip

HINTED = [
    ("[1, 2]", "array(varchar)"), ("[1,2]", "array(integer)"), ("[1,2]", "array(varchar)"),
    ("[]", "array(int)"), ("[ ]", "array(varchar)"), ("[, a]", "array(varchar)"),
    ("[2020-01-01,null]", "array(date)"), ("[{a=1}]", "array(varchar)"),
    ("[{a=1}, null]", "array(row(a int))"), ("[[1, 2], [3]]", "array(array(int))"),
    ("[[a, b]]", "array(array(varchar))"), ('["a", 1]', "array(json)"),
    ('[{"a": {"b": [1]}}]', "array(row(a row(b array(varchar))))"),
    ("[null, true]", "array(varchar)"), ("[[1.50]]", "array(array(decimal))"),
    ("[a, b]", "array(row(a int))"), ("[1, ]", "array(int)"), ("[x]", "array(int)"),
    ("{1=a, 2=b}", "map(integer, varchar)"), ("{a={x=1}}", "map(varchar, row(x integer))"),
    ("{a=b=c}", "map(varchar, varchar)"), ("{null=1}", "map(int, int)"), ("{,}", "map(int, int)"),
    ('{"a": 1}', "map(varchar, int)"), ("{a=x, y}", "map(varchar, varchar)"),
    ("{a=[1, 2], b=3}", "row(a array(integer), b integer)"), ("{1, x}", "row(a int, b varchar)"),
    ("{1, x, y}", "row(a int, b varchar)"), ("{, }", "row(a varchar, b varchar)"),
    ("{{1, 2}, 3}", "row(a row(x int, y int), b int)"), ("{{a}, b}", "row(a varchar, b varchar)"),
    ("{a=1, b=x}", "struct<a:int,b:string>"), ("{b=x, a=1}", "row(a int, b varchar)"),
    ("{a={b=1}}", "row(a varchar)"), ('{a={"x": 1}, b=2}', "row(a json, b int)"),
    ("{a={b=1, c}}", "row(a row(b int, c int))"), ("{a=1, b}", "row(a int, b varchar)"),
    ("{a=1}", 'row("a b" int)'), ("{a=1}", "row(a date)"), ("(1, 2)", "row(a int)"),
    ("[1, 2]", "array(int"), ("5", "integer"),
]  # fmt: skip

SIGNATURES = [
    "int", "varchar(10)", "decimal(10,2)", "timestamp(3) with time zone", "array(int)",
    "map(varchar, array(integer))", "row(a int, B varchar(10))", "row(date)", "row()", "map(int)",
    "row(t timestamp(6) with time zone, d row(x date))", "array(", "", 'row("a b" int)',
]  # fmt: skip

VALUES: dict[str, Any] = {
    "none": None, "bool": True, "int": -5, "float": 1.5, "float big": 1e20,
    "decimal": Decimal("1E+5"), "bytes": b"a\xff", "view": memoryview(b"abcd")[::2],
    "date": date(5, 1, 2), "datetime": datetime(2020, 1, 2, 3, 4, 5, 6000),
    "datetime us": datetime(2020, 1, 2, 3, 4, 5, 6),
    "aware": datetime(2020, 1, 2, tzinfo=timezone.utc),
    "text": "it's \\ \n \t", "list": [1, 1.5, None, "a'b", date(2020, 1, 1)], "nested": [[1], (2,)],
    "small float in list": [1e-9], "empty": (), "frozenset": frozenset(), "delta": timedelta(1),
    "nul": "a\0b",
}  # fmt: skip

STATEMENTS = [
    "SELECT {}", " select {} ; ", "-- c\nSHOW TABLES {}", "/* c */ DESC t {}",
    "CREATE TABLE t (a int) {}",
    "CREATE TABLE t AS SELECT {}", "CREATE TABLE t_as (a int) {}", "CREATE EXTERNAL TABLE t {}",
    "CREATE TABLE t COMMENT 'x as y' {}", "CREATE VIEW v AS SELECT {}", "ALTER VIEW v {}",
    "ALTER TABLE t {}", "DROP SCHEMA s {}", "DROP VIEW v {}", "MSCK REPAIR TABLE t {}", "SHOWX {}",
    "UNLOAD (SELECT {})", "(SHOW {})",
]  # fmt: skip

PERCENTS = [
    ("SELECT '%%'", None), ("SELECT '%%'", {}), ("SELECT '%%'", []), ("SELECT %", {}),
    ("SELECT %(y)s", {"x": 1}), ("SELECT %s", {}), ("SELECT %s", {"x": 1}), ("SELECT 1", [1]),
    ("", None), (" ", {}), (None, None), ("SELECT %(x).2f", {"x": 1.239}),
]  # fmt: skip

UNLOADS = [
    ("SELECT 1", "s3://b/"), ("WITH a AS (SELECT 1) SELECT 2", "s3://b/p"), ("VALUES 1", "s3://b/"),
    ("SELECT 1;", "s3://b/"), ("-- c\nSELECT 1", "s3://b/"), ("SELECTX", "s3://b/"),
    ("SELECT 1", None), ("", "s3://b/"),
]  # fmt: skip

LOCATIONS = ["s3://b/k", "s3://b/a/b?c", "s3://b", "s3://b/", "S3://b/k", "", " s3://b/k"]

Case = tuple[str, Callable[[], Any]]


def complex_texts(count: int) -> Iterator[tuple[str, str]]:
    """Random text of arrays, maps and rows, well-formed or not; the same on every run."""
    source = random.Random(20)
    tokens = [*'{}[],="ab1() :', ", ", "null", "NULL", "1.5", "true", "x y"]
    for _ in range(count):
        inner = "".join(source.choice(tokens) for _ in range(source.randint(0, 9)))
        for opening, closing in ("[]", "{}"):
            for type_ in ("array", "map", "row"):
                yield type_, opening + inner + closing


def printed_value(source: random.Random, depth: int, outermost: bool = False) -> tuple[str, str]:
    """A random typed value as Athena prints it, and its signature."""
    kind = source.choice((4, 5, 6)) if outermost else source.randrange(7 if depth else 4)
    if kind < 4:
        if source.random() < 0.1:
            return "null", "varchar"
        return [
            (str(source.randint(-9, 9)), "integer"),
            (source.choice(["x y", "é", "-", "a.b"]), "varchar(9)"),
            (f"2020-01-0{source.randint(1, 9)}", "date"),
            (f"{source.randint(0, 9)}.50", "decimal(3, 2)"),
        ][kind]
    if kind == 4:
        # Arrays of arrays and rows with arrays in arrays have no unambiguous text.
        text, hint = printed_value(source, 0)
        return f"[{', '.join([text] * source.randint(0, 3))}]", f"array({hint})"
    parts = [printed_value(source, depth - 1) for _ in range(source.randint(1, 3))]
    if kind == 5:
        text, hint = parts[0]
        pairs = ", ".join(f"k{i}={text}" for i in range(len(parts)))
        return f"{{{pairs}}}", f"map(varchar, {hint})"
    text = ", ".join(f"f{i}={part[0]}" for i, part in enumerate(parts))
    hint = ", ".join(f"f{i} {part[1]}" for i, part in enumerate(parts))
    return f"{{{text}}}", f"row({hint})"


def cases() -> Iterator[Case]:
    """All cases: a unique name and a call."""
    from pyathena.converter import DefaultTypeConverter
    from pyathena.formatter import DefaultParameterFormatter
    from pyathena.parser import TypeSignatureParser
    from pyathena.util import parse_output_location, strtobool

    convert = DefaultTypeConverter().convert
    for type_, texts in SCALARS.items():
        for text in texts:
            yield f"{type_}: {text}", lambda t=type_, v=text: convert(t, v)
    for type_, text in dict.fromkeys(complex_texts(1500)):
        yield f"{type_}: {text}", lambda t=type_, v=text: convert(t, v)
    source = random.Random(21)
    printed = dict.fromkeys(printed_value(source, 3, outermost=True) for _ in range(1500))
    for text, hint in [*HINTED, *printed]:
        type_ = {"[": "array", "(": "row"}.get(text[0], "map" if hint.startswith("map") else "row")
        yield f"hint {hint}: {text}", lambda t=type_, v=text, h=hint: convert(t, v, h)
    parser = TypeSignatureParser()
    for signature in SIGNATURES:
        yield f"signature {signature}", lambda s=signature: parser.parse(s)
    formatter = DefaultParameterFormatter()
    for name, value in VALUES.items():
        yield f"value {name}", lambda v=value: formatter.format("SELECT %(x)s", {"x": v})
    for statement in STATEMENTS:
        sql = statement.format("%(x)s")
        yield f"kind {statement}", lambda s=sql: formatter.format(s, {"x": "'\\\n"})
    for sql, parameters in PERCENTS:
        yield f"percent {sql} {parameters}", lambda s=sql, p=parameters: formatter.format(s, p)
    for sql, location in UNLOADS:
        yield f"unload {sql} {location}", lambda s=sql, w=location: formatter.wrap_unload(s, w)
    for location in LOCATIONS:
        yield f"location {location}", lambda w=location: parse_output_location(w)
    for word in ("y", "ON", "off", "", "x"):
        yield f"strtobool {word}", lambda w=word: strtobool(w)


def outcome(call: Callable[[], Any]) -> str:
    """What a call gives: the value's ``repr``, or the error's class."""
    try:
        text = repr(call())
    except Exception as ex:
        return f"!{type(ex).__name__}"
    # The parts of an UNLOAD location that differ from run to run.
    return re.sub(r"unload/\d{8}/[0-9a-f-]{36}", "unload/DAY/ID", text)


def outcomes() -> dict[str, str]:
    """Run every case."""
    results = {}
    for name, call in cases():
        assert name not in results, f"two cases are named {name!r}"
        results[name] = outcome(call)
    return results


if __name__ == "__main__":
    json.dump(outcomes(), sys.stdout)

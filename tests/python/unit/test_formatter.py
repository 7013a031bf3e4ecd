"""Parameters inside statements: literals, quoting by statement kind, limits."""

from __future__ import annotations

import enum
import random
import re
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from pyathena import formatter as module
from pyathena.error import ProgrammingError
from pyathena.formatter import DefaultParameterFormatter, Formatter, check_statement

HIVE = "SHOW TABLES LIKE %(x)s"
TRINO = "SELECT %(x)s"


@pytest.fixture
def formatter():
    return DefaultParameterFormatter()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "True"),
        (False, "False"),
        (-5, "-5"),
        (1.5, "1.5"),
        (1e20, "1e+20"),
        (Decimal("1E+5"), "DECIMAL '100000'"),
        (Decimal("1.50"), "DECIMAL '1.50'"),
        (b"a\xff", "X'61ff'"),
        (bytearray(b""), "X''"),
        (memoryview(b"abcd")[::2], "X'6163'"),
        (date(5, 1, 2), "DATE '0005-01-02'"),
        (datetime(2020, 1, 2, 3, 4, 5), "TIMESTAMP '2020-01-02 03:04:05.000'"),
        (datetime(2020, 1, 2, 3, 4, 5, 6000), "TIMESTAMP '2020-01-02 03:04:05.006'"),
        (datetime(2020, 1, 2, 3, 4, 5, 6), "TIMESTAMP '2020-01-02 03:04:05.000006'"),
        (datetime(2020, 1, 2, tzinfo=timezone.utc), "TIMESTAMP '2020-01-02 00:00:00.000'"),
        ("", "''"),
        ("a'b", "'a''b'"),
        ([], "()"),
        ([1, None, True], "(1, null, True)"),
        (("a", "b'c"), "('a', 'b''c')"),
        ({7}, "(7)"),
        ([[1], (2, "x")], "((1), (2, 'x'))"),
        ([1.5, 10**20], "(1.500000, 100000000000000000000)"),
        ([date(2020, 1, 1), Decimal(2), b"x"], "(DATE '2020-01-01', DECIMAL '2', X'78')"),
    ],
)
def test_format_literal(formatter, value, text):
    assert formatter.format(TRINO, {"x": value}) == f"SELECT {text}"


def test_format_float_in_sequence_keeps_its_value(formatter):
    assert formatter.format(TRINO, {"x": [1e-9, 1 / 3]}) == "SELECT (1e-09, 0.3333333333333333)"
    assert formatter.format(TRINO, {"x": [float("nan")]}) == "SELECT (nan)"


def test_format_spec_works_on_floats(formatter):
    assert formatter.format("SELECT %(x).2f", {"x": 1.239}) == "SELECT 1.24"


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    pass


@pytest.mark.parametrize(
    "value",
    [
        Colour.RED,
        Text("x"),
        frozenset(),
        uuid.UUID(int=1),
        time(1),
        timedelta(1),
        {},
        range(2),
        [object()],
    ],
)
def test_format_refuses_other_types(formatter, value):
    with pytest.raises(TypeError, match="is not defined formatter"):
        formatter.format(TRINO, {"x": value})


@pytest.mark.parametrize("operation", [None, "", "  \n"])
def test_format_refuses_no_statement(formatter, operation):
    with pytest.raises(ProgrammingError, match="^Query is none or empty.$"):
        formatter.format(operation)


def test_format_refuses_bytes(formatter):
    with pytest.raises(ProgrammingError, match="must be str, not bytes"):
        formatter.format(b"SELECT 1")


def test_format_percent_rules(formatter):
    assert formatter.format(" SELECT '%%' % 2 ", None) == "SELECT '%%' % 2"
    for empty in ({}, [], (), ""):
        assert formatter.format("SELECT '%%'", empty) == "SELECT '%'"
    with pytest.raises(ValueError, match="incomplete format"):
        formatter.format("SELECT %", {})
    with pytest.raises(KeyError):
        formatter.format(TRINO, {"y": 1})


@pytest.mark.parametrize("parameters", [{}, {"x": "secret"}])
def test_format_positional_placeholder_is_refused(formatter, parameters):
    with pytest.raises(TypeError, match="not enough arguments"):
        formatter.format("SELECT %s", parameters)


@pytest.mark.parametrize("parameters", [[1], ("a",), "x", 5])
def test_format_refuses_parameters_that_are_no_dict(formatter, parameters):
    with pytest.raises(ProgrammingError, match=r"^Unsupported parameter \(Support for dict only\)"):
        formatter.format(TRINO, parameters)


def test_format_does_not_read_values_again(formatter):
    assert formatter.format(TRINO, {"x": "%(x)s %% %s"}) == "SELECT '%(x)s %% %s'"


@pytest.mark.parametrize(
    ("operation", "hive"),
    [
        ("ALTER TABLE t ADD x %(x)s", True),
        ("alter database d %(x)s", True),
        ("ALTER VIEW v %(x)s", False),
        ("CREATE DATABASE d COMMENT %(x)s", True),
        ("CREATE SCHEMA d COMMENT %(x)s", True),
        ("CREATE TABLE t (a int) COMMENT %(x)s", True),
        ("CREATE  EXTERNAL\n\tTABLE t (a int) COMMENT %(x)s", True),
        ("CREATE TABLE t AS SELECT %(x)s", False),
        ("create table t\nas(select %(x)s)", False),
        ("CREATE TABLE t WITH (a = 'b') AS SELECT %(x)s", False),
        ("CREATE TABLE x_as (a int) COMMENT %(x)s", True),
        ("CREATE TABLE t (a int COMMENT 'same AS b') COMMENT %(x)s", True),
        ("CREATE TABLE t (`as` int) COMMENT %(x)s", True),
        ("CREATE TABLE t (a int) /* AS */ COMMENT %(x)s -- AS", True),
        # Hive sees one literal here, Trino sees the word: the stricter reading wins.
        (r"CREATE TABLE t COMMENT 'a\' AS b' COMMENT %(x)s", False),
        ("CREATE VIEW v AS SELECT %(x)s", False),
        ("CREATE OR REPLACE TABLE t %(x)s", False),
        ("DROP TABLE t %(x)s", True),
        ("DROP SCHEMA s %(x)s", True),
        ("DROP VIEW v %(x)s", False),
        ("MSCK REPAIR TABLE t %(x)s", True),
        ("SHOW TABLES %(x)s", True),
        ("DESC t %(x)s", True),
        ("DESCRIBE t %(x)s", True),
        ("SHOWX %(x)s", False),
        ("/* a */ -- b\n  SHOW TABLES %(x)s", True),
        ("-- SHOW\nSELECT %(x)s", False),
        ("/* SHOW %(x)s", False),
        ("INSERT INTO t VALUES (%(x)s)", False),
        ("WITH a AS (SELECT 1) SELECT %(x)s", False),
        ("UNLOAD (SELECT %(x)s) TO 's3://b/'", False),
        ("(SHOW %(x)s)", False),
    ],
)
def test_format_quotes_by_statement_kind(formatter, operation, hive):
    expected = r"'\'\\'" if hive else "'''\\'"
    assert formatter.format(operation, {"x": "'\\"}) == operation.replace("%(x)s", expected).strip()


def test_kind_is_decided_in_linear_time(formatter):
    for filler in ("/*", "'", '"', "`", "--", "'\\", '"\\', "\\'", "as_"):
        formatter.format("CREATE TABLE t " + filler * 60_000 + " %(x)s", {"x": 1})


def read_trino(literal):
    assert literal[0] == literal[-1] == "'"
    assert re.fullmatch(r"(?:[^']|'')*", literal[1:-1])
    return literal[1:-1].replace("''", "'")


def read_hive(literal):
    assert literal[0] == literal[-1] == "'"
    body = literal[1:-1]
    assert re.fullmatch(r"(?:[^'\\\r\n\t]|\\['\\rnt])*", body)
    names = {"r": "\r", "n": "\n", "t": "\t"}
    return re.sub(r"\\(.)", lambda m: names.get(m[1], m[1]), body)


@pytest.mark.parametrize(
    ("operation", "read"), [(TRINO, read_trino), (HIVE, read_hive)], ids=["trino", "hive"]
)
def test_text_stays_inside_its_literal(formatter, operation, read):
    source = random.Random(7)
    alphabet = ["'", "\\", "\n", "\r", "\t", "a", "%", ";", "--", "é", "𝔘", "\u2028", '"', "%(x)s"]
    start = operation.index("%(x)s")
    for _ in range(3000):
        text = "".join(source.choice(alphabet) for _ in range(source.randint(0, 12)))
        assert read(formatter.format(operation, {"x": text})[start:]) == text
    big = "'\\" * 100_000
    assert read(formatter.format(operation, {"x": big})[start:]) == big


@pytest.mark.parametrize("operation", [TRINO, HIVE])
@pytest.mark.parametrize("value", ["a\0b", ["ok", "\0"]])
def test_format_refuses_nul(formatter, operation, value):
    with pytest.raises(ProgrammingError, match="NUL"):
        formatter.format(operation, {"x": value})


def test_escape_presto_is_the_old_name():
    assert module._escape_presto is module._escape_trino


def test_formatter_mappings(formatter):
    formatter.set(uuid.UUID, lambda f, escaper, value: escaper(str(value)))
    text = formatter.format(TRINO, {"x": uuid.UUID(int=1)})
    assert text == "SELECT '00000000-0000-0000-0000-000000000001'"
    assert uuid.UUID not in DefaultParameterFormatter().mappings
    formatter.remove(uuid.UUID)
    formatter.remove(uuid.UUID)
    assert formatter.get(uuid.UUID(int=1)) is None
    formatter.update({int: lambda f, escaper, value: "int"})
    assert formatter.format(TRINO, {"x": 1}) == "SELECT int"
    with pytest.raises(TypeError):
        Formatter({})


def test_wrap_unload():
    sql, location = Formatter.wrap_unload("select 'a\n  b' ; ;\n", "s3://b/p/")
    assert re.fullmatch(r"s3://b/p/unload/\d{8}/[0-9a-f-]{36}/", location)
    assert sql == (
        f"\nUNLOAD (\n\tselect 'a\n  b'\n)\nTO '{location}'\n"
        "WITH (\n\tformat = 'PARQUET',\n\tcompression = 'SNAPPY'\n)\n"
    )
    assert Formatter.wrap_unload("SELECT 1", "s3://b/")[1] != location


def test_wrap_unload_options_and_quoting():
    sql, location = Formatter.wrap_unload(
        "WITH a AS (SELECT 1) SELECT *", "s3://b/'", "ORC", "GZIP"
    )
    assert location.startswith("s3://b/'unload/")
    assert "TO 's3://b/''unload/" in sql
    assert "format = 'ORC'" in sql
    assert "compression = 'GZIP'" in sql


@pytest.mark.parametrize("operation", ["VALUES 1", "(SELECT 1)", "SELECTX", "EXECUTE p", "SHOW x"])
def test_wrap_unload_leaves_other_statements(operation):
    assert Formatter.wrap_unload(operation, "s3://b/") == (operation, None)


def test_wrap_unload_reads_past_comments():
    sql, location = Formatter.wrap_unload("-- c\n/* d */ SELECT 1 -- e", "s3://b/")
    assert location is not None
    assert "-- e\n)" in sql


def test_wrap_unload_errors():
    with pytest.raises(ProgrammingError, match="^Query is none or empty.$"):
        Formatter.wrap_unload(" ", "s3://b/")
    with pytest.raises(ProgrammingError, match="s3_staging_dir is required"):
        Formatter.wrap_unload("SELECT 1", None)


@pytest.mark.parametrize("sql", [None, "", " \n"])
def test_check_statement_empty(sql):
    with pytest.raises(ProgrammingError, match="^Query is none or empty.$"):
        check_statement(sql)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT '\0'", "NUL character at index 8"),
        ("a" * 262_145, "262145 bytes long, more than the limit of 262144 bytes"),
        ("é" * 131_073, "262146 bytes long, more than the limit of 262144 bytes"),
        ("SELECT '\ud800'", "lone surrogate at index 8"),
        (b"SELECT 1", "must be str, not bytes"),
    ],
)
def test_check_statement_refuses(sql, message):
    with pytest.raises(ProgrammingError, match=message):
        check_statement(sql)


@pytest.mark.parametrize("sql", ["SELECT 1", "a" * 262_144, "é" * 131_072, "𝔘" * 65_536])
def test_check_statement_accepts(sql):
    check_statement(sql)

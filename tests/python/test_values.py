"""Values: what a column's text becomes, and that a parameter comes back as it went."""

from __future__ import annotations

import datetime
import math
import zoneinfo
from decimal import Decimal
from typing import Any

import athena_local
import harness
import pyathena
import pytest
from pyathena.converter import DefaultTypeConverter
from pyathena.error import DatabaseError, DataError, ProgrammingError
from pyathena.formatter import DefaultParameterFormatter

pytestmark = pytest.mark.core

UTC = datetime.timezone.utc


@pytest.fixture(scope="module")
def cursor(server: athena_local.Server) -> Any:
    return pyathena.connect(
        endpoint_url=server.url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        s3_staging_dir=server.staging_dir,
    ).cursor()


def value_of(cursor: Any, expression: str, **kwargs: Any) -> Any:
    ((value,),) = cursor.execute(f"SELECT {expression} AS v", **kwargs).fetchall()
    return value


VALUES = [
    ("true", True),
    ("false", False),
    ("CAST(-128 AS tinyint)", -128),
    ("CAST(32767 AS smallint)", 32767),
    ("CAST(-2147483648 AS integer)", -(2**31)),
    ("CAST(9223372036854775807 AS bigint)", 2**63 - 1),
    ("CAST(1.5 AS real)", 1.5),
    ("CAST(0.1 AS double)", 0.1),
    ("CAST(1e300 AS double)", 1e300),
    ("CAST('Infinity' AS double)", math.inf),
    ("CAST('-Infinity' AS double)", -math.inf),
    ("CAST(1.50 AS decimal(10, 2))", Decimal("1.50")),
    (
        "CAST('12345678901234567890123456789012345678' AS decimal(38, 0))",
        Decimal("12345678901234567890123456789012345678"),
    ),
    ("CAST('-0.00000000000000000001' AS decimal(38, 20))", Decimal("-1E-20")),
    ("'text'", "text"),
    ("''", ""),
    ("CAST('ab' AS char(4))", "ab  "),
    ("'NA'", "NA"),
    ("'null'", "null"),
    ("DATE '2024-02-29'", datetime.date(2024, 2, 29)),
    ("DATE '0001-01-01'", datetime.date(1, 1, 1)),
    ("DATE '9999-12-31'", datetime.date(9999, 12, 31)),
    ("TIMESTAMP '2024-02-29 23:59:59.123'", datetime.datetime(2024, 2, 29, 23, 59, 59, 123000)),
    ("TIMESTAMP '1969-12-31 00:00:00.000'", datetime.datetime(1969, 12, 31)),
    ("TIME '01:02:03.004'", datetime.time(1, 2, 3, 4000)),
    ("X'00ff10'", b"\x00\xff\x10"),
    ("X''", b""),
    ('JSON \'{"a": [1, null, "x"]}\'', {"a": [1, None, "x"]}),
    ("ARRAY[1, 2]", [1, 2]),
    ("ARRAY['a', 'b c']", ["a", "b c"]),
    ("CAST(ARRAY[] AS array(integer))", []),
    ("MAP(ARRAY['k'], ARRAY['v'])", {"k": "v"}),
    ("CAST(ROW(1, 'x') AS ROW(a integer, b varchar))", {"a": "1", "b": "x"}),
]


@pytest.mark.parametrize(("expression", "value"), VALUES, ids=[e[:40] for e, _ in VALUES])
def test_a_value_of_each_type(cursor: Any, expression: str, value: Any) -> None:
    found = value_of(cursor, expression)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number(cursor: Any) -> None:
    assert math.isnan(value_of(cursor, "CAST('NaN' AS double)"))


def test_timestamps_with_time_zones(cursor: Any) -> None:
    found = value_of(cursor, "TIMESTAMP '2024-06-01 12:00:00.000 UTC'")
    assert found == datetime.datetime(2024, 6, 1, 12, tzinfo=UTC)
    found = value_of(cursor, "TIMESTAMP '2024-06-01 12:00:00.000 Europe/Berlin'")
    assert found == datetime.datetime(2024, 6, 1, 10, tzinfo=UTC)
    if isinstance(found.tzinfo, zoneinfo.ZoneInfo):
        assert found.tzinfo.key == "Europe/Berlin"


TYPES = [
    "boolean", "tinyint", "smallint", "integer", "bigint", "real", "double", "decimal(5, 2)",
    "varchar", "char(3)", "date", "time", "timestamp", "timestamp with time zone", "varbinary",
    "json", "array(integer)", "map(varchar, integer)", "row(a integer)",
]  # fmt: skip


@pytest.mark.parametrize("type_", TYPES)
def test_null_of_each_type(cursor: Any, type_: str) -> None:
    assert value_of(cursor, f"CAST(NULL AS {type_})") is None


def test_null_empty_and_na_stay_three_things(db: harness.Driver) -> None:
    sql = (
        "SELECT * FROM (VALUES (1, NULL), (2, ''), (3, 'NA'), (4, 'null'), (5, '\\N')) AS t (n, s)"
    )
    rows = db.cursor().execute(f"{sql} ORDER BY n").fetchall()
    assert [row[1] for row in rows] == [None, "", "NA", "null", "\\N"]
    rows = db.cursor(db.dict_cursor_class).execute(f"{sql} ORDER BY n").fetchall()
    assert [row["s"] for row in rows] == [None, "", "NA", "null", "\\N"]


HINTED = [
    ("ARRAY[1, 2]", "array(varchar)", ["1", "2"]),
    ("ARRAY[DATE '2020-01-01', NULL]", "array(date)", [datetime.date(2020, 1, 1), None]),
    ("MAP(ARRAY[1, 2], ARRAY['a', 'b'])", "map(integer, varchar)", {"1": "a", "2": "b"}),
    (
        "CAST(ROW(ARRAY[1, 2], 3) AS ROW(a array(integer), b integer))",
        "row(a array(integer), b integer)",
        {"a": [1, 2], "b": 3},
    ),
    (
        "CAST(ROW(1, 'x') AS ROW(a integer, b varchar))",
        "struct<a:int,b:string>",
        {"a": 1, "b": "x"},
    ),
]


@pytest.mark.parametrize(("expression", "hint", "value"), HINTED)
@pytest.mark.parametrize("key", ["v", "V", 0])
def test_type_hints(cursor: Any, expression: str, hint: str, value: Any, key: str | int) -> None:
    assert value_of(cursor, expression, result_set_type_hints={key: hint}) == value


def test_a_type_hint_leaves_plain_columns_alone(cursor: Any) -> None:
    assert value_of(cursor, "1", result_set_type_hints={"v": "array(varchar)"}) == 1


def test_an_indexed_type_hint_wins(cursor: Any) -> None:
    hints = {"v": "array(integer)", 0: "array(varchar)"}
    assert value_of(cursor, "ARRAY[1]", result_set_type_hints=hints) == ["1"]


class Upper(DefaultTypeConverter):
    def convert(self, type_: str, value: str | None, type_hint: str | None = None) -> Any:
        if type_ == "varchar" and value is not None:
            return value.upper()
        return super().convert(type_, value, type_hint)


def test_a_converter_of_the_programs_own(db: harness.Driver) -> None:
    connection = db.connect(converter=Upper())
    assert db.of(connection).execute("SELECT 'a' AS x, 1 AS y, NULL AS z").fetchall() == [
        ("A", 1, None)
    ]
    converter = DefaultTypeConverter()
    converter.set("integer", lambda text: None if text is None else f"<{text}>")
    assert db.of(connection, converter=converter).execute("SELECT 'a', 1").fetchall() == [
        ("a", "<1>")
    ]


def test_a_converters_data_error_names_the_column(db: harness.Driver) -> None:
    def refuse(text: Any) -> Any:
        raise DataError("no such thing")

    converter = DefaultTypeConverter()
    converter.set("integer", refuse)
    cursor = db.of(db.connect(converter=converter))
    with pytest.raises(DataError, match=r"^Column 'bad': no such thing$"):
        cursor.execute("SELECT 'a' AS good, 1 AS bad").fetchall()
    assert cursor.execute("SELECT 'again'").fetchall() == [("again",)]


def test_a_converters_other_error_is_itself(db: harness.Driver) -> None:
    converter = DefaultTypeConverter()
    converter.set("integer", lambda text: {}[text])
    cursor = db.of(db.connect(converter=converter))
    with pytest.raises(KeyError):
        cursor.execute("SELECT 1").fetchone()
    assert cursor.execute("SELECT 'again'").fetchall() == [("again",)]


# -- parameters -----------------------------------------------------------------------------------

HOSTILE = [
    "",
    " ",
    "it's",
    "''",
    "'; DROP TABLE many_rows; --",
    '"double"',
    "back\\slash \\' \\n \\",
    "line\nbreak\r\n\ttab",
    "%s %(x)s %%",
    "? :x $1 {0}",
    "NULL",
    "a,b;c",
    "\u00e4\u00f6\u00fc \u4f60\u597d \u05e9\u05dc\u05d5\u05dd",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\ud7ff\ue000\uffff",
    "e\u0301 \u200b\ufeff",
    "/* comment */ -- line",
    "\x01\x1f\x7f",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_comes_back_unchanged(cursor: Any, text: str) -> None:
    assert cursor.execute("SELECT %(x)s AS x", {"x": text}).fetchall() == [(text,)]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_literal_by_qmark_comes_back_unchanged(cursor: Any, text: str) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    rows = cursor.execute("SELECT ? AS x", [literal], paramstyle="qmark").fetchall()
    assert rows == [(text,)]


def test_a_long_text_comes_back_unchanged(db: harness.Driver) -> None:
    text = ("0123456789'\\\n\U0001f600" * 20_000)[:100_000] + "end"
    assert len(text.encode()) > 100_000
    cursor = db.cursor()
    assert cursor.execute("SELECT %(x)s AS x", {"x": text}).fetchone()[0] == text


def test_200_kilobytes_come_back_unchanged(db: harness.Driver) -> None:
    text = "".join(chr(97 + n % 26) for n in range(200_000))
    assert db.cursor().execute("SELECT %(x)s AS x", {"x": text}).fetchone()[0] == text


def test_hostile_texts_live_in_tables(db: harness.Driver) -> None:
    cursor = db.cursor()
    table = f"hostile_{db.kind}"
    cursor.execute(f"DROP TABLE IF EXISTS {table}")
    half = len(HOSTILE) // 2
    rows = {f"p{n}": text for n, text in enumerate(HOSTILE)}
    values = [f"({n}, %(p{n})s)" for n in range(len(HOSTILE))]
    first = f"SELECT * FROM (VALUES {', '.join(values[:half])}) AS t (n, s)"
    cursor.execute(f"CREATE TABLE {table} AS {first}", rows)
    cursor.execute(f"INSERT INTO {table} VALUES {', '.join(values[half:])}", rows)
    found = cursor.execute(f"SELECT n, s FROM {table} ORDER BY n").fetchall()
    assert found == list(enumerate(HOSTILE))
    cursor.execute(f"DROP TABLE {table}")


PARAMETERS = [
    None,
    True,
    False,
    0,
    -(2**63),
    2**63 - 1,
    1.5,
    -0.1,
    Decimal("1.50"),
    Decimal("-12345678901234567890.123456789"),
    datetime.date(2024, 2, 29),
    datetime.datetime(2024, 2, 29, 1, 2, 3, 456000),
    b"\x00\xff'",
    bytearray(b"abc"),
]


@pytest.mark.parametrize("value", PARAMETERS, ids=repr)
def test_a_value_comes_back_unchanged(cursor: Any, value: Any) -> None:
    ((found,),) = cursor.execute("SELECT %(x)s AS x", {"x": value}).fetchall()
    if isinstance(value, float):
        assert float(found) == value
    else:
        assert found == value


def test_lists_are_for_in(cursor: Any) -> None:
    sql = "SELECT a FROM many_rows WHERE a IN %(ids)s ORDER BY a"
    assert cursor.execute(sql, {"ids": [3, 1, 2]}).fetchall() == [(1,), (2,), (3,)]
    assert cursor.execute(sql, {"ids": (7,)}).fetchall() == [(7,)]
    assert cursor.execute(
        "SELECT s FROM (VALUES 'it''s', 'b') AS t (s) WHERE s IN %(s)s", {"s": ["it's"]}
    ).fetchall() == [("it's",)]


def test_percent_signs(cursor: Any) -> None:
    assert cursor.execute("SELECT '100%' AS x").fetchone() == ("100%",)
    assert cursor.execute("SELECT '100%%' AS x", {}).fetchone() == ("100%",)
    assert cursor.execute("SELECT '%%' || %(x)s AS x", {"x": "%"}).fetchone() == ("%%",)
    with pytest.raises(KeyError):
        cursor.execute("SELECT %(missing)s", {"x": 1})


def test_qmark_for_the_whole_process(db: harness.Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = db.cursor()
    monkeypatch.setattr(pyathena, "paramstyle", "qmark")
    cursor.execute("SELECT ? AS x, ? AS y", ["1", "'a'"])
    assert cursor.fetchall() == [(1, "a")]
    assert cursor.execute("SELECT '%(x)s' AS x", paramstyle="pyformat").fetchone() == ("%(x)s",)
    monkeypatch.undo()
    assert cursor.execute("SELECT %(x)s AS x", {"x": 1}).fetchone() == (1,)


def test_qmark_tells_the_parameters(cursor: Any) -> None:
    cursor.execute("SELECT ? AS x", ["'a'"], paramstyle="qmark")
    assert cursor.execution_parameters == ["'a'"]
    cursor.execute("SELECT 1", paramstyle="qmark")
    assert cursor.execution_parameters == []


def test_qmark_takes_any_iterable_of_texts(cursor: Any) -> None:
    cursor.execute("SELECT ? AS x", ("'a'",), paramstyle="qmark")
    assert cursor.fetchone() == ("a",)
    cursor.execute("SELECT ? AS x", (text for text in ["'a'"]), paramstyle="qmark")
    assert cursor.fetchone() == ("a",)


class Shout(DefaultParameterFormatter):
    def format(self, operation: str, parameters: Any = None) -> str:
        return super().format(operation, {key: "LOUD" for key in parameters or {}})


def test_a_formatter_of_the_programs_own(db: harness.Driver) -> None:
    connection = db.connect(formatter=Shout())
    assert db.of(connection).execute("SELECT %(x)s AS x", {"x": 1}).fetchone() == ("LOUD",)


# -- refused before anything is sent --------------------------------------------------------------

REFUSED: list[tuple[Any, Any, dict[str, Any], type[BaseException], str]] = [
    (None, None, {}, ProgrammingError, "none or empty"),
    ("", None, {}, ProgrammingError, "none or empty"),
    (" \n", None, {}, ProgrammingError, "none or empty"),
    ("SELECT 'a\0b'", None, {}, ProgrammingError, "NUL"),
    ("SELECT %(x)s", {"x": "a\0b"}, {}, ProgrammingError, "NUL"),
    ("SELECT 1 --" + "x" * 262_144, None, {}, ProgrammingError, "262,?144"),
    ("SELECT '" + "\u00e4" * 131_072 + "'", None, {}, ProgrammingError, "262,?144"),
    ("SELECT '\ud800'", None, {}, ProgrammingError, "surrogate|UTF-8|encode"),
    ("SELECT %(x)s", [1], {}, ProgrammingError, "Support for dict only"),
    ("SELECT %(x)s", {"x": object()}, {}, TypeError, "not defined formatter"),
    ("SELECT ?", [1], {"paramstyle": "qmark"}, DatabaseError, "Parameter validation failed"),
    ("SELECT ?", {"x": "1"}, {"paramstyle": "qmark"}, DatabaseError, "validation failed"),
    ("SELECT ?", "1", {"paramstyle": "qmark"}, DatabaseError, "validation failed"),
    ("SELECT ?", 5, {"paramstyle": "qmark"}, DatabaseError, "validation failed"),
    ("SELECT ?", ["a\0b"], {"paramstyle": "qmark"}, ProgrammingError, "NUL|parameter"),
    ("SELECT ?", ["\ud800"], {"paramstyle": "qmark"}, ProgrammingError, "surrogate|UTF-8|encode"),
    (123, None, {}, ProgrammingError, "str|text"),
    (b"SELECT 1", None, {}, ProgrammingError, "str|text"),
    ("SELECT 1", None, {"result_reuse_enable": True, "result_reuse_minutes": -1},
     ProgrammingError, "minutes"),
    ("SELECT 1", None, {"result_reuse_enable": True, "result_reuse_minutes": 10_081},
     ProgrammingError, "minutes"),
    ("SELECT 1", None, {"result_reuse_enable": True, "result_reuse_minutes": "x"},
     ProgrammingError, "minutes"),
    ("SELECT 1", None, {"result_set_type_hints": "array(integer)"},
     ProgrammingError, "result_set_type_hints"),
    ("SELECT 1", None, {"result_set_type_hints": {1.5: "array(integer)"}},
     ProgrammingError, "result_set_type_hints"),
    ("SELECT 1", None, {"work_group": 5}, ProgrammingError, "work_group"),
    ("SELECT 1", None, {"s3_staging_dir": 5}, ProgrammingError, "s3_staging_dir|output_location"),
    ("SELECT 1", None, {"on_start_query_execution": 5}, ProgrammingError, "on_start_query"),
    ("SELECT 1", None, {"paramstyle": "named"}, ProgrammingError, "paramstyle"),
    ("SELECT 1", None, {"options": 5}, TypeError, "options"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "parameters", "keywords", "error", "words"),
    REFUSED,
    ids=[f"{n}-{str(case[0])[:20]!a}" for n, case in enumerate(REFUSED)],
)
def test_refused_before_anything_is_sent(
    db: harness.Driver,
    switched: athena_local.Server,
    sql: Any,
    parameters: Any,
    keywords: dict[str, Any],
    error: type[BaseException],
    words: str,
) -> None:
    cursor = db.cursor()
    with pytest.raises(error, match=words):
        cursor.execute(sql, parameters, **keywords)
    assert switched.stats()["calls"] == {}
    assert cursor.query_id is None and not cursor.has_result_set
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_a_statement_of_exactly_the_limit_runs(cursor: Any) -> None:
    sql = "SELECT 1 AS x --".ljust(262_144, "x")
    assert cursor.execute(sql).fetchall() == [(1,)]

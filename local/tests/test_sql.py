"""SQL: what Athena computes, value for value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from athena_local import Server
from conftest import Runner

VALUES: list[tuple[str, str | None]] = [
    # arithmetic
    ("7 / 2", "3"),
    ("-7 / 2", "-3"),
    ("7 / -2", "-3"),
    ("7 % 3", "1"),
    ("-7 % 3", "-1"),
    ("7 / 2e0", "3.5"),
    ("1e0 / 0", "Infinity"),
    ("-1e0 / 0", "-Infinity"),
    ("0e0 / 0", "NaN"),
    ("1.5 + 2.25", "3.75"),
    ("1.5 * 2.25", "3.375"),
    ("10.0 / 3", "3.3"),
    ("-10.0 / 3", "-3.3"),
    ("DECIMAL '1.00' / 3", "0.33"),
    ("DECIMAL '7' / DECIMAL '2.00'", "3.50"),
    ("DECIMAL '2.00' / DECIMAL '3.0000'", "0.6667"),
    ("CAST(1 AS decimal(10,2))", "1.00"),
    ("0.1 + 0.2", "0.3"),
    ("abs(-5)", "5"),
    ("power(2, 3)", "8.0"),
    ("sqrt(4)", "2.0"),
    ("ceil(1.2)", "2"),
    ("mod(7, 3)", "1"),
    ("greatest(1, 3, 2)", "3"),
    ("greatest(1, NULL)", None),
    ("TRY(1 / 0)", None),
    ("bitwise_and(6, 3)", "2"),
    ("bitwise_or(6, 3)", "7"),
    ("width_bucket(5, 0, 10, 5)", "3"),
    ("sign(-2)", "-1"),
    # text
    ("'a' || NULL", None),
    ("concat('a', NULL)", None),
    ("concat('a', 'b', 'c')", "abc"),
    ("'it''s'", "it's"),
    ("''", ""),
    ("U&'\\0041\\00e9'", "Aé"),
    ("upper('aé')", "AÉ"),
    ("length('aé')", "2"),
    ("substr('abc', 2)", "bc"),
    ("substr('abc', -2, 1)", "b"),
    ("strpos('abc', 'c')", "3"),
    ("split_part('a-b', '-', 2)", "b"),
    ("lpad('a', 3, 'x')", "xxa"),
    ("replace('aba', 'a')", "b"),
    ("reverse('abc')", "cba"),
    ("split('a,b', ',')", "[a, b]"),
    ("regexp_replace('abc', '(b)', '[$1]')", "a[b]c"),
    ("regexp_like('abc', 'b')", "true"),
    ("regexp_extract('abc', '(b)(c)', 2)", "c"),
    ("format('%s-%d', 'a', 5)", "a-5"),
    ("CAST('abcdef' AS varchar(3))", "abc"),
    ("CAST('a' AS char(3))", "a  "),
    ("CAST(1e10 AS varchar)", "1.0E10"),
    ("CAST(7 / 2 AS varchar)", "3"),
    ("CAST(TIMESTAMP '2020-01-01 00:00:00' AS varchar)", "2020-01-01 00:00:00.000"),
    ("CAST(1.50 AS varchar)", "1.50"),
    ("CAST(true AS varchar)", "true"),
    ("levenshtein_distance('ab', 'ac')", "1"),
    ("chr(65)", "A"),
    ("codepoint('A')", "65"),
    # binary
    ("X'00ff10'", "00 ff 10"),
    ("from_hex('ff')", "ff"),
    ("to_hex(X'0aff')", "0AFF"),
    ("to_utf8('aé')", "61 c3 a9"),
    ("from_utf8(X'6162')", "ab"),
    ("md5(to_utf8('a'))", "0c c1 75 b9 c0 f1 b6 a8 31 c3 99 e2 69 77 26 61"),
    ("to_base64(X'00ff')", "AP8="),
    ("from_base64('AP8=')", "00 ff"),
    ("crc32(to_utf8('a'))", "3904355907"),
    # dates and times
    ("DATE '2020-02-29'", "2020-02-29"),
    ("TIME '01:02:03'", "01:02:03.000"),
    ("TIMESTAMP '2020-01-01 01:02:03'", "2020-01-01 01:02:03.000"),
    ("TIMESTAMP '2020-01-01 01:02:03.123456'", "2020-01-01 01:02:03.123456"),
    ("TIMESTAMP '2020-06-01 12:00:00 Europe/Berlin'", "2020-06-01 12:00:00.000 Europe/Berlin"),
    ("TIMESTAMP '2020-06-01 12:00:00 +02:00'", "2020-06-01 12:00:00.000 +02:00"),
    (
        "TIMESTAMP '2020-06-01 12:00:00 UTC' AT TIME ZONE 'America/New_York'",
        "2020-06-01 08:00:00.000 America/New_York",
    ),
    ("DATE '2020-01-31' + INTERVAL '1' MONTH", "2020-02-29"),
    ("DATE '2020-01-01' - INTERVAL '1' DAY", "2019-12-31"),
    ("TIMESTAMP '2020-01-01 00:00:00' + INTERVAL '90' MINUTE", "2020-01-01 01:30:00.000"),
    ("INTERVAL '2' DAY", "2 00:00:00.000"),
    ("INTERVAL '3' MONTH", "0-3"),
    ("INTERVAL '1' YEAR + INTERVAL '2' MONTH", "1-2"),
    ("date_diff('day', DATE '2020-01-01', DATE '2020-03-01')", "60"),
    ("date_diff('hour', TIMESTAMP '2020-01-01 00:00:00', TIMESTAMP '2020-01-01 05:30:00')", "5"),
    ("date_add('month', 1, DATE '2020-01-31')", "2020-02-29"),
    ("date_add('hour', 1, TIMESTAMP '2020-01-01 00:00:00')", "2020-01-01 01:00:00.000"),
    ("date_trunc('month', DATE '2020-05-06')", "2020-05-01"),
    ("date_format(TIMESTAMP '2020-01-02 03:04:05', '%Y/%m/%d %H:%i:%s')", "2020/01/02 03:04:05"),
    ("date_parse('2020-01-02', '%Y-%m-%d')", "2020-01-02 00:00:00.000"),
    ("from_unixtime(0)", "1970-01-01 00:00:00.000 UTC"),
    ("to_unixtime(TIMESTAMP '1970-01-02 00:00:00')", "86400.0"),
    ("year(DATE '2020-05-06')", "2020"),
    ("day_of_week(DATE '2020-01-05')", "7"),
    ("extract(hour FROM TIMESTAMP '2020-01-01 05:00:00')", "5"),
    ("to_iso8601(DATE '2020-01-01')", "2020-01-01"),
    ("current_date = date(now())", "true"),
    # arrays, maps, rows, JSON
    ("ARRAY[1, NULL, 3]", "[1, null, 3]"),
    ("ARRAY[]", "[]"),
    ("ARRAY['a', 'b c']", "[a, b c]"),
    ("MAP(ARRAY['a'], ARRAY[1])", "{a=1}"),
    ("ROW(1, 'a')", "{field0=1, field1=a}"),
    ("CAST(ROW(1, 'x') AS ROW(a integer, b varchar))", "{a=1, b=x}"),
    ("ARRAY[ROW(1, 2)]", "[{field0=1, field1=2}]"),
    ("ARRAY[1, 2][2]", "2"),
    ("element_at(ARRAY[1, 2], 5)", None),
    ("element_at(MAP(ARRAY['a'], ARRAY[1]), 'b')", None),
    ("cardinality(ARRAY[1, 2])", "2"),
    ("cardinality(MAP(ARRAY[1], ARRAY[2]))", "1"),
    ("contains(ARRAY[1, 2], 2)", "true"),
    ("array_join(ARRAY['a', NULL, 'b'], '-')", "a-b"),
    ("array_join(ARRAY['a', NULL, 'b'], '-', 'x')", "a-x-b"),
    ("slice(ARRAY[1, 2, 3], 2, 2)", "[2, 3]"),
    ("sequence(1, 5)", "[1, 2, 3, 4, 5]"),
    ("sequence(5, 1)", "[5, 4, 3, 2, 1]"),
    ("sequence(DATE '2020-01-01', DATE '2020-01-02')", "[2020-01-01, 2020-01-02]"),
    ("transform(ARRAY[1, 2], x -> x + 1)", "[2, 3]"),
    ("filter(ARRAY[1, 2, 3], x -> x > 1)", "[2, 3]"),
    ("reduce(ARRAY[1, 2, 3], 0, (s, x) -> s + x, s -> s)", "6"),
    ("array_distinct(ARRAY[1, 1])", "[1]"),
    ("array_max(ARRAY[1, 5, 2])", "5"),
    ("flatten(ARRAY[ARRAY[1], ARRAY[2]])", "[1, 2]"),
    ("any_match(ARRAY[1, 2], x -> x > 1)", "true"),
    ("map_keys(MAP(ARRAY['a'], ARRAY[1]))", "[a]"),
    ("repeat('a', 2)", "[a, a]"),
    ("json_parse('{\"a\": [1, 2]}')", '{"a":[1,2]}'),
    ("CAST(ARRAY[1, 2] AS json)", "[1,2]"),
    ("CAST('x' AS json)", '"x"'),
    ("JSON '[1]'", "[1]"),
    ("json_format(JSON '[1, 2]')", "[1,2]"),
    ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a.b')", "1"),
    ("json_extract_scalar('{\"a\": [1]}', '$.a')", None),
    ("json_extract('{\"a\": [1, 2]}', '$.a')", "[1,2]"),
    ("json_array_length('[1, 2]')", "2"),
    # the rest
    ("NULL", None),
    ("true AND NULL", None),
    ("REAL '1.1'", "1.1"),
    ("infinity()", "Infinity"),
    ("nan()", "NaN"),
    ("1e-5", "1.0E-5"),
    ("123456789e0", "1.23456789E8"),
    ("1e7", "1.0E7"),
    ("if(1 > 2, 'a')", None),
    ("coalesce(NULL, 'x')", "x"),
    ("nullif(1, 1)", None),
    ("try_cast('x' AS integer)", None),
    ("CAST('5' AS integer)", "5"),
    ("typeof(1.5)", "decimal(2,1)"),
    ("typeof(ARRAY['a'])", "array(varchar)"),
    ("UUID '12345678-1234-1234-1234-123456789012'", "12345678-1234-1234-1234-123456789012"),
    ("CASE WHEN 1 = 1 THEN 'y' END", "y"),
    ("1 IN (1, 2)", "true"),
    ("1 IS DISTINCT FROM NULL", "true"),
]


def test_values(run: Runner) -> None:
    """All expressions in one query: a wrong one is named."""
    found = run.rows("SELECT " + ", ".join(expression for expression, _ in VALUES))[0]
    wrong = [
        (expression, expected, value)
        for (expression, expected), value in zip(VALUES, found, strict=True)
        if value != expected
    ]
    assert not wrong


def test_column_info(run: Runner) -> None:
    found = run.types(
        "SELECT true, tinyint '1', smallint '1', 1, bigint '1', REAL '1', 1e0, 1.50, 'abc', "
        "CAST('a' AS varchar), CAST('a' AS char(3)), DATE '2020-01-01', TIME '01:00:00', "
        "TIMESTAMP '2020-01-01 00:00:00', now(), X'00', ARRAY[1], MAP(ARRAY[1], ARRAY[1]), "
        "ROW(1), JSON '1', INTERVAL '1' DAY, INTERVAL '1' YEAR, NULL, count(*), sum(1)"
    )
    assert found == [
        (f"_col{index}", *rest)
        for index, rest in enumerate(
            [
                ("boolean", 0, 0),
                ("tinyint", 3, 0),
                ("smallint", 5, 0),
                ("integer", 10, 0),
                ("bigint", 19, 0),
                ("float", 17, 0),
                ("double", 17, 0),
                ("decimal", 3, 2),
                ("varchar", 3, 0),
                ("varchar", 2147483647, 0),
                ("char", 3, 0),
                ("date", 0, 0),
                ("time", 3, 0),
                ("timestamp", 3, 0),
                ("timestamp with time zone", 3, 0),
                ("varbinary", 1073741824, 0),
                ("array", 0, 0),
                ("map", 0, 0),
                ("row", 0, 0),
                ("json", 0, 0),
                ("interval day to second", 0, 0),
                ("interval year to month", 0, 0),
                ("unknown", 0, 0),
                ("bigint", 19, 0),
                ("bigint", 19, 0),
            ]
        )
    ]


ROWS: list[tuple[str, list[list[str | None]]]] = [
    ("VALUES (1, 'a'), (2, NULL)", [["1", "a"], ["2", None]]),
    ("SELECT * FROM (VALUES (1, 'a')) AS t(x, y)", [["1", "a"]]),
    ("WITH t AS (SELECT 1 AS x UNION ALL SELECT 2) SELECT sum(x) FROM t", [["3"]]),
    ("WITH many_rows AS (SELECT 42 AS a) SELECT a FROM many_rows", [["42"]]),
    (
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r",
        [["1"], ["2"], ["3"]],
    ),
    (
        "SELECT x FROM (VALUES (ARRAY[1, 2])) AS t(arr) CROSS JOIN UNNEST(arr) AS u(x)",
        [["1"], ["2"]],
    ),
    (
        "SELECT k, v FROM (VALUES (MAP(ARRAY['a'], ARRAY[1]))) t(m) CROSS JOIN UNNEST(m) AS u(k, v)",
        [["a", "1"]],
    ),
    (
        "SELECT k, v FROM (VALUES (ARRAY[ROW(1, 'a'), ROW(2, 'b')])) t(m) "
        "CROSS JOIN UNNEST(m) AS u(k, v)",
        [["1", "a"], ["2", "b"]],
    ),
    (
        "SELECT x, n FROM UNNEST(ARRAY['a', 'b']) WITH ORDINALITY AS u(x, n)",
        [["a", "1"], ["b", "2"]],
    ),
    ("SELECT a FROM one_row JOIN many_rows ON a = number_of_rows", [["1"]]),
    ("SELECT number_of_rows FROM one_row LEFT JOIN (VALUES 5) v(x) ON x = number_of_rows", [["1"]]),
    ("SELECT a FROM many_rows UNION SELECT 1 ORDER BY 1 OFFSET 5 LIMIT 2", [["5"], ["6"]]),
    ("SELECT x FROM (VALUES 1, NULL, 2) t(x) ORDER BY x DESC", [["2"], ["1"], [None]]),
    (
        "SELECT count(*), count(DISTINCT a % 10), max(a), avg(a) FROM many_rows",
        [["10000", "10", "9999", "4999.5"]],
    ),
    ("SELECT sum(a) / count(*), sum(a) * 1.0 / count(*) FROM many_rows", [["4999", "4999.5"]]),
    (
        "SELECT avg(x), sum(x), avg(x) FILTER (WHERE x > 2) FROM (VALUES 1.50, 2.26) t(x)",
        [["1.88", "3.76", "2.26"]],
    ),
    (
        "SELECT array_agg(a ORDER BY a DESC) FILTER (WHERE a < 3), map_agg(a, a) FILTER (WHERE a < 1), "
        "max_by(a, -a), count_if(a < 5) FROM many_rows",
        [["[2, 1, 0]", "{0=0}", "0", "5"]],
    ),
    ("SELECT listagg(x, ',') WITHIN GROUP (ORDER BY x) FROM (VALUES 'b', 'a') t(x)", [["a,b"]]),
    (
        "SELECT a, row_number() OVER (ORDER BY a DESC) FROM many_rows ORDER BY 2 LIMIT 1",
        [["9999", "1"]],
    ),
    (
        "SELECT a % 2, count(*) FROM many_rows GROUP BY ROLLUP (a % 2) ORDER BY 1",
        [["0", "5000"], ["1", "5000"], [None, "10000"]],
    ),
    ("SELECT default.many_rows.a, many_rows.a FROM default.many_rows WHERE a = 3", [["3", "3"]]),
    ("SELECT a FROM awsdatacatalog.default.many_rows WHERE a = 3", [["3"]]),
    (
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'one_row'",
        [["number_of_rows", "integer"]],
    ),
    (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'default' "
        "AND table_name LIKE '%row%' ORDER BY 1",
        [["many_rows"], ["one_row"]],
    ),
    ("SHOW COLUMNS IN one_row", [["number_of_rows".ljust(20)]]),
    ("DESCRIBE one_row", [["number_of_rows      \tint                 \t                    "]]),
    ("SHOW TABLES 'one_*'", [["one_row"]]),
]


@pytest.mark.parametrize(("sql", "rows"), ROWS, ids=[sql[:40] for sql, _ in ROWS])
def test_rows(run: Runner, sql: str, rows: list[list[str | None]]) -> None:
    assert run.rows(sql) == rows


def test_labels(run: Runner) -> None:
    sql = "SELECT *, a + 1, a AS B, 1, a FROM many_rows LIMIT 1"
    assert [name for name, *_ in run.types(sql)] == ["a", "_col1", "B", "_col3", "a"]
    assert [n for n, *_ in run.types("SELECT 1 AS x, 2 AS x")] == ["x", "x"]
    assert [n for n, *_ in run.types("SELECT * FROM (SELECT 1, 2 AS y)")] == ["_col0", "y"]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT * FROM nosuch",
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.default.nosuch' does not exist",
        ),
        ("SELECT * FROM x.y", "SCHEMA_NOT_FOUND: line 1:15: Schema 'x' does not exist"),
        (
            "SELECT\n  nosuch FROM one_row",
            "COLUMN_NOT_FOUND: line 2:3: Column 'nosuch' cannot be resolved",
        ),
        ("SELECT nosuch(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nosuch' not registered"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO: / by zero"),
        ("SELECT 1 % 0", "DIVISION_BY_ZERO: / by zero"),
        ("SELECT 1.5 / 0", "DIVISION_BY_ZERO: / by zero"),
        ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT: Cannot cast 'x' to integer"),
        ("SELECT 2147483647 + 1", "NUMERIC_VALUE_OUT_OF_RANGE"),
        ("SELECT ARRAY[1][2]", "INVALID_FUNCTION_ARGUMENT: Array subscript"),
        ("SELECT a, count(*) FROM many_rows", "EXPRESSION_NOT_AGGREGATE: line 1:8: 'a' must be"),
        ("SELECT sum('a')", "TYPE_MISMATCH"),
        ("UPDATE one_row SET number_of_rows = 2", "NOT_SUPPORTED: UPDATE"),
        ("DROP TABLE nosuch", "FAILED: Execution Error"),
        ("EXECUTE nosuch", "SYNTAX_ERROR: PreparedStatement nosuch was not found"),
    ],
)
def test_failures(run: Runner, sql: str, reason: str) -> None:
    assert run.fail(sql).startswith(reason)


# -- tables ----------------------------------------------------------------------------------------


def test_text_table(run: Runner, database: str, prefix: Callable[..., str]) -> None:
    location = prefix(
        data=b'h1|h2|h3\n1|a"b|1.5\n\\N|\\N|\\N\nx||\n2\n3|c|2.5|extra\n', _hidden=b"9|9|9\n"
    )
    run.execute(
        "CREATE EXTERNAL TABLE t (i int, s string, d decimal(5,2)) ROW FORMAT DELIMITED FIELDS "
        f"TERMINATED BY '|' LOCATION '{location}' TBLPROPERTIES ('skip.header.line.count'='1')",
        database,
    )
    assert run.rows("SELECT * FROM t", database) == [
        ["1", 'a"b', "1.50"],
        [None, None, None],
        [None, "", None],
        ["2", None, None],
        ["3", "c", "2.50"],
    ]


def test_text_table_complex(run: Runner, database: str, prefix: Callable[..., str]) -> None:
    location = prefix(data=b"1\x02\\N\x02x\x01a\x03 1\x02b\x032\x01k\x025\n\\N\x01\\N\x01\\N\n")
    run.execute(
        "CREATE EXTERNAL TABLE t (a array<string>, m map<string,int>, s struct<x:string,y:int>) "
        f"LOCATION '{location}'",
        database,
    )
    rows = run.rows("SELECT a, m['b'], s.x, s.y FROM t", database)
    assert rows == [["[1, null, x]", "2", "k", "5"], [None, None, None, None]]


def test_text_table_gzip(run: Runner, database: str, s3: Any, server: Server) -> None:
    import gzip

    s3.put_object(Bucket=server.bucket, Key=f"{database}/a.gz", Body=gzip.compress(b"1\n2\n"))
    location = f"s3://{server.bucket}/{database}/"
    run.execute(f"CREATE EXTERNAL TABLE t (i int) LOCATION '{location}'", database)
    assert run.rows("SELECT sum(i) FROM t", database) == [["3"]]


def test_opencsv_table(run: Runner, database: str, prefix: Callable[..., str]) -> None:
    location = prefix(data=b'a,b,c\n"x, y",5,"quo\\"te"\n"",,18262\n')
    run.execute(
        "CREATE EXTERNAL TABLE t (a string, b int, c string) ROW FORMAT SERDE "
        f"'org.apache.hadoop.hive.serde2.OpenCSVSerde' LOCATION '{location}' "
        "TBLPROPERTIES ('skip.header.line.count'='1')",
        database,
    )
    rows = run.rows("SELECT * FROM t", database)
    assert rows == [["x, y", "5", 'quo"te'], ["", None, "18262"]]


def test_json_table(run: Runner, database: str, prefix: Callable[..., str]) -> None:
    location = prefix(data=b'{"a": 1, "b": {"c": [1, 2]}}\n{"b": null, "z": 5}\n')
    run.execute(
        "CREATE EXTERNAL TABLE t (a int, b struct<c:array<int>>) ROW FORMAT SERDE "
        f"'org.openx.data.jsonserde.JsonSerDe' LOCATION '{location}'",
        database,
    )
    assert run.rows("SELECT a, b FROM t", database) == [["1", "{c=[1, 2]}"], [None, None]]


def test_empty_table(run: Runner, database: str, prefix: Callable[..., str]) -> None:
    for form in ("", "STORED AS PARQUET"):
        run.execute(f"CREATE EXTERNAL TABLE t (a int) {form} LOCATION '{prefix()}'", database)
        assert run.rows("SELECT * FROM t", database) == []
        run.execute("DROP TABLE t", database)


def test_partitioned_table(run: Runner, database: str, prefix: Callable[..., str]) -> None:
    location = prefix(**{"dt=2020-01-01__h=5__x": b"1\n", "dt=2020-01-02__h=6__y": b"2\n3\n"})
    run.execute(
        f"CREATE EXTERNAL TABLE t (x int) PARTITIONED BY (dt string, h int) LOCATION '{location}'",
        database,
    )
    assert run.rows("SELECT * FROM t", database) == []
    assert len(run.rows("MSCK REPAIR TABLE t", database)) == 3
    parts = [["dt=2020-01-01/h=5"], ["dt=2020-01-02/h=6"]]
    assert run.rows("SHOW PARTITIONS t", database) == parts
    found = run.rows("SELECT * FROM t WHERE h = 6 ORDER BY x", database)
    assert found == [["2", "2020-01-02", "6"], ["3", "2020-01-02", "6"]]
    assert run.rows('SELECT * FROM "t$partitions" ORDER BY 1', database)[0] == ["2020-01-01", "5"]
    run.execute("ALTER TABLE t DROP PARTITION (dt = '2020-01-01', h = 5)", database)
    assert run.rows("SELECT count(*) FROM t", database) == [["2"]]
    run.execute(
        "ALTER TABLE t ADD IF NOT EXISTS PARTITION (dt = 'z', h = 1) "
        f"LOCATION '{location}dt=2020-01-01/h=5/'",
        database,
    )
    assert run.rows("SELECT x, h FROM t WHERE dt = 'z'", database) == [["1", "1"]]
    description = run.rows("DESCRIBE t", database)
    assert ["# Partition Information\t \t "] in description


def test_insert_into_partitions(run: Runner, database: str, prefix: Callable[..., str]) -> None:
    run.execute(
        "CREATE EXTERNAL TABLE t (x int, y string) PARTITIONED BY (p string) STORED AS PARQUET "
        f"LOCATION '{prefix()}'",
        database,
    )
    run.execute("INSERT INTO t VALUES (1, 'a', 'p1'), (2, NULL, 'p2'), (3, 'c', 'p 1/%')", database)
    run.execute("INSERT INTO t (y, p, x) SELECT 'd', 'p1', 4", database)
    assert run.rows("SELECT * FROM t ORDER BY x", database) == [
        ["1", "a", "p1"],
        ["2", None, "p2"],
        ["3", "c", "p 1/%"],
        ["4", "d", "p1"],
    ]
    assert run.fail("INSERT INTO t SELECT 1", database).startswith("TYPE_MISMATCH")
    assert run.fail("INSERT INTO t SELECT 'x', 'y', 'z'", database).startswith("TYPE_MISMATCH")


@pytest.mark.parametrize("data_format", ["PARQUET", "TEXTFILE", "JSON"])
def test_create_table_as(run: Runner, database: str, data_format: str) -> None:
    run.execute(
        f"CREATE TABLE t WITH (format = '{data_format}') AS SELECT 1 AS i, 'x' AS s, 1.50 AS d, "
        "TIMESTAMP '2020-01-01 00:00:00.123' AS t, DATE '2020-01-01' AS day, ARRAY[1, 2] AS a, "
        "true AS b, CAST(NULL AS double) AS n",
        database,
    )
    assert run.rows("SELECT * FROM t", database) == [
        ["1", "x", "1.50", "2020-01-01 00:00:00.123", "2020-01-01", "[1, 2]", "true", None]
    ]


def test_create_table_as_refuses(run: Runner, database: str) -> None:
    assert run.fail("CREATE TABLE t AS SELECT 1", database).startswith("MISSING_COLUMN_NAME")
    assert run.fail("CREATE TABLE t AS SELECT 1 a, 2 a", database).startswith("DUPLICATE_COLUMN")
    assert run.fail("CREATE TABLE t AS SELECT NULL a", database).startswith("NOT_SUPPORTED")
    run.execute("CREATE TABLE t WITH (partitioned_by = ARRAY['p']) AS SELECT 1 a, 'x' p", database)
    assert run.rows("SHOW PARTITIONS t", database) == [["p=x"]]
    assert "already exists" in run.fail("CREATE TABLE t AS SELECT 1 a", database)


def test_unload(run: Runner, s3: Any, server: Server, database: str) -> None:
    where = f"s3://{server.bucket}/{database}/out/"
    sql = f"UNLOAD (SELECT a FROM many_rows) TO '{where}' WITH (format = 'PARQUET')"
    execution = run.execute(sql)
    manifest = execution["Statistics"]["DataManifestLocation"]
    key = manifest.partition(server.bucket + "/")[2]
    lines = s3.get_object(Bucket=server.bucket, Key=key)["Body"].read().decode().splitlines()
    assert lines and all(line.startswith(where) for line in lines)
    assert run.fail(sql).startswith("HIVE_PATH_ALREADY_EXISTS")
    run.execute(f"CREATE EXTERNAL TABLE u (a int) STORED AS PARQUET LOCATION '{where}'", database)
    assert run.rows("SELECT count(*), sum(a) FROM u", database) == [["10000", "49995000"]]
    empty = (
        f"UNLOAD (SELECT a FROM many_rows WHERE a < 0) TO '{where}empty/' WITH (format='PARQUET')"
    )
    key = run.execute(empty)["Statistics"]["DataManifestLocation"].partition(server.bucket + "/")[2]
    assert s3.get_object(Bucket=server.bucket, Key=key)["Body"].read() == b""


def test_views(run: Runner, database: str) -> None:
    run.execute(
        "CREATE VIEW v AS SELECT a, a * 2 AS b FROM default.many_rows WHERE a < 2", database
    )
    assert run.rows("SELECT * FROM v ORDER BY a", database) == [["0", "0"], ["1", "2"]]
    run.execute("CREATE VIEW w AS SELECT sum(b) AS s FROM v", database)
    assert run.rows(f"SELECT s FROM {database}.w") == [["2"]]
    assert "already exists" in run.fail("CREATE VIEW v AS SELECT 1 x", database)
    run.execute("CREATE OR REPLACE VIEW v AS SELECT 1 AS b", database)
    assert run.rows("SELECT * FROM w", database) == [["1"]]
    assert run.rows("SHOW VIEWS", database) == [["v"], ["w"]]
    run.execute("DROP VIEW w", database)
    assert run.rows("SHOW TABLES", database) == [["v"]]


def test_view_of_itself_fails(run: Runner, database: str) -> None:
    run.execute("CREATE VIEW v AS SELECT 1 AS x", database)
    run.execute("CREATE OR REPLACE VIEW v2 AS SELECT * FROM v", database)
    run.execute("CREATE OR REPLACE VIEW v AS SELECT * FROM v2", database)
    assert run.fail("SELECT * FROM v", database).startswith("NOT_SUPPORTED")


def test_databases(run: Runner, database: str) -> None:
    assert [database] in run.rows("SHOW DATABASES")
    run.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
    assert "already exists" in run.fail(f"CREATE SCHEMA {database}")
    run.execute("CREATE VIEW v AS SELECT 1 AS x", database)
    assert "is not empty" in run.fail(f"DROP DATABASE {database}")
    run.execute("DROP DATABASE IF EXISTS nosuch_db")


def test_table_changes(run: Runner, database: str, prefix: Callable[..., str]) -> None:
    location = prefix(data=b"1\n")
    run.execute(
        f"CREATE EXTERNAL TABLE t (a int COMMENT 'first') LOCATION '{location}' "
        "TBLPROPERTIES ('k'='v')",
        database,
    )
    run.execute("ALTER TABLE t ADD COLUMNS (b string)", database)
    assert run.rows("SELECT * FROM t", database) == [["1", None]]
    run.execute("ALTER TABLE t SET TBLPROPERTIES ('k'='w')", database)
    assert ["k", "w"] in run.rows("SHOW TBLPROPERTIES t", database)
    create = "\n".join(row[0] or "" for row in run.rows("SHOW CREATE TABLE t", database))
    assert create.startswith(f"CREATE EXTERNAL TABLE `{database}.t`(")
    assert f"'{location}'" in create and "`a` int COMMENT 'first'" in create
    run.execute("DROP TABLE t", database)
    run.execute("DROP TABLE IF EXISTS t", database)


def test_explain(run: Runner) -> None:
    assert any("PROJECTION" in (row[0] or "").upper() for row in run.rows("EXPLAIN SELECT 1"))


# -- security --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_parquet('s3://athena-local/x')",
        "SELECT * FROM TABLE(read_csv('/etc/passwd'))",
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "/etc/passwd"',
        "SELECT * FROM glob('/etc/*')",
        "SELECT getenv('HOME')",
        "SELECT current_setting('threads')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM pragma_version()",
        "SELECT ath_at(ARRAY[1], 1)",
        "COPY (SELECT 1) TO '/tmp/x'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "LOAD '/tmp/x'",
        "SET threads = 1",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "EXPORT DATABASE '/tmp/x'",
        "SELECT 1; SELECT 2",
        "SELECT 1 FROM many_rows WHERE a IN (SELECT 1 FROM read_csv('/etc/passwd'))",
        "CREATE VIEW evil AS SELECT * FROM read_csv('/etc/passwd')",
        "CREATE EXTERNAL TABLE evil (a string) LOCATION '/etc/'",
        "CREATE EXTERNAL TABLE evil (a string) LOCATION 'file:///etc/'",
        "UNLOAD (SELECT 1 AS x) TO '/tmp/x/' WITH (format = 'PARQUET')",
    ],
)
def test_sql_cannot_leave_the_catalogue(run: Runner, sql: str) -> None:
    from botocore.exceptions import ClientError

    try:
        query_id = run.start(sql)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidRequestException"
    else:
        assert run.wait(query_id)["Status"]["State"] == "FAILED"

"""DataScannedInBytes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conftest import Runner


def scanned(run: Runner, sql: str, database: str = "default") -> int:
    return int(run.execute(sql, database)["Statistics"]["DataScannedInBytes"])


def size(run: Runner, s3: object, location: str) -> int:
    """Bytes below a location."""
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)  # type: ignore[attr-defined]
    return sum(item["Size"] for item in found["Contents"])


@pytest.fixture
def tables(run: Runner, database: str, prefix: Callable[..., str]) -> str:
    """``flat`` (6 bytes), ``parts`` (partitions of 2, 4 and 6 bytes), ``seen``, a view of both."""
    one = prefix(**{"flat__a": b"1\n", "flat__b": b"2\n3\n", "flat___hidden": b"9\n"})
    two = prefix(
        **{
            "parts__d=x__h=1__o": b"1\n",
            "parts__d=x__h=2__o": b"2\n3\n",
            "parts__d=y__h=1__o": b"4\n5\n6\n",
        }
    )
    run.execute(f"CREATE EXTERNAL TABLE flat (a int) LOCATION '{one}flat/'", database)
    run.execute(
        "CREATE EXTERNAL TABLE parts (a int) PARTITIONED BY (d string, h int) "
        f"LOCATION '{two}parts/'",
        database,
    )
    run.execute("MSCK REPAIR TABLE parts", database)
    run.execute("CREATE VIEW seen AS SELECT a FROM flat UNION SELECT a FROM parts", database)
    return database


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("SELECT * FROM flat", 6),
        ("SELECT count(*) FROM flat WHERE a > 1 LIMIT 1", 6),
        ("SELECT x.a FROM flat x JOIN flat y ON x.a = y.a", 12),
        ("WITH c AS (SELECT * FROM flat) SELECT * FROM c", 6),
        ("SELECT (SELECT max(a) FROM flat), a FROM parts", 18),
        ("SELECT * FROM seen", 18),
        ("SELECT * FROM seen a, seen b", 36),
        ("EXPLAIN ANALYZE SELECT * FROM flat", 6),
    ],
)
def test_tables_read_are_counted(run: Runner, tables: str, sql: str, wanted: int) -> None:
    assert scanned(run, sql, tables) == wanted


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("d = 'x'", 6),
        ("d = 'y' AND a = 4", 6),
        ("d = 'x' AND (h = 2)", 4),
        ("h IN (1, 7)", 8),
        ("p.d LIKE 'x%' AND P.h BETWEEN 1 AND 1", 2),
        ("d = 'none'", 0),
        ("d = 'x' OR a = 4", 12),
        ("a = 1", 12),
        ("d = (SELECT 'x')", 12),
        ("try_cast(d AS integer) IS NULL", 12),
    ],
)
def test_partitions_of_the_where_are_counted(
    run: Runner, tables: str, where: str, wanted: int
) -> None:
    assert scanned(run, f"SELECT * FROM parts p WHERE {where}", tables) == wanted


def test_partitions_are_counted_by_mention(run: Runner, tables: str) -> None:
    joined = "SELECT 1 FROM parts p JOIN parts q ON p.a = q.a WHERE p.d = 'x' AND q.d = 'y'"
    assert scanned(run, joined, tables) == 12
    unknown_side = "SELECT 1 FROM parts p CROSS JOIN (VALUES 'x') v(e) WHERE d = 'x'"
    assert scanned(run, unknown_side, tables) == 12
    united = "SELECT a FROM parts WHERE h = 2 UNION ALL SELECT a FROM parts WHERE d = 'y'"
    assert scanned(run, united, tables) == 10


def test_a_condition_that_fails_leaves_the_error_to_the_query(run: Runner, tables: str) -> None:
    reason = run.fail("SELECT a FROM parts WHERE CAST(d AS integer) = 1", tables)
    assert reason.startswith("INVALID_CAST_ARGUMENT")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SHOW TABLES",
        "SHOW PARTITIONS parts",
        "DESCRIBE flat",
        'SELECT * FROM "parts$partitions"',
        "SELECT * FROM information_schema.tables",
        "EXPLAIN SELECT * FROM flat",
        "CREATE VIEW other AS SELECT * FROM flat",
        "INSERT INTO flat VALUES (7)",
    ],
)
def test_what_reads_no_object_scans_nothing(run: Runner, tables: str, sql: str) -> None:
    assert scanned(run, sql, tables) == 0


def test_writers_count_what_they_read(
    run: Runner, tables: str, s3: object, prefix: Callable[..., str]
) -> None:
    target = prefix()
    created = f"CREATE TABLE made WITH (external_location = '{target}made/') AS SELECT a FROM flat"
    assert scanned(run, created, tables) == 6
    assert scanned(run, "INSERT INTO flat SELECT a FROM parts WHERE d = 'x'", tables) == 6
    unloaded = f"UNLOAD (SELECT a FROM parts) TO '{target}out/' WITH (format = 'JSON')"
    assert scanned(run, unloaded, tables) == 12
    # Parquet objects count whole, whatever columns are read.
    whole = size(run, s3, f"{target}made/")
    assert scanned(run, "SELECT count(*) FROM made", tables) == whole > 6


def test_runtime_statistics_tell_the_same(run: Runner, tables: str) -> None:
    query = run.execute("SELECT * FROM flat", tables)["QueryExecutionId"]
    answer = run.client.get_query_runtime_statistics(QueryExecutionId=query)
    assert answer["QueryRuntimeStatistics"]["Rows"]["InputBytes"] == 6


def test_a_reused_result_scans_nothing(run: Runner, tables: str) -> None:
    reuse = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}
    sql = "SELECT a FROM flat WHERE a = 3"
    first, second = (
        run.execute(sql, tables, ResultReuseConfiguration=reuse)["Statistics"] for _ in range(2)
    )
    assert first["DataScannedInBytes"] == 6
    assert second["ResultReuseInformation"]["ReusedPreviousResult"]
    assert second["DataScannedInBytes"] == 0

"""PyAthena and awswrangler from PyPI, pointed at the server by the environment alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import awswrangler
import pandas
import pyathena
import pytest
from pyathena.cursor import DictCursor
from pyathena.error import DatabaseError, OperationalError
from pyathena.pandas.cursor import PandasCursor
from pyathena.pandas.util import to_sql
from pyathena.s3fs.cursor import S3FSCursor

from athena_local import Server


@pytest.fixture
def environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def connection(environment: None) -> Iterator[Any]:
    with pyathena.connect(poll_interval=0.02) as opened:
        yield opened


def test_pyathena_rows(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM many_rows ORDER BY a")
    assert cursor.fetchmany(2) == [(0,), (1,)]
    assert len(cursor.fetchall()) == 9998
    assert cursor.description[0][:2] == ("a", "integer")


def test_pyathena_types(connection: Any) -> None:
    row = (
        connection.cursor()
        .execute(
            "SELECT 1, true, 1.50, 1.5e0, DATE '2020-01-01', TIMESTAMP '2020-01-01 01:02:03', X'00ff', "
            "ARRAY[1, 2], MAP(ARRAY['a'], ARRAY[1]), ROW(1, 'a'), JSON '{\"a\": 1}', NULL, '', "
            "TIMESTAMP '2020-01-01 00:00:00 UTC', TIME '01:02:03', 1e0 / 0"
        )
        .fetchone()
    )
    assert row[:13] == (
        1,
        True,
        Decimal("1.50"),
        1.5,
        dt.date(2020, 1, 1),
        dt.datetime(2020, 1, 1, 1, 2, 3),
        b"\x00\xff",
        [1, 2],
        {"a": "1"},
        {"field0": "1", "field1": "a"},
        {"a": 1},
        None,
        "",
    )
    assert row[13] == dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    assert row[14:] == (dt.time(1, 2, 3), float("inf"))


def test_pyathena_parameters(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT %(s)s, %(d)s, %(n)s", {"s": "it's", "d": dt.date(2020, 1, 1), "n": None})
    assert cursor.fetchall() == [("it's", dt.date(2020, 1, 1), None)]
    cursor.execute("SELECT ?", ["'x'"], paramstyle="qmark")
    assert cursor.fetchall() == [("x",)]


def test_pyathena_dict_cursor(connection: Any) -> None:
    cursor = connection.cursor(DictCursor)
    assert cursor.execute("SELECT * FROM one_row").fetchall() == [{"number_of_rows": 1}]


def test_pyathena_errors(connection: Any) -> None:
    cursor = connection.cursor()
    with pytest.raises(OperationalError, match="TABLE_NOT_FOUND"):
        cursor.execute("SELECT * FROM nosuch")
    with pytest.raises(DatabaseError, match="mismatched input"):
        cursor.execute("SELEC 1")


def test_pyathena_ddl(connection: Any) -> None:
    cursor = connection.cursor()
    assert ("many_rows",) in cursor.execute("SHOW TABLES").fetchall()
    cursor.execute("CREATE TABLE pyathena_ctas AS SELECT 1 AS a")
    assert cursor.rowcount == 1 and cursor.description[0][:2] == ("rows", "bigint")
    assert cursor.execute("SELECT * FROM pyathena_ctas").fetchall() == [(1,)]
    cursor.execute("DROP TABLE pyathena_ctas")
    assert cursor.get_table_metadata("many_rows").columns[0].type == "int"


def test_pyathena_cancel(connection: Any) -> None:
    cursor = connection.cursor()
    query_id = cursor._execute("SELECT /* athena-local: run_seconds=30 */ 1")
    cursor._cancel(query_id)
    assert cursor._poll(query_id).state == "CANCELLED"


@pytest.mark.parametrize("unload", [False, True])
def test_pyathena_pandas(environment: None, unload: bool) -> None:
    with pyathena.connect(poll_interval=0.02) as opened:
        cursor = opened.cursor(PandasCursor, unload=unload)
        frame = cursor.execute("SELECT a, CAST(a AS varchar) AS b FROM many_rows").as_pandas()
    assert len(frame) == 10_000 and int(frame["a"].sum()) == 49_995_000
    assert set(frame["b"]) == {str(number) for number in range(10_000)}


def test_pyathena_s3fs_tells_null_from_empty(connection: Any) -> None:
    cursor = connection.cursor(S3FSCursor)
    cursor.execute("SELECT '' AS a, CAST(NULL AS varchar) AS b, 'x,\"y\n' AS c")
    assert cursor.fetchall() == [("", None, 'x,"y\n')]


def test_pyathena_to_sql(connection: Any, server: Server) -> None:
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, 2.5]})
    location = f"s3://{server.bucket}/to_sql/"
    to_sql(frame, "to_sql", connection, location, schema="default", if_exists="replace")
    rows = connection.cursor().execute("SELECT * FROM to_sql ORDER BY a").fetchall()
    assert rows == [(1, "x", 1.5), (2, None, 2.5)]


@pytest.fixture
def wrangler(environment: None, server: Server) -> Any:
    awswrangler.config.athena_endpoint_url = server.url
    awswrangler.config.s3_endpoint_url = server.s3_url
    awswrangler.config.athena_query_wait_polling_delay = 0.05
    return awswrangler.athena


def test_awswrangler_csv(wrangler: Any, server: Server) -> None:
    frame = wrangler.read_sql_query(
        "SELECT a, 1.50 AS d, TIMESTAMP '2020-01-01 00:00:00' AS t, '' AS s FROM many_rows ORDER BY a",
        database="default",
        ctas_approach=False,
        s3_output=server.staging_dir,
    )
    assert len(frame) == 10_000 and int(frame["a"].iloc[-1]) == 9999
    assert frame["d"].iloc[0] == Decimal("1.50")
    assert frame["t"].iloc[0] == pandas.Timestamp("2020-01-01")


def test_awswrangler_unload(wrangler: Any, server: Server) -> None:
    frame = wrangler.read_sql_query(
        "SELECT a, CAST(a AS varchar) AS b FROM many_rows",
        database="default",
        ctas_approach=False,
        unload_approach=True,
        s3_output=f"s3://{server.bucket}/wrangler/",
    )
    assert int(frame["a"].sum()) == 49_995_000


def test_awswrangler_wait_and_stop(wrangler: Any, server: Server) -> None:
    query_id = wrangler.start_query_execution(
        "SELECT /* athena-local: run_seconds=30 */ 1",
        database="default",
        s3_output=server.staging_dir,
    )
    wrangler.stop_query_execution(query_id)
    with pytest.raises(awswrangler.exceptions.QueryCancelled):
        wrangler.wait_query(query_id)

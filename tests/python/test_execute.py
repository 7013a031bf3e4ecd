"""Execute, fetch, describe: what every program with a cursor does."""

from __future__ import annotations

import collections
import datetime
from typing import Any

import harness
import pyathena
import pytest
from pyathena import ExecuteOptions
from pyathena.error import NotSupportedError, OperationalError, ProgrammingError

pytestmark = pytest.mark.core

FIVE = "SELECT x, x * 2 AS y FROM UNNEST(sequence(1, 5)) AS t (x) ORDER BY x"


def test_execute_gives_the_cursor_and_rows_as_tuples(db: harness.Driver) -> None:
    cursor = db.cursor()
    assert cursor.execute(FIVE) is cursor
    assert cursor.fetchone() == (1, 2)
    assert cursor.fetchmany(2) == [(2, 4), (3, 6)]
    assert cursor.fetchall() == [(4, 8), (5, 10)]
    assert cursor.fetchone() is None
    assert cursor.fetchmany() == []
    assert cursor.fetchall() == []


def test_iteration_gives_each_row_once_and_goes_on_after_fetches(db: harness.Driver) -> None:
    cursor = db.cursor().execute(FIVE)
    assert next(cursor) == (1, 2)
    assert cursor.fetchone() == (2, 4)
    assert [row[0] for row in cursor] == [3, 4, 5]
    assert list(cursor) == []
    with pytest.raises(StopIteration):
        next(cursor)


@pytest.mark.parametrize("arraysize", [1, 3, 999, 1000])
def test_every_page_size_gives_the_same_rows(db: harness.Driver, arraysize: int) -> None:
    cursor = db.cursor(arraysize=arraysize)
    rows = cursor.execute("SELECT a FROM many_rows WHERE a < 40 ORDER BY a").fetchall()
    assert rows == [(a,) for a in range(40)]


def test_rows_over_many_pages_come_in_order(db: harness.Driver) -> None:
    cursor = db.cursor().execute("SELECT a FROM many_rows ORDER BY a")
    assert [row[0] for row in cursor] == list(range(10_000))


@pytest.mark.parametrize("size", [None, 0, -1])
def test_fetchmany_without_a_size_takes_arraysize(db: harness.Driver, size: int | None) -> None:
    cursor = db.cursor(arraysize=2).execute(FIVE)
    assert len(cursor.fetchmany(size)) == 2
    cursor.arraysize = 3
    assert len(cursor.fetchmany(size)) == 3


def test_fetchmany_wants_an_integer(db: harness.Driver) -> None:
    cursor = db.cursor().execute(FIVE)
    with pytest.raises(TypeError):
        cursor.fetchmany("2")
    assert len(cursor.fetchall()) == 5


def test_description_tells_names_types_and_precision(db: harness.Driver) -> None:
    cursor = db.cursor().execute(
        "SELECT 1 AS a, CAST(1 AS bigint) AS b, 'x' AS c, CAST(1.5 AS decimal(10, 2)) AS d,"
        " DATE '2024-01-01' AS e"
    )
    assert [column[0] for column in cursor.description] == list("abcde")
    assert [column[1] for column in cursor.description] == [
        "integer", "bigint", "varchar", "decimal", "date",
    ]  # fmt: skip
    assert cursor.description[3][4:6] == (10, 2)
    assert all(len(column) == 7 for column in cursor.description)
    assert cursor.description[0][1] == pyathena.NUMBER
    assert cursor.description[2][1] == pyathena.STRING


def test_rowcount_and_rownumber_of_a_select(db: harness.Driver) -> None:
    cursor = db.cursor()
    assert (cursor.rowcount, cursor.rownumber) == (-1, None)
    cursor.execute(FIVE)
    assert (cursor.rowcount, cursor.rownumber) == (-1, 0)
    cursor.fetchmany(2)
    assert cursor.rownumber == 2
    cursor.fetchall()
    assert (cursor.rowcount, cursor.rownumber) == (-1, 5)


def test_writes_tell_how_many_rows_and_have_no_description(db: harness.Driver) -> None:
    cursor = db.cursor()
    table = f"counted_{db.kind}"
    cursor.execute(f"DROP TABLE IF EXISTS {table}")
    assert cursor.description == [] or cursor.description is None
    cursor.execute(f"CREATE TABLE {table} AS SELECT 1 AS x UNION ALL SELECT 2")
    assert cursor.rowcount == 2
    cursor.execute(f"INSERT INTO {table} SELECT a FROM many_rows WHERE a < 7")
    assert cursor.rowcount == 7
    assert cursor.description is None
    assert cursor.substatement_type == "INSERT"
    assert cursor.fetchall() == []
    cursor.execute(f"SELECT count(*) FROM {table}")
    assert cursor.fetchone() == (9,)
    assert cursor.rowcount == -1
    cursor.execute(f"DROP TABLE {table}")


def test_statements_without_rows_give_none(db: harness.Driver) -> None:
    cursor = db.cursor().execute("CREATE DATABASE IF NOT EXISTS nothing_there")
    assert cursor.fetchone() is None
    assert cursor.fetchall() == []
    assert cursor.statement_type == "DDL"
    cursor.execute("DROP DATABASE nothing_there")


def test_a_show_statement_keeps_its_first_row(db: harness.Driver) -> None:
    cursor = db.cursor().execute("SHOW TABLES IN default")
    assert {"many_rows", "one_row"} <= {row[0] for row in cursor.fetchall()}
    cursor.execute("DESCRIBE many_rows")
    assert cursor.fetchone()[0].split()[:2] == ["a", "int"]


def test_a_first_row_equal_to_the_column_names_is_a_row(db: harness.Driver) -> None:
    cursor = db.cursor().execute("SELECT 'a' AS a, 'b' AS b")
    assert cursor.fetchall() == [("a", "b")]


def test_a_query_of_no_rows_has_a_description(db: harness.Driver) -> None:
    cursor = db.cursor().execute("SELECT 1 AS x WHERE 1 = 0")
    assert cursor.fetchall() == []
    assert cursor.description[0][:2] == ("x", "integer")


@pytest.mark.parametrize("value", [0, -1, 1001, "10", None, 1.5])
def test_arraysize_says_what_it_may_be(db: harness.Driver, value: Any) -> None:
    words = "^MaxResults is more than maximum allowed length 1000.$"
    with pytest.raises(ProgrammingError, match=words):
        db.cursor(arraysize=value)
    cursor = db.cursor()
    with pytest.raises(ProgrammingError, match=words):
        cursor.arraysize = value
    assert cursor.arraysize == 1000


def test_the_properties_of_the_execution(db: harness.Driver, settings: dict[str, Any]) -> None:
    before = datetime.datetime.now(datetime.timezone.utc)
    cursor = db.cursor()
    assert cursor.state is None and cursor.query is None and cursor.execution_parameters == []
    cursor.execute(FIVE)
    assert cursor.has_result_set and cursor.result_set is not None
    assert cursor.query_id
    assert cursor.database == "default"
    assert cursor.catalog == "awsdatacatalog"
    assert cursor.query == FIVE
    assert cursor.statement_type == "DML"
    assert cursor.substatement_type == "SELECT"
    assert cursor.work_group == "primary"
    assert cursor.state == "SUCCEEDED"
    assert cursor.state_change_reason is None
    assert cursor.completion_date_time >= cursor.submission_date_time
    assert abs(cursor.submission_date_time - before) < datetime.timedelta(minutes=1)
    assert cursor.output_location == f"{settings['s3_staging_dir']}{cursor.query_id}.csv"
    for name in (
        "data_scanned_in_bytes",
        "engine_execution_time_in_millis",
        "query_queue_time_in_millis",
        "total_execution_time_in_millis",
        "query_planning_time_in_millis",
        "service_processing_time_in_millis",
    ):
        assert isinstance(getattr(cursor, name), int), name
    assert cursor.effective_engine_version.startswith("Athena engine version")
    assert cursor.selected_engine_version
    assert not cursor.reused_previous_result
    for name in (
        "error_category", "error_type", "error_message", "retryable", "data_manifest_location",
        "encryption_option", "kms_key", "expected_bucket_owner", "s3_acl_option",
    ):  # fmt: skip
        assert getattr(cursor, name) is None, name


def test_no_result_set_yet(db: harness.Driver) -> None:
    cursor = db.cursor()
    for fetch in (cursor.fetchone, cursor.fetchmany, cursor.fetchall):
        with pytest.raises(ProgrammingError, match=r"^No result set\.$"):
            fetch()
    with pytest.raises(ProgrammingError, match=r"^No result set\.$"):
        next(cursor)
    assert cursor.description is None
    with pytest.raises(ProgrammingError, match=r"^QueryExecutionId is none or empty\.$"):
        cursor.cancel()


def test_a_closed_cursor_says_so(db: harness.Driver) -> None:
    cursor = db.cursor().execute(FIVE)
    query_id = cursor.query_id
    cursor.close()
    cursor.close()
    assert cursor.is_closed
    assert cursor.query_id == query_id
    assert (cursor.description, cursor.rowcount, cursor.state) == (None, -1, None)
    for fetch in (cursor.fetchone, cursor.fetchmany, cursor.fetchall):
        with pytest.raises(ProgrammingError, match=r"ResultSet is closed\.$"):
            fetch()
    for call in (
        lambda: cursor.execute(FIVE),
        lambda: cursor.executemany(FIVE, [{}]),
        cursor.cancel,
        lambda: cursor.list_databases(None),
        lambda: cursor.list_table_metadata(),
        lambda: cursor.get_table_metadata("many_rows"),
        lambda: cursor.setinputsizes([]),
        lambda: cursor.setoutputsize(1),
    ):
        with pytest.raises(ProgrammingError, match=r"^Cursor is closed\.$"):
            call()


def test_a_closed_connection_closes_no_cursor(db: harness.Driver) -> None:
    connection = db.connect()
    cursor = db.of(connection).execute(FIVE)
    connection.close()
    connection.close()
    assert len(cursor.fetchall()) == 5
    assert cursor.execute("SELECT 1").fetchone() == (1,)


def test_transactions_are_not_there(db: harness.Driver) -> None:
    connection = db.connect()
    connection.commit()
    with pytest.raises(NotSupportedError):
        connection.rollback()


def test_dict_cursor_gives_mappings(db: harness.Driver) -> None:
    cursor = db.cursor(db.dict_cursor_class).execute(FIVE)
    assert cursor.fetchone() == {"x": 1, "y": 2}
    assert cursor.fetchmany(1) == [{"x": 2, "y": 4}]
    assert next(cursor) == {"x": 3, "y": 6}
    assert [row["y"] for row in cursor.fetchall()] == [8, 10]
    cursor.execute("SELECT 1 AS x, 2 AS x")
    assert cursor.fetchall() == [{"x": 2}]


def test_dict_cursor_makes_rows_of_another_class(db: harness.Driver) -> None:
    cursor = db.cursor(db.dict_cursor_class, dict_type=collections.OrderedDict).execute(FIVE)
    row = cursor.fetchone()
    assert type(row) is collections.OrderedDict and list(row) == ["x", "y"]
    plain = db.cursor(db.dict_cursor_class).execute(FIVE).fetchone()
    assert type(plain) is dict


def test_executemany_sums_the_counts_and_keeps_no_rows(db: harness.Driver) -> None:
    cursor = db.cursor()
    table = f"many_{db.kind}"
    cursor.execute(f"DROP TABLE IF EXISTS {table}")
    cursor.execute(f"CREATE TABLE {table} AS SELECT 0 AS x, 'none' AS y")
    cursor.executemany(
        f"INSERT INTO {table} VALUES (%(x)s, %(y)s)", [{"x": 1, "y": "it's"}, {"x": 2, "y": ""}]
    )
    assert (cursor.rowcount, cursor.query_id) == (2, None)
    with pytest.raises(ProgrammingError, match=r"^No result set\.$"):
        cursor.fetchall()
    cursor.execute(f"SELECT x, y FROM {table} WHERE x > 0 ORDER BY x")
    assert cursor.fetchall() == [(1, "it's"), (2, "")]
    cursor.executemany("SELECT %(x)s", [{"x": 1}, {"x": 2}])
    assert cursor.rowcount == -1
    cursor.executemany("SELECT 1", [])
    assert cursor.rowcount == 0
    cursor.execute(f"DROP TABLE {table}")


def test_executemany_ends_at_the_first_failure(db: harness.Driver) -> None:
    cursor = db.cursor()
    with pytest.raises(OperationalError):
        cursor.executemany("SELECT 1 / %(x)s", [{"x": 1}, {"x": 0}, {"x": 1}])
    assert cursor.query_id


def test_callbacks_come_in_order_with_the_id(db: harness.Driver) -> None:
    told: list[tuple[str, str]] = []

    def note(name: str) -> Any:
        return lambda query_id: told.append((name, query_id))

    connection = db.connect(on_start_query_execution=note("connection"))
    cursor = db.of(connection)
    cursor.execute("SELECT 1", on_start_query_execution=note("execute"))
    assert told == [("connection", cursor.query_id), ("execute", cursor.query_id)]
    told.clear()
    other = db.of(connection, on_start_query_execution=note("cursor"))
    other.execute("SELECT 1", options=ExecuteOptions(on_start_query_execution=note("options")))
    assert told == [("cursor", other.query_id), ("options", other.query_id)]


def test_the_id_is_known_while_the_query_runs(db: harness.Driver) -> None:
    seen: list[str | None] = []
    cursor = db.cursor()
    cursor.execute(
        harness.for_seconds(0.2), on_start_query_execution=lambda _: seen.append(cursor.query_id)
    )
    assert seen == [cursor.query_id]


def test_on_poll_sees_each_look_and_the_end(db: harness.Driver) -> None:
    states: list[str | None] = []
    connection = db.connect(on_poll=lambda execution: states.append(execution.state))
    db.of(connection).execute(harness.for_seconds(0.3))
    assert states[-1] == "SUCCEEDED"
    assert set(states[:-1]) <= {"QUEUED", "RUNNING"} and len(states) > 1


@pytest.mark.parametrize("where", ["on_start_query_execution", "on_poll"])
def test_a_callbacks_exception_comes_out_and_the_query_runs_on(
    db: harness.Driver, where: str, server: Any
) -> None:
    def fail(_: Any) -> None:
        raise ZeroDivisionError("mine")

    cursor = db.of(db.connect(**{where: fail}))
    with pytest.raises(ZeroDivisionError, match="mine"):
        cursor.execute(harness.for_seconds(1.0))
    assert cursor.query_id
    assert not cursor.has_result_set
    harness.wait_state(server, cursor.query_id, "SUCCEEDED")


def test_execute_options_are_defaults_of_the_keywords(db: harness.Driver, switched: Any) -> None:
    cursor = db.cursor()
    options = ExecuteOptions(paramstyle="qmark", s3_staging_dir="s3://athena-local/optional/")
    cursor.execute("SELECT ?", ["'x'"], options=options)
    assert cursor.fetchall() == [("x",)]
    assert cursor.output_location.startswith("s3://athena-local/optional/")
    cursor.execute("SELECT 1", options=options, s3_staging_dir="s3://athena-local/explicit/")
    assert cursor.output_location.startswith("s3://athena-local/explicit/")


def test_result_reuse_is_asked_for_and_told(db: harness.Driver) -> None:
    sql = f"SELECT 1 AS reused_by_{db.kind}"
    cursor = db.cursor(result_reuse_enable=True, result_reuse_minutes=5)
    cursor.execute(sql)
    assert not cursor.reused_previous_result
    assert cursor.fetchall() == [(1,)]
    cursor.execute(sql)
    assert cursor.reused_previous_result is True
    assert (cursor.result_reuse_enabled, cursor.result_reuse_minutes) == (True, 5)
    assert cursor.fetchall() == [(1,)]
    cursor.execute(sql, result_reuse_enable=False)
    assert not cursor.reused_previous_result
    plain = db.cursor()
    plain.execute(sql, result_reuse_enable=True)
    assert plain.reused_previous_result is True
    assert plain.result_reuse_minutes == 60


def test_the_catalogue_calls(db: harness.Driver) -> None:
    cursor = db.cursor()
    names = [database.name for database in cursor.list_databases("awsdatacatalog")]
    assert "default" in names
    assert names == [database.name for database in cursor.list_databases(None, max_results=1)]
    tables = {table.name: table for table in cursor.list_table_metadata()}
    assert {"many_rows", "one_row"} <= set(tables)
    one_by_one = cursor.list_table_metadata(max_results=1)
    assert sorted(table.name for table in one_by_one) == sorted(tables)
    found = cursor.list_table_metadata(schema_name="default", expression="one_.*")
    assert [table.name for table in found] == ["one_row"]
    table = cursor.get_table_metadata("many_rows")
    assert [(column.name, column.type) for column in table.columns] == [("a", "int")]
    assert table.location == tables["many_rows"].location


def test_what_the_catalogue_does_not_know(db: harness.Driver) -> None:
    cursor = db.cursor()
    with pytest.raises(OperationalError, match=r"MetadataException.*GetTableMetadata") as caught:
        cursor.get_table_metadata("no_such_table", logging_=False)
    assert caught.value.code == "MetadataException"
    with pytest.raises(OperationalError, match="no_such_database"):
        cursor.list_table_metadata(schema_name="no_such_database", logging_=False)
    assert cursor.execute("SELECT 1").fetchone() == (1,)


def test_schema_and_catalog_are_the_query_s_context(db: harness.Driver) -> None:
    setup = db.cursor()
    setup.execute("CREATE DATABASE IF NOT EXISTS other")
    setup.execute("DROP TABLE IF EXISTS other.here")
    setup.execute("CREATE TABLE other.here AS SELECT 3 AS x")
    cursor = db.of(db.connect(schema_name="other"))
    assert cursor.execute("SELECT x FROM here").fetchall() == [(3,)]
    assert cursor.database == "other"
    cursor = db.of(db.connect(), schema_name="other")
    assert cursor.execute("SELECT x FROM here").fetchall() == [(3,)]
    setup.execute("DROP TABLE other.here")


def test_cursor_keywords_override_those_of_the_connection(db: harness.Driver) -> None:
    connection = db.connect(cursor_kwargs={"arraysize": 5})
    assert connection.cursor().arraysize == 5
    assert connection.cursor(arraysize=7).arraysize == 7
    assert db.of(db.connect(cursor_class=db.dict_cursor_class)).execute(FIVE).fetchone() == {
        "x": 1,
        "y": 2,
    }
    with pytest.raises(TypeError, match="foo"):
        connection.cursor(foo=1)
    with pytest.raises(TypeError, match="foo"):
        db.cursor().execute("SELECT 1", foo=1)


def test_blanks_around_a_statement_do_not_matter(db: harness.Driver) -> None:
    assert db.cursor().execute("\n  SELECT 1 AS x\n ").fetchall() == [(1,)]


def test_with_closes_cursor_and_connection(settings: dict[str, Any]) -> None:
    with pyathena.connect(**settings) as connection, connection.cursor() as cursor:
        assert cursor.execute("SELECT 1").fetchall() == [(1,)]
    assert cursor.is_closed


def test_async_with_closes_cursor_and_connection(
    run: harness.Run, settings: dict[str, Any]
) -> None:
    async def main() -> None:
        from pyathena.aio.connection import AioConnection

        async with await pyathena.aio_connect(**settings) as connection:
            async with connection.cursor() as cursor:
                await cursor.execute("SELECT 1")
                assert await cursor.fetchall() == [(1,)]
            assert cursor.is_closed
        async with AioConnection.create(**settings) as connection:
            await connection.cursor().execute("SELECT 1")

    run(main())


def test_async_for_and_anext(run: harness.Run, settings: dict[str, Any]) -> None:
    async def main() -> None:
        async with await pyathena.aio_connect(**settings) as connection:
            cursor = connection.cursor()
            await cursor.execute(FIVE)
            assert await cursor.__anext__() == (1, 2)
            rows = [row async for row in cursor]
            assert rows == [(2, 4), (3, 6), (4, 8), (5, 10)]
            with pytest.raises(StopAsyncIteration):
                await cursor.__anext__()
            with pytest.raises(TypeError, match="use 'async for' instead"):
                iter(cursor)
            with pytest.raises(TypeError, match="use 'async for' instead"):
                next(cursor)  # type: ignore[call-overload]

    run(main())


def test_two_cursors_of_one_connection_at_once(run: harness.Run, settings: dict[str, Any]) -> None:
    async def one(connection: Any, number: int) -> Any:
        cursor = connection.cursor()
        await cursor.execute(f"SELECT a + {number} FROM many_rows ORDER BY 1")
        return [row[0] for row in await cursor.fetchall()]

    async def main() -> None:
        import asyncio

        async with await pyathena.aio_connect(**settings) as connection:
            answers = await asyncio.gather(*(one(connection, n) for n in range(4)))
        assert answers == [list(range(n, n + 10_000)) for n in range(4)]

    run(main())


def test_the_loop_runs_while_rows_are_made(run: harness.Run, settings: dict[str, Any]) -> None:
    """200,000 rows are made in slices with the loop's other work between them."""

    async def main() -> None:
        import asyncio

        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        async with await pyathena.aio_connect(**settings) as connection:
            cursor = connection.cursor()
            await cursor.execute(
                "SELECT l.a + r.a * 10000 FROM many_rows AS l"
                " CROSS JOIN (SELECT a FROM many_rows WHERE a < 20) AS r"
            )
            ticker = asyncio.ensure_future(tick())
            await asyncio.sleep(0)
            rows = await cursor.fetchall()
            ticker.cancel()
        assert len(rows) == 200_000 and len(set(rows)) == 200_000
        assert ticks > 100

    run(main())

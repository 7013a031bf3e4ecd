"""Errors: the class, the text callers match on, and what AWS answered."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import athena_local
import harness
import pyathena
import pytest
from pyathena.error import DatabaseError, Error, OperationalError, ProgrammingError

pytestmark = pytest.mark.core


def test_a_refused_start_is_a_database_error(db: harness.Driver) -> None:
    cursor = db.cursor()
    with pytest.raises(DatabaseError) as caught:
        cursor.execute("SELEC 1")
    ex = caught.value
    assert type(ex) is DatabaseError
    text = str(ex)
    assert text.startswith(
        "An error occurred (InvalidRequestException) when calling the StartQueryExecution"
        " operation: "
    )
    assert ex.args == (text,)
    assert ex.code == "InvalidRequestException"
    assert ex.operation_name == "StartQueryExecution"
    assert ex.http_status == 400
    assert ex.request_id
    assert ex.query_id is None
    cause = ex.__cause__
    assert cause is not None
    assert cause.operation_name == "StartQueryExecution"  # type: ignore[attr-defined]
    response = cause.response  # type: ignore[attr-defined]
    assert response["Error"]["Code"] == "InvalidRequestException"
    assert text.endswith(response["Error"]["Message"])
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["ResponseMetadata"]["RequestId"] == ex.request_id
    assert str(cause) == text
    assert cursor.query_id is None
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_a_failed_query_is_an_operational_error_with_athenas_words(db: harness.Driver) -> None:
    cursor = db.cursor()
    with pytest.raises(OperationalError) as caught:
        cursor.execute("SELECT * FROM no_such_table")
    ex = caught.value
    assert type(ex) is OperationalError
    assert "no_such_table" in str(ex)
    assert ex.query_id == cursor.query_id
    assert not cursor.has_result_set
    assert (cursor.description, cursor.state, cursor.rowcount) == (None, None, -1)
    with pytest.raises(ProgrammingError, match=r"^No result set\.$"):
        cursor.fetchall()


def test_a_long_reason_comes_whole(db: harness.Driver) -> None:
    name = "n" * 3000
    with pytest.raises(OperationalError) as caught:
        db.cursor().execute(f"SELECT * FROM {name}")
    assert name in str(caught.value)


def test_a_query_stopped_elsewhere(db: harness.Driver, server: athena_local.Server) -> None:
    connection = db.connect()

    def stop(query_id: str) -> None:
        other = pyathena.connect(**db.settings).cursor()
        other.query_id = query_id
        other.cancel()

    cursor = db.of(connection)
    with pytest.raises(OperationalError, match="cancelled by user"):
        cursor.execute(harness.LONG, on_start_query_execution=stop)
    harness.wait_state(server, cursor.query_id, "CANCELLED")


@pytest.mark.parametrize("api", ["GetQueryExecution", "GetQueryResults"])
def test_what_is_refused_later_is_an_operational_error(
    db: harness.Driver, switched: athena_local.Server, api: str
) -> None:
    switched.switch(refuse=[api, "BatchGetQueryExecution"])
    cursor = db.cursor()
    with pytest.raises(OperationalError) as caught:
        cursor.execute("SELECT 1")
    ex = caught.value
    assert ex.code == "AccessDeniedException"
    assert ex.operation_name == api
    assert ex.query_id == cursor.query_id
    assert f"when calling the {api} operation: User: " in str(ex)
    assert ex.__cause__.operation_name == api  # type: ignore[union-attr]
    switched.switch(refuse=[])
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_an_error_of_a_later_page(db: harness.Driver, switched: athena_local.Server) -> None:
    """Rows that were read come first; then the error; then a plain statement of it."""
    cursor = db.cursor(arraysize=10)
    cursor.execute("SELECT l.a, lpad('', 3000, 'x') FROM many_rows AS l ORDER BY 1")
    switched.switch(refuse=["GetQueryResults"])
    with pytest.raises(OperationalError, match="when calling the GetQueryResults operation"):
        cursor.fetchall()
    with pytest.raises(ProgrammingError, match="cannot be fetched after a failed fetch"):
        cursor.fetchone()
    switched.switch(refuse=[])
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize("api", ["StartQueryExecution", "GetQueryExecution", "GetQueryResults"])
@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "ThrottlingException"), (500, "InternalServerException"), (0, "cut"), (503, "")],
)
def test_passing_troubles_are_not_seen(
    db: harness.Driver, switched: athena_local.Server, api: str, status: int, code: str
) -> None:
    fault = {"count": 1, "status": status, **({"code": code} if code else {})}
    switched.switch(fail={api: fault})
    cursor = db.cursor()
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]
    queries = switched.stats()["calls"]["StartQueryExecution"]
    assert queries == (2 if api == "StartQueryExecution" else 1)


def test_a_retried_start_runs_the_statement_once(
    db: harness.Driver, switched: athena_local.Server
) -> None:
    new = harness.NewQueries(switched)
    switched.switch(fail={"StartQueryExecution": {"count": 1, "status": 500}})
    db.cursor().execute("SELECT 1")
    assert len(new.ids()) == 1


def test_throttled_for_ever_ends_as_the_retry_config_says(
    db: harness.Driver, switched: athena_local.Server
) -> None:
    from pyathena.util import RetryConfig

    switched.switch(
        fail={"StartQueryExecution": {"count": 99, "status": 400, "code": "ThrottlingException"}}
    )
    retry = RetryConfig(attempt=3, multiplier=0.01, max_delay=1)
    with pytest.raises(DatabaseError) as caught:
        db.of(db.connect(retry_config=retry)).execute("SELECT 1")
    assert caught.value.code == "ThrottlingException"
    assert switched.stats()["calls"]["StartQueryExecution"] == 3


def test_more_codes_to_retry(db: harness.Driver, switched: athena_local.Server) -> None:
    from pyathena.util import RetryConfig

    fault = {"count": 1, "status": 400, "code": "MyOwnException"}
    switched.switch(fail={"StartQueryExecution": fault})
    with pytest.raises(DatabaseError, match="MyOwnException"):
        db.cursor().execute("SELECT 1")
    switched.switch(fail={"StartQueryExecution": fault})
    retry = RetryConfig(exceptions=("ThrottlingException", "MyOwnException"), multiplier=0.01)
    assert db.of(db.connect(retry_config=retry)).execute("SELECT 1").fetchone() == (1,)


def test_an_unknown_work_group(db: harness.Driver) -> None:
    with pytest.raises(DatabaseError, match="no-such-group"):
        db.of(db.connect(work_group="no-such-group")).execute("SELECT 1")


def test_errors_can_be_pickled(db: harness.Driver) -> None:
    with pytest.raises(DatabaseError) as caught:
        db.cursor().execute("SELEC 1")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert (copy.code, copy.request_id) == (caught.value.code, caught.value.request_id)


def test_one_failure_among_many(run: harness.Run, settings: dict[str, Any]) -> None:
    """Each of many queries has its own outcome."""

    async def one(connection: Any, number: int) -> Any:
        cursor = connection.cursor()
        await cursor.execute(f"SELECT 10 / {number % 5}")
        return (await cursor.fetchone())[0]

    async def main() -> None:
        async with await pyathena.aio_connect(**settings) as connection:
            found = await asyncio.gather(
                *(one(connection, n) for n in range(50)), return_exceptions=True
            )
        for number, result in enumerate(found):
            if number % 5:
                assert result == 10 // (number % 5)
            else:
                assert isinstance(result, OperationalError) and "zero" in str(result).lower()

    run(main())


def test_every_error_is_of_pep_249(db: harness.Driver) -> None:
    for sql in (
        "SELEC 1",
        "SELECT 1 / 0",
        "SELECT * FROM nowhere.nothing",
        "DROP DATABASE nowhere",
    ):
        with pytest.raises(Error):
            db.cursor().execute(sql)
    assert issubclass(pyathena.OperationalError, pyathena.DatabaseError)
    assert issubclass(pyathena.DatabaseError, pyathena.Error)

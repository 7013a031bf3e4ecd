"""The same queries seen by boto3: text, types, errors and sessions agree."""

from __future__ import annotations

from typing import Any

import athena_local
import boto3
import botocore.exceptions
import harness
import pytest
from pyathena.converter import Converter
from pyathena.error import DatabaseError, OperationalError


class AsText(Converter):
    """Every value as the text that the service sent."""

    def __init__(self) -> None:
        super().__init__({})

    def convert(self, type_: str, value: str | None, type_hint: str | None = None) -> Any:
        return value


@pytest.fixture
def client(settings: dict[str, Any]) -> Any:
    return boto3.client(
        "athena",
        endpoint_url=settings["endpoint_url"],
        aws_access_key_id=settings["aws_access_key_id"],
        aws_secret_access_key=settings["aws_secret_access_key"],
        region_name=settings["region_name"],
    )


def rows_by_boto3(client: Any, query_id: str, has_header: bool) -> list[tuple[Any, ...]]:
    pages = client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    rows = [
        tuple(cell.get("VarCharValue") for cell in row["Data"])
        for page in pages
        for row in page["ResultSet"]["Rows"]
    ]
    return rows[1:] if has_header else rows


QUERIES = [
    "SELECT * FROM many_rows ORDER BY a",
    "SELECT NULL AS a, '' AS b, 'NA' AS c, 1 AS d",
    "SELECT 'a' AS a",
    "SELECT ARRAY[1, 2] AS a, MAP(ARRAY['k'], ARRAY[1]) AS m, CAST(ROW(1, 'x') AS ROW(a integer, b"
    " varchar)) AS r, JSON '{\"a\": 1}' AS j, X'00ff' AS v",
    "SELECT CAST(1.50 AS decimal(10, 2)) AS d, CAST(1e300 AS double) AS e, CAST('NaN' AS double) AS"
    " n, CAST(0.1 AS real) AS r, true AS t",
    "SELECT DATE '2024-02-29' AS d, TIMESTAMP '2024-02-29 01:02:03.004' AS t,"
    " TIMESTAMP '2024-06-01 12:00:00.000 Europe/Berlin' AS z, TIME '01:02:03.004' AS u",
    "SELECT 'line' || chr(10) || 'break \\ \"q\" \U0001f600 \u00e4' AS x, chr(9) AS y, 'a,b' AS z",
    "SELECT 1 AS x WHERE 1 = 0",
    "SHOW TABLES IN default",
    "DESCRIBE many_rows",
]


@pytest.mark.parametrize("sql", QUERIES, ids=[sql[:30] for sql in QUERIES])
@pytest.mark.parametrize("arraysize", [1000, 7])
def test_the_same_rows_as_text(db: harness.Driver, client: Any, sql: str, arraysize: int) -> None:
    if arraysize == 7 and "many_rows ORDER" in sql:
        sql = "SELECT * FROM many_rows WHERE a < 50 ORDER BY a"
    cursor = db.of(db.connect(converter=AsText()), arraysize=arraysize)
    ours = cursor.execute(sql).fetchall()
    theirs = rows_by_boto3(client, cursor.query_id, sql.startswith("SELECT"))
    # DESCRIBE sends one cell for three columns; a row has as many values as there are columns.
    width = len(cursor.description)
    assert ours == [row + (None,) * (width - len(row)) for row in theirs]
    answer = client.get_query_results(QueryExecutionId=cursor.query_id)
    columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert cursor.description == [
        (c["Name"], c["Type"], None, None, c["Precision"], c["Scale"], c["Nullable"])
        for c in columns
    ]


def test_the_same_execution(db: harness.Driver, client: Any) -> None:
    cursor = db.cursor().execute("SELECT 1 AS x")
    execution = client.get_query_execution(QueryExecutionId=cursor.query_id)["QueryExecution"]
    assert cursor.query == execution["Query"]
    assert cursor.output_location == execution["ResultConfiguration"]["OutputLocation"]
    assert cursor.submission_date_time == execution["Status"]["SubmissionDateTime"]
    assert cursor.completion_date_time == execution["Status"]["CompletionDateTime"]
    statistics = execution["Statistics"]
    assert cursor.data_scanned_in_bytes == statistics["DataScannedInBytes"]
    assert cursor.total_execution_time_in_millis == statistics["TotalExecutionTimeInMillis"]
    assert cursor.work_group == execution["WorkGroup"]


def test_a_failure_in_the_services_words(db: harness.Driver, client: Any) -> None:
    cursor = db.cursor()
    with pytest.raises(OperationalError) as caught:
        cursor.execute("SELECT * FROM no_such_table")
    execution = client.get_query_execution(QueryExecutionId=cursor.query_id)["QueryExecution"]
    assert str(caught.value) == execution["Status"]["StateChangeReason"]


def test_the_cause_of_an_error_is_botocores_own(db: harness.Driver, client: Any) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as theirs:
        client.start_query_execution(
            QueryString="SELEC 1",
            ResultConfiguration={"OutputLocation": db.settings["s3_staging_dir"]},
        )
    with pytest.raises(DatabaseError) as ours:
        db.cursor().execute("SELEC 1")
    assert isinstance(ours.value.__cause__, botocore.exceptions.ClientError)
    assert str(ours.value) == str(theirs.value)
    assert ours.value.__cause__.response["Error"] == theirs.value.response["Error"]


def test_a_work_group_with_a_location_of_its_own(db: harness.Driver, client: Any) -> None:
    name = f"own-location-{db.kind}"
    location = "s3://athena-local/group/"
    client.create_work_group(
        Name=name,
        Configuration={
            "ResultConfiguration": {"OutputLocation": location},
            "EnforceWorkGroupConfiguration": True,
        },
    )
    cursor = db.of(db.connect(s3_staging_dir=None, work_group=name))
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]
    assert cursor.work_group == name
    assert cursor.output_location.startswith(location)
    other = db.cursor()
    other.execute("SELECT 1", work_group=name)
    assert other.work_group == name
    client.update_work_group(WorkGroup=name, State="DISABLED")
    with pytest.raises(DatabaseError, match="(?i)disabled"):
        cursor.execute("SELECT 1")
    client.delete_work_group(WorkGroup=name, RecursiveDeleteOption=True)


def test_a_session_with_keys(settings: dict[str, Any], db: harness.Driver) -> None:
    session = boto3.Session(
        aws_access_key_id=settings["aws_access_key_id"],
        aws_secret_access_key=settings["aws_secret_access_key"],
        region_name="us-east-1",
    )
    left = {
        name: value
        for name, value in settings.items()
        if not name.startswith("aws_") and name != "region_name"
    }
    db.settings = left
    connection = db.connect(session=session)
    assert connection.session is session
    assert connection.region_name == "us-east-1"
    assert db.of(connection).execute("SELECT 1").fetchall() == [(1,)]


def test_a_session_without_keys(
    settings: dict[str, Any], db: harness.Driver, aws_env: pytest.MonkeyPatch
) -> None:
    aws_env.setenv("AWS_EC2_METADATA_DISABLED", "true")
    cursor = db.of(db.connect(session=boto3.Session(region_name="us-east-1")))
    with pytest.raises(OperationalError, match="Unable to locate credentials"):
        cursor.execute("SELECT 1")


def test_a_session_with_wrong_keys(db: harness.Driver) -> None:
    session = boto3.Session(
        aws_access_key_id="AKIAWRONG", aws_secret_access_key="wrong", region_name="us-east-1"
    )
    with pytest.raises(DatabaseError, match="UnrecognizedClientException|InvalidSignature"):
        db.of(db.connect(session=session)).execute("SELECT 1")


def test_a_botocore_config(db: harness.Driver, server: athena_local.Server) -> None:
    from botocore.config import Config

    config = Config(
        region_name="us-east-1",
        connect_timeout=3,
        read_timeout=20,
        max_pool_connections=5,
        user_agent_extra="me/1",
        retries={"max_attempts": 2},
    )
    db.settings = {key: value for key, value in db.settings.items() if key != "region_name"}
    cursor = db.of(db.connect(config=config))
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_retries_of_a_botocore_config(db: harness.Driver, switched: athena_local.Server) -> None:
    from botocore.config import Config

    switched.switch(fail={"StartQueryExecution": {"count": 99, "status": 500}})
    with pytest.raises(DatabaseError, match="InternalServerException"):
        db.of(db.connect(config=Config(retries={"total_max_attempts": 2}))).execute("SELECT 1")
    assert switched.stats()["calls"]["StartQueryExecution"] == 2

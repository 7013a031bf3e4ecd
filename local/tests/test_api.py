"""The operations, asked through boto3."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from athena_local import Server, ServerError
from conftest import Runner, make_client

SLOW = "SELECT /* athena-local: run_seconds=20 */ 1"


def error(call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response: dict[str, Any] = caught.value.response
    return {
        **response["Error"],
        "status": response["ResponseMetadata"]["HTTPStatusCode"],
        **response,
    }


@pytest.fixture
def group(athena: Any) -> Iterator[str]:
    name = "wg-" + uuid.uuid4().hex[:10]
    athena.create_work_group(Name=name)
    yield name
    athena.delete_work_group(WorkGroup=name, RecursiveDeleteOption=True)


# -- signatures over the wire ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "AKIANOBODY0000000000"}, "UnrecognizedClientException"),
        ({"aws_session_token": "unasked"}, "UnrecognizedClientException"),
    ],
)
def test_signature_refused(server: Server, options: dict[str, str], code: str) -> None:
    found = error(make_client(server, **options).list_work_groups)
    assert (found["Code"], found["status"]) == (code, 400)


def test_signature_temporary_credentials(server: Server) -> None:
    client = make_client(
        server,
        aws_access_key_id="ASIATEMPORARY0000001",
        aws_secret_access_key="temporarysecret",
        aws_session_token="session-token",
    )
    assert client.list_work_groups()["WorkGroups"]


def test_signature_missing(server: Server) -> None:
    request = urllib.request.Request(server.url, data=b"{}", method="POST")
    request.add_header("X-Amz-Target", "AmazonAthena.ListWorkGroups")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 400
    assert json.load(caught.value)["__type"] == "MissingAuthenticationTokenException"
    assert caught.value.headers["x-amzn-RequestId"]
    assert caught.value.headers["Date"].endswith("GMT")


def test_clock_offset_expires_signatures(server: Server, athena: Any) -> None:
    server.switch(clock_offset=400)
    found = error(athena.list_work_groups)
    assert found["Code"] == "InvalidSignatureException"
    assert found["Message"].startswith("Signature expired")
    server.switch(clock_offset=-400)
    assert error(athena.list_work_groups)["Message"].startswith("Signature not yet current")


# -- start, status, stop ---------------------------------------------------------------------------


def test_query_execution_members(run: Runner, server: Server) -> None:
    found = run.execute("SELECT 1", ResultConfiguration={"OutputLocation": server.staging_dir})
    query_id = found["QueryExecutionId"]
    assert found["StatementType"] == "DML" and found["SubstatementType"] == "SELECT"
    assert found["ResultConfiguration"]["OutputLocation"] == f"{server.staging_dir}{query_id}.csv"
    assert found["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    status, statistics = found["Status"], found["Statistics"]
    assert status["CompletionDateTime"] >= status["SubmissionDateTime"]
    total = statistics["TotalExecutionTimeInMillis"]
    assert 0 <= statistics["EngineExecutionTimeInMillis"] <= total
    assert statistics["ResultReuseInformation"] == {"ReusedPreviousResult": False}


def test_start_is_idempotent(run: Runner) -> None:
    token = uuid.uuid4().hex
    first = run.start("SELECT 1", ClientRequestToken=token)
    assert run.start("SELECT 1", ClientRequestToken=token) == first
    found = error(
        run.client.start_query_execution,
        QueryString="SELECT 2",
        ClientRequestToken=token,
        ResultConfiguration={"OutputLocation": run.location},
    )
    assert found["Code"] == "InvalidRequestException"
    assert found["Message"] == "Idempotent parameters do not match"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"QueryString": "SELEC"}, "mismatched input 'SELEC'"),
        ({"QueryString": "SELECT 1 +"}, "line 1"),
        ({"QueryString": "SELECT '" + "é" * 131072 + "'"}, "262144"),
        ({"WorkGroup": "nosuch"}, "WorkGroup nosuch is not found."),
        ({"ResultConfiguration": {"OutputLocation": "http://x"}}, "outputLocation"),
        ({"ResultConfiguration": {"OutputLocation": "s3://nosuchbucket-x/"}}, "nosuchbucket-x"),
        ({"QueryString": "SELECT ?"}, "Incorrect number of parameters"),
        ({"ExecutionParameters": ["1"]}, "Incorrect number of parameters"),
        ({"QueryExecutionContext": {"Catalog": "nosuch"}}, "nosuch"),
        (
            {
                "ResultReuseConfiguration": {
                    "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 20000}
                }
            },
            "maxAgeInMinutes",
        ),
    ],
)
def test_start_refuses(run: Runner, arguments: dict[str, Any], text: str) -> None:
    defaults = {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": run.location}}
    found = error(run.client.start_query_execution, **{**defaults, **arguments})
    assert (found["Code"], found["status"]) == ("InvalidRequestException", 400)
    assert text in found["Message"]


def test_start_without_location(athena: Any) -> None:
    found = error(athena.start_query_execution, QueryString="SELECT 1")
    assert found["Message"].startswith("No output location provided.")


def test_start_takes_262144_bytes(run: Runner) -> None:
    sql = "SELECT '" + "x" * (262144 - 9) + "'"
    assert len(sql) == 262144
    assert len(run.rows(sql)[0][0] or "") == 262144 - 9


def test_validation_of_lengths(server: Server) -> None:
    unchecked = make_client(server, config=Config(parameter_validation=False))
    found = error(unchecked.get_query_execution, QueryExecutionId="")
    assert "Member must have length greater than or equal to 1" in found["Message"]
    found = error(unchecked.batch_get_query_execution, QueryExecutionIds=["x"] * 51)
    assert "Member must have length less than or equal to 50" in found["Message"]
    found = error(unchecked.get_query_results, QueryExecutionId="x", MaxResults=1001)
    assert "Member must have value less than or equal to 1000" in found["Message"]
    assert error(unchecked.start_query_execution, QueryString=5)["Code"] == "SerializationException"
    found = error(unchecked.start_query_execution, QueryString="S", ClientRequestToken="short")
    assert "clientRequestToken" in found["Message"]


def test_unknown_query(athena: Any) -> None:
    for call in (athena.get_query_execution, athena.stop_query_execution, athena.get_query_results):
        found = error(call, QueryExecutionId="nosuch")
        assert found["Message"] == "QueryExecution nosuch was not found"
        assert found["AthenaErrorCode"] == "INVALID_INPUT"


def test_unimplemented_operation(athena: Any) -> None:
    assert error(athena.list_capacity_reservations)["Code"] == "UnknownOperationException"


def test_batch_get_tells_unknown_ids(run: Runner) -> None:
    ids = [run.start("SELECT 1") for _ in range(3)]
    found = run.client.batch_get_query_execution(QueryExecutionIds=[*ids, "nosuch"])
    assert {q["QueryExecutionId"] for q in found["QueryExecutions"]} == set(ids)
    assert [u["QueryExecutionId"] for u in found["UnprocessedQueryExecutionIds"]] == ["nosuch"]


def test_run_seconds_directive_holds_the_state(run: Runner) -> None:
    query_id = run.start("SELECT /* athena-local: run_seconds=0.4 */ 1")
    begun = time.monotonic()
    assert run.wait(query_id, ("RUNNING",))["Status"]["State"] == "RUNNING"
    statistics = run.wait(query_id)["Statistics"]
    assert time.monotonic() - begun >= 0.3
    assert statistics["EngineExecutionTimeInMillis"] >= 400


def test_queue_seconds_directive(run: Runner) -> None:
    query_id = run.start("SELECT /* athena-local: queue_seconds=0.2 */ 1")
    execution = run.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
    assert execution["Status"]["State"] == "QUEUED"
    assert run.wait(query_id)["Statistics"]["QueryQueueTimeInMillis"] >= 200


def test_stop_running_directive_query(run: Runner) -> None:
    query_id = run.start(SLOW)
    run.wait(query_id, ("RUNNING",))
    run.client.stop_query_execution(QueryExecutionId=query_id)
    status = run.wait(query_id)["Status"]
    assert status["State"] == "CANCELLED"
    assert status["AthenaError"]["ErrorType"] == 1011
    run.client.stop_query_execution(QueryExecutionId=query_id)
    found = error(run.client.get_query_results, QueryExecutionId=query_id)
    assert found["AthenaErrorCode"] == "INVALID_QUERY_EXECUTION_STATE"


def test_stop_interrupts_the_engine(run: Runner) -> None:
    sql = "SELECT max(sin(a.a + b.a * c.a)) FROM many_rows a, many_rows b, many_rows c"
    query_id = run.start(sql)
    run.wait(query_id, ("RUNNING",))
    time.sleep(0.1)
    run.client.stop_query_execution(QueryExecutionId=query_id)
    begun = time.monotonic()
    assert run.wait(query_id)["Status"]["State"] == "CANCELLED"
    assert time.monotonic() - begun < 5


def test_stop_queued_query(run: Runner) -> None:
    query_id = run.start("SELECT /* athena-local: queue_seconds=20 */ 1")
    run.client.stop_query_execution(QueryExecutionId=query_id)
    assert run.wait(query_id)["Status"]["State"] == "CANCELLED"


def test_stop_finished_query_does_nothing(run: Runner) -> None:
    query_id = run.execute("SELECT 1")["QueryExecutionId"]
    run.client.stop_query_execution(QueryExecutionId=query_id)
    assert run.wait(query_id)["Status"]["State"] == "SUCCEEDED"


def test_result_reuse(run: Runner) -> None:
    reuse = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}
    sql = f"SELECT '{uuid.uuid4().hex}' AS x"
    first = run.execute(sql)
    second = run.execute(sql, ResultReuseConfiguration=reuse)
    assert second["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"] is True
    assert second["QueryExecutionId"] != first["QueryExecutionId"]
    location = first["ResultConfiguration"]["OutputLocation"]
    assert second["ResultConfiguration"]["OutputLocation"] == location
    assert len(run.results(second["QueryExecutionId"])["ResultSet"]["Rows"]) == 2
    third = run.execute("SELECT now()", ResultReuseConfiguration=reuse)
    assert third["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"] is False


def test_list_query_executions_pages_newest_first(run: Runner, group: str) -> None:
    ids = [run.start("SELECT 1", WorkGroup=group) for _ in range(5)]
    page = run.client.list_query_executions(WorkGroup=group, MaxResults=2)
    assert page["QueryExecutionIds"] == ids[:2:-1]
    run.start("SELECT 2", WorkGroup=group)
    token = page["NextToken"]
    page = run.client.list_query_executions(WorkGroup=group, MaxResults=2, NextToken=token)
    assert page["QueryExecutionIds"] == [ids[2], ids[1]]


def test_runtime_statistics(run: Runner) -> None:
    query_id = run.execute("SELECT * FROM many_rows")["QueryExecutionId"]
    found = run.client.get_query_runtime_statistics(QueryExecutionId=query_id)
    statistics = found["QueryRuntimeStatistics"]
    assert statistics["Rows"]["OutputRows"] == 10_000
    assert statistics["OutputStage"]["State"] == "FINISHED"
    assert "TotalExecutionTimeInMillis" in statistics["Timeline"]


# -- results ---------------------------------------------------------------------------------------


def test_results_pages(run: Runner) -> None:
    query_id = run.execute("SELECT * FROM many_rows ORDER BY a")["QueryExecutionId"]
    first = run.results(query_id, MaxResults=1000)
    rows = [row["Data"][0]["VarCharValue"] for row in first["ResultSet"]["Rows"]]
    assert rows[0] == "a" and len(rows) == 1000
    token, values = first["NextToken"], rows[1:]
    while token:
        page = run.results(query_id, MaxResults=1000, NextToken=token)
        values += [row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]]
        token = page.get("NextToken")
    assert values == [str(n) for n in range(10_000)]


def test_results_exact_last_page_has_no_token(run: Runner) -> None:
    sql = "SELECT a FROM many_rows WHERE a < 9"
    query_id = run.execute(sql)["QueryExecutionId"]
    assert "NextToken" not in run.results(query_id, MaxResults=10)
    assert "NextToken" in run.results(query_id, MaxResults=9)


def test_results_bad_token(run: Runner) -> None:
    one = run.execute("SELECT * FROM many_rows")["QueryExecutionId"]
    two = run.execute("SELECT * FROM many_rows")["QueryExecutionId"]
    token = run.results(one, MaxResults=5)["NextToken"]
    for bad in ("x", token + "x", token):
        found = error(run.client.get_query_results, QueryExecutionId=two, NextToken=bad)
        assert found["Code"] == "InvalidRequestException"


def test_results_before_the_end(run: Runner) -> None:
    query_id = run.start(SLOW)
    found = error(run.client.get_query_results, QueryExecutionId=query_id)
    assert "has not yet finished" in found["Message"]
    run.client.stop_query_execution(QueryExecutionId=query_id)


def test_results_null_has_no_value(run: Runner) -> None:
    query_id = run.execute("SELECT '' AS a, CAST(NULL AS varchar) AS b")["QueryExecutionId"]
    row = run.results(query_id)["ResultSet"]["Rows"][1]
    assert row["Data"] == [{"VarCharValue": ""}, {}]


def test_results_gone_from_s3(run: Runner, s3: Any, server: Server) -> None:
    filler = "SELECT rpad('x', 2000000, 'x')"  # more than stays in memory from the start
    execution = run.execute(filler)
    key = execution["ResultConfiguration"]["OutputLocation"].partition(server.bucket + "/")[2]
    s3.delete_object(Bucket=server.bucket, Key=key)
    query_id = execution["QueryExecutionId"]
    found = error(run.client.get_query_results, QueryExecutionId=query_id)
    assert found["Message"].startswith("Could not find results")


def test_result_objects(run: Runner, s3: Any, server: Server) -> None:
    execution = run.execute("SELECT 1 AS a, 'x\"y' AS b, NULL AS c")
    location = execution["ResultConfiguration"]["OutputLocation"]
    key = location.partition(server.bucket + "/")[2]
    assert s3.get_object(Bucket=server.bucket, Key=key)["Body"].read() == (
        b'"a","b","c"\n"1","x""y",\n'
    )
    data = s3.get_object(Bucket=server.bucket, Key=key + ".metadata")["Body"].read()
    assert b"integer" in data and b"varchar" in data


def test_update_counts(run: Runner, database: str) -> None:
    sql = "CREATE TABLE t AS SELECT a FROM default.many_rows WHERE a < 7"
    ctas = run.execute(sql, database)
    answer = run.results(ctas["QueryExecutionId"])
    assert answer["UpdateCount"] == 7 and answer["ResultSet"]["Rows"] == []
    columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(c["Name"], c["Type"]) for c in columns] == [("rows", "bigint")]
    insert = run.execute("INSERT INTO t VALUES (100), (101)", database)
    assert run.results(insert["QueryExecutionId"])["UpdateCount"] == 2
    manifest = run.results(insert["QueryExecutionId"], QueryResultType="DATA_MANIFEST")
    assert manifest["ResultSet"]["Rows"][0]["Data"][0]["VarCharValue"].startswith("s3://")
    select = run.execute("SELECT 1")["QueryExecutionId"]
    error(run.client.get_query_results, QueryExecutionId=select, QueryResultType="DATA_MANIFEST")


# -- catalogue -------------------------------------------------------------------------------------


def test_catalogue_operations(run: Runner, athena: Any, database: str) -> None:
    for name in ("aa1", "aa2", "bb1"):
        run.execute(
            f"CREATE EXTERNAL TABLE {name} (x array<struct<y:int>> COMMENT 'c') "
            f"PARTITIONED BY (p string) LOCATION 's3://b/{name}/'",
            database,
        )
    catalogs = athena.list_data_catalogs()["DataCatalogsSummary"]
    assert [c["CatalogName"] for c in catalogs] == ["AwsDataCatalog"]
    assert athena.get_data_catalog(Name="AwsDataCatalog")["DataCatalog"]["Type"] == "GLUE"
    home = {"CatalogName": "AwsDataCatalog"}
    names = [d["Name"] for d in athena.list_databases(**home)["DatabaseList"]]
    assert {"default", database} <= set(names)
    assert athena.get_database(**home, DatabaseName=database)["Database"]["Name"] == database
    where = {**home, "DatabaseName": database}
    page = athena.list_table_metadata(**where, MaxResults=2)
    rest = athena.list_table_metadata(**where, MaxResults=2, NextToken=page["NextToken"])
    listed = page["TableMetadataList"] + rest["TableMetadataList"]
    assert [t["Name"] for t in listed] == ["aa1", "aa2", "bb1"] and "NextToken" not in rest
    matching = athena.list_table_metadata(**where, Expression="aa.*")["TableMetadataList"]
    assert [t["Name"] for t in matching] == ["aa1", "aa2"]
    table = athena.get_table_metadata(**where, TableName="AA1")["TableMetadata"]
    assert table["Columns"] == [{"Name": "x", "Type": "array<struct<y:int>>", "Comment": "c"}]
    assert table["PartitionKeys"] == [{"Name": "p", "Type": "string"}]
    assert table["Parameters"]["location"] == "s3://b/aa1"
    found = error(athena.get_table_metadata, **where, TableName="nosuch")
    assert found["Code"] == "MetadataException"
    assert error(athena.get_database, **home, DatabaseName="nosuch")["Code"] == "MetadataException"


# -- work groups, prepared statements --------------------------------------------------------------


def test_work_group_life(athena: Any, group: str) -> None:
    assert error(athena.create_work_group, Name=group)["Message"] == "WorkGroup is already created"
    names = [g["Name"] for g in athena.list_work_groups()["WorkGroups"]]
    assert {"primary", group} <= set(names)
    athena.update_work_group(WorkGroup=group, State="DISABLED", Description="d")
    found = athena.get_work_group(WorkGroup=group)["WorkGroup"]
    assert (found["State"], found["Description"]) == ("DISABLED", "d")
    refused = error(athena.start_query_execution, QueryString="SELECT 1", WorkGroup=group)
    assert "disabled" in refused["Message"]
    assert error(athena.delete_work_group, WorkGroup="primary")["status"] == 400


def test_work_group_enforces_its_location(run: Runner, athena: Any, server: Server) -> None:
    name = "wg-" + uuid.uuid4().hex[:10]
    location = f"s3://{server.bucket}/enforced/"
    athena.create_work_group(
        Name=name, Configuration={"ResultConfiguration": {"OutputLocation": location}}
    )
    execution = run.execute("SELECT 1", WorkGroup=name)
    assert execution["ResultConfiguration"]["OutputLocation"].startswith(location)
    athena.update_work_group(
        WorkGroup=name, ConfigurationUpdates={"EnforceWorkGroupConfiguration": False}
    )
    execution = run.execute("SELECT 1", WorkGroup=name)
    assert execution["ResultConfiguration"]["OutputLocation"].startswith(run.location)
    removal = {"ResultConfigurationUpdates": {"RemoveOutputLocation": True}}
    athena.update_work_group(WorkGroup=name, ConfigurationUpdates=removal)
    configuration = athena.get_work_group(WorkGroup=name)["WorkGroup"]["Configuration"]
    assert configuration["ResultConfiguration"] == {}
    athena.delete_work_group(WorkGroup=name, RecursiveDeleteOption=True)


def test_work_group_with_managed_results(athena: Any, server: Server) -> None:
    name = "wg-" + uuid.uuid4().hex[:10]
    managed = {"ManagedQueryResultsConfiguration": {"Enabled": True}}
    athena.create_work_group(Name=name, Configuration=managed)
    answer = athena.start_query_execution(QueryString="SELECT 5", WorkGroup=name)
    query_id = answer["QueryExecutionId"]
    execution = Runner(athena, "").wait(query_id)
    assert execution["ManagedQueryResultsConfiguration"]["Enabled"] is True
    assert "ResultConfiguration" not in execution
    rows = athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
    assert rows[1]["Data"] == [{"VarCharValue": "5"}]
    athena.delete_work_group(WorkGroup=name, RecursiveDeleteOption=True)


def test_prepared_statements(run: Runner, athena: Any, group: str) -> None:
    where = {"WorkGroup": group, "StatementName": "my_stmt"}
    athena.create_prepared_statement(**where, QueryStatement="SELECT ? + ?")
    assert athena.get_prepared_statement(**where)["PreparedStatement"]["QueryStatement"]
    assert run.rows("EXECUTE my_stmt USING 1, 2", WorkGroup=group) == [["3"]]
    parameters = {"WorkGroup": group, "ExecutionParameters": ["4", "5"]}
    assert run.rows("EXECUTE my_stmt", **parameters) == [["9"]]
    athena.update_prepared_statement(**where, QueryStatement="SELECT 'new'")
    assert run.rows("EXECUTE my_stmt", WorkGroup=group) == [["new"]]
    listed = athena.list_prepared_statements(WorkGroup=group)["PreparedStatements"]
    assert [p["StatementName"] for p in listed] == ["my_stmt"]
    athena.delete_prepared_statement(**where)
    found = error(athena.get_prepared_statement, **where)
    assert found["Code"] == "ResourceNotFoundException"
    run.execute("PREPARE other FROM SELECT ?", WorkGroup=group)
    assert run.rows("EXECUTE other USING 'x'", WorkGroup=group) == [["x"]]
    run.execute("DEALLOCATE PREPARE other", WorkGroup=group)
    assert athena.list_prepared_statements(WorkGroup=group)["PreparedStatements"] == []


# -- switches --------------------------------------------------------------------------------------


def test_throttle_switch(server: Server, athena: Any) -> None:
    server.switch(throttle={"ListWorkGroups": {"rate": 0.001, "burst": 2}})
    athena.list_work_groups()
    athena.list_work_groups()
    found = error(athena.list_work_groups)
    assert (found["Code"], found["Message"], found["status"]) == (
        "ThrottlingException",
        "Rate exceeded",
        400,
    )
    athena.list_data_catalogs()
    assert server.stats()["refused"]["ListWorkGroups"] == {"ThrottlingException": 1}


def test_active_limit_switch(server: Server, run: Runner) -> None:
    query_id = run.start(SLOW)
    server.switch(active_limit=1)
    with pytest.raises(ClientError) as caught:
        run.start("SELECT 1")
    assert caught.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert caught.value.response["Reason"] == "CONCURRENT_QUERY_LIMIT_EXCEEDED"
    run.client.stop_query_execution(QueryExecutionId=query_id)
    run.wait(query_id)
    run.execute("SELECT 1")


def test_refuse_switch(server: Server, athena: Any) -> None:
    server.switch(refuse=["BatchGetQueryExecution"])
    found = error(athena.batch_get_query_execution, QueryExecutionIds=["x"])
    assert found["Code"] == "AccessDeniedException"
    assert "athena:BatchGetQueryExecution" in found["Message"]


def test_fail_switch(server: Server, athena: Any) -> None:
    server.switch(fail={"ListWorkGroups": {"count": 2, "status": 500}})
    for _ in range(2):
        found = error(athena.list_work_groups)
        assert (found["status"], found["Code"]) == (500, "InternalServerException")
    athena.list_work_groups()


def test_fail_switch_cuts_the_connection(server: Server, athena: Any) -> None:
    server.switch(fail={"ListWorkGroups": {"status": 0}})
    with pytest.raises((HTTPClientError, EndpointConnectionError)):
        athena.list_work_groups()
    athena.list_work_groups()


def test_latency_switch(server: Server, athena: Any) -> None:
    server.switch(latency={"ListWorkGroups": 0.2})
    begun = time.monotonic()
    athena.list_work_groups()
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize(
    "switches",
    [
        {"nosuch": 1},
        {"throttle": 5},
        {"throttle": {"X": {"rate": "a"}}},
        {"latency": {"X": -1}},
        {"refuse": "X"},
        {"active_limit": "x"},
        {"fail": {"X": {"nosuch": 1}}},
    ],
)
def test_switch_refuses_nonsense(server: Server, switches: dict[str, Any]) -> None:
    with pytest.raises(ServerError):
        server.switch(**switches)


def test_admin_wants_json_and_loopback_names(server: Server) -> None:
    url = server.url + "/_athena_local/switches"
    for headers in ({"Content-Type": "text/plain"}, {"Host": "evil.example:80"}):
        request = urllib.request.Request(url, data=b'{"reset":true}', headers=headers)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code in (400, 403)


def test_stats_tell_timelines(server: Server, run: Runner) -> None:
    query_id = run.execute("SELECT 1")["QueryExecutionId"]
    stats = server.stats()
    assert stats["calls"]["StartQueryExecution"] >= 1
    line = next(q for q in stats["queries"] if q["id"] == query_id)
    assert line["submitted"] <= line["started"] <= line["completed"]

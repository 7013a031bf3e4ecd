"""A server for the session, and a small client to ask it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from athena_local import Server

FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server with the seeded tables; tests share it."""
    options = ["--temporary=ASIATEMPORARY0000001:temporarysecret:session-token"]
    with Server(seed=True, allow_directives=True, options=options) as running:
        yield running


@pytest.fixture(autouse=True)
def no_switches(request: pytest.FixtureRequest) -> Iterator[None]:
    """Switches of one test never reach the next."""
    yield
    if "server" in request.fixturenames:
        request.getfixturevalue("server").switch(reset=True)


def make_client(server: Server, service: str = "athena", **options: Any) -> Any:
    """A boto3 client for a server."""
    settings = {
        "endpoint_url": server.url if service == "athena" else server.s3_url,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
        "region_name": server.region,
        "config": boto3.session.Config(retries={"total_max_attempts": 1}),
    }
    if server.ca_file and service == "athena":
        settings["verify"] = server.ca_file
    return boto3.session.Session().client(service, **{**settings, **options})


@pytest.fixture(scope="session")
def athena(server: Server) -> Any:
    return make_client(server)


@pytest.fixture(scope="session")
def s3(server: Server) -> Any:
    return make_client(server, "s3")


class Runner:
    """Starts queries and waits for them."""

    def __init__(self, client: Any, location: str) -> None:
        self.client = client
        self.location = location

    def start(self, sql: str, database: str = "default", **options: Any) -> str:
        options.setdefault("ResultConfiguration", {"OutputLocation": self.location})
        options["QueryExecutionContext"] = {"Database": database}
        answer = self.client.start_query_execution(QueryString=sql, **options)
        return str(answer["QueryExecutionId"])

    def wait(self, query_id: str, states: tuple[str, ...] = FINAL) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = self.client.get_query_execution(QueryExecutionId=query_id)
            execution: dict[str, Any] = answer["QueryExecution"]
            if execution["Status"]["State"] in states:
                return execution
            time.sleep(0.005)
        raise AssertionError(f"query {query_id} did not reach {states}")

    def execute(self, sql: str, database: str = "default", **options: Any) -> dict[str, Any]:
        execution = self.wait(self.start(sql, database, **options))
        status = execution["Status"]
        assert status["State"] == "SUCCEEDED", status.get("StateChangeReason")
        return execution

    def fail(self, sql: str, database: str = "default") -> str:
        status = self.wait(self.start(sql, database))["Status"]
        assert status["State"] == "FAILED", sql
        return str(status["StateChangeReason"])

    def results(self, query_id: str, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get_query_results(QueryExecutionId=query_id, **options)
        return answer

    def rows(self, sql: str, database: str = "default", **options: Any) -> list[list[str | None]]:
        """The rows without the header."""
        execution = self.execute(sql, database, **options)
        answer = self.results(execution["QueryExecutionId"])
        rows = [[d.get("VarCharValue") for d in r["Data"]] for r in answer["ResultSet"]["Rows"]]
        has_header = execution["ResultConfiguration"]["OutputLocation"].endswith(".csv")
        return rows[1:] if has_header else rows

    def types(self, sql: str) -> list[tuple[str, str, int, int]]:
        execution = self.execute(sql)
        answer = self.results(execution["QueryExecutionId"])
        columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        return [(c["Name"], c["Type"], c["Precision"], c["Scale"]) for c in columns]


@pytest.fixture(scope="session")
def run(athena: Any, server: Server) -> Runner:
    return Runner(athena, server.staging_dir)


@pytest.fixture
def database(run: Runner) -> Iterator[str]:
    """A database of a test's own."""
    name = "db_" + uuid.uuid4().hex[:12]
    run.execute(f"CREATE DATABASE {name}")
    yield name
    run.execute(f"DROP DATABASE {name} CASCADE")


@pytest.fixture
def prefix(server: Server, s3: Any) -> Callable[..., str]:
    """Puts objects below a prefix of the test's own; returns its URI."""
    base = f"t/{uuid.uuid4().hex}/"

    def put(**objects: bytes) -> str:
        for name, data in objects.items():
            s3.put_object(Bucket=server.bucket, Key=base + name.replace("__", "/"), Body=data)
        return f"s3://{server.bucket}/{base}"

    return put

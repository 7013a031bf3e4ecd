"""Tests of athena-stub itself. Run with ATHENA_STUB set to the program, or after a build with
-Dbench=true: pytest bench/stub"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import Stub, find_stub  # noqa: E402


class Client:
    """Plain calls to the stub."""

    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.url = f"http://127.0.0.1:{stub.port}"

    def call(self, api: str, **body: Any) -> dict[str, Any]:
        headers = {"X-Amz-Target": f"AmazonAthena.{api}"}
        request = urllib.request.Request(self.url + "/", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def refusal(self, api: str, **body: Any) -> dict[str, Any]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.call(api, **body)
        assert caught.value.code == 400
        return json.load(caught.value)

    def start(self, sql: str, **body: Any) -> str:
        return self.call("StartQueryExecution", QueryString=sql, **body)["QueryExecutionId"]

    def state(self, query: str) -> str:
        execution = self.call("GetQueryExecution", QueryExecutionId=query)["QueryExecution"]
        return execution["Status"]["State"]

    def pages(self, query: str, size: int) -> list[list[list[str | None]]]:
        pages, token = [], {}
        while True:
            page = self.call("GetQueryResults", QueryExecutionId=query, MaxResults=size, **token)
            rows = page["ResultSet"]["Rows"]
            pages.append([[cell.get("VarCharValue") for cell in row["Data"]] for row in rows])
            if "NextToken" not in page:
                return pages
            token = {"NextToken": page["NextToken"]}

    def object(self, query: str, **headers: str) -> tuple[int, bytes, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.url}/bucket/a/{query}.csv", headers=named)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    binary = os.environ.get("ATHENA_STUB") or find_stub()
    assert binary, "athena-stub is not built: meson setup -Dbench=true, or set ATHENA_STUB"
    running = Stub(Path(binary))
    yield running
    running.close()


@pytest.fixture
def client(stub: Stub) -> Client:
    stub.reset(latency_ms=0, s3_latency_ms=0, s3_mbps=0, active_limit=0)
    return Client(stub)


def csv_rows(text: str) -> list[list[str | None]]:
    """Reads Athena's CSV, where nothing between commas is NULL and "" is the empty string."""
    rows, row, at = [], [], 0
    while at < len(text):
        value = None
        if text[at] == '"':
            value, at = "", at + 1
            while True:
                end = text.index('"', at)
                value += text[at:end]
                at = end + 1
                if text[at] != '"':
                    break
                value, at = value + '"', at + 1
        row.append(value)
        if text[at] == "\n":
            rows.append(row)
            row = []
        at += 1
    return rows


@pytest.mark.parametrize("shape, width", [("mixed", 10), ("nested", 12)])
def test_object_and_pages_have_the_same_rows(client: Client, shape: str, width: int) -> None:
    query = client.start(f"SELECT 1 -- run_ms=0 rows=17001 shape={shape}")
    pages = client.pages(query, 1000)
    assert [len(page) for page in pages] == [1000] * 17 + [2]
    rows = [row for page in pages for row in page]
    assert rows[0][:3] == ["id", "quantity", "price"]
    assert {len(row) for row in rows} == {width}
    status, body, _ = client.object(query)
    assert status == 200
    assert csv_rows(body.decode()) == rows
    values = {cell for row in rows for cell in row}
    assert None in values and "" in values and "日本語のテキスト" in values


def test_pages_of_any_size_are_the_same_rows(client: Client) -> None:
    query = client.start("SELECT 1 -- run_ms=0 rows=50 cols=13")
    whole = client.pages(query, 1000)[0]
    assert sum(client.pages(query, 7), []) == whole
    assert len(whole) == 51 and len(set(whole[0])) == 13


def test_ranges_are_parts_of_the_object(client: Client) -> None:
    query = client.start("SELECT 1 -- run_ms=0 rows=40000")
    _, body, headers = client.object(query)
    picks = random.Random(7)
    for _ in range(20):
        first = picks.randrange(len(body))
        last = picks.randrange(first, len(body))
        answer = client.object(query, Range=f"bytes={first}-{last}", If_Match=headers["ETag"])
        assert answer[:2] == (206, body[first : last + 1])
        assert answer[2]["Content-Range"] == f"bytes {first}-{last}/{len(body)}"
    assert client.object(query, Range="bytes=-9")[:2] == (206, body[-9:])
    assert client.object(query, Range="bytes=39-")[:2] == (206, body[39:])
    assert client.object(query, Range=f"bytes={len(body)}-")[0] == 416
    assert client.object(query, If_Match='"other"')[0] == 412
    assert client.object(query[:-1] + "f")[0] == 404


def test_paced_object_is_whole(client: Client) -> None:
    query = client.start("SELECT 1 -- run_ms=0 rows=5000")
    body = client.object(query)[1]
    client.stub.configure(s3_mbps=20)
    assert client.object(query)[1] == body


def test_states_and_stop(client: Client) -> None:
    query = client.start("SELECT 1 -- run_ms=600000")
    assert client.state(query) == "QUEUED"
    refusal = client.refusal("GetQueryResults", QueryExecutionId=query)
    assert "Current state: QUEUED" in refusal["Message"]
    assert client.object(query)[0] == 404
    client.call("StopQueryExecution", QueryExecutionId=query)
    assert client.state(query) == "CANCELLED"
    assert client.state(client.start("SELECT 1 -- run_ms=0 fail=1")) == "FAILED"
    assert client.state(client.start("SELECT 1 -- run_ms=0")) == "SUCCEEDED"


def test_token_starts_once(client: Client) -> None:
    token = "t" * 36
    query = client.start("SELECT 1", ClientRequestToken=token)
    assert client.start("SELECT 1", ClientRequestToken=token) == query
    assert (
        client.refusal("StartQueryExecution", QueryString="SELECT 2", ClientRequestToken=token)[
            "__type"
        ]
        == "InvalidRequestException"
    )


def test_bad_directive_is_refused(client: Client) -> None:
    refusal = client.refusal("StartQueryExecution", QueryString="SELECT 1 -- rows=many")
    assert refusal["Message"].startswith("rows must be")


def test_batch_names_unknown_ids(client: Client) -> None:
    query = client.start("SELECT 1 -- run_ms=0")
    answer = client.call("BatchGetQueryExecution", QueryExecutionIds=["nobody", query])
    assert [item["QueryExecutionId"] for item in answer["QueryExecutions"]] == [query]
    unknown = answer["UnprocessedQueryExecutionIds"]
    assert [item["QueryExecutionId"] for item in unknown] == ["nobody"]


def test_quota_refuses_and_counts(client: Client) -> None:
    client.stub.reset(quota="none", quotas={"ListDatabases": [0.001, 2]})
    client.call("ListDatabases", CatalogName="c")
    client.call("ListDatabases", CatalogName="c")
    refusal = client.refusal("ListDatabases", CatalogName="c")
    assert refusal == {"__type": "ThrottlingException", "message": "Rate exceeded"}
    stats = client.stub.stats()
    assert (stats["calls"]["ListDatabases"], stats["refused"]["ListDatabases"]) == (3, 1)


def test_active_limit_refuses_with_its_reason(client: Client) -> None:
    client.stub.reset(active_limit=1)
    query = client.start("SELECT 1 -- run_ms=600000")
    refusal = client.refusal("StartQueryExecution", QueryString="SELECT 1")
    assert refusal["Reason"] == "CONCURRENT_QUERY_LIMIT_EXCEEDED"
    client.call("StopQueryExecution", QueryExecutionId=query)
    client.start("SELECT 1")


def test_bad_switch_changes_nothing(client: Client) -> None:
    with pytest.raises(urllib.error.HTTPError):
        client.stub.reset(latency_ms=50, nonsense=1)
    assert client.stub.configure()["latency_ms"] == 0


def test_stub_ends_on_terminate() -> None:
    binary = os.environ.get("ATHENA_STUB") or find_stub()
    process = subprocess.Popen([binary], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline()
    process.terminate()
    assert process.wait(timeout=10) == 0

"""Tests of athena-stub itself. Run with ATHENA_STUB set to the program, or after a build with
-Dbench=true: pytest bench/stub"""

from __future__ import annotations

import json
import os
import random
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

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


# -- S3


class S3:
    """Plain S3 requests to the stub; path is "bucket/key"."""

    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.url = f"http://127.0.0.1:{stub.port}"
        self.context: ssl.SSLContext | None = None

    def send(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.url}/{path}", body, named, method=method)
        try:
            with urllib.request.urlopen(request, context=self.context) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    def texts(self, document: bytes, name: str) -> list[str]:
        """The texts of all elements of a name."""
        tree = ElementTree.fromstring(document)
        return [e.text or "" for e in tree.iter() if e.tag.rpartition("}")[2] == name]

    def code(self, answer: tuple[int, bytes, Any]) -> tuple[int, str]:
        return answer[0], self.texts(answer[1], "Code")[0]

    def upload(self, path: str, sizes: list[int], **headers: str) -> tuple[int, bytes, Any]:
        """A multipart upload of zeros, or by copied parts when headers name a source."""
        upload = self.texts(self.send("POST", f"{path}?uploads")[1], "UploadId")[0]
        parts, at = "", 0
        for number, size in enumerate(sizes, 1):
            more = dict(headers)
            if headers:
                more["x_amz_copy_source_range"] = f"bytes={at}-{at + size - 1}"
            body = b"" if headers else bytes(size)
            answer = self.send("PUT", f"{path}?partNumber={number}&uploadId={upload}", body, **more)
            assert answer[0] == 200
            etag = self.texts(answer[1], "ETag")[0] if headers else answer[2]["ETag"]
            parts += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            at += size
        document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
        return self.send("POST", f"{path}?uploadId={upload}", document.encode())

    def pages(self, bucket: str, **query: str) -> list[bytes]:
        """All pages of a listing."""
        pages, more = [], {}
        while True:
            words = urllib.parse.urlencode({"list-type": "2", **query, **more})
            status, body, _ = self.send("GET", f"{bucket}?{words}")
            assert status == 200
            pages.append(body)
            if self.texts(body, "IsTruncated") == ["false"]:
                return pages
            more = {"continuation-token": self.texts(body, "NextContinuationToken")[0]}


@pytest.fixture
def s3(client: Client) -> S3:
    return S3(client.stub)


MIB = 1 << 20


def test_generated_object_is_the_same_by_ranges(s3: S3) -> None:
    size = 3 * MIB + 17
    status, body, headers = s3.send("GET", f"b/gen/{size}/a")
    assert (status, len(body)) == (200, size)
    assert s3.send("GET", f"b/gen/{size}/a")[1] == body
    assert s3.send("GET", f"b/gen/{size}/other")[1] != body
    assert body[:MIB] != body[MIB : 2 * MIB]
    for first, last in ((0, 0), (MIB - 5, MIB + 50), (size - 1, size - 1), (5, size + 9)):
        answer = s3.send(
            "GET", f"b/gen/{size}/a", Range=f"bytes={first}-{last}", If_Match=headers["ETag"]
        )
        assert answer[:2] == (206, body[first : last + 1])
    assert s3.code(s3.send("GET", f"b/gen/{size}/a", If_Match='"x"')) == (412, "PreconditionFailed")
    assert s3.code(s3.send("GET", f"b/gen/{size}/a", Range=f"bytes={size}-")) == (
        416,
        "InvalidRange",
    )
    s3.stub.configure(s3_mbps=60)
    assert s3.send("GET", f"b/gen/{size}/a")[1] == body


def test_generated_object_may_be_huge(s3: S3) -> None:
    size = 6 << 30
    status, _, headers = s3.send("HEAD", f"b/gen/{size}/a")
    assert (status, headers["Content-Length"]) == (200, str(size))
    tail = s3.send("GET", f"b/gen/{size}/a", Range="bytes=-100")
    assert tail[2]["Content-Range"] == f"bytes {size - 100}-{size - 1}/{size}"
    assert s3.send("GET", f"b/gen/{size}/a", Range=f"bytes={size - 60}-")[1] == tail[1][40:]


def test_empty_object(s3: S3) -> None:
    assert s3.send("GET", "b/gen/0/a")[:2] == (200, b"")
    assert s3.send("GET", "b/gen/0/a", Range="bytes=0-5")[0] == 416


def test_keys_without_object(s3: S3) -> None:
    for key in ("gen/5", "gen/5/", "gen/x/a", "gen/-1/a", "list/10/part-00000010.parquet", "none"):
        assert s3.code(s3.send("GET", f"b/{key}")) == (404, "NoSuchKey")
    assert s3.send("HEAD", "b/none")[0] == 404


def test_small_object_is_kept(s3: S3) -> None:
    status, _, headers = s3.send("PUT", "b/a%20b/%C3%BC", b"hello")
    assert status == 200
    answer = s3.send("GET", "b/a%20b/%C3%BC", If_Match=headers["ETag"])
    assert answer[:2] == (200, b"hello")
    assert s3.send("GET", "b/a%20b/%C3%BC", Range="bytes=1-2")[:2] == (206, b"el")
    assert s3.code(s3.send("PUT", "b/a%20b/%C3%BC", b"x", If_None_Match="*"))[0] == 412
    assert s3.stub.stats()["received"] == 5
    assert s3.send("DELETE", "b/a%20b/%C3%BC")[0] == 204
    assert s3.send("GET", "b/a%20b/%C3%BC")[0] == 404


def test_chunked_payload_is_unwrapped(s3: S3) -> None:
    body = b"5;chunk-signature=00\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n"
    s3.send("PUT", "b/k", body, x_amz_decoded_content_length="11", Content_Encoding="aws-chunked")
    assert s3.send("GET", "b/k")[1] == b"hello world"


def test_large_object_is_counted_only(s3: S3) -> None:
    assert s3.send("PUT", "b/large", bytes(2 * MIB))[0] == 200
    assert s3.send("HEAD", "b/large")[2]["Content-Length"] == str(2 * MIB)
    assert s3.code(s3.send("GET", "b/large")) == (501, "NotImplemented")
    stats = s3.stub.stats()
    assert (stats["received"], stats["objects"]) == (2 * MIB, 1)


def test_multipart_upload(s3: S3) -> None:
    assert s3.upload("b/m", [5 * MIB, 6 * MIB, 7])[0] == 200
    assert s3.send("HEAD", "b/m")[2]["Content-Length"] == str(11 * MIB + 7)
    stats = s3.stub.stats()
    assert (stats["uploads"], stats["received"]) == (0, 11 * MIB + 7)
    assert s3.code(s3.upload("b/m", [5, 6])) == (400, "EntityTooSmall")
    assert s3.stub.stats()["uploads"] == 1
    assert stats["calls"]["S3.UploadPart"] == 3


def test_upload_is_aborted_and_unknown_ones_are_refused(s3: S3) -> None:
    upload = s3.texts(s3.send("POST", "b/m?uploads")[1], "UploadId")[0]
    other = s3.send("PUT", f"b/other?partNumber=1&uploadId={upload}", b"x")
    assert s3.code(other) == (404, "NoSuchUpload")
    assert s3.send("PUT", f"b/m?partNumber=10001&uploadId={upload}", b"x")[0] == 400
    missing = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part>"
    answer = s3.send("POST", f"b/m?uploadId={upload}", missing)
    assert s3.code(answer) == (400, "InvalidPart")
    assert s3.send("DELETE", f"b/m?uploadId={upload}")[0] == 204
    assert s3.send("DELETE", f"b/m?uploadId={upload}")[0] == 404
    assert s3.send("HEAD", "b/m")[0] == 404


def test_copy(s3: S3) -> None:
    body = s3.send("GET", "b/gen/5000/a")[1]
    assert s3.send("PUT", "c/copy", x_amz_copy_source="/b/gen%2F5000/a")[0] == 200
    assert s3.send("GET", "c/copy")[1] == body
    missing = s3.send("PUT", "c/copy", x_amz_copy_source="b/none")
    assert s3.code(missing) == (404, "NoSuchKey")
    huge = s3.send("PUT", "c/huge", x_amz_copy_source=f"b/gen/{6 << 30}/a")
    assert s3.code(huge) == (400, "InvalidRequest")


def test_copy_by_parts(s3: S3) -> None:
    source = f"b/gen/{6 << 30}/a"
    answer = s3.upload("c/huge", [1 << 30] * 6, x_amz_copy_source=source)
    assert answer[0] == 200
    assert s3.send("HEAD", "c/huge")[2]["Content-Length"] == str(6 << 30)
    assert s3.stub.stats()["calls"]["S3.UploadPartCopy"] == 6
    upload = s3.texts(s3.send("POST", "c/m?uploads")[1], "UploadId")[0]
    outside = s3.send(
        "PUT",
        f"c/m?partNumber=1&uploadId={upload}",
        x_amz_copy_source="b/gen/10/a",
        x_amz_copy_source_range="bytes=5-10",
    )
    assert outside[0] == 400


def test_objects_have_no_tags_and_other_sub_resources_are_refused(s3: S3) -> None:
    status, body, _ = s3.send("GET", "b/gen/10/a?tagging")
    assert (status, s3.texts(body, "Tag")) == (200, [])
    assert s3.code(s3.send("GET", "b/gen/10/a?acl")) == (501, "NotImplemented")


def test_list_of_generated_keys(s3: S3) -> None:
    pages = s3.pages("b", prefix="list/2500/")
    keys = [key for page in pages for key in s3.texts(page, "Key")]
    assert [len(s3.texts(page, "Key")) for page in pages] == [1000, 1000, 500]
    assert keys == sorted(set(keys)) and keys[0] == "list/2500/part-00000000.parquet"
    assert len(s3.send("GET", f"b/{keys[-1]}")[1]) == 4096
    few = s3.pages("b", **{"prefix": "list/2500/part-0000001", "max-keys": "7"})
    assert [len(s3.texts(page, "Key")) for page in few] == [7, 3]
    late = s3.pages("b", **{"prefix": "list/2500/", "start-after": keys[2497]})
    assert s3.texts(late[0], "Key") == keys[2498:]


def test_list_of_written_keys(s3: S3) -> None:
    for key in ("a/1", "a/2", "b%2Bc", "d/1&x"):
        s3.send("PUT", f"b/{key}", b"x")
    s3.send("PUT", "c/a/3", b"x")
    assert [s3.texts(page, "Key") for page in s3.pages("b", **{"max-keys": "3"})] == [
        ["a/1", "a/2", "b+c"],
        ["d/1&x"],
    ]
    encoded = s3.pages("b", **{"encoding-type": "url"})[0]
    assert s3.texts(encoded, "Key") == ["a/1", "a/2", "b%2Bc", "d/1%26x"]
    folders = s3.pages("b", **{"delimiter": "/", "max-keys": "1"})
    assert [s3.texts(page, "Prefix") for page in folders] == [["a/"], [], ["d/"]]
    assert [s3.texts(page, "Key") for page in folders] == [[], ["b+c"], []]
    assert s3.texts(s3.pages("b", prefix="a/")[0], "Size") == ["1", "1"]


@pytest.mark.parametrize("quiet", [False, True])
def test_delete_of_many(s3: S3, quiet: bool) -> None:
    s3.send("PUT", "b/d&1", b"x")
    keys = ["d&amp;1", *(f"list/5000/part-{number:08}.parquet" for number in range(999))]
    names = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    document = f"<Delete>{names}<Quiet>{str(quiet).lower()}</Quiet></Delete>"
    status, body, _ = s3.send("POST", "b?delete", document.encode())
    assert status == 200
    assert len(s3.texts(body, "Key")) == (0 if quiet else 1000)
    assert s3.send("HEAD", "b/d&1")[0] == 404
    assert s3.stub.stats()["deleted"] == 1000
    document = document.replace("<Quiet>", "<Object><Key>x</Key></Object><Quiet>")
    assert s3.code(s3.send("POST", "b?delete", document.encode())) == (400, "MalformedXML")


def test_latency_and_rate_of_a_connection(s3: S3) -> None:
    s3.stub.configure(s3_latency_ms=50)
    started = time.monotonic()
    s3.send("PUT", "b/k", b"x")
    assert time.monotonic() - started >= 0.05
    s3.stub.configure(s3_latency_ms=0, s3_mbps=20)
    started = time.monotonic()
    s3.send("PUT", "b/k", bytes(2_000_000))
    assert time.monotonic() - started >= 0.09
    started = time.monotonic()
    s3.send("GET", "b/gen/2000000/k")
    assert time.monotonic() - started >= 0.09
    s3.stub.configure(s3_mbps=0)


def test_quota_answers_slow_down(s3: S3) -> None:
    s3.stub.reset(quotas={"S3.PutObject": [0.001, 1]})
    assert s3.send("PUT", "b/k", b"x")[0] == 200
    assert s3.code(s3.send("PUT", "b/k", b"x")) == (503, "SlowDown")
    assert s3.stub.stats()["refused"]["S3.PutObject"] == 1


def test_tls(s3: S3) -> None:
    body = s3.send("GET", "b/gen/3000000/a")[1]
    s3.url = f"https://127.0.0.1:{s3.stub.tls_port}"
    s3.context = ssl.create_default_context(cafile=str(s3.stub.certificate))
    assert s3.send("GET", "b/gen/3000000/a")[1] == body
    assert s3.send("PUT", "b/k", bytes(3000000))[0] == 200
    assert s3.send("HEAD", "b/k")[2]["Content-Length"] == "3000000"
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        s3.context = ssl.create_default_context()
        s3.send("GET", "b/gen/1/a")


def test_certificate_without_key_is_refused() -> None:
    binary = os.environ.get("ATHENA_STUB") or find_stub()
    done = subprocess.run([binary, "--certificate", "x.pem"], capture_output=True, timeout=10)
    assert done.returncode == 2

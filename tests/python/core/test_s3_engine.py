"""S3 through the extension module with the library itself, against a small S3 in a thread."""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from fakelib import load

core = load("_core")


class Store(ThreadingHTTPServer):
    """Objects in memory; a GET waits while ``gate`` is closed, and then sends half first."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the midst of an answer is what some tests are about."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def etag_of(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def log_message(self, *args: Any) -> None:
        pass

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[: len(body) // 2])
        self.server.asked.set()
        self.server.gate.wait(20)
        self.wfile.write(body[len(body) // 2 :])

    def split(self) -> tuple[str, dict[str, list[str]]]:
        address = urlsplit(self.path)
        return unquote(address.path), parse_qs(address.query, keep_blank_values=True)

    def do_GET(self) -> None:
        key, query = self.split()
        if "list-type" in query:
            return self.list(query)
        data = self.server.objects.get(key)
        if data is None:
            return self.reply(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")
        headers = {"ETag": etag_of(data), "x_amz_meta_name": "value"}
        if "Range" not in self.headers:
            return self.reply(200, data, **headers)
        first, last = (int(n or len(data)) for n in self.headers["Range"][6:].split("-"))
        if first >= len(data):
            return self.reply(416, b"", Content_Range=f"bytes */{len(data)}")
        part = data[first : last + 1]
        headers["Content_Range"] = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        return self.reply(206, part, **headers)

    do_HEAD = do_GET

    def list(self, query: dict[str, list[str]]) -> None:
        after = query.get("continuation-token", [""])[0]
        names = sorted(key[3:] for key in self.server.objects)
        names = [name for name in names if name > after and name.startswith(query["prefix"][0])]
        page = names[: int(query.get("max-keys", ["1000"])[0])]
        items = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>2024-02-29T00:00:00.500Z"
            f"</LastModified><ETag>{escape(etag_of(self.server.objects['/b/' + name]))}</ETag>"
            f"<Size>{len(self.server.objects['/b/' + name])}</Size>"
            f"<StorageClass>STANDARD</StorageClass></Contents>"
            for name in page
        )
        more = ""
        if len(page) < len(names):
            more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
            more += "<IsTruncated>true</IsTruncated>"
        body = f"<ListBucketResult>{items}{more}</ListBucketResult>"
        self.reply(200, body.encode())

    def do_PUT(self) -> None:
        key, query = self.split()
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if "partNumber" in query:
            self.server.uploads[query["uploadId"][0]][int(query["partNumber"][0])] = data
        elif "x-amz-copy-source" in self.headers:
            data = self.server.objects["/" + unquote(self.headers["x-amz-copy-source"]).lstrip("/")]
            self.server.objects[key] = data
            body = f"<CopyObjectResult><ETag>{escape(etag_of(data))}</ETag></CopyObjectResult>"
            return self.reply(200, body.encode())
        else:
            self.server.objects[key] = data
        return self.reply(200, ETag=etag_of(data))

    def do_POST(self) -> None:
        key, query = self.split()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "uploads" in query:
            id_ = f"upload-{len(self.server.uploads)}"
            self.server.uploads[id_] = {}
            answer = f"<UploadId>{id_}</UploadId>"
            answer = f"<InitiateMultipartUploadResult>{answer}</InitiateMultipartUploadResult>"
        elif "uploadId" in query:
            parts = self.server.uploads[query["uploadId"][0]]
            data = b"".join(part for _, part in sorted(parts.items()))
            self.server.objects[key] = data
            answer = f"<ETag>{escape(etag_of(data))}</ETag>"
            answer = f"<CompleteMultipartUploadResult>{answer}</CompleteMultipartUploadResult>"
        else:
            assert b"<Key>locked</Key>" in body
            answer = "<Error><Key>locked</Key><Code>AccessDenied</Code><Message>m</Message></Error>"
            answer = f"<DeleteResult>{answer}</DeleteResult>"
        self.reply(200, answer.encode())


@pytest.fixture
def store() -> Iterator[Store]:
    server = Store()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(store: Store) -> Any:
    return client_of(store.url)


def client_of(url: str) -> Any:
    return core.Client(
        region="us-east-1", s3_endpoint_url=url, access_key_id="id", secret_access_key="key"
    )


def done(query: Any) -> Any:
    assert query.wait(core.WAIT_DONE, 20) == core.WAIT_DONE
    assert query.error() is None
    return query


def read_all(query: Any, take: Any) -> list[Any]:
    """All chunks or pages."""
    parts = []
    while True:
        ended = query.done
        part = take()
        if part is not None:
            parts.append(part)
        elif ended:
            return parts
        else:
            query.wait(core.WAIT_BATCH, 20)


DATA = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(200_000))


def test_calls(store: Store, client: Any) -> None:
    store.objects["/b/a b+ä"] = DATA[:1000]
    head = done(client.s3_call(None, "HeadObject", "HEAD", "b", "a b+ä"))
    assert head.s3_status == 200
    assert head.s3_header("CONTENT-LENGTH") == "1000"
    assert ("x-amz-meta-name", "value") in head.s3_headers()
    ranged = [("Range", "bytes=10-19")]
    call = done(client.s3_call(None, "GetObject", "GET", "b", "a b+ä", headers=ranged))
    assert (call.s3_status, call.s3_body()) == (206, DATA[10:20])
    into = bytearray(1000)
    call = done(client.s3_call(None, "GetObject", "GET", "b", "a b+ä", into=into))
    assert (bytes(into), call.s3_body()) == (DATA[:1000], b"")
    done(client.s3_call(None, "PutObject", "PUT", "b", "new", body=memoryview(DATA)[5:25]))
    assert store.objects["/b/new"] == DATA[5:25]
    missing = client.s3_call(None, "GetObject", "GET", "b", "missing")
    missing.wait(core.WAIT_DONE, 20)
    error = missing.error()
    assert (error["code"], error["http_status"]) == (core.ERR_NOT_FOUND, 404)
    assert (error["operation"], error["service_code"]) == ("GetObject", "NoSuchKey")


def test_events_come_by_a_queue(store: Store, client: Any) -> None:
    store.objects["/b/k"] = DATA[:100]
    queue = core.Queue()
    queries = [client.s3_call(queue, "GetObject", "GET", "b", "k") for _ in range(20)]
    left = {query.token for query in queries}
    while left:
        assert queue.wait(20)
        for type_, code, token, _ in queue.drain():
            assert (type_, code) == (core.EVENT_DONE, 0)
            left.remove(token)
    assert all(query.s3_body() == DATA[:100] for query in queries)


def test_refused_by_the_library(client: Any) -> None:
    for start in (
        lambda: client.s3_call(None, "GetObject", "PATCH", "b"),
        lambda: client.s3_call(None, "GetObject", "GET", "b", "k" * 1025),
        lambda: client.s3_call(None, "GetObject", "GET", "b", headers=[("Host", "x")]),
        lambda: client.s3_get(None, "b", ""),
        lambda: client.s3_get(None, "b", "k", length=10, into=bytearray(9)),
        lambda: client.s3_put(None, "b", "k", body=b"x", stream=True),
        lambda: client.s3_list(None, 99, "b"),
    ):
        with pytest.raises(core.CoreError) as info:
            start()
        assert info.value.code == core.ERR_INVALID
    with pytest.raises(core.CoreError) as info:
        client.s3_put(None, "b", "k", path="/nonexistent/file")
    assert info.value.code == core.ERR_NOT_FOUND


@pytest.mark.parametrize("parts", [0, 1 << 20])
def test_get_ways(store: Store, client: Any, parts: int) -> None:
    store.objects["/b/k"] = DATA
    options = {"part_bytes": parts}
    into = bytearray(len(DATA))
    query = done(client.s3_get(None, "b", "k", into=into, **options))
    assert (into, query.s3_size, query.s3_transferred) == (DATA, len(DATA), len(DATA))
    query = done(client.s3_get(None, "b", "k", offset=7, allocate=len(DATA), **options))
    assert query.s3_take() == DATA[7:]
    stream = client.s3_get(None, "b", "k", offset=3, length=5_000_000, **options)
    chunks = read_all(stream, stream.s3_chunk)
    assert b"".join(chunks) == DATA[3:5_000_003]
    ranged = [("Range", "bytes=0-299999")]
    head = done(client.s3_call(None, "GetObject", "GET", "b", "k", headers=ranged))
    rest = client.s3_get(
        None, "b", "k", offset=300_000, allocate=len(DATA), head=head,
        if_match=head.s3_header("etag"), **options,
    )  # fmt: skip
    del head
    assert done(rest).s3_take() == DATA


def test_put_ways(store: Store, client: Any, tmp_path: Path) -> None:
    done(client.s3_put(None, "b", "small", body=DATA[:100]))
    done(client.s3_put(None, "b", "large", body=DATA, part_bytes=5 << 20))
    path = tmp_path / "file"
    path.write_bytes(DATA)
    done(client.s3_put(None, "b", "file", path=str(path)))
    stream = client.s3_put(None, "b", "stream", stream=True, part_bytes=5 << 20)
    view = memoryview(DATA)
    for at in range(0, len(DATA), 700_000):
        while not stream.s3_write(view[at : at + 700_000]):
            stream.wait(core.WAIT_BATCH, 20)
    stream.s3_end()
    done(stream)
    done(client.s3_copy(None, "b", "small", "b", "copy"))
    expected = {"small": DATA[:100], "copy": DATA[:100]}
    expected.update(large=DATA, file=DATA, stream=DATA)
    assert {key: store.objects["/b/" + key] for key in expected} == expected


def test_list_and_delete(store: Store, client: Any) -> None:
    store.objects.update({f"/b/p/{i:04}": b"x" * (i % 7) for i in range(2500)})
    store.objects["/b/other"] = b""
    query = client.s3_list(None, core.S3_LIST_OBJECTS, "b", prefix="p/")
    entries = [entry for page in read_all(query, query.s3_page) for entry in page]
    assert [entry[1] for entry in entries] == [f"p/{i:04}" for i in range(2500)]
    assert entries[2] == (
        core.S3_OBJECT, "p/0002", 2, etag_of(b"xx"), 1709164800.5, "STANDARD", None, False, 0,
        None, None, None,
    )  # fmt: skip
    deletion = done(client.s3_delete(None, "b", ["a", "locked"]))
    assert deletion.s3_failures() == [("locked", "", "AccessDenied", "m")]


def test_presign(client: Any, store: Store) -> None:
    url = client.s3_presign("GET", "b", "ä b", expires=60, query=[("versionId", "1")])
    address = urlsplit(url)
    assert unquote(address.path) == "/b/ä b"
    query = parse_qs(address.query)
    assert (query["versionId"], query["X-Amz-Expires"]) == (["1"], ["60"])
    with pytest.raises(core.CoreError) as info:
        client.s3_presign("GET", "b", "k", expires=604_801)
    assert info.value.code == core.ERR_INVALID


# -- operations that are given up while their memory is written ------------------------------------


@pytest.mark.parametrize("way", ["drop", "detach", "cancel", "shutdown"])
def test_memory_comes_back_from_a_transfer_under_way(store: Store, client: Any, way: str) -> None:
    store.objects["/b/k"] = DATA
    store.gate.clear()
    into = bytearray(len(DATA))
    queries = [
        client.s3_get(None, "b", "k", into=into),
        client.s3_get(None, "b", "k", allocate=len(DATA)),
        client.s3_call(None, "GetObject", "GET", "b", "k", into=memoryview(into)),
    ]
    assert store.asked.wait(20)
    time.sleep(0.02)  # into the midst of the bodies
    with pytest.raises(BufferError):
        into.clear()
    begin = time.monotonic()
    for query in queries:
        if way == "detach":
            query.detach()
        elif way == "cancel":
            query.cancel()
            assert query.wait(core.WAIT_DONE, 20) == core.WAIT_DONE
            assert query.error()["code"] == core.ERR_CANCELLED
    if way == "shutdown":
        core.shutdown(1)
        codes = {query.error()["code"] for query in queries}
        assert codes <= {core.ERR_SHUTDOWN, core.ERR_CANCELLED}
    if way == "drop":
        del query, queries
    into.clear()  # nobody holds it
    assert time.monotonic() - begin < 5
    store.gate.set()


def test_a_dropped_body_is_held_while_it_is_sent(store: Store, client: Any) -> None:
    for _ in range(10):
        body = bytearray(DATA)
        query = client.s3_put(None, "b", "k", body=body)
        time.sleep(0.002)
        del query
        body[:] = b"\0" * len(body)
        body.clear()


def test_a_cycle_under_way_is_collected(store: Store, client: Any) -> None:
    store.objects["/b/k"] = DATA
    store.gate.clear()

    class Memory(bytearray):
        pass

    memory = Memory(len(DATA))
    memory.query = client.s3_get(None, "b", "k", into=memory)
    assert store.asked.wait(20)
    del memory
    assert gc.collect() > 0


def test_process_ends_with_a_transfer_under_way(store: Store) -> None:
    store.objects["/b/k"] = DATA
    store.gate.clear()
    script = (
        f"import sys, time; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_s3_engine as module\n"
        f"client = module.client_of({store.url!r})\n"
        "into = bytearray(len(module.DATA))\n"
        "kept = client.s3_get(None, 'b', 'k', into=into)\n"
        "bytes_ = client.s3_get(None, 'b', 'k', allocate=len(module.DATA))\n"
        "time.sleep(0.1)\n"
        "sys.modules['kept'] = (kept, bytes_)\n"
    )
    begin = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert time.monotonic() - begin < 20

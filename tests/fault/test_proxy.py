"""The fault proxy itself, against the standard library's HTTP server and client."""

from __future__ import annotations

import http.client
import http.server
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from proxy import Answer, Fault, Request, Rule, ThreadedFaultProxy, parse_fault

BODY = b"0123456789" * 10


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"a\r\n0123456789\r\n5\r\nabcde\r\n0\r\n\r\n")
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)
        self.wfile.flush()
        self.server.bodies.append(body)  # type: ignore[attr-defined]

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    it = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    it.daemon_threads = True
    it.bodies = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=it.serve_forever, args=(0.01,))
    thread.start()
    yield it
    it.shutdown()
    it.server_close()
    thread.join()


@pytest.fixture
def proxy(server: http.server.ThreadingHTTPServer) -> Iterator[ThreadedFaultProxy]:
    with ThreadedFaultProxy("127.0.0.1", server.server_port) as it:
        yield it


def connect(proxy: ThreadedFaultProxy) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)


def post(
    connection: http.client.HTTPConnection, target: str = "AmazonAthena.Get", path: str = "/"
) -> bytes:
    connection.request("POST", path, body=b"body", headers={"X-Amz-Target": target})
    return connection.getresponse().read()


def test_pass_keeps_connection(proxy: ThreadedFaultProxy) -> None:
    connection = connect(proxy)
    for _ in range(3):
        assert post(connection) == BODY
    assert post(connection, path="/chunked") == b"0123456789abcde"
    connection.close()
    assert len(proxy.connections) == 1
    assert proxy.connections[0].targets == ["AmazonAthena.Get"] * 4
    assert proxy.connections[0].faults == []


@pytest.mark.parametrize("direction", ["request", "response"])
def test_dribble_changes_nothing(
    proxy: ThreadedFaultProxy, server: http.server.ThreadingHTTPServer, direction: str
) -> None:
    proxy.add(Rule(Fault("dribble", direction=direction)))  # type: ignore[arg-type]
    connection = connect(proxy)
    assert post(connection) == BODY
    assert post(connection, path="/chunked") == b"0123456789abcde"
    connection.close()
    assert server.bodies == [b"body", b"body"]  # type: ignore[attr-defined]


def test_cut_in_answer_by_target(proxy: ThreadedFaultProxy) -> None:
    proxy.add(Rule(Fault("cut", after=150), target="Break", times=1))
    connection = connect(proxy)
    assert post(connection, "AmazonAthena.Other") == BODY
    with pytest.raises(http.client.IncompleteRead):
        post(connection, "AmazonAthena.Break")
    connection.close()
    connection = connect(proxy)
    assert post(connection, "AmazonAthena.Break") == BODY
    connection.close()


def test_cut_at_once_in_request(
    proxy: ThreadedFaultProxy, server: http.server.ThreadingHTTPServer
) -> None:
    proxy.add(Rule(Fault("cut", after=10, direction="request"), connection=0))
    connection = connect(proxy)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        post(connection)
    connection.close()
    assert server.bodies == []  # type: ignore[attr-defined]
    connection = connect(proxy)
    assert post(connection) == BODY
    connection.close()


@pytest.mark.parametrize("kind", ["reset", "refuse"])
def test_reset_is_seen_as_reset(proxy: ThreadedFaultProxy, kind: str) -> None:
    proxy.add(Rule(Fault(kind), connection=0))  # type: ignore[arg-type]
    connection = connect(proxy)
    with pytest.raises(ConnectionError):
        post(connection)
    connection.close()
    assert [fault.kind for fault in proxy.connections[0].faults] == [kind]


def test_stall_keeps_connection_open(proxy: ThreadedFaultProxy) -> None:
    proxy.add(Rule(Fault("stall", after=20)))
    connection = connect(proxy)
    connection.request("POST", "/", body=b"body")
    assert connection.sock is not None
    got = b""
    while len(got) < 20:
        got += connection.sock.recv(20 - len(got))
    connection.sock.settimeout(0.05)
    with pytest.raises(TimeoutError):
        connection.sock.recv(1)
    connection.close()


def test_half_close_still_reads(proxy: ThreadedFaultProxy) -> None:
    proxy.add(Rule(Fault("half_close", after=20)))
    connection = connect(proxy)
    connection.request("POST", "/", body=b"body")
    sock = connection.sock
    assert sock is not None
    got = b""
    while data := sock.recv(100):
        got += data
    assert len(got) == 20
    sock.sendall(b"still taken")
    connection.close()


@pytest.mark.parametrize("delta", [-10, 10])
def test_content_length_is_changed(proxy: ThreadedFaultProxy, delta: int) -> None:
    proxy.add(Rule(Fault("content_length", delta=delta), skip=1))
    connection = connect(proxy)
    assert post(connection) == BODY
    if delta < 0:
        assert post(connection) == BODY[:delta]
    else:
        with pytest.raises(http.client.IncompleteRead):
            post(connection)
    connection.close()


def test_delay_passes_everything(proxy: ThreadedFaultProxy) -> None:
    proxy.add(Rule(Fault("delay", seconds=0.01)))
    connection = connect(proxy)
    assert post(connection) == BODY
    connection.close()
    assert proxy.connections[0].faults == [Fault("delay", seconds=0.01)]


def test_only_the_first_bytes_dribble(proxy: ThreadedFaultProxy) -> None:
    proxy.add(Rule(Fault("dribble", after=7)))
    connection = connect(proxy)
    assert post(connection) == BODY
    assert post(connection, path="/chunked") == b"0123456789abcde"
    connection.close()


def test_cut_counts_from_the_body_on(proxy: ThreadedFaultProxy) -> None:
    proxy.add(Rule(Fault("cut", after=30, in_body=True)))
    connection = connect(proxy)
    with pytest.raises(http.client.IncompleteRead) as caught:
        post(connection)
    assert caught.value.partial == BODY[:30]
    connection.close()


def test_cut_in_the_requests_body(
    proxy: ThreadedFaultProxy, server: http.server.ThreadingHTTPServer
) -> None:
    proxy.add(Rule(Fault("cut", after=2, direction="request", in_body=True), connection=0))
    connection = connect(proxy)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        post(connection)
    connection.close()


def test_answer_does_not_ask_the_server(
    proxy: ThreadedFaultProxy, server: http.server.ThreadingHTTPServer
) -> None:
    answer = Answer(503, b"slow", (("X-Told-By", "the proxy"),))
    proxy.add(Rule(Fault("answer", answer=answer), times=1))
    connection = connect(proxy)
    connection.request("POST", "/", body=b"body")
    response = connection.getresponse()
    assert (response.status, response.read()) == (503, b"slow")
    assert response.getheader("X-Told-By") == "the proxy"
    assert server.bodies == []  # type: ignore[attr-defined]
    assert post(connection) == BODY  # on the same connection
    connection.close()
    assert len(proxy.connections) == 1


@pytest.mark.parametrize("path", ["/", "/chunked"])
def test_replace_asks_the_server(
    proxy: ThreadedFaultProxy, server: http.server.ThreadingHTTPServer, path: str
) -> None:
    proxy.add(Rule(Fault("replace", answer=Answer(500, b"no")), times=1))
    connection = connect(proxy)
    assert post(connection, path=path) == b"no"
    assert post(connection) == BODY
    assert server.bodies[0] == b"body"  # type: ignore[attr-defined]
    connection.close()


@pytest.mark.parametrize(("path", "whole"), [("/", BODY), ("/chunked", b"0123456789abcde")])
def test_truncate_says_how_much_is_left(proxy: ThreadedFaultProxy, path: str, whole: bytes) -> None:
    proxy.add(Rule(Fault("truncate", delta=-4), times=1))
    connection = connect(proxy)
    assert post(connection, path=path) == whole[:-4]
    assert post(connection, path=path) == whole
    connection.close()


def test_call_runs_before_the_request(
    proxy: ThreadedFaultProxy, server: http.server.ThreadingHTTPServer
) -> None:
    seen: list[list[bytes]] = []

    def call() -> None:
        seen.append(list(server.bodies))  # type: ignore[attr-defined]

    proxy.add(Rule(Fault("call", call=call), times=1))
    connection = connect(proxy)
    for _ in range(2):
        assert post(connection) == BODY
    connection.close()
    assert seen == [[]]


def test_a_rule_by_operation(proxy: ThreadedFaultProxy) -> None:
    proxy.add(Rule(Fault("answer", answer=Answer(404)), operation="CompleteMultipartUpload"))
    connection = connect(proxy)
    assert post(connection, path="/bucket/key?uploads") == BODY
    assert post(connection, path="/bucket/key?uploadId=x") == b""
    connection.close()


@pytest.mark.parametrize(
    ("line", "copies", "operation"),
    [
        ("GET /", False, "ListBuckets"),
        ("GET /b?list-type=2&prefix=a", False, "ListObjectsV2"),
        ("GET /b?uploads&prefix=a", False, "ListMultipartUploads"),
        ("GET /b?versions", False, "ListObjectVersions"),
        ("HEAD /b", False, "HeadBucket"),
        ("PUT /b", False, "CreateBucket"),
        ("DELETE /b", False, "DeleteBucket"),
        ("POST /b?delete", False, "DeleteObjects"),
        ("GET /b/k/l", False, "GetObject"),
        ("HEAD /b/k", False, "HeadObject"),
        ("PUT /b/k", False, "PutObject"),
        ("PUT /b/k", True, "CopyObject"),
        ("DELETE /b/k", False, "DeleteObject"),
        ("POST /b/k?uploads=", False, "CreateMultipartUpload"),
        ("PUT /b/k?partNumber=1&uploadId=x", False, "UploadPart"),
        ("PUT /b/k?partNumber=1&uploadId=x", True, "UploadPartCopy"),
        ("POST /b/k?uploadId=x", False, "CompleteMultipartUpload"),
        ("DELETE /b/k?uploadId=x", False, "AbortMultipartUpload"),
        ("GET /b/k?uploadId=x", False, "ListParts"),
    ],
)
def test_operations_of_s3(line: str, copies: bool, operation: str) -> None:
    method, _, path = line.partition(" ")
    head = b"\r\nx-amz-copy-source: b/k\r\n\r\n" if copies else b"\r\n\r\n"
    assert Request(method, path, "", head, 0).operation == operation


def test_stop_listening_refuses(proxy: ThreadedFaultProxy) -> None:
    connection = connect(proxy)
    assert post(connection) == BODY
    proxy.stop_listening()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=20)
    assert post(connection) == BODY
    proxy.start()
    proxy.drop_connections()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        post(connection)
    connection.close()
    connection = connect(proxy)
    assert post(connection) == BODY
    connection.close()


def test_other_protocols_are_carried(server: http.server.ThreadingHTTPServer) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with ThreadedFaultProxy("127.0.0.1", listener.getsockname()[1]) as proxy:
        proxy.add(Rule(Fault("cut", after=3), connection=1))
        for expected in (b"\x16answer", b"\x16an"):
            sock = socket.create_connection(("127.0.0.1", proxy.port), timeout=20)
            sock.sendall(b"\x16\x03")
            peer, _ = listener.accept()
            assert peer.recv(2, socket.MSG_WAITALL) == b"\x16\x03"
            peer.sendall(b"\x16answer")
            peer.shutdown(socket.SHUT_WR)
            got = b""
            while data := sock.recv(100):
                got += data
            assert got == expected
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            sock.close()
    listener.close()


def test_bad_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="explode"):
        Fault("explode")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="explode"):
        parse_fault("explode:1", "response")
    with pytest.raises(ValueError, match="negative"):
        Fault("cut", after=-1)
    with pytest.raises(ValueError, match="answer"):
        Fault("answer")
    with pytest.raises(ValueError, match="call"):
        Fault("cut", call=lambda: None)
    with pytest.raises(ValueError, match="answer"):
        parse_fault("answer", "response")
    assert parse_fault("cut:7", "request") == Fault("cut", after=7, direction="request")
    assert parse_fault("delay:0.5", "response").seconds == 0.5
    assert parse_fault("content_length:-3", "response").delta == -3
    assert parse_fault("truncate:-3", "response") == Fault("truncate", delta=-3)

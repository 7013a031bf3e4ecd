"""The HTTP server, byte by byte."""

from __future__ import annotations

import asyncio

import pytest

from athena_local.httpserver import (
    BadRequest,
    Connection,
    Request,
    Response,
    parse_head,
    take_chunked,
)


async def talk(*parts: bytes, pause: float = 0.0) -> bytes:
    """Sends bytes to an echo server; returns all that it answers until it closes."""

    def handle(request: Request) -> Response:
        return Response(200, request.method.encode() + b":" + request.body)

    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(handle, connections), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        server.close()


def exchange(*parts: bytes, pause: float = 0.0) -> bytes:
    return asyncio.run(talk(*parts, pause=pause))


LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def test_connection_keeps_alive_and_pipelines() -> None:
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
    answer = exchange(one + one + LAST)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b"POST:ab") == 2
    assert answer.endswith(b"GET:")


def test_connection_takes_a_request_in_pieces() -> None:
    answer = exchange(
        b"POST / HT",
        b"TP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n",
        b"\r\nab",
        b"cd",
        pause=0.01,
    )
    assert answer.endswith(b"POST:abcd")


def test_connection_decodes_chunks() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert exchange(head + b"2\r\nab\r\n", b"1;x=y\r\nc\r\n0\r\n\r\n").endswith(b"POST:abc")


def test_connection_answers_100_continue() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n"
    answer = exchange(head + b"Connection: close\r\n\r\n", b"z", pause=0.05)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_connection_http_1_0_closes() -> None:
    assert exchange(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n").endswith(b"GET:")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70000, 431),
    ],
)
def test_connection_refuses(data: bytes, status: int) -> None:
    assert exchange(data).startswith(b"HTTP/1.1 %d " % status)


def test_parse_head_joins_repeated_headers() -> None:
    request = parse_head(b"GET /a?b=c HTTP/1.1\r\nX: 1\r\nx: 2")
    assert (request.path, request.query, request.headers) == ("/a", "b=c", {"x": "1,2"})


@pytest.mark.parametrize("data", [b"zz\r\n", b"-1\r\n", b"2\r\nabXX", b"0\r\nTrailer: x\r\n\r\n"])
def test_take_chunked_malformed(data: bytes) -> None:
    with pytest.raises(BadRequest):
        take_chunked(bytearray(data), 0)


def test_take_chunked_wants_more() -> None:
    assert take_chunked(bytearray(b"5\r\nab"), 0) is None
    assert take_chunked(bytearray(b"1\r\na\r\n0\r\n"), 0) is None

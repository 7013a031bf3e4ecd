"""A small HTTP/1.1 server: keep-alive, pipelining, Content-Length and chunked bodies, limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

log = logging.getLogger("athena_local.httpserver")

MAX_HEAD = 64 * 1024
MAX_BODY = 4 * 1024 * 1024
IDLE_SECONDS = 120.0
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 408: "Timeout"}
_REASONS |= {405: "Method Not Allowed", 413: "Content Too Large", 431: "Headers Too Large"}
_REASONS |= {500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable"}


@dataclass
class Request:
    """A request with lower-case header names; repeated headers are joined by a comma."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""
    peer: str = ""
    keep_alive: bool = True


@dataclass
class Response:
    """An answer. ``abort`` closes the connection without one (a dead peer, for tests)."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    abort: bool = False


Handler = Callable[[Request], "Response | Awaitable[Response]"]


class BadRequest(Exception):
    """The bytes are not an HTTP/1.1 request that we take."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def parse_head(head: bytes) -> Request:
    """Parses request line and headers (``head`` ends before the empty line)."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(400, "malformed request line")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400, "malformed header line")
        name, value = name.lower(), value.strip()
        if name in headers and name in ("content-length", "host", "authorization"):
            raise BadRequest(400, f"repeated header {name}")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    path, _, query = parts[1].partition("?")
    connection = headers.get("connection", "").lower()
    keep = "close" not in connection if parts[2] == "HTTP/1.1" else "keep-alive" in connection
    return Request(parts[0], path, query, headers, keep_alive=keep)


def body_length(request: Request) -> int | None:
    """Bytes of the body, or None when it is chunked."""
    coding = request.headers.get("transfer-encoding")
    length = request.headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise BadRequest(400, "unsupported transfer encoding")
        return None
    if length is None:
        return 0
    if not length.isascii() or not length.isdigit() or len(length) > 10:
        raise BadRequest(400, "malformed content length")
    if int(length) > MAX_BODY:
        raise BadRequest(413, "request body too large")
    return int(length)


def take_chunked(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """Decodes a chunked body at ``start``; (body, end) or None when more bytes are needed."""
    body = bytearray()
    position = start
    while True:
        end = buffer.find(b"\r\n", position)
        if end < 0:
            if len(buffer) - position > 1024:
                raise BadRequest(400, "malformed chunk size")
            return None
        digits = bytes(buffer[position:end]).split(b";")[0].strip()
        try:
            size = int(digits, 16) if digits.isalnum() else -1
        except ValueError:
            size = -1
        if size < 0 or len(body) + size > MAX_BODY:
            raise BadRequest(413 if size > 0 else 400, "malformed or too large chunk")
        position = end + 2
        if size == 0:
            end = buffer.find(b"\r\n", position)
            if end < 0:
                return None
            if end != position:
                raise BadRequest(400, "trailers are not supported")
            return bytes(body), end + 2
        if len(buffer) < position + size + 2:
            return None
        body += buffer[position : position + size]
        if buffer[position + size : position + size + 2] != b"\r\n":
            raise BadRequest(400, "malformed chunk")
        position += size + 2


class Connection(asyncio.Protocol):
    """One client connection; requests are answered one after the other."""

    def __init__(self, handler: Handler, connections: set[Connection]) -> None:
        self._handler = handler
        self._connections = connections
        self._buffer = bytearray()
        self._head: Request | None = None
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._continued = False
        self._peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        self._connections.add(self)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None
        if self._idle is not None:
            self._idle.cancel()

    def close(self) -> None:
        """Closes the connection; an answer on the way is still written."""
        if self._transport is not None:
            self._transport.close()

    def _arm(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._expire)

    def _expire(self) -> None:
        if self._task is None:
            self.close()
        else:
            self._arm()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None:
            self._advance()

    def _advance(self) -> None:
        try:
            while self._task is None and self._transport is not None:
                request = self._next_request()
                if request is None:
                    return
                self._serve(request)
        except BadRequest as error:
            self._write(Response(error.status, f"{error}\n".encode()), False)

    def _next_request(self) -> Request | None:
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    raise BadRequest(431, "request head too large")
                return None
            if end > MAX_HEAD:
                raise BadRequest(431, "request head too large")
            self._head = parse_head(bytes(self._buffer[:end]))
            self._head.peer = self._peer
            del self._buffer[: end + 4]
            self._continued = False
        request = self._head
        length = body_length(request)
        if length is None:
            taken = take_chunked(self._buffer, 0)
            if taken is None:
                self._send_continue(request)
                return None
            request.body, length = taken
        elif len(self._buffer) < length:
            self._send_continue(request)
            return None
        else:
            request.body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._head = None
        return request

    def _send_continue(self, request: Request) -> None:
        if not self._continued and request.headers.get("expect", "").lower() == "100-continue":
            self._continued = True
            if self._transport is not None:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _serve(self, request: Request) -> None:
        answer = self._handler(request)
        if isinstance(answer, Response):
            self._write(answer, request.keep_alive)
            return
        self._task = asyncio.get_running_loop().create_task(self._finish(request, answer))

    async def _finish(self, request: Request, answer: Awaitable[Response]) -> None:
        try:
            response = await answer
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("unexpected error")
            response = Response(500, b"")
        self._task = None
        self._write(response, request.keep_alive)
        self._advance()

    def _write(self, response: Response, keep_alive: bool) -> None:
        transport = self._transport
        if transport is None:
            return
        if response.abort:
            transport.abort()
            return
        lines = [f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines.append(f"Content-Length: {len(response.body)}")
        lines.append("Connection: " + ("keep-alive" if keep_alive else "close"))
        transport.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body)
        if keep_alive:
            self._arm()
        else:
            transport.close()

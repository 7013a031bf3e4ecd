"""A TCP proxy that breaks HTTP/1.1 connections by script.

It stands between a client and a server and lets everything through until a rule matches. A rule
names a connection by its number or a request by its ``X-Amz-Target``, its path or its S3 operation,
and says what goes wrong then. Plain HTTP is followed request by request, so that byte counts start
at the request or at its answer. Connections that are not HTTP (TLS) are carried as they are, rules
by connection number apply to them, and byte counts start at the connection.

In a test::

    with ThreadedFaultProxy("127.0.0.1", server_port) as proxy:
        proxy.add(Rule(Fault("cut", after=100), target="GetQueryResults", times=1))
        ...  # talk to proxy.port
        assert proxy.connections[0].targets == [...]

On the command line::

    python proxy.py --upstream 127.0.0.1:8080 --fault reset:100 --target GetQueryResults
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import http
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import parse_qs

Kind = Literal[
    "pass",
    "dribble",
    "cut",
    "reset",
    "stall",
    "half_close",
    "delay",
    "content_length",
    "refuse",
    "answer",
    "replace",
    "truncate",
    "call",
]
Direction = Literal["request", "response"]
KINDS: tuple[str, ...] = get_args(Kind)
#: Those that a number describes.
NAMED = tuple(kind for kind in KINDS if kind not in ("answer", "replace", "call"))
STRIKES = ("cut", "reset", "stall", "half_close")
HEAD_MAX = 1 << 20
BLOCK = 1 << 18

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer in place of the server's; ``headers`` are further ones."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def head(self) -> bytes:
        """Its first line and headers."""
        try:
            reason = http.HTTPStatus(self.status).phrase
        except ValueError:
            reason = "Unknown"
        lines = [f"HTTP/1.1 {self.status} {reason}", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


@dataclasses.dataclass(frozen=True)
class Fault:
    """What goes wrong.

    ``kind``:

    - ``pass``: nothing; a rule that shields requests from later rules;
    - ``dribble``: every byte in a segment of its own, with ``after`` only the first so many;
    - ``cut``: both sides are closed after ``after`` bytes;
    - ``reset``: the client's side is closed by RST after ``after`` bytes;
    - ``stall``: nothing more is carried after ``after`` bytes, the connection stays open;
    - ``half_close``: after ``after`` bytes the client sees the end, its own bytes are still read;
    - ``delay``: ``seconds`` pass before the first byte is carried on;
    - ``content_length``: ``delta`` is added to the answer's Content-Length;
    - ``refuse``: RST before anything is read (a rule by request does so once it was read);
    - ``answer``: ``answer`` is given, the server is not asked;
    - ``replace``: the server is asked and ``answer`` is given instead of what it says;
    - ``truncate``: the server's answer loses the last ``-delta`` bytes of its body, and its
      Content-Length agrees with that;
    - ``call``: ``call`` is run in a thread before the request goes to the server.

    ``direction`` says whose bytes are counted, delayed or dribbled; with ``in_body`` those after
    the head.
    """

    kind: Kind
    after: int = 0
    seconds: float = 0.0
    delta: int = 0
    direction: Direction = "response"
    in_body: bool = False
    answer: Answer | None = None
    call: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault: {self.kind!r}")
        if self.after < 0 or self.seconds < 0:
            raise ValueError("after and seconds must not be negative")
        if (self.answer is not None) != (self.kind in ("answer", "replace")):
            raise ValueError("answer goes with the kinds answer and replace")
        if (self.call is not None) != (self.kind == "call"):
            raise ValueError("call goes with the kind call")


@dataclasses.dataclass
class Rule:
    """When a fault happens: everything given must match, and the first matching rule counts.

    ``connection`` counts from 0 in order of acceptance; ``target`` is X-Amz-Target as a whole or
    what follows its last dot; ``path`` is how the request's target starts; ``operation`` is S3's
    name of the request. The first ``skip`` matches are left to later rules, then ``times`` are
    taken (None: all).
    """

    fault: Fault
    connection: int | None = None
    target: str | None = None
    path: str | None = None
    skip: int = 0
    times: int | None = None
    operation: str | None = None
    matched: int = dataclasses.field(default=0, init=False)

    @property
    def by_request(self) -> bool:
        """True when the rule needs a request to decide."""
        return any(one is not None for one in (self.target, self.path, self.operation))

    def matches(self, connection: int, request: Request | None) -> bool:
        """Tells whether the fault is due, and counts the match."""
        if self.by_request and request is None:
            return False
        if self.connection is not None and self.connection != connection:
            return False
        if request is not None:
            if self.target is not None and self.target not in (
                request.target,
                request.target.rpartition(".")[2],
            ):
                return False
            if self.path is not None and not request.path.startswith(self.path):
                return False
            if self.operation is not None and self.operation != request.operation:
                return False
        self.matched += 1
        taken = self.matched - self.skip
        return taken > 0 and (self.times is None or taken <= self.times)


@dataclasses.dataclass
class Request:
    """A request's head as it passed."""

    method: str
    path: str
    target: str
    head: bytes
    content_length: int

    @property
    def operation(self) -> str:
        """S3's name of the request, its bucket in the path."""
        path, _, query = self.path.partition("?")
        names = parse_qs(query, keep_blank_values=True)
        bucket, _, key = path.lstrip("/").partition("/")
        copies = _header(self.head, b"x-amz-copy-source") is not None
        if self.method == "POST":
            for name, operation in _POSTS.items():
                if name in names:
                    return operation
        if "uploadId" in names:
            part = "UploadPartCopy" if copies else "UploadPart"
            return {"PUT": part, "DELETE": "AbortMultipartUpload"}.get(self.method, "ListParts")
        if self.method == "GET" and not key:
            for name, operation in _LISTS.items():
                if name in names:
                    return operation
            return "ListBuckets" if not bucket else "ListObjects"
        if self.method == "PUT" and copies:
            return "CopyObject"
        verb = {"PUT": "Put" if key else "Create"}.get(self.method, self.method.capitalize())
        return verb + ("Object" if key else "Bucket")


@dataclasses.dataclass
class Connection:
    """What happened on one connection so far."""

    number: int
    requests: list[Request] = dataclasses.field(default_factory=list)
    faults: list[Fault] = dataclasses.field(default_factory=list)

    @property
    def targets(self) -> list[str]:
        """X-Amz-Target of each request, "" where there was none."""
        return [request.target for request in self.requests]


_POSTS = {
    "delete": "DeleteObjects",
    "uploads": "CreateMultipartUpload",
    "uploadId": "CompleteMultipartUpload",
}
_LISTS = {
    "versions": "ListObjectVersions",
    "uploads": "ListMultipartUploads",
    "list-type": "ListObjectsV2",
}


class _Ended(Exception):
    """The connection's script is over."""


def _header(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        field, colon, value = line.partition(b":")
        if colon and field.strip().lower() == name:
            return value.strip()
    return None


def _parse_request(head: bytes) -> Request:
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(words) != 3:
        raise _Ended
    target = _header(head, b"x-amz-target") or b""
    length = _header(head, b"content-length") or b"0"
    if not length.isdigit():
        raise _Ended
    return Request(words[0], words[1], target.decode("latin-1"), head, int(length))


def _change_content_length(head: bytes, delta: int) -> bytes:
    lines = head.split(b"\r\n")
    for i, line in enumerate(lines[1:], 1):
        field, _, value = line.partition(b":")
        if field.strip().lower() == b"content-length" and value.strip().isdigit():
            lines[i] = field + b": " + str(max(0, int(value) + delta)).encode()
    return b"\r\n".join(lines)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection by RST."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class _Channel:
    """One direction of a connection, with the fault that is due in it."""

    def __init__(self, session: _Session, writer: asyncio.StreamWriter, name: Direction) -> None:
        self.session = session
        self.writer = writer
        self.name = name
        self.fault = Fault("pass")
        self.carried = 0

    async def begin(self, fault: Fault, in_body: bool = False) -> None:
        """Starts to count for a new request, answer, body or connection."""
        is_due = fault.direction == self.name and fault.in_body == in_body
        if in_body and not is_due:
            return
        self.carried = 0
        self.fault = fault if is_due else Fault("pass")
        if self.fault.kind == "delay":
            await asyncio.sleep(self.fault.seconds)
        if self.fault.kind in STRIKES and self.fault.after == 0:
            await self.session.strike(self.fault)

    async def send(self, data: bytes) -> None:
        """Carries bytes up to the place where the fault strikes."""
        if not data:
            return
        strikes = self.fault.kind in STRIKES
        left = self.fault.after - self.carried
        part = data[:left] if strikes else data
        self.carried += len(part)
        if self.fault.kind == "dribble":
            singly = len(part) if self.fault.after == 0 else min(max(left, 0), len(part))
            for i in range(singly):
                self.writer.write(part[i : i + 1])
                await self.writer.drain()
                await asyncio.sleep(0)
            part = part[singly:]
        if part:
            self.writer.write(part)
            await self.writer.drain()
        if strikes and len(data) >= left:
            await self.session.strike(self.fault)


class _Session:
    """One client connection and its connection to the server."""

    def __init__(
        self,
        proxy: FaultProxy,
        record: Connection,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.proxy = proxy
        self.record = record
        self.client_reader, self.client_writer = client
        self.server_reader, self.server_writer = server
        self.up = _Channel(self, self.server_writer, "request")
        self.down = _Channel(self, self.client_writer, "response")

    async def strike(self, fault: Fault) -> None:
        """Does what the fault says to the connection and ends the script."""
        if fault.kind in ("reset", "refuse"):
            _reset(self.client_writer)
        elif fault.kind == "stall":
            await self.proxy.closing.wait()
        elif fault.kind == "half_close":
            await self.client_writer.drain()
            self.client_writer.write_eof()
            while await self.client_reader.read(BLOCK):
                pass
        else:
            await self.client_writer.drain()
        raise _Ended

    def find_fault(self, request: Request | None) -> Fault:
        """The fault that is due now, recorded."""
        fault = self.proxy.find_fault(self.record.number, request)
        if fault.kind != "pass":
            self.record.faults.append(fault)
        return fault

    async def run(self) -> None:
        """Carries the connection to its end."""
        first = await self.client_reader.read(1)
        if not first:
            return
        if first.isalpha():
            await self.run_http(first)
        else:
            await self.run_raw(first)

    async def run_raw(self, first: bytes) -> None:
        fault = self.find_fault(None)
        if fault.kind == "refuse":
            await self.strike(fault)
        await asyncio.gather(
            self.carry_raw(self.client_reader, self.up, fault, first),
            self.carry_raw(self.server_reader, self.down, fault, b""),
        )

    async def carry_raw(
        self, reader: asyncio.StreamReader, channel: _Channel, fault: Fault, data: bytes
    ) -> None:
        await channel.begin(fault)
        while True:
            await channel.send(data)
            data = await reader.read(BLOCK)
            if not data:
                break
        if channel.writer.can_write_eof():
            channel.writer.write_eof()

    async def run_http(self, first: bytes) -> None:
        while True:
            try:
                head = first + await self.client_reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            request = _parse_request(head)
            self.record.requests.append(request)
            fault = self.find_fault(request)
            if fault.kind == "refuse":
                await self.strike(fault)
            if fault.answer is not None and fault.kind == "answer":
                await self.skip(request.content_length)
                await self.say(request, fault.answer)
                first = b""
                continue
            if fault.call is not None:
                await asyncio.get_running_loop().run_in_executor(None, fault.call)
            await self.up.begin(fault)
            await self.up.send(head)
            await self.up.begin(fault, in_body=True)
            await self.copy(self.client_reader, self.up, request.content_length)
            if not await self.answer(request, fault):
                return
            first = b""

    async def skip(self, left: int) -> None:
        """Reads a request's body away."""
        while left:
            data = await self.client_reader.read(min(left, BLOCK))
            if not data:
                raise _Ended
            left -= len(data)

    async def say(self, request: Request, answer: Answer) -> None:
        """Gives an answer that is not the server's."""
        self.client_writer.write(answer.head() + (b"" if request.method == "HEAD" else answer.body))
        await self.client_writer.drain()

    async def collect(self, head: bytes) -> bytes:
        """The body of the server's answer."""
        if (_header(head, b"transfer-encoding") or b"").lower() != b"chunked":
            return await self.server_reader.readexactly(int(_header(head, b"content-length") or 0))
        body = b""
        while size := int((await self.server_reader.readline()).split(b";")[0], 16):
            body += (await self.server_reader.readexactly(size + 2))[:-2]
        while await self.server_reader.readline() not in (b"\r\n", b""):
            pass  # trailers
        return body

    async def change(self, request: Request, fault: Fault, head: bytes) -> None:
        """Gives the server's answer shortened, or another one."""
        has_body = request.method != "HEAD" and int(head.split(b" ", 2)[1]) not in (204, 304)
        body = await self.collect(head) if has_body else b""
        if fault.answer is not None:
            await self.say(request, fault.answer)
            return
        body = body[: max(0, len(body) + fault.delta)]
        names = (b"content-length", b"transfer-encoding")
        lines = head[:-4].split(b"\r\n")
        lines = [line for line in lines if line.partition(b":")[0].strip().lower() not in names]
        lines.append(b"Content-Length: %d" % len(body))
        self.client_writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        await self.client_writer.drain()

    async def answer(self, request: Request, fault: Fault) -> bool:
        """Carries one answer; False when the connection ends with it."""
        await self.down.begin(fault)
        while True:
            try:
                head = await self.server_reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                await self.down.send(error.partial)
                return False
            status = int(head.split(b" ", 2)[1])
            if status >= 200:
                break
            await self.down.send(head)
        length = _header(head, b"content-length")
        chunked = (_header(head, b"transfer-encoding") or b"").lower() == b"chunked"
        if fault.kind in ("replace", "truncate"):
            await self.change(request, fault, head)
            return True
        if fault.kind == "content_length":
            head = _change_content_length(head, fault.delta)
        await self.down.send(head)
        if request.method == "HEAD" or status in (204, 304):
            return True
        await self.down.begin(fault, in_body=True)
        if chunked:
            await self.copy_chunks()
        elif length is not None:
            await self.copy(self.server_reader, self.down, int(length))
        else:
            while data := await self.server_reader.read(BLOCK):
                await self.down.send(data)
            return False
        # A client that was promised more than it got waits for the end.
        return not (fault.kind == "content_length" and fault.delta > 0)

    async def copy(self, reader: asyncio.StreamReader, channel: _Channel, left: int) -> None:
        while left:
            data = await reader.read(min(left, BLOCK))
            if not data:
                raise _Ended
            left -= len(data)
            await channel.send(data)

    async def copy_chunks(self) -> None:
        while True:
            line = await self.server_reader.readline()
            await self.down.send(line)
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            await self.copy(self.server_reader, self.down, size + 2)
        while True:  # trailers and the empty line
            line = await self.server_reader.readline()
            await self.down.send(line)
            if line in (b"\r\n", b""):
                break


class FaultProxy:
    """The proxy in a running event loop; see the module's text.

    ``host`` and ``port`` name the server; the proxy listens on 127.0.0.1 at a free port, or at
    ``listen_port``.
    """

    def __init__(self, host: str, port: int, listen_port: int = 0) -> None:
        self.upstream = (host, port)
        self.port = listen_port
        self.connections: list[Connection] = []
        self.rules: list[Rule] = []
        self.closing = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, *rules: Rule) -> None:
        """Appends rules."""
        self.rules.extend(rules)

    def clear(self) -> None:
        """Forgets all rules; faults under way stay."""
        self.rules.clear()

    def find_fault(self, connection: int, request: Request | None) -> Fault:
        """The fault of the first rule that matches now."""
        for rule in self.rules:
            if rule.matches(connection, request):
                return rule.fault
        return Fault("pass")

    async def start(self) -> None:
        """Begins to listen; again on the same port after ``stop_listening``."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=HEAD_MAX, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop_listening(self) -> None:
        """Lets the system refuse new connections; those that are open go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def drop_connections(self) -> None:
        """Ends every open connection, as a load balancer does with idle ones."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Ends everything."""
        await self.stop_listening()
        self.closing.set()
        await self.drop_connections()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        record = Connection(len(self.connections))
        self.connections.append(record)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._carry(record, reader, writer)
        except (_Ended, OSError, asyncio.CancelledError, asyncio.LimitOverrunError, ValueError):
            pass  # the peer, the script or the test ended it
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _carry(
        self, record: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for rule in self.rules:
            if (
                rule.fault.kind == "refuse"
                and not rule.by_request
                and rule.matches(record.number, None)
            ):
                record.faults.append(rule.fault)
                _reset(writer)
                return
        server = await asyncio.open_connection(*self.upstream, limit=HEAD_MAX)
        for stream in (writer, server[1]):
            sock = stream.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await _Session(self, record, (reader, writer), server).run()
        finally:
            server[1].close()


class ThreadedFaultProxy:
    """The proxy in a thread and event loop of its own, for tests that have none."""

    def __init__(self, host: str, port: int, listen_port: int = 0) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._proxy = self._run(self._make(host, port, listen_port))

    @staticmethod
    async def _make(host: str, port: int, listen_port: int) -> FaultProxy:
        proxy = FaultProxy(host, port, listen_port)
        await proxy.start()
        return proxy

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)

    async def _call(self, function: Any, *args: Any) -> None:
        function(*args)

    @property
    def port(self) -> int:
        """Where the proxy listens on 127.0.0.1."""
        return self._proxy.port

    @property
    def connections(self) -> list[Connection]:
        """All connections so far, in order of acceptance."""
        return list(self._proxy.connections)

    @property
    def requests(self) -> list[Request]:
        """All requests so far, by connection."""
        return [request for connection in self.connections for request in connection.requests]

    def add(self, *rules: Rule) -> None:
        """Appends rules."""
        self._run(self._call(self._proxy.add, *rules))

    def clear(self) -> None:
        """Forgets all rules."""
        self._run(self._call(self._proxy.clear))

    def stop_listening(self) -> None:
        """Lets the system refuse new connections."""
        self._run(self._proxy.stop_listening())

    def start(self) -> None:
        """Listens again on the same port."""
        self._run(self._proxy.start())

    def drop_connections(self) -> None:
        """Ends every open connection."""
        self._run(self._proxy.drop_connections())

    def close(self) -> None:
        """Ends the proxy and its thread."""
        self._run(self._proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()

    def __enter__(self) -> ThreadedFaultProxy:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def parse_fault(text: str, direction: Direction) -> Fault:
    """Reads ``kind[:number]``: bytes, for ``delay`` seconds, for ``content_length`` and
    ``truncate`` the delta."""
    kind, _, number = text.partition(":")
    if kind not in NAMED:
        raise ValueError(f"unknown kind of fault: {kind!r}")
    if kind == "delay":
        return Fault("delay", seconds=float(number or 0), direction=direction)
    if kind in ("content_length", "truncate"):
        delta = int(number or 0)
        return Fault(kind, delta=delta, direction=direction)  # type: ignore[arg-type]
    return Fault(kind, after=int(number or 0), direction=direction)  # type: ignore[arg-type]


async def _serve(args: argparse.Namespace, fault: Fault) -> None:
    host, _, port = args.upstream.rpartition(":")
    proxy = FaultProxy(host, int(port), args.listen)
    proxy.add(
        Rule(fault, args.connection, args.target, args.path, args.skip, args.times, args.operation)
    )
    await proxy.start()
    print(f"listening on 127.0.0.1:{proxy.port}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await proxy.close()


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="a TCP proxy that breaks HTTP by script")
    parser.add_argument("--upstream", required=True, metavar="HOST:PORT")
    parser.add_argument("--listen", type=int, default=0, metavar="PORT")
    parser.add_argument(
        "--fault", required=True, metavar="KIND[:N]", help=f"one of {', '.join(NAMED)}"
    )
    parser.add_argument("--direction", choices=("request", "response"), default="response")
    parser.add_argument("--connection", type=int, help="only the connection of this number")
    parser.add_argument("--target", help="only requests with this X-Amz-Target")
    parser.add_argument("--path", help="only requests whose target starts so")
    parser.add_argument("--operation", help="only requests that are this operation of S3")
    parser.add_argument("--skip", type=int, default=0, help="leave so many matches alone")
    parser.add_argument("--times", type=int, help="then break so many")
    args = parser.parse_args(argv)
    try:
        fault = parse_fault(args.fault, args.direction)
    except ValueError as error:
        parser.error(str(error))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(args, fault))


if __name__ == "__main__":
    main()

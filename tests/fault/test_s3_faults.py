"""Broken networks and broken answers at each request of the file systems' operations.

Passing troubles are not seen; lasting ones are one clear OSError of the right class, nothing half
written is left on the server or on disk, and the file system works as soon as the network does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import athena_local
import boto3
import botocore.config
import harness
import pyathena.filesystem._client as client_module
import pytest
from proxy import Answer, Fault, Rule, ThreadedFaultProxy
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.filesystem.s3_async import AioS3FileSystem
from pyathena.util import RetryConfig
from s3_operations import (
    COMPLETE,
    CREATE,
    LARGE_DATA,
    MANY,
    MIB,
    OPERATIONS,
    SIX_DATA,
    SMALL_DATA,
    Blocking,
    Coroutines,
    Operation,
    Place,
    Stage,
    pattern,
    same,
)

KINDS = ["blocking", "asyncio"]
#: How many tests of the matrices run at the same time; most of their time is waiting.
WORKERS = 6
SECONDS_MAX = 12.0


# -- file systems behind a proxy ------------------------------------------------------------------


class Config:
    """Short times, as in botocore's Config."""

    def __init__(self, read_timeout: float, attempts: int) -> None:
        self.connect_timeout = 5.0
        self.read_timeout = read_timeout
        self.retries = {"total_max_attempts": attempts}


class Net:
    """The server, another client of it, and file systems that reach it through proxies."""

    def __init__(self, server: athena_local.Server) -> None:
        self.server = server
        self.numbers = itertools.count(1)
        self.port = int(server.s3_url.rpartition(":")[2])
        client = boto3.client(
            "s3",
            endpoint_url=server.s3_url,
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
            region_name=server.region,
            config=botocore.config.Config(
                s3={"addressing_style": "path"}, max_pool_connections=2 * WORKERS
            ),
        )
        self.stage = Stage(client, "s3-faults")
        fs = S3FileSystem(**self.arguments(self.port, 60.0, 3))
        self.other = self.stage.put("given/other", pattern(len(LARGE_DATA), 9))
        fs.pipe({f"{self.stage.bucket}/given/many/{number:04}": b"" for number in range(MANY)})

    def arguments(self, port: int, read_timeout: float, attempts: int) -> dict[str, Any]:
        return {
            "endpoint_url": f"http://127.0.0.1:{port}",
            "key": self.server.access_key,
            "secret": self.server.secret_key,
            # Of its own, so that its budget of retries is its own too.
            "region_name": f"test-{next(self.numbers)}",
            "allow_bucket_creation": True,
            "skip_instance_cache": True,
            "retry_config": RetryConfig(attempt=attempts, multiplier=0.01, max_delay=1),
            "client_kwargs": {"config": Config(read_timeout, attempts)},
        }

    @contextlib.contextmanager
    def proxy(self) -> Iterator[ThreadedFaultProxy]:
        with ThreadedFaultProxy("127.0.0.1", self.port) as proxy:
            yield proxy

    @contextlib.contextmanager
    def file_system(
        self, kind: str, port: int, read_timeout: float = 20.0, attempts: int = 3
    ) -> Iterator[Any]:
        """A file system of a kind by blocking calls."""
        arguments = self.arguments(port, read_timeout, attempts)
        if kind == "blocking":
            yield Blocking(S3FileSystem(**arguments))
            return
        loop = harness.new_loop(kind)
        try:
            yield Coroutines(AioS3FileSystem(asynchronous=True, **arguments), loop)
        finally:
            harness.cancel_all(loop)
            loop.close()


@pytest.fixture(scope="module")
def net(server: athena_local.Server) -> Iterator[Net]:
    """Calls may take a few seconds in place of a minute."""
    original = client_module.client_options

    def client_options(**kwargs: Any) -> dict[str, Any]:
        return {**original(**kwargs), "call_timeout_ms": 5000, "start_timeout_ms": 5000}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_module, "client_options", client_options)
        yield Net(server)


# -- what goes wrong ------------------------------------------------------------------------------


def error_answer(status: int, code: str, *headers: tuple[str, str]) -> Answer:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code>'
        f"<Message>told by the test</Message><RequestId>R1</RequestId></Error>"
    )
    return Answer(
        status, body.encode(), (("Content-Type", "application/xml"), ("x-amz-request-id", "R1"))
        + headers
    )  # fmt: skip


XML = {"ListObjectsV2", "DeleteObjects", CREATE, COMPLETE, "CopyObject", "UploadPartCopy"}
BODIES = XML | {"GetObject"}
UPLOADS = {"PutObject", "UploadPart", "DeleteObjects", COMPLETE}


@dataclasses.dataclass(frozen=True)
class Trouble:
    """A fault, and what a program sees when it lasts.

    ``arrives``: the server may have done what was asked. ``steps``: at which requests it can
    happen, None: at all.
    """

    fault: Fault
    raises: type[OSError]
    code: str | None = None
    arrives: bool = False
    steps: set[str] | None = None


#: Those that a second attempt may get over.
PASSING = {
    "reset-in-head": Trouble(Fault("reset", after=20), ConnectionError, arrives=True),
    "reset-in-body": Trouble(
        Fault("reset", after=40, in_body=True), ConnectionError, arrives=True, steps=BODIES
    ),
    "cut-in-head": Trouble(Fault("cut", after=20), ConnectionError, arrives=True),
    "cut-in-body": Trouble(
        Fault("cut", after=60, in_body=True), ConnectionError, arrives=True, steps=BODIES
    ),
    "cut-late": Trouble(
        Fault("cut", after=1500, in_body=True), ConnectionError, steps={"GetObject"}
    ),
    "half-close": Trouble(Fault("half_close", after=30), ConnectionError, arrives=True),
    "longer": Trouble(
        Fault("content_length", delta=100), ConnectionError, arrives=True, steps=BODIES
    ),
    "shorter": Trouble(Fault("content_length", delta=-10), OSError, arrives=True, steps=BODIES),
    "truncated": Trouble(Fault("truncate", delta=-30), OSError, arrives=True, steps=XML),
    "refuse": Trouble(Fault("refuse"), ConnectionError),
    "request-reset": Trouble(Fault("reset", after=100, direction="request"), ConnectionError),
    "request-cut": Trouble(
        Fault("cut", after=50, direction="request", in_body=True), ConnectionError, steps=UPLOADS
    ),
    "slow-down": Trouble(
        Fault("answer", answer=error_answer(503, "SlowDown")), OSError, "SlowDown"
    ),
    "internal": Trouble(
        Fault("answer", answer=error_answer(500, "InternalError")), OSError, "InternalError"
    ),
    "internal-when-done": Trouble(
        Fault("replace", answer=error_answer(500, "InternalError")),
        OSError,
        "InternalError",
        arrives=True,
    ),
    "error-in-200": Trouble(
        Fault("answer", answer=error_answer(200, "InternalError")), OSError, steps=XML
    ),
    "request-timeout": Trouble(
        Fault("answer", answer=error_answer(400, "RequestTimeout")),
        TimeoutError,
        "RequestTimeout",
        steps=UPLOADS,
    ),
}
#: Those that are final at once.
FINAL = {
    "expired-400": Trouble(
        Fault("answer", answer=error_answer(400, "ExpiredToken")), PermissionError, "ExpiredToken"
    ),
    "expired-403": Trouble(
        Fault("answer", answer=error_answer(403, "ExpiredToken")), PermissionError, "ExpiredToken"
    ),
    "denied": Trouble(
        Fault("answer", answer=error_answer(403, "AccessDenied")), PermissionError, "AccessDenied"
    ),
    "redirect-301": Trouble(
        Fault(
            "answer",
            answer=error_answer(301, "PermanentRedirect", ("x-amz-bucket-region", "eu-west-1")),
        ),
        OSError,
        "PermanentRedirect",
    ),
    "redirect-307": Trouble(
        Fault(
            "answer",
            answer=error_answer(
                307,
                "TemporaryRedirect",
                ("x-amz-bucket-region", "eu-west-1"),
                ("Location", "http://127.0.0.1:1/"),
            ),
        ),
        OSError,
        "TemporaryRedirect",
    ),
}
DRIBBLES = {
    "dribble": Trouble(Fault("dribble", after=2000), OSError),
    "dribble-request": Trouble(Fault("dribble", after=2000, direction="request"), OSError),
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One test of a matrix."""

    operation: str
    step: str
    trouble: str
    kind: str
    lasts: bool = False

    @property
    def request(self) -> str:
        return self.step.partition("#")[0]

    @property
    def skip(self) -> int:
        return int(self.step.partition("#")[2] or 0)

    def __str__(self) -> str:
        return f"{self.operation}-{self.step}-{self.trouble}-{self.kind}"


def cells(troubles: dict[str, Trouble], lasts: bool) -> list[Cell]:
    """Troubles at each request of each operation: all of them where little is moved, else every
    fourth, so that each meets each kind of request somewhere. The kinds of file system take turns.
    """
    found = []
    turn = itertools.count(int(lasts))
    for operation in OPERATIONS.values():
        for step in operation.steps:
            rotation = next(turn)
            for number, (name, trouble) in enumerate(troubles.items()):
                if trouble.steps is not None and step.partition("#")[0] not in trouble.steps:
                    continue
                if operation.is_heavy and (number + rotation) % 4:
                    continue
                kind = KINDS[(number // 4 + rotation) % 2]
                found.append(Cell(operation.name, step, name, kind, lasts))
    return found


ALL = {**PASSING, **FINAL, **DRIBBLES}


def uploads_left(place: Place) -> list[str]:
    """The uploads that are still there when there was time to abort them."""
    end = time.monotonic() + 3
    while (found := place.stage.uploads(place.area)) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def left_behind(operation: Operation, place: Place, trouble: Trouble) -> list[str]:
    """What a failed operation must not leave, in words."""
    wrong = []
    uploads: list[str] = []
    if operation.holds is not None:
        found = place.stage.get(place.target)
        allowed = [operation.before]
        if trouble.arrives:
            allowed.append(operation.holds())
        if found not in allowed:
            wrong.append(f"an object of {None if found is None else len(found)} bytes")
        uploads = uploads_left(place)
    wrong += [f"an upload of {name}" for name in uploads]
    given = {"local"} if operation.name == "put-file" else set()
    wrong += [f"a file {name}" for name in set(os.listdir(place.folder)) - given]
    return wrong


def pass_through(net: Net, cell: Cell, proxy: ThreadedFaultProxy, fs: Any, place: Place) -> None:
    """The trouble happens once and is not seen."""
    operation, trouble = OPERATIONS[cell.operation], ALL[cell.trouble]
    times = None if cell.trouble in DRIBBLES else 1
    proxy.add(Rule(trouble.fault, operation=cell.request, skip=cell.skip, times=times))
    found = operation.act(fs, place)
    assert any(connection.faults for connection in proxy.connections)
    operation.check(place, found)
    if operation.holds is not None:
        assert uploads_left(place) == []


def last(net: Net, cell: Cell, proxy: ThreadedFaultProxy, fs: Any, place: Place) -> None:
    """The trouble lasts and is told; then it is gone."""
    operation, trouble = OPERATIONS[cell.operation], ALL[cell.trouble]
    proxy.add(Rule(trouble.fault, operation=cell.request, skip=cell.skip))
    begun = time.monotonic()
    try:
        found = operation.act(fs, place)
    except OSError as ex:
        error = ex
    else:  # whoever looks at the object knows better than the answer
        assert cell.request == COMPLETE and trouble.raises is OSError and trouble.arrives
        operation.check(place, found)
        return
    assert time.monotonic() - begun < SECONDS_MAX
    assert any(connection.faults for connection in proxy.connections)
    assert str(error)
    assert not isinstance(error, FileNotFoundError), repr(error)
    if cell.request not in ("HeadObject", "HeadBucket"):  # whose refusals have no body to tell why
        assert isinstance(error, trouble.raises), repr(error)
        if trouble.code is not None:
            assert getattr(error, "code", None) == trouble.code, repr(error)
            assert getattr(error, "request_id", None) == "R1"
    assert left_behind(operation, place, trouble) == []
    proxy.clear()
    operation.prepare(place)
    try:
        found = operation.act(fs, place)
    except FileExistsError:
        assert cell.operation == "mkdir" and trouble.arrives
        found = None
    operation.check(place, found)


class Matrix:
    """Runs cells at the same time; each test waits for its own."""

    def __init__(self, net: Net, cells: list[Cell]) -> None:
        self.net = net
        self._pool = ThreadPoolExecutor(WORKERS)
        self._futures: dict[Cell, Future[None]] = {
            cell: self._pool.submit(self._run, cell) for cell in cells
        }

    def _run(self, cell: Cell) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            self.net.proxy() as proxy,
            self.net.file_system(cell.kind, proxy.port) as fs,
        ):
            place = Place(self.net.stage, Path(folder))
            OPERATIONS[cell.operation].prepare(place)
            (last if cell.lasts else pass_through)(self.net, cell, proxy, fs, place)

    def result(self, cell: Cell) -> None:
        self._futures[cell].result(120)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def matrix(net: Net, request: pytest.FixtureRequest) -> Iterator[Matrix]:
    chosen = [
        item.callspec.params["cell"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and hasattr(item, "callspec")
        and "cell" in item.callspec.params
    ]
    made = Matrix(net, chosen)
    yield made
    made.close()


def params(troubles: dict[str, Trouble], lasts: bool) -> list[Any]:
    """The cells as parameters of a test."""
    return [pytest.param(cell, id=str(cell)) for cell in cells(troubles, lasts)]


@pytest.mark.parametrize("cell", params({**PASSING, **DRIBBLES}, lasts=False))
def test_passing_trouble_is_not_seen(matrix: Matrix, cell: Cell) -> None:
    matrix.result(cell)


@pytest.mark.parametrize("cell", params({**PASSING, **FINAL}, lasts=True))
def test_lasting_trouble_is_one_clear_error(matrix: Matrix, cell: Cell) -> None:
    matrix.result(cell)


# -- what takes time, all at once -----------------------------------------------------------------


def stalled_cells() -> list[Cell]:
    return [
        Cell(operation.name, step, "stall", KINDS[(number + place) % 2])
        for number, operation in enumerate(OPERATIONS.values())
        for place, step in enumerate(operation.steps)
        if operation.name not in ("pipe-parts", "put-file")
    ]


STALL = Fault("stall", after=20)


def test_answers_that_stall(net: Net) -> None:
    """Once, they are given up after the read timeout and asked for again."""

    def run(cell: Cell) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            net.proxy() as proxy,
            net.file_system(cell.kind, proxy.port, read_timeout=0.8, attempts=6) as fs,
        ):
            place = Place(net.stage, Path(folder))
            operation = OPERATIONS[cell.operation]
            operation.prepare(place)
            proxy.add(Rule(STALL, operation=cell.request, skip=cell.skip, times=1))
            found = operation.act(fs, place)
            assert any(connection.faults for connection in proxy.connections)
            operation.check(place, found)

    run_all(run, [cell for cell in stalled_cells() if cell.request != CREATE])


def test_answers_that_stall_for_ever(net: Net) -> None:
    def run(cell: Cell) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            net.proxy() as proxy,
            net.file_system(cell.kind, proxy.port, read_timeout=0.8, attempts=2) as fs,
        ):
            place = Place(net.stage, Path(folder))
            operation = OPERATIONS[cell.operation]
            operation.prepare(place)
            proxy.add(Rule(STALL, operation=cell.request, skip=cell.skip))
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                operation.act(fs, place)
            assert 0.8 < time.monotonic() - begun < SECONDS_MAX
            assert left_behind(operation, place, Trouble(STALL, TimeoutError, arrives=True)) == []

    run_all(run, [cell for cell in stalled_cells()[::2] if cell.request != CREATE])


def run_all(run: Callable[[Cell], None], cells: list[Cell]) -> None:
    """Runs all at the same time and tells of each that fails."""

    def one(cell: Cell) -> str | None:
        try:
            run(cell)
        except BaseException as error:
            return f"{cell}: {error!r}"
        return None

    with ThreadPoolExecutor(2 * WORKERS) as pool:
        failures = [text for text in pool.map(one, cells) if text is not None]
    assert not failures, "\n".join(failures)


# -- objects that change while they are read ------------------------------------------------------


@pytest.fixture(params=[*KINDS, "uvloop"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def proxy(net: Net) -> Iterator[ThreadedFaultProxy]:
    with net.proxy() as running:
        yield running


@pytest.fixture
def fs(net: Net, kind: str, proxy: ThreadedFaultProxy) -> Iterator[Any]:
    with net.file_system(kind, proxy.port) as made:
        yield made


@pytest.fixture
def place(net: Net, tmp_path: Path) -> Place:
    return Place(net.stage, tmp_path)


READS: dict[str, Callable[[Any, str, Place], Any]] = {
    "cat_file": lambda fs, path, place: fs.cat_file(path),
    "get_file": lambda fs, path, place: fs.get_file(path, os.fspath(place.local)),
    "read": lambda fs, path, place: fs.read_pieces(path, MIB),
}


@pytest.mark.parametrize("read", list(READS))
def test_an_object_replaced_between_its_ranges(
    net: Net, fs: Any, proxy: ThreadedFaultProxy, place: Place, read: str
) -> None:
    """What is read is never spliced of two objects."""
    key = f"{place.word}/target"
    place.stage.copy(place.stage.large, key)
    proxy.add(
        Rule(
            Fault("call", call=lambda: place.stage.copy(net.other, key)),
            operation="GetObject",
            skip=1,
            times=1,
        )
    )
    with pytest.raises(OSError, match="(?i)changed|pre-?condition"):
        READS[read](fs, place.target, place)
    assert os.listdir(place.folder) == []
    READS[read](fs, place.target, place)
    found = place.local.read_bytes() if read == "get_file" else READS[read](fs, place.target, place)
    same(found, pattern(len(LARGE_DATA), 9))


@pytest.mark.parametrize("read", list(READS))
def test_an_object_deleted_between_its_ranges(
    fs: Any, proxy: ThreadedFaultProxy, place: Place, read: str
) -> None:
    bucket, key = place.stage.bucket, f"{place.word}/target"
    place.stage.copy(place.stage.large, key)
    proxy.add(
        Rule(
            Fault("call", call=lambda: place.stage.client.delete_object(Bucket=bucket, Key=key)),
            operation="GetObject",
            skip=1,
            times=1,
        )
    )
    with pytest.raises(FileNotFoundError):
        READS[read](fs, place.target, place)
    assert os.listdir(place.folder) == []


@pytest.mark.parametrize(
    ("status", "code", "raises"),
    [(404, "NoSuchKey", FileNotFoundError), (412, "PreconditionFailed", OSError)],
)
@pytest.mark.parametrize("read", list(READS))
def test_a_range_that_is_refused(
    fs: Any,
    proxy: ThreadedFaultProxy,
    place: Place,
    read: str,
    status: int,
    code: str,
    raises: type[OSError],
) -> None:
    answer = error_answer(status, code)
    proxy.add(Rule(Fault("answer", answer=answer), operation="GetObject", skip=1, times=1))
    with pytest.raises(raises) as caught:
        READS[read](fs, place.stage.large, place)
    assert getattr(caught.value, "code", None) == code
    assert getattr(caught.value, "request_id", None) == "R1"
    assert os.listdir(place.folder) == []
    READS[read](fs, place.stage.large, place)


def test_a_failed_download_leaves_the_file_that_was_there(
    fs: Any, proxy: ThreadedFaultProxy, place: Place
) -> None:
    place.local.write_bytes(b"before")
    proxy.add(
        Rule(Fault("cut", after=1_000_000, in_body=True), operation="GetObject", skip=1, times=3),
        Rule(Fault("answer", answer=error_answer(403, "AccessDenied")), operation="GetObject",
             skip=1),
    )  # fmt: skip
    with pytest.raises(PermissionError):
        fs.get_file(place.stage.large, os.fspath(place.local))
    assert os.listdir(place.folder) == ["local"]
    assert place.local.read_bytes() == b"before"


# -- several troubles at a time -------------------------------------------------------------------


def test_the_server_goes_away_and_comes_back(
    fs: Any, proxy: ThreadedFaultProxy, place: Place
) -> None:
    assert fs.cat_file(place.stage.small) == SMALL_DATA
    proxy.stop_listening()
    proxy.drop_connections()
    for call in (
        lambda: fs.cat_file(place.stage.small),
        lambda: fs.pipe_file(place.target, SMALL_DATA),
        lambda: fs.ls(place.area),
    ):
        with pytest.raises(ConnectionError):
            call()
    proxy.start()
    assert fs.cat_file(place.stage.small) == SMALL_DATA
    assert fs.ls(place.area) == []


def test_connections_dropped_between_calls(
    fs: Any, proxy: ThreadedFaultProxy, place: Place
) -> None:
    for number in range(5):
        fs.pipe_file(f"{place.area}/{number}", b"%d" % number)
        proxy.drop_connections()
        assert fs.cat_file(f"{place.area}/{number}") == b"%d" % number
        proxy.drop_connections()


@pytest.mark.parametrize("name", ["pipe-parts", "pipe-one-part", "write-parts", "append"])
def test_the_first_error_is_told_when_the_abort_fails_too(
    fs: Any, proxy: ThreadedFaultProxy, place: Place, name: str
) -> None:
    operation = OPERATIONS[name]
    operation.prepare(place)
    proxy.add(
        Rule(Fault("answer", answer=error_answer(403, "AccessDenied")), operation="UploadPart"),
        Rule(
            Fault("answer", answer=error_answer(403, "ExpiredToken")),
            operation="AbortMultipartUpload",
        ),
    )
    with pytest.raises(PermissionError) as caught:
        operation.act(fs, place)
    assert getattr(caught.value, "code", None) == "AccessDenied"
    assert place.stage.get(place.target) == operation.before


def test_keys_that_the_server_keeps_are_named(
    fs: Any, proxy: ThreadedFaultProxy, place: Place
) -> None:
    body = (
        b"<DeleteResult><Deleted><Key>x/1</Key></Deleted><Error><Key>x/2</Key>"
        b"<Code>AccessDenied</Code><Message>not yours</Message></Error></DeleteResult>"
    )
    proxy.add(Rule(Fault("answer", answer=Answer(200, body)), operation="DeleteObjects"))
    with pytest.raises(OSError, match="x/2.*AccessDenied.*not yours"):
        fs.rm([f"{place.stage.bucket}/x/1", f"{place.stage.bucket}/x/2"])


def test_many_objects_over_a_bad_network(fs: Any, proxy: ThreadedFaultProxy, place: Place) -> None:
    """Each of 200 objects is written and read right, whatever broke in between."""
    for skip in range(0, 180, 20):
        for operation in ("PutObject", "GetObject"):
            for number, fault in enumerate(
                (Fault("reset", after=10), Fault("cut", after=3, in_body=True), Fault("refuse"))
            ):
                proxy.add(Rule(fault, operation=operation, skip=skip + number * 5, times=1))
    content = {f"{place.area}/{number:03}": pattern(500, number) for number in range(200)}
    fs.pipe(content)
    assert fs.cat(list(content)) == content


def test_what_the_tests_look_for_is_seen(place: Place) -> None:
    """An upload that is left, a part of an object, a file: each would fail the tests above."""
    operation = OPERATIONS["pipe-parts"]
    key = place.target.partition("/")[2]
    upload = place.stage.client.create_multipart_upload(Bucket=place.stage.bucket, Key=key)
    place.stage.put(key, SIX_DATA)
    place.local.write_bytes(b"")
    found = left_behind(operation, place, Trouble(Fault("reset"), OSError, arrives=True))
    assert found == [f"an object of {len(SIX_DATA)} bytes", f"an upload of {key}", "a file local"]
    place.stage.client.abort_multipart_upload(
        Bucket=place.stage.bucket, Key=key, UploadId=upload["UploadId"]
    )

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
import botocore.config
import pyathena.filesystem._client as client_module
import pytest
from proxy import Answer, Fault, Rule, ThreadedFaultProxy
from pyathena.util import RetryConfig
from s3_harness import MIB, Endpoint, FileSystems, pattern
from s3_operations import (
    COMPLETE,
    CREATE,
    LARGE_DATA,
    MANY,
    OPERATIONS,
    SIX_DATA,
    SMALL_DATA,
    Operation,
    Place,
    Stage,
    read_pieces,
    same,
)

KINDS = ["blocking", "asyncio"]
#: How many tests of the matrices run at the same time; most of their time is waiting.
WORKERS = 6
SECONDS_MAX = 12.0
OTHER_DATA = pattern(len(LARGE_DATA), 9)


# -- file systems behind a proxy ------------------------------------------------------------------


class Net:
    """The server, another client of it, and file systems that reach it through proxies."""

    def __init__(self, server: athena_local.Server) -> None:
        self.endpoint = Endpoint(server.s3_url, server.access_key, server.secret_key, server.region)
        self.numbers = itertools.count(1)
        self.stage = Stage(self.endpoint, "s3-faults", 2 * WORKERS)
        self.other = self.stage.put(f"{self.stage.bucket}/given/other", OTHER_DATA)
        with self.file_system("blocking", self.endpoint.port, 60.0) as fs:
            fs.pipe({f"{self.stage.bucket}/given/many/{number:04}": b"" for number in range(MANY)})

    def proxy(self) -> ThreadedFaultProxy:
        return ThreadedFaultProxy("127.0.0.1", self.endpoint.port)

    @contextlib.contextmanager
    def file_system(
        self, kind: str, port: int, read_timeout: float = 20.0, attempts: int = 3
    ) -> Iterator[Any]:
        """A file system of a kind by blocking calls, with short times."""
        config = botocore.config.Config(
            connect_timeout=5.0, read_timeout=read_timeout, retries={"total_max_attempts": attempts}
        )
        systems = FileSystems(kind, self.endpoint.at(port))
        try:
            yield systems.make(
                # Of its own, so that its budget of retries is its own too.
                region_name=f"test-{next(self.numbers)}",
                allow_bucket_creation=True,
                retry_config=RetryConfig(attempt=attempts, multiplier=0.01, max_delay=1),
                client_kwargs={"config": config},
            )
        finally:
            systems.close()

    @contextlib.contextmanager
    def scene(self, cell: Cell, **times: Any) -> Iterator[Scene]:
        """All is ready for the operation of a test of a matrix."""
        with (
            tempfile.TemporaryDirectory() as folder,
            self.proxy() as proxy,
            self.file_system(cell.kind, proxy.port, **times) as fs,
        ):
            place = Place(self.stage, Path(folder))
            OPERATIONS[cell.operation].prepare(place)
            yield Scene(OPERATIONS[cell.operation], proxy, fs, place)


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
        found = place.stage.find(place.target)
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


@dataclasses.dataclass(frozen=True)
class Scene:
    """An operation that is prepared, and what it is done with."""

    operation: Operation
    proxy: ThreadedFaultProxy
    fs: Any
    place: Place

    def act(self) -> Any:
        return self.operation.act(self.fs, self.place)

    def check(self, found: Any) -> None:
        self.operation.check(self.place, found)

    def left_behind(self, trouble: Trouble) -> list[str]:
        return left_behind(self.operation, self.place, trouble)

    def fault_happened(self) -> bool:
        return any(connection.faults for connection in self.proxy.connections)


def pass_through(cell: Cell, scene: Scene) -> None:
    """The trouble happens once and is not seen."""
    times = None if cell.trouble in DRIBBLES else 1
    scene.proxy.add(
        Rule(ALL[cell.trouble].fault, operation=cell.request, skip=cell.skip, times=times)
    )
    found = scene.act()
    assert scene.fault_happened()
    scene.check(found)
    if scene.operation.holds is not None:
        assert uploads_left(scene.place) == []


def last(cell: Cell, scene: Scene) -> None:
    """The trouble lasts and is told; then it is gone."""
    trouble = ALL[cell.trouble]
    scene.proxy.add(Rule(trouble.fault, operation=cell.request, skip=cell.skip))
    begun = time.monotonic()
    try:
        found = scene.act()
    except OSError as ex:
        error = ex
    else:  # whoever looks at the object knows better than the answer
        assert cell.request == COMPLETE and trouble.raises is OSError and trouble.arrives
        scene.check(found)
        return
    assert time.monotonic() - begun < SECONDS_MAX
    assert scene.fault_happened()
    assert str(error)
    assert not isinstance(error, FileNotFoundError), repr(error)
    if cell.request not in ("HeadObject", "HeadBucket"):  # whose refusals have no body to tell why
        assert isinstance(error, trouble.raises), repr(error)
        if trouble.code is not None:
            assert getattr(error, "code", None) == trouble.code, repr(error)
            assert getattr(error, "request_id", None) == "R1"
    assert scene.left_behind(trouble) == []
    scene.proxy.clear()
    scene.operation.prepare(scene.place)
    try:
        found = scene.act()
    except FileExistsError:
        assert cell.operation == "mkdir" and trouble.arrives
        found = None
    scene.check(found)


class Matrix:
    """Runs cells at the same time; each test waits for its own."""

    def __init__(self, net: Net, cells: list[Cell]) -> None:
        self.net = net
        self._pool = ThreadPoolExecutor(WORKERS)
        self._futures: dict[Cell, Future[None]] = {
            cell: self._pool.submit(self._run, cell) for cell in cells
        }

    def _run(self, cell: Cell) -> None:
        with self.net.scene(cell) as scene:
            (last if cell.lasts else pass_through)(cell, scene)

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
        with net.scene(cell, read_timeout=0.8, attempts=6) as scene:
            scene.proxy.add(Rule(STALL, operation=cell.request, skip=cell.skip, times=1))
            found = scene.act()
            assert scene.fault_happened()
            scene.check(found)

    run_all(run, [cell for cell in stalled_cells() if cell.request != CREATE])


def test_answers_that_stall_for_ever(net: Net) -> None:
    def run(cell: Cell) -> None:
        with net.scene(cell, read_timeout=0.8, attempts=2) as scene:
            scene.proxy.add(Rule(STALL, operation=cell.request, skip=cell.skip))
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                scene.act()
            assert 0.8 < time.monotonic() - begun < SECONDS_MAX
            assert scene.left_behind(Trouble(STALL, TimeoutError, arrives=True)) == []

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
    "read": lambda fs, path, place: read_pieces(fs, path, MIB),
}


@pytest.mark.parametrize("read", list(READS))
def test_an_object_replaced_between_its_ranges(
    net: Net, fs: Any, proxy: ThreadedFaultProxy, place: Place, read: str
) -> None:
    """What is read is never spliced of two objects."""
    place.stage.copy(place.stage.large, place.target)
    proxy.add(
        Rule(
            Fault("call", call=lambda: place.stage.copy(net.other, place.target)),
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
    same(found, OTHER_DATA)


@pytest.mark.parametrize("read", list(READS))
def test_an_object_deleted_between_its_ranges(
    fs: Any, proxy: ThreadedFaultProxy, place: Place, read: str
) -> None:
    place.stage.copy(place.stage.large, place.target)
    proxy.add(
        Rule(
            Fault("call", call=lambda: place.stage.delete(place.target)),
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
    assert place.stage.find(place.target) == operation.before


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
    target = place.stage.split(place.target)
    key, upload = target["Key"], place.stage.client.create_multipart_upload(**target)
    place.stage.put(place.target, SIX_DATA)
    place.local.write_bytes(b"")
    found = left_behind(operation, place, Trouble(Fault("reset"), OSError, arrives=True))
    assert found == [f"an object of {len(SIX_DATA)} bytes", f"an upload of {key}", "a file local"]
    place.stage.client.abort_multipart_upload(**target, UploadId=upload["UploadId"])

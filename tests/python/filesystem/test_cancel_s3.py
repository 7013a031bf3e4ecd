"""Tasks that are cancelled at every await of every operation.

An operation runs once to count its suspensions. Then it runs again and again, and CancelledError
is thrown in at the first suspension, the second, and so on to the last. Each time: the operation
ends with CancelledError (or was already over), nothing of it is left half done, and the file system
does its work as before.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import harness
import pytest
from pyathena.filesystem.s3_async import AioS3FileSystem
from s3_harness import MIB, Endpoint, Traffic, Witness, fresh, pattern

SMALL = b"small"
LARGE = pattern(11 * MIB)


class Struck:
    """Awaits a coroutine and throws CancelledError in at its n-th suspension."""

    def __init__(self, coroutine: Any, strike: int) -> None:
        self.coroutine = coroutine
        self.strike = strike
        self.suspensions = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                waited = self.coroutine.throw(error) if error else self.coroutine.send(value)
            except StopIteration as end:
                return end.value
            self.suspensions += 1
            value = error = None
            if self.suspensions == self.strike:
                # As Task.cancel() has it: what is waited for is cancelled, then CancelledError.
                if waited is not None:
                    waited._asyncio_future_blocking = False
                    waited.cancel()
                error = asyncio.CancelledError()
                continue
            try:
                value = yield waited
            except BaseException as caught:
                error = caught


class Scene:
    """What an operation works on, made anew for each run."""

    def __init__(self, fs: AioS3FileSystem, s3: Witness, bucket: str, folder: Path) -> None:
        self.fs, self.s3, self.bucket, self.folder = fs, s3, bucket, folder
        self.area = fresh(bucket, "cancel")
        self.local = folder / self.area.rpartition("/")[2]

    def seed(self, *keys: str, body: bytes = SMALL) -> None:
        for key in keys:
            self.s3.put(f"{self.area}/{key}", body)

    def path(self, key: str) -> str:
        return f"{self.area}/{key}"


Operation = Callable[[Scene], Awaitable[Any]]


async def pipe_small(scene: Scene) -> None:
    await scene.fs._pipe_file(scene.path("k"), SMALL)


async def pipe_large(scene: Scene) -> None:
    await scene.fs._pipe_file(scene.path("k"), LARGE)


async def pipe_many(scene: Scene) -> None:
    await scene.fs._pipe({scene.path(f"m{number}"): SMALL for number in range(5)})


async def put_large(scene: Scene) -> None:
    await scene.fs._put_file(str(scene.folder / "large"), scene.path("k"))


async def put_tree(scene: Scene) -> None:
    await scene.fs._put(str(scene.folder / "tree"), scene.path("m"), recursive=True)


async def get_small(scene: Scene) -> None:
    await scene.fs._get_file(scene.path("small"), str(scene.local))


async def get_large(scene: Scene) -> None:
    await scene.fs._get_file(f"{scene.bucket}/cancel-large", str(scene.local))


async def get_tree(scene: Scene) -> None:
    await scene.fs._get(scene.path("d"), str(scene.local), recursive=True)


async def cat_large(scene: Scene) -> None:
    assert await scene.fs._cat_file(f"{scene.bucket}/cancel-large") == LARGE


async def cat_many(scene: Scene) -> None:
    got = await scene.fs._cat([scene.path("small"), scene.path("d/a"), scene.path("d/b")])
    assert set(got.values()) == {SMALL}


async def cat_ranges(scene: Scene) -> None:
    path = f"{scene.bucket}/cancel-large"
    got = await scene.fs._cat_ranges([path] * 3, [0, MIB, 9 * MIB], [10, 2 * MIB, 10 * MIB])
    assert [bytes(part) for part in got] == [
        LARGE[:10], LARGE[MIB : 2 * MIB], LARGE[9 * MIB : 10 * MIB],
    ]  # fmt: skip


async def copy_one(scene: Scene) -> None:
    await scene.fs._cp_file(scene.path("small"), scene.path("k"))


async def copy_tree(scene: Scene) -> None:
    await scene.fs._copy(scene.path("d"), scene.path("m"), recursive=True)


async def move(scene: Scene) -> None:
    await scene.fs._mv(scene.path("small"), scene.path("moved"))


async def remove(scene: Scene) -> None:
    await scene.fs._rm(scene.path("d"), recursive=True)


async def look(scene: Scene) -> None:
    await scene.fs._ls(scene.area, refresh=True)
    await scene.fs._find(scene.area)
    await scene.fs._info(scene.path("small"))
    await scene.fs._exists(scene.path("none"))
    await scene.fs._glob(scene.path("*"))
    await scene.fs._du(scene.area)


async def walk(scene: Scene) -> None:
    async for _ in scene.fs._walk(scene.area):
        pass


async def touch(scene: Scene) -> None:
    await scene.fs._touch(scene.path("empty"), truncate=True)


async def write_streamed(scene: Scene) -> None:
    async with await scene.fs.open_async(scene.path("k"), "wb") as file:
        for start in range(0, len(LARGE), 4 * MIB):
            await file.write(LARGE[start : start + 4 * MIB])


async def read_streamed(scene: Scene) -> None:
    async with await scene.fs.open_async(f"{scene.bucket}/cancel-large") as file:
        assert await file.read(10) == LARGE[:10]
        assert await file.read() == LARGE[10:]


OPERATIONS: list[Operation] = [
    pipe_small, pipe_large, pipe_many, put_large, put_tree, get_small, get_large, get_tree,
    cat_large, cat_many, cat_ranges, copy_one, copy_tree, move, remove, look, walk, touch,
    write_streamed, read_streamed,
]  # fmt: skip


def check_objects(scene: Scene) -> None:
    """Each object is whole."""
    whole = {"k": (LARGE, SMALL), "empty": (b"",)}
    for path, body in scene.s3.contents(scene.area + "/").items():
        key = path.removeprefix(f"{scene.area}/")
        assert body in whole.get(key, (SMALL,)), f"{key} has {len(body)} bytes"
    # A move never loses the object.
    kept = {path.rpartition("/")[2] for path in scene.s3.paths(scene.area)}
    assert kept & {"small", "moved"}


def check_local(scene: Scene) -> None:
    """Local files are whole or not there, and nothing temporary lies beside them."""
    beside = {path.name for path in scene.folder.iterdir()} - {"large", "tree"}
    assert beside <= {scene.local.name}, beside
    files = [scene.local] if scene.local.is_file() else list(scene.local.rglob("*"))
    for file in files:
        if file.is_file():
            assert file.read_bytes() in (LARGE, SMALL), f"{file} has {file.stat().st_size} bytes"
            file.unlink()
    for folder in sorted(scene.local.rglob("*"), reverse=True):
        folder.rmdir()
    if scene.local.is_dir():
        scene.local.rmdir()


def open_sockets() -> int:
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            pass
    return count


async def check_usable(scene: Scene) -> None:
    """The file system works, and its cache tells the truth."""
    await scene.fs._pipe_file(scene.path("after"), SMALL)
    assert await scene.fs._cat_file(scene.path("after")) == SMALL
    assert sorted(await scene.fs._find(scene.area)) == scene.s3.paths(scene.area + "/")


@pytest.fixture(scope="module")
def large(s3: Witness, bucket: str) -> str:
    return s3.put(f"{bucket}/cancel-large", LARGE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "large").write_bytes(LARGE)
    (tmp_path / "tree" / "e").mkdir(parents=True)
    for name in ("a", "b", "e/c"):
        (tmp_path / "tree" / name).write_bytes(SMALL)
    return tmp_path


def scene_of(fs: AioS3FileSystem, s3: Witness, bucket: str, folder: Path) -> Scene:
    scene = Scene(fs, s3, bucket, folder)
    scene.seed("small", "d/a", "d/b", "d/e/c")
    return scene


def strikes(count: int) -> list[int]:
    """All of few, the first, the last and some between of many."""
    if count <= 12:
        return list(range(1, count + 1))
    step = count / 8
    return sorted({1, 2, 3, count - 1, count, *(int(1 + step * number) for number in range(8))})


@pytest.mark.parametrize("loop_kind", ["asyncio"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_cancel_at_every_await(
    run: harness.Run, operation: Operation, endpoint: Endpoint, s3: Witness, bucket: str,
    large: str, folder: Path, aws_env: Any,
) -> None:  # fmt: skip
    async def main() -> None:
        fs = AioS3FileSystem(asynchronous=True, **endpoint.arguments)
        scene = scene_of(fs, s3, bucket, folder)
        whole = Struck(operation(scene), 0)
        await whole
        check_objects(scene)
        check_local(scene)
        sockets = open_sockets()
        assert whole.suspensions > 0
        for strike in strikes(whole.suspensions):
            scene = scene_of(fs, s3, bucket, folder)
            struck = Struck(operation(scene), strike)
            try:
                await struck
                # The end may come earlier than the last time; a strike is never swallowed.
                assert struck.suspensions < strike, f"survived CancelledError at {strike}"
            except asyncio.CancelledError:
                pass
            others = asyncio.all_tasks() - {asyncio.current_task()}
            assert not others, f"left behind at {strike}: {others}"
            check_objects(scene)
            check_local(scene)
            await check_usable(scene)
        assert open_sockets() <= sockets + 2

    run(main())
    gc.collect()
    assert s3.uploads(bucket) == []


@pytest.mark.parametrize("operation", [pipe_large, put_large, get_large, write_streamed, copy_tree])
def test_cancel_of_a_task(
    run: harness.Run, operation: Operation, endpoint: Endpoint, s3: Witness, bucket: str,
    large: str, folder: Path, aws_env: Any,
) -> None:  # fmt: skip
    """By Task.cancel() after so many turns of the loop, on each loop."""

    async def main() -> None:
        fs = AioS3FileSystem(asynchronous=True, **endpoint.arguments)
        for turns in (0, 1, 2, 3, 10, 100, 500):
            scene = scene_of(fs, s3, bucket, folder)
            task = asyncio.ensure_future(operation(scene))
            for _ in range(turns):
                await asyncio.sleep(0)
            was_over = task.done()
            task.cancel()
            (end,) = await asyncio.gather(task, return_exceptions=True)
            assert was_over or isinstance(end, asyncio.CancelledError), (turns, end)
            check_objects(scene)
            check_local(scene)
            await check_usable(scene)

    run(main())
    assert s3.uploads(bucket) == []


@pytest.mark.parametrize(
    "operation", [pipe_many, pipe_large, put_large, put_tree, write_streamed, copy_tree, move]
)
def test_cancel_at_every_request(
    run: harness.Run, operation: Operation, traffic: Traffic, s3: Witness, bucket: str,
    large: str, folder: Path, aws_env: Any,
) -> None:  # fmt: skip
    """The task is cancelled when the server got the first request, the second, and so on."""

    async def main() -> None:
        fs = AioS3FileSystem(asynchronous=True, **traffic.endpoint.arguments)
        scene = scene_of(fs, s3, bucket, folder)
        before = len(traffic.requests())
        await operation(scene)
        total = len(traffic.requests()) - before
        assert total > 0
        for number in range(1, total + 1):
            scene = scene_of(fs, s3, bucket, folder)
            before = len(traffic.requests())
            task = asyncio.ensure_future(operation(scene))
            while len(traffic.requests()) - before < number and not task.done():
                await asyncio.sleep(0)
            was_over = task.done()
            task.cancel()
            (end,) = await asyncio.gather(task, return_exceptions=True)
            assert was_over or end is None or isinstance(end, asyncio.CancelledError), end
            check_objects(scene)
            await check_usable(scene)

    run(main())
    assert s3.uploads(bucket) == []


def test_timeouts(
    run: harness.Run, endpoint: Endpoint, s3: Witness, bucket: str, large: str, folder: Path,
    aws_env: Any,
) -> None:  # fmt: skip
    """wait_for around an operation that cannot end in time."""

    async def main() -> None:
        fs = AioS3FileSystem(asynchronous=True, **endpoint.arguments)
        scene = scene_of(fs, s3, bucket, folder)
        for operation in (pipe_large, get_large, cat_large):
            with pytest.raises((asyncio.TimeoutError, TimeoutError)):
                await asyncio.wait_for(operation(scene), 0.0005)
        check_objects(scene)
        check_local(scene)
        await check_usable(scene)

    run(main())
    assert s3.uploads(bucket) == []

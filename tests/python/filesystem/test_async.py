"""The coroutines: loops, threads, cancelling, and what they cost."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import harness
import pytest
from pyathena.aio import _bridge
from pyathena.aio._bridge import next_turn
from pyathena.filesystem import _streamed
from pyathena.filesystem.s3 import S3FileSystem
from s3_harness import MIB, Endpoint, Witness, pattern


def test_no_thread_is_made(run: harness.Run, make: Any, area: str) -> None:
    """Neither by coroutines nor by the methods that wait."""

    async def main() -> None:
        before = set(threading.enumerate())
        for asynchronous in (True, False):
            fs = make(asynchronous=asynchronous)
            await fs._pipe({f"{area}/{number}": b"x" for number in range(20)})
            assert len(fs.cat(area, recursive=True)) == 20
            with fs.open(f"{area}/f", "wb") as file:
                file.write(bytes(6 * MIB))
            fs.rm(area, recursive=True)
        assert set(threading.enumerate()) == before

    run(main())


def test_loop_is_fsspecs_only_when_asked_for(make: Any, endpoint: Endpoint) -> None:
    assert make().loop is None
    loop = asyncio.new_event_loop()
    try:
        assert make(loop=loop).loop is loop
    finally:
        loop.close()
    other = make(asynchronous=False).loop
    assert other is not None and other.is_running()


def test_program_that_waits_does_not_import_asyncio(endpoint: Endpoint, area: str) -> None:
    """Of asyncio there is only what fsspec itself imports."""
    program = (
        "import sys, fsspec.spec, fsspec.callbacks, fsspec.utils\n"
        "had = 'asyncio' in sys.modules\n"
        "from pyathena.filesystem.s3 import S3FileSystem\n"
        f"fs = S3FileSystem(**{endpoint.arguments!r})\n"
        f"fs.pipe_file({area!r} + '/k', b'1')\n"
        f"assert fs.cat_file({area!r} + '/k') == b'1' and fs.ls({area!r})\n"
        "assert ('asyncio' in sys.modules) == had\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("wait", [0.0, 0.002, 0.01, 0.03])
def test_cancelled_download_leaves_no_file(
    run: harness.Run, make: Any, area: str, s3: Witness, tmp_path: Path, wait: float
) -> None:
    path = s3.put(f"{area}/k", pattern(24 * MIB))

    async def main() -> None:
        fs = make()
        task = asyncio.ensure_future(fs._get_file(path, str(tmp_path / "k")))
        await asyncio.sleep(wait)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            assert os.listdir(tmp_path) == []
        else:
            assert (tmp_path / "k").stat().st_size == 24 * MIB

    run(main())


def test_cancelled_writes_leave_no_upload(
    run: harness.Run, make: Any, area: str, s3: Witness, tmp_path: Path
) -> None:
    (tmp_path / "k").write_bytes(bytes(20 * MIB))

    async def main() -> None:
        fs = make()
        for wait in (0.0, 0.005, 0.02, 0.05):
            tasks = [
                asyncio.ensure_future(fs._pipe_file(f"{area}/p", bytes(20 * MIB))),
                asyncio.ensure_future(fs._pipe_file(f"{area}/q", bytes(6 * MIB))),
                asyncio.ensure_future(fs._put_file(str(tmp_path / "k"), f"{area}/f")),
            ]
            await asyncio.sleep(wait)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run(main())
    for path in s3.paths(area):
        assert s3.head(path)["ContentLength"] in (6 * MIB, 20 * MIB)
    harness.wait_until(lambda: not s3.uploads(area), 10, "the uploads are aborted")


def test_first_failure_ends_the_others(run: harness.Run, make: Any, area: str, s3: Witness) -> None:
    async def main() -> None:
        fs = make()
        await fs._pipe({f"{area}/{number}": b"x" for number in range(50)})
        with pytest.raises(FileNotFoundError):
            await fs._cat([*(f"{area}/{number}" for number in range(50)), f"{area}/none"])
        assert len(asyncio.all_tasks()) == 1

    run(main())


def test_transaction_in_a_coroutine(run: harness.Run, make: Any, area: str, s3: Witness) -> None:
    async def main() -> None:
        fs = make()
        with fs.transaction:
            await fs._pipe_file(f"{area}/a", b"1")
            await fs._pipe({f"{area}/b": bytes(6 * MIB)})
            assert await fs._find(area) == []
        assert await fs._find(area) == [f"{area}/a", f"{area}/b"]

    run(main())
    assert len(s3.get(f"{area}/b")) == 6 * MIB


def test_the_file_system_beside_it_shares_listings(
    run: harness.Run, make: Any, area: str, s3: Witness
) -> None:
    s3.put(f"{area}/a")

    async def main() -> None:
        fs = make()
        await fs._ls(area)
        assert isinstance(fs._sync_fs, S3FileSystem)
        assert fs._sync_fs.dircache is fs.dircache
        s3.put(f"{area}/b")
        assert fs._sync_fs.ls(area) == [f"{area}/a"]
        fs._sync_fs.invalidate_cache(area)
        assert len(await fs._ls(area)) == 2

    run(main())


def test_abandoned_walk(run: harness.Run, make: Any, area: str, s3: Witness) -> None:
    for key in ("a/x", "b/y"):
        s3.put(f"{area}/{key}")

    async def main() -> None:
        fs = make()
        async for path, _, _ in fs._walk(area):
            assert path == area
            break
        seen = []
        async for path, dirs, _ in fs._walk(area):
            seen.append(path)
            dirs[:] = [one for one in dirs if one != "a"]
        assert seen == [area, f"{area}/b"]

    run(main())


def held(coroutine: Any) -> tuple[float, float]:
    """CPU seconds of the loop's thread, and the most in one turn of the loop."""

    async def main() -> tuple[float, float]:
        longest, done = 0.0, False

        async def turn() -> None:
            nonlocal longest
            while not done:
                begin = time.thread_time()
                await asyncio.sleep(0)
                longest = max(longest, time.thread_time() - begin)

        task = asyncio.ensure_future(turn())
        begin = time.thread_time()
        await coroutine
        spent = time.thread_time() - begin
        done = True
        await task
        return spent, longest

    return asyncio.run(main())


def test_loop_is_not_held_by_local_files(make: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    path = s3.put(f"{area}/k", pattern(32 * MIB))
    (tmp_path / "from").write_bytes(bytes(32 * MIB))
    fs = make()
    assert held(fs._get_file(path, str(tmp_path / "k")))[1] < 0.05
    assert held(fs._put_file(str(tmp_path / "from"), f"{area}/l"))[1] < 0.05
    assert (tmp_path / "k").read_bytes() == s3.get(path)


def test_small_operations_are_cheap(make: Any, area: str) -> None:
    """The Python of one 4 KiB put or get, in CPU time of the loop's thread; generous bounds."""
    fs = make()
    paths = [f"{area}/{number}" for number in range(500)]

    async def main() -> list[float]:
        await fs._pipe_file(f"{area}/warm", b"")
        begin = time.thread_time()
        await fs._pipe(dict.fromkeys(paths, bytes(4096)))
        middle = time.thread_time()
        assert len(await fs._cat(paths)) == 500
        end = time.thread_time()
        ranges = await fs._cat_ranges([paths[0]] * 500, list(range(500)), list(range(10, 510)))
        assert {len(one) for one in ranges} == {10}
        return [middle - begin, end - middle, time.thread_time() - end]

    for seconds in asyncio.run(main()):
        assert seconds / 500 < 200e-6


async def take_turn() -> None:
    if (turn := next_turn()) is not None:
        await turn


def test_crowd_begins_in_groups(run: harness.Run) -> None:
    """Between two looks at the loop only a few operations begin, in their order."""
    began: list[int] = []
    sizes: list[int] = []

    async def begin(number: int) -> None:
        await take_turn()
        began.append(number)

    async def main() -> None:
        tasks = [asyncio.ensure_future(begin(number)) for number in range(300)]
        tasks[250].cancel()
        before = 0
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            sizes.append(len(began) - before)
            before = len(began)

    run(main())
    assert began == [number for number in range(300) if number != 250]
    assert max(sizes) <= 64


def test_lone_operation_does_not_wait(run: harness.Run) -> None:
    async def main() -> None:
        for _ in range(3):
            assert next_turn() is None

    run(main())


@pytest.mark.parametrize("collects", [True, False])
def test_crowd_holds_the_collector_off(run: harness.Run, collects: bool) -> None:
    """While it is large, and not after a while; afterwards all is as it was before."""
    states: list[bool] = []

    async def begin() -> None:
        await take_turn()
        states.append(gc.isenabled())

    async def main() -> None:
        await asyncio.gather(*(begin() for _ in range(1000)))
        assert states[0] is collects
        assert not any(states[100:500])
        assert gc.isenabled() is collects

    if not collects:
        gc.disable()
    try:
        run(main())
        assert gc.isenabled() is collects
    finally:
        gc.enable()


def test_crowd_holds_the_collector_off_for_a_while(
    run: harness.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_bridge, "_CROWD_S", 0.0)
    monkeypatch.setattr(_bridge, "_STARTS_MAX", 1)
    states: list[bool] = []

    async def begin() -> None:
        await take_turn()
        states.append(gc.isenabled())

    async def main() -> None:
        await asyncio.gather(*(begin() for _ in range(400)))

    run(main())
    assert all(states[10:])


def test_collector_held_off_goes_on_in_a_fork(run: harness.Run) -> None:
    async def main() -> None:
        turns = [next_turn() for _ in range(400)]
        assert not gc.isenabled()
        child = os.fork()
        if child == 0:
            os._exit(0 if gc.isenabled() else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert not gc.isenabled()
        await asyncio.gather(*(turn for turn in turns if turn is not None))
        assert gc.isenabled()

    run(main())


def test_collector_goes_on_when_the_loop_of_a_crowd_closes(run: harness.Run) -> None:
    async def main() -> None:
        for _ in range(400):
            next_turn()
        assert not gc.isenabled()

    run(main())
    gc.collect()
    assert gc.isenabled()


def test_many_at_once(run: harness.Run, make: Any, area: str) -> None:
    async def main() -> None:
        fs = make()
        names = [f"{area}/{number:03}" for number in range(300)]
        await asyncio.gather(*(fs._pipe_file(name, name.encode()) for name in names))
        found = await asyncio.gather(*(fs._cat_file(name) for name in names))
        assert found == [name.encode() for name in names]
        assert await fs._find(area) == names

    run(main())


def test_stream_that_has_arrived_lets_others_go_on(
    run: harness.Run, make: Any, area: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_streamed, "_HOLD_S", 0.0)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> None:
        fs = make()
        data = pattern(4 * MIB)
        await fs._pipe_file(f"{area}/k", data)
        async with await fs.open_async(f"{area}/k") as file:
            pieces = [await file.read(1000)]
            await asyncio.sleep(0.5)
            counter = asyncio.ensure_future(count())
            for _ in range(100):
                pieces.append(await file.read(1000))
            assert turns >= 99
            counter.cancel()
        assert b"".join(pieces) == data[:101_000]

    run(main())

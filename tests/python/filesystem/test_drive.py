"""The two drives: the same coroutines give the same, and leave nothing when they are stopped."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Coroutine, Iterator
from typing import Any

import athena_local
import harness
import pytest
from pyathena import _core
from pyathena.aio._bridge import get_bridge
from pyathena.filesystem import _calls
from pyathena.filesystem._client import S3Client
from pyathena.filesystem._drive import Abandoned, BlockingDrive, Drive, run_blocking
from pyathena.filesystem._loop_drive import LoopDrive
from pyathena.filesystem.s3_path import S3Path
from s3_harness import MIB, Driven, Witness, driven_by, pattern


@pytest.fixture(params=["blocking", "asyncio", "uvloop"])
def driven(request: pytest.FixtureRequest, client: S3Client) -> Driven:
    """Runs a coroutine over a drive of each kind."""
    return driven_by(request.param, client)


@pytest.fixture
def path(area: str, s3: Witness) -> S3Path:
    return S3Path.parse(s3.put(f"{area}/object", b"0123456789"))


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        gc.collect()


def read(drive: Drive, path: S3Path, start: int, end: int) -> Coroutine[Any, Any, bytes]:
    return _calls.get_bytes(drive, path, start, end)


def test_gather_keeps_the_order(driven: Driven, path: S3Path) -> None:
    async def main(drive: Drive) -> list[bytes]:
        return await drive.gather(read(drive, path, i, i + 1) for i in range(10))

    assert driven(main) == [b"%d" % i for i in range(10)]


def test_gather_with_a_limit_takes_coroutines_as_places_become_free(
    driven: Driven, path: S3Path
) -> None:
    async def main(drive: Drive) -> int:
        running, most = 0, 0

        async def one(number: int) -> None:
            nonlocal running
            await read(drive, path, number, number + 1)
            running -= 1

        def make() -> Iterator[Coroutine[Any, Any, None]]:
            nonlocal running, most
            for number in range(10):
                running += 1
                most = max(most, running)
                yield one(number)

        await drive.gather(make(), limit=3)
        return most

    assert driven(main) == 3


def test_gather_of_nothing(driven: Driven) -> None:
    assert driven(lambda drive: drive.gather([])) == []


def test_gather_raises_the_first_failure_and_ends_the_others(
    driven: Driven, area: str, s3: Witness
) -> None:
    ended: list[type[BaseException]] = []

    async def main(drive: Drive) -> None:
        transfer = _calls.open_put_stream(drive, S3Path.parse(f"{area}/never"))

        async def stream() -> None:
            try:
                await transfer.done()  # waits for bytes that never come
            except BaseException as error:
                ended.append(type(error))
                raise

        missing = _calls.get_bytes(drive, S3Path.parse(f"{area}/missing"))
        never_run = _calls.get_bytes(drive, S3Path.parse(f"{area}/other"))
        with pytest.raises(FileNotFoundError):
            await drive.gather([stream(), missing, never_run], limit=2)
        assert transfer.is_over

    driven(main)
    assert len(ended) == 1
    assert issubclass(ended[0], (Abandoned, asyncio.CancelledError))
    assert s3.paths(area) == []


def test_gather_with_return_exceptions(driven: Driven, path: S3Path, area: str) -> None:
    async def main(drive: Drive) -> list[Any]:
        calls = [_calls.get_bytes(drive, S3Path.parse(f"{area}/{key}")) for key in ("no", "object")]
        return await drive.gather(calls, return_exceptions=True)

    missing, content = driven(main)
    assert isinstance(missing, FileNotFoundError)
    assert content == b"0123456789"


def test_error_of_the_iterable_ends_what_runs(driven: Driven, path: S3Path) -> None:
    def make(drive: Drive) -> Iterator[Coroutine[Any, Any, bytes]]:
        yield read(drive, path, 0, 1)
        raise KeyError("iterable")

    with pytest.raises(KeyError, match="iterable"):
        driven(lambda drive: drive.gather(make(drive)))


def test_gather_nests(driven: Driven, path: S3Path) -> None:
    async def row(drive: Drive, number: int) -> list[bytes]:
        return await drive.gather([read(drive, path, number, number + 1) for _ in range(3)])

    async def main(drive: Drive) -> list[list[bytes]]:
        return await drive.gather([row(drive, number) for number in range(4)], limit=2)

    assert driven(main) == [[b"%d" % number] * 3 for number in range(4)]


def test_blocking_inside_a_running_loop(client: S3Client, path: S3Path) -> None:
    async def main() -> tuple[bytes, bytes]:
        first = await _calls.get_bytes(LoopDrive(client), path)
        second = run_blocking(client, lambda drive: _calls.get_bytes(drive, path))
        return first, second

    assert asyncio.run(main()) == (b"0123456789", b"0123456789")


def test_blocking_inside_blocking(client: S3Client, path: S3Path) -> None:
    async def main(drive: Drive) -> tuple[bytes, bytes]:
        transfer = _calls.open_stream(drive, path)
        inner = run_blocking(client, lambda other: _calls.get_bytes(other, path, 0, 3))
        chunk = await _calls.next_chunk(transfer, path)
        await transfer.done()
        assert chunk is not None
        return inner, bytes(chunk)

    assert run_blocking(client, main) == (b"012", b"0123456789")


def test_blocking_in_many_threads(client: S3Client, path: S3Path) -> None:
    got: list[bytes] = []

    def work() -> None:
        for _ in range(5):
            got.append(run_blocking(client, lambda drive: _calls.get_bytes(drive, path)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [b"0123456789"] * 40


def test_operations_go_on_between_runs(client: S3Client, area: str, s3: Witness) -> None:
    drive = BlockingDrive(client)
    path = S3Path.parse(f"{area}/stream")

    async def begin() -> Any:
        transfer = _calls.open_put_stream(drive, path)
        await _calls.write_chunk(transfer, path, b"first ")
        return transfer

    async def end(transfer: Any) -> None:
        await _calls.write_chunk(transfer, path, b"second")
        await _calls.finish_put(transfer, path, ends=True)

    transfer = drive.run(begin())
    drive.run(end(transfer))
    assert s3.contents(area) == {str(path): b"first second"}


def test_waiting_for_nothing_is_an_error_and_no_hang(client: S3Client) -> None:
    drive = BlockingDrive(client)

    async def main() -> None:
        await drive.pause()

    with pytest.raises(RuntimeError, match="waits for nothing"):
        drive.run(main())


INTERRUPTED = """
import os, signal, sys, threading, time
from pyathena.filesystem import _calls
from pyathena.filesystem._client import make_client
from pyathena.filesystem._drive import run_blocking
from pyathena.filesystem.s3_path import S3Path

path = S3Path.parse(sys.argv[1])
async def main(drive):
    transfer = _calls.open_put_stream(drive, path, part_bytes=5 << 20)
    for _ in range(3):
        await _calls.write_chunk(transfer, path, bytes(5 << 20))
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    await drive.gather([transfer.done()])
try:
    run_blocking(make_client(), main)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_interrupt_stops_the_operation_first(
    server: athena_local.Server, area: str, s3: Witness
) -> None:
    done = harness.run_script(server, INTERRUPTED, f"{area}/stream")
    assert done.stdout == "interrupted\n", done.stderr
    assert s3.paths(area) == []
    assert s3.uploads(area) == []


def test_asyncio_stays_unimported_by_the_blocking_side() -> None:
    code = (
        "import sys, pyathena.filesystem._calls as c, pyathena.filesystem._drive as d;"
        "print('asyncio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n", done.stderr


# -- cancelling -----------------------------------------------------------------------------------


async def cancel_after(turns: int, coroutine: Coroutine[Any, Any, Any]) -> bool:
    """Cancels a task after so many turns of the loop; tells whether it was still running."""
    task = asyncio.ensure_future(coroutine)
    for _ in range(turns):
        await asyncio.sleep(0)
        if task.done():
            break
    was_running = task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return was_running


@pytest.mark.parametrize("size", [10, 12 * MIB], ids=["small", "parts"])
def test_cancelled_put_is_whole_or_not_there(
    run: harness.Run, client: S3Client, area: str, s3: Witness, size: int
) -> None:
    data = pattern(size)

    async def main() -> None:
        drive = LoopDrive(client)
        for number in range(12):
            path = S3Path.parse(f"{area}/{number}")
            put = _calls.put_bytes(drive, path, data, part_bytes=5 * MIB)
            await cancel_after(number * number, put)
            assert get_bridge()._operations == {}

    run(main())
    for path, content in s3.contents(area).items():
        assert content == data, path
    assert s3.uploads(area) == []


def test_cancelled_reads_leave_no_operation(
    run: harness.Run, client: S3Client, area: str, s3: Witness
) -> None:
    path = S3Path.parse(s3.put(f"{area}/big", pattern(20 * MIB)))

    async def many(drive: Drive) -> None:
        await drive.gather([_calls.get_bytes(drive, path, i, i + 9) for i in range(9)])

    async def main() -> None:
        drive = LoopDrive(client)
        for turns in (0, 1, 2, 5, 20, 50):
            await cancel_after(turns, _calls.get_bytes(drive, path))
            await cancel_after(turns, _calls.read_range(drive, path, 1, 19 * MIB))
            await cancel_after(turns, many(drive))
            assert get_bridge()._operations == {}
        assert await _calls.get_bytes(drive, path, 0, 4) == pattern(4)

    run(main())


def test_listing_left_in_the_middle_ends(
    driven: Driven, client: S3Client, area: str, s3: Witness
) -> None:
    for number in range(5):
        s3.put(f"{area}/{number}")
    bucket, _, prefix = area.partition("/")

    async def main(drive: Drive) -> int:
        pages = _calls.list_pages(
            drive, _core.S3_LIST_OBJECTS, bucket, prefix=prefix, page_keys=1
        )
        async for page in pages:
            del pages
            return len(page)
        return 0

    assert driven(main) == 1


def test_second_cancel_does_not_wait(run: harness.Run, client: S3Client, area: str) -> None:
    async def main() -> None:
        drive = LoopDrive(client)
        transfer = _calls.open_put_stream(drive, S3Path.parse(f"{area}/never"))
        task = asyncio.ensure_future(transfer.done())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1.5)
        assert get_bridge()._operations == {}

    run(main())


def test_fork_in_between(client: S3Client, path: S3Path) -> None:
    assert run_blocking(client, lambda drive: _calls.get_bytes(drive, path)) == b"0123456789"
    child = os.fork()
    if child == 0:
        try:
            got = run_blocking(client, lambda drive: _calls.get_bytes(drive, path))
            os._exit(0 if got == b"0123456789" else 1)
        except BaseException:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert run_blocking(client, lambda drive: _calls.get_bytes(drive, path)) == b"0123456789"

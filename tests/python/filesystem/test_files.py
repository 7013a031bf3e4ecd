"""Files: what they write and when, who carries it out, what is left after failures."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import harness
import pytest
from pyathena.filesystem.s3 import CompressedBuffer, S3File, S3FileSystem
from pyathena.filesystem.s3_async import AioS3File, AioS3FileSystem, AioS3StreamedFile
from pyathena.filesystem.s3_executor import (
    NativeTask,
    S3AioExecutor,
    S3Executor,
    S3ThreadPoolExecutor,
)
from pyathena.filesystem.s3_writer import S3MultipartStateError
from s3_harness import MIB, PART, Endpoint, Witness, pattern


@pytest.fixture
def fs(endpoint: Endpoint, aws_env: Any) -> S3FileSystem:
    return S3FileSystem(**endpoint.arguments)


# -- parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "step", "parts"),
    [
        (0, 1, 0),
        (1, 1, 0),
        (PART - 1, MIB, 0),
        (PART, MIB, 0),
        (PART, PART, 0),
        (PART + 1, MIB, 1),
        (6 * MIB, 6 * MIB, 1),
        (10 * MIB, 10 * MIB, 2),
        (12 * MIB, 12 * MIB, 2),
        (17 * MIB, MIB, 3),
        (23 * MIB + 7, 3 * MIB + 1, 4),
    ],
)
def test_parts(
    fs: S3FileSystem, area: str, s3: Witness, size: int, step: int, parts: int
) -> None:
    data = pattern(size)
    with fs.open(f"{area}/k", "wb") as file:
        for at in range(0, size, step):
            assert file.write(data[at : at + step]) == len(data[at : at + step])
        assert file.tell() == size
    assert s3.get(f"{area}/k") == data
    assert [part.part_number for part in file.completed_parts] == list(range(1, parts + 1))
    etag = s3.head(f"{area}/k")["ETag"]
    assert etag.endswith(f'-{parts}"') if parts else "-" not in etag
    assert (file.multipart_upload is not None) == (parts > 0)


def test_memory_that_is_written_may_change_afterwards(
    fs: S3FileSystem, area: str, s3: Witness
) -> None:
    block = bytearray(pattern(3 * MIB))
    expected = bytearray()
    with fs.open(f"{area}/k", "wb") as file:
        for number in range(6):
            block[:4] = b"%4d" % number
            expected += block
            file.write(memoryview(block))
        block[:] = bytes(len(block))
    assert s3.get(f"{area}/k") == expected


def test_too_many_parts(fs: S3FileSystem, area: str, s3: Witness, monkeypatch: Any) -> None:
    from pyathena.filesystem import _file, s3_writer

    monkeypatch.setattr(_file, "PARTS_MAX", 2)
    monkeypatch.setattr(s3_writer, "PARTS_MAX", 2)
    with pytest.raises(ValueError, match=r"Cannot upload \d+ bytes in 2 parts"):
        with fs.open(f"{area}/k", "wb") as file:
            file.write(bytes(21 * MIB))
    assert s3.paths(area) == []
    assert s3.uploads(area) == []


# -- executors ------------------------------------------------------------------------------------


class Counting(S3ThreadPoolExecutor):
    """Counts what is submitted to it."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.count = 0

    def submit(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        assert isinstance(fn, NativeTask)
        self.count += 1
        return super().submit(fn, *args, **kwargs)


def test_own_executor_gets_each_part_and_range(fs: S3FileSystem, area: str) -> None:
    data = pattern(23 * MIB)
    with Counting(3) as executor:
        with fs.open(f"{area}/k", "wb", executor=executor) as file:
            file.write(data)
        assert executor.count == len(file.completed_parts) == 4
        with fs.open(f"{area}/k", executor=executor, cache_type="none") as file:
            assert file.read() == data
        assert executor.count == 4 + 5
    assert threading.active_count() == 1 or not [
        thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")
    ]


class Refusing(S3Executor):
    """Takes so much work and refuses the rest."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def submit(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        if self.left == 0:
            raise RuntimeError("no more work")
        self.left -= 1
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future

    def shutdown(self, wait: bool = True) -> None:
        pass


def test_executor_that_refuses(fs: S3FileSystem, area: str, s3: Witness) -> None:
    with pytest.raises(RuntimeError, match="no more work"):
        with fs.open(f"{area}/k", "wb", executor=Refusing(2)) as file:
            file.write(bytes(30 * MIB))
    assert s3.paths(area) == []
    assert s3.uploads(area) == []


def threads_of_the_process() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def test_aio_file_adds_no_thread(
    run: harness.Run, make: Any, area: str, s3: Witness
) -> None:
    data = pattern(100 * MIB)

    async def main() -> None:
        fs = make()
        fs.pipe_file(f"{area}/first", b"the I/O thread runs")
        before = threads_of_the_process()
        with fs.open(f"{area}/k", "wb") as file:
            assert isinstance(file, AioS3File)
            assert isinstance(file._executor, S3AioExecutor)
            for at in range(0, len(data), MIB):
                file.write(data[at : at + MIB])
            assert threads_of_the_process() == before
        with fs.open(f"{area}/k") as file:
            assert file.read() == data
        assert threads_of_the_process() == before

    run(main())


def test_aio_executor_on_and_off_its_loop(
    run: harness.Run, fs: S3FileSystem, area: str
) -> None:
    data = pattern(23 * MIB)

    def write_and_read(executor: S3Executor, key: str) -> None:
        with fs.open(f"{area}/{key}", "wb", executor=executor) as file:
            file.write(data)
        with fs.open(f"{area}/{key}", executor=executor) as file:
            assert file.read() == data

    async def main() -> None:
        executor = S3AioExecutor()
        write_and_read(executor, "on")
        await asyncio.to_thread(write_and_read, executor, "off")

    run(main())


def test_aio_file_where_no_loop_runs(make: Any, area: str) -> None:
    data = pattern(12 * MIB)
    fs = make()
    with fs.open(f"{area}/k", "wb") as file:
        file.write(data)
    with fs.open(f"{area}/k") as file:
        assert file.read() == data


# -- what is left after failures ------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 17 * MIB], ids=["small", "parts"])
def test_exception_in_the_block_leaves_nothing(
    fs: S3FileSystem, area: str, s3: Witness, size: int
) -> None:
    with pytest.raises(KeyError):
        with fs.open(f"{area}/k", "wb") as file:
            file.write(pattern(size))
            raise KeyError
    assert file.closed
    assert s3.paths(area) == []
    assert s3.uploads(area) == []


@pytest.mark.parametrize("size", [10, 17 * MIB], ids=["small", "parts"])
def test_dropped_file_leaves_nothing(
    fs: S3FileSystem, area: str, s3: Witness, size: int
) -> None:
    file = fs.open(f"{area}/k", "wb")
    file.write(pattern(size))
    del file
    gc.collect()
    assert s3.paths(area) == []
    assert s3.uploads(area) == []


def test_exception_keeps_the_old_object(fs: S3FileSystem, area: str, s3: Witness) -> None:
    s3.put(f"{area}/k", b"old")
    with pytest.raises(KeyError):
        with fs.open(f"{area}/k", "wb") as file:
            file.write(b"new")
            raise KeyError
    assert s3.get(f"{area}/k") == b"old"


def test_failed_part_aborts(fs: S3FileSystem, area: str, bucket: str, s3: Witness) -> None:
    file = fs.open(f"{area}/k", "wb")
    file.write(pattern(12 * MIB))
    upload = file.multipart_upload
    s3.client.abort_multipart_upload(Bucket=bucket, Key=upload.key, UploadId=upload.upload_id)
    with pytest.raises(FileNotFoundError):
        for _ in range(20):
            file.write(pattern(6 * MIB))
        file.close()
    assert file.closed
    with pytest.raises(S3MultipartStateError, match="has failed"):
        file.commit()
    with pytest.raises(S3MultipartStateError, match="has failed"):
        file.write(b"x")
    file.close()
    assert s3.paths(area) == []


# -- modes ----------------------------------------------------------------------------------------


def test_exclusive(fs: S3FileSystem, area: str, s3: Witness) -> None:
    for size in (3, 12 * MIB):
        path = f"{area}/{size}"
        with fs.open(path, "xb") as file:
            file.write(pattern(size))
        assert s3.get(path) == pattern(size)
        with pytest.raises(FileExistsError):
            fs.open(path, "xb")


@pytest.mark.parametrize("size", [3, 12 * MIB], ids=["small", "parts"])
def test_exclusive_in_a_race(fs: S3FileSystem, area: str, s3: Witness, size: int) -> None:
    file = fs.open(f"{area}/k", "xb")
    file.write(pattern(size))
    s3.put(f"{area}/k", b"was faster")
    with pytest.raises(FileExistsError):
        file.close()
    assert s3.get(f"{area}/k") == b"was faster"
    assert s3.uploads(area) == []


@pytest.mark.parametrize("before", [0, 3, PART - 1, PART, 12 * MIB])
@pytest.mark.parametrize("more", [0, 2, 11 * MIB])
def test_append(fs: S3FileSystem, area: str, s3: Witness, before: int, more: int) -> None:
    s3.put(f"{area}/k", pattern(before))
    with fs.open(f"{area}/k", "ab") as file:
        assert file.tell() == before
        file.write(pattern(more, seed=1))
    assert s3.get(f"{area}/k") == pattern(before) + pattern(more, seed=1)


def test_append_to_what_is_missing(fs: S3FileSystem, area: str, s3: Witness) -> None:
    with fs.open(f"{area}/k", "ab") as file:
        file.write(b"new")
    assert s3.get(f"{area}/k") == b"new"


def test_append_to_what_was_replaced(fs: S3FileSystem, area: str, s3: Witness) -> None:
    s3.put(f"{area}/k", pattern(6 * MIB))
    file = fs.open(f"{area}/k", "ab")
    s3.put(f"{area}/k", pattern(6 * MIB, seed=9))
    file.write(b"tail")
    with pytest.raises(OSError):
        file.close()
    assert s3.get(f"{area}/k") == pattern(6 * MIB, seed=9)
    assert s3.uploads(area) == []


@pytest.mark.parametrize("size", [0, 3, 12 * MIB])
def test_commit_and_discard(fs: S3FileSystem, area: str, s3: Witness, size: int) -> None:
    with fs.open(f"{area}/kept", "wb", autocommit=False) as kept:
        kept.write(pattern(size))
    with fs.open(f"{area}/dropped", "wb", autocommit=False) as dropped:
        dropped.write(pattern(size))
    assert s3.paths(area) == []
    kept.commit()
    kept.commit()
    kept.discard()
    dropped.discard()
    dropped.discard()
    assert s3.contents(area) == {f"{area}/kept": pattern(size)}
    with pytest.raises(S3MultipartStateError) as caught:
        dropped.commit()
    assert str(caught.value) == (
        f"Cannot commit: the write to s3://{area}/dropped has been discarded."
    )
    assert s3.uploads(area) == []


def test_refused_modes_and_paths(fs: S3FileSystem, area: str, bucket: str, s3: Witness) -> None:
    s3.put(f"{area}/k")
    with pytest.raises(NotImplementedError, match="File mode not supported"):
        S3File(fs, f"{area}/k", "r+b")
    with pytest.raises(ValueError, match="does not contain a key"):
        fs.open(bucket)
    with pytest.raises(ValueError, match="version specified"):
        fs.open(f"{area}/k?versionId=1", "wb")
    with pytest.raises(FileNotFoundError):
        fs.open(area)
    for size in (PART - 1, 5 * 2**30 + 1):
        with pytest.raises(ValueError, match=rf"inclusive: {size}\."):
            fs.open(f"{area}/k", "wb", block_size=size)


# -- reading --------------------------------------------------------------------------------------


def test_replaced_while_open(fs: S3FileSystem, area: str, s3: Witness) -> None:
    s3.put(f"{area}/k", pattern(12 * MIB))
    with fs.open(f"{area}/k") as file:
        assert file.read(4) == pattern(4)
        s3.put(f"{area}/k", pattern(12 * MIB, seed=3))
        file.seek(11 * MIB)
        with pytest.raises(OSError) as caught:
            file.read(4)
    assert caught.value.code == "PreconditionFailed"


def test_pickled_file_reads_on(fs: S3FileSystem, area: str, s3: Witness) -> None:
    s3.put(f"{area}/k", b"0123456789")
    with fs.open(f"{area}/k") as file:
        file.read(3)
        with pickle.loads(pickle.dumps(file)) as other:
            assert (other.tell(), other.read(3)) == (3, b"345")
        assert file.read(3) == b"345"
    with fs.open(f"{area}/w", "wb") as file:
        with pytest.raises(RuntimeError, match="writ"):
            pickle.dumps(file)


def test_pinned_version(endpoint: Endpoint, aws_env: Any, versioned_area: str, s3: Witness) -> None:
    fs = S3FileSystem(version_aware=True, **endpoint.arguments)
    s3.put(f"{versioned_area}/k", b"first")
    first = s3.head(f"{versioned_area}/k")["VersionId"]
    with fs.open(f"{versioned_area}/k") as file:
        s3.put(f"{versioned_area}/k", b"second")
        assert file.version_id == first
        assert file.path.endswith(f"?versionId={first}")
        assert file.read() == b"first"
    with fs.open(f"{versioned_area}/k", version_id=first) as file:
        assert file.read() == b"first"
    fs.invalidate_cache()
    with fs.open(f"{versioned_area}/k") as file:
        assert file.read() == b"second"


def test_metadata(fs: S3FileSystem, area: str, s3: Witness) -> None:
    kwargs = {"Metadata": {"a": "b"}, "ContentType": "x/y"}
    with fs.open(f"{area}/k", "wb", s3_additional_kwargs=kwargs) as file:
        file.write(b"data")
        with pytest.raises(NotImplementedError):
            file.setxattr(c="d")
    with fs.open(f"{area}/k") as file:
        assert file.metadata() == {"a": "b"}
        assert file.metadata().content_type == "x/y"
        assert file.getxattr("a") == "b"
        assert "X-Amz-Signature" in file.url()
        file.setxattr(c="d")
        assert s3.head(f"{area}/k")["Metadata"] == {"a": "b", "c": "d"}


def test_compressed_buffer() -> None:
    import gzip

    assert gzip.decompress(CompressedBuffer.compress(b"text" * 99, "gzip")) == b"text" * 99


# -- streamed files -------------------------------------------------------------------------------


def test_streamed_read(run: harness.Run, make: Any, area: str, s3: Witness) -> None:
    data = pattern(30 * MIB)
    s3.put(f"{area}/k", data)

    async def main() -> None:
        fs = make()
        async with await fs.open_async(f"{area}/k") as file:
            assert isinstance(file, AioS3StreamedFile)
            assert file.size == len(data)
            pieces = []
            while piece := await file.read(1_000_003):
                pieces.append(piece)
            assert b"".join(pieces) == data
            assert file.seek(7) == 7
            assert await file.read(5) == data[7:12]
            file.seek(-3, os.SEEK_END)
            assert await file.read() == data[-3:]
            assert await file.read() == b""
            file.seek(MIB)
            assert await file.read() == data[MIB:]
        with pytest.raises(ValueError, match="closed"):
            await file.read()

    run(main())


def test_streamed_read_loses_nothing_when_cancelled(
    run: harness.Run, make: Any, area: str, s3: Witness
) -> None:
    data = pattern(20 * MIB)
    s3.put(f"{area}/k", data)

    async def main() -> None:
        fs = make()
        async with await fs.open_async(f"{area}/k") as file:
            for turns in range(15):
                task = asyncio.ensure_future(file.read(6 * MIB))
                for _ in range(turns):
                    await asyncio.sleep(0)
                if task.cancel():
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    assert file.tell() == 0
            assert await file.read(9 * MIB) == data[: 9 * MIB]
            assert await file.read() == data[9 * MIB :]

    run(main())


def test_streamed_read_of_what_was_replaced(
    run: harness.Run, make: Any, area: str, s3: Witness
) -> None:
    s3.put(f"{area}/k", pattern(20 * MIB))

    async def main() -> None:
        async with await make().open_async(f"{area}/k") as file:
            s3.put(f"{area}/k", pattern(20 * MIB, seed=1))
            with pytest.raises(OSError) as caught:
                await file.read(100)
            assert caught.value.code == "PreconditionFailed"

    run(main())


@pytest.mark.parametrize("size", [0, 3, PART, 17 * MIB])
@pytest.mark.parametrize("mode", ["wb", "xb"])
def test_streamed_write(
    run: harness.Run, make: Any, area: str, s3: Witness, size: int, mode: str
) -> None:
    data = pattern(size)

    async def main() -> None:
        async with await make().open_async(f"{area}/k", mode) as file:
            for at in range(0, size, 2 * MIB + 1):
                await file.write(data[at : at + 2 * MIB + 1])
            await file.flush()
            assert file.tell() == size
        await file.close()
        with pytest.raises((S3MultipartStateError, ValueError)):
            await file.write(b"x")

    run(main())
    assert s3.get(f"{area}/k") == data


@pytest.mark.parametrize("before", [3, 12 * MIB])
@pytest.mark.parametrize("more", [2, 11 * MIB])
def test_streamed_append(
    run: harness.Run, make: Any, area: str, s3: Witness, before: int, more: int
) -> None:
    s3.put(f"{area}/k", pattern(before))

    async def main() -> None:
        async with await make().open_async(f"{area}/k", "ab") as file:
            assert file.tell() == before
            await file.write(pattern(more, seed=1))

    run(main())
    assert s3.get(f"{area}/k") == pattern(before) + pattern(more, seed=1)


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_streamed_write_leaves_nothing_after_an_exception(
    run: harness.Run, make: Any, area: str, s3: Witness, mode: str
) -> None:
    if mode == "ab":
        s3.put(f"{area}/k", pattern(6 * MIB))

    async def main() -> None:
        with pytest.raises(KeyError):
            async with await make().open_async(f"{area}/k", mode) as file:
                await file.write(pattern(17 * MIB))
                raise KeyError

    run(main())
    assert s3.contents(area) == ({f"{area}/k": pattern(6 * MIB)} if mode == "ab" else {})
    assert s3.uploads(area) == []


def test_streamed_write_that_is_cancelled_leaves_nothing(
    run: harness.Run, make: Any, area: str, s3: Witness
) -> None:
    async def write(fs: AioS3FileSystem) -> None:
        async with await fs.open_async(f"{area}/k", "wb") as file:
            while True:
                await file.write(bytes(7 * MIB))

    async def main() -> None:
        fs = make()
        for turns in (0, 1, 3, 10, 30, 100):
            task = asyncio.ensure_future(write(fs))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())
    assert s3.paths(area) == []
    assert s3.uploads(area) == []


def test_streamed_exclusive_in_a_race(
    run: harness.Run, make: Any, area: str, s3: Witness
) -> None:
    async def main() -> None:
        fs = make()
        file = await fs.open_async(f"{area}/k", "xb")
        await file.write(b"slow")
        s3.put(f"{area}/k", b"fast")
        with pytest.raises(FileExistsError):
            await file.close()
        with pytest.raises(FileExistsError):
            await fs.open_async(f"{area}/k", "xb")

    run(main())
    assert s3.get(f"{area}/k") == b"fast"

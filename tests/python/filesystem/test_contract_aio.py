"""What AioS3FileSystem has beyond the blocking class, on each loop."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import fsspec.asyn
import harness
import pytest
from pyathena.filesystem.s3_async import AioS3File, AioS3FileSystem, AioS3StreamedFile
from s3_harness import MIB, Endpoint, Witness, pattern

COROUTINES = (
    "_ls _info _exists _isdir _isfile _size _sizes _find _glob _du _expand_path _cat _cat_file "
    "_cat_ranges _pipe _pipe_file _put _put_file _get _get_file _touch _copy _cp_file _mv _rm "
    "_rm_file _mkdir _makedirs _rmdir open_async"
).split()
BLOCKING = (
    "sign metadata getxattr setxattr get_tags put_tags chmod object_version_info "
    "list_multipart_uploads clear_multipart_uploads checksum created modified invalidate_cache "
    "touch rmdir close ls info exists isdir isfile size find glob du cat cat_file cat_ranges pipe "
    "pipe_file put put_file get get_file copy cp_file mv rm rm_file mkdir makedirs walk open"
).split()


def test_members() -> None:
    assert issubclass(AioS3FileSystem, fsspec.asyn.AsyncFileSystem)
    assert AioS3FileSystem.async_impl is True
    for name in COROUTINES:
        assert inspect.iscoroutinefunction(getattr(AioS3FileSystem, name)), name
    assert inspect.isasyncgenfunction(AioS3FileSystem._walk)
    for name in BLOCKING:
        assert not inspect.iscoroutinefunction(getattr(AioS3FileSystem, name)), name


def test_blocking_and_asynchronous_in_one_function(
    run: harness.Run, make: Any, area: str, s3: Witness
) -> None:
    """The blocking methods work in a coroutine of the running loop."""
    for key in ("a", "d/b", "d/c"):
        s3.put(f"{area}/{key}", key.encode())

    async def main() -> None:
        fs = make()
        assert sorted(await fs._ls(area)) == [f"{area}/a", f"{area}/d"]
        assert await fs._cat_file(f"{area}/a") == b"a"
        assert sorted(fs.ls(area)) == [f"{area}/a", f"{area}/d"]
        assert fs.cat_file(f"{area}/d/b") == b"d/b"
        assert fs.info(f"{area}/a")["size"] == 1 and fs.exists(f"{area}/d")
        assert fs.find(area) == [f"{area}/a", f"{area}/d/b", f"{area}/d/c"]
        assert list(fs.walk(f"{area}/d")) == [(f"{area}/d", [], ["b", "c"])]
        fs.pipe_file(f"{area}/new", b"new")
        assert fs.cat([f"{area}/a", f"{area}/new"]) == {f"{area}/a": b"a", f"{area}/new": b"new"}
        fs.cp_file(f"{area}/new", f"{area}/copy")
        with fs.open(f"{area}/copy") as file:
            assert file.read() == b"new"
        with fs.open(f"{area}/written", "wb") as file:
            file.write(b"1")
        assert fs.head(f"{area}/written") == b"1"
        fs.rm([f"{area}/copy", f"{area}/written"])
        fs.rm_file(f"{area}/new")
        await fs._rm(f"{area}/d", recursive=True)
        assert fs.ls(f"{area}/d") == []

    run(main())
    assert s3.paths(area) == [f"{area}/a"]


def test_every_blocking_method_in_a_coroutine(
    run: harness.Run, make: Any, area: str, s3: Witness, tmp_path: Any
) -> None:
    s3.put(f"{area}/a", b"a")
    (tmp_path / "k").write_bytes(b"k")

    async def main() -> None:
        fs = make()
        assert fs.isfile(f"{area}/a") and fs.isdir(area) and fs.size(f"{area}/a") == 1
        assert fs.sizes([f"{area}/a"]) == [1] and fs.du(area) == 1
        assert fs.glob(f"{area}/*") == [f"{area}/a"]
        assert fs.cat_ranges([f"{area}/a"], 0, 1) == [b"a"]
        fs.pipe({f"{area}/b": b"b"})
        fs.put_file(str(tmp_path / "k"), f"{area}/k")
        fs.put(str(tmp_path / "k"), f"{area}/l")
        fs.get_file(f"{area}/k", str(tmp_path / "m"))
        fs.get(f"{area}/k", str(tmp_path / "n"))
        fs.copy(f"{area}/k", f"{area}/o")
        fs.mv(f"{area}/o", f"{area}/p")
        fs.mkdir(f"{area}/q")
        fs.makedirs(f"{area}/q", exist_ok=True)
        fs.touch(f"{area}/t")
        fs.setxattr(f"{area}/a", one="1")
        assert fs.metadata(f"{area}/a") == {"one": "1"} and fs.getxattr(f"{area}/a", "one") == "1"
        fs.put_tags(f"{area}/a", {"x": "y"})
        assert fs.get_tags(f"{area}/a") == {"x": "y"}
        assert fs.sign(f"{area}/a").startswith("http")
        assert fs.checksum(f"{area}/a") and fs.modified(f"{area}/a") and fs.ukey(f"{area}/a")
        assert fs.list_multipart_uploads(area) == []
        assert fs.read_text(f"{area}/a") == "a"

    run(main())
    assert [path.rpartition("/")[2] for path in s3.paths(area)] == list("abklpt")
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes() == b"k"


def test_many_at_once(run: harness.Run, make: Any, area: str) -> None:
    async def main() -> None:
        fs = make()
        paths = [f"{area}/{number:03}" for number in range(300)]
        await asyncio.gather(*(fs._pipe_file(path, path.encode()) for path in paths))
        got = await asyncio.gather(*(fs._cat_file(path) for path in paths))
        assert got == [path.encode() for path in paths]
        assert await fs._cat(paths) == dict(zip(paths, got))
        assert await fs._find(area) == paths
        await fs._rm(area, recursive=True)
        assert await fs._find(area) == []

    run(main())


def test_loop_goes_on_meanwhile(run: harness.Run, make: Any, area: str) -> None:
    """Other tasks run while an operation waits."""

    async def main() -> None:
        fs = make()
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counter = asyncio.ensure_future(count())
        await fs._pipe_file(f"{area}/k", bytes(6 * MIB))
        await fs._cat_file(f"{area}/k")
        counter.cancel()
        assert turns > 5

    run(main())


def test_two_loops_one_after_the_other(loop_kind: str, make: Any, area: str) -> None:
    """A file system serves the loop that runs."""
    fs = make()
    for number in range(2):
        harness.run_on(loop_kind, fs._pipe_file(f"{area}/k", b"%d" % number))
        assert harness.run_on(loop_kind, fs._cat_file(f"{area}/k")) == b"%d" % number


def test_open_async(run: harness.Run, make: Any, area: str, s3: Witness) -> None:
    data = pattern(11 * MIB)

    async def main() -> None:
        fs = make()
        async with await fs.open_async(f"{area}/k", "wb") as file:
            assert isinstance(file, AioS3StreamedFile)
            for start in range(0, len(data), 3 * MIB):
                assert await file.write(data[start : start + 3 * MIB]) == len(
                    data[start : start + 3 * MIB]
                )
        async with await fs.open_async(f"{area}/k") as file:
            assert (file.size, file.bucket) == (len(data), area.partition("/")[0])
            first = await file.read(5)
            rest = await file.read()
            assert first + rest == data
            assert await file.read(1) == b""
        file = await fs.open_async(f"{area}/small", "wb")
        await file.write(b"1")
        await file.flush()
        await file.close()
        await file.close()
        with pytest.raises(FileNotFoundError):
            await fs.open_async(f"{area}/none")
        for mode in ("r", "w"):
            with pytest.raises(ValueError, match="only binary modes without compression"):
                await fs.open_async(f"{area}/k", mode)

    run(main())
    assert s3.get(f"{area}/k") == data
    assert s3.get(f"{area}/small") == b"1"


@pytest.mark.parametrize("size", [10, 11 * MIB])
def test_open_async_leaves_nothing_after_an_exception(
    run: harness.Run, make: Any, area: str, s3: Witness, bucket: str, size: int
) -> None:
    async def main() -> None:
        fs = make()
        with pytest.raises(KeyError):
            async with await fs.open_async(f"{area}/k", "wb") as file:
                await file.write(bytes(size))
                raise KeyError
        assert not await fs._exists(f"{area}/k")

    run(main())
    assert s3.paths(area) == []
    assert s3.uploads(bucket) == []


def test_open_gives_files_of_their_class(run: harness.Run, make: Any, area: str) -> None:
    async def main() -> None:
        fs = make()
        with fs.open(f"{area}/k", "wb") as file:
            assert isinstance(file, AioS3File)
            file.write(b"1")
        with fs.open(f"{area}/k") as file:
            assert isinstance(file, AioS3File) and file.read() == b"1"

    run(main())


def test_pipe_gives_a_list(run: harness.Run, make: Any, area: str) -> None:
    async def main() -> None:
        assert await make()._pipe(f"{area}/k", b"1") == [None]

    run(main())


def test_walk_is_a_generator(run: harness.Run, make: Any, area: str, s3: Witness) -> None:
    s3.put(f"{area}/a/b/c")

    async def main() -> None:
        seen = [item async for item in make()._walk(area)]
        assert seen == [
            (area, ["a"], []), (f"{area}/a", ["b"], []), (f"{area}/a/b", [], ["c"]),
        ]  # fmt: skip

    run(main())


def test_cache_is_shared_by_both_ways(run: harness.Run, make: Any, area: str, s3: Witness) -> None:
    s3.put(f"{area}/a")

    async def main() -> None:
        fs = make()
        await fs._ls(area)
        s3.put(f"{area}/b")
        assert fs.ls(area) == [f"{area}/a"]
        fs.invalidate_cache(area)
        assert await fs._ls(area) == [f"{area}/a", f"{area}/b"]

    run(main())


def test_context_manager_and_close(endpoint: Endpoint, aws_env: Any, area: str) -> None:
    fs = AioS3FileSystem(**endpoint.arguments)
    fs.pipe_file(f"{area}/k", b"1")
    fs.close()
    fs.close()


def test_instances_are_kept(endpoint: Endpoint, aws_env: Any) -> None:
    arguments = {**endpoint.arguments, "skip_instance_cache": False}
    try:
        assert AioS3FileSystem(**arguments) is AioS3FileSystem(**arguments)
        assert AioS3FileSystem(**arguments) is not AioS3FileSystem(version_aware=True, **arguments)
    finally:
        AioS3FileSystem.clear_instance_cache()

"""Other libraries on the file systems; executors; what is not imported and not started."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import athena_local
import duckdb
import fsspec
import harness
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import pytest
from fsspec.core import url_to_fs
from fsspec.registry import _registry
from pyathena.filesystem import register_s3_filesystem
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.filesystem.s3_async import AioS3FileSystem
from pyathena.filesystem.s3_executor import S3AioExecutor, S3Executor, S3ThreadPoolExecutor
from s3_harness import MIB, Endpoint, Traffic, Witness, pattern

ROWS = 20_000


@pytest.fixture(params=["blocking", "wrapped", "asynchronous"])
def fs(request: pytest.FixtureRequest, endpoint: Endpoint, aws_env: Any) -> Iterator[Any]:
    """The blocking use of each class; the libraries know no coroutines."""
    if request.param == "blocking":
        yield S3FileSystem(**endpoint.arguments)
    else:
        fs = AioS3FileSystem(asynchronous=request.param == "asynchronous", **endpoint.arguments)
        yield fs
        fs.close()


@pytest.fixture
def by_name(endpoint: Endpoint, aws_env: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """s3:// means this package's file system; the options that lead to the server."""
    classes, known = (S3FileSystem, AioS3FileSystem), dict(_registry)
    for class_ in classes:
        class_.clear_instance_cache()
    register_s3_filesystem()
    yield endpoint.settings
    for class_ in classes:
        class_.clear_instance_cache()
    _registry.clear()
    _registry.update(known)


@pytest.fixture
def frame() -> Any:
    return pd.DataFrame(
        {"id": range(ROWS), "name": [f"näme {number % 97}" for number in range(ROWS)]}
    )


# -- fsspec ---------------------------------------------------------------------------------------


def test_registered(by_name: dict[str, Any], area: str) -> None:
    for scheme in ("s3", "s3a"):
        fs, path = url_to_fs(f"{scheme}://{area}/k", **by_name)
        assert isinstance(fs, S3FileSystem) and path == f"{area}/k"
    with fsspec.open(f"s3://{area}/k", "wb", **by_name) as file:
        file.write(b"1")
    with fsspec.open(f"s3a://{area}/k", "rb", **by_name) as file:
        assert file.read() == b"1"
    mapper = fsspec.get_mapper(f"s3://{area}/map", **by_name)
    mapper["a/b"] = b"2"
    assert dict(mapper) == {"a/b": b"2"}
    del mapper["a/b"]
    assert list(mapper) == []


def test_file_system_from_json_and_pickle(endpoint: Endpoint, aws_env: Any, area: str) -> None:
    import pickle

    for class_ in (S3FileSystem, AioS3FileSystem):
        fs = class_(**endpoint.arguments)
        fs.pipe_file(f"{area}/k", b"1")
        for again in (pickle.loads(pickle.dumps(fs)), class_.from_json(fs.to_json())):
            assert type(again) is class_
            assert again.cat_file(f"{area}/k") == b"1"


def test_caching_file_system(by_name: dict[str, Any], area: str, tmp_path: Path) -> None:
    fs, _ = url_to_fs(f"s3://{area}", **by_name)
    fs.pipe_file(f"{area}/k", b"12345")
    cached = fsspec.filesystem(
        "simplecache", target_protocol="s3", target_options=by_name, cache_storage=str(tmp_path)
    )
    with cached.open(f"{area}/k") as file:
        assert file.read() == b"12345"


# -- pandas ---------------------------------------------------------------------------------------


def test_pandas(by_name: dict[str, Any], area: str, frame: Any) -> None:
    options = {"storage_options": by_name}
    frame.to_csv(f"s3://{area}/f.csv", index=False, **options)
    assert pd.read_csv(f"s3://{area}/f.csv", **options).equals(frame)
    frame.to_csv(f"s3://{area}/f.csv.gz", index=False, **options)
    assert pd.read_csv(f"s3://{area}/f.csv.gz", **options).equals(frame)
    frame.to_parquet(f"s3://{area}/f.parquet", **options)
    assert pd.read_parquet(f"s3://{area}/f.parquet", **options).equals(frame)
    frame.to_json(f"s3://{area}/f.json", orient="records", lines=True, **options)
    assert pd.read_json(f"s3://{area}/f.json", lines=True, **options).equals(frame)


def test_pandas_by_an_open_file(fs: Any, area: str, frame: Any) -> None:
    with fs.open(f"{area}/f.parquet", "wb") as file:
        frame.to_parquet(file)
    with fs.open(f"{area}/f.parquet") as file:
        assert pd.read_parquet(file).equals(frame)
    with fs.open(f"{area}/f.csv", "w", newline="", encoding="utf-8") as file:
        frame.to_csv(file, index=False)
    with fs.open(f"{area}/f.csv", "r", encoding="utf-8") as file:
        assert pd.read_csv(file).equals(frame)


# -- pyarrow --------------------------------------------------------------------------------------


def test_pyarrow(fs: Any, area: str, frame: Any) -> None:
    arrow = pa.fs.PyFileSystem(pa.fs.FSSpecHandler(fs))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pa.parquet.write_table(table, f"{area}/t.parquet", filesystem=arrow)
    assert pa.parquet.read_table(f"{area}/t.parquet", filesystem=arrow).equals(table)
    columns = pa.parquet.read_table(f"{area}/t.parquet", columns=["id"], filesystem=arrow)
    assert columns.column("id").to_pylist() == list(range(ROWS))
    info = arrow.get_file_info(f"{area}/t.parquet")
    assert info.is_file and info.size == fs.size(f"{area}/t.parquet")
    assert arrow.get_file_info(f"{area}/none").type == pa.fs.FileType.NotFound
    (found,) = arrow.get_file_info(pa.fs.FileSelector(area, recursive=True))
    assert found.path == f"{area}/t.parquet"
    arrow.copy_file(f"{area}/t.parquet", f"{area}/copy")
    arrow.move(f"{area}/copy", f"{area}/moved")
    arrow.delete_file(f"{area}/moved")
    assert fs.find(area) == [f"{area}/t.parquet"]
    with arrow.open_output_stream(f"{area}/stream") as stream:
        stream.write(b"12345")
    with arrow.open_input_file(f"{area}/stream") as file:
        file.seek(2)
        assert file.read(2) == b"34"


def test_pyarrow_dataset(fs: Any, area: str, frame: Any) -> None:
    table = pa.Table.from_pandas(frame.head(1000), preserve_index=False)
    pa.dataset.write_dataset(
        table, f"{area}/set", filesystem=fs, format="parquet", partitioning=["name"],
        partitioning_flavor="hive", max_partitions=200,
    )  # fmt: skip
    read = pa.dataset.dataset(
        f"{area}/set", filesystem=fs, format="parquet", partitioning="hive"
    ).to_table()
    assert sorted(read.column("id").to_pylist()) == list(range(1000))
    assert len(fs.ls(f"{area}/set")) == 97


# -- polars ---------------------------------------------------------------------------------------


def test_polars(fs: Any, area: str, frame: Any) -> None:
    table = pl.from_pandas(frame)
    with fs.open(f"{area}/p.parquet", "wb") as file:
        table.write_parquet(file)
    with fs.open(f"{area}/p.parquet") as file:
        assert pl.read_parquet(file).equals(table)
    with fs.open(f"{area}/p.csv", "wb") as file:
        table.write_csv(file)
    with fs.open(f"{area}/p.csv") as file:
        assert pl.read_csv(file).equals(table)
    lazy = pl.scan_pyarrow_dataset(
        pa.dataset.dataset(f"{area}/p.parquet", filesystem=fs, format="parquet")
    )
    assert lazy.filter(pl.col("id") < 10).collect().height == 10


# -- DuckDB ---------------------------------------------------------------------------------------


def test_duckdb(fs: Any, area: str, frame: Any) -> None:
    with duckdb.connect() as database:
        database.register_filesystem(fs)
        database.register("frame", frame)
        database.execute(f"COPY frame TO 's3://{area}/d.parquet' (FORMAT parquet)")
        database.execute(f"COPY frame TO 's3://{area}/d.csv' (FORMAT csv)")
        count = f"SELECT count(*), sum(id) FROM read_parquet('s3://{area}/d.parquet')"
        assert database.execute(count).fetchall() == [(ROWS, ROWS * (ROWS - 1) // 2)]
        count = f"SELECT count(*), sum(id) FROM read_csv('s3://{area}/*.csv')"
        assert database.execute(count).fetchall() == [(ROWS, ROWS * (ROWS - 1) // 2)]


def test_duckdb_reads_a_large_file_on_many_threads(fs: Any, area: str, s3: Witness) -> None:
    """It seeks and reads one file on all its threads at once."""
    rows = 600_000
    lines = b"".join(b"%d,some text in line %d\n" % (row, row) for row in range(rows))
    s3.put(f"{area}/large.csv", lines)
    with duckdb.connect(config={"threads": 4}) as database:
        database.register_filesystem(fs)
        count = (
            f"SELECT count(*), sum(column0) FROM read_csv('s3://{area}/large.csv', header=false)"
        )
        assert database.execute(count).fetchall() == [(rows, rows * (rows - 1) // 2)]


# -- executors ------------------------------------------------------------------------------------


class Counting(S3Executor):
    """An executor of the user's, which counts."""

    def __init__(self) -> None:
        self.pool = concurrent.futures.ThreadPoolExecutor(4)
        self.submitted = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        self.submitted += 1
        return self.pool.submit(fn, *args, **kwargs)

    def submit_to(self, future: Any, fn: Any, /, *args: Any, **kwargs: Any) -> None:
        self.submitted += 1

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self.pool.submit(run)

    def shutdown(self, wait: bool = True) -> None:
        self.pool.shutdown(wait)


def test_executor_gets_a_submit_for_each_part(
    endpoint: Endpoint, aws_env: Any, traffic: Traffic, area: str, s3: Witness
) -> None:
    from pyathena.filesystem.s3 import S3File

    fs = S3FileSystem(**traffic.endpoint.arguments)
    data = pattern(20 * MIB)
    executor = Counting()
    file = S3File(fs, f"{area}/k", mode="wb", block_size=5 * MIB, executor=executor, max_workers=4)
    parts = traffic.count(lambda: (file.write(data), file.close())).count("UploadPart")
    assert parts == executor.submitted == 4
    assert s3.get(f"{area}/k") == data
    executor = Counting()
    file = S3File(fs, f"{area}/k", mode="rb", block_size=5 * MIB, executor=executor, max_workers=4,
                  cache_type="none")  # fmt: skip
    got: list[bytes] = []
    ranges = traffic.count(lambda: got.append(file.read())).count("GetObject")
    assert got == [data]
    assert ranges == executor.submitted > 1
    file.close()


def test_thread_pool_executor() -> None:
    with S3ThreadPoolExecutor(max_workers=2) as executor:
        assert executor.submit(pow, 2, 10).result(10) == 1024


def test_aio_executor(run: harness.Run) -> None:
    async def main() -> None:
        executor = S3AioExecutor(loop=asyncio.get_running_loop())
        future = executor.submit(pow, 2, 10)
        assert isinstance(future, concurrent.futures.Future)
        assert await asyncio.wrap_future(future) == 1024
        with pytest.raises(ZeroDivisionError):
            await asyncio.wrap_future(executor.submit(divmod, 1, 0))
        executor.shutdown()

    run(main())
    with pytest.raises(RuntimeError, match="requires a running event loop"):
        S3AioExecutor().submit(pow, 2, 10)


LARGE_FILE = """
import asyncio, json, os, sys, threading
import uvloop
from pyathena.filesystem.s3_async import AioS3FileSystem
from pyathena.filesystem.s3_executor import S3AioExecutor

area, kind = sys.argv[1:]


def threads():
    return sorted(t.name for t in threading.enumerate()), len(os.listdir("/proc/self/task"))


async def main():
    fs = AioS3FileSystem(asynchronous=True)
    block = os.urandom(5 << 20)
    seen = []
    await fs._pipe_file(f"{area}/first", b"1")
    before = threads()
    with fs.open(f"{area}/k", "wb") as file:
        executor = isinstance(file._executor, S3AioExecutor)
        for _ in range(20):
            file.write(block)
            seen.append(threads())
    with fs.open(f"{area}/k") as file:
        while piece := file.read(20 << 20):
            assert piece[: 5 << 20] == block
            seen.append(threads())
    async with await fs.open_async(f"{area}/k") as stream:
        assert await stream.read(5 << 20) == block
        seen.append(threads())
    assert len(seen) == 26
    return {"before": before, "others": [t for t in seen if t != before], "executor": executor}


loop = uvloop.new_event_loop() if kind == "uvloop" else asyncio.new_event_loop()
print(json.dumps(loop.run_until_complete(main())))
"""


def told_by(server: athena_local.Server, code: str, *words: str) -> Any:
    """Runs a program that knows the server by its environment; what it printed last, as JSON."""
    return json.loads(harness.run_script(server, code, *words).stdout.splitlines()[-1])


def test_large_file_adds_no_thread(
    loop_kind: str, server: athena_local.Server, area: str
) -> None:
    """100 MiB written and read by files of AioS3FileSystem, whose parts S3AioExecutor runs."""
    told = told_by(server, LARGE_FILE, area, loop_kind)
    assert told["before"] == [["MainThread"], 2]
    assert told["others"] == []
    assert told["executor"] is True


FOOTPRINT = """
import asyncio, json, os, sys, threading
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.filesystem.s3_async import AioS3FileSystem

area = sys.argv[1]
plain = S3FileSystem()
plain.pipe_file(f"{area}/k", b"1")
assert plain.cat_file(f"{area}/k") == b"1"


async def main():
    fs = AioS3FileSystem(asynchronous=True)
    loop = asyncio.get_running_loop()
    await fs._pipe({f"{area}/{n}": b"2" for n in range(50)})
    assert len(await fs._find(area)) == 51
    with fs.open(f"{area}/large", "wb") as file:
        file.write(bytes(12 << 20))
    async with await fs.open_async(f"{area}/large") as file:
        assert len(await file.read()) == 12 << 20
    await fs._rm(area, recursive=True)
    return loop._default_executor is not None


executor = asyncio.run(main())
print(json.dumps({
    "modules": sorted({m.partition(".")[0] for m in sys.modules}),
    "executor": executor,
    "threads": [t.name for t in threading.enumerate()],
    "tasks": len(os.listdir("/proc/self/task")),
}))
"""


def test_footprint(server: athena_local.Server, area: str) -> None:
    """Settings by environment; neither boto3 nor a pool of threads, one thread of the core."""
    told = told_by(server, FOOTPRINT, area)
    absent = {"boto3", "botocore", "s3transfer", "aiohttp", "aiobotocore", "urllib3", "tenacity"}
    assert not absent & set(told["modules"])
    assert not {"pandas", "pyarrow", "polars", "numpy"} & set(told["modules"])
    assert told["executor"] is False
    assert told["threads"] == ["MainThread"]
    assert told["tasks"] == 2

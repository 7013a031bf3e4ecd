"""Writing: files, pipes, uploads, transactions."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from s3_harness import MIB, PART, FileSystems, Steps, Traffic, Witness, pattern

#: For what moves many bytes: both of the ways that operations are carried out.
TWO_KINDS = pytest.mark.parametrize("kind", ["blocking", "uvloop"])

# -- files ----------------------------------------------------------------------------------------


def test_small_file_is_one_put(systems: FileSystems, traffic: Traffic, area: str, s3: Any) -> None:
    fs = systems.make(endpoint=traffic.endpoint)

    def write() -> None:
        with fs.open(f"{area}/k", "wb") as file:
            assert file.write(b"12345") == 5
            assert file.write(memoryview(b"678")) == 3
            assert file.tell() == 8
            assert not s3.paths(area)

    assert traffic.count(write) == ["PutObject"]
    assert s3.get(f"{area}/k") == b"12345678"


def test_empty_file(fs: Any, area: str, s3: Witness) -> None:
    fs.open(f"{area}/k", "wb").close()
    assert s3.get(f"{area}/k") == b""


@TWO_KINDS
@pytest.mark.parametrize("size, parts", [(PART - 1, 0), (PART + 1, 1), (11 * MIB, 2)])
def test_parts_of_a_file(
    systems: FileSystems, traffic: Traffic, area: str, s3: Witness, bucket: str, size: int,
    parts: int,
) -> None:  # fmt: skip
    """One block is put; more is uploaded in parts, and no part is too short."""
    fs = systems.make(endpoint=traffic.endpoint)
    data = pattern(size)

    def write() -> None:
        with fs.open(f"{area}/k", "wb") as file:
            for start in range(0, size, MIB - 1):
                file.write(data[start : start + MIB - 1])

    made = traffic.count(write)
    if parts:
        assert made == sorted(
            ["CreateMultipartUpload", "CompleteMultipartUpload", *["UploadPart"] * parts]
        )
    else:
        assert made == ["PutObject"]
    assert s3.get(f"{area}/k") == data
    assert s3.uploads(bucket) == []
    assert fs.info(f"{area}/k")["size"] == size


@pytest.mark.parametrize("block", [PART - 1, 5 * 1024 * MIB + 1])
def test_block_size_has_bounds(fs: Any, area: str, block: int) -> None:
    with pytest.raises(ValueError, match="Block size for writing must be between 5 MiB"):
        fs.open(f"{area}/k", "wb", block_size=block)


def test_mode_that_is_not_there(fs: Any, area: str) -> None:
    with pytest.raises(NotImplementedError, match="File mode not supported"):
        fs.open(f"{area}/k", "r+b")


@TWO_KINDS
@pytest.mark.parametrize("before", [None, 0, 10, PART - 1, PART, PART + 3])
def test_append(fs: Any, area: str, s3: Witness, bucket: str, before: int | None) -> None:
    start = pattern(before or 0)
    if before is not None:
        s3.put(f"{area}/k", start)
    with fs.open(f"{area}/k", "ab") as file:
        file.write(b"more")
    assert s3.get(f"{area}/k") == start + b"more"
    assert s3.uploads(bucket) == []


@TWO_KINDS
def test_append_of_much(fs: Any, area: str, s3: Witness, bucket: str) -> None:
    s3.put(f"{area}/k", pattern(PART + 3))
    with fs.open(f"{area}/k", "ab") as file:
        assert file.tell() == PART + 3
        file.write(pattern(6 * MIB, 1))
    assert s3.get(f"{area}/k") == pattern(PART + 3) + pattern(6 * MIB, 1)
    assert s3.uploads(bucket) == []


def test_exclusive(systems: FileSystems, traffic: Traffic, area: str, s3: Witness) -> None:
    fs = systems.make(endpoint=traffic.endpoint)
    with fs.open(f"{area}/k", "xb") as file:
        file.write(b"first")
    with pytest.raises(FileExistsError):
        with fs.open(f"{area}/k", "xb") as file:
            file.write(b"second")
    with pytest.raises(FileExistsError):
        fs.pipe_file(f"{area}/k", b"second", mode="create")
    assert s3.get(f"{area}/k") == b"first"
    heads = traffic.heads(lambda: fs.pipe_file(f"{area}/new", b"1", mode="create"))
    assert any("\r\nif-none-match: *\r\n" in head for head in heads)


def test_exclusive_race(fs: Any, area: str, s3: Witness) -> None:
    """The object appears between open and close."""
    file = fs.open(f"{area}/k", "xb")
    file.write(b"ours")
    s3.put(f"{area}/k", b"theirs")
    with pytest.raises(FileExistsError):
        file.close()
    assert s3.get(f"{area}/k") == b"theirs"


def test_write_to_a_version(fs: Any, area: str) -> None:
    with pytest.raises(ValueError, match="Cannot write to the file with the version specified"):
        fs.open(f"{area}/k?versionId=1", "wb")


def test_open_bucket_for_writing(fs: Any, bucket: str) -> None:
    with pytest.raises(ValueError):
        fs.open(bucket, "wb")


def test_missing_bucket(fs: Any) -> None:
    with pytest.raises(OSError):
        fs.pipe_file("No_Such_Bucket/k", b"1")


class Torn(Exception):
    pass


@TWO_KINDS
@pytest.mark.parametrize("size", [10, 6 * MIB, 12 * MIB])
def test_exception_in_the_block_leaves_nothing(
    fs: Any, area: str, s3: Witness, bucket: str, size: int
) -> None:
    with pytest.raises(Torn):
        with fs.open(f"{area}/k", "wb") as file:
            file.write(bytes(size))
            raise Torn
    gc.collect()
    assert s3.paths(area) == []
    assert s3.uploads(bucket) == []
    assert not fs.exists(f"{area}/k")


@TWO_KINDS
def test_headers_of_a_file(fs: Any, area: str, s3: Witness) -> None:
    more = {"ContentType": "text/x-y", "Metadata": {"one": "1"}, "CacheControl": "no-store"}
    for size in (10, 6 * MIB):
        with fs.open(f"{area}/k{size}", "wb", s3_additional_kwargs=more) as file:
            file.write(bytes(size))
        head = s3.head(f"{area}/k{size}")
        assert (head["ContentType"], head["Metadata"]) == ("text/x-y", {"one": "1"})
        assert head["CacheControl"] == "no-store"


def test_headers_of_a_file_system(systems: FileSystems, area: str, s3: Witness) -> None:
    fs = systems.make(s3_additional_kwargs={"ContentType": "text/x-y", "StorageClass": "STANDARD"})
    fs.pipe_file(f"{area}/k", b"1")
    assert s3.head(f"{area}/k")["ContentType"] == "text/x-y"
    assert fs.cat_file(f"{area}/k") == b"1"
    assert fs.find(area) == [f"{area}/k"]


# -- commit later ---------------------------------------------------------------------------------


@TWO_KINDS
@pytest.mark.parametrize("size", [10, 6 * MIB])
def test_commit_and_discard(fs: Any, area: str, s3: Witness, bucket: str, size: int) -> None:
    file = fs.open(f"{area}/k", "wb", autocommit=False)
    file.write(bytes(size))
    file.close()
    assert s3.paths(area) == []
    file.commit()
    assert s3.get(f"{area}/k") == bytes(size)
    file = fs.open(f"{area}/o", "wb", autocommit=False)
    file.write(bytes(size))
    file.close()
    file.discard()
    file.discard()
    with pytest.raises(RuntimeError, match="has been discarded"):
        file.commit()
    assert s3.paths(area) == [f"{area}/k"]
    assert s3.uploads(bucket) == []


@TWO_KINDS
def test_transaction(fs: Any, area: str, s3: Witness, bucket: str) -> None:
    with fs.transaction:
        with fs.open(f"{area}/small", "wb") as file:
            file.write(b"1")
        with fs.open(f"{area}/large", "wb") as file:
            file.write(bytes(6 * MIB))
        assert s3.paths(area) == []
    assert len(s3.get(f"{area}/large")) == 6 * MIB
    assert s3.get(f"{area}/small") == b"1"
    with pytest.raises(Torn):
        with fs.transaction:
            with fs.open(f"{area}/no", "wb") as file:
                file.write(bytes(6 * MIB))
            with fs.open(f"{area}/none", "wb") as file:
                file.write(b"1")
            raise Torn
    assert s3.paths(area) == [f"{area}/large", f"{area}/small"]
    assert s3.uploads(bucket) == []


def test_transaction_of_pipes(fs: Any, area: str, s3: Witness) -> None:
    with fs.transaction:
        fs.pipe_file(f"{area}/k", b"1")
        assert s3.paths(area) == []
    assert s3.contents(area) == {f"{area}/k": b"1"}


# -- pipes ----------------------------------------------------------------------------------------


def test_pipe_file(systems: FileSystems, traffic: Traffic, area: str, s3: Witness) -> None:
    fs = systems.make(endpoint=traffic.endpoint)
    assert traffic.count(lambda: fs.pipe_file(f"{area}/k", b"1")) == ["PutObject"]
    assert traffic.count(lambda: fs.pipe_file(f"{area}/k", bytes(PART))) == ["PutObject"]
    made = traffic.count(lambda: fs.pipe_file(f"{area}/k", pattern(6 * MIB)))
    assert made == ["CompleteMultipartUpload", "CreateMultipartUpload", "UploadPart"]
    assert s3.get(f"{area}/k") == pattern(6 * MIB)
    assert s3.head(f"{area}/k")["ETag"].endswith('-1"')
    fs.pipe_file(f"{area}/k", bytearray(b"12"))
    fs.pipe_file(f"{area}/m", memoryview(b"345"))
    assert s3.contents(area) == {f"{area}/k": b"12", f"{area}/m": b"345"}


def test_pipe_of_several(fs: Any, area: str, s3: Witness) -> None:
    fs.pipe({f"{area}/{name}": name.encode() for name in "abc"})
    assert s3.contents(area) == {f"{area}/{name}": name.encode() for name in "abc"}
    fs.pipe(f"{area}/a", b"new")
    assert fs.cat_file(f"{area}/a") == b"new"


def test_pipe_of_what_is_wrong(fs: Any, area: str, bucket: str, s3: Witness) -> None:
    with pytest.raises(TypeError):
        fs.pipe_file(f"{area}/k", "text")
    with pytest.raises(ValueError, match="Cannot write to a bucket"):
        fs.pipe_file(bucket, b"1")
    assert s3.paths(area) == []


def test_write_bytes_and_text(fs: Any, area: str, s3: Witness) -> None:
    fs.write_bytes(f"{area}/b", b"\0\1")
    fs.write_text(f"{area}/t", "één")
    assert s3.contents(area) == {f"{area}/b": b"\0\1", f"{area}/t": "één".encode()}


# -- uploads --------------------------------------------------------------------------------------


@TWO_KINDS
@pytest.mark.parametrize("size", [0, 10, PART - 1, PART, PART + 1, 12 * MIB + 1])
def test_put_file(fs: Any, area: str, s3: Witness, tmp_path: Path, size: int) -> None:
    (tmp_path / "k").write_bytes(pattern(size))
    steps = Steps()
    fs.put_file(str(tmp_path / "k"), f"{area}/k", callback=steps)
    assert s3.get(f"{area}/k") == pattern(size)
    assert (steps.size, steps.value) == (size, size)


@TWO_KINDS
def test_put_file_guesses_the_type(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    for name in ("page.html", "unknown.zzz"):
        (tmp_path / name).write_text("x")
        fs.put_file(str(tmp_path / name), f"{area}/{name}")
    assert s3.head(f"{area}/page.html")["ContentType"] == "text/html"
    (tmp_path / "data.json").write_bytes(bytes(6 * MIB))
    fs.put(str(tmp_path / "data.json"), f"{area}/data.json")
    assert s3.head(f"{area}/data.json")["ContentType"] == "application/json"


def test_put_file_to_what_is_there(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    s3.put(f"{area}/k", b"old")
    (tmp_path / "k").write_bytes(b"new")
    with pytest.raises(FileExistsError):
        fs.put_file(str(tmp_path / "k"), f"{area}/k", mode="create")
    assert s3.get(f"{area}/k") == b"old"
    fs.put_file(str(tmp_path / "k"), f"{area}/k")
    assert s3.get(f"{area}/k") == b"new"


def test_put_file_of_a_directory_or_to_a_bucket(
    fs: Any, area: str, bucket: str, s3: Witness, tmp_path: Path
) -> None:
    (tmp_path / "k").write_bytes(b"1")
    fs.put_file(str(tmp_path), f"{area}/d")
    fs.put_file(str(tmp_path / "k"), bucket)
    assert s3.paths(area) == []
    with pytest.raises(FileNotFoundError):
        fs.put_file(str(tmp_path / "none"), f"{area}/none")


def test_put_recursive(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    for name in ("a", "d/b", "d/e/c"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    steps = Steps()
    fs.put(str(tmp_path / "in"), f"{area}/out", recursive=True, callback=steps)
    assert s3.contents(f"{area}/") == {
        f"{area}/out/{name}": name.encode() for name in ("a", "d/b", "d/e/c")
    }
    fs.put([str(tmp_path / "in" / "a")] * 2, [f"{area}/1", f"{area}/2"])
    assert s3.get(f"{area}/1") == s3.get(f"{area}/2") == b"a"


def test_local_file_that_cannot_be_read(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError):
        fs.put_file(str(tmp_path / "link"), f"{area}/k")
    assert s3.paths(area) == []


# -- touch ----------------------------------------------------------------------------------------


def test_touch(fs: Any, area: str, bucket: str, s3: Witness) -> None:
    answer = fs.touch(f"{area}/k")
    assert s3.get(f"{area}/k") == b""
    assert answer["_etag"] == s3.head(f"{area}/k")["ETag"]
    s3.put(f"{area}/k", b"1")
    fs.touch(f"{area}/k", truncate=True)
    assert s3.get(f"{area}/k") == b""
    with pytest.raises(ValueError, match="without specifying truncate"):
        fs.touch(f"{area}/k", truncate=False)
    fs.touch(f"{area}/new", truncate=False)
    assert s3.get(f"{area}/new") == b""
    with pytest.raises(ValueError, match="Cannot touch the bucket"):
        fs.touch(bucket)
    with pytest.raises(ValueError, match="version specified"):
        fs.touch(f"{area}/k?versionId=1")

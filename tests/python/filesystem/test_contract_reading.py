"""Reading: whole objects, ranges, files, downloads."""

from __future__ import annotations

import io
import pickle
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from s3_harness import MIB, PART, FileSystems, Steps, Traffic, Witness, pattern

TEXT = b"0123456789"


@pytest.fixture
def path(area: str, s3: Witness) -> str:
    """An object of ten bytes."""
    return s3.put(f"{area}/d/k", TEXT)


@pytest.fixture(scope="module")
def big(bucket: str, s3: Witness) -> tuple[str, bytes]:
    """An object of more than two blocks, and its bytes."""
    data = pattern(12 * MIB + 17)
    return s3.put(f"{bucket}/reading/big", data), data


# -- whole objects and ranges ---------------------------------------------------------------------


@pytest.mark.parametrize("start", [None, 0, 3, 9, 10, 11, -1, -3, -10, -11])
def test_cat_file_has_the_rules_of_slices(fs: Any, path: str, start: int | None) -> None:
    for end in (None, 0, 1, 5, 10, 100, -1, -3, -10, -100):
        assert fs.cat_file(path, start, end) == TEXT[start:end], (start, end)
        assert fs.cat_file(path, start=start, end=end) == TEXT[start:end]


def test_cat_file_of_nothing(fs: Any, area: str, path: str, bucket: str) -> None:
    for missing in (f"{area}/none", f"{area}/d", bucket, "no-such-bucket-at-all/k"):
        with pytest.raises(FileNotFoundError):
            fs.cat_file(missing)
        with pytest.raises(FileNotFoundError):
            fs.cat_file(missing, 5, 3)


def test_cat_file_of_an_empty_object(fs: Any, area: str, s3: Witness) -> None:
    path = s3.put(f"{area}/empty", b"")
    for start, end in ((None, None), (0, 10), (-5, None), (3, 7)):
        assert fs.cat_file(path, start, end) == b""


def test_cat_file_of_many_blocks(fs: Any, big: tuple[str, bytes]) -> None:
    path, data = big
    assert fs.cat_file(path) == data
    assert fs.cat_file(path, 3 * MIB + 1, -5) == data[3 * MIB + 1 : -5]
    assert fs.cat_file(path, -6 * MIB) == data[-6 * MIB :]


def test_cat_of_several(fs: Any, area: str, path: str, s3: Witness) -> None:
    other = s3.put(f"{area}/d/o", b"other")
    assert fs.cat(path) == TEXT
    assert fs.cat([path, other]) == {path: TEXT, other: b"other"}
    assert fs.cat(f"{area}/d/*") == {path: TEXT, other: b"other"}
    with pytest.raises(FileNotFoundError):
        fs.cat([path, f"{area}/none"])
    omitted = fs.cat([path, f"{area}/none"], on_error="omit")
    assert omitted == {path: TEXT}
    returned = fs.cat([path, f"{area}/none"], on_error="return")
    assert returned[path] == TEXT and isinstance(returned[f"{area}/none"], FileNotFoundError)


def test_cat_ranges(fs: Any, area: str, path: str) -> None:
    got = fs.cat_ranges([path] * 4, [0, 2, 9, -3], [1, 5, 100, None])
    assert [bytes(part) for part in got] == [b"0", b"234", b"9", b"789"]
    got = fs.cat_ranges([path, f"{area}/none"], 2, 4)
    assert bytes(got[0]) == b"23" and isinstance(got[1], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges([path, f"{area}/none"], 2, 4, on_error="raise")
    with pytest.raises(ValueError):
        fs.cat_ranges([path, path], [1], [2, 3])


def test_head_tail_and_blocks(fs: Any, area: str, s3: Witness) -> None:
    path = s3.put(f"{area}/lines", b"one\ntwo\nthree\n")
    assert fs.head(path, 5) == b"one\nt"
    assert fs.tail(path, 6) == b"three\n"
    assert fs.read_block(path, 2, 5, b"\n") == b"two\n"
    assert fs.ukey(path) == fs.ukey(path)
    assert fs.read_text(path) == "one\ntwo\nthree\n"
    assert fs.read_bytes(path, start=4, end=7) == b"two"


def test_version_is_read(versioning: Any, versioned_area: str, s3: Witness) -> None:
    path = f"{versioned_area}/k"
    first = s3.put_version(path, b"one")
    s3.put(path, b"two")
    assert versioning.cat_file(f"{path}?versionId={first}") == b"one"
    assert versioning.cat_file(path) == b"two"
    with versioning.open(path, version_id=first) as file:
        assert file.read() == b"one"
    with versioning.open(path) as file:
        pinned = file.path
        s3.put(path, b"three")
        assert file.read() == b"two"
    assert "?versionId=" in pinned
    assert versioning.cat_file(path) == b"three"


# -- files ----------------------------------------------------------------------------------------


def test_open_reads(fs: Any, path: str) -> None:
    with fs.open(path) as file:
        assert (file.size, file.mode, file.read(3), file.tell()) == (10, "rb", b"012", 3)
        assert file.seek(-2, 2) == 8 and file.read() == b"89" and file.read() == b""
        file.seek(1)
        buffer = bytearray(4)
        assert file.readinto(buffer) == 4 and bytes(buffer) == b"1234"
        assert (f"{file.bucket}/{file.key}", file.version_id) == (path, None)
        assert file.details["size"] == 10
        assert file.readable() and file.seekable() and not file.writable()
    assert file.closed
    with pytest.raises(ValueError):
        file.read()


def test_open_of_nothing(fs: Any, area: str, path: str, bucket: str) -> None:
    for missing in (f"{area}/none", f"{area}/d"):
        with pytest.raises(FileNotFoundError) as caught:
            fs.open(missing)
        assert missing in str(caught.value)
    with pytest.raises(ValueError, match="does not contain a key"):
        fs.open(bucket)


def test_open_as_text_and_compressed(fs: Any, area: str) -> None:
    with fs.open(f"{area}/t", "w", encoding="utf-8", newline="") as file:
        file.write("één\r\ntwee\n")
    with fs.open(f"{area}/t", "r", encoding="utf-8", newline="") as file:
        assert list(file) == ["één\r\n", "twee\n"]
    with fs.open(f"{area}/t.gz", "wb", compression="infer") as file:
        file.write(TEXT * 1000)
    assert fs.size(f"{area}/t.gz") < 1000
    with fs.open(f"{area}/t.gz", "rb", compression="gzip") as file:
        assert file.read() == TEXT * 1000


@pytest.mark.parametrize("cache", ["bytes", "readahead", "none", "all", "blockcache"])
def test_file_reads_right_by_every_cache(fs: Any, big: tuple[str, bytes], cache: str) -> None:
    path, data = big
    with fs.open(path, block_size=MIB, cache_type=cache) as file:
        for start, length in ((0, 10), (5 * MIB - 3, 7), (MIB, 3 * MIB), (len(data) - 4, 99)):
            file.seek(start)
            assert file.read(length) == data[start : start + length]
        file.seek(0)
        assert file.read() == data


def test_lines(fs: Any, area: str, s3: Witness) -> None:
    path = s3.put(f"{area}/lines", b"one\ntwo\n\nfour")
    with fs.open(path) as file:
        assert file.readline() == b"one\n"
        assert list(file) == [b"two\n", b"\n", b"four"]
    with fs.open(path) as file:
        assert file.readlines() == [b"one\n", b"two\n", b"\n", b"four"]
    assert list(io.BufferedReader(fs.open(path))) == [b"one\n", b"two\n", b"\n", b"four"]


def test_object_that_changes_is_never_mixed(
    systems: FileSystems, area: str, s3: Witness, traffic: Traffic
) -> None:
    """Each read names the ETag of the object that was opened."""
    fs = systems.make(endpoint=traffic.endpoint)
    path = s3.put(f"{area}/k", b"a" * (2 * MIB))
    with fs.open(path, block_size=MIB, cache_type="none") as file:
        etag = s3.head(path)["ETag"].lower()
        (head,) = traffic.heads(lambda: file.read(10))
        assert f"\r\nif-match: {etag}\r\n" in head
        s3.put(path, b"b" * (2 * MIB))
        with pytest.raises(OSError) as caught:
            file.seek(MIB)
            file.read(10)
    assert not isinstance(caught.value, (FileNotFoundError, PermissionError))


def test_file_that_is_pickled_opens_again(endpoint: Any, path: str, aws_env: Any) -> None:
    from pyathena.filesystem.s3 import S3FileSystem

    fs = S3FileSystem(**endpoint.arguments)
    with fs.open(path) as file:
        with pickle.loads(pickle.dumps(file)) as again:
            assert again.read() == TEXT


def test_url_of_a_file(fs: Any, path: str) -> None:
    with fs.open(path) as file, urllib.request.urlopen(file.url(expiration=60)) as answer:
        assert answer.read() == TEXT


# -- downloads ------------------------------------------------------------------------------------


def test_get_file(fs: Any, path: str, tmp_path: Path) -> None:
    fs.get_file(path, str(tmp_path / "new" / "folder" / "k"))
    assert (tmp_path / "new" / "folder" / "k").read_bytes() == TEXT
    (tmp_path / "k").write_bytes(b"longer than before, all of it replaced")
    fs.get(path, str(tmp_path / "k"))
    assert (tmp_path / "k").read_bytes() == TEXT


def test_get_file_into_an_open_file(fs: Any, path: str) -> None:
    buffer = io.BytesIO()
    fs.get_file(path, buffer)
    assert buffer.getvalue() == TEXT
    assert not buffer.closed


def test_get_file_of_nothing_makes_no_file(fs: Any, area: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fs.get_file(f"{area}/none", str(tmp_path / "k"))
    assert not (tmp_path / "k").exists()


def test_get_file_of_a_directory_makes_one(fs: Any, area: str, path: str, tmp_path: Path) -> None:
    fs.get_file(f"{area}/d", str(tmp_path / "d"))
    assert (tmp_path / "d").is_dir() and not list((tmp_path / "d").iterdir())


def test_get_big_file_tells_progress(fs: Any, big: tuple[str, bytes], tmp_path: Path) -> None:
    path, data = big
    steps = Steps()
    fs.get_file(path, str(tmp_path / "k"), callback=steps)
    assert (tmp_path / "k").read_bytes() == data
    assert steps.size == len(data) == steps.value == sum(steps.told)


def test_get_recursive(fs: Any, area: str, path: str, s3: Witness, tmp_path: Path) -> None:
    s3.put(f"{area}/d/e/f", b"f")
    fs.get(f"{area}/d", str(tmp_path / "out"), recursive=True)
    files = {
        str(p.relative_to(tmp_path / "out")): p.read_bytes()
        for p in (tmp_path / "out").rglob("*")
        if p.is_file()
    }
    assert files == {"k": TEXT, "e/f": b"f"}
    steps = Steps()
    fs.get([path, f"{area}/d/e/f"], [str(tmp_path / "1"), str(tmp_path / "2")], callback=steps)
    assert ((tmp_path / "1").read_bytes(), (tmp_path / "2").read_bytes()) == (TEXT, b"f")
    assert (steps.size, steps.value) == (2, 2)


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1])
def test_object_around_a_block(fs: Any, area: str, s3: Witness, size: int) -> None:
    data = pattern(size)
    path = s3.put(f"{area}/k", data)
    assert fs.cat_file(path) == data
    with fs.open(path) as file:
        assert file.read() == data
        file.seek(PART - 3)
        assert file.read(5) == data[PART - 3 : PART + 2]

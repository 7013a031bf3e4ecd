"""Names of every kind, sizes at the edges, very many keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exact_s3 import ExactS3
from s3_harness import PART, Coroutines, Endpoint, FileSystems, Witness, pattern

#: Names that every S3 server keeps.
COMMON = [
    "with space",
    " before and after ",
    "a+b",
    "per%cent",
    "%41%2F%2f%25",
    "üñí/ключ/日本",
    "😀",
    "a\u0301",  # not the same as á
    "q?x=1&y=2",
    "v?version=1",
    "h#fragment",
    "&<>\"';",
    "eq=at@,:$!*()~",
    "[brackets]{braces}|^`",
    "new\nline",
    "x/" + "/".join(letter * 230 for letter in "abcd"),
]
#: Names that only S3 itself keeps as they are.
EXACT = [
    "double//slash",
    "/slash first",
    "//two slashes first",
    "a///b//c",
    "./dot",
    "../up",
    "in/./dot",
    "in/../up",
    "back\\slash",
    "x" * 1024,
    "é" * 512,
    "control\x01\x7f\ttab\rreturn",
]


def check_name(fs: Any, area: str, key: str) -> None:
    """Every operation takes the name as it is."""
    path = f"{area}/{key}"
    fs.pipe_file(path, b"12345")
    assert fs.cat_file(path) == b"12345"
    fs.invalidate_cache()
    assert fs.info(path)["size"] == 5
    assert fs.info(path)["key"] == path.partition("/")[2]
    assert fs.find(area) == [path]
    with fs.open(path) as file:
        assert file.read() == b"12345"
    with fs.open(path, "ab") as file:
        file.write(b"6")
    fs.cp_file(path, f"{area}/copy")
    assert fs.cat_file(f"{area}/copy", 3) == b"456"
    fs.cp_file(f"{area}/copy", f"{path}2")
    assert sorted(fs.find(area)) == sorted([f"{area}/copy", path, f"{path}2"])
    fs.rm_file(f"{path}2")
    fs.rm(area, recursive=True)
    assert not fs.exists(path) and fs.find(area) == []


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
@pytest.mark.parametrize("key", COMMON, ids=lambda key: ascii(key)[:20])
def test_name(fs: Any, area: str, s3: Witness, key: str) -> None:
    fs.pipe_file(f"{area}/{key}", key.encode())
    assert s3.contents(area) == {f"{area}/{key}": key.encode()}
    fs.rm_file(f"{area}/{key}")
    assert s3.paths(area) == []
    if not re.search(r"[*?\[]", key):
        check_name(fs, area, key)


@pytest.fixture
def exact(kind: str, aws_env: Any) -> Iterator[tuple[ExactS3, Any]]:
    """The server that changes no name, and a file system on it."""
    with ExactS3() as server:
        systems = FileSystems(kind, Endpoint(server.url, server.access_key, server.secret_key))
        yield server, systems.make()
        systems.close()
        assert server.refused == []


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
@pytest.mark.parametrize("key", [*COMMON, *EXACT], ids=lambda key: ascii(key)[:20])
def test_name_is_exact(exact: tuple[ExactS3, Any], key: str) -> None:
    server, fs = exact
    fs.pipe_file(f"bucket/{key}", b"1")
    assert server.objects["bucket"] == {key: b"1"}
    assert fs.cat_file(f"bucket/{key}") == b"1"
    fs.rm_file(f"bucket/{key}")
    assert server.objects["bucket"] == {}
    if len(key.encode()) > 1000:
        return
    fs.pipe({f"bucket/d/{key}": b"1", "bucket/d/other": b"2"})
    fs.invalidate_cache()
    assert sorted(fs.find("bucket/d")) == sorted([f"bucket/d/{key}", "bucket/d/other"])
    fs.rm("bucket/d", recursive=True)
    assert server.objects["bucket"] == {}


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
@pytest.mark.parametrize("path", ["x\ud800y", "x" * 1025])
def test_name_that_cannot_be(fs: Any, area: str, s3: Witness, path: str) -> None:
    with pytest.raises((ValueError, OSError)):
        fs.pipe_file(f"{area}/{path}", b"1")
    assert s3.paths(area) == []


def test_name_in_local_paths(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    """Local names have the same oddities; braces and brackets there are no patterns."""
    for number, name in enumerate(["with space", "a+b%20", "ключ"]):
        (tmp_path / name).write_bytes(str(number).encode())
        fs.put_file(str(tmp_path / name), f"{area}/{name}")
        fs.get_file(f"{area}/{name}", str(tmp_path / f"{name}.back"))
        assert (tmp_path / f"{name}.back").read_bytes() == str(number).encode()


def test_empty_object(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    fs.pipe_file(f"{area}/empty", b"")
    assert s3.get(f"{area}/empty") == b"" == fs.cat_file(f"{area}/empty")
    assert fs.info(f"{area}/empty")["size"] == 0 and fs.isfile(f"{area}/empty")
    fs.cp_file(f"{area}/empty", f"{area}/copy")
    fs.get_file(f"{area}/copy", str(tmp_path / "k"))
    assert (tmp_path / "k").read_bytes() == b""
    fs.put_file(str(tmp_path / "k"), f"{area}/put")
    assert s3.contents(area) == {f"{area}/{name}": b"" for name in ("copy", "empty", "put")}
    with fs.open(f"{area}/empty") as file:
        assert file.read() == b"" and file.size == 0
    assert fs.cat_ranges([f"{area}/empty"], 0, 0) == [b""]


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1])
def test_sizes_around_a_part(
    fs: Any, area: str, s3: Witness, bucket: str, tmp_path: Path, size: int
) -> None:
    data = pattern(size, size)
    fs.pipe_file(f"{area}/piped", data)
    fs.cp_file(f"{area}/piped", f"{area}/copied")
    fs.get_file(f"{area}/copied", str(tmp_path / "k"))
    assert (tmp_path / "k").read_bytes() == data == s3.get(f"{area}/piped")
    assert fs.cat_file(f"{area}/piped", -PART) == data[-PART:]
    assert s3.uploads(bucket) == []


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("d", "d/../../k"),
        ("d", "d/../../out-of/k"),
        ("d", "d/a/../../../k"),
        ("d", "d/x/../.."),
        ("d/..", "d/../k"),
        ("d/*", "d/.."),
        ("", "../k"),
    ],
)
@pytest.mark.parametrize("is_there", [False, True])
def test_no_key_is_written_outside_of_the_folder(
    exact: tuple[ExactS3, Any], tmp_path: Path, source: str, key: str, is_there: bool
) -> None:
    server, fs = exact
    server.bucket("bucket").update({key: b"1", "d/fine": b"2"})
    folder = tmp_path / "home" / "out"
    folder.parent.mkdir()
    (tmp_path / "home" / "k").write_bytes(b"mine")
    if is_there:
        folder.mkdir()
    try:
        fs.get(f"bucket/{source}".rstrip("/"), str(folder) + "/", recursive=True)
    except ValueError as error:
        assert "outside" in str(error)
    except IsADirectoryError as error:
        assert error.filename == str(folder)
    files = {
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.rglob("*")
        if path.is_file() and folder not in path.parents
    }
    assert files == {"home/k"}
    assert (tmp_path / "home" / "k").read_bytes() == b"mine"


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
def test_no_key_leads_out_of_the_folder_by_a_link(
    exact: tuple[ExactS3, Any], tmp_path: Path
) -> None:
    server, fs = exact
    server.bucket("bucket").update({"d/link/../k": b"1"})
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "far" / "away")
    fs.get("bucket/d/", str(tmp_path / "out"), recursive=True)
    assert (tmp_path / "out" / "k").read_bytes() == b"1"
    assert not (tmp_path / "far" / "k").exists()


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
def test_hundred_thousand_keys(exact: tuple[ExactS3, Any]) -> None:
    server, fs = exact
    keys = [f"many/{number // 1000:03}/{number:06}" for number in range(100_000)]
    server.bucket("bucket").update(dict.fromkeys(keys, b""))
    server.bucket("bucket")["more"] = b""
    found = fs.find("bucket/many")
    assert len(found) == 100_000
    assert found == [f"bucket/{key}" for key in keys]
    assert len(fs.ls("bucket/many")) == 100
    assert len(fs.ls("bucket/many/042")) == 1000
    fs.rm("bucket/many", recursive=True)
    assert list(server.objects["bucket"]) == ["more"]
    assert isinstance(fs, Coroutines) or fs.ls("bucket") == ["bucket/more"]

"""A second S3 server, of another make: ``rclone serve s3`` over a folder.

LACKS lists the calls that it does not have. Each must end in an error that says so; when rclone
learns one, its test fails and the line goes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import athena_local.proc
import harness
import pytest
from s3_harness import MIB, PART, Endpoint, FileSystems, Witness, names, pattern

#: call: why it cannot work there
LACKS = {"versions": "a folder keeps no versions: ListObjectVersions is NotImplemented"}


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server, with a bucket named ``second``."""
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "data" / "second").mkdir(parents=True)
    (port,) = athena_local.proc.free_ports(1)
    endpoint = Endpoint(f"http://127.0.0.1:{port}", "KEY", "SECRET")
    command = [
        str(Path(sys.executable).with_name("rclone")), "serve", "s3", str(folder / "data"),
        "--config", str(folder / "config"), "--addr", f"127.0.0.1:{port}",
        "--auth-key", f"{endpoint.access_key},{endpoint.secret_key}",
        "--cache-dir", str(folder / "cache"),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        witness = Witness(endpoint)

        def answers() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            try:
                return "second" in str(witness.client.list_buckets()["Buckets"])
            except Exception:
                return False

        harness.wait_until(answers, 30, "rclone answers")
        yield endpoint
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def fs(kind: str, rclone: Endpoint, aws_env: Any) -> Iterator[Any]:
    systems = FileSystems(kind, rclone)
    fs = systems.make(allow_bucket_creation=True, allow_bucket_deletion=True)
    yield fs
    systems.close()


@pytest.fixture
def area(kind: str) -> str:
    return f"second/{kind}"


# -- the calls ------------------------------------------------------------------------------------


def put_and_get(fs: Any, area: str, tmp_path: Path) -> None:
    fs.pipe_file(f"{area}/one/k +%ü", b"0123456789")
    assert fs.cat_file(f"{area}/one/k +%ü") == b"0123456789"
    assert fs.cat_file(f"{area}/one/k +%ü", 2, 5) == b"234"
    assert fs.cat_file(f"{area}/one/k +%ü", -3) == b"789"
    fs.pipe_file(f"{area}/one/empty", b"")
    assert fs.cat_file(f"{area}/one/empty") == b""
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{area}/one/none")


def look(fs: Any, area: str, tmp_path: Path) -> None:
    fs.pipe({f"{area}/two/{key}": key.encode() for key in ("a", "d/b", "d/e/c")})
    assert fs.info(f"{area}/two/a")["size"] == 1
    assert fs.info(f"{area}/two/d")["type"] == "directory"
    assert fs.info("second")["type"] == "directory"
    assert not fs.exists(f"{area}/two/none")
    assert names(fs.ls(f"{area}/two")) == [f"{area}/two/a", f"{area}/two/d"]
    assert fs.find(f"{area}/two") == [f"{area}/two/{key}" for key in ("a", "d/b", "d/e/c")]
    assert fs.glob(f"{area}/two/*/b") == [f"{area}/two/d/b"]
    assert fs.du(f"{area}/two") == 9
    assert "second" in fs.ls("")
    with pytest.raises(FileNotFoundError):
        fs.ls("no-such-bucket-at-all")


def listing_pages(fs: Any, area: str, tmp_path: Path) -> None:
    fs.pipe({f"{area}/pages/{number:04}": b"" for number in range(1010)})
    fs.invalidate_cache()
    assert fs.find(f"{area}/pages") == [f"{area}/pages/{number:04}" for number in range(1010)]
    fs.rm(f"{area}/pages", recursive=True)
    assert fs.find(f"{area}/pages") == []


def large_objects(fs: Any, area: str, tmp_path: Path) -> None:
    data = pattern(12 * MIB + 5)
    with fs.open(f"{area}/large", "wb") as file:
        file.write(data)
    assert fs.cat_file(f"{area}/large") == data
    with fs.open(f"{area}/large") as file:
        file.seek(PART - 2)
        assert file.read(4) == data[PART - 2 : PART + 2]
    (tmp_path / "k").write_bytes(data)
    fs.put_file(str(tmp_path / "k"), f"{area}/put")
    fs.get_file(f"{area}/put", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data
    fs.cp_file(f"{area}/large", f"{area}/copied")
    assert fs.cat_file(f"{area}/copied", PART, PART + 10) == data[PART : PART + 10]


def append(fs: Any, area: str, tmp_path: Path) -> None:
    fs.pipe_file(f"{area}/appended", b"1")
    with fs.open(f"{area}/appended", "ab") as file:
        file.write(b"2")
    assert fs.cat_file(f"{area}/appended") == b"12"


def copy_and_move(fs: Any, area: str, tmp_path: Path) -> None:
    fs.pipe({f"{area}/three/{key}": key.encode() for key in ("a", "d/b")})
    fs.cp_file(f"{area}/three/a", f"{area}/three/c")
    fs.copy(f"{area}/three/d", f"{area}/three/e", recursive=True)
    fs.mv(f"{area}/three/a", f"{area}/three/f")
    assert fs.find(f"{area}/three") == [f"{area}/three/{key}" for key in ("c", "d/b", "e/b", "f")]


def delete(fs: Any, area: str, tmp_path: Path) -> None:
    fs.pipe({f"{area}/four/{key}": b"" for key in "abcd"})
    fs.rm_file(f"{area}/four/a")
    fs.rm_file(f"{area}/four/a")
    fs.rm([f"{area}/four/b", f"{area}/four/c"])
    assert fs.find(f"{area}/four") == [f"{area}/four/d"]
    fs.rm(f"{area}/four", recursive=True)
    assert fs.find(f"{area}/four") == []


def buckets(fs: Any, area: str, tmp_path: Path) -> None:
    name = area.replace("/", "-")
    fs.mkdir(name)
    assert name in fs.ls("") and fs.isdir(name)
    with pytest.raises(FileExistsError):
        fs.mkdir(name)
    fs.rmdir(name)
    assert not fs.exists(name)


def metadata(fs: Any, area: str, tmp_path: Path) -> None:
    with fs.open(f"{area}/meta", "wb", s3_additional_kwargs={"Metadata": {"one": "1"}}) as file:
        file.write(b"1")
    assert fs.metadata(f"{area}/meta")["one"] == "1"
    fs.setxattr(f"{area}/meta", two="2")
    assert fs.getxattr(f"{area}/meta", "two") == "2"


def sign(fs: Any, area: str, tmp_path: Path) -> None:
    import urllib.request

    fs.pipe_file(f"{area}/signed", b"1")
    with urllib.request.urlopen(fs.sign(f"{area}/signed")) as answer:
        assert answer.read() == b"1"


def exclusive(fs: Any, area: str, tmp_path: Path) -> None:
    fs.rm_file(f"{area}/once")
    fs.pipe_file(f"{area}/once", b"1", mode="create")
    with pytest.raises(FileExistsError):
        fs.pipe_file(f"{area}/once", b"2", mode="create")
    assert fs.cat_file(f"{area}/once") == b"1"


def changed_while_open(fs: Any, area: str, tmp_path: Path) -> None:
    fs.pipe_file(f"{area}/changing", bytes(2 * MIB))
    with fs.open(f"{area}/changing", block_size=MIB, cache_type="none") as file:
        file.read(10)
        fs.pipe_file(f"{area}/changing", b"1" * (2 * MIB))
        with pytest.raises(OSError):
            file.read(10)


def transactions(fs: Any, area: str, tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        with fs.transaction:
            with fs.open(f"{area}/never", "wb") as file:
                file.write(bytes(6 * MIB))
            raise KeyError
    assert not fs.exists(f"{area}/never")


def tags(fs: Any, area: str, tmp_path: Path) -> None:
    fs.pipe_file(f"{area}/tagged", b"1")
    fs.put_tags(f"{area}/tagged", {"a": "1"})
    assert fs.get_tags(f"{area}/tagged") == {"a": "1"}


def acl(fs: Any, area: str, tmp_path: Path) -> None:
    fs.pipe_file(f"{area}/acl", b"1")
    fs.chmod(f"{area}/acl", "private")


def versions(fs: Any, area: str, tmp_path: Path) -> None:
    fs.pipe_file(f"{area}/versioned", b"1")
    assert len(fs.object_version_info(f"{area}/versioned")) == 1


def uploads(fs: Any, area: str, tmp_path: Path) -> None:
    file = fs.open(f"{area}/upload", "wb", autocommit=False)
    try:
        file.write(bytes(12 * MIB))
        assert len(fs.list_multipart_uploads(f"{area}/upload")) == 1
    finally:
        file.discard()


CALLS: list[Callable[[Any, str, Path], None]] = [
    put_and_get, look, listing_pages, large_objects, append, copy_and_move, delete, buckets,
    metadata, sign, exclusive, changed_while_open, transactions, tags, acl, versions, uploads,
]  # fmt: skip


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_call(fs: Any, area: str, tmp_path: Path, call: Callable[[Any, str, Path], None]) -> None:
    if call.__name__ not in LACKS:
        return call(fs, area, tmp_path)
    with pytest.raises(OSError, match="NotImplemented"):
        call(fs, area, tmp_path)


def test_few_are_lacking() -> None:
    assert len(LACKS) <= 10 and set(LACKS) <= {call.__name__ for call in CALLS}

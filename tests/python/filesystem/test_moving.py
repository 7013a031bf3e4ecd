"""Transfers between files and objects: what is whole, what is told, what is left after failures."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from fsspec.callbacks import Callback
from pyathena.filesystem._reading import _below
from s3_harness import MIB, FileSystems, Traffic, Witness, pattern


class Told(Callback):
    """A callback that remembers its branches."""

    def __init__(self) -> None:
        super().__init__()
        self.branches: dict[tuple[str, str], Told] = {}
        self.is_closed = False

    def branched(self, path_1: str, path_2: str, **kwargs: Any) -> Told:
        child = self.branches[path_1, path_2] = Told()
        return child

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def tree(area: str, s3: Witness) -> str:
    for key, body in (("a", b"1"), ("d/b", b"22"), ("d/e/c", b"333")):
        s3.put(f"{area}/from/{key}", body)
    return f"{area}/from"


# -- into local files -----------------------------------------------------------------------------


def test_get_keeps_what_was_there_when_it_fails(
    systems: FileSystems, area: str, s3: Witness, tmp_path: Path
) -> None:
    """Neither half a file nor a temporary one."""
    target = tmp_path / "k"
    target.write_bytes(b"before")
    fs = systems.make()
    with pytest.raises(FileNotFoundError):
        fs.get_file(f"{area}/none", str(target))
    path = s3.put(f"{area}/k", pattern(3 * MIB))

    class Full(Callback):
        def relative_update(self, inc: int = 1) -> None:
            raise OSError("enough")

    with pytest.raises(OSError, match="enough"):
        fs.get_file(path, str(target), callback=Full())
    assert target.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["k"]


def test_get_keeps_mode_and_link(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    path = s3.put(f"{area}/k", b"new")
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    fs.get_file(path, str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o640


def test_get_to_a_device_writes_to_it(fs: Any, area: str, s3: Witness) -> None:
    fs.get_file(s3.put(f"{area}/k", b"x"), os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_get_of_an_empty_object(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    told = Told()
    fs.get_file(s3.put(f"{area}/k", b""), str(tmp_path / "k"), callback=told)
    assert (tmp_path / "k").read_bytes() == b""
    assert (told.size, told.value) == (0, 0)


@pytest.mark.parametrize("paths", [["/x/../y"], ["/x/a", "/x/b/../../z"]])
def test_names_cannot_lead_out_of_the_folder(paths: list[str]) -> None:
    with pytest.raises(ValueError, match="outside"):
        _below("/x", paths)


def test_names_with_dots_that_stay_inside() -> None:
    assert _below("/x", ["/x/a..b", "/x/b/../c", "/x"]) == ["/x/a..b", "/x/c", "/x"]
    assert _below("/x/../y", ["/x/../y", "/x/../y/k"]) == ["/x/../y", "/y/k"]


def test_get_tells_each_file(fs: Any, tree: str, tmp_path: Path) -> None:
    told = Told()
    fs.get(tree, str(tmp_path / "out"), recursive=True, callback=told)
    assert (told.size, told.value) == (3, 3)
    sizes = {source: child.value for (source, _), child in told.branches.items()}
    assert sizes == {f"{tree}/a": 1, f"{tree}/d/b": 2, f"{tree}/d/e/c": 3}
    assert all(child.is_closed for child in told.branches.values())


# -- from local files -----------------------------------------------------------------------------


def test_put_tells_bytes_and_files(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    data = pattern(11 * MIB + 5)
    (tmp_path / "big").write_bytes(data)
    told = Told()
    fs.put_file(str(tmp_path / "big"), f"{area}/big", callback=told)
    assert (told.size, told.value) == (len(data), len(data))
    assert s3.get(f"{area}/big") == data
    (tmp_path / "small").write_bytes(b"12")
    told = Told()
    fs.put(str(tmp_path) + "/", f"{area}/all", recursive=True, callback=told)
    assert (told.size, told.value) == (3, 3)  # the folder itself is one
    assert s3.get(f"{area}/all/small") == b"12"


def test_put_of_a_folder_of_many(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    for number in range(150):
        folder = tmp_path / f"f{number % 3}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}").write_text(str(number))
    (tmp_path / "empty").mkdir()
    fs.put(str(tmp_path), f"{area}/x", recursive=True)
    found = s3.contents(f"{area}/x")
    assert len(found) == 150
    assert found[f"{area}/x/f1/100"] == b"100"
    with pytest.raises(FileNotFoundError):
        fs.put(str(tmp_path / "none"), f"{area}/y", recursive=True)


def test_put_with_create_does_not_replace(fs: Any, area: str, s3: Witness, tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"new")
    path = s3.put(f"{area}/k", b"old")
    with pytest.raises(FileExistsError):
        fs.put_file(str(tmp_path / "k"), path, mode="create")
    assert s3.get(path) == b"old"
    with pytest.raises(ValueError, match="mode"):
        fs.put_file(str(tmp_path / "k"), path, mode="append")


@pytest.mark.parametrize("size", [10, 9 * MIB])
def test_put_in_a_transaction(
    fs: Any, area: str, bucket: str, s3: Witness, tmp_path: Path, size: int
) -> None:
    data = pattern(size)
    (tmp_path / "k").write_bytes(data)
    with fs.transaction:
        fs.put_file(str(tmp_path / "k"), f"{area}/put")
        fs.pipe_file(f"{area}/pipe", data)
        assert s3.paths(area) == []
    assert s3.contents(area) == {f"{area}/put": data, f"{area}/pipe": data}
    assert sorted(fs.ls(area)) == [f"{area}/pipe", f"{area}/put"]
    with pytest.raises(KeyError):
        with fs.transaction:
            fs.put_file(str(tmp_path / "k"), f"{area}/no")
            fs.pipe_file(f"{area}/none", data)
            raise KeyError
    assert len(s3.paths(area)) == 2
    assert s3.uploads(bucket) == []


# -- on the server --------------------------------------------------------------------------------


def test_cp_tells_how_many(fs: Any, tree: str, area: str) -> None:
    told = Told()
    fs.copy(tree, f"{area}/to", recursive=True, callback=told)
    assert (told.size, told.value) == (3, 3)
    assert len(told.branches) == 3


def test_rm_tells_how_many(fs: Any, area: str, s3: Witness) -> None:
    fs.pipe({f"{area}/r/{number}": b"" for number in range(1100)})
    told = Told()
    fs.rm(f"{area}/r", recursive=True, callback=told)
    assert (told.size, told.value) == (1100, 1100)
    assert s3.paths(area) == []


def test_rm_takes_what_others_wrote_since_the_listing(fs: Any, tree: str, s3: Witness) -> None:
    fs.find(tree)
    s3.put(f"{tree}/d/new")
    fs.rm(tree, recursive=True)
    assert s3.paths(tree) == []


def test_rm_by_a_pattern_does_not_trust_listings(fs: Any, tree: str, s3: Witness) -> None:
    fs.ls(tree)
    s3.put(f"{tree}/a2")
    fs.rm(f"{tree}/a*")
    assert f"{tree}/a2" not in s3.paths(tree)


def test_nothing_of_a_removed_tree_is_listed(fs: Any, tree: str, area: str) -> None:
    """Also where the server has made folders for the keys."""
    fs.rm(f"{tree}/d", recursive=True)
    assert fs.ls(tree) == [f"{tree}/a"]
    fs.mv(tree, f"{area}/to", recursive=True)
    assert fs.ls(area) == [f"{area}/to"]


def test_key_that_ends_in_a_slash(fs: Any, area: str, s3: Witness) -> None:
    fs.pipe_file(f"{area}/folder/", b"")
    assert s3.paths(area) == [f"{area}/folder/"]
    assert fs.cat_file(f"{area}/folder/") == b""
    assert fs.isdir(f"{area}/folder") and fs.isdir(f"{area}/folder/")
    fs.rm_file(f"{area}/folder/")
    assert s3.paths(area) == []


def test_copy_of_what_changes_is_not_hidden_by_listings(
    fs: Any, tree: str, area: str, s3: Witness
) -> None:
    fs.ls(area)
    fs.cp_file(f"{tree}/a", f"{area}/copy")
    assert f"{area}/copy" in fs.ls(area)


def test_failed_write_forgets_listings(
    systems: FileSystems, area: str, s3: Witness, traffic: Traffic
) -> None:
    """Whether it happened is not known, so nothing is."""
    fs = systems.make(endpoint=traffic.endpoint)
    s3.put(f"{area}/k")
    fs.ls(area)
    with pytest.raises(FileExistsError):
        fs.pipe_file(f"{area}/k", b"x", mode="create")
    s3.put(f"{area}/l")
    with pytest.raises((OSError, ValueError)):
        fs.pipe_file(f"{area}/m", b"x", ContentType="a\nb")
    assert f"{area}/l" in fs.ls(area)


# -- compression ----------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["gzip", "bz2", "xz"])
def test_compressed_text(fs: Any, area: str, codec: str) -> None:
    path = f"{area}/t"
    with fs.open(path, "wt", compression=codec, newline="\n") as file:
        file.write("one\ntwo\n" * 1000)
    with fs.open(path, "rt", compression=codec) as file:
        assert file.readline() == "one\n"
        assert len(list(file)) == 1999
    with fs.open(path, "rb", compression=codec) as file:
        assert (file.read(4), file.tell()) == (b"one\n", 4)
        file.seek(0)
        assert file.readline() == b"one\n"


def test_compressed_write_that_fails_leaves_nothing(fs: Any, area: str, s3: Witness) -> None:
    for mode, data in (("wb", b"1"), ("wt", "1")):
        with pytest.raises(KeyError):
            with fs.open(f"{area}/k", mode, compression="gzip") as file:
                file.write(data)
                raise KeyError
    with pytest.raises(ValueError, match="ompress"):
        fs.open(f"{area}/k", "wb", compression="no such codec")
    assert s3.paths(area) == []

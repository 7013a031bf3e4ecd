"""Copies, moves, deletions, buckets."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from s3_harness import MIB, FileSystems, Traffic, Witness, pattern


@pytest.fixture
def tree(area: str, s3: Witness) -> str:
    """a, d/b, d/e/c below a path."""
    for key in ("a", "d/b", "d/e/c"):
        s3.put(f"{area}/{key}", key.encode())
    return area


# -- copy -----------------------------------------------------------------------------------------


def test_cp_file_is_one_request(
    systems: FileSystems, traffic: Traffic, area: str, s3: Witness
) -> None:
    fs = systems.make(endpoint=traffic.endpoint)
    s3.put(f"{area}/k", b"1", ContentType="text/x-y", Metadata={"one": "1"})
    made = traffic.count(lambda: fs.cp_file(f"{area}/k", f"{area}/new/k"))
    assert made.count("CopyObject") == 1
    assert not {"GetObject", "PutObject", "CreateMultipartUpload"} & set(made)
    head = s3.head(f"{area}/new/k")
    assert (head["ContentType"], head["Metadata"]) == ("text/x-y", {"one": "1"})
    assert s3.get(f"{area}/new/k") == b"1"


def test_cp_file_of_what_is_wrong(fs: Any, tree: str, bucket: str, s3: Witness) -> None:
    fs.cp_file(f"{tree}/d", f"{tree}/new")  # a directory is not copied by itself
    with pytest.raises(FileNotFoundError):
        fs.cp_file(f"{tree}/none", f"{tree}/new")
    with pytest.raises(ValueError, match="Cannot copy buckets"):
        fs.cp_file(bucket, f"{tree}/new")
    with pytest.raises(ValueError, match="Cannot copy to a versioned file"):
        fs.cp_file(f"{tree}/a", f"{tree}/new?versionId=1")
    assert len(s3.paths(tree)) == 3


def test_copy_recursive(fs: Any, tree: str, s3: Witness) -> None:
    fs.copy(f"{tree}/d", f"{tree}/copy", recursive=True)
    assert s3.contents(f"{tree}/copy/") == {
        f"{tree}/copy/b": b"d/b",
        f"{tree}/copy/e/c": b"d/e/c",
    }
    assert fs.find(f"{tree}/copy") == [f"{tree}/copy/b", f"{tree}/copy/e/c"]
    fs.cp([f"{tree}/a", f"{tree}/d/b"], [f"{tree}/1", f"{tree}/2"])
    assert (s3.get(f"{tree}/1"), s3.get(f"{tree}/2")) == (b"a", b"d/b")


def test_copy_of_missing(fs: Any, tree: str) -> None:
    with pytest.raises(FileNotFoundError):
        fs.copy(f"{tree}/none", f"{tree}/new")
    with pytest.raises(FileNotFoundError):
        fs.copy(f"{tree}/none", f"{tree}/new", recursive=True)


def test_copy_of_a_version(versioning: Any, versioned_area: str, s3: Witness) -> None:
    path = f"{versioned_area}/k"
    first = s3.put_version(path, b"one")
    s3.put(path, b"two")
    versioning.cp_file(f"{path}?versionId={first}", f"{versioned_area}/copy")
    assert s3.get(f"{versioned_area}/copy") == b"one"


def test_copy_of_many(fs: Any, area: str, s3: Witness) -> None:
    fs.pipe({f"{area}/in/{number:03}": str(number).encode() for number in range(120)})
    fs.copy(f"{area}/in", f"{area}/out", recursive=True)
    assert sorted(s3.contents(f"{area}/out/").values()) == sorted(
        str(number).encode() for number in range(120)
    )


# -- move -----------------------------------------------------------------------------------------


def test_mv(fs: Any, tree: str, s3: Witness) -> None:
    fs.mv(f"{tree}/a", f"{tree}/moved")
    assert s3.contents(f"{tree}/moved") == {f"{tree}/moved": b"a"}
    assert not fs.exists(f"{tree}/a") and fs.isfile(f"{tree}/moved")
    fs.mv(f"{tree}/d", f"{tree}/x", recursive=True)
    assert sorted(s3.contents(f"{tree}/")) == [
        f"{tree}/moved", f"{tree}/x/b", f"{tree}/x/e/c",
    ]  # fmt: skip
    fs.mv(f"{tree}/moved", f"{tree}/moved")
    assert s3.get(f"{tree}/moved") == b"a"
    with pytest.raises(FileNotFoundError):
        fs.mv(f"{tree}/none", f"{tree}/new")


def test_mv_deletes_only_what_was_copied(
    systems: FileSystems, traffic: Traffic, tree: str, s3: Witness
) -> None:
    fs = systems.make(endpoint=traffic.endpoint)
    with pytest.raises(OSError):
        fs.mv([f"{tree}/a", f"{tree}/none"], [f"{tree}/1", f"{tree}/2"])
    assert s3.get(f"{tree}/a") == b"a"


# -- delete ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [3, 2100])
def test_rm_of_a_list_is_one_request_for_a_thousand(
    systems: FileSystems, traffic: Traffic, area: str, s3: Witness, count: int
) -> None:
    """And nothing is looked up, but what was listed is forgotten."""
    fs = systems.make(endpoint=traffic.endpoint)
    s3.put(f"{area}/0001")
    s3.put(f"{area}/kept")
    assert fs.find(area) == [f"{area}/0001", f"{area}/kept"]
    names = [f"s3://{area}/{number:04}" for number in range(count)]
    assert traffic.count(lambda: fs.rm(names)) == ["DeleteObjects"] * -(-count // 1000)
    assert fs.find(area) == [f"{area}/kept"]


def test_rm_of_a_list_deletes_nothing_when_a_path_is_wrong(
    systems: FileSystems, area: str, bucket: str, s3: Witness
) -> None:
    fs = systems.make()
    s3.put(f"{area}/k")
    for wrong in (bucket, f"{bucket}/", "not a bucket/k", "/k"):
        with pytest.raises(ValueError):
            fs.rm([f"{area}/k", wrong])
    assert s3.paths(area) == [f"{area}/k"]


def test_rm_of_a_list_of_objects_and_versions(
    systems: FileSystems, versioned_area: str, s3: Witness
) -> None:
    fs = systems.make(version_aware=True)
    fs.pipe_file(f"{versioned_area}/k", b"1")
    first = fs.info(f"{versioned_area}/k").version_id
    fs.pipe_file(f"{versioned_area}/k", b"2")
    fs.pipe_file(f"{versioned_area}/other", b"3")
    fs.rm([f"{versioned_area}/k?versionId={first}", f"{versioned_area}/other"])
    assert fs.cat_file(f"{versioned_area}/k") == b"2"
    assert not fs.exists(f"{versioned_area}/other")
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{versioned_area}/k", version_id=first)


def test_rm(fs: Any, tree: str, s3: Witness, bucket: str) -> None:
    fs.rm(f"{tree}/d")  # a directory that is not empty
    assert len(s3.paths(tree)) == 3
    fs.rm(f"{tree}/none")  # missing is as well
    fs.rm([f"{tree}/a", f"{tree}/d/b"])
    assert s3.paths(tree) == [f"{tree}/d/e/c"]
    with pytest.raises(FileNotFoundError):
        fs.rm(f"{tree}/none", recursive=True)
    with pytest.raises(ValueError, match="Cannot delete the bucket"):
        fs.rm(bucket)
    with pytest.raises(ValueError, match="Cannot delete the bucket"):
        fs.rm(bucket, recursive=True)
    fs.rm(tree, recursive=True)
    assert s3.paths(tree) == []
    assert not fs.exists(tree) and fs.find(tree) == []


def test_rm_by_glob(fs: Any, tree: str, s3: Witness) -> None:
    fs.rm(f"{tree}/d/*")
    assert s3.paths(tree) == [f"{tree}/a", f"{tree}/d/e/c"]
    fs.rm(f"{tree}/d*", recursive=True)
    assert s3.paths(tree) == [f"{tree}/a"]


def test_rm_file(fs: Any, tree: str, s3: Witness, bucket: str) -> None:
    fs.rm_file(f"{tree}/a")
    fs.rm_file(f"{tree}/none")
    assert f"{tree}/a" not in s3.paths(tree)
    fs.delete(f"{tree}/d", recursive=True)
    assert s3.paths(tree) == []


def test_rm_leaves_neighbours(fs: Any, area: str, s3: Witness) -> None:
    """A directory's name is no prefix of other names."""
    for key in ("d/k", "d2/k", "dx"):
        s3.put(f"{area}/{key}")
    fs.rm(f"{area}/d", recursive=True)
    assert s3.paths(area) == [f"{area}/d2/k", f"{area}/dx"]


def test_rm_of_a_version(versioning: Any, versioned_area: str, s3: Witness) -> None:
    path = f"{versioned_area}/k"
    first = s3.put_version(path, b"one")
    s3.put(path, b"two")
    versioning.rm_file(f"{path}?versionId={first}")
    assert not versioning.exists(f"{path}?versionId={first}")
    assert versioning.cat_file(path) == b"two"
    versioning.rm_file(path)
    assert not versioning.exists(path)


# -- buckets --------------------------------------------------------------------------------------


@pytest.fixture
def name(s3: Witness) -> Any:
    """The name of a bucket that is removed afterwards."""
    name = f"made-{uuid.uuid4().hex[:12]}"
    yield name
    if s3.has_bucket(name):
        for path in s3.paths(name):
            s3.delete(path)
        s3.client.delete_bucket(Bucket=name)


def test_buckets_are_not_made_unless_allowed(fs: Any, name: str, bucket: str) -> None:
    for make in (fs.mkdir, fs.makedirs):
        with pytest.raises(PermissionError, match="Bucket creation is disabled"):
            make(name)
    with pytest.raises(PermissionError, match="Bucket deletion is disabled"):
        fs.rmdir(bucket)
    assert not fs.exists(name)


def test_bucket_is_made_and_removed(systems: FileSystems, name: str, s3: Witness) -> None:
    fs = systems.make(allow_bucket_creation=True, allow_bucket_deletion=True)
    assert name not in fs.ls("")
    fs.mkdir(name)
    assert name in fs.ls("") and fs.isdir(name)
    with pytest.raises(FileExistsError):
        fs.mkdir(name)
    with pytest.raises(FileExistsError):
        fs.makedirs(name)
    fs.makedirs(name, exist_ok=True)
    fs.pipe_file(f"{name}/k", b"1")
    assert s3.get(f"{name}/k") == b"1"
    fs.rm_file(f"{name}/k")
    fs.rmdir(name)
    assert name not in fs.ls("") and not fs.exists(name)


def test_mkdir_of_a_prefix_does_nothing(fs: Any, area: str, s3: Witness) -> None:
    fs.mkdir(f"{area}/d")
    fs.makedirs(f"{area}/d/e", exist_ok=True)
    assert s3.paths(area) == []
    with pytest.raises(FileNotFoundError):
        fs.mkdir("no-such-bucket-at-all/d", create_parents=False)
    with pytest.raises(ValueError, match="Cannot create the root directory"):
        fs.mkdir("")


def test_rmdir_of_what_is_no_bucket(fs: Any, tree: str) -> None:
    for path in (f"{tree}/a", f"{tree}/d"):
        with pytest.raises(FileExistsError):
            fs.rmdir(path)
    with pytest.raises(FileNotFoundError):
        fs.rmdir(f"{tree}/none")


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
def test_copy_in_parts(fs: Any, area: str, s3: Witness, bucket: str) -> None:
    """What was uploaded in parts is copied whole, headers too."""
    data = pattern(11 * MIB)
    with fs.open(f"{area}/k", "wb", s3_additional_kwargs={"ContentType": "text/x-y"}) as file:
        file.write(data)
    fs.cp_file(f"{area}/k", f"{area}/copy")
    assert s3.get(f"{area}/copy") == data
    assert s3.head(f"{area}/copy")["ContentType"] == "text/x-y"
    assert s3.uploads(bucket) == []

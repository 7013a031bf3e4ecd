"""Paths, listing and lookup."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from typing import Any

import harness
import pytest
import s3_harness
from s3_harness import FileSystems, Traffic, Witness, names


@pytest.fixture
def tree(area: str, s3: Witness) -> str:
    """a, d/b, d/e/c, d/e/g below a path."""
    for key in ("a", "d/b", "d/e/c", "d/e/g"):
        s3.put(f"{area}/{key}", key.encode())
    return area


# -- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["s3://", "s3a://", ""])
def test_path_has_any_of_the_schemes(fs: Any, tree: str, scheme: str) -> None:
    assert fs.cat_file(f"{scheme}{tree}/a") == b"a"
    assert names(fs.ls(f"{scheme}{tree}")) == [f"{tree}/a", f"{tree}/d"]
    assert fs.info(f"{scheme}{tree}/a")["name"] == f"{tree}/a"


def test_path_of_bad_form_is_refused(fs: Any) -> None:
    with pytest.raises(ValueError, match="Invalid S3 path format"):
        fs.info("s3://buck et/key")


def test_parent(fs: Any, bucket: str) -> None:
    assert fs._parent(f"s3://{bucket}/a/b") == f"{bucket}/a"
    assert fs._parent(bucket) == ""


def test_version_of_path_and_argument_must_agree(
    systems: FileSystems, versioned_area: str, s3: Witness
) -> None:
    fs = systems.make(version_aware=True)
    s3.put(f"{versioned_area}/k")
    with pytest.raises(ValueError, match="do not match"):
        fs.open(f"{versioned_area}/k?versionId=A", version_id="B")


# -- ls -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["", "s3://"])
def test_ls_root_gives_buckets(fs: Any, bucket: str, root: str) -> None:
    assert bucket in fs.ls(root)


def test_ls_gives_names_unless_detail(fs: Any, tree: str) -> None:
    assert fs.ls(tree) == [f"{tree}/d", f"{tree}/a"]  # prefixes first
    entries = fs.ls(tree, detail=True)
    assert [(entry["name"], entry["type"]) for entry in entries] == [
        (f"{tree}/d", "directory"),
        (f"{tree}/a", "file"),
    ]
    assert fs.ls(f"{tree}/") == fs.ls(tree)


def test_ls_object_gives_itself(fs: Any, tree: str) -> None:
    assert fs.ls(f"{tree}/a") == [f"{tree}/a"]
    (entry,) = fs.ls(f"{tree}/a", detail=True)
    assert (entry["name"], entry["type"], entry["size"]) == (f"{tree}/a", "file", 1)


def test_ls_missing_key_is_empty(fs: Any, tree: str) -> None:
    assert fs.ls(f"{tree}/none") == []


@pytest.mark.parametrize("key", ["", "/k"])
def test_ls_missing_bucket(fs: Any, key: str) -> None:
    with pytest.raises(FileNotFoundError):
        fs.ls(f"no-such-bucket-at-all{key}")


def test_ls_is_cached_until_told(fs: Any, tree: str, s3: Witness) -> None:
    assert names(fs.ls(tree)) == [f"{tree}/a", f"{tree}/d"]
    s3.put(f"{tree}/new")
    assert names(fs.ls(tree)) == [f"{tree}/a", f"{tree}/d"]
    assert names(fs.ls(tree, refresh=True)) == [f"{tree}/a", f"{tree}/d", f"{tree}/new"]
    assert names(fs.ls(tree)) == [f"{tree}/a", f"{tree}/d", f"{tree}/new"]
    s3.delete(f"{tree}/new")
    fs.invalidate_cache(tree)
    assert names(fs.ls(tree)) == [f"{tree}/a", f"{tree}/d"]
    s3.put(f"{tree}/other")
    fs.invalidate_cache()
    assert f"{tree}/other" in fs.ls(tree)


def test_own_writes_show_at_once(fs: Any, tree: str) -> None:
    """Whatever was listed before: the path, its parent, the parent's parent."""
    for path in (tree, f"{tree}/d", f"{tree}/d/e"):
        fs.ls(path)
        fs.find(path)
    fs.pipe_file(f"{tree}/d/e/new", b"12345")
    assert f"{tree}/d/e/new" in fs.ls(f"{tree}/d/e")
    assert f"{tree}/d/e/new" in fs.find(tree)
    assert fs.info(f"{tree}/d/e/new")["size"] == 5
    fs.rm_file(f"{tree}/d/e/new")
    assert f"{tree}/d/e/new" not in fs.find(tree)
    assert not fs.exists(f"{tree}/d/e/new")
    fs.pipe_file(f"{tree}/x/y", b"1")
    assert f"{tree}/x" in fs.ls(tree)
    fs.mv(f"{tree}/x/y", f"{tree}/z/y")
    assert f"{tree}/z" in fs.ls(tree)
    assert fs.find(tree)[-1] == f"{tree}/z/y" and f"{tree}/x/y" not in fs.find(tree)


def test_listing_expires(systems: FileSystems, tree: str, s3: Witness) -> None:
    fs = systems.make(listings_expiry_time=0.001)
    fs.ls(tree)
    s3.put(f"{tree}/new")
    harness.wait_until(lambda: f"{tree}/new" in fs.ls(tree), 5, "the listing expires")


def test_listing_without_cache(systems: FileSystems, tree: str, s3: Witness) -> None:
    fs = systems.make(use_listings_cache=False)
    fs.ls(tree)
    s3.put(f"{tree}/new")
    assert f"{tree}/new" in fs.ls(tree)


def test_object_that_is_a_prefix_too(fs: Any, area: str, s3: Witness) -> None:
    s3.put(f"{area}/k", b"12")
    s3.put(f"{area}/k/child", b"123")
    entries = fs.ls(area, detail=True)
    assert sorted(entry["type"] for entry in entries) == ["directory", "file"]
    assert {entry["name"] for entry in entries} == {f"{area}/k"}
    assert fs.ls(f"{area}/k") == [f"{area}/k/child"]
    fs.invalidate_cache()
    assert fs.info(f"{area}/k")["type"] == "file"
    assert fs.cat_file(f"{area}/k") == b"12"


def test_ls_versions(versioning: Any, versioned_area: str, s3: Witness) -> None:
    path = f"{versioned_area}/k"
    ids = [s3.put_version(path, body) for body in (b"1", b"2")]
    listed = versioning.ls(versioned_area, versions=True)
    assert sorted(listed) == sorted(f"{path}?versionId={id_}" for id_ in ids)
    entries = versioning.ls(versioned_area, versions=True, detail=True)
    assert {entry["version_id"] for entry in entries} == set(ids)
    assert [entry["version_id"] for entry in entries if entry["is_latest"]] == [ids[1]]


def test_ls_versions_needs_version_aware(fs: Any, tree: str) -> None:
    with pytest.raises(ValueError, match="unless the filesystem is version aware"):
        fs.ls(tree, versions=True)


# -- info and its kin -----------------------------------------------------------------------------


def test_info_of_object(fs: Any, area: str, s3: Witness) -> None:
    s3.put(f"{area}/k", b"12345", ContentType="text/x-y", Metadata={"one": "1"})
    entry = fs.info(f"{area}/k")
    assert isinstance(entry, Mapping)
    assert (entry["name"], entry["type"], entry["size"]) == (f"{area}/k", "file", 5)
    bucket, _, key = f"{area}/k".partition("/")
    assert (entry.bucket, entry.key, entry.content_length) == (bucket, key, 5)
    assert entry["etag"] == '"827ccb0eea8a706c4c34a16891f84e7b"' == entry.etag
    assert entry.storage_class == "STANDARD"
    assert entry.content_type == "text/x-y"
    assert entry.metadata == {"one": "1"}
    age = datetime.datetime.now(datetime.timezone.utc) - entry["last_modified"]
    assert abs(age.total_seconds()) < 600
    assert entry.sse_kms_key_id is None
    with pytest.raises(KeyError):
        entry["sse_kms_key_id"]
    with pytest.raises(AttributeError):
        entry.no_such_field  # noqa: B018


@pytest.mark.parametrize("slash", ["", "/"])
def test_info_of_prefix(fs: Any, tree: str, slash: str) -> None:
    entry = fs.info(f"{tree}/d{slash}")
    assert (entry["name"], entry["type"], entry["size"]) == (f"{tree}/d", "directory", 0)
    assert entry["storage_class"] == "DIRECTORY"


def test_info_of_bucket_and_root(fs: Any, bucket: str) -> None:
    entry = fs.info(bucket)
    assert (entry["name"], entry["type"], entry["storage_class"]) == (bucket, "directory", "BUCKET")
    assert (fs.info("")["type"], fs.info("")["storage_class"]) == ("directory", "BUCKET")


@pytest.mark.parametrize("listed", [False, True])
def test_info_of_missing(fs: Any, tree: str, listed: bool) -> None:
    if listed:
        fs.ls(tree)
    with pytest.raises(FileNotFoundError) as caught:
        fs.info(f"{tree}/none")
    assert f"{tree}/none" in str(caught.value)
    with pytest.raises(FileNotFoundError):
        fs.info("no-such-bucket-at-all")
    with pytest.raises(FileNotFoundError):
        fs.info("no-such-bucket-at-all/k")


def test_info_from_listing(fs: Any, tree: str, s3: Witness) -> None:
    fs.ls(tree)
    s3.put(f"{tree}/a", b"longer")
    assert fs.info(f"{tree}/a")["size"] == 1
    assert fs.info(f"{tree}/a", refresh=True)["size"] == 6


def test_info_of_version(versioning: Any, versioned_area: str, s3: Witness) -> None:
    path = f"{versioned_area}/k"
    first = s3.put_version(path, b"1")
    s3.put(path, b"22")
    for entry in (
        versioning.info(f"{path}?versionId={first}"),
        versioning.info(path, version_id=first),
    ):
        assert (entry["size"], entry["version_id"]) == (1, first)
    assert versioning.info(path)["size"] == 2
    assert versioning.exists(f"{path}?versionId={first}")
    assert not versioning.exists(f"{versioned_area}/no?versionId={first}")


def test_exists(fs: Any, tree: str, bucket: str) -> None:
    for path in (f"{tree}/a", f"{tree}/d", f"{tree}/d/", tree, bucket, "", "s3://"):
        assert fs.exists(path) is True, path
    for path in (f"{tree}/none", f"{tree}/a/none", "no-such-bucket-at-all"):
        assert fs.exists(path) is False, path


def test_kinds_and_sizes(fs: Any, tree: str, bucket: str) -> None:
    assert [fs.isfile(f"{tree}/{key}") for key in ("a", "d", "no")] == [True, False, False]
    assert [fs.isdir(f"{tree}/{key}") for key in ("a", "d", "no")] == [False, True, False]
    assert fs.isdir(bucket) and fs.isdir("") and not fs.isdir("no-such-bucket-at-all")
    assert fs.size(f"{tree}/d/e/c") == 5
    assert fs.size(f"{tree}/d") == 0
    assert fs.sizes([f"{tree}/a", f"{tree}/d/b"]) == [1, 3]
    with pytest.raises(FileNotFoundError):
        fs.size(f"{tree}/none")


def test_checksum_and_times(fs: Any, area: str, s3: Witness) -> None:
    s3.put(f"{area}/d/k", b"12345")
    assert fs.checksum(f"{area}/d/k") == 0x827CCB0EEA8A706C4C34A16891F84E7B
    assert isinstance(fs.checksum(f"{area}/d"), int)
    head = s3.head(f"{area}/d/k")
    assert fs.modified(f"{area}/d/k") == fs.created(f"{area}/d/k") == head["LastModified"]
    assert fs.modified(f"{area}/d") is None


def test_checksum_of_parts(fs: Any, area: str) -> None:
    fs.pipe_file(f"{area}/k", bytes(6 * s3_harness.MIB))
    etag = fs.info(f"{area}/k")["etag"]
    assert fs.checksum(f"{area}/k") == int(etag.strip('"').partition("-")[0], 16)


# -- find, glob, walk, du -------------------------------------------------------------------------


def test_find(fs: Any, tree: str) -> None:
    everything = [f"{tree}/{key}" for key in ("a", "d/b", "d/e/c", "d/e/g")]
    assert fs.find(tree) == everything
    assert fs.find(f"s3://{tree}/") == everything
    assert fs.find(f"{tree}/a") == [f"{tree}/a"]
    assert fs.find(f"{tree}/none") == []
    details = fs.find(tree, detail=True)
    assert list(details) == everything
    assert details[f"{tree}/d/b"]["size"] == 3
    assert fs.find(tree, prefix="d") == everything[1:]


def test_find_with_directories(fs: Any, tree: str) -> None:
    found = fs.find(tree, withdirs=True)
    keys = ("a", "d", "d/b", "d/e", "d/e/c", "d/e/g")
    assert set(found) == {tree, *(f"{tree}/{key}" for key in keys)}
    kinds = {name: e["type"] for name, e in fs.find(tree, withdirs=True, detail=True).items()}
    assert kinds[f"{tree}/d/e"] == kinds[tree] == "directory"
    assert kinds[f"{tree}/a"] == "file"


def test_find_to_a_depth(fs: Any, tree: str) -> None:
    assert fs.find(tree, maxdepth=1) == [f"{tree}/a"]
    assert names(fs.find(tree, maxdepth=2)) == [f"{tree}/a", f"{tree}/d/b"]
    assert len(fs.find(tree, maxdepth=3)) == 4
    assert set(fs.find(tree, maxdepth=1, withdirs=True)) == {tree, f"{tree}/a", f"{tree}/d"}


def test_find_to_depth_0_as_in_version_3(fs: Any, tree: str) -> None:
    assert fs.find(tree, maxdepth=0) == [f"{tree}/a"]


def test_everything_is_too_much(fs: Any) -> None:
    with pytest.raises(ValueError, match="Cannot traverse all files in S3"):
        fs.find("")
    with pytest.raises(ValueError, match="Cannot traverse all files in S3"):
        fs.glob("*")


def test_find_shows_keys_with_a_slash_at_the_end(fs: Any, area: str, s3: Witness) -> None:
    s3.put(f"{area}/dir/", b"")
    s3.put(f"{area}/dir/k")
    assert f"{area}/dir/k" in fs.find(area)
    assert len(fs.find(area)) == 2
    assert fs.ls(area) == [f"{area}/dir"]
    assert fs.info(f"{area}/dir")["type"] == "directory"


def test_glob(fs: Any, tree: str) -> None:
    assert fs.glob(f"{tree}/*") == [f"{tree}/a", f"{tree}/d"]
    assert fs.glob(f"s3://{tree}/d/?") == [f"{tree}/d/b", f"{tree}/d/e"]
    assert fs.glob(f"{tree}/**/[cg]") == [f"{tree}/d/e/c", f"{tree}/d/e/g"]
    assert fs.glob(f"{tree}/none*") == []
    assert fs.glob(f"{tree}/a") == [f"{tree}/a"]
    assert list(fs.glob(f"{tree}/d/*", detail=True)) == [f"{tree}/d/b", f"{tree}/d/e"]


def test_walk(fs: Any, tree: str) -> None:
    assert list(fs.walk(tree)) == [
        (tree, ["d"], ["a"]),
        (f"{tree}/d", ["e"], ["b"]),
        (f"{tree}/d/e", [], ["c", "g"]),
    ]
    assert list(fs.walk(tree, maxdepth=1)) == [(tree, ["d"], ["a"])]
    ((_, directories, files),) = fs.walk(f"{tree}/d/e", detail=True)
    assert not directories and files["c"]["size"] == 5


def test_du(fs: Any, tree: str) -> None:
    assert fs.du(tree) == 1 + 3 + 5 + 5
    assert fs.du(tree, total=False)[f"{tree}/d/b"] == 3


# -- requests -------------------------------------------------------------------------------------

LOOKUP = ["HeadObject", "ListObjectsV2"]
REQUESTS = [
    ("ls", "", ["ListBuckets"]),
    ("ls", "{}", ["ListObjectsV2"]),
    ("ls", "{}/a", LOOKUP),
    ("ls", "{}/none", LOOKUP),
    ("info", "{}/a", ["HeadObject"]),
    ("info", "{}/d", LOOKUP),
    ("info", "{bucket}", ["HeadBucket"]),
    ("info", "", []),
    ("exists", "{}/a", ["HeadObject"]),
    ("exists", "{}/none", LOOKUP),
    ("isdir", "{}/d", LOOKUP),
    ("size", "{}/a", ["HeadObject"]),
    ("find", "{}", ["ListObjectsV2"]),
    ("find", "{}/none", [*LOOKUP, "ListObjectsV2"]),
    ("cat_file", "{}/a", ["GetObject"]),
    ("rm_file", "{}/a", ["DeleteObject"]),
    ("getxattr", "{}/a", ["HeadObject"]),
]


@pytest.mark.parametrize("name, path, expected", REQUESTS)
def test_requests(
    systems: FileSystems, traffic: Traffic, tree: str, bucket: str, name: str, path: str,
    expected: list[str],
) -> None:  # fmt: skip
    """A call makes no more requests than these when nothing is known yet."""
    fs = systems.make(endpoint=traffic.endpoint)
    path = path.format(tree, bucket=bucket)
    more = ("x",) if name == "getxattr" else ()
    made = traffic.count(lambda: getattr(fs, name)(path, *more))
    assert not Counter(made) - Counter(expected), made
    assert made or not expected


def test_requests_of_what_is_known(systems: FileSystems, traffic: Traffic, tree: str) -> None:
    fs = systems.make(endpoint=traffic.endpoint)
    fs.ls(tree)

    def look() -> None:
        fs.ls(tree)
        fs.info(f"{tree}/a")
        fs.exists(f"{tree}/d")
        fs.isfile(f"{tree}/a")
        fs.size(f"{tree}/a")

    assert traffic.count(look) == []
    fs.find(tree)
    assert traffic.count(lambda: fs.find(tree)) == []


def test_long_listing_comes_whole(
    systems: FileSystems, traffic: Traffic, area: str, s3: Witness
) -> None:
    """More than one page, by every call that lists."""
    fs = systems.make(endpoint=traffic.endpoint)
    fs.pipe({f"{area}/d/{number:04}": b"" for number in range(1005)})
    assert len(s3.paths(area)) == 1005
    made = traffic.count(lambda: (fs.ls(f"{area}/d"), fs.find(area)))
    assert made == ["ListObjectsV2"] * 4
    assert len(fs.ls(f"{area}/d")) == len(fs.find(area)) == 1005
    assert len(set(fs.ls(f"{area}/d"))) == 1005
    made = traffic.count(lambda: fs.rm(area, recursive=True))
    # Folders that the server keeps when they are empty may be removed one by one.
    assert made.count("DeleteObjects") == 2 and made.count("DeleteObject") <= 2
    assert s3.paths(area) == []

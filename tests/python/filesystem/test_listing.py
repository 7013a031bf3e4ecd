"""Kept listings, walks and globs: what holds whatever the server is."""

from __future__ import annotations

from typing import Any

import pytest
from fsspec.dircache import DirCache
from pyathena.filesystem._cache import MISSING, Listing, ListingCache
from pyathena.filesystem._listing import Walk
from pyathena.filesystem.s3_object import S3Object
from s3_harness import FileSystems, Witness


def entry(key: str, size: int = 1) -> tuple[Any, ...]:
    kind = 2 if key.endswith("/") else 1
    return (kind, key, size, '"e"', 1.0, "STANDARD", None, False, 0, None, None, None)


def listing_of(bucket: str, *keys: str) -> Listing:
    listing = Listing()
    listing.add_page(bucket, [entry(key) for key in keys])
    return listing


def keep(cache: ListingCache, name: str, delimiter: str, *keys: str) -> None:
    cache.finish(cache.begin(name), delimiter, listing_of(name.partition("/")[0], *keys))


@pytest.fixture
def cache() -> ListingCache:
    return ListingCache(DirCache())


# -- listings -------------------------------------------------------------------------------------


def test_listing_has_directories_first() -> None:
    listing = listing_of("b", "d/", "a", "k", "k/")
    assert listing.names == ["b/d", "b/k", "b/a", "b/k"]
    assert [(one.name, one.type) for one in listing] == [
        ("b/d", "directory"), ("b/k", "directory"), ("b/a", "file"), ("b/k", "file")
    ]  # fmt: skip
    assert len(listing) == 4 and listing[2].size == 1
    found = listing.entry("b/k")
    assert found is not None and found.type == "file"


def test_listing_sorts_what_the_server_did_not() -> None:
    assert list(listing_of("b", "z", "a").sorted_files) == ["b/a", "b/z"]
    assert list(listing_of("b", "a", "z").sorted_files) == ["b/a", "b/z"]


def test_prefix_is_found_among_keys() -> None:
    listing = listing_of("b", "d-1", "d/x", "d0")
    assert listing.is_prefix("b/d")
    assert not listing.is_prefix("b/d0") and not listing.is_prefix("b/zz")


def test_lookup_by_the_listing_of_the_parent(cache: ListingCache) -> None:
    assert cache.lookup("b/d/k") is None
    keep(cache, "b/d", "/", "d/k", "d/e/")
    found = cache.lookup("b/d/k")
    assert isinstance(found, S3Object) and found.size == 1
    directory = cache.lookup("b/d/e")
    assert isinstance(directory, S3Object) and directory.type == "directory"
    assert cache.lookup("b/d/none") is MISSING
    assert cache.lookup("b/d/e/x") is None
    assert cache.lookup("b/other") is None


def test_lookup_by_the_listing_of_a_tree(cache: ListingCache) -> None:
    keep(cache, "b/d", "", "d/e/f/k")
    assert isinstance(cache.lookup("b/d/e/f/k"), S3Object)
    directory = cache.lookup("b/d/e")
    assert isinstance(directory, S3Object)
    assert (directory.type, directory.name) == ("directory", "b/d/e")
    assert cache.lookup("b/d/e/none") is MISSING
    assert cache.lookup("b/x") is None


def test_write_drops_all_listings_above_and_no_other(cache: ListingCache) -> None:
    for name in ("b", "b/d", "b/d/e", "b/x"):
        for delimiter in ("/", ""):
            keep(cache, name, delimiter, "d/e/k")
    keep(cache, "", "/")
    cache.drop(["b/d/e/new"])
    for name in ("b", "b/d", "b/d/e"):
        assert cache.get(name, "/") is None and cache.get(name, "") is None
    assert cache.get("b/x", "/") is not None
    assert cache.get("", "/") is not None  # buckets are as they were


def test_listing_that_was_overtaken_by_a_write_is_not_kept(cache: ListingCache) -> None:
    pending, other = cache.begin("b/d"), cache.begin("b/x")
    cache.drop(["b/d/e/k"])
    cache.finish(pending, "/", listing_of("b", "d/old"))
    cache.finish(other, "/", listing_of("b", "x/k"))
    assert cache.get("b/d", "/") is None
    assert cache.get("b/x", "/") is not None


@pytest.mark.parametrize("drop", ["clear", "drop_tree"])
def test_listing_that_was_overtaken_by_invalidation_is_not_kept(
    cache: ListingCache, drop: str
) -> None:
    pending = cache.begin("b/d/e")
    cache.clear() if drop == "clear" else cache.drop_tree("b/d")
    cache.finish(pending, "/", listing_of("b", "d/e/old"))
    assert cache.get("b/d/e", "/") is None


def test_invalidation_reaches_below(cache: ListingCache) -> None:
    for name in ("b", "b/d", "b/d/e", "b/dd"):
        keep(cache, name, "/")
    cache.drop_tree("b/d")
    assert [cache.get(name, "/") is None for name in ("b", "b/d", "b/d/e", "b/dd")] == [
        True, True, True, False
    ]  # fmt: skip


# -- walks ----------------------------------------------------------------------------------------

TREE = {
    "b": [S3Object.directory("b", "d"), S3Object.directory("b", "e")],
    "b/d": [S3Object.directory("b", "d/x")],
    "b/d/x": [S3Object({"Size": 1}, name="b/d/x/k", type="file")],
    "b/e": [],
}


def walk(options: Walk, pruned: str = "") -> list[Any]:
    """The levels of a walk over TREE; ``pruned`` is taken out of each level's directories."""
    levels = []
    steps = options.steps("b")
    step = next(steps, None)
    while step is not None:
        if isinstance(step, str):
            found = TREE.get(step)
            try:
                step = steps.send(PermissionError(step) if found is None else found)
            except StopIteration:
                break
        else:
            if pruned in step[1]:
                step[1].remove(pruned)
            levels.append((step[0], list(step[1]), list(step[2])))
            step = next(steps, None)
    return levels


def test_walk_goes_down_or_up() -> None:
    down = [("b", ["d", "e"], []), ("b/d", ["x"], []), ("b/d/x", [], ["k"]), ("b/e", [], [])]
    assert walk(Walk()) == down
    assert walk(Walk(topdown=False)) == [down[2], down[1], down[3], down[0]]
    assert walk(Walk(maxdepth=2)) == [down[0], down[1], down[3]]


def test_walk_leaves_out_what_the_caller_took_out() -> None:
    assert [level[0] for level in walk(Walk(), pruned="d")] == ["b", "b/e"]


def test_walk_tells_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(TREE, "b/d")
    told: list[OSError] = []
    assert [level[0] for level in walk(Walk(on_error=told.append))] == ["b", "b/e"]
    assert [str(error) for error in told] == ["b/d"]
    assert [level[0] for level in walk(Walk())] == ["b", "b/e"]
    with pytest.raises(PermissionError):
        walk(Walk(on_error="raise"))
    with pytest.raises(ValueError, match="maxdepth"):
        walk(Walk(maxdepth=0))


# -- file systems ---------------------------------------------------------------------------------


def test_listing_without_delimiter_answers_lookups(fs: Any, area: str, s3: Witness) -> None:
    s3.put(f"{area}/d/e/k", b"123")
    fs.find(area)
    s3.put(f"{area}/d/e/k", b"12345")
    assert fs.info(f"{area}/d/e/k")["size"] == 3
    assert fs.isdir(f"{area}/d/e") and not fs.exists(f"{area}/d/none")
    assert fs.info(f"{area}/d/e/k", refresh=True)["size"] == 5


def test_find_and_glob_of_a_file_that_is_a_directory_too(
    fs: Any, area: str, s3: Witness
) -> None:
    s3.put(f"{area}/k", b"1")
    s3.put(f"{area}/k/x", b"12")
    assert fs.find(area) == [f"{area}/k", f"{area}/k/x"]
    assert fs.find(f"{area}/k", withdirs=True) == [f"{area}/k", f"{area}/k/x"]
    assert fs.expand_path(f"{area}/k", recursive=True) == [f"{area}/k", f"{area}/k/x"]
    assert fs.cat(f"{area}/k", recursive=True) == {f"{area}/k": b"1", f"{area}/k/x": b"12"}


def test_result_of_find_is_the_callers_own(fs: Any, area: str, s3: Witness) -> None:
    s3.put(f"{area}/k")
    fs.find(area, detail=True).clear()
    fs.ls(area).clear()
    fs.ls(area, detail=True).clear()
    assert fs.find(area) == fs.ls(area) == [f"{area}/k"]


def test_glob_ending_in_a_slash_gives_directories(fs: Any, area: str, s3: Witness) -> None:
    for key in ("a", "ad/x", "b/y"):
        s3.put(f"{area}/{key}")
    assert fs.glob(f"{area}/*/") == [f"{area}/ad", f"{area}/b"]
    assert fs.glob(f"{area}/a*") == [f"{area}/a", f"{area}/ad"]
    assert fs.glob(f"{area}/**", maxdepth=1) == [area, *(f"{area}/{k}" for k in ("a", "ad", "b"))]
    with pytest.raises(ValueError, match="maxdepth"):
        fs.glob(f"{area}/*", maxdepth=0)


@pytest.mark.parametrize("kind", ["blocking", "wrapped"])  # the others' levels are collected first
def test_walk_in_a_file_system_can_be_pruned(systems: FileSystems, area: str, s3: Witness) -> None:
    for key in ("keep/a", "skip/b"):
        s3.put(f"{area}/{key}")
    seen = []
    for path, dirs, _ in systems.make().walk(area):
        seen.append(path)
        dirs[:] = [one for one in dirs if one != "skip"]
    assert seen == [area, f"{area}/keep"]


def test_batch_size_must_be_one(fs: Any, area: str) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        fs.cat([f"{area}/a", f"{area}/b"], batch_size=-2)

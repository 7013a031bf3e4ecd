"""Pairs of copies and moves: fsspec's rules, and what conflicts."""

from __future__ import annotations

import itertools

import pytest
from fsspec.utils import other_paths as fsspec_other_paths
from pyathena.filesystem.s3_path_pairing import S3PathPairing, other_paths

TREE = ["b/a", "b/a/x", "b/a/y/z"]


@pytest.mark.parametrize(
    ("path1", "path2", "options", "expected"),
    [
        ("b/a", "c/d", {}, (True, True, True)),
        ("b/a", "c/d/", {}, (True, True, False)),
        ("b/a/", "c/d", {"recursive": True}, (True, False, False)),
        ("b/a", "c/d", {"recursive": True}, (True, False, True)),
        ("b/a", "c/d", {"recursive": True, "maxdepth": 1}, (True, True, True)),
        ("b/*", "c/d", {}, (True, True, False)),
        ("b/a?", "c/d", {}, (True, True, False)),
        ("b/a[1]", "c/d", {"recursive": True}, (True, False, False)),
        ("b/a?versionId=1", "c/d", {}, (True, True, True)),
        (["b/a"], "c/d", {}, (True, False, False)),
        ("b/a", ["c/d"], {}, (True, True, False)),
        (["b/a"], ["c/d"], {}, (False, False, False)),
    ],
)
def test_what_is_needed(path1, path2, options, expected):
    pairing = S3PathPairing(path1, path2, **options)
    assert (
        pairing.expands,
        pairing.skips_directories,
        pairing.looks_up_destination,
    ) == expected


@pytest.mark.parametrize(
    ("path1", "path2", "sources", "is_dir", "expected"),
    [
        ("b/a", "c/d", ["b/a"], False, ["c/d"]),
        ("b/a", "c/d", ["b/a"], True, ["c/d/a"]),
        ("b/a", "c/d/", ["b/a"], None, ["c/d/a"]),
        ("b/a", "c/d", TREE, False, ["c/d", "c/d/x", "c/d/y/z"]),
        ("b/a", "c/d", TREE, True, ["c/d/a", "c/d/a/x", "c/d/a/y/z"]),
        ("b/a/", "c/d", TREE, None, ["c/d", "c/d/x", "c/d/y/z"]),
        ("b/a/", "c/d/", TREE, None, ["c/d", "c/d/x", "c/d/y/z"]),
        ("b/*", "c/d", ["b/a"], None, ["c/d/a"]),
        ("b/*", "c/d", ["b/p", "b/q"], None, ["c/d/p", "c/d/q"]),
        (["b/a", "b/x/y"], "c/d", ["b/a", "b/x/y"], None, ["c/d/a", "c/d/y"]),
        ("b/a?versionId=7", "c/d/", ["b/a?versionId=7"], None, ["c/d/a"]),
        ("b/a?versionId=7", "c/d", ["b/a?versionId=7"], False, ["c/d"]),
        ("b", "c", ["b/p", "b/q/r"], False, ["c/p", "c/q/r"]),
        ("b/a", ["c/d"], ["b/a"], None, ["c/d"]),
        ("b/d//", "c", ["b/d//k", "b/d//l"], None, ["c/k", "c/l"]),
        ("b/a", "c/d//", ["b/a"], None, ["c/d//a"]),
        ("b/ +%é", "c/", ["b/ +%é"], None, ["c/ +%é"]),
        ("b/a", "c/d", [], False, []),
    ],
)
def test_copy_pairs(path1, path2, sources, is_dir, expected):
    pairs = S3PathPairing(path1, path2, recursive=True).copy_pairs(sources, is_dir)
    assert pairs == list(zip(sources, expected))


def test_copy_pairs_of_two_lists():
    assert S3PathPairing(["b/a", "b/x"], ["c/a", "c/x"]).copy_pairs() == [
        ("b/a", "c/a"),
        ("b/x", "c/x"),
    ]
    with pytest.raises(ValueError, match="Cannot pair 2 sources with 1 destinations."):
        S3PathPairing(["b/a", "b/x"], ["c/a"]).copy_pairs()
    with pytest.raises(ValueError, match="Cannot pair 3 sources with 1 destinations."):
        S3PathPairing("b/a", ["c/a"]).copy_pairs(TREE)


def test_copy_pairs_without_what_is_needed():
    with pytest.raises(ValueError, match="sources is needed to pair the paths."):
        S3PathPairing("b/a", "c/d").copy_pairs()
    with pytest.raises(ValueError, match="destination_is_dir is needed to pair the paths."):
        S3PathPairing("b/a", "c/d").copy_pairs(["b/a"])


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("destination", ["c", "c/", "c/d", "/tmp/d", "s3://c/d/"])
def test_other_paths_agrees_with_fsspec(destination, flatten, exists):
    names = ["b/a", "b/a/x", "b/a/y/z", "b/a/x/", "b/ab", "b/ q", "/local/p", "/local/q/r"]
    for count in (1, 2, 3):
        for paths in itertools.combinations(names, count):
            if len({path.startswith("/") for path in paths}) > 1:
                continue  # nothing in common: fsspec leaves out the slash
            ours = other_paths(paths, destination, exists=exists, flatten=flatten)
            theirs = fsspec_other_paths(list(paths), destination, exists=exists, flatten=flatten)
            assert ours == theirs, paths


def test_other_paths_of_several_buckets():
    assert other_paths(["a/k", "b/k"], "c/d") == ["c/d/a/k", "c/d/b/k"]


ONTO = "Cannot move a path onto another path that is moved."
SAME = "Cannot move several paths to the same destination."


def move(pairs, missing=None, versioned=()):
    return S3PathPairing("b", "c", True).move_pairs(
        pairs, missing, versioning_enabled_buckets=versioned
    )


def candidates(pairs):
    return S3PathPairing("b", "c", True).conflict_candidates(pairs)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("b/a", "b/c")], [("b/a", "b/c")]),
        ([("b/a", "b/a")], []),
        ([("s3://b/a", "b/a")], []),
        ([("b/a?versionId=null", "b/a")], []),
        ([("b/a?versionId=1", "b/a")], [("b/a?versionId=1", "b/a")]),
        ([("b/a", "b/c"), ("b/a", "b/d")], [("b/a", "b/c"), ("b/a", "b/d")]),
        ([("b/a", "b/a"), ("b/a", "b/c")], [("b/a", "b/c")]),
        ([("b/a?versionId=1", "b/c"), ("b/d", "b/a")], None),
        ([("b/x", "c/d"), ("b/y", "c/d/")], None),
        ([("b/a", "c/a"), ("b/a/x", "c/a/x")], None),
        ([], []),
    ],
)
def test_move_pairs(pairs, expected):
    assert candidates(pairs) == []
    assert move(pairs) == (pairs if expected is None else expected)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("b/a", "b/b"), ("b/b", "b/c")], ONTO),
        ([("b/a", "b/b"), ("b/b", "b/a")], ONTO),
        ([("b/a", "b/a"), ("b/b", "b/a")], ONTO),
        ([("s3://b/a", "b/c"), ("b/c", "b/d")], ONTO),
        ([("b/a?versionId=null", "b/c"), ("b/d", "b/a")], ONTO),
        ([("b/a", "b/c"), ("b/b", "b/c")], SAME),
        ([("b/a", "b/c"), ("b/a", "b/c")], SAME),
        ([("b/a", "b/c"), ("b/b", "s3://b/c?versionId=null")], SAME),
    ],
)
def test_move_pairs_that_conflict(pairs, message):
    assert candidates(pairs) == []
    for missing in (None, (), {"b/b"}):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
            move(pairs, missing)
        assert str(caught.value) == message


def test_move_pairs_where_versions_are_kept():
    pairs = [("b/a?versionId=null", "b/a")]
    assert move(pairs, versioned={"b"}) == pairs
    pairs = [("b/a?versionId=null", "b/c"), ("b/d", "b/a")]
    assert move(pairs, versioned=["b"]) == pairs


@pytest.mark.parametrize(
    ("pairs", "asked", "fine", "conflicting"),
    [
        ([("b/a", "b/a/x"), ("b/a/x", "b/q")], ["b/a"], {"b/a"}, set()),
        ([("b/a/x", "b/a"), ("b/a", "b/q")], ["b/a"], {"b/a"}, set()),
        ([("b/a", "b/c"), ("b/a/x", "b/c")], ["b/a"], {"b/a"}, set()),
        (
            [("b/a", "b/a/a"), ("b/a/a", "b/a/a/a"), ("b/a/a/a", "b/q")],
            ["b/a", "b/a/a"],
            {"b/a/a"},
            {"b/a"},
        ),
        (
            [("b/a", "b/q"), ("b/d", "b/q"), ("b/a/x", "b/r"), ("b/d/x", "b/s")],
            ["b/a", "b/d"],
            {"b/d"},
            set(),
        ),
    ],
)
def test_move_pairs_of_what_may_be_prefixes(pairs, asked, fine, conflicting):
    assert candidates(pairs) == asked
    assert move(pairs, fine) == pairs
    with pytest.raises(ValueError, match=f"{ONTO}|{SAME}"):
        move(pairs, conflicting)
    with pytest.raises(ValueError, match="missing is needed to check the pairs."):
        move(pairs)


def test_move_pairs_of_bad_paths():
    with pytest.raises(ValueError, match=r"Invalid S3 path format \."):
        move([("b/a", "")])


def test_delete_paths():
    assert S3PathPairing.delete_paths("b/a") == ([], ["b/a"])
    assert S3PathPairing.delete_paths([]) == ([], [])
    assert S3PathPairing.delete_paths(["b/a?versionId=2", "s3://b/q*", "b/c?"]) == (
        ["b/a?versionId=2"],
        ["s3://b/q*", "b/c?"],
    )
    for path in ("b", "s3://b/", ["b/a", "b"]):
        with pytest.raises(ValueError, match="Cannot delete the bucket."):
            S3PathPairing.delete_paths(path)
    with pytest.raises(ValueError, match="Invalid S3 path format"):
        S3PathPairing.delete_paths("*")


def test_value_semantics():
    assert S3PathPairing("a", "b") == S3PathPairing("a", "b", False, None)
    assert repr(S3PathPairing("a", "b", True, 2)) == (
        "S3PathPairing(path1='a', path2='b', recursive=True, maxdepth=2)"
    )

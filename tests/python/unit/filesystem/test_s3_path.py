"""S3Path: what is bucket, key and version."""

from __future__ import annotations

import copy
import dataclasses
import pathlib
import pickle

import pytest
from pyathena.filesystem.s3_path import S3Path, parse_path

VALID = [
    ("s3://b", "b", None, None),
    ("s3://b/", "b", None, None),
    ("s3a://b/k", "b", "k", None),
    ("b/k", "b", "k", None),
    ("A.b-c_9/k", "A.b-c_9", "k", None),
    ("b//k", "b", "/k", None),
    ("b//", "b", "/", None),
    ("s3://b///a//", "b", "//a//", None),
    ("b/k?versionId=1", "b", "k", "1"),
    ("b/k?versionID=1", "b", "k", "1"),
    ("b/k?versionid=1", "b", "k", "1"),
    ("b/k?version_id=1", "b", "k", "1"),
    ("b/k?versionId=null", "b", "k", "null"),
    ("b?versionId=1", "b", None, "1"),
    ("b/?versionId=1", "b", None, "1"),
    ("b/k?VersionId=1", "b", "k?VersionId=1", None),
    ("b/k?versionId=", "b", "k?versionId=", None),
    ("b/a?b", "b", "a?b", None),
    ("b/?", "b", "?", None),
    ("b/a?versionId=1?versionId=2", "b", "a?versionId=1", "2"),
    ("b/a?versionId=1?b", "b", "a?versionId=1?b", None),
    ("b/a?versionId=1=2", "b", "a", "1=2"),
    ("b/a\nb", "b", "a\nb", None),
    ("b/a\r\n", "b", "a\r\n", None),
    ("b/ a b /+%2F%/é€\U0001f600", "b", " a b /+%2F%/é€\U0001f600", None),
    ("b/s3://c/d", "b", "s3://c/d", None),
    ("b/../a/./c", "b", "../a/./c", None),
    ("b/" + "k" * 1024, "b", "k" * 1024, None),
]


@pytest.mark.parametrize(("path", "bucket", "key", "version_id"), VALID)
def test_parse(path, bucket, key, version_id):
    parsed = S3Path.parse(path)
    assert parsed == S3Path(bucket, key, version_id)
    assert parse_path(path) == (bucket, key, version_id)
    assert S3Path.has_version_id(path) is (version_id is not None)


@pytest.mark.parametrize("path", [path for path, *_ in VALID])
def test_parse_of_the_text_gives_the_same(path):
    parsed = S3Path.parse(path)
    assert S3Path.parse(str(parsed)) == parsed
    assert S3Path.parse(parsed.uri) == parsed


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "s3://",
        "s3:///k",
        "/b/k",
        "b b/k",
        "S3://b/k",
        "s3://s3://b/k",
        "bé/k",
        "b?x/y",
        "b\n",
        "arn:aws:s3/x",
        "b:c",
        "*",
        "?versionId=1",
    ],
)
def test_parse_of_no_path(path):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        S3Path.parse(path)
    assert str(caught.value) == f"Invalid S3 path format {path}."


@pytest.mark.parametrize("path", [None, b"b/k", 1])
def test_parse_of_another_type(path):
    with pytest.raises(TypeError, match=f"is a str, not {type(path).__name__}"):
        S3Path.parse(path)


def test_split_version_id():
    assert S3Path.split_version_id("s3a://b/k?versionID=7") == ("s3a://b/k", "7")
    assert S3Path.split_version_id("not a path?x=1") == ("not a path?x=1", None)


def test_has_version_id_of_a_path_object():
    assert S3Path.has_version_id(pathlib.PurePosixPath("/a/b?versionId=1"))
    assert not S3Path.has_version_id(pathlib.PurePosixPath("/a/b"))


def test_parts():
    path = S3Path("b", "d/k", "7")
    assert (path.name, str(path), path.uri) == (
        "b/d/k",
        "b/d/k?versionId=7",
        "s3://b/d/k?versionId=7",
    )
    assert not path.is_bucket
    assert (S3Path("b").name, str(S3Path("b")), S3Path("b").uri) == ("b", "b", "s3://b")
    assert S3Path("b").is_bucket
    assert S3Path("b", "").is_bucket
    assert not S3Path("b", "/").is_bucket
    assert S3Path("x--usw2-az1--x-s3").is_directory_bucket
    assert not S3Path("x-s3").is_directory_bucket


def test_target_is_the_object_for_the_null_version():
    assert S3Path("b", "k", "null").target == S3Path("b", "k")
    assert S3Path("b", "k", "1").target == S3Path("b", "k", "1")
    assert S3Path("b", "k").target == S3Path("b", "k")


def test_with_version_id():
    path = S3Path("b", "k", "1")
    assert path.with_version_id("2") == S3Path("b", "k", "2")
    assert path.with_version_id(None) == S3Path("b", "k")
    assert path == S3Path("b", "k", "1")


def test_pinned_to():
    assert S3Path("b", "k").pinned_to("1") == S3Path("b", "k", "1")
    assert S3Path("b", "k", "1").pinned_to("1") == S3Path("b", "k", "1")
    assert S3Path("b", "k", "1").pinned_to(None) == S3Path("b", "k", "1")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        S3Path("b", "k", "1").pinned_to("2")
    assert str(caught.value) == (
        "The version_id: 2 specified in the argument and "
        "the version_id: 1 specified in the path do not match."
    )


def test_value_semantics():
    path = S3Path("b", "k", "1")
    assert repr(path) == "S3Path(bucket='b', key='k', version_id='1')"
    assert {path: 1}[S3Path("b", "k", "1")] == 1
    assert path != S3Path("b", "k")
    assert pickle.loads(pickle.dumps(path)) == path
    assert copy.deepcopy(path) == path
    with pytest.raises(dataclasses.FrozenInstanceError):
        path.key = "other"

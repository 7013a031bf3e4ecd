"""Metadata, tags, access, versions, uploads and URLs: what the contract's tests leave open."""

from __future__ import annotations

from typing import Any

import pytest
from pyathena.filesystem.s3_object import S3Metadata
from s3_harness import MIB, Witness


@pytest.fixture
def path(area: str, s3: Witness) -> str:
    return s3.put(
        f"{area}/d/k",
        b"12345",
        ContentType="text/x-y",
        CacheControl="max-age=7",
        ContentDisposition="inline",
        Metadata={"one": "1", "two": "2"},
    )


def test_setxattr_keeps_what_it_is_not_told(fs: Any, path: str, s3: Witness) -> None:
    fs.setxattr(path, two=None, three="3")
    head = s3.head(path)
    assert head["Metadata"] == {"one": "1", "three": "3"}
    assert (head["ContentType"], head["CacheControl"]) == ("text/x-y", "max-age=7")
    assert head["ContentDisposition"] == "inline"
    assert s3.get(path) == b"12345"
    fs.setxattr(path, copy_kwargs={"ContentType": "text/z"})
    assert s3.head(path)["ContentType"] == "text/z"
    assert s3.head(path)["Metadata"] == {"one": "1", "three": "3"}


def test_setxattr_of_what_is_wrong(fs: Any, area: str, bucket: str) -> None:
    with pytest.raises(FileNotFoundError):
        fs.setxattr(f"{area}/none", one="1")
    with pytest.raises(ValueError, match="version"):
        fs.setxattr(f"{area}/k?versionId=1", one="1")
    with pytest.raises(ValueError, match="bucket"):
        fs.setxattr(bucket, one="1")


def test_change_of_metadata_drops_listings(fs: Any, area: str, path: str, s3: Witness) -> None:
    fs.ls(f"{area}/d")
    s3.put(f"{area}/d/new")
    fs.setxattr(path, one="2")
    assert f"{area}/d/new" in fs.ls(f"{area}/d")


def test_metadata_is_the_objects(fs: Any, path: str) -> None:
    found = fs.metadata(path)
    assert isinstance(found, S3Metadata)
    assert found == {"one": "1", "two": "2"} == found.user_metadata
    assert (found.content_length, found.content_type) == (5, "text/x-y")
    assert str(found.path) == path
    assert fs.getxattr(path, "two") == "2" and fs.getxattr(path, "four") is None


def test_tags_of_odd_texts(fs: Any, path: str, s3: Witness) -> None:
    tags = {"a b+c": "é / = @", "x": ""}
    fs.put_tags(path, tags)
    assert fs.get_tags(path) == tags == s3.tags(path)
    fs.put_tags(path, {"x": "1"}, mode="m")
    assert fs.get_tags(path) == {**tags, "x": "1"}
    fs.put_tags(path, {"y": "2"})
    assert s3.tags(path) == {"y": "2"}
    with pytest.raises(ValueError, match="Mode must be"):
        fs.put_tags(path, {}, mode="x")


def test_chmod_of_many(fs: Any, area: str, path: str, bucket: str) -> None:
    fs.pipe({f"{area}/d/{number}": b"" for number in range(5)})
    fs.chmod(f"{area}/d", "private", recursive=True)
    fs.chmod(bucket, "private")
    for target, recursive in ((path, False), (f"{area}/d", True)):
        with pytest.raises(ValueError, match="ACL not in"):
            fs.chmod(target, "nobody", recursive=recursive)
    with pytest.raises(ValueError, match="ACL not in"):
        fs.chmod(bucket, "bucket-owner-read")
    with pytest.raises(FileNotFoundError):
        fs.chmod(f"{area}/none", "private")


def test_versions_are_the_objects_own(
    versioning: Any, versioned_area: str, s3: Witness
) -> None:
    path = f"{versioned_area}/k"
    for body in (b"1", b"2"):
        s3.put(path, body)
    s3.put(f"{path}x", b"")
    s3.delete(path)
    found = versioning.object_version_info(path)
    assert [(v.key, v.is_delete_marker) for v in found] == [(v.key, False) for v in found]
    assert {v.name for v in found} == {path} and len(found) == 2
    every = versioning.object_version_info(path, delete_markers=True)
    assert [v.is_delete_marker for v in every] == [False, False, True]
    assert len(versioning.object_version_info(versioned_area)) == 3


def test_uploads_of_a_key_and_of_what_is_below(
    fs: Any, area: str, bucket: str, s3: Witness
) -> None:
    keys = [f"{area}/u".partition("/")[2], f"{area}/u/x".partition("/")[2]]
    other = f"{area}/ux".partition("/")[2]
    for key in [*keys, other]:
        s3.client.create_multipart_upload(Bucket=bucket, Key=key)
    found = fs.list_multipart_uploads(f"{area}/u")
    assert sorted(upload.key for upload in found) == keys
    assert all(upload.bucket == bucket and upload.upload_id for upload in found)
    fs.clear_multipart_uploads(f"{area}/u")
    assert [key for key in s3.uploads(bucket) if key in (*keys, other)] == [other]
    fs.clear_multipart_uploads(area)
    assert other not in s3.uploads(bucket)


def test_sign_of_what_is_wrong(fs: Any, area: str, bucket: str) -> None:
    with pytest.raises(ValueError, match="key"):
        fs.sign(bucket)
    with pytest.raises(ValueError, match="client_method"):
        fs.sign(f"{area}/k", client_method="list_buckets")
    for expiration in (0, 604_801):
        with pytest.raises(ValueError):
            fs.sign(f"{area}/k", expiration=expiration)


def test_checksum_follows_the_object(fs: Any, area: str, path: str, s3: Witness) -> None:
    before = fs.checksum(path)
    fs.pipe_file(path, b"other")
    assert fs.checksum(path) != before
    assert fs.checksum(f"{area}/d") == fs.checksum(f"{area}/d")
    fs.pipe_file(path, bytes(9 * MIB))
    assert fs.checksum(path) == int(s3.head(path)["ETag"].strip('"').partition("-")[0], 16)

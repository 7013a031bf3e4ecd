"""What S3 has beyond files: URLs, metadata, tags, ACLs, versions, uploads."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest
from s3_harness import Witness


@pytest.fixture
def path(area: str, s3: Witness) -> str:
    """An object with metadata."""
    return s3.put(
        f"{area}/d/k", b"12345", ContentType="text/x-y", CacheControl="no-store",
        Metadata={"one": "1", "two": "2"},
    )  # fmt: skip


def test_sign(fs: Any, area: str, path: str, s3: Witness) -> None:
    url = fs.sign(path, expiration=60)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"12345"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url.replace("/d/k", "/d/other"))
    put = fs.sign(f"{area}/new", client_method="put_object")
    urllib.request.urlopen(urllib.request.Request(put, data=b"new", method="PUT")).close()
    assert s3.get(f"{area}/new") == b"new"
    named = fs.sign(path, ResponseContentType="text/x-z")
    with urllib.request.urlopen(named) as answer:
        assert answer.headers["Content-Type"] == "text/x-z"
    assert fs.url(path).partition("?")[0] == url.partition("?")[0]


def test_metadata(fs: Any, area: str, path: str, s3: Witness, bucket: str) -> None:
    metadata = fs.metadata(path)
    assert isinstance(metadata, Mapping)
    assert metadata == {"one": "1", "two": "2"} and dict(metadata) == {"one": "1", "two": "2"}
    assert (metadata["one"], len(metadata), list(metadata)) == ("1", 2, ["one", "two"])
    assert (metadata.content_type, metadata.content_length) == ("text/x-y", 5)
    assert metadata.cache_control == "no-store"
    head = s3.head(path)
    assert (metadata.etag, metadata.last_modified) == (head["ETag"], head["LastModified"])
    assert metadata.user_metadata == {"one": "1", "two": "2"}
    assert str(metadata.path).endswith(path)
    with pytest.raises(TypeError):
        metadata["one"] = "2"
    with pytest.raises(FileNotFoundError):
        fs.metadata(f"{area}/none")
    with pytest.raises(ValueError):
        fs.metadata(bucket)


def test_attributes(fs: Any, path: str, s3: Witness) -> None:
    assert fs.getxattr(path, "one") == "1"
    assert fs.getxattr(path, "none") is None
    fs.setxattr(path, two=None, three="3")
    head = s3.head(path)
    assert head["Metadata"] == {"one": "1", "three": "3"}
    assert (head["ContentType"], head["CacheControl"]) == ("text/x-y", "no-store")
    assert s3.get(path) == b"12345"
    fs.setxattr(path, copy_kwargs={"ContentType": "text/x-z"}, one="4")
    head = s3.head(path)
    assert (head["ContentType"], head["Metadata"]["one"]) == ("text/x-z", "4")
    with pytest.raises(ValueError, match="Cannot set metadata of a version"):
        fs.setxattr(f"{path}?versionId=1", one="1")
    with fs.open(path) as file:
        assert file.getxattr("three") == "3" and file.metadata()["one"] == "4"


def test_tags(fs: Any, path: str, s3: Witness) -> None:
    assert fs.get_tags(path) == {}
    fs.put_tags(path, {"a": "1", "b b": "+/=@:"})
    assert s3.tags(path) == {"a": "1", "b b": "+/=@:"} == fs.get_tags(path)
    fs.put_tags(path, {"a": "2", "c": "3"}, mode="m")
    assert s3.tags(path) == {"a": "2", "b b": "+/=@:", "c": "3"}
    fs.put_tags(path, {"d": ""}, mode="o")
    assert s3.tags(path) == {"d": ""}
    with pytest.raises(ValueError, match="Mode must be"):
        fs.put_tags(path, {}, mode="x")
    with pytest.raises(FileNotFoundError):
        fs.get_tags(f"{path}/none")


def test_chmod(fs: Any, area: str, path: str) -> None:
    fs.chmod(path, "private")
    fs.chmod(f"{area}/d", "private", recursive=True)
    with pytest.raises(ValueError, match="ACL not in"):
        fs.chmod(path, "everything")


def test_versions(versioning: Any, versioned_area: str, s3: Witness) -> None:
    path = f"{versioned_area}/k"
    ids = [s3.put_version(path, body) for body in (b"1", b"2")]
    versions = versioning.object_version_info(path)
    assert [version.version_id for version in versions] == ids[::-1]
    assert [version.is_latest for version in versions] == [True, False]
    s3.delete(path)
    with_markers = versioning.object_version_info(path, delete_markers=True)
    assert len(with_markers) == 3
    assert len(versioning.object_version_info(path)) == 2
    assert not versioning.exists(path)
    assert versioning.cat_file(f"{path}?versionId={ids[0]}") == b"1"


def test_multipart_uploads(fs: Any, area: str, s3: Witness) -> None:
    for key in ("k", "k/child", "k2"):
        s3.client.create_multipart_upload(**s3.split(f"{area}/{key}"))
    bucket, _, prefix = area.partition("/")
    listed = fs.list_multipart_uploads(f"{area}/k")
    assert sorted(upload.key for upload in listed) == [f"{prefix}/k", f"{prefix}/k/child"]
    assert all(upload.upload_id for upload in listed)
    fs.clear_multipart_uploads(f"{area}/k")
    assert s3.uploads(bucket) == [f"{prefix}/k2"]
    fs.clear_multipart_uploads(area)
    assert s3.uploads(bucket) == []


def test_limits_of_uploads(fs: Any) -> None:
    core = type(fs.core)
    assert core.MULTIPART_UPLOAD_MIN_PART_SIZE == 5 << 20
    assert core.MULTIPART_UPLOAD_MAX_PART_SIZE == 5 << 30
    assert core.MULTIPART_UPLOAD_MAX_PARTS == 10000

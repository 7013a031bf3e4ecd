"""Entries of listings and answers of S3 as objects."""

from __future__ import annotations

import copy
import pickle
import types
from collections.abc import MutableMapping
from datetime import datetime, timezone

import pytest
from pyathena.filesystem.s3_headers import response_of_headers
from pyathena.filesystem.s3_object import (
    S3CompleteMultipartUpload,
    S3Metadata,
    S3MultipartUpload,
    S3MultipartUploadPart,
    S3Object,
    S3ObjectType,
    S3ObjectVersion,
    S3Owner,
    S3PutObject,
    S3StorageClass,
)
from pyathena.filesystem.s3_path import S3Path

NOW = datetime(2024, 1, 2, 3, 4, 5, 250000, tzinfo=timezone.utc)
NAMES = (
    "name type bucket key size content_length etag last_modified storage_class content_type "
    "metadata version_id is_latest cache_control content_disposition content_encoding "
    "content_language expires website_redirect_location server_side_encryption "
    "sse_customer_algorithm sse_kms_key_id bucket_key_enabled object_lock_mode "
    "object_lock_retain_until_date object_lock_legal_hold_status"
)
FIELDS = NAMES.split()
HEAD = {
    "CacheControl": "c",
    "ContentDisposition": "d",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "ContentLength": 3,
    "ContentType": "text/plain",
    "ETag": '"e"',
    "Expires": NOW,
    "LastModified": NOW,
    "Metadata": {"a": "b"},
    "StorageClass": "GLACIER",
    "WebsiteRedirectLocation": "/x",
    "ServerSideEncryption": "aws:kms",
    "SSECustomerAlgorithm": "AES256",
    "SSEKMSKeyId": "x",
    "BucketKeyEnabled": True,
    "ObjectLockMode": "GOVERNANCE",
    "ObjectLockRetainUntilDate": NOW,
    "ObjectLockLegalHoldStatus": "ON",
}


@pytest.fixture
def found():
    return S3Object(copy.deepcopy(HEAD), name="b/k", type="file", bucket="b", key="k")


def test_constants():
    assert S3ObjectType.S3_OBJECT_TYPE_DIRECTORY == "directory"
    assert S3ObjectType.S3_OBJECT_TYPE_FILE == "file"
    classes = {name: getattr(S3StorageClass, name) for name in dir(S3StorageClass)}
    classes = {name: value for name, value in classes.items() if name.startswith("S3_")}
    assert len(classes) == 11
    assert all(name == f"S3_STORAGE_CLASS_{value}" for name, value in classes.items())


def test_object_takes_the_names_of_the_api(found):
    assert isinstance(found, MutableMapping)
    assert found["etag"] == found.etag == '"e"'
    assert found["size"] == found.size == found["content_length"] == 3
    assert found.last_modified == found.expires == NOW
    assert found.metadata == {"a": "b"}
    assert set(found) == set(FIELDS) - {"version_id", "is_latest"}
    assert len(found) == len(FIELDS) - 2


def test_object_defaults():
    assert S3Object({}).to_dict() == {
        "storage_class": "STANDARD",
        "content_length": 0,
        "size": 0,
        "name": None,
    }
    assert S3Object({"Size": 5, "Key": "k", "other": 1, "VersionId": "v"}).to_dict() == {
        "storage_class": "STANDARD",
        "content_length": 5,
        "size": 5,
        "name": None,
    }
    assert S3Object({"Size": 5, "ContentLength": 6}).size == 6
    assert S3Object({"StorageClass": None})["storage_class"] is None
    changed = S3Object({"Size": 3, "StorageClass": "X"}, size=4, storage_class="Y", other=1)
    assert (changed.content_length, changed.size) == (3, 4)
    assert (changed.storage_class, changed.other) == ("Y", 1)


@pytest.mark.parametrize("name", FIELDS)
def test_object_known_field_that_is_absent(name):
    empty = S3Object({})
    for field in list(empty):
        del empty[field]
    assert getattr(empty, name) is None
    assert name not in empty
    assert empty.get(name, "default") == "default"
    with pytest.raises(KeyError, match=name):
        empty[name]


@pytest.mark.parametrize("name", ["nope", "ETag", "_private", "__array__"])
def test_object_unknown_name(found, name):
    with pytest.raises(AttributeError) as caught:
        getattr(found, name)
    assert str(caught.value) == f"'S3Object' object has no attribute '{name}'"
    with pytest.raises(KeyError):
        found[name]
    assert not hasattr(found, name)


def test_object_changes(found):
    found["size"] = 9
    found.storage_class = "STANDARD"
    found.other = 1
    assert (found.size, found.content_length) == (9, 3)
    assert (found["storage_class"], found["other"], found.other) == ("STANDARD", 1, 1)
    del found["key"]
    del found.bucket
    assert (found.key, found.bucket, "key" in found) == (None, None, False)
    with pytest.raises(KeyError):
        del found["key"]
    with pytest.raises(AttributeError, match="no attribute 'key'"):
        del found.key
    assert found.pop("name") == "b/k"
    found.update(name="b/l")
    assert found.name == "b/l"


def test_object_equality(found):
    assert found == found.to_dict()
    assert found.to_dict() == found
    assert found == S3Object(HEAD, name="b/k", type="file", bucket="b", key="k")
    assert found != S3Object(HEAD, name="b/l", type="file", bucket="b", key="l")
    assert found != "b/k"
    with pytest.raises(TypeError, match="unhashable"):
        hash(found)


def test_object_text(found):
    assert str(found) == str(found.to_dict())
    assert repr(found) == f"S3Object({found.to_dict()!r})"
    assert {"name", "copy", "etag"} <= set(dir(found))


ENTRIES = [
    (1, "d/k", 3, '"e"', NOW.timestamp(), "GLACIER", None, False),
    (2, "d/", 0, None, None, None, None, False),
    (3, "k", 3, '"e"', NOW.timestamp(), None, "v1", True),
    (4, "k", 0, None, NOW.timestamp(), None, "v2", False),
    (6, "b", 0, None, None, None, None, False),
]


@pytest.mark.parametrize("entry", [None, *ENTRIES])
@pytest.mark.parametrize(
    "way", [pickle.dumps, copy.copy, copy.deepcopy, S3Object.copy], ids=lambda way: way.__name__
)
def test_object_copies(found, entry, way):
    if entry is not None:
        found = S3Object.from_entry("b", entry)
    other = way(found)
    if isinstance(other, bytes):
        other = pickle.loads(other)
    assert type(other) is S3Object
    assert other == found
    other["name"] = "changed"
    assert found.name != "changed"


def test_object_to_dict_shares_nothing(found):
    found.to_dict()["metadata"]["a"] = "changed"
    assert found.metadata == {"a": "b"}
    found.copy().metadata["a"] = "changed"
    assert found.metadata == {"a": "changed"}


def test_object_to_api_repr(found):
    expected = dict(HEAD)
    for name in ("ETag", "ContentLength", "LastModified"):
        del expected[name]
    assert found.to_api_repr() == expected
    found.metadata = None
    del found["expires"]
    assert set(expected) - set(found.to_api_repr()) == {"Metadata", "Expires"}


def test_entry_of_an_object():
    made = S3Object.from_entry("b", ENTRIES[0])
    summary = types.SimpleNamespace(
        bucket="b", key="d/k", size=3, etag='"e"', last_modified=NOW, storage_class="GLACIER"
    )
    assert made == S3Object.from_summary(summary)
    assert made == {
        "name": "b/d/k",
        "type": "file",
        "bucket": "b",
        "key": "d/k",
        "size": 3,
        "content_length": 3,
        "etag": '"e"',
        "last_modified": NOW,
        "storage_class": "GLACIER",
    }
    assert made.version_id is None
    bare = S3Object.from_entry("b", (1, "k", 0, "", None, "", "", False))
    assert (bare.storage_class, bare.etag, bare.last_modified) == ("STANDARD", None, None)


def test_entry_of_a_version():
    for entry in ENTRIES[2:4]:
        made = S3Object.from_entry("b", entry)
        assert made == S3Object.from_version(S3ObjectVersion.from_entry("b", entry))
        assert made.name == f"b/k?versionId={entry[6]}"
        assert (made.key, made.version_id, made.is_latest) == ("k", entry[6], entry[7])
    null = S3Object.from_entry("b", (3, "k", 3, '"e"', 1.0, None, "null", True))
    assert (null.name, null.version_id) == ("b/k", "null")


@pytest.mark.parametrize(
    ("prefix", "key"),
    [("d/", "d"), ("d/e f%+é/", "d/e f%+é"), ("d//", "d//"), ("/", "/"), ("//", "//")],
)
def test_entry_of_a_prefix(prefix, key):
    made = S3Object.from_entry("b", (2, prefix, 0, None, None, None, None, False))
    assert made == S3Object.directory("b", prefix)
    assert (made.name, made.key, made.type) == (f"b/{key}", key, "directory")
    assert (made.size, made.storage_class) == (0, "DIRECTORY")


def test_entry_of_a_bucket():
    made = S3Object.from_entry("", ENTRIES[4])
    assert made == S3Object.from_bucket(types.SimpleNamespace(name="b"))
    assert (made.name, made.bucket, made.key) == ("b", "b", None)
    assert (made.type, made.size, made.storage_class) == ("directory", 0, "BUCKET")
    assert S3Object.directory("").name == ""


def test_entries():
    made = S3Object.from_entries("b", iter(ENTRIES))
    assert [entry.name for entry in made] == [
        "b/d/k",
        "b/d",
        "b/k?versionId=v1",
        "b/k?versionId=v2",
        "b",
    ]


def test_object_from_metadata():
    metadata = S3Metadata({**HEAD, "VersionId": "v"}, S3Path("b", "k"))
    made = S3Object.from_metadata(metadata)
    assert made == S3Object(HEAD, name="b/k", type="file", bucket="b", key="k", version_id=None)
    assert S3Object.from_metadata(metadata, "v").version_id == "v"
    for path in (None, S3Path("b")):
        with pytest.raises(ValueError, match="The metadata has no object path."):
            S3Object.from_metadata(S3Metadata(HEAD, path))


def attributes(answer):
    """The attributes that are not methods."""
    names = [name for name in dir(type(answer)) if not name.startswith("_")]
    values = {name: getattr(answer, name) for name in names}
    return {name: value for name, value in values.items() if not callable(value)}


def test_metadata():
    metadata = S3Metadata({**HEAD, "VersionId": "v", "Expiration": "x"}, S3Path("b", "k"))
    shown = attributes(metadata)
    assert shown == {
        **{name: HEAD[api] for api, name in API_NAMES.items()},
        "expiration": "x",
        "version_id": "v",
        "path": S3Path("b", "k"),
        "user_metadata": {"a": "b"},
    }
    empty = attributes(S3Metadata({}))
    assert {name: value for name, value in empty.items() if value is not None} == {
        "storage_class": "STANDARD",
        "user_metadata": {},
    }


API_NAMES = {
    "CacheControl": "cache_control",
    "ContentDisposition": "content_disposition",
    "ContentEncoding": "content_encoding",
    "ContentLanguage": "content_language",
    "ContentLength": "content_length",
    "ContentType": "content_type",
    "ETag": "etag",
    "Expires": "expires",
    "LastModified": "last_modified",
    "StorageClass": "storage_class",
    "WebsiteRedirectLocation": "website_redirect_location",
    "ServerSideEncryption": "server_side_encryption",
    "SSECustomerAlgorithm": "sse_customer_algorithm",
    "SSEKMSKeyId": "sse_kms_key_id",
    "BucketKeyEnabled": "bucket_key_enabled",
    "ObjectLockMode": "object_lock_mode",
    "ObjectLockRetainUntilDate": "object_lock_retain_until_date",
    "ObjectLockLegalHoldStatus": "object_lock_legal_hold_status",
}


def test_metadata_is_a_mapping_of_the_users_own():
    metadata = S3Metadata(HEAD)
    assert metadata == {"a": "b"} == metadata.user_metadata
    assert metadata == S3Metadata({"Metadata": {"a": "b"}})
    assert metadata != {"a": "c"}
    assert (metadata["a"], list(metadata), len(metadata)) == ("b", ["a"], 1)
    assert repr(metadata) == str(metadata) == "S3Metadata({'a': 'b'})"
    metadata.user_metadata["a"] = "changed"
    assert metadata == pickle.loads(pickle.dumps(metadata)) == copy.deepcopy(metadata)
    with pytest.raises(KeyError):
        metadata["etag"]
    with pytest.raises(TypeError):
        metadata["a"] = "c"
    with pytest.raises(AttributeError, match="cannot be set"):
        metadata.etag = "x"


def test_metadata_from_headers():
    headers = [
        ("ETag", '"e"'),
        ("content-length", "12"),
        ("Last-Modified", "Tue, 02 Jan 2024 03:04:05 GMT"),
        ("Expires", "Tue, 02 Jan 2024 03:04:05 GMT"),
        ("x-amz-meta-A-b", "%C3 é"),
        ("X-Amz-Version-Id", "v"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
        ("x-amz-object-lock-retain-until-date", "2024-01-02T03:04:05.250Z"),
        ("x-amz-id-2", "ignored"),
    ]
    metadata = S3Metadata.from_headers(headers, S3Path("b", "k"))
    assert metadata == {"a-b": "%C3 é"}
    assert (metadata.etag, metadata.content_length, metadata.version_id) == ('"e"', 12, "v")
    assert metadata.last_modified == metadata.expires == NOW.replace(microsecond=0)
    assert metadata.bucket_key_enabled is True
    assert metadata.object_lock_retain_until_date == NOW
    assert metadata.path == S3Path("b", "k")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-length", "-1"),
        ("content-length", "9" * 5000),
        ("content-length", "\u0661"),
        ("expires", "0"),
        ("expires", "Tue, 99 Jan 99999999999999999999 03:04:05 GMT"),
        ("last-modified", ""),
        ("x-amz-object-lock-retain-until-date", "soon"),
    ],
)
def test_headers_that_cannot_be_read(name, value):
    assert response_of_headers([(name, value)]) == {"Metadata": {}}


def test_object_version():
    response = {
        "Key": "k",
        "VersionId": "v",
        "IsLatest": True,
        "LastModified": NOW,
        "ETag": '"e"',
        "Size": 3,
        "StorageClass": "STANDARD",
        "Owner": {"DisplayName": "d", "ID": "i"},
    }
    version = S3ObjectVersion("b", False, response)
    assert attributes(version) == {
        "bucket": "b",
        "key": "k",
        "name": "b/k",
        "version_id": "v",
        "is_latest": True,
        "is_delete_marker": False,
        "last_modified": NOW,
        "etag": '"e"',
        "size": 3,
        "storage_class": "STANDARD",
        "owner": S3Owner({"DisplayName": "d", "ID": "i"}),
    }
    assert repr(version) == "S3ObjectVersion('b/k', version 'v')"
    marker = S3ObjectVersion("b", True, {"Key": "k"})
    assert (marker.is_latest, marker.is_delete_marker, marker.owner) == (False, True, None)
    assert marker != S3ObjectVersion("b", False, {"Key": "k"})
    assert marker != S3ObjectVersion("c", True, {"Key": "k"})
    with pytest.raises(KeyError, match="Key"):
        S3ObjectVersion("b", True, {})


def test_object_version_of_an_entry():
    version = S3ObjectVersion.from_entry("b", ENTRIES[2])
    assert (version.name, version.version_id, version.size) == ("b/k", "v1", 3)
    assert (version.is_latest, version.etag, version.last_modified) == (True, '"e"', NOW)
    marker = S3ObjectVersion.from_entry("b", ENTRIES[3])
    assert (marker.is_delete_marker, marker.size, marker.etag) == (True, None, None)


def test_put_object():
    answer = S3PutObject({"ETag": '"e"', "VersionId": "v", "ChecksumCRC32": "x", "Other": 1})
    shown = answer.to_dict()
    assert len(shown) == 14
    assert {name: value for name, value in shown.items() if value is not None} == {
        "_etag": '"e"',
        "_version_id": "v",
        "_checksum_crc32": "x",
    }
    assert {f"_{name}" for name in attributes(answer)} == set(shown)
    assert repr(answer) == ("S3PutObject(version_id='v', etag='\"e\"', checksum_crc32='x')")


def test_multipart_upload():
    upload = S3MultipartUpload(
        {"Bucket": "b", "Key": "k", "UploadId": "u", "Initiated": NOW, "Initiator": {"ID": "j"}}
    )
    assert (upload.bucket, upload.key, upload.upload_id, upload.initiated) == ("b", "k", "u", NOW)
    assert (upload.initiator.id, upload.initiator.display_name, upload.owner) == ("j", None, None)
    assert set(attributes(upload)) == {
        "abort_date",
        "abort_rule_id",
        "bucket",
        "bucket_key_enabled",
        "checksum_algorithm",
        "checksum_type",
        "initiated",
        "initiator",
        "key",
        "owner",
        "request_charged",
        "server_side_encryption",
        "sse_customer_algorithm",
        "sse_customer_key_md5",
        "sse_kms_encryption_context",
        "sse_kms_key_id",
        "storage_class",
        "upload_id",
    }


@pytest.mark.parametrize(
    ("response", "etag", "api"),
    [
        (
            {"ETag": '"e"', "ChecksumSHA256": "q", "RequestCharged": "requester"},
            '"e"',
            {"ETag": '"e"', "ChecksumSHA256": "q"},
        ),
        (
            {
                "CopyPartResult": {"ETag": '"c"', "LastModified": NOW, "ChecksumCRC32": "z"},
                "CopySourceVersionId": "sv",
            },
            '"c"',
            {"ETag": '"c"', "ChecksumCRC32": "z"},
        ),
        ({}, None, {}),
    ],
)
def test_multipart_upload_part(response, etag, api):
    part = S3MultipartUploadPart(3, response)
    assert (part.part_number, part.etag) == (3, etag)
    assert part.copy_source_version_id == response.get("CopySourceVersionId")
    assert part.to_api_repr() == {**api, "PartNumber": 3}
    assert len(attributes(part)) == 20


def test_complete_multipart_upload():
    answer = S3CompleteMultipartUpload({"Location": "l", "Bucket": "b", "Key": "k", "ETag": '"e"'})
    shown = answer.to_dict()
    assert {f"_{name}" for name in attributes(answer)} == set(shown)
    assert len(shown) == 14
    assert (shown["_location"], shown["_key"], shown["_version_id"]) == ("l", "k", None)


@pytest.mark.parametrize(
    ("make", "response"),
    [
        (S3PutObject, {"ETag": "e"}),
        (S3Owner, {"ID": "i"}),
        (S3MultipartUpload, {"Key": "k", "Owner": {"ID": "i"}}),
        (S3CompleteMultipartUpload, {"Key": "k"}),
        (lambda response: S3ObjectVersion("b", False, response), {"Key": "k"}),
        (lambda response: S3MultipartUploadPart(1, response), {"ETag": "e"}),
    ],
)
def test_value_semantics_of_answers(make, response):
    answer = make(response)
    for other in (make(dict(response)), pickle.loads(pickle.dumps(answer)), copy.copy(answer)):
        assert other == answer
        assert hash(other) == hash(answer)
    assert answer != make({**response, "ETag": "other", "ID": "other", "Key": "other"})
    assert answer != response

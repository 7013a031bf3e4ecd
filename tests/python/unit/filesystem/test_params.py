from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pyathena.filesystem._client import S3Client
from pyathena.filesystem._params import accepts, headers_of, query_of


def client(**request_kwargs: Any) -> S3Client:
    return S3Client(core=None, request_kwargs=request_kwargs)  # type: ignore[arg-type]


def headers(operation: str, **params: Any) -> dict[str, str]:
    return dict(headers_of(client(), operation, params) or ())


def test_nothing_is_none() -> None:
    assert headers_of(client(), "GetObject", {}) is None
    assert query_of({}) is None


def test_names_that_an_operation_does_not_accept_are_skipped() -> None:
    params = {"ContentType": "a/b", "StorageClass": "GLACIER", "Unknown": 1, "ACL": None}
    assert headers("PutObject", **params) == {
        "Content-Type": "a/b",
        "x-amz-storage-class": "GLACIER",
    }
    assert headers("GetObject", **params) == {}


def test_parameters_of_a_call_go_before_those_of_the_client() -> None:
    made = client(RequestPayer="requester", ContentType="a/b")
    assert dict(headers_of(made, "PutObject", {"ContentType": "c/d"}) or ()) == {
        "x-amz-request-payer": "requester",
        "Content-Type": "c/d",
    }
    assert headers_of(made, "HeadObject", {}) == (("x-amz-request-payer", "requester"),)
    assert headers_of(made, "HeadObject", {}) is headers_of(made, "HeadObject", {})


def test_values() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    made = headers(
        "PutObject",
        Metadata={"a": "b", "n": 1},
        BucketKeyEnabled=True,
        Expires=moment,
        ObjectLockRetainUntilDate=moment,
        Tagging={"a b": "c&d"},
    )
    assert made == {
        "x-amz-meta-a": "b",
        "x-amz-meta-n": "1",
        "x-amz-server-side-encryption-bucket-key-enabled": "true",
        "Expires": "Fri, 02 Jan 2026 01:04:05 GMT",
        "x-amz-object-lock-retain-until-date": "2026-01-02T01:04:05Z",
        "x-amz-tagging": "a+b=c%26d",
    }
    with pytest.raises(ValueError, match="ContentType"):
        headers("PutObject", ContentType=object())


def test_customer_key_is_encoded_and_gets_its_digest() -> None:
    key = bytes(range(32))
    made = headers("UploadPart", SSECustomerAlgorithm="AES256", SSECustomerKey=key)
    prefix = "x-amz-server-side-encryption-customer"
    assert made == {
        f"{prefix}-algorithm": "AES256",
        f"{prefix}-key": base64.b64encode(key).decode(),
        f"{prefix}-key-MD5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }
    own = headers("GetObject", SSECustomerKey="k" * 32, SSECustomerKeyMD5="mine")
    assert own[f"{prefix}-key-MD5"] == "mine"
    with pytest.raises(ValueError, match="SSECustomerKey"):
        headers("GetObject", SSECustomerKey=5)


def test_query() -> None:
    assert query_of({}, "v1") == (("versionId", "v1"),)
    assert query_of({"VersionId": "v2", "IfMatch": "x"}, "v1") == (("versionId", "v2"),)
    assert query_of({"PartNumber": 3}) == (("partNumber", "3"),)


def test_accepts() -> None:
    assert "MetadataDirective" in accepts("copy_object")
    assert "Metadata" not in accepts("upload_part")
    assert "RequestPayer" in accepts("list_objects_v2")
    with pytest.raises(ValueError, match="no_such"):
        accepts("no_such")

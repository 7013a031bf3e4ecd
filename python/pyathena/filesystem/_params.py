"""Request parameters by boto3's names as header lines and query parameters.

Names that an operation does not accept are skipped, so that one set of additional parameters can
serve all operations. Checksums of requests are the client's own business: ``ChecksumAlgorithm`` is
not passed on.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from pyathena.filesystem._client import S3Client

__all__ = [
    "BUCKET_ACLS",
    "OBJECT_ACLS",
    "Pairs",
    "accepts",
    "check_acl",
    "headers_of",
    "query_of",
]

Pairs: TypeAlias = "tuple[tuple[str, str], ...]"

#: Canned access control lists of buckets.
BUCKET_ACLS = frozenset(("authenticated-read", "private", "public-read", "public-read-write"))
#: Canned access control lists of objects.
OBJECT_ACLS = BUCKET_ACLS | {
    "aws-exec-read",
    "bucket-owner-full-control",
    "bucket-owner-read",
}

_HEADERS: dict[str, str] = {
    "ACL": "x-amz-acl",
    "BucketKeyEnabled": "x-amz-server-side-encryption-bucket-key-enabled",
    "BypassGovernanceRetention": "x-amz-bypass-governance-retention",
    "CacheControl": "Cache-Control",
    "ChecksumCRC32": "x-amz-checksum-crc32",
    "ChecksumCRC32C": "x-amz-checksum-crc32c",
    "ChecksumCRC64NVME": "x-amz-checksum-crc64nvme",
    "ChecksumMode": "x-amz-checksum-mode",
    "ChecksumSHA1": "x-amz-checksum-sha1",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ChecksumType": "x-amz-checksum-type",
    "ContentDisposition": "Content-Disposition",
    "ContentEncoding": "Content-Encoding",
    "ContentLanguage": "Content-Language",
    "ContentMD5": "Content-MD5",
    "ContentType": "Content-Type",
    "CopySourceIfMatch": "x-amz-copy-source-if-match",
    "CopySourceIfModifiedSince": "x-amz-copy-source-if-modified-since",
    "CopySourceIfNoneMatch": "x-amz-copy-source-if-none-match",
    "CopySourceIfUnmodifiedSince": "x-amz-copy-source-if-unmodified-since",
    "CopySourceRange": "x-amz-copy-source-range",
    "CopySourceSSECustomerAlgorithm": "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "CopySourceSSECustomerKey": "x-amz-copy-source-server-side-encryption-customer-key",
    "CopySourceSSECustomerKeyMD5": "x-amz-copy-source-server-side-encryption-customer-key-MD5",
    "ExpectedBucketOwner": "x-amz-expected-bucket-owner",
    "ExpectedSourceBucketOwner": "x-amz-source-expected-bucket-owner",
    "Expires": "Expires",
    "GrantFullControl": "x-amz-grant-full-control",
    "GrantRead": "x-amz-grant-read",
    "GrantReadACP": "x-amz-grant-read-acp",
    "GrantWrite": "x-amz-grant-write",
    "GrantWriteACP": "x-amz-grant-write-acp",
    "IfMatch": "If-Match",
    "IfModifiedSince": "If-Modified-Since",
    "IfNoneMatch": "If-None-Match",
    "IfUnmodifiedSince": "If-Unmodified-Since",
    "MFA": "x-amz-mfa",
    "MetadataDirective": "x-amz-metadata-directive",
    "MpuObjectSize": "x-amz-mp-object-size",
    "ObjectLockEnabledForBucket": "x-amz-bucket-object-lock-enabled",
    "ObjectLockLegalHoldStatus": "x-amz-object-lock-legal-hold",
    "ObjectLockMode": "x-amz-object-lock-mode",
    "ObjectLockRetainUntilDate": "x-amz-object-lock-retain-until-date",
    "ObjectOwnership": "x-amz-object-ownership",
    "OptionalObjectAttributes": "x-amz-optional-object-attributes",
    "RequestPayer": "x-amz-request-payer",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "SSECustomerKey": "x-amz-server-side-encryption-customer-key",
    "SSECustomerKeyMD5": "x-amz-server-side-encryption-customer-key-MD5",
    "SSEKMSEncryptionContext": "x-amz-server-side-encryption-context",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "StorageClass": "x-amz-storage-class",
    "Tagging": "x-amz-tagging",
    "TaggingDirective": "x-amz-tagging-directive",
    "WebsiteRedirectLocation": "x-amz-website-redirect-location",
}
_QUERY: dict[str, str] = {
    "PartNumber": "partNumber",
    "ResponseCacheControl": "response-cache-control",
    "ResponseContentDisposition": "response-content-disposition",
    "ResponseContentEncoding": "response-content-encoding",
    "ResponseContentLanguage": "response-content-language",
    "ResponseContentType": "response-content-type",
    "ResponseExpires": "response-expires",
    "UploadId": "uploadId",
    "VersionId": "versionId",
}

_COMMON = "ExpectedBucketOwner RequestPayer "
_CUSTOMER = "SSECustomerAlgorithm SSECustomerKey SSECustomerKeyMD5 "
_SUMS = "ChecksumCRC32 ChecksumCRC32C ChecksumCRC64NVME ChecksumSHA1 ChecksumSHA256 "
_GRANTS = "ACL GrantFullControl GrantRead GrantReadACP GrantWriteACP "
_OBJECT = (
    _COMMON + _CUSTOMER + _GRANTS + "BucketKeyEnabled CacheControl ContentDisposition "
    "ContentEncoding ContentLanguage ContentType Expires Metadata ObjectLockLegalHoldStatus "
    "ObjectLockMode ObjectLockRetainUntilDate SSEKMSEncryptionContext SSEKMSKeyId "
    "ServerSideEncryption StorageClass Tagging WebsiteRedirectLocation "
)
_SOURCE = (
    "CopySourceIfMatch CopySourceIfModifiedSince CopySourceIfNoneMatch "
    "CopySourceIfUnmodifiedSince CopySourceSSECustomerAlgorithm CopySourceSSECustomerKey "
    "CopySourceSSECustomerKeyMD5 ExpectedSourceBucketOwner "
)
_READ = (
    _COMMON + _CUSTOMER + "ChecksumMode IfMatch IfModifiedSince IfNoneMatch IfUnmodifiedSince "
)

#: The parameters that each operation accepts.
_ACCEPTED: dict[str, frozenset[str]] = {
    operation: frozenset(names.split())
    for operation, names in {
        "AbortMultipartUpload": _COMMON,
        "CompleteMultipartUpload": _COMMON
        + _CUSTOMER
        + _SUMS
        + "ChecksumType IfMatch IfNoneMatch MpuObjectSize",
        "CopyObject": _OBJECT + _SOURCE + "MetadataDirective TaggingDirective",
        "CreateBucket": _GRANTS + "GrantWrite ObjectLockEnabledForBucket ObjectOwnership",
        "CreateMultipartUpload": _OBJECT + "ChecksumType",
        "DeleteBucket": "ExpectedBucketOwner",
        "DeleteObject": _COMMON + "BypassGovernanceRetention IfMatch MFA",
        "DeleteObjects": _COMMON + "BypassGovernanceRetention MFA",
        "GetBucketVersioning": "ExpectedBucketOwner",
        "GetObject": _READ,
        "GetObjectTagging": _COMMON,
        "HeadBucket": "ExpectedBucketOwner",
        "HeadObject": _READ,
        "ListBuckets": "",
        "ListMultipartUploads": _COMMON,
        "ListObjectVersions": _COMMON + "OptionalObjectAttributes",
        "ListObjectsV2": _COMMON + "OptionalObjectAttributes",
        "ListParts": _COMMON + _CUSTOMER,
        "PutBucketAcl": _GRANTS + "ContentMD5 ExpectedBucketOwner GrantWrite",
        "PutObject": _OBJECT + _SUMS + "ContentMD5 IfMatch IfNoneMatch",
        "PutObjectAcl": _COMMON + _GRANTS + "ContentMD5 GrantWrite",
        "PutObjectTagging": _COMMON + "ContentMD5",
        "UploadPart": _COMMON + _CUSTOMER + _SUMS + "ContentMD5",
        "UploadPartCopy": _COMMON + _CUSTOMER + _SOURCE + "CopySourceRange",
    }.items()
}


def accepts(method: str) -> frozenset[str]:
    """The parameters that are passed on to an operation, by boto3's method name.

    Raises:
        ValueError: there is no such operation.
    """
    operation = "".join(word.capitalize() for word in method.split("_"))
    found = _ACCEPTED.get(operation)
    if found is None:
        raise ValueError(f"There is no operation {method!r}.")
    return found


_KEYS = ("SSECustomerKey", "CopySourceSSECustomerKey")


def headers_of(client: S3Client, operation: str, params: Mapping[str, Any]) -> Pairs | None:
    """The header lines of a request: of the client's own parameters, and over them ``params``.

    Raises:
        ValueError: a value of a type that cannot be sent.
    """
    if params:
        return _make_headers(operation, {**client.request_kwargs, **params})
    try:
        return client.headers[operation]
    except KeyError:
        made = client.headers[operation] = _make_headers(operation, client.request_kwargs)
        return made


def _make_headers(operation: str, params: Mapping[str, Any]) -> Pairs | None:
    accepted = _ACCEPTED[operation]
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        if value is None or name not in accepted:
            continue
        if name == "Metadata":
            pairs += [(f"x-amz-meta-{key}", _text(key, item)) for key, item in value.items()]
        elif name in _KEYS:
            pairs += _customer_key(name, value, f"{name}MD5" not in params)
        elif name == "Tagging" and isinstance(value, Mapping):
            from urllib.parse import urlencode

            pairs.append((_HEADERS[name], urlencode(value)))
        else:
            pairs.append((_HEADERS[name], _text(name, value)))
    return tuple(pairs) or None


def query_of(params: Mapping[str, Any], version_id: str | None = None) -> Pairs | None:
    """The query parameters of a request for an object."""
    if not params and version_id is None:
        return None
    pairs = [(_QUERY[name], _text(name, value)) for name, value in params.items()
             if name in _QUERY and value is not None]  # fmt: skip
    if version_id is not None and params.get("VersionId") is None:
        pairs.append(("versionId", version_id))
    return tuple(pairs) or None


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)
        moment = moment.astimezone(timezone.utc)
        if name == "ObjectLockRetainUntilDate":
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        return format_datetime(moment, usegmt=True)
    if isinstance(value, (list, tuple)):
        return ",".join(_text(name, item) for item in value)
    raise ValueError(f"{name}: a value of type {type(value).__name__} cannot be sent")


def _customer_key(name: str, key: Any, wants_digest: bool) -> list[tuple[str, str]]:
    """A customer's key as S3 wants it: in Base64, with its digest."""
    if not isinstance(key, (bytes, bytearray, str)):
        raise ValueError(f"{name}: a key is bytes or str, not {type(key).__name__}")
    raw = key.encode() if isinstance(key, str) else bytes(key)
    pairs = [(_HEADERS[name], base64.b64encode(raw).decode())]
    if wants_digest:
        digest = hashlib.md5(raw, usedforsecurity=False).digest()
        pairs.append((_HEADERS[f"{name}MD5"], base64.b64encode(digest).decode()))
    return pairs


def check_acl(acl: str, known: frozenset[str]) -> None:
    """Refuse a canned list that is not known.

    Raises:
        ValueError: it is not.
    """
    if acl not in known:
        raise ValueError(f"ACL not in {known}.")

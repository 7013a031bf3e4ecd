"""Header lines of S3's answers as boto3's dict shape."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

__all__ = ["response_of_headers"]

_METADATA_PREFIX = "x-amz-meta-"
_HEADERS: dict[str, str] = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-length": "ContentLength",
    "content-range": "ContentRange",
    "content-type": "ContentType",
    "etag": "ETag",
    "expires": "Expires",
    "last-modified": "LastModified",
    "x-amz-checksum-crc32": "ChecksumCRC32",
    "x-amz-checksum-crc32c": "ChecksumCRC32C",
    "x-amz-checksum-crc64nvme": "ChecksumCRC64NVME",
    "x-amz-checksum-sha1": "ChecksumSHA1",
    "x-amz-checksum-sha256": "ChecksumSHA256",
    "x-amz-checksum-type": "ChecksumType",
    "x-amz-copy-source-version-id": "CopySourceVersionId",
    "x-amz-delete-marker": "DeleteMarker",
    "x-amz-expiration": "Expiration",
    "x-amz-object-lock-legal-hold": "ObjectLockLegalHoldStatus",
    "x-amz-object-lock-mode": "ObjectLockMode",
    "x-amz-object-lock-retain-until-date": "ObjectLockRetainUntilDate",
    "x-amz-request-charged": "RequestCharged",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-server-side-encryption-bucket-key-enabled": "BucketKeyEnabled",
    "x-amz-server-side-encryption-context": "SSEKMSEncryptionContext",
    "x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    "x-amz-server-side-encryption-customer-key-md5": "SSECustomerKeyMD5",
    "x-amz-storage-class": "StorageClass",
    "x-amz-version-id": "VersionId",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
_DIGITS_MAX = 19
_FLAGS = frozenset(("BucketKeyEnabled", "DeleteMarker"))


def response_of_headers(headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The header lines of an answer as boto3 would give it: members, times, numbers, metadata.

    A number or time that cannot be read is left out; a text is kept as it is.
    """
    response: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    for header, value in headers:
        name = header.lower()
        if name.startswith(_METADATA_PREFIX):
            metadata[name[len(_METADATA_PREFIX) :]] = value
        elif (api := _HEADERS.get(name)) is not None:
            read = _header_value(api, value)
            if read is not None:
                response[api] = read
    response["Metadata"] = metadata
    return response


def _header_value(api: str, value: str) -> Any:
    if api == "ContentLength":
        is_number = value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX
        return int(value) if is_number else None
    if api in _FLAGS:
        return value.strip().lower() == "true"
    try:
        if api in ("Expires", "LastModified"):
            from email.utils import parsedate_to_datetime

            moment = parsedate_to_datetime(value)
        elif api == "ObjectLockRetainUntilDate":
            moment = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        else:
            return value
    except (OverflowError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)

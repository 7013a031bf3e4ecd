"""S3's calls one by one, blocking, with typed answers.

Nothing is kept, nothing is looked up: each method is one request, or one for each page or batch.
What S3 refuses is raised as the exceptions of :mod:`~pyathena.filesystem.s3_errors`; as in S3,
deleting what is not there is no error.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pyathena.error import NotSupportedError
from pyathena.filesystem import _calls, _pages
from pyathena.filesystem._client import S3Client
from pyathena.filesystem._drive import Drive, run_blocking
from pyathena.filesystem._pages import (
    COPY_BYTES_MAX,
    S3Bucket,
    S3CommonPrefix,
    S3DeleteBatch,
    S3DeleteError,
    S3DeleteResult,
    S3ListBucketsPage,
    S3ListMultipartUploadsPage,
    S3ListObjectsPage,
    S3ListObjectVersionsPage,
    S3MultipartCopyPlan,
    S3ObjectSummary,
)
from pyathena.filesystem._params import BUCKET_ACLS, OBJECT_ACLS, accepts, check_acl
from pyathena.filesystem.s3_object import (
    S3CompleteMultipartUpload,
    S3Metadata,
    S3MultipartUpload,
    S3MultipartUploadPart,
    S3PutObject,
)
from pyathena.filesystem.s3_path import S3Path
from pyathena.filesystem.s3_writer import (
    PART_BYTES_MAX,
    PART_BYTES_MIN,
    PARTS_MAX,
    check_size,
    part_ranges,
)
from pyathena.util import RetryConfig

if TYPE_CHECKING:
    from pyathena.connection import Connection

__all__ = [
    "S3Bucket",
    "S3CommonPrefix",
    "S3Core",
    "S3DeleteBatch",
    "S3DeleteError",
    "S3DeleteResult",
    "S3ListBucketsPage",
    "S3ListMultipartUploadsPage",
    "S3ListObjectVersionsPage",
    "S3ListObjectsPage",
    "S3MultipartCopyPlan",
    "S3ObjectSummary",
]

T = TypeVar("T")


class S3Core:
    """One method for each call of S3.

    Args:
        client: a client of a file system, or a connection.
        retry_config: kept for :attr:`retry_config`; retries are the client's.
        request_kwargs: parameters for each request that accepts them.
    """

    MULTIPART_UPLOAD_MIN_PART_SIZE: ClassVar[int] = PART_BYTES_MIN
    MULTIPART_UPLOAD_MAX_PART_SIZE: ClassVar[int] = PART_BYTES_MAX
    MULTIPART_UPLOAD_MAX_PARTS: ClassVar[int] = PARTS_MAX
    OBJECT_ACLS: ClassVar[frozenset[str]] = OBJECT_ACLS
    BUCKET_ACLS: ClassVar[frozenset[str]] = BUCKET_ACLS

    def __init__(
        self,
        client: S3Client | Connection[Any],
        retry_config: RetryConfig | None = None,
        request_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(client, S3Client):
            from pyathena.filesystem._client import make_client

            client = make_client(client)
        self._client = client.with_kwargs(request_kwargs)
        self._retry_config = retry_config if retry_config is not None else RetryConfig()

    @property
    def client(self) -> S3Client:
        """What carries out the calls."""
        return self._client

    @property
    def retry_config(self) -> RetryConfig:
        """The retries that were named."""
        return self._retry_config

    @property
    def request_kwargs(self) -> dict[str, Any]:
        """Parameters for each request that accepts them."""
        return dict(self._client.request_kwargs)

    def operation_params(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Those of ``params`` that an operation, by boto3's method name, accepts."""
        accepted = accepts(method)
        return {name: value for name, value in params.items() if name in accepted}

    def call(self, method: str | Callable[..., Any], **request: Any) -> dict[str, Any]:
        """Not there: requests go by the other methods.

        Raises:
            NotSupportedError: always.
        """
        raise NotSupportedError("S3Core.call: this package has no boto3 client to call")

    def _run(self, make: Callable[[Drive], Coroutine[Any, Any, T]]) -> T:
        return run_blocking(self._client, make)

    # -- objects -----------------------------------------------------------------------------------

    def head_object(self, path: S3Path, **params: Any) -> S3Metadata:
        """HeadObject."""
        _check_key(path)
        return S3Metadata(self._run(lambda d: _calls.head_object(d, path, **params)), path)

    def get_object(
        self, path: S3Path, range_: tuple[int, int | None] | None = None, **params: Any
    ) -> bytes:
        """The content of an object, or of the range from ``range_[0]`` to before ``range_[1]``
        (``None``: to the end; a negative start without an end: the last bytes).

        Raises:
            ValueError: the range is empty, or both negative and with an end.
        """
        _check_key(path)
        start, end = (None, None) if range_ is None else range_
        if start is not None and end is not None and (start < 0 or end <= start):
            raise ValueError(f"The range is empty or has a negative start and an end: {range_}.")
        if_match = params.pop("IfMatch", None)
        return self._run(
            lambda d: _calls.get_bytes(d, path, start, end, if_match=if_match, **params)
        )

    def put_object(
        self, path: S3Path, body: bytes | None = None, **params: Any
    ) -> S3PutObject:
        """PutObject."""
        _check_written(path)
        condition = params.pop("IfNoneMatch", None)
        if_match = params.pop("IfMatch", None)
        response = self._run(
            lambda d: _calls.put_bytes(
                d,
                path,
                body if body is not None else b"",
                if_none_match=condition,
                if_match=if_match,
                part_bytes=PART_BYTES_MAX,
                **params,
            )
        )
        return S3PutObject(response)

    def copy_object(self, source: S3Path, destination: S3Path, **params: Any) -> None:
        """Copy an object or a version of one on the server; above 5 GiB in parts."""
        _check_key(source)
        _check_written(destination)
        self._run(lambda d: _calls.copy(d, source, destination, **params))

    def delete_object(self, path: S3Path, **params: Any) -> None:
        """DeleteObject."""
        _check_key(path)
        self._run(lambda d: _calls.delete_object(d, path, **params))

    def delete_objects(self, batch: S3DeleteBatch, **params: Any) -> S3DeleteResult:
        """DeleteObjects."""
        keys = [path.key or "" for path in batch.objects]
        versions = [path.version_id for path in batch.objects]
        failures = self._run(
            lambda d: _calls.delete_objects(d, batch.bucket, keys, versions, **params)
        )
        errors = tuple(
            S3DeleteError(S3Path(batch.bucket, key, version or None), code, message)
            for key, version, code, message in failures
        )
        refused = {(error.path.key, error.path.version_id) for error in errors}
        deleted = [] if batch.quiet else [
            path for path in batch.objects if (path.key, path.version_id) not in refused
        ]
        return S3DeleteResult(batch.bucket, tuple(deleted), errors)

    def replace_object_metadata(
        self, path: S3Path, head: S3Metadata, metadata: Mapping[str, str], **params: Any
    ) -> None:
        """Replace the user's metadata by copying the object onto itself; what else ``head`` tells
        about it is kept.

        Raises:
            TypeError: a parameter that the copy sets itself.
        """
        _check_written(path)
        for name in ("Metadata", "MetadataDirective", "Bucket", "Key", "CopySource"):
            if name in params:
                raise TypeError(f"{name} is set by the copy itself.")
        kept: dict[str, Any] = {
            "CacheControl": head.cache_control,
            "ContentDisposition": head.content_disposition,
            "ContentEncoding": head.content_encoding,
            "ContentLanguage": head.content_language,
            "ContentType": head.content_type,
            "Expires": head.expires,
            "StorageClass": head.storage_class,
            "WebsiteRedirectLocation": head.website_redirect_location,
        }
        if not any(name.startswith(("SSE", "ServerSide", "BucketKey")) for name in params):
            kept["ServerSideEncryption"] = head.server_side_encryption
            kept["SSEKMSKeyId"] = head.sse_kms_key_id
            kept["BucketKeyEnabled"] = head.bucket_key_enabled
        merged = {name: value for name, value in kept.items() if value is not None}
        merged.update(params, Metadata=dict(metadata), MetadataDirective="REPLACE")
        self._run(lambda d: _calls.copy(d, path, path, **merged))

    def get_object_tagging(self, path: S3Path, **params: Any) -> dict[str, str]:
        """GetObjectTagging."""
        _check_key(path)
        response = self._run(lambda d: _calls.get_object_tagging(d, path, **params))
        return {tag["Key"]: tag["Value"] for tag in response["TagSet"]}

    def put_object_tagging(self, path: S3Path, tags: Mapping[str, str], **params: Any) -> None:
        """PutObjectTagging: these tags and no others."""
        _check_key(path)
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._run(lambda d: _calls.put_object_tagging(d, path, listed, **params))

    def put_object_acl(self, path: S3Path, acl: str, **params: Any) -> None:
        """PutObjectAcl with one of :attr:`OBJECT_ACLS`."""
        _check_key(path)
        check_acl(acl, self.OBJECT_ACLS)
        self._run(lambda d: _calls.put_object_acl(d, path, acl, **params))

    def generate_presigned_url(
        self,
        path: S3Path,
        client_method: str = "get_object",
        expires_in: int = 3600,
        **params: Any,
    ) -> str:
        """A URL for a call, by boto3's method name, that needs no keys for so many seconds."""
        return _calls.presign(self._client, path, client_method, expires_in, **params)

    def list_object_annotations(self, path: S3Path, **params: Any) -> list[str]:
        """Not there.

        Raises:
            NotSupportedError: always.
        """
        raise NotSupportedError("object annotations are not supported")

    def copy_object_annotation(
        self,
        name: str,
        source: S3Path,
        destination: S3Path,
        version_id: str | None,
        etag: str | None,
        **params: Any,
    ) -> None:
        """Not there.

        Raises:
            NotSupportedError: always.
        """
        raise NotSupportedError("object annotations are not supported")

    # -- multipart uploads -------------------------------------------------------------------------

    def create_multipart_upload(self, path: S3Path, **params: Any) -> S3MultipartUpload:
        """CreateMultipartUpload."""
        _check_written(path)
        return S3MultipartUpload(
            self._run(lambda d: _calls.create_multipart_upload(d, path, **params))
        )

    def upload_part(
        self, upload: S3MultipartUpload, part_number: int, body: bytes, **params: Any
    ) -> S3MultipartUploadPart:
        """UploadPart."""
        path, upload_id = _of_upload(upload)
        response = self._run(
            lambda d: _calls.upload_part(d, path, upload_id, part_number, body, **params)
        )
        return S3MultipartUploadPart(part_number, response)

    def upload_part_copy(
        self,
        upload: S3MultipartUpload,
        part_number: int,
        source: S3Path,
        range_: tuple[int, int] | None = None,
        **params: Any,
    ) -> S3MultipartUploadPart:
        """UploadPartCopy, of a range whose end is excluded."""
        path, upload_id = _of_upload(upload)
        response = self._run(
            lambda d: _calls.upload_part_copy(
                d, source, path, upload_id, part_number, range_, **params
            )
        )
        return S3MultipartUploadPart(part_number, response)

    def complete_multipart_upload(
        self, upload: S3MultipartUpload, parts: Sequence[S3MultipartUploadPart], **params: Any
    ) -> S3CompleteMultipartUpload:
        """CompleteMultipartUpload."""
        path, upload_id = _of_upload(upload)
        listed = [part.to_api_repr() for part in parts]
        condition = params.pop("IfNoneMatch", None)
        response = self._run(
            lambda d: _calls.complete_multipart_upload(
                d, path, upload_id, listed, if_none_match=condition, **params
            )
        )
        return S3CompleteMultipartUpload(response)

    def abort_multipart_upload(self, upload: S3MultipartUpload, **params: Any) -> None:
        """AbortMultipartUpload."""
        path, upload_id = _of_upload(upload)
        self._run(lambda d: _calls.abort_multipart_upload(d, path, upload_id, **params))

    def part_ranges(self, size: int, block_size: int) -> list[tuple[int, int]]:
        """Ranges, each with its end excluded, that make up ``size`` bytes; blocks grow when there
        would be more than 10,000, and the last takes what is too short to be a part."""
        return part_ranges(size, block_size)

    def check_multipart_upload_size(self, size: int, block_size: int) -> None:
        """Refuse a size that 10,000 parts of ``block_size`` cannot make up.

        Raises:
            ValueError: it is too large.
        """
        check_size(size, block_size)

    def plan_multipart_copy(
        self,
        source: S3Path,
        destination: S3Path,
        block_size: int | None = None,
        **params: Any,
    ) -> S3MultipartCopyPlan:
        """What a copy in parts takes to copy as CopyObject does; see the plan.

        Raises:
            ValueError: a path that cannot be copied, or a block size that no part may have.
        """
        block = PART_BYTES_MAX if block_size is None else block_size
        if not PART_BYTES_MIN <= block <= PART_BYTES_MAX:
            raise ValueError("block_size must be between the minimum and maximum part sizes.")
        _check_written(destination)
        head = self.head_object(source, **params)
        if head.content_length is None:
            raise ValueError(f"HeadObject tells no size: {source.uri}.")
        if source.version_id is None and head.version_id not in (None, "null"):
            source = source.with_version_id(head.version_id)
        tags: dict[str, str] = {}
        if head.content_length > COPY_BYTES_MAX and params.get("TaggingDirective") != "REPLACE":
            tags = self.get_object_tagging(source, **params)
        return _pages.plan_copy(source, destination, head, tags, block, params)

    # -- buckets -----------------------------------------------------------------------------------

    def head_bucket(self, bucket: str, **params: Any) -> S3Bucket:
        """HeadBucket."""
        response = self._run(lambda d: _calls.head_bucket(d, S3Path(bucket), **params))
        return S3Bucket(bucket, bucket_region=response["BucketRegion"])

    def create_bucket(
        self,
        bucket: str,
        acl: str | None = None,
        region_name: str | None = None,
        **params: Any,
    ) -> None:
        """CreateBucket."""
        if acl is not None:
            check_acl(acl, self.BUCKET_ACLS)
            params["ACL"] = acl
        path = S3Path(bucket)
        self._run(lambda d: _calls.create_bucket(d, path, region=region_name, **params))

    def delete_bucket(self, bucket: str, **params: Any) -> None:
        """DeleteBucket."""
        self._run(lambda d: _calls.delete_bucket(d, S3Path(bucket), **params))

    def get_bucket_versioning(self, bucket: str, **params: Any) -> str | None:
        """``"Enabled"``, ``"Suspended"``, or ``None`` when it never was."""
        response = self._run(lambda d: _calls.get_bucket_versioning(d, S3Path(bucket), **params))
        return response.get("Status") or None

    def put_bucket_acl(self, bucket: str, acl: str, **params: Any) -> None:
        """PutBucketAcl with one of :attr:`BUCKET_ACLS`."""
        check_acl(acl, self.BUCKET_ACLS)
        self._run(lambda d: _calls.put_bucket_acl(d, S3Path(bucket), acl, **params))

    # -- listings ----------------------------------------------------------------------------------

    def _list_page(
        self, operation: str, bucket: str | None, query: Iterable[tuple[str, Any]], params: Any
    ) -> Any:
        pairs = tuple((name, str(value)) for name, value in query if value not in (None, ""))
        return self._run(lambda d: _calls.list_page(d, operation, bucket, pairs, **params))

    def list_objects_page(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str | None = None,
        max_keys: int | None = None,
        continuation_token: str | None = None,
        **params: Any,
    ) -> S3ListObjectsPage:
        """One page of ListObjectsV2."""
        query = (
            ("list-type", 2),
            ("encoding-type", "url"),
            ("prefix", prefix),
            ("delimiter", delimiter),
            ("max-keys", max_keys),
            ("continuation-token", continuation_token),
            ("start-after", params.get("StartAfter")),
        )
        return _pages.objects_page(bucket, self._list_page("ListObjectsV2", bucket, query, params))

    def list_objects(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str | None = None,
        max_keys: int | None = None,
        continuation_token: str | None = None,
        **params: Any,
    ) -> Iterator[S3ListObjectsPage]:
        """All pages of ListObjectsV2 from a token on; ``max_keys`` is the size of a page."""
        token = continuation_token
        while True:
            page = self.list_objects_page(bucket, prefix, delimiter, max_keys, token, **params)
            yield page
            token = page.next_continuation_token
            if not page.is_truncated or not token:
                return

    def list_object_versions_page(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str | None = None,
        key_marker: str | None = None,
        version_id_marker: str | None = None,
        **params: Any,
    ) -> S3ListObjectVersionsPage:
        """One page of ListObjectVersions."""
        query = (
            ("encoding-type", "url"),
            ("prefix", prefix),
            ("delimiter", delimiter),
            ("max-keys", params.get("MaxKeys")),
            ("key-marker", key_marker),
            ("version-id-marker", version_id_marker),
        )
        found = self._list_page("ListObjectVersions", bucket, query, params)
        return _pages.versions_page(bucket, found)

    def list_object_versions(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str | None = None,
        key_marker: str | None = None,
        version_id_marker: str | None = None,
        **params: Any,
    ) -> Iterator[S3ListObjectVersionsPage]:
        """All pages of ListObjectVersions from a pair of markers on."""
        while True:
            page = self.list_object_versions_page(
                bucket, prefix, delimiter, key_marker, version_id_marker, **params
            )
            yield page
            key_marker, version_id_marker = page.next_key_marker, page.next_version_id_marker
            if not page.is_truncated or not key_marker:
                return

    def list_multipart_uploads_page(
        self,
        bucket: str,
        prefix: str | None = None,
        key_marker: str | None = None,
        upload_id_marker: str | None = None,
        **params: Any,
    ) -> S3ListMultipartUploadsPage:
        """One page of ListMultipartUploads."""
        query = (
            ("encoding-type", "url"),
            ("prefix", prefix),
            ("max-uploads", params.get("MaxUploads")),
            ("key-marker", key_marker),
            ("upload-id-marker", upload_id_marker),
        )
        found = self._list_page("ListMultipartUploads", bucket, query, params)
        return _pages.uploads_page(bucket, found)

    def list_multipart_uploads(
        self,
        bucket: str,
        prefix: str | None = None,
        key_marker: str | None = None,
        upload_id_marker: str | None = None,
        **params: Any,
    ) -> Iterator[S3ListMultipartUploadsPage]:
        """All pages of ListMultipartUploads from a pair of markers on."""
        while True:
            page = self.list_multipart_uploads_page(
                bucket, prefix, key_marker, upload_id_marker, **params
            )
            yield page
            key_marker, upload_id_marker = page.next_key_marker, page.next_upload_id_marker
            if not page.is_truncated or not key_marker:
                return

    def list_buckets_page(
        self, continuation_token: str | None = None, **params: Any
    ) -> S3ListBucketsPage:
        """One page of ListBuckets."""
        query = (
            ("max-buckets", params.get("MaxBuckets")),
            ("prefix", params.get("Prefix")),
            ("continuation-token", continuation_token),
        )
        return _pages.buckets_page(self._list_page("ListBuckets", None, query, params))

    def list_buckets(
        self, continuation_token: str | None = None, **params: Any
    ) -> Iterator[S3ListBucketsPage]:
        """All pages of ListBuckets from a token on."""
        while True:
            page = self.list_buckets_page(continuation_token, **params)
            yield page
            continuation_token = page.continuation_token
            if not continuation_token:
                return


def _check_key(path: S3Path) -> None:
    if path.is_bucket:
        raise ValueError(f"The path has no key: {path.uri}.")


def _check_written(path: S3Path) -> None:
    _check_key(path)
    if path.version_id is not None:
        raise ValueError(f"Cannot write to a version: {path.uri}.")


def _of_upload(upload: S3MultipartUpload) -> tuple[S3Path, str]:
    """The object and the id of an upload."""
    if not upload.bucket or not upload.key or not upload.upload_id:
        raise ValueError("The upload has no bucket, key or id.")
    return S3Path(upload.bucket, upload.key), upload.upload_id

"""What S3's listings and batches answer, for :class:`~pyathena.filesystem.s3_core.S3Core`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, ClassVar
from urllib.parse import unquote_plus

from pyathena.filesystem._params import accepts
from pyathena.filesystem._xml import Element
from pyathena.filesystem.s3_object import S3Metadata, S3MultipartUpload, S3ObjectVersion
from pyathena.filesystem.s3_path import S3Path
from pyathena.filesystem.s3_writer import part_ranges

COPY_BYTES_MAX = 5 * 2**30


@dataclass(frozen=True)
class S3ObjectSummary:
    """A listed object."""

    bucket: str
    key: str
    size: int | None = None
    etag: str | None = None
    last_modified: datetime | None = None
    storage_class: str | None = None

    @classmethod
    def from_response(cls, bucket: str, entry: Mapping[str, Any]) -> S3ObjectSummary:
        """Make it of an entry of boto3's ``Contents``."""
        return cls(
            bucket,
            entry["Key"],
            entry.get("Size"),
            entry.get("ETag"),
            entry.get("LastModified"),
            entry.get("StorageClass"),
        )

    @property
    def path(self) -> S3Path:
        """Its path."""
        return S3Path(self.bucket, self.key)


@dataclass(frozen=True)
class S3CommonPrefix:
    """A listed prefix; it ends with the delimiter."""

    bucket: str
    prefix: str

    @classmethod
    def from_response(cls, bucket: str, entry: Mapping[str, Any]) -> S3CommonPrefix:
        """Make it of an entry of boto3's ``CommonPrefixes``."""
        return cls(bucket, entry["Prefix"])


@dataclass(frozen=True)
class S3Bucket:
    """A bucket."""

    name: str
    creation_date: datetime | None = None
    bucket_region: str | None = None

    @classmethod
    def from_response(cls, entry: Mapping[str, Any]) -> S3Bucket:
        """Make it of an entry of boto3's ``Buckets``."""
        return cls(entry["Name"], entry.get("CreationDate"), entry.get("BucketRegion"))


@dataclass(frozen=True)
class S3ListObjectsPage:
    """A page of ListObjectsV2."""

    bucket: str
    objects: tuple[S3ObjectSummary, ...] = ()
    common_prefixes: tuple[S3CommonPrefix, ...] = ()
    key_count: int | None = None
    is_truncated: bool = False
    next_continuation_token: str | None = None

    @classmethod
    def from_response(cls, bucket: str, response: Mapping[str, Any]) -> S3ListObjectsPage:
        """Make it of boto3's answer."""
        return cls(
            bucket,
            tuple(S3ObjectSummary.from_response(bucket, e) for e in response.get("Contents", ())),
            _prefixes(bucket, response),
            response.get("KeyCount"),
            bool(response.get("IsTruncated")),
            response.get("NextContinuationToken"),
        )


@dataclass(frozen=True)
class S3ListObjectVersionsPage:
    """A page of ListObjectVersions."""

    bucket: str
    versions: tuple[S3ObjectVersion, ...] = ()
    delete_markers: tuple[S3ObjectVersion, ...] = ()
    common_prefixes: tuple[S3CommonPrefix, ...] = ()
    is_truncated: bool = False
    next_key_marker: str | None = None
    next_version_id_marker: str | None = None

    @classmethod
    def from_response(cls, bucket: str, response: Mapping[str, Any]) -> S3ListObjectVersionsPage:
        """Make it of boto3's answer."""
        return cls(
            bucket,
            tuple(S3ObjectVersion(bucket, False, e) for e in response.get("Versions", ())),
            tuple(S3ObjectVersion(bucket, True, e) for e in response.get("DeleteMarkers", ())),
            _prefixes(bucket, response),
            bool(response.get("IsTruncated")),
            response.get("NextKeyMarker"),
            response.get("NextVersionIdMarker"),
        )


@dataclass(frozen=True)
class S3ListMultipartUploadsPage:
    """A page of ListMultipartUploads."""

    bucket: str
    uploads: tuple[S3MultipartUpload, ...] = ()
    is_truncated: bool = False
    next_key_marker: str | None = None
    next_upload_id_marker: str | None = None

    @classmethod
    def from_response(
        cls, bucket: str, response: Mapping[str, Any]
    ) -> S3ListMultipartUploadsPage:
        """Make it of boto3's answer."""
        return cls(
            bucket,
            tuple(
                S3MultipartUpload({**entry, "Bucket": bucket})
                for entry in response.get("Uploads", ())
            ),
            bool(response.get("IsTruncated")),
            response.get("NextKeyMarker"),
            response.get("NextUploadIdMarker"),
        )


@dataclass(frozen=True)
class S3ListBucketsPage:
    """A page of ListBuckets."""

    buckets: tuple[S3Bucket, ...] = ()
    continuation_token: str | None = None

    @classmethod
    def from_response(cls, response: Mapping[str, Any]) -> S3ListBucketsPage:
        """Make it of boto3's answer."""
        return cls(
            tuple(S3Bucket.from_response(entry) for entry in response.get("Buckets", ())),
            response.get("ContinuationToken"),
        )


@dataclass(frozen=True)
class S3DeleteBatch:
    """1 to 1,000 objects of one bucket that one DeleteObjects deletes.

    Attributes:
        quiet: what was deleted is not told.
    """

    MAX_KEYS: ClassVar[int] = 1000

    bucket: str
    objects: tuple[S3Path, ...]
    quiet: bool = True

    def __post_init__(self) -> None:
        if not 1 <= len(self.objects) <= self.MAX_KEYS:
            raise ValueError(f"A batch has 1 to {self.MAX_KEYS} objects, not {len(self.objects)}.")
        for path in self.objects:
            if path.bucket != self.bucket or path.is_bucket:
                raise ValueError(f"Not an object of the bucket {self.bucket}: {path.uri}.")

    @classmethod
    def from_paths(cls, paths: Iterable[S3Path], quiet: bool = True) -> list[S3DeleteBatch]:
        """Split paths of any buckets into batches."""
        buckets: dict[str, list[S3Path]] = {}
        for path in paths:
            buckets.setdefault(path.bucket, []).append(path)
        return [
            cls(bucket, tuple(found[at : at + cls.MAX_KEYS]), quiet)
            for bucket, found in buckets.items()
            for at in range(0, len(found), cls.MAX_KEYS)
        ]


@dataclass(frozen=True)
class S3DeleteError:
    """An object that was not deleted."""

    path: S3Path
    code: str | None = None
    message: str | None = None

    @classmethod
    def from_response(cls, bucket: str, entry: Mapping[str, Any]) -> S3DeleteError:
        """Make it of an entry of boto3's ``Errors``."""
        path = S3Path(bucket, entry["Key"], entry.get("VersionId"))
        return cls(path, entry.get("Code"), entry.get("Message"))

    def __str__(self) -> str:
        return f"{self.path} ({self.code}: {self.message})"


@dataclass(frozen=True)
class S3DeleteResult:
    """The answer to DeleteObjects; ``deleted`` is empty for a quiet batch."""

    bucket: str
    deleted: tuple[S3Path, ...] = ()
    errors: tuple[S3DeleteError, ...] = ()

    @classmethod
    def from_response(cls, bucket: str, response: Mapping[str, Any]) -> S3DeleteResult:
        """Make it of boto3's answer."""
        return cls(
            bucket,
            tuple(
                S3Path(bucket, entry["Key"], entry.get("VersionId"))
                for entry in response.get("Deleted", ())
            ),
            tuple(S3DeleteError.from_response(bucket, e) for e in response.get("Errors", ())),
        )


@dataclass(frozen=True)
class S3MultipartCopyPlan:
    """The requests of a copy in parts that copies as CopyObject does.

    CreateMultipartUpload with ``create_params``, one UploadPartCopy for each range with
    ``part_params``, CompleteMultipartUpload with ``complete_params``, or after a failure
    AbortMultipartUpload with ``abort_params``. With ``fits_single_request`` CopyObject does, and
    the rest is empty.
    """

    source: S3Path
    destination: S3Path
    size: int
    ranges: tuple[tuple[int, int], ...] = ()
    create_params: Mapping[str, Any] = field(default_factory=dict)
    part_params: Mapping[str, Any] = field(default_factory=dict)
    complete_params: Mapping[str, Any] = field(default_factory=dict)
    abort_params: Mapping[str, Any] = field(default_factory=dict)
    annotations: tuple[str, ...] = ()
    fits_single_request: bool = False


_OWN = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
)


def plan_copy(
    source: S3Path,
    destination: S3Path,
    head: S3Metadata,
    tags: Mapping[str, str],
    block_size: int,
    params: Mapping[str, Any],
) -> S3MultipartCopyPlan:
    """The plan for a source of which ``head`` and ``tags`` are known."""
    size = head.content_length or 0
    if size <= COPY_BYTES_MAX:
        return S3MultipartCopyPlan(source, destination, size, fits_single_request=True)
    for name in ("MetadataDirective", "TaggingDirective"):
        if params.get(name, "COPY") not in ("COPY", "REPLACE"):
            raise ValueError(f"{name} must be COPY or REPLACE, not {params[name]!r}.")
    create = {name: params[name] for name in params if name in accepts("create_multipart_upload")}
    if params.get("MetadataDirective", "COPY") == "COPY":
        for name in _OWN:
            create.pop(name, None)
            value = head._response.get(name)
            if value:
                create[name] = value
    if params.get("TaggingDirective", "COPY") == "COPY":
        create.pop("Tagging", None)
        if tags:
            create["Tagging"] = dict(tags)

    def of(method: str) -> dict[str, Any]:
        return {name: params[name] for name in params if name in accepts(method)}

    return S3MultipartCopyPlan(
        source,
        destination,
        size,
        tuple(part_ranges(size, block_size)),
        create,
        of("upload_part_copy"),
        of("complete_multipart_upload"),
        of("abort_multipart_upload"),
    )


# -- documents -------------------------------------------------------------------------------------


def _prefixes(bucket: str, response: Mapping[str, Any]) -> tuple[S3CommonPrefix, ...]:
    found = response.get("CommonPrefixes", ())
    return tuple(S3CommonPrefix.from_response(bucket, entry) for entry in found)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)


def _number(text: str | None) -> int | None:
    if not text or not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    return int(text)


class _Document:
    """A listing's document; keys are decoded when they were encoded for URLs."""

    def __init__(self, top: Element) -> None:
        self.top = top
        self._is_encoded = top.find_text("EncodingType") == "url"

    def decode(self, text: str | None) -> str:
        """A key."""
        return unquote_plus(text or "") if self._is_encoded else text or ""

    def page(self) -> dict[str, Any]:
        """What the page tells about itself."""
        found: dict[str, Any] = {"IsTruncated": self.top.find_text("IsTruncated") == "true"}
        for name in ("NextKeyMarker", "NextVersionIdMarker", "NextUploadIdMarker",
                     "NextContinuationToken", "ContinuationToken"):  # fmt: skip
            text = self.top.find_text(name)
            if text:
                found[name] = self.decode(text) if name == "NextKeyMarker" else text
        found["CommonPrefixes"] = [
            {"Prefix": self.decode(entry.find_text("Prefix"))}
            for entry in self.top.all("CommonPrefixes")
        ]
        return found

    def entries(self, name: str) -> list[dict[str, Any]]:
        """The entries of one kind."""
        return [self._entry(element) for element in self.top.all(name)]

    def _entry(self, element: Element) -> dict[str, Any]:
        entry: dict[str, Any] = {}
        for child in element.children:
            if child.name in ("Owner", "Initiator"):
                entry[child.name] = child.texts()
            elif child.name in ("LastModified", "Initiated", "CreationDate"):
                entry[child.name] = _moment(child.text)
            elif child.name == "Size":
                entry["Size"] = _number(child.text)
            elif child.name == "IsLatest":
                entry["IsLatest"] = child.text == "true"
            elif child.name == "Key":
                entry["Key"] = self.decode(child.text)
            elif not child.children:
                entry[child.name] = child.text
        return entry


def objects_page(bucket: str, top: Element) -> S3ListObjectsPage:
    """A page of ListObjectsV2."""
    document = _Document(top)
    return S3ListObjectsPage.from_response(
        bucket,
        {
            **document.page(),
            "Contents": document.entries("Contents"),
            "KeyCount": _number(top.find_text("KeyCount")),
        },
    )


def versions_page(bucket: str, top: Element) -> S3ListObjectVersionsPage:
    """A page of ListObjectVersions."""
    document = _Document(top)
    return S3ListObjectVersionsPage.from_response(
        bucket,
        {
            **document.page(),
            "Versions": document.entries("Version"),
            "DeleteMarkers": document.entries("DeleteMarker"),
        },
    )


def uploads_page(bucket: str, top: Element) -> S3ListMultipartUploadsPage:
    """A page of ListMultipartUploads."""
    document = _Document(top)
    return S3ListMultipartUploadsPage.from_response(
        bucket, {**document.page(), "Uploads": document.entries("Upload")}
    )


def buckets_page(top: Element) -> S3ListBucketsPage:
    """A page of ListBuckets."""
    document = _Document(top)
    buckets = top.find("Buckets")
    found = [] if buckets is None else _Document(buckets).entries("Bucket")
    return S3ListBucketsPage.from_response({**document.page(), "Buckets": found})

"""What S3 tells about objects: entries of listings, metadata, versions, uploads."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar, overload

from pyathena.filesystem.s3_headers import response_of_headers

if TYPE_CHECKING:
    from pyathena.filesystem.s3_path import S3Path

__all__ = [
    "S3CompleteMultipartUpload",
    "S3Metadata",
    "S3MultipartUpload",
    "S3MultipartUploadPart",
    "S3Object",
    "S3ObjectType",
    "S3ObjectVersion",
    "S3Owner",
    "S3PutObject",
    "S3StorageClass",
]

_T = TypeVar("_T")

#: ``(type, key, size, etag, last_modified, storage_class, version_id, is_latest)``: an entry of
#: the core's listings. ``type`` is one of ENTRY_*, ``last_modified`` seconds since 1970; what S3
#: did not send is ``None`` (or empty).
Entry: TypeAlias = tuple[
    int, str, int, "str | None", "float | None", "str | None", "str | None", bool
]

ENTRY_OBJECT = 1
ENTRY_PREFIX = 2
ENTRY_VERSION = 3
ENTRY_DELETE_MARKER = 4
ENTRY_BUCKET = 6


class S3ObjectType:
    """Values of ``S3Object.type``."""

    S3_OBJECT_TYPE_DIRECTORY: str = "directory"
    S3_OBJECT_TYPE_FILE: str = "file"


class S3StorageClass:
    """Values of ``storage_class``; the last two are those of entries that are no objects."""

    S3_STORAGE_CLASS_STANDARD: str = "STANDARD"
    S3_STORAGE_CLASS_REDUCED_REDUNDANCY: str = "REDUCED_REDUNDANCY"
    S3_STORAGE_CLASS_STANDARD_IA: str = "STANDARD_IA"
    S3_STORAGE_CLASS_ONEZONE_IA: str = "ONEZONE_IA"
    S3_STORAGE_CLASS_INTELLIGENT_TIERING: str = "INTELLIGENT_TIERING"
    S3_STORAGE_CLASS_GLACIER: str = "GLACIER"
    S3_STORAGE_CLASS_DEEP_ARCHIVE: str = "DEEP_ARCHIVE"
    S3_STORAGE_CLASS_OUTPOSTS: str = "OUTPOSTS"
    S3_STORAGE_CLASS_GLACIER_IR: str = "GLACIER_IR"
    S3_STORAGE_CLASS_BUCKET: str = "BUCKET"
    S3_STORAGE_CLASS_DIRECTORY: str = "DIRECTORY"


#: Names of S3's API to keys of :class:`S3Object`.
_API_FIELDS: dict[str, str] = {
    "CacheControl": "cache_control",
    "ContentDisposition": "content_disposition",
    "ContentEncoding": "content_encoding",
    "ContentLanguage": "content_language",
    "ContentLength": "content_length",
    "ContentType": "content_type",
    "ETag": "etag",
    "Expires": "expires",
    "LastModified": "last_modified",
    "Metadata": "metadata",
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
_REQUEST_FIELDS: dict[str, str] = {
    api: field
    for api, field in _API_FIELDS.items()
    if api not in ("ContentLength", "ETag", "LastModified")
}
_KNOWN_FIELDS = frozenset(_API_FIELDS.values()) | {
    "bucket",
    "is_latest",
    "key",
    "name",
    "size",
    "type",
    "version_id",
}


class _Summary(Protocol):
    """An object in a listing, as :meth:`S3Object.from_summary` reads it."""

    @property
    def bucket(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int | None: ...
    @property
    def etag(self) -> str | None: ...
    @property
    def last_modified(self) -> datetime | None: ...
    @property
    def storage_class(self) -> str | None: ...


class _Bucket(Protocol):
    """A bucket in a listing, as :meth:`S3Object.from_bucket` reads it."""

    @property
    def name(self) -> str: ...


class S3Object(MutableMapping[str, Any]):
    """An entry of a listing or the answer to ``info``: a mapping whose keys are attributes too.

    A known key that is not set is ``None`` as attribute and missing as item; other names are
    refused by both. Entries made by :meth:`from_entry` take their fields apart when they are
    first asked for.

    Args:
        init: fields by the names of S3's API, such as ``{"ETag": ...}``; ``Size`` counts as
            ``ContentLength``, names that are not known are skipped.
        **kwargs: fields by their keys.
    """

    __slots__ = ("_state",)

    _state: dict[str, Any] | tuple[str, Entry]  # the fields, or what they will be made of

    def __init__(self, init: Mapping[str, Any], **kwargs: Any) -> None:
        fields = {_API_FIELDS[name]: init[name] for name in init if name in _API_FIELDS}
        if "storage_class" not in fields:
            fields["storage_class"] = S3StorageClass.S3_STORAGE_CLASS_STANDARD
        if "content_length" not in fields:
            fields["content_length"] = init.get("Size", 0)
        fields["size"] = fields["content_length"]
        fields.update(kwargs)
        fields.setdefault("name", None)
        _set_state(self, fields)

    @classmethod
    def from_entry(cls, bucket: str, entry: Entry) -> S3Object:
        """Make an object of an entry of the core's listing of ``bucket`` (or of all buckets)."""
        self = cls.__new__(cls)
        _set_state(self, (bucket, entry))
        return self

    @classmethod
    def from_entries(cls, bucket: str, entries: Iterable[Entry]) -> list[S3Object]:
        """:meth:`from_entry` for many."""
        return [cls.from_entry(bucket, entry) for entry in entries]

    @classmethod
    def directory(
        cls, bucket: str, key: str | None = None, version_id: str | None = None
    ) -> S3Object:
        """The entry of a prefix, or without a key of a bucket.

        A prefix loses its final slash unless the name before it is empty: of ``a//`` the
        rest would be ``a/``, which is another prefix.
        """
        if key:
            if key != "/" and not key.endswith("//"):
                key = key.removesuffix("/")
            storage_class = S3StorageClass.S3_STORAGE_CLASS_DIRECTORY
        else:
            storage_class = S3StorageClass.S3_STORAGE_CLASS_BUCKET
        fields: dict[str, Any] = {
            "content_length": 0,
            "content_type": None,
            "storage_class": storage_class,
            "etag": None,
            "last_modified": None,
            "size": 0,
            "type": S3ObjectType.S3_OBJECT_TYPE_DIRECTORY,
            "bucket": bucket,
            "key": key or None,
            "version_id": version_id,
            "name": f"{bucket}/{key}" if key else bucket,
        }
        return _restore(cls, fields)

    @classmethod
    def from_summary(cls, summary: _Summary) -> S3Object:
        """Make an object of a listed one."""
        return cls(
            _present(
                ETag=summary.etag,
                LastModified=summary.last_modified,
                StorageClass=summary.storage_class,
                Size=summary.size,
            ),
            type=S3ObjectType.S3_OBJECT_TYPE_FILE,
            bucket=summary.bucket,
            key=summary.key,
            name=f"{summary.bucket}/{summary.key}",
        )

    @classmethod
    def from_version(cls, version: S3ObjectVersion) -> S3Object:
        """Make an object of a version; its name carries the version unless that is ``null``."""
        return cls(
            _present(
                ETag=version.etag,
                LastModified=version.last_modified,
                StorageClass=version.storage_class,
                Size=version.size,
            ),
            type=S3ObjectType.S3_OBJECT_TYPE_FILE,
            bucket=version.bucket,
            key=version.key,
            version_id=version.version_id,
            is_latest=version.is_latest,
            name=_version_name(version.name, version.version_id),
        )

    @classmethod
    def from_metadata(cls, metadata: S3Metadata, version_id: str | None = None) -> S3Object:
        """Make an object of the answer to HeadObject.

        Args:
            metadata: the answer.
            version_id: the version to pin; the one in the answer is not taken by itself.

        Raises:
            ValueError: the metadata was made without the path of an object.
        """
        path = metadata.path
        if path is None or path.is_bucket:
            raise ValueError("The metadata has no object path.")
        return cls(
            metadata._response,
            type=S3ObjectType.S3_OBJECT_TYPE_FILE,
            bucket=path.bucket,
            key=path.key,
            version_id=version_id,
            name=path.name,
        )

    @classmethod
    def from_bucket(cls, bucket: _Bucket) -> S3Object:
        """Make the entry of a bucket."""
        return cls.directory(bucket.name)

    def _all(self) -> dict[str, Any]:
        """The fields, taken apart now if they have not been yet."""
        state = self._state
        if isinstance(state, tuple):
            state = _fields_of_entry(*state)
            _set_state(self, state)
        return state

    def get(self, key: str, default: Any = None) -> Any:
        """The item, or ``default`` when it is not set."""
        return self._all().get(key, default)

    def __getitem__(self, item: str) -> Any:
        return self._all()[item]

    def __setitem__(self, key: str, value: Any) -> None:
        self._all()[key] = value

    def __delitem__(self, key: str) -> None:
        del self._all()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __getattr__(self, item: str) -> Any:
        # A name of Python's own may be asked for before there is a state.
        if not item.startswith("_"):
            fields = self._all()
            if item in fields:
                return fields[item]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {item!r}")

    def __setattr__(self, attr: str, value: Any) -> None:
        self[attr] = value

    def __delattr__(self, attr: str) -> None:
        try:
            del self[attr]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {attr!r}"
            ) from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_KNOWN_FIELDS, *self._all()})

    def __eq__(self, other: object) -> bool:
        if isinstance(other, S3Object):
            return self._all() == other._all()
        if isinstance(other, Mapping):
            return self._all() == dict(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self._all())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._all()!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), dict(self._all()))

    def __copy__(self) -> S3Object:
        return self.copy()

    def copy(self) -> S3Object:
        """An object of its own with the same fields; the values are shared."""
        return _restore(type(self), dict(self._all()))

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dict that shares nothing with the object."""
        return copy.deepcopy(self._all())

    def to_api_repr(self) -> dict[str, Any]:
        """The set fields that a request can repeat, by the names of S3's API."""
        fields = self._all()
        return {
            api: fields[field]
            for api, field in _REQUEST_FIELDS.items()
            if fields.get(field) is not None
        }


# The slot's own setter: __setattr__ sets items.
_set_state = S3Object.__dict__["_state"].__set__


def _item(name: str) -> property:
    return property(lambda self: self._all().get(name))


# __getattr__ would do, but is only asked after the attribute was looked for in vain.
for _name in _KNOWN_FIELDS:
    setattr(S3Object, _name, _item(_name))


def _restore(cls: type[S3Object], fields: dict[str, Any]) -> S3Object:
    """An object with exactly these fields."""
    self = cls.__new__(cls)
    _set_state(self, fields)
    return self


def _present(**fields: Any) -> dict[str, Any]:
    """The fields that are not ``None``."""
    return {name: value for name, value in fields.items() if value is not None}


def _version_name(name: str, version_id: str | None) -> str:
    return f"{name}?versionId={version_id}" if version_id and version_id != "null" else name


def _fields_of_entry(bucket: str, entry: Entry) -> dict[str, Any]:
    """The fields of an entry of the core, the same as the constructors from answers give."""
    kind, key, size, etag, last_modified, storage_class, version_id, is_latest = entry
    if kind == ENTRY_PREFIX:
        return S3Object.directory(bucket, key)._all()
    if kind == ENTRY_BUCKET:
        return S3Object.directory(key)._all()
    fields: dict[str, Any] = {
        "storage_class": storage_class or "STANDARD",
        "content_length": size,
        "size": size,
        "type": "file",
        "bucket": bucket,
        "key": key,
        "name": f"{bucket}/{key}",
    }
    if etag:
        fields["etag"] = etag
    if last_modified:
        fields["last_modified"] = _moment(last_modified)
    if kind != ENTRY_OBJECT:
        fields["version_id"] = version_id or None
        fields["is_latest"] = is_latest
        fields["name"] = _version_name(fields["name"], version_id)
    return fields


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


# -- answers ---------------------------------------------------------------------------------------


class _Answer(Protocol):
    """What a :class:`_Field` reads from."""

    _response: dict[str, Any]


class _Field(Generic[_T]):
    """A read-only attribute: one member of an answer, or ``default`` when it is not there."""

    def __init__(self, api: str, default: Any = None) -> None:
        self.api = api
        self.default = default

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> _Field[_T]: ...
    @overload
    def __get__(self, instance: _Answer, owner: type[Any]) -> _T: ...
    def __get__(self, instance: _Answer | None, owner: type[Any]) -> _Field[_T] | _T:
        if instance is None:
            return self
        value: _T = instance._response.get(self.api, self.default)
        return value

    def __set__(self, instance: _Answer, value: _T) -> None:
        raise AttributeError(f"{type(instance).__name__}'s {self.api} cannot be set")


_Text: TypeAlias = "_Field[str | None]"
_Time: TypeAlias = "_Field[datetime | None]"
_Flag: TypeAlias = "_Field[bool | None]"


class _Response:
    """An answer of S3 in the shape of boto3's dicts, with attributes for its members."""

    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._fields = (
            *cls._fields,
            *(name for name, value in vars(cls).items() if isinstance(value, _Field)),
        )

    def __init__(self, response: Mapping[str, Any]) -> None:
        self._response = dict(response)

    def _identity(self) -> tuple[Any, ...]:
        return (type(self), *(getattr(self, name) for name in self._fields))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Response):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        values = ((name, getattr(self, name)) for name in self._fields)
        text = ", ".join(f"{name}={value!r}" for name, value in values if value is not None)
        return f"{type(self).__name__}({text})"

    def _underscored(self) -> dict[str, Any]:
        return {f"_{name}": copy.deepcopy(getattr(self, name)) for name in self._fields}


class S3Metadata(Mapping[str, str]):
    """The answer to HeadObject: the user's metadata as a mapping, the rest as attributes.

    Equal to any mapping with the same user metadata. Names are as S3 keeps them: in lower case.

    Args:
        response: the answer by the names of S3's API; see :func:`response_of_headers`.
        path: the object it is about.
    """

    def __init__(self, response: Mapping[str, Any], path: S3Path | None = None) -> None:
        self._response = dict(response)
        self._metadata: dict[str, str] = dict(response.get("Metadata") or {})
        self._path = path

    @classmethod
    def from_headers(
        cls, headers: Iterable[tuple[str, str]], path: S3Path | None = None
    ) -> S3Metadata:
        """Make metadata of the header lines of an answer."""
        return cls(response_of_headers(headers), path)

    def __getitem__(self, key: str) -> str:
        return self._metadata[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metadata)

    def __len__(self) -> int:
        return len(self._metadata)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._metadata!r})"

    cache_control: _Text = _Field("CacheControl")
    content_disposition: _Text = _Field("ContentDisposition")
    content_encoding: _Text = _Field("ContentEncoding")
    content_language: _Text = _Field("ContentLanguage")
    content_length: _Field[int | None] = _Field("ContentLength")
    content_type: _Text = _Field("ContentType")
    etag: _Text = _Field("ETag")
    expiration: _Text = _Field("Expiration")
    expires: _Time = _Field("Expires")
    last_modified: _Time = _Field("LastModified")
    storage_class: _Field[str] = _Field("StorageClass", "STANDARD")
    server_side_encryption: _Text = _Field("ServerSideEncryption")
    sse_customer_algorithm: _Text = _Field("SSECustomerAlgorithm")
    sse_kms_key_id: _Text = _Field("SSEKMSKeyId")
    bucket_key_enabled: _Flag = _Field("BucketKeyEnabled")
    website_redirect_location: _Text = _Field("WebsiteRedirectLocation")
    version_id: _Text = _Field("VersionId")
    object_lock_mode: _Text = _Field("ObjectLockMode")
    object_lock_retain_until_date: _Time = _Field("ObjectLockRetainUntilDate")
    object_lock_legal_hold_status: _Text = _Field("ObjectLockLegalHoldStatus")

    @property
    def path(self) -> S3Path | None:
        """The object this is about."""
        return self._path

    @property
    def user_metadata(self) -> dict[str, str]:
        """The user's metadata as a dict of the caller's own."""
        return dict(self._metadata)


class S3Owner(_Response):
    """Whose an object or an upload is."""

    display_name: _Text = _Field("DisplayName")
    id: _Text = _Field("ID")


def _owner(response: Mapping[str, Any], name: str) -> S3Owner | None:
    found = response.get(name)
    return S3Owner(found) if found else None


class S3ObjectVersion(_Response):
    """A version of an object or a delete marker, from ListObjectVersions."""

    version_id: _Text = _Field("VersionId")
    is_latest: _Field[bool] = _Field("IsLatest", False)
    last_modified: _Time = _Field("LastModified")
    etag: _Text = _Field("ETag")
    size: _Field[int | None] = _Field("Size")
    storage_class: _Text = _Field("StorageClass")

    def __init__(self, bucket: str, is_delete_marker: bool, response: Mapping[str, Any]) -> None:
        super().__init__(response)
        self._bucket = bucket
        self._key: str = response["Key"]
        self._is_delete_marker = is_delete_marker

    @classmethod
    def from_entry(cls, bucket: str, entry: Entry) -> S3ObjectVersion:
        """Make a version of an entry of the core's listing of versions."""
        kind, key, size, etag, last_modified, storage_class, version_id, is_latest = entry
        is_marker = kind == ENTRY_DELETE_MARKER
        response: dict[str, Any] = {
            "Key": key,
            "VersionId": version_id or None,
            "IsLatest": is_latest,
            "LastModified": _moment(last_modified) if last_modified else None,
        }
        if not is_marker:
            response["ETag"] = etag or None
            response["Size"] = size
            response["StorageClass"] = storage_class or None
        return cls(bucket, is_marker, response)

    @property
    def bucket(self) -> str:
        """The bucket."""
        return self._bucket

    @property
    def key(self) -> str:
        """The object's key."""
        return self._key

    @property
    def name(self) -> str:
        """``bucket/key``, without the version."""
        return f"{self._bucket}/{self._key}"

    @property
    def is_delete_marker(self) -> bool:
        """Whether this is a delete marker, which has no content."""
        return self._is_delete_marker

    @property
    def owner(self) -> S3Owner | None:
        """Whose it is, if S3 told."""
        return _owner(self._response, "Owner")

    def _identity(self) -> tuple[Any, ...]:
        return (*super()._identity(), self._bucket, self._key, self._is_delete_marker, self.owner)

    def __repr__(self) -> str:
        kind = "delete marker" if self._is_delete_marker else "version"
        return f"S3ObjectVersion({self.name!r}, {kind} {self.version_id!r})"


class S3PutObject(_Response):
    """The answer to PutObject."""

    expiration: _Text = _Field("Expiration")
    version_id: _Text = _Field("VersionId")
    etag: _Text = _Field("ETag")
    checksum_crc32: _Text = _Field("ChecksumCRC32")
    checksum_crc32c: _Text = _Field("ChecksumCRC32C")
    checksum_sha1: _Text = _Field("ChecksumSHA1")
    checksum_sha256: _Text = _Field("ChecksumSHA256")
    server_side_encryption: _Text = _Field("ServerSideEncryption")
    sse_customer_algorithm: _Text = _Field("SSECustomerAlgorithm")
    sse_customer_key_md5: _Text = _Field("SSECustomerKeyMD5")
    sse_kms_key_id: _Text = _Field("SSEKMSKeyId")
    sse_kms_encryption_context: _Text = _Field("SSEKMSEncryptionContext")
    bucket_key_enabled: _Flag = _Field("BucketKeyEnabled")
    request_charged: _Text = _Field("RequestCharged")

    def to_dict(self) -> dict[str, Any]:
        """All members by the attributes' names with an underscore before them."""
        return self._underscored()


class S3MultipartUpload(_Response):
    """An upload that was begun: the answer to CreateMultipartUpload or an entry of a listing."""

    abort_date: _Time = _Field("AbortDate")
    abort_rule_id: _Text = _Field("AbortRuleId")
    bucket: _Text = _Field("Bucket")
    key: _Text = _Field("Key")
    upload_id: _Text = _Field("UploadId")
    server_side_encryption: _Text = _Field("ServerSideEncryption")
    sse_customer_algorithm: _Text = _Field("SSECustomerAlgorithm")
    sse_customer_key_md5: _Text = _Field("SSECustomerKeyMD5")
    sse_kms_key_id: _Text = _Field("SSEKMSKeyId")
    sse_kms_encryption_context: _Text = _Field("SSEKMSEncryptionContext")
    bucket_key_enabled: _Flag = _Field("BucketKeyEnabled")
    request_charged: _Text = _Field("RequestCharged")
    checksum_algorithm: _Text = _Field("ChecksumAlgorithm")
    checksum_type: _Text = _Field("ChecksumType")
    initiated: _Time = _Field("Initiated")
    storage_class: _Text = _Field("StorageClass")

    @property
    def owner(self) -> S3Owner | None:
        """Whose the object will be."""
        return _owner(self._response, "Owner")

    @property
    def initiator(self) -> S3Owner | None:
        """Who began the upload."""
        return _owner(self._response, "Initiator")

    def _identity(self) -> tuple[Any, ...]:
        return (*super()._identity(), self.owner, self.initiator)


class S3MultipartUploadPart(_Response):
    """The answer to UploadPart or UploadPartCopy."""

    copy_source_version_id: _Text = _Field("CopySourceVersionId")
    last_modified: _Time = _Field("LastModified")
    etag: _Text = _Field("ETag")
    checksum_crc32: _Text = _Field("ChecksumCRC32")
    checksum_crc32c: _Text = _Field("ChecksumCRC32C")
    checksum_sha1: _Text = _Field("ChecksumSHA1")
    checksum_sha256: _Text = _Field("ChecksumSHA256")
    checksum_crc64nvme: _Text = _Field("ChecksumCRC64NVME")
    checksum_sha512: _Text = _Field("ChecksumSHA512")
    checksum_md5: _Text = _Field("ChecksumMD5")
    checksum_xxhash64: _Text = _Field("ChecksumXXHASH64")
    checksum_xxhash3: _Text = _Field("ChecksumXXHASH3")
    checksum_xxhash128: _Text = _Field("ChecksumXXHASH128")
    server_side_encryption: _Text = _Field("ServerSideEncryption")
    sse_customer_algorithm: _Text = _Field("SSECustomerAlgorithm")
    sse_customer_key_md5: _Text = _Field("SSECustomerKeyMD5")
    sse_kms_key_id: _Text = _Field("SSEKMSKeyId")
    bucket_key_enabled: _Flag = _Field("BucketKeyEnabled")
    request_charged: _Text = _Field("RequestCharged")

    def __init__(self, part_number: int, response: Mapping[str, Any]) -> None:
        super().__init__({**response, **(response.get("CopyPartResult") or {})})
        self._part_number = part_number

    @property
    def part_number(self) -> int:
        """1 to 10,000."""
        return self._part_number

    def to_api_repr(self) -> dict[str, Any]:
        """The part as CompleteMultipartUpload names it."""
        members = {
            name: value
            for name, value in self._response.items()
            if value is not None and (name == "ETag" or name.startswith("Checksum"))
        }
        members.pop("ChecksumType", None)
        return {**members, "PartNumber": self._part_number}

    def _identity(self) -> tuple[Any, ...]:
        return (*super()._identity(), self._part_number)


class S3CompleteMultipartUpload(_Response):
    """The answer to CompleteMultipartUpload."""

    location: _Text = _Field("Location")
    bucket: _Text = _Field("Bucket")
    key: _Text = _Field("Key")
    expiration: _Text = _Field("Expiration")
    version_id: _Text = _Field("VersionId")
    etag: _Text = _Field("ETag")
    checksum_crc32: _Text = _Field("ChecksumCRC32")
    checksum_crc32c: _Text = _Field("ChecksumCRC32C")
    checksum_sha1: _Text = _Field("ChecksumSHA1")
    checksum_sha256: _Text = _Field("ChecksumSHA256")
    server_side_encryption: _Text = _Field("ServerSideEncryption")
    sse_kms_key_id: _Text = _Field("SSEKMSKeyId")
    bucket_key_enabled: _Flag = _Field("BucketKeyEnabled")
    request_charged: _Text = _Field("RequestCharged")

    def to_dict(self) -> dict[str, Any]:
        """All members by the attributes' names with an underscore before them."""
        return self._underscored()

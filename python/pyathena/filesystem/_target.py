"""What a file reads or writes, found when it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyathena.filesystem import _calls
from pyathena.filesystem._drive import Drive, run_blocking
from pyathena.filesystem.s3_object import S3Metadata, S3Object
from pyathena.filesystem.s3_path import S3Path
from pyathena.filesystem.s3_writer import PART_BYTES_MAX, PART_BYTES_MIN

__all__ = ["S3FileTarget"]

if TYPE_CHECKING:
    from pyathena.filesystem._client import S3Client

_MODES = frozenset(("rb", "wb", "ab", "xb"))


@dataclass
class S3FileTarget:
    """The object that a file reads or writes.

    Attributes:
        path: the file's path; a version that is read is part of it, so that a file that is opened
            again reads the same.
        bucket: its bucket.
        key: its key.
        version_id: the version that is read.
        request_kwargs: parameters of the file's requests.
        details: of a file that is read, its entry.
        size: of a file that is read, bytes.
        appended: the object that is appended to, when there is one.
        append_data: its content when it is too small to be copied as a part.
    """

    path: str
    bucket: str
    key: str
    version_id: str | None
    request_kwargs: dict[str, Any]
    details: S3Object | dict[str, Any] = field(default_factory=dict)
    size: int | None = None
    appended: S3Object | None = None
    append_data: bytes | None = None

    @classmethod
    def resolve(
        cls,
        fs: Any,
        path: str,
        mode: str,
        *,
        block_size: int,
        version_id: str | None = None,
        size: int | None = None,
        request_kwargs: Mapping[str, Any] | None = None,
    ) -> S3FileTarget:
        """Find the object.

        Raises:
            NotImplementedError: there is no such mode.
            ValueError: the path has no key, a version is to be written, or the block size is not
                one for writing.
            FileNotFoundError: there is nothing to read.
            FileExistsError: the object is there and the mode is ``xb``.
        """
        parsed = cls.check(fs, path, mode, block_size, version_id)
        if mode == "rb":
            details = fs.info(str(parsed))
            return cls.reading(fs, path, parsed, details, size, request_kwargs)
        client = fs._s3.with_kwargs(request_kwargs)
        return run_blocking(
            client, lambda drive: cls.writing(drive, path, parsed, mode, request_kwargs)
        )

    @staticmethod
    def check(fs: Any, path: str, mode: str, block_size: int, version_id: str | None) -> S3Path:
        """The path of the object, refused when it cannot be opened like this."""
        if mode not in _MODES:
            raise NotImplementedError("File mode not supported")
        parsed = S3Path.parse(path)
        if parsed.is_bucket:
            raise ValueError("The path does not contain a key.")
        parsed = parsed.pinned_to(version_id)
        if mode == "rb":
            return parsed
        if parsed.version_id is not None:
            raise ValueError("Cannot write to the file with the version specified.")
        if not PART_BYTES_MIN <= block_size <= PART_BYTES_MAX:
            raise ValueError(
                f"Block size for writing must be between 5 MiB ({PART_BYTES_MIN} bytes) and"
                f" 5 GiB ({PART_BYTES_MAX} bytes), inclusive: {block_size}."
            )
        return parsed

    @classmethod
    def reading(
        cls,
        fs: Any,
        path: str,
        parsed: S3Path,
        details: S3Object,
        size: int | None,
        request_kwargs: Mapping[str, Any] | None,
    ) -> S3FileTarget:
        """The target of a file that is read."""
        if details["type"] == "directory":
            raise FileNotFoundError(path)
        version_id = parsed.version_id
        if version_id is None and getattr(fs, "version_aware", False):
            version_id = details.get("version_id")
        return cls(
            path=str(parsed.with_version_id(version_id)),
            bucket=parsed.bucket,
            key=parsed.key or "",
            version_id=version_id,
            request_kwargs=dict(request_kwargs or {}),
            details=details,
            size=details["size"] if size is None else size,
        )

    @classmethod
    async def writing(
        cls,
        drive: Drive,
        path: str,
        parsed: S3Path,
        mode: str,
        request_kwargs: Mapping[str, Any] | None,
    ) -> S3FileTarget:
        """The target of a file that is written."""
        target = cls(
            path=str(parsed),
            bucket=parsed.bucket,
            key=parsed.key or "",
            version_id=None,
            request_kwargs=dict(request_kwargs or {}),
        )
        if mode == "wb":
            return target
        try:
            response = await _calls.head_object(drive, parsed)
        except FileNotFoundError:
            return target
        if mode == "xb":
            raise FileExistsError(path)
        target.appended = S3Object.from_metadata(S3Metadata(response, parsed))
        if target.appended.size < PART_BYTES_MIN:
            target.append_data = await _calls.get_bytes(drive, parsed, if_match=response["ETag"])
        return target

    @property
    def s3_path(self) -> S3Path:
        """The path taken apart."""
        return S3Path(self.bucket, self.key, self.version_id)

    @property
    def etag(self) -> str | None:
        """The ETag that reads ask for."""
        return self.details.get("etag")

    def client(self, fs: Any) -> S3Client:
        """The file system's client with the parameters of the file."""
        client: S3Client = fs._s3.with_kwargs(self.request_kwargs)
        return client

"""Paths of S3 objects: ``[s3://|s3a://]bucket[/key][?versionId=ID]``."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

__all__ = ["S3Path", "parse_path"]

_SCHEMES = ("s3://", "s3a://")
_BUCKET_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
_VERSION_NAMES = frozenset(("versionId", "versionID", "versionid", "version_id"))


@dataclass(frozen=True)
class S3Path:
    """A bucket, or an object or version of an object in it.

    Keys are taken as they are: slashes at either end, double slashes, ``%``, ``+``, blanks, line
    ends and ``?`` are parts of the name.

    Attributes:
        bucket: name of the bucket.
        key: key of the object; ``None`` for the bucket itself.
        version_id: version of the object; ``None`` for the current one, ``"null"`` for the one
            that was written while the bucket kept no versions.
    """

    bucket: str
    key: str | None = None
    version_id: str | None = None

    @classmethod
    def parse(cls, path: str) -> S3Path:
        """Take a path apart.

        Raises:
            ValueError: there is no bucket, or its name has characters no bucket can have.
        """
        name, version_id = cls.split_version_id(path)
        for scheme in _SCHEMES:
            if name.startswith(scheme):
                name = name[len(scheme) :]
                break
        bucket, _, key = name.partition("/")
        if not bucket or not _BUCKET_CHARACTERS.issuperset(bucket):
            raise ValueError(f"Invalid S3 path format {path}.")
        return cls(bucket, key or None, version_id)

    @classmethod
    def split_version_id(cls, path: str) -> tuple[str, str | None]:
        """Cut a final ``?versionId=ID`` (or versionID, versionid, version_id) off a path.

        Returns:
            The rest of the path, and the version or ``None``. Any other ``?`` stays in the path.
        """
        if not isinstance(path, str):
            raise TypeError(f"An S3 path is a str, not {type(path).__name__}.")
        head, mark, tail = path.rpartition("?")
        if mark:
            name, _, version_id = tail.partition("=")
            if version_id and name in _VERSION_NAMES:
                return head, version_id
        return path, None

    @classmethod
    def has_version_id(cls, path: str | os.PathLike[str]) -> bool:
        """Whether a path names a version."""
        return cls.split_version_id(os.fspath(path))[1] is not None

    @property
    def is_bucket(self) -> bool:
        """Whether this is a bucket and not an object."""
        return not self.key

    @property
    def is_directory_bucket(self) -> bool:
        """Whether the bucket is a directory bucket (S3 Express One Zone), by its name."""
        return self.bucket.endswith("--x-s3")

    @property
    def name(self) -> str:
        """``bucket/key`` or ``bucket``: the name in listings, without the version."""
        return f"{self.bucket}/{self.key}" if self.key else self.bucket

    @property
    def uri(self) -> str:
        """The path with its scheme and version."""
        return f"s3://{self}"

    @property
    def target(self) -> S3Path:
        """What a bucket without versioning means by this path: there ``null`` is the object."""
        return self.with_version_id(None) if self.version_id == "null" else self

    def with_version_id(self, version_id: str | None) -> S3Path:
        """The same object with another version, or with none."""
        return replace(self, version_id=version_id)

    def pinned_to(self, version_id: str | None) -> S3Path:
        """The path with the version of a ``version_id=`` argument, which may be ``None``.

        Raises:
            ValueError: the path names another version than the argument.
        """
        if version_id is None:
            return self
        if self.version_id is not None and self.version_id != version_id:
            raise ValueError(
                f"The version_id: {version_id} specified in the argument and "
                f"the version_id: {self.version_id} specified in the path do not match."
            )
        return self.with_version_id(version_id)

    def __str__(self) -> str:
        """``bucket/key?versionId=ID``, without what is not there."""
        return f"{self.name}?versionId={self.version_id}" if self.version_id else self.name


def parse_path(path: str) -> tuple[str, str | None, str | None]:
    """Take a path apart into bucket, key and version; the last two may be ``None``.

    Raises:
        ValueError: see :meth:`S3Path.parse`.
    """
    parsed = S3Path.parse(path)
    return parsed.bucket, parsed.key, parsed.version_id

"""What all operations of a file system share: its client, its settings, its listings, its paths.

An operation is an ``async def`` whose first argument is the drive that carries it out. Paths are
str with or without scheme; names, in the results, are ``bucket/key`` without scheme.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyathena.filesystem._cache import ListingCache
from pyathena.filesystem.s3_path import S3Path

if TYPE_CHECKING:
    from pyathena.filesystem._client import S3Client

__all__ = ["BLOCK_BYTES", "BULK_LIMIT", "FILES_LIMIT", "Base", "Settings", "limit_of", "name_of"]

#: Bytes of a block of a file, unless the program says otherwise.
BLOCK_BYTES = 5 * 2**20
#: How many requests of one bulk operation are in flight; more than there are connections.
BULK_LIMIT = 128
#: How many local files one bulk operation has open.
FILES_LIMIT = 128

_SCHEMES = ("s3://", "s3a://")


def name_of(path: str | os.PathLike[str]) -> str:
    """A path without its scheme; slashes at its end stay."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"An S3 path is a str, not {type(text).__name__}.")
    if text.startswith("s3"):
        for scheme in _SCHEMES:
            if text.startswith(scheme):
                return text[len(scheme) :]
    return text


def limit_of(batch_size: int | None, default: int) -> int | None:
    """How many at once, by fsspec's ``batch_size``: -1 means all.

    Raises:
        ValueError: it is 0 or less than -1.
    """
    if batch_size is None:
        return default
    if batch_size == -1:
        return None
    if batch_size <= 0:
        raise ValueError(f"batch_size must be positive or -1, not {batch_size}.")
    return batch_size


@dataclass
class Settings:
    """How a file system behaves.

    Attributes:
        version_aware: what is found is pinned to its version, and versions can be listed.
        allow_bucket_creation: mkdir may create buckets.
        allow_bucket_deletion: rmdir may delete buckets.
        block_size: bytes of the blocks of files, and of the parts of writes in a transaction.
    """

    version_aware: bool = False
    allow_bucket_creation: bool = False
    allow_bucket_deletion: bool = False
    block_size: int = BLOCK_BYTES


class Base:
    """The ground of the operations.

    Args:
        client: carries out the requests.
        cache: the listings that were made.
        settings: how the file system behaves.
    """

    def __init__(self, client: S3Client, cache: ListingCache, settings: Settings) -> None:
        self.client = client
        self.cache = cache
        self.settings = settings

    def changed(self, paths: Iterable[S3Path]) -> None:
        """Forget what is known about objects that were written or deleted, or may have been."""
        self.cache.drop(path.name for path in paths)

    @staticmethod
    def object_path(path: str | os.PathLike[str], refusal: str) -> S3Path:
        """The path of an object.

        Raises:
            ValueError: it is a bucket (``refusal`` is the text) or no path at all.
        """
        parsed = S3Path.parse(name_of(path))
        if parsed.is_bucket:
            raise ValueError(refusal)
        return parsed

    @classmethod
    def writable_path(cls, path: str | os.PathLike[str]) -> S3Path:
        """The path of an object to be written.

        Raises:
            ValueError: it is a bucket or a version.
        """
        parsed = cls.object_path(path, "Cannot write to a bucket.")
        if parsed.version_id is not None:
            raise ValueError("Cannot write to the file with the version specified.")
        return parsed


def pop_version(params: dict[str, Any]) -> str | None:
    """Take ``version_id`` out of a call's keywords."""
    version_id: str | None = params.pop("version_id", None)
    return version_id

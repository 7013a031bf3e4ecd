"""Amazon S3 as a blocking fsspec file system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]
from pyathena.filesystem._blocking import BlockingMethods
from pyathena.filesystem._file import CompressedBuffer, S3File, S3FileTarget

if TYPE_CHECKING:
    from pyathena.connection import Connection

__all__ = ["CompressedBuffer", "S3File", "S3FileSystem", "S3FileTarget"]


class S3FileSystem(BlockingMethods, AbstractFileSystem):  # type: ignore[misc]
    """Buckets as directories, keys with slashes as paths: ``[s3://|s3a://]bucket/key``.

    Every request is carried out by the native core; whatever takes several requests has many of
    them in flight. Listings are kept until something below them is written through this file
    system, :meth:`invalidate_cache` or ``refresh=True``.

    Args:
        connection: whose credentials and settings are used; without it, those of ``kwargs`` and
            AWS's own search order.
        default_block_size: bytes of a block of files; 5 MiB.
        default_cache_type: fsspec's cache for reading; ``"bytes"``.
        max_workers: how many blocks of one file are in flight.
        s3_additional_kwargs: parameters by boto3's names for each request that accepts them.
        allow_bucket_creation: ``mkdir()`` may create buckets.
        allow_bucket_deletion: ``rmdir()`` may delete buckets.
        version_aware: what is opened is pinned to its version, and versions can be listed.
        **kwargs: s3fs's names (``key``, ``secret``, ``token``, ``profile``, ``anon``,
            ``endpoint_url``, ``region_name``, ``client_kwargs``, ``config_kwargs``,
            ``requester_pays``, ...) and fsspec's (``use_listings_cache``,
            ``listings_expiry_time``, ``skip_instance_cache``, ...).

    Raises:
        ValueError: a setting that cannot be used.
    """

    def __init__(
        self,
        connection: Connection[Any] | None = None,
        default_block_size: int | None = None,
        default_cache_type: str | None = None,
        max_workers: int | None = None,
        s3_additional_kwargs: Mapping[str, Any] | None = None,
        allow_bucket_creation: bool = False,
        allow_bucket_deletion: bool = False,
        version_aware: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._set_up(
            connection,
            default_block_size,
            default_cache_type,
            max_workers,
            s3_additional_kwargs,
            allow_bucket_creation,
            allow_bucket_deletion,
            version_aware,
            kwargs,
        )

    def _rm(self, path: str) -> None:
        """fsspec's older name of :meth:`rm_file`."""
        self.rm_file(path)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> S3File:
        """A binary file; see :class:`S3File`. ``version_id``, ``max_workers``, ``executor`` and
        ``s3_additional_kwargs`` are for this file alone."""
        return S3File(
            self,
            path,
            mode,
            block_size=block_size or self.default_block_size,
            cache_type=cache_type or self.default_cache_type,
            autocommit=autocommit,
            cache_options=cache_options,
            **kwargs,
        )

"""Amazon S3 as an asynchronous fsspec file system."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fsspec.asyn import AsyncFileSystem, get_loop  # type: ignore[import-untyped]
from pyathena.aio._bridge import take_turn
from pyathena.filesystem._base import name_of
from pyathena.filesystem._blocking import BlockingMethods, _send, _without_tree
from pyathena.filesystem._file import AioS3File
from pyathena.filesystem._listing import Walk
from pyathena.filesystem._loop_drive import LoopDrive
from pyathena.filesystem._streamed import AioS3StreamedFile
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.filesystem.s3_object import S3Object

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from types import TracebackType

    from pyathena.connection import Connection

__all__ = ["AioS3File", "AioS3FileSystem", "AioS3StreamedFile"]


class AioS3FileSystem(BlockingMethods, AsyncFileSystem):  # type: ignore[misc]
    """Coroutines with fsspec's names behind an underscore, and the same names without it that
    wait.

    The coroutines run on whatever event loop awaits them, without threads; requests are in the
    core. The waiting methods use no loop, so they work in any thread, and inside a coroutine of a
    running loop too, which stands still meanwhile.

    Args:
        connection: whose credentials and settings are used.
        default_block_size: bytes of a block of files; 5 MiB.
        default_cache_type: fsspec's cache for reading; ``"bytes"``.
        max_workers: how many blocks of one file are in flight.
        s3_additional_kwargs: parameters by boto3's names for each request that accepts them.
        allow_bucket_creation: ``mkdir()`` may create buckets.
        allow_bucket_deletion: ``rmdir()`` may delete buckets.
        version_aware: what is opened is pinned to its version, and versions can be listed.
        asynchronous: kept for fsspec, which caches such instances per thread.
        loop: kept for fsspec; what :attr:`loop` gives.
        batch_size: how many objects one bulk operation has in flight; -1: all.
        **kwargs: as :class:`S3FileSystem`.

    Raises:
        ValueError: a setting that cannot be used.
    """

    async_impl = True
    mirror_sync_methods = False  # the waiting methods are not made of the coroutines

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
        asynchronous: bool = False,
        loop: AbstractEventLoop | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Told otherwise, fsspec would start a thread with a loop that is not needed.
        super().__init__(asynchronous=True, loop=loop, batch_size=batch_size, **kwargs)
        self.asynchronous = asynchronous
        self._loop = loop
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
        self._blocking: S3FileSystem | None = None
        self._drive = LoopDrive(self._s3)

    @property
    def loop(self) -> AbstractEventLoop | None:
        """The loop that was given; else, unless ``asynchronous``, fsspec's own, which starts."""
        if self._loop is None and not self.asynchronous:
            self._loop = get_loop()
        return self._loop

    @property
    def _sync_fs(self) -> S3FileSystem:
        """The same file system without coroutines: client and listings are shared."""
        if self._blocking is None:
            other: S3FileSystem = S3FileSystem.__new__(S3FileSystem)
            other.__dict__.update(self.__dict__)
            self._blocking = other
        return self._blocking

    def close(self) -> None:
        """Kept for PyAthena's programs: there are no threads to be freed."""

    def __enter__(self) -> AioS3FileSystem:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> AioS3FileSystem:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    # -- listing and lookup ------------------------------------------------------------------------

    async def _ls(
        self, path: str, detail: bool = False, refresh: bool = False, **kwargs: Any
    ) -> list[Any]:
        await take_turn()
        versions = bool(kwargs.get("versions", False))
        return await self._operations.ls(self._drive, path, detail, refresh, versions)

    async def _info(self, path: str, **kwargs: Any) -> S3Object:
        await take_turn()
        return await self._operations.info(self._drive, path, **kwargs)

    async def _exists(self, path: str, **kwargs: Any) -> bool:
        await take_turn()
        return await self._operations.exists(self._drive, path, **kwargs)

    async def _isdir(self, path: str) -> bool:
        await take_turn()
        return await self._operations.isdir(self._drive, path)

    async def _isfile(self, path: str) -> bool:
        await take_turn()
        return await self._operations.isfile(self._drive, path)

    async def _size(self, path: str) -> int | None:
        await take_turn()
        return await self._operations.size(self._drive, path)

    async def _sizes(self, paths: Iterable[str], batch_size: int | None = None) -> list[int | None]:
        return await self._operations.sizes(self._drive, paths, batch_size or self.batch_size)

    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool | None = None,
        detail: bool = False,
        **kwargs: Any,
    ) -> Any:
        return await self._operations.find(self._drive, path, maxdepth, withdirs, detail, **kwargs)

    async def _glob(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> Any:
        return await self._operations.glob(self._drive, path, maxdepth, **kwargs)

    async def _walk(
        self,
        path: str,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: Any = "omit",
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        detail = kwargs.pop("detail", False)
        steps = Walk(maxdepth, topdown, on_error, detail).steps(name_of(path).removesuffix("/"))
        step = next(steps, None)
        while step is not None:
            if isinstance(step, str):
                try:
                    listing = await self._ls(step, detail=True, **kwargs)
                except OSError as error:
                    step = _send(steps, error)
                else:
                    step = _send(steps, listing)
            else:
                yield step
                step = next(steps, None)

    async def _du(
        self,
        path: str,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **kwargs: Any,
    ) -> Any:
        return await self._operations.du(self._drive, path, total, maxdepth, withdirs, **kwargs)

    async def _expand_path(
        self, path: Any, recursive: bool = False, maxdepth: int | None = None, **kwargs: Any
    ) -> list[str]:
        return list(await self._operations.expand(self._drive, path, recursive, maxdepth))

    # -- reading -----------------------------------------------------------------------------------

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        await take_turn()
        return await self._operations.cat_file(self._drive, path, start, end, **kwargs)

    async def _cat(
        self,
        path: Any,
        recursive: bool = False,
        on_error: str = "raise",
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> Any:
        return await self._operations.cat(
            self._drive, path, recursive, on_error, batch_size or self.batch_size, **kwargs
        )

    async def _cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: str = "return",
        **kwargs: Any,
    ) -> list[Any]:
        return await self._operations.cat_ranges(
            self._drive,
            paths,
            starts,
            ends,
            max_gap,
            batch_size or self.batch_size,
            on_error,
            **kwargs,
        )

    async def _get_file(
        self, rpath: str, lpath: Any, callback: Any = None, outfile: Any = None, **kwargs: Any
    ) -> None:
        await take_turn()
        await self._operations.get_file(self._drive, rpath, lpath, callback, outfile, **kwargs)

    async def _get(
        self,
        rpath: Any,
        lpath: Any,
        recursive: bool = False,
        callback: Any = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        await self._operations.get(
            self._drive,
            rpath,
            lpath,
            recursive,
            callback,
            maxdepth,
            batch_size or self.batch_size,
            **kwargs,
        )

    # -- writing -----------------------------------------------------------------------------------

    async def _pipe_file(
        self, path: str, value: Any, mode: str = "overwrite", **kwargs: Any
    ) -> None:
        await take_turn()
        await self._operations.pipe_file(self._drive, path, value, mode, self._deferred, **kwargs)

    async def _pipe(
        self, path: Any, value: Any = None, batch_size: int | None = None, **kwargs: Any
    ) -> list[None]:
        return await self._operations.pipe(
            self._drive, path, value, batch_size or self.batch_size, self._deferred, **kwargs
        )

    async def _put_file(
        self, lpath: Any, rpath: str, callback: Any = None, mode: str = "overwrite", **kwargs: Any
    ) -> None:
        await take_turn()
        await self._operations.put_file(
            self._drive, lpath, rpath, callback, mode, self._deferred, **kwargs
        )

    async def _put(
        self,
        lpath: Any,
        rpath: Any,
        recursive: bool = False,
        callback: Any = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        await self._operations.put(
            self._drive,
            lpath,
            rpath,
            recursive,
            callback,
            maxdepth,
            batch_size or self.batch_size,
            self._deferred,
            **kwargs,
        )

    async def _touch(self, path: str, truncate: bool = True, **kwargs: Any) -> dict[str, Any]:
        await take_turn()
        return await self._operations.touch(self._drive, path, truncate, **kwargs)

    # -- copying, moving, deleting -----------------------------------------------------------------

    async def _cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        await take_turn()
        await self._operations.cp_file(self._drive, path1, path2, **_without_tree(kwargs))

    async def _copy(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        on_error: str | None = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        await self._operations.copy(
            self._drive,
            path1,
            path2,
            recursive,
            maxdepth,
            on_error,
            batch_size or self.batch_size,
            **kwargs,
        )

    async def _mv(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        await self._operations.mv(
            self._drive,
            path1,
            path2,
            recursive,
            maxdepth,
            batch_size or self.batch_size,
            **kwargs,
        )

    async def _mv_file(self, path1: str, path2: str) -> None:
        await self._operations.mv(self._drive, [path1], [path2])

    async def _rm_file(self, path: str, **kwargs: Any) -> None:
        await take_turn()
        await self._operations.rm_file(self._drive, path, **kwargs)

    async def _rm(
        self,
        path: Any,
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        await self._operations.rm(self._drive, path, recursive, maxdepth, **kwargs)

    async def _mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        await self._operations.mkdir(self._drive, path, create_parents, **kwargs)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        await self._operations.makedirs(self._drive, path, exist_ok)

    async def _rmdir(self, path: str) -> None:
        await self._operations.rmdir(self._drive, path)

    # -- files -------------------------------------------------------------------------------------

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> AioS3File:
        """A binary file for programs that wait; see :class:`AioS3File`."""
        return AioS3File(
            self,
            path,
            mode,
            block_size=block_size or self.default_block_size,
            cache_type=cache_type or self.default_cache_type,
            autocommit=autocommit,
            cache_options=cache_options,
            **kwargs,
        )

    async def open_async(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        max_workers: int | None = None,
        version_id: str | None = None,
        s3_additional_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> AioS3StreamedFile:
        """A file whose ``read``, ``write``, ``flush`` and ``close`` are coroutines.

        An exception inside its ``async with`` block means that nothing is written.

        Raises:
            ValueError: a text mode or ``compression``.
            FileNotFoundError: there is no such object to be read.
        """
        if "b" not in mode or kwargs.get("compression"):
            raise ValueError("open_async() supports only binary modes without compression.")
        kwargs.pop("compression", None)
        return await AioS3StreamedFile.open(
            self,
            name_of(path),
            mode,
            block_size=block_size or self.default_block_size,
            max_workers=max_workers or self.max_workers,
            version_id=version_id,
            s3_additional_kwargs=s3_additional_kwargs,
            **kwargs,
        )

"""Writing objects: from memory, from local files, and at the end of a transaction."""

from __future__ import annotations

import contextlib
import mimetypes
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeAlias

from pyathena.filesystem import _calls, _requests
from pyathena.filesystem._base import BULK_LIMIT, FILES_LIMIT, limit_of, name_of
from pyathena.filesystem._drive import Drive, run_blocking
from pyathena.filesystem._params import headers_of
from pyathena.filesystem._progress import Progress
from pyathena.filesystem._reading import Reads
from pyathena.filesystem.s3_object import S3PutObject
from pyathena.filesystem.s3_path import S3Path

__all__ = ["Deferred", "Writes"]

_READ_BYTES = 1 << 20
_PART_BYTES_MIN = 8 << 20
_PARTS_MAX = 10_000
_PARTS_AT_ONCE = 8

#: A part of an operation that is carried out later, perhaps by another drive.
_Step: TypeAlias = "Callable[[Drive], Coroutine[Any, Any, None]]"


class Deferred:
    """A write that a transaction carries out, or gives up, at its end; once."""

    def __init__(
        self,
        run: Callable[[_Step], None],
        commit: _Step,
        discard: _Step | None = None,
    ) -> None:
        self._run = run
        self._commit = commit
        self._discard = discard

    def commit(self) -> None:
        """Make the object appear."""
        self._run(self._commit)
        self._discard = None

    def discard(self) -> None:
        """Leave nothing behind; may be called again."""
        discard, self._discard = self._discard, None
        if discard is not None:
            self._run(discard)


class Writes(Reads):
    """Operations that write objects. ``deferred`` is the list of a transaction that is open."""

    async def pipe_file(
        self,
        drive: Drive,
        path: str,
        value: Any,
        mode: str = "overwrite",
        deferred: Any = None,
        **params: Any,
    ) -> None:
        """Write bytes to an object.

        Args:
            drive: carries it out.
            path: the object.
            value: bytes-like; must not change meanwhile.
            mode: "overwrite" or "create".
            deferred: takes the write instead of having it carried out now.
            **params: of the requests.

        Raises:
            FileExistsError: the object exists and ``mode`` is "create".
            TypeError: ``value`` is not bytes-like.
            ValueError: the path is a bucket or a version.
        """
        target = self.writable_path(path)
        if not isinstance(value, (bytes, bytearray)):
            view = memoryview(value)
            value = view.cast("B") if view.c_contiguous else bytes(view)
        creates = _creates(mode)
        if creates:
            await self._refuse_existing(drive, target)
        if deferred is not None:
            deferred.append(await self._defer(drive, target, _Memory(value), creates, params))
            return
        condition = "*" if creates else None
        size, block = len(value), self.settings.block_size
        try:
            if block < size <= _PART_BYTES_MIN:
                commit, _ = await self._upload(
                    drive, target, _Memory(value), condition, params, None
                )
                await commit(drive)
                return
            if size <= block and block > _PART_BYTES_MIN:
                params = {**params, "part_bytes": block}
            await _calls.write_bytes(drive, target, value, if_none_match=condition, **params)
        finally:
            self.changed([target])

    async def pipe(
        self,
        drive: Drive,
        path: str | Mapping[str, Any],
        value: Any = None,
        batch_size: int | None = None,
        deferred: Any = None,
        **params: Any,
    ) -> list[None]:
        """Write bytes to an object, or those of a mapping to many at the same time.

        Raises:
            ValueError: ``path`` is neither.
        """
        if isinstance(path, (str, os.PathLike)):
            path = {os.fspath(path): value}
        elif not isinstance(path, Mapping):
            raise ValueError("path must be str or dict")
        return await drive.gather(
            (
                self.pipe_file(drive, name, data, deferred=deferred, **params)
                for name, data in path.items()
            ),
            limit_of(batch_size, BULK_LIMIT),
        )

    async def touch(
        self, drive: Drive, path: str, truncate: bool = True, **params: Any
    ) -> dict[str, Any]:
        """Write an empty object; the answer by names with an underscore before them.

        Raises:
            ValueError: the object exists and ``truncate`` is false; the path is a bucket or a
                version.
        """
        target = self.object_path(path, "Cannot touch the bucket.")
        if target.version_id is not None:
            raise ValueError("Cannot touch the file with the version specified.")
        if not truncate and await self.exists(drive, str(target)):
            raise ValueError("Cannot touch the existing file without specifying truncate.")
        try:
            response = await _calls.put_bytes(drive, target, b"", **params)
        finally:
            self.changed([target])
        return S3PutObject(response).to_dict()

    async def put_file(
        self,
        drive: Drive,
        lpath: Any,
        rpath: str,
        callback: Any = None,
        mode: str = "overwrite",
        deferred: Any = None,
        **params: Any,
    ) -> None:
        """Write a local file to an object; a folder, or a bucket as target, is skipped.

        Args:
            drive: carries it out.
            lpath: the file. It must not change meanwhile.
            rpath: the object.
            callback: is told the bytes.
            mode: "overwrite" or "create".
            deferred: takes the write instead of having it carried out now.
            **params: of the requests; ContentType is guessed by the file's name.

        Raises:
            FileNotFoundError: there is no such file.
            FileExistsError: the object exists and ``mode`` is "create".
            ValueError: the target names a version.
        """
        creates = _creates(mode)
        local = os.fspath(lpath)
        if os.path.isdir(local) or S3Path.parse(name_of(rpath)).is_bucket:
            return
        target = self.writable_path(rpath)
        size = os.stat(local).st_size
        if "ContentType" not in params:
            guessed = mimetypes.guess_type(local)[0]
            if guessed is not None:
                params["ContentType"] = guessed
        if creates:
            await self._refuse_existing(drive, target)
        progress = Progress(callback)
        progress.begin(size)
        if deferred is not None:
            with _LocalSource(local) as source:
                deferred.append(
                    await self._defer(drive, target, source, creates, params, progress)
                )
            return
        condition = "*" if creates else None
        try:
            if progress.is_watched:
                await self._put_watched(drive, target, local, condition, progress, params)
            else:
                await _calls.put_path(drive, target, local, if_none_match=condition, **params)
        finally:
            self.changed([target])

    async def _put_watched(
        self,
        drive: Drive,
        path: S3Path,
        local: str,
        condition: str | None,
        progress: Progress,
        params: dict[str, Any],
    ) -> None:
        """Write a file as a stream, and tell how many bytes of it were taken."""
        with _LocalSource(local) as source:
            transfer = _calls.open_put_stream(drive, path, if_none_match=condition, **params)
            try:
                for offset in range(0, source.size, _READ_BYTES):
                    data = await source.read(drive, offset, min(_READ_BYTES, source.size - offset))
                    await _calls.write_chunk(transfer, path, data, condition)
                    progress.reach(min(transfer.query.s3_transferred, source.size))
                await _calls.finish_put(transfer, path, condition, ends=True)
            finally:
                await transfer.cancel()
            progress.reach(source.size)

    async def put(
        self,
        drive: Drive,
        lpath: Any,
        rpath: Any,
        recursive: bool = False,
        callback: Any = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        deferred: Any = None,
        **params: Any,
    ) -> None:
        """Write local files to objects, many at the same time, by fsspec's rules for the names.

        Args:
            drive: carries it out.
            lpath: a file, a folder, a pattern, or a list of them.
            rpath: an object or a prefix, or a list of objects.
            recursive: folders with their content.
            callback: is told the number of files and each that was written; its branches, the
                bytes of each.
            maxdepth: levels to descend.
            batch_size: how many at once.
            deferred: as :meth:`put_file`.
            **params: as :meth:`put_file`.

        Raises:
            FileNotFoundError: there is no such file.
        """
        pairs = await self._upload_pairs(drive, lpath, rpath, recursive, maxdepth)
        progress = Progress(callback)
        progress.begin(len(pairs))

        async def put_one(source: str, target: str) -> None:
            child = progress.branch(source, target, params)
            try:
                await self.put_file(
                    drive, source, target, child.callback, deferred=deferred, **params
                )
            finally:
                child.close()
            progress.advance(1)

        await drive.gather((put_one(*pair) for pair in pairs), limit_of(batch_size, FILES_LIMIT))

    async def _upload_pairs(
        self, drive: Drive, lpath: Any, rpath: Any, recursive: bool, maxdepth: int | None
    ) -> list[tuple[str, str]]:
        """Local files with their objects."""
        from fsspec.implementations.local import (  # type: ignore[import-untyped]
            LocalFileSystem,
            make_path_posix,
            trailing_sep,
        )
        from fsspec.utils import other_paths  # type: ignore[import-untyped]

        if isinstance(lpath, list) and isinstance(rpath, list):
            if len(lpath) != len(rpath):
                raise ValueError(
                    f"Cannot pair {len(lpath)} sources with {len(rpath)} destinations."
                )
            return list(zip(map(os.fspath, lpath), map(name_of, rpath), strict=True))
        is_one = isinstance(lpath, (str, os.PathLike))
        source = make_path_posix(os.fspath(lpath)) if is_one else ""
        if is_one and recursive and maxdepth is None and not _has_magic(source):
            names = await _local_tree(drive, source)
        else:
            names = LocalFileSystem().expand_path(
                source if is_one else lpath, recursive=recursive, maxdepth=maxdepth
            )
        if is_one and (not recursive or maxdepth is not None):
            names = [name for name in names if not (trailing_sep(name) or os.path.isdir(name))]
            if not names:
                return []
        if isinstance(rpath, list):
            targets = [name_of(one) for one in rpath]
        else:
            target = name_of(rpath)
            exists = is_one and (
                len(names) == 1
                if _has_magic(source)
                else not trailing_sep(source)
                and (target.endswith("/") or await self.isdir(drive, target))
            )
            targets = other_paths(names, target, exists=exists, flatten=not is_one)
        return list(zip(names, targets, strict=True))

    async def _refuse_existing(self, drive: Drive, path: S3Path) -> None:
        """Raise FileExistsError when there is such an object on the server now."""
        if await self._head(drive, path, {}) is not None:
            raise FileExistsError(path.name)

    # -- transactions ------------------------------------------------------------------------------

    async def _defer(
        self,
        drive: Drive,
        path: S3Path,
        source: _Memory | _LocalSource,
        creates: bool,
        params: dict[str, Any],
        progress: Progress | None = None,
    ) -> Deferred:
        """Prepare a write: small ones are kept, of others the parts are uploaded now."""
        condition = "*" if creates else None
        if source.size <= self.settings.block_size:
            data = bytes(await source.read(drive, 0, source.size))
            if progress is not None:
                progress.reach(len(data))

            async def put(later: Drive) -> None:
                try:
                    await _calls.put_bytes(later, path, data, if_none_match=condition, **params)
                finally:
                    self.changed([path])

            return Deferred(self._run, put)
        commit, abort = await self._upload(drive, path, source, condition, params, progress)
        return Deferred(self._run, commit, abort)

    async def _upload(
        self,
        drive: Drive,
        path: S3Path,
        source: _Memory | _LocalSource,
        condition: str | None,
        params: dict[str, Any],
        progress: Progress | None,
    ) -> tuple[_Step, _Step]:
        """Upload all parts of an object; returns what completes the upload, and what aborts it."""
        upload_id = await _create_upload(drive, path, params)
        size = max(self.settings.block_size, _PART_BYTES_MIN, -(-source.size // _PARTS_MAX))

        async def upload_one(number: int, offset: int) -> dict[str, Any]:
            data = await source.read(drive, offset, min(size, source.size - offset))
            part = await _calls.upload_part(drive, path, upload_id, number, data, **params)
            if progress is not None:
                progress.advance(len(data))
            return {"PartNumber": number, "ETag": part["ETag"]}

        async def abort(later: Drive) -> None:
            try:
                await _calls.abort_multipart_upload(later, path, upload_id)
            except FileNotFoundError:
                pass  # gone already

        async def give_up(later: Drive) -> None:
            with contextlib.suppress(OSError):  # what failed before is what has to be known
                await abort(later)

        async def complete(later: Drive) -> None:
            try:
                await _calls.complete_multipart_upload(
                    later, path, upload_id, parts, if_none_match=condition, **params
                )
            except BaseException:
                await give_up(later)
                raise
            finally:
                self.changed([path])

        try:
            parts = await drive.gather(
                (
                    upload_one(number, offset)
                    for number, offset in enumerate(range(0, source.size, size), 1)
                ),
                _PARTS_AT_ONCE,
            )
        except BaseException:
            await give_up(drive)
            raise
        return complete, abort

    def _run(self, make: _Step) -> None:
        run_blocking(self.client, make)


class _Memory:
    """Bytes of the caller's."""

    def __init__(self, value: Any) -> None:
        self._view = memoryview(value).cast("B")
        self.size = len(self._view)

    async def read(self, drive: Drive, offset: int, length: int) -> memoryview:
        """A part of them."""
        return self._view[offset : offset + length]


class _LocalSource:
    """A local file."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.size = os.fstat(self._file).st_size

    def __enter__(self) -> _LocalSource:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._file)

    async def read(self, drive: Drive, offset: int, length: int) -> memoryview:
        """A part of it, read slice by slice.

        Raises:
            OSError: the file has become shorter.
        """
        data = bytearray(length)
        view = memoryview(data)
        done = 0
        while done < length:
            count = os.preadv(self._file, [view[done : done + _READ_BYTES]], offset + done)
            if count == 0:
                raise OSError("The file became shorter while it was read.")
            done += count
            await drive.breathe()
        return view


async def _create_upload(drive: Drive, path: S3Path, params: dict[str, Any]) -> str:
    """Begin a multipart upload; returns its id.

    The answer is awaited also when the caller gives up, because only who knows the id can abort
    the upload; who gives up twice does not want to wait.
    """
    headers = headers_of(drive.client, "CreateMultipartUpload", params)
    transfer = _requests.start(
        drive,
        lambda queue: drive.client.core.s3_call(
            queue,
            "CreateMultipartUpload",
            "POST",
            path.bucket,
            path.key,
            query=(("uploads", ""),),
            headers=headers,
        ),
        path,
    )
    given_up: BaseException | None = None
    while not transfer.is_over:
        try:
            await transfer.changed()
        except BaseException as ex:
            if given_up is not None or isinstance(ex, GeneratorExit):
                transfer.forget()
                raise
            given_up = ex
    query = transfer.query
    failure = query.error()
    if failure is None:
        upload_id = _requests.text_of(_requests.document_of(query, path), path, "UploadId")
        if given_up is None:
            return upload_id
        await _calls.abort_multipart_upload(drive, path, upload_id)
    if given_up is not None:
        raise given_up
    assert failure is not None
    _requests.raise_failure(failure, path, None)


def _creates(mode: str) -> bool:
    """Whether a mode refuses objects that exist.

    Raises:
        ValueError: it is neither "overwrite" nor "create".
    """
    if mode not in ("overwrite", "create"):
        raise ValueError(f"mode must be 'overwrite' or 'create', not {mode!r}.")
    return mode == "create"


def _has_magic(path: str) -> bool:
    return any(sign in path for sign in "*?[")


async def _local_tree(drive: Drive, root: str) -> list[str]:
    """The files at and below a local path, sorted; links to folders are not followed.

    Raises:
        FileNotFoundError: there is nothing.
    """
    root = root.rstrip("/") or "/"
    if not os.path.isdir(root):
        os.stat(root)
        return [root]
    found: list[str] = [root]  # for the common part of the names
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        found_dirs, files = _entries(folder)
        waiting.extend(found_dirs)
        found.extend(found_dirs)
        found.extend(files)
        await drive.breathe()
    return sorted(found)


def _entries(folder: str) -> tuple[Iterable[str], Iterable[str]]:
    """Folders and other entries of a folder."""
    dirs: list[str] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            (dirs if entry.is_dir(follow_symlinks=False) else files).append(entry.path)
    return dirs, files

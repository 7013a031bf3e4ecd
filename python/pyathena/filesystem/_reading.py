"""Reading objects: whole, by ranges, and into local files."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from typing import Any, BinaryIO

from pyathena.filesystem import _calls
from pyathena.filesystem._base import BULK_LIMIT, FILES_LIMIT, limit_of, name_of, pop_version
from pyathena.filesystem._cache import is_directory
from pyathena.filesystem._drive import Drive
from pyathena.filesystem._moving import Moves
from pyathena.filesystem._progress import Progress
from pyathena.filesystem.s3_path import S3Path

__all__ = ["Reads"]

_WRITE_BYTES = 512 * 1024


class Reads(Moves):
    """Operations that read objects."""

    async def cat_file(
        self,
        drive: Drive,
        path: str,
        start: int | None = None,
        end: int | None = None,
        **params: Any,
    ) -> bytes:
        """The bytes of an object, or those that a slice ``[start:end]`` of it has.

        Raises:
            FileNotFoundError: there is no such object.
            ValueError: the path and ``version_id`` name different versions.
        """
        parsed = S3Path.parse(name_of(path))
        if params:
            parsed = parsed.pinned_to(pop_version(params))
        if parsed.key is None:
            raise FileNotFoundError(parsed.bucket)
        return await _calls.get_bytes(drive, parsed, start, end, **params)

    async def cat(
        self,
        drive: Drive,
        path: str | list[str],
        recursive: bool = False,
        on_error: str = "raise",
        batch_size: int | None = None,
        callback: Any = None,
        **params: Any,
    ) -> bytes | dict[str, Any]:
        """The bytes of an object; of several, a dict of them by name.

        Args:
            drive: carries it out.
            path: an object, a pattern, or a list of them.
            recursive: what is below the paths too.
            on_error: "raise"; "omit": what cannot be read is left out; "return": its exception
                is in its place.
            batch_size: how many at once.
            callback: is told the number of objects and each that was read.
            **params: as :meth:`cat_file`.

        Raises:
            FileNotFoundError: an object is missing.
        """
        found = await self.expand(drive, path, recursive)
        names = [name for name, entry in found.items() if not is_directory(entry)]
        if isinstance(path, str) and not recursive and list(found) == [name_of(path)]:
            return await self.cat_file(drive, path, **params)
        if not names:
            raise FileNotFoundError(path)
        progress = Progress(callback)
        progress.begin(len(names))

        async def cat_one(name: str) -> bytes:
            data = await self.cat_file(drive, name, **params)
            progress.advance(1)
            return data

        contents = await drive.gather(
            (cat_one(name) for name in names),
            limit_of(batch_size, BULK_LIMIT),
            return_exceptions=on_error != "raise",
        )
        return {
            name: content
            for name, content in zip(names, contents, strict=True)
            if on_error != "omit" or not isinstance(content, BaseException)
        }

    async def cat_ranges(
        self,
        drive: Drive,
        paths: list[str],
        starts: int | None | Iterable[int | None],
        ends: int | None | Iterable[int | None],
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: str = "return",
        **params: Any,
    ) -> list[Any]:
        """The bytes of ranges, each by one request, many at the same time.

        Args:
            drive: carries it out.
            paths: the object of each range.
            starts: where each begins, or one value for all.
            ends: where each ends, or one value for all.
            max_gap: must be ``None``.
            batch_size: how many at once.
            on_error: "return": the exception is in the place of a range that cannot be read; else
                it is raised.
            **params: as :meth:`cat_file`.

        Raises:
            TypeError: ``paths`` is no list.
            ValueError: the lists differ in length.
            NotImplementedError: ``max_gap`` was given.
        """
        if max_gap is not None:
            raise NotImplementedError("max_gap is not supported.")
        if not isinstance(paths, list):
            raise TypeError(f"paths must be a list, not {type(paths).__name__}.")
        begins = list(starts) if isinstance(starts, Iterable) else [starts] * len(paths)
        limits = list(ends) if isinstance(ends, Iterable) else [ends] * len(paths)
        if len(begins) != len(paths) or len(limits) != len(paths):
            raise ValueError("paths, starts and ends must have the same length.")
        if params or len(set(paths)) != 1:
            coroutines = (
                self.cat_file(drive, path, begin, end, **params)
                for path, begin, end in zip(paths, begins, limits, strict=True)
            )
        else:
            parsed = S3Path.parse(name_of(paths[0]))
            if parsed.is_bucket:
                coroutines = (self.cat_file(drive, path) for path in paths)
            else:
                coroutines = (
                    _calls.get_bytes(drive, parsed, begin, end)
                    for begin, end in zip(begins, limits, strict=True)
                )
        return await drive.gather(
            coroutines, limit_of(batch_size, BULK_LIMIT), return_exceptions=on_error == "return"
        )

    # -- local files -------------------------------------------------------------------------------

    async def get_file(
        self,
        drive: Drive,
        rpath: str,
        lpath: Any,
        callback: Any = None,
        outfile: Any = None,
        **params: Any,
    ) -> None:
        """Write an object to a local file, whose folders are made.

        The file has its name when it is whole; a failure leaves what was there before. Of a
        directory a local folder is made.

        Args:
            drive: carries it out.
            rpath: the object.
            lpath: the file, or something to write to.
            callback: is told the bytes.
            outfile: something to write to, instead of ``lpath``.
            **params: of the requests; ``version_id``.

        Raises:
            FileNotFoundError: there is no such object; no file is made.
        """
        if outfile is None and hasattr(lpath, "write"):
            outfile = lpath
        parsed = S3Path.parse(name_of(rpath)).pinned_to(pop_version(params))
        if parsed.is_bucket or (outfile is None and name_of(rpath).endswith("/")):
            if outfile is not None or not await self.exists(drive, str(parsed)):
                raise FileNotFoundError(str(parsed))
            os.makedirs(lpath, exist_ok=True)
            return
        sink = _Borrowed(outfile) if outfile is not None else _LocalFile(os.fspath(lpath))
        try:
            await self._pour(drive, parsed, sink, Progress(callback), params)
        except FileNotFoundError as error:
            sink.abandon()
            is_missing = outfile is None and getattr(error, "code", None) not in (
                None,
                "NoSuchBucket",
            )
            if not is_missing or parsed.version_id is not None:
                raise
            if not await self.is_prefix(drive, parsed):
                raise
            os.makedirs(lpath, exist_ok=True)
        except BaseException:
            sink.abandon()
            raise

    async def _pour(
        self,
        drive: Drive,
        path: S3Path,
        sink: _Borrowed | _LocalFile,
        progress: Progress,
        params: dict[str, Any],
    ) -> None:
        """Write an object to a sink as it arrives, a slice at a time."""
        transfer = _calls.open_stream(drive, path, **params)
        is_begun = False
        try:
            while (chunk := await _calls.next_chunk(transfer, path)) is not None:
                if not is_begun:
                    is_begun = True
                    progress.begin(transfer.query.s3_size)
                with memoryview(chunk) as view:
                    for at in range(0, len(view), _WRITE_BYTES):
                        part = view[at : at + _WRITE_BYTES]
                        sink.write(part)
                        progress.advance(len(part))
                        await drive.breathe()
            if not is_begun:
                progress.begin(0)
            sink.finish()
        finally:
            await transfer.cancel()

    async def get(
        self,
        drive: Drive,
        rpath: str | list[str],
        lpath: Any,
        recursive: bool = False,
        callback: Any = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **params: Any,
    ) -> None:
        """Write objects to local files, many at the same time, by fsspec's rules for the names.

        Args:
            drive: carries it out.
            rpath: an object, a pattern, or a list of them.
            lpath: file, folder, or a list of files.
            recursive: directories with their content.
            callback: is told the number of objects and each that was written; its branches, the
                bytes of each.
            maxdepth: levels to descend.
            batch_size: how many at once.
            **params: as :meth:`get_file`.

        Raises:
            FileNotFoundError: nothing is there.
            ValueError: the name of an object leads out of the folder.
        """
        dirs, pairs = await self._download_pairs(drive, rpath, lpath, recursive, maxdepth)
        for one in dirs:
            os.makedirs(one, exist_ok=True)
            await drive.breathe()
        progress = Progress(callback)
        progress.begin(len(pairs))

        async def get_one(source: str, target: str) -> None:
            child = progress.branch(source, target, params)
            try:
                await self.get_file(drive, source, target, child.callback, **params)
            finally:
                child.close()
            progress.advance(1)

        await drive.gather((get_one(*pair) for pair in pairs), limit_of(batch_size, FILES_LIMIT))

    async def _download_pairs(
        self, drive: Drive, rpath: Any, lpath: Any, recursive: bool, maxdepth: int | None
    ) -> tuple[list[str], list[tuple[str, str]]]:
        """Local folders to be made, and objects with their local files."""
        from fsspec.implementations.local import (  # type: ignore[import-untyped]
            make_path_posix,
            trailing_sep,
        )
        from fsspec.utils import other_paths  # type: ignore[import-untyped]

        if isinstance(rpath, list) and isinstance(lpath, list):
            if len(rpath) != len(lpath):
                raise ValueError(
                    f"Cannot pair {len(rpath)} sources with {len(lpath)} destinations."
                )
            return [], list(zip(map(name_of, rpath), lpath, strict=True))
        is_one = isinstance(rpath, (str, os.PathLike))
        source = name_of(rpath) if is_one else ""
        found = await self.expand(drive, rpath, recursive, maxdepth)
        names = list(found)
        if is_one and (not recursive or maxdepth is not None):
            kept = await drive.gather(
                (self._is_no_directory(drive, name, entry) for name, entry in found.items()),
                BULK_LIMIT,
            )
            names = [name for name, keeps in zip(names, kept, strict=True) if keeps]
            if not names:
                return [], []
        if isinstance(lpath, (str, os.PathLike)):
            target = make_path_posix(os.fspath(lpath))
            if str(lpath).endswith("/") and not target.endswith("/"):
                target += "/"
            is_pattern = any(sign in source for sign in "*?[")
            exists = is_one and (
                len(names) == 1
                if is_pattern
                else not source.endswith("/") and (trailing_sep(target) or os.path.isdir(target))
            )
            targets = other_paths(
                [name.removesuffix("/") for name in names],
                target,
                exists=exists,
                flatten=not is_one,
            )
            targets = _below(target, targets)
        else:
            targets = list(lpath)
        dirs: list[str] = []
        pairs: list[tuple[str, str]] = []
        for name, local in zip(names, targets, strict=True):
            entry = found[name]
            if name.endswith("/") or is_directory(entry):
                dirs.append(local)
            else:
                pairs.append((name, local))
        return dirs, pairs


def _below(folder: str, paths: Iterable[str]) -> list[str]:
    """Local paths without ``..``, which might follow a link of the folder out of it.

    Raises:
        ValueError: one leads out of the folder.
    """
    root = os.path.normpath(folder)
    start = root if root.endswith(os.sep) else root + os.sep
    found = []
    for path in paths:
        if ".." in path and path.rstrip("/") != folder.rstrip("/"):
            normal = os.path.normpath(path)
            if normal != root and not normal.startswith(start):
                raise ValueError(f"The path {path!r} is outside of {folder!r}.")
            path = normal
        found.append(path)
    return found


class _Borrowed:
    """A file object of the caller's."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: memoryview) -> None:
        while len(data):
            count = self._file.write(data)
            if count is None:
                return
            data = data[count:]

    def finish(self) -> None:
        """It stays open."""

    def abandon(self) -> None:
        """What was written stays."""


class _LocalFile:
    """A local file that gets its name when it is whole.

    Folders and file are made when the first byte is written, or at the end of an empty object. What
    is no plain file (a device, a pipe) is written to as it is.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._temporary: str | None = None

    def write(self, data: memoryview) -> None:
        if self._file is None:
            self._file = self._open()
        while len(data):
            data = data[self._file.write(data) or 0 :]

    def _open(self) -> BinaryIO:
        target = os.path.realpath(self._path)
        try:
            before: os.stat_result | None = os.stat(target)
        except FileNotFoundError:
            before = None
        if before is not None and not stat.S_ISREG(before.st_mode):
            return open(target, "wb", buffering=0)
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        temporary = os.path.join(folder, f".pyathena-{secrets.token_hex(8)}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        file = os.open(temporary, flags, 0o666)
        self._path, self._temporary = target, temporary
        try:
            if before is not None:
                os.fchmod(file, stat.S_IMODE(before.st_mode))
            return open(file, "wb", buffering=0)
        except BaseException:
            os.close(file)
            self.abandon()
            raise

    def finish(self) -> None:
        """Close the file and give it its name."""
        if self._file is None:
            self._file = self._open()
        self._file.close()
        if self._temporary is not None:
            os.replace(self._temporary, self._path)
            self._temporary = None

    def abandon(self) -> None:
        """Remove what was written."""
        if self._file is not None:
            self._file.close()
        if self._temporary is not None:
            try:
                os.unlink(self._temporary)
            except FileNotFoundError:
                pass
            self._temporary = None

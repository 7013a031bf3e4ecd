"""S3 files whose reads and writes are coroutines."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fsspec.asyn import AbstractAsyncStreamedFile  # type: ignore[import-untyped]
from pyathena.filesystem import _calls, _requests
from pyathena.filesystem._base import BLOCK_BYTES
from pyathena.filesystem._loop_drive import LoopDrive
from pyathena.filesystem._target import S3FileTarget
from pyathena.filesystem.s3_writer import (
    PART_BYTES_MAX,
    PARTS_MAX,
    S3MultipartStateError,
    check_size,
    part_ranges,
)

if TYPE_CHECKING:
    from types import TracebackType

    from pyathena.filesystem._drive import Transfer
    from pyathena.filesystem.s3_path import S3Path

__all__ = ["AioS3StreamedFile"]

_MAX_WORKERS = (os.cpu_count() or 1) * 5
_READ_PARALLEL_MAX = 16
_HOLD_S = 0.001


class AioS3StreamedFile(AbstractAsyncStreamedFile):  # type: ignore[misc]
    """A file that is read or written by coroutines; made by ``AioS3FileSystem.open_async()``.

    Reading goes ahead of the program by a few blocks, writing sends parts while the program goes
    on; neither keeps more in memory than that. What was written appears when the file is closed.
    After an exception in its ``async with`` block, or when a write was cancelled half way, nothing
    is written.
    """

    DEFAULT_BLOCK_SIZE = BLOCK_BYTES

    closed: bool
    forced: bool

    def __init__(
        self, fs: Any, target: S3FileTarget, mode: str, block_size: int, max_workers: int
    ) -> None:
        self._target = target
        self._drive = LoopDrive(target.client(fs))
        self._lock = asyncio.Lock()
        self.max_workers = max_workers
        self.bucket = target.bucket
        self.key = target.key
        self.version_id = target.version_id
        if mode == "rb":
            self._details = target.details
        super().__init__(
            fs,
            target.path,
            mode=mode,
            block_size=block_size,
            cache_type="none",
            size=target.size,
        )
        self._reader: _Reader | None = None
        self._writer: _StreamWriter | _AppendWriter | None = None
        self._state = "open"
        if target.appended is not None:
            self.loc = target.appended.size

    @classmethod
    async def open(
        cls,
        fs: Any,
        path: str,
        mode: str = "rb",
        *,
        block_size: int = BLOCK_BYTES,
        max_workers: int = _MAX_WORKERS,
        version_id: str | None = None,
        size: int | None = None,
        s3_additional_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> AioS3StreamedFile:
        """Find the object and open it; see :class:`S3FileTarget` for what is refused."""
        parsed = S3FileTarget.check(fs, path, mode, block_size, version_id)
        if mode == "rb":
            details = await fs._info(str(parsed))
            target = S3FileTarget.reading(fs, path, parsed, details, size, s3_additional_kwargs)
        else:
            drive = LoopDrive(fs._s3.with_kwargs(s3_additional_kwargs))
            target = await S3FileTarget.writing(drive, path, parsed, mode, s3_additional_kwargs)
        return cls(fs, target, mode, block_size, max(int(max_workers), 1))

    @property
    def _path(self) -> S3Path:
        return self._target.s3_path

    # -- reading -----------------------------------------------------------------------------------

    async def read(self, length: int | None = -1) -> bytes:
        """The next ``length`` bytes, fewer at the end of the object; -1 or ``None``: all."""
        if self.mode != "rb":
            raise ValueError("File not in read mode")
        async with self._lock:
            if self.closed:
                raise ValueError("I/O operation on closed file.")
            left = max(self.size - self.loc, 0)
            wanted = left if length is None or length < 0 else min(int(length), left)
            if wanted == 0:
                return b""
            data = await self._read(wanted, wanted == left)
            self.loc += len(data)
            return data

    async def _read(self, wanted: int, is_rest: bool) -> bytes:
        reader = self._reader
        if reader is not None and reader.position != self.loc:
            self._reader = None  # there was a seek
            await reader.close()
            reader = None
        if reader is None:
            if is_rest:
                return await self._fetch_range(self.loc, self.loc + wanted)
            reader = self._reader = _Reader(self, self.loc, self.size - self.loc)
        try:
            return await reader.read(wanted)
        except OSError:
            self._reader = None
            await reader.close()
            raise

    async def _fetch_range(self, start: int, end: int) -> bytes:
        return await _calls.read_range(
            self._drive, self._path, start, end - start, if_match=self._target.etag
        )

    # -- writing -----------------------------------------------------------------------------------

    async def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append bytes; waits while as much is on its way as may be.

        Raises:
            S3MultipartStateError: the write has failed or was discarded.
        """
        if self.mode == "rb":
            raise ValueError("File not in write mode")
        async with self._lock:
            if self._state != "open":
                self._refuse("write")
            if self.closed:
                raise ValueError("I/O operation on closed file.")
            if self.forced:
                raise ValueError("This file has been force-flushed, can only close")
            view = memoryview(data).cast("B")
            if len(view) > 0:
                await self._guarded(self._write(view))
                self.loc += len(view)
            return len(view)

    async def _write(self, view: memoryview) -> None:
        if self._writer is None:
            self._writer = await self._begin()
        await self._writer.write(view)

    async def _guarded(self, coroutine: Any) -> None:
        """A failure or a cancellation half way ends the whole write."""
        try:
            await coroutine
        except _NothingTaken as nothing:
            raise nothing.cause from None
        except BaseException:
            self._state = "failed"
            with contextlib.suppress(OSError):  # what failed before is what has to be known
                await self._drop()
            raise

    async def _begin(self) -> _StreamWriter | _AppendWriter:
        target = self._target
        if target.appended is None:
            return _StreamWriter(self)
        if target.append_data is None:
            return _AppendWriter(self)
        writer = _StreamWriter(self)
        self._writer = writer
        if target.append_data:
            await writer.write(memoryview(target.append_data))
        return writer

    def _refuse(self, what: str) -> None:
        state = "been discarded" if self._state == "discarded" else "failed"
        raise S3MultipartStateError(f"Cannot {what}: the write to {self._path.uri} has {state}.")

    async def flush(self, force: bool = False) -> None:
        """Without ``force`` nothing: what was written is on its way. With it, make the object; only
        closing may follow."""
        if self.closed:
            raise ValueError("Flush on closed file")
        if self.mode == "rb" or not force:
            return
        async with self._lock:
            if self.forced:
                raise ValueError("Force flush cannot be called more than once")
            self.forced = True
            await self._guarded(self._finish())

    async def _finish(self) -> None:
        if self._writer is None:
            if self._target.appended is None:
                condition = "*" if self.mode == "xb" else None
                await _calls.write_bytes(self._drive, self._path, b"", if_none_match=condition)
        else:
            await self._writer.finish()
        self._state = "committed"
        self.fs.invalidate_cache(self.path)

    async def close(self) -> None:
        """End reading, or make the object of what was written."""
        if self.closed:
            return
        try:
            if self.mode == "rb":
                reader, self._reader = self._reader, None
                if reader is not None:
                    await reader.close()
            elif self._state == "open" and not self.forced:
                await self.flush(force=True)
        finally:
            self.closed = True

    async def discard(self) -> None:
        """Drop what was written; nothing happens when the object has been made."""
        if self.mode != "rb" and self._state == "open":
            self._state = "discarded"
            await self._drop()

    async def _drop(self) -> None:
        self.forced = True
        self.closed = True
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.abort()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is not None:
            await self.discard()
        await self.close()

    def __del__(self) -> None:
        if getattr(self, "_closed", True) or sys.is_finalizing():
            return
        self.closed = True
        if self._reader is not None:
            self._reader.forget()
        if self._writer is not None:
            self._writer.forget()


class _NothingTaken(BaseException):
    """A write was abandoned before anything of it was taken."""

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause


class _Reader:
    """An ordered stream of the core, cut into the pieces that are asked for."""

    def __init__(self, file: AioS3StreamedFile, start: int, length: int) -> None:
        self.position = start
        self._path = file._path
        self._drive = file._drive
        self._looked = time.perf_counter()
        self._chunks: deque[memoryview] = deque()
        self._ready = 0
        self._transfer = _calls.open_stream(
            file._drive,
            file._path,
            start,
            length,
            file._target.etag,
            parallel=min(file.max_workers, _READ_PARALLEL_MAX),
        )

    async def read(self, wanted: int) -> bytes:
        """So many bytes, fewer at the end. Abandoned, it loses none."""
        await self._look_at_loop()
        while self._ready < wanted:
            chunk = await _calls.next_chunk(self._transfer, self._path)
            if chunk is None:
                break
            view = memoryview(chunk)
            self._chunks.append(view)
            self._ready += len(view)
        return self._take(min(wanted, self._ready))

    async def _look_at_loop(self) -> None:
        """Pieces that have arrived already are handed out without waiting, but others have their
        turn."""
        if time.perf_counter() - self._looked > _HOLD_S:
            await self._drive.breathe()
            self._looked = time.perf_counter()

    def _take(self, wanted: int) -> bytes:
        pieces: list[memoryview] = []
        left = wanted
        while left > 0:
            view = self._chunks.popleft()
            if len(view) > left:
                self._chunks.appendleft(view[left:])
                view = view[:left]
            pieces.append(view)
            left -= len(view)
        self._ready -= wanted
        self.position += wanted
        return b"".join(pieces)

    async def close(self) -> None:
        self._chunks.clear()
        await self._transfer.cancel()

    def forget(self) -> None:
        self._transfer.forget()


class _StreamWriter:
    """A put of unknown length; the core makes its parts."""

    def __init__(self, file: AioS3StreamedFile) -> None:
        self._path = file._path
        self._condition = "*" if file.mode == "xb" else None
        self._piece = file.blocksize
        self._transfer = _calls.open_put_stream(
            file._drive,
            file._path,
            if_none_match=self._condition,
            part_bytes=file.blocksize,
            parallel=file.max_workers,
        )

    async def write(self, view: memoryview) -> None:
        for at in range(0, len(view), self._piece):
            piece = view[at : at + self._piece]
            try:
                await _calls.write_chunk(self._transfer, self._path, piece, self._condition)
            except asyncio.CancelledError as cancelled:
                if at == 0:
                    raise _NothingTaken(cancelled) from None
                raise

    async def finish(self) -> None:
        await _calls.finish_put(self._transfer, self._path, self._condition, ends=True)

    async def abort(self) -> None:
        await self._transfer.cancel()

    def forget(self) -> None:
        self._transfer.forget()


class _AppendWriter:
    """A multipart upload that begins with copies of the object that is appended to."""

    def __init__(self, file: AioS3StreamedFile) -> None:
        appended = file._target.appended
        assert appended is not None
        self._drive = file._drive
        self._path = file._path
        self._appended = appended
        self._block = file.blocksize
        self._max = file.max_workers
        self._upload_id: str | None = None
        self._buffer = io.BytesIO()
        self._running: deque[tuple[int, bool, Transfer]] = deque()
        self._parts: list[dict[str, Any]] = []
        self._number = 0

    async def write(self, view: memoryview) -> None:
        self._buffer.write(view)
        if self._buffer.tell() >= self._block:
            await self._send()

    async def _send(self) -> None:
        if self._upload_id is None:
            response = await _calls.create_multipart_upload(self._drive, self._path)
            self._upload_id = response["UploadId"]
            await self._send_copies(self._upload_id)
        data, self._buffer = self._buffer.getbuffer(), io.BytesIO()
        for start, end in part_ranges(len(data), max(self._block, len(data) // PARTS_MAX)):
            number = self._next()
            starter = _requests.part_starter(
                self._drive.client, self._path, self._upload_id, number, data[start:end], {}
            )
            await self._start(number, False, starter)

    async def _send_copies(self, upload_id: str) -> None:
        params = {"CopySourceIfMatch": self._appended.etag}
        for range_ in part_ranges(self._appended.size, PART_BYTES_MAX):
            number = self._next()
            starter = _requests.part_copy_starter(
                self._drive.client, self._path, self._path, upload_id, number, range_, params
            )
            await self._start(number, True, starter)

    def _next(self) -> int:
        if self._number >= PARTS_MAX:
            check_size(self._block * PARTS_MAX + 1, self._block)
        self._number += 1
        return self._number

    async def _start(self, number: int, is_copy: bool, starter: Any) -> None:
        while len(self._running) >= self._max:
            await self._wait()
        transfer = _requests.start(self._drive, starter, self._path)
        self._running.append((number, is_copy, transfer))

    async def _wait(self) -> None:
        number, is_copy, transfer = self._running[0]
        query = await _requests.finish(transfer, self._path)
        if is_copy:
            answer = _requests.part_copy_response(query, self._path)["CopyPartResult"]
        else:
            answer = _requests.response_of(query)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._running.popleft()

    async def finish(self) -> None:
        if self._buffer.tell() > 0:
            await self._send()
        while self._running:
            await self._wait()
        if self._upload_id is not None:
            await _calls.complete_multipart_upload(
                self._drive, self._path, self._upload_id, self._parts
            )

    async def abort(self) -> None:
        running, self._running = self._running, deque()
        upload_id, self._upload_id = self._upload_id, None
        for _, _, transfer in running:
            if not transfer.is_over:
                transfer.query.cancel(True)
        for _, _, transfer in running:
            await transfer.cancel()
        if upload_id is not None:
            await _calls.abort_multipart_upload(self._drive, self._path, upload_id)

    def forget(self) -> None:
        for _, _, transfer in self._running:
            transfer.forget()

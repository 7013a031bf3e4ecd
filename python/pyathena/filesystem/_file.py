"""Blocking S3 files.

A file asks of its file system ``_s3`` (an ``S3Client``), ``info()``, ``invalidate_cache()``,
``sign()``, ``metadata()``, ``getxattr()`` and ``setxattr()``.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped]
from pyathena.filesystem import _calls, _requests
from pyathena.filesystem._base import BLOCK_BYTES
from pyathena.filesystem._drive import run_blocking
from pyathena.filesystem._target import S3FileTarget
from pyathena.filesystem._tasks import CoreTask, FileExecutor, NativeExecutor, stop
from pyathena.filesystem.s3_executor import S3Executor
from pyathena.filesystem.s3_object import (
    S3Metadata,
    S3MultipartUpload,
    S3MultipartUploadPart,
)
from pyathena.filesystem.s3_writer import (
    PART_BYTES_MAX,
    PART_BYTES_MIN,
    PARTS_MAX,
    S3MultipartStateError,
    check_size,
    part_ranges,
)

if TYPE_CHECKING:
    from types import TracebackType

    from pyathena.filesystem.s3_path import S3Path

__all__ = [
    "AioS3File",
    "CompressedBuffer",
    "S3File",
    "S3FileTarget",
    "TextFile",
]

_MAX_WORKERS = (os.cpu_count() or 1) * 5


class _Positions:
    """Where each thread of a native library that reads a file has sought.

    DuckDB seeks and reads one file on many threads at once, each pair of calls on one thread. When
    a thread that is not Python's has come, each thread reads where it sought itself, and past the
    cache. Python's own threads share one place, as in every file.
    """

    __slots__ = ("_is_shared", "_known", "_sought")

    def __init__(self) -> None:
        self._known = threading.get_ident()
        self._is_shared = False
        self._sought: dict[int, int] = {}

    def sought(self, place: int) -> None:
        """This thread's next read is there."""
        self._sought[self._look()] = place

    def of_read(self) -> tuple[int | None, bool]:
        """Where this thread has sought since its last read, and whether others read meanwhile."""
        place = self._sought.pop(self._look(), None)
        return (place if self._is_shared else None), self._is_shared

    def _look(self) -> int:
        ident = threading.get_ident()
        if ident != self._known and not self._is_shared:
            known = [one for one in threading.enumerate() if type(one).__name__ != "_DummyThread"]
            self._is_shared = all(thread.ident != ident for thread in known)
            self._known = ident
        return ident


class S3File(AbstractBufferedFile):  # type: ignore[misc]
    """A buffered file that reads or writes an object.

    Reads carry the ETag that the object had when it was opened, so bytes of two versions never mix.
    What is written appears as a whole when the file is closed; up to one block goes as one request,
    more as parts, which are sent while the program writes on. When the ``with`` block of a file
    that is written ends in an exception, or the file is dropped unclosed, no object is left behind.

    Args:
        fs: the file system.
        path: of the object.
        mode: ``rb``, ``wb``, ``ab`` or ``xb``.
        version_id: version to read.
        max_workers: how many parts or ranges at once.
        executor: gets one ``submit`` for each part, and for each range of a read that spans several
            blocks. ``None``: the core does it all.
        block_size: bytes read ahead and bytes of a part.
        cache_type: fsspec's name of a cache for reading.
        autocommit: write when the file is closed; otherwise :meth:`commit` does.
        size: of the object, when it is known.
        s3_additional_kwargs: parameters of the file's requests.
    """

    DEFAULT_BLOCK_SIZE = BLOCK_BYTES

    def __init__(
        self,
        fs: Any,
        path: str,
        mode: str = "rb",
        version_id: str | None = None,
        max_workers: int = _MAX_WORKERS,
        executor: S3Executor | None = None,
        block_size: int = BLOCK_BYTES,
        cache_type: str = "bytes",
        autocommit: bool = True,
        cache_options: dict[Any, Any] | None = None,
        size: int | None = None,
        s3_additional_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if block_size in (None, "default"):
            block_size = self.DEFAULT_BLOCK_SIZE
        target = S3FileTarget.resolve(
            fs,
            path,
            mode,
            block_size=block_size,
            version_id=version_id,
            size=size,
            request_kwargs=s3_additional_kwargs,
        )
        self._target = target
        self._client = target.client(fs)
        self.max_workers = max(int(max_workers), 1)
        # The core reads in parallel by itself; an executor of the program's gets each range.
        self._reads_at_once = executor is None or self.max_workers == 1
        self._executor = self._default_executor() if executor is None else executor
        self.bucket = target.bucket
        self.key = target.key
        self.version_id = target.version_id
        self._upload: S3MultipartUpload | None = None
        self._parts: list[S3MultipartUploadPart] = []
        self._running: deque[tuple[CoreTask[S3MultipartUploadPart], Future[Any]]] = deque()
        self._submitted = 0
        self._held: memoryview | None = None  # the newest data; it may turn out to be the last
        self._single: memoryview | None = None  # all data, for one request
        self._state = "open"
        self._positions = _Positions()
        if mode == "rb":
            self._details = target.details
        super().__init__(
            fs,
            target.path,
            mode=mode,
            block_size=block_size,
            autocommit=autocommit,
            cache_type=cache_type,
            cache_options=cache_options,
            size=target.size,
        )
        # What opens the same file again, in another process for instance.
        self.kwargs = {"max_workers": self.max_workers, **kwargs}
        if s3_additional_kwargs:
            self.kwargs["s3_additional_kwargs"] = dict(s3_additional_kwargs)
        if target.appended is not None:
            self.loc = target.appended.size
            if target.append_data:
                self.buffer.write(target.append_data)

    @property
    def _path(self) -> S3Path:
        return self._target.s3_path

    def _default_executor(self) -> S3Executor:
        return NativeExecutor()

    # -- reading -----------------------------------------------------------------------------------

    def seek(self, loc: int, whence: int = 0) -> int:
        """Set the place of the next read."""
        place: int = super().seek(loc, whence)
        self._positions.sought(place)
        return place

    def read(self, length: int | None = -1) -> bytes:
        """The next bytes, at most ``length``; all that are left when it is negative or ``None``."""
        if self.mode != "rb" or self.closed:
            refused: bytes = super().read(length)
            return refused
        own, is_shared = self._positions.of_read()
        loc = self.loc if own is None else own
        end = self.size if length is None or length < 0 else loc + int(length)
        if end <= loc:
            return b""
        fetch = self._fetch_range if is_shared else self.cache._fetch
        data: bytes = fetch(loc, end)
        self.loc = loc + len(data)
        return data

    def _fetch_range(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` to before ``end``."""
        end = min(end, self.size)
        if end <= start:
            return b""
        if self._reads_at_once:
            return self._read_at_once(start, end)
        starts = range(start, end, self.blocksize)
        tasks = [self._range_task(at, min(at + self.blocksize, end)) for at in starts]
        running: deque[tuple[CoreTask[bytes], Future[bytes]]] = deque()
        done: list[bytes] = []
        try:
            for task in tasks:
                while len(running) >= self.max_workers:
                    done.append(running[0][1].result())
                    running.popleft()
                running.append((task, self._executor.submit(task)))
            while running:
                done.append(running[0][1].result())
                running.popleft()
        except BaseException:
            _stop_all(running)
            raise
        return b"".join(done)

    def _range_task(self, start: int, end: int) -> CoreTask[bytes]:
        starter = _calls.range_starter(
            self._client, self._path, start, end - start, self._target.etag, {}
        )
        return CoreTask(self._client, starter, lambda query: query.s3_take(), self.path)

    def _read_at_once(self, start: int, end: int) -> bytes:
        return run_blocking(
            self._client,
            lambda drive: _calls.read_range(
                drive, self._path, start, end - start, if_match=self._target.etag
            ),
        )

    # -- writing -----------------------------------------------------------------------------------

    @property
    def multipart_upload(self) -> S3MultipartUpload | None:
        """The upload, when the file is written in parts."""
        return self._upload

    @property
    def completed_parts(self) -> list[S3MultipartUploadPart]:
        """The parts whose upload has been confirmed and waited for."""
        return list(self._parts)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append bytes; blocks while as many parts are on their way as there are workers.

        Raises:
            S3MultipartStateError: the write has failed or was discarded.
        """
        if self._state in ("failed", "discarded"):
            self._refuse("write")
        written: int = super().write(data)
        return written

    def _refuse(self, what: str) -> None:
        state = "been discarded" if self._state == "discarded" else "failed"
        raise S3MultipartStateError(f"Cannot {what}: the write to {self._path.uri} has {state}.")

    def _initiate_upload(self) -> None:
        """Nothing: the upload is made when the first part is sent."""

    def _upload_chunk(self, final: bool = False) -> bool:
        """Send the buffer, keeping back what may have to be part of the last part."""
        try:
            self._take(self.buffer.getbuffer(), final)
            if final:
                self._wait_for_parts()
                if self.autocommit:
                    self.commit()
        except BaseException:
            self._give_up("failed")
            raise
        return True

    def _take(self, data: memoryview, final: bool) -> None:
        held, self._held = self._held, None
        if held is not None:
            if len(data) == 0:
                data = held
            elif len(data) < PART_BYTES_MIN:  # only the last part may be as short
                data = memoryview(b"".join((held, data)))
            else:
                self._send(held)
        while len(data) - self.blocksize >= PART_BYTES_MIN:
            self._send(data[: self.blocksize])
            data = data[self.blocksize :]
        if not final:
            self._held = data
        elif self._submitted == 0 and len(data) <= self.blocksize and not self._copies():
            self._single = data
        elif len(data) > PART_BYTES_MAX:
            self._send(data[: len(data) // 2])
            self._send(data[len(data) // 2 :])
        elif len(data) > 0:
            self._send(data)

    def _copies(self) -> bool:
        """Whether there is an object whose content the file begins with by copying."""
        return self._target.appended is not None and self._target.append_data is None

    def _send(self, data: memoryview) -> None:
        """Send a part."""
        upload_id = self._begin_upload()
        number = self._next_number()
        starter = _requests.part_starter(self._client, self._path, upload_id, number, data, {})
        self._submit(starter, lambda query: S3MultipartUploadPart(
            number, _requests.response_of(query)))  # fmt: skip

    def _next_number(self) -> int:
        if self._submitted >= PARTS_MAX:
            check_size(max(self.loc, self.blocksize * PARTS_MAX + 1), self.blocksize)
        self._submitted += 1
        return self._submitted

    def _begin_upload(self) -> str:
        if self._upload is None:
            response = run_blocking(
                self._client,
                lambda drive: _calls.create_multipart_upload(drive, self._path),
            )
            self._upload = S3MultipartUpload(response)
            if self._copies():
                self._send_copies(response["UploadId"])
        return str(self._upload.upload_id)

    def _send_copies(self, upload_id: str) -> None:
        """Copy the object that is appended to as the first parts."""
        appended = self._target.appended
        assert appended is not None
        for range_ in part_ranges(appended.size, PART_BYTES_MAX):
            number = self._next_number()
            starter = _requests.part_copy_starter(
                self._client,
                self._path,
                self._path,
                upload_id,
                number,
                range_,
                {"CopySourceIfMatch": appended.etag},
            )
            self._submit(starter, self._copied(number))

    def _copied(self, number: int) -> Any:
        return lambda query: S3MultipartUploadPart(
            number, _requests.part_copy_response(query, self._path)
        )

    def _submit(self, starter: Any, finisher: Any) -> None:
        while len(self._running) >= self.max_workers:
            self._wait_for_part()
        task: CoreTask[S3MultipartUploadPart] = CoreTask(self._client, starter, finisher, self.path)
        self._running.append((task, self._executor.submit(task)))

    def _wait_for_part(self) -> None:
        """Wait for the oldest part; it stays in the queue when it fails."""
        self._parts.append(self._running[0][1].result())
        self._running.popleft()

    def _wait_for_parts(self) -> None:
        while self._running:
            self._wait_for_part()

    def commit(self) -> None:
        """Make the object of what was written.

        Raises:
            S3MultipartStateError: the write has failed or was discarded.
            FileExistsError: the mode is ``xb`` and there is such an object meanwhile.
        """
        if self.mode == "rb" or self._state == "committed":
            return
        if self._state in ("failed", "discarded"):
            self._refuse("commit")
        if not self.forced:
            self.flush(force=True)
            if self._state == "committed":
                return
        try:
            self._finish()
        except BaseException:
            self._give_up("failed")
            raise
        self._state = "committed"
        self._single = None
        self.fs.invalidate_cache(self.path)

    def _finish(self) -> None:
        condition = "*" if self.mode == "xb" else None
        data = self._single
        upload = self._upload
        if upload is None and data is None:
            return  # nothing was appended
        if upload is None:
            run_blocking(
                self._client,
                lambda drive: _calls.write_bytes(
                    drive,
                    self._path,
                    data if data is not None else b"",
                    if_none_match=condition,
                    part_bytes=PART_BYTES_MAX,
                ),
            )
            return
        self._wait_for_parts()
        parts = [part.to_api_repr() for part in self._parts]
        run_blocking(
            self._client,
            lambda drive: _calls.complete_multipart_upload(
                drive, self._path, str(upload.upload_id), parts, if_none_match=condition
            ),
        )

    def discard(self) -> None:
        """Drop what was written; nothing happens after :meth:`commit`, or the second time."""
        if self.mode != "rb" and self._state in ("open", "closed"):
            self._give_up("discarded")

    def _give_up(self, state: str) -> None:
        """Stop what runs and abort the upload."""
        if self._state not in ("open", "closed"):
            return
        self._state = state
        self.forced = True
        self.closed = True
        self._held = self._single = None
        running, self._running = self._running, deque()
        _stop_all(running)
        upload, self._upload = self._upload, None
        if upload is not None:
            # What S3 refuses here is not what the program has to know first.
            with contextlib.suppress(Exception):
                run_blocking(
                    self._client,
                    lambda drive: _calls.abort_multipart_upload(
                        drive, self._path, str(upload.upload_id)
                    ),
                )

    def close(self) -> None:
        """End reading, or write what is buffered and, with ``autocommit``, make the object."""
        if self.closed:
            return
        super().close()
        if self._state == "open":
            self._state = "closed"

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_closed", True) or sys.is_finalizing():
            return
        with contextlib.suppress(Exception):
            self.discard()
            self.close()

    # -- metadata ----------------------------------------------------------------------------------

    def url(self, expiration: int = 3600, **kwargs: Any) -> str:
        """A presigned URL; see the file system's ``sign``."""
        url: str = self.fs.sign(self.path, expiration=expiration, **kwargs)
        return url

    def metadata(self, **kwargs: Any) -> S3Metadata:
        """The object's metadata as it is now."""
        metadata: S3Metadata = self.fs.metadata(self.path, **kwargs)
        return metadata

    def getxattr(self, xattr_name: str, **kwargs: Any) -> str | None:
        """One value of the user's metadata."""
        value: str | None = self.fs.getxattr(self.path, xattr_name, **kwargs)
        return value

    def setxattr(self, copy_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Change the user's metadata of the object.

        Raises:
            NotImplementedError: the file is being written.
        """
        if self.mode != "rb":
            raise NotImplementedError("Cannot set the metadata of a file that is being written.")
        self.fs.setxattr(self.path, copy_kwargs=copy_kwargs, **kwargs)


def _stop_all(running: Iterable[tuple[CoreTask[Any], Future[Any]]]) -> None:
    """Cancel tasks and wait until they have ended."""
    for task, _ in running:
        task.cancel()
    for task, future in running:
        stop(task, future)


class AioS3File(S3File):
    """A file of ``AioS3FileSystem`` for programs that wait: it holds an ``S3AioExecutor``, which
    adds no thread."""

    def _default_executor(self) -> S3Executor:
        return FileExecutor(max_workers=self.max_workers)


class TextFile(io.TextIOWrapper):
    """Text over a file that is written; drops the object when its ``with`` block ends in an
    exception, or when it is dropped unclosed."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is not None:
            self._discard()
        super().__exit__(exc_type, exc_val, exc_tb)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            if not self.closed:
                self._discard()

    def _discard(self) -> None:
        file: Any = self.buffer
        if isinstance(file, S3File) and file.mode != "rb" and not file.closed:
            file.discard()


class CompressedBuffer(io.BytesIO):
    """Memory that a codec of fsspec writes to; it keeps its data when the codec closes it."""

    def close(self) -> None:
        """Nothing: the data is still wanted."""

    @classmethod
    def compress(cls, value: bytes | bytearray | memoryview, compression: str) -> bytes:
        """Compress bytes with a codec of fsspec (``gzip``, ``zstd``, ...).

        Raises:
            KeyError: there is no such codec.
        """
        from fsspec.compression import compr  # type: ignore[import-untyped]

        buffer = cls()
        with compr[compression](buffer, mode="wb") as codec:
            codec.write(value)
        return buffer.getvalue()

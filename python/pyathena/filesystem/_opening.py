"""Text and compression over the binary files of a file system."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

from pyathena.filesystem._file import TextFile

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["CompressedFile", "Text", "wrap"]


class CompressedFile(io.BufferedIOBase):
    """A codec of fsspec over a binary file, which it closes; a write that ends in an exception
    leaves no object.

    Args:
        codec: what compresses into or decompresses from ``raw``.
        raw: the file.
        writes: whether it is written.
    """

    def __init__(self, codec: Any, raw: Any, writes: bool) -> None:
        self._codec = codec
        self._raw = raw
        self._writes = writes
        self._ended = False  # closing, which flushes once more

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(getattr(self._raw, "path", ""))

    @property
    def mode(self) -> str:
        """``rb`` or ``wb``."""
        return "wb" if self._writes else "rb"

    def readable(self) -> bool:
        """Whether it is read."""
        return not self._writes

    def writable(self) -> bool:
        """Whether it is written."""
        return self._writes

    def seekable(self) -> bool:
        """Whether the codec can seek."""
        return bool(self._codec.seekable())

    def read(self, size: int | None = -1) -> bytes:
        """The next ``size`` decompressed bytes."""
        data: bytes = self._codec.read(-1 if size is None else size)
        return data

    def read1(self, size: int = -1) -> bytes:
        """Some of the next decompressed bytes."""
        if hasattr(self._codec, "read1"):
            data: bytes = self._codec.read1(size)
            return data
        return self.read(io.DEFAULT_BUFFER_SIZE if size < 0 else size)

    def readline(self, size: int | None = -1) -> bytes:
        """The next line."""
        if hasattr(self._codec, "readline"):
            line: bytes = self._codec.readline(-1 if size is None else size)
            return line
        return super().readline(size)

    def write(self, data: Any) -> int:
        """Compress bytes; returns their number."""
        count = self._codec.write(data)
        return memoryview(data).nbytes if count is None else int(count)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place in the decompressed bytes."""
        return int(self._codec.seek(offset, whence))

    def tell(self) -> int:
        """The place in the decompressed bytes."""
        return int(self._codec.tell())

    def flush(self) -> None:
        """Give to the file what the codec has ready."""
        if self._writes and not self._ended:
            self._codec.flush()

    def close(self) -> None:
        """End the compressed bytes, then the file."""
        if self.closed:
            return
        self._ended = True
        try:
            self._codec.close()
        except BaseException:
            self._give_up()
            raise
        finally:
            super().close()
        self._raw.close()

    def discard(self) -> None:
        """Close and leave no object."""
        if self.closed:
            return
        self._ended = True
        self._give_up()
        super().close()
        with contextlib.suppress(Exception):
            self._codec.close()

    def _give_up(self) -> None:
        if self._writes and hasattr(self._raw, "discard"):
            self._raw.discard()
        with contextlib.suppress(Exception):
            self._raw.close()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is not None and self._writes:
            self.discard()
        else:
            self.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            if self._writes:
                self.discard()
            else:
                self.close()


class Text(TextFile):
    """Text over a file, compressed or not."""

    def _discard(self) -> None:
        file: Any = self.buffer
        if not file.closed and file.writable() and hasattr(file, "discard"):
            file.discard()


def wrap(raw: Any, path: str, mode: str, compression: str | None, text: dict[str, Any]) -> Any:
    """Put compression and text over a binary file.

    Args:
        raw: the file.
        path: its path; ``compression="infer"`` goes by it.
        mode: of the call; without ``b`` it is text.
        compression: fsspec's name of a codec, "infer" or ``None``.
        text: ``encoding``, ``errors``, ``newline``.

    Raises:
        ValueError: there is no such codec.
    """
    file = raw
    try:
        if compression is not None:
            from fsspec.compression import compr  # type: ignore[import-untyped]
            from fsspec.core import get_compression  # type: ignore[import-untyped]

            codec = get_compression(path, compression)
            if codec is not None:
                writes = "r" not in mode
                file = CompressedFile(compr[codec](raw, mode=mode[0]), raw, writes)
        return file if "b" in mode else Text(file, **text)
    except BaseException:
        if "r" not in mode:
            raw.discard()
        raw.close()
        raise

"""Reading a file ahead of its consumer."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar

__all__ = ["ReadAheadStream"]


class ReadAheadStream(io.RawIOBase):
    """A sequential stream over anything that can read a range; ranges are read ahead in threads.

    At most ``max_parts`` parts and the one being consumed are in memory. A range that comes back
    too short is an ``OSError``; the error of a range is raised by the read that reaches it and by
    each one after.

    Args:
        read_range: called with the start and the end, which is excluded, of a range.
        size: bytes of the file.
        part_size: bytes of a range; 8 MiB.
        max_parts: how many ranges ahead; 16.
        on_close: called once the stream is closed and nothing reads any more.

    Raises:
        ValueError: ``part_size`` or ``max_parts`` is not positive.
    """

    DEFAULT_PART_SIZE: ClassVar[int] = 8 * 2**20
    DEFAULT_MAX_PARTS: ClassVar[int] = 16

    def __init__(
        self,
        read_range: Callable[[int, int], bytes],
        size: int,
        part_size: int | None = None,
        max_parts: int | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._part_size = self.DEFAULT_PART_SIZE if part_size is None else part_size
        self._max_parts = self.DEFAULT_MAX_PARTS if max_parts is None else max_parts
        for name, value in (("part_size", self._part_size), ("max_parts", self._max_parts)):
            if value <= 0:
                raise ValueError(f"{name} must be positive, got {value}.")
        self._read_range = read_range
        self._size = size
        self._on_close = on_close
        self._position = 0
        self._next = 0  # where the next range to be asked for begins
        self._parts: deque[tuple[int, Future[bytes]]] = deque()
        self._part = memoryview(b"")
        self._failure: BaseException | None = None
        self._pool: ThreadPoolExecutor | None = None

    def readable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """How many bytes were read."""
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what is next, at most to the end of a part; 0 at the end."""
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        target = memoryview(buffer).cast("B")
        if len(target) == 0:
            return 0
        if len(self._part) == 0 and not self._take_part():
            return 0
        count = min(len(target), len(self._part))
        target[:count] = self._part[:count]
        self._part = self._part[count:]
        self._position += count
        return count

    def _take_part(self) -> bool:
        """Wait for the next part; false at the end."""
        if self._failure is not None:
            raise self._failure
        self._ask()
        if not self._parts:
            return False
        length, future = self._parts[0]
        try:
            data = future.result()
            if len(data) != length:
                raise OSError(f"Expected {length} bytes, got {len(data)}.")
        except Exception as failure:
            self._failure = failure
            raise
        self._parts.popleft()
        self._part = memoryview(data)
        self._ask()
        return True

    def _ask(self) -> None:
        if self._pool is None and self._next < self._size:
            self._pool = ThreadPoolExecutor(self._max_parts, "pyathena-read-ahead")
        while self._pool is not None and self._next < self._size:
            if len(self._parts) >= self._max_parts:
                return
            end = min(self._next + self._part_size, self._size)
            future = self._pool.submit(self._read_range, self._next, end)
            self._parts.append((end - self._next, future))
            self._next = end

    def close(self) -> None:
        """Cancel what is queued, wait for what runs, call ``on_close``."""
        if self.closed:
            return
        try:
            pool, self._pool = self._pool, None
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
            self._parts.clear()
            self._part = memoryview(b"")
        finally:
            super().close()
            if self._on_close is not None:
                self._on_close()

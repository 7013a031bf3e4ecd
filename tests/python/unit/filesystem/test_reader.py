from __future__ import annotations

import io
import threading

import pytest
from pyathena.filesystem.reader import ReadAheadStream

DATA = bytes(range(256)) * 40


def read_range(start: int, end: int) -> bytes:
    return DATA[start:end]


@pytest.mark.parametrize("part_size", [1, 7, 1000, len(DATA), len(DATA) + 1])
def test_reads_in_order(part_size: int) -> None:
    small = DATA[:300] if part_size == 1 else DATA
    with ReadAheadStream(read_range, len(small), part_size, 3) as stream:
        assert stream.readable()
        assert stream.read(5) == small[: min(5, part_size)]
        position = stream.tell()
        assert io.BufferedReader(stream).read() == small[position:]


def test_parts_ahead_are_bounded() -> None:
    lock, asked = threading.Lock(), []

    def counted(start: int, end: int) -> bytes:
        with lock:
            asked.append(start)
        return DATA[start:end]

    stream = ReadAheadStream(counted, len(DATA), 100, 4)
    assert asked == []
    stream.read(1)
    stream.close()
    assert len(asked) <= 5


def test_errors_come_in_their_place_and_again() -> None:
    def failing(start: int, end: int) -> bytes:
        if start >= 200:
            raise OSError("broken")
        return DATA[start:end]

    with ReadAheadStream(failing, 1000, 100, 8) as stream:
        assert stream.read(100) + stream.read(100) == DATA[:200]
        for _ in range(2):
            with pytest.raises(OSError, match="broken"):
                stream.read(1)


def test_short_range() -> None:
    with ReadAheadStream(lambda start, end: b"x", 100, 50) as stream:
        with pytest.raises(OSError, match="Expected 50 bytes, got 1"):
            stream.read(1)


def test_close() -> None:
    closed: list[bool] = []
    stream = ReadAheadStream(read_range, len(DATA), 100, on_close=lambda: closed.append(True))
    stream.read(1)
    stream.close()
    stream.close()
    assert closed == [True]
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)


def test_refused() -> None:
    for arguments, name in (((0, None), "part_size"), ((1, 0), "max_parts")):
        with pytest.raises(ValueError, match=f"{name} must be positive, got 0"):
            ReadAheadStream(read_range, 1, *arguments)
    assert ReadAheadStream(read_range, 0).read() == b""

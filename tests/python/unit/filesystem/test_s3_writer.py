from __future__ import annotations

import pytest
from pyathena.filesystem.s3_writer import check_size, part_ranges

MIB = 2**20


@pytest.mark.parametrize(
    ("size", "block", "sizes"),
    [
        (0, 5 * MIB, []),
        (3, 5 * MIB, [3]),
        (10 * MIB, 5 * MIB, [5 * MIB, 5 * MIB]),
        (12 * MIB, 5 * MIB, [5 * MIB, 7 * MIB]),
        (17 * MIB, 5 * MIB, [5 * MIB, 5 * MIB, 7 * MIB]),
        (6 * MIB, 5 * MIB, [6 * MIB]),
        (5 * 2**30 + 1, 5 * 2**30, [5 * 2**29, 5 * 2**29 + 1]),
    ],
)
def test_part_ranges(size: int, block: int, sizes: list[int]) -> None:
    ranges = part_ranges(size, block)
    assert [end - start for start, end in ranges] == sizes
    assert [start for start, _ in ranges][1:] == [end for _, end in ranges][:-1]


def test_part_ranges_grow_when_there_would_be_too_many() -> None:
    size = 10_000 * 5 * MIB + 1
    ranges = part_ranges(size, 5 * MIB)
    assert len(ranges) <= 10_000
    assert ranges[-1][1] == size


def test_check_size() -> None:
    check_size(10_000 * 5 * MIB, 5 * MIB)
    with pytest.raises(ValueError) as caught:
        check_size(10**15, 5 * MIB)
    assert str(caught.value) == (
        "Cannot upload 1000000000000000 bytes in 10000 parts with a block size of 5242880 bytes."
        " Use a block size of at least 100000000000 bytes."
    )

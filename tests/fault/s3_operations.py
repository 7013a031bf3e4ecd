"""The operations of the file systems that break in test_s3_faults.py, and what each has to leave.

An operation is a list of requests, called steps: ``GetObject#2`` is the third request of that kind.
Each is used by blocking calls.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3_harness import MIB, PART, Coroutines, Endpoint, Witness, pattern

LARGE = 20 * MIB  # read in several ranges
PARTS = 10 * MIB + 1  # written in several parts
MANY = 1005  # more than a page of a listing has


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


SMALL_DATA = pattern(2000, 1)
LARGE_DATA = pattern(LARGE, 2)
PARTS_DATA = LARGE_DATA[:PARTS]
SIX_DATA = LARGE_DATA[: 6 * MIB]
MORE_DATA = LARGE_DATA[MIB : 9 * MIB + 1]  # more than a part of the least size, and than one PUT


async def _write(fs: Any, path: str, mode: str, pieces: list[bytes]) -> None:
    async with await fs.open_async(path, mode) as file:
        for piece in pieces:
            await file.write(piece)


async def _read(fs: Any, path: str, length: int) -> bytes:
    async with await fs.open_async(path) as file:
        pieces = []
        while piece := await file.read(length):
            pieces.append(piece)
    return b"".join(pieces)


def write_pieces(fs: Any, path: str, mode: str, pieces: list[bytes]) -> None:
    """Writes a file; on a loop a streamed one."""
    if isinstance(fs, Coroutines):
        return fs.run(_write(fs.fs, path, mode, pieces))
    with fs.open(path, mode) as file:
        for piece in pieces:
            file.write(piece)


def read_pieces(fs: Any, path: str, length: int) -> bytes:
    """Reads a file; on a loop a streamed one."""
    if isinstance(fs, Coroutines):
        return fs.run(_read(fs.fs, path, length))
    with fs.open(path, "rb") as file:
        pieces = []
        while piece := file.read(length):
            pieces.append(piece)
    return b"".join(pieces)


class Stage(Witness):
    """What is on the server, told by another client."""

    def __init__(self, endpoint: Endpoint, bucket: str, connections: int) -> None:
        super().__init__(endpoint, connections)
        self.bucket = bucket
        self.client.create_bucket(Bucket=bucket)
        self.small = self.put(f"{bucket}/given/small", SMALL_DATA)
        self.large = self.put(f"{bucket}/given/large", LARGE_DATA)
        self.six = self.put(f"{bucket}/given/six", SIX_DATA)
        for number in range(5):
            self.put(f"{bucket}/given/dir/{number}", b"%d" % number)

    def copy(self, source: str, path: str) -> None:
        """Copies an object."""
        self.client.copy_object(**self.split(path), CopySource=source)

    def find(self, path: str) -> bytes | None:
        """What an object holds; None when there is none."""
        try:
            return self.get(path)
        except self.client.exceptions.NoSuchKey:
            return None


@dataclass
class Place:
    """Where one test works: a path in the bucket, and a folder."""

    stage: Stage
    folder: Path

    def __post_init__(self) -> None:
        word = uuid.uuid4().hex[:12]
        self.area = f"{self.stage.bucket}/{word}"
        self.target = f"{self.area}/target"
        self.new_bucket = f"new-{word}"

    @property
    def local(self) -> Path:
        return self.folder / "local"


def nothing(place: Place) -> None:
    """An operation that needs no more than what every test has."""


@dataclass
class Operation:
    """What a program does, in which requests.

    Attributes:
        name: of the test.
        steps: its requests.
        act: does it, returns what it found.
        check: fails unless the right thing came of it, by what ``act`` returned.
        prepare: makes what it needs.
        holds: what it writes to the target, None: it does not write.
        before: what the target holds before.
    """

    name: str
    steps: list[str]
    act: Callable[[Any, Place], Any]
    check: Callable[[Place, Any], object]
    prepare: Callable[[Place], object] = nothing
    holds: Callable[[], bytes] | None = None
    before: bytes | None = None

    @property
    def is_heavy(self) -> bool:
        """Whether it moves megabytes."""
        return self.name in HEAVY


def same(found: bytes | None, wanted: bytes) -> None:
    assert found is not None
    if found != wanted:  # said in few words
        assert (len(found), digest(found)) == (len(wanted), digest(wanted))


def target_is(data: bytes) -> Callable[[Place, Any], object]:
    return lambda place, _: same(place.stage.find(place.target), data)


def result_is(data: bytes) -> Callable[[Place, Any], object]:
    return lambda place, found: same(found, data)


def equals(wanted: Any) -> Callable[[Place, Any], object]:
    def check(place: Place, found: Any) -> None:
        assert found == wanted

    return check


def local_is(data: bytes) -> Callable[[Place, Any], object]:
    return lambda place, _: same(place.local.read_bytes(), data)


def make_local(place: Place) -> None:
    place.local.write_bytes(MORE_DATA)


def is_gone(place: Place, _: Any) -> None:
    assert place.stage.paths(f"{place.area}/") == []


def put_five(place: Place) -> None:
    for number in range(5):
        place.stage.put(f"{place.area}/d/{number}")


def bucket_is_there(place: Place, _: Any) -> None:
    assert place.stage.has_bucket(place.new_bucket)
    place.stage.client.delete_bucket(Bucket=place.new_bucket)


def copy_in_parts(fs: Any, place: Place) -> None:
    fs.cp_file(place.stage.six, place.target, multipart_from=PART, part_bytes=PART)


RANGES = [(0, 100), (100_000, 400_000), (19 * MIB, 30 * MIB), (5, 6)]
HEAVY = {
    "cat-large", "get-file", "pipe-one-part", "pipe-parts", "put-file", "write-parts", "append",
    "read", "copy-parts",
}  # fmt: skip
CREATE, COMPLETE = "CreateMultipartUpload", "CompleteMultipartUpload"

OPERATIONS = {
    one.name: one
    for one in [
        Operation(
            "ls",
            ["ListObjectsV2"],
            lambda fs, place: [
                name.rpartition("/")[2] for name in fs.ls(f"{place.stage.bucket}/given/dir")
            ],
            equals(["0", "1", "2", "3", "4"]),
        ),
        Operation(
            "find-pages",
            ["ListObjectsV2#1"],
            lambda fs, place: len(fs.find(f"{place.stage.bucket}/given/many")),
            equals(MANY),
        ),
        Operation(
            "info",
            ["HeadObject"],
            lambda fs, place: fs.info(place.stage.small)["size"],
            equals(len(SMALL_DATA)),
        ),
        Operation(
            "info-directory",
            ["HeadObject", "ListObjectsV2"],
            lambda fs, place: fs.info(f"{place.stage.bucket}/given/dir")["type"],
            equals("directory"),
        ),
        Operation(
            "cat-small",
            ["GetObject"],
            lambda fs, place: fs.cat_file(place.stage.small),
            result_is(SMALL_DATA),
        ),
        Operation(
            "cat-large",
            ["GetObject", "GetObject#1", "GetObject#2"],
            lambda fs, place: fs.cat_file(place.stage.large),
            result_is(LARGE_DATA),
        ),
        Operation(
            "cat-ranges",
            ["GetObject", "GetObject#2"],
            lambda fs, place: b"".join(
                fs.cat_ranges(
                    [place.stage.large] * len(RANGES),
                    [start for start, _ in RANGES],
                    [end for _, end in RANGES],
                    on_error="raise",
                )
            ),
            result_is(b"".join(LARGE_DATA[start:end] for start, end in RANGES)),
        ),
        Operation(
            "get-file",
            ["GetObject", "GetObject#1"],
            lambda fs, place: fs.get_file(place.stage.six, os.fspath(place.local)),
            local_is(SIX_DATA),
        ),
        Operation(
            "pipe-small",
            ["PutObject"],
            lambda fs, place: fs.pipe_file(place.target, SMALL_DATA),
            target_is(SMALL_DATA),
            holds=lambda: SMALL_DATA,
        ),
        Operation(
            "pipe-one-part",
            [CREATE, "UploadPart", COMPLETE],
            lambda fs, place: fs.pipe_file(place.target, SIX_DATA),
            target_is(SIX_DATA),
            holds=lambda: SIX_DATA,
        ),
        Operation(
            "pipe-parts",
            [CREATE, "UploadPart", COMPLETE],
            lambda fs, place: fs.pipe_file(place.target, MORE_DATA, part_bytes=PART),
            target_is(MORE_DATA),
            holds=lambda: MORE_DATA,
        ),
        Operation(
            "put-file",
            [CREATE, "UploadPart#1", COMPLETE],
            lambda fs, place: fs.put_file(os.fspath(place.local), place.target, part_bytes=PART),
            target_is(MORE_DATA),
            prepare=make_local,
            holds=lambda: MORE_DATA,
        ),
        Operation(
            "write-small",
            ["PutObject"],
            lambda fs, place: write_pieces(
                fs, place.target, "wb", [SMALL_DATA[:10], SMALL_DATA[10:]]
            ),
            target_is(SMALL_DATA),
            holds=lambda: SMALL_DATA,
        ),
        Operation(
            "write-parts",
            [CREATE, "UploadPart#1", COMPLETE],
            lambda fs, place: write_pieces(
                fs, place.target, "wb", [PARTS_DATA[at : at + MIB] for at in range(0, PARTS, MIB)]
            ),
            target_is(PARTS_DATA),
            holds=lambda: PARTS_DATA,
        ),
        Operation(
            "append",
            ["HeadObject", CREATE, "UploadPartCopy", "UploadPart", COMPLETE],
            lambda fs, place: write_pieces(fs, place.target, "ab", [SMALL_DATA]),
            target_is(SIX_DATA + SMALL_DATA),
            prepare=lambda place: place.stage.copy(place.stage.six, place.target),
            holds=lambda: SIX_DATA + SMALL_DATA,
            before=SIX_DATA,
        ),
        Operation(
            "read",
            ["HeadObject", "GetObject", "GetObject#1"],
            lambda fs, place: read_pieces(fs, place.stage.six, 1_000_000),
            result_is(SIX_DATA),
        ),
        Operation(
            "copy",
            ["HeadObject", "CopyObject"],
            lambda fs, place: fs.cp_file(place.stage.small, place.target),
            target_is(SMALL_DATA),
            holds=lambda: SMALL_DATA,
        ),
        Operation(
            "copy-parts",
            ["HeadObject", CREATE, "UploadPartCopy", COMPLETE],
            copy_in_parts,
            target_is(SIX_DATA),
            holds=lambda: SIX_DATA,
        ),
        Operation(
            "rm-list",
            ["DeleteObjects"],
            lambda fs, place: fs.rm([f"{place.area}/d/{number}" for number in range(5)]),
            is_gone,
            prepare=put_five,
        ),
        Operation(
            "rm-recursive",
            ["ListObjectsV2", "HeadObject", "DeleteObjects"],
            lambda fs, place: fs.rm(f"{place.area}/d", recursive=True),
            is_gone,
            prepare=put_five,
        ),
        Operation(
            "mkdir",
            ["HeadBucket", "CreateBucket"],
            lambda fs, place: fs.mkdir(place.new_bucket),
            bucket_is_there,
        ),
    ]
}

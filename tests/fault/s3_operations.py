"""The operations of the file systems that break in test_s3_faults.py, and what each has to leave.

An operation is a list of requests, called steps: ``GetObject#2`` is the third request of that kind.
Each is used by blocking calls; :class:`Coroutines` makes them of an asynchronous file system.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import os
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1 << 20
LARGE = 20 * MIB  # read in several ranges
PARTS = 10 * MIB + 1  # written in several parts
PART = 5 * MIB
MANY = 1005  # more than a page of a listing has


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes in which no block comes twice; the same for the same seed."""
    return random.Random(seed).randbytes(size)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


SMALL_DATA = pattern(2000, 1)
LARGE_DATA = pattern(LARGE, 2)
PARTS_DATA = LARGE_DATA[:PARTS]
SIX_DATA = LARGE_DATA[: 6 * MIB]
MORE_DATA = LARGE_DATA[MIB : 9 * MIB + 1]  # more than a part of the least size, and than one PUT


class Coroutines:
    """An asynchronous file system by blocking calls: ``fs.cat_file()`` runs ``fs._cat_file()``."""

    def __init__(self, fs: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._fs = fs
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._fs, f"_{name}", None)
        if inspect.iscoroutinefunction(function):
            return lambda *args, **kwargs: self._loop.run_until_complete(function(*args, **kwargs))
        return getattr(self._fs, name)

    async def _write(self, path: str, mode: str, pieces: list[bytes]) -> None:
        async with await self._fs.open_async(path, mode) as file:
            for piece in pieces:
                await file.write(piece)

    async def _read(self, path: str, length: int) -> bytes:
        async with await self._fs.open_async(path) as file:
            pieces = []
            while piece := await file.read(length):
                pieces.append(piece)
        return b"".join(pieces)

    def write_pieces(self, path: str, mode: str, pieces: list[bytes]) -> None:
        self._loop.run_until_complete(self._write(path, mode, pieces))

    def read_pieces(self, path: str, length: int) -> bytes:
        return self._loop.run_until_complete(self._read(path, length))


class Blocking:
    """A blocking file system with the same additions."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fs, name)

    def write_pieces(self, path: str, mode: str, pieces: list[bytes]) -> None:
        with self._fs.open(path, mode) as file:
            for piece in pieces:
                file.write(piece)

    def read_pieces(self, path: str, length: int) -> bytes:
        with self._fs.open(path, "rb") as file:
            pieces = []
            while piece := file.read(length):
                pieces.append(piece)
        return b"".join(pieces)


class Stage:
    """What is on the server, told by another client; paths for one test each."""

    def __init__(self, client: Any, bucket: str) -> None:
        self.client = client
        self.bucket = bucket
        client.create_bucket(Bucket=bucket)
        self.small = self.put("given/small", SMALL_DATA)
        self.large = self.put("given/large", LARGE_DATA)
        self.six = self.put("given/six", SIX_DATA)
        for number in range(5):
            self.put(f"given/dir/{number}", b"%d" % number)

    def put(self, key: str, data: bytes) -> str:
        """Writes an object; its path."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=data)
        return f"{self.bucket}/{key}"

    def copy(self, source: str, key: str) -> None:
        """Copies an object."""
        self.client.copy_object(Bucket=self.bucket, Key=key, CopySource=source)

    def get(self, path: str) -> bytes | None:
        """What an object holds; None when there is none."""
        bucket, _, key = path.partition("/")
        try:
            return bytes(self.client.get_object(Bucket=bucket, Key=key)["Body"].read())
        except self.client.exceptions.NoSuchKey:
            return None

    def keys(self, prefix: str) -> list[str]:
        """The keys below a path."""
        bucket, _, key = prefix.partition("/")
        answer = self.client.list_objects_v2(Bucket=bucket, Prefix=key)
        return [item["Key"] for item in answer.get("Contents", [])]

    def uploads(self, prefix: str) -> list[str]:
        """The keys of the multipart uploads under way below a path."""
        bucket, _, key = prefix.partition("/")
        answer = self.client.list_multipart_uploads(Bucket=bucket, Prefix=key)
        return [item["Key"] for item in answer.get("Uploads", [])]

    def has_bucket(self, name: str) -> bool:
        return any(one["Name"] == name for one in self.client.list_buckets()["Buckets"])


@dataclass
class Place:
    """Where one test works: a path in the bucket, and a folder."""

    stage: Stage
    folder: Path

    def __post_init__(self) -> None:
        self.word = uuid.uuid4().hex[:12]
        self.area = f"{self.stage.bucket}/{self.word}"
        self.target = f"{self.area}/target"
        self.new_bucket = f"new-{self.word}"

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
    return lambda place, _: same(place.stage.get(place.target), data)


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
    assert place.stage.keys(f"{place.area}/") == []


def put_five(place: Place) -> None:
    for number in range(5):
        place.stage.put(f"{place.word}/d/{number}", b"x")


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
            lambda fs, place: fs.write_pieces(
                place.target, "wb", [SMALL_DATA[:10], SMALL_DATA[10:]]
            ),
            target_is(SMALL_DATA),
            holds=lambda: SMALL_DATA,
        ),
        Operation(
            "write-parts",
            [CREATE, "UploadPart#1", COMPLETE],
            lambda fs, place: fs.write_pieces(
                place.target, "wb", [PARTS_DATA[at : at + MIB] for at in range(0, PARTS, MIB)]
            ),
            target_is(PARTS_DATA),
            holds=lambda: PARTS_DATA,
        ),
        Operation(
            "append",
            ["HeadObject", CREATE, "UploadPartCopy", "UploadPart", COMPLETE],
            lambda fs, place: fs.write_pieces(place.target, "ab", [SMALL_DATA]),
            target_is(SIX_DATA + SMALL_DATA),
            prepare=lambda place: place.stage.copy(place.stage.six, f"{place.word}/target"),
            holds=lambda: SIX_DATA + SMALL_DATA,
            before=SIX_DATA,
        ),
        Operation(
            "read",
            ["HeadObject", "GetObject", "GetObject#1"],
            lambda fs, place: fs.read_pieces(place.stage.six, 1_000_000),
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

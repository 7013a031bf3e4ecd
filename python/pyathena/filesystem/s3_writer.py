"""Multipart writes: the order of their calls, and the plan of their parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from pyathena.filesystem.s3_core import S3Core
    from pyathena.filesystem.s3_object import (
        S3CompleteMultipartUpload,
        S3MultipartUpload,
        S3MultipartUploadPart,
    )
    from pyathena.filesystem.s3_path import S3Path

__all__ = [
    "PART_BYTES_MAX",
    "PART_BYTES_MIN",
    "PARTS_MAX",
    "S3MultipartStateError",
    "S3MultipartWriter",
    "check_size",
    "part_ranges",
]

PART_BYTES_MIN = 5 * 2**20
PART_BYTES_MAX = 5 * 2**30
PARTS_MAX = 10_000


class S3MultipartStateError(RuntimeError):
    """The state of a write does not allow the operation: it was discarded, or has failed, or has
    not begun."""


def check_size(size: int, block_size: int) -> None:
    """Refuse a size that parts of ``block_size`` bytes cannot make up.

    Raises:
        ValueError: there would be more parts than S3 takes.
    """
    if size > block_size * PARTS_MAX:
        least = -(-size // PARTS_MAX)
        raise ValueError(
            f"Cannot upload {size} bytes in {PARTS_MAX} parts with a block size of {block_size}"
            f" bytes. Use a block size of at least {least} bytes."
        )


def part_ranges(size: int, block_size: int) -> list[tuple[int, int]]:
    """Ranges, each with its end excluded, that make up ``size`` bytes.

    They are of ``block_size``, longer when there would be too many; the last one takes what is too
    short to be a part, and is halved when that makes it too long.
    """
    block = max(block_size, -(-size // PARTS_MAX))
    starts = list(range(0, size, block))
    if len(starts) > 1 and size - starts[-1] < min(PART_BYTES_MIN, block):
        last = starts.pop()
        if size - starts[-1] > PART_BYTES_MAX:
            starts.append(starts[-1] + (size - starts[-1]) // 2)
        del last
    return list(zip(starts, [*starts[1:], size], strict=True)) if starts else []


class S3MultipartWriter:
    """Sends the requests of one multipart write and plans its parts.

    The caller owns the data, schedules the requests, keeps the answers in order, and waits for what
    runs before it completes or aborts. Parts may be sent at the same time once the upload is
    initiated.

    Args:
        core: carries out the requests.
        path: the object.
        block_size: bytes of a part, 5 MiB to 5 GiB.
        request_kwargs: parameters for each request that accepts them.

    Attributes:
        upload: the upload; ``None`` before it is initiated and after it is aborted.
    """

    def __init__(
        self,
        core: S3Core,
        path: S3Path,
        *,
        block_size: int,
        request_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if path.is_bucket:
            raise ValueError(f"The path has no key: {path.uri}.")
        if path.version_id is not None:
            raise ValueError(f"Cannot write to a version: {path.uri}.")
        if not PART_BYTES_MIN <= block_size <= PART_BYTES_MAX:
            raise ValueError("block_size must be between the minimum and maximum part sizes.")
        self._core = core
        self._path = path
        self._block_size = block_size
        self._params = dict(request_kwargs or {})
        self.upload: S3MultipartUpload | None = None

    def iter_parts(
        self, stream: BinaryIO, first_part_number: int = 1
    ) -> Iterator[tuple[int, bytes]]:
        """Number the parts of what a stream still has.

        A block too short to be a part is joined to the one before it.

        Raises:
            ValueError: a part's number is beyond 10,000.
        """
        number = first_part_number
        block = stream.read(self._block_size)
        while block:
            following = stream.read(self._block_size)
            if following and len(following) < PART_BYTES_MIN:
                block += following
                following = b""
                if len(block) > PART_BYTES_MAX:
                    half = len(block) // 2
                    block, following = block[:half], block[half:]
            yield self._number(number), block
            number += 1
            block = following

    def iter_copy_parts(
        self, size: int, first_part_number: int = 1
    ) -> Iterator[tuple[int, tuple[int, int]]]:
        """Number the ranges, each with its end excluded, in which an object is copied.

        Raises:
            ValueError: the size is negative, or a part's number is beyond 10,000.
        """
        if size < 0:
            raise ValueError(f"size must not be negative: {size}")
        for number, range_ in enumerate(part_ranges(size, PART_BYTES_MAX), first_part_number):
            yield self._number(number), range_

    @staticmethod
    def _number(number: int) -> int:
        if not 1 <= number <= PARTS_MAX:
            raise ValueError(f"The part number must be between 1 and {PARTS_MAX}, not {number}.")
        return number

    def initiate(self, **params: Any) -> S3MultipartUpload:
        """Create the upload, once."""
        if self.upload is None:
            merged = {**self._params, **params}
            self.upload = self._core.create_multipart_upload(self._path, **merged)
        return self.upload

    def _known(self) -> S3MultipartUpload:
        if self.upload is None:
            raise S3MultipartStateError("Multipart upload is not initialized.")
        return self.upload

    def upload_part(self, part_number: int, body: bytes, **params: Any) -> S3MultipartUploadPart:
        """Upload a part.

        Raises:
            S3MultipartStateError: the upload has not been initiated.
            ValueError: the number is not 1 to 10,000.
        """
        upload = self._known()
        merged = {**self._params, **params}
        return self._core.upload_part(upload, self._number(part_number), body, **merged)

    def upload_part_copy(
        self,
        part_number: int,
        source: S3Path,
        range_: tuple[int, int] | None = None,
        **params: Any,
    ) -> S3MultipartUploadPart:
        """Copy an object, or a range of it, into a part.

        Raises:
            S3MultipartStateError: the upload has not been initiated.
            ValueError: the number is not 1 to 10,000.
        """
        upload = self._known()
        merged = {**self._params, **params}
        number = self._number(part_number)
        return self._core.upload_part_copy(upload, number, source, range_, **merged)

    def complete(
        self, parts: Sequence[S3MultipartUploadPart], **params: Any
    ) -> S3CompleteMultipartUpload:
        """Make the object of the parts, which are in the order of their numbers.

        Raises:
            S3MultipartStateError: the upload has not been initiated.
        """
        upload = self._known()
        return self._core.complete_multipart_upload(upload, parts, **{**self._params, **params})

    def abort(self, **params: Any) -> None:
        """Drop the upload and its parts; nothing happens when there is none."""
        if self.upload is not None:
            self._core.abort_multipart_upload(self.upload, **{**self._params, **params})
            self.upload = None

"""One coroutine for each call of S3, over a drive; answers in boto3's shape.

Request parameters go by boto3's names; those that a call does not accept are skipped. What S3
refuses is raised as :func:`~pyathena.filesystem.s3_errors.from_core_error` makes it.
``write_bytes`` is ``put_bytes`` for those who do not need the answer; it costs less. The calls that
are one request each are in ``_requests.py``.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyathena import _core
from pyathena.filesystem import _requests
from pyathena.filesystem._params import headers_of, query_of
from pyathena.filesystem._requests import (
    Bytes,
    abort_multipart_upload,
    complete_multipart_upload,
    condition_of,
    create_bucket,
    create_multipart_upload,
    delete_bucket,
    get_bucket_versioning,
    get_object_tagging,
    head_bucket,
    list_page,
    presign,
    put_bucket_acl,
    put_object_acl,
    put_object_tagging,
    raise_failure,
    upload_part,
    upload_part_copy,
)
from pyathena.filesystem.s3_errors import from_core_error, os_error_of
from pyathena.filesystem.s3_headers import response_of_headers

if TYPE_CHECKING:
    from pyathena.filesystem._client import S3Client
    from pyathena.filesystem._drive import Drive, Transfer
    from pyathena.filesystem.s3_path import S3Path

__all__ = [
    "Pages",
    "abort_multipart_upload",
    "complete_multipart_upload",
    "copy",
    "create_bucket",
    "create_multipart_upload",
    "delete_bucket",
    "delete_object",
    "delete_objects",
    "finish_copy",
    "finish_delete",
    "finish_put",
    "get_bucket_versioning",
    "get_bytes",
    "get_object_tagging",
    "head_bucket",
    "head_object",
    "list_page",
    "list_pages",
    "next_chunk",
    "open_put_stream",
    "open_stream",
    "presign",
    "put_bucket_acl",
    "put_bytes",
    "put_object_acl",
    "put_object_tagging",
    "put_path",
    "raise_failure",
    "read_range",
    "start_copy",
    "start_delete",
    "start_put_path",
    "upload_part",
    "upload_part_copy",
    "write_bytes",
    "write_chunk",
]

#: Bytes that a first request asks for when the object's size is not known. What it brings is copied
#: to its place on the caller's thread, so this bounds how long an event loop is held.
FIRST_BYTES = 2 * 2**20
#: Ranges up to this size are answered by the simplest request.
_SMALL_BYTES = 256 * 2**10
#: How often a range is asked for whose answers contradict themselves.
_TRIES = 2


# -- objects ---------------------------------------------------------------------------------------


async def head_object(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """HeadObject."""
    query = query_of(params, path.version_id)
    answer = await _requests.call(drive, "HeadObject", "HEAD", path, params, query)
    return response_of_headers(answer.s3_headers())


async def get_bytes(
    drive: Drive,
    path: S3Path,
    start: int | None = None,
    end: int | None = None,
    *,
    if_match: str | None = None,
    **params: Any,
) -> bytes:
    """The content of an object, or what a slice of it from ``start`` to ``end`` has.

    One request when it is at most :data:`FIRST_BYTES` long; the rest of more is read by parallel
    ranges that all are of the same version of the object.
    """
    first = start or 0
    if first < 0 or (end is not None and end < 0):
        if end is None and first >= -FIRST_BYTES:
            query = await _get(drive, path, f"bytes={first}", if_match, params)
            if query is None:
                return b""
            return query.s3_body()[first:] if _is_whole(query) else query.s3_body()
        found = await head_object(drive, path, IfMatch=if_match, **params)
        first, last, _ = slice(start, end).indices(found.get("ContentLength", 0))
        etag = if_match or found.get("ETag")
        return await read_range(drive, path, first, last - first, if_match=etag, **params)
    if end is None:
        wanted = FIRST_BYTES
    elif end > first:
        wanted = min(end - first, FIRST_BYTES)
    else:
        await head_object(drive, path, IfMatch=if_match, **params)
        return b""
    query = await _get(drive, path, f"bytes={first}-{first + wanted - 1}", if_match, params)
    if query is None:
        return b""
    if _is_whole(query):
        return query.s3_body()[first:end]
    size = _place_of(query, path, first)
    last = size if end is None else min(end, size)
    if last <= first + wanted:
        return query.s3_body()
    etag = if_match or query.s3_header("etag")
    if query.s3_header("content-length") == str(wanted):
        starter = range_starter(
            drive.client, path, first, last - first, etag, params, query, wanted
        )
        return await _read(drive, path, starter)
    return await read_range(drive, path, first, last - first, if_match=etag, **params)


def _is_whole(query: _core.Query) -> bool:
    """Whether a server that knows no ranges sent the whole object."""
    return query.s3_status == 200 and query.s3_header("content-range") is None


def _place_of(query: _core.Query, path: S3Path, first: int) -> int:
    """The object's size by the answer to a range, which must begin at ``first``."""
    place, _, size = (query.s3_header("content-range") or "").rpartition("/")
    if place.startswith(f"bytes {first}-") and size.isascii() and size.isdigit() and len(size) < 20:
        return int(size)
    raise OSError(errno.EPROTO, "S3's answer is not the range that was asked for", str(path))


async def _get(
    drive: Drive, path: S3Path, range_: str, if_match: str | None, params: Mapping[str, Any]
) -> _core.Query | None:
    """GetObject of a range; ``None`` when the object has nothing there."""
    client = drive.client
    headers = headers_of(client, "GetObject", params) or ()
    headers = (*headers, ("Range", range_))
    if if_match is not None:
        headers = (*headers, ("If-Match", if_match))
    query = query_of(params, path.version_id)
    for _ in range(_TRIES):
        transfer = _requests.start(
            drive,
            lambda queue: client.core.s3_call(
                queue, "GetObject", "GET", path.bucket, path.key, query=query, headers=headers
            ),
            path,
        )
        answer = await transfer.done()
        failure = answer.error()
        if failure is not None:
            if failure["http_status"] == 416:
                return None
            raise_failure(failure, path, None)
        if _has_right_length(answer):
            if if_match is not None and if_match != "*":
                _check_etag(answer, path, if_match)
            return answer
    raise OSError(errno.EPROTO, "S3's answer is not as long as its range", str(path))


def _has_right_length(answer: _core.Query) -> bool:
    """Whether a body is as long as the range that its answer tells, if it does."""
    place, _, _ = (answer.s3_header("content-range") or "").rpartition("/")
    first, _, last = place.removeprefix("bytes ").partition("-")
    length = answer.s3_header("content-length") or ""
    if not (first.isdecimal() and last.isdecimal() and length.isdecimal()):
        return True
    return int(length) == int(last) - int(first) + 1


def _check_etag(answer: _core.Query, path: S3Path, if_match: str) -> None:
    """Not every server knows If-Match."""
    if (answer.s3_header("etag") or if_match).strip('"') != if_match.strip('"'):
        text = "The object changed while it was read."
        raise os_error_of("PreconditionFailed", 412, text, path=str(path), operation="GetObject")


def range_starter(
    client: S3Client,
    path: S3Path,
    start: int,
    length: int,
    if_match: str | None,
    params: Mapping[str, Any],
    head: _core.Query | None = None,
    got: int = 0,
) -> Callable[[_core.Queue | None], _core.Query]:
    """What starts the reading of ``length`` bytes from ``start`` into fresh bytes, of which the
    answer ``head`` brought the first ``got``; ``s3_take()`` gives them."""
    headers = headers_of(client, "GetObject", params)
    version_id = params.get("VersionId") or path.version_id
    return lambda queue: client.core.s3_get(
        queue,
        path.bucket,
        path.key or "",
        version_id=version_id,
        if_match=if_match,
        offset=start + got,
        length=length - got,
        allocate=length,
        head=head,
        headers=headers,
    )


async def _read(
    drive: Drive, path: S3Path, starter: Callable[[_core.Queue | None], _core.Query]
) -> bytes:
    query = await _requests.finish(_requests.start(drive, starter, path), path)
    return query.s3_take()


async def read_range(
    drive: Drive,
    path: S3Path,
    start: int,
    length: int,
    *,
    if_match: str | None = None,
    **params: Any,
) -> bytes:
    """``length`` bytes from ``start`` on; fewer when the object ends before."""
    if length <= 0:
        return b""
    if length > _SMALL_BYTES:
        starter = range_starter(drive.client, path, start, length, if_match, params)
        return await _read(drive, path, starter)
    range_ = f"bytes={start}-{start + length - 1}"
    query = await _get(drive, path, range_, if_match, params)
    if query is None:
        return b""
    if _is_whole(query):
        return query.s3_body()[start : start + length]
    _place_of(query, path, start)
    return query.s3_body()


def open_stream(
    drive: Drive,
    path: S3Path,
    start: int = 0,
    length: int = -1,
    if_match: str | None = None,
    *,
    part_bytes: int = 0,
    parallel: int = 0,
    **params: Any,
) -> Transfer:
    """Begin to read an object as an ordered stream; see :func:`next_chunk`."""
    core = drive.client.core
    headers = headers_of(drive.client, "GetObject", params)
    version_id = params.get("VersionId") or path.version_id
    return _requests.start(
        drive,
        lambda queue: core.s3_get(
            queue,
            path.bucket,
            path.key or "",
            version_id=version_id,
            if_match=if_match,
            offset=start,
            length=length,
            headers=headers,
            part_bytes=part_bytes,
            parallel=parallel,
        ),
        path,
    )


async def next_chunk(transfer: Transfer, path: S3Path) -> _core.S3Chunk | None:
    """The next bytes of a stream, ``None`` at its end. When the waiting is abandoned the stream is
    left as it is."""
    while True:
        is_over = transfer.is_over
        try:
            chunk = transfer.query.s3_chunk()
        except _core.CoreError as ex:
            raise from_core_error(ex, str(path)) from None
        if chunk is not None or is_over:
            return chunk
        await transfer.changed()


def _put(
    drive: Drive,
    path: S3Path,
    params: Mapping[str, Any],
    if_none_match: str | None,
    if_match: str | None,
    part_bytes: int,
    parallel: int,
    body: Bytes | None = None,
    lpath: str | None = None,
    stream: bool = False,
) -> Transfer:
    core = drive.client.core
    headers = headers_of(drive.client, "PutObject", params)
    return _requests.start(
        drive,
        lambda queue: core.s3_put(
            queue,
            path.bucket,
            path.key or "",
            body=body,
            path=lpath,
            stream=stream,
            headers=headers,
            if_none_match=if_none_match,
            if_match=if_match,
            part_bytes=part_bytes,
            parallel=parallel,
        ),
        path,
    )


def _put_response(query: _core.Query, path: S3Path) -> dict[str, Any]:
    """The answer to PutObject or, of a large object, to CompleteMultipartUpload."""
    response = _requests.response_of(query)
    if "ETag" not in response and query.s3_body():
        response["ETag"] = _requests.document_of(query, path).find_text("ETag")
    return response


async def write_bytes(
    drive: Drive,
    path: S3Path,
    data: Bytes,
    *,
    if_none_match: str | None = None,
    if_match: str | None = None,
    part_bytes: int = 0,
    parallel: int = 0,
    **params: Any,
) -> _core.Query:
    """Write an object; ``data`` must not change meanwhile.

    Args:
        if_none_match: ``"*"``: only when there is no such object, else ``FileExistsError``.
        if_match: only when the object has this ETag.
        part_bytes: more than this is written in parts.
        parallel: how many parts at once.
    """
    transfer = _put(drive, path, params, if_none_match, if_match, part_bytes, parallel, data)
    return await _requests.finish(transfer, path, condition_of(if_none_match))


async def put_bytes(drive: Drive, path: S3Path, data: Bytes, **params: Any) -> dict[str, Any]:
    """As :func:`write_bytes`, with the answer to PutObject or CompleteMultipartUpload."""
    return _put_response(await write_bytes(drive, path, data, **params), path)


async def put_path(
    drive: Drive,
    path: S3Path,
    lpath: str,
    *,
    if_none_match: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Write an object from a file; options as those of :func:`start_put_path`."""
    transfer = start_put_path(drive, path, lpath, if_none_match=if_none_match, **options)
    return await finish_put(transfer, path, if_none_match)


def start_put_path(
    drive: Drive,
    path: S3Path,
    lpath: str,
    *,
    if_none_match: str | None = None,
    if_match: str | None = None,
    part_bytes: int = 0,
    parallel: int = 0,
    **params: Any,
) -> Transfer:
    """Begin to write an object from a file, as :func:`write_bytes`; :func:`finish_put` ends it,
    ``query.s3_transferred`` tells how far it is."""
    return _put(drive, path, params, if_none_match, if_match, part_bytes, parallel, lpath=lpath)


def open_put_stream(
    drive: Drive,
    path: S3Path,
    *,
    if_none_match: str | None = None,
    if_match: str | None = None,
    part_bytes: int = 0,
    parallel: int = 0,
    **params: Any,
) -> Transfer:
    """Begin to write an object of unknown length: :func:`write_chunk`, then :func:`finish_put`."""
    return _put(drive, path, params, if_none_match, if_match, part_bytes, parallel, stream=True)


async def write_chunk(
    transfer: Transfer, path: S3Path, data: Bytes, if_none_match: str | None = None
) -> None:
    """Give bytes to a stream, waiting while it is full. When the waiting is abandoned the stream
    is left as it is, without these bytes."""
    while True:
        try:
            if transfer.query.s3_write(data):
                return
        except _core.CoreError as ex:
            condition = condition_of(if_none_match)
            raise from_core_error(ex, str(path), condition=condition) from None
        if transfer.is_over:
            failure = transfer.query.error()
            if failure is not None:
                raise_failure(failure, path, condition_of(if_none_match))
        await transfer.changed()


async def finish_put(
    transfer: Transfer, path: S3Path, if_none_match: str | None = None, ends: bool = False
) -> dict[str, Any]:
    """Wait until an object is written; ``ends``: end the stream of its bytes first."""
    condition = condition_of(if_none_match)
    if ends and not transfer.is_over:
        try:
            transfer.query.s3_end()
        except _core.CoreError as ex:
            await transfer.cancel()
            raise from_core_error(ex, str(path), condition=condition) from None
    return _put_response(await _requests.finish(transfer, path, condition), path)


async def copy(drive: Drive, source: S3Path, target: S3Path, **options: Any) -> dict[str, Any]:
    """Copy an object on the server; options as those of :func:`start_copy`."""
    return await finish_copy(start_copy(drive, source, target, **options), source)


def start_copy(
    drive: Drive,
    source: S3Path,
    target: S3Path,
    *,
    multipart_from: int = 0,
    part_bytes: int = 0,
    parallel: int = 0,
    **params: Any,
) -> Transfer:
    """Begin to copy an object, in parts when it is large; :func:`finish_copy` ends it.

    Args:
        multipart_from: size from which on parts are copied; 0: 5 GiB.
        part_bytes: size of the parts; 0: 128 MiB.
    """
    core = drive.client.core
    headers = headers_of(drive.client, "CopyObject", params)
    return _requests.start(
        drive,
        lambda queue: core.s3_copy(
            queue,
            source.bucket,
            source.key or "",
            target.bucket,
            target.key or "",
            source_version_id=source.version_id,
            headers=headers,
            multipart_from=multipart_from,
            part_bytes=part_bytes,
            parallel=parallel,
        ),
        source,
    )


async def finish_copy(transfer: Transfer, source: S3Path) -> dict[str, Any]:
    """Wait until an object is copied."""
    query = await _requests.finish(transfer, source)
    response = _requests.response_of(query)
    if query.s3_body():
        response["CopyObjectResult"] = _requests.document_of(query, source).texts()
    return response


async def delete_object(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """DeleteObject; one that does not exist is fine."""
    query = query_of(params, path.version_id)
    answer = await _requests.call(drive, "DeleteObject", "DELETE", path, params, query)
    return _requests.response_of(answer)


def start_delete(
    drive: Drive,
    bucket: str,
    keys: Sequence[str],
    version_ids: Sequence[str | None] | None = None,
    **params: Any,
) -> Transfer:
    """Begin to delete objects; :func:`finish_delete` ends it, ``query.s3_transferred`` counts."""
    core = drive.client.core
    headers = headers_of(drive.client, "DeleteObjects", params)
    return _requests.start(
        drive,
        lambda queue: core.s3_delete(queue, bucket, keys, version_ids=version_ids, headers=headers),
        bucket,
    )


async def finish_delete(transfer: Transfer, bucket: str) -> list[tuple[str, str, str, str]]:
    """Wait for the end of a deletion; see :func:`delete_objects`."""
    return (await _requests.finish(transfer, bucket)).s3_failures()


async def delete_objects(
    drive: Drive,
    bucket: str,
    keys: Sequence[str],
    version_ids: Sequence[str | None] | None = None,
    **params: Any,
) -> list[tuple[str, str, str, str]]:
    """Delete objects of a bucket, in batches of 1,000 at the same time.

    Returns:
        What was refused, as ``(key, version_id, code, message)``.
    """
    if not keys:
        return []
    return await finish_delete(start_delete(drive, bucket, keys, version_ids, **params), bucket)


# -- listings --------------------------------------------------------------------------------------

_LISTS = {
    _core.S3_LIST_OBJECTS: "ListObjectsV2",
    _core.S3_LIST_VERSIONS: "ListObjectVersions",
    _core.S3_LIST_UPLOADS: "ListMultipartUploads",
    _core.S3_LIST_BUCKETS: "ListBuckets",
    _core.S3_LIST_PARTS: "ListParts",
}


class Pages:
    """The pages of a listing, each a list of entries: ``async for page in pages``.

    Left in the middle, the listing ends when the object goes, or with :meth:`close`.
    """

    __slots__ = ("_path", "_transfer")

    def __init__(self, transfer: Transfer, path: str) -> None:
        self._transfer = transfer
        self._path = path

    def __aiter__(self) -> Pages:
        return self

    async def __anext__(self) -> list[_core.Entry]:
        transfer = self._transfer
        while True:
            is_over = transfer.is_over
            try:
                page = transfer.query.s3_page()
            except _core.CoreError as ex:
                await transfer.cancel()  # it has failed: waits for its last event
                raise from_core_error(ex, self._path) from None
            if page is not None:
                return page
            if is_over:
                raise StopAsyncIteration
            try:
                await transfer.changed()
            except BaseException:
                transfer.forget()
                raise

    async def close(self) -> None:
        """End the listing."""
        await self._transfer.cancel()

    def __del__(self) -> None:
        if not self._transfer.is_over:
            self._transfer.forget()


def list_pages(
    drive: Drive,
    kind: int,
    bucket: str | None = None,
    *,
    prefix: str | None = None,
    delimiter: str | None = None,
    start_after: str | None = None,
    key: str | None = None,
    upload_id: str | None = None,
    page_keys: int = 0,
    keys_max: int = 0,
    **params: Any,
) -> Pages:
    """Begin a listing of one of the core's S3_LIST_* kinds.

    Args:
        key: object whose parts are listed, of the upload ``upload_id``.
        page_keys: entries of a page; 0: 1,000.
        keys_max: how many entries at most; 0: all.
    """
    core = drive.client.core
    headers = headers_of(drive.client, _LISTS[kind], params)
    path = "/".join(part for part in (bucket, prefix or key) if part)
    transfer = _requests.start(
        drive,
        lambda queue: core.s3_list(
            queue,
            kind,
            bucket,
            prefix=prefix,
            delimiter=delimiter,
            start_after=start_after,
            key=key,
            upload_id=upload_id,
            page_keys=page_keys,
            keys_max=keys_max,
            headers=headers,
        ),
        path,
    )
    return Pages(transfer, path)

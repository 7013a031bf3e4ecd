"""One coroutine for each call of S3, over a drive; answers in boto3's shape.

Request parameters go by boto3's names; those that a call does not accept are skipped. What S3
refuses is raised as :func:`~pyathena.filesystem.s3_errors.from_core_error` makes it. ``write_bytes``
is ``put_bytes`` for those who do not need the answer; it costs less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from pyathena import _core
from pyathena.filesystem import _xml
from pyathena.filesystem._params import Pairs, headers_of, query_of
from pyathena.filesystem.s3_errors import from_core_error
from pyathena.filesystem.s3_headers import response_of_headers
from pyathena.filesystem.s3_path import S3Path

if TYPE_CHECKING:
    from pyathena.filesystem._client import S3Client
    from pyathena.filesystem._drive import Drive, Transfer

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
    "finish_put",
    "get_bucket_versioning",
    "get_bytes",
    "get_object_tagging",
    "head_bucket",
    "head_object",
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
    "upload_part",
    "upload_part_copy",
    "write_bytes",
    "write_chunk",
]

Bytes: TypeAlias = "bytes | bytearray | memoryview"

#: Bytes that a first request asks for when the object's size is not known.
FIRST_BYTES = 8 * 2**20
#: Ranges up to this size are answered by the simplest request.
_SMALL_BYTES = 256 * 2**10
_IF_NONE_MATCH = "If-None-Match"


# -- the ground ------------------------------------------------------------------------------------


def raise_failure(failure: _core.ErrorMembers, path: object, condition: str | None) -> NoReturn:
    """Raise what S3 refused."""
    raise from_core_error(failure, str(path), condition=condition)


def _start(
    drive: Drive, start: Callable[[_core.Queue], _core.Query], path: object
) -> Transfer:
    try:
        return drive.start(start)
    except _core.CoreError as ex:
        raise from_core_error(ex, str(path)) from None


async def _finish(transfer: Transfer, path: object, condition: str | None = None) -> _core.Query:
    query = await transfer.done()
    failure = query.error()
    if failure is not None:
        raise_failure(failure, path, condition)
    return query


async def _call(
    drive: Drive,
    operation: str,
    method: str,
    path: S3Path,
    params: Mapping[str, Any],
    query: Pairs | None = None,
    body: Bytes | None = None,
    condition: str | None = None,
    more: Pairs = (),
) -> _core.Query:
    """One request about ``path``; ``more`` are header lines of the call's own."""
    client = drive.client
    headers = headers_of(client, operation, params)
    if more:
        headers = more if headers is None else headers + more
    transfer = _start(
        drive,
        lambda queue: client.core.s3_call(
            queue, operation, method, path.bucket, path.key, query=query, headers=headers, body=body
        ),
        path,
    )
    return await _finish(transfer, path, condition)


def _response(query: _core.Query) -> dict[str, Any]:
    return response_of_headers(query.s3_headers())


def _document(query: _core.Query, path: object) -> _xml.Element:
    """The document of an answer."""
    try:
        return _xml.parse(query.s3_body())
    except ValueError as ex:
        raise OSError(f"{ex}: {path}") from None


def _text(document: _xml.Element, path: object, *names: str) -> str:
    text = document.find_text(*names)
    if text is None:
        raise OSError(f"an answer of S3 has no {names[-1]}: {path}")
    return text


# -- objects ---------------------------------------------------------------------------------------


async def head_object(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """HeadObject."""
    query = query_of(params, path.version_id)
    return _response(await _call(drive, "HeadObject", "HEAD", path, params, query))


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
            return b"" if query is None else query.s3_body()
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
    if query.s3_status == 200:  # a server without ranges
        return query.s3_body()[first:end]
    size = _size_of(query)
    last = size if end is None else min(end, size)
    if last <= first + wanted:
        return query.s3_body()
    etag = if_match or query.s3_header("etag")
    if query.s3_header("content-length") == str(wanted):
        return await _get_rest(drive, path, query, wanted, first, last - first, etag, params)
    return await read_range(drive, path, first, last - first, if_match=etag, **params)


def _size_of(query: _core.Query) -> int:
    """The object's size by the answer to a range; 0 when it does not tell."""
    _, _, size = (query.s3_header("content-range") or "").rpartition("/")
    return int(size) if size.isascii() and size.isdigit() and len(size) < 20 else 0


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
    transfer = _start(
        drive,
        lambda queue: client.core.s3_call(
            queue, "GetObject", "GET", path.bucket, path.key, query=query, headers=headers
        ),
        path,
    )
    answer = await transfer.done()
    failure = answer.error()
    if failure is None:
        return answer
    if failure["http_status"] == 416:
        return None
    raise_failure(failure, path, None)


async def _get_rest(
    drive: Drive,
    path: S3Path,
    head: _core.Query | None,
    got: int,
    start: int,
    length: int,
    if_match: str | None,
    params: Mapping[str, Any],
) -> bytes:
    """``length`` bytes from ``start``, of which the answer ``head`` brought the first ``got``."""
    core = drive.client.core
    headers = headers_of(drive.client, "GetObject", params)
    version_id = params.get("VersionId") or path.version_id
    transfer = _start(
        drive,
        lambda queue: core.s3_get(
            queue,
            path.bucket,
            path.key,
            version_id=version_id,
            if_match=if_match,
            offset=start + got,
            length=length - got,
            allocate=length,
            head=head,
            headers=headers,
        ),
        path,
    )
    return (await _finish(transfer, path)).s3_take()


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
        return await _get_rest(drive, path, None, 0, start, length, if_match, params)
    range_ = f"bytes={start}-{start + length - 1}"
    query = await _get(drive, path, range_, if_match, params)
    if query is None:
        return b""
    body = query.s3_body()
    return body[start : start + length] if query.s3_status == 200 else body


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
    return _start(
        drive,
        lambda queue: core.s3_get(
            queue,
            path.bucket,
            path.key,
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
    return _start(
        drive,
        lambda queue: core.s3_put(
            queue,
            path.bucket,
            path.key,
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
    response = _response(query)
    response.pop("Metadata", None)
    if "ETag" not in response and query.s3_body():
        response["ETag"] = _document(query, path).find_text("ETag")
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
    core = drive.client.core
    headers = headers_of(drive.client, "PutObject", params)
    try:
        transfer = drive.start(
            lambda queue: core.s3_put(
                queue,
                path.bucket,
                path.key,
                body=data,
                headers=headers,
                if_none_match=if_none_match,
                if_match=if_match,
                part_bytes=part_bytes,
                parallel=parallel,
            )
        )
    except _core.CoreError as ex:
        raise from_core_error(ex, str(path)) from None
    query = await transfer.done()
    failure = query.error()
    if failure is not None:
        raise_failure(failure, path, None if if_none_match is None else _IF_NONE_MATCH)
    return query


async def put_bytes(drive: Drive, path: S3Path, data: Bytes, **params: Any) -> dict[str, Any]:
    """As :func:`write_bytes`, with the answer to PutObject or CompleteMultipartUpload."""
    return _put_response(await write_bytes(drive, path, data, **params), path)


async def put_path(
    drive: Drive,
    path: S3Path,
    lpath: str,
    *,
    if_none_match: str | None = None,
    if_match: str | None = None,
    part_bytes: int = 0,
    parallel: int = 0,
    **params: Any,
) -> dict[str, Any]:
    """Write an object from a file."""
    transfer = start_put_path(
        drive,
        path,
        lpath,
        if_none_match=if_none_match,
        if_match=if_match,
        part_bytes=part_bytes,
        parallel=parallel,
        **params,
    )
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
    """Begin to write an object from a file; :func:`finish_put` ends it, ``query.s3_transferred``
    tells how far it is."""
    return _put(
        drive, path, params, if_none_match, if_match, part_bytes, parallel, lpath=lpath
    )


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
    return _put(
        drive, path, params, if_none_match, if_match, part_bytes, parallel, stream=True
    )


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
            condition = None if if_none_match is None else _IF_NONE_MATCH
            raise from_core_error(ex, str(path), condition=condition) from None
        if transfer.is_over:
            failure = transfer.query.error()
            if failure is not None:
                raise_failure(failure, path, None if if_none_match is None else _IF_NONE_MATCH)
        await transfer.changed()


async def finish_put(
    transfer: Transfer, path: S3Path, if_none_match: str | None = None, ends: bool = False
) -> dict[str, Any]:
    """Wait until an object is written; ``ends``: end the stream of its bytes first."""
    condition = None if if_none_match is None else _IF_NONE_MATCH
    if ends and not transfer.is_over:
        try:
            transfer.query.s3_end()
        except _core.CoreError as ex:
            await transfer.cancel()
            raise from_core_error(ex, str(path), condition=condition) from None
    return _put_response(await _finish(transfer, path, condition), path)


async def copy(
    drive: Drive,
    source: S3Path,
    target: S3Path,
    *,
    multipart_from: int = 0,
    part_bytes: int = 0,
    parallel: int = 0,
    **params: Any,
) -> dict[str, Any]:
    """Copy an object on the server, in parts when it is large.

    Args:
        multipart_from: size from which on parts are copied; 0: 5 GiB.
        part_bytes: size of the parts; 0: 128 MiB.
    """
    transfer = start_copy(
        drive,
        source,
        target,
        multipart_from=multipart_from,
        part_bytes=part_bytes,
        parallel=parallel,
        **params,
    )
    return await finish_copy(transfer, source)


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
    """Begin to copy an object; :func:`finish_copy` ends it."""
    core = drive.client.core
    headers = headers_of(drive.client, "CopyObject", params)
    return _start(
        drive,
        lambda queue: core.s3_copy(
            queue,
            source.bucket,
            source.key,
            target.bucket,
            target.key,
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
    query = await _finish(transfer, source)
    response = _response(query)
    response.pop("Metadata", None)
    if query.s3_body():
        response["CopyObjectResult"] = _document(query, source).texts()
    return response


async def delete_object(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """DeleteObject; one that does not exist is fine."""
    query = query_of(params, path.version_id)
    response = _response(await _call(drive, "DeleteObject", "DELETE", path, params, query))
    response.pop("Metadata", None)
    return response


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
    return _start(
        drive,
        lambda queue: core.s3_delete(
            queue, bucket, keys, version_ids=version_ids, headers=headers
        ),
        bucket,
    )


async def finish_delete(transfer: Transfer, bucket: str) -> list[tuple[str, str, str, str]]:
    """Wait for the end of a deletion; see :func:`delete_objects`."""
    return (await _finish(transfer, bucket)).s3_failures()


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
    transfer = _start(
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


# -- multipart uploads -----------------------------------------------------------------------------


async def create_multipart_upload(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """CreateMultipartUpload."""
    query = await _call(
        drive, "CreateMultipartUpload", "POST", path, params, (("uploads", ""),)
    )
    response = _response(query)
    response.pop("Metadata", None)
    upload_id = _text(_document(query, path), path, "UploadId")
    return {**response, "Bucket": path.bucket, "Key": path.key, "UploadId": upload_id}


async def upload_part(
    drive: Drive, path: S3Path, upload_id: str, part_number: int, body: Bytes, **params: Any
) -> dict[str, Any]:
    """UploadPart."""
    query = (("partNumber", str(part_number)), ("uploadId", upload_id))
    answer = await _call(drive, "UploadPart", "PUT", path, params, query, body)
    response = _response(answer)
    response.pop("Metadata", None)
    return response


async def upload_part_copy(
    drive: Drive,
    source: S3Path,
    path: S3Path,
    upload_id: str,
    part_number: int,
    range_: tuple[int, int] | None = None,
    **params: Any,
) -> dict[str, Any]:
    """UploadPartCopy of ``source``, or of its bytes from ``range_[0]`` to before ``range_[1]``."""
    query = (("partNumber", str(part_number)), ("uploadId", upload_id))
    more: Pairs = (("x-amz-copy-source", copy_source(source)),)
    if range_ is not None:
        more += (("x-amz-copy-source-range", f"bytes={range_[0]}-{range_[1] - 1}"),)
    answer = await _call(drive, "UploadPartCopy", "PUT", path, params, query, more=more)
    response = _response(answer)
    response.pop("Metadata", None)
    return {**response, "CopyPartResult": _document(answer, path).texts()}


def copy_source(source: S3Path) -> str:
    """A source as the header line of a copy names it."""
    from urllib.parse import quote

    text = f"{source.bucket}/{quote(source.key or '', safe='/~')}"
    if source.version_id is None:
        return text
    return f"{text}?versionId={quote(source.version_id, safe='')}"


async def complete_multipart_upload(
    drive: Drive,
    path: S3Path,
    upload_id: str,
    parts: Sequence[Mapping[str, Any]],
    *,
    if_none_match: str | None = None,
    **params: Any,
) -> dict[str, Any]:
    """CompleteMultipartUpload; ``parts`` as boto3's ``MultipartUpload["Parts"]``."""
    body = _xml.build(
        "CompleteMultipartUpload",
        [
            ("Part", [(name, str(value)) for name, value in part.items() if value is not None])
            for part in parts
        ],
    )
    if if_none_match is not None:
        params["IfNoneMatch"] = if_none_match
    condition = None if if_none_match is None else _IF_NONE_MATCH
    query = (("uploadId", upload_id),)
    answer = await _call(
        drive, "CompleteMultipartUpload", "POST", path, params, query, body, condition
    )
    response = _response(answer)
    response.pop("Metadata", None)
    document = _document(answer, path).texts()
    return {**response, **{name: document[name] for name in document if document[name]}}


async def abort_multipart_upload(
    drive: Drive, path: S3Path, upload_id: str, **params: Any
) -> dict[str, Any]:
    """AbortMultipartUpload."""
    query = (("uploadId", upload_id),)
    return _response(await _call(drive, "AbortMultipartUpload", "DELETE", path, params, query))


# -- buckets, tags, access -------------------------------------------------------------------------


async def head_bucket(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """HeadBucket."""
    query = await _call(drive, "HeadBucket", "HEAD", S3Path(path.bucket), params)
    return {"BucketRegion": query.s3_header("x-amz-bucket-region")}


async def create_bucket(
    drive: Drive, path: S3Path, *, region: str | None = None, **params: Any
) -> dict[str, Any]:
    """CreateBucket; ``region``: where, when it is not us-east-1."""
    constraint = region or (params.get("CreateBucketConfiguration") or {}).get("LocationConstraint")
    body = None
    if constraint and constraint != "us-east-1":
        body = _xml.build("CreateBucketConfiguration", [("LocationConstraint", constraint)])
    query = await _call(drive, "CreateBucket", "PUT", S3Path(path.bucket), params, body=body)
    return {"Location": query.s3_header("location")}


async def delete_bucket(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """DeleteBucket."""
    await _call(drive, "DeleteBucket", "DELETE", S3Path(path.bucket), params)
    return {}


async def get_bucket_versioning(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """GetBucketVersioning."""
    bucket = S3Path(path.bucket)
    query = (("versioning", ""),)
    answer = await _call(drive, "GetBucketVersioning", "GET", bucket, params, query)
    return _document(answer, bucket).texts()


async def get_object_tagging(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """GetObjectTagging."""
    query = (("tagging", ""), *(query_of(params, path.version_id) or ()))
    answer = await _call(drive, "GetObjectTagging", "GET", path, params, query)
    tags = _document(answer, path).find("TagSet")
    found = [] if tags is None else [tag.texts() for tag in tags.all("Tag")]
    return {"TagSet": found}


async def put_object_tagging(
    drive: Drive, path: S3Path, tags: Sequence[Mapping[str, str]], **params: Any
) -> dict[str, Any]:
    """PutObjectTagging; ``tags`` as boto3's ``Tagging["TagSet"]``."""
    body = _xml.build(
        "Tagging",
        [("TagSet", [("Tag", [("Key", tag["Key"]), ("Value", tag["Value"])]) for tag in tags])],
    )
    query = (("tagging", ""), *(query_of(params, path.version_id) or ()))
    answer = await _call(drive, "PutObjectTagging", "PUT", path, params, query, body)
    return {"VersionId": answer.s3_header("x-amz-version-id")}


async def put_object_acl(drive: Drive, path: S3Path, acl: str, **params: Any) -> dict[str, Any]:
    """PutObjectAcl with a canned list."""
    query = (("acl", ""), *(query_of(params, path.version_id) or ()))
    await _call(drive, "PutObjectAcl", "PUT", path, {**params, "ACL": acl}, query)
    return {}


async def put_bucket_acl(drive: Drive, path: S3Path, acl: str, **params: Any) -> dict[str, Any]:
    """PutBucketAcl with a canned list."""
    params["ACL"] = acl
    await _call(drive, "PutBucketAcl", "PUT", S3Path(path.bucket), params, (("acl", ""),))
    return {}


_METHODS = {
    "delete_object": "DELETE",
    "get_object": "GET",
    "head_object": "HEAD",
    "put_object": "PUT",
    "upload_part": "PUT",
}


def presign(
    client: S3Client,
    path: S3Path,
    client_method: str = "get_object",
    expires: int = 3600,
    **params: Any,
) -> str:
    """A URL for ``client_method`` that is good for ``expires`` seconds without keys.

    Raises:
        ValueError: another method than those for objects, or no key.
    """
    method = _METHODS.get(client_method)
    if method is None:
        raise ValueError(f"client_method must be one of {sorted(_METHODS)}, not {client_method!r}.")
    if path.key is None:
        raise ValueError("The path does not contain a key.")
    query = query_of(params, path.version_id)
    try:
        return client.core.s3_presign(method, path.bucket, path.key, query=query, expires=expires)
    except _core.CoreError as ex:
        raise from_core_error(ex, str(path)) from None

"""Calls of S3 that are one request each, and the ground of all calls; see ``_calls.py``."""

from __future__ import annotations

import errno
import hashlib
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

Bytes: TypeAlias = "bytes | bytearray | memoryview"
IF_NONE_MATCH = "If-None-Match"

# -- the ground ------------------------------------------------------------------------------------


def raise_failure(failure: _core.ErrorMembers, path: object, condition: str | None) -> NoReturn:
    """Raise what S3 refused."""
    raise from_core_error(failure, str(path), condition=condition)


def condition_of(if_none_match: str | None) -> str | None:
    """The header that a refused condition was in, for :func:`raise_failure`."""
    return None if if_none_match is None else IF_NONE_MATCH


def start(
    drive: Drive, starter: Callable[[_core.Queue], _core.Query], path: object
) -> Transfer:
    try:
        return drive.start(starter)
    except _core.CoreError as ex:
        raise from_core_error(ex, str(path)) from None


async def finish(transfer: Transfer, path: object, condition: str | None = None) -> _core.Query:
    query = await transfer.done()
    failure = query.error()
    if failure is not None:
        raise_failure(failure, path, condition)
    return query


async def call(
    drive: Drive,
    operation: str,
    method: str,
    path: S3Path,
    params: Mapping[str, Any],
    query: Pairs | None = None,
    body: Bytes | None = None,
    condition: str | None = None,
) -> _core.Query:
    """One request about ``path``."""
    client = drive.client
    headers = headers_of(client, operation, params)
    transfer = start(
        drive,
        lambda queue: client.core.s3_call(
            queue, operation, method, path.bucket, path.key, query=query, headers=headers, body=body
        ),
        path,
    )
    return await finish(transfer, path, condition)


_OF_THE_BODY = ("ContentLength", "ContentType", "LastModified", "Metadata")


def response_of(query: _core.Query) -> dict[str, Any]:
    """The header lines of an answer about something that was done; those about the answer's own
    body are left out."""
    response = response_of_headers(query.s3_headers())
    for name in _OF_THE_BODY:
        response.pop(name, None)
    return response


def document_of(query: _core.Query, path: object) -> _xml.Element:
    """The document of an answer."""
    try:
        return _xml.parse(query.s3_body())
    except ValueError as ex:
        raise OSError(errno.EPROTO, str(ex), str(path)) from None


def text_of(document: _xml.Element, path: object, *names: str) -> str:
    text = document.find_text(*names)
    if text is None:
        raise OSError(errno.EPROTO, f"an answer of S3 has no {names[-1]}", str(path))
    return text


# -- multipart uploads -----------------------------------------------------------------------------


async def create_multipart_upload(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """CreateMultipartUpload."""
    query = await call(
        drive, "CreateMultipartUpload", "POST", path, params, (("uploads", ""),)
    )
    response = response_of(query)
    upload_id = text_of(document_of(query, path), path, "UploadId")
    return {**response, "Bucket": path.bucket, "Key": path.key, "UploadId": upload_id}


def part_starter(
    client: S3Client,
    path: S3Path,
    upload_id: str,
    part_number: int,
    body: Bytes,
    params: Mapping[str, Any],
) -> Callable[[_core.Queue | None], _core.Query]:
    """What starts an UploadPart."""
    query = (("partNumber", str(part_number)), ("uploadId", upload_id))
    headers = headers_of(client, "UploadPart", params)
    return lambda queue: client.core.s3_call(
        queue, "UploadPart", "PUT", path.bucket, path.key, query=query, headers=headers, body=body
    )


async def upload_part(
    drive: Drive, path: S3Path, upload_id: str, part_number: int, body: Bytes, **params: Any
) -> dict[str, Any]:
    """UploadPart."""
    starter = part_starter(drive.client, path, upload_id, part_number, body, params)
    return response_of(await finish(start(drive, starter, path), path))


def part_copy_starter(
    client: S3Client,
    source: S3Path,
    path: S3Path,
    upload_id: str,
    part_number: int,
    range_: tuple[int, int] | None,
    params: Mapping[str, Any],
) -> Callable[[_core.Queue | None], _core.Query]:
    """What starts an UploadPartCopy."""
    query = (("partNumber", str(part_number)), ("uploadId", upload_id))
    headers = headers_of(client, "UploadPartCopy", params) or ()
    headers += (("x-amz-copy-source", copy_source(source)),)
    if range_ is not None:
        headers += (("x-amz-copy-source-range", f"bytes={range_[0]}-{range_[1] - 1}"),)
    return lambda queue: client.core.s3_call(
        queue, "UploadPartCopy", "PUT", path.bucket, path.key, query=query, headers=headers
    )


def part_copy_response(query: _core.Query, path: S3Path) -> dict[str, Any]:
    """The answer to UploadPartCopy."""
    return {**response_of(query), "CopyPartResult": document_of(query, path).texts()}


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
    client = drive.client
    starter = part_copy_starter(client, source, path, upload_id, part_number, range_, params)
    return part_copy_response(await finish(start(drive, starter, path), path), path)


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
    """CompleteMultipartUpload; ``parts`` as boto3's ``MultipartUpload["Parts"]``.

    An object that an earlier attempt made, whose answer was lost, is a success.
    """
    asked = dict(params)
    body = _xml.build(
        "CompleteMultipartUpload",
        [
            ("Part", [(name, str(value)) for name, value in part.items() if value is not None])
            for part in parts
        ],
    )
    if if_none_match is not None:
        params["IfNoneMatch"] = if_none_match
    condition = condition_of(if_none_match)
    query = (("uploadId", upload_id),)
    try:
        answer = await call(
            drive, "CompleteMultipartUpload", "POST", path, params, query, body, condition
        )
        document = document_of(answer, path).texts()
    except OSError as error:
        found = await _completed(drive, path, error, parts, asked)
        if found is None:
            raise
        return found
    response = response_of(answer)
    return {**response, **{name: document[name] for name in document if document[name]}}


async def _completed(
    drive: Drive,
    path: S3Path,
    error: OSError,
    parts: Sequence[Mapping[str, Any]],
    params: Mapping[str, Any],
) -> dict[str, Any] | None:
    """The answer to CompleteMultipartUpload by the object that is there, when it is of these parts
    and the error may be our own success, seen twice or told incompletely."""
    is_second = _repeats(error) > 0 and getattr(error, "code", None) in _OF_THE_SECOND
    etag = _etag_of_parts(parts)
    if etag is None or not (is_second or error.errno == errno.EPROTO):
        return None
    kept = {name: value for name, value in params.items() if not name.startswith("If")}
    try:
        answer = await call(drive, "HeadObject", "HEAD", path, kept)
    except OSError:
        return None
    if (answer.s3_header("etag") or "").strip('"') != etag:
        return None
    return {**response_of(answer), "Bucket": path.bucket, "Key": path.key}


#: What S3 says to the second completion of an upload.
_OF_THE_SECOND = ("NoSuchUpload", "PreconditionFailed")


def _repeats(error: OSError) -> int:
    """How often a refused request was repeated."""
    response = getattr(error.__cause__, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def _etag_of_parts(parts: Sequence[Mapping[str, Any]]) -> str | None:
    """The ETag of the object that parts make, ``None`` when theirs are no MD5 digests."""
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        text = str(part.get("ETag") or "").strip('"')
        try:
            raw = bytes.fromhex(text)
        except ValueError:
            return None
        if len(raw) != 16:
            return None
        digest.update(raw)
    return f"{digest.hexdigest()}-{len(parts)}"


async def abort_multipart_upload(
    drive: Drive, path: S3Path, upload_id: str, **params: Any
) -> dict[str, Any]:
    """AbortMultipartUpload."""
    query = (("uploadId", upload_id),)
    return response_of(await call(drive, "AbortMultipartUpload", "DELETE", path, params, query))


async def list_page(
    drive: Drive, operation: str, bucket: str | None, query: Pairs, **params: Any
) -> _xml.Element:
    """The document of one page of a listing."""
    core = drive.client.core
    headers = headers_of(drive.client, operation, params)
    path = bucket or ""
    which = {"ListMultipartUploads": "uploads", "ListObjectVersions": "versions"}.get(operation)
    pairs = query if which is None else ((which, ""), *query)
    transfer = start(
        drive,
        lambda queue: core.s3_call(
            queue, operation, "GET", bucket, query=pairs, headers=headers
        ),
        path,
    )
    return document_of(await finish(transfer, path), path)


# -- buckets, tags, access -------------------------------------------------------------------------


async def head_bucket(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """HeadBucket."""
    query = await call(drive, "HeadBucket", "HEAD", S3Path(path.bucket), params)
    return {"BucketRegion": query.s3_header("x-amz-bucket-region")}


async def create_bucket(
    drive: Drive, path: S3Path, *, region: str | None = None, **params: Any
) -> dict[str, Any]:
    """CreateBucket; ``region``: where, when it is not us-east-1.

    A bucket that an earlier attempt created, whose answer was lost, is a success.
    """
    constraint = region or (params.get("CreateBucketConfiguration") or {}).get("LocationConstraint")
    body = None
    if constraint and constraint != "us-east-1":
        body = _xml.build("CreateBucketConfiguration", [("LocationConstraint", constraint)])
    try:
        query = await call(drive, "CreateBucket", "PUT", S3Path(path.bucket), params, body=body)
    except FileExistsError as error:
        is_own = getattr(error, "code", None) == "BucketAlreadyOwnedByYou"
        if not is_own or _repeats(error) == 0:
            raise
        return {"Location": f"/{path.bucket}"}
    return {"Location": query.s3_header("location")}


async def delete_bucket(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """DeleteBucket."""
    await call(drive, "DeleteBucket", "DELETE", S3Path(path.bucket), params)
    return {}


async def get_bucket_versioning(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """GetBucketVersioning."""
    bucket = S3Path(path.bucket)
    query = (("versioning", ""),)
    answer = await call(drive, "GetBucketVersioning", "GET", bucket, params, query)
    return document_of(answer, bucket).texts()


async def get_object_tagging(drive: Drive, path: S3Path, **params: Any) -> dict[str, Any]:
    """GetObjectTagging."""
    query = (("tagging", ""), *(query_of(params, path.version_id) or ()))
    answer = await call(drive, "GetObjectTagging", "GET", path, params, query)
    tags = document_of(answer, path).find("TagSet")
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
    answer = await call(drive, "PutObjectTagging", "PUT", path, params, query, body)
    return {"VersionId": answer.s3_header("x-amz-version-id")}


async def put_object_acl(drive: Drive, path: S3Path, acl: str, **params: Any) -> dict[str, Any]:
    """PutObjectAcl with a canned list."""
    query = (("acl", ""), *(query_of(params, path.version_id) or ()))
    await call(drive, "PutObjectAcl", "PUT", path, {**params, "ACL": acl}, query)
    return {}


async def put_bucket_acl(drive: Drive, path: S3Path, acl: str, **params: Any) -> dict[str, Any]:
    """PutBucketAcl with a canned list."""
    params["ACL"] = acl
    await call(drive, "PutBucketAcl", "PUT", S3Path(path.bucket), params, (("acl", ""),))
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

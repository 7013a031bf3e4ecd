"""The calls one by one, blocking, with typed answers; and the writer of multipart uploads."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pyathena.error import NotSupportedError
from pyathena.filesystem._client import S3Client
from pyathena.filesystem.s3_core import S3Core, S3DeleteBatch, S3DeleteError
from pyathena.filesystem.s3_path import S3Path
from pyathena.filesystem.s3_writer import S3MultipartStateError, S3MultipartWriter
from s3_harness import MIB, PART, Witness, pattern


@pytest.fixture
def core(client: S3Client) -> S3Core:
    return S3Core(client)


@pytest.fixture
def writer(core: S3Core, here: Any) -> S3MultipartWriter:
    return S3MultipartWriter(core, here("k"), block_size=PART)


def test_write_from_a_stream(writer: S3MultipartWriter, here: Any, s3: Witness) -> None:
    data = pattern(17 * MIB)
    upload = writer.initiate(ContentType="a/b")
    assert writer.initiate() is upload
    parts = [writer.upload_part(n, body) for n, body in writer.iter_parts(io.BytesIO(data))]
    assert [part.part_number for part in parts] == [1, 2, 3]
    answer = writer.complete(parts)
    assert answer.etag == s3.head(str(here("k")))["ETag"]
    assert s3.get(str(here("k"))) == data
    assert s3.head(str(here("k")))["ContentType"] == "a/b"
    assert writer.upload is upload


def test_write_by_copying(writer: S3MultipartWriter, here: Any, s3: Witness) -> None:
    data = pattern(6 * MIB)
    s3.put(str(here("source")), data)
    writer.initiate()
    parts = [
        writer.upload_part_copy(number, here("source"), range_)
        for number, range_ in writer.iter_copy_parts(len(data))
    ]
    parts.append(writer.upload_part(len(parts) + 1, b"tail"))
    writer.complete(parts)
    assert s3.get(str(here("k"))) == data + b"tail"


def test_abort(writer: S3MultipartWriter, area: str, s3: Witness) -> None:
    writer.abort()
    writer.initiate()
    writer.upload_part(1, b"x")
    assert len(s3.uploads(area)) == 1
    writer.abort()
    assert writer.upload is None
    writer.abort()
    assert s3.paths(area) == []
    assert s3.uploads(area) == []


def test_order_of_calls(writer: S3MultipartWriter, here: Any) -> None:
    for call in (
        lambda: writer.upload_part(1, b""),
        lambda: writer.upload_part_copy(1, here("s")),
        lambda: writer.complete([]),
    ):
        with pytest.raises(S3MultipartStateError, match="not initialized"):
            call()
    assert issubclass(S3MultipartStateError, RuntimeError)


def test_writer_refuses(core: S3Core, here: Any) -> None:
    with pytest.raises(ValueError, match="no key"):
        S3MultipartWriter(core, S3Path("bucket"), block_size=PART)
    with pytest.raises(ValueError, match="version"):
        S3MultipartWriter(core, S3Path("bucket", "k", "v"), block_size=PART)
    for size in (PART - 1, 5 * 2**30 + 1):
        with pytest.raises(ValueError, match="block_size"):
            S3MultipartWriter(core, here("k"), block_size=size)


def test_objects(core: S3Core, here: Any, s3: Witness) -> None:
    put = core.put_object(here("k"), b"0123456789", Metadata={"a": "b"}, ContentType="x/y")
    head = core.head_object(here("k"))
    assert put.etag == head.etag == s3.head(str(here("k")))["ETag"]
    assert (head, head.content_length, head.content_type) == ({"a": "b"}, 10, "x/y")
    assert core.get_object(here("k")) == b"0123456789"
    assert core.get_object(here("k"), (2, 5)) == b"234"
    assert core.get_object(here("k"), (7, None)) == b"789"
    assert core.get_object(here("k"), (-2, None)) == b"89"
    for range_ in ((3, 3), (5, 2), (-2, 5)):
        with pytest.raises(ValueError, match="range"):
            core.get_object(here("k"), range_)
    core.copy_object(here("k"), here("copy"))
    core.replace_object_metadata(here("copy"), head, {"c": "d"})
    assert core.head_object(here("copy")) == {"c": "d"}
    assert core.head_object(here("copy")).content_type == "x/y"
    with pytest.raises(TypeError, match="Metadata"):
        core.replace_object_metadata(here("copy"), head, {}, Metadata={})
    core.delete_object(here("k"))
    with pytest.raises(FileNotFoundError):
        core.head_object(here("k"))
    with pytest.raises(ValueError, match="no key"):
        core.head_object(S3Path("bucket"))
    with pytest.raises(ValueError, match="version"):
        core.put_object(S3Path("bucket", "k", "v"), b"")
    with pytest.raises(FileExistsError):
        core.put_object(here("copy"), b"", IfNoneMatch="*")


def test_delete_batches(core: S3Core, here: Any, area: str, s3: Witness) -> None:
    paths = [S3Path.parse(s3.put(str(here(str(number))))) for number in range(3)]
    result = core.delete_objects(S3DeleteBatch(paths[0].bucket, tuple(paths), quiet=False))
    assert result.deleted == tuple(paths)
    assert result.errors == ()
    assert s3.paths(area) == []
    many = [S3Path("b", str(number)) for number in range(2500)] + [S3Path("c", "k")]
    assert [len(batch.objects) for batch in S3DeleteBatch.from_paths(many)] == [1000, 1000, 500, 1]
    for wrong in ((), (S3Path("c", "k"),), (S3Path("b"),), tuple(many[:1001])):
        with pytest.raises(ValueError):
            S3DeleteBatch("b", wrong)
    assert str(S3DeleteError(S3Path("b", "k"), "Code", "text")) == "b/k (Code: text)"


def test_listings(core: S3Core, here: Any, area: str, s3: Witness) -> None:
    keys = ["a&<b>", "dir/x y", "dir/z+%", "é"]
    for key in keys:
        s3.put(str(here(key)), b"12")
    bucket, _, prefix = area.partition("/")
    pages = list(core.list_objects(bucket, f"{prefix}/", max_keys=2))
    assert [len(page.objects) for page in pages] == [2, 2]
    assert [str(item.path) for page in pages for item in page.objects] == [
        str(here(key)) for key in keys
    ]
    assert pages[0].is_truncated and not pages[-1].is_truncated
    assert pages[0].objects[0].size == 2
    assert pages[0].objects[0].etag == s3.head(str(here(keys[0])))["ETag"]
    assert pages[0].objects[0].last_modified == s3.head(str(here(keys[0])))["LastModified"]
    page = core.list_objects_page(bucket, f"{prefix}/", delimiter="/")
    assert [item.prefix for item in page.common_prefixes] == [f"{prefix}/dir/"]
    assert bucket in [found.name for page in core.list_buckets() for found in page.buckets]


def test_versions_and_uploads(
    core: S3Core, versioned_area: str, area: str, s3: Witness
) -> None:
    path = S3Path.parse(f"{versioned_area}/k")
    for body in (b"1", b"2"):
        s3.put(str(path), body)
    s3.delete(str(path))
    pages = list(core.list_object_versions(path.bucket, path.key or ""))
    assert sum(len(page.versions) for page in pages) == 2
    assert [marker.is_latest for page in pages for marker in page.delete_markers] == [True]
    assert core.get_bucket_versioning(path.bucket) == "Enabled"
    begun = core.create_multipart_upload(S3Path.parse(f"{area}/u v"))
    found = [
        upload
        for page in core.list_multipart_uploads(begun.bucket or "")
        for upload in page.uploads
        if upload.upload_id == begun.upload_id
    ]
    assert [upload.key for upload in found] == [begun.key]
    core.abort_multipart_upload(begun)


def test_tags_and_lists_of_access(core: S3Core, here: Any, s3: Witness) -> None:
    s3.put(str(here("k")))
    core.put_object_tagging(here("k"), {"a": "b"})
    assert core.get_object_tagging(here("k")) == {"a": "b"}
    with pytest.raises(ValueError, match="ACL not in frozenset"):
        core.put_object_acl(here("k"), "everyone")
    with pytest.raises(ValueError, match="ACL not in frozenset"):
        core.put_bucket_acl("bucket", "aws-exec-read")


def test_plan_of_a_copy(core: S3Core, here: Any, s3: Witness) -> None:
    s3.put(str(here("k")), b"12")
    plan = core.plan_multipart_copy(here("k"), here("m"))
    assert (plan.fits_single_request, plan.size, plan.ranges) == (True, 2, ())
    with pytest.raises(ValueError, match="block_size"):
        core.plan_multipart_copy(here("k"), here("m"), block_size=1)


def test_what_is_not_there(core: S3Core, here: Any) -> None:
    for call in (
        lambda: core.call("head_object", Bucket="b", Key="k"),
        lambda: core.list_object_annotations(here("k")),
        lambda: core.copy_object_annotation("n", here("k"), here("m"), None, None),
    ):
        with pytest.raises(NotSupportedError):
            call()


def test_parameters(core: S3Core) -> None:
    assert core.operation_params("head_object", {"RequestPayer": "x", "Foo": 1}) == {
        "RequestPayer": "x"
    }
    with pytest.raises(ValueError, match="frobnicate"):
        core.operation_params("frobnicate", {})
    assert S3Core(core.client, request_kwargs={"A": 1}).request_kwargs == {"A": 1}

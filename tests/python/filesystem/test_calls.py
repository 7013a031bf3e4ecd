"""One coroutine for each call, by both drives, against the server and its witness."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pyathena import _core
from pyathena.filesystem import _calls
from pyathena.filesystem._client import S3Client
from pyathena.filesystem._drive import Drive, run_blocking
from pyathena.filesystem._loop_drive import LoopDrive
from pyathena.filesystem.s3_path import S3Path
from s3_harness import MIB, Driven, Endpoint, Traffic, Witness, client_of, driven_by, pattern


@pytest.fixture(params=["blocking", "asyncio"])
def driven(request: pytest.FixtureRequest, client: S3Client) -> Driven:
    """Runs a coroutine over a drive of each kind."""
    return driven_by(request.param, client)


SLICES = [
    (None, None),
    (0, None),
    (0, 3),
    (2, 5),
    (7, None),
    (9, 99),
    (10, None),
    (10, 20),
    (99, None),
    (-3, None),
    (-10, None),
    (-99, None),
    (None, -4),
    (2, -2),
    (-5, -2),
    (-2, -5),
    (3, 3),
    (5, 2),
    (None, 0),
    (-3, 9),
]


@pytest.mark.parametrize(("start", "end"), SLICES)
def test_get_bytes_slices(
    driven: Driven, here: Any, s3: Witness, start: int | None, end: int | None
) -> None:
    data = b"0123456789"
    path = here("digits")
    s3.put(str(path), data)
    assert driven(lambda drive: _calls.get_bytes(drive, path, start, end)) == data[start:end]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, None),
        (5, None),
        (1, 20 * MIB),
        (9 * MIB, 21 * MIB + 7),
        (-9 * MIB, None),
        (None, -MIB),
        (8 * MIB, None),
        (None, 8 * MIB + 1),
        (20 * MIB, 10**12),
    ],
)
def test_get_bytes_slices_of_a_large_object(
    driven: Driven, bucket: str, s3: Witness, start: int | None, end: int | None
) -> None:
    data = pattern(21 * MIB + 7)
    path = S3Path(bucket, "large-for-slices")
    if str(path) not in s3.paths(str(path)):
        s3.put(str(path), data)
    assert driven(lambda drive: _calls.get_bytes(drive, path, start, end)) == data[start:end]


def test_get_bytes_around_the_first_request(driven: Driven, here: Any, s3: Witness) -> None:
    for size in (0, 1, _calls.FIRST_BYTES - 1, _calls.FIRST_BYTES, _calls.FIRST_BYTES + 1):
        data = pattern(size)
        s3.put(str(here("k")), data)
        assert driven(lambda drive: _calls.get_bytes(drive, here("k"))) == data, size


def test_get_bytes_asks_once_for_a_small_object(
    traffic: Traffic, aws_env: Any, here: Any, s3: Witness
) -> None:
    s3.put(str(here("k")), b"small")
    client = client_of(traffic.endpoint)
    seen = traffic.count(lambda: run_blocking(client, lambda d: _calls.get_bytes(d, here("k"))))
    assert seen == ["GetObject"]


def test_get_bytes_of_what_is_missing(driven: Driven, here: Any) -> None:
    for start, end in ((None, None), (0, 0), (-5, None), (1, -1), (5, 2)):
        with pytest.raises(FileNotFoundError) as caught:
            driven(lambda drive: _calls.get_bytes(drive, here("missing"), start, end))  # noqa: B023
        assert caught.value.filename == str(here("missing"))


def test_if_match_of_another_version(driven: Driven, here: Any, s3: Witness) -> None:
    s3.put(str(here("k")), pattern(10 * MIB))
    with pytest.raises(OSError) as caught:
        driven(lambda d: _calls.read_range(d, here("k"), 0, 9 * MIB, if_match='"other"'))
    assert caught.value.code == "PreconditionFailed"


def test_put_with_parameters(driven: Driven, here: Any, s3: Witness) -> None:
    path = here("k")
    response = driven(
        lambda d: _calls.put_bytes(
            d,
            path,
            b"data",
            ContentType="text/x-thing",
            Metadata={"colour": "blue"},
            CacheControl="no-cache",
            Unknown=1,
        )
    )
    head = s3.head(str(path))
    assert response["ETag"] == head["ETag"]
    assert head["ContentType"] == "text/x-thing"
    assert head["Metadata"] == {"colour": "blue"}
    assert head["CacheControl"] == "no-cache"
    found = driven(lambda d: _calls.head_object(d, path))
    assert found["ContentLength"] == 4
    assert found["Metadata"] == {"colour": "blue"}
    assert found["LastModified"] == head["LastModified"]


def test_put_of_parts_and_of_a_file(driven: Driven, here: Any, s3: Witness, tmp_path: Any) -> None:
    data = pattern(12 * MIB + 5)
    (tmp_path / "file").write_bytes(data)
    first = driven(lambda d: _calls.put_bytes(d, here("a"), data, part_bytes=5 * MIB))
    second = driven(
        lambda d: _calls.put_path(d, here("b"), str(tmp_path / "file"), part_bytes=5 * MIB)
    )
    assert first["ETag"] == second["ETag"] == s3.head(str(here("a")))["ETag"]
    assert first["ETag"].endswith('-3"')
    assert s3.get(str(here("a"))) == s3.get(str(here("b"))) == data


def test_put_only_when_nothing_is_there(driven: Driven, here: Any, s3: Witness) -> None:
    driven(lambda d: _calls.put_bytes(d, here("k"), b"1", if_none_match="*"))
    with pytest.raises(FileExistsError):
        driven(lambda d: _calls.put_bytes(d, here("k"), b"2", if_none_match="*"))
    assert s3.get(str(here("k"))) == b"1"


def test_streams(driven: Driven, here: Any, s3: Witness) -> None:
    data = pattern(23 * MIB)

    async def main(drive: Drive) -> bytes:
        writing = _calls.open_put_stream(drive, here("k"), part_bytes=5 * MIB)
        for at in range(0, len(data), MIB):
            await _calls.write_chunk(writing, here("k"), data[at : at + MIB])
        await _calls.finish_put(writing, here("k"), ends=True)
        reading = _calls.open_stream(drive, here("k"), 3, 20 * MIB)
        chunks = []
        while (chunk := await _calls.next_chunk(reading, here("k"))) is not None:
            chunks.append(bytes(chunk))
        await reading.done()
        return b"".join(chunks)

    assert driven(main) == data[3 : 3 + 20 * MIB]
    assert s3.get(str(here("k"))) == data


def test_stream_of_what_is_missing(driven: Driven, here: Any) -> None:
    async def main(drive: Drive) -> None:
        transfer = _calls.open_stream(drive, here("missing"))
        with pytest.raises(FileNotFoundError):
            await _calls.next_chunk(transfer, here("missing"))
        await transfer.cancel()

    driven(main)


def test_copy(driven: Driven, here: Any, s3: Witness) -> None:
    data = pattern(11 * MIB)
    s3.put(str(here("source +")), data, Metadata={"a": "b"})
    driven(lambda d: _calls.copy(d, here("source +"), here("whole")))
    response = driven(
        lambda d: _calls.copy(
            d, here("source +"), here("parts"), multipart_from=1, part_bytes=5 * MIB
        )
    )
    assert response["CopyObjectResult"]["ETag"].endswith('-3"')
    for key in ("whole", "parts"):
        assert s3.get(str(here(key))) == data
        assert s3.head(str(here(key)))["Metadata"] == {"a": "b"}
    with pytest.raises(FileNotFoundError):
        driven(lambda d: _calls.copy(d, here("missing"), here("x")))


def test_delete(driven: Driven, here: Any, s3: Witness, area: str) -> None:
    for key in ("a", "b & <c>", "d"):
        s3.put(str(here(key)))
    keys = [here(key).key for key in ("a", "b & <c>", "missing")]
    assert driven(lambda d: _calls.delete_objects(d, here("a").bucket, keys)) == []
    assert s3.paths(area) == [str(here("d"))]
    driven(lambda d: _calls.delete_object(d, here("d")))
    driven(lambda d: _calls.delete_object(d, here("d")))
    assert s3.paths(area) == []
    assert driven(lambda d: _calls.delete_objects(d, here("a").bucket, [])) == []


def test_listing(driven: Driven, here: Any, s3: Witness, area: str) -> None:
    for number in range(7):
        s3.put(str(here(f"dir/{number}")), b"x" * number)
    bucket, _, prefix = area.partition("/")

    async def main(drive: Drive, **more: Any) -> list[Any]:
        pages = _calls.list_pages(
            drive, _core.S3_LIST_OBJECTS, bucket, prefix=f"{prefix}/", page_keys=3, **more
        )
        return [entry async for page in pages for entry in page]

    entries = driven(main)
    assert [(entry[1], entry[2]) for entry in entries] == [
        (here(f"dir/{number}").key, number) for number in range(7)
    ]
    prefixes = driven(lambda d: main(d, delimiter="/"))
    assert [(entry[0], entry[1]) for entry in prefixes] == [(_core.S3_PREFIX, f"{prefix}/dir/")]
    assert len(driven(lambda d: main(d, keys_max=4))) == 4


def test_listing_of_a_missing_bucket(driven: Driven) -> None:
    async def main(drive: Drive) -> None:
        async for _ in _calls.list_pages(drive, _core.S3_LIST_OBJECTS, "no-such-bucket-at-all"):
            pass

    with pytest.raises(FileNotFoundError):
        driven(main)


def test_multipart_upload_by_hand(driven: Driven, here: Any, s3: Witness) -> None:
    data = pattern(11 * MIB)
    s3.put(str(here("source")), data)

    async def main(drive: Drive) -> dict[str, Any]:
        upload = await _calls.create_multipart_upload(drive, here("k"), ContentType="a/b")
        id_ = upload["UploadId"]
        one = await _calls.upload_part(drive, here("k"), id_, 1, data[: 5 * MIB])
        two = await _calls.upload_part_copy(
            drive, here("source"), here("k"), id_, 2, (5 * MIB, 11 * MIB)
        )
        etags = [one["ETag"], two["CopyPartResult"]["ETag"]]
        parts = [{"PartNumber": i, "ETag": etag} for i, etag in enumerate(etags, 1)]
        return await _calls.complete_multipart_upload(drive, here("k"), id_, parts)

    response = driven(main)
    assert response["Key"] == here("k").key
    assert s3.get(str(here("k"))) == data
    assert s3.head(str(here("k")))["ContentType"] == "a/b"


def test_tags(driven: Driven, here: Any, s3: Witness) -> None:
    s3.put(str(here("k")))
    tags = [{"Key": "team", "Value": "a+b @ c"}]
    driven(lambda d: _calls.put_object_tagging(d, here("k"), tags))
    assert s3.tags(str(here("k"))) == {"team": "a+b @ c"}
    assert driven(lambda d: _calls.get_object_tagging(d, here("k"))) == {"TagSet": tags}


def test_buckets(driven: Driven, s3: Witness) -> None:
    path = S3Path("calls-bucket")
    with pytest.raises(FileNotFoundError):
        driven(lambda d: _calls.head_bucket(d, path))
    driven(lambda d: _calls.create_bucket(d, path))
    driven(lambda d: _calls.head_bucket(d, path))
    assert driven(lambda d: _calls.get_bucket_versioning(d, path)).get("Status") in (None, "")
    driven(lambda d: _calls.delete_bucket(d, path))


def test_presigned_url(client: S3Client, here: Any, s3: Witness) -> None:
    path = here("a b+c")
    s3.put(str(path), b"for everyone")
    with urllib.request.urlopen(_calls.presign(client, path, expires=60)) as answer:
        assert answer.read() == b"for everyone"
    with pytest.raises(ValueError, match="client_method"):
        _calls.presign(client, path, "get_bucket_acl")
    with pytest.raises(ValueError, match="key"):
        _calls.presign(client, S3Path("bucket"))


def test_additional_parameters_reach_what_accepts_them(
    endpoint: Endpoint, aws_env: Any, here: Any, s3: Witness
) -> None:
    client = client_of(endpoint, s3_additional_kwargs={"ContentType": "x/y", "Nothing": 1})
    run_blocking(client, lambda d: _calls.put_bytes(d, here("k"), b"1"))
    run_blocking(client, lambda d: _calls.put_bytes(d, here("m"), b"1", ContentType="own/one"))
    assert run_blocking(client, lambda d: _calls.get_bytes(d, here("k"))) == b"1"
    assert s3.head(str(here("k")))["ContentType"] == "x/y"
    assert s3.head(str(here("m")))["ContentType"] == "own/one"


def test_wrong_key_is_refused(endpoint: Endpoint, aws_env: Any, here: Any) -> None:
    client = client_of(endpoint, secret="wrong")
    with pytest.raises(PermissionError) as caught:
        run_blocking(client, lambda d: _calls.get_bytes(d, here("k")))
    assert caught.value.code == "SignatureDoesNotMatch"


def test_surrogate_in_a_key_names_it(driven: Driven, here: Any) -> None:
    with pytest.raises(ValueError, match="key"):
        driven(lambda d: _calls.get_bytes(d, here("\ud800")))


def test_many_at_once(client: S3Client, here: Any) -> None:
    async def main() -> None:
        drive = LoopDrive(client)
        paths = [here(f"many/{number}") for number in range(200)]
        await asyncio.gather(*(_calls.write_bytes(drive, p, str(p).encode()) for p in paths))
        got = await asyncio.gather(*(_calls.get_bytes(drive, p) for p in paths))
        assert got == [str(p).encode() for p in paths]

    asyncio.run(main())


class CopyingServer(ThreadingHTTPServer):
    """Copies an object in parts; answers to no part before all are asked for."""

    daemon_threads = True
    request_queue_size = 64  # all connect at the same moment

    def __init__(self, parts: int) -> None:
        super().__init__(("127.0.0.1", 0), CopyingHandler)
        self.all_there = threading.Barrier(parts)
        self.heads = 0


class CopyingHandler(BaseHTTPRequestHandler):
    server: CopyingServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def reply(self, body: str = "", length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("ETag", '"etag"')
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_HEAD(self) -> None:
        self.server.heads += 1
        self.reply(length=40 * 5 * MIB)

    def do_PUT(self) -> None:
        self.server.all_there.wait(30)
        self.reply("<CopyPartResult><ETag>e</ETag></CopyPartResult>")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = "Initiate" if self.path.endswith("uploads=") else "Complete"
        inner = "<UploadId>u</UploadId><ETag>e</ETag>"
        self.reply(f"<{name}MultipartUploadResult>{inner}</{name}MultipartUploadResult>")


def test_copy_asks_for_all_parts_at_once(endpoint: Endpoint, aws_env: Any) -> None:
    """They carry no bytes, so each is a round trip saved."""
    server = CopyingServer(40)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = client_of(endpoint.at(server.server_address[1]))
    source, target = S3Path("b", "from"), S3Path("b", "to")

    try:
        run_blocking(
            client,
            lambda d: _calls.copy(d, source, target, multipart_from=1, part_bytes=5 * MIB),
        )
        assert server.heads == 1
    finally:
        server.shutdown()
        server.server_close()

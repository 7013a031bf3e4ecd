"""S3 operations: what the library is told, and what of its answers Python gets."""

from __future__ import annotations

import array
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from fakelib import core, lib
from fakes3 import Transfer, call, get, listing, put


def test_client_options() -> None:
    core.Client(s3_addressing=1, s3_checksums=2, s3_accelerate=True, s3_payload_signing=False)
    assert lib.fake_s3_client() == b"1/2/1/-1"
    core.Client()
    assert lib.fake_s3_client() == b"0/0/0/0"


def test_call_tells_all() -> None:
    transfer = Transfer(
        lambda client: client.s3_call(
            None,
            "PutObject",
            "PUT",
            "bücket",
            "ä/k y",
            query=[("a", "1"), ("b", "")],
            headers=(("x-amz-acl", "private"),),
            body=b"data",
            into=bytearray(7),
            user=2**64 - 1,
        )
    )
    assert transfer.text == (
        "call|bucket=bücket|operation=PutObject|method=PUT|key=ä/k y|query=a:1|query=b:"
        "|header=x-amz-acl:private|into=7"
    )
    assert transfer.lent() == b"data"
    assert transfer.query.user == 2**64 - 1


def test_call_takes_keywords_in_any_order() -> None:
    names = {"".join(["met", "hod"]): "GET", "bucket": None, "queue": None, "operation": "O"}
    transfer = Transfer(lambda client: client.s3_call(**names))
    assert transfer.text == "call|operation=O|method=GET"
    many = [(f"n{i}", str(i)) for i in range(30)]
    assert call(query=many).text.count("|query=") == 30


def test_get_tells_all() -> None:
    transfer = get(
        version_id="v",
        if_match='"e"',
        offset=2**40,
        length=3,
        into=memoryview(bytearray(10))[2:8],
        headers=[("a", "b")],
        part_bytes=2**33,
        parallel=2**32 - 1,
    )
    assert transfer.text == (
        f'get|bucket=b|key=k|version_id=v|if_match="e"|offset={2**40}|length=3|into=6'
        f"|part_bytes={2**33}|parallel={2**32 - 1}|header=a:b"
    )
    assert get().text == "get|bucket=b|key=k"


def test_put_tells_all() -> None:
    options = {"if_none_match": "*", "part_bytes": 5, "parallel": 2, "headers": [("a", "b")]}
    common = "|if_none_match=*|part_bytes=5|parallel=2|header=a:b"
    assert put(body=b"", **options).text == f"put|bucket=b|key=k{common}"
    assert put(path="/a", if_match="e").text == "put|bucket=b|key=k|path=/a|if_match=e"
    assert put(stream=True, **options).text == f"put|bucket=b|key=k|stream=1{common}"


def test_put_path_is_that_of_a_file() -> None:
    query = core.Client().s3_put(None, "b", "k", path="/tmp/\udcff")
    assert lib.fake_text(query.token) == b"put|bucket=b|key=k|path=/tmp/\xff"
    with pytest.raises(ValueError, match="null"):
        put(path="a\0b")


def test_copy_list_delete_tell_all() -> None:
    copy = Transfer(
        lambda client: client.s3_copy(
            None, "from", "a", "b", "k", source_version_id="v", multipart_from=1, part_bytes=2,
            parallel=3, headers=[("a", "b")],
        )
    )  # fmt: skip
    assert copy.text == (
        "copy|bucket=b|key=k|source_bucket=from|source_key=a|source_version_id=v"
        "|multipart_from=1|part_bytes=2|parallel=3|header=a:b"
    )
    parts = Transfer(
        lambda client: client.s3_list(
            None, core.S3_LIST_PARTS, "b", prefix="p", delimiter="/", start_after="s", key="k\0",
            upload_id="u", page_keys=10, keys_max=2**40, headers=[("a", "b")],
        )
    )  # fmt: skip
    assert parts.text == (
        f"list|bucket=b|kind=5|prefix=p|delimiter=/|start_after=s|key=k|upload_id=u|page_keys=10"
        f"|keys_max={2**40}|header=a:b"
    )
    buckets = Transfer(lambda client: client.s3_list(None, core.S3_LIST_BUCKETS))
    assert buckets.text == "list|kind=4"
    delete = Transfer(
        lambda client: client.s3_delete(None, "b", ["x", "ü"], version_ids=(None, "v"))
    )
    assert delete.text == "delete|bucket=b|key=x|key=ü|version_id=v"
    assert Transfer(lambda client: client.s3_delete(None, "b", ("x",))).text == (
        "delete|bucket=b|key=x"
    )


def test_presign() -> None:
    client = core.Client()
    assert client.s3_presign("GET", "b", "ä", expires=60) == "GET/b/ä/60/"
    assert client.s3_presign("GET", "b", "k") == "GET/b/k/3600/"
    for length in (8191, 8192, 100_000):
        assert len(client.s3_presign("PUT", "b", "k", query=[("n", str(length))])) == length
    with pytest.raises(core.CoreError, match="too long") as info:
        client.s3_presign("PUT", "b", "k", query=[("n", "1000000")])
    assert info.value.code == core.ERR_TOO_LARGE
    with pytest.raises(core.CoreError, match="expires"):
        client.s3_presign("PUT", "b", "k", expires=0)


_BAD: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda c: c.s3_call(None, "O", "GET"), TypeError, "missing required argument: 'bucket'"),
    (lambda c: c.s3_call(None, "O", "GET", "b", "k", []), TypeError, "at most 5 positional"),
    (lambda c: c.s3_call(None, "O", "GET", "b", qery=[]), TypeError, "keyword argument 'qery'"),
    (lambda c: c.s3_call(None, "O", "GET", "b", bucket="b"), TypeError, "multiple .* 'bucket'"),
    (lambda c: c.s3_call(5, "O", "GET", "b"), TypeError, "queue must be Queue or None"),
    (lambda c: c.s3_call(None, None, "GET", "b"), TypeError, "operation must be str"),
    (lambda c: c.s3_call(None, "O", b"GET", "b"), TypeError, "method must be str, not bytes"),
    (lambda c: c.s3_call(None, "O", "GET", "b", "k\udc80"), ValueError, "key: .* index 1 .*lone"),
    (lambda c: c.s3_call(None, "O", "GET", "b\0"), ValueError, "bucket contains a NUL"),
    (lambda c: c.s3_call(None, "O", "GET", "b", user="x"), TypeError, "user must be int"),
    (lambda c: c.s3_call(None, "O", "GET", "refused"), core.CoreError, "no such name"),
    (lambda c: c.s3_call(None, "O", "GET", "b", headers={"a": "b"}), TypeError, "headers must be"),
    (lambda c: c.s3_call(None, "O", "GET", "b", headers="ab"), TypeError, "headers must be"),
    (lambda c: c.s3_call(None, "O", "GET", "b", headers=["ab"]), TypeError, r"headers\[0\] must"),
    (lambda c: c.s3_call(None, "O", "GET", "b", query=[("a", "b"), ("a", 1)]), TypeError,
     r"query\[1\] must be a tuple of two str"),
    (lambda c: c.s3_call(None, "O", "GET", "b", query=[("a", "\ud800")]), ValueError,
     r"query\[0\]: "),
    (lambda c: c.s3_call(None, "O", "GET", "b", body="x"), TypeError, "body must be a bytes-like"),
    (lambda c: c.s3_call(None, "O", "GET", "b", body=memoryview(b"abcd")[::2]), ValueError,
     "body must be contiguous memory"),
    (lambda c: c.s3_call(None, "O", "GET", "b", into=b"x"), ValueError, "into must be .*writable"),
    (lambda c: c.s3_get(None, "b", None), TypeError, "key must be str"),
    (lambda c: c.s3_get(None, None, "k"), TypeError, "bucket must be str"),
    (lambda c: c.s3_get(None, "b", "k", offset=-1), ValueError, "offset must be between"),
    (lambda c: c.s3_get(None, "b", "k", length=2**63), ValueError, "length must be between"),
    (lambda c: c.s3_get(None, "b", "k", length=1.0), TypeError, "length must be int, not float"),
    (lambda c: c.s3_get(None, "b", "k", parallel=2**32), ValueError, "parallel must be between"),
    (lambda c: c.s3_get(None, "b", "k", allocate=-1), ValueError, "allocate must be between"),
    (lambda c: c.s3_get(None, "b", "k", allocate=1, into=bytearray(1)), ValueError, "allocate"),
    (lambda c: c.s3_get(None, "b", "k", head=b"x"), TypeError, "head must be Query or None"),
    (lambda c: c.s3_put(None, "b", "k", path=5), TypeError, "path must be"),
    (lambda c: c.s3_put(None, "refused", "k", body=b"x"), core.CoreError, "no such name"),
    (lambda c: c.s3_copy(None, "a", None, "b", "k"), TypeError, "source_key must be str"),
    (lambda c: c.s3_copy(None, "a", "b", "c"), TypeError, "missing required argument: 'key'"),
    (lambda c: c.s3_list(None, "x"), TypeError, "kind must be int"),
    (lambda c: c.s3_list(None, 1, "b", page_keys=2**31), ValueError, "page_keys must be"),
    (lambda c: c.s3_delete(None, "b", "key"), TypeError, "keys must be a sequence of str"),
    (lambda c: c.s3_delete(None, "b", ["a", None]), TypeError, r"keys\[1\] must be str"),
    (lambda c: c.s3_delete(None, "b", ["a\udc80"]), ValueError, r"keys\[0\]: "),
    (lambda c: c.s3_delete(None, "b", ["a"], version_ids=[]), ValueError, "as many as keys"),
    (lambda c: c.s3_delete(None, "b", ["a"], version_ids=[1]), TypeError, r"version_ids\[0\]"),
    (lambda c: c.s3_presign("GET", "b"), TypeError, "missing required argument: 'key'"),
    (lambda c: c.s3_presign("GET", "b", "k", expires="1"), TypeError, "expires must be int"),
]  # fmt: skip


@pytest.mark.parametrize(("start", "error", "text"), _BAD)
def test_bad_arguments(start: Callable[[Any], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        start(core.Client())


def test_a_refused_pair_is_not_shown() -> None:
    with pytest.raises(TypeError) as info:
        call(headers=[("x-amz-server-side-encryption-customer-key", b"secret")])
    assert "secret" not in str(info.value)


def test_a_refused_start_gives_memory_back() -> None:
    body, into = bytearray(b"x"), bytearray(5)
    with pytest.raises(core.CoreError):
        core.Client().s3_call(None, "O", "PUT", "refused", body=body, into=into)
    with pytest.raises(ValueError):
        call(body=body, into=memoryview(into)[::2])
    body.append(1)
    into.append(1)


# -- answers ---------------------------------------------------------------------------------------


def test_answer() -> None:
    transfer = call()
    query = transfer.query
    assert (query.s3_status, query.s3_body(), query.s3_headers()) == (0, b"", [])
    assert (query.s3_size, query.s3_transferred, query.s3_header("etag")) == (-1, 0, None)
    transfer.answer(b"body", 206, 2**40).finish()
    assert (query.s3_status, query.s3_body(), query.s3_size) == (206, b"body", 2**40)
    assert query.s3_headers() == [("ETag", '"abc"'), ("x-amz-meta-a", "b: c")]
    assert query.s3_header("etag") == '"abc"'
    assert query.s3_header("other") is None
    for bad, error in ((5, TypeError), (None, TypeError), ("a\0", ValueError)):
        with pytest.raises(error, match="name"):
            query.s3_header(bad)


def test_answer_of_other_operations() -> None:
    query = core.Client().start_query(None, "SELECT 1")
    assert (query.s3_status, query.s3_body(), query.s3_headers()) == (0, b"", [])
    assert (query.s3_size, query.s3_transferred, query.s3_failures()) == (-1, 0, [])
    for member in (query.s3_chunk, query.s3_page, query.s3_end, lambda: query.s3_write(b"")):
        with pytest.raises(core.CoreError) as info:
            member()
        assert info.value.code == core.ERR_STATE


def test_headers_that_are_not_ascii() -> None:
    query = call().raw_head("A: é\n".encode() + b"B: \xe9\nno colon\nC:\n").query
    assert query.s3_headers() == [("A", "é"), ("B", "é"), ("C", "")]


def test_large_body() -> None:
    body = bytes(range(256)) * 4096
    assert call().answer(body).query.s3_body() == body


def test_failures() -> None:
    transfer = Transfer(lambda client: client.s3_delete(None, "b", ["a", "b"]))
    transfer.failures(("ä", "", "AccessDenied", "no"), ("b", "v", "InternalError", "")).finish()
    assert transfer.query.s3_failures() == [
        ("ä", "", "AccessDenied", "no"),
        ("b", "v", "InternalError", ""),
    ]


# -- pages -----------------------------------------------------------------------------------------


def test_page() -> None:
    transfer = listing()
    assert transfer.query.s3_page() is None
    transfer.page(
        {
            "type": core.S3_VERSION,
            "key": "ä/1",
            "bytes": 2**40,
            "etag": '"e"',
            "last_modified": 1700000000.25,
            "storage_class": "STANDARD",
            "version_id": "v",
            "is_latest": True,
            "owner_id": "id",
            "owner_name": "name",
        },
        {"type": core.S3_PREFIX, "key": "p/"},
        {"type": core.S3_PART, "part_number": 7, "upload_id": "u"},
        {"type": core.S3_OBJECT, "key": b"not \xff utf-8", "storage_class": "NEW"},
    )
    assert transfer.query.wait(core.WAIT_BATCH) == core.WAIT_BATCH
    none = (None, None, None, None, False, 0, None, None, None)
    assert transfer.query.s3_page() == [
        (3, "ä/1", 2**40, '"e"', 1700000000.25, "STANDARD", "v", True, 0, None, "id", "name"),
        (2, "p/", 0, *none),
        (7, "", 0, None, None, None, None, False, 7, "u", None, None),
        (1, "not \udcff utf-8", 0, None, None, "NEW", None, False, 0, None, None, None),
    ]
    assert transfer.query.s3_page() is None
    transfer.page()
    assert transfer.query.s3_page() == []
    transfer.finish(core.ERR_ACCESS, "no")
    with pytest.raises(core.CoreError) as info:
        transfer.query.s3_page()
    assert info.value.code == core.ERR_ACCESS


def test_page_shares_what_repeats() -> None:
    import gc

    transfer = listing()
    classes = ["STANDARD", "GLACIER", "OWN", "OWN", "STANDARD"]
    transfer.page(*({"key": name, "storage_class": name, "owner_id": "me"} for name in classes))
    page = transfer.query.s3_page()
    assert [entry[5] for entry in page] == classes
    assert page[0][5] is page[4][5] is sys.intern("STANDARD")
    assert page[2][5] is page[3][5]
    assert len({id(entry[10]) for entry in page}) == 1
    assert not any(gc.is_tracked(entry) for entry in page)


# -- streams ---------------------------------------------------------------------------------------


def test_chunks() -> None:
    transfer = get()
    query = transfer.query
    assert query.s3_chunk() is None
    transfer.chunk(b"abc").chunk(b"")
    assert query.wait(core.WAIT_BATCH) == core.WAIT_BATCH
    chunk = query.s3_chunk()
    assert len(chunk) == 3
    view = memoryview(chunk)
    assert view.readonly
    assert view.format == "B"
    del chunk
    assert len(query.s3_chunk()) == 0
    transfer.finish()
    assert query.done
    assert query.s3_chunk() is None
    del transfer, query
    assert bytes(view) == b"abc"
    assert lib.fake_s3_parts_alive() == 1
    with pytest.raises(TypeError):
        core.S3Chunk()


def test_chunks_are_not_writable() -> None:
    chunk = get().chunk(b"abc").query.s3_chunk()
    with pytest.raises(TypeError):
        memoryview(chunk)[0] = 1
    with pytest.raises(ValueError, match="into"):
        get(into=chunk)
    assert put(body=chunk).lent() == b"abc"
    assert b"".join([chunk, chunk]) == b"abcabc"


def test_chunks_of_a_failure() -> None:
    transfer = get().chunk(b"abc").finish(core.ERR_IO, "broken")
    assert bytes(transfer.query.s3_chunk()) == b"abc"
    with pytest.raises(core.CoreError, match="broken") as info:
        transfer.query.s3_chunk()
    assert (info.value.code, info.value.attempts) == (core.ERR_IO, 3)


def test_write() -> None:
    transfer = put(stream=True)
    query = transfer.query
    assert query.s3_write(b"abc") is False
    transfer.room(300_000)
    assert query.wait(core.WAIT_BATCH) == core.WAIT_BATCH
    assert query.s3_write(b"abc") is True
    assert query.s3_write(memoryview(bytearray(297_000))) is True
    assert query.s3_write(array.array("i", [1] * 750)) is False
    assert query.s3_transferred == 297_003
    for bad in ("abc", None, 5):
        with pytest.raises(TypeError, match="data must be a bytes-like"):
            query.s3_write(bad)
    query.s3_end()
    for late in (query.s3_end, lambda: query.s3_write(b"x")):
        with pytest.raises(core.CoreError, match="after the end"):
            late()


# -- memory that is lent ---------------------------------------------------------------------------


def settle_by(name: str) -> Callable[[Any], object]:
    return {
        "wait": lambda query: query.wait(core.WAIT_DONE),
        "done": lambda query: query.done,
        "error": lambda query: query.error(),
        "status": lambda query: query.s3_status,
        "body": lambda query: query.s3_body(),
        "detach": lambda query: query.detach(),
    }[name]


@pytest.mark.parametrize("way", ["wait", "done", "error", "status", "body", "detach"])
def test_memory_is_held_until_the_end(way: str) -> None:
    body, into = bytearray(b"data"), bytearray(10)
    transfer = call(body=body, into=into)
    for memory in (body, into):
        with pytest.raises(BufferError):
            memory.append(1)
    assert not transfer.query.done
    assert transfer.query.error() is None
    assert transfer.query.wait(core.WAIT_DONE, 0) == 0
    with pytest.raises(BufferError):
        body.append(1)
    if way != "detach":
        assert transfer.store(2, b"xyz")
        transfer.answer().finish()
        with pytest.raises(BufferError):
            body.append(1)
    settle_by(way)(transfer.query)
    body.append(1)
    into.append(1)
    if way != "detach":
        assert into == b"\0\0xyz\0\0\0\0\0\x01"


def test_memory_is_kept_alive() -> None:
    transfer = call(body=b"".join([b"fresh ", b"bytes"]), into=memoryview(bytearray(10))[3:])
    assert transfer.lent() == b"fresh bytes"
    assert transfer.store(0, b"1234567")


def test_dropping_waits_for_the_io_thread() -> None:
    before = lib.fake_s3_touches()
    body, into = bytearray(b"data"), bytearray(4)
    transfer = call(body=body, into=into)
    del transfer
    assert lib.fake_s3_touches() == before + 1
    assert into == b"~~~~"  # the last word of the I/O thread
    body.append(1)
    into.append(1)
    transfer = call(body=body).finish()
    del transfer
    assert lib.fake_s3_touches() == before + 1
    body.append(1)


def test_a_cycle_through_lent_memory_is_collected() -> None:
    import gc
    import weakref

    class Memory(bytearray):
        pass

    memory = Memory(b"data")
    memory.transfer = call(body=memoryview(memory), into=memory)
    gone = weakref.ref(memory)
    before = lib.fake_s3_touches()
    del memory
    gc.collect()
    assert gone() is None
    assert lib.fake_s3_touches() == before + 1
    assert lib.fake_alive() == 0


def test_references_do_not_leak() -> None:
    memory = bytearray(10)
    values: list[Any] = [memory, "key" * 5, [("head" * 3, "value" * 3)], ("k1" * 5, "k2" * 5)]
    before = [sys.getrefcount(value) for value in values]
    client = core.Client()
    for _ in range(50):
        query = client.s3_call(None, "O", "GET", "b", values[1], headers=values[2], body=memory)
        query.s3_headers()
        query = client.s3_get(None, "b", values[1], into=memory, headers=values[2])
        query = client.s3_delete(None, "b", values[3], version_ids=values[3])
        query = client.s3_list(None, 1, "b", prefix=values[1], headers=values[2])
        client.s3_presign("GET", "b", values[1], query=values[2])
        del query
    assert [sys.getrefcount(value) for value in values] == before


# -- bytes that are allocated ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 1000, (4 << 20) - 1, (9 << 20) + 5])
def test_take(size: int) -> None:
    transfer = get(allocate=size)
    assert transfer.text == f"get|bucket=b|key=k|length={size}|into={size}"
    with pytest.raises(core.CoreError, match="has not ended"):
        transfer.query.s3_take()
    data = (b"0123456789" * (size // 10 + 1))[:size]
    assert transfer.store(0, data)
    transfer.finish()
    taken = transfer.query.s3_take()
    assert type(taken) is bytes
    assert taken == data
    with pytest.raises(core.CoreError, match="taken before") as info:
        transfer.query.s3_take()
    assert info.value.code == core.ERR_STATE


def test_take_of_a_shorter_object() -> None:
    for size in (0, 1, 600_000):
        transfer = get(allocate=2_000_000, length=1_500_000)
        assert "|length=1500000|into=2000000" in transfer.text
        assert transfer.store(0, b"x" * size)
        assert transfer.finish().query.s3_take() == b"x" * size


@pytest.mark.parametrize("front", [b"", b"begin ", b"b" * 300_000])
def test_take_with_a_head(front: bytes) -> None:
    first = call().answer(front).finish()
    transfer = get(allocate=len(front) + 3, head=first.query, offset=len(front), if_match="e")
    assert transfer.text.endswith("|length=3|into=3")
    assert transfer.store(0, b"end")
    assert transfer.finish().query.s3_take() == front + b"end"


def test_head_must_fit_and_have_succeeded() -> None:
    running = call()
    with pytest.raises(ValueError, match="head must be a call that has succeeded"):
        get(allocate=10, head=running.query)
    with pytest.raises(ValueError, match="head must be a call that has succeeded"):
        get(allocate=10, head=call().finish(core.ERR_IO).query)
    for size in (0, 2):
        with pytest.raises(ValueError, match="allocate must be at least"):
            get(allocate=size, head=call().answer(b"abc").finish().query)


def test_take_of_a_failure() -> None:
    transfer = get(allocate=1000).finish(core.ERR_IO, "broken")
    with pytest.raises(core.CoreError, match="broken"):
        transfer.query.s3_take()
    detached = get(allocate=1000)
    detached.query.detach()
    with pytest.raises(core.CoreError, match="no bytes were allocated"):
        detached.finish().query.s3_take()
    with pytest.raises(core.CoreError, match="no bytes were allocated"):
        get().finish().query.s3_take()


def test_dropping_a_get_that_allocated() -> None:
    before = lib.fake_s3_touches()
    transfer = get(allocate=5 << 20)
    del transfer
    assert lib.fake_s3_touches() == before + 1


def test_one_query_in_many_threads() -> None:
    memory = bytearray(100)
    for _ in range(50):
        transfer = call(body=memory, into=memory)
        start = threading.Barrier(4)

        def ask(query: Any = transfer.query, start: threading.Barrier = start) -> None:
            start.wait()
            while not query.done:
                query.error()
                query.s3_body()

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        start.wait()
        transfer.answer(b"x").finish()
        for thread in threads:
            thread.join()
        memory.append(1)
        memory.pop()

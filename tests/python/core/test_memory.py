"""Every allocation of a call fails in turn: MemoryError, nothing lost, nothing leaked."""

from __future__ import annotations

import _testcapi
from collections import OrderedDict
from typing import Any

import fakes3
import pytest
from fakelib import BINARY, DATE, DECIMAL, TEXT, TIMESTAMP, Script, column, core, rows_of

COUNT = 30


def make(kind: Any) -> Any:
    script = Script().columns("a", "b", "c", "d", "e")
    script.push(
        COUNT,
        column(TEXT, [f"text {i} é" for i in range(COUNT)]),
        column(DECIMAL, list(range(COUNT)), 2),
        column(DATE, list(range(COUNT))),
        column(TIMESTAMP, list(range(COUNT))),
        column(BINARY, [b"x" * i for i in range(COUNT)]),
    )
    return core.Rows(script.finish().query, kind, converters=[lambda t: [t], *[None] * 4])


def failing(n: int, call: Any) -> Any:
    """The result of ``call`` with its allocation ``n`` failing; None for a MemoryError."""
    try:
        _testcapi.set_nomemory(n, n + 1)
        try:
            return call()
        finally:
            _testcapi.remove_mem_hooks()
    except MemoryError:
        return None


@pytest.mark.parametrize("kind", [tuple, dict, OrderedDict])
def test_take(kind: Any) -> None:
    rows_of(DECIMAL, [1], 2)  # imports decimal
    expected = make(kind).take()
    failures = 0
    for n in range(3000):
        rows = make(kind)
        taken = failing(n, rows.take)
        if taken is None:
            failures += 1
            taken = rows.take()
        assert taken == expected
        if n > failures + 20:
            break
    assert failures > 50


def test_handles() -> None:
    def calls() -> Any:
        client = core.Client(region="us-east-1")
        query = client.start_query(core.Queue(), "SELECT 1", {"parameters": ["a", "b"]}, 1)
        client.stats()
        query.columns()
        return core.Rows(query, dict, names=[])

    failures = sum(failing(n, calls) is None for n in range(80))
    assert failures > 10


def test_s3_starts() -> None:
    pairs = [(f"name{i}", "value") for i in range(20)]

    def calls() -> Any:
        client = core.Client()
        body, into = bytearray(5), bytearray(5)
        try:
            client.s3_call(None, "O", "PUT", "b", "é", query=pairs, body=body, into=into)
            client.s3_put(None, "b", "k", path="/ä")
            client.s3_list(None, 1, "b", headers=pairs)
            client.s3_delete(None, "b", ["é", "b"], version_ids=["ü", None])
            client.s3_get(None, "b", "k", allocate=1000)
            return client.s3_presign("GET", "b", "k", query=[("n", "9000")])
        finally:
            body.append(1)  # given back, whatever failed
            into.append(1)

    failures = sum(failing(n, calls) is None for n in range(100))
    assert failures > 25


def test_s3_answers() -> None:
    entries = [
        {"key": f"k{i}", "etag": "é", "bytes": 10**6, "storage_class": "GLACIER", "owner_id": "me",
         "last_modified": 1.5, "upload_id": "u", "version_id": str(i)}
        for i in range(3)
    ]  # fmt: skip

    def prepare() -> Any:
        transfer = fakes3.get(allocate=100)
        transfer.store(0, b"x")
        deletion = fakes3.Transfer(lambda client: client.s3_delete(None, "b", ["a"]))
        return [
            fakes3.call().answer(b"body", size=10**12).finish().query,
            fakes3.listing().page(*entries).query,
            fakes3.get().chunk(b"x").query,
            transfer.finish().query,
            deletion.failures(("ä", "b", "c", "d")).query,
        ]

    def read(call: Any, listing: Any, stream: Any, transfer: Any, deletion: Any) -> Any:
        answer = (call.s3_headers(), call.s3_header("etag"), call.s3_body(), call.s3_size)
        page, chunk = listing.s3_page(), stream.s3_chunk()
        return (*answer, page, len(chunk), transfer.s3_take(), deletion.s3_failures())

    expected = read(*prepare())
    failures = 0
    for n in range(300):
        operations = prepare()
        result = failing(n, lambda operations=operations: read(*operations))
        failures += result is None
        assert result in (None, expected)
    assert failures > 30

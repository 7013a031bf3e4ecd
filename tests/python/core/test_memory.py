"""Every allocation of a call fails in turn: MemoryError, nothing lost, nothing leaked."""

from __future__ import annotations

import _testcapi
from collections import OrderedDict
from typing import Any

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

"""The extension module on a scripted library: batches and events come from the test.

``core`` is the module under test, linked with ``fake_athena.c``; :class:`Script` tells one
operation what to do. Built by Meson with ``-Dpython=true -Dtests=true``; ``CORE_BUILD_DIR``
says where.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib.machinery
import importlib.util
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

TEXT, BINARY, BOOL, INT8, INT16, INT32, INT64, DOUBLE, DECIMAL, DATE, TIME, TIMESTAMP = range(1, 13)

_FIXED = {
    INT8: "b", INT16: "h", INT32: "i", INT64: "q", DOUBLE: "d", DATE: "i", TIME: "q",
    TIMESTAMP: "q",
}  # fmt: skip


def load(name: str) -> ModuleType:
    """Load an extension module from the build directory."""
    folder = Path(os.environ["CORE_BUILD_DIR"])
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        for path in folder.rglob(name + suffix):
            loader = importlib.machinery.ExtensionFileLoader(name, str(path))
            spec = importlib.util.spec_from_loader(name, loader)
            assert spec is not None
            module = importlib.util.module_from_spec(spec)
            loader.exec_module(module)
            return module
    raise FileNotFoundError(f"no {name} for this Python in {folder}")


core = load("_core_fake")


class _Column(ctypes.Structure):
    _fields_ = [
        ("storage", ctypes.c_int),
        ("scale", ctypes.c_int32),
        ("null_count", ctypes.c_int64),
        ("is_ascii", ctypes.c_int),
        ("validity", ctypes.c_char_p),
        ("validity_size", ctypes.c_size_t),
        ("offsets", ctypes.c_char_p),
        ("offsets_size", ctypes.c_size_t),
        ("values", ctypes.c_char_p),
        ("values_size", ctypes.c_size_t),
    ]


lib = ctypes.CDLL(core.__spec__.origin)
lib.fake_last_token.restype = ctypes.c_uint64
lib.fake_text.restype = ctypes.c_char_p
for _name in (
    "columns",
    "push",
    "repeat",
    "finish",
    "event",
    "state",
    "text",
    "cancels",
    "detaches",
):
    _function = getattr(lib, f"fake_{_name}")
    _function.argtypes = {
        "columns": [ctypes.c_uint64, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char_p)],
        "push": [ctypes.c_uint64, ctypes.c_size_t, ctypes.c_size_t, ctypes.POINTER(_Column)],
        "repeat": [ctypes.c_uint64, ctypes.c_size_t],
        "finish": [ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p],
        "event": [ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p],
        "state": [ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p],
    }.get(_name, [ctypes.c_uint64])


def _bits(flags: Sequence[bool]) -> bytes:
    out = bytearray(len(flags) // 8 + 1)
    for i, flag in enumerate(flags):
        out[i // 8] |= flag << (i % 8)
    return bytes(out)


def column(storage: int, values: Sequence[Any], scale: int = 0) -> _Column:
    """One column in Arrow layout; None is NULL. Decimals are unscaled ints."""
    nulls = sum(value is None for value in values)
    validity = _bits([value is not None for value in values]) if nulls else None
    offsets = None
    ascii_only = False
    if storage in (TEXT, BINARY):
        cells = [
            b"" if value is None else value.encode() if isinstance(value, str) else value
            for value in values
        ]
        ends = [0]
        for cell in cells:
            ends.append(ends[-1] + len(cell))
        offsets = struct.pack(f"<{len(ends)}i", *ends)
        data = b"".join(cells)
        ascii_only = data.isascii()
    elif storage == BOOL:
        data = _bits([bool(value) for value in values])
    elif storage == DECIMAL:
        data = b"".join((value or 0).to_bytes(16, "little", signed=True) for value in values)
    else:
        data = struct.pack(
            f"<{len(values)}{_FIXED[storage]}", *(0 if value is None else value for value in values)
        )
    return _Column(
        storage, scale, nulls, ascii_only,
        validity, len(validity or b""), offsets, len(offsets or b""), data, len(data),
    )  # fmt: skip


class Script:
    """A query of the fake, and the functions that tell it what to do."""

    def __init__(self, queue: Any = None, sql: str = "SELECT 1", **options: Any) -> None:
        self.client = core.Client(region="us-east-1")
        self.query = self.client.start_query(queue, sql, options)
        self.token = self.query.token

    def columns(self, *names: str) -> Script:
        array = (ctypes.c_char_p * len(names))(*(name.encode() for name in names))
        lib.fake_columns(self.token, len(names), array)
        return self

    def push(self, rows: int, *columns: _Column) -> Script:
        lib.fake_push(self.token, rows, len(columns), (_Column * len(columns))(*columns))
        return self

    def repeat(self, times: int) -> Script:
        lib.fake_repeat(self.token, times)
        return self

    def finish(self, code: int = 0, message: str = "") -> Script:
        lib.fake_finish(self.token, code, message.encode())
        return self

    def event(self, type_: int, json: str | None = None) -> Script:
        lib.fake_event(self.token, type_, None if json is None else json.encode())
        return self


def rows_of(storage: int, values: Sequence[Any], scale: int = 0, **options: Any) -> list[Any]:
    """The Python values that one column gives."""
    script = Script().columns("a").push(len(values), column(storage, values, scale)).finish()
    return [row[0] for row in core.Rows(script.query, **options).take()]


def numbers(count: int, start: int = 0, queue: Any = None) -> Script:
    """A query with one bigint column, 0, 1, 2, ... in one batch; not finished."""
    values = list(range(start, start + count))
    return Script(queue).columns("n").push(count, column(INT64, values))


class Bridge:
    """What asyncio needs between queue and fetches: a reader that resolves futures by token."""

    def __init__(self, budget_ns: int = 250_000) -> None:
        self.loop = asyncio.get_running_loop()
        self.queue = core.Queue()
        self.budget = core.LoopBudget(self.loop, budget_ns)
        self.waiters: dict[int, list[asyncio.Future[None]]] = {}
        self.waits = 0
        self.loop.add_reader(self.queue.fileno(), self._drain)

    def _drain(self) -> None:
        for type_, _code, token, _json in self.queue.drain():
            if type_ in (core.EVENT_BATCH, core.EVENT_DONE):
                for future in self.waiters.pop(token, []):
                    if not future.done():
                        future.set_result(None)

    def wait_batch(self, query: Any) -> asyncio.Future[None]:
        self.waits += 1
        future = self.loop.create_future()
        self.waiters.setdefault(query.token, []).append(future)
        return future

    def close(self) -> None:
        self.loop.remove_reader(self.queue.fileno())


def run_asyncio(main: Callable[[], Any]) -> Any:
    """Run a coroutine function on a fresh asyncio loop."""
    return asyncio.run(main())


def run_uvloop(main: Callable[[], Any]) -> Any:
    """Run a coroutine function on a fresh uvloop loop."""
    import uvloop

    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()

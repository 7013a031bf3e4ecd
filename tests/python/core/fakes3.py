"""S3 operations of the scripted library, and the functions that tell them what to do."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from fakelib import core, lib


class _Slice(ctypes.Structure):
    _fields_ = [("ptr", ctypes.c_char_p), ("len", ctypes.c_size_t)]


_TEXTS = ("key", "etag", "storage_class", "version_id", "upload_id", "owner_id", "owner_name")


class _Entry(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("is_latest", ctypes.c_bool),
        ("part_number", ctypes.c_int32),
        ("bytes", ctypes.c_int64),
        ("last_modified", ctypes.c_double),
        *((name, _Slice) for name in _TEXTS),
    ]


class _Failure(ctypes.Structure):
    _fields_ = [(name, _Slice) for name in ("key", "version_id", "code", "message")]


_ARGUMENTS = {
    "answer": [
        ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64,
    ],
    "store": [ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t],
    "lent": [ctypes.c_char_p, ctypes.c_size_t],
    "chunk": [ctypes.c_char_p, ctypes.c_size_t],
    "page": [ctypes.POINTER(_Entry), ctypes.c_size_t],
    "failures": [ctypes.POINTER(_Failure), ctypes.c_size_t],
    "room": [ctypes.c_size_t],
}  # fmt: skip
for _name, _types in _ARGUMENTS.items():
    getattr(lib, f"fake_s3_{_name}").argtypes = [ctypes.c_uint64, *_types]
lib.fake_s3_lent.restype = ctypes.c_size_t
lib.fake_s3_client.restype = ctypes.c_char_p

HEAD = 'HTTP/1.1 200 OK\r\nETag: "abc"\r\nx-amz-meta-a:  b: c \r\n\r\n'


def _slice(text: str | bytes) -> _Slice:
    data = text.encode() if isinstance(text, str) else text
    return _Slice(data, len(data))


class Transfer:
    """An operation on S3; ``start`` gets a client."""

    def __init__(self, start: Callable[[Any], Any]) -> None:
        self.query = start(core.Client())
        self.token = self.query.token

    @property
    def text(self) -> str:
        """What the library was told, in brief."""
        return lib.fake_text(self.token).decode()

    def answer(self, body: bytes = b"", status: int = 200, size: int = -1) -> Transfer:
        lib.fake_s3_answer(self.token, status, HEAD.encode(), body, len(body), size)
        return self

    def raw_head(self, head: bytes) -> Transfer:
        lib.fake_s3_answer(self.token, 200, head, b"", 0, -1)
        return self

    def store(self, offset: int, data: bytes) -> bool:
        return bool(lib.fake_s3_store(self.token, offset, data, len(data)))

    def lent(self, cap: int = 100) -> bytes:
        """What the I/O thread sees of the body."""
        buffer = ctypes.create_string_buffer(cap)
        length = lib.fake_s3_lent(self.token, buffer, cap)
        return buffer.raw[:length]

    def chunk(self, data: bytes) -> Transfer:
        lib.fake_s3_chunk(self.token, data, len(data))
        return self

    def page(self, *entries: dict[str, Any]) -> Transfer:
        array = (_Entry * len(entries))()
        for native, entry in zip(array, entries):
            for name, value in entry.items():
                setattr(native, name, _slice(value) if name in _TEXTS else value)
        lib.fake_s3_page(self.token, array, len(entries))
        return self

    def failures(self, *failures: Sequence[str]) -> Transfer:
        array = (_Failure * len(failures))(*(tuple(map(_slice, each)) for each in failures))
        lib.fake_s3_failures(self.token, array, len(failures))
        return self

    def room(self, count: int) -> Transfer:
        lib.fake_s3_room(self.token, count)
        return self

    def finish(self, code: int = 0, message: str = "") -> Transfer:
        lib.fake_finish(self.token, code, message.encode())
        return self


def call(**options: Any) -> Transfer:
    """A single request."""
    return Transfer(lambda client: client.s3_call(None, "GetObject", "GET", "b", "k", **options))


def get(**options: Any) -> Transfer:
    """A get of an object."""
    return Transfer(lambda client: client.s3_get(None, "b", "k", **options))


def put(**options: Any) -> Transfer:
    """A put of an object."""
    return Transfer(lambda client: client.s3_put(None, "b", "k", **options))


def listing() -> Transfer:
    """A listing of objects."""
    return Transfer(lambda client: client.s3_list(None, core.S3_LIST_OBJECTS, "b"))

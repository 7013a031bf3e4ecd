"""Result objects: the CSV, the ``.metadata`` beside it, and pages cut out of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO

from .render import Renderer
from .s3 import S3Client

_SPOOL = 8 * 1024 * 1024


def _quoter(render: Renderer) -> Callable[[Any], str]:
    if render is str:
        return lambda v: "" if v is None else '"' + str(v).replace('"', '""') + '"'
    return lambda v: "" if v is None else '"' + render(v).replace('"', '""') + '"'


class CsvWriter:
    """Collects a result as Athena's CSV in a spooled file."""

    def __init__(self, labels: Sequence[str], renderers: Sequence[Renderer]) -> None:
        self._columns = [_quoter(render) for render in renderers]
        self.file: tempfile.SpooledTemporaryFile[bytes] = tempfile.SpooledTemporaryFile(
            max_size=_SPOOL
        )
        self.rows = 0
        self.bytes = 0
        head = ",".join('"' + label.replace('"', '""') + '"' for label in labels) + "\n"
        self._write(head.encode())

    def _write(self, data: bytes) -> None:
        self.file.write(data)
        self.bytes += len(data)

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Adds rows of values."""
        if not rows:
            return
        columns = [
            list(map(quoter, column))
            for quoter, column in zip(self._columns, zip(*rows, strict=True), strict=True)
        ]
        text = "\n".join(map(",".join, zip(*columns, strict=True))) + "\n"
        self._write(text.encode("utf-8", "surrogatepass"))
        self.rows += len(rows)

    def close(self) -> None:
        """Drops the file."""
        self.file.close()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def metadata(query_id: str, columns: Iterable[dict[str, Any]]) -> bytes:
    """The ``.metadata`` object: protocol-buffer wire format."""
    out = bytearray(_field(1, query_id.encode()))
    for info in columns:
        text = ("CatalogName", "SchemaName", "TableName", "Name", "Label", "Type")
        column = bytearray()
        for number, member in enumerate(text, 1):
            column += _field(number, info[member].encode())
        numbers = (info["Precision"], info["Scale"], 3, int(info["CaseSensitive"]))
        for number, value in enumerate(numbers, 7):
            column += _varint(number << 3) + _varint(value)
        out += _field(4, bytes(column))
    return bytes(out)


_CELL = re.compile(rb'(?:"((?:[^"]|"")*)")?([,\n])')
_CHUNK = 1024 * 1024


def parse_rows(data: bytes, start: int, limit: int) -> tuple[list[list[str | None]], int]:
    """At most ``limit`` whole rows of CSV from offset ``start``; (rows, offset after them)."""
    rows: list[list[str | None]] = []
    row: list[str | None] = []
    end = position = start
    for match in _CELL.finditer(data, start):
        if match.start() != position:
            raise ValueError(f"malformed result object at byte {match.start()}")
        position = match.end()
        raw = match.group(1)
        if raw is None:
            row.append(None)
        else:
            if b'""' in raw:
                raw = raw.replace(b'""', b'"')
            row.append(raw.decode("utf-8", "replace"))
        if match.group(2) == b"\n":
            rows.append(row)
            row = []
            end = position
            if len(rows) == limit:
                break
    return rows, end


class ResultReader:
    """Cuts pages out of result objects; keeps the last objects it read (by a byte budget)."""

    def __init__(self, client: S3Client, secret: bytes, budget: int = 128 * 1024 * 1024) -> None:
        self._client = client
        self._secret = secret
        self._budget = budget
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def load(self, query_id: str, bucket: str, key: str) -> bytes:
        """The whole object, from memory when it was read lately."""
        with self._lock:
            data = self._cache.get(query_id)
            if data is not None:
                self._cache.move_to_end(query_id)
                return data
        data = self._client.get(bucket, key)
        self.remember(query_id, data)
        return data

    def remember(self, query_id: str, data: bytes) -> None:
        """Keeps an object's bytes for pages to come."""
        if len(data) > self._budget:
            return
        with self._lock:
            if query_id in self._cache:
                return
            self._cache[query_id] = data
            self._size += len(data)
            while self._size > self._budget:
                _, dropped = self._cache.popitem(last=False)
                self._size -= len(dropped)

    def page(
        self, query_id: str, bucket: str, key: str, offset: int, limit: int
    ) -> tuple[list[list[str | None]], int | None]:
        """Rows from a byte offset on and the offset of the next page, None after the last row."""
        data = self.load(query_id, bucket, key)
        rows, end = parse_rows(data, offset, limit)
        return rows, end if end < len(data) else None

    def token(self, query_id: str, offset: int) -> str:
        """An opaque NextToken for an offset, bound to the query."""
        body = json.dumps([query_id, offset]).encode()
        mac = hmac.new(self._secret, body, hashlib.sha256).digest()[:16]
        return base64.urlsafe_b64encode(mac + body).decode()

    def offset(self, query_id: str, token: str) -> int | None:
        """The offset in a token, None when it is not one of ours for this query."""
        try:
            raw = base64.urlsafe_b64decode(token.encode())
        except ValueError:
            return None
        mac, body = raw[:16], raw[16:]
        if not hmac.compare_digest(mac, hmac.new(self._secret, body, hashlib.sha256).digest()[:16]):
            return None
        owner, offset = json.loads(body)
        return int(offset) if owner == query_id else None


def spool_bytes(file: BinaryIO | tempfile.SpooledTemporaryFile[bytes]) -> bytes:
    """The whole content of a spooled file."""
    file.seek(0)
    return file.read()

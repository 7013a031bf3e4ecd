"""All access to the S3 server: a small client, and a file system over it for the SQL engine."""

from __future__ import annotations

import hashlib
import http.client
import io
import ssl
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from fsspec import AbstractFileSystem
from fsspec.spec import AbstractBufferedFile

from .sigv4 import EMPTY_SHA256, Credential, sign_s3

_SPOOL = 16 * 1024 * 1024
_UNSIGNED = "UNSIGNED-PAYLOAD"


class S3Error(Exception):
    """The S3 server refused. ``code`` is S3's error code, or the HTTP status when it sent none."""

    def __init__(self, status: int, code: str, message: str, what: str) -> None:
        super().__init__(f"{code} ({status}) for {what}: {message}")
        self.status = status
        self.code = code


@dataclass(frozen=True)
class S3Object:
    """An entry of a listing."""

    key: str
    size: int
    modified: datetime


def split_uri(uri: str) -> tuple[str, str]:
    """``s3://bucket/key`` -> (bucket, key); ValueError when it is no such URI."""
    for scheme in ("s3://", "s3a://", "s3n://"):
        if uri.startswith(scheme):
            bucket, _, key = uri[len(scheme) :].partition("/")
            if bucket:
                return bucket, key
    raise ValueError(f"not an S3 URI: {uri!r}")


class S3Client:
    """Blocking and thread-safe; connections are kept and reused. Path-style addresses."""

    def __init__(self, endpoint: str, credential: Credential, region: str) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an HTTP endpoint: {endpoint!r}")
        self.endpoint = endpoint
        self._tls = parts.scheme == "https"
        self._name = parts.hostname
        self._port = parts.port or (443 if self._tls else 80)
        default = (443 if self._tls else 80) == self._port
        self._host = parts.hostname if default else f"{parts.hostname}:{self._port}"
        self._prefix = parts.path.rstrip("/")
        self._credential = credential
        self._region = region
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._name, self._port, timeout=60, context=context)
        return http.client.HTTPConnection(self._name, self._port, timeout=60)

    def _request(
        self,
        method: str,
        bucket: str,
        key: str = "",
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
        ok: tuple[int, ...] = (200, 204, 206),
    ) -> tuple[int, dict[str, str], bytes]:
        path = f"{self._prefix}/{quote(bucket)}"
        if key:
            path += "/" + quote(key, safe="/-._~")
        pairs = sorted(
            (quote(k, safe="-._~"), quote(v, safe="-._~")) for k, v in (query or {}).items()
        )
        encoded = "&".join(f"{k}={v}" for k, v in pairs)
        if body is None:
            digest = EMPTY_SHA256
        elif isinstance(body, bytes):
            digest = hashlib.sha256(body).hexdigest()
        else:
            digest = _UNSIGNED
        signed = sign_s3(
            self._credential, self._region, method, self._host, path, encoded, headers or {}, digest
        )
        if body is not None and not isinstance(body, bytes):
            body.seek(0, io.SEEK_END)
            signed["content-length"] = str(body.tell())
        target = path + ("?" + encoded if encoded else "")
        status, answer, data = self._exchange(method, target, signed, body)
        if status not in ok:
            raise _error(status, data, f"{method} s3://{bucket}/{key}")
        return status, answer, data

    def _exchange(
        self, method: str, target: str, headers: dict[str, str], body: bytes | BinaryIO | None
    ) -> tuple[int, dict[str, str], bytes]:
        for fresh in (False, True):
            with self._lock:
                connection = self._idle.pop() if self._idle and not fresh else None
            reused = connection is not None
            connection = connection or self._connect()
            try:
                if body is not None and not isinstance(body, bytes):
                    body.seek(0)
                connection.request(method, target, body=body, headers=headers)
                response = connection.getresponse()
                data = response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                if reused:  # the server closed an idle connection: once more on a new one
                    continue
                raise
            answer = {name.lower(): value for name, value in response.getheaders()}
            if response.will_close:
                connection.close()
            else:
                with self._lock:
                    self._idle.append(connection)
            return response.status, answer, data
        raise ConnectionError(f"no connection to {self.endpoint}")

    def put(self, bucket: str, key: str, body: bytes | BinaryIO, content_type: str = "") -> None:
        """Writes an object from bytes or from a file that can be rewound."""
        headers = {"content-type": content_type or "application/octet-stream"}
        self._request("PUT", bucket, key, headers=headers, body=body)

    def get(self, bucket: str, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes of an object, or those from ``start`` to before ``end``."""
        headers = {}
        if start is not None:
            headers["range"] = f"bytes={start}-{'' if end is None else end - 1}"
        status, _, data = self._request("GET", bucket, key, headers=headers, ok=(200, 206, 416))
        if status == 416:
            return b""
        if status == 200 and start is not None:
            return data[start:end]
        return data

    def head(self, bucket: str, key: str) -> tuple[int, datetime] | None:
        """(size, time of change), or None when there is no such object."""
        status, headers, _ = self._request("HEAD", bucket, key, ok=(200, 404))
        if status == 404:
            return None
        modified = datetime.now(timezone.utc)
        if "last-modified" in headers:
            text = headers["last-modified"]
            modified = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT")
            modified = modified.replace(tzinfo=timezone.utc)
        return int(headers.get("content-length", "0")), modified

    def bucket_exists(self, bucket: str) -> bool:
        """Whether the bucket is there."""
        status, _, _ = self._request("HEAD", bucket, ok=(200, 404))
        return status == 200

    def create_bucket(self, bucket: str) -> None:
        """Makes a bucket; one that we have already is no error."""
        try:
            self._request("PUT", bucket)
        except S3Error as error:
            if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    def delete(self, bucket: str, key: str) -> None:
        """Removes an object; a missing one is no error."""
        self._request("DELETE", bucket, key, ok=(200, 204, 404))

    def list(self, bucket: str, prefix: str = "") -> Iterator[S3Object]:
        """All objects below ``prefix``, in key order."""
        token = None
        while True:
            query = {"list-type": "2", "prefix": prefix}
            if token:
                query["continuation-token"] = token
            _, _, data = self._request("GET", bucket, query=query)
            root = ElementTree.fromstring(data)
            space = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""
            for item in root.iter(f"{space}Contents"):
                stamp = item.findtext(f"{space}LastModified", "1970-01-01T00:00:00Z")
                yield S3Object(
                    item.findtext(f"{space}Key", ""),
                    int(item.findtext(f"{space}Size", "0")),
                    datetime.fromisoformat(stamp.replace("Z", "+00:00")),
                )
            token = root.findtext(f"{space}NextContinuationToken")
            if root.findtext(f"{space}IsTruncated") != "true" or not token:
                return

    def close(self) -> None:
        """Closes the idle connections."""
        with self._lock:
            connections, self._idle = self._idle, []
        for connection in connections:
            connection.close()


def _error(status: int, data: bytes, what: str) -> S3Error:
    code, message = str(status), ""
    try:
        root = ElementTree.fromstring(data)
        for child in root:
            tag = child.tag.rpartition("}")[2]
            if tag == "Code":
                code = child.text or code
            elif tag == "Message":
                message = child.text or ""
    except ElementTree.ParseError:
        message = data[:200].decode("utf-8", "replace")
    return S3Error(status, code, message, what)


class _File(AbstractBufferedFile):
    """Reads by ranges; writes into a spooled file that is sent when it is closed."""

    fs: S3FileSystem
    _spool: tempfile.SpooledTemporaryFile[bytes]

    def _fetch_range(self, start: int, end: int) -> bytes:
        bucket, key = split_uri("s3://" + self.path)
        return self.fs.client.get(bucket, key, start, end)

    def _initiate_upload(self) -> None:
        self._spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL)

    def _upload_chunk(self, final: bool = False) -> bool:
        self.buffer.seek(0)
        self._spool.write(self.buffer.read())
        if final:
            bucket, key = split_uri("s3://" + self.path)
            with self._spool as spool:
                self.fs.client.put(bucket, key, spool)  # type: ignore[arg-type]
        return True


class S3FileSystem(AbstractFileSystem):
    """What the SQL engine needs of fsspec, over S3Client."""

    protocol = ("s3", "s3a", "s3n")
    cachable = False

    def __init__(self, client: S3Client, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.client = client

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> _File:
        return _File(self, path, mode=mode, block_size=4 * 1024 * 1024, cache_type="readahead")

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        bucket, key = split_uri("s3://" + path)
        found = self.client.head(bucket, key) if key else None
        if found is None:
            raise FileNotFoundError(path)
        return {"name": path, "size": found[0], "type": "file", "modified": found[1]}

    def modified(self, path: str) -> datetime:
        return self.info(path)["modified"]

    def glob(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> list[str]:
        # Table readers name each object: nothing to expand.
        return [path]

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        path = self._strip_protocol(path)
        bucket, key = split_uri("s3://" + path)
        found = [
            {"name": f"{bucket}/{item.key}", "size": item.size, "type": "file"}
            for item in self.client.list(bucket, key)
        ]
        return found if detail else [item["name"] for item in found]

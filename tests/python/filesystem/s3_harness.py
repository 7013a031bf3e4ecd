"""What the tests of the file systems share: the kinds of file system, a witness beside them, paths.

Every kind is used by blocking calls, so that one test states what holds for all of them. The
witness is boto3: what it says of the server's state does not come from the code under test.
"""

from __future__ import annotations

import contextlib
import inspect
import random
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import harness
from fsspec.registry import _registry
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.filesystem.s3_async import AioS3FileSystem

sys.path.append(str(Path(__file__).parents[2] / "fault"))

from proxy import ThreadedFaultProxy  # noqa: E402

#: S3FileSystem; AioS3FileSystem by its blocking methods; its coroutines on each loop.
KINDS = ("blocking", "wrapped", "asyncio", "uvloop")
MIB = 1 << 20
PART = 5 * MIB


@dataclass(frozen=True)
class Endpoint:
    """An S3 server and the key for it."""

    url: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def at(self, port: int) -> Endpoint:
        """The same server behind another port."""
        return Endpoint(f"http://127.0.0.1:{port}", self.access_key, self.secret_key, self.region)

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of a file system of its own for this server."""
        return {
            "endpoint_url": self.url,
            "key": self.access_key,
            "secret": self.secret_key,
            "region_name": self.region,
            "skip_instance_cache": True,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a program to this server."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes that are the same for the same seed, no two blocks of them alike."""
    return random.Random(seed).randbytes(size)


# -- file systems ---------------------------------------------------------------------------------


class Coroutines:
    """An asynchronous file system by blocking calls: ``fs.cat_file()`` runs ``fs._cat_file()``.

    Names without a coroutine are the file system's own, called where no loop runs.
    """

    def __init__(self, fs: Any, loop: Any) -> None:
        self.fs = fs
        self.loop = loop

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    async def _collect(self, generator: AsyncIterator[Any]) -> list[Any]:
        return [item async for item in generator]

    def __getattr__(self, name: str) -> Any:
        function = getattr(type(self.fs), f"_{name}", None)
        if name != "open" and inspect.iscoroutinefunction(function):
            return lambda *args, **kwargs: self.run(function(self.fs, *args, **kwargs))
        if inspect.isasyncgenfunction(function):
            return lambda *args, **kwargs: iter(
                self.run(self._collect(function(self.fs, *args, **kwargs)))
            )
        return getattr(self.fs, name)

    def rm(self, path: Any, recursive: bool = False, **kwargs: Any) -> Any:
        return self.run(self.fs._rm(path, recursive=recursive, **kwargs))


class FileSystems:
    """Makes file systems of one kind and closes what they hold."""

    def __init__(self, kind: str, endpoint: Endpoint) -> None:
        self.kind = kind
        self.endpoint = endpoint
        self.loop = harness.new_loop(kind) if kind in ("asyncio", "uvloop") else None
        self._made: list[Any] = []

    def make(self, endpoint: Endpoint | None = None, **options: Any) -> Any:
        """A file system; arguments of the constructor may be added."""
        arguments = {**(endpoint or self.endpoint).arguments, **options}
        if self.kind == "blocking":
            return S3FileSystem(**arguments)
        fs = AioS3FileSystem(asynchronous=self.loop is not None, **arguments)
        self._made.append(fs)
        return fs if self.loop is None else Coroutines(fs, self.loop)

    def close(self) -> None:
        for fs in self._made:
            fs.close()
        if self.loop is not None:
            harness.cancel_all(self.loop)
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


def names(entries: Sequence[Any]) -> list[str]:
    """Names of entries, in order of the alphabet."""
    return sorted(entry if isinstance(entry, str) else entry["name"] for entry in entries)


# -- the witness ----------------------------------------------------------------------------------


class Witness:
    """What the server itself holds, by another client."""

    def __init__(self, endpoint: Endpoint) -> None:
        config = botocore.config.Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": 3}
        )
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint.url,
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=endpoint.secret_key,
            region_name=endpoint.region,
            config=config,
        )

    @staticmethod
    def _split(path: str) -> dict[str, str]:
        bucket, _, key = path.removeprefix("s3://").partition("/")
        return {"Bucket": bucket, "Key": key}

    def put(self, path: str, body: bytes = b"x", **kwargs: Any) -> str:
        """Writes an object; its path."""
        self.client.put_object(**self._split(path), Body=body, **kwargs)
        return path

    def get(self, path: str) -> bytes:
        return bytes(self.client.get_object(**self._split(path))["Body"].read())

    def head(self, path: str) -> dict[str, Any]:
        return dict(self.client.head_object(**self._split(path)))

    def delete(self, path: str) -> None:
        self.client.delete_object(**self._split(path))

    def tags(self, path: str) -> dict[str, str]:
        tags = self.client.get_object_tagging(**self._split(path))["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in tags}

    def paths(self, prefix: str) -> list[str]:
        """Every object below a path."""
        bucket, _, key = prefix.partition("/")
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        return [f"{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", [])]

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Every object below a path with what it holds. A deletion that a cancelled operation left
        on the wire may take one away meanwhile."""
        found = {}
        for path in self.paths(prefix):
            with contextlib.suppress(self.client.exceptions.NoSuchKey):
                found[path] = self.get(path)
        return found

    def uploads(self, bucket: str) -> list[str]:
        """Keys of the multipart uploads under way."""
        answer = self.client.list_multipart_uploads(Bucket=bucket)
        return [item["Key"] for item in answer.get("Uploads", [])]


# -- requests -------------------------------------------------------------------------------------


class Traffic:
    """A proxy before the server that knows the requests that passed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.proxy = ThreadedFaultProxy("127.0.0.1", endpoint.port)
        self.proxy.__enter__()
        self.endpoint = endpoint.at(self.proxy.port)

    def requests(self) -> list[Any]:
        return [request for known in list(self.proxy.connections) for request in known.requests]

    def count(self, call: Callable[[], Any]) -> list[str]:
        """The kinds of the requests that a call makes, in order of the alphabet."""
        before = {id(request) for request in self.requests()}
        call()
        return sorted(kind_of(r) for r in self.requests() if id(r) not in before)

    def heads(self, call: Callable[[], Any]) -> list[str]:
        """The heads of the requests that a call makes, in small letters."""
        before = {id(request) for request in self.requests()}
        call()
        return [
            r.head.decode("latin-1").lower() for r in self.requests() if id(r) not in before
        ]

    def close(self) -> None:
        self.proxy.__exit__(None, None, None)


def kind_of(request: Any) -> str:
    """The S3 operation of a request."""
    path, _, query = request.path.partition("?")
    fields = {field.partition("=")[0] for field in query.split("&")}
    bucket, _, key = path.lstrip("/").partition("/")
    if request.method == "GET" and not key:
        for field, name in (("versions", "ListObjectVersions"), ("uploads", "ListUploads")):
            if field in fields:
                return name
        return "ListObjectsV2" if bucket else "ListBuckets"
    if request.method == "POST":
        for field, name in (("delete", "DeleteObjects"), ("uploads", "CreateMultipartUpload")):
            if field in fields:
                return name
        return "CompleteMultipartUpload"
    if "uploadId" in fields:
        copy = b"\r\nx-amz-copy-source:" in request.head.lower()
        part = "UploadPartCopy" if copy else "UploadPart"
        return {"PUT": part, "DELETE": "AbortMultipartUpload"}.get(request.method, "ListParts")
    if request.method == "PUT" and b"\r\nx-amz-copy-source:" in request.head.lower():
        return "CopyObject"
    what = "Object" if key else "Bucket"
    return {"GET": "Get", "HEAD": "Head", "PUT": "Put", "DELETE": "Delete"}[request.method] + what


def fresh(bucket: str, word: str = "area") -> str:
    """A path that nothing else uses."""
    return f"{bucket}/{word}-{uuid.uuid4().hex[:12]}"


def forget_instances() -> Iterator[None]:
    """File systems by name are those of this package, none of them kept between tests."""
    for class_ in (S3FileSystem, AioS3FileSystem):
        class_.clear_instance_cache()
    known = dict(_registry)
    yield
    for class_ in (S3FileSystem, AioS3FileSystem):
        class_.clear_instance_cache()
    _registry.clear()
    _registry.update(known)

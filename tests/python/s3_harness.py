"""What the tests of the file systems share: the kinds of file system, a witness beside them, paths.

Every kind is used by blocking calls, so that one test states what holds for all of them. The
witness is boto3: what it says of the server's state does not come from the code under test.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import random
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import harness
from fsspec.callbacks import Callback
from pyathena.filesystem._client import S3Client, make_client
from pyathena.filesystem._drive import Drive, run_blocking
from pyathena.filesystem._loop_drive import LoopDrive
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.filesystem.s3_async import AioS3FileSystem

sys.path.append(str(Path(__file__).parents[1] / "fault"))

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
    def settings(self) -> dict[str, Any]:
        """What leads a file system to this server."""
        return {
            "endpoint_url": self.url,
            "key": self.access_key,
            "secret": self.secret_key,
            "region_name": self.region,
        }

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of a file system of its own for this server."""
        return {**self.settings, "skip_instance_cache": True}


def client_of(endpoint: Endpoint, **more: Any) -> S3Client:
    """What is below a file system for this server; further settings may be added."""
    return make_client(**{**endpoint.settings, **more})


Driven = Callable[[Callable[[Drive], Coroutine[Any, Any, Any]]], Any]


def driven_by(kind: str, client: S3Client) -> Driven:
    """Runs coroutines over a drive: that of blocking calls, or that of a kind of loop."""
    if kind == "blocking":
        return lambda make: run_blocking(client, make)
    return lambda make: harness.run_on(kind, make(LoopDrive(client)))


@functools.cache
def _noise() -> bytes:
    return random.Random(0).randbytes(16 * MIB + 1)


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes that are the same for the same seed; no two parts of them are alike, nor do those of
    another seed begin like them. They are cut from bytes made once, which repeat after an odd
    number."""
    start = seed * 1_000_003 % len(_noise())
    return (_noise() * ((start + size) // len(_noise()) + 1))[start : start + size]


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

    def __init__(self, endpoint: Endpoint, connections: int = 10) -> None:
        config = botocore.config.Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 3},
            max_pool_connections=connections,
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
    def split(path: str) -> dict[str, str]:
        """A path as the client's arguments."""
        bucket, _, key = path.removeprefix("s3://").partition("/")
        return {"Bucket": bucket, "Key": key}

    def has_bucket(self, name: str) -> bool:
        return any(bucket["Name"] == name for bucket in self.client.list_buckets()["Buckets"])

    def put(self, path: str, body: bytes = b"x", **kwargs: Any) -> str:
        """Writes an object; its path."""
        self.client.put_object(**self.split(path), Body=body, **kwargs)
        return path

    def put_version(self, path: str, body: bytes) -> str:
        """Writes an object; the id of its version."""
        return str(self.client.put_object(**self.split(path), Body=body)["VersionId"])

    def get(self, path: str) -> bytes:
        return bytes(self.client.get_object(**self.split(path))["Body"].read())

    def head(self, path: str) -> dict[str, Any]:
        return dict(self.client.head_object(**self.split(path)))

    def delete(self, path: str) -> None:
        self.client.delete_object(**self.split(path))

    def tags(self, path: str) -> dict[str, str]:
        tags = self.client.get_object_tagging(**self.split(path))["TagSet"]
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

    def uploads(self, prefix: str) -> list[str]:
        """Keys of the multipart uploads under way below a path."""
        bucket, _, key = prefix.partition("/")
        answer = self.client.list_multipart_uploads(Bucket=bucket, Prefix=key)
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

    def of(self, call: Callable[[], Any]) -> list[Any]:
        """The requests that a call makes."""
        before = {id(request) for request in self.requests()}
        call()
        return [request for request in self.requests() if id(request) not in before]

    def count(self, call: Callable[[], Any]) -> list[str]:
        """The S3 operations that a call asks for, in order of the alphabet."""
        return sorted(request.operation for request in self.of(call))

    def heads(self, call: Callable[[], Any]) -> list[str]:
        """The heads of the requests that a call makes, in small letters."""
        return [request.head.decode("latin-1").lower() for request in self.of(call)]

    def close(self) -> None:
        self.proxy.__exit__(None, None, None)


def fresh(bucket: str, word: str = "area") -> str:
    """A path that nothing else uses."""
    return f"{bucket}/{word}-{uuid.uuid4().hex[:12]}"


class Steps(Callback):
    """A callback that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []

    def relative_update(self, inc: int = 1) -> None:
        super().relative_update(inc)
        self.told.append(inc)

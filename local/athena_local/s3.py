"""All access to the S3 server, by libathena's file system."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any, BinaryIO

from pyathena.filesystem.s3 import S3FileSystem

from .sigv4 import Credential

_PIECE = 1024 * 1024


def split_uri(uri: str) -> tuple[str, str]:
    """``s3://bucket/key`` -> (bucket, key); ValueError when it is no such URI."""
    for scheme in ("s3://", "s3a://", "s3n://"):
        if uri.startswith(scheme):
            bucket, _, key = uri[len(scheme) :].partition("/")
            if bucket:
                return bucket, key
    raise ValueError(f"not an S3 URI: {uri!r}")


def error_code(error: OSError) -> str:
    """S3's code of a refusal, or the kind of the failure when the server did not answer."""
    return str(getattr(error, "code", None) or type(error).__name__)


class TableFiles(S3FileSystem):
    """The file system as the SQL engine sees it: each path is the name of one object."""

    protocol = ("s3", "s3a", "s3n")

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, str) and path.startswith("s3n://"):
            path = "s3://" + path.removeprefix("s3n://")
        return super()._strip_protocol(path)

    def glob(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> Any:
        """The path itself: table readers name each object, there is nothing to expand."""
        return [path]


class S3Client:
    """What the server needs of S3. Blocking and thread-safe."""

    def __init__(self, endpoint: str, credential: Credential, region: str) -> None:
        self.files = TableFiles(
            key=credential.access_key,
            secret=credential.secret_key,
            token=credential.token or None,
            endpoint_url=endpoint,
            region_name=region,
            allow_bucket_creation=True,
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def put(self, bucket: str, key: str, body: bytes | BinaryIO) -> None:
        """Writes an object from bytes or from a file that can be rewound."""
        path = f"{bucket}/{key}"
        if isinstance(body, bytes):
            self.files.pipe_file(path, body)
            return
        body.seek(0)
        with self.files.open(path, "wb") as file:
            shutil.copyfileobj(body, file, _PIECE)

    def get(self, bucket: str, key: str) -> bytes:
        """The bytes of an object."""
        data: bytes = self.files.cat_file(f"{bucket}/{key}")
        return data

    def bucket_exists(self, bucket: str) -> bool:
        """Whether the bucket is there."""
        return bool(self.files.exists(bucket))

    def create_bucket(self, bucket: str) -> None:
        """Makes a bucket; one that we have already is no error."""
        self.files.makedirs(bucket, exist_ok=True)

    def delete(self, bucket: str, key: str) -> None:
        """Removes an object; a missing one is no error."""
        self.files.rm_file(f"{bucket}/{key}")

    def is_empty(self, bucket: str, prefix: str) -> bool:
        """Whether there is no object below ``prefix``; one request."""
        return not self.files.core.list_objects_page(bucket, prefix, max_keys=1).objects

    def list(self, bucket: str, prefix: str = "") -> Iterator[Any]:
        """All objects below ``prefix``, in key order: ``key``, ``size``, ``last_modified``."""
        yield from self.files.find(bucket, prefix=prefix, detail=True).values()

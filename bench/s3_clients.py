"""The S3 clients under test, all with the same few methods. Everything is at its default but the
endpoint, the keys and the region. A client is imported only when it is the one to be measured."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

BUCKET = "bench"
STREAM_READ = 1 << 20
Take = Callable[[Any], None]


class Client:
    """Keys are without bucket."""

    async def open(self, endpoint: str, certificate: str | None) -> None: ...

    async def close(self) -> None: ...

    async def get(self, key: str) -> Any:
        """The object as one bytes-like."""
        raise NotImplementedError

    async def stream(self, key: str, take: Take) -> None:
        """The object in order, piece by piece."""
        raise NotImplementedError

    async def put(self, key: str, data: bytes) -> None:
        raise NotImplementedError

    async def copy(self, source: str, target: str) -> None:
        raise NotImplementedError

    async def ranges(self, key: str, starts: list[int], ends: list[int]) -> Sequence[Any]:
        raise NotImplementedError

    async def list(self, prefix: str) -> int:
        """How many keys were listed; each was handed out."""
        raise NotImplementedError

    async def delete(self, keys: list[str]) -> None:
        raise NotImplementedError


class PyAthenaClient(Client):
    """AioS3FileSystem of either package."""

    async def open(self, endpoint: str, certificate: str | None) -> None:
        from pyathena.filesystem.s3_async import AioS3FileSystem

        self._fs = AioS3FileSystem(
            asynchronous=True,
            endpoint_url=endpoint,
            key="stub",
            secret="stub",
            region_name="us-east-1",
        )

    async def get(self, key: str) -> Any:
        return await self._fs._cat_file(f"{BUCKET}/{key}")

    async def stream(self, key: str, take: Take) -> None:
        async with await self._fs.open_async(f"{BUCKET}/{key}", "rb") as file:
            while piece := await file.read(STREAM_READ):
                take(piece)

    async def put(self, key: str, data: bytes) -> None:
        await self._fs._pipe_file(f"{BUCKET}/{key}", data)

    async def copy(self, source: str, target: str) -> None:
        await self._fs._cp_file(f"{BUCKET}/{source}", f"{BUCKET}/{target}")

    async def ranges(self, key: str, starts: list[int], ends: list[int]) -> Sequence[Any]:
        return await self._fs._cat_ranges([f"{BUCKET}/{key}"] * len(starts), starts, ends)

    async def list(self, prefix: str) -> int:
        return len(await self._fs._find(f"{BUCKET}/{prefix}"))

    async def delete(self, keys: list[str]) -> None:
        await self._fs._rm([f"{BUCKET}/{key}" for key in keys])


class S3fsClient(PyAthenaClient):
    async def open(self, endpoint: str, certificate: str | None) -> None:
        from s3fs import S3FileSystem

        client_kwargs = {"region_name": "us-east-1"}
        if certificate:
            client_kwargs["verify"] = certificate
        self._fs = S3FileSystem(
            asynchronous=True,
            endpoint_url=endpoint,
            key="stub",
            secret="stub",
            client_kwargs=client_kwargs,
        )
        self._session = await self._fs.set_session()

    async def close(self) -> None:
        await self._session.close()

    async def stream(self, key: str, take: Take) -> None:
        file = await self._fs.open_async(f"{BUCKET}/{key}", "rb")
        while piece := await file.read(STREAM_READ):
            take(piece)
        await file.close()


class ObstoreClient(Client):
    async def open(self, endpoint: str, certificate: str | None) -> None:
        import obstore
        from obstore.store import S3Store

        options: dict[str, Any] = {"allow_http": True, "timeout": "600s"}
        if certificate:
            with open(certificate, encoding="ascii") as file:
                options["root_certificate"] = file.read()
        self._api = obstore
        self._store = S3Store(
            BUCKET,
            endpoint=endpoint,
            access_key_id="stub",
            secret_access_key="stub",
            region="us-east-1",
            client_options=options,
        )

    async def get(self, key: str) -> Any:
        answer = await self._api.get_async(self._store, key)
        return await answer.bytes_async()

    async def stream(self, key: str, take: Take) -> None:
        answer = await self._api.get_async(self._store, key)
        async for piece in answer.stream(min_chunk_size=STREAM_READ):
            take(piece)

    async def put(self, key: str, data: bytes) -> None:
        await self._api.put_async(self._store, key, data)

    async def copy(self, source: str, target: str) -> None:
        await self._api.copy_async(self._store, source, target)

    async def ranges(self, key: str, starts: list[int], ends: list[int]) -> Sequence[Any]:
        return await self._api.get_ranges_async(
            self._store, key, starts=starts, ends=ends, coalesce=0
        )

    async def list(self, prefix: str) -> int:
        count = 0
        async for page in self._api.list(self._store, prefix, chunk_size=1000):
            count += len([entry["path"] for entry in page])
        return count

    async def delete(self, keys: list[str]) -> None:
        await self._api.delete_async(self._store, keys)


class Boto3Client(Client):
    """boto3 on the threads of an executor, as a program on asyncio uses it."""

    THREADS = 32

    async def open(self, endpoint: str, certificate: str | None) -> None:
        import boto3
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config

        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="stub",
            aws_secret_access_key="stub",
            region_name="us-east-1",
            verify=certificate,
            config=Config(max_pool_connections=self.THREADS),
        )
        self._transfer = TransferConfig()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(self.THREADS))

    def _get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        more = {} if end is None else {"Range": f"bytes={start}-{end - 1}"}
        return self._client.get_object(Bucket=BUCKET, Key=key, **more)["Body"].read()

    def _stream(self, key: str, take: Take) -> None:
        for piece in self._client.get_object(Bucket=BUCKET, Key=key)["Body"].iter_chunks(
            STREAM_READ
        ):
            take(piece)

    def _put(self, key: str, data: bytes) -> None:
        if len(data) < self._transfer.multipart_threshold:
            self._client.put_object(Bucket=BUCKET, Key=key, Body=data)
        else:
            self._client.upload_fileobj(io.BytesIO(data), BUCKET, key)

    def _list(self, prefix: str) -> int:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return len([entry["Key"] for page in pages for entry in page.get("Contents", ())])

    def _delete(self, keys: list[str]) -> None:
        names = [{"Key": key} for key in keys]
        self._client.delete_objects(Bucket=BUCKET, Delete={"Objects": names, "Quiet": True})

    async def get(self, key: str) -> Any:
        return await asyncio.to_thread(self._get, key)

    async def stream(self, key: str, take: Take) -> None:
        await asyncio.to_thread(self._stream, key, take)

    async def put(self, key: str, data: bytes) -> None:
        await asyncio.to_thread(self._put, key, data)

    async def copy(self, source: str, target: str) -> None:
        place = {"Bucket": BUCKET, "Key": source}
        await asyncio.to_thread(self._client.copy, place, BUCKET, target)

    async def ranges(self, key: str, starts: list[int], ends: list[int]) -> Sequence[Any]:
        return await asyncio.gather(
            *(asyncio.to_thread(self._get, key, *pair) for pair in zip(starts, ends, strict=True))
        )

    async def list(self, prefix: str) -> int:
        return await asyncio.to_thread(self._list, prefix)

    async def delete(self, keys: list[str]) -> None:
        batches = [keys[at : at + 1000] for at in range(0, len(keys), 1000)]
        await asyncio.gather(*(asyncio.to_thread(self._delete, batch) for batch in batches))


CLIENTS: dict[str, type[Client]] = {
    "libathena": PyAthenaClient,
    "pyathena": PyAthenaClient,
    "s3fs": S3fsClient,
    "obstore": ObstoreClient,
    "boto3": Boto3Client,
}


async def open_client(name: str, endpoint: str, certificate: str | None) -> Client:
    """The client of a name, ready to work."""
    if certificate:
        os.environ["AWS_CA_BUNDLE"] = certificate
    client = CLIENTS[name]()
    await client.open(endpoint, certificate)
    return client

"""The demo's chapter on S3: many small objects and one large one on the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable
from typing import Any

from heart import Heart
from servers import DemoError, Servers
from term import Terminal

OBJECTS = 1_000
OBJECT_BYTES = 4096
LARGE_BYTES = 64 * 1024 * 1024


async def _timed(term: Terminal, what: str, work: Awaitable[Any]) -> Any:
    begin = time.perf_counter()
    async with Heart() as heart:
        result = await work
    took = time.perf_counter() - begin
    term.fact(
        what,
        f"{took:.2f} s, loop late by at most {heart.worst * 1000:.1f} ms, "
        f"{heart.own * 1000:.1f} by own work, {heart.threads} threads",
        column=26,
    )
    return result


async def _small(term: Terminal, fs: Any, folder: str) -> None:
    names = [f"{folder}/{number:04}" for number in range(OBJECTS)]
    content = {name: os.urandom(OBJECT_BYTES) for name in names}
    puts = asyncio.gather(*(fs._pipe_file(name, data) for name, data in content.items()))
    await _timed(term, f"{OBJECTS:,} objects written", puts)
    listed = await _timed(term, "listed", fs._ls(folder, detail=False))
    if sorted(listed) != names:
        raise DemoError(f"{len(listed):,} objects are listed in place of {OBJECTS:,}")
    gets = asyncio.gather(*(fs._cat_file(name) for name in names))
    read = await _timed(term, f"{OBJECTS:,} objects read", gets)
    if dict(zip(names, read, strict=True)) != content:
        raise DemoError("an object came back with other bytes")
    await _timed(term, f"{OBJECTS:,} objects deleted", fs._rm(folder, recursive=True))


async def _large(term: Terminal, fs: Any, path: str) -> None:
    data = os.urandom(1024 * 1024) * (LARGE_BYTES // (1024 * 1024))
    size = f"{LARGE_BYTES // (1024 * 1024)} MiB"
    await _timed(term, f"{size} written", fs._pipe_file(path, data))
    read = await _timed(term, f"{size} read", fs._cat_file(path))
    if hashlib.sha256(read).digest() != hashlib.sha256(data).digest():
        raise DemoError("the large object came back with other bytes")
    await fs._rm_file(path)


async def show_objects(term: Terminal, servers: Servers) -> None:
    """Writes, lists, reads and deletes; every byte is compared."""
    from pyathena.filesystem.s3_async import AioS3FileSystem

    fs = AioS3FileSystem(asynchronous=True)
    term.line()
    await _small(term, fs, f"{servers.bucket}/demo/small")
    await _large(term, fs, f"{servers.bucket}/demo/large")

"""S3 from asyncio: writes a hundred objects at once, reads them back, and streams a larger one.

Usage: python objects.py [s3://bucket/folder]; without a folder AWS_ATHENA_S3_STAGING_DIR is used.
"""

from __future__ import annotations

import asyncio
import os
import sys

from pyathena.filesystem.s3_async import AioS3FileSystem


async def main(folder: str) -> None:
    fs = AioS3FileSystem(asynchronous=True)
    folder = folder.rstrip("/") + "/objects-example"
    try:
        await asyncio.gather(
            *(fs._pipe_file(f"{folder}/{number:03}.txt", b"%d\n" % number) for number in range(100))
        )
        content = await fs._cat(folder, recursive=True)
        print(len(content), "objects,", sum(int(text) for text in content.values()), "in sum")

        async with await fs.open_async(f"{folder}/large.bin", "wb") as file:
            for _ in range(20):
                await file.write(os.urandom(1024 * 1024))
        size = 0
        async with await fs.open_async(f"{folder}/large.bin") as file:
            while block := await file.read(256 * 1024):
                size += len(block)
        print(size, "bytes streamed")
    finally:
        await fs._rm(folder, recursive=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else os.environ["AWS_ATHENA_S3_STAGING_DIR"]))

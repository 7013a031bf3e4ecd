"""A small HTTP service over Athena: each request runs a query, a client that leaves stops it.

    AWS_ATHENA_S3_STAGING_DIR=s3://YOUR_S3_BUCKET/path/to/ python web_service.py --port 8000
    curl 'http://127.0.0.1:8000/square?of=12'

Without --port the service takes a free port, asks itself a few things and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from urllib.parse import parse_qs, urlsplit

from pyathena import DatabaseError, aio_connect
from pyathena.aio.connection import AioConnection

MOST = 8192  # bytes of a request's head


class Service:
    """Answers GET /square?of=N."""

    def __init__(self, connection: AioConnection) -> None:
        self._connection = connection

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode("ascii")
            answer = asyncio.create_task(self._answer(target))
            left = asyncio.create_task(reader.read(1))
            await asyncio.wait((answer, left), return_when=asyncio.FIRST_COMPLETED)
            left.cancel()
            if not answer.done():
                answer.cancel()  # nobody is there any more: the query is stopped as well
                return
            status, document = answer.result()
            body = json.dumps(document).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError,
                ValueError, IndexError):  # fmt: skip
            pass  # no request
        finally:
            writer.close()

    async def _answer(self, target: str) -> tuple[str, dict[str, object]]:
        parts = urlsplit(target)
        text = parse_qs(parts.query).get("of", [""])[0]
        if parts.path != "/square" or not text.isascii() or not text.isdigit() or len(text) > 9:
            return "400 Bad Request", {"error": "GET /square?of=N, N a number"}
        try:
            async with self._connection.cursor(query_timeout=30) as cursor:
                await cursor.execute("SELECT %(n)d * CAST(%(n)d AS bigint)", {"n": int(text)})
                row = await cursor.fetchone()
        except DatabaseError as error:
            return "502 Bad Gateway", {"error": str(error), "query": error.query_id}
        return "200 OK", {"square": row[0], "query": cursor.query_id}


async def ask(port: int, target: str) -> str:
    """A client: the status line and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return f"{target}: {head.splitlines()[0]} {body}"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, help="serve on this port of 127.0.0.1")
    port = parser.parse_args().port
    async with await aio_connect() as connection:
        service = Service(connection)
        server = await asyncio.start_server(service.handle, "127.0.0.1", port or 0, limit=MOST)
        async with server:
            if port:
                await server.serve_forever()
            own = server.sockets[0].getsockname()[1]
            targets = [*(f"/square?of={number}" for number in (7, 12, 99999)), "/square?of=x"]
            for line in await asyncio.gather(*(ask(own, target) for target in targets)):
                print(line)


if __name__ == "__main__":
    asyncio.run(main())

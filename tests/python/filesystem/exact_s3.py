"""An S3 server in memory that takes every name as it is.

Servers on top of a file system change some names (``a//b``, ``/a``); S3 does not. This one checks
signatures too, so that names which are encoded wrongly are refused. It has what the tests of names
and of many keys need: objects, listings by page, copies, deletions, uploads in parts.
"""

from __future__ import annotations

import bisect
import hashlib
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

from athena_local import sigv4

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
MODIFIED = "2024-01-02T03:04:05.000Z"


def _quoted(text: str) -> str:
    return escape(urllib.parse.quote(text, safe="/-_.~"))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # a client may open as many connections at the same moment


class ExactS3:
    """The server, listening as long as the context is open. Every bucket is there."""

    access_key, secret_key = "AKIAEXACT", "exact-secret"

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.objects: dict[str, dict[str, bytes]] = {}
        self.uploads: dict[str, tuple[str, str, dict[int, bytes]]] = {}
        self.refused: list[str] = []
        self._sorted: dict[str, list[str]] = {}
        handler = type("Handler", (_Handler,), {"s3": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def bucket(self, name: str) -> dict[str, bytes]:
        return self.objects.setdefault(name, {})

    def changed(self, name: str) -> None:
        self._sorted.pop(name, None)

    def keys(self, name: str) -> list[str]:
        """Keys in S3's order, that of their UTF-8 bytes."""
        if name not in self._sorted:
            self._sorted[name] = sorted(self.bucket(name), key=str.encode)
        return self._sorted[name]

    def __enter__(self) -> ExactS3:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    s3: ExactS3
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle_expect_100(self) -> bool:
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    # -- the way in and out -----------------------------------------------------------------------

    def handle_one(self) -> None:
        raw, _, self.query = self.path.partition("?")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.is_signed(raw):
            self.s3.refused.append(self.path)
            return self.fail(403, "SignatureDoesNotMatch")
        self.fields = dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))
        name, _, key = raw.removeprefix("/").partition("/")
        self.name, self.key = name, urllib.parse.unquote(key, errors="strict")
        kind = "object" if self.key else "bucket"
        with self.s3.lock:
            getattr(self, f"{self.command.lower()}_{kind}")()

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_one

    def is_signed(self, raw: str) -> bool:
        match = _AUTHORIZATION.fullmatch(self.headers.get("Authorization") or "")
        if match is None:
            return False
        names = match[4].split(";")
        payload = self.headers.get("X-Amz-Content-Sha256") or ""
        if payload != "UNSIGNED-PAYLOAD" and payload != hashlib.sha256(self.body).hexdigest():
            return False
        expected = sigv4.signature(
            self.s3.secret_key,
            self.headers.get("X-Amz-Date") or "",
            (match[2], match[3], "s3"),
            self.command,
            # S3 signs the path as it is sent, with nothing joined or left out.
            urllib.parse.quote(urllib.parse.unquote_to_bytes(raw), safe="/-._~"),
            sigv4.canonical_query(self.query),
            [(field, self.headers.get(field) or "") for field in names],
            payload,
        )
        return expected == match[5]

    def answer(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for field, value in headers.items():
            self.send_header(field.replace("_", "-"), value)
        if "Content_Length" not in headers and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def xml(self, text: str) -> None:
        self.answer(200, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode())

    def fail(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    # -- objects ----------------------------------------------------------------------------------

    @staticmethod
    def etag(data: bytes) -> str:
        return f'"{hashlib.md5(data).hexdigest()}"'

    def store(self, data: bytes) -> str:
        self.s3.bucket(self.name)[self.key] = data
        self.s3.changed(self.name)
        return self.etag(data)

    def put_object(self) -> None:
        source = self.headers.get("X-Amz-Copy-Source")
        if source is not None:
            name, _, key = urllib.parse.unquote(source).removeprefix("/").partition("/")
            if key not in self.s3.bucket(name):
                return self.fail(404, "NoSuchKey")
            self.body = self.s3.bucket(name)[key]
            if wanted := re.fullmatch(
                r"bytes=(\d+)-(\d+)", self.headers.get("X-Amz-Copy-Source-Range") or ""
            ):
                self.body = self.body[int(wanted[1]) : int(wanted[2]) + 1]
        if "uploadId" in self.fields:
            self.s3.uploads[self.fields["uploadId"]][2][int(self.fields["partNumber"])] = self.body
            if source is not None:
                return self.copied("CopyPartResult", self.etag(self.body))
            return self.answer(ETag=self.etag(self.body))
        etag = self.store(self.body)
        if source is not None:
            return self.copied("CopyObjectResult", etag)
        self.answer(ETag=etag)

    def copied(self, word: str, etag: str) -> None:
        self.xml(
            f"<{word}><ETag>{escape(etag)}</ETag><LastModified>{MODIFIED}</LastModified></{word}>"
        )

    def get_object(self) -> None:
        data = self.s3.bucket(self.name).get(self.key)
        if data is None:
            return self.fail(404, "NoSuchKey")
        etag, size = self.etag(data), len(data)
        if self.headers.get("If-Match", etag) != etag:
            return self.fail(412, "PreconditionFailed")
        common = {"ETag": etag, "Last_Modified": "Tue, 02 Jan 2024 03:04:05 GMT"}
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            return self.answer(200, data, Accept_Ranges="bytes", Content_Length=str(size), **common)
        start = int(wanted[1]) if wanted[1] else max(0, size - int(wanted[2]))
        end = min(size, int(wanted[2]) + 1) if wanted[1] and wanted[2] else size
        if start >= size:
            return self.fail(416, "InvalidRange")
        self.answer(
            206, data[start:end], Content_Range=f"bytes {start}-{end - 1}/{size}", **common
        )

    head_object = get_object

    def delete_object(self) -> None:
        if "uploadId" in self.fields:
            self.s3.uploads.pop(self.fields["uploadId"], None)
        else:
            self.s3.bucket(self.name).pop(self.key, None)
            self.s3.changed(self.name)
        self.answer(204)

    def post_object(self) -> None:
        if "uploads" in self.fields:
            id_ = f"upload{len(self.s3.uploads)}"
            self.s3.uploads[id_] = (self.name, self.key, {})
            return self.xml(
                f"<InitiateMultipartUploadResult><UploadId>{id_}</UploadId>"
                "</InitiateMultipartUploadResult>"
            )
        parts = self.s3.uploads.pop(self.fields["uploadId"])[2]
        etag = self.store(b"".join(parts[number] for number in sorted(parts)))
        self.xml(
            f"<CompleteMultipartUploadResult><ETag>{escape(etag)}</ETag>"
            "</CompleteMultipartUploadResult>"
        )

    # -- buckets ----------------------------------------------------------------------------------

    def head_bucket(self) -> None:
        self.answer(200)

    def post_bucket(self) -> None:
        for key in re.findall(rb"<Key>(.*?)</Key>", self.body, re.DOTALL):
            self.s3.bucket(self.name).pop(_unescape(key.decode()), None)
        self.s3.changed(self.name)
        self.xml("<DeleteResult/>")

    def get_bucket(self) -> None:
        if "uploads" in self.fields:
            return self.xml("<ListMultipartUploadsResult/>")
        prefix, delimiter = self.fields.get("prefix", ""), self.fields.get("delimiter", "")
        after = self.fields.get("continuation-token") or self.fields.get("start-after", "")
        limit = min(int(self.fields.get("max-keys") or 1000), 1000)
        encoded = self.fields.get("encoding-type") == "url"
        show = _quoted if encoded else escape
        keys = self.s3.keys(self.name)
        at = bisect.bisect_left(keys, max(prefix, after).encode(), key=str.encode)
        found: list[str] = []
        last = after
        truncated = False
        for key in keys[at:]:
            if not key.startswith(prefix):
                break
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            shown = key if cut < 0 else key[: cut + len(delimiter)]
            if key <= after or (cut >= 0 and (shown == last or after.startswith(shown))):
                continue
            if len(found) == limit:
                truncated = True
                break
            last = shown
            if cut >= 0:
                found.append(f"<CommonPrefixes><Prefix>{show(shown)}</Prefix></CommonPrefixes>")
            else:
                data = self.s3.bucket(self.name)[key]
                found.append(
                    f"<Contents><Key>{show(key)}</Key><LastModified>{MODIFIED}</LastModified>"
                    f"<ETag>{escape(self.etag(data))}</ETag><Size>{len(data)}</Size>"
                    "<StorageClass>STANDARD</StorageClass></Contents>"
                )
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>"
        self.xml(
            f"<ListBucketResult><Name>{self.name}</Name><Prefix>{show(prefix)}</Prefix>"
            f"<KeyCount>{len(found)}</KeyCount><MaxKeys>{limit}</MaxKeys>"
            f"<IsTruncated>{str(truncated).lower()}</IsTruncated>{token if truncated else ''}"
            f"{'<EncodingType>url</EncodingType>' if encoded else ''}"
            f"{''.join(found)}</ListBucketResult>"
        )


def _unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        word = match[1]
        if word.startswith("#x"):
            return chr(int(word[2:], 16))
        if word.startswith("#"):
            return chr(int(word[1:]))
        return {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}[word]

    return re.sub(r"&(#?\w+);", one, text)

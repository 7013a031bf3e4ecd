"""The Trino engine: SQL goes as it is to a Trino server, results come back as Athena's objects."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from . import ddl
from .engine import Job, Outcome
from .errors import QueryCancelled, QueryError
from .metastore import text_column
from .render import Renderer, java_double, java_float
from .results import CsvWriter, metadata
from .s3 import S3Client, split_uri
from .sqltypes import MalformedType, Type, column_info, parse

_BATCH = 4096


def _client() -> Any:
    try:
        import trino
    except ImportError:
        raise ImportError(
            "--engine trino needs the package trino: pip install 'athena-local[trino]'"
        ) from None
    return trino


class TrinoEngine:
    """Runs statements on the server at ``url`` (``http[s]://user@host:port/catalog``)."""

    def __init__(self, url: str, client: S3Client) -> None:
        self._trino = _client()
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"--trino-url is not an HTTP URL: {url!r}")
        self._options: dict[str, Any] = {
            "host": parts.hostname,
            "port": parts.port or (443 if parts.scheme == "https" else 8080),
            "user": parts.username or "athena-local",
            "catalog": parts.path.strip("/") or "hive",
            "http_scheme": parts.scheme,
            # Values as the server wrote them: its text of decimals and times is Athena's.
            "legacy_primitive_types": True,
        }
        if parts.password:
            self._options["auth"] = self._trino.auth.BasicAuthentication(
                parts.username, parts.password
            )
        self._client = client

    def close(self) -> None:
        """Nothing is kept open."""

    def run(self, job: Job) -> Outcome:
        """Runs a statement."""
        connection = self._trino.dbapi.connect(schema=job.database, **self._options)
        cursor = connection.cursor()
        job.arm(cursor.cancel)
        try:
            cursor.execute(job.sql)
            outcome = self._outcome(job, cursor)
            outcome.scanned_bytes = int((cursor.stats or {}).get("physicalInputBytes", 0))
            return outcome
        except self._trino.exceptions.TrinoQueryError as error:
            if job.cancelled.is_set() or error.error_name == "USER_CANCELED":
                raise QueryCancelled from None
            raise QueryError(error.error_name or "GENERIC_INTERNAL_ERROR", error.message) from error
        except (self._trino.exceptions.Error, OSError) as error:
            if job.cancelled.is_set():
                raise QueryCancelled from None
            raise QueryError("GENERIC_INTERNAL_ERROR", f"Trino: {error}") from error
        finally:
            job.arm(None)
            connection.close()

    def _outcome(self, job: Job, cursor: Any) -> Outcome:
        statement = job.statement
        described = cursor.description or []
        names = [str(item[0]) for item in described]
        kinds = [_kind(str(item[1])) for item in described]
        if isinstance(statement, (ddl.Query, ddl.Execute)):
            return self._csv(job, cursor, names, kinds)
        rows = cursor.fetchall()
        if isinstance(statement, (ddl.Insert, ddl.CreateTableAs)):
            return self._count(job, max(cursor.rowcount, 0))
        texts = [["" if v is None else str(v) for v in row] for row in rows]
        columns = [text_column(name) for name in names]
        location = f"{job.output}{job.query_id}.txt"
        bucket, key = split_uri(location)
        data = "".join("\t".join(row) + "\n" for row in texts).encode()
        self._client.put(bucket, key, data)
        self._client.put(bucket, key + ".metadata", metadata(job.query_id, columns))
        return Outcome(location, columns, update_count=None if texts else 0, rows=len(texts))

    def _csv(self, job: Job, cursor: Any, names: list[str], kinds: list[Type]) -> Outcome:
        out = CsvWriter(names, [_renderer(kind) for kind in kinds])
        try:
            while rows := cursor.fetchmany(_BATCH):
                job.check()
                out.add(rows)
            columns = [column_info(n, k) for n, k in zip(names, kinds, strict=True)]
            location = f"{job.output}{job.query_id}.csv"
            bucket, key = split_uri(location)
            self._client.put(bucket, key, out.file)  # type: ignore[arg-type]
            self._client.put(bucket, key + ".metadata", metadata(job.query_id, columns))
            return Outcome(location, columns, rows=out.rows, output_bytes=out.bytes, header=True)
        finally:
            out.close()

    def _count(self, job: Job, count: int) -> Outcome:
        location = f"{job.output}{job.query_id}"
        columns = [column_info("rows", Type("bigint"))]
        bucket, key = split_uri(location)
        self._client.put(bucket, key + ".metadata", metadata(job.query_id, columns))
        # Trino does not tell which objects it wrote: the manifest is empty.
        self._client.put(bucket, key + "-manifest.csv", b"")
        return Outcome(location, columns, update_count=count, manifest=f"{location}-manifest.csv")


def _kind(text: str) -> Type:
    try:
        return parse(text)
    except MalformedType:
        return Type(text.partition("(")[0])


def _renderer(kind: Type) -> Renderer:
    """Renders values in the JSON form of Trino's protocol."""
    if kind.name == "array":
        element = _nested(kind.children[0])
        return lambda value: "[" + ", ".join(map(element, value)) + "]"
    if kind.name == "map":
        key, item = _nested(kind.children[0]), _nested(kind.children[1])
        return lambda value: "{" + ", ".join(f"{key(k)}={item(v)}" for k, v in value.items()) + "}"
    if kind.name == "struct":
        elements = [_nested(child) for child in kind.children]
        return lambda value: (
            "{"
            + ", ".join(
                f"{name}={element(v)}"
                for name, element, v in zip(kind.fields, elements, value, strict=True)
            )
            + "}"
        )
    return _SIMPLE.get(kind.name, str)


def _nested(kind: Type) -> Renderer:
    inner = _renderer(kind)
    return lambda value: "null" if value is None else inner(value)


def _binary(value: Any) -> str:
    data = base64.b64decode(value) if isinstance(value, str) else bytes(value)
    return data.hex(" ")


def _floating(render: Callable[[float], str]) -> Renderer:
    return lambda value: (
        value if value in ("NaN", "Infinity", "-Infinity") else render(float(value))
    )


_SIMPLE: dict[str, Renderer] = {
    "boolean": lambda value: "true" if value else "false",
    "double": _floating(java_double),
    "float": _floating(java_float),
    "binary": _binary,
}

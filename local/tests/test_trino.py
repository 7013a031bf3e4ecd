"""The Trino engine, against a small server that speaks Trino's protocol."""

from __future__ import annotations

import builtins
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from athena_local import ddl
from athena_local.engine import Job
from athena_local.errors import QueryError
from athena_local.trino_engine import TrinoEngine

TYPES = [
    "integer",
    "varchar",
    "decimal(5,2)",
    "double",
    "timestamp(3)",
    "array(integer)",
    "map(varchar, integer)",
    "row(x integer, y varchar)",
    "varbinary",
    "boolean",
]
DATA = [
    [
        1,
        'a"b',
        "1.50",
        1e10,
        "2020-01-01 00:00:00.000",
        [1, None],
        {"k": 1},
        [1, "z"],
        "AP8=",
        True,
    ],
    [None] * 10,
]


def column(number: int, text: str) -> dict[str, Any]:
    raw = text.partition("(")[0]
    arguments: list[dict[str, Any]] = []
    if raw == "decimal":
        arguments = [{"kind": "LONG", "value": 5}, {"kind": "LONG", "value": 2}]
    elif raw in ("varchar", "timestamp"):
        arguments = [{"kind": "LONG", "value": 3 if raw == "timestamp" else 2147483647}]
    elif raw in ("array", "map"):
        names = ["integer"] if raw == "array" else ["varchar", "integer"]
        arguments = [
            {"kind": "TYPE", "value": {"rawType": name, "arguments": []}} for name in names
        ]
    elif raw == "row":
        arguments = [
            {
                "kind": "NAMED_TYPE",
                "value": {
                    "fieldName": {"name": name},
                    "typeSignature": {"rawType": kind, "arguments": []},
                },
            }
            for name, kind in (("x", "integer"), ("y", "varchar"))
        ]
    signature = {"rawType": raw, "arguments": arguments}
    return {"name": f"c{number}", "type": text, "typeSignature": signature}


class Handler(http.server.BaseHTTPRequestHandler):
    statements: ClassVar[list[str]] = []

    def log_message(self, *arguments: Any) -> None:
        pass

    def answer(self, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def base(self) -> dict[str, Any]:
        stats = {"state": "RUNNING", "queued": False, "scheduled": True, "physicalInputBytes": 321}
        return {"id": "q1", "infoUri": "http://x/", "stats": stats, "warnings": []}

    def do_POST(self) -> None:
        sql = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.statements.append(sql)
        port = self.server.server_address[1]
        self.answer({**self.base(), "nextUri": f"http://127.0.0.1:{port}/v1/statement/q1/1"})

    def do_GET(self) -> None:
        sql = self.statements[-1]
        if "nosuch" in sql:
            error = {
                "message": "line 1:15: Table 'x' does not exist",
                "errorCode": 46,
                "errorName": "TABLE_NOT_FOUND",
                "errorType": "USER_ERROR",
            }
            self.answer({**self.base(), "error": error})
            return
        if sql.startswith("INSERT"):
            document = {"columns": [column(0, "bigint")], "data": [[3]], "updateCount": 3}
            self.answer({**self.base(), **document, "updateType": "INSERT"})
            return
        columns = [column(number, text) for number, text in enumerate(TYPES)]
        self.answer({**self.base(), "columns": columns, "data": DATA})

    def do_DELETE(self) -> None:
        self.send_response(204)
        self.end_headers()


class Objects:
    """Stands for S3: keeps what was put."""

    def __init__(self) -> None:
        self.put_objects: dict[str, bytes] = {}

    def put(self, bucket: str, key: str, body: Any, content_type: str = "") -> None:
        if not isinstance(body, bytes):
            body.seek(0)
            body = body.read()
        self.put_objects[f"{bucket}/{key}"] = body


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://tester@127.0.0.1:{server.server_address[1]}/hive"
    server.shutdown()
    server.server_close()
    thread.join()


def job(sql: str) -> Job:
    return Job("id", sql, ddl.parse(sql), "default", "s3://b/out/")


def test_trino_select(url: str) -> None:
    objects = Objects()
    outcome = TrinoEngine(url, objects).run(job("SELECT * FROM t"))  # type: ignore[arg-type]
    lines = objects.put_objects["b/out/id.csv"].decode().splitlines()
    assert lines[1] == (
        '"1","a""b","1.50","1.0E10","2020-01-01 00:00:00.000","[1, null]","{k=1}","{x=1, y=z}",'
        '"00 ff","true"'
    )
    assert lines[2] == "," * 9
    assert [c["Type"] for c in outcome.columns] == [
        "integer",
        "varchar",
        "decimal",
        "double",
        "timestamp",
        "array",
        "map",
        "row",
        "varbinary",
        "boolean",
    ]
    assert outcome.scanned_bytes == 321
    assert Handler.statements[-1] == "SELECT * FROM t"


def test_trino_insert(url: str) -> None:
    outcome = TrinoEngine(url, Objects()).run(job("INSERT INTO t VALUES 1"))  # type: ignore[arg-type]
    assert outcome.update_count == 3


def test_trino_failure(url: str) -> None:
    with pytest.raises(QueryError) as caught:
        TrinoEngine(url, Objects()).run(job("SELECT * FROM nosuch"))  # type: ignore[arg-type]
    assert caught.value.reason.startswith("TABLE_NOT_FOUND: line 1:15")


def test_trino_package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "trino":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"athena-local\[trino\]"):
        TrinoEngine("http://127.0.0.1:1/hive", Objects())  # type: ignore[arg-type]

"""The extension module with the library itself, against a small Athena in a thread."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fakelib import Bridge, load

core = load("_core")

PAGE = 50
COLUMNS = [
    ("n", "bigint", ["1", None, "-9223372036854775808"]),
    ("i", "integer", ["7", None, "-2147483648"]),
    ("s", "smallint", ["7", None, "-32768"]),
    ("t", "tinyint", ["7", None, "-128"]),
    ("b", "boolean", ["true", None, "false"]),
    ("f", "double", ["1.0E10", None, "NaN"]),
    ("r", "float", ["1.1", None, "Infinity"]),
    ("m", "decimal", ["1.50", None, "-0.01"]),
    ("d", "date", ["2024-02-29", None, "0001-01-01"]),
    ("w", "time", ["01:02:03.004", None, "23:59:59"]),
    ("z", "timestamp", ["2024-02-29 12:00:00.123", None, "9999-12-31 23:59:59.999"]),
    ("v", "varchar", ["é", None, ""]),
    ("x", "varbinary", ["de ad be ef", None, ""]),
    ("j", "json", ['{"a": [1]}', None, "null"]),
]
EXPECTED = [
    [1, None, -(2**63)],
    [7, None, -(2**31)],
    [7, None, -(2**15)],
    [7, None, -128],
    [True, None, False],
    [1e10, None, float("nan")],
    [1.1, None, float("inf")],
    [Decimal("1.50"), None, Decimal("-0.01")],
    [date(2024, 2, 29), None, date(1, 1, 1)],
    [time_of_day(1, 2, 3, 4000), None, time_of_day(23, 59, 59)],
    [datetime(2024, 2, 29, 12, 0, 0, 123000), None, datetime(9999, 12, 31, 23, 59, 59, 999000)],
    ["é", None, ""],
    [b"\xde\xad\xbe\xef", None, b""],
    [{"a": [1]}, None, None],
]


class Athena(ThreadingHTTPServer):
    """Answers the query calls; the SQL is the plan: JSON with `rows`, `fail`, `running`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.queries: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.stopped: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Athena

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        self.server.calls.append(operation)
        status, answer = getattr(self, operation)(body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-amzn-RequestId", "request-1")
        self.end_headers()
        self.wfile.write(data)

    def StartQueryExecution(self, body: dict[str, Any]) -> Any:
        plan = json.loads(body["QueryString"])
        if plan.get("refuse"):
            return 400, {"__type": "InvalidRequestException", "message": "line 1: refused"}
        id_ = f"00000000-0000-0000-0000-{len(self.server.queries):012}"
        self.server.queries[id_] = plan
        return 200, {"QueryExecutionId": id_}

    def execution(self, id_: str) -> dict[str, Any]:
        plan = self.server.queries[id_]
        state = "FAILED" if plan.get("fail") else "SUCCEEDED"
        if plan.get("running"):
            state = "CANCELLED" if id_ in self.server.stopped else "RUNNING"
        status = {"State": state, "SubmissionDateTime": 1.7e9}
        if state == "FAILED":
            status["StateChangeReason"] = "TABLE_NOT_FOUND: no table"
        return {
            "QueryExecutionId": id_,
            "StatementType": "DML",
            "Status": status,
            "ResultConfiguration": {"OutputLocation": f"s3://b/p/{id_}.csv"},
        }

    def GetQueryExecution(self, body: dict[str, Any]) -> Any:
        return 200, {"QueryExecution": self.execution(body["QueryExecutionId"])}

    def BatchGetQueryExecution(self, body: dict[str, Any]) -> Any:
        found = [self.execution(id_) for id_ in body["QueryExecutionIds"]]
        return 200, {"QueryExecutions": found, "UnprocessedQueryExecutionIds": []}

    def StopQueryExecution(self, body: dict[str, Any]) -> Any:
        self.server.stopped.append(body["QueryExecutionId"])
        return 200, {}

    def GetQueryResults(self, body: dict[str, Any]) -> Any:
        plan = self.server.queries[body["QueryExecutionId"]]
        start = int(body.get("NextToken", "0"))
        if start and plan.get("break"):
            return 400, {"__type": "InvalidRequestException", "message": "the page is gone"}
        size = body["MaxResults"] - (start == 0)
        rows = [
            {
                "Data": [
                    {} if v[i % 3] is None else {"VarCharValue": v[i % 3]} for _, _, v in COLUMNS
                ]
            }
            for i in range(start, min(start + size, plan["rows"]))
        ]
        if start == 0:
            rows.insert(0, {"Data": [{"VarCharValue": name} for name, _, _ in COLUMNS]})
        info = [
            {
                "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name,
                "Label": name, "Type": type_, "Precision": 10, "Scale": 2,
                "Nullable": "UNKNOWN", "CaseSensitive": False,
            }
            for name, type_, _ in COLUMNS
        ]  # fmt: skip
        answer = {"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": info}}}
        answer["UpdateCount"] = 0
        if start + size < plan["rows"]:
            answer["NextToken"] = str(start + size)
        return 200, answer


@pytest.fixture
def athena() -> Iterator[Athena]:
    server = Athena()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def client_of(athena: Athena) -> Any:
    return core.Client(
        region="us-east-1", endpoint_url=athena.url, access_key_id="id", secret_access_key="key"
    )


CONVERTERS = [None] * (len(COLUMNS) - 1) + [json.loads]


def start(athena: Athena, queue: Any = None, **plan: Any) -> Any:
    options = {"output_location": "s3://b/p/", "page_rows": PAGE}
    return client_of(athena).start_query(queue, json.dumps(plan), options)


def check_rows(rows: list[Any], count: int) -> None:
    expected = [tuple(values[i % 3] for values in EXPECTED) for i in range(count)]
    # NaN is unlike itself, so the representations are compared.
    assert [repr(row) for row in rows] == [repr(row) for row in expected]


@pytest.mark.parametrize("count", [0, 3, PAGE - 1, PAGE, 4 * PAGE])
def test_rows_over_pages(athena: Athena, count: int) -> None:
    query = start(athena, rows=count)
    assert query.wait(core.WAIT_RESULT, 20) & core.WAIT_RESULT
    assert [column[2] for column in query.columns()] == [type_ for _, type_, _ in COLUMNS]
    rows = core.Rows(query, converters=CONVERTERS)
    check_rows(rows.read(), count)
    assert query.wait(core.WAIT_DONE, 20) == core.WAIT_DONE
    assert rows.state == core.ROWS_END
    assert query.state() == core.STATE_SUCCEEDED
    assert json.loads(query.execution())["QueryExecutionId"] == query.query_id


def test_everything_as_text(athena: Athena) -> None:
    options = {"output_location": "s3://b/p/", "decode_text": True}
    query = client_of(athena).start_query(None, json.dumps({"rows": 3}), options)
    query.wait(core.WAIT_RESULT, 20)
    rows = core.Rows(query).read()
    assert rows == [tuple(values[i] for _, _, values in COLUMNS) for i in range(3)]


def test_failed_query(athena: Athena) -> None:
    query = start(athena, rows=1, fail=1)
    assert query.wait(core.WAIT_RESULT, 20) == core.WAIT_DONE
    assert query.state() == core.STATE_FAILED
    assert query.error()["code"] == core.ERR_QUERY_FAILED
    assert "TABLE_NOT_FOUND" in query.error()["message"]


def test_refused_query(athena: Athena) -> None:
    query = start(athena, refuse=1)
    assert query.wait(core.WAIT_RESULT, 20) == core.WAIT_DONE
    error = query.error()
    assert error["service_code"] == "InvalidRequestException"
    assert error["operation"] == "StartQueryExecution"
    assert error["request_id"] == "request-1"
    assert "line 1: refused" in error["message"]


def test_page_that_breaks(athena: Athena) -> None:
    query = start(athena, rows=4 * PAGE, **{"break": 1})
    query.wait(core.WAIT_RESULT, 20)
    rows = core.Rows(query, converters=CONVERTERS)
    check_rows(rows.read(PAGE - 1), PAGE - 1)
    with pytest.raises(core.CoreError, match="the page is gone") as info:
        rows.read()
    assert info.value.operation == "GetQueryResults"
    assert rows.failed


def test_cancel_stops_the_query(athena: Athena) -> None:
    query = start(athena, rows=1, running=1)
    assert query.wait(core.WAIT_STARTED, 20) & core.WAIT_STARTED
    query.cancel()
    assert query.wait(core.WAIT_DONE, 20) == core.WAIT_DONE
    assert athena.stopped == [query.query_id]


def test_dropped_query_is_stopped(athena: Athena) -> None:
    query = start(athena, rows=1, running=1)
    query.wait(core.WAIT_STARTED, 20)
    id_ = query.query_id
    del query
    deadline = time.monotonic() + 20
    while not athena.stopped and time.monotonic() < deadline:
        time.sleep(0.01)
    assert athena.stopped == [id_]


def test_on_a_loop(athena: Athena, run: Any) -> None:
    async def main() -> None:
        bridge = Bridge()
        bridge.loop.remove_reader(bridge.queue.fileno())
        bridge.queue = core.Queue()
        bridge.budget = core.LoopBudget(bridge.loop)
        bridge.loop.add_reader(bridge.queue.fileno(), bridge._drain)

        async def one(count: int) -> None:
            query = start(athena, bridge.queue, rows=count)
            while query.columns() is None:
                await asyncio.sleep(0.01)
            rows = core.Rows(query, converters=CONVERTERS)
            first = await rows.fetch(5, bridge)
            check_rows(first + [row async for row in rows.iterate(bridge)], count)

        await asyncio.gather(*(one(n) for n in (5, 60, 200, 300)))
        bridge.close()

    run(main)


SCRIPT = """
import os, sys
sys.path.insert(0, sys.argv[2])
from fakelib import load
core = load("_core")
client = core.Client(region="us-east-1", endpoint_url=sys.argv[1],
                     access_key_id="id", secret_access_key="key")
query = client.start_query(None, '{"rows": 1, "running": 1}', {"output_location": "s3://b/p/"})
assert query.wait(core.WAIT_STARTED, 20)
"""


def run_script(athena: Athena, more: str) -> subprocess.CompletedProcess[str]:
    folder = str(Path(__file__).parent)
    return subprocess.run(
        [sys.executable, "-c", SCRIPT + more, athena.url, folder],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
        check=False,
    )


def test_exit_with_a_query_in_flight(athena: Athena) -> None:
    begin = time.monotonic()
    done = run_script(athena, "")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(athena.stopped) == 1
    assert time.monotonic() - begin < 20


def test_exit_while_a_thread_waits(athena: Athena) -> None:
    more = (
        "import threading\n"
        "threading.Thread(target=query.wait, args=(core.WAIT_DONE,), daemon=True).start()\n"
    )
    done = run_script(athena, more)
    assert (done.returncode, done.stderr) == (0, "")


def test_fork(athena: Athena) -> None:
    """In the child queries and queues of the parent are refused; its clients start anew."""
    more = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of fork beside threads
queue = core.Queue()
pid = os.fork()
if pid == 0:
    for call in (
        lambda: query.wait(core.WAIT_DONE, 1),
        lambda: core.Rows(query).take(),
        lambda: client.start_query(queue, '{"rows": 1}'),
    ):
        try:
            print(call())
        except core.CoreError as error:
            print(error.name)
    mine = client.start_query(None, '{"rows": 3}', {"output_location": "s3://b/p/"})
    mine.wait(core.WAIT_RESULT, 20)
    print(len(core.Rows(mine).read()))
    sys.stdout.flush()
    sys.exit(0)
print(os.waitpid(pid, 0)[1])
"""
    done = run_script(athena, more)
    assert done.stderr == ""
    assert done.stdout.split() == ["ATH_ERR_FORKED"] * 3 + ["3", "0"]
    assert len(athena.stopped) == 1


# -- columns for Arrow ------------------------------------------------------------


class ArrowSchema(ctypes.Structure):
    pass


ArrowSchema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowSchema))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowSchema))),
    ("private_data", ctypes.c_void_p),
]


class ArrowArray(ctypes.Structure):
    pass


ArrowArray._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowArray))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowArray))),
    ("private_data", ctypes.c_void_p),
]


class ArrowArrayStream(ctypes.Structure):
    pass


ArrowArrayStream._fields_ = [
    ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ArrowSchema))),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ArrowArray))),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)),
    ("release", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
    ("private_data", ctypes.c_void_p),
]


def pointer_of(capsule: Any, name: bytes) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype = ctypes.c_void_p
    get.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return get(capsule, name)


def formats_of(schema: ArrowSchema) -> list[bytes]:
    return [schema.children[i].contents.format for i in range(schema.n_children)]


FORMATS = [
    b"l", b"i", b"s", b"c", b"b", b"g", b"f", b"d:10,2", b"tdD", b"ttu", b"tsu:", b"u", b"z", b"u",
]  # fmt: skip


def test_batches_export_a_stream(athena: Athena) -> None:
    query = start(athena, rows=4 * PAGE)
    query.wait(core.WAIT_RESULT, 20)
    batches = core.Batches(query)
    with pytest.raises(core.CoreError, match="not all been read"):
        batches.__arrow_c_stream__()
    batches.read()
    assert batches.rows == 4 * PAGE
    assert batches.poll() == core.ROWS_END
    for _ in range(2):
        capsule = batches.__arrow_c_stream__()
        address = pointer_of(capsule, b"arrow_array_stream")
        stream = ctypes.cast(address, ctypes.POINTER(ArrowArrayStream)).contents
        schema = ArrowSchema()
        assert stream.get_schema(address, schema) == 0
        assert (schema.format, formats_of(schema)) == (b"+s", FORMATS)
        schema.release(schema)
        numbers: list[int] = []
        while True:
            array = ArrowArray()
            assert stream.get_next(address, array) == 0
            if not array.release:
                break
            values = array.children[0].contents.buffers[1]
            numbers.extend((ctypes.c_int64 * array.length).from_address(values))
            array.release(array)
        assert len(numbers) == 4 * PAGE
        assert numbers[::3] == [1] * len(numbers[::3])
    unread = batches.__arrow_c_stream__()
    batches.close()
    with pytest.raises(core.CoreError, match="closed"):
        batches.__arrow_c_stream__()
    with pytest.raises(core.CoreError, match="closed"):
        batches.poll()
    del batches, query, capsule, unread


def test_batches_schema(athena: Athena) -> None:
    query = start(athena, rows=1)
    query.wait(core.WAIT_RESULT, 20)
    capsule = core.Batches(query).__arrow_c_schema__()
    schema = ArrowSchema.from_address(pointer_of(capsule, b"arrow_schema"))
    assert formats_of(schema) == FORMATS


def test_batches_of_a_broken_reading(athena: Athena) -> None:
    query = start(athena, rows=4 * PAGE, **{"break": 1})
    query.wait(core.WAIT_RESULT, 20)
    batches = core.Batches(query)
    for _ in range(2):
        with pytest.raises(core.CoreError, match="the page is gone"):
            batches.read()

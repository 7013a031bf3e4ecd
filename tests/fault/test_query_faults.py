"""Broken networks and broken answers at each step of a query.

Passing troubles are not seen; lasting ones are one clear error of the right class, the statement
ran at most once, and the connection works as soon as the network does.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import athena_local
import harness
import pyathena
import pyathena.connection as connection_module
import pytest
from proxy import Fault, Rule, ThreadedFaultProxy
from pyathena.error import DatabaseError, Error, OperationalError

KINDS = ["blocking", "asyncio", "uvloop"]
STEPS = ["StartQueryExecution", "GetQueryExecution", "GetQueryResults"]
#: An outage of the status calls is sat out for the time of a call, so these tests are few.
OTHER_STEPS = ["StartQueryExecution", "GetQueryResults"]


@pytest.fixture(autouse=True)
def short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls may take two seconds in place of a minute."""
    original = connection_module.client_options

    def client_options(**kwargs: Any) -> dict[str, Any]:
        return {**original(**kwargs), "call_timeout_ms": 2000, "start_timeout_ms": 10_000}

    monkeypatch.setattr(connection_module, "client_options", client_options)


class Config:
    """Short times, as in botocore's Config."""

    def __init__(self, read_timeout: float = 0.6, attempts: int = 3) -> None:
        self.connect_timeout = 2.0
        self.read_timeout = read_timeout
        self.retries = {"total_max_attempts": attempts}


@pytest.fixture
def proxy(server: athena_local.Server) -> Iterator[ThreadedFaultProxy]:
    url = urlsplit(server.url)
    with ThreadedFaultProxy(url.hostname or "", url.port or 0) as running:
        yield running


@pytest.fixture(params=KINDS)
def db(
    request: pytest.FixtureRequest, settings: dict[str, Any], proxy: ThreadedFaultProxy
) -> Iterator[harness.Driver]:
    settings["endpoint_url"] = f"http://127.0.0.1:{proxy.port}"
    settings["config"] = Config()
    driver = harness.Driver(request.param, settings)
    yield driver
    driver.close()


def still_works(cursor: Any, proxy: ThreadedFaultProxy) -> None:
    proxy.clear()
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


FAULTS = {
    "reset": Fault("reset"),
    "reset-in-head": Fault("reset", after=20),
    "reset-in-body": Fault("reset", after=250),
    "cut": Fault("cut"),
    "cut-in-head": Fault("cut", after=20),
    "cut-in-body": Fault("cut", after=250),
    "half-close": Fault("half_close", after=30),
    "longer": Fault("content_length", delta=100),
    "shorter": Fault("content_length", delta=-10),
    "refuse": Fault("refuse"),
    "request-reset": Fault("reset", after=100, direction="request"),
    "request-cut": Fault("cut", after=300, direction="request"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in ("longer", "shorter")])
def test_one_broken_exchange_is_not_seen(
    db: harness.Driver, proxy: ThreadedFaultProxy, server: athena_local.Server, step: str, name: str
) -> None:
    new = harness.NewQueries(server)
    proxy.add(Rule(FAULTS[name], target=step, times=1))
    cursor = db.cursor()
    assert cursor.execute("SELECT 7").fetchall() == [(7,)]
    assert len(new.ids()) == 1
    assert any(connection.faults for connection in proxy.connections)
    still_works(cursor, proxy)


@pytest.mark.parametrize("step", OTHER_STEPS)
@pytest.mark.parametrize("name", list(FAULTS))
def test_exchanges_that_break_for_ever(
    db: harness.Driver, proxy: ThreadedFaultProxy, server: athena_local.Server, step: str, name: str
) -> None:
    break_for_ever(db, proxy, server, step, name)


@pytest.mark.parametrize("name", ["reset", "cut-in-body", "longer", "shorter", "refuse"])
@pytest.mark.parametrize("db", ["asyncio"], indirect=True)
def test_status_calls_that_break_for_ever(
    db: harness.Driver, proxy: ThreadedFaultProxy, server: athena_local.Server, name: str
) -> None:
    break_for_ever(db, proxy, server, "GetQueryExecution", name)


def break_for_ever(
    db: harness.Driver, proxy: ThreadedFaultProxy, server: athena_local.Server, step: str, name: str
) -> None:
    new = harness.NewQueries(server)
    proxy.add(Rule(FAULTS[name], target=step), Rule(FAULTS[name], target=f"Batch{step}"))
    cursor = db.cursor()
    begun = time.monotonic()
    with pytest.raises(OperationalError) as caught:
        cursor.execute("SELECT 7")
    assert time.monotonic() - begun < 15
    assert caught.value.operation_name == step
    assert caught.value.code and caught.value.code.startswith("ATH_ERR_")
    assert len(new.ids()) <= 1
    still_works(cursor, proxy)


@pytest.mark.parametrize("step", STEPS)
def test_a_stalled_answer_is_given_up_after_the_read_timeout(
    db: harness.Driver, proxy: ThreadedFaultProxy, server: athena_local.Server, step: str
) -> None:
    new = harness.NewQueries(server)
    proxy.add(Rule(Fault("stall", after=50), target=step, times=1))
    cursor = db.cursor()
    begun = time.monotonic()
    assert cursor.execute("SELECT 7").fetchall() == [(7,)]
    assert 0.5 < time.monotonic() - begun < 10
    assert len(new.ids()) == 1


@pytest.mark.parametrize("step", STEPS)
def test_an_answer_byte_by_byte(db: harness.Driver, proxy: ThreadedFaultProxy, step: str) -> None:
    proxy.add(Rule(Fault("dribble"), target=step), Rule(Fault("dribble", direction="request")))
    assert db.cursor().execute("SELECT 7, 'text'").fetchall() == [(7, "text")]


def test_a_later_page_breaks_and_is_read_again(
    db: harness.Driver, proxy: ThreadedFaultProxy
) -> None:
    proxy.add(Rule(Fault("cut", after=5000), target="GetQueryResults", skip=3, times=2))
    cursor = db.cursor()
    cursor.execute("SELECT a FROM many_rows ORDER BY a")
    assert cursor.fetchall() == [(a,) for a in range(10_000)]


def test_a_later_page_breaks_for_ever(db: harness.Driver, proxy: ThreadedFaultProxy) -> None:
    """No row comes twice or out of order before the error, and the error is told once."""
    proxy.add(Rule(Fault("cut", after=5000), target="GetQueryResults", skip=3))
    cursor = db.cursor()
    cursor.execute("SELECT a FROM many_rows ORDER BY a")
    rows: list[Any] = []
    with pytest.raises(OperationalError):
        while (row := cursor.fetchone()) is not None:
            rows.append(row)
    assert rows == [(a,) for a in range(len(rows))]
    assert len(rows) < 10_000
    with pytest.raises(Error):
        cursor.fetchone()
    still_works(cursor, proxy)


def test_connections_dropped_between_queries(db: harness.Driver, proxy: ThreadedFaultProxy) -> None:
    cursor = db.cursor()
    for number in range(5):
        assert cursor.execute(f"SELECT {number}").fetchall() == [(number,)]
        proxy.drop_connections()


def test_connections_dropped_while_a_query_runs(
    db: harness.Driver, proxy: ThreadedFaultProxy
) -> None:
    timer = threading.Timer(0.3, proxy.drop_connections)
    timer.start()
    cursor = db.cursor()
    assert cursor.execute(harness.for_seconds(0.8)).fetchall() == [(1,)]
    timer.join()


def test_the_endpoint_goes_away_and_comes_back(
    db: harness.Driver, proxy: ThreadedFaultProxy
) -> None:
    cursor = db.cursor()
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]
    proxy.stop_listening()
    proxy.drop_connections()
    with pytest.raises(OperationalError, match="(?i)connect"):
        cursor.execute("SELECT 2")
    proxy.start()
    assert cursor.execute("SELECT 3").fetchall() == [(3,)]


def test_a_stop_that_breaks_is_sent_again(
    db: harness.Driver, proxy: ThreadedFaultProxy, server: athena_local.Server
) -> None:
    proxy.add(Rule(Fault("reset"), target="StopQueryExecution", times=1))
    cursor = db.of(db.connect(query_timeout=0.3))
    with pytest.raises(OperationalError, match="did not end within"):
        cursor.execute(harness.LONG)
    harness.wait_state(server, cursor.query_id, "CANCELLED")


def test_many_queries_over_a_bad_network(
    settings: dict[str, Any], proxy: ThreadedFaultProxy, server: athena_local.Server
) -> None:
    """Each of 100 queries has exactly one outcome, and each statement ran once."""
    new = harness.NewQueries(server)
    for step in (*STEPS, "BatchGetQueryExecution"):
        for skip in (1, 5, 12):
            proxy.add(Rule(Fault("reset", after=10), target=step, skip=skip, times=1))
            proxy.add(Rule(Fault("cut", after=200), target=step, skip=skip, times=1))
    settings.update(endpoint_url=f"http://127.0.0.1:{proxy.port}", config=Config(5.0, 6))

    async def one(connection: Any, number: int) -> Any:
        cursor = connection.cursor()
        await cursor.execute(f"SELECT {number}")
        return await cursor.fetchall()

    async def main() -> None:
        async with await pyathena.aio_connect(**settings) as connection:
            found = await asyncio.wait_for(
                asyncio.gather(*(one(connection, n) for n in range(100))), 60
            )
        assert found == [[(n,)] for n in range(100)]

    harness.run_on("asyncio", main())
    assert len(new.ids()) == 100


# -- answers that no Athena gives -----------------------------------------------------------------

ID = "11111111-2222-3333-4444-555555555555"
STARTED = json.dumps({"QueryExecutionId": ID}).encode()
SUCCEEDED = json.dumps(
    {
        "QueryExecution": {
            "QueryExecutionId": ID,
            "StatementType": "DML",
            "SubstatementType": "SELECT",
            "ResultConfiguration": {"OutputLocation": f"s3://b/{ID}.csv"},
            "Status": {"State": "SUCCEEDED"},
            "WorkGroup": "primary",
        }
    }
).encode()


def page(*rows: list[Any], columns: int = 1, token: str | None = None) -> bytes:
    info = [
        {"Name": f"c{n}", "Label": f"c{n}", "Type": "varchar", "Precision": 1, "Scale": 0,
         "Nullable": "UNKNOWN", "CaseSensitive": True, "CatalogName": "hive", "SchemaName": "",
         "TableName": ""}
        for n in range(columns)
    ]  # fmt: skip
    document: dict[str, Any] = {
        "ResultSet": {
            "Rows": [
                {"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]}
                for row in rows
            ],
            "ResultSetMetadata": {"ColumnInfo": info},
        },
        "UpdateCount": 0,
    }
    if token:
        document["NextToken"] = token
    return json.dumps(document).encode()


class Canned:
    """A server that gives prepared answers."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "StartQueryExecution": STARTED,
            "GetQueryExecution": SUCCEEDED,
            "GetQueryResults": page(["c0"], ["x"]),
            "StopQueryExecution": b"{}",
        }
        self.seen: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _serve(self, reader: Any, writer: Any) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = {
                    name.strip().lower(): value.strip()
                    for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
                }
                await reader.readexactly(int(fields.get(b"content-length", b"0")))
                name = fields[b"x-amz-target"].decode().rpartition(".")[2]
                self.seen.append(name)
                answer = self.answers.get(name, b"{}")
                if callable(answer):
                    answer = answer()
                if not answer.startswith(b"HTTP/"):
                    answer = (
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
                        b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer)
                    )
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()


@pytest.fixture
def canned() -> Iterator[Canned]:
    server = Canned()
    yield server
    server.close()


@pytest.fixture(params=KINDS)
def cursor(request: pytest.FixtureRequest, canned: Canned) -> Iterator[Any]:
    driver = harness.Driver(
        request.param,
        {
            "endpoint_url": f"http://127.0.0.1:{canned.port}",
            "aws_access_key_id": "AKIA",
            "aws_secret_access_key": "secret",
            "region_name": "us-east-1",
            "s3_staging_dir": "s3://b/",
            "config": Config(attempts=2),
        },
    )
    yield driver.cursor()
    driver.close()


def test_the_prepared_answers_are_good(cursor: Any) -> None:
    assert cursor.execute("SELECT 1").fetchall() == [("x",)]


BROKEN: dict[str, bytes] = {
    "empty": b"",
    "no-json": b"<html>503</html>",
    "null": b"null",
    "list": b"[]",
    "text": b'"x"',
    "other": b'{"Other": 1}',
    "cut": b'{"QueryExecutionId": "1111',
    "cut-object": b'{"QueryExecution": {"Status": {"State": "SUCC',
    "trailing": b'{"QueryExecutionId": "a"} x',
    "wrong-types": b'{"QueryExecutionId": 5, "QueryExecution": [], "ResultSet": "x"}',
    "nulls": b'{"QueryExecutionId": null, "QueryExecution": null, "ResultSet": null}',
    "bad-utf-8": b'{"QueryExecutionId": "\xff\xfe", "QueryExecution": {"Status": {"State": "\xff"'
    b'}}, "ResultSet": {"Rows": [{"Data": [{"VarCharValue": "\xff"}]}]}}',
    "surrogate": b'{"QueryExecutionId": "\\ud800", "QueryExecution": {"Status": {"State": "\\ud800"'
    b'}}, "ResultSet": {"Rows": [{"Data": [{"VarCharValue": "\\ud800"}]}]}}',
    "deep": b'{"a": ' * 5000 + b"1" + b"}" * 5000,
    "deep-lists": b"[" * 100_000,
    "nul": b'{"QueryExecutionId": "a\0b"}',
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", list(BROKEN))
def test_a_document_that_is_broken(cursor: Any, canned: Canned, step: str, name: str) -> None:
    good = canned.answers[step]
    canned.answers[step] = BROKEN[name]
    with pytest.raises(Error) as caught:
        cursor.execute("SELECT 1")
    assert isinstance(caught.value, (OperationalError, DatabaseError))
    assert str(caught.value)
    assert step in str(caught.value) or caught.value.operation_name == step
    canned.answers[step] = good
    assert cursor.execute("SELECT 1").fetchall() == [("x",)]


HEADS: dict[str, bytes] = {
    "no-http": b"HTTP/9.9 hello\r\n\r\n",
    "no-status": b"HTTP/1.1\r\n\r\n",
    "negative-length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "huge-length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    "large-length": b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n{}",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "no-content-with-body": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "long-header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 400_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("step", OTHER_STEPS)
@pytest.mark.parametrize("name", list(HEADS))
def test_http_that_is_broken(cursor: Any, canned: Canned, step: str, name: str) -> None:
    answer_for_ever(cursor, canned, step, name)


@pytest.mark.parametrize("name", ["no-http", "huge-length", "redirect", "long-header", "gzip"])
@pytest.mark.parametrize("cursor", ["asyncio"], indirect=True)
def test_status_by_http_that_is_broken(cursor: Any, canned: Canned, name: str) -> None:
    answer_for_ever(cursor, canned, "GetQueryExecution", name)


def answer_for_ever(cursor: Any, canned: Canned, step: str, name: str) -> None:
    good = canned.answers[step]
    canned.answers[step] = HEADS[name]
    begun = time.monotonic()
    with pytest.raises(Error) as caught:
        cursor.execute("SELECT 1")
    assert time.monotonic() - begun < 15
    assert str(caught.value)
    canned.answers[step] = good
    assert cursor.execute("SELECT 1").fetchall() == [("x",)]


REFUSALS: dict[str, tuple[bytes, str]] = {
    "json": (b'{"__type": "com.amazonaws.athena#SomeException", "message": "no"}', "SomeException"),
    "plain": (b"{}", "400"),
    "html": (b"<html><body>Bad gateway</body></html>", "400"),
    "binary": (b"\xff\xfe\x00", "400"),
    "not-text": (b'{"__type": 5, "message": {}}', "400"),
    "long": (b'{"__type": "LongException", "message": "' + b"x" * 100_000 + b'"}', "LongException"),
    "utf-8": ('{"__type": "E", "message": "\u00e4\U0001f600"}'.encode(), "\U0001f600"),
}


@pytest.mark.parametrize("name", list(REFUSALS))
def test_a_refusal_in_any_form(cursor: Any, canned: Canned, name: str) -> None:
    body, words = REFUSALS[name]
    canned.answers["StartQueryExecution"] = (
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    with pytest.raises(DatabaseError, match=words):
        cursor.execute("SELECT 1")
    canned.answers["StartQueryExecution"] = STARTED
    assert cursor.execute("SELECT 1").fetchall() == [("x",)]


def states(*names: str) -> Callable[[], bytes]:
    """GetQueryExecution answers with these states in turn, the last one for ever."""
    left = list(names)

    def answer() -> bytes:
        name = left.pop(0) if len(left) > 1 else left[0]
        return SUCCEEDED.replace(b"SUCCEEDED", name.encode())

    return answer


def test_a_state_that_is_new(cursor: Any, canned: Canned) -> None:
    canned.answers["GetQueryExecution"] = states("QUEUED", "THINKING", "RUNNING", "SUCCEEDED")
    assert cursor.execute("SELECT 1").fetchall() == [("x",)]


def test_failed_without_a_reason(cursor: Any, canned: Canned) -> None:
    canned.answers["GetQueryExecution"] = states("RUNNING", "FAILED")
    with pytest.raises(OperationalError):
        cursor.execute("SELECT 1")
    assert cursor.query_id == ID


def test_empty_pages_with_tokens_lose_no_rows(cursor: Any, canned: Canned) -> None:
    pages = [
        page(["c0"], ["a"], token="1"),
        page(token="2"),
        page(token="3"),
        page(["b"], token="4"),
        page(),
    ]
    canned.answers["GetQueryResults"] = lambda: pages.pop(0)
    assert cursor.execute("SELECT 1").fetchall() == [("a",), ("b",)]


def test_a_row_shorter_than_the_columns(cursor: Any, canned: Canned) -> None:
    canned.answers["GetQueryResults"] = page(["c0", "c1"], ["a"], ["b", "c"], columns=2)
    assert cursor.execute("SELECT 1").fetchall() == [("a", None), ("b", "c")]


def test_a_row_longer_than_the_columns(cursor: Any, canned: Canned) -> None:
    canned.answers["GetQueryResults"] = page(["c0"], ["a", "surplus"])
    with pytest.raises(OperationalError):
        cursor.execute("SELECT 1").fetchall()


def test_a_later_page_that_is_broken(cursor: Any, canned: Canned) -> None:
    pages = [page(["c0"], ["a"], token="1"), b'{"ResultSet": {"Rows": [{"Da']
    canned.answers["GetQueryResults"] = lambda: pages.pop(0) if len(pages) > 1 else pages[0]
    cursor.execute("SELECT 1")
    rows: list[Any] = []
    with pytest.raises(OperationalError):
        while (row := cursor.fetchone()) is not None:
            rows.append(row)
    assert rows == [("a",)]
    canned.answers["GetQueryResults"] = page(["c0"], ["x"])
    assert cursor.execute("SELECT 1").fetchall() == [("x",)]


def test_a_later_page_with_other_columns(cursor: Any, canned: Canned) -> None:
    pages = [page(["c0"], ["a"], token="1"), page(["b", "c"], columns=2)]
    canned.answers["GetQueryResults"] = lambda: pages.pop(0) if len(pages) > 1 else pages[0]
    with pytest.raises(OperationalError):
        cursor.execute("SELECT 1").fetchall()


def test_a_token_that_repeats_is_no_endless_loop(cursor: Any, canned: Canned) -> None:
    canned.answers["GetQueryResults"] = page(["c0"], token="again")
    begun = time.monotonic()
    with pytest.raises(OperationalError):
        cursor.execute("SELECT 1").fetchall()
    assert time.monotonic() - begun < 10

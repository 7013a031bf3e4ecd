"""Client, Queue, Query and the functions of the module: arguments, events, errors."""

from __future__ import annotations

import threading
import time
from typing import Any

import fakelib
import pytest
from fakelib import INT64, Script, column, core, numbers


def test_client_options() -> None:
    client = core.Client(
        region="eu-west-1", use_fips=False, connect_timeout_ms=1500, retry_base=1.5, profile=None
    )
    assert client.region == "eu-west-1/-1/1500/1.50"
    assert core.Client(use_fips=True).region == "none/1/0/0.00"
    assert client.endpoint == "http://localhost:1"
    assert client.profile is None


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"regin": "x"}, TypeError, "unexpected option 'regin'"),
        ({"region": 5}, TypeError, "region must be str"),
        ({"region": "a\0b"}, core.CoreError, "region contains a NUL"),
        ({"region": "a\ud800"}, core.CoreError, "region: the character at index 1"),
        ({"connect_timeout_ms": "5"}, TypeError, "connect_timeout_ms must be int"),
        ({"connect_timeout_ms": 2**31}, core.CoreError, "connect_timeout_ms must be between"),
        ({"budget_bytes": 2**63}, core.CoreError, "budget_bytes must be between"),
        ({"retry_base": "x"}, TypeError, "retry_base must be a number, not str"),
        ({"profile": "missing"}, core.CoreError, "no profile 'missing'"),
    ],
)
def test_client_option_errors(options: dict[str, Any], error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        core.Client(**options)


def test_client_takes_no_positional_arguments() -> None:
    with pytest.raises(TypeError):
        core.Client("us-east-1")


def test_credentials() -> None:
    client = core.Client()
    assert client.credentials_wanted()
    assert client.credentials() is None
    client.set_credentials("AKID", "secret", None, 99)
    assert not client.credentials_wanted()
    assert client.credentials() == {
        "access_key_id": "AKID",
        "secret_access_key": "",
        "session_token": None,
        "expires_at": 99,
    }
    client.set_credentials(None, reason="no keys")
    with pytest.raises(core.CoreError, match="secret_access_key") as info:
        client.set_credentials("AKID")
    assert info.value.code == core.ERR_INVALID
    with pytest.raises(TypeError, match="session_token"):
        client.set_credentials("AKID", "secret", 5)


def test_stats() -> None:
    stats = core.Client().stats()
    assert stats["connections_opened"] == 7
    assert stats["calls"] == 0


def test_query_options() -> None:
    script = Script(
        None,
        "SELECT 'é'",
        database="db",
        page_rows=10,
        result_reuse=False,
        timeout_ms=2**40,
        decode_text=True,
        parameters=("'a'", "2"),
        catalog=None,
    )
    text = fakelib.lib.fake_text(script.token).decode()
    assert text == f"SELECT 'é'|db|10|-1|{2**40}|1|'a'|2"


@pytest.mark.parametrize(
    ("sql", "options", "error", "text"),
    [
        ("", None, core.CoreError, "empty"),
        (b"SELECT 1", None, TypeError, "sql must be str"),
        ("SELECT '\udc80'", None, core.CoreError, "sql: the character at index 8"),
        ("SELECT \0", None, core.CoreError, "sql contains a NUL"),
        ("x", {"nope": 1}, TypeError, r"start_query\(\) got an unexpected option 'nope'"),
        ("x", 5, TypeError, "options must be dict"),
        ("x", {"parameters": ["a", 5]}, TypeError, r"parameters\[1\] must be str"),
        ("x", {"parameters": 5}, TypeError, "parameters must be a sequence"),
        ("x", {5: 5}, TypeError, "an option's name"),
    ],
)
def test_query_errors(sql: Any, options: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        core.Client().start_query(None, sql, options)


def test_queue_must_be_a_queue() -> None:
    with pytest.raises(TypeError, match="queue must be Queue or None"):
        core.Client().start_query(object(), "SELECT 1")


def test_other_operations() -> None:
    client = core.Client()
    attached = client.attach_query(None, "id-1", {"page_rows": 5}, 3, stop_on_cancel=True)
    assert fakelib.lib.fake_text(attached.token) == b"attach id-1 1"
    assert attached.user == 3
    stopped = client.stop_query(None, "id-2")
    assert fakelib.lib.fake_text(stopped.token) == b"stop id-2"
    metadata = client.start_metadata(
        None, {"kind": core.METADATA_DATABASES, "catalog": "AwsDataCatalog"}
    )
    assert metadata.metadata_json() == b'[{"Name": "AwsDataCatalog"}]'
    with pytest.raises(core.CoreError, match="catalog is missing"):
        client.start_metadata(None, {"kind": core.METADATA_DATABASES})


def test_query_members() -> None:
    script = Script()
    query = script.query
    assert query.query_id is None
    assert query.columns() is None
    assert query.execution() is None
    assert query.state() == core.STATE_UNKNOWN
    assert query.error() is None
    assert not query.done
    assert query.update_count == -1
    script.columns("a")
    assert query.query_id == "11111111-2222-3333-4444-555555555555"
    assert query.columns() == [
        ("a", "label", "varchar", 10, 2, "UNKNOWN", "hive", "", "", True),
    ]
    fakelib.lib.fake_state(script.token, core.STATE_RUNNING, b'{"Status": 1}')
    assert query.execution() == b'{"Status": 1}'
    assert query.state() == core.STATE_RUNNING
    query.cancel()
    query.cancel(discard_rows=True)
    assert fakelib.lib.fake_cancels(script.token) == 101
    query.detach()
    assert fakelib.lib.fake_detaches(script.token) == 1
    script.finish(core.ERR_QUERY_FAILED, "SYNTAX_ERROR")
    assert query.done
    error = query.error()
    assert error["code"] == core.ERR_QUERY_FAILED
    assert error["name"] == "ATH_ERR_QUERY_FAILED"
    assert error["message"] == "SYNTAX_ERROR"


def test_types_cannot_be_made_or_changed() -> None:
    for name in ("Query", "Fetch", "RowsIterator", "S3Chunk"):
        with pytest.raises(TypeError):
            getattr(core, name)()
    for name in ("Client", "Queue", "Query", "Rows", "LoopBudget", "S3Chunk"):
        with pytest.raises(TypeError):
            getattr(core, name).x = 1
        with pytest.raises(TypeError):
            type("Sub", (getattr(core, name),), {})


def test_queue_events() -> None:
    queue = core.Queue()
    assert queue.fileno() > 0
    assert queue.drain() == []
    script = Script(queue).columns("a")
    script.event(core.EVENT_STATE, '{"State": "RUNNING"}')
    script.finish(core.ERR_IO)
    assert queue.drain(1) == [(core.EVENT_RESULT, 0, script.token, None)]
    assert queue.drain() == [
        (core.EVENT_STATE, 0, script.token, b'{"State": "RUNNING"}'),
        (core.EVENT_DONE, core.ERR_IO, script.token, None),
    ]
    assert queue.drain(0) == []


def test_queue_wait() -> None:
    queue = core.Queue()
    begin = time.monotonic()
    assert queue.wait(0.12) is False
    assert time.monotonic() - begin >= 0.1
    assert queue.wait(0) is False
    script = Script(queue)
    timer = threading.Timer(0.05, script.columns, ("a",))
    timer.start()
    assert queue.wait() is True
    timer.join()
    with pytest.raises(ValueError, match="negative"):
        queue.wait(-1)


def test_query_wait() -> None:
    script = Script()
    assert script.query.wait(core.WAIT_RESULT, 0.06) == 0
    timer = threading.Timer(0.05, script.columns, ("a",))
    timer.start()
    assert script.query.wait(core.WAIT_RESULT) == core.WAIT_RESULT
    timer.join()
    script.finish()
    assert script.query.wait(core.WAIT_BATCH, 1) == core.WAIT_DONE


def test_query_wait_is_interrupted() -> None:
    import _thread

    script = Script()
    timer = threading.Timer(0.02, _thread.interrupt_main)
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        script.query.wait(core.WAIT_DONE, 30)
    assert time.monotonic() - begin < 5
    timer.join()


def test_events_of_a_dropped_queue_are_dropped() -> None:
    queue = core.Queue()
    script = numbers(5, queue=queue)
    del queue
    script.event(core.EVENT_STATE, "{}")
    script.push(1, column(INT64, [5])).finish()
    assert len(core.Rows(script.query).take()) == 6


def test_log() -> None:
    core.log_level(core.LOG_DEBUG)
    assert fakelib.lib.fake_log_level() == core.LOG_DEBUG
    core.log_level(core.LOG_NONE)
    with pytest.raises(ValueError, match="no log level 9"):
        core.log_level(9)
    records: list[tuple[int, str, str]] = []
    assert core.log_drain(lambda *record: records.append(record)) == 2
    assert records == [(2, "net", "first \ufffd"), (4, "query", "second")]
    with pytest.raises(ZeroDivisionError):
        core.log_drain(lambda *record: 1 / 0)


def test_module_constants_match_the_stub() -> None:
    import ast
    from pathlib import Path

    stub = Path(__file__).parents[3] / "python" / "pyathena" / "_core.pyi"
    names = {}
    for node in ast.parse(stub.read_text()).body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if "Final" in ast.unparse(node.annotation):
            names[node.target.id] = None if node.value is None else ast.literal_eval(node.value)
    for name, value in names.items():
        assert value is None or getattr(core, name) == value, name
    ours = {name for name in vars(core) if name.isupper()}
    assert ours == {name for name in names if name.isupper()}
    assert core.version == "0.1.0"
    assert core.shutdown(0) == 0

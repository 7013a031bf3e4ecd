"""Bad arguments of connections and calls: a clear error that names the culprit, nothing sent."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import athena_local
import harness
import pyathena
import pytest
from pyathena.aio.connection import AioConnection
from pyathena.error import Error, NotSupportedError, OperationalError, ProgrammingError
from pyathena.util import RetryConfig

pytestmark = pytest.mark.core


class Config:
    """As botocore's, with what is given."""

    def __init__(self, **members: Any) -> None:
        vars(self).update(members)


BAD: list[tuple[dict[str, Any], type[BaseException], str]] = [
    ({"endpoint_url": "not a url"}, ProgrammingError, "endpoint|URL|url"),
    ({"endpoint_url": "ftp://host/"}, ProgrammingError, "endpoint|URL|url|scheme"),
    ({"endpoint_url": "http://host:99999/"}, ProgrammingError, "port|endpoint"),
    ({"endpoint_url": "http://user:pw@host/"}, ProgrammingError, "endpoint|URL|url|user"),
    ({"endpoint_url": "http://ho\nst/"}, ProgrammingError, "endpoint|URL|url"),
    ({"endpoint_url": 5}, ProgrammingError, "endpoint_url"),
    ({"region_name": "us east 1"}, ProgrammingError, "region"),
    ({"region_name": "us-east-1/../x"}, ProgrammingError, "region"),
    ({"region_name": 5}, ProgrammingError, "region"),
    ({"profile_name": "nobody"}, ProgrammingError, "nobody"),
    ({"profile_name": 5}, ProgrammingError, "profile"),
    ({"aws_access_key_id": 5}, ProgrammingError, "access_key_id"),
    ({"aws_access_key_id": "A\0B"}, ProgrammingError, "access_key_id"),
    ({"aws_access_key_id": "key\r\nX-Evil: 1"}, OperationalError, "keys"),
    ({"aws_secret_access_key": None}, Error, "secret"),
    ({"aws_session_token": "to\nken"}, OperationalError, "keys"),
    ({"verify": 5}, ProgrammingError, "verify"),
    ({"verify": ""}, ProgrammingError, "verify"),
    ({"verify": "/no/such/ca.pem", "endpoint_url": "https://127.0.0.1:1/"},
     Error, "/no/such/ca.pem"),
    ({"poll_interval": 0}, ProgrammingError, "poll_interval"),
    ({"poll_interval": -1}, ProgrammingError, "poll_interval"),
    ({"poll_interval": "1"}, ProgrammingError, "poll_interval"),
    ({"poll_interval": float("nan")}, ProgrammingError, "poll_interval"),
    ({"query_timeout": 0}, ProgrammingError, "query_timeout"),
    ({"query_timeout": "1"}, ProgrammingError, "query_timeout"),
    ({"retry_config": 5}, ProgrammingError, "retry_config"),
    ({"retry_config": RetryConfig(attempt=0)}, ProgrammingError, "retry_config|attempt"),
    ({"retry_config": RetryConfig(attempt=-1)}, ProgrammingError, "retry_config|attempt"),
    ({"retry_config": RetryConfig(attempt=10**10)}, ProgrammingError, "retry_config|attempt"),
    ({"retry_config": RetryConfig(multiplier=-1)}, ProgrammingError, "retry_config|multiplier"),
    ({"retry_config": RetryConfig(multiplier="x")},  # type: ignore[arg-type]
     ProgrammingError, "retry_config|multiplier"),
    ({"retry_config": RetryConfig(max_delay=-1)}, ProgrammingError, "retry_config|max_delay"),
    ({"config": Config(connect_timeout=0)}, ProgrammingError, "connect_timeout"),
    ({"config": Config(read_timeout="x")}, ProgrammingError, "read_timeout"),
    ({"config": Config(max_pool_connections=0)}, ProgrammingError, "max_pool|connections"),
    ({"config": Config(max_pool_connections="x")}, ProgrammingError, "max_pool|connections"),
    ({"config": Config(proxies={"http": "socks9://x"})}, ProgrammingError, "proxy"),
    ({"config": Config(proxies_config={"proxy_ca_bundle": "x"})}, NotSupportedError, "proxy_ca"),
    ({"config": Config(client_cert="/no/such.pem"), "endpoint_url": "https://127.0.0.1:1/"},
     Error, "no/such.pem"),
    ({"s3_config": Config(s3={"addressing_style": "sideways"})}, ProgrammingError, "sideways"),
    ({"s3_staging_dir": 5}, ProgrammingError, "s3_staging_dir"),
    ({"s3_staging_dir": "https://bucket/x/"}, Error, "s3_staging_dir"),
    ({"schema_name": 5}, ProgrammingError, "schema_name"),
    ({"catalog_name": ["x"]}, ProgrammingError, "catalog_name"),
    ({"work_group": 5}, ProgrammingError, "work_group"),
    ({"encryption_option": 5}, ProgrammingError, "encryption_option"),
    ({"encryption_option": "ROT13"}, Error, "(?i)encryption_?option"),
    ({"kms_key": 5}, ProgrammingError, "kms_key"),
    ({"on_poll": 5}, ProgrammingError, "on_poll"),
    ({"on_start_query_execution": 5}, ProgrammingError, "on_start_query_execution"),
    ({"session": 5, "region_name": "us-east-1"}, ProgrammingError, "session"),
    ({"converter": 5}, ProgrammingError, "converter"),
    ({"formatter": 5}, ProgrammingError, "formatter"),
    ({"role_arn": "arn:aws:iam::1:role/x"}, NotSupportedError, "role_arn"),
    ({"serial_number": "mfa"}, NotSupportedError, "serial_number"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    BAD,
    ids=[f"{n}-{'-'.join(case[0])}" for n, case in enumerate(BAD)],
)
def test_a_bad_argument_of_a_connection(
    db: harness.Driver,
    switched: athena_local.Server,
    arguments: dict[str, Any],
    error: type[BaseException],
    words: str,
) -> None:
    new = harness.NewQueries(switched)
    with pytest.raises(error, match=words):
        db.of(db.connect(**arguments)).execute("SELECT 1")
    assert new.ids() == []


def test_where_results_go_must_be_said(db: harness.Driver) -> None:
    words = r"^Required argument `s3_staging_dir` or `work_group` not found\.$"
    for nothing in (None, ""):
        with pytest.raises(ProgrammingError, match=words):
            db.connect(s3_staging_dir=nothing)


def test_environment_of_connections(db: harness.Driver, aws_env: pytest.MonkeyPatch) -> None:
    aws_env.setenv("AWS_ATHENA_S3_STAGING_DIR", "s3://somewhere/else")
    aws_env.setenv("AWS_ATHENA_WORK_GROUP", "mine")
    connection = db.connect(s3_staging_dir=None)
    assert connection.s3_staging_dir == "s3://somewhere/else/"
    assert connection.work_group == "mine"
    assert db.connect(work_group="primary").work_group == "primary"
    assert db.connect(work_group="").work_group is None
    with pytest.raises(ProgrammingError):
        db.connect(s3_staging_dir="", work_group="")


def test_unknown_keywords_are_ignored(db: harness.Driver) -> None:
    cursor = db.of(db.connect(no_such_keyword=1, api_version="2017-05-18"))
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_arguments_are_keywords() -> None:
    with pytest.raises(TypeError, match="positional"):
        pyathena.connect("s3://bucket/")  # type: ignore[call-arg]


def test_a_connection_may_be_made_in_each_way(run: harness.Run, settings: dict[str, Any]) -> None:
    import asyncio

    async def main() -> None:
        one = await AioConnection.create(**settings)
        two = await asyncio.create_task(AioConnection.create(**settings))
        three = await asyncio.wait_for(AioConnection.create(**settings), 5)
        four = AioConnection(**settings)
        for connection in (one, two, three, four):
            cursor = connection.cursor()
            await cursor.execute("SELECT 1")
            assert await cursor.fetchone() == (1,)

    run(main())


def test_the_cursors_of_any_connection(db: harness.Driver, settings: dict[str, Any]) -> None:
    from pyathena.cursor import Cursor, DictCursor

    connection = db.connect()
    assert connection.cursor(Cursor).execute("SELECT 1 AS x").fetchone() == (1,)
    assert connection.cursor(DictCursor).execute("SELECT 1 AS x").fetchone() == {"x": 1}


METADATA: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("list_databases", (5,), {}, "catalog"),
    ("list_databases", (None,), {"max_results": 0}, "max_results"),
    ("list_databases", (None,), {"max_results": 51}, "max_results"),
    ("list_databases", (None,), {"max_results": "x"}, "max_results"),
    ("list_table_metadata", (), {"schema_name": 5}, "database|schema"),
    ("list_table_metadata", (), {"expression": 5}, "expression"),
    ("get_table_metadata", (5,), {}, "table"),
    ("get_table_metadata", ("a\0b",), {}, "table"),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "words"), METADATA)
def test_a_bad_argument_of_a_catalogue_call(
    db: harness.Driver,
    switched: athena_local.Server,
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    words: str,
) -> None:
    cursor = db.cursor()
    with pytest.raises(ProgrammingError, match=words):
        getattr(cursor, name)(*args, **kwargs)
    assert switched.stats()["calls"] == {}


# -- endpoints that do not answer -----------------------------------------------------------------

QUICK = {"config": Config(connect_timeout=0.5, read_timeout=0.5, retries={"total_max_attempts": 1})}


def test_nobody_listens(db: harness.Driver) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cursor = db.of(db.connect(endpoint_url=f"http://127.0.0.1:{port}", **QUICK))
    with pytest.raises(OperationalError, match="(?i)connect") as caught:
        cursor.execute("SELECT 1")
    assert str(port) in str(caught.value) or "127.0.0.1" in str(caught.value)
    assert caught.value.operation_name == "StartQueryExecution"


def test_a_name_that_does_not_resolve(db: harness.Driver) -> None:
    cursor = db.of(db.connect(endpoint_url="http://no-such-host.invalid:8080", **QUICK))
    with pytest.raises(OperationalError, match=r"no-such-host\.invalid"):
        cursor.execute("SELECT 1")


def test_an_endpoint_that_accepts_and_says_nothing(db: harness.Driver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        cursor = db.of(db.connect(endpoint_url=f"http://127.0.0.1:{port}", **QUICK))
        begun = time.monotonic()
        with pytest.raises(OperationalError, match="(?i)time|silen|answer"):
            cursor.execute("SELECT 1")
        assert time.monotonic() - begun < 10


def test_an_endpoint_that_is_no_http_server(db: harness.Driver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65536)
                    peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        cursor = db.of(db.connect(endpoint_url=f"http://127.0.0.1:{port}", **QUICK))
        with pytest.raises(OperationalError):
            cursor.execute("SELECT 1")
        listener.shutdown(socket.SHUT_RDWR)


def test_a_proxy_that_refuses(db: harness.Driver, server: athena_local.Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65536)
                    peer.sendall(
                        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n"
                        b"Connection: close\r\n\r\n"
                    )

        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        config = Config(
            proxies={
                "http": f"http://u:secretpw@127.0.0.1:{port}",
                "https": f"http://u:secretpw@127.0.0.1:{port}",
            },
            connect_timeout=2,
            retries={"total_max_attempts": 1},
        )
        for url in ("http://athena.invalid/", "https://athena.invalid/"):
            cursor = db.of(db.connect(endpoint_url=url, config=config))
            with pytest.raises(OperationalError, match="(?i)proxy|407") as caught:
                cursor.execute("SELECT 1")
            assert "secretpw" not in str(caught.value)
        listener.shutdown(socket.SHUT_RDWR)


def test_a_proxy_that_is_not_there(db: harness.Driver) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = Config(proxies={"http": f"http://127.0.0.1:{port}"}, retries={"total_max_attempts": 1})
    cursor = db.of(db.connect(endpoint_url="http://athena.invalid/", config=config))
    with pytest.raises(OperationalError, match=f"(?i)proxy|127.0.0.1.*{port}|{port}"):
        cursor.execute("SELECT 1")

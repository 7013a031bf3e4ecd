"""What survives the end of a server, orderly or not."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from athena_local import Server, ServerError
from athena_local.catalog import Catalog, Column, Database, Partition, Table
from athena_local.store import Store
from conftest import Runner, make_client


def test_catalog_is_read_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.sqlite")
    catalog = Catalog(store)
    catalog.create_database(Database("d", "text", "s3://b/", {"k": "v"}))
    table = Table("d", "t", "text", [Column("a", "int", "c")], [Column("p", "string")], "s3://b/t/")
    catalog.put_table(table)
    for values in (["a/b"], ["a"], ["b"]):
        catalog.put_partition(table, Partition(values, "s3://b/t/x/"))
    catalog.drop_partition(table, ("b",))
    store.close()
    store = Store(tmp_path / "x.sqlite")
    again = Catalog(store)
    assert again.databases() == catalog.databases()
    assert again.tables("d") == [table]
    assert [p.values for p in again.partitions(table)] == [["a"], ["a/b"]]
    again.drop_database("d")
    assert Catalog(store).tables("d") == [] and Catalog(store).database("d") is None
    store.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()]


def test_restart_after_a_crash_loses_nothing(tmp_path: Path) -> None:
    options = {"data": tmp_path / "data", "allow_directives": True}
    server = Server(seed=True, **options).start()  # type: ignore[arg-type]
    athena = make_client(server)
    run = Runner(athena, server.staging_dir)
    run.execute("CREATE DATABASE kept")
    run.execute("CREATE TABLE kept.t AS SELECT 1 AS x, 'y' AS y")
    finished = run.execute("SELECT * FROM one_row")["QueryExecutionId"]
    athena.create_work_group(Name="kept-group")
    athena.create_prepared_statement(
        StatementName="kept_stmt", WorkGroup="primary", QueryStatement="SELECT 7"
    )
    token = "t" * 32
    repeated = run.start("SELECT 1", ClientRequestToken=token)
    running = run.start("SELECT /* athena-local: run_seconds=60 */ 1")
    run.wait(running, ("RUNNING",))
    offspring = children(server.pid)
    assert len(offspring) == 2  # SeaweedFS and the sweeper of its sockets
    os.kill(server.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(map(alive, offspring)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(alive, offspring)), "a child outlived the server"
    server.stop()
    with Server(**options) as server:  # type: ignore[arg-type]
        run = Runner(make_client(server), server.staging_dir)
        status = run.wait(running)["Status"]
        assert status["State"] == "FAILED"
        assert status["AthenaError"]["ErrorCategory"] == 1
        assert run.results(finished)["ResultSet"]["Rows"][1]["Data"] == [{"VarCharValue": "1"}]
        assert run.rows("SELECT * FROM kept.t") == [["1", "y"]]
        assert run.rows("EXECUTE kept_stmt") == [["7"]]
        assert run.client.get_work_group(WorkGroup="kept-group")["WorkGroup"]["State"] == "ENABLED"
        assert run.start("SELECT 1", ClientRequestToken=token) == repeated
        listed = run.client.list_query_executions()["QueryExecutionIds"]
        assert {finished, running} <= set(listed)
        pid, offspring = server.pid, children(server.pid)
    assert not alive(pid) and not any(map(alive, offspring))


def sockets(pid: int) -> list[str]:
    """Paths of the Unix sockets that a process listens on."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(descriptor))
        except FileNotFoundError:  # closed meanwhile
            continue
    lines = [line.split() for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]]
    return [line[7] for line in lines if len(line) > 7 and f"socket:[{line[6]}]" in inodes]


def test_nothing_is_left_outside_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    data = tmp_path / ("long-" * 20) / "data"  # longer than the path of a socket may be
    server = Server(data=data, seed=True).start()
    try:
        run = Runner(make_client(server), server.staging_dir)
        run.execute("CREATE TABLE t AS SELECT a, CAST(a AS varchar) AS b FROM many_rows")
        assert len(run.rows("SELECT * FROM t LIMIT 3")) == 3
        offspring = children(server.pid)
        named = [path for pid in [server.pid, *offspring] for path in sockets(pid)]
        outside = {path for path in named if "/" in path}
        assert {"filer.sock", "s3.sock"} <= set(named)
        assert outside and all(map(os.path.exists, outside))
        os.kill(server.pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while any(map(alive, offspring)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(map(alive, offspring))
    finally:
        server.stop()
    assert not any(map(os.path.exists, outside))
    assert list(temporary.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [data.parent.name, "temporary"]


def test_temporary_data_goes_with_an_orderly_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Server() as server:
        assert [path.name[:13] for path in tmp_path.iterdir()] == ["athena-local-"]
        named = {path for pid in children(server.pid) for path in sockets(pid) if "/" in path}
        assert named
    assert not any(map(os.path.exists, named))
    assert list(tmp_path.iterdir()) == []


def test_one_data_directory_one_server(tmp_path: Path) -> None:
    with Server(data=tmp_path), pytest.raises(ServerError, match="another server uses"):
        Server(data=tmp_path).start()


def test_start_error_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServerError, match="athena-local: "):
        Server(data=tmp_path / "file" / "below").start()
    with pytest.raises(ServerError, match="--trino-url"):
        Server(options=["--engine=trino"]).start()

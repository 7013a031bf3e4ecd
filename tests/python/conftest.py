from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import athena_local
    import harness


# The environments of other Pythons hold only what the core marker needs.
collect_ignore = [] if importlib.util.find_spec("boto3") else ["test_boto3_view.py"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "core: runs under sanitizers and on every Python")
    config.addinivalue_line("markers", "slow: takes a minute; runs with ATHENA_SLOW_TESTS=1")
    config.addinivalue_line("markers", "loops: on each kind of loop, also with ATHENA_ONE_LOOP=1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not os.environ.get("ATHENA_SLOW_TESTS"):
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
    if os.environ.get("ATHENA_ONE_LOOP"):
        items[:] = [item for item in items if not _is_for_uvloop_too(item)]


def _is_for_uvloop_too(item: pytest.Item) -> bool:
    kinds = getattr(item, "callspec", None)
    return (
        kinds is not None
        and "uvloop" in kinds.params.values()
        and item.path.parent.name != "core"
        and item.get_closest_marker("loops") is None
    )


@pytest.fixture(scope="session")
def server() -> Iterator[athena_local.Server]:
    """Athena in another process, with the tables many_rows and one_row."""
    import athena_local

    running = athena_local.Server(seed=True, allow_directives=True)
    with pytest.MonkeyPatch.context() as patch:
        if "LD_PRELOAD" in os.environ:  # a sanitizer, for the package under test alone
            for name in ("LD_PRELOAD", "PYTHONPATH", "PYTHONMALLOC"):
                patch.delenv(name, raising=False)
        running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def aws_env(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> pytest.MonkeyPatch:
    """No AWS settings but those that the test makes."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


@pytest.fixture
def settings(server: athena_local.Server, aws_env: Any) -> dict[str, Any]:
    """Arguments of a connection to the server."""
    return {
        "endpoint_url": server.url,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
        "region_name": server.region,
        "s3_staging_dir": server.staging_dir,
    }


@pytest.fixture
def switched(server: athena_local.Server) -> Iterator[athena_local.Server]:
    """The server, with its counts at 0; switches are as before after the test."""
    server.switch(reset=True)
    yield server
    server.switch(reset=True)


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(loop_kind: str) -> harness.Run:
    """Runs a coroutine to its end on a loop of each kind."""
    import harness

    return lambda main: harness.run_on(loop_kind, main)


@pytest.fixture(params=["blocking", "asyncio", "uvloop"])
def db(request: pytest.FixtureRequest, settings: dict[str, Any]) -> Iterator[harness.Driver]:
    """Blocking cursors, and those of asyncio on each loop, behind one blocking interface."""
    import harness

    driver = harness.Driver(str(request.param), settings)
    yield driver
    driver.close()

"""The fixture ``athena_local``: one server for a test session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import Server


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the ini option ``athena_local_options``."""
    parser.addini(
        "athena_local_options",
        "further options of the athena-local command, one a line",
        type="linelist",
        default=["--seed", "--allow-directives"],
    )


@pytest.fixture(scope="session")
def athena_local(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A running server with the tables ``many_rows`` and ``one_row``."""
    with Server(options=request.config.getini("athena_local_options")) as server:
        yield server


@pytest.fixture
def athena_local_env(athena_local: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, with the environment of the test pointing AWS clients at it."""
    for name, value in athena_local.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return athena_local

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import athena_local

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "python")]


@pytest.fixture(scope="session")
def server() -> Iterator[athena_local.Server]:
    """Athena in another process, with the tables many_rows and one_row."""
    import athena_local

    with athena_local.Server(seed=True, allow_directives=True) as running:
        yield running


@pytest.fixture
def switched(server: athena_local.Server) -> Iterator[athena_local.Server]:
    """The server, with its counts at 0; switches are as before after the test."""
    server.switch(reset=True)
    yield server
    server.switch(reset=True)


@pytest.fixture
def settings(server: athena_local.Server) -> dict[str, Any]:
    """Arguments of a connection to the server."""
    return {
        "endpoint_url": server.url,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
        "region_name": server.region,
        "s3_staging_dir": server.staging_dir,
    }

"""The fixture that users' tests take."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

TEST = """
import os
import boto3

def test_fixture(athena_local_env):
    client = boto3.client("athena")
    assert client.meta.endpoint_url == athena_local_env.url
    started = client.start_query_execution(
        QueryString="SELECT * FROM one_row",
        ResultConfiguration={"OutputLocation": os.environ["AWS_ATHENA_S3_STAGING_DIR"]},
    )
    assert started["QueryExecutionId"]

def test_environment_is_restored():
    assert "AWS_ENDPOINT_URL_ATHENA" not in os.environ
"""


def test_fixture_serves_a_users_test(tmp_path: Path) -> None:
    (tmp_path / "test_user.py").write_text(TEST)
    installed = any(e.value == "athena_local.pytest_plugin" for e in entry_points(group="pytest11"))
    extra = [] if installed else ["-p", "athena_local.pytest_plugin"]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *extra, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "2 passed" in found.stdout

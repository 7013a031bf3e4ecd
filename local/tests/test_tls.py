"""Https with the test CA."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import SSLError

from athena_local import Server
from conftest import Runner, make_client


def test_https(tmp_path: Path, server: Server) -> None:
    # The S3 server of the session serves: only the listener differs.
    environment = {"AWS_ACCESS_KEY_ID": server.access_key}
    environment["AWS_SECRET_ACCESS_KEY"] = server.secret_key
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        secure = Server(data=tmp_path, tls=True, s3_endpoint=server.s3_url, bucket=server.bucket)
        with secure:
            assert secure.url.startswith("https://127.0.0.1:")
            assert secure.environment["AWS_CA_BUNDLE"] == secure.ca_file
            run = Runner(make_client(secure), secure.staging_dir)
            assert run.rows("SELECT 1") == [["1"]]
            assert secure.stats()["calls"]["StartQueryExecution"] == 1
            with pytest.raises(SSLError):
                make_client(secure, verify=True).list_work_groups()

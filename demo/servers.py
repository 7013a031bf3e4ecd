"""The demo's side of its servers: start them through the guard, stop them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from guard import die_with_parent

if TYPE_CHECKING:
    from typing_extensions import Self

HERE = Path(__file__).resolve().parent


class DemoError(Exception):
    """Ends the demo with a message."""


def plain_environment() -> dict[str, str]:
    """The user's environment without AWS settings, proxies and Python paths.

    Nothing the demo runs can reach an account by them.
    """
    away = ("AWS_", "PYTHON", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy",
            "all_proxy", "BOTO_")  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith(away)}
    kept.update(
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        PYTHONDONTWRITEBYTECODE="1",
    )
    return kept


class Servers:
    """SeaweedFS and athena-local on free loopback ports; a context manager."""

    def __init__(self) -> None:
        self._guard: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "athena_local", "--data", "{data}", "--seed"]
        self._guard = subprocess.Popen(
            [sys.executable, HERE / "guard.py", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=plain_environment(),
            start_new_session=True,
        )
        try:
            self.ready = json.loads(self._first_line(90.0))
        except ValueError:
            raise DemoError("athena-local did not start; the reason stands above") from None
        finally:
            if not self.ready:
                self._stop()
        return self

    def _first_line(self, seconds: float) -> bytes:
        assert self._guard is not None and self._guard.stdout is not None
        descriptor, line = self._guard.stdout.fileno(), b""
        deadline = time.monotonic() + seconds
        while not line.endswith(b"\n"):
            wait = deadline - time.monotonic()
            if wait <= 0 or not select.select([descriptor], [], [], wait)[0]:
                break
            piece = os.read(descriptor, 65536)
            if not piece:
                break
            line += piece
        return line

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        guard, self._guard = self._guard, None
        if guard is None:
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # what they ask for is under way
        assert guard.stdin is not None and guard.stdout is not None
        guard.stdin.close()
        try:
            guard.wait(15)
        except subprocess.TimeoutExpired:
            guard.kill()  # and the kernel kills what it runs
            guard.wait()
        guard.stdout.close()

    @property
    def bucket(self) -> str:
        return str(self.ready["bucket"])

    @property
    def variables(self) -> dict[str, str]:
        """What `make local` prints: the variables that point AWS clients here."""
        from athena_local.cli import environment

        return environment({name: str(value) for name, value in self.ready.items()})

    @property
    def environment(self) -> dict[str, str]:
        """The environment of programs that use the servers."""
        return {**plain_environment(), **self.variables}

    def file_system(self) -> Any:
        """A file system on the S3 server."""
        from pyathena.filesystem.s3 import S3FileSystem

        return S3FileSystem(
            key=self.ready["access_key"],
            secret=self.ready["secret_key"],
            endpoint_url=self.ready["s3_url"],
            region_name=self.ready["region"],
        )

    def stats(self) -> dict[str, Any]:
        """What the server counted."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.ready['athena_url']}/_athena_local/stats", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def state_of(self, query_id: str) -> str:
        """A query's state in the server's own books."""
        for query in self.stats()["queries"]:
            if query["id"] == query_id:
                return str(query["state"])
        return "unknown"


def run_program(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    what: str,
    text: str = "",
    limit: float = 120,
) -> str:
    """Runs a program to its end and returns what it printed. It is killed with this process.

    :param what: its name in errors.
    :param text: its standard input.
    :raises DemoError: it failed or took longer than ``limit`` seconds.
    """
    parent = os.getpid()
    process = subprocess.Popen(
        list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=dict(environment),
        preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 - from the main thread
        start_new_session=True,
    )  # fmt: skip
    try:
        out, errors = process.communicate(text, timeout=limit)
    except subprocess.TimeoutExpired:
        raise DemoError(f"{what} did not end within {limit:.0f} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        raise DemoError(f"{what} failed:\n{errors.strip()}")
    return out

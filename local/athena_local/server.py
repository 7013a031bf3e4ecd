"""A server in a process of its own, for tests and scripts."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any


class ServerError(Exception):
    """The server could not be started, or refused an administrative call."""


class Server:
    """Starts ``athena-local`` and stops it; a context manager.

    The process ends with this one too: it watches a pipe that the kernel closes. Keyword arguments
    stand for the command's options; ``options`` takes further ones as written on a command line.
    ``timeout`` bounds the start, in seconds. The server runs by this Python, or by that of another
    environment when ``ATHENA_LOCAL_PYTHON`` names it.
    """

    def __init__(
        self,
        *,
        data: str | os.PathLike[str] | None = None,
        port: int = 0,
        tls: bool = False,
        seed: bool = False,
        allow_directives: bool = False,
        region: str = "us-east-1",
        bucket: str = "athena-local",
        s3_endpoint: str = "",
        options: Sequence[str] = (),
        timeout: float = 60.0,
    ) -> None:
        self._arguments = [f"--port={port}", f"--region={region}", f"--bucket={bucket}"]
        if data is not None:
            self._arguments.append(f"--data={Path(data)}")
        if s3_endpoint:
            self._arguments.append(f"--s3-endpoint={s3_endpoint}")
        flags = (("--tls", tls), ("--seed", seed), ("--allow-directives", allow_directives))
        self._arguments += [flag for flag, on in flags if on]
        self._arguments += list(options)
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: dict[str, Any] = {}

    def start(self) -> Server:
        """Starts the process and waits until it answers."""
        if self._process is not None:
            raise ServerError("the server runs already")
        python = os.environ.get("ATHENA_LOCAL_PYTHON") or sys.executable
        command = [python, "-m", "athena_local", "--exit-with-stdin", *self._arguments]
        errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        line = self._first_line(self._process)
        try:
            ready = json.loads(line)
        except ValueError:
            self.stop()
            errors.seek(0)
            text = errors.read().decode("utf-8", "replace").strip()
            raise ServerError(text or "the server did not start in time") from None
        finally:
            errors.close()
        self._ready = ready
        return self

    def _first_line(self, process: subprocess.Popen[bytes]) -> bytes:
        lines: queue.Queue[bytes] = queue.Queue()
        assert process.stdout is not None
        reader = process.stdout
        thread = threading.Thread(target=lambda: lines.put(reader.readline()), daemon=True)
        thread.start()
        try:
            return lines.get(timeout=self._timeout)
        except queue.Empty:
            return b""

    def stop(self) -> None:
        """Stops the process and all that it started; returns when they are gone."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _get(self, name: str) -> str:
        if not self._ready:
            raise ServerError("the server has not been started")
        return str(self._ready[name])

    @property
    def url(self) -> str:
        """Athena's endpoint."""
        return self._get("athena_url")

    @property
    def s3_url(self) -> str:
        """The S3 server's endpoint."""
        return self._get("s3_url")

    @property
    def access_key(self) -> str:
        """The access key id."""
        return self._get("access_key")

    @property
    def secret_key(self) -> str:
        """The secret access key."""
        return self._get("secret_key")

    @property
    def region(self) -> str:
        """The region."""
        return self._get("region")

    @property
    def bucket(self) -> str:
        """The bucket that is there from the start."""
        return self._get("bucket")

    @property
    def staging_dir(self) -> str:
        """A location for results."""
        return self._get("staging_dir")

    @property
    def ca_file(self) -> str:
        """The CA's certificate; empty without TLS."""
        return self._get("ca_file")

    @property
    def pid(self) -> int:
        """The process id."""
        if self._process is None:
            raise ServerError("the server does not run")
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point AWS clients here."""
        from .cli import environment

        return environment({key: str(value) for key, value in self._ready.items()})

    def switch(self, **switches: Any) -> dict[str, Any]:
        """Sets switches (throttle, latency, refuse, fail, active_limit, clock_offset, reset)."""
        return self._admin("switches", switches)

    def stats(self) -> dict[str, Any]:
        """Calls, refusals and times of queries."""
        return self._admin("stats", None)

    def _admin(self, what: str, document: dict[str, Any] | None) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.url}/_athena_local/{what}")
        if document is not None:
            request.data = json.dumps(document).encode()
            request.add_header("Content-Type", "application/json")
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self.ca_file:
            import ssl

            context = ssl.create_default_context(cafile=self.ca_file)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=30) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise ServerError(json.load(error)["error"]) from None

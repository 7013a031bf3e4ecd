"""Runs the servers for the demo and ends them with it, however it ends.

Usage: guard.py COMMAND... (``{data}`` in a word is replaced by a temporary directory)

The command runs in a process group of its own. It is stopped when standard input is closed (the
kernel does that for a killed demo), when this process gets SIGTERM (which the kernel sends when the
demo dies), and when the command ends by itself: SIGTERM for the group, three seconds, SIGKILL. Then
the directory is removed. Should this process be killed itself, the kernel kills the command.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GRACE = 3.0
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Linux's prctl(); nothing elsewhere, where the closed pipe has to do."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Has the kernel send this process a signal when its parent dies; for the child's side."""
    prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def _reap() -> set[int]:
    """Takes the status of children that have ended; their ids."""
    ended = set()
    while True:
        try:
            child, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if child == 0:
            return ended
        ended.add(child)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def stop_group(group: int) -> None:
    """TERM, three seconds, KILL; returns when nothing of the group is left."""
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 10.0)):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            _reap()
            if not _group_lives(group):
                return
            time.sleep(0.02)


def _watch(child: int, stopping: list[bool]) -> bool:
    """Waits for a reason to stop; whether it is that the command ended."""
    while not stopping:
        if child in _reap():
            return True
        if select.select([0], [], [], 0.1)[0] and not os.read(0, 4096):
            return False
    return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def main() -> int:
    parent = os.getppid()
    stopping: list[bool] = []
    # An interrupt from the keyboard is for the demo, which closes the pipe when it has ended.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    die_with_parent(parent, signal.SIGTERM)
    data = Path(tempfile.mkdtemp(prefix="libathena-demo-"))
    try:
        log = data / "server.log"
        words = [word.replace("{data}", str(data / "athena")) for word in sys.argv[1:]]
        me = os.getpid()

        def prepare() -> None:
            os.setpgid(0, 0)
            os.nice(5)  # servers would be elsewhere: they give way to the programs that are shown
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            die_with_parent(me)

        with log.open("wb") as file:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stderr=file,
                env={**os.environ, "TMPDIR": str(data)},
                preexec_fn=prepare,  # noqa: PLW1509 - there is one thread
            )
        ended = False
        try:
            ended = _watch(process.pid, stopping)
        finally:
            stop_group(process.pid)
        if ended:
            print(f"The server ended:\n{_tail(log)}", file=sys.stderr, flush=True)
        return 1 if ended else 0
    finally:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

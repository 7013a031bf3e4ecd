"""Child processes that never outlive us, and free loopback ports."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_SWEEP = """
import os, sys
os.read(0, 1)
for path in sys.argv[1:]:
    try:
        os.unlink(path)
    except OSError:
        pass
"""
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None


def _die_with_parent(parent: int) -> None:
    """Runs in the child between fork and exec: the kernel kills it when the parent dies."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def spawn(
    arguments: Sequence[str],
    *,
    cwd: Path | None = None,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout_pipe: bool = False,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Starts a process that dies with the calling thread's process; output goes to ``log``.

    It inherits the descriptors in ``keep``.
    """
    parent = os.getpid()
    sink = open(log, "ab") if log is not None else None
    try:
        return subprocess.Popen(
            list(arguments),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout_pipe else (sink or subprocess.DEVNULL),
            stderr=sink or subprocess.DEVNULL,
            env=None if env is None else dict(env),
            pass_fds=keep,
            preexec_fn=lambda: _die_with_parent(parent),
        )
    finally:
        if sink is not None:
            sink.close()


def spawn_sweeper(paths: Sequence[str]) -> tuple[subprocess.Popen[bytes], int]:
    """Starts a process that removes ``paths`` at the end of all that hold the returned descriptor.

    Whatever that end is: SIGKILL closes descriptors too.
    """
    read, write = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _SWEEP, *paths],
            stdin=read,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's SIGINT is not for it
        )
    except BaseException:
        os.close(write)
        raise
    finally:
        os.close(read)
    return process, write


def stop(process: subprocess.Popen[bytes], grace: float = 3.0) -> None:
    """TERM, ``grace`` seconds, KILL; returns when the process is gone."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Loopback ports that were free a moment ago, all different. They are not of the range from
    which most systems give ports to outgoing connections, of which one could come first."""
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sockets.append(socket.socket())
            _bind_anywhere(sockets[-1])
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def _bind_anywhere(sock: socket.socket) -> None:
    numbers = random.SystemRandom()
    for _ in range(50):
        try:
            return sock.bind(("127.0.0.1", numbers.randrange(12_000, 32_000)))
        except OSError:
            pass
    sock.bind(("127.0.0.1", 0))

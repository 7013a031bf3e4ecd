"""No test is left out of the suites, and no suite is named twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from run_tests import in_turn  # noqa: E402
from suites import ROOT, SUITES, Suite, find_python  # noqa: E402


def test_every_python_test_belongs_to_a_suite() -> None:
    folders = [ROOT / word for suite in SUITES for word in suite.options if "/" in word]
    files = [path for top in ("tests", "local", "bench", "tools", "demo", "python", "examples")
             for path in (ROOT / top).rglob("test_*.py")]  # fmt: skip
    lost = [path for path in files if not any(path.is_relative_to(folder) for folder in folders)]
    assert files and not lost


def test_names_are_unique() -> None:
    names = [suite.name for suite in SUITES]
    assert len(names) == len(set(names))


def test_python_is_found_only_if_it_is_of_the_version() -> None:
    version = "{}.{}".format(*sys.version_info[:2])
    found = find_python(version)
    assert found is None or found.exists()
    assert find_python("3.99") is None


def test_paired_neighbours_run_together() -> None:
    def suite(name: str, paired: bool) -> Suite:
        return Suite(name, lambda _: [], paired=paired)

    marks = {"a": False, "b": False, "c": True, "d": True, "e": True, "f": False, "g": True}
    groups = in_turn([suite(name, paired) for name, paired in marks.items()])
    assert ["".join(s.name for s in group) for group in groups] == ["a", "b", "cde", "f", "g"]


_STOPPED = """
import os, pathlib, signal, sys, threading, time
sys.path.insert(0, sys.argv[1])
import suites
signal.signal(signal.SIGTERM, suites.stop_running)
log = pathlib.Path(sys.argv[2], "log")
code = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(60)"
for _ in range(2):
    threading.Thread(
        target=suites.logged, args=(log, [sys.executable, "-c", code], os.environ, 60)
    ).start()
def pids():
    text = log.read_text() if log.exists() else ""
    return [line[4:] for line in text.splitlines() if line.startswith("pid ")]
while len(pids()) < 2:
    time.sleep(0.01)
print(*pids(), flush=True)
threading.Event().wait()
"""


def test_a_signal_ends_all_that_runs(tmp_path: Path) -> None:
    tools = Path(__file__).resolve().parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", _STOPPED, tools, tmp_path], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        pids = [int(word) for word in program.stdout.readline().split()]
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 130
    assert len(pids) == 2
    for pid in pids:
        assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False

"""Parts of the demo by themselves: its output, its download, its guard."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "demo"))

import flights
import term
from servers import DemoError, plain_environment, run_program


def write_archive(folder: Path, marker: Path) -> str:
    """A source archive whose setup.py leaves a marker when it is run; its digest."""
    files = {
        "setup.py": f"open({str(marker)!r}, 'w').close()\nfrom setuptools import setup\n"
        "setup(name='somedata', version='1.0')\n",
        "PKG-INFO": "Metadata-Version: 2.1\nName: somedata\nVersion: 1.0\n",
        "somedata/data.csv": "a,b\n",
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"somedata-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    (folder / "somedata-1.0.tar.gz").write_bytes(packed.getvalue())
    return hashlib.sha256(packed.getvalue()).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_download_runs_nothing_of_the_archive(index: Path, tmp_path: Path) -> None:
    marker = tmp_path / "setup-was-run"
    digest = write_archive(index, marker)
    requirement = tmp_path / "requirement.txt"
    requirement.write_text(f"somedata==1.0 --hash=sha256:{digest}\n")
    flights.download(requirement, "somedata", tmp_path / "cache")
    assert (tmp_path / "cache" / "somedata-1.0.tar.gz").is_file()
    assert not marker.exists()


def test_download_wrong_digest_is_refused(index: Path, tmp_path: Path) -> None:
    write_archive(index, tmp_path / "marker")
    requirement = tmp_path / "requirement.txt"
    requirement.write_text(f"somedata==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(DemoError, match="somedata"):
        flights.download(requirement, "somedata", tmp_path / "cache")
    assert not (tmp_path / "cache" / "somedata-1.0.tar.gz").exists()


def test_fetch_of_a_kept_archive_needs_no_network(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "somedata-1.0.tar.gz"
    archive.write_bytes(b"kept")
    requirement = tmp_path / "requirement.txt"
    digest = hashlib.sha256(b"kept").hexdigest()
    requirement.write_text(f"somedata==1.0 --hash=sha256:{digest}\n")
    monkeypatch.setattr(flights, "REQUIREMENT", requirement)
    assert flights.fetch(tmp_path) == (archive, False)
    archive.write_bytes(b"damaged")
    with pytest.raises(DemoError):  # it is asked for anew, and the index is empty
        flights.fetch(tmp_path)


@pytest.mark.parametrize("columns", [1, 21, 60, 80, 300])
def test_terminal_lines_fit_the_window(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = term.Terminal()
    terminal.heading("A title that is long, longer than some windows are wide")
    terminal.text("word " * 50)
    terminal.line("\u65e5\u672c\u8a9e" * 60)
    terminal.code("x = 1\n" + "y" * 250)
    terminal.output("\n".join(f"{n} " + "z" * 200 for n in range(100)))
    terminal.fact("name", "v" * 300)
    for line in capsys.readouterr().out.splitlines():
        width = sum(map(term._columns, line))
        assert width <= max(min(columns - 1, 100), 35), line


def test_terminal_output_control_characters_do_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = term.Terminal()
    terminal.output("\x1b[2Jgone\rback\x07")
    terminal.fact("name", "\x1b]0;title\x07")
    assert set(capsys.readouterr().out) & set("\x1b\r\x07") == set()


def test_terminal_long_code_is_complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    text = "".join(chr(ord("a") + n % 26) for n in range(200))
    term.Terminal().code(text)
    printed = capsys.readouterr().out.split("\n")
    assert "".join(line[4:] for line in printed) == text


def test_plain_environment_has_nothing_of_the_users_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "HTTPS_PROXY", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    assert "secret" not in plain_environment().values()


def test_run_program_failure_is_told_with_its_output() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('the reason')"]
    with pytest.raises(DemoError, match="the reason"):
        run_program(command, dict(os.environ), "a program")


def test_run_program_too_long_is_killed(tmp_path: Path) -> None:
    code = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); " \
           "time.sleep(60)"  # fmt: skip
    with pytest.raises(DemoError, match="within"):
        run_program([sys.executable, "-c", code], dict(os.environ), "a program", limit=2)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_guard_command_that_ignores_term_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0: time.sleep(1)\n"
        "print(os.getpgid(0), flush=True)\n"
        "time.sleep(60)\n"
    )
    guard = subprocess.Popen(
        [sys.executable, ROOT / "demo" / "guard.py", sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert guard.stdin is not None and guard.stdout is not None
    group = int(guard.stdout.readline())
    assert any(tmp_path.iterdir())
    begin = time.monotonic()
    guard.stdin.close()
    assert guard.wait(30) == 0
    assert time.monotonic() - begin >= 3.0
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
    assert list(tmp_path.iterdir()) == []
    guard.stdout.close()


def test_guard_command_that_ends_is_told_with_its_log() -> None:
    code = "import sys; sys.exit('no such port')"
    guard = subprocess.Popen(
        [sys.executable, ROOT / "demo" / "guard.py", sys.executable, "-c", code],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert guard.wait(30) == 1
    assert guard.stdin is not None and guard.stderr is not None
    assert "no such port" in guard.stderr.read()
    guard.stdin.close()
    guard.stderr.close()

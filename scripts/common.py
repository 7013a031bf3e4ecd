"""What the set-up and the test runner share: where things are, and how programs are run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
VENV = ROOT / ".venv"
VENV_PYATHENA = ROOT / ".venv-pyathena"
VENV_BENCH = ROOT / ".venv-bench"

# Variables of the user that would lead an environment's Python or pip elsewhere.
_LEAKS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PIP_USER", "PIP_TARGET", "PIP_PREFIX",
          "PIP_REQUIRE_VIRTUALENV", "PIP_REQUIRE_HASHES", "VIRTUAL_ENV")  # fmt: skip


class SetupError(Exception):
    """Ends the set-up with a message and a status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def python_of(venv: Path) -> Path:
    """The interpreter of an environment."""
    return venv / "bin" / "python"


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what leads Python or pip out of an environment."""
    kept = {name: value for name, value in os.environ.items() if name not in _LEAKS}
    kept.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_ROOT_USER_ACTION="ignore")
    kept.update(extra or {})
    return kept


def run(
    command: Sequence[str | Path],
    what: str,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> None:
    """Runs a program in the checkout; a failure ends the set-up. With ``log`` its output goes
    there, and is shown when it failed."""
    print(f"-- {what}", flush=True)
    words = [str(word) for word in command]
    env = dict(environment or clean_environment())
    try:
        if log:
            with log.open("wb") as file:
                done = subprocess.run(
                    words, cwd=ROOT, env=env, stdout=file, stderr=subprocess.STDOUT
                )
        else:
            done = subprocess.run(words, cwd=ROOT, env=env)
    except OSError as error:
        raise SetupError(f"{words[0]}: {error.strerror}") from None
    if done.returncode and log:
        print(log.read_text(errors="replace"))
    if done.returncode:
        raise SetupError(f"{what}: failed with status {done.returncode}")


def content_hash(paths: Iterable[Path], salt: str = "") -> str:
    """A digest of names and contents of files and of all files in folders."""
    digest = hashlib.sha256(salt.encode())
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if not file.is_file() or "__pycache__" in file.parts:
                continue
            name = file.relative_to(ROOT).as_posix().encode()
            digest.update(b"%d:%s%d:" % (len(name), name, file.stat().st_size))
            digest.update(file.read_bytes())
    return digest.hexdigest()


class Stamp:
    """Remembers in an environment the digest of what was installed last."""

    def __init__(self, venv: Path, name: str) -> None:
        self.path = venv / ".stamps" / name

    def holds(self, digest: str) -> bool:
        return self.path.is_file() and self.path.read_text() == digest

    def set(self, digest: str) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(digest)

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)


def meson_command() -> list[str]:
    """The pinned Meson, run by its environment's Python."""
    return [str(python_of(VENV)), "-m", "mesonbuild.mesonmain"]


def tool_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment in which the pinned Meson and Ninja are found first."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return clean_environment({"PATH": path, **(extra or {})})


def forget_if_moved(folder: Path) -> None:
    """Removes a build directory of another checkout or interpreter: Meson cannot move one."""
    mark = folder / ".made-for"
    made_for = f"{ROOT}\n{sys.version}\n"
    if folder.is_dir() and not (mark.is_file() and mark.read_text() == made_for):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(made_for)

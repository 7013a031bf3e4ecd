"""Formats the tree, or checks it.

Usage: lint.py            the checks, and clang-tidy's advice
       lint.py --gates    what must hold: clang-format, ruff, mypy
       lint.py --format   clang-format and ruff rewrite the files
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from c_source import tree_files  # noqa: E402
from common import ROOT, VENV, python_of, tool_environment  # noqa: E402

from build import configure  # noqa: E402

C_FOLDERS = ["include", "src", "cli", "adbc", "python", "tests", "fuzz", "bench", "examples"]
RUFF = [python_of(VENV), "-m", "ruff", "check", "--no-cache", "--output-format=concise"]
PYTHON_FOLDERS = ["python", "local", "tests", "bench", "demo", "tools", "scripts"]


def call(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> bool:
    """Runs a program, says so, and tells whether it succeeded."""
    words = [str(word) for word in command]
    shown = " ".join(words[:4]) + (" ..." if len(words) > 4 else "")
    print(f"-- {shown}", flush=True)
    return subprocess.run(words, cwd=ROOT, env=environment or tool_environment()).returncode == 0


def names(folders: list[str], *suffixes: str) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in tree_files(ROOT, folders, suffixes)]


def folders() -> list[str]:
    return [folder for folder in PYTHON_FOLDERS if names([folder], ".py")]


def gates() -> bool:
    """What must hold; all of it is run even when a part fails."""
    return all(
        [
            call(["clang-format", "--dry-run", "-Werror", *names(C_FOLDERS, ".c", ".h")]),
            call([*RUFF, *folders()]),
            call([python_of(VENV), "-m", "mypy", "python/pyathena"], typed()),
        ]
    )


def typed() -> dict[str, str]:
    return tool_environment({"MYPYPATH": "python", "MYPY_CACHE_DIR": "build/mypy"})


def advise() -> None:
    """clang-tidy's remarks; they do not decide."""
    folder = configure("tidy", ["-Dtests=true"], {"CC": "clang"})
    sources = names(["src"], ".c")
    call(["clang-tidy", "--quiet", "-p", folder, *sources])


def reformat() -> bool:
    return all(
        [
            call(["clang-format", "-i", *names(C_FOLDERS, ".c", ".h")]),
            call([*RUFF, "--fix", "--select", "I", *folders()]),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gates", action="store_true", help="only what must hold")
    parser.add_argument("--format", action="store_true", help="rewrite the files")
    arguments = parser.parse_args()
    os.environ.setdefault("RUFF_NO_CACHE", "true")
    if arguments.format:
        return 0 if reformat() else 1
    held = gates()
    if not arguments.gates:
        advise()
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

"""Reading C sources for the checkers: comments and strings blanked, functions found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TOKEN = re.compile(
    r"/\*.*?\*/|//(?:[^\n\\]|\\.)*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.DOTALL
)


def blank(text: str) -> str:
    """The source with comments and literals blanked; every character keeps its line."""
    return _TOKEN.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def line_comments(text: str) -> list[int]:
    """The numbers of the lines that hold a ``//`` comment."""
    return [
        text.count("\n", 0, found.start()) + 1
        for found in _TOKEN.finditer(text)
        if found.group().startswith("//")
    ]


def includes(text: str) -> Iterator[tuple[int, str]]:
    """Line number and target, with its quotes or brackets, of each ``#include``."""
    without = re.sub(r"/\*.*?\*/", lambda found: "\n" * found.group().count("\n"), text, flags=re.S)
    for number, line in enumerate(without.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*(<[^>]*>|"[^"]*"|\S+)', line)
        if found:
            yield number, found.group(1)


@dataclass(frozen=True)
class Function:
    """A function definition and its lines, signature included."""

    name: str
    line: int
    lines: int


def functions(text: str) -> Iterator[Function]:
    """The function definitions of a source laid out by clang-format: they start and end in the
    first column."""
    lines = blank(text).splitlines()
    start = 0
    for number, line in enumerate(lines):
        if re.match(r"[A-Za-z_]", line) and not re.match(r"\w+:", line):  # a label
            start = number
        if line.rstrip() != "}":
            continue
        signature = " ".join(lines[start:number])
        found = re.match(r"[^={;]*?\b(\w+)\s*\([^{;]*\)\s*{", signature)
        if found and not re.match(r"(struct|enum|union)\s+\w*\s*{", signature):
            yield Function(found.group(1), start + 1, number - start + 1)


def tree_files(root: Path, folders: list[str], suffixes: tuple[str, ...]) -> list[Path]:
    """The files with these suffixes in folders that are there, build output left out."""
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            parts = path.relative_to(root).parts
            hidden = any(part.startswith((".", "__pycache__")) for part in parts)
            if path.suffix in suffixes and path.is_file() and not hidden and "build" not in parts:
                found.append(path)
    return found

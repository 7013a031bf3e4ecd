"""Checks the habits that no compiler sees: sizes, banned words, comments of public headers.

Usage: check_style.py [ROOT]

Exceptions stand with their reasons in tools/style_exceptions.txt.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from c_source import blank, functions, line_comments, tree_files

FILE_LINES = 800
FUNCTION_LINES = 70
BANNED = (
    "malloc calloc realloc free strcpy strcat sprintf vsprintf strtok atoi atol atof gmtime "
    "localtime setenv putenv abort exit _exit printf strdup strndup rand gets system popen"
).split()
# The library and the extension; base is where memory and text are tamed.
BANNED_IN = ("src/aws/", "src/net/", "src/result/", "src/engine/", "include/", "python/_core/")
# What base may not use either: everything but its own work.
BANNED_IN_BASE = ("strcpy strcat sprintf vsprintf strtok atoi atol atof gmtime localtime setenv "
                  "putenv abort exit _exit printf rand gets system popen").split()  # fmt: skip
FOLDERS = ["include", "src", "cli", "adbc", "python", "local", "tests", "fuzz", "bench",
           "examples", "demo", "tools", "scripts"]  # fmt: skip
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")  # style: the words themselves

Finding = tuple[str, int, str]  # rule, line, text


def check_banned(place: str, code: str) -> Iterator[Finding]:
    """Calls that allocate, print, parse or end the process behind the library's back."""
    words = BANNED if place.startswith(BANNED_IN) else []
    words = BANNED_IN_BASE if place.startswith("src/base/") else words
    if not words:
        return
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(words) + r")\s*\(")
    for number, line in enumerate(code.splitlines(), 1):
        for found in pattern.finditer(line):
            yield "banned", number, f"{found.group(1)}() is not for this folder"


def _python_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    return lines


def check_sizes(place: str, text: str) -> Iterator[Finding]:
    """Lines a file and lines a function."""
    count = text.count("\n")
    if count > FILE_LINES:
        yield "file", 1, f"{count} lines, more than {FILE_LINES}"
    if place.endswith((".c", ".h")):
        spans = [(found.name, found.line, found.lines) for found in functions(text)]
    else:
        spans = [
            (node.name, node.lineno, _python_lines(node))
            for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]
    for name, line, lines in spans:
        if lines > FUNCTION_LINES:
            yield f"function {name}", line, f"{lines} lines, more than {FUNCTION_LINES}"


def _paragraphs(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    start = 0
    for number, line in enumerate([*lines, ""]):
        if not line.strip():
            if start < number:
                yield start, lines[start:number]
            start = number + 1


def check_public(text: str) -> Iterator[Finding]:
    """Every function, struct, enum and macro has a comment: before it in its paragraph, or on its
    line. Members of a paragraph share the comment that opens it."""
    for number in line_comments(text):
        yield "comment", number, "public headers use /* */ only"
    code = blank(text).splitlines()
    for start, lines in _paragraphs(text.splitlines()):
        commented = False
        for offset, line in enumerate(lines):
            here = code[start + offset]
            if "/*" in line or line.lstrip().startswith("*"):
                commented = True
            declared = re.match(r"(?:#define (ATH_\w+)|(?:struct|enum) (ath_\w+) {|ATH_API .*?"
                                r"\b(ath_\w+)\()", here)  # fmt: skip
            name = declared and next(group for group in declared.groups() if group)
            undone = re.search(rf"^#undef {name}$", text, re.MULTILINE)  # a helper of this file
            if name and not commented and not undone:
                yield "comment", start + offset + 1, f"{name} has no comment"


def check_text(place: str, text: str) -> list[Finding]:
    """All findings in one file."""
    findings = list(check_sizes(place, text))
    code = place.endswith((".c", ".h"))
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line and code:
            findings.append(("tab", number, "a tab"))
        if line.rstrip() != line:
            findings.append(("blank", number, "blanks at the end of the line"))
        if _UNFINISHED.search(line) and "# style: the words themselves" not in line:
            findings.append(("unfinished", number, "unfinished work is not committed"))
    if code:
        findings += check_banned(place, blank(text))
    if place.startswith("include/athena/"):
        findings += check_public(text)
    return findings


def read_exceptions(path: Path) -> set[tuple[str, str]]:
    """Lines ``file | rule | reason``; a line without a reason is an error."""
    exceptions = set()
    for number, line in enumerate(path.read_text().splitlines() if path.is_file() else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = [word.strip() for word in line.split("|", 2)]
        if len(words) != 3 or not all(words):
            raise SystemExit(f"{path}:{number}: expected: file | rule | reason")
        exceptions.add((words[0], words[1]))
    return exceptions


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    exceptions = read_exceptions(root / "tools" / "style_exceptions.txt")
    files, used, count = tree_files(root, FOLDERS, (".c", ".h", ".py", ".pyi")), set(), 0
    for path in files:
        place = path.relative_to(root).as_posix()
        for rule, line, text in check_text(place, path.read_text()):
            if (place, rule) in exceptions:
                used.add((place, rule))
                continue
            print(f"{place}:{line}: {text}")
            count += 1
    for place, rule in sorted(exceptions - used):
        print(f"tools/style_exceptions.txt: {place} | {rule}: not needed any more")
        count += 1
    print(f"{len(files)} files, {count} findings")
    return 1 if count or not files else 0


if __name__ == "__main__":
    sys.exit(main())

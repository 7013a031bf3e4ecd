"""Test results: read from Meson and pytest, held against the list of allowed skips, shown."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_CMOCKA = r"^\[\s+(OK|FAILED|SKIPPED|ERROR)\s+\][ \t]*(\w+)[ \t]*$"


@dataclass(frozen=True)
class Case:
    """One test: ``why`` is a skip's reason or a failure's first words, ``output`` the rest."""

    name: str
    outcome: str
    why: str = ""
    output: str = ""


def read_junit(path: Path) -> list[Case]:
    """The cases of a JUnit file as pytest writes it."""
    cases = []
    for element in ElementTree.parse(path).getroot().iter("testcase"):
        name = ".".join(filter(None, (element.get("classname"), element.get("name"))))
        bad = [child for child in element if child.tag in ("failure", "error")]
        skips = [child for child in element if child.tag == "skipped"]
        if bad:
            output = "\n".join(child.text or "" for child in bad)
            cases.append(Case(name, FAILED, bad[0].get("message") or "", output))
        elif skips:
            cases.append(Case(name, SKIPPED, skips[0].get("message") or "no reason given"))
        else:
            cases.append(Case(name, PASSED))
    return cases


def read_cmocka(name: str, text: str) -> list[Case]:
    """The cases in the output of a cmocka program; empty when it is of another kind."""
    cases = []
    for mark, case in re.findall(_CMOCKA, text, re.MULTILINE):
        outcome = {"OK": PASSED, "SKIPPED": SKIPPED}.get(mark, FAILED)
        why = "skipped by itself" if outcome == SKIPPED else ""
        cases.append(Case(f"{name}.{case}", outcome, why))
    return list({case.name: case for case in cases}.values())


def read_meson(path: Path) -> list[Case]:
    """The cases of a testlog.json; a cmocka program counts as its cases."""
    cases = []
    for line in path.read_text().splitlines():
        test = json.loads(line)
        name = re.sub(r"^.* - [^:]*:", "", test["name"])
        text = f"{test.get('stdout') or ''}{test.get('stderr') or ''}"
        parts = read_cmocka(name, text)
        if test["result"] == "SKIP":
            cases.append(Case(name, SKIPPED, "exit status 77"))
        elif test["result"] == "OK":
            cases += parts or [Case(name, PASSED)]
        else:
            cases += [case for case in parts if case.outcome != FAILED]
            why = f"{test['result']} after {test['duration']:.1f} s"
            cases.append(Case(name, FAILED, why, text))
    return cases


@dataclass(frozen=True)
class AllowedSkip:
    """A line of tests/skips.txt."""

    suite: str
    test: str
    reason: str

    def covers(self, suite: str, case: Case) -> bool:
        return fnmatchcase(suite, self.suite) and fnmatchcase(case.name, self.test)


def read_skips(path: Path) -> list[AllowedSkip]:
    """Lines ``suite | test | reason``, the first two with ``*`` for any text."""
    allowed = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = [word.strip() for word in line.split("|", 2)]
        if len(words) != 3 or not all(words):
            raise SystemExit(f"{path}:{number}: expected: suite | test | reason")
        allowed.append(AllowedSkip(*words))
    return allowed


def judge_skips(suite: str, cases: Iterable[Case], allowed: list[AllowedSkip]) -> list[Case]:
    """The cases; a skip that is not listed is a failure."""
    judged = []
    for case in cases:
        if case.outcome == SKIPPED and not any(skip.covers(suite, case) for skip in allowed):
            why = f"skipped, and not listed in tests/skips.txt: {case.why}"
            case = Case(case.name, FAILED, why)
        judged.append(case)
    return judged


@dataclass(frozen=True)
class SuiteResult:
    """All cases of a suite and how long they took, in seconds."""

    suite: str
    cases: list[Case]
    seconds: float

    def count(self, outcome: str) -> int:
        return sum(case.outcome == outcome for case in self.cases)


def _short(text: str, length: int = 90) -> str:
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line if len(line) <= length else line[: length - 1] + "…"


def table(results: list[SuiteResult]) -> str:
    """The closing table: suite, run, failed, skipped, time, why; and the plain closing line."""
    rows = [("suite", "run", "failed", "skipped", "time", "why")]
    for result in results:
        skips = Counter(_short(case.why) for case in result.cases if case.outcome == SKIPPED)
        failures = [case.name for case in result.cases if case.outcome == FAILED]
        why = [f"failed: {', '.join(failures[:3])}" + (" ..." if len(failures) > 3 else "")]
        why = (why if failures else []) + [f"{n} x {text}" for text, n in skips.items()]
        run = len(result.cases) - result.count(SKIPPED)
        numbers = [str(n) for n in (run, len(failures), result.count(SKIPPED))]
        lines = why or [""]
        rows.append((result.suite, *numbers, f"{result.seconds:.0f} s", lines[0]))
        rows += [("", "", "", "", "", line) for line in lines[1:]]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    text = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [row[i].rjust(widths[i]) for i in range(1, 5)]
        text.append(f"{'  '.join(cells)}  {row[5]}".rstrip())
    text.insert(1, "-" * max(map(len, text)))
    counts = {o: sum(result.count(o) for result in results) for o in (PASSED, FAILED, SKIPPED)}
    closing = ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
    return "\n".join([*text, "", closing])

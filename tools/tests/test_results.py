"""Results are read as they are, and a skip that nobody listed is a failure."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from results import (  # noqa: E402
    FAILED,
    PASSED,
    SKIPPED,
    AllowedSkip,
    Case,
    SuiteResult,
    judge_skips,
    read_junit,
    read_meson,
    read_skips,
    table,
)

JUNIT = """<testsuites><testsuite>
<testcase classname="a.b" name="good"/>
<testcase classname="a.b" name="bad"><failure message="assert 1 == 2">trace</failure></testcase>
<testcase classname="a.b" name="broken"><error message="no fixture">trace</error></testcase>
<testcase classname="a.b" name="left"><skipped message="no server"/></testcase>
</testsuite></testsuites>"""

CMOCKA = """[==========] Running 3 test(s).
[ RUN      ] test_a
[       OK ] test_a
[ RUN      ] test_b
[  FAILED  ] test_b
[ RUN      ] test_c
[  SKIPPED ] test_c
[  FAILED  ] tests: 1 test(s), listed below:
[  FAILED  ] test_b
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] test_c
"""


def test_junit_outcomes(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(JUNIT)
    cases = read_junit(path)
    assert [case.outcome for case in cases] == [PASSED, FAILED, FAILED, SKIPPED]
    assert cases[1].name == "a.b.bad" and cases[3].why == "no server"


def log_of(tmp_path: Path, result: str, text: str) -> list[Case]:
    path = tmp_path / "testlog.json"
    entry = {"name": "unit - libathena:base-a", "result": result, "duration": 0.5, "stdout": text}
    path.write_text(json.dumps(entry) + "\n")
    return read_meson(path)


def test_meson_program_counts_as_its_cmocka_cases(tmp_path: Path) -> None:
    cases = log_of(tmp_path, "FAIL", CMOCKA)
    assert [(c.name, c.outcome) for c in cases] == [
        ("base-a.test_a", PASSED),
        ("base-a.test_c", SKIPPED),
        ("base-a", FAILED),
    ]
    assert "test_b" in cases[-1].output


@pytest.mark.parametrize(
    "result, outcome",
    [("OK", PASSED), ("SKIP", SKIPPED), ("TIMEOUT", FAILED), ("ERROR", FAILED)],
)
def test_meson_outcomes(tmp_path: Path, result: str, outcome: str) -> None:
    assert [case.outcome for case in log_of(tmp_path, result, "3 inputs replayed")] == [outcome]


def test_program_that_died_is_a_failure_beside_its_passed_cases(tmp_path: Path) -> None:
    text = "[ RUN      ] test_a\n[       OK ] test_a\n[ RUN      ] test_b\n"
    cases = log_of(tmp_path, "FAIL", text)
    assert [case.outcome for case in cases] == [PASSED, FAILED]


def test_unlisted_skip_fails() -> None:
    allowed = [AllowedSkip("python*", "test_far*", "no network")]
    cases = [Case("test_far_a", SKIPPED, "x"), Case("test_near", SKIPPED, "y")]
    assert [case.outcome for case in judge_skips("python", cases, allowed)] == [SKIPPED, FAILED]
    assert [case.outcome for case in judge_skips("local", cases, allowed)] == [FAILED, FAILED]


def test_skip_list_needs_reasons(tmp_path: Path) -> None:
    path = tmp_path / "skips.txt"
    path.write_text("# list\n\npython | test_a | no network\n")
    assert read_skips(path) == [AllowedSkip("python", "test_a", "no network")]
    path.write_text("python | test_a |\n")
    with pytest.raises(SystemExit):
        read_skips(path)


def test_table_ends_with_the_plain_line() -> None:
    cases = [Case("a", PASSED), Case("b", FAILED, "x"), Case("c", SKIPPED, "why not")]
    lines = table([SuiteResult("python", cases, 3.2), SuiteResult("c", cases[:1], 1)]).splitlines()
    assert lines[-1] == "2 passed, 1 failed, 1 skipped"
    assert lines[2].split()[:5] == ["python", "2", "1", "1", "3"]
    assert "failed: b" in lines[2] and "1 x why not" in lines[3]

"""No test is left out of the suites, and no suite is named twice."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suites import ROOT, SUITES, find_python  # noqa: E402


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

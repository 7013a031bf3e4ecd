"""The same inputs through PyAthena and through this package.

Needs ``LIBATHENA_PYATHENA_PYTHON``, the interpreter of an environment that holds PyAthena; the
two packages cannot share one. What differs is meant to differ and stands below with its reason.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import pytest

PYTHON = os.environ.get("LIBATHENA_PYATHENA_PYTHON")
CASES = Path(__file__).with_name("conversion_cases.py")

if not PYTHON:
    pytest.skip("LIBATHENA_PYATHENA_PYTHON is not set", allow_module_level=True)

STRICT = "text that Athena never prints for the type is an error, not half a value"
NO_LOSS = "what cannot be read stays text; nothing is dropped or made NULL"
EXACT = "numbers and truth values keep the text in which Athena printed them"
INPUT = "bad input of the caller is an error that names it"
KIND = "letters inside a literal do not make a CREATE TABLE a CTAS"
QUOTED = "quoted field names are understood"
UNLOAD = "a query is recognised by its first word; a final semicolon is dropped"

EXPECTED = {
    "time: 01:02": STRICT,
    "time: 01:02:03+01:00": STRICT,
    "time with time zone: 01:02:03+01": STRICT,
    "timestamp: 2020-01-01 00:00:00+01:00": STRICT,
    "timestamp with time zone: 2020-01-01 00:00:00 +24:00": STRICT,
    "timestamp with time zone: 2020-01-01 00:00:00 +01:60": STRICT,
    "hint array(int): [1, ]": STRICT,
    "hint array(row(a int)): [a, b]": NO_LOSS,
    "hint map(varchar, varchar): {a=x, y}": NO_LOSS,
    "hint row(a varchar, b varchar): {, }": NO_LOSS,
    "hint row(a row(b int, c int)): {a={b=1, c}}": NO_LOSS,
    "hint row(a int, b varchar): {a=1, b}": NO_LOSS,
    "hint array(varchar): [null, true]": EXACT,
    "hint array(array(decimal)): [[1.50]]": EXACT,
    "value small float in list": EXACT,
    "hint array(int: [1, 2]": INPUT,
    'signature row("a b" int)': QUOTED,
    'hint row("a b" int): {a=1}': QUOTED,
    "value nul": INPUT,
    "percent SELECT %s {}": INPUT,
    "percent SELECT %s {'x': 1}": INPUT,
    "kind CREATE TABLE t COMMENT 'x as y' {}": KIND,
    "unload SELECT 1; s3://b/": UNLOAD,
    "unload -- c\nSELECT 1 s3://b/": UNLOAD,
    "unload SELECTX s3://b/": UNLOAD,
    "unload SELECT 1 None": INPUT,
}


def load_cases():
    spec = importlib.util.spec_from_file_location("conversion_cases", CASES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def both():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [PYTHON, str(CASES)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), load_cases().outcomes()


def test_same_outcomes(both):
    theirs, ours = both
    assert theirs.keys() == ours.keys()
    assert len(ours) > 5000
    different = {name: (theirs[name], ours[name]) for name in ours if theirs[name] != ours[name]}
    unexpected = {name: pair for name, pair in different.items() if name not in EXPECTED}
    assert not unexpected


@pytest.mark.parametrize("name", EXPECTED)
def test_expected_difference_is_still_there(both, name):
    theirs, ours = both
    assert theirs[name] != ours[name]

"""Arrows that point up or sideways are found, and those that point down are not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from check_includes import check_file  # noqa: E402


def errors_of(root: Path, place: str, include: str) -> list[str]:
    for header in ("base/buf.h", "aws/sigv4.h", "net/http.h", "engine/internal.h"):
        path = root / "src" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    file = root / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"/* first line\n*/\n#include {include}\n")
    return check_file(file, root)


@pytest.mark.parametrize(
    "place, include",
    [
        ("src/base/a.c", '"aws/sigv4.h"'),
        ("src/base/a.c", "<jansson.h>"),
        ("src/aws/a.c", '"net/http.h"'),
        ("src/aws/a.c", "<curl/curl.h>"),
        ("src/net/a.c", '"engine/internal.h"'),
        ("src/net/a.c", '"http.h"'),
        ("src/result/a.c", '"aws/sigv4.h"'),
        ("src/engine/a.c", "<curl/curl.h>"),
        ("src/engine/a.c", '"base/nothing.h"'),
        ("src/engine/a.c", "<Python.h>"),
        ("src/base/a.c", "<surprise.h>"),
        ("src/base/a.c", "MACRO"),
        ("include/athena/a.h", '"base/buf.h"'),
        ("include/athena/a.h", '"athena/base.h"'),
        ("include/athena/a.h", "<curl/curl.h>"),
        ("python/_core/a.c", '"base/buf.h"'),
        ("python/_core/a.c", '"../../src/base/buf.h"'),
        ("examples/a.c", '"engine/internal.h"'),
        ("tests/unit/aws/a.c", '"engine/internal.h"'),
        ("unknown/a.c", "<stdio.h>"),
    ],
)
def test_wrong_include_is_found(tmp_path: Path, place: str, include: str) -> None:
    found = errors_of(tmp_path, place, include)
    assert len(found) == 1 and found[0].startswith(f"{place}:")


@pytest.mark.parametrize(
    "place, include",
    [
        ("src/base/a.c", "<stdlib.h>"),
        ("src/aws/a.c", '"base/buf.h"'),
        ("src/aws/a.c", "<openssl/evp.h>"),
        ("src/net/a.c", "<curl/curl.h>"),
        ("src/engine/a.c", '"net/http.h"'),
        ("src/result/a.c", "<athena/result.h>"),
        ("include/athena/a.h", "<athena/base.h>"),
        ("python/_core/a.c", "<Python.h>"),
        ("tests/unit/aws/a.c", '"aws/sigv4.h"'),
    ],
)
def test_right_include_passes(tmp_path: Path, place: str, include: str) -> None:
    assert errors_of(tmp_path, place, include) == []


def test_include_in_a_comment_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "src" / "base" / "a.c"
    file.parent.mkdir(parents=True)
    file.write_text('/*\n#include "engine/internal.h"\n*/\n')
    assert check_file(file, tmp_path) == []

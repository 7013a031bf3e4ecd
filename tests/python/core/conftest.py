from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fakelib


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    """Runs a coroutine function to its end on a loop of each kind."""
    return fakelib.run_uvloop if request.param == "uvloop" else fakelib.run_asyncio


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Every operation and batch of a test is gone after it."""
    yield
    gc.collect()
    assert (fakelib.lib.fake_alive(), fakelib.lib.fake_batches_alive()) == (0, 0)
    assert fakelib.lib.fake_s3_parts_alive() == 0

"""The module in other interpreters of the process, also with a GIL of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import fakelib
assert str(fakelib.rows_of(fakelib.DECIMAL, [150], 2)) == "[Decimal('1.50')]"
assert str(fakelib.rows_of(fakelib.DATE, [1])) == "[datetime.date(1970, 1, 2)]"
assert fakelib.core.Queue().drain() == []
try:
    fakelib.core.Client(region="a" + chr(0))
except fakelib.core.CoreError as error:
    assert error.code == fakelib.core.ERR_INVALID
else:
    raise AssertionError("no error")
import fakes3
chunk = fakes3.get().chunk(b"bytes").query.s3_chunk()
assert bytes(chunk) == b"bytes"
class Memory(bytearray):
    pass
memory = Memory(100)
memory.cycle = under_way = fakes3.call(body=b"b" * 1000, into=memory, headers=[("a", "b")])
print("ran")
"""

HOST = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
config = sys.argv[2]
if sys.version_info >= (3, 13):
    create = lambda: interpreters.create(config)
else:
    create = lambda: interpreters.create(isolated=config == "isolated")
exec(sys.argv[1])
for _ in range(3):
    id_ = create()
    failed = interpreters.run_string(id_, sys.argv[1])
    assert failed is None, failed
    interpreters.destroy(id_)
exec(sys.argv[1])
"""


@pytest.mark.parametrize("config", ["legacy", "isolated"])
def test_module_in_other_interpreters(config: str) -> None:
    script = SCRIPT.format(folder=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HOST, script, config],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
        check=False,
    )
    if config == "isolated" and sys.version_info[:2] == (3, 12):
        # datetime shares its types between interpreters in 3.12, so the module says no.
        assert "does not support loading in subinterpreters" in done.stderr
    else:
        assert (done.stdout.split(), done.returncode) == (["ran"] * 5, 0), done.stderr

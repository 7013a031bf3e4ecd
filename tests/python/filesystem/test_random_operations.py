"""Random operations compared with a dict."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
from exact_s3 import ExactS3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from s3_harness import PART, Endpoint, FileSystems, pattern

set_hypothesis_home_dir(tempfile.gettempdir())

PARTS = st.sampled_from(["a", "b", "c d", "ü+%41"])
KEYS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
SIZES = st.sampled_from([0, 1, 2, 10, 10, 100, 100, 1000, PART + 3])
BOUNDS = st.one_of(st.none(), st.integers(-12, 12))


class Operations(RuleBasedStateMachine):
    """A bucket and what it should hold. Lookups may be answered from listings, so every rule also
    tests that our own changes drop what they made stale."""

    kind = "blocking"

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, bytes] = {}
        self.count = 0
        self.server = ExactS3()
        self.server.__enter__()
        endpoint = Endpoint(self.server.url, self.server.access_key, self.server.secret_key)
        self.systems = FileSystems(self.kind, endpoint)
        self.fs = self.systems.make()

    def teardown(self) -> None:
        self.systems.close()
        self.server.__exit__()
        assert self.server.refused == [] and self.server.uploads == {}

    @invariant()
    def server_holds_the_model(self) -> None:
        assert self.server.bucket("b") == self.model

    def fresh(self, size: int) -> bytes:
        self.count += 1
        return pattern(size, self.count)

    def below(self, key: str) -> list[str]:
        return [name for name in self.model if name.startswith(f"{key}/")]

    def is_anything(self, key: str) -> bool:
        return key in self.model or bool(self.below(key))

    # -- changes ----------------------------------------------------------------------------------

    @rule(key=KEYS, size=SIZES)
    def pipe(self, key: str, size: int) -> None:
        data = self.fresh(size)
        self.fs.pipe_file(f"b/{key}", data)
        self.model[key] = data

    @rule(keys=st.lists(KEYS, max_size=4, unique=True))
    def pipe_many(self, keys: list[str]) -> None:
        values = {key: self.fresh(5) for key in keys}
        self.fs.pipe({f"b/{key}": value for key, value in values.items()})
        self.model.update(values)

    @rule(key=KEYS, sizes=st.lists(SIZES, max_size=3))
    def write(self, key: str, sizes: list[int]) -> None:
        pieces = [self.fresh(size) for size in sizes]
        with self.fs.open(f"b/{key}", "wb") as file:
            for piece in pieces:
                file.write(piece)
        self.model[key] = b"".join(pieces)

    @rule(key=KEYS, size=SIZES)
    def append(self, key: str, size: int) -> None:
        data = self.fresh(size)
        with self.fs.open(f"b/{key}", "ab") as file:
            file.write(data)
        self.model[key] = self.model.get(key, b"") + data

    @rule(key=KEYS)
    def create(self, key: str) -> None:
        if key in self.model:
            with pytest.raises(FileExistsError):
                self.fs.pipe_file(f"b/{key}", b"new", mode="create")
        else:
            self.fs.pipe_file(f"b/{key}", b"new", mode="create")
            self.model[key] = b"new"

    @rule(key=KEYS)
    def write_and_fail(self, key: str) -> None:
        with pytest.raises(KeyError):
            with self.fs.open(f"b/{key}", "wb") as file:
                file.write(b"no one sees this")
                raise KeyError

    @rule(source=KEYS, to=KEYS)
    def copy_one(self, source: str, to: str) -> None:
        if source in self.model and source != to:
            self.fs.cp_file(f"b/{source}", f"b/{to}")
            self.model[to] = self.model[source]
        elif not self.is_anything(source):
            with pytest.raises(FileNotFoundError):
                self.fs.cp_file(f"b/{source}", f"b/{to}")

    @rule(source=KEYS, to=KEYS)
    def move_one(self, source: str, to: str) -> None:
        if source in self.model and not self.below(source) and not self.below(to):
            self.fs.mv(f"b/{source}", f"b/{to}")
            self.model[to] = self.model.pop(source)

    @rule(source=KEYS, to=KEYS)
    def copy_tree(self, source: str, to: str) -> None:
        if source in self.model or not self.below(source) or self.is_anything(to):
            return
        if f"{to}/".startswith(f"{source}/"):
            return
        self.fs.copy(f"b/{source}", f"b/{to}", recursive=True)
        for key in self.below(source):
            self.model[to + key[len(source) :]] = self.model[key]

    @rule(key=KEYS)
    def remove_one(self, key: str) -> None:
        self.fs.rm_file(f"b/{key}")
        self.model.pop(key, None)

    @rule(key=KEYS)
    def remove_tree(self, key: str) -> None:
        if not self.is_anything(key):
            with pytest.raises(FileNotFoundError):
                self.fs.rm(f"b/{key}", recursive=True)
            return
        if key in self.model and self.below(key):
            return  # as fsspec has it, a file is not descended into
        self.fs.rm(f"b/{key}", recursive=True)
        for name in [key, *self.below(key)]:
            self.model.pop(name, None)

    # -- looks ------------------------------------------------------------------------------------

    @rule(key=KEYS, start=BOUNDS, end=BOUNDS)
    def read(self, key: str, start: int | None, end: int | None) -> None:
        if key in self.model:
            assert self.fs.cat_file(f"b/{key}", start, end) == self.model[key][start:end]
            with self.fs.open(f"b/{key}") as file:
                assert file.read() == self.model[key]
        else:
            with pytest.raises(FileNotFoundError):
                self.fs.cat_file(f"b/{key}", start, end)

    @rule(key=KEYS)
    def look(self, key: str) -> None:
        assert self.fs.exists(f"b/{key}") == self.is_anything(key)
        assert self.fs.isfile(f"b/{key}") == (key in self.model)
        if key in self.model:
            assert self.fs.size(f"b/{key}") == len(self.model[key])
        elif self.below(key):
            assert self.fs.info(f"b/{key}")["type"] == "directory"
        else:
            with pytest.raises(FileNotFoundError):
                self.fs.info(f"b/{key}")

    @rule(key=KEYS)
    def list_one(self, key: str) -> None:
        expected = {f"b/{key}/{name[len(key) + 1 :].split('/')[0]}" for name in self.below(key)}
        if not expected and key in self.model:
            expected = {f"b/{key}"}
        assert set(self.fs.ls(f"b/{key}")) == expected

    @rule()
    def list_all(self) -> None:
        assert sorted(self.fs.find("b")) == sorted(f"b/{key}" for key in self.model)
        assert set(self.fs.ls("b")) == {f"b/{key.split('/')[0]}" for key in self.model}

    @rule(key=KEYS)
    def find(self, key: str) -> None:
        expected = [f"b/{name}" for name in self.below(key)]
        if not expected and key in self.model:
            expected = [f"b/{key}"]
        assert sorted(self.fs.find(f"b/{key}")) == sorted(expected)


@pytest.mark.parametrize("kind", ["blocking", "uvloop"])
def test_random_operations(kind: str, aws_env: Any) -> None:
    machine = type("OneKind", (Operations,), {"kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

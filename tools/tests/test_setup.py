"""The set-up says what to do when it may not do it, and does nothing twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import common  # noqa: E402
import setup  # noqa: E402


def test_without_rights_the_exact_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "missing_packages", lambda names: ["gcc", "libssl-dev"])
    monkeypatch.setattr(setup, "python_packages", list)
    monkeypatch.setattr(setup, "root_prefix", lambda: None)
    monkeypatch.setattr(setup, "run", lambda *_: pytest.fail("nothing may be run"))
    with pytest.raises(common.SetupError) as caught:
        setup.install_packages(["gcc", "libssl-dev"])
    assert caught.value.status == 2
    line = "apt-get update && apt-get install -y --no-install-recommends gcc libssl-dev"
    assert f"\n    {line}\n" in str(caught.value)


def test_nothing_missing_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "missing_packages", lambda names: [])
    monkeypatch.setattr(setup, "python_packages", list)
    monkeypatch.setattr(setup, "root_prefix", lambda: pytest.fail("no rights are needed"))
    setup.install_packages(["gcc"])


def test_unchanged_lock_is_not_installed_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock = tmp_path / "requirements" / "a.txt"
    lock.parent.mkdir()
    lock.write_text("a==1\n")
    venv = tmp_path / "venv"
    venv.mkdir()
    runs: list[str] = []
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(common, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "run", lambda command, what: runs.append(what))
    setup.install_lock(venv, "a")
    setup.install_lock(venv, "a")
    assert len(runs) == 1
    lock.write_text("a==2\n")
    setup.install_lock(venv, "a")
    assert len(runs) == 2


def test_failed_install_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    runs: list[str] = []

    def fail(command: object, what: str, environment: object = None) -> None:
        runs.append(what)
        raise common.SetupError("no")

    monkeypatch.setattr(setup, "run", fail)
    for _ in range(2):
        with pytest.raises(common.SetupError):
            setup.install_source(tmp_path, "p", source, "digest", [])
    assert len(runs) == 2


def test_content_hash_sees_names_and_contents(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(common, "ROOT", tmp_path)
    file = tmp_path / "a"
    file.write_text("x")
    first = common.content_hash([tmp_path])
    assert first == common.content_hash([tmp_path])
    file.write_text("y")
    second = common.content_hash([tmp_path])
    file.rename(tmp_path / "b")
    assert len({first, second, common.content_hash([tmp_path])}) == 3


@pytest.mark.parametrize("goal", setup.GOALS)
def test_every_lock_of_a_goal_is_there(goal: str) -> None:
    for name in setup.GOALS[goal].locks + setup.GOALS[goal].pyathena:
        text = (common.ROOT / "requirements" / f"{name}.txt").read_text()
        assert "--hash=sha256:" in text and "://" not in text

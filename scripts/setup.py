"""Sets up what a make target needs: apt packages, environments, the built package.

Usage: python3 scripts/setup.py demo|test|bench|local|lint|fuzz|wheel|install

What is present is not fetched again: packages are asked from dpkg, and each environment remembers
the digests of the lock files and sources it was made from. Without missing parts nothing here
touches the network.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

if sys.version_info < (3, 10):  # noqa: UP036 - before anything that older ones cannot read
    sys.exit(f"Python 3.10 or newer is needed, this is {sys.version.split()[0]} ({sys.executable})")

from common import (
    BUILD,
    ROOT,
    VENV,
    VENV_BENCH,
    VENV_PYATHENA,
    SetupError,
    Stamp,
    clean_environment,
    content_hash,
    forget_if_moved,
    python_of,
    run,
    tool_environment,
)

_BUILD_APT = ["ca-certificates", "gcc", "libc6-dev", "libcurl4-openssl-dev", "libexpat1-dev",
              "libjansson-dev", "libssl-dev", "pkg-config"]  # fmt: skip
_BENCH_APT = _BUILD_APT + ["libmicrohttpd-dev"]
_FORMAT_APT = ["clang-format", "clang-tidy"]
_FUZZ_APT = _BUILD_APT + ["clang", "libclang-rt-14-dev"]
_WHEEL_APT = _BUILD_APT + ["debootstrap"]
_TEST_APT = sorted(
    {*_BENCH_APT, *_FORMAT_APT, *_FUZZ_APT, *_WHEEL_APT, "g++", "libcmocka-dev", "locales",
     "binutils"}
)  # fmt: skip


@dataclass(frozen=True)
class Goal:
    """What one make target needs."""

    apt: list[str]
    locks: list[str] = field(default_factory=list)
    package: bool = True
    local: bool = False
    pyathena: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


GOALS = {
    "demo": Goal(_BUILD_APT, ["base", "local"], local=True, pyathena=["pyathena"]),
    "local": Goal(_BUILD_APT, ["base", "local"], local=True),
    "bench": Goal(_BENCH_APT, ["base"], pyathena=["pyathena"], others=["bench"]),
    "test": Goal(
        _TEST_APT,
        ["base", "local", "test", "lint", "wheel"],
        local=True,
        pyathena=["pyathena", "pyathena-test"],
    ),
    "lint": Goal(_BUILD_APT + _FORMAT_APT, ["base", "local", "test", "lint"], local=True),
    "fuzz": Goal(_FUZZ_APT, ["base"], package=False),
    "wheel": Goal(_WHEEL_APT, ["base", "wheel"], package=False),
    "install": Goal(_BUILD_APT, ["base"], package=False),
}


def missing_packages(names: list[str]) -> list[str]:
    """Those of the Debian packages that are not installed; none where there is no dpkg."""
    if not shutil.which("dpkg-query"):
        return []
    show = ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *names]
    answer = subprocess.run(show, capture_output=True, text=True).stdout
    present = {line.split()[0] for line in answer.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in present]


def python_packages() -> list[str]:
    """The Debian packages that this interpreter lacks; one that is not Debian's has its own."""
    if not os.path.realpath(sys.executable).startswith("/usr/bin/python3"):
        return []
    version = f"python3.{sys.version_info[1]}"
    name = "python3" if os.path.realpath("/usr/bin/python3").endswith(version) else version
    wanted = []
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        wanted.append(f"{name}-venv")
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        wanted.append(f"{name}-dev")
    return wanted


def root_prefix() -> list[str] | None:
    """The words that make a command run as root, or None."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    try:
        asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, timeout=3)
    except subprocess.TimeoutExpired:
        return None
    return ["sudo", "-n"] if asked.returncode == 0 else None


def install_packages(names: list[str]) -> None:
    """Installs what is missing, or says the exact line to run."""
    missing = missing_packages(names) + python_packages()
    if not missing:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    prefix = root_prefix()
    if prefix is None:
        line = shlex.join(install)
        raise SetupError(
            "These packages are missing, and this user can neither install them nor use sudo "
            f"without a password.\nRun as root:\n\n    apt-get update && {line}\n",
            status=2,
        )
    quiet = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    run([*quiet, "apt-get", "update", "-qq"], "apt-get update")
    run([*quiet, *install, "-qq"], f"apt-get install {' '.join(missing)}")


def make_environment(venv: Path, python: Path | None = None) -> None:
    """Makes a virtual environment unless a working one of the same Python is there."""
    python = python or Path(sys.executable)
    version = "import sys; print(*sys.version_info[:2], {})"
    asked = subprocess.run(
        [python_of(venv), "-c", version.format("sys.prefix")], capture_output=True, text=True
    ) if python_of(venv).exists() else None  # fmt: skip
    wanted = subprocess.run(
        [python, "-c", version.format(repr(str(venv)))], capture_output=True, text=True
    )
    if asked and asked.returncode == 0 and asked.stdout == wanted.stdout:
        return
    if venv.exists():
        shutil.rmtree(venv)
    run([python, "-m", "venv", venv], f"virtual environment {venv.name}")


def install_lock(venv: Path, name: str) -> None:
    """Installs a lock file's packages unless they are installed."""
    lock = ROOT / "requirements" / f"{name}.txt"
    stamp, digest = Stamp(venv, name), content_hash([lock])
    if stamp.holds(digest):
        return
    command = [python_of(venv), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    run([*command, "-r", lock], f"{venv.name}: requirements/{name}.txt")
    stamp.set(digest)


def install_source(venv: Path, name: str, source: Path, digest: str, options: list[str]) -> None:
    """Builds and installs a package of this checkout unless it is unchanged."""
    stamp = Stamp(venv, name)
    if stamp.holds(digest):
        return
    stamp.clear()
    pip = [python_of(venv), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    environment = clean_environment(
        {"PATH": f"{venv / 'bin'}{os.pathsep}{tool_environment()['PATH']}"}
    )
    command = [*pip, "--no-build-isolation", *options, source]
    run(command, f"{venv.name}: build and install {name}", environment)
    stamp.set(digest)


def package_folder(venv: Path) -> Path:
    """Where the extension module of an environment is built."""
    return BUILD / f"package{venv.name.removeprefix('.venv')}"


def install_package(venv: Path = VENV, options: Sequence[str] = ()) -> None:
    """Builds the extension module, with Meson options, and installs the package."""
    sources = [ROOT / name for name in ("src", "include", "python", "meson.build",
                                        "meson_options.txt", "pyproject.toml")]  # fmt: skip
    sources += [ROOT / "tests" / "python" / "core"] if options else []
    digest = content_hash(sources, " ".join(options))
    folder = package_folder(venv)
    if not Stamp(venv, "libathena").holds(digest):
        forget_if_moved(folder)
    settings = [f"build-dir={folder.relative_to(ROOT)}"]
    settings += [f"setup-args={option}" for option in options]
    install_source(
        venv, "libathena", ROOT, digest, [f"--config-settings={word}" for word in settings]
    )


def install_local(venv: Path) -> None:
    """Installs athena-local from a copy, so that its build leaves nothing in the tree."""
    folder = ROOT / "local"
    parts = [folder / name for name in ("athena_local", "pyproject.toml", "README.md")]
    digest = content_hash(parts)
    copy = BUILD / "athena-local"
    if not Stamp(venv, "athena-local").holds(digest):
        shutil.rmtree(copy, ignore_errors=True)
        ignored = shutil.ignore_patterns("tests", "build", "*.egg-info", "__pycache__")
        shutil.copytree(folder, copy, ignore=ignored)
    install_source(venv, "athena-local", copy, digest, [])


def set_up(goal: Goal) -> None:
    """Makes everything a goal names."""
    install_packages(goal.apt)
    make_environment(VENV)
    for lock in goal.locks:
        install_lock(VENV, lock)
    if goal.package:
        install_package()
    if goal.local:
        install_local(VENV)
    if goal.others:
        make_environment(VENV_BENCH)
    for lock in goal.others:
        install_lock(VENV_BENCH, lock)
    if not goal.pyathena:
        return
    if sys.version_info < (3, 11):
        raise SetupError("PyAthena 4.2.1, the other side of this target, needs Python 3.11")
    make_environment(VENV_PYATHENA)
    for lock in goal.pyathena:
        install_lock(VENV_PYATHENA, lock)
    if "pyathena-test" in goal.pyathena:
        install_local(VENV_PYATHENA)


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in GOALS:
        print(__doc__, file=sys.stderr)
        return 2
    os.chdir(ROOT)
    try:
        set_up(GOALS[sys.argv[1]])
    except SetupError as error:
        print(error, file=sys.stderr)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())

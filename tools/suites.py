"""The suites of `make test`: what each needs, builds and runs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import setup  # noqa: E402
from common import (  # noqa: E402
    BUILD,
    ROOT,
    VENV,
    VENV_PYATHENA,
    SetupError,
    meson_command,
    python_of,
    tool_environment,
)
from results import FAILED, PASSED, SKIPPED, Case, read_junit, read_meson  # noqa: E402

from build import configure  # noqa: E402

LOGS = BUILD / "logs"
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
_C_OPTIONS = ["-Dtests=true", "-Dpython=true", "-Dbench=true"]
#: For the tests with the core marker where they run once more: without those that measure no more
#: than time, and on one kind of loop those that do not look at loops.
_ONCE_MORE = {"ATHENA_SLOW_TESTS": "", "ATHENA_ONE_LOOP": "1"}
_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()  # of _running and _stopped
_stopped = threading.Event()
_set_up = threading.Lock()  # environments are made one at a time


def kill(program: subprocess.Popen[bytes], number: int) -> None:
    """Signals a program and its children."""
    try:
        os.killpg(program.pid, number)
    except ProcessLookupError:
        pass


def stop_running(*_: object) -> None:
    """Ends the programs under way with their children, then this process. Not for threads that run
    suites."""
    with _guard:
        _stopped.set()
        programs = list(_running)
    for program in programs:
        kill(program, signal.SIGTERM)
    end = time.monotonic() + 5
    while time.monotonic() < end and any(program.poll() is None for program in programs):
        time.sleep(0.05)
    for program in programs:
        kill(program, signal.SIGKILL)
    sys.stdout.flush()
    os._exit(130)  # the suites' threads have nothing to end well


def start(
    words: Sequence[str], environment: Mapping[str, str], output: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Starts a program that :func:`stop_running` ends."""
    with _guard:
        if _stopped.is_set():
            raise SetupError("stopped")
        program = subprocess.Popen(
            words, cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        _running.add(program)
        return program


def logged(
    log: Path, command: Sequence[str | Path], environment: Mapping[str, str], limit: float
) -> int | None:
    """Runs a program with its output added to a log; its status, or None when it ran too long."""
    words = [str(word) for word in command]
    with log.open("ab") as file:
        file.write(f"\n$ {' '.join(words)}\n".encode())
        file.flush()
        program = start(words, environment, file)
        try:
            return program.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            kill(program, signal.SIGKILL)  # with what it left behind
            program.wait()
            with _guard:
                _running.discard(program)


def tail(log: Path, lines: int = 60) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


@dataclass(frozen=True)
class Suite:
    """A named part of the tests. ``needs`` are paths without which there is nothing to run.
    Neighbours in the list that are ``paired`` run two at a time."""

    name: str
    run: Callable[[Suite], list[Case]]
    quick: bool = True
    needs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    paired: bool = False

    @property
    def log(self) -> Path:
        return LOGS / f"{self.name}.log"

    def call(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        limit: float = 600,
    ) -> int | None:
        return logged(self.log, command, environment or tool_environment(), limit)

    def step(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        limit: float = 600,
    ) -> Case:
        """One program as one case."""
        start = self.log.stat().st_size if self.log.exists() else 0
        status = self.call(command, environment, limit)
        if status == 0:
            return Case(name, PASSED)
        if status == 77:
            return Case(name, SKIPPED, tail(self.log, 1))
        why = f"no end after {limit:.0f} s" if status is None else f"status {status}"
        output = self.log.read_bytes()[start:].decode(errors="replace")
        return Case(name, FAILED, why, output[-20000:])


def run_pytest(
    suite: Suite,
    python: Path,
    arguments: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    limit: float = 1800,
) -> list[Case]:
    """Runs pytest by a Python and reads its cases."""
    junit = LOGS / f"{suite.name}.xml"
    junit.unlink(missing_ok=True)
    command = [
        python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--timeout=300",
        f"--junitxml={junit}", "-o", "junit_logging=no", *arguments,
    ]  # fmt: skip
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
    status = suite.call(command, tool_environment(quiet), limit)
    cases = read_junit(junit) if junit.is_file() else []
    untold = status == 1 and all(case.outcome != FAILED for case in cases)
    if status not in (0, 1) or not cases or untold:
        why = f"no end after {limit:.0f} s" if status is None else f"pytest's status {status}"
        cases.append(Case("(run)", FAILED, why, tail(suite.log)))
    return cases


# -- C ------------------------------------------------------------------------------------------


def _compile(suite: Suite, name: str, options: Sequence[str], env: Mapping[str, str]) -> Path:
    folder = configure(name, options, env)
    command = [*meson_command(), "compile", "-C", folder]
    case = suite.step("(compile)", command, tool_environment(env), 1200)
    if case.outcome != PASSED:
        raise SetupError(f"compile: {case.why}\n{case.output}")
    return folder


def make_locale(suite: Suite) -> Path:
    """A locale with a decimal comma, for the tests that numbers do not depend on it."""
    folder = BUILD / "locale"
    if not (folder / "de_DE.UTF-8").is_dir():
        folder.mkdir(exist_ok=True)
        suite.call(["localedef", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"])
    return folder


def c_build(suite: Suite) -> list[Case]:
    """Compiles a configuration with warnings as errors and runs its unit tests and corpora. The
    first option is the compiler; ``only:NAME`` names a Meson suite."""
    compiler, *options = suite.options
    only = [option.removeprefix("only:") for option in options if option.startswith("only:")]
    options = [option for option in options if not option.startswith("only:")]
    # gcc warns of what is not there in code that a sanitizer has rewritten.
    if not any("sanitize" in option for option in options):
        options.append("-Dwerror=true")
    env = {"CC": compiler}
    name = suite.name.removeprefix("c-")
    folder = _compile(suite, name, [*_C_OPTIONS, *options], env)
    log = folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    command = [*meson_command(), "test", "-C", folder, "--no-rebuild", "--timeout-multiplier", "4"]
    command += [word for name in only for word in ("--suite", name)] or ["--no-suite", "python"]
    checks = {
        "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1",
        "LSAN_OPTIONS": f"suppressions={ROOT / 'tests' / 'lsan.txt'}:print_suppressions=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": f"halt_on_error=1:suppressions={ROOT / 'tests' / 'tsan.txt'}",
    }
    checks["LOCPATH"] = str(make_locale(suite))
    status = suite.call(command, tool_environment({**env, **checks}), 1200)
    cases = read_meson(log) if log.is_file() else []
    if not cases or (status != 0 and all(case.outcome != FAILED for case in cases)):
        cases.append(Case("(run)", FAILED, f"meson test's status {status}", tail(suite.log)))
    return [Case("(compile)", PASSED), *cases]


def sanitized_core(suite: Suite) -> list[Case]:
    """The extension module's own tests, and those with the core marker on the whole package, with
    the address sanitizer under Python. Runs after c-asan and on its build."""
    # libstdc++ too: athena-local inherits them, and DuckDB's exceptions must be found at the start.
    gcc = ["gcc", "-print-file-name=libasan.so", "-print-file-name=libstdc++.so"]
    libraries = [
        subprocess.run([gcc[0], word], capture_output=True, text=True).stdout.strip()
        for word in gcc[1:]
    ]
    folder = BUILD / "asan"
    environment = {
        "CORE_BUILD_DIR": str(folder / "python"),
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own
        "PYTHONMALLOC": "malloc",
        **_ONCE_MORE,
    }
    cases = run_pytest(suite, python_of(VENV), ["tests/python/core"], environment, 1200)
    site = BUILD / "asan-site"
    shutil.rmtree(site, ignore_errors=True)
    install = [*meson_command(), "install", "-C", folder, "--no-rebuild", "--destdir", site]
    installed = suite.step("(install)", install)
    packages = [path.parent.parent for path in site.rglob("pyathena/__init__.py")]
    if installed.outcome != PASSED or len(packages) != 1:
        return [*cases, Case("(install)", FAILED, "no package to test", installed.output)]
    return cases + run_marked(
        suite, python_of(VENV), {**environment, "PYTHONPATH": str(packages[0])}
    )


# -- Python -------------------------------------------------------------------------------------


def _servers() -> dict[str, str]:
    return {
        "ATHENA_STUB": str(BUILD / "gcc" / "bench" / "stub" / "athena-stub"),
        "ATHENA_SIGN_CLI": str(BUILD / "gcc" / "tests" / "unit" / "aws" / "sign_cli"),
        "LIBATHENA_PYATHENA_PYTHON": str(python_of(VENV_PYATHENA)),
        "CORE_BUILD_DIR": str(BUILD / "gcc" / "python"),
        "ATHENA_SLOW_TESTS": os.environ.get("ATHENA_SLOW_TESTS", ""),
    }


def python_tests(suite: Suite) -> list[Case]:
    """pytest on folders by the environment that holds the package."""
    return run_pytest(suite, python_of(VENV), suite.options, _servers())


def local_tests(suite: Suite) -> list[Case]:
    """athena-local against the clients that are not ours."""
    options = [*suite.options, f"--rootdir={ROOT / 'local'}"]
    # PyAthena and this package, which the server needs, cannot share an environment.
    environment = {**_servers(), "ATHENA_LOCAL_PYTHON": str(python_of(VENV))}
    return run_pytest(suite, python_of(VENV_PYATHENA), options, environment)


def find_python(version: str) -> Path | None:
    """A Python of this version, on PATH or among pyenv's."""
    homes = [os.environ.get("PYENV_ROOT"), Path.home() / ".pyenv"]
    candidates = [shutil.which(f"python{version}")]
    for home in filter(None, homes):
        candidates += sorted(Path(home).glob(f"versions/{version}.*/bin/python{version}"))
    for candidate in filter(None, candidates):
        asked = subprocess.run(
            [candidate, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True, text=True,
        )  # fmt: skip
        if asked.returncode == 0 and asked.stdout.strip() == version:
            return Path(candidate)
    return None


def python_matrix(suite: Suite) -> list[Case]:
    """The core tests on another version of Python, in an environment of its own."""
    version = suite.options[0]
    if version == "{}.{}".format(*sys.version_info[:2]):
        return [Case("(version)", SKIPPED, "this is the version of .venv, tested above")]
    python = find_python(version)
    if python is None:
        return [Case("(version)", SKIPPED, f"no python{version} on PATH")]
    venv = ROOT / f".venv-{version}"
    with _set_up:
        setup.make_environment(venv, python)
        for lock in ("base", "local", "matrix"):
            setup.install_lock(venv, lock)
        setup.install_package(venv, ["-Dtests=true"])
        setup.install_local(venv)
    build = {"CORE_BUILD_DIR": str(setup.package_folder(venv) / "python")}
    environment = {**_servers(), **build, **_ONCE_MORE}
    cases = run_pytest(suite, python_of(venv), ["tests/python/core"], environment)
    return cases + run_marked(suite, python_of(venv), environment)


def run_marked(suite: Suite, python: Path, environment: Mapping[str, str]) -> list[Case]:
    """The tests with the core marker outside tests/python/core. Files without it are not even
    imported: they may need what this environment lacks."""
    folder = ROOT / "tests" / "python"
    files = [path for path in sorted(folder.rglob("test_*.py")) if "core" not in path.parts[-2:-1]]
    files = [path for path in files if re.search(r"\bmark\.core\b", path.read_text())]
    if not files:
        return [Case("(marker)", FAILED, "no test outside tests/python/core has the core marker")]
    return run_pytest(suite, python, [*files, "-m", "core"], environment)


# -- the rest -----------------------------------------------------------------------------------


def style(suite: Suite) -> list[Case]:
    """The checkers of tools/ and the formatters' views."""
    python = python_of(VENV)
    return [
        suite.step("check_includes", [python, "tools/check_includes.py"]),
        suite.step("check_style", [python, "tools/check_style.py"]),
        suite.step("lint", [python, "tools/lint.py", "--gates"]),
    ]


def wheel(suite: Suite) -> list[Case]:
    """Makes the wheel and uses it where no library of ours and no compiler is."""
    python = python_of(VENV)
    made = suite.step("make wheel", [python, "scripts/wheel.py"])
    if made.outcome != PASSED:
        return [made]
    return [made, suite.step("tests/wheel/run", ["tests/wheel/run"], limit=1200)]


_OTHERS = tuple(f"--ignore=tests/python/{name}" for name in ("core", "docs", "filesystem"))


def tests_in(folder: str, name: str, quick: bool = True, paired: bool = False) -> Suite:
    """A suite of pytest on a folder."""
    return Suite(name, python_tests, quick, (folder,), (folder,), paired)


SUITES = [
    Suite("style", style),
    tests_in("tools/tests", "tools"),
    Suite("c-gcc", c_build, options=("gcc", "-Dbuildtype=debugoptimized")),
    Suite("c-clang", c_build, quick=False, options=("clang", "-Dbuildtype=debugoptimized")),
    tests_in("tests/python/core", "python-core"),
    Suite("python", python_tests, needs=("tests/python",), options=("tests/python", *_OTHERS)),
    tests_in("tests/python/filesystem", "filesystem", quick=False, paired=True),
    tests_in("tests/python/docs", "docs", quick=False, paired=True),
    tests_in("tests/fault", "fault", quick=False, paired=True),
    tests_in("tests/demo", "demo", quick=False, paired=True),
    tests_in("bench/stub", "stub", paired=True),
    Suite("local", local_tests, needs=("local/tests/conftest.py",), options=("local/tests",),
          paired=True),
    tests_in("tests/install", "install"),
    Suite(
        "c-asan",
        c_build,
        quick=False,
        options=("gcc", "-Dbuildtype=debugoptimized", "-Db_sanitize=address,undefined"),
    ),
    Suite(
        "c-tsan",
        c_build,
        quick=False,
        options=("gcc", "-Dbuildtype=debugoptimized", "-Db_sanitize=thread", "only:unit",
                 "only:engine"),
    ),
    Suite("asan-python", sanitized_core, quick=False, needs=("tests/python/core/conftest.py",),
          paired=True),
    *(Suite(f"python-{v}", python_matrix, quick=False, options=(v,), paired=True)
      for v in VERSIONS),
    Suite("wheel", wheel, quick=False, needs=("tests/wheel/run",), paired=True),
]  # fmt: skip

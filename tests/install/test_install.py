"""What `make install` leaves: headers that stand alone, a library that exports its own names only,
examples that a stranger can build with pkg-config and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import athena_local
import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADERS = sorted(path.name for path in (ROOT / "include" / "athena").glob("*.h"))
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.c"))
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def output(*command: str | Path, **more: object) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return str(done.stdout)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the tree with the library installed by make."""
    folder = tmp_path_factory.mktemp("prefix")
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    output("make", "-s", "install", f"PREFIX={folder}", cwd=ROOT, env=environment)
    return folder


@pytest.fixture(scope="module")
def library(prefix: Path) -> Path:
    return prefix / "lib" / "libathena.so"


@pytest.fixture(scope="module")
def flags(prefix: Path) -> list[str]:
    """What pkg-config tells a user's build."""
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    return output("pkg-config", "--cflags", "--libs", "athena", env=environment).split()


@pytest.fixture(scope="module")
def server() -> Iterator[athena_local.Server]:
    with athena_local.Server(seed=True) as running:
        yield running


def test_headers_are_installed_whole(prefix: Path) -> None:
    for name in HEADERS:
        installed = prefix / "include" / "athena" / name
        assert installed.read_bytes() == (ROOT / "include" / "athena" / name).read_bytes()


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("compiler", ["gcc -std=c11", "clang -std=c11", "g++ -std=c++17"])
def test_header_compiles_alone(prefix: Path, tmp_path: Path, name: str, compiler: str) -> None:
    program, standard = compiler.split()
    source = tmp_path / ("a.cc" if "++" in program else "a.c")
    source.write_text(f"#include <athena/{name}>\n#include <athena/{name}>\nint a;\n")
    output(program, standard, *STRICT, f"-I{prefix}/include", "-fsyntax-only", source)


def test_only_public_names_are_exported(library: Path) -> None:
    lines = output("nm", "-D", "--defined-only", library).splitlines()
    names = {line.split()[-1] for line in lines}
    strange = {name for name in names if not re.fullmatch(r"ath_[a-z0-9]\w*", name)}
    assert not strange and "ath_version" in names


def test_every_public_function_is_exported(library: Path) -> None:
    exported = output("nm", "-D", "--defined-only", library)
    for name in HEADERS:
        text = (ROOT / "include" / "athena" / name).read_text()
        for declared in re.findall(r"^ATH_API [^;(]*?\b(ath_\w+)\(", text, re.MULTILINE):
            assert re.search(rf" {declared}$", exported, re.MULTILINE), declared


def test_library_never_ends_the_process(library: Path) -> None:
    needed = {line.split()[-1].split("@")[0] for line in
              output("nm", "-D", "--undefined-only", library).splitlines()}  # fmt: skip
    ends = {"abort", "exit", "_exit", "_Exit", "quick_exit", "__assert_fail"}
    assert not needed & ends


def test_library_needs_few_others(library: Path) -> None:
    listing = output("readelf", "-d", library)
    needed = {name.split(".so")[0] for name in re.findall(r"\(NEEDED\).*\[(.*)\]", listing)}
    assert needed <= {"libcurl", "libcrypto", "libjansson", "libexpat", "libc", "libm"}
    assert "BIND_NOW" in listing


def build(example: str, flags: list[str], folder: Path) -> Path:
    source, program = folder / f"{example}.c", folder / example
    shutil.copy(ROOT / "examples" / source.name, source)
    output("cc", "-std=c11", *STRICT, source, *flags, "-o", program, cwd=folder)
    return program


def test_every_example_builds_outside_the_tree(flags: list[str], tmp_path: Path) -> None:
    assert EXAMPLES
    for example in EXAMPLES:
        assert build(example, flags, tmp_path).is_file()


def test_query_example_runs(
    flags: list[str], tmp_path: Path, library: Path, server: athena_local.Server
) -> None:
    program = build("query", flags, tmp_path)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {**clean, **server.environment, "LD_LIBRARY_PATH": str(library.parent)}
    sql = "SELECT 1 AS one, 'a' AS word, CAST(NULL AS varchar) AS nothing"
    rows = output(program, sql, server.staging_dir, env=environment)
    assert rows == "one\tword\tnothing\n1\ta\tNULL\n"
    bad = subprocess.run(
        [program, "SELECT nonsense", server.staging_dir],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert bad.returncode == 1 and "ATH_ERR_QUERY_FAILED" in bad.stderr

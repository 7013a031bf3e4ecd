"""Every code block of README.md and docs/ is run, or stands in not_run.txt with a reason.

Programs get the environment that `make local` prints and nothing else of AWS; the bucket's name is
put in, the rest runs as it is printed. Python blocks run by an interpreter of their own. C blocks
are compiled with warnings as errors, linked with the library and run. sh blocks run in an empty
folder. Blocks without a language are figures or output.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "demo"))

from codeblocks import Block, BlockError, read_blocks

if TYPE_CHECKING:
    import athena_local

FIGURES = ("", "text", "console")
LIMIT = 120  # seconds


def find_blocks() -> list[Block]:
    files = [ROOT / "README.md", ROOT / "local" / "README.md"]
    files += sorted((ROOT / "docs").rglob("*.md"))
    blocks = [block for file in files for block in read_blocks(file)]
    return [block for block in blocks if block.language not in FIGURES]


def place(block: Block) -> str:
    return block.path.relative_to(ROOT).as_posix()


def first_line(block: Block) -> str:
    return block.text.partition("\n")[0].strip()


def read_reasons() -> dict[tuple[str, str], str]:
    """(file, first line) -> reason."""
    reasons = {}
    for line in (Path(__file__).parent / "not_run.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            file, first, reason = line.split(" | ")
            assert reason.strip(), line
            reasons[file, first] = reason
    return reasons


BLOCKS = find_blocks()
REASONS = read_reasons()
RUN = [block for block in BLOCKS if (place(block), first_line(block)) not in REASONS]


def library_folder() -> Path | None:
    """Where libathena.so was built: ATHENA_LIBRARY_DIR, or beside the core's build."""
    core = os.environ.get("CORE_BUILD_DIR")
    named = os.environ.get("ATHENA_LIBRARY_DIR") or (core and str(Path(core).parent / "src"))
    folder = Path(named) if named else ROOT / "build" / "gcc" / "src"
    return folder if (folder / "libathena.so").exists() else None


def environment_of(server: athena_local.Server) -> dict[str, str]:
    base = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    sanitizers = {n: v for n, v in os.environ.items() if n.endswith("SAN_OPTIONS")}
    return {**base, **sanitizers, "PYTHONDONTWRITEBYTECODE": "1", **server.environment}


def run_command(
    command: list[str], environment: dict[str, str], folder: Path, text: str = ""
) -> str:
    done = subprocess.run(
        command, input=text, env=environment, cwd=folder, capture_output=True, text=True,
        timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_python(text: str, environment: dict[str, str], folder: Path) -> str:
    return run_command([sys.executable, "-X", "dev", "-W", "error", "-"], environment, folder, text)


def compile_c(source: Path, program: Path, libraries: Path) -> None:
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}"]
    command += [str(source), "-o", str(program), f"-L{libraries}", f"-Wl,-rpath,{libraries}"]
    run_command([*command, "-lathena"], dict(os.environ), source.parent)


def run_c(text: str, environment: dict[str, str], folder: Path) -> str:
    libraries = library_folder()
    if libraries is None:
        pytest.skip("libathena.so is not built")
    (folder / "block.c").write_text(text)
    compile_c(folder / "block.c", folder / "block", libraries)
    return run_command([str(folder / "block")], environment, folder)


def run_sh(text: str, environment: dict[str, str], folder: Path) -> str:
    return run_command(["sh", "-eu", "-c", text], environment, folder)


RUNNERS = {"python": run_python, "c": run_c, "sh": run_sh}


@pytest.mark.parametrize("block", RUN, ids=[f"{place(b)}:{b.line}" for b in RUN])
def test_block_runs(block: Block, server: athena_local.Server, tmp_path: Path) -> None:
    assert block.language in RUNNERS, f"nothing runs {block.language!r}; list the block or name it"
    text = block.with_bucket(server.bucket)
    output = RUNNERS[block.language](text, environment_of(server), tmp_path)
    if "print" in text:
        assert output, "it prints nothing"


def test_not_run_every_entry_stands_for_a_block() -> None:
    present = {(place(block), first_line(block)) for block in BLOCKS}
    assert sorted(set(REASONS) - present) == []


def test_asyncio_page_shows_what_it_promises() -> None:
    text = (ROOT / "docs" / "asyncio.md").read_text()
    programs = "\n".join(b.text for b in BLOCKS if place(b) == "docs/asyncio.md")
    for name in (
        "fetchone", "fetchmany", "fetchall", "async for", "AioDictCursor", "OrderedDict",
        "cancel()", "query_timeout", "stats()", "on_poll", "asyncio.gather",
        "result_set_type_hints", "state_change_reason", "output_location",
    ):  # fmt: skip
        assert name in programs, name
    assert re.search(r"conn = await aio_connect\(", programs)
    assert re.search(r"async with await aio_connect\(", programs)
    assert re.search(r"async with conn\.cursor\(\)", programs)
    assert "```python\nimport asyncio" in text


def test_examples_python_run(server: athena_local.Server, tmp_path: Path) -> None:
    programs = sorted((ROOT / "examples" / "python").glob("*.py"))
    assert len(programs) >= 4
    for program in programs:
        command = [sys.executable, "-X", "dev", "-W", "error", str(program)]
        assert run_command(command, environment_of(server), tmp_path), program.name


def test_examples_c_run(server: athena_local.Server, tmp_path: Path) -> None:
    libraries = library_folder()
    if libraries is None:
        pytest.skip("libathena.so is not built")
    for source in sorted((ROOT / "examples").glob("*.c")):
        program = tmp_path / source.stem
        compile_c(source, program, libraries)
        command = [str(program), "SELECT CAST(NULL AS varchar) AS a, 'x' AS b"]
        output = run_command([*command, server.staging_dir], environment_of(server), tmp_path)
        assert output.splitlines() == ["a\tb", "NULL\tx"], source.name


def test_read_blocks_text_between_and_open_end(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("# One\n\n```sh\nls\n```\n\ntext\n\n````\n```\n````\n## Two\n```c\n\n```\n")
    found = [(b.heading, b.language, b.text, b.line) for b in read_blocks(file)]
    assert found == [("One", "sh", "ls\n", 3), ("One", "", "```\n", 9), ("Two", "c", "\n", 13)]
    file.write_text("```sh\nls\n")
    with pytest.raises(BlockError, match=r"a\.md:1"):
        read_blocks(file)

"""Runs every fuzz target for a while on a copy of its corpus.

Usage: run_fuzz.py [--seconds N] [--only NAME]...

What breaks a target is kept under build/fuzz-findings/NAME; a good input of that kind belongs into
fuzz/corpus/NAME beside the fix.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from common import BUILD, ROOT, SetupError, tool_environment  # noqa: E402

from build import compile_all, configure  # noqa: E402


def run_target(program: Path, seconds: int) -> bool:
    """One target; True when nothing was found."""
    name = program.name.removeprefix("fuzz_")
    seeds = ROOT / "fuzz" / "corpus" / name
    corpus, findings = BUILD / "fuzz-corpus" / name, BUILD / "fuzz-findings" / name
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    shutil.copytree(seeds, corpus, dirs_exist_ok=True)
    command = [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
               "-print_final_stats=1", f"-artifact_prefix={findings}/", corpus]  # fmt: skip
    dictionary = ROOT / "fuzz" / "dict" / f"{name}.dict"
    if dictionary.is_file():
        command.append(f"-dict={dictionary}")
    log = BUILD / "fuzz-findings" / f"{name}.log"
    with log.open("wb") as file:
        status = subprocess.run(
            command, cwd=BUILD, stdout=file, stderr=subprocess.STDOUT, env=tool_environment()
        ).returncode
    text = log.read_text(errors="replace")
    runs = next((line.split()[-1] for line in text.splitlines() if "executed_units" in line), "no")
    print(f"{name}: {runs} inputs, {'clean' if status == 0 else f'FAILED, see {log}'}", flush=True)
    if status:
        print("\n".join(text.splitlines()[-40:]))
    return status == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="time for each target")
    parser.add_argument("--only", action="append", help="this target; repeatable")
    arguments = parser.parse_args()
    options = ["-Dfuzz=true", "-Dbuildtype=debugoptimized", "-Db_lundef=false",
               "-Db_sanitize=address,undefined"]  # fmt: skip
    try:
        folder = configure("fuzz", options, {"CC": "clang"})
        compile_all(folder, {"CC": "clang"})
    except SetupError as error:
        print(error, file=sys.stderr)
        return error.status
    programs = [path for path in sorted((folder / "fuzz").glob("fuzz_*")) if path.is_file()]
    if arguments.only:
        programs = [p for p in programs if p.name.removeprefix("fuzz_") in arguments.only]
    if not programs:
        print("no such fuzz target", file=sys.stderr)
        return 1
    results = [run_target(program, arguments.seconds) for program in programs]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

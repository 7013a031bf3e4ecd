"""Compares this package with PyAthena and other S3 clients on the stub server; docs/benchmarks.md
explains it.

Usage: python bench/run.py [--group athena|s3] [--only NAME]... [--side NAME]... [--quick]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from pathlib import Path
from typing import Any

import cases_s3
import harness
import report
from cases import CASES, Case, Context
from harness import BenchError, Side, Stub

ALL = (*CASES, *cases_s3.CASES)
GROUPS = {"athena": CASES, "s3": cases_s3.CASES}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [case.name for case in ALL]
    parser.add_argument("--only", action="append", choices=names, help="run this one; repeatable")
    parser.add_argument("--group", choices=tuple(GROUPS), help="queries or file systems alone")
    parser.add_argument("--quick", action="store_true", help="one round, small sizes")
    parser.add_argument("--rounds", type=int, help="rounds of each benchmark instead of its own")
    parser.add_argument(
        "--side", action="append", choices=tuple(report.NAMES), help="run this side; repeatable"
    )
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter that has this package"
    )
    parser.add_argument(
        "--pyathena-python",
        default=os.environ.get("PYATHENA_PYTHON") or harness.find_python(".venv-pyathena"),
        help="interpreter that has PyAthena from PyPI, and boto3 with it "
        "(or environment PYATHENA_PYTHON; else that of .venv-pyathena)",
    )
    parser.add_argument(
        "--others-python",
        default=os.environ.get("OTHERS_PYTHON") or harness.find_python(".venv-bench"),
        help="interpreter that has s3fs and obstore (or environment OTHERS_PYTHON; else that of "
        ".venv-bench)",
    )
    parser.add_argument(
        "--stub",
        type=Path,
        default=os.environ.get("ATHENA_STUB") or harness.find_stub(),
        help="the athena-stub program (or environment ATHENA_STUB; else found in build*/)",
    )
    parser.add_argument(
        "--instructions", action="store_true", help="count instructions a row by perf, if it can"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=harness.BENCH / "results" / f"{datetime.datetime.now():%Y%m%d-%H%M%S}.json",
        help="file for the numbers as JSON",
    )
    options = parser.parse_args()
    if options.stub is None:
        parser.error("athena-stub is not built: meson setup -Dbench=true, or give --stub")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def choose_cases(options: argparse.Namespace) -> list[Case]:
    cases = GROUPS[options.group] if options.group else ALL
    return [case for case in cases if not options.only or case.name in options.only]


def choose_sides(options: argparse.Namespace, cases: list[Case]) -> dict[str, Side]:
    """The sides that the cases name and that can be run here; the others are said."""
    bare = Path(options.stub).resolve().parents[1] / "micro" / "bench_curl_get"
    programs = {
        "libathena": options.python,
        "pyathena": options.pyathena_python,
        "s3fs": options.others_python,
        "obstore": options.others_python,
        "boto3": options.pyathena_python,
        "libcurl": str(bare) if bare.exists() else None,
    }
    sides = {}
    for key in report.NAMES:
        wanted = key in options.side if options.side else True
        if not wanted or not any(key in case.sides for case in cases):
            continue
        program = programs[key]
        if not program:
            print(f"{report.NAMES[key]} is not here and is left out", file=sys.stderr)
            continue
        sides[key] = Side(report.NAMES[key], program)
        sides[key].find_versions()
    return sides


def run_case(
    case: Case, sides: dict[str, Side], stub: Stub, options: argparse.Namespace
) -> dict[str, Any]:
    """All rounds of a case, the sides by turns. A side that fails is left out, its error kept."""
    rounds = options.rounds or (1 if options.quick else case.rounds)
    values: dict[str, list[dict[str, float]]] = {key: [] for key in sides if key in case.sides}
    errors: dict[str, str] = {}
    for number in range(rounds):
        for key in values:
            side = sides[key]
            if key in errors:
                continue
            print(f"{case.name}: round {number + 1} of {rounds}, {side.name}", file=sys.stderr)
            context = Context(stub, side, key, options.quick, options.instructions, number)
            try:
                values[key].append(case.run(context))
            except BenchError as error:
                errors[key] = str(error)
                print(error, file=sys.stderr)
    return {
        "title": case.title,
        "rounds": values,
        "medians": {key: report.medians(found) for key, found in values.items()},
        "errors": errors,
    }


def print_tables(results: dict[str, dict[str, Any]], cases: list[Case], quick: bool) -> None:
    if quick:
        print("Quick run: one round, sizes smaller than the titles say.\n")
    queries = [case for case in cases if case in CASES]
    files = [case for case in cases if case not in CASES]
    if queries:
        print(report.table(results, queries))
    if queries and files:
        print()
    if files:
        print(report.table_of_sides(results, files))


def main() -> int:
    options = parse_arguments()
    if options.instructions and not harness.can_count_instructions():
        print("perf cannot count instructions here; going on without", file=sys.stderr)
        options.instructions = False
    cases = choose_cases(options)
    machine = harness.machine()
    try:
        sides = choose_sides(options, cases)
        stub = Stub(options.stub)
    except (BenchError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        results = {case.name: run_case(case, sides, stub, options) for case in cases}
    finally:
        stub.close()
    versions = {side.name: side.versions for side in sides.values()}
    print(f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB")
    print("; ".join(f"{name}: {found}" for name, found in versions.items()), end="\n\n")
    print_tables(results, cases, options.quick)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": machine,
        "versions": versions,
        "quick": options.quick,
        "results": results,
    }
    options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"\nnumbers in {options.output}")
    return 1 if any(result["errors"] for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

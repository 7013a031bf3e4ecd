"""Compares this package with PyAthena from PyPI on the stub server; docs/benchmarks.md explains it.

Usage: python bench/run.py [--only NAME]... [--quick] [--pyathena-python PATH]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from pathlib import Path
from typing import Any

import harness
import report
from cases import CASES, Case, Context
from harness import BenchError, Side, Stub


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [case.name for case in CASES]
    parser.add_argument("--only", action="append", choices=names, help="run this one; repeatable")
    parser.add_argument("--quick", action="store_true", help="one round, small sizes")
    parser.add_argument("--rounds", type=int, help="rounds of each benchmark instead of its own")
    parser.add_argument(
        "--side", choices=("both", "libathena", "pyathena"), default="both", help="sides to run"
    )
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter that has this package"
    )
    parser.add_argument(
        "--pyathena-python",
        default=os.environ.get("PYATHENA_PYTHON"),
        help="interpreter that has PyAthena from PyPI (or environment PYATHENA_PYTHON)",
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
    if options.side != "libathena" and not options.pyathena_python:
        parser.error("give --pyathena-python, or --side libathena to measure this package alone")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def choose_sides(options: argparse.Namespace) -> dict[str, Side]:
    sides = {}
    if options.side != "libathena":
        sides["pyathena"] = Side("PyAthena", options.pyathena_python)
    if options.side != "pyathena":
        sides["libathena"] = Side("libathena", options.python)
    for side in sides.values():
        side.find_versions()
    return sides


def run_case(
    case: Case, sides: dict[str, Side], stub: Stub, options: argparse.Namespace
) -> dict[str, Any]:
    """All rounds of a case, the sides by turns. A side that fails is left out, its error kept."""
    rounds = options.rounds or (1 if options.quick else case.rounds)
    values: dict[str, list[dict[str, float]]] = {"pyathena": [], "libathena": []}
    errors: dict[str, str] = {}
    for number in range(rounds):
        for key, side in sides.items():
            if key in errors or (case.ours_only and key == "pyathena"):
                continue
            print(f"{case.name}: round {number + 1} of {rounds}, {side.name}", file=sys.stderr)
            context = Context(
                stub, side, key == "libathena", options.quick, options.instructions, number
            )
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


def main() -> int:
    options = parse_arguments()
    if options.instructions and not harness.can_count_instructions():
        print("perf cannot count instructions here; going on without", file=sys.stderr)
        options.instructions = False
    cases = [case for case in CASES if not options.only or case.name in options.only]
    machine = harness.machine()
    try:
        sides = choose_sides(options)
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
    if options.quick:
        print("Quick run: one round, sizes smaller than the titles say.\n")
    print(report.table(results, cases))
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

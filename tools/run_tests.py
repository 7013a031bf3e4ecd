"""Runs the suites and ends with one table. `make test` and `make check` are the way in.

Usage: run_tests.py [--quick] [--only SUITE]... [--list]
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from results import (
    FAILED,
    SKIPPED,
    Case,
    SuiteResult,
    judge_skips,
    read_skips,
    table,
)
from suites import LOGS, ROOT, SUITES, SetupError, Suite, stop_running


def run_suite(suite: Suite) -> list[Case]:
    """The cases of a suite; what it lacks or breaks on is a case too."""
    suite.log.unlink(missing_ok=True)
    missing = [name for name in suite.needs if not (ROOT / name).exists()]
    if missing:
        return [Case("(folder)", SKIPPED, f"{', '.join(missing)}: not there yet")]
    try:
        return suite.run(suite)
    except SetupError as error:
        return [Case("(set-up)", FAILED, str(error).splitlines()[0], str(error))]


def show_failures(result: SuiteResult, most: int = 15) -> None:
    """The output of the first failures; the log has the rest."""
    failures = [case for case in result.cases if case.outcome == FAILED]
    for case in failures[:most]:
        print(f"\n=== {result.suite}: {case.name}: {case.why}")
        print(case.output.rstrip() or f"(see build/logs/{result.suite}.log)")
    if len(failures) > most:
        print(f"\n{len(failures) - most} more failures: build/logs/{result.suite}.log")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without sanitizers and long suites")
    parser.add_argument("--only", action="append", choices=[suite.name for suite in SUITES])
    parser.add_argument("--list", action="store_true", help="name the suites and end")
    arguments = parser.parse_args()
    chosen = [s for s in SUITES if s.name in arguments.only] if arguments.only else SUITES
    chosen = [s for s in chosen if s.quick] if arguments.quick else chosen
    if arguments.list:
        print(*(suite.name for suite in chosen), sep="\n")
        return 0
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop_running)
    if not arguments.quick:
        os.environ.setdefault("ATHENA_SLOW_TESTS", "1")
    allowed = read_skips(Path(ROOT, "tests", "skips.txt"))
    LOGS.mkdir(parents=True, exist_ok=True)
    results = []
    for suite in chosen:
        print(f"== {suite.name}", flush=True)
        start = time.monotonic()
        cases = judge_skips(suite.name, run_suite(suite), allowed)
        results.append(SuiteResult(suite.name, cases, time.monotonic() - start))
        show_failures(results[-1])
    print()
    print(table(results), flush=True)
    return 1 if any(result.count(FAILED) for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())

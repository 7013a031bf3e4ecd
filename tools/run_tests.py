"""Runs the suites and ends with one table. `make test` and `make check` are the way in.

Usage: run_tests.py [--quick] [--only SUITE]... [--list]
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from results import (
    FAILED,
    SKIPPED,
    AllowedSkip,
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


def failures_text(result: SuiteResult, most: int = 15) -> str:
    """The output of the first failures; the log has the rest."""
    failures = [case for case in result.cases if case.outcome == FAILED]
    lines = []
    for case in failures[:most]:
        lines.append(f"\n=== {result.suite}: {case.name}: {case.why}")
        lines.append(case.output.rstrip() or f"(see build/logs/{result.suite}.log)")
    if len(failures) > most:
        lines.append(f"\n{len(failures) - most} more failures: build/logs/{result.suite}.log")
    return "".join(f"{line}\n" for line in lines)


def report(suite: Suite, allowed: list[AllowedSkip]) -> SuiteResult:
    """Runs a suite and shows what failed; one write each, as two suites may run at a time."""
    say(f"== {suite.name}\n")
    start = time.monotonic()
    cases = judge_skips(suite.name, run_suite(suite), allowed)
    result = SuiteResult(suite.name, cases, time.monotonic() - start)
    say(failures_text(result))
    return result


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def in_turn(suites: Sequence[Suite]) -> Iterator[list[Suite]]:
    """Paired neighbours together, every other suite by itself."""
    for paired, group in itertools.groupby(suites, lambda suite: suite.paired):
        if paired:
            yield list(group)
        else:
            yield from ([suite] for suite in group)


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
    results: list[SuiteResult] = []
    # Suites run in threads, so that this one is free for the signals.
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for group in in_turn(chosen):
            results += pool.map(lambda suite: report(suite, allowed), group)
    print()
    print(table(results), flush=True)
    return 1 if any(result.count(FAILED) for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())

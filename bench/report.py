"""The table on the screen."""

from __future__ import annotations

from statistics import median
from typing import Any

from cases import Case

HEADERS = ("", "unit", "PyAthena", "libathena", "ratio", "target")


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The median of each number over the rounds."""
    keys = rounds[0] if rounds else {}
    return {key: median(values[key] for values in rounds) for key in keys}


def number(value: float | None) -> str:
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def case_lines(case: Case, theirs: dict[str, float], ours: dict[str, float]) -> list[list[str]]:
    lines = []
    for measure in case.measures:
        left, right = theirs.get(measure.key), ours.get(measure.key)
        if left is None and right is None:
            continue
        comparable = left is not None and right is not None and right > 0 and left > 0
        ratio = f"{left / right:.1f}x" if comparable else "-"
        lines.append(
            ["  " + measure.label, measure.unit, number(left), number(right), ratio, measure.target]
        )
    return lines


def table(results: dict[str, dict[str, Any]], cases: list[Case]) -> str:
    """All cases under each other; ratio is PyAthena's number over ours."""
    blocks: list[tuple[str, list[list[str]]]] = []
    for case in cases:
        sides = results[case.name]["medians"]
        title = case.title + (f" ({case.note})" if case.note else "")
        blocks.append((title, case_lines(case, sides["pyathena"], sides["libathena"])))
    rows = [list(HEADERS), *(line for _, lines in blocks for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADERS))]

    def render(row: list[str]) -> str:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        cells += [row[i].rjust(widths[i]) for i in range(2, len(row))]
        return "  ".join(cells).rstrip()

    out = [render(list(HEADERS))]
    for title, lines in blocks:
        out += ["", title, *map(render, lines)]
    return "\n".join(out)

"""The table on the screen."""

from __future__ import annotations

from statistics import median
from typing import Any

from cases import Case

NAMES = {
    "libathena": "libathena",
    "pyathena": "PyAthena",
    "s3fs": "s3fs",
    "obstore": "obstore",
    "boto3": "boto3",
    "libcurl": "libcurl",
}
Rows = list[tuple[str, list[list[str]]]]


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


def side_lines(
    case: Case, medians: dict[str, dict[str, float]], keys: list[str]
) -> list[list[str]]:
    lines = []
    for measure in case.measures:
        found = [medians.get(key, {}).get(measure.key) for key in keys]
        if any(value is not None for value in found):
            cells = [number(value) for value in found]
            lines.append(["  " + measure.label, measure.unit, *cells, measure.target])
    return lines


def render(headers: list[str], blocks: Rows) -> str:
    """Lines in columns, each block under its title."""
    rows = [headers, *(line for _, lines in blocks for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(headers))]

    def words(row: list[str]) -> str:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        cells += [row[i].rjust(widths[i]) for i in range(2, len(row))]
        return "  ".join(cells).rstrip()

    out = [words(headers)]
    for title, lines in blocks:
        out += ["", title, *map(words, lines)]
    return "\n".join(out)


def title_of(case: Case) -> str:
    return case.title + (f" ({case.note})" if case.note else "")


def table(results: dict[str, dict[str, Any]], cases: list[Case]) -> str:
    """All cases under each other; ratio is PyAthena's number over ours."""
    blocks: Rows = []
    for case in cases:
        sides = results[case.name]["medians"]
        lines = case_lines(case, sides.get("pyathena", {}), sides.get("libathena", {}))
        blocks.append((title_of(case), lines))
    return render(["", "unit", "PyAthena", "libathena", "ratio", "target"], blocks)


def table_of_sides(results: dict[str, dict[str, Any]], cases: list[Case]) -> str:
    """All cases under each other, a column for each side that was run."""
    keys = [k for k in NAMES if any(results[case.name]["medians"].get(k) for case in cases)]
    blocks = [
        (title_of(case), side_lines(case, results[case.name]["medians"], keys)) for case in cases
    ]
    return render(["", "unit", *(NAMES[key] for key in keys), "target"], blocks)

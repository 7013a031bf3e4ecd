"""Output for people: colours on a terminal, plain text elsewhere, never wider than the window."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import time
import unicodedata
from collections.abc import Sequence

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "36"}
_WIDEST = 100
_NARROWEST = 20


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def printable(text: str) -> str:
    """The text without control characters, which could move a terminal's cursor."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "?" for c in text)


def cut(text: str, width: int, mark: str = "...") -> str:
    """The text in at most ``width`` columns, with a mark where something is missing."""
    if sum(map(_columns, text)) <= width:
        return text
    kept, used = [], 0
    for char in text:
        if used + _columns(char) > width - len(mark):
            break
        kept.append(char)
        used += _columns(char)
    return "".join(kept) + mark[: max(width - used, 0)]


class Terminal:
    """Where the demo writes."""

    def __init__(self) -> None:
        self.out = sys.stdout
        self.is_tty = self.out.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self.is_tty and "NO_COLOR" not in os.environ
        try:
            "│─█".encode(self.out.encoding or "ascii")
            self._bar, self._line, self._full = "│", "─", "█"
        except UnicodeEncodeError:
            self._bar, self._line, self._full = "|", "-", "#"
            self.out.reconfigure(errors="replace")  # type: ignore[union-attr]
        self._step = 0
        self._open_line = False
        self._blank = False
        self._started = time.monotonic()

    @property
    def width(self) -> int:
        """Columns to be used now."""
        columns = shutil.get_terminal_size((_WIDEST + 1, 24)).columns
        return max(min(columns - 1, _WIDEST), _NARROWEST)

    def style(self, text: str, *names: str) -> str:
        """The text in a style, where there are styles."""
        if not self._colours or not text or not names:
            return text
        return f"\x1b[{';'.join(_STYLES[name] for name in names)}m{text}\x1b[0m"

    def line(self, text: str = "", *styles: str) -> None:
        """One line, cut at the width."""
        self._end_open_line()
        self._blank = not text
        print(self.style(cut(printable(text), self.width), *styles), file=self.out, flush=True)

    def text(self, text: str) -> None:
        """A paragraph."""
        for line in textwrap.wrap(" ".join(text.split()), self.width - 2):
            self.line("  " + line)

    def heading(self, title: str) -> None:
        """The beginning of the next part."""
        self._step += 1
        self.line()
        begin = f"{self._line * 2} {self._step}. {title} "
        elapsed = f" {time.monotonic() - self._started:.0f} s"
        rest = self.width - len(begin) - len(elapsed)
        self.line(begin + self._line * max(rest, 0) + elapsed, "bold", "blue")
        self.line()

    def code(self, text: str) -> None:
        """Source text; lines wider than the window go on below."""
        if not self._blank:
            self.line()
        room = max(self.width - 4, 16)
        for line in text.rstrip("\n").split("\n"):
            for start in range(0, max(len(line), 1), room):
                self.line(f"  {self._bar} {line[start : start + room]}", "dim")

    def output(self, text: str, most: int = 8) -> None:
        """What a program printed; the middle of long output is left out."""
        lines = text.rstrip("\n").split("\n") if text.strip() else []
        if len(lines) > most:
            hidden = len(lines) - most + 1
            lines = [*lines[: most - 2], f"... {hidden:,} more lines ...", lines[-1]]
        for line in lines:
            self.line("    " + line, "green")

    def fact(self, name: str, value: object, style: str = "bold", column: int = 24) -> None:
        """A name and a value."""
        label = f"  {name:<{column}} "
        shown = cut(printable(str(value)), max(self.width - len(label), 8))
        self._end_open_line()
        self._blank = False
        print(label + self.style(shown, style), file=self.out, flush=True)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Rows of cells; the first row is the head, the first column stands left."""
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for number, row in enumerate(rows):
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            self.line("  " + "  ".join(cells), *(("bold",) if number == 0 else ()))
            if number == 0:
                self.line("  " + self._line * (sum(widths) + 2 * len(widths) - 2), "dim")

    def progress(self, done: int, total: int, note: str) -> None:
        """A bar that is drawn over; without a terminal a line at every quarter."""
        if not self.is_tty:
            quarter = max(total // 4, 1)
            if done and (done % quarter == 0 or done == total):
                self.line(f"  {done:>5} of {total}  {note}")
            return
        size = max(min(40, self.width - len(note) - 18), 4)
        filled = size * done // max(total, 1)
        bar = self._full * filled + self._line * (size - filled)
        line = cut(f"  {bar} {done:>4}/{total}  {note}", self.width)
        print(f"\r\x1b[K{line}", end="", file=self.out, flush=True)
        self._open_line = True

    def _end_open_line(self) -> None:
        if self._open_line:
            print(file=self.out)
            self._open_line = False

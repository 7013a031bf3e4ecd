"""The code blocks of Markdown files.

A fenced block may be preceded by a comment that says how it is run::

    <!-- block: shell -->          a sh block that the tests run
    <!-- block: not run, REASON --> REASON is one of those that the tests list

``name`` is the heading above a block; with several under one heading, numbered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: What the examples write where a user puts a bucket.
BUCKET = "YOUR_S3_BUCKET"

_LINE = re.compile(
    r"^(?P<fence>```+|~~~+)(?P<language>[\w+-]*)[^\n]*$"
    r"|^#+ +(?P<heading>.+?) *#*$"
    r"|^<!-- block: (?P<mark>.+?) -->$"
)


class BlockError(Exception):
    """A Markdown file whose blocks cannot be told apart."""


@dataclass(frozen=True)
class Block:
    """A code block: where it stands, its language, its text, its mark ('' without one)."""

    path: Path
    line: int
    heading: str
    language: str
    text: str
    mark: str

    def with_bucket(self, bucket: str) -> str:
        """The text with a real bucket."""
        return self.text.replace(BUCKET, bucket)


def read_blocks(path: Path) -> list[Block]:
    """The fenced blocks of a file, in order."""
    blocks: list[Block] = []
    heading = mark = ""
    lines = iter(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        found = _LINE.match(line)
        if found is None:
            if line.strip():
                if mark:
                    raise BlockError(f"{path.name}:{number}: a block mark without a block")
                mark = ""
        elif found["heading"]:
            heading = found["heading"]
        elif found["mark"]:
            mark = found["mark"]
        else:
            text = _read_fence(path, number, found["fence"], lines)
            blocks.append(Block(path, number, heading, found["language"], text, mark))
            mark = ""
    return blocks


def _read_fence(path: Path, start: int, fence: str, lines: object) -> str:
    body = []
    for _, line in lines:  # type: ignore[attr-defined]
        if line.rstrip() == fence:
            return "\n".join(body) + "\n"
        body.append(line)
    raise BlockError(f"{path.name}:{start}: the code block has no end")

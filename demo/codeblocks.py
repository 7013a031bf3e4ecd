"""The code blocks of Markdown files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: What the examples write where a user puts a bucket.
BUCKET = "YOUR_S3_BUCKET"

_LINE = re.compile(
    r"^(?P<fence>```+|~~~+)(?P<language>[\w+-]*)[^\n]*$"
    r"|^#+ +(?P<heading>.+?) *#*$"
)


class BlockError(Exception):
    """A Markdown file whose blocks cannot be told apart."""


@dataclass(frozen=True)
class Block:
    """A code block: where it stands, its language ('' for figures), its text."""

    path: Path
    line: int
    heading: str
    language: str
    text: str

    def with_bucket(self, bucket: str) -> str:
        """The text with a real bucket."""
        return self.text.replace(BUCKET, bucket)


def read_blocks(path: Path) -> list[Block]:
    """The fenced blocks of a file, in order."""
    blocks: list[Block] = []
    heading = ""
    lines = iter(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        if found["heading"]:
            heading = found["heading"]
        else:
            text = _read_fence(path, number, found["fence"], lines)
            blocks.append(Block(path, number, heading, found["language"], text))
    return blocks


def _read_fence(path: Path, start: int, fence: str, lines: Iterator[tuple[int, str]]) -> str:
    body = []
    for _, line in lines:
        if line.rstrip() == fence:
            return "\n".join(body) + "\n"
        body.append(line)
    raise BlockError(f"{path.name}:{start}: the code block has no end")

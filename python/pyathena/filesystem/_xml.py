"""The few small XML documents that single calls of S3 carry; listings are the core's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from xml.parsers import expat

__all__ = ["Element", "build", "parse"]

_DEPTH_MAX = 16


class Element:
    """An element: its name without namespace, its text, its children."""

    __slots__ = ("children", "name", "text")

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = ""
        self.children: list[Element] = []

    def find(self, *names: str) -> Element | None:
        """The first element at the end of a path of names."""
        found: Element | None = self
        for name in names:
            if found is None:
                return None
            found = next((child for child in found.children if child.name == name), None)
        return found

    def find_text(self, *names: str) -> str | None:
        """The text of the element at the end of a path of names."""
        found = self.find(*names)
        return None if found is None else found.text

    def all(self, name: str) -> list[Element]:
        """The children of this name."""
        return [child for child in self.children if child.name == name]

    def texts(self) -> dict[str, str]:
        """The texts of the children by name."""
        return {child.name: child.text for child in self.children}


def parse(document: bytes) -> Element:
    """Read a document.

    Raises:
        ValueError: it is not well formed, has a document type, or is nested too deeply.
    """
    top = Element("")
    open_ = [top]
    texts: list[list[str]] = [[]]

    def start(name: str, _: Any) -> None:
        if len(open_) > _DEPTH_MAX:
            raise ValueError("an answer of S3 is nested too deeply")
        element = Element(name.rpartition(" ")[2])
        open_[-1].children.append(element)
        open_.append(element)
        texts.append([])

    def end(_: str) -> None:
        open_.pop().text = "".join(texts.pop())

    def text(data: str) -> None:
        texts[-1].append(data)

    def refuse(*_: Any) -> None:
        raise ValueError("an answer of S3 has a document type")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(document, True)
    except expat.ExpatError as ex:
        raise ValueError(f"an answer of S3 is no XML: {ex}") from None
    return top.children[0]


def build(name: str, children: Iterable[Any]) -> bytes:
    """A document of S3's namespace; a child is ``(name, text)`` or ``(name, children)``.

    Raises:
        ValueError: a text has a character that XML cannot carry.
    """
    body = "".join(_element(child) for child in children)
    return (
        f'<{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{body}</{name}>'.encode()
    )


def _element(child: tuple[str, Any]) -> str:
    name, value = child
    inner = _escape(name, value) if isinstance(value, str) else "".join(map(_element, value))
    return f"<{name}>{inner}</{name}>"


def _escape(name: str, text: str) -> str:
    for character in text:
        if (character < " " and character not in "\t\n\r") or character in "\ufffe\uffff":
            raise ValueError(f"{name}: XML cannot carry the character {character!r}")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")

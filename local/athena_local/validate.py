"""Checks of the members of a request, with the texts that AWS answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .errors import ApiError, invalid_request, plain


@dataclass(frozen=True)
class Member:
    """A member: its JSON type, whether it must be there, length or value range, pattern."""

    kind: type
    required: bool = False
    least: int | None = None
    most: int | None = None
    pattern: str = ""
    choices: tuple[str, ...] = ()


def text(
    least: int = 0, most: int = 1 << 30, required: bool = False, pattern: str = "", *choices: str
) -> Member:
    """A string of ``least`` to ``most`` characters."""
    return Member(str, required, least, most, pattern, choices)


def number(least: int, most: int, required: bool = False) -> Member:
    """An integer in a range."""
    return Member(int, required, least, most)


Shape = dict[str, Member]
_NAMES = {str: "string", int: "integer", bool: "boolean", dict: "structure", list: "list"}


def check(document: dict[str, Any], shape: Shape, where: str = "") -> None:
    """Raises the first violation of a shape; members that it does not name are let through."""
    for name, member in shape.items():
        value = document.get(name)
        label = where + name[0].lower() + name[1:]
        if value is None:
            if member.required:
                raise _violation("null", label, "Member must not be null")
            continue
        if not isinstance(value, member.kind) or (member.kind is int and isinstance(value, bool)):
            raise wrong_type(name, member.kind)
        _check_value(value, member, label)


def wrong_type(name: str, kind: type) -> ApiError:
    """A SerializationException."""
    return plain("SerializationException", f"Member {name} is not a {_NAMES[kind]}")


def _check_value(value: Any, member: Member, label: str) -> None:
    if member.kind is int:
        size, what = value, "value"
    elif member.kind in (str, list):
        size, what = len(value), "length"
    else:
        return
    if member.least is not None and size < member.least:
        text_ = f"Member must have {what} greater than or equal to {member.least}"
        raise _violation(value, label, text_)
    if member.most is not None and size > member.most:
        text_ = f"Member must have {what} less than or equal to {member.most}"
        raise _violation(value, label, text_)
    if member.pattern and not re.fullmatch(member.pattern, value):
        text_ = f"Member must satisfy regular expression pattern: {member.pattern}"
        raise _violation(value, label, text_)
    if member.choices and value not in member.choices:
        listed = ", ".join(member.choices)
        raise _violation(value, label, f"Member must satisfy enum value set: [{listed}]")


def _violation(value: Any, label: str, constraint: str) -> ApiError:
    shown = str(value)
    shown = shown if len(shown) <= 256 else shown[:256] + "..."
    quoted = shown if value == "null" else f"'{shown}'"
    return invalid_request(
        f"1 validation error detected: Value {quoted} at '{label}' failed to satisfy constraint: "
        f"{constraint}"
    )

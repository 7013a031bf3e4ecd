"""Text of arrays, maps and rows: splitting it, and converting it by a type signature.

Athena prints complex values without quotes or escapes (``{a=1, b=[x, y]}``), so text that
itself holds commas, braces or equals signs is ambiguous; what cannot be understood is left to
the caller as text. A signature such as ``array(row(a integer, b varchar))`` tells the types of
the parts; JSON, which Athena prints after ``CAST(... AS JSON)``, is understood as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pyathena.error import ProgrammingError

__all__ = ["TypeNode", "TypeSignatureParser", "TypedValueConverter"]

#: Deepest nesting of a signature or a value that is followed.
MAX_DEPTH = 64

Conversion = Callable[["str | None"], Any]

_TYPE_ALIASES = {"int": "integer"}

# Types whose text has no comma, so that a comma without a blank separates them as well.
_COMMA_FREE_TYPES = frozenset(
    {
        "boolean",
        "tinyint",
        "smallint",
        "integer",
        "bigint",
        "float",
        "real",
        "double",
        "decimal",
        "date",
        "time",
        "time with time zone",
        "timestamp",
        "timestamp with time zone",
    }
)

# Types whose own text begins with a brace.
_BRACED_TYPES = frozenset({"map", "row", "struct"})

_BRACKETS = re.compile(r"[{}\[\]]")
_ITEM_TOKENS = re.compile(r"[{}\[\]]|, ")
_FIELD_TOKENS = re.compile(r"[{}\[\],]")


def is_null(text: str) -> bool:
    """Tell whether the text of a part is SQL's NULL."""
    return len(text) == 4 and text.lower() == "null"


def split_items(inner: str) -> list[str]:
    """Split the inside of an array at comma and blank, except inside braces."""
    if _BRACKETS.search(inner) is None:
        return inner.split(", ")
    items, start, depth = [], 0, 0
    for match in _ITEM_TOKENS.finditer(inner):
        token = match[0]
        if token in "{[":
            depth += 1
        elif token in "}]":
            depth -= 1
        elif depth == 0:
            items.append(inner[start : match.start()])
            start = match.end()
    items.append(inner[start:])
    return items


def split_fields(inner: str) -> list[str]:
    """Split the inside of a row or map at commas, except inside braces and brackets."""
    if _BRACKETS.search(inner) is None:
        return inner.split(",")
    fields, start, braces, brackets = [], 0, 0, 0
    for match in _FIELD_TOKENS.finditer(inner):
        token = match[0]
        if token == "{":
            braces += 1
        elif token == "}":
            braces -= 1
        elif token == "[":
            brackets += 1
        elif token == "]":
            brackets -= 1
        elif braces == 0 and brackets == 0:
            fields.append(inner[start : match.start()])
            start = match.end()
    fields.append(inner[start:])
    return fields


def looks_like_json(value: str) -> bool:
    """Tell whether a quote near the start suggests that the text is JSON."""
    return '"' in value[1:10]


def load_json(value: str, **options: Any) -> Any:
    """Decode JSON; ``ValueError`` also for text nested deeper than the interpreter goes."""
    import json  # not free to import, and most programs never need it here

    try:
        return json.loads(value, **options)
    except RecursionError:
        raise ValueError("JSON text is nested too deeply") from None


def dump_json(value: Any) -> str:
    """Write decoded JSON back as text."""
    import json

    return json.dumps(value, ensure_ascii=False)


class TypeNode:
    """A type of a parsed signature.

    Attributes:
        type_name: name in lower case, without its parameters.
        children: element type of an array; key and value type of a map; field types of a row.
        field_names: names of a row's fields, else ``None``.
    """

    __slots__ = ("_field_type_map", "children", "field_names", "type_name")

    def __init__(
        self,
        type_name: str,
        children: list[TypeNode] | None = None,
        field_names: list[str] | None = None,
    ) -> None:
        self.type_name = type_name
        self.children = [] if children is None else children
        self.field_names = field_names
        self._field_type_map: dict[str, TypeNode] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TypeNode):
            return NotImplemented
        return (self.type_name, self.children, self.field_names) == (
            other.type_name,
            other.children,
            other.field_names,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"TypeNode(type_name={self.type_name!r}, children={self.children!r}, "
            f"field_names={self.field_names!r})"
        )

    def get_field_type(self, name: str) -> TypeNode | None:
        """Return the type of the row field with exactly this name, or ``None``."""
        types = self._field_type_map
        if types is None:
            types = {}
            for field_name, child in zip(self.field_names or (), self.children, strict=False):
                types.setdefault(field_name, child)
            self._field_type_map = types
        return types.get(name)


class TypeSignatureParser:
    """Reads type signatures in Trino's form, such as ``map(varchar, array(integer))``."""

    def parse(self, type_str: str) -> TypeNode:
        """Parse a signature.

        Names that are not known are kept; missing closing parentheses are forgiven.

        Raises:
            ProgrammingError: nested deeper than 64 levels.
        """
        return self._parse(type_str.strip(), 0)

    def _parse(self, signature: str, depth: int) -> TypeNode:
        if depth > MAX_DEPTH:
            raise ProgrammingError(f"Type signature is nested deeper than {MAX_DEPTH} levels.")
        opening = signature.find("(")
        if opening < 0:
            name = " ".join(signature.lower().split())
            return TypeNode(_TYPE_ALIASES.get(name, name))
        closing = self._find_matching_paren(signature, opening)
        name = signature[:opening].strip().lower()
        inner = signature[opening + 1 : closing]
        if name == "array":
            return TypeNode(name, [self._parse(inner.strip(), depth + 1)])
        if name == "map":
            parts = self._split_type_args(inner)
            if len(parts) != 2:
                return TypeNode(name)
            return TypeNode(name, [self._parse(part, depth + 1) for part in parts])
        if name in ("row", "struct"):
            names, children = [], []
            for part in self._split_type_args(inner):
                field_name, field_type = self._split_field(part)
                names.append(field_name)
                children.append(self._parse(field_type, depth + 1))
            return TypeNode(name, children, names)
        # decimal(10, 2), varchar(10), timestamp(3) with time zone
        suffix = signature[closing + 1 :].lower().split()
        name = " ".join([name, *suffix])
        return TypeNode(_TYPE_ALIASES.get(name, name))

    @staticmethod
    def _find_matching_paren(s: str, open_idx: int) -> int:
        """Index of the parenthesis that closes the one at ``open_idx``, or the text's length."""
        depth = 0
        for match in _PARENS.finditer(s, open_idx):
            token = match[0]
            if token == "(":
                depth += 1
            elif token == ")":
                depth -= 1
                if depth == 0:
                    return match.start()
        return len(s)

    def _split_type_args(self, s: str) -> list[str]:
        """Split at the commas outside parentheses and quoted names; blank parts are dropped."""
        parts, start, depth = [], 0, 0
        for match in _PARENS.finditer(s):
            token = match[0]
            if token == "(":
                depth += 1
            elif token == ")":
                depth -= 1
            elif token == "," and depth == 0:
                parts.append(s[start : match.start()].strip())
                start = match.end()
        parts.append(s[start:].strip())
        return [part for part in parts if part]

    @staticmethod
    def _split_field(part: str) -> tuple[str, str]:
        """Split ``name type``; a lone word is both."""
        quoted = _QUOTED_NAME.match(part)
        if quoted is not None:
            return quoted[1].replace('""', '"'), part[quoted.end() :].strip() or quoted[1]
        words = part.split(None, 1)
        opening = part.find("(")
        if len(words) < 2 or 0 <= opening < len(words[0]):
            return part, part
        return words[0], words[1]


_PARENS = re.compile(r'[(),]|"[^"]*"')
_QUOTED_NAME = re.compile(r'"((?:[^"]|"")*)"')


class _JsonFloat(float):
    """A float out of JSON that remembers its text."""

    text: str


def _keep_float_text(text: str) -> _JsonFloat:
    value = _JsonFloat(text)
    value.text = text
    return value


class TypedValueConverter:
    """Converts the text of complex values by a parsed signature.

    Args:
        converters: conversion per scalar type name.
        default_converter: conversion of all other scalar types.
        struct_parser: what reads a braced part whose type is no complex one.
    """

    def __init__(
        self,
        converters: dict[str, Conversion],
        default_converter: Conversion,
        struct_parser: Callable[[str | None], dict[str, Any] | str | None],
    ) -> None:
        self._converters = converters
        self._default_converter = default_converter
        self._struct_parser = struct_parser
        self._complex: dict[str, Callable[[str, TypeNode, int], Any]] = {
            "array": self._convert_array,
            "map": self._convert_map,
            "row": self._convert_row,
            "struct": self._convert_row,
        }

    def convert(self, value: str, type_node: TypeNode) -> Any:
        """Convert text by its type.

        Returns:
            The value; ``None`` when the text of an array, map or row cannot be read as such.

        Raises:
            ValueError, decimal.InvalidOperation, DataError: a scalar part does not fit its type.
        """
        return self._convert(value, type_node, 0)

    def _convert(self, value: str, node: TypeNode, depth: int) -> Any:
        convert = self._complex.get(node.type_name)
        if convert is not None:
            return convert(value, node, depth) if depth <= MAX_DEPTH else None
        return self._convert_scalar(value, node)

    def _convert_scalar(self, value: str, node: TypeNode) -> Any:
        return self._converters.get(node.type_name, self._default_converter)(value)

    def _convert_part(
        self, value: str, node: TypeNode, depth: int, may_be_struct: bool = True
    ) -> Any:
        """Convert a part of a complex value; a part that cannot be read stays text."""
        if is_null(value):
            return None
        name = node.type_name
        if may_be_struct and value[:1] == "{" and value[-1:] == "}" and name not in _BRACED_TYPES:
            if name == "json":
                try:
                    return load_json(value)
                except ValueError:
                    pass
            return self._struct_parser(value)
        if name in self._complex:
            result = self._convert(value, node, depth + 1)
            return value if result is None else result
        return self._convert_scalar(value, node)

    def _convert_json(self, value: Any, node: TypeNode, depth: int) -> Any:
        """Convert a decoded JSON value; scalars go through their text."""
        if value is None:
            return None
        name = node.type_name
        if name == "json":
            # Decoded again, so that floats are plain ones and a set function is asked.
            return self._convert_scalar(dump_json(value), node)
        if name == "array" and isinstance(value, list):
            return self._json_array(value, node, depth)
        if name == "map" and isinstance(value, dict) and len(node.children) == 2:
            return self._json_map(value, node, depth)
        if name in ("row", "struct") and isinstance(value, dict):
            return self._json_row(value, node, depth)
        if isinstance(value, str):
            text = value
        elif isinstance(value, _JsonFloat):
            text = value.text
        else:
            text = dump_json(value)
        return text if name in self._complex else self._convert_scalar(text, node)

    def _json_array(self, value: list[Any], node: TypeNode, depth: int) -> list[Any]:
        child = node.children[0] if node.children else _VARCHAR
        return [self._convert_json(item, child, depth + 1) for item in value]

    def _json_map(self, value: dict[str, Any], node: TypeNode, depth: int) -> dict[str, Any]:
        key_node, value_node = node.children
        return {
            str(self._convert_part(key, key_node, depth)): self._convert_json(
                item, value_node, depth + 1
            )
            for key, item in value.items()
        }

    def _json_row(self, value: dict[str, Any], node: TypeNode, depth: int) -> dict[str, Any]:
        return {
            key: self._convert_json(item, self._get_field_type(key, node, index), depth + 1)
            for index, (key, item) in enumerate(value.items())
        }

    @staticmethod
    def _load(value: str, kind: type) -> Any:
        """Decode JSON of the wanted kind; ``None`` when it is something else."""
        try:
            loaded = load_json(value, parse_float=_keep_float_text)
        except ValueError:
            return None
        return loaded if isinstance(loaded, kind) else None

    def _convert_array(self, value: str, node: TypeNode, depth: int) -> list[Any] | None:
        if not (value[:1] == "[" and value[-1:] == "]" and len(value) > 1):
            return None
        child = node.children[0] if node.children else _VARCHAR
        if (
            child.type_name == "json"
            or looks_like_json(value)
            or value.startswith(("[{", "[null", "[["))
        ):
            loaded = self._load(value, list)
            if loaded is not None:
                return self._json_array(loaded, node, depth)
        inner = value[1:-1]
        loose = child.type_name in _COMMA_FREE_TYPES or child.type_name in self._complex
        if not inner or (loose and inner.isspace()):
            return []
        if "[" in inner:
            return None
        if child.type_name in _COMMA_FREE_TYPES:
            items = [item.strip() for item in inner.split(",")]
        else:
            items = split_items(inner)
        return [self._convert_part(item, child, depth) for item in items]

    def _convert_map(self, value: str, node: TypeNode, depth: int) -> dict[str, Any] | None:
        if not (value[:1] == "{" and value[-1:] == "}" and len(value) > 1):
            return None
        if len(node.children) != 2:
            return None
        key_node, value_node = node.children
        if looks_like_json(value):
            loaded = self._load(value, dict)
            if loaded is not None:
                return self._json_map(loaded, node, depth)
        inner = value[1:-1]
        if not inner.strip():
            return {}
        if "=" not in inner:
            return None
        result: dict[str, Any] = {}
        for part in split_fields(inner):
            key, equals, text = part.partition("=")
            key = key.strip()
            if not equals:
                if key:
                    return None
                continue
            if _is_odd_key(key):
                return None
            name = str(self._convert_part(key, key_node, depth))
            result[name] = self._convert_part(text.strip(), value_node, depth)
        return result

    def _convert_row(self, value: str, node: TypeNode, depth: int) -> dict[str, Any] | None:
        if not (value[:1] == "{" and value[-1:] == "}" and len(value) > 1):
            return None
        if looks_like_json(value):
            loaded = self._load(value, dict)
            if loaded is not None:
                return self._json_row(loaded, node, depth)
        inner = value[1:-1]
        if not inner.strip():
            return {}
        parts = split_fields(inner)
        if "=" in inner and any("=" in part for part in parts):
            return self._convert_named(parts, node, depth)
        return self._convert_unnamed(parts, node, depth)

    def _convert_named(self, parts: list[str], node: TypeNode, depth: int) -> dict[str, Any] | None:
        result: dict[str, Any] = {}
        for part in parts:
            key, equals, text = part.partition("=")
            key = key.strip()
            if not equals:
                if key:
                    return None
                continue
            if _is_odd_key(key):
                return None
            child = self._get_field_type(key, node, len(result))
            result[key] = self._convert_part(text.strip(), child, depth)
        return result

    def _convert_unnamed(self, parts: list[str], node: TypeNode, depth: int) -> dict[str, Any]:
        names = node.field_names or []
        result: dict[str, Any] = {}
        for index, part in enumerate(parts):
            name = names[index] if index < len(names) else str(index)
            child = node.children[index] if index < len(node.children) else _VARCHAR
            result[name] = self._convert_part(part.strip(), child, depth, may_be_struct=False)
        return result

    @staticmethod
    def _get_field_type(field_name: str, type_node: TypeNode, field_index: int) -> TypeNode:
        """Type of a row field: by name, else by position, else varchar."""
        found = type_node.get_field_type(field_name)
        if found is not None:
            return found
        if field_index < len(type_node.children):
            return type_node.children[field_index]
        return _VARCHAR


_VARCHAR = TypeNode("varchar")


def _is_odd_key(key: str) -> bool:
    return "{" in key or "}" in key or '"' in key

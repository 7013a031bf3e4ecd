"""Types: Hive's text (catalogue), Trino's names (results), DuckDB's names (engine)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"\s*([A-Za-z_][A-Za-z_0-9 ]*|`[^`]+`|\"[^\"]+\"|\d+|[<>(),:])")

_HIVE_ALIASES = {
    "integer": "int",
    "long": "bigint",
    "real": "float",
    "varbinary": "binary",
    "double precision": "double",
    "bool": "boolean",
    "timestamp with time zone": "timestamptz",
    "time with time zone": "timetz",
}
_DUCK = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "REAL",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
    "timetz": "TIMETZ",
    "time": "TIME",
    "uuid": "UUID",
    "json": "JSON",
    "unknown": "VARCHAR",
}
_TRINO = {"int": "integer", "float": "real", "string": "varchar", "binary": "varbinary"}
_TRINO |= {"timestamp": "timestamp(3)", "timestamptz": "timestamp(3) with time zone"}
_FROM_DUCK = {
    "boolean": "boolean",
    "tinyint": "tinyint",
    "smallint": "smallint",
    "integer": "int",
    "bigint": "bigint",
    "hugeint": "bigint",
    "uhugeint": "bigint",
    "utinyint": "smallint",
    "usmallint": "int",
    "uinteger": "bigint",
    "ubigint": "bigint",
    "float": "float",
    "double": "double",
    "varchar": "string",
    "blob": "binary",
    "date": "date",
    "timestamp": "timestamp",
    "timestamp_s": "timestamp",
    "timestamp_ms": "timestamp",
    "timestamp_ns": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time": "time",
    "time with time zone": "timetz",
    "interval": "interval",
    "uuid": "uuid",
    "json": "json",
    "null": "unknown",
    "sqlnull": "unknown",
    "integer_literal": "int",
    "string_literal": "string",
    "bignum": "string",
    "bit": "string",
    "enum": "string",
}


class MalformedType(ValueError):
    """The text is no type that we know."""


@dataclass(frozen=True)
class Type:
    """``name`` is Hive's base name (array, map and struct too); ``fields`` are named children."""

    name: str
    params: tuple[int, ...] = ()
    children: tuple[Type, ...] = ()
    fields: tuple[str, ...] = ()

    def hive(self) -> str:
        """Hive's text: ``array<struct<a:int>>``."""
        if self.name == "struct":
            inner = ",".join(
                f"{field}:{child.hive()}"
                for field, child in zip(self.fields, self.children, strict=True)
            )
            return f"struct<{inner}>"
        if self.children:
            return f"{self.name}<{','.join(child.hive() for child in self.children)}>"
        if self.params:
            return f"{self.name}({','.join(map(str, self.params))})"
        return self.name

    def trino(self) -> str:
        """Trino's text: ``array(row(a integer))``."""
        if self.name == "struct":
            inner = ", ".join(
                f"{field} {child.trino()}"
                for field, child in zip(self.fields, self.children, strict=True)
            )
            return f"row({inner})"
        if self.children:
            return f"{self.name}({', '.join(child.trino() for child in self.children)})"
        if self.params:
            return f"{self.name}({','.join(map(str, self.params))})"
        return _TRINO.get(self.name, self.name)

    def duck(self) -> str:
        """DuckDB's text."""
        if self.name == "struct":
            inner = ", ".join(
                f"{quote(field)} {child.duck()}"
                for field, child in zip(self.fields, self.children, strict=True)
            )
            return f"STRUCT({inner})"
        if self.name == "array":
            return self.children[0].duck() + "[]"
        if self.name == "map":
            return f"MAP({self.children[0].duck()}, {self.children[1].duck()})"
        if self.name == "decimal":
            precision, scale = (*self.params, 0)[:2] if self.params else (38, 0)
            return f"DECIMAL({precision},{scale})"
        return _DUCK[self.name]


def quote(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def peek(self) -> str:
        match = _WORD.match(self.text, self.position)
        return match.group(1).strip() if match else ""

    def take(self) -> str:
        match = _WORD.match(self.text, self.position)
        if match is None:
            raise MalformedType(f"malformed type {self.text!r} at offset {self.position}")
        self.position = match.end()
        return match.group(1).strip()

    def expect(self, *tokens: str) -> str:
        token = self.take()
        if token not in tokens:
            raise MalformedType(f"malformed type {self.text!r}: '{token}' instead of '{tokens[0]}'")
        return token

    def parse(self, depth: int = 0) -> Type:
        if depth > 32:
            raise MalformedType("type nested too deeply")
        name = self.take().lower()
        if name in ("array", "map"):
            return self._container(name, depth)
        if name in ("struct", "row"):
            return self._struct(depth)
        name = _HIVE_ALIASES.get(name, name)
        params: tuple[int, ...] = ()
        if self.peek() == "(":
            self.take()
            params = (int(self.take()),)
            while self.expect(",", ")") == ",":
                params += (int(self.take()),)
        if name in ("timestamp", "time") and self.peek().lower() == "with time zone":
            self.take()
            name += "tz"
        if name not in _DUCK and name != "decimal":
            raise MalformedType(f"unknown type '{name}'")
        if name in ("timestamp", "timestamptz", "time", "timetz"):
            params = ()
        if name == "decimal":
            precision, scale = (*params, 0)[:2] if params else (10, 0)
            if not 1 <= precision <= 38 or not 0 <= scale <= precision:
                raise MalformedType(f"decimal({precision},{scale}) is out of range")
            params = (precision, scale)
        return Type(name, params)

    def _container(self, name: str, depth: int) -> Type:
        close = ">" if self.expect("<", "(") == "<" else ")"
        children = [self.parse(depth + 1)]
        if name == "map":
            self.expect(",")
            children.append(self.parse(depth + 1))
        self.expect(close)
        return Type(name, children=tuple(children))

    def _struct(self, depth: int) -> Type:
        hive = self.expect("<", "(") == "<"
        names, children = [], []
        while True:
            if hive:
                names.append(self.take().strip('`"').lower())
                self.expect(":")
            else:
                match = re.compile(r'\s*(`[^`]+`|"[^"]+"|\w+)').match(self.text, self.position)
                if match is None:
                    raise MalformedType(f"malformed type {self.text!r}")
                self.position = match.end()
                names.append(match.group(1).strip('`"').lower())
            children.append(self.parse(depth + 1))
            if self.expect(",", ">" if hive else ")") != ",":
                return Type("struct", children=tuple(children), fields=tuple(names))


def parse(text: str) -> Type:
    """Parses Hive's or Trino's text of a type; ``MalformedType`` when it is none."""
    parser = _Parser(text)
    try:
        found = parser.parse()
    except ValueError as error:
        raise MalformedType(str(error)) from None
    if parser.text[parser.position :].strip():
        raise MalformedType(f"malformed type {text!r} at offset {parser.position}")
    return found


def from_duck(code: Any) -> Type:
    """The type of a DuckDB column (a ``DuckDBPyType``)."""
    text = str(code).strip('"').lower()
    kind = str(code.id).lower()
    if text == "json":
        return Type("json")
    if kind == "decimal":
        numbers = dict(code.children)
        return Type("decimal", (int(numbers["precision"]), int(numbers["scale"])))
    if kind in ("list", "array"):
        return Type("array", children=(from_duck(code.children[0][1]),))
    if kind == "map":
        return Type("map", children=tuple(from_duck(child) for _, child in code.children[:2]))
    if kind in ("struct", "tuple"):
        names, children = [], []
        for number, (name, child) in enumerate(code.children):
            names.append(name or f"field{number}")
            children.append(from_duck(child))
        return Type("struct", children=tuple(children), fields=tuple(names))
    name = _FROM_DUCK.get(text) or _FROM_DUCK.get(kind)
    return Type(name or "string")


_PRECISION = {
    "tinyint": 3,
    "smallint": 5,
    "int": 10,
    "bigint": 19,
    "float": 17,
    "double": 17,
    "timestamp": 3,
    "timestamptz": 3,
    "time": 3,
    "timetz": 3,
    "binary": 1073741824,
    "string": 2147483647,
}
_RESULT_NAMES = {
    "int": "integer",
    "string": "varchar",
    "binary": "varbinary",
    "struct": "row",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "interval": "interval day to second",
    "interval_ym": "interval year to month",
}


def column_info(label: str, kind: Type) -> dict[str, Any]:
    """A ColumnInfo structure with Athena's type names, precision and scale."""
    precision, scale = _PRECISION.get(kind.name, 0), 0
    if kind.name == "decimal":
        precision, scale = kind.params
    elif kind.name in ("varchar", "char") and kind.params:
        precision = kind.params[0]
    elif kind.name == "varchar":
        precision = 2147483647
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": label,
        "Label": label,
        "Type": _RESULT_NAMES.get(kind.name, kind.name),
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind.name in ("string", "varchar", "char"),
    }

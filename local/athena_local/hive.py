"""Hive's text forms: rows of text tables, type names, SHOW CREATE TABLE."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .catalog import Table
from .render import renderer
from .sqltypes import Type

PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
LAZY_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
OPENCSV_SERDE = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
JSON_SERDE = "org.openx.data.jsonserde.JsonSerDe"
HCATALOG_JSON_SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"

FORMATS = {
    PARQUET_SERDE: "parquet",
    LAZY_SERDE: "text",
    OPENCSV_SERDE: "opencsv",
    "com.bizo.hive.serde.csv.CSVSerde": "opencsv",
    JSON_SERDE: "json",
    HCATALOG_JSON_SERDE: "json",
    "org.apache.hadoop.hive.serde2.JsonSerDe": "json",
}
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet.MapredParquet"
_TEXT = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"


def input_output(table_format: str) -> tuple[str, str]:
    """The input and output format classes of a table."""
    if table_format == "parquet":
        return _PARQUET + "InputFormat", _PARQUET + "OutputFormat"
    return _TEXT, _TEXT_OUT


def field_writer(kind: Type, level: int = 1) -> Callable[[Any], str]:
    """The function from a value to a field of a text table (NULL is ``\\N``)."""
    inner = _writer(kind, level)
    return lambda value: "\\N" if value is None else inner(value)


def _writer(kind: Type, level: int) -> Callable[[Any], str]:
    separator = chr(level + 1)
    if kind.name == "array":
        element = field_writer(kind.children[0], level + 1)
        return lambda value: separator.join(map(element, value))
    if kind.name == "map":
        key = field_writer(kind.children[0], level + 2)
        element = field_writer(kind.children[1], level + 2)
        between = chr(level + 2)
        return lambda value: separator.join(
            f"{key(k)}{between}{element(v)}" for k, v in value.items()
        )
    if kind.name == "struct":
        parts = [field_writer(child, level + 1) for child in kind.children]
        return lambda value: separator.join(
            part(v) for part, v in zip(parts, value.values(), strict=True)
        )
    if kind.name == "binary":
        return lambda value: base64.b64encode(value).decode()
    if kind.name == "timestamp":
        return _timestamp
    return renderer(kind)


def _timestamp(value: Any) -> str:
    if not isinstance(value, datetime):
        return str(value)
    return value.isoformat(" ", "microseconds").rstrip("0").rstrip(".")


_NAMES = {
    "VARCHAR": "varchar",
    "FLOAT": "real",
    "BLOB": "varbinary",
    "HUGEINT": "bigint",
    "TIMESTAMP": "timestamp(3)",
    "TIMESTAMP_MS": "timestamp(3)",
    "TIMESTAMP WITH TIME ZONE": "timestamp(3) with time zone",
    "TIME": "time(3)",
    "INTERVAL": "interval day to second",
    '"NULL"': "unknown",
    "NULL": "unknown",
    "STRUCT": "row",
    "TUPLE": "row",
}


def trino_type_name(text: str) -> str:
    """DuckDB's name of a type in Trino's words (for ``typeof``)."""
    if text.endswith("[]"):
        return f"array({trino_type_name(text[:-2])})"
    match = re.fullmatch(r"(MAP|STRUCT|TUPLE|DECIMAL)\((.*)\)", text)
    if match is None:
        return _NAMES.get(text, text.lower())
    name, body = match.groups()
    if name == "DECIMAL":
        return f"decimal({body})"
    parts = []
    for part in _split(body):
        if name == "STRUCT" and " " in part:
            field, _, kind = part.partition(" ")
            parts.append(f"{field} {trino_type_name(kind)}")
        else:
            parts.append(trino_type_name(part))
    return f"{_NAMES.get(name, name.lower())}({', '.join(parts)})"


def _split(text: str) -> list[str]:
    out, depth, last = [], 0, 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            out.append(text[last:index].strip())
            last = index + 1
    return [*out, text[last:].strip()]


TYPE_NAME = ("ath_type_name", trino_type_name, ["VARCHAR"], "VARCHAR")


def _properties(items: dict[str, str]) -> list[str]:
    lines = [f"  '{key}'='{value}'" for key, value in sorted(items.items())]
    return [line + ", " for line in lines[:-1]] + [lines[-1] + ")"] if lines else []


def _escape(text: str) -> str:
    return text.encode("unicode_escape").decode().replace("'", "\\'").replace("\\x0", "\\00")


def show_create(table: Table) -> list[str]:
    """The lines of SHOW CREATE TABLE."""
    lines = [f"CREATE EXTERNAL TABLE `{table.database}.{table.name}`("]
    for index, column in enumerate(table.columns):
        comment = f" COMMENT '{column.comment}'" if column.comment else " COMMENT ''"
        end = ", " if index < len(table.columns) - 1 else ")"
        lines.append(f"  `{column.name}` {column.type}{comment if column.comment else ''}{end}")
    if table.comment:
        lines.append(f"COMMENT '{table.comment}'")
    if table.partition_keys:
        lines.append("PARTITIONED BY ( ")
        for index, key in enumerate(table.partition_keys):
            end = ", " if index < len(table.partition_keys) - 1 else ")"
            lines.append(f"  `{key.name}` {key.type}{end}")
    delimiter = table.serde_parameters.get("field.delim")
    if table.serde == LAZY_SERDE and delimiter is not None:
        lines += ["ROW FORMAT DELIMITED ", f"  FIELDS TERMINATED BY '{_escape(delimiter)}' "]
    else:
        lines += ["ROW FORMAT SERDE ", f"  '{table.serde}' "]
        if table.serde_parameters:
            lines.append("WITH SERDEPROPERTIES ( ")
            lines += _properties({k: _escape(v) for k, v in table.serde_parameters.items()})
    inputs, outputs = input_output(table.format)
    lines += ["STORED AS INPUTFORMAT ", f"  '{inputs}' ", "OUTPUTFORMAT ", f"  '{outputs}'"]
    lines += ["LOCATION", f"  '{table.location}'"]
    if table.parameters:
        lines.append("TBLPROPERTIES (")
        lines += _properties(table.parameters)
    return lines

"""External tables as relations of the SQL engine, and their objects in S3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .catalog import Catalog, Column, Partition, Table
from .errors import QueryError
from .s3 import S3Client, split_uri
from .sqltypes import Type, literal, quote

# Four control characters that no table's text holds: each line arrives whole.
_WHOLE_LINE = "\x1f\x1e\x1d\x1c"
_DELIMITERS = "\x01\x02\x03\x04\x05\x06\x07\x08"

# Names of the columns that a Parquet object has, lower case.
ParquetColumns = Callable[[str], set[str]]


@dataclass
class Relation:
    """The SELECT that yields a table's rows, and the bytes of the objects that it reads.

    ``partitions`` has the partition keys' values, as SQL, and the bytes of each partition.
    """

    sql: str
    bytes: int = 0
    partitions: list[tuple[list[str], int]] = field(default_factory=list)


def objects(client: S3Client, location: str) -> dict[str, int]:
    """URIs and sizes of a location's data: no empty objects, nothing hidden (``_x``, ``.x``)."""
    try:
        bucket, prefix = split_uri(location)
    except ValueError as error:
        raise QueryError("HIVE_CANNOT_OPEN_SPLIT", str(error)) from None
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    try:
        listed = list(client.list(bucket, prefix))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise QueryError("HIVE_CANNOT_OPEN_SPLIT", str(error)) from None
    out = {}
    for item in listed:
        parts = item.key[len(prefix) :].split("/")
        if item.size and not any(part.startswith(("_", ".")) for part in parts):
            out[f"s3://{bucket}/{item.key}"] = item.size
    return out


def _list(uris: list[str]) -> str:
    return "[" + ", ".join(map(literal, uris)) + "]"


def relation(
    table: Table, catalog: Catalog, client: S3Client, parquet_columns: ParquetColumns
) -> Relation:
    """The relation of a table; its columns have the table's types."""
    if not table.partition_keys:
        found = objects(client, table.location)
        scan = _scan(table, list(found), [], parquet_columns)
        return Relation(scan, sum(found.values()))
    out = Relation("")
    scans = []
    for partition in catalog.partitions(table):
        found = objects(client, partition.location)
        if found:
            values = _partition_values(table, partition)
            named = zip(values, table.partition_keys, strict=True)
            keys = [f"{value} AS {quote(key.name)}" for value, key in named]
            scans.append(_scan(table, list(found), keys, parquet_columns))
            out.partitions.append((values, sum(found.values())))
    out.sql = " UNION ALL ".join(scans) or _empty(table)
    out.bytes = sum(size for _, size in out.partitions)
    return out


def _partition_values(table: Table, partition: Partition) -> list[str]:
    out = []
    for key, value in zip(table.partition_keys, partition.values, strict=True):
        text = "NULL" if value == "__HIVE_DEFAULT_PARTITION__" else literal(value)
        out.append(f"CAST({text} AS {key.parsed.duck()})")
    return out


def _empty(table: Table) -> str:
    columns = ", ".join(
        f"CAST(NULL AS {c.parsed.duck()}) AS {quote(c.name)}" for c in table.all_columns()
    )
    return f"SELECT {columns} WHERE FALSE"


def _scan(table: Table, uris: list[str], keys: list[str], parquet_columns: ParquetColumns) -> str:
    if not uris:
        return _empty(table)
    if table.format == "parquet":
        return _scan_parquet(table, uris, keys, parquet_columns)
    if table.format == "text":
        return _scan_text(table, uris, keys)
    if table.format == "opencsv":
        return _scan_opencsv(table, uris, keys)
    if table.format == "json":
        return _scan_json(table, uris, keys)
    raise QueryError("NOT_SUPPORTED", f"Reading tables of format {table.format} is not supported")


def _millis(text: str, kind: Type) -> str:
    """Timestamps of Hive tables have milliseconds."""
    if kind.name == "timestamp":
        return f"CAST(CAST({text} AS TIMESTAMP_MS) AS TIMESTAMP)"
    return text


def _scan_parquet(
    table: Table, uris: list[str], keys: list[str], parquet_columns: ParquetColumns
) -> str:
    present: set[str] = set()
    for uri in uris if len(uris) <= 8 else [uris[0], uris[-1]]:
        present |= parquet_columns(uri)
    columns = []
    for column in table.columns:
        kind = column.parsed
        text = quote(column.name) if column.name in present else "NULL"
        cast = _millis(f"CAST({text} AS {kind.duck()})", kind)
        columns.append(f"{cast} AS {quote(column.name)}")
    select = ", ".join(columns + keys)
    return f"SELECT {select} FROM read_parquet({_list(uris)}, union_by_name = true)"


def _skip(table: Table) -> int:
    text = table.parameters.get("skip.header.line.count", "0")
    return int(text) if text.isdigit() else 0


def _scan_text(table: Table, uris: list[str], keys: list[str]) -> str:
    serde = table.serde_parameters
    delimiter = serde.get("field.delim") or serde.get("serialization.format") or "\x01"
    if delimiter == "1":
        delimiter = "\x01"
    null = serde.get("serialization.null.format", "\\N")
    escape = serde.get("escape.delim", "")
    levels = [
        serde.get("colelction.delim") or serde.get("collection.delim") or "\x02",
        serde.get("mapkey.delim") or "\x03",
        *_DELIMITERS[3:],
    ]
    columns = []
    for number, column in enumerate(table.columns, 1):
        text = _text_value(f"f[{number}]", column.parsed, null, levels, escape)
        columns.append(f"{text} AS {quote(column.name)}")
    split = f"string_split(line, {literal(delimiter)})"
    if escape:
        pattern = f"(?:[^{_regex(escape)}{_regex(delimiter)}]|{_regex(escape)}.)*"
        split = (
            f"list_transform(regexp_extract_all({literal(delimiter)} || line, "
            f"{literal(_regex(delimiter) + '(' + pattern + ')')}, 1), lambda x: x)"
        )
    select = ", ".join(columns + keys)
    return (
        f"SELECT {select} FROM (SELECT {split} AS f FROM ("
        f"SELECT coalesce(line, '') AS line FROM read_csv({_list(uris)}, "
        f"columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, "
        f"delim = {literal(_WHOLE_LINE)}, quote = '', escape = '', nullstr = '', "
        f"skip = {_skip(table)}, max_line_size = 67108864, strict_mode = false)))"
    )


def _regex(text: str) -> str:
    return "".join("\\" + c if not c.isalnum() else c for c in text)


def _text_value(text: str, kind: Type, null: str, levels: list[str], escape: str = "") -> str:
    """An expression that turns a field's text into a value; what does not fit is NULL."""
    value = f"nullif({text}, {literal(null)})"
    if kind.name == "array":
        inner = _text_value("x", kind.children[0], null, levels[1:])
        return (
            f"CASE WHEN {value} IS NULL THEN NULL WHEN {text} = '' THEN [] ELSE "
            f"list_transform(string_split({text}, {literal(levels[0])}), lambda x: {inner}) END"
        )
    if kind.name == "map":
        pair = f"string_split(x, {literal(levels[1])})"
        key = _text_value(f"{pair}[1]", kind.children[0], null, levels[2:])
        element = _text_value(f"{pair}[2]", kind.children[1], null, levels[2:])
        split = f"list_distinct(string_split({text}, {literal(levels[0])}))"
        return (
            f"CASE WHEN {value} IS NULL OR {text} = '' THEN NULL ELSE map_from_entries("
            f"list_transform({split}, lambda x: row({key}, {element}))) END"
        )
    if kind.name == "struct":
        fields = []
        for number, (name, child) in enumerate(zip(kind.fields, kind.children, strict=True), 1):
            part = f"string_split({text}, {literal(levels[0])})[{number}]"
            fields.append(f"{quote(name)} := {_text_value(part, child, null, levels[1:])}")
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({', '.join(fields)}) END"
    if kind.name in ("string", "varchar", "char"):
        if escape:
            found = literal(_regex(escape) + "(.)")
            value = f"regexp_replace({value}, {found}, '\\1', 'g')"
        if kind.params:
            value = f"substr({value}, 1, {kind.params[0]})"
        return value
    if kind.name == "binary":
        return f"TRY(from_base64({value}))"
    return _millis(f"TRY_CAST({value} AS {kind.duck()})", kind)


def _scan_opencsv(table: Table, uris: list[str], keys: list[str]) -> str:
    serde = {key.lower(): value for key, value in table.serde_parameters.items()}
    separator = serde.get("separatorchar", serde.get("field.delim", ","))
    quoted = serde.get("quotechar", '"')
    escape = serde.get("escapechar", "\\")
    names = ", ".join(f"{literal(c.name)}: 'VARCHAR'" for c in table.columns)
    columns = []
    for column in table.columns:
        kind, name = column.parsed, quote(column.name)
        columns.append(f"{_opencsv_value(name, kind)} AS {name}")
    select = ", ".join(columns + keys)
    return (
        f"SELECT {select} FROM read_csv({_list(uris)}, columns = {{{names}}}, "
        f"auto_detect = false, header = false, delim = {literal(separator)}, "
        f"quote = {literal(quoted)}, escape = {literal(escape)}, skip = {_skip(table)}, "
        "null_padding = true, strict_mode = false, nullstr = '\x1f\x1e')"
    )


def _opencsv_value(name: str, kind: Type) -> str:
    if kind.name in ("string", "varchar", "char"):
        return name
    # Not a bare cast: DuckDB moves those into the CSV reader, where they fail.
    text = f"substr({name}, 1)"
    if kind.name == "date":
        return f"DATE '1970-01-01' + TRY_CAST({text} AS INTEGER)"
    if kind.name == "timestamp":
        return f"epoch_ms(TRY_CAST({text} AS BIGINT))"
    return f"TRY_CAST({text} AS {kind.duck()})"


def _scan_json(table: Table, uris: list[str], keys: list[str]) -> str:
    mapping = {
        value.lower(): key[8:].lower()
        for key, value in table.serde_parameters.items()
        if key.lower().startswith("mapping.")
    }
    source = {name: old for old, name in mapping.items()}
    fields = ", ".join(
        f"{literal(source.get(c.name, c.name))}: {literal(_json_type(c))}" for c in table.columns
    )
    columns = []
    for column in table.columns:
        kind = column.parsed
        name = quote(source.get(column.name, column.name))
        columns.append(f"{_millis(f'CAST({name} AS {kind.duck()})', kind)} AS {quote(column.name)}")
    select = ", ".join(columns + keys)
    return (
        f"SELECT {select} FROM read_json({_list(uris)}, columns = {{{fields}}}, "
        "format = 'newline_delimited', auto_detect = false)"
    )


def _json_type(column: Column) -> str:
    return column.parsed.duck()

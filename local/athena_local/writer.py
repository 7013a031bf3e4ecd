"""Statements that write data: CREATE TABLE AS, INSERT INTO, UNLOAD."""

from __future__ import annotations

import gzip
import io
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import ddl, hive, metastore, translate
from .catalog import Column, Partition, Table
from .ddl import position
from .errors import QueryError
from .s3 import split_uri
from .sqltypes import Type, column_info, from_duck, literal, quote

if TYPE_CHECKING:
    from .engine import Outcome, _Session

_MAX_PARTITIONS = 100
_SOURCE = "written_rows"
_FORMATS = {"PARQUET": "parquet", "TEXTFILE": "text", "JSON": "json"}
_CODECS = {"NONE": "uncompressed", "SNAPPY": "snappy", "GZIP": "gzip", "ZSTD": "zstd", "LZ4": "lz4"}


def named_columns(description: Sequence[Any], partitioned: bool = False) -> list[Column]:
    """The catalogue's columns for a query's outputs; fails for unnamed or repeated ones."""
    out: list[Column] = []
    seen: set[str] = set()
    for index, (name, code, *_) in enumerate(description):
        if name.startswith(translate.UNNAMED):
            text = f"line 1:1: Column name not specified at position {index + 1}"
            raise QueryError("MISSING_COLUMN_NAME", text)
        name = name.lower()
        if name in seen:
            raise QueryError(
                "DUPLICATE_COLUMN_NAME", f"Column name '{name}' specified more than once"
            )
        seen.add(name)
        kind = from_duck(code)
        _check_storable(name, kind)
        out.append(Column(name, kind.hive()))
    return out


def _check_storable(name: str, kind: Type) -> None:
    if kind.name in ("unknown", "interval", "interval_ym", "time", "timetz", "json", "uuid"):
        text = f"Unsupported Hive type: {kind.trino()} of column '{name}'"
        raise QueryError("NOT_SUPPORTED", text)
    for child in kind.children:
        _check_storable(name, child)


def write(session: _Session, statement: ddl.CreateTableAs | ddl.Insert | ddl.Unload) -> Outcome:
    """Runs a writing statement."""
    if isinstance(statement, ddl.CreateTableAs):
        return _create_table_as(session, statement)
    if isinstance(statement, ddl.Insert):
        return _insert(session, statement)
    return _unload(session, statement)


def _text(value: object, default: str = "") -> str:
    return default if value is None else str(value)


def _names(value: object) -> list[str]:
    return [str(item).lower() for item in value] if isinstance(value, list) else []


def _codec(properties: dict[str, object], default: str) -> str:
    for key in ("write_compression", "compression", "parquet_compression"):
        if key in properties:
            codec = _CODECS.get(str(properties[key]).upper())
            if codec is None:
                raise QueryError("NOT_SUPPORTED", f"Compression {properties[key]} is not supported")
            return codec
    return default


def _data_format(properties: dict[str, object]) -> str:
    name = _text(properties.get("format"), "PARQUET").upper()
    found = _FORMATS.get(name)
    if found is None:
        raise QueryError("NOT_SUPPORTED", f"Writing format {name} is not supported by athena-local")
    return found


def _source(session: _Session, query: str) -> list[Any]:
    """Runs a query into a temporary table; returns its description."""
    translated = session.translate(query, session.job.database)
    session.scanned = session.measure(translated)
    session.cursor.execute(f"DESCRIBE {translated.sql}")
    names = [row[0] for row in session.cursor.fetchall()]
    session.cursor.execute(f"SELECT * FROM ({translated.sql}) AS q LIMIT 0")
    kinds = [item[1] for item in session.cursor.description or []]
    described = list(zip(names, kinds, strict=True))
    listed = ", ".join(f'"c{index}"' for index in range(len(names)))
    session.cursor.execute(
        f"CREATE TEMP TABLE {_SOURCE} AS SELECT * FROM ({translated.sql}) AS q({listed})"
    )
    for index, hint in translated.hints.items():
        if hint.kind == Type("unknown"):
            _check_storable(names[index], hint.kind)
    return described


def _create_table_as(session: _Session, s: ddl.CreateTableAs) -> Outcome:
    name = session.table_name(s.table)
    session.catalog.require_database(name.database or "")
    outcome_location = f"{session.job.output}tables/{session.job.query_id}"
    if session.catalog.table(name.database or "", name.name) is not None:
        if s.if_not_exists:
            return _finish(session, outcome_location, [], 0)
        where = position(session.job.sql, s.table.offset)
        full = f"awsdatacatalog.{name.database}.{name.name}"
        raise QueryError("TABLE_ALREADY_EXISTS", f"{where}: Table '{full}' already exists")
    if _text(s.properties.get("table_type")).upper() == "ICEBERG":
        raise QueryError("NOT_SUPPORTED", "Iceberg tables are not supported by athena-local")
    table_format = _data_format(s.properties)
    location = _text(s.properties.get("external_location")) or outcome_location + "/"
    location = location if location.endswith("/") else location + "/"
    _require_empty(session, location)
    columns = named_columns(_source(session, s.query))
    keys = _names(s.properties.get("partitioned_by"))
    if keys and [column.name for column in columns[-len(keys) :]] != keys:
        raise QueryError(
            "INVALID_TABLE_PROPERTY", "Partition keys must be the last columns in the table"
        )
    data, partition_keys = (columns[: -len(keys)], columns[-len(keys) :]) if keys else (columns, [])
    table = Table(
        name.database or "",
        name.name,
        table_format,
        data,
        partition_keys,
        location,
        {"parquet": hive.PARQUET_SERDE, "text": hive.LAZY_SERDE, "json": hive.JSON_SERDE}[
            table_format
        ],
        parameters={"EXTERNAL": "TRUE", "has_encrypted_data": "false"},
    )
    delimiter = _text(s.properties.get("field_delimiter"))
    if delimiter:
        table.serde_parameters["field.delim"] = delimiter
    uris, count = ([], 0)
    if s.with_data:
        uris, count = _write_table(session, table, _codec(s.properties, "gzip"))
    session.catalog.put_table(table)
    return _finish(session, outcome_location, uris, count)


def _insert(session: _Session, s: ddl.Insert) -> Outcome:
    table = session.require_table(s.table)
    if table.is_view:
        raise QueryError("NOT_SUPPORTED", "Inserting into views is not supported")
    if table.format == "opencsv":
        raise QueryError("NOT_SUPPORTED", "Inserting into tables of OpenCSVSerde is not supported")
    described = _source(session, s.query)
    targets = table.all_columns()
    names = s.columns or [column.name for column in targets]
    unknown = set(names) - {column.name for column in targets}
    if unknown:
        raise QueryError("COLUMN_NOT_FOUND", f"Insert column name does not exist: {min(unknown)}")
    if len(names) != len(described):
        text = (
            f"line 1:1: Insert query has mismatched column types: Table has {len(names)} columns, "
            f"query has {len(described)}"
        )
        raise QueryError("TYPE_MISMATCH", text)
    _reorder(session, table, names, described)
    codec = table.parameters.get("parquet.compression", "GZIP")
    uris, count = _write_table(session, table, _CODECS.get(codec.upper(), "gzip"))
    return _finish(session, f"{session.job.output}{session.job.query_id}", uris, count)


def _reorder(session: _Session, table: Table, names: list[str], described: list[Any]) -> None:
    """Puts the source's columns into the table's order and types."""
    items = []
    for column, (_, code) in zip(
        [c for n in names for c in table.all_columns() if c.name == n], described, strict=True
    ):
        _check_assignable(column, from_duck(code))
    for index, column in enumerate(table.all_columns()):
        source = f'"c{names.index(column.name)}"' if column.name in names else "NULL"
        items.append(f'CAST({source} AS {column.parsed.duck()}) AS "c{index}"')
    session.cursor.execute(f"ALTER TABLE {_SOURCE} RENAME TO unordered_rows")
    session.cursor.execute(
        f"CREATE TEMP TABLE {_SOURCE} AS SELECT {', '.join(items)} FROM unordered_rows"
    )


_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
_TEXTS = ("string", "varchar", "char")


def _check_assignable(column: Column, kind: Type) -> None:
    target = column.parsed
    groups = (_NUMBERS, _TEXTS, ("timestamp", "timestamptz", "date"))
    same = target.name == kind.name or kind.name == "unknown"
    if not same and not any(target.name in g and kind.name in g for g in groups):
        text = (
            f"line 1:1: Insert query has mismatched column types: Table: [{target.trino()}], "
            f"Query: [{kind.trino()}]"
        )
        raise QueryError("TYPE_MISMATCH", text)


def _unload(session: _Session, s: ddl.Unload) -> Outcome:
    location = s.location if s.location.endswith("/") else s.location + "/"
    data_format = _data_format(s.properties)
    _require_empty(session, location)
    described = _source(session, s.query)
    columns = named_columns(described)
    keys = _names(s.properties.get("partitioned_by"))
    if keys and [column.name for column in columns[-len(keys) :]] != keys:
        raise QueryError("INVALID_TABLE_PROPERTY", "Partition keys must be the last columns")
    data, partition_keys = (columns[: -len(keys)], columns[-len(keys) :]) if keys else (columns, [])
    target = Table("", "unload", data_format, data, partition_keys, location)
    delimiter = _text(s.properties.get("field_delimiter"))
    if delimiter:
        target.serde_parameters["field.delim"] = delimiter
    uris, count = _write_files(session, target, _codec(s.properties, "gzip"), gzip_text=True)
    return _finish(session, f"{session.job.output}{session.job.query_id}", list(uris), count)


def _require_empty(session: _Session, location: str) -> None:
    try:
        bucket, prefix = split_uri(location)
    except ValueError as error:
        raise QueryError("INVALID_TABLE_PROPERTY", str(error)) from None
    if not session.client.is_empty(bucket, prefix):
        raise QueryError(
            "HIVE_PATH_ALREADY_EXISTS", f"Target directory for the query is not empty: {location}"
        )


def _write_table(session: _Session, table: Table, codec: str) -> tuple[list[str], int]:
    written, count = _write_files(session, table, codec, gzip_text=False)
    for uri, values in written.items():
        if values is not None:
            location = uri.rpartition("/")[0] + "/"
            session.catalog.put_partition(table, Partition(values, location))
    return list(written), count


def _write_files(
    session: _Session, table: Table, codec: str, gzip_text: bool
) -> tuple[dict[str, list[str] | None], int]:
    """One object, or one for each partition; (URI -> partition values, rows)."""
    width, keys = len(table.columns), table.partition_keys
    if not keys:
        uri = table.location + _file_name(table, gzip_text)
        count = _write_file(session, table, f"SELECT * FROM {_SOURCE}", uri, codec)
        return ({uri: None} if count else {}), count
    names = [f'"c{width + index}"' for index in range(len(keys))]
    session.cursor.execute(
        f"SELECT DISTINCT {', '.join(f'CAST({name} AS VARCHAR)' for name in names)} FROM {_SOURCE}"
    )
    found = session.cursor.fetchall()
    if len(found) > _MAX_PARTITIONS:
        text = f"Exceeded limit of {_MAX_PARTITIONS} open writers for partitions/buckets"
        raise QueryError("HIVE_TOO_MANY_OPEN_PARTITIONS", text)
    out: dict[str, list[str] | None] = {}
    total = 0
    data = ", ".join(f'"c{index}"' for index in range(width))
    for row in found:
        session.job.check()
        values = ["__HIVE_DEFAULT_PARTITION__" if v is None else v for v in row]
        tests = [
            f"CAST({name} AS VARCHAR) IS NOT DISTINCT FROM {'NULL' if v is None else literal(v)}"
            for name, v in zip(names, row, strict=True)
        ]
        path = metastore.partition_path(table, values)
        uri = f"{table.location}{path}/{_file_name(table, gzip_text)}"
        query = f"SELECT {data} FROM {_SOURCE} WHERE {' AND '.join(tests)}"
        total += _write_file(session, table, query, uri, codec)
        out[uri] = values
    return out, total


def _file_name(table: Table, gzip_text: bool) -> str:
    name = time.strftime("%Y%m%d_%H%M%S_", time.gmtime()) + uuid.uuid4().hex
    return name + ".gz" if gzip_text and table.format != "parquet" else name


def _write_file(session: _Session, table: Table, query: str, uri: str, codec: str) -> int:
    columns = table.columns
    if table.format == "text":
        return _write_text(session, table, query, uri)
    items = ", ".join(
        f'CAST("c{index}" AS {column.parsed.duck()}) AS {quote(column.name)}'
        for index, column in enumerate(columns)
    )
    if table.format == "parquet":
        options = f"FORMAT parquet, COMPRESSION {codec}"
    else:
        options = "FORMAT json" + (", COMPRESSION gzip" if uri.endswith(".gz") else "")
    session.cursor.execute(f"SELECT count(*) FROM ({query})")
    row = session.cursor.fetchone()
    count = int(row[0]) if row else 0
    if count:
        session.cursor.execute(
            f"COPY (SELECT {items} FROM ({query})) TO {literal(uri)} ({options})"
        )
    return count


def _write_text(session: _Session, table: Table, query: str, uri: str) -> int:
    serde = table.serde_parameters
    delimiter = serde.get("field.delim", "\x01")
    writers = [hive.field_writer(column.parsed) for column in table.columns]
    session.cursor.execute(query)
    out, count = io.StringIO(), 0
    while rows := session.cursor.fetchmany(4096):
        session.job.check()
        for row in rows:
            fields = (write(value) for write, value in zip(writers, row, strict=True))
            out.write(delimiter.join(fields) + "\n")
        count += len(rows)
    if count:
        data = out.getvalue().encode()
        bucket, key = split_uri(uri)
        session.client.put(bucket, key, gzip.compress(data, 6) if uri.endswith(".gz") else data)
    return count


def _finish(session: _Session, location: str, uris: list[str], count: int) -> Outcome:
    from .engine import Outcome

    bucket, key = split_uri(location)
    manifest = f"{key}-manifest.csv"
    session.client.put(bucket, manifest, "".join(uri + "\n" for uri in uris).encode())
    columns = [column_info("rows", Type("bigint"))]
    session.put_metadata(f"{key}.metadata", columns)
    return Outcome(
        location,
        columns,
        update_count=count,
        manifest=f"s3://{bucket}/{manifest}",
        scanned_bytes=session.scanned,
    )

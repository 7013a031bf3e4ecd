"""Statements on the catalogue: CREATE, ALTER, DROP, SHOW, DESCRIBE, information_schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as url_quote
from urllib.parse import unquote

from . import ddl, hive
from .catalog import CATALOG, Catalog, Column, Database, Partition, Table
from .errors import QueryError
from .s3 import split_uri
from .sqltypes import literal

if TYPE_CHECKING:
    from .engine import _Session

Result = tuple[list[list[str]], list[dict[str, Any]], bool]
_NOTHING: Result = ([], [], False)


def text_column(name: str) -> dict[str, Any]:
    """ColumnInfo of a DDL result's column."""
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": "string",
        "Precision": 0,
        "Scale": 0,
        "Nullable": "UNKNOWN",
        "CaseSensitive": False,
    }


def run(session: _Session, statement: ddl.Statement) -> Result:
    """Runs a statement; (rows, columns, whether a row is one datum)."""
    handler = _HANDLERS[type(statement)]
    result: Result = handler(session, statement)
    return result


def failed(message: str) -> QueryError:
    """Hive's form of a failure in DDL."""
    return QueryError(
        "DDL",
        "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
        + message,
    )


def _create_database(session: _Session, s: ddl.CreateDatabase) -> Result:
    if session.catalog.database(s.name) is not None:
        if s.if_not_exists:
            return _NOTHING
        raise failed(f"Database {s.name} already exists")
    session.catalog.create_database(Database(s.name, s.comment, s.location, s.properties))
    return _NOTHING


def _drop_database(session: _Session, s: ddl.DropDatabase) -> Result:
    if session.catalog.database(s.name) is None:
        if s.if_exists:
            return _NOTHING
        raise failed(f"Database {s.name} does not exist")
    if not s.cascade and session.catalog.tables(s.name):
        raise failed(
            f"InvalidOperationException(message:Database {s.name} is not empty. "
            "One or more tables exist.)"
        )
    session.catalog.drop_database(s.name)
    return _NOTHING


def _create_table(session: _Session, s: ddl.CreateTable) -> Result:
    name = session.table_name(s.table)
    session.catalog.require_database(name.database or "")
    if s.properties.get("table_type", "").upper() == "ICEBERG":
        raise QueryError("NOT_SUPPORTED", "Iceberg tables are not supported by athena-local")
    if not s.external:
        raise QueryError(
            "NOT_SUPPORTED",
            "CREATE TABLE without EXTERNAL is for Iceberg tables, not supported here",
        )
    if session.catalog.table(name.database or "", name.name) is not None:
        if s.if_not_exists:
            return _NOTHING
        raise failed(f"AlreadyExistsException(message:Table {name.name} already exists)")
    _check_columns(s)
    table_format, serde = _format(s)
    split_uri(s.location) if s.location.startswith("s3") else _no_location(s.location)
    session.catalog.put_table(
        Table(
            name.database or "",
            name.name,
            table_format,
            s.columns,
            s.partition_keys,
            s.location if s.location.endswith("/") else s.location + "/",
            serde,
            s.serde_parameters,
            {"EXTERNAL": "TRUE", **s.properties},
            s.comment,
        )
    )
    return _NOTHING


def _no_location(location: str) -> None:
    raise failed(f"MetaException(message:'{location}' is not an S3 location)")


def _check_columns(s: ddl.CreateTable) -> None:
    seen: set[str] = set()
    for column in [*s.columns, *s.partition_keys]:
        if column.name in seen:
            raise failed(f"SemanticException Duplicate column name: {column.name}")
        seen.add(column.name)


def _format(s: ddl.CreateTable) -> tuple[str, str]:
    stored = s.stored_as.upper()
    if s.serde:
        found = hive.FORMATS.get(s.serde)
        if found is None:
            raise QueryError("NOT_SUPPORTED", f"The SerDe {s.serde} is not supported here")
        return found, s.serde
    if stored in ("", "TEXTFILE") or s.stored_as.endswith("TextInputFormat"):
        return "text", hive.LAZY_SERDE
    if stored == "PARQUET" or "MapredParquet" in s.stored_as:
        return "parquet", hive.PARQUET_SERDE
    if stored == "JSONFILE":
        return "json", hive.JSON_SERDE
    raise QueryError("NOT_SUPPORTED", f"STORED AS {s.stored_as} is not supported by athena-local")


def _drop(session: _Session, s: ddl.Drop) -> Result:
    name = session.table_name(s.table)
    found = session.catalog.table(name.database or "", name.name)
    if found is None:
        if s.if_exists:
            return _NOTHING
        if s.view:
            raise session.missing(name, session.job.sql)
        raise failed(f"NoSuchObjectException(message:Table {name.name} not found)")
    if s.view and not found.is_view:
        raise QueryError("NOT_SUPPORTED", f"'{name.name}' is a table, not a view")
    session.catalog.drop_table(found)
    return _NOTHING


def _values(table: Table, spec: dict[str, str]) -> list[str]:
    keys = [key.name for key in table.partition_keys]
    if sorted(keys) != sorted(spec):
        raise failed(f"SemanticException Partition spec {spec} does not match the keys {keys}")
    return [spec[key] for key in keys]


def partition_path(table: Table, values: list[str]) -> str:
    """``k=v/k2=v2``."""
    parts = zip(table.partition_keys, values, strict=True)
    return "/".join(f"{key.name}={url_quote(value, safe=' -_.~,()+@!$&;')}" for key, value in parts)


def _add_partitions(session: _Session, s: ddl.AddPartitions) -> Result:
    table = session.require_table(s.table)
    present = {tuple(p.values) for p in session.catalog.partitions(table)}
    for spec, location in s.partitions:
        values = _values(table, spec)
        if tuple(values) in present:
            if s.if_not_exists:
                continue
            raise failed(f"AlreadyExistsException(message:Partition already exists: {values})")
        where = location or table.location + partition_path(table, values) + "/"
        session.catalog.put_partition(table, Partition(values, where))
    return _NOTHING


def _drop_partitions(session: _Session, s: ddl.DropPartitions) -> Result:
    table = session.require_table(s.table)
    for spec in s.partitions:
        dropped = session.catalog.drop_partition(table, tuple(_values(table, spec)))
        if not dropped and not s.if_exists:
            raise failed(f"SemanticException Partition not found {spec}")
    return _NOTHING


def _alter_table(session: _Session, s: ddl.AlterTable) -> Result:
    table = session.require_table(s.table)
    names = {column.name for column in table.all_columns()}
    for column in s.add:
        if column.name in names:
            raise failed(f"SemanticException Duplicate column name: {column.name}")
    table.columns = (s.replace or table.columns) + s.add
    table.parameters.update(s.properties)
    if s.location:
        table.location = s.location if s.location.endswith("/") else s.location + "/"
    session.catalog.put_table(table)
    return _NOTHING


def _repair(session: _Session, s: ddl.RepairTable) -> Result:
    table = session.require_table(s.table)
    if not table.partition_keys:
        raise failed(f"Table {table.name} is not a partitioned table")
    bucket, prefix = split_uri(table.location)
    found: set[tuple[str, ...]] = set()
    for item in session.client.list(bucket, prefix):
        parts = item.key[len(prefix) :].split("/")[: len(table.partition_keys)]
        values = []
        for key, part in zip(table.partition_keys, parts, strict=False):
            name, equals, value = part.partition("=")
            if equals and unquote(name).lower() == key.name:
                values.append(unquote(value))
        if len(values) == len(table.partition_keys):
            found.add(tuple(values))
    known = {tuple(p.values) for p in session.catalog.partitions(table)}
    added = sorted(found - known)
    if not added:
        return _NOTHING
    paths = []
    for values in added:
        path = partition_path(table, list(values))
        paths.append(path)
        location = table.location + path + "/"
        session.catalog.put_partition(table, Partition(list(values), location))
    rows = [["Partitions not in metastore:\t" + "\t".join(f"{table.name}:{p}" for p in paths)]]
    rows += [[f"Repair: Added partition to metastore {table.name}:{p}"] for p in paths]
    return rows, [], True


def _matches(pattern: str, name: str) -> bool:
    return not pattern or re.fullmatch(pattern, name, re.IGNORECASE) is not None


def _show(session: _Session, s: ddl.Show) -> Result:
    if s.what == "DATABASES":
        names = [d.name for d in session.catalog.databases() if _matches(s.pattern, d.name)]
        return [[n] for n in names], [text_column("database_name")], False
    if s.what in ("TABLES", "VIEWS"):
        database = session.catalog.require_database(s.database or session.job.database)
        tables = session.catalog.tables(database.name)
        if s.what == "VIEWS":
            tables = [table for table in tables if table.is_view]
        names = [t.name for t in tables if _matches(s.pattern, t.name)]
        label = "tab_name" if s.what == "TABLES" else "views"
        return [[n] for n in names], [text_column(label)], False
    if s.what == "FUNCTIONS":
        raise QueryError("NOT_SUPPORTED", "SHOW FUNCTIONS is not supported by athena-local")
    assert s.table is not None
    return _show_table(session, s, session.require_table(s.table))


def _show_table(session: _Session, s: ddl.Show, table: Table) -> Result:
    if s.what == "COLUMNS":
        rows = [[column.name.ljust(20)] for column in table.all_columns()]
        return rows, [text_column("field")], False
    if s.what == "PARTITIONS":
        if not table.partition_keys:
            raise failed(f"Table {table.name} is not a partitioned table")
        paths = [partition_path(table, p.values) for p in session.catalog.partitions(table)]
        return [[path] for path in paths], [text_column("partition")], False
    if s.what == "TBLPROPERTIES":
        columns = [text_column("prpt_name"), text_column("prpt_value")]
        items = {"EXTERNAL": "TRUE", **table.parameters}
        if s.key:
            value = items.get(s.key, f"Table {table.name} does not have property: {s.key}")
            return [[value]], columns[1:], False
        return [[key, value] for key, value in sorted(items.items())], columns, False
    if table.is_view != (s.what == "CREATE VIEW"):
        if not table.is_view:
            raise QueryError("NOT_SUPPORTED", f"'{table.name}' is a table, not a view")
        raise QueryError("NOT_SUPPORTED", f"'{table.name}' is a view, not a table")
    if table.is_view:
        text = f'CREATE VIEW "{table.database}"."{table.name}" AS \n{table.view_sql}'
        return [[line] for line in text.split("\n")], [text_column("Create View")], True
    lines = hive.show_create(table)
    return [[line] for line in lines], [text_column("createtab_stmt")], True


def _padded(name: str, kind: str, comment: str) -> str:
    return f"{name.ljust(20)}\t{kind.ljust(20)}\t{comment.ljust(20)}"


def _describe(session: _Session, s: ddl.Describe) -> Result:
    table = session.require_table(s.table)
    lines = [_padded(c.name, c.type, c.comment) for c in table.all_columns()]
    if table.partition_keys:
        lines += ["\t \t ", "# Partition Information\t \t "]
        lines += [_padded("# col_name", "data_type", "comment"), "\t \t "]
        lines += [_padded(c.name, c.type, c.comment) for c in table.partition_keys]
    if s.extended:
        lines += ["\t \t ", "# Detailed Table Information\t \t "]
        inputs, outputs = hive.input_output(table.format)
        details = {
            "Database:": table.database,
            "Location:": table.location,
            "Table Type:": table.table_type,
            "SerDe Library:": table.serde,
            "InputFormat:": inputs,
            "OutputFormat:": outputs,
        }
        lines += [_padded(key, value, "") for key, value in details.items()]
    columns = [text_column(name) for name in ("col_name", "data_type", "comment")]
    return [[line] for line in lines], columns, True


def _deallocate_or_prepare(session: _Session, s: ddl.Statement) -> Result:
    # The query manager has done the work; what is left is the empty result.
    return _NOTHING


_HANDLERS: dict[type, Any] = {
    ddl.CreateDatabase: _create_database,
    ddl.DropDatabase: _drop_database,
    ddl.CreateTable: _create_table,
    ddl.Drop: _drop,
    ddl.AddPartitions: _add_partitions,
    ddl.DropPartitions: _drop_partitions,
    ddl.AlterTable: _alter_table,
    ddl.RepairTable: _repair,
    ddl.Show: _show,
    ddl.Describe: _describe,
    ddl.Prepare: _deallocate_or_prepare,
    ddl.Deallocate: _deallocate_or_prepare,
}


# -- relations over the catalogue ---------------------------------------------------------------


def _values_relation(names: list[str], rows: list[list[str | int | None]], kinds: str) -> str:
    def cell(value: str | int | None, kind: str) -> str:
        text = "NULL" if value is None else str(value) if kind == "i" else literal(str(value))
        return f"CAST({text} AS {'BIGINT' if kind == 'i' else 'VARCHAR'})"

    listed = ", ".join(f'"{name}"' for name in names)
    if not rows:
        nothing = ", ".join(cell(None, kind) for kind in kinds)
        return f"SELECT * FROM (SELECT {nothing} WHERE FALSE) AS v({listed})"
    body = ", ".join(
        "(" + ", ".join(cell(v, k) for v, k in zip(row, kinds, strict=True)) + ")" for row in rows
    )
    return f"SELECT * FROM (VALUES {body}) AS v({listed})"


def information_schema(catalog: Catalog, name: str) -> str | None:
    """The relation of a table of information_schema, None when there is none."""
    home = CATALOG.lower()
    databases = catalog.databases()
    if name == "schemata":
        names = ["catalog_name", "schema_name"]
        return _values_relation(names, [[home, d.name] for d in databases], "ss")
    tables = [table for d in databases for table in catalog.tables(d.name)]
    if name == "tables":
        names = ["table_catalog", "table_schema", "table_name", "table_type"]
        rows: list[list[str | int | None]] = [
            [home, t.database, t.name, "VIEW" if t.is_view else "BASE TABLE"] for t in tables
        ]
        return _values_relation(names, rows, "ssss")
    if name == "views":
        names = ["table_catalog", "table_schema", "table_name", "view_definition"]
        rows = [[home, t.database, t.name, t.view_sql] for t in tables if t.is_view]
        return _values_relation(names, rows, "ssss")
    if name == "columns":
        return _columns_relation(home, tables)
    return None


def _columns_relation(home: str, tables: list[Table]) -> str:
    names = ["table_catalog", "table_schema", "table_name", "column_name", "ordinal_position"]
    names += ["column_default", "is_nullable", "data_type", "comment", "extra_info"]
    rows: list[list[str | int | None]] = []
    for table in tables:
        keys = {key.name for key in table.partition_keys}
        for number, column in enumerate(table.all_columns(), 1):
            kind = _trino_type(column)
            extra = "partition key" if column.name in keys else None
            start: list[str | int | None] = [home, table.database, table.name, column.name, number]
            rows.append([*start, None, "YES", kind, column.comment or None, extra])
    return _values_relation(names, rows, "ssssisssss")


def _trino_type(column: Column) -> str:
    return column.parsed.trino()


def partitions_relation(catalog: Catalog, table: Table) -> str:
    """The relation of ``"table$partitions"``."""
    names = [key.name for key in table.partition_keys]
    rows: list[list[str | int | None]] = [list(p.values) for p in catalog.partitions(table)]
    body = _values_relation(names, rows, "s" * len(names))
    columns = ", ".join(
        f'CAST("{key.name}" AS {key.parsed.duck()}) AS "{key.name}"' for key in table.partition_keys
    )
    return f"SELECT {columns} FROM ({body})"

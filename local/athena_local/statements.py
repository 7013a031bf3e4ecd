"""What statements say, once they are parsed."""

from __future__ import annotations

from dataclasses import dataclass, field

from .catalog import Column


@dataclass(frozen=True)
class Name:
    """A table's name; ``database`` is None when it was not written."""

    name: str
    database: str | None = None
    offset: int = 0


@dataclass
class Query:
    """SELECT, WITH, VALUES, TABLE."""

    sql: str


@dataclass
class CreateDatabase:
    """CREATE DATABASE | SCHEMA."""

    name: str
    if_not_exists: bool
    comment: str = ""
    location: str = ""
    properties: dict[str, str] = field(default_factory=dict)


@dataclass
class DropDatabase:
    """DROP DATABASE | SCHEMA."""

    name: str
    if_exists: bool
    cascade: bool


@dataclass
class CreateTable:
    """CREATE [EXTERNAL] TABLE with columns."""

    table: Name
    external: bool
    if_not_exists: bool
    columns: list[Column]
    partition_keys: list[Column]
    comment: str = ""
    serde: str = ""
    serde_parameters: dict[str, str] = field(default_factory=dict)
    stored_as: str = ""
    location: str = ""
    properties: dict[str, str] = field(default_factory=dict)


@dataclass
class CreateTableAs:
    """CREATE TABLE ... WITH (...) AS query."""

    table: Name
    if_not_exists: bool
    properties: dict[str, object]
    query: str
    with_data: bool = True


@dataclass
class CreateView:
    """CREATE [OR REPLACE] VIEW."""

    table: Name
    replace: bool
    query: str


@dataclass
class Drop:
    """DROP TABLE | VIEW."""

    table: Name
    view: bool
    if_exists: bool


@dataclass
class AddPartitions:
    """ALTER TABLE ADD [IF NOT EXISTS] PARTITION (...) [LOCATION '...'] ..."""

    table: Name
    if_not_exists: bool
    partitions: list[tuple[dict[str, str], str]]


@dataclass
class DropPartitions:
    """ALTER TABLE DROP [IF EXISTS] PARTITION (...), ..."""

    table: Name
    if_exists: bool
    partitions: list[dict[str, str]]


@dataclass
class AlterTable:
    """ALTER TABLE ADD/REPLACE COLUMNS, SET LOCATION, SET TBLPROPERTIES."""

    table: Name
    add: list[Column] = field(default_factory=list)
    replace: list[Column] = field(default_factory=list)
    location: str = ""
    properties: dict[str, str] = field(default_factory=dict)


@dataclass
class RepairTable:
    """MSCK REPAIR TABLE."""

    table: Name


@dataclass
class Insert:
    """INSERT INTO table [(columns)] query."""

    table: Name
    columns: list[str]
    query: str


@dataclass
class Unload:
    """UNLOAD (query) TO 's3://...' WITH (...)."""

    query: str
    location: str
    properties: dict[str, object]


@dataclass
class Show:
    """SHOW ...; ``what``: DATABASES, TABLES, VIEWS, COLUMNS, PARTITIONS, CREATE TABLE, ..."""

    what: str
    table: Name | None = None
    database: str | None = None
    pattern: str = ""
    key: str = ""


@dataclass
class Describe:
    """DESCRIBE [EXTENDED | FORMATTED] table."""

    table: Name
    extended: bool = False


@dataclass
class Explain:
    """EXPLAIN [ANALYZE] [(...)] query."""

    query: str
    analyze: bool


@dataclass
class Prepare:
    """PREPARE name FROM statement."""

    name: str
    statement: str


@dataclass
class Execute:
    """EXECUTE name [USING value, ...]; values are SQL texts."""

    name: str
    values: list[str]


@dataclass
class Deallocate:
    """DEALLOCATE PREPARE name."""

    name: str


@dataclass
class Unsupported:
    """Athena's SQL that this engine does not run (Iceberg DML and the like)."""

    what: str


Statement = (
    Query
    | CreateDatabase
    | DropDatabase
    | CreateTable
    | CreateTableAs
    | CreateView
    | Drop
    | AddPartitions
    | DropPartitions
    | AlterTable
    | RepairTable
    | Insert
    | Unload
    | Show
    | Describe
    | Explain
    | Prepare
    | Execute
    | Deallocate
    | Unsupported
)


_KINDS: dict[type, tuple[str, str]] = {
    Query: ("DML", "SELECT"),
    Insert: ("DML", "INSERT"),
    CreateTableAs: ("DML", "CREATE_TABLE_AS_SELECT"),
    Unload: ("DML", "UNLOAD"),
    CreateDatabase: ("DDL", "CREATE_DATABASE"),
    DropDatabase: ("DDL", "DROP_DATABASE"),
    CreateTable: ("DDL", "CREATE_TABLE"),
    CreateView: ("DDL", "CREATE_VIEW"),
    AddPartitions: ("DDL", "ALTER_TABLE_ADD_PARTITION"),
    DropPartitions: ("DDL", "ALTER_TABLE_DROP_PARTITION"),
    AlterTable: ("DDL", "ALTER_TABLE"),
    RepairTable: ("DDL", "MSCK_REPAIR_TABLE"),
    Describe: ("UTILITY", "DESCRIBE_TABLE"),
    Explain: ("UTILITY", "EXPLAIN"),
    Prepare: ("DDL", "PREPARE"),
    Deallocate: ("DDL", "DEALLOCATE"),
    Execute: ("DML", "EXECUTE"),
}


def statement_type(statement: Statement) -> tuple[str, str]:
    """(StatementType, SubstatementType)."""
    if isinstance(statement, Drop):
        return "DDL", "DROP_VIEW" if statement.view else "DROP_TABLE"
    if isinstance(statement, Show):
        return "UTILITY", "SHOW_" + statement.what.replace(" ", "_")
    if isinstance(statement, Unsupported):
        return "DML", statement.what.split()[0]
    return _KINDS[type(statement)]

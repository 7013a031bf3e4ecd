"""Databases, tables, views and partitions. In memory, written through to the store."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from .errors import QueryError
from .sqltypes import Type, parse
from .store import Store

CATALOG = "AwsDataCatalog"


@dataclass
class Column:
    """A column with Hive's text of its type."""

    name: str
    type: str
    comment: str = ""

    @property
    def parsed(self) -> Type:
        """The type as a tree."""
        return parse(self.type)


@dataclass
class Database:
    """A database (schema)."""

    name: str
    description: str = ""
    location: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass
class Table:
    """A table or view. ``format``: parquet, text, opencsv, json, or view."""

    database: str
    name: str
    format: str
    columns: list[Column]
    partition_keys: list[Column] = field(default_factory=list)
    location: str = ""
    serde: str = ""
    serde_parameters: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    comment: str = ""
    view_sql: str = ""
    created: float = 0.0

    @property
    def is_view(self) -> bool:
        """Whether this is a view."""
        return self.format == "view"

    @property
    def table_type(self) -> str:
        """Glue's name of the kind."""
        return "VIRTUAL_VIEW" if self.is_view else "EXTERNAL_TABLE"

    def all_columns(self) -> list[Column]:
        """Columns, then partition keys."""
        return self.columns + self.partition_keys


@dataclass
class Partition:
    """A partition: values as text in the order of the keys, and where its objects are."""

    values: list[str]
    location: str


def _table(body: dict[str, Any]) -> Table:
    body = dict(body)
    body["columns"] = [Column(**column) for column in body["columns"]]
    body["partition_keys"] = [Column(**column) for column in body["partition_keys"]]
    return Table(**body)


class Catalog:
    """The one catalogue, ``AwsDataCatalog``. Thread-safe; names are lower case."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._databases = {name: Database(**body) for _, name, body in store.all("database")}
        self._tables: dict[tuple[str, str], Table] = {
            (scope, name): _table(body) for scope, name, body in store.all("table")
        }
        self._partitions: dict[tuple[str, str], dict[tuple[str, ...], Partition]] = {}
        for scope, _, body in store.all("partition"):
            database, _, table = scope.partition("/")
            partition = Partition(**body)
            found = self._partitions.setdefault((database, table), {})
            found[tuple(partition.values)] = partition
        self.version = 0
        if "default" not in self._databases:
            self.create_database(Database("default", "Default Hive database"))

    def databases(self) -> list[Database]:
        """All databases by name."""
        with self._lock:
            return [self._databases[name] for name in sorted(self._databases)]

    def database(self, name: str) -> Database | None:
        """A database, None when there is none of that name."""
        return self._databases.get(name.lower())

    def create_database(self, database: Database) -> None:
        """Adds a database."""
        with self._lock:
            self._databases[database.name] = database
            self._store.put("database", "", database.name, asdict(database))
            self.version += 1

    def drop_database(self, name: str) -> None:
        """Removes a database and all tables in it."""
        with self._lock:
            for table in self.tables(name):
                self.drop_table(table)
            self._databases.pop(name, None)
            self._store.delete("database", "", name)
            self.version += 1

    def tables(self, database: str) -> list[Table]:
        """All tables and views of a database by name."""
        with self._lock:
            found = [t for (db, _), t in self._tables.items() if db == database.lower()]
        return sorted(found, key=lambda table: table.name)

    def table(self, database: str, name: str) -> Table | None:
        """A table or view, None when there is none."""
        return self._tables.get((database.lower(), name.lower()))

    def put_table(self, table: Table) -> None:
        """Adds or replaces a table or view."""
        with self._lock:
            if not table.created:
                table.created = round(time.time(), 3)
            self._tables[table.database, table.name] = table
            self._store.put("table", table.database, table.name, asdict(table))
            self.version += 1

    def drop_table(self, table: Table) -> None:
        """Removes a table or view and its partitions; objects stay."""
        with self._lock:
            self._tables.pop((table.database, table.name), None)
            self._partitions.pop((table.database, table.name), None)
            self._store.delete("table", table.database, table.name)
            self._store.delete("partition", f"{table.database}/{table.name}")
            self.version += 1

    def partitions(self, table: Table) -> list[Partition]:
        """The partitions of a table in the order of their values."""
        with self._lock:
            found = self._partitions.get((table.database, table.name), {})
            return [found[key] for key in sorted(found)]

    def put_partition(self, table: Table, partition: Partition) -> None:
        """Adds or replaces a partition."""
        with self._lock:
            found = self._partitions.setdefault((table.database, table.name), {})
            found[tuple(partition.values)] = partition
            self._store.put(
                "partition",
                f"{table.database}/{table.name}",
                json.dumps(partition.values),
                asdict(partition),
            )
            self.version += 1

    def drop_partition(self, table: Table, values: tuple[str, ...]) -> bool:
        """Removes a partition; False when there was none."""
        with self._lock:
            found = self._partitions.get((table.database, table.name), {})
            if found.pop(values, None) is None:
                return False
            self._store.delete(
                "partition", f"{table.database}/{table.name}", json.dumps(list(values))
            )
            self.version += 1
            return True

    def require_database(self, name: str) -> Database:
        """A database; the query fails when it does not exist."""
        found = self.database(name)
        if found is None:
            raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{name}' does not exist")
        return found

"""The DuckDB engine: runs one statement and leaves its result objects in S3."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import duckdb

from . import ddl, hive, metastore, translate, writer
from .catalog import Catalog, Table
from .ddl import Name, position
from .errors import ApiError, QueryCancelled, QueryError
from .functions import SCALARS, macro_statements
from .render import renderer
from .results import CsvWriter, metadata
from .s3 import S3Client, split_uri
from .scans import Scan
from .sqltypes import Type, column_info, from_duck, literal, quote
from .tables import Relation, relation
from .translate import Translated

_BATCH = 4096
_INFORMATION_SCHEMA = "information_schema"


@dataclass
class Job:
    """A statement to run. ``output`` is the result location's prefix, with a slash at the end."""

    query_id: str
    sql: str
    statement: ddl.Statement
    database: str
    output: str
    prepared: Callable[[str], str] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    _interrupt: Callable[[], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cancel(self) -> None:
        """Stops the work; called from any thread, more than once too."""
        self.cancelled.set()
        with self._lock:
            if self._interrupt is not None:
                self._interrupt()

    def arm(self, interrupt: Callable[[], None] | None) -> None:
        """Says how running work is stopped."""
        with self._lock:
            self._interrupt = interrupt
        if interrupt is not None:
            self.check()

    def check(self) -> None:
        """Raises QueryCancelled when the query was stopped."""
        if self.cancelled.is_set():
            raise QueryCancelled


@dataclass
class Outcome:
    """What a statement left behind."""

    location: str
    columns: list[dict[str, Any]]
    update_count: int | None = None
    manifest: str = ""
    rows: int = 0
    output_bytes: int = 0
    scanned_bytes: int = 0
    header: bool = False
    whole_line: bool = False
    first_page: bytes | None = None


class Engine(Protocol):
    """What runs statements."""

    def run(self, job: Job) -> Outcome:
        """Runs a statement; QueryError when it fails, QueryCancelled when it was stopped."""

    def close(self) -> None:
        """Frees the engine."""


class DuckEngine:
    """DuckDB in this process, its local files shut off."""

    def __init__(
        self, catalog: Catalog, client: S3Client, memory_limit: str = "", threads: int = 0
    ) -> None:
        self.catalog = catalog
        self.client = client
        config: dict[str, Any] = {}
        if memory_limit:
            config["memory_limit"] = memory_limit
        if threads:
            config["threads"] = threads
        self._db = duckdb.connect(":memory:", config=config)
        self._db.register_filesystem(client.files)
        for name, function, arguments, result in [*SCALARS, hive.TYPE_NAME]:
            self._db.create_function(name, function, arguments, result)  # type: ignore[arg-type]
        for statement in macro_statements():
            self._db.execute(statement)
        for setting in (
            "SET TimeZone = 'UTC'",
            "SET python_enable_replacements = false",
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
            "SET allow_community_extensions = false",
            "SET enable_progress_bar = false",
            "SET temp_directory = ''",
            "SET disabled_filesystems = 'LocalFileSystem'",
            "SET lock_configuration = true",
        ):
            self._db.execute(setting)

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def run(self, job: Job) -> Outcome:
        """Runs a statement."""
        job.check()
        session = _Session(self, job)
        job.arm(session.cursor.interrupt)
        try:
            return session.run(job.statement)
        except duckdb.Error as error:
            if job.cancelled.is_set() or isinstance(error, duckdb.InterruptException):
                raise QueryCancelled from None
            raise session.explain(error) from error
        except OSError as error:
            raise QueryError(
                "PERMISSION_DENIED"
                if isinstance(error, PermissionError)
                else "GENERIC_INTERNAL_ERROR",
                str(error),
            ) from error
        except ApiError as error:
            raise QueryError("SYNTAX_ERROR", error.message) from error
        finally:
            job.arm(None)
            session.cursor.close()


class _Session:
    """One statement on a connection of its own."""

    def __init__(self, engine: DuckEngine, job: Job) -> None:
        self.engine = engine
        self.catalog = engine.catalog
        self.client = engine.client
        self.job = job
        self.cursor = engine._db.cursor()
        self.scanned = 0
        self._relations: dict[tuple[str, str], str] = {}
        self._read: dict[str, tuple[Relation, list[str]]] = {}
        self._columns: dict[str, int] = {}
        self._depth = 0

    # -- statements -----------------------------------------------------------------------------

    def run(self, statement: ddl.Statement) -> Outcome:
        if isinstance(statement, ddl.Query):
            return self._select(statement.sql)
        if isinstance(statement, ddl.Execute):
            return self._execute(statement)
        if isinstance(statement, ddl.Explain):
            return self._explain(statement)
        if isinstance(statement, (ddl.CreateTableAs, ddl.Insert, ddl.Unload)):
            return writer.write(self, statement)
        if isinstance(statement, ddl.CreateView):
            return self._create_view(statement)
        if isinstance(statement, ddl.Unsupported):
            raise QueryError("NOT_SUPPORTED", f"{statement.what} is not supported by athena-local")
        rows, columns, whole = metastore.run(self, statement)
        return self.text_result(rows, columns, whole)

    def _execute(self, statement: ddl.Execute) -> Outcome:
        assert self.job.prepared is not None
        sql = ddl.substitute(self.job.prepared(statement.name), statement.values)
        inner = ddl.parse(sql)
        if isinstance(inner, ddl.Execute):
            raise QueryError("NOT_SUPPORTED", "EXECUTE of EXECUTE")
        self.job.sql = sql
        return self.run(inner)

    def _select(self, sql: str) -> Outcome:
        translated = self.translate(sql, self.job.database)
        self.scanned = self.measure(translated)
        self.cursor.execute(translated.sql)
        description = self.cursor.description or []
        labels, kinds, renderers = [], [], []
        for index, (name, code, *_) in enumerate(description):
            hint = translated.hints.get(index) or translate.Hint()
            kind = from_duck(code)
            if hint.kind is not None:
                kind = hint.kind
            labels.append(output_label(name, index, translated))
            kinds.append(kind)
            renderers.append(renderer(kind, hint.zone or "UTC"))
        out = CsvWriter(labels, renderers)
        try:
            while rows := self.cursor.fetchmany(_BATCH):
                self.job.check()
                out.add(rows)
            columns = [column_info(label, kind) for label, kind in zip(labels, kinds, strict=True)]
            return self._store_csv(out, columns)
        finally:
            out.close()

    def _store_csv(self, out: CsvWriter, columns: list[dict[str, Any]]) -> Outcome:
        location = f"{self.job.output}{self.job.query_id}.csv"
        bucket, key = split_uri(location)
        small = None
        if out.bytes <= 1024 * 1024:
            out.file.seek(0)
            small = out.file.read()
            self.client.put(bucket, key, small)
        else:
            self.client.put(bucket, key, out.file)  # type: ignore[arg-type]
        self.put_metadata(f"{key}.metadata", columns)
        return Outcome(
            location,
            columns,
            rows=out.rows,
            output_bytes=out.bytes,
            scanned_bytes=self.scanned,
            header=True,
            first_page=small,
        )

    def put_metadata(self, key: str, columns: Sequence[dict[str, Any]]) -> None:
        """Writes a ``.metadata`` object into the result bucket."""
        bucket, _ = split_uri(self.job.output)
        self.client.put(bucket, key, metadata(self.job.query_id, columns))

    def text_result(
        self, rows: list[list[str]], columns: list[dict[str, Any]], whole_line: bool
    ) -> Outcome:
        """Writes a ``.txt`` result."""
        location = f"{self.job.output}{self.job.query_id}.txt"
        bucket, key = split_uri(location)
        data = "".join("\t".join(row) + "\n" for row in rows).encode()
        self.client.put(bucket, key, data)
        self.put_metadata(f"{key}.metadata", columns)
        return Outcome(
            location,
            columns,
            update_count=None if rows else 0,
            rows=len(rows),
            output_bytes=len(data),
            scanned_bytes=self.scanned,
            whole_line=whole_line,
            first_page=data,
        )

    def _explain(self, statement: ddl.Explain) -> Outcome:
        inner = ddl.parse(statement.query)
        if not isinstance(inner, ddl.Query):
            raise QueryError("NOT_SUPPORTED", "EXPLAIN of this statement is not supported")
        translated = self.translate(inner.sql, self.job.database)
        if statement.analyze:
            self.scanned = self.measure(translated)
        verb = "EXPLAIN ANALYZE " if statement.analyze else "EXPLAIN "
        self.cursor.execute(verb + translated.sql)
        text = "\n".join(row[1] for row in self.cursor.fetchall())
        text = text.replace(translate.UNNAMED, "_col")
        column = metastore.text_column("Query Plan")
        return self.text_result([[line] for line in text.splitlines()], [column], True)

    def _create_view(self, statement: ddl.CreateView) -> Outcome:
        name = self.table_name(statement.table)
        self.catalog.require_database(name.database or "")
        found = self.catalog.table(name.database or "", name.name)
        if found is not None and not (found.is_view and statement.replace):
            where = position(self.job.sql, statement.table.offset)
            full = f"awsdatacatalog.{name.database}.{name.name}"
            kind = "View" if found.is_view else "Table"
            raise QueryError("TABLE_ALREADY_EXISTS", f"{where}: {kind} already exists: '{full}'")
        translated = self.translate(statement.query, self.job.database)
        self.cursor.execute(f"SELECT * FROM ({translated.sql}) AS q LIMIT 0")
        columns = writer.named_columns(self.cursor.description or [])
        self.catalog.put_table(
            Table(
                name.database or "",
                name.name,
                "view",
                columns,
                parameters={"comment": "Presto View", "presto_view": "true"},
                view_sql=statement.query.strip(),
                serde_parameters={"database": self.job.database},
            )
        )
        return self.text_result([], [], False)

    # -- names ----------------------------------------------------------------------------------

    def table_name(self, name: Name) -> Name:
        """The name with its database."""
        return Name(name.name, name.database or self.job.database, name.offset)

    def require_table(self, name: Name) -> Table:
        """A table of the catalogue; the query fails when there is none."""
        full = self.table_name(name)
        found = self.catalog.table(full.database or "", full.name)
        if found is None:
            raise self.missing(full, self.job.sql)
        return found

    def missing(self, name: Name, sql: str) -> QueryError:
        """The error for a table that is not there."""
        where = position(sql, name.offset)
        if self.catalog.database(name.database or "") is None:
            return QueryError(
                "SCHEMA_NOT_FOUND", f"{where}: Schema '{name.database}' does not exist"
            )
        full = f"awsdatacatalog.{name.database}.{name.name}"
        return QueryError("TABLE_NOT_FOUND", f"{where}: Table '{full}' does not exist")

    def translate(self, sql: str, database: str) -> translate.Translated:
        """Translates a query and makes the relations that it reads."""

        def make(rows_first: bool) -> translate.Translated:
            tree = translate.parse_query(sql)

            def resolve(name: Name) -> tuple[str, dict[str, Type]]:
                return self._resolve(name, database, sql)

            return translate.translate(tree, sql, resolve, rows_first)

        out = make(False)
        self._columns = out.columns
        if out.ambiguous:  # the binder tells whether UNNEST has a map or an array of rows
            try:
                self.cursor.execute(f"DESCRIBE {out.sql}")
            except duckdb.BinderException:
                out = make(True)
        return out

    def _resolve(self, name: Name, database: str, sql: str) -> tuple[str, dict[str, Type]]:
        full = Name(name.name, name.database or database, name.offset)
        key = (full.database or "", full.name)
        if key not in self._relations:
            made = self._relation(full, sql)
            relation_name = f"relation{len(self._relations)}"
            self.cursor.execute(f"CREATE TEMP VIEW {relation_name} AS {made.sql}")
            self._relations[key] = relation_name
            table = self.catalog.table(*key)
            keys = table.partition_keys if table is not None else []
            self._read[relation_name] = made, [column.name for column in keys]
        table = self.catalog.table(*key)
        columns = table.all_columns() if table is not None else []
        return self._relations[key], {column.name: column.parsed for column in columns}

    def _relation(self, name: Name, sql: str) -> Relation:
        if name.database == _INFORMATION_SCHEMA:
            found = metastore.information_schema(self.catalog, name.name)
            if found is None:
                raise self.missing(name, sql)
            return Relation(found)
        if name.name.endswith("$partitions"):
            table = self.catalog.table(name.database or "", name.name[: -len("$partitions")])
            if table is not None:
                return Relation(metastore.partitions_relation(self.catalog, table))
        table = self.catalog.table(name.database or "", name.name)
        if table is None:
            raise self.missing(name, sql)
        if table.is_view:
            return self._view(table)
        return relation(table, self.catalog, self.client, self._parquet_columns)

    def _view(self, table: Table) -> Relation:
        if self._depth >= 16:
            raise QueryError("NOT_SUPPORTED", f"View '{table.name}' is nested too deeply")
        self._depth += 1
        try:
            database = table.serde_parameters.get("database") or table.database
            body = self.translate(table.view_sql, database)
        finally:
            self._depth -= 1
        names = ", ".join(quote(column.name) for column in table.columns)
        return Relation(f"SELECT * FROM ({body.sql}) AS v({names})", self.measure(body))

    # -- bytes scanned --------------------------------------------------------------------------

    def measure(self, translated: Translated) -> int:
        """Bytes of the objects that a query reads, each mention of a table counted."""
        return sum(map(self._scan_bytes, translated.scans))

    def _scan_bytes(self, scan: Scan) -> int:
        read, keys = self._read[scan.relation]
        query = scan.partition_query(keys, [values for values, _ in read.partitions])
        if query is None:
            return read.bytes
        try:
            numbers = self.cursor.execute(query).fetchall()
        except duckdb.InterruptException:
            raise
        except duckdb.Error:  # the query itself will tell
            return read.bytes
        return sum(read.partitions[number][1] for (number,) in numbers)

    def _parquet_columns(self, uri: str) -> set[str]:
        self.cursor.execute(f"DESCRIBE SELECT * FROM read_parquet([{literal(uri)}])")
        return {str(row[0]).lower() for row in self.cursor.fetchall()}

    # -- errors ---------------------------------------------------------------------------------

    def explain(self, error: duckdb.Error) -> QueryError:
        """The engine's error in the words that Athena uses."""
        text = str(error).split("\n\nLINE ")[0]
        body = re.sub(r"^[A-Z][A-Za-z ]+ Error: ", "", text)
        own = re.match(r"([A-Z]{4,}(?:_[A-Z]+)+): (.*)", body, re.DOTALL)
        if own:
            return QueryError(own.group(1), own.group(2))
        if body.startswith("Division by zero"):
            return QueryError("DIVISION_BY_ZERO", "/ by zero")
        column = re.search(r'[Rr]eferenced column "([^"]+)" (?:was )?not found', body)
        if column is None:
            column = re.search(r'does not have a column named "([^"]+)"', body)
        if column is None:
            column = re.search(r'Referenced table "([^"]+)" not found', body)
        if column:
            name = column.group(1)
            where = self._column_position(name)
            return QueryError("COLUMN_NOT_FOUND", f"{where}Column '{name}' cannot be resolved")
        return self._explain_kind(error, " ".join(body.split()))

    def _column_position(self, name: str) -> str:
        offset = self._columns.get(name.rpartition(".")[2].lower())
        return "" if offset is None else position(self.job.sql, offset) + ": "

    def _explain_kind(self, error: duckdb.Error, body: str) -> QueryError:
        grouped = re.match(r'column "([^"]+)" must appear in the GROUP BY', body)
        if grouped:
            name = grouped.group(1)
            text = f"'{name}' must be an aggregate expression or appear in GROUP BY clause"
            return QueryError("EXPRESSION_NOT_AGGREGATE", self._column_position(name) + text)
        cast = re.match(r"Could not convert string '(.*)' to (\w+)", body)
        if cast:
            kind = {"INT32": "integer", "INT64": "bigint"}.get(cast.group(2), cast.group(2).lower())
            return QueryError("INVALID_CAST_ARGUMENT", f"Cannot cast '{cast.group(1)}' to {kind}")
        kinds: list[tuple[type[duckdb.Error], str]] = [
            (duckdb.OutOfMemoryException, "EXCEEDED_MEMORY_LIMIT"),
            (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
            (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
            (duckdb.CatalogException, "FUNCTION_NOT_FOUND"),
            (duckdb.BinderException, "TYPE_MISMATCH"),
            (duckdb.ParserException, "SYNTAX_ERROR"),
            (duckdb.PermissionException, "PERMISSION_DENIED"),
            (duckdb.IOException, "HIVE_CANNOT_OPEN_SPLIT"),
            (duckdb.InvalidInputException, "HIVE_BAD_DATA"),
        ]
        for kind, name in kinds:
            if isinstance(error, kind):
                return QueryError(name, body)
        return QueryError("GENERIC_INTERNAL_ERROR", body)


def output_label(name: str, index: int, translated: translate.Translated) -> str:
    """The label of an output column: Athena numbers the unnamed ones."""
    if name.startswith(translate.UNNAMED):
        return f"_col{index}"
    return translated.labels.get(index, name)

"""Parser of statements that the SQL engine does not take: Hive DDL, SHOW, and statement frames.

``parse`` gives one of the dataclasses of ``statements``. Inner queries stay text, padded with
blanks in front so that positions in error messages are those of the whole statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .catalog import Column
from .errors import malformed_query
from .sqltypes import MalformedType
from .sqltypes import parse as parse_type
from .statements import (
    AddPartitions,
    AlterTable,
    CreateDatabase,
    CreateTable,
    CreateTableAs,
    CreateView,
    Deallocate,
    Describe,
    Drop,
    DropDatabase,
    DropPartitions,
    Execute,
    Explain,
    Insert,
    Name,
    Prepare,
    Query,
    RepairTable,
    Show,
    Statement,
    Unload,
    Unsupported,
    statement_type,
)

__all__ = [
    "AddPartitions",
    "AlterTable",
    "CreateDatabase",
    "CreateTable",
    "CreateTableAs",
    "CreateView",
    "Deallocate",
    "Describe",
    "Drop",
    "DropDatabase",
    "DropPartitions",
    "Execute",
    "Explain",
    "Insert",
    "Name",
    "Prepare",
    "Query",
    "RepairTable",
    "Show",
    "Statement",
    "Token",
    "Unload",
    "Unsupported",
    "parse",
    "position",
    "statement_type",
    "substitute",
    "tokenize",
]

_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*|/\*.*?\*/)
      |(?P<string>'(?:[^'\\]|''|\\.)*')
      |(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
      |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      |(?P<word>[^\W\d][\w$@]*)
      |(?P<mark><>|!=|<=|>=|\|\||->|=>|.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\", "'": "'", '"': '"', "b": "\b"}


@dataclass(frozen=True)
class Token:
    """``text`` is upper case for words; ``raw`` as written."""

    kind: str
    text: str
    raw: str
    start: int
    end: int


def tokenize(sql: str) -> list[Token]:
    """Tokens without white space and comments."""
    out = []
    for match in _TOKEN.finditer(sql):
        kind = str(match.lastgroup)
        if kind != "skip":
            raw = match.group()
            text = raw.upper() if kind == "word" else raw
            out.append(Token(kind, text, raw, match.start(), match.end()))
    return out


def position(sql: str, offset: int) -> str:
    """``line L:C`` of an offset."""
    line = sql.count("\n", 0, offset) + 1
    return f"line {line}:{offset - (sql.rfind(chr(10), 0, offset) + 1) + 1}"


_STARTS = frozenset(
    [
        "CREATE",
        "DROP",
        "ALTER",
        "MSCK",
        "INSERT",
        "UNLOAD",
        "SHOW",
        "DESCRIBE",
        "DESC",
        "EXPLAIN",
        "PREPARE",
        "EXECUTE",
        "DEALLOCATE",
        "DELETE",
        "UPDATE",
        "MERGE",
        "VACUUM",
        "OPTIMIZE",
    ]
)


class _Parser:
    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = tokenize(sql)
        if self.tokens and self.tokens[-1].text == ";":
            self.tokens.pop()
        self.index = 0

    # -- tokens ---------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        if self.index < len(self.tokens):
            return self.tokens[self.index]
        return Token("end", "", "<EOF>", len(self.sql), len(self.sql))

    def fail(self, expecting: str) -> Exception:
        token = self.token
        where = position(self.sql, token.start)
        return malformed_query(f"{where}: mismatched input '{token.raw}'. Expecting: {expecting}")

    def at(self, *words: str) -> bool:
        ahead = self.tokens[self.index : self.index + len(words)]
        return len(ahead) == len(words) and all(
            t.text == w for t, w in zip(ahead, words, strict=True)
        )

    def accept(self, *words: str) -> bool:
        if self.at(*words):
            self.index += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        for word in words:
            if not self.accept(word):
                raise self.fail(f"'{word}'")

    def next(self) -> Token:
        token = self.token
        if token.kind == "end":
            raise self.fail("more")
        self.index += 1
        return token

    def end(self) -> None:
        if self.token.kind != "end":
            raise self.fail("<EOF>")

    def rest(self) -> str:
        """The remaining text; blanks stand for what was before, lines kept."""
        token = self.token
        if token.kind == "end":
            raise self.fail("a query")
        return self.padded(token.start, self.tokens[-1].end)

    def padded(self, start: int, end: int) -> str:
        return re.sub(r"[^\n]", " ", self.sql[:start]) + self.sql[start:end]

    # -- pieces ---------------------------------------------------------------------------------

    def identifier(self) -> str:
        token = self.token
        if token.kind == "word":
            self.index += 1
            return token.raw.lower()
        if token.kind == "quoted":
            self.index += 1
            mark = token.raw[0]
            return token.raw[1:-1].replace(mark * 2, mark).lower()
        raise self.fail("<identifier>")

    def name(self) -> Name:
        offset = self.token.start
        parts = [self.identifier()]
        while self.accept("."):
            parts.append(self.identifier())
        if len(parts) > 3:
            raise self.fail("a table name")
        if len(parts) == 3:
            parts = parts[1:]
        return Name(parts[-1], parts[0] if len(parts) == 2 else None, offset)

    def string(self) -> str:
        token = self.token
        if token.kind == "quoted" and token.raw[0] == '"':
            self.index += 1
            return token.raw[1:-1]
        if token.kind != "string":
            raise self.fail("<string>")
        self.index += 1
        return token.raw[1:-1].replace("''", "'")

    def hive_string(self) -> str:
        """A string with Hive's backslash escapes."""
        text = self.string()

        def unescape(match: re.Match[str]) -> str:
            body = match.group(1)
            if body[0] == "u" and len(body) == 5:
                return chr(int(body[1:], 16))
            if len(body) == 3 and body.isdigit():
                return chr(int(body, 8))
            return _ESCAPES.get(body, "\\" + body if body not in "%_" else body)

        return re.sub(r"\\(u[0-9a-fA-F]{4}|[0-3][0-7]{2}|.)", unescape, text, flags=re.DOTALL)

    def properties(self) -> dict[str, str]:
        """('k' = 'v', ...)"""
        out: dict[str, str] = {}
        self.expect("(")
        while True:
            key = self.string() if self.token.kind != "word" else self.identifier()
            self.expect("=")
            if self.token.kind == "number" or self.token.kind == "word":
                out[key] = self.next().raw
            else:
                out[key] = self.hive_string()
            if not self.accept(","):
                break
        self.expect(")")
        return out

    def trino_properties(self) -> dict[str, object]:
        """(k = 'v' | ARRAY['a', ...] | 1 | true, ...)"""
        out: dict[str, object] = {}
        self.expect("(")
        while True:
            key = self.identifier()
            self.expect("=")
            if self.accept("ARRAY", "["):
                items = []
                while not self.accept("]"):
                    items.append(self.string())
                    self.accept(",")
                out[key] = items
            elif self.token.kind == "string":
                out[key] = self.string()
            else:
                out[key] = self.next().raw
            if not self.accept(","):
                break
        self.expect(")")
        return out

    def type_text(self) -> str:
        start, depth = self.token.start, 0
        while self.token.kind != "end":
            text = self.token.text
            if text in ("<", "("):
                depth += 1
            elif text in (">", ")"):
                if depth == 0:
                    break
                depth -= 1
            elif depth == 0 and (text in (",", "COMMENT") or self.token.kind == "string"):
                break
            self.index += 1
        end = self.tokens[self.index - 1].end
        text = self.sql[start:end]
        try:
            return parse_type(text).hive()
        except MalformedType as error:
            where = position(self.sql, start)
            raise malformed_query(f"{where}: {error}") from None

    def columns(self) -> list[Column]:
        out: list[Column] = []
        self.expect("(")
        while True:
            column = Column(self.identifier(), "")
            column.type = self.type_text()
            if self.accept("COMMENT"):
                column.comment = self.hive_string()
            out.append(column)
            if not self.accept(","):
                break
        self.expect(")")
        return out

    def partition_spec(self) -> dict[str, str]:
        self.expect("(")
        out: dict[str, str] = {}
        while True:
            key = self.identifier()
            self.expect("=")
            if self.token.kind == "string" or self.token.kind == "quoted":
                out[key] = self.string()
            elif self.at("DATE") or self.at("TIMESTAMP"):
                self.index += 1
                out[key] = self.string()
            else:
                sign = "-" if self.accept("-") else ""
                out[key] = sign + self.next().raw
            if not self.accept(","):
                break
        self.expect(")")
        return out

    # -- statements -----------------------------------------------------------------------------

    def statement(self) -> Statement:
        first = self.token.text
        if first in ("SELECT", "WITH", "VALUES", "TABLE", "("):
            return Query(self.sql if self.tokens[-1].end == len(self.sql.rstrip()) else self.rest())
        method = getattr(self, "_" + first.lower()) if first in _STARTS else None
        if method is None:
            where = position(self.sql, self.token.start)
            raise malformed_query(
                f"{where}: mismatched input '{self.token.raw}'. Expecting: 'ALTER', 'ANALYZE', "
                "'CREATE', 'DEALLOCATE', 'DELETE', 'DESCRIBE', 'DROP', 'EXECUTE', 'EXPLAIN', "
                "'INSERT', 'MERGE', 'PREPARE', 'SHOW', 'UNLOAD', 'UPDATE', 'USING', <query>"
            )
        self.index += 1
        found: Statement = method()
        return found

    def _create(self) -> Statement:
        if self.accept("DATABASE") or self.accept("SCHEMA"):
            return self._create_database()
        if self.accept("OR", "REPLACE"):
            self.expect("VIEW")
            return self._create_view(True)
        if self.accept("VIEW"):
            return self._create_view(False)
        external = self.accept("EXTERNAL")
        self.expect("TABLE")
        missing = self.accept("IF", "NOT", "EXISTS")
        table = self.name()
        if not external and (self.at("WITH") or self.at("AS")):
            return self._create_table_as(table, missing)
        if not self.at("("):
            raise self.fail("'(', 'AS', 'WITH'")
        return self._create_table(table, external, missing)

    def _create_database(self) -> Statement:
        missing = self.accept("IF", "NOT", "EXISTS")
        out = CreateDatabase(self.name().name, missing)
        while self.token.kind != "end":
            if self.accept("COMMENT"):
                out.comment = self.hive_string()
            elif self.accept("LOCATION"):
                out.location = self.string()
            elif self.accept("WITH", "DBPROPERTIES"):
                out.properties = self.properties()
            else:
                raise self.fail("'COMMENT', 'LOCATION', 'WITH', <EOF>")
        return out

    def _create_view(self, replace: bool) -> Statement:
        table = self.name()
        self.expect("AS")
        return CreateView(table, replace, self.rest())

    def _create_table_as(self, table: Name, missing: bool) -> Statement:
        properties: dict[str, object] = {}
        if self.accept("WITH"):
            properties = self.trino_properties()
        self.expect("AS")
        tail = [token.text for token in self.tokens[-3:]]
        with_data = True
        if tail == ["WITH", "NO", "DATA"]:
            with_data = False
            del self.tokens[-3:]
        elif tail[-2:] == ["WITH", "DATA"]:
            del self.tokens[-2:]
        return CreateTableAs(table, missing, properties, self.rest(), with_data)

    def _create_table(self, table: Name, external: bool, missing: bool) -> Statement:
        out = CreateTable(table, external, missing, self.columns(), [])
        while self.token.kind != "end":
            if self.accept("COMMENT"):
                out.comment = self.hive_string()
            elif self.accept("PARTITIONED", "BY"):
                out.partition_keys = self._partition_columns()
            elif self.accept("CLUSTERED", "BY"):
                self._bucketing()
            elif self.accept("ROW", "FORMAT"):
                self._row_format(out)
            elif self.accept("WITH", "SERDEPROPERTIES"):
                out.serde_parameters.update(self.properties())
            elif self.accept("STORED", "AS"):
                self._stored_as(out)
            elif self.accept("LOCATION"):
                out.location = self.string()
            elif self.accept("TBLPROPERTIES"):
                out.properties = self.properties()
            else:
                raise self.fail("'LOCATION', 'PARTITIONED', 'ROW', 'STORED', 'TBLPROPERTIES'")
        return out

    def _partition_columns(self) -> list[Column]:
        # Iceberg writes transforms or bare names here; types then follow none of them.
        depth, bare = 0, False
        for token in self.tokens[self.index :]:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0:
                break
            following = self.tokens[self.index + 2].text if token is self.token else ""
            bare = bare or following in (",", ")", "(")
        if bare:
            while not self.accept(")"):
                self.next()
                if self.token.text == "(":
                    while not self.accept(")"):
                        self.next()
            return []
        return self.columns()

    def _bucketing(self) -> None:
        self.expect("(")
        while not self.accept(")"):
            self.next()
        self.expect("INTO")
        self.next()
        self.expect("BUCKETS")

    def _row_format(self, out: CreateTable) -> None:
        if self.accept("SERDE"):
            out.serde = self.string()
            return
        self.expect("DELIMITED")
        names = {
            ("FIELDS", "TERMINATED", "BY"): "field.delim",
            ("ESCAPED", "BY"): "escape.delim",
            ("COLLECTION", "ITEMS", "TERMINATED", "BY"): "colelction.delim",
            ("MAP", "KEYS", "TERMINATED", "BY"): "mapkey.delim",
            ("LINES", "TERMINATED", "BY"): "line.delim",
            ("NULL", "DEFINED", "AS"): "serialization.null.format",
        }
        found = True
        while found:
            found = False
            for words, key in names.items():
                if self.accept(*words):
                    out.serde_parameters[key] = self.hive_string()
                    found = True
        delim = out.serde_parameters.get("field.delim")
        if delim is not None:
            out.serde_parameters["serialization.format"] = delim

    def _stored_as(self, out: CreateTable) -> None:
        if self.accept("INPUTFORMAT"):
            out.stored_as = self.string()
            self.expect("OUTPUTFORMAT")
            self.string()
        else:
            out.stored_as = self.identifier().upper()

    def _drop(self) -> Statement:
        if self.accept("DATABASE") or self.accept("SCHEMA"):
            exists = self.accept("IF", "EXISTS")
            name = self.name().name
            cascade = self.accept("CASCADE")
            if not cascade:
                self.accept("RESTRICT")
            self.end()
            return DropDatabase(name, exists, cascade)
        view = self.accept("VIEW")
        if not view:
            self.expect("TABLE")
        exists = self.accept("IF", "EXISTS")
        out = Drop(self.name(), view, exists)
        self.accept("PURGE")
        self.end()
        return out

    def _alter(self) -> Statement:
        self.expect("TABLE")
        table = self.name()
        if self.accept("ADD"):
            missing = self.accept("IF", "NOT", "EXISTS")
            if self.accept("COLUMNS"):
                return AlterTable(table, add=self.columns())
            return self._add_partitions(table, missing)
        if self.accept("REPLACE", "COLUMNS"):
            return AlterTable(table, replace=self.columns())
        if self.accept("DROP"):
            exists = self.accept("IF", "EXISTS")
            specs: list[dict[str, str]] = []
            while self.accept("PARTITION") or (specs and self.accept(",", "PARTITION")):
                specs.append(self.partition_spec())
            if not specs:
                raise self.fail("'PARTITION'")
            self.accept("PURGE")
            self.end()
            return DropPartitions(table, exists, specs)
        if self.accept("SET", "LOCATION"):
            return AlterTable(table, location=self.string())
        if self.accept("SET", "TBLPROPERTIES"):
            return AlterTable(table, properties=self.properties())
        return Unsupported("ALTER TABLE of this form")

    def _add_partitions(self, table: Name, missing: bool) -> Statement:
        partitions = []
        while self.accept("PARTITION"):
            spec = self.partition_spec()
            location = self.string() if self.accept("LOCATION") else ""
            partitions.append((spec, location))
        if not partitions:
            raise self.fail("'PARTITION', 'COLUMNS'")
        self.end()
        return AddPartitions(table, missing, partitions)

    def _msck(self) -> Statement:
        self.expect("REPAIR", "TABLE")
        table = self.name()
        self.end()
        return RepairTable(table)

    def _insert(self) -> Statement:
        self.expect("INTO")
        self.accept("TABLE")
        table = self.name()
        columns: list[str] = []
        if self.at("(") and self.tokens[self.index + 1].text not in ("SELECT", "WITH", "VALUES"):
            self.expect("(")
            columns.append(self.identifier())
            while self.accept(","):
                columns.append(self.identifier())
            self.expect(")")
        return Insert(table, columns, self.rest())

    def _unload(self) -> Statement:
        start = self.token.start + 1
        self.expect("(")
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(self.next().text, 0)
        query = self.padded(start, self.tokens[self.index - 1].start)
        self.expect("TO")
        location = self.string()
        properties = self.trino_properties() if self.accept("WITH") else {}
        self.end()
        return Unload(query, location, properties)

    def _show(self) -> Statement:
        for what in ("DATABASES", "SCHEMAS"):
            if self.accept(what):
                return Show("DATABASES", pattern=self._pattern())
        for what in ("TABLES", "VIEWS"):
            if self.accept(what):
                database = None
                if self.accept("IN") or self.accept("FROM"):
                    database = self.name().name
                return Show(what, database=database, pattern=self._pattern())
        if self.accept("COLUMNS"):
            table = self._of_table()
            database = self.identifier() if self.accept("IN") or self.accept("FROM") else None
            if database:
                table = Name(table.name, database, table.offset)
            return Show("COLUMNS", table)
        if self.accept("PARTITIONS"):
            self.accept("IN") or self.accept("FROM")
            return Show("PARTITIONS", self.name())
        if self.accept("CREATE", "TABLE"):
            return Show("CREATE TABLE", self.name())
        if self.accept("CREATE", "VIEW"):
            return Show("CREATE VIEW", self.name())
        if self.accept("TBLPROPERTIES"):
            table = self.name()
            key = ""
            if self.accept("("):
                key = self.string()
                self.expect(")")
            return Show("TBLPROPERTIES", table, key=key)
        if self.accept("FUNCTIONS"):
            return Show("FUNCTIONS", pattern=self._pattern())
        raise self.fail("'COLUMNS', 'CREATE', 'DATABASES', 'PARTITIONS', 'SCHEMAS', 'TABLES'")

    def _of_table(self) -> Name:
        if not (self.accept("IN") or self.accept("FROM")):
            raise self.fail("'FROM', 'IN'")
        return self.name()

    def _pattern(self) -> str:
        if self.token.kind == "end":
            return ""
        if self.accept("LIKE"):
            pattern = self.string()
            pattern = re.escape(pattern).replace("%", ".*").replace("_", ".").replace(r"\*", ".*")
            pattern = pattern.replace(r"\|", "|")
        else:
            pattern = self.string().replace("*", ".*") if self.token.kind != "end" else ""
        self.end()
        return pattern

    def _describe(self) -> Statement:
        extended = self.accept("EXTENDED") or self.accept("FORMATTED")
        self.accept("TABLE")
        table = self.name()
        return Describe(table, extended)

    _desc = _describe

    def _explain(self) -> Statement:
        analyze = self.accept("ANALYZE")
        self.accept("VERBOSE")
        if self.at("(") and self.tokens[self.index + 1].text in ("TYPE", "FORMAT"):
            while not self.accept(")"):
                self.next()
        return Explain(self.rest(), analyze)

    def _prepare(self) -> Statement:
        name = self.identifier()
        self.expect("FROM")
        return Prepare(name, self.rest().strip())

    def _execute(self) -> Statement:
        name = self.identifier()
        values: list[str] = []
        if self.accept("USING"):
            depth, start = 0, self.token.start
            while self.token.kind != "end":
                token = self.next()
                depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
                if token.text == "," and depth == 0:
                    values.append(self.sql[start : token.start].strip())
                    start = token.end
            values.append(self.sql[start : self.tokens[-1].end].strip())
        self.end()
        return Execute(name, values)

    def _deallocate(self) -> Statement:
        self.expect("PREPARE")
        return Deallocate(self.identifier())

    def _delete(self) -> Statement:
        return Unsupported("DELETE")

    def _update(self) -> Statement:
        return Unsupported("UPDATE")

    def _merge(self) -> Statement:
        return Unsupported("MERGE")

    def _vacuum(self) -> Statement:
        return Unsupported("VACUUM")

    def _optimize(self) -> Statement:
        return Unsupported("OPTIMIZE")


def parse(sql: str) -> Statement:
    """Parses one statement; ApiError (MALFORMED_QUERY) when it is none."""
    parser = _Parser(sql)
    if not parser.tokens:
        raise malformed_query("line 1:1: mismatched input '<EOF>'. Expecting: <query>")
    return parser.statement()


def substitute(sql: str, values: list[str]) -> str:
    """Replaces each ``?`` outside strings and comments by the SQL text of a value."""
    out, last, count = [], 0, 0
    for token in tokenize(sql):
        if token.text == "?":
            if count == len(values):
                raise malformed_query("Incorrect number of parameters: too few values")
            out += [sql[last : token.start], values[count]]
            last, count = token.end, count + 1
    if count != len(values):
        raise malformed_query(
            f"Incorrect number of parameters: expected {count} but found {len(values)}"
        )
    return "".join(out) + sql[last:]

"""Athena's SELECT into DuckDB's: names resolved, functions checked, semantics set right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from . import scans
from .ddl import Name, position
from .errors import QueryError, malformed_query
from .functions import PASS, RENAMED
from .render import parse_zone
from .rewrite import ZONED, Rewriter, type_size
from .sqltypes import Type

# Resolves a table to the name of a relation in the engine and its columns' types.
Resolver = Callable[[Name], tuple[str, dict[str, Type]]]

UNNAMED = "__ath_col"
_DENIED = tuple(
    getattr(exp, name)
    for name in ("ReadCSV", "ReadParquet", "Command", "Into", "Pragma", "Copy", "Attach")
    if hasattr(exp, name)
)
_TABLE_FUNCTIONS = (exp.Unnest, exp.Values, exp.Lateral, exp.GenerateSeries)


@dataclass
class Hint:
    """What the text tells of an output column that the engine's type does not."""

    zone: str | None = None
    kind: Type | None = None


@dataclass
class Translated:
    """DuckDB's SQL, with hints by output position (only when no ``*`` stands in front)."""

    sql: str
    hints: dict[int, Hint] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    ambiguous: bool = False
    scans: list[scans.Scan] = field(default_factory=list)


def parse_query(sql: str) -> exp.Expression:
    """The tree of a query; ApiError (MALFORMED_QUERY) when it does not parse."""
    try:
        trees = sqlglot.parse(sql, read="trino")
    except RecursionError:
        raise malformed_query("line 1:1: the query is nested too deeply") from None
    except SqlglotError as error:
        raise malformed_query(_parse_message(sql, error)) from None
    trees = [tree for tree in trees if tree is not None]
    if len(trees) != 1:
        raise malformed_query("line 1:1: Only one sql statement is allowed")
    tree = trees[0]
    if not isinstance(tree, (exp.Query, exp.Values, exp.Table)):
        raise malformed_query("line 1:1: Queries of this type are not supported")
    return tree


def _parse_message(sql: str, error: SqlglotError) -> str:
    details = getattr(error, "errors", None) or [{}]
    first = details[0]
    line, column = first.get("line"), first.get("col")
    near = (first.get("highlight") or "").strip()
    text = (first.get("description") or str(error).splitlines()[0]).split(" for <class")[0]
    if line is None:
        return f"line 1:1: {text}"
    column = max(1, int(column or 1) - len(near) + 1)
    return f"line {line}:{column}: mismatched input '{near}'. {text}"


def translate(
    tree: exp.Expression, sql: str, resolve: Resolver, rows_first: bool = False
) -> Translated:
    """Translates a parsed query (the tree is used up).

    ``rows_first`` takes UNNEST's argument of unknown type for an array of rows, not for a map.
    """
    out = Translated("")
    for column in tree.find_all(exp.Column):
        start = column.this.meta.get("start") if isinstance(column.this, exp.Expression) else None
        if start is not None:
            out.columns.setdefault(column.name.lower(), start)
    try:
        _check(tree, sql)
        _name_outputs(tree, out)
        types = _resolve_tables(tree, resolve)
        tree = Rewriter(types, rows_first, out).run(tree)
        if isinstance(tree, exp.Table):
            tree = exp.select("*").from_(tree)
        out.scans = scans.find(tree)
        out.sql = tree.sql(dialect="duckdb", identify=True, unsupported_level=None)
    except RecursionError:
        raise QueryError("SYNTAX_ERROR", "the query is nested too deeply") from None
    except SqlglotError as error:
        raise QueryError("NOT_SUPPORTED", str(error).splitlines()[0]) from None
    return out


def _where(node: exp.Expression, sql: str) -> str:
    for part in node.walk():
        start = part.meta.get("start")
        if start is not None:
            return position(sql, start) + ": "
    return ""


def _check(tree: exp.Expression, sql: str) -> None:
    """Refuses what would leave the catalogue: file readers, commands, unknown functions."""
    for node in tree.walk():
        if isinstance(node, _DENIED):
            raise QueryError("FUNCTION_NOT_FOUND", f"{_where(node, sql)}not supported here")
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
            if not isinstance(node.this, _TABLE_FUNCTIONS):
                anonymous = isinstance(node.this, exp.Anonymous)
                name = (node.this.name if anonymous else node.this.sql_name()).lower()
                text = f"Table function '{name}' not registered"
                raise QueryError("FUNCTION_NOT_FOUND", _where(node, sql) + text)
        if isinstance(node, (exp.Placeholder, exp.Parameter)):
            raise QueryError("SYNTAX_ERROR", "Incorrect number of parameters: a value is missing")
        if type(node) in (exp.Anonymous, exp.AnonymousAggFunc):
            name = node.name.lower()
            if name not in PASS and name not in RENAMED:
                where = _where(node, sql)
                raise QueryError("FUNCTION_NOT_FOUND", f"{where}Function '{name}' not registered")


# -- tables -------------------------------------------------------------------------------------


def _ctes(node: exp.Expression) -> set[str]:
    """Names of the common table expressions that a node sees."""
    names: set[str] = set()
    inner: exp.Expression = node
    parent = node.parent
    while parent is not None:
        if isinstance(parent, exp.With):
            # Inside a WITH: the expressions before this one, all of them when it is recursive.
            for cte in parent.expressions:
                if cte is inner and not parent.args.get("recursive"):
                    break
                names.add(cte.alias.lower())
        else:
            with_ = parent.args.get("with_") or parent.args.get("with")
            if with_ is not None and with_ is not inner:
                names.update(cte.alias.lower() for cte in with_.expressions)
        inner, parent = parent, parent.parent
    own = node.args.get("with_")
    if own is not None:
        names.update(cte.alias.lower() for cte in own.expressions)
    return names


def _resolve_tables(tree: exp.Expression, resolve: Resolver) -> dict[str, Type | None]:
    """Puts relations for tables; returns the types of columns, None where names clash."""
    types: dict[str, Type | None] = {}
    for alias in tree.find_all(exp.Alias, exp.TableAlias):  # names that are not a table's own
        names = alias.args.get("columns") or []
        if isinstance(alias, exp.Alias):
            names = [] if _is_self_alias(alias) else [alias.args["alias"]]
        types.update((str(name.name).lower(), None) for name in names)
    for column in tree.find_all(exp.Column):
        if column.args.get("db"):
            column.set("db", None)
            column.set("catalog", None)
    for table in list(tree.find_all(exp.Table)):
        if isinstance(table.this, exp.Func):
            continue
        name = table.name
        if not table.args.get("db") and name.lower() in _ctes(table):
            continue
        first = table.args.get("catalog") or table.args.get("db") or table.this
        start = first.meta.get("start") or 0
        relation, columns = resolve(Name(name.lower(), table.db.lower() or None, int(start)))
        for key, kind in columns.items():
            types[key] = kind if types.get(key, kind) == kind else None
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name.lower(), quoted=True)))
        table.set("this", exp.to_identifier(relation, quoted=True))
        table.set("db", None)
        table.set("catalog", None)
        scans.mark(table, relation)
    return types


def _is_self_alias(alias: exp.Alias) -> bool:
    return isinstance(alias.this, exp.Column) and alias.this.name.lower() == alias.alias.lower()


# -- outputs ------------------------------------------------------------------------------------


def _name_outputs(tree: exp.Expression, out: Translated) -> None:
    for select in tree.find_all(exp.Select):
        for index, item in enumerate(select.expressions):
            if not _is_named(item):
                alias = exp.to_identifier(f"{UNNAMED}{index}", quoted=True)
                select.expressions[index].replace(exp.Alias(this=item.copy(), alias=alias))
    outer: exp.Expression = tree
    single = not isinstance(tree, exp.SetOperation)
    while isinstance(outer, (exp.SetOperation, exp.Subquery)):
        outer = outer.this
    if not isinstance(outer, exp.Select):
        return
    for index, item in enumerate(outer.expressions):
        if item.is_star:
            break
        hint = _hint(item.unalias())
        if hint is not None and single:
            out.hints[index] = hint
        if isinstance(item, exp.Column):
            out.labels[index] = item.name


def _is_named(item: exp.Expression) -> bool:
    if isinstance(item, (exp.Column, exp.Dot)) or item.is_star:
        return True
    return isinstance(item, (exp.Alias, exp.Aliases))


def _hint(item: exp.Expression) -> Hint | None:
    if isinstance(item, (exp.Paren, exp.Add, exp.Sub)):
        hint = _hint(item.this)
        wanted = isinstance(item, exp.Paren) or (hint and hint.kind == Type("interval_ym"))
        return hint if wanted else None
    if isinstance(item, exp.AtTimeZone) and isinstance(item.args.get("zone"), exp.Literal):
        return _zone_hint(item.args["zone"].name)
    if isinstance(item, exp.Anonymous) and item.name.lower() in ("with_timezone", "at_timezone"):
        if len(item.expressions) == 2 and isinstance(item.expressions[1], exp.Literal):
            return _zone_hint(item.expressions[1].name)
    if isinstance(item, exp.Null):
        return Hint(kind=Type("unknown"))
    if isinstance(item, exp.Literal) and item.is_string:
        return Hint(kind=Type("varchar", (len(item.name),)))
    if isinstance(item, exp.Interval):
        unit = str(item.args.get("unit") or "").upper()
        if unit.split()[0:1] in (["YEAR"], ["MONTH"]):
            return Hint(kind=Type("interval_ym"))
    if isinstance(item, exp.Cast):
        return _cast_hint(item)
    return None


def _zone_hint(zone: str) -> Hint | None:
    try:
        parse_zone(zone)
    except ValueError:
        return None
    return Hint(zone=zone)


def _cast_hint(item: exp.Cast) -> Hint | None:
    kind = item.to.this
    if kind in (exp.DataType.Type.VARCHAR, exp.DataType.Type.CHAR, exp.DataType.Type.TEXT):
        size = type_size(item.to)
        if kind == exp.DataType.Type.CHAR:
            return Hint(kind=Type("char", (size or 1,)))
        return Hint(kind=Type("varchar", (size,))) if size else None
    if isinstance(item.this, exp.Literal) and "TIMESTAMP" in kind.name:
        match = ZONED.match(item.this.name)
        return _zone_hint(match.group(2)) if match else None
    return None

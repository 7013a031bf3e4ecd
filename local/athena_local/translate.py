"""Athena's SELECT into DuckDB's: names resolved, functions checked, semantics set right."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from .ddl import Name, position
from .errors import QueryError, malformed_query
from .functions import PASS, RENAMED
from .render import parse_zone
from .types import Type

# Resolves (database or None, table, offset) to the name of a relation in the engine.
Resolver = Callable[[Name], str]

UNNAMED = "__ath_col"
_MAX_DEPTH = 400
_DENIED = tuple(
    getattr(exp, name)
    for name in ("ReadCSV", "ReadParquet", "Command", "Into", "Pragma", "Copy", "Attach")
    if hasattr(exp, name)
)
_TABLE_FUNCTIONS = (exp.Unnest, exp.Values, exp.Lateral, exp.GenerateSeries)
_ZONED = re.compile(r"^(.*\d)\s+([A-Za-z_]+(?:/[A-Za-z_+\-0-9]+)*|[+-]\d\d:\d\d)$")


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
    text = first.get("description") or str(error).splitlines()[0]
    if line is None:
        return f"line 1:1: {text}"
    column = max(1, int(column or 1) - len(near) + 1)
    return f"line {line}:{column}: mismatched input '{near}'. {text}"


def translate(tree: exp.Expression, sql: str, resolve: Resolver) -> Translated:
    """Translates a parsed query (the tree is used up)."""
    out = Translated("")
    for column in tree.find_all(exp.Column):
        start = column.this.meta.get("start") if isinstance(column.this, exp.Expression) else None
        if start is not None:
            out.columns.setdefault(column.name.lower(), start)
    try:
        _check(tree, sql)
        _name_outputs(tree, out)
        _resolve_tables(tree, resolve)
        tree = tree.transform(lambda node: _rewrite(node, sql), copy=False)
        if isinstance(tree, exp.Table):
            tree = exp.select("*").from_(tree)
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
                name = node.this.name or node.this.sql_name()
                raise QueryError("FUNCTION_NOT_FOUND", f"Table function '{name.lower()}' not registered")
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


def _resolve_tables(tree: exp.Expression, resolve: Resolver) -> None:
    for table in list(tree.find_all(exp.Table)):
        if isinstance(table.this, exp.Func):
            continue
        name = table.name
        if not table.args.get("db") and name.lower() in _ctes(table):
            continue
        start = table.this.meta.get("start") or 0
        relation = resolve(Name(name.lower(), table.db.lower() or None, int(start)))
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name.lower(), quoted=True)))
        table.set("this", exp.to_identifier(relation, quoted=True))
        table.set("db", None)
        table.set("catalog", None)


# -- outputs ------------------------------------------------------------------------------------


def _name_outputs(tree: exp.Expression, out: Translated) -> None:
    for select in tree.find_all(exp.Select):
        for index, item in enumerate(select.expressions):
            if not _is_named(item):
                alias = exp.to_identifier(f"{UNNAMED}{index}", quoted=True)
                select.expressions[index].replace(exp.Alias(this=item.copy(), alias=alias))
    outer: exp.Expression = tree
    while isinstance(outer, (exp.SetOperation, exp.Subquery)):
        outer = outer.this
    if not isinstance(outer, exp.Select):
        return
    for index, item in enumerate(outer.expressions):
        if item.is_star:
            break
        hint = _hint(item.unalias())
        if hint is not None:
            out.hints[index] = hint
        if isinstance(item, exp.Column):
            out.labels[index] = item.name


def _is_named(item: exp.Expression) -> bool:
    if isinstance(item, (exp.Column, exp.Dot)) or item.is_star:
        return True
    return isinstance(item, (exp.Alias, exp.Aliases))


def _hint(item: exp.Expression) -> Hint | None:
    if isinstance(item, exp.Paren):
        return _hint(item.this)
    if isinstance(item, exp.AtTimeZone) and isinstance(item.args.get("zone"), exp.Literal):
        return _zone_hint(item.args["zone"].name)
    if isinstance(item, exp.Anonymous) and item.name.lower() in ("with_timezone", "at_timezone"):
        if len(item.expressions) == 2 and isinstance(item.expressions[1], exp.Literal):
            return _zone_hint(item.expressions[1].name)
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
        size = _type_size(item.to)
        if kind == exp.DataType.Type.CHAR:
            return Hint(kind=Type("char", (size or 1,)))
        return Hint(kind=Type("varchar", (size,))) if size else None
    if isinstance(item.this, exp.Literal) and "TIMESTAMP" in kind.name:
        match = _ZONED.match(item.this.name)
        return _zone_hint(match.group(2)) if match else None
    return None


def _type_size(kind: exp.DataType) -> int:
    for param in kind.expressions:
        if param.name.isdigit():
            return int(param.name)
    return 0


# -- rewriting ----------------------------------------------------------------------------------


def _call(name: str, *arguments: exp.Expression) -> exp.Expression:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _rewrite(node: exp.Expression, sql: str) -> exp.Expression:
    handler = _REWRITES.get(type(node))
    return handler(node) if handler is not None else node


def _div(node: exp.Expression) -> exp.Expression:
    if _is_double(node.this) or _is_double(node.expression):
        return exp.Div(this=node.this, expression=node.expression, typed=True, safe=True)
    # DuckDB's // truncates integers, divides decimals and doubles, and fails on zero.
    return exp.Paren(this=exp.IntDiv(this=node.this, expression=node.expression))


def _is_double(node: exp.Expression) -> bool:
    """Whether the text alone says that this is a double."""
    if isinstance(node, (exp.Paren, exp.Neg, exp.Alias)):
        return _is_double(node.this)
    if isinstance(node, exp.Literal):
        return not node.is_string and "e" in node.name.lower()
    if isinstance(node, exp.Cast):
        return node.to.this in (exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT)
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
        return _is_double(node.this) or _is_double(node.expression)
    return isinstance(node, (exp.Sqrt, exp.Pow, exp.Exp, exp.Ln, exp.Rand))


def _interval_sum(node: exp.Expression) -> exp.Expression:
    left, right = node.this, node.expression
    if isinstance(right, exp.Interval) and not isinstance(left, exp.Interval):
        step = exp.Neg(this=exp.Paren(this=right)) if isinstance(node, exp.Sub) else right
        return _call("ath_plus", left, step)
    if isinstance(node, exp.Add) and isinstance(left, exp.Interval):
        return _call("ath_plus", right, left)
    return node


def _interval(node: exp.Expression) -> exp.Expression:
    value = node.this
    if isinstance(value, exp.Literal) and not value.is_string:
        node.set("this", exp.Literal.string(value.name))
    return node


def _anonymous(node: exp.Expression) -> exp.Expression:
    name = node.name.lower()
    if name in RENAMED:
        node.set("this", RENAMED[name])
    return node


def _cast(node: exp.Expression) -> exp.Expression:
    assert isinstance(node, exp.Cast)
    kind, to = node.to, node.to.this
    types = exp.DataType.Type
    if to in (types.VARCHAR, types.TEXT, types.CHAR, types.NCHAR):
        size = _type_size(kind)
        value = node.this
        if isinstance(value, exp.Literal) and value.is_string:
            text: exp.Expression = exp.cast(value, "TEXT")
        elif isinstance(node, exp.TryCast):
            text = exp.TryCast(this=value, to=exp.DataType.build("TEXT"))
        else:
            text = _call("ath_varchar", value)
        if to == types.CHAR:
            size = size or 1
            return _call("rpad", text, exp.Literal.number(size), exp.Literal.string(" "))
        if size:
            return _call("substr", text, exp.Literal.number(1), exp.Literal.number(size))
        return text
    if to == types.JSON and not isinstance(node.this, exp.Literal):
        return _call("to_json", node.this)
    if "TIME" in to.name and kind.expressions:
        kind.set("expressions", [])
    if to == types.TIMESTAMP and isinstance(node.this, exp.Literal):
        if _ZONED.match(node.this.name):
            node.set("to", exp.DataType.build("TIMESTAMPTZ"))
    if to == types.DECIMAL and not kind.expressions:
        value = node.this
        if isinstance(value, exp.Literal) and value.is_string:  # DECIMAL '1.50'
            return exp.cast(value, _decimal_of(value.name))
        node.set("to", exp.DataType.build("DECIMAL(38, 0)"))
    return node


def _decimal_of(text: str) -> str:
    whole, _, fraction = text.strip().lstrip("+-").partition(".")
    precision = max(1, len(whole.lstrip("0")) + len(fraction))
    return f"DECIMAL({min(38, precision)}, {min(38, len(fraction))})"


def _at_time_zone(node: exp.Expression) -> exp.Expression:
    return exp.cast(node.this, "TIMESTAMPTZ")


def _now(node: exp.Expression) -> exp.Expression:
    kind = "TIMESTAMP" if isinstance(node, exp.Localtimestamp) else "TIMESTAMPTZ"
    millis = _call("date_trunc", exp.Literal.string("millisecond"), _call("now"))
    return exp.cast(millis, kind)


def _struct(node: exp.Expression) -> exp.Expression:
    if any(isinstance(item, (exp.PropertyEQ, exp.Alias)) for item in node.expressions):
        return node
    return _call("row", *node.expressions)


def _regexp_replace(node: exp.Expression) -> exp.Expression:
    replacement = node.args.get("replacement")
    if replacement is None:
        node.set("replacement", exp.Literal.string(""))
    elif isinstance(replacement, exp.Literal):
        text = replacement.name.replace("\\", "\\\\")
        text = re.sub(r"\\\\(\$)", r"\1", text) if "\\\\$" in text else text
        text = re.sub(r"\$\{?(\d)\}?", r"\\\1", text)
        node.set("replacement", exp.Literal.string(text))
    return node


def _sequence(node: exp.Expression) -> exp.Expression:
    arguments = [node.args.get(key) for key in ("start", "end", "step")]
    return _call("ath_sequence", *[item for item in arguments if item is not None])


def _array_size(node: exp.Expression) -> exp.Expression:
    return _call("ath_cardinality", node.this)


def _contains(node: exp.Expression) -> exp.Expression:
    return _call("ath_contains", node.this, node.expression)


def _slice(node: exp.Expression) -> exp.Expression:
    return _call("ath_slice", node.this, node.args["start"], node.args["end"])


def _array_join(node: exp.Expression) -> exp.Expression:
    null = node.args.get("null")
    rest = [null] if null is not None else []
    return _call("ath_array_join", node.this, node.expression, *rest)


def _json_scalar(node: exp.Expression) -> exp.Expression:
    path = node.expression
    if isinstance(path, exp.JSONPath):
        path = exp.Literal.string(path.sql(dialect="duckdb").strip("'"))
    return _call("ath_json_scalar", node.this, path)


def _json_extract(node: exp.Expression) -> exp.Expression:
    path = node.expression
    if isinstance(path, exp.JSONPath):
        path = exp.Literal.string(path.sql(dialect="duckdb").strip("'"))
    return _call("json_extract", exp.cast(node.this, "JSON"), path)


def _json_format(node: exp.Expression) -> exp.Expression:
    return _call("ath_json_format", node.this)


def _digest(name: str) -> Callable[[exp.Expression], exp.Expression]:
    return lambda node: _call(name, node.this)


def _date_add(node: exp.Expression) -> exp.Expression:
    unit = str(node.args.get("unit") or "day").strip("'").lower()
    return _call("ath_date_add", exp.Literal.string(unit), node.expression, node.this)


def _format(node: exp.Expression) -> exp.Expression:
    return _call("printf", node.this, *node.expressions)


def _from_unixtime(node: exp.Expression) -> exp.Expression:
    return _call("ath_from_unixtime", node.this)


def _typeof(node: exp.Expression) -> exp.Expression:
    return _call("ath_type_name", _call("typeof", node.this))


def _unnest(node: exp.Expression) -> exp.Expression:
    """UNNEST of a map or of rows spreads them over the alias's columns."""
    alias = node.args.get("alias")
    columns = list(alias.args.get("columns") or []) if alias is not None else []
    offset = node.args.get("offset")
    wanted = len(columns) - (1 if offset and isinstance(offset, bool) else 0)
    if len(node.expressions) != 1 or wanted < 2 or offset:
        return node
    value = node.expressions[0]
    entries = _call("ath_entries", value) if not _is_row_array(value) else value
    spread = exp.select(
        _call("unnest", entries, exp.Kwarg(this=exp.var("max_depth"), expression=exp.Literal.number(2)))
    )
    return exp.Lateral(this=exp.Subquery(this=spread), alias=alias)


def _is_row_array(node: exp.Expression) -> bool:
    return isinstance(node, exp.Array)


_REWRITES: dict[type, Callable[[exp.Expression], exp.Expression]] = {
    exp.Div: _div,
    exp.Add: _interval_sum,
    exp.Sub: _interval_sum,
    exp.Interval: _interval,
    exp.Anonymous: _anonymous,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.AtTimeZone: _at_time_zone,
    exp.CurrentTimestamp: _now,
    exp.Localtimestamp: _now,
    exp.Struct: _struct,
    exp.RegexpReplace: _regexp_replace,
    exp.GenerateSeries: _sequence,
    exp.ArraySize: _array_size,
    exp.ArrayContains: _contains,
    exp.ArraySlice: _slice,
    exp.ArrayToString: _array_join,
    exp.JSONExtractScalar: _json_scalar,
    exp.JSONExtract: _json_extract,
    exp.JSONFormat: _json_format,
    exp.DateAdd: _date_add,
    exp.Format: _format,
    exp.UnixToTime: _from_unixtime,
    exp.Typeof: _typeof,
}
for _class, _name in (("MD5", "md5"), ("MD5Digest", "md5"), ("SHA", "sha1"), ("SHA1Digest", "sha1")):
    if hasattr(exp, _class):
        _REWRITES[getattr(exp, _class)] = _digest(f"ath_{_name}")

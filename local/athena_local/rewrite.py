"""The tree of a query rewritten so that DuckDB computes what Athena computes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from .functions import RENAMED
from .sqltypes import Type

if TYPE_CHECKING:
    from .translate import Translated

ZONED = re.compile(r"^(.*\d)\s+([A-Za-z_]+(?:/[A-Za-z_+\-0-9]+)*|[+-]\d\d:\d\d)$")

_Rewrite = Callable[["Rewriter", exp.Expression], "exp.Expression | None"]
_INTS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}
_DOUBLE = Type("double")


def call(name: str, *arguments: exp.Expression) -> exp.Expression:
    """A function call by name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def _string(text: str) -> exp.Expression:
    return exp.Literal.string(text)


def _number(number: int) -> exp.Expression:
    return exp.Literal.number(number)


def type_size(kind: exp.DataType) -> int:
    """The number in VARCHAR(n); 0 without one."""
    for param in kind.expressions:
        if param.name.isdigit():
            return int(param.name)
    return 0


def cast_type(kind: exp.DataType) -> Type | None:
    """Our type for that of a CAST, None for those whose type does not matter here."""
    types = exp.DataType.Type
    if kind.this in (types.DOUBLE, types.FLOAT):
        return _DOUBLE
    if kind.this == types.DECIMAL:
        numbers = [int(p.name) for p in kind.expressions if p.name.isdigit()]
        precision, scale = (*numbers, 0)[:2] if numbers else (38, 0)
        return Type("decimal", (precision, scale))
    names = {types.TINYINT: "tinyint", types.SMALLINT: "smallint", types.INT: "int"}
    names[types.BIGINT] = "bigint"
    return Type(names[kind.this]) if kind.this in names else None


def as_decimal(kind: Type | None) -> tuple[int, int] | None:
    """(precision, scale) of a decimal or integer type."""
    if kind is None:
        return None
    if kind.name == "decimal":
        return kind.params[0], kind.params[1]
    return (_INTS[kind.name], 0) if kind.name in _INTS else None


class Rewriter:
    """One pass, children before parents, with the types that the text and the catalogue tell."""

    def __init__(self, types: dict[str, Type | None], rows_first: bool, out: Translated) -> None:
        self._columns = types
        self._rows_first = rows_first
        self._out = out
        self._types: dict[int, Type | None] = {}

    def run(self, tree: exp.Expression) -> exp.Expression:
        """Rewrites a tree; returns its root."""
        nodes = list(tree.walk(bfs=True))
        nodes.reverse()
        for node in nodes:
            kind = self._type(node)
            self._types[id(node)] = kind
            handler = _REWRITES.get(type(node))
            new = handler(self, node) if handler is not None else None
            if new is None or new is node:
                continue
            self._types[id(new)] = kind
            if node is tree:
                tree = new
            else:
                _put(node, new)
        self._keep = nodes  # ids stay unique while the pass runs
        return tree

    # -- types ----------------------------------------------------------------------------------

    def type_of(self, node: exp.Expression | None) -> Type | None:
        """The type of a node that was seen, None when it is not known."""
        return self._types.get(id(node))

    def _type(self, node: exp.Expression) -> Type | None:
        if isinstance(node, exp.Literal):
            return _literal_type(node)
        if isinstance(node, (exp.Paren, exp.Neg, exp.Alias, exp.Filter, exp.Window, exp.Abs)):
            return self.type_of(node.this)
        if isinstance(node, exp.Column):
            return self._columns.get(node.name.lower())
        if isinstance(node, (exp.Cast, exp.TryCast)):
            value = node.this
            if node.to.this == exp.DataType.Type.DECIMAL and not node.to.expressions:
                if isinstance(value, exp.Literal) and value.is_string:
                    return Type("decimal", _decimal_size(value.name))
            return cast_type(node.to)
        if isinstance(node, (exp.Min, exp.Max, exp.AnyValue)):
            return self.type_of(node.this)
        if isinstance(node, exp.Count):
            return Type("bigint")
        if isinstance(node, exp.Sum):
            return _sum_type(self.type_of(node.this))
        if isinstance(node, exp.Avg):
            kind = self.type_of(node.this)
            return kind if kind is not None and kind.name == "decimal" else _DOUBLE
        if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)):
            return _arithmetic(node, self.type_of(node.this), self.type_of(node.expression))
        if isinstance(node, (exp.Sqrt, exp.Pow, exp.Exp, exp.Ln, exp.Rand)):
            return _DOUBLE
        return None

    # -- arithmetic -----------------------------------------------------------------------------

    def _div(self, node: exp.Expression) -> exp.Expression | None:
        left, right = self.type_of(node.this), self.type_of(node.expression)
        if _DOUBLE in (left, right):
            return exp.Anonymous(this="ath_divide", expressions=[node.this, node.expression])
        one, two = as_decimal(left), as_decimal(right)
        known = left is not None and right is not None
        if known and one and two and "decimal" in (left.name, right.name):  # type: ignore[union-attr]
            return _decimal_division(node.this, one, node.expression, two, _is_tried(node))
        # DuckDB's // truncates integers and divides what else there is.
        if _is_tried(node):
            return exp.Paren(this=exp.IntDiv(this=node.this, expression=node.expression))
        return call("ath_quotient", node.this, node.expression)

    def _mod(self, node: exp.Expression) -> exp.Expression | None:
        return None if _is_tried(node) else call("ath_mod", node.this, node.expression)

    def _avg(self, node: exp.Expression) -> exp.Expression | None:
        # The cast goes around FILTER and OVER: see _wrapped.
        kind = self.type_of(node)
        if kind is None or kind.name != "decimal" or _is_wrapped(node):
            return None
        return exp.cast(node.copy(), kind.duck())

    def _wrapped(self, node: exp.Expression) -> exp.Expression | None:
        inner = node.this
        while isinstance(inner, (exp.Filter, exp.Window)):
            inner = inner.this
        kind = self.type_of(inner)
        if isinstance(inner, exp.Anonymous) and inner.name == "ath_map_agg":
            return self._filtered_map(node, inner)
        if not isinstance(inner, exp.Avg) or kind is None or kind.name != "decimal":
            return None
        return None if _is_wrapped(node) else exp.cast(node.copy(), kind.duck())

    def _filtered_map(self, node: exp.Expression, inner: exp.Expression) -> exp.Expression | None:
        if not isinstance(node, exp.Filter):
            return None
        parts = []
        for argument in inner.expressions:
            parts.append(
                exp.Filter(this=call("list", argument.copy()), expression=node.expression.copy())
            )
        return call("map", *parts)

    def _interval_sum(self, node: exp.Expression) -> exp.Expression | None:
        left, right = node.this, node.expression
        if isinstance(right, exp.Interval) and not isinstance(left, exp.Interval):
            step = exp.Neg(this=exp.Paren(this=right)) if isinstance(node, exp.Sub) else right
            return call("ath_plus", left, step)
        if isinstance(node, exp.Add) and isinstance(left, exp.Interval):
            if not isinstance(right, exp.Interval):
                return call("ath_plus", right, left)
        return None

    # -- casts and times ------------------------------------------------------------------------

    def _cast(self, node: exp.Expression) -> exp.Expression | None:
        assert isinstance(node, (exp.Cast, exp.TryCast))
        kind, to = node.to, node.to.this
        types = exp.DataType.Type
        if to in (types.VARCHAR, types.TEXT, types.CHAR, types.NCHAR):
            return _cast_text(node, type_size(kind), to == types.CHAR)
        if to == types.JSON:
            return call("to_json", node.this)
        if "TIME" in to.name and kind.expressions:
            kind.set("expressions", [])
        if "TIMESTAMP" in to.name and isinstance(node.this, exp.Literal):
            match = ZONED.match(node.this.name)
            if match:
                join = "" if match.group(2)[0] in "+-" else " "
                return exp.cast(_string(match.group(1) + join + match.group(2)), "TIMESTAMPTZ")
        if to == types.DECIMAL and not kind.expressions:
            value = node.this
            if isinstance(value, exp.Literal) and value.is_string:  # DECIMAL '1.50'
                precision, scale = _decimal_size(value.name)
                return exp.cast(value, f"DECIMAL({precision}, {scale})")
            node.set("to", exp.DataType.build("DECIMAL(38, 0)"))
        return None

    def _at_time_zone(self, node: exp.Expression) -> exp.Expression:
        return exp.cast(node.this, "TIMESTAMPTZ")

    def _now(self, node: exp.Expression) -> exp.Expression:
        kind = "TIMESTAMP" if isinstance(node, exp.Localtimestamp) else "TIMESTAMPTZ"
        return exp.cast(call("date_trunc", _string("millisecond"), call("now")), kind)

    def _date_add(self, node: exp.Expression) -> exp.Expression:
        unit = str(node.args.get("unit") or "day").strip("'").lower()
        return call("ath_date_add", _string(unit), node.expression, node.this)

    def _date_trunc(self, node: exp.Expression) -> exp.Expression:
        unit = node.args["unit"]
        return call("ath_date_trunc", _string(unit.name.lower()), node.this)

    def _from_unixtime(self, node: exp.Expression) -> exp.Expression:
        return call("ath_from_unixtime", node.this)

    def _interval(self, node: exp.Expression) -> exp.Expression | None:
        value = node.this
        if isinstance(value, exp.Literal) and not value.is_string:
            node.set("this", _string(value.name))
        return None

    # -- functions ------------------------------------------------------------------------------

    def _anonymous(self, node: exp.Expression) -> exp.Expression | None:
        if node.name.lower() in _MATCHES and len(node.expressions) == 2:
            array, test = node.expressions
            found = call("len", call("list_filter", array, test))
            return _MATCHES[node.name.lower()](found, array)
        name = RENAMED.get(node.name.lower())
        if name is not None:
            node.set("this", name)
        return None

    def _struct(self, node: exp.Expression) -> exp.Expression | None:
        if any(isinstance(item, (exp.PropertyEQ, exp.Alias)) for item in node.expressions):
            return None
        return call("row", *node.expressions)

    def _regexp_replace(self, node: exp.Expression) -> exp.Expression | None:
        replacement = node.args.get("replacement")
        if replacement is None:
            node.set("replacement", _string(""))
        elif isinstance(replacement, exp.Literal):
            node.set("replacement", _string(_java_replacement(replacement.name)))
        return None

    def _sequence(self, node: exp.Expression) -> exp.Expression:
        arguments = [node.args.get(key) for key in ("start", "end", "step")]
        return call("ath_sequence", *[item for item in arguments if item is not None])

    def _array_size(self, node: exp.Expression) -> exp.Expression:
        return call("ath_cardinality", node.this)

    def _contains(self, node: exp.Expression) -> exp.Expression:
        return call("ath_contains", node.this, node.expression)

    def _slice(self, node: exp.Expression) -> exp.Expression:
        return call("ath_slice", node.this, node.args["start"], node.args["end"])

    def _array_join(self, node: exp.Expression) -> exp.Expression:
        null = node.args.get("null")
        rest = [null] if null is not None else []
        return call("ath_array_join", node.this, node.expression, *rest)

    def _bracket(self, node: exp.Expression) -> exp.Expression | None:
        """``array[i]`` fails beyond the end; ``element_at`` and maps give NULL here."""
        index = node.expressions[0] if len(node.expressions) == 1 else None
        if node.args.get("safe") or not isinstance(node.this, exp.Array) or index is None:
            return None
        if _is_tried(node):
            return None
        # The parser keeps subscripts from zero on.
        return call("ath_at", node.this, exp.Add(this=index.copy(), expression=_number(1)))

    def _json_path(self, node: exp.Expression) -> exp.Expression:
        path = node.expression
        if isinstance(path, exp.JSONPath):
            path = _string(path.sql(dialect="duckdb").strip("'"))
        if isinstance(node, exp.JSONExtractScalar):
            return call("ath_json_scalar", node.this, path)
        return call("json_extract", exp.cast(node.this, "JSON"), path)

    def _json_format(self, node: exp.Expression) -> exp.Expression:
        return call("ath_json_format", node.this)

    def _format(self, node: exp.Expression) -> exp.Expression:
        return call("printf", node.this, *node.expressions)

    def _repeat(self, node: exp.Expression) -> exp.Expression:
        return call("ath_repeat", node.this, node.args["times"])

    def _typeof(self, node: exp.Expression) -> exp.Expression:
        return call("ath_type_name", call("typeof", node.this))

    def _width_bucket(self, node: exp.Expression) -> exp.Expression:
        names = ("this", "min_value", "max_value", "num_buckets")
        return call("ath_width_bucket", *[node.args[name] for name in names])

    def _unnest(self, node: exp.Expression) -> exp.Expression | None:
        """UNNEST of a map or of rows spreads them over the alias's columns."""
        alias = node.args.get("alias")
        columns = list(alias.args.get("columns") or []) if alias is not None else []
        if len(node.expressions) != 1 or len(columns) < 2 or node.args.get("offset"):
            return None
        value = node.expressions[0]
        if isinstance(value, exp.Array):
            rows = True
        elif isinstance(value, exp.Map):
            rows = False
        else:
            self._out.ambiguous, rows = True, self._rows_first
        entries = value if rows else call("map_entries", value)
        spread = call(
            "unnest", entries, exp.Kwarg(this=exp.var("max_depth"), expression=_number(2))
        )
        # Rows are tuples in the engine, whose elements unnest does not spread.
        return exp.Lateral(this=exp.Subquery(this=exp.select(spread)), alias=alias)


def _put(node: exp.Expression, new: exp.Expression) -> None:
    """Puts ``new`` where ``node`` stands."""
    parent, key = node.parent, node.arg_key
    if parent is not None and key is not None:
        parent.set(key, new, index=node.index)


def _literal_type(node: exp.Literal) -> Type | None:
    if node.is_string:
        return None
    text = node.name.lower()
    if "e" in text:
        return _DOUBLE
    if "." in text:
        return Type("decimal", _decimal_size(text))
    return Type("int" if int(text) < 1 << 31 else "bigint")


def _sum_type(kind: Type | None) -> Type | None:
    if kind is None:
        return None
    if kind.name == "decimal":
        return Type("decimal", (38, kind.params[1]))
    return Type("bigint") if kind.name in _INTS else _DOUBLE if kind == _DOUBLE else None


def _arithmetic(node: exp.Expression, left: Type | None, right: Type | None) -> Type | None:
    if left is None or right is None:
        return None
    if _DOUBLE in (left, right):
        return _DOUBLE
    one, two = as_decimal(left), as_decimal(right)
    if one is None or two is None:
        return None
    if "decimal" not in (left.name, right.name):
        return left if _INTS[left.name] >= _INTS[right.name] else right
    (p1, s1), (p2, s2) = one, two
    if isinstance(node, exp.Div):
        return Type("decimal", division_type(p1, s1, p2, s2))
    if isinstance(node, exp.Mul):
        return Type("decimal", (min(38, p1 + p2), min(38, s1 + s2)))
    scale = max(s1, s2)
    return Type("decimal", (min(38, max(p1 - s1, p2 - s2) + scale + 1), scale))


def division_type(p1: int, s1: int, p2: int, s2: int) -> tuple[int, int]:
    """Precision and scale of decimal(p1,s1) / decimal(p2,s2)."""
    return min(38, p1 + s2 + max(s2 - s1, 0)), max(s1, s2)


def _decimal_division(
    left: exp.Expression,
    one: tuple[int, int],
    right: exp.Expression,
    two: tuple[int, int],
    tried: bool,
) -> exp.Expression:
    """Exact division, rounded half up, over whole numbers of 128 bits."""
    (p1, s1), (p2, s2) = one, two
    precision, scale = division_type(p1, s1, p2, s2)
    name = "ath_try_round_divide" if tried else "ath_round_divide"
    quotient = call(name, _scaled(left, s1, scale + s2), _scaled(right, s2, s2))
    if scale == 0:
        return exp.cast(quotient, f"DECIMAL({precision}, 0)")
    unit = exp.cast(_string("0." + "0" * (scale - 1) + "1"), f"DECIMAL({scale}, {scale})")
    product = exp.Mul(this=exp.cast(quotient, f"DECIMAL({38 - scale}, 0)"), expression=unit)
    return exp.cast(exp.Paren(this=product), f"DECIMAL({precision}, {scale})")


def _scaled(value: exp.Expression, scale: int, power: int) -> exp.Expression:
    """``value * 10^power`` as a whole number; ``scale`` digits stand behind the point."""
    number = exp.cast(value.copy(), f"DECIMAL(38, {scale})") if scale else value.copy()
    if scale == 0:
        whole: exp.Expression = exp.cast(number, "INT128")
    else:
        factor = exp.cast(_string("1" + "0" * scale), f"DECIMAL({scale + 1}, 0)")
        whole = exp.cast(exp.Paren(this=exp.Mul(this=number, expression=factor)), "INT128")
    rest = power - scale
    if rest > 0:
        factor = exp.cast(_string("1" + "0" * rest), "INT128")
        return exp.Paren(this=exp.Mul(this=whole, expression=factor))
    return whole


def _is_tried(node: exp.Expression) -> bool:
    """Whether TRY stands around: DuckDB takes no ``error()`` inside, and its own errors suffice."""
    return node.find_ancestor(exp.Try) is not None


def _is_wrapped(node: exp.Expression) -> bool:
    return isinstance(node.parent, (exp.Filter, exp.Window)) and node.arg_key == "this"


def _cast_text(node: exp.Expression, size: int, char: bool) -> exp.Expression:
    value = node.this
    if isinstance(value, exp.Literal) and value.is_string:
        text: exp.Expression = exp.cast(value, "TEXT")
    else:
        text = call("ath_varchar", value)
    if char:
        return call("rpad", text, _number(size or 1), _string(" "))
    return call("substr", text, _number(1), _number(size)) if size else text


def _decimal_size(text: str) -> tuple[int, int]:
    """Precision and scale of a decimal literal."""
    whole, _, fraction = text.strip().lstrip("+-").partition(".")
    return min(38, max(1, len(whole.lstrip("0")) + len(fraction))), min(38, len(fraction))


def _java_replacement(text: str) -> str:
    """Java's ``$1`` and ``\\x`` as RE2's ``\\1``."""
    out, index = [], 0
    while index < len(text):
        char = text[index]
        if char == "\\" and index + 1 < len(text):
            index += 1
            out.append("\\\\" if text[index] == "\\" else text[index])
        elif char == "$" and (match := re.match(r"\$\{?(\d)\}?", text[index:])):
            out.append("\\" + match.group(1))
            index += len(match.group()) - 1
        else:
            out.append(char)
        index += 1
    return "".join(out)


def _digest(name: str) -> _Rewrite:
    return lambda _, node: call(name, node.this)


_MATCHES: dict[str, Callable[[exp.Expression, exp.Expression], exp.Expression]] = {
    "any_match": lambda found, _: exp.Paren(this=exp.GT(this=found, expression=_number(0))),
    "none_match": lambda found, _: exp.Paren(this=exp.EQ(this=found, expression=_number(0))),
    "all_match": lambda found, array: exp.Paren(
        this=exp.EQ(this=found, expression=call("len", array.copy()))
    ),
}

_REWRITES: dict[type, _Rewrite] = {
    exp.Div: Rewriter._div,
    exp.Mod: Rewriter._mod,
    exp.Avg: Rewriter._avg,
    exp.Filter: Rewriter._wrapped,
    exp.Window: Rewriter._wrapped,
    exp.Add: Rewriter._interval_sum,
    exp.Sub: Rewriter._interval_sum,
    exp.Interval: Rewriter._interval,
    exp.Anonymous: Rewriter._anonymous,
    exp.Cast: Rewriter._cast,
    exp.TryCast: Rewriter._cast,
    exp.AtTimeZone: Rewriter._at_time_zone,
    exp.CurrentTimestamp: Rewriter._now,
    exp.Localtimestamp: Rewriter._now,
    exp.Struct: Rewriter._struct,
    exp.RegexpReplace: Rewriter._regexp_replace,
    exp.GenerateSeries: Rewriter._sequence,
    exp.ArraySize: Rewriter._array_size,
    exp.ArrayContains: Rewriter._contains,
    exp.ArraySlice: Rewriter._slice,
    exp.ArrayToString: Rewriter._array_join,
    exp.Bracket: Rewriter._bracket,
    exp.JSONExtractScalar: Rewriter._json_path,
    exp.JSONExtract: Rewriter._json_path,
    exp.JSONFormat: Rewriter._json_format,
    exp.DateAdd: Rewriter._date_add,
    exp.DateTrunc: Rewriter._date_trunc,
    exp.TimestampTrunc: Rewriter._date_trunc,
    exp.Format: Rewriter._format,
    exp.UnixToTime: Rewriter._from_unixtime,
    exp.Repeat: Rewriter._repeat,
    exp.Typeof: Rewriter._typeof,
    exp.WidthBucket: Rewriter._width_bucket,
    exp.Unnest: Rewriter._unnest,
}
for _class, _name in (
    ("MD5", "md5"),
    ("MD5Digest", "md5"),
    ("SHA", "sha1"),
    ("SHA1Digest", "sha1"),
):
    if hasattr(exp, _class):
        _REWRITES[getattr(exp, _class)] = _digest(f"ath_{_name}")

"""Which tables a translated query reads, and which of their partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import ErrorLevel, exp

from .sqltypes import quote

_MARK = "athena_local_relation"
_NUMBER = "__ath_number"


@dataclass
class Scan:
    """A mention of a relation. ``conditions`` are those of the WHERE beside it that name its
    columns alone: DuckDB's SQL with the names of the columns.
    """

    relation: str
    alias: str
    conditions: list[tuple[set[str], str]] = field(default_factory=list)

    def partition_query(
        self, keys: Sequence[str], partitions: Sequence[Sequence[str]]
    ) -> str | None:
        """Selects the numbers of the partitions that the conditions leave; None: all of them."""
        tests = [sql for names, sql in self.conditions if names <= set(keys)]
        if not tests or not partitions:
            return None
        rows = ", ".join(
            f"({number}, {', '.join(values)})" for number, values in enumerate(partitions)
        )
        names = ", ".join(map(quote, [_NUMBER, *keys]))
        where = " AND ".join(f"({test})" for test in tests)
        return (
            f"SELECT {quote(_NUMBER)} FROM (VALUES {rows}) AS {quote(self.alias)}({names}) "
            f"WHERE {where}"
        )


def mark(table: exp.Table, relation: str) -> None:
    """Notes that a table of the tree stands for a relation."""
    table.meta[_MARK] = relation


def find(tree: exp.Expression) -> list[Scan]:
    """The mentions of marked relations in a tree."""
    out = []
    for table in tree.find_all(exp.Table):
        relation = table.meta.get(_MARK)
        if relation is not None:
            out.append(Scan(relation, table.alias, _conditions(table)))
    return out


def _conditions(table: exp.Table) -> list[tuple[set[str], str]]:
    select = table.parent.parent if isinstance(table.parent, (exp.From, exp.Join)) else None
    where = select.args.get("where") if isinstance(select, exp.Select) else None
    if select is None or where is None:
        return []
    alone = not select.args.get("joins") and not select.args.get("laterals")
    out = []
    for test in _conjuncts(where.this):
        columns = list(test.find_all(exp.Column))
        if not columns or test.find(exp.Query) is not None:
            continue
        qualifiers = {column.table.lower() for column in columns}
        if qualifiers <= ({table.alias.lower(), ""} if alone else {table.alias.lower()}):
            sql = test.sql(dialect="duckdb", identify=True, unsupported_level=ErrorLevel.IGNORE)
            out.append(({column.name.lower() for column in columns}, sql))
    return out


def _conjuncts(test: exp.Expression) -> list[exp.Expression]:
    if isinstance(test, exp.Paren):
        return _conjuncts(test.this)
    if isinstance(test, exp.And):
        return [*_conjuncts(test.this), *_conjuncts(test.expression)]
    return [test]

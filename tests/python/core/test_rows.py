"""Values of every type, NULLs, kinds of rows, converters, blocking reads and failures."""

from __future__ import annotations

import decimal
import gc
import math
import random
import sys
import threading
from collections import OrderedDict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import fakelib
import pytest
from fakelib import (
    BINARY,
    BOOL,
    DATE,
    DECIMAL,
    DOUBLE,
    INT8,
    INT16,
    INT32,
    INT64,
    TEXT,
    TIME,
    TIMESTAMP,
    Script,
    column,
    core,
    numbers,
    rows_of,
)

EPOCH = date(1970, 1, 1)


@pytest.mark.parametrize(
    ("storage", "values"),
    [
        (BOOL, [True, False, None, True]),
        (INT8, [-128, 127, None, 0]),
        (INT16, [-32768, 32767, None]),
        (INT32, [-(2**31), 2**31 - 1, None, 7]),
        (INT64, [-(2**63), 2**63 - 1, None, 256]),
        (DOUBLE, [1.5, -0.0, None, math.inf, -math.inf, 5e-324]),
        (BINARY, [b"", b"\x00\xff", None, b"x" * 3000]),
        (TEXT, ["", "a", None, "x" * 5000, "NULL", "NA"]),
        (TEXT, ["é", "", None, "ascii", "\U0001f600" * 9, "日本語" * 20, "x" * 28, "x" * 29]),
    ],
)
def test_values_come_back(storage: int, values: list[Any]) -> None:
    result = rows_of(storage, values)
    assert result == values
    assert [type(value) for value in result] == [type(value) for value in values]


def test_double_nan_and_signed_zero() -> None:
    nan, zero = rows_of(DOUBLE, [math.nan, -0.0])
    assert math.isnan(nan)
    assert math.copysign(1, zero) == -1


def test_only_nulls() -> None:
    for storage in (TEXT, BINARY, BOOL, INT64, DOUBLE, DATE, TIME, TIMESTAMP, DECIMAL):
        assert rows_of(storage, [None] * 70) == [None] * 70


@pytest.mark.parametrize(
    ("unscaled", "scale", "text"),
    [
        (150, 2, "1.50"),
        (0, 0, "0"),
        (0, 3, "0.000"),
        (-1, 2, "-0.01"),
        (5, 38, "0." + "0" * 37 + "5"),
        (10**38 - 1, 0, "9" * 38),
        (-(10**38 - 1), 38, "-0." + "9" * 38),
        (2**64, 5, "184467440737095.51616"),
        (2**64 - 1, 0, "18446744073709551615"),
        (10**19, 0, "1" + "0" * 19),
        (10**19, 25, "0.0000010000000000000000000"),
        (2**127 - 1, 10, "17014118346046923173168730371.5884105727"),
        (-(2**127), 0, "-170141183460469231731687303715884105728"),
    ],
)
def test_decimal_is_exact(unscaled: int, scale: int, text: str) -> None:
    (value,) = rows_of(DECIMAL, [unscaled], scale)
    assert value.as_tuple() == Decimal(text).as_tuple()


def test_decimal_random_values() -> None:
    source = random.Random(5)
    for scale in (0, 1, 18, 37):
        values = [source.randrange(-(10**38), 10**38) >> source.randrange(120) for _ in range(999)]
        wide = decimal.Context(prec=50)
        expected = [wide.scaleb(Decimal(value), -scale) for value in values]
        result = rows_of(DECIMAL, values, scale)
        assert [value.as_tuple() for value in result] == [value.as_tuple() for value in expected]


def test_decimal_ignores_the_context_of_the_caller() -> None:
    with decimal.localcontext() as context:
        context.prec = 3
        context.traps[decimal.Inexact] = True
        (value,) = rows_of(DECIMAL, [123456789], 4)
        assert value == Decimal("12345.6789")
        assert not context.flags[decimal.Inexact]


def test_decimal_cache_follows_the_scale() -> None:
    script = Script().columns("d")
    script.push(2, column(DECIMAL, [150, 150], 2)).push(2, column(DECIMAL, [150, 150], 1))
    rows = core.Rows(script.finish().query).take()
    assert [str(row[0]) for row in rows] == ["1.50", "1.50", "15.0", "15.0"]


def test_date_over_the_whole_range() -> None:
    days = list(range(-719162, 2932897, 997)) + [-719162, 2932896, -1, 0, 1]
    assert rows_of(DATE, days) == [EPOCH + timedelta(day) for day in days]


@pytest.mark.parametrize("days", [-719163, 2932897, -(2**31), 2**31 - 1])
def test_date_out_of_range(days: int) -> None:
    with pytest.raises(ValueError, match="year"):
        rows_of(DATE, [0, days])


def test_time() -> None:
    values = [0, 1, 86_399_999_999, 3_661_000_002, None]
    assert rows_of(TIME, values) == [
        time(0), time(0, 0, 0, 1), time(23, 59, 59, 999999), time(1, 1, 1, 2), None,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="time of day"):
        rows_of(TIME, [86_400_000_000])


def test_timestamp() -> None:
    low = datetime(1, 1, 1)
    high = datetime(9999, 12, 31, 23, 59, 59, 999999)
    values = [
        low,
        high,
        datetime(1969, 12, 31, 23, 59, 59, 999999),
        datetime(2024, 2, 29, 12),
        None,
    ]
    micro = timedelta(microseconds=1)
    encoded = [v if v is None else (v - datetime(1970, 1, 1)) // micro for v in values]
    assert rows_of(TIMESTAMP, encoded) == values
    for outside in (encoded[0] - 1, encoded[1] + 1, -(2**63), 2**63 - 1):
        with pytest.raises(ValueError, match="year"):
            rows_of(TIMESTAMP, [outside])


def test_bad_utf8_is_an_error() -> None:
    with pytest.raises(UnicodeDecodeError):
        rows_of(TEXT, [b"\xff\xfe"])


def test_text_cache_does_not_confuse_texts() -> None:
    source = random.Random(3)
    alphabet = ["a", "b", "é"]
    values: list[str | None] = []
    for _ in range(20000):
        length = source.randrange(32)
        values.append("".join(source.choice(alphabet[: 1 + length % 3]) for _ in range(length)))
    assert rows_of(TEXT, values) == values


def test_repeated_values_are_one_object() -> None:
    """Once blocks are large enough for the caches."""
    texts = rows_of(TEXT, ["warehouse"] * 1000)[500:]
    days = rows_of(DATE, [19000] * 1000)[500:]
    prices = rows_of(DECIMAL, [1999] * 1000, 2)[500:]
    assert len({id(value) for value in texts + days + prices}) == 3


def test_short_results_are_made_without_caches() -> None:
    assert rows_of(TEXT, ["warehouse", None, "é"]) == ["warehouse", None, "é"]
    assert rows_of(DATE, [19000, None]) == [date(2022, 1, 8), None]
    assert rows_of(DECIMAL, [1999, None], 2) == [Decimal("19.99"), None]


# -- kinds of rows ------------------------------------------------------------


def two_columns() -> Script:
    script = Script().columns("a", "b")
    script.push(3, column(INT64, [1, 2, 3]), column(TEXT, ["x", None, "z"]))
    return script.finish()


def test_tuple_rows() -> None:
    assert core.Rows(two_columns().query).take() == [(1, "x"), (2, None), (3, "z")]


def test_dict_rows() -> None:
    rows = core.Rows(two_columns().query, dict).take()
    assert rows == [{"a": 1, "b": "x"}, {"a": 2, "b": None}, {"a": 3, "b": "z"}]
    rows[0]["c"] = 1
    assert list(rows[1]) == ["a", "b"]


def test_dict_rows_last_of_equal_names_wins() -> None:
    script = Script().columns("a", "a").push(1, column(INT64, [1]), column(INT64, [2])).finish()
    assert core.Rows(script.query, dict).take() == [{"a": 2}]


def test_factory_rows() -> None:
    rows = core.Rows(two_columns().query, OrderedDict).take()
    assert type(rows[0]) is OrderedDict
    assert list(rows[2].items()) == [("a", 3), ("b", "z")]


def test_factory_failure_is_raised_and_rows_remain() -> None:
    calls = []

    def factory(pairs: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("once")
        return dict(pairs)

    rows = core.Rows(two_columns().query, factory)
    with pytest.raises(RuntimeError, match="once"):
        rows.take()
    assert [row["a"] for row in rows.take()] == [1, 2, 3]


def test_names_can_be_given() -> None:
    assert core.Rows(two_columns().query, dict, names=["p", "q"]).take()[0] == {"p": 1, "q": "x"}
    with pytest.raises(ValueError, match="1 names for 2 columns"):
        core.Rows(two_columns().query, names=["p"])


def test_rows_without_columns() -> None:
    script = Script().finish()
    rows = core.Rows(script.query)
    assert rows.take() == []
    assert rows.state == core.ROWS_END


@pytest.mark.parametrize(
    "arguments",
    [
        {"kind": 5},
        {"converters": [None]},
        {"converters": [None, 5]},
        {"converters": 5},
        {"unknown": 1},
    ],
)
def test_bad_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        core.Rows(two_columns().query, **arguments)


def test_rows_wants_a_query() -> None:
    with pytest.raises(TypeError):
        core.Rows(object())


# -- converters ------------------------------------------------------------


def test_converter_gets_text_of_text_columns_only() -> None:
    seen: list[str] = []

    def convert(text: str) -> Any:
        seen.append(text)
        return [text]

    script = two_columns()
    rows = core.Rows(script.query, converters=[convert, convert]).take()
    assert rows == [(1, ["x"]), (2, None), (3, ["z"])]
    assert seen == ["x", "z"]


def test_converter_failure_names_the_column() -> None:
    def made(index: int, error: Exception) -> Exception:
        return LookupError(index, type(error), str(error))

    rows = core.Rows(two_columns().query, converters=[None, int], value_error=made)
    with pytest.raises(LookupError) as info:
        rows.take()
    assert info.value.args[:2] == (1, ValueError)
    assert rows.failed
    with pytest.raises(core.CoreError, match="after a failure"):
        rows.take()


def test_converter_failure_without_factory_is_raised_as_it_is() -> None:
    rows = core.Rows(two_columns().query, converters=[None, int])
    with pytest.raises(ValueError, match="invalid literal"):
        rows.read_one()


def test_interrupt_in_a_converter_loses_no_row() -> None:
    calls = []

    def convert(text: str) -> str:
        calls.append(text)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return text

    rows = core.Rows(two_columns().query, converters=[None, convert])
    with pytest.raises(KeyboardInterrupt):
        rows.take()
    assert not rows.failed
    assert [row[0] for row in rows.take()] == [1, 2, 3]


def test_converter_may_not_fetch() -> None:
    caught: list[BaseException] = []

    def convert(text: str) -> str:
        try:
            rows.take()
        except RuntimeError as error:
            caught.append(error)
        return text

    rows = core.Rows(two_columns().query, converters=[None, convert])
    assert len(rows.take()) == 3
    assert len(caught) == 2


def test_converter_may_close() -> None:
    def convert(text: str) -> str:
        rows.close()
        return text

    rows = core.Rows(two_columns().query, converters=[None, convert])
    with pytest.raises(core.CoreError, match="closed"):
        rows.take()


# -- the collector ------------------------------------------------------------


def test_rows_of_atoms_are_not_tracked() -> None:
    script = Script().columns("a", "b", "c")
    script.push(2, column(DECIMAL, [1, 2], 1), column(TEXT, ["x", "y"]), column(DATE, [1, 2]))
    rows = core.Rows(script.finish().query).take()
    assert [gc.is_tracked(row) for row in rows] == [False, False]
    assert not gc.is_tracked(rows[0][0])
    assert gc.is_tracked(rows)


def test_rows_with_containers_are_tracked_and_collected() -> None:
    rows = core.Rows(two_columns().query, converters=[None, lambda text: [text]]).take()
    assert [gc.is_tracked(row) for row in rows] == [True, False, True]
    rows[0][1].append(rows[0])
    marker = type("Marker", (), {})()
    rows[0][1].append(marker)
    import weakref

    gone = weakref.ref(marker)
    del rows, marker
    gc.collect()
    assert gone() is None


def test_cycle_through_rows_is_collected() -> None:
    import weakref

    class Owner:
        pass

    owner = Owner()
    owner.rows = core.Rows(  # type: ignore[attr-defined]
        two_columns().query, converters=[None, lambda text, o=owner: (text, o)]
    )
    owner.first = owner.rows.read_one()  # type: ignore[attr-defined]
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("kind", [tuple, dict, OrderedDict])
def test_no_reference_is_lost_or_kept(kind: Any) -> None:
    text = "a text of some length that is not interned"
    made: list[Any] = [object() for _ in range(200)]
    source = iter(made)
    script = Script().columns("a", "b")
    script.push(200, column(TEXT, [text] * 200), column(INT64, list(range(200)))).finish()
    rows = core.Rows(script.query, kind, converters=[lambda _: next(source), None])
    result = rows.take(150)
    none = sys.getrefcount(None)
    del result, rows, script
    gc.collect()
    assert {sys.getrefcount(value) for value in made} <= {2, 3}
    assert abs(sys.getrefcount(None) - none) < 50


def test_memory_does_not_grow() -> None:
    def once() -> None:
        script = Script().columns("a", "b", "c", "d")
        script.push(
            500,
            column(TEXT, [f"text {i}" for i in range(500)]),
            column(DECIMAL, list(range(500)), 2),
            column(DATE, list(range(500))),
            column(TIMESTAMP, list(range(500))),
        )
        core.Rows(script.finish().query, dict).take()

    for _ in range(5):
        once()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(50):
        once()
    gc.collect()
    assert sys.getallocatedblocks() - before < 200


# -- take and read ------------------------------------------------------------


def test_take_limits_and_states() -> None:
    script = numbers(200)
    rows = core.Rows(script.query)
    assert rows.state == core.ROWS_READY
    assert [row[0] for row in rows.take(3)] == [0, 1, 2]
    assert rows.take(0) == []
    assert [row[0] for row in rows.take(150)] == list(range(3, 153))
    assert rows.rownumber == 153
    assert len(rows.take()) == 47
    assert rows.state == core.ROWS_WAIT
    assert rows.take() == []
    script.push(1, column(INT64, [7])).finish()
    assert rows.state == core.ROWS_READY
    assert rows.take(5) == [(7,)]
    assert rows.state == core.ROWS_END
    assert rows.take(5) == []
    with pytest.raises(ValueError, match="negative"):
        rows.take(-1)
    with pytest.raises(TypeError):
        rows.take("1")


def test_take_stops_when_the_budget_is_spent() -> None:
    rows = core.Rows(numbers(5000).finish().query)
    part = rows.take(None, 1)
    assert 0 < len(part) <= 64
    assert rows.state == core.ROWS_READY
    assert len(part) + len(rows.take()) == 5000


def test_slow_converters_shrink_the_blocks() -> None:
    def slow(text: str) -> str:
        for _ in range(20000):
            pass
        return text

    script = Script().columns("t").push(100, column(TEXT, ["x"] * 100)).finish()
    rows = core.Rows(script.query, converters=[slow])
    rows.take(8)
    assert len(rows.take(None, 1)) <= 2


def test_empty_batches_are_passed_over() -> None:
    script = Script().columns("n")
    script.push(0, column(INT64, [])).push(1, column(INT64, [1])).push(0, column(INT64, []))
    assert core.Rows(script.finish().query).take() == [(1,)]


def test_batch_with_other_columns_is_an_error() -> None:
    script = Script().columns("a", "b").push(1, column(INT64, [1])).finish()
    with pytest.raises(core.CoreError, match="number of columns"):
        core.Rows(script.query).take()


def test_read_waits_for_batches() -> None:
    script = numbers(10)
    rows = core.Rows(script.query)

    def later() -> None:
        script.push(10, column(INT64, list(range(10, 20))))
        script.finish()

    timer = threading.Timer(0.05, later)
    timer.start()
    assert [row[0] for row in rows.read()] == list(range(20))
    timer.join()
    assert rows.read() == []
    assert rows.read_one() is None


def test_read_with_limit_and_iteration() -> None:
    rows = core.Rows(numbers(10).finish().query)
    assert rows.read(2) == [(0,), (1,)]
    assert rows.read_one() == (2,)
    assert [row[0] for row in rows] == list(range(3, 10))
    assert rows.rownumber == 10


def test_interrupted_read_keeps_its_rows() -> None:
    import _thread

    script = numbers(10)
    rows = core.Rows(script.query)
    timer = threading.Timer(0.05, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        rows.read()
    timer.join()
    script.push(1, column(INT64, [10])).finish()
    assert [row[0] for row in rows.read()] == list(range(11))


def test_failed_reading() -> None:
    script = numbers(5).finish(core.ERR_IO, "broken")
    rows = core.Rows(script.query)
    assert len(rows.take(5)) == 5
    with pytest.raises(core.CoreError, match="broken") as info:
        rows.read()
    assert (info.value.code, info.value.name) == (core.ERR_IO, "ATH_ERR_IO")
    assert (info.value.operation, info.value.attempts) == ("GetQueryResults", 3)
    assert rows.state == core.ROWS_FAILED
    with pytest.raises(core.CoreError, match="after a failure") as info:
        rows.read_one()
    assert info.value.code == core.ERR_STATE


def test_error_factory() -> None:
    given: list[Any] = []

    def make(members: Any) -> Exception:
        given.append(members)
        return KeyError("made")

    script = Script().columns("a").finish(core.ERR_TIMEOUT, "late")
    rows = core.Rows(script.query, error_factory=make)
    for _ in range(2):
        with pytest.raises(KeyError, match="made"):
            rows.read()
    assert given[0]["message"] == "late"
    assert given[0]["name"] == "ATH_ERR_TIMEOUT"
    assert given[1] is None


def test_error_factory_must_make_exceptions() -> None:
    script = Script().columns("a").finish(core.ERR_TIMEOUT, "late")
    with pytest.raises(TypeError, match="must return an exception"):
        core.Rows(script.query, error_factory=lambda members: 5).read()


def test_close_drops_everything() -> None:
    script = numbers(100)
    rows = core.Rows(script.query)
    rows.take(1)
    rows.close()
    assert fakelib.lib.fake_batches_alive() == 0
    assert rows.closed
    assert rows.state == core.ROWS_FAILED
    with pytest.raises(core.CoreError, match="closed"):
        rows.take()


def test_rows_keep_the_query_alive() -> None:
    rows = core.Rows(numbers(3).finish().query)
    gc.collect()
    assert len(rows.take()) == 3

"""Type signatures, and complex values read by them."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

import pytest
from pyathena.converter import DefaultTypeConverter
from pyathena.error import ProgrammingError
from pyathena.parser import TypedValueConverter, TypeNode, TypeSignatureParser

INT, VARCHAR = TypeNode("integer"), TypeNode("varchar")


@pytest.mark.parametrize(
    ("signature", "node"),
    [
        ("INT", INT),
        (" varchar(10) ", VARCHAR),
        ("decimal(10, 2)", TypeNode("decimal")),
        ("timestamp(3) with time zone", TypeNode("timestamp with time zone")),
        ("Timestamp  With Time Zone", TypeNode("timestamp with time zone")),
        ("array(int)", TypeNode("array", [INT])),
        ("map(varchar, array(integer))", TypeNode("map", [VARCHAR, TypeNode("array", [INT])])),
        ("row(a int, B varchar(10))", TypeNode("row", [INT, VARCHAR], ["a", "B"])),
        ("struct(a int)", TypeNode("struct", [INT], ["a"])),
        (
            "row(a row(b int), c decimal(10,2))",
            TypeNode("row", [TypeNode("row", [INT], ["b"]), TypeNode("decimal")], ["a", "c"]),
        ),
        (
            "row(t timestamp(6) with time zone, d date)",
            TypeNode("row", [TypeNode("timestamp with time zone"), TypeNode("date")], ["t", "d"]),
        ),
        ("row(date)", TypeNode("row", [TypeNode("date")], ["date"])),
        ('row("a, b" int, c int)', TypeNode("row", [INT, INT], ["a, b", "c"])),
        ("row(a\tint)", TypeNode("row", [INT], ["a"])),
        ("row()", TypeNode("row", [], [])),
        ("map(int)", TypeNode("map")),
        ("array(", TypeNode("array", [TypeNode("")])),
        ("", TypeNode("")),
    ],
)
def test_parse(signature, node):
    assert TypeSignatureParser().parse(signature) == node


def test_parse_bounds_nesting():
    parse = TypeSignatureParser().parse
    assert parse("array(" * 64 + "int" + ")" * 64).type_name == "array"
    with pytest.raises(ProgrammingError, match="nested deeper than 64 levels"):
        parse("array(" * 65 + "int" + ")" * 65)


def test_type_node():
    node = TypeSignatureParser().parse("row(a int, b varchar, a varchar)")
    assert node.get_field_type("a") == INT
    assert node.get_field_type("b") == VARCHAR
    assert node.get_field_type("A") is None
    assert INT.get_field_type("a") is None
    assert repr(INT) == "TypeNode(type_name='integer', children=[], field_names=None)"
    assert INT != VARCHAR
    assert INT != "integer"


A, M, R = "array", "map", "row"


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        ("[1, 2]", "array(varchar)", ["1", "2"]),
        ("[1,2]", "array(integer)", [1, 2]),
        ("[1,2]", "array(varchar)", ["1,2"]),
        ("[]", "array(int)", []),
        ("[ ]", "array(varchar)", [" "]),
        ("[, a]", "array(varchar)", ["", "a"]),
        ("[2020-01-01, null]", "array(date)", [date(2020, 1, 1), None]),
        ("[01:02:03,04:05:06]", "array(time)", [time(1, 2, 3), time(4, 5, 6)]),
        ("[1.50]", "array(decimal(3,2))", [Decimal("1.50")]),
        ("[de ad, be ef]", "array(varbinary)", [b"\xde\xad", b"\xbe\xef"]),
        ("[a=b, c]", "array(varchar)", ["a=b", "c"]),
        ('[a"b, c]', "array(varchar)", ['a"b', "c"]),
        ("[{a=1}, {a=2}]", "array(row(a int))", [{"a": 1}, {"a": 2}]),
        ("[null, {a=1}]", "array(row(a int))", [None, {"a": 1}]),
        ("[{1, x}]", "array(row(a int, b varchar))", [{"a": 1, "b": "x"}]),
        ("[{a=1}]", "array(map(varchar, int))", [{"a": 1}]),
        ("[{a=1}]", "array(varchar)", [{"a": "1"}]),
        ("[[1, 2], [3]]", "array(array(int))", [[1, 2], [3]]),
        ("[[a, b]]", "array(array(varchar))", "[[a, b]]"),
        ('["a", "b\\"c"]', "array(varchar)", ["a", 'b"c']),
        ('["a", 1, {"b": null}]', "array(json)", ["a", 1, {"b": None}]),
        ('[{"a": [1, 2]}]', "array(row(a array(varchar)))", [{"a": ["1", "2"]}]),
        ('[{"a": [1, "x"]}]', "array(row(a varchar))", [{"a": '[1, "x"]'}]),
        ("[[1e2, 1.50], [true]]", "array(array(varchar))", [["1e2", "1.50"], ["true"]]),
        ("{1=a, 2=b}", "map(integer, varchar)", {"1": "a", "2": "b"}),
        ("{a={x=1}}", "map(varchar, row(x integer))", {"a": {"x": 1}}),
        ("{a=[1, 2]}", "map(varchar, array(int))", {"a": [1, 2]}),
        ("{a=b=c}", "map(varchar, varchar)", {"a": "b=c"}),
        ("{a=}", "map(varchar, varchar)", {"a": ""}),
        ("{null=1}", "map(int, int)", {"None": 1}),
        ("{}", "map(int, int)", {}),
        ("{,}", "map(int, int)", "{,}"),
        ('{"a": 1}', "map(varchar, int)", {"a": 1}),
        ('{"a": 1.50}', "map(varchar, decimal)", {"a": Decimal("1.50")}),
        ("{a=x, y}", "map(varchar, varchar)", "{a=x, y}"),
        ('{a"=1}', "map(varchar, int)", '{a"=1}'),
        ("{1=1}", "map(int)", {"1": "1"}),
        ("{a=[1, 2], b=3}", "row(a array(integer), b integer)", {"a": [1, 2], "b": 3}),
        ("{1, x}", "row(a integer, b varchar)", {"a": 1, "b": "x"}),
        ("{1, x, y}", "row(a integer, b varchar)", {"a": 1, "b": "x", "2": "y"}),
        ("{, }", "row(a varchar, b varchar)", {"a": "", "b": ""}),
        ("{{1, 2}, 3}", "row(a row(x int, y int), b int)", {"a": {"x": 1, "y": 2}, "b": 3}),
        ("{{a}, b}", "row(a varchar, b varchar)", {"a": "{a}", "b": "b"}),
        ("{a=1, b=x}", "struct<a:int,b:string>", {"a": 1, "b": "x"}),
        ("{b=x, a=1}", "row(a int, b varchar)", {"b": "x", "a": 1}),
        ("{A=1}", "row(a int)", {"A": 1}),
        ("{a={}}", "row(a map(int, int))", {"a": {}}),
        ("{a={b=1}}", "row(a varchar)", {"a": {"b": "1"}}),
        ('{a={"x": 1}, b=2}', "row(a json, b int)", {"a": {"x": 1}, "b": 2}),
        ("{a=null}", "row(a row(b int))", {"a": None}),
        ("{a={b=1, c}}", "row(a row(b int, c int))", {"a": "{b=1, c}"}),
        ("{a=[x}", "row(a array(int))", {"a": "[x"}),
        ("{a=1, b}", "row(a int, b varchar)", "{a=1, b}"),
        ('{"a": true, "b": "x"}', "row(a varchar, b varchar)", {"a": "true", "b": "x"}),
        ("(1, 2)", "row(a int, b int)", None),
        ("x", "row(a int)", None),
    ],
)
def test_typed_value(value, hint, expected):
    kind = {"[": A}.get(value[0], M if hint.startswith("map") else R)
    result = DefaultTypeConverter().convert(kind, value, hint)
    assert result == expected
    assert repr(result) == repr(expected)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("{a=x}", "row(a int)"),
        ("{a=1}", "row(a date)"),
        ("[x]", "array(int)"),
        ("[1, ]", A + "(int)"),
    ],
)
def test_leaf_that_does_not_fit_raises(value, hint):
    with pytest.raises(ValueError, match="nvalid"):
        DefaultTypeConverter().convert("row", value, hint)


def test_leaf_uses_the_built_in_table():
    converter = DefaultTypeConverter()
    converter.set("integer", lambda value: "custom")
    assert converter.convert("array", "[1]", "array(int)") == [1]


@pytest.mark.parametrize("hint", ["array(int", "array<int", "map(int,int))", 5])
def test_malformed_hint_is_refused(hint):
    with pytest.raises(ProgrammingError, match="Type hint"):
        DefaultTypeConverter().convert("array", "[1]", hint)


def test_deep_value_stays_text():
    hint = "row(a " * 40 + "int" + ")" * 40
    value = "{a=" * 40 + "1" + "}" * 40
    result = DefaultTypeConverter().convert("row", value, hint)
    for _ in range(40):
        result = result["a"]
    assert result == 1
    deep = "{a=" * 5000 + "1" + "}" * 5000
    assert isinstance(DefaultTypeConverter().convert("row", deep, "row(a int)"), dict)


def test_typed_value_converter_alone():
    converter = TypedValueConverter(
        {"integer": int}, lambda value: f"<{value}>", lambda value: {"braced": value}
    )
    parse = TypeSignatureParser().parse
    assert converter.convert("5", parse("int")) == 5
    assert converter.convert("[x]", parse("array(foo)")) == ["<x>"]
    assert converter.convert("[{a}]", parse("array(foo)")) == [{"braced": "{a}"}]
    assert converter.convert("x", parse("array(int)")) is None

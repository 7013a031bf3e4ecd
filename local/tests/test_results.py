"""The CSV, its metadata, and pages."""

from __future__ import annotations

import pytest

from athena_local.render import renderer
from athena_local.results import CsvWriter, ResultReader, metadata, parse_rows
from athena_local.sqltypes import Type, column_info


def written(labels: list[str], kinds: list[Type], rows: list[tuple[object, ...]]) -> bytes:
    out = CsvWriter(labels, [renderer(kind) for kind in kinds])
    out.add(rows)
    out.file.seek(0)
    return out.file.read()


TEXT = Type("string")


def test_csv_writer_quotes_everything_but_null() -> None:
    data = written(["a", 'b"c'], [Type("int"), TEXT], [(1, ""), (None, None), (2, 'x"y\n,')])
    assert data == b'"a","b""c"\n"1",""\n,\n"2","x""y\n,"\n'


def test_csv_writer_one_null_column_is_an_empty_line() -> None:
    assert written(["a"], [TEXT], [(None,), ("",)]) == b'"a"\n\n""\n'


def test_parse_rows_is_the_inverse() -> None:
    rows = [("", None), ('"', "a\nb"), (None, None), ("é", ",")]
    data = written(["x", "y"], [TEXT, TEXT], rows)
    found, end = parse_rows(data, 0, 100)
    assert [tuple(row) for row in found] == [("x", "y"), *rows]
    assert end == len(data)


def test_parse_rows_pages_join_up() -> None:
    data = written(["a"], [Type("int")], [(n,) for n in range(10)])
    offset, found = 0, []
    while offset < len(data):
        rows, offset = parse_rows(data, offset, 3)
        found += [row[0] for row in rows]
    assert found == ["a", *map(str, range(10))]


@pytest.mark.parametrize("data", [b"abc\n", b'"a"x\n', b'"a" ,"b"\n'])
def test_parse_rows_malformed(data: bytes) -> None:
    with pytest.raises(ValueError, match="malformed"):
        parse_rows(data, 0, 10)


def test_metadata_wire_format() -> None:
    data = metadata("id", [column_info("n", Type("decimal", (10, 2)))])
    column = b"\x0a\x04hive\x12\x00\x1a\x00\x22\x01n\x2a\x01n\x32\x07decimal\x38\x0a\x40\x02\x48\x03\x50\x00"
    assert data == b"\x0a\x02id\x22" + bytes([len(column)]) + column


def test_metadata_long_varint() -> None:
    assert b"\x38\xff\xff\xff\xff\x07" in metadata("id", [column_info("n", TEXT)])


class _Objects:
    def __init__(self, data: bytes) -> None:
        self.data, self.gets = data, 0

    def get(self, bucket: str, key: str) -> bytes:
        self.gets += 1
        return self.data


def test_result_reader_reads_once_and_keeps_a_budget() -> None:
    objects = _Objects(b'"a"\n"1"\n')
    reader = ResultReader(objects, b"k", budget=10)  # type: ignore[arg-type]
    assert reader.page("q", "b", "k", 0, 1) == ([["a"]], 4)
    assert reader.page("q", "b", "k", 4, 1) == ([["1"]], None)
    assert objects.gets == 1
    reader.page("r", "b", "k", 0, 1)
    reader.page("q", "b", "k", 0, 1)
    assert objects.gets == 3


def test_result_reader_tokens_are_bound_to_the_query() -> None:
    reader = ResultReader(_Objects(b""), b"k")  # type: ignore[arg-type]
    token = reader.token("q", 17)
    assert reader.offset("q", token) == 17
    assert reader.offset("other", token) is None
    assert reader.offset("q", "x" + token[1:]) is None
    assert reader.offset("q", "not base64!") is None

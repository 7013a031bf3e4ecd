"""The parser of DDL and of statement frames."""

from __future__ import annotations

import pytest

from athena_local import ddl
from athena_local.errors import ApiError
from athena_local.sqltypes import MalformedType, parse


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", ("DML", "SELECT")),
        ("-- note\n/* x */ with t as (select 1) select * from t;", ("DML", "SELECT")),
        ("(select 1)", ("DML", "SELECT")),
        ("VALUES 1", ("DML", "SELECT")),
        ("insert into t select 1", ("DML", "INSERT")),
        ("create table t as select 1", ("DML", "CREATE_TABLE_AS_SELECT")),
        ("unload (select 1) to 's3://b/p/' with (format = 'PARQUET')", ("DML", "UNLOAD")),
        ("create external table t (a int) location 's3://b/p/'", ("DDL", "CREATE_TABLE")),
        ("create or replace view v as select 1", ("DDL", "CREATE_VIEW")),
        ("drop view if exists v", ("DDL", "DROP_VIEW")),
        ("drop table `t`", ("DDL", "DROP_TABLE")),
        ("show tables", ("UTILITY", "SHOW_TABLES")),
        ("show create table t", ("UTILITY", "SHOW_CREATE_TABLE")),
        ("describe t", ("UTILITY", "DESCRIBE_TABLE")),
        ("explain select 1", ("UTILITY", "EXPLAIN")),
        ("execute p using 1", ("DML", "EXECUTE")),
        ("merge into t using s on a = b when matched then delete", ("DML", "MERGE")),
    ],
)
def test_statement_type(sql: str, kind: tuple[str, str]) -> None:
    assert ddl.statement_type(ddl.parse(sql)) == kind


def test_parse_create_table() -> None:
    found = ddl.parse(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `Db`.`T` (`A` int COMMENT 'it''s', b array<struct<x:int,"
        "y:string>>, c decimal(10, 2)) COMMENT 'hello' PARTITIONED BY (dt string, h int) "
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' "
        "LINES TERMINATED BY '\\n' NULL DEFINED AS '' STORED AS TEXTFILE LOCATION 's3://b/p' "
        "TBLPROPERTIES ('skip.header.line.count'='1', 'x'='y')"
    )
    assert isinstance(found, ddl.CreateTable)
    assert (found.table.database, found.table.name) == ("db", "t")
    assert [(c.name, c.type, c.comment) for c in found.columns] == [
        ("a", "int", "it's"),
        ("b", "array<struct<x:int,y:string>>", ""),
        ("c", "decimal(10,2)", ""),
    ]
    assert [c.name for c in found.partition_keys] == ["dt", "h"]
    assert found.serde_parameters == {
        "field.delim": "\t",
        "serialization.format": "\t",
        "escape.delim": "\\",
        "line.delim": "\n",
        "serialization.null.format": "",
    }
    assert found.properties == {"skip.header.line.count": "1", "x": "y"}
    assert (found.location, found.stored_as, found.comment) == ("s3://b/p", "TEXTFILE", "hello")


def test_parse_create_table_serde() -> None:
    found = ddl.parse(
        "create external table t (a string) row format serde 'x.Y' with serdeproperties "
        "('quoteChar'='\"', 'separatorChar'='\\;') location 's3://b/'"
    )
    assert isinstance(found, ddl.CreateTable)
    assert found.serde == "x.Y" and found.serde_parameters["quoteChar"] == '"'


def test_parse_create_table_as() -> None:
    found = ddl.parse(
        "create table d.t with (format='PARQUET', partitioned_by=ARRAY['a','b']) as\n"
        "select 1 with no data"
    )
    assert isinstance(found, ddl.CreateTableAs)
    assert found.properties == {"format": "PARQUET", "partitioned_by": ["a", "b"]}
    assert found.query.strip() == "select 1" and not found.with_data
    assert found.query.startswith(" ") and found.query.count("\n") == 1


def test_parse_partitions() -> None:
    found = ddl.parse(
        "alter table t add if not exists partition (a='x', b=-1) location 's3://b/p/' "
        "partition (a='y', b=2)"
    )
    assert isinstance(found, ddl.AddPartitions)
    assert found.partitions == [({"a": "x", "b": "-1"}, "s3://b/p/"), ({"a": "y", "b": "2"}, "")]


def test_parse_execute_values() -> None:
    found = ddl.parse("execute p using 1, 'a,b', array[1,2], f(1,2)")
    assert isinstance(found, ddl.Execute)
    assert found.values == ["1", "'a,b'", "array[1,2]", "f(1,2)"]


def test_parse_unload_nested_parentheses() -> None:
    found = ddl.parse("unload (select (1) as a, ')' as b) to 's3://b/p/'")
    assert isinstance(found, ddl.Unload)
    assert found.query.strip() == "select (1) as a, ')' as b"


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("", "line 1:1: mismatched input '<EOF>'"),
        ("SELEC 1", "line 1:1: mismatched input 'SELEC'"),
        ("\n  grant x", "line 2:3: mismatched input 'grant'"),
        ("drop table", "line 1:11: mismatched input '<EOF>'"),
        ("drop table a b", "line 1:14: mismatched input 'b'"),
        ("create external table t (a foo)", "line 1:28: unknown type 'foo'"),
        ("bucketing", "line 1:1: mismatched input"),
    ],
)
def test_parse_malformed(sql: str, text: str) -> None:
    with pytest.raises(ApiError) as caught:
        ddl.parse(sql)
    assert caught.value.message.startswith(text)
    assert caught.value.members["AthenaErrorCode"] == "MALFORMED_QUERY"


def test_substitute_leaves_strings_and_comments() -> None:
    sql = "select ?, '?', \"?\" /* ? */ from t where a = ? -- ?"
    out = ddl.substitute(sql, ["1", "'x?'"])
    assert out == "select 1, '?', \"?\" /* ? */ from t where a = 'x?' -- ?"


@pytest.mark.parametrize("values", [[], ["1", "2"]])
def test_substitute_counts(values: list[str]) -> None:
    with pytest.raises(ApiError, match="Incorrect number of parameters"):
        ddl.substitute("select ?", values)


@pytest.mark.parametrize(
    ("text", "hive", "trino", "duck"),
    [
        ("INT", "int", "integer", "INTEGER"),
        ("string", "string", "varchar", "VARCHAR"),
        ("varchar(10)", "varchar(10)", "varchar(10)", "VARCHAR"),
        ("decimal", "decimal(10,0)", "decimal(10,0)", "DECIMAL(10,0)"),
        ("timestamp", "timestamp", "timestamp(3)", "TIMESTAMP"),
        (
            "array<map<string,int>>",
            "array<map<string,int>>",
            "array(map(varchar, integer))",
            "MAP(VARCHAR, INTEGER)[]",
        ),
        (
            "row(a integer, b varchar)",
            "struct<a:int,b:string>",
            "row(a integer, b varchar)",
            'STRUCT("a" INTEGER, "b" VARCHAR)',
        ),
    ],
)
def test_type_names(text: str, hive: str, trino: str, duck: str) -> None:
    found = parse(text)
    names = (found.hive().replace("b:varchar", "b:string"), found.trino(), found.duck())
    assert names == (hive, trino, duck)


@pytest.mark.parametrize(
    "text", ["", "foo", "array<int", "map<int>", "decimal(40,2)", "int int", "struct<>"]
)
def test_type_malformed(text: str) -> None:
    with pytest.raises(MalformedType):
        parse(text)

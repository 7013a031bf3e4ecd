"""ExecuteOptions: a frozen value with merge and resolve."""

from __future__ import annotations

import dataclasses

import pytest
from pyathena.options import ExecuteOptions


def test_defaults():
    assert dataclasses.asdict(ExecuteOptions()) == {
        "work_group": None,
        "s3_staging_dir": None,
        "cache_size": 0,
        "cache_expiration_time": 0,
        "result_reuse_enable": None,
        "result_reuse_minutes": None,
        "paramstyle": None,
        "on_start_query_execution": None,
        "result_set_type_hints": None,
    }


def test_positional_order():
    options = ExecuteOptions("wg", "s3://b/", 1, 2, True, 3, "qmark", print, {0: "array(int)"})
    assert [f.name for f in dataclasses.fields(options)] == list(dataclasses.asdict(options))
    assert dataclasses.astuple(options)[:7] == ("wg", "s3://b/", 1, 2, True, 3, "qmark")


def test_frozen_equal_and_hashable():
    options = ExecuteOptions(work_group="a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.work_group = "b"
    assert options == ExecuteOptions("a")
    assert options != ExecuteOptions("b")
    assert len({options, ExecuteOptions("a")}) == 1
    assert repr(options).startswith("ExecuteOptions(work_group='a', s3_staging_dir=None,")


def test_merge_lets_values_win_and_none_not():
    base = ExecuteOptions(work_group="a", cache_size=5, result_reuse_enable=True)
    merged = base.merge(work_group="b", cache_size=0, result_reuse_enable=False, paramstyle=None)
    assert merged == ExecuteOptions(work_group="b", cache_size=0, result_reuse_enable=False)
    assert base.merge(work_group=None) == base
    assert base.work_group == "a"


@pytest.mark.parametrize("value", [None, 1])
def test_merge_refuses_unknown_names(value):
    with pytest.raises(TypeError, match="unexpected keyword argument 'workgroup'"):
        ExecuteOptions().merge(workgroup=value)


def test_resolve():
    assert ExecuteOptions.resolve(None) == ExecuteOptions()
    assert ExecuteOptions.resolve(None, cache_size=3) == ExecuteOptions(cache_size=3)
    assert ExecuteOptions.resolve(ExecuteOptions("a"), work_group="b") == ExecuteOptions("b")
    with pytest.raises(TypeError, match="not dict"):
        ExecuteOptions.resolve({"work_group": "a"})


def test_replace():
    assert dataclasses.replace(ExecuteOptions("a"), cache_size=1) == ExecuteOptions("a", None, 1)

"""Error classes: hierarchy, attributes, pickling, and the shape of a refused call."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import types

import pytest
from pyathena import error
from pyathena.util import RetryConfig, is_retryable_error

DATABASE_ERRORS = [
    error.InternalError,
    error.OperationalError,
    error.ProgrammingError,
    error.IntegrityError,
    error.DataError,
    error.NotSupportedError,
]


@pytest.fixture(autouse=True)
def without_botocore(monkeypatch):
    """Other tests of this process may have imported it."""
    monkeypatch.delitem(sys.modules, "botocore.exceptions", raising=False)


@pytest.mark.parametrize("cls", DATABASE_ERRORS)
def test_hierarchy_below_database_error(cls):
    assert cls.__bases__ == (error.DatabaseError,)
    assert issubclass(cls, error.Error)


def test_hierarchy_top():
    assert error.DatabaseError.__bases__ == (error.Error,)
    assert error.InterfaceError.__bases__ == (error.Error,)
    assert error.Error.__bases__ == (Exception,)
    assert error.Warning.__bases__ == (Exception,)
    assert set(error.__all__) >= {cls.__name__ for cls in DATABASE_ERRORS}


def test_error_keeps_args_and_message():
    assert error.DataError("a", 1).args == ("a", 1)
    assert str(error.DataError("a")) == "a"
    assert error.OperationalError(None).args == (None,)
    assert error.NotSupportedError().args == ()


def test_error_attributes_default_to_none_and_do_not_touch_args():
    plain = error.OperationalError("x")
    for name in ("code", "request_id", "query_id", "operation_name", "http_status"):
        assert getattr(plain, name) is None
    full = error.OperationalError(
        "x", code="C", request_id="R", query_id="Q", operation_name="O", http_status=400
    )
    assert full.args == ("x",)
    assert (full.code, full.request_id, full.query_id) == ("C", "R", "Q")
    assert (full.operation_name, full.http_status) == ("O", 400)
    plain.query_id = "later"
    assert plain.query_id == "later"
    assert error.OperationalError.query_id is None


def test_error_attributes_are_keyword_only_and_known():
    with pytest.raises(TypeError):
        error.Error("x", status=1)


@pytest.mark.parametrize("clone", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_error_survives_pickle_and_copy(clone):
    again = clone(error.DatabaseError("x", 2, code="C", http_status=503))
    assert type(again) is error.DatabaseError
    assert (again.args, again.code, again.http_status) == (("x", 2), "C", 503)
    assert again.query_id is None


def test_client_error_shape():
    ex = error.make_client_error("Throttling", "slow down", "GetQueryResults", "r-1", 400, 3)
    assert type(ex) is error.ClientError
    text = "An error occurred (Throttling) when calling the GetQueryResults operation: slow down"
    assert str(ex) == text
    assert ex.args == (text,)
    assert ex.operation_name == "GetQueryResults"
    assert ex.response == {
        "Error": {"Code": "Throttling", "Message": "slow down"},
        "ResponseMetadata": {
            "RequestId": "r-1",
            "HTTPStatusCode": 400,
            "HTTPHeaders": {},
            "RetryAttempts": 3,
        },
    }


def test_client_error_with_missing_parts():
    assert str(error.ClientError({}, "Op")) == (
        "An error occurred (Unknown) when calling the Op operation: Unknown"
    )
    assert str(error.make_client_error(None, None, "Op")) == str(error.ClientError({}, "Op"))


def test_client_error_tells_exhausted_retries():
    response = {
        "Error": {"Code": "C", "Message": "m"},
        "ResponseMetadata": {"MaxAttemptsReached": True, "RetryAttempts": 4},
    }
    assert str(error.ClientError(response, "Op")) == (
        "An error occurred (C) when calling the Op operation (reached max retries: 4): m"
    )


def test_client_error_survives_pickle():
    ex = error.make_client_error("C", "m", "Op", "r", 400, 0, {"x-amzn-requestid": "r"})
    again = pickle.loads(pickle.dumps(ex))
    assert (str(again), again.response, again.operation_name) == (str(ex), ex.response, "Op")


def test_make_client_error_uses_botocore_only_when_it_is_loaded(monkeypatch):
    class TheirError(Exception):
        def __init__(self, response, operation_name):
            super().__init__(response["Error"]["Code"])
            self.operation_name = operation_name

    module = types.ModuleType("botocore.exceptions")
    monkeypatch.setitem(sys.modules, "botocore.exceptions", module)
    # Half imported: the class is not there yet.
    assert type(error.make_client_error("C", "m", "Op")) is error.ClientError
    module.ClientError = TheirError
    ex = error.make_client_error("C", "m", "Op")
    assert type(ex) is TheirError
    assert ex.operation_name == "Op"


def test_make_client_error_never_imports_botocore():
    code = (
        "import sys; from pyathena.error import make_client_error as m; m('C', 'm', 'Op');"
        "sys.exit(any(n.split('.')[0] in ('botocore', 'boto3') for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_real_botocore_error_is_made_when_installed(monkeypatch):
    exceptions = pytest.importorskip("botocore.exceptions")
    monkeypatch.setitem(sys.modules, "botocore.exceptions", exceptions)
    ex = error.make_client_error("ThrottlingException", "m", "Op", "r", 400, 2)
    assert type(ex) is exceptions.ClientError
    assert str(ex) == "An error occurred (ThrottlingException) when calling the Op operation: m"
    assert str(ex) == str(error.ClientError(ex.response, "Op"))
    assert ex.response["ResponseMetadata"]["RequestId"] == "r"
    assert is_retryable_error(ex, RetryConfig())

"""S3's codes as exceptions of files."""

from __future__ import annotations

import copy
import errno
import pickle
import sys
import types

import pytest
from pyathena import error
from pyathena.filesystem.s3_errors import S3ClientError, from_core_error, os_error_of

PATH = "s3://b/ k+%é"
CASES = [
    *[
        (code, 404, FileNotFoundError, errno.ENOENT)
        for code in (
            "NoSuchBucket",
            "NoSuchBucketPolicy",
            "NoSuchKey",
            "NoSuchLifecycleConfiguration",
            "NoSuchUpload",
            "NoSuchVersion",
            "404",
        )
    ],
    *[
        (code, 403, PermissionError, errno.EACCES)
        for code in (
            "AccessDenied",
            "AccountProblem",
            "AllAccessDisabled",
            "ExpiredToken",
            "InvalidAccessKeyId",
            "InvalidObjectState",
            "InvalidPayer",
            "InvalidSecurity",
            "NotSignedUp",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
            "403",
        )
    ],
    ("BucketAlreadyExists", 409, FileExistsError, errno.EEXIST),
    ("BucketAlreadyOwnedByYou", 409, FileExistsError, errno.EEXIST),
    ("ExistingObjectIsDirectory", 409, IsADirectoryError, errno.EISDIR),
    ("XMinioObjectExistsAsDirectory", 400, IsADirectoryError, errno.EISDIR),
    ("XMinioParentIsObject", 400, NotADirectoryError, errno.ENOTDIR),
    ("RequestTimeout", 400, TimeoutError, errno.ETIMEDOUT),
    ("BucketNotEmpty", 409, OSError, errno.ENOTEMPTY),
    ("InternalError", 200, OSError, errno.EIO),
    ("OperationAborted", 409, OSError, errno.EBUSY),
    ("RestoreAlreadyInProgress", 409, OSError, errno.EBUSY),
    ("ServiceUnavailable", 503, OSError, errno.EBUSY),
    ("SlowDown", 503, OSError, errno.EBUSY),
    ("PreconditionFailed", 412, OSError, errno.EINVAL),
    ("Other", 400, OSError, errno.EINVAL),
    ("Other", 403, OSError, errno.EIO),
    ("Other", 404, OSError, errno.EIO),
    ("Other", 405, PermissionError, errno.EPERM),
    ("Other", 409, OSError, errno.EBUSY),
    ("InvalidRange", 416, OSError, errno.EINVAL),
    ("Other", 500, OSError, errno.EIO),
    ("Other", 501, OSError, errno.ENOSYS),
    ("Other", 503, OSError, errno.EBUSY),
    ("Other", 418, OSError, errno.EIO),
    ("Other", None, OSError, errno.EIO),
]


@pytest.fixture(autouse=True)
def without_botocore(monkeypatch):
    """Other tests of this process may have imported it."""
    monkeypatch.delitem(sys.modules, "botocore.exceptions", raising=False)


def refusal(code, status, **details):
    return error.ClientError(
        {
            "Error": {"Code": code, "Message": "words", **details},
            "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "R1"},
        },
        "GetObject",
    )


@pytest.mark.parametrize(("code", "status", "cls", "number"), CASES)
def test_os_error_of(code, status, cls, number):
    found = os_error_of(code, status, "words", "R1", PATH, operation="GetObject", retries=2)
    assert type(found) is cls
    assert (found.errno, found.strerror, found.filename) == (number, "words", PATH)
    assert (found.code, found.request_id) == (code, "R1")
    assert str(found) == f"[Errno {number}] words: {PATH!r}"
    cause = found.__cause__
    assert isinstance(cause, error.ClientError)
    assert cause.response["Error"] == {"Code": code, "Message": "words"}
    assert cause.response["ResponseMetadata"]["RequestId"] == "R1"
    assert cause.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert cause.response["ResponseMetadata"]["RetryAttempts"] == 2
    assert cause.operation_name == "GetObject"


@pytest.mark.parametrize(("code", "status", "cls", "number"), CASES)
def test_client_error(code, status, cls, number):
    shown = S3ClientError(refusal(code, status))
    assert (shown.code, shown.http_status_code, shown.message) == (code, status, "words")
    found = shown.os_error
    assert found is shown.os_error
    assert type(found) is cls
    assert found.errno == number
    assert (found.code, found.request_id) == (code, "R1")
    assert str(found) in ("words", f"[Errno {number}] words")


def test_client_error_text_is_the_message_for_codes_with_a_class():
    assert S3ClientError(refusal("NoSuchKey", 404)).os_error.args == ("words",)
    assert S3ClientError(refusal("SlowDown", 503)).os_error.args == (errno.EBUSY, "words")


@pytest.mark.parametrize(
    ("condition", "cls"),
    [("If-None-Match", FileExistsError), ("If-Match", OSError), (None, OSError)],
)
def test_failed_conditions(condition, cls):
    details = {} if condition is None else {"Condition": condition}
    shown = S3ClientError(refusal("PreconditionFailed", 412, **details))
    assert type(shown.os_error) is cls
    for code in ("PreconditionFailed", ""):
        assert type(os_error_of(code, 412, "words", condition=condition)) is cls


@pytest.mark.parametrize("exception", [error.ClientError({}, "GetObject"), ValueError("words")])
def test_client_error_of_little(exception):
    shown = S3ClientError(exception)
    assert (shown.code, shown.http_status_code, shown.message) == ("", None, str(exception))
    assert (shown.os_error.errno, shown.os_error.code) == (errno.EIO, None)
    assert repr(shown) == f"S3ClientError({exception!r})"


@pytest.mark.parametrize(
    ("status", "cls"),
    [(404, FileNotFoundError), (403, PermissionError), (400, OSError), (None, OSError)],
)
def test_answers_without_body(status, cls):
    found = os_error_of("", status, "", None, PATH)
    assert type(found) is cls
    assert found.strerror == str(status or "Unknown")
    assert found.request_id is None


@pytest.mark.parametrize("path", [None, PATH])
@pytest.mark.parametrize("code", ["NoSuchKey", "SlowDown", "AccessDenied"])
def test_copies(code, path):
    found = os_error_of(code, 400, "words", "R1", path)
    for other in (pickle.loads(pickle.dumps(found)), copy.copy(found)):
        assert type(other) is type(found)
        assert (other.errno, other.filename, other.code, other.request_id) == (
            found.errno,
            path,
            code,
            "R1",
        )


def test_cause_is_botocores_when_loaded(monkeypatch):
    module = types.ModuleType("botocore.exceptions")
    module.ClientError = type("ClientError", (error.ClientError,), {})
    monkeypatch.setitem(sys.modules, "botocore.exceptions", module)
    assert type(os_error_of("NoSuchKey", 404, "words").__cause__) is module.ClientError


def members(name="ATH_ERR_SERVICE", **changes):
    return {
        "code": -20,
        "name": name,
        "http_status": 0,
        "attempts": 1,
        "operation": "GetObject",
        "service_code": "",
        "request_id": "",
        "message": "words",
        **changes,
    }


@pytest.mark.parametrize("form", ["dict", "exception"])
def test_core_errors_that_s3_answered(form):
    text = "An error occurred (NoSuchKey) when calling the GetObject operation: No such key"
    found = members(
        service_code="NoSuchKey", http_status=404, request_id="R1", attempts=3, message=text
    )
    if form == "exception":
        found = types.SimpleNamespace(**found)
    made = from_core_error(found, PATH)
    assert type(made) is FileNotFoundError
    assert (made.errno, made.strerror, made.filename) == (errno.ENOENT, "No such key", PATH)
    assert (made.code, made.request_id) == ("NoSuchKey", "R1")
    assert str(made.__cause__) == text
    assert made.__cause__.response["ResponseMetadata"]["RetryAttempts"] == 2


def test_core_errors_of_head_requests():
    made = from_core_error(members("ATH_ERR_NOT_FOUND", http_status=404, request_id="R"), PATH)
    assert type(made) is FileNotFoundError
    assert (made.code, made.request_id) == ("404", "R")
    refused = from_core_error(members(http_status=412), PATH, condition="If-None-Match")
    assert type(refused) is FileExistsError


@pytest.mark.parametrize(
    ("name", "cls", "number"),
    [
        ("ATH_ERR_CONNECT", ConnectionError, errno.EHOSTUNREACH),
        ("ATH_ERR_DNS", ConnectionError, errno.EHOSTUNREACH),
        ("ATH_ERR_PROXY", ConnectionError, errno.EHOSTUNREACH),
        ("ATH_ERR_TLS", ConnectionError, errno.EPROTO),
        ("ATH_ERR_IO", ConnectionResetError, errno.ECONNRESET),
        ("ATH_ERR_PROTOCOL", OSError, errno.EPROTO),
        ("ATH_ERR_TIMEOUT", TimeoutError, errno.ETIMEDOUT),
        ("ATH_ERR_TOO_LARGE", OSError, errno.EFBIG),
        ("ATH_ERR_CREDENTIALS", PermissionError, errno.EACCES),
        ("ATH_ERR_CANCELLED", OSError, errno.ECANCELED),
        ("ATH_ERR_SYSTEM", OSError, errno.EIO),
    ],
)
def test_core_errors_without_an_answer(name, cls, number):
    made = from_core_error(members(name), PATH)
    assert type(made) is cls
    assert (made.errno, made.strerror, made.filename, made.code) == (number, "words", PATH, name)
    assert made.__cause__ is None
    assert from_core_error(members(name)).args == (number, "words")


def test_core_errors_of_the_caller():
    made = from_core_error(members("ATH_ERR_INVALID"), PATH)
    assert type(made) is ValueError
    assert str(made) == f"words: {PATH!r}"
    assert type(from_core_error(members("ATH_ERR_SHUTDOWN"), PATH)) is error.InterfaceError
    assert type(from_core_error(members("ATH_ERR_UNSUPPORTED"))) is error.NotSupportedError
    assert type(from_core_error(members("ATH_ERR_NOMEM"))) is MemoryError

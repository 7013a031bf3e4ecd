"""From S3's error codes to the exceptions Python programs expect from files.

The exceptions are those of the standard library with two more attributes: ``code``, S3's error
code, and ``request_id``, the id of the refused request for AWS support; either may be ``None``.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from pyathena import _errors
from pyathena.error import make_client_error

if TYPE_CHECKING:
    from pyathena._core import CoreError, ErrorMembers

__all__ = ["S3ClientError", "from_core_error", "os_error_of"]

_MISSING = (
    "404 NoSuchBucket NoSuchBucketPolicy NoSuchKey NoSuchLifecycleConfiguration NoSuchUpload "
    "NoSuchVersion"
)
_REFUSED = (
    "403 AccessDenied AccountProblem AllAccessDisabled ExpiredToken InvalidAccessKeyId "
    "InvalidObjectState InvalidPayer InvalidSecurity NotSignedUp RequestTimeTooSkewed "
    "SignatureDoesNotMatch"
)

#: Codes that have an exception class of their own.
_CLASSES: dict[str, tuple[type[OSError], int]] = {
    **dict.fromkeys(_MISSING.split(), (FileNotFoundError, errno.ENOENT)),
    **dict.fromkeys(_REFUSED.split(), (PermissionError, errno.EACCES)),
    "BucketAlreadyExists": (FileExistsError, errno.EEXIST),
    "BucketAlreadyOwnedByYou": (FileExistsError, errno.EEXIST),
    "RequestTimeout": (TimeoutError, errno.ETIMEDOUT),
    # Of servers that keep objects as files: MinIO and SeaweedFS.
    "ExistingObjectIsDirectory": (IsADirectoryError, errno.EISDIR),
    "XMinioObjectExistsAsDirectory": (IsADirectoryError, errno.EISDIR),
    "ExistingObjectIsFile": (NotADirectoryError, errno.ENOTDIR),
    "XMinioParentIsObject": (NotADirectoryError, errno.ENOTDIR),
}
_CODES: dict[str, int] = {
    "BucketNotEmpty": errno.ENOTEMPTY,
    "InternalError": errno.EIO,
    "OperationAborted": errno.EBUSY,
    "RestoreAlreadyInProgress": errno.EBUSY,
    "ServiceUnavailable": errno.EBUSY,
    "SlowDown": errno.EBUSY,
}
_STATUSES: dict[int, int] = {
    400: errno.EINVAL,
    405: errno.EPERM,
    409: errno.EBUSY,
    412: errno.EINVAL,
    416: errno.EINVAL,
    500: errno.EIO,
    501: errno.ENOSYS,
    503: errno.EBUSY,
}

#: Failures of the core to which S3 gave no answer.
_CORE_CLASSES: dict[str, tuple[type[OSError], int]] = {
    "ATH_ERR_CONNECT": (ConnectionError, errno.EHOSTUNREACH),
    "ATH_ERR_DNS": (ConnectionError, errno.EHOSTUNREACH),
    "ATH_ERR_PROXY": (ConnectionError, errno.EHOSTUNREACH),
    "ATH_ERR_TLS": (ConnectionError, errno.EPROTO),
    "ATH_ERR_IO": (ConnectionResetError, errno.ECONNRESET),
    "ATH_ERR_PROTOCOL": (OSError, errno.EPROTO),
    "ATH_ERR_TIMEOUT": (TimeoutError, errno.ETIMEDOUT),
    "ATH_ERR_TOO_LARGE": (OSError, errno.EFBIG),
    "ATH_ERR_CREDENTIALS": (PermissionError, errno.EACCES),
    "ATH_ERR_ACCESS": (PermissionError, errno.EACCES),
    "ATH_ERR_NOT_FOUND": (FileNotFoundError, errno.ENOENT),
    "ATH_ERR_THROTTLED": (OSError, errno.EBUSY),
    "ATH_ERR_SERVICE": (OSError, errno.EIO),
    "ATH_ERR_CANCELLED": (OSError, errno.ECANCELED),
    "ATH_ERR_SYSTEM": (OSError, errno.EIO),
}


def _classify(
    code: str, status: int | None, condition: str | None
) -> tuple[type[OSError], int, bool]:
    """The class and errno of a refusal, and whether its code has a class of its own."""
    if code == "PreconditionFailed" and condition == "If-None-Match":
        return FileExistsError, errno.EEXIST, True
    found = _CLASSES.get(code)
    if found is not None:
        return *found, True
    number = _CODES.get(code)
    if number is None:
        number = _STATUSES.get(status or 0, errno.EIO)
    return OSError, number, False


def _mark(error: OSError, code: str | None, request_id: str | None) -> None:
    """Set the two attributes; in ``__dict__``, which pickling and copying carry over."""
    error.__dict__.update(code=code or None, request_id=request_id or None)


def os_error_of(
    code: str | None,
    status: int | None,
    message: str | None,
    request_id: str | None = None,
    path: str | None = None,
    *,
    operation: str = "",
    condition: str | None = None,
    retries: int = 0,
) -> OSError:
    """The exception for a request that S3 refused.

    Args:
        code: S3's error code; empty when the answer had no body, as those to HEAD have none:
            then the status decides.
        status: HTTP status of the answer.
        message: S3's message.
        request_id: id of the request.
        path: what was asked for; becomes ``filename``.
        operation: the API operation, for the cause.
        condition: the header that made the request conditional, as far as it is known to have
            failed: ``"If-None-Match"`` turns PreconditionFailed into ``FileExistsError``.
        retries: how often the request was repeated, for the cause.

    Returns:
        ``FileNotFoundError``, ``PermissionError``, ``FileExistsError``, ``IsADirectoryError``,
        ``TimeoutError``, or ``OSError`` with another errno. Its ``__cause__`` has botocore's shape.
    """
    if not code:
        # What S3 means by a bare 412 can only be the condition that was sent.
        code = "PreconditionFailed" if status == 412 else str(status or "")
    cls, number, _ = _classify(code, status, condition)
    text = message or code or "Unknown"
    error = cls(number, text) if path is None else cls(number, text, path)
    _mark(error, code, request_id)
    error.__cause__ = make_client_error(code, message, operation, request_id, status, retries)
    return error


def from_core_error(
    error: CoreError | ErrorMembers, path: str | None = None, *, condition: str | None = None
) -> Exception:
    """The exception for a failure of the native core in work on ``path``.

    Args:
        error: the core's exception or the members of its error record.
        path: what was asked for.
        condition: see :func:`os_error_of`.

    Returns:
        What S3 refused: see :func:`os_error_of`. No answer: ``ConnectionError``,
        ``TimeoutError`` or another ``OSError``. A bad argument: ``ValueError``. The rest as for
        queries, for instance ``InterfaceError`` after a shutdown.
    """
    members = _members(error)
    name, code, status = members["name"], members["service_code"], members["http_status"]
    operation, request_id = members["operation"], members["request_id"]
    if code or status >= 400:
        words = _errors._service_message(members["message"], code or str(status), operation)
        return os_error_of(
            code,
            status or None,
            words,
            request_id,
            path,
            operation=operation,
            condition=condition,
            retries=max(members["attempts"] - 1, 0),
        )
    message = members["message"] or name
    if name in ("ATH_ERR_INVALID", "ATH_ERR_CONFIG"):
        return ValueError(message if path is None else f"{message}: {path!r}")
    found = _CORE_CLASSES.get(name)
    if found is None:
        return _errors.make_error(members)
    cls, number = found
    result = cls(number, message) if path is None else cls(number, message, path)
    _mark(result, name, request_id)
    return result


def _members(error: CoreError | ErrorMembers) -> ErrorMembers:
    if isinstance(error, dict):
        return error
    return {
        "code": error.code,
        "name": error.name,
        "http_status": error.http_status,
        "attempts": error.attempts,
        "operation": error.operation,
        "service_code": error.service_code,
        "request_id": error.request_id,
        "message": error.message,
    }


class S3ClientError:
    """What a refused S3 call says, and its exception.

    Args:
        error: an exception in the shape of botocore's ``ClientError``.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error
        response: Any = getattr(error, "response", None)
        response = response if isinstance(response, dict) else {}
        self._details: dict[str, Any] = response.get("Error") or {}
        self._metadata: dict[str, Any] = response.get("ResponseMetadata") or {}
        self._os_error: OSError | None = None

    @property
    def code(self) -> str:
        """S3's error code, or "" when there is none."""
        return str(self._details.get("Code") or "")

    @property
    def http_status_code(self) -> int | None:
        """HTTP status of the answer."""
        status = self._metadata.get("HTTPStatusCode")
        return status if isinstance(status, int) else None

    @property
    def message(self) -> str:
        """S3's message, or the text of the exception when there is none."""
        return str(self._details.get("Message") or self._error)

    @property
    def os_error(self) -> OSError:
        """The exception to raise ``from`` the one this was made of; the same one each time.

        Its text is S3's message alone where the code has a class of its own.
        """
        if self._os_error is None:
            cls, number, has_class = _classify(
                self.code, self.http_status_code, self._details.get("Condition")
            )
            error = cls(self.message) if has_class else cls(number, self.message)
            error.errno = number
            _mark(error, self.code, self._metadata.get("RequestId"))
            self._os_error = error
        return self._os_error

    def __repr__(self) -> str:
        return f"S3ClientError({self._error!r})"

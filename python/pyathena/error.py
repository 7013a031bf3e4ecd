"""Exception classes of the package: PEP 249's hierarchy and the shape of a refused AWS call.

An exception raised because AWS refused a call carries what is known about the refusal in
attributes (:attr:`Error.code` and its neighbours); ``args`` and the text are those of PEP 249
drivers in general: ``args[0]`` is the message.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = [
    "ClientError",
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Warning",
    "make_client_error",
]


class Error(Exception):
    """Base of every error this package raises on purpose.

    Attributes (all ``None`` when unknown):
        code: the service's error code, such as ``"ThrottlingException"``.
        request_id: id of the refused HTTP request, for AWS support.
        query_id: the query execution the error belongs to.
        operation_name: the API operation, such as ``"StartQueryExecution"``.
        http_status: HTTP status of the refusal.
    """

    code: str | None = None
    request_id: str | None = None
    query_id: str | None = None
    operation_name: str | None = None
    http_status: int | None = None

    def __init__(
        self,
        *args: object,
        code: str | None = None,
        request_id: str | None = None,
        query_id: str | None = None,
        operation_name: str | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(*args)
        # Only what is known goes into the instance: pickling and copying carry __dict__ over.
        if code is not None:
            self.code = code
        if request_id is not None:
            self.request_id = request_id
        if query_id is not None:
            self.query_id = query_id
        if operation_name is not None:
            self.operation_name = operation_name
        if http_status is not None:
            self.http_status = http_status


class Warning(Exception):  # noqa: N818 - PEP 249's name
    """An important warning, such as data truncated on the way."""


class InterfaceError(Error):
    """The driver itself was used in a way that cannot work."""


class DatabaseError(Error):
    """Something about the database or the query; the base of the classes below."""


class InternalError(DatabaseError):
    """The service or the driver is in a state it should never be in."""


class OperationalError(DatabaseError):
    """The query failed, or the service could not be used; not necessarily the caller's fault."""


class ProgrammingError(DatabaseError):
    """The caller passed something wrong: no statement, a bad parameter, a closed cursor."""


class IntegrityError(DatabaseError):
    """Relational integrity was violated (Athena has none; the class is there for PEP 249)."""


class DataError(DatabaseError):
    """A value or an answer could not be understood."""


class NotSupportedError(DatabaseError):
    """The method or feature does not exist here."""


class ClientError(Exception):
    """A refused AWS call, in the shape of ``botocore.exceptions.ClientError``.

    Attributes:
        response: ``{"Error": {"Code", "Message"}, "ResponseMetadata": {"RequestId",
            "HTTPStatusCode", "HTTPHeaders", "RetryAttempts"}}``.
        operation_name: the API operation.
    """

    MSG_TEMPLATE = (
        "An error occurred ({error_code}) when calling the {operation_name} "
        "operation{retry_info}: {error_message}"
    )

    def __init__(self, error_response: dict[str, Any], operation_name: str) -> None:
        error = error_response.get("Error") or {}
        metadata = error_response.get("ResponseMetadata") or {}
        retry_info = ""
        if metadata.get("MaxAttemptsReached"):
            retry_info = f" (reached max retries: {metadata.get('RetryAttempts', 0)})"
        super().__init__(
            self.MSG_TEMPLATE.format(
                error_code=error.get("Code", "Unknown"),
                operation_name=operation_name,
                retry_info=retry_info,
                error_message=error.get("Message", "Unknown"),
            )
        )
        self.response = error_response
        self.operation_name = operation_name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.response, self.operation_name)


def make_client_error(
    code: str | None,
    message: str | None,
    operation: str,
    request_id: str | None = None,
    status: int | None = None,
    retries: int = 0,
    headers: dict[str, str] | None = None,
) -> Exception:
    """Build the ``__cause__`` of an error that AWS answered.

    Args:
        code: the service's error code.
        message: the service's message.
        operation: the API operation that was refused.
        request_id: id of the last request.
        status: HTTP status of the last answer.
        retries: how many times the call was repeated.
        headers: headers of the last answer, names in lower case.

    Returns:
        A ``botocore.exceptions.ClientError`` when the program already imported that module,
        so that ``except`` clauses written for it match; otherwise this module's
        :class:`ClientError` with the same text and attributes. botocore is never imported.
    """
    response = {
        "Error": {
            "Code": "Unknown" if code is None else code,
            "Message": "Unknown" if message is None else message,
        },
        "ResponseMetadata": {
            "RequestId": request_id,
            "HTTPStatusCode": status,
            "HTTPHeaders": dict(headers) if headers else {},
            "RetryAttempts": retries,
        },
    }
    # The attribute is missing while another thread is still importing the module.
    botocore_class = getattr(sys.modules.get("botocore.exceptions"), "ClientError", None)
    error: Exception = (botocore_class or ClientError)(response, operation)
    return error

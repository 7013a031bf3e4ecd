"""From the core's error records to PEP 249's classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyathena import error

if TYPE_CHECKING:
    from pyathena._core import CoreError, ErrorMembers

_CLASSES: dict[str, type[error.Error]] = {
    "ATH_ERR_INVALID": error.ProgrammingError,
    "ATH_ERR_CONFIG": error.ProgrammingError,
    "ATH_ERR_UNSUPPORTED": error.NotSupportedError,
    "ATH_ERR_STATE": error.InterfaceError,
    "ATH_ERR_FORKED": error.InterfaceError,
    "ATH_ERR_SHUTDOWN": error.InterfaceError,
    "ATH_ERR_VALUE": error.DataError,
}


def make_error(
    members: ErrorMembers, query_id: str | None = None, message: str | None = None
) -> Exception:
    """The exception for an error record (the dict of ``Query.error()`` or of a ``CoreError``).

    A refused start is a DatabaseError, every later failure an OperationalError; what AWS answered
    is in the attributes ``code``, ``request_id``, ``operation_name``, ``http_status`` and, in
    botocore's shape, in ``__cause__``.
    """
    name = members["name"]
    if name == "ATH_ERR_NOMEM":
        return MemoryError(members["message"])
    operation = members["operation"]
    if members["service_code"] and operation == "StartQueryExecution":
        cls: type[error.Error] = error.DatabaseError
    else:
        cls = _CLASSES.get(name, error.OperationalError)
    text = members["message"] if message is None else message
    result = cls(
        text,
        code=members["service_code"] or name,
        request_id=members["request_id"] or None,
        query_id=query_id,
        operation_name=operation or None,
        http_status=members["http_status"] or None,
    )
    if members["service_code"]:
        result.__cause__ = error.make_client_error(
            members["service_code"],
            _service_message(text, members["service_code"], operation),
            operation,
            members["request_id"],
            members["http_status"],
            max(members["attempts"] - 1, 0),
        )
    return result


def _service_message(text: str, code: str, operation: str) -> str:
    """AWS's own words out of "An error occurred (Code) when calling the X operation: words"."""
    head = f"An error occurred ({code}) when calling the {operation} operation: "
    return text[len(head) :] if text.startswith(head) else text


def from_core_error(core_error: CoreError, query_id: str | None = None) -> Exception:
    """The PEP 249 exception for a ``_core.CoreError``."""
    members: ErrorMembers = {
        "code": core_error.code,
        "name": core_error.name,
        "message": core_error.message,
        "http_status": core_error.http_status,
        "attempts": core_error.attempts,
        "operation": core_error.operation,
        "service_code": core_error.service_code,
        "request_id": core_error.request_id,
    }
    return make_error(members, query_id)

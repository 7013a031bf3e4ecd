"""Errors of the API (what a call answers) and of queries (what a query fails with)."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer other than 200. ``message_key`` follows AWS: modelled errors write ``Message``."""

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        message_key: str = "Message",
        **members: Any,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.message_key = message_key
        self.members = members

    def body(self) -> dict[str, Any]:
        """The JSON document of the answer."""
        return {"__type": self.code, **self.members, self.message_key: self.message}


def invalid_request(message: str, athena_code: str = "INVALID_INPUT") -> ApiError:
    """An InvalidRequestException with its AthenaErrorCode."""
    return ApiError("InvalidRequestException", message, AthenaErrorCode=athena_code)


def malformed_query(message: str) -> ApiError:
    """What StartQueryExecution answers to SQL that does not parse."""
    return invalid_request(message, "MALFORMED_QUERY")


def metadata_error(message: str) -> ApiError:
    """A MetadataException, Athena's form of a catalogue look-up that found nothing."""
    return ApiError("MetadataException", message)


def plain(code: str, message: str, status: int = 400) -> ApiError:
    """An error of the front end (signature, throttling): not modelled, lower-case ``message``."""
    return ApiError(code, message, status, message_key="message")


# Category (1 system, 2 user, 3 other) and type of AthenaError by the engine's error name.
_KINDS: dict[str, tuple[int, int]] = {
    "SYNTAX_ERROR": (2, 1006),
    "TABLE_NOT_FOUND": (2, 1110),
    "SCHEMA_NOT_FOUND": (2, 1301),
    "COLUMN_NOT_FOUND": (2, 1006),
    "FUNCTION_NOT_FOUND": (2, 1006),
    "TYPE_MISMATCH": (2, 1006),
    "NOT_SUPPORTED": (2, 1200),
    "INVALID_FUNCTION_ARGUMENT": (2, 1100),
    "INVALID_CAST_ARGUMENT": (2, 1100),
    "DIVISION_BY_ZERO": (2, 1100),
    "NUMERIC_VALUE_OUT_OF_RANGE": (2, 1100),
    "HIVE_BAD_DATA": (2, 1001),
    "HIVE_PATH_ALREADY_EXISTS": (2, 1002),
    "HIVE_CANNOT_OPEN_SPLIT": (2, 1002),
    "DDL": (2, 1003),
    "PERMISSION_DENIED": (2, 1500),
    "EXCEEDED_MEMORY_LIMIT": (1, 1),
    "GENERIC_INTERNAL_ERROR": (1, 100),
}


class QueryError(Exception):
    """A query that fails: ``kind`` is the engine's error name, put in front of the text."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message

    @property
    def reason(self) -> str:
        """The text of StateChangeReason."""
        return self.message if self.kind == "DDL" else f"{self.kind}: {self.message}"

    def athena_error(self) -> dict[str, Any]:
        """The AthenaError structure of the status."""
        category, kind = _KINDS.get(self.kind, (2, 1000))
        return {
            "ErrorCategory": category,
            "ErrorType": kind,
            "Retryable": False,
            "ErrorMessage": self.reason,
        }


class QueryCancelled(Exception):
    """The query was stopped while the engine worked on it."""

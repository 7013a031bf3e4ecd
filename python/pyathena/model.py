"""Views of Athena's answers: executions, calculations, sessions, databases, tables; DDL words.

Each class takes the answer as the API gives it, wrapper included (``{"QueryExecution": ...}``),
and shows its fields as read-only properties. An absent field is ``None`` unless stated
otherwise; points in time are aware ``datetime`` objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Generic, TypeVar, overload

from pyathena.error import DataError

__all__ = [
    "AthenaCalculationExecution",
    "AthenaCalculationExecutionStatus",
    "AthenaCompression",
    "AthenaDatabase",
    "AthenaFileFormat",
    "AthenaPartitionTransform",
    "AthenaQueryExecution",
    "AthenaRowFormatSerde",
    "AthenaSessionStatus",
    "AthenaTableMetadata",
    "AthenaTableMetadataColumn",
    "AthenaTableMetadataPartitionKey",
]

_T = TypeVar("_T")


class _Field(Generic[_T]):
    """Read-only attribute that follows a path of keys into the answer kept by the object."""

    def __init__(self, *path: str, convert: Callable[[Any], Any] | None = None) -> None:
        self._path = path
        self._convert = convert

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self.__doc__ = f"``{'.'.join(self._path)}`` of the answer."

    @overload
    def __get__(self, obj: None, owner: type) -> _Field[_T]: ...

    @overload
    def __get__(self, obj: object, owner: type) -> _T: ...

    def __get__(self, obj: Any, owner: type) -> Any:
        if obj is None:
            return self
        value = obj._answer
        for key in self._path:
            if value is None:
                break
            value = value.get(key)
        return value if self._convert is None else self._convert(value)

    def __set__(self, obj: object, value: object) -> None:
        raise AttributeError(f"'{self._name}' of '{type(obj).__name__}' is read-only")


def _to_aware(value: datetime | int | float | None) -> datetime | None:
    """Read a point in time: seconds since 1970, or a ``datetime`` that is passed through."""
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.fromtimestamp(value, timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):
        raise DataError(f"Not a point in time: {value!r}") from None


def _time(*path: str) -> _Field[datetime | None]:
    return _Field(*path, convert=_to_aware)


def _dict(*path: str) -> _Field[dict[str, str]]:
    return _Field(*path, convert=lambda value: {} if value is None else value)


def _list(*path: str) -> _Field[list[str]]:
    return _Field(*path, convert=lambda value: [] if value is None else value)


def _require(answer: dict[str, Any], key: str) -> Any:
    value = answer.get(key)
    if not value:
        raise DataError(f"KeyError `{key}`")
    return value


class _Answer:
    """An answer and its one-line picture."""

    _REPR: tuple[str, ...] = ()

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._REPR)
        return f"{type(self).__name__}({shown})"


class AthenaQueryExecution(_Answer):
    """One query execution (GetQueryExecution); times in milliseconds, sizes in bytes.

    Raises:
        DataError: the answer lacks ``QueryExecution``, or that its id, ``Query`` or ``Status``.
    """

    STATE_QUEUED = "QUEUED"
    STATE_RUNNING = "RUNNING"
    STATE_SUCCEEDED = "SUCCEEDED"
    STATE_FAILED = "FAILED"
    STATE_CANCELLED = "CANCELLED"
    TERMINAL_STATES = (STATE_SUCCEEDED, STATE_FAILED, STATE_CANCELLED)

    STATEMENT_TYPE_DDL = "DDL"
    STATEMENT_TYPE_DML = "DML"
    STATEMENT_TYPE_UTILITY = "UTILITY"

    ENCRYPTION_OPTION_SSE_S3 = "SSE_S3"
    ENCRYPTION_OPTION_SSE_KMS = "SSE_KMS"
    ENCRYPTION_OPTION_CSE_KMS = "CSE_KMS"

    ERROR_CATEGORY_SYSTEM = 1
    ERROR_CATEGORY_USER = 2
    ERROR_CATEGORY_OTHER = 3

    S3_ACL_OPTION_BUCKET_OWNER_FULL_CONTROL = "BUCKET_OWNER_FULL_CONTROL"

    _REPR = ("query_id", "state")

    def __init__(self, response: dict[str, Any]) -> None:
        answer = _require(response, "QueryExecution")
        for key in ("QueryExecutionId", "Query", "Status"):
            _require(answer, key)
        super().__init__(answer)

    query_id = _Field[str]("QueryExecutionId")
    query = _Field[str]("Query")
    statement_type = _Field["str | None"]("StatementType")
    substatement_type = _Field["str | None"]("SubstatementType")
    work_group = _Field["str | None"]("WorkGroup")
    execution_parameters = _list("ExecutionParameters")
    database = _Field["str | None"]("QueryExecutionContext", "Database")
    catalog = _Field["str | None"]("QueryExecutionContext", "Catalog")

    state = _Field["str | None"]("Status", "State")
    state_change_reason = _Field["str | None"]("Status", "StateChangeReason")
    submission_date_time = _time("Status", "SubmissionDateTime")
    completion_date_time = _time("Status", "CompletionDateTime")
    error_category = _Field["int | None"]("Status", "AthenaError", "ErrorCategory")
    error_type = _Field["int | None"]("Status", "AthenaError", "ErrorType")
    retryable = _Field["bool | None"]("Status", "AthenaError", "Retryable")
    error_message = _Field["str | None"]("Status", "AthenaError", "ErrorMessage")

    data_scanned_in_bytes = _Field["int | None"]("Statistics", "DataScannedInBytes")
    engine_execution_time_in_millis = _Field["int | None"](
        "Statistics", "EngineExecutionTimeInMillis"
    )
    query_queue_time_in_millis = _Field["int | None"]("Statistics", "QueryQueueTimeInMillis")
    total_execution_time_in_millis = _Field["int | None"](
        "Statistics", "TotalExecutionTimeInMillis"
    )
    query_planning_time_in_millis = _Field["int | None"]("Statistics", "QueryPlanningTimeInMillis")
    service_pre_processing_time_in_millis = _Field["int | None"](
        "Statistics", "ServicePreProcessingTimeInMillis"
    )
    service_processing_time_in_millis = _Field["int | None"](
        "Statistics", "ServiceProcessingTimeInMillis"
    )
    dpu_count = _Field["float | None"]("Statistics", "DpuCount")
    data_manifest_location = _Field["str | None"]("Statistics", "DataManifestLocation")
    reused_previous_result = _Field["bool | None"](
        "Statistics", "ResultReuseInformation", "ReusedPreviousResult"
    )

    output_location = _Field["str | None"]("ResultConfiguration", "OutputLocation")
    encryption_option = _Field["str | None"](
        "ResultConfiguration", "EncryptionConfiguration", "EncryptionOption"
    )
    kms_key = _Field["str | None"]("ResultConfiguration", "EncryptionConfiguration", "KmsKey")
    expected_bucket_owner = _Field["str | None"]("ResultConfiguration", "ExpectedBucketOwner")
    s3_acl_option = _Field["str | None"]("ResultConfiguration", "AclConfiguration", "S3AclOption")
    managed_query_results_enabled = _Field["bool | None"](
        "ManagedQueryResultsConfiguration", "Enabled"
    )
    managed_query_results_kms_key = _Field["str | None"](
        "ManagedQueryResultsConfiguration", "EncryptionConfiguration", "KmsKey"
    )
    enable_s3_access_grants = _Field["bool | None"](
        "QueryResultsS3AccessGrantsConfiguration", "EnableS3AccessGrants"
    )
    create_user_level_prefix = _Field["bool | None"](
        "QueryResultsS3AccessGrantsConfiguration", "CreateUserLevelPrefix"
    )
    s3_access_grants_authentication_type = _Field["str | None"](
        "QueryResultsS3AccessGrantsConfiguration", "AuthenticationType"
    )

    selected_engine_version = _Field["str | None"]("EngineVersion", "SelectedEngineVersion")
    effective_engine_version = _Field["str | None"]("EngineVersion", "EffectiveEngineVersion")
    result_reuse_enabled = _Field["bool | None"](
        "ResultReuseConfiguration", "ResultReuseByAgeConfiguration", "Enabled"
    )
    result_reuse_minutes = _Field["int | None"](
        "ResultReuseConfiguration", "ResultReuseByAgeConfiguration", "MaxAgeInMinutes"
    )


class AthenaCalculationExecutionStatus(_Answer):
    """State and cost of a Spark calculation (GetCalculationExecutionStatus).

    Raises:
        DataError: the answer lacks ``Status`` or ``Statistics``.
    """

    STATE_CREATING = "CREATING"
    STATE_CREATED = "CREATED"
    STATE_QUEUED = "QUEUED"
    STATE_RUNNING = "RUNNING"
    STATE_CANCELING = "CANCELING"
    STATE_CANCELED = "CANCELED"
    STATE_COMPLETED = "COMPLETED"
    STATE_FAILED = "FAILED"
    TERMINAL_STATES = (STATE_COMPLETED, STATE_FAILED, STATE_CANCELED)

    _REPR: tuple[str, ...] = ("state",)

    def __init__(self, response: dict[str, Any]) -> None:
        _require(response, "Status")
        # A calculation that has not started may have an empty object here.
        if response.get("Statistics") is None:
            raise DataError("KeyError `Statistics`")
        super().__init__(response)

    state = _Field["str | None"]("Status", "State")
    state_change_reason = _Field["str | None"]("Status", "StateChangeReason")
    submission_date_time = _time("Status", "SubmissionDateTime")
    completion_date_time = _time("Status", "CompletionDateTime")
    dpu_execution_in_millis = _Field["int | None"]("Statistics", "DpuExecutionInMillis")
    progress = _Field["str | None"]("Statistics", "Progress")


class AthenaCalculationExecution(AthenaCalculationExecutionStatus):
    """One Spark calculation (GetCalculationExecution).

    Raises:
        DataError: the answer lacks a part the base class needs, ``CalculationExecutionId`` or
            ``SessionId``.
    """

    _REPR = ("calculation_id", "session_id", "state")

    def __init__(self, response: dict[str, Any]) -> None:
        super().__init__(response)
        _require(response, "CalculationExecutionId")
        _require(response, "SessionId")

    calculation_id = _Field[str]("CalculationExecutionId")
    session_id = _Field[str]("SessionId")
    description = _Field["str | None"]("Description")
    working_directory = _Field["str | None"]("WorkingDirectory")
    std_out_s3_uri = _Field["str | None"]("Result", "StdOutS3Uri")
    std_error_s3_uri = _Field["str | None"]("Result", "StdErrorS3Uri")
    result_s3_uri = _Field["str | None"]("Result", "ResultS3Uri")
    result_type = _Field["str | None"]("Result", "ResultType")


class AthenaSessionStatus(_Answer):
    """State of a Spark session (GetSessionStatus).

    Raises:
        DataError: the answer lacks ``Status``.
    """

    STATE_CREATING = "CREATING"
    STATE_CREATED = "CREATED"
    STATE_IDLE = "IDLE"
    STATE_BUSY = "BUSY"
    STATE_TERMINATING = "TERMINATING"
    STATE_TERMINATED = "TERMINATED"
    STATE_DEGRADED = "DEGRADED"
    STATE_FAILED = "FAILED"

    _REPR = ("session_id", "state")

    def __init__(self, response: dict[str, Any]) -> None:
        _require(response, "Status")
        super().__init__(response)

    session_id = _Field["str | None"]("SessionId")
    state = _Field["str | None"]("Status", "State")
    state_change_reason = _Field["str | None"]("Status", "StateChangeReason")
    start_date_time = _time("Status", "StartDateTime")
    last_modified_date_time = _time("Status", "LastModifiedDateTime")
    end_date_time = _time("Status", "EndDateTime")
    idle_since_date_time = _time("Status", "IdleSinceDateTime")


class AthenaDatabase(_Answer):
    """A database of the data catalogue; ``parameters`` is ``{}`` when absent.

    Raises:
        DataError: the answer lacks ``Database``.
    """

    _REPR = ("name",)

    def __init__(self, response: dict[str, Any]) -> None:
        super().__init__(_require(response, "Database"))

    name = _Field["str | None"]("Name")
    description = _Field["str | None"]("Description")
    parameters = _dict("Parameters")


class AthenaTableMetadataColumn(_Answer):
    """A column of a table; takes an element of ``Columns``."""

    _REPR = ("name", "type")

    def __init__(self, response: dict[str, Any]) -> None:
        super().__init__(response)

    name = _Field["str | None"]("Name")
    type = _Field["str | None"]("Type")
    comment = _Field["str | None"]("Comment")


class AthenaTableMetadataPartitionKey(_Answer):
    """A partition key of a table; takes an element of ``PartitionKeys``."""

    _REPR = ("name", "type")

    def __init__(self, response: dict[str, Any]) -> None:
        super().__init__(response)

    name = _Field["str | None"]("Name")
    type = _Field["str | None"]("Type")
    comment = _Field["str | None"]("Comment")


class AthenaTableMetadata(_Answer):
    """A table or view of the data catalogue, and what its ``Parameters`` say about storage.

    ``columns``, ``partition_keys`` are lists, ``parameters`` is a dict; empty when absent.

    Raises:
        DataError: the answer lacks ``TableMetadata``.
    """

    _REPR = ("name", "table_type")

    _COMPRESSION_KEYS = (
        "write.compression",
        "serde.param.write.compression",
        "parquet.compression",
        "orc.compress",
        "parquet.compress",
    )
    _SERDE_PREFIX = "serde.param."

    def __init__(self, response: dict[str, Any]) -> None:
        super().__init__(_require(response, "TableMetadata"))
        self._columns = [
            AthenaTableMetadataColumn(column) for column in self._answer.get("Columns") or ()
        ]
        self._partition_keys = [
            AthenaTableMetadataPartitionKey(key) for key in self._answer.get("PartitionKeys") or ()
        ]

    name = _Field["str | None"]("Name")
    create_time = _time("CreateTime")
    last_access_time = _time("LastAccessTime")
    table_type = _Field["str | None"]("TableType")
    parameters = _dict("Parameters")
    comment = _Field["str | None"]("Parameters", "comment")
    location = _Field["str | None"]("Parameters", "location")
    input_format = _Field["str | None"]("Parameters", "inputformat")
    output_format = _Field["str | None"]("Parameters", "outputformat")
    serde_serialization_lib = _Field["str | None"]("Parameters", "serde.serialization.lib")

    @property
    def columns(self) -> list[AthenaTableMetadataColumn]:
        """The columns, partition keys not among them."""
        return self._columns

    @property
    def partition_keys(self) -> list[AthenaTableMetadataPartitionKey]:
        """The partition keys."""
        return self._partition_keys

    @property
    def row_format(self) -> str | None:
        """``SERDE '<class>'``, or ``None`` when the class is unknown."""
        lib = self.serde_serialization_lib
        return f"SERDE '{lib}'" if lib else None

    @property
    def file_format(self) -> str | None:
        """``INPUTFORMAT '..' OUTPUTFORMAT '..'``, or ``None`` unless both are known."""
        source, target = self.input_format, self.output_format
        return f"INPUTFORMAT '{source}' OUTPUTFORMAT '{target}'" if source and target else None

    @property
    def compression(self) -> str | None:
        """The first compression found under the names in use, or ``None``."""
        parameters = self.parameters
        for key in self._COMPRESSION_KEYS:
            if key in parameters:
                return parameters[key]
        return None

    @property
    def serde_properties(self) -> dict[str, str]:
        """The parameters of the SerDe, their ``serde.param.`` removed."""
        prefix = self._SERDE_PREFIX
        return {k[len(prefix) :]: v for k, v in self.parameters.items() if k.startswith(prefix)}

    @property
    def table_properties(self) -> dict[str, str]:
        """All parameters that are not the SerDe's."""
        return {k: v for k, v in self.parameters.items() if not k.startswith(self._SERDE_PREFIX)}


class AthenaFileFormat:
    """Words after ``STORED AS``."""

    FILE_FORMAT_SEQUENCEFILE = "SEQUENCEFILE"
    FILE_FORMAT_TEXTFILE = "TEXTFILE"
    FILE_FORMAT_RCFILE = "RCFILE"
    FILE_FORMAT_ORC = "ORC"
    FILE_FORMAT_PARQUET = "PARQUET"
    FILE_FORMAT_AVRO = "AVRO"
    FILE_FORMAT_ION = "ION"

    @staticmethod
    def is_parquet(value: str) -> bool:
        """Tell whether the word means Parquet; case is ignored."""
        return value.upper() == AthenaFileFormat.FILE_FORMAT_PARQUET

    @staticmethod
    def is_orc(value: str) -> bool:
        """Tell whether the word means ORC; case is ignored."""
        return value.upper() == AthenaFileFormat.FILE_FORMAT_ORC


class AthenaRowFormatSerde:
    """Class names after ``ROW FORMAT SERDE``."""

    PATTERN_ROW_FORMAT_SERDE = re.compile(r"^[Ss][Ee][Rr][Dd][Ee] '(?P<serde>[^\n]+)'$")

    ROW_FORMAT_SERDE_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
    ROW_FORMAT_SERDE_REGEX = "org.apache.hadoop.hive.serde2.RegexSerDe"
    ROW_FORMAT_SERDE_LAZY_SIMPLE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
    ROW_FORMAT_SERDE_CLOUD_TRAIL = "com.amazon.emr.hive.serde.CloudTrailSerde"
    ROW_FORMAT_SERDE_GROK = "com.amazonaws.glue.serde.GrokSerDe"
    ROW_FORMAT_SERDE_JSON = "org.openx.data.jsonserde.JsonSerDe"
    ROW_FORMAT_SERDE_JSON_HCATALOG = "org.apache.hive.hcatalog.data.JsonSerDe"
    ROW_FORMAT_SERDE_PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    ROW_FORMAT_SERDE_ORC = "org.apache.hadoop.hive.ql.io.orc.OrcSerde"
    ROW_FORMAT_SERDE_AVRO = "org.apache.hadoop.hive.serde2.avro.AvroSerDe"

    @staticmethod
    def is_parquet(value: str) -> bool:
        """Tell whether ``SERDE '<class>'`` names Parquet's class."""
        match = AthenaRowFormatSerde.PATTERN_ROW_FORMAT_SERDE.match(value)
        return match is not None and match["serde"] == AthenaRowFormatSerde.ROW_FORMAT_SERDE_PARQUET

    @staticmethod
    def is_orc(value: str) -> bool:
        """Tell whether ``SERDE '<class>'`` names ORC's class."""
        match = AthenaRowFormatSerde.PATTERN_ROW_FORMAT_SERDE.match(value)
        return match is not None and match["serde"] == AthenaRowFormatSerde.ROW_FORMAT_SERDE_ORC


class AthenaCompression:
    """Compression names of table properties."""

    COMPRESSION_BZIP2 = "BZIP2"
    COMPRESSION_DEFLATE = "DEFLATE"
    COMPRESSION_GZIP = "GZIP"
    COMPRESSION_LZ4 = "LZ4"
    COMPRESSION_LZO = "LZO"
    COMPRESSION_SNAPPY = "SNAPPY"
    COMPRESSION_ZLIB = "ZLIB"
    COMPRESSION_ZSTD = "ZSTD"

    @staticmethod
    def is_valid(value: str) -> bool:
        """Tell whether the word is one of the compressions; case is ignored."""
        return value.upper() in _COMPRESSIONS


class AthenaPartitionTransform:
    """Partition transforms of Iceberg tables."""

    PARTITION_TRANSFORM_YEAR = "year"
    PARTITION_TRANSFORM_MONTH = "month"
    PARTITION_TRANSFORM_DAY = "day"
    PARTITION_TRANSFORM_HOUR = "hour"
    PARTITION_TRANSFORM_BUCKET = "bucket"
    PARTITION_TRANSFORM_TRUNCATE = "truncate"

    @staticmethod
    def is_valid(value: str) -> bool:
        """Tell whether the word is one of the transforms; case is ignored."""
        return value.lower() in _PARTITION_TRANSFORMS


def _words(owner: type, prefix: str) -> frozenset[str]:
    return frozenset(value for name, value in vars(owner).items() if name.startswith(prefix))


_COMPRESSIONS = _words(AthenaCompression, "COMPRESSION_")
_PARTITION_TRANSFORMS = _words(AthenaPartitionTransform, "PARTITION_TRANSFORM_")

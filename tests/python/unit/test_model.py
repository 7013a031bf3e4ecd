"""Views of Athena's answers."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from pyathena import model
from pyathena.error import DataError

QUERY = {
    "QueryExecutionId": "q-1",
    "Query": "SELECT 1",
    "StatementType": "DML",
    "SubstatementType": "SELECT",
    "WorkGroup": "wg",
    "ExecutionParameters": ["1"],
    "QueryExecutionContext": {"Database": "db", "Catalog": "cat"},
    "Status": {
        "State": "FAILED",
        "StateChangeReason": "why",
        "SubmissionDateTime": 1700000000.123,
        "CompletionDateTime": 1700000001,
        "AthenaError": {
            "ErrorCategory": 2,
            "ErrorType": 1006,
            "Retryable": False,
            "ErrorMessage": "bad",
        },
    },
    "Statistics": {
        "DataScannedInBytes": 1,
        "EngineExecutionTimeInMillis": 2,
        "QueryQueueTimeInMillis": 3,
        "TotalExecutionTimeInMillis": 4,
        "QueryPlanningTimeInMillis": 5,
        "ServicePreProcessingTimeInMillis": 6,
        "ServiceProcessingTimeInMillis": 7,
        "DpuCount": 8.5,
        "DataManifestLocation": "s3://b/m",
        "ResultReuseInformation": {"ReusedPreviousResult": True},
    },
    "ResultConfiguration": {
        "OutputLocation": "s3://b/o",
        "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "k"},
        "ExpectedBucketOwner": "owner",
        "AclConfiguration": {"S3AclOption": "BUCKET_OWNER_FULL_CONTROL"},
    },
    "ManagedQueryResultsConfiguration": {
        "Enabled": True,
        "EncryptionConfiguration": {"KmsKey": "mk"},
    },
    "QueryResultsS3AccessGrantsConfiguration": {
        "EnableS3AccessGrants": True,
        "CreateUserLevelPrefix": False,
        "AuthenticationType": "DIRECTORY_IDENTITY",
    },
    "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "v3"},
    "ResultReuseConfiguration": {
        "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 9}
    },
}

QUERY_PROPERTIES = {
    "query_id": "q-1",
    "query": "SELECT 1",
    "statement_type": "DML",
    "substatement_type": "SELECT",
    "work_group": "wg",
    "execution_parameters": ["1"],
    "database": "db",
    "catalog": "cat",
    "state": "FAILED",
    "state_change_reason": "why",
    "submission_date_time": datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=timezone.utc),
    "completion_date_time": datetime(2023, 11, 14, 22, 13, 21, tzinfo=timezone.utc),
    "error_category": 2,
    "error_type": 1006,
    "retryable": False,
    "error_message": "bad",
    "data_scanned_in_bytes": 1,
    "engine_execution_time_in_millis": 2,
    "query_queue_time_in_millis": 3,
    "total_execution_time_in_millis": 4,
    "query_planning_time_in_millis": 5,
    "service_pre_processing_time_in_millis": 6,
    "service_processing_time_in_millis": 7,
    "dpu_count": 8.5,
    "data_manifest_location": "s3://b/m",
    "reused_previous_result": True,
    "output_location": "s3://b/o",
    "encryption_option": "SSE_KMS",
    "kms_key": "k",
    "expected_bucket_owner": "owner",
    "s3_acl_option": "BUCKET_OWNER_FULL_CONTROL",
    "managed_query_results_enabled": True,
    "managed_query_results_kms_key": "mk",
    "enable_s3_access_grants": True,
    "create_user_level_prefix": False,
    "s3_access_grants_authentication_type": "DIRECTORY_IDENTITY",
    "selected_engine_version": "AUTO",
    "effective_engine_version": "v3",
    "result_reuse_enabled": True,
    "result_reuse_minutes": 9,
}


@pytest.mark.parametrize("name", QUERY_PROPERTIES)
def test_query_execution_property(name):
    execution = model.AthenaQueryExecution({"QueryExecution": QUERY})
    assert getattr(execution, name) == QUERY_PROPERTIES[name]
    with pytest.raises(AttributeError):
        setattr(execution, name, None)


@pytest.mark.parametrize("name", sorted(set(QUERY_PROPERTIES) - {"query_id", "query", "state"}))
@pytest.mark.parametrize("empty", [False, True])
def test_query_execution_absent_field(name, empty):
    minimal = {"QueryExecutionId": "q", "Query": "s", "Status": {"State": "QUEUED"}}
    if empty:
        minimal.update({key: None for key in QUERY if key not in minimal})
    execution = model.AthenaQueryExecution({"QueryExecution": minimal})
    assert getattr(execution, name) == ([] if name == "execution_parameters" else None)


@pytest.mark.parametrize("key", ["QueryExecutionId", "Query", "Status"])
@pytest.mark.parametrize("value", ["absent", None])
def test_query_execution_requires(key, value):
    answer = dict(QUERY)
    if value is None:
        answer[key] = None
    else:
        del answer[key]
    with pytest.raises(DataError, match=f"^KeyError `{key}`$"):
        model.AthenaQueryExecution({"QueryExecution": answer})


@pytest.mark.parametrize("response", [{}, {"QueryExecution": None}, {"QueryExecution": {}}])
def test_query_execution_requires_the_wrapper(response):
    with pytest.raises(DataError, match="^KeyError `QueryExecution`$"):
        model.AthenaQueryExecution(response)


def test_query_execution_passes_datetimes_through():
    there = datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=9)))
    answer = {**QUERY, "Status": {"State": "QUEUED", "SubmissionDateTime": there}}
    execution = model.AthenaQueryExecution({"QueryExecution": answer})
    assert execution.submission_date_time is there
    assert execution.completion_date_time is None


@pytest.mark.parametrize("value", ["yesterday", 1e30, float("nan")])
def test_query_execution_refuses_odd_times(value):
    answer = {**QUERY, "Status": {"State": "QUEUED", "SubmissionDateTime": value}}
    execution = model.AthenaQueryExecution({"QueryExecution": answer})
    with pytest.raises(DataError, match="Not a point in time"):
        _ = execution.submission_date_time


def test_query_execution_constants_and_repr():
    cls = model.AthenaQueryExecution
    assert cls.TERMINAL_STATES == ("SUCCEEDED", "FAILED", "CANCELLED")
    assert (cls.ERROR_CATEGORY_SYSTEM, cls.ERROR_CATEGORY_OTHER) == (1, 3)
    assert repr(cls({"QueryExecution": QUERY})) == (
        "AthenaQueryExecution(query_id='q-1', state='FAILED')"
    )


CALCULATION = {
    "CalculationExecutionId": "c",
    "SessionId": "s",
    "Description": "d",
    "WorkingDirectory": "w",
    "Status": {"State": "CANCELED", "StateChangeReason": "r", "SubmissionDateTime": 0},
    "Statistics": {"DpuExecutionInMillis": 1, "Progress": "1"},
    "Result": {
        "StdOutS3Uri": "s3://o",
        "StdErrorS3Uri": "s3://e",
        "ResultS3Uri": "s3://r",
        "ResultType": "t",
    },
}


def test_calculation_execution():
    calculation = model.AthenaCalculationExecution(CALCULATION)
    assert (calculation.calculation_id, calculation.session_id) == ("c", "s")
    assert (calculation.description, calculation.working_directory) == ("d", "w")
    assert (calculation.state, calculation.state_change_reason) == ("CANCELED", "r")
    assert calculation.submission_date_time == datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert calculation.completion_date_time is None
    assert (calculation.dpu_execution_in_millis, calculation.progress) == (1, "1")
    assert (calculation.std_out_s3_uri, calculation.std_error_s3_uri) == ("s3://o", "s3://e")
    assert (calculation.result_s3_uri, calculation.result_type) == ("s3://r", "t")
    assert calculation.state in calculation.TERMINAL_STATES
    assert isinstance(calculation, model.AthenaCalculationExecutionStatus)


@pytest.mark.parametrize("key", ["Status", "Statistics", "CalculationExecutionId", "SessionId"])
def test_calculation_execution_requires(key):
    answer = {k: v for k, v in CALCULATION.items() if k != key}
    with pytest.raises(DataError, match=f"^KeyError `{key}`$"):
        model.AthenaCalculationExecution(answer)


def test_session_status():
    answer = {"SessionId": "s", "Status": {"State": "IDLE", "IdleSinceDateTime": 1}}
    status = model.AthenaSessionStatus(answer)
    assert (status.session_id, status.state) == ("s", status.STATE_IDLE)
    assert status.idle_since_date_time == datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc)
    assert (status.start_date_time, status.end_date_time) == (None, None)
    assert status.last_modified_date_time is None
    with pytest.raises(DataError, match="^KeyError `Status`$"):
        model.AthenaSessionStatus({"SessionId": "s"})


def test_database():
    database = model.AthenaDatabase({"Database": {"Name": "n", "Parameters": {"a": "b"}}})
    assert (database.name, database.description, database.parameters) == ("n", None, {"a": "b"})
    assert model.AthenaDatabase({"Database": {"Name": "n"}}).parameters == {}
    with pytest.raises(DataError, match="^KeyError `Database`$"):
        model.AthenaDatabase({})


def table(**parameters):
    return model.AthenaTableMetadata({"TableMetadata": {"Name": "t", "Parameters": parameters}})


def test_table_metadata_lists():
    metadata = model.AthenaTableMetadata(
        {
            "TableMetadata": {
                "Name": "t",
                "CreateTime": 1700000000,
                "TableType": "EXTERNAL_TABLE",
                "Columns": [{"Name": "a", "Type": "int", "Comment": "c"}],
                "PartitionKeys": [{"Name": "p", "Type": "string"}],
            }
        }
    )
    column, key = metadata.columns[0], metadata.partition_keys[0]
    assert (column.name, column.type, column.comment) == ("a", "int", "c")
    assert (key.name, key.type, key.comment) == ("p", "string", None)
    assert isinstance(key, model.AthenaTableMetadataPartitionKey)
    assert metadata.create_time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
    assert metadata.last_access_time is None
    assert (metadata.table_type, metadata.parameters) == ("EXTERNAL_TABLE", {})
    assert "name='t'" in repr(metadata)


def test_table_metadata_without_lists():
    metadata = table()
    assert (metadata.columns, metadata.partition_keys) == ([], [])
    assert (metadata.row_format, metadata.file_format, metadata.compression) == (None, None, None)
    with pytest.raises(DataError, match="^KeyError `TableMetadata`$"):
        model.AthenaTableMetadata({})


def test_table_metadata_parameters():
    parameters = {
        "comment": "c",
        "location": "s3://l",
        "inputformat": "i",
        "outputformat": "o",
        "serde.serialization.lib": "L",
        "serde.param.field.delim": ",",
    }
    metadata = table(**parameters)
    assert (metadata.comment, metadata.location) == ("c", "s3://l")
    assert (metadata.input_format, metadata.output_format) == ("i", "o")
    assert metadata.serde_serialization_lib == "L"
    assert metadata.row_format == "SERDE 'L'"
    assert metadata.file_format == "INPUTFORMAT 'i' OUTPUTFORMAT 'o'"
    assert metadata.serde_properties == {"field.delim": ","}
    assert metadata.table_properties == {
        k: v for k, v in parameters.items() if k != "serde.param.field.delim"
    }
    assert table(inputformat="i").file_format is None


def test_table_metadata_compression_order():
    names = [
        "write.compression",
        "serde.param.write.compression",
        "parquet.compression",
        "orc.compress",
        "parquet.compress",
    ]
    for index, name in enumerate(names):
        assert table(**{n: n for n in reversed(names[index:])}).compression == name


def test_ddl_words():
    assert model.AthenaFileFormat.is_parquet("parquet")
    assert not model.AthenaFileFormat.is_parquet("orc")
    assert model.AthenaFileFormat.is_orc("Orc")
    serde = model.AthenaRowFormatSerde
    assert serde.is_parquet(f"SERDE '{serde.ROW_FORMAT_SERDE_PARQUET}'")
    assert serde.is_orc(f"serde '{serde.ROW_FORMAT_SERDE_ORC}'")
    assert not serde.is_orc(f"SERDE '{serde.ROW_FORMAT_SERDE_ORC.lower()}'")
    assert not serde.is_parquet(serde.ROW_FORMAT_SERDE_PARQUET)
    assert model.AthenaCompression.is_valid("gzip")
    assert not model.AthenaCompression.is_valid("rar")
    assert model.AthenaPartitionTransform.is_valid("BUCKET")
    assert not model.AthenaPartitionTransform.is_valid("years")

"""The operations of Athena's API."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from . import ddl, hive, validate
from .catalog import CATALOG, Catalog, Database, Table
from .errors import ApiError, invalid_request, metadata_error, plain
from .queries import ENGINE_VERSION, Queries, Query, StartRequest, prepare
from .results import ResultReader
from .s3 import S3Client, error_code, split_uri
from .store import Store
from .switches import Switches
from .validate import Member, Shape, number, text
from .workgroups import NAME_PATTERN, WorkGroups

Answer = dict[str, Any]
Operation = Callable[[dict[str, Any]], "Answer | Coroutine[Any, Any, Answer]"]

MAX_SQL_BYTES = 262144
_LONG_SQL = 4096
_STATEMENT_NAME = r"[a-zA-Z_][a-zA-Z0-9_@:]{1,256}"
_QUERY_ID = Member(str, True, 1, 128, r"\S+")
_WORKGROUP = text(1, 128, False, NAME_PATTERN)
_WORKGROUP_REQUIRED = text(1, 128, True, NAME_PATTERN)
_TOKEN = text(1, 1024)
_CATALOG = text(1, 256, True)
_DATABASE = text(1, 128, True)

SHAPES: dict[str, Shape] = {
    "StartQueryExecution": {
        "QueryString": text(1, 262144, True),
        "ClientRequestToken": text(32, 128),
        "QueryExecutionContext": Member(dict),
        "ResultConfiguration": Member(dict),
        "WorkGroup": _WORKGROUP,
        "ExecutionParameters": Member(list, least=1),
        "ResultReuseConfiguration": Member(dict),
    },
    "GetQueryExecution": {"QueryExecutionId": _QUERY_ID},
    "StopQueryExecution": {"QueryExecutionId": _QUERY_ID},
    "GetQueryRuntimeStatistics": {"QueryExecutionId": _QUERY_ID},
    "BatchGetQueryExecution": {"QueryExecutionIds": Member(list, True, 1, 50)},
    "GetQueryResults": {
        "QueryExecutionId": _QUERY_ID,
        "NextToken": _TOKEN,
        "MaxResults": number(1, 1000),
        "QueryResultType": text(0, 64, False, "", "DATA_MANIFEST", "DATA_ROWS"),
    },
    "ListQueryExecutions": {
        "NextToken": _TOKEN,
        "MaxResults": number(0, 50),
        "WorkGroup": _WORKGROUP,
    },
    "ListEngineVersions": {"NextToken": _TOKEN, "MaxResults": number(1, 10)},
    "ListDataCatalogs": {"NextToken": _TOKEN, "MaxResults": number(2, 50)},
    "GetDataCatalog": {"Name": _CATALOG},
    "ListDatabases": {"CatalogName": _CATALOG, "NextToken": _TOKEN, "MaxResults": number(1, 50)},
    "GetDatabase": {"CatalogName": _CATALOG, "DatabaseName": _DATABASE},
    "GetTableMetadata": {
        "CatalogName": _CATALOG,
        "DatabaseName": _DATABASE,
        "TableName": text(1, 128, True),
    },
    "ListTableMetadata": {
        "CatalogName": _CATALOG,
        "DatabaseName": _DATABASE,
        "Expression": text(0, 256),
        "NextToken": _TOKEN,
        "MaxResults": number(1, 50),
    },
    "CreateWorkGroup": {
        "Name": _WORKGROUP_REQUIRED,
        "Configuration": Member(dict),
        "Description": text(0, 1024),
        "Tags": Member(list),
    },
    "GetWorkGroup": {"WorkGroup": _WORKGROUP_REQUIRED},
    "ListWorkGroups": {"NextToken": _TOKEN, "MaxResults": number(1, 50)},
    "DeleteWorkGroup": {"WorkGroup": _WORKGROUP_REQUIRED, "RecursiveDeleteOption": Member(bool)},
    "UpdateWorkGroup": {
        "WorkGroup": _WORKGROUP_REQUIRED,
        "Description": text(0, 1024),
        "ConfigurationUpdates": Member(dict),
        "State": text(0, 64, False, "", "ENABLED", "DISABLED"),
    },
    "CreatePreparedStatement": {
        "StatementName": text(1, 256, True, _STATEMENT_NAME),
        "WorkGroup": _WORKGROUP_REQUIRED,
        "QueryStatement": text(1, 262144, True),
        "Description": text(1, 1024),
    },
    "GetPreparedStatement": {
        "StatementName": text(1, 256, True, _STATEMENT_NAME),
        "WorkGroup": _WORKGROUP_REQUIRED,
    },
    "ListPreparedStatements": {
        "WorkGroup": _WORKGROUP_REQUIRED,
        "NextToken": _TOKEN,
        "MaxResults": number(1, 50),
    },
    "BatchGetPreparedStatement": {
        "PreparedStatementNames": Member(list, True),
        "WorkGroup": _WORKGROUP_REQUIRED,
    },
}
SHAPES["UpdatePreparedStatement"] = SHAPES["CreatePreparedStatement"]
SHAPES["DeletePreparedStatement"] = SHAPES["GetPreparedStatement"]

_CONTEXT: Shape = {"Database": text(1, 255), "Catalog": text(1, 256)}
_RESULT: Shape = {
    "OutputLocation": text(0, 2048),
    "EncryptionConfiguration": Member(dict),
    "ExpectedBucketOwner": text(12, 12, False, r"[0-9]+"),
    "AclConfiguration": Member(dict),
}
_ENCRYPTION: Shape = {
    "EncryptionOption": text(0, 64, True, "", "SSE_S3", "SSE_KMS", "CSE_KMS"),
    "KmsKey": text(),
}
_AGE: Shape = {"Enabled": Member(bool, True), "MaxAgeInMinutes": number(0, 10080)}


class Api:
    """The operations over the parts of the server. On the event loop's thread."""

    def __init__(
        self,
        catalog: Catalog,
        queries: Queries,
        workgroups: WorkGroups,
        store: Store,
        reader: ResultReader,
        client: S3Client,
        switches: Switches,
        managed_location: str,
    ) -> None:
        self._catalog = catalog
        self._queries = queries
        self._workgroups = workgroups
        self._store = store
        self._reader = reader
        self._client = client
        self._switches = switches
        self._managed_location = managed_location
        self._buckets: set[str] = set()
        self._prepared = {
            (scope, name): body for scope, name, body in store.all("prepared_statement")
        }
        queries.on_success = self._after_success
        self.operations: dict[str, Operation] = {
            name: getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
            for name in SHAPES
        }

    def call(self, name: str, document: dict[str, Any]) -> Answer | Coroutine[Any, Any, Answer]:
        """Runs an operation whose input is parsed JSON."""
        operation = self.operations.get(name)
        if operation is None:
            raise plain("UnknownOperationException", f"Operation {name} is not implemented")
        validate.check(document, SHAPES[name])
        return operation(document)

    def prepared_sql(self, workgroup: str, name: str) -> str:
        """The SQL of a prepared statement (for EXECUTE; any thread)."""
        found = self._prepared.get((workgroup, name))
        if found is None:
            raise ApiError("ResourceNotFoundException", f"PreparedStatement {name} was not found")
        return str(found["QueryStatement"])

    # -- queries --------------------------------------------------------------------------------

    def _start_query_execution(
        self, document: dict[str, Any]
    ) -> Answer | Coroutine[Any, Any, Answer]:
        request = self._start_request(document)
        found = self._queries.known(request)
        if found is not None:
            return {"QueryExecutionId": found.id}
        bucket, _ = split_uri(request.output)
        if len(request.sql) > _LONG_SQL or bucket not in self._buckets:
            return self._start_slowly(request, bucket)
        sql, statement = prepare(request, self._queries.foreign)
        return {"QueryExecutionId": self._queries.start(request, sql, statement).id}

    async def _start_slowly(self, request: StartRequest, bucket: str) -> Answer:
        sql, statement = await asyncio.to_thread(prepare, request, self._queries.foreign)
        if bucket not in self._buckets:
            try:
                exists = await asyncio.to_thread(self._client.bucket_exists, bucket)
            except OSError:
                exists = False
            if not exists:
                raise invalid_request(f"Unable to verify/create output bucket {bucket}")
            self._buckets.add(bucket)
        return {"QueryExecutionId": self._queries.start(request, sql, statement).id}

    def _start_request(self, document: dict[str, Any]) -> StartRequest:
        sql = document["QueryString"]
        if len(sql.encode("utf-8", "surrogatepass")) > MAX_SQL_BYTES:
            raise invalid_request(
                f"Query string exceeds the maximum length of {MAX_SQL_BYTES} bytes"
            )
        context = document.get("QueryExecutionContext") or {}
        validate.check(context, _CONTEXT, "queryExecutionContext.")
        result = document.get("ResultConfiguration") or {}
        validate.check(result, _RESULT, "resultConfiguration.")
        if result.get("EncryptionConfiguration"):
            where = "resultConfiguration.encryptionConfiguration."
            validate.check(result["EncryptionConfiguration"], _ENCRYPTION, where)
        parameters = document.get("ExecutionParameters") or []
        if not all(isinstance(value, str) and value for value in parameters):
            raise invalid_request("ExecutionParameters must be strings of at least one character")
        reuse = document.get("ResultReuseConfiguration")
        if reuse and reuse.get("ResultReuseByAgeConfiguration") is not None:
            where = "resultReuseConfiguration.resultReuseByAgeConfiguration."
            validate.check(reuse["ResultReuseByAgeConfiguration"], _AGE, where)
        name = document.get("WorkGroup") or "primary"
        group = self._workgroups.require(name)
        if group["State"] != "ENABLED":
            raise invalid_request(f"WorkGroup {name} is disabled.")
        catalog = context.get("Catalog") or CATALOG
        if catalog.lower() != CATALOG.lower():
            raise invalid_request(f"Catalog {catalog} is not found")
        output, effective, managed = self._output(group, result)
        return StartRequest(
            sql=sql,
            workgroup=name,
            database=(context.get("Database") or "default").lower(),
            catalog=catalog,
            context=context,
            output=output,
            result_configuration=effective,
            parameters=parameters,
            token=document.get("ClientRequestToken") or "",
            managed=managed,
            reuse=reuse,
        )

    def _output(
        self, group: dict[str, Any], result: dict[str, Any]
    ) -> tuple[str, dict[str, Any], bool]:
        """(prefix of results, effective ResultConfiguration, managed)."""
        configuration = group["Configuration"]
        if (configuration.get("ManagedQueryResultsConfiguration") or {}).get("Enabled"):
            if result.get("OutputLocation"):
                raise invalid_request(
                    "OutputLocation cannot be given for a work group with managed query results"
                )
            return self._managed_location, {}, True
        own = configuration.get("ResultConfiguration") or {}
        enforced = configuration.get("EnforceWorkGroupConfiguration", False)
        effective = dict(own) if enforced and own.get("OutputLocation") else {**own, **result}
        location = effective.get("OutputLocation")
        if not location:
            raise invalid_request(
                "No output location provided. An output location is required either through the "
                "Workgroup result configuration setting or as an API input."
            )
        try:
            split_uri(location)
        except ValueError:
            raise invalid_request(f"outputLocation is not a valid S3 path: {location}") from None
        return (location if location.endswith("/") else location + "/"), effective, False

    def _after_success(self, query: Query, statement: ddl.Statement) -> None:
        """PREPARE and DEALLOCATE take effect."""
        if isinstance(statement, ddl.Prepare):
            self._put_prepared(query.workgroup, statement.name, statement.statement, None)
        elif isinstance(statement, ddl.Deallocate):
            self._prepared.pop((query.workgroup, statement.name), None)
            self._store.delete("prepared_statement", query.workgroup, statement.name)

    def _require(self, query_id: str) -> Query:
        found = self._queries.get(query_id)
        if found is None:
            raise invalid_request(f"QueryExecution {query_id} was not found")
        return found

    def _get_query_execution(self, document: dict[str, Any]) -> Answer:
        return {"QueryExecution": self._describe(self._require(document["QueryExecutionId"]))}

    def _batch_get_query_execution(self, document: dict[str, Any]) -> Answer:
        found, missing = [], []
        for query_id in document["QueryExecutionIds"]:
            if not isinstance(query_id, str):
                raise validate.wrong_type("QueryExecutionIds", str)
            query = self._queries.get(query_id)
            if query is not None:
                found.append(self._describe(query))
            else:
                missing.append(
                    {
                        "QueryExecutionId": query_id,
                        "ErrorCode": "INVALID_INPUT",
                        "ErrorMessage": f"QueryExecution {query_id} was not found",
                    }
                )
        return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}

    def _describe(self, query: Query) -> Answer:
        status: Answer = {"State": query.state, "SubmissionDateTime": round(query.submitted, 3)}
        if query.reason:
            status["StateChangeReason"] = query.reason
        if query.completed is not None:
            status["CompletionDateTime"] = round(query.completed, 3)
        if query.error is not None:
            status["AthenaError"] = query.error
        out: Answer = {
            "QueryExecutionId": query.id,
            "Query": query.sql,
            "StatementType": query.statement_type,
            "SubstatementType": query.substatement_type,
            "QueryExecutionContext": query.context,
            "Status": status,
            "Statistics": self._statistics(query),
            "WorkGroup": query.workgroup,
            "EngineVersion": {
                "SelectedEngineVersion": "AUTO",
                "EffectiveEngineVersion": ENGINE_VERSION,
            },
            "ResultReuseConfiguration": query.reuse
            or {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        }
        if query.managed:
            out["ManagedQueryResultsConfiguration"] = {"Enabled": True}
        else:
            result = {**query.result_configuration, "OutputLocation": query.location}
            out["ResultConfiguration"] = result
        return out

    def _statistics(self, query: Query) -> Answer:
        now = query.completed or self._switches.now()
        total = max(0, round((now - query.submitted) * 1000))
        started = query.started or now
        queued = max(0, round((started - query.submitted) * 1000))
        out: Answer = {
            "EngineExecutionTimeInMillis": min(query.engine_millis, total),
            "DataScannedInBytes": query.scanned_bytes,
            "TotalExecutionTimeInMillis": total,
            "QueryQueueTimeInMillis": min(queued, total),
            "ServicePreProcessingTimeInMillis": 0,
            "QueryPlanningTimeInMillis": 0,
            "ServiceProcessingTimeInMillis": max(0, total - queued - query.engine_millis),
            "ResultReuseInformation": {"ReusedPreviousResult": query.reused},
        }
        if query.manifest:
            out["DataManifestLocation"] = query.manifest
        return out

    def _stop_query_execution(self, document: dict[str, Any]) -> Answer:
        self._queries.stop(self._require(document["QueryExecutionId"]).id)
        return {}

    def _get_query_runtime_statistics(self, document: dict[str, Any]) -> Answer:
        query = self._require(document["QueryExecutionId"])
        timeline = self._statistics(query)
        for name in ("DataScannedInBytes", "ResultReuseInformation", "DataManifestLocation"):
            timeline.pop(name, None)
        out: Answer = {"Timeline": timeline}
        if query.state == "SUCCEEDED" and not query.reused:
            rows = {
                "InputRows": query.rows,
                "InputBytes": query.scanned_bytes,
                "OutputRows": query.rows,
                "OutputBytes": query.output_bytes,
            }
            out["Rows"] = rows
            stage = {"StageId": 0, "State": "FINISHED", "ExecutionTime": query.engine_millis}
            out["OutputStage"] = {**stage, **rows}
        return {"QueryRuntimeStatistics": out}

    def _list_query_executions(self, document: dict[str, Any]) -> Answer:
        name = document.get("WorkGroup") or "primary"
        self._workgroups.require(name)
        ids = self._queries.ids_of(name)
        # A page goes on behind the last id that was told: new queries do not shift it.
        scope = "queries/" + name
        total = len(ids)
        skip = 0
        if document.get("NextToken"):
            skip = total - self._offset(scope, document["NextToken"])
        limit = document.get("MaxResults") or 50
        page = ids[skip : skip + limit]
        out: Answer = {"QueryExecutionIds": page}
        if skip + limit < total:
            out["NextToken"] = self._reader.token(scope, total - skip - limit)
        return out

    def _offset(self, scope: str, token: str) -> int:
        offset = self._reader.offset(scope, token)
        if offset is None:
            raise invalid_request("The NextToken is invalid", "INVALID_NEXT_TOKEN")
        return offset

    def _page(
        self, document: dict[str, Any], scope: str, items: list[Any], default: int = 50
    ) -> tuple[list[Any], str | None]:
        start = self._offset(scope, document["NextToken"]) if document.get("NextToken") else 0
        end = start + (document.get("MaxResults") or default)
        token = self._reader.token(scope, end) if end < len(items) else None
        return items[start:end], token

    def _answer(self, name: str, page: tuple[list[Any], str | None]) -> Answer:
        items, token = page
        return {name: items} if token is None else {name: items, "NextToken": token}

    # -- results --------------------------------------------------------------------------------

    def _get_query_results(self, document: dict[str, Any]) -> Coroutine[Any, Any, Answer]:
        query = self._require(document["QueryExecutionId"])
        if query.state in ("FAILED", "CANCELLED"):
            raise invalid_request(
                f"Query did not finish successfully. Final query state: {query.state}",
                "INVALID_QUERY_EXECUTION_STATE",
            )
        if query.state != "SUCCEEDED":
            raise invalid_request(
                f"Query has not yet finished. Current state: {query.state}",
                "INVALID_QUERY_EXECUTION_STATE",
            )
        if document.get("QueryResultType") == "DATA_MANIFEST" and not query.manifest:
            raise invalid_request("The query has no data manifest")
        return self._results(query, document)

    async def _results(self, query: Query, document: dict[str, Any]) -> Answer:
        limit = document.get("MaxResults") or 1000
        offset = self._offset(query.id, document["NextToken"]) if "NextToken" in document else 0
        columns = query.columns
        out: Answer = {}
        if document.get("QueryResultType") == "DATA_MANIFEST":
            rows, following = await asyncio.to_thread(
                self._read_lines, query, query.manifest, offset, limit, True
            )
            columns = [{**_VARCHAR_COLUMN, "Name": "manifest", "Label": "manifest"}]
        elif query.manifest:
            rows, following = [], None
        elif query.header:
            rows, following = await self._read_csv(query, offset, limit)
        else:
            rows, following = await asyncio.to_thread(
                self._read_lines, query, query.location, offset, limit, query.whole_line
            )
        if query.update_count is not None:
            out["UpdateCount"] = query.update_count
        elif query.header or rows:
            out["UpdateCount"] = 0
        data = [{"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows]
        out["ResultSet"] = {"Rows": data, "ResultSetMetadata": {"ColumnInfo": columns}}
        if following is not None:
            out["NextToken"] = self._reader.token(query.id, following)
        return out

    async def _read_csv(
        self, query: Query, offset: int, limit: int
    ) -> tuple[list[list[str | None]], int | None]:
        bucket, key = split_uri(query.location)
        owner = query.result_id or query.id
        try:
            return await asyncio.to_thread(self._reader.page, owner, bucket, key, offset, limit)
        except OSError as error:
            raise self._no_results(query, error) from None

    def _read_lines(
        self, query: Query, location: str, offset: int, limit: int, whole: bool
    ) -> tuple[list[list[str | None]], int | None]:
        bucket, key = split_uri(location)
        try:
            owner = query.id if location == query.location else location
            data = self._reader.load(owner, bucket, key)
        except OSError as error:
            raise self._no_results(query, error) from None
        lines = data.decode("utf-8", "replace").split("\n")[:-1]
        page = lines[offset : offset + limit]
        rows: list[list[str | None]] = [
            [line] if whole else list(line.split("\t")) for line in page
        ]
        return rows, offset + limit if offset + limit < len(lines) else None

    def _no_results(self, query: Query, error: OSError) -> ApiError:
        return invalid_request(f"Could not find results for query {query.id}: {error_code(error)}")

    # -- catalogue ------------------------------------------------------------------------------

    def _require_catalog(self, name: str) -> None:
        if name.lower() != CATALOG.lower():
            raise metadata_error(f"Data catalog {name} was not found")

    def _require_database(self, document: dict[str, Any]) -> Database:
        self._require_catalog(document["CatalogName"])
        found = self._catalog.database(document["DatabaseName"])
        if found is None:
            raise metadata_error(f"Database {document['DatabaseName']} not found.")
        return found

    def _list_data_catalogs(self, document: dict[str, Any]) -> Answer:
        summary = {"CatalogName": CATALOG, "Type": "GLUE", "Status": "CREATE_COMPLETE"}
        return self._answer("DataCatalogsSummary", self._page(document, "catalogs", [summary]))

    def _get_data_catalog(self, document: dict[str, Any]) -> Answer:
        if document["Name"].lower() != CATALOG.lower():
            raise invalid_request(f"Data catalog {document['Name']} was not found")
        parameters = {"catalog-id": "123456789012"}
        return {"DataCatalog": {"Name": CATALOG, "Type": "GLUE", "Parameters": parameters}}

    def _list_databases(self, document: dict[str, Any]) -> Answer:
        self._require_catalog(document["CatalogName"])
        items = [_database(database) for database in self._catalog.databases()]
        return self._answer("DatabaseList", self._page(document, "databases", items))

    def _get_database(self, document: dict[str, Any]) -> Answer:
        return {"Database": _database(self._require_database(document))}

    def _get_table_metadata(self, document: dict[str, Any]) -> Answer:
        database = self._require_database(document)
        found = self._catalog.table(database.name, document["TableName"])
        if found is None:
            raise metadata_error(
                f"EntityNotFoundException: Entity Not Found (Service: AmazonDataCatalog; Status "
                f"Code: 400; Error Code: EntityNotFoundException): Table "
                f"{document['TableName']} not found."
            )
        return {"TableMetadata": _table(found)}

    def _list_table_metadata(self, document: dict[str, Any]) -> Answer:
        database = self._require_database(document)
        tables = self._catalog.tables(database.name)
        expression = document.get("Expression")
        if expression:
            try:
                pattern = re.compile(expression.replace("*", ".*").replace("..*", ".*"))
            except re.error as error:
                raise metadata_error(f"Invalid expression {expression}: {error}") from None
            tables = [table for table in tables if pattern.fullmatch(table.name)]
        items = [_table(table) for table in tables]
        scope = f"tables/{database.name}/{expression or ''}"
        return self._answer("TableMetadataList", self._page(document, scope, items))

    # -- work groups ----------------------------------------------------------------------------

    def _create_work_group(self, document: dict[str, Any]) -> Answer:
        self._workgroups.create(document, self._switches.now())
        return {}

    def _get_work_group(self, document: dict[str, Any]) -> Answer:
        return {"WorkGroup": self._workgroups.require(document["WorkGroup"])}

    def _list_work_groups(self, document: dict[str, Any]) -> Answer:
        items = self._workgroups.summaries()
        return self._answer("WorkGroups", self._page(document, "workgroups", items))

    def _update_work_group(self, document: dict[str, Any]) -> Answer:
        self._workgroups.update(document)
        return {}

    def _delete_work_group(self, document: dict[str, Any]) -> Answer:
        name = document["WorkGroup"]
        self._workgroups.require(name)
        owned = [key for key in self._prepared if key[0] == name]
        used = owned or self._queries.ids_of(name)
        if used and not document.get("RecursiveDeleteOption"):
            raise invalid_request(f"WorkGroup {name} is not empty")
        self._workgroups.delete(name)
        for key in owned:
            del self._prepared[key]
        self._store.delete("prepared_statement", name)
        return {}

    def _list_engine_versions(self, document: dict[str, Any]) -> Answer:
        auto = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": ENGINE_VERSION}
        fixed = {**auto, "SelectedEngineVersion": ENGINE_VERSION}
        return {"EngineVersions": [auto, fixed]}

    # -- prepared statements --------------------------------------------------------------------

    def _put_prepared(self, group: str, name: str, sql: str, description: str | None) -> None:
        body = {
            "StatementName": name,
            "QueryStatement": sql,
            "WorkGroupName": group,
            "LastModifiedTime": round(self._switches.now(), 3),
        }
        if description:
            body["Description"] = description
        self._prepared[group, name] = body
        self._store.put("prepared_statement", group, name, body)

    def _create_prepared_statement(self, document: dict[str, Any]) -> Answer:
        group, name = document["WorkGroup"], document["StatementName"]
        self._workgroups.require(group)
        if (group, name) in self._prepared:
            raise invalid_request(f"PreparedStatement {name} already exists")
        ddl.parse(document["QueryStatement"])
        self._put_prepared(group, name, document["QueryStatement"], document.get("Description"))
        return {}

    def _update_prepared_statement(self, document: dict[str, Any]) -> Answer:
        self._require_prepared(document)
        group, name = document["WorkGroup"], document["StatementName"]
        ddl.parse(document["QueryStatement"])
        self._put_prepared(group, name, document["QueryStatement"], document.get("Description"))
        return {}

    def _require_prepared(self, document: dict[str, Any]) -> dict[str, Any]:
        group, name = document["WorkGroup"], document["StatementName"]
        self._workgroups.require(group)
        found = self._prepared.get((group, name))
        if found is None:
            raise ApiError(
                "ResourceNotFoundException",
                f"PreparedStatement {name} was not found",
                ResourceName=name,
            )
        return found

    def _get_prepared_statement(self, document: dict[str, Any]) -> Answer:
        return {"PreparedStatement": self._require_prepared(document)}

    def _delete_prepared_statement(self, document: dict[str, Any]) -> Answer:
        self._require_prepared(document)
        group, name = document["WorkGroup"], document["StatementName"]
        del self._prepared[group, name]
        self._store.delete("prepared_statement", group, name)
        return {}

    def _list_prepared_statements(self, document: dict[str, Any]) -> Answer:
        group = document["WorkGroup"]
        self._workgroups.require(group)
        items = [
            {"StatementName": name, "LastModifiedTime": body["LastModifiedTime"]}
            for (scope, name), body in sorted(self._prepared.items())
            if scope == group
        ]
        return self._answer("PreparedStatements", self._page(document, "prepared/" + group, items))

    def _batch_get_prepared_statement(self, document: dict[str, Any]) -> Answer:
        group = document["WorkGroup"]
        self._workgroups.require(group)
        found, missing = [], []
        for name in document["PreparedStatementNames"]:
            body = self._prepared.get((group, name))
            if body is not None:
                found.append(body)
            else:
                missing.append(
                    {
                        "StatementName": name,
                        "ErrorCode": "STATEMENT_NOT_FOUND",
                        "ErrorMessage": f"PreparedStatement {name} was not found",
                    }
                )
        return {"PreparedStatements": found, "UnprocessedPreparedStatementNames": missing}


_VARCHAR_COLUMN = {
    "CatalogName": "hive",
    "SchemaName": "",
    "TableName": "",
    "Type": "varchar",
    "Precision": 2147483647,
    "Scale": 0,
    "Nullable": "UNKNOWN",
    "CaseSensitive": True,
}


def _database(database: Database) -> Answer:
    out: Answer = {"Name": database.name, "Parameters": database.parameters}
    if database.description:
        out["Description"] = database.description
    return out


def _columns(columns: list[Any]) -> list[Answer]:
    out = []
    for column in columns:
        item = {"Name": column.name, "Type": column.type}
        if column.comment:
            item["Comment"] = column.comment
        out.append(item)
    return out


def _table(table: Table) -> Answer:
    parameters = dict(table.parameters)
    if not table.is_view:
        inputs, outputs = hive.input_output(table.format)
        parameters["inputformat"], parameters["outputformat"] = inputs, outputs
        parameters["location"] = table.location.rstrip("/")
        parameters["serde.serialization.lib"] = table.serde
        for key, value in table.serde_parameters.items():
            parameters[f"serde.param.{key}"] = value
    if table.comment:
        parameters["comment"] = table.comment
    return {
        "Name": table.name,
        "CreateTime": table.created,
        "LastAccessTime": 0,
        "TableType": table.table_type,
        "Columns": _columns(table.columns),
        "PartitionKeys": _columns(table.partition_keys),
        "Parameters": parameters,
    }


def request_id() -> str:
    """A fresh request id."""
    return str(uuid.uuid4())


def http_date(now: float) -> str:
    """A Date header's value."""
    stamp = time.gmtime(now)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return (
        f"{days[stamp.tm_wday]}, {stamp.tm_mday:02d} {months[stamp.tm_mon - 1]} {stamp.tm_year} "
        f"{stamp.tm_hour:02d}:{stamp.tm_min:02d}:{stamp.tm_sec:02d} GMT"
    )


def dump(document: dict[str, Any]) -> bytes:
    """A JSON body."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "replace"
    )

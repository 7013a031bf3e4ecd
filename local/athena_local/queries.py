"""The life of queries: queue, workers, states, history, idempotency, result reuse."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from . import ddl, translate
from .engine import Engine, Job, Outcome
from .errors import ApiError, QueryCancelled, QueryError, invalid_request
from .results import ResultReader
from .store import Store
from .switches import Switches

log = logging.getLogger("athena_local.queries")

ENGINE_VERSION = "Athena engine version 3"
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
_DIRECTIVE = re.compile(r"/\*\s*athena-local:\s*([^*]*?)\s*\*/")
_VOLATILE = re.compile(
    r"\b(now|rand|random|uuid|shuffle|current_\w+|localtime\w*)\b|\blimit\b", re.IGNORECASE
)


@dataclass
class Query:
    """A query execution; what is written to the store. Times are epoch seconds."""

    id: str
    sql: str
    statement_type: str
    substatement_type: str
    workgroup: str
    database: str
    catalog: str
    context: dict[str, Any]
    output: str
    result_configuration: dict[str, Any]
    submitted: float
    token: str = ""
    fingerprint: str = ""
    managed: bool = False
    reuse: dict[str, Any] | None = None
    state: str = "QUEUED"
    reason: str = ""
    error: dict[str, Any] | None = None
    started: float | None = None
    completed: float | None = None
    engine_millis: int = 0
    location: str = ""
    columns: list[dict[str, Any]] = field(default_factory=list)
    update_count: int | None = None
    manifest: str = ""
    header: bool = False
    whole_line: bool = False
    rows: int = 0
    output_bytes: int = 0
    scanned_bytes: int = 0
    reused: bool = False
    result_id: str = ""

    @property
    def final(self) -> bool:
        """Whether the state will not change any more."""
        return self.state in FINAL


@dataclass
class _Active:
    """A query that is not final yet."""

    query: Query
    job: Job
    run_seconds: float = 0.0
    outcome: Outcome | None = None
    failure: Exception | None = None
    engine_done: bool = False
    hold_done: bool = True
    timer: asyncio.TimerHandle | None = None


@dataclass
class StartRequest:
    """A StartQueryExecution whose members are checked and made effective."""

    sql: str
    workgroup: str
    database: str
    catalog: str
    context: dict[str, Any]
    output: str
    result_configuration: dict[str, Any]
    parameters: list[str]
    token: str
    managed: bool
    reuse: dict[str, Any] | None

    def fingerprint(self) -> str:
        """Equal for equal requests."""
        members = asdict(self)
        del members["token"]
        return json.dumps(members, sort_keys=True)


def prepare(request: StartRequest, foreign: bool = False) -> tuple[str, ddl.Statement]:
    """Parses a request's SQL; ApiError when it does not parse. Any thread.

    ``foreign``: another server parses it, so what we do not know is passed on.
    """
    sql = request.sql
    try:
        statement = ddl.parse(sql)
    except ApiError:
        if not foreign:
            raise
        return sql, ddl.Query(sql)
    if request.parameters and isinstance(statement, ddl.Execute):
        if statement.values:
            raise invalid_request("EXECUTE has both USING and ExecutionParameters")
        statement.values = list(request.parameters)
    elif request.parameters or ("?" in sql and not isinstance(statement, ddl.Prepare)):
        sql = ddl.substitute(sql, request.parameters)
        if request.parameters:
            statement = ddl.parse(sql)
    if foreign:
        return sql, statement
    if isinstance(statement, ddl.Query):
        translate.parse_query(statement.sql)
    elif isinstance(statement, (ddl.CreateTableAs, ddl.Insert, ddl.CreateView, ddl.Unload)):
        translate.parse_query(statement.query)
    return sql, statement


class Queries:
    """All queries. Everything but ``prepare`` runs on the event loop's thread."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        reader: ResultReader,
        switches: Switches,
        prepared: Callable[[str, str], str],
        workers: int,
        directives: bool,
        foreign: bool = False,
    ) -> None:
        self._engine = engine
        self._store = store
        self._reader = reader
        self._switches = switches
        self._prepared = prepared
        self._workers = workers
        self._directives = directives
        self.foreign = foreign
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="engine")
        self._queue: deque[_Active] = deque()
        self._active: dict[str, _Active] = {}
        self._busy = 0
        self._queries: dict[str, Query] = {}
        self._by_workgroup: dict[str, list[str]] = {}
        self._tokens: dict[tuple[str, str], str] = {}
        self._reusable: dict[str, str] = {}
        self.on_success: Callable[[Query, ddl.Statement], None] | None = None
        self._load()

    def _load(self) -> None:
        for body in self._store.queries():
            query = Query(**body)
            if not query.final:  # it ran when the server ended
                query.state, query.completed = "FAILED", self._switches.now()
                error = QueryError("GENERIC_INTERNAL_ERROR", "The server ended while the query ran")
                query.reason, query.error = error.reason, error.athena_error()
                self._save(query)
            self._remember(query)

    def _remember(self, query: Query) -> None:
        self._queries[query.id] = query
        self._by_workgroup.setdefault(query.workgroup, []).append(query.id)
        if query.token:
            self._tokens[query.workgroup, query.token] = query.id
        if query.state == "SUCCEEDED" and query.header:
            self._reusable[self._reuse_key(query)] = query.id

    def _save(self, query: Query) -> None:
        self._store.put_query(query.id, query.state, asdict(query))

    @staticmethod
    def _reuse_key(query: Query) -> str:
        return json.dumps([query.sql, query.catalog, query.database, query.workgroup, query.output])

    # -- look-ups -------------------------------------------------------------------------------

    def get(self, query_id: str) -> Query | None:
        """A query by its id."""
        return self._queries.get(query_id)

    def ids_of(self, workgroup: str) -> list[str]:
        """Ids of a work group's queries, newest first."""
        return self._by_workgroup.get(workgroup, [])[::-1]

    @property
    def active_count(self) -> int:
        """Queries that are queued or running."""
        return len(self._active)

    def timeline(self) -> list[dict[str, Any]]:
        """The last thousand queries with their times."""
        return [
            {
                "id": query.id,
                "state": query.state,
                "submitted": query.submitted,
                "started": query.started,
                "completed": query.completed,
                "engine_millis": query.engine_millis,
            }
            for query in list(self._queries.values())[-1000:]
        ]

    # -- start ----------------------------------------------------------------------------------

    def known(self, request: StartRequest) -> Query | None:
        """The query that a ClientRequestToken started before, if any."""
        if not request.token:
            return None
        found = self._queries.get(self._tokens.get((request.workgroup, request.token), ""))
        if found is not None and found.fingerprint != request.fingerprint():
            raise invalid_request("Idempotent parameters do not match")
        return found

    def start(self, request: StartRequest, sql: str, statement: ddl.Statement) -> Query:
        """Starts a query, or answers with the one that the same token started."""
        found = self.known(request)
        if found is not None:
            return found
        limit = self._switches.active_limit
        if limit is not None and len(self._active) >= limit:
            raise ApiError(
                "TooManyRequestsException",
                "You have exceeded the limit for the number of queries you can run concurrently. "
                "Reduce the number of concurrent queries submitted by this account. Contact "
                "customer support to request a concurrent query limit increase.",
                Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED",
            )
        kind, sub = ddl.statement_type(statement)
        query = Query(
            id=str(uuid.uuid4()),
            sql=sql,
            statement_type=kind,
            substatement_type=sub,
            workgroup=request.workgroup,
            database=request.database,
            catalog=request.catalog,
            context=request.context,
            output=request.output,
            result_configuration=request.result_configuration,
            submitted=self._switches.now(),
            token=request.token,
            fingerprint=request.fingerprint() if request.token else "",
            managed=request.managed,
            reuse=request.reuse,
        )
        query.location = self._planned_location(query, statement)
        self._remember(query)
        if self._reuse(query):
            return query
        self._save(query)
        self._enqueue(query, statement)
        return query

    def _planned_location(self, query: Query, statement: ddl.Statement) -> str:
        if isinstance(statement, ddl.CreateTableAs):
            return f"{query.output}tables/{query.id}"
        if isinstance(statement, (ddl.Insert, ddl.Unload)):
            return f"{query.output}{query.id}"
        if isinstance(statement, (ddl.Query, ddl.Execute)):
            return f"{query.output}{query.id}.csv"
        return f"{query.output}{query.id}.txt"

    def _reuse(self, query: Query) -> bool:
        age = (query.reuse or {}).get("ResultReuseByAgeConfiguration", {})
        if not age.get("Enabled") or _VOLATILE.search(query.sql):
            return False
        earlier = self._queries.get(self._reusable.get(self._reuse_key(query), ""))
        now = self._switches.now()
        minutes = age.get("MaxAgeInMinutes", 60)
        if earlier is None or now - (earlier.completed or 0) > minutes * 60:
            return False
        for name in ("location", "columns", "header", "whole_line", "rows", "output_bytes"):
            setattr(query, name, getattr(earlier, name))
        query.result_id = earlier.result_id or earlier.id
        query.reused, query.state = True, "SUCCEEDED"
        query.started = query.completed = now
        self._save(query)
        return True

    def _enqueue(self, query: Query, statement: ddl.Statement) -> None:
        job = Job(query.id, query.sql, statement, query.database, query.output)
        job.prepared = lambda name: self._prepared(query.workgroup, name)
        active = _Active(query, job)
        self._active[query.id] = active
        loop = asyncio.get_running_loop()
        directives = self._read_directives(query.sql)
        active.run_seconds = directives.get("run_seconds", 0.0)
        wait = directives.get("queue_seconds", 0.0)
        if wait:
            active.timer = loop.call_later(wait, self._admit, active)
        else:
            self._admit(active)

    def _read_directives(self, sql: str) -> dict[str, float]:
        if not self._directives or "athena-local:" not in sql:
            return {}
        out: dict[str, float] = {}
        for match in _DIRECTIVE.finditer(sql):
            for word in match.group(1).replace(",", " ").split():
                name, _, value = word.partition("=")
                try:
                    out[name] = float(value)
                except ValueError:
                    log.warning("directive %r ignored", word)
        return out

    def _admit(self, active: _Active) -> None:
        active.timer = None
        if active.run_seconds:
            # Its time is told: it occupies no worker while it waits, so it runs at once.
            self._begin(active)
            active.hold_done = False
            loop = asyncio.get_running_loop()
            active.timer = loop.call_later(active.run_seconds, self._hold_over, active)
            self._submit(active)
            return
        self._queue.append(active)
        self._dispatch()

    def _dispatch(self) -> None:
        while self._queue and self._busy < self._workers:
            active = self._queue.popleft()
            self._busy += 1
            self._begin(active)
            self._submit(active)

    def _begin(self, active: _Active) -> None:
        active.query.state = "RUNNING"
        active.query.started = self._switches.now()

    def _submit(self, active: _Active) -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            begun = time.monotonic()
            outcome: Outcome | None = None
            failure: Exception | None = None
            try:
                outcome = self._engine.run(active.job)
            except Exception as error:  # every failure becomes the query's
                failure = error
            millis = round((time.monotonic() - begun) * 1000)
            try:
                loop.call_soon_threadsafe(self._engine_over, active, outcome, failure, millis)
            except RuntimeError:  # the loop is closed: the server is ending
                pass

        self._pool.submit(work)

    # -- end ------------------------------------------------------------------------------------

    def _engine_over(
        self, active: _Active, outcome: Outcome | None, failure: Exception | None, millis: int
    ) -> None:
        active.engine_done, active.outcome, active.failure = True, outcome, failure
        active.query.engine_millis = millis
        if not active.run_seconds:
            self._busy -= 1
            self._dispatch()
        if failure is not None or active.hold_done or active.job.cancelled.is_set():
            self._finish(active)

    def _hold_over(self, active: _Active) -> None:
        active.hold_done = True
        active.timer = None
        if active.engine_done:
            self._finish(active)

    def _finish(self, active: _Active) -> None:
        query, failure, outcome = active.query, active.failure, active.outcome
        if self._active.pop(query.id, None) is None:
            return
        if active.timer is not None:
            active.timer.cancel()
        if active.job.cancelled.is_set() or isinstance(failure, QueryCancelled):
            self._set_cancelled(query)
        elif failure is not None:
            self._set_failed(query, failure)
        elif outcome is not None:
            self._set_succeeded(query, outcome)
        query.completed = self._switches.now()
        if query.started is not None and active.run_seconds:
            query.engine_millis = round((query.completed - query.started) * 1000)
        if query.state == "SUCCEEDED" and self.on_success is not None:
            self.on_success(query, active.job.statement)
        self._save(query)

    def _set_cancelled(self, query: Query) -> None:
        query.state = "CANCELLED"
        query.reason = "Query cancelled by user"
        query.error = {
            "ErrorCategory": 2,
            "ErrorType": 1011,
            "Retryable": False,
            "ErrorMessage": query.reason,
        }

    def _set_failed(self, query: Query, failure: Exception) -> None:
        if not isinstance(failure, QueryError):
            log.error("query %s failed", query.id, exc_info=failure)
            failure = QueryError("GENERIC_INTERNAL_ERROR", f"{type(failure).__name__}: {failure}")
        query.state = "FAILED"
        query.reason = failure.reason
        query.error = failure.athena_error()

    def _set_succeeded(self, query: Query, outcome: Outcome) -> None:
        query.state = "SUCCEEDED"
        query.location = outcome.location
        query.columns = outcome.columns
        query.update_count = outcome.update_count
        query.manifest = outcome.manifest
        query.header = outcome.header
        query.whole_line = outcome.whole_line
        query.rows = outcome.rows
        query.output_bytes = outcome.output_bytes
        query.scanned_bytes = outcome.scanned_bytes
        if outcome.first_page is not None:
            self._reader.remember(query.id, outcome.first_page)
        if query.header:
            self._reusable[self._reuse_key(query)] = query.id

    def stop(self, query_id: str) -> None:
        """Stops a query; one that is final stays as it is."""
        active = self._active.get(query_id)
        if active is None:
            return
        active.job.cancel()
        waiting = active.query.state == "QUEUED"
        if waiting or active.engine_done:
            if waiting and active in self._queue:
                self._queue.remove(active)
            self._finish(active)

    def close(self) -> None:
        """Stops all work; what was running is FAILED after the next start."""
        for active in list(self._active.values()):
            if active.timer is not None:
                active.timer.cancel()
            active.job.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)

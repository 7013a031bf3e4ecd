"""The server: wires the parts, answers HTTP requests."""

from __future__ import annotations

import asyncio
import fcntl
import inspect
import json
import logging
import ssl
from collections.abc import Awaitable, Coroutine
from typing import Any

from . import seed, sigv4, tls
from .api import Api, dump, http_date, request_id
from .catalog import Catalog
from .config import Config
from .engine import DuckEngine, Engine
from .errors import ApiError, plain
from .httpserver import Connection, Request, Response
from .queries import Queries
from .results import ResultReader
from .s3 import S3Client
from .store import Store
from .switches import SwitchError, Switches
from .weed import Weed
from .workgroups import WorkGroups

log = logging.getLogger("athena_local")

_TARGET = "AmazonAthena."
_PROBE = "_athena_local_probe"
_ADMIN = "/_athena_local/"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_JSON = "application/x-amz-json-1.1"


class App:
    """A server in this process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.switches = Switches()
        self.credentials = {
            credential.access_key: credential
            for credential in [config.credential, *config.temporary]
        }
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._weed: Weed | None = None
        self.ca_file = ""
        self.port = config.port

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"{'https' if self.config.tls else 'http'}://{self.config.host}:{self.port}"

    @property
    def s3_endpoint(self) -> str:
        """The S3 server's endpoint."""
        return self.config.s3_endpoint or (self._weed.endpoint if self._weed else "")

    async def start(self) -> None:
        """Starts S3 (if it is ours), the engine and the listener."""
        config = self.config
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = open(config.data / "lock", "w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OSError(f"another server uses the data directory {config.data}") from None
        if not config.s3_endpoint:
            # From this thread: the child dies with the thread that started it.
            self._weed = Weed(config.data / "s3", [config.credential, *config.temporary])
            self._weed.start()
        self._store = Store(config.data / "catalog.sqlite")
        self._catalog = Catalog(self._store)
        credential = config.s3_credential or config.credential
        if self._weed is not None:
            await asyncio.to_thread(self._weed.wait_ready)
        self._client = S3Client(self.s3_endpoint, credential, config.region)
        await self._make_bucket()
        self._engine = self._make_engine()
        self._reader = ResultReader(self._client, self._secret())
        self._groups = WorkGroups(self._store, self.switches.now())
        self._queries = Queries(
            self._engine,
            self._store,
            self._reader,
            self.switches,
            lambda group, name: self.api.prepared_sql(group, name),
            config.workers,
            config.allow_directives,
            config.engine != "duckdb",
        )
        self.api = Api(
            self._catalog,
            self._queries,
            self._groups,
            self._store,
            self._reader,
            self._client,
            self.switches,
            f"s3://{config.bucket}/_managed/",
        )
        if config.seed:
            await asyncio.to_thread(seed.seed, self._catalog, self._client, config.bucket)
        await self._listen()

    def _make_engine(self) -> Engine:
        if self.config.engine == "trino":
            from .trino_engine import TrinoEngine

            return TrinoEngine(self.config.trino_url, self._client)
        return DuckEngine(self._catalog, self._client, self.config.memory_limit)

    def _secret(self) -> bytes:
        return sigv4.signing_key(self.config.credential.secret_key, "tokens", "", "")

    def _probe(self) -> None:
        """Makes the default bucket; writes and reads an object when the S3 server is ours.

        SeaweedFS answers before its volumes are known to it.
        """
        bucket = self.config.bucket
        self._client.create_bucket(bucket)
        if self._weed is not None:
            self._client.put(bucket, _PROBE, b"ready")
            if self._client.get(bucket, _PROBE) != b"ready":
                raise OSError("the S3 server does not give back what was written")
            self._client.delete(bucket, _PROBE)

    async def _make_bucket(self) -> None:
        deadline = asyncio.get_running_loop().time() + 60
        while True:
            try:
                await asyncio.to_thread(self._probe)
                return
            except Exception:
                if asyncio.get_running_loop().time() > deadline or self._weed is None:
                    raise
                await asyncio.sleep(0.05)

    async def _listen(self) -> None:
        context: ssl.SSLContext | None = None
        if self.config.tls:
            context, self.ca_file = tls.server_context(self.config.data / "tls", self.config.host)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self.handle, self._connections),
            self.config.host,
            self.config.port,
            ssl=context,
            backlog=1024,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stops everything that was started."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.close()
        if hasattr(self, "_queries"):
            await asyncio.to_thread(self._queries.close)
            self._engine.close()
        if hasattr(self, "_store"):
            self._store.close()
        if self._weed is not None:
            await asyncio.to_thread(self._weed.stop)
        if hasattr(self, "_lock"):
            self._lock.close()

    # -- requests -------------------------------------------------------------------------------

    def handle(self, request: Request) -> Response | Awaitable[Response]:
        """Answers a request."""
        if request.path.startswith(_ADMIN):
            return self._admin(request)
        try:
            name = self._authenticate(request)
        except ApiError as error:
            self.switches.count_refused("*", error.code)
            return self._failure(error)
        self.switches.count(name)
        delay = self.switches.delay(name)
        if delay > 0:
            return self._later(name, request, delay)
        return self._call(name, request)

    def _authenticate(self, request: Request) -> str:
        target = request.headers.get("x-amz-target", "")
        if request.method != "POST" or not target.startswith(_TARGET):
            raise plain("UnknownOperationException", "", 404 if request.method != "POST" else 400)
        sigv4.verify(
            self.credentials,
            request.method,
            request.path,
            request.query,
            request.headers,
            request.body,
            self.switches.now(),
        )
        return target[len(_TARGET) :]

    async def _later(self, name: str, request: Request, delay: float) -> Response:
        await asyncio.sleep(delay)
        answer = self._call(name, request)
        return answer if isinstance(answer, Response) else await answer

    def _call(self, name: str, request: Request) -> Response | Awaitable[Response]:
        try:
            self.switches.gate(name)
            answer = self.api.call(name, _parse(request.body))
        except ApiError as error:
            return self._refusal(name, error)
        except Exception:
            log.exception("operation %s failed", name)
            return self._refusal(name, _internal())
        if inspect.iscoroutine(answer):
            return self._finish(name, answer)
        assert isinstance(answer, dict)
        return self._success(answer)

    async def _finish(self, name: str, answer: Coroutine[Any, Any, dict[str, Any]]) -> Response:
        try:
            return self._success(await answer)
        except ApiError as error:
            return self._refusal(name, error)
        except Exception:
            log.exception("operation %s failed", name)
            return self._refusal(name, _internal())

    def _headers(self) -> dict[str, str]:
        return {
            "Date": http_date(self.switches.now()),
            "Content-Type": _JSON,
            "x-amzn-RequestId": request_id(),
        }

    def _success(self, answer: dict[str, Any]) -> Response:
        return Response(200, dump(answer), self._headers())

    def _refusal(self, name: str, error: ApiError) -> Response:
        self.switches.count_refused(name, error.code)
        return self._failure(error)

    def _failure(self, error: ApiError) -> Response:
        if error.status == 0:
            return Response(0, b"", abort=True)
        return Response(error.status, dump(error.body()), self._headers())

    # -- administration -------------------------------------------------------------------------

    def _admin(self, request: Request) -> Response:
        host = request.headers.get("host", "").rpartition(":")[0].strip("[]")
        host = host or request.headers.get("host", "")
        if request.peer not in _LOOPBACK or host not in _LOOPBACK:
            return _json(403, {"error": "only on loopback"})
        what = request.path[len(_ADMIN) :]
        if what == "stats" and request.method == "GET":
            return _json(200, self.stats())
        if what == "switches" and request.method == "GET":
            return _json(200, self.switches.describe())
        if what == "switches" and request.method == "POST":
            # A browser's page cannot send this type without asking first.
            if not request.headers.get("content-type", "").startswith("application/json"):
                return _json(400, {"error": "Content-Type must be application/json"})
            try:
                self.switches.apply(json.loads(request.body))
            except (ValueError, UnicodeDecodeError) as error:
                text = str(error) if isinstance(error, SwitchError) else f"not JSON: {error}"
                return _json(400, {"error": text})
            return _json(200, self.switches.describe())
        return _json(404, {"error": f"nothing at {request.path}"})

    def stats(self) -> dict[str, Any]:
        """Counts and times."""
        return {
            "calls": self.switches.calls,
            "refused": self.switches.refused,
            "active_queries": self._queries.active_count,
            "connections": len(self._connections),
            "queries": self._queries.timeline(),
        }


def _internal() -> ApiError:
    return ApiError("InternalServerException", "Internal error", 500)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body) if body else {}
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise plain("SerializationException", "The request body is not JSON") from None
    if not isinstance(document, dict):
        raise plain("SerializationException", "The request body is not an object")
    return document


def _json(status: int, document: dict[str, Any]) -> Response:
    body = json.dumps(document).encode()
    return Response(status, body, {"Content-Type": "application/json"})

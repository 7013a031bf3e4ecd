"""The extension module over libathena's C interface (include/athena).

Nothing here is a public interface for programs; the package around it is. Times are seconds unless
the name ends in ``_ms`` or ``_ns``. Calls that wait release the GIL and handle signals every 50 ms.
A call the library refuses raises :class:`CoreError`; an argument of a wrong type raises
``TypeError``. The ``s3_*`` methods raise ``ValueError`` for a value that cannot reach the library:
a text with a lone surrogate or (but for keys) a NUL, a number out of range, memory that is not
contiguous. Each names the argument.
"""

from asyncio import AbstractEventLoop
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from typing import Any, Final, Protocol, TypeAlias, TypedDict, final

from _typeshed import ReadableBuffer, WriteableBuffer

version: Final[str]

EVENT_STARTED: Final = 1
EVENT_STATE: Final = 2
EVENT_RESULT: Final = 3
EVENT_BATCH: Final = 4
EVENT_DONE: Final = 5
EVENT_CREDENTIALS: Final = 6

WAIT_STARTED: Final = 1
WAIT_STATE: Final = 2
WAIT_RESULT: Final = 4
WAIT_BATCH: Final = 8
WAIT_DONE: Final = 16
WAIT_CREDENTIALS: Final = 32

STATE_UNKNOWN: Final = 0
STATE_QUEUED: Final = 1
STATE_RUNNING: Final = 2
STATE_SUCCEEDED: Final = 3
STATE_FAILED: Final = 4
STATE_CANCELLED: Final = 5

METADATA_DATABASES: Final = 1
METADATA_TABLE: Final = 2
METADATA_TABLES: Final = 3

CREDENTIALS_CHAIN: Final = 0
CREDENTIALS_EXTERNAL: Final = 1
CREDENTIALS_NONE: Final = 2

LOG_NONE: Final = 0
LOG_ERROR: Final = 1
LOG_WARNING: Final = 2
LOG_INFO: Final = 3
LOG_DEBUG: Final = 4

ROWS_READY: Final = 0
ROWS_WAIT: Final = 1
ROWS_END: Final = 2
ROWS_FAILED: Final = 3

S3_LIST_OBJECTS: Final = 1
S3_LIST_VERSIONS: Final = 2
S3_LIST_UPLOADS: Final = 3
S3_LIST_BUCKETS: Final = 4
S3_LIST_PARTS: Final = 5

S3_OBJECT: Final = 1
S3_PREFIX: Final = 2
S3_VERSION: Final = 3
S3_DELETE_MARKER: Final = 4
S3_UPLOAD: Final = 5
S3_BUCKET: Final = 6
S3_PART: Final = 7

SQL_BYTES_MAX: Final = 262144

ERR_OK: Final = 0
ERR_NOMEM: Final = -1
ERR_INVALID: Final = -2
ERR_STATE: Final = -3
ERR_CONFIG: Final = -4
ERR_CREDENTIALS: Final = -5
ERR_UNSUPPORTED: Final = -6
ERR_CONNECT: Final = -10
ERR_DNS: Final = -11
ERR_TLS: Final = -12
ERR_PROXY: Final = -13
ERR_IO: Final = -14
ERR_TIMEOUT: Final = -15
ERR_PROTOCOL: Final = -16
ERR_TOO_LARGE: Final = -17
ERR_SERVICE: Final = -20
ERR_THROTTLED: Final = -21
ERR_ACCESS: Final = -22
ERR_NOT_FOUND: Final = -23
ERR_QUERY_FAILED: Final = -30
ERR_QUERY_CANCELLED: Final = -31
ERR_CANCELLED: Final = -32
ERR_VALUE: Final = -33
ERR_FORKED: Final = -40
ERR_SHUTDOWN: Final = -41
ERR_SYSTEM: Final = -42

class ErrorMembers(TypedDict):
    """The members of ``struct ath_error``; texts are "" when AWS did not answer."""

    code: int
    name: str
    http_status: int
    attempts: int
    operation: str
    service_code: str
    request_id: str
    message: str

class Credentials(TypedDict):
    access_key_id: str
    secret_access_key: str
    session_token: str | None
    expires_at: int

Event: TypeAlias = tuple[int, int, int, bytes | None]
"""``(type, code, token, execution_json)``; the last for EVENT_STATE only."""

Column: TypeAlias = tuple[str, str, str, int, int, str, str, str, str, bool]
"""``(name, label, type, precision, scale, nullable, catalog, schema, table, case_sensitive)``."""

Pairs: TypeAlias = Sequence[tuple[str, str]]
"""Query parameters (unencoded) or headers, in order."""

Entry: TypeAlias = tuple[
    int,
    str,
    int,
    str | None,
    float | None,
    str | None,
    str | None,
    bool,
    int,
    str | None,
    str | None,
    str | None,
]
"""``(type, key, size, etag, last_modified, storage_class, version_id, is_latest, part_number,
upload_id, owner_id, owner_name)`` of a listing; ``type`` is one of S3_OBJECT to S3_PART, the key
that of an object, a prefix or a bucket's name, ``last_modified`` seconds since 1970, and None
stands for what S3 did not send. A key that is not UTF-8 has lone surrogates."""

class CoreError(Exception):
    """A call of the core failed; the attributes are those of :class:`ErrorMembers`."""

    code: int
    name: str
    http_status: int
    attempts: int
    operation: str
    service_code: str
    request_id: str
    message: str

class Bridge(Protocol):
    """What an event loop brings to a fetch."""

    budget: LoopBudget

    def wait_batch(self, query: Query) -> Awaitable[Any]:
        """A new future that is resolved by the next EVENT_BATCH or EVENT_DONE of the query.

        Called when no batch is ready and EVENT_DONE has not been made; the event may be in the
        queue already, undrained. May be resolved too early.
        """

def gc_hold() -> None:
    """Hold automatic garbage collection off until :func:`gc_release` was called as often."""

def gc_release() -> None:
    """End one :func:`gc_hold`."""

def log_level(level: int, /) -> None:
    """Set the LOG_* level of the process."""

def log_drain(callable: Callable[[int, str, str], object], /) -> int:
    """Call ``callable(level, subject, message)`` for each waiting record; returns their number."""

def shutdown(timeout: float | None = 5.0) -> int:
    """End the runtime of this process; pending stops get ``timeout`` seconds.

    Returns the number of queries whose stop was not confirmed. Runs by itself at exit.
    """

@final
class Client:
    def __new__(
        cls,
        *,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        s3_endpoint_url: str | None = None,
        credentials_source: int | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        credentials_scope: str | None = None,
        ca_file: str | None = None,
        tls_verify_off: bool | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        http_proxy: str | None = None,
        https_proxy: str | None = None,
        no_proxy: str | None = None,
        user_agent_extra: str | None = None,
        use_fips: bool | None = None,
        use_dualstack: bool | None = None,
        connect_timeout_ms: int | None = None,
        read_timeout_ms: int | None = None,
        call_timeout_ms: int | None = None,
        start_timeout_ms: int | None = None,
        connections_per_host: int | None = None,
        retry_attempts: int | None = None,
        retry_multiplier_ms: int | None = None,
        retry_delay_max_ms: int | None = None,
        retry_base: float | None = None,
        retry_codes: str | None = None,
        transient_attempts: int | None = None,
        quota_share: float | None = None,
        budget_bytes: int | None = None,
        s3_addressing: int | None = None,
        s3_checksums: int | None = None,
        s3_accelerate: bool | None = None,
        s3_payload_signing: bool | None = None,
    ) -> Client: ...
    @property
    def region(self) -> str | None: ...
    @property
    def endpoint(self) -> str | None: ...
    @property
    def profile(self) -> str | None: ...
    def set_credentials(
        self,
        access_key_id: str | None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        expires_at: int = 0,
        reason: str | None = None,
    ) -> None: ...
    def credentials_wanted(self) -> bool: ...
    def credentials(self) -> Credentials | None: ...
    def stats(self) -> dict[str, int]: ...
    def start_query(
        self,
        queue: Queue | None,
        sql: str,
        options: dict[str, Any] | None = None,
        user: int = 0,
    ) -> Query:
        """``options`` are the members of ``struct ath_query_options`` from ``database`` on.

        ``parameters`` is a sequence of str; ``result_reuse`` is True, False or None.
        """

    def attach_query(
        self,
        queue: Queue | None,
        query_id: str,
        options: dict[str, Any] | None = None,
        user: int = 0,
        stop_on_cancel: bool = False,
    ) -> Query: ...
    def start_metadata(
        self, queue: Queue | None, options: dict[str, Any], user: int = 0
    ) -> Query: ...
    def stop_query(self, queue: Queue | None, query_id: str, user: int = 0) -> Query: ...
    def s3_call(
        self,
        queue: Queue | None,
        operation: str,
        method: str,
        bucket: str | None,
        key: str | None = None,
        *,
        query: Pairs | None = None,
        headers: Pairs | None = None,
        body: ReadableBuffer | None = None,
        into: WriteableBuffer | None = None,
        user: int = 0,
    ) -> Query:
        """Start one request of S3's REST API; DONE is its only event.

        ``operation`` is S3's name for it ("HeadObject"), for messages and retries. Without a bucket
        it goes to the service, without a key to the bucket. ``body`` and ``into``, here and below,
        are not copied: they must not change, and stay exported (a ``bytearray`` cannot be resized),
        until the Query has been asked about itself (``wait()``, ``done``, ``error()``, ``s3_*``)
        after the operation ended, has been detached, or is gone. ``into`` receives the body of a
        successful answer, ERR_TOO_LARGE when it is too short; without it see ``s3_body()``.
        """

    def s3_get(
        self,
        queue: Queue | None,
        bucket: str,
        key: str,
        *,
        version_id: str | None = None,
        if_match: str | None = None,
        offset: int = 0,
        length: int = -1,
        into: WriteableBuffer | None = None,
        allocate: int = 0,
        head: Query | None = None,
        headers: Pairs | None = None,
        part_bytes: int = 0,
        parallel: int = 0,
        user: int = 0,
    ) -> Query:
        """Start to read ``length`` bytes (-1: to the end) of an object by parallel ranges.

        Events: RESULT when size and headers are known, BATCH when a chunk is ready, DONE. With
        ``into`` the bytes go to their place as they arrive. With ``allocate`` they go to a new
        ``bytes`` of that size, for ``s3_take()``: the body of ``head``, a call that has succeeded,
        is copied to its start, and what is read follows it, at most to the end (-1: as much). With
        neither they are an ordered stream for ``s3_chunk()``. ``part_bytes`` and ``parallel`` 0
        leave both to the library.
        """

    def s3_put(
        self,
        queue: Queue | None,
        bucket: str,
        key: str,
        *,
        body: ReadableBuffer | None = None,
        path: str | None = None,
        stream: bool = False,
        headers: Pairs | None = None,
        if_none_match: str | None = None,
        if_match: str | None = None,
        part_bytes: int = 0,
        parallel: int = 0,
        user: int = 0,
    ) -> Query:
        """Start to write an object from memory, from a file, or from what ``s3_write()`` brings.

        More than ``part_bytes`` go as a multipart upload, which is aborted when anything fails.
        ``if_none_match`` is "*": only when there is no such object.
        """

    def s3_copy(
        self,
        queue: Queue | None,
        source_bucket: str,
        source_key: str,
        bucket: str,
        key: str,
        *,
        source_version_id: str | None = None,
        headers: Pairs | None = None,
        multipart_from: int = 0,
        part_bytes: int = 0,
        parallel: int = 0,
        user: int = 0,
    ) -> Query:
        """Start a copy on the server, in parallel parts from ``multipart_from`` (0: 5 GiB) on."""

    def s3_list(
        self,
        queue: Queue | None,
        kind: int,
        bucket: str | None = None,
        *,
        prefix: str | None = None,
        delimiter: str | None = None,
        start_after: str | None = None,
        key: str | None = None,
        upload_id: str | None = None,
        page_keys: int = 0,
        keys_max: int = 0,
        headers: Pairs | None = None,
        user: int = 0,
    ) -> Query:
        """Start a listing of all pages, for ``s3_page()``; ``kind`` is one of S3_LIST_*.

        ``key`` and ``upload_id`` are for S3_LIST_PARTS. A page has ``page_keys`` entries at most
        (0: 1,000), the listing ends with the page that reaches ``keys_max`` (0: all).
        """

    def s3_delete(
        self,
        queue: Queue | None,
        bucket: str,
        keys: Sequence[str],
        *,
        version_ids: Sequence[str | None] | None = None,
        headers: Pairs | None = None,
        user: int = 0,
    ) -> Query:
        """Start to delete many objects of one bucket, 1,000 a request.

        Succeeds also when single keys were refused: see ``s3_failures()``.
        """

    def s3_presign(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        query: Pairs | None = None,
        expires: int = 3600,
    ) -> str:
        """A URL that allows ``method`` for ``expires`` seconds (1 to 604,800) to whoever has it.

        Signs with the keys in use now; ERR_CREDENTIALS when there are none.
        """

@final
class Queue:
    def __new__(cls) -> Queue: ...
    def fileno(self) -> int: ...
    def drain(self, max: int = 256) -> list[Event]: ...
    def wait(self, timeout: float | None = None) -> bool: ...

@final
class Query:
    @property
    def token(self) -> int: ...
    @property
    def user(self) -> int: ...
    @property
    def query_id(self) -> str | None: ...
    @property
    def done(self) -> bool: ...
    @property
    def update_count(self) -> int: ...
    def wait(self, mask: int, timeout: float | None = None) -> int: ...
    def cancel(self, discard_rows: bool = False) -> None: ...
    def interrupt(self) -> None: ...
    def detach(self) -> None: ...
    def error(self) -> ErrorMembers | None: ...
    def execution(self) -> bytes | None: ...
    def state(self) -> int: ...
    def columns(self) -> list[Column] | None: ...
    def metadata_json(self) -> bytes | None: ...
    @property
    def s3_status(self) -> int:
        """The HTTP status of the answer, 0 before it is there.

        The answer of a transfer is that of its decisive request: the first range of a get,
        PutObject, CompleteMultipartUpload or CopyObject.
        """

    @property
    def s3_size(self) -> int:
        """Bytes of the whole object, -1 while unknown."""

    @property
    def s3_transferred(self) -> int:
        """Bytes delivered, stored or sent so far; of a deletion, keys in answered batches."""

    def s3_header(self, name: str) -> str | None:
        """The value of a header of the answer, whatever the case of its name."""

    def s3_headers(self) -> list[tuple[str, str]]:
        """All headers of the answer, as they came."""

    def s3_body(self) -> bytes:
        """A copy of the answer's body; empty before it is there, or when it went to ``into``."""

    def s3_take(self) -> bytes:
        """The bytes of a get with ``allocate``, without a copy; shorter when the object ended.

        Once and after DONE, else ERR_STATE. Raises the failure of the operation.
        """

    def s3_chunk(self) -> S3Chunk | None:
        """The next bytes of a get without a target; raises the failure of the operation.

        None when none is ready: wait for BATCH or DONE. It is the end when DONE had been seen
        before the call.
        """

    def s3_write(self, data: ReadableBuffer) -> bool:
        """Copy bytes into a put with ``stream``; False: full, nothing taken, wait for BATCH."""

    def s3_end(self) -> None:
        """Nothing more will be written: the object appears when DONE comes without an error."""

    def s3_page(self) -> list[Entry] | None:
        """The entries of the next page of a listing; None and errors as with ``s3_chunk()``."""

    def s3_failures(self) -> list[tuple[str, str, str, str]]:
        """What a finished deletion did not delete: ``(key, version_id, code, message)``."""

@final
class S3Chunk:
    """Bytes of a stream, read-only: for ``memoryview()``, ``bytes()`` and ``file.write()``.

    The memory goes with the object.
    """

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Rows:
    """The rows of a query, from EVENT_RESULT on.

    ``kind`` is ``tuple``, ``dict``, or a callable that gets ``zip(names, values)``. A converter
    gets the text of each cell, as ``str``, of batches in which its column lies as text: always for
    varchar, json, array and the like, for typed columns only when a value does not have the
    ordinary form of its type, and for all columns with the query option ``decode_text``.
    ``error_factory`` makes the exception of a failed reading from the dict of ``Query.error()``,
    and from None the one of a fetch after a failure or after ``close()``. ``value_error`` makes the
    exception of a failed conversion from the column's index and what was raised.
    """

    def __new__(
        cls,
        query: Query,
        kind: Callable[[Iterable[tuple[str, Any]]], Any] = ...,
        converters: Sequence[Callable[[str], Any] | None] | None = None,
        names: Sequence[str] | None = None,
        error_factory: Callable[[ErrorMembers | None], BaseException] | None = None,
        value_error: Callable[[int, Exception], BaseException] | None = None,
    ) -> Rows: ...
    @property
    def state(self) -> int: ...
    @property
    def rownumber(self) -> int: ...
    @property
    def failed(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    def take(self, limit: int | None = None, budget_ns: int = 0) -> list[Any]: ...
    def read(self, limit: int | None = None) -> list[Any]: ...
    def read_one(self) -> Any: ...
    def fetch(self, limit: int | None, bridge: Bridge) -> Fetch: ...
    def fetch_one(self, bridge: Bridge, /) -> Fetch: ...
    def anext(self, bridge: Bridge, /) -> Fetch: ...
    def iterate(self, bridge: Bridge, /) -> RowsIterator: ...
    def close(self) -> None: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __next__(self) -> Any: ...

@final
class Batches:
    """The result of a query kept as columns, from EVENT_RESULT on; excludes Rows over the same.

    ``poll()`` takes what is ready and returns ROWS_WAIT (wait for EVENT_BATCH or EVENT_DONE),
    ROWS_END, or ROWS_READY when there may be more; ``read()`` blocks until ROWS_END. A failed
    reading raises :class:`CoreError` from both. After ROWS_END the object can be given to pyarrow,
    pandas and polars any number of times; buffers are shared.
    """

    def __new__(cls, query: Query) -> Batches: ...
    @property
    def rows(self) -> int: ...
    def poll(self) -> int: ...
    def read(self) -> None: ...
    def close(self) -> None: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class Fetch(Awaitable[Any]):
    """An awaitable; a cancelled one leaves the rows it gathered to the next fetch."""

    def __await__(self) -> Generator[Any, Any, Any]: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(self, type: Any, value: Any = ..., traceback: Any = ..., /) -> Any: ...
    def close(self) -> None: ...

@final
class RowsIterator(AsyncIterator[Any]):
    def __anext__(self) -> Fetch: ...

@final
class LoopBudget:
    """The time the cursors of one event loop may make rows in one iteration of it, together."""

    def __new__(cls, loop: AbstractEventLoop, budget_ns: int = 250_000) -> LoopBudget: ...
    def __call__(self) -> None: ...

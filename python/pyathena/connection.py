"""Blocking connections: configuration, and the making of cursors."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pyathena import _core
from pyathena._errors import from_core_error
from pyathena._session import SessionKeys
from pyathena._settings import client_options, merge_configs
from pyathena.common import BaseCursor, OnPollCallback
from pyathena.converter import Converter
from pyathena.error import NotSupportedError, ProgrammingError
from pyathena.formatter import DefaultParameterFormatter, Formatter
from pyathena.util import RetryConfig

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

ConnectionCursor = TypeVar("ConnectionCursor", bound=BaseCursor)
FunctionalCursor = TypeVar("FunctionalCursor", bound=BaseCursor)


class _Unshown(dict[str, Any]):
    """Arguments among which are keys."""

    def __repr__(self) -> str:
        return f"<{len(self)} arguments>"


class Connection(Generic[ConnectionCursor]):
    """A light configuration on the process's one Athena runtime.

    Opening and closing one costs next to nothing: threads, sockets, caches and the pace of the API
    calls belong to the process. Usable from many threads; after a fork the child may go on using
    it. All arguments are keywords.

    :param s3_staging_dir: where results go, ``s3://bucket/prefix/``; a final ``/`` is added.
        ``AWS_ATHENA_S3_STAGING_DIR`` when ``None``.
    :param region_name: AWS region; ``AWS_REGION``, ``AWS_DEFAULT_REGION`` or the profile's.
    :param schema_name: database of the query context.
    :param catalog_name: catalog of the query context.
    :param work_group: ``AWS_ATHENA_WORK_GROUP`` when ``None``.
    :param poll_interval: longest pause between two status looks, seconds. ``None``: 1, and up to 5
        for queries older than five minutes. Looks come sooner while a query is young.
    :param encryption_option: ``SSE_S3``, ``SSE_KMS`` or ``CSE_KMS``, with ``kms_key``.
    :param profile_name: a profile of the AWS configuration files; it must exist.
    :param session: a boto3 ``Session`` whose credentials are used. boto3 is never imported here.
    :param config: a botocore ``Config`` (timeouts, retries, proxies, pool size, user agent, FIPS,
        dual-stack are read from it).
    :param retry_config: retries of throttled calls.
    :param kill_on_interrupt: stop the query when its wait is cancelled or interrupted.
    :param query_timeout: seconds after which a query is stopped and fails; ``None``: never.
    :param kwargs: ``aws_access_key_id``, ``aws_secret_access_key``, ``aws_session_token``,
        ``endpoint_url`` (Athena's), ``s3_endpoint_url``, ``verify`` (``False`` or a CA file).
        Others are ignored.
    :param s3_config: a botocore ``Config`` whose settings go before those of ``config`` for S3.
    :raises ProgrammingError: neither staging directory nor work group, or a broken configuration.
    :raises OperationalError: no usable credentials.
    """

    _ENV_S3_STAGING_DIR: str = "AWS_ATHENA_S3_STAGING_DIR"
    _ENV_WORK_GROUP: str = "AWS_ATHENA_WORK_GROUP"

    def __init__(
        self,
        *,
        s3_staging_dir: str | None = None,
        region_name: str | None = None,
        schema_name: str | None = "default",
        catalog_name: str | None = "awsdatacatalog",
        work_group: str | None = None,
        poll_interval: float | None = None,
        encryption_option: str | None = None,
        kms_key: str | None = None,
        profile_name: str | None = None,
        role_arn: str | None = None,
        role_session_name: str | None = None,
        external_id: str | None = None,
        serial_number: str | None = None,
        duration_seconds: int = 3600,
        converter: Converter | None = None,
        formatter: Formatter | None = None,
        retry_config: RetryConfig | None = None,
        cursor_class: type[ConnectionCursor] | None = None,
        cursor_kwargs: dict[str, Any] | None = None,
        kill_on_interrupt: bool = True,
        session: Any | None = None,
        config: Any | None = None,
        result_reuse_enable: bool = False,
        result_reuse_minutes: int = 60,
        on_start_query_execution: Callable[[str], None] | None = None,
        on_poll: OnPollCallback | None = None,
        glue_metadata_fallback: bool = True,
        s3_config: Any | None = None,
        query_timeout: float | None = None,
        **kwargs: Any,
    ) -> None:
        if session is None and (role_arn or serial_number):
            name = "role_arn" if role_arn else "serial_number"
            raise NotSupportedError(
                f"{name}: this version cannot call AWS STS yet; pass session=boto3.Session() with"
                " the assumed role"
            )
        self.s3_staging_dir = self._find_staging_dir(s3_staging_dir)
        if work_group is None:
            work_group = os.environ.get(self._ENV_WORK_GROUP)
        if not self.s3_staging_dir and not work_group:
            raise ProgrammingError("Required argument `s3_staging_dir` or `work_group` not found.")
        self.region_name = region_name
        self.schema_name = schema_name
        self.catalog_name = catalog_name
        self.work_group = work_group or None
        self._poll_interval = poll_interval
        self.encryption_option = encryption_option
        self.kms_key = kms_key
        self.profile_name = profile_name
        self.role_session_name = role_session_name
        self.external_id = external_id
        self.duration_seconds = duration_seconds
        self._converter = converter
        self._formatter = formatter if formatter is not None else DefaultParameterFormatter()
        self._retry_config = retry_config if retry_config is not None else RetryConfig()
        self.cursor_class: type[ConnectionCursor] = (
            cursor_class if cursor_class is not None else self._default_cursor_class()
        )
        self.cursor_kwargs: dict[str, Any] = cursor_kwargs if cursor_kwargs is not None else {}
        self.kill_on_interrupt = kill_on_interrupt
        self.config = config
        self.s3_config = s3_config
        self.result_reuse_enable = result_reuse_enable
        self.result_reuse_minutes = result_reuse_minutes
        self.on_start_query_execution = on_start_query_execution
        self.on_poll = on_poll
        self.glue_metadata_fallback = glue_metadata_fallback
        self.query_timeout = query_timeout
        self._user_session = session
        self._client_arguments = _Unshown(kwargs)
        self._core_client = self._make_client(kwargs)
        self._session_keys = self._ask_session(self._core_client)
        self._s3_lock = threading.Lock()
        self._s3_core: tuple[_core.Client, SessionKeys | None] | None = None
        if self.region_name is None:
            self.region_name = self._core_client.region

    def _find_staging_dir(self, s3_staging_dir: str | None) -> str | None:
        if s3_staging_dir is None:
            s3_staging_dir = os.environ.get(self._ENV_S3_STAGING_DIR)
        if not s3_staging_dir:
            return None
        if not isinstance(s3_staging_dir, str):
            raise ProgrammingError(
                f"s3_staging_dir must be str, not {type(s3_staging_dir).__name__}"
            )
        return s3_staging_dir if s3_staging_dir.endswith("/") else f"{s3_staging_dir}/"

    def _ask_session(self, client: _core.Client) -> SessionKeys | None:
        """Ask the user's session for keys, early."""
        if self._user_session is None:
            return None
        keys = SessionKeys(self._user_session, client)
        keys.refresh_if_wanted()
        return keys

    def _s3_core_client(self) -> tuple[_core.Client, SessionKeys | None]:
        """The client for S3: the connection's own, unless ``s3_config`` asks for another."""
        if self.s3_config is None:
            return self._core_client, self._session_keys
        with self._s3_lock:
            if self._s3_core is None:
                config = merge_configs(self.config, self.s3_config)
                client = self._make_client(self._client_arguments, config)
                self._s3_core = client, self._ask_session(client)
            return self._s3_core

    def _make_client(self, arguments: dict[str, Any], config: Any | None = None) -> _core.Client:
        options = client_options(
            region_name=self.region_name,
            profile_name=self.profile_name,
            retry_config=self._retry_config,
            session=self._user_session,
            config=self.config if config is None else config,
            s3_config=self.s3_config,
            arguments=arguments,
        )
        try:
            return _core.Client(**options)
        except _core.CoreError as ex:
            raise from_core_error(ex) from None
        except (TypeError, ValueError, OverflowError) as ex:
            raise ProgrammingError(str(ex)) from ex

    def _default_cursor_class(self) -> type[ConnectionCursor]:
        from pyathena.cursor import Cursor

        return cast("type[ConnectionCursor]", Cursor)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self._core_client.endpoint}"
            f" schema={self.schema_name!r} work_group={self.work_group!r}>"
        )

    @property
    def poll_interval(self) -> float:
        """Longest pause between two status looks, seconds."""
        return 1 if self._poll_interval is None else self._poll_interval

    @poll_interval.setter
    def poll_interval(self, value: float | None) -> None:
        self._poll_interval = value

    @property
    def retry_config(self) -> RetryConfig:
        return self._retry_config

    @property
    def session(self) -> Any:
        """The boto3 session that was passed in."""
        if self._user_session is None:
            raise NotSupportedError("session: none was passed in, and this package needs no boto3")
        return self._user_session

    def stats(self) -> dict[str, int]:
        """Counters since the connection was made: calls by API, looks, refusals, retries, bytes,
        rows, queries started, finished and in flight."""
        return self._core_client.stats()

    def cursor(
        self, cursor: type[FunctionalCursor] | None = None, **kwargs: Any
    ) -> FunctionalCursor | ConnectionCursor:
        """Make a cursor.

        :param cursor: its class; the connection's ``cursor_class`` when ``None``.
        :param kwargs: the class's keywords; they override ``cursor_kwargs``, which override the
            connection's own settings.
        """
        cls: Any = cursor if cursor is not None else self.cursor_class
        merged = {**self.cursor_kwargs, **kwargs}
        settings: dict[str, Any] = {
            "s3_staging_dir": self.s3_staging_dir,
            "schema_name": self.schema_name,
            "catalog_name": self.catalog_name,
            "work_group": self.work_group,
            "poll_interval": self._poll_interval,
            "encryption_option": self.encryption_option,
            "kms_key": self.kms_key,
            "kill_on_interrupt": self.kill_on_interrupt,
            "result_reuse_enable": self.result_reuse_enable,
            "result_reuse_minutes": self.result_reuse_minutes,
            "on_start_query_execution": self.on_start_query_execution,
            "on_poll": self.on_poll,
            "query_timeout": self.query_timeout,
            "formatter": self._formatter,
            "retry_config": self._retry_config,
        }
        settings.update(merged)
        converter = settings.pop("converter", None)
        if converter is None:
            converter = self._converter
        if converter is None:
            converter = cls.get_default_converter(bool(settings.get("unload", False)))
        return cast(
            "FunctionalCursor | ConnectionCursor",
            cls(connection=self, converter=converter, **settings),
        )

    def _supply_credentials(self) -> None:
        """The core waits for keys that only the user's session can give."""
        if self._session_keys is not None:
            self._session_keys.refresh_if_wanted()

    def close(self) -> None:
        """End the use of the connection. Its cursors stay usable; calling twice is fine."""

    def commit(self) -> None:
        """Do nothing: Athena has no transactions."""

    def rollback(self) -> None:
        """Athena has no transactions.

        :raises NotSupportedError: always.
        """
        raise NotSupportedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

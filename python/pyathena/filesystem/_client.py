"""The client of a file system: the core's client, its credentials, and what each request gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pyathena import _core
from pyathena._session import SessionKeys
from pyathena._settings import client_options, merge_configs
from pyathena.error import ProgrammingError
from pyathena.filesystem.s3_errors import from_core_error
from pyathena.util import RetryConfig

if TYPE_CHECKING:
    from pyathena.connection import Connection

__all__ = ["S3Client", "make_client"]

_REGION = "us-east-1"  # where S3 answers for those who name none


class S3Client:
    """What the drives and the calls need.

    Attributes:
        core: the core's client.
        supply_credentials: called when an operation waits for keys of the user's session.
        request_kwargs: parameters by boto3's names that every request gets which accepts them.
        headers: of each operation, the header lines made of ``request_kwargs``; kept by _calls.
    """

    __slots__ = ("core", "headers", "request_kwargs", "supply_credentials")

    def __init__(
        self,
        core: _core.Client,
        supply_credentials: Callable[[], None] | None = None,
        request_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.core = core
        self.supply_credentials = supply_credentials
        self.request_kwargs: dict[str, Any] = dict(request_kwargs or {})
        self.headers: dict[str, tuple[tuple[str, str], ...] | None] = {}

    def with_kwargs(self, request_kwargs: Mapping[str, Any] | None) -> S3Client:
        """The same client with further parameters for each request."""
        if not request_kwargs:
            return self
        merged = {**self.request_kwargs, **request_kwargs}
        return S3Client(self.core, self.supply_credentials, merged)


def make_client(
    connection: Connection[Any] | None = None,
    *,
    s3_additional_kwargs: Mapping[str, Any] | None = None,
    requester_pays: bool = False,
    **kwargs: Any,
) -> S3Client:
    """The client of a file system.

    Args:
        connection: whose credentials and settings are used; ``kwargs`` are not looked at then.
        s3_additional_kwargs: parameters for each request that accepts them.
        requester_pays: the caller pays for requests.
        **kwargs: s3fs's names: ``key``/``username``, ``secret``/``password``, ``token``,
            ``profile``/``profile_name``, ``anon``, ``use_ssl``, ``endpoint_url``, ``region_name``,
            ``connect_timeout``, ``read_timeout``, ``client_kwargs``, ``config_kwargs``, and
            ``session``, ``config``, ``retry_config`` as for ``connect()``. Others are ignored.

    Raises:
        ValueError: a setting that cannot be used.
    """
    request_kwargs = dict(s3_additional_kwargs or {})
    if requester_pays:
        request_kwargs.setdefault("RequestPayer", "requester")
    if connection is not None:
        core, keys = connection._s3_core_client()
    else:
        core, keys = _core_client(kwargs)
    supply = None if keys is None else keys.refresh_if_wanted
    return S3Client(core, supply, request_kwargs)


def _core_client(kwargs: Mapping[str, Any]) -> tuple[_core.Client, SessionKeys | None]:
    client_kwargs: Mapping[str, Any] = kwargs.get("client_kwargs") or {}
    session = kwargs.get("session")
    config = _config(kwargs, client_kwargs)
    retry_config = kwargs.get("retry_config")
    endpoint = _first(kwargs, client_kwargs, "endpoint_url")
    arguments = {
        "aws_access_key_id": _first(kwargs, client_kwargs, "key", "username", "aws_access_key_id"),
        "aws_secret_access_key": _first(
            kwargs, client_kwargs, "secret", "password", "aws_secret_access_key"
        ),
        "aws_session_token": _first(kwargs, client_kwargs, "token", "aws_session_token"),
        "endpoint_url": endpoint,
        "verify": client_kwargs.get("verify", kwargs.get("verify")),
        "use_ssl": client_kwargs.get("use_ssl", kwargs.get("use_ssl")),
    }
    try:
        options = client_options(
            region_name=_first(kwargs, client_kwargs, "region_name"),
            profile_name=_first(kwargs, client_kwargs, "profile", "profile_name"),
            retry_config=RetryConfig() if retry_config is None else retry_config,
            session=session,
            config=config,
            s3_config=None,
            arguments=arguments,
        )
    except ProgrammingError as ex:
        raise ValueError(str(ex)) from None
    options.pop("endpoint_url", None)
    if endpoint:
        options["s3_endpoint_url"] = endpoint
    if kwargs.get("anon") or _is_unsigned(config):
        for name in ("access_key_id", "secret_access_key", "session_token"):
            options.pop(name, None)
        options["credentials_source"] = _core.CREDENTIALS_NONE
        session = None
    client = _make(options)
    if session is None:
        return client, None
    keys = SessionKeys(session, client)
    keys.refresh_if_wanted()
    return client, keys


def _make(options: dict[str, Any]) -> _core.Client:
    try:
        return _core.Client(**options)
    except _core.CoreError as ex:
        if "region" not in options and ex.message.startswith("no region"):
            return _make({**options, "region": _REGION})
        raise from_core_error(ex) from None
    except (TypeError, OverflowError) as ex:
        raise ValueError(str(ex)) from ex


def _first(kwargs: Mapping[str, Any], client_kwargs: Mapping[str, Any], *names: str) -> Any:
    """The first value that is set, the file system's own names first."""
    for source in (kwargs, client_kwargs):
        for name in names:
            value = source.get(name)
            if value is not None:
                return value
    return None


def _config(kwargs: Mapping[str, Any], client_kwargs: Mapping[str, Any]) -> Any | None:
    """A botocore ``Config`` that was given, and over it what the keywords say."""
    given = client_kwargs.get("config", kwargs.get("config"))
    named = dict(kwargs.get("config_kwargs") or {})
    for name in ("connect_timeout", "read_timeout"):
        if kwargs.get(name) is not None:
            named[name] = kwargs[name]
    if not named:
        return given
    return merge_configs(given, SimpleNamespace(**named))


def _is_unsigned(config: Any | None) -> bool:
    """Whether a ``Config`` has botocore's ``UNSIGNED``; botocore is not imported here."""
    version = getattr(config, "signature_version", None)
    return type(version).__name__ == "UNSIGNED"

"""From ``connect()``'s arguments to the options of the core's client."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pyathena import user_agent_extra
from pyathena.error import NotSupportedError, ProgrammingError
from pyathena.util import RetryConfig

_STANDARD_RETRY_CODES = {"ThrottlingException", "TooManyRequestsException"}


def client_options(
    *,
    region_name: str | None,
    profile_name: str | None,
    retry_config: RetryConfig,
    session: Any | None,
    config: Any | None,
    s3_config: Any | None,
    arguments: dict[str, Any],
) -> dict[str, Any]:
    """Keyword options for ``_core.Client``; ``s3_config`` is only checked, see ``merge_configs``.

    ``arguments`` are the further keywords of ``connect()``: keys, ``endpoint_url``,
    ``s3_endpoint_url``, ``verify`` and ``use_ssl`` are used, others ignored as PyAthena does.
    """
    options: dict[str, Any] = {
        "region": region_name,
        "profile": profile_name,
        "access_key_id": arguments.get("aws_access_key_id"),
        "secret_access_key": arguments.get("aws_secret_access_key"),
        "session_token": arguments.get("aws_session_token"),
        "endpoint_url": arguments.get("endpoint_url"),
        "s3_endpoint_url": arguments.get("s3_endpoint_url"),
        "user_agent_extra": user_agent_extra,
    }
    if config is not None:
        _read_config(config, options)
    if s3_config is not None:
        _check_s3_config(s3_config)
    _read_retry_config(retry_config, options)
    _read_verify(arguments.get("verify"), options)
    _read_use_ssl(arguments.get("use_ssl"), options)
    if session is not None:
        _read_session(session, options)
    return {name: value for name, value in options.items() if value is not None}


def _check_number(name: str, value: Any, least: float, most: float = 2e6) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ProgrammingError(
            f"{name} must be a number within {least:g} and {most:g}, not {value!r:.50}"
        )


def _milliseconds(name: str, seconds: Any) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0:
        raise ProgrammingError(f"config.{name} must be a positive number of seconds: {seconds!r}")
    return min(max(int(seconds * 1000), 1), 2**31 - 1)


def _read_config(config: Any, options: dict[str, Any]) -> None:
    """A botocore ``Config`` (or anything with its attributes)."""
    for name, option in (
        ("connect_timeout", "connect_timeout_ms"),
        ("read_timeout", "read_timeout_ms"),
    ):
        value = getattr(config, name, None)
        # botocore leaves 60 in both when nobody set them; that is our read timeout too.
        if value is not None and not (name == "connect_timeout" and value == 60):
            options[option] = _milliseconds(name, value)
    pool = getattr(config, "max_pool_connections", None)
    if pool is not None and pool != 10:
        _check_number("config.max_pool_connections", pool, 1)
        options["connections_per_host"] = int(pool)
    if options["region"] is None:
        options["region"] = getattr(config, "region_name", None)
    extra = getattr(config, "user_agent_extra", None)
    if extra and extra != user_agent_extra:
        options["user_agent_extra"] = f"{user_agent_extra} {extra}"
    for name, option in (
        ("use_fips_endpoint", "use_fips"),
        ("use_dualstack_endpoint", "use_dualstack"),
    ):
        options[option] = getattr(config, name, None)
    _read_client_cert(getattr(config, "client_cert", None), options)
    _read_retries(getattr(config, "retries", None), options)
    _read_s3(config, options)
    _read_proxies(
        getattr(config, "proxies", None), getattr(config, "proxies_config", None), options
    )


def _read_client_cert(client_cert: Any, options: dict[str, Any]) -> None:
    if client_cert is None:
        return
    if isinstance(client_cert, (tuple, list)):
        options["client_cert"], options["client_key"] = map(str, client_cert)
    else:
        options["client_cert"] = str(client_cert)


def _read_retries(retries: Any, options: dict[str, Any]) -> None:
    if not retries:
        return
    attempts = retries.get("total_max_attempts")
    if attempts is None and retries.get("max_attempts") is not None:
        attempts = retries["max_attempts"] + 1
    if attempts is not None:
        options["transient_attempts"] = max(int(attempts), 1)


def _read_proxies(proxies: Any, proxies_config: Any, options: dict[str, Any]) -> None:
    if proxies:
        options["http_proxy"] = proxies.get("http")
        options["https_proxy"] = proxies.get("https")
    if not proxies_config:
        return
    for name in ("proxy_ca_bundle", "proxy_client_cert", "proxy_use_forwarding_for_https"):
        if proxies_config.get(name):
            raise NotSupportedError(f"config.proxies_config[{name!r}] is not supported")


_CONFIG_NAMES = (
    "client_cert",
    "connect_timeout",
    "max_pool_connections",
    "proxies",
    "proxies_config",
    "read_timeout",
    "region_name",
    "request_checksum_calculation",
    "retries",
    "s3",
    "signature_version",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
    "user_agent_extra",
)


def merge_configs(config: Any | None, over: Any | None) -> Any | None:
    """The settings of two ``Config`` objects, those set in ``over`` before those of ``config``."""
    if config is None or over is None:
        return config if over is None else over
    merged = SimpleNamespace()
    for name in _CONFIG_NAMES:
        set_ = getattr(over, "_user_provided_options", None)
        value = set_.get(name) if isinstance(set_, dict) else getattr(over, name, None)
        setattr(merged, name, value if value is not None else getattr(config, name, None))
    return merged


def _check_s3_config(s3_config: Any) -> None:
    style = (getattr(s3_config, "s3", None) or {}).get("addressing_style")
    if style not in (None, "auto", "path", "virtual"):
        raise ProgrammingError(
            f"s3_config: addressing_style {style!r} is not auto, path or virtual"
        )


def _read_s3(config: Any, options: dict[str, Any]) -> None:
    """What a ``Config`` says about S3 alone."""
    _check_s3_config(config)
    settings = getattr(config, "s3", None) or {}
    style = settings.get("addressing_style")
    options["s3_addressing"] = {"path": 1, "virtual": 2}.get(style or "auto")
    for name, option in (
        ("use_accelerate_endpoint", "s3_accelerate"),
        ("payload_signing_enabled", "s3_payload_signing"),
    ):
        value = settings.get(name)
        options[option] = None if value is None else bool(value)
    checksums = getattr(config, "request_checksum_calculation", None)
    if checksums is None:
        return
    options["s3_checksums"] = {"when_supported": 1, "when_required": 2}.get(str(checksums).lower())
    if options["s3_checksums"] is None:
        raise ProgrammingError(
            "config.request_checksum_calculation must be when_supported or when_required,"
            f" not {checksums!r:.50}"
        )


def _read_retry_config(retry_config: RetryConfig, options: dict[str, Any]) -> None:
    if not isinstance(retry_config, RetryConfig):
        raise ProgrammingError(
            f"retry_config must be a RetryConfig, not {type(retry_config).__name__}"
        )
    if not isinstance(retry_config.attempt, int):
        raise ProgrammingError(f"retry_config.attempt must be int: {retry_config.attempt!r:.50}")
    _check_number("retry_config.attempt", retry_config.attempt, 1)
    _check_number("retry_config.multiplier", retry_config.multiplier, 0)
    _check_number("retry_config.max_delay", retry_config.max_delay, 0)
    _check_number("retry_config.exponential_base", retry_config.exponential_base, 0)
    codes = [code for code in retry_config.exceptions if code not in _STANDARD_RETRY_CODES]
    options["retry_attempts"] = retry_config.attempt
    options["retry_multiplier_ms"] = int(retry_config.multiplier * 1000)
    options["retry_delay_max_ms"] = int(retry_config.max_delay * 1000)
    options["retry_base"] = float(retry_config.exponential_base)
    options["retry_codes"] = ",".join(codes) or None


def _read_verify(verify: Any, options: dict[str, Any]) -> None:
    if verify is None or verify is True:
        return
    if verify is False:
        options["tls_verify_off"] = True
    elif isinstance(verify, str) and verify:
        options["ca_file"] = verify
    else:
        raise ProgrammingError(f"verify must be True, False or the path of a CA file: {verify!r}")


def _read_use_ssl(use_ssl: Any, options: dict[str, Any]) -> None:
    if use_ssl is None or use_ssl is True or options["endpoint_url"]:
        return
    raise NotSupportedError("use_ssl=False needs endpoint_url='http://...': AWS wants TLS")


def _read_session(session: Any, options: dict[str, Any]) -> None:
    """Keys are asked of the session (see _session.py); only the region is read here."""
    from pyathena import _core

    if not callable(getattr(session, "get_credentials", None)):
        raise ProgrammingError(f"session must be a boto3 Session, not {type(session).__name__}")
    if options["region"] is None:
        options["region"] = getattr(session, "region_name", None)
    options["profile"] = None
    options["access_key_id"] = options["secret_access_key"] = options["session_token"] = None
    options["credentials_source"] = _core.CREDENTIALS_EXTERNAL
    options["credentials_scope"] = f"session {id(session)}"

"""Signature version 4: checking the requests of clients."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import quote

from .errors import ApiError, plain

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW_SECONDS = 300
_AUTHORIZATION = re.compile(
    r"\s*AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,"
    r"\s*Signature=([^,\s]+)\s*"
)
_AMZ_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)


@dataclass(frozen=True)
class Credential:
    """A key the server knows. ``token``: temporary credentials; ``expires``: epoch seconds."""

    access_key: str
    secret_key: str
    token: str | None = None
    expires: float | None = None


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


_keys: dict[tuple[str, str, str, str], bytes] = {}


def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The derived key; remembered, for it is the same all day."""
    ident = (secret, day, region, service)
    key = _keys.get(ident)
    if key is None:
        key = _hmac(("AWS4" + secret).encode(), day)
        for part in (region, service, "aws4_request"):
            key = _hmac(key, part)
        if len(_keys) > 256:
            _keys.clear()
        _keys[ident] = key
    return key


def canonical_query(query: str) -> str:
    """Sorts the pairs of a raw query string; what is encoded stays so."""
    if not query:
        return ""
    pairs = [part if "=" in part else part + "=" for part in query.split("&") if part]
    return "&".join(sorted(pairs, key=lambda pair: pair.split("=", 1)))


def signature(
    secret: str,
    amz_date: str,
    scope: tuple[str, str, str],
    method: str,
    canonical_uri: str,
    query: str,
    headers: Iterable[tuple[str, str]],
    payload_hash: str,
) -> str:
    """The hex signature. ``headers`` are the signed ones, sorted, lower-case names."""
    pairs = list(headers)
    block = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in pairs)
    names = ";".join(name for name, _ in pairs)
    request = "\n".join((method, canonical_uri, query, block, names, payload_hash))
    day, region, service = scope
    text = "\n".join(
        (
            ALGORITHM,
            amz_date,
            f"{day}/{region}/{service}/aws4_request",
            hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest(),
        )
    )
    return hmac.digest(signing_key(secret, day, region, service), text.encode(), "sha256").hex()


def verify(
    credentials: Mapping[str, Credential],
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    now: float | None = None,
    service: str = "athena",
) -> Credential:
    """Checks a request and returns the credential that signed it, else raises ApiError.

    ``headers`` has lower-case names. ``now`` is the server's clock in epoch seconds.
    """
    authorization = headers.get("authorization")
    if not authorization:
        raise plain("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(authorization)
    scope = match.group(1).split("/") if match else []
    if match is None or len(scope) < 5:
        raise plain(
            "IncompleteSignatureException",
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' "
            "parameters of the AWS4-HMAC-SHA256 form.",
        )
    access_key = "/".join(scope[:-4])
    day, region, scope_service, terminator = scope[-4:]
    credential = credentials.get(access_key)
    token = headers.get("x-amz-security-token")
    if credential is None or not _same(credential.token or "", token or ""):
        raise plain(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    amz_date = headers.get("x-amz-date", "")
    _check_scope(day, scope_service, terminator, amz_date, service)
    wall = time.time() if now is None else now
    _check_time(amz_date, wall)
    names = match.group(2).split(";")
    _check_names(names, headers)
    expected = signature(
        credential.secret_key,
        amz_date,
        (day, region, scope_service),
        method,
        quote(path, safe="/-._~") or "/",
        canonical_query(query),
        [(name, headers.get(name, "")) for name in names],
        hashlib.sha256(body).hexdigest(),
    )
    if not _same(expected, match.group(3)):
        raise _bad_signature(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service "
            "documentation for details."
        )
    if credential.expires is not None and wall >= credential.expires:
        raise plain(
            "ExpiredTokenException", "The security token included in the request is expired"
        )
    return credential


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode("utf-8", "surrogateescape"))


def _bad_signature(message: str) -> ApiError:
    return plain("InvalidSignatureException", message)


def _check_scope(day: str, service: str, terminator: str, amz_date: str, expected: str) -> None:
    if service != expected or terminator != "aws4_request":
        raise _bad_signature(
            f"Credential should be scoped to correct service: '{expected}' and end with "
            "'aws4_request'."
        )
    if not amz_date.startswith(day):
        raise _bad_signature("Date in Credential scope does not match YYYYMMDD from X-Amz-Date.")


def _check_time(amz_date: str, now: float) -> None:
    match = _AMZ_DATE.fullmatch(amz_date)
    try:
        numbers = [int(text) for text in match.groups()] if match else []
        stamp = datetime(*numbers[:6], tzinfo=timezone.utc) if numbers else None  # type: ignore[misc,arg-type]
    except ValueError:
        stamp = None
    if stamp is None:
        raise plain("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'.")
    seconds = stamp.timestamp()
    if abs(now - seconds) <= MAX_SKEW_SECONDS:
        return
    server = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    if seconds < now:
        edge = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now - MAX_SKEW_SECONDS))
        text = f"Signature expired: {amz_date} is now earlier than {edge} ({server} - 5 min.)"
    else:
        edge = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now + MAX_SKEW_SECONDS))
        text = (
            f"Signature not yet current: {amz_date} is still later than {edge} ({server} + 5 min.)"
        )
    raise _bad_signature(text)


def _check_names(names: list[str], headers: Mapping[str, str]) -> None:
    if names != sorted(set(names)):
        raise _bad_signature("SignedHeaders must be sorted, lower case and without repetition.")
    signed = set(names)
    for name in headers:
        must = name == "host" or name.startswith("x-amz-")
        if must and name not in signed:
            raise _bad_signature(f"'{name}' must be a signed header in the AWS Authorization.")
    for name in names:
        if name not in headers:
            raise _bad_signature(f"The signed header '{name}' is not in the request.")

"""The signature check, against signatures that botocore makes."""

from __future__ import annotations

import datetime
import time
from typing import Any
from unittest import mock

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from athena_local.errors import ApiError
from athena_local.sigv4 import Credential, canonical_query, verify

KEYS = {
    "AKIDEXAMPLE": Credential("AKIDEXAMPLE", "secret/with+signs"),
    "ASIDTEMP": Credential("ASIDTEMP", "tempsecret", "the-token", expires=time.time() + 1000),
}


def signed(
    key: str = "AKIDEXAMPLE",
    secret: str = "secret/with+signs",
    token: str | None = None,
    service: str = "athena",
    body: bytes = b"{}",
    skew: float = 0,
    url: str = "http://127.0.0.1:8000/",
) -> dict[str, str]:
    headers = {"Host": "127.0.0.1:8000", "X-Amz-Target": "AmazonAthena.ListWorkGroups"}
    headers["Content-Type"] = "application/x-amz-json-1.1"
    request = AWSRequest("POST", url, headers=headers, data=body)
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=skew)
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda: now, create=True):
        with mock.patch.object(botocore.auth, "datetime", _Clock(now), create=True):
            SigV4Auth(Credentials(key, secret, token), service, "eu-west-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


class _Clock:
    """Stands for the module or class ``datetime`` that botocore reads the time from."""

    def __init__(self, now: datetime.datetime) -> None:
        self._now = now
        self.datetime = self

    def utcnow(self) -> datetime.datetime:
        return self._now.replace(tzinfo=None)

    def now(self, zone: Any = None) -> datetime.datetime:
        return self._now

    def __getattr__(self, name: str) -> Any:
        return getattr(datetime.datetime, name)


def check(headers: dict[str, str], body: bytes = b"{}", path: str = "/", query: str = "") -> str:
    return verify(KEYS, "POST", path, query, headers, body).access_key


def code(headers: dict[str, str], body: bytes = b"{}") -> str:
    with pytest.raises(ApiError) as caught:
        check(headers, body)
    assert caught.value.status == 400
    return caught.value.code


def test_verify_good_signature() -> None:
    assert check(signed()) == "AKIDEXAMPLE"


def test_verify_path_and_query() -> None:
    url = "http://127.0.0.1:8000/a%20b/c?x=1&a=%2F&empty"
    headers = signed(url=url)
    assert check(headers, path="/a%20b/c", query="x=1&a=%2F&empty") == "AKIDEXAMPLE"


def test_canonical_query_sorts_and_completes() -> None:
    assert canonical_query("b=2&a=1&c") == "a=1&b=2&c="
    assert canonical_query("a=1&a-b=1") == "a=1&a-b=1"


def test_verify_temporary_credentials() -> None:
    headers = signed("ASIDTEMP", "tempsecret", "the-token")
    assert check(headers) == "ASIDTEMP"


def test_verify_wrong_token() -> None:
    assert code(signed("ASIDTEMP", "tempsecret", "other")) == "UnrecognizedClientException"
    assert code(signed("ASIDTEMP", "tempsecret")) == "UnrecognizedClientException"
    assert code(signed(token="unasked")) == "UnrecognizedClientException"


def test_verify_expired_token() -> None:
    headers = signed("ASIDTEMP", "tempsecret", "the-token", skew=1500)
    with pytest.raises(ApiError) as caught:
        verify(KEYS, "POST", "/", "", headers, b"{}", now=time.time() + 1500)
    assert caught.value.code == "ExpiredTokenException"


def test_verify_wrong_secret() -> None:
    assert code(signed(secret="wrong")) == "InvalidSignatureException"


def test_verify_other_body() -> None:
    assert code(signed(), b'{"a":1}') == "InvalidSignatureException"


def test_verify_changed_signed_header() -> None:
    headers = signed()
    headers["x-amz-target"] = "AmazonAthena.DeleteWorkGroup"
    assert code(headers) == "InvalidSignatureException"


def test_verify_unsigned_amz_header() -> None:
    headers = signed()
    headers["x-amz-other"] = "1"
    assert code(headers) == "InvalidSignatureException"


def test_verify_other_service() -> None:
    assert code(signed(service="s3")) == "InvalidSignatureException"


def test_verify_unknown_key() -> None:
    assert code(signed(key="AKIDOTHER")) == "UnrecognizedClientException"


def test_verify_missing_authorization() -> None:
    headers = signed()
    del headers["authorization"]
    assert code(headers) == "MissingAuthenticationTokenException"


@pytest.mark.parametrize("value", ["Bearer x", "AWS4-HMAC-SHA256 Credential=a", "AWS4-HMAC-SHA256"])
def test_verify_malformed_authorization(value: str) -> None:
    assert code({**signed(), "authorization": value}) == "IncompleteSignatureException"


@pytest.mark.parametrize("skew", [-301.5, 301.5])
def test_verify_skewed_clock(skew: float) -> None:
    assert code(signed(skew=skew)) == "InvalidSignatureException"


@pytest.mark.parametrize("skew", [-290, 290])
def test_verify_tolerable_clock(skew: float) -> None:
    assert check(signed(skew=skew)) == "AKIDEXAMPLE"

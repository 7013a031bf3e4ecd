"""Compares the C signer with botocore's over random requests.

``ATHENA_SIGN_CLI`` names the program built from ``tests/unit/aws/sign_cli.c``.
"""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

import pytest

auth = pytest.importorskip("botocore.auth")
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CLI = os.environ.get("ATHENA_SIGN_CLI")
pytestmark = pytest.mark.skipif(not CLI, reason="ATHENA_SIGN_CLI is not set")

REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]
HEADER_NAMES = [
    "Content-Type",
    "X-Amz-Target",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "Range",
    "If-Match",
    "X-Amz-Meta-b",
    "x-amz-meta-A",
    "User-Agent",
    "X-Amzn-Trace-Id",
    "Expect",
]
TEXT = string.ascii_letters + string.digits + "-._~ /+=&%#?:@!$'()*,;é\u20ac\U0001f600"


def random_text(rng: random.Random, alphabet: str = TEXT, longest: int = 12) -> str:
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, longest)))


def random_path(rng: random.Random) -> str:
    segments = [
        rng.choice(["", ".", "..", quote(random_text(rng), safe="~")])
        if rng.random() < 0.3
        else quote(random_text(rng), safe="~")
        for _ in range(rng.randint(0, 5))
    ]
    return "/" + "/".join(segments)


def random_query(rng: random.Random) -> str:
    pairs = [
        quote(random_text(rng) or "k", safe="~")
        + rng.choice(["=" + quote(random_text(rng), safe="~"), "=", ""])
        for _ in range(rng.randint(0, 6))
    ]
    return "&".join(pairs)


def random_request(rng: random.Random) -> dict[str, Any]:
    service = rng.choice(["athena", "s3"])
    region = rng.choice(REGIONS)
    names = rng.sample(HEADER_NAMES, rng.randint(0, 6))
    alphabet = string.ascii_letters + string.digits + "  \t;=/\"'"
    return {
        "method": rng.choice(["GET", "POST", "PUT", "DELETE", "HEAD"]),
        "host": rng.choice([f"{service}.{region}.amazonaws.com", "localhost:8080", "[::1]:9000"]),
        "path": random_path(rng),
        "query": random_query(rng),
        "headers": [[name, random_text(rng, alphabet, 30)] for name in names],
        "body": random_text(rng, longest=200),
        "region": region,
        "service": service,
        "time": rng.randint(0, 4_102_444_800),
        "single_encode": service == "s3",
        "payload_hash": None,
        "access_key": "AKID" + random_text(rng, string.ascii_uppercase, 16),
        "secret": "s" + random_text(rng, TEXT, rng.choice([5, 40, 60, 200])),
        "token": random_text(rng, string.ascii_letters + "+/=", rng.choice([0, 60, 900])),
    }


def sign_with_botocore(case: dict[str, Any]) -> dict[str, str]:
    """The three steps by botocore; adds S3's content hash header to ``case``."""
    keys = Credentials(case["access_key"], case["secret"], case["token"] or None)
    url = f"https://{case['host']}{case['path']}" + (f"?{case['query']}" if case["query"] else "")
    headers = dict(case["headers"])
    request = AWSRequest(case["method"], url, headers=headers, data=case["body"].encode())
    amz_date = datetime.fromtimestamp(case["time"], timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    request.context["timestamp"] = amz_date
    request.context["payload_signing_enabled"] = True
    signer_class = auth.S3SigV4Auth if case["service"] == "s3" else auth.SigV4Auth
    signer = signer_class(keys, case["service"], case["region"])
    signer._modify_request_before_signing(request)
    if case["service"] == "s3":
        case["payload_hash"] = request.headers["X-Amz-Content-SHA256"]
        case["headers"].append(["X-Amz-Content-SHA256", case["payload_hash"]])
    canonical = signer.canonical_request(request)
    text = signer.string_to_sign(request, canonical)
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return {
        "canonical_request": canonical,
        "string_to_sign": text,
        "authorization": request.headers["Authorization"],
    }


@pytest.mark.parametrize("seed", range(4))
def test_signatures_equal_botocore(seed: int) -> None:
    rng = random.Random(seed)
    cases = [random_request(rng) for _ in range(500)]
    expected = [sign_with_botocore(case) for case in cases]
    assert CLI
    run = subprocess.run(
        [CLI],
        input="".join(json.dumps(case) + "\n" for case in cases),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(answers) == len(cases)
    for case, answer, wanted in zip(cases, answers, expected):
        for step in ("canonical_request", "string_to_sign", "authorization"):
            assert answer[step] == wanted[step], case

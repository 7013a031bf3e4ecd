"""Writes sigv4_vectors.h: each step of Signature Version 4 for a few requests.

Computed with hashlib and hmac from the published algorithm, apart from the C code it tests. Run it
again after a change of the cases: ``python3 make_vectors.py > sigv4_vectors.h``, then clang-format.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field

UNSIGNED = {"user-agent", "expect", "authorization", "x-amzn-trace-id"}


@dataclass
class Case:
    """One request, with the canonical path and query given by hand."""

    name: str
    service: str
    path: str
    canonical_path: str
    query: str = ""
    canonical_query: str = ""
    method: str = "POST"
    host: str = "athena.us-east-1.amazonaws.com"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    region: str = "us-east-1"
    time: str = "20260131T235959Z"
    unix: int = 1769903999
    secret: str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    token: str = ""
    payload_hash: str = ""


KEY_ID = "AKIDEXAMPLE"
CASES = [
    Case(
        name="athena_json",
        service="athena",
        path="/",
        canonical_path="/",
        headers=[
            ("X-Amz-Target", "AmazonAthena.StartQueryExecution"),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("User-Agent", "libathena/0"),
        ],
        body='{"QueryString":"SELECT 1"}',
    ),
    Case(
        name="session_token",
        service="athena",
        path="",
        canonical_path="/",
        token="AQoDYXdzEPT//////////wEXAMPLE==",
        time="20240229T000000Z",
        unix=1709164800,
        region="eu-central-1",
        host="localhost:8080",
    ),
    Case(
        name="dot_segments",
        service="athena",
        path="/a/./b//../c%20d/",
        canonical_path="/a/c%2520d/",
    ),
    Case(name="dots_above_root", service="athena", path="/../..", canonical_path="/"),
    Case(
        name="header_values",
        service="athena",
        path="/",
        canonical_path="/",
        headers=[
            ("x-amz-meta-b", "  two   words\t here  "),
            ("X-AMZ-Meta-A", "first"),
            ("x-amz-meta-a", "second"),
            ("Authorization", "stale"),
        ],
    ),
    Case(
        name="s3_path_and_query",
        service="s3",
        method="GET",
        host="bucket.s3.us-east-1.amazonaws.com",
        path="/a//./b%20c",
        canonical_path="/a//./b%20c",
        query="prefix=b&list-type=2&delete&prefix=a&z=",
        canonical_query="delete=&list-type=2&prefix=a&prefix=b&z=",
        payload_hash="UNSIGNED-PAYLOAD",
        headers=[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")],
    ),
    Case(
        name="secret_of_a_block",
        service="athena",
        path="/",
        canonical_path="/",
        secret="s" * 60,
    ),
    Case(
        name="secret_past_a_block",
        service="athena",
        path="/",
        canonical_path="/",
        secret="s" * 61,
    ),
    Case(
        name="long_secret",
        service="athena",
        path="/",
        canonical_path="/",
        secret="0123456789" * 9,
        time="19700101T000000Z",
        unix=0,
    ),
]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hmac_sha256(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def steps(case: Case) -> tuple[str, str, str]:
    headers = [*case.headers, ("host", case.host), ("x-amz-date", case.time)]
    if case.token:
        headers.append(("x-amz-security-token", case.token))
    values: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in UNSIGNED:
            values.setdefault(name.lower(), []).append(" ".join(value.split()))
    names = ";".join(sorted(values))
    canonical = "\n".join(
        [
            case.method,
            case.canonical_path,
            case.canonical_query,
            "".join(f"{name}:{','.join(values[name])}\n" for name in sorted(values)),
            names,
            case.payload_hash or sha256(case.body),
        ]
    )
    day = case.time[:8]
    scope = f"{day}/{case.region}/{case.service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{case.time}\n{scope}\n{sha256(canonical)}"
    key = ("AWS4" + case.secret).encode()
    for part in (day, case.region, case.service, "aws4_request"):
        key = hmac_sha256(key, part)
    signature = hmac_sha256(key, text).hex()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    return canonical, text, authorization


def quote(text: str) -> str:
    return json.dumps(text)


def main() -> None:
    print("/* Made by make_vectors.py. */")
    print("static const struct vector s_vectors[] = {")
    for case in CASES:
        canonical, text, authorization = steps(case)
        pairs = ", ".join(f"{{{quote(n)}, {quote(v)}}}" for n, v in case.headers)
        print("    {")
        for key, value in (
            ("name", case.name),
            ("method", case.method),
            ("host", case.host),
            ("path", case.path),
            ("query", case.query),
            ("body", case.body),
            ("region", case.region),
            ("service", case.service),
            ("secret", case.secret),
            ("token", case.token),
            ("payload_hash", case.payload_hash),
            ("canonical", canonical),
            ("text", text),
            ("authorization", authorization),
        ):
            print(f"        .{key} = {quote(value)},")
        print(f"        .unix_s = {case.unix},")
        if pairs:
            print(f"        .headers = {{{pairs}}},")
        print("    },")
    print("};")


if __name__ == "__main__":
    main()

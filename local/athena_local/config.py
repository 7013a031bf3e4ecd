"""What a server is started with."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path

from .sigv4 import Credential


def random_key() -> str:
    """An access key id that looks like one."""
    alphabet = string.ascii_uppercase + "234567"
    return "AKIA" + "".join(secrets.choice(alphabet) for _ in range(16))


def random_secret() -> str:
    """A secret access key."""
    return secrets.token_urlsafe(30)


@dataclass
class Config:
    """All settings of a server."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    region: str = "us-east-1"
    bucket: str = "athena-local"
    credential: Credential = field(
        default_factory=lambda: Credential(random_key(), random_secret())
    )
    temporary: list[Credential] = field(default_factory=list)
    s3_endpoint: str = ""
    s3_credential: Credential | None = None
    engine: str = "duckdb"
    trino_url: str = ""
    workers: int = 4
    memory_limit: str = ""
    allow_directives: bool = False
    seed: bool = False

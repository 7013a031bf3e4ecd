"""The command ``athena-local``."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .config import Config, random_key, random_secret
from .sigv4 import Credential
from .weed import WeedError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="athena-local", description="Amazon Athena's API on this machine."
    )
    add = parser.add_argument
    add("--version", action="version", version=__version__)
    add("--data", type=Path, help="data directory, kept between runs (default: a temporary one)")
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=0, help="port (default: a free one)")
    add("--tls", action="store_true", help="https with a test CA made in the data directory")
    add("--region", default="us-east-1", help="region told to clients (default %(default)s)")
    add("--bucket", default="athena-local", help="bucket made at the start (default %(default)s)")
    add("--access-key", help="access key id (default: $ATHENA_LOCAL_ACCESS_KEY or a random one)")
    add(
        "--temporary",
        action="append",
        default=[],
        metavar="KEY:SECRET:TOKEN[:EXPIRES]",
        help="temporary credentials that are valid too; EXPIRES in epoch seconds",
    )
    add("--s3-endpoint", default="", help="another S3 server instead of SeaweedFS")
    add("--engine", choices=("duckdb", "trino"), default="duckdb")
    add("--trino-url", default="", help="URL of the Trino server for --engine trino")
    add("--workers", type=int, default=4, help="queries that run at once (default %(default)s)")
    add("--memory-limit", default="", help="DuckDB's memory limit, such as 4GB")
    add(
        "--allow-directives",
        action="store_true",
        help="obey /* athena-local: run_seconds=1.5 */ in SQL",
    )
    add("--seed", action="store_true", help="make the tables many_rows and one_row")
    add("--print-env", action="store_true", help="print export lines for a shell")
    add("--exit-with-stdin", action="store_true", help="end when standard input is closed")
    add("--verbose", action="store_true", help="log to standard error")
    return parser


def _temporary(text: str) -> Credential:
    parts = text.split(":")
    if len(parts) not in (3, 4) or not all(parts):
        raise ValueError("--temporary must be KEY:SECRET:TOKEN or KEY:SECRET:TOKEN:EXPIRES")
    return Credential(parts[0], parts[1], parts[2], float(parts[3]) if len(parts) == 4 else None)


def _credential(data: Path, access_key: str | None) -> Credential:
    """The server's own key: from the environment, else as in the data directory, else new."""
    access_key = access_key or os.environ.get("ATHENA_LOCAL_ACCESS_KEY")
    secret = os.environ.get("ATHENA_LOCAL_SECRET_KEY")
    path = data / "credential.json"
    if path.exists() and not (access_key and secret):
        kept = json.loads(path.read_text())
        if access_key in (None, kept["access_key"]):
            return Credential(kept["access_key"], kept["secret_key"])
    credential = Credential(access_key or random_key(), secret or random_secret())
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"access_key": credential.access_key, "secret_key": credential.secret_key}, file)
    return credential


def _s3_credential(endpoint: str) -> Credential | None:
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not endpoint or not key or not secret:
        return None
    return Credential(key, secret, os.environ.get("AWS_SESSION_TOKEN"))


def _config(options: argparse.Namespace, data: Path) -> Config:
    if options.engine == "trino" and not options.trino_url:
        raise ValueError("--engine trino needs --trino-url")
    if options.workers < 1:
        raise ValueError("--workers must be at least 1")
    return Config(
        data=data,
        host=options.host,
        port=options.port,
        tls=options.tls,
        region=options.region,
        bucket=options.bucket,
        credential=_credential(data, options.access_key),
        temporary=[_temporary(text) for text in options.temporary],
        s3_endpoint=options.s3_endpoint,
        s3_credential=_s3_credential(options.s3_endpoint),
        engine=options.engine,
        trino_url=options.trino_url,
        workers=options.workers,
        memory_limit=options.memory_limit,
        allow_directives=options.allow_directives,
        seed=options.seed,
    )


def environment(ready: dict[str, str]) -> dict[str, str]:
    """The variables that point AWS clients at a server, from its ready line."""
    out = {
        "AWS_ENDPOINT_URL_ATHENA": ready["athena_url"],
        "AWS_ENDPOINT_URL_S3": ready["s3_url"],
        "AWS_ACCESS_KEY_ID": ready["access_key"],
        "AWS_SECRET_ACCESS_KEY": ready["secret_key"],
        "AWS_REGION": ready["region"],
        "AWS_DEFAULT_REGION": ready["region"],
        "AWS_ATHENA_S3_STAGING_DIR": ready["staging_dir"],
    }
    if ready.get("ca_file"):
        out["AWS_CA_BUNDLE"] = ready["ca_file"]
    return out


async def _serve(config: Config, options: argparse.Namespace) -> None:
    from .app import App

    app = App(config)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if options.exit_with_stdin:

        def read() -> None:
            if not os.read(0, 4096):
                loop.remove_reader(0)
                ended.set()

        loop.add_reader(0, read)
    try:
        await app.start()
        ready = {
            "athena_url": app.url,
            "s3_url": app.s3_endpoint,
            "access_key": config.credential.access_key,
            "secret_key": config.credential.secret_key,
            "region": config.region,
            "bucket": config.bucket,
            "staging_dir": f"s3://{config.bucket}/results/",
            "ca_file": app.ca_file,
            "data": str(config.data),
        }
        print(json.dumps({"ready": True, **ready}), flush=True)
        if options.print_env:
            for name, value in environment(ready).items():
                print(f"export {name}={shlex.quote(value)}", flush=True)
        await ended.wait()
    finally:
        await app.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.ERROR,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    sys.setswitchinterval(0.0005)  # the loop answers soon while engine threads render rows
    if options.data is not None:
        return _run(options, options.data.absolute())
    with tempfile.TemporaryDirectory(prefix="athena-local-") as folder:
        return _run(options, Path(folder))


def _run(options: argparse.Namespace, data: Path) -> int:
    try:
        asyncio.run(_serve(_config(options, data), options))
    except (ValueError, WeedError, OSError, ImportError) as error:
        print(f"athena-local: {error}", file=sys.stderr)
        return 1
    return 0

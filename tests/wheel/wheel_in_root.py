"""Installs the wheel in a Debian root that has Python and no library or header of ours, and runs a
query there by TLS against athena-local, which stays outside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from common import BUILD, VENV, SetupError, python_of, run  # noqa: E402
from debian_root import debian_root  # noqa: E402

QUERY = """
import json, sys
import pyathena
settings = json.load(open("/settings.json"))
with pyathena.connect(**settings) as connection:
    with connection.cursor() as cursor:
        rows = cursor.execute("SELECT 1 AS one, 'é' AS word").fetchall()
assert rows == [(1, "é")], rows
wrong = dict(settings, verify="/etc/hostname-ca.pem")
open("/etc/hostname-ca.pem", "w").close()
try:
    pyathena.connect(**wrong).cursor().execute("SELECT 1")
except pyathena.Error as error:
    print("refused without the CA:", error)
else:
    sys.exit("a certificate that nobody vouches for was accepted")
print("rows:", rows)
"""


def fetch_dependencies(folder: Path) -> None:
    """The wheels of what the package needs in Python, by the lock file's digests."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {"fsspec", "tzdata"}
    if names <= {path.name.split("-")[0] for path in folder.glob("*.whl")}:
        return
    lines = (ROOT / "requirements" / "base.txt").read_text().replace("\\\n", " ").splitlines()
    wanted = [line for line in lines if line.split("==")[0] in names]
    lock = folder / "requirements.txt"
    lock.write_text("\n".join(wanted) + "\n")
    pip = [python_of(VENV), "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    run([*pip, "-r", lock, "--dest", folder], "fetch fsspec and tzdata")


def in_root(root: Path, *command: str) -> None:
    """Runs a program inside; a failure ends the test."""
    words = ["chroot", str(root), *command]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LC_ALL": "C.UTF-8"}
    run(words, f"in the root: {' '.join(command[:4])}", environment)


def check_bare(root: Path) -> None:
    """Nothing that the wheel brings is there already."""
    for name in ("libcurl", "libjansson"):
        found = list(root.glob(f"usr/lib/*/{name}*"))
        if found:
            raise SetupError(f"the root is not bare: {found[0]}")
    if (root / "usr/include/curl").exists() or (root / "usr/bin/gcc").exists():
        raise SetupError("the root has development files")


def query(root: Path) -> None:
    """Starts the server outside and asks it from inside."""
    import athena_local

    with athena_local.Server(tls=True) as server:
        shutil.copy(server.ca_file, root / "ca.pem")
        settings = {
            "endpoint_url": server.url, "aws_access_key_id": server.access_key,
            "aws_secret_access_key": server.secret_key, "region_name": server.region,
            "s3_staging_dir": server.staging_dir, "verify": "/ca.pem",
        }  # fmt: skip
        (root / "settings.json").write_text(json.dumps(settings))
        (root / "query.py").write_text(QUERY)
        in_root(root, "/venv/bin/python", "/query.py")


def main() -> int:
    os.chdir(ROOT)
    if os.geteuid() != 0:
        print("needs root, for debootstrap and chroot")
        return 77
    wheels = list((ROOT / "dist").glob("libathena-*.whl"))
    if len(wheels) != 1:
        print("make wheel first")
        return 1
    try:
        fetch_dependencies(BUILD / "wheelhouse")
        with debian_root(["python3", "python3-venv"], "python") as root:
            check_bare(root)
            shutil.copytree(BUILD / "wheelhouse", root / "wheels")
            shutil.copy(wheels[0], root / "wheels")
            in_root(root, "/usr/bin/python3", "-m", "venv", "/venv")
            pip = ["-m", "pip", "install", "--quiet", "--no-index", "--find-links=/wheels"]
            in_root(root, "/venv/bin/python", *pip, "libathena")
            query(root)
    except (SetupError, subprocess.SubprocessError) as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

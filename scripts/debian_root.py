"""A small Debian root for tests that need a machine without development packages.

The root is made once by debootstrap, from the archive that this machine uses, and kept as a tar
file under build/; each test unpacks its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common import BUILD, SetupError, run


def _archive() -> tuple[str, list[str]]:
    """The codename of this release, and the address of its archive when apt tells it."""
    text = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=\"?(\w+)", text, re.MULTILINE)
    if not found:
        raise SetupError("/etc/os-release names no release that debootstrap could make")
    form = ["--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"]
    listing = subprocess.run(["apt-get", "indextargets", *form], capture_output=True, text=True)
    pairs = dict(line.split(maxsplit=1) for line in sorted(set(listing.stdout.splitlines())))
    address = pairs.get(found[1])
    return found[1], [address] if address else []


def root_archive(packages: list[str], name: str) -> Path:
    """The tar file of a minimal root with some packages; made when it is not there."""
    target = BUILD / f"root-{name}.tar"
    if target.is_file():
        return target
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise SetupError("a Debian root is made by root with debootstrap")
    codename, address = _archive()
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="root-") as folder:
        options = ["--variant=minbase", f"--include={','.join(packages)}"]
        log = BUILD / f"root-{name}.log"
        what = f"debootstrap {codename} with {' '.join(packages)}"
        run(["debootstrap", *options, codename, folder, *address], what, log=log)
        shutil.rmtree(Path(folder, "var/cache/apt/archives"), ignore_errors=True)
        unfinished = target.with_suffix(".new")
        run(["tar", "-C", folder, "-cf", unfinished, "."], "keep the root as a tar file")
        unfinished.rename(target)
    return target


@contextmanager
def debian_root(packages: list[str], name: str) -> Iterator[Path]:
    """A root of one's own in a temporary folder, gone afterwards."""
    archive = root_archive(packages, name)
    with tempfile.TemporaryDirectory(prefix=f"root-{name}-") as folder:
        run(["tar", "-C", folder, "-xf", archive], "unpack the root")
        Path(folder).chmod(0o755)
        yield Path(folder)

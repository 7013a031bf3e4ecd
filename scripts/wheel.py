"""Makes a wheel that holds the shared libraries it needs, under dist/.

The wheel runs where the C library is at least as new as the one of this machine; its name says
so (manylinux tag). Libraries that every system has (libc, libm, the loader) stay outside.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from common import BUILD, ROOT, VENV, SetupError, forget_if_moved, python_of, run, tool_environment


def build_wheel(target: Path) -> Path:
    """The plain wheel, with a build folder of its own."""
    folder = BUILD / "wheel"
    forget_if_moved(folder)
    shutil.rmtree(target, ignore_errors=True)
    settings = [f"build-dir={folder.relative_to(ROOT)}", "setup-args=-Dbuildtype=release",
                "setup-args=-Dstrip=true"]  # fmt: skip
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    command = [python_of(VENV), "-m", "pip", "wheel", *options]
    command += [f"--config-settings={setting}" for setting in settings]
    run([*command, "--wheel-dir", target, ROOT], "build the wheel", tool_environment())
    return next(target.glob("libathena-*.whl"))


def repair_wheel(wheel: Path, target: Path) -> Path:
    """The wheel with the libraries inside; older ones of the same version are removed."""
    for old in target.glob("libathena-*.whl"):
        old.unlink()
    command = [python_of(VENV), "-m", "auditwheel", "repair", "--strip", "--wheel-dir", target]
    log = BUILD / "wheel.log"
    run([*command, wheel], "put the shared libraries into it", tool_environment(), log)
    return next(target.glob("libathena-*.whl"))


def main() -> int:
    os.chdir(ROOT)
    try:
        wheel = repair_wheel(build_wheel(BUILD / "wheel-plain"), ROOT / "dist")
    except SetupError as error:
        print(error, file=sys.stderr)
        return error.status
    print(f"{wheel.relative_to(ROOT)}: {wheel.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

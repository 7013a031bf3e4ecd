"""Builds parts of the tree with the pinned Meson, each configuration in its folder under build/.

Usage: build.py stub | build.py install [--prefix DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import (
    BUILD,
    ROOT,
    SetupError,
    forget_if_moved,
    meson_command,
    run,
    tool_environment,
)


def configure(
    name: str, options: Sequence[str], environment: Mapping[str, str] | None = None
) -> Path:
    """Configures build/NAME unless it is configured so already."""
    folder = BUILD / name
    forget_if_moved(folder)
    env = tool_environment(environment)
    mark = folder / ".options"
    wanted = "\n".join([*options, json.dumps(dict(environment or {}), sort_keys=True)])
    if mark.is_file() and mark.read_text() == wanted:
        return folder
    command = [*meson_command(), "setup", str(folder), *options]
    if (folder / "meson-private" / "coredata.dat").exists():
        command.append("--wipe")
    logs = BUILD / "logs"
    logs.mkdir(exist_ok=True)
    run(command, f"configure {folder.relative_to(ROOT)}", env, logs / f"configure-{name}.log")
    mark.write_text(wanted)
    (folder / ".made-for").write_text(f"{ROOT}\n{sys.version}\n")
    return folder


def compile_all(folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Compiles a configured folder."""
    what = f"compile {folder.relative_to(ROOT)}"
    run([*meson_command(), "compile", "-C", folder], what, tool_environment(environment))


def install(prefix: str) -> None:
    """Builds the C library for release and installs it, under DESTDIR when that is set."""
    if not os.path.isabs(prefix):
        prefix = str(ROOT / prefix)
    folder = configure("release", ["-Dbuildtype=release", f"--prefix={prefix}", "-Dlibdir=lib"])
    compile_all(folder)
    run([*meson_command(), "install", "-C", folder, "--quiet"], f"install under {prefix}",
        tool_environment())  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("stub", "install"))
    parser.add_argument("--prefix", default="/usr/local", help="where to install")
    arguments = parser.parse_args()
    try:
        if arguments.part == "stub":
            compile_all(configure("stub", ["-Dbuildtype=release", "-Dbench=true"]))
        else:
            install(arguments.prefix)
    except SetupError as error:
        print(error, file=sys.stderr)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Checks that every #include points down: base <- aws, net, result <- engine <- users.

Usage: check_includes.py [ROOT]
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from c_source import includes, tree_files

_LIBC = set(
    "assert complex ctype dirent dlfcn endian errno fcntl fenv float getopt grp inttypes iso646 "
    "langinfo limits locale malloc math netdb poll pthread pwd regex sched search semaphore setjmp "
    "signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string "
    "strings syslog tgmath threads time uchar unistd wchar wctype xlocale".split()
)
# Headers of the processor, for loops over vectors; the plain C twin does without.
_PROCESSOR = {
    "arm_acle.h", "arm_neon.h", "emmintrin.h", "immintrin.h", "nmmintrin.h", "tmmintrin.h"
}  # fmt: skip
_LIBRARIES = {
    "openssl/": "libcrypto", "curl/": "libcurl", "jansson.h": "jansson", "expat.h": "expat",
    "Python.h": "Python", "structmember.h": "Python", "datetime.h": "Python",
    "cmocka.h": "cmocka", "microhttpd.h": "libmicrohttpd",
}  # fmt: skip
_SYSTEM = ("sys/", "netinet/", "net/if.h", "arpa/", "linux/", "mach/")


@dataclass(frozen=True)
class Room:
    """What a folder may include: rooms under src, the public headers, libraries."""

    rooms: frozenset[str] = frozenset()
    public: bool = True
    libraries: frozenset[str] = frozenset()
    own_folder: bool = False  # files beside it, by bare name


def _room(rooms: str, libraries: str = "", **more: bool) -> Room:
    return Room(frozenset(rooms.split()), libraries=frozenset(libraries.split()), **more)


_ALL = "base aws net result engine"
_TEST = "cmocka libcrypto libcurl jansson expat"
# The longest folder that a file lies in decides.
ROOMS = {
    "include/athena": _room(""),
    "src/base": _room("base"),
    "src/aws": _room("base aws", "libcrypto jansson expat"),
    "src/net": _room("base net", "libcurl"),
    "src/result": _room("base result"),
    "src/engine": _room(_ALL),
    "cli": _room("", own_folder=True),
    "adbc": _room("", own_folder=True),
    "examples": _room(""),
    "python/_core": _room("", "Python", own_folder=True),
    "tests/unit/base": _room("base", _TEST, own_folder=True),
    "tests/unit/aws": _room("base aws", _TEST, own_folder=True),
    "tests/unit/net": _room("base net", _TEST + " libssl", own_folder=True),
    "tests/unit/result": _room("base result", _TEST, own_folder=True),
    "tests/unit": _room(_ALL, _TEST, own_folder=True),
    "tests/engine": _room(_ALL, _TEST, own_folder=True),
    "tests/fault": _room(_ALL, _TEST, own_folder=True),
    "tests": _room("", _TEST + " Python", own_folder=True),
    "fuzz": _room(_ALL, "jansson", own_folder=True),
    "bench/stub": Room(
        public=False, libraries=frozenset(("libmicrohttpd", "jansson")), own_folder=True
    ),
    "bench": _room(_ALL, _TEST, own_folder=True),
}


def _angle_error(name: str, room: Room) -> str | None:
    if name.startswith("athena/"):
        return None if room.public else "this folder does not use the public headers"
    for prefix, library in _LIBRARIES.items():
        if name == prefix or (prefix.endswith("/") and name.startswith(prefix)):
            return None if library in room.libraries else f"{library} is not for this folder"
    known = name.removesuffix(".h") in _LIBC or name in _PROCESSOR or name.startswith(_SYSTEM)
    return None if known else "unknown header"


def _quote_error(name: str, path: Path, room: Room, root: Path) -> str | None:
    head, slash, _ = name.partition("/")
    if slash and head in _ALL.split():
        if head not in room.rooms:
            return f"the arrow to {head} points up or sideways"
        return None if (root / "src" / name).is_file() else "no such header"
    if not room.own_folder:
        return "name the room: \"room/file.h\""
    target = (path.parent / name).resolve()
    inside = root / "tests" if path.is_relative_to(root / "tests") else path.parent
    if not target.is_file() or not target.is_relative_to(inside.resolve()):
        return "no such header in this folder"
    return None


def room_of(path: Path, root: Path) -> tuple[str, Room] | None:
    """The entry of ROOMS that a file belongs to."""
    for parent in path.relative_to(root).parents:
        if parent.as_posix() in ROOMS:
            return parent.as_posix(), ROOMS[parent.as_posix()]
    return None


def check_file(path: Path, root: Path) -> list[str]:
    """The wrong includes of a file, each as ``file:line: text``."""
    found = room_of(path, root)
    place = path.relative_to(root).as_posix()
    if found is None:
        return [f"{place}:1: this folder has no entry in tools/check_includes.py"]
    errors = []
    for line, target in includes(path.read_text()):
        if not re.fullmatch(r'<[^<>]+>|"[^"]+"', target):
            error: str | None = "an include must name its file"
        elif target[0] == "<":
            error = _angle_error(target[1:-1], found[1])
        elif found[0] == "include/athena":
            error = "public headers include each other as <athena/name.h>"
        else:
            error = _quote_error(target[1:-1], path, found[1], root)
        if error:
            errors.append(f"{place}:{line}: {target}: {error}")
    return errors


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    folders = sorted({room.split("/")[0] for room in ROOMS} | {"src"})
    files = tree_files(root, folders, (".c", ".h"))
    errors = [error for path in files for error in check_file(path, root)]
    print(*errors, f"{len(files)} files, {len(errors)} wrong includes", sep="\n")
    return 1 if errors or not files else 0


if __name__ == "__main__":
    sys.exit(main())

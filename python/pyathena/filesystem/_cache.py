"""Listings that were made, and what they tell about single paths.

Names are ``bucket/key``. A listing is kept under ``(name, delimiter)``, where ``name`` is the
listed prefix without its final slash, and the list of buckets under ``("", "/")``.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pyathena.filesystem.s3_object import ENTRY_OBJECT, S3Object

if TYPE_CHECKING:
    from fsspec.dircache import DirCache  # type: ignore[import-untyped]

__all__ = [
    "MISSING",
    "Listing",
    "ListingCache",
    "Missing",
    "Raw",
    "entry_of",
    "is_directory",
    "parent_of",
    "size_of",
]

#: An entry of a listing: as the core gives it until somebody asks for it. One tuple of texts and
#: numbers for each of a hundred thousand keys costs the garbage collector nothing.
Raw: TypeAlias = "S3Object | tuple[Any, ...]"


class Missing:
    """The answer of a listing in which a path would be if it existed."""


MISSING = Missing()


def parent_of(name: str) -> str:
    """The prefix in whose listing a name is: ``a/b`` of ``a/b/c``, "" of a bucket."""
    return name.rpartition("/")[0]


def entry_of(name: str, raw: Raw) -> S3Object:
    """The entry of the name ``bucket/key``."""
    if isinstance(raw, S3Object):
        return raw
    return S3Object.from_entry(name.partition("/")[0], raw[:8])


def is_directory(raw: Raw | None) -> bool:
    """Whether an entry is a directory's; what was not looked up is none."""
    return isinstance(raw, S3Object) and bool(raw.type == "directory")


def size_of(raw: Raw) -> int:
    """Bytes of an entry."""
    size: int | None = raw["size"] if isinstance(raw, S3Object) else raw[2]
    return size or 0


class Listing(Sequence[S3Object]):
    """The entries of one listing: directories first, then files, each by name, in S3's order."""

    __slots__ = ("_is_sorted", "_last", "_sorted", "dirs", "files")

    def __init__(self) -> None:
        self.dirs: dict[str, S3Object] = {}
        self.files: dict[str, Raw] = {}
        self._is_sorted = True
        self._last = ""
        self._sorted: list[str] | None = None

    def add_page(self, bucket: str, page: Iterable[tuple[Any, ...]]) -> None:
        """Take a page of the core's entries; ``bucket`` is "" in the list of buckets."""
        base = f"{bucket}/" if bucket else ""
        files = self.files
        last, is_sorted = self._last, self._is_sorted
        for entry in page:
            if entry[0] != ENTRY_OBJECT:
                found = S3Object.from_entry(bucket, entry[:8])
                self.dirs[found.name] = found
                continue
            name = base + entry[1]
            if name < last:
                is_sorted = False
            last = name
            files[name] = entry
        self._last, self._is_sorted = last, is_sorted

    @property
    def sorted_files(self) -> dict[str, Raw]:
        """The files by name, in the order of the names; the caller's own."""
        return (
            dict(self.files)
            if self._is_sorted
            else {name: self.files[name] for name in sorted(self.files)}
        )

    @property
    def names(self) -> list[str]:
        """All names; one that is a file and a directory is there twice."""
        return [*self.dirs, *self.files]

    def entry(self, name: str) -> S3Object | None:
        """The entry of a name; the file when it is a directory too."""
        found = self.files.get(name)
        if found is None:
            return self.dirs.get(name)
        if not isinstance(found, S3Object):
            found = self.files[name] = entry_of(name, found)
        return found

    def is_prefix(self, name: str) -> bool:
        """Whether files lie below ``name``, in a listing without delimiter."""
        if self._sorted is None:
            self._sorted = list(self.files) if self._is_sorted else sorted(self.files)
        below = f"{name}/"
        index = bisect_left(self._sorted, below)
        return index < len(self._sorted) and self._sorted[index].startswith(below)

    def __len__(self) -> int:
        return len(self.dirs) + len(self.files)

    def __iter__(self) -> Iterator[S3Object]:
        yield from self.dirs.values()
        for name in list(self.files):
            found = self.entry(name)
            if found is not None:
                yield found

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]


class _Pending:
    """A listing that is being made; a change below its prefix makes it not worth keeping."""

    __slots__ = ("is_stale", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_stale = False


class ListingCache:
    """The listings of one file system, safe for threads.

    Args:
        dircache: keeps the listings and decides how long.
    """

    def __init__(self, dircache: DirCache) -> None:
        self.dircache = dircache
        self._lock = threading.Lock()
        self._pending: set[_Pending] = set()

    def get(self, name: str, delimiter: str) -> Listing | None:
        """A kept listing."""
        try:
            found = self.dircache[name, delimiter]
        except KeyError:
            return None
        return found if isinstance(found, Listing) else None

    def begin(self, name: str) -> _Pending:
        """Note that a listing of ``name`` begins, to be ended by :meth:`finish`."""
        pending = _Pending(name)
        with self._lock:
            self._pending.add(pending)
        return pending

    def finish(self, pending: _Pending, delimiter: str, listing: Listing | None) -> None:
        """Keep what was listed unless something changed meanwhile; ``None``: it failed."""
        with self._lock:
            self._pending.discard(pending)
            if listing is not None and not pending.is_stale:
                self.dircache[pending.name, delimiter] = listing

    def lookup(self, name: str) -> S3Object | Missing | None:
        """What the kept listings say about a path; ``None``: nothing.

        A directory that only a listing without delimiter knows of is made up of it.
        """
        if not len(self.dircache):
            return None
        parent = parent_of(name)
        listing = self.get(parent, "/")
        if listing is not None:
            return listing.entry(name) or MISSING
        while parent:
            listing = self.get(parent, "")
            if listing is not None:
                found = listing.entry(name)
                if found is not None:
                    return found
                if not listing.is_prefix(name):
                    return MISSING
                bucket, _, key = name.partition("/")
                return S3Object.directory(bucket, key)
            parent = parent_of(parent)
        return None

    @property
    def is_empty(self) -> bool:
        """Whether no listing is kept or being made."""
        return not (self._pending or len(self.dircache))

    def drop(self, names: Iterable[str]) -> None:
        """Forget the listings in which the objects ``names`` are or would be."""
        if self.is_empty:
            return
        prefixes: set[str] = set()
        for parent in {parent_of(name) for name in names}:
            while parent not in prefixes:
                prefixes.add(parent)
                parent = parent_of(parent)
        prefixes.discard("")  # objects do not change the list of buckets
        with self._lock:
            for pending in self._pending:
                if pending.name in prefixes:
                    pending.is_stale = True
            for prefix in prefixes:
                self._forget(prefix)

    def drop_tree(self, name: str) -> None:
        """Forget the listings of a path, of all its parents and of all below it."""
        below = f"{name}/"
        prefixes = {name, ""}
        parent = parent_of(name)
        while parent:
            prefixes.add(parent)
            parent = parent_of(parent)
        with self._lock:
            for pending in self._pending:
                if pending.name in prefixes or pending.name.startswith(below):
                    pending.is_stale = True
            for key in list(self.dircache):
                listed = key[0] if isinstance(key, tuple) else key
                if listed in prefixes or listed.startswith(below):
                    self.dircache._cache.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            for pending in self._pending:
                pending.is_stale = True
            self.dircache.clear()

    def _forget(self, name: str) -> None:
        for delimiter in ("/", ""):
            try:
                del self.dircache[name, delimiter]
            except KeyError:
                pass

"""Listing and looking up: ls, info, exists, find, glob, walk, du, and the expansion of paths."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Generator, Iterable
from dataclasses import dataclass
from glob import has_magic
from typing import Any

from pyathena import _core
from pyathena.filesystem import _calls
from pyathena.filesystem._base import BULK_LIMIT, Base, limit_of, name_of
from pyathena.filesystem._cache import (
    Listing,
    Missing,
    Raw,
    entry_of,
    is_directory,
    size_of,
)
from pyathena.filesystem._drive import Drive
from pyathena.filesystem.s3_object import S3Metadata, S3Object
from pyathena.filesystem.s3_path import S3Path

__all__ = ["Listings", "Walk"]

_BREATHE_EVERY = 250
_NO_TRAVERSAL = "Cannot traverse all files in S3."

#: One level of a walk: the directory, its directories and its files by their last names.
Level = tuple[str, Any, Any]


class Listings(Base):
    """Operations that only read names and metadata."""

    # -- one level ---------------------------------------------------------------------------------

    async def ls(
        self,
        drive: Drive,
        path: str,
        detail: bool = False,
        refresh: bool = False,
        versions: bool = False,
    ) -> list[Any]:
        """The entries of a directory: common prefixes, then objects.

        An object gives itself, a missing key nothing.

        Raises:
            FileNotFoundError: there is no such bucket.
            ValueError: ``versions`` on a file system that is not version aware.
        """
        name = name_of(path)
        if versions:
            return await self._ls_versions(drive, name, detail)
        if name in ("", "/"):
            listing = await self._buckets(drive, refresh)
            return list(listing) if detail else listing.names
        listing = await self.listing(drive, name, "/", refresh)
        if listing.dirs or listing.files:
            return await self._all_of(drive, listing) if detail else listing.names
        parsed = S3Path.parse(name.removesuffix("/"))
        found = None if parsed.is_bucket else await self._object(drive, parsed, refresh)
        if found is None:
            return []
        return [found] if detail else [str(parsed)]

    async def _all_of(self, drive: Drive, listing: Listing) -> list[S3Object]:
        """All entries of a listing."""
        entries: list[S3Object] = []
        for count, entry in enumerate(listing):
            entries.append(entry)
            if not count % _BREATHE_EVERY:
                await drive.breathe()
        return entries

    async def _ls_versions(self, drive: Drive, name: str, detail: bool) -> list[Any]:
        if not self.settings.version_aware:
            raise ValueError(
                "Cannot list the object versions unless the filesystem is version aware."
            )
        parsed = S3Path.parse(name)
        prefix = _prefix_of(parsed.key)
        dirs, files = await self._version_level(drive, parsed.bucket, prefix)
        if not dirs and not files and parsed.key:
            _, found = await self._version_level(drive, parsed.bucket, parsed.key)
            files = [entry for entry in found if entry.key == parsed.key]
        entries = dirs + files
        return entries if detail else [entry.name for entry in entries]

    async def _version_level(
        self, drive: Drive, bucket: str, prefix: str
    ) -> tuple[list[S3Object], list[S3Object]]:
        dirs: list[S3Object] = []
        files: list[S3Object] = []
        pages = _calls.list_pages(
            drive, _core.S3_LIST_VERSIONS, bucket, prefix=prefix, delimiter="/"
        )
        async for page in pages:
            for entry in page:
                if entry[0] == _core.S3_PREFIX:
                    dirs.append(S3Object.from_entry(bucket, entry[:8]))
                elif entry[0] == _core.S3_VERSION:
                    files.append(S3Object.from_entry(bucket, entry[:8]))
            await drive.breathe()
        return dirs, files

    async def _buckets(self, drive: Drive, refresh: bool) -> Listing:
        kept = None if refresh else self.cache.get("", "/")
        if kept is not None:
            return kept
        pages = _calls.list_pages(drive, _core.S3_LIST_BUCKETS, None)
        return await self._collect(drive, "", "/", "", pages)

    async def listing(
        self, drive: Drive, name: str, delimiter: str, refresh: bool = False
    ) -> Listing:
        """The listing of a prefix, kept or new; ``name`` may end with the prefix's slash.

        Raises:
            FileNotFoundError: there is no such bucket.
        """
        parsed = S3Path.parse(name)
        prefix = _prefix_of(parsed.key)
        base = f"{parsed.bucket}/{prefix}"[:-1]
        kept = None if refresh else self.cache.get(base, delimiter)
        if kept is not None:
            return kept
        pages = _calls.list_pages(
            drive,
            _core.S3_LIST_OBJECTS,
            parsed.bucket,
            prefix=prefix or None,
            delimiter=delimiter or None,
        )
        return await self._collect(drive, base, delimiter, parsed.bucket, pages)

    async def _collect(
        self,
        drive: Drive,
        base: str,
        delimiter: str,
        bucket: str,
        pages: AsyncIterator[list[tuple[Any, ...]]],
    ) -> Listing:
        """Read all pages of a listing and keep it."""
        pending = self.cache.begin(base)
        kept: Listing | None = None
        try:
            listing = Listing()
            async for page in pages:
                await self._add_page(drive, listing, bucket, page)
            kept = listing
        finally:
            self.cache.finish(pending, delimiter, kept)
        return listing

    # -- one path ----------------------------------------------------------------------------------

    async def info(
        self,
        drive: Drive,
        path: str,
        refresh: bool = False,
        version_id: str | None = None,
        **params: Any,
    ) -> S3Object:
        """The entry of a path; the object when it is a prefix too.

        Raises:
            FileNotFoundError: nothing is there.
            ValueError: the path and ``version_id`` name different versions.
        """
        name = name_of(path).removesuffix("/")
        if not name:
            return S3Object.directory("")
        parsed = S3Path.parse(name).pinned_to(version_id)
        if parsed.is_bucket:
            return await self._bucket(drive, parsed.bucket, refresh)
        if not refresh and parsed.version_id is None and not params:
            found = self.cache.lookup(name)
            if isinstance(found, Missing):
                raise FileNotFoundError(name)
            if found is not None and not (self.settings.version_aware and found.type == "file"):
                return found
        entry = await self._head(drive, parsed, params)
        if entry is not None:
            return entry
        if parsed.version_id is None and await self.is_prefix(drive, parsed):
            return S3Object.directory(parsed.bucket, parsed.key)
        raise FileNotFoundError(str(parsed))

    async def _bucket(self, drive: Drive, bucket: str, refresh: bool) -> S3Object:
        kept = None if refresh else self.cache.get("", "/")
        if kept is not None and bucket in kept.dirs:
            return kept.dirs[bucket]
        try:
            await _calls.head_bucket(drive, S3Path(bucket))
        except FileNotFoundError:
            raise FileNotFoundError(bucket) from None
        return S3Object.directory(bucket)

    async def _object(self, drive: Drive, path: S3Path, refresh: bool) -> S3Object | None:
        """The entry of an object, if there is one."""
        if not refresh and path.version_id is None and not self.settings.version_aware:
            found = self.cache.lookup(path.name)
            if isinstance(found, Missing):
                return None
            if found is not None:
                return found if found.type == "file" else None
        return await self._head(drive, path, {})

    async def _head(self, drive: Drive, path: S3Path, params: dict[str, Any]) -> S3Object | None:
        try:
            response = await _calls.head_object(drive, path, **params)
        except FileNotFoundError:
            return None
        version_id = path.version_id
        if version_id is None and self.settings.version_aware:
            version_id = response.get("VersionId")
        return S3Object.from_metadata(S3Metadata(response, path), version_id)

    async def is_prefix(self, drive: Drive, path: S3Path, delimiter: str | None = None) -> bool:
        """Whether there are keys below a path.

        With a delimiter, servers that keep objects in folders tell of empty folders too.
        """
        pages = _calls.list_pages(
            drive,
            _core.S3_LIST_OBJECTS,
            path.bucket,
            prefix=_prefix_of(path.key) or None,
            delimiter=delimiter,
            page_keys=1,
            keys_max=1,
        )
        found = False
        async for page in pages:
            found = found or bool(page)
        return found

    async def exists(self, drive: Drive, path: str, **params: Any) -> bool:
        """Whether something is there; so says a bucket that may not be looked at."""
        try:
            await self.info(drive, path, **params)
        except FileNotFoundError:
            return False
        except PermissionError:
            if S3Path.parse(name_of(path).removesuffix("/")).is_bucket:
                return True
            raise
        return True

    async def isdir(self, drive: Drive, path: str) -> bool:
        """Whether the path is a bucket or a prefix with keys below it, and no object."""
        try:
            return bool((await self.info(drive, path)).type == "directory")
        except (OSError, ValueError):
            return False

    async def isfile(self, drive: Drive, path: str) -> bool:
        """Whether the path is an object."""
        try:
            return bool((await self.info(drive, path)).type == "file")
        except (OSError, ValueError):
            return False

    async def size(self, drive: Drive, path: str) -> int | None:
        """Bytes of an object; 0 for directories."""
        size: int | None = (await self.info(drive, path)).get("size")
        return size

    async def sizes(
        self, drive: Drive, paths: Iterable[str], batch_size: int | None = None
    ) -> list[int | None]:
        """Bytes of each object."""
        return await drive.gather(
            (self.size(drive, path) for path in paths), limit_of(batch_size, BULK_LIMIT)
        )

    # -- trees -------------------------------------------------------------------------------------

    async def find(
        self,
        drive: Drive,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool | None = None,
        detail: bool = False,
        prefix: str = "",
        refresh: bool = False,
    ) -> Any:
        """The objects below a path, sorted; of an object, itself.

        Args:
            drive: carries it out.
            path: where to look.
            maxdepth: levels to descend; 0 and 1 are the path's own entries.
            withdirs: prefixes too, and the path itself.
            detail: a dict of entries by name instead of a list of names.
            prefix: only what begins with it below the path.
            refresh: kept listings are not used.

        Raises:
            ValueError: the path is the root, or ``maxdepth`` is negative.
            FileNotFoundError: there is no such bucket.
        """
        found = await self.tree(drive, path, maxdepth, withdirs, prefix, refresh)
        return await self._entries(drive, found) if detail else list(found)

    async def _entries(self, drive: Drive, found: dict[str, Raw]) -> dict[str, S3Object]:
        entries: dict[str, S3Object] = {}
        for count, (name, raw) in enumerate(found.items()):
            entries[name] = entry_of(name, raw)
            if not count % _BREATHE_EVERY:
                await drive.breathe()
        return entries

    async def tree(
        self,
        drive: Drive,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool | None = None,
        prefix: str = "",
        refresh: bool = False,
    ) -> dict[str, Raw]:
        """What :meth:`find` finds, as it lies in the listings."""
        if maxdepth is not None and maxdepth < 0:
            raise ValueError("maxdepth must be at least 1")
        name = name_of(path)
        if name in ("", "/"):
            raise ValueError(_NO_TRAVERSAL)
        parsed = S3Path.parse(name)
        key_prefix = _prefix_of(parsed.key)
        base = f"{parsed.bucket}/{key_prefix}"
        dirs: dict[str, S3Object] = {}
        files: dict[str, Raw]
        if maxdepth is not None:
            dirs, files = await self._find_levels(
                drive, base, max(maxdepth, 1), base + prefix, refresh
            )
        elif prefix:
            listing = await self._list_uncached(drive, parsed.bucket, key_prefix + prefix, None)
            files = listing.sorted_files
        else:
            files = (await self.listing(drive, base, "", refresh)).sorted_files
        if not files and not dirs:
            found = None if not parsed.key else await self._itself(drive, parsed, refresh)
            return {} if found is None else {str(parsed.target): found}
        if withdirs:
            if maxdepth is None:
                dirs = await _directories(drive, files, base)
            dirs[base[:-1]] = _directory(base)
            files = await _merged(drive, dirs, files)
        return files

    async def _itself(self, drive: Drive, path: S3Path, refresh: bool) -> S3Object | None:
        if path.key is not None and path.key.endswith("/"):
            path = S3Path(path.bucket, path.key[:-1] or None, path.version_id)
        return None if path.is_bucket else await self._object(drive, path, refresh)

    async def _list_uncached(
        self, drive: Drive, bucket: str, prefix: str, delimiter: str | None
    ) -> Listing:
        listing = Listing()
        pages = _calls.list_pages(
            drive, _core.S3_LIST_OBJECTS, bucket, prefix=prefix or None, delimiter=delimiter
        )
        async for page in pages:
            await self._add_page(drive, listing, bucket, page)
        return listing

    @staticmethod
    async def _add_page(
        drive: Drive, listing: Listing, bucket: str, page: list[tuple[Any, ...]]
    ) -> None:
        """Take a page, a few entries at a time."""
        await drive.breathe()  # making it took a while
        for at in range(0, len(page), _BREATHE_EVERY):
            listing.add_page(bucket, page[at : at + _BREATHE_EVERY])
            await drive.breathe()

    async def _find_levels(
        self, drive: Drive, base: str, depth: int, start: str, refresh: bool
    ) -> tuple[dict[str, S3Object], dict[str, Raw]]:
        """Directories and files of so many levels; those of a level are listed at the same time.

        Only names that begin with ``start`` count.
        """
        dirs: dict[str, S3Object] = {}
        files: dict[str, Raw] = {}
        listings = [await self._first_level(drive, base, start, refresh)]
        while listings:
            level: list[str] = []
            for listing in listings:
                for name, entry in listing.dirs.items():
                    below = f"{name}/"
                    if below.startswith(start):
                        dirs[name] = entry
                        level.append(below)
                for name, raw in listing.files.items():
                    if name.startswith(start):
                        files[name] = raw
                await drive.breathe()
            depth -= 1
            listings = await drive.gather(
                (self.listing(drive, name, "/", refresh) for name in level if depth > 0),
                BULK_LIMIT,
            )
        return dirs, {name: files[name] for name in sorted(files)}

    async def _first_level(self, drive: Drive, base: str, start: str, refresh: bool) -> Listing:
        """The listing of ``base``; only of what begins with ``start`` when none is kept."""
        if start == base or (not refresh and self.cache.get(base[:-1], "/") is not None):
            return await self.listing(drive, base, "/", refresh)
        bucket, _, prefix = start.partition("/")
        return await self._list_uncached(drive, bucket, prefix, "/")

    async def keys_below(self, drive: Drive, path: S3Path) -> list[str]:
        """All keys below a path as they are on the server now."""
        keys: list[str] = []
        pages = _calls.list_pages(
            drive, _core.S3_LIST_OBJECTS, path.bucket, prefix=_prefix_of(path.key) or None
        )
        async for page in pages:
            keys.extend([entry[1] for entry in page])
            await drive.breathe()
        return keys

    async def glob(
        self,
        drive: Drive,
        path: str,
        maxdepth: int | None = None,
        detail: bool = False,
        **params: Any,
    ) -> Any:
        """The paths that match a pattern by fsspec's rules, sorted; with ``detail`` a dict of
        entries.

        Raises:
            ValueError: the pattern has magic in the bucket's name, or ``maxdepth`` is less than 1.
        """
        found = await self._matching(drive, path, maxdepth, **params)
        return await self._entries(drive, found) if detail else list(found)

    async def _matching(
        self, drive: Drive, path: str, maxdepth: int | None = None, **params: Any
    ) -> dict[str, Raw]:
        from fsspec.utils import glob_translate  # type: ignore[import-untyped]

        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        name = name_of(path)
        ends_with_slash = name.endswith("/")
        name = name.rstrip("/")
        if not _is_pattern(name):
            try:
                return {name: await self.info(drive, name, **params)}
            except FileNotFoundError:
                return {}
        wild = min(found for sign in "*?[" if (found := name.find(sign)) >= 0)
        slash = name.rfind("/", 0, wild)
        root, stem = name[: slash + 1], name[slash + 1 : wild]
        depth: int | None = name.count("/", slash + 1) + 1
        if "**" in name:
            stars = name[name.find("**") :].count("/") + 1
            depth = None if maxdepth is None or depth is None else depth - stars + maxdepth
        withdirs = params.pop("withdirs", True)
        below = await self.tree(drive, root, depth, withdirs, stem, **params)
        match = re.compile(glob_translate(name + ("/" if ends_with_slash else ""))).match
        marks_directories = ends_with_slash or name.endswith("/**")
        matching: dict[str, Raw] = {}
        for count, (name, raw) in enumerate(below.items()):
            if match(f"{name}/" if marks_directories and is_directory(raw) else name):
                matching[name] = raw
            if not count % _BREATHE_EVERY:
                await drive.breathe()
        return matching

    async def du(
        self,
        drive: Drive,
        path: str,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **params: Any,
    ) -> int | dict[str, int]:
        """Bytes of all objects below a path together, or by name; directories count 0."""
        found = await self.tree(drive, path, maxdepth, withdirs, **params)
        sizes = {name: size_of(raw) for name, raw in found.items()}
        return sum(sizes.values()) if total else sizes

    async def expand(
        self,
        drive: Drive,
        path: str | os.PathLike[str] | Iterable[str],
        recursive: bool = False,
        maxdepth: int | None = None,
    ) -> dict[str, Raw | None]:
        """The paths that patterns and directories stand for, sorted.

        Returns:
            Names with their entries; ``None`` where nothing was looked up: a plain path that was
            given is not checked unless ``recursive``.

        Raises:
            FileNotFoundError: nothing is there.
            ValueError: ``maxdepth`` is less than 1.
        """
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        given = [path] if isinstance(path, (str, os.PathLike)) else list(path)
        names = [name_of(one) for one in given]
        parts = await drive.gather(
            (self._expand_one(drive, name, recursive, maxdepth) for name in names), BULK_LIMIT
        )
        found: dict[str, Raw | None] = {}
        for part in parts:
            for name, entry in part.items():
                if entry is not None or name not in found:
                    found[name] = entry
        if not found:
            raise FileNotFoundError(names)
        if len(parts) == 1 and not recursive:
            return found
        return {name: found[name] for name in sorted(found)}

    async def _expand_one(
        self, drive: Drive, name: str, recursive: bool, maxdepth: int | None
    ) -> dict[str, Raw | None]:
        found: dict[str, Raw | None] = {}
        if not _is_pattern(name):
            if S3Path.has_version_id(name) or not recursive:
                return {name: None}
            return await self._expand_tree(drive, name, maxdepth)
        found.update(await self._matching(drive, name, maxdepth))
        if not recursive or (maxdepth is not None and maxdepth <= 1):
            return found
        below = None if maxdepth is None else maxdepth - 1
        dirs = [one for one, raw in found.items() if is_directory(raw)]
        trees = await drive.gather(
            (self._expand_tree(drive, one, below) for one in dirs), BULK_LIMIT
        )
        for tree in trees:
            found.update(tree)
        return found

    async def _expand_tree(
        self, drive: Drive, name: str, maxdepth: int | None
    ) -> dict[str, Raw | None]:
        """A directory and what is below it; and the object of the same name."""
        found: dict[str, Raw | None] = {}
        found.update(await self.tree(drive, name, maxdepth, withdirs=True))
        itself = name.rstrip("/")
        parsed = S3Path.parse(itself)
        if not parsed.is_bucket and is_directory(entry := found.get(itself)):
            found[itself] = await self._object(drive, parsed, False) or entry
        return found


@dataclass
class Walk:
    """What ``walk`` does, without the waiting: a generator that asks for listings.

    :meth:`steps` yields a path whose listing is to be sent in (or an exception of it), and, in
    between, levels to be handed out.
    """

    maxdepth: int | None = None
    topdown: bool = True
    on_error: Any = "omit"
    detail: bool = False

    def steps(
        self, path: str, depth: int | None = None
    ) -> Generator[str | Level, list[S3Object] | OSError | None, None]:
        """Walk from a name on.

        Raises:
            ValueError: ``maxdepth`` is less than 1.
        """
        depth = self.maxdepth if depth is None else depth
        if depth is not None and depth < 1:
            raise ValueError("maxdepth must be at least 1")
        listing = yield path
        if isinstance(listing, OSError):
            if self.on_error == "raise":
                raise listing
            if callable(self.on_error):
                self.on_error(listing)
            return
        below: dict[str, str] = {}
        dirs: dict[str, S3Object] = {}
        files: dict[str, S3Object] = {}
        for entry in listing or ():
            name: str = entry.name
            last = name.removesuffix("/").rpartition("/")[2]
            if entry.type == "directory":
                below[last] = name
                dirs[last] = entry
            else:
                files["" if name.rstrip("/") == path.rstrip("/") else last] = entry
        level: Level = (path, dirs, files) if self.detail else (path, list(dirs), list(files))
        if self.topdown:
            yield level  # whoever gets it may take directories out
        if depth is None or depth > 1:
            for one in level[1]:
                if one in below:
                    yield from self.steps(below[one], None if depth is None else depth - 1)
        if not self.topdown:
            yield level


def _prefix_of(key: str | None) -> str:
    """The prefix that lists what is below a key."""
    if not key:
        return ""
    return key if key.endswith("/") else f"{key}/"


def _directory(prefix: str) -> S3Object:
    """The entry of ``bucket/prefix/``."""
    bucket, _, key = prefix.partition("/")
    return S3Object.directory(bucket, key or None)


def _is_pattern(name: str) -> bool:
    return has_magic(S3Path.split_version_id(name)[0])


async def _directories(drive: Drive, files: dict[str, Raw], base: str) -> dict[str, S3Object]:
    """The directories between the prefix ``base`` and files below it."""
    seen: dict[str, S3Object] = {}
    last = ""
    for count, name in enumerate(files):
        if not count % _BREATHE_EVERY:
            await drive.breathe()
        parent = name.rpartition("/")[0]
        if parent == last:
            continue
        last = parent
        while len(parent) >= len(base) and parent not in seen:
            seen[parent] = _directory(f"{parent}/")
            parent = parent.rpartition("/")[0]
    return {entry.name: entry for entry in seen.values()}


async def _merged(drive: Drive, dirs: dict[str, S3Object], files: dict[str, Raw]) -> dict[str, Raw]:
    """Both, sorted by name; ``files`` is sorted already and wins."""
    merged: dict[str, Raw] = {}
    rest = iter(sorted(dirs))
    directory = next(rest, None)
    for count, (name, entry) in enumerate(files.items()):
        while directory is not None and directory <= name:
            merged[directory] = dirs[directory]
            directory = next(rest, None)
        merged[name] = entry
        if not count % _BREATHE_EVERY:
            await drive.breathe()
    while directory is not None:
        merged[directory] = dirs[directory]
        directory = next(rest, None)
    return merged

"""Copying, moving and deleting objects, and buckets as directories."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyathena.filesystem import _calls
from pyathena.filesystem._base import BULK_LIMIT, limit_of, name_of
from pyathena.filesystem._cache import is_directory
from pyathena.filesystem._drive import Drive
from pyathena.filesystem._listing import Listings
from pyathena.filesystem._progress import Progress
from pyathena.filesystem.s3_path import S3Path
from pyathena.filesystem.s3_path_pairing import S3PathPairing

__all__ = ["Moves"]

_logger = logging.getLogger(__name__)
_DELETE_SLICE = 1000  # keys of one request
_SLICES_LIMIT = 32
_BREATHE_EVERY = 500
_LOOKED_FOR_MAX = 2000  # objects whose listings are looked for one by one
_find_magic = re.compile("[*?[]").search


class _Doomed:
    """Objects and versions to be deleted, by bucket.

    Attributes:
        count: how many they are.
    """

    def __init__(self) -> None:
        self.count = 0
        self._keys: dict[str, list[str]] = {}
        self._versions: dict[str, list[S3Path]] = {}

    def add(self, name: str) -> None:
        """Take an object or a version.

        Raises:
            ValueError: the name is invalid or a bucket's.
        """
        bucket, _, key = name.partition("/")
        keys = self._keys.get(bucket)
        if keys is None or not key or "?" in key:
            self._add_path(S3Path.parse(name))
        else:
            keys.append(key)
            self.count += 1

    def _add_path(self, path: S3Path) -> None:
        if path.key is None:
            raise ValueError("Cannot delete the bucket.")
        if path.version_id is None:
            self._keys.setdefault(path.bucket, []).append(path.key)
        else:
            self._versions.setdefault(path.bucket, []).append(path)
        self.count += 1

    def extend(self, bucket: str, keys: list[str]) -> None:
        """Take the objects of these keys."""
        self._keys.setdefault(bucket, []).extend(keys)
        self.count += len(keys)

    @property
    def buckets(self) -> set[str]:
        """The buckets in which something is deleted."""
        return {*self._keys, *self._versions}

    def keys_of(self, bucket: str) -> Iterator[str]:
        """The keys of a bucket, those of versions too."""
        yield from self._keys.get(bucket, ())
        for path in self._versions.get(bucket, ()):
            yield path.key or ""

    def slices(self, size: int) -> Iterator[tuple[str, list[str], list[str | None] | None]]:
        """What is deleted at once: a bucket, keys, and their versions if they have some."""
        for bucket, keys in self._keys.items():
            for at in range(0, len(keys), size):
                yield bucket, keys[at : at + size], None
        for bucket, paths in self._versions.items():
            for at in range(0, len(paths), size):
                part = paths[at : at + size]
                yield bucket, [path.key or "" for path in part], [path.version_id for path in part]


class Moves(Listings):
    """Operations on objects and buckets as wholes."""

    # -- copy --------------------------------------------------------------------------------------

    async def cp_file(self, drive: Drive, path1: str, path2: str, **params: Any) -> None:
        """Copy one object on the server; a directory is skipped.

        Raises:
            FileNotFoundError: the source is neither.
            ValueError: one is a bucket, or the target names a version.
        """
        if not await self._copy_file(drive, path1, path2, params):
            source = S3Path.parse(name_of(path1))
            if source.version_id is not None or not await self.is_prefix(drive, source):
                raise FileNotFoundError(name_of(path1))

    async def _copy_file(
        self, drive: Drive, path1: str, path2: str, params: dict[str, Any]
    ) -> bool:
        """Copy one object; false when there is none."""
        source = self.object_path(path1, "Cannot copy buckets.")
        target = self.object_path(path2, "Cannot copy buckets.")
        if target.version_id is not None:
            raise ValueError("Cannot copy to a versioned file.")
        try:
            await _calls.copy(drive, source, target, **params)
        except FileNotFoundError as error:
            if getattr(error, "code", None) == "NoSuchBucket":
                raise
            return False
        finally:
            self.changed([target])
        return True

    async def copy(
        self,
        drive: Drive,
        path1: str | list[str],
        path2: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        on_error: str | None = None,
        batch_size: int | None = None,
        callback: Any = None,
        **params: Any,
    ) -> None:
        """Copy objects on the server, many at the same time, by fsspec's rules for the targets.

        Args:
            drive: carries it out.
            path1: source, pattern or list.
            path2: target or list.
            recursive: directories with their content.
            maxdepth: levels to descend.
            on_error: "raise" or "ignore" when a source is missing; by default it is ignored
                if ``recursive``.
            batch_size: how many at once.
            callback: is told the number of objects and each that was copied.
            **params: of the requests.
        """
        on_error = on_error or ("ignore" if recursive else "raise")
        pairs = await self._pairs(drive, path1, path2, recursive, maxdepth)
        await self._copy_pairs(drive, pairs, on_error, batch_size, Progress(callback), params)

    async def _pairs(
        self,
        drive: Drive,
        path1: str | list[str],
        path2: str | list[str],
        recursive: bool,
        maxdepth: int | None,
    ) -> list[tuple[str, str]]:
        """Sources and targets; directories only when a list names them."""
        pairing = S3PathPairing(_named(path1), _named(path2), recursive, maxdepth)
        if not pairing.expands:
            return pairing.copy_pairs()
        found = await self.expand(drive, pairing.path1, recursive, maxdepth)
        sources = list(found)
        if pairing.skips_directories:
            kept = await drive.gather(
                (self._is_no_directory(drive, name, entry) for name, entry in found.items()),
                BULK_LIMIT,
            )
            sources = [name for name, keeps in zip(sources, kept, strict=True) if keeps]
            if not sources:
                return []
        is_dir = None
        if pairing.looks_up_destination:
            is_dir = await self.isdir(drive, str(pairing.path2))
        pairs = pairing.copy_pairs(sources, is_dir)
        dirs = {name for name, entry in found.items() if is_directory(entry)}
        return [pair for pair in pairs if pair[0] not in dirs]

    async def _is_no_directory(self, drive: Drive, name: str, entry: Any) -> bool:
        if name.endswith("/"):
            return False
        if entry is None:
            return not await self.isdir(drive, name)
        return not is_directory(entry)

    async def _copy_pairs(
        self,
        drive: Drive,
        pairs: Sequence[tuple[str, str]],
        on_error: str,
        batch_size: int | None,
        progress: Progress,
        params: dict[str, Any],
    ) -> list[str]:
        """Copy each pair; returns the sources that were there and no directories."""
        progress.begin(len(pairs))

        async def copy_one(source: str, target: str) -> bool:
            child = progress.branch(source, target, params)
            copied = await self._copy_file(drive, source, target, params)
            if not copied and on_error == "raise":
                parsed = S3Path.parse(source)
                if parsed.version_id is not None or not await self.is_prefix(drive, parsed):
                    raise FileNotFoundError(source)
            child.close()
            progress.advance(1)
            return copied

        results = await drive.gather(
            (copy_one(*pair) for pair in pairs), limit_of(batch_size, BULK_LIMIT)
        )
        return [pair[0] for pair, copied in zip(pairs, results, strict=True) if copied]

    async def mv(
        self,
        drive: Drive,
        path1: str | list[str],
        path2: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        callback: Any = None,
        **params: Any,
    ) -> None:
        """Copy as :meth:`copy`, then delete what was copied.

        Raises:
            FileNotFoundError: a source is missing; nothing is deleted then.
            ValueError: the outcome would depend on the order of the moves.
        """
        if path1 == path2:
            _logger.debug("mv: The paths are the same, so no files were moved.")
            return
        pairs = await self._pairs(drive, path1, path2, recursive, maxdepth)
        versioned = await self._versioned_buckets(drive, pairs)
        candidates = S3PathPairing.conflict_candidates(
            S3PathPairing("", ""), pairs, versioning_enabled_buckets=versioned
        )
        exist = await drive.gather((self.isfile(drive, name) for name in candidates), BULK_LIMIT)
        missing = {name for name, found in zip(candidates, exist, strict=True) if not found}
        pairs = S3PathPairing("", "").move_pairs(
            pairs, missing, versioning_enabled_buckets=versioned
        )
        for path, _ in pairs:
            self.object_path(path, "Cannot copy buckets.")
        copied = await self._copy_pairs(
            drive, pairs, "raise", batch_size, Progress(callback), params
        )
        moved = _Doomed()
        for name in copied:
            moved.add(name)
        await self._delete(drive, moved, Progress(None), {})
        if recursive and isinstance(path1, str) and moved.count:
            await self._sweep(drive, S3Path.parse(name_of(path1)), moved)

    async def _versioned_buckets(self, drive: Drive, pairs: Iterable[tuple[str, str]]) -> set[str]:
        """The buckets of null versions in which they are not simply the object."""
        asked = sorted(
            {
                path.bucket
                for pair in pairs
                for path in map(S3Path.parse, pair)
                if path.version_id == "null" and not path.is_directory_bucket
            }
        )
        answers = await drive.gather(
            (_calls.get_bucket_versioning(drive, S3Path(bucket)) for bucket in asked), BULK_LIMIT
        )
        return {
            bucket for bucket, answer in zip(asked, answers, strict=True) if answer.get("Status")
        }

    # -- delete ------------------------------------------------------------------------------------

    async def rm_file(self, drive: Drive, path: str, **params: Any) -> None:
        """Delete one object; a missing one is fine, a bucket is left alone."""
        parsed = S3Path.parse(name_of(path))
        if parsed.is_bucket:
            return
        try:
            await _calls.delete_object(drive, parsed, **params)
        finally:
            self.changed([parsed])

    async def rm(
        self,
        drive: Drive,
        path: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        callback: Any = None,
        **params: Any,
    ) -> None:
        """Delete objects, in batches of many keys.

        Args:
            drive: carries it out.
            path: an object, a pattern, or a list of them. A missing object is fine.
            recursive: what is below the paths too, as the server lists it now.
            maxdepth: levels to descend.
            callback: is told the number of objects and how many are gone.
            **params: of the requests.

        Raises:
            FileNotFoundError: a pattern or a recursive deletion found nothing.
            ValueError: a path is a bucket.
            OSError: the server kept some objects; they are named.
        """
        given = [path] if isinstance(path, (str, os.PathLike)) else list(path)
        doomed = _Doomed()
        others: list[str] = []
        for count, one in enumerate(given, 1):
            name = name_of(one)
            if recursive or _find_magic(name):  # a version looks like a pattern
                versions, patterns = S3PathPairing.delete_paths(name)
                others += patterns
                for version in versions:
                    doomed.add(version)
            else:
                doomed.add(name)
            if not count % _BREATHE_EVERY:
                await drive.breathe()
        await drive.gather(
            (self._expand_doomed(drive, doomed, name, recursive, maxdepth) for name in others),
            BULK_LIMIT,
        )
        if not doomed.count:
            raise FileNotFoundError(given)
        await self._delete(drive, doomed, Progress(callback), params)
        if recursive:
            await drive.gather(
                (self._sweep(drive, S3Path.parse(name), doomed) for name in others), BULK_LIMIT
            )

    async def _expand_doomed(
        self, drive: Drive, doomed: _Doomed, name: str, recursive: bool, maxdepth: int | None
    ) -> None:
        """Take the objects that a path of a deletion stands for."""
        if _find_magic(name) or maxdepth is not None:
            self.cache.drop_tree(name.split("*")[0].rpartition("/")[0] or name)
            found = await self.expand(drive, name, recursive, maxdepth)
            for count, (one, entry) in enumerate(found.items(), 1):
                if not is_directory(entry):
                    doomed.add(one)
                if not count % _BREATHE_EVERY:
                    await drive.breathe()
            return
        root = S3Path.parse(name.removesuffix("/"))
        keys, itself = await drive.gather([self._keys(drive, root), self._own_key(drive, root)])
        doomed.extend(root.bucket, itself)
        doomed.extend(root.bucket, keys)

    async def _keys(self, drive: Drive, root: S3Path) -> list[str]:
        return await self.keys_below(drive, root)

    async def _own_key(self, drive: Drive, root: S3Path) -> list[str]:
        """The key of a path when it is an object."""
        if root.key is None or await self._head(drive, root, {}) is None:
            return []
        return [root.key]

    async def _delete(
        self, drive: Drive, doomed: _Doomed, progress: Progress, params: dict[str, Any]
    ) -> None:
        """Delete objects and versions of any buckets.

        Raises:
            OSError: the server kept some of them.
        """
        progress.begin(doomed.count)

        async def delete_slice(
            number: int, bucket: str, keys: list[str], versions: list[str | None] | None
        ) -> list[Any]:
            if number < _SLICES_LIMIT:  # these would all begin at the same time
                for _ in range(number):
                    await drive.breathe()
            failures = await _calls.delete_objects(drive, bucket, keys, versions, **params)
            progress.advance(len(keys))
            return failures

        try:
            results = await drive.gather(
                (
                    delete_slice(number, *one)
                    for number, one in enumerate(doomed.slices(_DELETE_SLICE))
                ),
                _SLICES_LIMIT,
            )
        finally:
            self._forget_deleted(doomed)
        refused = [failure for failures in results for failure in failures]
        if refused:
            raise OSError("Failed to delete objects: " + ", ".join(map(_refusal, refused)))

    def _forget_deleted(self, doomed: _Doomed) -> None:
        """Of very many objects the listings are not looked for one by one."""
        if not self.cache.is_empty:
            for bucket in doomed.buckets:
                if doomed.count > _LOOKED_FOR_MAX:
                    self.cache.drop_tree(bucket)
                else:
                    self.cache.drop(f"{bucket}/{key}" for key in doomed.keys_of(bucket))

    async def _sweep(self, drive: Drive, root: S3Path, doomed: _Doomed) -> None:
        """Delete the empty folders that some servers leave of a prefix whose objects are gone."""
        if not await self.is_prefix(drive, root, "/"):
            return
        below = f"{(root.key or '').removesuffix('/')}/"
        folders = {below}
        for count, key in enumerate(doomed.keys_of(root.bucket), 1):
            if not count % _BREATHE_EVERY:
                await drive.breathe()
            if not key.startswith(below):
                continue
            folder = key[: key.rfind("/") + 1]
            while folder not in folders:
                folders.add(folder)
                folder = folder[: folder.rfind("/", 0, -1) + 1]
        for key in sorted(folders, key=len, reverse=True):
            await _calls.delete_object(drive, S3Path(root.bucket, key))
        above = below
        while above := above[: above.rfind("/", 0, -1) + 1]:
            parent = S3Path(root.bucket, above)
            if await self.is_prefix(drive, parent) or not await self.is_prefix(drive, parent, "/"):
                break
            await _calls.delete_object(drive, parent)
            folders.add(above)
        self.changed([S3Path(root.bucket, key) for key in folders])

    # -- buckets -----------------------------------------------------------------------------------

    async def mkdir(
        self, drive: Drive, path: str, create_parents: bool = True, **params: Any
    ) -> None:
        """Create a bucket; prefixes need no creation.

        Args:
            drive: carries it out.
            path: the bucket, or a path in it.
            create_parents: of a path, its bucket is created if it is missing and that is allowed.
            **params: of the request; ``acl`` is the bucket's canned ACL.

        Raises:
            FileExistsError: the bucket exists.
            PermissionError: bucket creation is not allowed.
            FileNotFoundError: the bucket of a path is missing, without ``create_parents``.
            ValueError: the path is the root.
        """
        name = name_of(path).rstrip("/")
        if not name:
            raise ValueError("Cannot create the root directory.")
        parsed = S3Path.parse(name)
        bucket = S3Path(parsed.bucket)
        if await self.exists(drive, parsed.bucket):
            if parsed.is_bucket:
                raise FileExistsError(parsed.bucket)
            return
        if not parsed.is_bucket and not create_parents:
            raise FileNotFoundError(parsed.bucket)
        if not self.settings.allow_bucket_creation:
            raise PermissionError(
                "Bucket creation is disabled. Set allow_bucket_creation=True on the filesystem "
                "to enable it."
            )
        acl = params.pop("acl", None)
        if acl:
            params["ACL"] = acl
        try:
            await _calls.create_bucket(drive, bucket, **params)
        finally:
            self.cache.drop_tree(parsed.bucket)

    async def makedirs(self, drive: Drive, path: str, exist_ok: bool = False) -> None:
        """Create the bucket of a path if it is missing.

        Raises:
            FileExistsError: the path is a bucket that exists, without ``exist_ok``.
            PermissionError: bucket creation is not allowed.
        """
        try:
            await self.mkdir(drive, path, create_parents=True)
        except FileExistsError:
            if not exist_ok:
                raise

    async def rmdir(self, drive: Drive, path: str) -> None:
        """Delete an empty bucket.

        Raises:
            PermissionError: bucket deletion is not allowed.
            OSError: the bucket is not empty (ENOTEMPTY).
            FileExistsError: the path is an object or a prefix with keys below it.
            FileNotFoundError: nothing is there.
        """
        parsed = S3Path.parse(name_of(path).rstrip("/"))
        if not parsed.is_bucket:
            if await self.exists(drive, str(parsed)):
                raise FileExistsError(str(parsed))
            raise FileNotFoundError(str(parsed))
        if not self.settings.allow_bucket_deletion:
            raise PermissionError(
                "Bucket deletion is disabled. Set allow_bucket_deletion=True on the filesystem "
                "to enable it."
            )
        try:
            await _calls.delete_bucket(drive, parsed)
        finally:
            self.cache.drop_tree(parsed.bucket)


def _named(path: str | os.PathLike[str] | Iterable[str]) -> str | list[str]:
    """One path or a list of paths, without schemes."""
    if isinstance(path, (str, os.PathLike)):
        return name_of(path)
    return [name_of(one) for one in path]


def _refusal(failure: Sequence[str]) -> str:
    """``path (code: message)`` of an object that could not be deleted."""
    key, version_id, code, message = failure
    name = f"{key}?versionId={version_id}" if version_id else key
    return f"{name} ({code}: {message})"

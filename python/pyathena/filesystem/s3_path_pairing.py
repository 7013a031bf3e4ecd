"""Which source goes to which destination in copy, move, get and put."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyathena.filesystem.s3_path import S3Path

__all__ = ["S3PathPairing", "other_paths"]

_GLOB_CHARACTERS = frozenset("*?[")


@dataclass(frozen=True)
class S3PathPairing:
    """The two path arguments of a copy or a move, and the rules that pair them.

    The rules are fsspec's: a destination that ends in ``/`` or is a directory receives the source
    under its own name, a source that ends in ``/`` or is a pattern gives its content, two lists
    are paired one by one.

    Attributes:
        path1: source, pattern, or list of sources.
        path2: destination or list of destinations.
        recursive: directories are copied with their content.
        maxdepth: how many levels; ``None`` for all.
    """

    path1: str | list[str]
    path2: str | list[str]
    recursive: bool = False
    maxdepth: int | None = None

    @property
    def expands(self) -> bool:
        """Whether the sources must be expanded first (they are not in two lists)."""
        return isinstance(self.path1, str) or isinstance(self.path2, str)

    @property
    def skips_directories(self) -> bool:
        """Whether directories among the expanded sources are to be left out."""
        return isinstance(self.path1, str) and (not self.recursive or self.maxdepth is not None)

    @property
    def looks_up_destination(self) -> bool:
        """Whether pairing depends on the destination being an existing directory."""
        return (
            isinstance(self.path1, str)
            and isinstance(self.path2, str)
            and not self._is_pattern(self.path1)
            and not self.path1.endswith("/")
            and not self.path2.endswith("/")
        )

    def copy_pairs(
        self, sources: Sequence[str] | None = None, destination_is_dir: bool | None = None
    ) -> list[tuple[str, str]]:
        """Pair each source with its destination.

        Args:
            sources: the expanded sources; needed when :attr:`expands`.
            destination_is_dir: needed when :attr:`looks_up_destination`.

        Raises:
            ValueError: something needed is missing, or two lists differ in length.
        """
        if isinstance(self.path1, list) and isinstance(self.path2, list):
            return _pair(self.path1, self.path2)
        if sources is None:
            raise ValueError("sources is needed to pair the paths.")
        if isinstance(self.path2, list):
            return _pair(sources, self.path2)
        names = [S3Path.split_version_id(source)[0] for source in sources]
        destinations = other_paths(
            names,
            self.path2,
            exists=self._keeps_name(len(names), destination_is_dir),
            flatten=not isinstance(self.path1, str),
        )
        return _pair(sources, destinations)

    def conflict_candidates(
        self,
        pairs: Sequence[tuple[str, str]],
        *,
        versioning_enabled_buckets: Collection[str] = (),
    ) -> list[str]:
        """Sources whose existence decides whether the pairs conflict, in the order of the pairs.

        A source with other sources below it may be a mere prefix; then nothing is moved from it.
        """
        moves = _Moves(pairs, versioning_enabled_buckets)
        found = {name for conflict in moves.conflicts() for name in conflict.undecided}
        return list(dict.fromkeys(source for source, _ in pairs if source in found))

    def move_pairs(
        self,
        pairs: Sequence[tuple[str, str]],
        missing: Collection[str] | None = None,
        *,
        versioning_enabled_buckets: Collection[str] = (),
    ) -> list[tuple[str, str]]:
        """The pairs that a move has to copy: all but those of a path with itself.

        Args:
            pairs: from :meth:`copy_pairs`.
            missing: those of :meth:`conflict_candidates` that are no objects; may be left out
                when there are no candidates.
            versioning_enabled_buckets: buckets in which the version ``null`` is not simply
                another name of the object.

        Raises:
            ValueError: the outcome of the moves would depend on their order, or something would
                be overwritten by another move.
        """
        moves = _Moves(pairs, versioning_enabled_buckets)
        undecided = False
        for conflict in moves.conflicts():
            if conflict.needed and missing is None:
                undecided = True
            elif conflict.is_real(missing or ()):
                raise ValueError(conflict.message)
        if undecided:
            raise ValueError("missing is needed to check the pairs.")
        return moves.moved

    @classmethod
    def delete_paths(cls, path: str | list[str]) -> tuple[list[str], list[str]]:
        """Split the paths of a deletion into those of versions and those to be expanded.

        Raises:
            ValueError: a path is invalid or a bucket.
        """
        versions: list[str] = []
        others: list[str] = []
        for name in [path] if isinstance(path, str) else path:
            parsed = S3Path.parse(name)
            if parsed.is_bucket:
                raise ValueError("Cannot delete the bucket.")
            (others if parsed.version_id is None else versions).append(name)
        return versions, others

    def _keeps_name(self, count: int, destination_is_dir: bool | None) -> bool:
        """Whether the source's own last name is kept below the destination."""
        if not isinstance(self.path1, str) or not isinstance(self.path2, str):
            return False
        if self._is_pattern(self.path1):
            return count == 1
        if self.path1.endswith("/"):
            return False
        if self.path2.endswith("/"):
            return True
        if destination_is_dir is None:
            raise ValueError("destination_is_dir is needed to pair the paths.")
        return destination_is_dir

    @staticmethod
    def _is_pattern(path: str) -> bool:
        return not _GLOB_CHARACTERS.isdisjoint(S3Path.split_version_id(path)[0])


def other_paths(
    paths: Sequence[str], destination: str, exists: bool = False, flatten: bool = False
) -> list[str]:
    """Where each path goes below ``destination``; fsspec's function of this name.

    Unlike there, a destination loses one final slash only: ``b/c//`` is the prefix ``b/c/``.

    Args:
        paths: the sources.
        destination: where they go.
        exists: the last common name of the sources is kept.
        flatten: only the last name of each source is kept.
    """
    base = destination.removesuffix("/")
    if flatten:
        return [f"{base}/{path.rpartition('/')[2]}" for path in paths]
    common = _common_prefix(paths)
    if exists:
        common = common.rsplit("/", 1)[0]  # a bucket's own name is not kept
    if not common:
        return [base + (path if path.startswith("/") else f"/{path}") for path in paths]
    return [base + path[len(common) :] for path in paths]


def _common_prefix(paths: Sequence[str]) -> str:
    """The longest common prefix of whole names."""
    if not paths:
        return ""
    split = [path.split("/") for path in paths]
    first, last = min(split), max(split)
    length = 0
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        length += 1
    return "/".join(first[:length])


def _pair(sources: Sequence[str], destinations: Sequence[str]) -> list[tuple[str, str]]:
    if len(sources) != len(destinations):
        raise ValueError(
            f"Cannot pair {len(sources)} sources with {len(destinations)} destinations."
        )
    return list(zip(sources, destinations, strict=True))


class _Conflict(NamedTuple):
    """A conflict that is there if enough of the undecided sources exist."""

    message: str
    undecided: list[str]
    needed: int

    def is_real(self, missing: Collection[str]) -> bool:
        return sum(name not in missing for name in self.undecided) >= self.needed


class _Moves:
    """Pairs, and the names by which their objects are told apart."""

    def __init__(
        self, pairs: Sequence[tuple[str, str]], versioning_enabled_buckets: Collection[str]
    ) -> None:
        def identity(path: str) -> S3Path:
            parsed = S3Path.parse(path)
            return parsed if parsed.bucket in versioning_enabled_buckets else parsed.target

        self._moves: list[tuple[str, S3Path, S3Path]] = []
        self._sources: dict[S3Path, str] = {}
        self.moved: list[tuple[str, str]] = []
        for path, destination in pairs:
            source, target = identity(path), identity(destination)
            self._sources.setdefault(source, path)
            if source != target:
                self._moves.append((path, source, target))
                self.moved.append((path, destination))
        names = sorted({source.name for source in self._sources})
        self._prefixes = {
            source
            for source in self._sources
            if source.version_id is None and _is_prefix(names, source.name)
        }

    def conflicts(self) -> Iterator[_Conflict]:
        """Destinations that are sources too, and destinations of several sources."""
        receivers: dict[S3Path, list[tuple[str, S3Path]]] = {}
        for path, source, target in self._moves:
            receivers.setdefault(target, []).append((path, source))
            if target in self._sources:
                undecided = self._undecided([(path, source), (self._sources[target], target)])
                yield _Conflict(
                    "Cannot move a path onto another path that is moved.",
                    undecided,
                    len(undecided),
                )
        for found in receivers.values():
            if len(found) > 1:
                undecided = self._undecided(found)
                yield _Conflict(
                    "Cannot move several paths to the same destination.",
                    undecided,
                    max(2 - (len(found) - len(undecided)), 0),
                )

    def _undecided(self, sources: Iterable[tuple[str, S3Path]]) -> list[str]:
        return [path for path, source in sources if source in self._prefixes]


def _is_prefix(names: Sequence[str], name: str) -> bool:
    """Whether one of the sorted names is below ``name``."""
    below = f"{name}/"
    index = bisect_left(names, below)
    return index < len(names) and names[index].startswith(below)

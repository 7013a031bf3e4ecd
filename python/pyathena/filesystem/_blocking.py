"""The blocking methods of the file systems: each runs an operation on the caller's thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pyathena.filesystem._base import BLOCK_BYTES, Settings, name_of
from pyathena.filesystem._cache import ListingCache
from pyathena.filesystem._client import S3Client, make_client
from pyathena.filesystem._drive import Drive, run_blocking
from pyathena.filesystem._listing import Walk
from pyathena.filesystem._metadata import Operations
from pyathena.filesystem._opening import wrap
from pyathena.filesystem._params import BUCKET_ACLS, OBJECT_ACLS
from pyathena.filesystem.s3_object import S3Metadata, S3MultipartUpload, S3Object, S3ObjectVersion
from pyathena.filesystem.s3_path import parse_path
from pyathena.filesystem.s3_writer import PART_BYTES_MAX, PART_BYTES_MIN

if TYPE_CHECKING:
    from pyathena.connection import Connection
    from pyathena.filesystem.s3_core import S3Core

__all__ = ["BlockingMethods"]

_T = TypeVar("_T")


class BlockingMethods:
    """What both file systems have in common; a base beside one of fsspec's.

    The methods wait on the calling thread, in the core and without an event loop, so they work
    everywhere: in any thread, and inside a coroutine of a running loop, which stands still
    meanwhile.
    """

    protocol = ("s3", "s3a")
    root_marker = ""
    sep = "/"

    #: Bytes of a block of a file that is read or written.
    DEFAULT_BLOCK_SIZE: int = BLOCK_BYTES
    #: Canned access control lists, see :meth:`chmod`.
    BUCKET_ACLS = BUCKET_ACLS
    OBJECT_ACLS = OBJECT_ACLS
    MULTIPART_UPLOAD_MIN_PART_SIZE: int = PART_BYTES_MIN
    MULTIPART_UPLOAD_MAX_PART_SIZE: int = PART_BYTES_MAX
    DELETE_OBJECTS_MAX_KEYS: int = 1000

    _extra_tokenize_attributes = ("default_block_size",)

    # Of fsspec's base class.
    dircache: Any
    transaction: Any
    _intrans: bool
    _open: Any

    default_block_size: int
    default_cache_type: str
    max_workers: int
    s3_additional_kwargs: dict[str, Any]
    _s3: S3Client
    _operations: Operations

    def _set_up(
        self,
        connection: Connection[Any] | None,
        default_block_size: int | None,
        default_cache_type: str | None,
        max_workers: int | None,
        s3_additional_kwargs: Mapping[str, Any] | None,
        allow_bucket_creation: bool,
        allow_bucket_deletion: bool,
        version_aware: bool,
        kwargs: Mapping[str, Any],
    ) -> None:
        """What the constructors have in common; after fsspec's."""
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self.connection = connection
        self.default_block_size = default_block_size or self.DEFAULT_BLOCK_SIZE
        self.default_cache_type = default_cache_type or "bytes"
        self.max_workers = max_workers or (os.cpu_count() or 1) * 5
        self.s3_additional_kwargs = dict(s3_additional_kwargs or {})
        self.version_aware = version_aware
        self.allow_bucket_creation = allow_bucket_creation
        self.allow_bucket_deletion = allow_bucket_deletion
        self.requester_pays = bool(kwargs.get("requester_pays", False))
        self._s3 = make_client(
            connection, s3_additional_kwargs=self.s3_additional_kwargs, **kwargs
        )
        self._operations = Operations(
            self._s3,
            ListingCache(self.dircache),
            Settings(
                version_aware, allow_bucket_creation, allow_bucket_deletion, self.default_block_size
            ),
        )

    def _run(self, make: Callable[[Drive], Coroutine[Any, Any, _T]]) -> _T:
        return run_blocking(self._s3, make)

    @property
    def core(self) -> S3Core:
        """One blocking method for each call of S3."""
        from pyathena.filesystem.s3_core import S3Core

        return S3Core(self._s3)

    @property
    def request_kwargs(self) -> dict[str, Any]:
        """Parameters that each request gets which accepts them."""
        return dict(self._s3.request_kwargs)

    @staticmethod
    def parse_path(path: str) -> tuple[str, str | None, str | None]:
        """Take a path apart into bucket, key and version; see :class:`S3Path`."""
        return parse_path(path)

    @property
    def _deferred(self) -> Any:
        """The list of the open transaction, if there is one."""
        return self.transaction.files if self._intrans else None

    # -- listing and lookup ------------------------------------------------------------------------

    def ls(
        self, path: str, detail: bool = False, refresh: bool = False, **kwargs: Any
    ) -> list[Any]:
        """The entries of a directory, names or with ``detail`` :class:`S3Object` mappings.

        ``refresh``: kept listings are not used; ``versions=True``: the versions of each object.
        A missing key gives ``[]``, a missing bucket ``FileNotFoundError``.
        """
        versions = bool(kwargs.get("versions", False))
        return self._run(lambda drive: self._operations.ls(drive, path, detail, refresh, versions))

    def info(self, path: str, **kwargs: Any) -> S3Object:
        """The entry of a path; ``refresh=True``, ``version_id=`` and request parameters."""
        return self._run(lambda drive: self._operations.info(drive, path, **kwargs))

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Whether an object, a prefix with keys or a bucket is there."""
        return self._run(lambda drive: self._operations.exists(drive, path, **kwargs))

    def isdir(self, path: str) -> bool:
        """Whether the path is a bucket or a prefix with keys below it."""
        return self._run(lambda drive: self._operations.isdir(drive, path))

    def isfile(self, path: str) -> bool:
        """Whether the path is an object."""
        return self._run(lambda drive: self._operations.isfile(drive, path))

    def size(self, path: str) -> int | None:
        """Bytes of an object; 0 for directories."""
        return self._run(lambda drive: self._operations.size(drive, path))

    def sizes(self, paths: Iterable[str]) -> list[int | None]:
        """Bytes of each object, asked for at the same time."""
        return self._run(lambda drive: self._operations.sizes(drive, paths))

    def find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool | None = None,
        detail: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The objects below a path, sorted: names, or with ``detail`` a dict of entries.

        ``prefix=``: only what begins with it; ``refresh=True``: kept listings are not used.
        """
        return self._run(
            lambda drive: self._operations.find(drive, path, maxdepth, withdirs, detail, **kwargs)
        )

    def glob(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> Any:
        """The paths that match a pattern, sorted; with ``detail=True`` a dict of entries."""
        return self._run(lambda drive: self._operations.glob(drive, path, maxdepth, **kwargs))

    def walk(
        self,
        path: str,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: Any = "omit",
        **kwargs: Any,
    ) -> Generator[Any, None, None]:
        """``(path, directories, files)`` of each level, as ``os.walk()``; see fsspec."""
        detail = kwargs.pop("detail", False)
        steps = Walk(maxdepth, topdown, on_error, detail).steps(name_of(path).removesuffix("/"))
        step = next(steps, None)
        while step is not None:
            if isinstance(step, str):
                try:
                    listing = self.ls(step, detail=True, **kwargs)
                except OSError as error:
                    step = _send(steps, error)
                else:
                    step = _send(steps, listing)
            else:
                yield step
                step = next(steps, None)

    def du(
        self,
        path: str,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Bytes of the objects below a path together, or by name."""
        return self._run(
            lambda drive: self._operations.du(drive, path, total, maxdepth, withdirs, **kwargs)
        )

    def expand_path(
        self,
        path: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """The paths that patterns and directories stand for, sorted."""
        return list(
            self._run(lambda drive: self._operations.expand(drive, path, recursive, maxdepth))
        )

    def checksum(self, path: str, **kwargs: Any) -> int:
        """A number that changes when the object does."""
        return self._run(lambda drive: self._operations.checksum(drive, path, **kwargs))

    def created(self, path: str) -> datetime | None:
        """When the object was written; ``None`` of directories."""
        return self.modified(path)

    def modified(self, path: str) -> datetime | None:
        """When the object was written; ``None`` of directories."""
        return self._run(lambda drive: self._operations.modified(drive, path))

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget kept listings: all, or those of a path, its parents and what is below it."""
        if path is None:
            self._operations.cache.clear()
        else:
            self._operations.cache.drop_tree(name_of(path).rstrip("/"))

    # -- files -------------------------------------------------------------------------------------

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """A file: modes ``r``, ``w``, ``a`` and ``x``, binary with ``b``, else text.

        Args:
            path: the object.
            mode: see above.
            block_size: bytes of a block.
            cache_options: of fsspec's cache for reading.
            compression: fsspec's name of a codec, or "infer".
            **kwargs: ``encoding``, ``errors`` and ``newline`` of text; ``cache_type``,
                ``autocommit``, ``version_id``, ``max_workers``, ``s3_additional_kwargs``.

        Raises:
            FileNotFoundError: there is no such object to be read.
            FileExistsError: there is one, and the mode is ``x``.
            NotImplementedError: there is no such mode.
            ValueError: the path has no key.
        """
        name = name_of(path)
        names = () if "b" in mode else ("encoding", "errors", "newline")
        text = {name: kwargs.pop(name) for name in names if name in kwargs}
        autocommit = kwargs.pop("autocommit", not self._intrans)
        raw = self._open(
            name,
            mode=mode if "b" in mode else mode.replace("t", "") + "b",
            block_size=block_size,
            autocommit=autocommit,
            cache_options=cache_options,
            **kwargs,
        )
        file = wrap(raw, name, mode, compression, text)
        if not autocommit and "r" not in mode:
            self.transaction.files.append(raw)
        return file

    # -- reading -----------------------------------------------------------------------------------

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        """The bytes of an object, or those that a slice ``[start:end]`` of it has."""
        return self._run(
            lambda drive: self._operations.cat_file(drive, path, start, end, **kwargs)
        )

    def cat(
        self, path: Any, recursive: bool = False, on_error: str = "raise", **kwargs: Any
    ) -> Any:
        """The bytes of an object; of several, a dict of them by name, read at the same time."""
        return self._run(
            lambda drive: self._operations.cat(drive, path, recursive, on_error, **kwargs)
        )

    def cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        on_error: str = "return",
        **kwargs: Any,
    ) -> list[Any]:
        """The bytes of ranges, one request for each, at the same time."""
        return self._run(
            lambda drive: self._operations.cat_ranges(
                drive, paths, starts, ends, max_gap, on_error=on_error, **kwargs
            )
        )

    def get_file(
        self, rpath: str, lpath: Any = None, callback: Any = None, outfile: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Write an object to a local file, which has its name when it is whole."""
        self._run(
            lambda drive: self._operations.get_file(
                drive, rpath, lpath, callback, outfile, **kwargs
            )
        )

    def get(
        self,
        rpath: Any,
        lpath: Any,
        recursive: bool = False,
        callback: Any = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Write objects to local files, many at the same time."""
        self._run(
            lambda drive: self._operations.get(
                drive, rpath, lpath, recursive, callback, maxdepth, **kwargs
            )
        )

    # -- writing -----------------------------------------------------------------------------------

    def pipe_file(self, path: str, value: Any, mode: str = "overwrite", **kwargs: Any) -> None:
        """Write bytes to an object."""
        deferred = self._deferred
        self._run(
            lambda drive: self._operations.pipe_file(drive, path, value, mode, deferred, **kwargs)
        )

    def pipe(self, path: Any, value: Any = None, **kwargs: Any) -> None:
        """Write bytes to an object, or those of a dict to many at the same time."""
        deferred = self._deferred
        self._run(
            lambda drive: self._operations.pipe(drive, path, value, deferred=deferred, **kwargs)
        )

    def put_file(
        self, lpath: Any, rpath: str, callback: Any = None, mode: str = "overwrite", **kwargs: Any
    ) -> None:
        """Write a local file to an object."""
        deferred = self._deferred
        self._run(
            lambda drive: self._operations.put_file(
                drive, lpath, rpath, callback, mode, deferred, **kwargs
            )
        )

    def put(
        self,
        lpath: Any,
        rpath: Any,
        recursive: bool = False,
        callback: Any = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Write local files to objects, many at the same time."""
        deferred = self._deferred
        self._run(
            lambda drive: self._operations.put(
                drive, lpath, rpath, recursive, callback, maxdepth, deferred=deferred, **kwargs
            )
        )

    def touch(self, path: str, truncate: bool = True, **kwargs: Any) -> dict[str, Any]:
        """Write an empty object; the answer by names with an underscore before them."""
        return self._run(lambda drive: self._operations.touch(drive, path, truncate, **kwargs))

    # -- copying, moving, deleting -----------------------------------------------------------------

    def cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Copy one object on the server; a directory is skipped."""
        self._run(
            lambda drive: self._operations.cp_file(drive, path1, path2, **_without_tree(kwargs))
        )

    def copy(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        on_error: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Copy objects on the server, many at the same time."""
        self._run(
            lambda drive: self._operations.copy(
                drive, path1, path2, recursive, maxdepth, on_error, **kwargs
            )
        )

    def mv(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Copy, then delete what was copied."""
        self._run(
            lambda drive: self._operations.mv(drive, path1, path2, recursive, maxdepth, **kwargs)
        )

    def rm_file(self, path: str, **kwargs: Any) -> None:
        """Delete one object; a missing one is fine."""
        self._run(lambda drive: self._operations.rm_file(drive, path, **kwargs))

    def rm(
        self, path: Any, recursive: bool = False, maxdepth: int | None = None, **kwargs: Any
    ) -> None:
        """Delete objects, with ``recursive`` all below the paths, in batches."""
        self._run(lambda drive: self._operations.rm(drive, path, recursive, maxdepth, **kwargs))

    def mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        """Create a bucket, if that is allowed; a prefix needs no creation."""
        self._run(lambda drive: self._operations.mkdir(drive, path, create_parents, **kwargs))

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Create the bucket of a path, if it is missing and that is allowed."""
        self._run(lambda drive: self._operations.makedirs(drive, path, exist_ok))

    def rmdir(self, path: str) -> None:
        """Delete an empty bucket, if that is allowed."""
        self._run(lambda drive: self._operations.rmdir(drive, path))

    # -- S3's own ----------------------------------------------------------------------------------

    def sign(self, path: str, expiration: int = 3600, **kwargs: Any) -> str:
        """A URL that allows whoever has it a request for ``expiration`` seconds.

        ``client_method``: boto3's name of the request, ``"get_object"`` by default; the rest are
        its parameters.
        """
        return self._operations.sign(path, expiration, **kwargs)

    def url(self, path: str, expiration: int = 3600, **kwargs: Any) -> str:
        """As :meth:`sign`."""
        return self.sign(path, expiration, **kwargs)

    def metadata(self, path: str, **kwargs: Any) -> S3Metadata:
        """User metadata and the other properties of an object."""
        return self._run(lambda drive: self._operations.metadata(drive, path, **kwargs))

    def getxattr(self, path: str, attr_name: str, **kwargs: Any) -> str | None:
        """A value of the user metadata, if it is set."""
        return self._run(lambda drive: self._operations.getxattr(drive, path, attr_name, **kwargs))

    def setxattr(
        self, path: str, copy_kwargs: Mapping[str, Any] | None = None, **kw_args: str | None
    ) -> None:
        """Set values of the user metadata, or delete those that are ``None``."""
        self._run(
            lambda drive: self._operations.setxattr(drive, path, copy_kwargs, **kw_args)
        )

    def get_tags(self, path: str) -> dict[str, str]:
        """The tags of an object."""
        return self._run(lambda drive: self._operations.get_tags(drive, path))

    def put_tags(self, path: str, tags: Mapping[str, str], mode: str = "o") -> None:
        """Set the tags of an object: ``"o"`` instead of, ``"m"`` in addition to those it has."""
        self._run(lambda drive: self._operations.put_tags(drive, path, tags, mode))

    def chmod(self, path: str, acl: str, recursive: bool = False, **kwargs: Any) -> None:
        """Give an object or a bucket a canned access control list."""
        self._run(lambda drive: self._operations.chmod(drive, path, acl, recursive, **kwargs))

    def object_version_info(
        self, path: str, delete_markers: bool = False, **kwargs: Any
    ) -> list[S3ObjectVersion]:
        """The versions of an object, or of all objects below a prefix."""
        return self._run(
            lambda drive: self._operations.object_version_info(drive, path, delete_markers)
        )

    def list_multipart_uploads(self, path: str) -> list[S3MultipartUpload]:
        """The multipart uploads under way to an object or below a prefix."""
        return self._run(lambda drive: self._operations.list_multipart_uploads(drive, path))

    def clear_multipart_uploads(self, path: str) -> None:
        """Abort the multipart uploads under way to an object or below a prefix."""
        self._run(lambda drive: self._operations.clear_multipart_uploads(drive, path))


def _send(steps: Generator[Any, Any, None], value: Any) -> Any:
    """Send into a generator; ``None`` at its end."""
    try:
        return steps.send(value)
    except StopIteration:
        return None


def _without_tree(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Keywords of copy() that cp_file() gets from some callers and has no use for."""
    unused = ("recursive", "maxdepth", "on_error")
    return {name: value for name, value in kwargs.items() if name not in unused}

"""Amazon S3 as fsspec file systems on the native client."""

from __future__ import annotations

import logging

__all__ = ["register_s3_filesystem"]

_logger = logging.getLogger(__name__)


def register_s3_filesystem() -> None:
    """Make this package's ``S3FileSystem`` fsspec's class for ``s3://`` and ``s3a://``.

    Holds for the whole process. A class that was registered before, or that a program already
    loaded for one of the two protocols, is replaced, with a warning in the log; to have another
    one afterwards, call ``fsspec.register_implementation("s3", cls, clobber=True)``.
    """
    from fsspec.registry import (  # type: ignore[import-untyped]
        register_implementation,
        registry,
    )
    from pyathena.filesystem.s3 import S3FileSystem

    for protocol in ("s3", "s3a"):
        present = registry.get(protocol)
        if present is not None and present is not S3FileSystem:
            _logger.warning(
                "The fsspec '%s' protocol is already registered as %s.%s "
                "and will be overwritten by %s.%s.",
                protocol,
                present.__module__,
                present.__qualname__,
                S3FileSystem.__module__,
                S3FileSystem.__qualname__,
            )
        register_implementation(protocol, S3FileSystem, clobber=True)

"""A build backend that runs nothing of the package it is asked about.

``pip download`` asks an archive's build backend for the package's metadata, and the usual backend
answers by running the archive's ``setup.py``. This one answers from the file ``PKG-INFO``, and
cannot build anything.
"""

from __future__ import annotations

import email
import shutil
from pathlib import Path
from typing import Any


class _Backend:
    def get_requires_for_build_wheel(self, config_settings: Any = None) -> list[str]:
        return []

    def prepare_metadata_for_build_wheel(
        self, metadata_directory: str, config_settings: Any = None
    ) -> str:
        """Copies the metadata that the archive carries; pip calls this in its folder."""
        known = email.message_from_bytes(Path("PKG-INFO").read_bytes())
        folder = Path(metadata_directory, f"{known['Name']}-{known['Version']}.dist-info")
        folder.mkdir()
        shutil.copyfile("PKG-INFO", folder / "METADATA")
        return folder.name

    def build_wheel(self, *_: Any, **__: Any) -> str:
        raise RuntimeError("this package is data to be read, it is not built")


__legacy__ = _Backend()

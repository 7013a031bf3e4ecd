"""Notices when PyAthena is installed in the same environment.

Both distributions install the package ``pyathena``; a mix of their files would fail later and
obscurely.
"""

from __future__ import annotations

import os
from collections.abc import Iterable


def check_installation(package_path: Iterable[str]) -> None:
    """Raise ImportError with the cure when PyAthena's metadata lies beside the package."""
    for folder in package_path:
        site = os.path.dirname(folder)
        try:
            names = os.listdir(site)
        except OSError:  # a zip file, say: nothing to see
            continue
        for name in names:
            if _is_foreign(name.lower()):
                raise ImportError(
                    f"PyAthena ({name}) and libathena are both installed in {site}; they cannot"
                    " share an environment. To keep libathena, run:\n"
                    "    pip uninstall -y PyAthena libathena\n"
                    "    pip install libathena"
                )


def _is_foreign(name: str) -> bool:
    is_metadata = name.endswith((".dist-info", ".egg-info"))
    return is_metadata and name.startswith("pyathena-") and "libathena" not in name

"""The version of this distribution, in the form PyAthena's users expect.

``3.35.0`` is the PyAthena interface this package keeps, ``+libathena.X`` is our own version.
"""

from __future__ import annotations

libathena_version = "0.1.0"
version = f"3.35.0+libathena.{libathena_version}"
version_tuple: tuple[int | str, ...] = (3, 35, 0, f"libathena.{libathena_version}")
commit_id: str | None = None

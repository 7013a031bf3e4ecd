"""Amazon Athena for Python: the interface of PyAthena on the native client libathena.

``await aio_connect(...)`` gives an asyncio connection, ``connect(...)`` a blocking one; both follow
PEP 249. Importing this package loads no AWS library, no pandas and no fsspec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyathena._install_check import check_installation as _check_installation

_check_installation(__path__)

import datetime as _datetime  # noqa: E402

from pyathena._version import version as __version__  # noqa: E402
from pyathena.error import (  # noqa: E402
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)
from pyathena.options import ExecuteOptions  # noqa: E402

if TYPE_CHECKING:
    from pyathena.aio.connection import AioConnection
    from pyathena.connection import Connection

__all__ = [
    "BINARY",
    "BOOLEAN",
    "DATE",
    "DATETIME",
    "JSON",
    "NUMBER",
    "STRING",
    "TIME",
    "Binary",
    "DBAPITypeObject",
    "DataError",
    "DatabaseError",
    "Date",
    "Error",
    "ExecuteOptions",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "Timestamp",
    "Warning",
    "__version__",
    "aio_connect",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
    "user_agent_extra",
]

user_agent_extra: str = f"PyAthena/{__version__}"

# PEP 249 module globals.
apilevel: str = "2.0"
threadsafety: int = 2
#: Read at each ``execute()``; ``"qmark"`` switches the whole process.
paramstyle: str = "pyformat"


class DBAPITypeObject(frozenset[str]):
    """A set of Athena type names that equals each of them (PEP 249, type objects)."""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, frozenset):
            return frozenset.__eq__(self, other)
        return other in self

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return frozenset.__hash__(self)


STRING: DBAPITypeObject = DBAPITypeObject(("char", "varchar", "map", "array", "row"))
BINARY: DBAPITypeObject = DBAPITypeObject(("varbinary",))
BOOLEAN: DBAPITypeObject = DBAPITypeObject(("boolean",))
NUMBER: DBAPITypeObject = DBAPITypeObject(
    ("tinyint", "smallint", "bigint", "integer", "real", "double", "float", "decimal")
)
DATE: DBAPITypeObject = DBAPITypeObject(("date",))
TIME: DBAPITypeObject = DBAPITypeObject(("time", "time with time zone"))
DATETIME: DBAPITypeObject = DBAPITypeObject(("timestamp", "timestamp with time zone"))
JSON: DBAPITypeObject = DBAPITypeObject(("json",))

Date: type[_datetime.date] = _datetime.date
Time: type[_datetime.time] = _datetime.time
Timestamp: type[_datetime.datetime] = _datetime.datetime
Binary: type[bytes] = bytes


def connect(**kwargs: Any) -> Connection[Any]:
    """Open a blocking connection.

    Takes the keyword arguments of :class:`pyathena.connection.Connection`. No request is sent; the
    configuration is read from the arguments, the environment and the AWS profile files.

    >>> with connect(s3_staging_dir="s3://bucket/results/", region_name="eu-west-1") as conn:
    ...     print(conn.cursor().execute("SELECT 1").fetchone())
    """
    from pyathena.connection import Connection

    return Connection(**kwargs)


async def aio_connect(**kwargs: Any) -> AioConnection:
    """Open an asyncio connection; the same as ``await AioConnection.create(**kwargs)``.

    >>> async with await aio_connect(s3_staging_dir="s3://bucket/results/") as conn:
    ...     cursor = conn.cursor()
    ...     await cursor.execute("SELECT 1")
    ...     print(await cursor.fetchone())
    """
    from pyathena.aio.connection import AioConnection

    return await AioConnection.create(**kwargs)

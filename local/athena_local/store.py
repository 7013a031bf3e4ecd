"""What must survive a restart, in one SQLite file of the data directory."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
  kind TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (kind, scope, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS query (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, body TEXT NOT NULL);
"""


class Store:
    """Documents by (kind, scope, name), and queries in the order of their start. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def put(self, kind: str, scope: str, name: str, body: Any) -> None:
        """Writes or replaces a document."""
        with self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?)",
                (kind, scope, name, json.dumps(body)),
            )

    def delete(self, kind: str, scope: str, name: str | None = None) -> None:
        """Removes a document, or all of a scope when ``name`` is None."""
        sql = "DELETE FROM document WHERE kind = ? AND scope = ?"
        values: tuple[str, ...] = (kind, scope)
        if name is not None:
            sql, values = sql + " AND name = ?", (kind, scope, name)
        with self._lock:
            self._db.execute(sql, values)

    def all(self, kind: str) -> list[tuple[str, str, Any]]:
        """(scope, name, body) of every document of a kind."""
        with self._lock:
            rows = self._db.execute(
                "SELECT scope, name, body FROM document WHERE kind = ?", (kind,)
            ).fetchall()
        return [(scope, name, json.loads(body)) for scope, name, body in rows]

    def put_query(self, query_id: str, state: str, body: Any) -> None:
        """Writes a query; its place in the order is that of its first writing."""
        with self._lock:
            self._db.execute(
                "INSERT INTO query (id, state, body) VALUES (?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body",
                (query_id, state, json.dumps(body)),
            )

    def queries(self) -> Iterable[Any]:
        """Every query's body, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT body FROM query ORDER BY seq").fetchall()
        return [json.loads(body) for (body,) in rows]

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

"""Credentials out of a user's boto3 ``Session``.

``get_credentials()`` may run for seconds (SSO, STS, instance metadata), so it runs in a short-lived
thread, one at a time for each session, and never on an event loop's thread. boto3 is not imported
here: the session is the user's object.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

from pyathena._core import Client


class SessionKeys:
    """Hands the keys of ``session`` to ``client`` whenever they are missing or near their end."""

    def __init__(self, session: Any, client: Client) -> None:
        self._session = session
        self._client = client
        self._lock = threading.Lock()
        self._runs = False
        self._is_asked = False

    def refresh_if_wanted(self) -> None:
        """Start asking for keys if the client has none that last; returns at once, any thread."""
        if not self._client.credentials_wanted():
            return
        with self._lock:
            self._is_asked = True
            if self._runs:
                return
            self._runs = True
        try:
            threading.Thread(target=self._run, name="pyathena-credentials", daemon=True).start()
        except RuntimeError as ex:  # no more threads
            self._runs = False
            self._refuse(ex)

    def _run(self) -> None:
        while True:
            with self._lock:
                wanted = self._is_asked and self._client.credentials_wanted()
                self._runs = wanted
                self._is_asked = False
            if not wanted:
                return
            try:
                self._hand_over()
            except Exception as ex:
                self._refuse(ex)

    def _refuse(self, ex: Exception) -> None:
        self._client.set_credentials(
            None, reason=f"the session's credentials failed: {type(ex).__name__}: {ex}"
        )

    def _hand_over(self) -> None:
        credentials = self._session.get_credentials()
        if credentials is None:
            self._client.set_credentials(
                None, reason="Unable to locate credentials: the session has none"
            )
            return
        keys = credentials.get_frozen_credentials()
        self._client.set_credentials(
            keys.access_key, keys.secret_key, keys.token or None, _expires_at(credentials)
        )


def _expires_at(credentials: Any) -> int:
    """Seconds since 1970, 0 for keys without an end (botocore keeps the time privately)."""
    expiry = getattr(credentials, "_expiry_time", None)
    return int(expiry.timestamp()) if isinstance(expiry, datetime) else 0

"""fsspec's progress callbacks."""

from __future__ import annotations

from typing import Any

__all__ = ["Progress"]


class Progress:
    """What an operation tells of its progress; nobody listens when ``callback`` is ``None`` or
    fsspec's default.

    Args:
        callback: a ``fsspec.callbacks.Callback``.
    """

    __slots__ = ("_callback", "_last", "is_watched")

    def __init__(self, callback: Any) -> None:
        if callback is not None:
            from fsspec.callbacks import NoOpCallback  # type: ignore[import-untyped]

            if type(callback) is NoOpCallback:
                callback = None
        self._callback = callback
        self._last = 0
        self.is_watched = callback is not None

    @property
    def callback(self) -> Any:
        """The callback, ``None`` when nobody listens."""
        return self._callback

    def begin(self, total: int | None) -> None:
        """Tell how much there is: bytes of a transfer, or transfers."""
        if self._callback is not None:
            self._callback.set_size(total)

    def advance(self, amount: int) -> None:
        """Tell how much more was done."""
        if self._callback is not None and amount:
            self._callback.relative_update(amount)

    def reach(self, amount: int) -> None:
        """Tell how much was done in all."""
        self.advance(amount - self._last)
        self._last = amount

    def branch(self, source: str, target: str, params: dict[str, Any]) -> Progress:
        """The progress of one transfer of this operation; to be closed at its end."""
        if self._callback is None:
            return self
        return Progress(self._callback.branched(source, target, **dict(params)))

    def close(self) -> None:
        """Tell that a branch has ended."""
        if self._callback is not None:
            self._callback.close()

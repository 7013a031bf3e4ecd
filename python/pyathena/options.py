"""Options of one ``execute()`` call as a value that can be kept and passed around."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["ExecuteOptions"]


@dataclass(frozen=True)
class ExecuteOptions:
    """What one ``execute()`` may override; the fields are its keyword arguments.

    Attributes:
        work_group: work group to run in; ``None`` takes the cursor's.
        s3_staging_dir: where the result goes (``s3://...``); ``None`` takes the cursor's.
        cache_size: how many earlier executions are searched for the same statement; 0 is none.
        cache_expiration_time: oldest age, in seconds, of an execution that is taken; 0 is any.
        result_reuse_enable: Athena's own result reuse; ``None`` takes the cursor's.
        result_reuse_minutes: oldest age of a reused result in minutes.
        paramstyle: ``"pyformat"`` or ``"qmark"``; ``None`` takes the module's.
        on_start_query_execution: called with the query id once the query was accepted.
        result_set_type_hints: type signature per column, by name or 0-based index.
    """

    work_group: str | None = None
    s3_staging_dir: str | None = None
    cache_size: int = 0
    cache_expiration_time: int = 0
    result_reuse_enable: bool | None = None
    result_reuse_minutes: int | None = None
    paramstyle: str | None = None
    on_start_query_execution: Callable[[str], None] | None = None
    result_set_type_hints: dict[str | int, str] | None = None

    def merge(self, **overrides: Any) -> ExecuteOptions:
        """Return a copy in which every override that is not ``None`` wins.

        Raises:
            TypeError: an override is no field of this class, even if it is ``None``.
        """
        for name in overrides:
            if name not in _FIELD_NAMES:
                raise TypeError(f"ExecuteOptions got an unexpected keyword argument '{name}'")
        return replace(self, **{k: v for k, v in overrides.items() if v is not None})

    @classmethod
    def resolve(cls, options: ExecuteOptions | None, **overrides: Any) -> ExecuteOptions:
        """Merge ``overrides`` over ``options``, or over the defaults when it is ``None``.

        Raises:
            TypeError: ``options`` is something else, or an override is no field.
        """
        if options is None:
            options = cls()
        elif not isinstance(options, ExecuteOptions):
            raise TypeError(f"options must be an ExecuteOptions, not {type(options).__name__}")
        return options.merge(**overrides)


_FIELD_NAMES = frozenset(ExecuteOptions.__dataclass_fields__)

"""Helpers shared by the package: retry policy, output locations, truth values."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from pyathena.error import DataError, Error

__all__ = [
    "PATTERN_METADATA_SERVICE_ERROR",
    "PATTERN_OUTPUT_LOCATION",
    "THROTTLING_ERROR_CODES",
    "RetryConfig",
    "is_retryable_error",
    "override",
    "parse_output_location",
    "retry_api_call",
    "stop_retries_on",
    "strtobool",
    "unstoppable_retries",
    "wait_with_retry_stop",
]

_T = TypeVar("_T")

if sys.version_info >= (3, 12):
    from typing import override
else:

    def override(func: _T) -> _T:
        """Mark a method that overrides one of a base class (``typing.override`` of 3.12)."""
        return func


#: ``s3://bucket/key`` with groups ``bucket`` and ``key``.
PATTERN_OUTPUT_LOCATION = re.compile(r"^s3://(?P<bucket>[^/\n]+)/(?P<key>[^\n]+)$")

#: The data catalogue's own error code, group 1, inside the message of a ``MetadataException``.
PATTERN_METADATA_SERVICE_ERROR = re.compile(
    r"\(Service: AmazonDataCatalog; Status Code: [0-9]+; Error Code: ([A-Za-z0-9_.]+);"
)

#: Codes by which Athena says that calls come too fast.
THROTTLING_ERROR_CODES = ("ThrottlingException", "TooManyRequestsException")

_TRUTH = {
    **dict.fromkeys(("y", "yes", "t", "true", "on", "1"), True),
    **dict.fromkeys(("n", "no", "f", "false", "off", "0"), False),
}


def parse_output_location(output_location: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` into bucket and key.

    Raises:
        DataError: the text has another form, or bucket or key is empty.
    """
    match = PATTERN_OUTPUT_LOCATION.match(output_location)
    if match is None:
        raise DataError("Unknown `output_location` format.")
    return match["bucket"], match["key"]


def strtobool(val: str) -> bool:
    """Turn a truth word into a bool.

    True words are y, yes, t, true, on, 1; false words n, no, f, false, off, 0; case is ignored.

    Raises:
        ValueError: any other text.
    """
    try:
        return _TRUTH[val.lower()]
    except KeyError:
        raise ValueError(f"invalid truth value {val!r}") from None


class RetryConfig:
    """Which refusals of AWS are retried, how often, and after what pauses.

    Args:
        exceptions: error codes that are retried; one code may be given as a string.
        attempt: attempts in all, the first one included.
        multiplier: seconds before the second attempt, and bound of the random extra.
        max_delay: longest pause in seconds before the random extra.
        exponential_base: factor from one pause to the next.
    """

    def __init__(
        self,
        exceptions: Iterable[str] = THROTTLING_ERROR_CODES,
        attempt: int = 5,
        multiplier: int = 1,
        max_delay: int = 100,
        exponential_base: int = 2,
    ) -> None:
        self.exceptions: tuple[str, ...] = (
            (exceptions,) if isinstance(exceptions, str) else tuple(exceptions)
        )
        self.attempt = attempt
        self.multiplier = multiplier
        self.max_delay = max_delay
        self.exponential_base = exponential_base

    def __repr__(self) -> str:
        return (
            f"RetryConfig(exceptions={self.exceptions!r}, attempt={self.attempt!r}, "
            f"multiplier={self.multiplier!r}, max_delay={self.max_delay!r}, "
            f"exponential_base={self.exponential_base!r})"
        )


def _without_retries(config: RetryConfig, codes: Iterable[str]) -> RetryConfig:
    """Return the policy without the given error codes."""
    dropped = frozenset(codes)
    return RetryConfig(
        exceptions=[code for code in config.exceptions if code not in dropped],
        attempt=config.attempt,
        multiplier=config.multiplier,
        max_delay=config.max_delay,
        exponential_base=config.exponential_base,
    )


def _get_error_code(ex: BaseException, unwrap_metadata: bool = False) -> str | None:
    """Return the service's error code of an exception, or ``None`` when it has none.

    Understands botocore's ``ClientError``, this package's, and errors of this package that
    carry ``code``. With ``unwrap_metadata``, a ``MetadataException`` yields the catalogue's own
    code when its message holds one.
    """
    response = getattr(ex, "response", None)
    if isinstance(response, dict) and isinstance(response.get("Error"), dict):
        code, message = response["Error"].get("Code"), response["Error"].get("Message")
    elif isinstance(ex, Error):
        code, message = ex.code, str(ex)
    else:
        return None
    if unwrap_metadata and code == "MetadataException" and isinstance(message, str):
        inner = PATTERN_METADATA_SERVICE_ERROR.search(message)
        if inner is not None:
            return inner[1]
    return code if isinstance(code, str) else None


def _is_throttling_error(ex: BaseException) -> bool:
    """Tell whether AWS refused the call because calls come too fast."""
    return _get_error_code(ex, unwrap_metadata=True) in THROTTLING_ERROR_CODES


def is_retryable_error(ex: BaseException, config: RetryConfig) -> bool:
    """Tell whether the policy retries this exception.

    A ``MetadataException`` matches by its own code and by the catalogue's code in its message.
    """
    code = _get_error_code(ex)
    if code is None:
        return False
    return code in config.exceptions or _get_error_code(ex, True) in config.exceptions


_RETRY_STOP_EVENTS: contextvars.ContextVar[tuple[threading.Event, ...]] = contextvars.ContextVar(
    "pyathena_retry_stop_events", default=()
)
# Seconds between looks at several stop events; one event is waited on directly.
_STOP_POLL_INTERVAL = 0.1


@contextlib.contextmanager
def stop_retries_on(event: threading.Event) -> Iterator[None]:
    """Within this block, a set ``event`` ends retrying: the last error is raised at once."""
    token = _RETRY_STOP_EVENTS.set((*_RETRY_STOP_EVENTS.get(), event))
    try:
        yield
    finally:
        _RETRY_STOP_EVENTS.reset(token)


@contextlib.contextmanager
def unstoppable_retries() -> Iterator[None]:
    """Within this block, the stop events of the enclosing blocks do not count."""
    token = _RETRY_STOP_EVENTS.set(())
    try:
        yield
    finally:
        _RETRY_STOP_EVENTS.reset(token)


def wait_with_retry_stop(future: Future[_T], *, stop: threading.Event) -> _T:
    """Wait for work in another thread; pass a stop request of this context on to it.

    When an event of an enclosing :func:`stop_retries_on` is set, ``stop`` is set, and the wait
    goes on: the worker is expected to run under ``stop_retries_on(stop)`` and to end soon.

    Returns:
        The future's result; its exception is raised.
    """
    events = _RETRY_STOP_EVENTS.get()
    while events and not stop.is_set():
        if any(event.is_set() for event in events):
            stop.set()
            break
        try:
            return future.result(timeout=_STOP_POLL_INTERVAL)
        except FutureTimeoutError:
            # The work's own TimeoutError is the same class on Python 3.11 and later.
            if future.done():
                break
    return future.result()


def _pause(seconds: float) -> bool:
    """Sleep, or return ``False`` as soon as a stop event of this context is set."""
    events = _RETRY_STOP_EVENTS.get()
    if not events:
        time.sleep(seconds)
        return True
    if len(events) == 1:
        return not events[0].wait(seconds)
    deadline = time.monotonic() + seconds
    while not any(event.is_set() for event in events):
        left = deadline - time.monotonic()
        if left <= 0:
            return True
        events[-1].wait(min(left, _STOP_POLL_INTERVAL))
    return False


def _delay_before(attempt: int, config: RetryConfig) -> float:
    """Seconds to wait after failed attempt number ``attempt`` (from 1)."""
    try:
        delay = config.multiplier * config.exponential_base ** (attempt - 1)
    except OverflowError:
        delay = config.max_delay
    import random  # rarely needed, and not free to import

    jitter = random.uniform(0, max(config.multiplier, 0))
    return float(max(min(delay, config.max_delay), 0) + jitter)


def retry_api_call(
    func: Callable[..., Any],
    config: RetryConfig,
    logger: logging.Logger | None = None,
    *args: Any,
    stop_on: Callable[[BaseException], bool] | None = None,
    **kwargs: Any,
) -> Any:
    """Call ``func(*args, **kwargs)`` and repeat it while it is refused in a retryable way.

    Args:
        func: the call; blocks this thread.
        config: the policy.
        logger: told about every retry, at its effective level.
        stop_on: an exception for which this returns true is not retried.

    Raises:
        The exception of the last attempt, unchanged.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return func(*args, **kwargs)
        except Exception as ex:
            if attempt >= config.attempt or not is_retryable_error(ex, config):
                raise
            if stop_on is not None and stop_on(ex):
                raise
            delay = _delay_before(attempt, config)
            if logger is not None:
                logger.log(
                    logger.getEffectiveLevel(),
                    "Retrying %s in %.1f seconds after attempt %d: %s",
                    getattr(func, "__name__", "call"),
                    delay,
                    attempt,
                    ex,
                )
            if not _pause(delay):
                raise

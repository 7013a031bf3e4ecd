"""Faults and limits that tests turn on at run time, and the counts that they read back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from .errors import ApiError, plain


@dataclass
class Bucket:
    """A token bucket: ``rate`` calls a second, ``burst`` at once."""

    rate: float
    burst: float
    level: float
    stamp: float

    def take(self, now: float) -> bool:
        """Takes a token if there is one."""
        self.level = min(self.burst, self.level + (now - self.stamp) * self.rate)
        self.stamp = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


@dataclass
class Failure:
    """The next ``count`` calls of an API answer ``status``; 0 means the connection is cut."""

    count: int
    status: int
    code: str
    message: str


class SwitchError(ValueError):
    """A switch was given in a wrong form."""


def _number(value: Any, name: str, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < least:
        raise SwitchError(f"{name} must be a number of at least {least:g}, not {value!r}")
    return float(value)


@dataclass
class Switches:
    """The state of all switches. API names as on the wire; ``*`` stands for every API."""

    throttle: dict[str, Bucket] = field(default_factory=dict)
    latency: dict[str, float] = field(default_factory=dict)
    refuse: set[str] = field(default_factory=set)
    failures: dict[str, Failure] = field(default_factory=dict)
    active_limit: int | None = None
    clock_offset: float = 0.0
    calls: dict[str, int] = field(default_factory=dict)
    refused: dict[str, dict[str, int]] = field(default_factory=dict)

    def now(self) -> float:
        """The server's clock, epoch seconds."""
        return time.time() + self.clock_offset

    def apply(self, document: Any) -> None:
        """Takes a JSON document of switches; members that are absent stay as they are."""
        if not isinstance(document, dict):
            raise SwitchError("the document must be an object")
        handlers = {
            "throttle": self._set_throttle,
            "latency": self._set_latency,
            "refuse": self._set_refuse,
            "fail": self._set_fail,
            "active_limit": self._set_active_limit,
            "clock_offset": self._set_clock_offset,
            "reset": self._reset,
        }
        unknown = set(document) - set(handlers)
        if unknown:
            raise SwitchError(f"unknown switch '{min(unknown)}'; known: {', '.join(handlers)}")
        if "reset" in document:
            self._reset(document["reset"])
        for name, value in document.items():
            if name != "reset":
                handlers[name](value)

    def _reset(self, value: Any) -> None:
        if value is not True:
            raise SwitchError("reset must be true")
        self.throttle.clear()
        self.latency.clear()
        self.refuse.clear()
        self.failures.clear()
        self.calls.clear()
        self.refused.clear()
        self.active_limit, self.clock_offset = None, 0.0

    def _set_throttle(self, value: Any) -> None:
        """{"GetQueryExecution": {"rate": 100, "burst": 200}, "X": null}"""
        if not isinstance(value, dict):
            raise SwitchError("throttle must be an object")
        for api, limits in value.items():
            if limits is None:
                self.throttle.pop(api, None)
                continue
            if not isinstance(limits, dict) or set(limits) - {"rate", "burst"}:
                raise SwitchError(f"throttle of {api} must be an object with rate and burst")
            rate = _number(limits.get("rate"), "rate")
            burst = _number(limits.get("burst", rate), "burst", 1.0)
            self.throttle[api] = Bucket(rate, burst, burst, time.monotonic())

    def _set_latency(self, value: Any) -> None:
        """{"*": 0.02} in seconds."""
        if not isinstance(value, dict):
            raise SwitchError("latency must be an object")
        for api, seconds in value.items():
            self.latency[api] = _number(seconds, f"latency of {api}")

    def _set_refuse(self, value: Any) -> None:
        """["BatchGetQueryExecution"]: these answer AccessDeniedException."""
        if not isinstance(value, list) or not all(isinstance(api, str) for api in value):
            raise SwitchError("refuse must be a list of API names")
        self.refuse = set(value)

    def _set_fail(self, value: Any) -> None:
        """{"GetQueryResults": {"count": 2, "status": 500, "code": "InternalServerException"}}"""
        if not isinstance(value, dict):
            raise SwitchError("fail must be an object")
        for api, spec in value.items():
            if not isinstance(spec, dict) or set(spec) - {"count", "status", "code", "message"}:
                raise SwitchError(f"fail of {api} must have count, status, code, message")
            status = int(_number(spec.get("status", 500), "status"))
            code = "InternalServerException" if status >= 500 else "InvalidRequestException"
            self.failures[api] = Failure(
                int(_number(spec.get("count", 1), "count")),
                status,
                str(spec.get("code", code)),
                str(spec.get("message", "A fault that a switch asked for")),
            )

    def _set_active_limit(self, value: Any) -> None:
        self.active_limit = None if value is None else int(_number(value, "active_limit"))

    def _set_clock_offset(self, value: Any) -> None:
        self.clock_offset = _number(value, "clock_offset", -1e9)

    def count(self, api: str) -> None:
        """Counts a call."""
        self.calls[api] = self.calls.get(api, 0) + 1

    def count_refused(self, api: str, code: str) -> None:
        """Counts a refusal."""
        codes = self.refused.setdefault(api, {})
        codes[code] = codes.get(code, 0) + 1

    def delay(self, api: str) -> float:
        """Seconds that a call waits before it is answered."""
        return self.latency.get(api, self.latency.get("*", 0.0)) if self.latency else 0.0

    def gate(self, api: str) -> None:
        """Raises what the switches say for a call."""
        for key in (api, "*"):
            failure = self.failures.get(key)
            if failure is not None:
                failure.count -= 1
                if failure.count <= 0:
                    del self.failures[key]
                if failure.count >= 0:
                    raise ApiError(failure.code, failure.message, failure.status)
            if key in self.refuse:
                raise ApiError(
                    "AccessDeniedException",
                    f"User: arn:aws:iam::123456789012:user/local is not authorized to perform: "
                    f"athena:{api} because no identity-based policy allows the athena:{api} action",
                )
            bucket = self.throttle.get(key)
            if bucket is not None and not bucket.take(time.monotonic()):
                raise plain("ThrottlingException", "Rate exceeded")

    def describe(self) -> dict[str, Any]:
        """The switches as a document."""
        return {
            "throttle": {k: {"rate": b.rate, "burst": b.burst} for k, b in self.throttle.items()},
            "latency": dict(self.latency),
            "refuse": sorted(self.refuse),
            "fail": {
                k: {"count": f.count, "status": f.status, "code": f.code}
                for k, f in self.failures.items()
            },
            "active_limit": self.active_limit,
            "clock_offset": self.clock_offset,
        }

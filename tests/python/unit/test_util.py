"""Retry policy and small helpers."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future

import pytest
from pyathena import util
from pyathena.error import ClientError, DataError, OperationalError

FAST = {"multiplier": 0}


def refusal(code, message="m"):
    return ClientError({"Error": {"Code": code, "Message": message}}, "Op")


class Calls:
    """A function that raises the given errors one after the other, then returns its arguments."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.count = 0

    def __call__(self, *args, **kwargs):
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return args, kwargs


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3://b/k", ("b", "k")),
        ("s3://b/a/b.csv", ("b", "a/b.csv")),
        ("s3://b//k", ("b", "/k")),
        ("s3://b/k?x#y", ("b", "k?x#y")),
    ],
)
def test_parse_output_location(location, expected):
    assert util.parse_output_location(location) == expected


@pytest.mark.parametrize(
    "location", ["", "s3://b", "s3://b/", "s3:///k", "S3://b/k", "s3a://b/k", " s3://b/k", "b/k"]
)
def test_parse_output_location_refuses(location):
    with pytest.raises(DataError, match="^Unknown `output_location` format.$"):
        util.parse_output_location(location)


def test_pattern_output_location_groups():
    match = util.PATTERN_OUTPUT_LOCATION.search("s3://b/k")
    assert (match.group("bucket"), match.group("key")) == ("b", "k")


@pytest.mark.parametrize("text", ["y", "YES", "t", "True", "on", "1"])
def test_strtobool_true(text):
    assert util.strtobool(text) is True


@pytest.mark.parametrize("text", ["n", "No", "f", "FALSE", "off", "0"])
def test_strtobool_false(text):
    assert util.strtobool(text) is False


@pytest.mark.parametrize("text", ["", "2", " on", "yep"])
def test_strtobool_refuses(text):
    with pytest.raises(ValueError, match=f"^invalid truth value '{text}'$"):
        util.strtobool(text)


def test_retry_config_attributes():
    config = util.RetryConfig()
    assert config.exceptions == ("ThrottlingException", "TooManyRequestsException")
    assert (config.attempt, config.multiplier) == (5, 1)
    assert (config.max_delay, config.exponential_base) == (100, 2)
    assert util.RetryConfig(exceptions="One").exceptions == ("One",)
    assert util.RetryConfig(exceptions=(c for c in ("A", "B"))).exceptions == ("A", "B")
    assert "attempt=5" in repr(config)


def test_without_retries_drops_codes():
    reduced = util._without_retries(util.RetryConfig(attempt=3), ["ThrottlingException"])
    assert (reduced.exceptions, reduced.attempt) == (("TooManyRequestsException",), 3)


GLUE = "Rate (Service: AmazonDataCatalog; Status Code: 400; Error Code: {}; Request ID: x)"


@pytest.mark.parametrize(
    ("ex", "expected"),
    [
        (refusal("ThrottlingException"), True),
        (refusal("InternalServerException"), False),
        (refusal("MetadataException", GLUE.format("ThrottlingException")), True),
        (refusal("MetadataException", GLUE.format("EntityNotFoundException")), False),
        (refusal("InternalServerException", GLUE.format("ThrottlingException")), False),
        (refusal("MetadataException", "Error Code: ThrottlingException;"), False),
        (OperationalError("x", code="TooManyRequestsException"), True),
        (OperationalError("x"), False),
        (ClientError({}, "Op"), False),
        (ValueError("ThrottlingException"), False),
        (SystemExit("ThrottlingException"), False),
    ],
)
def test_is_retryable_error(ex, expected):
    assert util.is_retryable_error(ex, util.RetryConfig()) is expected
    assert util._is_throttling_error(ex) is expected


def test_is_retryable_error_by_the_outer_code():
    ex = refusal("MetadataException", GLUE.format("EntityNotFoundException"))
    assert util.is_retryable_error(ex, util.RetryConfig(exceptions=["MetadataException"]))


def test_retry_api_call_returns_after_refusals():
    func = Calls(refusal("ThrottlingException"), refusal("TooManyRequestsException"))
    result = util.retry_api_call(func, util.RetryConfig(**FAST), None, 1, a=2)
    assert result == ((1,), {"a": 2})
    assert func.count == 3


def test_retry_api_call_raises_the_last_error():
    errors = [refusal("ThrottlingException", str(i)) for i in range(3)]
    func = Calls(*errors)
    with pytest.raises(ClientError) as caught:
        util.retry_api_call(func, util.RetryConfig(attempt=3, **FAST))
    assert caught.value is errors[-1]
    assert func.count == 3


@pytest.mark.parametrize(
    ("error", "kwargs"),
    [
        (ValueError("x"), {}),
        (refusal("AccessDeniedException"), {}),
        (refusal("ThrottlingException"), {"stop_on": lambda ex: True}),
    ],
)
def test_retry_api_call_does_not_repeat(error, kwargs):
    func = Calls(error)
    with pytest.raises(type(error)):
        util.retry_api_call(func, util.RetryConfig(**FAST), **kwargs)
    assert func.count == 1


def test_retry_api_call_logs(caplog):
    with caplog.at_level(logging.INFO, logger="retry-test"):
        util.retry_api_call(
            Calls(refusal("ThrottlingException")),
            util.RetryConfig(**FAST),
            logging.getLogger("retry-test"),
        )
    assert "after attempt 1" in caplog.text


def test_delay_grows_to_its_bound():
    config = util.RetryConfig(multiplier=2, max_delay=10, exponential_base=3)
    for attempt, low in ((1, 2), (2, 6), (3, 10), (5000, 10)):
        assert low <= util._delay_before(attempt, config) <= low + 2


def test_stop_event_ends_retrying_and_can_be_shielded():
    event = threading.Event()
    event.set()
    config = util.RetryConfig(attempt=3, multiplier=60)
    func = Calls(*(refusal("ThrottlingException") for _ in range(3)))
    with util.stop_retries_on(event):
        with pytest.raises(ClientError):
            util.retry_api_call(func, config)
        assert func.count == 1
        with util.unstoppable_retries():
            util.retry_api_call(func, util.RetryConfig(**FAST))
        assert func.count == 4


@pytest.mark.parametrize("outer", [False, True])
def test_stop_event_wakes_a_pause(outer):
    events = [threading.Event(), threading.Event()]
    timer = threading.Timer(0.05, events[0 if outer else 1].set)
    func = Calls(refusal("ThrottlingException"))
    started = time.monotonic()
    timer.start()
    with (
        util.stop_retries_on(events[0]),
        util.stop_retries_on(events[1]),
        pytest.raises(ClientError),
    ):
        util.retry_api_call(func, util.RetryConfig(multiplier=60))
    assert time.monotonic() - started < 30
    timer.join()


def test_wait_with_retry_stop_returns_the_result():
    future = Future()
    future.set_result(5)
    stop = threading.Event()
    assert util.wait_with_retry_stop(future, stop=stop) == 5
    with util.stop_retries_on(threading.Event()):
        assert util.wait_with_retry_stop(future, stop=stop) == 5
    assert not stop.is_set()


@pytest.mark.parametrize("scoped", [False, True])
def test_wait_with_retry_stop_raises_the_works_own_timeout(scoped):
    future = Future()
    future.set_exception(TimeoutError("from the work"))
    with pytest.raises(TimeoutError, match="from the work"):
        if scoped:
            with util.stop_retries_on(threading.Event()):
                util.wait_with_retry_stop(future, stop=threading.Event())
        else:
            util.wait_with_retry_stop(future, stop=threading.Event())


def test_wait_with_retry_stop_passes_the_request_on():
    future, stop, event = Future(), threading.Event(), threading.Event()

    def work():
        assert stop.wait(30)
        future.set_result("stopped")

    worker = threading.Thread(target=work)
    worker.start()
    event.set()
    with util.stop_retries_on(event):
        assert util.wait_with_retry_stop(future, stop=stop) == "stopped"
    worker.join()


def test_override_returns_the_function():
    class Base:
        def f(self):
            return 1

    class Sub(Base):
        @util.override
        def f(self):
            return 2

    assert Sub().f() == 2

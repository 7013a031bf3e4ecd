"""Executors: what runs where, and who waits for it."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from concurrent.futures import CancelledError, Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError

import pytest
from pyathena.filesystem.s3_executor import (
    NativeTask,
    S3AioExecutor,
    S3AioThreadPool,
    S3Executor,
    S3ThreadPoolExecutor,
    settle,
)

NO_LOOP = (
    "S3AioExecutor requires a running event loop. Use S3ThreadPoolExecutor for synchronous usage."
)
SHUT = "cannot schedule new futures after shutdown"
LIMIT = 30  # seconds after which a test has failed


class Operation(NativeTask[int]):
    """A core operation whose completion is made by :meth:`complete` on any thread."""

    def __init__(self, value: int | Exception = 7) -> None:
        self.value = value
        self.future: Future[int] | None = None
        self.thread: threading.Thread | None = None
        self.started = threading.Event()
        self.completion = threading.Event()

    def start_async(self, future):
        self.future = future
        self.thread = threading.current_thread()
        self.started.set()

    def complete(self):
        self.completion.set()
        if isinstance(self.value, Exception):
            return settle(self.future, exception=self.value)
        return settle(self.future, self.value)

    def wait(self, timeout=None):
        """As the core: ends with the operation or the time, and resolves the future."""
        if timeout is None:
            self.complete()
        return self.completion.is_set()

    def __call__(self):
        return self.value


def fail(error):
    raise error


class Loop:
    """An event loop on a thread of its own."""

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()
        self.loop.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(LIMIT)


def test_executor_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        S3Executor()


def test_settle_resolves_once():
    future = Future()
    assert settle(future, 1)
    assert not settle(future, exception=ValueError())
    assert future.result() == 1
    cancelled = Future()
    cancelled.cancel()
    assert not settle(cancelled, 1)


def test_thread_pool():
    with S3ThreadPoolExecutor(2) as executor:
        assert executor.submit(int, "7", base=8).result(LIMIT) == 7
        assert executor.submit(threading.current_thread).result(LIMIT) != threading.main_thread()
        assert executor.submit(Operation()).result(LIMIT) == 7
        with pytest.raises(ValueError, match="words"):
            executor.submit(fail, ValueError("words")).result(LIMIT)
    with pytest.raises(RuntimeError, match=SHUT):
        executor.submit(int)
    with pytest.raises(ValueError, match="max_workers must be greater than 0"):
        S3ThreadPoolExecutor(0)


def test_thread_pool_submit_to():
    future, failed, cancelled, late = Future(), Future(), Future(), Future()
    cancelled.cancel()
    called = []
    with S3ThreadPoolExecutor(1) as executor:
        executor.submit_to(future, int, "7")
        executor.submit_to(failed, fail, ValueError("words"))
        executor.submit_to(cancelled, called.append, 1)
        assert future.result(LIMIT) == 7
        assert str(failed.exception(LIMIT)) == "words"
    assert called == []
    with pytest.raises(RuntimeError, match=SHUT):
        executor.submit_to(late, int)
    assert not late.done()


def test_thread_pool_submit_to_is_cancelled_with_the_work():
    gate, future = threading.Event(), Future()
    executor = S3ThreadPoolExecutor(1)
    first = executor.submit(gate.wait, LIMIT)
    executor.submit_to(future, int)
    executor._pool.shutdown(wait=False, cancel_futures=True)
    gate.set()
    assert first.result(LIMIT)
    with pytest.raises(CancelledError):
        future.result(LIMIT)


@pytest.mark.parametrize("state", ["none", "not running", "closed"])
def test_aio_without_a_running_loop(state):
    loop = None if state == "none" else asyncio.new_event_loop()
    if state == "closed":
        loop.close()
    executor = S3AioExecutor(loop)
    future = Future()
    for submit in (executor.submit, lambda fn: executor.submit_to(future, fn)):
        with pytest.raises(RuntimeError) as caught:
            submit(int)
        assert str(caught.value) == NO_LOOP
    assert not future.done()
    executor.shutdown()
    if loop is not None:
        loop.close()


def test_aio_arguments():
    with pytest.raises(ValueError, match="max_workers must be greater than 0"):
        S3AioExecutor(None, 0)
    assert S3AioExecutor(None, max_workers=3).max_workers == 3


@pytest.mark.parametrize("given", [True, False])
def test_aio_on_the_loops_own_thread(given):
    async def main():
        with S3AioExecutor(asyncio.get_running_loop() if given else None) as executor:
            threads = threading.active_count()
            future = executor.submit(threading.current_thread)
            assert future.result(LIMIT) is threading.current_thread()
            assert await asyncio.wrap_future(future) is threading.current_thread()
            failed = executor.submit(fail, ValueError("words"))
            assert str(failed.exception()) == "words"
            assert threading.active_count() == threads
        with pytest.raises(RuntimeError, match=SHUT):
            executor.submit(int)

    asyncio.run(main())


def test_aio_finds_the_loop_when_first_used():
    executor = S3AioExecutor()

    async def main():
        return executor.submit(int, "7").result(LIMIT)

    assert asyncio.run(main()) == 7


def test_aio_from_another_thread():
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(1)
    with Loop() as running, S3AioExecutor(running.loop) as executor:
        threads = threading.active_count()
        assert executor.submit(threading.current_thread).result(LIMIT) is running.thread
        assert executor.submit(variable.get).result(LIMIT) == 1
        failed = executor.submit(fail, ValueError("words"))
        with pytest.raises(ValueError, match="words"):
            failed.result(LIMIT)
        future = Future()
        executor.submit_to(future, int, "7")
        assert future.result(LIMIT) == 7
        assert threading.active_count() == threads


def test_aio_cancelled_call_is_not_made():
    called = []
    gate = threading.Event()
    with Loop() as running:
        with S3AioExecutor(running.loop) as executor:
            blocker = executor.submit(gate.wait, LIMIT)
            future = executor.submit(called.append, 1)
            assert future.cancel()
            gate.set()
            assert blocker.result(LIMIT)
        assert called == []


def test_aio_waits_on_the_loops_thread_for_work_of_another():
    async def main():
        executor = S3AioExecutor()
        futures = []
        thread = threading.Thread(target=lambda: futures.append(executor.submit(int, "7")))
        thread.start()
        thread.join(LIMIT)
        assert not futures[0].done()
        assert futures[0].result() == 7
        await asyncio.sleep(0)  # the loop's own turn for it comes and does nothing
        assert futures[0].result() == 7

    asyncio.run(main())


def test_aio_call_that_waits_for_itself():
    async def main():
        executor = S3AioExecutor()
        holder = []
        thread = threading.Thread(
            target=lambda: holder.append(executor.submit(lambda: holder[0].result()))
        )
        thread.start()
        thread.join(LIMIT)
        with pytest.raises(RuntimeError, match="The call waits for its own result."):
            holder[0].result()

    asyncio.run(main())


def test_native_task_is_started_on_the_loop_without_a_thread():
    with Loop() as running, S3AioExecutor(running.loop) as executor:
        threads = threading.active_count()
        tasks = [Operation(number) for number in range(16)]
        futures = [executor.submit(task) for task in tasks]
        for task in tasks:
            assert task.started.wait(LIMIT)
            assert task.thread is running.thread
        assert not any(future.done() for future in futures)
        for task in reversed(tasks):
            assert task.complete()
        assert [future.result(LIMIT) for future in futures] == list(range(16))
        assert threading.active_count() == threads


def test_native_task_with_a_future_of_the_callers():
    with Loop() as running, S3AioExecutor(running.loop) as executor:
        future, task = Future(), Operation(ValueError("words"))
        executor.submit_to(future, task)
        assert task.started.wait(LIMIT)
        task.complete()
        assert str(future.exception(LIMIT)) == "words"


def test_native_tasks_run_together_while_the_loops_thread_waits():
    async def main():
        executor = S3AioExecutor()
        tasks = [Operation(number) for number in range(3)]
        futures = [executor.submit(task) for task in tasks]
        assert all(task.started.is_set() for task in tasks)
        assert [future.result() for future in futures] == [0, 1, 2]
        slow = Operation()
        with pytest.raises(FutureTimeoutError):
            executor.submit(slow).result(0.01)
        assert executor.submit(Operation(ValueError("words"))).exception() is not None
        executor.shutdown()
        assert slow.future.result() == 7

    asyncio.run(main())


def test_native_task_awaited():
    async def main():
        executor = S3AioExecutor()
        task = Operation()
        future = executor.submit(task)
        timer = threading.Timer(0.01, task.complete)
        timer.start()
        assert await asyncio.wait_for(asyncio.wrap_future(future), LIMIT) == 7
        timer.join(LIMIT)

    asyncio.run(main())


def test_native_task_cancelled():
    async def main():
        executor = S3AioExecutor()
        task, stopped = Operation(), []
        future = executor.submit(task)
        future.add_done_callback(lambda found: stopped.append(found.cancelled()))
        assert future.cancel()
        assert stopped == [True]
        assert not task.complete()
        with pytest.raises(CancelledError):
            future.result()

    asyncio.run(main())


def test_native_task_that_cannot_start():
    class Refused(Operation):
        def start_async(self, future):
            raise ValueError("words")

    async def main():
        executor = S3AioExecutor()
        assert str(executor.submit(Refused()).exception()) == "words"
        with pytest.raises(TypeError, match="A native task takes no arguments."):
            executor.submit(Operation(), 1)

    asyncio.run(main())


def test_native_task_is_abstract_and_can_be_registered():
    class Foreign:
        def start_async(self, future):
            settle(future, "started")

        def wait(self, timeout=None):
            return True

        def __call__(self):
            return "called"

    async def submit():
        return S3AioExecutor().submit(Foreign()).result()

    with pytest.raises(TypeError, match="abstract"):
        NativeTask()
    assert asyncio.run(submit()) == "called"
    NativeTask.register(Foreign)
    assert asyncio.run(submit()) == "started"


def test_aio_shutdown_from_another_thread_waits():
    gate, done = threading.Event(), []
    with Loop() as running:
        executor = S3AioExecutor(running.loop)
        executor.submit(gate.wait, LIMIT)
        futures = [executor.submit(done.append, number) for number in range(3)]
        executor.shutdown(wait=False)
        assert done == []
        gate.set()
        executor.shutdown()
        assert done == [0, 1, 2]
        assert not wait(futures, 0).not_done


def test_aio_shutdown_after_the_loop_has_stopped_cancels():
    with Loop() as running:
        executor = S3AioExecutor(running.loop)
        task = Operation()
        future = executor.submit(task)
        assert task.started.wait(LIMIT)
        running.stop()
        executor.shutdown()
        assert future.cancelled()
        running.thread = threading.Thread(target=running.loop.run_forever)
        running.thread.start()


def test_aio_thread_pool():
    variable = contextvars.ContextVar("variable", default=0)

    async def main():
        variable.set(1)
        pool = S3AioThreadPool(2)
        assert await pool.run(variable.get) == 1
        assert await pool.run_shielded(int, "7", base=8) == 7
        assert await pool.wait_shielded(pool.submit(int, "8")) == 8
        with pytest.raises(ValueError, match="words"):
            await pool.run(fail, ValueError("words"))
        with pytest.raises(ValueError, match="words"):
            await pool.run_shielded(fail, ValueError("words"))
        thread = await pool.run(threading.current_thread)
        pool.release()
        thread.join(LIMIT)
        assert not thread.is_alive()
        assert await pool.run(int, "9") == 9
        pool.shutdown()
        with pytest.raises(RuntimeError, match=SHUT):
            pool.submit(int)

    asyncio.run(main())
    with pytest.raises(ValueError, match="max_workers must be greater than 0"):
        S3AioThreadPool(0)


@pytest.mark.parametrize("error", [None, ValueError("words")])
def test_aio_thread_pool_shields(error):
    async def main():
        gate, begun, ended = threading.Event(), threading.Event(), []

        def work():
            begun.set()
            gate.wait(LIMIT)
            ended.append(1)
            if error is not None:
                raise error

        with S3AioThreadPool() as pool:
            task = asyncio.ensure_future(pool.run_shielded(work))
            while not begun.is_set():
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.sleep(0.01)
            assert not task.done()
            gate.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ended == [1]

    asyncio.run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_aio_thread_pool_after_a_fork():
    with S3AioThreadPool(1) as pool:
        assert pool.submit(int, "7").result(LIMIT) == 7
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if pool.submit(int, "7").result(LIMIT) == 7 else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

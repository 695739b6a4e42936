"""What must hold for tasks, timers, threads and the end of a `HostLoop` in a running application."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
import traceback

import aiohttp
import pytest
from steps import until

from nuke_ai_panel_ui import host_loop


async def running_loop_and_current_task(host) -> None:
    assert asyncio.get_running_loop() is host.loop
    assert asyncio.get_event_loop() is host.loop
    task = asyncio.current_task()
    assert task is not None
    await asyncio.sleep(0.01)
    assert asyncio.current_task() is task
    assert await asyncio.create_task(asyncio.sleep(0.01, "child")) == "child"
    assert await asyncio.gather(*(asyncio.sleep(0.01, number) for number in range(20))) == list(range(20))
    if sys.version_info >= (3, 11):
        async with asyncio.TaskGroup() as group:
            children = [group.create_task(asyncio.sleep(0.01, number)) for number in range(5)]
        assert [child.result() for child in children] == list(range(5))


async def attach_is_one_per_process(host) -> None:
    assert host_loop.attach() is host.loop
    assert await host.from_slot(host_loop.attach) is host.loop


def attach_refuses_another_thread(host) -> None:
    refused = []

    def work() -> None:
        try:
            host_loop.attach()
        except RuntimeError as error:
            refused.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if not refused or "main thread" not in refused[0]:
        host.problems.add(f"a loop was attached on another thread: {refused}")
    host.answer()


async def timers_are_never_early_and_cost_nothing_when_cancelled(host) -> None:
    errors = {}
    for seconds in (0.0, 0.05, 0.2, 0.613):
        before = host.loop.time()
        await asyncio.sleep(seconds)
        errors[seconds] = host.loop.time() - before - seconds
    assert all(error >= -0.0005 for error in errors.values()), errors
    order = []
    for number in (3, 1, 2):
        host.loop.call_later(number * 0.03, order.append, number)
    for _ in range(20_000):
        host.loop.call_later(600, order.append, "cancelled").cancel()
    assert len(host.loop._timers) < 500
    await until(lambda: len(order) == 3)
    assert order == [1, 2, 3]


async def timers_keep_their_order_when_the_main_thread_was_blocked(host) -> None:
    order = []
    for number in (2, 5, 1, 4, 3):
        host.loop.call_later(number * 0.1, order.append, number)
    # The first timer is late then, the second one due, and the others are not.
    host.after(0.0, lambda: time.sleep(0.25))
    await until(lambda: len(order) == 5)
    assert order == [1, 2, 3, 4, 5]


async def callbacks_run_in_order_from_all_threads(host) -> None:
    got = {name: [] for name in range(4)}

    def work(name: int) -> None:
        for number in range(2_000):
            host.loop.call_soon_threadsafe(got[name].append, number)

    threads = [threading.Thread(target=work, args=(name,)) for name in got]
    for thread in threads:
        thread.start()
    await until(lambda: all(len(numbers) == 2_000 for numbers in got.values()))
    for thread in threads:
        thread.join()
    assert all(numbers == sorted(numbers) for numbers in got.values())


async def a_thread_wakes_an_idle_loop(host) -> None:
    answers = []

    def work() -> None:
        async def running() -> bool:
            return asyncio.get_running_loop() is host.loop

        answers.append(asyncio.run_coroutine_threadsafe(running(), host.loop).result(20))

    thread = threading.Thread(target=work)
    done = host.loop.create_future()
    # Nothing else is due here, so only the thread's call can end this wait.
    timer = threading.Timer(0.05, lambda: host.loop.call_soon_threadsafe(done.set_result, "from a plain thread"))
    timer.start()
    assert await done == "from a plain thread"
    timer.join()
    thread.start()
    await until(lambda: answers)
    thread.join()
    assert answers == [True]


async def blocking_calls_run_in_daemon_threads(host) -> None:
    def where() -> threading.Thread:
        return threading.current_thread()

    thread = await host.loop.run_in_executor(None, where)
    assert thread is not threading.main_thread()
    assert thread.daemon
    assert await asyncio.to_thread(lambda: 7) == 7
    # A slot has no running loop; the future must be bound to ours all the same.
    future = await host.from_slot(lambda: host.loop.run_in_executor(None, lambda: 8))
    assert await future == 8


def a_blocking_call_that_outlives_the_loop_is_quiet(host) -> None:
    loop = host_loop.attach()
    go_on, ended = threading.Event(), threading.Event()
    future = loop.run_in_executor(None, go_on.wait)
    loop._executor.submit(go_on.wait).add_done_callback(lambda future: ended.set())
    loop.shutdown()
    assert future.cancelled()
    go_on.set()
    assert ended.wait(20)
    # The first call's thread reports just as the second one's does.
    host.after(0.1, host.answer)


async def a_child_process_can_be_awaited(host) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print(input())", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate(b"hello\n")
    assert out.strip() == b"hello"
    assert process.returncode == 0


async def an_abandoned_async_generator_is_finished_in_a_task(host) -> None:
    finished = []

    async def numbers():
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            session = host.session(timeout=aiohttp.ClientTimeout(total=10))
            async with session, session.get(host.plain + "/echo") as response:
                finished.append(response.status)

    async for _ in numbers():
        break
    await until(lambda: finished)
    assert finished == [200]


async def spawn_keeps_the_task_and_logs_what_it_raises(host) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError("lost in the comp")

    await host.from_slot(lambda: host_loop.spawn(fail()) and None)
    await until(lambda: host.problems.seen)
    (problem,) = host.problems.take()
    assert "LookupError: lost in the comp" in problem


async def an_attempt_to_end_the_process_is_ignored(host) -> None:
    async def leave() -> None:
        sys.exit(3)

    task = host.loop.create_task(leave())
    await until(task.done)
    assert isinstance(task.exception(), SystemExit)
    problems = host.problems.take()
    assert len(problems) == 1
    assert "belongs to the host" in problems[0]


async def objects_can_be_built_in_a_slot(host) -> None:
    def build():
        with host.loop.entered():
            assert asyncio.get_running_loop() is host.loop
            built = host.session(timeout=aiohttp.ClientTimeout(total=10)), asyncio.Event(), asyncio.Queue()
        assert asyncio._get_running_loop() is None
        return built

    session, event, numbers = await host.from_slot(build)
    host.loop.call_later(0.02, event.set)
    host.loop.call_later(0.03, numbers.put_nowait, 5)
    await event.wait()
    assert await numbers.get() == 5
    async with session, session.get(host.plain + "/echo") as response:
        assert response.status == 200


async def shutdown_cancels_streams_and_runs_the_closers(host) -> None:
    steps = []
    session = host.session()

    async def stream(url: str, **options) -> None:
        try:
            async with session.get(url + "/drip?n=100000&gap=0.01", **options) as response:
                async for _ in response.content:
                    steps.append("line")
        finally:
            steps.append("stream ended")

    async def close_session() -> None:
        steps.append("session")
        await session.close()

    async def save() -> None:
        # A worker thread's result must arrive although Qt's event queue stands still.
        steps.append(await host.loop.run_in_executor(None, lambda: time.sleep(0.1) or "saved"))

    async def broken() -> None:
        raise LookupError("a closer that fails")

    host.loop.add_closer(close_session)
    host.loop.add_closer(save)
    host.loop.add_closer(broken)
    for url, options in ((host.plain, {}), (host.secure, {"ssl": host.trust})):
        host.loop.spawn(stream(url, **options))
    await until(lambda: steps.count("line") > 20)
    loop = host.loop

    def let_go() -> None:
        steps.clear()
        loop.run_in_executor(None, time.sleep, 2)
        loop.shutdown()
        # This check ended with the loop it ran on, so it speaks from here.
        try:
            assert loop.is_closed()
            assert not loop.is_running()
            assert steps.count("stream ended") == 2, steps
            # The last one added comes first.
            assert [step for step in steps if step in ("saved", "session")] == ["saved", "session"], steps
            assert session.closed
            (problem,) = host.problems.take()
            assert "a closer that fails" in problem
        except BaseException as error:
            host.problems.add("".join(traceback.format_exception(type(error), error, error.__traceback__)))

    host.after(0, let_go)
    # Shutdown cancels this one, too.
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)


def attaching_again_after_shutdown_works(host) -> None:
    first = host_loop.attach()
    first.shutdown()
    first.shutdown()
    second = host_loop.attach()
    assert second is not first

    async def ask() -> None:
        async with host.session() as session, session.get(host.plain + "/echo") as response:
            assert response.status == 200

    def done(task: asyncio.Task) -> None:
        if task.exception() is not None:
            host.problems.add(repr(task.exception()))
        host.after(0, lambda: (second.shutdown(), host.answer()))

    second.create_task(ask()).add_done_callback(done)


def a_closed_loop_says_so(host) -> None:
    loop = host_loop.attach()
    loop.shutdown()
    for call in (loop.call_soon, loop.call_soon_threadsafe):
        with pytest.raises(RuntimeError, match="closed"):
            call(print)
    host.answer()


def quit_host(host) -> None:
    host.app.quit()


def environment_is_untouched(host) -> None:
    if "QT_API" in os.environ:
        host.problems.add("QT_API is left set")
    host.answer()

"""What must hold while a `HostLoop` is attached to a running application. Each check runs inside `host_simulator.py`."""

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

from nuke_ai_panel_ui import host_loop
from nuke_ai_panel_ui.qt import QtCore, QtWidgets, exec_dialog


async def read_lines(host, url: str, got: list[bytes], **options) -> int:
    async with host.session() as session, session.get(url, **options) as response:
        async for line in response.content:
            got.append(line)
    return len(got)


async def until(condition, seconds: float = 15.0) -> None:
    """Wait for a condition that Qt or another task brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        await asyncio.sleep(0.01)


def open_dialog(seconds: float, kind=QtWidgets.QDialog) -> None:
    dialog = kind()
    QtCore.QTimer.singleShot(int(seconds * 1000), dialog.accept)
    exec_dialog(dialog)


def async_timeout(seconds: float):
    if sys.version_info >= (3, 11):
        return asyncio.timeout(seconds)
    import async_timeout as backport

    return backport.timeout(seconds)


# Tasks


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


# The network


async def plain_encrypted_and_named_addresses(host) -> None:
    async with host.session() as session:
        async with session.get(host.plain + "/echo") as response:
            assert (await response.json())["peer"]
        async with session.get(host.named + "/echo") as response:
            assert response.status == 200
        async with session.get(host.secure + "/big", ssl=host.trust) as response:
            assert len(await response.read()) == 5_000_000
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(host.secure + "/echo")


async def a_stream_arrives_line_by_line(host) -> None:
    got = []
    ages = []
    for base, options in ((host.plain, {}), (host.secure, {"ssl": host.trust})):
        async with host.session() as session, session.get(base + "/drip?n=40&gap=0.01", **options) as response:
            async for line in response.content:
                got.append(int(line.split()[0]))
                ages.append(time.monotonic() - float(line.split()[1]))
    assert got == [*range(40), *range(40)]
    assert sorted(ages)[40] < 0.25, "lines wait somewhere"


async def cancel_in_mid_stream_reaches_the_server(host) -> None:
    got = []
    connector = aiohttp.TCPConnector(limit=4)
    async with host.session(connector=connector) as session:

        async def dropped() -> int:
            async with session.get(host.plain + "/echo") as response:
                return (await response.json())["dropped"]

        async def stream() -> None:
            async with session.get(host.plain + "/drip?n=100000&gap=0.01") as response:
                async for line in response.content:
                    got.append(line)

        before = await dropped()
        task = asyncio.ensure_future(stream())
        await until(lambda: len(got) > 5)
        task.cancel()
        await asyncio.wait({task}, timeout=10)
        assert task.cancelled()
        count = len(got)
        for _ in range(200):
            if await dropped() == before + 1:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("the server never saw the disconnect")
        assert len(got) == count
        assert not connector._acquired


async def two_hundred_parallel_requests(host) -> None:
    peers = set()
    async with host.session(connector=aiohttp.TCPConnector(limit=10)) as session:

        async def one() -> None:
            async with session.get(host.plain + "/echo") as response:
                peers.add(tuple((await response.json())["peer"]))

        await asyncio.gather(*(one() for _ in range(200)))
    assert 1 <= len(peers) <= 10


async def every_kind_of_time_limit_works_in_a_task(host) -> None:
    async def wait_for() -> None:
        async with host.session() as session:
            await asyncio.wait_for(session.get(host.plain + "/hang"), 0.3)

    async def total() -> None:
        async with host.session(timeout=aiohttp.ClientTimeout(total=0.3)) as session:
            await session.get(host.plain + "/hang")

    async def sock_read() -> None:
        session = host.session(timeout=aiohttp.ClientTimeout(total=None, sock_read=0.3))
        async with session, session.get(host.plain + "/drip?n=1&gap=0&silent=1") as response:
            await response.read()

    async def context() -> None:
        async with host.session() as session, async_timeout(0.3):
            await session.get(host.plain + "/hang")

    async def timed(limit) -> float:
        before = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await limit()
        return time.monotonic() - before

    took = await asyncio.gather(*(timed(limit) for limit in (wait_for, total, sock_read, context)))
    assert all(0.29 <= seconds < 3.0 for seconds in took), took


# A blocked or busy main thread


async def three_blocked_seconds_make_no_false_timeout(host) -> None:
    """Lines come every 150 ms, each reader allows 1 s of silence, and the main thread stands still for 3 s."""
    url = host.plain + "/drip?n=24&gap=0.15"
    counts = {}

    async def wait_for() -> None:
        async with host.session() as session, session.get(url) as response:
            while await asyncio.wait_for(response.content.readline(), 1.0):
                counts["wait_for"] = counts.get("wait_for", 0) + 1

    async def context() -> None:
        async with host.session() as session, session.get(url) as response:
            line = b"first"
            while line:
                async with async_timeout(1.0):
                    line = await response.content.readline()
                counts["context"] = counts.get("context", 0) + bool(line)

    async def sock_read(base: str, name: str, **options) -> None:
        session = host.session(timeout=aiohttp.ClientTimeout(total=None, sock_read=1.0))
        async with session, session.get(base + "/drip?n=24&gap=0.15", **options) as response:
            async for _ in response.content:
                counts[name] = counts.get(name, 0) + 1

    host.after(0.5, lambda: time.sleep(3))
    before = time.monotonic()
    await asyncio.gather(
        wait_for(), context(), sock_read(host.plain, "plain"), sock_read(host.secure, "secure", ssl=host.trust)
    )
    assert time.monotonic() - before > 3.4
    assert counts == {"wait_for": 24, "context": 24, "plain": 24, "secure": 24}


async def a_silent_server_times_out_although_the_main_thread_was_blocked(host) -> None:
    async with host.session() as session, session.get(host.plain + "/drip?n=1&gap=0&silent=1") as response:
        await response.content.readline()
        host.after(0.1, lambda: time.sleep(1.5))
        before = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(response.content.readline(), 1.0)
        took = time.monotonic() - before
    # 1.6 s until the main thread is free, 0.25 s of grace.
    assert 1.6 <= took < 5.0, took


async def callbacks_that_never_end_leave_qt_its_turns(host) -> None:
    ticks = []
    timer = QtCore.QTimer()
    timer.timeout.connect(lambda: ticks.append(host.loop.time()))
    timer.start(5)

    def again() -> None:
        if len(ticks) < 20:
            host.loop.call_soon(again)

    again()
    await until(lambda: len(ticks) >= 20)
    timer.stop()


# Nested Qt event loops


async def a_dialog_from_a_slot_stops_nothing(host) -> None:
    got, seen = [], []

    def slot(kind) -> None:
        before = len(got)
        open_dialog(0.4, kind)
        seen.append(len(got) - before)

    stream = asyncio.ensure_future(read_lines(host, host.plain + "/drip?n=60&gap=0.02", got))
    await until(lambda: got)
    await host.from_slot(lambda: slot(QtWidgets.QDialog))
    await host.from_slot(lambda: slot(QtWidgets.QMessageBox))
    assert await stream == 60
    assert all(lines >= 3 for lines in seen), seen


async def a_dialog_inside_a_task_stops_no_other_task(host) -> None:
    got, ticks = [], []

    async def tick() -> None:
        while True:
            ticks.append(asyncio.get_running_loop() is host.loop and asyncio.current_task())
            await asyncio.sleep(0.02)

    stream = asyncio.ensure_future(read_lines(host, host.plain + "/drip?n=50&gap=0.02", got))
    ticker = asyncio.ensure_future(tick())
    await until(lambda: got)
    this, lines, rounds = asyncio.current_task(), len(got), len(ticks)
    open_dialog(0.5)
    assert len(got) - lines >= 3
    assert len(ticks) - rounds >= 3
    assert asyncio.current_task() is this
    assert asyncio.get_running_loop() is host.loop
    assert all(task is ticker for task in ticks)
    assert await asyncio.wait_for(stream, 20) == 50
    ticker.cancel()


async def a_timer_rings_while_a_callback_holds_a_dialog(host) -> None:
    rung, at_the_end = [], []

    def hold() -> None:
        open_dialog(0.6)
        at_the_end.extend(rung)

    host.loop.call_later(0.3, rung.append, "timer")
    # Called straight from its timer: nothing else is queued, so only the loop's own alarm can wake it under the dialog.
    host.loop.call_later(0.05, hold)
    await asyncio.sleep(0.5)
    await until(lambda: at_the_end)
    assert at_the_end == ["timer"]


async def process_events_inside_a_task_loses_nothing(host) -> None:
    got = []
    stream = asyncio.ensure_future(read_lines(host, host.plain + "/drip?n=30&gap=0.02", got))
    await until(lambda: got)
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        host.app.processEvents()
    assert await asyncio.wait_for(stream, 20) == 30


async def a_cancel_during_a_dialog_inside_a_task_arrives(host) -> None:
    reached = []

    async def hold() -> None:
        host.after(0.1, task.cancel)
        open_dialog(0.3)
        reached.append("after the dialog")
        await asyncio.sleep(60)

    task = asyncio.ensure_future(hold())
    await asyncio.wait({task}, timeout=20)
    assert task.cancelled()
    assert reached == ["after the dialog"]


async def hop_runs_host_calls_outside_every_task(host) -> None:
    got = []

    async def forty_two() -> int:
        await asyncio.sleep(0.02)
        return 42

    def look():
        return asyncio._get_running_loop(), asyncio.current_task(host.loop), threading.current_thread()

    stream = asyncio.ensure_future(read_lines(host, host.plain + "/drip?n=40&gap=0.02", got))
    await until(lambda: got)
    assert await host_loop.hop(host.loop, look) == (None, None, threading.main_thread())
    assert await host_loop.hop(host.loop, lambda: asyncio.run(forty_two())) == 42
    lines = len(got)
    await host_loop.hop(host.loop, lambda: open_dialog(0.3))
    assert len(got) - lines >= 3
    assert await stream == 40


async def hop_waits_until_no_task_holds_a_dialog(host) -> None:
    seen = []

    async def hop() -> None:
        seen.append(await host_loop.hop(host.loop, lambda: asyncio._get_running_loop()))

    task = asyncio.ensure_future(hop())
    await asyncio.sleep(0)
    open_dialog(0.2)
    assert seen == []
    await asyncio.wait_for(task, 20)
    assert seen == [None]


async def hop_hands_over_every_error(host) -> None:
    def stop_iteration() -> None:
        raise StopIteration("end")

    for fn, kind, words in (
        (lambda: 1 / 0, ZeroDivisionError, "division"),
        (lambda: sys.exit(2), RuntimeError, "SystemExit"),
        (stop_iteration, RuntimeError, "StopIteration"),
    ):
        with pytest.raises(kind, match=words):
            await host_loop.hop(host.loop, fn)


async def hop_that_is_cancelled_in_time_never_runs(host) -> None:
    ran = []
    task = asyncio.ensure_future(host_loop.hop(host.loop, lambda: ran.append(1)))
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    await host.from_slot(lambda: None, 0.05)
    assert ran == []


# Other tools on the main thread


async def another_tool_may_run_asyncio(host) -> None:
    got = []

    async def forty_two() -> int:
        await asyncio.sleep(0.05)
        return 42

    def script_editor() -> int:
        assert asyncio._get_running_loop() is None
        return asyncio.run(forty_two())

    def older_tool() -> int:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(forty_two())
        finally:
            loop.close()

    stream = asyncio.ensure_future(read_lines(host, host.plain + "/drip?n=20&gap=0.02", got))
    await until(lambda: got)
    assert await host.from_slot(script_editor) == 42
    assert await host.from_slot(older_tool) == 42
    assert await stream == 20
    assert asyncio.get_running_loop() is host.loop


async def another_tools_event_loop_stays_the_threads_own(host) -> None:
    theirs = asyncio.new_event_loop()
    try:
        await host.from_slot(lambda: asyncio.set_event_loop(theirs))
        await asyncio.sleep(0.02)
        assert asyncio.get_event_loop() is host.loop

        def look():
            return asyncio.get_event_loop_policy().get_event_loop() is theirs

        if sys.version_info < (3, 14):
            assert await host.from_slot(look)
    finally:
        asyncio.set_event_loop(None)
        theirs.close()


async def stop_does_not_quit_the_host(host) -> None:
    quit_events = []
    host.app.aboutToQuit.connect(lambda: quit_events.append(1))
    host.loop.stop()
    await host.from_slot(host.loop.stop, 0.05)
    await asyncio.sleep(0.05)
    assert not quit_events
    assert host.loop.is_running()


# Letting go


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

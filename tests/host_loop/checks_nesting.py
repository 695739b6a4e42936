"""What must hold when dialogs, host calls and other tools run on the main thread in between."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import pytest
from steps import open_dialog, read_lines, until

from nuke_ai_panel_ui import host_loop
from nuke_ai_panel_ui.qt import QtWidgets


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


def quit_host(host) -> None:
    host.app.quit()

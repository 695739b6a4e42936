"""Ways in which a host quits while the panel is at work. Each must leave in silence, with exit code 0."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

from nuke_ai_panel_ui import host_loop
from nuke_ai_panel_ui.qt import QtCore, QtWidgets, exec_dialog


def at_work(host) -> tuple[host_loop.HostLoop, list[str]]:
    """Attach and start what a panel does: two streams, an endless task, a blocking call that hangs, and a session to close."""
    loop = host_loop.attach()
    lines: list[str] = []
    ended: list[str] = []
    sessions = []

    async def stream(url: str, **options) -> None:
        if not sessions:
            sessions.append(host.session())
        try:
            async with sessions[0].get(url + "/drip?n=100000&gap=0.005", **options) as response:
                async for _ in response.content:
                    lines.append(url)
        finally:
            ended.append(url)

    async def close() -> None:
        await sessions[0].close()

    def look() -> None:
        if not loop.is_closed() or asyncio.all_tasks(loop):
            host.problems.add("the loop was not let go")
        if sorted(ended) != sorted([host.plain, host.secure]):
            host.problems.add(f"the streams were not ended: {ended}")
        if not sessions[0].closed:
            host.problems.add("the session is still open")

    loop.add_closer(close)
    loop.spawn(stream(host.plain))
    loop.spawn(stream(host.secure, ssl=host.trust))
    loop.spawn(asyncio.sleep(1000))
    loop.run_in_executor(None, time.sleep, 1000)
    host.at_exit = look
    return loop, lines


def when_streaming(host, lines: list[str], then) -> None:
    """Call ``then`` from Qt as soon as both streams run."""

    def look() -> None:
        if len(lines) > 20 and len(set(lines)) == 2:
            then()
        else:
            QtCore.QTimer.singleShot(10, look)

    look()


def quit_from_a_menu(host) -> None:
    _, lines = at_work(host)
    when_streaming(host, lines, host.app.quit)


def close_the_last_window(host) -> None:
    _, lines = at_work(host)
    host.app.setQuitOnLastWindowClosed(True)
    host.window = QtWidgets.QMainWindow()
    host.window.show()
    when_streaming(host, lines, host.window.close)


def quit_from_inside_a_task(host) -> None:
    loop, lines = at_work(host)

    async def leave() -> None:
        host.app.quit()
        await asyncio.sleep(1000)

    when_streaming(host, lines, lambda: loop.spawn(leave()))


def quit_from_a_callback(host) -> None:
    loop, lines = at_work(host)
    when_streaming(host, lines, lambda: loop.call_soon(host.app.quit))


def quit_under_a_dialog_inside_a_task(host) -> None:
    loop, lines = at_work(host)

    async def ask() -> None:
        host.after(0.1, host.app.quit)
        exec_dialog(QtWidgets.QDialog())
        await asyncio.sleep(1000)

    when_streaming(host, lines, lambda: loop.spawn(ask()))


def quit_under_a_hopped_dialog(host) -> None:
    loop, lines = at_work(host)

    async def ask() -> None:
        await host_loop.hop(loop, lambda: exec_dialog(QtWidgets.QDialog()))

    def show() -> None:
        loop.spawn(ask())
        host.after(0.1, host.app.quit)

    when_streaming(host, lines, show)


def quit_while_a_thread_wakes_the_loop(host) -> None:
    """A thread that nobody joins is held up where it wakes the main thread, until the host is about to end Python."""
    loop = host_loop.attach()
    inside, quitting, outside = threading.Event(), threading.Event(), threading.Event()

    def hold_up(frame, event: str, called) -> None:
        if event == "c_call" and called.__name__ == "emit":
            inside.set()
            quitting.wait(10)
            time.sleep(0.3)
        elif event == "c_return" and called.__name__ == "emit":
            outside.set()

    def call() -> None:
        sys.setprofile(hold_up)
        loop.call_soon_threadsafe(int)

    def leave() -> None:
        if inside.is_set():
            quitting.set()
            host.app.quit()
        else:
            host.after(0.01, leave)

    def look() -> None:
        if not outside.is_set():
            host.problems.add("a thread is still inside Qt")

    host.at_exit = look
    threading.Thread(target=call, daemon=True).start()
    leave()


def quit_without_ever_using_the_panel(host) -> None:
    host_loop.attach()
    host.after(0, host.app.quit)


def quit_after_the_plugin_was_unloaded(host) -> None:
    loop, lines = at_work(host)

    def unload() -> None:
        loop.shutdown()
        host.after(0.05, host.app.quit)

    when_streaming(host, lines, unload)

"""What must hold with other plug-ins' event loops on the main thread. They leave traces, so each check has its own host."""

from __future__ import annotations

import asyncio
import os
import sys
import types

import aiohttp
import pytest
import qasync

from nuke_ai_panel_ui import host_loop
from nuke_ai_panel_ui.qasync_loading import load_qasync
from nuke_ai_panel_ui.qt import BINDING, QtCore

HISTORIC = "Timeout context manager should be used inside a task"


async def ask(host, times: int = 1) -> None:
    """Do what once failed: requests on new sessions with a total time limit."""
    for _ in range(times):
        session = host.session(timeout=aiohttp.ClientTimeout(total=10))
        async with session, session.get(host.plain + "/echo") as response:
            assert response.status == 200
        await asyncio.wait_for(asyncio.sleep(0.01), 10)


def stock_loop(host) -> asyncio.AbstractEventLoop:
    return qasync.QEventLoop(host.app, already_running=True)


def drop(loop) -> None:
    """Close a stock loop, which offers no public way to do so in a running host."""
    loop._QEventLoop__is_running = False
    loop.close()


async def watch(host, loop, got: list[str]) -> None:
    """Be a task of another plug-in for a while."""
    for _ in range(10):
        assert asyncio.get_running_loop() is loop
        await ask(host)
        await asyncio.sleep(0.02)
    got.append("done")


async def finished(host, task: asyncio.Task) -> None:
    """Wait for a task of another loop, which only Qt can do for us, and raise what it raised."""
    arrived = asyncio.get_running_loop().create_future()

    def look() -> None:
        if task.done():
            arrived.set_result(None)
        else:
            host.after(0.02, look)

    look()
    await arrived
    task.result()


def two_stock_loops_raise_the_historic_error(host) -> None:
    first = stock_loop(host)
    others = []

    async def victim() -> None:
        await ask(host)
        arrived = first.create_future()
        host.after(0, lambda: (others.append(stock_loop(host)), arrived.set_result(None)))
        await arrived
        with pytest.raises(RuntimeError) as raised:
            await ask(host)
        assert str(raised.value) == HISTORIC

    def done(task: asyncio.Task) -> None:
        if task.exception() is not None:
            host.problems.add(repr(task.exception()))
        host.after(0, host.answer)
        host.after(0, lambda: [drop(loop) for loop in (first, *others)])

    host.kept = first.create_task(victim())
    host.kept.add_done_callback(done)


def a_coroutine_driven_by_hand_raises_the_historic_error(host) -> None:
    """The other way to it: a coroutine that is resumed from Qt, with no task around it."""
    loop = host_loop.attach()

    async def victim() -> None:
        session = host.session(timeout=aiohttp.ClientTimeout(total=10))
        async with session:
            with pytest.raises(RuntimeError, match=HISTORIC):
                await session.get(host.plain + "/echo")

    coro = victim()

    def step() -> None:
        try:
            with loop.entered():
                waiting_for = coro.send(None)
        except StopIteration:
            pass
        except BaseException as error:
            host.problems.add(repr(error))
        else:
            if waiting_for is not None:
                waiting_for._asyncio_future_blocking = False
            QtCore.QTimer.singleShot(5, step)
            return
        loop.shutdown()
        host.answer()

    step()


async def a_stock_loop_attached_after_ours_harms_neither(host) -> None:
    got: list[str] = []
    await ask(host)
    theirs = await host.from_slot(lambda: stock_loop(host))
    task = theirs.create_task(watch(host, theirs, got))
    await watch(host, host.loop, got)
    await finished(host, task)
    assert got == ["done", "done"]
    # The stock loop has marked the thread. Ours does not make it worse, and a new session still works.
    assert asyncio.get_running_loop() is host.loop
    await ask(host)

    def tidy_up() -> None:
        assert asyncio._get_running_loop() is theirs
        asyncio._set_running_loop(None)
        drop(theirs)

    await host.from_slot(tidy_up)


def a_stock_loop_attached_before_ours_harms_neither(host) -> None:
    got: list[str] = []
    theirs = stock_loop(host)
    host.kept = theirs.create_task(watch(host, theirs, got))
    ours = host_loop.attach()
    if asyncio._get_running_loop() is not theirs:
        host.problems.add("attaching has changed the thread's running loop")

    async def both() -> None:
        await watch(host, ours, got)
        await finished(host, host.kept)
        assert got == ["done", "done"]

    def end(task: asyncio.Task) -> None:
        if task.exception() is not None:
            host.problems.add(repr(task.exception()))
        ours.shutdown()
        asyncio._set_running_loop(None)
        drop(theirs)
        host.answer()

    task = ours.create_task(both())
    task.add_done_callback(lambda task: host.after(0, lambda: end(task)))


async def a_second_loop_of_our_kind_harms_neither(host) -> None:
    """A second copy of the plug-in, or the module loaded again."""
    got: list[str] = []
    second = await host.from_slot(lambda: host_loop.HostLoop(host.app))
    task = second.create_task(watch(host, second, got))
    await watch(host, host.loop, got)
    await finished(host, task)
    assert got == ["done", "done"]
    await host.from_slot(second.shutdown)


async def a_script_on_its_way_through_hop_cannot_raise_the_historic_error(host) -> None:
    await host_loop.hop(host.loop, lambda: stock_loop_and_back(host))
    await ask(host, times=3)
    result = []
    await host_loop.hop(host.loop, lambda: result.append(asyncio.run(ask(host))))
    assert result == [None]


def stock_loop_and_back(host) -> None:
    loop = stock_loop(host)
    asyncio._set_running_loop(None)
    drop(loop)


def our_qasync_fits_our_binding(host) -> None:
    """Another plug-in's qasync, for another binding, is in the process already, and QT_API names that binding."""
    theirs = types.ModuleType("qasync")
    theirs.QtModuleName = "PyQt5"
    part = types.ModuleType("qasync._common")
    for name in [name for name in sys.modules if name.partition(".")[0] == "qasync"]:
        del sys.modules[name]
    sys.modules.update({"qasync": theirs, "qasync._common": part})
    os.environ["QT_API"] = "pyqt5"
    try:
        ours = load_qasync()
        assert ours.QtModuleName == BINDING
        assert os.environ["QT_API"] == "pyqt5"
        assert sys.modules["qasync"] is theirs
        assert sys.modules["qasync._common"] is part
        assert "qasync._unix" not in sys.modules
    finally:
        del os.environ["QT_API"]
    host.answer()


def quit_host(host) -> None:
    host.app.quit()

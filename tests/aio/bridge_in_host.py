"""A program of its own: a Qt application that runs, attaches the host loop, and reads what threads feed. Prints JSON."""

from __future__ import annotations

import json
import os
import sys
import threading
import warnings

from nuke_ai_panel.aio.bridge import Bridge
from nuke_ai_panel_ui import host_loop
from nuke_ai_panel_ui.qt import QtCore, QtWidgets, exec_app

warnings.simplefilter("error")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
TELL = {"shown": [], "ends": [], "read": [], "threads": [], "refused": "", "closed": False}
closed = threading.Event()


def endless():
    number = 0
    try:
        while True:
            yield number
            number += 1
    finally:
        closed.set()


def start(app) -> None:
    """What a slot of the panel does: no event loop is the running one here."""
    loop = host_loop.attach()
    bridge = Bridge(limit=16, name="model")
    try:
        bridge.listen(print)
    except ValueError as error:
        TELL["refused"] = str(error)

    def show(number) -> None:
        TELL["shown"].append(number)
        TELL["threads"].append(threading.current_thread() is threading.main_thread())

    bridge.listen(show, lambda error: TELL["ends"].append(repr(error)), loop=loop)
    reader = bridge.reader()

    async def read() -> None:
        async for number in reader:
            TELL["read"].append(number)
        # The host quits while another producer runs and its reader waits on this loop.
        running = Bridge(limit=4)
        kept.append(running.reader())
        running.run(endless())
        assert await kept[0].__anext__() == 0
        app.quit()

    kept = []
    bridge.run(iter(range(500)))
    loop.spawn(read())


def main() -> None:
    app = QtWidgets.QApplication(["host"])
    QtCore.QTimer.singleShot(0, lambda: start(app))
    QtCore.QTimer.singleShot(30_000, lambda: os._exit(3))
    code = exec_app(app)
    TELL["closed"] = closed.wait(20)
    TELL["threads"] = sorted(set(TELL["threads"]))
    print(json.dumps(TELL), flush=True)
    sys.exit(code)


main()

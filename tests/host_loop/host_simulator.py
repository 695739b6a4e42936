"""Be a Qt host: an application runs first, and plug-ins come later. Runs the checks named on standard input.

Usage: ``host_simulator.py CHECKS.py ADDRESSES_JSON``. Each check is a coroutine function that gets a `Host`; it runs as a task
on a `HostLoop` that is attached from a Qt timer and let go again afterwards. The answer is one JSON line: what ended, and a
list of what went wrong, as text. The end of the application's exec is told likewise. Python warnings, unraisable errors, log
records from WARNING on and Qt warnings count as wrong.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import json
import logging
import os
import pathlib
import ssl
import sys
import threading
import traceback
import warnings

import aiohttp

from nuke_ai_panel_ui import host_loop
from nuke_ai_panel_ui.qt import QtCore, QtWidgets, Signal, exec_app


class Problems(logging.Handler):
    """Collect everything that would show up in an artist's terminal."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []
        logging.getLogger().addHandler(self)
        sys.unraisablehook = lambda args: self.add(
            f"unraisable: {args.err_msg} {args.object!r}\n"
            + "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
        )
        sys.excepthook = lambda *args: self.add("uncaught: " + "".join(traceback.format_exception(*args)))
        QtCore.qInstallMessageHandler(self.add_qt_message)

    def add_qt_message(self, kind, context, text: str) -> None:
        # The offscreen platform says this of every dialog.
        if "propagateSizeHints" not in text:
            self.add(f"Qt: {text}")

    def emit(self, record: logging.LogRecord) -> None:
        self.add(f"log: {logging.Formatter().format(record)}")

    def add(self, text: str) -> None:
        self.seen.append(text)

    def take(self) -> list[str]:
        seen, self.seen = self.seen, []
        return seen


class Host(QtCore.QObject):
    """The host application as a check sees it."""

    requested = Signal(str)

    def __init__(self, app: QtWidgets.QApplication, checks, addresses: dict[str, str]) -> None:
        super().__init__()
        self.app, self.checks = app, checks
        self.plain, self.named, self.secure = addresses["plain"], addresses["named"], addresses["secure"]
        self.trust = ssl.create_default_context(cafile=addresses["ca"])
        self.problems = Problems()
        self.loop: host_loop.HostLoop
        self.at_exit = lambda: None
        self.requested.connect(self.begin)

    @staticmethod
    def after(seconds: float, slot) -> None:
        """Call ``slot`` from Qt, as a menu entry or a key press of the host would."""
        QtCore.QTimer.singleShot(int(seconds * 1000), slot)

    def session(self, **options) -> aiohttp.ClientSession:
        options.setdefault("timeout", aiohttp.ClientTimeout(total=None, sock_connect=10))
        return aiohttp.ClientSession(**options)

    async def from_slot(self, fn, delay: float = 0.0):
        """Call ``fn`` from Qt while this task sleeps, and return what it returned; raise what it raised."""
        result = self.loop.create_future()

        def slot() -> None:
            try:
                value = fn()
            except Exception as error:
                result.set_exception(error)
            else:
                result.set_result(value)

        self.after(delay, slot)
        return await result

    def begin(self, name: str) -> None:
        self.name = name
        check = getattr(self.checks, name)
        if not inspect.iscoroutinefunction(check):
            # A check that is not a coroutine drives everything itself and answers by host.answer.
            try:
                check(self)
            except Exception:
                self.problems.add(traceback.format_exc())
                self.answer()
            return
        self.loop = host_loop.attach()
        task = self.loop.create_task(check(self))
        task.add_done_callback(lambda task: self.after(0, lambda: self.end(task)))

    def end(self, task: asyncio.Task) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self.problems.add("".join(traceback.format_exception(type(error), error, error.__traceback__)))
        self.loop.shutdown()
        if not self.loop.is_closed():
            self.problems.add("the loop is not closed after shutdown")
        if asyncio._get_running_loop() is not None:
            self.problems.add("a running loop is left behind on the main thread")
        del task, error
        self.answer()

    def answer(self) -> None:
        gc.collect()
        print(json.dumps({"end of": self.name, "problems": self.problems.take()}), flush=True)


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QtWidgets.QApplication(["host"])
    app.setQuitOnLastWindowClosed(False)
    path = pathlib.Path(sys.argv[1])
    sys.path.insert(0, str(path.parent))
    host = Host(app, importlib.import_module(path.stem), json.loads(sys.argv[2]))
    warnings.simplefilter("error")

    on_the_way = threading.Lock()

    def read_requests() -> None:
        for line in sys.stdin:
            with on_the_way:
                host.requested.emit(line.strip())
        os._exit(1)

    threading.Thread(target=read_requests, daemon=True).start()
    code = exec_app(app)
    # The slot may have run before the thread is out of emit. PySide6 6.12 asks there for a Python error without looking whether
    # Python is at its end, which is a segmentation fault. A host's own threads are no Python threads that emit at its end.
    with on_the_way:
        pass
    host.at_exit()
    problems = host.problems.take() + ([] if code == 0 else [f"exec returned {code}"])
    print(json.dumps({"end of": "exec", "problems": problems}), flush=True)


main()

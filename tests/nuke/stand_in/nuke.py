"""A ``nuke`` for the tests of start-up and docking: menus, panes and the main thread here, nodes by our engine.

The engine is asked for when the first call needs it, so that a start-up file can be watched importing nothing of ours. Where
Nuke's behaviour is known it is kept: paths are relative to the calling file, ``executeInMainThreadWithResult`` prints an
exception and returns None, menu commands run inside an undo group.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback

env = {
    "gui": True,
    "interactive": True,
    "nc": False,
    "indie": False,
    "NukeVersionMajor": 16,
    "NukeVersionMinor": 0,
    "NukeVersionRelease": 8,
    "NukeVersionString": "16.0v8",
}
GUI = True

added_paths = []
messages = []
script = b"version 16.0 v8\nRoot {\n inputs 0\n}\n"
_engine = None
_calls = queue.Queue()


def pluginAddPath(path):
    """Relative to the file that calls, first on the list, and on sys.path."""
    if path.startswith("."):
        caller = sys._getframe(1).f_globals["__file__"]
        path = os.path.normpath(os.path.join(os.path.dirname(caller), path))
    added_paths.insert(0, path)
    sys.path.insert(0, path)


def message(text):
    messages.append(text)


class MenuItem:
    def __init__(self, name, command):
        self._name, self._command = name, command

    def name(self):
        return self._name

    def invoke(self):
        """Choose the item: the command runs inside an undo group that Nuke opens."""
        undo = _module().Undo()
        undo.begin(self._name)
        try:
            self._command()
        finally:
            undo.end()


class Menu:
    def __init__(self, name):
        self._name = name
        self._items = []

    def name(self):
        return self._name

    def items(self):
        return list(self._items)

    def addMenu(self, name, icon="", tooltip="", index=-1):
        found = self.findItem(name)
        if not isinstance(found, Menu):
            found = Menu(name)
            self._items.append(found)
        return found

    def addCommand(self, name, command="", shortcut="", icon="", tooltip="", index=-1):
        assert callable(command) or isinstance(command, str)
        item = MenuItem(name, command)
        self._items.append(item)
        return item

    def addSeparator(self):
        self._items.append(MenuItem("", None))

    def findItem(self, name):
        return next((item for item in self._items if item.name() == name), None)


_menus = {name: Menu(name) for name in ("Nuke", "Nodes", "Pane", "Viewer", "Animation")}


def menu(name):
    return _menus[name]


panes = {}


def getPaneFor(name):
    return panes.get(name)


# The main thread


def executeInMainThread(call, args=(), kwargs=None):
    _calls.put((call, args if isinstance(args, tuple) else (args,), kwargs or {}, None, None))


def executeInMainThreadWithResult(call, args=(), kwargs=None):
    assert threading.current_thread() is not threading.main_thread(), "from the main thread this hangs"
    done, box = threading.Event(), [None]
    _calls.put((call, args if isinstance(args, tuple) else (args,), kwargs or {}, done, box))
    done.wait()
    return box[0]


def serve_main_thread(seconds=0.05):
    """One turn of Nuke's main loop: run what other threads asked for, for at most so long."""
    try:
        call, args, kwargs, done, box = _calls.get(timeout=seconds)
    except queue.Empty:
        return
    try:
        result = call(*args, **kwargs)
        if box is not None:
            box[0] = result
    except Exception:
        traceback.print_exc()
    finally:
        if done is not None:
            done.set()


# Nodes


def _module():
    global _engine
    if _engine is None:
        from nuke_ai_panel import nk

        _engine = nk.emulate(nk.loads(script))
    return _engine


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_module(), name)

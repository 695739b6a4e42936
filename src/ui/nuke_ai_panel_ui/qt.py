"""Name the Qt binding, once, and expose Qt 6 names on PySide2 and PySide6 alike.

Nuke 13 to 15 ship PySide2 (Qt 5.15), Nuke 16 and later PySide6 (Qt 6.5). Every other module writes
``from nuke_ai_panel_ui.qt import QtCore, QtWidgets, Signal`` and the code that Qt 6 documents.

A binding that the host has imported already is always taken: two bindings in one process crash.
Type checkers see PySide6, unresolved (see ``[tool.mypy]`` in pyproject.toml): the stubs of the bindings contradict each other.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PySide6 import QtCore, QtGui, QtWidgets
    from PySide6.QtCore import Qt, Signal, Slot
    from PySide6.QtGui import QAction, QShortcut

    BINDING: str
    _shiboken: Any
else:

    def _choose_binding() -> str:
        for name in ("PySide6", "PySide2"):
            if f"{name}.QtCore" in sys.modules:
                return name
        for name in ("PySide6", "PySide2"):
            try:
                importlib.import_module(f"{name}.QtWidgets")
            except ImportError:
                continue
            return name
        raise ImportError("The panel needs PySide6 or PySide2, and neither can be imported. Nuke brings its own.")

    BINDING = _choose_binding()
    QtCore = importlib.import_module(f"{BINDING}.QtCore")
    QtGui = importlib.import_module(f"{BINDING}.QtGui")
    QtWidgets = importlib.import_module(f"{BINDING}.QtWidgets")
    _shiboken = importlib.import_module("shiboken6" if BINDING == "PySide6" else "shiboken2")
    Qt = QtCore.Qt
    Signal = QtCore.Signal
    Slot = QtCore.Slot
    # Qt 6 moved these two from QtWidgets to QtGui.
    QAction = QtGui.QAction if BINDING == "PySide6" else QtWidgets.QAction
    QShortcut = QtGui.QShortcut if BINDING == "PySide6" else QtWidgets.QShortcut

QT6: bool = BINDING == "PySide6"

__all__ = [
    "BINDING",
    "QT6",
    "QAction",
    "QShortcut",
    "Qt",
    "QtCore",
    "QtGui",
    "QtWidgets",
    "Signal",
    "Slot",
    "event_position",
    "exec_app",
    "exec_dialog",
    "exec_menu",
    "is_valid",
]


def is_valid(obj: object) -> bool:
    """Tell whether the C++ object behind a Qt wrapper still exists; False for None."""
    return obj is not None and bool(_shiboken.isValid(obj))


def event_position(event: Any) -> QtCore.QPointF:
    """Return where a mouse, hover, drop or wheel event happened, in the receiving widget's pixels."""
    if hasattr(event, "position"):
        return event.position()
    # Qt 5 answers with QPointF from localPos or posF and with QPoint from pos.
    return event.localPos() if hasattr(event, "localPos") else QtCore.QPointF(event.pos())


def exec_dialog(dialog: QtWidgets.QDialog) -> int:
    """Run a dialog modally and return its result code. Never call it inside a task step: see ``host_loop.hop``."""
    return int(dialog.exec() if QT6 else dialog.exec_())


def exec_app(app: QtCore.QCoreApplication) -> int:
    """Run the application's event loop and return its exit code. Only a window of our own does this, never a plug-in."""
    return int(app.exec() if QT6 else app.exec_())


def exec_menu(menu: QtWidgets.QMenu, pos: QtCore.QPoint) -> QtGui.QAction | None:
    """Show a menu at a screen position until it closes, and return the chosen action or None."""
    return menu.exec(pos) if QT6 else menu.exec_(pos)

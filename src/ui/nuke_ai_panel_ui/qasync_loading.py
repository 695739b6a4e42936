"""Bring in qasync beside whatever other plug-ins of the same process do with it."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

from nuke_ai_panel_ui.qt import BINDING

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["load_qasync"]


def load_qasync() -> ModuleType:
    """Import qasync for our binding, whatever QT_API says and whichever binding another plug-in's qasync uses."""
    # qasync obeys QT_API (studios set it for qtpy), then takes the first binding it finds in sys.modules, PyQt5 before ours.
    foreign = {}
    loaded = sys.modules.get("qasync")
    if loaded is not None and getattr(loaded, "QtModuleName", None) != BINDING:
        foreign = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "qasync"}
    before = os.environ.get("QT_API")
    os.environ["QT_API"] = BINDING.lower()
    try:
        return importlib.import_module("qasync")
    finally:
        if before is None:
            del os.environ["QT_API"]
        else:
            os.environ["QT_API"] = before
        if foreign:
            for name in [name for name in sys.modules if name.partition(".")[0] == "qasync"]:
                del sys.modules[name]
            sys.modules.update(foreign)

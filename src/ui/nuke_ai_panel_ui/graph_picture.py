"""A picture of the node graph as PNG: the SVG of ``nuke_ai_panel.nk.drawing``, painted by Qt's SVG image plug-in."""

from __future__ import annotations

import os
import sys

from nuke_ai_panel_ui.qt import QtCore, QtGui

__all__ = ["svg_to_png"]

# Qt does not keep an application that was made here; without a reference it is gone at once.
_own_application: list[QtGui.QGuiApplication] = []


def svg_to_png(svg: bytes) -> bytes:
    """Return an SVG picture as PNG, in its own size; makes the Qt application that text needs where there is none.

    Raises: ValueError where this Qt has no SVG plug-in or cannot read the picture.
    """
    if QtGui.QGuiApplication.instance() is None:
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        _own_application.append(QtGui.QGuiApplication([]))
    image = QtGui.QImage()
    if not image.loadFromData(QtCore.QByteArray(svg), "SVG"):
        raise ValueError("this Qt cannot read SVG")
    data = QtCore.QByteArray()
    buffer = QtCore.QBuffer(data)
    buffer.open(
        QtCore.QIODevice.OpenModeFlag.WriteOnly if hasattr(QtCore.QIODevice, "OpenModeFlag") else QtCore.QIODevice.WriteOnly
    )
    try:
        if not image.save(buffer, "PNG"):
            raise ValueError("this Qt cannot write PNG")
    finally:
        buffer.close()
    return bytes(data.data())

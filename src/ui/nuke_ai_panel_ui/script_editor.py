"""Putting text into Nuke's Script Editor, without running it.

Nuke has no call for that. Public plug-ins that do it (Nuke 12 to 15) find the editor's pane among the application's widgets by
its object name, which holds ``scripteditor``, and in it the one plain text field that can be written to: the upper one, which
shows output, is read-only. None of this was tried in a Nuke; where the field is not found, nothing happens and False is told.
"""

from __future__ import annotations

from nuke_ai_panel_ui.qt import QtGui, QtWidgets, is_valid

__all__ = ["insert"]


def insert(code: str) -> bool:
    """Add `code` below what stands in the Script Editor and give it the focus; False where there is no open editor."""
    field = _input_field()
    if field is None:
        return False
    cursor = field.textCursor()
    cursor.movePosition(QtGui.QTextCursor.MoveOperation.End)
    # One step, so that Ctrl+Z in the editor takes all of it back.
    cursor.beginEditBlock()
    if field.toPlainText() and not field.toPlainText().endswith("\n"):
        cursor.insertText("\n")
    cursor.insertText(code)
    cursor.endEditBlock()
    field.setTextCursor(cursor)
    field.window().raise_()
    field.setFocus()
    return True


def _input_field() -> QtWidgets.QPlainTextEdit | None:
    for widget in QtWidgets.QApplication.allWidgets():
        if is_valid(widget) and "scripteditor" in widget.objectName().lower():
            for field in widget.findChildren(QtWidgets.QPlainTextEdit):
                if not field.isReadOnly():
                    return field
    return None

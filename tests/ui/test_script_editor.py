"""Insert puts code into the field of an editor that is built as public plug-ins describe Nuke's."""

from __future__ import annotations

import pytest

from nuke_ai_panel_ui import script_editor
from nuke_ai_panel_ui.qt import QtCore, QtWidgets


@pytest.fixture
def editor(qtbot):
    """A pane with a read-only output above and an input below."""
    pane = QtWidgets.QWidget()
    qtbot.addWidget(pane)
    pane.setObjectName("uk.co.thefoundry.scripteditor.1")
    rows = QtWidgets.QVBoxLayout(pane)
    splitter = QtWidgets.QSplitter()
    rows.addWidget(splitter)
    output = QtWidgets.QPlainTextEdit("# Result:")
    output.setReadOnly(True)
    splitter.addWidget(output)
    made = QtWidgets.QPlainTextEdit()
    splitter.addWidget(made)
    pane.show()
    yield made
    pane.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))


def test_insert_adds_below_what_is_there_and_is_one_step(editor):
    editor.setPlainText("print(1)")
    assert script_editor.insert("import nuke\nprint(2)\n")
    assert editor.toPlainText() == "print(1)\nimport nuke\nprint(2)\n"
    editor.undo()
    assert editor.toPlainText() == "print(1)"


def test_insert_says_when_no_editor_is_open(qtbot):
    assert not script_editor.insert("print(1)\n")

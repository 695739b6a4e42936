from __future__ import annotations

from pathlib import Path

import pytest

from nuke_ai_panel_ui.qt import QtCore, QtWidgets
from nuke_ai_panel_ui.standalone import StandaloneWindow

LIMIT = 20_000


def _answer_dialog(answer):
    """Call `answer` with the next modal dialog as soon as it is shown; a dialog that `answer` fails on is closed."""
    timer = QtCore.QTimer()

    def look():
        dialog = QtWidgets.QApplication.activeModalWidget()
        if dialog is None or not dialog.isVisible():
            return
        timer.stop()
        try:
            answer(dialog)
        except BaseException:
            dialog.reject()
            raise

    timer.timeout.connect(look)
    timer.start(20)
    return timer


@pytest.fixture
def window(qtbot, host, controller):
    made = StandaloneWindow(host, controller)
    made.show()
    qtbot.waitUntil(lambda: not controller.is_looking, timeout=LIMIT)
    yield made
    made.forget_changes()
    made.close()
    made.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))


def test_window_shows_the_script_and_whether_it_was_changed(window, host):
    assert window.windowTitle().startswith("hero_v012.nk[*]")
    assert not window.isWindowModified()
    host.set_knob("Grade1", "white", "2")
    window.show_state()
    assert window.isWindowModified()


def test_save_writes_the_script_to_its_file(qtbot, window, host):
    host.set_knob("Grade1", "white", "2")
    with qtbot.waitSignal(window.saved) as saved:
        window.save_action.trigger()
    written = saved.args[0]
    assert written == host.script_name()
    assert " white 2\n" in Path(written).read_text()
    assert not window.isWindowModified()


def test_run_of_a_proposal_marks_the_window_as_changed(qtbot, window, controller, server):
    server.answer = ["```python\nimport nuke\nnuke.nodes.Blur(name='Soft')\n```\n"]
    controller.send("soften it")
    qtbot.waitUntil(lambda: 1 in controller.record.proposals, timeout=LIMIT)
    controller.desk.apply(1)
    assert window.isWindowModified()
    controller.desk.undo(1)
    assert not window.isWindowModified()


def test_save_as_asks_for_a_file_and_adds_the_ending(qtbot, window, host, tmp_path):
    def answer(dialog):
        dialog.findChild(QtWidgets.QLineEdit).setText(str(tmp_path / "other"))
        dialog.accept()

    timer = _answer_dialog(answer)
    window.save_as_action.trigger()
    assert not timer.isActive()
    assert (tmp_path / "other.nk").exists()
    assert window.windowTitle().startswith("other.nk[*]")


@pytest.mark.parametrize(
    ("choice", "closes", "saves"), [("Save", True, True), ("Discard", True, False), ("Cancel", False, False)]
)
def test_closing_with_changes_asks_what_to_do(qtbot, window, host, choice, closes, saves):
    host.set_knob("Grade1", "white", "2")

    timer = _answer_dialog(lambda box: box.button(getattr(QtWidgets.QMessageBox.StandardButton, choice)).click())
    assert window.close() is closes
    assert not timer.isActive()
    assert (" white 2\n" in Path(host.script_name()).read_text()) is saves

"""Selecting, copying, links and keys."""

from __future__ import annotations

import pytest

from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets
from nuke_ai_panel_ui.transcript.block_rows import CodeRow, TextRow
from nuke_ai_panel_ui.transcript.rows import HeadRow

CODE = "import nuke\nnuke.nodes.Merge2()"


@pytest.fixture
def talk(reader):
    reader.view.add_message("user", "How do I merge?")
    reader.view.add_message(
        "assistant",
        f"Use `Merge2` like [this](https://example.com/merge) now:\n\n```python\n{CODE}\n```\n\nDone with it **now**.",
        "model",
    )
    reader.settle()
    return reader


def test_drag_selects_across_paragraph_code_and_paragraph(talk):
    first, last = talk.rows(TextRow)[1:3]
    talk.drag((13, first.y + 9), (400, last.y + last.height - 4))
    assert talk.copy() == f"Use Merge2 like this now:\n\n{CODE}\n\nDone with it now."


def test_drag_upwards_selects_the_same(talk):
    first, last = talk.rows(TextRow)[1:3]
    talk.drag((400, last.y + last.height - 4), (13, first.y + 9))
    assert talk.copy() == f"Use Merge2 like this now:\n\n{CODE}\n\nDone with it now."


def test_drag_inside_code_copies_exactly_that(talk):
    item = talk.rows(CodeRow)[0]
    top = item.y + item.height - 18
    talk.drag((18, top), (411, top))
    assert talk.copy() == "nuke.nodes.Merge2()"


def test_shift_click_extends(talk):
    first, last = talk.rows(TextRow)[1:3]
    talk.click(13, first.y + 9)
    point = QtCore.QPoint(400, last.y + last.height - 4)
    talk.qtbot.mouseClick(talk.viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, point)
    assert talk.copy().startswith("Use Merge2")
    assert talk.copy().endswith("now.")


def test_double_click_selects_a_word(talk):
    last = talk.rows(TextRow)[2]
    talk.qtbot.mouseDClick(talk.viewport, Qt.MouseButton.LeftButton, pos=QtCore.QPoint(25, last.y + 14))
    assert talk.view.selected_text() == "Done"


def test_select_all_copies_titles_between_messages(talk):
    talk.qtbot.keyClick(talk.view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert talk.copy() == f"How do I merge?\n\nmodel:\n\nUse Merge2 like this now:\n\n{CODE}\n\nDone with it now."


def test_lists_and_tables_keep_their_form(reader):
    table = "| Node | Gain |\n|---|---|\n| Grade1 | 2 |"
    reader.view.add_message("assistant", f"- one\n- **two**\n  - deep\n\n4. four\n5. five\n\n{table}\n", "model")
    assert reader.everything() == f"- one\n- two\n  - deep\n\n4. four\n5. five\n\n{table}"
    first = reader.rows(TextRow)[0]
    # From the middle of the first item: what is seen, with the marks of the items that begin inside.
    reader.drag((60, first.y + 12), (400, first.y + first.height - 3))
    assert reader.copy().endswith("- two\n  - deep\n4. four\n5. five")
    assert "- one" not in reader.copy()


def test_selection_is_painted_over_inline_code_too(talk):
    plain = talk.picture()
    talk.view.select_all()
    painted = talk.picture()
    for item in (*talk.rows(TextRow), *talk.rows(CodeRow)):
        strip = [(x, y) for x in range(12, 120) for y in range(item.y + 10, item.y + item.height - 2)]
        assert sum(plain.pixel(x, y) != painted.pixel(x, y) for x, y in strip) > 100


def test_copy_without_a_selection_keeps_the_clipboard(talk):
    QtWidgets.QApplication.clipboard().setText("mine")
    talk.qtbot.keyClick(talk.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QtWidgets.QApplication.clipboard().text() == "mine"


def test_copy_is_kept_from_the_hosts_menus(talk):
    for key in (Qt.Key.Key_C, Qt.Key.Key_A):
        event = QtGui.QKeyEvent(QtCore.QEvent.Type.ShortcutOverride, key, Qt.KeyboardModifier.ControlModifier)
        event.ignore()
        QtWidgets.QApplication.sendEvent(talk.view, event)
        assert event.isAccepted()
    event = QtGui.QKeyEvent(QtCore.QEvent.Type.ShortcutOverride, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    event.ignore()
    QtWidgets.QApplication.sendEvent(talk.view, event)
    assert not event.isAccepted()


def test_selection_survives_scrolling_away(reader, samples):
    reader.view.add_message("assistant", "Remember **these** words.\n\n" + samples(3, 60), "model")
    reader.settle()
    reader.view.verticalScrollBar().setValue(0)
    first = reader.rows(TextRow)[0]
    reader.drag((0, first.y + 8), (415, first.y + 12))
    selected = reader.view.selected_text()
    assert selected == "Remember these words."
    bar = reader.view.verticalScrollBar()
    for place in range(1, 11):
        bar.setValue(bar.maximum() * place // 10)
        reader.settle()
    assert reader.view.selected_text() == selected


# Links


def test_links_open_only_for_web_addresses(reader):
    reader.view.add_message("assistant", "[good](https://example.com/a) [file](file:///etc/passwd) [js](javascript:alert(1)) x")
    opened = []
    reader.view.link_activated.connect(opened.append)
    item = reader.rows(TextRow)[0]
    for x in range(12, 410, 5):
        for y in range(item.y + 10, item.y + item.height, 14):
            reader.click(x, y)
    assert set(opened) == {"https://example.com/a"}


def test_dragging_over_a_link_opens_nothing(talk):
    opened = []
    talk.view.link_activated.connect(opened.append)
    item = talk.rows(TextRow)[1]
    talk.drag((13, item.y + 12), (300, item.y + 12))
    assert opened == []
    assert talk.view.selected_text().startswith("Use Merge2 like this")


def test_pointer_shows_what_is_a_link(talk):
    item = talk.rows(TextRow)[1]
    shapes = set()
    for x in range(12, 400, 4):
        talk.move(x, item.y + 12)
        shapes.add(talk.viewport.cursor().shape())
    assert shapes == {Qt.CursorShape.PointingHandCursor, Qt.CursorShape.IBeamCursor}


# Messages and keys


def test_message_bar_acts_on_the_message_under_the_mouse(talk):
    acted = []
    talk.view.message_action.connect(lambda *values: acted.append(values))
    user, answer = talk.rows(TextRow)[:2]
    talk.move(200, user.y + 12)
    assert {"Copy message", "Edit message"} <= talk.buttons()
    assert "Retry message" not in talk.buttons()
    talk.qtbot.mouseClick(talk.button("Edit message"), Qt.MouseButton.LeftButton)
    talk.move(200, answer.y + 12)
    talk.qtbot.mouseClick(talk.button("Retry message"), Qt.MouseButton.LeftButton)
    talk.qtbot.mouseClick(talk.button("Copy message"), Qt.MouseButton.LeftButton)
    assert acted == [("edit", 0), ("retry", 1), ("copy", 1)]
    assert QtWidgets.QApplication.clipboard().text() == talk.view.message_text(1)


def test_streaming_answer_cannot_be_retried(reader):
    reader.view.begin_answer("model")
    reader.view.feed("Some text")
    item = reader.rows(TextRow)[0]
    reader.move(100, item.y + 12)
    assert "Retry message" not in reader.buttons()
    assert "Copy message" in reader.buttons()
    reader.view.end_answer()


def test_keys_go_from_message_to_message(reader, samples):
    reader.view.set_messages([("assistant", f"Number {n}. {samples(n, 5)}", f"title {n}") for n in range(30)])
    reader.settle()
    reader.view.setFocus()
    bar = reader.view.verticalScrollBar()
    reader.qtbot.keyClick(reader.view, Qt.Key.Key_Home)
    reader.settle()
    assert bar.value() == 0
    for number in (0, 1, 2):
        reader.qtbot.keyClick(reader.view, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
        reader.settle()
        top = reader.rows(HeadRow)[0]
        assert reader.view.accessibleDescription().startswith(f"title {top.row.message.number}: Number")
        assert top.row.is_current
        assert top.row.message.number in (number, number + 1)
    reader.qtbot.keyClick(reader.view, Qt.Key.Key_End)
    reader.settle()
    assert bar.value() == bar.maximum()
    page = bar.value()
    reader.qtbot.keyClick(reader.view, Qt.Key.Key_PageUp)
    reader.settle()
    assert bar.value() < page


def test_dragging_below_the_edge_scrolls_on(reader, samples):
    reader.view.add_message("assistant", samples(8, 60))
    bar = reader.view.verticalScrollBar()
    bar.setValue(0)
    reader.settle()
    reader.qtbot.mousePress(reader.viewport, Qt.MouseButton.LeftButton, pos=QtCore.QPoint(20, 60))
    reader.move(60, reader.viewport.height() + 30, pressed=True)
    reader.qtbot.waitUntil(lambda: bar.value() > 200, timeout=5000)
    reader.qtbot.mouseRelease(reader.viewport, Qt.MouseButton.LeftButton, pos=QtCore.QPoint(60, reader.viewport.height() - 5))
    value = bar.value()
    reader.settle()
    assert bar.value() == value
    assert len(reader.view.selected_text()) > 200


def test_screen_shows_what_a_full_repaint_would(reader, samples):
    """Only changed rows are repainted; the result must not differ from painting everything."""
    window = reader.view
    if QtWidgets.QApplication.platformName() == "offscreen":
        pytest.skip("the offscreen platform has no screen to look at")
    window.add_message("assistant", samples(7, 20))
    window.begin_answer("model")
    bar = window.verticalScrollBar()

    def check():
        reader.settle()
        reader.qtbot.wait(60)
        screen = window.screen() if hasattr(window, "screen") else QtWidgets.QApplication.primaryScreen()
        grabbed = screen.grabWindow(window.winId()).toImage().convertToFormat(QtGui.QImage.Format.Format_RGB32)
        assert grabbed == window.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB32)

    for number, piece in enumerate(samples(6, 14).split(" ")):
        window.feed(piece + " ")
        if number % 40 == 0:
            bar.setValue(bar.maximum() - (number % 3) * 77)
            check()
    window.to_bottom()
    window.feed("\n\nNow")
    for word in ["one", "short", "word", "at", "a", "time", "that", "wraps", "into", "a", "second", "line"]:
        check()
        window.feed(f" {word}")
    window.end_answer()

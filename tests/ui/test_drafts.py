"""The message that is being written: the same in every panel, kept while panels come and go, lost to nothing but sending."""

from __future__ import annotations

import pytest

from nuke_ai_panel_ui.draft import Draft
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, is_valid

LIMIT = 20_000
CLAPPER = "\U0001f3ac"


def _type(qtbot, panel, text):
    panel.composer.prompt.setFocus()
    qtbot.keyClicks(panel.composer.prompt, text)


def _send(qtbot, panel, controller, text):
    _type(qtbot, panel, text)
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not controller.is_busy, timeout=LIMIT)


def _caret(panel, place=None):
    prompt = panel.composer.prompt
    if place is not None:
        cursor = prompt.textCursor()
        cursor.setPosition(place)
        prompt.setTextCursor(cursor)
    return prompt.textCursor().position()


def _destroy(panel):
    panel.close()
    panel.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))
    assert not is_valid(panel)


# two panels


def test_what_is_written_in_one_panel_stands_in_the_other(qtbot, panel, open_panel):
    other = open_panel()
    _type(qtbot, panel, "half a thou")
    assert other.composer.text == "half a thou"
    assert other.composer.send.isEnabled()
    _type(qtbot, other, "ght")
    assert panel.composer.text == "half a thought"


def test_the_caret_that_writes_stays_where_it_is(qtbot, panel, open_panel):
    other = open_panel()
    _type(qtbot, panel, "make it bright")
    _caret(panel, 7)
    _type(qtbot, panel, " all")
    assert panel.composer.text == other.composer.text == "make it all bright"
    assert _caret(panel) == 11


@pytest.mark.parametrize(("place", "then"), [(4, 4), (14, 18)], ids=["before", "behind"])
def test_the_other_caret_stays_with_its_words(qtbot, panel, open_panel, place, then):
    other = open_panel()
    _type(qtbot, panel, "make it bright")
    _caret(other, place)
    _caret(panel, 7)
    _type(qtbot, panel, " all")
    assert _caret(other) == then


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"a{CLAPPER}b", f"a{CLAPPER}xb"),
        (f"{CLAPPER}", f"{CLAPPER}{CLAPPER}"),
        (f"{CLAPPER}{CLAPPER}", f"x{CLAPPER}"),
        ("aaa", "aa"),
        ("one\ntwo", "one\n\ntwo"),
        ("abc", "xyz"),
    ],
)
def test_every_change_arrives_as_it_was_made(panel, open_panel, before, after):
    other = open_panel()
    panel.composer.prompt.setPlainText(before)
    panel.composer.prompt.setPlainText(after)
    assert other.composer.text == after


def test_what_is_sent_leaves_both_panels(qtbot, panel, open_panel, controller, server):
    other = open_panel()
    _send(qtbot, panel, controller, "hello")
    assert panel.composer.text == other.composer.text == ""
    qtbot.waitUntil(lambda: not other.composer.send.isEnabled(), timeout=LIMIT)
    other.composer.prompt.undo()
    assert other.composer.text == ""
    assert len(server.asked) == 1


def test_what_was_sent_in_one_panel_is_had_back_in_the_other(qtbot, panel, open_panel, controller):
    other = open_panel()
    _send(qtbot, panel, controller, "hello")
    other.composer.prompt.setFocus()
    qtbot.keyClick(other.composer.prompt, Qt.Key.Key_Up)
    assert panel.composer.text == other.composer.text == "hello"


def test_a_panel_that_goes_leaves_the_other_to_write(qtbot, panel, open_panel):
    other = open_panel()
    _type(qtbot, panel, "half ")
    _destroy(panel)
    _type(qtbot, other, "a thought")
    assert other.composer.text == "half a thought"


def test_what_is_taken_out_by_hand_can_be_undone(qtbot, panel, open_panel):
    other = open_panel()
    _type(qtbot, panel, "half a thought")
    panel.composer.prompt.selectAll()
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Delete)
    assert other.composer.text == ""
    panel.composer.prompt.undo()
    assert panel.composer.text == other.composer.text == "half a thought"


# one panel, built anew


def test_a_draft_outlives_its_panel_even_while_an_older_message_is_shown(qtbot, panel, open_panel, controller):
    _send(qtbot, panel, controller, "first")
    _type(qtbot, panel, "half a thought")
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Home)
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Up)
    assert panel.composer.text == "first"
    _destroy(panel)
    again = open_panel()
    assert again.composer.text == "first"
    assert _caret(again) == len("first")
    qtbot.keyClick(again.composer.prompt, Qt.Key.Key_Down)
    assert again.composer.text == "half a thought"


def test_hiding_and_showing_a_panel_keeps_text_and_caret(qtbot, panel):
    _type(qtbot, panel, "half a thought")
    _caret(panel, 4)
    panel.hide()
    panel.show()
    assert (panel.composer.text, _caret(panel)) == ("half a thought", 4)


# what else is sent


def test_a_suggestion_leaves_what_is_written(qtbot, panel, controller, server):
    _type(qtbot, panel, "half a thought")
    button = next(each for each in panel.empty.findChildren(QtWidgets.QPushButton) if each.text() == "Explain Grade1")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(server.asked) == 1, timeout=LIMIT)
    qtbot.waitUntil(lambda: not controller.is_busy, timeout=LIMIT)
    assert panel.composer.text == "half a thought"


def test_sending_an_older_message_again_brings_the_draft_back(qtbot, panel, controller, server):
    _send(qtbot, panel, controller, "first")
    _type(qtbot, panel, "half a thought")
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Home)
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Up)
    _send(qtbot, panel, controller, ", and this")
    assert server.asked[-1]["messages"][-1]["content"].rstrip().endswith(("first, and this", ", and thisfirst"))
    assert panel.composer.text == "half a thought"


def test_changing_a_message_of_the_conversation_keeps_the_draft(qtbot, panel, controller):
    _send(qtbot, panel, controller, "first")
    _send(qtbot, panel, controller, "second")
    _type(qtbot, panel, "half a thought")
    panel.transcript.message_action.emit("edit", 0)
    assert panel.composer.text == "first"
    assert _caret(panel) == len("first")
    for shown in ("second", "half a thought"):
        panel.composer.prompt.moveCursor(QtGui.QTextCursor.MoveOperation.End)
        qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Down)
        assert panel.composer.text == shown


def test_a_message_that_is_sent_for_the_artist_leaves_a_walk_where_it_is():
    draft = Draft()
    draft.remember("first")
    draft.write("mine")
    draft.walk(-1)
    draft.remember("a plan")
    assert draft.text == "first"
    draft.walk(1)
    assert draft.text == "a plan"
    draft.walk(1)
    assert (draft.text, draft.can_walk(1)) == ("mine", False)

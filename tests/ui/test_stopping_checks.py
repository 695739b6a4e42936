"""A check that is under way can be stopped with the panel's own means, says so, and is made after all when it is asked for."""

from __future__ import annotations

import threading

import pytest

from nuke_ai_panel.agent.session_events import CheckResumed, CheckStopped
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel_ui.header import Header
from nuke_ai_panel_ui.qt import Qt, QtCore, QtWidgets, is_valid
from nuke_ai_panel_ui.stop_card import CheckStoppedCard

LIMIT = 20_000
CHECKING = "Checking the script on a copy"


@pytest.fixture
def flag(tmp_path):
    """A file; a check of `waits` goes on until it exists."""
    return tmp_path / "flag"


@pytest.fixture
def waits(flag):
    """Return code that ends once the flag is there, and then makes a node of this name."""

    def code(name="Soft"):
        wait = f"import os\nimport nuke\nwhile not os.path.exists({str(flag)!r}):\n    pass\n"
        return f"{wait}nuke.nodes.Blur(name={name!r})\n"

    return code


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Have *Stop* shown without delay."""
    monkeypatch.setattr(Header, "STOP_AFTER", 0)


def _block(code):
    return f"```python\n{code}```\n"


def _type(qtbot, panel, text):
    panel.composer.prompt.setFocus()
    qtbot.keyClicks(panel.composer.prompt, text)


def _ask(qtbot, panel, text="soften it"):
    _type(qtbot, panel, text)
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Return)


def _checking(qtbot, panel, controller):
    qtbot.waitUntil(lambda: controller.is_checking and not controller.is_busy and panel.header.stop.isVisible(), timeout=LIMIT)


def _idle(qtbot, controller):
    qtbot.waitUntil(
        lambda: not (controller.is_busy or controller.is_checking) and controller.state.kind != "busy", timeout=LIMIT
    )


def _stopped_cards(panel):
    return [each for each in panel.findChildren(CheckStoppedCard) if each.isVisible()]


def _stopped_card(qtbot, panel):
    qtbot.waitUntil(lambda: len(_stopped_cards(panel)) == 1, timeout=LIMIT)
    return _stopped_cards(panel)[0]


def _click(qtbot, widget):
    qtbot.waitUntil(lambda: widget.isVisible() and widget.isEnabled(), timeout=LIMIT)
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def _review(qtbot, panel, number):
    qtbot.waitUntil(lambda: number in panel.conversation.cards, timeout=LIMIT)
    return panel.conversation.cards[number]


@pytest.mark.parametrize("by", ["button", "escape", "keyboard"])
def test_a_check_is_stopped_said_and_made_after_all(qtbot, panel, controller, server, host, flag, waits, by):
    server.answer = ["Behind the grade:\n\n", _block(waits())]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    assert (panel.header.words.text(), panel.composer.send.text()) == (CHECKING, "Send")
    assert panel.header.stop.accessibleName() == "Stop the check"
    if by == "button":
        _click(qtbot, panel.header.stop)
    elif by == "escape":
        qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    else:
        panel.header.stop.setFocus()
        qtbot.keyClick(panel.header.stop, Qt.Key.Key_Return)
    _idle(qtbot, controller)
    card = _stopped_card(qtbot, panel)
    qtbot.waitUntil(lambda: not panel.header.stop.isVisible(), timeout=LIMIT)
    assert panel.focusWidget() is panel.composer.prompt
    assert panel.header.words.text() == "Ollama is ready"
    assert card.title.text() == card.accessibleName() == "The check was stopped"
    assert card.accessibleDescription() == "Nothing has run. The script is kept."
    assert panel.conversation.cards == {}
    assert "Behind the grade" in panel.transcript.markdown()

    flag.touch()
    card.again.setFocus()
    qtbot.keyClick(card.again, Qt.Key.Key_Return)
    review = _review(qtbot, panel, 2)
    assert _stopped_cards(panel) == []
    assert panel.focusWidget() is panel.composer.prompt
    _click(qtbot, review.run)
    assert host.node("Soft").class_name == "Blur"
    assert len(server.asked) == 1


def test_stopping_an_answer_leads_back_to_the_message_that_is_being_written(qtbot, panel, controller, server):
    server.gate = threading.Event()
    _ask(qtbot, panel)
    qtbot.waitUntil(lambda: "Hello" in panel.transcript.markdown(), timeout=LIMIT)
    _type(qtbot, panel, "next")
    _click(qtbot, panel.composer.send)
    qtbot.waitUntil(lambda: panel.composer.send.text() == "Send", timeout=LIMIT)
    assert panel.focusWidget() is panel.composer.prompt


def test_the_code_that_was_not_checked_can_be_read_on_the_card(qtbot, panel, controller, server, waits):
    server.answer = [_block(waits("One")) + "\nor\n\n" + _block(waits("Other"))]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    card = _stopped_card(qtbot, panel)
    assert "2 scripts were not checked" in card.body.text()
    low = card.height()
    _click(qtbot, card.code.switch)
    assert "One" in card.code.lines.toPlainText()
    assert "Other" in card.code.lines.toPlainText()
    assert card.code.lines.isReadOnly()
    qtbot.waitUntil(lambda: card.height() > low, timeout=LIMIT)


def test_another_message_can_be_sent_while_a_check_goes_on_and_is_stopped_first(qtbot, panel, controller, server, flag, waits):
    server.answers = [[_block(waits())]]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    server.gate = threading.Event()
    _ask(qtbot, panel, "and why?")
    qtbot.waitUntil(lambda: "Hello" in panel.transcript.markdown(), timeout=LIMIT)
    assert panel.composer.send.text() == "Stop"
    qtbot.waitUntil(lambda: not panel.header.stop.isVisible(), timeout=LIMIT)
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    _checking(qtbot, panel, controller)
    assert panel.composer.send.text() == "Send"
    assert panel.header.words.text() == CHECKING
    flag.touch()
    _review(qtbot, panel, 1)
    _idle(qtbot, controller)
    assert _stopped_cards(panel) == []


def test_a_review_that_comes_while_the_next_answer_streams_is_not_taken_for_its_question(
    qtbot, panel, controller, server, flag, waits
):
    server.answers = [[_block(waits())]]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    server.gate = threading.Event()
    _ask(qtbot, panel, "and why?")
    qtbot.waitUntil(lambda: "Hello" in panel.transcript.markdown(), timeout=LIMIT)
    flag.touch()
    _review(qtbot, panel, 1)
    assert panel.header.words.text() == "Answering"
    server.gate.set()
    _idle(qtbot, controller)


def test_a_stop_right_after_sending_takes_the_new_message_and_not_the_check(qtbot, panel, controller, server, flag, waits):
    server.answers = [[_block(waits())]]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    _ask(qtbot, panel, "and why?")
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    _checking(qtbot, panel, controller)
    assert len(server.asked) == 1
    assert controller.is_checking
    flag.touch()
    _review(qtbot, panel, 1)


def test_what_the_artist_has_edited_is_kept_by_a_stop(qtbot, panel, controller, server, host, flag, waits):
    server.answer = [_block("import nuke\nnuke.nodes.Blur(name='Soft')\n")]
    _ask(qtbot, panel)
    review = _review(qtbot, panel, 1)
    _click(qtbot, review.code.switch)
    review.code.lines.setPlainText(waits("Mist"))
    _click(qtbot, review.run)
    _checking(qtbot, panel, controller)
    _click(qtbot, panel.header.stop)
    card = _stopped_card(qtbot, panel)
    assert card.body.text() == "Nothing has run. Your edited script is kept."
    assert "Mist" in card.code.code
    flag.touch()
    _click(qtbot, card.again)
    qtbot.waitUntil(lambda: len(panel.conversation.cards) == 2, timeout=LIMIT)
    _click(qtbot, panel.conversation.cards[max(panel.conversation.cards)].run)
    assert host.node("Mist").class_name == "Blur"


def test_what_the_artist_wants_to_run_can_be_stopped_as_well(qtbot, panel, controller, waits):
    controller.desk.check(ScriptProposal("python", waits(), "AI: mine"))
    _checking(qtbot, panel, controller)
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    _idle(qtbot, controller)
    _stopped_card(qtbot, panel)
    qtbot.waitUntil(lambda: panel.pages.currentWidget() is panel.transcript, timeout=LIMIT)


def test_asking_again_ends_the_check_of_the_former_answer(qtbot, panel, controller, server, waits):
    server.answers = [[_block(waits())]]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    assert controller.retry()
    qtbot.waitUntil(lambda: "Hello there." in panel.transcript.markdown(), timeout=LIMIT)
    _idle(qtbot, controller)
    assert panel.conversation.cards == {}


def test_a_new_conversation_ends_the_check_without_a_word(qtbot, panel, controller, server, waits):
    server.answer = [_block(waits())]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    _click(qtbot, panel.header.new)
    _idle(qtbot, controller)
    assert panel.pages.currentWidget() is panel.empty
    assert len(controller.record) == 0


def test_a_check_that_ends_by_itself_gives_the_keyboard_back(qtbot, panel, controller, server, flag, waits):
    server.answer = [_block(waits())]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    panel.header.stop.setFocus()
    flag.touch()
    qtbot.waitUntil(lambda: panel.focusWidget() is panel.composer.prompt, timeout=LIMIT)


def test_a_short_check_shows_no_button_but_can_be_stopped(qtbot, panel, controller, server, waits, monkeypatch):
    monkeypatch.setattr(Header, "STOP_AFTER", 600_000)
    server.answer = [_block(waits())]
    _ask(qtbot, panel)
    qtbot.waitUntil(lambda: panel.header.words.text() == CHECKING, timeout=LIMIT)
    qtbot.waitUntil(lambda: not panel.header.stop.isVisible(), timeout=LIMIT)
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    _stopped_card(qtbot, panel)
    _idle(qtbot, controller)


def test_tab_reaches_stop_in_the_header(qtbot, panel, controller, server, waits):
    server.answer = [_block(waits())]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    panel.header.more.setFocus()
    qtbot.keyClick(panel.header.more, Qt.Key.Key_Tab)
    assert panel.focusWidget() is panel.header.stop
    qtbot.keyClick(panel.header.stop, Qt.Key.Key_Escape)
    assert panel.focusWidget() is panel.composer.prompt
    assert controller.is_checking
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    _idle(qtbot, controller)


def _stop(check_id, name="Soft"):
    return CheckStopped(check_id, (ScriptProposal("python", f"import nuke\nnuke.nodes.Blur(name={name!r})\n"),))


def test_a_panel_built_anew_shows_a_stopped_check_and_not_one_that_was_taken_up(qtbot, panel, open_panel, controller):
    for number, name in ((1, "Soft"), (2, "Other")):
        controller._on_event(_stop(number, name))
    controller._on_event(CheckResumed(1))
    assert "Other" in _stopped_card(qtbot, panel).code.code
    panel.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))
    assert not is_valid(panel)
    assert "Other" in _stopped_card(qtbot, open_panel()).code.code


def test_a_panel_built_anew_during_a_check_offers_to_stop_it(qtbot, panel, open_panel, controller, server, waits):
    server.answer = [_block(waits())]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    panel.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))
    again = open_panel()
    _checking(qtbot, again, controller)
    _click(qtbot, again.header.stop)
    _stopped_card(qtbot, again)
    _idle(qtbot, controller)


def test_quitting_during_a_check_is_quiet(qtbot, panel, controller, server, waits, caplog):
    server.answer = [_block(waits())]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    controller.loop.shutdown()
    assert not controller.session.is_checking
    assert [each.getMessage() for each in caplog.records if each.levelname in ("WARNING", "ERROR")] == []


def test_a_check_that_was_taken_up_goes_from_every_panel(qtbot, panel, open_panel, controller):
    other = open_panel()
    controller._on_event(_stop(1))
    for each in (panel, other):
        _stopped_card(qtbot, each)
    controller._on_event(CheckResumed(1))
    assert _stopped_cards(panel) == _stopped_cards(other) == []


def test_a_check_that_cannot_be_made_again_is_said(qtbot, panel, controller):
    controller._on_event(_stop(7))
    card = _stopped_card(qtbot, panel)
    _click(qtbot, card.again)
    qtbot.waitUntil(lambda: "earlier conversation" in panel.notice.text(), timeout=LIMIT)
    _idle(qtbot, controller)


@pytest.mark.parametrize("width", [300, 420])
def test_nothing_of_the_header_and_the_card_is_cut(qtbot, panel, controller, server, waits, width):
    panel.resize(width, 900)
    server.answer = [_block(waits())]
    _ask(qtbot, panel)
    _checking(qtbot, panel, controller)
    stop, words = panel.header.stop, panel.header.words
    assert words.width() >= (words.sizeHint().width() if width == 420 else 60)
    height = panel.header.height()
    assert stop.width() >= stop.sizeHint().width()
    assert stop.geometry().right() < panel.header.new.geometry().left()
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    card = _stopped_card(qtbot, panel)
    assert panel.header.height() == height
    qtbot.waitUntil(lambda: card.height() >= card.heightForWidth(card.width()), timeout=LIMIT)
    for each in card.findChildren(QtWidgets.QPushButton):
        assert each.mapTo(panel, QtCore.QPoint(each.width(), 0)).x() <= panel.width()
        assert each.width() >= each.sizeHint().width()

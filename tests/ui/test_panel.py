from __future__ import annotations

import threading

import pytest

from nuke_ai_panel.errors import HostError
from nuke_ai_panel_ui.cards import ErrorCard, PlanCard, StoppedCard
from nuke_ai_panel_ui.qt import Qt, QtCore, QtWidgets
from nuke_ai_panel_ui.review import ReviewCard
from nuke_ai_panel_ui.running_window import RunningWindow

LIMIT = 20_000
BLUR = """Behind the grade:

```python
import nuke

blur = nuke.nodes.Blur(name="Soft", size=10)
blur.setInput(0, nuke.toNode("Grade1"))
```
"""


def _ask(qtbot, panel, text):
    panel.composer.prompt.setFocus()
    qtbot.keyClicks(panel.composer.prompt, text)
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Return)


def _said(panel):
    return panel.transcript.markdown()


def _idle(qtbot, controller):
    qtbot.waitUntil(lambda: not controller.is_busy and controller.state.kind != "busy", timeout=LIMIT)


def _click(qtbot, widget):
    qtbot.waitUntil(widget.isVisible, timeout=LIMIT)
    assert widget.isEnabled()
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def _only(qtbot, panel, kind):
    """The one card of a kind, once the transcript has laid it out."""

    def shown():
        return [each for each in panel.findChildren(kind) if each.isVisible()]

    qtbot.waitUntil(lambda: len(shown()) == 1, timeout=LIMIT)
    return shown()[0]


def _review(qtbot, panel, number=1):
    qtbot.waitUntil(lambda: number in panel.conversation.cards, timeout=LIMIT)
    card = panel.conversation.cards[number]
    qtbot.waitUntil(card.isVisible, timeout=LIMIT)
    return card


# asking


def test_typing_and_enter_streams_an_answer(qtbot, panel, controller, server):
    server.gate = threading.Event()
    _ask(qtbot, panel, "What is spill?")
    assert panel.composer.text == ""
    qtbot.waitUntil(lambda: "Hello" in _said(panel), timeout=LIMIT)
    assert "there." not in _said(panel)
    assert panel.composer.send.text() == "Stop"
    assert panel.header.words.text() == "Answering"
    server.gate.set()
    qtbot.waitUntil(lambda: "Hello there." in _said(panel), timeout=LIMIT)
    _idle(qtbot, controller)
    qtbot.waitUntil(lambda: panel.composer.send.text() == "Send", timeout=LIMIT)
    assert "What is spill?" in _said(panel)
    assert panel.header.title.text() == "What is spill?"
    assert panel.composer.meter.text() == "1,234 tokens"
    qtbot.waitUntil(lambda: "tokens read" in panel.composer.meter.toolTip(), timeout=LIMIT)
    assert server.asked[-1]["model"] == "scripted:1b"


def test_shift_enter_breaks_the_line(qtbot, panel, server):
    prompt = panel.composer.prompt
    low = prompt.height()
    qtbot.keyClicks(prompt, "one")
    qtbot.keyClick(prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(prompt, "two")
    assert panel.composer.text == "one\ntwo"
    assert prompt.height() > low
    assert server.asked == []
    for _ in range(20):
        qtbot.keyClick(prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert prompt.height() < 10 * prompt.fontMetrics().lineSpacing()


def test_empty_message_is_not_sent(qtbot, panel, controller, server):
    qtbot.keyClicks(panel.composer.prompt, "   ")
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Return)
    assert not panel.composer.send.isEnabled()
    assert not controller.is_busy
    assert server.asked == []


def test_message_while_an_answer_streams_is_kept_in_the_field(qtbot, panel, controller, server):
    server.gate = threading.Event()
    _ask(qtbot, panel, "first")
    qtbot.waitUntil(lambda: "Hello" in _said(panel), timeout=LIMIT)
    _ask(qtbot, panel, "second")
    assert panel.composer.text == "second"
    assert "still on its way" in panel.notice.text()
    server.gate.set()
    _idle(qtbot, controller)
    assert len(server.asked) == 1


def test_up_walks_back_through_what_was_sent_and_down_to_the_draft(qtbot, panel, controller):
    for text in ("first", "second"):
        _ask(qtbot, panel, text)
        _idle(qtbot, controller)
    prompt = panel.composer.prompt
    qtbot.keyClicks(prompt, "draft")
    qtbot.keyClick(prompt, Qt.Key.Key_Home)
    qtbot.keyClick(prompt, Qt.Key.Key_Up)
    assert panel.composer.text == "second"
    qtbot.keyClick(prompt, Qt.Key.Key_Up)
    assert panel.composer.text == "first"
    qtbot.keyClick(prompt, Qt.Key.Key_Down)
    qtbot.keyClick(prompt, Qt.Key.Key_Down)
    assert panel.composer.text == "draft"


@pytest.mark.parametrize("by", ["button", "escape"])
def test_stop_keeps_the_text_and_the_server_sees_us_leave(qtbot, panel, controller, server, by):
    server.gate = threading.Event()
    _ask(qtbot, panel, "count")
    qtbot.waitUntil(lambda: "Hello" in _said(panel), timeout=LIMIT)
    if by == "button":
        _click(qtbot, panel.composer.send)
    else:
        qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    _idle(qtbot, controller)
    assert server.left.wait(10)
    assert "Hello" in _said(panel)
    card = _only(qtbot, panel, StoppedCard)
    server.gate.set()
    _click(qtbot, card.retry)
    qtbot.waitUntil(lambda: "Hello there." in _said(panel), timeout=LIMIT)
    assert _said(panel).count("count") == 1


def test_stop_at_once_leaves_the_question_and_its_card(qtbot, panel, controller, server):
    _ask(qtbot, panel, "count")
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    _idle(qtbot, controller)
    card = _only(qtbot, panel, StoppedCard)
    assert _said(panel).count("count") == 1
    assert server.asked == []
    _click(qtbot, card.retry)
    qtbot.waitUntil(lambda: "Hello there." in _said(panel), timeout=LIMIT)
    assert _said(panel).count("count") == 1


# proposals


def test_review_card_runs_and_undo_restores_every_byte(qtbot, panel, controller, server, host):
    server.answer = [BLUR]
    before = host.snapshot()
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel)
    assert card.title.text() == "Run this on hero_v012.nk?"
    assert "Creates 1 node" in card.summary.text()
    assert "1 undo step" in card.summary.text()
    _click(qtbot, card.fold.switch)
    assert "+ Soft (Blur)" in card.fold.lines.toPlainText()
    assert card.fold.lines.isVisible()
    assert host.snapshot() == before
    _click(qtbot, card.run)
    assert host.node("Soft").inputs == ("Grade1",)
    assert card.title.text() == "Ran on hero_v012.nk"
    assert not card.run.isVisible()
    _click(qtbot, card.undo)
    assert host.snapshot() == before
    assert card.title.text() == "Taken back"


def test_undo_leaves_later_changes_alone(qtbot, panel, controller, server, host):
    server.answer = [BLUR]
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel)
    _click(qtbot, card.run)
    host.set_knob("Grade1", "white", "3")
    _click(qtbot, card.undo)
    assert "changed after this ran" in card.note.text()
    assert card.code.y() < card.note.y() < card.undo.y()
    assert host.node("Grade1").knobs["white"] == "3"
    assert host.node("Soft").class_name == "Blur"
    host.undo()
    _click(qtbot, card.undo)
    assert card.title.text() == "Taken back"


def test_two_runs_are_taken_back_in_turn(qtbot, panel, controller, server, host):
    server.answer = [BLUR]
    before = host.snapshot()
    _ask(qtbot, panel, "soften it")
    _click(qtbot, _review(qtbot, panel, 1).run)
    server.answer = [BLUR.replace("Soft", "Softer")]
    _ask(qtbot, panel, "again")
    _click(qtbot, _review(qtbot, panel, 2).run)
    controller.desk.undo(1)
    assert controller.record.proposals[1].state == "applied"
    controller.desk.undo(2)
    controller.desk.undo(1)
    assert [controller.record.proposals[number].state for number in (1, 2)] == ["undone", "undone"]
    assert host.snapshot() == before


def test_rejected_script_does_not_run(qtbot, panel, server, host):
    server.answer = [BLUR]
    before = host.snapshot()
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel)
    _click(qtbot, card.reject)
    qtbot.keyClicks(card.reason.line, "too soft")
    qtbot.keyClick(card.reason.line, Qt.Key.Key_Return)
    assert host.snapshot() == before
    assert card.title.text() == "Rejected"
    assert not card.run.isVisible()
    assert not card.reason.isVisible()
    _ask(qtbot, panel, "again")
    _review(qtbot, panel, 2)
    assert "rejected the script: too soft" in server.asked[-1]["messages"][-1]["content"]


def test_rejecting_can_be_left_with_escape(qtbot, panel, server):
    server.answer = [BLUR]
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel)
    _click(qtbot, card.reject)
    assert not card.run.isVisible()
    qtbot.keyClick(card.reason.line, Qt.Key.Key_Escape)
    assert card.run.isVisible()
    assert card.title.text() == "Run this on hero_v012.nk?"


def test_edited_code_is_checked_again_before_it_runs(qtbot, panel, server, host):
    server.answer = [BLUR]
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel)
    _click(qtbot, card.code.switch)
    card.code.lines.setPlainText(card.code.code.replace("Soft", "Mist").replace("10", "25"))
    assert card.run.text() == "Check again"
    assert card.title.text() == "Check your changes?"
    _click(qtbot, card.run)
    again = _review(qtbot, panel, 2)
    assert card.title.text() == "Replaced"
    assert "Mist (Blur)" in again.fold.lines.toPlainText()
    _click(qtbot, again.run)
    assert host.node("Mist").knobs["size"] == "25"


def test_the_card_shows_a_picture_of_the_change_in_the_room_it_has(qtbot, panel, server):
    server.answer = [BLUR]
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel)
    qtbot.waitUntil(lambda: card.picture.is_loaded or not card.picture.has_picture, timeout=LIMIT)
    if not card.picture.is_loaded:
        pytest.skip("this Qt has no SVG plug-in, or no picture was made")
    assert card.picture.isVisible()
    assert 0 < card.picture.height() <= 242
    assert card.picture.width() <= card.width()
    qtbot.mouseClick(card.picture, Qt.MouseButton.LeftButton)
    window = card.picture._window
    assert window.isVisible()
    window.close()


def test_copy_puts_the_script_on_the_clipboard(qtbot, panel, server):
    server.answer = [BLUR]
    _ask(qtbot, panel, "soften it")
    _click(qtbot, _review(qtbot, panel).copy)
    assert QtWidgets.QApplication.clipboard().text().startswith("import nuke\n")


def test_script_with_a_syntax_error_cannot_be_run(qtbot, panel, server):
    server.answer = ["```python\nimport nuke\nnuke.nodes.Blur(\n```\n"]
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel, 2)
    assert card.title.text() == "This script cannot run"
    assert not card.run.isEnabled()
    assert card.summary.text()


def test_a_script_that_fails_its_check_is_mended_in_sight(qtbot, panel, server, host):
    server.answers = [["```python\nimport nuke\nnuke.toNode('Grade1')['wite'].setValue(2)\n```\n"]]
    server.answer = ["```python\nimport nuke\nnuke.toNode('Grade1')['white'].setValue(2)\n```\n"]
    _ask(qtbot, panel, "brighter")
    fixed = _review(qtbot, panel, 2)
    assert panel.conversation.cards[1].title.text() == "Replaced"
    assert any("Fixing it, try 1 of 3" in each.text() for each in panel.findChildren(QtWidgets.QLabel))
    _click(qtbot, fixed.run)
    assert host.node("Grade1").knobs["white"] == "2"


def test_fix_it_asks_the_model_to_mend_a_run_that_failed(qtbot, panel, controller, server, host):
    controller.store.save({"auto_fix": False})
    server.answers = [["```python\nimport nuke\nraise RuntimeError('out of ' + nuke.root().name()[:0] + 'luck')\n```\n"]]
    server.answer = [BLUR]
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel)
    _click(qtbot, card.run)
    _click(qtbot, card.fix)
    _review(qtbot, panel, 2)
    assert "RuntimeError: out of luck" in server.asked[-1]["messages"][-1]["content"]
    assert card.title.text() == "Replaced"


def test_script_that_fails_says_so_and_changes_nothing(qtbot, panel, server, host):
    server.answer = ["```python\nimport nuke\nnuke.nodes.Blur(name='Gone')\nnuke.toNode('Nowhere')['size'].setValue(1)\n```\n"]
    before = host.snapshot()
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel, 2)
    assert card.run.text() == "Run anyway"
    _click(qtbot, card.run)
    assert "stopped with an error; nothing was changed" in card.title.text()
    assert host.snapshot() == before
    assert card.run.text() == "Run again"


# failures


def test_retry_works_once_the_server_is_back(qtbot, panel, controller, server):
    server.stop()
    _ask(qtbot, panel, "anyone there?")
    qtbot.waitUntil(lambda: panel.conversation.end_card is not None, timeout=LIMIT)
    card = _only(qtbot, panel, ErrorCard)
    assert f"port {server.port}" in card.title.text()
    assert "message is kept" in card.body.text()
    server.start()
    _idle(qtbot, controller)
    _click(qtbot, card.retry)
    qtbot.waitUntil(lambda: "Hello there." in _said(panel), timeout=LIMIT)
    _idle(qtbot, controller)
    assert _said(panel).count("anyone there?") == 1
    assert panel.conversation.end_card is None


def test_retry_is_gone_from_the_card_once_the_conversation_went_on(qtbot, panel, controller, server):
    server.stop()
    _ask(qtbot, panel, "anyone there?")
    qtbot.waitUntil(lambda: panel.conversation.end_card is not None, timeout=LIMIT)
    card = panel.conversation.end_card
    server.start()
    _idle(qtbot, controller)
    _ask(qtbot, panel, "hello?")
    qtbot.waitUntil(lambda: "Hello there." in _said(panel), timeout=LIMIT)
    assert not card.retry.isVisibleTo(card)


def test_onboarding_says_what_was_tried_and_goes_away(qtbot, panel, controller, server):
    assert panel.pages.currentWidget() is panel.empty
    server.stop()
    controller.refresh_models()
    qtbot.waitUntil(lambda: panel.pages.currentWidget() is panel.onboarding, timeout=LIMIT)
    assert "Ollama" in panel.onboarding.tried_text()
    assert str(server.port) in panel.onboarding.tried_text()
    assert panel.header.words.text() == "No model server answers"
    server.start()
    _click(qtbot, panel.onboarding.retry)
    qtbot.waitUntil(lambda: panel.pages.currentWidget() is panel.empty, timeout=LIMIT)
    assert panel.header.words.text() == "Ollama is ready"


def test_every_provider_switched_off_is_said(qtbot, panel, controller, store):
    store.save({"servers.ollama.enabled": False})
    controller.refresh_models()
    qtbot.waitUntil(lambda: panel.pages.currentWidget() is panel.onboarding, timeout=LIMIT)
    assert "switched off" in panel.onboarding.tried_text()


# models


def test_model_is_picked_by_typing_and_remembered(qtbot, panel, controller, server, store):
    assert panel.composer.model.accessibleName() == "Model: scripted:1b"
    _click(qtbot, panel.composer.model)
    picker = panel._picker
    qtbot.waitUntil(picker.isVisible, timeout=LIMIT)
    qtbot.keyClicks(picker.search, "script")
    qtbot.keyClick(picker.search, Qt.Key.Key_Down)
    qtbot.keyClick(picker.search, Qt.Key.Key_Return)
    assert not picker.isVisible()
    assert panel.composer.model.accessibleName() == "Model: scripted:7b"
    qtbot.waitUntil(lambda: store.load().model == "scripted:7b", timeout=LIMIT)
    _ask(qtbot, panel, "hi")
    _idle(qtbot, controller)
    assert server.asked[-1]["model"] == "scripted:7b"


def test_refresh_shows_models_that_came_later(qtbot, panel, controller, server):
    _click(qtbot, panel.composer.model)
    picker = panel._picker
    server.models.append("late:3b")
    _click(qtbot, picker.refresh)
    qtbot.waitUntil(lambda: picker.list.findItems("late:3b", Qt.MatchFlag.MatchExactly) != [], timeout=LIMIT)
    picker.hide()


# the widget


def test_panel_built_anew_shows_the_conversation_and_the_draft(qtbot, panel, open_panel, controller, server, host):
    server.answer = [BLUR]
    _ask(qtbot, panel, "soften it")
    _click(qtbot, _review(qtbot, panel).run)
    qtbot.keyClicks(panel.composer.prompt, "half a thou")
    said = _said(panel)
    panel.close()
    panel.deleteLater()
    with qtbot.waitSignal(panel.destroyed, timeout=LIMIT):
        pass
    again = open_panel()
    qtbot.waitUntil(lambda: _said(again) == said, timeout=LIMIT)
    assert again.composer.text == "half a thou"
    assert again.composer.model.accessibleName() == "Model: scripted:1b"
    card = _review(qtbot, again)
    assert card.title.text() == "Ran on hero_v012.nk"
    _click(qtbot, card.undo)
    assert [node.path for node in host.nodes()] == ["Constant1", "Grade1"]
    _ask(qtbot, again, "thanks")
    qtbot.waitUntil(lambda: len(server.asked) == 2, timeout=LIMIT)
    _idle(qtbot, controller)


def test_panel_destroyed_while_an_answer_streams_shows_all_of_it_when_built_anew(qtbot, panel, open_panel, controller, server):
    server.gate = threading.Event()
    _ask(qtbot, panel, "hello")
    qtbot.waitUntil(lambda: "Hello" in _said(panel), timeout=LIMIT)
    panel.deleteLater()
    with qtbot.waitSignal(panel.destroyed, timeout=LIMIT):
        pass
    server.gate.set()
    _idle(qtbot, controller)
    again = open_panel()
    qtbot.waitUntil(lambda: "Hello there." in _said(again), timeout=LIMIT)


def test_new_conversation_empties_the_panel_even_while_it_streams(qtbot, panel, controller, server):
    server.gate = threading.Event()
    _ask(qtbot, panel, "hello")
    qtbot.waitUntil(lambda: "Hello" in _said(panel), timeout=LIMIT)
    _click(qtbot, panel.header.new)
    _idle(qtbot, controller)
    qtbot.waitUntil(lambda: panel.composer.send.text() == "Send", timeout=LIMIT)
    assert panel.pages.currentWidget() is panel.empty
    assert "Hello" not in _said(panel)
    assert panel.findChildren(StoppedCard) == [] or not any(card.isVisible() for card in panel.findChildren(StoppedCard))
    server.gate.set()
    _ask(qtbot, panel, "and now?")
    qtbot.waitUntil(lambda: "Hello there." in _said(panel), timeout=LIMIT)


def test_suggestions_come_from_the_open_script(qtbot, panel, controller, server):
    offered = [each.text() for each in panel.empty.findChildren(QtWidgets.QPushButton)]
    assert "Explain Grade1" in offered
    button = next(each for each in panel.empty.findChildren(QtWidgets.QPushButton) if each.text() == "Explain Grade1")
    _click(qtbot, button)
    qtbot.waitUntil(lambda: len(server.asked) == 1, timeout=LIMIT)
    _idle(qtbot, controller)
    assert server.asked[0]["messages"][-1]["content"].endswith("Explain Grade1")


def test_what_the_model_sees_is_shown(panel):
    assert panel.composer.sees.text() == "Sees Grade1 selected, 2 nodes"


@pytest.mark.parametrize("size", [13, 18])
def test_no_button_is_cut_at_420_pixels(qtbot, panel, controller, server, store, size):
    store.save({"font_size": size})
    controller.refresh_models()
    qtbot.waitUntil(lambda: not controller.is_looking, timeout=LIMIT)
    server.answer = [BLUR]
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel)
    qtbot.waitUntil(lambda: card.run.height() > 0, timeout=LIMIT)
    for each in card.findChildren(QtWidgets.QPushButton):
        if each.isVisible():
            assert each.width() >= each.sizeHint().width(), each.text()
            right = each.mapTo(panel, QtCore.QPoint(each.width(), 0)).x()
            assert right <= panel.width(), each.text()
    assert panel.composer.send.width() >= panel.composer.send.sizeHint().width()
    assert panel.width() == 420


def test_every_control_of_the_panel_has_a_name(qtbot, panel, server):
    server.answer = [BLUR]
    _ask(qtbot, panel, "soften it")
    _review(qtbot, panel)
    kinds = (QtWidgets.QPushButton, QtWidgets.QToolButton, QtWidgets.QPlainTextEdit, QtWidgets.QLineEdit)
    nameless = [
        each
        for kind in kinds
        for each in panel.findChildren(kind)
        if not each.accessibleName() and not each.objectName().startswith("qt_")
    ]
    assert nameless == []


def test_tab_goes_from_the_prompt_to_send_and_model(qtbot, panel):
    composer = panel.composer
    qtbot.keyClicks(composer.prompt, "x")
    composer.prompt.setFocus()
    for wanted in (composer.send, composer.model):
        qtbot.keyClick(panel.focusWidget(), Qt.Key.Key_Tab)
        assert panel.focusWidget() is wanted


def test_each_script_of_an_answer_gets_its_own_card(qtbot, panel, server):
    server.answer = [BLUR, BLUR.replace("Soft", "Other")]
    _ask(qtbot, panel, "two please")
    qtbot.waitUntil(lambda: len(panel.findChildren(ReviewCard)) == 2, timeout=LIMIT)


# tools and plans


def _call(tool, **arguments):
    return {"function": {"name": tool, "arguments": arguments}}


def _choose(panel, mode):
    for action, (each, _, _) in zip(panel.composer.mode.menu().actions(), panel.composer.mode.MODES):
        if each == mode:
            action.trigger()


def test_acting_shows_each_call_and_asks_before_the_change(qtbot, panel, controller, server, host):
    server.capabilities = ["completion", "tools"]
    server.answers = [
        [[_call("get_node", node="Grade1")]],
        [[_call("set_knob", node="Grade1", knob="white", value="2")]],
    ]
    server.answer = ["Brightened."]
    _choose(panel, "act")
    assert panel.composer.mode.accessibleName() == "Mode: Act"
    _ask(qtbot, panel, "brighter")
    card = _review(qtbot, panel)
    assert host.node("Grade1").knobs["white"] == "1.5"
    assert controller.is_busy
    _click(qtbot, card.run)
    qtbot.waitUntil(lambda: "Brightened." in _said(panel), timeout=LIMIT)
    assert host.node("Grade1").knobs["white"] == "2"

    def folds():
        return [each.accessibleName() for each in panel.findChildren(QtWidgets.QAbstractButton) if each.isVisible()]

    qtbot.waitUntil(lambda: any(name.startswith("Show Get node: Grade1, ") for name in folds()), timeout=LIMIT)
    assert any(name.startswith("Show Set knob: Grade1.white, ") for name in folds())


def test_stop_takes_an_open_question_back(qtbot, panel, controller, server, host):
    server.capabilities = ["completion", "tools"]
    server.answer = [[_call("set_knob", node="Grade1", knob="white", value="2")]]
    _choose(panel, "act")
    _ask(qtbot, panel, "brighter")
    card = _review(qtbot, panel)
    qtbot.keyClick(panel.composer.prompt, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: card.title.text() == "Replaced", timeout=LIMIT)
    assert "stopped" in card.summary.text()
    assert not card.run.isVisible()
    _idle(qtbot, controller)


def test_a_plan_is_worked_off_when_the_artist_agrees(qtbot, panel, controller, server):
    server.capabilities = ["completion", "tools"]
    server.answers = [["1. Set Grade1.white to 2\n2. Add a Blur\n"]]
    server.answer = ["Done."]
    _choose(panel, "plan")
    _ask(qtbot, panel, "make it pop")
    plan = _only(qtbot, panel, PlanCard)
    assert "2 steps" in plan.body.text()
    _idle(qtbot, controller)
    _click(qtbot, plan.begin)
    qtbot.waitUntil(lambda: "Done." in _said(panel), timeout=LIMIT)
    assert "1. Set Grade1.white to 2" in server.asked[-1]["messages"][-1]["content"]
    assert any(tool["function"]["name"] == "set_knob" for tool in server.asked[-1]["tools"])
    assert not plan.begin.isVisible()


def test_new_conversation_lets_go_of_an_open_question(qtbot, panel, controller, server, host):
    server.capabilities = ["completion", "tools"]
    server.answer = [[_call("set_knob", node="Grade1", knob="white", value="2")]]
    before = host.snapshot()
    _choose(panel, "act")
    _ask(qtbot, panel, "brighter")
    _review(qtbot, panel)
    _click(qtbot, panel.header.new)
    _idle(qtbot, controller)
    assert panel.conversation.cards == {}
    assert len(controller.record) == 0
    server.answer = ["Hello."]
    _ask(qtbot, panel, "hi")
    qtbot.waitUntil(lambda: "Hello." in _said(panel), timeout=LIMIT)
    assert host.snapshot() == before


def test_asking_again_withdraws_what_the_first_answer_proposed(qtbot, panel, controller, server, host):
    server.answer = [BLUR]
    _ask(qtbot, panel, "soften it")
    card = _review(qtbot, panel)
    _idle(qtbot, controller)
    assert controller.retry()
    again = _review(qtbot, panel, 2)
    assert (card.title.text(), card.summary.text()) == ("Replaced", "The question was asked again.")
    _idle(qtbot, controller)
    _click(qtbot, again.run)
    assert host.node("Soft").class_name == "Blur"


# what is sent


def test_what_will_be_sent_can_be_seen_and_taken_away(qtbot, panel, controller, server):
    _click(qtbot, panel.composer.sees)
    popup = panel._context
    assert popup.isVisible()
    qtbot.waitUntil(lambda: "tokens" in popup.title.text(), timeout=LIMIT)
    assert "- Grade1 (Grade)" in popup.text.toPlainText()
    assert popup.parts["selection"].hasFocus()
    qtbot.mouseClick(popup.parts["selection"], Qt.MouseButton.LeftButton, pos=QtCore.QPoint(8, 8))
    qtbot.waitUntil(lambda: "- Grade1 (Grade)" not in popup.text.toPlainText(), timeout=LIMIT)
    qtbot.keyClick(popup, Qt.Key.Key_Escape)
    assert not popup.isVisible()
    _ask(qtbot, panel, "hello")
    qtbot.waitUntil(lambda: bool(server.asked), timeout=LIMIT)
    assert "- Grade1 (Grade)" not in server.asked[0]["messages"][-1]["content"]


def test_what_will_be_sent_of_a_script_that_cannot_be_read_is_what_the_model_is_told(qtbot, panel, server, host, monkeypatch):
    def refuse(*args, **options):
        raise HostError("This Nuke does not let scripts be read.")

    for name in ("class_counts", "selected_paths", "nodes"):
        monkeypatch.setattr(host, name, refuse)
    _click(qtbot, panel.composer.sees)
    qtbot.waitUntil(lambda: "does not let scripts be read" in panel._context.text.toPlainText(), timeout=LIMIT)
    shown = panel._context.text.toPlainText()
    qtbot.keyClick(panel._context, Qt.Key.Key_Escape)
    _ask(qtbot, panel, "hello")
    qtbot.waitUntil(lambda: bool(server.asked), timeout=LIMIT)
    assert shown.strip() in server.asked[0]["messages"][-1]["content"]


# running and going back


ENDLESS = """```python
import os
import nuke
nuke.nodes.Blur(name='Gone')
count = 0
# On the copy, whose home is a folder of its own, it ends.
while 'dry-run' not in os.environ['HOME']:
    count += 1
```
"""


def test_stop_ends_a_script_that_does_not_come_back(qtbot, panel, controller, server, host):
    server.answer = [ENDLESS]
    before = host.snapshot()
    _ask(qtbot, panel, "loop")
    card = _review(qtbot, panel)
    pressed = []

    def press():
        for window in QtWidgets.QApplication.topLevelWidgets():
            if isinstance(window, RunningWindow) and window.isVisible():
                pressed.append(window.words.text())
                window.stop.click()

    timer = QtCore.QTimer()
    timer.timeout.connect(press)
    timer.start(50)
    _click(qtbot, card.run)
    timer.stop()
    assert pressed
    assert "It was stopped; nothing was changed" in card.title.text()
    assert host.snapshot() == before
    _idle(qtbot, controller)


def test_the_script_can_be_brought_back_to_any_state_of_the_conversation(qtbot, panel, controller, server, host):
    white = "```python\nimport nuke\nnuke.toNode('Grade1')['white'].setValue({})\n```\n"
    server.answers = [[white.format(2)], [white.format(3)]]
    before = host.snapshot()
    _ask(qtbot, panel, "brighter")
    _click(qtbot, _review(qtbot, panel, 1).run)
    _ask(qtbot, panel, "brighter still")
    _click(qtbot, _review(qtbot, panel, 2).run)
    menu = panel.header.more.menu()
    menu.aboutToShow.emit()
    qtbot.waitUntil(lambda: len(panel._restore.actions()) == 2, timeout=LIMIT)
    newest, oldest = panel._restore.actions()
    assert "brighter still" in newest.text()
    oldest.trigger()
    assert host.node("Grade1").knobs["white"] == "1.5"
    assert host.snapshot() == before
    assert host.undo()
    assert host.node("Grade1").knobs["white"] == "3"


def test_always_here_runs_the_like_without_a_question(qtbot, panel, controller, server, host):
    white = "```python\nimport nuke\nnuke.toNode('Grade1')['white'].setValue({})\n```\n"
    server.answers = [[white.format(2)], [white.format(3)]]
    _ask(qtbot, panel, "brighter")
    _click(qtbot, _review(qtbot, panel, 1).run_always)
    _idle(qtbot, controller)
    _ask(qtbot, panel, "brighter still")
    qtbot.waitUntil(lambda: host.node("Grade1").knobs["white"] == "3", timeout=LIMIT)
    assert panel.conversation.cards[2].title.text() == "Ran on hero_v012.nk"

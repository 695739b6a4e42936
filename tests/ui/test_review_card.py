"""The review card in every state, by mouse and by keyboard, in panels that are destroyed, built anew and shown twice.

What a check would find is given as values here; the whole way from a server's answer to the card is in test_panel.py.
"""

from __future__ import annotations

import dataclasses

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.agent.session_events import (
    AnswerFinished,
    AnswerStarted,
    NoticeArrived,
    PromptAdded,
    ProposalApplied,
    ProposalRejected,
    ProposalReviewed,
    RoundBegan,
    TextArrived,
    ToolAnswered,
    ToolCalled,
)
from nuke_ai_panel.hosts.base import RunResult
from nuke_ai_panel.messages import Usage
from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.applying import Applied
from nuke_ai_panel.scripting.effects import Effect
from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel_ui.cards import PlanCard
from nuke_ai_panel_ui.panel import Panel
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets
from nuke_ai_panel_ui.review import ReviewCard

LIMIT = 20_000

CODE = "import nuke\nnuke.nodes.Blur(name='Soft', size=10)\n"
BEFORE = b"Grade {\n name Grade1\n}\n"
AFTER = BEFORE + b"Blur {\n size 10\n name Soft\n}\n"
DIFF = nk.diff(nk.loads(BEFORE), nk.loads(AFTER))
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}"><rect width="{0}" height="{1}" fill="#333"/></svg>'
SOUND = Review(ScriptProposal("python", CODE, "AI: soften it"), diff=DIFF)
RAN = Applied(RunResult(), DIFF)
ERROR = "Traceback (most recent call last):\n  File 'x', line 2\nNameError: name 'nuk' is not defined\n"


def _begin(controller, text="soften it"):
    controller._on_event(PromptAdded(text))
    controller._on_event(AnswerStarted("scripted:1b"))
    controller._on_event(TextArrived("Here you are."))


def _end(controller, **values):
    controller._on_event(AnswerFinished("Here you are.", "scripted:1b", Usage(10, 10), **values))


def _put(qtbot, panel, review=SOUND, number=1):
    controller = panel._controller
    if not len(controller.record):
        _begin(controller)
        _end(controller, proposals=1)
    controller._on_event(ProposalReviewed(number, review))
    card = panel.conversation.cards[number]
    qtbot.waitUntil(card.isVisible, timeout=LIMIT)
    return card


def _become(controller, state, number=1):
    record = controller.record.proposals[number]
    if state == "applied":
        controller._on_event(ProposalApplied(number, RAN))
    elif state == "failed":
        controller._on_event(ProposalApplied(number, Applied(RunResult(error=ERROR), GraphDiff())))
    elif state == "undone":
        controller._on_event(ProposalApplied(number, RAN))
        record.state = "undone"
        controller.proposal_changed.emit(number)
    else:
        by = {"rejected": "artist", "replaced": "model", "refused": "studio"}[state]
        controller._on_event(ProposalRejected(number, "Because.", by))


def _words(card):
    """What is seen of a card: its words, and its buttons from left to right."""
    labels = [each.text() for each in card.findChildren(QtWidgets.QLabel) if each.isVisibleTo(card) and each.text()]
    return labels, [each.text() for each in _buttons(card)]


def _buttons(card):
    row = [card.buttons.itemAt(number).widget() for number in range(card.buttons.count())]
    return [each for each in row if each.isVisibleTo(card)]


@pytest.mark.parametrize(
    ("state", "title", "buttons"),
    [
        ("applied", "Ran on hero_v012.nk", ["Undo", "Copy", "Save \u25be"]),
        (
            "failed",
            "It stopped with an error; nothing was changed",
            ["Fix it", "Run again", "Reject\u2026", "Copy", "Save \u25be"],
        ),
        ("undone", "Taken back", ["Copy", "Save \u25be"]),
        ("rejected", "Rejected", ["Copy", "Save \u25be"]),
        ("replaced", "Replaced", ["Copy"]),
        ("refused", "Your studio does not allow this", ["Copy"]),
    ],
)
def test_each_state_says_what_happened_and_is_the_same_when_built_anew(
    qtbot, panel, open_panel, controller, state, title, buttons
):
    card = _put(qtbot, panel)
    assert _words(card)[1] == ["Run", "Always here", "Reject\u2026", "Copy", "Save \u25be"]
    _become(controller, state)
    assert card.title.text() == card.accessibleName() == title
    assert _words(card)[1] == buttons
    if state in ("rejected", "replaced", "refused"):
        assert "Because." in card.summary.text()
    seen = _words(card)
    panel.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))
    again = open_panel()
    assert _words(again.conversation.cards[1]) == seen


def test_a_deviation_stands_apart_from_the_summary(qtbot, panel, controller):
    card = _put(qtbot, panel)
    controller._on_event(ProposalApplied(1, dataclasses.replace(RAN, deviation="Not as on the copy: Soft is not there.")))
    assert card.summary.text() == "Creates 1 node, 1 undo step"
    assert card.summary.objectName() == "dim"
    assert card.aside.text() == "Not as on the copy: Soft is not there."
    assert card.aside.isVisible()


def test_what_was_stopped_is_no_error_of_the_script(qtbot, panel, controller):
    card = _put(qtbot, panel)
    stopped = Applied(RunResult(error="Traceback\nStopped by the artist.\n"), GraphDiff(), was_stopped=True)
    controller._on_event(ProposalApplied(1, stopped))
    assert card.title.text() == "It was stopped; nothing was changed"
    assert (card.summary.text(), card.summary.objectName()) == ("Stopped by the artist.", "dim")


def test_a_cut_script_is_shown_and_not_offered_to_run(qtbot, panel):
    doubt = dataclasses.replace(SOUND, diff=None, proposal=dataclasses.replace(SOUND.proposal, doubt="It is cut off."))
    card = _put(qtbot, panel, doubt)
    assert card.title.text() == "This is not offered to run"
    assert _words(card)[1] == ["Fix it", "Reject\u2026", "Copy", "Save \u25be"]
    card.code.switch.click()
    card.code.lines.appendPlainText("nuke.nodes.Blur()")
    assert card.title.text() == "Check your changes?"
    assert card.run.isVisible()


def test_mending_comes_before_running_it_all_the_same(qtbot, panel):
    wrong = dataclasses.replace(SOUND, diff=None, error=ERROR, findings=(Finding("Blur has no knob 'sise'.", line=2),))
    card = _put(qtbot, panel, wrong)
    assert _words(card)[1][:2] == ["Fix it", "Run anyway"]
    assert (card.fix.objectName(), card.run.objectName()) == ("primary", "")


def test_only_what_needs_care_is_said_to(qtbot, panel):
    unknown = dataclasses.replace(
        SOUND,
        diff=None,
        unknown="cannot be known here: it renders",
        effects=(Effect("renders", (3,), "nuke.execute"), Effect("creates nodes", (2,), "nuke.nodes.Blur")),
    )
    labels, buttons = _words(_put(qtbot, panel, unknown))
    assert [each for each in labels if each.startswith("Careful: ")] == [f"Careful: {unknown.effects[0]}"]
    assert any(each.startswith("By its code it creates nodes") for each in labels)
    assert "Always here" not in buttons


def test_many_warnings_are_counted_and_all_of_them_can_be_seen(qtbot, panel):
    findings = tuple(Finding(f"Thing {number} is odd.", "warning", line=number) for number in range(1, 11))
    card = _put(qtbot, panel, dataclasses.replace(SOUND, findings=findings))
    more = next(each for each in card.findings if isinstance(each, QtWidgets.QPushButton))
    assert more.text() == "and 6 more"
    qtbot.mouseClick(more, Qt.MouseButton.LeftButton)
    said = "\n".join(_words(card)[0])
    assert all(f"Thing {number} is odd." in said for number in range(1, 11))
    assert not more.isVisible()


@pytest.mark.parametrize(("width", "height", "cut"), [(300, 120, False), (264, 9000, True), (5000, 200, True)])
def test_a_picture_is_cut_rather_than_made_too_small_to_read(qtbot, panel, width, height, cut):
    card = _put(qtbot, panel, dataclasses.replace(SOUND, picture=PICTURE.format(width, height)))
    room = card.picture.height()
    qtbot.waitUntil(lambda: card.picture.is_loaded or not card.picture.has_picture, timeout=LIMIT)
    if not card.picture.is_loaded:
        pytest.skip("this Qt has no SVG plug-in")
    assert card.picture.height() == room
    qtbot.waitUntil(lambda: card.picture.height() > 20, timeout=LIMIT)
    card.picture.grab()
    drawn = card.picture._drawn
    assert 0 < card.picture.height() <= 302
    assert (drawn.width() < width * 0.45 or drawn.height() < height * 0.45) is cut
    card.picture.setFocus()
    qtbot.keyClick(card.picture, Qt.Key.Key_Return)
    window = card.picture._window
    assert window.isVisible()
    assert window.widget().pixmap().width() == width
    window.close()


def test_a_very_large_picture_is_drawn_when_it_is_asked_for(qtbot, panel):
    heavy = PICTURE.format(300, 200).replace("</svg>", "<!-- " + "x" * 50_000 + " --></svg>")
    card = _put(qtbot, panel, dataclasses.replace(SOUND, picture=heavy))
    assert not card.picture.is_loaded
    assert 0 < card.picture.height() < 60
    qtbot.mouseClick(card.picture, Qt.MouseButton.LeftButton)
    if not card.picture.has_picture:
        pytest.skip("this Qt has no SVG plug-in")
    assert card.picture.is_loaded
    assert card.picture.height() == 202


# keyboard


def test_tab_goes_through_the_panel_as_it_is_seen_and_back(qtbot, panel, controller):
    card = _put(qtbot, panel)
    composer, header = panel.composer, panel.header
    composer.prompt.setPlainText("more")
    wanted = [
        *(header.new, header.settings, header.more, panel.transcript, card.fold.switch, card.code.switch),
        *(card.run, card.run_always, card.reject, card.copy, card.save),
        *(composer.prompt, composer.send, composer.model, composer.mode, composer.sees),
    ]
    header.new.setFocus()
    passed = [panel.focusWidget()]
    for _ in wanted[1:]:
        qtbot.keyClick(panel.focusWidget(), Qt.Key.Key_Tab)
        passed.append(panel.focusWidget())
    assert [each.accessibleName() for each in passed] == [each.accessibleName() for each in wanted]
    for each in reversed(wanted[:-1]):
        qtbot.keyClick(panel.focusWidget(), Qt.Key.Key_Backtab)
        assert panel.focusWidget() is each


def test_tab_leaves_a_docked_panel_at_its_end(qtbot, controller, open_panel):
    outer = QtWidgets.QWidget()
    qtbot.addWidget(outer)
    row = QtWidgets.QHBoxLayout(outer)
    before, after = QtWidgets.QLineEdit(), QtWidgets.QLineEdit()
    docked = Panel(controller)
    for each in (before, docked, after):
        row.addWidget(each)
    outer.resize(700, 700)
    outer.show()
    qtbot.waitUntil(lambda: not controller.is_looking, timeout=LIMIT)
    docked.composer.sees.setFocus()
    qtbot.keyClick(docked.composer.sees, Qt.Key.Key_Tab)
    assert outer.focusWidget() is after
    docked.header.new.setFocus()
    qtbot.keyClick(docked.header.new, Qt.Key.Key_Backtab)
    assert outer.focusWidget() is before


def test_escape_leads_back_to_the_message(qtbot, panel):
    card = _put(qtbot, panel)
    card.run.setFocus()
    qtbot.keyClick(card.run, Qt.Key.Key_Escape)
    assert panel.focusWidget() is panel.composer.prompt


def test_enter_presses_the_button_that_has_the_keyboard(qtbot, panel):
    card = _put(qtbot, panel)
    card.reject.setFocus()
    qtbot.keyClick(card.reject, Qt.Key.Key_Return)
    assert panel.focusWidget() is card.reason.line
    qtbot.keyClick(card.reason.line, Qt.Key.Key_Escape)
    assert panel.focusWidget() is card.reject


def test_enter_in_the_code_breaks_the_line_and_runs_nothing(qtbot, panel, controller):
    card = _put(qtbot, panel)
    asked = []
    card.run_requested.connect(lambda *values: asked.append(values))
    card.revise_requested.connect(lambda *values: asked.append(values))
    card.code.switch.click()
    card.code.lines.setFocus()
    lines = card.code.lines.blockCount()
    qtbot.keyClick(card.code.lines, Qt.Key.Key_Return)
    qtbot.keyClick(card.code.lines, Qt.Key.Key_Enter, Qt.KeyboardModifier.ControlModifier)
    assert card.code.lines.blockCount() > lines
    assert asked == []
    assert controller.record.proposals[1].state == "open"


def test_the_keyboard_goes_on_to_undo_after_a_run_and_to_fix_it_after_a_failure(qtbot, panel, controller):
    first, second = _put(qtbot, panel), _put(qtbot, panel, number=2)
    first.run.setFocus()
    _become(controller, "applied", 1)
    assert panel.focusWidget() is first.undo
    second.run_always.setFocus()
    _become(controller, "failed", 2)
    assert panel.focusWidget() is second.fix


def test_the_keyboard_goes_on_to_the_next_question_after_a_rejection(qtbot, panel, controller):
    first, second = _put(qtbot, panel), _put(qtbot, panel, number=2)
    first.reject.setFocus()
    qtbot.keyClick(first.reject, Qt.Key.Key_Space)
    _become(controller, "rejected", 1)
    assert panel.focusWidget() is second.fold.switch
    second.reject.setFocus()
    _become(controller, "rejected", 2)
    assert panel.focusWidget() is panel.composer.prompt


def test_a_question_and_a_notice_have_words_for_a_screen_reader(qtbot, panel, controller):
    QtGui.QAccessible.setActive(True)
    try:
        panel.composer.prompt.setFocus()
        card = _put(qtbot, panel)
        controller.notice.emit("Saved.")
        interface = QtGui.QAccessible.queryAccessibleInterface(card)
        assert interface.text(QtGui.QAccessible.Text.Name) == "Run this on hero_v012.nk?"
        assert interface.text(QtGui.QAccessible.Text.Description) == "Creates 1 node, 1 undo step"
        assert panel.notice.accessibleName() == "Notice: Saved."
        assert panel.focusWidget() is panel.composer.prompt
    finally:
        QtGui.QAccessible.setActive(False)


def test_a_card_takes_the_keyboard_from_nobody(qtbot, panel, controller):
    panel.composer.prompt.setFocus()
    _put(qtbot, panel)
    _become(controller, "applied")
    assert panel.focusWidget() is panel.composer.prompt


# two panels, and one that is built anew


def test_two_panels_of_one_conversation_stay_in_step(qtbot, panel, open_panel, controller):
    other = open_panel()
    card = _put(qtbot, panel)
    twin = other.conversation.cards[1]
    controller.mode = "act"
    assert panel.composer.mode.accessibleName() == other.composer.mode.accessibleName() == "Mode: Act"
    _become(controller, "applied")
    assert _words(card) == _words(twin)
    assert panel.transcript.markdown() == other.transcript.markdown()
    controller.new_conversation()
    assert panel.conversation.cards == other.conversation.cards == {}


def test_edited_code_outlives_the_panel(qtbot, panel, open_panel, controller):
    card = _put(qtbot, panel)
    card.code.lines.appendPlainText("# mine")
    panel.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))
    again = open_panel().conversation.cards[1]
    assert again.code.code.rstrip().endswith("# mine")
    assert again.run.text() == "Check again"
    again.code.lines.setPlainText(CODE)
    assert again.run.text() == "Run"


def test_a_panel_built_anew_shows_calls_plans_rounds_and_notices(qtbot, panel, open_panel, controller):
    _begin(controller)
    controller._on_event(ToolCalled("a", "get_node", '{"node": "Grade1"}'))
    controller._on_event(ToolAnswered("a", "Grade1 is a Grade.", seconds=0.02))
    controller._on_event(ToolCalled("b", "find_nodes", '{"pattern": "Nope"}'))
    controller._on_event(ToolAnswered("b", "There is none.", is_error=True))
    controller._on_event(NoticeArrived("model", "Another model answers."))
    controller._on_event(RoundBegan(1, 3, "fix", "NameError"))
    _end(controller, steps=("Set white", "Add a Blur"), reason="length")
    assert "was cut" in panel.notice.text()

    def seen(one):
        buttons = [each.accessibleName() for each in one.transcript.findChildren(QtWidgets.QAbstractButton) if each.isVisible()]
        labels = [each.text() for each in one.transcript.findChildren(QtWidgets.QLabel) if each.isVisible()]
        return [each for each in buttons if each.startswith("Show ")], labels

    qtbot.waitUntil(lambda: len(seen(panel)[0]) == 2, timeout=LIMIT)
    before = seen(panel)
    assert before[0] == ["Show Get node: Grade1, 20 ms", "Show Find nodes: Nope, not possible"]
    assert "Another model answers." in before[1]
    assert "Fixing it, try 1 of 3: NameError" in before[1]
    panel.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))
    again = open_panel()
    qtbot.waitUntil(lambda: seen(again) == before, timeout=LIMIT)
    assert not again.notice.isVisible()


def test_a_plan_that_was_begun_is_begun_in_every_panel(qtbot, panel, open_panel, controller):
    other = open_panel()
    _begin(controller)
    _end(controller, steps=("Set white", "Add a Blur"))
    plans = [each.findChild(PlanCard) for each in (panel, other)]
    controller._on_event(PromptAdded("Work off this plan, step by step:\n1. Set white\n2. Add a Blur"))
    assert {plan.title.text() for plan in plans} == {"This plan was begun"}
    panel.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))
    again = open_panel().findChild(PlanCard)
    assert again.title.text() == "This plan was begun"
    assert not again.begin.isVisibleTo(again)


# around the card


def test_notices_wait_for_each_other(panel, controller):
    controller.notice.emit("First.")
    controller.notice.emit("Second.")
    controller.notice.emit("Second.")
    assert panel.notice.text() == "First."
    panel.notice.timer.timeout.emit()
    assert panel.notice.text() == "Second."
    panel.notice.timer.timeout.emit()
    assert not panel.notice.isVisible()


@pytest.mark.parametrize(
    ("language", "code", "kind", "title"),
    [
        ("python", "import nuke\nnuke.nodes.Blur()\n", "python", "Run this on hero_v012.nk?"),
        ("nk", "Blur {\n size 4\n name Soft\n}\n", "nk", "Paste these nodes on hero_v012.nk?"),
        ("tcl", "knob Grade1.white 2\n", "tcl", "Run this on hero_v012.nk?"),
        ("tcl", "frobnicate the plate\n", "tcl", None),
        ("expression", "frame / 24.0\n", "expression", "This is not offered to run"),
        (
            "blink",
            "kernel Gain : ImageComputationKernel<ePixelWise>\n{\n  Image<eRead, eAccessPoint, eEdgeClamped> src;\n"
            '  Image<eWrite> dst;\n  param:\n    float gain;\n  void define() { defineParam(gain, "Gain", 1.0f); }\n'
            "  void process() { dst() = src() * gain; }\n};\n",
            "blink",
            "Use this kernel on hero_v012.nk?",
        ),
    ],
)
def test_a_block_of_any_kind_is_reviewed_from_its_own_button(qtbot, panel, controller, language, code, kind, title):
    _begin(controller)
    controller._on_event(TextArrived(f"\n\n```{language}\n{code}```\n"))
    _end(controller)

    def run():
        bars = [bar for bar in panel.transcript._overlays.code_bars if bar.isVisible()]
        return bars[0].buttons["run"] if bars else None

    qtbot.waitUntil(lambda: run() is not None and run().isVisible() and run().isEnabled(), timeout=LIMIT)
    assert run().accessibleName() == f"Run {language} code block"
    qtbot.mouseClick(run(), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(panel.findChildren(ReviewCard)), timeout=LIMIT)
    record = controller.record.proposals[1]
    assert record.review.proposal.kind == kind
    assert title is None or panel.conversation.cards[1].title.text() == title


def _cut(card):
    """The words of what is not seen whole."""
    found = [] if card.height() >= card.heightForWidth(card.width()) else ["the card"]
    for each in card.findChildren(QtWidgets.QWidget):
        if each.isVisible() and isinstance(each, (QtWidgets.QPushButton, QtWidgets.QLabel)):
            corner = each.mapTo(card, QtCore.QPoint(each.width(), each.height()))
            if isinstance(each, QtWidgets.QLabel):
                is_whole = each.height() >= each.heightForWidth(each.width())
            else:
                is_whole = each.width() >= each.sizeHint().width()
            if not is_whole or corner.x() > card.width() or corner.y() > card.height():
                found.append(each.text())
    return found


@pytest.mark.parametrize("size", [13, 20])
@pytest.mark.parametrize("state", ["open", "failed"])
def test_nothing_of_a_card_is_cut_in_a_narrow_panel(qtbot, panel, controller, store, size, state):
    store.save({"font_size": size})
    controller.refresh_models()
    qtbot.waitUntil(lambda: not controller.is_looking, timeout=LIMIT)
    panel.resize(300, 900)
    wrong = dataclasses.replace(
        SOUND, error=ERROR, diff=None, findings=(Finding("Grade has no knob 'gamma_r'; did you mean gamma?", line=2),)
    )
    card = _put(qtbot, panel, wrong)
    if state == "failed":
        _become(controller, "failed")
    qtbot.waitUntil(lambda: _cut(card) == [], timeout=LIMIT)

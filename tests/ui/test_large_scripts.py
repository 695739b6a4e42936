"""Run and Undo in a script that is too large to be compared on the main thread: what the artist sees meanwhile, and then."""

from __future__ import annotations

import pytest

from nuke_ai_panel.agent.session_events import ProposalApplied, ProposalCompared, ProposalReviewed
from nuke_ai_panel.hosts.base import RunResult
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.applying import Applied
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel_ui.conversation import ConversationRecord
from nuke_ai_panel_ui.qt import Qt, QtCore
from nuke_ai_panel_ui.review import ReviewCard

LIMIT = 20_000
SCRIPT = b"version 15.1 v3\nRoot {\n name /shots/hero_v012.nk\n}\n" + b"".join(
    b"Grade {\n inputs 0\n white 1.5\n name Grade%d\n%s}\n" % (number, b" selected true\n" if number == 1 else b"")
    for number in range(1, 801)
)
BLUR = "import nuke\nnuke.nodes.Blur(name='{}', size=10)\n"
SOFTEN = BLUR.format("Soft")
UNLIKE = "import nuke, os\nnuke.nodes.Blur(name='Soft', size=3 if 'dry-run' in os.environ.get('HOME', '') else 9)\n"


@pytest.fixture
def host(tmp_path):
    path = tmp_path / "hero_v012.nk"
    path.write_bytes(SCRIPT)
    return DocumentHost.open(path)


def _card(qtbot, panel, number=1):
    """The card of a proposal, once it is seen."""

    def cards():
        return sorted((each for each in panel.findChildren(ReviewCard) if each.isVisible()), key=lambda each: each.y())

    qtbot.waitUntil(lambda: len(cards()) >= number, timeout=LIMIT)
    return cards()[number - 1]


def _click(qtbot, widget):
    qtbot.waitUntil(widget.isVisible, timeout=LIMIT)
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


@pytest.fixture
def run(qtbot, panel, controller):
    """Return a function that has code checked, runs it, and returns its card; what it changed may not be known by then."""

    def start(code=SOFTEN):
        number = len(controller.record.proposals) + 1
        controller.desk.check(ScriptProposal("python", code, "AI: soften it"))
        card = _card(qtbot, panel, number)
        _click(qtbot, card.run)
        assert controller.record.proposals[number].state == "applied"
        return card

    return start


def _compared(qtbot, controller, number=1):
    qtbot.waitUntil(lambda: controller.record.proposals[number].applied.is_compared, timeout=LIMIT)


def test_a_card_tells_that_it_ran_and_then_what_was_changed(qtbot, controller, run, host):
    card = run(UNLIKE)
    assert host.node("Soft")
    assert card.title.text() == "Ran on hero_v012.nk"
    assert card.summary.text() == "Looking at what it changed"
    assert not card.aside.isVisible()
    assert "Soft (Blur)" in card.fold.lines.toPlainText()
    assert card.undo.isVisible()
    _compared(qtbot, controller)
    assert card.summary.text() == "Creates 1 node, 1 undo step"
    assert card.accessibleDescription() == card.summary.text()
    assert card.aside.isVisible()
    assert card.aside.text() == "Not as on the copy: Soft.size is 9 and not 3."
    assert "size 9" in card.fold.lines.toPlainText().replace(":", "").replace("=", " ")


def test_a_panel_that_is_closed_meanwhile_shows_it_when_it_is_opened_again(qtbot, panel, open_panel, controller, run):
    run(UNLIKE)
    assert not controller.record.proposals[1].applied.is_compared
    panel.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))
    again = open_panel()
    _compared(qtbot, controller)
    card = _card(qtbot, again)
    assert card.summary.text() == "Creates 1 node, 1 undo step"
    assert "size is 9 and not 3" in card.aside.text()


def test_a_run_that_nothing_followed_is_undone_at_once(qtbot, controller, run, host):
    before = host.snapshot()
    card = run()
    controller.desk.undo(1)
    assert card.title.text() == "Taken back"
    assert host.snapshot() == before
    _compared(qtbot, controller)
    assert card.title.text() == "Taken back"


def test_selecting_a_node_is_no_change_and_undo_looks_without_holding_anybody_up(qtbot, controller, run, host):
    before = host.snapshot()
    card = run()
    host.document.node("Grade7").selected = True
    _click(qtbot, card.undo)
    assert card.undo.text() == "Comparing\u2026"
    assert "changed since" in card.undo.accessibleName()
    assert controller.record.proposals[1].state == "applied"
    # Again, out of impatience: it is one undo all the same.
    _click(qtbot, card.undo)
    qtbot.waitUntil(lambda: card.title.text() == "Taken back", timeout=LIMIT)
    host.document.node("Grade7").selected = False
    assert host.snapshot() == before
    assert not host.undo()


def test_what_was_changed_since_is_not_undone(qtbot, controller, run, host):
    card = run()
    host.set_knob("Grade7", "white", "3")
    _click(qtbot, card.undo)
    qtbot.waitUntil(card.note.isVisible, timeout=LIMIT)
    assert card.note.text() == "The script was changed after this ran. Undo the later changes first."
    assert card.undo.text() == "Undo"
    assert host.node("Grade7").knobs["white"] == "3"
    assert host.node("Soft")
    assert host.undo()
    _click(qtbot, card.undo)
    assert card.title.text() == "Taken back"


def test_what_is_changed_while_it_is_looked_at_is_not_undone_either(qtbot, controller, run, host):
    card = run()
    host.document.node("Grade7").selected = True
    controller.desk.undo(1)
    host.set_knob("Grade7", "white", "3")
    qtbot.waitUntil(lambda: card.note.isVisible() and card.undo.text() == "Undo", timeout=LIMIT)
    assert "was changed after this ran" in card.note.text()
    assert host.node("Soft")


def test_selecting_while_it_is_looked_at_is_looked_at_too(qtbot, controller, run, host):
    card = run()
    host.document.node("Grade7").selected = True
    controller.desk.undo(1)
    host.document.node("Grade9").selected = True
    qtbot.waitUntil(lambda: card.title.text() == "Taken back", timeout=LIMIT)


def test_a_new_conversation_meanwhile_undoes_nothing(qtbot, controller, run, host):
    run()
    record = controller.record.proposals[1]
    host.document.node("Grade7").selected = True
    controller.desk.undo(1)
    assert record.is_undoing
    controller.new_conversation()
    qtbot.waitUntil(lambda: not record.is_undoing, timeout=LIMIT)
    assert host.node("Soft")
    assert record.state == "applied"


def test_a_script_that_cannot_be_read_by_then_is_told(qtbot, controller, run, host):
    card = run()
    read = host.snapshot
    host.snapshot = lambda: read() + b"Blur {\n"
    controller.desk.undo(1)
    qtbot.waitUntil(card.note.isVisible, timeout=LIMIT)
    assert card.note.text().startswith("line ")
    assert card.undo.text() == "Undo"


def test_two_runs_are_undone_in_turn_but_never_what_the_artist_did_between_them(qtbot, panel, controller, run, host):
    run()
    host.set_knob("Grade7", "white", "3")
    run(BLUR.format("Softer"))
    controller.desk.undo(2)
    assert controller.record.proposals[2].state == "undone"
    controller.desk.undo(1)
    card = _card(qtbot, panel, 1)
    qtbot.waitUntil(lambda: "was changed after this ran" in card.note.text(), timeout=LIMIT)
    assert host.node("Grade7").knobs["white"] == "3"
    assert host.undo()
    controller.desk.undo(1)
    assert controller.record.proposals[1].state == "undone"


def test_only_the_last_runs_keep_their_script():
    record = ConversationRecord()
    review = Review(ScriptProposal("python", "pass"))
    for number in range(1, 13):
        record.add(ProposalReviewed(number, review))
        applied = Applied(RunResult(), GraphDiff(), is_compared=False, after=b"%d" % number)
        record.add(ProposalApplied(number, applied))
        record.add(ProposalCompared(number, Applied(RunResult(), GraphDiff(), after=b"%d" % number)))
    kept = [each.after for each in record.proposals.values()]
    assert kept == [b""] * 4 + [b"%d" % number for number in range(5, 13)]
    told = [entry.event for entry in record.entries() if isinstance(entry.event, (ProposalApplied, ProposalCompared))]
    assert len(told) == 24
    assert not any(event.applied.after for event in told)
    record.taken_back(record.proposals[12])
    record.add(ProposalReviewed(13, review))
    record.add(ProposalApplied(13, Applied(RunResult(), GraphDiff(), after=b"13")))
    assert record.proposals[5].after == b"5"


def test_a_run_whose_script_is_not_known_any_more_is_not_undone(qtbot, controller, run, host):
    card = run()
    controller.record.proposals[1].after = b""
    controller.desk.undo(1)
    assert card.note.text() == "What the script was like after this ran is not known any more. Undo the later changes first."
    assert host.node("Soft")
    _compared(qtbot, controller)


def test_a_loop_that_is_let_go_meanwhile_leaves_the_script_alone(qtbot, controller, run, host):
    run()
    host.document.node("Grade7").selected = True
    controller.desk.undo(1)
    controller.loop.shutdown()
    assert host.node("Soft")
    assert controller.record.proposals[1].state == "applied"

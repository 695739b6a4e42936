"""The *AI* menu and the docked panel in a window laid out as Nuke's: real widgets, a real server, our engine as ``nuke``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("pytestqt", reason="docking is Qt; pytest-qt is not installed here")

from nuke_ai_panel import nk
from nuke_ai_panel.cli.demo_server import DemoServer
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.hosts.nuke_host import NukeHost
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.tool_files import list_tools, save_tool
from nuke_ai_panel.settings import SettingsStore
from nuke_ai_panel_ui import controller as controller_module
from nuke_ai_panel_ui import nuke_commands, nuke_panel, saving
from nuke_ai_panel_ui.controller import PanelController
from nuke_ai_panel_ui.host_loop import attach
from nuke_ai_panel_ui.index_dialog import IndexDialog
from nuke_ai_panel_ui.panel import Panel
from nuke_ai_panel_ui.prompt_form import EntryList, PromptForm, PromptList
from nuke_ai_panel_ui.qt import Qt, QtCore, QtWidgets, is_valid
from nuke_ai_panel_ui.review import ReviewCard
from tests.host_contract.host_contract import SCRIPT

LIMIT = 20_000
STAND_IN = Path(__file__).resolve().parent / "stand_in"
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def nuke(monkeypatch):
    """The stand-in as the running Nuke, fresh for each test."""
    names = ("nuke", "nukescripts", "nukescripts.panels")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(STAND_IN))
    module = importlib.import_module("nuke")
    importlib.import_module("nukescripts.panels")
    module.script = SCRIPT
    yield module
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def window(qtbot, nuke):
    """A main window with two panes side by side, as Nuke's default workspace has."""
    made = QtWidgets.QMainWindow()
    middle = QtWidgets.QSplitter()
    for name in ("DAG.1", "Properties.1"):
        pane = QtWidgets.QTabWidget()
        pane.addTab(QtWidgets.QLabel(name), name)
        middle.addWidget(pane)
        nuke.panes[name] = pane
    made.setCentralWidget(middle)
    made.resize(1200, 800)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))


@pytest.fixture
def controller(qtbot, nuke, tmp_path, monkeypatch):
    """The process's controller, begun anew, on the demo server."""
    with DemoServer(pause=0) as server:
        store = SettingsStore(tmp_path / "settings.json", environ={})
        store.save({"servers.ollama.base_url": server.url, "servers.openrouter.enabled": False})
        loop = attach()
        made = PanelController()
        made.configure(NukeHost(), store=store, credentials=Credentials(environ={}), is_in_nuke=True)
        monkeypatch.setattr(controller_module, "_controller", made)
        monkeypatch.setattr(nuke_commands, "_forms", {})
        monkeypatch.setattr(nuke_commands, "_windows", {})
        yield made
        loop.shutdown()


@pytest.fixture
def choose(nuke, window, controller, root):
    """Return a function that chooses a command of the *AI* menu, made by menu.py as Nuke runs it."""
    path = root / "menu.py"
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"__name__": "__main__", "__file__": str(path)})

    def run(name):
        nuke.menu("Nuke").findItem("AI").findItem(name).invoke()
        assert nuke.messages == []

    yield run
    for widget in QtWidgets.QApplication.topLevelWidgets():
        if isinstance(widget, QtWidgets.QDialog):
            widget.close()
            widget.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))


def panels():
    return [each for each in QtWidgets.QApplication.allWidgets() if isinstance(each, Panel) and is_valid(each)]


def opened_panel(qtbot, nuke):
    qtbot.waitUntil(lambda: isinstance(nuke.panes["Properties.1"].currentWidget(), Panel), timeout=LIMIT)
    return nuke.panes["Properties.1"].currentWidget()


def opened(qtbot, kind):
    """The window of a kind, once it has opened."""

    def found():
        return [each for each in QtWidgets.QApplication.topLevelWidgets() if isinstance(each, kind) and each.isVisible()]

    qtbot.waitUntil(lambda: len(found()) == 1, timeout=LIMIT)
    return found()[0]


def settle(qtbot, controller):
    qtbot.waitUntil(lambda: not controller.is_looking and not controller.is_busy, timeout=LIMIT)


def test_show_panel_opens_it_beside_the_properties(qtbot, nuke, choose, controller):
    choose("Show panel")
    pane = nuke.panes["Properties.1"]
    assert pane.tabText(pane.currentIndex()) == "AI Panel"
    assert isinstance(pane.currentWidget(), Panel)
    assert pane.currentWidget().isVisible()
    settle(qtbot, controller)


def test_show_panel_takes_the_node_graph_where_there_are_no_properties(qtbot, nuke, choose, controller):
    del nuke.panes["Properties.1"]
    choose("Show panel")
    assert isinstance(nuke.panes["DAG.1"].currentWidget(), Panel)
    settle(qtbot, controller)


def test_show_panel_brings_the_one_panel_to_the_front(qtbot, nuke, choose, controller):
    choose("Show panel")
    pane = nuke.panes["Properties.1"]
    pane.setCurrentIndex(0)
    assert not panels()[0].isVisible()
    choose("Show panel")
    assert len(panels()) == 1
    assert panels()[0].isVisible()
    settle(qtbot, controller)


def test_show_panel_makes_a_new_one_when_the_tab_was_closed(qtbot, nuke, choose, controller):
    """Nuke only hides a panel whose tab is closed."""
    choose("Show panel")
    pane = nuke.panes["Properties.1"]
    closed = pane.currentWidget()
    pane.removeTab(pane.indexOf(closed))
    assert not closed.isVisible()
    choose("Show panel")
    assert pane.currentWidget() is not closed
    assert pane.currentWidget().isVisible()
    settle(qtbot, controller)


def test_a_restored_workspace_shows_the_panel(qtbot, nuke, choose, controller):
    sys.modules["nukescripts.panels"].restorePanel("uk.nukeaipanel.panel")
    assert isinstance(nuke.panes["Properties.1"].currentWidget(), Panel)
    assert nuke_panel.PANEL_ID == "uk.nukeaipanel.panel"
    settle(qtbot, controller)


def test_generate_script_ends_in_a_card_that_runs_in_nuke(qtbot, nuke, choose, controller):
    before = controller.host.snapshot()
    choose("Generate script\u2026")
    dialog = opened(qtbot, PromptForm)
    assert dialog.isVisible()
    assert not dialog.isModal(), "a modal dialog would hold the undo group of the menu command open"
    assert not dialog.send_button.isEnabled()
    qtbot.keyClicks(dialog.fields["request"], "Add a blur")
    qtbot.keyClick(dialog.fields["request"], Qt.Key.Key_Return)
    assert not dialog.isVisible()
    panel = nuke.panes["Properties.1"].currentWidget()
    qtbot.waitUntil(lambda: bool(panel.findChildren(ReviewCard)), timeout=LIMIT)
    card = panel.findChildren(ReviewCard)[0]
    qtbot.waitUntil(card.run.isVisible, timeout=LIMIT)
    assert "in Nuke" in card.run.accessibleName()
    assert "Creates 1 node" in card.summary.text()
    assert controller.host.snapshot() == before, "nothing ran before the artist said so"
    settle(qtbot, controller)
    qtbot.mouseClick(card.run, Qt.MouseButton.LeftButton)
    assert controller.host.node("DemoBlur").inputs == ("Read1",)
    qtbot.waitUntil(card.undo.isVisible, timeout=LIMIT)
    qtbot.mouseClick(card.undo, Qt.MouseButton.LeftButton)
    assert not nk.diff(nk.loads(before), nk.loads(controller.host.snapshot()))


def test_the_conversation_survives_a_panel_that_nuke_destroys(qtbot, nuke, choose, controller):
    choose("Explain selected nodes")
    qtbot.waitUntil(lambda: len(controller.record) > 0, timeout=LIMIT)
    settle(qtbot, controller)
    pane = nuke.panes["Properties.1"]
    old = pane.currentWidget()
    said = old.transcript.markdown()
    assert "fixed answer to the word *explain*" in said
    pane.removeTab(pane.indexOf(old))
    old.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))
    choose("Show panel")
    assert pane.currentWidget().transcript.markdown() == said


def test_explain_without_a_selection_says_so(qtbot, nuke, choose, controller):
    nuke.toNode("Read1").setSelected(False)
    choose("Explain selected nodes")
    panel = opened_panel(qtbot, nuke)
    qtbot.waitUntil(panel.notice.isVisible, timeout=LIMIT)
    assert "Select the nodes" in panel.notice.text()
    settle(qtbot, controller)
    assert len(controller.record) == 0


def test_settings_opens_above_nuke_and_returns_at_once(qtbot, nuke, choose, controller, window):
    choose("Settings\u2026")
    dialog = controller.show_settings(window)
    assert dialog.isVisible()
    assert dialog.parentWidget() is window
    settle(qtbot, controller)


def test_prompt_dialog_keeps_what_was_not_sent(qtbot, nuke, choose, controller):
    choose("Generate script\u2026")
    dialog = opened(qtbot, PromptForm)
    qtbot.keyClicks(dialog.fields["request"], "first line")
    qtbot.keyClick(dialog.fields["request"], Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(dialog.fields["request"], "second")
    qtbot.keyClick(dialog.fields["request"], Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    choose("Generate script\u2026")
    qtbot.waitUntil(dialog.isVisible, timeout=LIMIT)
    assert dialog.fields["request"].toPlainText() == "first line\nsecond"
    assert panels() == []


def test_every_command_of_the_menu_ends_in_the_panel_or_a_window(qtbot, nuke, choose, controller):
    """None of them fails, none is modal, and each is reached by its name alone."""
    names = [item.name() for item in nuke.menu("Nuke").findItem("AI").items() if item.name()]
    for name in names:
        if name not in ("Prompt library", "My tools"):
            choose(name)
            settle(qtbot, controller)
    assert not any(each.isModal() for each in QtWidgets.QApplication.topLevelWidgets() if isinstance(each, QtWidgets.QDialog))


def test_a_prompt_of_the_library_asks_for_its_blanks_and_is_sent(qtbot, nuke, choose, controller):
    choose("Make gizmo from selection\u2026")
    form = opened(qtbot, PromptForm)
    qtbot.keyClicks(form.fields["name"], "EdgeGlow")
    qtbot.keyClick(form.fields["name"], Qt.Key.Key_Return)
    panel = opened_panel(qtbot, nuke)
    qtbot.waitUntil(
        lambda: "Make a group named EdgeGlow from the selected nodes (Read1" in panel.transcript.markdown(), timeout=LIMIT
    )
    assert "the ones an artist would change" in panel.transcript.markdown()
    settle(qtbot, controller)


def test_a_studio_changes_the_words_of_a_command_with_a_file(qtbot, nuke, choose, controller, tmp_path):
    (tmp_path / "document_script.md").write_text("title: Document\n\nWrite the handover sheet of the house.\n")
    controller.store.save({"prompts_folder": str(tmp_path)})
    choose("Document this script")
    panel = opened_panel(qtbot, nuke)
    qtbot.waitUntil(lambda: "handover sheet of the house" in panel.transcript.markdown(), timeout=LIMIT)
    settle(qtbot, controller)


def test_the_prompt_library_is_searched_by_typing(qtbot, nuke, choose, controller):
    nuke.menu("Nuke").findItem("AI").findItem("Prompt library").findItem("All prompts\u2026").invoke()
    library = opened(qtbot, PromptList)
    assert library.list.count() >= 15
    qtbot.keyClicks(library.search, "slow")
    assert library.list.count() == 1
    qtbot.keyClick(library.search, Qt.Key.Key_Return)
    panel = opened_panel(qtbot, nuke)
    qtbot.waitUntil(lambda: "Why is this script slow" in panel.transcript.markdown(), timeout=LIMIT)
    settle(qtbot, controller)


def test_the_menu_of_a_knob_asks_for_an_expression(qtbot, nuke, choose, controller):
    nuke.thisNode = lambda: nuke.toNode("Read1")
    nuke.thisKnob = lambda: nuke.toNode("Read1")["first"]
    nuke.menu("Animation").findItem("AI/Generate expression for this knob\u2026").invoke()
    form = opened(qtbot, PromptForm)
    assert form.value("knob") == "Read1.first"
    assert form.fields["request"].hasFocus() or not form.isActiveWindow()
    qtbot.keyClick(form, Qt.Key.Key_Escape)


def test_explain_this_error_takes_the_one_on_the_clipboard(qtbot, nuke, choose, controller):
    QtWidgets.QApplication.clipboard().setText("Traceback (most recent call last):\nNameError: nope\n")
    choose("Explain this error\u2026")
    form = opened(qtbot, PromptForm)
    assert form.value("error").endswith("NameError: nope")
    qtbot.keyClick(form, Qt.Key.Key_Escape)


def test_index_this_nuke_reads_its_classes_and_leaves_the_script_as_it_was(
    qtbot, nuke, choose, controller, tmp_path, monkeypatch
):
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG_DIR", str(tmp_path / "config"))
    before = controller.host.snapshot()
    choose("Index this Nuke\u2026")
    dialog = opened(qtbot, IndexDialog)
    qtbot.waitUntil(lambda: not dialog.is_working, timeout=60_000)
    assert "node classes indexed" in dialog.words.text()
    assert list((tmp_path / "config" / "catalogue").iterdir())
    assert controller.host.snapshot() == before


def test_index_this_nuke_can_be_stopped(qtbot, nuke, choose, controller, tmp_path, monkeypatch):
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG_DIR", str(tmp_path / "config"))
    before = controller.host.snapshot()
    choose("Index this Nuke\u2026")
    dialog = opened(qtbot, IndexDialog)
    qtbot.mouseClick(dialog.leave, Qt.MouseButton.LeftButton)
    assert not dialog.is_working
    assert not (tmp_path / "config" / "catalogue").exists()
    assert controller.host.snapshot() == before


def test_a_saved_tool_is_in_the_menu_and_ends_in_a_card(qtbot, nuke, window, controller, root, tmp_path, monkeypatch):
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG_DIR", str(tmp_path / "config"))
    code = "import nuke\nnuke.nodes.Blur(name='FromTool')\n"
    save_tool(ScriptProposal("python", code, "x"), saving.tools_folder(), title="Soft focus", shortcut="ctrl+alt+s")
    path = root / "menu.py"
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"__name__": "__main__", "__file__": str(path)})
    nuke.menu("Nuke").findItem("AI").findItem("My tools").findItem("Soft focus").invoke()
    panel = opened_panel(qtbot, nuke)
    qtbot.waitUntil(lambda: bool(panel.findChildren(ReviewCard)), timeout=LIMIT)
    card = panel.findChildren(ReviewCard)[0]
    qtbot.waitUntil(card.run.isVisible, timeout=LIMIT)
    assert "Creates 1 node" in card.summary.text()
    settle(qtbot, controller)


def test_all_tools_lists_the_studios_too_and_checks_the_one_chosen(
    qtbot, nuke, window, choose, controller, tmp_path, monkeypatch
):
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG_DIR", str(tmp_path / "config"))
    code = "import nuke\nnuke.nodes.Blur(name='FromTool')\n"
    save_tool(ScriptProposal("python", code, "x"), saving.tools_folder(), title="Soft focus")
    save_tool(ScriptProposal("python", code, "x"), tmp_path / "house", title="House despill")
    controller.store.save({"tools_folder": str(tmp_path / "house")})
    nuke.menu("Nuke").findItem("AI").findItem("My tools").findItem("All tools\u2026").invoke()
    shown = opened(qtbot, EntryList)
    assert [shown.list.item(row).text() for row in range(shown.list.count())] == ["Soft focus", "Studio \u203a House despill"]
    qtbot.keyClicks(shown.search, "nothing of the kind")
    assert shown.status.text() == "No tools match."
    shown.search.clear()
    qtbot.keyClicks(shown.search, "house")
    qtbot.keyClick(shown.search, Qt.Key.Key_Return)
    panel = opened_panel(qtbot, nuke)
    qtbot.waitUntil(lambda: bool(panel.findChildren(ReviewCard)), timeout=LIMIT)
    assert "House despill" in panel.findChildren(ReviewCard)[0]._record.review.proposal.title
    settle(qtbot, controller)


def test_a_proposal_is_saved_as_a_tool_and_as_a_file(qtbot, nuke, choose, controller, tmp_path, monkeypatch):
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG_DIR", str(tmp_path / "config"))
    choose("Show panel")
    panel = opened_panel(qtbot, nuke)
    controller.desk.check(ScriptProposal("python", "import nuke\nnuke.nodes.Blur(size=3)\n", "AI: Soften"))
    qtbot.waitUntil(lambda: bool(panel.findChildren(ReviewCard)), timeout=LIMIT)
    card = panel.findChildren(ReviewCard)[0]
    qtbot.waitUntil(card.save.isVisible, timeout=LIMIT)
    as_file, as_tool = card.save.menu().actions()
    as_tool.trigger()
    form = opened(qtbot, saving.ToolForm)
    form.shortcut.setText("no such key+x")
    qtbot.mouseClick(form.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(form.problem.isVisible, timeout=LIMIT)
    form.shortcut.setText("ctrl+alt+s")
    qtbot.mouseClick(form.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not form.isVisible(), timeout=LIMIT)
    (tool,) = list_tools(saving.tools_folder())
    assert (tool.title, tool.shortcut) == ("Soften", "ctrl+alt+s")
    as_file.trigger()
    dialog = opened(qtbot, QtWidgets.QFileDialog)
    dialog.fileSelected.emit(str(tmp_path / "soften.py"))
    qtbot.waitUntil((tmp_path / "soften.py").exists, timeout=LIMIT)
    assert "nuke.nodes.Blur(size=3)" in (tmp_path / "soften.py").read_text()
    dialog.reject()
    settle(qtbot, controller)


def test_an_expression_that_names_no_knob_is_for_the_one_that_was_asked_about(qtbot, nuke, choose, controller, tmp_path):
    with DemoServer(pause=0, answer=lambda prompt: "Slowly rising:\n\n```expression\nframe/10\n```\n") as server:
        controller.store.save({"servers.ollama.base_url": server.url})
        choose("Generate expression\u2026")
        form = opened(qtbot, PromptForm)
        form.fields["knob"].setText("Read1.first")
        qtbot.keyClicks(form.fields["request"], "rise")
        qtbot.keyClick(form.fields["request"], Qt.Key.Key_Return)
        panel = opened_panel(qtbot, nuke)
        qtbot.waitUntil(lambda: bool(panel.findChildren(ReviewCard)), timeout=LIMIT)
        card = panel.findChildren(ReviewCard)[0]
        qtbot.waitUntil(card.run.isVisible, timeout=LIMIT)
        assert card.title.text() == "Set this expression in Nuke?"
        settle(qtbot, controller)
        qtbot.mouseClick(card.run, Qt.MouseButton.LeftButton)
        assert nuke.toNode("Read1")["first"].hasExpression()

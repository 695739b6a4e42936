"""Limits as the panel tells of them: a limit that is reached names its setting, and what will be sent keeps to the budget."""

from __future__ import annotations

import json

import pytest

from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel_ui.cards import NoticeRow
from nuke_ai_panel_ui.qt import Qt, QtWidgets

LIMIT = 20_000


@pytest.fixture
def ask(qtbot, panel, controller, server, store):
    """Ask a model that reads on and on, until its limit ends it."""

    def ask_with(**settings) -> None:
        store.save(settings)
        server.capabilities = ["completion", "tools"]
        server.answers = [
            [[{"function": {"name": "get_node", "arguments": {"node": "Grade1", "offset": n}}}]] for n in range(9)
        ]
        panel.composer.set_text("What is it?")
        qtbot.mouseClick(panel.composer.send, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not controller.is_busy and controller.state.kind == "ready", timeout=LIMIT)

    return ask_with


def _labels(panel) -> list[str]:
    return [each.text() for each in panel.transcript.findChildren(QtWidgets.QLabel)]


def test_a_limit_that_is_reached_leads_to_its_setting(qtbot, panel, controller, ask):
    ask(limit_rounds=2)
    (row,) = panel.transcript.findChildren(NoticeRow)
    assert row.words.text() == "The limit of 2 rounds is reached. You can change it in Settings, under Limits."
    qtbot.mouseClick(row.settings, Qt.MouseButton.LeftButton)
    dialog = controller._dialog
    assert dialog.isVisible()
    assert dialog.limits.body.isVisible()
    assert dialog.focusWidget() is dialog.limits.boxes["limit_rounds"]
    # The file was changed since the panel was opened.
    qtbot.waitUntil(lambda: dialog.limits.boxes["limit_rounds"].text() == "2 rounds", timeout=LIMIT)
    dialog.close()


def test_a_limit_of_the_studio_is_told_without_a_way_to_change_it(qtbot, panel, controller, ask, store, tmp_path):
    studio = tmp_path / "studio.json"
    studio.write_text(json.dumps({"limit_rounds": 3, "locked": ["limit_rounds"]}))
    store._environ = {"NUKE_AI_PANEL_STUDIO_SETTINGS": str(studio)}
    ask(limit_minutes=5)
    assert not panel.transcript.findChildren(NoticeRow)
    assert "The limit of 3 rounds is reached. Set by your studio." in _labels(panel)


def test_what_will_be_sent_keeps_to_the_budget_of_the_settings_as_they_are_now(qtbot, panel, controller, store, tmp_path):
    nodes = b"".join(b"Grade {\n inputs 0\n name G%d\n white %d.5\n selected true\n}\n" % (n, n) for n in range(60))
    path = tmp_path / "many.nk"
    path.write_bytes(b"version 15.1 v3\nRoot {\n}\n" + nodes)
    controller._host = DocumentHost.open(path)
    titles = []
    for budget in (300, 4_000):
        store.save({"script_tokens": budget})
        qtbot.mouseClick(panel.composer.sees, Qt.MouseButton.LeftButton)
        title = panel._context.title
        qtbot.waitUntil(lambda words=f"of at most {budget:,} tokens", title=title: words in title.text(), timeout=LIMIT)
        titles.append(title.text())
        assert ("G59" in panel._context.text.toPlainText()) == (budget == 4_000)
        panel._context.hide()
    assert titles[0].endswith("nodes do not fit: Settings, under Limits, say how much may be sent.")
    assert "not fit" not in titles[1]

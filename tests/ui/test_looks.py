"""What is seen in a narrow panel, at a large font and where there is little or very much to show."""

from __future__ import annotations

import logging

import pytest

from nuke_ai_panel_ui.index_dialog import IndexDialog
from nuke_ai_panel_ui.prompt_form import EntryList, ListEntry
from nuke_ai_panel_ui.qt import QtCore, QtWidgets
from nuke_ai_panel_ui.review_parts import CodeFold, GraphPicture

LIMIT = 20_000
ROW = '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}"><rect width="{0}" height="{1}" fill="#333"/></svg>'


@pytest.mark.parametrize("font_px", [13, 26])
def test_suggestions_stay_inside_a_narrow_panel(qtbot, store, open_panel, font_px):
    store.save({"font_size": font_px})
    panel = open_panel()
    panel.resize(300, 700)
    qtbot.waitUntil(lambda: panel.empty.width() <= 300 and panel.empty.isVisible(), timeout=LIMIT)
    qtbot.wait(1)
    buttons = [each for each in panel.empty.findChildren(QtWidgets.QPushButton) if each.objectName() == "suggestion"]
    assert len(buttons) >= 3
    for each in buttons:
        right = each.mapTo(panel.empty, QtCore.QPoint(each.width(), 0)).x()
        assert right <= panel.empty.viewport().width(), each.text()
        assert each.toolTip() == each.text()


def test_a_scroll_bar_is_only_there_to_take_where_there_is_more_to_see(qtbot, panel):
    view = panel.transcript
    view.add_message("user", "Short", "You")
    panel.pages.setCurrentWidget(view)
    qtbot.waitUntil(lambda: view.is_up_to_date, timeout=LIMIT)
    assert not view.verticalScrollBar().isEnabled()
    view.add_message("assistant", "A line of an answer.\n\n" * 80, "model")
    qtbot.waitUntil(view.verticalScrollBar().isEnabled, timeout=LIMIT)


def test_index_dialog_says_that_this_nuke_could_not_be_read(qtbot, tmp_path, caplog):
    class Broken:
        def __getattr__(self, name):
            raise RuntimeError(f"a plug-in broke {name}")

    dialog = IndexDialog(Broken(), tmp_path / "catalogue")
    qtbot.addWidget(dialog)
    with caplog.at_level(logging.ERROR):
        dialog.begin()
        qtbot.waitUntil(lambda: not dialog.is_working, timeout=LIMIT)
    assert dialog.words.text().startswith("Not indexed: this Nuke could not be read.")
    assert dialog.words.height() >= dialog.words.heightForWidth(dialog.words.width())
    assert dialog.again.isVisible()
    assert "a plug-in broke" in caplog.text


def test_list_shows_long_titles_whole_and_says_how_to_come_by_the_first_entry(qtbot):
    window = EntryList("My tools", "tools", hint="Save one on a card.")
    qtbot.addWidget(window)
    window.ask([], [])
    assert window.status.text() == "There are no tools yet. Save one on a card."
    window.ask(
        [ListEntry("a", "Short"), ListEntry("b", "A title that is much longer than the list of tools is wide, " * 2)], []
    )
    qtbot.waitUntil(window.isVisible, timeout=LIMIT)
    qtbot.waitUntil(
        lambda: (
            window.list.visualItemRect(window.list.item(1)).height() > window.list.visualItemRect(window.list.item(0)).height()
        ),
        timeout=LIMIT,
    )
    # An entry has 6 pixels of padding at its right.
    assert window.list.visualItemRect(window.list.item(1)).width() - 6 <= window.list.viewport().width()


def test_a_long_row_of_nodes_is_cut_at_its_sides_and_not_made_small(qtbot, controller):
    theme = controller.theme()
    low = GraphPicture(ROW.format(8000, 60), "Creates 200 nodes", theme)
    high = GraphPicture(ROW.format(8000, 600), "Creates 2,000 nodes", theme)
    for each in (low, high):
        qtbot.addWidget(each)
    assert low.heightForWidth(360) == 62
    assert high.heightForWidth(360) == 302


def test_code_shows_no_empty_line_at_its_end_and_keeps_it(qtbot, controller):
    fold = CodeFold("import nuke\nnuke.nodes.Blur()\n", "python", controller.theme())
    qtbot.addWidget(fold)
    assert fold.lines.blockCount() == 2
    assert fold.code == "import nuke\nnuke.nodes.Blur()\n"
    assert not fold.is_edited

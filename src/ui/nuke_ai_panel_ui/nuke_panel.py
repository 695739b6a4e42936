"""What Nuke does to docked panels, and the commands of the *AI* menu. Docking facts of Nuke, nothing else.

* ``registerWidgetAsPanel`` (Nuke 11 to 17) keeps a text, evaluates it in ``__main__`` when the pane is built and calls the
  result without arguments: hence :func:`NukePanel`, and hence no state in the widget.
* Nuke destroys and builds the widget anew when it floats or docks and when the workspace changes; closing a tab may also only
  hide it (seen in 13 to 16). So a hidden panel that cannot be brought to view counts as gone, and a new one is made.
* The id is stored in workspaces and in scripts' window layouts as it is given here (Nuke 11 to 17): it never changes.
* Panes have no public list of their panels; an existing panel is found among the application's widgets.
* A pane is named after a panel in it. ``Properties.1`` stands in every default workspace; in one without it ``DAG.1`` does.
* Menu commands run inside an undo group that Nuke opens (12 to 17), so a command must return at once: a modal dialog would hold
  the group open and swallow what happens meanwhile.
"""

from __future__ import annotations

import importlib
from typing import Any

from nuke_ai_panel_ui.controller import controller
from nuke_ai_panel_ui.panel import Panel
from nuke_ai_panel_ui.prompt_dialog import PromptDialog
from nuke_ai_panel_ui.qt import QtWidgets, is_valid

__all__ = ["PANEL_ID", "NukePanel", "explain_selected", "generate_script", "open_settings", "show_panel"]

PANEL_ID = "uk.nukeaipanel.panel"
_TITLE = "AI Panel"
_WIDGET = "__import__('nuke_ai_panel_ui.nuke_panel', fromlist=['NukePanel']).NukePanel"
_PANES = ("Properties.1", "DAG.1")

_dialog: PromptDialog | None = None


def NukePanel() -> Panel:
    """Return a new panel widget; Nuke calls this whenever it builds the pane."""
    return Panel(controller())


def show_panel() -> None:
    """Bring the panel to view and put the cursor into its prompt; open it in a pane where there is none."""
    panel = _shown_panel()
    if panel is None:
        nuke: Any = importlib.import_module("nuke")
        panels: Any = importlib.import_module("nukescripts.panels")
        # Without a pane addToPane would take nuke.thisPane(), which only exists inside the Pane menu's own commands.
        pane = next((found for found in map(nuke.getPaneFor, _PANES) if found), None)
        panels.registerWidgetAsPanel(_WIDGET, _TITLE, PANEL_ID, True).addToPane(pane)
        panel = _shown_panel()
    if panel is not None:
        panel.window().activateWindow()
        panel.setFocus()


def generate_script() -> None:
    """Ask for a request in a small window; the answer streams into the panel and ends in a review card."""
    global _dialog
    if _dialog is None or not is_valid(_dialog):
        _dialog = PromptDialog(_main_window())
        _dialog.accepted_prompt.connect(_generate)
    _dialog.ask()


def _generate(text: str) -> None:
    show_panel()
    controller().generate(text)


def explain_selected() -> None:
    """Ask what the selected nodes do; the answer streams into the panel."""
    show_panel()
    controller().explain_selected()


def open_settings() -> None:
    """Open the settings dialog."""
    controller().show_settings(_main_window())


def _shown_panel() -> Panel | None:
    """Return a panel that is in view now, after bringing its tab to the front; None where there is none."""
    for widget in QtWidgets.QApplication.allWidgets():
        if isinstance(widget, Panel) and is_valid(widget) and _bring_to_front(widget):
            return widget
    return None


def _bring_to_front(panel: Panel) -> bool:
    """Make every tab and stack around the panel show it; False when it stays hidden, as one does whose tab was closed."""
    child: QtWidgets.QWidget = panel
    parent = child.parentWidget()
    while parent is not None:
        if isinstance(parent, QtWidgets.QTabWidget):
            # The tab widget holds its pages in a stack; the page is what stands in that stack.
            page = panel
            while page is not None and parent.indexOf(page) < 0:
                page = page.parentWidget()
            if page is not None:
                parent.setCurrentWidget(page)
        elif isinstance(parent, QtWidgets.QStackedWidget) and not isinstance(parent.parentWidget(), QtWidgets.QTabWidget):
            parent.setCurrentWidget(child)
        child, parent = parent, parent.parentWidget()
    if panel.isVisible():
        panel.window().raise_()
        return True
    return False


def _main_window() -> QtWidgets.QWidget | None:
    """Return Nuke's main window, so that a dialog stays above it; it is the top-level window that is a QMainWindow."""
    active = QtWidgets.QApplication.activeWindow()
    if active is not None:
        return active
    windows = [widget for widget in QtWidgets.QApplication.topLevelWidgets() if isinstance(widget, QtWidgets.QMainWindow)]
    return next((window for window in windows if window.isVisible()), None)

"""What Nuke does to docked panels. Docking facts of Nuke, nothing else.

Each fact names where it was read; none was tried in a Nuke.

* ``registerWidgetAsPanel`` keeps a text, evaluates it in ``__main__`` when the pane is built and calls the result without
  arguments (Nuke 15.0, ``nukescripts.panels``): hence :func:`NukePanel`.
* Nuke destroys and builds the widget anew when it floats or docks and when the workspace changes (authors of panels agree):
  hence no state in the widget. A closed tab's widget may also only be hidden, so a panel that cannot be brought to view
  counts as gone.
* The id is stored in workspaces and in scripts' window layouts as it is given here (real scripts hold ids of other panels):
  it never changes.
* Panes have no public list of their panels (15.0): an existing panel is found among the application's widgets.
* ``addToPane()`` without a pane takes ``nuke.thisPane()``, which only exists inside the Pane menu's own commands (15.0). A
  pane is asked for by the name of a panel in it: ``Properties.1``, and where the workspace has none, ``DAG.1``.
* Menu commands run inside an undo group that Nuke opens (16.0 developer guide), so a command must return at once: a modal
  dialog would hold the group open and swallow what happens meanwhile.
"""

from __future__ import annotations

import importlib
from typing import Any

from nuke_ai_panel_ui.controller import controller
from nuke_ai_panel_ui.panel import Panel
from nuke_ai_panel_ui.qt import QtWidgets, is_valid

__all__ = ["PANEL_ID", "NukePanel", "main_window", "running_nuke", "show_panel"]

PANEL_ID = "uk.nukeaipanel.panel"
_TITLE = "AI Panel"
_WIDGET = "__import__('nuke_ai_panel_ui.nuke_panel', fromlist=['NukePanel']).NukePanel"
_PANES = ("Properties.1", "DAG.1")


def NukePanel() -> Panel:
    """Return a new panel widget; Nuke calls this whenever it builds the pane."""
    return Panel(controller())


def show_panel() -> None:
    """Bring the panel to view and put the cursor into its prompt; open it in a pane where there is none."""
    panel = _shown_panel()
    if panel is None:
        nuke = running_nuke()
        panels: Any = importlib.import_module("nukescripts.panels")
        pane = next((found for found in map(nuke.getPaneFor, _PANES) if found), None)
        panels.registerWidgetAsPanel(_WIDGET, _TITLE, PANEL_ID, True).addToPane(pane)
        panel = _shown_panel()
    if panel is not None:
        panel.window().activateWindow()
        panel.setFocus()


def _shown_panel() -> Panel | None:
    """Return a panel that is in view now, after bringing its tab to the front; None where there is none."""
    for widget in QtWidgets.QApplication.allWidgets():
        if isinstance(widget, Panel) and is_valid(widget) and _bring_to_front(widget):
            return widget
    return None


def _bring_to_front(panel: Panel) -> bool:
    """Make every tab and stack around the panel show it; False when it stays hidden, as one does whose tab was closed."""
    around: list[QtWidgets.QWidget] = [panel]
    while around[-1].parentWidget() is not None:
        around.append(around[-1].parentWidget())
    for holder in around:
        if isinstance(holder, (QtWidgets.QTabWidget, QtWidgets.QStackedWidget)):
            page = next((each for each in around if holder.indexOf(each) >= 0), None)
            if page is not None and holder.currentWidget() is not page:
                holder.setCurrentWidget(page)
    if panel.isVisible():
        panel.window().raise_()
        return True
    return False


def running_nuke() -> Any:
    """Return the module of the Nuke that runs us."""
    return importlib.import_module("nuke")


def main_window() -> QtWidgets.QWidget | None:
    """Return Nuke's main window, so that a dialog stays above it; it is the top-level window that is a QMainWindow."""
    active = QtWidgets.QApplication.activeWindow()
    if active is not None:
        return active
    windows = [widget for widget in QtWidgets.QApplication.topLevelWidgets() if isinstance(widget, QtWidgets.QMainWindow)]
    return next((window for window in windows if window.isVisible()), None)

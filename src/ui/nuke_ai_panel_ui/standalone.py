"""The panel in a window of its own, on a .nk file, without Nuke."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.nk.catalogue import use_gizmo_folders
from nuke_ai_panel.nk.catalogue_gizmos import plugin_path
from nuke_ai_panel_ui.controller import PanelController, controller
from nuke_ai_panel_ui.host_loop import attach
from nuke_ai_panel_ui.panel import Panel
from nuke_ai_panel_ui.qt import QAction, QtGui, QtWidgets, Signal, exec_app
from nuke_ai_panel_ui.theme import nuke_palette

__all__ = ["StandaloneWindow", "main", "prepare_application"]

_FILTER = "Nuke scripts (*.nk *.gizmo);;All files (*)"


class StandaloneWindow(QtWidgets.QMainWindow):
    """A window with the panel and a File menu. ``saved`` carries the path a script was written to."""

    saved = Signal(str)

    def __init__(self, host: DocumentHost, panel_controller: PanelController) -> None:
        super().__init__()
        self._host = host
        self._controller = panel_controller
        self._clean = host.document.to_bytes()
        self.panel = Panel(panel_controller)
        self.setCentralWidget(self.panel)
        menu = self.menuBar().addMenu("File")
        self.save_action = self._action(menu, "Save", QtGui.QKeySequence.StandardKey.Save, self.save)
        self.save_as_action = self._action(menu, "Save as\u2026", QtGui.QKeySequence.StandardKey.SaveAs, self.save_as)
        menu.addSeparator()
        self._action(menu, "Quit", QtGui.QKeySequence.StandardKey.Quit, self.close)
        panel_controller.host_changed.connect(self.show_state)
        self.show_state()
        self.resize(480, 820)

    def _action(
        self, menu: QtWidgets.QMenu, words: str, key: QtGui.QKeySequence.StandardKey, do: Callable[[], object]
    ) -> QAction:
        action = QAction(words, self)
        action.setShortcut(QtGui.QKeySequence(key))
        action.triggered.connect(lambda *_: do())
        menu.addAction(action)
        return action

    @property
    def is_modified(self) -> bool:
        """Whether the script differs from what is on disk."""
        return self._host.document.to_bytes() != self._clean

    def forget_changes(self) -> None:
        """Take the script as it stands for saved, so that closing does not ask."""
        self._clean = self._host.document.to_bytes()
        self.show_state()

    def show_state(self) -> None:
        """Show the script's name, and whether it was changed, in the window's title."""
        name = os.path.basename(self._host.script_name()) or "New script"
        self.setWindowTitle(f"{name}[*] \u2013 Nuke AI Panel")
        self.setWindowModified(self.is_modified)

    def save(self) -> bool:
        """Write the script to where it was read from; ask where when it was never saved. False when it was not written."""
        return self._write("") if self._host.script_name() else self.save_as()

    def save_as(self) -> bool:
        """Ask for a file and write the script to it. False when it was not written."""
        path, _ = QtWidgets.QFileDialog.getSaveFileName(
            self, "Save the script as", self._host.script_name() or "script.nk", _FILTER
        )
        if not path:
            return False
        return self._write(path if os.path.splitext(path)[1] else path + ".nk")

    def _write(self, path: str) -> bool:
        try:
            written = self._host.save(path)
        except (NukeAIPanelError, OSError) as error:
            QtWidgets.QMessageBox.warning(self, "The script was not saved", str(error))
            return False
        self.forget_changes()
        self.saved.emit(written)
        return True

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Ask what to do with unsaved changes."""
        if self.is_modified:
            buttons = QtWidgets.QMessageBox.StandardButton
            answer = QtWidgets.QMessageBox.question(
                self,
                "Save the script?",
                "The script has changes that are not saved.",
                buttons.Save | buttons.Discard | buttons.Cancel,
                buttons.Save,
            )
            if answer == buttons.Cancel or (answer == buttons.Save and not self.save()):
                event.ignore()
                return
        event.accept()


def prepare_application() -> QtWidgets.QApplication:
    """Return the application, made with Nuke's look where there is none yet."""
    existing = QtWidgets.QApplication.instance()
    if isinstance(existing, QtWidgets.QApplication):
        return existing
    application = QtWidgets.QApplication(sys.argv[:1])
    application.setApplicationName("Nuke AI Panel")
    application.setStyle("Fusion")
    application.setPalette(nuke_palette())
    return application


def main(script: str = "") -> int:
    """Open the window on the file `script`, or on a new script, and return the exit code when it is closed."""
    application = prepare_application()
    try:
        host = DocumentHost.open(script) if script else DocumentHost()
    except (NukeAIPanelError, OSError) as error:
        QtWidgets.QMessageBox.critical(None, "The script cannot be opened", str(error))
        return 1
    # Nuke itself knows its gizmos; here they are read from where it would look.
    use_gizmo_folders(folder for folder in plugin_path() if folder.is_dir())
    mine = controller()
    mine.configure(host)
    loop = attach()
    window = StandaloneWindow(host, mine)
    window.show()
    window.panel.composer.prompt.setFocus()
    try:
        return exec_app(application)
    finally:
        loop.shutdown()

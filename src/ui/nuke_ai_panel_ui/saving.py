"""Saving a proposal: as a file of its kind, or among the tools of the *AI* menu. Dialogs block nothing; a worker writes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.scripting.kinds import kind_info
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.tool_files import file_name, save_proposal, save_tool
from nuke_ai_panel.settings import config_folder
from nuke_ai_panel_ui.labels import button, fit_height, label
from nuke_ai_panel_ui.panel_style import window_style_sheet
from nuke_ai_panel_ui.qt import QtWidgets, Signal

__all__ = ["Saver", "ToolForm", "save_forms", "tools_folder"]


def tools_folder() -> Path:
    """Return the folder of the artist's saved tools; it need not exist."""
    return config_folder() / "tools"


def save_forms(kind: str) -> tuple[tuple[str, str], ...]:
    """Return what a proposal of this kind can be saved as: a constant, and words for a menu."""
    info = kind_info(kind)
    files = tuple((ending, f"As a {ending} file\u2026") for ending in info.endings)
    if kind == "expression":
        return files
    words = "Set up at every start of Nuke\u2026" if kind == "tool" else "As a tool in the AI menu\u2026"
    return (*files, ("tool", words))


class ToolForm(QtWidgets.QDialog):
    """Asks for a tool's name and shortcut. ``filled`` carries both; an error is shown until the next try."""

    filled = Signal(str, str)

    def __init__(self, title: str, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolForm")
        self.setStyleSheet(window_style_sheet())
        self.setWindowTitle("Save as a tool")
        rows = QtWidgets.QVBoxLayout(self)
        form = QtWidgets.QFormLayout()
        self.name = QtWidgets.QLineEdit(title)
        self.name.setAccessibleName("Name in the menu")
        self.shortcut = QtWidgets.QLineEdit()
        self.shortcut.setAccessibleName("Shortcut")
        self.shortcut.setPlaceholderText("none, or such as ctrl+alt+d")
        form.addRow("Name in the menu", self.name)
        form.addRow("Shortcut", self.shortcut)
        rows.addLayout(form)
        self.problem = label("", wrap=True)
        self.problem.setObjectName("problem")
        self.problem.hide()
        rows.addWidget(self.problem)
        self.save = button("Save", self._save, primary=True)
        self.save.setDefault(True)
        self.leave = button("Cancel", self.reject)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.leave)
        buttons.addWidget(self.save)
        rows.addLayout(buttons)
        self.name.selectAll()
        fit_height(self, 400)

    def show_problem(self, text: str) -> None:
        """Say why it was not saved; what was typed stays."""
        self.problem.setText(text)
        self.problem.show()
        fit_height(self, self.width())
        self.name.setFocus()

    def _save(self) -> None:
        if self.name.text().strip():
            self.filled.emit(self.name.text().strip(), self.shortcut.text().strip())


class Saver:
    """Carries out *Save* for one proposal after the other.

    Args:
        spawn: runs a coroutine on the loop.
        say: shows one sentence for a moment.
        run_in_worker: awaits a function in a worker thread.
    """

    def __init__(
        self,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        say: Callable[[str], None],
        run_in_worker: Callable[..., Any],
    ) -> None:
        self._spawn = spawn
        self._say = say
        self._run = run_in_worker
        self._dialog: QtWidgets.QDialog | None = None

    def save(self, proposal: ScriptProposal, form: str, parent: QtWidgets.QWidget | None) -> None:
        """Ask where to, or how it is to be called, and save it. Returns at once."""
        if form == "tool":
            self._ask_for_tool(proposal, parent)
        else:
            self._ask_for_file(proposal, form, parent)

    def _ask_for_file(self, proposal: ScriptProposal, ending: str, parent: QtWidgets.QWidget | None) -> None:
        title = proposal.title.replace("AI: ", "") or kind_info(proposal.kind).words
        dialog = QtWidgets.QFileDialog(parent, "Save the proposal", file_name(title, ending), f"*{ending}")
        dialog.setAcceptMode(QtWidgets.QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(ending.lstrip("."))
        dialog.fileSelected.connect(lambda path: self._spawn(self._write_file(proposal, path)))
        self._dialog = dialog
        dialog.open()

    async def _write_file(self, proposal: ScriptProposal, path: str) -> None:
        # The dialog has asked already whether a file of that name may go.
        try:
            saved = await self._run(lambda: save_proposal(proposal, path, overwrite=True))
        except (NukeAIPanelError, OSError) as error:
            self._say(f"Not saved: {error}")
            return
        self._say(f"Saved as {saved}. {kind_info(proposal.kind).save_hint}")

    def _ask_for_tool(self, proposal: ScriptProposal, parent: QtWidgets.QWidget | None) -> None:
        form = ToolForm(proposal.title.replace("AI: ", ""), parent)
        form.filled.connect(lambda name, shortcut: self._spawn(self._write_tool(proposal, form, name, shortcut)))
        self._dialog = form
        form.show()
        form.raise_()

    async def _write_tool(self, proposal: ScriptProposal, form: ToolForm, name: str, shortcut: str) -> None:
        try:
            tool = await self._run(lambda: save_tool(proposal, tools_folder(), title=name, shortcut=shortcut))
        except (NukeAIPanelError, OSError) as error:
            form.show_problem(str(error))
            return
        form.accept()
        self._say(f"Saved. \u201c{tool.title}\u201d is in AI > My tools from the next start of Nuke on ({tool.path}).")

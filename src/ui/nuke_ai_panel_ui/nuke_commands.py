"""The commands of the *AI* menu and of the knobs' menu. Each returns at once: Nuke holds an undo group open while it runs.

``menu.py`` calls them by name when they are first chosen. Each prompt command is a file of the prompt library, so that a studio
can change its words by putting a file of the same name into its folder.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

from nuke_ai_panel.agent.prompt_library import PromptTemplate, Source, load_prompts, shipped_folder
from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.scripting.kinds import kind_info
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.tool_files import list_tools, load_tool
from nuke_ai_panel.settings import Settings, config_folder
from nuke_ai_panel_ui.controller import PanelController, controller
from nuke_ai_panel_ui.index_dialog import IndexDialog
from nuke_ai_panel_ui.nuke_panel import main_window, running_nuke, show_panel
from nuke_ai_panel_ui.prompt_form import EntryList, ListEntry, PromptForm, PromptList
from nuke_ai_panel_ui.qt import QtWidgets, is_valid
from nuke_ai_panel_ui.saving import tools_folder

__all__ = [
    "explain_error",
    "fix_last_error",
    "generate_expression",
    "index_nuke",
    "open_settings",
    "prompt_library",
    "run_tool",
    "tool_library",
    "use_prompt",
]

_forms: dict[str, PromptForm] = {}
_windows: dict[str, QtWidgets.QDialog] = {}


def open_settings() -> None:
    """Open the settings dialog."""
    controller().show_settings(main_window())


def use_prompt(name: str, values: dict[str, str] | None = None) -> None:
    """Ask what a prompt of the library still needs, and send it; the answer streams into the panel."""
    _with_prompts(lambda prompts, problems: _use(prompts, problems, name, values or {}))


def prompt_library() -> None:
    """Open the list of all prompts."""
    _with_prompts(_list)


def generate_expression() -> None:
    """Ask for an expression for the knob whose menu was opened; where Nuke does not say which, the artist does."""
    use_prompt("generate_expression", {"knob": _knob_of_menu()})


def explain_error() -> None:
    """Ask what an error means: that of the last run, that of the Script Editor, or one that is pasted."""
    use_prompt("explain_error", {"error": _last_error(controller())})


def fix_last_error() -> None:
    """Have the model mend the last script that failed in this conversation; without one, ask for the error."""
    panel_controller = controller()
    failed = [each for each in panel_controller.record.proposals.values() if each.state == "failed" or _is_unsound(each)]
    if failed:
        show_panel()
        panel_controller.desk.fix(failed[-1].proposal_id)
        return
    explain_error()


def run_tool(path: str) -> None:
    """Check a saved tool against the open script; it ends in a review card like any other work."""
    panel_controller = controller()

    async def read() -> None:
        def load() -> ScriptProposal | None:
            known = [tool for tool in list_tools(Path(path).parent) if tool.path == Path(path)]
            return load_tool(known[0]) if known else None

        try:
            proposal = await panel_controller.loop.run_in_executor(None, load)
        except (NukeAIPanelError, OSError) as error:
            panel_controller.notice.emit(f"The tool cannot be read: {error}")
            return
        if proposal is None:
            panel_controller.notice.emit(f"The tool {path!r} is not there any more.")
            return
        panel_controller.desk.check(proposal)

    show_panel()
    panel_controller.loop.spawn(read())


def tool_library() -> None:
    """Open the list of all saved tools, the artist's and those of the studio's folder; a worker reads them."""
    panel_controller = controller()

    async def read() -> None:
        try:
            tools, problems = await panel_controller.loop.run_in_executor(None, _read_tools, panel_controller)
        except NukeAIPanelError as error:
            panel_controller.notice.emit(str(error))
            return
        known = _windows.get("tools")
        if not isinstance(known, EntryList) or not is_valid(known):
            known = _windows["tools"] = EntryList(
                "My tools",
                "tools",
                main_window(),
                hint="Save a script as one with Save on its card: As a tool in the AI menu.",
                theme=panel_controller.theme(),
            )
            known.chosen.connect(run_tool)
        known.ask(tools, problems)

    panel_controller.loop.spawn(read())


def _read_tools(panel_controller: PanelController) -> tuple[list[ListEntry], list[str]]:
    studio = panel_controller.store.load().tools_folder
    folders = [("", tools_folder()), *([("Studio", Path(studio))] if studio else [])]
    found: list[ListEntry] = []
    problems: list[str] = []
    for group, folder in folders:
        try:
            tools = list_tools(folder)
        except (NukeAIPanelError, OSError) as error:
            problems.append(f"{folder}: {error}")
            continue
        for tool in tools:
            detail = " \u00b7 ".join(filter(None, (kind_info(tool.kind).words, tool.shortcut, tool.saved)))
            found.append(ListEntry(str(tool.path), tool.title, group, detail))
    return sorted(found, key=lambda each: (bool(each.group), each.title.lower())), problems


def index_nuke() -> None:
    """Read which classes and knobs this Nuke really has, in a window with progress."""
    known = _windows.get("index")
    if not isinstance(known, IndexDialog) or not is_valid(known):
        known = _windows["index"] = IndexDialog(
            running_nuke(), config_folder() / "catalogue", main_window(), theme=controller().theme()
        )
    if known.is_working:
        known.raise_()
        known.activateWindow()
    else:
        known.begin()


def _is_unsound(record: Any) -> bool:
    return record.state == "open" and not record.review.is_sound and not record.review.proposal.doubt


def _with_prompts(show: Any) -> None:
    """Read the prompts in a worker, then call `show` with them and the files that cannot be used."""
    panel_controller = controller()

    async def read() -> None:
        try:
            found = await panel_controller.loop.run_in_executor(None, _read, panel_controller)
        except NukeAIPanelError as error:
            panel_controller.notice.emit(str(error))
            return
        show(*found)

    panel_controller.loop.spawn(read())


def _read(panel_controller: PanelController) -> tuple[list[PromptTemplate], list[str]]:
    return load_prompts(_folders(panel_controller.store.load()))


def _folders(settings: Settings) -> list[tuple[Source, Path]]:
    folders: list[tuple[Source, Path]] = [("shipped", shipped_folder())]
    if settings.prompts_folder:
        folders.append(("studio", Path(settings.prompts_folder)))
    return [*folders, ("artist", config_folder() / "prompts")]


def _use(prompts: list[PromptTemplate], problems: list[str], name: str, values: dict[str, str]) -> None:
    panel_controller = controller()
    template = next((each for each in prompts if each.name == name), None)
    if template is None:
        show_panel()
        said = next((problem for problem in problems if f"{name}.md" in problem), f"There is no prompt {name!r} any more.")
        panel_controller.notice.emit(said)
        return
    if template.needs_selection and not panel_controller.host.selected_paths():
        show_panel()
        panel_controller.notice.emit("Select the nodes it is about first.")
        return
    if not template.variables:
        _send(template, {})
        return
    form = _forms.get(name)
    if form is None or not is_valid(form):
        form = _forms[name] = PromptForm(template, main_window(), theme=panel_controller.theme())
        form.filled.connect(lambda _name, filled, template=template: _send(template, filled))
    form.ask(values)


def _send(template: PromptTemplate, values: dict[str, str]) -> None:
    show_panel()
    panel_controller = controller()
    selected = ", ".join(panel_controller.host.selected_paths())
    known = {"selection": selected or "the outputs", "script": panel_controller.host.script_name() or "this script"}
    try:
        panel_controller.send(template.fill({**known, **values}), mode=template.mode, target=values.get("knob", "").strip())
    except NukeAIPanelError as error:
        panel_controller.notice.emit(str(error))


def _list(prompts: list[PromptTemplate], problems: list[str]) -> None:
    known = _windows.get("prompts")
    if not isinstance(known, PromptList) or not is_valid(known):
        known = _windows["prompts"] = PromptList(main_window(), theme=controller().theme())
        known.chosen.connect(use_prompt)
    known.ask_for(prompts, problems)


def _last_error(panel_controller: PanelController) -> str:
    """Return the newest error that is known, "" where there is none: the artist pastes one then."""
    for record in reversed(list(panel_controller.record.proposals.values())):
        if record.state == "failed" and record.applied is not None:
            return record.applied.result.error.strip()
        if record.review.error and record.state in ("open", "replaced"):
            return record.review.error.strip()
    error = getattr(sys, "last_value", None)
    if isinstance(error, BaseException):
        # Where an interactive interpreter, such as the Script Editor's, keeps what was not caught.
        return "".join(traceback.format_exception(type(error), error, error.__traceback__)).strip()
    clipboard = QtWidgets.QApplication.clipboard().text()
    return clipboard.strip() if "Traceback (" in clipboard or "Error:" in clipboard else ""


def _knob_of_menu() -> str:
    """Return ``Node.knob`` of the knob whose menu is open, "" where Nuke does not tell."""
    nuke = running_nuke()
    try:
        node, knob = nuke.thisNode(), nuke.thisKnob()
        return f"{node.fullName()}.{knob.name()}" if node is not None and knob is not None else ""
    except (AttributeError, ValueError, RuntimeError, TypeError, NukeAIPanelError):
        # Outside of a knob's menu both raise, each version of Nuke in its own way.
        return ""

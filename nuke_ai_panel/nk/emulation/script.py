"""Functions of the emulated module for the script as a whole: saving, opening, frame, formats, channels, values by name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from nuke_ai_panel.errors import HostError, NkError
from nuke_ai_panel.nk.document import new_script
from nuke_ai_panel.nk.emulation.code_in_text import code_in
from nuke_ai_panel.nk.emulation.content import replace_content
from nuke_ai_panel.nk.emulation.finding import Finding
from nuke_ai_panel.nk.emulation.formats import Format
from nuke_ai_panel.nk.emulation.frame_ranges import FrameRange, FrameRanges
from nuke_ai_panel.nk.emulation.nodes import Node, root_of
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.expressions import Evaluation, evaluate, run_tcl
from nuke_ai_panel.nk.node import Node as ScriptNode

__all__ = ["Script"]

_LAYERS = {
    "rgba": ("red", "green", "blue", "alpha"),
    "depth": ("Z",),
    "forward": ("u", "v"),
    "backward": ("u", "v"),
    "mask": ("a",),
}


class Script:
    """The script as a whole."""

    def __init__(self, session: Session, finding: Finding) -> None:
        self.session = session
        self.finding = finding

    def table(self) -> dict[str, object]:
        """Return the functions by the names Nuke gives them."""
        return {
            "scriptName": self.script_name,
            "scriptSave": self.script_save,
            "scriptSaveAs": self.script_save_as,
            "scriptOpen": self.script_open,
            "scriptClear": self.script_clear,
            "scriptClose": self.script_clear,
            "scriptNew": self.script_clear,
            "script_directory": lambda: os.path.dirname(self.session.document.path),
            "modified": self.modified,
            "frame": self.frame,
            "formats": lambda: list(self.session.formats),
            "addFormat": self.add_format,
            "channels": self.channels,
            "layers": self.layers,
            "views": self.views,
            "value": self.value,
            "numvalue": self.numvalue,
            "knob": self.knob,
            "expression": self.expression,
            "filename": self.filename,
            "FrameRange": FrameRange,
            "FrameRanges": FrameRanges,
            "stripFrameRange": lambda path: re.sub(r"\s+-?\d+--?\d+\s*\Z", "", path),
        }

    # Saving and opening

    def script_name(self) -> str:
        """Return the script's path. Raises: RuntimeError for one that was never saved."""
        if not self.session.document.path:
            raise RuntimeError("no script is open that was saved")
        return self.session.document.path

    def script_save(self, filename: str = "") -> bool:
        """Save the script to where it was read from, or to `filename`. Raises: RuntimeError."""
        try:
            self.session.document.save(filename)
        except (NkError, HostError, OSError) as error:
            raise RuntimeError(str(error)) from error
        self.session.saved_mark = self.session.document.mark()
        return True

    def script_save_as(self, filename: str = "", overwrite: int = -1) -> bool:
        """Save the script to `filename`; an existing file only with `overwrite` 1. Raises: RuntimeError."""
        if not filename:
            raise NotSimulatedError("nuke.scriptSaveAs without a file name is not simulated: there is no file browser here.")
        if os.path.exists(filename) and overwrite != 1:
            raise RuntimeError(f"{filename} exists already")
        return self.script_save(filename)

    def script_open(self, path: str) -> None:
        """Open another script in the place of this one. Raises: RuntimeError."""
        try:
            data = Path(path).read_bytes()
            replace_content(self.session.document, data, path=path)
        except (NkError, OSError) as error:
            raise RuntimeError(f"{path}: {error}") from error
        self._opened()
        for node in self.session.document.top.nodes:
            self.session.not_run.extend(code_in(node))

    def script_clear(self, *_args: object) -> bool:
        """Go on with an empty script."""
        replace_content(self.session.document, new_script().to_bytes(), path="")
        self._opened()
        return True

    def _opened(self) -> None:
        self.session.groups.clear()
        self.session.forget_handed_out()
        self.session.saved_mark = self.session.document.mark()

    def modified(self) -> bool:
        """Return whether the script changed since it was read or saved, as far as this session knows."""
        return self.session.document.mark() != self.session.saved_mark

    # Settings

    def frame(self, frame: int | None = None) -> int | None:
        """Return the current frame, or go to one."""
        if frame is not None:
            root_of(self.session)["frame"].setValue(int(frame))
            return None
        return self.session.frame()

    def add_format(self, text: str) -> Format:
        """Add a format: ``"width height name"``, with rectangle and pixel aspect between if they differ."""
        words = text.split()
        if len(words) in (3, 4) and not _is_number(words[-1]):
            aspect = words[2] if len(words) == 4 else "1"
            text = f"{words[0]} {words[1]} 0 0 {words[0]} {words[1]} {aspect} {words[-1]}"
        try:
            made = Format(text)
        except NotSimulatedError:
            raise RuntimeError(f"{text!r} is no format") from None
        self.session.formats.append(made)
        return made

    def channels(self, node: Node | None = None) -> list[str]:
        """Return the channels of the script. Raises: NotSimulatedError for those of one node."""
        if node is not None:
            raise NotSimulatedError("nuke.channels of a node is not simulated.")
        found = [f"{layer}.{channel}" for layer, channels in _LAYERS.items() for channel in channels]
        for channel in self.session.document.layer_channels():
            if channel not in found:
                found.append(channel)
        return found

    def layers(self, node: Node | None = None) -> list[str]:
        """Return the layers of the script. Raises: NotSimulatedError for those of one node."""
        if node is not None:
            raise NotSimulatedError("nuke.layers of a node is not simulated.")
        return list(dict.fromkeys(["rgb", "alpha", *(channel.split(".")[0] for channel in self.channels())]))

    def views(self) -> list[str]:
        """Return the names of the views. Raises: NotSimulatedError where the script sets its own."""
        root = self.session.document.root_node
        if root is not None and root.knob("views") is not None:
            return re.findall(r"^\s*(\w+)", (root.knob("views") or "").strip("{}"), re.MULTILINE) or ["main"]
        return ["main"]

    # Values by name

    def value(self, name: str, default: str | None = None) -> str:
        """Return the value of ``Node.knob`` as text. Raises: RuntimeError where there is none and no default is given."""
        return str(self._evaluated("value", name, default))

    def numvalue(self, name: str, default: float | None = None) -> float:
        """Return the value of ``Node.knob`` as a number. Raises: RuntimeError where there is none and no default is given."""
        return float(self._evaluated("numvalue", name, default))

    def _evaluated(self, command: str, name: str, default: str | float | None) -> str | float:
        if not self.finding.exists(name):
            if default is None:
                raise RuntimeError(f"no knob named {name}")
            return default
        return self._outcome(f"nuke.{command}", run_tcl(self._here(), f"[{command} {name}]"))

    def knob(self, name: str, value: str | None = None, getType: bool = False, getClass: bool = False) -> object:  # noqa: N803
        """Return the text of ``Node.knob``, or set it. Raises: RuntimeError where there is no such knob."""
        owner, _, knob = name.rpartition(".")
        node = self.finding._found(owner) if owner else self._here()
        found = None if node is None else self.session.handle(node).knob(knob)
        if found is None:
            raise RuntimeError(f"no knob named {name}")
        if getClass:
            return found.Class()
        if getType:
            raise NotSimulatedError("nuke.knob with getType is not simulated.")
        if value is None:
            return found.toScript()
        found.fromScript(value)
        return None

    def expression(self, text: str) -> float:
        """Return the value of an expression as the current group's node sees it. Raises: RuntimeError, NotSimulatedError."""
        return float(self._outcome("nuke.expression", evaluate(self._here(), text)))

    def _outcome(self, call: str, outcome: Evaluation) -> str | float:
        return self.session.outcome(call, outcome)

    def _here(self) -> ScriptNode:
        group = self.session.group or self.session.document.root_node
        if group is None:
            raise NotSimulatedError("This script has no Root (it is a gizmo or a snippet), so this is not simulated.")
        return group

    def filename(self, node: Node, flags: int = 0) -> str | None:
        """Return the path in a node's ``file`` knob, None for a node without one or with none set."""
        del flags
        knob = node.knob("file")
        return None if knob is None else str(knob.value()) or None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""Functions of the emulated module that copy nodes as text and read nodes from text. Text is data: no code in it is run."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.emulation.code_in_text import code_in
from nuke_ai_panel.nk.emulation.finding import Finding
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.emulation.user_knobs import indented
from nuke_ai_panel.nk.node import Node as ScriptNode
from nuke_ai_panel.nk.node import Scope

__all__ = ["Clipboard", "copy_into", "paste"]

_CLIPBOARD = "%clipboard%"
_SET = re.compile(r"^set cut_paste_input \[stack 0\][ \t]*\r?$", re.MULTILINE)
_PUSH = re.compile(r"^push \$cut_paste_input[ \t]*\r?$", re.MULTILINE)
_FEED = "Pasted_Feed_0"
_PLACE = ("inputs", "xpos", "ypos")


class Clipboard:
    """Copying and pasting nodes, and reading them from files and strings."""

    def __init__(self, session: Session, finding: Finding) -> None:
        self.session = session
        self.finding = finding

    def table(self) -> dict[str, object]:
        """Return the functions by the names Nuke gives them."""
        return {
            "nodeCopy": self.node_copy,
            "nodePaste": self.node_paste,
            "duplicateSelectedNodes": self.duplicate,
            "scriptReadText": self.read_text,
            "scriptReadFile": self.read_file,
            "scriptSource": self.source,
            "loadToolset": self.load_toolset,
            "saveToScript": self.save_to_script,
        }

    def node_copy(self, path: str = _CLIPBOARD) -> bool:
        """Copy the selected nodes to the clipboard or to a file; False where none is selected."""
        chosen = [node for node in self.finding.scope().nodes if node.selected]
        if not chosen:
            return False
        text = self.session.document.to_snippet(chosen)
        if path == _CLIPBOARD:
            self.session.clipboard = text
        else:
            self.save_to_script(path, text)
        return True

    def node_paste(self, path: str = _CLIPBOARD) -> Any:
        """Paste nodes from the clipboard or a file below the selected node, select them, and return the last one.

        Raises: RuntimeError for a file or a text that cannot be read.
        """
        pasted = self.paste_nodes(path)
        return self.session.hand_out(pasted[-1]) if pasted else None

    def paste_nodes(self, path: str = _CLIPBOARD) -> list[ScriptNode]:
        """Paste nodes from the clipboard or a file and return them. Raises: RuntimeError."""
        text = self.session.clipboard if path == _CLIPBOARD else _read(path)
        return paste(self.session, self.finding.scope(), text)

    def duplicate(self) -> bool:
        """Copy the selected nodes and paste them with the inputs of the originals; the clipboard stays."""
        chosen = [node for node in self.finding.scope().nodes if node.selected]
        document = self.session.document
        copies = copy_into(self.session, chosen, self.finding.scope())
        for node, copy in copies.items():
            for index, source in enumerate(node.inputs):
                document.connect(copy, index, copies.get(source, source) if source is not None else None)
            document.select(node, False)
            document.select(copy)
        return bool(copies)

    def read_text(self, text: str) -> None:
        """Read nodes from .nk text into the current group; its Root settings and its code are left alone."""
        if not isinstance(text, str):
            raise TypeError(f"scriptReadText() argument 1 must be str, not {type(text).__name__}")
        paste(self.session, self.finding.scope(), text)

    def read_file(self, path: str) -> None:
        """Read nodes from a .nk file into the current group. Raises: RuntimeError."""
        self.read_text(_read(path))

    def source(self, path: str) -> None:
        """Read nodes from a .nk file; a .py file would be run, which is not done here. Raises: RuntimeError."""
        if path.lower().endswith((".py", ".tcl")):
            raise NotSimulatedError(
                f"nuke.scriptSource of {os.path.basename(path)!r} would run its code; that is not simulated."
            )
        self.read_file(path)

    def load_toolset(self, path: str) -> None:
        """Paste a toolset. Raises: RuntimeError."""
        self.node_paste(path)

    def save_to_script(self, path: str, text: str) -> None:
        """Write text to a file. Raises: RuntimeError."""
        try:
            Path(path).write_bytes(text.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise RuntimeError(f"{path}: {error.strerror}") from error


def paste(session: Session, scope: Scope, text: str) -> list[ScriptNode]:
    """Add the nodes of a snippet to a scope: what reads ``cut_paste_input`` reads from the selected node; select them.

    Raises: RuntimeError for text that is no script.
    """
    document = session.document
    group = scope.owner
    feeds = bool(_SET.search(text))
    if feeds:
        text = _SET.sub(f"NoOp {{\ninputs 0\nname {_FEED}\n}}\nset N{_FEED} [stack 0]", text, count=1)
        text = _PUSH.sub(f"push $N{_FEED}", text)
    mark = document.mark()
    before = [node for node in scope.nodes if node.selected]
    try:
        added = document.paste(text, group=group)
    except NkError as error:
        document.roll_back(mark)
        raise RuntimeError(f"the text cannot be read as a script: {error}") from error
    if feeds and added:
        feed = added.pop(0)
        for reader in feed.dependents:
            for index, source in enumerate(reader.inputs):
                if source is feed:
                    document.connect(reader, index, before[-1] if before else None)
        document.delete(feed)
    for node in before:
        document.select(node, False)
    for node in added:
        document.select(node)
        session.not_run.extend(code_in(node))
    return added


def copy_into(session: Session, nodes: Sequence[ScriptNode], scope: Scope) -> dict[ScriptNode, ScriptNode]:
    """Copy nodes into a scope, connected among themselves only; return each with its copy. Clones become nodes of their own."""
    if not nodes:
        return {}
    document = session.document
    ordered = sorted(nodes, key=lambda node: node.class_name != "BackdropNode")
    text = "".join("push 0\n" * node.pops + _own_text(node, scope.depth) for node in ordered)
    added = document.paste(text, group=scope.owner)
    copies = dict(zip(ordered, added))
    for node, copy in copies.items():
        for index, source in enumerate(node.inputs):
            if source in copies:
                document.connect(copy, index, copies[source])
    return copies


def _own_text(node: ScriptNode, depth: int) -> str:
    """Return a node's text with all that is inside of it, indented for a depth; a clone as a node of its own."""
    document = node.document
    family = node.clone_of or node
    text = document.text_of(node) if node.is_group else str(indented(family.text, depth, document.newline))
    if family is not node:
        body = indented(family.text, depth, document.newline)
        lines = [body.body[span.start : span.value_end] for span in body.spans if span.name not in _PLACE]
        inputs = node.text.value("inputs")
        lines += [f"xpos {node.xpos}", f"ypos {node.ypos}"]
        lines = [f"inputs {inputs}", *lines] if inputs is not None else lines
        text = f"{node.class_name} {{\n" + "".join(f" {line}\n" for line in lines) + "}\n"
    text = text.rstrip(" ;").replace("\r\n", "\n")
    return text if text.endswith("\n") else text + "\n"


def _read(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise RuntimeError(f"{path}: {error.strerror}") from error

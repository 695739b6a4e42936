"""The text of an earlier state of a script, made ready for a Nuke to read: as data, and without what the session keeps."""

from __future__ import annotations

from dataclasses import dataclass

from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.knob_kinds import CALLBACK_KNOBS
from nuke_ai_panel.nk.words import unquote

__all__ = ["EarlierState", "earlier_state"]

#: What of Root belongs to the file and not to its content.
_FILE_KNOBS = frozenset({"name", "inputs", "selected", "xpos", "ypos"})


@dataclass(frozen=True)
class EarlierState:
    """``nodes`` is text without Root and callbacks; ``root`` holds Root's knobs as name and value word, in their order.

    ``callbacks`` are node path, knob and text, to be set as data once the nodes are there; ``selected`` names nodes.
    """

    nodes: str
    root: tuple[tuple[str, str], ...]
    callbacks: tuple[tuple[str, str, str], ...]
    selected: frozenset[str]


def earlier_state(snapshot: bytes) -> EarlierState:
    """Take a script apart. Raises: NkError."""
    document = Document(snapshot)
    root = document.root_node
    words: list[tuple[str, str]] = []
    if root is not None:
        words = [(unquote(span.name), root.text.word(span)) for span in root.text.spans]
    callbacks: list[tuple[str, str, str]] = []
    for node in list(document.walk()):
        if node is root or node.clone_of is not None:
            continue
        for knob in [name for name in node.knobs if name in CALLBACK_KNOBS and name not in node.user_knobs]:
            callbacks.append((node.path, knob, node.knobs[knob]))
            document.clear_knob(node, knob)
    selected = frozenset(node.name for node in document.selected())
    text = document.to_bytes().decode("utf-8", "surrogateescape")
    if root is not None:
        text = text.replace(document.text_of(root), "", 1)
    return EarlierState(text, tuple(pair for pair in words if pair[0] not in _FILE_KNOBS), tuple(callbacks), selected)

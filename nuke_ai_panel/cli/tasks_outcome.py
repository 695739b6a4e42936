"""What a task came to, and how its values are read: the ground the checks stand on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

from nuke_ai_panel import nk
from nuke_ai_panel.nk import graph
from nuke_ai_panel.nk.catalogue import Catalogue, parse_version
from nuke_ai_panel.nk.curves import Component, parse_value
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote

__all__ = ["Outcome", "bare_text", "is_same_value"]

_INPUTS_LINE = re.compile(r"^[ \t]*(?:inputs \S+|push \S+|set \S+ \[stack 0\])\r?\n", re.MULTILINE)
_ESCAPED = re.compile(r'\\([\[\]"{}$])')
_WORDS = {"true": "1", "false": "0"}


@dataclass(frozen=True)
class Outcome:
    """A script before and after, and what was said.

    ``document`` is the script after the run, read anew from its bytes. ``undone`` holds the bytes after one undo, None where
    nothing was applied. ``reply`` is the answer's text with what its scripts printed. ``asked_first`` tells that the script was
    as before until the consent.
    """

    before: bytes
    after: bytes
    original: nk.Document
    document: nk.Document
    reply: str = ""
    undone: Optional[bytes] = None
    asked_first: bool = True

    @property
    def version(self) -> tuple[int, int]:
        """The Nuke of the script, as (major, minor); (0, 0) where it names none."""
        words = self.original.version_line().split()
        return parse_version(words[1]) if len(words) > 1 else (0, 0)

    @property
    def text(self) -> str:
        """The script after the run as text."""
        return self.after.decode("utf-8", "replace")

    def node(self, name: str) -> Optional[nk.Node]:
        """Return a node by its full name; ``Root`` is the script's settings."""
        return _node(self.document, name)

    def was(self, name: str) -> Optional[nk.Node]:
        """Return a node of the script as it was."""
        return _node(self.original, name)

    def of_class(self, name: str) -> list[nk.Node]:
        """Return the nodes of a class in the root; clones are of their original's class."""
        return [node for node in self.document.nodes() if node.class_name == name]

    def value(self, node: nk.Node, knob: str) -> Optional[str]:
        """Return a knob's text, its default where the script does not write it, None where it is not known."""
        written = node.text.value(knob) if node is self.document.root_node else node.knob(knob)
        if written is not None:
            return written
        if knob == "name":
            return node.name
        known = Catalogue.for_document(self.document).knob_info(node.class_name, knob)
        if known is None or not known.follows_format:
            return known.default if known is not None else None
        size = graph.root_settings(self.document).format
        return known.default_for(size.width, size.height) if size is not None else known.default

    def parts(self, node: nk.Node, knob: str, channel: object = None) -> tuple[Component, ...]:
        """Return the values of a knob, all of them or that of one channel (a number from 0)."""
        text = self.value(node, knob)
        if text is None:
            return ()
        parts = parse_value(text).components()
        if not isinstance(channel, int):
            return parts
        # A lone value stands for every channel.
        return parts[channel : channel + 1] if len(parts) > 1 else parts


def _node(document: nk.Document, name: str) -> Optional[nk.Node]:
    if name in ("Root", "root"):
        return document.root_node
    return document.find(name)


def plain(text: str) -> str:
    """Return a knob's text without the marks that .nk writes before brackets."""
    return _ESCAPED.sub(r"\1", text)


def bare_text(node: nk.Node) -> str:
    """Return a node's text without the lines that say what it is connected to."""
    return _INPUTS_LINE.sub("", node.document.text_of(node))


def is_same_value(found: Optional[str], wanted: object) -> bool:
    """Return whether two knob texts mean the same: ``6`` and ``6.0`` do, ``true`` and ``1``, ``6`` and ``{6 6}`` too."""
    if found is None or wanted is None:
        return found is None and wanted is None
    if isinstance(wanted, bool):
        wanted = "true" if wanted else "false"
    if found == str(wanted):
        return True
    is_list = any(text.strip().startswith("{") for text in (found, str(wanted)))
    one, other = _words(found, is_list), _words(str(wanted), is_list)
    if len(one) != len(other) and 1 in (len(one), len(other)):
        longest = max(len(one), len(other))
        one, other = (each * longest if len(each) == 1 else each for each in (one, other))
    return len(one) == len(other) and all(map(_is_same_word, one, other))


def _words(text: str, is_list: bool) -> list[str]:
    text = text.strip()
    if is_list and not text.startswith("{"):
        return text.split()
    if text.startswith("{") and text.endswith("}"):
        try:
            return [unquote(word) for word in list_words(text[1:-1])]
        except DamagedWordError:
            return [text]
    return [text]


def _is_same_word(one: str, other: str) -> bool:
    one, other = _WORDS.get(one.lower(), one), _WORDS.get(other.lower(), other)
    try:
        return abs(float(one) - float(other)) <= 1e-6 * max(1.0, abs(float(other)))
    except ValueError:
        return one == other


def names_of(nodes: Iterable[nk.Node]) -> str:
    """Return names for a sentence."""
    return ", ".join(node.name for node in nodes) or "none"

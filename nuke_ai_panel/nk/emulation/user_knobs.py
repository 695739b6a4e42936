"""Definitions of knobs a user added: ``addUserKnob {7 mix l "Mix" R 0 2}`` read, changed and written, and their place."""

from __future__ import annotations

from collections.abc import Sequence

from nuke_ai_panel.nk.catalogue_types import USER_KNOB_IDS, USER_KNOB_OPTIONS
from nuke_ai_panel.nk.node_text import USER_KNOB, KnobSpan, NodeText
from nuke_ai_panel.nk.words import list_words, quote, unquote

__all__ = ["TYPE_IDS", "UserKnob", "indented", "with_definition", "with_user_value", "without_spans"]

#: The number by which a definition names a type of knob.
TYPE_IDS = USER_KNOB_IDS
_ORDER = ("l", "t", "flag", "M", "T", "R", "n")


class UserKnob:
    """One definition. Options keep their words as written until they are set."""

    def __init__(self, type_id: str, name: str) -> None:
        self.type_id = type_id
        self.name = name
        self._options: list[tuple[str, list[str]]] = []

    @classmethod
    def read(cls, word: str) -> UserKnob:
        """Read the ``{...}`` word of a definition."""
        words = list_words(word[1:-1])
        made = cls(words[0] if words else "", unquote(words[1]) if len(words) > 1 else "")
        rest = words[2:]
        while rest:
            key = rest.pop(0)
            taken, rest = rest[: USER_KNOB_OPTIONS.get(key, 0)], rest[USER_KNOB_OPTIONS.get(key, 0) :]
            made._options.append((key, taken))
        return made

    def word(self) -> str:
        """Return the definition as the script writes it."""
        parts = [self.type_id, quote(self.name)]
        for key, words in self._options:
            parts.extend([key, *words])
        return "{" + " ".join(parts) + "}"

    def text(self, key: str) -> str | None:
        """Return the text of the option ``l`` (label), ``t`` (tooltip), ``T`` (command, link or text) or ``n``."""
        words = next((words for found, words in self._options if found == key), None)
        if words is None:
            return None
        word = words[0] if words else ""
        return unquote(word[1:-1] if key == "T" and word.startswith("{") else word)

    def set_text(self, key: str, text: str) -> None:
        """Set one of these texts."""
        self._set(key, [quote(text)])

    @property
    def menu(self) -> list[str]:
        """The entries of a choice, as written: ``name`` or ``name<tab>value``."""
        words = next((words for key, words in self._options if key == "M"), None)
        if not words:
            return []
        return [unquote(word) for word in list_words(words[0][1:-1] if words[0].startswith("{") else words[0])]

    @menu.setter
    def menu(self, entries: Sequence[str]) -> None:
        self._set("M", ["{" + " ".join(quote(entry) for entry in entries) + "}"])

    @property
    def ends(self) -> tuple[float, float] | None:
        """The ends of the slider."""
        words = next((words for key, words in self._options if key == "R"), None)
        try:
            return None if words is None else (float(words[0]), float(words[1]))
        except (ValueError, IndexError):
            return None

    @ends.setter
    def ends(self, ends: tuple[float, float]) -> None:
        self._set("R", [f"{end:.10g}" for end in ends])

    def has_flag(self, name: str) -> bool:
        """Return whether ``+NAME`` is set."""
        return any(key == f"+{name}" for key, _ in self._options)

    def set_flag(self, name: str, on: bool) -> None:
        """Set ``+NAME``, or take it out."""
        was = [key for key, _ in self._options if key[1:] == name and key[:1] in "+-"]
        self._options = [option for option in self._options if option[0] not in was]
        # What a type has by itself is taken off with a minus; a line of its own is the only one that occurs.
        if on or name == "STARTLINE":
            self._insert(("+" if on else "-") + name, [])

    def _set(self, key: str, words: list[str]) -> None:
        for index, (found, _) in enumerate(self._options):
            if found == key:
                self._options[index] = (key, words)
                return
        self._insert(key, words)

    def _insert(self, key: str, words: list[str]) -> None:
        mine = _place(key)
        at = next((index for index, (found, _) in enumerate(self._options) if _place(found) > mine), len(self._options))
        self._options.insert(at, (key, words))


def _place(key: str) -> int:
    kind = "flag" if key[:1] in "+-" else key
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def with_definition(text: NodeText, knob: UserKnob, value: str | None, newline: str) -> str:
    """Return a node's body with a definition changed, or added at its end with the knob's value after it."""
    for span in text.spans:
        if span.name == USER_KNOB and UserKnob.read(text.word(span)).name == knob.name:
            return text.body[: span.value_start] + knob.word() + text.body[span.value_end :]
    lines = [f"{USER_KNOB} {knob.word()}"]
    if value is not None:
        lines.append(f"{quote(knob.name)} {value}")
    return _with_lines(text, len(text.body.rstrip()), lines, newline)


def with_user_value(text: NodeText, name: str, word: str, newline: str) -> str:
    """Return a node's body with a line for a user knob's value after its definition; the node's own place is too early."""
    for span in text.spans:
        if span.name == USER_KNOB and UserKnob.read(text.word(span)).name == name:
            return _with_lines(text, span.value_end, [f"{quote(name)} {word}"], newline)
    return text.body


def without_spans(text: NodeText, spans: Sequence[KnobSpan]) -> str:
    """Return a node's body without some of its entries, their lines with them where nothing else stands there."""
    body = text.body
    for span in sorted(spans, key=lambda each: each.start, reverse=True):
        start, end = span.start, span.value_end
        while start and body[start - 1] in " \t":
            start -= 1
        stop = end
        while body[stop : stop + 1] in (" ", "\t", "\r"):
            stop += 1
        if body[start - 1 : start] == "\n" and body[stop : stop + 1] == "\n":
            end = stop + 1
        body = body[:start] + body[end:]
    return body


def indented(text: NodeText, depth: int, newline: str) -> NodeText:
    """Return a node's text with its lines moved to another depth of groups; what stands inside of values is kept."""
    indent = newline + " " * (depth + 1)
    body: list[str] = []
    at = 0
    for span in text.spans:
        gap = text.body[at : span.start]
        body.append(indent if "\n" in gap else gap)
        body.append(text.body[span.start : span.value_end])
        at = span.value_end
    last = text.body[at:]
    body.append(newline + " " * depth if "\n" in last else last)
    return NodeText(" " * depth + text.head.lstrip(), "".join(body), text.tail)


def _with_lines(text: NodeText, at: int, lines: Sequence[str], newline: str) -> str:
    """Return the body with lines added after the offset `at`, indented as the others are."""
    body = text.body
    indent = newline + " "
    for span in text.spans:
        line = body.rfind("\n", 0, span.start)
        if line >= 0:
            indent = newline + body[line + 1 : span.start]
            break
    rest = body[at:] if "\n" in body[at:] else newline + body[at:].lstrip()
    return body[:at] + "".join(indent + line for line in lines) + rest

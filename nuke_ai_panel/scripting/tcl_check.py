"""Preflight of a Tcl script: do its braces match, are its commands, classes, knobs and nodes known, and what does it do."""

from __future__ import annotations

import bisect
import re

from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.nk.expressions.tcl_words import bracket_end
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.scripting.effect_names import EffectKind
from nuke_ai_panel.scripting.effects import SEVERITY, Effect
from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.named_findings import (
    class_finding,
    found_node,
    knob_finding,
    node_finding,
    ordered,
    value_finding,
)
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings
from nuke_ai_panel.scripting.tcl_names import EFFECTS, KNOWN, MEANT
from nuke_ai_panel.scripting.tcl_reading import Command, TclWord, commands_of, find_damage

__all__ = ["check"]

_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_TAKES_A_NODE = frozenset({"delete", "select", "show_panel", "clone", "extract", "push"})
_DEEPEST = 40


def check(proposal: ScriptProposal, surroundings: Surroundings) -> Preflight:
    """Read a Tcl script against the script and the Nuke in `surroundings`. Nothing of it is run."""
    script = proposal.code.replace("\r\n", "\n")
    damage = find_damage(script)
    if damage is not None:
        before = script[: damage.offset]
        line, column = before.count("\n") + 1, damage.offset - (before.rfind("\n") + 1) + 1
        return Preflight((Finding(f"This cannot be read as Tcl: {damage.message}.", "fatal", "syntax", line, column),))
    reader = _Reader(script, surroundings)
    reader.read(0, len(script), "", 0)
    effects = sorted(reader.effects.items(), key=lambda item: SEVERITY.index(item[0]))
    made = tuple(Effect(kind, tuple(sorted({line for line, _ in found})), min(found)[1]) for kind, found in effects)
    return Preflight(ordered(reader.findings), made)


class _Reader:
    """One reading of a script, its nested bodies and brackets among it."""

    def __init__(self, script: str, surroundings: Surroundings) -> None:
        self.script = script
        self.surroundings = surroundings
        self.findings: list[Finding] = []
        self.effects: dict[EffectKind, list[tuple[int, str]]] = {}
        self._lines = [0, *(match.end() for match in re.finditer("\n", script))]
        self._procs = set(re.findall(r"(?:^|[\n;{])[ \t]*proc[ \t]+([\w:]+)", script))
        # A script that makes nodes may speak of them afterwards, and one may ask whether a node is there.
        self._is_unsure = bool(re.search(r"\b(?:exists|catch)\b", script)) or bool(
            re.search(r"(?:^|[\n;{\[])[ \t]*(?:[A-Z]\w*|node_paste|clone|duplicate|python|py|source|load\w*)[ \t{]", script)
        )

    def read(self, start: int, end: int, group: str, depth: int) -> None:
        """Read the commands between two offsets, in a group by its full name ("" for the root)."""
        if depth > _DEEPEST:
            return
        for command in commands_of(self.script, start, end):
            self._command(command, group, depth)

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def _effect(self, kind: EffectKind, word: TclWord, call: str = "") -> None:
        self.effects.setdefault(kind, []).append((self._place(word.offset)[0], call or word.text))

    def _command(self, command: Command, group: str, depth: int) -> None:
        name, args = command.name, command.args
        self._brackets(name, group, depth)
        for word in args:
            self._brackets(word, group, depth)
        if not name.is_static:
            return
        first = name.text
        if first[:1].isupper() and first not in KNOWN:
            self._create(command)
            return
        line, column = self._place(name.offset)
        if first not in KNOWN and first not in self._procs and not first.startswith(("::", "@")):
            if args and args[0].text == "=":
                text = f"{first[:60]!r} is set as in Python; Tcl writes: set {first[:60]} value"
                self.findings.append(Finding(text, "problem", "unknown-function", line, column, first, "set"))
            else:
                self._unknown(first, line, column)
            return
        self._does(first, command)
        if first in ("knob", "value", "setkey", "knobs", "numvalue", "animation", "expression") and args:
            self._knob(first, args, group)
        elif args and (first == "input" or (len(args) == 1 and first in _TAKES_A_NODE)):
            self._node(args[0], group)
        self._bodies(first, args, group, depth)

    def _bodies(self, first: str, args: tuple[TclWord, ...], group: str, depth: int) -> None:
        inner: list[TclWord] = []
        if first in ("foreach", "proc", "while", "catch", "for", "try", "eval", "namespace", "uplevel", "time"):
            inner = [word for word in args[-1:] if word.is_verbatim]
            if first == "catch":
                inner = [word for word in args[:1] if word.is_verbatim]
            elif first == "for":
                inner = [word for word in (args[:1] + args[2:]) if word.is_verbatim]
        elif first == "if":
            # The first word and each after "elseif" is a condition.
            skip = True
            for word in args:
                if skip:
                    skip = False
                elif word.text == "elseif" and not word.is_verbatim:
                    skip = True
                elif word.is_verbatim:
                    inner.append(word)
        elif first == "in" and len(args) > 1:
            if args[0].is_static:
                self._node(args[0], group)
                group = "" if args[0].text == "root" else f"{group}.{args[0].text}".strip(".")
            inner = [word for word in args[1:] if word.is_verbatim]
        elif first == "switch":
            return
        for word in inner:
            self.read(word.offset, word.offset + len(word.text), group, depth + 1)
        if first in ("if", "while", "expr"):
            for word in args[:1] if first != "expr" else args:
                if word.is_verbatim:
                    self._brackets(TclWord(word.text, word.offset), group, depth)

    def _brackets(self, word: TclWord, group: str, depth: int) -> None:
        """Read the commands in the brackets of a word."""
        if word.is_verbatim or "[" not in word.text:
            return
        at = 0
        while True:
            at = word.text.find("[", at)
            if at < 0:
                return
            if at and word.text[at - 1] == "\\":
                at += 1
                continue
            end = bracket_end(word.text, at)
            if end < 0:
                return
            self.read(word.offset + at + 1, word.offset + end - 1, group, depth + 1)
            at = end

    def _does(self, first: str, command: Command) -> None:
        args = command.args
        kind = EFFECTS.get(first)
        if first == "knob" and len(args) > 1:
            kind = "changes knobs"
        elif (first == "load" and len(args) != 1) or (first == "input" and len(args) < 3):
            kind = None
        elif first == "file" and args and args[0].text in ("delete", "rename"):
            kind = "deletes files"
        elif first == "file" and args and args[0].text in ("mkdir", "copy", "link"):
            kind = "writes files"
        elif first == "open":
            mode = args[1].text if len(args) > 1 else "r"
            kind = "reads files" if mode in ("r", "rb") else "writes files"
            if args and args[0].text.startswith("|"):
                kind = "starts a process"
        elif first == "while" and args and args[0].text.strip() in ("1", "true"):
            body = args[1].text if len(args) > 1 else ""
            kind = None if re.search(r"\b(?:break|return|error)\b", body) else "may not end"
        if kind is not None:
            self._effect(kind, command.name)

    def _create(self, command: Command) -> None:
        name = command.name
        line, column = self._place(name.offset)
        self._effect("creates nodes", name)
        wrong = class_finding(self.surroundings, name.text, line, column)
        if wrong is not None:
            self.findings.append(wrong)
        args = command.args
        pairs: list[TclWord] = []
        if len(args) == 1 and args[0].is_verbatim:
            inner = list(commands_of(self.script, args[0].offset, args[0].offset + len(args[0].text)))
            pairs = [word for each in inner for word in (each.name, *each.args)]
        elif args and not args[0].text.startswith("-"):
            pairs = list(args)
        for knob, value in zip(pairs[::2], pairs[1::2]):
            if knob.is_static and knob.text not in ("addUserKnob", "inputs", "name", "selected", "xpos", "ypos"):
                self._check_knob(name.text, knob.text, value, knob.offset)

    def _check_knob(self, class_name: str, knob: str, value: TclWord | None, offset: int) -> None:
        line, column = self._place(offset)
        catalogue = self.surroundings.catalogue
        wrong = knob_finding(catalogue, class_name, knob, line, column)
        if wrong is None and value is not None and value.is_static and "." not in knob:
            text = "{" + value.text + "}" if value.is_verbatim and " " in value.text.strip() else value.text
            wrong = value_finding(catalogue, class_name, knob, text, *self._place(value.offset))
        if wrong is not None:
            self.findings.append(wrong)

    def _node(self, word: TclWord, group: str) -> Node | None:
        """Return the node a word names; where it names none that is there, a finding says so."""
        if not word.is_static or not _PATH.fullmatch(word.text):
            return None
        path = word.text
        if path in ("root", "this", "parent", "topnode", "input", "preferences") or path.startswith("root."):
            return found_node(self.surroundings, path.removeprefix("root.") or "root")
        inside = f"{group}.{path}" if group else path
        for each in (inside, path):
            node = found_node(self.surroundings, each)
            if node is not None:
                return node
        wrong = node_finding(self.surroundings, path, *self._place(word.offset), certain=not self._is_unsure)
        if wrong is not None:
            self.findings.append(wrong)
        return None

    def _knob(self, first: str, args: tuple[TclWord, ...], group: str) -> None:
        word = args[0]
        if not word.is_static or not _PATH.fullmatch(word.text) or "." not in word.text:
            return
        words = word.text.split(".")
        if words[0] in ("this", "input", "parent", "topnode", "preferences") or re.fullmatch(r"input\d", words[0]):
            return
        node, rest = self._longest(words, group)
        if node is None:
            certain = not self._is_unsure and first != "expression"
            path = words[0] if len(words) == 2 else ".".join(words[:-1])
            wrong = node_finding(self.surroundings, path, *self._place(word.offset), certain=certain)
            if wrong is not None:
                self.findings.append(wrong)
            return
        if rest and rest[0] not in node.user_knobs and not (node.children is not None and node.children.find(rest[0])):
            value = args[1] if first == "knob" and len(args) == 2 and len(rest) == 1 else None
            self._check_knob(node.class_name, rest[0], value, word.offset)

    def _longest(self, words: list[str], group: str) -> tuple[Node | None, list[str]]:
        for prefix in dict.fromkeys((group, "")):
            for count in range(len(words) - 1, 0, -1):
                path = ".".join(words[:count])
                node = found_node(self.surroundings, f"{prefix}.{path}" if prefix else path)
                if node is not None:
                    return node, words[count:]
        return None, []

    def _unknown(self, first: str, line: int, column: int) -> None:
        plain = first.lower().replace("_", "").removeprefix("nuke.")
        if first.startswith(("nuke.", "nukescripts.")) or re.match(r"\w+\s*=|import$|from$", first):
            meant = MEANT.get(plain, "")
            hint = f" Write {meant}." if meant else ""
            text = f"{first[:60]!r} is Python, which Tcl does not know.{hint}"
            self.findings.append(Finding(text, "problem", "unknown-function", line, column, first, meant))
            return
        near = MEANT.get(plain) or next(iter(closest(first, KNOWN | self._procs, loose=False, limit=1)), "")
        hint = f"; did you mean {near}?" if near else "."
        text = f"Nuke's Tcl has no command {first[:60]!r} that is known{hint}"
        self.findings.append(Finding(text, "problem" if near else "warning", "unknown-function", line, column, first, near))

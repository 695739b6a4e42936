"""What a script does to the world, read off its syntax tree and told in plain words.

A label informs, it protects from nothing: names can be computed and calls hidden. What protects is the dry run on a copy, the
artist's consent and the undo step.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Optional

from nuke_ai_panel.scripting.effect_names import EffectKind
from nuke_ai_panel.scripting.effect_reader import read_effects
from nuke_ai_panel.scripting.python_check_reads import only_reads

if TYPE_CHECKING:
    from nuke_ai_panel.nk.graph_diff import GraphDiff

__all__ = ["BEYOND_UNDO", "SEVERITY", "SHOWN_BY_THE_DIFF", "Effect", "EffectKind", "describe", "find_effects", "is_read_only"]


#: Kinds that a graph diff shows already and that undo takes back; all others are told as warnings.
SHOWN_BY_THE_DIFF: frozenset[str] = frozenset(
    {"creates nodes", "changes knobs", "connects", "disconnects", "renames nodes", "moves nodes", "changes the selection"}
)

#: Every kind, the worst first.
SEVERITY: tuple[EffectKind, ...] = (
    "exits",
    "replaces the script",
    "deletes files",
    "starts a process",
    "network",
    "writes files",
    "saves the script",
    "renders",
    "runs hidden code",
    "may not end",
    "stays in the session",
    "waits for the artist",
    "reads files",
    "deletes nodes",
    "changes the selection",
    "moves nodes",
    "renames nodes",
    "disconnects",
    "connects",
    "changes knobs",
    "creates nodes",
)
#: What one undo does not take back.
BEYOND_UNDO = frozenset(SEVERITY[: SEVERITY.index("waits for the artist")])

_WORDS: dict[str, str] = {
    "creates nodes": "Creates nodes",
    "changes knobs": "Changes knobs",
    "connects": "Changes connections",
    "disconnects": "Disconnects inputs",
    "renames nodes": "Renames nodes",
    "moves nodes": "Moves nodes",
    "changes the selection": "Changes the selection",
    "deletes nodes": "Deletes nodes",
    "renders": "Renders, which can take long and overwrite files",
    "replaces the script": "Closes or replaces the open script, which undo cannot take back",
    "saves the script": "Saves the script to disk",
    "reads files": "Reads files",
    "writes files": "Writes files or folders",
    "deletes files": "Deletes or moves files",
    "starts a process": "Starts another program",
    "network": "Uses the network",
    "exits": "Closes Nuke",
    "waits for the artist": "Opens a dialog and waits",
    "runs hidden code": "Runs code that is put together at run time and cannot be checked here",
    "stays in the session": "Leaves a callback, menu or default in the session, which undo cannot take back",
    "may not end": "Has a loop without an end that can be seen",
}

#: The same in the middle of a sentence; a number is put before the last word where it is known.
_SHORT: dict[str, str] = {
    "creates nodes": "creates nodes",
    "changes knobs": "changes knobs",
    "connects": "changes connections",
    "disconnects": "disconnects inputs",
    "renames nodes": "renames nodes",
    "moves nodes": "moves nodes",
    "changes the selection": "changes the selection",
    "deletes nodes": "deletes nodes",
    "renders": "renders",
    "replaces the script": "closes or replaces the open script",
    "saves the script": "saves the script",
    "reads files": "reads files",
    "writes files": "writes files",
    "deletes files": "deletes or moves files",
    "starts a process": "starts another program",
    "network": "uses the network",
    "exits": "closes Nuke",
    "waits for the artist": "opens a dialog",
    "runs hidden code": "runs code that cannot be read here",
    "stays in the session": "leaves a callback, menu or default behind",
    "may not end": "may not end",
}
_COUNTED = frozenset(
    {"creates nodes", "changes knobs", "connects", "disconnects", "renames nodes", "moves nodes", "deletes nodes"}
)


@dataclass(frozen=True)
class Effect:
    """One thing a script does, and the lines (from 1) where it does so.

    `count` is how often it does it, 0 where that depends on what is only known when it runs. `is_kept`: only code does it that
    the script keeps as text, in a button, menu or callback, so that it is not done now.
    """

    kind: EffectKind
    lines: tuple[int, ...]
    call: str = ""
    count: int = 0
    is_kept: bool = False

    @property
    def is_warning(self) -> bool:
        """Whether the artist should be told although a graph diff is shown."""
        return self.kind not in SHOWN_BY_THE_DIFF

    def __str__(self) -> str:
        shown = ", ".join(str(line) for line in self.lines[:3])
        more = f" and {len(self.lines) - 3} more" if len(self.lines) > 3 else ""
        noun = "line" if len(self.lines) == 1 else "lines"
        return f"{_WORDS[self.kind]} ({noun} {shown}{more}{': ' + self.call if self.call else ''})"


def find_effects(tree: ast.AST, kept: Iterable[tuple[int, ast.AST]] = ()) -> list[Effect]:
    """Return the effects of a syntax tree, one entry a kind, those that undo cannot take back first.

    `kept` is code that the script keeps as text, by the line where it does: of that only what a graph diff would not show.
    """
    order = {kind: number for number, kind in enumerate(SEVERITY)}
    effects = {
        each.kind: Effect(each.kind, tuple(sorted({line for line, _ in each.places})), min(each.places)[1], each.count)
        for each in read_effects(tree)
    }
    for line, inner in kept:
        for each in read_effects(inner):
            if each.kind in SHOWN_BY_THE_DIFF:
                continue
            before = effects.get(each.kind)
            call = f"{min(each.places)[1]} in a button, menu or callback"
            effects[each.kind] = (
                Effect(each.kind, (line,), call, is_kept=True)
                if before is None
                else replace(before, lines=tuple(sorted({*before.lines, line})))
            )
    return sorted(effects.values(), key=lambda effect: order[effect.kind])


def describe(diff: Optional[GraphDiff], effects: Iterable[Effect]) -> str:
    """Return one line for a card: what a script does, with the real numbers of `diff` where a dry run gave one.

    ``"Creates 3 nodes, changes 2 knobs on 1 node, renders"``. Without a diff the numbers are those the script itself says.
    """
    parts = [] if diff is None else _of_diff(diff)
    told = frozenset() if diff is None else SHOWN_BY_THE_DIFF | {"deletes nodes"}
    listed = sorted(effects, key=lambda effect: (effect.is_kept, -SEVERITY.index(effect.kind)))
    for effect in listed:
        words = _SHORT[effect.kind]
        if effect.is_kept:
            parts.append(f"keeps code that {words}")
            continue
        if effect.kind in told:
            continue
        if effect.kind in _COUNTED and effect.count:
            verb, _, noun = words.rpartition(" ")
            words = f"{verb} {_number(effect.count, noun[:-1])}"
        parts.append(words)
    if not parts:
        return "Changes nothing" if diff is not None else "Does nothing that can be read off its text"
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


def _of_diff(diff: GraphDiff) -> list[str]:
    new = {node.path for node in (*diff.added, *diff.removed)}
    knobs = [change for change in diff.knobs if change.path not in new]
    wires = [change for change in diff.connections if change.path not in new]
    opened = [change for change in wires if change.after is None]
    parts: list[str] = []
    if diff.added:
        parts.append(f"creates {_number(len(diff.added), 'node')}")
    if knobs:
        nodes = len({change.path for change in knobs})
        parts.append(f"changes {_number(len(knobs), 'knob')} on {_number(nodes, 'node')}")
    if len(wires) > len(opened):
        parts.append(f"changes {_number(len(wires) - len(opened), 'connection')}")
    if opened:
        parts.append(f"disconnects {_number(len(opened), 'input')}")
    if diff.renamed:
        parts.append(f"renames {_number(len(diff.renamed), 'node')}")
    if diff.moved:
        parts.append(f"moves {_number(len(diff.moved), 'node')}")
    if diff.removed:
        parts.append(f"deletes {_number(len(diff.removed), 'node')}")
    return parts


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def is_read_only(effects: Iterable[Effect], code: str) -> bool:
    """Return whether Python certainly changes nothing: no effect was found, and every call in it is known to read only.

    What is not known counts as a change; the answer is never wrong in the other direction.
    """
    return not tuple(effects) and only_reads(code)

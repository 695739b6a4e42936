"""What a studio forbids: kinds of proposals, effects, consent for a whole conversation, long runs.

A JSON object::

    {
      "forbid_kinds": ["blink", "tool"],
      "forbid_effects": ["starts a process", "network", "deletes files"],
      "always_ask": true,
      "allow_for_conversation": false,
      "deadline": 120
    }

Every key may be left out. Effects are read off the code and can be hidden from that: a policy keeps accidents and bad habits
away, not somebody who means harm. A policy that cannot be read forbids everything that changes something.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union, get_args

from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.scripting.effects import EffectKind, is_read_only
from nuke_ai_panel.scripting.proposal import ProposalKind
from nuke_ai_panel.scripting.review import Review

__all__ = ["Policy", "only_reads", "reach"]

_KINDS: tuple[str, ...] = get_args(ProposalKind)
_EFFECTS: tuple[str, ...] = get_args(EffectKind)
_LONGEST = 3600.0


@dataclass(frozen=True)
class Policy:
    """What is forbidden; the default forbids nothing. ``closed`` says why everything that changes something is, or is "".

    ``deadline`` is seconds that a script may run, None for the panel's own; ``always_ask`` asks for read-only work too.
    """

    forbid_kinds: frozenset[str] = frozenset()
    forbid_effects: frozenset[str] = frozenset()
    always_ask: bool = False
    allow_for_conversation: bool = True
    deadline: Union[float, None] = None
    closed: str = ""

    @classmethod
    def load(cls, path: Union[str, os.PathLike[str]]) -> Policy:
        """Read the studio's file.

        Raises:
            SettingsError: there is no such file, or it is not the JSON described above; the message names file and key.
        """
        name = os.fspath(path)
        try:
            with open(name, encoding="utf-8") as stream:
                data = json.load(stream)
        except OSError as error:
            raise SettingsError(f"The studio's policy {name!r} cannot be read: {error.strerror or error}.") from error
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"The studio's policy {name!r} is not valid JSON ({error}).") from error
        if not isinstance(data, dict):
            raise SettingsError(f"The studio's policy {name!r} must hold a JSON object.")
        unknown = sorted(set(data) - set(_READERS))
        if unknown:
            raise SettingsError(
                f"The studio's policy {name!r} has an unknown key {unknown[0]!r}. Known: {', '.join(_READERS)}."
            )
        try:
            return cls(**{key: _READERS[key](key, value) for key, value in data.items()})
        except ValueError as error:
            raise SettingsError(f"The studio's policy {name!r}: {error}.") from error

    @classmethod
    def load_or_close(cls, path: Union[str, os.PathLike[str]]) -> Policy:
        """Read the studio's file; where it cannot be read, return a policy that forbids all that changes something."""
        try:
            return cls.load(path)
        except SettingsError as error:
            return cls(always_ask=True, allow_for_conversation=False, closed=str(error))

    def refusal(self, review: Review) -> str:
        """Return why a proposal may not run, in one or two sentences, or "" where it may."""
        if self.closed:
            return "" if only_reads(review) else f"{self.closed} Until it can be, nothing that changes something runs."
        kind = review.proposal.kind
        if kind in self.forbid_kinds:
            return f"Your studio does not allow proposals of the kind {kind!r}."
        reached = reach(review)
        for effect in sorted(reached & self.forbid_effects):
            return f"Your studio does not allow this: the proposal {effect!r}. It can be copied, and run by hand."
        if self.forbid_effects and "runs hidden code" in reached:
            return "Your studio forbids some effects, and code that is put together at run time cannot be checked for them."
        return ""


def reach(review: Review) -> frozenset[str]:
    """Return the kinds of effects of a proposal: those its code tells, and those the dry run showed."""
    found: set[str] = {effect.kind for effect in review.effects}
    diff = review.diff
    if diff is not None:
        shown = {
            "creates nodes": diff.added,
            "deletes nodes": diff.removed,
            "changes knobs": diff.knobs,
            "connects": diff.connections,
            "moves nodes": diff.moved,
            "renames nodes": diff.renamed,
        }
        found.update(kind for kind, changes in shown.items() if changes)
    return frozenset(found)


def only_reads(review: Review) -> bool:
    """Return whether a proposal certainly changes nothing."""
    if review.proposal.kind != "python" or reach(review):
        return False
    return is_read_only(review.effects, review.proposal.code)


def _names(known: tuple[str, ...]) -> Callable[[str, object], frozenset[str]]:
    def read(key: str, value: object) -> frozenset[str]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ValueError(f"{key!r} must be a list of names")
        for each in value:
            if each not in known:
                raise ValueError(f"{key!r} names {each!r}, which there is not. Known: {', '.join(known)}")
        return frozenset(value)

    return read


def _truth(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{key!r} must be true or false, not {value!r}")
    return value


def _seconds(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value <= _LONGEST:
        raise ValueError(f"{key!r} must be seconds from 1 to {_LONGEST:g}, not {value!r}")
    return float(value)


_READERS: dict[str, Callable[[str, object], Any]] = {
    "forbid_kinds": _names(_KINDS),
    "forbid_effects": _names(_EFFECTS),
    "always_ask": _truth,
    "allow_for_conversation": _truth,
    "deadline": _seconds,
}

"""A generated change as a value. :mod:`~nuke_ai_panel.scripting.finding` finds them in an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ProposalKind", "ScriptProposal"]

ProposalKind = Literal["python", "tcl", "nk", "expression", "blink", "gizmo", "tool"]


@dataclass(frozen=True)
class ScriptProposal:
    """Work that a model proposes; ``code`` is kept as the model wrote it.

    Kinds: a ``python`` script; ``tcl``; ``nk`` nodes as text, to be pasted; an ``expression`` for the knob in ``target``
    (``"Blur1.size"``, with a channel ``"Grade1.white.r"``); a ``blink`` kernel, for the BlinkScript node in ``target`` or a new
    one; a ``gizmo`` (a Group as text); a ``tool`` for ``menu.py`` or ``init.py``, which is saved and not run.

    ``title`` names the undo step. ``doubt`` says in one sentence why it is shown and not offered to run: it is cut off, or it
    only looks like a script; "" where there is no doubt. ``note`` is what the model said about it in one sentence, or "".
    ``is_alternative``: the answer offers it in the place of an earlier one, so that running both would do the work twice.
    """

    kind: ProposalKind
    code: str
    title: str = ""
    target: str = ""
    doubt: str = ""
    note: str = ""
    is_alternative: bool = False

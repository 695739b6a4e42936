"""Finding the proposals in an answer, whatever the model's habits."""

from __future__ import annotations

import re

from nuke_ai_panel.scripting.proposal import ScriptProposal

__all__ = ["find_proposals"]

_OPEN = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")
_NUKE_CALL = re.compile(r"\bnuke\s*\.|\bimport\s+nuke\b|\bnukescripts\b")


def find_proposals(answer: str, *, title: str = "") -> list[ScriptProposal]:
    """Return the complete fenced Python blocks of `answer` that address Nuke, in order.

    A block without a language counts when it calls ``nuke``. A block whose fence never closes (a stream that was cut) is left
    out: half a script is not a proposal.
    """
    proposals: list[ScriptProposal] = []
    fence = ""
    indent = 0
    language = ""
    lines: list[str] = []
    for line in answer.split("\n"):
        if fence:
            stripped = line.strip()
            if len(stripped) >= len(fence) and set(stripped) == {fence[0]}:
                code = "\n".join(lines)
                if language in ("python", "py", "python3", "") and _NUKE_CALL.search(code):
                    proposals.append(ScriptProposal("python", code + "\n", title))
                fence = ""
            else:
                lines.append(_deindent(line, indent))
            continue
        opened = _OPEN.match(line.rstrip("\r"))
        if opened:
            fence = opened["fence"]
            indent = len(opened["indent"])
            language = opened["info"].strip().split(" ")[0].lower()
            lines = []
    return proposals


def _deindent(line: str, width: int) -> str:
    lead = len(line) - len(line.lstrip(" \t"))
    return line[min(width, lead) :].rstrip("\r")

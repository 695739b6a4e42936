"""Sending a failed proposal back to the model: what it is told, how often, and when that ends."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from nuke_ai_panel.agent.context import describe_nodes
from nuke_ai_panel.agent.tools.marking import marked, neutral, neutral_lines
from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.hosts.base import NodeInfo, ReadsGraph
from nuke_ai_panel.scripting.applying import Applied
from nuke_ai_panel.scripting.review import Review

__all__ = ["FIX_ROUNDS", "FixRounds", "failure", "fix_request"]

#: How often a model may try again within one prompt.
FIX_ROUNDS = 3
_ERROR_LENGTH = 2000
_NODES = 8
#: Words that are tried as names of nodes.
_MOST_WORDS = 500
_TICKS = re.compile("`+")
_WORD = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_FENCES = {"tcl": "tcl", "nk": "nk", "expression": "text", "blink": "cpp", "gizmo": "nk"}


@dataclass
class FixRounds:
    """The rounds of one prompt. It ends when they are used up, or when the model repeats itself."""

    limit: int = FIX_ROUNDS
    number: int = 0
    ending: str = ""
    _seen: set[str] = field(default_factory=set)

    def begin(self, review: Review) -> bool:
        """Count one more round for `review`; False, with the reason in ``ending``, when there is to be none."""
        code, failure = "code " + " ".join(review.proposal.code.split()), "failure " + _signature(review)
        if code in self._seen or failure in self._seen:
            self.ending = "The model repeats its mistake, so it is not asked again."
        elif self.number >= self.limit:
            self.ending = f"The model was asked {self.limit} times to mend it."
        else:
            self._seen.update((code, failure))
            self.number += 1
            self.ending = ""
        return not self.ending


def _signature(review: Review) -> str:
    """Return what failed, without the line numbers, which move with every attempt."""
    said = [finding.text for finding in review.findings if finding.severity in ("fatal", "problem")]
    last = review.error.strip().splitlines()[-1:] if review.error else []
    return re.sub(r"\d+", "0", " ".join([*said, *last]))


def failure(review: Review) -> str:
    """Return in a few lines why a proposal failed its review."""
    lines = [*review.problems]
    if review.error.strip():
        lines.append(_cut(review.error.strip()))
    return "\n".join(lines)


def fix_request(review: Review, host: ReadsGraph, *, applied: Applied | None = None) -> str:
    """Return what the model is told of a proposal that failed: the exact error, the code, the nodes concerned."""
    proposal = review.proposal
    if applied is not None and applied.result.ok:
        applied = None
    error = applied.result.error if applied is not None else review.error
    if applied is not None:
        lines = ["The script ran and stopped with an error. All it had done was taken back."]
    else:
        lines = ["The script was checked on a copy and did not pass. Nothing has run in Nuke."]
    # What is wrong may be said in words of the script: a label in an exception, the name of a node.
    if review.problems:
        lines += ["What is wrong:", marked(f"- {neutral(problem, 500)}" for problem in review.problems)]
    if error.strip():
        lines += ["Error:", marked(neutral_lines(error, _ERROR_LENGTH))]
    fence = "`" * max(3, 1 + max(map(len, _TICKS.findall(proposal.code)), default=0))
    lines += ["The code with the error:", f"{fence}{_FENCES.get(proposal.kind, 'python')}", proposal.code.rstrip("\n"), fence]
    nodes = _concerned(host, f"{error}\n{proposal.target}\n{proposal.code}")
    if nodes:
        lines += ["The nodes it names, as they are now:", describe_nodes(nodes)]
    lines.append("Say in one sentence what was wrong, then give the whole corrected code in one block.")
    return "\n".join(lines)


def _cut(text: str) -> str:
    """Keep the end of a traceback: there it says what happened."""
    return text if len(text) <= _ERROR_LENGTH else "[...]\n" + text[-_ERROR_LENGTH:]


def _concerned(host: ReadsGraph, text: str) -> list[NodeInfo]:
    found: list[NodeInfo] = []
    # Names of nodes end in a digit or begin with a capital; anything else is not worth a question to the host.
    words = (word for word in dict.fromkeys(_WORD.findall(text)) if word[0].isupper() or word[-1].isdigit())
    for word in islice(words, _MOST_WORDS):
        try:
            found.append(host.node(word))
        except NukeAIPanelError:
            continue
        if len(found) == _NODES:
            break
    return found

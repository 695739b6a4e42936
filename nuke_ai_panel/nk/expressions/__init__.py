"""Knob expressions and the Tcl of knobs: read, followed to what they refer to, evaluated. Python in them is never run."""

from __future__ import annotations

from nuke_ai_panel.nk.expressions.evaluate import evaluate, knob_number, knob_text, run_tcl
from nuke_ai_panel.nk.expressions.references import (
    Broken,
    KnobExpression,
    Reference,
    expressions,
    references,
    references_in,
    referring_nodes,
    unresolved_references,
)
from nuke_ai_panel.nk.expressions.renaming import rename_edits, renamed
from nuke_ai_panel.nk.expressions.results import (
    Cycle,
    Evaluation,
    LimitReached,
    MissingReference,
    NotSimulated,
    Problem,
    Scalar,
    SyntaxProblem,
)

__all__ = [
    "Broken",
    "Cycle",
    "Evaluation",
    "KnobExpression",
    "LimitReached",
    "MissingReference",
    "NotSimulated",
    "Problem",
    "Reference",
    "Scalar",
    "SyntaxProblem",
    "evaluate",
    "expressions",
    "knob_number",
    "knob_text",
    "references",
    "references_in",
    "referring_nodes",
    "rename_edits",
    "renamed",
    "run_tcl",
    "unresolved_references",
]

"""What is wrong with one node, as far as a script tells without rendering: its expressions and its open inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nuke_ai_panel.nk.catalogue import Catalogue
from nuke_ai_panel.nk.expressions.references import Broken, Reference, references
from nuke_ai_panel.nk.node import Node

__all__ = ["expression_problems", "node_problems", "open_inputs"]

_WRITERS = ("Write", "DeepWrite", "WriteGeo")
#: Menus whose nodes do nothing without an image at their first input.
_NEEDS_INPUT = frozenset({"Color", "Channel", "Merge", "Transform", "Time", "Filter", "Keyer", "Views", "MetaData"})
_MAY_BE_OPEN = frozenset({"Card3D", "Expression", "MergeExpression", "TimeDissolve", "Switch", "Dissolve"})
_MAY_BE_OPEN |= {"CMSTestPattern", "CameraShake3", "Reconcile3D", "PointsTo3D", "SplineWarp3", "GridWarp3"}
_TWO_INPUTS = frozenset({"Merge2", "Merge", "Copy", "Keymix", "ChannelMerge", "ZMerge", "Dissolve", "AddMix", "ShuffleCopy"})


def node_problems(node: Node, catalogue: Catalogue) -> Iterator[str]:
    """Yield what is wrong with `node` in sentences that may hold words of the script."""
    for knob, expression, problem in expression_problems(node):
        yield f"{knob} holds {expression[:160]!r}, {problem}"
    if node.children is None and node is not node.document.root_node:
        problem = open_inputs(node.class_name, [source is not None for source in node.inputs], catalogue)
        if problem:
            yield problem


def expression_problems(node: Node, leads_nowhere: Callable[[str], bool] = lambda name: True) -> Iterator[tuple[str, str, str]]:
    """Yield the knob, the expression and what is wrong with it: it cannot be read, or a name in it leads nowhere.

    Where the document does not hold all of the script, `leads_nowhere` has the last word on a name that it does not find.
    """
    for each in references(node):
        if isinstance(each, Broken):
            yield each.source.knob, each.source.text, f"which cannot be read: {each.problem.message[:200]}"
        elif isinstance(each, Reference) and each.status == "missing" and leads_nowhere(each.name):
            yield each.source.knob, each.source.text, f"and {each.name!r} leads nowhere: {each.message[:200]}"


def open_inputs(class_name: str, connected: Sequence[bool], catalogue: Catalogue) -> str:
    """Return in words which inputs a node of a class needs and has not, "" where it has them or nobody knows."""
    known = catalogue.class_info(class_name)
    if known is None or class_name in _MAY_BE_OPEN:
        return ""
    needs = known.menu.partition("/")[0] in _NEEDS_INPUT or class_name in (*_WRITERS, *_TWO_INPUTS)
    if not needs or known.min_inputs < 1:
        return ""
    if not any(connected):
        return "nothing is connected to it"
    wanted = range(2 if class_name in _TWO_INPUTS else 1)
    missing = [number for number in wanted if number >= len(connected) or not connected[number]]
    if not missing:
        return ""
    names = ", ".join(f"{number} {known.input_name(number)}".rstrip() for number in missing)
    return f"input {names} is open"

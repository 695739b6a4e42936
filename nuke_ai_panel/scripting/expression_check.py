"""Preflight of an expression: can it be read, are its functions known, and where do its names lead from the knob it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.nk.expressions import Broken, Reference, references, references_in, syntax
from nuke_ai_panel.nk.expressions.functions import CONSTANTS, FUNCTIONS, NOT_SIMULATED
from nuke_ai_panel.nk.expressions.names import KnobShape, field_index, knob_shape
from nuke_ai_panel.nk.expressions.results import ExpressionStopped, SyntaxProblem
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.scripting.effects import Effect
from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.named_findings import found_node, knob_finding, node_finding, ordered
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["check"]

_TEXTS = frozenset({"String_Knob", "EvalString_Knob", "Multiline_Eval_String_Knob", "File_Knob"})
_NO_EXPRESSIONS = frozenset(
    {
        "Tab_Knob",
        "Text_Knob",
        "PyScript_Knob",
        "Script_Knob",
        "PyCustom_Knob",
        "PythonKnob",
        "PythonCustomKnob",
        "BlinkEditorKnob",
    }
)
_CHOICES = frozenset({"Channel_Knob", "ChannelMask_Knob", "Format_Knob", "CascadingEnumeration_Knob"})
#: Names that other languages have for what expressions call otherwise.
_MEANT = {
    "time": "frame",
    "Frame": "frame",
    "currentframe": "frame",
    "current_frame": "frame",
    "rand": "random",
    "mod": "fmod",
    "round": "rint",
    "ceiling": "ceil",
    "linear": "lerp",
    "interpolate": "lerp",
    "ln": "log",
    "power": "pow",
    "square": "pow2",
    "toradians": "radians",
    "todegrees": "degrees",
    "sgn": "copysign",
    "truncate": "trunc",
    "wiggle": "noise",
}
_PYTHON = re.compile(r"(?<![\w.])(and|or|not|if|else|elif|None|True|False|lambda|for|import|return)(?!\w)")
_INSTEAD = {"and": "&&", "or": "||", "not": "!", "if": "a ? b : c", "else": "a ? b : c", "True": "1", "False": "0"}
_MOST_STEPS = 400


@dataclass(frozen=True)
class _Aim:
    """The knob an expression is for, as far as it could be found; ``channel`` is -1 for all of its values."""

    node: Node
    knob: str
    shape: KnobShape | None
    channel: int = -1


def check(proposal: ScriptProposal, surroundings: Surroundings) -> Preflight:
    """Read an expression against the script and the Nuke in `surroundings`. Nothing in it is evaluated."""
    effects = (Effect("changes knobs", (1,), proposal.target),) if proposal.target else ()
    found: list[Finding] = []
    aim = _aim(proposal.target, surroundings, found)
    is_text = aim is not None and aim.shape is not None and aim.shape.type in _TEXTS
    text = proposal.code.strip("\n")
    if "\n" in text:
        found.append(Finding("An expression is one line; the line breaks in it become blanks.", "note", "structure", 2))
    if is_text:
        if "[" not in text:
            said = f"{proposal.target} takes text: without [...] the expression itself would be shown."
            found.append(Finding(said, "problem", "structure", 1, 1, proposal.target))
    else:
        found += _program(text)
    if aim is not None and not any(each.severity == "fatal" for each in found):
        found += _names(aim, text, is_text)
    if re.search(r"\[\s*(?:python|py|pyrs|pyexec|source|exec|open|eval)\b", text):
        found.append(Finding("It runs code whenever the value is asked for.", "warning", "structure", 1))
        effects = (Effect("runs hidden code", (1,), "[...]"), *effects)
    return Preflight(ordered(found), effects)


def _aim(target: str, surroundings: Surroundings, found: list[Finding]) -> _Aim | None:
    """Return the knob of a target; what is wrong with the target is added to `found`."""
    words = target.split(".")
    if not target or surroundings.document is None:
        if not target:
            found.append(Finding("No knob is named that the expression is for.", "problem", "unknown-knob"))
        return None
    for count in range(len(words) - 1, 0, -1):
        node = found_node(surroundings, ".".join(words[:count]))
        if node is not None:
            break
    else:
        wrong = node_finding(surroundings, ".".join(words[:-1]) or target, 0, 0)
        found += [wrong] if wrong else []
        return None
    knob, channel = words[count], words[count + 1 :]
    shape = knob_shape(node, knob)
    if shape is None:
        wrong = knob_finding(surroundings.catalogue, node.class_name, knob, 0, 0)
        if wrong is not None:
            found.append(wrong)
            return None
        return _Aim(node, knob, None)
    if shape.type in _NO_EXPRESSIONS:
        said = f"{node.path}.{knob} takes no expression."
        found.append(Finding(said, "problem", "unknown-knob", 0, 0, knob))
        return None
    if shape.type in _CHOICES:
        said = f"{node.path}.{knob} is a choice and no number; Nuke may not take an expression there."
        found.append(Finding(said, "warning", "structure", 0, 0, knob))
    if not channel:
        return _Aim(node, knob, shape)
    index = int(channel[0]) if channel[0].isdecimal() else field_index(shape, channel[0])
    if index is None or index >= max(shape.size, 1):
        said = f"{node.path}.{knob} has no channel {channel[0]!r}."
        found.append(Finding(said, "problem", "unknown-channel", 0, 0, channel[0]))
        return _Aim(node, knob, shape)
    return _Aim(node, knob, shape, index)


def _program(text: str) -> Iterator[Finding]:
    """Yield what is wrong with an expression wherever it stands."""
    flat = text.replace("\n", " ")
    try:
        program = syntax.parse(flat)
    except ExpressionStopped as stopped:
        problem = stopped.problem
        offset = problem.column - 1 if isinstance(problem, SyntaxProblem) else 0
        line, column = _place(text, offset)
        said = f"This cannot be read as an expression: {problem.message.rstrip('.')}."
        python = _PYTHON.search(flat)
        if python is not None:
            instead = _INSTEAD.get(python.group(1))
            said = f"This is Python, not an expression ({python.group(1)!r}{f' is written {instead}' if instead else ''})."
            line, column = _place(text, python.start())
            yield Finding(said, "fatal", "syntax", line, column, python.group(1), instead or "")
            return
        yield Finding(said, "fatal", "syntax", line, column)
        return
    for name in program.names:
        if not name.called or name.is_composed or "." in name.text or name.text in FUNCTIONS or name.text in NOT_SIMULATED:
            if name.text.split(".")[0] in ("nuke", "math") and "." in name.text:
                yield _foreign(text, name)
            continue
        if name.text in ("value", "curve", "x", "y", "keys", "knob", "frame", "t", "integrate"):
            continue
        yield _unknown_function(text, name)
    for op in program.ops:
        if op.kind == "call" and isinstance(op.argument, syntax.Name) and op.argument.text in FUNCTIONS:
            function = FUNCTIONS[op.argument.text]
            if op.count < function.least or 0 <= function.most < op.count:
                upper = f" to {function.most}" if function.most >= 0 else " or more"
                wanted = f"{function.least}{'' if function.least == function.most else upper}"
                line, column = _place(text, op.argument.column - 1)
                said = f"{op.argument.text}() takes {wanted} arguments, not {op.count}."
                yield Finding(said, "problem", "unknown-function", line, column, op.argument.text)


def _foreign(text: str, name: syntax.Name) -> Finding:
    line, column = _place(text, name.column - 1)
    last = name.text.rsplit(".", 1)[-1]
    meant = last if last in FUNCTIONS or last == "frame" else _MEANT.get(last, "")
    hint = f"; write {meant}" if meant else ""
    return Finding(
        f"{name.text} is Python, which an expression does not know{hint}.",
        "problem",
        "unknown-function",
        line,
        column,
        name.text,
        meant,
    )


def _unknown_function(text: str, name: syntax.Name) -> Finding:
    near = closest(name.text, [*FUNCTIONS, *NOT_SIMULATED], mistakes=_MEANT, limit=1)
    meant = _MEANT.get(name.text, near[0] if near else "")
    line, column = _place(text, name.column - 1)
    hint = f"; did you mean {meant}?" if meant else "."
    return Finding(
        f"Expressions have no function {name.text}(){hint}", "problem", "unknown-function", line, column, name.text, meant
    )


def _names(aim: _Aim, text: str, is_text: bool) -> Iterator[Finding]:
    """Yield names that lead nowhere, and the ways back to the knob itself."""
    flat = text.replace("\n", " ")
    for each in references_in(aim.node, aim.knob, flat, component=max(aim.channel, 0), is_text=is_text):
        if isinstance(each, Broken):
            column = each.problem.column if isinstance(each.problem, SyntaxProblem) else 1
            yield Finding(f"This cannot be read: {each.problem.message.rstrip('.')}.", "fatal", "syntax", 1, column)
            continue
        if each.status == "missing":
            yield from _missing(aim, each, text)
        elif each.status == "resolved" and each.target is not None and each.knob:
            chain = _way_back(aim, each, flat)
            if chain:
                certain = len(chain) == 2 or (aim.shape is not None and aim.shape.size == 1)
                said = f"The value would depend on itself: {' -> '.join(chain)}."
                line, column = _place(text, max(text.find(each.name), 0))
                yield Finding(said, "problem" if certain else "warning", "unknown-reference", line, column, each.name)


def _missing(aim: _Aim, reference: Reference, text: str) -> Iterator[Finding]:
    name = reference.name
    is_called = "." not in name and re.search(rf"(?<![\w.]){re.escape(name)}\s*\(", text) is not None
    if is_called or name.split(".")[0] in ("nuke", "math"):
        # It was told as a function that there is not.
        return
    scope = aim.node.scope
    words = name.split(".")
    near: tuple[str, ...] = ()
    if name in _MEANT:
        near = (_MEANT[name],)
    elif len(words) == 1:
        near = closest(name, ["frame", *CONSTANTS, *(node.name for node in scope.nodes)], loose=False, limit=1)
    elif scope.find(words[0]) is None:
        other = closest(words[0], [node.name for node in scope.nodes], loose=False, limit=1)
        near = tuple(".".join([each, *words[1:]]) for each in other)
    line, column = _place(text, max(text.find(name), 0))
    hint = f" Did you mean {near[0]}?" if near else ""
    yield Finding(f"{reference.message}{hint}", "problem", "unknown-reference", line, column, name, near[0] if near else "")


def _way_back(aim: _Aim, first: Reference, text: str) -> list[str]:
    """Return the knobs from the one at hand back to it, none where no way leads back."""
    own = f"{aim.node.path}.{aim.knob}"
    start = first.target
    if start is None:
        return []
    if _same(aim, start, first.knob):
        if aim.channel >= 0 and aim.shape is not None and aim.shape.size > 1:
            field = first.name.rsplit(".", 1)[-1]
            index = field_index(aim.shape, field) if field != aim.knob else aim.channel
            if index is not None and index != aim.channel:
                return []
        # With a frame behind it a knob asks for its own value at another time: as bad, but told by Nuke only.
        return [own, own] if f"{first.name}(" not in text.replace(" ", "") else []
    came: dict[tuple[Node, str], tuple[Node, str] | None] = {(start, first.knob): None}
    waiting = [(start, first.knob)]
    steps = 0
    while waiting and steps < _MOST_STEPS:
        node, knob = waiting.pop()
        steps += 1
        for each in references(node, knob):
            if isinstance(each, Broken) or each.target is None or not each.knob:
                continue
            if _same(aim, each.target, each.knob):
                chain = [own]
                at: tuple[Node, str] | None = (node, knob)
                while at is not None:
                    chain.append(f"{at[0].path}.{at[1]}")
                    at = came[at]
                return [own, *reversed(chain)]
            key = (each.target, each.knob)
            if key not in came:
                came[key] = (node, knob)
                waiting.append(key)
    return []


def _same(aim: _Aim, node: Node, knob: str) -> bool:
    return (node.clone_of or node) is (aim.node.clone_of or aim.node) and knob == aim.knob


def _place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column (from 1) of an offset."""
    before = text[: max(offset, 0)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1

"""Changes of knobs: values, expressions, keys; and a script of the model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from nuke_ai_panel.agent.tools.drafting import Draft, literal
from nuke_ai_panel.agent.tools.marking import quoted
from nuke_ai_panel.agent.tools.reading_knobs import check_knob
from nuke_ai_panel.agent.tools.schemas import VALUE, items, number, text
from nuke_ai_panel.agent.tools.values import Arguments, ToolProblem, ToolSpec, WriteTool
from nuke_ai_panel.agent.tools.writing_values import check_text, component_of, setting, settings
from nuke_ai_panel.messages import JsonObject
from nuke_ai_panel.nk.expressions import MissingReference, SyntaxProblem, evaluate
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["TOOLS"]

_INTERPOLATIONS = {"linear": "nuke.LINEAR", "constant": "nuke.CONSTANT", "smooth": "nuke.SMOOTH"}
_LONGEST_SCRIPT = 60_000


def _set(draft: Draft, arguments: Arguments) -> str:
    node, finder = _found(draft, arguments)
    knob = cast(str, arguments["knob"])
    draft.add(setting(draft.view, node, finder, knob, arguments["value"]))
    return f"set {quoted(knob)} of {quoted(node.path)}"


def _set_several(draft: Draft, arguments: Arguments) -> str:
    node, finder = _found(draft, arguments)
    knobs = cast("dict[str, object]", arguments["knobs"])
    if not knobs:
        raise ToolProblem("knobs is empty: give at least one knob with its value.")
    draft.add(*settings(draft.view, node, finder, knobs))
    return f"set {', '.join(quoted(knob, 40) for knob in list(knobs)[:6])} of {quoted(node.path)}"


def _found(draft: Draft, arguments: Arguments) -> tuple[Node, str]:
    path = cast(str, arguments["node"])
    return draft.view.node(path), draft.find(path)


def _expression(draft: Draft, arguments: Arguments) -> str:
    node, finder = _found(draft, arguments)
    knob, expression = cast(str, arguments["knob"]), cast(str, arguments["expression"]).strip()
    check_knob(draft.view, node, knob)
    check_text(expression, "The expression")
    if expression.startswith("{") and expression.endswith("}"):
        expression = expression.strip("{}").strip()
    if not expression:
        raise ToolProblem("The expression is empty.")
    channel = arguments.get("channel")
    component = component_of(draft.view, node, knob, channel)
    problem = evaluate(node, expression, knob=knob, component=component).problem
    if isinstance(problem, (SyntaxProblem, MissingReference)):
        place = f" (column {problem.column})" if isinstance(problem, SyntaxProblem) else ""
        raise ToolProblem(f"The expression {quoted(expression, 120)} is wrong{place}: {problem.message}")
    where = "" if channel is None else f", {component}"
    draft.add(f"{finder}[{literal(knob)}].setExpression({literal(expression)}{where})")
    return f"set an expression on {quoted(knob)} of {quoted(node.path)}"


def _keys(draft: Draft, arguments: Arguments) -> str:
    node, finder = _found(draft, arguments)
    knob = cast(str, arguments["knob"])
    check_knob(draft.view, node, knob)
    known = draft.view.catalogue.knob_info(node.class_name, knob)
    if known is not None and known.type.endswith(("String_Knob", "File_Knob", "ChannelMask_Knob", "Channel_Knob")):
        raise ToolProblem(f"{quoted(node.path)}.{quoted(knob)} holds text and cannot be animated with numbers.")
    keys = cast("Sequence[Mapping[str, float]]", arguments["keys"])
    size = known.size if known is not None else 1
    given = arguments.get("channel")
    channels = [component_of(draft.view, node, knob, given)] if given is not None else list(range(max(size, 1)))
    draft.add(f"knob = {finder}[{literal(knob)}]")
    kind = cast(str, arguments.get("interpolation", ""))
    for channel in channels:
        draft.add(f"knob.setAnimated({channel})")
        draft.add(*(f"knob.setValueAt({literal(key['value'])}, {literal(key['frame'])}, {channel})" for key in keys))
        if kind and kind != "smooth":
            draft.add(f"curve = knob.animation({channel})", f"curve.changeInterpolation(curve.keys(), {_INTERPOLATIONS[kind]})")
    return f"set {len(keys)} keys on {quoted(knob)} of {quoted(node.path)}"


def _script(draft: Draft, arguments: Arguments) -> str:
    code = cast(str, arguments["code"]).strip("\n")
    lines = code.strip().splitlines()
    if len(lines) > 1 and lines[0].startswith("```") and lines[-1].startswith("```"):
        code = "\n".join(lines[1:-1])
    found = preflight(ScriptProposal("python", code), Surroundings(draft.document, draft.view.catalogue))
    if found.problems:
        raise ToolProblem("The script was not proposed. " + " ".join(found.problems[:5]))
    draft.add()
    if draft.code and "from __future__" in code:
        raise ToolProblem("A script with an import from __future__ must be the only change of its message.")
    draft.script = code if code.endswith("\n") else code + "\n"
    return "run a script"


_NODE = text("Full name, such as Group1.Blur1.")
_KNOB = text("Name of the knob, such as size.", longest=100)
_KNOBS: JsonObject = {"type": "object", "description": "Knobs to set: name to value.", "additionalProperties": True}
_CHANNEL: JsonObject = {
    "type": ["integer", "string"],
    "description": "Which value of the knob: number from 0, or r, g, b, a, x, y; left out, all of them.",
    "minimum": 0,
    "maximum": 99,
    "maxLength": 20,
}
_KEY: JsonObject = {
    "type": "object",
    "properties": {"frame": number("Frame."), "value": number("Value at that frame.")},
    "required": ["frame", "value"],
    "additionalProperties": False,
}

TOOLS = (
    WriteTool(
        ToolSpec("set_knob", "Set a knob.", {"node": _NODE, "knob": _KNOB, "value": VALUE}, ("node", "knob", "value")), _set
    ),
    WriteTool(
        ToolSpec("set_knobs", "Set several knobs of a node.", {"node": _NODE, "knobs": _KNOBS}, ("node", "knobs")), _set_several
    ),
    WriteTool(
        ToolSpec(
            "set_expression",
            "Put an expression on a knob, such as frame/10 or parent.Blur1.size*2.",
            {
                "node": _NODE,
                "knob": _KNOB,
                "expression": text("The expression, without braces.", longest=2000),
                "channel": _CHANNEL,
            },
            ("node", "knob", "expression"),
        ),
        _expression,
    ),
    WriteTool(
        ToolSpec(
            "set_keys",
            "Set keys on a knob; keys at other frames stay.",
            {
                "node": _NODE,
                "knob": _KNOB,
                "keys": items("The keys.", _KEY, most=500),
                "channel": _CHANNEL,
                "interpolation": text("How the values go from key to key.", choices=tuple(_INTERPOLATIONS)),
            },
            ("node", "knob", "keys"),
        ),
        _keys,
    ),
    WriteTool(
        ToolSpec(
            "run_script",
            "Propose a Python script with the nuke module, for what no other tool does. The artist sees it and decides. It "
            "must be the last change of a message.",
            {
                "code": text("The whole script.", longest=_LONGEST_SCRIPT),
                "title": text("What it does, in a few words.", longest=80),
            },
            ("code",),
        ),
        _script,
    ),
)

"""The tools of one conversation: which the model is offered, what reading ones answer, what writing ones become."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, cast

from nuke_ai_panel.agent.decision import Decision
from nuke_ai_panel.agent.tools import (
    reading_files,
    reading_graph,
    reading_knobs,
    reading_reference,
    reading_script,
    writing_knobs,
    writing_nodes,
)
from nuke_ai_panel.agent.tools.drafting import Draft
from nuke_ai_panel.agent.tools.marking import cut, marked, neutral, neutral_lines, quoted
from nuke_ai_panel.agent.tools.schemas import checked, parsed, text
from nuke_ai_panel.agent.tools.script_view import READ_AT_ONCE, ScriptView, first
from nuke_ai_panel.agent.tools.values import ReadTool, ToolAnswer, ToolProblem, ToolSpec, WriteTool
from nuke_ai_panel.errors import HostError, NkError
from nuke_ai_panel.hosts.base import ReadsGraph
from nuke_ai_panel.messages import JsonObject, Tool, ToolCall
from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.tokens import estimate

__all__ = ["FINISH", "NOT_PROPOSED", "Narrowing", "Planned", "ToolMode", "Toolbox"]

#: ``ask`` and ``plan`` only read; ``act`` may propose changes, each of which needs a consent.
ToolMode = Literal["ask", "plan", "act"]

_READ: Mapping[str, ReadTool] = {
    tool.spec.name: tool
    for module in (reading_graph, reading_knobs, reading_script, reading_files, reading_reference)
    for tool in module.TOOLS
}
_WRITE: Mapping[str, WriteTool] = {tool.spec.name: tool for module in (writing_nodes, writing_knobs) for tool in module.TOOLS}

#: How a model that is held to calling tools says that it is done.
FINISH = ToolSpec("finish", "End the work and tell the result.", {"answer": text("The answer.", longest=4000)}, ("answer",))

#: The answer to a change that is right, in a message with one that is wrong.
NOT_PROPOSED = (
    "Error: Not proposed, because another call of the same message is wrong. Send all of them again when it is right."
)

#: The tools for a model with little room.
_LEAN = ("graph_outline", "get_node", "get_errors", "node_reference", "create_node", "set_knob", "connect", "delete_node")
_REFUSED = {
    "artist": "The artist did not agree",
    "studio": "The studio's rules forbid it",
    "host": "It could not be done",
    "check": "It did not pass the check on a copy of the script",
}
_PEOPLE = ("artist", "studio")
_CHECKED_HERE = ("minimum", "maximum", "minItems", "maxItems", "maxLength")
_NODE_ARGUMENTS = ("node", "source", "target")
_BUDGET = 6000
_LONGEST_LINE = 4000


@dataclass(frozen=True)
class Narrowing:
    """What the next round is held to, for a model that needs it: fewer tools and stricter schemas.

    ``tools`` names those that are offered, () for all. ``properties`` replaces the schema of an argument by its name, in every
    tool that has it. `bare` leaves out the arguments that need not be given.
    """

    tools: tuple[str, ...] = ()
    properties: Mapping[str, JsonObject] = field(default_factory=dict)
    bare: bool = False


@dataclass(frozen=True)
class Planned:
    """What the write calls of one message come to: a proposal, or what is wrong with them, by the identifier of the call."""

    proposal: ScriptProposal | None = None
    steps: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, ToolAnswer] = field(default_factory=dict)


class Toolbox:
    """The tools over one host. Belongs to the host's thread.

    The script is read once a round, from ``host.snapshot()``, and read anew only where its bytes differ. Nothing here changes
    the host: a write call becomes part of a :class:`ScriptProposal`.

    ``lean`` offers the tools that most work needs, and their arguments without descriptions, to a model that has no room for
    more. ``narrowing`` holds the next rounds to less.

    Args:
        budget: characters of one answer; what does not fit can be asked for with ``offset``.
        names: where the script has at most so many nodes, schemas list their names, so that a call can name no other. 0 never.
    """

    def __init__(self, host: ReadsGraph, *, mode: ToolMode = "act", budget: int = _BUDGET, names: int = 20) -> None:
        self.mode: ToolMode = mode
        self.narrowing: Narrowing | None = None
        self.lean = False
        self._host = host
        self._budget = budget
        self._names = names
        self._view: ScriptView | None = None
        self._snapshot = b""
        self._is_current = False

    # What is offered

    def begin_round(self) -> None:
        """Look at the script anew when it is next asked about."""
        self._is_current = False

    @property
    def known(self) -> tuple[str, ...]:
        """The names of the tools that this mode has."""
        return (*_READ, *_WRITE) if self.mode == "act" else tuple(_READ)

    def writes(self, name: str) -> bool:
        """Return whether a tool would change the script."""
        return name in _WRITE

    async def offered(self, *, with_finish: bool = False) -> tuple[Tool, ...]:
        """Return the tools of this round; `with_finish` adds the one that ends the work."""
        names: list[str] | None = None
        if self._names:
            try:
                names = (await self._read()).names(self._names)
            except ToolProblem:
                names = None
        narrowing = self.narrowing or Narrowing(tools=_LEAN if self.lean else ())
        if narrowing.tools and with_finish and self.narrowing is None:
            narrowing = replace(narrowing, tools=(*narrowing.tools, FINISH.name))
        specs = [(_READ[name] if name in _READ else _WRITE[name]).spec for name in self.known]
        if with_finish:
            specs.append(FINISH)
        return tuple(
            Tool(spec.name, spec.description, _narrowed(spec, names, narrowing, lean=self.lean))
            for spec in specs
            if not narrowing.tools or spec.name in narrowing.tools
        )

    async def tokens(self) -> int:
        """Return about how many tokens the tools that are offered take in every request."""
        return sum(estimate(f"{tool.name} {tool.description} {json.dumps(tool.parameters)}") for tool in await self.offered())

    async def _read(self) -> ScriptView:
        """Return the script of this round. Raises: ToolProblem where it cannot be read."""
        if self._is_current and self._view is not None:
            return self._view
        try:
            snapshot = self._host.snapshot()
            if self._view is None or snapshot != self._snapshot:
                if len(snapshot) > READ_AT_ONCE:
                    self._view = await asyncio.get_running_loop().run_in_executor(None, ScriptView, snapshot)
                else:
                    self._view = ScriptView(snapshot)
                self._snapshot = snapshot
        except (HostError, NkError) as error:
            self._view = None
            raise ToolProblem(f"The script cannot be read here: {error}") from error
        self._is_current = True
        return self._view

    # Reading

    async def answer(self, call: ToolCall) -> ToolAnswer:
        """Return what a reading call finds, or what is wrong with the call. Never raises for what the model wrote."""
        try:
            tool = self._tool(call.name)
            if not isinstance(tool, ReadTool):
                raise ToolProblem(f"{call.name} changes the script.")
            arguments = checked(tool.spec, parsed(call.arguments))
            offset = cast(int, arguments.get("offset", 0))
            view = await self._read()
            found = tool.lines(view, arguments)
            if isinstance(found, Awaitable):
                lines, following = first(await found, offset, self._budget)
            else:
                lines, following = await view.work(partial(first, found, offset, self._budget))
        except (ToolProblem, NkError) as error:
            return refusal(error)
        except asyncio.CancelledError:
            # A worker may still be reading in it.
            self._view, self._is_current = None, False
            raise
        body = marked(cut(line, _LONGEST_LINE) for line in lines)
        if following is not None:
            body += f"\nThere is more: call {call.name} again with the same arguments and offset={following}."
        return ToolAnswer(body)

    def _tool(self, name: str) -> ReadTool | WriteTool:
        tool = _READ.get(name) or _WRITE.get(name)
        if tool is None:
            near = closest(name, self.known)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(self.known)}."
            raise ToolProblem(f"There is no tool {quoted(name, 60)}; {hint}")
        if isinstance(tool, WriteTool) and self.mode != "act":
            raise ToolProblem(
                f"{name} changes the script, and in {self.mode} mode nothing is changed. Say in words what you would do; the "
                "artist can switch to act mode."
            )
        return tool

    # Writing

    async def plan(self, calls: Sequence[ToolCall], *, title: str = "") -> Planned:
        """Turn the writing calls of one message into one proposal, or say what is wrong; it is all of them or none."""
        problems: dict[str, ToolAnswer] = {}
        steps: dict[str, str] = {}
        named = ""
        try:
            draft = Draft(await self._read())
        except ToolProblem as error:
            return Planned(problems={call.id: refusal(error) for call in calls})
        # The draft changes the document, so nobody may read from it any more.
        self._view, self._is_current = None, False
        for call in calls:
            try:
                tool = self._tool(call.name)
                if not isinstance(tool, WriteTool):
                    raise ToolProblem(f"{call.name} changes nothing.")
                arguments = checked(tool.spec, parsed(call.arguments))
                if draft.script:
                    raise ToolProblem("run_script must be the last change of a message; send this one with the next message.")
                steps[call.id] = tool.draft(draft, arguments)
                named = cast(str, arguments.get("title", "")) if tool.spec.name == "run_script" else named
            except (ToolProblem, NkError) as error:
                problems[call.id] = refusal(error)
                break
        if problems:
            for call in calls:
                if call.id not in problems:
                    problems[call.id] = ToolAnswer(NOT_PROPOSED, True)
            return Planned(problems=problems)
        said = list(steps.values())
        sentence = neutral(", ".join(said), 400)
        sentence = sentence[:1].upper() + sentence[1:]
        name = neutral(title or named) or sentence
        name = name if len(name) <= 60 else name[:57] + "..."
        note = neutral(named, 200) or f"{sentence}."
        name = name if name.startswith("AI: ") else f"AI: {name}"
        return Planned(ScriptProposal("python", draft.finished(), title=name, note=note), steps)

    def told(self, planned: Planned, decision: Decision) -> dict[str, ToolAnswer]:
        """Return what each writing call came to after the decision."""
        identifiers = list(planned.steps)
        applied = decision.applied
        if applied is None:
            text = f"Not done. {_REFUSED[decision.by]}"
            if decision.by in _PEOPLE:
                text += f": {neutral(decision.reason)}" if decision.reason.strip() else "."
            else:
                # A traceback or a finding may hold what a label says.
                text += f":\n{marked(neutral_lines(decision.reason, self._budget // 2))}"
            return dict.fromkeys(identifiers, ToolAnswer(text, True))
        if not applied.result.ok:
            lines = neutral_lines(applied.result.error, self._budget // 2)
            text = f"Not done: it failed, and everything was taken back.\n{marked(lines)}"
            return dict.fromkeys(identifiers, ToolAnswer(text, True))
        answers = {
            identifier: ToolAnswer(
                f"Done, otherwise than asked: {neutral(decision.reason)}" if decision.reason else f"Done: {step}."
            )
            for identifier, step in planned.steps.items()
        }
        last = identifiers[-1]
        lines = [("  " if line.startswith(" ") else "") + neutral(line, 300) for line in applied.diff.lines()]
        shown, following = first(lines, 0, self._budget // 2)
        if following is not None:
            shown.append(f"({len(lines) - following} more lines)")
        if applied.result.output.strip():
            shown += ["output:", *neutral_lines(applied.result.output, self._budget // 2)]
        summary = neutral(applied.unknown) if applied.unknown else applied.diff.summary()
        answers[last] = ToolAnswer(
            f"{answers[last].text} {summary}.\n{marked(shown)}" if shown else f"{answers[last].text} {summary}."
        )
        return answers


def refusal(error: Exception) -> ToolAnswer:
    """Return the answer to a call that cannot be done."""
    return ToolAnswer(f"Error: {neutral(str(error))}", True)


def _narrowed(spec: ToolSpec, names: Sequence[str] | None, narrowing: Narrowing, *, lean: bool) -> JsonObject:
    """Return the schema that is sent: what is checked here anyway is left out, as every round sends it."""
    schema = spec.schema
    properties: dict[str, JsonObject] = {}
    for name, inner in spec.properties.items():
        if narrowing.bare and name not in spec.required:
            continue
        inner = _slim(inner, lean=lean)
        if names and name in _NODE_ARGUMENTS:
            inner = {**inner, "enum": list(names)}
            inner.pop("maxLength", None)
        elif names and name == "nodes":
            inner = {**inner, "items": {"type": "string", "enum": list(names)}}
        properties[name] = narrowing.properties.get(name, inner)
    return {**schema, "properties": properties}


def _slim(schema: JsonObject, *, lean: bool) -> dict[str, object]:
    found: dict[str, object] = {}
    for word, value in schema.items():
        if word in _CHECKED_HERE or (lean and word == "description"):
            continue
        found[word] = _slim(cast(JsonObject, value), lean=lean) if word == "items" else value
    if lean and schema.get("type") == "string" and "enum" not in schema:
        # Held to a grammar, a small model does not find the end of a text by itself.
        found["maxLength"] = min(cast(int, schema.get("maxLength", 100)), 1000)
    return found

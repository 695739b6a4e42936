"""The model at work with tools: it reads, proposes, is told what came of it, until it is done or a limit is met.

Nothing here changes a script. Reading calls are answered by the :class:`~nuke_ai_panel.agent.tools.Toolbox`; the writing calls
of one message become one proposal, which `propose` reviews, asks the artist about and applies.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Union

from nuke_ai_panel.agent.answers import close, told
from nuke_ai_panel.agent.decision import Decision
from nuke_ai_panel.agent.history import Shortened
from nuke_ai_panel.agent.limits import Ledger, Limit, Limits
from nuke_ai_panel.agent.session_events import (
    NoticeArrived,
    ReasoningArrived,
    RoundBegan,
    SessionEvent,
    TextArrived,
    ToolAnswered,
    ToolCalled,
)
from nuke_ai_panel.agent.tools.marking import neutral
from nuke_ai_panel.agent.tools.schemas import checked, parsed
from nuke_ai_panel.agent.tools.toolbox import FINISH, NOT_PROPOSED, Toolbox
from nuke_ai_panel.agent.tools.values import ToolAnswer, ToolProblem
from nuke_ai_panel.errors import APIError, NukeAIPanelError, StreamInterruptedError
from nuke_ai_panel.messages import (
    ChatRequest,
    Finished,
    Message,
    StreamEvent,
    ToolCall,
    Usage,
)
from nuke_ai_panel.providers.base import Provider
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.tokens import estimate_messages

__all__ = ["Ended", "ToolLoopOutcome", "plan_steps", "run_tools"]

_log = logging.getLogger(__name__)

#: ``answered``: the model has answered and calls no more. ``empty``: it says nothing at all. ``stopped``: whoever decides on
#: proposals ended it. ``error``: the server failed. The others are limits.
Ended = Union[Literal["answered", "empty", "stopped", "error"], Limit]

_LEAN_WORDS = "Not all tools fit into what this model can read, so it is offered fewer."
_SHORTENED = "The model has looked at much; what it found first is not sent any more, and it can look again."
_STOPPED = "The work was stopped before this was answered."
_STEP = re.compile(r"^\s{0,3}(?:\*\*)?(\d{1,2})[.):]\s+(.+?)\s*$")


@dataclass(frozen=True)
class ToolLoopOutcome:
    """What came of it.

    ``messages`` are the new ones of the conversation, in order: each call of an assistant's message has its answer. ``text``
    is the answer to show; ``why`` is a sentence on a limit that was met; ``error`` is set where it ended by one.
    """

    messages: tuple[Message, ...]
    text: str
    ended: Ended
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    reason: str = ""
    rounds: int = 0
    why: str = ""
    error: NukeAIPanelError | None = None
    seconds: float = 0.0

    @property
    def steps(self) -> tuple[str, ...]:
        """The numbered steps of the answer, as a plan has them."""
        return plan_steps(self.text)


def plan_steps(text: str) -> tuple[str, ...]:
    """Return the steps of a numbered list in an answer, without their numbers; () for a text without one."""
    steps: list[str] = []
    for line in text.splitlines():
        found = _STEP.match(line)
        if found is not None and int(found.group(1)) == len(steps) + 1:
            steps.append(found.group(2).replace("**", ""))
    return tuple(steps)


async def run_tools(
    provider: Provider,
    request: ChatRequest,
    toolbox: Toolbox,
    *,
    limits: Limits | None = None,
    emit: Callable[[SessionEvent], None],
    propose: Callable[[ScriptProposal], Awaitable[Decision]],
    title: str = "",
    kept: list[Message] | None = None,
    room: int | None = None,
) -> ToolLoopOutcome:
    """Ask the model with the tools of `toolbox` until it has answered.

    Runs on the loop of the host's main thread. A failure of the server is an outcome that keeps what there is so far.
    Cancelling the task ends it at once; `kept` then holds the messages so far, in which no call is without an answer.

    Args:
        request: the conversation; its ``tools`` are replaced. ``tool_choice`` ``"required"`` holds the model to calls: then
            it has a tool that ends the work.
        emit: is given every event, in order.
        propose: is given one proposal for all changes of one message; it returns when it has been decided on.
        title: names the undo step of every proposal, "" to name it after what it does.
        kept: a list that new messages are added to as they come.
        room: tokens that the new messages may take in a request; beyond that the oldest results of tools are left out.
    """
    run = _Run(provider, request, toolbox, limits or Limits(), emit, propose, title, [] if kept is None else kept, room)
    return await run.run()


class _Run:
    """One run of the loop."""

    def __init__(
        self,
        provider: Provider,
        request: ChatRequest,
        toolbox: Toolbox,
        limits: Limits,
        emit: Callable[[SessionEvent], None],
        propose: Callable[[ScriptProposal], Awaitable[Decision]],
        title: str,
        kept: list[Message],
        room: int | None = None,
    ) -> None:
        self.provider = provider
        self.request = request
        self.toolbox = toolbox
        self.limits = limits
        self.emit = emit
        self.propose = propose
        self.title = title
        self.messages = kept
        self.ledger = Ledger(limits)
        self.text: list[str] = []
        self.thoughts: list[str] = []
        self.model = request.model
        self.reason = ""
        self._room = room
        self._shortened = Shortened()
        self._begin = len(kept)
        self._used_ids = {call.id for message in (*request.messages, *kept) for call in message.tool_calls}
        self._told_notices: set[tuple[str, str]] = set()

    async def run(self) -> ToolLoopOutcome:
        empty = 0
        while True:
            self.ledger.rounds += 1
            if self.ledger.rounds > 1:
                self.emit(RoundBegan(self.ledger.rounds, self.limits.rounds, "tools"))
            try:
                finished = await self._ask()
            except APIError as error:
                if error.kind == "context_length" and self._make_room():
                    self.ledger.rounds -= 1
                    continue
                self._keep_text()
                return self._outcome("error", error=error)
            except NukeAIPanelError as error:
                # The request was refused before it was sent.
                return self._outcome("error", error=error)
            except BaseException:
                self._keep_text()
                raise
            if finished is None:
                self._keep_text()
                return self._limited()
            text = "".join(self.text)
            if not finished.tool_calls:
                self._keep_text(finished)
                if text.strip():
                    return self._outcome("answered")
                empty += 1
                # A small model may say nothing once; asking the same again often helps, and more often never does.
                if empty > 1 or self.ledger.reached() is not None:
                    return self._outcome("empty", why="The model gave an empty answer.")
                continue
            calls = self._named_apart(finished.tool_calls)
            history = tuple(replace(call, arguments=_readable(call.arguments)) for call in calls)
            details = finished.reasoning_details
            thoughts = "".join(self.thoughts)
            self.messages.append(Message("assistant", text, tool_calls=history, reasoning=thoughts, reasoning_details=details))
            self.text = []
            done, stopped = await self._call_all(calls, finished)
            if done is not None:
                self.messages.append(Message("assistant", done))
                self.emit(TextArrived(done))
                return self._outcome("answered", text=done)
            if stopped is not None:
                return self._outcome("stopped", why=stopped)
            if self.ledger.reached() is not None:
                return self._limited()

    # One round

    async def _ask(self) -> Finished | None:
        """Stream one answer; None where the time ran out on the way."""
        self.toolbox.begin_round()
        self.text, self.thoughts = [], []
        choice = self.request.tool_choice
        tools = await self.toolbox.offered(with_finish=choice == "required")
        request = replace(
            self.request,
            messages=(*self.request.messages, *self._in_room()),
            tools=tools,
            tool_choice=choice if tools else "",
        )
        finished: Finished | None = None
        stream = self.provider.stream(request)
        try:
            async for event in stream:
                if isinstance(event, Finished):
                    finished = event
                    break
                self._pass_on(event)
                if self.ledger.is_out_of_time:
                    return None
        finally:
            await close(stream)
        text = "".join(self.text)
        if finished is None:
            raise StreamInterruptedError(
                "The answer ended early.", provider=self.provider.name, partial_text=text, next_step="Ask again."
            )
        written = len(text) + sum(len(call.arguments) for call in finished.tool_calls)
        self.ledger.add(finished.usage, characters=written + sum(len(message.text) for message in request.messages))
        self.model, self.reason = finished.model or self.model, finished.reason
        return finished

    def _in_room(self) -> Sequence[Message]:
        new = self.messages[self._begin :]
        if self._room is None:
            return new
        before = self._shortened.count
        fitted = self._shortened.fit(new, self._room)
        if self._shortened.count and not before:
            self.emit(NoticeArrived("context_cut", _SHORTENED))
        return fitted

    def _make_room(self) -> bool:
        """Send less from now on, because the server said that it is too much; False where there is nothing to leave out."""
        if not self.toolbox.lean:
            # The descriptions of all tools alone are too much for many a local model.
            self.toolbox.lean = True
            self.emit(NoticeArrived("context_cut", _LEAN_WORDS))
            return True
        new = self.messages[self._begin :]
        before = self._shortened.count
        self._room = estimate_messages(self._shortened.shown(new)) // 2
        self._shortened.fit(new, self._room)
        if self._shortened.count == before:
            return False
        if not before:
            self.emit(NoticeArrived("context_cut", _SHORTENED))
        return True

    def _pass_on(self, event: StreamEvent) -> None:
        said = told(event)
        if isinstance(said, TextArrived):
            self.text.append(said.text)
        elif isinstance(said, ReasoningArrived):
            self.thoughts.append(said.text)
        elif isinstance(said, NoticeArrived):
            # The same note comes with every round.
            if (said.kind, said.text) in self._told_notices:
                return
            self._told_notices.add((said.kind, said.text))
        if said is not None:
            self.emit(said)

    def _named_apart(self, calls: Sequence[ToolCall]) -> list[ToolCall]:
        """Return the calls with an identifier each that no other call of the conversation has."""
        found: list[ToolCall] = []
        for place, call in enumerate(calls):
            identifier = call.id
            if not identifier or identifier in self._used_ids:
                identifier = f"call_{self.ledger.rounds}_{place}"
                while identifier in self._used_ids:
                    identifier += "x"
            self._used_ids.add(identifier)
            # A name that is not one of a tool goes back to the server, and must be fit to be sent.
            name = re.sub(r"[^\w-]", "_", call.name, flags=re.ASCII)[:64] or "unknown"
            found.append(ToolCall(identifier, name, call.arguments))
        return found

    async def _call_all(self, calls: Sequence[ToolCall], finished: Finished) -> tuple[str | None, str | None]:
        """Answer the calls of one message.

        Returns the final answer where the model ended the work, and why the work was stopped where it was.
        """
        answers: dict[str, ToolAnswer] = {}
        seconds: dict[str, float] = {}
        final: str | None = None
        stopped: str | None = None
        told = 0
        writes: list[ToolCall] = []
        for call in calls:
            self.emit(ToolCalled(call.id, call.name, call.arguments or "{}", self.toolbox.writes(call.name)))
        try:
            for place, call in enumerate(calls):
                began = time.monotonic()
                if place >= self.limits.calls:
                    answers[call.id] = _error(f"Too many calls in one message; {self.limits.calls} are allowed.")
                elif finished.reason == "length" and place == len(calls) - 1 and not _is_json(call.arguments):
                    answers[call.id] = _error("The call was cut off by the limit of the answer's length. Send a shorter one.")
                elif call.name == FINISH.name and self.request.tool_choice == "required":
                    answers[call.id], final = _final(call, final)
                elif self.toolbox.writes(call.name) and self.toolbox.mode == "act":
                    writes.append(call)
                    continue
                else:
                    answers[call.id] = await self.toolbox.answer(call)
                seconds[call.id] = time.monotonic() - began
            if writes and any(call.id in answers and self.toolbox.writes(call.name) for call in calls):
                # Half of what the model meant to do may be the wrong half.
                answers.update((call.id, ToolAnswer(NOT_PROPOSED, True)) for call in writes)
            elif writes:
                began = time.monotonic()
                found, stopped = await self._write(writes)
                answers.update(found)
                seconds.update(dict.fromkeys(found, time.monotonic() - began))
            for call in calls:
                answer = self._noted(call, answers[call.id])
                self._tell(call, answer, seconds.get(call.id, 0.0))
                told += 1
        except BaseException:
            # Cancelled, or whoever was asked failed: a call without an answer would spoil the conversation for every server.
            for call in calls[told:]:
                self._tell(call, answers.get(call.id, ToolAnswer(_STOPPED, True)), 0.0, aloud=False)
            raise
        return final, stopped

    async def _write(self, calls: Sequence[ToolCall]) -> tuple[dict[str, ToolAnswer], str | None]:
        planned = await self.toolbox.plan(calls, title=self.title)
        if planned.proposal is None:
            return dict(planned.problems), None
        began = self.ledger.clock()
        try:
            decision = await self.propose(planned.proposal)
        except NukeAIPanelError as error:
            # The host let nothing be proposed, or run; that is as good as a refusal, and its words may help the model.
            decision = Decision(reason=str(error), by="host")
        finally:
            self.ledger.wait(self.ledger.clock() - began)
        self.ledger.refusals = 0 if decision.is_accepted else self.ledger.refusals + 1
        stopped = (decision.reason or "The work was ended with the decision.") if decision.stop else None
        return self.toolbox.told(planned, decision), stopped

    def _noted(self, call: ToolCall, answer: ToolAnswer) -> ToolAnswer:
        times = self.ledger.seen(call.name, _canonical(call.arguments), answer.text)
        if times < 2:
            return answer
        return replace(answer, text=f"{answer.text}\n(This is the same call with the same answer, {times} times now.)")

    def _tell(self, call: ToolCall, answer: ToolAnswer, seconds: float, *, aloud: bool = True) -> None:
        self.messages.append(Message("tool", answer.text, tool_call_id=call.id, tool_name=call.name))
        if aloud:
            self.emit(ToolAnswered(call.id, answer.text, answer.is_error, seconds))

    # The end

    def _keep_text(self, finished: Finished | None = None) -> None:
        text = "".join(self.text)
        if text:
            details = finished.reasoning_details if finished is not None else ()
            self.messages.append(Message("assistant", text, reasoning="".join(self.thoughts), reasoning_details=details))

    def _limited(self) -> ToolLoopOutcome:
        limit, why = self.ledger.reached() or ("time", "The time is used up.")
        return self._outcome(limit, why=why)

    def _outcome(
        self, ended: Ended, *, why: str = "", error: NukeAIPanelError | None = None, text: str | None = None
    ) -> ToolLoopOutcome:
        new = tuple(self.messages[self._begin :])
        if text is None:
            text = next((message.text for message in reversed(new) if message.role == "assistant"), "")
        _log.debug("tools ended after %d rounds: %s", self.ledger.rounds, ended)
        return ToolLoopOutcome(
            new, text, ended, self.ledger.usage, self.model, self.reason, self.ledger.rounds, why, error, self.ledger.seconds
        )


def _error(text: str) -> ToolAnswer:
    return ToolAnswer(f"Error: {neutral(text)}", True)


def _final(call: ToolCall, before: str | None) -> tuple[ToolAnswer, str | None]:
    try:
        arguments = checked(FINISH, parsed(call.arguments))
    except ToolProblem as error:
        return _error(str(error)), before
    return ToolAnswer("Done."), str(arguments["answer"])


def _is_json(arguments: str) -> bool:
    try:
        json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return False
    return True


def _readable(arguments: str) -> str:
    """Return arguments as they go back to a server; some refuse a conversation with JSON in it that is none."""
    try:
        value = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return "{}"
    return arguments if isinstance(value, dict) and arguments else "{}"


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments

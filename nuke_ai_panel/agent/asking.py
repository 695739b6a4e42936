"""One prompt on its way to an answer: the request, with the part of the conversation that has room, and the scripts found."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Awaitable, Callable

from nuke_ai_panel.agent.answers import abilities, read_answer, room_for_conversation, works_with_tools
from nuke_ai_panel.agent.context import Context, gather
from nuke_ai_panel.agent.decision import Decision
from nuke_ai_panel.agent.history import History, sendable
from nuke_ai_panel.agent.limits import Limits
from nuke_ai_panel.agent.prompts import Mode, system_prompt
from nuke_ai_panel.agent.proposals import Proposals
from nuke_ai_panel.agent.servers import Servers
from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFailed,
    AnswerFinished,
    AnswerStarted,
    NoticeArrived,
    PromptAdded,
    SessionEvent,
)
from nuke_ai_panel.agent.tool_loop import run_tools
from nuke_ai_panel.agent.tools import Toolbox
from nuke_ai_panel.agent.topics import topics_of
from nuke_ai_panel.errors import APIError, NukeAIPanelError
from nuke_ai_panel.hosts.base import ReadsGraph
from nuke_ai_panel.messages import ChatRequest, Message
from nuke_ai_panel.providers.base import Provider
from nuke_ai_panel.providers.capabilities import Capabilities
from nuke_ai_panel.scripting.finding import find_proposals
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.reviewing import prepare
from nuke_ai_panel.settings import Settings
from nuke_ai_panel.tokens import estimate_messages

__all__ = ["Answer", "Asking"]

#: Characters of an answer that is searched for scripts in a worker.
_LONG_ANSWER = 50_000
_CUT = (
    "The conversation is longer than what is sent to the model: its oldest part ({0} of your messages) is left out from now on."
)
_RESULTS_CUT = "The conversation is long: what the model found first in the script is not sent any more, and it can look again."


@dataclasses.dataclass(frozen=True)
class Answer:
    """A complete answer with the scripts that were found in it."""

    event: AnswerFinished
    proposals: list[ScriptProposal]


@dataclasses.dataclass(frozen=True)
class Asking:
    """All that one prompt needs of its conversation.

    ``settings`` reads them, and what follows from them; ``limits`` are those of the settings that were read last. ``is_wanted``
    is false once a new conversation has begun: then nothing is told, and nothing kept.
    """

    host: ReadsGraph
    history: History
    proposals: Proposals
    servers: Servers
    toolbox: Toolbox
    limits: Callable[[], Limits]
    settings: Callable[[], Awaitable[Settings]]
    emit: Callable[[SessionEvent], None]
    is_wanted: Callable[[], bool]
    context_without: frozenset[str]

    async def ask(self, text: str, mode: Mode, *, title: str, target: str = "", is_fix: bool = False) -> Answer | None:
        """Ask `text`; None where the answer failed, which an event has told.

        With `is_fix` the text brings all that the model needs, and there are no tools. `title` names the undo steps of what is
        found in the answer, and `target` is the knob for an expression that names none.
        """
        parts: list[str] = []
        said = Message("user", text)
        try:
            context = None
            if not is_fix:
                # Before anything is waited for: an answer that is stopped now has its question above it.
                self._tell(PromptAdded(text))
            settings = await self.settings()
            if not is_fix:
                context = await gather(self.host, text, budget=settings.script_tokens, without=self.context_without)
            provider, model = await self.servers.pick(settings)
            # A process for the dry run starts while the answer is on its way.
            prepare()
            capabilities = await abilities(provider, model)
            with_tools = not is_fix and works_with_tools(capabilities, mode)
            await self.proposals.settle()
            notes = list(self.proposals.notes)
            said = Message("user", "".join(f"[{note}]\n" for note in notes) + text)
            self._tell(AnswerStarted(model))
            while True:
                request, room = await self._request(said, text, mode, context, model, capabilities, with_tools=with_tools)
                self._keep_prompt(said)
                try:
                    if with_tools:
                        finished, answer = await self._work_with_tools(provider, request, title, mode, room)
                    else:
                        ended = await read_answer(provider, request, self._tell, parts)
                        answer = "".join(parts)
                        finished = AnswerFinished(answer, ended.model or model, ended.usage, reason=ended.reason)
                    break
                except APIError as error:
                    is_begun = bool(parts) or self.history.messages[-1] is not said
                    if error.kind != "context_length" or is_begun or not self.history.shrink(said):
                        raise
            self._check_wanted()
            if not with_tools:
                self.history.messages.append(Message("assistant", answer))
            # What came meanwhile the model has not read yet.
            del self.proposals.notes[: len(notes)]
            parts.clear()
            found = await self._proposals_in(answer, title=title, target=target, is_cut=finished.reason == "length")
        except asyncio.CancelledError:
            if self.is_wanted():
                self.emit(AnswerCancelled(self._keep(said, parts)))
            raise
        except NukeAIPanelError as error:
            if self.is_wanted():
                self.emit(AnswerFailed(error, self._keep(said, parts)))
            return None
        finished = dataclasses.replace(finished, proposals=len(found))
        self.emit(finished)
        return Answer(finished, found)

    async def _work_with_tools(
        self, provider: Provider, request: ChatRequest, title: str, mode: Mode, room: int | None
    ) -> tuple[AnswerFinished, str]:
        async def propose(proposal: ScriptProposal) -> Decision:
            return await self.proposals.decide(proposal, self.is_wanted)

        kept: list[Message] = []
        toolbox = self.toolbox
        toolbox.mode = "act" if mode == "act" else "plan" if mode == "plan" else "ask"
        try:
            outcome = await run_tools(
                provider,
                dataclasses.replace(request, carry_features=request.carry_features or mode != "ask"),
                toolbox,
                limits=self.limits(),
                emit=self._tell,
                propose=propose,
                title=title,
                kept=kept,
                room=room,
            )
        finally:
            if self.is_wanted():
                self.history.messages.extend(kept)
        if outcome.error is not None:
            raise outcome.error
        self._check_wanted()
        if outcome.why:
            self.emit(NoticeArrived("limit", outcome.why, self.limits().setting(outcome.ended)))
        finished = AnswerFinished(
            outcome.text, outcome.model, outcome.usage, reason=outcome.reason or "stop", steps=outcome.steps
        )
        return finished, outcome.text

    def _check_wanted(self) -> None:
        """Raise CancelledError where a new conversation has begun.

        Events that are decoded already come without a pause in which the cancellation could arrive.
        """
        if not self.is_wanted():
            raise asyncio.CancelledError

    def _tell(self, event: SessionEvent) -> None:
        self._check_wanted()
        self.emit(event)

    def _keep(self, prompt: Message, parts: list[str]) -> str:
        """Keep an unfinished answer in the conversation, so that nothing the artist has read is lost; return its text."""
        self._keep_prompt(prompt)
        partial = "".join(parts)
        last = self.history.messages[-1]
        if partial:
            self.history.messages.append(Message("assistant", partial))
        elif last.role == "assistant" and not last.tool_calls:
            # What came while tools were at work is kept already.
            partial = last.text
        return partial

    def _keep_prompt(self, prompt: Message) -> None:
        if not any(each is prompt for each in self.history.turn()):
            self.history.messages.append(prompt)

    async def _request(
        self,
        said: Message,
        text: str,
        mode: Mode,
        context: Context | None,
        model: str,
        capabilities: Capabilities | None,
        *,
        with_tools: bool,
    ) -> tuple[ChatRequest, int | None]:
        """Return the request for `said`, and how many tokens what tools find may take with it.

        What goes back to be mended brings its own nodes and needs no context.
        """
        advice = "".join(f"\n{topic.advice}" for topic in topics_of(text) if topic.advice)
        system = Message("system", system_prompt(mode) + advice)
        question = said if context is None else dataclasses.replace(said, text=f"{context.text}\n\n{said.text}")
        taken = estimate_messages((system, question)) + (await self.toolbox.tokens() if with_tools else 0)
        room = room_for_conversation(capabilities, self.limits().conversation, taken)
        # With tools the work to come needs its share.
        before = self.history.left_out, self.history.shortened
        history = self.history.sent(room // 2 if with_tools and room is not None else room, but=said)
        # What the model itself can hold is not for choice.
        is_chosen = room is not None and room == self.limits().conversation and not self.history.is_shrunk
        if self.history.left_out > before[0]:
            self._tell_cut(_CUT.format(self.history.left_out), is_chosen)
        elif self.history.shortened > before[1]:
            self._tell_cut(_RESULTS_CUT, is_chosen)
        request = ChatRequest(
            model=model,
            messages=sendable((system, *history, question)),
            # Calls in the conversation so far are too much for a model without tools.
            carry_features=any(message.role == "tool" for message in history),
        )
        return request, None if room is None else room - estimate_messages(history)

    def _tell_cut(self, text: str, is_chosen: bool) -> None:
        limits = self.limits()
        advice = f" {limits.advice('conversation')}" if is_chosen else ""
        self.emit(NoticeArrived("context_cut", text + advice, limits.setting("conversation") if is_chosen else ""))

    async def _proposals_in(self, text: str, *, title: str, target: str, is_cut: bool) -> list[ScriptProposal]:
        find = functools.partial(
            find_proposals, text, title=title, is_cut=is_cut, earlier=self.proposals.earlier(), target=target
        )
        if len(text) < _LONG_ANSWER:
            return find()
        return await asyncio.get_running_loop().run_in_executor(None, find)

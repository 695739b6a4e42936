"""One conversation: a prompt goes out, events come back, proposals are reviewed, and what the artist agrees to is applied.

A session belongs to one event loop, and that loop runs on the host's main thread (in Qt hosts: the host loop), because the
context is read from the host and listeners are called directly. It draws nothing and knows no widget.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from nuke_ai_panel.agent.answers import has_tools, read_answer
from nuke_ai_panel.agent.context import BUDGET, Context, ContextPart, context_steps, describe, outline
from nuke_ai_panel.agent.decision import Decision
from nuke_ai_panel.agent.fixing import FixRounds, fix_request
from nuke_ai_panel.agent.limits import Limits
from nuke_ai_panel.agent.prompts import Mode, system_prompt
from nuke_ai_panel.agent.proposals import Proposals, Scope
from nuke_ai_panel.agent.servers import ModelChoice, Servers
from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFailed,
    AnswerFinished,
    AnswerStarted,
    NoticeArrived,
    PromptAdded,
    RoundBegan,
    SessionCleared,
    SessionEvent,
)
from nuke_ai_panel.agent.tool_loop import run_tools
from nuke_ai_panel.agent.tools import Toolbox
from nuke_ai_panel.agent.tools.marking import neutral
from nuke_ai_panel.agent.topics import topics_of
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.errors import HostError, NukeAIPanelError, ProposalError, ValidationError
from nuke_ai_panel.hosts.base import Host, RunResult
from nuke_ai_panel.messages import (
    ChatRequest,
    Message,
)
from nuke_ai_panel.providers.base import Provider, Server
from nuke_ai_panel.scripting.applying import Applied
from nuke_ai_panel.scripting.checkpoints import Checkpoint
from nuke_ai_panel.scripting.finding import find_proposals
from nuke_ai_panel.scripting.policy import Policy
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.records import Records
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.reviewing import prepare, release
from nuke_ai_panel.settings import Settings, SettingsStore
from nuke_ai_panel.tokens import estimate

__all__ = ["ChatSession", "ModelChoice"]

_log = logging.getLogger(__name__)

#: Seconds of reading the script after which the loop gets its turn; a frame has 16 ms.
_STEP = 0.006


class ChatSession:
    """A conversation about the script in `host`.

    All methods are called on the main thread. ``send``, ``retry`` and ``list_models`` are coroutines of one loop; one answer
    runs at a time. Listeners get :data:`~nuke_ai_panel.agent.session_events.SessionEvent` values in order, on the main thread.
    """

    def __init__(
        self, host: Host, settings: SettingsStore, credentials: Credentials, *, records_folder: Path | None = None
    ) -> None:
        self.host = host
        #: Tokens that the script may take in a prompt, and the parts that the artist does not want sent.
        self.context_budget = BUDGET
        self.context_without: frozenset[str] = frozenset()
        #: How far a model with tools may go on by itself within one prompt.
        self.limits = Limits()
        self._records_folder = records_folder
        self.proposals = Proposals(host, self._emit, records=self._new_records())
        self._settings_store = settings
        self._servers = Servers(credentials)
        # Kept from prompt to prompt: it learns how much a model's context can hold.
        self._toolbox = Toolbox(host)
        self._listeners: list[Callable[[SessionEvent], None]] = []
        self._messages: list[Message] = []
        self._turn_start = 0
        self._answering: asyncio.Task[object] | None = None
        self._last_prompt: tuple[str, Mode] | None = None
        self._target = ""
        self._generation = 0

    # listeners

    def subscribe(self, listener: Callable[[SessionEvent], None]) -> Callable[[], None]:
        """Call `listener` with every event from now on; the returned function ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def _emit(self, event: SessionEvent) -> None:
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - one view's defect must not end the answer for the others
                _log.exception("A listener failed on %s", type(event).__name__)

    # asking

    @property
    def is_busy(self) -> bool:
        """Whether an answer is on its way."""
        return self._answering is not None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation so far, as the artist sees it."""
        return tuple(self._messages)

    def context_line(self) -> str:
        """Return one line on what the model would be told of the script now; cheap on any script."""
        try:
            return outline(self.host.class_counts(), self.host.selected())
        except HostError as error:
            return f"No script: {error}"

    def preview(self, question: str = "") -> Context:
        """Return what the model would be told of the script with `question`, to be looked at before it is sent."""
        try:
            return describe(self.host, question, budget=self.context_budget, without=self.context_without)
        except HostError as error:
            return _unreadable(error)

    async def _gather(self, question: str) -> Context:
        """Describe the script in steps, between which the loop goes on.

        Where the host does not let us read it (a non-commercial Nuke), the question goes without.
        """
        try:
            found: Context | None = None
            rested = time.perf_counter()
            for step in context_steps(self.host, question, budget=self.context_budget, without=self.context_without):
                found = step or found
                if time.perf_counter() - rested > _STEP:
                    await asyncio.sleep(0)
                    rested = time.perf_counter()
        except HostError as error:
            _log.info("The script cannot be described: %s", error)
            return _unreadable(error)
        assert found is not None
        return found

    async def send(self, text: str, *, mode: Mode = "ask", target: str = "") -> None:
        """Ask `text`; events tell the rest. Failures of the answer are an ``AnswerFailed`` event, not an exception.

        `target` is the knob that the question is about (``"Blur1.size"``), for an expression in the answer that names none.

        A script in the answer is reviewed; one that fails goes back to the model, at most three times, unless the artist
        sends something else meanwhile. Cancelling the task, or :meth:`cancel`, stops the answer and keeps what came.

        Raises:
            ValidationError: empty text, or an answer is still on its way.
        """
        text = text.strip()
        if not text:
            raise ValidationError("Write a message first.")
        generation = self._generation
        with self._occupied():
            self._last_prompt = (text, mode)
            self._target = target
            self._turn_start = len(self._messages)
            if self.proposals.records is not None:
                self.proposals.records.begin_turn()
            finished = await self._answer(text, mode, generation)
        if finished is not None and generation == self._generation:
            await self._work_through(finished, text, mode, generation)

    async def retry(self) -> None:
        """Ask the last prompt again; what its failed or unwanted answer left is dropped from the conversation.

        Raises:
            ValidationError: nothing was asked yet, or an answer is still on its way.
        """
        if self._last_prompt is None:
            raise ValidationError("There is nothing to ask again yet.")
        self._check_free()
        del self._messages[self._turn_start :]
        text, mode = self._last_prompt
        await self.send(text, mode=mode, target=self._target)

    async def fix(self, proposal_id: int, applied: Applied | None = None) -> None:
        """Send a proposal that failed back to the model, with the error of its run when it has run.

        Raises:
            ValidationError: an answer is still on its way.
            ProposalError: there is no such proposal in this conversation.
        """
        failed = self.proposals.find(proposal_id)
        generation = self._generation
        rounds = FixRounds()
        rounds.begin(failed)
        text, mode = self._last_prompt or (failed.proposal.title, "ask")
        self._check_free()
        finished = await self._ask_to_fix(failed, rounds, mode, generation, applied=applied)
        if finished is None or generation != self._generation:
            return
        if self._proposals_in(finished, text) and self.proposals.is_open(proposal_id):
            self.proposals.reject(proposal_id, "A corrected one follows.", by="model")
        await self._work_through(finished, text, mode, generation, rounds=rounds)

    async def _work_through(
        self, finished: AnswerFinished, text: str, mode: Mode, generation: int, *, rounds: FixRounds | None = None
    ) -> None:
        """Review what an answer proposes; while that fails, have the model mend it."""
        rounds = rounds or FixRounds()
        settings = await self._load_settings()
        following: AnswerFinished | None = finished
        while following is not None and generation == self._generation:
            failed = await self._review_all(self._proposals_in(following, text), generation)
            if failed is None or not settings.auto_fix or self.is_busy or generation != self._generation:
                return
            number, found = failed
            if not rounds.begin(found):
                self._emit(NoticeArrived("fix", rounds.ending))
                return
            following = await self._ask_to_fix(found, rounds, mode, generation)
            replaces = following is not None and generation == self._generation and self._proposals_in(following, text)
            if replaces and self.proposals.is_open(number):
                self.proposals.reject(number, "A corrected one follows.", by="model")

    async def _ask_to_fix(
        self, failed: Review, rounds: FixRounds, mode: Mode, generation: int, *, applied: Applied | None = None
    ) -> AnswerFinished | None:
        detail = applied.result.error.strip().splitlines()[-1] if applied is not None else failed.summary()
        with self._occupied():
            self._emit(RoundBegan(rounds.number, rounds.limit, "fix", detail))
            return await self._answer(fix_request(failed, self.host, applied=applied), mode, generation, is_fix=True)

    def _proposals_in(self, finished: AnswerFinished, text: str = "") -> list[ScriptProposal]:
        is_cut = finished.reason == "length"
        earlier = self.proposals.earlier()
        return find_proposals(finished.text, title=_title_of(text), is_cut=is_cut, earlier=earlier, target=self._target)

    @contextlib.contextmanager
    def _occupied(self) -> Iterator[None]:
        """Mark the running task as the one that answers, so that :meth:`cancel` finds it."""
        self._check_free()
        own_task = asyncio.current_task()
        self._answering = own_task
        try:
            yield
        finally:
            # After clear() another prompt may be on its way already, and the mark is that one's.
            if self._answering is own_task:
                self._answering = None

    def _check_free(self) -> None:
        if self.is_busy:
            raise ValidationError("An answer is still on its way. Stop it first, or wait for its end.")

    def cancel(self) -> bool:
        """Stop the answer that is on its way; False when there is none."""
        if self._answering is None:
            return False
        self._answering.cancel()
        return True

    async def _answer(self, text: str, mode: Mode, generation: int, *, is_fix: bool = False) -> AnswerFinished | None:
        parts: list[str] = []
        try:
            context = None if is_fix else await self._gather(text)
            if context is not None:
                self._emit(PromptAdded(text, context.line))
            settings = await self._load_settings()
            await self._read_policy(settings)
            provider, model = await self._servers.pick(settings)
            # A process for the dry run starts while the answer is on its way.
            prepare()
            request = self._request(text, mode, context, model)
            self._messages.append(Message("user", text))
            self._emit(AnswerStarted(model))
            if not is_fix and await has_tools(provider, model, mode):
                return await self._work_with_tools(provider, request, text, mode, generation)
            finished = await read_answer(provider, request, self._emitter(generation), parts)
        except asyncio.CancelledError:
            if generation == self._generation:
                self._emit(AnswerCancelled(self._keep(text, parts)))
            raise
        except NukeAIPanelError as error:
            if generation == self._generation:
                self._emit(AnswerFailed(error, self._keep(text, parts)))
            return None
        answer = "".join(parts)
        self._messages.append(Message("assistant", answer))
        self.proposals.notes.clear()
        return self._finish(AnswerFinished(answer, finished.model or model, finished.usage, reason=finished.reason))

    def _finish(self, event: AnswerFinished) -> AnswerFinished:
        event = dataclasses.replace(event, proposals=len(self._proposals_in(event)))
        self._emit(event)
        return event

    async def _work_with_tools(
        self, provider: Provider, request: ChatRequest, text: str, mode: Mode, generation: int
    ) -> AnswerFinished | None:
        async def propose(proposal: ScriptProposal) -> Decision:
            return await self.proposals.decide(proposal, lambda: generation == self._generation)

        kept: list[Message] = []
        toolbox = self._toolbox
        toolbox.mode = "act" if mode == "act" else "plan" if mode == "plan" else "ask"
        request = dataclasses.replace(request, carry_features=mode != "ask")
        try:
            outcome = await run_tools(
                provider,
                request,
                toolbox,
                limits=self.limits,
                emit=self._emitter(generation),
                propose=propose,
                title=_title_of(text),
                kept=kept,
            )
        finally:
            if generation == self._generation:
                self._messages.extend(kept)
        self.proposals.notes.clear()
        if outcome.error is not None:
            self._emit(AnswerFailed(outcome.error, outcome.text))
            return None
        if outcome.why:
            self._emit(NoticeArrived("limit", outcome.why))
        return self._finish(
            AnswerFinished(outcome.text, outcome.model, outcome.usage, reason=outcome.reason or "stop", steps=outcome.steps)
        )

    def _emitter(self, generation: int) -> Callable[[SessionEvent], None]:
        """Return how an answer tells its events: not any more once a new conversation has begun.

        Events that are decoded already come without a pause in which the cancellation could arrive.
        """

        def emit(event: SessionEvent) -> None:
            if generation != self._generation:
                raise asyncio.CancelledError
            self._emit(event)

        return emit

    def _keep(self, prompt: str, parts: list[str]) -> str:
        """Keep an unfinished answer in the conversation, so that nothing the artist has read is lost."""
        if Message("user", prompt) not in self._messages[self._turn_start :]:
            self._messages.append(Message("user", prompt))
        partial = "".join(parts)
        if partial:
            self._messages.append(Message("assistant", partial))
        return partial

    def _request(self, text: str, mode: Mode, context: Context | None, model: str) -> ChatRequest:
        """Return the request for `text`; what goes back to be mended brings its own nodes and needs no context."""
        notes = "".join(f"\n[{note}]" for note in self.proposals.notes)
        advice = "".join(f"\n{topic.advice}" for topic in topics_of(text) if topic.advice)
        question = text if context is None else f"{context.text}{notes}\n\n{text}"
        return ChatRequest(
            model=model,
            messages=(Message("system", system_prompt(mode) + advice), *self._messages, Message("user", question)),
        )

    # servers and models

    @property
    def provider(self) -> str:
        """The provider in use, "" before one was chosen or found."""
        return self._servers.provider

    @property
    def model(self) -> str:
        """The model in use, "" before one was chosen or found."""
        return self._servers.model

    def select_model(self, provider: str, model: str) -> None:
        """Use `model` of `provider` from the next prompt on."""
        self._toolbox = Toolbox(self.host)
        self._servers.provider, self._servers.model = provider, model

    async def list_models(self) -> list[ModelChoice]:
        """Return the models of every enabled provider, live; a provider that fails is one entry with ``error``."""
        return await self._servers.list_models(await self._load_settings())

    async def server(self, settings: Settings, name: str) -> Server:
        """Return the server of provider `name` with its address and key.

        Raises:
            ValidationError: "local only" is on and the address is not on this machine.
            CredentialError: the keyring did not answer.
        """
        return await self._servers.server(settings, name)

    async def aclose(self) -> None:
        """Stop the answer and close every connection."""
        self.cancel()
        release()
        await self._servers.aclose()

    async def _load_settings(self) -> Settings:
        return await asyncio.get_running_loop().run_in_executor(None, self._settings_store.load)

    # proposals

    async def _review_all(self, proposals: list[ScriptProposal], generation: int) -> tuple[int, Review] | None:
        """Review `proposals` in their order and return the first that failed."""
        failed: tuple[int, Review] | None = None
        for proposal in proposals:
            reviewed = await self.proposals.review(proposal, lambda: generation == self._generation)
            if reviewed is None:
                return None
            self.proposals.follow_consent(reviewed[0])
            if failed is None and self.proposals.is_open(reviewed[0]) and not reviewed[1].is_sound and not proposal.doubt:
                failed = reviewed
        return failed

    async def propose(self, proposal: ScriptProposal) -> None:
        """Review a script that the artist took from the conversation, or wrote; a ``ProposalReviewed`` event follows."""
        await self._review_all([proposal], self._generation)

    async def revise(self, proposal_id: int, code: str) -> None:
        """Review a proposal anew with the code as the artist has edited it; it takes the place of the former one."""
        former = self.proposals.find(proposal_id).proposal
        if self.proposals.is_open(proposal_id):
            self.proposals.reject(proposal_id, "Your edited one follows.", by="edit")
        await self.propose(dataclasses.replace(former, code=code, doubt=""))

    def apply(self, proposal_id: int, scope: Scope = "once") -> Applied:
        """Run a reviewed proposal in the host as one undo step, because the artist said so. Main thread, outside any task.

        With the scope ``"conversation"`` what does no more than this one runs from now on without a question.

        Raises:
            ProposalError: it was decided on already.
            HostError: the host cannot be read or does not run scripts; nothing has run.
        """
        return self.proposals.apply(proposal_id, scope)

    # records

    def checkpoints(self) -> list[Checkpoint]:
        """Return the scripts that were kept in this conversation before changes, the oldest first. Reads files."""
        records = self.proposals.records
        if records is None or records.checkpoints is None:
            return []
        return records.checkpoints.of(records.conversation)

    def restore(self, checkpoint_id: str) -> RunResult:
        """Bring the script back to a checkpoint, as one undo step. Main thread, outside any task.

        Raises:
            ProposalError: no such checkpoint, or it cannot be read.
            HostError: the host refuses.
        """
        records = self.proposals.records
        if records is None or records.checkpoints is None:
            raise ProposalError("No checkpoints are kept in this conversation.")
        kept = records.checkpoints.find(checkpoint_id)
        result = self.host.restore(records.checkpoints.read(checkpoint_id), title=f"AI: back to before {kept.title}")
        if result.ok:
            self.proposals.notes.append("The artist brought the script back to an earlier state.")
        return result

    def _new_records(self) -> Records | None:
        if self._records_folder is None:
            return None
        return Records.in_folder(self._records_folder, uuid.uuid4().hex[:16])

    async def _read_policy(self, settings: Settings) -> None:
        """Follow the studio's policy file; one that cannot be read forbids what changes anything."""
        if settings.policy_file:
            loop = asyncio.get_running_loop()
            policy = await loop.run_in_executor(None, Policy.load_or_close, settings.policy_file)
        else:
            policy = Policy()
        self.proposals.consents.policy = policy

    # deciding

    def reject(self, proposal_id: int, reason: str = "", *, never: bool = False) -> None:
        """Do not run a proposal; `reason` reaches the model with the next prompt.

        With `never` the like of it is turned down by itself for the rest of the conversation.
        """
        self.proposals.reject(proposal_id, reason, never=never)

    def clear(self) -> None:
        """Begin a new conversation; an answer on its way is stopped."""
        self.cancel()
        self._answering = None
        self._generation += 1
        self._messages.clear()
        self._turn_start = 0
        self.proposals.clear()
        self.proposals.records = self._new_records()
        self._last_prompt = None
        self._emit(SessionCleared())


def _unreadable(error: HostError) -> Context:
    said = f"The script cannot be read here: {neutral(str(error))}"
    return Context((ContextPart("script", "no script", (said,), estimate(said)),), f"No script: {error}")


def _title_of(prompt: str) -> str:
    """Return a name for the undo step: the first line of the request, cut to what an Edit menu shows."""
    first = next(iter(prompt.strip().splitlines()), "script")
    return "AI: " + (first if len(first) <= 60 else first[:57] + "...")

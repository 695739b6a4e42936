"""One conversation: a prompt goes out, events come back, proposals are reviewed, and what the artist agrees to is applied.

A session belongs to one event loop, and that loop runs on the host's main thread (in Qt hosts: the host loop), because the
context is read from the host and listeners are called directly. It draws nothing and knows no widget.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from nuke_ai_panel.agent.asking import Answer, Asking
from nuke_ai_panel.agent.checking import Checks
from nuke_ai_panel.agent.context import BUDGET, Context, describe, outline, unreadable
from nuke_ai_panel.agent.fixing import FixRounds, fix_request
from nuke_ai_panel.agent.history import History
from nuke_ai_panel.agent.limits import Limits
from nuke_ai_panel.agent.prompts import Mode
from nuke_ai_panel.agent.proposals import Proposals, Scope, last_line
from nuke_ai_panel.agent.servers import ModelChoice, Servers
from nuke_ai_panel.agent.session_events import (
    NoticeArrived,
    RoundBegan,
    SessionCleared,
    SessionEvent,
)
from nuke_ai_panel.agent.tools import Toolbox
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.errors import HostError, ValidationError
from nuke_ai_panel.hosts.base import Host, RunResult
from nuke_ai_panel.messages import Message
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.scripting.applying import Applied
from nuke_ai_panel.scripting.checkpoints import Checkpoint
from nuke_ai_panel.scripting.policy import Policy
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.records import Records
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.reviewing import release
from nuke_ai_panel.settings import Settings, SettingsStore

__all__ = ["ChatSession", "ModelChoice"]

_log = logging.getLogger(__name__)

#: Seconds that work which is ended gets to end.
_PATIENCE = 5.0


class ChatSession:
    """A conversation about the script in `host`.

    All methods are called on the main thread. ``send``, ``retry`` and ``list_models`` are coroutines of one loop; one answer
    runs at a time. Listeners get :data:`~nuke_ai_panel.agent.session_events.SessionEvent` values in order, on the main thread.
    """

    def __init__(
        self, host: Host, settings: SettingsStore, credentials: Credentials, *, records_folder: Path | None = None
    ) -> None:
        self.host = host
        #: The parts of the script that the artist does not want sent.
        self.context_without: frozenset[str] = frozenset()
        #: As the settings said at the last prompt: tokens that the script may take in one, and how far a model with tools may
        #: go on by itself.
        self.context_budget = BUDGET
        self.limits = Limits()
        self._records_folder = records_folder
        self.proposals = Proposals(host, self._emit, records=self._new_records())
        self._settings_store = settings
        self._servers = Servers(credentials)
        # Kept from prompt to prompt: it learns how much a model's context can hold.
        self._toolbox = Toolbox(host)
        self._listeners: list[Callable[[SessionEvent], None]] = []
        self._history = History()
        # Counts what the artist asks: what an earlier question has left to do is not begun any more.
        self._turn = 0
        self._auto_fix = True
        self._checks = Checks(self._emit)
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
    def is_checking(self) -> bool:
        """Whether proposals are being reviewed, of an answer that is complete or from the artist. One may ask meanwhile."""
        return bool(self._checks.tasks)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation so far. What of it goes to the model is cut to ``limits.conversation`` tokens."""
        return tuple(self._history.messages)

    def context_line(self) -> str:
        """Return one line on what the model would be told of the script now; cheap on any script."""
        try:
            return outline(self.host.class_counts(), self.host.selected_paths())
        except HostError as error:
            return f"No script: {error}"

    def preview(self, question: str = "") -> Context:
        """Return what the model would be told of the script with `question`, to be looked at before it is sent."""
        try:
            return describe(self.host, question, budget=self.context_budget, without=self.context_without)
        except HostError as error:
            return unreadable(error)

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
            self._turn += 1
            turn = self._turn
            self._history.begin_turn()
            if self.proposals.records is not None:
                self.proposals.records.begin_turn()
            answer = await self._answer(text, mode, generation)
        if answer is not None and generation == self._generation:
            await self._work_through(answer, mode, generation, turn)

    async def retry(self) -> None:
        """Ask the last prompt again; what its failed or unwanted answer left is dropped from the conversation.

        Raises:
            ValidationError: nothing was asked yet, or an answer is still on its way.
        """
        if self._last_prompt is None:
            raise ValidationError("There is nothing to ask again yet.")
        self._check_free()
        self._history.drop_turn()
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
        mode = self._last_prompt[1] if self._last_prompt is not None else "ask"
        self._check_free()
        self._turn += 1
        turn = self._turn
        answer = await self._ask_to_fix(failed, rounds, mode, generation, applied=applied)
        if answer is None or generation != self._generation:
            return
        if answer.proposals and self.proposals.is_open(proposal_id):
            self.proposals.reject(proposal_id, "A corrected one follows.", by="model")
        await self._work_through(answer, mode, generation, turn, rounds=rounds)

    async def _work_through(
        self, answer: Answer, mode: Mode, generation: int, turn: int, *, rounds: FixRounds | None = None
    ) -> None:
        """Review what an answer proposes; while that fails, have the model mend it."""
        rounds = rounds or FixRounds()
        following: Answer | None = answer
        while following is not None and generation == self._generation:
            # Nothing is changed before the artist agrees to a plan, whatever was agreed to before.
            failed = await self._review_all(following.proposals, generation, by_itself=mode != "plan")
            if failed is None or not self._auto_fix or self.is_busy or turn != self._turn:
                return
            number, found = failed
            if not rounds.begin(found):
                self._emit(NoticeArrived("fix", rounds.ending))
                return
            following = await self._ask_to_fix(found, rounds, mode, generation)
            replaces = following is not None and generation == self._generation and following.proposals
            if replaces and self.proposals.is_open(number):
                self.proposals.reject(number, "A corrected one follows.", by="model")

    async def _ask_to_fix(
        self, failed: Review, rounds: FixRounds, mode: Mode, generation: int, *, applied: Applied | None = None
    ) -> Answer | None:
        detail = (last_line(applied.result.error) if applied is not None else "") or failed.summary()
        with self._occupied():
            self._emit(RoundBegan(rounds.number, rounds.limit, "fix", detail))
            asked = fix_request(failed, self.host, applied=applied)
            # The corrected script is one answer: tools, and a plan, were for the work itself.
            return await self._answer(
                asked, "generate" if mode in ("plan", "act") else mode, generation, is_fix=True, title=failed.proposal.title
            )

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
        """Stop the answer that is on its way, or else the review of what was proposed; False when there is neither.

        A ``CheckStopped`` event tells what a stopped review has left, for :meth:`check_again`.
        """
        if self._answering is not None:
            self._answering.cancel()
            return True
        return self._checks.stop()

    async def _answer(self, text: str, mode: Mode, generation: int, *, is_fix: bool = False, title: str = "") -> Answer | None:
        asking = Asking(
            self.host,
            self._history,
            self.proposals,
            self._servers,
            self._toolbox,
            lambda: self.limits,
            settings=self._take_settings,
            emit=self._emit,
            is_wanted=lambda: generation == self._generation,
            context_without=self.context_without,
        )
        return await asking.ask(text, mode, title=title or _title_of(text), target=self._target, is_fix=is_fix)

    async def _take_settings(self) -> Settings:
        settings = await self._load_settings()
        self._auto_fix = settings.auto_fix
        self.limits = Limits.of(settings, self._settings_store.fixed_by)
        self.context_budget = settings.script_tokens
        await self._read_policy(settings)
        return settings

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

    async def list_models(self, only: str = "") -> list[ModelChoice]:
        """Return the models of every enabled provider, or `only` of one, live; one that fails is an entry with ``error``."""
        return await self._servers.list_models(await self._load_settings(), only)

    async def server(self, settings: Settings, name: str) -> Server:
        """Return the server of provider `name` with its address and key.

        Raises:
            ValidationError: "local only" is on and the address is not on this machine.
            CredentialError: the keyring did not answer.
        """
        return await self._servers.server(settings, name)

    async def aclose(self) -> None:
        """Stop the answer, and what is reviewed or compared, and close every connection."""
        own = (self._answering, *self._checks.tasks, *self.proposals.comparing)
        tasks = {task for task in own if task is not None} - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)
        release()
        await self._servers.aclose()

    async def _load_settings(self) -> Settings:
        return await asyncio.get_running_loop().run_in_executor(None, self._settings_store.load)

    # proposals

    async def _review_all(
        self, proposals: list[ScriptProposal], generation: int, *, by_itself: bool = True
    ) -> tuple[int, Review] | None:
        """Review `proposals` in their order and return the first that failed; run those that were agreed to beforehand."""
        left = list(proposals)
        with self._checks.at_work(left, lambda: generation == self._generation):
            return await self._review_each(left, generation, by_itself=by_itself)

    async def _review_each(
        self, left: list[ScriptProposal], generation: int, *, by_itself: bool = True
    ) -> tuple[int, Review] | None:
        """Do what :meth:`_review_all` does, and take from `left` what is done."""
        failed: tuple[int, Review] | None = None
        while left:
            proposal = left[0]
            reviewed = await self.proposals.review(proposal, lambda: generation == self._generation)
            if reviewed is None:
                return None
            del left[0]
            if by_itself:
                self.proposals.follow_consent(reviewed[0])
                # The next one may build on what this one makes.
                await asyncio.sleep(0)
            if failed is None and self.proposals.is_open(reviewed[0]) and not reviewed[1].is_sound and not proposal.doubt:
                failed = reviewed
        return failed

    async def propose(self, proposal: ScriptProposal) -> None:
        """Review a script that the artist took from the conversation, or wrote; a ``ProposalReviewed`` event follows.

        Raises:
            SettingsError: the settings, which say what the studio forbids, cannot be read.
        """
        generation = self._generation
        left = [proposal]
        with self._checks.at_work(left, lambda: generation == self._generation):
            await self._take_settings()
            if generation == self._generation:
                await self._review_each(left, generation)

    async def revise(self, proposal_id: int, code: str) -> None:
        """Review a proposal anew with the code as the artist has edited it; it takes the place of the former one.

        Raises:
            ProposalError: there is no such proposal in this conversation.
            SettingsError: the settings, which say what the studio forbids, cannot be read.
        """
        generation = self._generation
        left = [dataclasses.replace(self.proposals.find(proposal_id).proposal, code=code, doubt="")]
        with self._checks.at_work(left, lambda: generation == self._generation, revises=proposal_id):
            await self._take_settings()
            await self.proposals.revise(proposal_id, code, lambda: generation == self._generation)
            left.clear()

    async def check_again(self, check_id: int) -> None:
        """Review what a stopped check has left, and ask about each, also about the like of what was agreed to beforehand.

        Raises:
            ProposalError: it was taken up already, or a new conversation was begun.
            SettingsError: the settings, which say what the studio forbids, cannot be read; it can be taken up later.
        """
        generation = self._generation
        revises = self._checks.find(check_id).revises
        left: list[ScriptProposal] = []
        with self._checks.at_work(left, lambda: generation == self._generation, revises=revises):
            await self._take_settings()
            left.extend(self._checks.take_up(check_id).proposals)
            if revises is None:
                await self._review_each(left, generation, by_itself=False)
            else:
                await self.proposals.revise(revises, left[0].code, lambda: generation == self._generation)
                left.clear()

    def apply(self, proposal_id: int, scope: Scope = "once") -> Applied:
        """Run a reviewed proposal in the host as one undo step, because the artist said so. Main thread, outside any task.

        With the scope ``"conversation"`` what does no more than this one runs from now on without a question.

        Raises:
            ProposalError: it was decided on already.
            HostError: the host cannot be read or does not run scripts; nothing has run.
        """
        return self.proposals.apply(proposal_id, scope)

    def run(self, proposal_id: int, scope: Scope = "once", *, loop: asyncio.AbstractEventLoop) -> Applied:
        """Run a reviewed proposal as :meth:`apply` does, without comparing a large script on the main thread.

        Where ``is_compared`` is false in what it returns, a ``ProposalCompared`` event follows, from a task of `loop`.

        Raises: as :meth:`apply`.
        """
        return self.proposals.run(proposal_id, scope, loop=loop)

    # records

    def checkpoints(self) -> list[Checkpoint]:
        """Return the scripts that were kept in this conversation before changes, the oldest first. Reads files."""
        return self.proposals.checkpoints()

    def restore(self, checkpoint_id: str) -> RunResult:
        """Bring the script back to a checkpoint, as one undo step. Main thread, outside any task.

        Raises:
            ProposalError: no such checkpoint, it cannot be read, or a script is running.
            HostError: the host refuses.
        """
        return self.proposals.restore(checkpoint_id)

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
        """Begin a new conversation; an answer on its way and what is reviewed are stopped."""
        if self._answering is not None:
            self._answering.cancel()
        self._checks.clear()
        self._answering = None
        self._generation += 1
        self._turn += 1
        self._history = History()
        self.proposals.clear()
        self.proposals.records = self._new_records()
        self._last_prompt = None
        self._emit(SessionCleared())


def _title_of(prompt: str) -> str:
    """Return a name for the undo step: the first line of the request, cut to what an Edit menu shows."""
    first = next(iter(prompt.strip().splitlines()), "script")
    return "AI: " + (first if len(first) <= 60 else first[:57] + "...")

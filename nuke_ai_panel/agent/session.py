"""One conversation: a prompt goes out, events come back, proposals are reviewed, and what the artist agrees to is applied.

A session belongs to one event loop, and that loop runs on the host's main thread (in Qt hosts: the host loop), because the
context is read from the host and listeners are called directly. It draws nothing and knows no widget.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from nuke_ai_panel.agent.context import Context, describe
from nuke_ai_panel.agent.prompts import Mode, system_prompt
from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFailed,
    AnswerFinished,
    AnswerStarted,
    ModelIsLoading,
    NoticeArrived,
    PromptAdded,
    ProposalApplied,
    ProposalReviewed,
    ReasoningArrived,
    SessionCleared,
    SessionEvent,
    TextArrived,
)
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.errors import (
    CredentialError,
    HostError,
    NukeAIPanelError,
    ProposalError,
    StreamInterruptedError,
    ValidationError,
)
from nuke_ai_panel.hosts.base import Host
from nuke_ai_panel.messages import (
    ChatRequest,
    Finished,
    Message,
    ModelInfo,
    ModelLoading,
    Notice,
    ReasoningDelta,
    StreamStarted,
    TextDelta,
)
from nuke_ai_panel.providers import registry
from nuke_ai_panel.providers.base import Provider, Server
from nuke_ai_panel.scripting.applying import Applied, apply
from nuke_ai_panel.scripting.finding import find_proposals
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.reviewing import review
from nuke_ai_panel.settings import Settings, SettingsStore

__all__ = ["ChatSession", "ModelChoice"]

_log = logging.getLogger(__name__)

#: Seconds a keyring may take; a locked one on a desktop waits for the person at the screen.
_KEY_DEADLINE = 60.0


@dataclass(frozen=True)
class ModelChoice:
    """A model that can be picked. ``name`` is "" and ``error`` says why where a provider did not answer."""

    provider: str
    title: str
    name: str = ""
    detail: str = ""
    error: str = ""


class ChatSession:
    """A conversation about the script in `host`.

    All methods are called on the main thread. ``send``, ``retry`` and ``list_models`` are coroutines of one loop; one answer
    runs at a time. Listeners get :data:`~nuke_ai_panel.agent.session_events.SessionEvent` values in order, on the main thread.
    """

    def __init__(self, host: Host, settings: SettingsStore, credentials: Credentials) -> None:
        self.host = host
        self.provider = ""
        self.model = ""
        self._settings_store = settings
        self._credentials = credentials
        self._listeners: list[Callable[[SessionEvent], None]] = []
        self._messages: list[Message] = []
        self._notes: list[str] = []
        self._proposals: dict[int, ScriptProposal] = {}
        self._decided: set[int] = set()
        self._next_proposal = 1
        self._answering: asyncio.Task[object] | None = None
        self._last_prompt: tuple[str, Mode] | None = None
        self._providers: dict[tuple[str, Server], Provider] = {}
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
        """Return one line on what the model would be told of the script now."""
        return self._context().line

    def _context(self) -> Context:
        """Describe the script; where the host does not let us read it (a non-commercial Nuke), the question goes without."""
        try:
            return describe(self.host)
        except HostError as error:
            _log.info("The script cannot be described: %s", error)
            return Context(
                text=f"<script-data>\nThe script cannot be read here: {error}\n</script-data>", line=f"No script: {error}"
            )

    async def send(self, text: str, *, mode: Mode = "ask") -> None:
        """Ask `text`; events tell the rest. Failures of the answer are an ``AnswerFailed`` event, not an exception.

        Cancelling the task, or :meth:`cancel`, stops the answer and keeps what came.

        Raises:
            ValidationError: empty text, or an answer is still on its way.
        """
        text = text.strip()
        if not text:
            raise ValidationError("Write a message first.")
        if self.is_busy:
            raise ValidationError("An answer is still on its way. Stop it first, or wait for its end.")
        own_task = asyncio.current_task()
        self._answering = own_task
        generation = self._generation
        self._last_prompt = (text, mode)
        finished: AnswerFinished | None = None
        try:
            finished = await self._answer(text, mode, generation)
        finally:
            # After clear() another prompt may be on its way already, and the mark is that one's.
            if self._answering is own_task:
                self._answering = None
        if finished is None or generation != self._generation:
            return
        await self._review_all(find_proposals(finished.text, title=_title_of(text)), generation)

    async def retry(self) -> None:
        """Ask the last prompt again; what its failed or unwanted answer left is dropped from the conversation.

        Raises:
            ValidationError: nothing was asked yet, or an answer is still on its way.
        """
        if self._last_prompt is None:
            raise ValidationError("There is nothing to ask again yet.")
        if self.is_busy:
            raise ValidationError("An answer is still on its way. Stop it first, or wait for its end.")
        while self._messages and self._messages[-1].role != "user":
            self._messages.pop()
        if self._messages:
            self._messages.pop()
        text, mode = self._last_prompt
        await self.send(text, mode=mode)

    def cancel(self) -> bool:
        """Stop the answer that is on its way; False when there is none."""
        if self._answering is None:
            return False
        self._answering.cancel()
        return True

    async def _answer(self, text: str, mode: Mode, generation: int) -> AnswerFinished | None:
        parts: list[str] = []
        try:
            context = self._context()
            self._emit(PromptAdded(text, context.line))
            settings = await self._load_settings()
            provider, model = await self._pick(settings)
            request = self._request(text, mode, context, model)
            self._messages.append(Message("user", text))
            self._emit(AnswerStarted(model))
            finished = await self._read(provider, request, parts, generation)
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
        self._notes.clear()
        event = AnswerFinished(answer, finished.model or model, finished.usage, len(find_proposals(answer)), finished.reason)
        self._emit(event)
        return event

    async def _read(self, provider: Provider, request: ChatRequest, parts: list[str], generation: int) -> Finished:
        finished: Finished | None = None
        async for event in provider.stream(request):
            if generation != self._generation:
                # Events that are decoded already come without a pause in which the cancellation could arrive.
                raise asyncio.CancelledError
            if isinstance(event, TextDelta):
                parts.append(event.text)
                self._emit(TextArrived(event.text))
            elif isinstance(event, ReasoningDelta):
                self._emit(ReasoningArrived(event.text))
            elif isinstance(event, ModelLoading):
                self._emit(ModelIsLoading(event.seconds))
            elif isinstance(event, Notice):
                self._emit(NoticeArrived(event.kind, event.text))
            elif isinstance(event, Finished):
                finished = event
            elif isinstance(event, StreamStarted):
                _log.debug("%s answers as %s", provider.name, event.model)
        if finished is None:
            raise StreamInterruptedError(
                "The answer ended early.", provider=provider.name, partial_text="".join(parts), next_step="Ask again."
            )
        return finished

    def _keep(self, prompt: str, parts: list[str]) -> str:
        """Keep an unfinished answer in the conversation, so that nothing the artist has read is lost."""
        if not self._messages or self._messages[-1] != Message("user", prompt):
            self._messages.append(Message("user", prompt))
        partial = "".join(parts)
        if partial:
            self._messages.append(Message("assistant", partial))
        return partial

    def _request(self, text: str, mode: Mode, context: Context, model: str) -> ChatRequest:
        notes = "".join(f"\n[{note}]" for note in self._notes)
        question = f"{context.text}{notes}\n\n{text}"
        return ChatRequest(
            model=model,
            messages=(Message("system", system_prompt(mode)), *self._messages, Message("user", question)),
        )

    # servers and models

    def select_model(self, provider: str, model: str) -> None:
        """Use `model` of `provider` from the next prompt on."""
        self.provider, self.model = provider, model

    async def list_models(self) -> list[ModelChoice]:
        """Return the models of every enabled provider, live; a provider that fails is one entry with ``error``."""
        settings = await self._load_settings()
        names = [name for name in registry.PROVIDERS if settings.server(name).enabled]
        lists = await asyncio.gather(*(self._models_of(settings, name) for name in names))
        return [choice for choices in lists for choice in choices]

    async def aclose(self) -> None:
        """Stop the answer and close every connection."""
        self.cancel()
        providers, self._providers = list(self._providers.values()), {}
        for provider in providers:
            await provider.aclose()

    async def server(self, settings: Settings, name: str) -> Server:
        """Return the server of provider `name` with its address and key.

        Raises:
            ValidationError: "local only" is on and the address is not on this machine.
            CredentialError: the keyring did not answer.
        """
        address = settings.address(name)
        loop = asyncio.get_running_loop()
        try:
            key = await asyncio.wait_for(loop.run_in_executor(None, self._credentials.read, name), _KEY_DEADLINE)
        except asyncio.TimeoutError:
            raise CredentialError("The keyring did not answer. Unlock it, then ask again.") from None
        return Server(base_url=address, key=key.value, ca_file=settings.server(name).ca_file)

    async def _load_settings(self) -> Settings:
        return await asyncio.get_running_loop().run_in_executor(None, self._settings_store.load)

    async def _provider(self, settings: Settings, name: str) -> Provider:
        server = await self.server(settings, name)
        known = self._providers.get((name, server))
        if known is None:
            known = self._providers[(name, server)] = registry.create(name, server)
        return known

    async def _models_of(self, settings: Settings, name: str) -> list[ModelChoice]:
        title = registry.PROVIDERS[name].title
        try:
            provider = await self._provider(settings, name)
            if provider.needs_key and not provider.server.key:
                return [ModelChoice(name, title, error=f"{title} needs a key. Add it in Settings.")]
            models = await provider.list_models()
        except NukeAIPanelError as error:
            return [ModelChoice(name, title, error=str(error))]
        if not models:
            return [ModelChoice(name, title, error=f"{title} answers but has no model. Pull or load one first.")]
        return [ModelChoice(name, title, name=model.name, detail=_detail(model)) for model in models]

    async def _pick(self, settings: Settings) -> tuple[Provider, str]:
        """Return the provider and model to ask: the picked ones, the configured ones, or the first that answers."""
        name = self.provider or settings.provider
        model = self.model or (settings.model if name in ("", settings.provider) else "")
        if name and name not in registry.PROVIDERS:
            raise ValidationError(f"There is no provider {name!r}. Known: {', '.join(registry.PROVIDERS)}.")
        if name and model:
            self.provider, self.model = name, model
            return await self._provider(settings, name), model
        names = [name] if name else [each for each in registry.PROVIDERS if settings.server(each).enabled]
        problems: list[str] = []
        for each in names:
            for choice in await self._models_of(settings, each):
                if choice.name:
                    self.provider, self.model = each, model or choice.name
                    return await self._provider(settings, each), self.model
                problems.append(choice.error)
        raise ValidationError("No model is reachable. " + " ".join(problems))

    # proposals

    async def _review_all(self, proposals: list[ScriptProposal], generation: int) -> None:
        for proposal in proposals:
            number = self._next_proposal
            self._next_proposal += 1
            try:
                found = await review(proposal, self.host.snapshot())
            except NukeAIPanelError as error:
                found = Review(proposal, unknown=f"What it changes is not known before it runs: {error}")
            if generation != self._generation:
                return
            self._proposals[number] = proposal
            self._emit(ProposalReviewed(number, found))

    async def propose(self, proposal: ScriptProposal) -> None:
        """Review a script that the artist took from the conversation by hand; a ``ProposalReviewed`` event follows."""
        await self._review_all([proposal], self._generation)

    def apply(self, proposal_id: int) -> Applied:
        """Run a reviewed proposal in the host as one undo step, because the artist said so. Main thread, outside any task.

        Raises:
            ProposalError: no such proposal, or it was rejected.
        """
        proposal = self._proposals.get(proposal_id)
        if proposal is None or proposal_id in self._decided:
            raise ProposalError("This script was already decided on. Ask again for a new one.")
        applied = apply(proposal, self.host)
        if applied.result.ok:
            self._decided.add(proposal_id)
            self._notes.append(f"The artist ran the script: {applied.diff.summary()}.")
        else:
            last = applied.result.error.strip().splitlines()[-1]
            self._notes.append(f"The artist ran the script; it failed and was rolled back: {last}")
        self._emit(ProposalApplied(proposal_id, applied))
        return applied

    def reject(self, proposal_id: int, reason: str = "") -> None:
        """Do not run a proposal; `reason` reaches the model with the next prompt."""
        self._decided.add(proposal_id)
        self._notes.append("The artist rejected the script" + (f": {reason}" if reason else "."))

    def clear(self) -> None:
        """Begin a new conversation; an answer on its way is stopped."""
        self.cancel()
        self._answering = None
        self._generation += 1
        self._messages.clear()
        self._notes.clear()
        self._proposals.clear()
        self._decided.clear()
        self._last_prompt = None
        self._emit(SessionCleared())


def _title_of(prompt: str) -> str:
    """Return a name for the undo step: the first line of the request, cut to what an Edit menu shows."""
    first = prompt.strip().splitlines()[0]
    return "AI: " + (first if len(first) <= 60 else first[:57] + "...")


def _detail(model: ModelInfo) -> str:
    parts: list[str] = []
    if model.size:
        parts.append(f"{model.size / 1e9:.1f} GB")
    if model.context_length:
        parts.append(
            f"{model.context_length // 1024}k context" if model.context_length >= 1024 else f"{model.context_length} context"
        )
    if model.prompt_price is not None and model.completion_price is not None:
        free = model.prompt_price == 0 and model.completion_price == 0
        parts.append("free" if free else f"${model.prompt_price:g} / ${model.completion_price:g} per M tokens")
    return ", ".join(parts)

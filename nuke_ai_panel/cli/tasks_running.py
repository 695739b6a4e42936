"""One task from its prompt to the checked script, by the way every prompt of an artist goes.

The recorded answer comes from a server on loopback; provider, stream, session, review, consent and apply are the real ones.
What stands in for a person is the consent, and it is given only to what an artist would agree to without a second look.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nuke_ai_panel import nk
from nuke_ai_panel.agent.session import ChatSession
from nuke_ai_panel.agent.session_events import AnswerFailed, AnswerFinished, ProposalReviewed, SessionEvent
from nuke_ai_panel.cli.demo_server import MODEL, DemoServer
from nuke_ai_panel.cli.tasks_checks import CheckResult, run_checks
from nuke_ai_panel.cli.tasks_files import Answer, Catch, Setup, Task
from nuke_ai_panel.cli.tasks_outcome import Outcome
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.errors import NukeAIPanelError, ProposalError
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.scripting.applying import Applied
from nuke_ai_panel.scripting.effects import BEYOND_UNDO
from nuke_ai_panel.scripting.finding import find_proposals
from nuke_ai_panel.scripting.kinds import kind_info
from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.surroundings import Surroundings
from nuke_ai_panel.settings import SettingsStore

__all__ = ["AnswerServer", "TaskRun", "check_only", "run_task", "script_of"]

#: How the rules of findings begin that speak of a name.
ABOUT_NAMES = ("unknown-", "host-version", "python-version", "obsolete")
_VERSION = re.compile(rb"^version [^\r\n]*", re.MULTILINE)
_NO_ANSWER = "No further answer was recorded for this task."


class AnswerServer(DemoServer):
    """Serves recorded answers as an Ollama server: one after the other, whatever is asked."""

    def __init__(self) -> None:
        super().__init__(pause=0.0, answer=lambda prompt: self._next())
        self.waiting: list[str] = []

    def _next(self) -> str:
        return self.waiting.pop(0) if self.waiting else _NO_ANSWER


@dataclass
class TaskRun:
    """How far an answer got. ``refusals`` say why a proposal was not agreed to, ``failures`` what broke on the way."""

    task: Task
    answer: Answer
    reviews: list[Review] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    asked_first: bool = True
    reply: str = ""
    script: bytes = b""
    seconds: float = 0.0

    @property
    def false_alarms(self) -> list[str]:
        """What was said against the proposals although the answer is right."""
        if self.answer.kind != "right":
            return []
        return [problem for review in self.reviews for problem in review.problems]

    @property
    def doubts(self) -> list[str]:
        """The warnings of preflight about names, on a right answer."""
        if self.answer.kind != "right":
            return []
        return [
            str(found)
            for review in self.reviews
            for found in review.findings
            if found.severity == "warning" and found.rule.startswith(ABOUT_NAMES)
        ]

    @property
    def missed(self) -> list[Catch]:
        """What the front matter names and nothing noticed."""
        return [catch for catch in self.answer.catches if not self.has_caught(catch)]

    def has_caught(self, catch: Catch) -> bool:
        """Return whether it was noticed where the front matter says so."""
        if catch.stage == "no proposal":
            return not any(review.can_run for review in self.reviews)
        if catch.stage == "preflight":
            return any(_is_about(review, catch) for review in self.reviews)
        if catch.stage == "effect":
            return any(effect.kind == catch.what for review in self.reviews for effect in review.effects)
        if catch.stage == "dry run":
            return any(
                catch.what in text for review in self.reviews for text in (review.error, review.unknown, *review.notes) if text
            )
        if catch.stage == "reply":
            return catch.what in self.reply
        return any(not check.ok and (not catch.what or check.name == catch.what) for check in self.checks)

    @property
    def reasons(self) -> list[str]:
        """Why it did not go as expected; none when it did."""
        said = [f"failed: {failure}" for failure in self.failures]
        if self.answer.kind == "right":
            said += [f"false alarm: {problem}" for problem in self.false_alarms]
            said += [f"not agreed to: {refusal}" for refusal in self.refusals]
            said += [f"dry run: {review.error.strip().splitlines()[-1]}" for review in self.reviews if review.error]
            said += [f"run: {each.result.error.strip().splitlines()[-1]}" for each in self.applied if each.result.error]
            said += [f"{check.name}: {check.reason}" for check in self.checks if not check.ok]
        else:
            said += [f"not noticed: {catch}" for catch in self.missed]
        return said

    @property
    def as_expected(self) -> bool:
        """Whether a right answer did all that was asked, or another was seen through."""
        return not self.reasons


def _is_about(review: Review, catch: Catch) -> bool:
    return any(
        found.rule == catch.rule and found.severity != "note" and _is_name(found.name, catch.name) for found in review.findings
    )


def _is_name(found: str, wanted: str) -> bool:
    """Return whether a finding is about a name: ``Node.rename`` is about ``rename``, ``Blur3.size`` about ``Blur3``."""
    return not wanted or found == wanted or found.endswith(f".{wanted}") or found.startswith(f"{wanted}.")


def script_of(task: Task, answer: Answer, setup: Setup, folder: Path) -> bytes:
    """Return the script that an answer is tried on: the fixture, made ready in `folder`. Raises: OSError."""
    script = setup.make(task.fixture.read_bytes(), folder)
    return _VERSION.sub(b"version " + answer.nuke.encode(), script, count=1) if answer.nuke else script


def _select(document: nk.Document, names: Sequence[str]) -> None:
    for node in document.nodes():
        document.select(node, node.name in names)


def check_only(task: Task, answer: Answer, setup: Setup) -> TaskRun:
    """Find the proposals of an answer and read them, without a server, a process or a run."""
    run = TaskRun(task, answer)
    with tempfile.TemporaryDirectory(prefix="nuke-ai-panel-task-") as place:
        document = nk.loads(script_of(task, answer, setup, Path(place)))
        _select(document, task.selection)
        for turn, request in zip(answer.turns, task.turns):
            run.reply += turn
            for proposal in find_proposals(turn, title=request):
                found = preflight(proposal, Surroundings.of(document.to_bytes(with_selection=True)))
                run.reviews.append(Review(proposal, found.findings, found.effects))
    return run


def run_task(task: Task, answer: Answer, setup: Setup, server: AnswerServer) -> TaskRun:
    """Run one answer to its end; nothing that goes wrong on the way is raised but a broken task."""
    began = time.monotonic()
    run = TaskRun(task, answer)
    with tempfile.TemporaryDirectory(prefix="nuke-ai-panel-task-") as place:
        folder = Path(place)
        before = script_of(task, answer, setup, folder)
        path = folder / task.fixture.name
        path.write_bytes(before)
        host = DocumentHost.open(path)
        _select(host.document, task.selection)
        steps = _converse(run, host, server, folder)
        run.script = host.document.to_bytes()
        undone = None
        if steps:
            host.undo()
            undone = host.document.to_bytes()
    run.checks = run_checks(
        task.checks,
        Outcome(before, run.script, nk.loads(before), nk.loads(run.script), run.reply, undone, run.asked_first),
    )
    run.seconds = time.monotonic() - began
    return run


def _converse(run: TaskRun, host: DocumentHost, server: AnswerServer, folder: Path) -> int:
    """Ask every turn and apply what is agreed to; return the number of undo steps that went in."""
    settings = SettingsStore(
        folder / "settings.json",
        environ={"NUKE_AI_PANEL_CONFIG_DIR": str(folder)},
        overrides={"servers.ollama.base_url": server.url, "auto_fix": False},
    )
    # With a key at hand the keyring of whoever runs this is not asked; it goes to the server on loopback only.
    session = ChatSession(host, settings, Credentials(environ={"OLLAMA_API_KEY": "none"}))
    session.select_model("ollama", MODEL)
    server.waiting = list(run.answer.turns)
    reviewed: dict[int, Review] = {}

    def listen(event: SessionEvent) -> None:
        if isinstance(event, AnswerFinished):
            run.reply += event.text + "\n"
        elif isinstance(event, AnswerFailed):
            run.failures.append(str(event.error))
        elif isinstance(event, ProposalReviewed):
            reviewed[event.proposal_id] = event.review

    session.subscribe(listen)
    steps = 0
    for request in run.task.turns:
        reviewed.clear()
        before = host.document.to_bytes()
        asyncio.run(_ask(session, request))
        run.asked_first = run.asked_first and host.document.to_bytes() == before
        for number, review in reviewed.items():
            run.reviews.append(review)
            before = host.document.to_bytes()
            _consent(run, session, number, review)
            steps += host.document.to_bytes() != before
    return steps


async def _ask(session: ChatSession, request: str) -> None:
    try:
        await session.send(request, mode="generate")
    finally:
        await session.aclose()


def _consent(run: TaskRun, session: ChatSession, number: int, review: Review) -> None:
    if not kind_info(review.proposal.kind).runs:
        # A tool for the menu is saved, not run.
        return
    refusal = _refusal(review)
    if refusal:
        run.refusals.append(refusal)
        session.reject(number, refusal)
        return
    try:
        applied = session.apply(number)
    except (NukeAIPanelError, ProposalError) as error:
        run.failures.append(str(error))
        return
    run.applied.append(applied)
    run.reply += applied.result.output


def _refusal(review: Review) -> str:
    if not review.is_sound:
        return review.summary()
    dangerous = [str(effect) for effect in review.effects if effect.kind in BEYOND_UNDO]
    if dangerous:
        return dangerous[0]
    if review.diff is None:
        # Nobody is here to read the code, and it would run in this very process.
        return review.unknown or "What it changes is not known before it runs."
    return review.notes[0] if review.notes else ""

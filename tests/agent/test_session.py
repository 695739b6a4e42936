from __future__ import annotations

import asyncio

import pytest

from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFailed,
    AnswerFinished,
    AnswerStarted,
    NoticeArrived,
    PromptAdded,
    ProposalApplied,
    ProposalReviewed,
    SessionCleared,
    TextArrived,
)
from nuke_ai_panel.cli.demo_server import DemoServer
from nuke_ai_panel.errors import ConnectionFailedError, HostError, ProposalError, ValidationError
from nuke_ai_panel.hosts.document_host import DocumentHost

CLOSED_PORT = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def server():
    with DemoServer() as running:
        yield running


@pytest.fixture
def conversation(begin, server):
    return begin(server.url)


def test_send_streams_an_answer_and_reviews_its_script_without_touching_the_host(conversation):
    before = conversation.host.snapshot()
    conversation.run(lambda: conversation.session.send("Add a blur after the selected node"))
    kinds = [type(event) for event in conversation.events]
    assert kinds[:4] == [PromptAdded, AnswerStarted, NoticeArrived, TextArrived]
    assert "tokens" in conversation.of(NoticeArrived)[0].text
    assert "".join(event.text for event in conversation.of(TextArrived)) == conversation.of(AnswerFinished)[0].text
    (reviewed,) = conversation.of(ProposalReviewed)
    assert [node.class_name for node in reviewed.review.diff.added] == ["Blur"]
    assert reviewed.review.summary().startswith("Creates 1 node")
    assert conversation.host.snapshot() == before


def test_apply_changes_the_host_once_and_undo_takes_it_back(conversation):
    session, host = conversation.session, conversation.host
    before = host.snapshot()
    conversation.run(lambda: session.send("Add a blur after the selected node"))
    number = conversation.of(ProposalReviewed)[0].proposal_id
    applied = session.apply(number)
    assert applied.result.ok
    assert applied.diff == conversation.of(ProposalReviewed)[0].review.diff
    assert conversation.of(ProposalApplied)[0].applied == applied
    with pytest.raises(ProposalError):
        session.apply(number)
    assert host.undo()
    assert host.snapshot() == before


def test_a_rejected_proposal_cannot_be_applied(conversation):
    conversation.run(lambda: conversation.session.send("Add a blur after the selected node"))
    number = conversation.of(ProposalReviewed)[0].proposal_id
    conversation.session.reject(number, "too soft")
    with pytest.raises(ProposalError):
        conversation.session.apply(number)


def test_cancel_keeps_what_came_and_the_next_prompt_works(conversation):
    session = conversation.session

    async def work() -> None:
        session.subscribe(lambda event: session.cancel() if isinstance(event, TextArrived) else None)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.ensure_future(session.send("Add a blur after the selected node"))
        assert not session.is_busy

    conversation.run(work)
    (cancelled,) = conversation.of(AnswerCancelled)
    assert cancelled.partial_text
    assert [message.role for message in session.messages] == ["user", "assistant"]
    assert not conversation.of(ProposalReviewed)


def test_a_failed_answer_is_an_event_and_retry_asks_again(begin, server):
    conversation = begin(CLOSED_PORT)
    session = conversation.session
    session.select_model("ollama", "demo")

    async def work() -> None:
        await session.send("Add a blur after the selected node")
        conversation.store.save({"servers.ollama.base_url": server.url})
        await session.retry()

    conversation.run(work)
    (failed,) = conversation.of(AnswerFailed)
    assert isinstance(failed.error, ConnectionFailedError)
    assert "port 9" in str(failed.error)
    assert len(conversation.of(AnswerFinished)) == 1
    assert [message.role for message in session.messages] == ["user", "assistant"]


def test_no_reachable_model_says_what_was_tried(begin):
    conversation = begin(CLOSED_PORT)
    conversation.run(lambda: conversation.session.send("hello"))
    assert "No model is reachable" in str(conversation.of(AnswerFailed)[0].error)


def test_local_only_refuses_an_address_that_is_not_on_this_machine(begin):
    conversation = begin("http://gpu.studio.example:11434", environ={"NUKE_AI_PANEL_LOCAL_ONLY": "1"})
    conversation.session.select_model("ollama", "demo")
    conversation.run(lambda: conversation.session.send("hello"))
    assert "Local only" in str(conversation.of(AnswerFailed)[0].error)


def test_send_refuses_empty_text_and_a_second_question(conversation):
    session = conversation.session

    async def work() -> None:
        with pytest.raises(ValidationError):
            await session.send("  \n")
        first = asyncio.ensure_future(session.send("hello"))
        await asyncio.sleep(0)
        with pytest.raises(ValidationError, match="still on its way"):
            await session.send("again")
        await first

    conversation.run(work)


def test_clear_stops_the_answer_and_forgets_the_conversation(conversation):
    session = conversation.session

    async def work() -> None:
        session.subscribe(lambda event: session.clear() if isinstance(event, TextArrived) else None)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.ensure_future(session.send("hello"))

    conversation.run(work)
    assert conversation.of(SessionCleared)
    assert session.messages == ()


class UnreadableHost(DocumentHost):
    """A host that lets nobody read its script, like a non-commercial Nuke."""

    def class_counts(self):
        raise HostError("This Nuke gives Python ten nodes only.")


def test_a_host_that_cannot_be_read_is_asked_without_its_script(conversation):
    conversation.session.host = UnreadableHost(conversation.host.document)
    conversation.run(lambda: conversation.session.send("hello"))
    assert conversation.of(AnswerFinished)
    assert "ten nodes only" in conversation.session.context_line()


def test_list_models_reports_each_provider(conversation):
    found = []

    async def work() -> None:
        found.extend(await conversation.session.list_models())

    conversation.run(work)
    assert [(choice.provider, choice.name) for choice in found] == [("ollama", "demo")]

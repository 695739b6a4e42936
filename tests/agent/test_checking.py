"""Stopping the check of proposals: what was not looked at is told, kept, and checked when it is asked for."""

from __future__ import annotations

import asyncio

import pytest

from nuke_ai_panel.agent.session_events import (
    AnswerFinished,
    CheckResumed,
    CheckStopped,
    PromptAdded,
    ProposalApplied,
    ProposalRejected,
    ProposalReviewed,
)
from nuke_ai_panel.errors import ProposalError, SettingsError
from nuke_ai_panel.scripting.proposal import ScriptProposal


def block(code: str) -> str:
    return f"```python\nimport nuke\n{code}\n```\n"


def white(value: float) -> str:
    return block(f"nuke.toNode('Grade1')['white'].setValue({value})")


async def ended(work) -> None:
    """Wait for a task that may have been cancelled."""
    await asyncio.wait({asyncio.ensure_future(work)}, timeout=50)


@pytest.fixture
def stopped(converse):
    """A conversation whose answer proposes two scripts, stopped before either was checked."""
    talk = converse(white(2) + "\nor\n\n" + white(3), "Hello.")
    talk.soon_on(AnswerFinished, lambda event: talk.session.cancel())
    talk.run(lambda: ended(talk.session.send("Brighter")))
    return talk


def test_a_stop_tells_what_was_not_checked(stopped):
    (event,) = stopped.of(CheckStopped)
    assert ["setValue(2)" in event.proposals[0].code, "setValue(3)" in event.proposals[1].code] == [True, True]
    assert event.revises is None
    assert not stopped.of(ProposalReviewed)
    assert not stopped.session.is_checking


def test_what_was_checked_before_the_stop_is_not_told(converse):
    talk = converse(white(2) + "\nor\n\n" + white(3))
    talk.on(ProposalReviewed, lambda event: talk.session.cancel())
    talk.run(lambda: ended(talk.session.send("Brighter")))
    (event,) = talk.of(CheckStopped)
    assert len(talk.of(ProposalReviewed)) == 1
    assert ["setValue(3)" in each.code for each in event.proposals] == [True]


def test_it_can_be_checked_again_once(stopped):
    async def work() -> None:
        await stopped.session.check_again(1)
        with pytest.raises(ProposalError, match="already"):
            await stopped.session.check_again(1)

    stopped.run(work)
    order = [type(event) for event in stopped.events if isinstance(event, (CheckResumed, ProposalReviewed))]
    assert order == [CheckResumed, ProposalReviewed, ProposalReviewed]
    assert stopped.session.apply(stopped.of(ProposalReviewed)[0].proposal_id).result.ok
    assert stopped.host.node("Grade1").knobs["white"] == "2"


def test_it_can_be_stopped_again(stopped):
    stopped.soon_on(CheckResumed, lambda event: stopped.session.cancel())
    stopped.run(lambda: ended(stopped.session.check_again(1)))
    first, second = stopped.of(CheckStopped)
    assert second.proposals == first.proposals
    assert second.check_id != first.check_id


def test_a_check_that_cannot_begin_again_can_be_taken_up_later(stopped):
    good = stopped.store.path.read_bytes()
    stopped.store.path.write_text("{")
    with pytest.raises(SettingsError):
        stopped.run(lambda: stopped.session.check_again(1))
    assert not stopped.of(CheckResumed)
    stopped.store.path.write_bytes(good)
    stopped.run(lambda: stopped.session.check_again(1))
    assert len(stopped.of(ProposalReviewed)) == 2


def test_what_the_artist_proposes_is_kept_by_a_stop(converse):
    talk = converse("")
    proposal = ScriptProposal("python", "import nuke\nnuke.nodes.Blur(name='Mine')\n")

    async def work() -> None:
        task = asyncio.ensure_future(talk.session.propose(proposal))
        await asyncio.sleep(0)
        assert talk.session.is_checking
        assert talk.session.cancel()
        await ended(task)
        await talk.session.check_again(1)

    talk.run(work)
    assert talk.of(CheckStopped)[0].proposals == (proposal,)
    assert talk.of(ProposalReviewed)[0].review.is_sound


def test_an_edited_script_is_kept_by_a_stop_and_stays_the_artists(converse):
    talk = converse(white(2), "Well.")
    edited = "import nuke\nnuke.toNode('Grade1')['white'].setValue(2.5)\n"

    async def work() -> None:
        await talk.session.send("Brighter")
        talk.soon_on(ProposalRejected, lambda event: talk.session.cancel())
        await ended(talk.session.revise(1, edited))
        (event,) = talk.of(CheckStopped)
        assert (event.proposals[0].code, event.revises) == (edited, 1)
        await talk.session.check_again(event.check_id)
        assert talk.session.apply(talk.of(ProposalReviewed)[-1].proposal_id).result.ok
        await talk.session.send("And now?")

    talk.run(work)
    assert talk.host.node("Grade1").knobs["white"] == "2.5"
    assert len(talk.of(ProposalRejected)) == 1
    assert "ran the script" in talk.asked()


def test_what_is_checked_again_asks_although_the_like_was_agreed_to(converse):
    talk = converse(white(2), white(3))

    async def work() -> None:
        await talk.session.send("Brighter")
        talk.session.apply(1, "conversation")
        talk.soon_on(AnswerFinished, lambda event: talk.session.cancel())
        await ended(talk.session.send("Brighter still"))
        await talk.session.check_again(1)
        await asyncio.sleep(0)

    talk.run(work)
    assert len(talk.of(ProposalApplied)) == 1
    assert talk.session.proposals.is_open(talk.of(ProposalReviewed)[-1].proposal_id)


def test_a_new_conversation_tells_no_stop_and_takes_nothing_up(converse):
    talk = converse(white(2))
    talk.soon_on(AnswerFinished, lambda event: talk.session.clear())
    talk.run(lambda: ended(talk.session.send("Brighter")))
    assert not talk.of(CheckStopped)
    assert not talk.session.is_checking


def test_a_new_conversation_forgets_what_was_stopped(stopped):
    stopped.session.clear()
    with pytest.raises(ProposalError, match="earlier conversation"):
        stopped.run(lambda: stopped.session.check_again(1))


def test_a_check_goes_on_while_something_else_is_asked_and_the_answer_is_stopped_first(converse):
    talk = converse(white(2), "Hello.")
    seen = []

    async def work() -> None:
        asked = []

        def ask(event) -> None:
            if not asked:
                asked.append(asyncio.ensure_future(talk.session.send("something else")))

        def stop(event) -> None:
            if event.text == "something else":
                seen.append((talk.session.is_busy, talk.session.is_checking))
                talk.session.cancel()

        talk.soon_on(AnswerFinished, ask)
        talk.on(PromptAdded, stop)
        await talk.session.send("Brighter")
        await ended(asked[0])

    talk.run(work)
    assert seen == [(True, True)]
    assert not talk.of(CheckStopped)
    assert len(talk.of(ProposalReviewed)) == 1

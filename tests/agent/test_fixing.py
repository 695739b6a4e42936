"""A proposal that fails goes back to the model, and the artist sees each round."""

from __future__ import annotations

import asyncio

import pytest

from nuke_ai_panel.agent.session_events import (
    AnswerFinished,
    NoticeArrived,
    PromptAdded,
    ProposalApplied,
    ProposalRejected,
    ProposalReviewed,
    RoundBegan,
    TextArrived,
)
from nuke_ai_panel.errors import ProposalError


def block(code: str) -> str:
    return f"Here is the script.\n\n```python\n{code}\n```\n"


WRONG = block("import nuke\nnuke.toNode('Grade1')['whitepoynt'].setValue(2)")
WRONG_TOO = block("import nuke\nnode = nuke.toNode('Grade1')\nnode['wite'].setValue(2)")
RAISES = block("import nuke\nraise RuntimeError('no ' + nuke.toNode('Grade1').name())")
RIGHT = block("import nuke\nnuke.toNode('Grade1')['white'].setValue(2)")


def test_a_failed_script_goes_back_and_the_corrected_one_is_offered(converse):
    talk = converse(WRONG, RIGHT)
    talk.ask()
    (began,) = talk.of(RoundBegan)
    assert (began.number, began.limit, began.reason) == (1, 3, "fix")
    assert "whitepoynt" in began.detail
    first, second = talk.of(ProposalReviewed)
    assert not first.review.is_sound
    assert second.review.is_sound
    (replaced,) = talk.of(ProposalRejected)
    assert (replaced.proposal_id, replaced.by) == (first.proposal_id, "model")
    talk.session.apply(second.proposal_id)
    assert talk.host.node("Grade1").knobs["white"] == "2"


def test_the_model_is_told_the_error_the_code_and_the_nodes_concerned(converse):
    talk = converse(WRONG, RIGHT)
    talk.ask()
    told = talk.asked()
    assert "whitepoynt" in told
    assert "nuke.toNode('Grade1')['whitepoynt'].setValue(2)" in told
    assert "- Grade1 (Grade)" in told
    assert "white 1.5" in told


def test_nothing_runs_in_the_host_while_it_is_mended(converse):
    talk = converse(WRONG, RAISES, RIGHT)
    before = talk.host.snapshot()
    talk.ask()
    assert len(talk.of(RoundBegan)) == 2
    assert talk.host.snapshot() == before
    assert not talk.of(ProposalApplied)


def test_three_rounds_are_the_end(converse):
    wrong = [block(f"import nuke\nnuke.toNode('Grade1')['{name}'].setValue(2)") for name in ("wite", "blak", "gain", "lift")]
    talk = converse(*wrong, RIGHT)
    talk.ask()
    assert [each.number for each in talk.of(RoundBegan)] == [1, 2, 3]
    assert len(talk.of(ProposalReviewed)) == 4
    assert [each.text for each in talk.of(NoticeArrived) if each.kind == "fix"] == ["The model was asked 3 times to mend it."]


def test_a_model_that_repeats_itself_is_not_asked_again(converse):
    talk = converse(WRONG, WRONG, RIGHT)
    talk.ask()
    assert len(talk.of(RoundBegan)) == 1
    assert any(each.kind == "fix" and "repeats its mistake" in each.text for each in talk.of(NoticeArrived))


def test_an_answer_without_a_script_ends_the_rounds_and_keeps_the_card(converse):
    talk = converse(WRONG, "I cannot do that.", RIGHT)
    talk.ask()
    assert len(talk.of(AnswerFinished)) == 2
    assert not talk.of(ProposalRejected)


def test_it_is_switched_off_by_a_setting(converse):
    talk = converse(WRONG, RIGHT, auto_fix=False)
    talk.ask()
    assert not talk.of(RoundBegan)
    assert len(talk.model.asked) == 1


def test_cancel_stops_a_round(converse):
    talk = converse(WRONG, RIGHT)
    session = talk.session

    async def work() -> None:
        def stop(event: object) -> None:
            if isinstance(event, TextArrived) and talk.of(RoundBegan):
                session.cancel()

        session.subscribe(stop)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.ensure_future(session.send("Make it brighter"))

    talk.run(work)
    assert len(talk.of(ProposalReviewed)) == 1


def test_retry_drops_the_rounds_of_the_last_prompt(converse):
    talk = converse(WRONG, RIGHT, RIGHT)

    async def work() -> None:
        await talk.session.send("Make it brighter")
        assert [message.role for message in talk.session.messages] == ["user", "assistant"] * 2
        await talk.session.retry()

    talk.run(work)
    assert [message.role for message in talk.session.messages] == ["user", "assistant"]
    assert len(talk.of(PromptAdded)) == 2


def test_a_run_that_failed_is_sent_back_when_the_artist_asks(converse):
    talk = converse(RAISES, RIGHT, auto_fix=False)

    async def work() -> None:
        await talk.session.send("Make it brighter")
        number = talk.of(ProposalReviewed)[0].proposal_id
        applied = talk.session.apply(number)
        assert not applied.result.ok
        await talk.session.fix(number, applied)
        with pytest.raises(ProposalError):
            await talk.session.fix(99)

    talk.run(work)
    assert "All it had done was taken back" in talk.asked()
    assert "RuntimeError: no Grade1" in talk.asked()
    assert talk.of(ProposalReviewed)[-1].review.is_sound

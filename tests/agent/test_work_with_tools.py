"""A conversation whose model has tools: what it reads at once, what it changes with consent only."""

from __future__ import annotations

import asyncio
import functools

import pytest

from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFinished,
    NoticeArrived,
    ProposalApplied,
    ProposalRejected,
    ProposalReviewed,
    RoundBegan,
    ToolAnswered,
    ToolCalled,
)


@pytest.fixture
def converse(converse):
    return functools.partial(converse, capabilities=("completion", "tools"))


def set_white(value: str, call) -> dict:
    return call("set_knobs", node="Grade1", knobs={"white": value})


def test_a_question_is_answered_with_what_the_model_reads_itself(converse, scripted):
    talk = converse([scripted.call("get_node", node="Grade1")], "It is brightened by 1.5.")
    before = talk.host.snapshot()
    talk.run(lambda: talk.session.send("What does Grade1 do?"))
    (called,) = talk.of(ToolCalled)
    assert (called.name, called.writes) == ("get_node", False)
    assert "white" in talk.of(ToolAnswered)[0].text
    assert talk.of(AnswerFinished)[0].text == "It is brightened by 1.5."
    assert [message.role for message in talk.session.messages] == ["user", "assistant", "tool", "assistant"]
    assert talk.host.snapshot() == before


def test_a_model_without_tools_is_asked_without_them(converse):
    talk = converse("Hello.", capabilities=("completion",))
    talk.run(lambda: talk.session.send("hello"))
    assert "tools" not in talk.model.asked[0]


def test_a_question_never_gets_to_change_the_script(converse, scripted):
    talk = converse([set_white("3", scripted.call)], "Done.")
    before = talk.host.snapshot()
    talk.run(lambda: talk.session.send("What does Grade1 do?"))
    assert not any(tool["function"]["name"].startswith("set_") for tool in talk.model.asked[0]["tools"])
    assert talk.of(ToolAnswered)[0].is_error
    assert not talk.of(ProposalReviewed)
    assert talk.host.snapshot() == before


def test_acting_waits_for_the_artist_and_is_one_undo_step(converse, scripted):
    talk = converse(
        [set_white("3", scripted.call), scripted.call("create_node", **{"class": "Blur"}, name="Soft", inputs=["Grade1"])],
        "Done.",
    )
    before = talk.host.snapshot()
    talk.on_review(talk.session.apply)
    talk.run(lambda: talk.session.send("Brighter and softer", mode="act"))
    assert [event.name for event in talk.of(ToolCalled)] == ["set_knobs", "create_node"], talk.of(ToolAnswered)
    assert len(talk.of(ProposalApplied)) == 1, talk.of(ToolAnswered)
    assert talk.host.node("Grade1").knobs["white"] == "3"
    assert talk.host.node("Soft").inputs == ("Grade1",)
    assert [event.reason for event in talk.of(RoundBegan)] == ["tools"]
    assert talk.host.undo()
    assert talk.host.snapshot() == before


def test_a_rejected_change_is_told_to_the_model_with_its_reason(converse, scripted):
    talk = converse([set_white("3", scripted.call)], "Then I leave it.")
    talk.on_review(lambda number: talk.session.reject(number, "too bright"))
    talk.run(lambda: talk.session.send("Brighter", mode="act"))
    assert talk.of(ProposalRejected)[0].reason == "too bright"
    assert "too bright" in talk.of(ToolAnswered)[0].text
    assert talk.host.node("Grade1").knobs["white"] == "1.5"
    assert talk.of(AnswerFinished)[0].text == "Then I leave it."


def test_a_change_that_fails_its_check_goes_back_without_a_question(converse, scripted):
    talk = converse(
        [
            scripted.call(
                "run_script",
                title="Try",
                code="import nuke\nraise RuntimeError('no luck with ' + nuke.toNode('Grade1').name())\n",
            )
        ],
        [scripted.call("run_script", title="Try", code="import nuke\nnuke.toNode('Grade1')['white'].setValue(2)\n")],
        "Done.",
    )
    talk.on_review(lambda number: talk.session.apply(number) if talk.session.proposals.is_open(number) else None)
    talk.run(lambda: talk.session.send("Brighter", mode="act"))
    assert talk.of(ProposalRejected)[0].by == "model"
    assert "no luck with Grade1" in talk.of(ToolAnswered)[0].text
    assert talk.host.node("Grade1").knobs["white"] == "2"


def test_a_script_that_only_reads_is_answered_from_the_copy(converse, scripted):
    talk = converse([scripted.call("run_script", title="Try", code="import nuke\nprint(len(nuke.allNodes()))\n")], "Two.")
    talk.run(lambda: talk.session.send("How many nodes?", mode="act"))
    assert "2" in talk.of(ToolAnswered)[0].text
    assert not talk.of(ProposalApplied)


def test_stopping_withdraws_the_open_question(converse, scripted):
    talk = converse([set_white("3", scripted.call)], "Done.")
    talk.on_review(lambda number: talk.session.cancel())

    async def work() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.ensure_future(talk.session.send("Brighter", mode="act"))

    talk.run(work)
    assert talk.of(AnswerCancelled)
    assert talk.of(ProposalRejected)[0].by == "model"
    # No call stays without an answer: a server would refuse the conversation from then on.
    roles = [message.role for message in talk.session.messages]
    assert roles == ["user", "assistant", "tool"]


def test_a_plan_reads_and_lists_steps(converse, scripted):
    talk = converse([scripted.call("graph_outline")], "1. Set Grade1.white to 2.\n2. Add a Blur after Grade1.\n")
    talk.run(lambda: talk.session.send("Make it pop", mode="plan"))
    assert talk.of(AnswerFinished)[0].steps == ("Set Grade1.white to 2.", "Add a Blur after Grade1.")
    assert not talk.of(ProposalReviewed)


def test_a_limit_is_told(converse, scripted):
    talk = converse(*([scripted.call("get_node", node="Grade1", offset=number)] for number in range(5)), limit_rounds=2)
    talk.run(lambda: talk.session.send("What is it?"))
    assert [event.kind for event in talk.of(NoticeArrived)][-1] == "limit"


def test_a_model_without_native_tools_acts_by_the_ladder(converse):
    talk = converse("Done.", capabilities=("completion",))
    talk.run(lambda: talk.session.send("Brighter", mode="act"))
    body = talk.model.asked[0]
    assert "tools" not in body
    assert "set_knobs" in str(body)

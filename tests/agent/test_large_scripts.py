"""Runs in a script that is too large to be compared on the main thread: nobody waits, and nothing of it gets lost."""

from __future__ import annotations

import asyncio
import functools
import json

import pytest

from nuke_ai_panel.agent.session_events import ProposalApplied, ProposalCompared, SessionCleared, ToolAnswered

LARGE = b"version 15.1 v3\nRoot {\n name /shots/a.nk\n}\n" + b"".join(
    b"Grade {\n inputs 0\n white 1.5\n name Grade%d\n}\n" % number for number in range(1, 801)
)
SOFTEN = "```python\nimport nuke\nnuke.nodes.Blur(name='{}', size=3)\n```\n"


@pytest.fixture
def converse(converse):
    return functools.partial(converse, script=LARGE, records=True)


async def _compared(talk, count: int = 1) -> None:
    done = asyncio.Event()
    talk.on(ProposalCompared, lambda event: done.set())
    while len(talk.of(ProposalCompared)) < count:
        done.clear()
        await asyncio.wait_for(done.wait(), 60)


def _runs(folder):
    return [json.loads(line) for line in (folder / "records" / "runs.jsonl").read_text(encoding="ascii").splitlines()]


def test_a_run_is_told_at_once_and_what_it_changed_afterwards(converse, tmp_path):
    talk = converse(SOFTEN.format("Soft"), auto_fix=False)

    async def work() -> None:
        await talk.session.send("Softer")
        applied = talk.session.run(1, loop=asyncio.get_running_loop())
        assert talk.of(ProposalApplied)[0].applied is applied
        assert applied.result.ok
        assert not applied.is_compared
        assert applied.after == talk.host.snapshot()
        assert not talk.session.proposals.is_open(1)
        await _compared(talk)

    talk.run(work)
    (event,) = talk.of(ProposalCompared)
    assert event.applied.is_compared
    assert event.applied.diff.summary() == "Creates 1 node"
    assert event.applied.deviation == ""
    assert [line["event"] for line in _runs(tmp_path)] == ["began", "ended", "compared"]


def test_whoever_needs_it_at_once_gets_it_complete(converse):
    talk = converse(SOFTEN.format("Soft"), auto_fix=False)

    async def work() -> None:
        await talk.session.send("Softer")
        assert talk.session.apply(1).diff.summary() == "Creates 1 node"

    talk.run(work)
    assert talk.of(ProposalApplied)[0].applied.is_compared
    assert not talk.of(ProposalCompared)


def test_a_prompt_right_after_a_run_tells_the_model_what_was_really_changed(converse):
    talk = converse(SOFTEN.format("Soft"), "Good.", auto_fix=False)

    async def work() -> None:
        await talk.session.send("Softer")
        talk.session.run(1, loop=asyncio.get_running_loop())
        await talk.session.send("And now?")

    talk.run(work)
    assert "[The artist ran the script: Creates 1 node.]" in talk.asked()


def test_a_prompt_that_is_stopped_meanwhile_loses_nothing(converse):
    talk = converse(SOFTEN.format("Soft"), "Good.", auto_fix=False)

    async def work() -> None:
        await talk.session.send("Softer")
        talk.session.run(1, loop=asyncio.get_running_loop())
        asked = asyncio.ensure_future(talk.session.send("And now?"))
        await asyncio.sleep(0)
        talk.session.cancel()
        await asyncio.wait([asked])
        await talk.session.send("Well?")

    talk.run(work)
    assert "[The artist ran the script: Creates 1 node.]" in talk.asked()


def test_a_new_conversation_hears_nothing_of_it_and_the_log_all(converse, tmp_path):
    talk = converse(SOFTEN.format("Soft"), "Good.", auto_fix=False)

    async def work() -> None:
        await talk.session.send("Softer")
        talk.session.run(1, loop=asyncio.get_running_loop())
        (task,) = talk.session.proposals.comparing
        talk.session.clear()
        await asyncio.wait([task], timeout=60)
        await talk.session.send("Hello")

    talk.run(work)
    assert talk.of(SessionCleared)
    assert not talk.of(ProposalCompared)
    assert "ran the script" not in talk.asked()
    last = _runs(tmp_path)[-1]
    assert (last["event"], last["summary"]) == ("compared", "Creates 1 node")


def test_a_session_that_is_closed_meanwhile_leaves_a_run_that_has_ended(converse, tmp_path):
    talk = converse(SOFTEN.format("Soft"), auto_fix=False)

    async def work() -> None:
        await talk.session.send("Softer")
        talk.session.run(1, loop=asyncio.get_running_loop())
        (task,) = talk.session.proposals.comparing
        await talk.session.aclose()
        assert task.cancelled()

    talk.run(work)
    assert not talk.session.proposals.comparing
    assert not talk.of(ProposalCompared)
    last = _runs(tmp_path)[-1]
    assert (last["event"], last["outcome"]) == ("ended", "applied")


def test_a_model_at_work_goes_on_with_the_real_difference(converse, scripted):
    talk = converse(
        [scripted.call("create_node", **{"class": "Blur"}, name="Soft", inputs=["Grade1"])],
        "Done.",
        capabilities=("completion", "tools"),
    )
    talk.on_review(lambda number: talk.session.run(number, loop=asyncio.get_running_loop()))
    talk.run(lambda: talk.session.send("Softer", mode="act"))
    assert not talk.of(ProposalApplied)[0].applied.is_compared
    assert "Creates 1 node" in talk.of(ToolAnswered)[0].text
    assert "Soft (Blur)" in talk.of(ToolAnswered)[0].text


def test_a_model_that_was_stopped_meanwhile_is_told_with_the_next_prompt(converse, scripted):
    talk = converse(
        [scripted.call("create_node", **{"class": "Blur"}, name="Soft", inputs=["Grade1"])],
        "Good.",
        capabilities=("completion", "tools"),
    )

    def run_and_stop(number: int) -> None:
        talk.session.run(number, loop=asyncio.get_running_loop())
        talk.session.cancel()

    talk.on_review(run_and_stop)

    async def work() -> None:
        asked = asyncio.ensure_future(talk.session.send("Softer", mode="act"))
        await asyncio.wait([asked])
        await talk.session.send("And now?")

    talk.run(work)
    assert "[The artist ran the script: Creates 1 node" in talk.asked()


def test_what_was_agreed_to_beforehand_holds_up_nobody_either(converse):
    talk = converse(SOFTEN.format("Soft"), SOFTEN.format("Softer"), auto_fix=False)

    async def work() -> None:
        await talk.session.send("Softer")
        talk.session.apply(1, "conversation")
        await talk.session.send("Softer still")
        await asyncio.sleep(0)
        assert talk.host.node("Softer")
        assert not talk.of(ProposalApplied)[1].applied.is_compared
        await _compared(talk)

    talk.run(work)
    assert talk.of(ProposalCompared)[0].proposal_id == 2


def test_a_listener_that_begins_anew_in_the_news_of_a_run_gets_a_conversation_without_it(converse):
    talk = converse(SOFTEN.format("Soft"), "Good.", auto_fix=False)
    talk.on(ProposalApplied, lambda event: talk.session.clear())

    async def work() -> None:
        await talk.session.send("Softer")
        talk.session.apply(1)
        await talk.session.send("Hello")

    talk.run(work)
    assert "ran the script" not in talk.asked()


def test_what_cannot_be_compared_is_told_as_not_known(converse):
    talk = converse(SOFTEN.format("Soft"), "Good.", auto_fix=False)
    read = talk.host.snapshot

    async def work() -> None:
        await talk.session.send("Softer")
        states = [read]
        talk.host.snapshot = lambda: states.pop()() if states else read() + b"Blur {\n"
        talk.session.run(1, loop=asyncio.get_running_loop())
        talk.host.snapshot = read
        await talk.session.send("And now?")

    talk.run(work)
    applied = talk.of(ProposalCompared)[0].applied
    assert applied.unknown.startswith("What it changed cannot be shown: ")
    assert f"[The artist ran the script: {applied.unknown}.]" in talk.asked()

"""What the studio forbids, what the artist agrees to beforehand, and the way back to every earlier state."""

from __future__ import annotations

import asyncio
import functools
import json

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.agent.session_events import ProposalApplied, ProposalRejected, ProposalReviewed
from nuke_ai_panel.errors import ProposalError


def block(code: str) -> str:
    return f"```python\nimport nuke\n{code}\n```\n"


def white(value: float) -> str:
    return block(f"nuke.toNode('Grade1')['white'].setValue({value})")


@pytest.fixture
def converse(converse):
    return functools.partial(converse, records=True)


def policy(folder, **rules) -> str:
    path = folder / "policy.json"
    path.write_text(json.dumps(rules))
    return str(path)


def test_what_the_studio_forbids_is_shown_and_not_run(converse, tmp_path):
    talk = converse(block("nuke.delete(nuke.toNode('Grade1'))"), policy_file=policy(tmp_path, forbid_effects=["deletes nodes"]))
    talk.run(lambda: talk.session.send("Delete Grade1"))
    (refused,) = talk.of(ProposalRejected)
    assert refused.by == "studio"
    assert "studio" in refused.reason
    with pytest.raises(ProposalError):
        talk.session.apply(refused.proposal_id)
    assert talk.host.node("Grade1")


def test_a_policy_that_cannot_be_read_forbids_every_change(converse, tmp_path):
    talk = converse(white(2), policy_file=str(tmp_path / "nowhere.json"))
    talk.run(lambda: talk.session.send("Brighter"))
    assert talk.of(ProposalRejected)[0].by == "studio"


def test_consent_for_the_conversation_runs_the_like_without_a_question(converse):
    talk = converse(white(2), white(3), block("nuke.delete(nuke.toNode('Grade1'))"))

    async def work() -> None:
        await talk.session.send("Brighter")
        talk.session.apply(1, "conversation")
        await talk.session.send("Brighter still")
        await asyncio.sleep(0)
        assert talk.host.node("Grade1").knobs["white"] == "3"
        await talk.session.send("Delete it")
        await asyncio.sleep(0)

    talk.run(work)
    assert len(talk.of(ProposalApplied)) == 2
    assert talk.host.node("Grade1"), "consent to a changed knob is none to deleting"
    assert talk.session.proposals.is_open(3)


def test_once_is_once(converse):
    talk = converse(white(2), white(3))

    async def work() -> None:
        await talk.session.send("Brighter")
        talk.session.apply(1)
        await talk.session.send("Brighter still")
        await asyncio.sleep(0)

    talk.run(work)
    assert len(talk.of(ProposalApplied)) == 1


def test_a_new_conversation_begins_without_consent(converse):
    talk = converse(white(2), white(3))

    async def work() -> None:
        await talk.session.send("Brighter")
        talk.session.apply(1, "conversation")
        talk.session.clear()
        await talk.session.send("Brighter still")
        await asyncio.sleep(0)

    talk.run(work)
    assert len(talk.of(ProposalApplied)) == 1


def test_every_turn_has_a_checkpoint_to_go_back_to(converse):
    talk = converse(white(2), white(3))
    session = talk.session
    original = talk.host.snapshot()

    async def work() -> None:
        await session.send("Brighter")
        assert session.apply(1).checkpoint
        await session.send("Brighter still")
        session.apply(2)

    talk.run(work)
    first, second = session.checkpoints()
    assert first.title == "AI: Brighter"
    assert session.restore(second.id).ok
    assert talk.host.node("Grade1").knobs["white"] == "2"
    assert session.restore(first.id).ok
    assert not nk.diff(nk.loads(original), nk.loads(talk.host.snapshot()))
    assert talk.host.undo()
    assert talk.host.node("Grade1").knobs["white"] == "2"


def test_a_checkpoint_that_is_gone_is_told(converse):
    talk = converse(white(2))
    with pytest.raises(ProposalError):
        talk.session.restore("20260101-000000-00000000")


def test_what_ran_is_in_a_log_that_holds_no_prompt(converse, tmp_path):
    talk = converse(white(2))

    async def work() -> None:
        await talk.session.send("Brighter, for the SECRET client")
        talk.session.apply(1)

    talk.run(work)
    text = (tmp_path / "records" / "runs.jsonl").read_text()
    assert "setValue(2)" in text
    entries = [json.loads(line) for line in text.splitlines()]
    assert entries[-1]["outcome"] == "applied"


def test_a_script_that_does_not_end_is_stopped_from_its_tick(converse):
    # On the copy, whose home is a folder of its own, it ends.
    code = "import os\nnuke.nodes.Blur(name='Gone')\nn = 0\nwhile 'dry-run' not in os.environ['HOME']:\n    n += 1"
    talk = converse(block(code), auto_fix=False)
    session = talk.session
    before = talk.host.snapshot()
    session.proposals.on_tick = lambda: session.proposals.stop_running() and None

    async def work() -> None:
        await session.send("Loop")
        number = talk.of(ProposalReviewed)[0].proposal_id
        applied = session.apply(number)
        assert applied.was_stopped
        assert not applied.diff

    talk.run(work)
    assert talk.host.snapshot() == before
    assert not session.proposals.stop_running()


def test_never_turns_down_the_like_by_itself_for_the_conversation(converse):
    talk = converse(white(2), white(3))

    async def work() -> None:
        await talk.session.send("Brighter")
        talk.session.reject(1, never=True)
        await talk.session.send("Brighter still")
        assert not talk.session.proposals.is_open(2)
        talk.session.clear()
        await talk.session.send("Brighter after all")

    talk.run(work)
    first, second = talk.of(ProposalRejected)
    assert (first.by, second.by) == ("artist", "artist")
    assert "not to be done" in second.reason
    assert talk.session.proposals.is_open(3)

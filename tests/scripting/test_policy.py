"""What a studio forbids, and what an artist has agreed to."""

from __future__ import annotations

import json

import pytest

from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.nk import GraphDiff, NodeChange
from nuke_ai_panel.scripting.consent import Consents
from nuke_ai_panel.scripting.effects import Effect
from nuke_ai_panel.scripting.policy import Policy
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review

CREATES = GraphDiff(added=(NodeChange("Blur1", "Blur"),))
DELETES = GraphDiff(removed=(NodeChange("Blur1", "Blur"),))


def reviewed(*effects: str, diff=CREATES, kind="python", code="import nuke\nnuke.nodes.Blur()\n", **more) -> Review:
    return Review(ScriptProposal(kind, code), effects=tuple(Effect(each, (1,)) for each in effects), diff=diff, **more)


READS = reviewed(diff=GraphDiff(), code="print(nuke.toNode('Grade1')['white'].value())\n")


@pytest.fixture
def policy_file(tmp_path):
    def write(value) -> str:
        path = tmp_path / "policy.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return str(path)

    return write


def test_policy_forbids_kinds_and_effects(policy_file):
    policy = Policy.load(
        policy_file({"forbid_kinds": ["blink"], "forbid_effects": ["network", "deletes nodes"], "deadline": 60})
    )
    assert policy.deadline == 60
    assert policy.refusal(reviewed()) == ""
    assert "'blink'" in policy.refusal(reviewed(kind="blink"))
    assert "'network'" in policy.refusal(reviewed("network"))
    assert "'deletes nodes'" in policy.refusal(reviewed(diff=DELETES)), "the dry run showed it, whatever the code says"
    assert "cannot be checked" in policy.refusal(reviewed("runs hidden code"))
    assert Policy().refusal(reviewed("runs hidden code", "network")) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "JSON object"),
        ('{"forbid": []}', "unknown key 'forbid'"),
        ('{"forbid_kinds": "blink"}', "list of names"),
        ('{"forbid_effects": ["flies"]}', "'flies'"),
        ('{"always_ask": 1}', "true or false"),
        ('{"deadline": true}', "seconds"),
        ('{"deadline": 0}', "seconds"),
    ],
)
def test_a_policy_that_cannot_be_read_says_why_and_forbids_what_changes(policy_file, text, words):
    path = policy_file(text)
    with pytest.raises(SettingsError, match=words):
        Policy.load(path)
    closed = Policy.load_or_close(path)
    assert words in closed.refusal(reviewed())
    assert closed.refusal(READS) == ""
    assert Consents(closed).answer(READS) == "ask"


def test_a_policy_that_is_named_and_not_there_forbids(tmp_path):
    assert Policy.load_or_close(tmp_path / "none.json").refusal(reviewed())


def test_once_is_asked_again():
    consents = Consents()
    assert consents.answer(reviewed()) == "ask"
    consents.remember(reviewed(), "once")
    assert consents.answer(reviewed()) == "ask"


def test_what_only_reads_needs_no_consent_unless_the_studio_wants_it():
    assert Consents().answer(READS) == "run"
    assert Consents(Policy(always_ask=True)).answer(READS) == "ask"


def test_consent_for_a_conversation_never_widens():
    consents = Consents()
    consents.remember(reviewed(), "conversation")
    assert consents.answer(reviewed()) == "run"
    assert consents.answer(reviewed("changes knobs", "connects")) == "run"
    for beyond in (
        "renders",
        "writes files",
        "deletes files",
        "starts a process",
        "network",
        "saves the script",
        "reads files",
    ):
        assert consents.answer(reviewed(beyond)) == "ask", beyond
    assert consents.answer(reviewed(diff=DELETES)) == "ask"
    assert consents.answer(reviewed(kind="nk")) == "ask"
    assert consents.answer(reviewed(diff=None)) == "ask", "what could not be tried is looked at"
    assert consents.answer(reviewed(error="ValueError")) == "ask"
    consents.remember(reviewed("renders"), "conversation")
    assert consents.answer(reviewed("renders")) == "run"
    assert consents.answer(reviewed("renders", "network")) == "ask"
    consents.clear()
    assert consents.answer(reviewed()) == "ask"


def test_hidden_code_and_closing_nuke_are_asked_each_time():
    consents = Consents()
    for effect in ("runs hidden code", "exits", "replaces the script"):
        assert not consents.can_be_remembered(reviewed(effect))
        consents.remember(reviewed(effect), "conversation")
        assert consents.answer(reviewed(effect)) == "ask"


def test_a_studio_may_forbid_consent_for_a_conversation():
    consents = Consents(Policy(allow_for_conversation=False))
    consents.remember(reviewed(), "conversation")
    assert consents.answer(reviewed()) == "ask"


def test_never_is_never_and_a_policy_beats_consent():
    consents = Consents(Policy(forbid_effects=frozenset({"network"})))
    consents.remember(reviewed("renders"), "never")
    assert consents.answer(reviewed("renders", "reads files")) == "refuse"
    assert consents.answer(reviewed()) == "ask"
    consents.remember(reviewed("network"), "conversation")
    assert consents.answer(reviewed("network")) == "refuse"

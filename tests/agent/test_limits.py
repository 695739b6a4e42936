"""The limits of one prompt: where they come from, what is said when one is reached, and that each prompt reads them anew."""

from __future__ import annotations

import functools
import json

import pytest

from nuke_ai_panel.agent.limits import Ledger, Limits
from nuke_ai_panel.agent.session_events import AnswerFinished, NoticeArrived
from nuke_ai_panel.messages import Usage
from nuke_ai_panel.settings import Settings

WHERE = "You can change it in Settings, under Limits."


@pytest.fixture
def converse(converse):
    return functools.partial(converse, capabilities=("completion", "tools"))


def told(talk) -> list[NoticeArrived]:
    return [event for event in talk.of(NoticeArrived) if event.kind == "limit"]


def reading(scripted, count: int) -> list:
    return [[scripted.call("get_node", node="Grade1", offset=number)] for number in range(count)]


def test_limits_without_settings_are_those_of_the_default_settings():
    assert Limits.of(Settings()) == Limits()
    found = Limits.of(Settings(limit_tokens=None, limit_cost=0.5, limit_minutes=2, conversation_tokens=None))
    assert (found.tokens, found.cost, found.seconds, found.conversation) == (None, 0.5, 120.0, None)
    assert Limits.of(Settings(limit_minutes=None)).seconds is None


@pytest.mark.parametrize(
    ("settings", "used", "limit", "words"),
    [
        (Settings(limit_rounds=1), {"rounds": 1}, "rounds", "The limit of 1 round is reached."),
        (Settings(), {"rounds": 12}, "rounds", "The limit of 12 rounds is reached."),
        (
            Settings(limit_tokens=1000),
            {"usage": Usage(990, 20)},
            "tokens",
            "The limit of 1,000 tokens is reached (1,010 used).",
        ),
        (Settings(limit_cost=0.5), {"usage": Usage(cost=0.61)}, "money", "The limit of $0.5 is reached ($0.61 spent)."),
        (Settings(limit_minutes=1), {"clock": 60.0}, "time", "The limit of 1 minute is reached."),
        (Settings(limit_minutes=90), {"clock": 5400.0}, "time", "The limit of 90 minutes is reached."),
    ],
)
def test_a_limit_that_is_reached_says_how_much_and_where_to_change_it(settings, used, limit, words):
    now = [0.0]
    ledger = Ledger(Limits.of(settings), clock=lambda: now[0])
    assert ledger.reached() is None
    now[0] = used.get("clock", 0.0)
    ledger.rounds = used.get("rounds", 0)
    ledger.usage = used.get("usage", Usage())
    assert ledger.reached() == (limit, f"{words} {WHERE}")


def test_what_has_no_limit_is_never_reached():
    now = [0.0]
    limits = Limits.of(Settings(limit_tokens=None, limit_cost=None, limit_minutes=None))
    ledger = Ledger(limits, clock=lambda: now[0])
    now[0] = 1e9
    ledger.usage = Usage(10**9, 10**9, cost=1e6)
    assert ledger.reached() is None


def test_a_limit_that_somebody_has_fixed_names_no_setting():
    limits = Limits.of(Settings(limit_rounds=2), {"limit_rounds": "Set by your studio"}.get)  # type: ignore[arg-type]
    ledger = Ledger(limits, rounds=2)
    assert ledger.reached() == ("rounds", "The limit of 2 rounds is reached. Set by your studio.")
    assert (limits.setting("rounds"), limits.setting("tokens")) == ("", "limit_tokens")
    assert (limits.setting("repeating"), limits.setting("refused"), limits.setting("empty")) == ("", "", "")


def test_each_prompt_reads_the_limits_anew(converse, scripted):
    talk = converse(*reading(scripted, 20), limit_rounds=2)

    async def work() -> None:
        await talk.session.send("What is it?")
        talk.store.save({"limit_rounds": 4})
        await talk.session.send("And now?")

    talk.run(work)
    assert [event.text for event in told(talk)] == [
        f"The limit of 2 rounds is reached. {WHERE}",
        f"The limit of 4 rounds is reached. {WHERE}",
    ]
    assert {event.setting for event in told(talk)} == {"limit_rounds"}
    assert len(talk.model.asked) == 6
    assert talk.session.limits.rounds == 4


def test_a_limit_that_the_studio_has_locked_is_told_as_such(converse, scripted, tmp_path):
    studio = tmp_path / "studio.json"
    studio.write_text(json.dumps({"limit_rounds": 3, "locked": ["limit_rounds"]}), encoding="utf-8")
    talk = converse(*reading(scripted, 9), environ={"NUKE_AI_PANEL_STUDIO_SETTINGS": str(studio)})
    talk.run(lambda: talk.session.send("What is it?"))
    (event,) = told(talk)
    assert (event.text, event.setting) == ("The limit of 3 rounds is reached. Set by your studio.", "")


def test_each_prompt_reads_anew_how_much_of_the_script_goes_along(converse):
    lines = b"".join(b"Grade {\n inputs 0\n name G%d\n white %d.5\n selected true\n}\n" % (n, n) for n in range(60))
    talk = converse("Fine.", capabilities=("completion",), script=b"version 15.1 v3\nRoot {\n}\n" + lines, script_tokens=200)

    async def work() -> None:
        await talk.session.send("What is selected?")
        talk.store.save({"script_tokens": 4_000})
        await talk.session.send("What is selected?")

    talk.run(work)
    assert len(talk.of(AnswerFinished)) == 2
    little, much = talk.asked(0), talk.asked(1)
    assert "more that did not fit" in little
    assert "- G59 (Grade)" not in little
    assert "- G59 (Grade)" in much
    assert talk.session.context_budget == 4_000
    assert talk.session.preview().left_out == 0

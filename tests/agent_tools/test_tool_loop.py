"""The loop over a real connection: rounds, calls, proposals, limits, failures, cancellation."""

from __future__ import annotations

import asyncio
import json

import pytest

from nuke_ai_panel.agent.decision import Decision
from nuke_ai_panel.agent.limits import Ledger, Limits
from nuke_ai_panel.agent.session_events import (
    NoticeArrived,
    ReasoningArrived,
    RoundBegan,
    TextArrived,
    ToolAnswered,
    ToolCalled,
)
from nuke_ai_panel.agent.tool_loop import plan_steps, run_tools
from nuke_ai_panel.errors import APIError, HostError
from nuke_ai_panel.messages import ChatRequest, Message, Usage
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.openai_provider import OpenaiProvider

READ = ("get_node", {"node": "Look"})
BLUR = ("create_node", {"class": "Blur", "name": "More", "inputs": ["Look"]})


def check_pairs(messages):
    """Every call has its answer, in order, right after the message that made it."""
    place = 0
    while place < len(messages):
        calls = messages[place].tool_calls
        answers = messages[place + 1 : place + 1 + len(calls)]
        assert [call.id for call in calls] == [answer.tool_call_id for answer in answers]
        assert all(answer.role == "tool" for answer in answers)
        place += 1 + len(calls)
        assert place == len(messages) or messages[place].role == "assistant"


async def test_model_that_only_answers_ends_after_one_round(bench, says):
    work = bench()
    found = await work.run([says("It is a grade.")])
    assert (found.ended, found.text, found.rounds, found.error) == ("answered", "It is a grade.", 1, None)
    assert found.messages == (Message("assistant", "It is a grade."),)
    assert "".join(event.text for event in work.of(TextArrived)) == "It is a grade."
    assert not work.of(RoundBegan)
    assert {tool["function"]["name"] for tool in work.server.bodies[0]["tools"]} >= {"graph_outline", "create_node"}


async def test_reading_and_writing_go_on_until_the_answer(bench, says):
    work = bench()
    found = await work.run(
        [
            says("First I look.", (READ, ("graph_outline", {"node": "Comp", "direction": "upstream"}))),
            says("", (BLUR, ("connect", {"node": "Comp", "input": "B", "source": "More"}))),
            says("", (("set_knob", {"node": "More", "knob": "size", "value": 12}),)),
            says("Done."),
        ]
    )
    assert (found.ended, found.text, found.rounds) == ("answered", "Done.", 4)
    check_pairs(found.messages)
    assert list(found.messages) == work.kept
    document = work.host.document
    assert document.node("More").inputs == (document.node("Look"),)
    assert document.node("Comp").inputs[0] is document.node("More")
    assert document.node("More").knob("size") == "12"
    assert len(work.proposals) == 2
    assert work.host.undo()
    assert work.host.undo()
    assert work.is_untouched
    assert found.usage == Usage(400, 40)
    assert [event.number for event in work.of(RoundBegan)] == [2, 3, 4]
    assert [(event.name, event.writes) for event in work.of(ToolCalled)] == [
        ("get_node", False),
        ("graph_outline", False),
        ("create_node", True),
        ("connect", True),
        ("set_knob", True),
    ]
    assert [event.is_error for event in work.of(ToolAnswered)] == [False] * 5


async def test_later_round_reads_what_the_earlier_one_changed(bench, says):
    work = bench()
    await work.run([says(calls=(BLUR,)), says(calls=(("get_node", {"node": "More"}),)), says("ok")])
    assert "class: Blur" in work.told()[-1]


async def test_refused_proposal_changes_nothing_and_the_reason_is_told(bench, says):
    work = bench()
    work.consent = Decision(reason="use the denoised plate")
    found = await work.run([says(calls=(BLUR,)), says("As you like.")])
    assert work.is_untouched
    assert found.ended == "answered"
    assert "The artist did not agree: use the denoised plate" in work.told()[0]


async def test_studio_that_forbids_is_named(bench, says):
    work = bench()
    work.consent = Decision(reason="no new nodes", by="studio")
    await work.run([says(calls=(BLUR,)), says("ok")])
    assert "The studio's rules forbid it: no new nodes" in work.told()[0]


async def test_host_that_cannot_run_it_is_told(bench, says):
    work = bench()

    async def propose(proposal):
        raise HostError("Nuke is rendering.")

    work.propose = propose
    found = await work.run([says(calls=(BLUR,)), says("ok")])
    assert found.ended == "answered"
    assert work.told() == ["Not done. It could not be done:\n<script-data>\n| Nuke is rendering.\n</script-data>"]


async def test_thoughts_go_back_with_the_calls(bench, says):
    work = bench()
    found = await work.run([says(calls=(READ,), thoughts="First I look."), says("ok")])
    assert found.messages[0].reasoning == "First I look."
    assert "".join(event.text for event in work.of(ReasoningArrived)) == "First I look."


async def test_decision_that_stops_ends_the_work_with_the_calls_answered(bench, says):
    work = bench()
    work.consent = Decision(reason="leave it", stop=True)
    found = await work.run([says(calls=(BLUR,)), says("never asked")])
    assert (found.ended, found.why, found.rounds) == ("stopped", "leave it", 1)
    check_pairs(found.messages)


async def test_script_that_fails_is_told_with_its_traceback(bench, says):
    work = bench()
    code = "import nuke\nnuke.toNode('Look')['mix'].setValue(0.5)\nraise RuntimeError('half way')"
    await work.run([says(calls=(("run_script", {"code": code, "title": "Try"}),)), says("ok")])
    assert work.is_untouched
    (told,) = work.told()
    assert told.startswith("Not done: it failed, and everything was taken back.")
    assert "| RuntimeError: half way" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"node": "Look"', "not valid JSON"),
        ("[1]", "not a JSON object"),
        ("", "argument 'node' is missing"),
        ('{"node": 3.5, "nod": 1}', "no argument nod; did you mean 'node'?"),
        ('{"node": {"a": 1}}', "node is a text, not an object"),
        ('"{\\"node\\": \\"Look\\"}"', "class: Grade"),
    ],
)
async def test_arguments_that_cannot_be_used_are_explained(bench, says, arguments, words):
    work = bench()
    found = await work.run([says(calls=(("get_node", arguments),)), says("ok")])
    assert found.ended == "answered"
    assert words in work.told()[0]
    # What goes back to the server is JSON, whatever the model wrote.
    sent = work.server.bodies[-1]["messages"][-2]["tool_calls"][0]["function"]["arguments"]
    assert isinstance(json.loads(sent), dict)


async def test_unknown_tool_is_answered_with_the_one_that_was_meant(bench, says):
    work = bench()
    await work.run([says(calls=(("set_knobb", {"node": "Look"}),)), says("ok")])
    assert "There is no tool set_knobb; did you mean set_knob?" in work.told()[0]
    assert not work.proposals


async def test_name_no_server_would_take_is_sent_back_in_a_fit_form(bench, says):
    work = bench()
    found = await work.run([says(calls=(("functions.get node!", {}),)), says("ok")])
    assert found.messages[0].tool_calls[0].name == "functions_get_node_"


async def test_identifiers_are_told_apart(bench, says):
    work = bench()
    found = await work.run(
        [says(calls=(READ, READ), ids=("same", "same")), says(calls=(READ,), ids=("same",)), says("ok")],
        limits=Limits(repeats=9),
    )
    identifiers = [call.id for message in found.messages for call in message.tool_calls]
    assert len(set(identifiers)) == 3
    check_pairs(found.messages)


async def test_one_wrong_change_keeps_the_others_of_its_message_back(bench, says):
    work = bench()
    await work.run([says(calls=(BLUR, ("set_knob", {"node": "More", "knob": "sise", "value": 1}))), says("ok")])
    assert work.is_untouched
    assert not work.proposals
    first, second = work.told()
    assert "another call of the same message is wrong" in first
    assert "Blur has no knob 'sise'; did you mean size?" in second


async def test_changes_before_a_call_that_was_cut_off_are_kept_back(bench, says):
    work = bench()
    cut = ("connect", '{"node": "Comp", "inp')
    await work.run([says(calls=(("delete_node", {"node": "Look"}), cut), reason="length"), says("ok")])
    assert work.is_untouched
    assert not work.proposals
    assert "cut off" in work.told()[1]


async def test_same_call_with_the_same_answer_ends_the_loop(bench, says):
    work = bench()
    found = await work.run(lambda _: says(calls=(READ,)))
    assert (found.ended, found.rounds) == ("repeating", 3)
    assert "again and again" in found.why
    assert "2 times now" in work.told()[-1]
    check_pairs(found.messages)


@pytest.mark.parametrize(
    ("limits", "ended"),
    [
        (Limits(rounds=3), "rounds"),
        (Limits(tokens=250), "tokens"),
        (Limits(cost=0.02), "money"),
        (Limits(seconds=0.0), "time"),
    ],
)
async def test_limits_end_the_loop_with_every_call_answered(bench, says, limits, ended):
    work = bench()
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "cost": 0.01}
    numbers = iter(range(100))
    found = await work.run(
        lambda _: says(calls=(("find_text", {"text": f"text {next(numbers)}"}),), usage=usage), limits=limits
    )
    assert found.ended == ended
    assert found.why
    assert found.rounds <= 3
    check_pairs(found.messages)


async def test_tokens_are_guessed_where_the_server_does_not_count(bench, says):
    work = bench()
    found = await work.run([says("word " * 100, usage={})])
    assert found.usage.prompt_tokens > 100


async def test_refusals_in_a_row_end_the_loop(bench, says):
    work = bench()
    work.consent = False
    names = iter("abcdefgh")
    found = await work.run(lambda _: says(calls=(("create_node", {"class": "Blur", "name": next(names)}),)))
    assert (found.ended, len(work.proposals)) == ("refused", 3)
    assert work.is_untouched


async def test_time_of_a_decision_does_not_count(bench, says):
    work = bench()
    waited = []

    async def propose(proposal):
        loop, decided = asyncio.get_running_loop(), asyncio.Event()
        began = loop.time()
        loop.call_later(0.5, decided.set)
        await decided.wait()
        waited.append(loop.time() - began)
        return Decision(reason="no")

    work.propose = propose
    began = asyncio.get_running_loop().time()
    found = await work.run([says(calls=(BLUR,)), says("ok")])
    whole = asyncio.get_running_loop().time() - began
    assert found.seconds <= whole - waited[0] + 0.05


async def test_time_of_the_artist_is_taken_off():
    now = [0.0]
    ledger = Ledger(Limits(seconds=10), clock=lambda: now[0])
    now[0] = 100.0
    assert ledger.is_out_of_time
    ledger.wait(95.0)
    assert not ledger.is_out_of_time
    assert ledger.reached() is None


async def test_too_many_calls_in_one_message_are_cut(bench, says):
    work = bench()
    found = await work.run([says(calls=(READ,) * 5), says("ok")], limits=Limits(calls=2, repeats=99))
    assert [("Too many calls" in text) for text in work.told()] == [False, False, True, True, True]
    check_pairs(found.messages)


async def test_empty_answer_is_asked_for_once_more(bench, says):
    work = bench()
    found = await work.run([says(""), says("Here.")])
    assert (found.ended, found.text, found.rounds) == ("answered", "Here.", 2)
    found = await work.run([says(""), says(" "), says("never asked")])
    assert found.ended == "empty"


async def test_failure_in_the_middle_keeps_what_there_is(bench, says):
    work = bench()
    found = await work.run([says("I look.", (READ,)), says("Half an ans", cut=True)])
    assert found.ended == "error"
    assert isinstance(found.error, APIError)
    assert found.text.startswith("Half")
    assert [message.role for message in found.messages] == ["assistant", "tool", "assistant"]
    check_pairs(found.messages)


async def test_refusal_of_the_server_is_an_outcome(bench, says):
    work = bench()
    found = await work.run([says(status=402, error="no credit")])
    assert (found.ended, found.messages) == ("error", ())
    assert "no credit" in str(found.error)


async def test_model_without_room_is_offered_fewer_tools(bench, says):
    work = bench()
    too_long = says(status=400, error="request (9000 tokens) exceeds the available context size (8192 tokens)")
    found = await work.run([too_long, says("ok")])
    assert (found.ended, found.rounds) == ("answered", 1)
    full, lean = (len(json.dumps(body["tools"])) for body in work.server.bodies)
    assert lean < full / 3
    assert [event.kind for event in work.of(NoticeArrived)] == ["context_cut"]


class Locked:
    """A host that does not let itself be read, as a non-commercial Nuke."""

    def snapshot(self):
        raise HostError("This edition gives Python ten nodes only.")


async def test_host_that_cannot_be_read_is_told_to_the_model(bench, says):
    from nuke_ai_panel.agent.tools import Toolbox

    work = bench()
    work.box = Toolbox(Locked())
    found = await work.run([says(calls=(READ, BLUR)), says("ok")])
    assert found.ended == "answered"
    assert all("The script cannot be read here: This edition" in text for text in work.told())
    assert not work.proposals


# modes


@pytest.mark.parametrize("mode", ["ask", "plan"])
async def test_mode_that_only_reads_offers_no_changes_and_refuses_them(bench, says, mode):
    work = bench(mode=mode)
    found = await work.run(
        [says(calls=(BLUR, ("run_script", {"code": "import nuke"}), READ)), says("1. Add a blur.\n2) Set it.")]
    )
    offered = {tool["function"]["name"] for tool in work.server.bodies[0]["tools"]}
    assert offered.isdisjoint({"create_node", "run_script", "set_knob", "delete_node"})
    assert not work.proposals
    assert work.is_untouched
    first, second, third = work.told()
    assert f"in {mode} mode nothing is changed" in first
    assert f"in {mode} mode nothing is changed" in second
    assert "class: Grade" in third
    assert found.steps == ("Add a blur.", "Set it.")


def test_plan_steps_reads_numbered_lines_in_their_order():
    text = "Plan:\n**1. Read the plate**\n   detail\n2. Key it\n- no step\n 4. out of order\n3: Merge"
    assert plan_steps(text) == ("Read the plate", "Key it", "Merge")
    assert plan_steps("No plan, version 2.0 it is.") == ()


# cancelling


async def test_cancelling_while_the_model_answers_ends_cleanly(bench, says, model_server):
    work = bench()
    async with model_server(lambda _: says("Some wor", wait=asyncio.Event())) as server:
        provider = OpenaiProvider(Server(server.url))
        texted = asyncio.Event()

        def emit(event):
            work.events.append(event)
            if isinstance(event, TextArrived):
                texted.set()

        request = ChatRequest("tiny", (Message("user", "Do it."),))
        task = asyncio.ensure_future(run_tools(provider, request, work.box, emit=emit, propose=work.propose, kept=work.kept))
        await asyncio.wait_for(texted.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.gone.wait(), 20)
        await provider.aclose()
    assert work.kept
    assert "Some wor".startswith(work.kept[0].text)


async def test_cancelling_while_the_artist_is_asked_leaves_no_call_without_answer(bench, says, model_server):
    work = bench()
    asked = asyncio.Event()

    async def propose(proposal):
        asked.set()
        await asyncio.Event().wait()

    async with model_server(lambda _: says("I add it.", (READ, BLUR))) as server:
        provider = OpenaiProvider(Server(server.url))
        request = ChatRequest("tiny", (Message("user", "Do it."),))
        task = asyncio.ensure_future(
            run_tools(provider, request, work.box, emit=work.events.append, propose=propose, kept=work.kept)
        )
        await asyncio.wait_for(asked.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await provider.aclose()
    check_pairs(work.kept)
    assert work.kept[-1].text == "The work was stopped before this was answered."
    assert work.is_untouched


# small models


@pytest.mark.parametrize("rung", ["schema", "block"])
async def test_model_without_tools_of_its_own_works_by_the_ladder(bench, says, rung):
    work = bench()
    blur = {"class": "Blur", "name": "More", "inputs": ["Look"]}

    def spelled(name, arguments):
        if rung == "schema":
            return says(json.dumps({"tool": name, "arguments": arguments}))
        return says(f"I will.\n\n```tool_call\n{json.dumps({'name': name, 'arguments': arguments})}\n```")

    last = says(json.dumps({"answer": "It is soft now."}) if rung == "schema" else "It is soft now.")
    found = await work.run(
        [spelled("get_node", {"node": "Look"}), spelled("create_node", blur), last],
        about=("structured_outputs",) if rung == "schema" else (),
        carry_features=True,
    )
    assert (found.ended, found.text) == ("answered", "It is soft now.")
    assert work.host.document.node("More").inputs == (work.host.document.node("Look"),)
    body = work.server.bodies[-1]
    assert "tools" not in body
    assert "Result of the tool create_node:" in body["messages"][-1]["content"]
    assert [event.kind for event in work.of(NoticeArrived)] == ["tools_carried"]


async def test_model_that_is_held_to_calls_ends_with_finish(bench, says):
    work = bench()
    found = await work.run([says(calls=(BLUR, ("finish", {"answer": "A blur is in."})))], tool_choice="required")
    assert (found.ended, found.text) == ("answered", "A blur is in.")
    assert found.messages[-1] == Message("assistant", "A blur is in.")
    assert work.host.document.find("More") is not None
    assert "finish" in {tool["function"]["name"] for tool in work.server.bodies[0]["tools"]}
    check_pairs(found.messages)


async def test_conversation_with_tools_can_be_continued(bench, says):
    work = bench()
    found = await work.run([says(calls=(READ,)), says("A grade.")])
    history = (Message("user", "What?"), *found.messages, Message("user", "And now?"))
    again = bench()
    found = await again.run([says(calls=(READ,), ids=("id1_0",)), says("The same.")], messages=history)
    assert found.text == "The same."
    assert found.messages[0].tool_calls[0].id != "id1_0"

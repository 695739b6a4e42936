"""A long conversation: what of it still goes to the model, in an order that every server takes."""

from __future__ import annotations

import asyncio

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.agent.history import History, Shortened, sendable
from nuke_ai_panel.agent.session import ChatSession
from nuke_ai_panel.agent.session_events import AnswerFinished, NoticeArrived, ToolAnswered
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.messages import Message, ToolCall
from nuke_ai_panel.settings import SettingsStore
from nuke_ai_panel.tokens import estimate_messages

LONG = "word " * 400


def a_turn(history: History, number: int, *, tool: str = "") -> None:
    history.begin_turn()
    history.messages.append(Message("user", f"question {number} {LONG}"))
    if tool:
        history.messages.append(Message("assistant", "", tool_calls=(ToolCall(f"c{number}", "get_node"),)))
        history.messages.append(Message("tool", tool, tool_call_id=f"c{number}", tool_name="get_node"))
    history.messages.append(Message("assistant", f"answer {number}"))


def test_a_short_conversation_is_sent_as_it_is():
    history = History()
    a_turn(history, 1)
    assert history.sent(10_000) == tuple(history.messages)
    assert (history.left_out, history.shortened) == (0, 0)


def test_results_of_tools_go_before_turns():
    history = History()
    for number in range(4):
        a_turn(history, number, tool="result " * 500)
    room = estimate_messages(history.messages) - 400
    sent = history.sent(room)
    assert history.left_out == 0
    assert history.shortened >= 1
    assert "Left out to save room" in sent[2].text
    assert sent[-2].text == "result " * 500
    assert estimate_messages(sent) <= room


def test_the_oldest_turns_go_whole_and_nothing_comes_back():
    history = History()
    for number in range(10):
        a_turn(history, number, tool="result " * 500)
    room = estimate_messages(history.messages) // 8
    sent = history.sent(room)
    assert estimate_messages(sent) <= room
    assert sent[0].role == "user"
    calls = {call.id for message in sent for call in message.tool_calls}
    assert calls == {message.tool_call_id for message in sent if message.role == "tool"}
    assert history.left_out == 10 - sum(message.role == "user" for message in sent)
    # Room for one more: the beginning of the request stays the same, as a server's cache wants it.
    history.messages.append(Message("user", "and now?"))
    assert history.sent(room)[: len(sent)] == sent
    assert len(history.messages) == 41, "what the artist sees is kept"


def test_no_room_at_all_sends_nothing_of_it():
    history = History()
    a_turn(history, 1)
    a_turn(history, 2)
    assert history.sent(0) == ()
    history.drop_turn()
    a_turn(history, 3)
    assert history.sent(10_000)[0].text.startswith("question 3")


def test_a_server_that_says_it_is_too_much_gets_half():
    history = History()
    for number in range(8):
        a_turn(history, number)
    before = estimate_messages(history.sent())
    assert history.shrink()
    assert estimate_messages(history.sent()) <= before / 2
    assert not History().shrink()


def test_results_not_yet_seen_by_the_model_stay():
    messages = [Message("assistant", tool_calls=(ToolCall("a", "x"),)), Message("tool", LONG, tool_call_id="a")]
    assert Shortened().fit(messages, 10) == messages
    messages += [Message("assistant", tool_calls=(ToolCall("b", "x"),)), Message("tool", LONG, tool_call_id="b")]
    fitted = Shortened().fit(messages, 10)
    assert "Left out" in fitted[1].text
    assert fitted[3] == messages[3]


def test_user_and_assistant_take_turns():
    calls = (ToolCall("a", "x"),)
    found = sendable(
        [
            Message("system", "s"),
            Message("user", "no answer came"),
            Message("user", "again"),
            Message("assistant", "", tool_calls=calls),
            Message("tool", "t", tool_call_id="a"),
            Message("user", "after a stop"),
            Message("assistant", ""),
            Message("user", "last"),
        ]
    )
    assert [message.role for message in found] == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert found[1].text == "no answer came\n\nagain"
    assert found[-1].text == "after a stop\n\nlast"


@pytest.fixture
def converse(tmp_path, scripted):
    def start(*answers, settings=None, **options):
        model = scripted(*answers, **options)
        store = SettingsStore(tmp_path / "settings.json", environ={})
        store.save({"servers.ollama.base_url": model.url, "servers.openrouter.enabled": False, **(settings or {})})
        text = b'version 15.1 v3\nRoot {\n}\nGrade {\n inputs 0\n name Grade1\n label "' + b"note " * 900 + b'"\n}\n'
        session = ChatSession(DocumentHost(nk.loads(text)), store, Credentials())
        session.select_model("ollama", "scripted")
        events: list[object] = []
        session.subscribe(events.append)

        def run(work) -> None:
            async def main() -> None:
                try:
                    await asyncio.wait_for(work(), 60)
                finally:
                    await session.aclose()

            asyncio.run(main())

        return session, model, events, run

    return start


def test_a_long_conversation_is_cut_and_the_artist_is_told(converse):
    session, model, events, run = converse(LONG, capabilities=("completion",), settings={"conversation_tokens": 2000})

    async def work() -> None:
        for number in range(8):
            await session.send(f"question {number}")

    run(work)
    sent = [body["messages"] for body in model.asked]
    assert len(sent[2]) == 6
    assert len(sent[-1]) < 12
    assert "question 0" not in str(sent[-1])
    assert "question 7" in sent[-1][-1]["content"]
    told = [event for event in events if isinstance(event, NoticeArrived) and event.kind == "context_cut"]
    assert told
    assert "oldest" in told[0].text
    assert told[0].text.endswith("You can change it in Settings, under Limits.")
    assert told[0].setting == "conversation_tokens"
    assert len(session.messages) == 16


def test_a_small_model_gets_no_more_than_it_can_read(converse):
    # 2048 tokens in all, for the instructions, the script and the answer too.
    session, model, events, run = converse(LONG, capabilities=("completion",), context=2048)

    async def work() -> None:
        for number in range(5):
            await session.send(f"question {number}")

    run(work)
    assert len([event for event in events if isinstance(event, AnswerFinished)]) == 5
    assert "question 0" not in str(model.asked[-1])
    # No setting helps here, and none is named.
    told = [event for event in events if isinstance(event, NoticeArrived) and event.kind == "context_cut"]
    assert told
    assert not any(event.setting or "Settings" in event.text for event in told)


def test_what_tools_have_found_is_left_out_first_while_the_model_works(converse, scripted):
    rounds = [[scripted.call("get_node", node="Grade1", offset=0)], [scripted.call("graph_outline")]]
    session, model, events, run = converse(*rounds, *rounds, "It is a Grade.", settings={"conversation_tokens": 200})
    run(lambda: session.send("What is it?"))
    assert [event for event in events if isinstance(event, AnswerFinished)][-1].text == "It is a Grade."
    assert len([event for event in events if isinstance(event, ToolAnswered)]) == 4
    results = [message["content"] for message in model.asked[-1]["messages"] if message["role"] == "tool"]
    assert "Left out to save room" in results[0]
    assert "Left out to save room" not in results[-1]

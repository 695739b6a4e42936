"""Servers that say that a request is too long: less is sent, and the work goes on."""

from __future__ import annotations

import json

from nuke_ai_panel import nk
from nuke_ai_panel.agent.session import ChatSession
from nuke_ai_panel.agent.session_events import AnswerFailed, AnswerFinished, NoticeArrived
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.settings import SettingsStore

TOO_LONG = "request (9000 tokens) exceeds the available context size (8192 tokens)"
OUTLINE = ("graph_outline", {})
FIND = ("find_nodes", {})


async def test_results_of_earlier_rounds_make_room_for_later_ones(bench, says):
    work = bench()
    too_long = says(status=400, error=TOO_LONG)
    found = await work.run([says(calls=(OUTLINE,)), says(calls=(FIND,)), too_long, too_long, says("ok")])
    assert found.ended == "answered"
    results = [message["content"] for message in work.server.bodies[-1]["messages"] if message["role"] == "tool"]
    assert "Left out to save room" in results[0]
    assert "Left out to save room" not in results[1]
    assert len([event for event in work.of(NoticeArrived) if event.kind == "context_cut"]) == 2


async def test_a_request_that_cannot_be_made_shorter_fails(bench, says):
    work = bench()
    too_long = says(status=400, error=TOO_LONG)
    found = await work.run([too_long, too_long])
    assert found.ended == "error"


async def test_a_conversation_that_is_too_long_is_sent_with_less_of_it(tmp_path, model_server, says):
    refused = []

    def answer(body):
        sent = json.dumps(body["messages"])
        if sent.count("question") > 3:
            refused.append(sent)
            return says(status=400, error=TOO_LONG)
        return says("word " * 50)

    async with model_server(answer, ()) as server:
        store = SettingsStore(tmp_path / "settings.json", environ={})
        store.save({"servers.openai.base_url": server.url, "servers.openai.enabled": True})
        session = ChatSession(DocumentHost(nk.loads(b"version 15.1 v3\nRoot {\n}\n")), store, Credentials(environ={}))
        session.select_model("openai", "tiny")
        events = []
        session.subscribe(events.append)
        for number in range(6):
            await session.send(f"question {number}", mode="generate")
        await session.aclose()
    assert refused
    assert not [event for event in events if isinstance(event, AnswerFailed)]
    assert len([event for event in events if isinstance(event, AnswerFinished)]) == 6
    assert [event for event in events if isinstance(event, NoticeArrived) and event.kind == "context_cut"]

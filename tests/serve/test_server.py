"""The task server as its clients meet it: over HTTP on loopback, with a real model server behind it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import threading
import time

import aiohttp
import pytest

from nuke_ai_panel.cli.demo_answers import MENU
from nuke_ai_panel.cli.demo_server import DemoServer
from nuke_ai_panel.errors import RateLimitError, ValidationError
from nuke_ai_panel.messages import (
    Finished,
    ImageArrived,
    ImagePart,
    ModelLoading,
    Notice,
    ReasoningDelta,
    StreamStarted,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from nuke_ai_panel.serve import Limits, TaskServer

QUESTION = {"model": "ollama/demo", "messages": [{"role": "user", "content": "hello"}]}


def names(events):
    """The names of the events, each row of the same name once."""
    return [name for place, name in enumerate(each.name for each in events) if not place or events[place - 1].name != name]


def text_of(events):
    """The text of the first answer in `events`."""
    return "".join(event.data["text"] for event in events if event.name == "text" and not event.data.get("choice"))


async def until(condition):
    """Wait until `condition`, a function or a coroutine function, is true."""
    limit = time.monotonic() + 20
    while True:
        found = condition()
        if await found if asyncio.iscoroutine(found) else found:
            return
        assert time.monotonic() < limit, "it never came true"
        await asyncio.sleep(0.01)


class Script:
    """An answer whose events the test gives, one after the other."""

    def __init__(self):
        self.events = asyncio.Queue()
        self.asked = []
        self.closed = asyncio.Event()

    def __call__(self, question):
        self.asked.append(question)
        return self._answer()

    async def _answer(self):
        try:
            while True:
                event = await self.events.get()
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            self.closed.set()

    def say(self, *events):
        for event in events:
            self.events.put_nowait(TextDelta(event) if isinstance(event, str) else event)


# one answer, from question to end


async def test_question_is_answered_by_the_pipeline_of_the_public_calls(client, monkeypatch):
    with DemoServer(pause=0.0) as demo:
        monkeypatch.setenv("OLLAMA_HOST", demo.url)
        async with TaskServer() as server, client(server.url, server.token) as front:
            status, task = await front.call("POST", "/tasks", json=QUESTION)
            assert (status, task["state"], task["position"]) == (202, "running", 0)
            events = await front.events(task["id"])
            assert [name for name in names(events) if name != "notice"] == ["queued", "started", "text", "finished"]
            assert text_of(events) == MENU
            assert events[-1].data["usage"]["completion_tokens"] > 20
            _, read = await front.call("GET", f"/tasks/{task['id']}")
            assert (read["state"], read["text"], read["error"]) == ("finished", MENU, None)
            assert read["usage"] == events[-1].data["usage"]
            assert read["created"] <= read["started"] <= read["ended"]
            assert str(read["last_event_id"]) == events[-1].id


async def test_bare_prompt_is_a_question_too(client, model, monkeypatch):
    async with model() as ollama, TaskServer() as server, client(server.url, server.token) as front:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        ollama.say("yes", done=True)
        status, task = await front.call("POST", "/tasks", json={"model": "ollama/demo", "prompt": "is it?", "stream": True})
        assert status == 202
        assert text_of(await front.events(task["id"])) == "yes"
        assert ollama.questions[0]["messages"] == [{"role": "user", "content": "is it?"}]


async def test_every_kind_of_event_reaches_the_reader(client):
    script = Script()
    async with TaskServer(answer=script) as server, client(server.url, server.token) as front:
        task = await front.submit()
        script.say(
            ModelLoading(2.04),
            Notice("context", "The conversation is long."),
            StreamStarted("demo:latest"),
            ReasoningDelta("Let me see"),
            "It is",
            TextDelta("Or", 1),
            ToolCallDelta(0, "call_1", "render", '{"frame":'),
            ToolCallDelta(0, arguments=" 1}"),
            ImageArrived(ImagePart(b"\x89PNG", "image/png")),
            Finished("tool_calls", Usage(5, 6, cost=0.25), "demo:latest", (ToolCall("call_1", "render", '{"frame": 1}'),)),
        )
        events = await front.events(task)
        assert [event.name for event in events] == [
            *("queued", "started", "loading", "notice", "reasoning", "text", "text", "tool_call", "image", "finished")
        ]
        by_name = {event.name: event.data for event in events}
        assert by_name["loading"] == {"seconds": 2.0}
        assert by_name["notice"] == {"kind": "context", "text": "The conversation is long."}
        assert by_name["tool_call"] == {
            **{"index": 0, "choice": 0, "id": "call_1"},
            **{"name": "render", "arguments": '{"frame": 1}'},
        }
        assert base64.b64decode(by_name["image"]["data"]) == b"\x89PNG"
        assert by_name["finished"]["usage"] == {"prompt_tokens": 5, "completion_tokens": 6, "cost": 0.25}
        _, read = await front.call("GET", f"/tasks/{task}")
        assert (read["text"], read["model"]) == ("It is", "demo:latest")


async def test_answer_of_a_thread_is_followed_like_any_other(client):
    home = threading.get_ident()
    threads = []

    def local_model(question):
        threads.append(threading.get_ident())
        yield from question["messages"][0]["content"]

    async with TaskServer(answer=local_model) as server, client(server.url, server.token) as front:
        events = await front.events(await front.submit("spoken"))
        assert names(events) == ["queued", "started", "text", "finished"]
        assert text_of(events) == "spoken"
        assert home not in threads


async def test_cancelled_answer_of_a_thread_is_closed_in_its_thread(client):
    closed = threading.Event()

    def local_model(question):
        try:
            while True:
                yield "x"
        finally:
            closed.set()

    limits = Limits(answer=2**30)
    async with TaskServer(answer=local_model, limits=limits) as server, client(server.url, server.token) as front:
        task = await front.submit()
        await front.until(task, "running")
        _, read = await front.call("POST", f"/tasks/{task}/cancel")
        assert read["state"] == "cancelled"
        assert await asyncio.get_running_loop().run_in_executor(None, closed.wait, 20)


async def test_one_answer_is_followed_alike_by_an_iterator_a_callback_and_a_stream(client):
    script = Script()
    async with TaskServer(answer=script) as server, client(server.url, server.token) as front:
        task = await front.submit()
        log = server.queue.find(task).log
        shown = []
        log.listen(shown.append)

        async def iterate():
            return [event async for event in log.follow()]

        iterating = asyncio.ensure_future(iterate())
        script.say("a", "b", Finished("stop"))
        streamed = await front.events(task)
        iterated = await iterating
        assert [event.name for event in shown] == [event.name for event in iterated]
        for events in (shown, iterated):
            assert [(str(event.id), event.name, event.data) for event in events][-1] == (
                streamed[-1].id,
                "finished",
                streamed[-1].data,
            )
            assert text_of(events) == text_of(streamed) == "ab"


# following


async def test_cut_connection_is_resumed_without_loss_or_repetition(client, model, monkeypatch):
    async with model() as ollama, TaskServer() as server, client(server.url, server.token) as front:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        task = await front.submit()
        pieces = [f"word{number} " for number in range(60)]
        got = []
        ollama.say(*pieces[:20])
        for cut in range(4):
            async with front.follow(task, got[-1].id if got else None) as response:
                async for event in front.read(response):
                    got.append(event)
                    if len(text_of(got)) > cut * 60 + 30:
                        # Closes the connection in the middle of the answer.
                        response.close()
                        break
            ollama.say(*pieces[20 + cut * 10 : 30 + cut * 10])
        ollama.say(done=True)
        async with front.follow(task, got[-1].id) as response:
            got += [event async for event in front.read(response)]
        assert text_of(got) == "".join(pieces)
        assert [event.name for event in got].count("queued") == 1
        assert got[-1].name == "finished"


async def test_late_reader_gets_everything_from_the_start(client):
    script = Script()
    async with TaskServer(answer=script, limits=Limits(log=5)) as server, client(server.url, server.token) as front:
        task = await front.submit()
        texts = [f"{number}," for number in range(500)]
        script.say(*texts, Finished("stop"))
        await front.until(task, "finished")
        events = await front.events(task)
        assert names(events) == ["queued", "started", "text", "finished"]
        assert text_of(events) == "".join(texts)
        assert len(events) < 20


async def test_place_may_be_given_in_the_address(client):
    script = Script()
    async with TaskServer(answer=script) as server, client(server.url, server.token) as front:
        task = await front.submit()
        script.say("abcdef", Finished("stop"))
        await front.until(task, "finished")
        # Two events of one step come before the text.
        async with front.session.get(f"{front.url}/tasks/{task}/events", params={"after": 2 + 3}) as response:
            assert text_of([event async for event in front.read(response)]) == "def"


async def test_reader_that_has_everything_is_told_not_to_come_back(client):
    script = Script()
    async with TaskServer(answer=script) as server, client(server.url, server.token) as front:
        task = await front.submit()
        script.say(Finished("stop"))
        events = await front.events(task)
        async with front.follow(task, events[-1].id) as response:
            assert response.status == 204


@pytest.mark.parametrize("place", ["-1", "x", "9999", "1.5", "٣"])
async def test_place_that_was_never_sent_is_refused(client, place):
    script = Script()
    async with TaskServer(answer=script) as server, client(server.url, server.token) as front:
        task = await front.submit()
        status, answer = await front.call("GET", f"/tasks/{task}/events", params={"after": place})
        assert (status, answer["error"]["field"]) == (400, "after")
        script.say(Finished("stop"))


async def test_silence_is_bridged_by_comments(client):
    script = Script()
    limits = Limits(keep_alive=0.05)
    async with TaskServer(answer=script, limits=limits) as server, client(server.url, server.token) as front:
        task = await front.submit()
        comments = []
        async with front.follow(task) as response:
            async for event in front.read(response, comments):
                if event.name == "started":
                    asyncio.get_running_loop().call_later(0.5, script.say, Finished("stop"))
        assert comments


async def test_slow_reader_does_not_slow_the_others(client):
    script = Script()
    async with TaskServer(answer=script) as server, client(server.url, server.token) as front:
        task = await front.submit()
        async with front.follow(task) as slow:
            assert slow.status == 200
            # Far more than sockets and buffers between the two hold.
            texts = [chr(ord("a") + number % 26) * 100_000 for number in range(104)]
            for text in texts:
                script.say(text)
            script.say(Finished("stop"))
            fast = await front.events(task)
            assert text_of(fast) == "".join(texts)
            assert not slow.content.at_eof()
            # It loses nothing either.
            rest = b""
            while piece := await slow.content.readany():
                rest += piece
            assert rest.count(b"event: finished") == 1
            assert sum(rest.count(letter) for letter in (b"aaaaaaaaaa", b"zzzzzzzzzz")) == 8 * 10_000


async def no_reader(front):
    return not (await front.call("GET", "/health"))[1]["readers"]


async def test_reader_that_takes_nothing_is_cut_off(client):
    script = Script()
    limits = Limits(write=0.2)
    async with TaskServer(answer=script, limits=limits) as server, client(server.url, server.token) as front:
        task = await front.submit()
        async with front.follow(task) as stuck:
            for _ in range(120):
                script.say("x" * 100_000)
            await until(lambda: no_reader(front))
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await stuck.read()
        await front.call("DELETE", f"/tasks/{task}")


async def test_readers_are_bounded(client):
    script = Script()
    async with TaskServer(answer=script, limits=Limits(readers=1)) as server, client(server.url, server.token) as front:
        task = await front.submit()
        async with front.follow(task) as first:
            assert first.status == 200
            status, answer = await front.call("GET", f"/tasks/{task}/events")
            assert (status, answer["error"]["kind"]) == (503, "busy")
        await until(lambda: no_reader(front))
        script.say(Finished("stop"))
        assert names(await front.events(task))[-1] == "finished"


# cancelling


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/tasks/{}"), ("POST", "/tasks/{}/cancel")])
async def test_cancelling_closes_the_connection_to_the_model_server(client, model, monkeypatch, method, path):
    async with model() as ollama, TaskServer() as server, client(server.url, server.token) as front:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        task = await front.submit()
        ollama.say("half")
        async with front.follow(task) as response:
            events = []
            async for event in front.read(response):
                events.append(event)
                if event.name == "text":
                    status, read = await front.call(method, path.format(task))
                    assert (status, read["state"], read["text"]) == (200, "cancelled", "half")
        assert names(events)[-2:] == ["text", "cancelled"]
        assert events[-1].data == {"reason": "requested"}
        await asyncio.wait_for(ollama.gone.wait(), 20)
        # Nothing happens after its end.
        assert (await front.call("POST", f"/tasks/{task}/cancel"))[1]["state"] == "cancelled"


async def test_ended_task_can_be_forgotten(client):
    script = Script()
    async with TaskServer(answer=script) as server, client(server.url, server.token) as front:
        task = await front.submit()
        script.say("text", Finished("stop"))
        await front.until(task, "finished")
        assert (await front.call("DELETE", f"/tasks/{task}"))[1]["text"] == "text"
        assert (await front.call("GET", f"/tasks/{task}"))[0] == 404


async def test_waiting_task_is_cancelled_before_it_is_asked(client):
    script = Script()
    limits = Limits(concurrency=1)
    async with TaskServer(answer=script, limits=limits) as server, client(server.url, server.token) as front:
        running = await front.submit("first")
        waiting = [await front.submit(f"waiting {number}") for number in range(3)]
        assert [(await front.call("GET", f"/tasks/{task}"))[1]["position"] for task in waiting] == [1, 2, 3]
        async with front.follow(waiting[2]) as response:
            told = []
            async for event in front.read(response):
                told.append((event.name, event.data["position"]))
                if len(told) == 2:
                    break
                await front.call("DELETE", f"/tasks/{waiting[1]}")
        assert told == [("queued", 3), ("queued", 2)]
        assert [(await front.call("GET", f"/tasks/{task}"))[1]["position"] for task in waiting] == [1, 0, 2]
        assert names(await front.events(waiting[1])) == ["queued", "cancelled"]
        script.say(Finished("stop"), Finished("stop"), Finished("stop"))
        events = await front.events(waiting[2])
        assert names(events) == ["queued", "started", "finished"]
        asked = [question["messages"][0]["content"] for question in script.asked]
        assert asked == ["first", "waiting 0", "waiting 2"]
        assert (await front.until(running, "finished"))["text"] == ""


# bounds and keeping


async def test_queue_is_bounded(client):
    script = Script()
    limits = Limits(concurrency=1, waiting=2)
    async with TaskServer(answer=script, limits=limits) as server, client(server.url, server.token) as front:
        for _ in range(3):
            await front.submit()
        async with front.session.post(f"{front.url}/tasks", json=QUESTION) as response:
            assert response.status == 429
            assert int(response.headers["Retry-After"]) > 0
            assert (await response.json())["error"]["kind"] == "queue_full"
        assert (await front.call("GET", "/health"))[1]["tasks"] == {"queued": 2, "running": 1, "kept": 0}


async def test_waiting_questions_are_bounded_in_size(client):
    limits = Limits(concurrency=1, waiting_size=10_000)
    async with TaskServer(answer=Script(), limits=limits) as server, client(server.url, server.token) as front:
        for _ in range(2):
            await front.submit("x" * 8_000)
        status, _ = await front.call("POST", "/tasks", json={**QUESTION, "user": "x" * 8_000})
        assert status == 429


async def test_question_is_bounded_in_size(client):
    async with TaskServer(answer=Script(), limits=Limits(body=1000)) as server, client(server.url, server.token) as front:
        status, answer = await front.call("POST", "/tasks", json={**QUESTION, "user": "x" * 2000})
        assert (status, answer["error"]["kind"]) == (413, "too_large")


async def test_answer_is_bounded_in_size(client):
    script = Script()
    limits = Limits(answer=10_000)
    async with TaskServer(answer=script, limits=limits) as server, client(server.url, server.token) as front:
        task = await front.submit()
        script.say(*("x" * 1000 for _ in range(20)))
        events = await front.events(task)
        assert events[-1].data["error"]["kind"] == "answer_too_large"
        await asyncio.wait_for(script.closed.wait(), 20)


async def test_ended_tasks_are_kept_in_a_bounded_number(client):
    limits = Limits(kept=3)
    async with TaskServer(answer=lambda _: ["x"], limits=limits) as server, client(server.url, server.token) as front:
        tasks = []
        for _ in range(5):
            tasks.append(await front.submit())
            await front.until(tasks[-1], "finished")
        _, listed = await front.call("GET", "/tasks")
        assert [task["id"] for task in listed["tasks"]] == tasks[:1:-1]
        assert all("text" not in task for task in listed["tasks"])
        assert (await front.call("GET", f"/tasks/{tasks[0]}"))[0] == 404


async def test_ended_tasks_are_kept_for_a_bounded_time_and_size(client):
    limits = Limits(kept_seconds=0.3)
    async with TaskServer(answer=lambda _: ["x"], limits=limits) as server, client(server.url, server.token) as front:
        task = await front.submit()
        await front.events(task)
        await until(lambda: not server.queue.counts["kept"])
        assert (await front.call("GET", f"/tasks/{task}"))[0] == 404
    limits = Limits(kept_size=1500)
    async with TaskServer(answer=lambda _: ["x" * 500], limits=limits) as server, client(server.url, server.token) as front:
        for _ in range(3):
            await front.events(await front.submit())
        assert server.queue.counts["kept"] == 1


async def test_server_that_ends_gives_readers_their_last_event(client, model, monkeypatch):
    async with model() as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        server = TaskServer(limits=Limits(concurrency=1))
        await server.start()
        async with client(server.url, server.token) as front:
            running, waiting = await front.submit(), await front.submit()
            ollama.say("half")

            async def follow(task, seen):
                async with front.follow(task) as response:
                    async for event in front.read(response):
                        seen.append(event)
                return seen

            seen = [[], []]
            following = [asyncio.ensure_future(follow(*each)) for each in zip((running, waiting), seen)]
            await until(lambda: any(event.name == "text" for event in seen[0]) and seen[1])
            started = time.monotonic()
            await server.stop()
            await server.stop()
            assert time.monotonic() - started < 10
            for events in await asyncio.gather(*following):
                assert (events[-1].name, events[-1].data) == ("cancelled", {"reason": "shutdown"})
            await asyncio.wait_for(ollama.gone.wait(), 20)
            with pytest.raises(aiohttp.ClientConnectionError):
                await front.call("GET", "/health")


# failures


async def test_failure_is_an_event_and_a_state_with_a_typed_error(client):
    script = Script()
    async with TaskServer(answer=script) as server, client(server.url, server.token) as front:
        task = await front.submit()
        script.say("half", RateLimitError("Slow down.", provider="openrouter", status=429, retry_after=7.0, next_step="Wait."))
        events = await front.events(task)
        error = events[-1].data["error"]
        assert events[-1].name == "failed"
        assert error == {
            **{"type": "RateLimitError", "kind": "rate_limit", "message": "Slow down.", "next_step": "Wait."},
            **{"provider": "openrouter", "status": 429, "retry_after": 7.0},
        }
        _, read = await front.call("GET", f"/tasks/{task}")
        assert (read["state"], read["text"], read["error"]) == ("failed", "half", error)


async def test_answer_without_its_last_event_is_a_failure(client):
    async def cut(question):
        yield TextDelta("half")

    async with TaskServer(answer=cut) as server, client(server.url, server.token) as front:
        events = await front.events(await front.submit())
        assert events[-1].data["error"]["type"] == "StreamInterruptedError"


async def test_failure_of_the_model_server_keeps_the_prompt_to_itself(client, model, monkeypatch, caplog):
    secret = "the unreleased film's title is Perpendicular Sunrise"
    caplog.set_level(logging.DEBUG)
    async with model() as ollama, TaskServer() as server, client(server.url, server.token) as front:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        # Servers like to quote what they refuse.
        ollama.refusal = (400, f"invalid message: {secret[:45]}")
        events = await front.events(await front.submit(secret))
        error = events[-1].data["error"]
        assert (events[-1].name, error["type"]) == ("failed", "BadRequestError")
        assert "Perpendicular" not in json.dumps([event.data for event in events])
        assert "unreleased" not in json.dumps(error)
        token = server.token
    assert "Perpendicular" not in caplog.text
    assert token not in caplog.text


async def test_defect_of_an_answer_is_a_failure_without_its_words(client, caplog):
    def broken(question):
        raise KeyError(question["messages"][0]["content"])

    async with TaskServer(answer=broken) as server, client(server.url, server.token) as front:
        task = await front.submit("the secret prompt")
        events = await front.events(task)
        assert events[-1].data["error"]["kind"] == "internal"
        _, listed = await front.call("GET", "/tasks")
    assert "secret" not in json.dumps([events[-1].data, listed])
    assert "secret" not in caplog.text
    assert "KeyError" in caplog.text


# questions that are wrong


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": "demo"}, "model"),
        ({"model": None}, "model"),
        ({"model": "nobody/demo"}, "model"),
        ({"messages": "hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"prompt": "and a prompt"}, "prompt"),
        ({"temperature": 9}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": 1}, "stream"),
        ({"colour": "red"}, "colour"),
        ({"timeout": -1}, "timeout"),
        ({"base_url": "http://example.invalid"}, "base_url"),
        ({"api_key": "sk-0123456789"}, "api_key"),
        ({"ca_file": "/etc/passwd"}, "ca_file"),
        ({"attachments": ["/etc/passwd"]}, "attachments"),
    ],
)
async def test_wrong_question_is_refused_before_it_is_queued(client, change, field):
    async with TaskServer() as server, client(server.url, server.token) as front:
        status, answer = await front.call("POST", "/tasks", json={**QUESTION, **change})
        assert status == 400
        assert answer["error"]["type"] == "ValidationError"
        assert answer["error"]["field"] == field
        assert (await front.call("GET", "/tasks"))[1] == {"tasks": []}


async def test_fields_of_a_task_are_those_that_were_judged_safe(client):
    # A new argument of the public calls fails here until somebody has thought of what it does in a stranger's hand.
    async with TaskServer() as server, client(server.url, server.token) as front:
        _, answer = await front.call("POST", "/tasks", json={**QUESTION, "colour": "red"})
    assert answer["error"]["allowed"].split(", ") == [
        *("carry_features", "chunk_timeout", "connect_timeout", "context_length", "extra", "extra_body", "fallback_models"),
        *("first_byte_timeout", "frequency_penalty", "keep_alive", "max_completion_tokens", "max_retries", "max_tokens"),
        *("messages", "model", "models", "n", "presence_penalty", "reasoning", "reasoning_effort", "response_format", "seed"),
        *("stop", "stream_options", "temperature", "timeout", "tool_choice", "tools", "top_p", "user"),
    ]


async def test_refusal_does_not_repeat_what_was_asked(client):
    async with TaskServer() as server, client(server.url, server.token) as front:
        for messages in ("the secret prompt", [{"role": "the secret prompt", "content": "x"}], ["the secret prompt"]):
            status, answer = await front.call("POST", "/tasks", json={"model": "ollama/demo", "messages": messages})
            assert status == 400
            assert "secret" not in json.dumps(answer)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"a": NaN}', b"[" * 100_000])
async def test_body_that_is_no_json_object_is_refused(client, body):
    async with TaskServer() as server, client(server.url, server.token) as front:
        status, answer = await front.call("POST", "/tasks", data=body, headers={"Content-Type": "application/json"})
        assert (status, answer["error"]["field"]) == (400, "body")


async def test_every_refusal_has_one_shape(client):
    async with TaskServer() as server, client(server.url, server.token) as front:
        for method, path, status in (
            ("GET", "/", 404),
            ("GET", "/tasks/unknown", 404),
            ("GET", "/tasks/unknown/events", 404),
            ("PUT", "/tasks", 405),
            ("OPTIONS", "/tasks", 405),
            ("DELETE", "/health", 405),
        ):
            answered, value = await front.call(method, path)
            assert answered == status
            assert list(value) == ["error"]
            assert {"type", "kind", "message"} <= set(value["error"])
        answered, value = await front.call("POST", "/tasks", data=json.dumps(QUESTION), headers={"Content-Type": "text/plain"})
        assert (answered, value["error"]["kind"]) == (415, "media_type")


# who may speak to it


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", "Basic {}", "{}", "Bearer {}x", "Bearer \xe9"])
async def test_request_without_the_token_is_refused(given):
    async with TaskServer() as server, aiohttp.ClientSession() as session:
        headers = {} if given is None else {"Authorization": given.format(server.token)}
        for method, path in (("GET", "/health"), ("GET", "/tasks"), ("POST", "/tasks"), ("GET", "/nowhere")):
            async with session.request(method, server.url + path, headers=headers, json=QUESTION) as response:
                assert response.status == 401
                assert response.headers["WWW-Authenticate"] == "Bearer"
                assert (await response.json())["error"]["kind"] == "token"
        async with session.get(f"{server.url}/health", params={"token": server.token}) as response:
            assert response.status == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil", "[", "8.8.8.8"]
)
async def test_foreign_host_is_refused_although_the_token_is_right(client, host):
    async with TaskServer() as server, client(server.url, server.token) as front:
        status, answer = await front.call("GET", "/health", headers={"Host": host})
        assert (status, answer["error"]["kind"]) == (403, "foreign_host")


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1", "[::1]:80", "LOCALHOST"])
async def test_names_of_this_machine_are_let_in(client, host):
    async with TaskServer() as server, client(server.url, server.token) as front:
        assert (await front.call("GET", "/health", headers={"Host": host}))[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://", "https://localhost"])
async def test_page_of_another_origin_is_refused_although_the_token_is_right(client, origin):
    async with TaskServer() as server, client(server.url, server.token) as front:
        status, answer = await front.call("GET", "/health", headers={"Origin": origin})
        assert (status, answer["error"]["kind"]) == (403, "foreign_origin")
        assert (await front.call("GET", "/health", headers={"Origin": server.url}))[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.invalid", ""])
def test_address_of_other_machines_is_refused(host):
    with pytest.raises(ValidationError, match="this machine only"):
        TaskServer(host=host)


def has_ipv6():
    import socket

    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_server_listens_on_ipv6_too(client):
    async with TaskServer(answer=lambda _: ["x"], host="::1") as server, client(server.url, server.token) as front:
        assert server.url.startswith("http://[::1]:")
        assert (await front.call("GET", "/health"))[1]["status"] == "ok"


async def test_request_that_is_no_http_is_logged_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    async with TaskServer() as server:
        reader, writer = await asyncio.open_connection(*server.url.removeprefix("http://").split(":"))
        writer.write(b"GET /tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret-token\x00\r\n\r\n")
        assert b"400" in await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert "secret-token" not in caplog.text

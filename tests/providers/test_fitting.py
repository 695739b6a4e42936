"""What a model lacks is refused before it is sent, or carried: the same events, whatever the server and the rung."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace

import pytest

from nuke_ai_panel.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    ModelNotFoundError,
    ProtocolError,
    StreamInterruptedError,
    StreamStalledError,
    UnsupportedFeatureError,
    ValidationError,
)
from nuke_ai_panel.messages import (
    AudioPart,
    ChatRequest,
    FilePart,
    Finished,
    ImagePart,
    JsonSchema,
    Message,
    Notice,
    ReasoningDelta,
    StreamStarted,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
)
from nuke_ai_panel.providers.base import Deadlines, Server, collect
from nuke_ai_panel.providers.ollama_provider import OllamaProvider
from nuke_ai_panel.providers.openai_provider import OpenaiProvider
from nuke_ai_panel.providers.openrouter_provider import OpenrouterProvider

TOOL = Tool(
    "set_knob",
    "Set a knob of a node.",
    {
        "type": "object",
        "properties": {"node": {"type": "string"}, "value": {"$ref": "#/$defs/number"}},
        "required": ["node"],
        "$defs": {"number": {"type": "number"}},
    },
)
OTHER = Tool("undo", "Take back the last change.")
SCHEMA = JsonSchema({"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]})
CALL = '{"name": "set_knob", "arguments": {"node": "Blur1", "value": 12}}'
ARGUMENTS = '{"node": "Blur1", "value": 12}'
WHOLE = Deadlines(silence=5)


@dataclass
class Wire:
    """One protocol as a server on loopback speaks it."""

    name: str
    features: dict = field(default_factory=dict)

    def provider(self, server, deadlines=WHOLE):
        made = {"ollama": OllamaProvider, "openrouter": OpenrouterProvider, "openai": OpenaiProvider}[self.name]
        return made(Server(server.url, "local-key", deadlines=deadlines))

    @property
    def chat(self):
        return "POST /api/chat" if self.name == "ollama" else "POST /v1/chat/completions"

    @property
    def asks(self):
        return "POST /api/show" if self.name == "ollama" else "GET /v1/models"

    def about(self, *abilities, context=8192, most=2048):
        """What the server tells of the model: it has `abilities` and no others."""
        if self.name == "ollama":
            names = {"tools": "tools", "images": "vision", "audio": "audio", "reasoning": "thinking", "chat": "completion"}
            told = [names[each] for each in abilities if each in names]
            fields = {"general.architecture": "llama", "llama.context_length": context}
            return json.dumps({"capabilities": told, "model_info": fields}).encode()
        inputs = {"images": "image", "audio": "audio", "files": "file"}
        parameters = {"tools": "tools", "reasoning": "reasoning", "json_schema": "structured_outputs"}
        entry = {
            "id": "tiny",
            "context_length": context,
            "architecture": {
                "input_modalities": ["text", *(inputs[each] for each in abilities if each in inputs)],
                "output_modalities": ["text"] if "chat" in abilities else ["image"],
            },
            "top_provider": {"max_completion_tokens": most},
            "supported_parameters": ["temperature", *(parameters[each] for each in abilities if each in parameters)],
        }
        return json.dumps({"data": [entry]}).encode()

    def says(self, *texts, reason="stop", ended=True):
        """An answer of these pieces of text."""
        if self.name == "ollama":
            lines = [{"model": "tiny", "message": {"role": "assistant", "content": text}, "done": False} for text in texts]
            end = [{"model": "tiny", "message": {"content": ""}, "done": True, "done_reason": reason, "eval_count": 3}]
            return tuple(json.dumps(line).encode() + b"\n" for line in (*lines, *(end if ended else ())))
        chunks = [{"model": "tiny", "choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
        end = [{"model": "tiny", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}]
        steps = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in (*chunks, *(end if ended else ()))]
        return (*steps, b"data: [DONE]\n\n") if ended else tuple(steps)

    def calls(self, name, arguments):
        """An answer that is a call of the server's own kind."""
        if self.name == "ollama":
            call = {"function": {"name": name, "arguments": json.loads(arguments)}, "id": "own"}
            line = {"model": "tiny", "message": {"content": "", "tool_calls": [call]}, "done": True, "done_reason": "stop"}
            return (json.dumps(line).encode() + b"\n",)
        call = {"index": 0, "id": "own", "function": {"name": name, "arguments": arguments}}
        delta = {"model": "tiny", "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
        return (b"data: " + json.dumps(delta).encode() + b"\n\n", b"data: [DONE]\n\n")

    def refuses(self, message):
        if self.name == "ollama":
            return json.dumps({"error": message}).encode()
        return json.dumps({"error": {"code": 400, "message": message}}).encode()

    @property
    def media_type(self):
        return "application/x-ndjson" if self.name == "ollama" else "text/event-stream"

    def form(self, body):
        """The schema that the server was told to hold the answer to."""
        if self.name == "ollama":
            return body.get("format")
        return body.get("response_format", {}).get("json_schema", {}).get("schema")


BOTH = pytest.mark.parametrize("wire", [Wire("ollama"), Wire("openrouter")], ids=lambda wire: wire.name)
ALL = pytest.mark.parametrize("wire", [Wire("ollama"), Wire("openrouter"), Wire("openai")], ids=lambda wire: wire.name)


def ask(**fields):
    return ChatRequest("tiny", fields.pop("messages", (Message("user", "Blur it."),)), **fields)


def serve(wire, scripted, reply, about, *answers):
    """A server that tells `about` its model and gives `answers`, each steps of a stream or a whole refusal."""
    replies = [
        answer if isinstance(answer, reply) else reply(tuple(answer), content_type=wire.media_type) for answer in answers
    ]
    routes = {wire.asks: about if isinstance(about, (reply, list)) else reply((about,)), wire.chat: replies}
    return scripted({**routes, "GET /api/ps": reply((b'{"models": []}',))})


def chats(wire, server):
    return [request.body for request in server.received if f"{request.method} {request.path}" == wire.chat]


async def events_of(wire, server, request, deadlines=WHOLE):
    provider = wire.provider(server, deadlines)
    try:
        return [event async for event in provider.stream(request)]
    finally:
        await provider.aclose()


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def text_of(events):
    return "".join(event.text for event in of_kind(events, TextDelta))


def notices(events):
    return [event.kind for event in of_kind(events, Notice) if event.kind != "context"]


# refused


REFUSED = {
    "tools": {"tools": (TOOL,)},
    "images": {"messages": (Message("user", "x", (ImagePart(b"\x89PNG", "image/png"),)),)},
    "audio": {"messages": (Message("user", "x", (AudioPart(b"RIFF"),)),)},
    "files": {"messages": (Message("user", "x", (FilePart("a.pdf", b"%PDF"),)),)},
    "reasoning": {"reasoning": True},
}


# OpenRouter reads documents for models that cannot.
REFUSING = [
    (Wire(name), feature) for feature in REFUSED for name in ("ollama", "openai" if feature == "files" else "openrouter")
]


@pytest.mark.parametrize(("wire", "feature"), REFUSING, ids=lambda each: getattr(each, "name", each))
async def test_feature_that_the_model_lacks_is_refused_before_it_is_sent(scripted, reply, wire, feature):
    async with serve(wire, scripted, reply, wire.about("chat"), wire.says("x")) as server:
        with pytest.raises(UnsupportedFeatureError) as caught:
            await events_of(wire, server, ask(**REFUSED[feature]))
        assert chats(wire, server) == []
    error = caught.value
    assert (error.provider, error.kind) == (wire.name, f"unsupported_{feature}")
    assert "'tiny'" in error.message
    assert error.next_step.startswith("Choose a model that can")


@BOTH
@pytest.mark.parametrize("feature", ["tools", "images", "reasoning"])
async def test_feature_that_the_model_has_is_sent(scripted, reply, wire, feature):
    about = wire.about("chat", "tools", "images", "audio", "files", "reasoning")
    async with serve(wire, scripted, reply, about, wire.says("x")) as server:
        assert text_of(await events_of(wire, server, ask(**REFUSED[feature]))) == "x"
        assert len(chats(wire, server)) == 1


async def test_schema_is_refused_where_the_server_says_that_it_holds_nobody_to_one(scripted, reply):
    wire = Wire("openrouter")
    async with serve(wire, scripted, reply, wire.about("chat", "tools"), wire.says("x")) as server:
        with pytest.raises(UnsupportedFeatureError, match="schema") as caught:
            await events_of(wire, server, ask(response_format=SCHEMA))
        assert chats(wire, server) == []
    assert caught.value.kind == "unsupported_json_schema"


@BOTH
async def test_model_that_cannot_chat_is_refused(scripted, reply, wire):
    async with serve(wire, scripted, reply, wire.about("tools"), wire.says("x")) as server:
        with pytest.raises(UnsupportedFeatureError, match="cannot chat"):
            await events_of(wire, server, ask(tools=(TOOL,)))
        assert chats(wire, server) == []


async def test_plain_talk_asks_nothing_where_nothing_depends_on_it(scripted, reply):
    wire = Wire("openrouter")
    async with serve(wire, scripted, reply, wire.about("chat"), wire.says("x")) as server:
        await events_of(wire, server, ask(temperature=1, max_tokens=4096))
        assert [request.path for request in server.received] == ["/v1/chat/completions"]


@BOTH
async def test_more_tokens_than_the_model_can_write_are_refused_with_the_limit(scripted, reply, wire):
    about = wire.about("chat", context=8192, most=8192)
    async with serve(wire, scripted, reply, about, wire.says("x"), wire.says("x")) as server:
        with pytest.raises(ValidationError, match="8192") as caught:
            await events_of(wire, server, ask(max_tokens=8193))
        assert (caught.value.field, caught.value.value, caught.value.allowed) == ("max_tokens", "8193", "1 to 8192")
        assert chats(wire, server) == []
        await events_of(wire, server, ask(max_tokens=8192))
        assert len(chats(wire, server)) == 1


@BOTH
async def test_tools_that_may_not_be_called_are_left_out(scripted, reply, wire):
    async with serve(wire, scripted, reply, wire.about("chat"), wire.says("x")) as server:
        await events_of(wire, server, ask(tools=(TOOL,), tool_choice="none"))
        assert "tools" not in chats(wire, server)[0]


# a server that does not tell


@ALL
@pytest.mark.parametrize("status", [404, 500, 200])
async def test_server_that_cannot_tell_is_asked_again_only_later(scripted, reply, wire, status):
    about = reply((b'{"surprise": 1}' if status == 200 else wire.refuses("something broke"),), status=status)
    if wire.name == "ollama" and status == 404:
        about = reply((b"404 page not found",), status=404, content_type="text/plain")
    answers = [wire.calls("set_knob", ARGUMENTS)] * 2
    async with serve(wire, scripted, reply, about, *answers) as server:
        # Retrying a failed question is no part of this.
        provider = wire.provider(server, Deadlines(retries=0))
        for _ in range(2):
            answer = await provider.complete(ask(tools=(TOOL,)))
            assert answer.tool_calls == (ToolCall("own", "set_knob", answer.tool_calls[0].arguments),)
        await provider.aclose()
        assert sum(f"{request.method} {request.path}" == wire.asks for request in server.received) == 1


@BOTH
async def test_server_that_keeps_silent_about_the_model_is_waited_for_a_short_time_only(scripted, reply, wire):
    about = reply((asyncio.Event(),))
    async with serve(wire, scripted, reply, about, wire.says("x")) as server:
        events = await events_of(wire, server, ask(tools=(TOOL,)), Deadlines(call=0.3, retries=0))
        assert text_of(events) == "x"


@ALL
async def test_failures_that_stop_a_chat_as_well_are_told_at_once(scripted, reply, wire, unused_port):
    refusal = reply((wire.refuses("no auth credentials found"),), status=401)
    async with serve(wire, scripted, reply, refusal, wire.says("x")) as server:
        with pytest.raises(AuthenticationError):
            await events_of(wire, server, ask(tools=(TOOL,)))
        assert chats(wire, server) == []
        server.url = f"http://127.0.0.1:{unused_port}"
        with pytest.raises(ConnectionFailedError):
            await events_of(wire, server, ask(tools=(TOOL,)))
    wire = Wire("ollama")
    missing = reply((wire.refuses("model 'tiny' not found"),), status=404)
    async with serve(wire, scripted, reply, missing, wire.says("x")) as server:
        with pytest.raises(ModelNotFoundError):
            await events_of(wire, server, ask(tools=(TOOL,)))
        assert chats(wire, server) == []


@BOTH
async def test_many_requests_at_once_ask_about_the_model_once(scripted, reply, wire):
    async with serve(wire, scripted, reply, wire.about("chat", "tools"), wire.calls("set_knob", ARGUMENTS)) as server:
        provider = wire.provider(server)
        await asyncio.gather(*(provider.complete(ask(tools=(TOOL,))) for _ in range(20)))
        await provider.aclose()
        assert sum(f"{request.method} {request.path}" == wire.asks for request in server.received) == 1
        assert len(chats(wire, server)) == 20


# carried: tools


@BOTH
async def test_native_tools_stay_native(scripted, reply, wire):
    async with serve(wire, scripted, reply, wire.about("chat", "tools"), wire.calls("set_knob", ARGUMENTS)) as server:
        events = await events_of(wire, server, ask(tools=(TOOL,), carry_features=True))
        assert chats(wire, server)[0]["tools"][0]["function"]["name"] == "set_knob"
    assert notices(events) == []
    assert events[-1].tool_calls[0].id == "own"


def check_call(events, text=""):
    """These events are those of a native call."""
    assert [type(event) for event in events if not isinstance(event, (Notice, TextDelta))] == [
        StreamStarted,
        ToolCallDelta,
        Finished,
    ]
    (delta,) = of_kind(events, ToolCallDelta)
    assert delta == ToolCallDelta(0, "call_0", "set_knob", ARGUMENTS)
    assert events[-1].reason == "tool_calls"
    assert events[-1].tool_calls == (ToolCall("call_0", "set_knob", ARGUMENTS),)
    assert text_of(events) == text
    assert notices(events) == ["tools_carried"]


@BOTH
async def test_tools_are_carried_by_a_schema(scripted, reply, wire):
    about = wire.about("chat", "json_schema")
    spelled = CALL.replace("name", "tool")
    answers = (wire.says(*spelled), wire.says('{"answer": "Do', 'ne.\\n"}'))
    async with serve(wire, scripted, reply, about, *answers) as server:
        check_call(await events_of(wire, server, ask(tools=(TOOL, OTHER), carry_features=True)))
        answered = await events_of(wire, server, ask(tools=(TOOL, OTHER), carry_features=True))
        body = chats(wire, server)[0]
    assert [event.text for event in of_kind(answered, TextDelta)] == ["Do", "ne.\n"]
    assert answered[-1].reason == "stop"
    assert answered[-1].tool_calls == ()
    assert "tools" not in body
    one, two, answer = wire.form(body)["anyOf"]
    assert one["properties"]["tool"]["enum"] == ["set_knob"]
    # A reference points into the tool's own schema, so it cannot stay one.
    assert one["properties"]["arguments"]["properties"] == {"node": {"type": "string"}, "value": {"type": "number"}}
    assert two["properties"]["tool"]["enum"] == ["undo"]
    assert answer["properties"] == {"answer": {"type": "string"}}
    system = body["messages"][0]
    assert system["role"] == "system"
    assert "Set a knob of a node." in system["content"]
    assert body["messages"][1]["content"] == "Blur it."


async def test_tools_are_carried_by_blocks_where_there_is_no_schema_either(scripted, reply):
    wire = Wire("openrouter")
    text = f"I set it.\n\n```tool_call\n{CALL}\n```"
    async with serve(wire, scripted, reply, wire.about("chat"), wire.says(text), wire.says(*text)) as server:
        for _ in range(2):
            check_call(await events_of(wire, server, ask(tools=(TOOL,), carry_features=True)), "I set it.")
        body = chats(wire, server)[0]
    assert "tools" not in body
    assert "response_format" not in body
    assert "```tool_call" in body["messages"][0]["content"]


@BOTH
@pytest.mark.parametrize("blocks", [False, True], ids=["schema", "blocks"])
async def test_carried_call_is_the_same_at_every_split(scripted, reply, wire, blocks):
    # A schema that refers to itself cannot stand inside another one.
    endless = {"type": "object", "properties": {"node": {"$ref": "#"}}}
    tool = replace(TOOL, parameters=endless) if blocks else TOOL
    text = f"Ok.\n```tool_call\n{CALL}\n```\n" if blocks else CALL.replace("name", "tool")
    splits = [(text[:place], text[place:]) for place in range(1, len(text))]
    async with serve(
        wire, scripted, reply, wire.about("chat", "json_schema"), *(wire.says(*each) for each in splits)
    ) as server:
        provider = wire.provider(server)
        for _ in splits:
            events = [event async for event in provider.stream(ask(tools=(tool,), carry_features=True))]
            check_call(events, "Ok." if blocks else "")
        await provider.aclose()
        assert (wire.form(chats(wire, server)[0]) is None) == blocks


@BOTH
async def test_text_streams_before_the_call_is_whole(scripted, reply, wire):
    go_on = asyncio.Event()
    first, second = wire.says("Let me ", ended=False), wire.says(f"look.\n```tool_call\n{CALL}\n```")
    endless = replace(TOOL, parameters={"type": "object", "properties": {"node": {"$ref": "#"}}})
    async with serve(wire, scripted, reply, wire.about("chat"), (*first, go_on, *second)) as server:
        provider = wire.provider(server)
        seen = []
        async for event in provider.stream(ask(tools=(endless,), carry_features=True)):
            seen.append(event)
            if isinstance(event, TextDelta):
                go_on.set()
        await provider.aclose()
    check_call(seen, "Let me look.")
    assert of_kind(seen, TextDelta)[0].text == "Let me "


@BOTH
async def test_conversation_with_calls_is_told_in_words(scripted, reply, wire):
    messages = (
        Message("system", "Be brief."),
        Message("user", "Blur it."),
        Message(
            "assistant",
            "Two steps.",
            tool_calls=(ToolCall("a", "set_knob", ARGUMENTS), ToolCall("b", "undo", "")),
            reasoning="r",
        ),
        Message("tool", "done ```x```", tool_call_id="a", tool_name="set_knob"),
        Message("tool", "nothing", tool_call_id="b", tool_name="undo"),
        Message("user", "Go on."),
    )
    endless = replace(TOOL, parameters={"type": "object", "properties": {"node": {"$ref": "#"}}})
    answers = [wire.says(f"```tool_call\n{CALL}")] * 3
    async with serve(wire, scripted, reply, wire.about("chat", "json_schema"), *answers) as server:
        events = await events_of(wire, server, ask(messages=messages, tools=(endless,), carry_features=True))
        await events_of(wire, server, ask(messages=messages, tools=(TOOL,), carry_features=True))
        await events_of(wire, server, ask(messages=messages, carry_features=True))
        blocks, form, none = (body["messages"] for body in chats(wire, server))
    # Identifiers of calls go on counting, so that none comes twice in a conversation.
    assert events[-1].tool_calls[0].id == "call_2"
    for sent in (blocks, form, none):
        assert [message["role"] for message in sent] == ["system", "user", "assistant", "user", "user"]
        assert not any("tool_calls" in message for message in sent)
        assert sent[0]["content"].startswith("Be brief.")
        assert "````tool_result\ndone ```x```\n````" in sent[3]["content"]
        assert "nothing" in sent[3]["content"]
    assert blocks[2]["content"].startswith(f'Two steps.\n\n```tool_call\n{{"name": "set_knob", "arguments": {ARGUMENTS}}}\n```')
    assert '{"name": "undo", "arguments": {}}' in blocks[2]["content"]
    assert form[2]["content"].startswith(f'Two steps.\n\n{{"tool": "set_knob", "arguments": {ARGUMENTS}}}')
    assert none[0]["content"] == "Be brief."


@BOTH
@pytest.mark.parametrize("choice", ["required", "set_knob"])
async def test_choice_of_a_tool_is_kept(scripted, reply, wire, choice):
    about = wire.about("chat", "json_schema")
    async with serve(wire, scripted, reply, about, wire.says(CALL.replace("name", "tool"))) as server:
        request = ask(tools=(TOOL, OTHER), tool_choice=choice, carry_features=True)
        check_call(await events_of(wire, server, request))
        form = wire.form(chats(wire, server)[0])
    branches = form.get("anyOf", [form])
    assert all("tool" in branch["properties"] for branch in branches)
    assert len(branches) == (2 if choice == "required" else 1)


@BOTH
async def test_call_that_is_cut_by_the_limit_keeps_its_arguments(scripted, reply, wire):
    about = wire.about("chat", "json_schema")
    async with serve(
        wire, scripted, reply, about, wire.says('{"tool": "set_knob", "arguments": {"no', reason="length")
    ) as server:
        events = await events_of(wire, server, ask(tools=(TOOL,), carry_features=True))
    assert events[-1].reason == "length"
    assert events[-1].tool_calls == (ToolCall("call_0", "set_knob", '{"no'),)


@BOTH
async def test_carried_tools_and_a_schema_go_together(scripted, reply, wire):
    about = wire.about("chat", "json_schema")
    answers = (wire.says(CALL.replace("name", "tool")), wire.says('{"answer": {"size"', ": 3}}"))
    request = ask(tools=(TOOL,), response_format=SCHEMA, carry_features=True)
    async with serve(wire, scripted, reply, about, *answers) as server:
        check_call(await events_of(wire, server, request))
        events = await events_of(wire, server, request)
        assert wire.form(chats(wire, server)[0])["anyOf"][1]["properties"] == {"answer": SCHEMA.schema}
    assert text_of(events) == '{"size": 3}'


async def test_neither_tools_nor_schema_are_there(scripted, reply):
    wire = Wire("openrouter")
    request = ask(tools=(TOOL,), response_format=SCHEMA, carry_features=True)
    answers = (wire.says(f"So:\n```tool_call\n{CALL}\n```"), wire.says("Here:\n```json\n", '{"size": 3}\n```'))
    async with serve(wire, scripted, reply, wire.about("chat"), *answers) as server:
        called = await events_of(wire, server, request)
        answered = await events_of(wire, server, request)
        body = chats(wire, server)[0]
    assert called[-1].tool_calls == (ToolCall("call_0", "set_knob", ARGUMENTS),)
    assert text_of(called) == "So:"
    assert text_of(answered) == '{"size": 3}'
    assert notices(called) == ["tools_carried", "schema_carried"]
    assert "response_format" not in body
    assert json.dumps(SCHEMA.schema) in body["messages"][0]["content"]


# carried: a schema


async def schema_answer(scripted, reply, *texts, reason="stop"):
    wire = Wire("openrouter")
    async with serve(wire, scripted, reply, wire.about("chat", "tools"), wire.says(*texts, reason=reason)) as server:
        return await events_of(wire, server, ask(response_format=SCHEMA, carry_features=True))


async def test_schema_is_carried_in_words_and_only_the_json_comes_out(scripted, reply):
    text = 'Sure:\n\n```json\n{"size": 3}\n```\nAnything else?'
    for place in range(1, len(text), 5):
        events = await schema_answer(scripted, reply, text[:place], text[place:])
        assert text_of(events) == '{"size": 3}'
        assert events[-1].reason == "stop"
        assert notices(events) == ["schema_carried"]


@pytest.mark.parametrize(
    ("text", "said"), [('{"size": "big"}', "integer"), ("I cannot.", "no JSON"), ('```json\n{"size": 3', "broken")]
)
async def test_answer_that_does_not_follow_the_schema_is_an_error_that_keeps_it(scripted, reply, text, said):
    with pytest.raises(ProtocolError, match=said) as caught:
        await schema_answer(scripted, reply, text)
    assert caught.value.kind == "not_the_schema"
    assert caught.value.provider == "openrouter"
    assert caught.value.partial_text == text.replace("```json\n", "")


async def test_answer_that_is_cut_by_the_limit_is_not_held_to_the_schema(scripted, reply):
    events = await schema_answer(scripted, reply, '{"size": ', reason="length")
    assert events[-1].reason == "length"
    assert text_of(events) == '{"size": '


async def test_native_calls_pass_where_only_the_schema_is_carried(scripted, reply):
    wire = Wire("openrouter")
    async with serve(wire, scripted, reply, wire.about("chat", "tools"), wire.calls("set_knob", ARGUMENTS)) as server:
        request = ask(tools=(TOOL,), response_format=SCHEMA, carry_features=True)
        events = await events_of(wire, server, request)
        assert chats(wire, server)[0]["tools"]
    assert events[-1].tool_calls == (ToolCall("own", "set_knob", ARGUMENTS),)


# what a server says only when it is asked


def refusal(wire, reply, words):
    return reply((wire.refuses(words),), status=400)


@ALL
async def test_refusal_at_run_time_goes_down_the_ladder_and_is_remembered(scripted, reply, wire):
    unknown = reply((b"404 page not found",), status=404, content_type="text/plain")
    spelled = CALL.replace("name", "tool")
    answers = (
        refusal(wire, reply, "registry.ollama.ai/library/tiny:latest does not support tools"),
        wire.says(spelled),
        wire.says(spelled),
    )
    async with serve(wire, scripted, reply, unknown, *answers) as server:
        provider = wire.provider(server)
        request = ask(tools=(TOOL,), carry_features=True)
        for _ in range(2):
            check_call([event async for event in provider.stream(request)])
        await provider.aclose()
        assert ["tools" in body for body in chats(wire, server)] == [True, False, False]


@ALL
@pytest.mark.parametrize(
    "words",
    [
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "tools param requires --jinja flag",
        "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
    ],
    ids=["vllm", "llamacpp", "lmstudio"],
)
async def test_server_that_was_started_without_tools_is_told_of_them_in_words(scripted, reply, wire, words):
    unknown = reply((b"404 page not found",), status=404, content_type="text/plain")
    answers = (refusal(wire, reply, words), wire.says(CALL.replace("name", "tool")))
    async with serve(wire, scripted, reply, unknown, *answers) as server:
        check_call(await events_of(wire, server, ask(tools=(TOOL,), carry_features=True)))
        assert ["tools" in body for body in chats(wire, server)] == [True, False]


@ALL
async def test_ladder_goes_down_to_its_last_rung(scripted, reply, wire):
    unknown = reply((b"404 page not found",), status=404, content_type="text/plain")
    answers = (
        refusal(wire, reply, "tools are not supported by this model"),
        refusal(wire, reply, "anyOf is something we have never heard of"),
        wire.says(f"```tool_call\n{CALL}\n```"),
    )
    async with serve(wire, scripted, reply, unknown, *answers) as server:
        check_call(await events_of(wire, server, ask(tools=(TOOL,), carry_features=True)))
        first, second, third = chats(wire, server)
    assert "tools" in first
    assert wire.form(second)
    assert not wire.form(third)
    assert "tools" not in third


@ALL
async def test_schema_refused_at_run_time_is_carried(scripted, reply, wire):
    unknown = reply((b"404 page not found",), status=404, content_type="text/plain")
    answers = (refusal(wire, reply, "this model does not support response_format json_schema"), wire.says('{"size": 3}'))
    async with serve(wire, scripted, reply, unknown, *answers) as server:
        events = await events_of(wire, server, ask(response_format=SCHEMA, carry_features=True))
    assert text_of(events) == '{"size": 3}'
    assert notices(events) == ["schema_carried"]


@ALL
async def test_refusal_at_run_time_is_an_error_where_nothing_may_be_carried(scripted, reply, wire):
    unknown = reply((b"404 page not found",), status=404, content_type="text/plain")
    async with serve(wire, scripted, reply, unknown, refusal(wire, reply, "tiny does not support tools")) as server:
        with pytest.raises(UnsupportedFeatureError):
            await events_of(wire, server, ask(tools=(TOOL,)))
        assert len(chats(wire, server)) == 1


@ALL
@pytest.mark.parametrize("words", ["image input is not supported", "the request exceeds the available context size"])
async def test_other_refusals_are_no_reason_to_go_down(scripted, reply, wire, words):
    unknown = reply((b"404 page not found",), status=404, content_type="text/plain")
    async with serve(wire, scripted, reply, unknown, refusal(wire, reply, words)) as server:
        with pytest.raises((UnsupportedFeatureError, BadRequestError)):
            await events_of(wire, server, ask(tools=(TOOL,), carry_features=True))
        assert len(chats(wire, server)) == 1


@BOTH
@pytest.mark.parametrize("fault", ["CUT", "ABORT", "FOREVER"])
async def test_fault_in_a_carried_answer_keeps_the_text(scripted, reply, wire, fault):
    endless = replace(TOOL, parameters={"type": "object", "properties": {"node": {"$ref": "#"}}})
    steps = (*wire.says("Let me", " look.\n``", ended=False), getattr(scripted, fault))
    async with serve(wire, scripted, reply, wire.about("chat"), steps) as server:
        with pytest.raises((StreamInterruptedError, StreamStalledError)) as caught:
            await events_of(wire, server, ask(tools=(endless,), carry_features=True), Deadlines(silence=0.4, retries=0))
        assert len(chats(wire, server)) == 1
    assert caught.value.partial_text == "Let me look.\n``"


async def test_reasoning_and_several_answers_pass_through(scripted, reply):
    wire = Wire("openai")
    texts = ((0, "Hello"), (1, f"```tool_call\n{CALL}\n```"), (0, " there."))
    chunks = [{"index": 0, "delta": {"reasoning_content": "Hm."}}]
    chunks += [{"index": choice, "delta": {"content": text}} for choice, text in texts]
    chunks += [{"index": choice, "delta": {}, "finish_reason": "stop"} for choice in (0, 1)]
    steps = [b"data: " + json.dumps({"model": "tiny", "choices": [chunk]}).encode() + b"\n\n" for chunk in chunks]
    unknown = reply((b"404 page not found",), status=404, content_type="text/plain")
    endless = replace(TOOL, parameters={"type": "object", "properties": {"node": {"$ref": "#"}}})
    answers = (refusal(wire, reply, "tiny does not support tools"), (*steps, b"data: [DONE]\n\n"))
    async with serve(wire, scripted, reply, unknown, *answers) as server:
        events = await events_of(wire, server, ask(tools=(endless,), n=2, carry_features=True))
    assert of_kind(events, ReasoningDelta) == [ReasoningDelta("Hm.")]
    assert events[-1].reason == "stop"
    (other,) = events[-1].others
    assert other.reason == "tool_calls"
    assert other.tool_calls == (ToolCall("call_0", "set_knob", ARGUMENTS),)

    async def replay():
        for event in events:
            yield event

    answer = await collect(replay())
    assert answer.text == "Hello there."
    assert answer.others[0].tool_calls == other.tool_calls

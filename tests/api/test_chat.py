from __future__ import annotations

import asyncio
import json

import pytest

from nuke_ai_panel import (
    APIError,
    AuthenticationError,
    ChatCompletion,
    Completion,
    ModelNotFoundError,
    RequestTimeoutError,
    StreamInterruptedError,
    StreamStalledError,
    ValidationError,
)
from nuke_ai_panel.api.responses import TokenUsage
from nuke_ai_panel.messages import ImagePart, JsonSchema, Message, TextPart, Tool

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


TOLD = {"role": "tool", "tool_call_id": "call-9", "content": "done"}


# an answer


@pytest.mark.parametrize("model", ["ollama/tiny", "openai/tiny"])
def test_create_returns_the_answer_in_the_shape_of_the_field(server, hello, model):
    response = ChatCompletion.create(model=model, messages=hello)
    assert response.choices[0].message.content == "Hello there"
    assert response.choices[0].message.role == "assistant"
    assert response.choices[0].message.tool_calls is None
    assert response.choices[0].finish_reason == "stop"
    assert (response.usage.prompt_tokens, response.usage.completion_tokens, response.usage.total_tokens) == (5, 3, 8)
    assert (response.model, response.provider) == ("tiny", model.partition("/")[0])
    assert response.id
    assert response.created > 1_500_000_000


async def test_acreate_returns_the_same_and_the_cost(server, hello):
    response = await ChatCompletion.acreate("openai/tiny", hello)
    assert response.choices[0].message.content == "Hello there"
    assert response.usage.cost == 0.25


def test_answers_can_be_dumped_under_the_names_of_the_field(server, hello):
    response = ChatCompletion.create("openai/tools", hello)
    assert response.model_dump() == response.to_dict()
    assert json.loads(response.model_dump_json(indent=2)) == response.to_dict()
    assert "content" not in response.choices[0].message.model_dump(exclude_none=True)
    again = ChatCompletion.create("openai/tiny", [*hello, response.choices[0].message.model_dump(exclude_none=True), TOLD])
    assert again.choices[0].message.content == "Hello there"
    for chunk in ChatCompletion.create("openai/tiny", hello, stream=True):
        assert chunk.model_dump() == chunk.to_dict()
        assert json.loads(chunk.choices[0].delta.model_dump_json()) == chunk.choices[0].delta.to_dict()


def test_parts_of_the_tokens_are_where_the_field_has_them():
    usage = TokenUsage(8, 5, 13, cached_tokens=3, reasoning_tokens=2)
    assert (usage.prompt_tokens_details.cached_tokens, usage.completion_tokens_details.reasoning_tokens) == (3, 2)
    unsaid = TokenUsage()
    assert (unsaid.prompt_tokens_details.cached_tokens, unsaid.completion_tokens_details.reasoning_tokens) == (None, None)


def test_to_dict_is_the_json_form_of_the_field(server, hello):
    found = json.loads(json.dumps(ChatCompletion.create("openai/tools", hello).to_dict()))
    assert found["object"] == "chat.completion"
    assert found["choices"][0]["finish_reason"] == "tool_calls"
    message = found["choices"][0]["message"]
    assert message["content"] is None
    call = {"id": "call-9", "type": "function", "function": {"name": "blur", "arguments": '{"size": 3}'}}
    assert message["tool_calls"] == [call]
    assert found["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "cost": 0.25}


def test_tool_calls_are_objects_and_the_message_goes_into_the_next_call(server, hello):
    message = ChatCompletion.create("openai/tools", hello).choices[0].message
    call = message.tool_calls[0]
    assert (call.id, call.type, call.function.name, call.function.arguments) == ("call-9", "function", "blur", '{"size": 3}')
    for form in (message, message.to_dict()):
        answer = {"role": "tool", "tool_call_id": call.id, "content": "done"}
        ChatCompletion.create("openai/tiny", [*hello, form, answer])
        sent = server.of("/v1/chat/completions")[-1]["messages"]
        assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == "call-9"


def test_completion_answers_a_bare_prompt(server):
    response = Completion.create(model="ollama/tiny", prompt="say hello", max_tokens=5)
    assert (response.choices[0].text, response.choices[0].finish_reason) == ("Hello there", "stop")
    assert json.loads(json.dumps(response.to_dict()))["object"] == "text_completion"
    assert [message["content"] for message in server.of("/api/chat")[-1]["messages"]] == ["say hello"]
    pieces = list(Completion.create(model="ollama/tiny", prompt="say hello", stream=True))
    assert "".join(piece.choices[0].text for piece in pieces) == "Hello there"
    assert pieces[-1].usage.total_tokens == 8


# what is sent


def sent_for(server, **arguments):
    ChatCompletion.create("openai/tiny", **{"messages": [{"role": "user", "content": "hi"}], **arguments})
    return server.of("/v1/chat/completions")[-1]


def test_arguments_reach_the_server(server):
    sent = sent_for(
        server,
        temperature=0.5,
        top_p=0.9,
        max_completion_tokens=7,
        stop="END",
        seed=3,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        user="me",
        tools=[{"type": "function", "function": {"name": "blur", "description": "d", "parameters": {"type": "object"}}}],
        tool_choice={"type": "function", "function": {"name": "blur"}},
        response_format={"type": "json_object"},
        extra_body={"own_field": 1},
    )
    assert {name: sent[name] for name in ("temperature", "top_p", "seed", "user", "own_field")} == {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "user": "me",
        "own_field": 1,
    }
    assert 7 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))
    assert sent["stop"] in ("END", ["END"])
    assert sent["tools"][0]["function"]["name"] == "blur"
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "blur"}}
    assert sent["response_format"] == {"type": "json_object"}


def test_our_own_values_are_taken_as_well(server):
    sent = sent_for(
        server,
        messages=[Message("system", "short"), Message("user", "hi", parts=(TextPart("there"),))],
        tools=[Tool("blur", "d")],
        response_format=JsonSchema({"type": "object", "properties": {}}, "shape"),
    )
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["tools"][0]["function"]["name"] == "blur"
    assert sent["response_format"]["json_schema"]["name"] == "shape"


def test_json_schema_in_the_form_of_the_field(server):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "numbers", "schema": schema, "strict": True}}
    assert sent_for(server, response_format=form)["response_format"] == form


def test_content_parts_are_carried(server):
    parts = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": "http://127.0.0.1/picture.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]
    content = sent_for(server, messages=[{"role": "user", "content": parts}])["messages"][0]["content"]
    assert content[0] == {"type": "text", "text": "what is this?"}
    assert content[1]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    assert content[2]["image_url"]["url"] == "http://127.0.0.1/picture.png"
    assert content[3]["input_audio"] == {"data": "UklGRg==", "format": "wav"}
    assert content[4]["file"]["file_data"] == "data:application/pdf;base64,JVBERi0="


def test_what_is_not_sent_is_told(server):
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "high"}}
    messages = [{"role": "user", "name": "Ann", "content": [{"type": "text", "text": "look"}, part]}]
    notices = [notice.text for notice in ChatCompletion.create("openai/tiny", messages).notices if notice.kind == "ignored"]
    assert any("detail" in text for text in notices)
    assert any("Ann" in text for text in notices)


def test_attachments_are_checked_and_go_with_the_last_message(server, tmp_path):
    import base64

    (tmp_path / "a.png").write_bytes(base64.b64decode(PNG))
    (tmp_path / "notes.txt").write_text("remember", encoding="utf-8")
    content = sent_for(server, attachments=[tmp_path / "a.png", str(tmp_path / "notes.txt")])["messages"][-1]["content"]
    assert content[0]["text"] == "hi"
    assert content[1]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    assert "remember" in content[2]["text"]
    before = len(server.requests)
    (tmp_path / "plate.exr").write_bytes(b"\x76\x2f\x31\x01" + bytes(100))
    for attachments in ([tmp_path / "plate.exr"], [tmp_path / "gone.png"], "notes.txt", [5]):
        with pytest.raises(ValidationError):
            sent_for(server, attachments=attachments)
    assert len(server.requests) == before


# what is refused, without a request


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ({"temprature": 1}, "temprature", "Did you mean 'temperature'?"),
        ({"store": True}, "store", "'store'. A field of the server's own protocol goes into extra_body"),
        ({"request_timeout": 3}, "request_timeout", "It is called 'timeout' here"),
        ({"extra_headers": {"X-Title": "x"}}, "extra_headers", "Headers and addresses of requests cannot be changed"),
        ({"timeout": 1e12}, "timeout", "above 0, at most"),
        ({"messages": [{"role": "user", "content": "x", "images": ["iVBO"]}]}, "messages[0].images", "part of content"),
        ({"messages": [{"role": "user", "content": "x", "audio": {"id": "a"}}]}, "messages[0].audio", "part of content"),
        ({"logit_bias": {}}, "logit_bias", "extra_body"),
        ({"model": "gpt-x"}, "model", "ollama/, openrouter/, openai/"),
        ({"model": "olama/tiny"}, "model", "Did you mean 'ollama/tiny'?"),
        ({"model": "ollama/"}, "model", "no model"),
        ({"model": None}, "model", "provider/model"),
        ({"messages": "hi"}, "messages", "list"),
        ({"messages": []}, "messages", "message"),
        ({"messages": [5]}, "messages[0]", "dict"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "text"),
        ({"messages": [{"role": "user", "content": "x", "colour": 1}]}, "messages[0].colour", "no field"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content[0].type", "image_url"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,!"}}]}
                ]
            },
            "messages[0].content[0].image_url.url",
            "base64",
        ),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens", "differ"),
        ({"stop": 5}, "stop", "text"),
        ({"tools": [{"type": "code"}]}, "tools[0].type", "function"),
        ({"tool_choice": {"name": "x"}}, "tool_choice", "auto"),
        ({"response_format": {"type": "xml"}}, "response_format", "json_schema"),
        ({"reasoning": {"budget": 5}}, "reasoning.budget", "extra_body"),
        ({"timeout": 0}, "timeout", "above 0"),
        ({"chunk_timeout": "5"}, "chunk_timeout", "above 0"),
        ({"max_retries": -1}, "max_retries", "0 to 10"),
        ({"temperature": 9}, "temperature", "2"),
        ({"stream": "yes"}, "stream", "True or False"),
        ({"base_url": "sk-0123456789abcdefghij"}, "", "API key"),
        ({"extra_body": 5}, "extra_body", "dict"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(server, hello, arguments, field, words):
    with pytest.raises(ValidationError) as caught:
        ChatCompletion.create(**{"model": "ollama/tiny", "messages": hello, **arguments})
    assert words in str(caught.value)
    if field:
        assert caught.value.field == field
    assert server.requests == []


PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
PAGE = {"type": "image_url", "image_url": {"url": "data:text/html;base64,aGk="}}
SAID = {"type": "text", "text": "Look"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("messages", "arguments", "field"),
    [
        ([{"role": "user", "content": "\ud800"}], {}, "messages[0].content"),
        ([{"role": "user", "content": [{"type": "text", "text": "\ud800"}]}], {}, "messages[0].content[0].text"),
        ([{"role": "user", "content": [SAID, {"type": "text", "text": "\ud800"}]}], {}, "messages[0].content[1].text"),
        ([{"role": "user", "content": [SAID, PAGE]}], {}, "messages[0].content[1].image_url.url"),
        ([{"role": "user", "content": [PICTURE, SAID, PAGE]}], {}, "messages[0].content[2].image_url.url"),
        (
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "W A V"}}]}],
            {},
            "messages[0].content[0].input_audio.format",
        ),
        (
            [{"role": "user", "content": [SAID, {"type": "file", "file": {"filename": "a/b", "file_data": "aGk="}}]}],
            {},
            "messages[0].content[1].file.filename",
        ),
        ([{"role": "assistant", "content": [SAID, PICTURE]}, {"role": "user", "content": "x"}], {}, "messages[0].content[1]"),
        ([{"role": "user", "content": "x"}], {"attachments": [ImagePart(b"x", "text/html")]}, "attachments[0]"),
        ([{"role": "user", "content": [SAID, PICTURE]}], {"attachments": [ImagePart(b"x", "text/html")]}, "attachments[0]"),
        ([Message("user", "x", (ImagePart(b"x", "text/html"),))], {}, "messages[0].parts[0].media_type"),
    ],
)
async def test_what_is_wrong_in_a_message_is_called_as_it_was_given(server, messages, arguments, field, stream):
    with pytest.raises(ValidationError) as caught:
        await ChatCompletion.acreate("openai/tiny", messages, stream=stream, **arguments)
    assert caught.value.field == field
    assert field in str(caught.value)
    assert server.requests == []


async def test_what_is_wrong_in_a_prompt_is_called_so(server):
    with pytest.raises(ValidationError, match=r"^prompt must be a text of whole characters"):
        await Completion.acreate("openai/tiny", "\ud800")
    assert server.requests == []


async def test_a_field_of_a_part_that_no_server_is_told_is_noted(server):
    marked = {**SAID, "cache_control": {"type": "ephemeral"}}
    answer = await ChatCompletion.acreate("openai/tiny", [{"role": "user", "content": [marked, PICTURE]}])
    assert [notice.text.partition(" ")[0] for notice in answer.notices] == ["messages[0].content[0].cache_control"]


async def test_the_default_provider_is_named_where_the_prefix_is_missing(server, hello, monkeypatch):
    monkeypatch.setenv("NUKE_AI_PANEL_PROVIDER", "ollama")
    with pytest.raises(ValidationError, match="'ollama/tiny'"):
        await ChatCompletion.acreate("tiny", hello)


async def test_a_model_name_keeps_what_follows_the_first_slash(server, hello):
    response = await ChatCompletion.acreate("openai/anthropic/claude", hello)
    assert response.choices[0].message.content == "Hello there"
    assert server.of("/v1/chat/completions")[-1]["model"] == "anthropic/claude"


# failures


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_raised_by_the_call_itself(server, hello, stream):
    with pytest.raises(ModelNotFoundError) as caught:
        ChatCompletion.create("ollama/missing", hello, stream=stream)
    assert caught.value.provider == "ollama"
    assert isinstance(caught.value, APIError)


async def test_a_broken_stream_keeps_its_text(server, hello):
    server.release.set()
    stream = await ChatCompletion.acreate("ollama/cut", hello, stream=True)
    with pytest.raises(StreamInterruptedError) as caught:
        async for _ in stream:
            pass
    assert caught.value.partial_text == stream.text == "half an "
    sync_stream = await asyncio.to_thread(ChatCompletion.create, "ollama/cut", hello, stream=True)
    with pytest.raises(StreamInterruptedError) as caught:
        await asyncio.to_thread(list, sync_stream)
    assert caught.value.partial_text == sync_stream.text == "half an "


def test_deadlines_of_one_call(server, hello):
    with pytest.raises(RequestTimeoutError):
        ChatCompletion.create("ollama/silent", hello, first_byte_timeout=0.3, max_retries=0)
    with pytest.raises(RequestTimeoutError):
        ChatCompletion.create("ollama/silent", hello, timeout=0.3)
    with pytest.raises(StreamStalledError) as caught:
        ChatCompletion.create("ollama/cut", hello, chunk_timeout=0.3)
    assert caught.value.partial_text == "half an "


# where a call goes, and with which key


def authorization(server):
    return [headers.get("Authorization") for path, headers, _ in server.requests if path.endswith("/chat/completions")]


def test_key_of_the_call_comes_before_the_environment_before_the_keyring(server, hello, monkeypatch, memory_keyring):
    memory_keyring.set_password("nuke-ai-panel", "openai", "key-of-the-ring")
    ChatCompletion.create("openai/tiny", hello)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    ChatCompletion.create("openai/tiny", hello)
    ChatCompletion.create("openai/tiny", hello, api_key="key-of-the-call")
    assert authorization(server) == ["Bearer key-of-the-ring", "Bearer key-of-the-environment", "Bearer key-of-the-call"]


def test_a_refused_key_is_read_again_with_the_next_call(server, hello, memory_keyring):
    memory_keyring.set_password("nuke-ai-panel", "openai", "old-key")
    with pytest.raises(AuthenticationError):
        ChatCompletion.create("openai/refused", hello)
    memory_keyring.set_password("nuke-ai-panel", "openai", "new-key")
    ChatCompletion.create("openai/tiny", hello)
    assert authorization(server) == ["Bearer old-key", "Bearer new-key"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_missing_key_tells_where_one_may_come_from(server, hello, stream):
    with pytest.raises(AuthenticationError) as caught:
        ChatCompletion.create("openai/refused", hello, stream=stream)
    assert "OPENAI_API_KEY" in str(caught.value)
    assert "No key is stored." in str(caught.value)


def test_base_url_of_the_call_comes_before_the_settings(server, start_server, hello):
    other = start_server()
    ChatCompletion.create("ollama/tiny", hello, base_url=other.url)
    assert server.requests == []
    assert other.of("/api/chat")


def test_local_only_is_obeyed(server, hello, monkeypatch):
    monkeypatch.setenv("NUKE_AI_PANEL_LOCAL_ONLY", "1")
    ChatCompletion.create("ollama/tiny", hello)
    with pytest.raises(ValidationError, match="Local only"):
        ChatCompletion.create("openai/tiny", hello, base_url="https://models.invalid/v1")


def test_an_address_that_the_studio_has_locked_stays(server, start_server, hello, monkeypatch, tmp_path):
    studio = tmp_path / "studio.json"
    studio.write_text(json.dumps({"servers.ollama.base_url": server.url, "locked": ["servers.ollama.base_url"]}))
    monkeypatch.setenv("NUKE_AI_PANEL_STUDIO_SETTINGS", str(studio))
    other = start_server()
    with pytest.raises(ValidationError, match="studio"):
        ChatCompletion.create("ollama/tiny", hello, base_url=other.url)
    ChatCompletion.create("ollama/tiny", hello, base_url=server.url)
    assert other.requests == []


def test_no_variable_of_a_traceback_shows_a_key(server, hello):
    import traceback

    key = "sk-marked-0123456789abcdef"
    for call in (
        lambda given: ChatCompletion.create("openai/refused", hello, **given),
        lambda given: ChatCompletion.create("openai/tiny", hello, **given, temprature=1),
        lambda given: asyncio.run(ChatCompletion.acreate("openai/refused", hello, **given, stream=True)),
    ):
        with pytest.raises((ValidationError, AuthenticationError)) as caught:
            call({"api_key": key})
        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        # What the caller holds is the caller's own.
        frames = [frame for frame in shown.stack if "nuke_ai_panel" in frame.filename]
        assert frames
        assert key not in "".join(map(str, (frame.locals for frame in frames)))
        assert key not in str(caught.value)


def test_image_part_values_are_taken_in_a_list(server, hello):
    messages = [{"role": "user", "content": [{"type": "text", "text": "x"}, ImagePart(url="http://127.0.0.1/a.png")]}]
    content = sent_for(server, messages=messages)["messages"][0]["content"]
    assert content[1]["image_url"]["url"] == "http://127.0.0.1/a.png"


# in a coroutine


async def test_sync_call_in_a_coroutine_names_the_async_twin(server, hello):
    with pytest.raises(RuntimeError, match=r"await ChatCompletion\.acreate\(\.\.\.\)"):
        ChatCompletion.create("ollama/tiny", hello)
    with pytest.raises(RuntimeError, match=r"await Completion\.acreate\(\.\.\.\)"):
        Completion.create("ollama/tiny", "hi")
    assert server.requests == []


def test_everything_that_a_call_raises_is_an_api_error(monkeypatch, tmp_path):
    (tmp_path / "settings.json").write_text("{")
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG_DIR", str(tmp_path))
    with pytest.raises(APIError) as unreadable:
        ChatCompletion.create("ollama/toy", [{"role": "user", "content": "hello"}])
    assert (unreadable.value.kind, unreadable.value.status) == ("settings", None)
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG_DIR", str(tmp_path / "empty"))
    with pytest.raises(APIError) as wrong:
        ChatCompletion.create("ollama/toy", [{"role": "user", "content": "hello"}], temperature="hot")
    assert (type(wrong.value).__name__, wrong.value.kind, wrong.value.field) == ("ValidationError", "validation", "temperature")
    assert (wrong.value.provider, wrong.value.partial_text, wrong.value.retry_after) == ("", "", None)

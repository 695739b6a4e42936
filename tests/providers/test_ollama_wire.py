"""The bodies that go to Ollama and the lines that come back: pure, checked against the published description and recordings."""

from __future__ import annotations

import importlib.util
import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuke_ai_panel.errors import (
    APIError,
    PaymentRequiredError,
    PermissionDeniedError,
    ServerError,
    UnsupportedFeatureError,
    ValidationError,
)
from nuke_ai_panel.messages import (
    AudioPart,
    ChatRequest,
    FilePart,
    Finished,
    ImageArrived,
    ImagePart,
    JsonSchema,
    Message,
    Notice,
    ReasoningDelta,
    StreamStarted,
    TextDelta,
    TextPart,
    Tool,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from nuke_ai_panel.net.payload import encode_json
from nuke_ai_panel.providers.ollama_context import ContextChooser
from nuke_ai_panel.providers.ollama_models import capabilities_in, details_in, listed_model, running_model
from nuke_ai_panel.providers.ollama_pull import PullReader
from nuke_ai_panel.providers.ollama_wire import OllamaReader, chat_body, generate_body
from nuke_ai_panel.providers.refusals import Speaker

SPEAKER = Speaker("ollama", "Ollama", "http://127.0.0.1:11434")
PNG = b"\x89PNG\r\n\x1a\nrest"
SCHEMA = {"type": "object", "properties": {"size": {"type": "number"}}, "required": ["size"]}
KNOB = Tool("set_knob", "Set a knob.", {"type": "object", "properties": {"node": {"type": "string"}}})
LIST = Tool("list_nodes", "List the nodes.")


def ask(*messages, **more):
    return ChatRequest("tiny", messages or (Message("user", "Hello"),), **more)


def sent(request):
    """The body as the server reads it."""
    return json.loads(encode_json(chat_body(request)))


FULL = ask(
    Message("system", "Be short."),
    Message("user", "Look", parts=(ImagePart(PNG, "image/png"), TextPart("at this"), ImagePart(b"\xff\xd8\xff", "image/jpeg"))),
    Message("assistant", "", tool_calls=(ToolCall("a1", "set_knob", '{"node": "Blur1"}'),), reasoning="Hm."),
    Message("tool", '{"ok": true}', tool_call_id="a1"),
    temperature=0.5,
    max_tokens=9,
    stop=("END",),
    top_p=0.9,
    seed=7,
    presence_penalty=0.1,
    frequency_penalty=0.2,
    tools=(KNOB, LIST),
    response_format=JsonSchema(SCHEMA),
    reasoning="low",
    context_length=8192,
    keep_alive="10m",
)


def test_body_holds_every_field_in_ollamas_words():
    body = sent(FULL)
    assert body["options"] == {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["END"],
        "num_predict": 9,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "num_ctx": 8192,
    }
    assert (body["format"], body["think"], body["keep_alive"], body["stream"]) == (SCHEMA, "low", "10m", True)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["set_knob", "list_nodes"]
    _, look, called, answered = body["messages"]
    assert look == {"role": "user", "content": "Look\nat this", "images": ["iVBORw0KGgpyZXN0", "/9j/"]}
    assert called["thinking"] == "Hm."
    assert called["tool_calls"] == [{"id": "a1", "function": {"index": 0, "name": "set_knob", "arguments": {"node": "Blur1"}}}]
    assert answered == {"role": "tool", "content": '{"ok": true}', "tool_name": "set_knob", "tool_call_id": "a1"}


def test_plain_body_holds_nothing_that_was_not_asked_for():
    assert sent(ask()) == {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "stream": True}


def test_off_is_sent_and_is_not_the_same_as_unset():
    body = sent(ask(reasoning=False, keep_alive=0, response_format="json", seed=0, temperature=0))
    assert (body["think"], body["keep_alive"], body["format"]) == (False, 0, "json")
    # The other servers' word for it.
    assert sent(ask(reasoning="none"))["think"] is False
    assert body["options"] == {"temperature": 0, "seed": 0}


def test_extra_wins_and_its_options_are_merged():
    body = sent(ask(temperature=0.5, seed=7, extra={"options": {"seed": 8, "top_k": 3}, "truncate": False, "model": "other"}))
    assert body["options"] == {"temperature": 0.5, "seed": 8, "top_k": 3}
    assert (body["truncate"], body["model"]) == (False, "other")


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ('{"a": {"b": [1]}}', {"a": {"b": [1]}}),
        ("", {}),
        ("  ", {}),
        ('{"a": ', {"arguments": '{"a": '}),
        ("[1, 2]", {"arguments": [1, 2]}),
        ('"text"', {"arguments": "text"}),
        ("null", {"arguments": None}),
        ('{"a": NaN}', {"arguments": '{"a": NaN}'}),
        ('{"a": "\\ud800"}', {"arguments": '{"a": "\\ud800"}'}),
        ("[" * 100_000, {"arguments": "[" * 100_000}),
    ],
)
def test_arguments_are_always_an_object_that_can_be_sent(written, arguments):
    body = sent(ask(Message("user", "x"), Message("assistant", tool_calls=(ToolCall("", "f", written),))))
    assert body["messages"][1]["tool_calls"] == [{"function": {"index": 0, "name": "f", "arguments": arguments}}]


@pytest.mark.parametrize(("choice", "names"), [("", 2), ("auto", 2), ("required", 2), ("none", 0), ("list_nodes", 1)])
def test_tool_choice_is_kept_by_what_is_offered(choice, names):
    body = sent(ask(tools=(KNOB, LIST), tool_choice=choice))
    assert len(body.get("tools", ())) == names


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (ImagePart(url="https://studio.example/plate.png"), "attach the picture itself"),
        (FilePart("notes.pdf", b"%PDF"), "text and pictures only"),
        (AudioPart(b"RIFF"), "text and pictures only"),
    ],
)
def test_part_that_cannot_be_sent_is_named(part, words):
    with pytest.raises(ValidationError, match=words) as caught:
        chat_body(ask(Message("user", "x"), Message("user", "y", parts=(part,))))
    assert caught.value.field.startswith("messages[1].parts[0]")
    assert caught.value.allowed


def test_completion_has_its_own_body():
    request = ask(Message("system", "Be short."), Message("user", "def blur(", parts=(ImagePart(PNG),)), max_tokens=5)
    assert json.loads(encode_json(generate_body(request, suffix=")", raw=True))) == {
        "model": "tiny",
        "system": "Be short.",
        "prompt": "def blur(",
        "images": ["iVBORw0KGgpyZXN0"],
        "suffix": ")",
        "raw": True,
        "stream": True,
        "options": {"num_predict": 5},
    }


@pytest.fixture(scope="module")
def published(shared):
    """The published description of Ollama's interface."""
    for needed in ("jsonschema", "yaml"):
        pytest.importorskip(needed)
    tool, path = shared / "tools" / "validate_wire.py", shared / "specs" / "ollama-openapi.yaml"
    if not tool.is_file() or not path.is_file():
        pytest.skip("the folder 'shared' holds no interface descriptions")
    loaded = importlib.util.spec_from_file_location("validate_wire", tool)
    module = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        return module.Spec(str(path))


def test_bodies_follow_the_published_description(published):
    assert published.request("POST", "/api/chat", sent(FULL)) == []
    assert published.request("POST", "/api/chat", sent(ask(reasoning=False, keep_alive=-1, response_format="json"))) == []
    completion = json.loads(encode_json(generate_body(ask(max_tokens=5, response_format=JsonSchema(SCHEMA)), suffix="x")))
    assert published.request("POST", "/api/generate", completion) == []
    assert published.request("POST", "/api/chat", dict(sent(FULL), keep_alive={})) != []


# Answers.


def read(*lines, model="tiny", **more):
    reader = OllamaReader(SPEAKER, model, **more)
    body = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    events = [*reader.feed(body), *reader.close()]
    if reader.failure is not None:
        raise reader.failure
    assert reader.is_complete
    return [*events, reader.finished()]


END = {"model": "tiny", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}


def test_counts_and_durations_become_the_usage():
    measured = {"prompt_eval_count": 50, "eval_count": 26, "load_duration": 1_500_000_000, "eval_duration": 28_874_000}
    usage = read({**END, **measured})[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (50, 26)
    assert (usage.load_seconds, usage.answer_seconds) == (pytest.approx(1.5), pytest.approx(0.028874))
    assert read(END)[-1].usage.load_seconds is None


CALL = {"id": "x1", "function": {"index": 0, "name": "set_knob", "arguments": {"node": "Blür1"}}}


@pytest.mark.parametrize("in_the_last_line", [True, False])
def test_calls_are_complete_wherever_they_come(in_the_last_line):
    second = {"function": {"name": "list_nodes", "arguments": {}}}
    message = {"role": "assistant", "content": "", "tool_calls": [CALL, second, {"function": None}, 3]}
    lines = [{**END, "message": message}] if in_the_last_line else [{**END, "message": message, "done": False}, END]
    events = read(*lines)
    assert [event.name for event in events if isinstance(event, ToolCallDelta)] == ["set_knob", "list_nodes"]
    assert events[-1].reason == "tool_calls"
    first, other = events[-1].tool_calls
    assert (first.id, first.name, first.arguments) == ("x1", "set_knob", '{"node": "Blür1"}')
    assert (other.name, other.arguments) == ("list_nodes", "{}")
    assert first.id != other.id


def test_calls_of_the_same_index_in_several_lines_stay_apart():
    lines = [{**END, "done": False, "message": {"tool_calls": [CALL]}} for _ in range(3)]
    assert [call.name for call in read(*lines, END)[-1].tool_calls] == ["set_knob"] * 3


def test_thinking_comes_before_the_words_of_its_line():
    events = read({**END, "message": {"thinking": "Hm.", "content": "Yes"}})
    assert [type(event) for event in events] == [StreamStarted, ReasoningDelta, TextDelta, Finished]


def test_lines_of_a_completion_are_read():
    events = read({"model": "tiny", "thinking": "Hm."}, {"model": "tiny", "response": "a"}, {"response": "b", "done": True})
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "ab"
    assert events[-1].model == "tiny"


def test_picture_in_an_answer_arrives():
    events = read({**END, "message": {"content": "", "images": ["iVBORw0KGgpyZXN0", "not base64!", 4]}})
    (arrived,) = [event for event in events if isinstance(event, ImageArrived)]
    assert (arrived.image.data, arrived.image.media_type) == (PNG, "image/png")


def test_answer_of_another_host_is_told():
    told = []

    def remote(model, host):
        told.append((model, host))
        return [Notice("other_model", "elsewhere")]

    events = read({**END, "remote_model": "gpt-oss:120b", "remote_host": "https://ollama.com:443"}, remote=remote)
    assert told == [("gpt-oss:120b", "https://ollama.com:443")]
    assert isinstance(events[-2], Notice)


def test_notices_at_the_end_come_before_finished():
    seen = []

    def at_end(usage, reason):
        seen.append((usage.prompt_tokens, reason))
        return [Notice("context_cut", "cut")]

    events = read({**END, "prompt_eval_count": 5, "done_reason": "length"}, at_end=at_end)
    assert seen == [(5, "length")]
    assert [type(event) for event in events[-2:]] == [Notice, Finished]


@pytest.mark.parametrize(
    ("said", "error", "kind"),
    [
        ('llama-server returned invalid tool call arguments for "f": unexpected end', ServerError, "broken_tool_call"),
        ("model requires more system memory (9.3 GiB) than is available (3.1 GiB)", ServerError, "out_of_memory"),
        ("ollama cloud is disabled: remote model is unavailable", PermissionDeniedError, "cloud_disabled"),
        ("registry.ollama.ai/library/tiny:latest does not support tools", UnsupportedFeatureError, "unsupported"),
        ("this model requires a subscription, upgrade for access: https://x", PaymentRequiredError, "paid_plan"),
        (
            "pull model manifest: 412: \n\nThe model you are attempting to pull requires a newer version of Ollama.\n",
            ServerError,
            "old_server",
        ),
    ],
)
def test_errors_in_the_stream_say_what_to_do(said, error, kind):
    with pytest.raises(error) as caught:
        read({"error": said})
    assert caught.value.kind == kind
    assert caught.value.next_step


def test_recorded_answers_with_tools_and_thinking_are_read(shared):
    path = shared / "recordings" / "ollama-0.33.0-rc2.jsonl"
    if not path.is_file():
        pytest.skip("the folder 'shared' holds no recording of Ollama")
    bodies = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        exchange = json.loads(line) if line.strip() else {}
        if exchange.get("path") == "/api/chat" and exchange["status"] == 200:
            bodies[exchange["name"]] = exchange["body"].encode()
    calls = read(bodies["tools-stream-2"])[-1]
    assert (calls.reason, [call.name for call in calls.tool_calls]) == ("tool_calls", ["list_nodes", "list_nodes"])
    assert calls.usage.prompt_tokens == 460
    plain = read(bodies["chat-plain"])
    assert plain[1].text.startswith("The roto has three read nodes")
    assert plain[-1].usage.load_seconds == pytest.approx(0.000858702)
    assert read(bodies["chat-stop"])[-1].reason == "stop"
    assert read(bodies["think-off"])[-1].reason == "length"
    assert read(bodies["unload"])[-1].reason == "stop"
    whole = bodies["chat-stream"]
    once = read(whole)
    reader = OllamaReader(SPEAKER, "tiny")
    assert [event for byte in whole for event in reader.feed(bytes((byte,)))] == once[:-1]


# What nobody expects.

_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from((10**400, -(10**400), 2**60))
    | st.integers()
    | st.floats()
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def _records(*names):
    return st.dictionaries(st.sampled_from(names), _ANY | st.just(True), max_size=len(names))


_CALLS = st.fixed_dictionaries({"tool_calls": st.lists(_records("id", "function", "index") | _ANY, max_size=3)})
_LINES = _records("model", "message", "response", "thinking", "done", "done_reason", "eval_count", "remote_model") | st.builds(
    lambda message, done: {"message": message, "done": done},
    _records("content", "thinking", "images", "tool_calls") | _CALLS | _ANY,
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_LINES | _ANY, max_size=4))
def test_no_answer_breaks_the_reader(lines):
    reader = OllamaReader(SPEAKER, "tiny", at_end=lambda usage, reason: [], remote=lambda model, host: [])
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    events = [*reader.feed(body), *reader.close()]
    assert all(event.text for event in events if isinstance(event, TextDelta))
    assert reader.failure is None or isinstance(reader.failure, APIError)
    assert all(call.name and call.arguments for call in reader.finished().tool_calls)


@settings(max_examples=150, deadline=None)
@given(
    _records("capabilities", "model_info", "details", "parameters", "template", "modified_at", "remote_host") | _ANY,
    st.lists(_records("status", "digest", "total", "completed", "error") | _ANY, max_size=4),
)
def test_no_word_on_a_model_breaks_us(answer, lines):
    capabilities_in(details_in("tiny", answer))
    if isinstance(answer, dict):
        running_model({**answer, "name": "tiny"})
        listed_model({**answer, "name": "tiny"})
    reader = PullReader(SPEAKER, "tiny")
    for step in reader.feed(b"".join(json.dumps(line).encode() + b"\n" for line in lines)):
        assert step.percent is None or 0 <= step.percent <= 100
    assert reader.failure is None or isinstance(reader.failure, APIError)


def test_download_of_endless_layers_is_no_download():
    reader = PullReader(SPEAKER, "tiny")
    for number in range(10_001):
        reader.feed(json.dumps({"status": "pulling", "digest": str(number), "total": 5}).encode() + b"\n")
    assert reader.failure is not None
    assert reader.failure.kind == "too_many_layers"


def test_absurd_numbers_count_for_nothing():
    absurd = {"prompt_eval_count": 10**400, "eval_count": -5, "load_duration": 10**400, "eval_duration": -(10**400)}
    chooser = ContextChooser()
    request = ask()
    events = read({**END, **absurd}, at_end=lambda usage, reason: chooser.learn(request, 4096, usage, reason))
    assert events[-1].usage == Usage()
    reader = PullReader(SPEAKER, "tiny")
    (step,) = reader.feed(
        json.dumps({"status": "pulling", "digest": "a", "total": 10**400, "completed": 10**400}).encode() + b"\n"
    )
    assert step.percent is None
    info = {"general.architecture": "a", "a.context_length": 10**400}
    assert details_in("tiny", {"model_info": info}).context_length is None

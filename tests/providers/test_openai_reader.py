"""The reader of OpenAI's protocol: pieces of calls, thoughts, pictures, refusals and usage, in every form that servers send."""

from __future__ import annotations

import base64
import json

import pytest

from nuke_ai_panel.errors import APIError, PermissionDeniedError, ServerError
from nuke_ai_panel.messages import Finished, ImageArrived, Notice, ReasoningDelta, StreamStarted, TextDelta, ToolCallDelta
from nuke_ai_panel.providers.openai_wire_reader import OpenaiReader
from nuke_ai_panel.providers.refusals import Speaker

SPEAKER = Speaker("openrouter", "OpenRouter", "http://127.0.0.1")
PNG = b"\x89PNG\r\n\x1a\n\x00"


def read(*chunks, choices=1, fallbacks=(), whole=False):
    """Every event of an answer with these chunks, with ``Finished`` at its end where it is complete."""
    reader = OpenaiReader(SPEAKER, "a/asked", choices, fallbacks)
    if whole:
        events = [*reader.feed(json.dumps(chunks[0]).encode()), *reader.close()]
    else:
        events = []
        for chunk in chunks:
            events += reader.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        events += reader.feed(b"data: [DONE]\n\n")
    if reader.failure is not None:
        raise reader.failure
    assert reader.is_complete
    return [*events, reader.finished()]


def delta(index=0, finish=None, **fields):
    return {"id": "gen-1", "model": "a/asked", "choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def fragment(identifier=None, name=None, arguments=None, index=None):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call = {"function": function}
    if identifier is not None:
        call["id"] = identifier
    if index is not None:
        call["index"] = index
    return call


def calls_of(events):
    return [(call.id, call.name, call.arguments) for call in events[-1].tool_calls]


# calls


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        pytest.param(
            [
                [fragment("x", "a", '{"k"', 0)],
                [fragment("y", "b", "{", 1)],
                [fragment(arguments=":1}", index=0), fragment(arguments="}", index=1)],
            ],
            [("x", "a", '{"k":1}'), ("y", "b", "{}")],
            id="interleaved by index",
        ),
        pytest.param(
            [[fragment("x", "a", '{"k"')], [fragment(arguments=":1}")], [fragment("y", "b", "{}")]],
            [("x", "a", '{"k":1}'), ("y", "b", "{}")],
            id="without an index",
        ),
        pytest.param(
            [[fragment("x", "a", "{}"), fragment("y", "a", '{"k":2}')]],
            [("x", "a", "{}"), ("y", "a", '{"k":2}')],
            id="whole in one piece, without an index",
        ),
        pytest.param(
            [[fragment("x", "a", "{}", 0)], [fragment("y", "b", "{}", 0)]],
            [("x", "a", "{}"), ("y", "b", "{}")],
            id="every call numbered 0",
        ),
        pytest.param(
            [[fragment("x", "a", '{"k"', 0)], [fragment("x", "a", ":1}", 0)]],
            [("x", "a", '{"k":1}')],
            id="identifier and name with every piece",
        ),
        pytest.param(
            [[fragment("x", "a", "{}", 1)], [fragment("y", "b", "{}", 2)]], [("x", "a", "{}"), ("y", "b", "{}")], id="from 1"
        ),
        pytest.param(
            [[fragment(name="a"), fragment(name="b")]], [("call_0", "a", "{}"), ("call_1", "b", "{}")], id="no identifier"
        ),
        pytest.param([[fragment("x", "a", {"k": "ü"})]], [("x", "a", '{"k": "ü"}')], id="arguments as an object"),
        pytest.param([[fragment("x", "a", "{", 0)]], [("x", "a", "{")], id="cut arguments"),
        pytest.param([[None, 3, {}, {"function": None}, fragment("x", "a", "{}")]], [("x", "a", "{}")], id="junk between"),
    ],
)
def test_pieces_of_calls_are_put_together(pieces, calls):
    events = read(*(delta(tool_calls=piece) for piece in pieces), delta(finish="tool_calls"))
    assert calls_of(events) == calls
    assert events[-1].reason == "tool_calls"
    numbers = [event.index for event in events if isinstance(event, ToolCallDelta)]
    assert sorted(set(numbers)) == list(range(len(calls)))


def test_answer_that_asks_for_calls_and_ends_with_stop_asks_for_calls():
    assert read(delta(tool_calls=[fragment("x", "a", "{}")]), delta(finish="stop"))[-1].reason == "tool_calls"
    assert read(delta(tool_calls=[fragment("x", "a", "{")]), delta(finish="length"))[-1].reason == "length"


# several answers


def test_several_answers_are_told_apart():
    events = read(
        delta(0, content="a"),
        delta(1, content="b"),
        delta(1, reasoning="hm", tool_calls=[fragment("x", "f", "{}")]),
        delta(0, content="c", finish="stop"),
        delta(2, content="never asked for"),
        delta(1, finish="tool_calls"),
        choices=2,
    )
    assert [(event.text, event.choice) for event in events if isinstance(event, TextDelta)] == [("a", 0), ("b", 1), ("c", 0)]
    assert [(event.text, event.choice) for event in events if isinstance(event, ReasoningDelta)] == [("hm", 1)]
    assert events[-1].reason == "stop"
    (other,) = events[-1].others
    assert other.reason == "tool_calls"
    assert [call.name for call in other.tool_calls] == ["f"]


# reasoning


def test_reasoning_details_are_kept_in_order_and_put_together():
    def thought(text=None, **more):
        return {
            "type": "reasoning.text",
            "format": "anthropic-claude-v1",
            "index": 0,
            **({} if text is None else {"text": text}),
            **more,
        }

    sealed = {"type": "reasoning.encrypted", "data": "AbC=", "id": "r1", "format": "openai-responses-v1", "index": 1}
    events = read(
        delta(reasoning="Let ", reasoning_details=[thought("Let ")]),
        delta(reasoning="me see", reasoning_details=[thought("me see")]),
        delta(reasoning_details=[thought(signature="c2ln", text=None)]),
        delta(reasoning_details=[thought("Second")]),
        delta(reasoning_details=[sealed]),
        delta(content="Yes", finish="stop"),
    )
    assert list(events[-1].reasoning_details) == [
        thought("Let me see", signature="c2ln"),
        thought("Second"),
        sealed,
    ]
    assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["Let ", "me see", "Second"]


def test_character_that_was_cut_in_two_is_whole_in_the_details():
    halves = "\U0001f98a".encode("utf-16-le")
    pieces = [halves[:2].decode("utf-16-le", "surrogatepass"), halves[2:].decode("utf-16-le", "surrogatepass")]
    events = read(
        *(delta(reasoning_details=[{"type": "reasoning.text", "text": piece, "index": 0}]) for piece in pieces),
        delta(finish="stop"),
    )
    assert events[-1].reasoning_details[0]["text"] == "\U0001f98a"


def test_summaries_of_other_thoughts_stay_apart():
    events = read(
        delta(reasoning_details=[{"type": "reasoning.summary", "summary": "**Plan", "index": 0}]),
        delta(reasoning_details=[{"type": "reasoning.summary", "summary": "**", "index": 0}]),
        delta(reasoning_details=[{"type": "reasoning.summary", "summary": "Then", "index": 1}]),
        delta(reasoning_details=[{"type": "something.new", "x": [1]}, "junk", None]),
        delta(finish="stop"),
    )
    assert list(events[-1].reasoning_details) == [
        {"type": "reasoning.summary", "summary": "**Plan**", "index": 0},
        {"type": "reasoning.summary", "summary": "Then", "index": 1},
        {"type": "something.new", "x": [1]},
    ]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_under_both_names(name):
    events = read(delta(**{name: "Hm."}), delta(content="a", finish="stop"))
    assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["Hm."]


# pictures, parts, refusals


@pytest.mark.parametrize("whole", [False, True])
def test_pictures_of_the_model_arrive(whole):
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    images = [
        {"type": "image_url", "image_url": {"url": url}},
        {"image_url": {"url": "https://127.0.0.1/a.png"}},
        {"image_url": {"url": "data:image/png;base64,"}},
        None,
    ]
    message = {"role": "assistant", "content": "Here.", "images": images}
    if whole:
        events = read({"model": "m", "choices": [{"message": message, "finish_reason": "stop"}]}, whole=True)
    else:
        events = read(delta(**message), delta(finish="stop"))
    pictures = [event.image for event in events if isinstance(event, ImageArrived)]
    assert [(picture.data, picture.media_type, picture.url) for picture in pictures] == [
        (PNG, "image/png", ""),
        (b"", "", "https://127.0.0.1/a.png"),
    ]
    assert "PNG" not in repr(pictures[0])


def test_content_in_parts_is_read():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, 7]
    events = read(delta(content=parts), delta(finish="stop"))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "ab"


def test_refusal_is_said_and_ends_as_filtered():
    events = read(delta(refusal="I cannot "), delta(refusal="help."), delta(finish="stop"))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "I cannot help."
    assert events[-1].reason == "content_filter"


# usage, names


def test_usage_tells_cost_cached_and_reasoning_tokens_and_time():
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cost": 0.0012,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 8},
    }
    last = {"choices": [], "usage": usage, "timings": {"predicted_ms": 1500}}
    found = read(delta(content="a", finish="stop"), last)[-1].usage
    assert (found.prompt_tokens, found.completion_tokens, found.cost) == (100, 20, 0.0012)
    assert (found.cached_tokens, found.reasoning_tokens, found.answer_seconds) == (64, 8, 1.5)


@pytest.mark.parametrize(("own_key", "cost"), [(True, 0.0512), (False, 0.0012), (None, 0.0012)])
def test_with_a_key_of_ones_own_the_makers_bill_is_part_of_the_cost(own_key, cost):
    usage = {"cost": 0.0012, "is_byok": own_key, "cost_details": {"upstream_inference_cost": 0.05}}
    assert read(delta(content="a", finish="stop"), {"choices": [], "usage": usage})[-1].usage.cost == pytest.approx(cost)


def test_unknown_usage_is_unknown():
    found = read(
        delta(content="a", finish="stop"), {"choices": [], "usage": {"prompt_tokens": "x", "prompt_tokens_details": 3}}
    )
    assert (found[-1].usage.cost, found[-1].usage.cached_tokens, found[-1].usage.reasoning_tokens) == (None, None, None)


def test_beginning_tells_model_and_identifier():
    events = read(delta(content="a", finish="stop"))
    assert events[0] == StreamStarted("a/asked", "gen-1")


@pytest.mark.parametrize(
    ("answered", "is_told"),
    [
        ("a/asked", False),
        ("a/asked-2026-05-01", False),
        ("a/asked:free", False),
        ("a/asked-mini", True),
        ("a/asked-mini-2026-05-01", True),
        ("b/other", True),
        ("b/third-party-name", True),
    ],
)
def test_another_model_is_told_where_others_were_allowed(answered, is_told):
    chunk = {**delta(content="a", finish="stop"), "model": answered}
    notices = [event for event in read(chunk, fallbacks=("a/asked-mini", "b/other")) if isinstance(event, Notice)]
    assert [notice.kind for notice in notices] == (["other_model"] if is_told else [])
    assert all(answered in notice.text and "a/asked" in notice.text for notice in notices)
    assert not [event for event in read(chunk) if isinstance(event, Notice)]


# errors inside an answer


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("chunk", "error", "said"),
    [
        (
            {"error": {"code": 502, "message": "x", "metadata": {"error_type": "provider_unavailable"}}},
            ServerError,
            "own server",
        ),
        ({"choices": [{"error": {"code": 529, "message": "x"}}]}, ServerError, "overloaded"),
        (
            {"choices": [{"error": {"code": 403, "message": "x", "metadata": {"reasons": ["violence"]}}}]},
            PermissionDeniedError,
            "violence",
        ),
        (
            {"object": "error", "message": "out of memory", "type": "InternalServerError", "code": 500},
            ServerError,
            "out of memory",
        ),
        ({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "abort"}]}, ServerError, "gave up"),
    ],
)
def test_errors_inside_an_answer_are_explained(chunk, error, said, whole):
    with pytest.raises(error, match=said):
        read(chunk, whole=whole)


def test_whole_answer_has_everything():
    message = {
        "content": None,
        "reasoning": "Hm.",
        "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": "s"}],
        "tool_calls": [fragment("x", "a", "{}"), fragment("y", "b", "{}")],
    }
    events = read({"id": "gen-2", "model": "m", "choices": [{"message": message, "finish_reason": "tool_calls"}]}, whole=True)
    assert calls_of(events) == [("x", "a", "{}"), ("y", "b", "{}")]
    assert events[0].id == "gen-2"
    assert list(events[-1].reasoning_details) == message["reasoning_details"]


def test_recorded_calls_of_real_servers_are_read(shared):
    folder = shared / "recordings"
    if not folder.is_dir():
        pytest.skip("the folder 'shared' holds no recordings")
    tried = 0
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            exchange = json.loads(line) if line.strip() else {}
            body = exchange.get("body") or ""
            if exchange.get("path") != "/v1/chat/completions" or exchange.get("status") != 200 or '"tool_calls"' not in body:
                continue
            reader = OpenaiReader(SPEAKER, "tiny-tools")
            events = [*reader.feed(body.encode()), *reader.close(), reader.finished()]
            assert isinstance(events[-1], Finished)
            calls = events[-1].tool_calls
            assert calls, exchange["name"]
            if events[-1].reason == "tool_calls":
                assert all(isinstance(json.loads(call.arguments), dict) for call in calls), exchange["name"]
                assert len({call.id for call in calls}) == len(calls)
            tried += 1
    assert tried >= 4


def test_reading_never_fails_in_another_way():
    junk = [None, True, 3, "x", [], {}, [None], {"index": "x"}, {"function": []}, {"image_url": 3}]
    for name in ("content", "reasoning", "reasoning_details", "images", "tool_calls", "refusal", "role"):
        for value in (*junk, junk):
            try:
                read(delta(**{name: value}), delta(content="a", finish="stop"))
            except APIError as error:
                pytest.fail(f"{name}={value!r}: {error}")

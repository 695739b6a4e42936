"""A request that cannot be sent never reaches a server: not a byte, not a connection. And nothing else than that refuses it."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.messages import AudioPart, ChatRequest, FilePart, ImagePart, JsonSchema, Message, TextPart, Tool, ToolCall
from nuke_ai_panel.net.payload import encode_json
from nuke_ai_panel.operations import EmbeddingRequest, ImageRequest, SpeechRequest, TranscriptionRequest, UploadRequest
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.registry import PROVIDERS
from nuke_ai_panel.validators import (
    validate,
    validate_deadlines,
    validate_embedding,
    validate_image,
    validate_speech,
    validate_transcription,
    validate_upload,
)

USER = (Message("user", "Hello"),)
PICTURE = ImagePart(b"\x89PNG", "image/png")
CALL = ToolCall("a", "set_knob", "{}")
CALLED = (*USER, Message("assistant", tool_calls=(CALL,)))


def ask(**changes):
    return replace(ChatRequest("tiny", USER), **changes)


def part(value, role="user"):
    return ask(messages=(*USER, Message(role, "x", (value,))))


def tool(**changes):
    return ask(tools=(replace(Tool("set_knob"), **changes),))


def parameters(**schema):
    return tool(parameters={"type": "object", **schema})


def circle():
    around = {}
    around["self"] = [around]
    return around


def deep(levels):
    found = {"type": "object"}
    for _ in range(levels):
        found = {"type": "object", "properties": {"a": found}}
    return found


# The request, the field that is wrong, and a word of what is allowed.
WRONG = [
    (ask(model=""), "model", "name"),
    (ask(model=None), "model", "name"),
    (ask(model="a\x00b"), "model", "name"),
    (ask(model="\udc80"), "model", "whole characters"),
    (ask(messages=None), "messages", "tuple"),
    (ask(messages="Hello"), "messages", "tuple"),
    (ask(messages={}), "messages", "tuple"),
    (ask(messages=()), "messages", "at least one"),
    (ask(messages=({"role": "user", "content": "x"},)), "messages[0]", "Message"),
    (ask(messages=(*USER, Message("robot", "x"))), "messages[1].role", "system, user"),
    (ask(messages=(Message(["user"], "x"),)), "messages[0].role", "system, user"),
    (ask(messages=(Message("user", b"x"),)), "messages[0].text", "text"),
    (ask(messages=(Message("user", "a\ud83d"),)), "messages[0].text", "whole characters"),
    (ask(messages=(Message("assistant", "x"),)), "messages", "user"),
    (ask(messages=(Message("user", "x", None),)), "messages[0].parts", "tuple"),
    (ask(messages=(Message("user", "x", tool_calls=(CALL,)),)), "messages[0].tool_calls", "assistant"),
    (ask(messages=(*USER, Message("assistant", "x", tool_calls=("f",)))), "messages[1].tool_calls[0]", "ToolCall"),
    (ask(messages=(*USER, Message("assistant", tool_calls=(ToolCall("a", ""),)))), "messages[1].tool_calls[0].name", "tool"),
    (
        ask(messages=(*USER, Message("assistant", tool_calls=(ToolCall("a", "f", {}),)))),
        "messages[1].tool_calls[0].arguments",
        "JSON text",
    ),
    (ask(messages=(*CALLED, Message("tool", "x", tool_call_id="b"))), "messages[2].tool_call_id", "earlier"),
    (ask(messages=(*CALLED, Message("tool", "x", tool_name="undo"))), "messages[2].tool_name", "earlier"),
    (ask(messages=(*CALLED, Message("tool", "x"))), "messages[2].tool_name", "earlier"),
    (ask(messages=(Message("tool", "x", tool_call_id="a"), *CALLED)), "messages[0].tool_call_id", "earlier"),
    (ask(messages=(*USER, Message("assistant", "x", reasoning=1))), "messages[1].reasoning", "text"),
    (
        ask(messages=(*USER, Message("assistant", "x", reasoning_details=("x",)))),
        "messages[1].reasoning_details[0]",
        "dict",
    ),
    (part("x"), "messages[1].parts[0]", "TextPart"),
    (part(TextPart(None)), "messages[1].parts[0].text", "text"),
    (part(PICTURE, "system"), "messages[1].parts[0]", "TextPart"),
    (part(ImagePart()), "messages[1].parts[0].data", "not empty"),
    (part(ImagePart("text", "image/png")), "messages[1].parts[0].data", "bytes"),
    (part(ImagePart(b"x")), "messages[1].parts[0].media_type", "image/png"),
    (part(ImagePart(b"x", "text/html")), "messages[1].parts[0].media_type", "image/png"),
    (part(ImagePart(b"x", "image/png\r\nX: y")), "messages[1].parts[0].media_type", "image/png"),
    (part(ImagePart(b"x", "image/png", "http://127.0.0.1/x.png")), "messages[1].parts[0].data", "empty"),
    (part(ImagePart(url="file:///etc/passwd")), "messages[1].parts[0].url", ""),
    (part(AudioPart(b"")), "messages[1].parts[0].data", "not empty"),
    (part(AudioPart(b"x", "../wav")), "messages[1].parts[0].format", "wav"),
    (part(FilePart("", b"x")), "messages[1].parts[0].name", "file"),
    (part(FilePart("../x.pdf", b"x")), "messages[1].parts[0].name", "folder"),
    (part(FilePart("x.pdf")), "messages[1].parts[0].data", "not empty"),
    (part(FilePart("x.pdf", b"x", file_id="f")), "messages[1].parts[0].file_id", "empty"),
    (part(FilePart("x.pdf", b"x", "pdf")), "messages[1].parts[0].media_type", "application/pdf"),
    (ask(temperature=2.01), "temperature", "0 to 2"),
    (ask(temperature=math.nan), "temperature", "0 to 2"),
    (ask(temperature=math.inf), "temperature", "0 to 2"),
    (ask(temperature="1"), "temperature", "0 to 2"),
    (ask(top_p=1.01), "top_p", "0 to 1"),
    (ask(top_p=True), "top_p", "0 to 1"),
    (ask(presence_penalty=-2.5), "presence_penalty", "-2 to 2"),
    (ask(frequency_penalty=10**400), "frequency_penalty", "-2 to 2"),
    (ask(max_tokens=0), "max_tokens", "from 1"),
    (ask(max_tokens=1.0), "max_tokens", "whole number"),
    (ask(max_tokens=2**31), "max_tokens", "2147483647"),
    (ask(seed=2**63), "seed", "9223372036854775807"),
    (ask(seed=-(2**63) - 1), "seed", "-9223372036854775808"),
    (ask(seed=1.5), "seed", "whole number"),
    (ask(n=0), "n", "from 1"),
    (ask(n=None), "n", "whole number"),
    (ask(n=10_000), "n", "from 1"),
    (ask(stop="END"), "stop", "tuple"),
    (ask(stop=("",)), "stop[0]", "not empty"),
    (ask(stop=("a", 7)), "stop[1]", "text"),
    (ask(user=None), "user", "text"),
    (ask(tools={"name": "f"}), "tools", "tuple"),
    (ask(tools=("f",)), "tools[0]", "Tool"),
    (ask(tools=(Tool("f"), Tool("f"))), "tools[1].name", "another name"),
    (ask(tools=tuple(Tool(f"f{number}") for number in range(129))), "tools", "128"),
    (tool(name=""), "tools[0].name", "letters"),
    (tool(name="set knob"), "tools[0].name", "letters"),
    (tool(name="x" * 65), "tools[0].name", "letters"),
    (tool(description=None), "tools[0].description", "text"),
    (tool(strict="yes"), "tools[0].strict", "True or False"),
    (tool(parameters=None), "tools[0].parameters", "schema"),
    (tool(parameters={}), "tools[0].parameters.type", "object"),
    (tool(parameters={"type": "array"}), "tools[0].parameters.type", "object"),
    (parameters(properties=[]), "tools[0].parameters.properties", "by name"),
    (parameters(properties={"a": 1}), "tools[0].parameters.properties.a", "schema"),
    (parameters(properties={"a": {"type": "text"}}), "tools[0].parameters.properties.a.type", "string"),
    (parameters(properties={"a": {"type": []}}), "tools[0].parameters.properties.a.type", "string"),
    (parameters(properties={"a": {"type": ["string", 1]}}), "tools[0].parameters.properties.a.type", "string"),
    (parameters(properties={"a": {"enum": []}}), "tools[0].parameters.properties.a.enum", "not empty"),
    (parameters(properties={"a": {"items": 1}}), "tools[0].parameters.properties.a.items", "schema"),
    (parameters(properties={"a": {"items": [True, 1]}}), "tools[0].parameters.properties.a.items[1]", "schema"),
    (parameters(properties={"a": {"minimum": "1"}}), "tools[0].parameters.properties.a.minimum", "number"),
    (parameters(properties={"a": {"minimum": math.nan}}), "tools[0].parameters['properties']['a']['minimum']", "finite"),
    (parameters(properties={"a": {"maxLength": -1}}), "tools[0].parameters.properties.a.maxLength", "from 0"),
    (parameters(properties={"a": {"$ref": "#/$defs/b"}}), "tools[0].parameters.properties.a.$ref", "place"),
    (parameters(properties={"a": {"$ref": "http://x.invalid/"}}), "tools[0].parameters.properties.a.$ref", "place"),
    (parameters(properties={"a": {"exclusiveMinimum": "1"}}), "tools[0].parameters.properties.a.exclusiveMinimum", "number"),
    (parameters(properties={"a": {"multipleOf": 0}}), "tools[0].parameters.properties.a.multipleOf", "above 0"),
    (parameters(properties={"a": {"minimum": 5, "maximum": 1.5}}), "tools[0].parameters.properties.a.maximum", "at least"),
    (parameters(properties={"a": {"minItems": 2, "maxItems": 1}}), "tools[0].parameters.properties.a.maxItems", "at least"),
    (parameters(properties={"a": {"$ref": "#/properties/a"}}), "tools[0].parameters.properties.a.$ref", "lead back"),
    (parameters(anyOf=[{"$ref": "#"}, {"not": {"$ref": "#"}}]), "tools[0].parameters.anyOf[0].$ref", "lead back"),
    (
        parameters(
            properties={"a": {"$ref": "#/$defs/b"}},
            **{"$defs": {"b": {"allOf": [{"$ref": "#/$defs/c"}]}, "c": {"oneOf": [{"$ref": "#/$defs/b"}]}}},
        ),
        "tools[0].parameters.$defs.b.allOf[0].$ref",
        "lead back",
    ),
    (parameters(required="a"), "tools[0].parameters.required", "list"),
    (parameters(required=["a", "a"]), "tools[0].parameters.required", "twice"),
    (parameters(required=[1]), "tools[0].parameters.required", "names"),
    (parameters(anyOf=[]), "tools[0].parameters.anyOf", "not empty"),
    (parameters(additionalProperties=1), "tools[0].parameters.additionalProperties", "schema"),
    (parameters(description=b"x"), "tools[0].parameters['description']", "JSON knows"),
    (parameters(default={1: 2}), "tools[0].parameters['default']", "keys are texts"),
    (parameters(default=circle()), "tools[0].parameters['default']['self'][0]", "part of itself"),
    (tool(parameters=deep(40)), "", "deep"),
    (ask(tool_choice="auto", tools=None), "tools", "tuple"),
    (ask(tool_choice="required"), "tool_choice", "empty"),
    (ask(tool_choice="f", tools=(Tool("g"),)), "tool_choice", "auto, none, required, g"),
    (ask(tool_choice=None, tools=(Tool("g"),)), "tool_choice", "auto"),
    (ask(response_format="xml"), "response_format", "json"),
    (ask(response_format={"type": "object"}), "response_format", "JsonSchema"),
    (ask(response_format=JsonSchema([])), "response_format.schema", "schema"),
    (ask(response_format=JsonSchema({"type": "thing"})), "response_format.schema.type", "object"),
    (ask(response_format=JsonSchema({}, name="a b")), "response_format.name", "letters"),
    (ask(reasoning="a lot"), "reasoning", "low"),
    (ask(reasoning=1), "reasoning", "True"),
    (ask(carry_features=1), "carry_features", "True"),
    (ask(fallback_models="tiny"), "fallback_models", "tuple"),
    (ask(fallback_models=("",)), "fallback_models[0]", "name"),
    (ask(context_length=0), "context_length", "from 1"),
    (ask(context_length=4096.0), "context_length", "whole number"),
    (ask(keep_alive="soon"), "keep_alive", "10m"),
    (ask(keep_alive=math.nan), "keep_alive", "seconds"),
    (ask(keep_alive=True), "keep_alive", "seconds"),
    (ask(extra=None), "extra", "dict"),
    (ask(extra=[("a", 1)]), "extra", "dict"),
    (ask(extra={1: 2}), "extra", "texts"),
    (ask(extra={"a": object()}), "extra['a']", "JSON knows"),
    (ask(extra={"a": [math.inf]}), "extra['a'][0]", "finite"),
    (ask(extra={"a": 10**5000}), "extra['a']", "18446744073709551615"),
    (ask(extra={"a": "\ud83d"}), "extra['a']", "whole characters"),
    (ask(extra={"\ud83d": 1}), "a key of extra", "whole characters"),
    (ask(extra={"a": {1, 2}}), "extra['a']", "JSON knows"),
    (ask(extra={"stream": False}), "extra['stream']", "absent"),
    (ask(extra={"messages": []}), "extra['messages']", "absent"),
    (ask(extra={"n": 2}), "extra['n']", "absent"),
]


class Doorman:
    """A server that counts who connects and answers nobody."""

    def __init__(self):
        self.connections = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._come_in, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def _come_in(self, reader, writer):
        self.connections += 1
        writer.close()


@pytest.mark.parametrize("name", PROVIDERS)
async def test_wrong_request_makes_no_connection_and_names_field_value_and_range(name):
    async with Doorman() as server:
        provider = PROVIDERS[name](Server(server.url, "local-key"))
        for request, field, allowed in WRONG:
            with pytest.raises(ValidationError) as caught:
                async for _ in provider.stream(request):
                    pass
            error = caught.value
            assert error.field == field or not field, (request, error)
            assert allowed in error.allowed, (request, error.allowed)
            assert error.value, (request, error)
            assert len(error.value) <= 80
            assert error.field.split("[")[-1].split(".")[-1].strip("]") in str(error), (request, error)
            assert error.__context__ is None
        await provider.aclose()
        # Anything that had been opened would have been seen by now.
        reader, writer = await asyncio.open_connection(*server.url[7:].split(":"))
        assert await reader.read() == b""
        writer.close()
        assert server.connections == 1


@pytest.mark.parametrize("name", PROVIDERS)
def test_what_differs_between_providers_is_their_limits(name):
    limits = PROVIDERS[name].limits
    validate(ask(n=limits.answers, stop=("a", "b", "c", "d"), temperature=2, seed=2**63 - 1, reasoning="high"), limits)
    with pytest.raises(ValidationError, match="n must be a whole number from 1 to"):
        validate(ask(n=limits.answers + 1), limits)
    assert (limits.answers == 1) == (name in ("ollama", "openrouter"))
    if limits.stop_texts is not None:
        with pytest.raises(ValidationError, match="stop holds"):
            validate(ask(stop=("x",) * (limits.stop_texts + 1)), limits)
    address = part(ImagePart(url="https://images.invalid/a.png?signature=secret"))
    if limits.image_addresses:
        validate(address, limits)
    else:
        with pytest.raises(ValidationError, match=r"parts\[0\].url must be empty") as caught:
            validate(address, limits)
        assert "secret" not in str(caught.value)
    if not limits.routes:
        with pytest.raises(ValidationError, match="fallback_models"):
            validate(ask(fallback_models=("other",)), limits)


GOOD = [
    ask(messages=[*CALLED, Message("tool", "x", tool_call_id="a"), Message("tool", "y", tool_name="set_knob")]),
    ask(messages=(Message("user", "", (PICTURE,)),)),
    part(TextPart("x"), "system"),
    ask(tools=(Tool("f"), Tool("g", parameters=deep(12))), tool_choice="g"),
    ask(tool_choice="none"),
    parameters(properties={"a": {"$ref": "#/$defs/b/anyOf/0"}}, **{"$defs": {"b": {"anyOf": [{"type": ["null", "string"]}]}}}),
    parameters(properties={"a": {"items": {"enum": [1, None, "x", True]}, "default": [1.5, {"b": None}]}, "b": True}),
    parameters(properties={"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "more": {"items": {"$ref": "#"}}}),
    parameters(properties={"a": {"minimum": 1, "maximum": 1, "exclusiveMaximum": 2}, "b": {"exclusiveMinimum": True}}),
    ask(response_format=JsonSchema({"type": "array", "items": {}})),
    ask(response_format="json", keep_alive="1h30m", context_length=1),
    ask(keep_alive=-1, reasoning=False, extra={"options": {"top_k": 40}, "list": (1, "a", None)}),
    ask(user="", temperature=0, top_p=0, presence_penalty=-2, frequency_penalty=2.0, max_tokens=1, seed=-(2**63)),
]


@pytest.mark.parametrize("request_", GOOD, ids=range(len(GOOD)))
def test_right_request_passes(request_):
    validate(request_)


def test_no_key_no_bytes_and_no_prompt_are_shown():
    key = "sk-or-v1-" + "0123456789abcdef" * 4
    secret = "the plot of the film"
    for request in (
        ask(model=f"{key}\n"),
        ask(messages=({"role": "user", "content": secret},)),
        ask(messages=(Message("user", secret + "\ud83d"),)),
        ask(messages=(Message(key, secret),)),
        ask(messages=(Message("user", [secret]),)),
        part(ImagePart(secret.encode(), "image/png", "https://x.invalid/")),
        part(ImagePart(url=f"ftp://x.invalid/?token={key}")),
        part(ImagePart(url=f"ftp://{secret}@x.invalid/")),
        ask(extra={"api_key": {key}}),
        ask(extra={"messages": [secret]}),
        ask(stop=f"{secret}"),
        ask(keep_alive=f"Bearer {key}"),
    ):
        with pytest.raises(ValidationError) as caught:
            validate(request)
        said = f"{caught.value} {caught.value.value} {caught.value.field} {caught.value!r}"
        assert key not in said
        assert key[3:40] not in said
        assert secret not in said


# whatever is given


class Odd:
    """A value of no use, whose spelling fails."""

    def __repr__(self):
        raise RuntimeError("nobody may spell this")


JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([400, 5000]).map(lambda digits: 10**digits),
        st.sampled_from([-1, 0, 2**63, -(2**63) - 1]),
        st.floats(),
        st.text(st.characters(), max_size=8),
        st.sampled_from(["user", "auto", "json", "high", "\ud83d", "10m", "set_knob", "x.wav", "object", "$ref", "image/png"]),
        st.binary(max_size=4),
        st.builds(Odd),
        st.sampled_from([PICTURE, CALL, Tool("f"), Message("user", "x"), JsonSchema({}), TextPart("x"), int, math]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(
            st.one_of(st.text(max_size=4), st.sampled_from(["type", "properties", "$ref", "options"])), inner, max_size=3
        ),
        st.dictionaries(st.integers(), inner, max_size=2),
        st.frozensets(st.integers(), max_size=2),
    ),
    max_leaves=6,
)

FULL = ChatRequest(
    "tiny",
    (
        Message("system", "Be brief."),
        Message("user", "Look.", (TextPart("at"), PICTURE, AudioPart(b"RIFF"), FilePart("a.pdf", b"%PDF", "application/pdf"))),
        Message("assistant", "", tool_calls=(CALL,), reasoning="Hm.", reasoning_details=({"type": "x"},)),
        Message("tool", "done", tool_call_id="a", tool_name="set_knob"),
    ),
    tools=(Tool("set_knob", parameters={"type": "object", "properties": {"a": {"type": "string"}}}),),
    response_format=JsonSchema({"type": "object"}),
)

SEEN = replace(FULL, messages=(FULL.messages[0], replace(FULL.messages[1], parts=(PICTURE,)), *FULL.messages[2:]))


def places(value, path=()):
    """Every place in `value` that a wrong value can stand in."""
    if path:
        yield path
    if hasattr(value, "__dataclass_fields__"):
        for each in fields(value):
            yield from places(getattr(value, each.name), (*path, each.name))
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))


def put(value, path, new):
    """`value` with `new` at `path`."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, tuple):
        return (*value[:first], put(value[first], rest, new), *value[first + 1 :])
    if isinstance(value, dict):
        return {**value, first: put(value[first], rest, new)}
    return replace(value, **{first: put(getattr(value, first), rest, new)})


def refusal_of(act):
    """The refusal that `act` ends in, None where it ends well."""
    try:
        act()
    except ValidationError as error:
        return error
    return None


def check_refusal(error):
    assert error.field
    assert error.value
    assert error.allowed
    assert str(error)
    assert len(error.value) <= 80


def is_sendable(provider, request):
    """Whether the request can be sent: then its body can be written as JSON and read again, else there is a reason."""
    bodies = []

    def write():
        validate(request, provider.limits)
        bodies.append(encode_json(provider._body(request)))

    refused = refusal_of(write)
    if refused is not None:
        check_refusal(refused)
        return False
    read = json.loads(bodies[0], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert read["model"] in (request.model, request.model.strip())
    assert json.loads(encode_json(read)) == read
    return True


FUZZ = settings(derandomize=True, max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def providers():
    return {name: made(Server("http://127.0.0.1:9", "local-key")) for name, made in PROVIDERS.items()}


@pytest.mark.parametrize("name", PROVIDERS)
@FUZZ
@given(st.data())
def test_any_value_in_any_field_is_refused_or_can_be_sent(providers, name, data):
    base = data.draw(st.sampled_from([ChatRequest("tiny", USER), FULL, SEEN]))
    request = put(base, data.draw(st.sampled_from(list(places(base)))), data.draw(JUNK))
    is_sendable(providers[name], request)


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_requests_that_are_spoilt_can_be_sent_before(providers, name):
    assert is_sendable(providers[name], SEEN)
    # Sound and documents have no place in the protocol of Ollama.
    assert is_sendable(providers[name], FULL) == (name != "ollama")


@pytest.mark.parametrize("name", PROVIDERS)
@FUZZ
@given(
    request_=st.builds(
        ask,
        temperature=st.none() | st.floats(0, 2),
        top_p=st.none() | st.floats(0, 1),
        max_tokens=st.none() | st.integers(1, 10**6),
        seed=st.none() | st.integers(-(2**63), 2**63 - 1),
        stop=st.lists(st.text('ab\n"é\u2028', min_size=1, max_size=3), max_size=4).map(tuple),
        user=st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
        keep_alive=st.none() | st.integers(-1, 9999) | st.floats(-1, 1e6) | st.sampled_from(["10m", "1h30m", "0", "-1s"]),
        extra=st.dictionaries(
            st.text("abc_", min_size=1, max_size=3), st.none() | st.integers(0, 9) | st.text("ab", max_size=2)
        ),
    )
)
def test_any_value_in_range_can_be_sent(providers, name, request_):
    assert is_sendable(providers[name], request_)


OPERATIONS = [
    (validate_embedding, EmbeddingRequest("tiny", ("a",), 64)),
    (validate_image, ImageRequest("tiny", "a fox", size="1024x1024", references=(PICTURE,))),
    (validate_transcription, TranscriptionRequest("tiny", b"RIFF", language="en")),
    (validate_speech, SpeechRequest("tiny", "Hello", "alloy", speed=1.5)),
    (validate_upload, UploadRequest("a.jsonl", b"{}")),
]


@pytest.mark.parametrize(("check", "base"), OPERATIONS, ids=[check.__name__ for check, _ in OPERATIONS])
@FUZZ
@given(st.data())
def test_any_value_in_any_operation_is_refused_or_passes(check, base, data):
    check(base)
    request = put(base, data.draw(st.sampled_from(list(places(base)))), data.draw(JUNK))
    refused = refusal_of(lambda: check(request))
    if refused is not None:
        check_refusal(refused)


@pytest.mark.parametrize(
    ("check", "request_", "field"),
    [
        (validate_embedding, EmbeddingRequest("tiny", ()), "texts"),
        (validate_embedding, EmbeddingRequest("tiny", "abc"), "texts"),
        (validate_embedding, EmbeddingRequest("tiny", ("a", "")), "texts[1]"),
        (validate_embedding, EmbeddingRequest("tiny", ("a",), 0), "dimensions"),
        (validate_embedding, EmbeddingRequest("tiny", ("a",), extra={"input": "b"}), "extra['input']"),
        (validate_image, ImageRequest("tiny", " "), "prompt"),
        (validate_image, ImageRequest("tiny", "x", n=0), "n"),
        (validate_image, ImageRequest("tiny", "x", n=11), "n"),
        (validate_image, ImageRequest("tiny", "x", size="big one"), "size"),
        (validate_image, ImageRequest("tiny", "x", references=(b"x",)), "references[0]"),
        (validate_transcription, TranscriptionRequest("tiny", b""), "data"),
        (validate_transcription, TranscriptionRequest("tiny", b"x", "noending"), "name"),
        (validate_transcription, TranscriptionRequest("tiny", b"x", 'a".wav'), "name"),
        (validate_transcription, TranscriptionRequest("tiny", b"x", language="English please"), "language"),
        (validate_speech, SpeechRequest("tiny", ""), "text"),
        (validate_speech, SpeechRequest("tiny", "x", speed=5), "speed"),
        (validate_speech, SpeechRequest("tiny", "x", format="m/p3"), "format"),
        (validate_upload, UploadRequest("a/b", b"x"), "name"),
        (validate_upload, UploadRequest("b", b""), "data"),
        (validate_upload, UploadRequest("b", b"x", "nothing"), "media_type"),
        (validate_upload, UploadRequest("b", b"x", purpose=" "), "purpose"),
        (validate_upload, b"x", "request"),
    ],
)
def test_wrong_operation_is_refused(check, request_, field):
    with pytest.raises(ValidationError) as caught:
        check(request_)
    assert caught.value.field == field
    assert caught.value.allowed


@pytest.mark.parametrize("field", [each.name for each in fields(Deadlines)])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "10", True, b"", Odd()])
def test_wrong_deadline_is_refused(field, value):
    with pytest.raises(ValidationError) as caught:
        validate_deadlines(replace(Deadlines(), **{field: value}))
    assert caught.value.field == f"deadlines.{field}"


async def test_wrong_deadline_makes_no_connection():
    validate_deadlines(Deadlines(total=None, retries=0, retry_after=0))
    async with Doorman() as server:
        provider = PROVIDERS["ollama"](Server(server.url))
        with pytest.raises(ValidationError, match="silence must be a number of seconds above 0"):
            async for _ in provider.stream(ask(), deadlines=Deadlines(silence=0)):
                pass
        await provider.aclose()
        assert server.connections == 0

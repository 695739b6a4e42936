"""Most requests are plain, and are read with few looks. What only looks plain is read like everything else."""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuke_ai_panel.api.requests import read_chat, read_prompt
from nuke_ai_panel.api.servers import Secret
from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.messages import Message

HELLO = [{"role": "user", "content": "hi"}]


class Words(str):
    """A text of another type."""

    __slots__ = ()


def read(messages=HELLO, **arguments):
    return read_chat("ollama/tiny", messages, arguments, call="ChatCompletion.create")


def outcome(messages):
    try:
        call = read(messages)
    except ValidationError as error:
        return error.field, str(error), error.value
    return call.request.messages, call.notices


KEYS = st.sampled_from(["role", "content", "name", "tool_calls", "refusal", "images", "reasoning", 1])
VALUES = st.sampled_from(
    ["user", "assistant", "developer", "function", "tool", "robot", "", "hi", Words("user"), Words("hi"), None, 7, [], ["x"]]
)


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(
    usual=st.fixed_dictionaries({}, optional={"role": VALUES, "content": VALUES}),
    more=st.dictionaries(KEYS, VALUES, max_size=2),
)
def test_a_dict_is_read_as_any_other_mapping(usual, more):
    message = {**usual, **more}
    found = outcome([message])
    for other in (MappingProxyType(message), OrderedDict(message)):
        assert outcome([other]) == found


def test_a_key_that_is_sent_as_words_stays_masked():
    for message in (
        {"role": "user", "content": Secret("sk-marked-key")},
        MappingProxyType({"role": "user", "content": Secret("sk-marked-key")}),
    ):
        sent = read([message]).request.messages
        assert sent[0].text == "sk-marked-key"
        assert "marked" not in repr(sent)


def test_messages_may_come_from_a_generator_that_fails():
    def failing():
        yield HELLO[0]
        raise KeyError("source")

    assert read(each for each in HELLO).request.messages == (Message("user", "hi"),)
    with pytest.raises(KeyError):
        read(failing())


def test_a_message_is_not_changed_by_what_its_dict_becomes():
    mine = {"role": "user", "content": "hi"}
    request = read([mine]).request
    mine["content"] = "other"
    assert request.messages == (Message("user", "hi"),)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"carry_features": 0}, "carry_features"),
        ({"carry_features": ""}, "carry_features"),
        ({"stop": 0}, "stop"),
        ({"stop": b"x"}, "stop"),
        ({"tools": ""}, "tools"),
        ({"tools": {}}, "tools"),
        ({"tool_choice": 0}, "tool_choice"),
        ({"response_format": ""}, "response_format"),
        ({"reasoning": 0}, "reasoning"),
        ({"reasoning": "low", "reasoning_effort": "high"}, "reasoning_effort"),
        ({"fallback_models": ""}, "fallback_models"),
        ({"models": ["a", 1]}, "fallback_models"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_completion_tokens"),
    ],
)
def test_what_is_false_is_not_taken_for_what_is_left_out(arguments, field):
    with pytest.raises(ValidationError) as caught:
        read(**arguments)
    assert caught.value.field == field


def test_none_is_left_out_in_every_argument():
    names = (
        *("temperature", "top_p", "max_tokens", "max_completion_tokens", "n", "seed", "presence_penalty", "stop", "tools"),
        *("frequency_penalty", "user", "context_length", "keep_alive", "tool_choice", "response_format", "carry_features"),
        *("reasoning", "reasoning_effort", "fallback_models", "models", "extra", "extra_body", "timeout", "max_retries"),
        *("base_url", "api_key", "ca_file", "connect_timeout", "first_byte_timeout", "chunk_timeout", "attachments"),
    )
    plain = read()
    for name in names:
        assert read(**{name: None}) == plain, name
    assert read(**dict.fromkeys(names)) == plain


def test_plain_values_reach_the_request_as_they_are():
    plain = {
        **{"temperature": 0.5, "top_p": 0.25, "n": 2, "seed": 7, "presence_penalty": 0.5, "frequency_penalty": -0.5},
        **{"user": "me", "context_length": 4096, "keep_alive": "10m"},
    }
    for more in ({}, {"stop": "END"}, {"max_completion_tokens": 9}, {"extra_body": {"a": 1}}):
        request = read(**plain, **more).request
        assert {name: getattr(request, name) for name in plain} == plain
        assert request.max_tokens == more.get("max_completion_tokens")
        assert request.stop == (("END",) if "stop" in more else ())
        assert request.extra == more.get("extra_body", {})
    prompt = read_prompt("ollama/tiny", "hi", {**plain, "max_tokens": 3, "stop": ["a"]}, call="Completion.create").request
    assert (prompt.messages, prompt.max_tokens, prompt.stop) == ((Message("user", "hi"),), 3, ("a",))
    assert {name: getattr(prompt, name) for name in plain} == plain

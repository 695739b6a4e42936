from __future__ import annotations

from collections import OrderedDict
from dataclasses import fields, replace
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.messages import ChatRequest, Message, TextPart, ToolCall
from nuke_ai_panel.net.secret import Secret
from nuke_ai_panel.validators import RequestLimits, validate

USER = (Message("user", "Hello"),)


def test_validate_takes_a_good_request():
    validate(
        ChatRequest("tiny", (Message("system", ""), *USER, Message("assistant", "")), temperature=2, max_tokens=1, stop=("x",))
    )


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ChatRequest("", USER), "No model is chosen"),
        (ChatRequest("  ", USER), "No model is chosen"),
        (ChatRequest("a\nb", USER), "control characters"),
        (ChatRequest("tiny", ()), "no message"),
        (ChatRequest("tiny", (Message("user", " \n"),)), "nothing to ask"),
        (ChatRequest("tiny", (Message("system", "x"),)), "nothing to ask"),
        (ChatRequest("tiny", (Message("robot", "x"),)), "role 'robot'"),
        (ChatRequest("tiny", (Message("user", None),)), "NoneType"),
        (ChatRequest("tiny", ({"role": "user", "content": "x"},)), "not a Message"),
        (ChatRequest("tiny", (Message("user", "a\ud83d"),)), "half a character at position 1"),
        (ChatRequest("tiny", USER, temperature=-0.1), "temperature"),
        (ChatRequest("tiny", USER, temperature=2.1), "temperature"),
        (ChatRequest("tiny", USER, temperature=float("nan")), "temperature"),
        (ChatRequest("tiny", USER, temperature="hot"), "temperature"),
        (ChatRequest("tiny", USER, temperature=True), "temperature"),
        (ChatRequest("tiny", USER, max_tokens=0), "max_tokens"),
        (ChatRequest("tiny", USER, max_tokens=1.5), "max_tokens"),
        (ChatRequest("tiny", USER, max_tokens=True), "max_tokens"),
        (ChatRequest("tiny", USER, stop="END"), "tuple of texts"),
        (ChatRequest("tiny", USER, stop=("",)), "stop text"),
        ("hello", "ChatRequest"),
    ],
)
def test_validate_refuses_and_says_which_part(request_, said):
    with pytest.raises(ValidationError, match=said):
        validate(request_)


# What is equal to what is usual, and is something else. Nothing of it is to be taken for the usual without a look.


class Words(str):
    """A text of another type."""

    __slots__ = ()


class Told(Message):
    """A message of another type, which is always looked at in full."""


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"n": True}, "n"),
        ({"n": 1.0}, "n"),
        ({"carry_features": 0}, "carry_features"),
        ({"carry_features": None}, "carry_features"),
        ({"extra": MappingProxyType({})}, "extra"),
        ({"extra": None}, "extra"),
        ({"extra": OrderedDict(model="other")}, "extra['model']"),
        ({"extra": []}, "extra"),
        ({"user": None}, "user"),
        ({"user": b""}, "user"),
        ({"tools": None}, "tools"),
        ({"tools": {}}, "tools"),
        ({"stop": ""}, "stop"),
        ({"fallback_models": ""}, "fallback_models"),
        ({"tool_choice": None}, "tool_choice"),
        ({"response_format": ""}, "response_format"),
        ({"response_format": False}, "response_format"),
        ({"reasoning": ""}, "reasoning"),
        ({"reasoning": 0}, "reasoning"),
        ({"keep_alive": False}, "keep_alive"),
        ({"temperature": False}, "temperature"),
        ({"context_length": 0}, "context_length"),
    ],
)
def test_what_only_looks_like_a_default_is_refused(changes, field):
    with pytest.raises(ValidationError) as caught:
        validate(replace(ChatRequest("tiny", USER), **changes))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"role": None}, "messages[1].role"),
        ({"role": ["user"]}, "messages[1].role"),
        ({"role": "User"}, "messages[1].role"),
        ({"role": "tool"}, "messages[1].tool_name"),
        ({"text": b"x"}, "messages[1].text"),
        ({"text": Words("a\ud83d")}, "messages[1].text"),
        ({"text": "\ude00"}, "messages[1].text"),
        ({"parts": None}, "messages[1].parts"),
        ({"parts": ""}, "messages[1].parts"),
        ({"tool_calls": {}}, "messages[1].tool_calls"),
        ({"tool_call_id": None}, "messages[1].tool_call_id"),
        ({"tool_name": 0}, "messages[1].tool_name"),
        ({"reasoning": None}, "messages[1].reasoning"),
        ({"reasoning_details": {}}, "messages[1].reasoning_details"),
    ],
)
def test_message_that_only_looks_plain_is_refused(changes, field):
    with pytest.raises(ValidationError) as caught:
        validate(ChatRequest("tiny", (*USER, replace(USER[0], **changes))))
    assert caught.value.field == field


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\x1c\x1f", "\u00a0", "\u2003\u3000"])
def test_blank_words_of_the_user_ask_nothing(blank):
    with pytest.raises(ValidationError, match="nothing to ask"):
        validate(ChatRequest("tiny", (Message("system", "x"), Message("user", blank), Message("assistant", "y"))))
    validate(ChatRequest("tiny", (Message("user", blank), Message("user", "\u200b"))))


def test_roles_are_those_of_the_server():
    with pytest.raises(ValidationError) as caught:
        validate(ChatRequest("tiny", (*USER, Message("system", "x"))), RequestLimits(roles=("user", "assistant")))
    assert caught.value.field == "messages[1].role"


ODD = {
    "role": ["user", "system", "assistant", "tool", "robot", Words("user"), None, 1],
    "text": ["Hello", "", " ", "\n", "é", "\ud83d", "\x00", Words("x"), Words(""), Secret("x"), None, 5, b"x"],
    "parts": [(), [], (TextPart("x"),), None],
    "tool_calls": [(), [], (ToolCall("a", "set_knob"),), {}],
    "tool_call_id": ["", Words(""), "a", None],
    "tool_name": ["", "set_knob", None],
    "reasoning": ["", Words(""), "\ud83d", None],
    "reasoning_details": [(), [], ({},), ("x",)],
}
ODD_FIELDS = {
    "n": [1, True, 1.0, 0, 2],
    "carry_features": [False, 0, True, None],
    "extra": [{}, OrderedDict(), {"a": 1}, {"model": "x"}, {1: 2}, MappingProxyType({}), None],
    "tools": [(), [], None],
    "stop": [(), [], ["x"], ""],
    "tool_choice": ["", Words(""), "auto", None],
    "user": ["", Words(""), None, "\ud83d"],
    "fallback_models": [(), [], ["x"]],
    "reasoning": [None, False, "", "low"],
    "response_format": [None, "json", ""],
    "keep_alive": [None, False, 0, "10m"],
    "temperature": [None, 0, False, 3],
}


def changed(usual, odd):
    """Values with at most two fields that are not usual."""
    one = st.sampled_from([(name, value) for name, values in odd.items() for value in values])
    return st.lists(one, max_size=2).map(lambda pairs: replace(usual, **dict(pairs)))


def verdict(request_):
    try:
        validate(request_)
    except ValidationError as error:
        return error.field, str(error), error.value, error.allowed
    return None


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(
    messages=st.lists(changed(Message("user", "Hello"), ODD), max_size=3).map(tuple),
    request_=changed(ChatRequest("tiny", ()), ODD_FIELDS),
)
def test_a_short_look_judges_as_a_long_one(messages, request_):
    request_ = replace(request_, messages=messages)
    told = [Told(**{each.name: getattr(message, each.name) for each in fields(Message)}) for message in messages]
    extra = OrderedDict(request_.extra) if type(request_.extra) is dict else request_.extra
    assert verdict(request_) == verdict(replace(request_, messages=tuple(told), extra=extra))

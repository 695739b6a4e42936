from __future__ import annotations

import pytest

from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.messages import ChatRequest, Message
from nuke_ai_panel.validators import validate

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

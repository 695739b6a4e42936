"""From the arguments of a public call to the request that a provider takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nuke_ai_panel.api.arguments import (
    Asked,
    ChatArguments,
    TextArguments,
    extra_of,
    one_of,
    place_of,
    refuse_unknown,
    split_model,
)
from nuke_ai_panel.api.conversation import (
    read_messages,
    read_reasoning,
    read_response_format,
    read_tool_choice,
    read_tools,
)
from nuke_ai_panel.api.servers import Place
from nuke_ai_panel.messages import ChatRequest, Message, Notice
from nuke_ai_panel.validators.values import refuse

__all__ = ["ChatCall", "read_chat", "read_prompt"]

_CHAT = frozenset(ChatArguments.__annotations__)
_TEXT = frozenset(TextArguments.__annotations__)
_PLAIN = frozenset(
    {
        *("temperature", "top_p", "max_tokens", "n", "seed", "presence_penalty", "frequency_penalty"),
        *("user", "context_length", "keep_alive"),
    }
)
_READ = frozenset(
    {
        *("max_completion_tokens", "stop", "tools", "tool_choice", "response_format", "carry_features"),
        *("reasoning", "reasoning_effort", "fallback_models", "models", "extra", "extra_body"),
    }
)


@dataclass(frozen=True)
class ChatCall:
    """A request, where it goes, and what of its arguments no server is told."""

    place: Place
    request: ChatRequest
    notices: tuple[Notice, ...] = ()


def read_chat(
    model: object, messages: object, arguments: Mapping[str, object], *, default_provider: str = "", call: str
) -> ChatCall:
    """Return what the arguments of a chat mean; `call` is how the caller's function is called in errors.

    Raises:
        ValidationError: an unknown argument, an unknown provider, or a shape that cannot be read.
    """
    refuse_unknown(arguments, _CHAT, call)
    asked = split_model(model, default_provider)
    notices: list[Notice] = []
    request = _request(asked, read_messages(messages, notices), arguments)
    return ChatCall(place_of(asked.provider, arguments, is_chat=True), request, tuple(notices))


def read_prompt(
    model: object, prompt: object, arguments: Mapping[str, object], *, default_provider: str = "", call: str
) -> ChatCall:
    """Return what the arguments of a call with a bare prompt mean. Raises: ValidationError."""
    refuse_unknown(arguments, _TEXT, call)
    asked = split_model(model, default_provider)
    if not isinstance(prompt, str) or not prompt.strip():
        refuse("prompt", prompt, "a text that is not empty", "prompt must be a text that is not empty.")
    request = _request(asked, (Message("user", prompt),), arguments)
    return ChatCall(place_of(asked.provider, arguments, is_chat=True), request)


def _request(asked: Asked, messages: tuple[Message, ...], arguments: Mapping[str, object]) -> ChatRequest:
    given = {name: value for name, value in arguments.items() if value is not None}
    # Types and ranges of the plain values are judged by the validators, which know the provider and the model.
    fields: dict[str, Any] = {name: given[name] for name in _PLAIN.intersection(given)}
    if not _READ.isdisjoint(given):
        fields.update(_read_fields(asked.provider, given))
    return ChatRequest(asked.model, messages, **fields)


def _read_fields(provider: str, given: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a request that are not written as we write them, or have a second name."""
    carry = given.get("carry_features", False)
    if not isinstance(carry, bool):
        refuse("carry_features", carry, "True or False")
    return {
        "max_tokens": one_of(given, "max_tokens", "max_completion_tokens"),
        "stop": _stop(given.get("stop")),
        "tools": read_tools(given.get("tools")),
        "tool_choice": read_tool_choice(given.get("tool_choice")),
        "response_format": read_response_format(given.get("response_format")),
        "reasoning": read_reasoning(given.get("reasoning"), given.get("reasoning_effort")),
        "carry_features": carry,
        "fallback_models": _fallbacks(one_of(given, "fallback_models", "models"), provider),
        "extra": extra_of(given),
    }


def _stop(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, (list, tuple)):
        refuse("stop", given, "a text or a list of texts")
    return tuple(given)


def _fallbacks(given: object, provider: str) -> tuple[str, ...]:
    """Return the names as the server knows them; they may be written with the provider before them or without."""
    if given is None:
        return ()
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence) or not all(isinstance(name, str) for name in given):
        refuse("fallback_models", given, "a list of model names")
    return tuple(name.partition("/")[2] if name.startswith(f"{provider}/") else name for name in given)

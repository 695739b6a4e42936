"""From the arguments of a public call to the request that a provider takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from nuke_ai_panel.api.arguments import (
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
    carry = arguments.get("carry_features")
    if carry is not None and not isinstance(carry, bool):
        refuse("carry_features", carry, "True or False")
    request = _request(
        asked.provider,
        asked.model,
        read_messages(messages, notices),
        arguments,
        tools=read_tools(arguments.get("tools")),
        tool_choice=read_tool_choice(arguments.get("tool_choice")),
        response_format=read_response_format(arguments.get("response_format")),
        carry_features=bool(carry),
    )
    return ChatCall(place_of(asked.provider, arguments, is_chat=True), request, tuple(notices))


def read_prompt(
    model: object, prompt: object, arguments: Mapping[str, object], *, default_provider: str = "", call: str
) -> ChatCall:
    """Return what the arguments of a call with a bare prompt mean. Raises: ValidationError."""
    refuse_unknown(arguments, _TEXT, call)
    asked = split_model(model, default_provider)
    if not isinstance(prompt, str) or not prompt.strip():
        refuse("prompt", prompt, "a text that is not empty", "prompt must be a text that is not empty.")
    request = _request(asked.provider, asked.model, (Message("user", prompt),), arguments)
    return ChatCall(place_of(asked.provider, arguments, is_chat=True), request)


def _request(
    provider: str, model: str, messages: tuple[Message, ...], arguments: Mapping[str, object], **chat: Any
) -> ChatRequest:
    # Types and ranges of the plain values are judged by the validators, which know the provider and the model.
    plain: Any = arguments
    n = arguments.get("n")
    return ChatRequest(
        model=model,
        messages=messages,
        temperature=plain.get("temperature"),
        max_tokens=cast("int | None", one_of(arguments, "max_tokens", "max_completion_tokens")),
        stop=_stop(arguments.get("stop")),
        top_p=plain.get("top_p"),
        seed=plain.get("seed"),
        n=1 if n is None else cast(int, n),
        presence_penalty=plain.get("presence_penalty"),
        frequency_penalty=plain.get("frequency_penalty"),
        user=plain.get("user") if arguments.get("user") is not None else "",
        reasoning=read_reasoning(arguments.get("reasoning"), arguments.get("reasoning_effort")),
        fallback_models=_fallbacks(one_of(arguments, "fallback_models", "models"), provider),
        context_length=plain.get("context_length"),
        keep_alive=plain.get("keep_alive"),
        extra=extra_of(arguments),
        **chat,
    )


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

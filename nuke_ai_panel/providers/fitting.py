"""Fit a request to what its model can do.

What a model is known to lack is refused before anything is sent. With ``carry_features`` tools and schemas go down a ladder
instead: the server's own tools, then a schema that the answer follows, then a fenced block that is described in words. The
events of the answer are the same on every rung.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from nuke_ai_panel.errors import APIError, BadRequestError, UnsupportedFeatureError, ValidationError
from nuke_ai_panel.messages import AudioPart, ChatRequest, FilePart, ImagePart, JsonSchema, Notice
from nuke_ai_panel.providers.capabilities import Capabilities
from nuke_ai_panel.providers.fitting_forms import AnswerBlock, CallOrAnswer, InTurn
from nuke_ai_panel.providers.fitting_text import CallBlocks, Splitter
from nuke_ai_panel.providers.fitting_words import ask_for_answer, ask_for_calls, form_of_answers, has_calls, tell, tell_calls

__all__ = ["Fitted", "features_of", "fit"]

Rung = Literal["native", "schema", "block"]

_OF_PART: dict[type, str] = {ImagePart: "images", AudioPart: "audio", FilePart: "files"}

_LACKS = {
    "chat": ("cannot chat", "Choose a model for conversations."),
    "images": ("cannot see pictures", "Choose a model that can, or send the request without pictures."),
    "audio": ("cannot listen to recordings", "Choose a model that can, or send the words as text."),
    "files": ("cannot read documents", "Choose a model that can, or send the document's text."),
    "reasoning": ("cannot reason before it answers", "Choose a model that can, or switch reasoning off."),
    "tools": ("cannot call tools", "Choose a model that can, or send the request without tools."),
    "json_schema": ("cannot hold its answer to a schema", "Choose a model that can, or send the request without a schema."),
}
"""Field of :class:`Capabilities` to what the model lacks, and what to do."""

_CARRIED = ("tools", "json_schema")
_SAYS_TOOLS = re.compile(r"\btools?\b|tool[_ -]?(?:call|choice|use)|function[_ -]?call", re.IGNORECASE)
_SAYS_SCHEMA = re.compile(r"response[_ -]?format|schema|structured|grammar|\bformat\b", re.IGNORECASE)


@dataclass(frozen=True)
class Fitted:
    """A request as it is to be sent, and how its answer is to be read.

    ``make_splitter`` is None where the answer needs no other reading; ``tools`` and ``schema`` are the rungs that were taken,
    ``first_call`` is how many calls the conversation held before.
    """

    request: ChatRequest
    notices: tuple[Notice, ...] = ()
    make_splitter: Callable[[], Splitter] | None = None
    tools: Rung = "native"
    schema: Rung = "native"
    first_call: int = 0

    def refused_feature(self, error: APIError) -> str:
        """Return which feature, of those that can be carried, the server refused with `error`, or ""."""
        said = f"{error.message} {error.details}"
        is_ours = self.tools == "schema"
        if isinstance(error, UnsupportedFeatureError):
            if self.request.tools and self.tools == "native" and _SAYS_TOOLS.search(said):
                return "tools"
            if isinstance(self.request.response_format, JsonSchema) and (is_ours or _SAYS_SCHEMA.search(said)):
                return "json_schema"
        # A schema that we have made is not to blame on the user, whatever the server has against it.
        if is_ours and type(error) is BadRequestError and error.kind == BadRequestError.default_kind:
            return "json_schema"
        return ""


def features_of(request: ChatRequest) -> set[str]:
    """Return what of the request may be too much for a model; for plain talk it is empty.

    They are fields of :class:`Capabilities`, ``"idle tools"`` that may not be called, and a ``"history"`` of calls.
    """
    wanted: set[str] = set()
    for message in request.messages:
        if message.parts:
            wanted.update(_OF_PART[type(part)] for part in message.parts if type(part) in _OF_PART)
    if request.tools:
        wanted.add("tools" if request.tool_choice != "none" else "idle tools")
    if request.reasoning and request.reasoning != "none":
        wanted.add("reasoning")
    if isinstance(request.response_format, JsonSchema):
        wanted.add("json_schema")
    if request.carry_features and has_calls(request.messages):
        wanted.add("history")
    return wanted


def fit(request: ChatRequest, capabilities: Capabilities, *, provider: str) -> Fitted:
    """Return `request` as a model of these `capabilities` can take it. What nobody knows is left to the server.

    Raises:
        UnsupportedFeatureError: the model lacks what is asked for; its ``kind`` is e.g. ``"unsupported_tools"``.
        ValidationError: ``max_tokens`` is more than the model can write.
    """
    wanted = features_of(request) | {"chat"}
    for feature, (lack, next_step) in _LACKS.items():
        carried = request.carry_features and feature in _CARRIED
        if feature in wanted and getattr(capabilities, feature) is False and not carried:
            raise UnsupportedFeatureError(
                f"{request.model!r} {lack}.", provider=provider, kind=f"unsupported_{feature}", next_step=next_step
            )
    _check_length(request, capabilities)
    if request.tools and capabilities.tools is False and request.tool_choice == "none":
        # Tools that may not be called do nothing, but a model without them refuses the request for their sake.
        request = replace(request, tools=(), tool_choice="")
    if not request.carry_features:
        return Fitted(request)
    if capabilities.tools is False and ("tools" in wanted or "history" in wanted):
        earlier = sum(len(message.tool_calls) for message in request.messages)
        return replace(_carry_tools(request, capabilities), first_call=earlier)
    if capabilities.json_schema is False and isinstance(request.response_format, JsonSchema):
        return _carry_schema(request, request.response_format)
    return Fitted(request)


def _check_length(request: ChatRequest, capabilities: Capabilities) -> None:
    limits = [limit for limit in (capabilities.max_output, capabilities.context_length) if limit]
    if request.max_tokens is None or not limits or request.max_tokens <= min(limits):
        return
    raise ValidationError(
        f"max_tokens must be a whole number from 1 to {min(limits)} for {request.model!r}, which cannot write more, "
        f"not {request.max_tokens}.",
        field="max_tokens",
        value=str(request.max_tokens),
        allowed=f"1 to {min(limits)}",
    )


def _carry_tools(request: ChatRequest, capabilities: Capabilities) -> Fitted:
    form = form_of_answers(request) if request.tools and capabilities.json_schema is not False else None
    messages = tell_calls(request.messages, as_form=form is not None)
    bare = replace(request, messages=messages, tools=(), tool_choice="")
    schema = request.response_format if isinstance(request.response_format, JsonSchema) else None
    if not request.tools:
        fitted = Fitted(bare)
        if schema is not None and capabilities.json_schema is False:
            fitted = _carry_schema(bare, schema)
        return fitted
    notice = Notice(
        "tools_carried", f"{request.model} cannot call tools by itself: they are described to it in words, so calls may fail."
    )
    messages = tell(messages, ask_for_calls(request, as_form=form is not None))
    if form is not None:
        raw = request.response_format is not None
        return Fitted(
            replace(bare, messages=messages, response_format=form),
            (notice,),
            lambda: CallOrAnswer(raw_answer=raw),
            tools="schema",
        )
    if schema is None:
        return Fitted(replace(bare, messages=messages), (notice,), CallBlocks, tools="block")
    # Held to a schema by the server, the model could not write a block.
    messages = tell(messages, ask_for_answer(schema.schema, after_calls=True))
    return Fitted(
        replace(bare, messages=messages, response_format=None),
        (notice, _schema_notice(request.model)),
        lambda: InTurn(CallBlocks(), AnswerBlock(schema.schema)),
        tools="block",
        schema="block",
    )


def _carry_schema(request: ChatRequest, schema: JsonSchema) -> Fitted:
    words = ask_for_answer(schema.schema, after_calls=bool(request.tools))
    return Fitted(
        replace(request, messages=tell(request.messages, words), response_format=None),
        (_schema_notice(request.model),),
        lambda: AnswerBlock(schema.schema),
        schema="block",
    )


def _schema_notice(model: str) -> Notice:
    return Notice(
        "schema_carried", f"{model} cannot be held to a schema: it is asked for the form in words, and may not keep it."
    )

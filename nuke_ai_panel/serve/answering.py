"""How a question that came over the wire is checked and answered: by the pipeline of the public calls."""

from __future__ import annotations

from collections.abc import AsyncIterator

from nuke_ai_panel.api.arguments import ChatArguments, TextArguments
from nuke_ai_panel.api.requests import ChatCall, read_chat, read_prompt
from nuke_ai_panel.api.servers import pool_of_this_loop
from nuke_ai_panel.errors import AuthenticationError, ValidationError
from nuke_ai_panel.messages import JsonObject, StreamEvent
from nuke_ai_panel.providers import registry
from nuke_ai_panel.validators import validate

__all__ = ["check_question", "public_answer"]

_NOT_OVER_THE_WIRE = frozenset({"base_url", "api_key", "ca_file", "attachments"})
"""Whoever may ask questions here must not have this machine's keys sent to a server of theirs, or its files read."""

_CHAT = frozenset(ChatArguments.__annotations__) - _NOT_OVER_THE_WIRE
_TEXT = frozenset(TextArguments.__annotations__) - _NOT_OVER_THE_WIRE
_CALL = "A task"


def check_question(question: JsonObject) -> None:
    """Return if `question` holds arguments of ``ChatCompletion.acreate``, or with ``prompt`` of ``Completion.acreate``.

    Nothing is sent anywhere. Raises: ValidationError.
    """
    call = _read(question)
    validate(call.request, registry.provider_class(call.place.provider).limits)


def _read(question: JsonObject) -> ChatCall:
    arguments = dict(question)
    model = arguments.pop("model", None)
    stream = arguments.pop("stream", True)
    if not isinstance(stream, bool):
        raise ValidationError("stream must be true or false.", field="stream", allowed="true or false")
    for name in sorted(_NOT_OVER_THE_WIRE & arguments.keys()):
        raise ValidationError(
            f"A task has no {name!r}: servers and keys are set where this server runs, and files come as parts of a message.",
            field=name,
        )
    if "prompt" in arguments:
        if "messages" in arguments:
            raise ValidationError("A task has either messages or a prompt.", field="prompt")
        _refuse_others(arguments, _TEXT | {"prompt"})
        return read_prompt(model, arguments.pop("prompt"), arguments, call=_CALL)
    _refuse_others(arguments, _CHAT | {"messages"})
    return read_chat(model, arguments.pop("messages", ()), arguments, call=_CALL)


def _refuse_others(arguments: JsonObject, known: frozenset[str]) -> None:
    for name in arguments:
        if name not in known:
            # The name is what the client wrote, and may be anything.
            raise ValidationError(
                f"A task has no field {name[:40]!r}.", field=name[:40], allowed=", ".join(sorted(known | {"model"}))
            )


async def public_answer(question: JsonObject) -> AsyncIterator[StreamEvent]:
    """Ask the server that the model's name means, and yield the events of its answer; raises what a public call raises."""
    call = _read(question)
    pool = pool_of_this_loop()
    lease = await pool.lease(call.place)
    for notice in call.notices:
        yield notice
    events = lease.provider.stream(call.request, deadlines=call.place.deadlines)
    try:
        async for event in events:
            yield event
    except AuthenticationError:
        pool.forget_key(call.place.provider)
        raise
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()

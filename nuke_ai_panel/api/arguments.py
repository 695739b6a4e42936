"""The arguments of the public calls: their names, and what they mean for the place that is asked and the time it may take."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, TypeVar, cast

from nuke_ai_panel.api.servers import Place
from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.messages import JsonObject, JsonSchema, Tool
from nuke_ai_panel.providers.base import USUAL, Deadlines, Secret
from nuke_ai_panel.providers.registry import PROVIDERS
from nuke_ai_panel.validators.values import check_seconds, refuse, shown

if TYPE_CHECKING:
    import os
    from typing import IO, Literal

    from nuke_ai_panel.files import CheckedFile
    from nuke_ai_panel.messages import Part

    Attachment = str | os.PathLike[str] | CheckedFile | Part
    FileInput = str | os.PathLike[str] | CheckedFile | bytes | tuple[str, bytes] | IO[bytes]

__all__ = [
    "Asked",
    "CallArguments",
    "ChatArguments",
    "EmbeddingArguments",
    "ImageArguments",
    "SpeechArguments",
    "TextArguments",
    "TranscriptionArguments",
    "UploadArguments",
    "extra_of",
    "hide_key",
    "one_of",
    "place_of",
    "refuse_unknown",
    "split_model",
    "text_of",
]

T = TypeVar("T")

_KEYLIKE = re.compile(r"(?i)key|token(?!s)|secret|passw|auth|header|credential")
"""Names of arguments whose values are a key, or were meant to be one."""

_TIMES = frozenset({"timeout", "connect_timeout", "first_byte_timeout", "chunk_timeout", "max_retries"})

_OF_THE_CLIENT = {
    "api_base": "base_url",
    "request_timeout": "timeout",
    "functions": "tools",
    "function_call": "tool_choice",
    "num_ctx": "context_length",
    "think": "reasoning",
    "format": "response_format",
}
"""Arguments of other clients, and what they are called here."""

_NOT_SENT = frozenset({"extra_headers", "default_headers", "headers", "extra_query", "http_client", "organization", "project"})
"""Arguments of other clients for which there is nothing here: they change the request, and not its body."""


class CallArguments(TypedDict, total=False):
    """What every call takes. None is the same as leaving it out.

    Args:
        base_url: address of the server, instead of the one in the settings or the environment.
        api_key: its key, instead of the one in the environment or the keyring.
        ca_file: a PEM file of further authorities to trust.
        connect_timeout: seconds for name lookup, connection and TLS.
        first_byte_timeout: seconds from the request's end to the first byte of the answer.
        chunk_timeout: seconds of silence in a stream, 30 by default.
        timeout: seconds for the whole call; no limit for chat by default, 30 for the others.
        max_retries: how often a request is sent again while nothing of its answer has come.
        extra: further fields of the body in the words of the server's own protocol; ``extra_body`` is the same.
    """

    base_url: str | None
    api_key: str | None
    ca_file: str | None
    connect_timeout: float | None
    first_byte_timeout: float | None
    chunk_timeout: float | None
    timeout: float | None
    max_retries: int | None
    extra: JsonObject | None
    extra_body: JsonObject | None


class TextArguments(CallArguments, total=False):
    """What a call takes that ends in a text; see :class:`~nuke_ai_panel.messages.ChatRequest` for the rest."""

    temperature: float | None
    top_p: float | None
    n: int | None
    max_tokens: int | None
    max_completion_tokens: int | None
    stop: str | Sequence[str] | None
    seed: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    user: str | None
    keep_alive: float | str | None
    context_length: int | None
    reasoning: bool | str | JsonObject | None
    reasoning_effort: str | None
    fallback_models: Sequence[str] | None
    models: Sequence[str] | None
    stream_options: JsonObject | None


class ChatArguments(TextArguments, total=False):
    """What a chat takes: tools and the form of the answer in the OpenAI form or as our own values.

    ``attachments`` are files that the caller has chosen (paths, checked files, or parts of a message); they are checked, and go
    with the last message of the user.
    """

    tools: Sequence[JsonObject | Tool] | None
    tool_choice: str | JsonObject | None
    response_format: Literal["json"] | JsonObject | JsonSchema | None
    carry_features: bool | None
    attachments: Sequence[Attachment] | None


class EmbeddingArguments(CallArguments, total=False):
    """``dimensions`` shortens the vectors where the model can."""

    dimensions: int | None


class ImageArguments(CallArguments, total=False):
    """``size`` is e.g. ``"1024x1024"``; ``references`` are pictures to start from: files, or parts of a message."""

    n: int | None
    size: str | None
    quality: str | None
    references: Sequence[Attachment] | None


class TranscriptionArguments(CallArguments, total=False):
    """``language`` is a code such as ``"en"``; ``prompt`` gives names and spellings; ``filename`` is for bare bytes."""

    language: str | None
    prompt: str | None
    filename: str | None


class SpeechArguments(CallArguments, total=False):
    """``response_format`` is e.g. ``"mp3"`` or ``"wav"``; ``speed`` 1.0 is normal."""

    response_format: str | None
    speed: float | None


class UploadArguments(CallArguments, total=False):
    """``purpose`` is in the server's words; ``filename`` and ``media_type`` are for bare bytes."""

    purpose: str | None
    filename: str | None
    media_type: str | None


_PLAIN = frozenset(
    {
        *ChatArguments.__annotations__,
        *ImageArguments.__annotations__,
        *TranscriptionArguments.__annotations__,
        *SpeechArguments.__annotations__,
        *UploadArguments.__annotations__,
    }
    - {"api_key"}
)
"""Arguments that there are and that hold no key."""


@dataclass(frozen=True)
class Asked:
    """Who is asked: the provider's registry name, and the model's name as that server knows it."""

    provider: str
    model: str


def hide_key(arguments: object) -> dict[str, object]:
    """Wrap the key among `arguments` in place, so that no traceback which shows variables shows it; return `arguments`.

    So is what was meant for one: a key that is no text, an argument whose name does not exist, an address with a query.
    """
    given = cast("dict[str, object]", arguments)
    for name in given:
        if name not in _PLAIN and _KEYLIKE.search(name):
            given[name] = _hidden(given[name])
    address = given.get("base_url")
    if isinstance(address, str) and ("@" in address or "?" in address):
        given["base_url"] = Secret(address)
    return given


def _hidden(value: object) -> object:
    if value is None or isinstance(value, Secret):
        return value
    return Secret(value) if isinstance(value, str) else _Unshown(type(value).__name__)


@dataclass(frozen=True)
class _Unshown:
    """Stands for a value that may hold a key and cannot be used; only its type is known."""

    kind: str


def refuse_unknown(given: Collection[str], known: Collection[str], call: str) -> None:
    """Return if `call` takes every argument in `given`.

    Raises:
        ValidationError: it does not; the message names the nearest one that it takes.
    """
    for name in given:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, 1, 0.7)
        same = _OF_THE_CLIENT.get(name, "")
        if name in _NOT_SENT:
            hint = "Headers and addresses of requests cannot be changed."
        elif same in known:
            hint = f"It is called {same!r} here."
        else:
            hint = f"Did you mean {near[0]!r}? " if near else ""
            hint += "A field of the server's own protocol goes into extra_body." if "extra_body" in known else ""
        raise ValidationError(f"{call} has no argument {name!r}. {hint}".rstrip(), field=name, allowed=", ".join(sorted(known)))


def split_model(model: object, default_provider: str = "") -> Asked:
    """Take ``"provider/model"`` apart at its first slash.

    Raises:
        ValidationError: the part before the slash is no provider. The message names those that are, and with
            `default_provider` how the name is written for it.
    """
    if not isinstance(model, str) or not model.strip():
        raise ValidationError(
            f"model is needed, written provider/model. Known are {_known_prefixes()}.",
            field="model",
            value=shown(model),
            allowed="provider/model",
        )
    provider, slash, rest = model.strip().partition("/")
    if slash and provider in PROVIDERS:
        if not rest.strip():
            raise ValidationError(
                f"{model!r} names a provider, but no model.", field="model", value=shown(model), allowed="provider/model"
            )
        return Asked(provider, rest.strip())
    near = difflib.get_close_matches(provider, PROVIDERS, 1) if slash else []
    hint = f" Did you mean {near[0] + '/' + rest!r}?" if near else ""
    if not hint and default_provider in PROVIDERS:
        hint = f" For your default provider write {default_provider + '/' + model.strip()!r}."
    said = f"{model!r} begins with no provider" if not slash else f"There is no provider {provider!r}"
    raise ValidationError(
        f"{said}. A model is written provider/model; known are {_known_prefixes()}.{hint}",
        field="model",
        value=shown(model),
        allowed="provider/model",
    )


def _known_prefixes() -> str:
    return ", ".join(f"{name}/" for name in PROVIDERS)


def one_of(arguments: Mapping[str, object], *names: str) -> object:
    """Return the one argument that is given under any of `names`, None where it is under none.

    Raises:
        ValidationError: two names with different values.
    """
    found: list[tuple[str, object]] = [(name, arguments[name]) for name in names if arguments.get(name) is not None]
    for name, value in found[1:]:
        if value != found[0][1]:
            raise ValidationError(f"{found[0][0]} and {name} mean the same, but differ.", field=name, value=shown(value))
    return found[0][1] if found else None


def extra_of(arguments: Mapping[str, object]) -> JsonObject:
    """Return the further fields of the body. Raises: ValidationError."""
    extra = one_of(arguments, "extra", "extra_body")
    if extra is None:
        return {}
    if not isinstance(extra, Mapping) or not all(isinstance(name, str) for name in extra):
        refuse("extra_body", extra, "a dict of fields")
    return dict(extra)


def _seconds(arguments: Mapping[str, object], name: str, default: T) -> float | T:
    value = arguments.get(name)
    return default if value is None else check_seconds(name, value)


def text_of(arguments: Mapping[str, object], name: str) -> str | None:
    """Return the text that is given as `name`, None where there is none. Raises: ValidationError."""
    value = arguments.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        refuse(name, value, "a text")
    return value


def place_of(asked: str, arguments: Mapping[str, object], *, is_chat: bool = False) -> Place:
    """Return where a call to the provider `asked` goes and how long it may take.

    Raises:
        ValidationError: an address, key or file that is no text, a time that is no number above 0, retries that are no count.
    """
    deadlines = USUAL if _TIMES.isdisjoint(arguments) else _deadlines_of(arguments, is_chat=is_chat)
    key = arguments.get("api_key")
    if key is not None and not isinstance(key, Secret):
        kind = key.kind if isinstance(key, _Unshown) else type(key).__name__
        raise ValidationError(f"api_key must be a text, not a value of the type {kind}.", field="api_key", allowed="a text")
    return Place(asked, (text_of(arguments, "base_url") or "").strip(), key, text_of(arguments, "ca_file"), deadlines)


def _deadlines_of(arguments: Mapping[str, object], *, is_chat: bool) -> Deadlines:
    total: float | None = _seconds(arguments, "timeout", None)
    retries = arguments.get("max_retries")
    if retries is None:
        retries = USUAL.retries
    if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= 10:
        refuse("max_retries", retries, "a whole number from 0 to 10")
    return Deadlines(
        connect=_seconds(arguments, "connect_timeout", USUAL.connect),
        first_byte=_seconds(arguments, "first_byte_timeout", USUAL.first_byte),
        call=USUAL.call if total is None else total,
        silence=_seconds(arguments, "chunk_timeout", USUAL.silence),
        total=total if is_chat else None,
        retries=retries,
        retry_after=USUAL.retry_after,
    )

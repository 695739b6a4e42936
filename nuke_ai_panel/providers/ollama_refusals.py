"""What only Ollama says when it refuses, in the user's words. Facts as of Ollama 0.33."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from nuke_ai_panel.errors import (
    APIError,
    AuthenticationError,
    ModelNotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from nuke_ai_panel.net.failures import Refusal, redact
from nuke_ai_panel.net.json_values import record, text
from nuke_ai_panel.providers.refusals import Speaker, error_words, explain_refusal, failure_in_answer

__all__ = ["explain_answer", "explain_line", "is_ollama_com"]

_CLOUD_OFF = re.compile(r"cloud is disabled", re.IGNORECASE)
_BROKEN_CALL = re.compile(r"invalid tool call arguments", re.IGNORECASE)
_NO_MEMORY = re.compile(r"more (system |GPU )?memory|out of memory|unable to allocate|cudaMalloc failed", re.IGNORECASE)
_OLD_SERVER = re.compile(r"requires a newer version of ollama", re.IGNORECASE)
_PAID_PLAN = re.compile(r"requires a subscription|upgrade for access", re.IGNORECASE)
_USAGE_LIMIT = re.compile(r"\b(hourly|session|daily|weekly|monthly) usage limit", re.IGNORECASE)
_NOT_IN_REGISTRY = re.compile(r"pull model manifest:.*(file does not exist|not found|404)", re.IGNORECASE)
_NO_REGISTRY = re.compile(r"pull model manifest:|max retries exceeded", re.IGNORECASE)


def is_ollama_com(url: str) -> bool:
    """Return whether `url` leads to Ollama's own cloud."""
    host = (urlsplit(url).hostname or "").lower()
    return host == "ollama.com" or host.endswith(".ollama.com")


def explain_answer(refusal: Refusal, speaker: Speaker, *, model: str = "", what: str = "chat") -> APIError:
    """Return the error for an answer that is not 2xx."""
    error = explain_refusal(refusal, speaker, model=model, what=what)
    return _sharpened(error, _fields(refusal.body), speaker)


def explain_line(line: dict[str, object], speaker: Speaker, *, model: str = "") -> APIError:
    """Return the error for a line of an answer that holds an error."""
    return _sharpened(failure_in_answer(line, speaker, model=model), line, speaker)


def _fields(body: bytes) -> dict[str, object]:
    try:
        return record(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _sharpened(error: APIError, fields: dict[str, object], speaker: Speaker) -> APIError:
    said = error_words(fields).message

    def build(which: type[APIError], sentence: str, next_step: str, kind: str) -> APIError:
        return which(
            sentence,
            provider=speaker.provider,
            status=error.status,
            kind=kind,
            next_step=next_step,
            retry_after=error.retry_after,
            details=error.details,
        )

    if isinstance(error, AuthenticationError) and fields.get("signin_url"):
        link = text(fields.get("signin_url"))
        # Only a page of Ollama's own is worth sending someone to with a login in mind.
        trusted = link.startswith("https://") and is_ollama_com(link) and link.isprintable() and " " not in link
        trusted = trusted and redact(link, speaker.key) == link
        return build(
            AuthenticationError,
            "This model runs in Ollama's cloud, and the server is not signed in there.",
            f"Run 'ollama signin' on the server's machine{f', or open {link}' if trusted else ''}.",
            "signed_out",
        )
    if isinstance(error, AuthenticationError) and is_ollama_com(speaker.address):
        error.next_step = "Make a key at https://ollama.com/settings/keys and add it in Settings (or OLLAMA_API_KEY)."
        return error
    if _CLOUD_OFF.search(said):
        return build(
            PermissionDeniedError,
            "Cloud models are switched off on this Ollama server, so that no prompt leaves it.",
            "Choose a model that is pulled. Whoever runs the server can allow them again (OLLAMA_NO_CLOUD).",
            "cloud_disabled",
        )
    if _PAID_PLAN.search(said):
        return build(
            PaymentRequiredError,
            "This cloud model is part of a paid plan of Ollama.",
            "Choose another model, or upgrade at https://ollama.com/upgrade.",
            "paid_plan",
        )
    limit = _USAGE_LIMIT.search(said) if isinstance(error, RateLimitError) else None
    if limit:
        return build(
            RateLimitError,
            f"The account at Ollama has reached its {limit.group(1).lower()} limit for cloud models.",
            "Choose a model that is pulled, wait, or upgrade at https://ollama.com/upgrade.",
            "usage_limit",
        )
    if _OLD_SERVER.search(said):
        return build(
            ServerError,
            "This model needs a newer Ollama than the server's.",
            "Update Ollama on the server's machine (https://ollama.com/download), then pull again.",
            "old_server",
        )
    if _BROKEN_CALL.search(said):
        return build(
            ServerError,
            "The model's tool call is broken or was cut short.",
            "Try again, allow a longer answer, or choose a model that is better with tools.",
            "broken_tool_call",
        )
    if _NO_MEMORY.search(said):
        return build(
            ServerError,
            "The server has not enough memory for this model.",
            "Choose a smaller model or a shorter context, or unload other models.",
            "out_of_memory",
        )
    if _NOT_IN_REGISTRY.search(said):
        return build(
            ModelNotFoundError,
            "Ollama's library has no model of this name.",
            "Check the spelling; the names are listed at https://ollama.com/library.",
            "model_not_found",
        )
    if _NO_REGISTRY.search(said):
        return build(
            ServerError,
            "The server cannot reach the library of models.",
            "Check the network of the server's machine, then pull again; what has come is kept there.",
            "no_registry",
        )
    return error

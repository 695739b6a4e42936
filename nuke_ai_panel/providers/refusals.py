"""Turn what a model server says when it refuses into one of our errors, in the user's words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from nuke_ai_panel.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ModelNotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    UnsupportedFeatureError,
)
from nuke_ai_panel.net.failures import Refusal, looks_like_html, redact, web_page_failure
from nuke_ai_panel.net.json_values import integer, number, record, text

__all__ = ["ErrorWords", "Speaker", "error_words", "explain_refusal", "failure_in_answer"]

_DEEPEST = 12
_LONGEST_SAID = 300
_LONGEST_DETAILS = 2000

_KEY_WORDS = re.compile(
    r"api[ _-]?key|invalid.{0,10}token|unauthori[sz]ed|authentication|credential|no auth|user not found", re.IGNORECASE
)
_NO_MODEL = re.compile(
    r"model.{0,80}(not found|does not exist|not a valid model|is not available)|invalid model|no such model"
    r"|no endpoints found for",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"exceed\w*.{0,40}context|context.{0,20}(length|window|size).{0,60}exceed|maximum context", re.IGNORECASE
)
_LACKS = re.compile(r"does not support|is not supported|not supported by", re.IGNORECASE)


@dataclass(frozen=True)
class Speaker:
    """Who refused: what the words need to know about the server. ``key`` is only there to be kept out of them.

    The hints are sentences on what to do: where a model is missing, where there is no API at the address, and where a refusal
    without a word (403) is this kind of server's way to say that it does not know the host name.
    """

    provider: str
    title: str
    address: str
    key: str = field(default="", repr=False)
    get_model_hint: str = "Choose another model."
    address_hint: str = "Check the address."
    host_name_hint: str = ""


@dataclass(frozen=True)
class ErrorWords:
    """What an error object holds. ``kind`` is the server's own stable word, "" where it has none."""

    message: str = ""
    kind: str = ""
    status: int | None = None
    retry_after: float | None = None


def error_words(value: object, depth: int = 0) -> ErrorWords:
    """Read an error in any of the known shapes.

    ``{"error": "text"}`` and ``{"error": {"message", "code", "type", "metadata"}}``, ``{"detail": …}``, a bare text, and each
    of these once more as JSON inside the text (Ollama passes on what its runner said).
    """
    if isinstance(value, str):
        inner = value.strip()
        if depth < _DEEPEST and inner.startswith("{"):
            try:
                parsed: object = json.loads(inner)
            except (ValueError, RecursionError):
                parsed = None
            if isinstance(parsed, dict):
                found = error_words(parsed, depth + 1)
                return found if found.message else ErrorWords(inner)
        return ErrorWords(inner)
    if isinstance(value, list):
        return error_words(value[0], depth + 1) if value and depth < _DEEPEST else ErrorWords()
    fields = record(value)
    if depth < _DEEPEST:
        for name in ("error", "detail"):
            if fields.get(name):
                found = error_words(fields[name], depth + 1)
                if found.message:
                    return found
    inner_words = (
        error_words(text(fields.get("message")) or text(fields.get("msg")), depth + 1) if depth < _DEEPEST else ErrorWords()
    )
    metadata, availability = record(fields.get("metadata")), record(fields.get("availability"))
    code = fields.get("code")
    status = integer(code) if not isinstance(code, str) else (int(code) if code.isdigit() else None)
    return ErrorWords(
        inner_words.message,
        inner_words.kind
        or text(metadata.get("error_type"))
        or text(availability.get("code"))
        or (code if isinstance(code, str) and not code.isdigit() else "")
        or text(fields.get("type")),
        inner_words.status or (status if status is not None and 100 <= status <= 599 else None),
        number(availability.get("retry_after")) or number(metadata.get("retry_after")),
    )


def explain_refusal(refusal: Refusal, speaker: Speaker, *, model: str = "", what: str = "chat") -> APIError:
    """Return the error for an answer that is not 2xx. `what` is what was asked for: ``"chat"``, ``"models"`` or ``"key"``."""
    status = refusal.status
    if 300 <= status < 400:
        where = f" to {refusal.location}" if refusal.location else ""
        return ProtocolError(
            f"{speaker.address} redirects{where}.",
            provider=speaker.provider,
            status=status,
            kind="redirect",
            next_step="A login page or a proxy? If the server has moved, put its new address into Settings.",
        )
    if looks_like_html(refusal.content_type, refusal.body) and status < 500:
        return web_page_failure(refusal.body, provider=speaker.provider, address=speaker.address, status=status)
    said = refusal.body.decode("utf-8", "replace")
    words = ErrorWords() if looks_like_html(refusal.content_type, refusal.body) else error_words(said)
    wait = refusal.retry_after if refusal.retry_after is not None else words.retry_after
    words = ErrorWords(words.message, words.kind, status, wait)
    if status == 403 and not refusal.body and speaker.host_name_hint:
        return PermissionDeniedError(
            "The server does not accept this host name (reverse proxy or tunnel).",
            provider=speaker.provider,
            status=status,
            kind="host_name",
            next_step=speaker.host_name_hint,
        )
    if status in (404, 405) and not _NO_MODEL.search(words.message) and (what == "models" or not model):
        return ProtocolError(
            "No API at this path.",
            provider=speaker.provider,
            status=status,
            kind="no_api",
            next_step=speaker.address_hint,
            details=_details(said, speaker),
        )
    return _build(words, speaker, model, details=_details(said, speaker))


def failure_in_answer(value: object, speaker: Speaker, *, model: str = "") -> APIError:
    """Return the error for an error object that came inside an answer with status 200."""
    words = error_words(value)
    try:
        details = _details(json.dumps(value, ensure_ascii=False), speaker)
    except (TypeError, ValueError, RecursionError):
        details = ""
    return _build(words, speaker, model, details=details, in_answer=True)


def _build(words: ErrorWords, speaker: Speaker, model: str, *, details: str, in_answer: bool = False) -> APIError:
    status, kind, message = words.status, words.kind, words.message
    said = _shown(message, speaker)
    quoted = f" It said: {said}" if said else ""

    def build(which: type[APIError], sentence: str, next_step: str, own_kind: str = "") -> APIError:
        return which(
            sentence,
            provider=speaker.provider,
            status=200 if in_answer and status is None else status,
            kind=own_kind,
            next_step=next_step,
            retry_after=words.retry_after,
            details=details,
        )

    if status == 402 or kind in ("payment_required", "insufficient_credits", "insufficient_quota", "budget_exceeded"):
        return build(
            PaymentRequiredError, "The key works, but has no credit left.", "Add credit, or choose a free or a local model."
        )
    if status == 429 or kind in ("rate_limit_exceeded", "rate_limit", "throttling_error"):
        return build(RateLimitError, f"{speaker.title} takes no more requests for now.", _when(words.retry_after))
    if _TOO_LONG.search(message) or kind in ("context_length_exceeded", "exceed_context_size_error"):
        return build(
            BadRequestError,
            f"The conversation is longer than the model can read.{quoted}",
            "Start a new conversation, send less of the script, or choose a model with a larger context.",
            "context_length",
        )
    if status == 401 or kind == "authentication" or (status in (400, 403) and _KEY_WORDS.search(message)):
        sent = bool(speaker.key)
        return build(
            AuthenticationError,
            "The server rejected the key." if sent else "The server wants a key, and none is set.",
            "Check that it is complete, not revoked, and belongs to this server." if sent else "Add the key in Settings.",
        )
    if kind in ("model_not_found", "model_not_found_error") or (status in (400, 404, None) and _NO_MODEL.search(message)):
        return build(
            ModelNotFoundError,
            f"{model!r} is not on this server." if model else f"No such model.{quoted}",
            speaker.get_model_hint,
        )
    if _LACKS.search(message) and (status is None or status in (400, 404, 500, 501)):
        return build(UnsupportedFeatureError, f"This model cannot do what was asked.{quoted}", "Choose another model.")
    if status == 403:
        return build(
            PermissionDeniedError,
            f"The server refused this request.{quoted}",
            "Ask whoever runs the server, or choose another model.",
        )
    if status in (408, 504, 524):
        return build(
            RequestTimeoutError,
            f"{speaker.title} ran out of time.{quoted}",
            "Try again, or choose another model.",
            "gateway_timeout",
        )
    if in_answer or status is None or status >= 500:
        busy = status in (502, 503, 529)
        state = "is busy or not reachable behind its proxy" if busy else "failed while it answered" if in_answer else "failed"
        return build(ServerError, f"{speaker.title} {state}.{quoted}", "Try again, or choose another model.")
    return build(BadRequestError, f"{speaker.title} refused the request ({status}).{quoted}", "See the details.")


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "Try again in a minute, or choose another model."
    if seconds < 90:
        return f"Try again in {max(1, round(seconds))} s."
    return f"Try again in {round(seconds / 60)} min, or choose another model."


def _shown(message: str, speaker: Speaker) -> str:
    """Return the first line of `message`, without keys and not too long: gateways append pages of advice."""
    lines = redact(message, speaker.key).strip().splitlines()
    first = lines[0].strip() if lines else ""
    return first if len(first) <= _LONGEST_SAID else first[: _LONGEST_SAID - 1] + "…"


def _details(said: str, speaker: Speaker) -> str:
    return redact(said, speaker.key).strip()[:_LONGEST_DETAILS]

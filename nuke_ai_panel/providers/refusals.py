"""Turn what a model server says when it refuses into one of our errors, in the user's words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace

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
from nuke_ai_panel.net.json_values import array, integer, number, record, text
from nuke_ai_panel.operations import OPERATIONS

__all__ = ["ErrorWords", "Speaker", "error_words", "explain_refusal", "failure_in_answer"]

_DEEPEST = 12
_LONGEST_SAID = 300
_LONGEST_DETAILS = 2000

_KEY_WORDS = re.compile(
    r"api[ _-]?key|invalid.{0,10}token|unauthori[sz]ed|authentication|credential|no auth|user not found", re.IGNORECASE
)
#: A LiteLLM gateway that has keys to check and no database to find them in.
_NO_KEY_STORE = re.compile(r"no connected db|database not connected", re.IGNORECASE)
_KEY_LIMIT = re.compile(r"key limit|limit of (this|the) key|spending limit", re.IGNORECASE)
_CANNOT_AFFORD = re.compile(r"can only afford|fewer max_tokens", re.IGNORECASE)
_FREE_PER_DAY = re.compile(r"free-models-per-day", re.IGNORECASE)
_PRIVACY = re.compile(r"no endpoints.{0,60}(data policy|privacy)", re.IGNORECASE)
_NO_ENDPOINT_FOR_FEATURE = re.compile(r"no endpoints found that (?:support|can handle)", re.IGNORECASE)
_NO_ALLOWED_PROVIDER = re.compile(r"no allowed providers|all providers have been ignored", re.IGNORECASE)
#: Names of exceptions that a LiteLLM gateway puts before what the model's own server said.
_GATEWAY_PREFIX = re.compile(r"^(?:(?:litellm\.)?\w+(?:Error|Exception)(?:: | - ))+(?=\S)")
#: What of an error object is the user's own words, sent back; they belong in no error.
_ECHOES = frozenset({"flagged_input"})
_NO_MODEL = re.compile(
    r"model.{0,80}(not found|does not exist|is not available)|invalid model|not a valid model|no such model"
    r"|no endpoints found for",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"exceed\w*.{0,40}context|context.{0,20}(length|window|size).{0,60}exceed|maximum context"
    # LM Studio, SGLang, Anthropic, Bedrock and Gemini, the last three as gateways pass them on
    r"|loaded with context length of only|longer than the model's context|(prompt|input) is too long"
    r"|input (length|token count).{0,40}exceeds|input \(\d+ tokens\) is too large",
    re.IGNORECASE,
)
_LACKS = re.compile(
    r"does not support|is not supported|not supported by|cannot be disabled|invalid tool_choice type", re.IGNORECASE
)
#: LM Studio knows no JSON without a schema.
_WANTS_SCHEMA = re.compile(r"response_format\W{0,2}type\W{1,3}must be\W{1,3}json_schema", re.IGNORECASE)
#: vLLM and llama.cpp name the option that they were started without.
_NOT_SET_UP = re.compile(r"requires --[a-z]", re.IGNORECASE)
#: Kinds of errors, in OpenRouter's words of ``error_type`` first.
_TOO_LONG_KINDS = frozenset({"context_length_exceeded", "token_limit_exceeded", "string_too_long", "exceed_context_size_error"})
_PICTURE_KINDS = frozenset(
    {
        *("invalid_image", "image_too_large", "image_too_small", "unsupported_image_format"),
        *("image_not_found", "image_download_failed"),
    }
)
_REQUEST_KINDS = frozenset({"invalid_request", "invalid_prompt", "precondition_failed", "unprocessable", "max_tokens_exceeded"})


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
    """What an error object holds. ``kind`` is the server's own stable word, "" where it has none.

    ``reasons`` is why a moderator objects; ``alternatives`` are models that the server names in place of the one asked for;
    ``upstream`` is who runs the model for the server that answers.
    """

    message: str = ""
    kind: str = ""
    status: int | None = None
    retry_after: float | None = None
    reasons: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    upstream: str = ""


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
    message = inner_words.message
    if text(metadata.get("provider_name")) and text(metadata.get("raw")) and depth < _DEEPEST:
        # OpenRouter says only that a provider refused, and puts beside it what that one said.
        said = error_words(text(metadata["raw"]), depth + 1).message
        message = f"{text(metadata['provider_name'])}: {said}" if said else message
    code = fields.get("code")
    status = integer(code) if not isinstance(code, str) else (int(code) if code.isdigit() else None)
    return ErrorWords(
        message,
        inner_words.kind
        or text(metadata.get("error_type"))
        or text(availability.get("code"))
        or (code if isinstance(code, str) and not code.isdigit() else "")
        or text(fields.get("type")),
        inner_words.status or (status if status is not None and 100 <= status <= 599 else None),
        number(availability.get("retry_after")) or number(metadata.get("retry_after")),
        _texts(metadata.get("reasons")),
        _texts(availability.get("fallback_models")),
        text(metadata.get("provider_name")),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in array(value) if isinstance(item, str) and item)[:5]


def explain_refusal(refusal: Refusal, speaker: Speaker, *, model: str = "", what: str = "chat") -> APIError:
    """Return the error for an answer that is not 2xx.

    `what` is what was asked for: ``"chat"``, ``"models"``, ``"key"`` or one of :data:`~nuke_ai_panel.operations.OPERATIONS`.
    """
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
    words = replace(words, status=status, retry_after=wait)
    if status == 403 and not refusal.body and speaker.host_name_hint:
        return PermissionDeniedError(
            "The server does not accept this host name (reverse proxy or tunnel).",
            provider=speaker.provider,
            status=status,
            kind="host_name",
            next_step=speaker.host_name_hint,
        )
    if what in OPERATIONS and (status in (404, 405) or (status == 501 and not words.message)):
        lacking = _lacking(what, words, speaker, status, _details(said, speaker))
        if lacking is not None:
            return lacking
    elif status in (404, 405) and not _NO_MODEL.search(words.message) and (what == "models" or not model):
        return ProtocolError(
            "No API at this path.",
            provider=speaker.provider,
            status=status,
            kind="no_api",
            next_step=speaker.address_hint,
            details=_details(said, speaker),
        )
    return _build(words, speaker, model, details=_details(said, speaker), what=what)


def _lacking(what: str, words: ErrorWords, speaker: Speaker, status: int, details: str) -> APIError | None:
    """Return the error of a server that does not know the path of an operation, or the file that was asked for."""
    if what in ("download_file", "delete_file"):
        return BadRequestError(
            "There is no such file on this server.",
            provider=speaker.provider,
            status=status,
            kind="file_not_found",
            next_step="List the files to see which there are.",
            details=details,
        )
    if _NO_MODEL.search(words.message) or words.kind.startswith("model_not_found"):
        return None
    return UnsupportedFeatureError(
        f"The server at {speaker.address} has no {OPERATIONS[what]}.",
        provider=speaker.provider,
        status=status,
        next_step="Choose a model or a server that has.",
        details=details,
    )


def failure_in_answer(value: object, speaker: Speaker, *, model: str = "") -> APIError:
    """Return the error for an error object that came inside an answer with status 200."""
    return _build(error_words(value), speaker, model, details=_details(value, speaker), in_answer=True)


def _build(
    words: ErrorWords, speaker: Speaker, model: str, *, details: str, in_answer: bool = False, what: str = "chat"
) -> APIError:
    status, kind, message = words.status, words.kind, words.message
    said = _shown(message, speaker)
    quoted = _quoted(said)
    title = speaker.title

    def build(which: type[APIError], sentence: str, next_step: str, own_kind: str = "") -> APIError:
        if words.alternatives:
            next_step = f"{next_step} {title} suggests {' or '.join(words.alternatives[:3])}."
        return which(
            sentence,
            provider=speaker.provider,
            status=200 if in_answer and status is None else status,
            kind=own_kind,
            next_step=next_step,
            retry_after=words.retry_after,
            details=details,
        )

    spent = kind in ("payment_required", "insufficient_credits", "insufficient_quota", "budget_exceeded")
    if status == 402 or spent or (status == 403 and _KEY_LIMIT.search(message)):
        return build(PaymentRequiredError, *_money(kind, message))
    if status == 429 or kind in ("rate_limit_exceeded", "rate_limit", "throttling_error", "capacity_exhausted"):
        if _FREE_PER_DAY.search(message):
            return build(
                RateLimitError,
                "This key has used up its free requests for today.",
                "Go on tomorrow, add credit, or choose a local model.",
                "free_requests",
            )
        busy = f"{_shown(words.upstream, speaker)}, which runs this model for {title}," if words.upstream else title
        return build(RateLimitError, f"{busy} takes no more requests for now.", _when(words.retry_after))
    too_long = bool(_TOO_LONG.search(message)) or kind in _TOO_LONG_KINDS
    if too_long and what == "embed":
        return build(
            BadRequestError,
            f"A text is longer than the model can read.{quoted}",
            "Cut it into shorter texts, or choose a model with a larger context.",
            "context_length",
        )
    if too_long:
        return build(
            BadRequestError,
            f"The conversation is longer than the model can read.{quoted}",
            "Start a new conversation, send less of the script, or choose a model with a larger context.",
            "context_length",
        )
    if _NO_KEY_STORE.search(message):
        return build(
            AuthenticationError,
            "The gateway cannot check the key, because it has no database of keys.",
            "Use the key it was started with, or ask whoever runs it.",
            "no_key_store",
        )
    if status == 413 or kind == "payload_too_large":
        return build(
            BadRequestError,
            f"The request is larger than {title} takes.",
            "Attach fewer or smaller pictures and files, or send less of the script.",
            "too_large",
        )
    if words.reasons or kind in ("content_policy_violation", "moderation", "refusal"):
        why = f" ({', '.join(words.reasons)})" if words.reasons else ""
        return build(
            PermissionDeniedError,
            f"A moderator of {title} or of the model objects to what was asked{why}.",
            "Word it differently, or choose a model without a moderator.",
            "moderation",
        )
    if kind == "privacy_restricted" or _PRIVACY.search(message):
        return build(
            PermissionDeniedError,
            f"The privacy rules of the key leave nobody who may run {model!r}." if model else "The privacy rules forbid this.",
            "Choose another model, or relax the rules in the account's settings.",
            "privacy",
        )
    if kind.endswith("model_access_denied"):
        # A LiteLLM gateway says so with the status of a wrong key.
        return build(
            PermissionDeniedError,
            f"The key works, but may not use {model!r}." if model else "The key works, but may not use this model.",
            "Choose a model that it may use, or ask whoever runs the gateway.",
            "model_denied",
        )
    if status == 401 or kind == "authentication" or (status in (400, 403) and _KEY_WORDS.search(message)):
        sent = bool(speaker.key)
        return build(
            AuthenticationError,
            "The server rejected the key." if sent else "The server wants a key, and none is set.",
            "Check that it is complete, not revoked, and belongs to this server." if sent else "Add the key in Settings.",
        )
    if _NO_ENDPOINT_FOR_FEATURE.search(message):
        return build(
            UnsupportedFeatureError, f"Nobody who runs this model can do what was asked.{quoted}", "Choose another model."
        )
    if _NO_ALLOWED_PROVIDER.search(message):
        return build(
            BadRequestError,
            "Nobody whom the request's rules for providers allow runs this model.",
            "Relax those rules, or choose another model.",
            "no_provider",
        )
    if kind == "no_endpoints" and status == 404:
        return build(
            ModelNotFoundError,
            f"Nobody runs {model!r} for {title} at the moment." if model else f"Nobody runs this model.{quoted}",
            "Choose another model.",
            "no_endpoints",
        )
    if kind in ("model_not_found", "model_not_found_error") or (status in (400, 404, None) and _NO_MODEL.search(message)):
        return build(
            ModelNotFoundError,
            f"{model!r} is not on this server." if model else f"No such model.{quoted}",
            speaker.get_model_hint,
        )
    if _WANTS_SCHEMA.search(message):
        return build(
            UnsupportedFeatureError,
            "This server holds an answer to a JSON schema only, not just to JSON.",
            "Give a schema as the response format, or none.",
            "unsupported_json",
        )
    if _NOT_SET_UP.search(message):
        return build(
            UnsupportedFeatureError,
            f"The server is not set up for what was asked.{quoted}",
            "Whoever runs it can start it with that option; or choose another model or server.",
        )
    if _LACKS.search(message) and (status is None or status in (400, 404, 500, 501)):
        return build(UnsupportedFeatureError, f"This model cannot do what was asked.{quoted}", "Choose another model.")
    if kind in _PICTURE_KINDS:
        return build(
            BadRequestError,
            f"{title} cannot use one of the pictures.{quoted}",
            "Send it smaller, or in another format such as PNG or JPEG.",
            "picture",
        )
    if status == 403 or (status is None and kind == "permission_denied"):
        return build(
            PermissionDeniedError,
            f"The server refused this request.{quoted}",
            "Ask whoever runs the server, or choose another model.",
        )
    if status in (408, 504, 524) or kind == "timeout":
        return build(
            RequestTimeoutError,
            f"{title} ran out of time.{quoted}",
            "Try again, or choose another model.",
            "gateway_timeout",
        )
    if kind in _REQUEST_KINDS and (status is None or status < 500):
        return build(BadRequestError, f"{title} refused the request ({status or kind}).{quoted}", "See the details.")
    if in_answer or status is None or status >= 500:
        return build(ServerError, *_trouble(status, kind, said, speaker, words.retry_after, in_answer=in_answer))
    # No word of a model: then it is the path that the server does not know.
    hint = speaker.address_hint if status in (404, 405) else "See the details."
    return build(BadRequestError, f"{title} refused the request ({status}).{quoted}", hint)


def _money(kind: str, message: str) -> tuple[str, str]:
    """Return what is to be said and done where a key cannot pay."""
    if kind == "budget_exceeded":
        return "The budget of the key is used up.", "Ask whoever runs the gateway for more, or choose a local model."
    if _KEY_LIMIT.search(message):
        return "The key has spent all that it may.", "Raise its limit where it was made, or use another key."
    if _CANNOT_AFFORD.search(message):
        return (
            "The key has too little credit left for an answer as long as this one may become.",
            "Allow a shorter answer, add credit, or choose a cheaper model.",
        )
    return "The key works, but has no credit left.", "Add credit, or choose a free or a local model."


def _trouble(
    status: int | None, kind: str, said: str, speaker: Speaker, wait: float | None, *, in_answer: bool
) -> tuple[str, str]:
    """Return what is to be said and done where the fault is the server's."""
    title, quoted = speaker.title, _quoted(said)
    again = "Try again, or choose another model." if wait is None else _when(wait)
    if status == 529 or kind == "provider_overloaded":
        return f"The model's own server is overloaded.{quoted}", again
    if status == 502 or kind == "provider_unavailable":
        return f"{title} could not get an answer from the model's own server.{quoted}", again
    if status == 503 or kind in ("temporarily_unavailable", "no_endpoints"):
        return f"{title} is busy, or nobody is there to run this model.{quoted}", again
    if not in_answer and status == 500 and not speaker.key and said.lower() in ("", "internal server error"):
        # What a LiteLLM gateway without a database says to a request without a key.
        return f"{title} failed without a reason.", "No key is set: if this server wants one, add it in Settings. Or try again."
    return f"{title} failed{' while it answered' if in_answer else ''}.{quoted}", again


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "Try again in a minute, or choose another model."
    if seconds < 90:
        return f"Try again in {max(1, round(seconds))} s."
    if seconds < 48 * 3600:
        return f"Try again in {round(seconds / 60)} min, or choose another model."
    return "It asks for a wait of days; choose another model."


def _quoted(said: str) -> str:
    """Return the server's words as a sentence behind ours."""
    if not said:
        return ""
    return f" It said: {said}" if said.endswith((".", "!", "?", "…")) else f" It said: {said}."


def _shown(message: str, speaker: Speaker) -> str:
    """Return the first line of `message`, without keys and not too long: gateways append pages of advice."""
    lines = redact(message, speaker.key).strip().splitlines()
    first = _GATEWAY_PREFIX.sub("", lines[0].strip()) if lines else ""
    return first if len(first) <= _LONGEST_SAID else first[: _LONGEST_SAID - 1] + "…"


def _details(said: object, speaker: Speaker) -> str:
    """Return the server's own words, without keys and without what it repeats of the user's."""
    if isinstance(said, str) and not any(echo in said for echo in _ECHOES):
        return redact(said, speaker.key).strip()[:_LONGEST_DETAILS]
    value = said
    if isinstance(said, str):
        try:
            value = json.loads(said)
        except (ValueError, RecursionError):
            return ""
    try:
        spelled = json.dumps(_without_echoes(value), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return ""
    return redact(spelled, speaker.key).strip()[:_LONGEST_DETAILS]


def _without_echoes(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_echoes(item) for name, item in value.items() if name not in _ECHOES}
    return [_without_echoes(item) for item in value] if isinstance(value, list) else value

"""What servers say when they refuse, in every known form, and what is made of it for the user."""

from __future__ import annotations

import json

import pytest

from nuke_ai_panel.errors import (
    AuthenticationError,
    BadRequestError,
    ModelNotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    UnsupportedFeatureError,
)
from nuke_ai_panel.net.failures import Refusal
from nuke_ai_panel.providers.refusals import Speaker, error_words, explain_refusal, failure_in_answer

KEY = "local-key-0123456789"
SPEAKER = Speaker("openrouter", "OpenRouter", "https://openrouter.ai", KEY)
NOBODY = Speaker("openai", "OpenAI-compatible", "http://127.0.0.1:4000")


def said(message, status=None, **more):
    return {"error": {"message": message, **({} if status is None else {"code": status}), **more}}


CASES = [
    (402, said("Insufficient credits. Add more"), PaymentRequiredError, "", "no credit left", "Add credit"),
    (
        402,
        said("This request requires more credits, or fewer max_tokens. You requested up to 9, but can only afford 4"),
        PaymentRequiredError,
        "",
        "too little credit",
        "shorter answer",
    ),
    (403, said("Key limit exceeded (monthly limit)"), PaymentRequiredError, "", "spent all that it may", "Raise its limit"),
    (
        422,
        said("Budget has been exceeded! Current cost: 0.02", type="budget_exceeded", code="422"),
        PaymentRequiredError,
        "",
        "budget",
        "runs the gateway",
    ),
    (408, said("Request timed out"), RequestTimeoutError, "gateway_timeout", "ran out of time", "Try again"),
    (524, said("Request timed out. Please try again later."), RequestTimeoutError, "gateway_timeout", "ran out of time", "Try"),
    (413, said("Request payload too large"), BadRequestError, "too_large", "larger than OpenRouter takes", "fewer or smaller"),
    (429, said("Rate limit exceeded"), RateLimitError, "", "takes no more requests", "Try again"),
    (
        429,
        said("Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"),
        RateLimitError,
        "free_requests",
        "free requests for today",
        "tomorrow",
    ),
    (
        429,
        said("x", availability={"code": "capacity_exhausted", "retry_after": 12, "fallback_models": ["a/b", "c/d"]}),
        RateLimitError,
        "",
        "takes no more",
        "Try again in 12 s. OpenRouter suggests a/b or c/d.",
    ),
    (502, said("Provider returned error"), ServerError, "", "model's own server", "Try again"),
    (503, said("No available model provider meets your routing requirements"), ServerError, "", "busy, or nobody", "Try again"),
    (529, said("Provider returned error"), ServerError, "", "overloaded", "Try again"),
    (
        400,
        said("Provider returned error", metadata={"provider_name": "Acme", "raw": '{"error":{"message":"bad top_k"}}'}),
        BadRequestError,
        "",
        "Acme: bad top_k",
        "details",
    ),
    (
        403,
        said("x", metadata={"reasons": ["violence/graphic"], "flagged_input": "my secret plate", "provider_name": "Acme"}),
        PermissionDeniedError,
        "moderation",
        "objects to what was asked (violence/graphic)",
        "Word it differently",
    ),
    (
        403,
        said("x", metadata={"error_type": "content_policy_violation"}),
        PermissionDeniedError,
        "moderation",
        "objects",
        "without a moderator",
    ),
    (
        404,
        said("No endpoints found matching your data policy (Free model publication)"),
        PermissionDeniedError,
        "privacy",
        "privacy rules",
        "relax the rules",
    ),
    (404, said("x", availability={"code": "privacy_restricted"}), PermissionDeniedError, "privacy", "privacy", "another model"),
    (404, said("No endpoints found that support tool use."), UnsupportedFeatureError, "", "Nobody who runs this", "another"),
    (404, said("No endpoints found for a/b."), ModelNotFoundError, "", "'a/b' is not on this server", "Choose"),
    (
        400,
        said("x", availability={"code": "model_not_found", "fallback_models": ["a/c"]}),
        ModelNotFoundError,
        "",
        "not on this server",
        "suggests a/c",
    ),
    (400, said("a/b is not a valid model ID"), ModelNotFoundError, "", "not on this server", "Choose"),
    (
        400,
        said("/chat/completions: Invalid model name passed in model=a/b. Call `/v1/models` to view", code="400"),
        ModelNotFoundError,
        "",
        "not on this server",
        "Choose",
    ),
    (400, said("No connected db."), AuthenticationError, "no_key_store", "no database of keys", "started with"),
    (401, said("Authentication Error", type="auth_error", code="401"), AuthenticationError, "", "rejected the key", "complete"),
    (
        400,
        said("litellm.ContextWindowExceededError: litellm.BadRequestError: maximum context length\n\nLiteLLM: model group"),
        BadRequestError,
        "context_length",
        "longer than the model can read",
        "new conversation",
    ),
    (
        500,
        said("litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.\n\nLiteLLM: more"),
        ServerError,
        "",
        "It said: Connection error.",
        "Try again",
    ),
    (
        500,
        said("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
        UnsupportedFeatureError,
        "",
        "cannot do what was asked",
        "another model",
    ),
    (
        429,
        said("Provider returned error", metadata={"provider_name": "Acme", "raw": "a/b:free is temporarily rate-limited"}),
        RateLimitError,
        "",
        "Acme, which runs this model for OpenRouter, takes no more requests",
        "Try again in a minute",
    ),
    (
        404,
        said("No allowed providers are available for the selected model."),
        BadRequestError,
        "no_provider",
        "rules for providers",
        "Relax those rules",
    ),
    (
        404,
        said("No endpoints found that can handle the requested parameters."),
        UnsupportedFeatureError,
        "",
        "Nobody who runs this model can",
        "another model",
    ),
    (
        404,
        said("Model a/b has no endpoints", availability={"code": "no_endpoints", "fallback_models": ["a/c"]}),
        ModelNotFoundError,
        "no_endpoints",
        "Nobody runs 'a/b'",
        "suggests a/c",
    ),
    (
        400,
        said("Reasoning is mandatory for this endpoint and cannot be disabled."),
        UnsupportedFeatureError,
        "",
        "Reasoning is mandatory",
        "another model",
    ),
    (
        400,
        said("x", metadata={"error_type": "token_limit_exceeded"}),
        BadRequestError,
        "context_length",
        "longer than the model can read",
        "new conversation",
    ),
    (
        400,
        said("Could not download", metadata={"error_type": "image_download_failed"}),
        BadRequestError,
        "picture",
        "one of the pictures",
        "PNG or JPEG",
    ),
    (
        400,
        said('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', type="BadRequestError"),
        UnsupportedFeatureError,
        "",
        "not set up for what was asked",
        "start it with that option",
    ),
    (
        500,
        said("tools param requires --jinja flag", type="server_error"),
        UnsupportedFeatureError,
        "",
        "not set up for what was asked",
        "start it with that option",
    ),
    (
        400,
        {"error": "Invalid tool_choice type: 'object'. Supported string values: none, auto, required"},
        UnsupportedFeatureError,
        "",
        "Invalid tool_choice type",
        "another model",
    ),
    (
        400,
        {"error": "'response_format.type' must be 'json_schema' or 'text'"},
        UnsupportedFeatureError,
        "unsupported_json",
        "JSON schema only",
        "Give a schema",
    ),
    *(
        (400, said(words), BadRequestError, "context_length", "longer than the model can read", "new conversation")
        for words in (
            "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length"
            " of only 4096 tokens, which is not enough.",
            "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
            "litellm.BadRequestError: prompt is too long: 210000 tokens > 200000 maximum",
            "Input is too long for requested model.",
            "The input token count (40000) exceeds the maximum number of tokens allowed (32768).",
        )
    ),
    *(
        (
            status,
            said("key not allowed to access model. This key can only access models=['c']", type=kind, code=str(status)),
            PermissionDeniedError,
            "model_denied",
            "may not use 'a/b'",
            "runs the gateway",
        )
        for status, kind in ((401, "key_model_access_denied"), (403, "team_model_access_denied"))
    ),
]


@pytest.mark.parametrize(("status", "body", "error", "kind", "words", "step"), CASES)
def test_refusals_are_explained(status, body, error, kind, words, step):
    found = explain_refusal(Refusal(status, "application/json", json.dumps(body).encode()), SPEAKER, model="a/b")
    assert type(found) is error
    assert found.kind == (kind or error.default_kind)
    assert found.status == status
    assert words in found.message
    assert step in found.next_step
    assert "secret plate" not in f"{found} {found.details} {found!r}"


@pytest.mark.parametrize("place", ["error", "choice"])
@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (429, "rate_limit_exceeded", RateLimitError),
        (402, "payment_required", PaymentRequiredError),
        (502, "provider_unavailable", ServerError),
        (529, "provider_overloaded", ServerError),
        (408, "timeout", RequestTimeoutError),
        (403, "content_policy_violation", PermissionDeniedError),
        (400, "context_length_exceeded", BadRequestError),
        (401, "authentication", AuthenticationError),
    ],
)
def test_errors_inside_an_answer_are_typed_by_their_kind_alone(status, kind, error, place):
    spelled = said("x", metadata={"error_type": kind})
    assert type(failure_in_answer(spelled if place == "error" else {"index": 0, **spelled}, SPEAKER)) is error
    by_status = failure_in_answer(said("x", str(status), metadata={"error_type": kind}), SPEAKER)
    assert type(by_status) is error
    assert by_status.status == status


def test_what_a_moderator_repeats_of_the_prompt_is_kept_out_of_an_error_in_an_answer():
    spelled = said("x", 403, metadata={"reasons": ["a"], "flagged_input": "my secret plate"})
    found = failure_in_answer(spelled, SPEAKER)
    assert "secret plate" not in f"{found} {found.details}"
    assert "reasons" in found.details


def test_broken_error_with_the_prompt_in_it_shows_nothing_of_it():
    found = explain_refusal(Refusal(403, "application/json", b'{"flagged_input": "my secret plate'), SPEAKER, model="m")
    assert "secret plate" not in found.details


@pytest.mark.parametrize("body", [b"Internal Server Error", b""])
def test_bare_failure_without_a_key_speaks_of_the_key(body):
    found = explain_refusal(Refusal(500, "text/plain", body), NOBODY, model="m")
    assert type(found) is ServerError
    assert "No key is set" in found.next_step
    assert "No key" not in explain_refusal(Refusal(500, "text/plain", body), SPEAKER, model="m").next_step


def test_key_never_shows():
    body = json.dumps(said(f"bad key {KEY} of sk-or-v1-abcdefgh", 400)).encode()
    found = explain_refusal(Refusal(400, "application/json", body), SPEAKER, model="m")
    assert KEY not in f"{found} {found.details}"
    assert "sk-or-v1" not in f"{found} {found.details}"


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("body", [b'{"error":{"message":"File Not Found","code":404}}', b'{"detail":"Not Found"}', b""])
def test_chat_at_a_path_that_a_server_lacks_speaks_of_the_address(status, body):
    found = explain_refusal(Refusal(status, "application/json", body), NOBODY, model="m")
    assert (type(found), found.next_step) == (BadRequestError, NOBODY.address_hint)


@pytest.mark.parametrize("what", ["embed", "generate_images", "transcribe", "speak", "upload_file", "list_files"])
@pytest.mark.parametrize(
    "body", [b'{"error":{"message":"File Not Found","type":"not_found_error","code":404}}', b'{"detail":"Not Found"}', b""]
)
def test_path_that_a_server_lacks_is_an_operation_that_it_lacks(what, body):
    found = explain_refusal(Refusal(404, "application/json", body), NOBODY, model="m", what=what)
    assert type(found) is UnsupportedFeatureError
    assert "http://127.0.0.1:4000 has no" in found.message


@pytest.mark.parametrize(
    "words",
    [
        "input (60001 tokens) is too large to process. increase the physical batch size (current batch size: 512)",
        "the input length exceeds the context length",
    ],
)
def test_text_that_is_too_long_for_a_vector_is_no_conversation(words):
    found = explain_refusal(Refusal(500, "application/json", json.dumps(said(words)).encode()), SPEAKER, what="embed")
    assert (type(found), found.kind) == (BadRequestError, "context_length")
    assert "conversation" not in f"{found.message} {found.next_step}"
    assert "Cut it into shorter texts" in found.next_step


def test_model_that_a_server_lacks_is_no_operation_that_it_lacks():
    body = json.dumps(said("The model 'm' does not exist", 404)).encode()
    assert type(explain_refusal(Refusal(404, "application/json", body), NOBODY, model="m", what="embed")) is ModelNotFoundError


def test_words_of_an_error_are_found_at_any_depth():
    nested = {"error": json.dumps({"error": {"message": "deep", "type": "kind"}})}
    assert (error_words(nested).message, error_words(nested).kind) == ("deep", "kind")


def test_recorded_refusals_of_real_servers_are_explained(shared):
    folder = shared / "recordings"
    if not folder.is_dir():
        pytest.skip("the folder 'shared' holds no recordings")
    expected = {
        "v1-overflow": BadRequestError,
        "v1-overflow-stream": BadRequestError,
        "v1-image-unsupported": UnsupportedFeatureError,
        "v1-vision-broken": BadRequestError,
        "v1-unknown-model": ModelNotFoundError,
        "mock-context": BadRequestError,
        "mock-500": ServerError,
        "mock-midstream-error-stream": ServerError,
        "dead-upstream": ServerError,
        "two-a-minute-3": RateLimitError,
    }
    seen = set()
    for path in sorted(folder.glob("l*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            exchange = json.loads(line) if line.strip() else {}
            if (exchange.get("status") or 0) < 400 or exchange["name"] not in expected:
                continue
            kind = dict(exchange["headers"]).get("content-type", "")
            found = explain_refusal(Refusal(exchange["status"], kind, exchange["body"].encode()), NOBODY, model="m")
            assert type(found) is expected[exchange["name"]], exchange["name"]
            assert found.next_step
            assert "litellm." not in found.message
            seen.add(exchange["name"])
    assert seen == set(expected)

"""The provider contract against real servers: llama.cpp's own, and a LiteLLM gateway in front of it.

They are the ones of the shared tools: used where they listen already, or started by the test when
``NUKE_AI_PANEL_REAL_SERVERS=1`` is set. Their models are tiny and repeatable by their seed.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import subprocess
import urllib.request
import zlib

import pytest

from nuke_ai_panel.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ModelNotFoundError,
    PaymentRequiredError,
    RateLimitError,
    ServerError,
    UnsupportedFeatureError,
)
from nuke_ai_panel.messages import (
    ChatRequest,
    Finished,
    ImagePart,
    JsonSchema,
    Message,
    ReasoningDelta,
    StreamStarted,
    TextDelta,
    Tool,
    ToolCallDelta,
)
from nuke_ai_panel.operations import EmbeddingRequest, ImageRequest, SpeechRequest
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.diagnosis import diagnose
from nuke_ai_panel.providers.registry import create

# Read when the module is imported: a fixture of every test hides these variables.
_START = os.environ.get("NUKE_AI_PANEL_REAL_SERVERS") == "1"
_ENVIRONMENT = dict(os.environ)

FLAVOURS = {"chat": 18080, "think": 18081, "tools": 18082, "embed": 18083, "vision": 18084}
GATEWAY = "http://127.0.0.1:18100"
GATEWAY_KEY = "sk-master-1234"

SCHEMA = {
    "type": "object",
    "properties": {"node": {"type": "string", "enum": ["Blur1", "Grade1"]}, "value": {"type": "number"}},
    "required": ["node", "value"],
}
SET_KNOB = Tool("set_knob", "Set a knob of a node.", SCHEMA)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def _running(shared, script, arguments, urls):
    """Yield once all of `urls` answer; skip the test where nothing may be started."""
    path = shared / "tools" / script
    if not path.is_file():
        pytest.skip("the folder 'shared' holds no tools to start a real server with")
    if all(_answers(url) for url in urls):
        yield
        return
    if not _START:
        pytest.skip(f"not all of {', '.join(urls)} answer; NUKE_AI_PANEL_REAL_SERVERS=1 starts them")
    subprocess.run([str(path), *arguments], check=True, env=_ENVIRONMENT, timeout=900)
    yield
    subprocess.run([str(path), "stop"], check=True, env=_ENVIRONMENT, timeout=60)


@pytest.fixture(scope="module")
def llamacpp(shared):
    urls = [f"http://127.0.0.1:{port}/health" for port in FLAVOURS.values()]
    yield from _running(shared, "start_llamacpp.sh", FLAVOURS, urls)


@pytest.fixture(scope="module")
def litellm(llamacpp, shared):
    yield from _running(shared, "start_litellm.sh", (), [f"{GATEWAY}/health/liveliness"])


def ask(model, words="set blur to 10", **more):
    return ChatRequest(model, (Message("user", words),), **{"max_tokens": 60, "seed": 7, **more})


def picture():
    """A small real PNG."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + b"\x20\x40\x80" * 32 for _ in range(32))
    header = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def slots_are_free(port):
    """Return once no slot of that llama.cpp server is at work."""

    def look():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/slots", timeout=5) as answer:
            return [slot["is_processing"] for slot in json.load(answer)]

    async def wait():
        # The server tells of no event that could be waited for.
        while any(await asyncio.get_running_loop().run_in_executor(None, look)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    await asyncio.wait_for(wait(), 4)


class RealContract:
    """What every provider of OpenAI's protocol does at every real server."""

    name = ""
    crowd_model = "tiny-chat"

    def server(self, flavour):
        """Return the server that has the model ``tiny-`` and `flavour`."""
        raise NotImplementedError

    async def using(self, flavour, act):
        provider = create(self.name, self.server(flavour))
        try:
            return await asyncio.wait_for(act(provider), 50)
        finally:
            await provider.aclose()

    async def test_stream_ends_with_its_usage(self):
        async def act(provider):
            return [event async for event in provider.stream(ask("tiny-chat"))]

        events = await self.using("chat", act)
        assert isinstance(events[0], StreamStarted)
        assert events[0].id
        assert sum(isinstance(event, TextDelta) for event in events) > 3
        assert isinstance(events[-1], Finished)
        assert events[-1].reason in ("stop", "length")
        assert events[-1].usage.prompt_tokens > 3
        assert events[-1].usage.completion_tokens > 3

    async def test_seed_repeats_the_answer(self):
        async def act(provider):
            return [(await provider.complete(ask("tiny-chat", seed=seed, temperature=1.0))).text for seed in (1, 1, 2)]

        first, second, third = await self.using("chat", act)
        assert first == second != third

    async def test_limit_of_tokens_ends_the_answer(self):
        completion = await self.using("chat", lambda provider: provider.complete(ask("tiny-chat", max_tokens=5)))
        assert completion.finish_reason == "length"
        assert completion.usage.completion_tokens == 5

    async def test_text_to_stop_at_ends_the_answer(self):
        completion = await self.using("chat", lambda provider: provider.complete(ask("tiny-chat", stop=("e",))))
        assert "e" not in completion.text
        assert completion.finish_reason == "stop"

    async def test_reasoning_is_kept_apart_and_can_be_switched_off(self):
        async def act(provider):
            events = [event async for event in provider.stream(ask("tiny-think", reasoning=True))]
            return events, await provider.complete(ask("tiny-think", reasoning=False))

        events, without = await self.using("think", act)
        assert any(isinstance(event, ReasoningDelta) for event in events)
        assert "<think>" not in "".join(event.text for event in events if isinstance(event, TextDelta))
        assert without.text
        assert without.reasoning == ""

    async def test_calls_are_streamed_and_answered(self):
        async def act(provider):
            for seed in range(1, 12):
                request = ask("tiny-tools", tools=(SET_KNOB,), seed=seed, max_tokens=400)
                events = [event async for event in provider.stream(request)]
                if events[-1].reason == "tool_calls":
                    break
            calls = events[-1].tool_calls
            history = [*request.messages, Message("assistant", tool_calls=calls)]
            history += [Message("tool", "done", tool_call_id=call.id, tool_name=call.name) for call in calls]
            return events, await provider.complete(ChatRequest("tiny-tools", tuple(history), tools=(SET_KNOB,), max_tokens=30))

        events, answer = await self.using("tools", act)
        assert events[-1].reason == "tool_calls"
        pieces = [event for event in events if isinstance(event, ToolCallDelta)]
        assert len(pieces) > len(events[-1].tool_calls)
        for number, call in enumerate(events[-1].tool_calls):
            assert call.id
            assert call.name == "set_knob"
            assert set(json.loads(call.arguments)) >= {"node", "value"}
            assert "".join(piece.arguments for piece in pieces if piece.index == number) == call.arguments
        assert answer.finish_reason != "unknown"

    async def test_answer_follows_a_schema(self):
        request = ask("tiny-chat", response_format=JsonSchema(SCHEMA), max_tokens=300)
        completion = await self.using("chat", lambda provider: provider.complete(request))
        answer = json.loads(completion.text)
        assert answer["node"] in ("Blur1", "Grade1")
        assert isinstance(answer["value"], (int, float))

    async def test_texts_become_vectors(self):
        request = EmbeddingRequest("tiny-embed", ("hi", "blur", "hi"))
        found = await self.using("embed", lambda provider: provider.embed(request))
        first, second, third = found.vectors
        assert len(first) == len(second) > 100
        assert first == third != second
        assert found.usage.prompt_tokens > 0

    async def test_vectors_are_the_same_as_numbers(self):
        async def act(provider):
            short = await provider.embed(EmbeddingRequest("tiny-embed", ("blur",)))
            return short, await provider.embed(EmbeddingRequest("tiny-embed", ("blur",), extra={"encoding_format": "float"}))

        short, long = await self.using("embed", act)
        assert short.vectors[0] == pytest.approx(long.vectors[0], abs=1e-6)

    async def test_conversation_that_is_too_long_is_told(self):
        with pytest.raises(BadRequestError) as caught:
            await self.using("chat", lambda provider: provider.complete(ask("tiny-chat", "zq " * 9000)))
        assert caught.value.kind == "context_length"

    async def test_cancelling_frees_the_slot_and_the_next_answer_comes(self):
        async def act(provider):
            for _ in range(3):
                # An answer of this length is written for longer than the slot is waited for.
                events = provider.stream(ask("tiny-chat", max_tokens=8000, extra={"ignore_eos": True}))
                async for event in events:
                    if isinstance(event, TextDelta):
                        break
                await events.aclose()
                await slots_are_free(FLAVOURS["chat"])
            return await provider.complete(ask("tiny-chat", max_tokens=5))

        assert (await self.using("chat", act)).text

    async def test_several_at_once_are_all_answered(self):
        async def act(provider):
            return await asyncio.gather(*(provider.complete(ask(self.crowd_model, seed=seed)) for seed in range(8)))

        assert all(completion.text for completion in await self.using("chat", act))

    async def test_models_are_listed(self):
        models = await self.using("chat", lambda provider: provider.list_models())
        assert "tiny-chat" in [model.name for model in models]

    async def test_connection_test_passes(self):
        steps = [step async for step in diagnose(self.name, self.server("chat"), "tiny-chat")]
        assert {step.state for step in {step.name: step for step in steps}.values()} == {"passed"}


@pytest.mark.usefixtures("llamacpp")
class LlamacppContract(RealContract):
    def server(self, flavour):
        return Server(f"http://127.0.0.1:{FLAVOURS[flavour]}")

    async def test_chat_model_makes_no_vectors(self):
        with pytest.raises(UnsupportedFeatureError):
            await self.using("chat", lambda provider: provider.embed(EmbeddingRequest("tiny-chat", ("hi",))))

    async def test_what_the_server_lacks_is_told(self):
        async def act(provider):
            for call in (
                provider.generate_images(ImageRequest("tiny-chat", "a plate")),
                provider.speak(SpeechRequest("tiny-chat", "Hello", voice="v")),
                provider.list_files(),
            ):
                with pytest.raises(UnsupportedFeatureError):
                    await call

        await self.using("chat", act)

    async def test_model_says_what_it_takes(self):
        chat = await self.using("chat", lambda provider: provider.capabilities("tiny-chat"))
        vision = await self.using("vision", lambda provider: provider.capabilities("tiny-vision"))
        assert (chat.images, vision.images) == (False, True)
        assert chat.context_length == 8192

    async def test_pictures_are_seen(self):
        message = Message("user", "What is this?", parts=(ImagePart(picture(), "image/png"),))
        request = ChatRequest("tiny-vision", (message,), max_tokens=20, seed=1)
        plain = ask("tiny-vision", "What is this?", max_tokens=20)

        async def act(provider):
            return await provider.complete(request), await provider.complete(plain)

        seen, unseen = await self.using("vision", act)
        assert seen.text
        assert seen.usage.prompt_tokens - unseen.usage.prompt_tokens >= 16

    async def test_broken_picture_is_told(self):
        message = Message("user", "What is this?", parts=(ImagePart(b"\x00\x00\x00", "image/png"),))
        with pytest.raises(APIError) as caught:
            await self.using("vision", lambda provider: provider.complete(ChatRequest("tiny-vision", (message,))))
        assert caught.value.status == 400

    async def test_picture_for_a_model_without_eyes_is_refused(self):
        message = Message("user", "What is this?", parts=(ImagePart(picture(), "image/png"),))
        with pytest.raises(UnsupportedFeatureError, match="cannot see pictures"):
            await self.using("chat", lambda provider: provider.complete(ChatRequest("tiny-chat", (message,))))

    async def test_its_one_model_answers_to_any_name(self):
        completion = await self.using("chat", lambda provider: provider.complete(ask("nope")))
        assert completion.model == "tiny-chat"
        assert completion.notices == ()

    async def test_time_of_writing_is_told(self):
        completion = await self.using("chat", lambda provider: provider.complete(ask("tiny-chat")))
        assert 0 < completion.usage.answer_seconds < 50


class TestOpenaiAtLlamacpp(LlamacppContract):
    name = "openai"

    async def test_several_answers_come_apart(self):
        completion = await self.using("chat", lambda provider: provider.complete(ask("tiny-chat", n=2)))
        answers = [completion, *completion.others]
        assert len(answers) == 2
        assert all(answer.text and answer.finish_reason in ("stop", "length") for answer in answers)


class TestOpenrouterAtLlamacpp(LlamacppContract):
    name = "openrouter"


@pytest.mark.usefixtures("litellm")
class LitellmContract(RealContract):
    # Its own connection to a model's server may be closed under it when many ask at once; this model needs none.
    crowd_model = "mock-ok"

    def server(self, flavour):
        return Server(GATEWAY, GATEWAY_KEY)

    async def refused(self, model, key=GATEWAY_KEY):
        provider = create(self.name, Server(GATEWAY, key))
        try:
            with pytest.raises(APIError) as caught:
                await asyncio.wait_for(provider.complete(ask(model)), 50)
        finally:
            await provider.aclose()
        assert caught.value.next_step
        assert "litellm." not in caught.value.message
        if key:
            assert key not in f"{caught.value} {caught.value.details}"
        return caught.value

    # A model that fails once is taken out of service by this gateway for some seconds, so only calls without one fail here.

    async def test_what_the_server_lacks_is_told(self):
        with pytest.raises(UnsupportedFeatureError):
            await self.using("chat", lambda provider: provider.list_files())

    async def test_unknown_model_is_told(self):
        assert type(await self.refused("nope")) is ModelNotFoundError

    @pytest.mark.parametrize("key", ["", "sk-wrong-0123456789"])
    async def test_wrong_or_missing_key_is_told(self, key):
        error = await self.refused("tiny-chat", key)
        assert type(error) is AuthenticationError
        assert ("none is set" in str(error)) is (not key)

    async def test_used_up_budget_is_told(self):
        error = await self.refused("tiny-chat", "sk-broke")
        assert type(error) is PaymentRequiredError
        assert "budget" in str(error)

    @pytest.mark.parametrize(
        ("model", "kind"),
        [
            ("mock-rate-limit", RateLimitError),
            ("mock-context", BadRequestError),
            ("mock-500", ServerError),
            ("mock-midstream-error", ServerError),
            ("dead-upstream", ServerError),
        ],
    )
    async def test_failures_behind_the_gateway_are_told(self, model, kind):
        assert type(await self.refused(model)) is kind

    async def test_gateway_that_falls_back_by_itself_names_the_model(self):
        completion = await self.using("chat", lambda provider: provider.complete(ask("with-fallback")))
        assert completion.text

    async def test_models_for_vectors_are_not_listed_for_chat(self):
        models = await self.using("chat", lambda provider: provider.list_models())
        assert "tiny-embed" not in [model.name for model in models]
        capabilities = await self.using("chat", lambda provider: provider.capabilities("tiny-embed"))
        assert (capabilities.embeddings, capabilities.chat) == (True, False)


class TestOpenaiAtLitellm(LitellmContract):
    name = "openai"

    async def test_slow_model_is_waited_for(self):
        completion = await self.using("chat", lambda provider: provider.complete(ask("mock-slow")))
        assert completion.text == "Late, but here."


class TestOpenrouterAtLitellm(LitellmContract):
    name = "openrouter"

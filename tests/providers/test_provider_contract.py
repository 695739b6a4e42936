"""What every provider promises, whatever its protocol. A new provider is done when its subclass of ProviderContract passes."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import time

import pytest

from nuke_ai_panel.errors import (
    APIError,
    AuthenticationError,
    ConnectionFailedError,
    ModelNotFoundError,
    PaymentRequiredError,
    ProtocolError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
    StreamStalledError,
    UnsupportedFeatureError,
    ValidationError,
)
from nuke_ai_panel.messages import (
    ChatRequest,
    Finished,
    ImagePart,
    JsonSchema,
    Message,
    ModelLoading,
    ReasoningDelta,
    StreamStarted,
    TextDelta,
    TextPart,
    Tool,
    ToolCall,
    ToolCallDelta,
)
from nuke_ai_panel.operations import (
    OPERATIONS,
    EmbeddingRequest,
    ImageRequest,
    SpeechRequest,
    TranscriptionRequest,
    UploadRequest,
)
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.registry import PROVIDERS, create

KEY = "sk-or-v1-0123456789abcdef-secret"
SHORT = Deadlines(connect=5, first_byte=20, call=20, silence=0.6)
SCHEMA = {"type": "object", "properties": {"size": {"type": "number"}}, "required": ["size"]}
BLUR = Tool("set_knob", "Set a knob of a node.", SCHEMA)
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))

#: One call of every operation, to be refused where it is not offered.
ASKED = {
    "embed": lambda provider: provider.embed(EmbeddingRequest("tiny", ("a",))),
    "generate_images": lambda provider: provider.generate_images(ImageRequest("tiny", "a plate")),
    "transcribe": lambda provider: provider.transcribe(TranscriptionRequest("tiny", b"RIFF")),
    "translate": lambda provider: provider.translate(TranscriptionRequest("tiny", b"RIFF")),
    "speak": lambda provider: provider.speak(SpeechRequest("tiny", "Hello")),
    "upload_file": lambda provider: provider.upload_file(UploadRequest("a.pdf", b"%PDF", "application/pdf")),
    "list_files": lambda provider: provider.list_files(),
    "download_file": lambda provider: provider.download_file("file-1"),
    "delete_file": lambda provider: provider.delete_file("file-1"),
}


def ask(text="How do I blur?", **more):
    return ChatRequest("tiny", (Message("user", text),), **more)


async def collect(provider, request=None):
    return [event async for event in provider.stream(request or ask())]


def text_of(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


class ProviderContract:
    """Abstract: the wire forms of one protocol."""

    name = ""
    suffix = ""
    chat = ""
    models = ""
    media = ""
    embeddings = ""
    details = ""

    # What the subclass spells in its own protocol.

    def words(self, *texts):
        raise NotImplementedError

    def thought(self, text):
        raise NotImplementedError

    def end(self):
        raise NotImplementedError

    def failure(self, message):
        raise NotImplementedError

    def model_list(self, *names):
        raise NotImplementedError

    def keep_alive(self):
        """Return bytes that show life and carry nothing."""
        raise NotImplementedError

    def junk_records(self):
        """Return records of legal JSON with types nobody expects."""
        raise NotImplementedError

    def calls(self, *calls):
        """Return the records of an answer that asks for `calls`, each a name and the JSON text of its arguments, and ends."""
        raise NotImplementedError

    def read_body(self, body):
        """Return what a sent body says, by the names of :class:`ChatRequest`.

        ``tools`` (name to schema), ``schema``, ``images`` (bytes), ``asked`` (name and arguments of the calls in the history)
        and ``answered`` (results in it), ``reasoning`` (whether the model was told to think), ``sampling``.
        """
        raise NotImplementedError

    def vectors(self, *vectors):
        """Return the body of an answer with `vectors`, at most one per text."""
        raise NotImplementedError

    def plain_model(self):
        """Return the body that the server sends for ``details``: a model that can talk, and nothing else."""
        raise NotImplementedError

    # Shared machinery.

    def provider(self, server, deadlines=SHORT, key=KEY):
        return create(self.name, Server(server.url + self.suffix, key, deadlines=deadlines))

    @pytest.fixture
    def stream_reply(self, reply):
        return lambda *steps, **more: reply(steps, content_type=self.media, **more)

    async def failing(self, server, error, deadlines=SHORT, **more):
        provider = self.provider(server, deadlines, **more)
        seen = []

        async def read():
            async for event in provider.stream(ask()):
                seen.append(event)

        try:
            with pytest.raises(error) as caught:
                await read()
        finally:
            await provider.aclose()
        failure = caught.value
        assert failure.provider == self.name
        assert failure.partial_text == text_of(seen)
        assert KEY not in f"{failure!r} {failure} {failure.details} {failure.__dict__}"
        assert failure.__cause__ is None
        assert failure.__suppress_context__ or failure.__context__ is None
        return failure

    # The good answer.

    async def test_stream_yields_the_text_in_order_and_ends_with_finished(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("Use", " a", " Blur"), *self.end())}) as server:
            provider = self.provider(server)
            events = await collect(provider)
            await provider.aclose()
        assert isinstance(events[0], StreamStarted)
        assert [event.text for event in events[1:-1]] == ["Use", " a", " Blur"]
        assert isinstance(events[-1], Finished)
        assert events[-1].reason == "stop"
        assert events[-1].usage.prompt_tokens == 11
        assert events[-1].usage.completion_tokens == 3

    async def test_complete_returns_the_whole_answer_with_its_reasoning(self, scripted, stream_reply):
        async with scripted(
            {self.chat: stream_reply(*self.thought("Hm."), *self.words("Use", " a", " Blur"), *self.end())}
        ) as server:
            provider = self.provider(server)
            completion = await provider.complete(ask())
            await provider.aclose()
        assert (completion.text, completion.reasoning, completion.finish_reason) == ("Use a Blur", "Hm.", "stop")

    async def test_answer_is_the_same_at_every_split_of_its_bytes(self, scripted, stream_reply):
        whole = b"".join((*self.words("Grün", " \u2028 \u0085", " 模糊"), *self.end()))
        splits = range(1, len(whole), max(1, len(whole) // 60))
        async with scripted({self.chat: [stream_reply(whole[:at], whole[at:]) for at in splits]}) as server:
            provider = self.provider(server)
            for _ in splits:
                assert text_of(await collect(provider)) == "Grün \u2028 \u0085 模糊"
            await provider.aclose()

    async def test_byte_order_mark_costs_no_token(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(b"\xef\xbb\xbf", *self.words("One", "Two"), *self.end())}) as server:
            provider = self.provider(server)
            assert text_of(await collect(provider)) == "OneTwo"
            await provider.aclose()

    async def test_records_of_unexpected_types_are_survived(self, scripted, stream_reply):
        async with scripted(
            {self.chat: stream_reply(*self.words("a"), *self.junk_records(), *self.words("b"), *self.end())}
        ) as server:
            provider = self.provider(server)
            assert text_of(await collect(provider)) == "ab"
            await provider.aclose()

    async def test_twenty_streams_use_one_connection(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("a", "b"), *self.end())}) as server:
            provider = self.provider(server)
            for _ in range(20):
                await collect(provider)
            assert server.connections == 1
            await provider.aclose()

    async def test_end_of_the_body_that_comes_a_moment_later_keeps_the_connection(self, scripted, stream_reply):
        async def a_moment(response):
            await asyncio.sleep(0.01)

        async with scripted({self.chat: stream_reply(*self.words("a"), *self.end(), a_moment)}) as server:
            provider = self.provider(server)
            for _ in range(3):
                await collect(provider)
            assert server.connections == 1
            await provider.aclose()

    async def test_body_that_never_ends_after_the_end_mark_is_a_complete_answer(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("done"), *self.end(), scripted.FOREVER)}) as server:
            provider = self.provider(server, Deadlines(silence=30))
            events = await asyncio.wait_for(collect(provider), 10)
            assert text_of(events) == "done"
            assert isinstance(events[-1], Finished)
            await asyncio.wait_for(server.gone.wait(), 10)
            await provider.aclose()

    async def test_text_after_the_end_mark_is_not_part_of_the_answer(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(b"".join((*self.words("a"), *self.end(), *self.words("b"))))}) as server:
            provider = self.provider(server)
            assert text_of(await collect(provider)) == "a"
            await provider.aclose()

    # Requests.

    async def test_request_carries_messages_options_and_key(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("a"), *self.end())}) as server:
            provider = self.provider(server)
            request = ChatRequest(
                "tiny",
                (Message("system", "Be short."), Message("user", "Grün \u2028?")),
                temperature=0.5,
                max_tokens=9,
                stop=("END",),
            )
            await collect(provider, request)
            await provider.aclose()
        sent = server.asked[0]
        assert sent.headers["Authorization"] == f"Bearer {KEY}"
        assert sent.body["model"] == "tiny"
        assert sent.body["stream"] is True
        assert sent.body["messages"] == [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Grün \u2028?"},
        ]
        flat = json.dumps(sent.body)
        assert '"temperature": 0.5' in flat
        assert "9" in flat
        assert '"stop": ["END"]' in flat

    async def test_invalid_request_is_refused_before_a_byte_is_sent(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.end())}) as server:
            provider = self.provider(server)
            with pytest.raises(ValidationError):
                await collect(provider, ChatRequest("tiny", ()))
            assert server.received == []
            await provider.aclose()

    async def test_key_with_a_line_break_is_refused_and_not_shown(self):
        with pytest.raises(AuthenticationError) as caught:
            create(self.name, Server("http://127.0.0.1:9", "sk-abc\r\nX-Evil: 1"))
        assert "Evil" not in str(caught.value)

    # Tools, pictures, schemas.

    async def body_of(self, request, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("a"), *self.end())}) as server:
            provider = self.provider(server)
            await provider.complete(request)
            await provider.aclose()
        return self.read_body(server.received[-1].body)

    async def test_tool_calls_arrive_in_pieces_or_whole_and_end_as_valid_calls(self, scripted, stream_reply):
        asked = [("set_knob", '{"size": 12.5}'), ("list_nodes", "{}"), ("set_knob", '{"size": 3, "name": "Grün {}"}')]
        async with scripted({self.chat: stream_reply(*self.words("I will."), *self.calls(*asked))}) as server:
            provider = self.provider(server)
            events = await collect(provider, ask(tools=(BLUR, Tool("list_nodes"))))
            await provider.aclose()
        joined = {}
        for event in events:
            if isinstance(event, ToolCallDelta):
                name, arguments = joined.get(event.index, ("", ""))
                joined[event.index] = (name or event.name, arguments + event.arguments)
        assert sorted(joined) == [0, 1, 2]
        finished = events[-1]
        assert isinstance(finished, Finished)
        assert finished.reason == "tool_calls"
        assert text_of(events) == "I will."
        wanted = [(name, json.loads(arguments)) for name, arguments in asked]
        assert [(call.name, json.loads(call.arguments)) for call in finished.tool_calls] == wanted
        assert [(name, json.loads(arguments)) for _, (name, arguments) in sorted(joined.items())] == wanted
        assert len({call.id for call in finished.tool_calls}) == 3
        assert all(call.id for call in finished.tool_calls)

    async def test_tool_calls_are_the_same_at_every_split_of_their_bytes(self, scripted, stream_reply):
        whole = b"".join(self.calls(("set_knob", '{"size": 12.5, "name": "Grün"}'), ("list_nodes", "{}")))
        splits = range(1, len(whole), max(1, len(whole) // 40))
        async with scripted({self.chat: [stream_reply(whole[:at], whole[at:]) for at in splits]}) as server:
            provider = self.provider(server)
            for _ in splits:
                completion = await provider.complete(ask(tools=(BLUR,)))
                assert [(call.name, json.loads(call.arguments)) for call in completion.tool_calls] == [
                    ("set_knob", {"size": 12.5, "name": "Grün"}),
                    ("list_nodes", {}),
                ]
            await provider.aclose()

    async def test_request_carries_the_tools(self, scripted, stream_reply):
        sent = await self.body_of(ask(tools=(BLUR,)), scripted, stream_reply)
        assert sent["tools"] == {"set_knob": SCHEMA}

    async def test_answers_to_calls_go_back_with_the_calls(self, scripted, stream_reply):
        request = ChatRequest(
            "tiny",
            (
                Message("user", "blur"),
                Message("assistant", tool_calls=(ToolCall("c1", "set_knob", '{"size": 4}'), ToolCall("c2", "list_nodes", ""))),
                Message("tool", "done", tool_call_id="c1", tool_name="set_knob"),
                Message("tool", "Blur1", tool_call_id="c2", tool_name="list_nodes"),
            ),
            tools=(BLUR, Tool("list_nodes")),
        )
        sent = await self.body_of(request, scripted, stream_reply)
        assert sent["asked"] == [("set_knob", {"size": 4}), ("list_nodes", {})]
        assert sent["answered"] == ["done", "Blur1"]

    async def test_answer_with_calls_can_go_into_the_next_request(self, scripted, stream_reply):
        first = stream_reply(*self.thought("Hm."), *self.calls(("set_knob", '{"size": 4}')))
        async with scripted({self.chat: [first, stream_reply(*self.words("a"), *self.end())]}) as server:
            provider = self.provider(server)
            completion = await provider.complete(ask(tools=(BLUR,)))
            (call,) = completion.tool_calls
            said = (
                Message("user", "x"),
                completion.as_message(),
                Message("tool", "ok", tool_call_id=call.id, tool_name=call.name),
            )
            assert (await provider.complete(ChatRequest("tiny", said, tools=(BLUR,)))).text == "a"
            await provider.aclose()
        assert self.read_body(server.received[-1].body)["asked"] == [("set_knob", {"size": 4})]

    async def test_pictures_are_sent_as_they_are(self, scripted, stream_reply):
        parts = (TextPart("first"), ImagePart(PICTURE, "image/png"), TextPart("second"))
        request = ChatRequest("tiny", (Message("user", "What is this?", parts=parts),))
        sent = await self.body_of(request, scripted, stream_reply)
        assert sent["images"] == [PICTURE]

    async def test_schema_of_the_answer_is_sent(self, scripted, stream_reply):
        sent = await self.body_of(ask(response_format=JsonSchema(SCHEMA)), scripted, stream_reply)
        assert sent["schema"] == SCHEMA

    @pytest.mark.parametrize("wanted", [True, False])
    async def test_reasoning_is_switched(self, scripted, stream_reply, wanted):
        sent = await self.body_of(ask(reasoning=wanted), scripted, stream_reply)
        assert sent["reasoning"] is wanted

    async def test_sampling_is_sent(self, scripted, stream_reply):
        sampling = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "presence_penalty": 0.1, "frequency_penalty": -0.1}
        sent = await self.body_of(ask(**sampling), scripted, stream_reply)
        assert sampling.items() <= sent["sampling"].items()

    async def test_extra_fields_go_into_the_body_and_win(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("a"), *self.end())}) as server:
            provider = self.provider(server)
            await provider.complete(ask(extra={"a_field_of_its_own": [1, {"b": None}]}))
            await provider.aclose()
        assert server.received[-1].body["a_field_of_its_own"] == [1, {"b": None}]

    async def test_what_a_model_is_known_to_lack_is_refused_before_it_is_sent(self, scripted, reply, stream_reply):
        routes = {self.details: reply((json.dumps(self.plain_model()).encode(),)), self.chat: stream_reply(*self.end())}
        async with scripted(routes) as server:
            provider = self.provider(server)
            for feature in (
                {"tools": (BLUR,)},
                {"messages": (Message("user", "x", parts=(ImagePart(PICTURE, "image/png"),)),)},
            ):
                request = ChatRequest("tiny", **{"messages": (Message("user", "x"),), **feature})
                with pytest.raises(UnsupportedFeatureError) as caught:
                    await collect(provider, request)
                assert "'tiny'" in str(caught.value)
                assert caught.value.next_step
            capabilities = await provider.capabilities("tiny")
            await provider.aclose()
        method, path = self.chat.split()
        assert not [each for each in server.received if (each.method, each.path) == (method, path)]
        assert (capabilities.tools, capabilities.images) == (False, False)
        assert capabilities.context_length == 8192

    # Other operations.

    async def test_texts_become_vectors_in_their_order(self, scripted, reply):
        body = json.dumps(self.vectors([0.5, -1.0], [0.25, 2.0])).encode()
        async with scripted({self.embeddings: reply((body,))}) as server:
            provider = self.provider(server)
            found = await provider.embed(EmbeddingRequest("tiny", ("a", "b"), dimensions=2))
            await provider.aclose()
        assert found.vectors == ((0.5, -1.0), (0.25, 2.0))
        assert found.usage.prompt_tokens == 2
        assert server.received[-1].body["input"] == ["a", "b"]
        assert server.received[-1].body["dimensions"] == 2

    async def test_vectors_of_another_length_than_asked_for_are_an_error(self, scripted, reply):
        body = json.dumps(self.vectors([0.5, -1.0, 0.25])).encode()
        async with scripted({self.embeddings: reply((body,))}) as server:
            provider = self.provider(server)
            with pytest.raises(UnsupportedFeatureError, match="3 numbers here, not of the 2") as caught:
                await provider.embed(EmbeddingRequest("tiny", ("a",), dimensions=2))
            await provider.aclose()
        assert (caught.value.kind, caught.value.provider) == ("unsupported_dimensions", provider.name)

    async def test_one_vector_for_two_texts_is_a_protocol_error(self, scripted, reply):
        async with scripted({self.embeddings: reply((json.dumps(self.vectors([0.5])).encode(),))}) as server:
            provider = self.provider(server)
            with pytest.raises(ProtocolError) as caught:
                await provider.embed(EmbeddingRequest("tiny", ("a", "b")))
            await provider.aclose()
        assert caught.value.provider == self.name

    async def test_texts_that_are_none_are_refused_before_they_are_sent(self, scripted):
        async with scripted({}) as server:
            provider = self.provider(server)
            for texts in ((), ("",), "text"):
                with pytest.raises(ValidationError):
                    await provider.embed(EmbeddingRequest("tiny", texts))
            await provider.aclose()
        assert server.received == []

    async def test_refused_vectors_name_the_model(self, scripted, reply):
        refusal = json.dumps({"error": "model 'tiny' not found"}).encode()
        async with scripted({self.embeddings: reply((refusal,), 404)}) as server:
            provider = self.provider(server)
            with pytest.raises(ModelNotFoundError, match="'tiny' is not on this server"):
                await provider.embed(EmbeddingRequest("tiny", ("a",)))
            await provider.aclose()

    async def test_what_is_not_offered_says_who_offers_it(self, scripted):
        assert set(ASKED) == set(OPERATIONS)
        async with scripted({}) as server:
            provider = self.provider(server)
            for name, call in ASKED.items():
                if name in provider.operations():
                    continue
                others = [made.title for made in PROVIDERS.values() if name in made.operations()]
                with pytest.raises(UnsupportedFeatureError) as caught:
                    await call(provider)
                assert others
                assert all(title in str(caught.value) for title in others)
                assert OPERATIONS[name] in str(caught.value)
            await provider.aclose()
        assert server.received == []

    async def test_server_that_lacks_an_operation_says_so(self, scripted):
        async with scripted({}) as server:
            provider = self.provider(server)
            for name in sorted(provider.operations()):
                with pytest.raises(APIError) as caught:
                    await ASKED[name](provider)
                assert caught.value.provider == self.name
                assert caught.value.status == 404
                assert caught.value.next_step
            await provider.aclose()

    # Deadlines of one call.

    async def test_deadlines_of_one_call_replace_the_servers(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("kept"), scripted.FOREVER)}) as server:
            provider = self.provider(server, Deadlines(silence=600))
            with pytest.raises(StreamStalledError) as caught:
                await asyncio.wait_for(provider.complete(ask(), deadlines=Deadlines(silence=0.3)), 20)
            await provider.aclose()
        assert caught.value.partial_text == "kept"

    async def test_total_deadline_ends_a_stream_that_never_falls_silent(self, scripted, stream_reply):
        (word,) = self.words("on ")

        async def go_on(response):
            while True:
                await response.write(word)
                await asyncio.sleep(0.02)

        async with scripted({self.chat: stream_reply(go_on)}) as server:
            provider = self.provider(server, Deadlines(silence=600))
            with pytest.raises(RequestTimeoutError) as caught:
                await asyncio.wait_for(provider.complete(ask(), deadlines=Deadlines(total=0.7)), 20)
            await asyncio.wait_for(server.gone.wait(), 10)
            await provider.aclose()
        assert caught.value.kind == "total_timeout"
        assert caught.value.partial_text.startswith("on on ")

    async def test_total_deadline_holds_before_the_first_byte(self, scripted, stream_reply):
        never = asyncio.Event()
        async with scripted({self.chat: stream_reply(never)}) as server:
            provider = self.provider(server, Deadlines())
            with pytest.raises(RequestTimeoutError):
                await asyncio.wait_for(provider.complete(ask(), deadlines=Deadlines(total=0.4)), 20)
            await asyncio.wait_for(server.gone.wait(), 10)
            await provider.aclose()

    # Faults.

    async def test_nothing_listening_says_so(self, unused_port):
        provider = create(self.name, Server(f"http://127.0.0.1:{unused_port}{self.suffix}", KEY, deadlines=SHORT))
        with pytest.raises(ConnectionFailedError) as caught:
            await collect(provider)
        await provider.aclose()
        assert caught.value.kind == "connection_refused"
        assert f"Nothing is listening on port {unused_port}." in str(caught.value)
        assert "or change the address" in caught.value.next_step

    async def test_unknown_host_says_so(self):
        provider = create(self.name, Server(f"http://nuke-panel.invalid{self.suffix}", KEY, deadlines=SHORT))
        with pytest.raises(ConnectionFailedError, match=r"No such host: nuke-panel\.invalid") as caught:
            await provider.list_models()
        await provider.aclose()
        assert caught.value.kind == "name_not_found"

    async def test_end_without_the_end_mark_keeps_the_text(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("half", " an"))}) as server:
            failure = await self.failing(server, StreamInterruptedError)
        assert failure.partial_text == "half an"

    async def test_half_a_record_at_the_end_is_an_interruption(self, scripted, stream_reply):
        (record,) = self.words("lost")
        async with scripted({self.chat: stream_reply(*self.words("kept"), record[: len(record) // 2])}) as server:
            failure = await self.failing(server, StreamInterruptedError)
        assert failure.partial_text == "kept"

    @pytest.mark.parametrize("ending", ["ABORT", "CUT"])
    async def test_broken_connection_keeps_the_text(self, scripted, stream_reply, ending):
        async with scripted({self.chat: stream_reply(*self.words("half"), getattr(scripted, ending))}) as server:
            failure = await self.failing(server, StreamInterruptedError)
        assert failure.partial_text == "half"

    async def test_empty_body_is_no_answer(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply()}) as server:
            await self.failing(server, StreamInterruptedError)

    async def test_silence_is_a_stall_that_keeps_the_text(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("kept"), scripted.FOREVER)}) as server:
            failure = await self.failing(server, StreamStalledError)
            await asyncio.wait_for(server.gone.wait(), 10)
        assert failure.partial_text == "kept"
        assert isinstance(failure, TimeoutError)

    async def test_signs_of_life_without_an_event_are_a_stall(self, scripted, stream_reply):
        async def live_on(response):
            while True:
                await response.write(self.keep_alive())
                await asyncio.sleep(0.05)

        async with scripted({self.chat: stream_reply(*self.words("kept"), live_on)}) as server:
            failure = await self.failing(server, StreamStalledError)
        assert failure.partial_text == "kept"
        assert "signs of life" in str(failure)

    async def test_drip_of_bytes_that_never_makes_a_record_is_a_stall(self, scripted, stream_reply):
        (record,) = self.words("x" * 400)

        async def drip(response):
            for at in range(len(record) - 1):
                await response.write(record[at : at + 1])
                await asyncio.sleep(0.05)

        async with scripted({self.chat: stream_reply(*self.words("kept"), drip)}) as server:
            await self.failing(server, StreamStalledError)

    async def test_blocked_loop_makes_no_stall_when_the_data_came(self, scripted, stream_reply):
        go_on = asyncio.Event()
        async with scripted({self.chat: stream_reply(*self.words("a"), go_on, *self.words("b"), *self.end())}) as server:
            provider = self.provider(server, Deadlines(silence=0.6))
            events = []
            async for event in provider.stream(ask()):
                events.append(event)
                if isinstance(event, TextDelta) and event.text == "a":
                    asyncio.get_running_loop().call_later(0.05, time.sleep, 1.5)
                    asyncio.get_running_loop().call_later(0.3, go_on.set)
            await provider.aclose()
        assert text_of(events) == "ab"

    async def test_slow_consumer_is_not_taken_for_a_silent_server(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("a"), *self.words("b"), *self.end())}) as server:
            provider = self.provider(server, Deadlines(silence=0.3))
            events = []
            async for event in provider.stream(ask()):
                events.append(event)
                await asyncio.sleep(0.4)
            await provider.aclose()
        assert text_of(events) == "ab"

    async def test_no_first_byte_is_a_timeout_that_speaks_of_loading(self, scripted, stream_reply):
        never = asyncio.Event()
        async with scripted({self.chat: stream_reply(never)}) as server:
            failure = await self.failing(server, RequestTimeoutError, Deadlines(first_byte=0.4))
            assert len(server.asked) == 1
            never.set()
        assert "load" in str(failure)

    async def test_waiting_for_the_first_byte_reports_that_the_model_is_loading(self, scripted, stream_reply):
        loaded = asyncio.Event()
        async with scripted({self.chat: stream_reply(loaded, *self.words("a"), *self.end())}) as server:
            provider = self.provider(server, Deadlines(silence=0.5))
            events = []
            async for event in provider.stream(ask()):
                events.append(event)
                if isinstance(event, ModelLoading):
                    loaded.set()
            await provider.aclose()
        assert isinstance(events[0], ModelLoading)
        assert events[0].seconds > 1
        assert text_of(events) == "a"

    async def test_error_in_the_middle_keeps_the_text(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("kept"), *self.failure("the runner died"))}) as server:
            failure = await self.failing(server, ServerError)
        assert failure.partial_text == "kept"
        assert "the runner died" in str(failure)

    async def test_error_right_behind_text_in_one_piece_keeps_the_text(self, scripted, stream_reply):
        together = b"".join((*self.words("kept"), *self.failure("the runner died")))
        async with scripted({self.chat: stream_reply(together)}) as server:
            failure = await self.failing(server, ServerError)
        assert failure.partial_text == "kept"

    async def test_error_object_with_status_200_is_an_error(self, scripted, reply):
        body = json.dumps({"error": {"message": "upstream broke", "code": 502}}).encode()
        async with scripted({self.chat: reply((body,))}) as server:
            failure = await self.failing(server, ServerError)
        assert "upstream broke" in str(failure)

    @pytest.mark.parametrize("media", ["text/html; charset=utf-8", ""])
    async def test_web_page_is_named_by_its_title(self, scripted, reply, media):
        page = b"<!DOCTYPE html><html><head><title>Sign in\n &amp; go</title></head></html>"
        async with scripted({self.chat: reply((page,), content_type=media)}) as server:
            failure = await self.failing(server, ProtocolError)
        assert "(Sign in & go)" in str(failure)
        assert "login page or a proxy" in failure.next_step

    async def test_broken_json_is_a_protocol_error_that_keeps_the_text(self, scripted, stream_reply):
        (record,) = self.words("lost")
        broken = record.replace(b'"lost"', b'"lo')
        async with scripted({self.chat: stream_reply(*self.words("kept"), broken, *self.words("more"))}) as server:
            failure = await self.failing(server, ProtocolError)
        assert failure.partial_text == "kept"

    async def test_redirect_is_not_followed(self, scripted, reply):
        async with scripted(
            {self.chat: reply((), 307, {"Location": "http://127.0.0.1:9/evil?token=1"}), "POST /evil": reply((b"{}",))}
        ) as server:
            failure = await self.failing(server, ProtocolError)
            assert len(server.asked) == 1
        assert "redirects to http://127.0.0.1:9" in str(failure)
        assert "token" not in str(failure)

    @pytest.mark.parametrize(
        ("status", "body", "error", "said"),
        [
            (401, {"error": {"message": f"bad key {KEY}", "code": 401}}, AuthenticationError, "rejected the key"),
            (400, {"error": {"message": "API key not valid"}}, AuthenticationError, "rejected the key"),
            (402, {"error": {"message": "no credits"}}, PaymentRequiredError, "no credit left"),
            (404, {"error": "model 'tiny' not found"}, ModelNotFoundError, "'tiny' is not on this server"),
            (500, {"error": {"message": f"boom {KEY}\n\nadvice"}}, ServerError, "boom"),
            (
                400,
                {"error": '{"error":{"code":400,"message":"request (27015 tokens) exceeds the available context size"}}'},
                APIError,
                "27015",
            ),
        ],
    )
    async def test_refusals_become_typed_errors_in_the_users_words(self, scripted, reply, status, body, error, said):
        async with scripted({self.chat: reply((json.dumps(body).encode(),), status)}) as server:
            failure = await self.failing(server, error)
            assert len(server.asked) == 1
        assert failure.status == status
        assert failure.next_step
        assert said in str(failure)
        assert "advice" not in str(failure)

    # Retries.

    async def test_busy_server_is_asked_again_before_the_first_byte(self, scripted, reply, stream_reply):
        busy = reply((b'{"error":"busy"}',), 503, {"Retry-After": "0"})
        async with scripted({self.chat: [busy, busy, stream_reply(*self.words("a"), *self.end())]}) as server:
            provider = self.provider(server)
            assert text_of(await collect(provider)) == "a"
            assert len(server.asked) == 3
            await provider.aclose()

    async def test_retries_are_bounded(self, scripted, reply):
        busy = reply((b'{"error":"busy"}',), 503, {"Retry-After": "0"})
        async with scripted({self.chat: busy}) as server:
            await self.failing(server, ServerError)
            assert len(server.asked) == 3

    async def test_long_retry_after_is_told_and_not_waited_for(self, scripted, reply):
        async with scripted({self.chat: reply((b"{}",), 429, {"Retry-After": "60"})}) as server:
            failure = await self.failing(server, RateLimitError)
            assert len(server.asked) == 1
        assert failure.retry_after == 60
        assert "60 s" in failure.next_step

    @pytest.mark.parametrize("status", [400, 401, 404, 500])
    async def test_other_refusals_are_not_retried(self, scripted, reply, status):
        async with scripted({self.chat: reply((b"{}",), status)}) as server:
            await self.failing(server, APIError)
            assert len(server.asked) == 1

    async def test_nothing_is_sent_again_once_the_answer_began(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("a"), scripted.ABORT)}) as server:
            await self.failing(server, StreamInterruptedError)
            assert len(server.asked) == 1

    # Cancelling.

    async def test_cancel_in_the_middle_closes_the_connection(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("a"), scripted.FOREVER)}) as server:
            provider = self.provider(server, Deadlines())
            came = asyncio.Event()

            async def read():
                async for event in provider.stream(ask()):
                    if isinstance(event, TextDelta):
                        came.set()

            task = asyncio.ensure_future(read())
            await came.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.gone.wait(), 10)
            await provider.aclose()

    async def test_cancel_before_the_headers_closes_the_connection(self, scripted, stream_reply):
        never = asyncio.Event()
        async with scripted({self.chat: stream_reply(never)}) as server:
            provider = self.provider(server, Deadlines())
            task = asyncio.ensure_future(collect(provider))
            await server.wanted.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.gone.wait(), 10)
            await provider.aclose()

    async def test_leaving_the_loop_early_closes_the_connection(self, scripted, stream_reply):
        async with scripted({self.chat: stream_reply(*self.words("a"), scripted.FOREVER)}) as server:
            provider = self.provider(server, Deadlines())
            events = provider.stream(ask())
            async for event in events:
                if isinstance(event, TextDelta):
                    break
            await events.aclose()
            await asyncio.wait_for(server.gone.wait(), 10)
            await provider.aclose()

    # Lists.

    async def test_models_are_listed_in_the_servers_order(self, scripted, reply):
        body = json.dumps(self.model_list("zeta:7b", "alpha")).encode()
        async with scripted({self.models: reply((body,))}) as server:
            provider = self.provider(server)
            models = await provider.list_models()
            await provider.aclose()
        assert [model.name for model in models] == ["zeta:7b", "alpha"]

    @pytest.mark.parametrize(
        "body", [b"[1, null]x", b"null", b'{"models": 3, "data": "x"}', b"<html><title>Login</title>", b"OK"]
    )
    async def test_model_list_that_is_none_is_a_protocol_error(self, scripted, reply, body):
        async with scripted({self.models: reply((body,))}) as server:
            provider = self.provider(server)
            with pytest.raises(ProtocolError) as caught:
                await provider.list_models()
            await provider.aclose()
        assert caught.value.provider == self.name

    async def test_missing_model_list_says_that_the_path_is_wrong(self, scripted):
        async with scripted({}) as server:
            provider = self.provider(server)
            with pytest.raises(ProtocolError, match="No API at this path"):
                await provider.list_models()
            await provider.aclose()

    async def test_short_call_that_takes_too_long_is_a_timeout(self, scripted, reply):
        async with scripted({self.models: reply((b"{", scripted.FOREVER))}) as server:
            provider = self.provider(server, Deadlines(call=0.3))
            with pytest.raises(RequestTimeoutError):
                await provider.list_models()
            await provider.aclose()

    async def test_closing_twice_is_fine(self, scripted):
        async with scripted({}) as server:
            provider = self.provider(server)
            await provider.aclose()
            await provider.aclose()

    def test_provider_says_when_it_is_used_on_a_second_loop(self):
        provider = create(self.name, Server("http://127.0.0.1:9" + self.suffix, KEY))
        first = asyncio.new_event_loop()
        second = asyncio.new_event_loop()
        try:
            with pytest.raises(ConnectionFailedError):
                first.run_until_complete(provider.list_models())
            with pytest.raises(RuntimeError, match="another event loop"):
                second.run_until_complete(provider.list_models())
            first.run_until_complete(provider.aclose())
        finally:
            for loop in (first, second):
                loop.run_until_complete(loop.shutdown_default_executor())
                loop.close()

    def test_provider_goes_on_when_its_loop_has_been_closed(self):
        provider = create(self.name, Server("http://127.0.0.1:9" + self.suffix, KEY))

        async def fail():
            with pytest.raises(ConnectionFailedError):
                await provider.list_models()
            await provider.aclose()

        asyncio.run(fail())
        asyncio.run(fail())


class TestOllama(ProviderContract):
    name = "ollama"
    chat = "POST /api/chat"
    models = "GET /api/tags"
    media = "application/x-ndjson"
    embeddings = "POST /api/embed"
    details = "POST /api/show"

    def _line(self, value):
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"

    def words(self, *texts):
        return [
            self._line({"model": "tiny", "message": {"role": "assistant", "content": text}, "done": False}) for text in texts
        ]

    def thought(self, text):
        return [self._line({"model": "tiny", "message": {"role": "assistant", "content": "", "thinking": text}, "done": False})]

    def end(self):
        return [
            self._line(
                {
                    "model": "tiny",
                    "message": {"role": "assistant", "content": ""},
                    "done": True,
                    "done_reason": "stop",
                    "prompt_eval_count": 11,
                    "eval_count": 3,
                }
            )
        ]

    def failure(self, message):
        return [self._line({"error": message})]

    def model_list(self, *names):
        return {"models": [{"name": name, "size": 5, "details": {"context_length": 8192}} for name in names]}

    def keep_alive(self):
        return b"\n"

    def calls(self, *calls):
        spelled = [
            {"id": f"call_{place}", "function": {"index": place, "name": name, "arguments": json.loads(arguments)}}
            for place, (name, arguments) in enumerate(calls)
        ]
        message = {"role": "assistant", "content": "", "tool_calls": spelled}
        return [self._line({"model": "tiny", "message": message, "done": True, "done_reason": "stop"})]

    def read_body(self, body):
        messages = body["messages"]
        asked = [call["function"] for message in messages for call in message.get("tool_calls", ())]
        return {
            "tools": {tool["function"]["name"]: tool["function"]["parameters"] for tool in body.get("tools", ())},
            "schema": body.get("format"),
            "images": [base64.b64decode(image, validate=True) for message in messages for image in message.get("images", ())],
            "asked": [(function["name"], function["arguments"]) for function in asked],
            "answered": [message["content"] for message in messages if message["role"] == "tool"],
            "reasoning": body.get("think"),
            "sampling": body.get("options", {}),
        }

    def vectors(self, *vectors):
        return {"model": "tiny", "embeddings": vectors, "prompt_eval_count": 2}

    def plain_model(self):
        return {
            "capabilities": ["completion"],
            "model_info": {"general.architecture": "llama", "llama.context_length": 8192},
            "details": {},
        }

    def junk_records(self):
        return [
            b"\r\n",
            self._line({"message": None}),
            self._line({"message": {"content": None}, "model": 7}),
            self._line({"message": ["x"], "done": "yes"}),
            self._line({}),
        ]


class TestOpenrouter(ProviderContract):
    name = "openrouter"
    suffix = "/v1"
    chat = "POST /v1/chat/completions"
    models = "GET /v1/models"
    media = "text/event-stream"
    embeddings = "POST /v1/embeddings"
    details = "GET /v1/models"

    def _event(self, value):
        return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"

    def words(self, *texts):
        return [
            self._event({"model": "tiny", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
            for text in texts
        ]

    def thought(self, text):
        return [self._event({"model": "tiny", "choices": [{"index": 0, "delta": {"reasoning_content": text}}]})]

    def end(self):
        return [
            self._event({"model": "tiny", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
            self._event({"model": "tiny", "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}}),
            b"data: [DONE]\n\n",
        ]

    def failure(self, message):
        return [
            self._event(
                {
                    "error": {"code": "502", "message": message, "metadata": {"error_type": "provider_unavailable"}},
                    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
                }
            )
        ]

    def model_list(self, *names):
        return {"data": [{"id": name, "context_length": 8192} for name in names]}

    def keep_alive(self):
        return b": OPENROUTER PROCESSING\n\n"

    def calls(self, *calls):
        pieces = []
        for place, (name, arguments) in enumerate(calls):
            pieces.append(
                {"index": place, "id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": ""}}
            )
            for at in range(0, len(arguments), 5):
                pieces.append({"index": place, "function": {"arguments": arguments[at : at + 5]}})
        return [
            *(self._event({"model": "tiny", "choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]}) for piece in pieces),
            self._event({"model": "tiny", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
            b"data: [DONE]\n\n",
        ]

    def read_body(self, body):
        messages = body["messages"]
        asked = [call["function"] for message in messages for call in message.get("tool_calls", ())]
        parts = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
        urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        return {
            "tools": {tool["function"]["name"]: tool["function"]["parameters"] for tool in body.get("tools", ())},
            "schema": body.get("response_format", {}).get("json_schema", {}).get("schema"),
            "images": [base64.b64decode(url.removeprefix("data:image/png;base64,"), validate=True) for url in urls],
            "asked": [(function["name"], json.loads(function["arguments"])) for function in asked],
            "answered": [message["content"] for message in messages if message["role"] == "tool"],
            "reasoning": self.read_reasoning(body),
            "sampling": body,
        }

    def read_reasoning(self, body):
        spelled = body.get("reasoning", {})
        return False if spelled.get("effort") == "none" else spelled.get("enabled")

    def vectors(self, *vectors):
        spelled = [struct.pack(f"<{len(vector)}f", *vector) for vector in vectors]
        data = [{"index": place, "embedding": base64.b64encode(raw).decode()} for place, raw in enumerate(spelled)]
        return {"model": "tiny", "data": data[::-1], "usage": {"prompt_tokens": 2}}

    def plain_model(self):
        architecture = {"input_modalities": ["text"], "output_modalities": ["text"]}
        parameters = ["max_tokens", "temperature"]
        return {
            "data": [
                {"id": "tiny", "context_length": 8192, "architecture": architecture, "supported_parameters": parameters},
                {"id": "other", "context_length": 4096},
            ]
        }

    def junk_records(self):
        return [
            b": a comment\r\n\r\n",
            b"event: ping\nid: 4\nretry: 100\n\n",
            self._event({"choices": None}),
            self._event({"choices": [None, 3, {"delta": None}, {"index": 1, "delta": {"content": "other"}}]}),
            self._event({"choices": [{"delta": {"content": None, "role": "assistant"}, "finish_reason": None}], "usage": None}),
            self._event({}),
            b"data:\n\n",
        ]


class TestOpenai(TestOpenrouter):
    name = "openai"

    def read_reasoning(self, body):
        return body.get("chat_template_kwargs", {}).get("enable_thinking")


def test_every_provider_has_a_contract():
    covered, kinds = set(), [ProviderContract]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        covered.add(kind.name)
    assert covered - {""} == set(PROVIDERS)


def test_reasoning_is_never_part_of_the_text():
    assert not issubclass(ReasoningDelta, TextDelta)

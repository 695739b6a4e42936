"""What every provider promises, whatever its protocol. A new provider is done when its subclass of ProviderContract passes."""

from __future__ import annotations

import asyncio
import json
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
    ValidationError,
)
from nuke_ai_panel.messages import ChatRequest, Finished, Message, ModelLoading, ReasoningDelta, StreamStarted, TextDelta
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.registry import PROVIDERS, create

KEY = "sk-or-v1-0123456789abcdef-secret"
SHORT = Deadlines(connect=5, first_byte=20, call=20, silence=0.6)


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


def test_every_provider_has_a_contract():
    covered, kinds = set(), [ProviderContract]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        covered.add(kind.name)
    assert covered - {""} == set(PROVIDERS)


def test_reasoning_is_never_part_of_the_text():
    assert not issubclass(ReasoningDelta, TextDelta)

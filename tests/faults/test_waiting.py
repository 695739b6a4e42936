"""What all requests of a session share when a server asks to be left alone, and what the deadlines of one call bound."""

from __future__ import annotations

import asyncio
import time

import pytest

from nuke_ai_panel.errors import APIError, ConnectionFailedError, RateLimitError, RequestTimeoutError, ServerError
from nuke_ai_panel.messages import ModelLoading, TextDelta
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.registry import create
from tests.faults.fault_modes import MODES
from tests.faults.fault_server import FaultServer
from tests.faults.test_fault_table import ASK, WIRE_OF

PATIENT = {"connect": 20, "first_byte": 20, "call": 20, "silence": 20}


def deadlines(**more):
    return Deadlines(**{**PATIENT, **more})


class Busy:
    """A mode that refuses its first requests and notes when each came."""

    def __init__(self, status="429 Slow down", wait="0.6", times=1):
        self.status, self.wait, self.times = status, wait, times
        self.came = []

    async def __call__(self, x):
        self.came.append(time.monotonic())
        if len(self.came) <= self.times:
            await x.refuse(self.status, {"error": "later"}, [f"Retry-After: {self.wait}"])
        else:
            await x.answer()


def serving(name, mode):
    return FaultServer(WIRE_OF[name], {"busy": mode})


def provider_at(name, server, under_test="chat", **more):
    return create(name, Server(server.url("busy", under_test), "a-key", deadlines=deadlines(**more)))


async def paused(provider):
    """Return when the client has read that it is to wait; nothing but its own state tells."""
    for _ in range(2000):
        if provider._session._pause.left:
            return
        await asyncio.sleep(0.01)
    pytest.fail("no pause has begun")


@pytest.mark.parametrize("name", WIRE_OF)
@pytest.mark.parametrize("status", ["429 Slow down", "503 Busy"])
async def test_all_requests_of_a_session_keep_the_pause(name, status):
    busy = Busy(status)
    async with serving(name, busy) as server:
        provider = provider_at(name, server)
        first = asyncio.ensure_future(provider.complete(ASK))
        await paused(provider)
        others = [asyncio.ensure_future(provider.complete(ASK)) for _ in range(4)]
        answers = await asyncio.gather(first, *others)
        await provider.aclose()
    assert [answer.text for answer in answers] == ["kept"] * 5
    assert len(busy.came) == 6, "another request ran into the refusal"
    assert busy.came[1] - busy.came[0] >= 0.59


async def test_request_that_may_not_wait_so_long_is_sent_and_says_what_the_server_said():
    busy = Busy(wait="5", times=2)
    async with serving("openai", busy) as server:
        provider = provider_at("openai", server, retry_after=20)
        patient = asyncio.ensure_future(provider.complete(ASK))
        await paused(provider)
        with pytest.raises(RateLimitError) as caught:
            await provider.complete(ASK, deadlines=deadlines(retry_after=1))
        assert caught.value.retry_after == 5
        assert not patient.done()
        patient.cancel()
        await asyncio.wait({patient})
        await provider.aclose()
    assert len(busy.came) == 2


async def test_first_answer_after_the_refusal_ends_the_pause():
    busy = Busy(wait="30", times=1)
    async with serving("openai", busy) as server:
        provider = provider_at("openai", server)
        for _ in range(2):
            with pytest.raises(RateLimitError):
                await provider.complete(ASK, deadlines=deadlines(retry_after=1))
            busy.times = 2
        assert (await provider.complete(ASK, deadlines=deadlines(retry_after=1))).text == "kept"
        # The pause would last for another half a minute, which this one would have waited for.
        assert (await asyncio.wait_for(provider.complete(ASK, deadlines=deadlines(retry_after=60)), 15)).text == "kept"
        await provider.aclose()


async def test_request_that_waits_for_the_pause_can_be_cancelled():
    busy = Busy(wait="20", times=9)
    async with serving("openai", busy) as server:
        provider = provider_at("openai", server)
        waiting = asyncio.ensure_future(provider.complete(ASK))
        await paused(provider)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await provider.aclose()


async def test_short_call_says_what_the_server_said_instead_of_running_out_of_time():
    busy = Busy(wait="3", times=9)
    async with serving("openai", busy) as server:
        provider = provider_at("openai", server, "list", call=2)
        with pytest.raises(RateLimitError):
            await provider.list_models()
        await provider.aclose()
    assert len(busy.came) == 1


async def test_whole_call_bounds_the_wait_that_a_server_may_ask_for():
    busy = Busy(wait="3", times=9)
    async with serving("openai", busy) as server:
        provider = provider_at("openai", server, total=2)
        with pytest.raises(RateLimitError):
            await provider.complete(ASK)
        await provider.aclose()


async def test_waiting_for_a_pause_is_no_loading_model():
    busy = Busy(wait="2.5")
    async with serving("openai", busy) as server:
        provider = provider_at("openai", server)
        events = [event async for event in provider.stream(ASK)]
        await provider.aclose()
    assert not [event for event in events if isinstance(event, ModelLoading)]


# retries


@pytest.mark.parametrize(("retries", "requests"), [(0, 1), (1, 2), (4, 5)])
async def test_request_is_repeated_as_often_as_allowed(retries, requests):
    busy = Busy("503 Busy", wait="0", times=99)
    async with serving("openai", busy) as server:
        provider = provider_at("openai", server, retries=retries)
        with pytest.raises(ServerError):
            await provider.complete(ASK)
        await provider.aclose()
    assert len(busy.came) == requests


@pytest.mark.parametrize(("retries", "requests"), [(0, 1), (2, 1)])
async def test_get_that_breaks_is_not_repeated_behind_our_back(retries, requests):
    async with FaultServer("openai", MODES) as server:
        url = server.url("close_before_headers", "list")
        provider = create("openai", Server(url, "a-key", deadlines=deadlines(retries=retries)))
        with pytest.raises(ConnectionFailedError):
            await provider.list_models()
        await provider.aclose()
        assert server.tally("close_before_headers", "list").requests == requests


async def test_dead_connections_of_the_pool_are_no_retries():
    # Five idle connections die together, as when a server is started anew: one request must not fail because of that.
    gate = asyncio.Event()
    state = {"dead": False}

    async def mode(x):
        if state["dead"] and x.request.port in state["old"]:
            await x.reset()
        if not state["dead"]:
            await gate.wait()
        await x.answer()

    async with serving("openai", mode) as server:
        provider = provider_at("openai", server, retries=1)
        asking = [asyncio.ensure_future(provider.complete(ASK)) for _ in range(5)]
        await server.tally("busy").until(5)
        gate.set()
        await asyncio.gather(*asking)
        state["old"] = {request.port for request in server.tally("busy").received}
        assert len(state["old"]) == 5
        state["dead"] = True
        assert (await provider.complete(ASK)).text == "kept"
        await provider.aclose()


async def test_dead_connection_is_not_tried_again_where_no_retry_is_allowed():
    async with FaultServer("openai", MODES) as server:
        url = server.url("idle_connection_died")
        provider = create("openai", Server(url, "a-key", deadlines=deadlines(retries=0)))
        await provider.complete(ASK)
        with pytest.raises(ConnectionFailedError):
            await provider.complete(ASK)
        await provider.aclose()
        assert server.tally("idle_connection_died").requests == 2


# the whole call


async def test_total_counts_from_the_start_of_the_call():
    async def mode(x):
        await asyncio.sleep(0.5)
        await x.head()
        await x.forever(x.wire.word("kept"), every=0.1)

    async with serving("openai", mode) as server:
        provider = provider_at("openai", server, total=1.2)
        texts = []

        async def read():
            async for event in provider.stream(ASK):
                if isinstance(event, TextDelta):
                    texts.append(event.text)

        began = time.monotonic()
        with pytest.raises(RequestTimeoutError) as caught:
            await read()
        took = time.monotonic() - began
        await provider.aclose()
        await asyncio.wait_for(server.tally("busy").all_gone.wait(), 5)
    assert caught.value.kind == "total_timeout"
    assert "1.2 s" in str(caught.value)
    assert caught.value.partial_text == "".join(texts) != ""
    assert 1.0 < took < 8


async def test_total_counts_while_the_reader_is_busy_and_keeps_what_had_come():
    async def mode(x):
        await x.begin()
        await x.stall()

    async with serving("openai", mode) as server:
        provider = provider_at("openai", server, total=0.8)
        seen = []

        async def read():
            async for event in provider.stream(ASK):
                if isinstance(event, TextDelta):
                    seen.append(event.text)
                    await asyncio.sleep(1.5)

        with pytest.raises(RequestTimeoutError) as caught:
            await read()
        await provider.aclose()
    assert (caught.value.kind, caught.value.partial_text, seen) == ("total_timeout", "kept", ["kept"])


async def test_answer_that_ends_in_time_is_not_touched_by_total():
    async with FaultServer("openai", MODES) as server:
        provider = create("openai", Server(server.url("healthy"), "a-key", deadlines=deadlines(total=20)))
        assert (await provider.complete(ASK)).text == "kept"
        await asyncio.sleep(0.3)
        assert (await provider.complete(ASK)).text == "kept"
        await provider.aclose()
        assert server.tally("healthy").connections == 1


# leaving


@pytest.mark.parametrize("name", WIRE_OF)
@pytest.mark.parametrize("mode", ["stall_before_headers", "stall_after_headers", "stall_mid_stream", "keep_alives_only"])
async def test_cancelled_call_leaves_no_connection(name, mode):
    async with FaultServer(WIRE_OF[name], MODES) as server:
        provider = create(name, Server(server.url(mode), "a-key", deadlines=deadlines()))
        asking = asyncio.ensure_future(provider.complete(ASK))
        await server.tally(mode).until(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(server.tally(mode).all_gone.wait(), 5)
        # The session is as good as new.
        assert isinstance(await provider.list_models(), list)
        await provider.aclose()


@pytest.mark.parametrize("name", WIRE_OF)
async def test_stream_that_is_left_closes_its_connection(name):
    async with FaultServer(WIRE_OF[name], MODES) as server:
        provider = create(name, Server(server.url("text_without_end"), "a-key", deadlines=deadlines()))
        events = provider.stream(ASK)
        async for event in events:
            if isinstance(event, TextDelta):
                break
        await events.aclose()
        await asyncio.wait_for(server.tally("text_without_end").all_gone.wait(), 5)
        await provider.aclose()


async def test_cancelling_at_any_moment_leaves_nothing():
    # Cancelled after every number of turns of the loop that an answer takes: no moment may leak a connection or a task.
    async with FaultServer("openai", MODES) as server:
        provider = create("openai", Server(server.url("healthy"), "a-key", deadlines=deadlines(retries=0)))
        await provider.complete(ASK)
        finished = 0
        for turns in range(200):
            asking = asyncio.ensure_future(provider.complete(ASK))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            try:
                await asking
                finished += 1
            except asyncio.CancelledError:
                pass
            except APIError as error:
                pytest.fail(f"after {turns} turns: {error!r}")
        assert finished, "the loop never lived long enough for a whole answer"
        assert (await provider.complete(ASK)).text == "kept"
        await provider.aclose()
        await asyncio.wait_for(server.accepted.all_gone.wait(), 5)


@pytest.mark.parametrize("name", WIRE_OF)
@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_last_words_before_a_break_reach_a_reader_that_was_busy(name, ending):
    broken = asyncio.Event()

    async def mode(x):
        await x.begin()
        await asyncio.sleep(0.05)
        await x.piece(x.wire.word(" last") + x.ending)
        broken.set()
        await getattr(x, ending)()

    async with serving(name, mode) as server:
        provider = provider_at(name, server)
        texts = []
        async for event in provider.stream(ASK):
            if isinstance(event, TextDelta):
                if not texts:
                    await broken.wait()
                    await asyncio.wait_for(server.tally("busy").all_gone.wait(), 5)
                    # The break has to arrive on this side as well, which nothing tells but time.
                    await asyncio.sleep(0.2)
                texts.append(event.text)
        await provider.aclose()
    assert texts == ["kept", " last"]

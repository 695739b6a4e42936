"""A marked key goes through every provider, operation and fault; then everything that came out is searched for it."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from dataclasses import replace
from pathlib import Path

import pytest

import nuke_ai_panel
from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.messages import ChatRequest, Message
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.operations import EmbeddingRequest, SpeechRequest, UploadRequest
from nuke_ai_panel.providers import registry
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.diagnosis import diagnose, report

_spec = importlib.util.spec_from_file_location("secrets_conftest", Path(__file__).with_name("conftest.py"))
common = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(common)
KEY, PROMPT, PASSWORD = common.KEY, common.PROMPT, common.PASSWORD

FAULTS = (
    *("400", "401", "402", "403", "404", "408", "413", "429", "500", "502", "503"),
    *("plain", "page", "redirect", "broken json", "other json", "error in 200", "reset", "close", "stall", "no http"),
    *("cut", "stalled stream", "broken stream", "error in stream", "reset in stream"),
)

USUAL = Deadlines(connect=10.0, first_byte=10.0, call=10.0, silence=10.0, retries=0)
QUICK = Deadlines(connect=10.0, first_byte=0.15, call=0.15, silence=0.15, retries=0)


def deadlines_for(fault):
    """Short ones only where they must run out: elsewhere a busy machine would hide the fault behind a timeout."""
    return QUICK if "stall" in fault else USUAL


def operations(provider):
    """Every operation of a provider that sends the key, as functions that make a coroutine."""
    allowed = provider.server.deadlines
    chat = ChatRequest(model="m", messages=(Message("user", PROMPT),))

    async def stream():
        async for _ in provider.stream(chat, deadlines=allowed):
            pass

    async def diagnosed():
        steps = [step async for step in diagnose(provider.name, provider.server, "m")]
        common.assert_free(report(steps), KEY, where="the report of the connection test")
        common.assert_free(repr(steps), KEY, where="the steps of the connection test")

    offered = provider.operations()
    yield "stream", stream
    yield "models", provider.list_models
    yield "access", provider.check_access
    yield "diagnosis", diagnosed
    if "embed" in offered:
        yield "embed", lambda: provider.embed(EmbeddingRequest(model="m", texts=(PROMPT,)), deadlines=allowed)
    if "speak" in offered:
        yield "speak", lambda: provider.speak(SpeechRequest(model="m", text=PROMPT, voice="alloy"), deadlines=allowed)
    if "upload_file" in offered:
        yield "upload", lambda: provider.upload_file(UploadRequest("a.txt", b"x" * 600_000, "text/plain"), deadlines=allowed)


async def ended_with_an_error(server, url, check):
    """Send every operation of every provider at once; call `check` with each error, and return which ended in one."""
    ended = {name: set() for name in registry.PROVIDERS}

    async def one(name, what, operation):
        try:
            await operation()
        except NukeAIPanelError as error:
            check(error, f"{name}, {what}: {type(error).__name__}")
            ended[name].add(what)

    providers = [registry.create(name, replace(server, base_url=url)) for name in registry.PROVIDERS]
    try:
        await asyncio.gather(*(one(each.name, what, run) for each in providers for what, run in operations(each)))
    finally:
        for provider in providers:
            await provider.aclose()
    return ended


def searched(*secrets, shown_of=common.everything_of):
    def check(error, where):
        common.assert_free(shown_of(error), *secrets, where=where)
        common.assert_free(f"{error} {error!r} {error.args}", PROMPT, where=where)

    return check


@pytest.mark.parametrize("repeats", [False, True], ids=["silent", "repeating"])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_shows_the_key(fault, repeats, repeating, elsewhere, logs, capfd):
    repeating.fault, repeating.other = fault, elsewhere.url
    # A server that sends the key back puts it into the variables that hold its answer; there the words alone are searched.
    shown_of = common.words_of if repeats else common.everything_of
    repeating.word = KEY if repeats else "nothing"

    async def main():
        server = Server("", key=KEY, deadlines=deadlines_for(fault))
        for name, ended in (await ended_with_an_error(server, repeating.url, searched(KEY, shown_of=shown_of))).items():
            assert "stream" in ended, f"{name} took {fault} for an answer"

    asyncio.run(main(), debug=True)
    assert any(KEY in request for request in repeating.requests), "the key was never sent, so nothing was proved"
    assert elsewhere.requests == []
    out, err = capfd.readouterr()
    common.assert_free(logs() + out + err, KEY, PROMPT, where=f"a log at {fault}")


def test_the_search_finds_what_it_looks_for(logs):
    """The searches above are worth something only if they would find a key."""

    def leak(variable):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        leak(f"Bearer {KEY}")
    assert common.holds(common.everything_of(caught.value), KEY)
    import base64

    assert common.holds(base64.b64encode(f"user:{KEY}".encode()).decode(), KEY)
    logging.getLogger("aiohttp.client").debug("sent %r", {"Authorization": KEY})
    assert common.holds(logs(), KEY)


@pytest.mark.parametrize("address", ["refused", "no such name", "no tls", "not resolved"])
def test_no_failed_connection_shows_the_key(address, repeating, logs):
    import socket

    repeating.fault = "no http"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = {
            "refused": f"http://127.0.0.1:{closed.getsockname()[1]}",
            "no such name": "http://models.invalid",
            "no tls": repeating.url.replace("http:", "https:"),
            "not resolved": "https://models.invalid:8443/v1",
        }[address]

        async def main():
            server = Server("", key=KEY, deadlines=USUAL)
            for ended in (await ended_with_an_error(server, url, searched(KEY))).values():
                assert {"stream", "models"} <= ended

        asyncio.run(main(), debug=True)
    common.assert_free(logs(), KEY, PROMPT, where="a log")


@pytest.mark.parametrize("through_a_proxy", [False, True])
def test_cancelled_request_shows_no_key(through_a_proxy, repeating, monkeypatch):
    """A cancellation comes through every frame of a request, those that hold its headers too."""
    repeating.fault = "stall"
    if through_a_proxy:
        monkeypatch.setenv("http_proxy", f"http://artist:{PASSWORD}@127.0.0.1:{repeating.port}")

    async def main():
        url = "http://models.invalid" if through_a_proxy else repeating.url
        provider = registry.create("openai", Server(url, key=KEY, deadlines=USUAL))
        asking = asyncio.ensure_future(
            provider._session.request("GET", "/models", None, headers={}, explain=AssertionError, deadlines=USUAL)
        )
        await asyncio.get_running_loop().run_in_executor(None, repeating.came.wait, 60)
        waiting, frames = asking.get_coro(), []
        while getattr(waiting, "cr_frame", None) is not None:
            frames.append(waiting.cr_frame)
            waiting = waiting.cr_await
        shown = [f"{frame.f_code.co_name}: {frame.f_locals!r}" for frame in frames]
        asking.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await asking
        await provider.aclose()
        return "\n".join(shown), common.everything_of(caught.value)

    waiting, cancelled = asyncio.run(main())
    for shown in (waiting, cancelled):
        assert "_attempt" in shown, "the frame with the headers was not looked at"
        common.assert_free(shown, KEY, PASSWORD, where="a cancelled request")


@pytest.mark.parametrize("proxy", ["closed", "refusing", "no address", "no port"])
def test_password_of_a_proxy_is_not_shown(proxy, repeating, logs, monkeypatch):
    repeating.fault = "407"
    place = {"closed": "127.0.0.1:1", "refusing": f"127.0.0.1:{repeating.port}", "no address": "[::1", "no port": "h:x9"}[proxy]
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, f"http://artist:{PASSWORD}@{place}")

    async def main():
        server = Server("", key=KEY, deadlines=USUAL)
        for url in ("http://models.invalid/v1", "https://models.invalid/v1"):
            for ended in (await ended_with_an_error(server, url, searched(KEY, PASSWORD))).values():
                assert {"stream", "models"} <= ended

    asyncio.run(main(), debug=True)
    common.assert_free(logs(), KEY, PASSWORD, PROMPT, where="a log")
    if proxy == "refusing":
        assert repeating.requests


@pytest.mark.parametrize("fault", ["401", "404", "page", "broken json", "stall", "reset", "cut"])
@pytest.mark.parametrize("place", ["{url}/{key}/v1", "{url}/v1?key={key}", "{url}/v1#{key}"])
def test_key_that_somebody_put_into_the_address_is_not_shown(fault, place, repeating, logs):
    repeating.fault, repeating.word = fault, "nothing"
    url = place.format(url=repeating.url, key=KEY)

    async def main():
        server = Server("", key="another", deadlines=deadlines_for(fault))
        assert KEY not in repr(replace(server, base_url=url))
        check = searched(KEY, shown_of=lambda error: f"{error} {error!r} {vars(error)}")
        for ended in (await ended_with_an_error(server, url, check)).values():
            assert "stream" in ended

    asyncio.run(main())
    common.assert_free(logs(), KEY, PROMPT, where="a log")


@pytest.mark.parametrize(
    "typed",
    [
        "http://artist:{key}@127.0.0.1/v1",
        "ftp://127.0.0.1/{key}",
        "http://[::1/{key}",
        "http://127.0.0.1:99999/{key}",
        "http:///v1?key={key}",
        "http://127.0.0.1/v1 ?key={key}",
        "http://127.0.0.1:0/{key}",
    ],
)
@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_refused_address_does_not_repeat_the_key_in_it(name, typed):
    try:
        registry.create(name, Server(typed.format(key=KEY)))
    except NukeAIPanelError as error:
        common.assert_free(f"{error} {error!r} {vars(error)}", KEY, where=typed)


def test_key_that_cannot_be_one_is_not_repeated():
    for name in registry.PROVIDERS:
        with pytest.raises(NukeAIPanelError) as caught:
            registry.create(name, Server("http://127.0.0.1:1", key=f"{KEY} with a blank"))
        common.assert_free(common.everything_of(caught.value), KEY, where=name)


@pytest.mark.parametrize("fault", ["401", "429", "500", "page", "stall", "cut"])
def test_public_face_shows_no_key(fault, repeating, logs):
    repeating.fault, repeating.word = fault, "nothing"
    calls = {
        "create": lambda **more: nuke_ai_panel.ChatCompletion.create("openai/m", [{"role": "user", "content": PROMPT}], **more),
        "wrong": lambda **more: nuke_ai_panel.ChatCompletion.create("openai/m", [{"role": "nobody", "content": ""}], **more),
        "unknown": lambda **more: nuke_ai_panel.ChatCompletion.create("openai/m", [], temprature=1, **more),
    }
    for what, call in calls.items():
        with pytest.raises((NukeAIPanelError, TypeError)) as caught:
            call(
                api_key=KEY,
                base_url=repeating.url + "/v1",
                timeout=0.5,
                first_byte_timeout=0.3,
                chunk_timeout=0.3,
                max_retries=0,
            )
        shown = common.everything_of(_without_the_test(caught.value))
        common.assert_free(shown, KEY, where=what)
    common.assert_free(logs(), KEY, PROMPT, where="a log")


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": [KEY]},
        {"api_key": KEY.encode()},
        {"apikey": KEY},
        {"api-key": KEY},
        {"token": KEY},
        {"extra_headers": {"Authorization": f"Bearer {KEY}"}},
        {"base_url": f"http://user:{KEY}@127.0.0.1:1/v1"},
        {"base_url": f"user:{KEY}@127.0.0.1:1/v1"},
    ],
    ids=["in a list", "bytes", "misspelled", "with a dash", "token", "header", "login", "login without a scheme"],
)
@pytest.mark.parametrize("call", ["chat", "text", "embedding", "files"])
def test_a_key_given_in_a_wrong_way_is_not_shown(given, call, logs):
    calls = {
        "chat": lambda: nuke_ai_panel.ChatCompletion.create("openai/m", [{"role": "user", "content": "x"}], **given),
        "text": lambda: nuke_ai_panel.Completion.create("openai/m", "x", **given),
        "embedding": lambda: nuke_ai_panel.Embedding.create("openai/m", "x", **given),
        "files": lambda: nuke_ai_panel.File.list(provider="openai", **given),
    }
    with pytest.raises(nuke_ai_panel.ValidationError) as caught:
        calls[call]()
    common.assert_free(common.everything_of(_without_the_test(caught.value)), KEY, where=call)
    common.assert_free(logs(), KEY, where="a log")


def _without_the_test(error):
    """The caller's own frames hold the key, because the caller has it; what is below is ours."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return error.with_traceback(trace)

"""The download of a model: progress over several layers, cancelling, resuming, and every way it can fail."""

from __future__ import annotations

import asyncio
import json

import pytest

from nuke_ai_panel.errors import (
    ConnectionFailedError,
    ModelNotFoundError,
    ProtocolError,
    ServerError,
    StreamInterruptedError,
    StreamStalledError,
    ValidationError,
)
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.ollama_provider import OllamaProvider

PULL = "POST /api/pull"


def line(status="", **more):
    return json.dumps({"status": status, **more} if status else more).encode() + b"\n"


def layer(digest, total, completed=None):
    counts = {"total": total} if completed is None else {"total": total, "completed": completed}
    return line(f"pulling {digest}", digest=f"sha256:{digest}", **counts)


WHOLE = (
    line("pulling manifest"),
    layer("aa", 900),
    layer("aa", 900, 450),
    layer("aa", 900, 900),
    layer("bb", 100),
    layer("bb", 100, 50),
    line("verifying sha256 digest"),
    line("writing manifest"),
    line("success"),
)


async def pull(server, usual=None, **more):
    """Return what a download yields."""
    provider = OllamaProvider(Server(server.url, deadlines=usual or Deadlines()))
    try:
        return [progress async for progress in provider.pull("tiny", **more)]
    finally:
        await provider.aclose()


async def test_progress_adds_up_the_layers(scripted, reply):
    async with scripted({PULL: reply(WHOLE, content_type="application/x-ndjson")}) as server:
        steps = await pull(server)
    assert server.received[0].body == {"model": "tiny", "stream": True}
    assert [(step.completed, step.total) for step in steps] == [
        (0, 0),
        (0, 900),
        (450, 900),
        (900, 900),
        (900, 1000),
        (950, 1000),
        (950, 1000),
        (950, 1000),
        (1000, 1000),
    ]
    assert [step.percent for step in steps] == [None, 0, 50, 100, 90, 95, 95, 95, 100]
    assert (steps[2].status, steps[2].digest) == ("pulling aa", "sha256:aa")
    assert steps[-1].status == "success"


async def test_progress_is_the_same_at_every_split(scripted, reply):
    body = b"".join(WHOLE)
    async with scripted({PULL: reply((body,))}) as server:
        whole = await pull(server)
    splits = range(1, len(body), 17)
    async with scripted({PULL: [reply((body[:at], body[at:])) for at in splits]}) as server:
        for _ in splits:
            assert await pull(server) == whole


async def test_model_that_is_there_already_is_done_at_once(scripted, reply):
    async with scripted({PULL: reply((line("success"),))}) as server:
        (step,) = await pull(server)
    assert (step.status, step.percent) == ("success", 100)


async def test_lines_without_news_give_no_progress(scripted, reply):
    odd = (b"\n", line(other=1), layer("aa", 0), layer("aa", -5), layer("aa", 10, 99), layer("aa", 10, 99), b'{"status": 7}\n')
    async with scripted({PULL: reply((*odd, line("success")))}) as server:
        steps = await pull(server)
    assert [(step.completed, step.total) for step in steps] == [(0, 0), (10, 10), (10, 10)]


async def test_leaving_closes_the_connection_and_calling_again_goes_on(scripted, reply):
    # The server begins where it was: its first line has what had come.
    rest = (layer("aa", 900, 450), layer("aa", 900, 900), line("success"))
    async with scripted({PULL: [reply((*WHOLE[:3], scripted.FOREVER)), reply(rest)]}) as server:
        provider = OllamaProvider(Server(server.url))
        steps = provider.pull("tiny")
        async for step in steps:
            if step.completed == 450:
                break
        await steps.aclose()
        await asyncio.wait_for(server.gone.wait(), 10)
        assert [step.completed async for step in provider.pull("tiny")] == [450, 900, 900]
        await provider.aclose()


async def test_cancelling_the_task_closes_the_connection(scripted, reply):
    async with scripted({PULL: reply((*WHOLE[:3], scripted.FOREVER))}) as server:
        came = asyncio.Event()
        provider = OllamaProvider(Server(server.url))

        async def read():
            async for step in provider.pull("tiny"):
                if step.completed:
                    came.set()

        task = asyncio.ensure_future(read())
        await asyncio.wait_for(came.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.gone.wait(), 10)
        await provider.aclose()


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ("pull model manifest: file does not exist", ModelNotFoundError, "no model of this name"),
        ('pull model manifest: Get "https://x/v2/": dial tcp: lookup x: no such host', ServerError, "cannot reach"),
        ("max retries exceeded: EOF", ServerError, "cannot reach"),
        ("write /models/blobs: no space left on device", ServerError, "no space left"),
    ],
)
async def test_error_line_is_an_error_with_the_next_step(scripted, reply, said, error, words):
    async with scripted({PULL: reply((*WHOLE[:2], line(error=said)))}) as server:
        with pytest.raises(error, match=words) as caught:
            await pull(server)
    assert caught.value.provider == "ollama"
    assert caught.value.next_step


@pytest.mark.parametrize("ending", ["", "CUT", "ABORT", "half"])
async def test_download_that_breaks_off_says_that_it_can_go_on(scripted, reply, ending):
    last = {"": (), "half": (WHOLE[3][:20],)}.get(ending) if ending in ("", "half") else (getattr(scripted, ending),)
    async with scripted({PULL: reply((*WHOLE[:3], *last))}) as server:
        with pytest.raises(StreamInterruptedError) as caught:
            await pull(server)
    assert "goes on where it stopped" in caught.value.next_step


@pytest.mark.parametrize("alive", [False, True])
async def test_silence_and_repetition_are_a_stall(scripted, reply, alive):
    async def repeat(response):
        while True:
            await response.write(WHOLE[2])
            await asyncio.sleep(0.05)

    async with scripted({PULL: reply((*WHOLE[:3], repeat if alive else scripted.FOREVER))}) as server:
        with pytest.raises(StreamStalledError) as caught:
            await pull(server, deadlines=Deadlines(silence=0.4))
        await asyncio.wait_for(server.gone.wait(), 10)
    assert "goes on where it stopped" in caught.value.next_step


async def test_digest_of_a_large_file_may_take_longer_than_words(scripted, reply):
    checked = asyncio.Event()
    async with scripted({PULL: reply((*WHOLE[:7], checked, *WHOLE[7:]))}) as server:
        asyncio.get_running_loop().call_later(1.0, checked.set)
        assert (await pull(server, Deadlines(silence=0.3, total=0.5)))[-1].status == "success"


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"<html><title>Login</title>", ProtocolError), (b"{broken\n", ProtocolError), (b"", StreamInterruptedError)],
)
async def test_answer_that_is_no_download_is_an_error(scripted, reply, body, error):
    async with scripted({PULL: reply((body,) if body else ())}) as server:
        with pytest.raises(error):
            await pull(server)


async def test_nothing_is_asked_for_without_a_name_or_a_server(scripted, unused_port):
    async with scripted({}) as server:
        provider = OllamaProvider(Server(server.url))
        with pytest.raises(ValidationError):
            async for _ in provider.pull(""):
                pass
        await provider.aclose()
        assert server.received == []
    provider = OllamaProvider(Server(f"http://127.0.0.1:{unused_port}"))
    with pytest.raises(ConnectionFailedError):
        async for _ in provider.pull("tiny"):
            pass
    await provider.aclose()

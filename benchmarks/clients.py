"""One client of a model server under one load, in a process of its own: what ``client_core`` compares.

    python -m benchmarks.clients CLIENT LOAD '{"url": "http://127.0.0.1:1234", "model": "c2000-w1-d0", "count": 3}'

It prints one JSON object. Every client is used the way its own documents show, with one client object for all requests where it
has such a thing.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

PROMPT = [{"role": "user", "content": "How do I blur an edge in Nuke?"}]
KEY = "sk-benchmark"


class Client:
    """A way to ask. ``words`` yields the texts of a streamed answer, ``short`` returns a whole one."""

    wire = "openai"
    is_async = True

    def __init__(self, url: str, model: str) -> None:
        self.url = url
        self.model = model

    def body(self, stream: bool) -> dict[str, object]:
        return {"model": self.model, "messages": PROMPT, "stream": stream}


class Aiohttp(Client):
    """The least one can do: read lines, parse them, take the text out; no deadlines, no checks."""

    fresh = False

    async def session(self) -> Any:
        import aiohttp

        if self.fresh or not hasattr(self, "_session"):
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._session

    @property
    def path(self) -> str:
        return self.url + ("/api/chat" if self.wire == "ollama" else "/v1/chat/completions")

    async def words(self) -> AsyncIterator[str]:
        session = await self.session()
        async with session.post(self.path, json=self.body(True)) as answer:
            async for line in answer.content:
                if self.wire == "ollama":
                    yield json.loads(line)["message"]["content"]
                elif line.startswith(b"data: ") and not line.startswith(b"data: [DONE]"):
                    for choice in json.loads(line[6:])["choices"]:
                        yield choice["delta"].get("content") or ""

    async def short(self) -> str:
        session = await self.session()
        async with session.post(self.path, json=self.body(False)) as answer:
            value = await answer.json()
        if self.fresh:
            await session.close()
        return str(value["message"]["content"] if self.wire == "ollama" else value["choices"][0]["message"]["content"])

    async def close(self) -> None:
        await self._session.close()


class AiohttpOllama(Aiohttp):
    wire = "ollama"


class AiohttpFresh(Aiohttp):
    """A session of its own for each request, as code without a pool has it."""

    fresh = True


class Ours(Client):
    """The public face."""

    prefix = "openai"

    @property
    def arguments(self) -> dict[str, Any]:
        suffix = "" if self.prefix == "ollama" else "/v1"
        return {"model": f"{self.prefix}/{self.model}", "messages": PROMPT, "base_url": self.url + suffix, "api_key": KEY}

    async def words(self) -> AsyncIterator[str]:
        from nuke_ai_panel import ChatCompletion

        async for chunk in await ChatCompletion.acreate(**self.arguments, stream=True):
            for choice in chunk.choices:
                yield choice.delta.content or ""

    async def short(self) -> str:
        from nuke_ai_panel import ChatCompletion

        return str((await ChatCompletion.acreate(**self.arguments)).choices[0].message.content)

    async def batch(self, count: int, together: int) -> None:
        from nuke_ai_panel import acompletions

        records = await acompletions([self.arguments] * count, concurrency=together)
        assert len(records) == count


class OursFresh(Ours):
    """The public face without its pool: every connection is closed after its request."""

    async def short(self) -> str:
        from nuke_ai_panel.api.servers import pool_of_this_loop

        text = await super().short()
        await pool_of_this_loop().aclose()
        return text


class OursOllama(Ours):
    wire = prefix = "ollama"


class OursSync(Ours):
    is_async = False

    def words(self) -> Iterator[str]:  # type: ignore[override]
        from nuke_ai_panel import ChatCompletion

        for chunk in ChatCompletion.create(**self.arguments, stream=True):
            for choice in chunk.choices:
                yield choice.delta.content or ""

    def short(self) -> str:  # type: ignore[override]
        from nuke_ai_panel import ChatCompletion

        return str(ChatCompletion.create(**self.arguments).choices[0].message.content)


class OursOllamaSync(OursSync):
    wire = prefix = "ollama"


class OursEvents(Client):
    """The provider by itself, as the panel uses it."""

    name = "openai"

    def provider(self) -> Any:
        from nuke_ai_panel.providers import registry
        from nuke_ai_panel.providers.base import Server

        if not hasattr(self, "_provider"):
            suffix = "" if self.wire == "ollama" else "/v1"
            self._provider = registry.create(self.name, Server(self.url + suffix, KEY, connections=256))
        return self._provider

    async def words(self) -> AsyncIterator[str]:
        from nuke_ai_panel.messages import ChatRequest, Message, TextDelta

        request = ChatRequest(self.model, tuple(Message("user", each["content"]) for each in PROMPT))
        async for event in self.provider().stream(request):
            if isinstance(event, TextDelta):
                yield event.text

    async def close(self) -> None:
        await self._provider.aclose()


class OursEventsOllama(OursEvents):
    wire = name = "ollama"


class OllamaPython(Client):
    wire = "ollama"

    def client(self) -> Any:
        import ollama

        if not hasattr(self, "_client"):
            self._client = (ollama.AsyncClient if self.is_async else ollama.Client)(host=self.url)
        return self._client

    async def words(self) -> AsyncIterator[str]:
        async for part in await self.client().chat(model=self.model, messages=PROMPT, stream=True):
            yield part.message.content

    async def short(self) -> str:
        return str((await self.client().chat(model=self.model, messages=PROMPT)).message.content)


class OllamaPythonSync(OllamaPython):
    is_async = False

    def words(self) -> Iterator[str]:  # type: ignore[override]
        for part in self.client().chat(model=self.model, messages=PROMPT, stream=True):
            yield part.message.content

    def short(self) -> str:  # type: ignore[override]
        return str(self.client().chat(model=self.model, messages=PROMPT).message.content)


class Openai(Client):
    def client(self) -> Any:
        import openai

        if not hasattr(self, "_client"):
            made = openai.AsyncOpenAI if self.is_async else openai.OpenAI
            self._client = made(base_url=self.url + "/v1", api_key=KEY)
        return self._client

    async def words(self) -> AsyncIterator[str]:
        async for chunk in await self.client().chat.completions.create(model=self.model, messages=PROMPT, stream=True):
            for choice in chunk.choices:
                yield choice.delta.content or ""

    async def short(self) -> str:
        answer = await self.client().chat.completions.create(model=self.model, messages=PROMPT)
        return str(answer.choices[0].message.content)


class OpenaiSync(Openai):
    is_async = False

    def words(self) -> Iterator[str]:  # type: ignore[override]
        for chunk in self.client().chat.completions.create(model=self.model, messages=PROMPT, stream=True):
            for choice in chunk.choices:
                yield choice.delta.content or ""

    def short(self) -> str:  # type: ignore[override]
        return str(self.client().chat.completions.create(model=self.model, messages=PROMPT).choices[0].message.content)


class Litellm(Client):
    @property
    def arguments(self) -> dict[str, Any]:
        return {"model": f"openai/{self.model}", "messages": PROMPT, "api_base": self.url + "/v1", "api_key": KEY}

    async def words(self) -> AsyncIterator[str]:
        import litellm

        async for chunk in await litellm.acompletion(**self.arguments, stream=True):
            for choice in chunk.choices:
                yield choice.delta.content or ""

    async def short(self) -> str:
        import litellm

        return str((await litellm.acompletion(**self.arguments)).choices[0].message.content)


class LitellmSync(Litellm):
    is_async = False

    def words(self) -> Iterator[str]:  # type: ignore[override]
        import litellm

        for chunk in litellm.completion(**self.arguments, stream=True):
            for choice in chunk.choices:
                yield choice.delta.content or ""

    def short(self) -> str:  # type: ignore[override]
        import litellm

        return str(litellm.completion(**self.arguments).choices[0].message.content)


class Onellm(Client):
    def __init__(self, url: str, model: str) -> None:
        super().__init__(url, model)
        from onellm.config import update_provider_config

        update_provider_config("openai", api_base=url + "/v1", api_key=KEY)

    @property
    def arguments(self) -> dict[str, Any]:
        return {"model": f"openai/{self.model}", "messages": PROMPT}

    async def words(self) -> AsyncIterator[str]:
        from onellm import ChatCompletion

        answer: Any = await ChatCompletion.acreate(**self.arguments, stream=True)
        async for chunk in answer:
            for choice in chunk.choices:
                yield choice.delta.content or ""

    async def short(self) -> str:
        from onellm import ChatCompletion

        answer: Any = await ChatCompletion.acreate(**self.arguments)
        return str(answer.choices[0].message["content"])


class OnellmSync(Onellm):
    is_async = False

    def short(self) -> str:  # type: ignore[override]
        from onellm import ChatCompletion

        answer: Any = ChatCompletion.create(**self.arguments)
        return str(answer.choices[0].message["content"])


class Symbolicai(Client):
    """The engine layer of its OpenAI-compatible engine; there is no asynchronous one."""

    is_async = False

    def request(self, stream: bool) -> Any:
        from symai.backend.engines.neurosymbolic.vllm.models import VLLMMessage, VLLMPayload
        from symai.backend.request import EngineAPIRequest

        messages = [VLLMMessage(role="user", content=each["content"]) for each in PROMPT]
        payload = VLLMPayload(model=self.model, messages=messages, stream=stream)
        return EngineAPIRequest("vllm", "chat", payload, url=self.url + "/v1/chat/completions", headers={})

    def words(self) -> Iterator[str]:
        from symai.backend.engines.neurosymbolic.vllm.stream import VLLMStreamAdapter
        from symai.backend.transport import execute_engine_api_stream_events

        adapter = VLLMStreamAdapter()
        for event in execute_engine_api_stream_events(self.request(True)):
            yield adapter.process_event(event).text

    def short(self) -> str:
        from symai.backend.engines.neurosymbolic.vllm.models import VLLMResponse
        from symai.backend.transport import execute_engine_api_request

        answer = VLLMResponse.model_validate(execute_engine_api_request(self.request(False)).json())
        return str(answer.choices[0].message.content)


CLIENTS: dict[str, type[Client]] = {
    "aiohttp": Aiohttp,
    "aiohttp ollama": AiohttpOllama,
    "aiohttp fresh": AiohttpFresh,
    "ours": Ours,
    "ours fresh": OursFresh,
    "ours ollama": OursOllama,
    "ours sync": OursSync,
    "ours ollama sync": OursOllamaSync,
    "ours events": OursEvents,
    "ours events ollama": OursEventsOllama,
    "ollama": OllamaPython,
    "ollama sync": OllamaPythonSync,
    "openai": Openai,
    "openai sync": OpenaiSync,
    "litellm": Litellm,
    "litellm sync": LitellmSync,
    "onellm": Onellm,
    "onellm sync": OnellmSync,
    "symbolicai sync": Symbolicai,
}


async def _first(client: Any) -> float:
    """Ask once; return the seconds from the call to the first word, and check that the answer is whole."""
    began = time.perf_counter()
    first = 0.0
    if client.is_async:
        async for word in client.words():
            if word and not first:
                first = time.perf_counter() - began
    else:
        for word in client.words():
            if word and not first:
                first = time.perf_counter() - began
    return first


async def _stream(client: Any) -> int:
    count = 0
    if client.is_async:
        async for word in client.words():
            count += bool(word)
    else:
        for word in client.words():
            count += bool(word)
    return count


async def _short(client: Any) -> None:
    answer = client.short()
    text = await answer if inspect.isawaitable(answer) else answer
    assert text, "an empty answer"


async def stream(client: Any, parameters: dict[str, Any]) -> dict[str, float]:
    """CPU and wall time of streamed answers."""
    await _stream(client)
    cpu, wall, chunks = time.process_time(), time.perf_counter(), 0
    for _ in range(parameters["count"]):
        chunks += await _stream(client)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_us": cpu / chunks * 1e6, "per_second": chunks / wall, "chunks": chunks}


async def first_token(client: Any, parameters: dict[str, Any]) -> dict[str, float]:
    """Time from the call to the first word."""
    for _ in range(5):
        await _first(client)
    return {"ms": statistics.median([await _first(client) for _ in range(parameters["count"])]) * 1000}


async def sequence(client: Any, parameters: dict[str, Any]) -> dict[str, float]:
    """Short requests one after another."""
    await _short(client)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(parameters["count"]):
        await _short(client)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"ms": wall / parameters["count"] * 1000, "cpu_ms": cpu / parameters["count"] * 1000}


async def at_once(client: Any, parameters: dict[str, Any]) -> dict[str, float]:
    """Many requests at the same time."""
    count, together = parameters["count"], parameters.get("together", 0)
    gate = asyncio.Semaphore(together or count)

    async def one() -> None:
        async with gate:
            await _short(client)

    await _short(client)
    cpu, wall = time.process_time(), time.perf_counter()
    batch: Callable[[int, int], Awaitable[None]] | None = getattr(client, "batch", None)
    if together and batch is not None:
        await batch(count, together)
    else:
        await asyncio.gather(*(one() for _ in range(count)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"s": wall, "cpu_ms": cpu / count * 1000}


LOADS = {"stream": stream, "first_token": first_token, "sequence": sequence, "at_once": at_once}


def ask_once(name: str, url: str) -> None:
    """Make the client and let it answer one short request."""
    client = CLIENTS[name](url, "c4-w4-d0")
    if client.is_async:
        asyncio.run(_short(client))
    else:
        assert client.short()


async def _run(client: Any, load: Callable[..., Awaitable[dict[str, float]]], parameters: dict[str, Any]) -> dict[str, float]:
    found = await load(client, parameters)
    close = getattr(client, "close", None)
    if close is not None:
        await close()
    return found


def main() -> None:
    name, load, source = sys.argv[1:]
    parameters = json.loads(source)
    client = CLIENTS[name](parameters["url"], parameters["model"])
    if client.is_async:
        found = asyncio.run(_run(client, LOADS[load], parameters))
    else:
        # No loop may run round a client that starts one of its own; nothing here waits, so one step is the whole way.
        steps = LOADS[load](client, parameters)
        try:
            steps.send(None)
            raise SystemExit("a synchronous client waited for a loop")
        except StopIteration as end:
            found = end.value
    print(json.dumps(found), flush=True)
    # Some clients leave threads or sockets that hold up the end.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

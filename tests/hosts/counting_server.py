"""A server of the Ollama protocol whose model counts: "count to 40" is answered by forty lines, 20 ms apart.

Writes its address and then, when its standard input is closed, one JSON line with what it has seen.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading

from aiohttp import web

SEEN = {"answers": 0, "finished": 0, "dropped": 0}
PAUSE = 0.02


async def version(request: web.Request) -> web.Response:
    return web.json_response({"version": "0.33.0"})


async def tags(request: web.Request) -> web.Response:
    details = {"format": "gguf", "family": "counter", "parameter_size": "1B", "quantization_level": "Q4_0"}
    model = {"name": "counter:1b", "model": "counter:1b", "modified_at": "2026-01-01T00:00:00Z", "size": 1, "digest": "0" * 64}
    return web.json_response({"models": [{**model, "details": details}]})


async def show(request: web.Request) -> web.Response:
    return web.json_response({"details": {}, "model_info": {}, "capabilities": ["completion"]})


async def chat(request: web.Request) -> web.StreamResponse:
    SEEN["answers"] += 1
    prompts = [message["content"] for message in (await request.json())["messages"] if message["role"] == "user"]
    count = int(re.findall(r"count to (\d+)", prompts[-1])[-1])
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)

    async def send(text: str, **more: object) -> None:
        line = {"model": "counter:1b", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}}
        await response.write(json.dumps({**line, "done": False, **more}).encode() + b"\n")

    try:
        for number in range(1, count + 1):
            await send(f"number {number}.  \n")
            await asyncio.sleep(PAUSE)
        await send("", done=True, done_reason="stop", prompt_eval_count=5, eval_count=count, total_duration=1, eval_duration=1)
        await response.write_eof()
    except (ConnectionResetError, asyncio.CancelledError):
        SEEN["dropped"] += 1
        raise
    SEEN["finished"] += 1
    return response


async def main() -> None:
    app = web.Application()
    app.add_routes([web.get("/api/version", version), web.get("/api/tags", tags)])
    app.add_routes([web.post("/api/show", show), web.post("/api/chat", chat)])
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", flush=True)
    loop, parent_gone = asyncio.get_running_loop(), asyncio.Event()

    def watch_parent() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(parent_gone.set)

    threading.Thread(target=watch_parent, daemon=True).start()
    await parent_gone.wait()
    print(json.dumps(SEEN), flush=True)
    await runner.cleanup()


asyncio.run(main())

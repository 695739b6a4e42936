"""A model-server stand-in in its own process: plain and encrypted loopback ports, streams whose timing the query decides.

Writes one JSON line with its addresses and ends when its standard input is closed.
"""

from __future__ import annotations

import asyncio
import json
import pathlib
import ssl
import sys
import threading
import time

import trustme
from aiohttp import web

SEEN = {"dropped": 0}


async def echo(request: web.Request) -> web.Response:
    peer = request.transport.get_extra_info("peername")
    return web.json_response({"peer": list(peer), "dropped": SEEN["dropped"]})


async def drip(request: web.Request) -> web.StreamResponse:
    """Send ``n`` lines, ``gap`` seconds apart, each with its number and the time of sending; then end, or fall silent."""
    count, gap = int(request.query.get("n", 5)), float(request.query.get("gap", 0.1))
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        for number in range(count):
            await response.write(b"%d %.6f\n" % (number, time.monotonic()))
            await asyncio.sleep(gap)
        if "silent" in request.query:
            await asyncio.sleep(3600)
        await response.write_eof()
    except (ConnectionResetError, asyncio.CancelledError):
        SEEN["dropped"] += 1
        raise
    return response


async def hang(request: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    return web.Response()


async def big(request: web.Request) -> web.Response:
    return web.Response(body=b"x" * 5_000_000)


async def main(folder: pathlib.Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    app = web.Application()
    app.add_routes([web.get("/echo", echo), web.get("/drip", drip), web.get("/hang", hang), web.get("/big", big)])
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    ports = []
    for encryption in (None, context):
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=encryption)
        await site.start()
        ports.append(site._server.sockets[0].getsockname()[1])
    addresses = {"plain": f"http://127.0.0.1:{ports[0]}", "named": f"http://localhost:{ports[0]}"}
    addresses.update(secure=f"https://localhost:{ports[1]}", ca=str(folder / "ca.pem"))
    print(json.dumps(addresses), flush=True)
    loop, parent_gone = asyncio.get_running_loop(), asyncio.Event()

    def watch_parent() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(parent_gone.set)

    threading.Thread(target=watch_parent, daemon=True).start()
    await parent_gone.wait()
    await runner.cleanup()


asyncio.run(main(pathlib.Path(sys.argv[1])))

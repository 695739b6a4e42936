"""Make calls against faulty servers in a process of its own, and print by how much each made it grow at most.

Arguments: the provider, then for each call ``MODE=CALL=URL``. One line of JSON: mode to megabytes, and to what the call said.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

from nuke_ai_panel.errors import APIError
from nuke_ai_panel.messages import ChatRequest, Message
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.registry import create

ASK = ChatRequest("tiny", (Message("user", "Hello"),))
DEADLINES = Deadlines(connect=20, first_byte=60, call=60, silence=2, retries=0)


def memory(field):
    with open("/proc/self/status") as status:
        return int(re.search(rf"{field}:\s+(\d+) kB", status.read())[1]) / 1024


def forget_peak():
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")


async def call(name, kind, url):
    provider = create(name, Server(url, "a-key", deadlines=DEADLINES))
    try:
        if kind == "list":
            await provider.list_models()
        else:
            async for _ in provider.stream(ASK):
                pass
    except APIError as error:
        return f"{type(error).__name__}/{error.kind}"
    finally:
        await provider.aclose()
    return ""


async def main():
    name, *jobs = sys.argv[1:]
    found = {}
    for mode, kind, url in (job.split("=", 2) for job in jobs):
        before = memory("VmRSS")
        forget_peak()
        said = await call(name, kind, url)
        found[f"{kind} {mode}"] = (round(memory("VmHWM") - before, 1), said)
    print(json.dumps(found))


asyncio.run(main())

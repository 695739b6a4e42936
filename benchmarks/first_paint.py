"""Print the time from the first byte of an answer on the wire to its first text on the screen.

A server in another process answers as Ollama does; the text it sends is the moment of sending, on a clock both processes share.
Ours is the whole path: provider, event loop attached to Qt, transcript with a stored conversation. Beside it, the least one
could do: raw aiohttp and a QPlainTextEdit, on the same loop.

    python benchmarks/first_paint.py [--rounds 40] [--messages 2000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stall_probe import percentile

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import aiohttp
from sample_text import conversation

from nuke_ai_panel.messages import ChatRequest, Message, TextDelta
from nuke_ai_panel.providers import registry
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel_ui import host_loop
from nuke_ai_panel_ui.qt import BINDING, QtCore, QtGui, QtWidgets, exec_app
from nuke_ai_panel_ui.theme import nuke_palette
from nuke_ai_panel_ui.transcript.view import TranscriptView

MODEL = "clock"
PAUSE = 0.05


async def serve() -> None:
    """Answer every request with one line that carries the time, and print the port."""

    def chunk(value: dict[str, object]) -> bytes:
        line = json.dumps(value).encode() + b"\n"
        return b"%x\r\n%s\r\n" % (len(line), line)

    async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = next((line[15:] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
                await reader.readexactly(int(length))
                await asyncio.sleep(PAUSE)
                begin = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
                now = f"{time.perf_counter():.6f}"
                writer.write(begin + chunk({"model": MODEL, "message": {"role": "assistant", "content": now}, "done": False}))
                await writer.drain()
                await asyncio.sleep(PAUSE)
                end = {"model": MODEL, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
                writer.write(chunk(end) + b"0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(on_client, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


class TimedTranscript(TranscriptView):
    """Tell when the newest message's text has been painted."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: asyncio.Future[float] | None = None
        self.number = -1

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        if self.painted is None or self.painted.done():
            return
        if any(item.row.message.number == self.number and item.row.document is not None for item in self.seen_rows()):
            self.painted.set_result(time.perf_counter())


class TimedPlainText(QtWidgets.QPlainTextEdit):
    """Tell when text that was just inserted has been painted."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: asyncio.Future[float] | None = None
        self.has_new_text = False

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        if self.has_new_text and self.painted is not None and not self.painted.done():
            self.painted.set_result(time.perf_counter())


async def ours(view: TimedTranscript, url: str) -> Callable[[], Awaitable[float]]:
    provider = registry.create("ollama", Server(url))
    host_loop.attach().add_closer(provider.aclose)

    async def round_() -> float:
        view.painted = asyncio.get_running_loop().create_future()
        view.number = view.begin_answer("clock")
        text = ""
        async for event in provider.stream(ChatRequest(MODEL, (Message("user", "What time is it?"),))):
            if isinstance(event, TextDelta):
                text += event.text
                view.feed(event.text)
        view.end_answer()
        return await asyncio.wait_for(view.painted, 10) - float(text)

    return round_


async def plainest(view: TimedPlainText, url: str) -> Callable[[], Awaitable[float]]:
    session = aiohttp.ClientSession()
    host_loop.attach().add_closer(session.close)

    async def round_() -> float:
        view.painted = asyncio.get_running_loop().create_future()
        view.has_new_text = False
        text = ""
        async with session.post(f"{url}/api/chat", json={"model": MODEL, "messages": [], "stream": True}) as response:
            async for line in response.content:
                content = json.loads(line)["message"]["content"]
                if content:
                    text += content
                    view.moveCursor(QtGui.QTextCursor.MoveOperation.End)
                    view.insertPlainText(content + "\n")
                    view.has_new_text = True
        return await asyncio.wait_for(view.painted, 10) - float(text)

    return round_


def line(name: str, seconds: list[float]) -> str:
    first, rest = seconds[0] * 1000, [value * 1000 for value in seconds[1:]]
    figures = (first, percentile(rest, 50), percentile(rest, 99), max(rest, default=0.0))
    return f"{name:48s}" + "".join(f"{value:9.2f}" for value in figures)


async def compare(app: QtWidgets.QApplication, url: str, options: argparse.Namespace) -> None:
    try:
        transcript, plain = TimedTranscript(), TimedPlainText()
        for widget in (transcript, plain):
            widget.resize(420, 900)
            widget.show()
        transcript.set_messages(conversation(options.messages))
        await asyncio.sleep(1.0)
        rounds = {"ours": await ours(transcript, url), "plain": await plainest(plain, url)}
        results: dict[str, list[float]] = {name: [] for name in rounds}
        for _ in range(options.rounds):
            for name, round_ in rounds.items():
                results[name].append(await round_())
        print(f"{'first byte on the wire to first text painted, ms':48s}{'first':>9s}{'median':>9s}{'p99':>9s}{'max':>9s}")
        print(line(f"provider and transcript, {options.messages:,} messages", results["ours"]))
        print(line("raw aiohttp and QPlainTextEdit", results["plain"]))
    finally:
        app.quit()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--messages", type=int, default=2000, help="stored messages above the answer")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        app = QtWidgets.QApplication(sys.argv[:1])
        app.setStyle("Fusion")
        app.setPalette(nuke_palette())
        print(f"{BINDING} {QtCore.qVersion()}, {app.platformName()}, Python {sys.version.split()[0]}")
        print(f"{options.rounds} answers each")
        url = f"http://127.0.0.1:{port}"
        QtCore.QTimer.singleShot(0, lambda: host_loop.spawn(compare(app, url, options)))
        exec_app(app)
    finally:
        server.communicate(timeout=10)


if __name__ == "__main__":
    main()

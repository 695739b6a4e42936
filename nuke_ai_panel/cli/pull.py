"""``pull``: have an Ollama server download a model, and show how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import AsyncGenerator

from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.screen import Screen
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.ollama_models import PullProgress
from nuke_ai_panel.providers.ollama_provider import OllamaProvider
from nuke_ai_panel.settings import SettingsStore

__all__ = ["in_words", "pull"]

_ON_A_TERMINAL = 0.1
_ELSEWHERE = 5.0
_UNITS = ("B", "kB", "MB", "GB", "TB")


def pull(arguments: Namespace) -> int:
    """Download one model and return the exit code; what has come stays on the server, so a later run goes on."""
    screen = Screen(as_json=arguments.json)
    server = _server(arguments.base_url)
    began = time.monotonic()
    try:
        last = asyncio.run(_follow(server, arguments.name))
    except KeyboardInterrupt:
        screen.note("Stopped. What has come is kept on the server; the same command goes on there.")
        return ExitCode.INTERRUPTED
    screen.write(f"{arguments.name} is ready ({_size(last.total)}).\n" if last.total else f"{arguments.name} is ready.\n")
    screen.result(
        {
            "model": arguments.name,
            "status": last.status,
            "completed": last.completed,
            "total": last.total,
            "percent": last.percent,
            "seconds": round(time.monotonic() - began, 3),
        }
    )
    return ExitCode.OK


def _server(typed: str) -> Server:
    store = SettingsStore()
    settings = store.load()
    name = OllamaProvider.name
    key = f"servers.{name}.base_url"
    if typed and key in store.locked_keys:
        raise ValidationError(f"--base-url cannot be used: your studio has set {key!r}.")
    return Server(settings.address(name, typed), Credentials().read(name).value, settings.server(name).ca_file)


async def _follow(server: Server, name: str) -> PullProgress:
    provider = OllamaProvider(server)
    line = _Line()
    last = PullProgress("")
    steps: AsyncGenerator[PullProgress, None] = provider.pull(name)
    try:
        async for last in steps:
            line.show(last)
    finally:
        await steps.aclose()
        await provider.aclose()
        line.end(last)
    return last


class _Line:
    """Progress on standard error: one line that changes on a terminal, now and then a new one elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._every = _ON_A_TERMINAL if self._is_terminal else _ELSEWHERE
        self._last = 0.0
        self._status = ""
        self._words = ""
        self._width = 0

    def show(self, progress: PullProgress) -> None:
        """Show `progress`: a new step at once, more of the same one only when some time has passed."""
        now = time.monotonic()
        if progress.status != self._status or now - self._last >= self._every:
            self._status, self._last = progress.status, now
            self._print(in_words(progress))

    def end(self, progress: PullProgress) -> None:
        """Show `progress` as the last one."""
        words = in_words(progress)
        if words and words != self._words:
            self._print(words)
        if self._is_terminal and self._width:
            self._print("", end="\n")

    def _print(self, words: str, end: str = "") -> None:
        self._words = words
        # A download does not end because nobody reads how far it is.
        with contextlib.suppress(OSError):
            if not self._is_terminal:
                print(words, file=sys.stderr, flush=True)
            elif end:
                print(file=sys.stderr, flush=True)
            else:
                words = words[: shutil.get_terminal_size().columns - 1]
                print(f"\r{words:<{self._width}}", end="", file=sys.stderr, flush=True)
                self._width = len(words)


def in_words(progress: PullProgress) -> str:
    """Return `progress` as one line, e.g. ``"pulling dde5aa3fc5ff: 1.2 GB of 5.2 GB, 23.1 %"``."""
    if progress.percent is None or not progress.total:
        return progress.status
    return f"{progress.status}: {_size(progress.completed)} of {_size(progress.total)}, {progress.percent:.1f} %"


def _size(count: int) -> str:
    """Return `count` bytes in words, in the units that Ollama's own command shows (1 kB is 1000 bytes)."""
    value = float(count)
    for unit in _UNITS[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit in ("B", "kB") else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_UNITS[-1]}"

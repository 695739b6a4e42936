"""How far a batch has come, on standard error: one line that changes on a terminal, now and then a new one elsewhere."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time

from nuke_ai_panel.batch.records import BatchProgress

__all__ = ["ProgressLine", "in_words"]

_ON_A_TERMINAL = 0.1
_ELSEWHERE = 5.0


class ProgressLine:
    """Shows a :class:`BatchProgress` as often as it is worth looking at. `before` requests were finished by earlier runs."""

    def __init__(self, *, before: int = 0) -> None:
        self._before = before
        self._is_terminal = sys.stderr.isatty()
        self._every = _ON_A_TERMINAL if self._is_terminal else _ELSEWHERE
        self._last = time.monotonic()
        self._shown = ""

    def show(self, state: BatchProgress) -> None:
        """Show `state`, unless another was shown a moment ago."""
        now = time.monotonic()
        if now - self._last >= self._every:
            self._last = now
            self._print(in_words(state, before=self._before))

    def end(self, state: BatchProgress) -> None:
        """Show `state` as the last one."""
        self._print(in_words(state, before=self._before))
        if self._is_terminal:
            with contextlib.suppress(OSError):
                print(file=sys.stderr, flush=True)

    def _print(self, line: str) -> None:
        # A batch does not end because nobody reads how far it is.
        with contextlib.suppress(OSError):
            if self._is_terminal:
                line = line[: shutil.get_terminal_size().columns - 1]
                print(f"\r{line:<{len(self._shown)}}", end="", file=sys.stderr, flush=True)
                self._shown = line
            else:
                print(line, file=sys.stderr, flush=True)


def in_words(state: BatchProgress, *, before: int = 0) -> str:
    """Return `state` as one line; `before` requests were finished earlier."""
    total = "?" if state.total is None else state.total + before
    parts = [f"{state.done + before}/{total}", f"{state.ok} ok", f"{state.failed} failed", f"{state.rate:.1f}/s"]
    if before:
        parts[0] += f" ({before} before)"
    tokens = state.prompt_tokens + state.completion_tokens
    if tokens:
        parts.append(f"{tokens} tokens")
    if state.cost is not None:
        parts.append(f"${state.cost:.4f}")
    remaining = state.remaining
    if remaining:
        parts.append(f"ETA {_clock(remaining)}")
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"

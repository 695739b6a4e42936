"""Print the table of faults as a page. ``python -m tests.faults.fault_page`` writes docs/faults.md and the README's summary."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.faults.fault_table import CHAT, CONNECTING, GROUPS, LIST, Answer, Cell, Failure, Outcome

__all__ = ["PAGE", "README", "page", "readme_with", "summary"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "faults.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- faults: written by tests/faults/fault_page.py -->\n", "<!-- faults: end -->\n"

_HEAD = """# What happens when the network misbehaves

Every row is played by a server that does it for real (`tests/faults/fault_server.py`), against each of the three providers. The
tests hold that the call ends within its deadline, with exactly this error or with the right answer where the oddity is legal;
that the text so far is kept in `partial_text`; that the error names the provider and holds no key, no prompt and no object of
the HTTP library; that the request was sent as often as the row says; and that no task, no connection and no thread is left
behind. Whatever is sent, a call takes 64 MiB of memory at most. Run them with

    make test ARGS=tests/faults

This page is printed from the table that the tests read: `python -m tests.faults.fault_page`.

Deadlines are fields of `Deadlines`: *connect* (name, connection, TLS), *first_byte*, *silence* (two clocks: no byte; no event,
whatever bytes come), *call* (a short call), *total* (a whole chat call), *retry_after* (the longest wait a server may ask for).
"""

_DEADLINE_OF = {
    "connect_timeout": "connect",
    "first_byte_timeout": "first_byte",
    "stalled": "silence",
    "timeout": "call",
    "total_timeout": "total",
}


def _ending(outcome: Outcome) -> str:
    if isinstance(outcome, Answer):
        words = "the right answer"
    else:
        words = f"`{outcome.error}` ({outcome.kind})"
        deadline = _DEADLINE_OF.get(outcome.kind)
        words += f", after *{deadline}*" if deadline else ""
        words += ", text kept" if outcome.text else ""
    return words


def _sent(cell: Cell, outcome: Outcome) -> str:
    extra = outcome.requests - cell.calls
    return f"; sent {outcome.requests - cell.calls + 1} times" if extra > 0 else ""


def _row(cell: Cell) -> str:
    if isinstance(cell.outcome, (Answer, Failure)):
        ends = _ending(cell.outcome) + _sent(cell, cell.outcome)
    else:
        titles = {"ollama": "Ollama", "openai": "OpenAI's protocol"}
        different = {wire: _ending(outcome) + _sent(cell, outcome) for wire, outcome in cell.outcome.items()}
        if len(different) == 1 or len(set(different.values())) > 1:
            ends = "; ".join(f"{titles[wire]}: {words}" for wire, words in different.items())
        else:
            ends = next(iter(different.values()))
    return f"| {cell.what} | {ends} |"


def _section(title: str, cells: list[Cell]) -> list[str]:
    return [f"### {title}", "| what happens | how the call ends |", "|---|---|", *(_row(cell) for cell in cells), ""]


def _groups(table: tuple[Cell, ...]) -> list[str]:
    lines: list[str] = []
    for group, title in GROUPS.items():
        cells = [cell for cell in table if cell.group == group]
        if cells:
            lines += _section(title, cells)
    return lines


def page() -> str:
    """Return the whole page."""
    parts = [_HEAD, "## Before a request is sent", *_groups(CONNECTING), "## A streamed answer", *_groups(CHAT)]
    parts += ["## A short call (the list of models)", *_groups(LIST)]
    return "\n".join(parts).rstrip() + "\n"


def summary() -> str:
    """Return the short table for the README."""
    lines = ["| fault | rows | they end in |", "|---|---|---|"]
    whole = (*CONNECTING, *CHAT, *LIST)
    for group, title in GROUPS.items():
        cells = [cell for cell in whole if cell.group == group]
        ends = Counter(_end_of(cell) for cell in cells)
        shown = ", ".join(f"{words} ({count})" for words, count in ends.most_common())
        lines.append(f"| {title} | {len(cells)} | {shown} |")
    return "\n".join(lines) + "\n"


def _end_of(cell: Cell) -> str:
    outcome = cell.on("openai")
    return f"`{outcome.error}`" if isinstance(outcome, Failure) else "the right answer"


def readme_with(text: str) -> str:
    """Return the README with the summary of today."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}{summary()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    README.write_text(readme_with(README.read_text(encoding="utf-8")), encoding="utf-8")

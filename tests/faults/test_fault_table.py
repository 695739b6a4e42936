"""Every row of the table of faults, played by a real server against every provider.

Most rows only wait, so the rows of one group run at once on one loop; each is judged by its own test.
"""

from __future__ import annotations

import asyncio
import contextvars
import traceback
from dataclasses import dataclass, field

import aiohttp  # noqa: F401 (its import takes time that no deadline should pay for)
import pytest

from nuke_ai_panel import errors
from nuke_ai_panel.errors import APIError
from nuke_ai_panel.messages import ChatRequest, Message, TextDelta
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.registry import create
from tests.faults.fault_modes import MODES
from tests.faults.fault_server import FaultServer
from tests.faults.fault_table import CHAT, LIST, Answer, Cell, Failure, cells_of

KEY = "sk-or-v1-0123456789abcdef-secret"
PROMPT = "the prompt that stays here"
ASK = ChatRequest("tiny", (Message("user", PROMPT),))
WIRE_OF = {"ollama": "ollama", "openrouter": "openai", "openai": "openai"}
TABLES = {"chat": CHAT, "list": LIST}

#: Seconds. Rows that wait for a deadline use the short ones; how the others end must never be a matter of luck.
SHORT = {"connect": 5.0, "first_byte": 0.4, "call": 1.2, "silence": 0.4, "retry_after": 2.0}
PATIENT = {"connect": 20.0, "first_byte": 20.0, "call": 20.0, "silence": 20.0, "retry_after": 2.0}
#: Rows that a deadline ends although it is not what they fail with.
WAITS = ("stall_after_finish_reason", "keep_alives_after_finish_reason", "status_500_body_stalls", "status_500_body_drips")
#: Rows that push data as fast as they can take turns, because they keep the loop busy.
BUSY = (
    "keep_alives_at_full_speed",
    "record_of_tiny_values",
    "record_of_wide_characters",
    "answer_without_end_at_full_speed",
    "line_without_end",
    "event_of_endless_lines",
    "gzip_bomb",
    "list_without_end",
    "number_without_end",
)
#: Seconds a row may take beyond its deadlines; it is there to catch a hang, not to measure.
MARGIN = 8.0

_running: contextvars.ContextVar[str] = contextvars.ContextVar("running", default="")


@dataclass
class Result:
    """How one row ended."""

    text: str = ""
    error: BaseException | None = None
    seconds: float = 0.0
    requests: int = 0
    tasks: list[str] = field(default_factory=list)
    connections_left: int = 0
    elsewhere: int = 0


def key_of(cell: Cell) -> str:
    how = ",".join(f"{name}={value:g}" for name, value in cell.deadlines.items())
    return "-".join(part for part in (cell.group, cell.name, "on_accept" if cell.on_accept else "", how) if part)


async def call_chat(provider) -> str:
    texts = []
    async for event in provider.stream(ASK):
        if isinstance(event, TextDelta):
            texts.append(event.text)
    return "".join(texts)


async def call_list(provider) -> str:
    return ",".join(model.name for model in await provider.list_models())


CALLS = {"chat": call_chat, "list": call_list}


async def play(name: str, call: str, cell: Cell, result: Result) -> None:
    """Play one row with a server of its own, and note how it ended and what it left behind."""
    wire = WIRE_OF[name]
    loop = asyncio.get_running_loop()
    async with (
        FaultServer(wire, MODES) as elsewhere,
        FaultServer(wire, MODES, on_accept=MODES[cell.name] if cell.on_accept else None) as server,
    ):
        server.elsewhere = elsewhere.origin
        tally = server.accepted if cell.on_accept else server.tally(cell.name, call)
        waits = cell.name in WAITS or getattr(cell.on(wire), "kind", "").endswith(("timeout", "stalled"))
        deadlines = Deadlines(**{**(SHORT if waits else PATIENT), **cell.deadlines})
        provider = create(name, Server(server.url(cell.name, call), KEY, deadlines=deadlines))
        began = loop.time()
        try:
            for at in range(cell.calls):
                if at:
                    # Long enough for what the server does after its answer to have arrived.
                    await asyncio.sleep(0.15)
                result.text, result.error = "", None
                try:
                    result.text = await asyncio.wait_for(CALLS[call](provider), 30)
                except Exception as error:
                    result.error = error
        finally:
            result.seconds = loop.time() - began
            await provider.aclose()
        result.requests = tally.connections if cell.on_accept else tally.requests
        if server.accepted.open:
            await asyncio.wait({asyncio.ensure_future(server.accepted.all_gone.wait())}, timeout=5)
        result.connections_left = server.accepted.open
        result.elsewhere = elsewhere.accepted.connections


async def play_group(name: str, call: str, cells: list[Cell]) -> dict[str, Result]:
    owners: dict[asyncio.Task, str] = {}
    loop = asyncio.get_running_loop()

    def make(loop, work, **more):
        task = asyncio.Task(work, loop=loop, **more)
        owners[task] = _running.get()
        return task

    complaints: list[str] = []
    loop.set_task_factory(make)
    loop.set_exception_handler(lambda _, context: complaints.append(f"{context['message']} {context.get('exception')!r}"))
    results = {key_of(cell): Result() for cell in cells}
    in_turn = asyncio.Lock()

    async def one(cell: Cell) -> None:
        _running.set(key_of(cell))
        if cell.name in BUSY:
            async with in_turn:
                await play(name, call, cell, results[key_of(cell)])
        else:
            await play(name, call, cell, results[key_of(cell)])

    await asyncio.gather(*(one(cell) for cell in cells))
    for _ in range(10):
        await asyncio.sleep(0)
    here = asyncio.current_task()
    for task in asyncio.all_tasks():
        if task is not here and owners.get(task) in results:
            results[owners[task]].tasks.append(repr(task))
    loop.set_task_factory(None)
    assert not complaints, complaints
    return results


_played: dict[tuple[str, str, str], dict[str, Result]] = {}


def result_of(name: str, call: str, cell: Cell) -> Result:
    group = (name, call, cell.group)
    if group not in _played:
        cells = cells_of(TABLES[call], WIRE_OF[name], cell.group)
        assert len({key_of(each) for each in cells}) == len(cells), "two rows have one name"
        _played[group] = asyncio.run(play_group(name, call, cells))
    return _played[group][key_of(cell)]


def rows():
    for call, table in TABLES.items():
        for name, wire in WIRE_OF.items():
            for cell in cells_of(table, wire):
                yield pytest.param(name, call, cell, id=f"{name}-{call}-{key_of(cell)}")


@pytest.mark.parametrize(("name", "call", "cell"), list(rows()))
def test_fault_ends_as_the_table_says(name, call, cell):
    result = result_of(name, call, cell)
    expected = cell.on(WIRE_OF[name])
    shown = "".join(traceback.format_exception(None, result.error, result.error.__traceback__)) if result.error else ""
    if isinstance(expected, Answer):
        assert result.error is None, shown
        assert ascii(result.text[:500]) == ascii(expected.text)
    else:
        assert_failed_well(name, result, expected, shown)
    assert result.requests == expected.requests
    assert result.seconds < limit_of(cell, expected) + MARGIN
    assert result.tasks == []
    assert result.connections_left == 0
    assert result.elsewhere == 0, "something was sent to another origin"


def limit_of(cell: Cell, expected) -> float:
    return sum({**SHORT, **cell.deadlines}.get(part, 0.0) for part in ("first_byte", "silence", "call", "retry_after"))


def assert_failed_well(name: str, result: Result, expected: Failure, shown: str) -> None:
    error = result.error
    assert error is not None, f"returned {result.text[:200]!r}"
    assert isinstance(error, APIError), shown
    assert (type(error).__name__, error.kind) == (expected.error, expected.kind), shown
    assert type(error) is getattr(errors, expected.error)
    assert error.provider == name
    if expected.text == "keptkept":
        assert error.partial_text.startswith("keptkept")
    else:
        assert ascii(error.partial_text[:500]) == ascii(expected.text)
    assert expected.says in str(error)
    assert error.message.endswith((".", "…"))
    assert error.next_step
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    everything = f"{shown}{error!r}{error.__dict__}"
    assert KEY not in everything
    assert PROMPT not in everything


@pytest.mark.parametrize("name", WIRE_OF)
def test_redirect_shows_no_query(name):
    (cell,) = (each for each in CHAT if each.name == "redirect_307_elsewhere")
    assert "0123456789abcdef" not in str(result_of(name, "chat", cell).error)

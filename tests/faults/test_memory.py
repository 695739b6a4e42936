"""Whatever a server sends, a call takes 64 MiB at most. Measured in a process of its own, against the faults that push."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.faults.fault_modes import MODES
from tests.faults.fault_server import FaultServer
from tests.faults.fault_table import CHAT, LIST
from tests.faults.test_fault_table import WIRE_OF

ROOT = Path(__file__).resolve().parents[2]
MOST = 64.0
PUSHING = {
    "chat": (
        "line_without_end",
        "event_of_endless_lines",
        "record_of_tiny_values",
        "record_of_wide_characters",
        "answer_without_end_at_full_speed",
        "keep_alives_at_full_speed",
        "endless_after_end",
        "gzip_bomb",
        "headers_without_end",
        "status_500_body_without_end",
    ),
    "list": ("list_without_end", "gzip_bomb", "list_nested_without_end"),
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the highest use of memory is read from Linux's /proc")
@pytest.mark.parametrize("name", WIRE_OF)
async def test_memory_stays_below_64_mib_whatever_is_sent(name):
    wire = WIRE_OF[name]
    rows = {"chat": CHAT, "list": LIST}
    async with FaultServer(wire, MODES) as server:
        # The first call imports what the others need.
        jobs = [f"healthy={call}={server.url('healthy', call)}" for call in PUSHING]
        jobs += [
            f"{mode}={call}={server.url(mode, call)}"
            for call, modes in PUSHING.items()
            for mode in modes
            if any(cell.name == mode and cell.on(wire) for cell in rows[call])
        ]
        probe = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.memory_probe", name, *jobs, cwd=str(ROOT), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await probe.communicate()
    assert probe.returncode == 0
    grown = json.loads(said)
    assert len(grown) == len(jobs)
    assert grown.pop("chat healthy")[1] == ""
    assert grown.pop("list healthy")[1] == ""
    assert grown.pop("chat endless_after_end")[1] == ""
    assert all(error for _, error in grown.values()), grown
    assert max(size for size, _ in grown.values()) < MOST, grown

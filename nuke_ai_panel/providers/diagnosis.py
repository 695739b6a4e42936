"""The staged connection test: from the address to the first token, each step with its time and, on failure, what to do."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Literal

from nuke_ai_panel.errors import APIError, NukeAIPanelError
from nuke_ai_panel.net.failures import redact
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.connection_checks import ConnectionChecks, Finding

__all__ = ["STEP_TITLES", "Step", "StepName", "StepState", "diagnose", "report"]

StepName = Literal["address", "lookup", "connection", "encryption", "models", "first_token"]
StepState = Literal["waiting", "running", "passed", "warning", "failed", "not_reached", "cancelled"]

STEP_TITLES: dict[StepName, str] = {
    "address": "Address",
    "lookup": "Name lookup",
    "connection": "Connection",
    "encryption": "Encryption",
    "models": "Key and models",
    "first_token": "First token",
}


@dataclass(frozen=True)
class Step:
    """One line of the report. ``milliseconds`` is None while a step has not ended."""

    name: StepName
    state: StepState
    text: str = ""
    next_step: str = ""
    milliseconds: float | None = None


async def diagnose(name: str, server: Server, model: str = "") -> AsyncIterator[Step]:
    """Test `server` as provider `name` and yield each step twice or more: running (perhaps with news), then its outcome.

    What is tested is exactly what is given, never what is stored. The first failure ends the test; later steps come as
    ``"not_reached"``. Cancelling the consuming task ends any step at once; a name lookup that hangs is left behind in its
    thread. Without a `model`, the first listed one is asked, but never where an answer costs money.
    """
    checks = ConnectionChecks(name, server, model)
    failed = False
    try:
        for step in STEP_TITLES:
            if failed:
                yield Step(step, "not_reached")
                continue
            yield Step(step, "running")
            started = time.perf_counter()
            finding = Finding("failed")
            running = checks.run(step)
            try:
                async for finding in running:
                    if finding.state == "running":
                        yield Step(step, "running", redact(finding.text, server.key))
            except APIError as error:
                finding = Finding("failed", error.message, error.next_step)
            except NukeAIPanelError as error:
                finding = Finding("failed", str(error))
            finally:
                await running.aclose()
            failed = finding.state == "failed"
            took = None if finding.state == "not_reached" else (time.perf_counter() - started) * 1000
            yield Step(step, finding.state, redact(finding.text, server.key), redact(finding.next_step, server.key), took)
    finally:
        await checks.aclose()


def report(steps: Iterable[Step]) -> str:
    """Return `steps` as text to be sent to a colleague: the last state of each, one line each, no secrets."""
    last: dict[StepName, Step] = {}
    for step in steps:
        last[step.name] = step
    lines: list[str] = []
    for name, title in STEP_TITLES.items():
        step = last.get(name, Step(name, "waiting"))
        took = "" if step.milliseconds is None else f" ({step.milliseconds:.0f} ms)"
        said = " ".join(part for part in (step.text, step.next_step if step.state in ("failed", "warning") else "") if part)
        lines.append(f"{title}: {step.state.replace('_', ' ')}{took}" + (f": {said}" if said else ""))
    return redact("\n".join(lines))

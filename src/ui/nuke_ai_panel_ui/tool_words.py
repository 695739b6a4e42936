"""What a tool call is called in the transcript: a verb, what it is about, and how long it took."""

from __future__ import annotations

import json

from nuke_ai_panel.agent.session_events import ToolAnswered, ToolCalled

__all__ = ["call_title"]

#: The arguments that tell best what a call is about, the first one that is there.
_ABOUT = ("node", "name", "class", "pattern", "text", "query", "title", "source", "nodes")
_LONGEST = 60


def call_title(call: ToolCalled, answer: ToolAnswered | None = None) -> str:
    """Return one line for a call: ``Get node: Grade1, 12 ms``."""
    words = call.name.replace("_", " ").strip().capitalize() or "Call"
    about = _about(call.arguments)
    title = f"{words}: {about}" if about else words
    if answer is None:
        return f"{title}\u2026"
    took = f"{answer.seconds:.1f} s" if answer.seconds >= 1 else f"{max(1, round(answer.seconds * 1000))} ms"
    return f"{title}, not possible" if answer.is_error else f"{title}, {took}"


def _about(arguments: str) -> str:
    try:
        values = json.loads(arguments)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(values, dict):
        return ""
    node, knob = values.get("node"), values.get("knob")
    if isinstance(node, str) and isinstance(knob, str) and node and knob:
        return _short(f"{node}.{knob}")
    for name in _ABOUT:
        value = values.get(name)
        if isinstance(value, list):
            value = ", ".join(str(each) for each in value[:3])
        if isinstance(value, str) and value.strip():
            return _short(value)
    return ""


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 3] + "..."

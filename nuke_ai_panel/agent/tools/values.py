"""What a tool is, what it answers, and what is wrong with a call, as values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Union

from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.messages import JsonObject

if TYPE_CHECKING:
    from nuke_ai_panel.agent.tools.drafting import Draft
    from nuke_ai_panel.agent.tools.script_view import ScriptView

__all__ = ["Arguments", "ReadTool", "ToolAnswer", "ToolProblem", "ToolSpec", "WriteTool"]

#: The checked arguments of a call.
Arguments = Mapping[str, object]


class ToolProblem(NukeAIPanelError):  # noqa: N818  it is an answer to the model, not a failure of the panel
    """A call cannot be done; the message tells the model what would be right."""


@dataclass(frozen=True)
class ToolAnswer:
    """What the model is told about a call."""

    text: str
    is_error: bool = False


@dataclass(frozen=True)
class ToolSpec:
    """A tool as the model sees it. ``properties`` are the schemas of its arguments by name."""

    name: str
    description: str
    properties: Mapping[str, JsonObject] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, object]:
        """The JSON schema of the arguments."""
        return {
            "type": "object",
            "properties": dict(self.properties),
            "required": list(self.required),
            "additionalProperties": False,
        }


@dataclass(frozen=True)
class ReadTool:
    """A question; ``lines`` answers it with lines in which text of the script is quoted."""

    spec: ToolSpec
    lines: Callable[[ScriptView, Arguments], Union[Iterable[str], Awaitable[Iterable[str]]]]


@dataclass(frozen=True)
class WriteTool:
    """A change; ``draft`` adds it to a draft and returns what it does in a few words, or raises ToolProblem."""

    spec: ToolSpec
    draft: Callable[[Draft, Arguments], str]

"""Fit a request to what its model can do: refuse what is known to be missing, before anything is sent."""

from __future__ import annotations

from nuke_ai_panel.errors import UnsupportedFeatureError
from nuke_ai_panel.messages import AudioPart, ChatRequest, FilePart, ImagePart, JsonSchema
from nuke_ai_panel.providers.capabilities import Capabilities

__all__ = ["features_of", "refuse_missing"]

_OF_PART: dict[type, str] = {ImagePart: "images", AudioPart: "audio", FilePart: "files"}

_WORDS = {
    "tools": ("cannot call tools", "Choose a model that can, or send the request without tools."),
    "images": ("cannot see pictures", "Choose a model that can, or send the request without pictures."),
    "audio": ("cannot listen to recordings", "Choose a model that can, or send the words as text."),
    "files": ("cannot read documents", "Choose a model that can, or send the document's text."),
    "reasoning": ("cannot reason before it answers", "Choose a model that can, or switch reasoning off."),
    "json_schema": ("cannot hold its answer to a schema", "Choose a model that can, or send the request without a schema."),
}
"""Field of :class:`Capabilities` to what the model lacks, and what to do."""


def features_of(request: ChatRequest) -> set[str]:
    """Return which of the optional fields of :class:`Capabilities` the request relies on; for plain talk it is empty."""
    wanted = {_OF_PART[type(part)] for message in request.messages for part in message.parts if type(part) in _OF_PART}
    if request.tools and request.tool_choice != "none":
        wanted.add("tools")
    if request.reasoning and request.reasoning != "none":
        wanted.add("reasoning")
    if isinstance(request.response_format, JsonSchema):
        wanted.add("json_schema")
    return wanted


def refuse_missing(wanted: set[str], capabilities: Capabilities, *, model: str, provider: str) -> None:
    """Return if `model` is not known to lack any of the features `wanted`.

    Raises:
        UnsupportedFeatureError: it lacks one; its ``kind`` is e.g. ``"unsupported_tools"``.
    """
    for feature, (lack, next_step) in _WORDS.items():
        if feature in wanted and getattr(capabilities, feature) is False:
            raise UnsupportedFeatureError(
                f"{model!r} {lack}.", provider=provider, kind=f"unsupported_{feature}", next_step=next_step
            )

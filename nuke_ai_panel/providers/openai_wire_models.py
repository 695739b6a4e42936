"""Read lists of models as servers of OpenAI's protocol send them. Facts as of August 2026.

OpenAI's own entries hold little more than a name. OpenRouter adds what a model takes, gives and costs, llama.cpp an
``architecture`` and its own ``meta``, vLLM ``max_model_len``, LiteLLM a ``mode`` where it knows one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nuke_ai_panel.messages import ModelInfo
from nuke_ai_panel.net.json_values import array, integer, number, record, text
from nuke_ai_panel.providers.capabilities import Capabilities, capabilities_of

__all__ = ["ListedModel", "listed_models", "tools_of_template"]

#: LiteLLM's words for what a model is for, to the modality it answers with.
_MODES = {
    "chat": "text",
    "completion": "text",
    "responses": "text",
    "embedding": "embeddings",
    "image_generation": "image",
    "image_edit": "image",
    "audio_speech": "speech",
    "audio_transcription": "transcription",
    "rerank": "rerank",
    "video_generation": "video",
    "moderation": "moderation",
    "ocr": "ocr",
}
_SOURCE = "/models"


@dataclass(frozen=True)
class ListedModel:
    """An entry of a list. ``capabilities`` are what it says of the model; ``is_chat`` is False where it is for other work.

    ``owner`` is the server's word for where the model is from, e.g. ``"llamacpp"``.
    """

    info: ModelInfo
    capabilities: Capabilities
    is_chat: bool
    owner: str = ""


def listed_models(answer: object) -> list[ListedModel] | None:
    """Return the entries of a list of models, in its order; None where `answer` is no such list."""
    fields = record(answer)
    models = answer if isinstance(answer, list) else fields.get("data")
    if not isinstance(models, list):
        return None
    # llama.cpp tells in a second list, in Ollama's form, whether a projector for pictures is loaded.
    second = {text(record(item).get("name")): array(record(item).get("capabilities")) for item in array(fields.get("models"))}
    found = (_listed(record(item), second) for item in models)
    return [model for model in found if model is not None]


def tools_of_template(properties: object) -> bool | None:
    """Return whether llama.cpp's properties say that the model's template knows tools; None where they do not tell."""
    said = record(record(properties).get("chat_template_caps")).get("supports_tools")
    return said if isinstance(said, bool) else None


def _listed(item: dict[str, object], second: dict[str, list[object]]) -> ListedModel | None:
    name = text(item.get("id"))
    if not name:
        return None
    architecture, pricing, top = record(item.get("architecture")), record(item.get("pricing")), record(item.get("top_provider"))
    meta, mode = record(item.get("meta")), text(item.get("mode"))
    inputs, outputs = _names(architecture.get("input_modalities")), _names(architecture.get("output_modalities"))
    parameters = _names(item.get("supported_parameters"))
    if outputs is None and mode:
        outputs = frozenset({_MODES.get(mode, mode)})
    if inputs is None and "multimodal" in second.get(name, ()):
        inputs = frozenset({"text", "image"})
    context = (
        integer(item.get("context_length"))
        or integer(item.get("max_model_len"))
        or integer(meta.get("n_ctx"))
        or integer(item.get("max_context_length"))
    )
    # A router that chooses the model later is listed with a price of -1; nothing that it says holds for what it will choose.
    if number(pricing.get("prompt")) == -1:
        context, inputs, parameters = None, None, None
    info = ModelInfo(
        name=name,
        title=text(item.get("name")),
        context_length=context,
        size=integer(meta.get("size")),
        prompt_price=_per_million(pricing.get("prompt")),
        completion_price=_per_million(pricing.get("completion")),
        max_output=integer(top.get("max_completion_tokens")),
        inputs=inputs,
        outputs=outputs,
        parameters=parameters,
    )
    capabilities = capabilities_of(info, _SOURCE)
    if not (mode or pricing):
        # llama.cpp lists a server of embeddings as one of text.
        capabilities = replace(capabilities, embeddings=capabilities.embeddings or None)
    return ListedModel(info, capabilities, is_chat=outputs is None or "text" in outputs, owner=text(item.get("owned_by")))


def _names(value: object) -> frozenset[str] | None:
    if not isinstance(value, list) or not value:
        return None
    return frozenset(item for item in value if isinstance(item, str))


def _per_million(price: object) -> float | None:
    found = number(price)
    return None if found is None or found < 0 else round(found * 1_000_000, 6)

"""What Ollama says of its models: ``/api/tags``, ``/api/show``, ``/api/ps`` and the progress of ``/api/pull``. As of 0.33."""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass, field

from nuke_ai_panel.messages import JsonObject, ModelInfo
from nuke_ai_panel.net.json_values import array, integer, record, text
from nuke_ai_panel.providers.capabilities import Capabilities

__all__ = ["ModelDetails", "PullProgress", "RunningModel", "capabilities_in", "details_in", "listed_model", "running_model"]

_LARGEST = 2**53


@dataclass(frozen=True)
class ModelDetails:
    """What ``/api/show`` tells of one model. Unknown is None or "".

    ``abilities`` are in Ollama's words (``completion``, ``tools``, ``vision`` …); ``context_length`` is what the model was
    trained for and ``default_context`` what its model file sets aside, both in tokens; ``modified`` is seconds since the
    epoch; ``remote_model`` and ``remote_host`` say where a cloud model really runs; ``info`` is the model file's own header.
    """

    name: str
    abilities: frozenset[str] | None = None
    context_length: int | None = None
    default_context: int | None = None
    embedding_length: int | None = None
    architecture: str = ""
    family: str = ""
    parameter_size: str = ""
    quantization: str = ""
    template: str = ""
    parameters: str = ""
    license: str = ""
    modified: float | None = None
    remote_model: str = ""
    remote_host: str = ""
    info: JsonObject = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class RunningModel:
    """A model in memory: sizes in bytes, the tokens of context really set aside, ``expires`` in seconds since the epoch."""

    name: str
    size: int | None = None
    size_vram: int | None = None
    context_length: int | None = None
    expires: float | None = None
    digest: str = ""


@dataclass(frozen=True)
class PullProgress:
    """How far the download of a model has come.

    ``completed`` and ``total`` are bytes of all layers that are known so far, ``digest`` is the layer at work; ``percent`` is 0
    to 100, None before the first layer is known.
    """

    status: str
    digest: str = ""
    completed: int = 0
    total: int = 0
    percent: float | None = None


def listed_model(item: dict[str, object]) -> ModelInfo | None:
    """Return an entry of ``/api/tags``, None where it is no chat model."""
    name = text(item.get("name")) or text(item.get("model"))
    abilities = array(item.get("capabilities"))
    if not name or (abilities and "completion" not in abilities):
        return None
    details = record(item.get("details"))
    return ModelInfo(
        name=name,
        title=" ".join(part for part in (text(details.get("parameter_size")), text(details.get("quantization_level"))) if part),
        context_length=integer(details.get("context_length")),
        size=integer(item.get("size")),
    )


def details_in(name: str, answer: object) -> ModelDetails:
    """Return what an answer of ``/api/show`` tells of model `name`."""
    fields = record(answer)
    about, info = record(fields.get("details")), record(fields.get("model_info"))
    abilities = fields.get("capabilities")
    architecture = text(info.get("general.architecture"))
    parameters = text(fields.get("parameters"))
    asked_for = re.search(r"^num_ctx\s+(\d{1,9})\s*$", parameters, re.MULTILINE)
    return ModelDetails(
        name=name,
        abilities=frozenset(filter(None, map(text, abilities))) if isinstance(abilities, list) and abilities else None,
        context_length=_positive(info.get(f"{architecture}.context_length")) or _positive(about.get("context_length")),
        default_context=int(asked_for.group(1)) if asked_for else None,
        embedding_length=_positive(info.get(f"{architecture}.embedding_length")) or _positive(about.get("embedding_length")),
        architecture=architecture,
        family=text(about.get("family")),
        parameter_size=text(about.get("parameter_size")),
        quantization=text(about.get("quantization_level")),
        template=text(fields.get("template")),
        parameters=parameters,
        license=text(fields.get("license")),
        modified=_moment(text(fields.get("modified_at"))),
        remote_model=text(fields.get("remote_model")),
        remote_host=text(fields.get("remote_host")),
        info=info,
    )


def capabilities_in(details: ModelDetails) -> Capabilities:
    """Return what `details` say a model can do. A server that lists no abilities leaves them unknown."""
    abilities = details.abilities
    if abilities is None:
        return Capabilities(context_length=details.context_length, source="/api/show")
    chat = "completion" in abilities
    return Capabilities(
        chat=chat,
        tools="tools" in abilities,
        images="vision" in abilities,
        audio="audio" in abilities,
        # The protocol has no place for a document, whatever the model.
        files=False,
        reasoning="thinking" in abilities,
        # Local models follow a schema by grammar; what a remote one does is up to its host.
        json_schema=chat if not details.remote_host else None,
        embeddings="embedding" in abilities,
        image_output="image" in abilities,
        context_length=details.context_length,
        source="/api/show",
    )


def running_model(item: dict[str, object]) -> RunningModel | None:
    """Return an entry of ``/api/ps``, None where it has no name."""
    name = text(item.get("name")) or text(item.get("model"))
    if not name:
        return None
    return RunningModel(
        name=name,
        size=integer(item.get("size")),
        size_vram=integer(item.get("size_vram")),
        context_length=_positive(item.get("context_length")),
        expires=_moment(text(item.get("expires_at"))),
        digest=text(item.get("digest")),
    )


def _positive(value: object) -> int | None:
    found = integer(value)
    return found if found is not None and 0 < found <= _LARGEST else None


def _moment(spelled: str) -> float | None:
    """Return the seconds since the epoch that a time of Go's spells: nine digits of a second, and Z or an offset."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))", spelled)
    if found is None:
        return None
    stamp, fraction, sign, hours, minutes = found.groups()
    try:
        seconds = calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None
    offset = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    return seconds - offset + float(fraction or 0)

"""Read the answer to a request for embeddings in OpenAI's protocol."""

from __future__ import annotations

import base64
import binascii
import struct

from nuke_ai_panel.net.json_slices import Pacer
from nuke_ai_panel.net.json_values import array, integer, record, text
from nuke_ai_panel.operations import EmbeddingRequest, Embeddings
from nuke_ai_panel.providers.openai_wire_reader import usage_of

__all__ = ["embeddings_of"]


async def embeddings_of(answer: dict[str, object], request: EmbeddingRequest) -> Embeddings | None:
    """Return the vectors in the order of the texts; None where there is not one for each."""
    vectors: dict[int, tuple[float, ...]] = {}
    pacer = Pacer()
    for place, item in enumerate(array(answer.get("data"))):
        fields = record(item)
        index = integer(fields.get("index"))
        vector = _vector(fields.get("embedding"))
        if vector:
            vectors[place if index is None else index] = vector
        await pacer.step()
    if set(vectors) != set(range(len(request.texts))):
        return None
    return Embeddings(
        tuple(vectors[place] for place in range(len(vectors))),
        text(answer.get("model")) or request.model,
        usage_of(record(answer.get("usage"))),
    )


def _vector(value: object) -> tuple[float, ...]:
    """Return the numbers of a vector, sent as a list or as the base64 of little-endian 32-bit floats; () where it is none."""
    if isinstance(value, str):
        try:
            raw = base64.b64decode(value, validate=True)
            return struct.unpack(f"<{len(raw) // 4}f", raw)
        except (binascii.Error, ValueError, struct.error):
            return ()
    try:
        return tuple(map(float, array(value)))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ()

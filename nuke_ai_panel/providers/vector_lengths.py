"""Whether vectors are as long as they were asked for: servers pass over what they do not know."""

from __future__ import annotations

from nuke_ai_panel.errors import UnsupportedFeatureError
from nuke_ai_panel.operations import EmbeddingRequest, Embeddings

__all__ = ["check_lengths"]


def check_lengths(found: Embeddings, request: EmbeddingRequest, *, provider: str) -> Embeddings:
    """Return `found` if each vector has as many numbers as `request` asks for.

    Raises:
        UnsupportedFeatureError: one has not.
    """
    asked = request.dimensions
    wrong = next((len(vector) for vector in found.vectors if asked is not None and len(vector) != asked), None)
    if wrong is not None:
        raise UnsupportedFeatureError(
            f"{request.model!r} makes vectors of {wrong} numbers here, not of the {asked} that were asked for.",
            provider=provider,
            status=200,
            kind="unsupported_dimensions",
            next_step="Leave dimensions out, or choose a model and a server that can shorten them.",
        )
    return found

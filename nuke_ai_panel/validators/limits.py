"""What kind of request a kind of server takes: data, one value per provider."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "RequestLimits"]


@dataclass(frozen=True)
class RequestLimits:
    """The ranges of a request's fields, ends included. The values here are those of OpenAI's published description.

    Args:
        roles: roles that a message may have.
        temperature: lowest and highest.
        top_p: lowest and highest.
        penalty: lowest and highest of both penalties.
        seed: lowest and highest.
        answers: most answers to one request (``n``).
        min_tokens: smallest ``max_tokens``.
        unasked_tokens: largest ``max_tokens`` that is sent without asking what the model can write.
        stop_texts: most texts to stop at; None is no limit.
        tools: most tools in one request.
        routes: whether the server takes other models to fall back on.
        image_addresses: whether the server fetches a picture from an address itself.
        efforts: words for how much to reason.
        texts: most texts in one request for vectors.
        pictures: most pictures in one request for pictures.
        speed: lowest and highest speed of speech.
    """

    roles: tuple[str, ...] = ("system", "user", "assistant", "tool")
    temperature: tuple[float, float] = (0.0, 2.0)
    top_p: tuple[float, float] = (0.0, 1.0)
    penalty: tuple[float, float] = (-2.0, 2.0)
    seed: tuple[int, int] = (-(2**63), 2**63 - 1)
    answers: int = 128
    min_tokens: int = 1
    unasked_tokens: int = 4096
    stop_texts: int | None = None
    tools: int = 128
    routes: bool = False
    image_addresses: bool = True
    efforts: tuple[str, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    texts: int = 2048
    pictures: int = 10
    speed: tuple[float, float] = (0.25, 4.0)


DEFAULT_LIMITS = RequestLimits()

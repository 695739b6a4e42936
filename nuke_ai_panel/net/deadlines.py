"""How long each part of a call may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["USUAL", "Deadlines"]


@dataclass(frozen=True)
class Deadlines:
    """Seconds, and what may be tried again.

    Args:
        connect: name lookup, connection and TLS together.
        first_byte: from the request's end to the first byte of the answer; a local server may have to load its model.
        call: a whole call that is not streamed, other than chat.
        silence: bounds both clocks of a stream (no bytes, no events), counted only while the loop was alive.
        total: a whole chat call from its start to its last event; None is no limit.
        retries: how often a request is sent again at most, and only while nothing of its answer has come.
        retry_after: the longest wait that a server may ask for before a request is tried again; above it, the error says so.
    """

    connect: float = 10.0
    first_byte: float = 300.0
    call: float = 30.0
    silence: float = 30.0
    total: float | None = None
    retries: int = 2
    retry_after: float = 30.0


USUAL = Deadlines()
"""Those of a call that sets none."""

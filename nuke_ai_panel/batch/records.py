"""What a batch gives back: a record for every request, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import APIError, ValidationError

if TYPE_CHECKING:
    from nuke_ai_panel.api.responses import ChatResponse

__all__ = ["BatchProgress", "BatchRecord", "error_to_dict", "without_traces"]


@dataclass(frozen=True)
class BatchRecord:
    """What became of one request: either its ``response``, or the ``error`` that a single call would have raised.

    ``index`` is the request's place in the input, from 0; ``id`` is the one it brought along, or ""; ``seconds`` passed between
    taking it up and its end, waiting for the server's rate limit included.
    """

    index: int
    id: str = ""
    response: ChatResponse | None = field(default=None, repr=False)
    error: Exception | None = None
    seconds: float = 0.0

    @property
    def is_ok(self) -> bool:
        """Whether the request was answered."""
        return self.error is None

    def to_dict(self) -> dict[str, object]:
        """Return the record as JSON values: ``index``, ``id``, and ``response`` or ``error``."""
        told: dict[str, object] = {"index": self.index, "id": self.id}
        if self.error is not None:
            told["error"] = error_to_dict(self.error)
        else:
            told["response"] = None if self.response is None else self.response.to_dict()
        return told


def error_to_dict(error: Exception) -> dict[str, object]:
    """Return `error` as JSON values: its ``type`` and ``message``, a stable word ``kind``, and what else is known of it."""
    told: dict[str, object] = {"type": type(error).__name__, "kind": "internal", "message": str(error)}
    if isinstance(error, ValidationError):
        told.update(kind=error.kind, field=error.field, allowed=error.allowed)
    elif isinstance(error, APIError):
        told.update(
            kind=error.kind,
            message=error.message,
            next_step=error.next_step,
            provider=error.provider,
            status=error.status,
            retry_after=error.retry_after,
            partial_text=error.partial_text,
        )
    return told


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch has come.

    ``total`` is None where the input does not say how long it is. Tokens are those that the servers reported; ``cost`` is US
    dollars, None as long as no server has named one. ``record`` is the one that has just been finished.
    """

    done: int = 0
    total: int | None = None
    ok: int = 0
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    record: BatchRecord | None = field(default=None, repr=False)

    @property
    def failed(self) -> int:
        """Requests that ended in an error."""
        return self.done - self.ok

    @property
    def rate(self) -> float:
        """Finished requests a second so far."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds that the rest will take at the rate so far; None where that cannot be told."""
        if self.total is None or not self.done or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate

    def after(self, record: BatchRecord, seconds: float) -> BatchProgress:
        """Return the progress with one more `record`, `seconds` after the start."""
        prompt, completion, cost = _used(record)
        return BatchProgress(
            done=self.done + 1,
            total=self.total,
            ok=self.ok + record.is_ok,
            seconds=seconds,
            prompt_tokens=self.prompt_tokens + prompt,
            completion_tokens=self.completion_tokens + completion,
            cost=self.cost if cost is None else (self.cost or 0.0) + cost,
            record=record,
        )


def _used(record: BatchRecord) -> tuple[int, int, float | None]:
    usage = getattr(record.response, "usage", None)
    if usage is None:
        return 0, 0, None
    return usage.prompt_tokens or 0, usage.completion_tokens or 0, usage.cost


def without_traces(error: Exception) -> Exception:
    """Return `error` without the frames it came through: they hold the whole request, for as long as the record is kept."""
    error.__traceback__ = None
    error.__context__ = None
    return error

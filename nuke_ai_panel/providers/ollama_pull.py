"""Follow the download of a model: the lines of ``/api/pull``. Facts as of Ollama 0.33."""

from __future__ import annotations

from collections.abc import Callable

from nuke_ai_panel.errors import APIError, ProtocolError
from nuke_ai_panel.net.decoders import NdjsonDecoder
from nuke_ai_panel.net.json_values import integer, parse, record, text
from nuke_ai_panel.providers.ollama_models import PullProgress
from nuke_ai_panel.providers.ollama_refusals import explain_line
from nuke_ai_panel.providers.refusals import Speaker

__all__ = ["PullReader"]

_MOST_LAYERS = 10_000
_LARGEST = 2**63


class PullReader:
    """Turn the lines of a download into its progress. Pure: bytes in, values out.

    A line that tells nothing new, which a stalled download goes on sending, gives no value. A failure is kept in
    :attr:`failure`, to be raised after the values before it.
    """

    def __init__(self, speaker: Speaker, model: str) -> None:
        self._speaker = speaker
        self._model = model
        self._decoder = NdjsonDecoder()
        self._layers: dict[str, tuple[int, int]] = {}
        self._completed = 0
        self._total = 0
        self._last: PullProgress | None = None
        self.is_done = False
        self.failure: APIError | None = None

    def feed(self, piece: bytes) -> list[PullProgress]:
        """Return the progress that `piece` completes."""
        return self._read(lambda: self._decoder.feed(piece), at_end=False)

    def close(self) -> list[PullProgress]:
        """Return the progress that the end of the body completes."""
        return self._read(self._decoder.close, at_end=True)

    def _read(self, lines: Callable[[], list[str]], *, at_end: bool) -> list[PullProgress]:
        found: list[PullProgress] = []
        try:
            for source in lines():
                progress = self._line(record(parse(source)))
                if progress is not None and progress != self._last:
                    self._last = progress
                    found.append(progress)
                if self.is_done:
                    break
        except APIError as error:
            # What is left at the end of a cut body is half a line: the cut is the failure, not the half.
            if not (at_end and isinstance(error, ProtocolError)):
                self.failure = error
        return found

    def _line(self, line: dict[str, object]) -> PullProgress | None:
        if line.get("error"):
            raise explain_line(line, self._speaker, model=self._model)
        status, digest = text(line.get("status")), text(line.get("digest"))
        if not status:
            return None
        total = integer(line.get("total"))
        if digest and total is not None and 0 < total < _LARGEST:
            if len(self._layers) >= _MOST_LAYERS:
                raise ProtocolError("The server speaks of more layers than any model has.", kind="too_many_layers")
            # A count of 0 is left out.
            done = min(max(integer(line.get("completed")) or 0, 0), total)
            before, size = self._layers.get(digest, (0, 0))
            self._layers[digest] = (done, total)
            self._completed += done - before
            self._total += total - size
        self.is_done = status == "success"
        if self.is_done:
            self._completed = self._total
        completed, known = self._completed, self._total
        percent = 100.0 if self.is_done else 100.0 * completed / known if known else None
        return PullProgress(status, digest, completed, known, percent)

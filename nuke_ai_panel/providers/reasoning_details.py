"""The opaque pieces of a model's reasoning that its server wants back unmodified, put together from a stream.

Source: https://openrouter.ai/docs/guides/best-practices/reasoning-tokens
"""

from __future__ import annotations

from nuke_ai_panel.messages import JsonObject
from nuke_ai_panel.net.json_values import text

__all__ = ["ReasoningDetails"]

#: Type of a detail to the field that comes in pieces. Everything else, encrypted data above all, is whole as it comes.
_PIECED = {"reasoning.text": "text", "reasoning.summary": "summary"}


class ReasoningDetails:
    """Details in the order in which they began."""

    def __init__(self) -> None:
        self._details: list[tuple[dict[str, object], list[str]]] = []

    def take(self, detail: dict[str, object]) -> str:
        """Keep one detail as it came in a piece of the answer; return what of it a person can read."""
        pieced = _PIECED.get(text(detail.get("type")), "")
        words = text(detail.get(pieced)) if pieced else ""
        if pieced and self._details:
            last, words_so_far = self._details[-1]
            is_signed = bool(words and last.get("signature"))
            if not is_signed and all(_agree(last.get(name), detail.get(name)) for name in ("type", "index", "id")):
                words_so_far.append(words)
                # The signature comes with the last piece, and closes the thought.
                last.update({name: value for name, value in detail.items() if value is not None and name != pieced})
                return words
        self._details.append((dict(detail), [words]))
        return words

    def whole(self) -> list[JsonObject]:
        """Return the details as the server would have sent them in one answer."""
        found: list[JsonObject] = []
        for detail, words in self._details:
            # A character may have been cut in two halves, each spelled as an escape in a piece of its own.
            joined = "".join(words).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            found.append({**detail, _PIECED[text(detail.get("type"))]: joined} if joined else detail)
        return found


def _agree(first: object, second: object) -> bool:
    return first == second or first is None or second is None

"""Messages and the pieces of text they consist of. No widgets, no layout."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal

from nuke_ai_panel_ui.transcript.blocks import BlockSplitter

if TYPE_CHECKING:
    from nuke_ai_panel_ui.transcript.rows import BlockRow, Key

__all__ = ["Message", "Role", "Segment"]

Role = Literal["user", "assistant"]

DEFAULT_TITLES = {"user": "You", "assistant": "Assistant"}


class Segment:
    """An unbroken run of Markdown inside a message: an answer up to a card, from the card on, or the body of a fold.

    Text is appended at once and split into blocks later, a bounded piece at a time (:meth:`advance`), so that neither a burst
    nor a long stored answer stops the user interface.
    """

    def __init__(self, message: Message, prefix: Key, *, plain: bool = False, dim: bool = False) -> None:
        self.message = message
        self.prefix = prefix
        self.plain = plain
        self.dim = dim
        self.splitter = BlockSplitter(plain=plain)
        #: One row for each block, kept also while a fold hides them.
        self.rows: list[BlockRow] = []
        self.is_complete = False
        self.is_shown = True
        self._is_finished = False
        self._taken: list[str] = []
        self._waiting: deque[str] = deque()
        self._waiting_size = 0

    @property
    def is_first(self) -> bool:
        """Whether nothing but the title (or the line of its fold) is above it."""
        return self.dim or self.prefix[1] == 1

    @property
    def text(self) -> str:
        """The whole text, split or not."""
        return "".join(self._taken) + "".join(self._waiting)

    @property
    def waiting(self) -> str:
        """The text that is not split into blocks yet."""
        return "".join(self._waiting)

    @property
    def waiting_size(self) -> int:
        """How many characters are not split into blocks yet."""
        return self._waiting_size

    @property
    def needs_work(self) -> bool:
        """Whether :meth:`advance` would do something."""
        return bool(self._waiting) or (self.is_complete and not self._is_finished)

    def append(self, text: str) -> None:
        """Add text at the end."""
        if text:
            self._waiting.append(text)
            self._waiting_size += len(text)

    def advance(self, limit: int) -> int:
        """Split up to `limit` more characters and return the index of the first block that may have changed."""
        pieces: list[str] = []
        size = 0
        while self._waiting and size < limit:
            piece = self._waiting.popleft()
            if size + len(piece) > limit:
                self._waiting.appendleft(piece[limit - size :])
                piece = piece[: limit - size]
            pieces.append(piece)
            size += len(piece)
        self._waiting_size -= size
        self._taken.extend(pieces)
        first = self.splitter.feed("".join(pieces))
        if self.is_complete and not self._waiting:
            first = min(first, self.splitter.finish())
            self._is_finished = True
        return first


class Message:
    """One turn of the conversation; `number` is its place and its id.

    A stored text becomes a segment only when somebody asks for it: thousands of messages are opened and few are seen.
    """

    __slots__ = ("_segments", "_stored", "next_part", "number", "role", "title")

    def __init__(self, number: int, role: Role, title: str = "", stored: str = "") -> None:
        self.number = number
        self.role: Role = role
        self.title = title or DEFAULT_TITLES[role]
        self.next_part = 1
        self._stored = stored
        self._segments: list[Segment] = []

    @property
    def segments(self) -> list[Segment]:
        """The runs of text, in order."""
        if self._stored:
            stored, self._stored = self._stored, ""
            segment = self.add_segment()
            segment.append(stored)
            segment.is_complete = True
        return self._segments

    @property
    def text(self) -> str:
        """The Markdown of the message, without folds and cards."""
        if self._stored:
            return self._stored.strip("\n")
        return "\n\n".join(text for text in (segment.text.strip("\n") for segment in self.segments) if text)

    def part_key(self) -> Key:
        """Return the key of a new part (text, card, fold) after all others."""
        key = (self.number, self.next_part)
        self.next_part += 1
        return key

    def add_segment(self) -> Segment:
        """Begin a new run of text after everything the message has."""
        segment = Segment(self, self.part_key(), plain=self.role == "user")
        self._segments.append(segment)
        return segment

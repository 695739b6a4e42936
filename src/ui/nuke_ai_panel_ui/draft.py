"""The message that is being written, and those that were sent: one for all the panels of a conversation, and outliving them."""

from __future__ import annotations

from nuke_ai_panel_ui.qt import QtCore, Signal

__all__ = ["Draft"]


class Draft(QtCore.QObject):
    """Holds what is written and not sent, while fields come and go.

    ``text`` is what the fields show. `walk` goes back through ``history``, as a shell does, and at its end comes upon what was
    written before.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.history: list[str] = []
        # Where in the history `text` is from; behind its end it is the artist's own, which is kept in `_own` meanwhile.
        self._place = 0
        self._own = ""

    def write(self, text: str) -> None:
        """Replace what is written."""
        if text != self.text:
            self.text = text
            self.changed.emit()

    def can_walk(self, step: int) -> bool:
        """Whether there is an older (-1) or a newer (1) message than the one that is shown."""
        return 0 <= self._place + step <= len(self.history)

    def walk(self, step: int) -> None:
        """Show an older (-1) or a newer (1) message, and beyond the newest what was written before."""
        if self.can_walk(step):
            self._go_to(self._place + step)

    def recall(self, text: str) -> None:
        """Show a message that was sent, to be changed and sent again; what is written can be had back with `walk`."""
        if text not in self.history:
            self.remember(text)
        self._go_to(len(self.history) - 1 - self.history[::-1].index(text))

    def remember(self, text: str) -> None:
        """Add a message that was sent to the history."""
        if self.history and self.history[-1] == text:
            return
        is_own = self._place == len(self.history)
        self.history.append(text)
        if is_own:
            self._place += 1

    def accept(self, text: str) -> None:
        """Let go of `text`, which was sent. What was written before it was recalled comes back; other words stay."""
        self.remember(text)
        if self.text.strip() == text.strip():
            own = "" if self._place == len(self.history) else self._own
            self._place, self._own = len(self.history), ""
            self.write(own)

    def _go_to(self, place: int) -> None:
        if self._place == len(self.history):
            self._own = self.text
        self._place = place
        self.write(self._own if place == len(self.history) else self.history[place])

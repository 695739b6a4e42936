"""One sentence at a time, shown for a moment above the composer."""

from __future__ import annotations

from nuke_ai_panel_ui.labels import announce
from nuke_ai_panel_ui.qt import Qt, QtCore, QtWidgets

__all__ = ["NoticeBar"]

#: How long a notice is shown, and how long where another one waits, in milliseconds.
_NOTICE_MS = 8000
_BRIEF_MS = 3000


class NoticeBar(QtWidgets.QLabel):
    """Shows notices in turn, each for a few seconds, and hides itself."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.setAccessibleName("Notice")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.hide()
        self._waiting: list[str] = []
        self.timer = QtCore.QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.timeout.connect(self._next)

    def say(self, text: str) -> None:
        """Show a sentence for a moment; one that is shown already has its time first."""
        parent = self.parentWidget()
        if parent is not None and self.isVisibleTo(parent) and self.timer.isActive():
            if text not in (self.text(), *self._waiting):
                self._waiting.append(text)
                self.timer.start(min(_BRIEF_MS, self.timer.remainingTime()))
            return
        self._put(text)

    def _next(self) -> None:
        if self._waiting:
            self._put(self._waiting.pop(0))
        else:
            self.hide()

    def _put(self, text: str) -> None:
        self.setText(text)
        self.setAccessibleName(f"Notice: {text}")
        self.show()
        announce(self)
        self.timer.start(_BRIEF_MS if self._waiting else _NOTICE_MS)

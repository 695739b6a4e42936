"""A Stop button while a script runs on the main thread, which it holds.

A script that does not come back would freeze the host with everything in it. The session calls :meth:`RunningWindow.tick` on
the main thread between two steps of the script; from then on this window takes what is clicked and typed. It is modal to the
application: while the script is at work nothing else may be touched, and nothing of our own loop runs. This is the one place
that handles Qt's events itself, for the one moment in which nobody else can.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from nuke_ai_panel_ui.labels import button, fit_height, label
from nuke_ai_panel_ui.panel_style import window_style_sheet
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets

__all__ = ["RunningWindow"]

#: Seconds after which a script is worth a window; most are done before.
_PATIENCE = 0.7
#: Milliseconds of events at each tick.
_TURN = 8


class RunningWindow(QtWidgets.QDialog):
    """Shown when a script runs longer than a moment. Esc and *Stop* call `stop`; it closes by :meth:`end` alone."""

    def __init__(self, title: str, stop: Callable[[], object], parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runningWindow")
        self.setWindowTitle("Running")
        self.setWindowModality(Qt.WindowModality.ApplicationModal)
        self._call = stop
        self._began = time.monotonic()
        self._title = title
        self._is_over = False
        self._is_built = False
        self.words = label("", dim=True)
        self.stop = button("Stop", self.request_stop, name="Stop the script and take back what it did")

    def _build(self) -> None:
        """Make what is seen; most scripts are done before anything is, and should not wait for a style sheet."""
        self._is_built = True
        self.setStyleSheet(window_style_sheet())
        rows = QtWidgets.QVBoxLayout(self)
        rows.setSpacing(8)
        rows.addWidget(label(self._title, wrap=True))
        rows.addWidget(self.words)
        self.bar = QtWidgets.QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Running")
        rows.addWidget(self.bar)
        self.stop.setObjectName("stop")
        row = QtWidgets.QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.stop)
        rows.addLayout(row)
        fit_height(self, 360)

    def tick(self) -> None:
        """Show the window when it is time, and look after its button. Called on the main thread, many times."""
        seconds = time.monotonic() - self._began
        if self._is_over or seconds < _PATIENCE:
            return
        if not self.isVisible():
            if not self._is_built:
                self._build()
            self.show()
            self.stop.setFocus()
        if self.stop.isEnabled():
            self.words.setText(f"{seconds:.0f} s so far")
        QtCore.QCoreApplication.processEvents(QtCore.QEventLoop.ProcessEventsFlag.ExcludeSocketNotifiers, _TURN)

    def request_stop(self) -> None:
        """Ask for the end; the script gets it at its next step."""
        self.stop.setEnabled(False)
        self.words.setText("Stopping\u2026")
        self._call()

    def end(self) -> None:
        """Close: the script is over."""
        self._is_over = True
        self.done(0)
        self.deleteLater()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Stop with Esc, where a dialog would close."""
        if event.key() == Qt.Key.Key_Escape:
            self.request_stop()
            return
        super().keyPressEvent(event)

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Take the window's own button as Stop: the script goes on until it is over."""
        if self._is_over:
            super().closeEvent(event)
            return
        event.ignore()
        self.request_stop()

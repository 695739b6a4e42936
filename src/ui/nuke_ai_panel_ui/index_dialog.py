"""*Index this Nuke*: reads which classes and knobs this installation really has, with progress and a way out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.nk.catalogue_index import IndexStep, index_this_nuke
from nuke_ai_panel_ui.labels import button, fit_height, label
from nuke_ai_panel_ui.panel_style import window_style_sheet
from nuke_ai_panel_ui.qt import QtCore, QtWidgets
from nuke_ai_panel_ui.theme import Theme

__all__ = ["IndexDialog"]

_log = logging.getLogger(__name__)

#: Seconds of reading before Qt gets its turn; a frame has 16 ms.
_SLICE = 0.008


class IndexDialog(QtWidgets.QDialog):
    """Works a few milliseconds at a time on the main thread, where Nuke wants it. Closing the window stops it.

    Args:
        nuke: the running Nuke's module.
        folder: where the index is kept, one file a version.
    """

    def __init__(self, nuke: Any, folder: Path, parent: QtWidgets.QWidget | None = None, *, theme: Theme | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("indexDialog")
        self.setWindowTitle("Index this Nuke")
        self.setStyleSheet(window_style_sheet(theme))
        self._begin: Callable[[bool], Iterator[IndexStep]] = lambda force: index_this_nuke(nuke, folder, force=force)
        self._steps: Iterator[IndexStep] | None = None
        rows = QtWidgets.QVBoxLayout(self)
        rows.addWidget(
            label(
                "Reads the node classes, gizmos and plug-ins of this Nuke, so that generated work is checked against what is "
                "really here. The script stays as it is.",
                dim=True,
                wrap=True,
            )
        )
        self.bar = QtWidgets.QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        rows.addWidget(self.bar)
        self.words = label("", wrap=True)
        rows.addWidget(self.words)
        self.again = button("Index again", lambda: self.begin(force=True))
        self.leave = button("Cancel", self.reject)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.again)
        buttons.addWidget(self.leave)
        rows.addLayout(buttons)
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._work)
        self.finished.connect(lambda *_: self._stop())
        fit_height(self, 420)

    def begin(self, *, force: bool = False) -> None:
        """Begin; with `force` also where an index of this very build is there. Returns at once."""
        self._stop()
        self._steps = self._begin(force)
        self.again.hide()
        self.leave.setText("Cancel")
        self.bar.setValue(0)
        self.words.setText("Beginning\u2026")
        self._timer.start()
        self.show()
        self.raise_()
        self.activateWindow()

    @property
    def is_working(self) -> bool:
        """Whether classes are being read."""
        return self._steps is not None

    def _work(self) -> None:
        end = time.perf_counter() + _SLICE
        step: IndexStep | None = None
        try:
            while time.perf_counter() < end:
                step = next(self._steps, None) if self._steps is not None else None
                if step is None or step.path is not None:
                    break
        except (NukeAIPanelError, OSError) as error:
            self._end(f"Not indexed: {error}")
            return
        except Exception:  # noqa: BLE001 - a plug-in of this Nuke may raise anything; the artist must see that it ended
            _log.exception("This Nuke was not indexed")
            self._end("Not indexed: this Nuke could not be read. The log holds the details.")
            return
        if step is None:
            self._end("Not indexed.")
        elif step.path is not None:
            self.bar.setValue(1000)
            self._end(f"{step.text}. Checks use them from now on.")
        else:
            self.bar.setValue(round(step.fraction * 1000))
            self.words.setText(step.text)

    def _end(self, words: str) -> None:
        self._stop()
        self.words.setText(words)
        # How it ended may take more lines than what is being read.
        fit_height(self, self.width())
        self.again.show()
        self.leave.setText("Close")

    def _stop(self) -> None:
        self._timer.stop()
        steps, self._steps = self._steps, None
        close = getattr(steps, "close", None)
        if close is not None:
            # The index leaves the script as it was in its last lines.
            close()

"""The staged connection test as a widget: each step with its state, its time, and on failure what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.providers.diagnosis import STEP_TITLES, Step, StepName, StepState
from nuke_ai_panel_ui.host_loop import HostLoop
from nuke_ai_panel_ui.icons import pixmap
from nuke_ai_panel_ui.labels import button, label
from nuke_ai_panel_ui.qt import Qt, QtCore, QtWidgets, Signal, is_valid
from nuke_ai_panel_ui.theme import Theme

__all__ = ["ConnectionView"]

_STATE_WORDS: dict[StepState, str] = {
    "waiting": "",
    "running": "Testing",
    "passed": "",
    "warning": "",
    "failed": "Failed",
    "not_reached": "Not reached",
    "cancelled": "Cancelled",
}


class _StepRow:
    """The widgets of one step."""

    def __init__(self, grid: QtWidgets.QGridLayout, row: int, title: str) -> None:
        self.mark = QtWidgets.QLabel()
        self.title = label(title)
        self.text = label("", wrap=True, selectable=True)
        self.next_step = label("", dim=True, wrap=True, selectable=True)
        self.time = label("", dim=True)
        top = Qt.AlignmentFlag.AlignTop
        grid.addWidget(self.mark, 2 * row, 0, top)
        grid.addWidget(self.title, 2 * row, 1, top)
        grid.addWidget(self.text, 2 * row, 2)
        grid.addWidget(self.time, 2 * row, 3, top | Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self.next_step, 2 * row + 1, 2, 1, 2)
        self.next_step.hide()
        self.step: Step | None = None

    def show(self, step: Step | None, theme: Theme, turn: float) -> None:
        """Show `step`, or that it was not begun."""
        self.step = step
        state: StepState = step.state if step is not None else "waiting"
        self.text.setText((step.text if step is not None else "") or _STATE_WORDS[state])
        self.next_step.setText(step.next_step if step is not None else "")
        self.next_step.setVisible(bool(self.next_step.text()))
        took = step.milliseconds if step is not None else None
        self.time.setText("" if took is None else f"{took:.0f} ms" if took < 10_000 else f"{took / 1000:.0f} s")
        dim = state in ("waiting", "not_reached", "cancelled")
        for part in (self.title, self.text):
            name = "dim" if dim else ""
            if part.objectName() != name:
                part.setObjectName(name)
                part.style().unpolish(part)
                part.style().polish(part)
        spoken = ", ".join(word for word in (_STATE_WORDS[state] or state, self.text.text(), self.next_step.text()) if word)
        self.title.setAccessibleDescription(spoken)
        self.draw_mark(theme, turn)

    def draw_mark(self, theme: Theme, turn: float) -> None:
        """Draw the state's mark; a running step's turns."""
        state: StepState = self.step.state if self.step is not None else "waiting"
        name, colour = {
            "passed": ("check", theme.ok),
            "warning": ("warning", theme.accent),
            "failed": ("cross", theme.error),
            "running": ("spinner", theme.accent),
        }.get(state, ("dash", theme.dim))
        ratio = self.mark.devicePixelRatioF()
        image = pixmap(name, colour, round((theme.font_px + 2) * ratio), turn=turn if state == "running" else 0)
        image.setDevicePixelRatio(ratio)
        # As high as the first line of the words, which may be several.
        self.mark.setFixedHeight(self.title.fontMetrics().lineSpacing())
        self.mark.setPixmap(image)


class ConnectionView(QtWidgets.QWidget):
    """Runs one test at a time on the host loop. ``finished`` says that it ended, in whichever way.

    Args:
        loop: where the test runs.
        begin: returns the test of exactly what is in the form; called when the test begins.
        report: turns the steps into a text that is free of secrets.
    """

    finished = Signal()

    def __init__(
        self,
        loop: HostLoop,
        begin: Callable[[], AsyncIterator[Step]],
        report: Callable[[Sequence[Step]], str],
        theme: Theme,
    ) -> None:
        super().__init__()
        self._loop, self._begin, self._report, self._theme = loop, begin, report, theme
        self._task: asyncio.Task[None] | None = None
        self._steps: dict[StepName, Step] = {}
        self._is_cancelled = False
        self._turn = 0.0
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        self._grid_box = QtWidgets.QWidget()
        grid = QtWidgets.QGridLayout(self._grid_box)
        grid.setContentsMargins(0, 2, 0, 2)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(2, 1)
        self.rows: dict[StepName, _StepRow] = {
            name: _StepRow(grid, number, title) for number, (name, title) in enumerate(STEP_TITLES.items())
        }
        self._grid_box.hide()
        rows.addWidget(self._grid_box)
        row = QtWidgets.QHBoxLayout()
        self.verdict = label("", wrap=True)
        self.verdict.setAccessibleName("Result of the connection test")
        row.addWidget(self.verdict, 1)
        self.copy = button("Copy report", self.copy_report)
        self.cancel = button("Cancel", self.stop, name="Cancel the connection test")
        self.test = button("Test connection", self.start)
        for each in (self.copy, self.cancel, self.test):
            row.addWidget(each)
        rows.addLayout(row)
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(60)
        self._timer.timeout.connect(self._tick)
        self._show_state()

    @property
    def is_running(self) -> bool:
        """Whether a test is on its way."""
        return self._task is not None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the last test, as far as they were begun."""
        return tuple(self._steps[name] for name in STEP_TITLES if name in self._steps)

    def start(self) -> None:
        """Begin a test; one that is running goes on instead."""
        if self._task is not None:
            return
        self._steps.clear()
        self._is_cancelled = False
        self._grid_box.show()
        self._timer.start()
        self._task = self._loop.spawn(self._run(self._begin()))
        # Not in the coroutine: one that is cancelled before its first step runs none of its own lines.
        self._task.add_done_callback(self._ended)
        self._show_state()

    def stop(self) -> None:
        """Cancel the running test; its connection is closed at once."""
        if self._task is not None:
            self._is_cancelled = True
            self._task.cancel()

    def report_text(self) -> str:
        """Return the last test as text, free of secrets."""
        return self._report(self.steps)

    def copy_report(self) -> None:
        """Put the report on the clipboard."""
        QtWidgets.QApplication.clipboard().setText(self.report_text())

    async def _run(self, steps: AsyncIterator[Step]) -> None:
        try:
            async for step in steps:
                self._steps[step.name] = step
                self.rows[step.name].show(step, self._theme, self._turn)
        except NukeAIPanelError as error:
            self._steps["address"] = Step("address", "failed", str(error))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        self._is_cancelled = self._is_cancelled or task.cancelled()
        if not is_valid(self):
            return
        self._timer.stop()
        self._end_steps()
        self._show_state()
        self.finished.emit()

    def _end_steps(self) -> None:
        """No step may be left as if it still ran."""
        for name, step in list(self._steps.items()):
            if step.state in ("running", "waiting"):
                state: StepState = "cancelled" if self._is_cancelled else "not_reached"
                self._steps[name] = Step(name, state, "", "", step.milliseconds)
        for name in STEP_TITLES:
            if self._steps and name not in self._steps:
                self._steps[name] = Step(name, "not_reached")

    def _verdict(self) -> tuple[str, str]:
        states = {step.state for step in self._steps.values()}
        if self._task is not None:
            return "Testing\u2026", "dim"
        if not states:
            return "", "dim"
        if self._is_cancelled or "cancelled" in states:
            return "Cancelled", "dim"
        if "failed" in states or not states & {"passed", "warning"}:
            return "Not working yet", "problem"
        return ("Works, with a remark", "warning") if "warning" in states else ("Ready to use", "good")

    def _show_state(self) -> None:
        for name, row in self.rows.items():
            row.show(self._steps.get(name), self._theme, self._turn)
        words, name_of_style = self._verdict()
        self.verdict.setText(words)
        self.verdict.setObjectName(name_of_style)
        self.verdict.style().unpolish(self.verdict)
        self.verdict.style().polish(self.verdict)
        running = self._task is not None
        self.cancel.setVisible(running)
        self.test.setVisible(not running)
        self.test.setText("Test again" if self._steps else "Test connection")
        self.test.setAccessibleName(self.test.text())
        self.copy.setVisible(bool(self._steps) and not running)

    def _tick(self) -> None:
        self._turn = (self._turn + 24) % 360
        for row in self.rows.values():
            if row.step is not None and row.step.state == "running":
                row.draw_mark(self._theme, self._turn)

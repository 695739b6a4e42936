"""Measure how long a Qt application's main thread does not answer, and whose fault that is.

A precise timer beats every few milliseconds. What a beat is late by is split into

* ``cpu``: the main thread itself was computing,
* ``blocked``: it waited for a lock, a file or the interpreter lock,
* ``pre-empted``: it wanted to run and the machine gave the core to something else (Linux tells: schedstat's run delay).

The first two are the application's *own* time; the third is noise of a busy machine and is not counted. Elsewhere than on Linux
the split into blocked and pre-empted is unknown, so only cpu counts as own.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src" / "ui"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from nuke_ai_panel_ui.qt import QT6, Qt, QtCore

THRESHOLDS = (8, 16, 33, 50, 100)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 to 100) percent of `values` lie."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = (len(ordered) - 1) * share / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


class RunDelay:
    """Seconds that the calling thread was ready to run without a core, since boot of the thread; None where unknown."""

    def __init__(self) -> None:
        path = f"/proc/self/task/{threading.get_native_id()}/schedstat"
        self._file = os.open(path, os.O_RDONLY) if os.path.exists(path) else None

    def read(self) -> float | None:
        if self._file is None:
            return None
        return int(os.pread(self._file, 64, 0).split()[1]) / 1e9

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


@dataclass(frozen=True)
class Report:
    """All figures in milliseconds, one per beat."""

    seconds: float
    late: list[float]
    own: list[float]
    cpu: list[float]

    @property
    def busy_percent(self) -> float:
        return sum(self.cpu) / (self.seconds * 10) if self.seconds else 0.0

    def over(self, milliseconds: float) -> int:
        return sum(1 for value in self.own if value > milliseconds)

    def line(self, name: str) -> str:
        """Return one row of a table; :func:`heading` names its columns."""
        own = self.own
        counts = "  ".join(f"{self.over(limit):4d}" for limit in THRESHOLDS)
        figures = "  ".join(f"{value:7.2f}" for value in (percentile(own, 50), percentile(own, 99), max(own, default=0.0)))
        return f"{name:44s} {figures}  {counts}  {self.busy_percent:6.1f}  {max(self.late, default=0.0):8.1f}"


def heading() -> str:
    counts = "  ".join(f">{limit:3d}" for limit in THRESHOLDS)
    title = f"{'own time per 4 ms beat, in ms':44s} {'median':>7s}  {'p99':>7s}  {'max':>7s}"
    return f"{title}  {counts}  {'busy %':>6s}  {'max wall':>8s}"


class StallProbe:
    """Watch the main thread between :meth:`start` and :meth:`stop`, both called on it."""

    def __init__(self, interval: int = 4) -> None:
        self._interval = interval
        self._timer = QtCore.QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._late: list[float] = []
        self._own: list[float] = []
        self._cpu: list[float] = []

    def start(self) -> StallProbe:
        self._delay = RunDelay()
        self._began = self._last = time.perf_counter()
        self._last_cpu = time.thread_time()
        self._last_delay = self._delay.read()
        self._timer.start(self._interval)
        return self

    def stop(self) -> Report:
        self._beat()
        self._timer.stop()
        self._delay.close()
        return Report(time.perf_counter() - self._began, self._late, self._own, self._cpu)

    def _beat(self) -> None:
        now, cpu, delay = time.perf_counter(), time.thread_time(), self._delay.read()
        gap = (now - self._last) * 1000
        burned = (cpu - self._last_cpu) * 1000
        late = max(0.0, gap - self._interval)
        if delay is None or self._last_delay is None:
            own = min(late, burned)
        else:
            preempted = min(late, (delay - self._last_delay) * 1000)
            blocked = max(0.0, late - preempted - burned)
            own = min(late, burned + blocked)
        self._late.append(late)
        self._own.append(own)
        self._cpu.append(burned)
        self._last, self._last_cpu, self._last_delay = now, cpu, delay


def run_event_loop(seconds: float) -> None:
    """Run Qt's event loop for that long."""
    loop = QtCore.QEventLoop()
    QtCore.QTimer.singleShot(int(seconds * 1000), loop.quit)
    loop.exec() if QT6 else loop.exec_()


def measure(action: Callable[[], None], seconds: float) -> Report:
    """Start `action`, run the event loop for `seconds`, and report."""
    probe = StallProbe().start()
    action()
    run_event_loop(seconds)
    return probe.stop()

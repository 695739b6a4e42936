"""Print how long the main thread stalls while an answer streams, for the transcript and for the usual way to do it.

Side by side in one run: the transcript with a stored conversation above the answer, and ``QTextBrowser.setMarkdown`` of the
whole answer for every token. Both get the same tokens at the same pace, continuing an answer of some length. The floor is the
same machine with nothing to do, before and after.

    python benchmarks/stream_stalls.py [--seconds 4] [--rate 150] [--tokens 10000] [--messages 2000]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stall_probe import Report, heading, measure, run_event_loop

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from sample_text import answer, conversation, tokens

from nuke_ai_panel_ui.qt import BINDING, QtCore, QtWidgets
from nuke_ai_panel_ui.theme import nuke_palette
from nuke_ai_panel_ui.transcript.view import TranscriptView

SIZE = (420, 900)


class Pacer(QtCore.QObject):
    """Hand tokens out at a steady rate: all that are due at each tick of 5 ms, as they would come off a socket."""

    def __init__(self, pieces: Iterator[str], rate: float, take: Callable[[str], None]) -> None:
        super().__init__()
        self._pieces, self._rate, self._take = pieces, rate, take
        self.count = 0
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._began = time.perf_counter()
        self._timer.start(5)

    def stop(self) -> None:
        self._timer.stop()

    def _tick(self) -> None:
        due = int((time.perf_counter() - self._began) * self._rate) - self.count
        for _ in range(min(due, 4)):
            self._take(next(self._pieces))
            self.count += 1


def stream_into_transcript(pieces: list[str], known: int, options: argparse.Namespace) -> tuple[Report, int]:
    view = TranscriptView()
    view.resize(*SIZE)
    view.show()
    view.set_messages(conversation(options.messages))
    run_event_loop(1.0)
    view.begin_answer("model")
    view.feed("".join(pieces[:known]))
    run_event_loop(1.0)
    return _stream(pieces, known, options, view.feed, view)


def stream_into_text_browser(pieces: list[str], known: int, options: argparse.Namespace) -> tuple[Report, int]:
    browser = QtWidgets.QTextBrowser()
    browser.resize(*SIZE)
    browser.show()
    text = ["".join(pieces[:known])]

    def take(piece: str) -> None:
        text[0] += piece
        browser.setMarkdown(text[0])
        bar = browser.verticalScrollBar()
        bar.setValue(bar.maximum())

    take("")
    run_event_loop(0.3)
    return _stream(pieces, known, options, take, browser)


def _stream(
    pieces: list[str], known: int, options: argparse.Namespace, take: Callable[[str], None], widget: QtWidgets.QWidget
) -> tuple[Report, int]:
    pacer = Pacer(iter(pieces[known:]), options.rate, take)
    report = measure(pacer.start, options.seconds)
    pacer.stop()
    widget.close()
    widget.deleteLater()
    run_event_loop(0.1)
    return report, pacer.count


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each of them streams")
    parser.add_argument("--rate", type=float, default=150.0, help="tokens per second")
    parser.add_argument("--tokens", type=int, default=10_000, help="length of the answer so far")
    parser.add_argument("--messages", type=int, default=2000, help="stored messages above the answer")
    options = parser.parse_args()
    app = QtWidgets.QApplication(sys.argv[:1])
    app.setStyle("Fusion")
    app.setPalette(nuke_palette())
    more = int(options.rate * options.seconds) + 100
    pieces = tokens(answer((options.tokens + more) * 5, seed=3))[: options.tokens + more]
    print(f"{BINDING} {QtCore.qVersion()}, {app.platformName()}, Python {sys.version.split()[0]}, {SIZE[0]} x {SIZE[1]} px")
    print(f"{options.rate:g} tokens/s for {options.seconds:g} s, after an answer of {options.tokens:,} tokens so far")
    print(heading())
    print(measure(lambda: None, 1.0).line("nothing to do (floor, before)"))
    ours, shown = stream_into_transcript(pieces, options.tokens, options)
    print(ours.line(f"transcript, {options.messages:,} messages ({shown} tokens shown)"), flush=True)
    peer, shown_by_peer = stream_into_text_browser(pieces, options.tokens, options)
    print(peer.line(f"QTextBrowser.setMarkdown ({shown_by_peer} tokens shown)"))
    print(measure(lambda: None, 1.0).line("nothing to do (floor, after)"))


if __name__ == "__main__":
    main()

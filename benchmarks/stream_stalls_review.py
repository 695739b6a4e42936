"""Print how long the main thread stalls when a review card, its like, or what a large script brings with it is shown.

Each row is one thing that an artist does or sees, with the panel, its style sheet and its layout as they are. The host is a
document with that many nodes; what a host itself takes to run, read and undo is told apart from what stands beside it.

    python -m benchmarks.stream_stalls_review [--nodes 2000 10000]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.stall_probe import heading, measure, run_event_loop

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from nuke_ai_panel.agent.session_events import (
    AnswerFinished,
    AnswerStarted,
    PromptAdded,
    ProposalReviewed,
    SessionCleared,
    TextArrived,
    ToolAnswered,
    ToolCalled,
)
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.messages import Usage
from nuke_ai_panel.scripting.checkpoints import CheckpointStore
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.reviewing import review
from nuke_ai_panel.settings import SettingsStore
from nuke_ai_panel_ui.controller import PanelController
from nuke_ai_panel_ui.panel import Panel
from nuke_ai_panel_ui.qt import BINDING, QtCore, QtWidgets
from nuke_ai_panel_ui.theme import nuke_palette

#: Seconds that each row is watched.
WATCHED = 0.8
#: Seconds that a run and an undo are watched: what they changed is found out meanwhile.
FOLLOWED = 3.0
BLUR = "import nuke\nnuke.nodes.Blur(name='Soft', size=10)\n"
ROW = """import nuke
last = nuke.toNode('Grade0')
for i in range({}):
    last = nuke.nodes.Blur(name=f'B{{i}}', inputs=[last])
"""


def script_of(nodes: int) -> bytes:
    """Return a script of `nodes` nodes in rows of eight, the last one selected."""
    lines = ["version 15.1 v3", "Root {\n inputs 0\n name /shots/large.nk\n}"]
    for number in range(nodes):
        start = " inputs 0\n" if number % 8 == 0 else ""
        selected = " selected true\n" if number == nodes - 1 else ""
        place = f" xpos {number // 8 * 120}\n ypos {number % 8 * 80}\n"
        lines.append(f"Grade {{\n{start} white {1 + number % 7 / 10}\n name Grade{number}\n{selected}{place}}}")
    return ("\n".join(lines) + "\n").encode()


@contextmanager
def panel_on(folder: Path, nodes: int) -> Iterator[Panel]:
    """Show a panel on a script of `nodes` nodes; no server answers it."""
    path = folder / f"large{nodes}.nk"
    path.write_bytes(script_of(nodes))
    store = SettingsStore(folder / "settings.json", environ={})
    store.save({"servers.ollama.base_url": "http://127.0.0.1:9", "servers.openrouter.enabled": False})
    controller = PanelController()
    controller.configure(DocumentHost.open(path), store=store, credentials=Credentials(environ={}))
    panel = Panel(controller)
    panel.resize(420, 900)
    panel.show()
    run_event_loop(1.0)
    controller.session.select_model("ollama", "model")
    yield panel
    panel.close()
    panel.deleteLater()
    controller.loop.shutdown()
    run_event_loop(0.1)


def begin(panel: Panel) -> None:
    """Begin a new conversation with an answer."""
    controller = panel._controller
    for event in (SessionCleared(), PromptAdded("soften it"), AnswerStarted("model"), TextArrived("Here you are.")):
        controller._on_event(event)
    run_event_loop(0.3)


def row(name: str, action: Callable[[], object]) -> None:
    """Print the stalls of one action."""
    print(measure(lambda: action() and None, WATCHED).line(name), flush=True)


def cards(panel: Panel) -> None:
    """Show cards of every size, 40 tool calls, the code and the changes of a card."""
    controller = panel._controller
    snapshot = controller.host.snapshot()

    def checked(code: str) -> Review:
        return asyncio.new_event_loop().run_until_complete(review(ScriptProposal("python", code, "AI: soften it"), snapshot))

    many_lines = BLUR + "".join(f"# line {number} of a script that is long\n" for number in range(500))
    for name, code in (
        ("a first card", BLUR),
        ("a card", BLUR),
        ("a card, 60 nodes and their picture", ROW.format(60)),
        ("a card, 200 nodes", ROW.format(200)),
        ("a card, 500 lines of code", many_lines),
    ):
        found = checked(code)
        begin(panel)
        row(name, lambda found=found: controller._on_event(ProposalReviewed(1, found)))  # type: ignore[misc]
        card = panel.conversation.cards[1]
        if "200" in name:
            row("its picture, when asked for", card.picture._press)
            row("its changes, opened", card.fold.switch.click)
        if "500" in name:
            row("its code, opened", card.code.switch.click)
            row("a key typed into it", lambda card=card: card.code.lines.insertPlainText("x"))  # type: ignore[misc]
    begin(panel)

    def calls() -> None:
        for number in range(40):
            controller._on_event(ToolCalled(str(number), "get_node", '{"node": "Grade1"}'))
            controller._on_event(ToolAnswered(str(number), "Grade1 is a Grade.\n" * 40, seconds=0.01))

    row("40 tool calls at once", calls)
    controller._on_event(AnswerFinished("", "model", Usage()))


def await_card(panel: Panel) -> int:
    """Run the event loop until a proposal is reviewed; return its number."""
    record = panel._controller.record
    end = time.monotonic() + 60
    while not record.proposals and time.monotonic() < end:
        run_event_loop(0.1)
    return next(iter(record.proposals))


def large_script(panel: Panel, folder: Path, nodes: int) -> None:
    """Do what depends on the size of the script."""
    controller = panel._controller
    begin(panel)
    controller._on_event(AnswerFinished("", "model", Usage()))
    row(f"{nodes:,} nodes: the pointer comes in", panel._show_context)
    row(f"{nodes:,} nodes: what will be sent", panel._open_context)
    assert panel._context is not None
    panel._context.hide()
    controller.desk.check(ScriptProposal("python", BLUR, "AI: soften it"))
    number = await_card(panel)
    host = Watched(controller.host)
    desk = controller.desk
    name = f"{nodes:,} nodes"
    host.row(f"{name}: Run", lambda: desk.apply(number))
    host.row(f"{name}: Undo", lambda: desk.undo(number))
    controller._on_event(SessionCleared())
    begin(panel)
    controller._on_event(AnswerFinished("", "model", Usage()))
    controller.desk.check(ScriptProposal("python", BLUR, "AI: soften it"))
    number = await_card(panel)
    desk.apply(number)
    run_event_loop(FOLLOWED)
    document = host.document
    document.node("Grade0").selected = True
    host.row(f"{name}: Undo, another node selected", lambda: desk.undo(number))
    if controller.record.proposals[number].state != "undone":
        raise SystemExit(f"The run was not undone: {controller.record.proposals[number].note}")


class Watched:
    """Tells what a host itself takes of the main thread, by watching the calls that run, read and undo."""

    def __init__(self, host: DocumentHost) -> None:
        self.document = host.document
        self._spent: dict[str, list[float]] = {}
        for call in ("run_python", "snapshot", "undo"):
            setattr(host, call, self._timed(call, getattr(host, call)))

    def _timed(self, call: str, function: Callable[..., object]) -> Callable[..., object]:
        def timed(*arguments: object, **options: object) -> object:
            began = time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                self._spent.setdefault(call, []).append((time.thread_time() - began) * 1000)

        return timed

    def row(self, name: str, action: Callable[[], object]) -> None:
        """Print the stalls of one action and of what follows it, and what the longest has beside the host's own work."""
        self._spent.clear()
        beside: list[float] = []

        def act() -> None:
            began = time.thread_time()
            action()
            beside.append((time.thread_time() - began) * 1000 - sum(sum(each) for each in self._spent.values()))

        report = measure(act, FOLLOWED)
        print(report.line(name))
        calls = ", ".join(f"{call} {' + '.join(f'{each:.0f}' for each in spent)}" for call, spent in self._spent.items())
        later = sorted(report.own)[-2]
        print(
            f"  the host itself: {calls} ms; beside it {beside[0]:.1f} ms; the longest other stall {later:.1f} ms", flush=True
        )


def menus(panel: Panel) -> None:
    """Open the menu of 200 checkpoints."""
    controller = panel._controller
    records = controller.session.proposals.records
    store = records.checkpoints if records is not None else None
    if not isinstance(store, CheckpointStore) or records is None:
        return
    for number in range(200):
        store.take(b"Blur {\n}\n", conversation=records.conversation, turn=number, title=f"request {number}")
    row("the menu, 200 checkpoints", panel.header.more.menu().aboutToShow.emit)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--nodes", type=int, nargs="*", default=[2000, 10_000], help="sizes of the script")
    options = parser.parse_args()
    app = QtWidgets.QApplication(sys.argv[:1])
    app.setStyle("Fusion")
    app.setPalette(nuke_palette())
    print(f"{BINDING} {QtCore.qVersion()}, {app.platformName()}, Python {sys.version.split()[0]}")
    print(heading())
    print(measure(lambda: None, WATCHED).line("nothing to do (floor, before)"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["NUKE_AI_PANEL_CONFIG_DIR"] = str(folder / "config")
        with panel_on(folder, 20) as panel:
            cards(panel)
            menus(panel)
        for nodes in options.nodes:
            with panel_on(folder, nodes) as panel:
                large_script(panel, folder, nodes)
    print(measure(lambda: None, WATCHED).line("nothing to do (floor, after)"))


if __name__ == "__main__":
    main()

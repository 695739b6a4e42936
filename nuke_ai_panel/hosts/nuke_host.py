"""The session the artist sits in: Nuke's Python API behind the capabilities of a host.

The only module that imports ``nuke``, and only when a host is made without one. Every call is made on Nuke's main thread,
wherever it comes from, and every change is one undo step. No node object is kept between calls: it dies with the next undo,
delete or script load (``ValueError: A PythonObject is not attached to a node``), a full name does not.
"""

from __future__ import annotations

import contextlib
import importlib
import linecache
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Optional

from nuke_ai_panel.errors import (
    HostError,
    KnobNotFoundError,
    NkError,
    NukeAIPanelError,
)
from nuke_ai_panel.hosts.base import NodeInfo, RunResult, WatchesScript
from nuke_ai_panel.hosts.going_back import EarlierState, earlier_state
from nuke_ai_panel.hosts.nuke_access import GROUPS, USER_KNOB, NukeAccess
from nuke_ai_panel.hosts.nuke_script_text import is_same_node, script_text
from nuke_ai_panel.hosts.output import ScriptOutput, captured
from nuke_ai_panel.nk.catalogue import default_catalogue
from nuke_ai_panel.nk.document import loads
from nuke_ai_panel.nk.graph_diff import diff
from nuke_ai_panel.nk.node_problems import expression_problems, open_inputs
from nuke_ai_panel.nk.words import quote, unquote

__all__ = ["NukeHost"]

#: First words of a name in an expression that are no node's name.
_RELATIVE = frozenset({"this", "root", "parent", "input", "topnode", "value", "knob", "rootnode"})

#: Between a node and the one below it, in units of the node graph.
_GAP = 26


class NukeHost:
    """The running Nuke.

    ``nuke_module`` is the module to drive; by default the ``nuke`` of this process is imported.

    Methods may be called from any thread of a Nuke with a window: they run on its main thread, and the caller waits for as
    long as Nuke is busy. In a terminal session (``nuke -t``) nothing serves such calls, so there they are for the main thread.

    Raises:
        HostError: from every method, where Nuke refuses. In Non-commercial and Indie editions every method but
            :meth:`script_name` and :meth:`paste_text` raises EditionLimitError: they give Python ten node objects a script.
    """

    def __init__(self, nuke_module: Any = None) -> None:
        if nuke_module is None:
            try:
                nuke_module = importlib.import_module("nuke")
            except ImportError as error:
                raise HostError("This is not Nuke: there is no module 'nuke'. Open a .nk file instead.") from error
        self._nuke = nuke_module
        self._access = NukeAccess(nuke_module)

    # reading

    def script_name(self) -> str:
        """Return the script's path, "" for one that was never saved."""
        # Root.name() says "Root" for a script without a file; the knob is empty then.
        return self._access.on_main(lambda: str(self._nuke.root()["name"].value() or ""))

    def nodes(self, *, recurse: bool = False, class_name: str = "", most: int = 0) -> Sequence[NodeInfo]:
        """Return the nodes of the root, or of all groups too with `recurse`; of one class only where one is named.

        The first `most` of them where that is not 0.
        """

        def read() -> list[NodeInfo]:
            found = self._access.walk(self._nuke.root(), recurse)
            wanted = (node for node in found if not class_name or node.Class() == class_name)
            return [self._access.info(node) for node in islice(wanted, most or None)]

        return self._access.on_graph(read)

    def node(self, path: str) -> NodeInfo:
        """Return one node. Raises: NodeNotFoundError."""
        return self._access.on_graph(lambda: self._access.info(self._access.find(path)))

    def problems(self, path: str) -> Sequence[str]:
        """Return what is wrong with a node: what Nuke says of it, its open inputs, and expressions that lead nowhere.

        Raises: NodeNotFoundError.
        """
        return self._access.on_graph(lambda: list(self._wrong_with(self._access.find(path))))

    def selected(self) -> Sequence[NodeInfo]:
        """Return the selected nodes of the root."""

        def read() -> list[NodeInfo]:
            return [self._access.info(node) for node in self._access.walk(self._nuke.root(), False) if node.isSelected()]

        return self._access.on_graph(read)

    def selected_paths(self) -> Sequence[str]:
        """Return the full names of the selected nodes of the root."""
        return self._access.on_graph(
            lambda: [node.fullName() for node in self._access.walk(self._nuke.root(), False) if node.isSelected()]
        )

    def class_counts(self) -> Mapping[str, int]:
        """Return how many nodes of each class the root holds."""
        return self._access.on_graph(lambda: Counter(node.Class() for node in self._access.walk(self._nuke.root(), False)))

    def settings(self) -> Mapping[str, str]:
        """Return the settings of the script that differ from their default."""
        return self._access.on_graph(lambda: {name: unquote(word) for name, word in self._access.knob_words(self._nuke.root())})

    def snapshot(self) -> bytes:
        """Return the whole script as .nk text, as it stands now, saved or not.

        The text is built node by node from ``writeKnobs``, which only reads. ``nodeCopy`` would copy the selection, so that
        everything had to be selected and the artist's selection put back; ``scriptSave`` to another file would run the
        studio's save callbacks.
        """
        return self._access.on_graph(lambda: script_text(self._access))

    # changing

    def create_node(
        self, class_name: str, *, knobs: Mapping[str, str] | None = None, inputs: Sequence[str | None] = ()
    ) -> NodeInfo:
        """Create a node in the root, connected to the nodes named in `inputs`; the selection stays as it is.

        Raises:
            NodeNotFoundError: a node named in `inputs` does not exist.
            KnobNotFoundError: the class has no such knob.
        """

        def change() -> NodeInfo:
            sources = [None if name is None else self._access.find(name) for name in inputs]
            # Unlike createNode, nuke.nodes neither connects to the selection nor opens the node's panel.
            node = getattr(self._nuke.nodes, class_name)()
            for name, value in (knobs or {}).items():
                self._set(node, name, value)
            for index, source in enumerate(sources):
                if source is not None:
                    self._connect(node, index, source)
            if not {"xpos", "ypos"} & set(knobs or {}) and sources and sources[0] is not None:
                self._place_below(node, sources[0])
            return self._access.info(node)

        return self._access.on_graph(change, step=f"Create {class_name}")

    def delete_node(self, path: str) -> None:
        """Delete a node; what read from it reads from its first input. Raises: NodeNotFoundError."""

        def change() -> None:
            node = self._access.find(path)
            through = node.input(0) if node.inputs() else None
            heir = None if through is None else through.fullName()
            flags = self._nuke.INPUTS | self._nuke.HIDDEN_INPUTS
            readers = [
                (reader.fullName(), index)
                for reader in node.dependent(flags)
                for index in range(reader.inputs())
                if is_same_node(reader.input(index), node)
            ]
            self._nuke.delete(node)
            for name, index in readers:
                reader = self._access.find(name)
                source = None if heir is None else self._access.find(heir)
                if source is not None and reader.input(index) is None:
                    self._connect(reader, index, source)

        self._access.on_graph(change, step=f"Delete {path}")

    def connect(self, path: str, input_index: int, source: str | None) -> None:
        """Connect input `input_index` (from 0) of the node to `source`, or open it with None. Raises: NodeNotFoundError."""

        def change() -> None:
            self._connect(self._access.find(path), input_index, None if source is None else self._access.find(source))

        self._access.on_graph(change, step=f"Connect {path}")

    def set_knob(self, path: str, knob: str, value: str) -> None:
        """Set a knob from its .nk text. Raises: NodeNotFoundError, KnobNotFoundError."""
        self._access.on_graph(lambda: self._set(self._access.find(path), knob, value), step=f"Set {path}.{knob}")

    def undo(self) -> bool:
        """Take the last step back; False when there is none."""

        def change() -> bool:
            undo = self._nuke.Undo
            if not undo.undoSize():
                return False
            undo.undo()
            return True

        return self._access.on_graph(change)

    # running and saving

    def run_python(self, code: str, *, title: str, watch: Optional[WatchesScript] = None) -> RunResult:
        """Run `code` as the Script Editor would, in the root, as one undo step named `title`; roll back when it raises.

        What it prints is captured; what Nuke itself prints to the terminal is not. It blocks Nuke while it runs.
        """
        return self._access.on_graph(lambda: self._run(code, title, watch))

    def restore(self, snapshot: bytes, *, title: str) -> RunResult:
        """Let the script be what `snapshot` says, as one undo step; its name stays, and code in the text is not run.

        Callbacks of nodes are set as data once the nodes are there. ``output`` names what Nuke did not take over.
        """
        try:
            wanted = earlier_state(snapshot)
        except NkError as error:
            return RunResult(error=f"The script of that moment cannot be read: {error}")

        def change() -> RunResult:
            try:
                with self._access.undo_step(title):
                    self._go_back(wanted)
            except (RuntimeError, ValueError, TypeError, NameError, AttributeError, NukeAIPanelError) as error:
                return RunResult(error=f"Nuke could not go back, and the script is as it was: {error}")
            left = diff(loads(snapshot), loads(script_text(self._access)))
            # What Root is called is the path of the file, which stays.
            left = replace(left, knobs=tuple(each for each in left.knobs if (each.path, each.knob) != ("Root", "name")))
            return RunResult("\n".join(left.lines()))

        return self._access.on_graph(change)

    def paste_text(self, text: str, *, title: str) -> RunResult:
        """Add the nodes of the .nk `text` to the root as one undo step. Works in every edition: no node passes through Python.

        Nuke runs the code that such text carries, as with every paste.
        """

        def change() -> RunResult:
            try:
                with self._access.in_root(), self._access.undo_step(title):
                    self._nuke.scriptReadText(text)
            except (RuntimeError, ValueError, TypeError) as error:
                return RunResult(error=f"Nuke cannot read these nodes: {error}")
            return RunResult()

        return self._access.on_main(change)

    def save(self, path: str = "") -> str:
        """Save to `path` (an existing file is replaced), or to where it was read from; return the path. Raises: HostError."""

        def write() -> str:
            name = str(self._nuke.root()["name"].value() or "")
            if path:
                self._nuke.scriptSaveAs(path, 1)
            elif name:
                # Without a name and a path Nuke would open its file browser and wait.
                self._nuke.scriptSave()
            else:
                raise HostError("The script was never saved. Give it a file name.")
            return path or name

        return self._access.on_main(write)

    def _wrong_with(self, node: Any) -> Iterator[str]:
        try:
            has_error = bool(node.hasError())
        except (RuntimeError, AttributeError, NukeAIPanelError):
            # Nuke cannot even validate the node, or it is none that knows.
            has_error = False
        if has_error:
            yield "Nuke shows an error on it"
        words = self._access.knob_words(node)
        if any(word.startswith(("{", '"')) for _, word in words):
            # Its knobs alone, as a script: what leads nowhere there is looked for in Nuke.
            body = "".join(f" {quote(name)} {word}\n" for name, word in words)
            alone = loads(f"{node.Class()} {{\n inputs 0\n{body} name {node.name()}\n}}\n".encode())
            for knob, expression, problem in expression_problems(next(iter(alone.top.nodes)), self._leads_nowhere(node)):
                yield f"{knob} holds {expression[:160]!r}, {problem}"
        if node.Class() not in GROUPS:
            connected = [node.input(index) is not None for index in range(node.inputs())]
            problem = open_inputs(node.Class(), connected, default_catalogue())
            if problem:
                yield problem

    def _leads_nowhere(self, node: Any) -> Callable[[str], bool]:
        """Return the test whether a name in an expression of `node` is that of no node that Nuke finds."""
        group = node.fullName().rpartition(".")[0]

        def test(name: str) -> bool:
            words = name.split(".")
            if words[0] in _RELATIVE or len(words) < 2 or not all(map(str.isidentifier, words)):
                return False
            places = [f"{group}.{words[0]}" if group else words[0], words[0]]
            return not any(self._nuke.toNode(place) is not None for place in places)

        return test

    def _set(self, node: Any, knob: str, value: str) -> None:
        found = node.knob(knob)
        if found is None:
            raise KnobNotFoundError(f"{node.fullName()} ({node.Class()}) has no knob {knob!r}.")
        if found.fromScript(value) is False:
            raise HostError(f"{node.fullName()}.{knob} does not take {value!r}.")

    def _connect(self, node: Any, index: int, source: Any) -> None:
        if not 0 <= index < node.maxInputs():
            raise HostError(f"{node.fullName()} ({node.Class()}) has no input {index}.")
        if node.setInput(index, source) is False:
            name = "nothing" if source is None else source.fullName()
            raise HostError(f"Input {index} of {node.fullName()} cannot be connected to {name}.")

    @staticmethod
    def _place_below(node: Any, source: Any) -> None:
        x = source.xpos() + (source.screenWidth() - node.screenWidth()) // 2
        node.setXYpos(int(x), int(source.ypos() + source.screenHeight() + _GAP))

    # going back

    def _go_back(self, wanted: EarlierState) -> None:
        for node in self._nuke.allNodes(group=self._nuke.root()):
            self._nuke.delete(node)
        self._nuke.scriptReadText(wanted.nodes)
        root = self._nuke.root()
        kept = {name for name, _ in wanted.root}
        for name, _ in self._access.knob_words(root):
            knob = root.knob(name)
            if name not in kept and name != USER_KNOB and knob is not None:
                knob.clearAnimated()
                knob.setValue(knob.defaultValue())
        root.readKnobs("\n".join(f"{quote(name)} {word}" for name, word in wanted.root))
        for path, name, text in wanted.callbacks:
            self._access.find(path)[name].setValue(text)
        for node in self._access.walk(root, False):
            node.setSelected(node.name() in wanted.selected)

    # generated code

    def _run(self, code: str, title: str, watch: Optional[WatchesScript]) -> RunResult:
        filename = f"<{title}>"
        output = ScriptOutput()
        # A traceback then shows the lines of the script.
        linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
        try:
            with captured(output), self._importable():
                compiled = compile(code, filename, "exec", dont_inherit=True)
                # Named __main__, so that the usual last lines of a script run too.
                namespace = {"__name__": "__main__", "nuke": self._nuke}
                with self._access.undo_step(title), watch.running(compiled) if watch is not None else contextlib.nullcontext():
                    exec(compiled, namespace)  # noqa: S102 - the artist has agreed to it
        except BaseException as error:  # noqa: BLE001 - the code is a stranger's; what ends it does not end Nuke
            return RunResult(output.text(), _traceback_of(error, filename))
        return RunResult(output.text())

    @contextlib.contextmanager
    def _importable(self) -> Iterator[None]:
        """Let ``import nuke`` in the code find the module that this host drives; in Nuke it does already."""
        missing = object()
        before: Any = sys.modules.get("nuke", missing)
        if before is self._nuke:
            yield
            return
        sys.modules["nuke"] = self._nuke
        try:
            yield
        finally:
            if before is missing:
                sys.modules.pop("nuke", None)
            else:
                sys.modules["nuke"] = before


def _traceback_of(error: BaseException, filename: str) -> str:
    """Return a traceback that begins in the script, not in this module."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != filename:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))

"""A host without Nuke: a .nk document, and Python that runs against an emulated ``nuke`` module over it."""

from __future__ import annotations

import builtins
import contextlib
import os
import traceback
import types
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Optional, Union

from nuke_ai_panel.errors import HostError, KnobNotFoundError, NkError, NodeNotFoundError, NotSimulatedError
from nuke_ai_panel.hosts.base import NodeInfo, RunResult, WatchesScript
from nuke_ai_panel.hosts.output import ScriptOutput, captured
from nuke_ai_panel.nk.catalogue import Catalogue
from nuke_ai_panel.nk.document import Document, load, new_script
from nuke_ai_panel.nk.emulation import emulate, script_errors
from nuke_ai_panel.nk.emulation.content import replace_content
from nuke_ai_panel.nk.emulation.module import session_of
from nuke_ai_panel.nk.emulation.session import NotRun
from nuke_ai_panel.nk.emulation.session_notes import session_notes
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.nk.node_problems import node_problems

__all__ = ["DocumentHost"]

_FILE_NAME = "<proposal>"


class DocumentHost:
    """The assistant's host over a .nk document. Belongs to one thread at a time."""

    def __init__(self, document: Document | None = None) -> None:
        self._document = document if document is not None else new_script()
        self._steps: list[int] = []
        self._not_run: list[NotRun] = []
        self._session_notes: list[str] = []

    @classmethod
    def open(cls, path: Union[str, os.PathLike[str]]) -> DocumentHost:
        """Open a script from disk. Raises: OSError, NkSyntaxError, EncryptedScriptError."""
        return cls(load(path))

    @property
    def document(self) -> Document:
        """The document as it stands; change it through the host, so that undo knows."""
        return self._document

    # Reading

    def script_name(self) -> str:
        """Return the script's path, "" for one that was never saved."""
        return self._document.path

    def nodes(self, *, recurse: bool = False, class_name: str = "", most: int = 0) -> Sequence[NodeInfo]:
        """Return the nodes of the root, or of all groups too with `recurse`; of one class only where one is named.

        The first `most` of them where that is not 0.
        """
        document = self._document
        found = document.nodes_of_class(class_name, recurse=recurse) if class_name else document.nodes(recurse=recurse)
        return [_info(node) for node in islice(found, most or None)]

    def node(self, path: str) -> NodeInfo:
        """Return one node. Raises: NodeNotFoundError."""
        return _info(self._document.node(path))

    def problems(self, path: str) -> Sequence[str]:
        """Return what is wrong with a node as far as the script tells: its expressions and open inputs.

        Raises: NodeNotFoundError.
        """
        return list(node_problems(self._document.node(path), Catalogue.for_document(self._document)))

    def selected(self) -> Sequence[NodeInfo]:
        """Return the selected nodes of the root."""
        return [_info(node) for node in self._document.selected()]

    def selected_paths(self) -> Sequence[str]:
        """Return the full names of the selected nodes of the root."""
        return [node.path for node in self._document.selected()]

    def class_counts(self) -> Mapping[str, int]:
        """Return how many nodes of each class the root holds."""
        return Counter(node.class_name for node in self._document.top.nodes)

    def settings(self) -> Mapping[str, str]:
        """Return the settings of the script that differ from their default."""
        root = self._document.root_node
        return {} if root is None else dict(root.knobs)

    def snapshot(self) -> bytes:
        """Return the whole script as .nk text with the present selection."""
        return self._document.to_bytes(with_selection=True)

    # Changing

    def create_node(
        self, class_name: str, *, knobs: Mapping[str, str] | None = None, inputs: Sequence[str | None] = ()
    ) -> NodeInfo:
        """Create a node in the root, connected to the nodes named in `inputs`. Raises: NodeNotFoundError, HostError."""
        with self._step():
            nuke = emulate(self._document)
            session = session_of(nuke)
            sources = [None if path is None else session.handle(self._document.node(path)) for path in inputs]
            made = getattr(nuke.nodes, class_name)(inputs=sources)
            for name, value in (knobs or {}).items():
                made[name].fromScript(value)
            return _info(made._attached())

    def delete_node(self, path: str) -> None:
        """Delete a node; what read from it reads from its first input. Raises: NodeNotFoundError."""
        with self._step():
            self._document.delete(self._document.node(path))

    def connect(self, path: str, input_index: int, source: str | None) -> None:
        """Connect input `input_index` (from 0) of the node to `source`, or open it with None. Raises: NodeNotFoundError."""
        with self._step():
            session = session_of(emulate(self._document))
            node = session.handle(self._document.node(path))
            other = None if source is None else session.handle(self._document.node(source))
            if not node.setInput(input_index, other):
                raise HostError(f"Input {input_index} of {path} cannot be connected to {source or 'nothing'}.")

    def set_knob(self, path: str, knob: str, value: str) -> None:
        """Set a knob from its .nk text. Raises: NodeNotFoundError, KnobNotFoundError."""
        with self._step():
            session = session_of(emulate(self._document))
            session.handle(self._document.node(path))[knob].fromScript(value)

    def undo(self) -> bool:
        """Take the last step back; False when there is none."""
        if not self._steps:
            return False
        self._document.roll_back(self._steps.pop())
        return True

    @contextlib.contextmanager
    def _step(self) -> Iterator[None]:
        mark = self._document.mark()
        try:
            yield
        except (NodeNotFoundError, KnobNotFoundError, NotSimulatedError):
            self._document.roll_back(mark)
            raise
        except (NkError, RuntimeError, ValueError, TypeError) as error:
            self._document.roll_back(mark)
            raise HostError(str(error)) from error
        except BaseException:
            self._document.roll_back(mark)
            raise
        self._end_step(mark)

    # Running

    def run_python(self, code: str, *, title: str, watch: Optional[WatchesScript] = None) -> RunResult:
        """Run `code` with ``nuke`` in reach as one undo step; roll back when it raises, whatever it raises.

        ``sys.modules`` is not touched: ``import nuke`` inside of the code gives the emulated module, everywhere else
        whatever was there before.
        """
        del title
        output = ScriptOutput()
        nuke = emulate(self._document, write=output.write)
        self._not_run = session_of(nuke).not_run
        self._session_notes = []
        mark = self._document.mark()
        try:
            program = compile(code, _FILE_NAME, "exec", dont_inherit=True)
            namespace = _namespace(nuke)
            with captured(output):
                with watch.running(program) if watch is not None else contextlib.nullcontext():
                    exec(program, namespace)  # noqa: S102  running generated code is what this is for
                while session_of(nuke).main_calls.serve():
                    pass
        except BaseException as error:  # noqa: BLE001  SystemExit and KeyboardInterrupt end the script, not the host
            self._document.roll_back(mark)
            return RunResult(output.text(), _traceback(error, code))
        self._session_notes = session_notes(session_of(nuke))
        self._end_step(mark)
        return RunResult(output.text())

    def restore(self, snapshot: bytes, *, title: str) -> RunResult:
        """Let the document be what `snapshot` says, as one undo step; where it is saved to stays. Raises: nothing."""
        del title
        mark = self._document.mark()
        if snapshot == self.snapshot():
            return RunResult()
        try:
            replace_content(self._document, snapshot)
        except NkError as error:
            self._document.roll_back(mark)
            return RunResult(error=f"The script of that moment cannot be read: {error}")
        self._end_step(mark)
        return RunResult()

    def paste_text(self, text: str, *, title: str) -> RunResult:
        """Add the nodes of the .nk `text` to the root as one undo step; roll back when it cannot be read."""
        return self.run_python(f"nuke.scriptReadText({text!r})", title=title)

    def _end_step(self, mark: int) -> None:
        if self._document.mark() > mark:
            self._steps.append(mark)

    @property
    def not_run(self) -> Sequence[NotRun]:
        """The code in nodes that the last script has read from text, which Nuke would have run; nothing of it was run here."""
        return tuple(self._not_run)

    @property
    def session_notes(self) -> Sequence[str]:
        """What the last script did to the session besides the open script: menus, panels, callbacks, defaults, in sentences."""
        return tuple(self._session_notes)

    # Saving

    def save(self, path: str = "") -> str:
        """Save to `path`, or to where it was read from; return the path. Raises: ScriptChangedError, HostError."""
        try:
            return self._document.save(path)
        except (NkError, OSError) as error:
            raise HostError(f"The script could not be saved: {error}") from error


def _info(node: Node) -> NodeInfo:
    return NodeInfo(
        path=node.path,
        class_name=node.class_name,
        inputs=tuple(None if source is None else source.path for source in node.inputs),
        knobs=dict(node.knobs),
        selected=node.selected,
        xpos=node.xpos,
        ypos=node.ypos,
    )


def _namespace(nuke: types.ModuleType) -> dict[str, Any]:
    def import_module(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002  the names of __import__
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> types.ModuleType:
        if level == 0:
            if name == "nuke":
                return nuke
            if name == "nukescripts" or (name == "nukescripts.panels" and not fromlist):
                return library
            if name == "nukescripts.panels":
                panels: types.ModuleType = library.panels
                return panels
            if name.split(".")[0] in ("nuke", "nukescripts", "hiero"):
                raise script_errors.NotSimulatedError(f"The module {name} is not simulated.")
        return builtins.__import__(name, globals, locals, fromlist, level)

    library: types.ModuleType = session_of(nuke).library
    own = dict(vars(builtins))
    own["__import__"] = import_module
    return {"__name__": "__main__", "__file__": _FILE_NAME, "__builtins__": own, "nuke": nuke}


def _traceback(error: BaseException, code: str) -> str:
    """Return the traceback with the script's own frames only, each with its line of `code`."""
    lines = ["", *code.splitlines()]
    frames: list[traceback.FrameSummary] = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == _FILE_NAME:
            number = frame.lineno or 0
            line = lines[number] if number < len(lines) else ""
            frames.append(traceback.FrameSummary(_FILE_NAME, number, frame.name, line=line))
    text = ["Traceback (most recent call last):\n", *traceback.format_list(frames)] if frames else []
    text.extend(traceback.format_exception_only(type(error), error))
    return "".join(text)

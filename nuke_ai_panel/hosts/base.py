"""What the assistant may ask of a host, as small capabilities.

``NukeHost`` (the session the artist sits in) and ``DocumentHost`` (a .nk file, no Nuke) provide all of them and pass one
contract suite. Calls are made on the host's main thread; each returns plain values, never a host object, because a node object
dies with the next undo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import CodeType
from typing import Optional, Protocol

__all__ = [
    "EditsGraph",
    "Host",
    "NodeInfo",
    "PastesText",
    "ReadsGraph",
    "RestoresScript",
    "RunResult",
    "RunsScripts",
    "SavesScript",
    "WatchesScript",
]


@dataclass(frozen=True)
class NodeInfo:
    """A node as data.

    ``path`` is the full name (``"Group1.Grade1"``); ``inputs`` holds the names of the connected nodes by input number, None
    where an input in between is open; ``knobs`` holds the knobs that differ from their default, as the .nk format writes them.
    """

    path: str
    class_name: str
    inputs: tuple[str | None, ...] = ()
    knobs: Mapping[str, str] = field(default_factory=dict)
    selected: bool = False
    xpos: int = 0
    ypos: int = 0


@dataclass(frozen=True)
class RunResult:
    """What running a script did. ``error`` is the traceback's text, "" when it ran through; an error changes nothing."""

    output: str = ""
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the script ran to its end."""
        return not self.error


class ReadsGraph(Protocol):
    """Reading the script; changes nothing."""

    def script_name(self) -> str:
        """Return the script's path, "" for one that was never saved."""
        ...

    def nodes(self, *, recurse: bool = False, class_name: str = "", most: int = 0) -> Sequence[NodeInfo]:
        """Return the nodes of the root, or of all groups too with `recurse`; of one class only where one is named.

        The first `most` of them where that is not 0: a node costs what its knobs cost.
        """
        ...

    def node(self, path: str) -> NodeInfo:
        """Return one node. Raises: NodeNotFoundError."""
        ...

    def problems(self, path: str) -> Sequence[str]:
        """Return what is wrong with a node, a sentence each: expressions that lead nowhere, open inputs, the host's own error.

        Only what can be told without rendering. The sentences may hold words of the script. Raises: NodeNotFoundError.
        """
        ...

    def selected(self) -> Sequence[NodeInfo]:
        """Return the selected nodes of the root."""
        ...

    def selected_paths(self) -> Sequence[str]:
        """Return the full names of the selected nodes of the root; cheap on any script, reads no knobs."""
        ...

    def class_counts(self) -> Mapping[str, int]:
        """Return how many nodes of each class the root holds; cheap on any script, reads no knobs."""
        ...

    def settings(self) -> Mapping[str, str]:
        """Return the settings of the script that differ from their default: format, fps, range, colour management."""
        ...

    def snapshot(self) -> bytes:
        """Return the whole script as .nk text, as it stands now, saved or not."""
        ...


class EditsGraph(Protocol):
    """Changing the script; each call is one undo step."""

    def create_node(
        self, class_name: str, *, knobs: Mapping[str, str] | None = None, inputs: Sequence[str | None] = ()
    ) -> NodeInfo:
        """Create a node in the root, connected to the nodes named in `inputs`. Raises: NodeNotFoundError, HostError."""
        ...

    def delete_node(self, path: str) -> None:
        """Delete a node; what read from it reads from its first input. Raises: NodeNotFoundError."""
        ...

    def connect(self, path: str, input_index: int, source: str | None) -> None:
        """Connect input `input_index` (from 0) of the node to `source`, or open it with None. Raises: NodeNotFoundError."""
        ...

    def set_knob(self, path: str, knob: str, value: str) -> None:
        """Set a knob from its .nk text. Raises: NodeNotFoundError, KnobNotFoundError."""
        ...

    def undo(self) -> bool:
        """Take the last step back; False when there is none."""
        ...


class WatchesScript(Protocol):
    """What watches over a script while it runs, and may end it by an exception of its own inside of it."""

    def running(self, code: CodeType) -> AbstractContextManager[None]:
        """Return what is to be entered right around the execution of `code`, in its thread, and nothing else."""
        ...


class RunsScripts(Protocol):
    """Running generated Python, after the artist has agreed."""

    def run_python(self, code: str, *, title: str, watch: Optional[WatchesScript] = None) -> RunResult:
        """Run `code` with ``nuke`` in reach as one undo step named `title`; roll back when it raises, whatever it raises.

        Of long output the middle is left out. `watch` looks after it while it runs.
        """
        ...


class RestoresScript(Protocol):
    """Going back to an earlier state of the script."""

    def restore(self, snapshot: bytes, *, title: str) -> RunResult:
        """Let the script be what `snapshot` says, Root settings included, as one undo step named `title`.

        The script keeps its file name. Code in the text is not run. Where it fails, ``error`` says why and nothing has changed;
        ``output`` names what the host did not take over, "" when it took all. Raises: HostError.
        """
        ...


class PastesText(Protocol):
    """Adding nodes from text, without touching one node by Python."""

    def paste_text(self, text: str, *, title: str) -> RunResult:
        """Add the nodes of the .nk `text` to the root as one undo step named `title`; roll back when it cannot be read."""
        ...


class SavesScript(Protocol):
    """Writing the script to disk."""

    def save(self, path: str = "") -> str:
        """Save to `path`, or to where it was read from; return the path. Raises: ScriptChangedError, HostError."""
        ...


class Host(ReadsGraph, EditsGraph, RunsScripts, RestoresScript, PastesText, SavesScript, Protocol):
    """A host with every capability."""

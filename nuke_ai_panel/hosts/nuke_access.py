"""How Nuke's Python API is called: on its main thread, in the root, as one undo step, and nodes read as plain values."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from nuke_ai_panel.errors import EditionLimitError, HostError, NodeNotFoundError, NukeAIPanelError
from nuke_ai_panel.hosts.base import NodeInfo
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote

__all__ = ["GROUPS", "USER_KNOB", "NukeAccess"]

_T = TypeVar("_T")

#: Classes whose nodes hold nodes that stand in the script; those of a gizmo stand in its own file.
GROUPS = frozenset({"Group", "LiveGroup", "VariableGroup"})
USER_KNOB = "addUserKnob"
_PLACE = frozenset({"inputs", "name", "selected", "xpos", "ypos"})

_TEN_NODES = (
    "Nuke {edition} lets Python touch only ten nodes of a script, so the panel cannot read or change this one. "
    "Copy the script and run it in the Script Editor yourself, or open the script in a full Nuke."
)


class NukeAccess:
    """The module ``nuke`` with what every call of it needs. Node objects that it hands out live until the call's end."""

    def __init__(self, nuke_module: Any) -> None:
        self.nuke = nuke_module

    def on_graph(self, call: Callable[[], _T], *, step: str = "") -> _T:
        """Make a call that touches nodes, in the root's context; as one undo step when it has a name."""

        def inside() -> _T:
            self._check_edition()
            with self.in_root():
                if not step:
                    return call()
                with self.undo_step(step):
                    return call()

        return self.on_main(inside)

    def on_main(self, call: Callable[[], _T]) -> _T:
        """Make a call on the main thread and wait for it. Raises: HostError where Nuke refuses."""
        if threading.current_thread() is threading.main_thread():
            return self._translated(call)
        if not self._env("gui"):
            raise HostError("A terminal session of Nuke serves calls on its main thread only. Make this call there.")
        # executeInMainThreadWithResult prints an exception and returns None, so the outcome comes in an envelope.
        envelope: list[tuple[str, Any]] = []

        def fill() -> None:
            try:
                envelope.append(("value", self._translated(call)))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                envelope.append(("error", error))

        self.nuke.executeInMainThreadWithResult(fill, ())
        if not envelope:
            raise HostError("Nuke ended the call without an outcome. Try again.")
        kind, outcome = envelope[0]
        if kind == "error":
            raise outcome
        value: _T = outcome
        return value

    @staticmethod
    def _translated(call: Callable[[], _T]) -> _T:
        try:
            return call()
        except NukeAIPanelError:
            raise
        except (RuntimeError, ValueError, TypeError, NameError, AttributeError, OSError) as error:
            raise HostError(f"Nuke refused: {error}") from error

    def _env(self, key: str) -> bool:
        # nuke.env is a mapping of Nuke's own; keys differ between releases.
        try:
            return bool(self.nuke.env[key])
        except KeyError:
            return False

    def _check_edition(self) -> None:
        for key, edition in (("nc", "Non-commercial"), ("indie", "Indie")):
            if self._env(key):
                raise EditionLimitError(_TEN_NODES.format(edition=edition))

    @contextlib.contextmanager
    def in_root(self) -> Iterator[None]:
        """Work in the root, whichever group a callback or another tool has begun."""
        root = self.nuke.root()
        root.begin()
        try:
            yield
        finally:
            root.end()

    @contextlib.contextmanager
    def undo_step(self, title: str) -> Iterator[None]:
        """Make what happens inside one undo step; an exception takes it back."""
        undo = self.nuke.Undo()
        undo.begin(title)
        try:
            yield
        except BaseException:
            undo.cancel()
            raise
        undo.end()

    def find(self, path: str) -> Any:
        """Return the node of that full name. Raises: NodeNotFoundError."""
        node = self.nuke.toNode(path)
        if node is None:
            raise NodeNotFoundError(f"The script has no node {path!r}.")
        return node

    def walk(self, group: Any, recurse: bool) -> Iterator[Any]:
        """Yield the nodes of `group`, in the order of the script; with `recurse` those of the groups in it too."""
        # allNodes(recurseGroups=True) would also enter gizmos, whose nodes are not part of the script.
        # Nuke lists the newest node first; the order of the script is the other way round.
        for node in reversed(self.nuke.allNodes(group=group)):
            yield node
            if recurse and node.Class() in GROUPS:
                yield from self.walk(node, recurse)

    def info(self, node: Any) -> NodeInfo:
        """Return a node as data."""
        inputs = [None if source is None else source.fullName() for source in map(node.input, range(node.inputs()))]
        knobs = {name: unquote(word) for name, word in self.knob_words(node) if name != USER_KNOB}
        return NodeInfo(
            path=node.fullName(),
            class_name=node.Class(),
            inputs=tuple(inputs),
            knobs=knobs,
            selected=bool(node.isSelected()),
            xpos=int(node.xpos()),
            ypos=int(node.ypos()),
        )

    def knob_words(self, node: Any) -> list[tuple[str, str]]:
        """Return name and value word of each knob that a script would write, but for name, place and selection."""
        flags = self.nuke.TO_SCRIPT | self.nuke.WRITE_USER_KNOB_DEFS | self.nuke.WRITE_NON_DEFAULT_ONLY
        text = str(node.writeKnobs(flags))
        try:
            words = list_words(text)
        except DamagedWordError as error:
            raise HostError(f"Nuke's text of {node.fullName()} cannot be read: {error}.") from error
        pairs = zip(words[::2], words[1::2])
        return [(unquote(name), word) for name, word in pairs if unquote(name) not in _PLACE]

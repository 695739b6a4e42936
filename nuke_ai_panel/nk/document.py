"""A .nk script as a document: loaded without loss, changed node by node, saved without touching what did not change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Union

from nuke_ai_panel.errors import EncryptedScriptError, NkError, NkSyntaxError
from nuke_ai_panel.nk.changes import ChangingScript, rename_variables, stem_of
from nuke_ai_panel.nk.node import GROUP_CLASSES, Node, Scope
from nuke_ai_panel.nk.node_text import NodeText
from nuke_ai_panel.nk.parser import ENCRYPTED
from nuke_ai_panel.nk.saving import fingerprint, write_script
from nuke_ai_panel.nk.snippets import snippet_of
from nuke_ai_panel.nk.words import DamagedWordError, word_end

__all__ = ["Document", "load", "loads", "new_script"]

_NEW_SCRIPT = b"""version 15.1 v3
Root {
 inputs 0
 frame 1
 first_frame 1
 last_frame 100
 fps 24
 format "1920 1080 0 0 1920 1080 1 HD_1080"
}
"""
_ENCRYPTED_SUFFIXES = (".nknc", ".gznc", ".nkind", ".gzind", ".nkple")


class Document(ChangingScript):
    """A script, a gizmo or a snippet.

    Use :func:`load` or :func:`loads`. A document belongs to one thread at a time. Every change can be taken back: take a
    :meth:`mark` before it and :meth:`roll_back` to it.
    """

    def create(
        self,
        class_name: str,
        *,
        name: str = "",
        knobs: Mapping[str, str] | None = None,
        inputs: Sequence[Node | None] = (),
        group: Node | None = None,
    ) -> Node:
        """Create a node in the root or in `group`, read by nothing yet.

        Without `name` it gets the next free one of its class, as in Nuke. `knobs` holds .nk texts, ``xpos`` and ``ypos``
        among them.
        """
        scope = self._scope(group)
        if not class_name or any(mark in class_name for mark in ' \t\n{}"[];$\\'):
            raise NkError(f"{class_name!r} is no node class.")
        indent = " " * scope.depth
        newline = self.newline
        node = Node(scope, class_name, NodeText(f"{indent}{class_name} {{", newline + indent, "}" + newline))
        if class_name in GROUP_CLASSES:
            node.children = Scope(self, node)
            node.end_text = f"{indent}end_group{newline}"
        self._put(node, name or stem_of(class_name))
        for knob, value in (knobs or {}).items():
            if knob == "selected":
                node.selected = value.lower() in ("true", "1")
            elif knob != "name":
                self.set_knob(node, knob, value)
        self._set_inputs(node, list(inputs), forced=True)
        return node

    def paste(self, text: str, *, group: Node | None = None) -> list[Node]:
        """Add the nodes of a snippet, renamed where a name is taken, connected among themselves as it says.

        Their texts stay as they are, those of classes that nobody knows too. Raises: NkError, NkSyntaxError.
        """
        scope = self._scope(group)
        snippet = Document(text.replace("\r\n", "\n").replace("\n", self.newline).encode("utf-8", "surrogateescape"))
        if any(node.class_name == "clone" for node in snippet.nodes(recurse=True)):
            raise NkError("The snippet holds a clone without its original; copy the original with it.")
        fresh = {variable: self._fresh_variable(variable[:1]) for variable in snippet.names_read if variable in self.names_read}
        added: list[Node] = []
        for node in snippet.top.nodes:
            for inner in [node, *(snippet.walk(node.children) if node.children else ())]:
                if inner.clone_of is not None:
                    self._adopt_clone(inner, fresh)
                if inner.children is not None:
                    inner.children.document = self
                    rename_variables(inner.children, fresh)
            wired = node._inputs
            node._inputs = []
            node.scope = scope
            self._put(node, None if node.clone_of is not None else node.name)
            node._inputs = wired
            added.append(node)
        for variable, named in snippet.names_read.items():
            self.names_read.setdefault(fresh.get(variable, variable), named)
        for node in added:
            wired, node._inputs = node._inputs, []
            self._set_inputs(node, wired, forced=True)
        return added

    def to_snippet(self, nodes: Iterable[Node]) -> str:
        """Return nodes of one group as the text of a snippet, in Nuke's order and with their texts as they are.

        What they read from outside of `nodes` becomes the node that the snippet is pasted after. Raises: NkError.
        """
        chosen = list(nodes)
        for node in chosen:
            self._check(node)
        return snippet_of(self, chosen)

    def copy(self, nodes: Iterable[Node], *, to: Document | None = None, group: Node | None = None) -> list[Node]:
        """Copy nodes of one group into `group`, here or in the document `to`; return the copies in file order."""
        return (to or self).paste(self.to_snippet(nodes), group=group)

    def delete(self, node: Node) -> None:
        """Delete a node with all that is inside of it; what read from it reads from its first input."""
        self._check(node)
        if node is self.root_node:
            raise NkError("The script's Root cannot be deleted.")
        heirs = self._heirs(node)
        through = node._inputs[0] if node._inputs and node._inputs[0] is not node else None
        for reader in node.dependents:
            # What the deleted node read from cannot read from its reader, so no loop comes of it.
            self._set_inputs(reader, [through if source is node else source for source in reader._inputs])
        for original, others in heirs.items():
            self._hand_on(original, others)
        self._take_out(node)
        for scope in dict.fromkeys([node.scope, *(heir.scope for others in heirs.values() for heir in others)]):
            self._settle_clones(scope)

    def connect(self, node: Node, index: int, source: Node | None) -> None:
        """Connect input `index` (from 0) to `source`, or open it with None. Raises: NkError for a loop or another group."""
        self._check(node)
        if index < 0:
            raise NkError(f"A node has no input {index}.")
        if source is not None:
            self._check(source)
            if source.scope is not node.scope:
                raise NkError(f"{node.path} and {source.path} stand in different groups and cannot be connected.")
            if self._reads_from(source, node):
                raise NkError(f"Connecting {node.path} to {source.path} would make a loop.")
        wanted = list(node._inputs)
        wanted.extend([None] * (index + 1 - len(wanted)))
        wanted[index] = source
        self._set_inputs(node, wanted)
        self._settle_clones(node.scope)

    def set_knob(self, node: Node, knob: str, value: str, *, scalar: bool = False) -> None:
        """Set a knob from its .nk text; ``{...}`` is a list unless `scalar` says that it is one plain string.

        Changes the knob's own line, or adds one where Nuke would write it. Raises: NkError for ``inputs``.
        """
        self._check(node)
        if knob == "inputs":
            raise NkError("Inputs are connected, not set as a knob.")
        if knob == "name" and node is not self.root_node:
            self.rename(node, value)
            return
        if knob == "selected":
            self.select(node, value.lower() in ("true", "1"))
            return
        if not knob:
            raise NkError("A knob needs a name.")
        holder = node if node.clone_of is None or knob in ("xpos", "ypos") else node.clone_of
        body = holder.text.with_value(knob, value, class_name=holder.class_name, newline=self.newline, scalar=scalar)
        self._set_body(holder, body, knob)

    def clear_knob(self, node: Node, knob: str) -> None:
        """Take a knob's line out, so that it stands at its default."""
        self._check(node)
        holder = node if node.clone_of is None or knob in ("xpos", "ypos") else node.clone_of
        self._set_body(holder, holder.text.without(knob), knob)

    def set_body(self, node: Node, body: str) -> None:
        """Replace the inside of a node's braces. Raises: NkError where `body` would not stay inside of them."""
        self._check(node)
        try:
            sound = word_end("{" + body + "}", 0) == len(body) + 2 and NodeText("", body, "").spans is not None
        except DamagedWordError:
            sound = False
        if not sound:
            raise NkError(f"The text for {node.path} has braces, quotes or brackets that are not closed.")
        self._set_body(node, body)

    def rename(self, node: Node, name: str) -> None:
        """Rename a node. Raises: NkError where the name is no name or is taken."""
        self._check(node)
        if not name or not (name[0].isalpha() or name[0] == "_") or not all(c.isalnum() or c == "_" for c in name):
            raise NkError(f"{name!r} is no node name: letters, digits and '_' only, no digit first.")
        if node.name == name:
            return
        if node.scope.find(name) is not None:
            raise NkError(f"There is a node {name!r} already.")
        holder = node.clone_of or node
        body = holder.text.with_value("name", name, class_name=holder.class_name, newline=self.newline, scalar=True)
        self._set_body(holder, body, "name")

    def select(self, node: Node, selected: bool = True) -> None:
        """Select a node or take it out of the selection; the script's text does not change by it."""
        self._check(node)
        before = node.selected
        if before != selected:
            node.selected = selected
            self._log.append(lambda: setattr(node, "selected", before))

    def save(self, path: str | os.PathLike[str] = "", *, overwrite_changed: bool = False) -> str:
        """Write the script to `path`, or to where it was read from, in one step; return the path.

        A file that changed on disk after it was read is not written over unless `overwrite_changed` says so; neither is
        another file's content lost half way: the new bytes go to a file beside it that then takes its place.
        Raises: ScriptChangedError, NkError without a path, OSError.
        """
        target = os.fspath(path) or self.path
        if not target:
            raise NkError("The script was never saved; give a path to save it to.")
        data = self.to_bytes()
        same = bool(self.path) and os.path.realpath(self.path) == os.path.realpath(target)
        write_script(target, data, known=self._known_on_disk if same and not overwrite_changed else None)
        self.path = target
        self._known_on_disk = fingerprint(data)
        return target


def load(path: Union[str, os.PathLike[str]], *, recover: bool = False) -> Document:
    """Load a script from disk; with `recover` the readable part of a damaged one, see :func:`loads`.

    Raises: OSError, NkSyntaxError, EncryptedScriptError.
    """
    name = os.fspath(path)
    data = Path(path).read_bytes()
    try:
        return Document(data, name, recover=recover and not name.endswith(_ENCRYPTED_SUFFIXES))
    except NkSyntaxError:
        if not name.endswith(_ENCRYPTED_SUFFIXES):
            raise
    raise EncryptedScriptError(ENCRYPTED)


def loads(data: bytes, *, recover: bool = False) -> Document:
    """Load a script from bytes.

    With `recover` damage is noted in :attr:`Document.damage` and reading goes on at the next line that begins a command; what
    could not be read is kept, and written back as it was. Raises: NkSyntaxError, EncryptedScriptError.
    """
    return Document(data, recover=recover)


def new_script() -> Document:
    """Return an empty script with a header and a Root, as a new session has it."""
    return Document(_NEW_SCRIPT)

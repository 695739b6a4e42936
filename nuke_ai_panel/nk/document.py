"""A .nk script as a document: loaded without loss, changed node by node, saved without touching what did not change."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Union

from nuke_ai_panel.errors import EncryptedScriptError, NkError, NkSyntaxError, NodeNotFoundError
from nuke_ai_panel.nk.node import GROUP_CLASSES, Item, Node, Push, Scope, SetTop, Verbatim
from nuke_ai_panel.nk.node_text import NodeText
from nuke_ai_panel.nk.parser import ENCRYPTED, parse
from nuke_ai_panel.nk.saving import fingerprint, write_script
from nuke_ai_panel.nk.snippets import placed_as, snippet_of
from nuke_ai_panel.nk.wiring import arranged, first_written
from nuke_ai_panel.nk.words import DamagedWordError, list_words, word_end

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
_FIRST_VARIABLE = 0x7F0A1C00
_ENCRYPTED_SUFFIXES = (".nknc", ".gznc", ".nkind", ".gzind", ".nkple")


class Document:
    """A script, a gizmo or a snippet.

    Use :func:`load` or :func:`loads`. A document belongs to one thread at a time. Every change can be taken back: take a
    :meth:`mark` before it and :meth:`roll_back` to it.
    """

    def __init__(self, data: bytes = b"", path: str = "", *, recover: bool = False) -> None:
        self.path = path
        #: What could not be read, in file order; only a document that was loaded to `recover` has any.
        self.damage: list[NkSyntaxError] = []
        self.root_node: Node | None = None
        # Undecodable bytes of old files survive as lone surrogates and are written back as they were.
        text = data.decode("utf-8", "surrogateescape")
        self.newline = "\r\n" if "\r\n" in text else "\n"
        # Files of a classic Mac end their lines with CR alone. They are read and changed with LF and written with CR.
        self._ends_with_cr = "\r" in text and "\n" not in text
        if self._ends_with_cr:
            text = text.replace("\r", "\n")
        self.names_read: dict[str, Node | None] = {}
        #: The nodes that have clones, each with its clones.
        self.cloned: dict[Node, dict[Node, None]] = {}
        self._variables: dict[Node, str] = {}
        self._next_variable = _FIRST_VARIABLE
        self._log: list[Callable[[], None]] = []
        self._known_on_disk = fingerprint(data) if path else b""
        # A script is many objects that all stay; looking for garbage among them at every few thousand costs as much as reading.
        collects = gc.isenabled()
        gc.disable()
        try:
            self.top = parse(self, text, self.damage if recover else None)
        finally:
            if collects:
                gc.enable()

    def __repr__(self) -> str:
        return f"<nk.Document {self.path or 'unsaved'}: {len(self.top.nodes)} nodes>"

    # Reading

    def nodes(self, *, recurse: bool = False) -> list[Node]:
        """Return the nodes in file order, new ones last; with `recurse` those inside groups too, each after its group."""
        return list(self.walk()) if recurse else list(self.top.nodes)

    def nodes_of_class(self, class_name: str, *, recurse: bool = False) -> list[Node]:
        """Return the nodes of a class in file order; with `recurse` those inside groups too."""
        found = self.top.of_class(class_name)
        if recurse:
            scopes = self._group_scopes(self.top)
            for scope in scopes:
                found.extend(scope.of_class(class_name))
                scopes.extend(self._group_scopes(scope))
        return found

    @staticmethod
    def _group_scopes(scope: Scope) -> list[Scope]:
        groups = [node for name in GROUP_CLASSES for node in scope.of_class(name)]
        return [node.children for node in groups if node.children is not None]

    def clones_of(self, node: Node) -> list[Node]:
        """Return the nodes that share the knobs of `node`, in file order; none for a node that is a clone itself."""
        clones = self.cloned.get(node)
        return sorted(clones, key=_place_in_file) if clones else []

    def walk(self, scope: Scope | None = None) -> Iterator[Node]:
        """Yield every node of a scope (the script's by default) and of the groups in it."""
        todo = [iter((scope or self.top).nodes)]
        while todo:
            for node in todo[-1]:
                yield node
                if node.children is not None:
                    todo.append(iter(node.children.nodes))
                    break
            else:
                todo.pop()

    def paths(self) -> Iterator[tuple[str, Node]]:
        """Yield every node with its full name, in the order of :meth:`walk`."""
        todo: list[tuple[str, Iterator[Node]]] = [("", iter(self.top.nodes))]
        while todo:
            prefix, nodes = todo[-1]
            node = next(nodes, None)
            if node is None:
                todo.pop()
                continue
            path = prefix + node.name
            yield path, node
            if node.children is not None:
                todo.append((path + ".", iter(node.children.nodes)))

    def find(self, path: str) -> Node | None:
        """Return the node of a full name such as ``"Group1.Grade1"``, or None."""
        parts = path.split(".")
        if parts[0] == "root" and len(parts) > 1:
            parts = parts[1:]
        scope: Scope | None = self.top
        node: Node | None = None
        for part in parts:
            node = scope.find(part) if scope is not None else None
            if node is None:
                return None
            scope = node.children
        return node

    def node(self, path: str) -> Node:
        """Return the node of a full name. Raises: NodeNotFoundError."""
        found = self.find(path)
        if found is None:
            raise NodeNotFoundError(f"The script has no node {path!r}.")
        return found

    def selected(self) -> list[Node]:
        """Return the selected nodes of the root in file order."""
        return self.top.selected()

    def layer_channels(self) -> list[str]:
        """Return the channels that ``add_layer`` declares, e.g. ``"id.red"``, in file order."""
        found: list[str] = []
        scopes = [self.top, *(node.children for node in self.walk() if node.children is not None)]
        for item in (item for scope in scopes for item in scope.base):
            if isinstance(item, Verbatim) and item.text.lstrip().startswith("add_layer"):
                try:
                    words = list_words(item.text)[1:]
                    inner = list_words(words[0][1:-1]) if words and words[0].startswith("{") else words
                except DamagedWordError:
                    continue
                found.extend(word for word in inner[1:] if "." in word)
        return found

    def to_bytes(self, *, with_selection: bool = False) -> bytes:
        """Return the script as bytes: what did not change as it was read, the rest as Nuke would write it.

        Selecting a node is not a change of the script; `with_selection` writes the present selection all the same, for a
        copy of the session that code is tried on.
        """
        parts: list[str] = []
        self._write_items(arranged(self.top), self.top, parts, with_selection)
        text = "".join(parts)
        if self._ends_with_cr:
            text = text.replace("\n", "\r")
        return text.encode("utf-8", "surrogateescape")

    def text_of(self, node: Node, *, with_selection: bool = False) -> str:
        """Return one node's text with all that is inside of it."""
        parts: list[str] = []
        self._write_items([node], None, parts, with_selection)
        return "".join(parts)

    def _write_items(self, items: Sequence[Item], scope: Scope | None, parts: list[str], with_selection: bool) -> None:
        todo: list[tuple[Scope | None, Iterator[Item]]] = [(scope, iter(items))]
        while todo:
            current, rest = todo[-1]
            rewired = current is not None and current.rewired
            for item in rest:
                if rewired and _needs_line_end(parts):
                    parts.append(self.newline)
                if not isinstance(item, Node):
                    parts.append(item.text)
                    continue
                text = item.text
                parts.append(text.head)
                parts.append(self._body_with_selection(item) if with_selection else text.body)
                parts.append(text.tail)
                if item.children is not None:
                    todo.append((item.children, iter(arranged(item.children))))
                    break
            else:
                todo.pop()
                owner = current.owner if current is not None else None
                if owner is not None and todo:
                    if rewired and owner.end_text and _needs_line_end(parts):
                        parts.append(self.newline)
                    parts.append(owner.end_text)

    def _body_with_selection(self, node: Node) -> str:
        text = node.text
        if node.selected == (text.value("selected") == "true"):
            return text.body
        if node.selected:
            return text.with_value("selected", "true", class_name=node.class_name, newline=self.newline)
        return text.without("selected")

    # Changing

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
        self._put(node, name or _stem(class_name))
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
                    _rename_variables(inner.children, fresh)
            wired = node._inputs
            node._inputs = []
            node.scope = scope
            self._put(node, None if node.clone_of is not None else node.name)
            node._inputs = wired
            added.append(node)
        for variable in snippet.names_read:
            self.names_read.setdefault(fresh.get(variable, variable), None)
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

    def version_line(self) -> str:
        """Return the line that names the Nuke that wrote the script, such as ``version 15.1 v3``, or ""."""
        for item in self.top.base:
            if isinstance(item, Node):
                break
            if isinstance(item, Verbatim) and item.text.lstrip().startswith("version "):
                return item.text.strip(" \t\r\n;")
        return ""

    def delete(self, node: Node) -> None:
        """Delete a node with all that is inside of it; what read from it reads from its first input."""
        self._check(node)
        if node is self.root_node:
            raise NkError("The script's Root cannot be deleted.")
        heirs = self.clones_of(node)
        through = node._inputs[0] if node._inputs and node._inputs[0] is not node else None
        for reader in node.dependents:
            # What the deleted node read from cannot read from its reader, so no loop comes of it.
            self._set_inputs(reader, [through if source is node else source for source in reader._inputs])
        if heirs:
            self._hand_on(node, heirs)
        self._take_out(node)
        self._settle_clones(node.scope)

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

    def free_name(self, stem: str, *, group: Node | None = None, bearer: Node | None = None) -> str:
        """Return the first name made of `stem` (its number cut off) and a number that nobody but `bearer` has."""
        scope = self._scope(group)
        base = stem.rstrip("0123456789") or stem
        free = scope.free_name(base)
        if bearer is not None and bearer.scope is scope and scope.find(bearer.name) is bearer:
            number = bearer.name[len(base) :]
            if bearer.name.startswith(base) and number.isdecimal() and number == str(int(number[:9])) and int(number) > 0:
                return min(free, bearer.name, key=lambda name: int(name[len(base) :]))
        return free

    def variable_for(self, node: Node) -> str:
        """Return a stack variable for `node` that the script does not use yet; the same each time."""
        found = self._variables.get(node)
        if found is None:
            found = self._variables[node] = self._fresh_variable("N")
        return found

    def _fresh_variable(self, letter: str) -> str:
        while True:
            name = f"{letter}{self._next_variable:x}"
            self._next_variable += 0x400
            if name not in self.names_read:
                return name

    def _adopt_clone(self, node: Node, fresh: Mapping[str, str]) -> None:
        """Take a clone of another document over, by a variable that is not in use here."""
        variable = node.clone_variable
        head = node.text.head
        node.text.head = head.replace(f"${variable}", f"${fresh.get(variable, variable)}", 1)
        original, node.clone_of = node.clone_of, None
        self.note_clone(node, original)

    def note_clone(self, node: Node, original: Node | None) -> None:
        """Let a node share the knobs of `original`, or of none."""
        if node.clone_of is not None:
            clones = self.cloned.get(node.clone_of, {})
            clones.pop(node, None)
            if not clones:
                self.cloned.pop(node.clone_of, None)
        node.clone_of = original
        if original is not None:
            self.cloned.setdefault(original, {})[node] = None

    # The way back

    def mark(self) -> int:
        """Return a mark of the present state for :meth:`roll_back`."""
        return len(self._log)

    def roll_back(self, mark: int) -> None:
        """Take back every change since `mark`, the last one first."""
        while len(self._log) > mark:
            self._log.pop()()

    # Saving

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

    # Primitives: each leaves its own way back in the log

    def _scope(self, group: Node | None) -> Scope:
        if group is None or group is self.root_node:
            return self.top
        self._check(group)
        if group.children is None:
            raise NkError(f"{group.path} is no group.")
        return group.children

    def _check(self, node: Node) -> None:
        if not node.alive:
            raise NkError("The node was deleted.")
        if node.scope.document is not self:
            raise NkError(f"{node.path} belongs to another script.")

    def _put(self, node: Node, name: str | None) -> None:
        """Add a node under `name` or one like it; with None it bears the name of what it is a clone of."""
        scope = node.scope
        if name is not None:
            self._name(node, name)
        before = scope.rewired
        scope.add(node)
        scope.rewired = True

        def back() -> None:
            scope.take_out(node)
            for one in [node, *(self.walk(node.children) if node.children else ())]:
                self.note_clone(one, None)
                one.alive = False
            scope.rewired = before

        self._log.append(back)

    def _name(self, node: Node, name: str) -> None:
        scope = node.scope
        if not name[-1:].isdigit() or scope.find(name) is not None:
            taken = scope.find(name) is not None
            if taken or name == _stem(node.class_name):
                name = self.free_name(name, group=scope.owner)
        body = node.text.with_value("name", name, class_name=node.class_name, newline=self.newline, scalar=True)
        node.text.put(body, "name")

    def _take_out(self, node: Node) -> None:
        scope = node.scope
        before = scope.rewired
        inside = [node, *(self.walk(node.children) if node.children else ())]
        cloned = [(one, one.clone_of) for one in inside if one.clone_of is not None]
        scope.take_out(node)
        scope.rewired = True
        for one in inside:
            one.alive = False
        for one, original in cloned:
            # It keeps what it stood for, but is no longer among those that would inherit.
            self.note_clone(one, None)
            one.clone_of = original

        def back() -> None:
            for one in inside:
                one.alive = True
            for one, original in cloned:
                one.clone_of = None
                self.note_clone(one, original)
            scope.put_back(node)
            scope.rewired = before

        self._log.append(back)

    def _hand_on(self, original: Node, heirs: Sequence[Node], *, stays: bool = False) -> None:
        """Give an original's text to its first heir, which the others then stand for; so does the original if it `stays`."""
        first, *others = heirs
        was = [(node, node.text, node.clone_of) for node in (original, *heirs)]
        head = first.text.head
        first.text = placed_as(original.text, first.text, first.class_name, self.newline)
        self.note_clone(first, None)
        if stays:
            place = NodeText(head, self.newline + " " * original.scope.depth, "}" + self.newline)
            original.text = placed_as(place, original.text, first.class_name, self.newline)
            others.append(original)
        for other in others:
            self.note_clone(other, first)
        scopes = list(dict.fromkeys(node.scope for node, _, _ in was))

        def forget() -> None:
            for scope in scopes:
                scope.forget_names()

        def back() -> None:
            for node, text, source in was:
                node.text = text
                self.note_clone(node, source)
            forget()

        forget()
        self._log.append(back)

    def _settle_clones(self, scope: Scope) -> None:
        """Let the clone that is written first carry the knobs, where the original would come after one of its clones."""
        if not any(clone.scope is scope for clones in self.cloned.values() for clone in clones):
            return
        try:
            arranged(scope)
        except NkError:
            for original, first in first_written(scope).items():
                if first is not original:
                    heirs = [node for node in self.clones_of(original) if node is not first]
                    self._hand_on(original, [first, *heirs], stays=True)

    def _set_body(self, node: Node, body: str, knob: str = "") -> None:
        """Replace a body, of which only `knob` changed if one is named."""
        before = node.text.body
        if body == before:
            return
        try:
            body.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise NkError(f"The text for {node.path} holds half of a character pair and cannot be saved.") from error
        text = node.text
        renames = knob in ("", "name")

        def put(body: str) -> None:
            name = node.name if renames else ""
            text.put(body, knob)
            if not renames or node is self.root_node or node.name == name:
                return
            node.scope.renamed(node, name)
            for clone in self.cloned.get(node, ()):
                clone.scope.forget_names()

        put(body)
        self._log.append(lambda: put(before))

    def _set_inputs(self, node: Node, wanted: list[Node | None], *, forced: bool = False) -> None:
        while wanted and wanted[-1] is None:
            wanted.pop()
        if not forced and tuple(wanted) == node.inputs:
            return
        scope = node.scope
        before, before_rewired = node._inputs, scope.rewired
        keeps_count = not forced and len(wanted) == len(node.inputs) and len(wanted) <= node.pops

        def back() -> None:
            scope.rewire(node, before)
            scope.rewired = before_rewired

        scope.rewire(node, wanted)
        scope.rewired = True
        self._log.append(back)
        if keeps_count:
            return
        count = _inputs_text(node.class_name, len(wanted))
        if count == "1":
            body = node.text.without("inputs")
        else:
            body = node.text.with_value("inputs", count, class_name=node.class_name, newline=self.newline)
        self._set_body(node, body, "inputs")

    @staticmethod
    def _reads_from(start: Node, wanted: Node) -> bool:
        """Return whether `start` reads from `wanted`; looked for from both ends, so that the smaller side decides."""
        if start is wanted:
            return True
        above, seen_above = [start], {start}
        below, seen_below = [wanted], {wanted}
        while above and below:
            for source in above.pop()._inputs:
                if source is wanted:
                    return True
                if source is not None and source not in seen_above:
                    seen_above.add(source)
                    above.append(source)
            for reader in below.pop().dependents:
                if reader is start:
                    return True
                if reader not in seen_below:
                    seen_below.add(reader)
                    below.append(reader)
        return False


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


def _needs_line_end(parts: Sequence[str]) -> bool:
    last = next((part for part in reversed(parts) if part), "\n")
    return not last.endswith(("\n", ";", "\ufeff"))


def _rename_variables(scope: Scope, fresh: Mapping[str, str]) -> None:
    for item in scope.base:
        if isinstance(item, (SetTop, Push)) and item.variable is not None and item.variable in fresh:
            name = fresh[item.variable]
            item.text = item.text.replace(item.variable, name, 1)
            item.variable = name


def _place_in_file(node: Node) -> tuple[int, ...]:
    places = [node.order]
    owner = node.scope.owner
    while owner is not None:
        places.append(owner.order)
        owner = owner.scope.owner
    return tuple(reversed(places))


def _stem(class_name: str) -> str:
    """Return what new nodes of a class are called: Merge2 makes ``Merge1``, Camera3 ``Camera1``."""
    base = class_name.rsplit(".", 1)[0] if class_name.endswith(".gizmo") else class_name
    base = base.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    return base.rstrip("0123456789") or base


def _inputs_text(class_name: str, count: int) -> str:
    """Return the ``inputs`` value for `count` connected inputs; a connected mask is counted apart, as Nuke writes it."""
    from nuke_ai_panel.nk.catalogue import default_catalogue

    known = default_catalogue().find(class_name)
    if known is not None and known.mask_input is not None and count > known.mask_input:
        return f"{count - 1}+1"
    return str(count)

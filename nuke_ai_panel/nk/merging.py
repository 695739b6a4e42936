"""A change that was made on a copy of a script, brought into the script that has moved on meanwhile.

Three scripts take part: `base`, the state that the copy was taken from; `theirs`, the changed copy; `ours`, the script as it is
now, which gets the change. What both sides changed alike is no conflict, and neither is a node that both sides moved: it stays
where `ours` has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.expressions.references import Reference, references
from nuke_ai_panel.nk.graph_diff import same_nodes, settings
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.nk.node_text import USER_KNOB, NodeText

__all__ = ["Conflict", "Merged", "merge"]

ConflictKind = Literal["knob", "connection", "deleted", "in_use", "name", "impossible"]


@dataclass(frozen=True)
class Conflict:
    """Why a change cannot be brought in.

    `kind`: ``knob``, both sides changed the knob `what`; ``connection``, both changed the input numbered `what`; ``deleted``,
    the change needs a node that is gone; ``in_use``, the change deletes a node that was changed or is read from now;
    ``name``, the name is taken or was changed on both sides; ``impossible``, the result would be no sound script, see
    `message`. `path` is the node's full name in `ours` where it stands there, else in `theirs`.
    """

    kind: ConflictKind
    path: str
    message: str
    what: str = ""


@dataclass(frozen=True)
class Merged:
    """What came of a merge: no conflicts, then `added` are the new nodes, and `mark` leads back; else nothing has changed."""

    conflicts: tuple[Conflict, ...]
    mark: int
    added: tuple[Node, ...] = ()

    def __bool__(self) -> bool:
        return not self.conflicts


def merge(base: Document, ours: Document, theirs: Document) -> Merged:
    """Make the change from `base` to `theirs` in `ours`, as a whole or not at all.

    The change can be taken back by ``ours.roll_back(merged.mark)``.
    """
    merging = _Merging(base, ours, theirs)
    merging.plan()
    mark = ours.mark()
    if merging.conflicts:
        return Merged(tuple(dict.fromkeys(merging.conflicts)), mark)
    try:
        merging.apply()
    except NkError as error:
        ours.roll_back(mark)
        return Merged((Conflict("impossible", "", str(error)),), mark)
    return Merged((), mark, tuple(merging.created.values()))


# What an input reads from, in terms that mean the same on both sides: a node of `base`, or one that is new on a side.
_Source = Union[Node, None]


class _Merging:
    def __init__(self, base: Document, ours: Document, theirs: Document) -> None:
        self._base, self._ours, self._theirs = base, ours, theirs
        self._from_theirs = same_nodes(base, theirs)
        self._from_ours = same_nodes(base, ours)
        self._in_ours = {was: node for node, was in self._from_ours.items()}
        self._in_theirs = {was: node for node, was in self._from_theirs.items()}
        self.conflicts: list[Conflict] = []
        self.created: dict[Node, Node] = {}
        self._there_already: dict[Node, Node] = {}
        self._bodies: list[tuple[Node, Node, Node]] = []
        self._moves: list[tuple[Node, Node]] = []
        self._renames: list[tuple[Node, str]] = []
        self._wires: list[tuple[Node, int, _Source]] = []
        self._deletions: list[Node] = []
        self._additions: list[tuple[Node, Node | None]] = []

    # Planning: nothing changes here

    def plan(self) -> None:
        """Find out what is to be done and what stands in the way."""
        base_nodes = [*([self._base.root_node] if self._base.root_node is not None else []), *self._base.walk()]
        for was in base_nodes:
            if was not in self._in_theirs and (was.scope.owner is None or was.scope.owner in self._in_theirs):
                self._plan_deletion(was)
        theirs = [*([self._theirs.root_node] if self._theirs.root_node is not None else []), *self._theirs.walk()]
        for node in theirs:
            if node not in self._from_theirs and (node.scope.owner is None or node.scope.owner in self._from_theirs):
                self._plan_addition(node)
        for node in theirs:
            if node in self._from_theirs:
                self._plan_change(self._from_theirs[node], node)
        self._check_names()

    def _plan_deletion(self, was: Node) -> None:
        node = self._in_ours.get(was)
        if node is None:
            return
        if settings(node) != settings(was) or node.name != was.name or self._wires_of(node) != list(was.inputs):
            self._refuse("in_use", node, f"{node.path} is to be deleted, but it was changed meanwhile.")
        elif node.children is not None and node.document.text_of(node) != was.document.text_of(was):
            self._refuse("in_use", node, f"{node.path} is to be deleted, but what is inside of it was changed meanwhile.")
        for reader in node.dependents:
            known = self._from_ours.get(reader)
            if known is None or (was not in known.inputs and known in self._in_theirs):
                self._refuse("in_use", node, f"{node.path} is to be deleted, but {reader.name} reads from it now.")
        self._deletions.append(node)

    def _plan_change(self, was: Node, node: Node) -> None:
        wires = self._changed_wires(was, node)
        is_as_it_was = node.text.body == was.text.body and node.clone_of is was.clone_of is None
        if is_as_it_was and not wires:
            # Most of a script; its knobs need not be read.
            return
        before, after = settings(was), settings(node)
        knobs = [name for name in dict.fromkeys([*after, *before]) if before.get(name) != after.get(name)]
        renamed = node.name != was.name and node.clone_of is None
        target = self._in_ours.get(was)
        if target is None:
            if knobs or wires or renamed:
                self._refuse("deleted", node, f"{node.path} is to be changed, but it was deleted meanwhile.")
            return
        now = settings(target)
        for name in knobs:
            if now.get(name) not in (before.get(name), after.get(name)):
                self._refuse("knob", target, f"{target.path}.{name} was changed on both sides.", name)
            elif name.startswith(USER_KNOB) and now != before and now.get(name) != after.get(name):
                self._refuse("knob", target, f"{target.path} was changed, and its user knobs are to be changed too.", name)
        if knobs:
            self._bodies.append((was, node, target))
            self._check_references(node)
        if renamed:
            if target.name not in (was.name, node.name):
                self._refuse("name", target, f"{was.path} was renamed on both sides: {target.name} and {node.name}.")
            elif target.name != node.name:
                self._renames.append((target, node.name))
        for index, source in wires:
            old = was.inputs[index] if index < len(was.inputs) else None
            have = self._known_source(target, index)
            wanted = self._there_already.get(source, source) if source is not None else None
            if have is not old and have is not wanted:
                self._refuse("connection", target, f"Input {index} of {target.path} was connected on both sides.", str(index))
            self._need(source, node)
            self._wires.append((target, index, source))
        place, old_place = (node.xpos, node.ypos), (was.xpos, was.ypos)
        if place != old_place and (target.xpos, target.ypos) == old_place:
            self._moves.append((node, target))

    def _plan_addition(self, node: Node) -> None:
        owner = node.scope.owner
        group: Node | None = None
        if owner is not None:
            group = self._in_ours.get(self._from_theirs[owner])
            if group is None:
                self._refuse("deleted", owner, f"{node.path} is to be added, but the group was deleted meanwhile.")
                return
        scope = group.children if group is not None and group.children is not None else self._ours.top
        other = scope.find(node.name)
        if other is not None and other not in self._from_ours and self._is_alike(other, node):
            self._there_already[node] = other
            return
        if node.clone_of is not None:
            self._refuse("impossible", node, f"{node.path} is a new clone, which cannot be brought in.")
            return
        self._additions.append((node, group))
        self._check_references(node)
        for index, source in enumerate(node.inputs):
            known = self._from_theirs.get(source, source) if source is not None else None
            self._need(known, node)
            self._wires.append((node, index, known))

    def _is_alike(self, ours: Node, theirs: Node) -> bool:
        mine = [source.name if source is not None else None for source in ours.inputs]
        same_wires = mine == [source.name if source is not None else None for source in theirs.inputs]
        if not same_wires or ours.class_name != theirs.class_name or settings(ours) != settings(theirs):
            return False
        return ours.children is None or ours.document.text_of(ours) == theirs.document.text_of(theirs)

    def _check_names(self) -> None:
        leaving = {*self._deletions, *(node for node, _ in self._renames)}
        wanted = [(node.scope, name, node) for node, name in self._renames]
        for node, group in self._additions:
            scope = group.children if group is not None and group.children is not None else self._ours.top
            wanted.append((scope, node.name, node))
        for scope, name, node in wanted:
            other = scope.find(name)
            if other is not None and other is not node and other not in leaving:
                self._refuse("name", other, f"There is a node {other.path} already.")

    def _check_references(self, node: Node) -> None:
        """Refuse a change whose expressions lead to what is gone or has another name now."""
        for each in references(node):
            if not isinstance(each, Reference) or each.target is None or each.target is node:
                continue
            was = self._from_theirs.get(each.target)
            if was is None or was not in self._in_theirs:
                continue
            now = self._in_ours.get(was)
            if now is None:
                self._refuse("deleted", node, f"{node.path} refers to {each.target.path}, which was deleted meanwhile.")
            elif now.name not in (was.name, each.target.name):
                self._refuse("name", now, f"{node.path} refers to {each.target.path}, which is called {now.name} now.")

    def _changed_wires(self, was: Node, node: Node) -> list[tuple[int, _Source]]:
        found: list[tuple[int, _Source]] = []
        for index in range(max(len(was.inputs), len(node.inputs))):
            old = was.inputs[index] if index < len(was.inputs) else None
            new = node.inputs[index] if index < len(node.inputs) else None
            known = self._from_theirs.get(new, new) if new is not None else None
            if known is not old:
                found.append((index, known))
        return found

    def _wires_of(self, node: Node) -> list[_Source]:
        return [self._known_source(node, index) for index in range(len(node.inputs))]

    def _known_source(self, node: Node, index: int) -> _Source:
        source = node.inputs[index] if index < len(node.inputs) else None
        return self._from_ours.get(source, source) if source is not None else None

    def _need(self, source: _Source, reader: Node) -> None:
        if source is not None and source in self._in_theirs and source not in self._in_ours:
            self._refuse("deleted", source, f"{reader.path} is to read from {source.path}, which was deleted meanwhile.")

    def _refuse(self, kind: ConflictKind, node: Node, message: str, what: str = "") -> None:
        self.conflicts.append(Conflict(kind, node.path, message, what))

    # Doing

    def apply(self) -> None:
        """Do what was planned. Raises: NkError."""
        ours = self._ours
        for node in self._deletions:
            if node.alive:
                ours.delete(node)
        passing = [(node, name) for node, name in self._renames if node.scope.find(name) is not None]
        for node, name in passing:
            ours.rename(node, ours.free_name(f"{name}_renamed", group=node.scope.owner))
        for node, name in self._renames:
            ours.rename(node, name)
        for node, group in self._additions:
            made = ours.paste(self._theirs.text_of(node), group=group)[0]
            ours.rename(made, node.name)
            self.created[node] = made
        for was, node, target in self._bodies:
            self._set_knobs(was, node, target)
        wires = [(self.created.get(node, node), index, self._source(source)) for node, index, source in self._wires]
        # Opened first, so that no order of connecting makes a loop that the result does not have.
        for target, index, _ in wires:
            if index < len(target.inputs) and target.inputs[index] is not None:
                ours.connect(target, index, None)
        for target, index, source in wires:
            if source is not None:
                ours.connect(target, index, source)
        for node, target in self._moves:
            ours.set_knob(target, "xpos", str(node.xpos))
            ours.set_knob(target, "ypos", str(node.ypos))

    def _source(self, known: _Source) -> Node | None:
        if known is None:
            return None
        found = self._in_ours.get(known) or self.created.get(known) or self._there_already.get(known)
        if found is None:
            raise NkError(f"{known.path} cannot be read from: it is not in the script.")
        return found

    def _set_knobs(self, was: Node, node: Node, target: Node) -> None:
        ours = self._ours
        if settings(target) == settings(was) and node.clone_of is None and target.clone_of is None:
            ours.set_body(target, self._body_for(node, target))
            return
        before, after = settings(was), settings(node)
        for name in dict.fromkeys([*after, *before]):
            if before.get(name) == after.get(name) or settings(target).get(name) == after.get(name):
                continue
            if name in after:
                span = (node.clone_of or node).text.find(name)
                word = (node.clone_of or node).text.word(span) if span is not None else ""
                ours.set_knob(target, name, after[name], scalar=word.startswith('"'))
            else:
                ours.clear_knob(target, name)

    def _body_for(self, node: Node, target: Node) -> str:
        """Return the text of `node` with what stays as it is in `target`: name, place, inputs, selection."""
        body = node.text.body.replace("\r\n", "\n").replace("\n", self._ours.newline)
        for knob in ("inputs", "name", "xpos", "ypos", "selected"):
            value = target.text.value(knob)
            if value == NodeText("", body, "").value(knob):
                continue
            text = NodeText("", body, "")
            if value is None:
                body = text.without(knob)
            else:
                body = text.with_value(knob, value, class_name=target.class_name, newline=self._ours.newline, scalar=True)
        return body

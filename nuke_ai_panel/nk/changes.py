"""Changes of a script, each of which leaves its own way back: the ground that a document's changes stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.node import Node, Push, Scope, SetTop
from nuke_ai_panel.nk.node_text import NodeText
from nuke_ai_panel.nk.script import Script
from nuke_ai_panel.nk.snippets import placed_as
from nuke_ai_panel.nk.wiring import arranged, first_written

__all__ = ["ChangingScript", "rename_variables", "stem_of"]


class Keeper(Protocol):
    """Something that is kept about the texts of a script's nodes."""

    def changed(self, node: Node) -> None:
        """Take note that a node has another text, or came, or went."""


_Kept = TypeVar("_Kept", bound=Keeper)


class ChangingScript(Script):
    """A script with a log of the ways back. What is public here is for whoever changes documents from outside."""

    def mark(self) -> int:
        """Return a mark of the present state for :meth:`roll_back`."""
        return len(self._log)

    def roll_back(self, mark: int) -> None:
        """Take back every change since `mark`, the last one first."""
        while len(self._log) > mark:
            self._log.pop()()

    def keep(self, kind: type[_Kept]) -> _Kept:
        """Return what is kept of its kind about the texts of this script's nodes, made when it is first asked for.

        It is told of every node whose text has changed or that came or went, and of nothing else.
        """
        found = self._kept.get(kind)
        if not isinstance(found, kind):
            found = self._kept[kind] = kind()
        return found

    def _text_changed(self, node: Node, *, and_inside: bool = False) -> None:
        for kept in self._kept.values():
            for one in [node, *(self.walk(node.children) if and_inside and node.children else ())]:
                kept.changed(one)

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
        self._text_changed(node, and_inside=True)

        def back() -> None:
            scope.take_out(node)
            for one in [node, *(self.walk(node.children) if node.children else ())]:
                self.note_clone(one, None)
                one.alive = False
            scope.rewired = before
            self._text_changed(node, and_inside=True)

        self._log.append(back)

    def _name(self, node: Node, name: str) -> None:
        scope = node.scope
        if not name[-1:].isdigit() or scope.find(name) is not None:
            taken = scope.find(name) is not None
            if taken or name == stem_of(node.class_name):
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
        self._text_changed(node, and_inside=True)

        def back() -> None:
            self._text_changed(node, and_inside=True)
            for one in inside:
                one.alive = True
            for one, original in cloned:
                one.clone_of = None
                self.note_clone(one, original)
            scope.put_back(node)
            scope.rewired = before

        self._log.append(back)

    def _heirs(self, node: Node) -> dict[Node, list[Node]]:
        """Return the originals that go with a node, or with what is inside of it, each with its clones that stay."""
        if not self.cloned:
            return {}
        going = dict.fromkeys([node, *(self.walk(node.children) if node.children is not None else ())])
        heirs = {one: [clone for clone in self.clones_of(one) if clone not in going] for one in going if one in self.cloned}
        return {original: others for original, others in heirs.items() if others}

    def _hand_on(self, original: Node, heirs: Sequence[Node], *, stays: bool = False) -> None:
        """Give an original's text to its first heir, which the others then stand for; so does the original if it `stays`."""
        first, *others = heirs
        was = [(node, node.text, node.text.head, node.clone_of) for node in (original, *heirs)]
        head = first.text.head
        first.text = placed_as(original.text, first.text, first.class_name, self.newline)
        self.note_clone(first, None)
        if stays:
            place = NodeText(head, self.newline + " " * original.scope.depth, "}" + self.newline)
            original.text = placed_as(place, original.text, first.class_name, self.newline)
            others.append(original)
        for other in others:
            self.note_clone(other, first)
        scopes = list(dict.fromkeys(node.scope for node, *_ in was))
        before = first.scope.rewired
        variable = ""
        if others and any(other.scope is not first.scope for other in (original, *others)):
            # What named the original may stand anywhere by now; the first heir gets a name of its own, right behind it.
            variable = self._fresh_variable("C")
            self.names_read[variable] = first
            first.scope.rewired = True
            for other in others:
                other.text.head = other.text.head.replace(f"${other.clone_variable}", f"${variable}", 1)

        def forget() -> None:
            for scope in scopes:
                scope.forget_names()
            for node, *_ in was:
                self._text_changed(node)

        def back() -> None:
            for node, text, head, source in was:
                node.text = text
                text.head = head
                self.note_clone(node, source)
            if variable:
                del self.names_read[variable]
            first.scope.rewired = before
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
            self._text_changed(node)
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


def rename_variables(scope: Scope, fresh: Mapping[str, str]) -> None:
    """Let the commands of a scope name stack variables anew, as `fresh` says."""
    for item in scope.base:
        if isinstance(item, (SetTop, Push)) and item.variable is not None and item.variable in fresh:
            name = fresh[item.variable]
            item.text = item.text.replace(item.variable, name, 1)
            item.variable = name


def stem_of(class_name: str) -> str:
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

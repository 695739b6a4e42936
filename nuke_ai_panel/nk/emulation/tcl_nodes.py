"""The Tcl commands that make, connect, find and delete nodes, and the node stack they work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from nuke_ai_panel.nk.emulation.clipboard import Clipboard
from nuke_ai_panel.nk.emulation.cloning import Cloning
from nuke_ai_panel.nk.emulation.creating import Creating, knob_pairs
from nuke_ai_panel.nk.emulation.finding import Finding
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.emulation.tcl_knobs import TclKnobs, pairs_text
from nuke_ai_panel.nk.emulation.tcl_names import Found, TclNames
from nuke_ai_panel.nk.expressions.tcl_commands import number_or_none
from nuke_ai_panel.nk.expressions.working import Context
from nuke_ai_panel.nk.node import Node as ScriptNode

__all__ = ["TclNodes"]


class TclNodes:
    """Commands for nodes."""

    def __init__(self, session: Session, finding: Finding, names: TclNames, knobs: TclKnobs, creating: Creating) -> None:
        self.session = session
        self.finding = finding
        self.names = names
        self.knobs = knobs
        self.creating = creating
        self.clipboard = Clipboard(session, finding)
        self.cloning = Cloning(session, creating)
        self._groups: list[tuple[ScriptNode, list[ScriptNode | None]]] = []

    def table(self) -> dict[str, tuple[Callable[[Sequence[str], Context], Found], int]]:
        """Return the commands by name, each with the fewest arguments it takes."""
        return {
            "input": (self._input, 1),
            "inputs": (self._inputs, 0),
            "nodes": (self._nodes, 0),
            "selected_nodes": (self._selected_nodes, 0),
            "delete": (self._delete, 1),
            "node_delete": (self._node_delete, 0),
            "node_copy": (self._node_copy, 0),
            "node_paste": (self._node_paste, 0),
            "clone": (self._clone, 1),
            "autoplace": (self._autoplace, 0),
            "push": (self._push, 1),
            "pop": (self._pop, 0),
            "dup": (self._dup, 0),
            "exch": (self._exch, 0),
            "stack": (self._stack_at, 0),
            "end_group": (self._end_group, 0),
        }

    # Making

    def make(self, class_name: str, args: Sequence[str], context: Context) -> Found:
        """Make a node of a class with knobs: in the stream of the selected one with ``-New``, else from the stack."""
        rest = list(args)
        is_new = not rest
        while rest and rest[0].lower() == "-new":
            is_new = True
            rest.pop(0)
        pairs = knob_pairs(pairs_text(rest))
        owner = self._owner(context)
        with self._inside(owner):
            if is_new:
                made = self.creating.in_stream(class_name)
                node = made._attached()
            else:
                made = self.creating.make(class_name)
                node = made._attached()
                self._pop_inputs(node, dict(pairs).get("inputs", "1"))
            self.knobs.set_all(node, rest)
            if not is_new and not {"xpos", "ypos"} & set(dict(pairs)):
                self.creating.place(made)
        self.session.tcl.stack.append(node)
        if node.children is not None and not is_new:
            self._groups.append((node, self.session.tcl.stack))
            self.session.tcl.stack = []
        self.names.told_name(node)
        return ""

    def _pop_inputs(self, node: ScriptNode, count: str) -> None:
        stack = self.session.tcl.stack
        for index in range(min(sum(int(part) for part in count.split("+")), len(stack))):
            source = stack.pop()
            if source is not None and source.alive and source.scope is node.scope:
                node.document.connect(node, index, source)

    def _owner(self, context: Context) -> ScriptNode | None:
        if self._groups:
            return self._groups[-1][0]
        if context.node.children is not None:
            return context.node
        return context.node.scope.owner if context.node is not self.session.document.root_node else None

    @contextmanager
    def _inside(self, owner: ScriptNode | None) -> Iterator[None]:
        groups = self.session.groups
        root = self.session.document.root_node
        if owner is None and root is None:
            yield
            return
        groups.append(owner or root)  # type: ignore[arg-type]
        try:
            yield
        finally:
            groups.pop()

    def _end_group(self, args: Sequence[str], context: Context) -> Found:
        del args, context
        if not self._groups:
            raise RuntimeError("no group is open")
        _, self.session.tcl.stack = self._groups.pop()
        return ""

    def _input(self, args: Sequence[str], context: Context) -> Found:
        node = self.names.node(args[0], context)
        index = number_or_none(args[1]) if len(args) > 1 else 0
        if index is None:
            raise ValueError(f"{args[1]!r} is no number of an input")
        if len(args) < 3:
            inputs = node.inputs
            return self.names.told_name(inputs[int(index)] if 0 <= index < len(inputs) else None)
        source = self.names.optional(args[2], context)
        if not self.session.handle(node).setInput(int(index), None if source is None else self.session.handle(source)):
            raise RuntimeError(f"input {int(index)} of {node.name} cannot be connected")
        return ""

    def _inputs(self, args: Sequence[str], context: Context) -> Found:
        return len((self.names.node(args[0], context) if args else context.node).inputs)

    def _nodes(self, args: Sequence[str], context: Context) -> Found:
        group = self.names.node(args[0], context) if args else self._owner(context)
        if group is None or group is self.session.document.root_node:
            return self.names.listed(self.session.document.top.nodes)
        if group.children is None:
            raise ValueError(f"{group.name} is no group")
        return self.names.listed(group.children.nodes)

    def _selected_nodes(self, args: Sequence[str], context: Context) -> Found:
        del args, context
        chosen = [node for node in self.finding.scope().nodes if node.selected]
        if not chosen:
            raise RuntimeError("no node selected")
        return self.names.listed(chosen[::-1])

    def _delete(self, args: Sequence[str], context: Context) -> Found:
        for node in [self.names.node(name, context) for name in args]:
            self.creating.delete(self.session.handle(node))
        return ""

    def _node_delete(self, args: Sequence[str], context: Context) -> Found:
        del args, context
        self.creating.delete_selected()
        return ""

    def _node_copy(self, args: Sequence[str], context: Context) -> Found:
        del context
        self.clipboard.node_copy(*args[:1])
        return ""

    def _node_paste(self, args: Sequence[str], context: Context) -> Found:
        del context
        self.clipboard.paste_nodes(*args[:1])
        return ""

    def _clone(self, args: Sequence[str], context: Context) -> Found:
        made = self.cloning.clone_of(self.names.node(args[0], context))
        self.knobs.set_all(made, args[1:])
        self.session.tcl.stack.append(made)
        return ""

    def _autoplace(self, args: Sequence[str], context: Context) -> Found:
        for node in [self.names.node(name, context) for name in args]:
            self.session.handle(node).autoplace()
        return ""

    # The stack

    def _push(self, args: Sequence[str], context: Context) -> Found:
        for name in args:
            self.session.tcl.stack.append(self.names.optional(name, context))
        return ""

    def _pop(self, args: Sequence[str], context: Context) -> Found:
        del context
        count = number_or_none(args[0]) if args else 1
        stack = self.session.tcl.stack
        del stack[max(len(stack) - max(int(count or 0), 0), 0) :]
        return ""

    def _dup(self, args: Sequence[str], context: Context) -> Found:
        del args, context
        stack = self.session.tcl.stack
        stack.append(stack[-1] if stack else None)
        return ""

    def _exch(self, args: Sequence[str], context: Context) -> Found:
        del args, context
        stack = self.session.tcl.stack
        if len(stack) > 1:
            stack[-1], stack[-2] = stack[-2], stack[-1]
        return ""

    def _stack_at(self, args: Sequence[str], context: Context) -> Found:
        del context
        stack = [node for node in self.session.tcl.stack if node is None or node.alive]
        if not args:
            return " ".join(self.names.told_name(node) for node in stack[::-1])
        index = number_or_none(args[0])
        if index is None:
            raise ValueError(f"{args[0]!r} is no place in the stack")
        return self.names.told_name(stack[-1 - int(index)] if 0 <= index < len(stack) else None)

"""Tcl as ``nuke.tcl`` runs it: what the evaluator of expressions knows, and the commands that change the script.

The node stack is Nuke's: a class pops its inputs from it and lies on top of it then; the selected nodes lie on it at first.
Code of other kinds (``python``, ``source``, ``exec``, ``open``) is never run but told in the session's `not_run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Union

from nuke_ai_panel.errors import KnobNotFoundError, NkError, NotSimulatedError
from nuke_ai_panel.nk.emulation.clipboard import Clipboard
from nuke_ai_panel.nk.emulation.cloning import Cloning
from nuke_ai_panel.nk.emulation.creating import Creating, knob_pairs
from nuke_ai_panel.nk.emulation.session import NotRun
from nuke_ai_panel.nk.emulation.tcl_lists import LIST_COMMANDS
from nuke_ai_panel.nk.emulation.user_knobs import UserKnob, with_definition
from nuke_ai_panel.nk.expressions.evaluate import _Machine
from nuke_ai_panel.nk.expressions.names import KnobPlace, Lost, Unknown, knob_shape, resolve
from nuke_ai_panel.nk.expressions.operators import as_text, stop, truth, unknown
from nuke_ai_panel.nk.expressions.results import MissingReference, Scalar, SyntaxProblem
from nuke_ai_panel.nk.expressions.tcl_commands import COMMANDS, NOT_SIMULATED, number_or_none, split_list
from nuke_ai_panel.nk.expressions.tcl_words import commands
from nuke_ai_panel.nk.expressions.working import Context, Work
from nuke_ai_panel.nk.node import Node as ScriptNode
from nuke_ai_panel.nk.words import quote, written

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.finding import Finding
    from nuke_ai_panel.nk.emulation.nodes import Node
    from nuke_ai_panel.nk.emulation.session import Session

__all__ = ["TclScript"]

_CODE = frozenset({"python", "pyrs", "py", "pyexec", "source", "exec", "open"})
_BREAK = MissingReference("break", "break", "'break' stands outside of a loop.")
_CONTINUE = MissingReference("continue", "continue", "'continue' stands outside of a loop.")
_Found = Union[str, int, float, None]


class TclScript(_Machine):
    """One call of ``nuke.tcl``."""

    def __init__(self, session: Session, finding: Finding, creating: Creating, clipboard: Clipboard, cloning: Cloning) -> None:
        super().__init__(None)
        self.session = session
        self.finding = finding
        self.creating = creating
        self.clipboard = clipboard
        self.cloning = cloning
        self._groups: list[tuple[ScriptNode, list[ScriptNode | None]]] = []
        self._commands: dict[str, tuple[Callable[[Sequence[str], Context], _Found], int]] = {
            "knob": (self._knob, 1),
            "knobs": (self._knobs, 1),
            "knob_default": (self._knob_default, 1),
            "setkey": (self._setkey, 3),
            "animation": (self._animation, 1),
            "addUserKnob": (self._add_user_knob, 1),
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
            "puts": (self._puts, 1),
            "error": (self._error, 1),
            "info": (self._info, 2),
        }

    # Running

    def call(self, command: str, args: Sequence[str] = ()) -> str:
        """Run a script, or one command with words as they are. Raises: RuntimeError, NotSimulatedError."""
        session = self.session
        here = session.group or session.document.root_node
        if here is None:
            raise NotSimulatedError("This script has no Root (it is a gizmo or a snippet), so nuke.tcl is not simulated.")
        chosen = tuple(node for node in self.finding.scope().nodes if node.selected)
        if session.tcl.selected != chosen:
            session.tcl.stack = list(chosen)
        context = Context(here, session.frame(), variables=session.tcl.variables)
        if args:
            found = self.run(lambda: self._command(command.strip(), list(args), context))
        else:
            found = self.run(lambda: self.script(command, context))
        session.tcl.selected = tuple(node for node in self.finding.scope().nodes if node.selected)
        return as_text(session.outcome("nuke.tcl", found))

    def script(self, script: str, context: Context) -> Work:
        """Run the commands of a script; the last one gives the value."""
        if self.active:
            # Text of a knob is data: it may ask, but not change anything.
            return (yield super().script(script, context))
        result: Scalar = ""
        for words in commands(script):
            first = words[0].text if words[0].is_static else ""
            if first in _CODE:
                self.session.not_run.append(NotRun("nuke.tcl", " ".join(word.text for word in words)))
                raise unknown(first, f"The Tcl command {first!r} is not simulated: nothing is run or opened here.")
            args: list[str] = []
            for word in words:
                args.append(word.text if word.is_verbatim else as_text((yield self.substituted(word.text, context))))
            result = yield self._command(args[0], args[1:], context)
        return result

    def variable(self, name: str, context: Context) -> str:
        """Return what ``$name`` stands for; a node that was kept in a variable is found under its new name."""
        text = super().variable(name, context)
        node = self.session.tcl.named.get(text)
        return node.path if node is not None and node.alive else text

    def _command(self, name: str, args: Sequence[str], context: Context) -> Work:
        if self.active:
            return (yield super()._command(name, args, context))
        self.count()
        own = self._commands.get(name)
        if own is not None:
            call, least = own
            if len(args) < least:
                raise stop(SyntaxProblem(f"the Tcl command {name!r} needs at least {least} arguments", 1))
            with self._told(name):
                return self._plain(call(args, context))
        in_words = LIST_COMMANDS.get(name)
        if in_words is not None:
            with self._told(name):
                return in_words(args, context.variables)
        if name in ("foreach", "for", "while"):
            return (yield self._loop(name, args, context))
        if name in ("break", "continue"):
            raise stop(_BREAK if name == "break" else _CONTINUE)
        if name == "eval":
            return (yield self.script(" ".join(args), context))
        if name == "in":
            return (yield self._in(args, context))
        if name == "Root":
            with self._told(name):
                return self._plain(self._root(args))
        if name in _CODE:
            self.session.not_run.append(NotRun("nuke.tcl", " ".join([name, *args])))
        elif name not in COMMANDS and name not in NOT_SIMULATED and name[:1].isupper():
            with self._told(name):
                return self._plain(self._make(name, args, context))
        try:
            return (yield super()._command(name, args, context))
        except Exception as error:
            problem = getattr(error, "problem", None)
            if isinstance(problem, MissingReference) and problem.message == f"There is no Tcl command {name!r}.":
                raise unknown(name, f"The Tcl command {name!r} is not simulated.") from None
            raise

    @staticmethod
    def _plain(found: _Found) -> str | float:
        return "" if found is None else found

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Let what the emulation raises be a problem of the Tcl, which ``catch`` can catch."""
        self.known.clear()
        try:
            yield
        except NotSimulatedError as error:
            raise unknown(name, f"The Tcl command {name!r} is not simulated: {error}") from error
        except (RuntimeError, ValueError, TypeError, KnobNotFoundError, NkError) as error:
            raise stop(MissingReference(name, name, str(error))) from error

    # Loops

    def _loop(self, name: str, args: Sequence[str], context: Context) -> Work:
        if len(args) != {"foreach": 3, "for": 4, "while": 2}[name]:
            raise stop(SyntaxProblem(f"the Tcl command {name!r} has too few or too many arguments", 1))
        if name == "foreach":
            names, items = split_list(args[0]), split_list(args[1])
            for at in range(0, len(items), max(len(names), 1)):
                for offset, word in enumerate(names):
                    context.variables[word] = items[at + offset] if at + offset < len(items) else ""
                if not (yield self._turn(args[2], context)):
                    break
            return ""
        if name == "for":
            yield self.script(args[0], context)
        test, body = (args[1], args[3]) if name == "for" else args
        while truth((yield self.expression(test, context, tcl=True))):
            if not (yield self._turn(body, context)):
                break
            if name == "for":
                yield self.script(args[2], context)
        return ""

    def _turn(self, body: str, context: Context) -> Work:
        """Run the body of a loop once; return 0 where it broke off."""
        try:
            yield self.script(body, context)
        except Exception as error:
            problem = getattr(error, "problem", None)
            if problem is _BREAK:
                return 0
            if problem is not _CONTINUE:
                raise
        return 1

    def _in(self, args: Sequence[str], context: Context) -> Work:
        if len(args) != 2:
            raise stop(SyntaxProblem("the Tcl command 'in' needs an object and a script", 1))
        place = resolve(context.node, args[0])
        if isinstance(place, ScriptNode):
            return (yield self.script(args[1], replace(context, node=place)))
        if isinstance(place, KnobPlace):
            return (yield self.script(args[1], replace(context, node=place.node, shape=place.shape)))
        raise self._lost(place, args[0])

    # Names

    def _node(self, name: str, context: Context) -> ScriptNode:
        if name in ("", "this"):
            return context.node
        kept = self.session.tcl.named.get(name)
        if kept is not None and kept.alive:
            return kept
        place = resolve(context.node, name)
        if isinstance(place, ScriptNode):
            return place
        raise self._lost(place, name)

    def _lost(self, place: object, name: str) -> Exception:
        # What knobs a Root may have is no reason to doubt that a node of that name is not there.
        is_missing = (
            isinstance(place, Unknown) and place.node is self.session.document.root_node and name.startswith(place.missing)
        )
        if isinstance(place, (Lost, Unknown)) and not is_missing:
            return self.nowhere(place, name)
        if is_missing:
            return stop(MissingReference(name, name, f"There is no node or knob {name!r}."))
        return stop(MissingReference(name, name, f"{name!r} is no node."))

    def _told_name(self, node: ScriptNode | None) -> str:
        """Return the name by which the script can go on to speak of a node, ``"0"`` for none."""
        if node is None:
            return "0"
        self.session.tcl.named[node.path] = node
        return node.path

    def _optional(self, name: str, context: Context) -> ScriptNode | None:
        return None if name == "0" else self._node(name, context)

    def _handle(self, node: ScriptNode) -> Node:
        return self.session.handle(node)

    def _listed(self, nodes: Sequence[ScriptNode]) -> str:
        return " ".join(self._told_name(node) for node in nodes)

    # Knobs

    def _knob(self, args: Sequence[str], context: Context) -> _Found:
        if len(args) == 1:
            return self._raw_knob(args, context)
        name, text = args[0], args[1]
        place = resolve(context.node, name)
        if not isinstance(place, KnobPlace):
            raise self._lost(place, name)
        knob = self._handle(place.node)[place.shape.name]
        if not place.fields:
            knob.fromScript(text)
            return ""
        number, index = number_or_none(text), place.index
        if index is None:
            raise NotSimulatedError(f"{name!r} is not a plain value of its knob.")
        if number is not None:
            knob.setValue(float(number), index)
        else:
            inner = text.strip()
            knob.setExpression(inner[1:-1] if inner.startswith("{") and inner.endswith("}") else inner, index)
        return ""

    def _knobs(self, args: Sequence[str], context: Context) -> _Found:
        if args[0].startswith("-") or len(args) < 2:
            raise NotSimulatedError("only 'knobs node {name value ...}' is, which sets knobs")
        self._set_all(self._node(args[0], context), args[1:])
        return ""

    def _set_all(self, node: ScriptNode, args: Sequence[str]) -> None:
        handle = self._handle(node)
        for name, value in knob_pairs(_pairs_text(args)):
            if name == "addUserKnob":
                own = UserKnob.read(value)
                if own.name not in node.user_knobs:
                    document = node.document
                    document.set_body(node, with_definition(node.text, own, None, document.newline))
            elif name != "inputs":
                handle[name].fromScript(value)

    def _knob_default(self, args: Sequence[str], context: Context) -> _Found:
        del context
        found = self.creating.knob_default(args[0], args[1] if len(args) > 1 else None)
        return None if found is None else str(found)

    def _setkey(self, args: Sequence[str], context: Context) -> _Found:
        place = resolve(context.node, args[0])
        time, value = number_or_none(args[1]), number_or_none(args[2])
        if not isinstance(place, KnobPlace):
            raise self._lost(place, args[0])
        if time is None or value is None:
            raise ValueError("a time and a value are numbers")
        knob = self._handle(place.node)[place.shape.name]
        index = -1 if place.index is None else place.index
        if not knob.isAnimated(index):
            # The first key is the one asked for: none is left at the current frame.
            knob.fromScript(_first_key(knob.toScript(), place, float(time), float(value)))
            return ""
        knob.setValueAt(float(value), float(time), index)
        return ""

    def _animation(self, args: Sequence[str], context: Context) -> _Found:
        if len(args) != 3 or args[1] != "expression":
            raise NotSimulatedError("only 'animation knob expression text' is")
        place = resolve(context.node, args[0])
        if not isinstance(place, KnobPlace):
            raise self._lost(place, args[0])
        index = -1 if place.index is None else place.index
        self._handle(place.node)[place.shape.name].setExpression(args[2], index)
        return ""

    def _add_user_knob(self, args: Sequence[str], context: Context) -> _Found:
        words = list(args)
        node = context.node
        if words[0] == "node" and len(words) > 2:
            node = self._node(words[1], context)
            del words[:2]
        if len(words) > 1:
            words = [" ".join(_definition_word(word, before) for word, before in zip(words, ["", *words]))]
        holder = node.clone_of or node
        own = UserKnob.read("{" + words[0] + "}")
        if not own.type_id.isdecimal():
            raise ValueError(f"{own.type_id!r} is no type of a knob")
        if own.name in holder.user_knobs:
            raise NotSimulatedError(f"adding {own.name!r}, a knob the node has already")
        holder.document.set_body(holder, with_definition(holder.text, own, None, holder.document.newline))
        return ""

    def _root(self, args: Sequence[str]) -> _Found:
        root = self.session.document.root_node
        if root is None:
            raise NotSimulatedError("this script has no Root")
        self._set_all(root, args)
        return ""

    # Nodes

    def _make(self, class_name: str, args: Sequence[str], context: Context) -> _Found:
        rest = list(args)
        is_new = not rest
        while rest and rest[0].lower() == "-new":
            is_new = True
            rest.pop(0)
        pairs = knob_pairs(_pairs_text(rest))
        owner = self._owner(context)
        with self._inside(owner):
            if is_new:
                made = self.creating.in_stream(class_name)
                node = made._attached()
            else:
                made = self.creating.make(class_name)
                node = made._attached()
                self._pop_inputs(node, dict(pairs).get("inputs", "1"))
            self._set_all(node, rest)
            if not is_new and not {"xpos", "ypos"} & set(dict(pairs)):
                self.creating.place(made)
        self.session.tcl.stack.append(node)
        if node.children is not None and not is_new:
            self._groups.append((node, self.session.tcl.stack))
            self.session.tcl.stack = []
        self._told_name(node)
        return ""

    def _pop_inputs(self, node: ScriptNode, count: str) -> None:
        stack = self.session.tcl.stack
        for index in range(sum(int(part) for part in count.split("+"))):
            source = stack.pop() if stack else None
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

    def _end_group(self, args: Sequence[str], context: Context) -> _Found:
        del args, context
        if not self._groups:
            raise RuntimeError("no group is open")
        _, self.session.tcl.stack = self._groups.pop()
        return ""

    def _input(self, args: Sequence[str], context: Context) -> _Found:
        node = self._node(args[0], context)
        index = number_or_none(args[1]) if len(args) > 1 else 0
        if index is None:
            raise ValueError(f"{args[1]!r} is no number of an input")
        if len(args) < 3:
            inputs = node.inputs
            return self._told_name(inputs[int(index)] if 0 <= index < len(inputs) else None)
        source = self._optional(args[2], context)
        if not self._handle(node).setInput(int(index), None if source is None else self._handle(source)):
            raise RuntimeError(f"input {int(index)} of {node.name} cannot be connected")
        return ""

    def _inputs(self, args: Sequence[str], context: Context) -> _Found:
        return len((self._node(args[0], context) if args else context.node).inputs)

    def _nodes(self, args: Sequence[str], context: Context) -> _Found:
        group = self._node(args[0], context) if args else self._owner(context)
        if group is None or group is self.session.document.root_node:
            return self._listed(self.session.document.top.nodes)
        if group.children is None:
            raise ValueError(f"{group.name} is no group")
        return self._listed(group.children.nodes)

    def _selected_nodes(self, args: Sequence[str], context: Context) -> _Found:
        del args, context
        chosen = [node for node in self.finding.scope().nodes if node.selected]
        if not chosen:
            raise RuntimeError("no node selected")
        return self._listed(chosen[::-1])

    def _delete(self, args: Sequence[str], context: Context) -> _Found:
        for node in [self._node(name, context) for name in args]:
            self.creating.delete(self._handle(node))
        return ""

    def _node_delete(self, args: Sequence[str], context: Context) -> _Found:
        del args, context
        self.creating.delete_selected()
        return ""

    def _node_copy(self, args: Sequence[str], context: Context) -> _Found:
        del context
        self.clipboard.node_copy(*args[:1])
        return ""

    def _node_paste(self, args: Sequence[str], context: Context) -> _Found:
        del context
        self.clipboard.paste_nodes(*args[:1])
        return ""

    def _clone(self, args: Sequence[str], context: Context) -> _Found:
        made = self.cloning.clone_of(self._node(args[0], context))
        self._set_all(made, args[1:])
        self.session.tcl.stack.append(made)
        return ""

    def _autoplace(self, args: Sequence[str], context: Context) -> _Found:
        for node in [self._node(name, context) for name in args]:
            self._handle(node).autoplace()
        return ""

    # The stack

    def _push(self, args: Sequence[str], context: Context) -> _Found:
        for name in args:
            self.session.tcl.stack.append(self._optional(name, context))
        return ""

    def _pop(self, args: Sequence[str], context: Context) -> _Found:
        del context
        count = number_or_none(args[0]) if args else 1
        for _ in range(int(count or 0)):
            if self.session.tcl.stack:
                self.session.tcl.stack.pop()
        return ""

    def _dup(self, args: Sequence[str], context: Context) -> _Found:
        del args, context
        stack = self.session.tcl.stack
        stack.append(stack[-1] if stack else None)
        return ""

    def _exch(self, args: Sequence[str], context: Context) -> _Found:
        del args, context
        stack = self.session.tcl.stack
        if len(stack) > 1:
            stack[-1], stack[-2] = stack[-2], stack[-1]
        return ""

    def _stack_at(self, args: Sequence[str], context: Context) -> _Found:
        del context
        stack = [node for node in self.session.tcl.stack if node is None or node.alive]
        if not args:
            return " ".join(self._told_name(node) for node in stack[::-1])
        index = number_or_none(args[0])
        if index is None:
            raise ValueError(f"{args[0]!r} is no place in the stack")
        return self._told_name(stack[-1 - int(index)] if 0 <= index < len(stack) else None)

    def _puts(self, args: Sequence[str], context: Context) -> _Found:
        del context
        if len(args) > 2 or (len(args) == 2 and args[0] != "-nonewline"):
            raise NotSimulatedError("nothing is written to files")
        self.session.write(args[-1] + ("" if len(args) == 2 else "\n"))
        return ""

    def _error(self, args: Sequence[str], context: Context) -> _Found:
        del context
        raise RuntimeError(args[0])

    def _info(self, args: Sequence[str], context: Context) -> _Found:
        if args[0] != "exists":
            raise NotSimulatedError("only 'info exists variable' is")
        return int(args[1] in context.variables)


def _pairs_text(args: Sequence[str]) -> str:
    """Return ``name value`` pairs as one text: given as one list, or as words of their own."""
    if len(args) == 1:
        return args[0]
    if len(args) % 2:
        raise ValueError("knobs are given as pairs of a name and a value")
    return "\n".join(f"{quote(name)} {written(value)}" for name, value in zip(args[::2], args[1::2]))


def _definition_word(word: str, before: str) -> str:
    return "{" + word + "}" if before == "M" and not word.startswith("{") else quote(word)


def _first_key(text: str, place: KnobPlace, time: float, value: float) -> str:
    from nuke_ai_panel.nk.emulation.values import array_text, elements

    shape = knob_shape(place.node, place.shape.name) or place.shape
    words = elements(text, shape.size)
    key = "{curve x" + f"{time:.10g} {value:.10g}" + "}"
    chosen = range(len(words)) if place.index is None else [place.index]
    for at in chosen:
        if words[at].startswith("{"):
            raise NotSimulatedError("setting a key on a value that has an expression")
        words[at] = key
    return array_text(words, folded=False)

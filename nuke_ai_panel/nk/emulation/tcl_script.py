"""Tcl as ``nuke.tcl`` runs it: what the evaluator of expressions knows, and the commands that change the script.

The node stack is Nuke's: a class pops its inputs from it and lies on top of it then; the selected nodes lie on it at first.
Code of other kinds (``python``, ``source``, ``exec``, ``open``) is never run but told in the session's `not_run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.emulation.creating import Creating
from nuke_ai_panel.nk.emulation.script_errors import KnobNotFoundError, NotSimulatedError
from nuke_ai_panel.nk.emulation.session import NotRun
from nuke_ai_panel.nk.emulation.tcl_knobs import TclKnobs
from nuke_ai_panel.nk.emulation.tcl_lists import LIST_COMMANDS
from nuke_ai_panel.nk.emulation.tcl_names import Found, TclNames
from nuke_ai_panel.nk.emulation.tcl_nodes import TclNodes
from nuke_ai_panel.nk.expressions.evaluate import _Machine
from nuke_ai_panel.nk.expressions.names import KnobPlace, resolve
from nuke_ai_panel.nk.expressions.operators import as_text, stop, truth, unknown
from nuke_ai_panel.nk.expressions.results import MissingReference, Scalar, SyntaxProblem
from nuke_ai_panel.nk.expressions.tcl_commands import COMMANDS, NOT_SIMULATED, split_list
from nuke_ai_panel.nk.expressions.tcl_words import commands
from nuke_ai_panel.nk.expressions.working import Context, Work
from nuke_ai_panel.nk.node import Node as ScriptNode

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.finding import Finding
    from nuke_ai_panel.nk.emulation.session import Session

__all__ = ["TclScript"]

_CODE = frozenset({"python", "pyrs", "py", "pyexec", "source", "exec", "open"})
_BREAK = MissingReference("break", "break", "'break' stands outside of a loop.")
_CONTINUE = MissingReference("continue", "continue", "'continue' stands outside of a loop.")


class TclScript(_Machine):
    """One call of ``nuke.tcl``."""

    def __init__(self, session: Session, finding: Finding, creating: Creating) -> None:
        super().__init__(None)
        self.session = session
        self.finding = finding
        self.names = TclNames(session)
        self.knobs = TclKnobs(session, self.names, creating)
        self.nodes = TclNodes(session, finding, self.names, self.knobs, creating)
        self._commands: dict[str, tuple[Callable[[Sequence[str], Context], Found], int]] = {
            "knob": (self._knob, 1),
            **self.knobs.table(),
            **self.nodes.table(),
            "puts": (self._puts, 1),
            "error": (self._error, 1),
            "info": (self._info, 2),
            "version": (lambda args, context: "", 1),
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
        with_lists = LIST_COMMANDS.get(name)
        least = own[1] if own is not None else with_lists[1] if with_lists is not None else 0
        if len(args) < least:
            raise stop(SyntaxProblem(f"the Tcl command {name!r} needs at least {least} arguments", 1))
        with self._told(name):
            if own is not None:
                return self._plain(own[0](args, context))
            if with_lists is not None:
                return with_lists[0](args, context.variables)
        if name in ("foreach", "for", "while"):
            return (yield self._loop(name, args, context))
        if name in ("break", "continue"):
            raise stop(_BREAK if name == "break" else _CONTINUE)
        if name == "eval":
            return (yield self.script(" ".join(args), context))
        if name == "in":
            return (yield self._in(args, context))
        if name in _CODE:
            self.session.not_run.append(NotRun("nuke.tcl", " ".join([name, *args])))
        elif name not in COMMANDS and name not in NOT_SIMULATED and name[:1].isupper():
            with self._told(name):
                return self._plain(self.nodes.make(name, args, context))
        try:
            return (yield super()._command(name, args, context))
        except Exception as error:
            problem = getattr(error, "problem", None)
            if isinstance(problem, MissingReference) and problem.message == f"There is no Tcl command {name!r}.":
                raise unknown(name, f"The Tcl command {name!r} is not simulated.") from None
            raise

    @staticmethod
    def _plain(found: Found) -> str | float:
        return "" if found is None else found

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Let what the emulation raises be a problem of the Tcl, which ``catch`` can catch."""
        self.known.clear()
        try:
            yield
        except NotSimulatedError as error:
            raise unknown(name, f"The Tcl command {name!r} is not simulated: {error}") from error
        except (RuntimeError, ValueError, TypeError, OverflowError, KnobNotFoundError, NkError) as error:
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
        raise self.names.lost(place, args[0])

    # Commands

    def _knob(self, args: Sequence[str], context: Context) -> Found:
        return self.knobs.set_knob(args, context) if len(args) > 1 else self._raw_knob(args, context)

    def _puts(self, args: Sequence[str], context: Context) -> Found:
        del context
        if len(args) > 2 or (len(args) == 2 and args[0] != "-nonewline"):
            raise NotSimulatedError("nothing is written to files")
        self.session.write(args[-1] + ("" if len(args) == 2 else "\n"))
        return ""

    def _error(self, args: Sequence[str], context: Context) -> Found:
        del context
        raise RuntimeError(args[0])

    def _info(self, args: Sequence[str], context: Context) -> Found:
        if args[0] != "exists":
            raise NotSimulatedError("only 'info exists variable' is")
        return int(args[1] in context.variables)

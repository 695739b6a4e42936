"""The emulated ``nuke`` module: put together over one document."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, cast

from nuke_ai_panel.nk.catalogue import Catalogue
from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.emulation import groups, node_knobs, nodes
from nuke_ai_panel.nk.emulation.animation import INTERPOLATION_TYPES, AnimationCurve, AnimationKey
from nuke_ai_panel.nk.emulation.api import absent_class, absent_function, api
from nuke_ai_panel.nk.emulation.callbacks import callback_table
from nuke_ai_panel.nk.emulation.clipboard import Clipboard
from nuke_ai_panel.nk.emulation.cloning import Cloning
from nuke_ai_panel.nk.emulation.creating import Creating
from nuke_ai_panel.nk.emulation.editions import build_of, catalogue_of
from nuke_ai_panel.nk.emulation.finding import Finding
from nuke_ai_panel.nk.emulation.formats import Format
from nuke_ai_panel.nk.emulation.grouping import Grouping
from nuke_ai_panel.nk.emulation.knob import FLAGS
from nuke_ai_panel.nk.emulation.knobs import KNOB_CLASSES
from nuke_ai_panel.nk.emulation.main_thread import MainThread
from nuke_ai_panel.nk.emulation.menus import Menus
from nuke_ai_panel.nk.emulation.script import Script
from nuke_ai_panel.nk.emulation.script_library import script_library
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.emulation.tcl_script import TclScript
from nuke_ai_panel.nk.emulation.undo import undo_class
from nuke_ai_panel.nk.emulation.window import Window

__all__ = ["emulate", "session_of"]

_ENV = {
    "gui": False,
    "interactive": False,
    "nc": False,
    "indie": False,
    "nukex": False,
    "studio": False,
    "assist": False,
}
_NUMBERS = {
    "ALL": -1,
    "HORIZONTAL": 17,
    "BREAK": 18,
    "USER_SET_SLOPE": 16,
    "TABBEGINGROUP": 1,
    "TABBEGINCLOSEDGROUP": 2,
    "TABENDGROUP": -1,
    "MATCH_CLASS": 0,
    "MATCH_LABEL": 1,
    "MATCH_COLOR": 2,
}


def emulate(
    document: Document,
    *,
    write: Callable[[str], object] | None = None,
    non_commercial: bool = False,
    window: bool = False,
    version: str | None = None,
    catalogue: Catalogue | None = None,
) -> types.ModuleType:
    """Return a module named ``nuke`` that reads and changes `document` as Nuke's own would the open script.

    ``write`` gets what the script shows or prints through ``nuke`` (``nuke.tprint``, ``nuke.message``). With `non_commercial`
    Python gets ten node objects and then None, as in a non-commercial Nuke; with `window` the module says that it has one, and
    calls of other threads into the main one wait for :func:`session_of`'s ``main_calls.serve()``.

    The module stands for the Nuke whose version the script names, the newest known where it names none; `version`
    (``"15.1"``, ``"15.1v3"``) asks for another, and `catalogue` says which classes and knobs there are. It stays that Nuke
    when another script is opened.

    What is not simulated raises NotSimulatedError naming the call. The module is not put into ``sys.modules``.
    Raises: ValueError for a `version` that is none.
    """
    build = build_of(document, version, catalogue)
    session = Session(document, catalogue or catalogue_of(build), non_commercial=non_commercial)
    session.has_window = window
    if write is not None:
        session.write = write
    module = types.ModuleType("nuke", "An emulation of Foundry Nuke's Python module over a .nk document.")
    menus = Menus(session)
    module.__dict__.update({**_table(session), **menus.table()})
    module.__dict__["env"] = {**_ENV, **build.environment(), "nc": non_commercial, "gui": window, "interactive": window}
    module.__dict__.update(build.constants())
    module.__dict__["GUI"] = window
    module.__dict__["__getattr__"] = _absent
    module.__dict__["_session"] = session
    session.library = script_library(session, menus)
    return module


def session_of(module: types.ModuleType) -> Session:
    """Return the session behind an emulated module."""
    return cast(Session, module.__dict__["_session"])


def _absent(name: str) -> Any:
    known = api()
    if name in known.classes:
        return absent_class(name)
    if name in known.functions or name in known.constants:
        return absent_function(name)
    raise AttributeError(f"module 'nuke' has no attribute '{name}'")


def _table(session: Session) -> dict[str, object]:
    finding = Finding(session)
    session.main_calls = MainThread(session)
    undo: Any = undo_class(session)
    table: dict[str, object] = {
        **KNOB_CLASSES,
        **{name: getattr(groups, name) for name in groups.__all__ if name != "node_class"},
        "Node": nodes.Node,
        "Format": Format,
        "AnimationCurve": AnimationCurve,
        "AnimationKey": AnimationKey,
        "Undo": undo,
        "undo": undo.undo,
        "redo": undo.redo,
        **FLAGS,
        **_NUMBERS,
        **{name: number for name, (number, _) in INTERPOLATION_TYPES.items()},
        **{name: getattr(part, name) for part in (nodes, node_knobs) for name in part.__all__ if name.isupper()},
        "INTERACTIVE": False,
        "rawArgs": [],
    }
    creating = Creating(session, finding)

    def tcl(command: str, *args: str) -> str:
        """Run Tcl and return what the last command gives. Raises: RuntimeError, NotSimulatedError."""
        return TclScript(session, finding, creating).call(command, [str(arg) for arg in args])

    table["tcl"] = tcl
    for part in (
        finding,
        creating,
        Clipboard(session, finding),
        Cloning(session, creating),
        Grouping(session, finding),
        Script(session, finding),
        Window(session, finding),
        session.main_calls,
    ):
        table.update(part.table())
    table.update(callback_table(session))
    table.update(_talking(session))
    return table


def _talking(session: Session) -> dict[str, object]:
    def message(text: object = "") -> None:
        """Show a message: here it goes to the output."""
        session.write(f"{text}\n")

    def tprint(*values: object, sep: str = " ", end: str = "\n", **_kwargs: object) -> None:
        """Print to the terminal: here to the output."""
        session.write(sep.join(str(value) for value in values) + end)

    def said(kind: str) -> Callable[[object], None]:
        def say(text: object = "") -> None:
            session.write(f"{kind}: {text}\n")

        return say

    talking: dict[str, object] = {"message": message, "tprint": tprint}
    return {**talking, **{kind: said(kind) for kind in ("debug", "warning", "error", "critical")}}

"""The emulated ``nukescripts``: the few functions of it that only need the node graph."""

from __future__ import annotations

import types
from typing import Any

from nuke_ai_panel.nk.emulation.menus import Menus
from nuke_ai_panel.nk.emulation.panels import panel_library
from nuke_ai_panel.nk.emulation.placing import bounds
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.node import Node, Scope

__all__ = ["script_library"]

_EDGES = (-10, -80, 10, 10)


def script_library(session: Session, menus: Menus) -> types.ModuleType:
    """Return a module named ``nukescripts``. What it does not simulate raises NotSimulatedError when it is asked for."""
    module = types.ModuleType("nukescripts", "An emulation of some functions of Foundry Nuke's nukescripts.")
    functions = _Functions(session)
    for name in ("autoBackdrop", "clear_selection_recursive", "swapAB"):
        setattr(module, name, getattr(functions, name))
    panels = panel_library(session, menus)
    module.__dict__["panels"] = panels
    for name in ("PythonPanel", "registerPanel", "unregisterPanel"):
        setattr(module, name, getattr(panels, name))

    def absent(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module 'nukescripts' has no attribute '{name}'")

        raise NotSimulatedError(f"nukescripts.{name} is not simulated.")

    module.__dict__["__getattr__"] = absent
    return module


class _Functions:
    def __init__(self, session: Session) -> None:
        self.session = session

    def _scope(self) -> Scope:
        group = self.session.group
        return group.children if group is not None and group.children is not None else self.session.document.top

    def autoBackdrop(self) -> Any:  # noqa: N802  Nuke's name
        """Put a backdrop behind the selected nodes, larger than them, below backdrops that are among them."""
        document = self.session.document
        chosen = [node for node in self._scope().nodes if node.selected]
        if not chosen:
            raise NotSimulatedError("nukescripts.autoBackdrop without a selection opens a panel, which is not simulated.")
        left, top, right, bottom = (side + more for side, more in zip(bounds(chosen), _EDGES))
        inner = [_order(node) for node in chosen if node.class_name == "BackdropNode"]
        knobs = {
            "xpos": str(left),
            "ypos": str(top),
            "bdwidth": str(right - left),
            "bdheight": str(bottom - top),
            "note_font_size": "42",
            "z_order": str(min(inner) - 1 if inner else 0),
        }
        if knobs["z_order"] == "0":
            knobs.pop("z_order")
        made = document.create("BackdropNode", knobs=knobs, group=self.session.group)
        for node in chosen:
            document.select(node)
        return self.session.hand_out(made)

    def clear_selection_recursive(self, group: Any = None) -> None:
        """Select nothing, in no group."""
        top = group._attached().children if group is not None and group.fullName() != "root" else self.session.document.top
        for node in self.session.document.walk(top):
            self.session.document.select(node, False)

    def swapAB(self, node: Any) -> None:  # noqa: N802  Nuke's name
        """Swap the first two inputs of a node."""
        first, second = node.input(0), node.input(1)
        node.setInput(0, None)
        node.setInput(1, first)
        node.setInput(0, second)


def _order(node: Node) -> int:
    try:
        return int(float(node.knob("z_order") or 0))
    except ValueError:
        return 0

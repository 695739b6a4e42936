"""The panels of the emulated ``nukescripts``: put together and recorded, never shown."""

from __future__ import annotations

import types
from typing import Any

from nuke_ai_panel.nk.emulation.knob import Knob
from nuke_ai_panel.nk.emulation.menus import Menus
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import PanelRecord, Session

__all__ = ["panel_library"]


def panel_library(session: Session, menus: Menus) -> types.ModuleType:
    """Return a module named ``nukescripts.panels``. What it does not simulate raises NotSimulatedError."""
    module = types.ModuleType("nukescripts.panels", "An emulation of some parts of Foundry Nuke's nukescripts.panels.")

    class PythonPanel:
        """A panel that Python puts together. It holds its knobs, and is never shown."""

        def __init__(self, title: str = "", id: str = "", scrollable: bool = True) -> None:  # noqa: A002  Nuke's name
            del scrollable
            self._title, self.id = str(title), str(id)
            self._knobs: dict[str, Knob] = {}

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            raise NotSimulatedError(f"PythonPanel.{name} is not simulated: no panel is shown here.")

        def addKnob(self, knob: Knob) -> None:  # noqa: N802  Nuke's name
            """Add a knob. Raises: TypeError for what is none."""
            if not isinstance(knob, Knob):
                raise TypeError(f"addKnob() argument 1 must be a Knob, not {type(knob).__name__}")
            self._knobs[knob.name()] = knob

        def removeKnob(self, knob: Knob) -> None:  # noqa: N802  Nuke's name
            """Take a knob out. Raises: ValueError for one that the panel has not."""
            if self._knobs.pop(knob.name(), None) is None:
                raise ValueError(f"the panel has no knob {knob.name()!r}")

        def knobs(self) -> dict[str, Knob]:
            """Return the knobs by name."""
            return dict(self._knobs)

        def setMinimumSize(self, width: int, height: int) -> None:  # noqa: N802  Nuke's name
            """Set how large the panel is at least, in pixels: nothing is drawn here."""

        def knobChanged(self, knob: Knob) -> None:  # noqa: N802  Nuke's name
            """Do nothing; a panel of one's own does what it has to when a knob changed."""

    def register_widget(widget: str, name: str, id: str, create: bool = False) -> None:  # noqa: A002  Nuke's name
        """Record a panel that a widget makes, and its item in the Pane menu. Raises: NotSimulatedError with `create`."""
        if not isinstance(widget, str):
            raise TypeError(f"registerWidgetAsPanel() takes the widget as a string that names it, not {type(widget).__name__}")
        session.panels.append(PanelRecord(id, name, widget))
        menus.menu("Pane").addCommand(name, widget)
        if create:
            raise NotSimulatedError("registerWidgetAsPanel with create=True is not simulated: no panel is made here.")

    def register(id: str, command: object) -> None:  # noqa: A002  Nuke's name
        """Record what makes the panel of an id when a layout is restored."""
        if not callable(command):
            raise TypeError("registerPanel() takes something to call")
        session.panels.append(PanelRecord(id, "", command))

    def unregister(id: str, command: object = None) -> None:  # noqa: A002  Nuke's name
        """Forget the panel of an id."""
        del command
        session.panels[:] = [panel for panel in session.panels if panel.id != id]

    def absent(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module 'nukescripts.panels' has no attribute '{name}'")
        raise NotSimulatedError(f"nukescripts.panels.{name} is not simulated.")

    module.__dict__.update(
        PythonPanel=PythonPanel,
        registerWidgetAsPanel=register_widget,
        registerPanel=register,
        unregisterPanel=unregister,
        __getattr__=absent,
    )
    return module

"""Panels as Nuke registers, opens and restores them: a text, evaluated in ``__main__``, called without arguments."""

from __future__ import annotations

import sys

import nuke

registered = {}


def registerPanel(id, command):  # noqa: A002  Nuke's names
    registered[id] = command


def restorePanel(id):  # noqa: A002  Nuke's names
    """What Nuke calls for each page of a stored window layout."""
    return registered[id]()


class PythonPanel:
    def __init__(self, widget, name, id):  # noqa: A002  Nuke's names
        self.expression, self.name, self.id = widget, name, id
        self.widget = None

    def addToPane(self, pane=None):
        """Build the widget in a tab of the pane; without a pane Nuke takes the one whose menu was used."""
        if pane is None:
            raise RuntimeError("no pane here: nuke.thisPane() exists inside the Pane menu only")
        self.widget = eval(self.expression, vars(sys.modules["__main__"]))()
        pane.setCurrentIndex(pane.addTab(self.widget, self.name))
        return self


def registerWidgetAsPanel(widget, name, id, create=False):  # noqa: A002  Nuke's names
    assert isinstance(widget, str)

    def add():
        return PythonPanel(widget, name, id).addToPane(nuke.getPaneFor("Properties.1"))

    nuke.menu("Pane").addCommand(name, add)
    registerPanel(id, add)
    return PythonPanel(widget, name, id) if create else None

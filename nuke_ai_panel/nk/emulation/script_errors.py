"""The exceptions that scripts meet, under the names that a traceback in Nuke has.

To this package they are what :mod:`nuke_ai_panel.errors` says; to a script, and to whoever reads its traceback, they are
Nuke's own.
"""

from __future__ import annotations

from nuke_ai_panel import errors

__all__ = ["KnobNotFoundError", "NotSimulatedError"]


class KnobNotFoundError(errors.KnobNotFoundError):
    """The node has no knob of that name; Nuke raises a NameError."""


class NotSimulatedError(errors.NotSimulatedError):
    """A call that is not simulated; in Nuke it would not fail."""


# What a traceback prints is the qualified name, and the module in front of it unless that is `builtins`.
KnobNotFoundError.__name__ = KnobNotFoundError.__qualname__ = "NameError"
for _error in (KnobNotFoundError, NotSimulatedError):
    _error.__module__ = "builtins"

"""Emulated knobs that stand for others: links, and choices of channels."""

from __future__ import annotations

from typing import Any

from nuke_ai_panel.nk.emulation.knob import Knob, Value
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError

__all__ = ["ChannelMask_Knob", "Channel_Knob", "Link_Knob"]


class Link_Knob(Knob):  # noqa: N801  Nuke's name
    """A knob that shows another one: read and set through it."""

    def getLink(self) -> str:  # noqa: N802  Nuke's name
        """Return what the knob stands for, e.g. ``"Blur1.size"``."""
        own = self._read_definition()
        return (own.text("T") if own is not None else None) or ""

    def setLink(self, target: str) -> None:  # noqa: N802  Nuke's name
        """Let the knob stand for another one, e.g. ``"Blur1.size"``."""
        self._change_definition("setLink", lambda own: own.set_text("T", target))

    def makeLink(self, node: str, knob: str) -> None:  # noqa: N802  Nuke's name
        """Let the knob stand for a knob of a node, both by name."""
        self.setLink(f"{node}.{knob}")

    def getLinkedKnob(self) -> Knob | None:  # noqa: N802  Nuke's name
        """Return the knob this one stands for, None where there is none of that name."""
        if self._node_or_none is None:
            return None
        path, _, name = self.getLink().rpartition(".")
        node = self._node._session.relative(self._node._attached(), path)
        found = None if node is None else self._node._session.handle(node).knob(name)
        if isinstance(found, Link_Knob) and found is not self:
            return found.getLinkedKnob()
        return found

    def value(self, index: int | None = None, *args: object) -> Any:
        """Return the value of the linked knob."""
        return self._linked().value() if index is None else self._linked().value(index, *args)

    def getValue(self, index: int | None = None, *args: object) -> Any:  # noqa: N802  Nuke's name
        """Return the value of the linked knob."""
        return self._linked().getValue() if index is None else self._linked().getValue(index, *args)

    def setValue(self, value: Value, index: int = -1, *args: object) -> bool:  # noqa: N802  Nuke's name
        """Set the linked knob."""
        return self._linked().setValue(value, index, *args)

    def toScript(self, quote: bool = False, context: object = None) -> str:  # noqa: N802  Nuke's signature
        """Return the linked knob's text."""
        return self._linked().toScript(quote, context)

    def notDefault(self) -> bool:  # noqa: N802  Nuke's name
        """Return whether the linked knob differs from its default."""
        return self._linked().notDefault()

    def _linked(self) -> Knob:
        found = self.getLinkedKnob()
        if found is None:
            raise NotSimulatedError(f"{self._full_name()} stands for {self.getLink()!r}, which is not there.")
        return found


class Channel_Knob(Knob):  # noqa: N801  Nuke's name
    """A choice of channels or of a layer."""

    def value(self, index: int | None = None, *_args: object) -> str:
        """Return the channels as the script writes them."""
        return self._text()

    getValue = value  # noqa: N815  Nuke's name

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Choose channels. Raises: TypeError for what is no string."""
        if not isinstance(value, str):
            raise TypeError(f"{self._full_name()} takes channels by name, not {type(value).__name__}")
        self._put(value)
        return True


class ChannelMask_Knob(Channel_Knob):  # noqa: N801  Nuke's name
    """A choice of channels."""

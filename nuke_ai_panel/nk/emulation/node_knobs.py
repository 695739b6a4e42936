"""The knobs of an emulated node: finding, adding, removing, writing and reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nuke_ai_panel.nk.emulation.knob import Knob
from nuke_ai_panel.nk.emulation.knobs import make_knob
from nuke_ai_panel.nk.emulation.script_errors import KnobNotFoundError, NotSimulatedError
from nuke_ai_panel.nk.emulation.session import DETACHED
from nuke_ai_panel.nk.emulation.text_knobs import Tab_Knob
from nuke_ai_panel.nk.emulation.user_knobs import UserKnob, with_definition, without_spans
from nuke_ai_panel.nk.node import Node as ScriptNode
from nuke_ai_panel.nk.node_text import USER_KNOB, NodeText
from nuke_ai_panel.nk.words import DamagedWordError, quote, unquote, written

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.nodes import Node
    from nuke_ai_panel.nk.emulation.session import Session

__all__ = ["TO_SCRIPT", "TO_VALUE", "WRITE_ALL", "WRITE_NON_DEFAULT_ONLY", "WRITE_USER_KNOB_DEFS", "NodeKnobs"]

TO_SCRIPT = 1
TO_VALUE = 2
WRITE_USER_KNOB_DEFS = 4
WRITE_ALL = 8
WRITE_NON_DEFAULT_ONLY = 16
_NO_SETTINGS = frozenset({"inputs", "name", "selected", "xpos", "ypos", USER_KNOB})


class NodeKnobs:
    """What a node does with its knobs. One whose node is gone raises ValueError, as in Nuke."""

    def __init__(self, session: Session, node: ScriptNode) -> None:
        self._session = session
        self._script_node = node
        self._knobs: dict[str, Knob] = {}

    def _attached(self) -> ScriptNode:
        if not self._script_node.alive:
            raise ValueError(DETACHED)
        return self._script_node

    def _as_node(self) -> Node:
        return cast("Node", self)

    def knob(self, name: str, *_args: object) -> Knob | None:
        """Return a knob, None where the node has none of that name.

        Raises: NotSimulatedError for a class whose knobs are not known here.
        """
        node = self._attached()
        facts = self._session.knob_facts(node, name)
        if facts is None:
            if self._session.knows_all_knobs(node):
                return None
            raise NotSimulatedError(f"Whether {node.class_name} has a knob {name!r} is not known here.")
        found = self._knobs.get(name)
        if found is None or found._facts != facts:
            found = self._knobs[name] = make_knob(self._as_node(), facts)
        return found

    def __getitem__(self, name: str) -> Knob:
        found = self.knob(name)
        if found is None:
            raise KnobNotFoundError(f"knob {name} does not exist")
        return found

    def knobs(self) -> dict[str, Knob]:
        """Return the knobs by name. Raises: NotSimulatedError for a class whose knobs are not known here."""
        node = self._attached()
        known = self._session.facts(node.class_name)
        if known is None or not known.complete:
            raise NotSimulatedError(f"The knobs of {node.class_name} are not all known here.")
        source = node.clone_of or node
        by_type = [name for name in known.file_type_knobs if self._session.knob_facts(source, name) is not None]
        names = dict.fromkeys([*known.knobs, *by_type, *source.knobs, *source.user_knobs])
        return {name: self[name] for name in names}

    def allKnobs(self) -> list[Knob]:  # noqa: N802  Nuke's name
        """Return the knobs as a list, those without a name among them in Nuke."""
        return list(self.knobs().values())

    def numKnobs(self) -> int:  # noqa: N802  Nuke's name
        """Return how many knobs there are."""
        return len(self.knobs())

    getNumKnobs = numKnobs  # noqa: N815  Nuke's name

    def addKnob(self, knob: Knob) -> None:  # noqa: N802  Nuke's name
        """Give the node a knob of its own; a tab called User before it where there is no tab yet.

        Raises: TypeError for what is no knob, NotSimulatedError for a name or a type that cannot be written.
        """
        if not isinstance(knob, Knob):
            raise TypeError(f"addKnob() argument 1 must be a Knob, not {type(knob).__name__}")
        if knob._node_or_none is not None:
            raise ValueError("the knob belongs to a node already")
        node = self._attached()
        holder = node.clone_of or node
        name = knob.name()
        if not knob._definition.type_id:
            raise NotSimulatedError(f"Node.addKnob of a {type(knob).__name__} is not simulated.")
        if name and (name in holder.user_knobs or self._session.knob_facts(node, name) is not None):
            raise NotSimulatedError(f"Node.addKnob of {name!r}, a knob the node has already, is not simulated.")
        newline = node.document.newline
        if not holder.user_knobs and not isinstance(knob, Tab_Knob):
            tab = UserKnob("20", "User")
            node.document.set_body(holder, with_definition(holder.text, tab, None, newline))
        text = knob._loose_text
        value = None if text is None else quote(text) if knob._facts.type.endswith("String_Knob") else written(text)
        node.document.set_body(holder, with_definition(holder.text, knob._definition, value, newline))
        knob._node_or_none = self._as_node()
        knob._facts = self._session.knob_facts(node, name) or knob._facts
        self._knobs[name] = knob

    def removeKnob(self, knob: Knob) -> None:  # noqa: N802  Nuke's name
        """Take a knob of its own from the node. Raises: ValueError for a knob of the class."""
        node = self._attached()
        holder = node.clone_of or node
        name = knob.name()
        if name not in holder.user_knobs:
            raise ValueError(f"{node.path}.{name} is not a user knob and cannot be removed")
        spans = [
            span
            for span in holder.text.spans
            if (UserKnob.read(holder.text.word(span)).name if span.name == USER_KNOB else span.name) == name
        ]
        node.document.set_body(holder, without_spans(holder.text, spans))
        self._knobs.pop(name, None)

    def setTab(self, index: int) -> None:  # noqa: N802  Nuke's name
        """Show a tab of the panel: there is none here."""
        self._attached()

    def resetKnobsToDefault(self) -> None:  # noqa: N802  Nuke's name
        """Set every knob of the class that is written to its default."""
        node = self._attached()
        for name in list((node.clone_of or node).knobs):
            if name not in (node.clone_of or node).user_knobs:
                node.document.clear_knob(node, name)

    def readKnobs(self, text: str) -> None:  # noqa: N802  Nuke's name
        """Set knobs from ``name value`` pairs, as :meth:`writeKnobs` returns them. Others are left out."""
        node = self._attached()
        try:
            pairs = [(span.name, body.word(span)) for body in [NodeText("", text, "")] for span in body.spans]
        except DamagedWordError as error:
            raise RuntimeError(f"the knobs cannot be read: {error}") from error
        holder = node.clone_of or node
        for name, word in pairs:
            if name == USER_KNOB:
                own = UserKnob.read(word)
                if own.name not in holder.user_knobs:
                    node.document.set_body(holder, with_definition(holder.text, own, None, node.document.newline))
            elif name != "inputs":
                knob = self.knob(name) if self._session.knows_all_knobs(node) or name in holder.user_knobs else None
                if knob is not None:
                    knob.fromScript(unquote(word))
                elif not self._session.knows_all_knobs(node):
                    node.document.set_knob(node, name, unquote(word))

    def writeKnobs(self, flags: int = 0) -> str:  # noqa: N802  Nuke's name
        """Return the knobs that are not at their default: their names, or ``name value`` lines with TO_SCRIPT or TO_VALUE.

        With WRITE_USER_KNOB_DEFS the definitions of user knobs too, with WRITE_ALL the name and the place.
        """
        node = self._attached()
        place = ("name", "xpos", "ypos") if flags & WRITE_ALL else ()
        if not flags & (TO_SCRIPT | TO_VALUE):
            return " ".join(dict.fromkeys([*node.knobs, *place]))
        text = (node.clone_of or node).text
        values = {"name": node.name, "xpos": str(node.xpos), "ypos": str(node.ypos)}
        lines = [f"{name} {written(values[name])}" for name in place]
        for span in text.spans:
            if span.name == USER_KNOB and flags & WRITE_USER_KNOB_DEFS:
                lines.append(f"{USER_KNOB} {text.word(span)}")
            elif span.name not in _NO_SETTINGS:
                lines.append(f"{quote(span.name)} {text.word(span) or quote('')}")
        return "\n".join(lines)

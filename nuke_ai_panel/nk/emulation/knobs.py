"""The classes of emulated knobs, and which of them serves a knob of the script."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from nuke_ai_panel.nk.catalogue import KnobFacts
from nuke_ai_panel.nk.emulation import array_knobs, blink, choice_knobs, formats, link_knob, number_knobs, text_knobs
from nuke_ai_panel.nk.emulation.blink import BLINK_BUTTONS
from nuke_ai_panel.nk.emulation.knob import Knob

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.nodes import Node

__all__ = ["KNOB_CLASSES", "make_knob"]

#: Every class of knob by Nuke's name for it.
KNOB_CLASSES: dict[str, type[Knob]] = {
    name: found
    for module in (array_knobs, blink, choice_knobs, formats, link_knob, number_knobs, text_knobs)
    for name, found in vars(module).items()
    if inspect.isclass(found) and issubclass(found, Knob) and found is not Knob and not name.startswith("_")
}
KNOB_CLASSES["Knob"] = Knob


def make_knob(node: Node, facts: KnobFacts) -> Knob:
    """Return the emulated knob for what is known of it."""
    button = BLINK_BUTTONS.get((node.Class(), facts.name))
    return (button or KNOB_CLASSES.get(facts.type, Knob))._of(node, facts)

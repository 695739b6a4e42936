"""What a node looks like in the node graph: the colour of its tile and its shape, by class family and the node's own knobs."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from nuke_ai_panel.nk.catalogue import default_catalogue
from nuke_ai_panel.nk.node import Node

__all__ = ["Colour", "colour_knob", "ink_on", "shape", "tile_colour"]

Colour = tuple[int, int, int]
Shape = Literal["tile", "dot", "round", "note", "backdrop"]

_GREY: Colour = (160, 160, 160)
#: Families are the first word of a class's place in Nuke's node menu.
_FAMILIES: dict[str, Colour] = {
    "3D": (158, 70, 70),
    "AIR": (196, 176, 132),
    "CaraVR": (150, 160, 130),
    "Channel": (158, 60, 99),
    "Color": (122, 169, 255),
    "Deep": (58, 64, 148),
    "Draw": (92, 148, 78),
    "Field": (92, 132, 150),
    "Filter": (204, 128, 78),
    "Image": (190, 190, 190),
    "Keyer": (70, 190, 70),
    "Merge": (75, 92, 196),
    "MetaData": (176, 176, 60),
    "Particles": (206, 190, 96),
    "Time": (178, 165, 90),
    "Transform": (165, 122, 170),
    "Views": (130, 150, 160),
}
#: Classes that stand apart from their family, and older ones that no menu lists.
_CLASSES: dict[str, Colour] = {
    "BackdropNode": (113, 113, 113),
    "Bezier": _FAMILIES["Draw"],
    "Bilateral": _FAMILIES["Filter"],
    "BurnIn": _FAMILIES["Draw"],
    "CCorrect": _FAMILIES["Color"],
    "ChannelCopy": _FAMILIES["Channel"],
    "Convolve": _FAMILIES["Filter"],
    "Dot": _GREY,
    "Glow": _FAMILIES["Filter"],
    "Group": (204, 204, 204),
    "Gizmo": (204, 204, 204),
    "GridWarp": _FAMILIES["Transform"],
    "Input": (204, 204, 204),
    "Keymix": _FAMILIES["Merge"],
    "LensDistortion": _FAMILIES["Transform"],
    "Merge": _FAMILIES["Merge"],
    "Mirror": _FAMILIES["Transform"],
    "Output": (204, 204, 204),
    "Paint": _FAMILIES["Draw"],
    "Shuffle": _FAMILIES["Channel"],
    "ShuffleCopy": _FAMILIES["Channel"],
    "StickyNote": (224, 214, 148),
    "Text": _FAMILIES["Draw"],
    "Tracker3": _FAMILIES["Transform"],
    "VectorBlur": _FAMILIES["Filter"],
    "Viewer": (92, 92, 92),
    "Write": (202, 178, 60),
    "DeepWrite": (202, 178, 60),
    "WriteGeo": (202, 178, 60),
    "ZBlur": _FAMILIES["Filter"],
}
_ROUND = re.compile(r"(Camera|Axis|Light|DirectLight|Spotlight|SpotLight|PointLight|Environment|Scene|GeoScene)\d*\Z")
_3D_OLD = re.compile(r"(Camera|Axis|Card|Light|Project3D|ReadGeo|PositionToPoints|Fill)\d*\Z")


def tile_colour(node: Node) -> Colour:
    """Return the colour of a node's tile: what its ``tile_color`` says, else that of its class."""
    return colour_knob(node, "tile_color") or _class_colour(node.class_name)


@lru_cache(maxsize=1024)
def _class_colour(class_name: str) -> Colour:
    own = _CLASSES.get(class_name)
    if own is not None:
        return own
    known = default_catalogue().find(class_name)
    family = known.menu.partition("/")[0] if known is not None else ""
    if not family and _3D_OLD.match(class_name):
        family = "3D"
    if not family and class_name.startswith("Deep"):
        family = "Deep"
    return _FAMILIES.get(family, _GREY)


def colour_knob(node: Node, knob: str) -> Colour | None:
    """Return the colour that a knob such as ``tile_color`` holds, None where it is not set; zero means "not set" in Nuke."""
    text = node.knob(knob) if knob in (node.clone_of or node).text.body else None
    if not text:
        return None
    try:
        number = int(text, 16) if text.lower().startswith("0x") else int(text)
    except ValueError:
        return None
    if number <= 0 or number > 0xFFFFFFFF:
        return None
    return (number >> 24) & 255, (number >> 16) & 255, (number >> 8) & 255


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever reads better on a colour."""
    red, green, blue = ((each / 255) ** 2.2 for each in colour)
    return (0, 0, 0) if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else (255, 255, 255)


def shape(node: Node) -> Shape:
    """Return what a node is drawn as."""
    name = node.class_name
    if name == "Dot":
        return "dot"
    if name == "BackdropNode":
        return "backdrop"
    if name == "StickyNote":
        return "note"
    return "round" if _ROUND.match(name) else "tile"

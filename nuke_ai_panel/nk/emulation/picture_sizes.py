"""How large the picture of a node is, where the text of the script says so."""

from __future__ import annotations

from nuke_ai_panel.nk.emulation.formats import Format
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.node import Node

__all__ = ["format_of"]

#: They make a picture of their own, of the format that they name.
_MAKE = frozenset({"Read", "Constant", "CheckerBoard2", "CheckerBoard", "ColorBars", "ColorWheel"})
#: What comes in at input 0 goes out in the same size.
_PASS = frozenset(
    {
        "Add",
        "AddChannels",
        "Blur",
        "Clamp",
        "ColorCorrect",
        "ColorLookup",
        "ColorMatrix",
        "Copy",
        "Defocus",
        "Denoise2",
        "Dilate",
        "DirBlurWrapper",
        "Dot",
        "Erode",
        "Expression",
        "FilterErode",
        "FrameHold",
        "Gamma",
        "Grade",
        "HueCorrect",
        "HueShift",
        "Invert",
        "Keyer",
        "Merge2",
        "Multiply",
        "NoOp",
        "Premult",
        "Remove",
        "Retime",
        "Saturation",
        "Sharpen",
        "Shuffle",
        "Shuffle2",
        "Soften",
        "TimeOffset",
        "Transform",
        "Unpremult",
        "Write",
        "ZDefocus2",
    }
)


def format_of(node: Node, root: Format) -> Format:
    """Return the format of a node's picture; `root` is the script's, which a node without input has.

    Raises: NotSimulatedError: it depends on a file, or on a node whose rule is not known here.
    """
    seen: set[Node] = set()
    here = node
    while here.class_name in _PASS and here not in seen:
        seen.add(here)
        source = here.inputs[0] if here.inputs else None
        if source is None:
            return root
        here = source
    written = here.knob("format")
    if here.class_name in _MAKE and written and len(written.split()) > 1:
        return Format(written)
    if here.class_name in _MAKE and here.class_name != "Read":
        return root
    raise NotSimulatedError(f"The format of {node.name} is not simulated: it depends on {here.name}.")

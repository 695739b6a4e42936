"""The order in which Nuke writes a node's knobs, measured on real scripts."""

from __future__ import annotations

__all__ = ["rank"]

_GENERIC = (
    "name",
    "help",
    "onCreate",
    "onDestroy",
    "knobChanged",
    "updateUI",
    "autolabel",
    "panel",
    "beforeRender",
    "afterRender",
    "tile_color",
    "gl_color",
    "label",
    "note_font",
    "note_font_size",
    "note_font_color",
    "selected",
    "xpos",
    "ypos",
    "icon",
    "hide_input",
    "cached",
    "disable",
    "dope_sheet",
    "bookmark",
    "postage_stamp",
    "postage_stamp_frame",
    "lifetimeStart",
    "lifetimeEnd",
    "useLifetime",
    "bdwidth",
    "bdheight",
    "z_order",
)
_RANKS = {name: 1_000_000 + index for index, name in enumerate(_GENERIC)}
_CLASS_KNOBS = 500_000


def rank(class_name: str, knob: str) -> int:
    """Return a number that sorts knobs as Nuke writes them: inputs, the class's own knobs, then those every node has."""
    if knob == "inputs":
        return 0
    found = _RANKS.get(knob)
    if found is not None:
        return found
    from nuke_ai_panel.nk.catalogue import default_catalogue

    known = default_catalogue().find(class_name)
    position = known.position(knob) if known else None
    return _CLASS_KNOBS if position is None else 1 + position

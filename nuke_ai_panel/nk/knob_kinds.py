"""Kinds of knobs that checks, hosts and expressions treat alike: those that hold code, numbers, or a choice of two."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CALLBACK_KNOBS", "NUMBER_TYPES", "SWITCH_TYPES"]

#: Knobs of every node whose text is Python, and when Nuke runs it.
CALLBACK_KNOBS: Mapping[str, str] = {
    "onCreate": "when the node is created, pasted or loaded",
    "onDestroy": "when the node is deleted",
    "knobChanged": "when a knob changes",
    "updateUI": "whenever the panel is refreshed",
    "autolabel": "whenever the node is drawn",
    "beforeRender": "before a render",
    "beforeFrameRender": "before each frame of a render",
    "afterFrameRender": "after each frame of a render",
    "afterRender": "after a render",
    "renderProgress": "during a render",
    "onScriptLoad": "when the script is loaded",
    "onScriptSave": "when the script is saved",
    "onScriptClose": "when the script is closed",
}
#: Types whose values are numbers, one or several.
NUMBER_TYPES = frozenset(
    {
        "AColor_Knob",
        "Array_Knob",
        "BBox_Knob",
        "Box3_Knob",
        "Color_Knob",
        "Double_Knob",
        "Float_Knob",
        "IArray_Knob",
        "Int_Knob",
        "Scale_Knob",
        "UV_Knob",
        "Vec2_Knob",
        "WH_Knob",
        "XYZ_Knob",
        "XY_Knob",
    }
)
#: Types that are on or off.
SWITCH_TYPES = frozenset({"Boolean_Knob", "Disable_Knob"})

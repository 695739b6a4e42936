"""Build the catalogue of node classes that comes with the package from the measured data.

Run it as ``python tools/build_catalogue.py [DATA_FOLDER]``; without an argument ``shared/data`` beside the repository is
read. The result is written to ``nuke_ai_panel/nk/catalogue_data.json``.
"""

from __future__ import annotations

import collections
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "nuke_ai_panel" / "nk" / "catalogue_data.json"

# The classes of Nuke itself that old scripts hold and that the measured session no longer offered.
OLDER = [
    "Root",
    "BackdropNode",
    "Shuffle",
    "ShuffleCopy",
    "Text",
    "Merge",
    "Camera",
    "Camera2",
    "Axis",
    "Axis2",
    "Glow",
    "VectorBlur",
    "Gizmo",
    "LiveGroup",
    "VariableGroup",
    "DeepMerge",
    "Light2",
    "Light",
    "Card",
    "ReadGeo",
    "Bezier",
    "Kronos",
    "OFlow",
    "OFlow2",
    "Tracker",
    "Tracker3",
    "SplineWarp",
    "SplineWarp2",
    "Roto2",
    "MergeMat",
    "Paint",
    "CornerPin2D",
    "Keyer",
    "Primatte",
    "Ultimatte",
    "MotionBlur2D",
    "MotionBlur",
    "TimeOffset",
    "ParticleEmitter",
    "ColorLookup",
    "Sphere",
    "Cube",
    "Cylinder",
    "TransformGeo",
    "WriteGeo",
    "ScanlineRender",
    "Scene",
    "Project3D",
    "Project3D2",
    "DeepRead",
    "DeepWrite",
    "Noise",
    "Dissolve",
    "AddMix",
]
# Measured in a session of this format; what equals its width, height or middle follows the format.
FORMAT_WORDS = {"2048": "@w", "1556": "@h", "1024": "@w/2", "778": "@h/2"}
PLACED = ("XY_Knob", "BBox_Knob", "Box3_Knob", "WH_Knob", "UV_Knob", "XYZ_Knob")
SKIPPED = ("Obsolete_Knob",)
BARE = ("Root",)
ROOT_KNOBS: dict[str, list[Any]] = {
    "name": ["File_Knob", ""],
    "project_directory": ["File_Knob", ""],
    "label": ["Multiline_Eval_String_Knob", ""],
    "frame": ["Double_Knob", "1"],
    "first_frame": ["Double_Knob", "1"],
    "last_frame": ["Double_Knob", "100"],
    "lock_range": ["Boolean_Knob", "false"],
    "fps": ["Double_Knob", "24"],
    "format": ["Format_Knob", "2048 1556 0 0 2048 1556 1 2K_Super_35(full-ap)"],
    "proxy": ["Boolean_Knob", "false"],
    "proxy_type": ["Enumeration_Knob", "format", 1, ["format", "scale"]],
    "proxy_scale": ["Double_Knob", "0.5"],
    "proxy_format": ["Format_Knob", "1024 778 0 0 1024 778 1 1K_Super_35(full-ap)"],
    "colorManagement": ["Enumeration_Knob", "Nuke", 1, ["Nuke", "OCIO"]],
    "OCIO_config": ["Enumeration_Knob", None],
    "workingSpaceLUT": ["Enumeration_Knob", None],
    "monitorLut": ["Enumeration_Knob", None],
    "int8Lut": ["Enumeration_Knob", None],
    "int16Lut": ["Enumeration_Knob", None],
    "logLut": ["Enumeration_Knob", None],
    "floatLut": ["Enumeration_Knob", None],
    "onScriptLoad": ["PythonKnob", ""],
    "onScriptSave": ["PythonKnob", ""],
    "onScriptClose": ["PythonKnob", ""],
}
EXTRA_KNOBS: dict[str, dict[str, list[Any]]] = {
    "BackdropNode": {
        "bdwidth": ["Array_Knob", "80"],
        "bdheight": ["Array_Knob", "50"],
        "z_order": ["Double_Knob", "0"],
        "border_width": ["Double_Knob", None],
        "appearance": ["Enumeration_Knob", "Fill", 1, ["Fill", "Border"]],
    },
}
EXTRA_INPUTS = {"BackdropNode": [0, 0], "Root": [0, 0], "Camera2": [0, 2], "Shuffle": [1, 1], "Text": [1, 2], "Merge": [2, 2]}


def entry(knob: dict[str, Any]) -> list[Any]:
    """Return a knob as ``[type, default, size, choices]``, what is usual at the end left out."""
    kind = knob["type"]
    default = knob["raw"]
    size = int(knob.get("n", 1))
    choices = [str(choice).split("\t")[0] for choice in knob.get("enum", [])]
    if kind == "Format_Knob" or (isinstance(default, str) and default.startswith("<")):
        default = None
    elif default is None and ("String" in kind or kind in ("File_Knob", "PythonKnob", "Font_Knob", "Script_Knob")):
        default = ""
    if kind == "Enumeration_Knob" and isinstance(default, str):
        default = default.split("\t")[0]
    if kind in PLACED and isinstance(default, str) and size > 1:
        default = " ".join(FORMAT_WORDS.get(word, word) for word in default.split())
    out: list[Any] = [kind, default, size, choices]
    if not choices:
        out.pop()
        if size == 1:
            out.pop()
    return out


def mask_input(knobs: dict[str, Any], limits: list[int]) -> int | None:
    """Return the number of a class's mask input: the last of those it always has."""
    if ("maskChannelInput" in knobs or "maskChannelMask" in knobs) and limits[0] >= 2:
        return limits[0] - 1
    return None


def main(folder: Path) -> None:
    """Read the data, write the catalogue."""
    measured = json.loads((folder / "node_knobs_17.0v3.json").read_text(encoding="utf-8"))["classes"]
    seen = json.loads((folder / "class_knob_versions_from_corpus.json").read_text(encoding="utf-8"))
    orders = json.loads((folder / "knob_write_order_from_corpus.json").read_text(encoding="utf-8"))
    unfolded: dict[str, dict[str, list[Any]]] = {}
    counts: collections.Counter[str] = collections.Counter()
    for name, facts in measured.items():
        knobs = {
            knob: entry(value)
            for group in ("knobs", "internal")
            for knob, value in facts[group].items()
            if value["type"] not in SKIPPED
        }
        unfolded[name] = knobs
        counts.update(f"{knob}\0{json.dumps(value)}" for knob, value in knobs.items())
    for knob, value in (("name", ""), ("xpos", "0"), ("ypos", "0"), ("selected", "false")):
        for knobs in unfolded.values():
            if knob in knobs:
                knobs[knob][1] = value
    counts = collections.Counter(f"{knob}\0{json.dumps(value)}" for knobs in unfolded.values() for knob, value in knobs.items())
    common: dict[str, list[Any]] = {}
    for key, count in counts.items():
        if count > len(unfolded) * 0.9:
            knob, value = key.split("\0")
            common[knob] = json.loads(value)
    types: list[str] = []

    def numbered(value: list[Any]) -> list[Any]:
        if value[0] not in types:
            types.append(value[0])
        return [types.index(value[0]), *value[1:]]

    classes: dict[str, dict[str, Any]] = {}
    for name, knobs in unfolded.items():
        facts = measured[name]
        limits = [facts["inputs_min"], facts["inputs_max"]]
        own = {knob: numbered(value) for knob, value in knobs.items() if common.get(knob) != value}
        classes[name] = {"inputs": limits, "knobs": own}
        mask = mask_input(knobs, limits)
        if mask is not None:
            classes[name]["mask"] = mask
    for name in OLDER:
        if name in classes or (name not in seen and name not in EXTRA_KNOBS and name not in BARE):
            continue
        limits = EXTRA_INPUTS.get(name, [1, 1])
        own = {}
        for knob in seen.get(name, {}).get("knobs", {}):
            if knob not in common and knob != "inputs" and name not in BARE:
                own[knob] = numbered(["", None])
        own.update({knob: numbered(value) for knob, value in EXTRA_KNOBS.get(name, {}).items()})
        if name == "Root":
            own = {knob: numbered(value) for knob, value in ROOT_KNOBS.items()}
        classes[name] = {"inputs": limits, "knobs": own, "partial": 1}
        if name in BARE:
            classes[name]["bare"] = 1
    for name, facts in classes.items():
        order = [knob for knob in orders.get(name, []) if knob not in common and knob != "inputs"]
        if order and re.fullmatch(r"[\w.]+", name):
            facts["order"] = order
    data = {
        "nuke": "17.0",
        "types": types,
        "common": {knob: numbered(value) for knob, value in sorted(common.items())},
        "classes": {name: classes[name] for name in sorted(classes)},
    }
    data["types"] = types
    TARGET.write_text(json.dumps(data, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(classes)} classes, {TARGET.stat().st_size} bytes in {TARGET}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "data")

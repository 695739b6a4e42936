"""Build the catalogue of node classes in ``resources`` from measured data, the same each time.

Run it as ``python tools/build_catalogue.py [DATA_FOLDER [TARGET]]``; without arguments ``shared/data`` beside the repository
is read and ``resources/node_classes.json`` written. The file is JSON with one class a line, so that a reader can take single
classes without parsing the rest. A knob is ``[type, default, size, choices, label]``, what is usual at the end left out;
``choices`` keep Nuke's tabs (name, shown name, tooltip, other names), ``seen`` says in which versions' scripts it was met.
"""

from __future__ import annotations

import collections
import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import catalogue_facts as facts

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "resources" / "node_classes.json"
ABOUT = (
    "Built by tools/build_catalogue.py from node_knobs_17.0v3.json (a live Nuke 17.0v3), class_knob_versions_from_corpus.json "
    "and knob_write_order_from_corpus.json (real scripts of Nuke 6 to 17) and tools/catalogue_facts.py. Do not edit by hand."
)
_TEXTS = ("File_Knob", "PythonKnob", "Font_Knob", "Script_Knob")
_CLASS_NAME = re.compile(r"[\w.]+")
_KNOB_NAME = re.compile(r"[A-Za-z_][\w. ]*")
_GONE = "Obsolete_Knob"


def entry(knob: dict[str, Any], name: str) -> list[Any]:
    """Return a knob as ``[type, default, size, choices, label]``, what is usual at the end left out."""
    kind = knob["type"]
    default = knob["raw"]
    size = int(knob.get("n", 1))
    choices = [str(choice).rstrip("\t") for choice in knob.get("enum", [])]
    if kind == "Format_Knob" or (isinstance(default, str) and default.startswith("<")):
        default = None
    elif default is None and ("String" in kind or kind in _TEXTS):
        default = ""
    if kind == "Enumeration_Knob" and isinstance(default, str):
        default = default.split("\t")[0]
    if kind in facts.PLACED and isinstance(default, str) and size > 1:
        default = " ".join(facts.FORMAT_WORDS.get(word, word) for word in default.split())
    return trimmed([kind, default, size, choices, shown(knob.get("label", ""), name)])


def shown(label: str, name: str) -> str:
    """Return a label worth keeping: what the panel shows, where it is more than the knob's name."""
    text = re.sub(r"<[^>]*>|^@\w+;", "", label).strip(" :\n\t")
    plain = re.sub(r"[\W_]+", "", text).lower()
    if text == "INVISIBLE" or not plain or plain == re.sub(r"[\W_]+", "", name).lower() or len(text) > 40:
        return ""
    return text


def trimmed(values: list[Any]) -> list[Any]:
    """Return the values of a knob without the usual ones at the end."""
    usual = [None, None, 1, [], ""]
    while len(values) > 2 and values[-1] == usual[len(values) - 1]:
        values = values[:-1]
    return values


def mask_input(knobs: dict[str, Any], limits: list[int]) -> int | None:
    """Return the number of a class's mask input: the last of those it always has."""
    if ("maskChannelInput" in knobs or "maskChannelMask" in knobs) and limits[0] >= 2:
        return limits[0] - 1
    return None


def seen_knobs(known: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the knobs met in scripts by their names without quotes, leaving out what is no name."""
    found: dict[str, list[Any]] = {}
    for written, versions in known.get("knobs", {}).items():
        name = written.strip('"')
        if _KNOB_NAME.fullmatch(name) and name not in facts.NO_KNOBS:
            found[name] = versions
    return found


def measured(raw: dict[str, Any]) -> tuple[dict[str, list[Any]], list[str], set[str]]:
    """Return a measured class's knobs, the names of those that only old scripts write, and of those no panel shows."""
    knobs: dict[str, list[Any]] = {}
    old: list[str] = []
    for group in ("knobs", "internal"):
        for name, value in raw[group].items():
            if value["type"] == _GONE:
                old.append(name)
            else:
                knobs[name] = entry(value, name)
    for name, value in (("name", ""), ("xpos", "0"), ("ypos", "0"), ("selected", "false")):
        if name in knobs:
            knobs[name][1] = value
    return knobs, sorted(old), {name for name in raw["internal"] if name in knobs}


def common_knobs(classes: dict[str, dict[str, list[Any]]]) -> dict[str, list[Any]]:
    """Return the knobs that nine classes in ten have alike."""
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for knobs in classes.values():
        counts.update((name, json.dumps(value)) for name, value in knobs.items())
    return {name: json.loads(text) for (name, text), count in sorted(counts.items()) if count > len(classes) * 0.9}


def build(folder: Path) -> str:
    """Return the text of the catalogue made from the data in `folder`."""
    raw = json.loads((folder / "node_knobs_17.0v3.json").read_text(encoding="utf-8"))
    seen = json.loads((folder / "class_knob_versions_from_corpus.json").read_text(encoding="utf-8"))
    orders = json.loads((folder / "knob_write_order_from_corpus.json").read_text(encoding="utf-8"))
    parts = {name: measured(value) for name, value in raw["classes"].items()}
    common = common_knobs({name: knobs for name, (knobs, _, _) in parts.items()})
    types = sorted({value[0] for knobs, _, _ in parts.values() for value in knobs.values()} | {""})
    number = {name: index for index, name in enumerate(types)}

    def numbered(value: list[Any]) -> list[Any]:
        return [number[value[0]], *value[1:]]

    classes: dict[str, dict[str, Any]] = {}
    menus: dict[str, list[str]] = collections.defaultdict(list)
    for name, (knobs, old, internal) in parts.items():
        facts_of = raw["classes"][name]
        met = seen_knobs(seen.get(name, {}))
        limits = [facts_of["inputs_min"], facts_of["inputs_max"]]
        known: dict[str, Any] = {"inputs": limits}
        known["knobs"] = {knob: numbered(value) for knob, value in knobs.items() if common.get(knob) != value}
        known["internal"] = sorted(knob for knob in internal if knob not in common)
        gone = () if name in facts.DYNAMIC else (knob for knob in met if knob not in knobs and knob not in common)
        known["old"] = sorted({*old, *gone})
        known["without"] = sorted(knob for knob in common if knob not in knobs and knob not in met)
        known["mask"] = mask_input(knobs, limits)
        known["menu"] = facts_of["menu"]
        known["shown"] = facts_of["display"] if facts_of["display"] != name else None
        if known["shown"]:
            menus[known["shown"]].append(name)
        classes[name] = known
    for name, replaced_by in facts.OLDER.items():
        if name in classes or (name not in seen and name not in facts.EXTRA_KNOBS and name not in facts.BARE):
            continue
        own: dict[str, list[Any]] = {}
        if name in facts.BARE:
            own = facts.ROOT_KNOBS
        else:
            own = {knob: ["", None] for knob in seen_knobs(seen.get(name, {})) if knob not in common}
            own.update(facts.EXTRA_KNOBS.get(name, {}))
        classes[name] = {
            "inputs": facts.EXTRA_INPUTS.get(name, [1, 1]),
            "knobs": {knob: numbered(trimmed(value)) for knob, value in own.items()},
            "partial": 1,
            "bare": 1 if name in facts.BARE else None,
            "replaced": replaced_by,
        }
    for name, known in classes.items():
        add_history(name, known, seen.get(name, {}), common)
        order = [knob for knob in orders.get(name, []) if knob not in common and knob != "inputs"]
        known["order"] = order if _CLASS_NAME.fullmatch(name) else None
    head = {
        "about": ABOUT,
        "nuke": raw["nuke"],
        "types": types,
        "menus": menus,
        "since": {name: since for name, since in facts.CLASS_SINCE.items() if name in classes},
        "common": {knob: numbered(value) for knob, value in common.items()},
    }
    lines = [f"{dumped(key)}:{dumped(value)}," for key, value in head.items()]
    rows = [f"{dumped(name)}:{dumped(without_empty(classes[name]))}" for name in sorted(classes)]
    return "{\n" + "\n".join(lines) + '\n"classes":{\n' + ",\n".join(rows) + "\n}}\n"


def add_history(name: str, known: dict[str, Any], seen: dict[str, Any], common: dict[str, Any]) -> None:
    """Add what is known of a class's versions: facts it is judged by, and in which scripts it was met."""
    known["since"] = facts.CLASS_SINCE.get(name)
    known["dynamic"] = 1 if name in facts.DYNAMIC else None
    known["names"] = facts.INPUT_NAMES.get(name)
    known["knob_since"] = facts.KNOB_SINCE.get(name)
    known["by_file_type"] = facts.FILE_TYPE_KNOBS.get(name)
    known["knob_until"] = facts.KNOB_UNTIL.get(name)
    if seen:
        known["seen"] = seen["seen"][:2]
        met = {knob: versions[:2] for knob, versions in seen_knobs(seen).items() if knob not in common}
        known["met"] = {knob: "-".join(dict.fromkeys(versions)) for knob, versions in sorted(met.items())}


def without_empty(known: dict[str, Any]) -> dict[str, Any]:
    """Return what is known without what says nothing."""
    return {key: value for key, value in known.items() if value not in (None, [], {}, "")}


def dumped(value: Any) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def main(folder: Path, target: Path) -> None:
    """Build the catalogue and write it."""
    text = build(folder)
    target.write_bytes(text.encode("utf-8"))
    sys.stdout.write(f"{len(json.loads(text)['classes'])} classes, {target.stat().st_size} bytes in {target}\n")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "data",
        Path(sys.argv[2]) if len(sys.argv) > 2 else TARGET,
    )

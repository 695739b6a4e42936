"""The values the catalogue answers with: a class, a knob, a problem with a name or a value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Optional, Union

__all__ = [
    "USER_KNOB_IDS",
    "USER_KNOB_OPTIONS",
    "USER_KNOB_TYPES",
    "CatalogueProblem",
    "ClassInfo",
    "KnobInfo",
    "Version",
    "parse_version",
    "user_knob_default",
]

Version = tuple[int, int]
Origin = Literal["nuke", "older", "gizmo", "index"]
Reason = Literal["unknown", "menu_name", "obsolete", "not_yet", "not_a_choice", "not_a_number", "not_a_truth_value"]

USER_KNOB_TYPES: Mapping[str, tuple[str, int]] = {
    "1": ("String_Knob", 1),
    "2": ("File_Knob", 1),
    "3": ("Int_Knob", 1),
    "4": ("Enumeration_Knob", 1),
    "5": ("Bitmask_Knob", 1),
    "6": ("Boolean_Knob", 1),
    "7": ("Double_Knob", 1),
    "8": ("Double_Knob", 1),
    "10": ("ChannelMask_Knob", 1),
    "11": ("Channel_Knob", 1),
    "12": ("XY_Knob", 2),
    "13": ("XYZ_Knob", 3),
    "14": ("WH_Knob", 2),
    "15": ("BBox_Knob", 4),
    "16": ("Scale_Knob", 3),
    "17": ("Format_Knob", 1),
    "18": ("Color_Knob", 3),
    "19": ("AColor_Knob", 4),
    "20": ("Tab_Knob", 1),
    "22": ("PyScript_Knob", 1),
    "26": ("Text_Knob", 1),
    "30": ("UV_Knob", 2),
    "31": ("Box3_Knob", 6),
    "32": ("Script_Knob", 1),
    "35": ("Pulldown_Knob", 1),
    "36": ("Eyedropper_Knob", 8),
    "40": ("ColorChip_Knob", 1),
    "41": ("Link_Knob", 1),
    "43": ("Multiline_Eval_String_Knob", 1),
    "45": ("MultiView_Knob", 1),
    "52": ("PyCustom_Knob", 1),
    "68": ("CascadingEnumeration_Knob", 1),
    "78": ("Array_Knob", 1),
    "80": ("Disable_Knob", 1),
    "83": ("Radio_Knob", 1),
}
"""Nuke's number of a knob type in ``addUserKnob``, to the type and how many values such a knob has."""

USER_KNOB_IDS: Mapping[str, str] = {
    **{kind: number for number, (kind, _) in reversed(list(USER_KNOB_TYPES.items()))},
    "EvalString_Knob": "1",
    "Float_Knob": "8",
    "BeginTabGroup_Knob": "20",
    "EndTabGroup_Knob": "20",
}
"""The type of a knob to its number in ``addUserKnob``; types that are written alike share one."""

USER_KNOB_OPTIONS: Mapping[str, int] = {"R": 2, "l": 1, "t": 1, "M": 1, "T": 1, "n": 1}
"""The options of a definition that have words after them, and how many."""

_TEXTS = frozenset(
    {
        "EvalString_Knob",
        "File_Knob",
        "Multiline_Eval_String_Knob",
        "PyScript_Knob",
        "Script_Knob",
        "String_Knob",
        "Tab_Knob",
        "Text_Knob",
    }
)
_LISTS = frozenset({"Enumeration_Knob", "Pulldown_Knob", "Radio_Knob"})
_SWITCHES = frozenset({"Boolean_Knob", "Disable_Knob"})
_NUMBERS = frozenset(
    {
        "AColor_Knob",
        "Array_Knob",
        "BBox_Knob",
        "Box3_Knob",
        "ColorChip_Knob",
        "Color_Knob",
        "Double_Knob",
        "Eyedropper_Knob",
        "Float_Knob",
        "Int_Knob",
        "Scale_Knob",
        "UV_Knob",
        "WH_Knob",
        "XYZ_Knob",
        "XY_Knob",
    }
)

_VERSION = re.compile(r"\s*(\d+)(?:\.(\d+))?")
_SHARE = re.compile(r"@([wh])(?:\*(\d+))?(?:/(\d+))?")


def parse_version(text: str) -> Version:
    """Return major and minor of ``"15.1"``, ``"15.1v3"`` or ``"15.1 v3"``. Raises: ValueError."""
    found = _VERSION.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no version of Nuke; write it like 15.1")
    return int(found[1]), int(found[2] or 0)


def user_knob_default(kind: str, choices: Sequence[str] = ()) -> str | None:
    """Return the .nk text of a user knob that was never set, None where that is not known."""
    if kind in _NUMBERS:
        return "0"
    if kind in _SWITCHES:
        return "false"
    if kind in _LISTS:
        return choices[0] if choices else None
    return "" if kind in _TEXTS else None


@dataclass(frozen=True)
class KnobInfo:
    """A knob of a class.

    `default` is its .nk text, None where it is not known; where words in it begin with ``@`` it follows the format, and
    :meth:`default_for` gives the text. `size` is the number of its values. `choices` are the names a script writes, by number;
    `shown_choices` what the panel calls them, and `other_names` pairs an older name with today's. `since` and `until` are the
    first and the last version known to have it, None where that is not known; `seen` the first and the last version whose
    scripts were found to write it. `obsolete`: Nuke still reads it from old scripts, but it is no knob to set; `replaced_by`
    is the one that took over. `internal`: on every node or behind the panel, not among the class's own controls.
    `file_types`: a node has it only while its ``file_type`` is one of these.
    """

    name: str
    type: str
    default: Optional[str] = None
    size: int = 1
    choices: tuple[str, ...] = ()
    label: str = ""
    shown_choices: tuple[str, ...] = ()
    other_names: tuple[tuple[str, str], ...] = ()
    since: Optional[str] = None
    until: Optional[str] = None
    replaced_by: Optional[str] = None
    obsolete: bool = False
    internal: bool = False
    seen: Optional[tuple[str, str]] = None
    file_types: tuple[str, ...] = ()

    @property
    def follows_format(self) -> bool:
        """Whether the default depends on the format of the script."""
        return self.default is not None and "@" in self.default and _SHARE.search(self.default) is not None

    def default_for(self, width: float, height: float) -> str | None:
        """Return the default's text in a script of this format (pixels), None where it is not known."""
        if self.default is None or not self.follows_format:
            return self.default
        words = []
        for word in self.default.split():
            share = _SHARE.fullmatch(word)
            if share is not None:
                whole = width if share[1] == "w" else height
                word = f"{whole * int(share[2] or 1) / int(share[3] or 1):.10g}"
            words.append(word)
        return " ".join(words)

    def choice(self, value: Union[str, int]) -> str | None:
        """Return the name a script writes for a choice given by name, shown name, older name or number; None for none."""
        if not self.choices:
            return None
        text = str(value).strip()
        if text in self.choices:
            return text
        for shown, name in zip(self.shown_choices, self.choices):
            if shown == text:
                return name
        for other, name in self.other_names:
            if other == text:
                return name
        if text.isdecimal() and int(text) < len(self.choices):
            return self.choices[int(text)]
        return None

    def index_of(self, value: str) -> int | None:
        """Return the number of a choice, None where it is none."""
        name = self.choice(value)
        return None if name is None else self.choices.index(name)


@dataclass(frozen=True)
class ClassInfo:
    """A node class.

    `knobs` are those a node of this version has, the common ones included; `obsolete_knobs` those it only reads from old
    scripts; `file_type_knobs` come and go with the file type, so that no node has all of them. `complete` False: there may be
    knobs that are not listed. `dynamic`: the class makes knobs of its own from a file type, a kernel or channels.
    `mask_input` is the number of its mask input, None where it has none; `input_names` go from input 0 as far as they are
    known. `min_inputs` counts the inputs that a node always shows, the mask among them. `replaced_by` is set for a class that
    newer scripts no longer use.
    """

    name: str
    knobs: Mapping[str, KnobInfo] = field(default_factory=dict)
    min_inputs: int = 1
    max_inputs: int = 1
    mask_input: Optional[int] = None
    complete: bool = True
    order: Mapping[str, int] = field(default_factory=dict)
    obsolete_knobs: Mapping[str, KnobInfo] = field(default_factory=dict)
    input_names: tuple[str, ...] = ()
    menu: str = ""
    shown_name: str = ""
    since: Optional[str] = None
    replaced_by: Optional[str] = None
    dynamic: bool = False
    seen: Optional[tuple[str, str]] = None
    origin: Origin = "nuke"
    file_type_knobs: Mapping[str, KnobInfo] = field(default_factory=dict)

    def position(self, knob: str) -> int | None:
        """Return where Nuke writes the knob among the class's own, None where that was never seen."""
        return self.order.get(knob)

    def input_name(self, number: int) -> str:
        """Return what an input is called, "" where it has no name or none is known."""
        if number == self.mask_input:
            return "mask"
        if 0 <= number < len(self.input_names):
            return self.input_names[number]
        last = self.input_names[-1] if self.input_names else ""
        found = re.fullmatch(r"(\D*)(\d+)", last)
        if found is None or not 0 <= number < self.max_inputs:
            return ""
        return f"{found[1]}{int(found[2]) + number - len(self.input_names) + 1}"

    def own_knobs(self) -> list[KnobInfo]:
        """Return the controls of the class itself, without those every node has and those no panel shows."""
        return [knob for knob in self.knobs.values() if not knob.internal]


@dataclass(frozen=True)
class CatalogueProblem:
    """Something the catalogue knows to be wrong, or doubts.

    `name` is what was asked for, `message` says what is wrong and what would be right, fit to be shown. `suggestion` is the
    best replacement, `alternatives` more of them. `certain` is False where a gizmo, a plug-in, a user knob or a
    configuration could still make it right, and where Nuke takes an old name for the sake of old scripts.
    """

    reason: Reason
    name: str
    message: str
    suggestion: Optional[str] = None
    alternatives: tuple[str, ...] = ()
    certain: bool = True

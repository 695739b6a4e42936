"""What the names in expressions lead to: nodes by word and by name, their knobs and fields.

The first word is looked up among the fields of the knob at hand, the node's knobs, the nodes inside of it, the nodes of its
group, that group's knobs, and so on outwards to the root (Foundry, nuke.knob). Every further word leads from a node to a knob,
to an input or to a node inside of it, and from a knob to one of its values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from nuke_ai_panel.nk.catalogue import default_catalogue
from nuke_ai_panel.nk.catalogue_types import USER_KNOB_TYPES, user_knob_default
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote

__all__ = [
    "Computed",
    "KnobPlace",
    "KnobShape",
    "Lost",
    "Place",
    "Unknown",
    "field_index",
    "knob_shape",
    "resolve",
    "step_to_node",
]

_INPUT = re.compile(r"input(\d*)\Z")
_KEPT_BODIES = 4096
_SIZES = {
    "XY_Knob": 2,
    "UV_Knob": 2,
    "WH_Knob": 2,
    "XYZ_Knob": 3,
    "Scale_Knob": 3,
    "Color_Knob": 3,
    "AColor_Knob": 4,
    "BBox_Knob": 4,
    "Box3_Knob": 6,
}
_CORNERS = {"x": 0, "y": 1, "r": 2, "t": 3, "w": 2, "h": 3}
_KEYER = {"A": 0, "B": 1, "C": 2, "D": 3}
_VIEW_NAMES = frozenset({"main", "left", "right"})
_BOX3 = {"x": 0, "y": 1, "n": 2, "r": 3, "t": 4, "f": 5}
_VALUES = {
    "x": 0,
    "y": 1,
    "z": 2,
    "u": 0,
    "v": 1,
    "w": 0,
    "h": 1,
    "d": 2,
    "r": 0,
    "g": 1,
    "b": 2,
    "a": 3,
    "red": 0,
    "green": 1,
    "blue": 2,
    "alpha": 3,
}
_FORMAT = frozenset({"w", "h", "x", "y", "r", "t", "width", "height", "pixel_aspect", "name"})
#: What every node answers to without having a knob of that name.
_OF_A_NODE = frozenset(
    [
        "width",
        "height",
        "pixel_aspect",
        "actual_format",
        "format",
        "bbox",
        "first_frame",
        "last_frame",
        "inputs",
        "frame",
        "error",
        "clones",
        "name",
        "Class",
        "proxy",
        "channels",
        "has_error",
        "hasError",
        "screenWidth",
        "screenHeight",
    ]
)
_OF_AXES = frozenset({"world_matrix", "matrix", "proj_world_matrix", "local_matrix", "projection_matrix", "transform"})
_OF_IMAGES = frozenset({"width", "height", "pixel_aspect"})
_OF_ROOT = frozenset({"width", "height", "pixel_aspect", "format", "proxy_format"})


@dataclass(frozen=True)
class KnobShape:
    """What is known of a knob of one node. `default` is None where it is not known, `link` what a Link knob stands for."""

    name: str
    type: str
    size: int
    default: str | None
    choices: tuple[str, ...] = ()
    link: str = ""
    is_user: bool = False


@dataclass(frozen=True)
class KnobPlace:
    """A knob, and the value in it that `fields` names (empty for the whole)."""

    node: Node
    shape: KnobShape
    fields: tuple[str, ...] = ()

    @property
    def index(self) -> int | None:
        """Which of its values, None for the whole or for a field that is no plain value."""
        if not self.fields:
            return None
        return field_index(self.shape, self.fields[0]) if len(self.fields) == 1 else None


@dataclass(frozen=True)
class Computed:
    """Something a node knows without a knob: ``width``, ``format.w``, ``inputs``, ``world_matrix.3``."""

    node: Node
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Lost:
    """The name leads nowhere; `missing` is its first part that does not exist."""

    missing: str
    message: str


@dataclass(frozen=True)
class Unknown:
    """Whether the name leads somewhere cannot be told: `reason`. `is_outside` where it leads out of what the file holds."""

    node: Node
    missing: str
    reason: str
    is_outside: bool = False


Place = Union[KnobPlace, Computed, Node, Lost, Unknown]


def field_index(shape: KnobShape, name: str) -> int | None:
    """Return which value of a knob a field names, None where it names none."""
    if name.isdecimal():
        return int(name) if len(name) < 10 else None
    if shape.type == "BBox_Knob":
        return _CORNERS.get(name)
    if shape.type == "Keyer_Knob":
        return _KEYER.get(name)
    if shape.type == "Box3_Knob":
        return _BOX3.get(name)
    return _VALUES.get(name)


def knob_shape(node: Node, name: str) -> KnobShape | None:
    """Return what is known of a knob, None where the node has none of that name as far as is known."""
    node = node.clone_of or node
    text = node.text
    # A user knob's name stands in the text; most nodes have none, so their definitions need not be read.
    if "addUserKnob" in text.body:
        shape = _user_shapes(node).get(name)
        if shape is not None:
            return shape
    known = default_catalogue().find(node.class_name)
    facts = (known.knobs if known is not None else default_catalogue().common()).get(name)
    if facts is not None:
        return KnobShape(name, facts.type, max(facts.size, _SIZES.get(facts.type, 1)), facts.default, facts.choices)
    written = text.find(name)
    if written is None or name in ("inputs", "addUserKnob"):
        return None
    return KnobShape(name, "", 1, None)


_shapes_by_body: dict[str, dict[str, KnobShape]] = {}


def _user_shapes(node: Node) -> dict[str, KnobShape]:
    """Return the user knobs of a node. Groups have hundreds and are asked for them once for every name: they are kept."""
    body = node.text.body
    found = _shapes_by_body.get(body)
    if found is None:
        if len(_shapes_by_body) >= _KEPT_BODIES:
            _shapes_by_body.clear()
        found = _shapes_by_body[body] = {name: _user_shape(name, word) for name, word in node.user_knobs.items()}
    return found


def _user_shape(name: str, word: str) -> KnobShape:
    try:
        parts = list_words(word[1:-1])
    except DamagedWordError:
        parts = []
    kind, size = USER_KNOB_TYPES.get(parts[0] if parts else "", ("", 1))
    if kind == "String_Knob":
        # What an artist adds as text is evaluated; only a node's own plain strings are not.
        kind = "EvalString_Knob"
    choices: tuple[str, ...] = ()
    link = ""
    options = iter(parts[2:])
    for option in options:
        if option[:1] in "+-":
            continue
        value = next(options, "")
        if option == "M" and value.startswith("{"):
            try:
                choices = tuple(unquote(each) for each in list_words(value[1:-1]))
            except DamagedWordError:
                choices = ()
        elif option == "T" and kind == "Link_Knob":
            link = unquote(value)
    default = choices[0] if choices else user_knob_default(kind)
    return KnobShape(name, kind, size, "0" if default is None else default, choices, link, True)


def resolve(node: Node, name: str, *, knob: KnobShape | None = None) -> Place:
    """Return where a dotted name leads from a node; `knob` is the one whose expression it stands in."""
    words = name.split(".")
    if words and words[0] == "":
        words = words[1:]
    words = [word for word in words if word != ""]
    if not words:
        return Lost(name, f"{name!r} names nothing.")
    start = _first(node, words[0], knob)
    if isinstance(start, (Lost, Unknown, Computed, KnobPlace)):
        if isinstance(start, KnobPlace):
            return _into_knob(start, words[1:])
        if isinstance(start, Computed) and len(words) > 1:
            return Computed(start.node, (*start.fields, *words[1:]))
        return start
    return _follow(start, words[1:])


def _first(node: Node, word: str, knob: KnobShape | None) -> Place:
    jump = step_to_node(node, word)
    if jump is not None:
        return jump
    if knob is not None and knob.size > 1 and word in _VALUES and field_index(knob, word) is not None:
        return KnobPlace(node, knob, (word,))
    if knob is not None and word == knob.name and word in _OF_IMAGES:
        # The width of a ContactSheet that says "width*2" is that of its image, not its own.
        return Computed(node, (word,))
    shape = knob_shape(node, word)
    if shape is not None:
        return KnobPlace(node, shape)
    if node.children is not None:
        child = node.children.find(word)
        if child is not None:
            return child
    scope = node.scope
    while True:
        found = scope.find(word)
        if found is not None:
            return found
        owner = scope.owner
        if owner is None:
            break
        # A knob of the group is known in it by its mere name.
        shape = knob_shape(owner, word)
        if shape is not None and (shape.is_user or not _is_common(word)):
            return KnobPlace(owner, shape)
        scope = owner.scope
    if word in _OF_A_NODE or (word in _OF_AXES and _may_have_more(node)):
        return Computed(node, (word,))
    root = node.document.root_node
    if root is not None and root.name == word:
        return root
    if _may_have_more(node):
        return Unknown(node, word, f"not all knobs of {node.class_name} are known")
    return Lost(word, f"Neither a knob of {node.path} nor a node is called {word!r}.")


def _is_common(word: str) -> bool:
    return word in default_catalogue().common()


def step_to_node(node: Node, word: str) -> Place | None:
    """Return the node that a word such as ``parent`` or ``input1`` leads to; None where it is no such word."""
    if word == "this":
        return node
    if word == "root":
        return node.document.root_node or Unknown(node, "root", "the script has no Root", True)
    if word == "parent":
        owner = node.scope.owner
        if owner is not None:
            return owner
        if node is node.document.root_node:
            return Lost("parent", "The Root has no parent.")
        return node.document.root_node or Unknown(node, "parent", "a snippet does not say what it is pasted into", True)
    if word == "topnode":
        return _top_node(node)
    number = _INPUT.match(word)
    if number is not None and len(word) < 16:
        shape = knob_shape(node, word)
        return None if shape is not None else _input(node, int(number.group(1) or 0), word)
    return None


def _input(node: Node, number: int, word: str) -> Place:
    # Inside of a group an Input node stands for what is connected to the group.
    if node.class_name == "Input" and node.scope.owner is not None and number == 0:
        written = node.knob("number")
        group = node.scope.owner
        index = (
            int(float(written))
            if written and len(written) < 10 and written.replace(".", "", 1).isdecimal()
            else _input_number(node)
        )
        return _input(group, index, word) if index < len(group.inputs) else _open(group, index, word)
    inputs = node.inputs
    found = inputs[number] if number < len(inputs) else None
    return found if found is not None else _open(node, number, word)


def _input_number(node: Node) -> int:
    digits = node.name[len(node.name.rstrip("0123456789")) :]
    return max(int(digits) - 1, 0) if digits.isdecimal() and len(digits) < 6 else 0


def _open(node: Node, number: int, word: str) -> Place:
    if node.class_name in ("Gizmo",) or (node.scope.owner is None and node.document.root_node is None):
        return Unknown(node, word, "what a gizmo or a snippet is connected to is not known", True)
    return Lost(word, f"Input {number} of {node.path} is not connected.")


def _top_node(node: Node) -> Node:
    seen = {node}
    while True:
        inputs = node.inputs
        source = inputs[0] if inputs else None
        if source is None or source in seen:
            return node
        seen.add(source)
        node = source


def _follow(node: Node, words: Sequence[str]) -> Place:
    for place, word in enumerate(words):
        rest = list(words[place + 1 :])
        shape = knob_shape(node, word)
        if shape is not None and not (node is node.document.root_node and word == "format" and not node.knob("format")):
            return _into_knob(KnobPlace(node, shape), rest)
        jump = step_to_node(node, word)
        if isinstance(jump, Node):
            node = jump
            continue
        if jump is not None:
            return jump
        inside = node.children
        if node is node.document.root_node:
            inside = node.document.top
        child = inside.find(word) if inside is not None else None
        if child is not None:
            node = child
            continue
        if (
            word in _OF_A_NODE
            or (node is node.document.root_node and word in _OF_ROOT)
            or (word in _OF_AXES and _may_be_axis(node))
        ):
            return Computed(node, (word, *rest))
        if _may_have_more(node):
            return Unknown(node, word, f"not all knobs of {node.class_name} are known")
        return Lost(word, f"{node.path} has no knob {word!r}.")
    return node


def _into_knob(place: KnobPlace, rest: Sequence[str]) -> Place:
    fields = (*place.fields, *rest)
    # A view may stand first or last; without views of its own a knob is the same in all of them.
    if fields and (fields[-1] in _VIEW_NAMES or fields[0] in _VIEW_NAMES):
        fields = fields[:-1] if fields[-1] in _VIEW_NAMES else fields[1:]
        place = KnobPlace(place.node, place.shape, fields)
    if not fields:
        return place
    shape = place.shape
    if shape.type == "Format_Knob":
        if fields[0] in _FORMAT or fields[0].isdecimal():
            return KnobPlace(place.node, shape, fields)
    elif len(fields) == 1 and field_index(shape, fields[0]) is not None:
        return KnobPlace(place.node, shape, fields)
    elif shape.type in ("Link_Knob", "") or shape.size == 1 or shape.name in ("tracks", *_OF_AXES):
        # Tables, tracks and links hold more than is told of their type.
        return KnobPlace(place.node, shape, fields)
    return Lost(fields[-1], f"The knob {place.node.path}.{shape.name} has no value {'.'.join(fields)!r}.")


def _may_have_more(node: Node) -> bool:
    """Return whether the node may have knobs that nothing here tells of: an unknown class, or one known in part."""
    class_name = (node.clone_of or node).class_name
    if class_name in ("Group", "Gizmo"):
        return False
    known = default_catalogue().find(class_name)
    return known is None or not known.complete or known.dynamic


def _may_be_axis(node: Node) -> bool:
    name = node.class_name
    return name.startswith(
        ("Camera", "Axis", "Light", "Project", "Card", "ReadGeo", "TransformGeo", "Scene")
    ) or _may_have_more(node)

"""Questions about the graph of a document: what feeds a node, what it feeds, what a backdrop holds, which files it reads.

Each costs as much as its answer: names, classes, readers, clones and the words of expressions are indexed. Only what a backdrop
encloses takes a look at every node. Nothing here changes a document.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from nuke_ai_panel.nk.catalogue import default_catalogue
from nuke_ai_panel.nk.curves import KnobValue, parse_value
from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.expressions.names import KnobPlace, resolve
from nuke_ai_panel.nk.expressions.references import expressions, referring_nodes
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote

__all__ = [
    "FileName",
    "Format",
    "InputSlot",
    "LayersAt",
    "Rectangle",
    "RootSettings",
    "UserKnob",
    "animated_knobs",
    "backdrops_around",
    "bounding_box",
    "connected",
    "downstream",
    "enclosed",
    "expressions",
    "file_names",
    "input_slots",
    "inside",
    "layers_at",
    "rectangle",
    "referring_nodes",
    "root_settings",
    "upstream",
    "user_knobs",
]

# Sizes of tiles in the node graph at Nuke's default preferences; a label or a postage stamp makes a real one taller.
_TILE = (80, 18)
_TILES = {"Dot": (12, 12), "StickyNote": (78, 18), "Viewer": (80, 18)}
_ROUND = ("Camera", "Axis", "Light", "DirectLight", "Spotlight", "Environment", "Scene")
_ROUND_TILE = (60, 60)
_STAMPED = frozenset(
    {"Read", "ReadDeep", "Constant", "CheckerBoard", "CheckerBoard2", "ColorBars", "ColorWheel", "Radial", "Noise"}
)
_STAMP_TILE = (80, 78)
_PLACE = re.compile(r"xpos (-?\d+)\r?\n[ \t]*ypos (-?\d+)\r?\n")
# Where nodes stand, kept with the text it was read from; that of a node that was moved differs.
_rectangles: WeakKeyDictionary[Document, dict[Node, tuple[str, Rectangle]]] = WeakKeyDictionary()
_FRAME = re.compile(r"%(0?)(\d*)d|#+")
_VIEWS = re.compile(r"%[vV]")
_FILE_KNOBS = ("file", "proxy", "vfield_file", "font", "cameraFile", "lut_file")
_WRITERS = ("Write", "WriteGeo", "DeepWrite", "GenerateLUT")
_CHANNEL_KNOBS = frozenset(
    {"channels", "in", "in1", "in2", "out", "out1", "out2", "output", "outputMask", "from0", "to0", "layer"}
)
_NO_LAYERS = frozenset({"none", "all", "false", "true", ""})


@dataclass(frozen=True)
class InputSlot:
    """An input of a node. `source` is None where it is open; `is_default` for the input that new connections go to."""

    number: int
    name: str
    source: Node | None
    is_mask: bool = False
    is_default: bool = False


@dataclass(frozen=True)
class UserKnob:
    """A knob that a user added. `type` is its kind's id in .nk text (7 is a slider), `target` what a Link knob leads to."""

    name: str
    type: int
    label: str = ""
    tooltip: str = ""
    flags: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    link: str = ""
    target: tuple[Node, str] | None = None
    text: str = ""


@dataclass(frozen=True)
class Rectangle:
    """An area of the node graph in its units; `bottom` is larger than `top`."""

    left: int
    top: int
    right: int
    bottom: int

    def holds(self, other: Rectangle) -> bool:
        """Return whether `other` lies inside as a whole; a common edge is inside."""
        return self.left <= other.left and self.top <= other.top and self.right >= other.right and self.bottom >= other.bottom


@dataclass(frozen=True)
class LayersAt:
    """The layers that the text upstream of a node speaks of. `is_complete` False: files or unknown nodes may bring more."""

    layers: tuple[str, ...]
    is_complete: bool


@dataclass(frozen=True)
class FileName:
    """A file that a knob names. `pattern` is a glob of its frames and views, equal to `text` for a single file."""

    node: Node
    knob: str
    text: str
    pattern: str
    is_sequence: bool
    is_written: bool
    first: int | None = None
    last: int | None = None

    def at(self, frame: int, view: str = "main") -> str:
        """Return the name of one frame."""
        return _VIEWS.sub(
            lambda mark: view if mark.group() == "%V" else view[:1], _FRAME.sub(lambda m: _padded(m, frame), self.text)
        )


@dataclass(frozen=True)
class Format:
    """A format: pixels, the shape of a pixel (width by height), and its name where it has one."""

    width: int
    height: int
    pixel_aspect: float = 1.0
    name: str = ""


@dataclass(frozen=True)
class RootSettings:
    """What the Root says of the script; None or "" where the text does not."""

    name: str
    format: Format | None
    proxy_format: Format | None
    first_frame: float | None
    last_frame: float | None
    frame: float | None
    fps: float | None
    color_management: str
    ocio_config: str
    working_space: str
    views: tuple[str, ...]


# What is connected


def upstream(node: Node, *, limit: int | None = None, depth: int | None = None) -> list[Node]:
    """Return the nodes that feed `node`, nearest first, at most `limit` of them and `depth` connections away."""
    return _walk(node, lambda each: (source for source in each.inputs if source is not None), limit, depth)


def downstream(node: Node, *, limit: int | None = None, depth: int | None = None) -> list[Node]:
    """Return the nodes that `node` feeds, nearest first, at most `limit` of them and `depth` connections away."""
    return _walk(node, lambda each: iter(each.dependents), limit, depth)


def connected(node: Node, *, limit: int | None = None) -> list[Node]:
    """Return every node joined to `node` by connections in either direction, nearest first."""
    return _walk(node, lambda each: (n for n in (*each.inputs, *each.dependents) if n is not None), limit, None)


def _walk(start: Node, step: Callable[[Node], Iterable[Node]], limit: int | None, depth: int | None) -> list[Node]:
    found: list[Node] = []
    seen = {start}
    todo = deque([(start, 0)])
    while todo:
        node, distance = todo.popleft()
        if depth is not None and distance >= depth:
            continue
        for other in step(node):
            if other in seen:
                continue
            if limit is not None and len(found) >= limit:
                return found
            seen.add(other)
            found.append(other)
            todo.append((other, distance + 1))
    return found


def input_slots(node: Node) -> list[InputSlot]:
    """Return the inputs of a node: those it always shows, and those in use beyond. The mask is told by the catalogue."""
    known = default_catalogue().find(node.class_name)
    sources = node.inputs
    mask = known.mask_input if known is not None else None
    least = known.min_inputs if known is not None else 1
    if node.class_name in ("Group", "Gizmo") and node.children is not None:
        least = len(node.children.of_class("Input"))
    count = max(len(sources), min(least, 64))
    free = [number for number in range(count) if number != mask and (number >= len(sources) or sources[number] is None)]
    wanted = free[0] if free else None
    return [
        InputSlot(
            number,
            known.input_name(number) if known is not None else "",
            sources[number] if number < len(sources) else None,
            number == mask,
            number == wanted,
        )
        for number in range(count)
    ]


# Knobs


def user_knobs(node: Node) -> list[UserKnob]:
    """Return the knobs that a user added, tabs and groups among them, in the order of the file, links followed."""
    found: list[UserKnob] = []
    for span in (node.clone_of or node).text.spans:
        if span.name == "addUserKnob":
            made = _user_knob(node, (node.clone_of or node).text.word(span))
            if made is not None:
                found.append(made)
    return found


def _user_knob(node: Node, word: str) -> UserKnob | None:
    try:
        words = [unquote(each) for each in list_words(word[1:-1])]
    except DamagedWordError:
        return None
    if not words or not words[0].lstrip("-").isdecimal():
        return None
    name = words[1] if len(words) > 1 else ""
    options: dict[str, str] = {}
    flags: list[str] = []
    numbers: list[float] = []
    pending = iter(words[2:])
    for option in pending:
        if option[:1] in "+-" and option[1:2].isalpha():
            flags.append(option)
        elif option == "R":
            numbers = [_number(next(pending, "")) or 0.0, _number(next(pending, "")) or 0.0]
        elif len(option) == 1 and option.isalpha():
            options[option] = next(pending, "")
    link = options.get("T", "") if words[0] == "41" else ""
    choices = options.get("M", "")
    return UserKnob(
        name,
        int(words[0]),
        options.get("l", ""),
        options.get("t", ""),
        tuple(flags),
        tuple(unquote(each) for each in list_words(choices[1:-1])) if choices.startswith("{") else (),
        (numbers[0], numbers[1]) if numbers else None,
        link,
        _target(node, link) if link else None,
        node.knob(name) or "",
    )


def _target(node: Node, link: str) -> tuple[Node, str] | None:
    place = resolve(node, link)
    return (place.node, place.shape.name) if isinstance(place, KnobPlace) else None


def animated_knobs(node: Node) -> dict[str, KnobValue]:
    """Return the knobs with keys, each as its value."""
    holder = node.clone_of or node
    text = holder.text
    found: dict[str, KnobValue] = {}
    # Keys always follow a word in double braces; most nodes have none, and their knobs need not be read.
    if "{{" not in text.body:
        return found
    for span in text.spans:
        word = text.word(span)
        if span.name == "addUserKnob" or not word.startswith("{") or "{" not in word[1:]:
            continue
        try:
            value = parse_value(word)
        except DamagedWordError:
            continue
        if value.is_animated and ("curve" in word or value.has_expression):
            found[span.name] = value
    return found


def file_names(node: Node) -> list[FileName]:
    """Return the files that a node's knobs name, as the text has them; Tcl in them is left as it is."""
    found: list[FileName] = []
    for knob in _FILE_KNOBS:
        text = node.knob(knob)
        if not text or (knob == "proxy" and node.class_name not in ("Read", "Write", "DeepRead")) or text[:1] == "{":
            continue
        if knob == "font" or (knob == "proxy" and text in ("true", "false")):
            continue
        first, last = _number(node.knob("first")), _number(node.knob("last"))
        found.append(
            FileName(
                node,
                knob,
                text,
                _VIEWS.sub("*", _FRAME.sub(_glob, text)),
                _FRAME.search(text) is not None,
                node.class_name in _WRITERS,
                None if first is None else int(first),
                None if last is None else int(last),
            )
        )
    return found


def _glob(match: re.Match[str]) -> str:
    width = len(match.group()) if match.group().startswith("#") else int(match.group(2) or 0) if match.group(1) else 0
    return "[0-9]" * width if 0 < width <= 16 else "*"


def _padded(match: re.Match[str], frame: int) -> str:
    width = len(match.group()) if match.group().startswith("#") else int(match.group(2) or 0)
    return f"{frame:0{width}d}" if match.group(1) or match.group().startswith("#") else f"{frame:{width or 1}d}"


def layers_at(node: Node) -> LayersAt:
    """Return the layers that reach a node as far as the text upstream tells.

    What files hold is not in the text; neither is what a Remove or a Shuffle takes away, so a layer may be named that is gone.
    """
    layers: dict[str, None] = {}
    complete = True
    for each in (node, *upstream(node)):
        known = default_catalogue().find(each.class_name)
        if known is None or each.class_name.startswith(("Read", "DeepRead", "Input", "ScanlineRender")):
            complete = False
        for knob in each.knobs:
            if knob in _CHANNEL_KNOBS:
                layers.update(dict.fromkeys(_layers_in(each.knob(knob) or "")))
    if "rgba" not in layers and any(not each.inputs for each in (node, *upstream(node))):
        layers = {"rgba": None, **layers}
    return LayersAt(tuple(layers), complete)


def _layers_in(text: str) -> Iterator[str]:
    if "[" in text or "{{" in text:
        return
    for word in text.strip("{} ").split():
        # "{rgba.red -rgba.green depth.Z}": a minus switches a channel off.
        layer = word.partition(".")[0]
        if layer.startswith("-") or layer in _NO_LAYERS or not re.fullmatch(r"[^\W\d]\w*", layer):
            continue
        yield "rgba" if layer in ("rgb", "alpha", "red", "green", "blue") else layer


# Places


def rectangle(node: Node) -> Rectangle:
    """Return what a node covers in the node graph; the size of a tile is that of its class without label."""
    return _rectangle(node, _known_rectangles(node.document))


def _known_rectangles(document: Document) -> dict[Node, tuple[str, Rectangle]]:
    found = _rectangles.get(document)
    if found is None:
        found = _rectangles[document] = {}
    return found


def _rectangle(node: Node, known: dict[Node, tuple[str, Rectangle]]) -> Rectangle:
    body = node.text.body
    found = known.get(node)
    if found is None or found[0] != body or node.clone_of is not None:
        left, top = _place(node, body)
        width, height = _tile(node)
        found = known[node] = (body, Rectangle(left, top, left + width, top + height))
    return found[1]


def _place(node: Node, body: str) -> tuple[int, int]:
    # Nuke writes both on lines of their own, next to each other; that is read without reading all other knobs.
    at = body.find("xpos")
    match = _PLACE.match(body, at) if at > 0 and body[at - 1] in " \n\t" else None
    if match is not None and body.find("xpos", match.end()) < 0 and body.find("ypos", match.end()) < 0:
        return int(match.group(1)), int(match.group(2))
    return node.xpos, node.ypos


def _tile(node: Node) -> tuple[int, int]:
    name = node.class_name
    if name == "BackdropNode":
        return int(_number(node.knob("bdwidth")) or 80), int(_number(node.knob("bdheight")) or 18)
    if name in _TILES:
        return _TILES[name]
    if name.startswith(_ROUND) and "Shake" not in name and "Tracker" not in name:
        return _ROUND_TILE
    stamped = node.knob("postage_stamp") if "postage_stamp" in (node.clone_of or node).text.body else None
    return _STAMP_TILE if stamped == "true" or (stamped is None and name in _STAMPED) else _TILE


def bounding_box(nodes: Iterable[Node]) -> Rectangle | None:
    """Return the smallest area that holds all of `nodes`, None for none."""
    areas = [rectangle(node) for node in nodes]
    if not areas:
        return None
    return Rectangle(
        min(area.left for area in areas),
        min(area.top for area in areas),
        max(area.right for area in areas),
        max(area.bottom for area in areas),
    )


def enclosed(backdrop: Node) -> list[Node]:
    """Return the nodes whose tiles lie in a backdrop as a whole, smaller backdrops among them, in file order.

    That is Nuke's rule for what moves with a backdrop.
    """
    area = rectangle(backdrop)
    known = _known_rectangles(backdrop.document)
    return [node for node in backdrop.scope.nodes if area.holds(_rectangle(node, known)) and node is not backdrop]


def backdrops_around(node: Node) -> list[Node]:
    """Return the backdrops that a node lies in, the smallest first."""
    own = rectangle(node)
    found = [each for each in node.scope.of_class("BackdropNode") if each is not node and rectangle(each).holds(own)]
    return sorted(found, key=lambda each: _tile(each)[0] * _tile(each)[1])


def inside(group: Node, *, recurse: bool = False) -> list[Node]:
    """Return the nodes inside of a group in file order, with `recurse` those of the groups in it too; none for another node."""
    if group.children is None:
        return []
    return list(group.document.walk(group.children)) if recurse else list(group.children.nodes)


# The Root


def root_settings(document: Document) -> RootSettings:
    """Return what the Root of a script says; all unknown for a gizmo or a snippet, which have none."""
    root = document.root_node

    def text(knob: str) -> str:
        return (root.knob(knob) or "") if root is not None else ""

    return RootSettings(
        text("name"),
        parse_format(text("format")),
        parse_format(text("proxy_format")),
        _number(text("first_frame")),
        _number(text("last_frame")),
        _number(text("frame")),
        _number(text("fps")),
        text("colorManagement"),
        text("OCIO_config"),
        text("workingSpaceLUT"),
        tuple(_views(text("views"))),
    )


def parse_format(text: str) -> Format | None:
    """Return the format in ``"1920 1080 0 0 1920 1080 1 HD_1080"`` or ``"1920 1080"``, None where there is none."""
    words = text.split()
    numbers = [_number(word) for word in words[:7]]
    if len(words) < 2 or numbers[0] is None or numbers[1] is None:
        return None
    aspect = numbers[6] if len(numbers) > 6 else None
    return Format(int(numbers[0]), int(numbers[1]), 1.0 if aspect is None else aspect, " ".join(words[7:]))


def _views(text: str) -> Iterator[str]:
    for line in text.strip("{}").splitlines():
        words = line.strip("{} ").split()
        if words:
            yield words[0]


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return None if value is None or value != value or value in (float("inf"), float("-inf")) else value

"""Where the expressions of a script lead, and which of them lead nowhere.

Nothing is evaluated here: names that Tcl puts together are told as ``"composed"``, and both sides of a ``?:`` count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Union

from nuke_ai_panel.nk.curves import parse_value
from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.expressions import syntax
from nuke_ai_panel.nk.expressions.functions import CONSTANTS, FUNCTIONS, NOT_SIMULATED
from nuke_ai_panel.nk.expressions.mentions import Mentions
from nuke_ai_panel.nk.expressions.names import (
    Computed,
    KnobPlace,
    KnobShape,
    Lost,
    Unknown,
    knob_shape,
    resolve,
)
from nuke_ai_panel.nk.expressions.results import ExpressionStopped, LimitReached, Problem
from nuke_ai_panel.nk.expressions.tcl_words import Word, commands, parts
from nuke_ai_panel.nk.knob_kinds import CALLBACK_KNOBS
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.nk.script import place_in_file
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote

__all__ = [
    "PIXEL_CLASSES",
    "Broken",
    "KnobExpression",
    "Reference",
    "expressions",
    "link_of",
    "naming",
    "pixel_expressions",
    "references",
    "references_in",
    "referring_nodes",
    "unresolved_references",
]

#: ``outside``: it leads to what the file does not hold, as the Root of a gizmo; ``unknown``: not all knobs of the class are
#: known; ``composed``: Tcl puts the name together when it is evaluated.
Status = Literal["resolved", "missing", "outside", "unknown", "composed"]
_VARIABLES = frozenset({"frame", "t", "x", "y", "curve", "value", "keys", "$gui"})
_KNOB_COMMANDS = frozenset({"value", "knob", "numvalue", "exists", "class", "node", "full_name", "topnode", "input", "name"})
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_PATH = re.compile(r"(?<![\w.\]$])[^\W\d]\w*(?:\.\w+)*")
# The nodes that compute pixels, with the names that their inputs have in it.
PIXEL_CLASSES: dict[str, tuple[str, ...]] = {"Expression": (), "MergeExpression": ("A", "B")}
_PIXEL_KNOBS = frozenset(f"{stem}{number}" for stem in ("expr", "temp_expr") for number in range(4))
# Text that Nuke does not evaluate: code, interface state, and what nodes keep in formats of their own.
_NOT_EVALUATED_TYPES = frozenset(
    [
        "PythonKnob",
        "PyScript_Knob",
        "PyCustom_Knob",
        "Script_Knob",
        "Tab_Knob",
        "Text_Knob",
        "String_Knob",
        "Toolbox_Knob",
        "ControlPointsKnob",
        "Table_Knob",
        "PythonCustomKnob",
        "BlinkEditorKnob",
        "SerializeKnob",
    ]
)
_NOT_EVALUATED = frozenset(
    [
        "font",
        "name",
        "inputs",
        *CALLBACK_KNOBS,
        "curves",
        "toolbox",
        "toolbar_visibility_all",
        "kernelSource",
        "KernelDescription",
        "ProgramGroup",
        "rebuild",
        "tracks",
        "expressionString",
        "panel",
        "expr0",
        "expr1",
        "expr2",
        "expr3",
        "temp_expr0",
        "temp_expr1",
        "temp_expr2",
        "temp_expr3",
        "initial_cursor_position",
        "group_animations",
        "animation_layers",
        "transforms",
        "old_message",
        "old_expression_markers",
        "cursor_position",
        "helpText",
        "points",
        "point_selection",
        "geo_select",
        "source_grid_col",
        "destination_grid_col",
        "handlers",
        "gl_color",
    ]
)


@dataclass(frozen=True)
class KnobExpression:
    """An expression as it stands in a knob, as Tcl in its text (`kind` ``"tcl"``), or as what a Link knob stands for.

    ``"pixels"`` is what an Expression node computes for every pixel; most of its names are channels.
    """

    node: Node
    knob: str
    component: int
    kind: Literal["expression", "tcl", "link", "pixels"]
    text: str


@dataclass(frozen=True)
class Reference:
    """A name in an expression: `name` as written, the node and the knob it leads to, or why it leads nowhere."""

    source: KnobExpression
    name: str
    status: Status
    target: Node | None = None
    knob: str = ""
    message: str = ""


@dataclass(frozen=True)
class Broken:
    """An expression that cannot be read."""

    source: KnobExpression
    problem: Problem


def expressions(node: Node) -> Iterator[KnobExpression]:
    """Yield what a node's knobs hold of expressions, Tcl text and links, in the order of the file."""
    text = node.text
    body = text.body
    if not _may_have_expressions(body):
        return
    for span in text.spans:
        word = text.word(span)
        if span.name == "addUserKnob":
            if word.startswith("{41 "):
                link = link_of(word)
                if link is not None:
                    yield KnobExpression(node, link[0], 0, "link", link[1])
            continue
        inner = word[1:]
        if ("{" not in inner and "[" not in word) or span.name in _NOT_EVALUATED:
            continue
        shape = knob_shape(node, span.name)
        if shape is not None and shape.type in _NOT_EVALUATED_TYPES:
            continue
        if span.name == "metadata" and word.startswith("{"):
            # Lines of "{set key value}": a list of texts, not of numbers.
            if "[" in word:
                yield KnobExpression(node, span.name, 0, "tcl", word.replace("\\[", "["))
        elif word.startswith("{") and "{" in inner:
            yield from _in_numbers(node, span.name, word)
        elif "[" in word and not (
            shape is not None and shape.is_user and shape.type in ("EvalString_Knob", "") and "\n" in word
        ):
            yield KnobExpression(node, span.name, 0, "tcl", unquote(word))


def _may_have_expressions(body: str) -> bool:
    return "{{" in body or "[" in body or "{41 " in body or "{ {" in body


def _in_numbers(node: Node, knob: str, word: str) -> Iterator[KnobExpression]:
    try:
        value = parse_value(word)
    except DamagedWordError:
        return
    for view in value.views:
        for index, part in enumerate(value.views[view]):
            if part.has_expression:
                yield KnobExpression(node, knob, index, "expression", part.expression)


def link_of(word: str) -> tuple[str, str] | None:
    """Return the name and the target in the definition of a Link knob, None for another word."""
    try:
        words = list_words(word[1:-1])
    except DamagedWordError:
        return None
    for option, value in zip(words[2:], words[3:]):
        if option == "T":
            return unquote(words[1]), unquote(value)
    return None


def references(node: Node, knob: str = "") -> list[Union[Reference, Broken]]:
    """Return every name in the expressions of a node, or of one knob of it, and the expressions that cannot be read.

    Of what an Expression node computes for every pixel only names of knobs of other nodes are told.
    """
    found = [each for source in expressions(node) if knob in ("", source.knob) for each in _of(source)]
    found.extend(each for source in pixel_expressions(node) if knob in ("", source.knob) for each in _of_pixels(source))
    return found


def references_in(
    node: Node, knob: str, text: str, *, component: int = 0, is_text: bool = False
) -> list[Union[Reference, Broken]]:
    """Return every name in an expression as if it stood in that knob of `node`; `is_text` for the Tcl text of a string knob."""
    return list(_of(KnobExpression(node, knob, component, "tcl" if is_text else "expression", text)))


def unresolved_references(document: Document) -> list[Union[Reference, Broken]]:
    """Return the references of a whole script that lead nowhere, and the expressions that cannot be read, in file order."""
    return [
        each
        for node in _all(document)
        for source in expressions(node)
        for each in _of(source)
        if isinstance(each, Broken) or each.status == "missing"
    ]


def referring_nodes(node: Node) -> list[Node]:
    """Return the other nodes with an expression, a Tcl text or a Link knob that leads to `node`, in file order."""
    own = node.clone_of or node
    return [
        other
        for other in _in_file_order(_mentions(node.document).may_mean(node))
        if other is not node and any(isinstance(each, Reference) and each.target in (node, own) for each in references(other))
    ]


def _mentions(document: Document) -> Mentions:
    return document.keep(Mentions).refresh(document, _text_with_names)


def naming(target: Node) -> list[Node]:
    """Return the nodes whose expressions or texts hold the name of `target`, in the order of the file."""
    return _in_file_order(_mentions(target.document).by_name(target))


def _text_with_names(node: Node) -> str:
    """Return the text that the names in a node's expressions stand in; "" for a node that has none, as most have."""
    body = node.text.body
    if not _may_have_expressions(body) and (node.class_name not in PIXEL_CLASSES or "expr" not in body):
        return ""
    return _ESCAPED.sub(" ", body) if "\\" in body else body


def _in_file_order(nodes: Iterable[Node]) -> list[Node]:
    """Return nodes as :func:`_all` yields them."""
    return sorted(nodes, key=lambda node: () if node is node.document.root_node else place_in_file(node))


def _all(document: Document) -> Iterator[Node]:
    if document.root_node is not None:
        yield document.root_node
    yield from document.walk()


def _of(source: KnobExpression) -> Iterator[Union[Reference, Broken]]:
    shape = knob_shape(source.node, source.knob)
    try:
        if source.kind == "link":
            yield _reference(source, source.text, None)
        elif source.kind == "tcl":
            yield from _of_text(source, source.text)
        else:
            yield from _of_program(source, source.text, shape)
    except ExpressionStopped as stopped:
        yield Broken(source, stopped.problem)


def _of_program(source: KnobExpression, text: str, shape: KnobShape | None, *, tcl: bool = False) -> list[Reference]:
    program = syntax.parse(text, tcl=tcl)
    found: list[Reference] = []
    for name in program.names:
        word = name.text
        if name.is_composed:
            found.append(Reference(source, word, "composed"))
            found.extend(_of_text(source, word))
        elif (
            tcl or word in _VARIABLES or word.startswith("$") or (name.called and (word in FUNCTIONS or word in NOT_SIMULATED))
        ):
            continue
        else:
            reference = _reference(source, word, shape)
            if reference.status == "resolved" or word not in CONSTANTS:
                found.append(reference)
    for script in program.scripts:
        # A quoted text of Tcl's expr may hold brackets, a bracket is a script.
        found.extend(_of_script(source, script) if f"[{script}]" in text else _of_text(source, script))
    return found


def pixel_expressions(node: Node) -> Iterator[KnobExpression]:
    """Yield the expressions that a node computes its pixels with."""
    if node.class_name not in PIXEL_CLASSES or "expr" not in node.text.body:
        return
    text = node.text
    for span in text.spans:
        if span.name in _PIXEL_KNOBS:
            yield KnobExpression(node, span.name, 0, "pixels", unquote(text.word(span)))


def _of_pixels(source: KnobExpression) -> list[Reference]:
    """Return the names of knobs of other nodes; what is none may be a channel or a variable of the node."""
    found: list[Reference] = []
    for match in _PATH.finditer(source.text):
        if "." in match.group() and match.group().partition(".")[0] not in PIXEL_CLASSES[source.node.class_name]:
            reference = _reference(source, match.group(), None)
            if reference.status == "resolved" and reference.target is not source.node:
                found.append(reference)
    return found


def _of_text(source: KnobExpression, text: str) -> list[Reference]:
    if len(text) > syntax.MAX_LENGTH:
        raise ExpressionStopped(LimitReached(f"The text is longer than {syntax.MAX_LENGTH:,} characters."))
    return [each for part in parts(text) if part.kind == "script" for each in _of_script(source, part.text)]


def _of_script(source: KnobExpression, script: str, depth: int = 0) -> list[Reference]:
    if depth > 50:
        raise ExpressionStopped(LimitReached("Tcl commands are nested more than 50 deep."))
    found: list[Reference] = []
    for words in commands(script):
        first = words[0].text
        if first in ("python", "pyrs", "py", "pyexec"):
            continue
        args = words[1:]
        if first in _KNOB_COMMANDS and args:
            found.extend(_named(source, first, args[0]))
        elif first in ("expr", "expression") and all(word.is_verbatim or word.is_static for word in args):
            text = " ".join(word.text for word in args)
            found.extend(_of_program(source, text, None, tcl=first == "expr"))
            continue
        for word in args:
            if not word.is_verbatim:
                for part in parts(word.text):
                    if part.kind == "script":
                        found.extend(_of_script(source, part.text, depth + 1))
            elif first in ("if", "catch") and word.text.strip():
                found.extend(_of_body(source, word.text, depth))
    return found


def _of_body(source: KnobExpression, text: str, depth: int) -> list[Reference]:
    return [each for part in parts(text) if part.kind == "script" for each in _of_script(source, part.text, depth + 1)]


def _named(source: KnobExpression, command: str, word: Word) -> list[Reference]:
    if not word.is_static:
        return [Reference(source, word.text, "composed")]
    name = unquote(word.text)
    if name in _VARIABLES or not name or not all(mark.isalnum() or mark in "._" for mark in name):
        return []
    reference = _reference(source, name, None)
    # To ask whether something exists is no mistake where it does not.
    return [] if command == "exists" and reference.status == "missing" else [reference]


def _reference(source: KnobExpression, name: str, shape: KnobShape | None) -> Reference:
    place = resolve(source.node, name, knob=shape)
    if isinstance(place, Lost):
        return Reference(source, name, "missing", None, "", place.message)
    if isinstance(place, Unknown):
        return Reference(source, name, "outside" if place.is_outside else "unknown", None, "", place.reason)
    if isinstance(place, KnobPlace):
        return Reference(source, name, "resolved", place.node, place.shape.name)
    if isinstance(place, Computed):
        return Reference(source, name, "resolved", place.node, ".".join(place.fields))
    return Reference(source, name, "resolved", place)

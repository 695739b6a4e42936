"""How the expressions of a script read after a node was renamed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from nuke_ai_panel.nk.curves import parse_value
from nuke_ai_panel.nk.expressions.names import Place, resolve, step_to_node
from nuke_ai_panel.nk.expressions.references import PIXEL_CLASSES, expressions, link_of, naming, pixel_expressions
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.nk.words import list_words, quote, unquote

__all__ = ["rename_edits", "renamed"]

_PATH = re.compile(r"(?<![\w.\]$])[^\W\d]\w*(?:\.\w+)*")


def renamed(node: Node, text: str, target: Node, name: str) -> str:
    """Return an expression or Tcl text of `node` as it reads when `target` is called `name`.

    Only words that lead to `target` itself are changed, so another node of that name in another group keeps its own.
    """
    old = target.name
    own = target.clone_of or target

    def put(match: re.Match[str]) -> str:
        path = match.group()
        return _renamed_path(node, path, own, target, old, name)

    return _PATH.sub(put, text)


def _renamed_path(node: Node, path: str, own: Node, target: Node, old: str, name: str) -> str:
    words = path.split(".")
    for at, word in enumerate(words):
        if word != old:
            continue
        place: Place = resolve(node, ".".join(words[: at + 1]))
        if (
            isinstance(place, Node)
            and (place is target or (place.clone_of or place) is own)
            and step_to_node(node, word) is None
        ):
            words[at] = name
            return ".".join(words)
    return path


def rename_edits(target: Node, name: str) -> list[tuple[Node, str]]:
    """Return the nodes whose expressions name `target`, each with its new body for :meth:`Document.set_body`.

    Ask before the renaming, set the bodies, then rename: the names are followed in the script as it stands.
    """
    edits: list[tuple[Node, str]] = []
    for node in naming(target):
        changed = _renamed_body(node, lambda text, node=node: renamed(node, text, target, name))  # type: ignore[misc]
        if changed != node.text.body:
            edits.append((node, changed))
    return edits


def _renamed_body(node: Node, change: Callable[[str], str]) -> str:
    text = node.text
    body = text.body
    shown = {(each.knob, each.kind) for each in (*expressions(node), *pixel_expressions(node))}
    of_inputs = PIXEL_CLASSES.get(node.class_name, ())
    for span in reversed(text.spans):
        word = text.word(span)
        if span.name == "addUserKnob":
            new = _renamed_link(word, change) if word.startswith("{41 ") else word
        elif (span.name, "tcl") in shown:
            new = _renamed_text(word, change)
        elif (span.name, "expression") in shown:
            new = _renamed_value(word, change)
        elif (span.name, "pixels") in shown:
            new = _renamed_pixels(word, of_inputs, change)
        else:
            continue
        if new != word:
            body = body[: span.value_start] + new + body[span.value_end :]
    return body


def _renamed_pixels(word: str, of_inputs: tuple[str, ...], change: Callable[[str], str]) -> str:
    """Change paths to knobs; a name that stands alone is a channel, and one of `of_inputs` begins those of an input."""

    def put(match: re.Match[str]) -> str:
        path = match.group()
        return change(path) if "." in path and path.partition(".")[0] not in of_inputs else path

    value = unquote(word)
    changed = _PATH.sub(put, value)
    return word if changed == value else quote(changed)


def _renamed_text(word: str, change: Callable[[str], str]) -> str:
    if word.startswith("{"):
        # In braces a bracket is written with its backslash, which has to stay.
        return _changed_scripts(word.replace("\\[", "\0["), change).replace("\0[", "\\[")
    value = unquote(word)
    changed = _changed_scripts(value, change)
    return word if changed == value else quote(changed)


def _changed_scripts(text: str, change: Callable[[str], str]) -> str:
    """Change what stands in brackets only; the rest of a label is prose."""
    made: list[str] = []
    depth = start = 0
    pos = 0
    while pos < len(text):
        mark = text[pos]
        if mark == "\\":
            pos += 2
            continue
        if mark == "[":
            if not depth:
                made.append(text[start:pos])
                start = pos
            depth += 1
        elif mark == "]" and depth:
            depth -= 1
            if not depth:
                made.append(change(text[start : pos + 1]))
                start = pos + 1
        pos += 1
    return "".join([*made, text[start:]])


def _renamed_value(word: str, change: Callable[[str], str]) -> str:
    value = parse_value(word)
    text = word
    for view in value.views:
        for index, part in enumerate(value.views[view]):
            if not part.has_expression:
                continue
            new = change(part.expression)
            if new != part.expression:
                text = parse_value(text).with_component(index, replace(part, text=_with_expression(part.text, new)), view=view)
    return text


def _with_expression(text: str, expression: str) -> str:
    """Return an element ``{expression i keys}`` with its first word replaced."""
    first = list_words(text[1:-1])[0]
    start = text.index(first, 1)
    word = "{" + expression + "}" if first.startswith("{") else quote(expression)
    return text[:start] + word + text[start + len(first) :]


def _renamed_link(word: str, change: Callable[[str], str]) -> str:
    link = link_of(word)
    if link is None:
        return word
    new = change(link[1])
    if new == link[1]:
        return word
    at = re.search(r"\sT\s+", word)
    if at is None:
        return word
    start = at.end()
    old = next((each for each in list_words(word[start:-1])), "")
    return word[:start] + quote(new) + word[start + len(old) :]

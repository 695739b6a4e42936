"""Items as text: what did not change as it was read, the rest of a scope as it has to be arranged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nuke_ai_panel.nk.node import Item, Node, Scope
from nuke_ai_panel.nk.wiring import arranged

__all__ = ["written_items"]


def written_items(items: Sequence[Item], scope: Scope | None, newline: str, *, with_selection: bool = False) -> str:
    """Return the text of items and all that is inside of them; `scope` is whose they are, None for nodes without theirs.

    With `with_selection` the present selection is written, not the one that was read. Raises: NkError where a changed scope
    cannot be written.
    """
    parts: list[str] = []
    todo: list[tuple[Scope | None, Iterator[Item]]] = [(scope, iter(items))]
    while todo:
        current, rest = todo[-1]
        rewired = current is not None and current.rewired
        for item in rest:
            if rewired and _needs_line_end(parts):
                parts.append(newline)
            if not isinstance(item, Node):
                parts.append(item.text)
                continue
            text = item.text
            parts.append(text.head)
            parts.append(_body_with_selection(item, newline) if with_selection else text.body)
            parts.append(text.tail)
            if item.children is not None:
                todo.append((item.children, iter(arranged(item.children))))
                break
        else:
            todo.pop()
            owner = current.owner if current is not None else None
            if owner is not None and todo:
                if rewired and owner.end_text and _needs_line_end(parts):
                    parts.append(newline)
                parts.append(owner.end_text)
    return "".join(parts)


def _body_with_selection(node: Node, newline: str) -> str:
    text = node.text
    if node.selected == (text.value("selected") == "true"):
        return text.body
    if node.selected:
        return text.with_value("selected", "true", class_name=node.class_name, newline=newline)
    return text.without("selected")


def _needs_line_end(parts: Sequence[str]) -> bool:
    last = next((part for part in reversed(parts) if part), "\n")
    return not last.endswith(("\n", ";", "\ufeff"))

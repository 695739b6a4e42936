"""Code that a script carries: found and told, never run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nuke_ai_panel.nk.emulation.session import NotRun
from nuke_ai_panel.nk.knob_kinds import CALLBACK_KNOBS
from nuke_ai_panel.nk.node import Node

__all__ = ["code_in"]

_PYTHON = re.compile(r"\[\s*(?:python|py_eval|source)\b|(?:^|[\s{])python\s*\{")


def code_in(node: Node) -> Iterator[NotRun]:
    """Yield the code in a node and in what is inside of it: callbacks, and Python that a value is made by."""
    for name, text in node.knobs.items():
        if text and (name in CALLBACK_KNOBS or _PYTHON.search(text)):
            yield NotRun(f"{node.path}.{name}", text)
    for inner in node.children.nodes if node.children is not None else ():
        yield from code_in(inner)

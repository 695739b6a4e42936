"""What a type checker is told of the public names; ``typed_use.py`` is what it makes of them."""

from __future__ import annotations

import ast
from pathlib import Path

import nuke_ai_panel

SOURCE = Path(nuke_ai_panel.__file__)


def test_a_type_checker_sees_just_the_public_names():
    block = next(node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(nuke_ai_panel.__all__) - {"__version__"}

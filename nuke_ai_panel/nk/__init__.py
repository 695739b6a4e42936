"""The .nk engine: lossless documents, their difference, and an emulated ``nuke`` module over a document."""

from __future__ import annotations

from nuke_ai_panel.nk.document import Document, load, loads, new_script
from nuke_ai_panel.nk.drawing import draw, draw_diff
from nuke_ai_panel.nk.emulation import emulate
from nuke_ai_panel.nk.graph_diff import ConnectionChange, GraphDiff, KnobChange, NodeChange, NodeRename, diff
from nuke_ai_panel.nk.layout import place, tidy
from nuke_ai_panel.nk.merging import Conflict, Merged, merge
from nuke_ai_panel.nk.node import Node

__all__ = [
    "Conflict",
    "ConnectionChange",
    "Document",
    "GraphDiff",
    "KnobChange",
    "Merged",
    "Node",
    "NodeChange",
    "NodeRename",
    "diff",
    "draw",
    "draw_diff",
    "emulate",
    "load",
    "loads",
    "merge",
    "new_script",
    "place",
    "tidy",
]

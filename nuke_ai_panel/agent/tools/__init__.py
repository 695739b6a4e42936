"""The tools of the model: what it may ask of the script, and the changes it may propose."""

from __future__ import annotations

from nuke_ai_panel.agent.tools.toolbox import Narrowing, Planned, Toolbox, ToolMode
from nuke_ai_panel.agent.tools.values import ToolAnswer, ToolProblem

__all__ = ["Narrowing", "Planned", "ToolAnswer", "ToolMode", "ToolProblem", "Toolbox"]

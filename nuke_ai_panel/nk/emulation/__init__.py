"""An emulated ``nuke`` module over a document."""

from __future__ import annotations

from nuke_ai_panel.nk.emulation.module import emulate

__all__ = ["emulate"]

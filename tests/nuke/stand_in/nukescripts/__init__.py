"""The part of ``nukescripts`` that registers panels."""

from __future__ import annotations

from . import panels
from .panels import registerPanel, restorePanel

__all__ = ["panels", "registerPanel", "restorePanel"]

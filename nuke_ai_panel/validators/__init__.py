"""Check a request before a byte of it is sent."""

from __future__ import annotations

from nuke_ai_panel.validators.chat import validate
from nuke_ai_panel.validators.limits import RequestLimits

__all__ = ["RequestLimits", "validate"]

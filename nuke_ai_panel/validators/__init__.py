"""Check what is asked of a server before a byte of it is sent.

Each refusal is a :class:`~nuke_ai_panel.errors.ValidationError` that names the field, its value and what is allowed.
"""

from __future__ import annotations

from nuke_ai_panel.validators.chat import validate
from nuke_ai_panel.validators.limits import DEFAULT_LIMITS, RequestLimits
from nuke_ai_panel.validators.operations import (
    validate_deadlines,
    validate_embedding,
    validate_image,
    validate_speech,
    validate_transcription,
    validate_upload,
)

__all__ = [
    "DEFAULT_LIMITS",
    "RequestLimits",
    "validate",
    "validate_deadlines",
    "validate_embedding",
    "validate_image",
    "validate_speech",
    "validate_transcription",
    "validate_upload",
]

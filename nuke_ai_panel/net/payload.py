"""The body of a request: JSON, also with large contents in it, or a form with a file.

Contents that lie in files are read while they are sent, so that memory stays flat whatever their size.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from nuke_ai_panel.messages import Content

__all__ = ["Base64", "FormFile", "encode_json"]


@dataclass(frozen=True)
class Base64:
    """Stands in a JSON body for the text ``prefix`` followed by the base64 of ``data``."""

    data: bytes | Content = field(repr=False)
    prefix: str = ""


@dataclass(frozen=True)
class FormFile:
    """A form (``multipart/form-data``) with one file in its field ``field_name``, and text fields beside it."""

    field_name: str
    file_name: str
    data: bytes | Content = field(repr=False)
    media_type: str = "application/octet-stream"
    fields: Mapping[str, str] = field(default_factory=dict)


def encode_json(value: object) -> bytes:
    """Return `value` as compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_spelled).encode("utf-8")


def _spelled(value: object) -> str:
    if isinstance(value, Base64):
        raw = value.data if isinstance(value.data, bytes) else b"".join(value.data.chunks())
        return value.prefix + base64.b64encode(raw).decode("ascii")
    raise TypeError(f"{type(value).__name__} has no place in a request")

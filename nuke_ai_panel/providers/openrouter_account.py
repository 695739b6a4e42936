"""What OpenRouter says of a key and of the account behind it. Facts as of August 2026.

Source: https://openrouter.ai/docs/api-reference/limits
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nuke_ai_panel.net.json_values import number, record, text

__all__ = ["Credits", "KeyInfo", "credits_of", "key_info_of"]


@dataclass(frozen=True)
class KeyInfo:
    """What a key may spend and has spent, in US dollars; None is no limit, or not told.

    ``limit_reset`` says when the limit begins anew (``"daily"``, ``"weekly"``, ``"monthly"``), "" for never; ``expires_at`` is
    an ISO 8601 moment, or "". A management key manages other keys and cannot chat.
    """

    label: str = field(default="", repr=False)
    limit: float | None = None
    remaining: float | None = None
    limit_reset: str = ""
    usage: float | None = None
    usage_daily: float | None = None
    usage_weekly: float | None = None
    usage_monthly: float | None = None
    is_free_tier: bool | None = None
    is_management_key: bool | None = None
    expires_at: str = ""

    def words(self) -> str:
        """Return what a person wants to know, e.g. ``"key 'studio', 4.20 USD left"``."""
        # OpenRouter's own label of a key is the key's ends with dots between; it is no secret, but says little.
        known = [f"key {self.label!r}" if self.label and not self.label.startswith("sk-") else "the key works"]
        if self.remaining is not None:
            known.append(f"{self.remaining:.2f} USD left")
        if self.is_free_tier:
            known.append("free tier")
        return ", ".join(known)


@dataclass(frozen=True)
class Credits:
    """What an account has bought and used, in US dollars."""

    bought: float
    used: float

    @property
    def left(self) -> float:
        """US dollars that can still be spent; negative where more was used than bought."""
        return self.bought - self.used


def key_info_of(answer: object) -> KeyInfo | None:
    """Return what the answer of ``/key`` says, None where it says nothing."""
    data = record(record(answer).get("data"))
    if not data:
        return None
    return KeyInfo(
        text(data.get("label")),
        number(data.get("limit")),
        number(data.get("limit_remaining")),
        text(data.get("limit_reset")),
        number(data.get("usage")),
        number(data.get("usage_daily")),
        number(data.get("usage_weekly")),
        number(data.get("usage_monthly")),
        _truth(data.get("is_free_tier")),
        _truth(data.get("is_management_key")),
        text(data.get("expires_at")),
    )


def credits_of(answer: object) -> Credits | None:
    """Return what the answer of ``/credits`` says, None where it says nothing."""
    data = record(record(answer).get("data"))
    bought, used = number(data.get("total_credits")), number(data.get("total_usage"))
    return None if bought is None or used is None else Credits(bought, used)


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None

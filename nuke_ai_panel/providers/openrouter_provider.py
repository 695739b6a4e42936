"""OpenRouter: ``/chat/completions``, ``/models``, ``/key``. Facts as of August 2026.

Source: https://openrouter.ai/docs/api-reference/overview
"""

from __future__ import annotations

from urllib.parse import urlsplit

from nuke_ai_panel.errors import APIError, AuthenticationError, ProtocolError
from nuke_ai_panel.net.address import OPENROUTER_DEFAULT
from nuke_ai_panel.net.json_values import number, record, text
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.openai_wire import OpenaiWire
from nuke_ai_panel.validators import RequestLimits

__all__ = ["OpenrouterProvider"]


class OpenrouterProvider(OpenaiWire):
    """OpenRouter, or a gateway that stands in for it under another base URL; what only OpenRouter has may be missing there."""

    name = "openrouter"
    title = "OpenRouter"
    # Its published description has no ``n``.
    limits = RequestLimits(answers=1, stop_texts=4)
    default_address = OPENROUTER_DEFAULT
    address_variable = "OPENROUTER_BASE_URL"
    key_variable = "OPENROUTER_API_KEY"
    needs_key = True

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.needs_key = self._is_openrouter

    @property
    def _is_openrouter(self) -> bool:
        host = urlsplit(self.base_url).hostname or ""
        return host == "openrouter.ai" or host.endswith(".openrouter.ai")

    def _headers(self) -> dict[str, str]:
        return {**super()._headers(), "X-OpenRouter-Title": "Nuke AI Panel"}

    async def check_access(self) -> str:
        """Prove the key with ``/key``, because OpenRouter's list of models is public; return its label and what is left.

        A server without that path proves nothing and returns "".
        """
        try:
            answer = await self._get("/key", "key")
        except (ProtocolError, AuthenticationError) as error:
            # Other servers answer an unknown path in many ways; their list of models is behind the key.
            if self._is_openrouter:
                raise
            if isinstance(error, AuthenticationError):
                raise
            return ""
        except APIError as error:
            if self._is_openrouter or error.status is None or error.status >= 500:
                raise
            return ""
        return _key_words(record(record(answer).get("data")))


def _key_words(data: dict[str, object]) -> str:
    label, left = text(data.get("label")), number(data.get("limit_remaining"))
    # OpenRouter's own label of a key is the key's ends with dots between; it is no secret, but says little.
    words = [f"key {label!r}"] if label and not label.startswith("sk-") else ["the key works"]
    if left is not None:
        words.append(f"{left:.2f} USD left")
    return ", ".join(words) if data else ""

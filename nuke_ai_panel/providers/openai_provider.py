"""Any OpenAI-compatible server: vLLM, llama.cpp, LM Studio, a LiteLLM gateway, or OpenAI itself.

This is how a studio outgrows one machine: the engine that serves many artists is theirs, the panel only points at it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.openai_wire import OpenaiWire

__all__ = ["OpenaiProvider"]


class OpenaiProvider(OpenaiWire):
    """A server of the OpenAI protocol at any base URL."""

    name = "openai"
    title = "OpenAI-compatible"
    default_address = "https://api.openai.com/v1"
    address_variable = "OPENAI_BASE_URL"
    key_variable = "OPENAI_API_KEY"
    is_offered = False

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.needs_key = urlsplit(self.base_url).hostname == "api.openai.com"

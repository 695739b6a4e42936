"""Which providers there are. Importing this imports no HTTP library."""

from __future__ import annotations

import os

from nuke_ai_panel.errors import SettingsError, ValidationError
from nuke_ai_panel.net.address import OLLAMA_DEFAULT, OPENROUTER_DEFAULT, heal, host_and_port, is_loopback
from nuke_ai_panel.providers.base import Provider, Server
from nuke_ai_panel.providers.ollama_provider import OllamaProvider
from nuke_ai_panel.providers.openrouter_provider import OpenrouterProvider

__all__ = ["PROVIDERS", "create", "default_address", "is_on_this_machine", "resolve_address"]

PROVIDERS: dict[str, type[Provider]] = {
    OllamaProvider.name: OllamaProvider,
    OpenrouterProvider.name: OpenrouterProvider,
}
"""Registry name to class, in the order in which they are offered."""

_ADDRESSES = {OllamaProvider.name: OLLAMA_DEFAULT, OpenrouterProvider.name: OPENROUTER_DEFAULT}


def create(name: str, server: Server) -> Provider:
    """Return a provider of that name for `server`; an empty address is the provider's default one. Nothing is connected yet.

    Raises:
        SettingsError: no provider has this name.
        ValidationError: the address cannot be used.
        AuthenticationError: the key cannot be one.
    """
    try:
        made = PROVIDERS[name]
    except KeyError:
        raise SettingsError(f"There is no provider {name!r}. Known are {', '.join(PROVIDERS)}.") from None
    return made(server)


def default_address(name: str) -> str:
    """Return the address that provider `name` is tried at when none is set; for Ollama it follows ``OLLAMA_HOST``.

    Raises:
        SettingsError: no provider has this name.
    """
    if name not in _ADDRESSES:
        raise SettingsError(f"There is no provider {name!r}. Known are {', '.join(PROVIDERS)}.")
    if name == OllamaProvider.name and os.environ.get("OLLAMA_HOST", "").strip():
        try:
            return heal(os.environ["OLLAMA_HOST"], name)[0]
        except ValidationError:
            return _ADDRESSES[name]
    return _ADDRESSES[name]


def resolve_address(name: str, configured: str) -> str:
    """Return the URL that provider `name` talks to: `configured` made whole, or the default address where it is "".

    Raises:
        SettingsError: no provider has this name.
        ValidationError: no address can be made of `configured`.
    """
    return heal(configured.strip() or default_address(name), name)[0]


def is_on_this_machine(address: str) -> bool:
    """Return whether `address` can only be this machine. A name that has to be looked up is not, whatever it resolves to."""
    return is_loopback(host_and_port(address)[0])

"""Which providers there are. Importing this imports no HTTP library."""

from __future__ import annotations

import os

from nuke_ai_panel.errors import SettingsError, ValidationError
from nuke_ai_panel.net.address import host_and_port, is_loopback
from nuke_ai_panel.providers.base import Provider, Server
from nuke_ai_panel.providers.ollama_provider import OllamaProvider
from nuke_ai_panel.providers.openai_provider import OpenaiProvider
from nuke_ai_panel.providers.openrouter_provider import OpenrouterProvider

__all__ = ["PROVIDERS", "create", "default_address", "is_on_this_machine", "provider_class", "resolve_address"]

PROVIDERS: dict[str, type[Provider]] = {
    each.name: each
    for each in (
        OllamaProvider,
        OpenrouterProvider,
        OpenaiProvider,
    )
}
"""Registry name to class, in the order in which they are offered."""


def provider_class(name: str) -> type[Provider]:
    """Return the class of provider `name`.

    Raises:
        SettingsError: no provider has this name.
    """
    try:
        return PROVIDERS[name]
    except KeyError:
        raise SettingsError(f"There is no provider {name!r}. Known are {', '.join(PROVIDERS)}.") from None


def create(name: str, server: Server) -> Provider:
    """Return a provider of that name for `server`; an empty address is the provider's default one. Nothing is connected yet.

    Raises:
        SettingsError: no provider has this name.
        ValidationError: the address cannot be used.
        AuthenticationError: the key cannot be one.
    """
    return provider_class(name)(server)


def default_address(name: str) -> str:
    """Return the address that provider `name` is tried at when none is set: its variable's, else its own.

    Raises:
        SettingsError: no provider has this name.
    """
    made = provider_class(name)
    typed = os.environ.get(made.address_variable, "").strip() if made.address_variable else ""
    if typed:
        try:
            return made.heal_address(typed)[0]
        except ValidationError:
            return made.default_address
    return made.default_address


def resolve_address(name: str, configured: str) -> str:
    """Return the URL that provider `name` talks to: `configured` made whole, or the default address where it is "".

    Raises:
        SettingsError: no provider has this name.
        ValidationError: no address can be made of `configured`.
    """
    return provider_class(name).heal_address(configured.strip() or default_address(name))[0]


def is_on_this_machine(address: str) -> bool:
    """Return whether `address` can only be this machine. A name that has to be looked up is not, whatever it resolves to."""
    return is_loopback(host_and_port(address)[0])

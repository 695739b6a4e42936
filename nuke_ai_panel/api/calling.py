"""What the public calls besides chat have in common: find the server, ask it once, and let go of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from nuke_ai_panel.api.arguments import Asked, place_of, refuse_unknown, split_model
from nuke_ai_panel.api.naming import name_argument
from nuke_ai_panel.api.servers import Place, Pool, pool_of_this_loop
from nuke_ai_panel.errors import AuthenticationError, ValidationError
from nuke_ai_panel.providers.base import Deadlines, Provider

__all__ = ["Call", "ask", "call_of", "on_server"]

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """Which model is asked, and where."""

    asked: Asked
    place: Place


async def call_of(model: object, arguments: Mapping[str, object], known: Collection[str], name: str) -> Call:
    """Return what the arguments of the call `name` say about where it goes. Raises: ValidationError, SettingsError."""
    settings = await pool_of_this_loop().settings()
    refuse_unknown(arguments, known, name)
    asked = split_model(model, settings.provider)
    return Call(asked, place_of(asked.provider, arguments))


async def on_server(pool: Pool, place: Place, work: Callable[[Provider], Awaitable[T]]) -> T:
    """Return what `work` gets from the provider that `place` means. A key that the server refuses is read again next time."""
    lease = await pool.lease(place, after_settings=True)
    try:
        return await work(lease.provider)
    except AuthenticationError as error:
        pool.key_refused(lease, error)
        raise


async def ask(
    place: Place, operation: Callable[..., Awaitable[T]], *what: object, names: Mapping[str, str] = MappingProxyType({})
) -> T:
    """Call the method `operation` of a provider (given on the class) on the server that `place` means.

    `names` are the arguments of the public call by the fields that are made of them, so that an error names what was given.
    """

    def work(provider: Provider) -> Awaitable[T]:
        method: Callable[..., Awaitable[T]] = getattr(provider, operation.__name__)
        deadlines: Deadlines = place.deadlines
        return method(*what, deadlines=deadlines)

    try:
        return await on_server(pool_of_this_loop(), place, work)
    except ValidationError as error:
        name_argument(error, names)
        raise

"""The model servers of a conversation: which there are, what they offer, and which one is asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.errors import CredentialError, NukeAIPanelError, ValidationError
from nuke_ai_panel.messages import ModelInfo
from nuke_ai_panel.providers import registry
from nuke_ai_panel.providers.base import Provider, Server
from nuke_ai_panel.settings import Settings

__all__ = ["ModelChoice", "Servers"]

#: Seconds a keyring may take; a locked one on a desktop waits for the person at the screen.
_KEY_DEADLINE = 60.0


@dataclass(frozen=True)
class ModelChoice:
    """A model that can be picked. ``name`` is "" and ``error`` says why where a provider did not answer."""

    provider: str
    title: str
    name: str = ""
    detail: str = ""
    error: str = ""


class Servers:
    """Providers by address and key, made when they are first needed and kept with their connections.

    ``provider`` and ``model`` are the choice in force, "" until one is made. It belongs to one event loop.
    """

    def __init__(self, credentials: Credentials) -> None:
        self.provider = ""
        self.model = ""
        self._credentials = credentials
        self._providers: dict[tuple[str, Server], Provider] = {}

    async def server(self, settings: Settings, name: str) -> Server:
        """Return the server of provider `name` with its address and key.

        Raises:
            ValidationError: "local only" is on and the address is not on this machine.
            CredentialError: the keyring did not answer.
        """
        address = settings.address(name)
        loop = asyncio.get_running_loop()
        try:
            key = await asyncio.wait_for(loop.run_in_executor(None, self._credentials.read, name), _KEY_DEADLINE)
        except asyncio.TimeoutError:
            raise CredentialError("The keyring did not answer. Unlock it, then ask again.") from None
        return Server(base_url=address, key=key.value, ca_file=settings.server(name).ca_file)

    async def list_models(self, settings: Settings, only: str = "") -> list[ModelChoice]:
        """Return the models of every enabled provider, or `only` of one, live; one that fails is an entry with ``error``."""
        names = [only] if only else [name for name in registry.PROVIDERS if settings.server(name).enabled]
        lists = await asyncio.gather(*(self._models_of(settings, name) for name in names))
        return [choice for choices in lists for choice in choices]

    async def pick(self, settings: Settings) -> tuple[Provider, str]:
        """Return the provider and model to ask: the picked ones, the configured ones, or the first that answers.

        Raises:
            ValidationError: no model is reachable, or the chosen provider does not exist or may not be asked.
            CredentialError: the keyring did not answer.
        """
        name = self.provider or settings.provider
        model = self.model or (settings.model if name in ("", settings.provider) else "")
        if name and name not in registry.PROVIDERS:
            raise ValidationError(f"There is no provider {name!r}. Known: {', '.join(registry.PROVIDERS)}.")
        if name and model:
            self.provider, self.model = name, model
            return await self._made(settings, name), model
        names = [name] if name else [each for each in registry.PROVIDERS if settings.server(each).enabled]
        chosen = (self.provider, self.model)
        problems: list[str] = []
        for each in names:
            choices = await self._models_of(settings, each)
            if (self.provider, self.model) != chosen:
                # Meanwhile somebody has picked one.
                return await self.pick(settings)
            for choice in choices:
                if choice.name:
                    self.provider, self.model = each, model or choice.name
                    return await self._made(settings, each), self.model
                problems.append(choice.error)
        raise ValidationError("No model is reachable. " + " ".join(problems))

    async def aclose(self) -> None:
        """Close every connection."""
        providers, self._providers = list(self._providers.values()), {}
        for provider in providers:
            await provider.aclose()

    async def _made(self, settings: Settings, name: str) -> Provider:
        server = await self.server(settings, name)
        known = self._providers.get((name, server))
        if known is None:
            known = self._providers[(name, server)] = registry.create(name, server)
        return known

    async def _models_of(self, settings: Settings, name: str) -> list[ModelChoice]:
        title = registry.PROVIDERS[name].title
        try:
            provider = await self._made(settings, name)
            if provider.needs_key and not provider.server.key:
                return [ModelChoice(name, title, error=_needs_key(provider))]
            models = await provider.list_models()
        except NukeAIPanelError as error:
            return [ModelChoice(name, title, error=str(error))]
        if not models:
            return [ModelChoice(name, title, error=f"{title} answers but has no model. Pull or load one first.")]
        return [ModelChoice(name, title, name=model.name, detail=_detail(model)) for model in models]


def _needs_key(provider: Provider) -> str:
    variable = f", or set {provider.key_variable}" if provider.key_variable else ""
    return f"{provider.title} needs a key. Add it in Settings{variable}."


def _detail(model: ModelInfo) -> str:
    parts: list[str] = []
    if model.size:
        parts.append(f"{model.size / 1e9:.1f} GB")
    if model.context_length:
        parts.append(
            f"{model.context_length // 1024}k context" if model.context_length >= 1024 else f"{model.context_length} context"
        )
    if model.prompt_price is not None and model.completion_price is not None:
        free = model.prompt_price == 0 and model.completion_price == 0
        parts.append("free" if free else f"${model.prompt_price:g} / ${model.completion_price:g} per M tokens")
    return ", ".join(parts)

"""Asking a model from the command line: which settings, script and server, and what came of it."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nuke_ai_panel.agent.prompts import Mode
from nuke_ai_panel.agent.session import ChatSession
from nuke_ai_panel.agent.session_events import SessionEvent
from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.screen import Screen, error_as_json, review_as_json
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.errors import ConnectionFailedError, SettingsError, ValidationError
from nuke_ai_panel.hosts.base import Host
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.providers import registry
from nuke_ai_panel.settings import SettingsStore, Value, parse_change

__all__ = ["ask", "host_for", "outcome", "report", "session_for", "settings_for"]


def settings_for(arguments: Namespace) -> SettingsStore:
    """Return the settings with what the arguments say: the server's address, and ``--set``. Raises: ValidationError."""
    if arguments.base_url and not arguments.provider:
        raise ValidationError("--base-url needs --provider: which protocol does the server speak?")
    if arguments.provider and arguments.provider not in registry.PROVIDERS:
        raise ValidationError(f"There is no provider {arguments.provider!r}. Known: {', '.join(registry.PROVIDERS)}.")
    overrides: dict[str, Value] = {}
    try:
        overrides.update(map(parse_change, getattr(arguments, "set", None) or ()))
    except SettingsError as error:
        raise ValidationError(f"--set: {error}") from error
    address = f"servers.{arguments.provider}.base_url"
    if arguments.base_url:
        overrides[address] = arguments.base_url
    settings = SettingsStore(overrides=overrides)
    settings.load()
    locked = [key for key in overrides if key in settings.locked_keys]
    if locked:
        option = "--base-url" if arguments.base_url and locked[0] == address else f"--set {locked[0]}"
        raise ValidationError(f"{option} cannot be used: your studio has set {locked[0]!r}.")
    return settings


def session_for(arguments: Namespace, host: Host) -> ChatSession:
    """Return a conversation with the model that the arguments name; ``records`` in them is a folder to keep what ran in."""
    records = getattr(arguments, "records", "")
    settings = settings_for(arguments)
    session = ChatSession(host, settings, Credentials(), records_folder=Path(records) if records else None)
    session.select_model(*_named(arguments.provider, arguments.model, settings.load().provider))
    return session


def _named(provider: str, model: str, default: str) -> tuple[str, str]:
    """Return provider and model where the model may be written provider/model, as it is everywhere else."""
    prefix, slash, name = model.partition("/")
    if provider or not slash or prefix not in registry.PROVIDERS:
        return provider, model
    if default in registry.PROVIDERS and registry.PROVIDERS[default].has_vendors:
        # There "openai/gpt-5-mini" is the name of a model.
        return provider, model
    return prefix, name


def host_for(script: str | None) -> Host:
    """Return a host with the script in the file `script`, or with a new one. Raises: ValidationError, HostError."""
    if not script:
        return DocumentHost()
    if not Path(script).is_file():
        raise ValidationError(f"There is no script {script!r}.")
    return DocumentHost.open(script)


async def ask(session: ChatSession, screen: Screen, prompt: str, mode: Mode) -> None:
    """Ask, show what comes, and close the connections. Raises: BrokenPipeError when nobody reads the output any more."""

    def show(event: SessionEvent) -> None:
        was_deserted = screen.is_deserted
        screen(event)
        if screen.is_deserted and not was_deserted:
            session.cancel()

    session.subscribe(show)
    try:
        await session.send(prompt, mode=mode)
    except asyncio.CancelledError:
        if screen.is_deserted:
            raise BrokenPipeError from None
        raise
    finally:
        await session.aclose()


def outcome(session: ChatSession, screen: Screen) -> ExitCode:
    """Return how asking ended."""
    if screen.failure is None:
        return ExitCode.OK
    unreachable = isinstance(screen.failure.error, ConnectionFailedError) or not session.model
    return ExitCode.NO_MODEL if unreachable else ExitCode.FAILED


def report(session: ChatSession, screen: Screen) -> dict[str, Any]:
    """Return the answer, its proposals and its error as JSON values."""
    failure = screen.failure
    answer = screen.answer
    return {
        "provider": session.provider,
        "model": answer.model if answer else session.model,
        "text": answer.text if answer else failure.partial_text if failure else "",
        "usage": asdict(answer.usage) if answer else None,
        "proposals": [review_as_json(number, review, screen.rejected.get(number)) for number, review in screen.reviews.items()],
        "error": error_as_json(failure.error) if failure else None,
    }

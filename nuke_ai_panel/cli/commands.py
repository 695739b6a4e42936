"""The commands of ``python -m nuke_ai_panel``, each from its parsed arguments to its exit code.

Everything that talks to a server runs inside one ``asyncio.run`` a command; questions to the person at the terminal and changes
of the script happen outside of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from nuke_ai_panel.agent.session import ChatSession, ModelChoice
from nuke_ai_panel.cli.asking import ask, host_for, outcome, report, session_for, settings_for
from nuke_ai_panel.cli.batch import batch
from nuke_ai_panel.cli.demo_server import MODEL, DemoServer
from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.generating import generate
from nuke_ai_panel.cli.nk_commands import nk
from nuke_ai_panel.cli.pull import pull
from nuke_ai_panel.cli.screen import Screen, error_as_json
from nuke_ai_panel.cli.serve import serve
from nuke_ai_panel.cli.tasks import tasks
from nuke_ai_panel.errors import ConnectionFailedError, NukeAIPanelError, ValidationError
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.nk.catalogue import gizmo_folders, index_folder, use_gizmo_folders, use_index_folder
from nuke_ai_panel.nk.catalogue_gizmos import plugin_path
from nuke_ai_panel.providers import registry
from nuke_ai_panel.providers.diagnosis import STEP_TITLES, Step, diagnose
from nuke_ai_panel.settings import Settings, config_folder

__all__ = [
    "DEMO_PROMPT",
    "DEMO_SCRIPT",
    "batch",
    "chat",
    "demo",
    "demo_server",
    "generate",
    "installation_known",
    "models",
    "nk",
    "open_panel",
    "pull",
    "serve",
    "tasks",
    "test_connection",
]

#: What ``demo`` asks; the demo model knows the word "grade".
DEMO_PROMPT = "Add a grade behind the selected node and lift it a little"

DEMO_SCRIPT = Path(__file__).with_name("demo.nk")

_WITH_QT = "In the folder of the panel, run: python -m pip install -e '.[qt]'."


@contextlib.contextmanager
def installation_known() -> Iterator[None]:
    """Let checks know the gizmos on this machine's plug-in path, and what Nuke itself was indexed to have."""
    before = index_folder(), gizmo_folders()
    use_index_folder(config_folder() / "catalogue")
    # Path.is_dir raises for a folder that may not be looked into, such as another user's home on a farm.
    use_gizmo_folders(folder for folder in plugin_path() if os.path.isdir(folder))
    try:
        yield
    finally:
        use_index_folder(before[0])
        use_gizmo_folders(before[1])


def open_panel(arguments: Namespace) -> int:
    """Open the panel in a window of its own."""
    if arguments.script and not Path(arguments.script).is_file():
        raise ValidationError(f"There is no script {arguments.script!r}.")
    if importlib.util.find_spec("nuke_ai_panel_ui") is None:
        raise ValidationError(f"The front end is not installed. {_WITH_QT}")
    if not _has_qt():
        raise ValidationError(f"The window needs Qt, which is not installed. {_WITH_QT}")
    from nuke_ai_panel_ui import standalone

    return int(standalone.main(arguments.script or ""))


def _has_qt() -> bool:
    return any(importlib.util.find_spec(name) for name in ("PySide6", "PySide2"))


def png_of(svg: bytes) -> bytes:
    """Return an SVG picture as PNG, painted by the Qt of the front end. Raises: ValidationError where that is not there."""
    if importlib.util.find_spec("nuke_ai_panel_ui") is None or not _has_qt():
        raise ValidationError(f"A PNG picture needs Qt, which is not installed. {_WITH_QT} SVG needs nothing.")
    from nuke_ai_panel_ui.graph_picture import svg_to_png

    try:
        return svg_to_png(svg)
    except ValueError as error:
        raise ValidationError(f"A PNG picture cannot be made: {error}. Ask for SVG instead.") from error


def chat(arguments: Namespace) -> int:
    """Ask once and show the answer; nothing is changed."""
    screen = Screen(as_json=arguments.json)
    session = session_for(arguments, host_for(arguments.script))
    asyncio.run(ask(session, screen, arguments.prompt, "ask"))
    code = outcome(session, screen)
    screen.result(report(session, screen))
    return code


def models(arguments: Namespace) -> int:
    """List the models that can be reached."""
    screen = Screen(as_json=arguments.json)
    session = session_for(arguments, DocumentHost())
    choices = asyncio.run(_list_models(session, arguments.provider))
    found = [choice for choice in choices if choice.name]
    for choice in choices:
        if choice.error:
            screen.note(f"{choice.title}: {choice.error}")
    width = max((len(choice.name) for choice in found), default=0)
    for choice in found:
        screen.write(f"{choice.provider:<11} {choice.name:<{width}}  {choice.detail}".rstrip() + "\n")
    screen.result([asdict(choice) for choice in choices])
    return ExitCode.OK if found else ExitCode.NO_MODEL


def test_connection(arguments: Namespace) -> int:
    """Test a server step by step, from its address to the first token."""
    screen = Screen(as_json=arguments.json)
    if arguments.name and arguments.provider not in ("", arguments.name):
        raise ValidationError(f"Which one is to be tested, {arguments.name!r} or {arguments.provider!r}?")
    arguments.provider = arguments.provider or arguments.name
    settings = settings_for(arguments).load()
    name = arguments.name or arguments.provider or settings.provider or next(iter(registry.PROVIDERS))
    if name not in registry.PROVIDERS:
        raise ValidationError(f"There is no provider {name!r}. Known: {', '.join(registry.PROVIDERS)}.")
    screen.note(f"Testing {registry.PROVIDERS[name].title}")
    session = session_for(arguments, DocumentHost())
    steps = asyncio.run(_diagnose(session, settings, screen, name, arguments.model))
    screen.result([asdict(step) for step in steps])
    return ExitCode.FAILED if any(step.state in ("failed", "cancelled") for step in steps) else ExitCode.OK


def demo(arguments: Namespace) -> int:
    """Do one job from prompt to saved script with the demo model."""
    with DemoServer() as server:
        chosen = {
            "provider": "ollama",
            "model": MODEL,
            "base_url": server.url,
            "script": str(DEMO_SCRIPT),
            "yes": True,
            "records": "",
        }
        prompt = arguments.prompt or DEMO_PROMPT
        print(f"Prompt: {prompt}", file=sys.stderr, flush=True)
        return generate(Namespace(**{**vars(arguments), **chosen, "prompt": prompt}))


def demo_server(arguments: Namespace) -> int:
    """Serve the demo model until Ctrl+C."""
    with DemoServer(port=arguments.port) as server:
        print(f"The demo model (no AI) answers as Ollama at {server.url}; Ctrl+C ends it.", file=sys.stderr, flush=True)
        server.join()
    return ExitCode.OK


async def _list_models(session: ChatSession, only: str) -> list[ModelChoice]:
    try:
        return await session.list_models(only)
    finally:
        await session.aclose()


async def _diagnose(session: ChatSession, settings: Settings, screen: Screen, name: str, model: str) -> list[Step]:
    server = await session.server(settings, name)
    ended: list[Step] = []
    async for step in diagnose(name, server, model):
        if step.state in ("waiting", "running"):
            continue
        ended.append(step)
        took = "" if step.milliseconds is None else f"{step.milliseconds:6.0f} ms"
        screen.write(f"{STEP_TITLES[step.name]:<15} {step.state.replace('_', ' '):<12} {took:>9}  {step.text}".rstrip() + "\n")
        if step.next_step and step.state in ("failed", "warning"):
            screen.write(f"{'':<15} {step.next_step}\n")
    return ended


def failed(error: NukeAIPanelError, *, as_json: bool) -> int:
    """Show an error that ended a command and return its exit code."""
    screen = Screen(as_json=as_json)
    screen.note(f"Error: {error}")
    screen.result({"error": error_as_json(error)})
    if isinstance(error, ConnectionFailedError):
        return ExitCode.NO_MODEL
    return ExitCode.USAGE if isinstance(error, ValidationError) else ExitCode.FAILED

"""Who may import whom: the arrows of ARCHITECTURE.md. A module that is not in the table fails until it is given a place."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CORE = ROOT / "nuke_ai_panel"
UI = ROOT / "src" / "ui" / "nuke_ai_panel_ui"

#: A layer and what it may import besides itself. ``hosts.base`` and ``providers.base`` stand for the seam alone.
ARROWS = {
    "errors": set(),
    "messages": {"errors"},
    "validators": {"operations", "messages", "errors"},
    "operations": {"messages"},
    "tokens": {"messages"},
    "settings": {"providers", "messages", "errors"},
    "credentials": {"providers", "messages", "errors"},
    "files": {"aio", "messages", "errors"},
    "aio": {"messages", "errors"},
    "nk": {"messages", "errors"},
    "net": {"aio", "messages", "errors"},
    "providers": {"net", "validators", "operations", "tokens", "messages", "errors"},
    "api": {"providers", "aio", "files", "settings", "credentials", "validators", "operations", "tokens", "messages", "errors"},
    "batch": {"api", "aio", "files", "providers", "operations", "messages", "errors"},
    "serve": {"api", "aio", "providers", "validators", "messages", "errors"},
    "hosts": {"nk", "messages", "errors"},
    "scripting": {"nk", "hosts.base", "messages", "errors"},
    "agent": {"scripting", "providers", "hosts.base", "nk", "settings", "credentials", "tokens", "messages", "errors"},
    "cli": {
        "agent",
        "api",
        "batch",
        "files",
        "serve",
        "providers",
        "scripting",
        "hosts",
        "aio",
        "nk",
        "settings",
        "credentials",
        "messages",
        "errors",
        "nuke_ai_panel",
    },
    "__main__": {"cli"},
    # The public names are loaded when they are first asked for.
    "nuke_ai_panel": {"api", "aio", "batch", "files", "errors"},
}

#: The dry run's child is a program of its own, in a process of its own: there it is the host that carries the script.
PROGRAMS = {"scripting/dry_run_child.py": {"hosts"}}

QT = ("PySide2", "PySide6", "shiboken2", "shiboken6", "PyQt5", "PyQt6", "qtpy", "Qt")
HEAVY = ("aiohttp", "keyring", "markdown_it", "qasync", "asyncio", "ssl", "sqlite3")


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module named in an import statement, wherever it stands, and in ``import_module("…")``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the arrow"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield node.lineno, str(node.args[0].value)


def layer(name: str) -> str:
    """The layer of a dotted name inside the core: ``nuke_ai_panel.hosts.base.Host`` is of ``hosts``."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and ((CORE / parts[1]).is_dir() or (CORE / f"{parts[1]}.py").is_file()) else parts[0]


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


@pytest.mark.parametrize("path", modules(CORE), ids=lambda path: str(path.relative_to(CORE)))
def test_core_module_imports_only_what_its_arrows_allow(path):
    own = path.relative_to(CORE).parts[0].replace(".py", "").replace("__init__", "nuke_ai_panel")
    assert own in ARROWS, f"{own} has no place in the table of arrows"
    more = PROGRAMS.get(path.relative_to(CORE).as_posix(), set())
    for line, name in imports(path):
        if name.split(".")[0] != "nuke_ai_panel":
            continue
        target = layer(name)
        seam = name.startswith(f"nuke_ai_panel.{target}.base")
        allowed = target == own or target in ARROWS[own] | more or (seam and f"{target}.base" in ARROWS[own])
        assert allowed, f"{where(path, line)}: {own} may not import {name}"


@pytest.mark.parametrize("path", modules(CORE), ids=lambda path: str(path.relative_to(CORE)))
def test_core_module_names_no_qt_and_no_front_end(path):
    for line, name in imports(path):
        top = name.split(".")[0]
        assert top not in QT, f"{where(path, line)}: the core has no Qt"
        if top == "nuke_ai_panel_ui":
            assert path == CORE / "cli" / "commands.py", f"{where(path, line)}: only the panel command opens the front end"
        if top in ("nuke", "nukescripts"):
            assert path == CORE / "hosts" / "nuke_host.py", f"{where(path, line)}: only hosts/nuke_host.py imports Nuke"


@pytest.mark.parametrize("path", modules(UI), ids=lambda path: str(path.relative_to(UI)))
def test_front_end_module_names_qt_in_one_place(path):
    for line, name in imports(path):
        top = name.split(".")[0]
        assert top not in QT or path == UI / "qt.py", f"{where(path, line)}: Qt is named in qt.py only"
        if top in ("nuke", "nukescripts"):
            assert path == UI / "nuke_panel.py", f"{where(path, line)}: only nuke_panel.py knows how Nuke docks"


def test_hosts_and_providers_do_not_import_each_other():
    for folder in ("hosts", "providers"):
        for path in modules(CORE / folder):
            siblings = {other.stem for other in modules(CORE / folder)} - {path.stem}
            concrete = {name for name in siblings if name.endswith(("_host", "_provider")) and name != "http_provider"}
            if path.stem == "registry":
                continue
            for line, name in imports(path):
                reached = set(name.split(".")) & concrete
                assert not reached, f"{where(path, line)}: {path.stem} may not know {reached.pop()}"


@pytest.mark.parametrize("path", [ROOT / "init.py", ROOT / "menu.py"], ids=lambda path: path.name)
def test_start_up_file_imports_nothing_of_ours_when_it_is_read(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for name in names:
            assert not name.startswith("nuke_ai_panel"), f"{where(path, node.lineno)}: {name} is imported at start-up"


_BLOCKED = """
import importlib, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is blocked")
        return None

sys.meta_path.insert(0, Blocked())
for name in {names!r}:
    importlib.import_module(name)
loaded = [name for name in {watched!r} if name in sys.modules]
if loaded:
    sys.exit("imported: " + ", ".join(loaded))
"""


def in_a_fresh_interpreter(names: list[str], *, blocked: tuple[str, ...], watched: tuple[str, ...] = ()) -> None:
    code = _BLOCKED.format(names=names, blocked=set(blocked), watched=watched)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_every_core_module_can_be_imported_without_qt_and_without_nuke():
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in modules(CORE)]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    in_a_fresh_interpreter(names, blocked=(*QT, "nuke", "nukescripts", "qasync", "nuke_ai_panel_ui"))


def test_the_lightest_modules_import_nothing_heavy():
    light = ["nuke_ai_panel", "nuke_ai_panel.errors", "nuke_ai_panel.messages", "nuke_ai_panel.cli.main"]
    in_a_fresh_interpreter(light, blocked=(), watched=HEAVY)


def test_a_session_can_be_imported_without_the_http_library_and_the_keyring():
    in_a_fresh_interpreter(["nuke_ai_panel.agent.session"], blocked=(), watched=("aiohttp", "keyring", "markdown_it"))

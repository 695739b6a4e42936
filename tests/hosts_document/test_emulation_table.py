"""docs/emulation.md against the emulated module: what the page says is what the module does."""

from __future__ import annotations

import importlib.util
import types
from pathlib import Path
from typing import Any

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.api import api


@pytest.fixture
def nuke() -> Any:
    return nk.emulate(nk.new_script())


@pytest.fixture
def table(root: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("emulation_table", root / "tools" / "emulation_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(page: str) -> dict[str, str]:
    """The state of each function by its name."""
    cells = [line.split("|") for line in page.splitlines() if line.startswith("| `nuke.")]
    return {cell[1].strip().strip("`").partition(".")[2]: cell[2].strip() for cell in cells}


def test_page_is_what_the_module_does(nuke, table, root):
    written = (root / "docs" / "emulation.md").read_text(encoding="utf-8")
    assert written == table.page(nuke), "run: python tools/emulation_table.py"


def test_every_function_of_the_api_has_a_row(nuke, table):
    states = rows(table.page(nuke))
    assert set(states) >= api().functions
    assert set(states.values()) == {"yes", "partly", "no"}


def test_what_is_not_simulated_says_so_by_name(nuke, table):
    absent = [name for name, state in rows(table.page(nuke)).items() if state == "no"]
    assert len(absent) > 100
    for name in absent:
        with pytest.raises(NotSimulatedError, match=rf"^nuke\.{name} is not simulated\.$"):
            getattr(nuke, name)()


def test_notes_are_on_what_is_simulated(nuke, table):
    assert [name for name in table.PARTLY if name not in vars(nuke)] == []


def test_classes_of_the_api_can_be_asked_for_but_not_made(nuke):
    assert not isinstance(nuke.root(), nuke.ViewerWindow)
    with pytest.raises(NotSimulatedError, match=r"nuke\.ProgressTask is not simulated"):
        nuke.ProgressTask("x")


def test_names_that_nuke_does_not_have_raise_as_there(nuke):
    with pytest.raises(AttributeError, match=r"^module 'nuke' has no attribute 'dependants'$"):
        nuke.dependants()
    with pytest.raises(AttributeError, match=r"^'Node' object has no attribute 'dependentNodes'$"):
        nuke.nodes.Blur().dependentNodes()
    with pytest.raises(AttributeError, match=r"^'WH_Knob' object has no attribute 'set'$"):
        nuke.nodes.Blur()["size"].set(3)
    assert hasattr(nuke, "render")
    assert not hasattr(nuke, "UndoGroup")

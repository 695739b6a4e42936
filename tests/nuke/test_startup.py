"""init.py and menu.py as Nuke runs them: executed in ``__main__`` of a fresh process that stands in another folder."""

from __future__ import annotations

import os

import pytest

OURS_AND_HEAVY = (
    "nuke_ai_panel",
    "nuke_ai_panel_ui",
    "PySide6",
    "PySide2",
    "shiboken6",
    "shiboken2",
    "aiohttp",
    "qasync",
    "keyring",
    "markdown_it",
    "asyncio",
    "ssl",
    "sqlite3",
)


def heavy(report):
    return [name for name in report["loaded"] if name.split(".")[0] in OURS_AND_HEAVY]


def test_start_up_adds_the_folder_of_the_panel_and_imports_nothing(start_nuke, root):
    report = start_nuke()
    assert report["added"] == [os.path.join(str(root), "src", "ui")]
    assert heavy(report) == []
    assert report["stderr"] == ""


def test_start_up_adds_the_menu_and_the_pane(start_nuke):
    report = start_nuke()
    assert [name for name in report["menu"] if name] == [
        "Show panel",
        "Generate script\u2026",
        "Generate expression\u2026",
        "Generate BlinkScript\u2026",
        "Make gizmo from selection\u2026",
        "Explain selected nodes",
        "Explain this error\u2026",
        "Fix last error",
        "Document this script",
        "Prompt library",
        "My tools",
        "Index this Nuke\u2026",
        "Settings\u2026",
    ]
    assert report["menu"].count("") == 3
    assert report["pane"] == ["AI Panel"]
    # Workspaces and scripts hold this id; whoever changes it loses the panel of every artist.
    assert report["panels"] == ["uk.nukeaipanel.panel"]


def test_start_up_leaves_no_names_in_main(start_nuke):
    assert set(start_nuke()["names"]) <= {"annotations", "json", "nuke", "os", "sys"}


def test_init_works_without_a_window(start_nuke):
    """As with ``nuke -t`` and on render nodes, where menu.py is not run."""
    report = start_nuke("init.py")
    assert heavy(report) == []
    assert "nukescripts" not in report["loaded"]
    assert report["menu"] == []


@pytest.mark.parametrize(
    "broken",
    [
        "raise RuntimeError('licence')\n",
        "",
        "def pluginAddPath(path):\n    raise OSError('no such disk')\n",
        "def pluginAddPath():\n    pass\n",
    ],
    ids=["import fails", "no such function", "function raises", "other signature"],
)
def test_init_never_raises_with_a_broken_nuke(start_nuke, tmp_path, root, broken):
    modules = tmp_path / "broken"
    modules.mkdir()
    (modules / "nuke.py").write_text(broken, encoding="utf-8")
    report = start_nuke("init.py", stand_in=str(modules))
    assert "Nuke AI Panel is not available in this session" in report["stdout"]
    assert "Traceback" in report["stderr"]


def test_init_never_raises_without_a_nuke(start_nuke):
    report = start_nuke("init.py", stand_in="")
    assert "ModuleNotFoundError" in report["stderr"]
    assert heavy(report) == []


def test_menu_never_raises_with_a_broken_nukescripts(start_nuke, tmp_path):
    modules = tmp_path / "broken"
    modules.mkdir()
    (modules / "nuke.py").write_text("def pluginAddPath(path):\n    pass\n", encoding="utf-8")
    (modules / "nukescripts.py").write_text("", encoding="utf-8")
    report = start_nuke(stand_in=str(modules))
    assert "Nuke AI Panel could not add its menu" in report["stdout"]
    assert "AttributeError" in report["stderr"]


def test_menu_commands_survive_what_other_plug_ins_do_to_main(start_nuke, tmp_path, root):
    """All start-up files share one namespace; a later one may use any name for something else."""
    other = tmp_path / "other"
    other.mkdir()
    names = ("nuke", "nukescripts", "importlib", "traceback", "command", "function", "run", "menu")
    lines = "".join(f"{name} = None\n" for name in names)
    (other / "menu.py").write_text(lines, encoding="utf-8")
    report = start_nuke("menu.py", folders=(_copy_of_menu(tmp_path, root), other), choose="Show panel")
    assert report["messages"]
    assert "Nuke AI Panel could not do this" in report["messages"][0]


def _copy_of_menu(tmp_path, root):
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "menu.py").write_bytes((root / "menu.py").read_bytes())
    # In an environment that has the package installed, the copy must not find it.
    (folder / "nuke_ai_panel_ui").mkdir()
    (folder / "nuke_ai_panel_ui" / "__init__.py").write_text("", encoding="utf-8")
    return folder


def test_menu_command_that_fails_tells_the_artist_and_does_not_raise(start_nuke, tmp_path, root):
    report = start_nuke("menu.py", folders=(_copy_of_menu(tmp_path, root),), choose="Settings\u2026")
    assert report["messages"] == [
        "Nuke AI Panel could not do this: No module named 'nuke_ai_panel_ui.nuke_commands'\n\n"
        "The Script Editor shows the details."
    ]
    assert "Traceback" in report["stderr"]


def test_two_installs_of_the_panel_do_not_break_the_start(start_nuke, root):
    report = start_nuke(folders=(root, root))
    assert report["stderr"] == ""


def test_the_ui_is_found_after_start_up(start_nuke, root):
    report = start_nuke("init.py")
    assert os.path.isfile(os.path.join(report["added"][0], "nuke_ai_panel_ui", "nuke_panel.py"))
    assert str(root) in report["path"]


def test_a_tool_saved_for_every_start_is_set_up_and_one_that_fails_stops_nothing(start_nuke, tmp_path, monkeypatch):
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG_DIR", str(tmp_path))
    (tmp_path / "tools").mkdir()
    head = "# Nuke AI Panel tool\n# Title: {}\n# Kind: tool\n"
    (tmp_path / "tools" / "a.py").write_text(head.format("Broken") + "raise RuntimeError('no')\n")
    (tmp_path / "tools" / "b.py").write_text(head.format("Mine") + "nuke.menu('Pane').addCommand('From my tool', print)\n")
    report = start_nuke()
    assert report["pane"] == ["AI Panel", "From my tool"]
    assert "RuntimeError: no" in report["stderr"]
    assert "Settings\u2026" in report["menu"]

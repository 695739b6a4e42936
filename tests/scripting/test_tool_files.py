"""Saving proposals as files, and the tools among them."""

from __future__ import annotations

import os
from datetime import date

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import ProposalError
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.tool_files import file_name, file_text, list_tools, load_tool, save_proposal, save_tool

DAY = date(2026, 3, 1)
CODE = "import nuke\nnuke.createNode('Blur')\n"
GROUP = (
    "set cut_paste_input [stack 0]\npush $cut_paste_input\nGroup {\n name Soft\n}\n Output {\n  name Output1\n }\nend_group\n"
)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Despill, v2!", "despill_v2.py"),
        ("../../etc/passwd", "etc_passwd.py"),
        ("C:\\menu.py", "c_menu_py.py"),
        ("", "tool.py"),
        ("con", "tool_con.py"),
        ("3D setup", "tool_3d_setup.py"),
        ("\u00dcberblendung", "uberblendung.py"),
        ("\u6771\u4eac", "tool.py"),
        ("a" * 300, "a" * 60 + ".py"),
        ("line\nbreak\0", "line_break.py"),
    ],
)
def test_file_names_are_taken_by_every_file_system(title, name):
    assert file_name(title, ".py") == name


def test_a_file_has_a_header_of_comments():
    text = file_text(ScriptProposal("python", CODE, "AI: blur\nimport os"), day=DAY)
    assert text.splitlines()[:4] == [
        "# Nuke AI Panel tool",
        "# Title: AI: blur import os",
        "# Saved: 2026-03-01",
        "# Kind: python",
    ]
    assert text.endswith(CODE)
    compile(text, "tool", "exec")
    assert file_text(ScriptProposal("blink", "kernel A"), day=DAY).startswith("// Nuke AI Panel tool\n")


def test_a_group_is_saved_as_a_gizmo_and_as_nodes():
    gizmo = file_text(ScriptProposal("gizmo", GROUP), day=DAY)
    assert "\nGizmo {\n name Soft\n}\n" in gizmo
    assert "cut_paste_input" not in gizmo
    assert [node.class_name for node in nk.loads(gizmo.encode()).nodes()] == ["Gizmo"]
    nodes = file_text(ScriptProposal("gizmo", gizmo), ".nk", day=DAY)
    assert [node.class_name for node in nk.loads(nodes.encode()).nodes()] == ["Group"]


def test_the_first_line_of_a_script_stays_the_first():
    text = file_text(ScriptProposal("nk", "#! /usr/local/Nuke15.1/nuke -nx\nversion 15.1 v3\nBlur {\n}\n"), day=DAY)
    assert text.startswith("#! /usr/local/Nuke15.1/nuke -nx\n# Nuke AI Panel tool\n")
    assert [node.class_name for node in nk.loads(text.encode()).nodes()] == ["Blur"]


def test_a_proposal_is_saved_and_never_written_over_unasked(tmp_path):
    proposal = ScriptProposal("python", CODE, "AI: blur")
    path = save_proposal(proposal, tmp_path / "blur.py", day=DAY)
    assert path.read_text(encoding="utf-8").endswith(CODE)
    with pytest.raises(ProposalError, match="already"):
        save_proposal(ScriptProposal("python", "other = 1\n"), path)
    assert path.read_text(encoding="utf-8").endswith(CODE)
    save_proposal(ScriptProposal("python", "other = 1\n"), path, overwrite=True)
    assert path.read_text(encoding="utf-8").endswith("other = 1\n")
    assert os.listdir(tmp_path) == ["blur.py"]


def test_a_path_without_an_ending_gets_that_of_the_kind(tmp_path):
    assert save_proposal(ScriptProposal("tcl", "puts a\n"), tmp_path / "say").name == "say.tcl"
    with pytest.raises(ProposalError, match=r"\.blink"):
        save_proposal(ScriptProposal("blink", "kernel A"), tmp_path / "a.py")


def test_a_tool_is_saved_and_listed_by_its_header(tmp_path):
    folder = tmp_path / "tools"
    saved = save_tool(ScriptProposal("python", CODE, "AI: blur"), folder, title="Soft blur", shortcut="ctrl+alt+b", day=DAY)
    menu = save_tool(ScriptProposal("tool", "import nuke\nnuke.menu('Nuke')\n"), folder, title="A menu", day=DAY)
    assert (saved.name, saved.title, saved.shortcut, saved.kind, saved.saved) == (
        "soft_blur",
        "Soft blur",
        "ctrl+alt+b",
        "python",
        "2026-03-01",
    )
    assert list_tools(folder) == [menu, saved]
    assert load_tool(saved).code.endswith(CODE)
    assert load_tool(menu).kind == "tool"


def test_a_tool_is_not_written_over_unasked(tmp_path):
    save_tool(ScriptProposal("python", CODE), tmp_path, title="Blur", day=DAY)
    with pytest.raises(ProposalError, match=r"blur\.py"):
        save_tool(ScriptProposal("python", "x = 1\n"), tmp_path, title="blur!", day=DAY)
    save_tool(ScriptProposal("python", "x = 1\n"), tmp_path, title="blur!", overwrite=True, day=DAY)
    (tool,) = list_tools(tmp_path)
    assert tool.title == "blur!"


@pytest.mark.parametrize(
    ("proposal", "shortcut"),
    [
        (ScriptProposal("python", CODE), "control+d"),
        (ScriptProposal("expression", "frame", target="Blur1.size"), ""),
        (ScriptProposal("python", CODE, doubt="It is cut off."), ""),
    ],
)
def test_what_is_no_tool_is_not_saved(proposal, shortcut, tmp_path):
    with pytest.raises(ProposalError):
        save_tool(proposal, tmp_path, title="x", shortcut=shortcut)
    assert list_tools(tmp_path) == []


def test_files_of_others_are_listed_by_their_names_and_code_is_not_read(tmp_path):
    (tmp_path / "my_tool.py").write_text("print('# Title: no')\n# Nuke AI Panel tool\n# Title: Wrong\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    (tmp_path / "_private.py").write_text("x", encoding="utf-8")
    (tmp_path / ".hidden.py").write_text("x", encoding="utf-8")
    (tmp_path / "sub.py").mkdir()
    (tool,) = list_tools(tmp_path)
    assert (tool.name, tool.title, tool.shortcut, tool.kind) == ("my_tool", "my tool", "", "python")
    assert list_tools(tmp_path / "nowhere") == []


def test_a_shortcut_that_is_none_is_left_out_of_the_menu(tmp_path):
    (tmp_path / "a.py").write_text("# Nuke AI Panel tool\n# Title: A\n# Shortcut: ctrl+foo\n", encoding="utf-8")
    assert list_tools(tmp_path)[0].shortcut == ""


@pytest.mark.skipif(os.name == "nt", reason="folders without the right to write are of POSIX")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_cannot_be_written_loses_nothing(tmp_path):
    path = save_proposal(ScriptProposal("python", CODE), tmp_path / "a.py", day=DAY)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            save_proposal(ScriptProposal("python", "x = 1\n"), path, overwrite=True)
        assert path.read_text(encoding="utf-8").endswith(CODE)
    finally:
        tmp_path.chmod(0o700)

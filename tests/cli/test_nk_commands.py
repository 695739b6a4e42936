"""``nk``: what it prints, writes and returns for script files, folders, patterns and standard input."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.cli.demo_server import DemoServer
from nuke_ai_panel.cli.main import main

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = b"""version 15.1 v3
Root {
 inputs 0
 fps 24
}
Read {
 inputs 0
 file "/shots/plate v01.exr"
 name Read1
 xpos 0
 ypos 0
}
Grade {
 white {1 2 3 1}
 name Grade1
 selected true
 xpos 0
 ypos 100
}
Group {
 name Group1
 xpos 0
 ypos 150
}
 Input {
  inputs 0
  name Input1
 }
 Blur {
  size {{parent.Nowhere.size}}
  name Blur1
 }
 Output {
  name Output1
 }
end_group
"""


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "comp.nk"
    path.write_bytes(SCRIPT)
    return path


@pytest.fixture
def damaged(tmp_path) -> Path:
    path = tmp_path / "damaged.nk"
    path.write_bytes(b'Blur {\n size 3\n name Blur1\n}\nGrade {\n label "open\n name Grade1\n')
    return path


class Input(io.StringIO):
    """Standard input with bytes in it."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.buffer = io.BytesIO(data)


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main(["nk", *(str(each) for each in arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def told(capsys, *arguments: object) -> tuple[int, object]:
    code, out, _ = run(capsys, *arguments, "--json")
    return code, json.loads(out)


# check


def test_check_says_where_a_file_is_damaged(capsys, file, damaged):
    code, out, _ = run(capsys, "check", "--no-hints", damaged, file)
    assert code == 1
    first = out.splitlines()[0]
    assert first.startswith(f"{damaged}:")
    line, column = first[len(str(damaged)) + 1 :].split(":")[:2]
    assert int(line) >= 5
    assert int(column) >= 1
    assert out.splitlines()[-1].startswith("2 checked: 1 sound, 1 damaged")


def test_check_hints_at_missing_references_and_unknown_names(capsys, tmp_path):
    path = tmp_path / "hints.nk"
    path.write_bytes(SCRIPT + b"Grdae {\n name Typo1\n}\nGrade {\n wihte 3\n name Grade7\n}\n")
    code, found = told(capsys, "check", path)
    assert code == 0
    hints = {hint["node"]: hint for hint in found[0]["hints"]}
    assert hints["Group1.Blur1.size"]["kind"] == "missing_reference"
    assert "Nowhere" in hints["Group1.Blur1.size"]["message"]
    assert hints["Typo1"]["kind"] == "unknown_class"
    assert "white" in hints["Grade7"]["message"]
    assert main(["nk", "check", "--strict", str(path)]) == 1


def test_check_finds_the_files_of_folders_and_patterns_once(capsys, file, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "tool.gizmo").write_bytes(b"Gizmo {\n}\nend_group\n")
    (tmp_path / "notes.txt").write_text("none")
    code, found = told(capsys, "check", tmp_path, file, str(tmp_path / "*.nk"))
    assert code == 0
    assert [Path(each["file"]).name for each in found] == ["comp.nk", "tool.gizmo"]


def test_check_reads_standard_input(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Input(b"Blur {\n name Blur1\n"))
    code, found = told(capsys, "check", "-")
    assert code == 1
    assert found[0]["damage"][0]["line"] >= 1


def test_check_goes_on_after_an_encrypted_file(capsys, file, tmp_path):
    encrypted = tmp_path / "paid.nknc"
    encrypted.write_bytes(b"\x00\x01\xfe" * 100)
    code, out, err = run(capsys, "check", encrypted, file)
    assert code == 2
    assert "encrypted" in err
    assert out.splitlines()[-1] == "2 checked: 1 sound, 0 damaged, 1 with hints, 1 unread"


def test_check_finds_real_scripts_sound(capsys, corpus):
    code, out, _ = run(capsys, "check", "--no-hints", corpus)
    assert code == 0
    assert ", 0 damaged" in out


@pytest.mark.parametrize("command", [["check"], ["ls"], ["show", "Grade1"], ["get", "Grade1.white"]])
def test_a_file_that_is_not_there_is_trouble(capsys, command):
    code, out, err = run(capsys, command[0], "/nowhere/none.nk", *command[1:])
    assert code == 2
    assert out == ""
    assert "/nowhere/none.nk" in err
    assert "Errno" not in err


# ls, show, get


def test_ls_lists_nodes_with_classes_and_inputs(capsys, file):
    code, out, _ = run(capsys, "ls", file)
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["Read1", "Read"],
        ["Grade1", "Grade", "<-", "Read1"],
        ["Group1", "Group", "<-", "Grade1"],
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--class", "G*"], ["Grade1", "Group1"]),
        (["--selected"], ["Grade1"]),
        (["-r", "--name", "Group1.*"], ["Group1.Input1", "Group1.Blur1", "Group1.Output1"]),
        (["--class", "Nothing"], []),
    ],
)
def test_ls_lists_what_is_asked_for(capsys, file, options, expected):
    code, found = told(capsys, "ls", file, *options)
    assert code == 0
    assert [node["node"] for node in found[0]["nodes"]] == expected


def test_ls_goes_on_after_a_damaged_file(capsys, file, damaged):
    code, out, err = run(capsys, "ls", damaged, file)
    assert code == 2
    assert "Grade1" in out
    assert str(damaged) in err


def test_show_prints_knobs_in_80_columns(capsys, file):
    document = nk.load(file)
    document.set_knob(document.node("Grade1"), "label", "word " * 100)
    document.save()
    code, out, _ = run(capsys, "show", file, "Grade1")
    assert code == 0
    assert out.startswith("Grade1 (Grade)\n  input 0: Read1\n  read by: Group1\n")
    assert "  white: {1 2 3 1}\n" in out
    assert max(len(line) for line in out.splitlines()) <= 80
    _, found = told(capsys, "show", file, "Grade1")
    assert found[0]["knobs"]["label"] == "word " * 100


def test_get_prints_values_and_defaults(capsys, file):
    assert run(capsys, "get", file, "Grade1.white", "Read1.file", "root.fps", "Grade1.gamma")[:2] == (
        0,
        "{1 2 3 1}\n/shots/plate v01.exr\n24\n1\n",
    )
    _, found = told(capsys, "get", file, "Grade1.gamma")
    assert found == [{"node": "Grade1", "knob": "gamma", "value": "1", "written": False}]


def test_get_says_what_was_probably_meant(capsys, file):
    code, _, err = run(capsys, "get", file, "Grade1.wite")
    assert code == 1
    assert "did you mean white" in err


@pytest.mark.parametrize("asked", ["Nobody.size", "Grade1.nothing_like_it"])
def test_get_of_what_is_not_there_is_told_by_the_exit_code(capsys, file, asked):
    code, out, err = run(capsys, "get", file, asked)
    assert (code, out) == (1, "")
    assert asked.split(".")[0] in err


def test_get_of_a_node_asks_for_one_of_its_knobs(capsys, tmp_path):
    path = tmp_path / "dotted.nk"
    path.write_bytes(b"Grade {\n white 2\n name Grade.v1\n}\n")
    assert run(capsys, "get", path, "Grade.v1.white", r"Grade\.v1.white")[:2] == (0, "2\n2\n")
    code, _, err = run(capsys, "get", path, "Grade.v1")
    assert code == 1
    assert "Grade.v1.label" in err
    code, _, err = run(capsys, "get", path, "root.fps")
    assert code == 1
    assert "no Root" in err


@pytest.mark.parametrize(
    ("command", "expected"),
    [(["ls"], "Grade1  Grade  <- Read1"), (["show", "Read1"], "/shots/plate v01.exr"), (["get", "root.fps"], "24")],
)
def test_of_a_damaged_file_the_readable_part_is_taken_on_request(capsys, tmp_path, command, expected):
    path = tmp_path / "damaged.nk"
    path.write_bytes(SCRIPT.replace(b" size {{parent", b" size {{{parent"))
    code, out, err = run(capsys, command[0], path, *command[1:])
    assert (code, out) == (2, "")
    assert "--recover" in err
    code, out, err = run(capsys, command[0], "--recover", path, *command[1:])
    assert code == 0
    assert expected in out
    assert "damaged.nk" in err


def test_what_changes_a_file_takes_no_part_of_it(capsys, tmp_path):
    path = tmp_path / "damaged.nk"
    path.write_bytes(SCRIPT[:-12])
    before = path.read_bytes()
    code, _, err = run(capsys, "set", path, "Grade1.white=2", "--in-place")
    assert code == 2
    assert "--recover" not in err
    assert path.read_bytes() == before


def test_bytes_that_are_no_utf8_are_shown_as_bytes(capsys, tmp_path):
    path = tmp_path / "latin.nk"
    path.write_bytes(b'Grade {\n label "caf\xe9"\n name G\n}\n')
    assert run(capsys, "get", path, "G.label")[:2] == (0, "caf\\xe9\n")


def test_text_that_would_steer_a_terminal_is_spelled_out(capsys, file):
    document = nk.load(file)
    document.set_knob(document.node("Grade1"), "label", "\x1b]0;owned\x07")
    document.save()
    for command in (["get", file, "Grade1.label"], ["show", file, "Grade1"]):
        _, out, _ = run(capsys, *command)
        assert "\x1b" not in out
        assert "\\x1b]0;owned" in out


# set


def test_set_changes_one_line_and_saves_in_place(capsys, file):
    os.chmod(file, 0o640)
    code, out, err = run(capsys, "set", file, "Grade1.white=2", "--in-place")
    assert (code, out, err) == (0, "", "")
    assert file.read_bytes() == SCRIPT.replace(b" white {1 2 3 1}\n", b" white 2\n")
    assert file.stat().st_mode & 0o777 == 0o640


def test_set_leaves_the_file_alone_and_writes_another(capsys, file, tmp_path):
    out = tmp_path / "out.nk"
    code, found = told(capsys, "set", file, "Group1.Blur1.size={{a=b}}", "root.fps=25", "--out", out)
    assert code == 0
    assert file.read_bytes() == SCRIPT
    assert out.read_bytes() == SCRIPT.replace(b"{{parent.Nowhere.size}}", b"{{a=b}}").replace(b" fps 24", b" fps 25")
    assert found[1] == {"node": "Root", "knob": "fps", "before": "24", "after": "25"}


def test_set_works_in_a_pipe():
    done = subprocess.run(
        [sys.executable, "-m", "nuke_ai_panel", "nk", "set", "-", "Grade1.white=2", "--out", "-"],
        input=SCRIPT.replace(b"\n", b"\r\n"),
        capture_output=True,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    assert done.stdout == SCRIPT.replace(b" white {1 2 3 1}\n", b" white 2\n").replace(b"\n", b"\r\n")


def test_set_hints_at_a_knob_that_the_class_does_not_have(capsys, file, tmp_path):
    code, _, err = run(capsys, "set", file, "Grade1.wihte=2", "--out", tmp_path / "o.nk")
    assert code == 0
    assert "white" in err


def test_set_tells_of_a_list_that_is_none(capsys, file, tmp_path):
    code, _, err = run(capsys, "set", file, "Grade1.white={1 2", "--out", tmp_path / "o.nk")
    assert code == 0
    assert "braces do not match" in err
    assert b' white "\\{1 2"\n' in (tmp_path / "o.nk").read_bytes()


@pytest.mark.parametrize(
    ("change", "code"),
    [("Grade1.white", 2), ("white=2", 2), ("Nobody.white=2", 1), ("Grade1.inputs=3", 2), ("Grade1.name=1 2", 2)],
)
def test_set_writes_nothing_when_a_change_cannot_be_made(capsys, file, change, code):
    assert run(capsys, "set", file, "Grade1.mix=0.5", change, "--in-place")[0] == code
    assert file.read_bytes() == SCRIPT


def test_set_needs_to_be_told_where_to_save(capsys, file):
    with pytest.raises(SystemExit) as ended:
        main(["nk", "set", str(file), "Grade1.white=2"])
    assert ended.value.code == 2


# diff


def test_diff_tells_by_its_exit_code(capsys, file, tmp_path, damaged):
    other = tmp_path / "other.nk"
    main(["nk", "set", str(file), "Grade1.white=2", "--out", str(other)])
    assert run(capsys, "diff", file, file) == (0, "", "")
    code, out, _ = run(capsys, "diff", file, other)
    assert code == 1
    assert out == "Changes 1 knob\n~ Grade1\n    white: {1 2 3 1} -> 2\n"
    assert run(capsys, "diff", file, damaged)[0] == 2


def test_diff_gives_a_program_every_kind_of_change(capsys, file, tmp_path):
    document = nk.load(file)
    document.rename(document.node("Grade1"), "Key")
    other = document.save(tmp_path / "other.nk")
    code, found = told(capsys, "diff", file, other)
    assert code == 1
    assert found["renamed"] == [{"before": "Grade1", "path": "Key", "class_name": "Grade"}]
    assert found["added"] == []
    assert found["summary"] == "Renames 1 node"


# draw


def test_draw_writes_a_picture(capsys, file, tmp_path):
    out = tmp_path / "graph.svg"
    assert run(capsys, "draw", file, "--out", out, "--width", 420)[0] == 0
    root = ElementTree.parse(out).getroot()
    assert root.get("width") == "420"
    assert "Grade1" in out.read_text("utf-8")


def test_draw_shows_what_differs(capsys, file, tmp_path):
    other, out = tmp_path / "other.nk", tmp_path / "graph.svg"
    main(["nk", "set", str(file), "Grade1.white=2", "--out", str(other)])
    assert run(capsys, "draw", other, "--diff", file, "--out", out)[0] == 0
    assert ">changed<" in out.read_text("utf-8")


def test_draw_prints_a_picture_of_the_inside_of_a_group(file):
    done = subprocess.run(
        [sys.executable, "-m", "nuke_ai_panel", "nk", "draw", str(file), "--group", "Group1"],
        capture_output=True,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    assert b"Group1.Blur1 (Blur)" in done.stdout
    ElementTree.fromstring(done.stdout)


@pytest.mark.parametrize("options", [["--out", "x.jpg"], ["--width", "0"], ["--group", "Grade1"]])
def test_draw_refuses_what_it_cannot_do(capsys, file, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "draw", file, *options)
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert os.listdir(tmp_path) == [file.name]


def test_draw_writes_png_with_qt_and_says_what_is_missing_without(file, tmp_path):
    out = tmp_path / "graph.png"
    done = subprocess.run(
        [sys.executable, "-m", "nuke_ai_panel", "nk", "draw", str(file), "--out", str(out), "--width", "420"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src" / "ui")},
        check=False,
        timeout=60,
    )
    if any(importlib.util.find_spec(name) for name in ("PySide6", "PySide2")):
        assert done.returncode == 0, done.stderr
        data = out.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert int.from_bytes(data[16:20], "big") == 420
    else:
        assert done.returncode == 2
        assert "needs Qt" in done.stderr
        assert not out.exists()


# fmt


def test_fmt_says_which_files_would_change_and_changes_them(capsys, tmp_path):
    tidy, loose = tmp_path / "a.nk", tmp_path / "b.nk"
    tidy.write_bytes(b"Read {\n inputs 0\n name Read1\n}\nBlur {\n name Blur1\n}\n")
    loose.write_bytes(tidy.read_bytes() + b"BackdropNode {\n inputs 0\n name BackdropNode1\n}\n")
    code, out, _ = run(capsys, "fmt", "--check", tmp_path)
    assert code == 1
    assert out == f"would change: {loose}\n"
    before = loose.read_bytes()
    assert run(capsys, "fmt", "--in-place", tmp_path)[:2] == (0, f"changed: {loose}\n")
    assert loose.read_bytes() != before
    assert not nk.diff(nk.loads(before), nk.load(loose))
    assert run(capsys, "fmt", "--check", tmp_path)[:2] == (0, "")


def test_fmt_of_real_scripts_keeps_every_knob_and_connection(capsys, corpus, tmp_path):
    for number, path in enumerate(sorted(corpus.rglob("*.nk"))[:25]):
        out = tmp_path / f"{number}.nk"
        assert run(capsys, "fmt", path, "--out", out)[0] == 0
        assert not nk.diff(nk.load(path), nk.load(out)), path


# pipes


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    path = tmp_path / "many.nk"
    path.write_bytes(b"".join(b"NoOp {\n inputs 0\n name NoOp%d\n}\n" % number for number in range(20_000)))
    listing = subprocess.Popen(
        [sys.executable, "-m", "nuke_ai_panel", "nk", "ls", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert listing.stdout is not None
    assert listing.stderr is not None
    assert listing.stdout.readline().split() == [b"NoOp0", b"NoOp"]
    listing.stdout.close()
    with listing.stderr:
        assert listing.stderr.read() == b""
    listing.wait(60)


GIZMO = "Gizmo {\n addUserKnob {20 User}\n addUserKnob {7 amount}\n}\n Input {\n  inputs 0\n  name Input1\n }\n"
GIZMO += " Output {\n  name Output1\n }\nend_group\n"


def test_gizmos_of_this_machine_are_known(capsys, tmp_path, monkeypatch):
    script = tmp_path / "glint.nk"
    script.write_text("Shimmer {\n inputs 0\n amount 2\n name Shimmer1\n}\n")
    assert "Shimmer" in run(capsys, "check", script)[1]
    folder = tmp_path / "studio" / "gizmos"
    folder.mkdir(parents=True)
    (folder / "Shimmer.gizmo").write_text(GIZMO)
    monkeypatch.setenv("NUKE_PATH", str(tmp_path / "studio"))
    code, out, _ = run(capsys, "check", script)
    assert (code, out) == (0, "1 checked: 1 sound, 0 damaged, 0 with hints\n")
    assert run(capsys, "get", script, "Shimmer1.amount")[:2] == (0, "2\n")


def test_a_proposal_may_use_the_gizmos_of_this_machine(capsys, tmp_path, monkeypatch):
    (tmp_path / "gizmos").mkdir()
    (tmp_path / "gizmos" / "Shimmer.gizmo").write_text(GIZMO)
    monkeypatch.setenv("NUKE_PATH", str(tmp_path / "gizmos"))
    script, out = tmp_path / "in.nk", tmp_path / "out.nk"
    script.write_text("version 15.1 v3\nRoot {\n inputs 0\n}\n")
    answer = '```python\nimport nuke\nn = nuke.nodes.Shimmer()\nn["amount"].setValue(3)\n```\n'
    with DemoServer(pause=0.0, answer=lambda prompt: answer) as server:
        options = ["--provider", "ollama", "--model", "demo", "--base-url", server.url, "--json", "--yes"]
        code = main(["generate", "glint", "--script", str(script), "--out", str(out), *options])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    (proposal,) = json.loads(printed.out)["proposals"]
    assert proposal["findings"] == []
    assert nk.load(out).node("Shimmer1").knobs["amount"] == "3"

"""``tasks``: from files of tasks and answers to a report and an exit code."""

from __future__ import annotations

import json

import pytest

from nuke_ai_panel.cli.main import main

SCRIPT = """version 15.1 v3
Root {
 inputs 0
 name /shots/a.nk
}
Blur {
 inputs 0
 size 12
 label /shots
 name Blur1
 selected true
 xpos 0
 ypos 0
}
"""
TASK = {
    "id": "A1",
    "request": "Halve the blur.",
    "fixture": "scripts/a.nk",
    "selection": ["Blur1"],
    "checks": [{"t": "knob", "node": "Blur1", "knob": "size", "eq": "6"}, {"t": "asks"}, {"t": "undo", "steps": 1}],
}
GOOD = "Done.\n\n```python\nimport nuke\nnuke.selectedNode()['size'].setValue(6)\n```\n"
OFF = "Done.\n\n```python\nimport nuke\nnuke.toNode('Blur1')['size'].setValue(7)\n```\n"
CRASH = "```python\nimport nuke\nnuke.toNode('Blur1')['size'].setValue(1 / 0)\n```\n"
DELETES = "```python\nimport nuke, os\nos.remove('/nowhere/a.nk')\nnuke.toNode('Blur1')['size'].setValue(6)\n```\n"


@pytest.fixture
def folder(tmp_path):
    """A folder with one task, its script, and room for answers."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "answers").mkdir()
    (tmp_path / "scripts" / "a.nk").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "tasks.jsonl").write_text(json.dumps(TASK) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def answered(folder):
    """Record an answer."""

    def record(name, text):
        (folder / "answers" / f"{name}.md").write_text(text, encoding="utf-8")
        return folder

    return record


def rows(text):
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if line.startswith("| A1")]


def test_a_right_answer_goes_through_every_stage(answered, capsys):
    assert main(["tasks", str(answered("A1.right", GOOD)), "--out", str(answered("A1.right", GOOD) / "out")]) == 0
    shown = capsys.readouterr()
    assert ["A1.right", "", "1 python", "clean", "Changes 1 knob", "1 of 1", "3 of 3", "yes"] in rows(shown.out)
    assert "| answers: right | all checks hold, nothing flagged | 1 of 1 |" in shown.out


def test_the_changed_script_and_the_report_are_kept(answered):
    folder = answered("A1.right", GOOD)
    assert main(["tasks", str(folder / "tasks.jsonl"), "--out", str(folder / "out")]) == 0
    assert " size 6\n" in (folder / "out" / "A1.right.nk").read_text(encoding="utf-8")
    assert (folder / "scripts" / "a.nk").read_text(encoding="utf-8") == SCRIPT
    page = (folder / "out" / "tasks.md").read_text(encoding="utf-8")
    assert "    python -m nuke_ai_panel tasks " in page
    assert "| A1.right |" in page


def test_a_right_answer_that_does_something_else_fails_the_command(answered, capsys):
    assert main(["tasks", str(answered("A1.right", OFF))]) == 1
    shown = capsys.readouterr().out
    assert "**no**: knob: Blur1.size is '7', wanted eq '6'" in shown
    assert "| answers: right | all checks hold, nothing flagged | 0 of 1 |" in shown


def test_a_crash_on_the_copy_is_not_agreed_to(answered, capsys):
    assert main(["tasks", str(answered("A1.right", CRASH))]) == 1
    (row,) = [row for row in rows(capsys.readouterr().out) if row[0] == "A1.right"]
    assert row[4] == "ZeroDivisionError: division by zero"
    assert row[5] == "refused"


def test_a_dangerous_effect_is_not_agreed_to(answered, capsys):
    answered("A1.right", GOOD)
    assert main(["tasks", str(answered("A1.wrong", "---\ncatch: effect deletes files\n---\n" + DELETES))]) == 0
    wrong = next(row for row in rows(capsys.readouterr().out) if row[0] == "A1.wrong")
    assert wrong[3] == "deletes files"
    assert wrong[5] == "refused"
    assert wrong[-1] == "yes"


@pytest.mark.parametrize(
    "code", ["try:\n    nuke.sample(nuke.toNode('Blur1'), 'red', 1, 1)\nexcept Exception:\n    pass", "nuke.cacheUsage()"]
)
def test_what_could_not_be_tried_is_not_agreed_to(answered, capsys, code):
    text = f"---\ncatch: checks knob\n---\n```python\nimport nuke\nnuke.toNode('Blur1')['size'].setValue(6)\n{code}\n```\n"
    assert main(["tasks", str(answered("A1.wrong", text)), "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert "not simulated" in run["refusals"][0]
    assert run["applied"] == []


@pytest.mark.parametrize(
    "catch", ["preflight unknown-knob radius", "effect network", "dry run NameError", "no proposal", "checks knob"]
)
def test_what_nobody_noticed_fails_the_command(answered, capsys, catch):
    assert main(["tasks", str(answered("A1.nearly", f"---\nslip: none at all\ncatch: {catch}\n---\n{GOOD}"))]) == 1
    assert f"not noticed: {catch}" in capsys.readouterr().err


def test_json_tells_every_stage(answered, capsys):
    answered("A1.right", GOOD)
    assert main(["tasks", str(answered("A1.nearly", "---\ncatch: dry run ZeroDivisionError\n---\n" + CRASH)), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["as_expected"] is True
    right, nearly = report["runs"]
    assert right["proposals"][0]["dry_run"]["diff"]
    assert right["applied"] == [{"ok": True, "error": "", "output": ""}]
    assert [check["check"] for check in right["checks"]] == ["knob", "asks", "undo"]
    assert nearly["catches"] == [{"catch": "dry run ZeroDivisionError", "caught": True}]
    assert nearly["applied"] == []


def test_only_some_tasks_and_kinds(answered, capsys):
    folder = answered("A1.right", GOOD)
    answered("A1.wrong", "---\ncatch: effect deletes files\n---\n" + DELETES)
    (folder / "tasks.jsonl").write_text(json.dumps(TASK) + "\n" + json.dumps({**TASK, "id": "A2"}) + "\n", encoding="utf-8")
    assert main(["tasks", str(folder), "--only", "A1", "--kind", "right"]) == 0
    assert [row[0] for row in rows(capsys.readouterr().out)] == ["A1.right"]
    assert main(["tasks", str(folder)]) == 1
    assert "Without an answer: A2" in capsys.readouterr().err


def test_several_turns_are_answered_one_after_the_other(answered, capsys):
    back = GOOD.replace("setValue(6)", "setValue(12)")
    folder = answered("A1.right", GOOD + "<!-- turn -->\n" + back)
    task = {**TASK, "turns": ["Halve the blur.", "No, back."], "checks": [{"t": "equals_fixture"}]}
    (folder / "tasks.jsonl").write_text(json.dumps(task), encoding="utf-8")
    assert main(["tasks", str(folder)]) == 0
    assert ["A1.right", "", "2 python", "clean", "Changes 1 knob, Changes 1 knob", "2 of 2", "1 of 1", "yes"] in rows(
        capsys.readouterr().out
    )


def test_files_of_a_setup_are_there_and_what_a_script_prints_is_part_of_the_answer(answered):
    code = "import nuke, os\nprint(sorted(os.listdir(nuke.toNode('Blur1')['label'].value())))"
    folder = answered("A1.right", f"```python\n{code}\n```\n")
    setup = {
        "replace": {"/shots": "{folder}/shots"},
        "files": [{"name": "{folder}/shots/p.%02d.exr", "first": 1, "last": 4, "missing": [3]}],
    }
    (folder / "answers" / "A1.setup.json").write_text(json.dumps(setup), encoding="utf-8")
    checks = [{"t": "reply", "contains_all": ["['p.01.exr', 'p.02.exr', 'p.04.exr']"]}, {"t": "no_change"}]
    (folder / "tasks.jsonl").write_text(json.dumps({**TASK, "checks": checks}), encoding="utf-8")
    assert main(["tasks", str(folder)]) == 0


def test_the_script_can_be_of_another_nuke(answered):
    folder = answered("A1.right", "---\nnuke: 16.0 v2\n---\nNothing to do.")
    checks = [{"t": "by_version", "min": 16, "checks": [{"t": "reply", "contains_all": ["Nothing"]}], "else": [{"t": "undo"}]}]
    (folder / "tasks.jsonl").write_text(json.dumps({**TASK, "checks": checks}), encoding="utf-8")
    assert main(["tasks", str(folder)]) == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("A1.wrong", GOOD, "say with 'catch:'"),
        ("A1.wrong", "---\ncatch: somewhere else\n---\n", "begins with none of"),
        ("A1.right", "---\ncolour: red\n---\n", "there is no 'colour'"),
        ("A1.right", GOOD + "<!-- turn -->\nmore", "answers 2 turns, the task has 1"),
        ("A9.right", GOOD, "There is no answer to these tasks"),
    ],
)
def test_a_broken_answer_is_an_error_of_usage(answered, capsys, name, text, said):
    assert main(["tasks", str(answered(name, text))]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [("{", "line 1 of tasks.jsonl is not JSON"), ("[]", "is not a JSON object"), ('{"id": "x"}', "has no 'request'")],
)
def test_a_broken_task_is_an_error_of_usage(answered, capsys, line, said):
    folder = answered("A1.right", GOOD)
    (folder / "tasks.jsonl").write_text(line + "\n", encoding="utf-8")
    assert main(["tasks", str(folder)]) == 2
    assert said in capsys.readouterr().err


def test_the_tasks_of_this_folder_are_run_by_default(answered, capsys, monkeypatch):
    monkeypatch.chdir(answered("A1.right", GOOD))
    assert main(["tasks"]) == 0
    assert [row[0] for row in rows(capsys.readouterr().out)] == ["A1.right"]


def test_missing_folders_and_tasks_are_named(answered, capsys):
    folder = answered("A1.right", GOOD)
    assert main(["tasks", str(folder / "nowhere")]) == 2
    assert main(["tasks", str(folder / "scripts")]) == 2
    assert main(["tasks", str(folder), "--only", "Z1"]) == 2
    assert main(["tasks", str(folder), "--answers", str(folder / "none")]) == 2
    said = capsys.readouterr().err
    assert "There are no tasks at" in said
    assert "There is no task Z1" in said
    assert "There is no folder of answers" in said

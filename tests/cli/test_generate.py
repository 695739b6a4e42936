"""``generate`` with each kind of proposal, several of them, a studio's rules, and records of what ran."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.cli.demo_server import DemoServer
from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.main import main

PYTHON = """```python
import nuke
nuke.nodes.Blur(name="Soft", size=7)
```"""
NODES = """Paste this:

```
set cut_paste_input [stack 0]
version 14.0 v5
push $cut_paste_input
Saturation {
 saturation 0.4
 name Fade
 selected true
}
```"""
EXPRESSION = """Set this expression on `MergeGround.mix`:

```
frame / 100
```"""
TCL = """```tcl
knob MergeGround.mix 0.25
```"""
BLINK = """```cpp
kernel Invert : ImageComputationKernel<ePixelWise>
{
  Image<eRead, eAccessPoint, eEdgeClamped> src;
  Image<eWrite> dst;

  void process()
  {
    dst() = 1.0f - src();
  }
};
```"""
GIZMO = """```
Group {
 name SoftGlow
 addUserKnob {20 User}
 addUserKnob {7 amount}
}
 Input {
  inputs 0
  name Input1
 }
 Blur {
  size {{parent.amount}}
  name Blur1
 }
 Output {
  name Output1
 }
end_group
```"""
TOOL = """Put this in your menu.py:

```python
import nuke


def select_reads():
    for node in nuke.allNodes("Read"):
        node.setSelected(True)


nuke.menu("Nuke").addCommand("Tools/Select reads", select_reads)
```"""
MISTAKE = """```python
import nuke
nuke.toNode("MergeGround")["mixx"].setValue(0.5)
```"""


@contextmanager
def answering(text: str) -> Iterator[list[str]]:
    with DemoServer(pause=0.0, answer=lambda prompt: text) as server:
        yield ["--provider", "ollama", "--model", "demo", "--base-url", server.url]


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out.nk"


@pytest.fixture
def generate(script, out, capsys):
    """Have `text` answered, and return the exit code, what --json printed, and what was told beside it."""

    def run(text: str, *options: str) -> tuple[int, dict, str]:
        with answering(text) as server:
            code = main(["generate", "please", "--script", str(script), "--out", str(out), "--json", *options, *server])
        printed = capsys.readouterr()
        return code, json.loads(printed.out), printed.err

    return run


@pytest.mark.parametrize(
    ("text", "kind", "node", "knob", "value"),
    [
        (PYTHON, "python", "Soft", "size", "7"),
        (NODES, "nk", "Fade", "saturation", "0.4"),
        (EXPRESSION, "expression", "MergeGround", "mix", '{{"frame / 100"}}'),
        (TCL, "tcl", "MergeGround", "mix", "0.25"),
        (BLINK, "blink", "BlinkScript1", "kernelSource", None),
        (GIZMO, "gizmo", "SoftGlow.Blur1", "size", "{{parent.amount}}"),
    ],
)
def test_every_kind_that_runs_goes_the_whole_way(generate, out, text, kind, node, knob, value):
    code, told, notes = generate(text, "--yes")
    assert code == ExitCode.OK, notes
    (proposal,) = told["proposals"]
    assert (proposal["kind"], proposal["applied"], proposal["problems"]) == (kind, True, [])
    assert proposal["diff"]
    assert proposal["changed"] == proposal["diff"]
    assert proposal["deviation"] == ""
    assert told["out"] == str(out)
    found = nk.load(out).node(node).knobs[knob]
    assert found == value if value is not None else "kernel Invert" in found


def test_a_tool_is_saved_beside_the_script_and_not_run(generate, out):
    code, told, notes = generate(TOOL, "--yes")
    assert code == ExitCode.OK, notes
    (proposal,) = told["proposals"]
    saved = out.with_suffix(".py")
    assert (proposal["kind"], proposal["applied"], proposal["saved"]) == ("tool", False, str(saved))
    assert "def select_reads" in saved.read_text("utf-8")
    assert told["out"] is None
    assert not out.exists()


def test_a_tool_replaces_no_file(generate, out):
    out.with_suffix(".py").write_text("precious")
    assert generate(TOOL, "--yes")[0] == ExitCode.FAILED
    assert out.with_suffix(".py").read_text() == "precious"


def test_without_a_question_what_failed_its_check_is_left_out(generate, out):
    code, told, notes = generate(f"{MISTAKE}\n\nAnd separately, a blur:\n\n{PYTHON}", "--yes")
    assert code == ExitCode.OK, notes
    wrong, right = told["proposals"][:2]
    assert wrong["findings"][0]["rule"] == "unknown-knob"
    assert wrong["findings"][0]["suggestion"] == "mix"
    assert (wrong["applied"], right["applied"]) == (False, True)


def test_a_script_that_fails_its_check_is_not_applied(generate, out):
    code, told, _ = generate(MISTAKE, "--yes")
    assert code == ExitCode.FAILED
    assert not any(proposal["applied"] for proposal in told["proposals"])
    assert not out.exists()


def test_of_alternatives_the_first_is_taken(generate, out):
    other = PYTHON.replace("Soft", "Softer")
    code, told, notes = generate(f"{PYTHON}\n\nAlternatively, if you prefer a stronger one:\n\n{other}", "--yes")
    assert code == ExitCode.OK
    assert [proposal["is_alternative"] for proposal in told["proposals"]] == [False, True]
    assert [proposal["applied"] for proposal in told["proposals"]] == [True, False]
    assert "another way" in notes
    assert [node.name for node in nk.load(out).nodes() if node.name.startswith("Soft")] == ["Soft"]


@pytest.mark.parametrize(
    ("rules", "text", "code"),
    [
        ({"forbid_kinds": ["tcl"]}, TCL, ExitCode.FORBIDDEN),
        ({"forbid_kinds": ["tool"]}, TOOL, ExitCode.FORBIDDEN),
        ({"forbid_effects": ["creates nodes"]}, PYTHON, ExitCode.FORBIDDEN),
        ({"forbid_kinds": ["tcl"]}, PYTHON, ExitCode.OK),
        ({"forbid_kinds": ["nonsense"]}, PYTHON, ExitCode.FORBIDDEN),
    ],
)
def test_the_rules_of_the_studio_are_kept(generate, out, tmp_path, monkeypatch, rules, text, code):
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(rules))
    studio = tmp_path / "studio.json"
    studio.write_text(json.dumps({"policy_file": str(policy), "locked": ["policy_file"]}))
    monkeypatch.setenv("NUKE_AI_PANEL_STUDIO_SETTINGS", str(studio))
    ended, told, notes = generate(text, "--yes")
    assert ended == code, notes
    assert out.exists() is (code == ExitCode.OK)
    assert bool(told["proposals"][0]["refused"]) is (code == ExitCode.FORBIDDEN)


def test_records_keep_the_script_and_tell_what_ran(generate, script, tmp_path):
    records = tmp_path / "records"
    assert generate(PYTHON, "--yes", "--records", str(records))[0] == ExitCode.OK
    began, ended = (json.loads(line) for line in (records / "runs.jsonl").read_text("utf-8").splitlines())
    assert (began["event"], began["kind"], ended["outcome"]) == ("began", "python", "applied")
    assert 'name="Soft"' in began["code"]
    assert began["checkpoint"]
    assert list((records / "checkpoints").rglob("*"))


def test_a_person_sees_problems_with_their_place_warnings_and_the_difference(script, out, capsys):
    with answering(MISTAKE.replace('mixx"].setValue(0.5)', 'mixx"].setValue(nuke.selectedNode())')) as server:
        code = main(["generate", "please", "--script", str(script), "--out", str(out), *server])
    printed = capsys.readouterr().out
    assert code == ExitCode.FAILED
    assert "Proposal 1 (Python script): " in printed
    assert "Problem: Line 2: " in printed
    assert "^" in printed
    assert "Error of the dry run:" in printed

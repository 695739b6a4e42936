"""How each kind of proposal becomes Python, shown on the emulated host; and that text in it stays text."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuke_ai_panel import nk
from nuke_ai_panel.errors import ProposalError
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting import kinds
from nuke_ai_panel.scripting.kinds import KINDS, kind_info, runnable
from nuke_ai_panel.scripting.pasted_text import pasteable, without_code
from nuke_ai_panel.scripting.proposal import ScriptProposal

SCRIPT = b"""version 15.1 v3
Root {
 inputs 0
}
Read {
 inputs 0
 name Read1
 selected true
}
Grade {
 name Grade1
}
Group {
 inputs 0
 name Group1
}
 Blur {
  inputs 0
  name Blur1
 }
end_group
Crop {
 inputs 0
 name Crop1
}
BlinkScript {
 inputs 0
 name BlinkScript1
}
"""
KERNEL = "kernel Half : ImageComputationKernel<ePixelWise>\n{\n  Image<eRead> src;\n  Image<eWrite> dst;\n"
KERNEL += "  void process() { dst() = src() * 0.5f; }\n};\n"
HOSTILE = [
    "'",
    '"',
    "'''",
    '"""',
    "\\",
    "\\n",
    "{}",
    "{0}",
    "%s",
    "\0",
    "\u2028",
    "\ud800",
    "');import os;os.system('ls')#",
    '")\nnuke.scriptClear()\n("',
    "[exec ls]",
    "$x",
    "\r\n\t",
    "\N{GRINNING FACE}",
]


def applied(proposal: ScriptProposal) -> tuple[GraphDiff, DocumentHost]:
    host = DocumentHost(nk.loads(SCRIPT))
    result = host.run_python(runnable(proposal), title="test")
    assert not result.error, result.error
    return nk.diff(nk.loads(SCRIPT), nk.loads(host.snapshot())), host


def knob(proposal: ScriptProposal) -> tuple[str, str, str | None]:
    (change,) = applied(proposal)[0].knobs
    return change.path, change.knob, change.after


def test_every_kind_has_words_an_ending_and_a_check():
    assert list(KINDS) == ["python", "tcl", "nk", "expression", "blink", "gizmo", "tool"]
    for kind, info in KINDS.items():
        assert info.kind == kind
        assert info.words
        assert info.save_hint
        assert info.ending in info.endings
    assert not kind_info("tool").runs
    with pytest.raises(ProposalError, match="no kind"):
        kind_info("poem")


def test_python_runs_as_it_is():
    code = "import nuke\nnuke.toNode('Grade1')['white'].setValue(2)\n"
    assert runnable(ScriptProposal("python", code)) == code
    assert runnable(ScriptProposal("tool", code)) == code


def test_tcl_runs_as_one_script():
    assert knob(ScriptProposal("tcl", "knob Grade1.white 2\n")) == ("Grade1", "white", "2")


@pytest.mark.parametrize(
    "text",
    [
        "Blur {\n size 3\n}\nGrade {\n white 3\n name Gain\n}\n",
        "set cut_paste_input [stack 0]\nversion 15.1 v3\npush $cut_paste_input\nBlur {\n size 3\n}\nGrade {\n white 3"
        "\n name Gain\n}\n",
        "#! /usr/local/Nuke -nx\nversion 15.1 v3\nRoot {\n inputs 0\n fps 60\n}\nBlur {\n size 3\n}\nGrade {\n white "
        "3\n name Gain\n}\n",
    ],
)
def test_nodes_are_pasted_below_the_selected_node(text):
    diff, host = applied(ScriptProposal("nk", text))
    assert [change.path for change in diff.added] == ["Blur1", "Gain"]
    assert ("Blur1", 0, "Read1") in [(each.path, each.input_index, each.after) for each in diff.connections]
    root = nk.loads(host.snapshot()).root_node
    assert root is not None
    assert root.knob("fps") is None


def test_a_source_at_the_beginning_takes_nothing_from_the_selection():
    diff, _ = applied(ScriptProposal("nk", "CheckerBoard2 {\n inputs 0\n}\nMerge2 {\n inputs 2\n}\n"))
    board, merge = (change.path for change in diff.added)
    assert [(each.path, each.input_index, each.after) for each in diff.connections] == [(merge, 0, board)]


def test_a_gizmo_is_pasted_as_the_group_it_is():
    text = "Gizmo {\n name Soft\n}\n Input {\n  inputs 0\n  name Input1\n }\n Output {\n  name Output1\n }\nend_group\n"
    diff, _ = applied(ScriptProposal("gizmo", text))
    assert next((change.path, change.class_name) for change in diff.added) == ("Soft", "Group")


def test_nodes_that_cannot_be_read_are_not_made_into_a_script():
    with pytest.raises(ProposalError, match="cannot be read"):
        runnable(ScriptProposal("nk", "Blur {\n size 3\n"))
    with pytest.raises(ProposalError, match="no node"):
        runnable(ScriptProposal("nk", "version 15.1 v3\n"))


@pytest.mark.parametrize(
    ("target", "after"),
    [
        ("Grade1.white", "{{frame*2} {frame*2} {frame*2} {frame*2}}"),
        ("Grade1.white.g", "{1 {frame*2} 1 1}"),
        ("Grade1.white.2", "{1 1 {frame*2} 1}"),
        ("Group1.Blur1.size", "{{frame*2}}"),
    ],
)
def test_an_expression_goes_to_its_knob_and_channel(target, after):
    path, name, value = knob(ScriptProposal("expression", "frame*2", target=target))
    assert target.startswith(f"{path}.{name}")
    assert value in (after, "{{frame*2}}" if "white." not in target else after)


def test_a_box_counts_its_sides_as_nuke_does():
    _, _, value = knob(ScriptProposal("expression", "frame*2", target="Crop1.box.t"))
    assert value is not None
    assert value.endswith(" {frame*2}}")


def test_a_text_knob_takes_an_expression_as_text():
    assert knob(ScriptProposal("expression", "[value white]", target="Grade1.label")) == ("Grade1", "label", "[value white]")


@pytest.mark.parametrize("target", ["", "white", "Grade1.white; import os", "Grade1..white"])
def test_an_expression_for_no_knob_does_not_run(target):
    with pytest.raises(ProposalError):
        runnable(ScriptProposal("expression", "frame", target=target))


@pytest.mark.parametrize("target", ["Nowhere1.white", "Grade1.whitte", "Grade1.white.q"])
def test_an_expression_for_what_is_not_there_fails_with_its_name(target):
    host = DocumentHost(nk.loads(SCRIPT))
    error = host.run_python(runnable(ScriptProposal("expression", "frame", target=target)), title="test").error
    assert target.split(".")[-1] in error or target in error
    assert nk.diff(nk.loads(SCRIPT), nk.loads(host.snapshot())) == GraphDiff()


def test_a_kernel_goes_into_a_new_node_or_the_one_it_is_for():
    diff, _ = applied(ScriptProposal("blink", KERNEL))
    assert [(change.path, change.class_name) for change in diff.added] == [("BlinkScript2", "BlinkScript")]
    assert {(each.knob, each.after) for each in diff.knobs if each.path == "BlinkScript2"} >= {("kernelSource", KERNEL)}
    assert ("BlinkScript2", "Read1") in [(each.path, each.after) for each in diff.connections]
    into, _ = applied(ScriptProposal("blink", KERNEL, target="BlinkScript1"))
    assert not into.added
    assert ("BlinkScript1", "kernelSource", KERNEL) in [(each.path, each.knob, each.after) for each in into.knobs]
    assert not any(each.knob == "kernelSourceFile" for each in into.knobs)


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_stays_text(text):
    for proposal in (
        ScriptProposal("tcl", text),
        ScriptProposal("expression", text, target="Grade1.label"),
        ScriptProposal("blink", KERNEL + text),
    ):
        tree = ast.parse(runnable(proposal))
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert any(text.strip().replace("\n", " ") in each.replace("\n", " ") for each in texts)
    label = without_lone(text)
    nodes = f"NoOp {{\n label {nk_quoted(label)}\n name A\n}}\n"
    assert any(label.replace("\r\n", "\n") in value for value in _texts(runnable(ScriptProposal("nk", nodes)))) or "\\" in nodes


def without_lone(text: str) -> str:
    return text.encode("utf-8", "ignore").decode("utf-8")


def nk_quoted(text: str) -> str:
    from nuke_ai_panel.nk.words import quote

    return quote(text)


def _texts(code: str) -> list[str]:
    return [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60))
def test_quoting_never_lets_text_become_code(text):
    code = runnable(ScriptProposal("tcl", text))
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    assert len(calls) == 2
    assert text in _texts(code)
    assert code.isascii()


CALLBACKS = r"""Blur {
 size {{"\[python \{nuke.frame()\}]"}}
 onCreate "nuke.message(1)"
 addUserKnob {20 User}
 addUserKnob {22 go l Go T "import os" +STARTLINE}
 addUserKnob {7 amount}
 amount 3
 label "made by \[python nuke.root().name()]"
 name B
}
Group {
 knobChanged {
  print(1)
 }
 name G
}
 Blur {
  autolabel "nuke.thisNode().name()"
  size 4
  name Inner
 }
end_group
"""


def test_code_is_taken_out_of_nodes_and_told():
    cleaned = without_code(CALLBACKS)
    assert cleaned.dropped == ("B.size", "B.onCreate", "B.go", "B.label", "G.knobChanged", "G.Inner.autolabel")
    assert without_code(cleaned.text).dropped == ()
    document = nk.loads(cleaned.text.encode())
    assert [node.path for node in document.walk()] == ["B", "G", "G.Inner"]
    assert document.node("B").knob("amount") == "3"
    assert document.node("G.Inner").knob("size") == "4"


@pytest.mark.parametrize("line", ["set x [exec ls]", "push [python {1}]", "version [exec ls]"])
def test_commands_that_run_something_are_taken_out(line):
    cleaned = without_code(f"{line}\nBlur {{\n name B\n}}\n")
    assert cleaned.dropped == ("the script",)
    assert cleaned.text == "Blur {\n name B\n}\n"


def test_nodes_without_code_stay_as_they_are():
    text = 'Blur {\n size 3\n label "\\[value size]"\n name B\n}\n'
    assert without_code(text).text == text
    assert pasteable(text).endswith(text)


@pytest.mark.parametrize(
    "value",
    [
        r'"\[python nuke.scriptClear()]"',
        r'"\[ python \{x\}]"',
        r'"\[\{python\} x]"',
        r'"\[set a python]\[\$a x]"',
        r'"\[value x]\[exec ls]"',
        r'"\[if \{1\} \{exec ls\}]"',
        r'"\[if \{\[exec ls]\} \{set a 1\}]"',
        r'"\[concat a; exec ls]"',
        r'"\[string length \[open x w]]"',
        r'"\[file delete x]"',
        r'"\[knob Blur1.size 3]"',
        r'"\[catch \{source x\}]"',
        r'{{"\[python \{1\}]"}}',
        r"{{\[exec\ ls\]}}",
    ],
)
def test_values_that_run_something_are_found(value):
    assert without_code(f"Blur {{\n label {value}\n name B\n}}\n").dropped == ("B.label",)


@pytest.mark.parametrize(
    "value",
    [
        r'"\[value size]"',
        r'"a \[file tail \[value Read1.file]] b"',
        r'"\[if \{\[value mix] > 0.5\} \{return on\} else \{return off\}]"',
        r'"\[lindex \[split \[metadata input/filename] /] end]"',
        r'"\[regsub -all python \[value label] x]"',
        r'"\[date %Y]"',
        r'"python source exec"',
        r'"a list such as \[a, b]"',
        r'{{"\[value root.first_frame]+python"}}',
    ],
)
def test_values_that_only_look_are_left_alone(value):
    assert without_code(f"Blur {{\n label {value}\n name B\n}}\n").dropped == ()


def test_a_proposal_of_nodes_can_do_without_its_code():
    proposal = ScriptProposal("nk", CALLBACKS, "AI: paste", note="a note")
    cleaned, dropped = kinds.without_code(proposal)
    assert "B.onCreate" in dropped
    assert (cleaned.kind, cleaned.title, cleaned.note) == ("nk", "AI: paste", "a note")
    assert kinds.without_code(cleaned) == (cleaned, ())
    group = ScriptProposal("gizmo", CALLBACKS[CALLBACKS.index("Group {") :])
    assert kinds.without_code(group)[1] == ("G.knobChanged", "G.Inner.autolabel")
    python = ScriptProposal("python", "onCreate = 1\n")
    assert kinds.without_code(python) == (python, ())

"""Where the expressions of a script lead: references, what is missing, and what a renamed node changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError
from nuke_ai_panel.nk.expressions import (
    Broken,
    Evaluation,
    Reference,
    evaluate,
    expressions,
    references,
    referring_nodes,
    rename_edits,
    run_tcl,
    unresolved_references,
)

SCRIPT = b"""Root {
 inputs 0
}
Blur {
 inputs 0
 name Blur1
 size {{"Grade1.white.r > 1 ? Grade1.black : 2" i} {Grade10.white}}
 label "Grade1: \\[value Grade1.white] \\[knob Grade10.white]"
}
Grade {
 name Grade1
 white 2
}
Grade {
 name Grade10
 white {{Blur1.sise}}
 black {{1 +}}
}
Group {
 inputs 0
 name Group1
 addUserKnob {20 User}
 addUserKnob {41 white l "Its white" T Grade1.white}
 white {{parent.Grade1.white}}
}
 Grade {
  inputs 0
  name Grade1
  white {{parent.parent.Grade1.white+Grade1.black+root.Group1.Grade1.gamma}}
 }
end_group
"""


@pytest.fixture
def document() -> nk.Document:
    return nk.loads(SCRIPT)


def test_references_lead_to_nodes_and_knobs(document):
    found = references(document.node("Blur1"), "size")
    assert [(each.name, each.target and each.target.path, each.knob) for each in found if isinstance(each, Reference)] == [
        ("Grade1.white.r", "Grade1", "white"),
        ("Grade1.black", "Grade1", "black"),
        ("Grade10.white", "Grade10", "white"),
    ]
    tcl = references(document.node("Blur1"), "label")
    assert [(each.name, each.status) for each in tcl if isinstance(each, Reference)] == [
        ("Grade1.white", "resolved"),
        ("Grade10.white", "resolved"),
    ]


def test_unresolved_references_are_those_that_lead_nowhere(document):
    missing, broken = unresolved_references(document)
    assert isinstance(missing, Reference)
    assert (missing.source.node.name, missing.name, missing.status) == ("Grade10", "Blur1.sise", "missing")
    assert isinstance(broken, Broken)
    assert (broken.source.knob, broken.source.text) == ("black", "1 +")


def test_asking_whether_something_exists_is_no_mistake():
    document = nk.loads(b'Root {\n inputs 0\n}\nNoOp {\n name A\n disable {{"\\[exists Nobody.size] ? 1 : 0"}}\n}\n')
    assert unresolved_references(document) == []


def test_lines_of_metadata_are_text_with_tcl_in_it():
    document = nk.loads(
        b"Root {\n inputs 0\n}\nGrade {\n name A\n}\n"
        b'ModifyMetaData {\n metadata {\n  {set key "\\[value A.white]"}\n }\n name M\n}\n'
    )
    (found,) = references(document.node("M"))
    assert isinstance(found, Reference)
    assert (found.name, found.target) == ("A.white", document.node("A"))
    ((node, body),) = rename_edits(document.node("A"), "B")
    document.set_body(node, body)
    assert b'{set key "\\[value B.white]"}' in document.to_bytes()


def test_nodes_refer_to_one_another_by_their_wires_too():
    document = nk.loads(
        b"Root {\n inputs 0\n}\nBlur {\n inputs 0\n name A\n}\nBlur {\n size {{input.size}}\n name B\n}\n"
        b'NoOp {\n inputs 0\n name C\n label "\\[value A.size]"\n}\nNoOp {\n inputs 0\n name D\n}\n'
    )
    assert [node.name for node in referring_nodes(document.node("A"))] == ["B", "C"]


def test_name_that_tcl_puts_together_is_told_as_such():
    document = nk.loads(b'Root {\n inputs 0\n}\nNoOp {\n name A\n disable {{"\\[value label].disable"}}\n}\n')
    (composed, inner) = references(document.node("A"))
    assert isinstance(composed, Reference)
    assert composed.status == "composed"
    assert isinstance(inner, Reference)
    assert (inner.name, inner.status) == ("label", "resolved")


def test_renaming_changes_what_leads_to_the_node_and_nothing_else(document):
    node = document.node("Grade1")
    for other, body in rename_edits(node, "Key"):
        document.set_body(other, body)
    document.rename(node, "Key")
    text = document.to_bytes().decode()
    assert 'size {{"Key.white.r > 1 ? Key.black : 2" i} {Grade10.white}}' in text
    assert 'label "Grade1: \\[value Key.white] \\[knob Grade10.white]"' in text
    # The group has a Grade1 of its own, which its Link knob and the names inside of it mean.
    assert 'addUserKnob {41 white l "Its white" T Grade1.white}' in text
    assert "white {{parent.Key.white}}" in text
    assert "white {{parent.parent.Key.white+Grade1.black+root.Group1.Grade1.gamma}}" in text
    assert len(unresolved_references(document)) == 2


def test_renaming_a_node_in_a_group_changes_links_and_paths_to_it(document):
    node = document.node("Group1.Grade1")
    for other, body in rename_edits(node, "Inner"):
        document.set_body(other, body)
    document.rename(node, "Inner")
    text = document.to_bytes().decode()
    assert 'addUserKnob {41 white l "Its white" T Inner.white}' in text
    assert "white {{parent.parent.Grade1.white+Inner.black+root.Group1.Inner.gamma}}" in text
    assert 'size {{"Grade1.white.r > 1 ? Grade1.black : 2" i} {Grade10.white}}' in text


def test_renaming_can_be_taken_back(document):
    mark = document.mark()
    for other, body in rename_edits(document.node("Grade1"), "Key"):
        document.set_body(other, body)
    assert document.to_bytes() != SCRIPT
    document.roll_back(mark)
    assert document.to_bytes() == SCRIPT


def loaded(path: Path) -> nk.Document:
    try:
        return nk.load(path)
    except EncryptedScriptError:
        pytest.skip("encrypted")


def test_real_expressions_are_read_and_their_names_followed(corpus: Path):
    total = understood = 0
    for path in sorted(corpus.rglob("*")):
        if path.suffix not in (".nk", ".gizmo"):
            continue
        document = nk.load(path)
        for node in document.walk():
            found = references(node)
            lost = {each.source for each in found if isinstance(each, Broken) or each.status == "unknown"}
            for source in expressions(node):
                total += 1
                understood += source not in lost
    rate = understood / total
    print(f"{understood} of {total} expressions understood: {rate:.2%}")
    assert total > 10_000
    assert rate >= 0.95


def test_real_expressions_give_a_value_or_a_problem(corpus_file: Path):
    document = loaded(corpus_file)
    for node in document.walk():
        for source in expressions(node):
            if source.kind == "expression":
                found = evaluate(node, source.text, knob=source.knob, component=source.component, frame=1)
            else:
                found = run_tcl(node, source.text, frame=1)
            assert isinstance(found, Evaluation)
            assert (found.value is None) != (found.problem is None)


def test_real_scripts_can_have_any_node_renamed(corpus_file: Path):
    document = loaded(corpus_file)
    named = {each.target for node in document.walk() for each in references(node) if isinstance(each, Reference)} - {None}
    targets = [node for node in document.nodes(recurse=True) if node in named and node.clone_of is None][:2]
    for target in targets:
        before = len(unresolved_references(document))
        mark = document.mark()
        data = document.to_bytes()
        for node, body in rename_edits(target, "A_name_nobody_has"):
            document.set_body(node, body)
        document.rename(target, "A_name_nobody_has")
        assert len(unresolved_references(document)) <= before
        document.roll_back(mark)
        assert document.to_bytes() == data

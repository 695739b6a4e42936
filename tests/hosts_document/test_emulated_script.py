"""The emulated module on a whole script: copying, groups, undo, callbacks, threads, placing, non-commercial mode."""

from __future__ import annotations

import threading

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import HostError, NotSimulatedError
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.hosts.nuke_host import NukeHost
from nuke_ai_panel.nk.emulation.module import session_of
from tests.host_contract.host_contract import SCRIPT


def names(nodes):
    return [node.name() for node in nodes]


def only(nuke, *wanted):
    for node in nuke.allNodes():
        node.setSelected(node.name() in wanted)


def wires(nuke):
    return {
        node.fullName(): [source and source.name() for source in map(node.input, range(node.inputs()))]
        for node in nuke.allNodes()
    }


# Clipboard


def test_copy_and_paste_keeps_connections_and_reads_from_the_selected_node(nuke):
    only(nuke, "Grade1", "Group1")
    assert nuke.nodeCopy("%clipboard%")
    only(nuke, "Write1")
    last = nuke.nodePaste("%clipboard%")
    assert last in nuke.selectedNodes()
    assert sorted(names(nuke.selectedNodes())) == ["Grade2", "Group2"]
    assert wires(nuke)["Grade2"] == ["Write1"]
    assert wires(nuke)["Group2"] == ["Grade2"]
    assert nuke.toNode("Group2.Blur1").input(0).name() == "Input1"


def test_paste_without_a_selection_leaves_the_input_open(nuke):
    only(nuke, "Grade1")
    nuke.nodeCopy("%clipboard%")
    only(nuke)
    assert not nuke.nodeCopy("%clipboard%"), "nothing is selected"
    assert nuke.nodePaste("%clipboard%").inputs() == 0


def test_a_snippet_is_text_that_nuke_would_read(nuke, tmp_path):
    only(nuke, "Grade1")
    nuke.nodeCopy(str(tmp_path / "a.nk"))
    text = (tmp_path / "a.nk").read_text()
    assert text.startswith(
        "set cut_paste_input [stack 0]\nversion 15.1 v3\npush $cut_paste_input\nGrade {\n white {1.5 1 1 1}\n"
    )


def test_code_in_pasted_text_is_told_and_not_run(nuke):
    nuke.scriptReadText('Blur {\n size {{"[python open(1)]"}}\n onCreate "raise SystemExit"\n label plain\n name B\n}\n')
    assert nuke.toNode("B")["label"].value() == "plain"
    assert [found.where for found in session_of(nuke).not_run] == ["B.size", "B.onCreate"]
    host = DocumentHost(nk.loads(SCRIPT))
    assert host.run_python("nuke.scriptReadText('Dot {\\n knobChanged x\\n}\\n')", title="x").ok
    assert [(found.where, found.code) for found in host.not_run] == [("Dot1.knobChanged", "x")]


def test_text_that_is_no_script_changes_nothing(nuke, document):
    before = document.to_bytes()
    with pytest.raises(RuntimeError, match="cannot be read"):
        nuke.scriptReadText("Blur {\n size 3\n")
    with pytest.raises(RuntimeError):
        nuke.nodePaste("/nowhere/a.nk")
    with pytest.raises(NotSimulatedError, match=r"'a\.py'"):
        nuke.scriptSource("/nowhere/a.py")
    assert document.to_bytes() == before


def test_duplicates_keep_the_inputs_of_the_originals(nuke):
    only(nuke, "Grade1", "Group1")
    nuke.duplicateSelectedNodes()
    assert wires(nuke)["Grade2"] == ["Read1"]
    assert wires(nuke)["Group2"] == ["Grade2"]


# Groups


def test_collapse_and_expand_are_each_others_way_back(nuke, document):
    before = wires(nuke)
    only(nuke, "Grade1", "Group1")
    group = nuke.collapseToGroup()
    assert names(nuke.selectedNodes()) == [group.name()]
    assert wires(nuke) == {"Read1": [], group.name(): ["Read1"], "Write1": [group.name()]}
    assert sorted(names(group.nodes())) == ["Grade1", "Group1", "Input1", "Output1"]
    assert group.output().input(0).name() == "Group1"
    nuke.expandSelectedGroup()
    assert wires(nuke) == before
    assert nk.loads(document.to_bytes()).node("Grade1").knobs["white"] == "{1.5 1 1 1}"


def test_collapse_keeps_two_sources_apart(nuke):
    nuke.nodes.Constant(name="C")
    nuke.nodes.Merge2(name="M", inputs=[nuke.toNode("Read1"), nuke.toNode("C")])
    only(nuke, "M")
    group = nuke.collapseToGroup()
    assert names([group.input(0), group.input(1)]) == ["Read1", "C"]
    merge = group.node("M")
    assert [merge.input(index)["number"].value() for index in (0, 1)] == [0, 1]


def test_make_group_leaves_the_nodes(nuke):
    only(nuke, "Grade1")
    group = nuke.makeGroup()
    assert nuke.toNode("Group1").input(0).name() == "Grade1"
    assert group.node("Grade1") is not None
    assert nuke.collapseToGroup is not None
    only(nuke)
    assert nuke.collapseToGroup() is None


def test_paths_lead_through_groups(nuke):
    with nuke.toNode("Group1"):
        assert nuke.toNode("Blur1").fullName() == "Group1.Blur1"
        assert nuke.toNode("this").name() == "Group1"
        assert nuke.toNode("parent.Grade1").name() == "Grade1"
        assert nuke.toNode("root.Grade1").name() == "Grade1"
        assert nuke.thisParent() is nuke.root()
    assert nuke.exists("Group1.Blur1.size.w")
    assert not nuke.exists("Group1.Blur1.nope")


# Names, selection, placing


def test_set_name_takes_the_expressions_along_when_asked(nuke):
    nuke.toNode("Write1")["label"].setValue("[value Grade1.white] Grade1")
    blur = nuke.nodes.Blur()
    blur["size"].setExpression("Grade1.white.r")
    nuke.toNode("Grade1").setName("Look", updateExpressions=True)
    assert nuke.toNode("Write1")["label"].value() == "[value Look.white] Grade1"
    assert blur["size"].toScript() == "{{Look.white.r}}"
    nuke.toNode("Look").setName("Other")
    assert blur["size"].toScript() == "{{Look.white.r}}"


def test_selection_can_be_turned_round_and_grown(nuke):
    nuke.invertSelection()
    assert names(nuke.selectedNodes()) == ["Write1", "Group1", "Grade1"]
    nuke.toNode("Read1").selectOnly()
    nuke.nodes.Constant()
    nuke.selectConnectedNodes()
    assert sorted(names(nuke.selectedNodes())) == ["Grade1", "Group1", "Read1", "Write1"]
    nuke.selectPattern("Gr*")
    assert sorted(names(nuke.selectedNodes())) == ["Grade1", "Group1"]


def test_autoplace_goes_below_the_input_where_nothing_stands(nuke):
    node = nuke.nodes.Blur(inputs=[nuke.toNode("Read1")], xpos=900, ypos=900)
    node.autoplace()
    assert (node.xpos(), node.ypos()) == (120, -174), "the Grade stands right below"
    nuke.autoplaceSnap(node)
    assert (node.xpos() % 110, node.ypos() % 24) == (0, 0)


def test_new_nodes_stand_below_their_input_and_on_no_other(nuke, document):
    made = [nuke.nodes.Blur(inputs=[nuke.toNode("Write1")]) for _ in range(6)]
    assert (made[0].xpos(), made[0].ypos()) == (10, 48)
    boxes = [(node.xpos(), node.ypos()) for node in made]
    assert all(abs(x - u) >= 80 or abs(y - v) >= 18 for i, (x, y) in enumerate(boxes) for u, v in boxes[:i])
    assert all(y > 18 for _, y in boxes)


def test_a_backdrop_does_not_grow_when_a_node_is_made_on_it(nuke, document):
    backdrop = nuke.nodes.BackdropNode(xpos=0, ypos=-220, bdwidth=100, bdheight=60)
    before = document.text_of(backdrop._attached())
    nuke.toNode("Read1").setSelected(False)
    nuke.toNode("Grade1").setSelected(True)
    nuke.createNode("Blur")
    assert document.text_of(backdrop._attached()) == before


def test_autoplace_all_sets_nodes_in_columns(nuke):
    for node in nuke.allNodes():
        node.setXYpos(0, 0)
    nuke.autoplace_all()
    chain = [nuke.toNode(name) for name in ("Read1", "Grade1", "Group1", "Write1")]
    assert len({node.xpos() for node in chain}) == 1
    assert all(above.ypos() + above.screenHeight() < below.ypos() for above, below in zip(chain, chain[1:]))


def test_a_backdrop_goes_round_the_selection(nuke):
    host = DocumentHost(nk.loads(SCRIPT))
    code = (
        "import nukescripts\nnuke.selectAll()\nb = nukescripts.autoBackdrop()\nprint(sorted(n.name() for n in b.getNodes()))\n"
    )
    assert host.run_python(code, title="x").output == "['Grade1', 'Group1', 'Read1', 'Write1']\n"


def test_knob_defaults_are_for_new_nodes(nuke):
    nuke.knobDefault("Merge2.bbox", "B")
    assert nuke.nodes.Merge2()["bbox"].value() == "B"
    assert nuke.knobDefault("Merge2.bbox") == "B"


def test_values_by_name(nuke):
    assert nuke.value("root.fps") == "25"
    assert nuke.numvalue("Grade1.white.r") == 1.5
    assert nuke.value("Nope.size", "none") == "none"
    assert nuke.expression("1 + Grade1.white.r") == 2.5
    assert nuke.tcl("value Grade1.white.r") == "1.5"
    assert nuke.knob("Grade1.white") == "{1.5 1 1 1}"
    with pytest.raises(RuntimeError):
        nuke.value("Nope.size")


# Undo


def test_redo_brings_the_script_back_byte_for_byte(nuke, document):
    with nuke.Undo("blur it"):
        nuke.createNode("Blur")
    after = document.to_bytes(with_selection=True)
    nuke.undo()
    assert document.to_bytes(with_selection=True) == SCRIPT
    assert (nuke.Undo.redoSize(), nuke.Undo.redoDescribe()) == (1, "blur it")
    nuke.redo()
    assert document.to_bytes(with_selection=True) == after
    assert (nuke.Undo.undoDescribe(), nuke.Undo.redoSize()) == ("blur it", 0)
    nuke.undo()
    assert document.to_bytes(with_selection=True) == SCRIPT


def test_redo_is_gone_after_another_change(nuke):
    with nuke.Undo("a"):
        nuke.createNode("Blur")
    nuke.undo()
    nuke.createNode("Grade")
    assert nuke.Undo.redoSize() == 0
    with pytest.raises(NotSimulatedError):
        nuke.redo()


def test_nodes_from_before_a_redo_are_detached(nuke):
    grade = nuke.toNode("Grade1")
    with nuke.Undo("a"):
        nuke.createNode("Blur")
    nuke.undo()
    nuke.redo()
    with pytest.raises(ValueError, match="not attached"):
        grade.name()


def test_nested_groups_are_one_step(nuke, document):
    with nuke.Undo("outer"):
        nuke.nodes.Blur()
        with nuke.Undo("inner"):
            nuke.nodes.Blur()
    assert nuke.Undo.undoSize() == 1
    nuke.undo()
    assert document.to_bytes(with_selection=True) == SCRIPT


def test_a_host_rolls_back_what_opening_another_script_did(tmp_path):
    (tmp_path / "b.nk").write_bytes(b"Root {\n inputs 0\n}\nDot {\n inputs 0\n name D\n}\n")
    host = DocumentHost(nk.loads(SCRIPT))
    result = host.run_python(f"nuke.scriptOpen({str(tmp_path / 'b.nk')!r})\nprint(len(nuke.allNodes()))\n1/0", title="x")
    assert result.output == "1\n"
    assert host.snapshot() == SCRIPT
    assert host.script_name() == ""


def test_clearing_the_script_can_be_undone(nuke, document):
    with nuke.Undo("clear"):
        nuke.scriptClear()
        assert nuke.allNodes() == []
        nuke.createNode("Blur")
    nuke.undo()
    assert document.to_bytes(with_selection=True) == SCRIPT
    assert nuke.toNode("Grade1")["white"].value() == [1.5, 1, 1, 1]


# Callbacks and threads


def test_callbacks_are_recorded_and_never_called(nuke):
    called = []
    nuke.addOnCreate(called.append, args=("x",), nodeClass="Blur")
    nuke.addKnobChanged(called.append)
    nuke.createNode("Blur")["size"].setValue(3)
    assert called == []
    assert [(found.kind, found.node_class, found.args) for found in session_of(nuke).callbacks] == [
        ("OnCreate", "Blur", ("x",)),
        ("KnobChanged", "*", ()),
    ]
    nuke.removeOnCreate(called.append, args=("x",), nodeClass="Blur")
    assert [found.kind for found in session_of(nuke).callbacks] == ["KnobChanged"]
    with pytest.raises(TypeError):
        nuke.addOnCreate("code")


def test_an_exception_on_the_main_thread_is_printed_and_the_result_is_none(document):
    said = []
    nuke = nk.emulate(document, write=said.append, window=True)
    results = []
    worker = threading.Thread(target=lambda: results.append(nuke.executeInMainThreadWithResult(lambda: 1 / 0)))
    worker.start()
    assert session_of(nuke).main_calls.serve(30)
    worker.join()
    assert results == [None]
    assert "ZeroDivisionError" in "".join(said)


def test_a_worker_gets_its_result_from_the_main_thread(document):
    nuke = nk.emulate(document, window=True)
    results = []

    def work():
        results.append(
            nuke.executeInMainThreadWithResult(lambda name: (nuke.toNode(name).name(), threading.get_ident()), "Grade1")
        )

    worker = threading.Thread(target=work)
    worker.start()
    assert session_of(nuke).main_calls.serve(30)
    worker.join()
    assert results == [("Grade1", threading.get_ident())]


def test_where_nuke_would_hang_it_says_so(document):
    with pytest.raises(NotSimulatedError, match="hangs"):
        nk.emulate(document, window=True).executeInMainThreadWithResult(print)
    nuke = nk.emulate(document)
    caught = []

    def work():
        try:
            nuke.executeInMainThreadWithResult(print)
        except NotSimulatedError as error:
            caught.append(str(error))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert "nothing serves it" in caught[0]


def test_calls_that_wait_are_made_when_the_script_has_ended():
    host = DocumentHost(nk.loads(SCRIPT))
    code = """import threading
thread = threading.Thread(target=lambda: nuke.executeInMainThread(nuke.createNode, "Blur"))
thread.start()
thread.join()
print(nuke.exists("Blur1"))
"""
    result = host.run_python(code, title="x")
    assert result.output == "False\n", result.error
    assert host.node("Blur1").class_name == "Blur"


# Non-commercial


def test_a_non_commercial_nuke_gives_ten_node_objects(document):
    nuke = nk.emulate(document, non_commercial=True)
    assert nuke.env["nc"]
    first = nuke.toNode("Grade1")
    assert all(nuke.toNode("Grade1") is first for _ in range(9)), "each call counts, also for a node that Python has"
    assert nuke.toNode("Grade1") is None
    assert nuke.createNode("Blur") is None
    assert nuke.nodes.Blur() is None
    assert document.find("Blur1") is not None, "the node is made all the same"
    assert nuke.tcl("value Grade1.white.r") == "1.5", "Tcl still reads"
    nuke.scriptClear()
    assert nuke.createNode("Blur").name() == "Blur1"


# Smaller things


def test_can_set_input_asks_without_connecting(nuke, document):
    before = document.to_bytes()
    grade, write = nuke.toNode("Grade1"), nuke.toNode("Write1")
    assert write.canSetInput(0, grade)
    assert not grade.canSetInput(0, write)
    assert document.to_bytes() == before


def test_inputs_are_counted_as_the_class_has_them(nuke):
    merge = nuke.nodes.Merge2()
    assert (merge.inputs(), merge.optionalInput()) == (0, 2)
    assert merge.maxInputs() > 3
    assert merge.setInput(2, nuke.toNode("Read1"))
    assert (merge.inputs(), merge.input(0), merge.input(2).name()) == (3, None, "Read1")
    assert merge.setInput(2, None)
    assert merge.inputs() == 0
    assert not merge.setInput(-1, nuke.toNode("Read1"))
    assert nuke.toNode("Read1").maxInputs() == 0


def test_extracted_nodes_leave_their_stream(nuke):
    only(nuke, "Grade1")
    nuke.extractSelected()
    assert wires(nuke)["Grade1"] == []
    assert wires(nuke)["Group1"] == ["Read1"]


def test_the_script_knows_whether_it_was_changed(nuke, tmp_path):
    assert not nuke.root().modified()
    nuke.createNode("Blur")
    assert nuke.modified()
    nuke.scriptSaveAs(str(tmp_path / "a.nk"))
    assert not nuke.root().modified()
    assert nuke.scriptName() == str(tmp_path / "a.nk")
    with pytest.raises(RuntimeError, match="exists"):
        nuke.scriptSaveAs(str(tmp_path / "a.nk"))


def test_group_calls_and_classes(nuke):
    group = nuke.toNode("Group1")
    assert isinstance(group, nuke.Group)
    assert isinstance(group, nuke.Node)
    assert not isinstance(group, nuke.Root)
    assert (group.numNodes(), group.run(lambda: nuke.thisGroup().name())) == (3, "Group1")
    group.begin()
    assert names(nuke.allNodes("Blur")) == ["Blur1"]
    group.end()
    assert nuke.allNodes("Blur") == []


def test_create_node_takes_knobs_as_text(nuke):
    node = nuke.createNode("Transform", 'translate {10 20} rotate 5 label "two words" name Move', inpanel=False)
    assert (node.name(), node["translate"].value(), node["rotate"].value(), node["label"].value()) == (
        "Move",
        [10, 20],
        5,
        "two words",
    )


def test_a_gizmo_that_stands_in_the_script_can_be_made_again():
    nuke = nk.emulate(nk.loads(b"Root {\n inputs 0\n}\nStudioThing {\n inputs 0\n name S1\n}\n"))
    assert nuke.createNode("StudioThing").Class() == "StudioThing"
    assert not nuke.canCreateNode("OtherThing")
    assert nuke.canCreateNode("Blur")


def test_the_hosts_of_a_non_commercial_nuke_refuse(document):
    host = NukeHost(nk.emulate(document, non_commercial=True))
    with pytest.raises(HostError, match="Non-commercial"):
        host.nodes()


def test_dependencies_follow_expressions_into_groups_and_links_when_asked(nuke):
    grade, blur = nuke.toNode("Grade1"), nuke.toNode("Group1.Blur1")
    blur["size"].setExpression("root.Grade1.white.r * 2")
    assert names(blur.dependencies(nuke.EXPRESSIONS)) == ["Grade1"]
    assert names(grade.dependent(nuke.EXPRESSIONS)) == ["Blur1"]
    link = nuke.Link_Knob("soft")
    link.makeLink("Group1.Blur1", "size")
    nuke.toNode("Write1").addKnob(link)
    assert names(blur.dependent(nuke.EXPRESSIONS)) == []
    assert names(blur.dependent(nuke.LINKINPUTS)) == ["Write1"]

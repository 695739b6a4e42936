"""Menus, panels and callbacks of the emulated module: recorded as data, never run."""

from __future__ import annotations

import sys

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NotSimulatedError
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.nk.emulation.module import session_of
from nuke_ai_panel.nk.emulation.session_notes import session_notes


def changes(nuke):
    return [(each.kind, each.menu, each.path, each.command) for each in session_of(nuke).menu_changes]


def never():
    raise AssertionError("a command of a menu was run")


def test_a_tool_of_a_menu_is_recorded_with_its_path_and_shortcut(nuke):
    menu = nuke.menu("Nuke").addMenu("Studio", icon="studio.png")
    menu.addCommand("Publish/All", "publish.all()", "ctrl+alt+p", icon="up.png", shortcutContext=2)
    menu.addSeparator()
    item = menu.addCommand("Clean", never, index=0)
    assert changes(nuke) == [
        ("menu", "Nuke", "Studio", None),
        ("menu", "Nuke", "Studio/Publish", None),
        ("command", "Nuke", "Studio/Publish/All", "publish.all()"),
        ("separator", "Nuke", "Studio/", None),
        ("command", "Nuke", "Studio/Clean", never),
    ]
    assert session_of(nuke).menu_changes[2].details == {"shortcut": "ctrl+alt+p", "icon": "up.png", "shortcutContext": 2}
    assert [each.name() for each in menu.items()] == ["Clean", "Publish", ""]
    assert (menu.icon(), item.name()) == ("studio.png", "Clean")
    with pytest.raises(NotSimulatedError, match="Studio/Clean"):
        item.invoke()


def test_what_was_added_is_found_again(nuke):
    nuke.menu("Nodes").addMenu("Studio").addCommand("Glow", "nuke.createNode('Glow2')", "alt+g")
    found = nuke.menu("Nodes").findItem("Studio/Glow")
    assert (found.name(), found.script(), found.shortcut()) == ("Glow", "nuke.createNode('Glow2')", "alt+g")
    assert nuke.toolbar("Nodes").menu("Studio").findItem("Glow") is found
    assert nuke.menu("Nodes").findItem("Studio/Nope") is None
    assert nuke.menu("Nuke").findItem("Nope") is None
    assert nuke.menu("Nuke").addMenu("Edit") is nuke.menu("Nuke").findItem("Edit")


def test_an_item_of_the_same_name_is_replaced(nuke):
    menu = nuke.menu("Nuke").addMenu("Studio")
    menu.addCommand("&Clean", "one()")
    menu.addCommand("Clean", "two()")
    assert [each.script() for each in menu.items()] == ["two()"]


def test_items_are_changed_and_removed(nuke):
    menu = nuke.menu("Nuke").addMenu("Studio")
    item = menu.addCommand("Deep/Clean", "one()")
    item.setShortcut("ctrl+k")
    item.setScript("two()")
    item.setEnabled(False)
    last = session_of(nuke).menu_changes[-1]
    assert (last.kind, last.command, last.details) == ("changed", "two()", {"shortcut": "ctrl+k", "enabled": False})
    assert nuke.menu("Nuke").removeItem("Studio/Deep/Clean")
    assert nuke.menu("Nuke").findItem("Studio") is None, "menus that are empty after it go too"
    assert not nuke.menu("Nuke").removeItem("Studio")
    assert [each[0] for each in changes(nuke)][-3:] == ["removed", "removed", "removed"]


def test_what_nuke_itself_has_deeper_in_its_menus_is_not_invented(nuke):
    assert "Filter" in [item.name() for item in nuke.menu("Nodes").items()]
    with pytest.raises(NotSimulatedError, match="'Edit'"):
        nuke.menu("Nuke").findItem("Edit/Node")
    with pytest.raises(NotSimulatedError, match="'Edit'"):
        nuke.menu("Nuke").findItem("Edit").items()
    nuke.menu("Nuke").addCommand("Edit/Node/Own", "own()")
    assert nuke.menu("Nuke").findItem("Edit/Node/Own").script() == "own()"


def test_mistakes_are_told(nuke):
    with pytest.raises(RuntimeError, match="Viewport"):
        nuke.menu("Viewport")
    with pytest.raises(TypeError, match="command"):
        nuke.menu("Nuke").addCommand("X", 3)
    with pytest.raises(NotSimulatedError, match="hotkey"):
        nuke.menu("Nuke").addCommand("X", "x()", hotkey="k")
    with pytest.raises(AttributeError, match="'MenuBar' object has no attribute 'add'"):
        nuke.menu("Nuke").add("X")
    assert isinstance(nuke.menu("Nuke"), nuke.Menu)
    assert changes(nuke) == []


def test_a_tool_bar_of_ones_own_can_be_made(nuke):
    assert nuke.toolbar("Mine", False) is None
    nuke.toolbar("Mine").addCommand("Go", never)
    assert nuke.toolbar("Mine").findItem("Go") is not None


# Panels


def test_a_panel_is_recorded_with_its_item_in_the_pane_menu(nuke):
    panels = session_of(nuke).library.panels
    assert panels.registerWidgetAsPanel("studio.panel.Widget", "Studio", "com.studio.panel") is None
    (record,) = session_of(nuke).panels
    assert (record.id, record.name, record.maker) == ("com.studio.panel", "Studio", "studio.panel.Widget")
    assert nuke.menu("Pane").findItem("Studio").script() == "studio.panel.Widget"
    with pytest.raises(NotSimulatedError, match="create=True"):
        panels.registerWidgetAsPanel("studio.panel.Widget", "Studio", "com.studio.panel", True)
    with pytest.raises(TypeError, match="string"):
        panels.registerWidgetAsPanel(never, "Studio", "com.studio.panel")


def test_a_panel_of_knobs_is_put_together_and_not_shown(nuke):
    library = session_of(nuke).library

    class Own(library.PythonPanel):
        def __init__(self):
            super().__init__("Own", "com.studio.own")
            self.path = nuke.File_Knob("path", "Path")
            self.addKnob(self.path)

    panel = Own()
    panel.path.setValue("/a")
    assert {name: knob.value() for name, knob in panel.knobs().items()} == {"path": "/a"}
    with pytest.raises(NotSimulatedError, match="showModalDialog"):
        panel.showModalDialog()
    with pytest.raises(TypeError, match="Knob"):
        panel.addKnob("path")
    library.registerPanel("com.studio.own", never)
    assert [each.id for each in session_of(nuke).panels] == ["com.studio.own"]
    library.unregisterPanel("com.studio.own", never)
    assert session_of(nuke).panels == []


def test_callbacks_are_kept_with_the_class_they_are_for(nuke):
    nuke.addOnUserCreate(never, nodeClass="Write")
    nuke.addKnobChanged(never, ("a",), nodeClass="Blur")
    nuke.createNode("Write")
    nuke.createNode("Blur")["size"].setValue(3)
    kept = session_of(nuke).callbacks
    assert [(each.kind, each.node_class, each.args) for each in kept] == [
        ("OnUserCreate", "Write", ()),
        ("KnobChanged", "Blur", ("a",)),
    ]
    nuke.removeOnUserCreate(never, nodeClass="Write")
    assert [each.kind for each in session_of(nuke).callbacks] == ["KnobChanged"]


# The window and the plug-in path


def test_what_only_concerns_the_window_does_nothing(nuke, document):
    before = document.to_bytes()
    nuke.show(nuke.toNode("Grade1"))
    nuke.showDag(nuke.root())
    nuke.zoom(1, [0, 0])
    nuke.zoomToFitSelected()
    nuke.updateUI()
    assert nuke.activeViewer() is None
    assert (nuke.thisKnob(), nuke.thisPane(), nuke.executing(), nuke.thisClass()) == (None, None, False, "Root")
    assert document.to_bytes() == before
    with pytest.raises(NotSimulatedError, match=r"nuke\.zoom"):
        nuke.zoom()
    with pytest.raises(NotSimulatedError, match=r"nuke\.activeViewer"):
        nk.emulate(document, window=True).activeViewer()


def test_the_plug_in_path_is_recorded(nuke):
    before = list(sys.path)
    nuke.pluginAddPath("/studio/gizmos/")
    nuke.pluginAddPath(["./icons", "./python"])
    nuke.pluginAppendPath("/late")
    assert nuke.pluginPath() == ["./python", "./icons", "/studio/gizmos", "/late"]
    assert sys.path == before
    with pytest.raises(TypeError, match="string"):
        nuke.pluginAddPath(3)


# In sentences


def test_what_a_script_does_to_the_session_is_told_in_sentences():
    host = DocumentHost()
    code = """
def hello():
    pass

nuke.menu("Nuke").addMenu("Studio").addCommand("Publish/All", hello, "ctrl+alt+p")
nuke.menu("Nuke").removeItem("File")
nuke.addOnCreate(hello, nodeClass="Write")
nuke.knobDefault("Merge2.bbox", "B")
nuke.pluginAddPath("./icons")
"""
    assert host.run_python(code, title="x").ok
    assert list(host.session_notes) == [
        "The menu Nuke gets the item Studio/Publish/All (ctrl+alt+p).",
        "The menu Nuke loses the item File.",
        "Nuke calls hello on OnCreate for nodes of the class Write.",
        "New nodes of Merge2 get bbox B.",
        "The plug-in path gets ./icons.",
    ]
    assert host.run_python("nuke.createNode('Blur')", title="x").ok
    assert list(host.session_notes) == []
    assert not host.run_python("nuke.menu('Nuke').addCommand('A')\n1/0", title="x").ok
    assert list(host.session_notes) == []


def test_sentences_are_few_and_of_one_line(nuke):
    for number in range(60):
        nuke.menu("Nodes").addCommand(f"A\nB {number} " + "x" * 200, "x()")
    notes = session_notes(session_of(nuke))
    assert len(notes) == 40
    assert notes[-1] == "21 more changes of the session."
    assert all("\n" not in note and len(note) < 200 for note in notes)

"""The .nk format, rule by rule: what a text says, and that it is written back as it was."""

from __future__ import annotations

from typing import Optional

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError, NkError, NkSyntaxError


def read(text: bytes) -> nk.Document:
    """Return the document; whatever it holds, it is written back byte for byte."""
    document = nk.loads(text)
    assert document.to_bytes() == text
    return document


def knobs(body: str) -> dict[str, str]:
    (node,) = read(f"Grade {{\n{body}}}\n".encode("utf-8", "surrogateescape")).nodes()
    return dict(node.knobs)


def wiring(text: bytes) -> dict[str, list[Optional[str]]]:
    return {node.path: [source and source.name for source in node.inputs] for node in read(text).nodes(recurse=True)}


# Words


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("white 1.5", "1.5"),
        ("white {1 2 3 4}", "{1 2 3 4}"),
        ("white {{curve x1 0 x9 {1 2}} {1}}", "{{curve x1 0 x9 {1 2}} {1}}"),
        ("white {{{{{{deep}}}}}}", "{{{{{{deep}}}}}}"),
        ("white {one\n two\n three}", "{one\n two\n three}"),
        ('white "a b"', "a b"),
        ('white "a\nb"', "a\nb"),
        (r'white "say \"hi\" \{ \} \[x] \$y \\ \n"', 'say "hi" { } [x] $y \\ \n'),
        ('white ""', ""),
        ("white", ""),
        ("white ", ""),
        ("white [value Grade1.white x]/%04d.exr", "[value Grade1.white x]/%04d.exr"),
        ("white [a [b c] d]e", "[a [b c] d]e"),
        ("white a\\ b", "a b"),
        ("white \\\n  2", "2"),
        ("white a;b", "a;b"),
        ("white #ff0000", "#ff0000"),
        ("white {a \\} b}", "{a \\} b}"),
        ("\t white\t2", "2"),
        ("white a\xa0b", "a\xa0b"),
        ("white a\u2028b", "a\u2028b"),
        ("white a\x85b", "a\x85b"),
        ("white a\x00b", "a\x00b"),
        ("white \udce9t\udce9", "\udce9t\udce9"),
    ],
)
def test_value_of_a_knob(line: str, value: str) -> None:
    assert knobs(f" {line}\n name G\n xpos 1\n") == {"white": value}


def test_last_of_two_lines_counts() -> None:
    assert knobs(" white 1\n white 2\n") == {"white": "2"}


def test_names_may_stand_in_quotes() -> None:
    assert knobs(' "Screen Matte" 1\n "import sequence" {2}\n') == {"Screen Matte": "1", "import sequence": "{2}"}


def test_one_line_may_hold_many_knobs() -> None:
    node = read(b"Grade {name G white 2 xpos 4}").node("G")
    assert (dict(node.knobs), node.xpos) == ({"white": "2"}, 4)


def test_a_text_in_a_value_is_no_knob() -> None:
    document = read(b'Grade {\n knobChanged "\nname Wrong\ninputs 3\nselected true\n"\n name Right\n}\n')
    (node,) = document.nodes()
    assert (node.name, node.pops, node.selected) == ("Right", 1, False)


def test_very_long_lines_are_read() -> None:
    blob = "x" * 1_000_000
    assert knobs(f" options {{ {blob} {{ {blob} }} }}\n other {blob}\n") == {
        "options": f"{{ {blob} {{ {blob} }} }}",
        "other": blob,
    }


# Lines and bytes


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_line_ends_are_kept_and_used(end: bytes) -> None:
    text = (
        b"Read {\n inputs 0\n name R\n}\nset N1 [stack 0]\nBlur {\n size {1\n 2}\n name B\n}\npush $N1\nGrade {\n name G\n}\n"
    )
    document = read(text.replace(b"\n", end))
    assert [node.name for node in document.nodes()] == ["R", "B", "G"]
    assert [node.name for node in document.node("R").dependents] == ["B", "G"]
    document.set_knob(document.node("G"), "white", "2")
    assert document.to_bytes() == text.replace(b" name G", b" white 2\n name G").replace(b"\n", end)
    document.create("Blur", inputs=[document.node("G")])
    rest = document.to_bytes().replace(end, b"")
    assert b"\n" not in rest
    assert b"\r" not in rest


@pytest.mark.parametrize("text", [b"", b"\n", b" ", b"\xef\xbb\xbf", b"# nothing\n", b"\n\n;;\n", b"version 15.1 v3\n"])
def test_scripts_without_nodes(text: bytes) -> None:
    assert read(text).nodes() == []


def test_byte_order_mark_is_kept() -> None:
    document = read(b"\xef\xbb\xbfversion 15.1 v3\nGrade {\n name G\n}\n")
    document.set_knob(document.node("G"), "white", "2")
    assert document.to_bytes() == b"\xef\xbb\xbfversion 15.1 v3\nGrade {\n white 2\n name G\n}\n"


def test_semicolons_part_commands() -> None:
    assert wiring(b"Read {\n inputs 0\n name R\n}; set N1 [stack 0]; push 0;push $N1; Merge2 {\n inputs 2\n name M\n}\n") == {
        "R": [],
        "M": ["R"],
    }


def test_comments_stand_where_a_command_may() -> None:
    assert wiring(b"# one {\nRead {\n inputs 0\n name R\n}\n  # two }\nBlur {\n name B\n}\n") == {"R": [], "B": ["R"]}


# Commands


def test_header_layout_and_layers_are_kept() -> None:
    document = read(
        b"#! /usr/local/Nuke15.1v3/libnuke-15.1.3.so -nx\n"
        b'#write_info Write1 file:"/a b/c.exr" format:"2048 1080 1" chans:":rgba.red:" framerange:"1 9" fps:"24"\n'
        b"version 15.1 v3\n"
        b'define_window_layout_xml {<?xml version="1.0" encoding="UTF-8"?>\n<layout version="1.0">\n'
        b'  <window x="0"/>\n</layout>\n}\n'
        b"Root {\n inputs 0\n name /a/b.nk\n}\n"
        b"add_layer {id id.red id.green}\nadd_layer {mask mask.a}\n"
        b"Grade {\n inputs 0\n name G\n}\n"
    )
    assert document.root_node is not None
    assert document.root_node.knobs == {}
    assert document.layer_channels() == ["id.red", "id.green", "mask.a"]
    assert [node.name for node in document.nodes()] == ["G"]
    assert document.version_line() == "version 15.1 v3"


def test_stack_gives_the_first_input_first() -> None:
    text = (
        b"Read {\n inputs 0\n name A\n}\nset N1 [stack 0]\nRead {\n inputs 0\n name B\n}\npush $N1\npush 0\n"
        b"Merge2 {\n inputs 2+1\n name M\n}\nBlur {\n name After\n}\n"
    )
    assert wiring(text) == {"A": [], "B": [], "M": [None, "A", "B"], "After": ["M"]}


def test_an_empty_stack_leaves_inputs_open() -> None:
    assert wiring(b"Merge2 {\n inputs 2\n name M\n}\n") == {"M": []}


@pytest.mark.parametrize("count", ["99999999999", "-5", "many", "1+", "{1}", "5" * 5000])
def test_a_senseless_number_of_inputs_does_no_harm(count: str) -> None:
    document = read(f"Grade {{\n inputs {count}\n name G\n}}\n".encode())
    document.connect(document.create("Blur"), 0, document.node("G"))
    assert nk.loads(document.to_bytes()).node("Blur1").inputs[0] is not None


def test_push_of_an_unknown_name_is_no_node() -> None:
    assert wiring(b"push $Nope\nBlur {\n name B\n}\n") == {"B": []}


def test_group_and_gizmo_have_a_stack_of_their_own() -> None:
    for kind in (b"Group", b"Gizmo", b"LiveGroup", b"VariableGroup"):
        found = wiring(
            b"Read {\n inputs 0\n name R\n}\n" + kind + b" {\n name G\n}\n Input {\n  inputs 0\n  name I\n }\n"
            b" Group {\n  name Deep\n }\n  Input {\n   inputs 0\n   name I\n  }\n end_group\nend_group\nBlur {\n name B\n}\n"
        )
        assert found == {"R": [], "G": ["R"], "G.I": [], "G.Deep": ["I"], "G.Deep.I": [], "B": ["G"]}


def test_names_on_the_stack_reach_into_groups_and_out_of_them() -> None:
    text = (
        b"Read {\n inputs 0\n name R\n}\nset N1 [stack 0]\nGroup {\n name G\n}\npush $N1\n Blur {\n  name B\n }\n"
        b"set N2 [stack 0]\nend_group\npush $N2\nBlur {\n name B\n}\n"
    )
    assert (wiring(text)["G.B"], wiring(text)["B"]) == (["R"], ["B"])


def test_gizmo_instances_are_nodes() -> None:
    document = read(b"My_Gizmo.gizmo {\n inputs 0\n name M\n}\nOFXuk.co.thefoundry.keylight.keylight_v201 {\n name K\n}\n")
    assert [node.class_name for node in document.nodes()] == ["My_Gizmo.gizmo", "OFXuk.co.thefoundry.keylight.keylight_v201"]


@pytest.mark.parametrize("clone", [b"clone $C1 {", b"clone  $C1  {"])
def test_clones_share_all_but_their_place(clone: bytes) -> None:
    document = read(b"Grade {\n inputs 0\n white 2\n name G\n}\nset C1 [stack 0]\n" + clone + b"\n inputs 0\n xpos 7\n}\n")
    original, copy = document.nodes()
    assert (copy.clone_of, copy.class_name, copy.name, copy.knobs, copy.xpos) == (original, "Grade", "G", {"white": "2"}, 7)
    assert original.clones == [copy]
    assert document.find("G") is original


@pytest.mark.parametrize("source", [b"node7f21|Grade|1042", b"node7f21"])
def test_clone_in_a_snippet_brings_its_class(source: bytes) -> None:
    document = read(
        b"set cut_paste_input [stack 0]\npush $cut_paste_input\nclone " + source + b" Grade {\n white 2\n name G\n}\n"
    )
    assert (document.node("G").class_name, document.node("G").knobs) == ("Grade", {"white": "2"})


def test_a_clone_of_nothing_is_kept() -> None:
    (node,) = read(b"clone $Cgone {\n xpos 7\n}\n").nodes()
    assert (node.class_name, node.clone_of, node.xpos) == ("clone", None, 7)


def test_snippet_starts_with_an_open_input() -> None:
    text = b"set cut_paste_input [stack 0]\nversion 15.1 v3\npush $cut_paste_input\nBlur {\n name B\n}\nGrade {\n name G\n}\n"
    assert wiring(text) == {"B": [], "G": ["B"]}


def test_every_form_of_a_user_knob_is_kept() -> None:
    lines = [
        ("User", "{20 User}"),
        ("", '{26 ""}'),
        ("grp", "{20 grp l Group n 1}"),
        ("amount", '{7 amount l "How much" t "a tip\\nin lines" R 0 10}'),
        ("mode", '{4 mode l Mode M {one "two words" three ""}}'),
        ("go", '{22 go l Go T "print(\\"\\{hi\\}\\")\\n" +STARTLINE}'),
        ("white_1", "{41 white_1 l White T Grade1.white}"),
        ("hidden", "{6 hidden +INVISIBLE -STARTLINE +DISABLED}"),
        ("text", '{26 text l "" +STARTLINE T "<b>bold</b>"}'),
        ("grpEnd", "{20 grpEnd l endGroup n -1}"),
    ]
    body = "".join(f" addUserKnob {definition}\n" for _, definition in lines)
    (node,) = read(f"Group {{\n name G\n{body} amount 5\n mode two\n}}\nend_group\n".encode()).nodes()
    assert dict(node.user_knobs) == dict(lines)
    assert node.knobs == {"amount": "5", "mode": "two"}


# What is no script


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        (b"Grade {\n name G\n", 1, 7, "'}'"),
        (b"Grade {\n name G\n}\n}\n", 4, 1, "a command"),
        (b'Grade {\n label "open\n name G\n}\n', 2, 8, "'\"'"),
        (b"Grade {\n label [open\n name G\n}\n", 2, 8, "']'"),
        (b"\n\nset N1 [stack 0\n", 3, 8, "']'"),
        (b"Group {\n name G\n}\n", 4, 1, "end_group"),
        (b"end_group\n", 1, 1, "a command"),
        (b"Grade\n", 1, 6, "'{'"),
        (b"first line\r\nGrade {\r\n}\r\n", 1, 7, "'{'"),
        (b"PK\x03\x04\x14\x00\x08\x00", 1, 9, "'{'"),
    ],
)
def test_damage_is_told_with_its_place(text: bytes, line: int, column: int, expected: str) -> None:
    with pytest.raises(NkSyntaxError) as caught:
        nk.loads(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert expected in caught.value.expected


@pytest.mark.parametrize(
    "text",
    [
        b"Nuke NC mode encrypted text (commercial mode uses plain text)\n\x8f\x01",
        b"Nuke Indie mode encrypted text\nabcdef",
        b"#! /usr/local/Nuke -nx\nNuke NC mode encrypted text\n",
    ],
)
@pytest.mark.parametrize("recover", [False, True])
def test_encrypted_scripts_are_told_apart_from_damage(text: bytes, recover: bool) -> None:
    with pytest.raises(EncryptedScriptError):
        nk.loads(text, recover=recover)


def test_a_comment_about_encryption_is_no_encryption() -> None:
    assert read(b"# made from encrypted text\nGrade {\n name G\n}\n").node("G")


@pytest.mark.parametrize("body", ["\n}\nBlur {\n", '\n label "open\n', "\n label [open\n", "\n{\n", "\n white 2 \\"])
def test_a_body_cannot_leave_its_braces(body: str) -> None:
    document = read(b"Grade {\n name G\n}\n")
    with pytest.raises(NkError):
        document.set_body(document.node("G"), body)
    assert document.to_bytes() == b"Grade {\n name G\n}\n"


def test_groups_in_groups_need_no_deep_stack() -> None:
    depth = 3000
    text = b"Group {\n name G\n}\n" * depth + b"Blur {\n name B\n}\n" + b"end_group\n" * depth
    document = read(text)
    deepest = document.nodes(recurse=True)[-1]
    assert deepest.path == "G." * depth + "B"
    assert document.find(deepest.path) is deepest
    document.set_knob(deepest, "size", "2")
    document.connect(document.create("Grade", group=deepest.scope.owner), 0, deepest)
    assert len(nk.loads(document.to_bytes()).nodes(recurse=True)) == depth + 2
    assert nk.diff(nk.loads(text), document).added[0].path == "G." * depth + "Grade1"

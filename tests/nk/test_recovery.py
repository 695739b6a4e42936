"""Damaged scripts: what is readable is read, what is not is told with its place, and every byte is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError, NkSyntaxError

CHAIN = b"Read {\n inputs 0\n name R\n}\nGrade {\n white 2\n name G\n}\nBlur {\n name B\n}\nWrite {\n name W\n}\n"


def recovered(text: bytes) -> nk.Document:
    with pytest.raises(NkSyntaxError) as caught:
        nk.loads(text)
    document = nk.loads(text, recover=True)
    assert document.to_bytes() == text
    first = document.damage[0]
    assert (first.line, first.column, first.expected) == (caught.value.line, caught.value.column, caught.value.expected)
    return document


def names(document: nk.Document) -> list[str]:
    return [node.path for node in document.nodes(recurse=True)]


def test_a_sound_script_has_no_damage() -> None:
    assert nk.loads(CHAIN, recover=True).damage == []


def test_a_node_that_is_not_closed_is_still_a_node() -> None:
    document = recovered(CHAIN.replace(b" name G\n}\n", b" name G\n"))
    assert names(document) == ["R", "G", "B", "W"]
    assert [source and source.name for source in document.node("B").inputs] == ["G"]
    document.set_knob(document.node("G"), "white", "3")
    assert document.to_bytes() == CHAIN.replace(b" name G\n}\n", b" name G\n").replace(b"white 2", b"white 3")


def test_a_script_that_was_cut_off_keeps_what_came_before() -> None:
    document = recovered(CHAIN[:-12])
    assert names(document)[:3] == ["R", "G", "B"]
    assert len(document.damage) == 1


def test_a_value_that_is_not_closed_loses_its_own_line_only() -> None:
    document = recovered(CHAIN.replace(b" white 2\n name G", b" name G\n label [open"))
    assert names(document) == ["R", "G", "B", "W"]
    assert (document.damage[0].line, document.damage[0].column) == (7, 8)


def test_stray_braces_and_unknown_commands_are_passed_over() -> None:
    document = recovered(CHAIN.replace(b"Blur {", b"}\n<<<<<<< HEAD\nBlur {"))
    assert names(document) == ["R", "G", "B", "W"]


def test_an_open_group_ends_with_the_script() -> None:
    document = recovered(b"Group {\n name G\n}\n Blur {\n  name B\n }\n")
    assert names(document) == ["G", "G.B"]
    assert document.damage[0].expected == "end_group"


def test_damage_inside_of_a_group_stays_there() -> None:
    text = b"Group {\n name G\n}\n Blur {\n  name B\n Grade {\n  name X\n }\nend_group\nWrite {\n name W\n}\n"
    document = recovered(text)
    assert names(document) == ["G", "G.B", "G.X", "W"]
    assert [source and source.name for source in document.node("W").inputs] == ["G"]


def test_each_damage_is_told() -> None:
    document = recovered(b"}\nBlur {\n name A\n}\nfoo bar\nBlur {\n name B\n}\nend_group\n")
    assert [(error.line, error.column) for error in document.damage] == [(1, 1), (5, 5), (9, 1)]
    assert names(document) == ["A", "B"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"A {\n" * 20_000, id="open nodes"),
        pytest.param(b"set N [stack 0\n" * 20_000, id="open brackets"),
        pytest.param(b"}\n" * 50_000, id="stray braces"),
        pytest.param(b'A "\n' * 20_001, id="open quotes"),
        pytest.param(b"{" * 100_000, id="only braces"),
        pytest.param(b"[" * 100_000, id="only brackets"),
        pytest.param(b"\\" * 100_001, id="only backslashes"),
        pytest.param(b"A {\n b [\n}\n" * 20_000, id="open values"),
        pytest.param(
            b"A {\n" + b" inputs 1\n name B\n selected true\n" * 5_000 + b" x {\n", id="a long body that fails at its end"
        ),
        pytest.param(b"A {\n b" + b" \\\n" * 50_000 + b"{", id="continued lines"),
        pytest.param(b"A {\n b " + b"{c " * 30_000 + b"}" * 29_999, id="deep values"),
        pytest.param(b'A {\n b "' + b'\\{ \\" ' * 50_000, id="a long open text"),
        pytest.param(b"A {" + b"\n" * 100_000, id="blank lines"),
    ],
)
def test_much_damage_takes_no_long_time(text: bytes) -> None:
    # Seconds would become minutes if each damage were looked for up to the end of the script.
    document = nk.loads(text, recover=True)
    assert document.to_bytes() == text
    assert document.damage


def test_a_damaged_file_is_recovered_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "damaged.nk"
    path.write_bytes(CHAIN[:-3])
    assert names(nk.load(path, recover=True))[:3] == ["R", "G", "B"]


@pytest.mark.parametrize("suffix", [".nknc", ".nkind", ".gznc"])
def test_a_file_of_an_encrypting_nuke_is_refused_as_such(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"script{suffix}"
    path.write_bytes(b"\x93\x01 what this is nobody knows\n")
    for recover in (False, True):
        with pytest.raises(EncryptedScriptError):
            nk.load(path, recover=recover)

"""Saving: in one step, with the file's permissions, and never over another's work."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError, ScriptChangedError
from nuke_ai_panel.nk import saving

SCRIPT = b"Grade {\n white 2\n name G\n}\n"


def changed(path: Path) -> nk.Document:
    document = nk.load(path)
    document.set_knob(document.node("G"), "white", "3")
    return document


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "a.nk"
    path.write_bytes(SCRIPT)
    return path


def test_a_link_stays_a_link(script: Path) -> None:
    link = script.parent / "link.nk"
    link.symlink_to(script.name)
    changed(link).save()
    assert link.is_symlink()
    assert script.read_bytes() == SCRIPT.replace(b"2", b"3")


def test_saving_through_a_link_sees_a_change_of_the_file(script: Path) -> None:
    link = script.parent / "link.nk"
    link.symlink_to(script.name)
    document = changed(link)
    script.write_bytes(SCRIPT.replace(b"2", b"9"))
    with pytest.raises(ScriptChangedError):
        document.save(script)
    document.save(overwrite_changed=True)
    assert script.read_bytes() == SCRIPT.replace(b"2", b"3")


def test_a_file_that_was_only_touched_is_not_changed(script: Path) -> None:
    document = changed(script)
    os.utime(script, (1, 1))
    document.save()
    assert script.read_bytes() == SCRIPT.replace(b"2", b"3")


def test_a_file_that_is_gone_is_written_again(script: Path) -> None:
    document = changed(script)
    script.unlink()
    document.save()
    assert script.read_bytes() == SCRIPT.replace(b"2", b"3")


def test_a_change_while_writing_is_seen(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = changed(script)
    sync = os.fsync

    def sync_while_another_saves(handle: int) -> None:
        sync(handle)
        script.write_bytes(SCRIPT.replace(b"2", b"another"))

    monkeypatch.setattr(saving.os, "fsync", sync_while_another_saves)
    with pytest.raises(ScriptChangedError):
        document.save()
    assert b"another" in script.read_bytes()
    assert [path.name for path in script.parent.iterdir()] == ["a.nk"]


def test_new_bytes_reach_the_disk_before_they_take_the_files_place(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def note_replace(source: str, target: str) -> None:
        steps.append("replace")
        replace(source, target)

    monkeypatch.setattr(saving.os, "fsync", note_sync)
    monkeypatch.setattr(saving.os, "replace", note_replace)
    changed(script).save()
    assert steps[:2] == ["file", "replace"]
    if os.name == "posix":
        assert steps[2:] == ["folder"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_permissions_are_kept_and_new_files_get_the_usual_ones(script: Path) -> None:
    script.chmod(0o664)
    changed(script).save()
    assert stat.S_IMODE(script.stat().st_mode) == 0o664
    other, plain = script.parent / "b.nk", script.parent / "c.nk"
    changed(script).save(other)
    plain.write_bytes(b"")
    assert stat.S_IMODE(other.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions stop")
def test_a_write_protected_script_is_left_alone(script: Path) -> None:
    script.chmod(0o444)
    with pytest.raises(PermissionError):
        changed(script).save()
    assert script.read_bytes() == SCRIPT


@pytest.mark.parametrize("name", ["missing/a.nk", "."])
def test_a_place_that_cannot_be_written_is_told(script: Path, name: str) -> None:
    with pytest.raises(OSError, match="directory"):
        changed(script).save(script.parent / name)
    assert [path.name for path in script.parent.iterdir()] == ["a.nk"]


def test_half_a_character_is_refused_when_it_is_set() -> None:
    document = nk.loads(SCRIPT)
    with pytest.raises(NkError):
        document.set_knob(document.node("G"), "label", "\ud83d")
    assert document.to_bytes() == SCRIPT


def test_bytes_and_line_ends_of_the_file_are_kept(script: Path) -> None:
    script.write_bytes(b"Grade {\r\n white 2\r\n label \xe9\r\n name G\r\n}")
    changed(script).save()
    assert script.read_bytes() == b"Grade {\r\n white 3\r\n label \xe9\r\n name G\r\n}"

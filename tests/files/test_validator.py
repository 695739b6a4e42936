from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import socket
import struct
import sys
import threading
import zipfile
import zlib

import pytest

from nuke_ai_panel.errors import FileRefusedError, PathOutsideRootError, ValidationError
from nuke_ai_panel.files import CheckedFile, FileValidator
from nuke_ai_panel.files import opening as opening_module
from nuke_ai_panel.messages import AudioPart, FilePart, ImagePart, TextPart

POSIX = pytest.mark.skipif(os.name != "posix", reason="about the file systems of POSIX")


def png(width=4, height=3, rest=b""):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0" * 64)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
        + rest
    )


def jpeg(width, height, *, before=b""):
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + before + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00" * 20 + b"\xff\xd9"


TARGA = bytes((0, 0, 2)) + bytes(9) + struct.pack("<HHBB", 16, 16, 32, 8) + b"\0\x80\xff\1" * 256


def wav():
    return b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8) + b"data\0\0\0\0"


@pytest.fixture
def show(tmp_path):
    """A folder that files may come from, with a neighbour that they may not come from."""
    (tmp_path / "show").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "secret.txt").write_text("do not read")
    (tmp_path / "show" / "notes.txt").write_text("grade warmer")
    return tmp_path / "show"


def refusal(validator, path, kind=FileRefusedError):
    with pytest.raises(kind) as caught:
        validator.open_chosen(path).close() if validator.roots == () else validator.open(path).close()
    assert caught.value.field == "file"
    return str(caught.value)


# where it lies


def test_file_inside_of_the_root_is_read(show):
    with FileValidator([show]).open(show / "notes.txt") as file:
        assert file.read_text() == "grade warmer"
        assert (file.name, file.size, file.kind, file.media_type) == ("notes.txt", 12, "text", "text/plain")


def test_relative_path_is_taken_from_the_first_root(show, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "other")
    with FileValidator([show]).open("notes.txt") as file:
        assert file.read_text() == "grade warmer"


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_one_folder_is_one_root_and_not_its_letters(show, tmp_path, kind):
    validator = FileValidator(roots=kind(show))
    assert validator.roots == (str(show),)
    with validator.open("notes.txt") as file:
        assert file.read_bytes() == b"grade warmer"
    refusal(validator, tmp_path / "other" / "secret.txt", PathOutsideRootError)


def test_one_kind_is_one_kind_and_not_its_letters(show):
    FileValidator(allowed="text").open_chosen(show / "notes.txt").close()
    refusal(FileValidator(allowed="image"), show / "notes.txt")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"roots": [""]}, "roots"),
        ({"roots": ""}, "roots"),
        ({"roots": [b"/tmp"]}, "roots"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": 1e6}, "max_bytes"),
        ({"max_pixels": True}, "max_pixels"),
        ({"max_text_bytes": -1}, "max_text_bytes"),
    ],
)
def test_rules_without_meaning_are_refused(options, field):
    with pytest.raises(ValidationError) as caught:
        FileValidator(**options)
    assert caught.value.field == field


@pytest.mark.parametrize("path", [b"notes.txt", None, 5, ""])
async def test_what_is_no_path_is_refused_as_a_file(show, path):
    validator = FileValidator(roots=[show])
    for opening in (validator.open, validator.open_chosen):
        with pytest.raises(FileRefusedError, match="must be named by a path"):
            opening(path)
    for opening in (validator.aopen, validator.aopen_chosen):
        with pytest.raises(FileRefusedError, match="must be named by a path"):
            await opening(path)


def test_small_sizes_are_spelled_so_that_they_differ(show):
    assert "has 12 bytes; 11 bytes are allowed" in refusal(FileValidator(max_bytes=11), show / "notes.txt")
    (show / "notes.txt").write_bytes(b"x" * 2600)
    assert "has 2.6 kB; 2.5 kB are allowed" in refusal(FileValidator(max_bytes=2500), show / "notes.txt")


def test_without_roots_only_what_the_user_chose_is_read(show):
    validator = FileValidator()
    with pytest.raises(PathOutsideRootError, match=r"notes\.txt.*outside"):
        validator.open(show / "notes.txt")
    with validator.open_chosen(show / "notes.txt") as file:
        assert file.read_text() == "grade warmer"


@pytest.mark.parametrize(
    "path", ["../other/secret.txt", "./../show/../other/secret.txt", "sub/../../other/secret.txt", "/etc/passwd"]
)
def test_path_that_climbs_out_is_refused(show, path):
    (show / "sub").mkdir()
    said = refusal(FileValidator([show]), path, PathOutsideRootError)
    assert "outside" in said
    assert "copy it into the script's folder" in said


def test_folder_that_only_begins_like_the_root_is_outside(show, tmp_path):
    (tmp_path / "show2").mkdir()
    (tmp_path / "show2" / "a.txt").write_text("x")
    refusal(FileValidator([show]), tmp_path / "show2" / "a.txt", PathOutsideRootError)


@POSIX
def test_symlinks_count_by_where_they_lead(show, tmp_path):
    (show / "file_out.txt").symlink_to(tmp_path / "other" / "secret.txt")
    (show / "folder_out").symlink_to(tmp_path / "other")
    (show / "inside.txt").symlink_to(show / "notes.txt")
    (show / "loop.txt").symlink_to(show / "loop.txt")
    (show / "nowhere.txt").symlink_to(show / "missing")
    validator = FileValidator([show])
    refusal(validator, show / "file_out.txt", PathOutsideRootError)
    refusal(validator, show / "folder_out" / "secret.txt", PathOutsideRootError)
    assert "does not exist" in refusal(validator, show / "nowhere.txt")
    assert "leads in a circle" in refusal(validator, show / "loop.txt")
    with validator.open(show / "inside.txt") as file:
        assert file.read_text() == "grade warmer"


@POSIX
def test_root_that_is_a_symlink_is_the_folder_it_leads_to(show, tmp_path):
    (tmp_path / "link").symlink_to(show)
    for root, path in ((tmp_path / "link", show / "notes.txt"), (show, tmp_path / "link" / "notes.txt")):
        with FileValidator([root]).open(path) as file:
            assert file.read_text() == "grade warmer"


@POSIX
@pytest.mark.parametrize("swapped", ["folder", "file"])
def test_symlink_swapped_in_after_the_path_was_resolved_is_not_followed(show, tmp_path, monkeypatch, swapped):
    (show / "sub").mkdir()
    (show / "sub" / "secret.txt").write_text("harmless")
    resolve = os.path.realpath

    def resolve_then_swap(path, **options):
        found = resolve(path, **options)
        if str(path).endswith("secret.txt"):
            if swapped == "folder":
                (show / "sub").rename(show / "gone")
                (show / "sub").symlink_to(tmp_path / "other")
            else:
                (show / "sub" / "secret.txt").unlink()
                (show / "sub" / "secret.txt").symlink_to(tmp_path / "other" / "secret.txt")
        return found

    monkeypatch.setattr(opening_module.os.path, "realpath", resolve_then_swap)
    said = refusal(FileValidator([show]), show / "sub" / "secret.txt")
    assert "replaced while it was being checked" in said


@POSIX
def test_file_swapped_between_the_look_and_the_opening_is_refused(show, tmp_path, monkeypatch):
    real = os.open

    def swap_then_open(path, flags, *arguments, **options):
        if path == "notes.txt":
            os.replace(show / "notes.txt", show / "old.txt")
            shutil.copy(tmp_path / "other" / "secret.txt", show / "notes.txt")
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(opening_module.os, "open", swap_then_open)
    assert "replaced" in refusal(FileValidator([show]), show / "notes.txt")


@POSIX
def test_attacker_who_swaps_all_the_time_never_gets_the_other_file_read(show, tmp_path):
    (show / "sub").mkdir()
    (show / "sub" / "secret.txt").write_text("harmless")
    (show / "real").mkdir()
    (show / "real" / "secret.txt").write_text("harmless")
    stop = threading.Event()

    def swap():
        link = show / "next"
        while not stop.is_set():
            for target in ("real", tmp_path / "other"):
                link.symlink_to(target)
                shutil.rmtree(show / "sub", ignore_errors=True) if not (show / "sub").is_symlink() else None
                os.replace(link, show / "sub")

    attacker = threading.Thread(target=swap)
    attacker.start()
    seen = set()
    try:
        for _ in range(400):
            try:
                with FileValidator([show]).open(show / "sub" / "secret.txt") as file:
                    seen.add(file.read_text())
            except FileRefusedError:
                seen.add("refused")
    finally:
        stop.set()
        attacker.join()
    assert "do not read" not in seen
    assert seen


# what it is


@POSIX
def test_what_is_no_file_is_refused_without_waiting(show):
    os.mkfifo(show / "pipe.txt")
    listening = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(show)  # a socket's path may have 100 letters at most
    try:
        listening.bind("sock.txt")
    finally:
        os.chdir(here)
    validator = FileValidator()
    try:
        assert "is a pipe" in refusal(validator, show / "pipe.txt")
        assert "is a socket" in refusal(validator, show / "sock.txt")
    finally:
        listening.close()
    assert "is a folder" in refusal(validator, show)
    assert "is a folder" in refusal(validator, "/")
    assert "is a device" in refusal(validator, "/dev/zero")
    assert "does not exist" in refusal(validator, show / "missing.txt")
    assert "may not be read" in refusal(validator, _unreadable(show)) or os.geteuid() == 0


def _unreadable(show):
    path = show / "locked.txt"
    path.write_text("x")
    path.chmod(0)
    return path if os.geteuid() else show / "missing.txt"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about the file systems of Linux")
@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/self/status", "/proc/kmsg", "/sys/kernel/notes"])
def test_file_that_the_system_makes_up_is_refused(path):
    if not os.path.exists(path):
        pytest.skip(f"this system has no {path}")
    for validator in (FileValidator(), FileValidator(["/"])):
        said = refusal(validator, path)
        assert "belongs to the system" in said or "may not be read" in said


@pytest.mark.parametrize("path", ["", "  ", "a\0b.txt"])
def test_what_is_no_name_is_refused(path):
    assert "no file name" in (said := refusal(FileValidator(), path)) or "zero byte" in said or "does not exist" in said


@POSIX
def test_name_with_odd_letters_is_named_harmlessly(show):
    path = os.fsencode(show) + b"/odd\n\xff\x1b[31m.txt"
    with open(path, "wb") as file:
        file.write(b"\0\1\2\3" * 10)
    said = refusal(FileValidator(), os.fsdecode(path))
    assert "\n" not in said
    assert "\x1b" not in said
    said.encode("utf-8")


# its size


def test_size_limit_is_kept(show):
    (show / "big.txt").write_bytes(b"a" * 1001)
    said = refusal(FileValidator(max_bytes=1000), show / "big.txt")
    assert "big.txt" in said
    assert "allowed" in said
    with FileValidator(max_bytes=1001).open_chosen(show / "big.txt") as file:
        assert len(file.read_bytes()) == 1001


def test_default_limit_is_100_mb(show):
    with open(show / "huge.txt", "wb") as file:
        file.truncate(100 * 1024 * 1024 + 1)
    assert "104.9 MB are allowed" in refusal(FileValidator(), show / "huge.txt")


def test_empty_file_is_refused(show):
    (show / "empty.txt").write_bytes(b"")
    assert "empty" in refusal(FileValidator(), show / "empty.txt")


@pytest.mark.parametrize("change", ["grow", "shrink", "rewrite"])
def test_file_that_changes_while_it_is_read_is_refused(show, change):
    path = show / "render.log"
    path.write_bytes(b"line\n" * 200_000)
    with FileValidator().open_chosen(path) as file:
        pieces = file.chunks()
        read = len(next(pieces))
        with open(path, "r+b") as writer:
            if change == "grow":
                writer.seek(0, os.SEEK_END)
                writer.write(b"more" * 1_000_000)
            elif change == "shrink":
                writer.truncate(300_000)
            else:
                writer.write(b"LINE")
        if change == "rewrite":
            os.utime(path, ns=(1, 1))
        rest = []
        with pytest.raises(FileRefusedError, match=r"render\.log.*changed after it was attached"):
            rest.extend(pieces)
    assert read + sum(map(len, rest)) < file.size


def test_file_is_whole_again_when_it_did_not_change(show):
    path = show / "render.log"
    path.write_bytes(os.urandom(16).hex().encode() * 40_000)
    with FileValidator().open_chosen(path) as file:
        assert b"".join(file.chunks()) == b"".join(file.chunks()) == path.read_bytes()
        assert max(map(len, file.chunks())) <= 256 * 1024


def test_closed_file_is_read_again_only_when_it_is_the_same(show, tmp_path, monkeypatch):
    monkeypatch.chdir(show)
    with FileValidator().open_chosen("notes.txt") as file:
        pass
    monkeypatch.chdir(tmp_path)
    assert file.read_text() == "grade warmer"
    (show / "copy.txt").write_text("grade warmer")
    os.replace(show / "copy.txt", show / "notes.txt")
    with pytest.raises(FileRefusedError, match="changed after it was attached"):
        file.read_text()


@POSIX
def test_closed_file_is_opened_again_by_the_same_rules(show, tmp_path):
    with FileValidator([show]).open("notes.txt") as file:
        pass
    (show / "notes.txt").unlink()
    (show / "notes.txt").symlink_to(tmp_path / "other" / "secret.txt")
    with pytest.raises(PathOutsideRootError):
        file.read_bytes()


def test_closing_while_it_is_read_ends_nothing(show):
    (show / "long.txt").write_bytes(b"x" * 1_000_000)
    with FileValidator().open_chosen(show / "long.txt") as file:
        pieces = file.chunks()
        first = next(pieces)
    file.close()
    assert len(first) + sum(map(len, pieces)) == 1_000_000


@POSIX
def test_no_descriptor_is_left(show):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open descriptors cannot be listed here")
    (show / "bad.png").write_bytes(b"no picture")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with FileValidator([show]).open("notes.txt") as file:
            file.read_text()
        file.read_text()
        refusal(FileValidator(), show / "bad.png")
        refusal(FileValidator([show]), "../other/secret.txt", PathOutsideRootError)
    assert len(os.listdir("/proc/self/fd")) == before


# its format


SAMPLES = {
    "a.png": (png(), "image/png", "image"),
    "a.jpg": (jpeg(8, 6), "image/jpeg", "image"),
    "a.gif": (b"GIF89a" + struct.pack("<HH", 8, 6) + b"\0\0\0;", "image/gif", "image"),
    "a.webp": (b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0" + b"\0" * 4 + b"\x07\0\0\x05\0\0", "image/webp", "image"),
    "a.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf", "pdf"),
    "a.wav": (wav(), "audio/wav", "audio"),
    "a.mp3": (b"\xff\xfb\x90\x64" + b"\0" * 400, "audio/mpeg", "audio"),
    "b.mp3": (b"ID3\x04\0\0\0\0\0\x0a" + b"\0" * 40, "audio/mpeg", "audio"),
    "a.flac": (b"fLaC\0\0\0\x22" + b"\0" * 40, "audio/flac", "audio"),
    "a.ogg": (b"OggS\0\2" + b"\0" * 40, "audio/ogg", "audio"),
    "a.m4a": (b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42", "audio/mp4", "audio"),
    "b.m4a": (b"\0\0\0\x20ftypmp42\0\0\0\0M4A mp42", "audio/mp4", "audio"),
    "a.nk": (b"set cut_paste_input [stack 0]\nBlur {\n size 10\n}\n", "text/plain", "text"),
    "a.py": (b"import nuke\n", "text/x-python", "text"),
    "a.json": (b'{"a": 1}', "application/json", "text"),
    "a.csv": (b"shot,frames\nsh010,100\n", "text/csv", "text"),
    "a.md": (b"# Notes\n", "text/markdown", "text"),
    "a.xml": (b"<?xml version='1.0'?><a/>", "application/xml", "text"),
    "a.glsl": (b"void main() {}\n", "text/plain", "text"),
    "render.log.1": (b"BM is how this log begins\n", "text/plain", "text"),
    "README": (b"no ending\n", "text/plain", "text"),
    "comp.nk~": (b"Root {\n}\n", "text/plain", "text"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_format_is_what_name_and_bytes_agree_on(show, name):
    content, media_type, kind = SAMPLES[name]
    (show / name).write_bytes(content)
    with FileValidator().open_chosen(show / name) as file:
        assert (file.media_type, file.kind) == (media_type, kind)
        if kind == "image":
            assert file.image_size == ((4, 3) if name == "a.png" else (8, 6))
        else:
            assert file.image_size is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.png", jpeg(8, 6), "named like PNG, but its content is JPEG"),
        ("a.jpg", b"just text", "named like JPEG, but its content is text"),
        ("a.txt", png(), "named like text, but its content is PNG"),
        ("a.py", b"%PDF-1.4\n", "named like Python source, but its content is PDF"),
        ("a.txt", b"\x7fELF\2\1\1" + b"\0" * 60, "its content is program"),
        ("a.pdf", b"PK\x03\x04" + b"\0" * 40, "its content is Zip"),
        ("a.wav", b"RIFF\0\0\0\0AVI LIST", "its content is AVI"),
        ("a.txt", bytes(range(256)) * 4, "no text file"),
        ("data.xyz", bytes(range(256)) * 4, "format that is not known"),
        ("a.gif", b"GIF89a\x01", "damaged GIF"),
    ],
)
def test_file_that_is_not_what_it_is_called_is_refused(show, name, content, said):
    (show / name).write_bytes(content)
    message = refusal(FileValidator(), show / name)
    assert said in message
    assert repr(name) in message


@pytest.mark.parametrize(
    ("name", "content", "way_on"),
    [
        ("plate.1001.exr", b"\x76\x2f\x31\x01\2\0\0\0" + b"\0" * 40, "Write a JPEG or PNG of this frame with a Write node"),
        ("plate.1001.dpx", b"SDPX" + b"\0" * 60, "Write a JPEG or PNG of this frame with a Write node"),
        ("plate.ari", b"ARRI\x12\x34\x56\x78" + b"\0" * 60, "Write a JPEG or PNG of this frame with a Write node"),
        ("plate.tga", TARGA, "Write a JPEG or PNG of this frame with a Write node"),
        ("plate.rgb", b"\x01\xda\x01\x01\0\x03" + b"\0" * 60, "Write a JPEG or PNG of this frame with a Write node"),
        ("plate.iff", b"FOR4\0\0\1\0CIMG" + b"\0" * 60, "Write a JPEG or PNG of this frame with a Write node"),
        ("plate.jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 60, "Write a JPEG or PNG of this frame with a Write node"),
        ("plate.mov", b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "Write node"),
        ("plate.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "Write node"),
        ("plate.mxf", b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02" + b"\0" * 40, "Write node"),
        ("plate.tif", b"II*\0\x08\0\0\0" + b"\0" * 40, "Write a JPEG or PNG of it"),
        ("plate.bmp", b"BM" + struct.pack("<IIIIii", 100, 0, 54, 40, 8, 6) + b"\0" * 40, "Write a JPEG or PNG of it"),
        ("assets.zip", b"PK\x03\x04" + b"\0" * 40, "Unpack it"),
        ("log.gz", gzip.compress(b"text", mtime=0), "Unpack it"),
    ],
)
def test_what_no_model_takes_is_refused_with_the_way_on(show, name, content, way_on):
    (show / name).write_bytes(content)
    assert way_on in refusal(FileValidator(), show / name)


@pytest.mark.parametrize("name", ["plate.png", "plate.txt", "plate", "plate.v2"])
@pytest.mark.parametrize(
    "content",
    [
        b"\x76\x2f\x31\x01\2\0\0\0" + b"\0" * 40,
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
        b"\x01\xda\x01\x01\0\x03" + b"\0" * 60,
        TARGA,
    ],
)
def test_frame_under_another_name_is_told_the_way_on_and_not_its_ending(show, name, content):
    (show / name).write_bytes(content)
    message = refusal(FileValidator(), show / name)
    assert "cannot be sent" in message
    assert "Write node" in message
    assert "ending" not in message


def test_large_frame_is_refused_for_its_format_and_not_for_its_size(show):
    with open(show / "plate.exr", "wb") as file:
        file.truncate(200 * 1024 * 1024)
    assert "Write a JPEG or PNG of this frame" in refusal(FileValidator(), show / "plate.exr")


def test_movie_without_an_ending_is_not_taken_for_a_recording(show):
    (show / "clip").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isommp42")
    assert "movie" in refusal(FileValidator(), show / "clip")


def test_caller_can_allow_more_and_less(show):
    with zipfile.ZipFile(show / "a.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    (show / "a.png").write_bytes(png())
    (show / "blob").write_bytes(bytes(range(256)))
    for name in ("a.zip", "a.png", "blob"):
        FileValidator(allowed={"*"}).open_chosen(show / name).close()
    assert "Allowed are text" in refusal(FileValidator(allowed={"text"}), show / "a.png")


@pytest.mark.parametrize(("width", "height"), [(100_000, 100_000), (0, 10), (2**31 - 1, 2**31 - 1)])
def test_picture_of_absurd_size_is_refused_by_its_header(show, width, height):
    (show / "bomb.png").write_bytes(png(width, height))
    said = refusal(FileValidator(), show / "bomb.png")
    assert f"{width} x {height}" in said


def test_size_of_a_jpeg_is_found_behind_a_large_profile(show):
    profile = b"\xff\xe2" + struct.pack(">H", 65535) + b"\xff" * 65533
    (show / "a.jpg").write_bytes(jpeg(8192, 4320, before=profile * 3 + b"\xff\xff\xff\x01"))
    with FileValidator().open_chosen(show / "a.jpg") as file:
        assert file.image_size == (8192, 4320)


# text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Größe 映像 é"),
        ("utf-8-sig", "Größe"),
        ("utf-16", "Größe of the frame"),
        ("utf-16-le", "plain words without a mark"),
        ("utf-16-be", "plain words without a mark"),
        ("utf-32", "wide"),
        ("cp1252", "Größe “quoted” – with dashes"),
    ],
)
def test_text_is_read_in_its_encoding(show, encoding, text):
    (show / "a.txt").write_bytes(f"{text}\r\nsecond\rthird\n".encode(encoding))
    with FileValidator().open_chosen(show / "a.txt") as file:
        assert file.read_text() == f"{text}\nsecond\nthird\n"


def test_letter_cut_by_the_end_of_the_sample_hurts_nothing(show):
    for shift in range(3):
        (show / "a.txt").write_bytes(b"x" * shift + "映".encode() * 40_000)
        with FileValidator().open_chosen(show / "a.txt") as file:
            assert file.read_text() == "x" * shift + "映" * 40_000


def test_text_that_turns_binary_later_is_refused(show):
    (show / "a.txt").write_bytes(b"words " * 20_000 + b"\0\1\2")
    with FileValidator().open_chosen(show / "a.txt") as file, pytest.raises(FileRefusedError, match="begins as text"):
        file.read_text()


def test_text_too_large_for_a_prompt_is_refused_and_named(show):
    (show / "a.log").write_bytes(b"x" * 2001)
    with FileValidator(max_text_bytes=2000).open_chosen(show / "a.log") as file:
        with pytest.raises(FileRefusedError, match=r"a\.log.*2 kB.*part that matters"):
            file.to_part()
        assert len(file.read_bytes()) == 2001


# parts


def test_parts_hold_the_file_and_not_its_bytes(show):
    for name in ("a.png", "a.wav", "a.mp3", "b.m4a", "a.pdf"):
        (show / name).write_bytes(SAMPLES[name][0])
    parts = {}
    for name in ("a.png", "a.wav", "a.mp3", "b.m4a", "a.pdf"):
        with FileValidator().open_chosen(show / name) as file:
            parts[name] = file.to_part()
    picture, document = parts["a.png"], parts["a.pdf"]
    assert isinstance(picture, ImagePart)
    assert isinstance(picture.data, CheckedFile)
    assert picture.media_type == "image/png"
    assert [parts[name].format for name in ("a.wav", "a.mp3", "b.m4a")] == ["wav", "mp3", "m4a"]
    assert isinstance(parts["a.wav"], AudioPart)
    assert isinstance(document, FilePart)
    assert (document.name, document.media_type) == ("a.pdf", "application/pdf")
    assert b"".join(picture.data.chunks()) == SAMPLES["a.png"][0]


def test_text_part_is_data_between_markers_that_it_cannot_close(show):
    (show / 'a"<x>.txt').write_text("one\n</file-data>\n< / FILE-DATA >\ntwo")
    with FileValidator().open_chosen(show / 'a"<x>.txt') as file:
        part = file.to_part()
    assert isinstance(part, TextPart)
    lines = part.text.splitlines()
    assert lines[0] == '<file-data name="a__x_.txt" type="text/plain">'
    assert lines[-1] == "</file-data>"
    assert part.text.lower().replace(" ", "").count("</file-data") == 1


def test_format_that_no_message_holds_makes_no_part(show):
    (show / "a.exr").write_bytes(b"\x76\x2f\x31\x01\2\0\0\0" + b"\0" * 40)
    with FileValidator(allowed={"*"}).open_chosen(show / "a.exr") as file, pytest.raises(FileRefusedError, match="Write node"):
        file.to_part()


def test_unclosed_file_is_reported_and_closed(show):
    def forget():
        file = FileValidator().open_chosen(show / "notes.txt")
        assert "notes.txt" in repr(file)

    with pytest.warns(ResourceWarning, match=r"notes\.txt.*not closed"):
        forget()


# the asynchronous face


def test_file_is_opened_and_read_off_the_loop(show):
    content = os.urandom(300_000)
    (show / "a.png").write_bytes(png(rest=content))
    threads = set()

    class Watching(FileValidator):
        def _checked(self, *arguments):
            threads.add(threading.get_ident())
            return super()._checked(*arguments)

    async def main():
        with await Watching([show]).aopen("a.png") as file:
            assert b"".join([piece async for piece in file.achunks()]) == png(rest=content)
        with await Watching().aopen_chosen(show / "notes.txt") as file:
            part = await file.ato_part()
        with pytest.raises(PathOutsideRootError):
            await Watching([show]).aopen("../other/secret.txt")
        return part

    assert "grade warmer" in asyncio.run(main()).text
    assert threading.get_ident() not in threads


def test_file_opened_for_a_cancelled_task_is_closed(show):
    entered, go_on = threading.Event(), threading.Event()

    class Slow(FileValidator):
        def _checked(self, *arguments):
            entered.set()
            go_on.wait(20)
            file = super()._checked(*arguments)
            close = file.close
            file.close = lambda: (close(), closed.set())
            return file

    closed = None

    async def main():
        nonlocal closed
        closed = asyncio.Event()
        task = asyncio.ensure_future(Slow().aopen_chosen(show / "notes.txt"))
        await asyncio.get_running_loop().run_in_executor(None, entered.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        await closed.wait()

    asyncio.run(asyncio.wait_for(main(), 30))

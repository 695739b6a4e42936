from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuke_ai_panel.files.formats import ending_of, formats_of_bytes
from nuke_ai_panel.files.image_size import image_size
from nuke_ai_panel.files.names import is_inside_windows_folder, shown_name, why_name_is_refused
from nuke_ai_panel.files.text_encoding import text_encoding


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (r"C:\show\NUL", "device NUL"),
        (r"C:\show\con.txt", "device CON"),
        (r"C:\aux\plate.png", "device AUX"),
        (r"C:\show\COM1.log", "device COM1"),
        ("C:\\show\\lpt\u00b2.txt", "device LPT"),
        (r"C:\show\conin$", "device CONIN$"),
        (r"C:\show\nul .txt", "device NUL"),
        (r"C:\show\notes.txt:hidden", "alternate stream"),
        (r"C:\show\notes.txt::$DATA", "alternate stream"),
        (r"\\.\PhysicalDrive0", "names a device"),
        (r"\\?\GLOBALROOT\Device\HarddiskVolume1\x", "names a device"),
        (r"\??\C:\x", "names a device"),
        ("//./pipe/x", "names a device"),
        ("C:notes.txt", "current folder of a drive"),
        ("C:\\show\\notes.txt.", "dot or a blank"),
        ("C:\\show\\notes.txt ", "dot or a blank"),
        ("C:\\show\\no*tes?.txt", "no file name has"),
        ("C:\\show\\no\ntes.txt", "no file name has"),
    ],
)
def test_odd_windows_name_is_refused(path, said):
    assert said in why_name_is_refused(path, windows=True)


@pytest.mark.parametrize(
    "path",
    [
        r"C:\show\console.txt",
        r"C:\show\.nuke\init.py",
        r"..\plates\a.v001.png",
        r"\\server\share\a.png",
        "C:/show/comet.txt",
        r"D:\com10.txt",
        r"C:\sh 1\nullable.txt",
    ],
)
def test_usual_windows_name_is_fine(path):
    assert why_name_is_refused(path, windows=True) == ""


def test_windows_rules_are_for_windows_only():
    for path in ("/show/aux.txt", "/show/a:b.txt", "/show/what?.txt"):
        assert why_name_is_refused(path, windows=False) == ""
    assert "zero byte" in why_name_is_refused("/a\0b", windows=False)
    assert why_name_is_refused(" ", windows=False)


@pytest.mark.parametrize(
    ("path", "folder", "inside"),
    [
        (r"C:\show\a.png", r"c:\SHOW", True),
        (r"C:/show/sub/../a.png", "C:\\show\\", True),
        (r"C:\show2\a.png", r"C:\show", False),
        (r"C:\show\..\other\a.png", r"C:\show", False),
        (r"D:\show\a.png", r"C:\show", False),
        (r"\\?\C:\show\a.png", r"C:\show", True),
        (r"\\?\UNC\server\share\show\a.png", r"\\server\share\show", True),
        (r"\\evil\share\a.png", r"\\server\share", False),
        (r"C:\a.png", "C:\\", True),
    ],
)
def test_windows_folder_is_compared_by_words(path, folder, inside):
    assert is_inside_windows_folder(path, folder) is inside


def test_shown_name_is_short_and_harmless():
    assert shown_name("/home/artist/show/plate.png") == "'plate.png'"
    assert shown_name("C:\\show\\plate.png") == "'plate.png'"
    assert len(shown_name("/" + "x" * 5000)) < 100
    assert "\x1b" not in shown_name("/a\x1b[2J.txt")


@pytest.mark.parametrize(("name", "ending"), [("a.PNG", "png"), ("a.b.nk", "nk"), (".env", ""), ("README", ""), ("a.", "")])
def test_ending(name, ending):
    assert ending_of(name) == ending


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"\xff\xd8\xff", b"II*\0", b"MM\0+", b"RIFF\0\0\0\0WEBP", b"ID3", b"BM"]))
def test_any_bytes_are_told_without_an_error(tail, beginning):
    head = beginning + tail
    for found in formats_of_bytes(head, is_whole=True):
        size = image_size(found.media_type, lambda offset, count: head[offset : offset + count])
        assert size is None or len(size) == 2
    encoding = text_encoding(head, is_whole=True)
    if encoding:
        head.decode(encoding)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_every_text_is_told_to_be_text(text, encoding):
    found = text_encoding(text.encode(encoding), is_whole=True)
    assert found
    assert text.encode(encoding).decode(found) == text


def test_tiff_of_every_kind_tells_its_size():
    def entry(order, tag, kind, value, big):
        import struct

        count, form = ("Q", "Q") if big else ("I", "I")
        if kind == 3:
            packed = struct.pack(order + "H", value) + b"\0" * (6 if big else 2)
        else:
            packed = struct.pack(order + form, value)
        return struct.pack(order + "HH" + count, tag, kind, 1) + packed

    import struct

    for order, mark in (("<", b"II"), (">", b"MM")):
        for kind in (3, 4):
            small = mark + struct.pack(order + "HIH", 42, 8, 2)
            small += entry(order, 256, kind, 2048, False) + entry(order, 257, kind, 1556, False)
            big = mark + struct.pack(order + "HHHQQ", 43, 8, 0, 16, 2)
            big += entry(order, 256, 3 if kind == 3 else 16, 2048, True) + entry(order, 257, 3 if kind == 3 else 16, 1556, True)
            for raw in (small, big):
                assert image_size("image/tiff", lambda offset, count, raw=raw: raw[offset : offset + count]) == (2048, 1556)


def test_lossy_and_lossless_webp_tell_their_size():
    lossy = (
        b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 4 + b"\0\0\0\x9d\x01\x2a" + (640).to_bytes(2, "little") + (360).to_bytes(2, "little")
    )
    bits = (640 - 1) | (360 - 1) << 14
    lossless = b"RIFF\0\0\0\0WEBPVP8L" + b"\0" * 4 + b"\x2f" + bits.to_bytes(4, "little") + b"\0" * 10
    for raw in (lossy, lossless):
        assert image_size("image/webp", lambda offset, count, raw=raw: raw[offset : offset + count]) == (640, 360)

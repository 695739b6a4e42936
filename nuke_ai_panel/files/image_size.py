"""Width and height of a picture out of its header; nothing is decoded, so nothing can swell."""

from __future__ import annotations

import struct
from collections.abc import Callable

__all__ = ["image_size"]

ReadAt = Callable[[int, int], bytes]
"""Called with offset and count; returns what lies there, less at the end of the file."""

_MOST_SEGMENTS = 2000


def image_size(media_type: str, read_at: ReadAt) -> tuple[int, int] | None:
    """Return width and height in pixels, or None where the header of the file is damaged or of an unknown format."""
    reader = _READERS.get(media_type)
    if reader is None:
        return None
    try:
        return reader(read_at)
    except (struct.error, IndexError, ValueError):
        return None


def _png(read_at: ReadAt) -> tuple[int, int] | None:
    head = read_at(0, 24)
    if head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _jpeg(read_at: ReadAt) -> tuple[int, int] | None:
    offset = 2
    for _ in range(_MOST_SEGMENTS):
        marker = read_at(offset, 9)
        if len(marker) < 4 or marker[0] != 0xFF:
            return None
        kind = marker[1]
        if kind == 0xFF:
            offset += 1
            continue
        if kind == 0x01 or 0xD0 <= kind <= 0xD7:
            offset += 2
            continue
        # The frame headers; C4, C8 and CC are other things.
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", marker[5:9])
            return width, height
        if kind in (0xD9, 0xDA):
            return None
        length = struct.unpack(">H", marker[2:4])[0]
        if length < 2:
            return None
        offset += 2 + length
    return None


def _gif(read_at: ReadAt) -> tuple[int, int] | None:
    width, height = struct.unpack("<HH", read_at(6, 4))
    return width, height


def _webp(read_at: ReadAt) -> tuple[int, int] | None:
    head = read_at(0, 30)
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _bmp(read_at: ReadAt) -> tuple[int, int] | None:
    head = read_at(0, 26)
    if head[14:18] in (b"\x0c\0\0\0", b"\x10\0\0\0"):
        width, height = struct.unpack("<HH", head[18:22])
    else:
        width, height = struct.unpack("<ii", head[18:26])
    return width, abs(height)


def _tiff(read_at: ReadAt) -> tuple[int, int] | None:
    head = read_at(0, 16)
    order = "<" if head[:2] == b"II" else ">"
    if struct.unpack(order + "H", head[2:4])[0] == 43:
        start, count_form, entry = struct.unpack(order + "Q", head[8:16])[0], "Q", 20
    else:
        start, count_form, entry = struct.unpack(order + "I", head[4:8])[0], "H", 12
    width_of_count = struct.calcsize(order + count_form)
    count = struct.unpack(order + count_form, read_at(start, width_of_count))[0]
    found: dict[int, int] = {}
    for number in range(min(count, 500)):
        raw = read_at(start + width_of_count + number * entry, entry)
        tag, kind = struct.unpack(order + "HH", raw[:4])
        if tag in (256, 257):
            form = {3: "H", 4: "I", 16: "Q"}.get(kind)
            if form is None:
                return None
            value = raw[12 if entry == 20 else 8 :]
            found[tag] = struct.unpack(order + form, value[: struct.calcsize(order + form)])[0]
    return (found[256], found[257]) if len(found) == 2 else None


_READERS: dict[str, Callable[[ReadAt], tuple[int, int] | None]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/bmp": _bmp,
    "image/tiff": _tiff,
}

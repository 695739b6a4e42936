"""Which kind of file it is: by the ending of its name, and by its first bytes. Pure functions of bytes and names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nuke_ai_panel.files.text_encoding import text_encoding

__all__ = ["SENDABLE", "SNIFFED", "FileFormat", "FileKind", "ending_of", "formats_of_bytes", "formats_of_ending"]

FileKind = Literal["image", "pdf", "text", "audio", "frame", "movie", "archive", "other"]

SNIFFED = 64 * 1024
"""Bytes of a file's beginning that decide what it is."""

SENDABLE: frozenset[str] = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "pdf", "text", "audio"})
"""What models take: media types, and kinds of which every format will do."""

_FRAME = "Write a JPEG or PNG of this frame with a Write node and attach that."
_PICTURE = "Models take JPEG, PNG, GIF and WebP. Write a JPEG or PNG of it with a Write node and attach that."
_MOVIE = "Read it into the script, write a JPEG or PNG of one frame with a Write node and attach that."
_ARCHIVE = "Unpack it and attach the file that matters."
_OFFICE = "Save it as PDF or plain text and attach that."
_PROGRAM = "Attach text, a picture, a recording or a PDF."


@dataclass(frozen=True)
class FileFormat:
    """One format. ``endings`` are in lower case without the dot; ``preview`` says what to attach instead, or is ""."""

    title: str
    media_type: str
    kind: FileKind
    endings: tuple[str, ...]
    preview: str = ""
    #: What an audio part calls it, where that is not the first ending.
    audio_name: str = ""


def _begins(*signatures: bytes, at: int = 0) -> Callable[[bytes], bool]:
    return lambda head: any(head.startswith(signature, at) for signature in signatures)


def _riff(*forms: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX") and head[8:12] in forms


def _brand(*brands: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[4:8] == b"ftyp" and any(head[8:12].startswith(brand) for brand in brands)


def _is_bmp(head: bytes) -> bool:
    # Two letters alone are the beginning of many a text; the size of the second header is one of a few.
    return head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and head[14:18] in _BMP_HEADERS


_BMP_HEADERS = tuple(size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124))


def _is_mp3(head: bytes) -> bool:
    if head[:3] == b"ID3":
        return len(head) > 9 and head[3] in (2, 3, 4)
    # A frame of layer II or III with a bit rate and a sample rate that exist.
    return (
        len(head) > 3
        and head[0] == 0xFF
        and head[1] & 0xE0 == 0xE0
        and head[1] >> 3 & 3 != 1
        and head[1] >> 1 & 3 in (1, 2)
        and head[2] >> 4 not in (0, 15)
        and head[2] >> 2 & 3 != 3
    )


def _is_mov(head: bytes) -> bool:
    return _brand(b"qt  ")(head) or head[4:8] in (b"moov", b"mdat", b"wide", b"pnot")


def _is_mxf(head: bytes) -> bool:
    # The partition key may follow a run-in of up to 64 kB (SMPTE ST 377-1).
    return b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02" in head


def _is_targa(head: bytes) -> bool:
    # It has no signature: a picture without a colour map, of a depth that exists, and with the unused bits empty.
    return (
        len(head) > 18
        and head[1] == 0
        and head[2] in (2, 3, 10, 11)
        and head[3:8] == bytes(5)
        and head[12:14] != b"\0\0" != head[14:16]
        and head[16] in (8, 15, 16, 24, 32)
        and head[17] & 0xC0 == 0
        and head[17] & 0x0F <= 8
    )


def _is_transport_stream(head: bytes) -> bool:
    return len(head) > 376 and head[0] == head[188] == head[376] == 0x47


_ISO_BRANDS = (b"isom", b"iso", b"mp4", b"mp7", b"avc", b"dash", b"M4V", b"MSNV", b"3g", b"f4v", b"XAVC", b"NDS")

_BINARY: tuple[tuple[FileFormat, Callable[[bytes], bool]], ...] = (
    (FileFormat("PNG", "image/png", "image", ("png",)), _begins(b"\x89PNG\r\n\x1a\n")),
    (FileFormat("JPEG", "image/jpeg", "image", ("jpg", "jpeg", "jpe", "jfif")), _begins(b"\xff\xd8\xff")),
    (FileFormat("GIF", "image/gif", "image", ("gif",)), _begins(b"GIF87a", b"GIF89a")),
    (FileFormat("WebP", "image/webp", "image", ("webp",)), _riff(b"WEBP")),
    (FileFormat("BMP", "image/bmp", "image", ("bmp", "dib"), _PICTURE), _is_bmp),
    (
        FileFormat("TIFF", "image/tiff", "image", ("tif", "tiff", "ftif", "dng", "nef", "cr2", "arw"), _PICTURE),
        _begins(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    ),
    (FileFormat("HEIF", "image/heif", "image", ("heic", "heif", "avif"), _PICTURE), _brand(b"hei", b"hev", b"mif1", b"avif")),
    (FileFormat("Photoshop", "image/vnd.adobe.photoshop", "image", ("psd", "psb"), _PICTURE), _begins(b"8BPS")),
    (FileFormat("OpenEXR", "image/x-exr", "frame", ("exr", "sxr"), _FRAME), _begins(b"\x76\x2f\x31\x01")),
    (FileFormat("DPX", "image/x-dpx", "frame", ("dpx",), _FRAME), _begins(b"SDPX", b"XPDS")),
    (FileFormat("Cineon", "image/x-cineon", "frame", ("cin",), _FRAME), _begins(b"\x80\x2a\x5f\xd7", b"\xd7\x5f\x2a\x80")),
    (FileFormat("Radiance HDR", "image/vnd.radiance", "frame", ("hdr", "pic"), _FRAME), _begins(b"#?RADIANCE", b"#?RGBE")),
    (FileFormat("ARRIRAW", "image/x-arriraw", "frame", ("ari",), _FRAME), _begins(b"ARRI")),
    (
        FileFormat("SGI", "image/x-sgi", "frame", ("sgi", "rgb", "rgba", "bw"), _FRAME),
        _begins(b"\x01\xda\x00", b"\x01\xda\x01"),
    ),
    (
        FileFormat("Maya IFF", "image/x-maya-iff", "frame", ("iff",), _FRAME),
        lambda head: head[:4] == b"FOR4" and head[8:12] == b"CIMG",
    ),
    (FileFormat("Targa", "image/x-tga", "frame", ("tga", "targa"), _FRAME), _is_targa),
    (
        FileFormat("JPEG 2000", "image/jp2", "frame", ("jp2", "j2k", "j2c"), _FRAME),
        _begins(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    ),
    (FileFormat("PDF", "application/pdf", "pdf", ("pdf",)), _begins(b"%PDF-")),
    (FileFormat("WAV", "audio/wav", "audio", ("wav", "wave", "bwf")), _riff(b"WAVE")),
    (FileFormat("FLAC", "audio/flac", "audio", ("flac",)), _begins(b"fLaC")),
    (FileFormat("Ogg", "audio/ogg", "audio", ("ogg", "oga", "opus")), _begins(b"OggS")),
    (
        FileFormat("AIFF", "audio/aiff", "audio", ("aiff", "aif", "aifc")),
        lambda head: head[:4] == b"FORM" and head[8:11] == b"AIF",
    ),
    (FileFormat("MP3", "audio/mpeg", "audio", ("mp3",)), _is_mp3),
    (FileFormat("MPEG-4", "video/mp4", "movie", ("mp4", "m4v", "3gp"), _MOVIE), _brand(*_ISO_BRANDS)),
    (
        FileFormat("MPEG-4 audio", "audio/mp4", "audio", ("m4a", "m4b"), audio_name="m4a"),
        _brand(b"M4A", b"M4B", b"mp4", b"iso", b"dash"),
    ),
    (FileFormat("QuickTime", "video/quicktime", "movie", ("mov", "qt"), _MOVIE), _is_mov),
    (FileFormat("Matroska", "video/x-matroska", "movie", ("mkv", "webm", "mka"), _MOVIE), _begins(b"\x1a\x45\xdf\xa3")),
    (FileFormat("AVI", "video/x-msvideo", "movie", ("avi",), _MOVIE), _riff(b"AVI ")),
    (FileFormat("MPEG", "video/mpeg", "movie", ("mpg", "mpeg", "vob"), _MOVIE), _begins(b"\0\0\x01\xba", b"\0\0\x01\xb3")),
    (FileFormat("MPEG transport stream", "video/mp2t", "movie", ("ts", "mts", "m2ts"), _MOVIE), _is_transport_stream),
    (FileFormat("R3D", "video/x-r3d", "movie", ("r3d",), _MOVIE), _begins(b"RED1", b"RED2", at=4)),
    (FileFormat("MXF", "application/mxf", "movie", ("mxf",), _MOVIE), _is_mxf),
    (
        FileFormat("Zip", "application/zip", "archive", ("zip", "egg", "whl", "usdz"), _ARCHIVE),
        _begins(b"PK\x03\x04", b"PK\x05\x06"),
    ),
    (
        FileFormat("Office document", "application/zip", "archive", ("docx", "xlsx", "pptx", "odt", "ods", "odp"), _OFFICE),
        _begins(b"PK\x03\x04"),
    ),
    (
        FileFormat("Office document", "application/x-ole-storage", "archive", ("doc", "xls", "ppt", "msi"), _OFFICE),
        _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ),
    (FileFormat("Gzip", "application/gzip", "archive", ("gz", "tgz", "gzip"), _ARCHIVE), _begins(b"\x1f\x8b\x08")),
    (FileFormat("Bzip2", "application/x-bzip2", "archive", ("bz2",), _ARCHIVE), _begins(b"BZh")),
    (FileFormat("XZ", "application/x-xz", "archive", ("xz",), _ARCHIVE), _begins(b"\xfd7zXZ\0")),
    (FileFormat("Zstandard", "application/zstd", "archive", ("zst",), _ARCHIVE), _begins(b"\x28\xb5\x2f\xfd")),
    (FileFormat("7-Zip", "application/x-7z-compressed", "archive", ("7z",), _ARCHIVE), _begins(b"7z\xbc\xaf\x27\x1c")),
    (FileFormat("RAR", "application/vnd.rar", "archive", ("rar",), _ARCHIVE), _begins(b"Rar!\x1a\x07")),
    (FileFormat("tar", "application/x-tar", "archive", ("tar",), _ARCHIVE), _begins(b"ustar", at=257)),
    (FileFormat("program", "application/x-executable", "other", ("so", "o", "bin", "elf"), _PROGRAM), _begins(b"\x7fELF")),
    (
        FileFormat("program", "application/x-dosexec", "other", ("exe", "dll", "pyd", "sys"), _PROGRAM),
        lambda h: h[:2] == b"MZ" and b"\0" in h,
    ),
    (
        FileFormat("program", "application/x-mach-binary", "other", ("dylib", "bundle"), _PROGRAM),
        _begins(b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"),
    ),
)

_PLAIN = FileFormat("text", "text/plain", "text", ("txt", "text", "log", "ini", "cfg", "conf", "rst", "tcl", "sh", "bat"))

_TEXT: tuple[FileFormat, ...] = (
    _PLAIN,
    FileFormat("Nuke script", "text/plain", "text", ("nk", "gizmo", "autosave", "blink", "nkple")),
    FileFormat("Python source", "text/x-python", "text", ("py", "pyi")),
    FileFormat("shader source", "text/plain", "text", ("glsl", "frag", "vert", "comp", "hlsl", "osl", "metal", "cl", "cu")),
    FileFormat(
        "source code", "text/plain", "text", ("c", "h", "cc", "cpp", "cxx", "hpp", "js", "ts", "css", "lua", "mel", "rs", "go")
    ),
    FileFormat("JSON", "application/json", "text", ("json", "jsonl", "ndjson", "ipynb")),
    FileFormat("CSV", "text/csv", "text", ("csv", "tsv")),
    FileFormat("Markdown", "text/markdown", "text", ("md", "markdown")),
    FileFormat("XML", "application/xml", "text", ("xml", "fcpxml", "svg", "cdl", "ccc")),
    FileFormat("HTML", "text/html", "text", ("html", "htm")),
    FileFormat("YAML", "application/yaml", "text", ("yaml", "yml", "toml", "ocio")),
    FileFormat("lookup table", "text/plain", "text", ("cube", "3dl", "csp", "spi1d", "spi3d", "vf", "look")),
    FileFormat("scene text", "text/plain", "text", ("usda", "obj", "chan", "mtl", "srt", "vtt", "edl", "ale")),
)


def ending_of(name: str) -> str:
    """Return the ending of `name` in lower case without its dot, or "": a leading dot begins no ending."""
    stem, dot, ending = name.rpartition(".")
    return ending.lower() if dot and stem else ""


def formats_of_ending(ending: str) -> list[FileFormat]:
    """Return the formats whose names end so; none for an unknown ending."""
    return [found for found in (*(each for each, _ in _BINARY), *_TEXT) if ending in found.endings]


def formats_of_bytes(head: bytes, *, is_whole: bool = False) -> list[FileFormat]:
    """Return the formats that a file beginning with `head` can be of, the likeliest first; none where that cannot be told.

    `head` is the first ``SNIFFED`` bytes, `is_whole` says that there are no more. Text that is of no certain format is
    ``text/plain`` and every other text format at once: only its ending tells them apart.
    """
    found = [each for each, is_it in _BINARY if is_it(head)]
    if found:
        return found
    return list(_TEXT) if text_encoding(head, is_whole=is_whole) else []

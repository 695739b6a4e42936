"""A file that may be attached, as it was when it was checked."""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType

from nuke_ai_panel.aio.daemon_work import in_worker
from nuke_ai_panel.errors import FileRefusedError
from nuke_ai_panel.files.formats import FileFormat, FileKind
from nuke_ai_panel.files.opening import OpenedFile, read_at, refused
from nuke_ai_panel.messages import AudioPart, FilePart, ImagePart, Part, TextPart

__all__ = ["CheckedFile"]

CHUNK = 256 * 1024
"""Bytes that are read at once."""

_CLOSING_MARK = re.compile(r"<(\s*/\s*file-data)", re.IGNORECASE)


class CheckedFile:
    """The contents of one file: what was checked is what is read, or reading fails. Made by ``FileValidator``.

    It is a :class:`~nuke_ai_panel.messages.Content`, so a part that is made of it is read while it is sent. Use it as a context
    manager, or call :meth:`close`. A part outlives that, in the history of a conversation for example: read again after
    closing, the file is opened again by the same rules, and must not have changed. Methods may be called from several threads;
    those without an ``a`` before their name block.

    Attributes:
        name: the last part of its path.
        path: its path as it was given.
        size: bytes.
        format: what its name and its first bytes agree on.
        image_size: width and height of a picture in pixels, out of its header; else None.
        encoding: of a text, as ``bytes.decode`` calls it; else "".
    """

    def __init__(
        self,
        path: str,
        opened: OpenedFile,
        reopen: Callable[[], OpenedFile],
        found: FileFormat,
        *,
        image_size: tuple[int, int] | None,
        encoding: str,
        largest_text: int,
    ) -> None:
        self.path = path
        self.name = os.path.basename(os.path.abspath(path))
        self.size = opened.size
        self.format = found
        self.image_size = image_size
        self.encoding = encoding
        self._opened = opened
        self._reopen = reopen
        self._largest_text = largest_text
        self._lock = threading.Lock()
        self._is_open = True

    @property
    def kind(self) -> FileKind:
        """``"image"``, ``"pdf"``, ``"text"``, ``"audio"`` and so on."""
        return self.format.kind

    @property
    def media_type(self) -> str:
        """E.g. ``image/png``."""
        return self.format.media_type

    def __repr__(self) -> str:
        return f"CheckedFile({self.name!r}, {self.media_type}, {self.size} bytes)"

    def __enter__(self) -> CheckedFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_is_open", False):
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)
            self.close()

    def __reduce__(self) -> str:
        raise TypeError("a CheckedFile cannot be pickled or copied; check the path again where it is needed")

    def close(self) -> None:
        """Let go of the file. May be called twice, and while it is being read."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                os.close(self._opened.descriptor)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the first one on, 256 kB at a time. It blocks.

        Raises:
            FileRefusedError: the file was changed since it was checked, or cannot be read.
        """
        descriptor = self._own_descriptor()
        try:
            offset = 0
            while offset < self.size:
                chunk = self._read(descriptor, offset, min(CHUNK, self.size - offset))
                if not chunk:
                    raise self._changed()
                offset += len(chunk)
                if offset == self.size:
                    # Before the last piece leaves: whoever gets it may take the file for whole.
                    self._require_same(descriptor)
                yield chunk
        finally:
            os.close(descriptor)

    async def achunks(self) -> AsyncIterator[bytes]:
        """Yield what :meth:`chunks` yields, read in worker threads."""
        pieces = self.chunks()
        while (piece := await in_worker(lambda: next(pieces, None))) is not None:
            yield piece

    def read_bytes(self) -> bytes:
        """Return the whole contents; raises what :meth:`chunks` raises."""
        return b"".join(self.chunks())

    def read_text(self) -> str:
        """Return the contents of a text, with line feeds only between its lines.

        Raises:
            FileRefusedError: it is no text, is larger than a prompt should be, or what :meth:`chunks` raises.
        """
        if not self.encoding:
            raise self._refused("is no text.")
        if self.size > self._largest_text:
            raise self._refused(
                f"is larger than the {_in_words(self._largest_text)} of text that go into a prompt. Attach the part that"
                " matters."
            )
        raw = self.read_bytes()
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError:
            # What lay behind the beginning that was looked at tells that it is another one after all.
            text = raw.decode("cp1252", "replace")
        if "\0" in text:
            raise self._refused("begins as text, but is not. Attach text, a picture, a recording or a PDF.")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def to_part(self) -> Part:
        """Return the part of a message that shows this file to a model. It blocks for a text, which is read at once.

        A text stands between markers with its name, as data that gives no orders.

        Raises:
            FileRefusedError: no part can be made of its format, or what :meth:`read_text` raises.
        """
        if self.kind == "text":
            body = _CLOSING_MARK.sub(r"<\\\1", self.read_text())
            name = re.sub(r'[<>"\x00-\x1f]', "_", self.name.encode("utf-8", "replace").decode("utf-8"))
            return TextPart(f'<file-data name="{name}" type="{self.media_type}">\n{body}\n</file-data>')
        if self.kind == "image":
            return ImagePart(self, self.media_type)
        if self.kind == "audio":
            return AudioPart(self, self.format.audio_name or self.format.endings[0])
        if self.kind == "pdf":
            return FilePart(self.name, self, self.media_type)
        raise self._refused(f"is of the format {self.format.title}, which no message can hold. {self.format.preview}".rstrip())

    async def ato_part(self) -> Part:
        """Return what :meth:`to_part` returns; a text is read in a worker thread."""
        return await in_worker(self.to_part)

    def _own_descriptor(self) -> int:
        """Return a descriptor that the caller closes, of the same file in the same state."""
        with self._lock:
            if self._is_open:
                return os.dup(self._opened.descriptor)
        again = self._reopen()
        if (again.identity, again.size, again.modified) != (self._opened.identity, self._opened.size, self._opened.modified):
            os.close(again.descriptor)
            raise self._changed()
        return again.descriptor

    def _read(self, descriptor: int, offset: int, count: int) -> bytes:
        try:
            return read_at(descriptor, offset, count)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        raise self._refused(f"cannot be read: {reason}. Check the disk it lies on.")

    def _require_same(self, descriptor: int) -> None:
        now = os.fstat(descriptor)
        if (now.st_size, now.st_mtime_ns) != (self._opened.size, self._opened.modified) or self._read(descriptor, self.size, 1):
            raise self._changed()

    def _changed(self) -> FileRefusedError:
        return self._refused("was changed after it was attached. Attach it again when nothing writes to it any more.")

    def _refused(self, why: str) -> FileRefusedError:
        return refused(self.path, why)


def _in_words(size: int) -> str:
    return f"{size / 1_000_000:.0f} MB" if size >= 1_000_000 else f"{size / 1000:.0f} kB"

"""Decide whether a file may be attached."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Union

from nuke_ai_panel.aio.daemon_work import in_worker
from nuke_ai_panel.errors import FileRefusedError, PathOutsideRootError, ValidationError
from nuke_ai_panel.files.checked_file import CheckedFile
from nuke_ai_panel.files.formats import SENDABLE, SNIFFED, FileFormat, ending_of, formats_of_bytes, formats_of_ending
from nuke_ai_panel.files.image_size import image_size
from nuke_ai_panel.files.opening import OpenedFile, open_checked, read_at, refused
from nuke_ai_panel.files.text_encoding import text_encoding

__all__ = ["LARGEST_FILE", "FilePath", "FileValidator", "NamedFile"]

LARGEST_FILE = 100 * 1024 * 1024
"""Bytes that an attachment may have unless told otherwise."""

FilePath = Union[str, "os.PathLike[str]"]

_UNKNOWN = FileFormat("data", "application/octet-stream", "other", ())


def _spelled(path: FilePath, field: str) -> str:
    """Return `path` as text. Raises: FileRefusedError: it is none."""
    named = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path
    if not isinstance(named, str) or not named:
        seen = "an empty text, which is no file name" if named == "" else f"a value of the type {type(named).__name__}"
        raise FileRefusedError(f"{field} must be named by a path, not by {seen}.", field=field, allowed="a path")
    return named


def _in_words(size: int) -> str:
    if size < 1_000_000:
        return f"{size / 1000:,.1f} kB" if size >= 1000 else f"{size} bytes"
    return f"{size / 1_000_000:,.1f} MB"


@dataclass(frozen=True)
class NamedFile:
    """A path that somebody else than the user named, and the folders it may lie in; a relative one is taken from the first.

    ``way_on`` is what the user can do about one that lies elsewhere.
    """

    path: str
    roots: tuple[str, ...]
    way_on: str = ""

    async def aopen(self) -> CheckedFile:
        """Return the checked file; raises what :meth:`FileValidator.open` raises."""
        try:
            return await FileValidator(self.roots).aopen(self.path)
        except PathOutsideRootError as error:
            if self.way_on:
                error.message = f"{error.message.partition('. ')[0]}. {self.way_on}"
                error.args = (error.message,)
            raise


class FileValidator:
    """Checks files before a model sees them. Holds no file open itself; may be used from several threads.

    Two questions are asked of a path. Who named it? A path that the user chose (file dialog, drop, command line, own code) goes
    through :meth:`open_chosen` and may lie anywhere. A path that a model, a script or a web page named goes through
    :meth:`open` and must lie inside ``roots``, usually the folder of the script and those of the project; without roots there
    is none that may. Everything else is checked alike.

    Args:
        roots: folders that named files may come from, or one folder. A link inside that leads outside does not count as inside.
        max_bytes: the largest size. Reading stops there whatever the file says of itself.
        allowed: media types, and kinds (``"image"``, ``"text"``...) of which every format will do, or one; ``"*"`` is anything.
        max_pixels: width times height of a picture; only its header is read.
        max_text_bytes: the largest text that :meth:`CheckedFile.read_text` puts into a prompt.

    Raises:
        ValidationError: a root has no name, or a limit is no whole number above 0.
    """

    def __init__(
        self,
        roots: FilePath | Iterable[FilePath] = (),
        *,
        max_bytes: int = LARGEST_FILE,
        allowed: str | Collection[str] = SENDABLE,
        max_pixels: int = 100_000_000,
        max_text_bytes: int = 4_000_000,
    ) -> None:
        # A text is a row of letters, and one of those of a path is the root of everything.
        named = (roots,) if isinstance(roots, (str, os.PathLike)) else tuple(roots)
        self.roots = tuple(os.path.abspath(_spelled(root, "roots")) for root in named)
        for field, value in (("max_bytes", max_bytes), ("max_pixels", max_pixels), ("max_text_bytes", max_text_bytes)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValidationError(f"{field} must be a whole number above 0.", field=field, allowed="1 or more")
        self.max_bytes = max_bytes
        self.allowed = frozenset((allowed,) if isinstance(allowed, str) else allowed)
        self.max_pixels = max_pixels
        self.max_text_bytes = max_text_bytes

    def open(self, path: FilePath) -> CheckedFile:
        """Return the checked file at `path`, which somebody else than the user named. It blocks; the caller closes it.

        A relative path is taken from the first root.

        Raises:
            PathOutsideRootError: it lies outside of the roots, or there are none.
            FileRefusedError: anything else; the message says what to do.
        """
        return self._checked(self._from_root(path), self.roots)

    def open_chosen(self, path: FilePath) -> CheckedFile:
        """Return the checked file at `path`, which the user chose and which may lie anywhere; see :meth:`open`."""
        return self._checked(_spelled(path, "file"), None)

    async def aopen(self, path: FilePath) -> CheckedFile:
        """Do what :meth:`open` does in a worker thread."""
        return await self._in_a_worker(self._from_root(path), self.roots)

    async def aopen_chosen(self, path: FilePath) -> CheckedFile:
        """Do what :meth:`open_chosen` does in a worker thread."""
        return await self._in_a_worker(_spelled(path, "file"), None)

    def _from_root(self, path: FilePath) -> str:
        return os.path.join(*self.roots[:1], _spelled(path, "file"))

    async def _in_a_worker(self, path: str, roots: tuple[str, ...] | None) -> CheckedFile:
        opening = in_worker(lambda: self._checked(path, roots))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread goes on; the file that it opens belongs to nobody.
            opening.add_done_callback(_close_unwanted)
            raise

    def _checked(self, path: str, roots: tuple[str, ...] | None) -> CheckedFile:
        # It may be opened again later, when the current folder is another one. Not made whole by abspath, which drops ".."
        # without regard to symlinks.
        path = os.path.join(os.getcwd(), path) if path else path
        opened = open_checked(path, roots)
        try:
            return self._examined(path, opened, roots)
        except BaseException:
            os.close(opened.descriptor)
            raise

    def _examined(self, path: str, opened: OpenedFile, roots: tuple[str, ...] | None) -> CheckedFile:
        name = os.path.basename(path)
        by_name = formats_of_ending(ending_of(name))
        # A frame or a movie is refused for what it is before its size is spoken of: making it smaller would not help.
        for found in by_name[:1]:
            if found.kind in ("frame", "movie") and not self._takes(found):
                raise self._not_taken(path, found)
        if opened.size > self.max_bytes:
            raise refused(
                path,
                f"has {_in_words(opened.size)}; {_in_words(self.max_bytes)} are allowed. Attach a smaller version or a part of"
                " it.",
            )
        if opened.size == 0:
            raise refused(path, "is empty, so there is nothing to attach. Was it saved?")
        head = self._head(path, opened)
        found = self._agreed(path, name, head, by_name, is_whole=len(head) == opened.size)
        if not self._takes(found):
            raise self._not_taken(path, found)
        return CheckedFile(
            path,
            opened,
            lambda: open_checked(path, roots),
            found,
            image_size=self._pixels(path, opened, found) if found.kind == "image" else None,
            encoding=text_encoding(head, is_whole=len(head) == opened.size) if found.kind == "text" else "",
            largest_text=self.max_text_bytes,
        )

    def _head(self, path: str, opened: OpenedFile) -> bytes:
        head = b""
        try:
            while len(head) < min(SNIFFED, opened.size):
                piece = read_at(opened.descriptor, len(head), min(SNIFFED, opened.size) - len(head))
                if not piece:
                    raise refused(
                        path, "became shorter while it was being checked. Attach it when nothing writes to it any more."
                    )
                head += piece
        except OSError as error:
            reason = error.strerror or type(error).__name__
        else:
            return head
        raise refused(path, f"cannot be read: {reason}. Check the disk it lies on.")

    def _agreed(self, path: str, name: str, head: bytes, by_name: list[FileFormat], *, is_whole: bool) -> FileFormat:
        """Return the format that the name and the first bytes agree on."""
        by_bytes = formats_of_bytes(head, is_whole=is_whole)
        for found in by_name:
            if found in by_bytes:
                return found
        if not by_bytes:
            if not by_name and "*" in self.allowed:
                return _UNKNOWN
            said = f"is no {by_name[0].title} file, as its name says, and damaged or of" if by_name else "is of"
            raise refused(path, f"{said} a format that is not known. Attach text, a picture, a recording or a PDF.")
        real = by_bytes[0]
        if not by_name:
            # No ending, or one that nobody knows (a log.1, a .nk~): nothing contradicts what the bytes say.
            return real
        if real.preview and not self._takes(real):
            # With the ending that belongs to it, it would be refused again.
            raise refused(
                path, f"is named like {by_name[0].title}, but its content is {real.title}, which cannot be sent. {real.preview}"
            )
        raise refused(
            path,
            f"is named like {by_name[0].title}, but its content is {real.title}. Give it the ending that belongs to it"
            f" (.{real.endings[0]}), or attach the file that was meant.",
        )

    def _pixels(self, path: str, opened: OpenedFile, found: FileFormat) -> tuple[int, int] | None:
        try:
            size = image_size(found.media_type, lambda offset, count: read_at(opened.descriptor, offset, count))
        except OSError:
            size = None
        if size is None:
            if found.preview:
                # Allowed by the caller's own wish, and nothing here reads its header.
                return None
            raise refused(path, f"is a damaged {found.title}: its header tells no size. Write it again.")
        width, height = size
        if width <= 0 or height <= 0:
            raise refused(path, f"is a damaged {found.title}: its header says {width} x {height} pixels. Write it again.")
        if width * height > self.max_pixels:
            raise refused(
                path,
                f"has {width} x {height} pixels; {self.max_pixels / 1_000_000:,.0f} million are allowed. Scale it down with a"
                " Reformat node and attach that.",
            )
        return size

    def _takes(self, found: FileFormat) -> bool:
        return bool(self.allowed & {found.media_type, found.kind, "*"})

    def _not_taken(self, path: str, found: FileFormat) -> Exception:
        what = {"frame": "a frame of", "movie": "a movie of", "archive": "an archive of"}.get(found.kind, "of")
        way_on = found.preview or f"Allowed are {', '.join(sorted(self.allowed))}."
        return refused(path, f"is {what} the format {found.title}, which cannot be sent. {way_on}")


def _close_unwanted(opening: asyncio.Future[CheckedFile]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()

"""The body of an answer, piece by piece, with its compression undone within bounds.

The HTTP library could undo it too, but grows a piece to 32 MB at once, and what it understands depends on what is installed.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import ProtocolError

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Body", "is_lost", "left_in"]

_LARGEST_PIECE = 256 * 1024


class _Inflate:
    """Undo gzip or deflate; what one piece grows to is handed out in bounded parts."""

    def __init__(self, encoding: str) -> None:
        self._gzip = encoding != "deflate"
        self._zlib: zlib._Decompress | None = None
        self.waiting = b""

    def feed(self, data: bytes) -> bytes:
        """Return the next part; while :attr:`waiting` is not empty, feed it again.

        Raises:
            zlib.error: it is not compressed as announced.
        """
        if self._zlib is None:
            # Some servers send deflate without its wrapper: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.2
            bits = 31 if self._gzip else 15 if data[0] & 0x0F == 8 else -15
            self._zlib = zlib.decompressobj(wbits=bits)
        part = self._zlib.decompress(data, _LARGEST_PIECE)
        self.waiting = self._zlib.unconsumed_tail
        if self._zlib.eof:
            # Several gzip files one after another are one: https://www.rfc-editor.org/rfc/rfc1952#section-2.2
            rest = self._zlib.unused_data
            self.waiting = rest if self._gzip and rest.startswith(b"\x1f\x8b") else b""
            self._zlib = zlib.decompressobj(wbits=31) if self.waiting else self._zlib
        return part


class Body:
    """Read the body of `response`.

    Raises:
        ProtocolError: it is in an encoding that was not asked for.
    """

    def __init__(self, response: aiohttp.ClientResponse, provider: str = "") -> None:
        self._response = response
        self._content = response.content
        self._provider = provider
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding in ("", "identity"):
            self._inflate = None
        elif encoding in ("gzip", "x-gzip", "deflate"):
            self._inflate = _Inflate(encoding)
        else:
            raise self._unreadable(f"in the encoding {encoding[:40]!r}, which was not asked for")

    def _unreadable(self, how: str) -> ProtocolError:
        return ProtocolError(
            f"The server sent its answer {how}.",
            provider=self._provider,
            kind="bad_encoding",
            next_step="A proxy that changes answers may be in the way; ask whoever runs it.",
        )

    async def piece(self) -> bytes:
        """Return the next piece, at most 256 kB where it was compressed, b"" at the end.

        Raises:
            ProtocolError: it is not compressed as announced.
            ConnectionResetError: the connection broke; :meth:`rescue` has what had come.
        """
        inflate = self._inflate
        if inflate is None:
            try:
                return await self._content.readany()
            except Exception as error:
                if self._is_foreign(error):
                    raise
            # Raised here, because what the library raises must not hang on it.
            raise ConnectionResetError("the connection is gone")
        while True:
            if inflate.waiting:
                data = inflate.waiting
                # A little can grow to very much; others on the loop must have their turn.
                await asyncio.sleep(0)
            else:
                data = await self._compressed()
            if not data:
                return b""
            failed = False
            try:
                part = inflate.feed(data)
            except zlib.error:
                failed = True
            if failed:
                raise self._unreadable("compressed, but damaged")
            if part:
                return part

    def ready(self) -> bytes:
        """Return what has come already and can be had without waiting, b"" where that is nothing."""
        if self._inflate is not None or self._content.exception() is not None:
            return b""
        return self._content.read_nowait()

    async def _compressed(self) -> bytes:
        try:
            return await self._content.readany()
        except Exception as error:
            if self._is_foreign(error):
                raise
        raise ConnectionResetError("the connection is gone")

    def _is_foreign(self, error: Exception) -> bool:
        """Return whether `error` is something else than what the library raises where the connection is gone."""
        import aiohttp

        if isinstance(error, (aiohttp.ClientError, OSError)):
            return False
        # A plain RuntimeError is how aiohttp 3.13 says that the connection was gone before the reader looked.
        return not isinstance(error, RuntimeError) or (self._content.exception() is None and not is_lost(self._response))

    def rescue(self) -> bytes:
        """Return what had arrived before the connection broke and was not read yet."""
        left = left_in(self._content)
        if not left or self._inflate is None:
            return left
        try:
            return self._inflate.feed(left)
        except zlib.error:
            return b""


def is_lost(response: aiohttp.ClientResponse) -> bool:
    """Return whether the connection is gone although the body is not complete."""
    connection = response.connection
    if connection is None:
        return False
    return connection.transport is None or connection.transport.is_closing()


def left_in(content: aiohttp.StreamReader) -> bytes:
    """Return what had arrived before the connection broke, and empty the reader.

    The reader of aiohttp 3.13 raises as soon as the connection breaks, although bytes may still lie in it, and has no public
    way to them. They can be the last words of an answer.
    """
    pieces = getattr(content, "_buffer", None)
    if not pieces:
        return b""
    left = b"".join(pieces)[getattr(content, "_buffer_offset", 0) :]
    pieces.clear()
    return left

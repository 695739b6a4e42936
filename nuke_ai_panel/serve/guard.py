"""Who may speak to the server: programs on this machine that know its token.

A page in a browser of this machine reaches loopback too. It is kept out by the token, which it cannot know; by its ``Origin``;
and by the ``Host`` it was served under, where a foreign name has been made to point here (DNS rebinding).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from nuke_ai_panel.errors import ValidationError

__all__ = ["AccessDeniedError", "check_access", "check_loopback", "new_token", "read_or_make_token"]

_SHORTEST_TOKEN = 16
_LONGEST_TOKEN = 512


class AccessDeniedError(Exception):
    """A request is not let in; ``status`` is 401 or 403."""

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


def check_loopback(host: str) -> str:
    """Return the address to listen on for `host`.

    Raises:
        ValidationError: it can be reached from other machines.
    """
    address = "127.0.0.1" if host.strip().lower() == "localhost" else host.strip().strip("[]")
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(address).is_loopback:
            return address
    raise ValidationError(
        f"The task server listens on this machine only, and {host!r} is not an address of it."
        " To reach it from another one, let SSH forward its port.",
        field="host",
        value=repr(host),
        allowed="127.0.0.1, ::1 or localhost",
    )


def check_access(headers: Mapping[str, str], token: str) -> None:
    """Return if a request with these `headers` may pass. Raises: AccessDeniedError."""
    host = headers.get("Host", "")
    if not _is_here(host):
        raise AccessDeniedError("This server answers under the names of this machine only.", 403, "foreign_host")
    origin = headers.get("Origin")
    if origin is not None and (urlsplit(origin).netloc.lower() != host.lower() or not origin.lower().startswith("http")):
        raise AccessDeniedError("Pages of other origins are not served.", 403, "foreign_origin")
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    # Compared as bytes, because texts that are not ASCII cannot be compared in constant time.
    is_known = secrets.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token.encode("utf-8"))
    if scheme.lower() != "bearer" or not is_known:
        raise AccessDeniedError("The token is missing or wrong. Send it as: Authorization: Bearer …", 401, "token")


def _is_here(host: str) -> bool:
    if not re.fullmatch(r"[0-9A-Za-z.:\[\]-]{1,100}", host):
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def read_or_make_token(path: Path) -> str:
    """Return the token in the file at `path`; where there is none, write a new one that only its owner can read.

    It reads and writes a file. Raises:
        ValidationError: the file can be read by others, or holds no usable token.
        OSError: it cannot be read or written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_token(path)
    token = new_token()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return token


def _read_token(path: Path) -> str:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValidationError(
                f"The token in {str(path)!r} can be read by others. Run: chmod 600 {path}", field="token_file"
            )
        text = file.read(_LONGEST_TOKEN + 2).strip()
    if not re.fullmatch(rb"[!-~]{%d,%d}" % (_SHORTEST_TOKEN, _LONGEST_TOKEN), text):
        raise ValidationError(
            f"{str(path)!r} holds no token: one line of {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} letters, digits and signs."
            " Remove the file to have one made.",
            field="token_file",
        )
    return text.decode("ascii")

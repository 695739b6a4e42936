"""Make the address of a server out of what people type, and say what was changed."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from nuke_ai_panel.errors import ValidationError

__all__ = [
    "OLLAMA_DEFAULT",
    "OPENROUTER_DEFAULT",
    "heal_ollama",
    "heal_openai",
    "host_and_port",
    "is_loopback",
    "origin",
    "shown_address",
    "shown_base",
]

OLLAMA_DEFAULT = "http://127.0.0.1:11434"
OPENROUTER_DEFAULT = "https://openrouter.ai/api/v1"

_OLLAMA_PORT = 11434
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_OPENAI_ENDINGS = ("/chat/completions", "/completions", "/responses", "/models", "/embeddings", "/key")
_OLLAMA_ENDINGS = ("/api/chat", "/api/generate", "/api/tags", "/api/version", "/api", "/v1/chat/completions", "/v1")
_KEY = re.compile(r"^(sk|gsk|xai|hf|AIza)[-_]?[A-Za-z0-9_-]{16,}$")


def heal_ollama(address: str) -> tuple[str, str]:
    """Return the base URL that `address` means for Ollama, without a slash at its end, and a note on what was changed.

    It takes every form of ``OLLAMA_HOST``: nothing, ``host``, ``host:port``, ``:port``, ``[::1]:port``, a URL with a path. The
    note is "" or a short phrase such as ``"removed /api/chat"``. Healing a healed address changes nothing.

    Raises:
        ValidationError: no address can be made of it, e.g. it is a key.
    """
    healed, notes = _heal_ollama(_typed(address))
    return healed, ", ".join(notes)


def heal_openai(address: str) -> tuple[str, str]:
    """Return the base URL that `address` means for an OpenAI-compatible server; see :func:`heal_ollama`.

    ``/v1`` (``/api/v1`` at OpenRouter) is added where there is no path; nothing at all means OpenRouter.

    Raises:
        ValidationError: no address can be made of it, e.g. it is a key.
    """
    healed, notes = _heal_openai(_typed(address))
    return healed, ", ".join(notes)


def _typed(address: str) -> str:
    typed = address.strip().strip("\"'").strip()
    if _KEY.match(typed):
        raise ValidationError("This looks like an API key, not an address. Put it into the key field.")
    if re.search(r"[\s\x00-\x1f\\]", typed):
        raise ValidationError(f"{shown_address(typed)!r} is not an address: it holds a blank or a backslash.")
    # Looked for before the address is taken apart, so that no variable of a traceback holds what follows.
    if re.match(r"(?:[a-z]+://)?[^/?#]*@", typed, re.IGNORECASE):
        raise ValidationError("An address must not hold a user name or password. Put a key into the key field.")
    return typed


def _heal_ollama(typed: str) -> tuple[str, list[str]]:
    if not typed:
        return OLLAMA_DEFAULT, []
    notes: list[str] = []
    if "://" not in typed:
        if re.fullmatch(r"(www\.)?ollama\.com(:443)?(/.*)?", typed, re.IGNORECASE):
            typed = "https://" + typed
            notes.append("added https://")
        else:
            typed = _with_ollama_port(typed, notes)
        default_port = _OLLAMA_PORT
    else:
        # A port alone means this machine, also behind a scheme.
        typed = re.sub(r"^(https?://)(?=:\d)", r"\g<1>127.0.0.1", typed, flags=re.IGNORECASE)
        default_port = 443 if typed.lower().startswith("https") else 80
    parts = _split(typed)
    path = _without_ending(parts.path, _OLLAMA_ENDINGS, notes)
    return _join(parts, path, notes, default_port), notes


def _with_ollama_port(typed: str, notes: list[str]) -> str:
    host, slash, path = typed.partition("/")
    if host.count(":") > 1 and not host.startswith("["):
        # A bare IPv6 address; with a port it needs brackets, so there is none here.
        host = f"[{host}]"
    if not host or host.startswith(":"):
        host = "127.0.0.1" + host
    if host.endswith(":"):
        host = host[:-1]
    if not re.search(r":[^\]]*$", host):
        host += f":{_OLLAMA_PORT}"
        notes.append(f"added http:// and port {_OLLAMA_PORT}")
    else:
        notes.append("added http://")
    return "http://" + host + slash + path


def _heal_openai(typed: str) -> tuple[str, list[str]]:
    if not typed:
        return OPENROUTER_DEFAULT, []
    notes: list[str] = []
    if "://" not in typed:
        typed = "//" + (f"127.0.0.1{typed}" if typed.startswith(":") else typed)
        scheme = "http" if _is_local(_split("http:" + typed).hostname or "") else "https"
        typed = f"{scheme}:{typed}"
        notes.append(f"added {scheme}://")
    parts = _split(typed)
    path = _without_ending(parts.path, _OPENAI_ENDINGS, notes)
    if (parts.hostname or "").lower().endswith("openrouter.ai"):
        if path in ("", "/api"):
            notes.append("added " + "/api/v1"[len(path) :])
            path = "/api/v1"
        elif path == "/v1":
            notes.append("changed /v1 to /api/v1")
            path = "/api/v1"
    elif not path:
        notes.append("added /v1")
        path = "/v1"
    return _join(parts, path, notes, None), notes


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None:
        raise ValidationError(f"{shown_address(url)!r} is not an address. An address looks like http://127.0.0.1:11434.")
    if parts.scheme not in ("http", "https"):
        raise ValidationError(f"An address begins with http:// or https://, not {parts.scheme}://.")
    if not host:
        raise ValidationError(f"{shown_address(url)!r} names no host.")
    return parts


def _without_ending(path: str, endings: tuple[str, ...], notes: list[str]) -> str:
    path = path.rstrip("/")
    for ending in endings:
        if path.endswith(ending):
            notes.append(f"removed {ending}")
            return path[: -len(ending)].rstrip("/")
    return path


def _join(parts: SplitResult, path: str, notes: list[str], default_port: int | None) -> str:
    host = (parts.hostname or "").lower()
    if parts.query or parts.fragment:
        notes.append("removed what follows the path")
    if host in _UNSPECIFIED:
        notes.append(f"{host} means every interface; connecting to {_UNSPECIFIED[host]}")
        host = _UNSPECIFIED[host]
    try:
        port = parts.port
    except ValueError:
        if default_port is None:
            raise ValidationError(f"{parts.netloc!r} has no valid port. A port is a number from 1 to 65535.") from None
        port = default_port
        notes.append(f"the port is not valid; using {default_port}")
    if port == 0:
        raise ValidationError(f"{parts.netloc!r} has no valid port. A port is a number from 1 to 65535.")
    shown = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, shown if port is None else f"{shown}:{port}", path, "", ""))


def host_and_port(url: str) -> tuple[str, int]:
    """Return the host and the port that a healed `url` leads to."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def origin(url: str) -> str:
    """Return scheme, host and port of `url`: what may be shown of it without showing a token in its path or query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def shown_address(typed: str) -> str:
    """Return what may be shown of an address as it was typed: nothing of a user name, a path or a query."""
    scheme, separator, rest = typed.strip().rpartition("://")
    return scheme + separator + re.split(r"[/?#\\]", rest)[0].rpartition("@")[2]


def shown_base(url: str) -> str:
    """Return a base URL with its path as it may be shown: what could be a token in it is left out."""
    start = shown_address(url)
    return start + re.sub(r"(?<![A-Za-z0-9_])(?=[A-Za-z_]*\d)[A-Za-z0-9_]{16,}", "…", url.partition(start)[2])


def is_loopback(host: str) -> bool:
    """Return whether `host` can only be this machine."""
    host = host.strip("[]").lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_local(host: str) -> bool:
    if is_loopback(host) or "." not in host.strip("."):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host.endswith((".local", ".lan", ".internal"))

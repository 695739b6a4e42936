"""Say what went wrong on the wire in the user's words.

Functions here build errors and do not raise them, so that the caller can raise outside its ``except`` block: an exception of
the HTTP library can hold the request's headers, and with them the key, and must not hang on ours as its context.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from html import unescape
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import APIError, ConnectionFailedError, ProtocolError, RequestTimeoutError
from nuke_ai_panel.net.address import is_loopback
from nuke_ai_panel.net.json_values import whole_characters

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Refusal",
    "connection_failure",
    "looks_like_html",
    "no_http_failure",
    "page_title",
    "proxy_login_failure",
    "redact",
    "retry_after",
    "web_page_failure",
]


@dataclass(frozen=True)
class Refusal:
    """An answer whose status is not 2xx. ``body`` is its beginning; ``retry_after`` is seconds, None where not said."""

    status: int
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    retry_after: float | None = None
    location: str = ""


def connection_failure(
    error: BaseException,
    *,
    provider: str,
    title: str,
    host: str,
    port: int,
    proxy: str = "",
    connect: float = 10.0,
    at_proxy: bool = False,
    start: str = "Start the server, or change the address.",
) -> APIError:
    """Return what `error`, raised by the HTTP library or a socket before any answer, means for the user.

    `connect` is the deadline in seconds that was allowed; `proxy` the origin of the proxy that was used, or ""; `at_proxy`
    whether the way through it was not open yet; `start` what to do where nothing listens on this machine.
    """

    def failed(message: str, next_step: str, kind: str) -> ConnectionFailedError:
        return ConnectionFailedError(message, provider=provider, kind=kind, next_step=next_step)

    if proxy and getattr(error, "status", None) == 407:
        return proxy_login_failure(proxy, provider)
    no_way = f"The proxy {proxy} could not be reached or refused.", "Check the proxy settings of this machine.", "proxy"
    if proxy and type(error).__name__ in ("ClientProxyConnectionError", "ClientHttpProxyError"):
        return failed(*no_way)
    if isinstance(error, asyncio.TimeoutError):
        return RequestTimeoutError(
            f"{host} did not answer in {connect:.0f} s." if connect >= 1 else f"{host} did not answer in {connect:g} s.",
            provider=provider,
            kind="connect_timeout",
            next_step="A firewall or proxy may be in the way.",
        )
    causes = _causes(error)
    for cause in causes:
        # aiohttp's own certificate error is one by type, but holds the real one and has none of its fields.
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_code"):
            return _certificate_failure(cause, host, failed)
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            # aiohttp's own error is one by type here too, without the fields.
            reasons = [str(getattr(each, "reason", "")) for each in causes]
            alert = next((reason for reason in reasons if "ALERT" in reason), "")
            if alert:
                words = alert.replace("_", " ").lower()
                return failed(
                    f"{host}:{port} refused this TLS connection ({words}).",
                    "It may want another TLS version or a client certificate; ask whoever runs it.",
                    "tls",
                )
            return failed(f"{host}:{port} does not speak TLS.", "Try the address with http://, or another port.", "tls")
        # aiohttp's error for an address that it cannot take apart is a ValueError as well.
        if isinstance(cause, (socket.gaierror, ValueError)) and not isinstance(cause, ssl.SSLError):
            return failed(f"No such host: {host}.", "Check the spelling, or your VPN.", "name_not_found")
        if isinstance(cause, ConnectionRefusedError):
            if is_loopback(host):
                return failed(f"Nothing is listening on port {port}.", start, "connection_refused")
            return failed(
                f"{host}:{port} refused the connection.",
                "Check the port and that the server listens on the network (Ollama: OLLAMA_HOST=0.0.0.0).",
                "connection_refused",
            )
        if isinstance(cause, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)):
            break
    else:
        if isinstance(error, OSError) and not isinstance(error, ConnectionError) and _is_unreachable(error):
            return failed(f"{host} cannot be reached.", "Check the network, or your VPN.", "unreachable")
    if proxy and at_proxy:
        return failed(*no_way)
    return failed(
        f"{host}:{port} closed the connection without an answer.",
        f"Check that {title} is running well and that nothing else listens on this port.",
        "connection_lost",
    )


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    queue: list[object] = [error]
    while queue and len(found) < 20:
        item = queue.pop(0)
        if not isinstance(item, BaseException) or item in found:
            continue
        found.append(item)
        # Attempts on several addresses of one host come as one error that holds the others.
        queue.extend(getattr(item, "exceptions", ()))
        queue.extend((getattr(item, "os_error", None), getattr(item, "certificate_error", None), item.__cause__))
        if isinstance(item, OSError) and item.errno is not None and type(item) is not _type_of(item.errno):
            queue.append(_from_number(item.errno))
    return found


def _type_of(number: int) -> type[OSError]:
    return type(OSError(number, ""))


def _from_number(number: int) -> OSError | None:
    made = OSError(number, "")
    return made if isinstance(made, ConnectionError) else None


def _is_unreachable(error: OSError) -> bool:
    return any(isinstance(cause, OSError) and cause.errno for cause in _causes(error))


def _certificate_failure(
    error: ssl.SSLCertVerificationError, host: str, failed: Callable[[str, str, str], ConnectionFailedError]
) -> ConnectionFailedError:
    # Codes of X509_verify_cert: 10 expired, 9 not yet valid, 62 host name, 64 address.
    code = error.verify_code
    if code in (62, 64):
        return failed(
            f"The certificate is for another name than {host}: {error.verify_message}.",
            "Use the name that the certificate is for.",
            "certificate_name",
        )
    if code in (9, 10):
        state = "has expired" if code == 10 else "is not valid yet"
        return failed(
            f"The certificate of {host} {state}.",
            "Check this machine's clock, then tell the server's administrator.",
            "certificate_expired",
        )
    return failed(
        f"The certificate of {host} was issued by someone this machine does not trust ({error.verify_message}).",
        "Add your studio's CA file in Settings.",
        "certificate_unknown",
    )


def proxy_login_failure(proxy: str, provider: str) -> ConnectionFailedError:
    """Return the error for a proxy that wants a login, or another one."""
    return ConnectionFailedError(
        f"The proxy {proxy} asks for a login.",
        provider=provider,
        kind="proxy",
        next_step="Ask your administrator for the proxy's address.",
    )


def no_http_failure(*, provider: str, address: str) -> ProtocolError:
    """Return the error for an answer that breaks the rules of HTTP. `address` is what is shown of the server."""
    return ProtocolError(
        f"What answers at {address} does not speak proper HTTP.",
        provider=provider,
        kind="bad_http",
        next_step="Check the port: another service may listen there, or a proxy may be broken.",
    )


def web_page_failure(body: bytes, *, provider: str, address: str, status: int | None = None) -> ProtocolError:
    """Return the error for an answer that is a web page. `address` is what is shown of the server."""
    title = page_title(body)
    shown = f" ({title})" if title else ""
    return ProtocolError(
        f"Something else answers at {address}: a web page{shown}.",
        provider=provider,
        status=status,
        kind="web_page",
        next_step="A login page or a proxy? Check the address.",
    )


_BEGINNINGS = (b"<!doctype html", b"<html")


def looks_like_html(content_type: str, body: bytes) -> bool:
    """Return whether an answer is a web page, by its type or its first bytes."""
    kind = content_type.lower()
    if "html" in kind and kind.split(";")[0].strip() in ("text/html", "application/xhtml+xml"):
        return True
    return b"<" in body[:200] and body[:200].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_BEGINNINGS)


def page_title(body: bytes) -> str:
    """Return the title of an HTML page on one line, at most 80 characters, or ""."""
    found = re.search(rb"<title[^>]*>(.*?)</title", body[:65536], re.IGNORECASE | re.DOTALL)
    if found is None:
        return ""
    return " ".join(unescape(found.group(1).decode("utf-8", "replace")).split())[:80]


def redact(shown: str, *secrets: str) -> str:
    """Return `shown` without `secrets` and without anything that looks like a key, in whole characters."""
    shown = whole_characters(shown)
    for secret in secrets:
        if len(secret) >= 4:
            shown = shown.replace(secret, "[key]")
    shown = re.sub(r"(?i)\bbearer\s+[^\s\"',}]+", "Bearer [key]", shown)
    return re.sub(r"\b(?:sk|gsk|xai|hf)[-_][A-Za-z0-9_\-.*]{6,}", "[key]", shown)


def retry_after(value: str, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, given in seconds or as a date; None where it says nothing.

    `now` is the time in seconds since the epoch.
    """
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None

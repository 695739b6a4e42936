from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from nuke_ai_panel.errors import ConnectionFailedError, RequestTimeoutError
from nuke_ai_panel.net.failures import connection_failure, looks_like_html, page_title, redact, retry_after


def said(error, host="render01", port=11434, provider="ollama", **more):
    start = "Start Ollama, or change the address."
    return connection_failure(error, provider=provider, title="Ollama", host=host, port=port, start=start, **more)


def test_refused_on_this_machine_and_elsewhere_have_their_own_words():
    here = said(ConnectionRefusedError(errno.ECONNREFUSED, "no"), host="127.0.0.1")
    assert str(here) == "Nothing is listening on port 11434. Start Ollama, or change the address."
    there = said(ConnectionRefusedError(errno.ECONNREFUSED, "no"))
    assert str(there) == (
        "render01:11434 refused the connection. Check the port and that the server listens on the network"
        " (Ollama: OLLAMA_HOST=0.0.0.0)."
    )


def test_timeout_lookup_and_unreachable_have_their_own_words():
    late = said(asyncio.TimeoutError())
    assert isinstance(late, RequestTimeoutError)
    assert str(late) == "render01 did not answer in 10 s. A firewall or proxy may be in the way."
    assert str(said(socket.gaierror(-2, "x"))) == "No such host: render01. Check the spelling, or your VPN."
    assert said(OSError(errno.EHOSTUNREACH, "x")).kind == "unreachable"
    assert said(ConnectionResetError(errno.ECONNRESET, "x")).kind == "connection_lost"


def test_refusal_inside_several_attempts_is_found():
    inner = ConnectionRefusedError(errno.ECONNREFUSED, "no")
    outer = OSError("Multiple exceptions: ...")
    outer.exceptions = [inner]
    found = said(outer, host="localhost")
    assert isinstance(found, ConnectionFailedError)
    assert found.kind == "connection_refused"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12", 12.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("Sat, 21 Nov 2026 00:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2020 00:00:30 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value, expected):
    assert retry_after(value, 1795219200.0) == expected


def test_redact_removes_the_given_key_and_what_looks_like_one():
    shown = redact("key my-own-key, Bearer abc.def, sk-or-v1-aaaaaaaaaaaa and sk-...abcd1234 stay out", "my-own-key")
    assert "my-own-key" not in shown
    assert "abc.def" not in shown
    assert "aaaaaaaaaaaa" not in shown
    assert "abcd1234" not in shown
    assert redact("a task-oriented mask-input", "") == "a task-oriented mask-input"


def test_html_is_known_by_type_or_by_its_start():
    assert looks_like_html("text/html; charset=x", b"")
    assert looks_like_html("", b"\xef\xbb\xbf \n<!DOCTYPE HTML>")
    assert not looks_like_html("application/json", b'{"a":"<html>"}')
    assert page_title(b"<title class=x>\n A &lt; B\n</title>") == "A < B"
    assert page_title(b"<title>") == ""

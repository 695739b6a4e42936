from __future__ import annotations

import traceback

import pytest

from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.net.address import heal_ollama, heal_openai, host_and_port, is_loopback, origin
from nuke_ai_panel.net.secret import Secret


def heal(typed, provider):
    return heal_ollama(typed) if provider == "ollama" else heal_openai(typed)


OLLAMA = [
    ("", "http://127.0.0.1:11434"),
    ("  ", "http://127.0.0.1:11434"),
    ("workstation", "http://workstation:11434"),
    ("workstation:8080", "http://workstation:8080"),
    (":8080", "http://127.0.0.1:8080"),
    ("0.0.0.0", "http://127.0.0.1:11434"),
    ("0.0.0.0:8080", "http://127.0.0.1:8080"),
    ("[::]:8080", "http://[::1]:8080"),
    ("::1", "http://[::1]:11434"),
    ("[::1]", "http://[::1]:11434"),
    ("[::1]:8080", "http://[::1]:8080"),
    ("http://workstation", "http://workstation"),
    ("https://workstation", "https://workstation"),
    ("https://studio.example/ollama/", "https://studio.example/ollama"),
    ("HTTP://Workstation:11434/", "http://workstation:11434"),
    ("workstation:11434/path", "http://workstation:11434/path"),
    ("workstation:notaport", "http://workstation:11434"),
    ("workstation:99999", "http://workstation:11434"),
    ("http://workstation:99999", "http://workstation:80"),
    ("https://workstation:notaport", "https://workstation:443"),
    ("workstation:", "http://workstation:11434"),
    (":", "http://127.0.0.1:11434"),
    ("/", "http://127.0.0.1:11434"),
    ("::", "http://[::1]:11434"),
    ("http://:8080", "http://127.0.0.1:8080"),
    ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
    ("https://workstation:8443/ollama", "https://workstation:8443/ollama"),
    ("[fe80::1%25eth0]:8080", "http://[fe80::1%25eth0]:8080"),
    ("ollama.com", "https://ollama.com"),
    ("Ollama.com/", "https://ollama.com"),
    ("https://ollama.com/api", "https://ollama.com"),
    ("'127.0.0.1:11434'", "http://127.0.0.1:11434"),
    ("http://127.0.0.1:11434/api", "http://127.0.0.1:11434"),
    ("http://127.0.0.1:11434/api/chat", "http://127.0.0.1:11434"),
    ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434"),
]
OPENAI = [
    ("", "https://openrouter.ai/api/v1"),
    ("openrouter.ai", "https://openrouter.ai/api/v1"),
    ("https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
    ("https://openrouter.ai/v1", "https://openrouter.ai/api/v1"),
    ("https://openrouter.ai/api/v1/chat/completions", "https://openrouter.ai/api/v1"),
    ("127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
    (":8080", "http://127.0.0.1:8080/v1"),
    ("localhost:8080/v1/", "http://localhost:8080/v1"),
    ("render01:8080", "http://render01:8080/v1"),
    ("192.168.1.9:8080", "http://192.168.1.9:8080/v1"),
    ("llm.studio.example", "https://llm.studio.example/v1"),
    ("https://llm.studio.example/v1/models", "https://llm.studio.example/v1"),
    ("https://llm.studio.example/proxy/openai", "https://llm.studio.example/proxy/openai"),
    ("http://[::1]:8080", "http://[::1]:8080/v1"),
]


@pytest.mark.parametrize(("typed", "healed"), OLLAMA)
def test_heal_ollama(typed, healed):
    assert heal(typed, "ollama")[0] == healed


@pytest.mark.parametrize(("typed", "healed"), OPENAI)
def test_heal_openai_compatible(typed, healed):
    assert heal(typed, "openrouter")[0] == healed


@pytest.mark.parametrize(
    ("provider", "healed"), [("ollama", each) for _, each in OLLAMA] + [("openrouter", each) for _, each in OPENAI]
)
def test_heal_leaves_a_healed_address_alone(provider, healed):
    assert heal(healed, provider) == (healed, "")


@pytest.mark.parametrize(
    ("typed", "provider", "note"),
    [
        ("127.0.0.1:8080", "openrouter", "added http://, added /v1"),
        ("https://a.example/v1/chat/completions", "openrouter", "removed /chat/completions"),
        ("workstation", "ollama", "added http:// and port 11434"),
        ("https://a.example/v1?api-version=2", "openrouter", "removed what follows the path"),
        ("http://127.0.0.1:11434", "ollama", ""),
    ],
)
def test_heal_says_what_it_changed(typed, provider, note):
    assert heal(typed, provider)[1] == note


@pytest.mark.parametrize("provider", ["ollama", "openrouter"])
@pytest.mark.parametrize(
    "typed",
    [
        "sk-or-v1-0123456789abcdef0123",
        "ftp://host",
        "http://",
        "http://user:secret@host",
        "my server",
        "C:\\ollama",
        "http://[::1",
        "http://h:0",
    ],
)
def test_heal_refuses_what_is_no_address(provider, typed):
    with pytest.raises(ValidationError) as caught:
        heal(typed, provider)
    assert "0123456789abcdef" not in str(caught.value)


@pytest.mark.parametrize("provider", ["ollama", "openrouter"])
@pytest.mark.parametrize("typed", ["u:{}@host", "http://u:{}@host/v1", "{}@host:1", "HTTPS://{}@[::1]:80/"])
def test_a_login_in_an_address_is_in_no_variable_of_a_traceback(provider, typed):
    password = "hunter" + "2hunter2"
    with pytest.raises(ValidationError, match="user name or password") as caught:
        heal(Secret(typed.format(password)), provider)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [str(frame.locals) for frame in shown.stack if frame.filename != __file__]
    assert ours
    assert not any(password in each for each in ours)


def test_openai_address_with_a_bad_port_is_refused():
    with pytest.raises(ValidationError, match="no valid port"):
        heal_openai("http://host:99999")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.8.9.1", True),
        ("[::1]", True),
        ("a.localhost", True),
        ("localhost.example", False),
        ("10.0.0.1", False),
        ("workstation", False),
        ("0.0.0.0", False),
    ],
)
def test_is_loopback(host, expected):
    assert is_loopback(host) is expected


def test_host_and_port_know_the_defaults():
    assert host_and_port("https://a.example/v1") == ("a.example", 443)
    assert host_and_port("http://[::1]:81/v1") == ("::1", 81)
    assert origin("https://u:p@a.example:1/x?token=1") == "https://a.example:1"

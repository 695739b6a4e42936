"""What holds a key: its repr, its variables, its copies and its pickles."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import json
import pickle
from pathlib import Path

import pytest

from nuke_ai_panel.credentials import Credentials, Key
from nuke_ai_panel.errors import APIError
from nuke_ai_panel.net.address import shown_address, shown_base
from nuke_ai_panel.net.secret import Secret, keep_out
from nuke_ai_panel.net.session import Endpoint, ServerSession
from nuke_ai_panel.providers import registry
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.settings import Settings, SettingsStore

_spec = importlib.util.spec_from_file_location("secrets_conftest", Path(__file__).with_name("conftest.py"))
common = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(common)
KEY = common.KEY


def holders():
    server = Server(f"http://127.0.0.1:1/{KEY}/v1?key={KEY}", key=KEY)
    endpoint = Endpoint("test", "Test", f"http://127.0.0.1:1/{KEY}", headers={"Authorization": f"Bearer {KEY}"})
    yield "secret", Secret(KEY)
    yield "server", Server("http://127.0.0.1:1", key=KEY)
    yield "server with a key in its address", server
    yield "replaced server", dataclasses.replace(server, connections=2)
    yield "endpoint", endpoint
    yield "session", ServerSession(endpoint)
    yield "key", Key(KEY, "keyring")
    for name in registry.PROVIDERS:
        yield name, registry.create(name, Server("http://127.0.0.1:1", key=KEY))


def walked(value, depth=4):
    """The reprs of a value, of its variables, of theirs and so on: what a debugger shows."""
    yield repr(value)
    if depth:
        for inner in vars(value).values() if hasattr(value, "__dict__") else ():
            if type(inner).__module__.startswith("nuke_ai_panel"):
                yield from walked(inner, depth - 1)
            else:
                yield repr(inner)


@pytest.mark.parametrize(("name", "holder"), list(holders()), ids=[name for name, _ in holders()])
def test_holder_of_a_key_does_not_show_it(name, holder):
    common.assert_free(repr(holder) + f"{[holder]}", KEY, where=f"repr of {name}")
    if "address" not in name and name not in ("replaced server", "endpoint", "session"):
        common.assert_free("\n".join(walked(holder)), KEY, where=f"variables of {name}")
    if dataclasses.is_dataclass(holder) and "server" not in name and name != "endpoint":
        common.assert_free(repr(dataclasses.asdict(holder)), KEY, where=f"fields of {name}")
    for twin in (copy.copy(holder), copy.deepcopy(holder) if dataclasses.is_dataclass(holder) else holder):
        common.assert_free(repr(twin), KEY, where=f"copy of {name}")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(("name", "holder"), list(holders()), ids=[name for name, _ in holders()])
def test_holder_of_a_key_is_not_pickled(name, holder, protocol):
    with pytest.raises(TypeError):
        pickle.dumps(holder, protocol)


def test_server_without_a_key_is_pickled():
    server = Server("http://127.0.0.1:1")
    assert pickle.loads(pickle.dumps(server)) == server


def test_headers_of_a_request_do_not_show_the_key():
    endpoint = Endpoint("test", "Test", "http://127.0.0.1:1", headers={"Authorization": f"Bearer {KEY}"})
    # What a session makes of them for one request, as a local variable.
    sent = {**endpoint.headers, "Accept": "application/json"}
    common.assert_free(repr(sent) + repr(vars(endpoint)), KEY, where="headers")
    assert sent["Authorization"] == f"Bearer {KEY}"


def test_secret_is_its_text_for_every_use():
    secret = Secret(f" {KEY}\n")
    assert secret.strip() == KEY
    assert isinstance(secret.strip(), Secret)
    assert f"Bearer {secret.strip()}" == f"Bearer {KEY}"
    assert {secret.strip(): 1}[KEY] == 1
    assert json.dumps(secret.strip()) == f'"{KEY}"'
    assert str(secret.strip()) == KEY
    assert repr(Secret("")) == "''"
    assert copy.deepcopy(secret) is secret


def test_server_keeps_its_key_through_changes():
    server = dataclasses.replace(Server("http://127.0.0.1:1", key=KEY), base_url="http://127.0.0.1:2")
    assert server.key == KEY
    assert "[key]" in repr(server)
    assert server == Server("http://127.0.0.1:2", key=KEY)
    assert hash(server) == hash(Server("http://127.0.0.1:2", key=KEY))


def test_credentials_show_no_key():
    credentials = Credentials(environ={"OPENROUTER_API_KEY": KEY})
    written = credentials.write("ollama", KEY)
    for shown in (repr(credentials), repr(written), repr(credentials.read("openrouter")), written.explanation):
        common.assert_free(shown, KEY, where="credentials")
    assert credentials.read("openrouter").value == KEY


def test_settings_have_no_place_for_a_key(tmp_path):
    store = SettingsStore(tmp_path / "settings.json", environ={"OPENROUTER_API_KEY": KEY, "OLLAMA_API_KEY": KEY})
    settings = store.save({"font_size": 15})
    common.assert_free(repr(settings) + (tmp_path / "settings.json").read_text(), KEY, where="settings")
    assert not [field.name for field in dataclasses.fields(Settings) if "key" in field.name]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("http://gpu-01:11434", "http://gpu-01:11434"),
        ("http://artist:word@gpu-01:11434/v1?key=x#y", "http://gpu-01:11434"),
        ("gpu-01:11434/path", "gpu-01:11434"),
        ("http://[::1", "http://[::1"),
        ("http:///v1?key=x", "http://"),
        ("", ""),
    ],
)
def test_shown_address_has_no_path_and_no_user(typed, shown):
    assert shown_address(typed) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("http://renderfarm0123456789:8000/v1", "http://renderfarm0123456789:8000/v1"),
        ("http://h/openai/deployments/gpt-4o-mini-2024-07-18", "http://h/openai/deployments/gpt-4o-mini-2024-07-18"),
        (f"http://h/{KEY}/v1", "http://h/…/v1"),
        ("http://h/sk-or-v1-0123456789abcdef0123456789abcdef/v1", "http://h/sk-or-v1-…/v1"),
    ],
)
def test_base_url_is_shown_without_what_may_be_a_token(url, shown):
    assert shown_base(url) == shown


def test_words_of_a_server_lose_the_key_everywhere():
    error = APIError(f"said {KEY}", next_step=f"ask {KEY}", details=f"{KEY}{KEY}")
    keep_out(error, KEY)
    assert str(error) == "said [key] ask [key]"
    assert error.details == "[key][key]"
    common.assert_free(common.everything_of(error), KEY, where="the error")

from __future__ import annotations

import threading

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked

from nuke_ai_panel.credentials import SERVICE, Credentials, Key
from nuke_ai_panel.errors import CredentialError

SECRET = "sk-or-v1-0123456789abcdef"


class LockedKeyring(KeyringBackend):
    """A keyring whose user refuses to unlock it, and whose message repeats what it was given."""

    priority = 1

    def get_password(self, service, username):
        raise KeyringLocked(f"locked {SECRET}")

    def set_password(self, service, username, password):
        raise KeyringLocked(f"locked {password}")

    def delete_password(self, service, username):
        raise KeyringLocked("locked")


class HangingKeyring(KeyringBackend):
    """A keyring that waits for a password nobody types."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.release = threading.Event()

    def get_password(self, service, username):
        self.release.wait(20)

    set_password = delete_password = get_password


def test_key_is_kept_in_the_keyring():
    credentials = Credentials(environ={})
    assert credentials.read("openrouter") == Key("", "none", "No key is stored.")
    written = credentials.write("openrouter", f" {SECRET}\n")
    assert written.source == "keyring"
    assert keyring.get_password(SERVICE, "openrouter") == SECRET
    found = Credentials(environ={}).read("openrouter")
    assert (found.value, found.source) == (SECRET, "keyring")
    assert "keyring" in found.explanation


def test_keys_of_providers_are_apart():
    credentials = Credentials(environ={})
    credentials.write("openrouter", "one")
    credentials.write("ollama", "two")
    credentials.delete("openrouter")
    assert credentials.read("openrouter").source == "none"
    assert credentials.read("ollama").value == "two"
    credentials.delete("openrouter")


@pytest.mark.parametrize(("provider", "variable"), [("openrouter", "OPENROUTER_API_KEY"), ("ollama", "OLLAMA_API_KEY")])
def test_environment_overrides_visibly(provider, variable):
    credentials = Credentials(environ={variable: f" {SECRET} "})
    credentials.write(provider, "stored")
    found = credentials.read(provider)
    assert (found.value, found.source) == (SECRET, "environment")
    assert variable in found.explanation


def test_process_environment_is_read_at_each_call(monkeypatch):
    credentials = Credentials()
    monkeypatch.setenv("OPENROUTER_API_KEY", "later")
    assert credentials.read("openrouter").value == "later"


def test_value_is_not_shown():
    assert SECRET not in repr(Key(SECRET, "keyring"))
    assert SECRET not in repr(Credentials(environ={"OPENROUTER_API_KEY": SECRET}))


@pytest.mark.parametrize(
    ("backend", "said"),
    [(LockedKeyring, "locked"), (fail.Keyring, "no keyring that can be used"), (null.Keyring, "keeps nothing")],
)
def test_keyring_that_cannot_keep_leaves_memory_and_says_so(backend, said):
    credentials = Credentials(environ={}, backend=backend())
    written = credentials.write("openrouter", SECRET)
    assert (written.value, written.source) == (SECRET, "memory")
    assert said in written.explanation
    assert "gone after quitting" in written.explanation
    assert SECRET not in written.explanation
    assert credentials.read("openrouter").source == "memory"
    assert Credentials(environ={}, backend=backend()).read("openrouter").value == ""


def test_locked_keyring_is_explained_when_reading_and_raised_when_deleting():
    credentials = Credentials(environ={}, backend=LockedKeyring())
    found = credentials.read("openrouter")
    assert found.source == "none"
    assert "locked" in found.explanation
    assert SECRET not in found.explanation
    with pytest.raises(CredentialError) as caught:
        credentials.delete("openrouter")
    assert caught.value.__cause__ is None


def test_keyring_that_hangs_is_given_up():
    backend = HangingKeyring()
    try:
        credentials = Credentials(environ={}, backend=backend, deadline=0.1)
        assert "did not answer" in credentials.read("openrouter").explanation
        assert credentials.write("openrouter", SECRET).source == "memory"
    finally:
        backend.release.set()


def test_key_moves_from_memory_to_a_keyring_that_works_again():
    credentials = Credentials(environ={}, backend=LockedKeyring())
    credentials.write("openrouter", "old")
    credentials._backend = None
    assert credentials.write("openrouter", "new").source == "keyring"
    assert credentials.read("openrouter").value == "new"


def test_empty_key_is_refused():
    with pytest.raises(CredentialError, match="empty"):
        Credentials(environ={}).write("openrouter", "  ")

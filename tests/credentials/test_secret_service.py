"""The Secret Service for real: gnome-keyring on a message bus of its own, in a home of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import pytest

from nuke_ai_panel.credentials import SERVICE

KEY = "sk-or-v1-marked-0123456789abcdef"

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the Secret Service is a matter of Linux desktops"),
    pytest.mark.skipif(
        not (shutil.which("dbus-run-session") and shutil.which("gnome-keyring-daemon")),
        reason="dbus-run-session and gnome-keyring-daemon are not installed (packages dbus and gnome-keyring)",
    ),
    pytest.mark.skipif(importlib.util.find_spec("secretstorage") is None, reason="keyring has no 'secretstorage' here"),
]

# The daemon stays in the foreground of its shell, so that it ends with it. A ready daemon owns the name on the bus.
_SHELL = """
set -u
LOG=$HOME/daemon.log
if [ -n "$PANEL_UNLOCK" ]; then
  printf '%s' "$PANEL_UNLOCK" | gnome-keyring-daemon --foreground --components=secrets --unlock >/dev/null 2>"$LOG" &
else
  gnome-keyring-daemon --foreground --components=secrets </dev/null >/dev/null 2>"$LOG" &
fi
daemon=$!
trap 'kill $daemon; wait $daemon 2>/dev/null' EXIT
"$PANEL_PYTHON" -c "$PANEL_WAIT" || exit 90
for program in "$@"; do
  "$PANEL_PYTHON" -c "$program" || exit 91
done
"""

_WAIT = """
import time
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection
bus = DBusAddress('/org/freedesktop/DBus', bus_name='org.freedesktop.DBus', interface='org.freedesktop.DBus')
connection = open_dbus_connection(bus='SESSION')
limit = time.monotonic() + 30
while not connection.send_and_get_reply(new_method_call(bus, 'NameHasOwner', 's', ('org.freedesktop.secrets',))).body[0]:
    if time.monotonic() > limit:
        raise SystemExit('gnome-keyring did not come up')
    time.sleep(0.05)
connection.close()
"""

_BEGIN = """
import json, sys, time
import keyring
from nuke_ai_panel.credentials import SERVICE, Credentials
from nuke_ai_panel.errors import CredentialError
assert type(keyring.get_keyring()).__module__ == 'keyring.backends.SecretService', keyring.get_keyring()
credentials = Credentials(environ={}, deadline=20)
def show(**fields):
    print(json.dumps(fields))
"""

_WRITE = f"found = credentials.write('openrouter', {KEY!r}); show(source=found.source, explanation=found.explanation)"
_READ = "found = credentials.read('openrouter'); show(value=found.value, source=found.source, explanation=found.explanation)"
_DELETE = "credentials.delete('openrouter'); show(deleted=True)"


@pytest.fixture
def desktop(own_home, root, tmp_path_factory):
    """Run programs one after the other, each in a process of its own, in one session of a desktop; return what they say."""
    # A socket's path may have about 100 letters, and a long temporary path already has them.
    runtime = tmp_path_factory.mktemp("run")
    runtime.chmod(0o700)
    # Made by the desktop, in life: the keyring does not make it.
    (own_home / ".local" / "share" / "keyrings").mkdir(parents=True)

    def run(*programs, unlock="desktop password"):
        without = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "PYTHON_KEYRING_BACKEND", "GNOME_KEYRING_CONTROL")
        environ = {name: value for name, value in os.environ.items() if name not in without}
        environ.update(
            XDG_RUNTIME_DIR=str(runtime),
            PYTHONPATH=str(root),
            PANEL_PYTHON=sys.executable,
            PANEL_UNLOCK=unlock,
            PANEL_WAIT=_WAIT,
        )
        done = subprocess.run(
            ["dbus-run-session", "--", "sh", "-c", _SHELL, "sh", *(_BEGIN + program for program in programs)],
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert KEY not in done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def test_key_is_written_read_by_another_process_and_deleted(desktop, own_home):
    written, found, deleted, gone = desktop(_WRITE, _READ, _DELETE, _READ)
    assert written["source"] == "keyring"
    assert "Secret" in written["explanation"]
    assert KEY not in written["explanation"]
    assert (found["value"], found["source"]) == (KEY, "keyring")
    assert deleted == {"deleted": True}
    assert (gone["value"], gone["source"]) == ("", "none")


def test_key_outlives_the_session_and_lies_nowhere_in_the_clear(desktop, own_home):
    desktop(_WRITE)
    found = desktop(_READ)[0]
    assert (found["value"], found["source"]) == (KEY, "keyring")
    files = [path for path in own_home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".keyring" for path in files)
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path


def test_locked_keyring_that_nobody_can_unlock_is_explained_and_hangs_nobody(desktop):
    desktop(_WRITE)
    asked = """
begun = time.monotonic()
credentials = Credentials(environ={}, deadline=3)
found = credentials.read('openrouter')
kept = credentials.write('openrouter', 'another-key')
try:
    credentials.delete('openrouter')
    refused = ''
except CredentialError as error:
    refused = str(error)
show(value=found.value, source=found.source, explanation=found.explanation, kept=kept.source, why=kept.explanation,
     refused=refused, seconds=time.monotonic() - begun)
"""
    said = desktop(asked, unlock="")[0]
    assert (said["value"], said["source"]) == ("", "none")
    for words in (said["explanation"], said["why"], said["refused"]):
        assert "locked" in words or "unlocked" in words
    assert said["kept"] == "memory"
    assert "another-key" not in said["why"]
    assert said["seconds"] < 20


def test_key_is_filed_under_our_own_name(desktop):
    asked = "import keyring; show(stored=keyring.get_password(SERVICE, 'openrouter'))"
    assert desktop(_WRITE, asked)[1] == {"stored": KEY}
    assert SERVICE == "nuke-ai-panel"

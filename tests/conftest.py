"""What every test gets: no network but loopback, settings and a keyring of its own, and a look for what it left running.

Runs without Qt too: then pytest-qt is absent, its ini options are unknown, and the folders that need Qt are not collected.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import importlib.util
import inspect
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

ROOT = Path(__file__).resolve().parent.parent

#: Folders whose tests import the front end.
QT_FOLDERS = ("ui", "host_loop", "transcript", "panel")

HAS_QT = any(importlib.util.find_spec(name) for name in ("PySide6", "PySide2"))
HAS_PYTEST_QT = importlib.util.find_spec("pytestqt") is not None

#: Seconds that threads may take to end after a test.
_THREAD_PATIENCE = 5.0

# Set before any test module imports Qt. On Linux a test window would otherwise need a display.
if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if sys.platform.startswith("linux") and not os.environ.get("XDG_RUNTIME_DIR"):
    # Qt warns when it is missing, and a warning of Qt fails a test.
    os.environ["XDG_RUNTIME_DIR"] = _runtime_folder = tempfile.mkdtemp(prefix="nuke-ai-panel-tests-")
    atexit.register(shutil.rmtree, _runtime_folder, ignore_errors=True)
os.environ.setdefault("LC_ALL", "C.UTF-8")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # What a shell starts in the background ignores Ctrl+C and hands that on to its children; some tests send it to theirs.
    signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore = [] if HAS_QT and HAS_PYTEST_QT else [name for name in QT_FOLDERS if (Path(__file__).parent / name).is_dir()]


def pytest_addoption(parser: pytest.Parser) -> None:
    if not HAS_PYTEST_QT:
        # pyproject.toml sets these two; without the plug-in that reads them pytest would call them unknown.
        parser.addini("qt_log_level_fail", "read by pytest-qt where it is installed")
        parser.addini("qt_no_exception_capture", "read by pytest-qt where it is installed")


def pytest_report_header() -> list[str]:
    if collect_ignore:
        return [f"core only: no Qt binding with pytest-qt here, so tests/{{{','.join(collect_ignore)}}} are not collected"]
    return []


# tests that are coroutines

#: Seconds for one of them; reaching it is a failure, so it is generous.
_COROUTINE_LIMIT = 60.0


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an ``async def`` test on a loop of its own, which must be left without tasks and without complaints."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    complaints: list[str] = []

    def complain(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # aiohttp 3.13 leaves the future on which a cancelled upload waited behind, with nobody to look at it.
        if not isinstance(context.get("exception"), ConnectionError):
            complaints.append(repr(context))

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(complain)
        await asyncio.wait_for(pyfuncitem.obj(**arguments), _COROUTINE_LIMIT)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for _ in range(20):
            if not left:
                break
            await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
        gc.collect()
        assert not [task for task in left if not task.done()], f"tasks left running: {left}"

    asyncio.run(main())
    assert not complaints, complaints
    return True


# network


class NetworkUsedError(BaseException):
    """A test tried to leave this machine. Not an Exception, so that no code under test takes it for a failed connection."""


def _is_local(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a path of a UNIX socket
    host = str(address[0])
    return host in ("", "localhost", "::1", "::", "0.0.0.0") or host.startswith("127.") or host.startswith("::ffff:127.")


_real_connect = socket.socket.connect
_real_connect_ex = socket.socket.connect_ex
_real_sendto = socket.socket.sendto
_real_getaddrinfo = socket.getaddrinfo


def _checked(address: object) -> None:
    if not _is_local(address):
        raise NetworkUsedError(f"a test tried to reach {address!r}; only loopback is allowed")


def _connect(self: socket.socket, address: object) -> None:
    _checked(address)
    _real_connect(self, address)  # type: ignore[arg-type]


def _connect_ex(self: socket.socket, address: object) -> int:
    _checked(address)
    return _real_connect_ex(self, address)  # type: ignore[arg-type]


def _sendto(self: socket.socket, data: bytes, *args: object) -> int:
    _checked(args[-1])
    return _real_sendto(self, data, *args)  # type: ignore[call-overload]


def _getaddrinfo(host: object, *args: object, **kwargs: object) -> object:
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    if name.endswith((".invalid", ".test")):
        # Reserved names that never resolve, RFC 6761; answered here, so that no name server is asked.
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if any(letter.isalpha() for letter in name) and ":" not in name and name not in ("localhost", socket.gethostname()):
        raise NetworkUsedError(f"a test tried to look up {name!r}; use a name under .invalid, or loopback")
    return _real_getaddrinfo(host, *args, **kwargs)  # type: ignore[arg-type]


socket.socket.connect = _connect  # type: ignore[assignment,method-assign]
socket.socket.connect_ex = _connect_ex  # type: ignore[assignment,method-assign]
socket.socket.sendto = _sendto  # type: ignore[assignment,method-assign]
socket.getaddrinfo = _getaddrinfo  # type: ignore[assignment]


# settings and keys


class MemoryKeyring(KeyringBackend):
    """A keyring that lives as long as one test."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._keys.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._keys[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        try:
            del self._keys[service, username]
        except KeyError:
            raise PasswordDeleteError("no such key") from None


@pytest.fixture(autouse=True)
def memory_keyring() -> Iterator[MemoryKeyring]:
    """An empty keyring for every test; the desktop's own is never asked."""
    mine = MemoryKeyring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(MemoryKeyring())


_ENVIRONMENT = ("OLLAMA_", "OPENROUTER_", "OPENAI_", "NUKE_AI_PANEL_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and settings folder of the test's own, and none of the user's variables that the panel reads."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.upper().startswith(_ENVIRONMENT):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".local" / "share"))
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG_DIR", str(home / "nuke-ai-panel"))
    # For the processes that a test starts.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return home


# what stays behind


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    limit = time.monotonic() + _THREAD_PATIENCE
    while True:
        left = [each for each in threading.enumerate() if each not in before and each.is_alive() and not _is_expected(each)]
        if not left:
            return
        if time.monotonic() > limit:
            break
        left[0].join(0.05)
    pytest.fail(f"the test left threads running: {', '.join(each.name for each in left)}; stop what started them")


def _is_expected(thread: threading.Thread) -> bool:
    # Dummy-… is a C++ thread that Python has seen once. The rest live as long as the program, by design.
    return thread.name.startswith(("Dummy-", "asyncio_", "ThreadPoolExecutor-", "nuke-ai-panel"))


# places


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test material beside the repository; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder 'shared' with test material is not beside the repository")
    return folder


@pytest.fixture(scope="session")
def corpus(shared: Path) -> Path:
    """The folder of real scripts by many authors; the test is skipped where it is absent."""
    folder = shared / "corpus"
    if not folder.is_dir():
        pytest.skip("the folder 'shared' holds no 'corpus' of scripts")
    return folder

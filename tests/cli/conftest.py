from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuke_ai_panel.cli.commands import DEMO_SCRIPT
from nuke_ai_panel.cli.demo_server import DemoServer


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(pause=0.0) as demo:
        yield demo


@pytest.fixture
def asks(server) -> list[str]:
    """The options that send a command to the demo model."""
    return ["--provider", "ollama", "--model", "demo", "--base-url", server.url]


@pytest.fixture
def script(tmp_path) -> Path:
    """A script of the test's own."""
    return Path(shutil.copyfile(DEMO_SCRIPT, tmp_path / "in.nk"))


@pytest.fixture
def unused_port() -> int:
    """A port of loopback where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

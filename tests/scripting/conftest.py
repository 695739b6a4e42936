from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.reviewing import review

SCRIPT = b"""version 15.1 v3
Root {
 inputs 0
}
Read {
 inputs 0
 file /shots/plate.%04d.exr
 name Read1
 selected true
 xpos 0
 ypos 0
}
Grade {
 white 2
 name Grade1
 xpos 0
 ypos 100
}
"""


@pytest.fixture
def script() -> bytes:
    return SCRIPT


@pytest.fixture
def host() -> DocumentHost:
    return DocumentHost(nk.loads(SCRIPT))


@pytest.fixture
def reviewed() -> Callable[..., Review]:
    """Review code on the small script, and give the loop of the review up afterwards."""

    def run(code: str, *, timeout: float = 60.0, snapshot: bytes = SCRIPT) -> Review:
        return asyncio.run(review(ScriptProposal("python", code, "AI: test"), snapshot, timeout=timeout))

    return run


class _ListeningServer:
    """A loopback socket that nobody should call."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    def was_reached(self) -> bool:
        try:
            connection, _ = self._socket.accept()
        except BlockingIOError:
            return False
        connection.close()
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def unused_server() -> Iterator[_ListeningServer]:
    server = _ListeningServer()
    yield server
    server.close()

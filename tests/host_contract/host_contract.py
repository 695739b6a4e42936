"""The contract of hosts for pytest. Subclass :class:`HostContract`, say how a host is opened, and the suite runs against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nuke_ai_panel.hosts.base import Host
from tests.host_contract.host_checks import CHECKS, SCRIPT, Case

__all__ = ["SCRIPT", "HostContract"]


class HostContract:
    """The suite. A subclass overrides :meth:`open_host`."""

    def open_host(self, path: Path) -> Host:
        """Return the host under test with the script at `path` open."""
        raise NotImplementedError

    @pytest.fixture
    def script(self, tmp_path: Path) -> Path:
        path = tmp_path / "shot.nk"
        path.write_bytes(SCRIPT)
        return path

    @pytest.fixture
    def host(self, script: Path) -> Host:
        return self.open_host(script)

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_host(self, check: Callable[[Case], None], host: Host, script: Path, tmp_path: Path) -> None:
        folder = tmp_path / "own"
        folder.mkdir()
        check(Case(host, script, folder))

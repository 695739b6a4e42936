"""Fixtures that start a server and host processes for the loop to live in."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
ANSWER_SECONDS = 40.0
"""A check takes some seconds; a loaded machine may multiply that."""

if not any(importlib.util.find_spec(name) for name in ("PySide6", "PySide2")):
    collect_ignore_glob = ["test_*.py"]


class HostProcess:
    """One host application in its own process; checks are run in it by name."""

    def __init__(self, checks: str, addresses: dict[str, str], tmp_path: pathlib.Path) -> None:
        environment = dict(
            os.environ, QT_QPA_PLATFORM="offscreen", PYTHONPATH=os.pathsep.join(map(str, (ROOT, ROOT / "src" / "ui")))
        )
        # Qt 5 complains where a desktop has not set it.
        environment.setdefault("XDG_RUNTIME_DIR", str(tmp_path))
        self._errors = (tmp_path / "stderr.txt").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "host_simulator.py"), str(HERE / checks), json.dumps(addresses)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            text=True,
        )

    def _read_line(self) -> str:
        # A thread for each line, because a pipe cannot be read with a time limit on every system.
        lines = []
        reader = threading.Thread(target=lambda: lines.append(self._process.stdout.readline()), daemon=True)
        reader.start()
        reader.join(ANSWER_SECONDS)
        if not lines:
            self._process.kill()
            reader.join()
            pytest.fail(f"no answer within {ANSWER_SECONDS:g} s\n{self.stderr()}")
        return lines[0]

    def check(self, name: str) -> None:
        """Run one check and fail with all it complains about."""
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        self.expect_no_problems(name)

    def expect_no_problems(self, end_of: str) -> None:
        """Read the next answer and fail with all it complains about."""
        line = self._read_line()
        assert line, f"the host process ended with {self._process.wait()}\n{self.stderr()}"
        answer = json.loads(line)
        problems = answer["problems"]
        assert answer["end of"] == end_of, f"{answer['end of']} ended instead of {end_of}; {problems}"
        assert not problems, "\n".join([*problems, self.stderr()])

    def quit(self, name: str) -> None:
        """Have the host quit by a check that does so, and expect that the process ends well and in silence."""
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        self.expect_exit()

    def expect_exit(self) -> None:
        """Expect that the application's exec returned, that nothing was complained about, and that the process ended well."""
        self.expect_no_problems("exec")
        assert self._process.wait(timeout=ANSWER_SECONDS) == 0, self.stderr()
        assert self.stderr() == ""

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stderr(self) -> str:
        self._errors.flush()
        return pathlib.Path(self._errors.name).read_text()

    def close(self) -> None:
        if self.is_running:
            self._process.kill()
        self._process.wait()
        # Unread requests in the pipe of a dead process cannot be flushed.
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()


@pytest.fixture(scope="session")
def addresses(tmp_path_factory):
    """Start the server process and return its addresses."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "server.py"), str(tmp_path_factory.mktemp("server"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield json.loads(process.stdout.readline())
    process.stdin.close()
    try:
        process.wait(timeout=10)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def start_host(addresses, tmp_path_factory):
    """Return a function that starts a host process for a file of checks."""
    hosts = []

    def start(checks: str) -> HostProcess:
        hosts.append(HostProcess(checks, addresses, tmp_path_factory.mktemp("host")))
        return hosts[-1]

    yield start
    for host in hosts:
        host.close()


@pytest.fixture(scope="module")
def shared_host(start_host):
    """Return a function that gives the one host process for many checks, each of which attaches and lets go."""
    kept = {}

    def get(checks: str) -> HostProcess:
        if checks not in kept or not kept[checks].is_running:
            kept[checks] = start_host(checks)
        return kept[checks]

    return get

"""``python -m nuke_ai_panel serve`` as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nuke_ai_panel.batch.pacing import MAX_WAIT
from nuke_ai_panel.batch.running import CONCURRENCY
from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.main import main
from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.net.deadlines import USUAL
from nuke_ai_panel.serve.guard import read_or_make_token
from nuke_ai_panel.serve.tasks import Limits

ROOT = Path(__file__).resolve().parent.parent.parent
POSIX = pytest.mark.skipif(os.name != "posix", reason="modes of files and signals to processes are POSIX")
PATIENCE = 40.0
"""Seconds that a process may take to start or to end on a loaded machine."""


class Served:
    """The server process: its address, what it says, and how it ended."""

    def __init__(self, process):
        self.process = process
        self.url = ""
        self.said = ""

    async def begin(self):
        self.url = (await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)).decode().strip()
        while "Ctrl+C ends it" not in self.said:
            line = await asyncio.wait_for(self.process.stderr.readline(), PATIENCE)
            assert line, f"the server ended early: {self.said}"
            self.said += line.decode()

    @property
    def token(self):
        return re.search(r"Token: (\S+)", self.said).group(1)

    async def end(self, number):
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        _, errors = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        self.said += errors.decode()
        return self.process.returncode


@contextlib.asynccontextmanager
async def served(*options, **environment):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-W", "error", "-m", "nuke_ai_panel", "serve", *options),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    server = Served(process)
    try:
        await server.begin()
        yield server
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@POSIX
async def test_process_serves_a_task_from_start_to_a_clean_end(client, model):
    async with model() as ollama, served(OLLAMA_HOST=ollama.url) as server, client(server.url, server.token) as front:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
        async with client(server.url, "wrong") as stranger:
            assert (await stranger.call("GET", "/tasks"))[0] == 401
        assert (await front.call("GET", "/tasks", headers={"Host": "evil.example"}))[0] == 403

        # The connection breaks in the middle of the answer.
        task = await front.submit("the secret prompt")
        pieces = [f"word{number} " for number in range(40)]
        ollama.say(*pieces[:20])
        got = []
        async with front.follow(task) as response:
            async for event in front.read(response):
                got.append(event)
                if event.name == "text":
                    response.close()
                    break
        ollama.say(*pieces[20:], done=True)
        got += await front.events(task, got[-1].id)
        assert "".join(event.data["text"] for event in got if event.name == "text") == "".join(pieces)
        assert [event.name for event in got if event.name not in ("text", "notice")] == ["queued", "started", "finished"]

        # Cancelling reaches the model server.
        ollama.asked.clear()
        cancelled = await front.submit()
        await asyncio.wait_for(ollama.asked.wait(), PATIENCE)
        assert (await front.call("DELETE", f"/tasks/{cancelled}"))[1]["state"] == "cancelled"
        await asyncio.wait_for(ollama.gone.wait(), PATIENCE)

        # Whoever follows a task when the server is asked to end gets its last event.
        ollama.gone.clear()
        running = await front.submit()
        ollama.say("half")
        async with front.follow(running) as response:
            events = front.read(response)
            async for event in events:
                if event.name == "text":
                    break
            code = asyncio.ensure_future(server.end(signal.SIGTERM))
            assert [(event.name, event.data) async for event in events] == [("cancelled", {"reason": "shutdown"})]
        assert await code == ExitCode.OK
        await asyncio.wait_for(ollama.gone.wait(), PATIENCE)
        assert "secret" not in server.said
        assert "Traceback" not in server.said
        assert "Warning" not in server.said
        assert server.said.count(server.token) == 1


@POSIX
async def test_ctrl_c_ends_with_its_own_code_and_the_token_stays_in_its_file(tmp_path, client):
    path = tmp_path / "token"
    async with served("--token-file", str(path), "--concurrency", "1") as server:
        token = path.read_text().strip()
        assert len(token) > 30
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with client(server.url, token) as front:
            assert (await front.call("GET", "/health"))[1]["status"] == "ok"
        assert await server.end(signal.SIGINT) == ExitCode.INTERRUPTED
        assert token not in server.said
    # The next server takes the same one.
    async with served("--token-file", str(path)) as server, client(server.url, token) as front:
        assert (await front.call("GET", "/health"))[0] == 200
        assert await server.end(signal.SIGTERM) == ExitCode.OK


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "this machine only"),
        (["--host", "192.168.1.2"], "this machine only"),
        (["--port", "70000"], "--port"),
        (["--concurrency", "0"], "--concurrency"),
    ],
)
def test_wrong_arguments_are_refused_with_the_code_for_them(options, words, capsys):
    assert main(["serve", *options]) == ExitCode.USAGE
    said = capsys.readouterr()
    assert words in said.err
    assert "Token" not in said.err


def test_port_that_is_taken_is_told(capsys):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == ExitCode.FAILED
    assert str(port) in capsys.readouterr().err


# the file of the token


def test_token_is_made_once(tmp_path):
    path = tmp_path / "token"
    first = read_or_make_token(path)
    assert read_or_make_token(path) == first
    assert read_or_make_token(tmp_path / "other") != first


@POSIX
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_token_that_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "token"
    path.write_text("0123456789abcdef")
    path.chmod(mode)
    with pytest.raises(ValidationError, match="chmod 600"):
        read_or_make_token(path)


@pytest.mark.parametrize("text", ["", "short", "two words of sufficient length", "x" * 600, "höchst geheim und lang genug"])
def test_file_without_a_usable_token_is_refused_without_its_words(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ValidationError, match="holds no token") as refused:
        read_or_make_token(path)
    assert not text or text not in str(refused.value)


def test_page_for_programs_names_addresses_events_and_limits():
    page = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    source = (ROOT / "nuke_ai_panel" / "serve" / "application.py").read_text(encoding="utf-8")
    routes = {
        (method.upper(), path)
        for method, path in re.findall(r'router\.add_(get|post|delete)\("([^"]+)"', source)
        if path != "/"
    }
    assert set(re.findall(r"^\| `(GET|POST|DELETE) (/[^`]*)` \|", page, re.MULTILINE)) == routes
    wire = (ROOT / "nuke_ai_panel" / "serve" / "wire.py").read_text(encoding="utf-8")
    told = set(re.findall(r'return "(\w+)", ', wire)) | {"queued", "started", "failed", "cancelled"}
    rows = re.findall(
        r"^\| (`[a-z_`, ]+) \| (?!does)", page[page.index("| event |") : page.index("The last three")], re.MULTILINE
    )
    assert {name for row in rows for name in re.findall(r"\w+", row)} == told
    limits = Limits()
    assert f"{limits.keep_alive:.0f} seconds of silence" in page
    assert f"{limits.concurrency} tasks are answered" in page
    assert f"and {limits.waiting} wait" in page
    assert limits.kept_seconds == 3600
    assert f"the last {limits.kept} of them" in page
    for name, usual in (
        ("connect_timeout", USUAL.connect),
        ("first_byte_timeout", USUAL.first_byte),
        ("chunk_timeout", USUAL.silence),
        ("max_retries", USUAL.retries),
    ):
        assert f"| `{name}` | {usual:g} |" in page
    assert f"none for chats and completions, else {USUAL.call:g} |" in page
    assert f"`--concurrency` ({CONCURRENCY})" in page
    assert f"`--max-wait` ({MAX_WAIT:g} seconds)" in page

"""``pull`` from its arguments to what is printed and returned; the server on loopback plays a download."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.main import main
from nuke_ai_panel.cli.pull import in_words
from nuke_ai_panel.providers.ollama_models import PullProgress

ROOT = Path(__file__).resolve().parent.parent.parent


def line(status="", **more):
    return json.dumps({"status": status, **more} if status else more).encode() + b"\n"


DOWNLOAD = (
    line("pulling manifest"),
    line("pulling aa", digest="sha256:aa", total=5_200_000_000, completed=1_300_000_000),
    line("pulling aa", digest="sha256:aa", total=5_200_000_000, completed=5_200_000_000),
    line("success"),
)


class Library(ThreadingHTTPServer):
    """Plays one download to everyone who asks; with ``hold`` set it stops before the last line until the reader has gone."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lines = DOWNLOAD
        self.hold = False
        self.asked = []
        self.gone = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        return

    def do_POST(self):
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        if not self.server.hold:
            self.wfile.write(b"".join(self.server.lines))
            return
        self.wfile.write(b"".join(self.server.lines[:2]))
        self.wfile.flush()
        # Nothing more is sent by the client: this returns when it closes the connection.
        self.rfile.read(1)
        self.server.gone.set()


@pytest.fixture
def library():
    server = Library()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_pull_shows_bytes_and_per_cent_and_says_when_it_is_done(library, capsys):
    assert main(["pull", "qwen3:8b", "--base-url", library.url]) == ExitCode.OK
    printed = capsys.readouterr()
    assert printed.out == "qwen3:8b is ready (5.2 GB).\n"
    assert "pulling aa: 1.3 GB of 5.2 GB, 25.0 %" in printed.err.splitlines()
    assert library.asked == [{"model": "qwen3:8b", "stream": True}]


def test_pull_asks_the_server_that_is_set(library, capsys, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", library.url)
    assert main(["pull", "qwen3:8b"]) == ExitCode.OK
    assert "ready" in capsys.readouterr().out


def test_pull_gives_one_json_object(library, capsys):
    assert main(["pull", "qwen3:8b", "--base-url", library.url, "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["status"], told["percent"]) == ("qwen3:8b", "success", 100)
    assert told["completed"] == told["total"] == 5_200_000_000


def test_pull_of_a_model_that_does_not_exist_fails_with_the_next_step(library, capsys):
    library.lines = (line("pulling manifest"), line(error="pull model manifest: file does not exist"))
    assert main(["pull", "nope", "--base-url", library.url, "--json"]) == ExitCode.FAILED
    told = json.loads(capsys.readouterr().out)
    assert told["error"]["kind"] == "model_not_found"
    assert "ollama.com/library" in told["error"]["next_step"]


def test_pull_at_the_demo_says_that_it_is_the_demo(server, capsys):
    assert main(["pull", "demo", "--base-url", server.url]) == ExitCode.OK
    assert "demo is ready" in capsys.readouterr().out
    assert main(["pull", "qwen3:8b", "--base-url", server.url]) == ExitCode.FAILED
    assert "the demo has no models to download" in capsys.readouterr().err


def test_pull_keeps_an_address_that_the_studio_has_locked(library, capsys, monkeypatch, tmp_path):
    studio = tmp_path / "studio.json"
    key = "servers.ollama.base_url"
    studio.write_text(json.dumps({key: "http://127.0.0.1:9", "locked": [key]}))
    monkeypatch.setenv("NUKE_AI_PANEL_STUDIO_SETTINGS", str(studio))
    assert main(["pull", "qwen3:8b", "--base-url", library.url]) == ExitCode.USAGE
    assert "studio" in capsys.readouterr().err
    assert library.asked == []


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is sent as a signal")
def test_ctrl_c_ends_the_download_and_says_that_it_can_go_on(library):
    library.hold = True
    command = [sys.executable, "-m", "nuke_ai_panel", "pull", "qwen3:8b", "--base-url", library.url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        shown = ""
        for shown in process.stderr:
            if "25.0 %" in shown:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(30) == ExitCode.INTERRUPTED
    assert "25.0 %" in shown
    assert "goes on there" in rest
    assert "Traceback" not in rest
    assert "Nothing was written" not in rest
    assert library.gone.wait(10)


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (PullProgress("pulling manifest"), "pulling manifest"),
        (PullProgress("pulling aa", "sha256:aa", 0, 999, 0.0), "pulling aa: 0 B of 999 B, 0.0 %"),
        (
            PullProgress("pulling aa", "sha256:aa", 1_500_000, 2_000_000_000_000, 0.000075),
            "pulling aa: 1.5 MB of 2.0 TB, 0.0 %",
        ),
    ],
)
def test_progress_in_words(progress, words):
    assert in_words(progress) == words

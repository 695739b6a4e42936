"""Which server a command talks to, by what the command line and the environment say."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.main import main


class _Handler(BaseHTTPRequestHandler):
    """Speaks just enough of OpenAI's protocol, and repeats which model was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer("application/json", json.dumps({"object": "list", "data": [{"id": "toy", "object": "model"}]}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        piece = {"choices": [{"index": 0, "delta": {"content": f"I am {body['model']}."}, "finish_reason": "stop"}]}
        self._answer("text/event-stream", f"data: {json.dumps(piece)}\n\ndata: [DONE]\n\n")

    def _answer(self, media_type, text):
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        return


@pytest.fixture
def gateway(monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        # Nothing listens there.
        monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
        yield url
        server.shutdown()
        thread.join(20)


def test_models_lists_a_server_that_only_the_environment_names(gateway, capsys):
    assert main(["models"]) == ExitCode.OK
    printed = capsys.readouterr()
    assert printed.out.split() == ["openai", "toy"]
    assert "Ollama: " in printed.err


def test_models_asks_the_provider_that_is_named_though_it_is_switched_off(gateway, monkeypatch, capsys):
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert main(["models", "--provider", "openai", "--base-url", gateway]) == ExitCode.OK
    assert capsys.readouterr().out.split() == ["openai", "toy"]
    assert main(["models", "--provider", "openai", "--base-url", "http://127.0.0.1:9"]) == ExitCode.NO_MODEL
    assert "OpenAI-compatible: " in capsys.readouterr().err


def test_the_connection_test_takes_an_address_for_the_provider_it_names(gateway, monkeypatch, capsys):
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert main(["test-connection", "openai", "--base-url", gateway]) == ExitCode.OK
    assert gateway in capsys.readouterr().out
    assert main(["test-connection", "openai", "--provider", "ollama"]) == ExitCode.USAGE
    assert "'openai' or 'ollama'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "default", "asked"),
    [
        ("openai/toy", "", "toy"),
        ("openai/toy", "ollama", "toy"),
        # A gateway has models of this name.
        ("openai/toy", "openai", "openai/toy"),
        ("vendor/toy", "openai", "vendor/toy"),
    ],
)
def test_a_model_may_be_written_with_its_provider(gateway, monkeypatch, capsys, model, default, asked):
    monkeypatch.setenv("NUKE_AI_PANEL_PROVIDER", default)
    assert main(["chat", "Hello", "--model", model]) == ExitCode.OK
    assert capsys.readouterr().out == f"I am {asked}.\n"


def test_a_provider_that_is_named_leaves_the_model_as_it_is_written(gateway, capsys):
    assert main(["chat", "Hello", "--provider", "openai", "--model", "ollama/toy"]) == ExitCode.OK
    assert capsys.readouterr().out == "I am ollama/toy.\n"

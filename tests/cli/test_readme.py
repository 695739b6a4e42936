"""The examples of the README run as they stand there; only the models are those of the demo server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nuke_ai_panel.cli.main import main

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60.0
"""Seconds that a process may take on a loaded machine."""


def blocks() -> list[str]:
    """The indented blocks of the README, each as it would be pasted."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"(?:^    .*\n(?:[ \t]*\n(?=    ))?)+", text, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def block(*words: str) -> str:
    """The one block that holds all `words`, with the demo's model in the place of those that it names."""
    (only,) = [each for each in blocks() if all(word in each for word in words)]
    return re.sub(r"(ollama|openrouter|openai)/[\w./:-]*[\w]", "ollama/demo", only)


@pytest.fixture
def asked(server, monkeypatch):
    """The demo server is the Ollama of this machine."""
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    return server


def test_python_calls(asked, capsys):
    scope: dict[str, object] = {}
    exec(block("ChatCompletion.create", "print"), scope)
    assert capsys.readouterr().out.count("Demo model, no AI") == 2
    exec(block("run_batch", "print"), scope)
    said = capsys.readouterr().out
    assert re.findall(r"^(sh\d+) Demo model, no AI", said, re.MULTILINE) == ["sh010", "sh020"]


def test_python_bridge(capsys):
    scope: dict[str, object] = {}
    exec(block("Bridge(limit"), scope)
    asyncio.run(scope["show"](lambda: iter(["one ", "two"])))
    assert capsys.readouterr().out == "one two"


def test_line_of_a_batch(asked, tmp_path, capsys):
    source, out = tmp_path / "shots.jsonl", tmp_path / "answers.jsonl"
    source.write_text(block('{"id": "sh010", "model"'), encoding="utf-8")
    assert main(["batch", str(source), "--out", str(out)]) == 0
    record = json.loads(out.read_text(encoding="utf-8"))
    assert record["id"] == "sh010"
    assert "Demo model" in record["response"]["choices"][0]["message"]["content"]


@pytest.mark.skipif(os.name != "posix" or not shutil.which("curl"), reason="the example is for a POSIX shell with curl")
def test_calls_of_another_front_end(asked, tmp_path, unused_port):
    command = block("nuke_ai_panel serve --port").strip().replace("8765", str(unused_port))
    assert command.startswith("python -m ")
    serving = subprocess.Popen(
        [sys.executable, *command.split()[1:]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert serving.stdout.readline().startswith("http://127.0.0.1:")
        auth, submit, follow, resume = (
            block("curl -N").replace("\\\n", "").replace("8765", str(unused_port)).strip().splitlines()
        )

        def run(line: str) -> str:
            done = subprocess.run(
                ["bash", "-euc", f"{auth}\n{line}"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=True
            )
            return done.stdout

        task = json.loads(run(submit))["id"]
        events = run(follow.replace("ID", task))
        said = [json.loads(data) for data in re.findall(r"^data: (.*)$", events, re.MULTILINE)]
        # In as many pieces as the moment brought with it.
        assert "Demo model" in "".join(str(each.get("text", "")) for each in said)
        assert "event: finished" in events
        later = run(resume.replace("tasks/ID", f"tasks/{task}"))
        ids = [int(number) for number in re.findall(r"^id: (\d+)$", later, re.MULTILINE)]
        assert min(ids) > 3
        assert "event: finished" in later
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=PATIENCE)
    assert serving.returncode == 0

"""The command line with a marked key in its environment: what it prints, leaves behind, and hands to its children."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nuke_ai_panel.cli.commands import DEMO_SCRIPT

_spec = importlib.util.spec_from_file_location("secrets_conftest", Path(__file__).with_name("conftest.py"))
common = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(common)
KEY, PROMPT = common.KEY, common.PROMPT

LINUX = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="processes are looked at in /proc")


@pytest.fixture
def environment(root, own_home):
    return {
        **os.environ,
        "PYTHONPATH": str(root),
        "PYTHONASYNCIODEBUG": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "OPENROUTER_API_KEY": KEY,
        "OPENAI_API_KEY": KEY,
        "OLLAMA_API_KEY": KEY,
    }


def assert_nothing_left(*folders):
    for folder in folders:
        for path in Path(folder).rglob("*"):
            if path.is_file():
                common.assert_free(path.read_bytes().decode("latin-1"), KEY, where=str(path))


def run(environment, *arguments, cwd):
    command = [sys.executable, "-X", "dev", "-m", "nuke_ai_panel", *arguments]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("fault", ["401", "page", "broken json", "error in stream"])
@pytest.mark.parametrize("command", ["chat", "models", "test-connection"])
def test_command_prints_no_key(command, fault, repeating, environment, tmp_path, own_home):
    repeating.fault = fault
    server = ["--provider", "openrouter", "--base-url", f"{repeating.url}/v1", "--json"]
    if command != "models":
        server += ["--model", "m"]
    done = run(environment, command, *server, *([PROMPT] if command == "chat" else []), cwd=tmp_path)
    assert done.returncode != 0
    assert any(KEY in request for request in repeating.requests)
    common.assert_free(done.stdout + done.stderr, KEY, where=command)
    assert_nothing_left(tmp_path, own_home)


def test_batch_writes_no_key(repeating, environment, tmp_path, own_home):
    repeating.fault = "401"
    line = {"id": "1", "model": "openai/m", "messages": [{"role": "user", "content": "hello"}]}
    (tmp_path / "in.jsonl").write_text(json.dumps(line) + "\n")
    environment["OPENAI_BASE_URL"] = f"{repeating.url}/v1"
    done = run(environment, "batch", "in.jsonl", "--out", "out.jsonl", cwd=tmp_path)
    assert any(KEY in request for request in repeating.requests), done.stderr
    common.assert_free(done.stdout + done.stderr, KEY, where="batch")
    assert (tmp_path / "out.jsonl").exists()
    assert_nothing_left(tmp_path, own_home)


def family(pid):
    """The process and those that it started, as far as they can be seen."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            found += family(int(child))
    return found


@LINUX
def test_children_of_a_dry_run_get_no_key_and_no_process_list_shows_it(environment, tmp_path, own_home, root):
    shutil.copyfile(DEMO_SCRIPT, tmp_path / "in.nk")
    command = [sys.executable, "-m", "nuke_ai_panel", "demo", "--out", "out.nk", "--json"]
    running = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    seen, lines = {}, set()
    over = threading.Event()

    def watch():
        while not over.wait(0.002):
            for pid in family(running.pid):
                try:
                    lines.add(Path(f"/proc/{pid}/cmdline").read_bytes())
                    if pid != running.pid:
                        command_line = Path(f"/proc/{pid}/cmdline").read_bytes()
                        # Between fork and exec a child still is its parent.
                        if b"dry_run_child" in command_line:
                            seen[pid] = Path(f"/proc/{pid}/environ").read_bytes()
                except OSError:
                    continue

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        out, err = running.communicate(timeout=120)
    finally:
        over.set()
        watching.join()
    assert running.returncode == 0, err
    assert any(seen.values()), "no child of the dry run was seen"
    for pid, environ in seen.items():
        common.assert_free(environ.decode("latin-1"), KEY, where=f"the environment of {pid}")
    for line in lines:
        common.assert_free(line.decode("latin-1"), KEY, where="a process list")
    common.assert_free(out + err, KEY, where="the demo")
    assert_nothing_left(tmp_path, own_home)


@LINUX
def test_crash_report_of_a_waiting_process_shows_no_key(repeating, environment, tmp_path, own_home):
    repeating.fault = "stall"
    command = [sys.executable, "-X", "faulthandler", "-m", "nuke_ai_panel", "chat", "hello", "--provider", "openai"]
    command += ["--model", "m", "--base-url", f"{repeating.url}/v1"]
    running = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert repeating.came.wait(60), "no request came"
        os.kill(running.pid, signal.SIGABRT)
        out, err = running.communicate(timeout=60)
    finally:
        if running.poll() is None:
            running.kill()
            running.communicate()
    assert "Fatal Python error: Aborted" in err
    assert "nuke_ai_panel" in err or "asyncio" in err
    common.assert_free(out + err, KEY, where="the crash report")

"""What ``make run`` does where there is no display: one job through the real widgets, a picture and the saved script."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nuke_ai_panel.cli.commands import DEMO_SCRIPT
from nuke_ai_panel.hosts.document_host import DocumentHost

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.skipif(
    not any(importlib.util.find_spec(name) for name in ("PySide6", "PySide2")), reason="the panel needs a Qt binding"
)


def test_the_first_run_does_one_job_and_leaves_a_picture_and_the_script(tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src" / "ui")]),
        "QT_QPA_PLATFORM": "offscreen",
        # A closed port, so that the test does not depend on what runs on this machine.
        "OLLAMA_HOST": "http://127.0.0.1:1",
    }
    command = [sys.executable, str(ROOT / "tools" / "first_run.py"), "--job", "--out", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "demo model" in done.stderr
    assert "Creates 1 node, 1 undo step" in done.stderr
    before = {node.path for node in DocumentHost.open(DEMO_SCRIPT).nodes()}
    after = {node.path for node in DocumentHost.open(tmp_path / "demo.nk").nodes()}
    assert after - before == {"DemoGrade"}
    assert before <= after
    assert (tmp_path / "panel.png").read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path / "panel.png") in done.stderr

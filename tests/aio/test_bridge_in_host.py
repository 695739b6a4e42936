"""The bridge on the loop that lives inside a Qt application."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@pytest.mark.skipif(
    not any(importlib.util.find_spec(name) for name in ("PySide6", "PySide2")) or not importlib.util.find_spec("qasync"),
    reason="the host loop needs Qt",
)
def test_threads_feed_a_panel_and_a_coroutine_and_end_when_the_host_quits(tmp_path):
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "src" / "ui"))),
    }
    environment.setdefault("XDG_RUNTIME_DIR", str(tmp_path))
    done = subprocess.run(
        [sys.executable, str(HERE / "bridge_in_host.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["shown"] == told["read"] == list(range(500))
    assert told["ends"] == ["None"]
    assert told["threads"] == [True]
    assert "loop=" in told["refused"]
    assert told["closed"]

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
STAND_IN = HERE / "stand_in"


@pytest.fixture
def start_nuke(root: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that starts a session in a fresh process, in another folder, and returns what it reports."""

    def start(
        files: str = "init.py,menu.py", *, folders: tuple[Path, ...] = (root,), stand_in: str = str(STAND_IN), choose: str = ""
    ) -> dict[str, Any]:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        command = [sys.executable, "-I", "-B", str(HERE / "start_nuke.py"), stand_in, files, *map(str, folders)]
        environment = {**os.environ, "CHOOSE": choose}
        done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, timeout=120, check=False)
        text = done.stdout.decode()
        assert done.returncode == 0, text + done.stderr.decode()
        report: dict[str, Any] = json.loads(text.rsplit("@@", 1)[1])
        report["stdout"], report["stderr"] = text.rsplit("@@", 1)[0], done.stderr.decode()
        return report

    return start

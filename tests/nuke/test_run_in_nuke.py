"""The script that a studio runs in a real Nuke, tried under the emulated module in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host_contract.host_checks import CHECKS

_START = """
import runpy, sys
sys.path.insert(0, {root!r})
from nuke_ai_panel import nk
module = nk.emulate(nk.new_script())
{change}
sys.modules["nuke"] = module
sys.path.remove({root!r})
for name in [name for name in sys.modules if name.startswith("tests")]:
    del sys.modules[name]
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pytest", "_pytest", "aiohttp", "keyring"):
            raise ImportError(name + " is not in Nuke")
sys.meta_path.insert(0, Blocked())
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.fixture
def start(root: Path, tmp_path: Path):
    """Return a function that runs the script where `change` was made to the emulated module."""

    def run(change: str = "") -> subprocess.CompletedProcess[str]:
        code = _START.format(root=str(root), script=str(root / "tests" / "run_in_nuke.py"), change=change)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-I", "-B", "-c", code]
        return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run


def test_every_check_passes_and_is_told(start, tmp_path):
    done = start()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Nuke 15.1v3, Python 3.")
    assert lines[-1] == f"{len(CHECKS)} of {len(CHECKS)} checks passed."
    assert [line.split(None, 1)[1] for line in lines[1:-1]] == [check.__name__.replace("_", " ") for check in CHECKS]


def test_nothing_stays_behind(start, tmp_path):
    done = start()
    assert done.returncode == 0, done.stdout
    assert [path for path in tmp_path.rglob("*") if path.name != "elsewhere"] == []


def test_a_check_that_fails_is_told_with_its_reason_and_the_rest_still_run(start):
    done = start("module.collapseToGroup = lambda show=True: None")
    assert done.returncode == 1
    assert "FAILED run python collapses to a group\n" in done.stdout
    assert "NodeNotFoundError" in done.stdout
    assert done.stdout.splitlines()[-1] == f"{len(CHECKS) - 1} of {len(CHECKS)} checks passed."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("module.env['gui'] = True", "without a window"),
        ("module.env['nc'] = True", "ten nodes"),
        ("module = None", "This is not Nuke"),
    ],
)
def test_where_the_checks_cannot_run_it_says_why(start, change, words):
    done = start(change)
    assert done.returncode == 2
    assert words in done.stdout

"""The panel in FreeCAD: a C++ application with Qt that is not ours and owns its event loop, as Nuke does.

Debian's FreeCAD brings its own Python and PySide2, so the panel runs there on packages made for that Python, which are kept in
``.tools/``. Everything happens in one run of FreeCAD under a virtual display; the tests read what was seen.
"""

from __future__ import annotations

import configparser
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
HOST_PYTHON = "/usr/bin/python3"
RUN_SECONDS = 180

# FreeCAD reads no PYTHONPATH. It goes on without a plug-in that fails, and this run would then wait for nothing.
START = """
import os, sys, traceback
sys.path[:0] = {paths}
try:
    import freecad_plugin
except BaseException:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(9)
"""

MISSING = [name for name in ("freecad", "xvfb-run", HOST_PYTHON) if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f"needs Debian's FreeCAD under a virtual display; {', '.join(MISSING)} not installed (.ci/run installs it)",
)


def requirements() -> list[str]:
    """Return what the panel needs besides Qt, from the package's own metadata."""
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = metadata["options"]["install_requires"] + metadata["options.extras_require"]["qt"]
    wanted = [line.strip() for line in lines.splitlines()]
    return [line for line in wanted if line and not line.startswith(("#", "PySide"))]


@pytest.fixture(scope="module")
def site_packages() -> pathlib.Path:
    """Install the panel's requirements for the host's Python, once for each set of them."""
    folder = ROOT / ".tools" / "freecad-site"
    stamp, wanted = folder / "requirements.txt", "\n".join(requirements())
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([HOST_PYTHON, "-m", "venv", str(folder)], check=True, capture_output=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        installed = subprocess.run([*pip, *requirements()], capture_output=True, text=True)
        assert installed.returncode == 0, installed.stderr
        stamp.write_text(wanted, encoding="utf-8")
    (site,) = folder.glob("lib/python3*/site-packages")
    return site


@pytest.fixture(scope="module")
def run(site_packages, tmp_path_factory):
    """Run the whole story in FreeCAD and return what was seen, with the exit code, the output and the server's account."""
    folder = tmp_path_factory.mktemp("freecad")
    (folder / "settings").mkdir()
    settings = {"servers.openrouter.enabled": False, "local_only": True}
    (folder / "settings" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    server = subprocess.Popen(
        [sys.executable, str(HERE / "counting_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    report, start = folder / "report.json", folder / "start.py"
    start.write_text(
        START.format(paths=[str(path) for path in (HERE, ROOT, ROOT / "src" / "ui", site_packages)]), encoding="utf-8"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "QT_QPA_PLATFORM": "xcb",
        # FreeCAD's start page is a browser, which refuses its sandbox to root, and its 3D view wants a graphics card.
        "QTWEBENGINE_DISABLE_SANDBOX": "1",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "NUKE_AI_PANEL_CONFIG_DIR": str(folder / "settings"),
        "OLLAMA_HOST": server.stdout.readline().strip(),
        "PANEL_TEST_REPORT": str(report),
    }
    with (folder / "output.txt").open("w+", encoding="utf-8", errors="replace") as output:
        # A session of its own, so that a host that hangs can be ended with its display.
        process = subprocess.Popen(
            ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", "freecad", str(start)],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        words = output.read()
    account = json.loads(server.communicate()[0])
    seen = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    assert "error" not in seen, f"{seen['error']}\n{words}"
    assert seen, f"FreeCAD ({code}) never ran the plug-in\n{words}"
    return {"seen": seen, "code": code, "output": words, "server": account}


def test_panel_docks_in_a_running_host(run):
    seen = run["seen"]
    assert seen["binding"] == "PySide2"
    assert seen["loop level"] >= 1, "the host's event loop was not running yet"
    assert seen["docked in"] == "Gui::MainWindow"
    assert "Ollama" in seen["words"]


def test_panel_streams_in_the_host(run):
    assert run["seen"]["button while answering"] == "Stop"
    assert run["seen"]["first answer"] == list(range(1, 41))


def test_panel_goes_on_under_a_modal_dialog_of_the_host(run):
    dialog = run["seen"]["dialog"]
    assert dialog["dialog"].startswith(("Gui::", "AboutDialog"))
    assert dialog["levels"] >= 2, "the dialog had no event loop of its own"
    assert dialog["inside"] > dialog["before"] + 5


def test_panel_survives_a_busy_main_thread(run):
    block = run["seen"]["block"]
    assert block["seconds"] >= 3.0
    assert block["right after"] == block["before"]
    assert run["seen"]["second answer"] == list(range(1, 401))


def test_panel_leaves_asyncio_to_the_hosts_console(run):
    assert run["seen"]["running loop between events"] == "None"
    assert run["seen"]["console"] == 42


def test_panel_stops_an_answer(run):
    # The story went on only when the button was back and the card said "Stopped".
    before, after = run["seen"]["stopped answer"]
    assert before == after > 10


def test_host_quits_cleanly_in_mid_answer(run):
    assert run["seen"]["at quit"] == {"loop is closed": True, "tasks": 0}
    assert run["code"] == 0, run["output"]
    for trouble in ("Traceback", "Task was destroyed", "never awaited", "QThread", "Segmentation"):
        assert trouble not in run["output"]
    # Two answers ran to their end, one was stopped, one was cut off by the host's end: the server saw all of that.
    assert run["server"] == {"answers": 4, "finished": 2, "dropped": 2}

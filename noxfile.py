"""The project's tasks. ``make <task>`` runs the same sessions after getting nox and Qt's system libraries ready."""

from __future__ import annotations

import configparser
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
CHECKOUT = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src" / "ui")])}
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")

nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["check", "test"]


def _present() -> list[str]:
    """Return those of PYTHONS that can be started, and put pyenv's on PATH for nox to find."""
    roots = [Path(os.environ["PYENV_ROOT"])] if "PYENV_ROOT" in os.environ else []
    roots.append(Path.home() / ".pyenv")
    # A shim starts only the versions that pyenv has switched on, so the folders behind it are looked up.
    roots += [Path(entry).parent for entry in os.environ.get("PATH", "").split(os.pathsep) if Path(entry).name == "shims"]
    found: list[str] = []
    for version in PYTHONS:
        folders = [path for root in roots for path in sorted(root.glob(f"versions/{version}.*/bin"))]
        if folders:
            os.environ["PATH"] = f"{folders[-1]}{os.pathsep}{os.environ['PATH']}"
            found.append(version)
        elif shutil.which(f"python{version}"):
            started = subprocess.run([f"python{version}", "-c", ""], capture_output=True, check=False)
            found += [] if started.returncode else [version]
    return found


#: `.ci/run` names the Python that `make test` has just used for more than the matrix would.
MATRIX = [version for version in _present() if version != os.environ.get("MATRIX_WITHOUT")]


#: Most tests wait for a server or a process, so four at a time are over twice as fast even on two cores.
IN_PARALLEL = ("-n", "4")

#: What depends on the Python and on Qt least and takes longest.
LONG = (
    "tests/agent_tools",
    "tests/batch",
    "tests/faults",
    "tests/faults_of_proposals",
    "tests/files",
    "tests/house",
    "tests/nk",
    "tests/secrets",
    "tests/serve",
    "tests/tasks",
)
#: What tells nothing about the oldest Python that the rest does not.
SAME_ON_OLDEST = (
    "tests/agent_tools",
    "tests/batch",
    "tests/cli",
    "tests/faults",
    "tests/faults_of_proposals",
    "tests/house",
    "tests/providers",
    "tests/secrets",
    "tests/serve",
    "tests/tasks",
)

#: What differs from Python to Python with the same Qt: the loop and the wire, Qt where it is another one than on the newest;
#: and there, what reads and runs code.
LOOPS = ("tests/aio", "tests/api", "tests/host_loop", "tests/net")
BETWEEN = (*LOOPS, "tests/nuke", "tests/ui")
NEWEST = (*BETWEEN, "tests/agent", "tests/scripting")
#: The real host application brings its own Python and Qt: `test` has met it once, and it is the same one here.
OLDEST = ("tests", *(f"--ignore={path}" for path in ("tests/hosts", *SAME_ON_OLDEST)))
RUN_HERE = {"3.9": OLDEST, "3.10": BETWEEN, "3.12": LOOPS, "3.13": NEWEST}


def _requirements(extras: str) -> list[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [config["options"]["install_requires"]] + [config["options.extras_require"][name] for name in extras.split(",")]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _install(session: nox.Session, extras: str) -> None:
    """Install what the package needs with `extras`, unless this environment has it already.

    The package itself is not installed: it runs from the checkout, as in Nuke. tests/house installs it from a wheel.
    """
    wanted = _requirements(extras)
    stamp = Path(session.virtualenv.location) / "installed.sha256"
    known = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == known:
        return
    session.install("-q", *wanted)
    stamp.write_text(known, encoding="ascii")


@nox.session
def check(session: nox.Session) -> None:
    """Check formatting, lint, types and import rules."""
    _install(session, "dev,test")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("pytest", "-q", "tests/house/test_import_rules.py")


@nox.session
def test(session: nox.Session) -> None:
    """Run every test on this Python."""
    _install(session, "qt,test,test-qt,test-real")
    session.run("pytest", *IN_PARALLEL, *(session.posargs or ["tests"]))


@nox.session(python=MATRIX)
def matrix(session: nox.Session) -> None:
    """Run what may differ on each Python that is here: 3.9 and 3.10 with PySide2, newer ones with PySide6."""
    _install(session, "qt,test,test-qt")
    chosen = RUN_HERE.get(str(session.python), ("tests", *(f"--ignore={path}" for path in ("tests/hosts", *LONG))))
    session.run("pytest", "-q", *IN_PARALLEL, *(session.posargs or chosen))


@nox.session
def core(session: nox.Session) -> None:
    """Run the tests of the core where no Qt is installed."""
    _install(session, "test")
    session.run("python", "-c", "import importlib.util as u; assert not u.find_spec('PySide6') and not u.find_spec('PySide2')")
    # The providers reach for no Qt, wherever they run.
    left_out = ("tests/hosts", "tests/providers", *LONG)
    session.run("pytest", "-q", *IN_PARALLEL, *(session.posargs or ["tests", *(f"--ignore={path}" for path in left_out)]))


@nox.session
def bench(session: nox.Session) -> None:
    """Print the figures."""
    _install(session, "qt,bench")
    session.run("python", "-m", "benchmarks", *session.posargs, env=CHECKOUT)


@nox.session
def run(session: nox.Session) -> None:
    """Open the panel on a small script; without a display do one job and leave a picture and the saved script in out/."""
    _install(session, "qt")
    session.run("python", "tools/first_run.py", *session.posargs, env=CHECKOUT)


@nox.session
def pictures(session: nox.Session) -> None:
    """Take the pictures of the documents anew, from the real panel."""
    _install(session, "qt")
    session.run("python", "tools/screenshots.py", *session.posargs, env=CHECKOUT)

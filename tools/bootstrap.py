"""Get ready what one `make` target needs, then hand over to nox: a virtual environment, and the system libraries of Qt.

Uses the standard library only. Run by the Makefile: ``python3 tools/bootstrap.py test [arguments for the session]``.
"""

from __future__ import annotations

import configparser
import ctypes
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
NOX = VENV / ("Scripts" if os.name == "nt" else "bin") / ("nox.exe" if os.name == "nt" else "nox")

#: A target's nox sessions.
SESSIONS = {"run": ["run"], "test": ["test"], "check": ["check"], "bench": ["bench"], "matrix": ["matrix", "core"]}

#: What Qt's wheels link to but do not bring (shared library, Debian package). The last block is for a real or virtual display.
LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}


def say(text: str) -> None:
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


def may_install() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(packages: list[str]) -> None:
    say(f"installing with apt-get: {' '.join(packages)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # An out-of-date list is refreshed first; that it cannot be is no reason not to try.
    subprocess.run(["apt-get", "update", "-qq"], env=env, stdout=subprocess.DEVNULL, check=False)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    if subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=False).returncode:
        say("apt-get could not install all of them; going on without")


def missing_packages() -> list[str]:
    """Return the Debian packages whose library, command or font is not here."""
    missing: list[str] = []
    for library, package in LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        missing += [package for command, package in (("Xvfb", "xvfb"), ("xauth", "xauth")) if not shutil.which(command)]
    fonts = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts"]
    if not any(next(folder.rglob("*.[to]tf"), None) for folder in fonts if folder.is_dir()):
        missing.append("fonts-dejavu-core")
    return missing


def make_venv() -> None:
    """Make .venv with nox in it, once."""
    if NOX.exists() and not subprocess.run([NOX, "--version"], capture_output=True, check=False).returncode:
        return
    try:
        import ensurepip  # noqa: F401 (Debian splits it off; venv fails without it)
    except ImportError:
        package = f"python3.{sys.version_info[1]}-venv"
        if not may_install():
            sys.exit(
                f"bootstrap: this Python has no venv module. Install it first, on Debian and Ubuntu: apt-get install {package}"
            )
        apt_install([package])
    say(f"making {VENV.name} with Python {sys.version.split()[0]}")
    shutil.rmtree(VENV, ignore_errors=True)
    venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(str(VENV))
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    dev = config["options.extras_require"]["dev"].split("\n")
    nox = next(line.strip() for line in dev if line.strip().startswith("nox"))
    python = NOX.with_name("python.exe" if os.name == "nt" else "python")
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", nox]
    if subprocess.run(command, check=False).returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit("bootstrap: pip could not install nox. Is there a network, or a package mirror set for pip?")


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 9):
        sys.exit("bootstrap: needs Python 3.9 or newer; say which with: make test PYTHON=python3.11")
    target = arguments[0] if arguments else ""
    if target not in SESSIONS:
        sys.exit(f"bootstrap: unknown target {target!r}, choose one of {', '.join(SESSIONS)}")
    make_venv()
    if target != "check" and sys.platform.startswith("linux"):
        missing = missing_packages()
        if missing and may_install():
            apt_install(missing)
        elif missing:
            say(f"Qt may miss these system packages (their Debian names): {' '.join(missing)}")
    command = [str(NOX), "--noxfile", str(ROOT / "noxfile.py"), "--session", *SESSIONS[target]]
    if arguments[1:]:
        command += ["--", *arguments[1:]]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

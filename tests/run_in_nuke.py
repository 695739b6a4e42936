"""Try the contract of hosts inside a real Nuke: ``nuke -t tests/run_in_nuke.py``.

Needs nothing but this checkout: no pytest, no package of ours installed. Prints one line for each check and a summary, and ends
with 0 when all of them passed, 1 when one failed, 2 when they could not be run. Works in a folder of its own that it removes,
leaves the script of the session empty, writes no settings and no bytecode.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main():
    """Run every check and return the exit code."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(ROOT))
    try:
        import nuke
    except ImportError as error:
        print(f"This is not Nuke ({error}). Run it with: nuke -t tests/run_in_nuke.py")
        return 2
    print(f"Nuke {nuke.env['NukeVersionString']}, Python {platform.python_version()}, {platform.platform()}")
    if is_set(nuke, "gui"):
        print("This would replace the script that is open here. Run it without a window: nuke -t tests/run_in_nuke.py")
        return 2
    if is_set(nuke, "nc") or is_set(nuke, "indie"):
        print(
            "Non-commercial and Indie editions give Python ten nodes of a script, too few for the checks. Use a full licence."
        )
        return 2
    checks = load_checks()
    folder = Path(tempfile.mkdtemp(prefix="nuke-ai-panel-"))
    failed = 0
    try:
        for check in checks.CHECKS:
            words = check.__name__.replace("_", " ")
            why = outcome(check, checks, nuke, folder)
            print(f"{'FAILED' if why else 'ok':7}{words}")
            if why:
                failed += 1
                print("\n".join(f"         {line}" for line in why.splitlines()))
    finally:
        nuke.scriptClear()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(checks.CHECKS) - failed} of {len(checks.CHECKS)} checks passed.")
    return 1 if failed else 0


def is_set(nuke, key):
    """Return whether the session says so; not every release knows every key."""
    try:
        return bool(nuke.env[key])
    except KeyError:
        return False


def load_checks():
    """Load the checks from their file: a package called tests may be on the path of an installation."""
    path = ROOT / "tests" / "host_contract" / "host_checks.py"
    spec = importlib.util.spec_from_file_location("nuke_ai_panel_host_checks", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def outcome(check, checks, nuke, folder):
    """Run one check on a fresh script; return why it failed, "" when it passed."""
    from nuke_ai_panel.hosts.nuke_host import NukeHost

    own = folder / check.__name__
    own.mkdir()
    script = own / "shot.nk"
    script.write_bytes(checks.SCRIPT)
    try:
        nuke.scriptClear()
        nuke.scriptOpen(script.as_posix())
        # Opening is a step that can be undone in some releases; the checks count their own.
        nuke.Undo.undoTruncate(0)
        check(checks.Case(NukeHost(nuke), script, own))
    except Exception:
        return traceback.format_exc(limit=-2)
    return ""


if __name__ == "__main__":
    sys.exit(main())

"""What Nuke's start pays for the panel: modules imported and milliseconds of ``init.py`` and ``menu.py``, beside an empty file.

Each file runs in fresh interpreters, in turn with the others, after stand-ins for ``nuke`` and ``nukescripts`` are in place and
an empty file was run once; the time is taken inside, around the file alone. ``menu.py`` runs after ``init.py``, as in Nuke.

    python -m benchmarks.import_cost [--runs 15]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_CHILD = """
import json, sys, time, types

class Menu:
    def addMenu(self, name): return Menu()
    def addCommand(self, name, command="", *more): pass
    def addSeparator(self): pass

nuke, nukescripts = types.ModuleType("nuke"), types.ModuleType("nukescripts")
nuke.pluginAddPath = lambda path: sys.path.insert(0, path)
nuke.menu = lambda name: Menu()
nukescripts.panels = types.SimpleNamespace(registerWidgetAsPanel=lambda *all: None)
sys.modules["nuke"], sys.modules["nukescripts"] = nuke, nukescripts

*before, measured = sys.argv[1:]
for path in before:
    exec(compile(open(path, encoding="utf-8").read(), path, "exec"), {"__name__": "__main__", "__file__": path})
had = set(sys.modules)
began = time.perf_counter()
exec(compile(open(measured, encoding="utf-8").read(), measured, "exec"), {"__name__": "__main__", "__file__": measured})
took = (time.perf_counter() - began) * 1000
print(json.dumps({"ms": took, "modules": sorted(set(sys.modules) - had)}))
"""


def measure(*paths: Path) -> tuple[float, list[str]]:
    """Run the last of `paths` after the others in a fresh interpreter; return its milliseconds and what it imported."""
    command = [sys.executable, "-c", _CHILD, *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    if done.stderr:
        raise SystemExit(f"{paths[-1].name} complained:\n{done.stderr}")
    result = json.loads(done.stdout)
    return result["ms"], result["modules"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "empty.py")
        empty.write_text("", encoding="utf-8")
        cases = {
            "empty file": (empty, empty),
            "init.py": (empty, ROOT / "init.py"),
            "menu.py": (empty, ROOT / "init.py", ROOT / "menu.py"),
        }
        times: dict[str, list[float]] = {name: [] for name in cases}
        modules: dict[str, list[str]] = {}
        for _ in range(runs):
            for name, paths in cases.items():
                took, modules[name] = measure(*paths)
                times[name].append(took)
    print(f"Start-up files, median of {runs} fresh interpreters (Python {sys.version.split()[0]})")
    print(f"{'file':<12} {'ms':>8} {'min':>8} {'max':>8} {'modules imported':>17}")
    for name in cases:
        taken = times[name]
        row = f"{statistics.median(taken):8.2f} {min(taken):8.2f} {max(taken):8.2f}"
        print(f"{name:<12} {row} {len(modules[name]):>17}  {', '.join(modules[name])}".rstrip())


if __name__ == "__main__":
    main()

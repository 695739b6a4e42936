"""Run every benchmark of this folder in turn, each in a process of its own: ``python -m benchmarks [NAME ...]``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def main() -> int:
    # A benchmark is a file with a main(); what several of them share has none.
    known = [path.stem for path in sorted(FOLDER.glob("[a-z]*.py")) if "def main(" in path.read_text(encoding="utf-8")]
    wanted = sys.argv[1:] or known
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        sys.exit(f"There is no benchmark {unknown[0]!r}. Known: {', '.join(known)}.")
    environment = dict(os.environ)
    if sys.platform.startswith("linux") and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    failed = []
    for name in wanted:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if subprocess.run(command, cwd=FOLDER.parent, env=environment, check=False).returncode:
            failed.append(name)
        print(flush=True)
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Proposals: what a generated change costs before and after the artist sees it.

    python -m benchmarks.proposals [--runs 20]

Preflight: a Python script of 200 lines, held against an open script of 2,000 nodes. "first" is the first check of a process,
with the catalogue of node classes still to be read; the others are what every further answer costs.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.nk_documents import large_script
from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

_PART = '''
def build_{number}(source, amount={number}.5):
    """Build a small treatment over a node."""
    made = []
    for index, channel in enumerate(("red", "green", "blue")):
        grade = nuke.nodes.Grade(inputs=[source], name="Treat_{number}_%s" % channel)
        grade["channels"].setValue("rgb")
        grade["multiply"].setValue(amount + index)
        grade["mix"].setExpression("frame > 1001 ? 1 : 0")
        if grade.Class() == "Grade" and "mix" in grade.knobs():
            grade["mix"].setValue(0.5)
        made.append(grade)
    merge = nuke.nodes.Merge2(inputs=made[:2], operation="plus")
    merge.setInput(1, made[2])
    blur = nuke.createNode("Blur", "size {number}", inpanel=False)
    blur.setInput(0, merge)
    try:
        blur["filter"].setValue("gaussian")
    except Exception as error:
        nuke.tprint("no such filter: %s" % error)
    return blur


treated = build_{number}(nuke.toNode("Blur1"))
for node in nuke.allNodes("Blur"):
    if node["size"].value() > 10 and not node["disable"].value():
        node["label"].setValue("[value size]")
'''


def script_of(lines: int) -> str:
    """Return a Python script of at least that many lines, as a model would write it for Nuke."""
    text = "import nuke\n"
    number = 0
    while text.count("\n") < lines:
        number += 1
        text += _PART.format(number=number)
    return text


def timed(work: Callable[[], object], runs: int) -> list[float]:
    """Return the milliseconds of each run."""
    taken = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1000)
    return taken


def row(what: str, taken: list[float], limit: str = "") -> None:
    """Print one figure: the median, the slowest, and what is aimed at."""
    print(f"{what:<58} {statistics.median(taken):>9.1f} ms {max(taken):>9.1f} ms   {limit}")


_FIRST = """
import time
from benchmarks.proposals import open_script, script_of
from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
around, proposal = open_script(), ScriptProposal("python", script_of(200))
begin = time.perf_counter()
preflight(proposal, around)
print((time.perf_counter() - begin) * 1000)
"""


def open_script() -> Surroundings:
    """Return an open script of 2,000 nodes."""
    return Surroundings.of(large_script(2_000))


def preflight_rows(runs: int) -> None:
    """Measure the check of Python that runs nothing."""
    around = open_script()
    for lines in (50, 200, 1000):
        proposal = ScriptProposal("python", script_of(lines))
        preflight(proposal, around)
        taken = timed(lambda proposal=proposal: preflight(proposal, around), runs)
        row(f"preflight of {lines:,} lines of Python", taken, "at most 50 ms" if lines == 200 else "")
    first = [float(subprocess.run([sys.executable, "-c", _FIRST], check=True, capture_output=True).stdout) for _ in range(3)]
    row("preflight of 200 lines, the first of a process", first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    print(f"{'':<58} {'median':>12} {'slowest':>12}")
    preflight_rows(given.runs)


if __name__ == "__main__":
    main()

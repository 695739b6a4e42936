"""Proposals: what a generated change costs before and after the artist sees it.

    python -m benchmarks.proposals [--runs 20]

Preflight: a Python script of 200 lines, held against an open script of 2,000 nodes. "first" is the first check of a process,
with the catalogue of node classes still to be read; the others are what every further answer costs.

Dry run: the whole child process, from the proposal to what it changed, on scripts of 2,000 and 10,000 nodes. Graph diff: two
scripts of 10,000 nodes, both read before. Context: what the model is told for a question on 10,000 nodes, one of them selected.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.nk_documents import large_script
from nuke_ai_panel import nk
from nuke_ai_panel.agent.context import describe
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.scripting.dry_run import dry_run
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
        taken = timed(functools.partial(preflight, proposal, around), runs)
        row(f"preflight of {lines:,} lines of Python", taken, "at most 50 ms" if lines == 200 else "")
    first = [float(subprocess.run([sys.executable, "-c", _FIRST], check=True, capture_output=True).stdout) for _ in range(3)]
    row("preflight of 200 lines, the first of a process", first)


_CHANGE = """
for node in nuke.allNodes("Grade")[:20]:
    blur = nuke.nodes.Blur(inputs=[node], size=3)
    node["multiply"].setValue(1.5)
"""


def dry_run_rows(runs: int) -> None:
    """Measure a change tried on a copy, process and all."""
    for nodes in (2_000, 10_000):
        snapshot = large_script(nodes)
        proposal = ScriptProposal("python", _CHANGE)

        def tried(snapshot: bytes = snapshot, proposal: ScriptProposal = proposal) -> None:
            outcome = asyncio.run(dry_run(proposal, snapshot))
            if outcome.diff is None or len(outcome.diff.added) != 20:
                sys.exit(f"The dry run did not go through: {outcome.error or outcome.unknown}")

        row(f"dry run on a script of {nodes:,} nodes", timed(tried, runs), "at most 1,000 ms" if nodes == 2_000 else "")


def diff_rows(runs: int) -> None:
    """Measure the difference of two large scripts."""
    before, after = nk.loads(large_script(10_000)), nk.loads(large_script(10_000))
    for node in after.nodes_of_class("Grade")[:50]:
        after.set_knob(node, "multiply", "1.7")
    nk.diff(before, after)
    row("graph diff of two scripts of 10,000 nodes", timed(lambda: nk.diff(before, after), runs), "at most 200 ms")


def context_rows(runs: int) -> None:
    """Measure what the model is told about scripts of very different sizes for the same question."""
    for nodes in (100, 10_000):
        document = nk.loads(large_script(nodes))
        document.select(document.nodes_of_class("Grade")[-1])
        host = DocumentHost(document)
        context = describe(host, "Why is this soft?")
        taken = timed(functools.partial(describe, host, "Why is this soft?"), runs)
        limit = "at most 50 ms" if nodes == 10_000 else ""
        row(f"context on {nodes:,} nodes, about {context.tokens:,} tokens", taken, limit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    print(f"{'':<58} {'median':>12} {'slowest':>12}")
    preflight_rows(given.runs)
    dry_run_rows(max(3, given.runs // 4))
    diff_rows(given.runs)
    context_rows(given.runs)


if __name__ == "__main__":
    main()

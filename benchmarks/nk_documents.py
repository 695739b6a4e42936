"""Documents of the .nk engine: parsing beside public pure-Python readers, and what large scripts cost.

Parsing: every real script of the folder ``shared/corpus`` beside the repository (or of ``--corpus``), read and its nodes listed
by full name with class and inputs. The readers take turns, file by file, on one core; a file counts for a reader that can read
it. Others than ours are measured where they are installed: ``nkparser`` is in the extra ``bench``; ``nuke_parser``
(github.com/maxWiklund/nuke_parser) is no package of an index, its folder ``nk_parser`` is put on PYTHONPATH by hand.

Large scripts are made by :func:`large_script`: chains with branches, merges, groups, curves, user knobs and text over lines.

    python -m benchmarks.nk_documents [--corpus FOLDER] [--nodes 10000] [--runs 5]
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.expressions import rename_edits

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)

_MEMORY_CHILD = """
import sys, tracemalloc
from pathlib import Path
from nuke_ai_panel import nk
nk.loads(b"Grade {\\n name G\\n}\\n").nodes()
path = Path(sys.argv[1])
tracemalloc.start()
document = nk.load(path)
index = [(node.path, node.class_name, node.inputs) for node in document.nodes(recurse=True)]
del index
print(*tracemalloc.get_traced_memory())
"""


def large_script(nodes: int) -> bytes:
    """Return a script of `nodes` nodes as Nuke would write it, the same each time."""
    parts = ["version 15.1 v3\nRoot {\n inputs 0\n name /shows/demo/sh010/comp.nk\n first_frame 1001\n last_frame 1100\n}\n"]
    made = 0
    block = 0
    while made < nodes:
        left = nodes - made
        block += 1
        y = block * 400
        if left < 12:
            parts.append(
                f"Blur {{\n size {{{{curve x1001 0 x1100 {made}}}}}\n name Blur{made + 1}\n xpos {made}\n ypos {y}\n}}\n"
            )
            made += 1
            continue
        variable = f"N{block:x}"
        parts.append(
            f'Read {{\n inputs 0\n file "/shows/demo/sh{block:04d}/plate v01.%04d.exr"\n first 1001\n last 1100\n'
            f" origset true\n name Read{block}\n xpos {block * 110}\n ypos {y}\n}}\nset {variable} [stack 0]\n"
            f"Grade {{\n white {{1.{block} 1.2 0.9 1}}\n multiply {{{{curve i x1001 1 x1050 1.5 x1100 {block}}}}}\n gamma 1"
            f'\n name Grade{block}\n label "look \\[value white]\\nblock {block}"\n xpos {block * 110}\n ypos {y + 60}\n}}\n'
            f"Blur {{\n size {{{{parent.Grade{block}.gamma*10}}}}\n name Blur{made + 1}\n xpos {block * 110}\n"
            f" ypos {y + 90}\n}}\n"
            f"push ${variable}\n"
            f"Keyer {{\n operation {{luminance key {block}}}\n name Keyer{block}\n xpos {block * 110}\n ypos {y + 60}\n}}\n"
            f"Merge2 {{\n inputs 2\n operation screen\n mix 0.{block}\n name Merge{block}\n xpos {block}\n ypos {y + 150}\n"
            f' addUserKnob {{20 User}}\n addUserKnob {{7 amount l Amount t "how much" R 0 10}}\n amount {block}\n}}\n'
            f"Group {{\n name Group{block}\n tile_color 0x8f8f8fff\n xpos {block * 110}\n ypos {y + 200}\n}}\n"
            f" Input {{\n  inputs 0\n  name Input1\n  xpos 0\n }}\nset {variable}a [stack 0]\n"
            f" Saturation {{\n  saturation 0.{block}\n  name Saturation1\n  xpos 0\n  ypos 50\n }}\npush ${variable}a\n"
            f" Merge2 {{\n  inputs 2\n  name Merge1\n  xpos 0\n  ypos 100\n }}\n"
            f" Output {{\n  name Output1\n  xpos 0\n  ypos 150\n }}\nend_group\n"
            f"Transform {{\n translate {{{{curve x1001 {block} x1100 20}} {{curve x1001 0 x1100 8}}}}\n center {{960 540}}\n"
            f" name Transform{block}\n xpos {block * 110}\n ypos {y + 250}\n}}\n"
            f"Write {{\n file /shows/demo/out/comp.%04d.exr\n file_type exr\n name Write{block}\n selected true\n"
            f" xpos {block * 110}\n ypos {y + 300}\n disable true\n}}\n"
        )
        made += 11
    return "".join(parts).encode()


# Readers: text of a script to its number of nodes


def _ours(data: bytes, path: Path) -> int:
    found = [(node.path, node.class_name, node.inputs) for node in nk.loads(data).nodes(recurse=True)]
    return len(found)


def _nkparser() -> Callable[[bytes, Path], int]:
    script = importlib.import_module("nkparser").Script

    def read(data: bytes, path: Path) -> int:
        return len([node.name for node in script.from_string(data.decode("utf-8", "surrogateescape")).all_nodes()])

    return read


def _nuke_parser() -> Callable[[bytes, Path], int]:
    parse = importlib.import_module("nuke_parser.parser")._parseNk

    def read(data: bytes, path: Path) -> int:
        return len([(node.path(), node.Class(), node.inputs()) for node in parse(str(path)).allNodes()])

    return read


_OTHERS: dict[str, Callable[[], Callable[[bytes, Path], int]]] = {
    "nkparser": _nkparser,
    "nuke_parser": _nuke_parser,
}


def seconds(work: Callable[[], object], runs: int) -> float:
    """Return the median processor time of `work` in seconds."""
    taken = []
    for _ in range(runs):
        gc.collect()
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def compare_readers(corpus: Path, runs: int) -> None:
    """Print the parsing speed of every reader at hand over the real scripts."""
    readers: dict[str, Callable[[bytes, Path], int]] = {"nuke_ai_panel.nk": _ours}
    for name, make in _OTHERS.items():
        try:
            readers[name] = make()
        except (ImportError, AttributeError) as error:
            print(f"  {name}: not measured ({error})")
    files = [(path, path.read_bytes()) for path in sorted(corpus.rglob("*")) if path.suffix in (".nk", ".gizmo")]
    total = sum(len(data) for _, data in files)
    print(f"{len(files)} files, {total / 1e6:.1f} MB; median of {runs} runs, Python {sys.version.split()[0]}")
    print(f"{'reader':<18} {'MB/s':>8} {'ours is':>9} {'files read':>11} {'nodes':>8}")
    speeds: dict[str, tuple[float, int, int]] = {}
    times: dict[str, list[float]] = {name: [] for name in readers}
    counts: dict[str, tuple[int, int, int]] = {}
    for _ in range(runs):
        for name, read in readers.items():
            taken, size, good, nodes = 0.0, 0, 0, 0
            for path, data in files:
                began = time.process_time()
                try:
                    with contextlib.redirect_stdout(io.StringIO()):
                        nodes += read(data, path)
                except Exception:
                    # Whatever another reader does with a file that it cannot read; what it took counts for nothing.
                    continue
                taken += time.process_time() - began
                size += len(data)
                good += 1
            times[name].append(size / taken / 1e6 if taken else 0.0)
            counts[name] = (good, size, nodes)
    for name, rates in times.items():
        speeds[name] = (statistics.median(rates), counts[name][0], counts[name][2])
    ours = speeds["nuke_ai_panel.nk"][0]
    for name, (rate, good, nodes) in speeds.items():
        factor = f"{ours / rate:.1f} x" if rate and name != "nuke_ai_panel.nk" else ""
        print(f"{name:<18} {rate:>8.2f} {factor:>9} {good:>11} {nodes:>8}")


def large_figures(count: int, runs: int) -> None:
    """Print what opening, changing, saving, comparing and asking cost for a script of `count` nodes."""
    data = large_script(count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.nk")
        path.write_bytes(data)
        print(f"A script of {count} nodes, {len(data) / 1e6:.2f} MB")
        print(f"  open                         {seconds(lambda: nk.load(path), runs) * 1000:9.1f} ms")
        document = nk.load(path)
        values = iter(range(10_000))

        def change_and_save() -> None:
            document.set_knob(document.node("Grade7"), "gamma", str(next(values)))
            document.save()

        taken = []
        for _ in range(runs):
            began = time.perf_counter()
            change_and_save()
            taken.append(time.perf_counter() - began)
        print(f"  change one knob and save     {statistics.median(taken) * 1000:9.1f} ms (by the clock, with the disk)")
        other = nk.loads(data)
        print(f"  diff with itself changed     {seconds(lambda: nk.diff(other, document), runs) * 1000:9.1f} ms")
        print(f"  diff, both just opened       {_first_diff(data, document.to_bytes(), runs) * 1000:9.1f} ms")
        middle = document.node("Merge7")
        document.connect(document.node("Transform9"), 0, document.node("Grade9"))
        asked: dict[str, Callable[[], object]] = {
            "Document.node": lambda: document.node("Group7.Merge1"),
            "Node.dependents": lambda: middle.dependents,
            "Document.nodes_of_class": lambda: document.nodes_of_class("Root"),
            "Document.connect": lambda: (
                document.connect(document.node("Merge9"), 1, document.node("Grade9")),
                document.connect(document.node("Merge9"), 1, document.node("Keyer9")),
            ),
        }
        for name, ask in asked.items():
            ask()
            took = seconds(lambda ask=ask: [ask() for _ in range(100)], runs) / 100  # type: ignore[misc]
            print(f"  {name:<28} {took * 1e6:9.1f} us")
        for name, work in _changes(data).items():
            print(f"  {name:<28} {_fresh(data, work, runs) * 1000:9.1f} ms")
        peak = subprocess.run(
            [sys.executable, "-c", _MEMORY_CHILD, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
        held, most = (int(size) / len(data) for size in peak)
        print(f"  memory, open and indexed     {held:9.1f} x the file ({most:.1f} at its peak)")


def _changes(data: bytes) -> dict[str, Callable[[nk.Document], Callable[[], object]]]:
    """Return what is done to a script of its own each time: a preparation that gives what is measured."""

    def new_nodes(document: nk.Document) -> list[nk.Node]:
        sources = document.nodes_of_class("Merge2")[10:200:10]
        made = [document.create("Blur", inputs=[source]) for source in sources]
        return [*made, document.create("Merge2", inputs=made[:2])]

    def placed(document: nk.Document) -> Callable[[], object]:
        made = new_nodes(document)
        return lambda: nk.place(document, made)

    def tidied(document: nk.Document) -> Callable[[], object]:
        made = new_nodes(document)
        nk.place(document, made)
        return lambda: nk.tidy(document, made)

    def written(document: nk.Document) -> Callable[[], object]:
        new_nodes(document)
        return document.to_bytes

    def merged(document: nk.Document) -> Callable[[], object]:
        base, theirs = nk.loads(data), nk.loads(data)
        for number, node in enumerate(theirs.nodes_of_class("Grade")[5:500:25]):
            theirs.set_knob(node, "gamma", f"1.{number}")
        new_nodes(theirs)
        document.set_knob(document.node("Grade1"), "mix", "0.5")

        def work() -> None:
            conflicts = nk.merge(base, document, theirs).conflicts
            if conflicts:
                raise NkError(f"merging met {conflicts[0]}")

        return work

    def renamed(document: nk.Document) -> Callable[[], object]:
        rename_edits(document.node("Grade3"), "Other")
        return lambda: rename_edits(document.node("Grade4"), "Other")

    return {
        "write with 20 new nodes": written,
        "nk.place of 20 new nodes": placed,
        "nk.tidy of 20 new nodes": tidied,
        "nk.merge, three-way": merged,
        "rename_edits, first": lambda document: lambda: rename_edits(document.node("Grade4"), "Other"),
        "rename_edits, later": renamed,
    }


def _fresh(data: bytes, work: Callable[[nk.Document], Callable[[], object]], runs: int) -> float:
    taken = []
    for _ in range(runs):
        measured = work(nk.loads(data))
        gc.collect()
        began = time.process_time()
        measured()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def _first_diff(before: bytes, after: bytes, runs: int) -> float:
    taken = []
    for _ in range(runs):
        one, other = nk.loads(before), nk.loads(after)
        gc.collect()
        began = time.process_time()
        nk.diff(one, other)
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def linearity(runs: int) -> None:
    """Print the cost for each node over sizes of script."""
    print("Cost for each node, in microseconds")
    print(f"{'nodes':>8} {'open':>8} {'write':>8} {'diff':>8} {'rewire and write':>18}")
    for size in SIZES:
        data = large_script(size)
        document, other = nk.loads(data), nk.loads(data)
        rewired = nk.loads(data)
        rewired.connect(rewired.node("Transform9"), 0, rewired.node("Grade9"))
        row = [
            seconds(lambda data=data: nk.loads(data).nodes(recurse=True), runs),  # type: ignore[misc]
            seconds(document.to_bytes, runs),
            seconds(lambda one=document, two=other: nk.diff(one, two), runs),  # type: ignore[misc]
            seconds(rewired.to_bytes, runs),
        ]
        opened, written, compared, arranged = (value / size * 1e6 for value in row)
        print(f"{size:>8} {opened:>8.2f} {written:>8.2f} {compared:>8.2f} {arranged:>18.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus")
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.corpus.is_dir():
        compare_readers(chosen.corpus, chosen.runs)
    else:
        print(f"No real scripts at hand in {chosen.corpus.name}/; give a folder of them with --corpus.")
    print()
    try:
        large_figures(chosen.nodes, chosen.runs)
        print()
        linearity(chosen.runs)
    except NkError as error:
        sys.exit(f"The engine refused its own script: {error}")


if __name__ == "__main__":
    main()

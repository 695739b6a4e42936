"""The arguments of ``nk``: what can be asked of script files. Light, so that ``--help`` needs nothing of the engine."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["add_nk_arguments"]

_EPILOG = """\
FILE is a script, a folder (all .nk and .gizmo files in it and below), a pattern such as 'shots/*/comp_v*.nk', or - for
standard input.

exit codes of nk:
    0  done; nothing wrong, no difference
    1  found: damage, a difference, a file that fmt would change, no such node or knob
    2  trouble: wrong arguments, a file that cannot be read or written
  130  stopped with Ctrl+C
"""


def add_nk_arguments(commands: Any, json_option: argparse.ArgumentParser) -> None:
    """Add ``nk`` and its own commands to the subparsers of the command line."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "nk",
        help="read, check, change, compare and draw script files",
        description="Read, check, change, compare and draw Nuke script files, without Nuke and without a model.",
        epilog=_EPILOG,
        formatter_class=plain,
    )
    own = parser.add_subparsers(dest="nk_command", required=True, metavar="COMMAND")

    def add(name: str, summary: str, *, reads: bool = False) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = own.add_parser(
            name, parents=[json_option], help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=_EPILOG,
            formatter_class=plain,
        )  # fmt: skip
        if reads:
            made.add_argument("--recover", action="store_true", help="of a damaged file take what can be read")
        return made

    check = add("check", "say where files are damaged, and hint at unknown classes, knobs and references")
    check.add_argument("files", nargs="+", metavar="FILE")
    check.add_argument("--no-hints", action="store_true", help="damage only")
    check.add_argument("--strict", action="store_true", help="exit with 1 for hints too")

    listing = add("ls", "list nodes with their classes", reads=True)
    listing.add_argument("files", nargs="+", metavar="FILE")
    listing.add_argument(
        "--class", dest="class_name", default="", metavar="PATTERN", help="classes only that match, e.g. 'Merge*'"
    )
    listing.add_argument("--name", default="", metavar="PATTERN", help="full names only that match, e.g. 'Group1.*'")
    listing.add_argument("--selected", action="store_true", help="selected nodes only")
    listing.add_argument("--recurse", "-r", action="store_true", help="inside of groups too")

    show = add("show", "show nodes with their knobs and connections", reads=True)
    show.add_argument("file", metavar="FILE")
    show.add_argument(
        "nodes", nargs="+", metavar="NODE", help="a full name, e.g. Group1.Grade1; root is the Root, \\. a dot in a name"
    )

    get = add("get", "print the value of knobs, one a line, as a script writes them", reads=True)
    get.add_argument("file", metavar="FILE")
    get.add_argument("knobs", nargs="+", metavar="NODE.KNOB", help="e.g. Grade1.white or root.fps")

    change = add("set", "set knobs; everything else in the file stays as it is, byte for byte")
    change.add_argument("file", metavar="FILE")
    change.add_argument(
        "changes", nargs="+", metavar="NODE.KNOB=VALUE", help="the value as a script writes it, e.g. '{1 2 3 1}'"
    )
    _add_target(change)

    diff = add("diff", "compare two scripts node by node", reads=True)
    diff.add_argument("before", metavar="A")
    diff.add_argument("after", metavar="B")

    draw = add("draw", "draw the node graph, or what differs from another script, as SVG or PNG", reads=True)
    draw.add_argument("file", metavar="FILE")
    draw.add_argument(
        "--out", "-o", default="-", metavar="OUT.svg", help="or OUT.png, which needs Qt; default: standard output"
    )
    draw.add_argument("--diff", default="", metavar="BEFORE", help="draw what changed since this script")
    draw.add_argument("--group", default="", metavar="NODE", help="the inside of this group instead of the root")
    draw.add_argument("--width", type=int, metavar="PIXELS", help="default: as large as the node graph, up to 1600")

    form = add("fmt", "write scripts anew in the order in which Nuke writes nodes; knobs stay as they are")
    form.add_argument("files", nargs="+", metavar="FILE")
    _add_target(form, check=True)


def _add_target(parser: argparse.ArgumentParser, *, check: bool = False) -> None:
    target = parser.add_mutually_exclusive_group(required=True)
    if check:
        target.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file would change")
    target.add_argument("--out", "-o", default="", metavar="OUT.nk", help="where the script is saved; - is standard output")
    target.add_argument("--in-place", "-i", action="store_true", help="save over FILE, unless it changed in between")

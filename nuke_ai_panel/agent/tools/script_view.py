"""The script as the tools of one round see it: one snapshot, read once."""

from __future__ import annotations

import asyncio
import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import TypeVar

from nuke_ai_panel.agent.tools.marking import neutral, quoted
from nuke_ai_panel.agent.tools.values import ToolProblem
from nuke_ai_panel.nk.catalogue import Catalogue
from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.nk.document import Document, loads
from nuke_ai_panel.nk.node import Node

__all__ = ["READ_AT_ONCE", "ScriptView", "first", "matcher"]

_T = TypeVar("_T")

#: Bytes of a script that is looked at where one stands; a longer one is read and searched in a worker.
READ_AT_ONCE = 300_000
#: Names that are compared to find the one that was meant.
_MOST_NAMES = 5000


class ScriptView:
    """A snapshot as a document, with the catalogue of its Nuke. Belongs to one thread at a time.

    Raises:
        NkError: the text cannot be read.
    """

    def __init__(self, snapshot: bytes) -> None:
        self.document: Document = loads(snapshot)
        self._is_big = len(snapshot) > READ_AT_ONCE

    async def work(self, call: Callable[[], _T]) -> _T:
        """Return what `call` returns; where the script is big it is made in a worker, so that the artist can go on working.

        Nobody else may use the view meanwhile, and nobody afterwards when this is cancelled: the worker goes on.
        """
        if self._is_big:
            return await asyncio.get_running_loop().run_in_executor(None, call)
        return call()

    @cached_property
    def catalogue(self) -> Catalogue:
        """What is known of the classes and knobs of the script's Nuke."""
        return Catalogue.for_document(self.document)

    def node(self, path: str) -> Node:
        """Return a node by its full name, the Root by ``"root"``. Raises: ToolProblem, with the name that was meant."""
        wanted = path.strip()
        if wanted.casefold() == "root" and self.document.root_node is not None:
            return self.document.root_node
        found = self.document.find(wanted)
        if found is not None:
            return found
        near = self._near(wanted)
        if near:
            hint = f" Did you mean {', '.join(quoted(each, 80) for each in near)}?"
        else:
            hint = " Ask find_nodes or graph_outline for the names."
        raise ToolProblem(f"The script has no node {quoted(path, 80)}.{hint}")

    def group(self, path: str) -> Node:
        """Return a node that has nodes inside. Raises: ToolProblem."""
        found = self.node(path)
        if found.children is None:
            raise ToolProblem(f"{quoted(found.path)} is a {quoted(found.class_name)}, not a group.")
        return found

    def _near(self, wanted: str) -> tuple[str, ...]:
        inner = wanted.rpartition(".")[2]
        paths = list(islice(self.document.paths(), _MOST_NAMES))
        same = [path for path, node in paths if node.name == inner and path != wanted]
        return tuple(same[:3]) or closest(wanted, (path for path, _ in paths))

    def names(self, limit: int) -> list[str] | None:
        """Return the full names of all nodes, None where there are more than `limit` of them or one is no plain name."""
        found = [path for path, _ in islice(self.document.paths(), limit + 1)]
        if len(found) > limit or any(not re.fullmatch(r"[\w.]{1,80}", path) for path in found):
            return None
        return list(dict.fromkeys(found))

    def walk(self, scope: Node | None = None) -> Iterator[Node]:
        """Yield every node of the script, or of what is inside of a group."""
        return self.document.walk(None if scope is None else scope.children)

    def class_problem(self, name: str) -> str:
        """Return what is wrong with a class name and what would be right, "" for one that Nuke or the script has."""
        if self.catalogue.is_known(name):
            problem = self.catalogue.check_class(name)
            return "" if problem is None or not problem.certain else problem.message
        if self.document.nodes_of_class(name, recurse=True):
            return ""
        problem = self.catalogue.check_class(name)
        if problem is not None:
            return problem.message
        near = self.catalogue.suggest_class(name)
        hint = f"did you mean {', '.join(near)}?" if near else "ask node_reference what there is."
        return f"Nuke has no class {quoted(name, 80)} that is known here; {neutral(hint)}"


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return the test for a name pattern: ``*`` and ``?`` as in file names, otherwise a part of it; case does not count."""
    wanted = pattern.casefold()
    if any(mark in wanted for mark in "*?"):
        test = re.compile(fnmatch.translate(wanted))
        return lambda name: test.match(name.casefold()) is not None
    return lambda name: wanted in name.casefold()


def first(lines: Iterable[str], offset: int, budget: int) -> tuple[list[str], int | None]:
    """Return the lines from `offset` that fit into `budget` characters, and the number of the next one, None at the end."""
    taken: list[str] = []
    used = 0
    for place, line in enumerate(islice(lines, offset, None), offset):
        if taken and used + len(line) > budget:
            return taken, place
        taken.append(line)
        used += len(line) + 1
    return taken, None

"""The process of a dry run: checks a proposal, runs it on a copy of the script, answers, ends. Or it compares two scripts.

Started by path as ``python -I dry_run_child.py``, so that nothing of the host's environment reaches it. It makes itself ready
and waits for a request on stdin: one line of JSON, a newline, and the script's bytes, as many as ``size`` says. Each answer is
a line that begins with the request's ``token``: first what was found without running the code, then what running it did. When
stdin ends, nobody is there any more, and the process ends too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import gc
import json
import os
import re
import shutil
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from nuke_ai_panel.nk.document import Document
    from nuke_ai_panel.nk.graph_diff import GraphDiff
    from nuke_ai_panel.scripting.dry_run_guard import Guard
    from nuke_ai_panel.scripting.proposal import ScriptProposal

_MISSING_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([^']+)'", re.MULTILINE)

#: How the names of the folders begin that such a process is started in.
PREFIX = "nuke-ai-panel-dry-run-"

#: Seconds after which a process that was started ahead is given up.
_IDLE = 900.0


def main() -> None:
    """Serve one request and end the process, whatever threads the code has left behind."""
    answers, requests = os.dup(1), os.fdopen(os.dup(0), "rb")
    # What native code or os.write(1, ...) prints must not get between the lines of the answer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    faulthandler.dump_traceback_later(_IDLE, exit=True)
    _get_ready()
    line = requests.readline()
    if not line:
        _remove_folder()
        os._exit(0)
    request = json.loads(line)
    snapshot = requests.read(request["size"])
    # A clock that no lock of the interpreter stops; the parent has its own, unless it was killed.
    faulthandler.dump_traceback_later(request["seconds"] + 10, exit=True)
    threading.Thread(target=_end_with, args=(requests,), daemon=True).start()
    serve = _compare if "compare" in request else _serve
    serve(request, snapshot, _Answers(answers, request["token"]))
    os._exit(0)


class _Answers:
    """Where the answers go."""

    def __init__(self, handle: int, token: str) -> None:
        self._handle = handle
        self._token = token

    def send(self, found: dict[str, Any]) -> None:
        data = f"\n{self._token}{json.dumps(found)}\n".encode("ascii")
        while data:
            data = data[os.write(self._handle, data) :]


def _get_ready() -> None:
    """Load all that a request needs. Later imports write no bytecode: it would look as if the script did."""
    # With -I neither the folder of this file nor PYTHONPATH is searched.
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from nuke_ai_panel import nk
    from nuke_ai_panel.hosts.document_host import DocumentHost
    from nuke_ai_panel.nk.catalogue import default_catalogue
    from nuke_ai_panel.scripting import dry_run_guard, kinds, preflight, python_check  # noqa: F401

    default_catalogue().find("Grade")
    DocumentHost(nk.new_script()).run_python("import tempfile\nnuke.nodes.Grade()", title="")
    sys.dont_write_bytecode = True
    # What is loaded now lives as long as the process does; there is no use in looking through it again and again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _end_with(requests: BinaryIO) -> None:
    requests.read(1)
    # The guard may have a say in it.
    with contextlib.suppress(Exception):
        _remove_folder()
    os._exit(3)


def _remove_folder() -> None:
    """Remove the folder that this process was started in: a host that ends without a word leaves it behind."""
    folder = os.getcwd()
    if os.path.basename(folder).startswith(PREFIX):
        os.chdir(os.path.dirname(folder))
        shutil.rmtree(folder, ignore_errors=True)


def _serve(request: dict[str, Any], snapshot: bytes, answers: _Answers) -> None:
    from nuke_ai_panel import nk
    from nuke_ai_panel.errors import NkError, ProposalError
    from nuke_ai_panel.nk.catalogue import Catalogue, use_gizmo_folders, use_index_folder
    from nuke_ai_panel.scripting.kinds import runnable
    from nuke_ai_panel.scripting.preflight import preflight
    from nuke_ai_panel.scripting.proposal import ScriptProposal
    from nuke_ai_panel.scripting.surroundings import Surroundings

    proposal = ScriptProposal(**request["proposal"])
    use_index_folder(request["index_folder"] or None)
    use_gizmo_folders(request["gizmo_folders"])
    unreadable = ""
    before: Document | None = None
    try:
        before = nk.loads(snapshot)
        surroundings = Surroundings(before, Catalogue.for_document(before))
    except NkError as error:
        unreadable = f"the open script cannot be read here ({error})"
        surroundings = Surroundings()
    found = preflight(proposal, surroundings)
    answers.send({"findings": _plain(found.findings), "effects": _plain(found.effects)})
    if any(finding.severity == "fatal" for finding in found.findings):
        answers.send(_answer())
        return
    try:
        code = runnable(proposal)
    except ProposalError as error:
        answers.send(_answer(unknown=str(error)))
        return
    if before is None:
        answers.send(_answer(unknown=unreadable))
        return
    answers.send(_try(request, proposal, code, before, snapshot))


def _compare(request: dict[str, Any], snapshots: bytes, answers: _Answers) -> None:
    """Tell what differs between two scripts, the first of which is ``compare`` bytes long."""
    from nuke_ai_panel import nk
    from nuke_ai_panel.errors import NkError
    from nuke_ai_panel.nk.catalogue import use_gizmo_folders, use_index_folder

    use_index_folder(request["index_folder"] or None)
    use_gizmo_folders(request["gizmo_folders"])
    size = request["compare"]
    try:
        found = nk.diff(nk.loads(snapshots[:size]), nk.loads(snapshots[size:]))
    except NkError as error:
        answers.send({"unreadable": str(error)})
        return
    answers.send({"diff": dataclasses.asdict(found)})


def _try(request: dict[str, Any], proposal: ScriptProposal, code: str, before: Document, snapshot: bytes) -> dict[str, Any]:
    from nuke_ai_panel import nk
    from nuke_ai_panel.hosts.document_host import DocumentHost
    from nuke_ai_panel.scripting.dry_run_guard import Guard, limit_resources

    host = DocumentHost(nk.loads(snapshot))
    unsimulated = _watch_unsimulated()
    limit_resources(request["seconds"])
    guard = Guard(request["scratch"], home=request["home"])
    guard.install()
    result = host.run_python(code, title=proposal.title)
    limit = request["output_limit"]
    output = _cut(result.output, limit)
    notes = [f"On the copy this was not possible: the script {words}." for words in guard.refused]
    notes += [f"On the copy this was not possible: {words}" for words in unsimulated]
    notes += [f"The script pastes code, which Nuke runs and the copy does not: {found.where}." for found in host.not_run]
    notes += list(host.session_notes)
    if result.error:
        unknown = _why_unknown(result.error, guard, unsimulated)
        if unknown:
            return _answer(unknown=unknown, output=output)
        return _answer(error=_cut(result.error, limit), output=output, notes=notes)
    # Read back from text, as the script of a host is after the real run: then both differences read alike.
    after = nk.loads(host.snapshot())
    diff = nk.diff(before, after)
    picture = _picture(before, after, diff) if diff else ""
    if len(picture) > request["picture_limit"]:
        picture = ""
    return _answer(diff=dataclasses.asdict(diff), output=output, notes=notes, picture=picture)


#: Changes of which a picture is drawn; among more of them nothing could be told apart.
_MOST_SHOWN = 600


def _picture(before: Document, after: Document, diff: GraphDiff) -> str:
    """Return a picture of the part that changed: of the root, or of the one group that all changes lie in."""
    from nuke_ai_panel import nk

    parts = (diff.added, diff.removed, diff.knobs, diff.connections, diff.renamed)
    paths = {each.path for part in parts for each in part} | set(diff.moved)
    if len(paths) > _MOST_SHOWN:
        return ""
    groups = {path.rpartition(".")[0] for path in paths}
    group = groups.pop() if len(groups) == 1 else ""
    if group and (before.find(group) is None or after.find(group) is None):
        group = ""
    return nk.draw_diff(before, after, group=group)


def _plain(values: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(value) for value in values]


def _watch_unsimulated() -> list[str]:
    """Return a list that fills with what the engine is asked for and does not simulate, also where the script catches it."""
    from nuke_ai_panel.errors import NotSimulatedError

    met: list[str] = []
    plain = NotSimulatedError.__init__

    def remember(self: NotSimulatedError, *args: object) -> None:
        words = str(args[0]) if args else ""
        if words not in met:
            met.append(words)
        plain(self, *args)

    NotSimulatedError.__init__ = remember  # type: ignore[method-assign,assignment]
    return met


def _why_unknown(error: str, guard: Guard, unsimulated: list[str]) -> str:
    """Return why an error says nothing about the host, "" when the script would fail there too."""
    last = error.strip().splitlines()[-1]
    for words in unsimulated:
        if words and words.splitlines()[0] in error:
            return words
    for words in guard.refused:
        if words in last:
            return f"the script {words}, which a dry run does not allow"
    missing = _MISSING_MODULE.search(last)
    if missing:
        return f"the script imports {missing.group(1)!r}, which may exist in the host only"
    if last.startswith("MemoryError"):
        return "the script needs more memory than a dry run may take"
    return ""


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"


def _answer(**found: object) -> dict[str, Any]:
    return {"diff": None, "output": "", "error": "", "unknown": "", "notes": [], "picture": "", **found}


if __name__ == "__main__":
    main()

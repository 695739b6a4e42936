"""The process of a dry run: reads a request on stdin, runs the code on a copy of the script, answers on stdout, ends.

Started by path as ``python -I dry_run_child.py``, so that nothing of the host's environment reaches it. The request is one line
of JSON (``title``, ``code``, ``seconds``, ``output_limit``, ``scratch``), a newline, and the script's bytes. The answer is one
JSON object: ``diff`` (or null), ``output``, ``error``, ``unknown``, ``notes``.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nuke_ai_panel.scripting.dry_run_guard import Guard

_MISSING_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([^']+)'", re.MULTILINE)


def main() -> None:
    """Serve one request and end the process, whatever threads the code has left behind."""
    answers = os.dup(1)
    # What native code or os.write(1, ...) prints must not get between the lines of the answer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    request = json.loads(sys.stdin.buffer.readline())
    answer = _run(request, sys.stdin.buffer.read())
    data = json.dumps(answer).encode("ascii")
    while data:
        data = data[os.write(answers, data) :]
    os._exit(0)


def _run(request: dict[str, Any], snapshot: bytes) -> dict[str, Any]:
    # With -I neither the folder of this file nor PYTHONPATH is searched.
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from nuke_ai_panel import nk
    from nuke_ai_panel.errors import NkError
    from nuke_ai_panel.hosts.document_host import DocumentHost
    from nuke_ai_panel.scripting.dry_run_guard import Guard, limit_resources

    limit_resources(request["seconds"])
    try:
        document = nk.loads(snapshot)
        before = nk.loads(snapshot)
    except NkError as error:
        return _answer(unknown=f"the open script cannot be read here ({error})")
    host = DocumentHost(document)
    unsimulated = _watch_unsimulated()
    guard = Guard(request["scratch"])
    guard.install()
    result = host.run_python(request["code"], title=request["title"])
    output = _cut(result.output, request["output_limit"])
    notes = [f"On the copy this was not possible: the script {words}." for words in guard.refused]
    notes += [f"On the copy this was not possible: {words}" for words in unsimulated]
    notes += [f"The script pastes code, which Nuke runs and the copy does not: {found.where}." for found in host.not_run]
    if result.error:
        unknown = _why_unknown(result.error, guard, unsimulated)
        if unknown:
            return _answer(unknown=unknown, output=output)
        return _answer(error=_cut(result.error, request["output_limit"]), output=output, notes=notes)
    # Read back from text, as the script of a host is after the real run: then both differences read alike.
    after = nk.loads(host.snapshot())
    return _answer(diff=dataclasses.asdict(nk.diff(before, after)), output=output, notes=notes)


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
    return {"diff": None, "output": "", "error": "", "unknown": "", "notes": [], **found}


if __name__ == "__main__":
    main()

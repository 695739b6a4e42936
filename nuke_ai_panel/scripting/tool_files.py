"""Saving proposals as files, and the tools among them that the panel lists in its menu.

A tool is one file in a folder of its own; what the artist's own ``menu.py`` and ``init.py`` hold is never touched. The header
of a saved file is comments, so that the file works without the panel.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import unicodedata
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from nuke_ai_panel.errors import ProposalError
from nuke_ai_panel.scripting.kinds import kind_info
from nuke_ai_panel.scripting.proposal import ProposalKind, ScriptProposal
from nuke_ai_panel.scripting.tool_check import shortcut_problem

__all__ = ["SavedTool", "file_name", "file_text", "list_tools", "load_tool", "save_proposal", "save_tool"]

_MARK = "Nuke AI Panel tool"
_TITLE = re.compile(r"(?:#|//)\s*Title:\s*(.*)")
_SHORTCUT = re.compile(r"(?:#|//)\s*Shortcut:\s*(.*)")
_DATE = re.compile(r"(?:#|//)\s*Saved:\s*(\d{4}-\d\d-\d\d)")
_KIND = re.compile(r"(?:#|//)\s*Kind:\s*(\w+)")
_HEADER_BYTES = 2_000
_MOST_TOOLS = 1_000
_LONGEST_NAME = 60
_DEVICES = frozenset(["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))])
_COMMENT: dict[str, str] = {".py": "#", ".tcl": "#", ".nk": "#", ".gizmo": "#", ".blink": "//"}


@dataclass(frozen=True)
class SavedTool:
    """A tool in the folder: its name for the file and the menu, where it lies, what it is, its shortcut and its day (ISO)."""

    name: str
    path: Path
    title: str
    shortcut: str = ""
    kind: str = "python"
    saved: str = ""


def file_name(title: str, ending: str) -> str:
    """Return a file name made of a title that every file system takes: ``"Despill, v2!"`` is ``"despill_v2.py"``."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii")
    stem = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_").lower()[:_LONGEST_NAME].strip("_")
    if not stem or stem in _DEVICES or stem[0].isdigit():
        stem = f"tool_{stem}".rstrip("_")
    return stem + ending


def file_text(
    proposal: ScriptProposal, ending: str = "", *, title: str = "", shortcut: str = "", day: date | None = None
) -> str:
    """Return the text of a proposal as a file, with a header of comments where its language has any.

    A gizmo file holds a Gizmo, a .nk file a Group. Raises: ProposalError for an ending its kind is not saved with.
    """
    info = kind_info(proposal.kind)
    ending = ending or info.ending
    if ending not in info.endings:
        raise ProposalError(f"A {info.words.lower()} is not saved as {ending}; it goes into {' or '.join(info.endings)}.")
    body = proposal.code.replace("\r\n", "\n").replace("\r", "\n")
    if ending == ".gizmo":
        body = (
            re.sub(r"^([ \t]*)Group([ \t]*\{)", r"\1Gizmo\2", body, count=1, flags=re.MULTILINE)
            if "Gizmo {" not in body
            else body
        )
        # A gizmo file begins with its node; what a paste needs has no place in it.
        body = re.sub(r"^(?:set cut_paste_input \[stack 0\]|push \$cut_paste_input)[ \t]*\n", "", body, flags=re.MULTILINE)
    elif proposal.kind == "gizmo":
        body = re.sub(r"^([ \t]*)Gizmo([ \t]*\{)", r"\1Group\2", body, flags=re.MULTILINE)
    sign = _COMMENT.get(ending)
    if sign is None:
        return body if body.endswith("\n") else body + "\n"
    shown = day if day is not None else date.today()
    head = [
        _MARK,
        f"Title: {_one_line(title or proposal.title or info.words)}",
        f"Saved: {shown.isoformat()}",
        f"Kind: {proposal.kind}",
    ]
    if shortcut:
        head.append(f"Shortcut: {_one_line(shortcut)}")
    first, rest = "", body
    if body.startswith("#!"):
        # The first line names the Nuke that wrote the file; it must stay the first.
        first, _, rest = body.partition("\n")
        first += "\n"
    text = first + "".join(f"{sign} {line}\n" for line in head) + rest
    return text if text.endswith("\n") else text + "\n"


def save_proposal(
    proposal: ScriptProposal, path: str | os.PathLike[str], *, overwrite: bool = False, day: date | None = None
) -> Path:
    """Save a proposal as a file of one of its kind's endings, in one step; return the path.

    Raises: ProposalError for an ending its kind is not saved with, and where there is such a file and `overwrite` does not say
    that it may go; OSError.
    """
    target = Path(path)
    ending = target.suffix or kind_info(proposal.kind).ending
    if not target.suffix:
        target = target.with_name(target.name + ending)
    _write(target, file_text(proposal, ending, day=day), overwrite)
    return target


def save_tool(
    proposal: ScriptProposal,
    folder: str | os.PathLike[str],
    *,
    title: str = "",
    shortcut: str = "",
    overwrite: bool = False,
    day: date | None = None,
) -> SavedTool:
    """Save a proposal among the tools in `folder`, which is made where it is missing.

    The file is named after the title. What is saved runs in no session before the artist picks it from the menu.
    Raises: ProposalError for a shortcut that is none, a kind that is no tool, and a tool of that name unless `overwrite` says
    that it may go; OSError.
    """
    info = kind_info(proposal.kind)
    if proposal.kind == "expression":
        raise ProposalError("An expression belongs to a knob and cannot be a tool of the menu.")
    if proposal.doubt:
        raise ProposalError(f"It cannot be saved as a tool. {proposal.doubt}")
    if shortcut:
        wrong, _ = shortcut_problem(shortcut)
        if wrong:
            raise ProposalError(wrong)
    shown = _one_line(title or proposal.title or info.words)
    target = Path(folder) / file_name(shown, info.ending)
    target.parent.mkdir(parents=True, exist_ok=True)
    when = day if day is not None else date.today()
    _write(target, file_text(proposal, info.ending, title=shown, shortcut=shortcut, day=when), overwrite)
    return SavedTool(target.stem, target, shown, _one_line(shortcut), proposal.kind, when.isoformat())


def list_tools(folder: str | os.PathLike[str]) -> list[SavedTool]:
    """Return the tools in a folder by title. Only the headers of the files are read; a missing folder has none.

    A file without a header counts too: it is named after its file. At most 1,000 are listed.
    """
    found: list[SavedTool] = []
    try:
        entries = sorted(entry for entry in Path(folder).iterdir() if entry.suffix in _COMMENT)
    except OSError:
        return []
    for path in entries[:_MOST_TOOLS]:
        if path.name.startswith((".", "_")) or not path.is_file():
            continue
        try:
            with path.open("rb") as stream:
                head = stream.read(_HEADER_BYTES).decode("utf-8", "replace")
        except OSError:
            continue
        found.append(_read_header(path, head))
    return sorted(found, key=lambda tool: (tool.title.casefold(), tool.name))


def load_tool(tool: SavedTool) -> ScriptProposal:
    """Return a saved tool as a proposal, to be reviewed and run like any other. Raises: OSError, ProposalError."""
    text = tool.path.read_text(encoding="utf-8", errors="replace")
    kind = kind_info(tool.kind).kind
    return ScriptProposal(kind, text, tool.title)


def _read_header(path: Path, head: str) -> SavedTool:
    lines: list[str] = []
    for line in head.splitlines()[:12]:
        if line and not line.startswith(("#", "//")):
            break
        lines.append(line)
    comments = "\n".join(lines)
    is_ours = _MARK in comments
    kinds: dict[str, ProposalKind] = {".py": "python", ".tcl": "tcl", ".nk": "nk", ".gizmo": "gizmo", ".blink": "blink"}
    kind: str = kinds.get(path.suffix, "python")
    said = _KIND.search(comments) if is_ours else None
    if said is not None and said.group(1) in (*kinds.values(), "tool"):
        kind = said.group(1)
    title = _TITLE.search(comments) if is_ours else None
    shortcut = _SHORTCUT.search(comments) if is_ours else None
    day = _DATE.search(comments) if is_ours else None
    keys = shortcut.group(1).strip() if shortcut else ""
    return SavedTool(
        path.stem,
        path,
        (title.group(1).strip() if title else "") or path.stem.replace("_", " "),
        keys if keys and not shortcut_problem(keys)[0] else "",
        kind,
        day.group(1) if day else "",
    )


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f\u2028\u2029\x85]", " ", text).split())[:200]


def _write(target: Path, text: str, overwrite: bool) -> None:
    """Write a file in one step: it is there whole, or what was there before is."""
    if target.exists() and not overwrite:
        raise ProposalError(
            f"There is a file {target.name!r} already; choose another title, or say that it may be overwritten."
        )
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8", "replace"))
            stream.flush()
            os.fsync(stream.fileno())
        if os.name != "nt":
            # mkstemp lets nobody else read it; a tool in a studio's folder is for all.
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)
        if overwrite:
            os.replace(name, target)
        else:
            _take_place(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(name)
        raise


def _take_place(name: str, target: Path) -> None:
    """Give a file its name unless another one got it meanwhile."""
    try:
        os.link(name, target)
    except FileExistsError:
        raise ProposalError(
            f"There is a file {target.name!r} already; choose another title, or say that it may be overwritten."
        ) from None
    except OSError:
        # A file system without links, as on some network drives.
        os.replace(name, target)
        return
    os.remove(name)

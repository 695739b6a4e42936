"""The kinds of proposals: what each is called, how it is checked and saved, and how it becomes Python that a host runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module

from nuke_ai_panel.errors import ProposalError
from nuke_ai_panel.scripting.findings import Preflight
from nuke_ai_panel.scripting.proposal import ProposalKind, ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["KINDS", "KindInfo", "kind_info", "runnable", "without_code"]


@dataclass(frozen=True)
class KindInfo:
    """A kind of proposal.

    ``words`` is what the artist reads. ``ending`` is that of its own file; ``endings`` are all the files it can be saved as.
    ``language`` is what a view highlights it as. ``runs`` is False for what is saved, and runs in this session only when the
    artist asks for just that. ``save_hint`` tells where a saved file goes. ``carries_code``: its text may hold code that runs
    later, which :func:`without_code` takes out.
    """

    kind: ProposalKind
    words: str
    ending: str
    endings: tuple[str, ...]
    language: str
    checker: str
    make: Callable[[ScriptProposal], str]
    runs: bool = True
    save_hint: str = ""
    carries_code: bool = False

    def check(self, proposal: ScriptProposal, surroundings: Surroundings) -> Preflight:
        """Return the findings on a proposal of this kind; nothing of it is run."""
        # A check is loaded when its kind first comes up: most conversations know one or two.
        module = import_module(f"nuke_ai_panel.scripting.{self.checker}")
        found: Preflight = module.check(proposal, surroundings)
        return found

    def runnable(self, proposal: ScriptProposal) -> str:
        """Return Python that does what the proposal says, for ``run_python`` of a host. Raises: ProposalError."""
        return self.make(proposal)


def kind_info(kind: str) -> KindInfo:
    """Return what is known of a kind. Raises: ProposalError for an unknown one."""
    try:
        return KINDS[kind]
    except KeyError:
        raise ProposalError(f"{kind!r} is no kind of proposal; there are {', '.join(KINDS)}.") from None


def runnable(proposal: ScriptProposal) -> str:
    """Return Python that does what the proposal says. Any text in it is quoted so that it stays text.

    Raises: ProposalError where that is not possible: an expression for no knob, nodes that cannot be read.
    """
    return kind_info(proposal.kind).runnable(proposal)


def without_code(proposal: ScriptProposal) -> tuple[ScriptProposal, tuple[str, ...]]:
    """Return pasted nodes without the code they carry, and what was taken out, such as ``"Blur1.onCreate"``.

    A proposal that carries none, or whose kind is code itself, comes back as it is.
    """
    if not kind_info(proposal.kind).carries_code:
        return proposal, ()
    from nuke_ai_panel.scripting import pasted_text

    cleaned = pasted_text.without_code(proposal.code)
    return (replace(proposal, code=cleaned.text), cleaned.dropped) if cleaned.dropped else (proposal, ())


def _python(proposal: ScriptProposal) -> str:
    return proposal.code


def _tcl(proposal: ScriptProposal) -> str:
    return f"import nuke\n\nwith nuke.root():\n    nuke.tcl({proposal.code!a})\n"


# nodePaste and not scriptReadText: it connects the nodes to the selected one and selects them, as pasting does.
_PASTE = """\
import os
import tempfile

import nuke

handle, path = tempfile.mkstemp(suffix=".nk")
try:
    with os.fdopen(handle, "wb") as stream:
        stream.write({text}.encode("utf-8", "surrogatepass"))
    with nuke.root():
        nuke.nodePaste(path.replace(os.sep, "/"))
finally:
    os.remove(path)
"""


def _nodes(proposal: ScriptProposal) -> str:
    from nuke_ai_panel.scripting.pasted_text import pasteable

    return _PASTE.format(text=ascii(pasteable(proposal.code)))


_EXPRESSION = """\
import nuke

TARGET = {target}
TEXT = {text}
TEXTS = ("String_Knob", "EvalString_Knob", "Multiline_Eval_String_Knob", "File_Knob")
ORDERS = {{"BBox_Knob": "xyrt", "WH_Knob": "wh", "AColor_Knob": "rgba", "UV_Knob": "uv", "Box3_Knob": "xynrtf"}}


def find(words):
    for count in range(len(words) - 1, 0, -1):
        name = ".".join(words[:count])
        node = nuke.root() if name == "root" else nuke.toNode(name)
        if node is not None:
            knob = node.knob(words[count])
            if knob is None:
                raise ValueError("%s has no knob %r" % (name, words[count]))
            return knob, words[count + 1 :]
    raise ValueError("There is no node for %r" % TARGET)


def channel_of(knob, words):
    if not words:
        return -1
    name = words[0]
    if name.isdigit():
        return int(name)
    order = ORDERS.get(knob.Class(), "xyzw")
    for names in (order, "rgba", "xyzw", "wh", "uv"):
        if name[:1] in names and name in (name[:1], "red", "green", "blue", "alpha"):
            return names.index(name[:1])
    raise ValueError("%r is no channel of %s" % (name, knob.name()))


with nuke.root():
    knob, rest = find(TARGET.split("."))
    if knob.Class() in TEXTS:
        knob.setValue(TEXT)
    else:
        channel = channel_of(knob, rest)
        if channel >= 0 and hasattr(knob, "singleValue") and knob.singleValue():
            knob.setSingleValue(False)
        if not knob.setExpression(TEXT, channel):
            raise ValueError("%s does not take the expression %r" % (TARGET, TEXT))
"""


def _expression(proposal: ScriptProposal) -> str:
    if not re.fullmatch(r"\w+(?:\.\w+)+", proposal.target):
        raise ProposalError("It is an expression, and no knob is named that it is for.")
    # An expression is one line to Nuke; a line break in it would end it early.
    text = " ".join(proposal.code.split("\n")).strip()
    return _EXPRESSION.format(target=ascii(proposal.target), text=ascii(text))


# Typing a kernel into kernelSource is not enough: Nuke goes on with the one it has compiled until a file is reloaded
# (measured on Nuke 17).
_BLINK = """\
import os
import tempfile

import nuke

TARGET = {target}
KERNEL = {kernel}
SOURCE = {text}

with nuke.root():
    node = nuke.toNode(TARGET) if TARGET else nuke.createNode("BlinkScript", inpanel=False)
    if node is None or node.Class() != "BlinkScript":
        raise ValueError("There is no BlinkScript node %r" % TARGET)
    handle, path = tempfile.mkstemp(suffix=".blink")
    before = node["kernelSourceFile"].value()
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(SOURCE.encode("utf-8", "surrogatepass"))
        node["kernelSourceFile"].setValue(path.replace(os.sep, "/"))
        node["reloadKernelSourceFile"].execute()
        node["recompile"].execute()
    finally:
        node["kernelSourceFile"].setValue(before)
        os.remove(path)
    name = node.knob("kernelName")
    if KERNEL and name is not None and name.value() != KERNEL:
        raise ValueError("The kernel %s did not compile; the error is in the node's panel and in the terminal" % KERNEL)
"""
_KERNEL_NAME = re.compile(r"^[ \t]*kernel\s+([A-Za-z_]\w*)\s*:", re.MULTILINE)


def _blink(proposal: ScriptProposal) -> str:
    target = proposal.target
    if target and not re.fullmatch(r"\w+(?:\.\w+)*", target):
        raise ProposalError(f"{target!r} is no name of a node.")
    name = _KERNEL_NAME.search(proposal.code)
    return _BLINK.format(target=ascii(target), kernel=ascii(name.group(1) if name else ""), text=ascii(proposal.code))


_IN_NUKE = "Load it in Nuke with File > Insert Comp Nodes, or drag the file into the node graph."
KINDS: Mapping[str, KindInfo] = {
    each.kind: each
    for each in (
        KindInfo(
            "python",
            "Python script",
            ".py",
            (".py",),
            "python",
            "python_check",
            _python,
            True,
            "Run it from the Script Editor.",
        ),
        KindInfo("tcl", "Tcl script", ".tcl", (".tcl",), "tcl", "tcl_check", _tcl, True, "Run it with File > Run Script."),
        KindInfo("nk", "Nodes", ".nk", (".nk",), "nk", "nk_check", _nodes, True, _IN_NUKE, carries_code=True),
        KindInfo(
            "expression",
            "Expression",
            ".txt",
            (".txt",),
            "expression",
            "expression_check",
            _expression,
            True,
            "Paste it into the knob's expression.",
        ),
        KindInfo(
            "blink",
            "BlinkScript kernel",
            ".blink",
            (".blink",),
            "blink",
            "blink_check",
            _blink,
            True,
            "Open it in a BlinkScript node with Load, then press Recompile.",
        ),
        KindInfo(
            "gizmo",
            "Group of nodes",
            ".gizmo",
            (".gizmo", ".nk"),
            "nk",
            "gizmo_check",
            _nodes,
            True,
            "Put it in a folder on Nuke's plug-in path, such as the folder .nuke in your home folder, and start Nuke again.",
            carries_code=True,
        ),
        KindInfo(
            "tool",
            "Tool for the menu",
            ".py",
            (".py",),
            "python",
            "tool_check",
            _python,
            False,
            "What it sets up is there in every session once it is among AI > My tools. Your own menu.py and init.py "
            "are left alone;"
            " to have it without this panel, copy it there yourself.",
        ),
    )
}

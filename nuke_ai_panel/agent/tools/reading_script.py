"""Questions about the script as a whole: its settings, and what is wrong in it and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from nuke_ai_panel.agent.tools.marking import neutral, quoted
from nuke_ai_panel.agent.tools.reading_files import Found, files_of, on_disk
from nuke_ai_panel.agent.tools.schemas import OFFSET, text
from nuke_ai_panel.agent.tools.script_view import ScriptView
from nuke_ai_panel.agent.tools.values import Arguments, ReadTool, ToolSpec
from nuke_ai_panel.nk import graph
from nuke_ai_panel.nk.expressions import Broken, Cycle, Reference, knob_number, knob_text, references
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.nk.node_problems import open_inputs

__all__ = ["TOOLS", "writers"]

_WRITERS = ("Write", "DeepWrite", "WriteGeo")
_MOST_EVALUATED = 2000


def _settings(view: ScriptView, arguments: Arguments) -> Iterator[str]:
    del arguments
    found = graph.root_settings(view.document)
    yield f"script: {quoted(found.name or view.document.path) if found.name or view.document.path else 'not saved yet'}"
    yield f"written by: {quoted(view.document.version_line() or 'unknown')}"
    for title, each in (("format", found.format), ("proxy format", found.proxy_format)):
        if each is not None:
            aspect = "" if each.pixel_aspect == 1 else f", pixel aspect {each.pixel_aspect:g}"
            yield f"{title}: {each.width} x {each.height}{aspect} {quoted(each.name) if each.name else ''}".rstrip()
    frames = f"{_shown(found.first_frame)} to {_shown(found.last_frame)}"
    yield f"frames: {frames}, now {_shown(found.frame)}, {_shown(found.fps)} fps"
    management = quoted(found.color_management) if found.color_management else "not written, so the default"
    yield f"colour management: {management}"
    for title, value in (("OCIO config", found.ocio_config), ("working space", found.working_space)):
        if value:
            yield f"{title}: {quoted(value)}"
    root = view.document.root_node
    for knob in ("customOCIOConfigPath", "monitorLut", "int8Lut", "int16Lut", "logLut", "floatLut"):
        written = root.knob(knob) if root is not None else None
        if written:
            yield f"{knob}: {quoted(written)}"
    if found.views:
        yield "views: " + ", ".join(quoted(each) for each in found.views)
    yield f"nodes: {len(view.document.top.nodes)} in the root"
    layers = view.document.layer_channels()
    if layers:
        yield "channels the script declares: " + ", ".join(quoted(each) for each in layers[:60])


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def writers(view: ScriptView) -> list[Node]:
    """Return the nodes that write files, in file order."""
    return [node for name in _WRITERS for node in view.document.nodes_of_class(name, recurse=True)]


async def _errors(view: ScriptView, arguments: Arguments) -> Iterable[str]:
    name = cast(str, arguments.get("node", ""))
    found, files = await view.work(lambda: _looked_through(view, view.node(name) if name else None))
    for each in await on_disk(files):
        if each.exists is False:
            found.append(f"{_who(each.file.node)}: its file is missing: {quoted(each.path)}")
    unknown = sum(1 for each in files if each.exists is None)
    if unknown:
        found.append(f"({unknown} files could not be looked for; list_files says why)")
    return found or ["(nothing wrong was found; what only Nuke knows when it renders is not looked at)"]


def _looked_through(view: ScriptView, start: Node | None) -> tuple[list[str], list[Found]]:
    """Return what is wrong in the script, or in a node and what feeds it, and the files that are read there."""
    if start is None:
        root = view.document.root_node
        nodes = [*([] if root is None else [root]), *view.walk()]
    else:
        nodes = [start, *graph.upstream(start), *(view.walk(start) if start.children is not None else ())]
    files = [each for node in nodes for each in files_of(node) if not each.file.is_written]
    return list(_problems(view, nodes)), files


def _problems(view: ScriptView, nodes: Iterable[Node]) -> Iterator[str]:
    evaluated = 0
    writing: list[Node] = []
    classes: dict[str, bool] = {}
    for node in nodes:
        who = _who(node)
        for each in references(node):
            at = f"{who}: {quoted(each.source.knob)} holds {quoted(each.source.text, 160)}"
            if isinstance(each, Broken):
                yield f"{at}, which cannot be read: {neutral(each.problem.message, 200)}"
            elif isinstance(each, Reference) and each.status == "missing":
                yield f"{at}, and {quoted(each.name)} leads nowhere: {neutral(each.message, 200)}"
        for source in graph.expressions(node):
            if evaluated >= _MOST_EVALUATED:
                break
            evaluated += 1
            value = knob_number(node, source.knob, source.component) if source.kind != "tcl" else knob_text(node, source.knob)
            if isinstance(value.problem, Cycle):
                yield f"{who}: {quoted(source.knob)}: {neutral(value.problem.message, 300)}"
        if node is view.document.root_node:
            continue
        if node.class_name not in classes:
            classes[node.class_name] = view.catalogue.is_known(node.class_name)
        if not classes[node.class_name]:
            yield f"{who}: the class is not one of Nuke's: a gizmo or plug-in that must be installed, or an error"
        connected = [source is not None for source in node.inputs]
        missing = open_inputs(node.class_name, connected, view.catalogue) if node.children is None else ""
        if missing:
            yield f"{who}: {missing}"
        if node.class_name in _WRITERS:
            writing.append(node)
    yield from _disabled(writing)


def _who(node: Node) -> str:
    return f"{quoted(node.path)} ({quoted(node.class_name)})"


def _disabled(writing: Iterable[Node]) -> Iterator[str]:
    told: dict[Node, list[Node]] = {}
    for writer in writing:
        for node in (writer, *graph.upstream(writer)):
            if _why_disabled(node):
                told.setdefault(node, []).append(writer)
    for node, ends in told.items():
        feeds = ", ".join(quoted(each.path) for each in ends[:4] if each is not node)
        where = f"feeds {feeds} and " if feeds else ""
        yield f"{_who(node)}: {where}is disabled {_why_disabled(node)}"


def _why_disabled(node: Node) -> str:
    written = node.knob("disable")
    if written is None or written == "false":
        return ""
    if written == "true":
        return "(by its disable knob)"
    value = knob_number(node, "disable")
    if value.problem is not None:
        return f"at times (by {quoted(written, 120)}, whose value is not known here)"
    settings = graph.root_settings(node.document)
    first, last = settings.first_frame or 1.0, settings.last_frame or 1.0
    frames = [first + (last - first) * part / 4 for part in range(5)]
    others = [knob_number(node, "disable", frame=float(round(frame))).number for frame in frames]
    if value.number and all(others):
        return f"(by {quoted(written, 120)})"
    return f"at some frames (by {quoted(written, 120)})" if value.number or any(others) else ""


TOOLS = (
    ReadTool(
        ToolSpec(
            "get_errors",
            "List what is wrong and why: expressions that lead nowhere, open inputs, missing files, unknown classes, disabled "
            "nodes before a Write.",
            {"node": text("Only this node and what feeds it."), "offset": OFFSET},
        ),
        _errors,
    ),
    ReadTool(
        ToolSpec("get_script_settings", "Tell format, frame range, fps, colour management and views of the script."), _settings
    ),
)

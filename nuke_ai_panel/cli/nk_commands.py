"""``nk``: script files read, checked, changed, compared and drawn, without Nuke and without a model.

Exit codes are those of ``diff`` and ``grep``: 0 for nothing found, 1 for found, 2 for trouble.
"""

from __future__ import annotations

import json
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.nk_files import FileProgress, cut, named, open_script, printable, script_files, write_text
from nuke_ai_panel.errors import NkError, NkSyntaxError, NodeNotFoundError, NukeAIPanelError, ValidationError
from nuke_ai_panel.nk.catalogue import Catalogue
from nuke_ai_panel.nk.document import Document, loads
from nuke_ai_panel.nk.drawing import draw, draw_diff
from nuke_ai_panel.nk.expressions import Broken, unresolved_references
from nuke_ai_panel.nk.graph_diff import diff
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.nk.wiring import in_nuke_order
from nuke_ai_panel.nk.words import is_one_list

__all__ = ["nk"]

_FOUND = ExitCode.FAILED
_TROUBLE = ExitCode.USAGE
#: So many hints of a file are printed; JSON has them all.
_MOST_HINTS = 20


def nk(arguments: Namespace) -> int:
    """Run one command of ``nk`` and return its exit code."""
    by_name: dict[str, Callable[[Namespace], int]] = {
        "check": _check,
        "diff": _diff,
        "draw": _draw,
        "fmt": _fmt,
        "get": _get,
        "ls": _ls,
        "set": _set,
        "show": _show,
    }
    try:
        return by_name[arguments.nk_command](arguments)
    except BrokenPipeError:
        raise
    except (NukeAIPanelError, OSError) as error:
        _trouble(arguments, error)
        return _FOUND if isinstance(error, NodeNotFoundError) else _TROUBLE


def _trouble(arguments: Namespace, error: Exception) -> None:
    print(f"Error: {printable(_said(error))}", file=sys.stderr, flush=True)
    if arguments.json:
        _as_json({"error": {"kind": type(error).__name__, "message": _said(error)}})


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _as_json(value: object) -> None:
    print(json.dumps(value, indent=2), flush=True)


def _say(text: str) -> None:
    print(printable(text))


def _open(name: str, arguments: Namespace) -> Document:
    """Load a script with its name in the error, as far as it can be read where that was asked for. Raises: NkError, OSError."""
    recover = getattr(arguments, "recover", None)
    try:
        document = open_script(name, recover=bool(recover))
    except NkSyntaxError as error:
        hint = "; --recover takes what can be read" if recover is False else ""
        raise NkError(f"{named(name)}: {error}{hint}") from error
    except NkError as error:
        raise NkError(f"{named(name)}: {error}") from error
    for damage in document.damage:
        print(f"Note: {printable(f'{named(name)}: {damage}; the rest is taken')}", file=sys.stderr, flush=True)
    return document


# check


def _check(arguments: Namespace) -> int:
    files = script_files(arguments.files)
    results: list[dict[str, Any]] = []
    damaged = hinted = unread = 0
    for name in FileProgress(files):
        result = _checked(name, hints=not arguments.no_hints)
        results.append(result)
        damaged += bool(result["damage"])
        hinted += bool(result["hints"])
        unread += bool(result["unread"])
        if not arguments.json:
            _print_check(result)
    if arguments.json:
        _as_json(results)
    else:
        fine = len(files) - damaged - unread
        _say(
            f"{len(files)} checked: {fine} sound, {damaged} damaged, {hinted} with hints"
            + (f", {unread} unread" if unread else "")
        )
    if unread:
        return _TROUBLE
    return _FOUND if damaged or (hinted and arguments.strict) else ExitCode.OK


def _checked(name: str, *, hints: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"file": name, "nodes": 0, "damage": [], "hints": [], "unread": ""}
    try:
        document = open_script(name, recover=True)
    except OSError as error:
        result["unread"] = error.strerror or str(error)
        return result
    except NkSyntaxError as error:
        result["damage"] = [_damage(error)]
        return result
    except NkError as error:
        result["unread"] = str(error)
        return result
    result["nodes"] = sum(1 for _ in document.walk())
    result["damage"] = [_damage(error) for error in document.damage]
    if hints:
        result["hints"] = [*_catalogue_hints(document), *_reference_hints(document)]
    return result


def _damage(error: NkSyntaxError) -> dict[str, Any]:
    return {"line": error.line, "column": error.column, "message": str(error), "expected": error.expected}


def _catalogue_hints(document: Document) -> Iterator[dict[str, str]]:
    catalogue = Catalogue.for_document(document)
    unknown: dict[str, list[str]] = {}
    for path, node in document.paths():
        if node.class_name == "clone" or node.clone_of is not None:
            continue
        if not catalogue.is_known(node.class_name):
            unknown.setdefault(node.class_name, []).append(path)
            continue
        own = node.user_knobs
        for knob in node.knobs:
            problem = None if knob in own else catalogue.check_knob(node.class_name, knob)
            if problem is not None:
                yield {"node": path, "kind": problem.reason, "message": problem.message}
    for class_name, paths in unknown.items():
        problem = catalogue.check_class(class_name)
        more = f" ({len(paths)} of them)" if len(paths) > 1 else ""
        said = (
            problem.message if problem is not None else f"the class {class_name!r} is no class of Nuke; a gizmo or a plug-in?"
        )
        yield {"node": paths[0], "kind": "unknown_class", "message": said + more}


def _reference_hints(document: Document) -> Iterator[dict[str, str]]:
    for each in unresolved_references(document):
        place = f"{each.source.node.path}.{each.source.knob}"
        if isinstance(each, Broken):
            yield {
                "node": place,
                "kind": "broken_expression",
                "message": f"cannot read {cut(each.source.text, 60)!r}: {each.problem}",
            }
        else:
            yield {"node": place, "kind": "missing_reference", "message": each.message or f"{each.name!r} leads nowhere"}


def _print_check(result: dict[str, Any]) -> None:
    name = named(result["file"])
    if result["unread"]:
        print(f"{printable(name)}: cannot be read: {printable(result['unread'])}", file=sys.stderr, flush=True)
    for each in result["damage"]:
        where = f":{each['line']}:{each['column']}"
        text = each["message"]
        prefix = f"line {each['line']}, column {each['column']}: "
        _say(f"{name}{where}: damaged: {text[len(prefix) :] if text.startswith(prefix) else text}")
    alike: dict[tuple[str, str], list[str]] = {}
    for each in result["hints"]:
        alike.setdefault((each["kind"], each["message"]), []).append(each["node"])
    if alike:
        _say(f"{name}:")
    for (_, message), places in list(alike.items())[:_MOST_HINTS]:
        different = list(dict.fromkeys(places))
        more = f" (and {len(different) - 1} more)" if len(different) > 1 else ""
        _say(f"  {different[0]}{more}: {message}")
    left = len(alike) - _MOST_HINTS
    if left > 0:
        _say(f"  {left} more hints; --json has them all")


# ls, show, get


def _ls(arguments: Namespace) -> int:
    files = script_files(arguments.files)
    results: list[dict[str, Any]] = []
    trouble = False
    for name in FileProgress(files):
        try:
            document = _open(name, arguments)
        except (NkError, OSError) as error:
            if len(files) == 1:
                raise
            trouble = True
            results.append({"file": name, "nodes": [], "error": _said(error)})
            print(f"Error: {printable(_said(error))}", file=sys.stderr, flush=True)
            continue
        chosen = [(path, node) for path, node in document.paths() if _is_asked_for(arguments, path, node)]
        if arguments.json:
            results.append({"file": name, "nodes": [_node_as_json(path, node) for path, node in chosen]})
            continue
        if len(files) > 1 and chosen:
            _say(f"{name}:")
        _print_nodes(chosen)
    if arguments.json:
        _as_json(results)
    return _TROUBLE if trouble else ExitCode.OK


def _is_asked_for(arguments: Namespace, path: str, node: Node) -> bool:
    if node.scope.owner is not None and not arguments.recurse:
        return False
    return (
        (not arguments.class_name or fnmatchcase(node.class_name, arguments.class_name))
        and (not arguments.name or fnmatchcase(path, arguments.name))
        and (not arguments.selected or node.selected)
    )


def _print_nodes(chosen: list[tuple[str, Node]]) -> None:
    room = shutil.get_terminal_size((80, 24)).columns
    names = min(max((len(path) for path, _ in chosen), default=0), room // 2 - 2)
    classes = min(max((len(node.class_name) for _, node in chosen), default=0), 24)
    for path, node in chosen:
        sources = ", ".join("-" if source is None else source.name for source in node.inputs)
        line = f"{path:<{names}}  {node.class_name:<{classes}}  {'<- ' + sources if sources else ''}"
        _say(line[: room - 3].rstrip() + "..." if len(line.rstrip()) > room and len(path) < room else line.rstrip())


def _node_as_json(path: str, node: Node) -> dict[str, Any]:
    return {
        "node": path,
        "class": node.class_name,
        "inputs": [None if source is None else source.name for source in node.inputs],
        "selected": node.selected,
        "xpos": node.xpos,
        "ypos": node.ypos,
    }


def _show(arguments: Namespace) -> int:
    document = _open(arguments.file, arguments)
    nodes = [_find(document, name) for name in arguments.nodes]
    if arguments.json:
        _as_json(
            [
                {
                    **_node_as_json(node.path, node),
                    "dependents": [each.name for each in node.dependents],
                    "knobs": dict(node.knobs),
                    "user_knobs": dict(node.user_knobs),
                }
                for node in nodes
            ]
        )
        return ExitCode.OK
    room = shutil.get_terminal_size((80, 24)).columns
    for number, node in enumerate(nodes):
        _say(("\n" if number else "") + f"{node.path} ({node.class_name})")
        for index, source in enumerate(node.inputs):
            _say(f"  input {index}: {'open' if source is None else source.name}")
        if node.dependents:
            _say("  " + cut(f"read by: {', '.join(each.name for each in node.dependents)}", room - 2))
        for knob, value in node.knobs.items():
            _say(f"  {knob}: {cut(value, room - len(knob) - 4)}")
    return ExitCode.OK


def _get(arguments: Namespace) -> int:
    document = _open(arguments.file, arguments)
    catalogue = Catalogue.for_document(document)
    found: list[dict[str, Any]] = []
    for asked in arguments.knobs:
        node, knob = _place(document, asked)
        value = node.knob(knob) if knob != "name" else node.name
        known = catalogue.knob_info(node.class_name, knob)
        if value is None and (known is None or known.default is None):
            problem = None if knob in node.user_knobs else catalogue.check_knob(node.class_name, knob)
            said = f"{node.path} does not write the knob {knob!r}, and its default is not known."
            raise NodeNotFoundError(said if problem is None else f"{node.path}: {problem.message}")
        shown = value if value is not None else (known.default or "") if known is not None else ""
        found.append({"node": node.path, "knob": knob, "value": shown, "written": value is not None})
    if arguments.json:
        _as_json(found)
    else:
        for each in found:
            _say(each["value"])
    return ExitCode.OK


def _find(document: Document, name: str) -> Node:
    if name.lower() == "root":
        if document.root_node is not None:
            return document.root_node
        if document.find(name) is None:
            raise NodeNotFoundError("The file has no Root; it holds a gizmo or nodes that were copied.")
    return document.node(name)


def _place(document: Document, asked: str) -> tuple[Node, str]:
    path, _, knob = asked.rpartition(".")
    if not path or not knob:
        raise ValidationError(f"{asked!r} names no knob; write it like Grade1.white.")
    if document.find(path) is None and document.find(asked) is not None:
        raise NodeNotFoundError(f"{asked!r} is a node; name one of its knobs too, like {asked}.label.")
    return _find(document, path), knob


# set, fmt


def _set(arguments: Namespace) -> int:
    document = _open(arguments.file, arguments)
    catalogue = Catalogue.for_document(document)
    changed: list[dict[str, Any]] = []
    for change in arguments.changes:
        asked, sign, value = change.partition("=")
        if not sign:
            raise ValidationError(f"{change!r} sets nothing; write it like Grade1.white=2.")
        node, knob = _place(document, asked)
        before = node.knob(knob)
        problem = None
        if before is None and knob not in node.user_knobs:
            problem = catalogue.check_knob(node.class_name, knob)
        problem = problem or catalogue.check_value(node.class_name, knob, value)
        if problem is not None:
            print(f"Note: {printable(problem.message)}", file=sys.stderr, flush=True)
        if value.startswith("{") and not is_one_list(value):
            said = f"{asked}: {cut(value, 60)!r} is no list, its braces do not match; it is written as text"
            print(f"Note: {printable(said)}", file=sys.stderr, flush=True)
        document.set_knob(node, knob, value)
        changed.append({"node": node.path, "knob": knob, "before": before, "after": value})
    _store(document, arguments)
    if arguments.json and arguments.out != "-":
        _as_json(changed)
    return ExitCode.OK


def _store(document: Document, arguments: Namespace) -> None:
    """Save as the options say. Raises: NkError, OSError, ValidationError."""
    data = document.to_bytes()
    if arguments.out == "-" or (arguments.in_place and not document.path):
        write_text("-", data)
    elif arguments.in_place:
        document.save()
    else:
        document.save(arguments.out)


def _fmt(arguments: Namespace) -> int:
    files = script_files(arguments.files)
    if arguments.out and len(files) != 1:
        raise ValidationError("--out takes one file; use --in-place for several.")
    results: list[dict[str, Any]] = []
    code = ExitCode.OK
    for name in FileProgress(files):
        try:
            document = _open(name, arguments)
            before = document.to_bytes()
            after = _put_in_order(document)
            if not arguments.check and (arguments.out or name == "-" or after != before):
                _store(document, arguments)
        except (NukeAIPanelError, OSError) as error:
            print(f"Error: {printable(_said(error))}", file=sys.stderr, flush=True)
            results.append({"file": name, "changes": None, "error": _said(error)})
            code = _TROUBLE
            continue
        results.append({"file": name, "changes": after != before, "error": ""})
        if after != before and arguments.check:
            code = max(code, _FOUND)
        if after != before and not arguments.json and arguments.out != "-" and name != "-":
            _say(f"{'would change' if arguments.check else 'changed'}: {name}")
    if arguments.json and arguments.out != "-":
        _as_json(results)
    return code


def _put_in_order(document: Document) -> bytes:
    """Let a script write its nodes in Nuke's order; return its bytes then. Raises: NkError where that changes the graph."""
    before = document.to_bytes()
    for scope in [document.top, *(node.children for node in document.walk() if node.children is not None)]:
        scope.base = in_nuke_order(scope)
        scope.rewired = True
    after = document.to_bytes()
    if diff(loads(before), loads(after)):
        raise NkError(f"{named(document.path)} holds clones that cannot be written in another order.")
    return after


# diff, draw


def _diff(arguments: Namespace) -> int:
    found = diff(_open(arguments.before, arguments), _open(arguments.after, arguments))
    if arguments.json:
        _as_json({"summary": found.summary(), **asdict(found)})
    elif found:
        _say(found.summary())
        for line in found.lines():
            _say(line)
    return _FOUND if found else ExitCode.OK


def _draw(arguments: Namespace) -> int:
    as_png = arguments.out.lower().endswith(".png")
    if arguments.out != "-" and not as_png and not arguments.out.lower().endswith(".svg"):
        raise ValidationError(f"A picture is written to a name that ends in .svg or .png, and {arguments.out!r} does not.")
    if arguments.width is not None and not 16 <= arguments.width <= 20_000:
        raise ValidationError("--width takes 16 to 20000 pixels.")
    document = _open(arguments.file, arguments)
    if arguments.group and document.node(arguments.group).children is None:
        raise ValidationError(f"{arguments.group} is no group.")
    if arguments.diff:
        picture = draw_diff(_open(arguments.diff, arguments), document, group=arguments.group, width=arguments.width)
    else:
        group = document.node(arguments.group) if arguments.group else None
        picture = draw(document, group=group, width=arguments.width)
    data = picture.encode("utf-8")
    if as_png:
        # The one module of the command line that knows the front end.
        from nuke_ai_panel.cli.commands import png_of

        data = png_of(data)
    write_text(arguments.out, data)
    if arguments.json and arguments.out != "-":
        _as_json({"out": arguments.out, "nodes": len(document.nodes()), "bytes": len(data)})
    return ExitCode.OK

"""The whole script of a running Nuke as .nk text, built node by node from ``writeKnobs``, which only reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nuke_ai_panel.hosts.nuke_access import GROUPS, USER_KNOB, NukeAccess
from nuke_ai_panel.hosts.script_text import WrittenNode, write_nodes
from nuke_ai_panel.nk.words import quote

__all__ = ["is_same_node", "script_text"]

#: Layers that every script has; any other is declared by ``add_layer`` before it is used.
_BUILT_IN_LAYERS = frozenset({"rgb", "rgba", "alpha", "depth", "motion", "forward", "backward", "mask", "none", "all"})


def script_text(access: NukeAccess) -> bytes:
    """Return the script as it stands now, saved or not. Main thread, in the root's context."""
    nuke = access.nuke
    root = nuke.root()
    env = nuke.env
    lines = [
        f"version {env['NukeVersionMajor']}.{env['NukeVersionMinor']} v{env['NukeVersionRelease']}",
        "Root {",
        " inputs 0",
    ]
    name = str(root["name"].value() or "")
    if name:
        lines.append(f" name {quote(name)}")
    lines.extend(f" {quote(knob)} {word}" for knob, word in access.knob_words(root))
    lines.append("}")
    lines.extend(_layer_lines(nuke))
    lines.extend(write_nodes(_written(access, root)))
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _layer_lines(nuke: Any) -> Iterator[str]:
    channels: dict[str, list[str]] = {}
    for channel in nuke.channels():
        channels.setdefault(channel.split(".")[0], []).append(channel)
    for layer, members in channels.items():
        if layer not in _BUILT_IN_LAYERS:
            yield f"add_layer {{{layer} {' '.join(members)}}}"


def _written(access: NukeAccess, group: Any) -> list[WrittenNode]:
    nodes = list(reversed(access.nuke.allNodes(group=group)))
    found: dict[tuple[str, int, int], WrittenNode] = {}
    firsts: dict[str, WrittenNode] = {}
    pairs: list[tuple[Any, WrittenNode]] = []
    for node in nodes:
        made = _written_node(access, node, firsts)
        found[_key(node)] = made
        pairs.append((node, made))
    for node, made in pairs:
        sources = [node.input(index) for index in range(node.inputs())]
        made.inputs = [None if source is None else found.get(_key(source)) for source in sources]
    return [made for _, made in pairs]


def _written_node(access: NukeAccess, node: Any, firsts: dict[str, WrittenNode]) -> WrittenNode:
    name = str(node.name())
    class_name = str(node.Class())
    place = [("selected", "true")] if node.isSelected() else []
    place += [("xpos", str(int(node.xpos()))), ("ypos", str(int(node.ypos())))]
    # Only clones share a name within one group, and they share every knob but their place.
    original = firsts.get(name)
    if original is not None:
        return WrittenNode(class_name, place=place, original=original)
    knobs = [(USER_KNOB if knob == USER_KNOB else quote(knob), word) for knob, word in access.knob_words(node)]
    children = _written(access, node) if class_name in GROUPS else None
    mask = int(node.optionalInput())
    made = WrittenNode(class_name, [("name", quote(name)), *knobs], place, children=children, mask=mask if mask > 0 else None)
    firsts[name] = made
    return made


def _key(node: Any) -> tuple[str, int, int]:
    return str(node.fullName()), int(node.xpos()), int(node.ypos())


def is_same_node(node: Any, other: Any) -> bool:
    """Return whether two node objects are the same node; Nuke hands out a new object with every call."""
    return node is not None and _key(node) == _key(other)

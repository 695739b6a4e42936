"""What an artist may want to ask about the open script, for a conversation that has not begun."""

from __future__ import annotations

from nuke_ai_panel.hosts.base import Host

__all__ = ["suggestions"]

_MOST = 4


def suggestions(host: Host) -> list[str]:
    """Return a few things to ask about the script in `host` as it is now. Cheap on any script. Raises: HostError."""
    selected = list(host.selected_paths())
    counts = host.class_counts()
    found: list[str] = []
    if selected:
        names = ", ".join(selected[:2]) + (" and the rest" if len(selected) > 2 else "")
        found.append(f"Explain {names}")
        found.append(f"Add a Grade after {selected[0]}")
    elif counts:
        found.append("Explain what this script does")
    if counts.get("Read", 0) > 1:
        found.append(f"List the files of the {counts['Read']} Read nodes")
    if counts:
        found.append("Put a backdrop round the " + ("selected nodes" if selected else "nodes that belong together"))
    else:
        found.append("Build a Constant, a Grade and a Write")
    found.append("Write a Python snippet that renames nodes by class")
    return found[:_MOST]

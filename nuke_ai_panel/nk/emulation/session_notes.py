"""What a script did to the session besides the open script, in sentences: menus, panels, callbacks, defaults, paths."""

from __future__ import annotations

from collections.abc import Iterator

from nuke_ai_panel.nk.emulation.session import MenuChange, Session

__all__ = ["session_notes"]

_LONGEST = 80
_MOST = 40
_WORDS = {
    "command": "The menu {menu} gets the item {path}{keys}.",
    "changed": "The item {path} of the menu {menu} is changed{keys}.",
    "removed": "The menu {menu} loses the item {path}.",
    "cleared": "The menu {menu} loses all items{of}.",
}


def session_notes(session: Session) -> list[str]:
    """Return a sentence for each such change, at most forty and each of one line; the last one tells how many are left out."""
    found = list(dict.fromkeys(_notes(session)))
    if len(found) > _MOST:
        found[_MOST - 1 :] = [f"{len(found) - _MOST + 1} more changes of the session."]
    return found


def _notes(session: Session) -> Iterator[str]:
    for change in session.menu_changes:
        words = _WORDS.get(change.kind)
        if words is not None:
            yield _of_menu(change, words)
    for panel in session.panels:
        yield f"A panel is registered under the id {_short(panel.id)}."
    for callback in session.callbacks:
        nodes = "" if callback.node_class == "*" else f" for nodes of the class {_short(callback.node_class)}"
        yield f"Nuke calls {_short(getattr(callback.call, '__name__', 'a function'))} on {callback.kind}{nodes}."
    for (owner, name), value in session.knob_defaults.items():
        yield f"New nodes{f' of {_short(owner)}' if owner else ''} get {_short(name)} {_short(str(value))}."
    for path in session.plugin_paths:
        yield f"The plug-in path gets {_short(path)}."


def _of_menu(change: MenuChange, words: str) -> str:
    keys = str(change.details.get("shortcut", ""))
    return words.format(
        menu=_short(change.menu),
        path=_short(change.path),
        keys=f" ({_short(keys)})" if keys else "",
        of=f" of {_short(change.path)}" if change.path else "",
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"

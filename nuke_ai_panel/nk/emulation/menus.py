"""Menus, tool bars and panels as data: what a script adds is recorded, and nothing of it is run or shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Union

from nuke_ai_panel.nk.emulation.api import absent_method
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import MenuChange, Session

__all__ = ["Menu", "MenuBar", "MenuItem", "Menus", "ToolBar"]

Command = Union[str, Callable[..., object], None]

#: The menus there are, with the names that stand in them before a script adds any, as far as they are known.
_MENUS: dict[str, tuple[str, ...]] = {
    "Nuke": ("File", "Edit", "Workspace", "Viewer", "Render", "Cache", "Help"),
    "Nodes": (
        "Image",
        "Draw",
        "Time",
        "Channel",
        "Color",
        "Filter",
        "Keyer",
        "Merge",
        "Transform",
        "3D",
        "Particles",
        "Deep",
        "Views",
        "MetaData",
        "ToolSets",
        "Other",
    ),
    "Pane": (),
    "Viewer": (),
    "Node Graph": (),
    "Properties": (),
    "Animation": (),
    "Axis": (),
}


class MenuItem:
    """An item of a menu. What it would do is kept as data."""

    _API_CLASS: ClassVar[str] = "MenuItem"

    def __init__(
        self, session: Session, menu: str, path: str, command: Command = None, details: Mapping[str, object] | None = None
    ) -> None:
        self._session = session
        self._menu = menu
        self._path = path
        self._command = command
        self._details = dict(details or {})
        self._is_on = self._is_shown = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._menu}/{self._path}>".replace("/>", ">")

    def __getattr__(self, name: str) -> Any:
        return absent_method(type(self).__name__, self._API_CLASS, name)

    def name(self) -> str:
        """Return the item's name, without the menus before it."""
        return self._path.rpartition("/")[2]

    def script(self) -> str:
        """Return the command's text, "" where it is a function."""
        return self._command if isinstance(self._command, str) else ""

    def shortcut(self) -> str:
        """Return the keys."""
        return str(self._details.get("shortcut", ""))

    def icon(self) -> str:
        """Return the name of the icon."""
        return str(self._details.get("icon", ""))

    def setScript(self, script: Command) -> None:  # noqa: N802  Nuke's name
        """Let the item do something else."""
        self._command = _checked(script)
        self._record("changed")

    def setShortcut(self, keys: str) -> None:  # noqa: N802  Nuke's name
        """Give the item other keys."""
        self._details["shortcut"] = str(keys)
        self._record("changed")

    def setIcon(self, icon: str) -> None:  # noqa: N802  Nuke's name
        """Give the item another icon."""
        self._details["icon"] = str(icon)
        self._record("changed")

    def setEnabled(self, enabled: bool, *_args: object) -> None:  # noqa: N802  Nuke's name
        """Switch the item on or off."""
        self._is_on = bool(enabled)
        self._record("changed")

    def setVisible(self, visible: bool, *_args: object) -> None:  # noqa: N802  Nuke's name
        """Show the item or hide it."""
        self._is_shown = bool(visible)
        self._record("changed")

    def invoke(self) -> None:
        """Refuse to run the command. Raises: NotSimulatedError."""
        raise NotSimulatedError(f"Choosing the menu item {self._path!r} is not simulated.")

    def _record(self, kind: str) -> None:
        details = {
            **self._details,
            **({} if self._is_on else {"enabled": False}),
            **({} if self._is_shown else {"visible": False}),
        }
        self._session.menu_changes.append(MenuChange(kind, self._menu, self._path, self._command, details))


class Menu(MenuItem):
    """A menu. Of what Nuke itself has in it only the names are known that a new Nuke shows at its top."""

    _API_CLASS: ClassVar[str] = "Menu"

    def __init__(
        self, session: Session, menu: str, path: str, details: Mapping[str, object] | None = None, *, is_own: bool = False
    ) -> None:
        super().__init__(session, menu, path, None, details)
        self._items: list[MenuItem] = []
        #: Whether Nuke brought it, so that it holds more than is known here.
        self._is_own = is_own

    def name(self) -> str:
        """Return the menu's name, without the menus before it."""
        return super().name() or self._menu

    def items(self) -> list[MenuItem]:
        """Return the items. Raises: NotSimulatedError for one of Nuke's own submenus, whose items are not known here."""
        if self._is_own and self._path:
            raise NotSimulatedError(f"What Nuke's own menu {self.name()!r} holds is not known here.")
        return list(self._items)

    def addCommand(  # noqa: N802  Nuke's name
        self,
        name: str,
        command: Command = "",
        shortcut: str = "",
        icon: str = "",
        tooltip: str = "",
        index: int = -1,
        readonly: bool = False,
        shortcutContext: int = 0,  # noqa: N803  Nuke's name
        **more: object,
    ) -> MenuItem:
        """Add an item; a ``/`` in the name leads into submenus, which are made, and an item of that name is replaced."""
        _refuse("addCommand", more)
        holder, last = self._walk(name)
        details = _given(
            shortcut=shortcut, icon=icon, tooltip=tooltip, index=index, readonly=readonly, shortcutContext=shortcutContext
        )
        made = MenuItem(self._session, self._menu, _joined(holder._path, last), _checked(command), details)
        holder._put(made, index)
        made._record("command")
        return made

    def addMenu(  # noqa: N802  Nuke's name
        self, name: str, icon: str = "", tooltip: str = "", index: int = -1, **more: object
    ) -> Menu:
        """Add a submenu and return it; where there is one of that name, return that."""
        _refuse("addMenu", more)
        holder, last = self._walk(name)
        found = holder._child(last)
        if isinstance(found, Menu):
            return found
        made = Menu(self._session, self._menu, _joined(holder._path, last), _given(icon=icon, tooltip=tooltip, index=index))
        holder._put(made, index)
        made._record("menu")
        return made

    def addSeparator(self, index: int = -1, **more: object) -> MenuItem:  # noqa: N802  Nuke's name
        """Add a line."""
        _refuse("addSeparator", more)
        made = MenuItem(self._session, self._menu, _joined(self._path, ""), None, _given(index=index))
        self._items.insert(index if 0 <= index <= len(self._items) else len(self._items), made)
        made._record("separator")
        return made

    def findItem(self, name: str) -> MenuItem | None:  # noqa: N802  Nuke's name
        """Return the item of a name or a path, None where there is none.

        Raises: NotSimulatedError for what one of Nuke's own submenus may hold.
        """
        found: MenuItem | None = self
        for word in _words(name):
            if not isinstance(found, Menu):
                return None
            holder, found = found, found._child(word)
            if found is None and holder._is_own and holder._path:
                raise NotSimulatedError(f"What Nuke's own menu {holder.name()!r} holds is not known here.")
        return found

    def menu(self, name: str) -> Menu | None:
        """Return the submenu of a name or a path, None where there is none."""
        found = self.findItem(name)
        return found if isinstance(found, Menu) else None

    def removeItem(self, name: str) -> bool:  # noqa: N802  Nuke's name
        """Remove an item, and a submenu that is empty after it; False where there is none."""
        words = _words(name)
        found = self.findItem(name)
        holder = self.findItem("/".join(words[:-1])) if words[:-1] else self
        if found is None or not words or not isinstance(holder, Menu):
            return False
        holder._items.remove(found)
        found._record("removed")
        if words[:-1] and not holder._items and not holder._is_own:
            self.removeItem("/".join(words[:-1]))
        return True

    def clearMenu(self) -> None:  # noqa: N802  Nuke's name
        """Remove all items."""
        self._items.clear()
        self._is_own = False
        self._record("cleared")

    def updateMenuItems(self) -> None:  # noqa: N802  Nuke's name
        """Draw the menu anew: nothing is drawn here."""

    def _child(self, name: str) -> MenuItem | None:
        wanted = name.replace("&", "")
        return next((item for item in self._items if item.name().replace("&", "") == wanted and wanted), None)

    def _walk(self, name: str) -> tuple[Menu, str]:
        """Return the menu that the last word of a path goes into, made where it is not there, and that word."""
        if not isinstance(name, str) or not _words(name):
            raise TypeError("a menu item has a name")
        holder = self
        *before, last = _words(name)
        for word in before:
            inner = holder._child(word)
            holder = inner if isinstance(inner, Menu) else holder.addMenu(word)
        return holder, last

    def _put(self, item: MenuItem, index: int) -> None:
        old = self._child(item.name())
        if old is not None:
            self._items[self._items.index(old)] = item
        else:
            self._items.insert(index if 0 <= index <= len(self._items) else len(self._items), item)


class ToolBar(Menu):
    """A tool bar."""

    _API_CLASS: ClassVar[str] = "ToolBar"


class MenuBar(Menu):
    """The menu bar."""

    _API_CLASS: ClassVar[str] = "MenuBar"


class Menus:
    """The menus of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._menus: dict[str, Menu] = {}

    def table(self) -> dict[str, object]:
        """Return the functions by the names Nuke gives them."""
        return {
            "menu": self.menu,
            "toolbar": self.toolbar,
            "Menu": Menu,
            "MenuItem": MenuItem,
            "MenuBar": MenuBar,
            "ToolBar": ToolBar,
        }

    def menu(self, name: str) -> Menu:
        """Return one of Nuke's menus. Raises: RuntimeError for a name that is none of them."""
        if name not in _MENUS:
            raise RuntimeError(f"there is no menu {name!r}; there are {', '.join(_MENUS)}")
        return self._named(name)

    def toolbar(self, name: str, create: bool = True) -> Menu | None:
        """Return a tool bar; one that is not there is made, unless `create` is off."""
        if name in _MENUS or name in self._menus:
            return self._named(name)
        if not create:
            return None
        made = self._menus[name] = ToolBar(self.session, name, "")
        made._record("menu")
        return made

    def _named(self, name: str) -> Menu:
        found = self._menus.get(name)
        if found is None:
            kind = MenuBar if name == "Nuke" else ToolBar if name == "Nodes" else Menu
            found = self._menus[name] = kind(self.session, name, "", is_own=True)
            found._items.extend(Menu(self.session, name, each, is_own=True) for each in _MENUS[name])
        return found


def _words(name: str) -> list[str]:
    return [word for word in name.split("/") if word]


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _checked(command: Command) -> Command:
    if command is not None and not isinstance(command, str) and not callable(command):
        raise TypeError(f"a command is a string or something to call, not {type(command).__name__}")
    return command


def _given(**details: object) -> dict[str, object]:
    """Return what was given that is not as usual."""
    usual: dict[str, object] = {"index": -1, "readonly": False, "shortcutContext": 0}
    return {name: value for name, value in details.items() if value is not None and value != usual.get(name, "")}


def _refuse(call: str, more: dict[str, object]) -> None:
    if more:
        raise NotSimulatedError(f"Menu.{call} with {', '.join(sorted(more))} is not simulated.")

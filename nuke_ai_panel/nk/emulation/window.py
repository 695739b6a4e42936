"""Functions of the emulated module for the window, the caches and the plug-in path: nothing of the script is in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Union

from nuke_ai_panel.nk.emulation.finding import Finding
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import Session

__all__ = ["SHOWN_NOWHERE", "Window"]

#: What only changes what the artist sees, or what Nuke keeps in memory. Here it does nothing.
SHOWN_NOWHERE = (
    "clearBlinkCache",
    "clearDiskCache",
    "clearRAMCache",
    "pan",
    "resetPerformanceTimers",
    "resumePathProcessing",
    "show",
    "showDag",
    "startPerformanceTimers",
    "stopPerformanceTimers",
    "suspendPathProcessing",
    "tabClose",
    "tabNext",
    "toggleFullscreen",
    "toggleViewers",
    "updateUI",
    "waitForThreadsToFinish",
    "zoomToFit",
    "zoomToFitSelected",
)


class Window:
    """The window there is not, and the plug-in path as a script sets it."""

    def __init__(self, session: Session, finding: Finding) -> None:
        self.session = session
        self.finding = finding

    def table(self) -> dict[str, object]:
        """Return the functions by the names Nuke gives them."""
        return {
            **{name: _nothing(name) for name in SHOWN_NOWHERE},
            "zoom": self.zoom,
            "activeViewer": self.active_viewer,
            "executing": lambda: False,
            "usingPerformanceTimers": lambda: False,
            "thisClass": lambda: self.finding.this_group().Class(),
            "thisKnob": lambda: None,
            "thisPane": lambda: None,
            "pluginAddPath": self.plugin_add_path,
            "pluginAppendPath": self.plugin_append_path,
            "pluginPath": lambda: list(self.session.plugin_paths),
        }

    def zoom(self, scale: float | None = None, *_args: object) -> None:
        """Zoom the node graph, which is not shown here. Raises: NotSimulatedError where the present zoom is asked for."""
        if scale is None:
            raise NotSimulatedError("nuke.zoom without a scale is not simulated: there is no view of the node graph here.")

    def active_viewer(self) -> None:
        """Return None, as where no viewer is open. Raises: NotSimulatedError with a window, which may have one."""
        if self.session.has_window:
            raise NotSimulatedError("nuke.activeViewer is not simulated.")

    def plugin_add_path(self, paths: Union[str, Sequence[str]], addToSysPath: bool = True) -> None:  # noqa: N803  Nuke's name
        """Put folders before the plug-in path. It is recorded; nothing is loaded from it, and ``sys.path`` stays."""
        del addToSysPath
        self.session.plugin_paths[:0] = reversed(_paths(paths))

    def plugin_append_path(self, paths: Union[str, Sequence[str]], addToSysPath: bool = True) -> None:  # noqa: N803
        """Put folders at the end of the plug-in path. It is recorded; nothing is loaded from it."""
        del addToSysPath
        self.session.plugin_paths.extend(_paths(paths))


def _nothing(name: str) -> Callable[..., None]:
    def nothing(*_args: object, **_kwargs: object) -> None:
        """Do nothing: there is no window and no cache here."""

    nothing.__name__ = name
    return nothing


def _paths(paths: Union[str, Sequence[str]]) -> list[str]:
    found = [paths] if isinstance(paths, str) else list(paths) if isinstance(paths, Sequence) else [paths]
    if not all(isinstance(path, str) for path in found):
        raise TypeError("a plug-in path is a string or a list of strings")
    return [path.rstrip("/") or path for path in found]

"""Callbacks of the emulated module: registered and removed, never called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nuke_ai_panel.nk.emulation.session import Callback, Session

__all__ = ["KINDS", "callback_table"]

#: The kinds of callback for nodes of a class, and those for the session.
KINDS = (
    "OnUserCreate",
    "OnCreate",
    "OnScriptLoad",
    "OnScriptSave",
    "OnScriptClose",
    "OnDestroy",
    "KnobChanged",
    "UpdateUI",
    "Autolabel",
    "BeforeRender",
    "BeforeFrameRender",
    "AfterFrameRender",
    "AfterRender",
    "RenderProgress",
    "BeforeBackgroundRender",
    "AfterBackgroundFrameRender",
    "AfterBackgroundRender",
    "BeforeRecording",
    "AfterRecording",
    "BeforeReplay",
    "AfterReplay",
    "FilenameFilter",
    "ValidateFilename",
    "AutoSaveFilter",
    "AutoSaveRestoreFilter",
    "AutoSaveDeleteFilter",
    "DefaultColorspaceMapper",
)


def callback_table(session: Session) -> dict[str, object]:
    """Return the functions that register and remove callbacks, by the names Nuke gives them."""
    table: dict[str, object] = {}
    for kind in KINDS:
        table[f"add{kind}"] = _adder(session, kind)
        name = "removeFilenameValidate" if kind == "ValidateFilename" else f"remove{kind}"
        table[name] = _remover(session, kind)
    return table


def _adder(session: Session, kind: str) -> Callable[..., None]:
    def add(
        call: Callable[..., object],
        args: Any = (),
        kwargs: dict[str, Any] | None = None,
        nodeClass: str = "*",  # noqa: N803  Nuke's name
        **_more: object,
    ) -> None:
        if not callable(call):
            raise TypeError(f"add{kind}() wants something to call, not {type(call).__name__}")
        given = args if isinstance(args, tuple) else (args,)
        session.callbacks.append(Callback(kind, call, given, dict(kwargs or {}), nodeClass))

    add.__name__ = f"add{kind}"
    return add


def _remover(session: Session, kind: str) -> Callable[..., None]:
    def remove(
        call: Callable[..., object],
        args: Any = (),
        kwargs: dict[str, Any] | None = None,
        nodeClass: str = "*",  # noqa: N803  Nuke's name
        **_more: object,
    ) -> None:
        given = args if isinstance(args, tuple) else (args,)
        wanted = Callback(kind, call, given, dict(kwargs or {}), nodeClass)
        if wanted in session.callbacks:
            session.callbacks.remove(wanted)

    remove.__name__ = f"remove{kind}"
    return remove

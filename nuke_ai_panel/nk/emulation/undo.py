"""The emulated ``nuke.Undo``: groups of changes over the document's way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nuke_ai_panel.errors import NotSimulatedError

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.session import Session

__all__ = ["undo_class"]


def undo_class(session: Session) -> type:
    """Return the ``Undo`` class of one session. Its methods work on the class and on an object alike, as in Nuke."""

    class Undo:
        """A group of changes that is taken back as one; ``with nuke.Undo("title"):`` or begin and end."""

        def __init__(self, name: str = "") -> None:
            self._title = name

        @staticmethod
        def begin(name: str = "") -> None:
            """Begin a group."""
            session.undo_marks.append(session.document.mark())
            session.undo_names.append(name)

        @staticmethod
        def name(name: str = "") -> str:
            """Name the open group, or return its name."""
            if session.undo_names and name:
                session.undo_names[-1] = name
            return session.undo_names[-1] if session.undo_names else ""

        @staticmethod
        def end() -> None:
            """End the group."""
            if session.undo_marks:
                mark = session.undo_marks.pop()
                session.undo_names.pop()
                if not session.undo_marks and mark != session.document.mark():
                    session.finished.append(mark)

        @staticmethod
        def new(name: str = "") -> None:
            """End the open group and begin another."""
            Undo.end()
            Undo.begin(name)

        @staticmethod
        def cancel() -> None:
            """Take back what the open group changed, and forget it."""
            if session.undo_marks:
                mark = session.undo_marks.pop()
                session.undo_names.pop()
                session.document.roll_back(mark)

        @staticmethod
        def undo() -> None:
            """Take back the last group that ended."""
            if not session.finished:
                raise NotSimulatedError("Undoing what was done before this script is not simulated.")
            session.document.roll_back(session.finished.pop())

        @staticmethod
        def undoSize() -> int:  # noqa: N802  Nuke's name
            """Return how many groups can be taken back."""
            return len(session.finished)

        def __enter__(self) -> Undo:
            self.begin(self._title)
            return self

        def __exit__(self, *_error: object) -> None:
            self.end()

    return Undo

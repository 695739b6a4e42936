"""The emulated ``nuke.Undo``: groups of changes over the document's way back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nuke_ai_panel.nk.emulation.content import replace_content
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import UndoneStep, UndoStep

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.session import Session

__all__ = ["undo_class"]


def undo_class(session: Session) -> type:
    """Return the ``Undo`` class of one session. Its methods work on the class and on an object alike, as in Nuke."""
    document = session.document

    class Undo:
        """A group of changes that is taken back as one; ``with nuke.Undo("title"):`` or begin and end."""

        def __init__(self, name: str = "") -> None:
            self._title = name

        @staticmethod
        def begin(name: str = "") -> None:
            """Begin a group. Groups nest; the outermost one is the step."""
            session.undo_marks.append(document.mark())
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
                name = session.undo_names.pop()
                if not session.undo_marks and mark < document.mark() and not session.undo_disabled:
                    session.finished.append(UndoStep(name, mark, document.mark()))

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
                document.roll_back(mark)

        @staticmethod
        def undo() -> None:
            """Take back the last group that ended; changes made after it, outside of any group, are a step before it."""
            step = _last_step()
            if step is None:
                raise NotSimulatedError("Undoing what was done before this script is not simulated.")
            after = document.to_bytes()
            selected = [node.path for node in document.walk() if node.selected]
            document.roll_back(step.begin)
            session.undone.append(UndoneStep(step.name, after, selected, document.mark()))

        @staticmethod
        def redo() -> None:
            """Do again what was undone last, as long as nothing else was done since.

            Node objects from before do not come back to life, as after any undo in Nuke. Raises: NotSimulatedError.
            """
            if not _can_redo():
                raise NotSimulatedError("There is nothing to redo.")
            step = session.undone.pop()
            replace_content(document, step.content, selected=step.selected)
            session.finished.append(UndoStep(step.name, step.mark, document.mark()))
            session.undone = [replace(other, mark=document.mark()) for other in session.undone]

        @staticmethod
        def undoSize() -> int:  # noqa: N802  Nuke's name
            """Return how many steps can be taken back."""
            _forget_gone()
            return len(session.finished)

        @staticmethod
        def redoSize() -> int:  # noqa: N802  Nuke's name
            """Return how many steps can be done again."""
            return len(session.undone) if _can_redo() else 0

        @staticmethod
        def undoDescribe(number: int = 0) -> str:  # noqa: N802  Nuke's name
            """Return the name of a step, the last one by default."""
            _forget_gone()
            steps = session.finished[::-1]
            return steps[number].name if 0 <= number < len(steps) else ""

        @staticmethod
        def redoDescribe(number: int = 0) -> str:  # noqa: N802  Nuke's name
            """Return the name of a step that was undone, the last one by default."""
            steps = session.undone[::-1] if _can_redo() else []
            return steps[number].name if 0 <= number < len(steps) else ""

        @staticmethod
        def undoTruncate(number: int = 0) -> None:  # noqa: N802  Nuke's name
            """Forget all steps but the last `number`."""
            session.finished = session.finished[len(session.finished) - number :] if number else []

        @staticmethod
        def redoTruncate(number: int = 0) -> None:  # noqa: N802  Nuke's name
            """Forget all undone steps but the last `number`."""
            session.undone = session.undone[len(session.undone) - number :] if number else []

        @staticmethod
        def disable() -> None:
            """Record no steps until :meth:`enable`; calls are counted."""
            session.undo_disabled += 1

        @staticmethod
        def enable() -> None:
            """Record steps again."""
            session.undo_disabled = max(0, session.undo_disabled - 1)

        @staticmethod
        def disabled() -> bool:
            """Return whether no steps are recorded."""
            return session.undo_disabled > 0

        def __enter__(self) -> Undo:
            self.begin(self._title)
            return self

        def __exit__(self, *_error: object) -> None:
            self.end()

    def _forget_gone() -> None:
        while session.finished and session.finished[-1].end > document.mark():
            session.finished.pop()

    def _can_redo() -> bool:
        return bool(session.undone) and session.undone[-1].mark == document.mark()

    def _last_step() -> UndoStep | None:
        _forget_gone()
        last = session.finished[-1] if session.finished else None
        if last is not None and last.end < document.mark():
            return UndoStep("", last.end, document.mark())
        return session.finished.pop() if session.finished else None

    return Undo

"""The review card: what a proposal would do, asked before it runs, and what it really did, with a way back."""

from __future__ import annotations

from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel_ui.cards import Card, Fold
from nuke_ai_panel_ui.conversation import ProposalRecord
from nuke_ai_panel_ui.labels import button, label
from nuke_ai_panel_ui.qt import QAction, QtWidgets, Signal
from nuke_ai_panel_ui.review_parts import CodeFold, GraphPicture, ReasonField
from nuke_ai_panel_ui.theme import Theme

__all__ = ["ReviewCard"]

#: What the title asks and then tells, by kind.
_QUESTIONS = {
    "nk": ("Paste these nodes", "Pasted"),
    "gizmo": ("Paste this group", "Pasted"),
    "expression": ("Set this expression", "Set"),
    "blink": ("Use this kernel", "Set"),
    "tool": ("Try this tool", "Ran"),
}
#: Problems and warnings that are shown one by one; the rest is counted.
_MOST_SAID = 5


class ReviewCard(Card):
    """Show one proposal through its life: asked, run, taken back, rejected, mended.

    The card decides nothing: its signals say which button was pressed, and `show_record` shows what became of it.
    ``run_requested`` carries how far the artist's yes goes, ``revise_requested`` the code as it was edited.
    """

    run_requested = Signal(int, str)
    reject_requested = Signal(int, str)
    undo_requested = Signal(int)
    fix_requested = Signal(int)
    revise_requested = Signal(int, str)
    insert_requested = Signal(str)
    save_requested = Signal(int, str, str)
    copy_requested = Signal(str)
    resized = Signal()

    def __init__(
        self,
        record: ProposalRecord,
        place: str,
        theme: Theme,
        *,
        can_insert: bool = False,
        saves_as: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__("ask", "")
        self._record = record
        self._place = place
        review = record.review
        self._question, self._done = _QUESTIONS.get(review.proposal.kind, ("Run this", "Ran"))
        self.summary = label("", dim=True, wrap=True, selectable=True)
        self.rows.addWidget(self.summary)
        if review.proposal.note:
            self.rows.addWidget(label(review.proposal.note, dim=True, wrap=True))
        shown_already = review.problems[:1] if review.summary() in review.problems else ()
        self._say("problem", review.problems[len(shown_already) :], "")
        self.warnings = self._say("warning", review.warnings, "Careful: ")
        self.picture = GraphPicture(review.picture, review.summary(), theme)
        self.rows.addWidget(self.picture)
        self.fold = Fold("Show changes", "", theme)
        self.fold.toggled.connect(self._on_fold)
        self.rows.addWidget(self.fold)
        self.code = CodeFold(review.proposal.code, review.proposal.kind, theme)
        self.code.toggled.connect(lambda *_: self.resized.emit())
        self.code.edited.connect(self.show_record)
        self.rows.addWidget(self.code)
        self.reason = ReasonField()
        self.reason.given.connect(lambda text: self.reject_requested.emit(record.proposal_id, text))
        self.reason.left.connect(lambda: self._ask_reason(False))
        self.reason.hide()
        self.rows.addWidget(self.reason)
        self._make_buttons(can_insert, saves_as)
        self.show_record()

    def _make_buttons(self, can_insert: bool, saves_as: tuple[tuple[str, str], ...]) -> None:
        number = self._record.proposal_id
        self.run = button("Run", self._press_run, name=f"{self._question} {self._place}", primary=True)
        self.run_always = button(
            "Always here",
            lambda: self.run_requested.emit(number, "conversation"),
            name="Run it, and from now on run what does the same without asking, in this conversation",
        )
        self.run_always.setToolTip(self.run_always.accessibleName())
        self.fix = button("Fix it", lambda: self.fix_requested.emit(number), name="Have the model fix the script")
        self.undo = button("Undo", lambda: self.undo_requested.emit(number), name="Undo what the script did")
        self.insert = button("Insert", lambda: self.insert_requested.emit(self.code.code), name="Insert into the Script Editor")
        self.insert.setToolTip("Put it into the Script Editor, without running it")
        self.copy = button("Copy", lambda: self.copy_requested.emit(self.code.code), name="Copy the script")
        self.save = button("Save", lambda: None, name="Save the script")
        menu = QtWidgets.QMenu(self.save)
        for form, words in saves_as:
            action = QAction(words, menu)
            action.triggered.connect(lambda *_, form=form: self.save_requested.emit(number, form, self.code.code))
            menu.addAction(action)
        self.save.setMenu(menu)
        self.reject = button("Reject\u2026", lambda: self._ask_reason(True), name="Reject the script")
        self.add_buttons(self.run, self.run_always, self.fix, self.undo, self.insert, self.copy, self.save, self.reject)
        self._can_insert, self._can_save = can_insert, bool(saves_as)

    def _say(self, name: str, texts: tuple[str, ...], prefix: str) -> list[QtWidgets.QLabel]:
        shown = [prefix + text for text in texts[:_MOST_SAID]]
        if len(texts) > _MOST_SAID:
            shown.append(f"and {len(texts) - _MOST_SAID} more")
        labels = [label(text, wrap=True, selectable=True) for text in shown]
        for each in labels:
            each.setObjectName(name)
            self.rows.addWidget(each)
        return labels

    def _press_run(self) -> None:
        number = self._record.proposal_id
        if self.code.is_edited:
            self.revise_requested.emit(number, self.code.code)
        else:
            self.run_requested.emit(number, "once")

    def _ask_reason(self, asking: bool) -> None:
        self.reason.setVisible(asking)
        self.show_record()
        if asking:
            self.reason.line.setFocus()
        else:
            self.reject.setFocus()

    def _on_fold(self, opened: bool) -> None:
        self.fold.switch.setText(self._fold_title(opened))
        self.fold.switch.setAccessibleName(self.fold.switch.text())
        self.resized.emit()

    def _fold_title(self, opened: bool) -> str:
        noun = "output" if self._shows_output() else "changes"
        return f"{'Hide' if opened else 'Show'} {noun}"

    def _shows_output(self) -> bool:
        applied = self._record.applied
        error = (applied.result.error if applied is not None else "") or self._record.review.error
        return bool(error) or not self._lines(self._diff())

    def _diff(self) -> GraphDiff | None:
        applied = self._record.applied
        return applied.diff if applied is not None else self._record.review.diff

    @staticmethod
    def _lines(diff: GraphDiff | None) -> list[str]:
        return diff.lines() if diff else []

    def _fold_text(self) -> str:
        review, applied = self._record.review, self._record.applied
        output = applied.result.output if applied is not None else review.output
        error = applied.result.error if applied is not None else review.error
        parts = ["\n".join(self._lines(self._diff()))] if not error else []
        if output.strip():
            parts.append(("Output:\n" if parts[:1] and parts[0] else "") + output.rstrip())
        if error.strip():
            parts.append(error.rstrip())
        return "\n\n".join(part for part in parts if part)

    def _words(self) -> tuple[str, str, str]:
        """Return the title, the summary and how the summary is painted."""
        record, review, applied = self._record, self._record.review, self._record.applied
        if record.state == "applied" and applied is not None:
            summary = applied.unknown or applied.diff.summary() + ", 1 undo step"
            if applied.deviation:
                return f"{self._done} {self._place}", f"{summary}\n{applied.deviation}", "warning"
            return f"{self._done} {self._place}", summary, "dim"
        if record.state == "failed" and applied is not None:
            last = applied.result.error.strip().splitlines()[-1]
            left = f"what it had done stayed: {applied.diff.summary().lower()}" if applied.diff else "nothing was changed"
            how = "It was stopped" if applied.was_stopped else "It stopped with an error"
            return f"{how}; {left}", last, "problem"
        if record.state == "undone":
            return "Taken back", "The script is as it was before the run.", "dim"
        if record.state == "rejected":
            return "Rejected", "It was not run. The model is told with your next message.", "dim"
        if record.state == "replaced":
            return "Replaced", record.reason or "A corrected one follows.", "dim"
        if record.state == "refused":
            return "Your studio does not allow this", record.reason, "problem"
        if not review.can_run:
            return (
                ("This is not offered to run" if review.proposal.doubt else "This script cannot run"),
                review.summary(),
                "problem",
            )
        if self.code.is_edited:
            return "Check your changes?", "The code was edited. It is checked on a copy before it can run.", "dim"
        return f"{self._question} {self._place}?", review.summary(), "dim" if review.is_sound else "problem"

    def show_record(self) -> None:
        """Show the proposal's present state; call it whenever the record has changed."""
        record, review = self._record, self._record.review
        state, edited = record.state, self.code.is_edited
        title, summary, name = self._words()
        if record.note:
            summary = f"{summary}\n{record.note}"
        self.title.setText(title)
        self.setAccessibleName(title)
        self.summary.setText(summary)
        self._name(self.summary, name)
        is_open = state in ("open", "failed")
        self.set_kind("ask" if state == "open" and review.can_run else "error" if state in ("failed", "refused") else "plain")
        for warning in self.warnings:
            warning.setVisible(is_open)
        text = self._fold_text() if state not in ("rejected", "undone", "replaced", "refused") else ""
        if text != self.fold.lines.toPlainText():
            self.fold.set_text(text)
        self.fold.setVisible(bool(text))
        self.fold.switch.setText(self._fold_title(self.fold.switch.isChecked()))
        self.fold.switch.setAccessibleName(self.fold.switch.text())
        self.picture.setVisible(self.picture.is_loaded and state in ("open", "applied"))
        self.code.set_editable(is_open)
        self._show_buttons(is_open and not self.reason.isVisibleTo(self), edited)
        if not is_open:
            self.reason.hide()
        self.updateGeometry()
        self.resized.emit()

    def _show_buttons(self, is_open: bool, edited: bool) -> None:
        record, review = self._record, self._record.review
        failed = record.state == "failed"
        self.run.setVisible(is_open)
        words = "Check again" if edited else "Run again" if failed else "Run" if review.is_sound else "Run anyway"
        self.run.setText(words)
        self.run.setEnabled(review.can_run or edited)
        self.run.setToolTip("" if self.run.isEnabled() else review.summary())
        # What is doubtful, or reaches beyond the node graph, is not waved through for the rest of a conversation.
        is_plain = review.is_sound and review.diff is not None and not review.warnings
        self.run_always.setVisible(is_open and not edited and not failed and is_plain)
        self.fix.setVisible(is_open and not edited and (failed or not review.is_sound))
        self.reject.setVisible(is_open)
        self.undo.setVisible(record.state == "applied")
        is_asking = self.reason.isVisibleTo(self)
        self.insert.setVisible(self._can_insert and not is_asking)
        self.copy.setVisible(not is_asking)
        self.save.setVisible(self._can_save and not is_asking)

    @staticmethod
    def _name(widget: QtWidgets.QWidget, name: str) -> None:
        if widget.objectName() != name:
            widget.setObjectName(name)
            widget.style().unpolish(widget)
            widget.style().polish(widget)

"""The review card: what a proposed script would do, asked before it runs, and what it really did, with a way back."""

from __future__ import annotations

from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel_ui.cards import Card, Fold
from nuke_ai_panel_ui.conversation import ProposalRecord
from nuke_ai_panel_ui.labels import button, label
from nuke_ai_panel_ui.qt import QtWidgets, Signal
from nuke_ai_panel_ui.theme import Theme

__all__ = ["ReviewCard"]


class ReviewCard(Card):
    """Show one proposal through its life: asked, run, taken back, or rejected.

    The card decides nothing: its signals say which button was pressed, and `show_record` shows what became of it.
    ``resized`` says that the height has changed.
    """

    run_requested = Signal(int)
    reject_requested = Signal(int)
    undo_requested = Signal(int)
    copy_requested = Signal(str)
    resized = Signal()

    def __init__(self, record: ProposalRecord, place: str, theme: Theme) -> None:
        super().__init__("ask", f"Run this {place}?")
        self._record = record
        self._place = place
        review = record.review
        self.summary = label("", dim=True, wrap=True, selectable=True)
        self.rows.addWidget(self.summary)
        for problem in review.problems[1:]:
            said = label(problem, wrap=True, selectable=True)
            said.setObjectName("problem")
            self.rows.addWidget(said)
        self.warnings = [label(f"Careful: {warning}", wrap=True) for warning in review.warnings]
        for warning in self.warnings:
            warning.setObjectName("warning")
            self.rows.addWidget(warning)
        self.fold = Fold("Show changes", "", theme)
        self.fold.toggled.connect(self._on_fold)
        self.rows.addWidget(self.fold)
        number = record.proposal_id
        self.run = button("Run", lambda: self.run_requested.emit(number), name=f"Run this {place}", primary=True)
        self.copy = button("Copy", lambda: self.copy_requested.emit(review.proposal.code), name="Copy the script")
        self.reject = button("Reject", lambda: self.reject_requested.emit(number), name="Reject the script")
        self.undo = button("Undo", lambda: self.undo_requested.emit(number), name="Undo what the script did")
        self.add_buttons(self.run, self.undo, self.copy, self.reject)
        self.show_record()

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

    def show_record(self) -> None:
        """Show the proposal's present state; call it whenever the record has changed."""
        record, review = self._record, self._record.review
        applied = record.applied
        state = record.state
        title, summary, name = f"Run this {self._place}?", review.summary(), "dim"
        if state == "open" and not review.can_run:
            title, name = "This script cannot run", "problem"
        elif state == "open" and review.error:
            name = "problem"
        elif state == "applied" and applied is not None:
            title, summary = f"Ran {self._place}", applied.unknown or applied.diff.summary() + ", 1 undo step"
        elif state == "failed" and applied is not None:
            last = applied.result.error.strip().splitlines()[-1]
            left = f"what it had done stayed: {applied.diff.summary().lower()}" if applied.diff else "nothing was changed"
            title, summary, name = f"It stopped with an error; {left}", last, "problem"
        elif state == "undone":
            title, summary = "Taken back", "The script is as it was before the run."
        elif state == "rejected":
            title, summary = "Rejected", "It was not run. The model is told with your next message."
        if record.note:
            summary = f"{summary}\n{record.note}"
        self.title.setText(title)
        self.setAccessibleName(title)
        self.summary.setText(summary)
        self._name(self.summary, name)
        self.set_kind("ask" if state == "open" and review.can_run else "error" if state == "failed" else "plain")
        for warning in self.warnings:
            warning.setVisible(state in ("open", "failed"))
        text = self._fold_text() if state != "rejected" else ""
        if state == "undone":
            text = ""
        if text != self.fold.lines.toPlainText():
            self.fold.set_text(text)
        self.fold.setVisible(bool(text))
        self.fold.switch.setText(self._fold_title(self.fold.switch.isChecked()))
        self.fold.switch.setAccessibleName(self.fold.switch.text())
        self.run.setVisible(state in ("open", "failed"))
        self.run.setText("Run again" if state == "failed" else "Run anyway" if review.error else "Run")
        self.run.setEnabled(review.can_run)
        self.run.setToolTip("" if review.can_run else review.summary())
        self.reject.setVisible(state in ("open", "failed"))
        self.undo.setVisible(state == "applied")
        self.updateGeometry()
        self.resized.emit()

    @staticmethod
    def _name(widget: QtWidgets.QWidget, name: str) -> None:
        if widget.objectName() != name:
            widget.setObjectName(name)
            widget.style().unpolish(widget)
            widget.style().polish(widget)

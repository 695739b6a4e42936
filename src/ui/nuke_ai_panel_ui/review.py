"""The review card: what a proposal would do, asked before it runs, and what it really did, with a way back."""

from __future__ import annotations

from typing import Literal

from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.review import Review, with_undo_step
from nuke_ai_panel_ui.cards import Card, Fold
from nuke_ai_panel_ui.conversation import ProposalRecord
from nuke_ai_panel_ui.labels import button, label
from nuke_ai_panel_ui.qt import QAction, Qt, QtWidgets, Signal
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
_UNDO = "Undo what the script did"
_COMPARING = "Looking at whether the script was changed since; then it is undone"
#: Problems and warnings that are shown one by one; the rest is counted.
_MOST_SAID = 4


class ReviewCard(Card):
    """Show one proposal through its life: asked, run, taken back, rejected, mended.

    The card decides nothing: its signals say which button was pressed, and `show_record` shows what became of it.
    ``run_requested`` carries how far the artist's yes goes, ``revise_requested`` the code as it was edited. ``left`` says that
    the keyboard has nothing more to do here: what it stood on is gone.
    """

    run_requested = Signal(int, str)
    reject_requested = Signal(int, str, bool)
    undo_requested = Signal(int)
    fix_requested = Signal(int)
    revise_requested = Signal(int, str)
    insert_requested = Signal(str)
    save_requested = Signal(int, str, str)
    copy_requested = Signal(str)
    resized = Signal()
    left = Signal()

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
        self._told: tuple[GraphDiff | None, list[str]] = (None, [])
        review = record.review
        self._question, self._done = _QUESTIONS.get(review.proposal.kind, ("Run this", "Ran"))
        self.summary = label("", dim=True, wrap=True, selectable=True)
        self.rows.addWidget(self.summary)
        self.aside = label("", wrap=True, selectable=True)
        self.aside.setObjectName("warning")
        self.rows.addWidget(self.aside)
        self.remark = label(review.proposal.note, dim=True, wrap=True)
        self.remark.setVisible(bool(review.proposal.note))
        self.rows.addWidget(self.remark)
        shown_already = review.problems[:1] if review.summary() in review.problems else ()
        self.findings = self._say("problem", review.problems[len(shown_already) :], "")
        self.findings += self._say("warning", _careful(review), "Careful: ")
        self.findings += self._say("dim", _plain_effects(review), "")
        self.picture = GraphPicture(review.picture, review.summary(), theme)
        self.picture.opened.connect(self._on_picture)
        self.rows.addWidget(self.picture)
        self.fold = Fold("Show changes", "", theme)
        self.fold.toggled.connect(self._on_fold)
        self.rows.addWidget(self.fold)
        self.code = CodeFold(review.proposal.code, review.proposal.kind, theme)
        self.code.toggled.connect(lambda *_: self.resized.emit())
        if record.edited:
            self.code.lines.setPlainText(record.edited)
        self.code.edited.connect(self._on_edited)
        self.rows.addWidget(self.code)
        self.reason = ReasonField()
        self.reason.given.connect(lambda text, never: self.reject_requested.emit(record.proposal_id, text, never))
        self.reason.left.connect(lambda: self._ask_reason(False))
        self.reason.hide()
        self.rows.addWidget(self.reason)
        # Beside the buttons: it is the answer to one of them, and the top of the card may be out of sight.
        self.note = label("", wrap=True, selectable=True)
        self.note.setObjectName("warning")
        self.rows.addWidget(self.note)
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
        self.undo = button("Undo", lambda: self.undo_requested.emit(number), name=_UNDO)
        self.insert = button("Insert", lambda: self.insert_requested.emit(self.code.code), name="Insert into the Script Editor")
        self.insert.setToolTip("Put it into the Script Editor, without running it")
        self.copy = button("Copy", lambda: self.copy_requested.emit(self.code.code), name="Copy the script")
        self.save = button("Save \u25be", lambda: None, name="Save the script")
        menu = QtWidgets.QMenu(self.save)
        for form, words in saves_as:
            action = QAction(words, menu)
            action.triggered.connect(lambda *_, form=form: self.save_requested.emit(number, form, self.code.code))
            menu.addAction(action)
        self.save.setMenu(menu)
        self.reject = button("Reject\u2026", lambda: self._ask_reason(True), name="Reject the script")
        for quiet in (self.insert, self.copy, self.save):
            quiet.setObjectName("quiet")
        # What decides comes first; where there is something to mend, mending comes before running it all the same.
        self.add_buttons(self.fix, self.run, self.run_always, self.reject, self.undo, self.insert, self.copy, self.save)
        self._can_insert, self._can_save = can_insert, bool(saves_as)

    def _say(self, name: str, texts: tuple[str, ...], prefix: str) -> list[QtWidgets.QWidget]:
        shown = [prefix + text for text in texts[:_MOST_SAID]]
        labels: list[QtWidgets.QWidget] = [label(text, wrap=True, selectable=True) for text in shown]
        for each in labels:
            each.setObjectName(name)
            self.rows.addWidget(each)
        rest = texts[_MOST_SAID:]
        if rest:
            more = button(f"and {len(rest)} more", lambda: None, name=f"Show {len(rest)} more findings")
            more.setObjectName("fold")
            more.clicked.connect(lambda *_: self._say_all(more, name, rest))
            self.rows.addWidget(more, 0, Qt.AlignmentFlag.AlignLeft)
            labels.append(more)
        return labels

    def _say_all(self, more: QtWidgets.QWidget, name: str, texts: tuple[str, ...]) -> None:
        """Put what was only counted in the place of the button that counts it."""
        said = label("\n".join(texts), wrap=True, selectable=True)
        said.setObjectName(name)
        self.rows.replaceWidget(more, said)
        self.findings[self.findings.index(more)] = said
        said.show()
        self.focus_first()
        more.hide()
        more.deleteLater()
        self.resized.emit()

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

    def _on_edited(self) -> None:
        self._record.edited = self.code.code if self.code.is_edited else ""
        self.show_record()

    def _on_picture(self) -> None:
        if not self.picture.has_picture:
            self.picture.hide()
        self.resized.emit()

    def focus_first(self) -> None:
        """Give the keyboard to the first thing to look at; it runs nothing."""
        for each in (self.picture, self.fold.switch, self.code.switch, self.fix, self.run, self.copy):
            if each.isVisibleTo(self) and each.isEnabled():
                each.setFocus(Qt.FocusReason.OtherFocusReason)
                return

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
        """Return what was changed; until that is known, what the check has shown."""
        applied = self._record.applied
        return applied.diff if applied is not None and applied.is_compared else self._record.review.diff

    def _lines(self, diff: GraphDiff | None) -> list[str]:
        if diff is not self._told[0]:
            # A wide change has thousands of lines, and they are asked for again and again.
            self._told = diff, diff.lines() if diff else []
        return self._told[1]

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
            changed = with_undo_step(applied.diff) if applied.is_compared else "Looking at what it changed"
            return f"{self._done} {self._place}", applied.unknown or changed, "dim"
        if record.state == "failed" and applied is not None:
            left = f"what it had done stayed: {applied.diff.summary().lower()}" if applied.diff else "nothing was changed"
            how = "It was stopped" if applied.was_stopped else "It stopped with an error"
            return f"{how}; {left}", _last_line(applied.result.error), "dim" if applied.was_stopped else "problem"
        if record.state == "undone":
            return "Taken back", "The script is as it was before the run.", "dim"
        if record.state == "rejected":
            said = f"Why: {record.reason}\n" if record.reason else ""
            return "Rejected", f"{said}It was not run. The model is told with your next message.", "dim"
        if record.state == "replaced":
            return "Replaced", record.reason or "A corrected one follows.", "dim"
        if record.state == "refused":
            return "Your studio does not allow this", record.reason, "problem"
        if self.code.is_edited:
            return "Check your changes?", "The code was edited. It is checked on a copy before it can run.", "dim"
        if not review.can_run:
            title = "This is not offered to run" if review.proposal.doubt else "This script cannot run"
            return title, review.summary(), "problem"
        return f"{self._question} {self._place}?", review.summary(), "dim" if review.is_sound else "problem"

    def _kind(self) -> Literal["ask", "error", "done", "plain"]:
        state = self._record.state
        if state == "open":
            return "ask" if self._record.review.can_run or self.code.is_edited else "plain"
        return "error" if state in ("failed", "refused") else "done" if state == "applied" else "plain"

    def show_record(self) -> None:
        """Show the proposal's present state; call it whenever the record has changed."""
        record = self._record
        state, edited = record.state, self.code.is_edited
        focused = self._focused()
        title, summary, name = self._words()
        self.title.setText(title)
        self.setAccessibleName(title)
        self.setAccessibleDescription(summary)
        self.summary.setText(summary)
        self._name(self.summary, name)
        deviation = record.applied.deviation if record.applied is not None and state in ("applied", "failed") else ""
        self.aside.setText(deviation)
        self.aside.setVisible(bool(deviation))
        self.note.setText(record.note)
        self.note.setVisible(bool(record.note))
        is_open = state in ("open", "failed")
        self.set_kind(self._kind())
        for finding in self.findings:
            finding.setVisible(state == "open")
        self.remark.setVisible(bool(self.remark.text()) and is_open)
        text = self._fold_text() if state not in ("rejected", "undone", "replaced", "refused") else ""
        if text != self.fold.lines.toPlainText():
            self.fold.set_text(text)
        self.fold.setVisible(bool(text))
        self.fold.switch.setText(self._fold_title(self.fold.switch.isChecked()))
        self.fold.switch.setAccessibleName(self.fold.switch.text())
        self.picture.setVisible(self.picture.has_picture and state in ("open", "applied"))
        self.code.set_editable(is_open)
        if not is_open:
            self.reason.hide()
        self._show_buttons(is_open and not self.reason.isVisibleTo(self), edited)
        self.updateGeometry()
        self.resized.emit()
        if focused is not None and not focused.isVisibleTo(self):
            self._pass_focus()

    def _focused(self) -> QtWidgets.QWidget | None:
        """Return what of this card has the keyboard."""
        widget = QtWidgets.QApplication.focusWidget()
        return widget if widget is not None and self.isAncestorOf(widget) else None

    def _pass_focus(self) -> None:
        """Give the keyboard to what comes next, now that what it stood on is gone."""
        for each in (self.reason.line, self.undo, self.fix, self.run):
            if each.isVisibleTo(self) and each.isEnabled():
                each.setFocus(Qt.FocusReason.OtherFocusReason)
                return
        self.left.emit()

    def _show_buttons(self, is_open: bool, edited: bool) -> None:
        record, review = self._record, self._record.review
        failed = record.state == "failed"
        can_mend = is_open and not edited and (failed or not review.is_sound)
        self.run.setVisible(is_open and (review.can_run or edited))
        self.run.setText("Check again" if edited else "Run again" if failed else "Run" if review.is_sound else "Run anyway")
        self.run.setEnabled(review.can_run or edited)
        # What is doubtful, or reaches beyond the node graph, is not waved through for the rest of a conversation.
        is_plain = review.is_sound and review.diff is not None and not review.warnings
        self.run_always.setVisible(is_open and not edited and not failed and is_plain)
        self.fix.setVisible(can_mend)
        self._name(self.fix, "primary" if can_mend else "")
        self._name(self.run, "" if can_mend else "primary")
        self.reject.setVisible(is_open)
        self.undo.setVisible(record.state == "applied")
        self.undo.setText("Comparing\u2026" if record.is_undoing else "Undo")
        self.undo.setAccessibleName(_COMPARING if record.is_undoing else _UNDO)
        is_asking = self.reason.isVisibleTo(self)
        self.insert.setVisible(self._can_insert and not is_asking)
        self.copy.setVisible(not is_asking)
        self.save.setVisible(self._can_save and not is_asking and record.state not in ("replaced", "refused"))

    @staticmethod
    def _name(widget: QtWidgets.QWidget, name: str) -> None:
        if widget.objectName() != name:
            widget.setObjectName(name)
            widget.style().unpolish(widget)
            widget.style().polish(widget)


def _careful(review: Review) -> tuple[str, ...]:
    """Return what to look at before running it, in words."""
    found = [str(finding) for finding in review.findings if finding.severity == "warning"]
    return (*found, *(str(effect) for effect in review.effects if effect.is_warning))


def _plain_effects(review: Review) -> tuple[str, ...]:
    """Return in one line what the code says it does to the graph, where nothing better is known."""
    if review.diff is not None or review.proposal.doubt or not review.can_run:
        return ()
    said = [str(effect) for effect in review.effects if not effect.is_warning]
    return (f"By its code it {'; '.join(text[:1].lower() + text[1:] for text in said)}",) if said else ()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "It says no more."

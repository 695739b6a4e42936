"""The card of a check that was stopped: what is kept, and the way to check it after all."""

from __future__ import annotations

from nuke_ai_panel.agent.session_events import CheckStopped
from nuke_ai_panel_ui.cards import Card
from nuke_ai_panel_ui.labels import button, label
from nuke_ai_panel_ui.qt import Signal
from nuke_ai_panel_ui.review_parts import CodeFold
from nuke_ai_panel_ui.theme import Theme

__all__ = ["CheckStoppedCard"]


class CheckStoppedCard(Card):
    """Show the scripts that were not checked. ``again_requested`` carries the number of the check."""

    again_requested = Signal(int)

    def __init__(self, event: CheckStopped, theme: Theme) -> None:
        super().__init__("plain", "The check was stopped")
        count = len(event.proposals)
        if event.revises is not None:
            kept = "Your edited script is kept."
        elif count == 1:
            kept = "The script is kept."
        else:
            kept = f"{count} scripts were not checked, and are kept."
        self.body = label(f"Nothing has run. {kept}", dim=True, wrap=True)
        self.setAccessibleDescription(self.body.text())
        self.rows.addWidget(self.body)
        codes = "\n\n".join(each.code.rstrip() for each in event.proposals)
        self.code = CodeFold(codes, event.proposals[0].kind, theme)
        self.code.lines.setAccessibleName("The code that was not checked")
        self.code.set_editable(False)
        self.rows.addWidget(self.code)
        names = "the script" if count == 1 else f"the {count} scripts"
        self.again = button("Check again", lambda: self.again_requested.emit(event.check_id), name=f"Check {names} again")
        self.add_buttons(self.again)

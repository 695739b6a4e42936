"""How far the model goes by itself, and how much goes along with a prompt: the folded part of the settings."""

from __future__ import annotations

from dataclasses import dataclass

from nuke_ai_panel.settings import RANGES, Settings, SettingsStore, Value
from nuke_ai_panel_ui.icons import icon
from nuke_ai_panel_ui.labels import ElidedLabel, button, label
from nuke_ai_panel_ui.number_boxes import LimitBox
from nuke_ai_panel_ui.qt import Qt, QtCore, QtWidgets, Signal
from nuke_ai_panel_ui.theme import Theme

__all__ = ["LimitsForm"]

_THOUSANDS = tuple(step * 10**power for power in range(2, 8) for step in (1, 2, 5))


@dataclass(frozen=True)
class _Row:
    """One setting: its words, what a screen reader says, what it is for, and the numbers that its arrows go through."""

    key: str
    title: str
    name: str
    tip: str
    rungs: tuple[float, ...]
    units: tuple[str, str] = ("tokens", "tokens")
    prefix: str = ""
    decimals: int = 0
    #: Where there is no limit, in the line that is seen while all this is folded.
    none: str = ""


_WORK = (
    _Row(
        "limit_rounds",
        "Rounds",
        "Rounds for one prompt",
        "In a round the model looks something up or proposes a change, and is told what came of it.",
        (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 30, 40, 60, 80, 120, 160),
        ("round", "rounds"),
    ),
    _Row(
        "limit_tokens",
        "Tokens",
        "Tokens for one prompt",
        "Sent and written in all rounds together.",
        (*_THOUSANDS, 400_000),
        none="any number of tokens",
    ),
    _Row(
        "limit_cost",
        "Cost",
        "Cost of one prompt in US dollars",
        "US dollars, where the server tells what an answer costs.",
        (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500),
        ("", ""),
        "US$ ",
        2,
        none="any cost",
    ),
    _Row(
        "limit_minutes",
        "Time",
        "Minutes for one prompt",
        "Minutes in which the model works. Your time for a decision does not count.",
        (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 240, 480),
        ("min", "min"),
        none="any time",
    ),
)
_ALONG = (
    _Row(
        "script_tokens",
        "Script",
        "Tokens of the script in a prompt",
        "How much the model is told of the open script. What does not fit is counted, and it can ask for it.",
        (*_THOUSANDS, 1_500, 3_000, 4_000, 6_000, 8_000),
    ),
    _Row(
        "conversation_tokens",
        "Conversation",
        "Tokens of the conversation in a prompt",
        "What is longer loses its oldest part. No more is sent than the model can read, whatever stands here.",
        (*_THOUSANDS, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000),
    ),
)
_NO_LIMIT = "Type 0 for no limit."


class LimitsForm(QtWidgets.QWidget):
    """The limits behind a one-line button, folded at first. ``opened`` says that there is more to be seen now."""

    opened = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._store: SettingsStore | None = None
        self._shown: dict[str, float | None] = {}
        self.boxes: dict[str, LimitBox] = {}
        self.notes: dict[str, ElidedLabel] = {}
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        rows.addLayout(self._head())
        self.body = QtWidgets.QWidget()
        form = QtWidgets.QGridLayout(self.body)
        form.setContentsMargins(22, 0, 0, 0)
        form.setHorizontalSpacing(10)
        form.setVerticalSpacing(5)
        form.setColumnStretch(2, 1)
        self._add_group(form, "The work on one prompt ends at the first of these. What there is by then is kept.", _WORK)
        self._add_group(form, "Along with each prompt goes at most:", _ALONG)
        self.defaults = button("Back to defaults", self._go_back, name="Set the limits back to their defaults")
        last = QtWidgets.QHBoxLayout()
        last.setContentsMargins(0, 6, 0, 0)
        last.addWidget(self.defaults)
        last.addStretch(1)
        form.addLayout(last, form.rowCount(), 0, 1, 3)
        self.body.hide()
        rows.addWidget(self.body)

    def _head(self) -> QtWidgets.QHBoxLayout:
        self.switch = QtWidgets.QPushButton("Limits")
        self.switch.setObjectName("section")
        self.switch.setAccessibleName("Limits")
        self.switch.setToolTip("How far the model goes by itself, and how much goes along with a prompt")
        self.switch.setAccessibleDescription(self.switch.toolTip())
        self.switch.setCheckable(True)
        self.switch.setAutoDefault(False)
        self.switch.setIconSize(QtCore.QSize(self._theme.font_px, self._theme.font_px))
        self.switch.setIcon(icon("right", self._theme.dim))
        self.switch.toggled.connect(self._toggle)
        self.summary = ElidedLabel(dim=True)
        head = QtWidgets.QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.switch)
        head.addWidget(self.summary, 1)
        return head

    def _add_group(self, form: QtWidgets.QGridLayout, words: str, group: tuple[_Row, ...]) -> None:
        said = label(words, dim=True, wrap=True)
        said.setContentsMargins(0, 6 if self.boxes else 0, 0, 0)
        form.addWidget(said, form.rowCount(), 0, 1, 3)
        for row in group:
            allowed = RANGES[row.key]
            box = LimitBox(allowed, row.rungs, prefix=row.prefix, units=row.units, decimals=row.decimals)
            box.setAccessibleName(row.name)
            tip = f"{row.tip} {_NO_LIMIT}" if allowed.may_be_none else row.tip
            box.setToolTip(tip)
            box.setAccessibleDescription(tip)
            box.valueChanged.connect(lambda *_: self._show_state())
            name = label(row.title)
            name.setToolTip(tip)
            name.setBuddy(box)
            note = ElidedLabel(dim=True)
            number = form.rowCount()
            form.addWidget(name, number, 0)
            form.addWidget(box, number, 1)
            form.addWidget(note, number, 2)
            self.boxes[row.key], self.notes[row.key] = box, note

    # what is in the form

    def show_settings(self, settings: Settings, store: SettingsStore) -> None:
        """Fill the boxes; what somebody has fixed can be read and not changed."""
        self._store = store
        for key, box in self.boxes.items():
            box.set_limit(getattr(settings, key))
            self._shown[key] = box.limit()
            by = store.fixed_by(key)
            self.notes[key].setText(by)
            if by:
                box.setEnabled(False)
                box.setToolTip(by)
                box.setAccessibleDescription(by)
        self._show_state()

    def changes(self) -> dict[str, Value]:
        """Return what was changed to something else than the defaults."""
        return {key: new for key, new in self._changed().items() if new != self._given(key)}

    def forgotten(self) -> tuple[str, ...]:
        """Return the keys that are back at their defaults."""
        return tuple(key for key, new in self._changed().items() if new == self._given(key))

    def open_at(self, key: str) -> None:
        """Unfold, and give the keyboard to the box of a setting."""
        self.switch.setChecked(True)
        box = self.boxes.get(key)
        (box if box is not None and box.isEnabled() else self.switch).setFocus(Qt.FocusReason.OtherFocusReason)

    def _changed(self) -> dict[str, float | None]:
        now = {key: box.limit() for key, box in self.boxes.items() if box.isEnabled()}
        return {key: new for key, new in now.items() if new != self._shown[key]}

    def _given(self, key: str) -> float | None:
        """Return a setting where the artist has chosen nothing: the studio's, else the panel's own."""
        assert self._store is not None
        found: float | None = getattr(self._store.given, key)
        return found

    def _go_back(self) -> None:
        for key, box in self.boxes.items():
            if box.isEnabled():
                box.set_limit(self._given(key))
        self._show_state()

    # what it shows

    def _show_state(self) -> None:
        words = [row.none if self.boxes[row.key].limit() is None else self.boxes[row.key].text() for row in _WORK]
        self.summary.setText(" \u00b7 ".join(words))
        if self._store is not None:
            free = [(key, box) for key, box in self.boxes.items() if box.isEnabled()]
            self.defaults.setEnabled(any(box.limit() != self._given(key) for key, box in free))

    def _toggle(self, is_open: bool) -> None:
        self.switch.setIcon(icon("down" if is_open else "right", self._theme.dim))
        self.summary.setVisible(not is_open)
        self.body.setVisible(is_open)
        if is_open:
            self.opened.emit()

"""The folded part of the settings: how far the model goes by itself, and how much goes along with a prompt."""

from __future__ import annotations

import json

import pytest

from nuke_ai_panel.settings import RANGES
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets
from nuke_ai_panel_ui.settings_dialog import SettingsDialog

LIMIT = 20_000
KEYS = ["limit_rounds", "limit_tokens", "limit_cost", "limit_minutes", "script_tokens", "conversation_tokens"]


@pytest.fixture
def open_dialog(qtbot, open_settings):
    """Return a function that opens the settings, with the limits unfolded."""

    def build(*, unfolded: bool = True) -> SettingsDialog:
        made = open_settings()
        if unfolded:
            qtbot.mouseClick(made.limits.switch, Qt.MouseButton.LeftButton)
            assert made.limits.body.isVisible()
        return made

    return build


def _studio(store, tmp_path, **data):
    path = tmp_path / "studio.json"
    path.write_text(json.dumps(data))
    store._environ = {"NUKE_AI_PANEL_STUDIO_SETTINGS": str(path)}


def _type(qtbot, box, text):
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def _saved(qtbot, dialog, store):
    qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.isVisible(), timeout=LIMIT)
    return {key: value for key, value in json.loads(store.path.read_text()).items() if key in KEYS}


def test_limits_are_folded_at_first_and_told_in_one_line(open_dialog):
    dialog = open_dialog(unfolded=False)
    form = dialog.limits
    assert not form.body.isVisible()
    assert form.summary.isVisible()
    assert form.summary.text() == "12 rounds \u00b7 400,000 tokens \u00b7 US$ 2.00 \u00b7 15 min"
    form.switch.click()
    assert form.body.isVisible()
    assert not form.summary.isVisible()
    assert list(form.boxes) == KEYS
    assert {key: box.text() for key, box in form.boxes.items()} == {
        "limit_rounds": "12 rounds",
        "limit_tokens": "400,000 tokens",
        "limit_cost": "US$ 2.00",
        "limit_minutes": "15 min",
        "script_tokens": "2,000 tokens",
        "conversation_tokens": "32,000 tokens",
    }
    form.switch.click()
    assert not form.body.isVisible()


def test_only_the_limits_that_were_changed_are_saved(qtbot, open_dialog, store):
    dialog = open_dialog()
    boxes = dialog.limits.boxes
    _type(qtbot, boxes["limit_rounds"], "30")
    _type(qtbot, boxes["limit_cost"], "0.25")
    assert _saved(qtbot, dialog, store) == {"limit_rounds": 30, "limit_cost": 0.25}
    assert open_dialog().limits.boxes["limit_rounds"].text() == "30 rounds"


def test_no_limit_is_above_the_highest_and_typed_as_nothing(qtbot, open_dialog, store):
    dialog = open_dialog()
    boxes = dialog.limits.boxes
    _type(qtbot, boxes["limit_tokens"], "0")
    assert boxes["limit_tokens"].text() == "No limit"
    _type(qtbot, boxes["limit_minutes"], "1440")
    qtbot.keyClick(boxes["limit_minutes"], Qt.Key.Key_Up)
    assert boxes["limit_minutes"].limit() is None
    dialog.limits.switch.click()
    assert dialog.limits.summary.text() == "12 rounds \u00b7 any number of tokens \u00b7 US$ 2.00 \u00b7 any time"
    assert _saved(qtbot, dialog, store) == {"limit_tokens": None, "limit_minutes": None}
    assert open_dialog().limits.boxes["limit_tokens"].limit() is None


def test_arrows_go_through_the_range_and_turning_down_never_ends_at_no_limit(open_dialog):
    steps = QtWidgets.QAbstractSpinBox.StepEnabledFlag
    for key, box in open_dialog().limits.boxes.items():
        allowed = RANGES[key]
        box.set_limit(allowed.high)
        found = [allowed.high]
        for _ in range(60):
            box.stepDown()
            found.append(box.limit())
        assert found == sorted(found, reverse=True), key
        assert (found[-1], found[-2]) == (allowed.low, allowed.low), key
        assert not box.stepEnabled() & steps.StepDownEnabled, key
        for _ in range(60):
            box.stepUp()
        assert box.limit() == (None if allowed.may_be_none else allowed.high), key
        assert not box.stepEnabled() & steps.StepUpEnabled, key
        box.stepDown()
        assert box.limit() == (allowed.high if allowed.may_be_none else found[1]), key


def test_a_number_below_the_range_is_lifted(qtbot, open_dialog, store):
    dialog = open_dialog()
    box = dialog.limits.boxes["limit_tokens"]
    _type(qtbot, box, "5")
    assert box.text() == "1,000 tokens"
    assert _saved(qtbot, dialog, store) == {"limit_tokens": 1000}


def test_units_follow_the_number(qtbot, open_dialog):
    box = open_dialog().limits.boxes["limit_rounds"]
    _type(qtbot, box, "1")
    assert box.text() == "1 round"
    _type(qtbot, box, "12")
    assert box.text() == "12 rounds"


def test_back_to_defaults_forgets_what_was_chosen(qtbot, open_dialog, store):
    store.save({"limit_rounds": 30, "limit_tokens": None, "script_tokens": 800})
    dialog = open_dialog()
    form = dialog.limits
    assert form.defaults.isEnabled()
    form.defaults.click()
    assert not form.defaults.isEnabled()
    assert form.boxes["limit_rounds"].text() == "12 rounds"
    assert _saved(qtbot, dialog, store) == {}
    assert store.load().script_tokens == 2_000


def test_defaults_are_those_of_the_studio_where_it_gives_some(qtbot, open_dialog, store, tmp_path):
    _studio(store, tmp_path, limit_rounds=40, limit_cost=0.5, locked=["limit_cost"])
    store.save({"limit_rounds": 8})
    dialog = open_dialog()
    dialog.limits.defaults.click()
    assert dialog.limits.boxes["limit_rounds"].text() == "40 rounds"
    assert _saved(qtbot, dialog, store) == {}
    assert store.load().limit_rounds == 40


def test_what_the_studio_has_locked_is_shown_so_and_stays(qtbot, open_dialog, store, tmp_path):
    _studio(store, tmp_path, limit_cost=0.5, locked=["limit_cost", "limit_tokens"])
    dialog = open_dialog()
    form = dialog.limits
    for key in KEYS:
        is_locked = key in ("limit_cost", "limit_tokens")
        box = form.boxes[key]
        assert box.isEnabled() != is_locked
        assert (form.notes[key].text() == "Set by your studio") == is_locked
        assert (box.toolTip() == "Set by your studio") == is_locked
        assert box.accessibleDescription() == box.toolTip()
    assert form.boxes["limit_cost"].text() == "US$ 0.50"
    assert not form.defaults.isEnabled()
    _type(qtbot, form.boxes["limit_rounds"], "9")
    assert _saved(qtbot, dialog, store) == {"limit_rounds": 9}


def test_what_the_environment_sets_cannot_be_changed_here(open_dialog, store):
    store._environ = {"NUKE_AI_PANEL_LIMIT_MINUTES": "3"}
    form = open_dialog().limits
    assert form.boxes["limit_minutes"].text() == "3 min"
    assert not form.boxes["limit_minutes"].isEnabled()
    assert form.notes["limit_minutes"].text() == "Set by an environment variable"


def test_a_number_with_more_digits_than_are_shown_is_not_rounded_by_saving(qtbot, open_dialog, store):
    store.save({"limit_cost": 0.125})
    dialog = open_dialog()
    _type(qtbot, dialog.limits.boxes["limit_rounds"], "3")
    assert _saved(qtbot, dialog, store) == {"limit_cost": 0.125, "limit_rounds": 3}


def test_a_default_with_more_digits_than_are_shown_is_a_default_all_the_same(qtbot, open_dialog, store, tmp_path):
    _studio(store, tmp_path, limit_cost=0.125)
    dialog = open_dialog()
    assert not dialog.limits.defaults.isEnabled()
    _type(qtbot, dialog.limits.boxes["limit_cost"], "1")
    assert _saved(qtbot, dialog, store) == {"limit_cost": 1.0}
    dialog = open_dialog()
    dialog.limits.defaults.click()
    assert not dialog.limits.defaults.isEnabled()
    assert _saved(qtbot, dialog, store) == {}
    assert store.load().limit_cost == 0.125


def test_the_tab_key_goes_through_the_limits_as_they_are_seen(qtbot, open_dialog):
    dialog = open_dialog()
    form = dialog.limits
    form.boxes["limit_rounds"].stepUp()
    dialog.activateWindow()
    form.switch.setFocus()
    order = []
    for _ in range(9):
        qtbot.keyClick(QtWidgets.QApplication.focusWidget() or dialog, Qt.Key.Key_Tab)
        order.append(dialog.focusWidget())
    assert order == [*form.boxes.values(), form.defaults, dialog.cancel, dialog.save]


@pytest.mark.parametrize("unfolded", [False, True])
@pytest.mark.parametrize("font_size", [13, 18])
def test_nothing_of_the_settings_is_cut_at_420_pixels(qtbot, open_dialog, store, unfolded, font_size):
    # The longest words beside a box.
    store._environ = {"NUKE_AI_PANEL_LIMIT_COST": "1000"}
    store.save({"limit_tokens": 10_000_000, "font_size": font_size})
    dialog = open_dialog(unfolded=unfolded)
    dialog.resize(420, 700)
    inner, viewport = dialog._scroll.widget(), dialog._scroll.viewport()
    qtbot.waitUntil(lambda: viewport.width() <= 420, timeout=LIMIT)
    qtbot.waitUntil(lambda: inner.width() == viewport.width(), timeout=LIMIT)
    form = dialog.limits
    for box in form.boxes.values() if unfolded else ():
        field = box.lineEdit()
        assert field.fontMetrics().boundingRect(box.text()).width() <= field.width(), box.accessibleName()
    assert form.switch.width() >= form.switch.sizeHint().width()


def test_unfolding_brings_the_limits_into_view(qtbot, open_dialog):
    dialog = open_dialog(unfolded=False)
    dialog.resize(420, 400)
    dialog.limits.switch.click()
    viewport = dialog._scroll.viewport()

    def is_seen() -> bool:
        return viewport.rect().contains(dialog.limits.switch.mapTo(viewport, QtCore.QPoint(2, 2)))

    qtbot.waitUntil(lambda: is_seen() and dialog._scroll.verticalScrollBar().value() > 0, timeout=LIMIT)


def test_the_wheel_changes_only_the_number_that_has_the_keyboard(qtbot, open_dialog):
    dialog = open_dialog()

    def turn(box) -> None:
        middle = QtCore.QPointF(box.rect().center())
        event = QtGui.QWheelEvent(
            middle,
            QtCore.QPointF(box.mapToGlobal(middle.toPoint())),
            QtCore.QPoint(0, 0),
            QtCore.QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QtWidgets.QApplication.sendEvent(box, event)

    dialog.activateWindow()
    for box, value in ((dialog.limits.boxes["limit_rounds"], 12), (dialog.font_size, 13)):
        dialog.save.setFocus()
        turn(box)
        assert box.value() == value
        box.setFocus()
        qtbot.waitUntil(box.hasFocus, timeout=LIMIT)
        turn(box)
        assert box.value() > value


def test_a_limit_is_shown_on_request(qtbot, controller, open_dialog):
    dialog = open_dialog(unfolded=False)
    dialog.activateWindow()
    dialog.show_setting("limit_minutes")
    assert dialog.limits.body.isVisible()
    assert dialog.focusWidget() is dialog.limits.boxes["limit_minutes"]


def test_every_box_says_what_it_is_and_what_it_is_for(open_dialog):
    boxes = open_dialog().limits.boxes
    names = [box.accessibleName() for box in boxes.values()]
    assert all(names)
    assert len(set(names)) == len(names)
    for key, box in boxes.items():
        assert box.toolTip()
        assert ("no limit" in box.toolTip()) == RANGES[key].may_be_none


def test_what_was_typed_stays_when_the_file_turns_out_to_be_another(qtbot, controller, store):
    controller.refresh_models()
    qtbot.waitUntil(lambda: not controller.is_looking, timeout=LIMIT)
    store.save({"limit_minutes": 40})
    dialog = SettingsDialog(controller)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.limits.boxes["limit_rounds"].setValue(5)
    dialog.show()
    qtbot.waitUntil(lambda: controller.settings.limit_minutes == 40 and dialog._reading.done(), timeout=LIMIT)
    assert dialog.limits.boxes["limit_rounds"].limit() == 5
    assert _saved(qtbot, dialog, store) == {"limit_rounds": 5, "limit_minutes": 40}


def test_settings_that_cannot_be_read_are_told_in_the_dialog(qtbot, open_dialog, store):
    store.path.write_text('{"limit_rounds": 0}')
    dialog = open_dialog()
    qtbot.waitUntil(lambda: "must be between 1 and 200 rounds, not 0" in dialog.message.text(), timeout=LIMIT)

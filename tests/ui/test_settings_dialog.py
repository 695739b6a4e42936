from __future__ import annotations

import json
import socket

import pytest

from nuke_ai_panel.credentials import SERVICE
from nuke_ai_panel_ui.qt import Qt, QtCore, QtWidgets
from nuke_ai_panel_ui.settings_dialog import SettingsDialog

LIMIT = 20_000
SECRET = "sk-or-v1-0123456789abcdef0123456789abcdef"


@pytest.fixture
def dialog(open_settings):
    return open_settings()


def _click(qtbot, widget):
    assert widget.isVisible()
    assert widget.isEnabled()
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def _type(qtbot, field, text):
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)


def _saved(qtbot, dialog):
    _click(qtbot, dialog.save)
    qtbot.waitUntil(lambda: not dialog.isVisible(), timeout=LIMIT)


def test_settings_dialog_saves_what_was_changed_and_only_that(qtbot, dialog, store):
    dialog.font_size.setValue(17)
    dialog.local_only.setChecked(True)
    _type(qtbot, dialog.servers["ollama"].ca_file, "/studio/ca.pem")
    _saved(qtbot, dialog)
    on_disk = json.loads(store.path.read_text())
    assert on_disk["font_size"] == 17
    assert on_disk["local_only"] is True
    assert on_disk["servers.ollama.ca_file"] == "/studio/ca.pem"
    assert "servers.openrouter.ca_file" not in on_disk


def test_key_goes_to_the_keyring_and_never_into_the_file(qtbot, dialog, store, memory_keyring):
    form = dialog.servers["openrouter"]
    form.enabled.setChecked(True)
    _type(qtbot, form.key, SECRET)
    assert form.key.echoMode() == QtWidgets.QLineEdit.EchoMode.Password
    _click(qtbot, form.reveal)
    assert form.key.echoMode() == QtWidgets.QLineEdit.EchoMode.Normal
    dialog.servers["openrouter"].enabled.setChecked(False)
    dialog.font_size.setValue(15)
    _saved(qtbot, dialog)
    assert memory_keyring.get_password(SERVICE, "openrouter") == SECRET
    assert SECRET not in store.path.read_text()
    assert json.loads(store.path.read_text())["font_size"] == 15


def test_stored_key_is_told_but_not_shown_and_can_be_removed(qtbot, controller, memory_keyring):
    memory_keyring.set_password(SERVICE, "ollama", SECRET)
    dialog = SettingsDialog(controller)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.show()
    form = dialog.servers["ollama"]
    qtbot.waitUntil(lambda: "keyring (" in form.key_note.text(), timeout=LIMIT)
    assert form.key.text() == ""
    _click(qtbot, form.remove)
    assert memory_keyring.get_password(SERVICE, "ollama") == SECRET
    _saved(qtbot, dialog)
    assert memory_keyring.get_password(SERVICE, "ollama") is None


def test_address_that_is_a_key_is_refused_with_words(qtbot, dialog, store):
    before = store.path.read_text()
    form = dialog.servers["ollama"]
    _type(qtbot, form.address, SECRET)
    _click(qtbot, dialog.save)
    assert "looks like an API key" in dialog.message.text()
    assert dialog.isVisible()
    assert store.path.read_text() == before


def test_address_shows_what_is_made_of_it(qtbot, dialog):
    form = dialog.servers["ollama"]
    _type(qtbot, form.address, "gpu-01")
    assert form.address_note.text() == "Used as http://gpu-01:11434"


def test_setting_of_the_studio_cannot_be_changed(qtbot, controller, tmp_path, store):
    studio = tmp_path / "studio.json"
    studio.write_text(json.dumps({"local_only": True, "locked": ["local_only", "servers.ollama.base_url"]}))
    store._environ = {"NUKE_AI_PANEL_STUDIO_SETTINGS": str(studio)}
    controller.refresh_models()
    qtbot.waitUntil(lambda: not controller.is_looking, timeout=LIMIT)
    dialog = SettingsDialog(controller)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.local_only.isEnabled()
    assert dialog.local_only.isChecked()
    assert not dialog.servers["ollama"].address.isEnabled()
    assert dialog.servers["ollama"].address.toolTip() == "Set by your studio"
    dialog.font_size.setValue(16)
    _saved(qtbot, dialog)
    assert store.load().font_size == 16
    assert store.load().local_only is True


def test_fixing_and_folders_are_saved(qtbot, dialog, store, tmp_path):
    assert dialog.auto_fix.isChecked()
    dialog.auto_fix.click()
    _type(qtbot, dialog.paths["prompts_folder"], str(tmp_path))
    _saved(qtbot, dialog)
    on_disk = json.loads(store.path.read_text())
    assert on_disk["auto_fix"] is False
    assert on_disk["prompts_folder"] == str(tmp_path)
    assert "tools_folder" not in on_disk


def test_a_folder_is_chosen_in_a_dialog_that_blocks_nothing(qtbot, dialog, tmp_path):
    button = next(
        each for each in dialog.findChildren(QtWidgets.QToolButton) if each.accessibleName() == "Choose: prompts folder"
    )
    _click(qtbot, button)
    browser = dialog.findChild(QtWidgets.QFileDialog)
    assert browser.isVisible()
    browser.fileSelected.emit(str(tmp_path))
    browser.close()
    assert dialog.paths["prompts_folder"].text() == str(tmp_path)


def test_the_studios_rules_can_be_read_and_not_changed(qtbot, controller, tmp_path, store):
    studio = tmp_path / "studio.json"
    studio.write_text(
        json.dumps({"policy_file": "/studio/rules.json", "auto_fix": False, "locked": ["policy_file", "auto_fix"]})
    )
    store._environ = {"NUKE_AI_PANEL_STUDIO_SETTINGS": str(studio)}
    controller.refresh_models()
    qtbot.waitUntil(lambda: not controller.is_looking, timeout=LIMIT)
    made = SettingsDialog(controller)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(made)
    made.show()
    rules = made.paths["policy_file"]
    assert (rules.text(), rules.isReadOnly(), rules.toolTip()) == ("/studio/rules.json", True, "Set by your studio")
    assert not made.auto_fix.isEnabled()
    assert not made.auto_fix.isChecked()
    made.font_size.setValue(15)
    _saved(qtbot, made)
    assert set(json.loads(store.path.read_text())) == {"font_size", "servers.ollama.base_url", "servers.openrouter.enabled"}


def test_default_model_is_chosen_from_the_live_list(qtbot, dialog, store):
    _click(qtbot, dialog.model)
    picker = dialog.findChildren(QtWidgets.QFrame, "popup")[0]
    qtbot.keyClicks(picker.search, "7b")
    qtbot.keyClick(picker.search, Qt.Key.Key_Return)
    _saved(qtbot, dialog)
    assert (store.load().provider, store.load().model) == ("ollama", "scripted:7b")


def test_every_control_has_a_name_for_a_screen_reader(dialog):
    kinds = (QtWidgets.QPushButton, QtWidgets.QToolButton, QtWidgets.QLineEdit, QtWidgets.QSpinBox, QtWidgets.QCheckBox)
    nameless = [
        each
        for kind in kinds
        for each in dialog.findChildren(kind)
        if not each.accessibleName() and not each.objectName().startswith("qt_")
    ]
    assert nameless == []


# the connection test


def test_connection_test_passes_against_a_server_that_works(qtbot, dialog):
    view = dialog.servers["ollama"].test
    with qtbot.waitSignal(view.finished, timeout=LIMIT):
        _click(qtbot, view.test)
    assert view.verdict.text() in ("Ready to use", "Works, with a remark")
    by_name = {step.name: step for step in view.steps}
    assert by_name["connection"].state == "passed"
    assert by_name["first_token"].state == "passed"
    assert by_name["first_token"].milliseconds is not None
    assert view.rows["first_token"].text.text()


def test_connection_test_uses_the_form_not_the_saved_settings(qtbot, dialog, store):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    form = dialog.servers["ollama"]
    _type(qtbot, form.address, f"127.0.0.1:{port}")
    with qtbot.waitSignal(form.test.finished, timeout=LIMIT):
        _click(qtbot, form.test.test)
    assert form.test.verdict.text() == "Not working yet"
    row = form.test.rows["connection"]
    assert f"Nothing is listening on port {port}" in row.text.text()
    assert "Start Ollama" in row.text.text() + row.next_step.text()
    assert form.test.rows["first_token"].text.text() == "Not reached"
    assert form.test.test.text() == "Test again"
    assert str(port) not in store.path.read_text()


def test_cancel_ends_a_test_while_the_server_hangs_and_the_window_ticks(qtbot, dialog, server):
    server.hang_on_tags.set()
    view = dialog.servers["ollama"].test
    ticks = []
    timer = QtCore.QTimer()
    timer.setInterval(5)
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start()
    _click(qtbot, view.test)
    qtbot.waitUntil(server.hanging.is_set, timeout=LIMIT)
    assert view.rows["models"].step.state == "running"
    seen = len(ticks)
    qtbot.waitUntil(lambda: len(ticks) > seen + 20, timeout=LIMIT)
    assert view.is_running
    with qtbot.waitSignal(view.finished, timeout=LIMIT):
        _click(qtbot, view.cancel)
    timer.stop()
    assert view.verdict.text() == "Cancelled"
    assert view.rows["models"].step.state == "cancelled"
    assert server.left.wait(10)
    server.hang_on_tags.clear()
    with qtbot.waitSignal(view.finished, timeout=LIMIT):
        _click(qtbot, view.test)
    assert view.verdict.text() != "Cancelled"


def test_closing_the_dialog_ends_its_test(qtbot, dialog, server):
    server.hang_on_tags.set()
    view = dialog.servers["ollama"].test
    _click(qtbot, view.test)
    qtbot.waitUntil(server.hanging.is_set, timeout=LIMIT)
    dialog.close()
    qtbot.waitUntil(lambda: not view.is_running, timeout=LIMIT)
    assert server.left.wait(10)


def test_report_on_the_clipboard_holds_the_steps_and_no_key(qtbot, dialog, server):
    form = dialog.servers["ollama"]
    _type(qtbot, form.key, SECRET)
    with qtbot.waitSignal(form.test.finished, timeout=LIMIT):
        _click(qtbot, form.test.test)
    assert any(SECRET in key for key in server.keys)
    _click(qtbot, form.test.copy)
    copied = QtWidgets.QApplication.clipboard().text()
    assert "First token" in copied
    assert SECRET not in copied


def test_local_only_keeps_a_test_on_this_machine(qtbot, dialog):
    form = dialog.servers["openrouter"]
    form.enabled.setChecked(True)
    dialog.local_only.setChecked(True)
    with qtbot.waitSignal(form.test.finished, timeout=LIMIT):
        _click(qtbot, form.test.test)
    assert "Local only" in form.test.rows["address"].text.text()
    assert form.test.verdict.text() == "Not working yet"

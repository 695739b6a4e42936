from __future__ import annotations

from tests.faults.fault_modes import MODES
from tests.faults.fault_page import PAGE, README, page, readme_with
from tests.faults.fault_table import CHAT, GROUPS, LIST, Failure


def test_page_and_readme_show_the_table_as_it_is():
    assert PAGE.read_text(encoding="utf-8") == page(), "print it anew: python -m tests.faults.fault_page"
    text = README.read_text(encoding="utf-8")
    assert text == readme_with(text), "print it anew: python -m tests.faults.fault_page"
    assert "(docs/faults.md)" in text


def test_every_row_has_its_mode_and_group():
    cells = (*CHAT, *LIST)
    assert {cell.name for cell in cells} <= set(MODES)
    assert {cell.group for cell in cells} <= set(GROUPS)
    played = {cell.name for cell in cells} | {"healthy", "tls_alert"}
    assert set(MODES) - played == set(), "a mode that nothing plays"


def test_every_failure_is_one_of_ours():
    from nuke_ai_panel import errors

    for cell in (*CHAT, *LIST):
        for wire in ("ollama", "openai"):
            outcome = cell.on(wire)
            if isinstance(outcome, Failure):
                assert issubclass(getattr(errors, outcome.error), errors.APIError)

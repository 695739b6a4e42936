"""The recorded answers to the open tasks: right ones go through to the checked script, slips are seen before anything runs.

The other answers are run to their end by ``python -m nuke_ai_panel tasks``, whose report is docs/tasks.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nuke_ai_panel.cli.tasks_files import load_answers, load_setup
from nuke_ai_panel.cli.tasks_running import check_only, run_task

FOLDER = Path(__file__).with_name("answers")
ANSWERS = load_answers(FOLDER)
RIGHT = [answer for answer in ANSWERS if answer.kind == "right"]
OTHERS = [answer for answer in ANSWERS if answer.kind != "right"]


@pytest.mark.parametrize("answer", RIGHT, ids=lambda answer: answer.name)
def test_a_right_answer_does_what_was_asked_and_is_not_flagged(answer, tasks, server):
    task = tasks[answer.task]
    run = run_task(task, answer, load_setup(FOLDER, task.id), server)
    assert run.reasons == []
    assert run.checks
    assert all(check.ok for check in run.checks)


@pytest.mark.parametrize("answer", OTHERS, ids=lambda answer: answer.name)
def test_what_is_wrong_with_an_answer_is_seen_before_anything_runs(answer, tasks):
    run = check_only(tasks[answer.task], answer, load_setup(FOLDER, answer.task))
    before = [catch for catch in run.missed if catch.stage in ("no proposal", "preflight", "effect")]
    assert before == [], [str(found) for review in run.reviews for found in review.findings]


@pytest.mark.parametrize("answer", RIGHT, ids=lambda answer: answer.name)
def test_no_name_in_a_right_answer_is_doubted(answer, tasks):
    run = check_only(tasks[answer.task], answer, load_setup(FOLDER, answer.task))
    assert run.false_alarms == []
    assert run.doubts == []


def test_every_task_has_a_right_a_nearly_right_and_a_wrong_answer(tasks):
    for kind in ("right", "nearly", "wrong"):
        assert {answer.task for answer in ANSWERS if answer.kind == kind} >= set(tasks)


def test_the_page_of_the_tasks_lists_every_answer(root):
    page = (root / "docs" / "tasks.md").read_text(encoding="utf-8")
    missing = [answer.name for answer in ANSWERS if f"| {answer.name} |" not in page]
    assert missing == [], "run the command that docs/tasks.md names"

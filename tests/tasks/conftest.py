"""The recorded answers, and the tasks they answer where the shared material is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuke_ai_panel.cli.tasks_files import load_tasks
from nuke_ai_panel.cli.tasks_running import AnswerServer

ANSWERS = Path(__file__).with_name("answers")


@pytest.fixture(scope="session")
def answers() -> Path:
    """The folder of recorded answers."""
    return ANSWERS


@pytest.fixture(scope="session")
def tasks(shared: Path) -> dict:
    """The open tasks by their ids; the test is skipped where they are absent."""
    folder = shared / "tasks"
    if not folder.is_dir():
        pytest.skip("the folder 'shared' holds no 'tasks'")
    return {task.id: task for task in load_tasks(folder)}


@pytest.fixture
def server():
    """A server of recorded answers."""
    with AnswerServer() as running:
        yield running

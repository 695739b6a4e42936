"""``tasks``: runs requests with recorded answers end to end, and reports what every stage made of them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.screen import Screen
from nuke_ai_panel.cli.tasks_files import load_answers, load_setup, load_tasks
from nuke_ai_panel.cli.tasks_report import as_json, page, summary, table
from nuke_ai_panel.cli.tasks_running import AnswerServer, TaskRun, run_task
from nuke_ai_panel.errors import ValidationError

__all__ = ["tasks"]


def tasks(arguments: Namespace) -> int:
    """Run every answer to every task that is asked for; 0 only when all went as expected."""
    screen = Screen(as_json=arguments.json)
    place = Path(arguments.tasks)
    only = [name for name in arguments.only.split(",") if name]
    wanted = load_tasks(place, only)
    folder = Path(arguments.answers) if arguments.answers else (place if place.is_dir() else place.parent) / "answers"
    answers = load_answers(folder)
    kinds = [kind for kind in arguments.kind.split(",") if kind]
    out = Path(arguments.out) if arguments.out else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    runs: list[TaskRun] = []
    server = AnswerServer()
    with server:
        for task in wanted:
            setup = load_setup(folder, task.id)
            for answer in answers:
                if answer.task != task.id or (kinds and answer.kind not in kinds):
                    continue
                if len(answer.turns) != len(task.turns):
                    raise ValidationError(f"{answer.name} answers {len(answer.turns)} turns, the task has {len(task.turns)}.")
                run = run_task(task, answer, setup, server)
                runs.append(run)
                screen.note(f"{answer.name}: {'as expected' if run.as_expected else '; '.join(run.reasons)}")
                if out is not None:
                    (out / f"{answer.name}.nk").write_bytes(run.script)
    if not runs:
        raise ValidationError(f"There is no answer to these tasks in {str(folder)!r}.")
    if out is not None:
        (out / "tasks.md").write_text(page(runs, _command(arguments)), encoding="utf-8")
    screen.write(table(runs) + "\n" + summary(runs))
    screen.result(as_json(runs))
    unanswered = sorted({task.id for task in wanted} - {run.task.id for run in runs})
    if unanswered:
        screen.note(f"Without an answer: {', '.join(unanswered)}")
    return ExitCode.OK if all(run.as_expected for run in runs) and not unanswered else ExitCode.FAILED


def _command(arguments: Namespace) -> str:
    options = [
        f"--{name} {getattr(arguments, name)}" for name in ("answers", "only", "kind", "out") if getattr(arguments, name)
    ]
    return " ".join(["python -m nuke_ai_panel tasks", arguments.tasks, *options])

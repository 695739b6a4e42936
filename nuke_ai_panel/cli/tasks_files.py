"""Tasks and recorded answers as files: what is asked on which script, what came back, and what must be noticed of it.

A task is a line of a JSONL file::

    {"id": "O01", "request": "...", "fixture": "fixtures/comp.nk", "selection": ["Grade1"], "checks": [{"t": "undo"}]}

An answer is a Markdown file ``<id>.<kind>.md``, where the kind is ``right``, ``nearly`` or ``wrong``; ``O01.right-2.md`` is one
more. It may begin with front matter: a line ``---``, lines ``name: value``, a line ``---``. A line ``<!-- turn -->`` parts the
answers to a task of several turns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nuke_ai_panel.cli.tasks_checks import Check
from nuke_ai_panel.errors import ValidationError

__all__ = ["KINDS", "Answer", "Catch", "Setup", "Task", "load_answers", "load_setup", "load_tasks"]

#: The kinds of answers: one that does what was asked, one with a slip in it, one that must not run at all.
KINDS = ("right", "nearly", "wrong")
#: Where something can be noticed, in the order in which an answer gets there.
STAGES = ("no proposal", "preflight", "effect", "dry run", "reply", "checks")

_FILE_NAME = re.compile(r"(?P<task>[^.]+)\.(?P<kind>right|nearly|wrong)(?:-[\w-]+)?\.md\Z")
_TURN = re.compile(r"^<!-- turn -->[ \t]*\n", re.MULTILINE)


@dataclass(frozen=True)
class Task:
    """A request on a script, and what must be so afterwards. ``turns`` are its prompts, mostly one."""

    id: str
    turns: tuple[str, ...]
    fixture: Path
    selection: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    needs_confirmation: bool = False
    category: str = ""


@dataclass(frozen=True)
class Catch:
    """What must be noticed of an answer, and where: ``preflight unknown-knob blursize``, ``effect deletes files``, …

    ``stage`` is one of :data:`STAGES`; ``what`` are the words of the front matter behind it.
    """

    stage: str
    what: str = ""

    @property
    def rule(self) -> str:
        """The rule of a finding."""
        return self.what.split(" ", 1)[0]

    @property
    def name(self) -> str:
        """The word a finding is about, "" for any."""
        return self.what.partition(" ")[2].strip()

    def __str__(self) -> str:
        return f"{self.stage} {self.what}".strip()


@dataclass(frozen=True)
class Answer:
    """A recorded answer. ``slip`` says what is wrong with it; ``nuke`` is the version its script is given, or ""."""

    task: str
    kind: str
    turns: tuple[str, ...]
    name: str
    slip: str = ""
    catches: tuple[Catch, ...] = ()
    nuke: str = ""


@dataclass(frozen=True)
class Setup:
    """Files that a task needs, and what is replaced in its script; ``{folder}`` stands for an empty folder of the run."""

    replace: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Mapping[str, object], ...] = ()

    def make(self, script: bytes, folder: Path) -> bytes:
        """Make the files, all of them empty, and return the script with the words replaced."""
        for entry in self.files:
            name = str(entry.get("name", "")).replace("{folder}", str(folder))
            missing = entry.get("missing")
            frames = range(_whole(entry, "first"), _whole(entry, "last") + 1)
            for frame in frames:
                if not (isinstance(missing, list) and frame in missing):
                    path = Path(name % frame if "%" in name else name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
        for old, new in self.replace.items():
            script = script.replace(old.encode(), new.replace("{folder}", folder.as_posix()).encode())
        return script


def _whole(entry: Mapping[str, object], name: str) -> int:
    value = entry.get(name, 1)
    if not isinstance(value, int):
        raise ValidationError(f"{name!r} of a file in a setup is a whole number.")
    return value


def load_tasks(place: Path, only: Iterable[str] = ()) -> list[Task]:
    """Return the tasks of a JSONL file, or of all those in a folder. Raises: ValidationError, OSError."""
    files = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
    if not files or not place.exists():
        raise ValidationError(f"There are no tasks at {str(place)!r}.")
    wanted = set(only)
    tasks: list[Task] = []
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                task = _task(line, file, number)
                if not wanted or task.id in wanted:
                    tasks.append(task)
    missing = wanted - {task.id for task in tasks}
    if missing:
        raise ValidationError(f"There is no task {', '.join(sorted(missing))} in {str(place)!r}.")
    return tasks


def _task(line: str, file: Path, number: int) -> Task:
    where = f"line {number} of {file.name}"
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValidationError(f"Task on {where} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ValidationError(f"Task on {where} is not a JSON object.")
    try:
        turns = tuple(str(each) for each in value.get("turns") or [value["request"]])
        return Task(
            id=str(value["id"]),
            turns=turns,
            fixture=file.parent / str(value["fixture"]),
            selection=tuple(str(each) for each in value.get("selection") or ()),
            checks=tuple(each for each in value.get("checks") or () if isinstance(each, dict)),
            needs_confirmation=bool(value.get("needs_confirmation")),
            category=str(value.get("category") or ""),
        )
    except KeyError as error:
        raise ValidationError(f"Task on {where} has no {error}.") from error


def load_answers(folder: Path) -> list[Answer]:
    """Return the answers of a folder by task, the right ones first. Raises: ValidationError, OSError."""
    if not folder.is_dir():
        raise ValidationError(f"There is no folder of answers {str(folder)!r}.")
    found = [(path, _FILE_NAME.match(path.name)) for path in sorted(folder.glob("*.md"))]
    answers = [_answer(path, match["task"], match["kind"]) for path, match in found if match is not None]
    return sorted(answers, key=lambda answer: (answer.task, KINDS.index(answer.kind), answer.name))


def _answer(path: Path, task: str, kind: str) -> Answer:
    text = path.read_text(encoding="utf-8")
    slip = nuke = ""
    catches: list[Catch] = []
    if text.startswith("---\n"):
        front, _, text = text[4:].partition("\n---\n")
        for line in front.splitlines():
            name, _, value = (part.strip() for part in line.partition(":"))
            if name == "slip":
                slip = value
            elif name == "nuke":
                nuke = value
            elif name == "catch":
                catches.append(_catch(value, path))
            elif name:
                raise ValidationError(f"{path.name}: there is no {name!r}; known: slip, nuke, catch.")
    if kind != "right" and not catches:
        raise ValidationError(f"{path.name}: say with 'catch:' what must be noticed.")
    return Answer(task, kind, tuple(_TURN.split(text)), path.name[: -len(".md")], slip, tuple(catches), nuke)


def _catch(value: str, path: Path) -> Catch:
    for stage in STAGES:
        if value == stage or value.startswith(stage + " "):
            return Catch(stage, value[len(stage) :].strip())
    raise ValidationError(f"{path.name}: {value!r} begins with none of {', '.join(STAGES)}.")


def load_setup(folder: Path, task: str) -> Setup:
    """Return what ``<id>.setup.json`` of a folder of answers says, nothing where there is none."""
    path = folder / f"{task}.setup.json"
    if not path.is_file():
        return Setup()
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return Setup(
            {str(old): str(new) for old, new in dict(value.get("replace") or {}).items()},
            tuple(each for each in value.get("files") or () if isinstance(each, dict)),
        )
    except (ValueError, AttributeError) as error:
        raise ValidationError(f"{path.name} cannot be read: {error}.") from error

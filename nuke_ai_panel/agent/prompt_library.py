"""Prompts that are kept as files: those shipped in ``resources/prompts``, the artist's own, the studio's.

A file is UTF-8 text with a head of ``name: value`` lines, an empty line, and the prompt::

    title: Match the grade of another node
    mode: generate
    needs: selection
    menu: Colour

    Match {{selection}} to the node {{other|Which node is the reference?}}. {{extra|Anything else?|}}

``mode`` is one of :data:`~nuke_ai_panel.agent.prompts.Mode`, ``ask`` where it is missing. ``needs: selection`` refuses the
prompt while nothing is selected. ``{{selection}}`` and ``{{script}}`` are filled in by the panel; every other ``{{name}}``
is asked for, with the question after the first bar and what is used when it stays empty after the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from nuke_ai_panel.agent.prompts import Mode
from nuke_ai_panel.agent.tools.marking import neutral
from nuke_ai_panel.errors import SettingsError, ValidationError
from nuke_ai_panel.nk.catalogue_store import resource

__all__ = ["BUILT_IN", "PromptTemplate", "Source", "Variable", "load_prompts", "read_prompt", "shipped_folder"]

Source = Literal["shipped", "artist", "studio"]
#: Variables that are filled in without a question.
BUILT_IN = frozenset({"selection", "script"})
#: A prompt file is a page at most; what is larger is something else.
_LONGEST = 64_000
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*(?:\|([^|{}]*))?(?:\|([^{}]*))?\}\}")
_HEAD = re.compile(r"([a-z]+)\s*:\s*(.*)")
_KNOWN = frozenset({"title", "mode", "needs", "menu"})


@dataclass(frozen=True)
class Variable:
    """What is asked for before a prompt is sent. ``default`` None means that it must not stay empty."""

    name: str
    question: str
    default: str | None = None


@dataclass(frozen=True)
class PromptTemplate:
    """A prompt with its blanks. ``name`` is the file's, without its ending; ``menu`` a submenu, "" for none."""

    name: str
    title: str
    text: str
    mode: Mode = "ask"
    needs_selection: bool = False
    menu: str = ""
    source: Source = "shipped"

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What has to be asked for, each once, in the order of the text."""
        found: dict[str, Variable] = {}
        for match in _VARIABLE.finditer(self.text):
            name, question, default = match.groups()
            known = found.get(name)
            if name not in BUILT_IN and (known is None or (question and not known.question)):
                found[name] = Variable(name, (question or "").strip(), None if default is None else default.strip())
        return tuple(
            Variable(each.name, each.question or each.name.replace("_", " ").capitalize(), each.default)
            for each in found.values()
        )

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the prompt with its blanks filled in.

        Raises:
            ValidationError: a value is missing, or empty where there is nothing to take its place.
        """
        taken = dict(values)
        for variable in self.variables:
            if not taken.get(variable.name, "").strip():
                if variable.default is None:
                    raise ValidationError(f"{self.title}: {variable.question} Fill it in first.", field=variable.name)
                taken[variable.name] = variable.default
        for name in BUILT_IN & set(taken):
            # Names and a path out of the script are data.
            taken[name] = neutral(taken[name])
        # One pass: what is filled in is text, also where it holds braces.
        filled = _VARIABLE.sub(lambda match: taken.get(match.group(1), "").strip(), self.text)
        return "\n".join(line.rstrip(" \t") for line in filled.split("\n")).strip()


def shipped_folder() -> Path:
    """Return the folder of the prompts that come with the panel. Raises: NukeAIPanelError when it is missing."""
    return resource("prompts")


def load_prompts(folders: Iterable[tuple[Source, Path]]) -> tuple[list[PromptTemplate], list[str]]:
    """Return the prompts of `folders`, sorted by title, and one sentence for each file that cannot be used.

    A file in a later folder replaces one of the same name in an earlier one. Reads files: call it in a worker. A folder that
    is not there holds no prompts.
    """
    found: dict[str, PromptTemplate] = {}
    problems: list[str] = []
    for source, folder in folders:
        try:
            paths: Sequence[Path] = sorted(folder.glob("*.md"))
        except OSError as error:
            problems.append(f"The folder {str(folder)!r} cannot be read: {error.strerror or error}.")
            continue
        for path in paths:
            try:
                found[path.stem] = read_prompt(path, source)
            except SettingsError as error:
                problems.append(str(error))
    return sorted(found.values(), key=lambda each: each.title.casefold()), problems


def read_prompt(path: Path, source: Source = "artist") -> PromptTemplate:
    """Read one file.

    Raises:
        SettingsError: it cannot be read, or is not written as this module's page says; the message names file and line.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LONGEST + 1)
    except OSError as error:
        raise SettingsError(f"The prompt {str(path)!r} cannot be read: {error.strerror or error}.") from error
    if len(raw) > _LONGEST:
        raise SettingsError(f"The prompt {str(path)!r} is larger than {_LONGEST // 1000} kB.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"The prompt {str(path)!r} is not UTF-8 text. Save it as UTF-8.") from None
    head, body = _split(text, path)
    mode = head.get("mode", "ask")
    if mode not in get_args(Mode):
        raise SettingsError(f"The mode {mode!r} in {str(path)!r} is none of {', '.join(get_args(Mode))}.")
    if head.get("needs", "selection") != "selection":
        raise SettingsError(f"'needs' in {str(path)!r} can only be 'selection'.")
    if not body.strip():
        raise SettingsError(f"The prompt {str(path)!r} has no text below its head.")
    title = head.get("title") or path.stem.replace("_", " ").capitalize()
    return PromptTemplate(path.stem, title, body.strip(), cast(Mode, mode), "needs" in head, head.get("menu", ""), source)


def _split(text: str, path: Path) -> tuple[dict[str, str], str]:
    """Return the head and the text below it; a file that does not begin with a head is all text."""
    lines = text.replace("\r\n", "\n").split("\n")
    first = _HEAD.fullmatch(lines[0].strip())
    if first is None or first.group(1) not in _KNOWN:
        return {}, text
    head: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            return head, "\n".join(lines[number:])
        match = _HEAD.fullmatch(line.strip())
        if match is None or match.group(1) not in _KNOWN:
            known = ", ".join(sorted(_KNOWN))
            raise SettingsError(f"Line {number} of the prompt {str(path)!r} is none of {known}. An empty line ends the head.")
        head[match.group(1)] = match.group(2).strip()
    return head, ""

"""``generate``: a prompt, the proposals in its answer, what they would change, and the changed copy of the script."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from nuke_ai_panel.agent.session import ChatSession
from nuke_ai_panel.cli.asking import ask, host_for, outcome, report, session_for
from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.screen import Screen
from nuke_ai_panel.errors import ProposalError
from nuke_ai_panel.scripting.applying import Applied
from nuke_ai_panel.scripting.kinds import kind_info
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.tool_files import save_proposal

__all__ = ["generate"]


def generate(arguments: Namespace) -> int:
    """Ask for a change, show what it would do, and apply it to a copy of the script when agreed."""
    screen = Screen(as_json=arguments.json)
    session = session_for(arguments, host_for(arguments.script))
    asyncio.run(ask(session, screen, arguments.prompt, "generate"))
    work = _Work(session, screen, arguments)
    code = outcome(session, screen)
    if code == ExitCode.OK:
        code = work.run()
    told = report(session, screen)
    for proposal in told["proposals"]:
        proposal.update(work.told(proposal["number"]))
    screen.result({**told, "out": work.out})
    return code


class _Work:
    """Deciding on the proposals of one answer. ``out`` is the script that was saved, None for none."""

    def __init__(self, session: ChatSession, screen: Screen, arguments: Namespace) -> None:
        self.out: str | None = None
        self._session = session
        self._screen = screen
        self._arguments = arguments
        self._applied: dict[int, Applied] = {}
        self._files: dict[int, Path] = {}

    def run(self) -> ExitCode:
        """Ask for each proposal, apply what is agreed to, and save."""
        screen = self._screen
        if not screen.reviews:
            screen.note(
                "The answer holds no script for Nuke, so nothing was written. Say what should change, or try another model."
            )
            return ExitCode.NO_PROPOSAL
        offered = {number: review for number, review in screen.reviews.items() if number not in screen.rejected}
        if not offered and any(event.by == "studio" for event in screen.rejected.values()):
            screen.note("The studio's rules forbid what was proposed, so nothing was written.")
            return ExitCode.FORBIDDEN
        able = {number: review for number, review in offered.items() if self._is_able(review)}
        if not able:
            screen.note("The proposed script cannot run, so nothing was written.")
            return ExitCode.FAILED
        for number, review in able.items():
            if not self._is_agreed(number, review):
                continue
            failure = self._do(number, review)
            if failure:
                screen.note(f"Proposal {number} failed and was rolled back; nothing was written.\n{failure}")
                self._applied.clear()
                return ExitCode.FAILED
        if self._applied:
            self.out = self._session.host.save(os.path.abspath(self._arguments.out))
            screen.note(f"Saved {self.out}")
        if not self._applied and not self._files:
            screen.note("Nothing was applied and nothing was written.")
            return ExitCode.NOT_AGREED
        return ExitCode.OK

    def told(self, number: int) -> dict[str, Any]:
        """Return as JSON values what became of a proposal."""
        applied = self._applied.get(number)
        return {
            "applied": number in self._applied,
            "changed": applied.diff.lines() if applied is not None else None,
            "deviation": applied.deviation if applied is not None else "",
            "saved": str(self._files[number]) if number in self._files else None,
        }

    def _is_able(self, review: Review) -> bool:
        """Whether it can be applied; without a question, only what passed its check may be."""
        return review.is_sound if self._arguments.yes else review.can_run and not review.error

    def _is_agreed(self, number: int, review: Review) -> bool:
        screen, arguments = self._screen, self._arguments
        if arguments.yes:
            if review.proposal.is_alternative and (self._applied or self._files):
                screen.note(f"Proposal {number} is another way of what was done already, and is left out.")
                return False
            return True
        if screen.as_json or not sys.stdin.isatty():
            screen.note("Nobody can be asked here. Read the proposal above, then run again with --yes to apply it.")
            return False
        if kind_info(review.proposal.kind).runs:
            overwrites = " (the file exists and is replaced)" if os.path.exists(arguments.out) else ""
            question = f"Apply proposal {number} to {arguments.script} and save as {arguments.out}{overwrites}?"
        else:
            question = f"Save proposal {number} as {self._file_for(review)}?"
        try:
            return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
        except EOFError:
            return False

    def _do(self, number: int, review: Review) -> str:
        """Apply or save a proposal; return the error, "" for none."""
        screen = self._screen
        info = kind_info(review.proposal.kind)
        if not info.runs:
            try:
                self._files[number] = save_proposal(review.proposal, self._file_for(review))
            except (ProposalError, OSError) as error:
                return str(error)
            screen.note(f"Saved {self._files[number]}. {info.save_hint}")
            return ""
        applied = self._session.apply(number)
        if not applied.result.ok:
            return applied.result.error.rstrip()
        self._applied[number] = applied
        if applied.result.output:
            screen.write(applied.result.output.rstrip("\n") + "\n")
        screen.note(f"Proposal {number}: {applied.diff.summary()}")
        if applied.deviation:
            screen.note(applied.deviation)
        return ""

    def _file_for(self, review: Review) -> Path:
        """Return where a proposal that is saved and not run goes: beside the script, under its name."""
        made = Path(os.path.abspath(self._arguments.out)).with_suffix(kind_info(review.proposal.kind).ending)
        count = len(self._files)
        return made if not count else made.with_name(f"{made.stem}_{count + 1}{made.suffix}")

"""What the runs of tasks came to, as a table for a person and as values for a program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from nuke_ai_panel.cli.tasks_files import KINDS, STAGES, Catch
from nuke_ai_panel.cli.tasks_running import TaskRun

__all__ = ["as_json", "page", "summary", "table"]

_HEADINGS = ("Answer", "Slip", "Found", "Preflight", "Dry run", "Applied", "Checks", "As expected")
#: Rules of findings that speak of a name which does not exist.
_INVENTED = "unknown-"
#: The folder of a dry run has another name each time.
_SCRATCH = re.compile(r"[^\s'\"]*nuke-ai-panel-dry-run-\w+")


def _row(run: TaskRun) -> tuple[str, ...]:
    return (
        run.answer.name,
        run.answer.slip,
        _found(run),
        _preflight(run),
        _dry_run(run),
        _applied(run),
        _checks(run),
        "yes" if run.as_expected else "**no**: " + "; ".join(run.reasons),
    )


def _found(run: TaskRun) -> str:
    kinds = [review.proposal.kind for review in run.reviews]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "reply only"


def _preflight(run: TaskRun) -> str:
    if not run.reviews:
        return ""
    findings = [found for review in run.reviews for found in review.findings if found.severity != "note"]
    said = [f"{found.rule} {found.name}".strip() for found in findings]
    said += [effect.kind for review in run.reviews for effect in review.effects if effect.is_warning]
    return ", ".join(dict.fromkeys(said)) or "clean"


def _dry_run(run: TaskRun) -> str:
    said: list[str] = []
    for review in run.reviews:
        if review.error:
            said.append(review.error.strip().splitlines()[-1])
        elif review.diff is not None:
            said.append(review.diff.summary())
        elif review.unknown:
            said.append("not known")
        else:
            said.append("not tried")
    return ", ".join(said)


def _applied(run: TaskRun) -> str:
    if not run.reviews:
        return ""
    done = [each for each in run.applied if each.result.ok]
    said = [f"{len(done)} of {len(run.reviews)}"] if done else []
    said += ["rolled back"] * (len(run.applied) - len(done))
    said += ["refused"] if run.refusals else []
    if done and run.task.needs_confirmation:
        said.append("asked first" if run.asked_first else "not asked")
    return ", ".join(said) or "not run"


def _checks(run: TaskRun) -> str:
    bad = [check.name for check in run.checks if not check.ok]
    return f"{len(run.checks) - len(bad)} of {len(run.checks)}" + (f" ({', '.join(dict.fromkeys(bad))})" if bad else "")


def table(runs: Iterable[TaskRun]) -> str:
    """Return a Markdown table, a row an answer."""
    return _lined(_HEADINGS, [_row(run) for run in runs])


def _lined(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    text = _SCRATCH.sub("(scratch folder)", text)
    text = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return text if len(text) <= 160 else text[:157] + "..."


def summary(runs: Sequence[TaskRun]) -> str:
    """Return the counts in a table: what was caught where, and how many right answers were flagged."""
    rows: list[tuple[str, str, str]] = []
    for kind in KINDS:
        of_kind = [run for run in runs if run.answer.kind == kind]
        if of_kind:
            good = sum(run.as_expected for run in of_kind)
            words = "all checks hold, nothing flagged" if kind == "right" else "noticed as its front matter says"
            rows.append((f"answers: {kind}", words, f"{good} of {len(of_kind)}"))
    right = [run for run in runs if run.answer.kind == "right"]
    if right:
        rows.append(
            ("right answers", "flagged as a problem", f"{sum(bool(run.false_alarms) for run in right)} of {len(right)}")
        )
        rows.append(
            ("right answers", "with a warning about a name", f"{sum(bool(run.doubts) for run in right)} of {len(right)}")
        )
    pairs = [(run, catch) for run in runs for catch in run.answer.catches]
    invented = [pair for pair in pairs if _is_invented(pair[1])]
    if invented:
        rows.append(("invented names", "caught by preflight, before anything ran", _counted(invented)))
        for rule in dict.fromkeys(sorted(catch.rule for _, catch in invented)):
            rows.append((f"invented names: {rule}", "", _counted([pair for pair in invented if pair[1].rule == rule])))
    for stage in STAGES:
        others = [pair for pair in pairs if pair[1].stage == stage and not _is_invented(pair[1])]
        if others:
            rows.append((f"other slips, to be noticed at: {stage}", "", _counted(others)))
    return _lined(("What", "", "How many"), rows)


def _is_invented(catch: Catch) -> bool:
    return catch.stage == "preflight" and catch.rule.startswith(_INVENTED)


def _counted(pairs: Sequence[tuple[TaskRun, Catch]]) -> str:
    return f"{sum(run.has_caught(catch) for run, catch in pairs)} of {len(pairs)}"


def page(runs: Sequence[TaskRun], command: str) -> str:
    """Return the report as a Markdown page."""
    parts = [
        "# Tasks",
        "",
        "Requests of artists with recorded answers, each run from the prompt to the checked script: the answer streams",
        "from a server on loopback, its proposals are found, read (preflight), tried on a copy (dry run), agreed to,",
        "applied as one undo step, and the script is checked. `right` answers must do what was asked and not be flagged;",
        "`nearly` right ones hold a slip that models make, `wrong` ones what must not run: their front matter says what has",
        "to be noticed, and where. This page is printed by",
        "",
        f"    {command}",
        "",
        "## Counts",
        summary(runs),
        "## Answers",
        "Preflight names its findings, then the effects that the artist is told of.",
        "",
        table(runs),
    ]
    return "\n".join(parts)


def as_json(runs: Sequence[TaskRun]) -> dict[str, Any]:
    """Return all runs as JSON values."""
    return {"as_expected": all(run.as_expected for run in runs), "runs": [_run_as_json(run) for run in runs]}


def _run_as_json(run: TaskRun) -> dict[str, Any]:
    return {
        "task": run.task.id,
        "answer": run.answer.name,
        "kind": run.answer.kind,
        "slip": run.answer.slip,
        "as_expected": run.as_expected,
        "reasons": run.reasons,
        "proposals": [
            {
                "kind": review.proposal.kind,
                "findings": [
                    {"rule": found.rule, "severity": found.severity, "name": found.name, "line": found.line, "text": found.text}
                    for found in review.findings
                ],
                "effects": [effect.kind for effect in review.effects],
                "dry_run": {
                    "diff": None if review.diff is None else review.diff.lines(),
                    "error": review.error,
                    "unknown": review.unknown,
                    "output": review.output,
                },
            }
            for review in run.reviews
        ],
        "refusals": run.refusals,
        "applied": [{"ok": each.result.ok, "error": each.result.error, "output": each.result.output} for each in run.applied],
        "checks": [{"check": check.name, "ok": check.ok, "reason": check.reason} for check in run.checks],
        "catches": [{"catch": str(catch), "caught": run.has_caught(catch)} for catch in run.answer.catches],
        "seconds": round(run.seconds, 3),
    }

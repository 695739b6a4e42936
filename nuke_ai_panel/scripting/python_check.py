"""Preflight of generated Python: can it be read, do its names exist in this Nuke and script, and what does it say it does."""

from __future__ import annotations

import ast
import contextlib
import re
import warnings

from nuke_ai_panel.scripting.code_kinds import names_nuke
from nuke_ai_panel.scripting.effects import find_effects
from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.python_check_bound import check_bound
from nuke_ai_panel.scripting.python_check_flow import Flow
from nuke_ai_panel.scripting.python_check_made import CodeNames
from nuke_ai_panel.scripting.python_check_names import ScriptNames
from nuke_ai_panel.scripting.python_check_notes import Notes, excerpt_of
from nuke_ai_panel.scripting.python_check_versions import check_versions
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["check"]


def check(proposal: ScriptProposal, surroundings: Surroundings | None = None) -> Preflight:
    """Read Python without running it, against the script and the Nuke in `surroundings`.

    It is read by the running interpreter, which in Nuke is the one that would run it.
    """
    if not proposal.code.strip():
        return Preflight((Finding("The script is empty.", "fatal", "empty"),))
    try:
        with warnings.catch_warnings():
            # A doubtful escape such as "\d" still runs as meant; the artist is not bothered with it.
            warnings.simplefilter("ignore")
            tree = ast.parse(proposal.code)
            compile(tree, "<proposal>", "exec")
    except SyntaxError as error:
        return Preflight((_syntax_problem(error, proposal.code),))
    except ValueError as error:
        return Preflight((Finding(f"The script cannot be read: {error}.", "fatal", "syntax"),))
    except (RecursionError, MemoryError):
        return Preflight((Finding("The script is nested too deeply to be read.", "fatal", "syntax"),))
    notes = Notes(proposal.code)
    findings = _findings(tree, proposal, surroundings, notes)
    effects = tuple(find_effects(tree, ((line, kept) for (line, _), kept in notes.kept.items())))
    # Hidden code may well speak of Nuke.
    if any(effect.is_warning and effect.kind != "runs hidden code" for effect in effects) and not names_nuke(tree):
        findings.insert(0, Finding("It does not speak of Nuke at all; it may be meant to run elsewhere.", "warning", "doubt"))
    return Preflight(tuple(findings), effects)


#: What stands beside every name and between values, and holds nothing.
_MARKS = (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)


def _findings(tree: ast.Module, proposal: ScriptProposal, surroundings: Surroundings | None, notes: Notes) -> list[Finding]:
    around = surroundings or Surroundings()
    nodes = [each for each in ast.walk(tree) if not isinstance(each, _MARKS)]
    # Code may be nested deeper than it can be followed; then what was found so far is told.
    with contextlib.suppress(RecursionError):
        check_versions(tree, nodes, around.catalogue, notes)
        # A tool runs among what the start-up files of the studio have defined.
        check_bound(nodes, notes, "problem" if proposal.kind == "python" else "warning")
        names = ScriptNames(around.catalogue, around.document, CodeNames(nodes))
        Flow(names, notes, tree, nodes).run()
    return notes.findings()


#: What Python 2 had, seen in the line that cannot be read.
_HABITS = (
    (re.compile(r"^\s*print\s+[^\s(=.]|^\s*print\s*>>|\bprint\s+['\"]"), "print", "print needs parentheses"),
    (re.compile(r"^\s*exec\s+[^\s(=.]"), "exec", "exec needs parentheses"),
    (re.compile(r"^\s*except\s+[\w.]+\s*,\s*\w+\s*:"), "except", "it is 'except Error as name' now"),
    (re.compile(r"^\s*raise\s+[\w.]+\s*,"), "raise", "it is 'raise Error(message)' now"),
    (re.compile(r"<>"), "<>", "it is != now"),
    (re.compile(r"`[^`]+`(?!`)"), "`...`", "it is repr(value) now"),
    (re.compile(r"\b0[0-7]+\b"), "octal", "octal numbers are written 0o777 now"),
    (re.compile(r"\b\d+[lL]\b"), "long", "numbers need no L"),
    (re.compile(r"\bur['\"]"), "ur", "a text needs no u"),
)
_QUOTES = re.compile("[\u2018\u2019\u201c\u201d\u00a0\u2013]")


def _syntax_problem(error: SyntaxError, code: str) -> Finding:
    lines = code.splitlines()
    number, column = error.lineno or 0, max(error.offset or 0, 0)
    text = lines[number - 1] if 0 < number <= len(lines) else ""
    message = error.msg or "invalid syntax"
    name, habit = next(((name, meant) for pattern, name, meant in _HABITS if pattern.search(text)), ("", ""))
    rule = "syntax"
    if text.lstrip().startswith("```"):
        message = "this line is a mark around code, not code"
    elif habit:
        rule, message = "python-version", f"this is Python 2, which Nuke no longer runs: {habit}"
    elif _QUOTES.search(text) and "invalid" in message:
        message = "there are typographic quotes, dashes or blanks in it"
    shown = text.strip()
    if shown:
        shown = f": {shown if len(shown) <= 60 else shown[:57] + '...'}"
    said = f"This cannot be read as Python ({message}){shown}"
    excerpt = excerpt_of(text, column - 1) if text.strip() and column else ""
    return Finding(said, "fatal", rule, number, column, name if rule == "python-version" else "", excerpt=excerpt)

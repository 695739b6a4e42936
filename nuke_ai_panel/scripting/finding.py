"""Finding the proposals in a model's answer, whatever the model's habits.

Fenced code is taken first, then an answer that is JSON, then code that nothing marks. What a block is, its content says (see
:mod:`~nuke_ai_panel.scripting.code_kinds`). Blocks that are steps of one script become one proposal, alternatives stay apart,
and what may be a wrong guess is marked with a doubt, so that it is shown and not offered to run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nuke_ai_panel.messages import ToolCall
from nuke_ai_panel.scripting.answer_blocks import Block, split_answer, unfenced_code, without_thoughts
from nuke_ai_panel.scripting.answer_json import called_code, code_in_json
from nuke_ai_panel.scripting.answer_words import ALTERNATIVE, FRESH, LEFT_OUT, MENDED, STEP, WARNED
from nuke_ai_panel.scripting.code_cleaning import cleaned, parse_python, straightened, with_plain_signs
from nuke_ai_panel.scripting.code_kinds import PYTHON_TAGS, is_risky, is_work, kind_of, own_names
from nuke_ai_panel.scripting.code_patches import added_lines, apply_patch, is_patch, read_patch
from nuke_ai_panel.scripting.expression_targets import split_expressions
from nuke_ai_panel.scripting.proposal import ProposalKind, ScriptProposal

__all__ = ["find_proposals"]

_CUT = "It is cut off: the answer ended before the code did."
_NO_TARGET = "It is an expression, and the answer does not say for which knob."
_NO_BASE = "It is a change to a script, and the script it belongs to was not found."
_PLAIN = "Typographic signs in it were made plain."
_MAYBE_PYTHON = PYTHON_TAGS | {""}
_IS_MENDED = "The answer goes on to correct it."
_NOT_THIS = "The answer shows it as what was there before, or as what not to do."
_PROSE = 700
_NOTE = 200
#: More blocks than any answer to a question has.
_MOST = 2_000
_WINDOW = 40
_LINK = re.compile(r"\[([^\]\n]{0,200})\]\([^)\n]{0,300}\)")
#: An underscore within a word belongs to a name.
_MARKS = re.compile(r"[*`#>]+|(?<!\w)_+|_+(?!\w)")
_SENTENCE_END = re.compile(r"(?<=[.!?])[ \t]+(?=[A-Z])")


@dataclass(frozen=True)
class _Piece:
    """A proposal, and the prose since the one before it, which says how the two belong together.

    A weak one is Python that does not speak of Nuke and is harmless; it counts only as a step of a script that does.
    """

    proposal: ScriptProposal
    before: str = ""
    is_weak: bool = False


def find_proposals(
    answer: str,
    *,
    title: str = "",
    is_cut: bool = False,
    tool_calls: Sequence[ToolCall] = (),
    earlier: Sequence[ScriptProposal] = (),
    target: str = "",
) -> list[ScriptProposal]:
    """Return the proposals of an answer in order; those of `tool_calls`, whose arguments hold code, come last.

    `title` names the undo step. `is_cut`: the answer ended before the model did. `earlier` are the proposals a diff may be
    meant for, the latest last. `target` is the knob the question was about, for an expression that names none. Takes time in
    proportion to the answer and raises nothing.
    """
    text = without_thoughts(answer.replace("\0", "\ufffd") if "\0" in answer else answer)
    known = list(earlier)
    pieces = _of_json(text, title, target, is_cut)
    if not pieces:
        blocks = split_answer(text)
        pieces = _of_blocks(blocks, title, target, is_cut, known)
        if all(piece.is_weak for piece in pieces):
            loose = [part for block in blocks for part in ([block] if block.is_code else unfenced_code(block.text))]
            pieces = _of_blocks(loose, title, target, is_cut, known)
        alone = text.strip().strip("`").strip()
        if not pieces and target and alone and "\n" not in alone:
            # Asked for the expression of a knob, a model may answer with nothing else.
            pieces = _pieces(Block(alone, True, "", "", is_cut), "", "expression", title, target, [])
    found = _belonging_together(pieces)
    for call in tool_calls:
        for code, tag, is_open in called_code(call):
            found += [
                piece.proposal for piece in _pieces(Block(code, True, tag, "", is_open), "", "", title, target, [], asked=True)
            ]
    return found


def _of_json(text: str, title: str, target: str, is_cut: bool) -> list[_Piece]:
    found: list[_Piece] = []
    for code, tag, is_open in code_in_json(text):
        block = Block(code, True, tag, "", is_open or is_cut)
        found += _pieces(block, "", "expression" if tag in ("expression", "expr") else "", title, target, [], asked=True)
    return found


def _of_blocks(blocks: Sequence[Block], title: str, target: str, is_cut: bool, earlier: list[ScriptProposal]) -> list[_Piece]:
    found: list[_Piece] = []
    known = list(earlier)
    prose = ""
    for number, block in enumerate(blocks):
        if not block.is_code:
            prose += ("\n" if prose else "") + block.text
            continue
        after = blocks[number + 1].text[:_PROSE] if number + 1 < len(blocks) and not blocks[number + 1].is_code else ""
        if not block.is_marked:
            block = replace(block, is_open=block.is_open and is_cut and number == len(blocks) - 1)
        if not block.text.strip():
            continue
        if target or (found and found[-1].proposal.kind == "expression"):
            # The second of two expressions is seldom called one again.
            after += "\nexpression"
        made = _pieces(block, prose[-_PROSE:], after, title, target, known)
        if made:
            found += [replace(made[0], before=prose), *made[1:]]
            known += [piece.proposal for piece in made if not piece.is_weak]
            prose = ""
            if len(found) >= _MOST:
                break
    return found


def _pieces(
    block: Block,
    prose: str,
    after: str,
    title: str,
    target: str,
    earlier: Sequence[ScriptProposal],
    *,
    asked: bool = False,
) -> list[_Piece]:
    """Return the proposals in one block of code."""
    code = cleaned(block.text)
    near = prose[-_PROSE:]
    around = f"{near}\n{after}"
    doubt = _CUT if block.is_open else _NOT_THIS if WARNED.match(_last_line(near)) else ""
    if is_patch(code, block.tag):
        return _of_patch(code, near, title, doubt, earlier)
    if block.tag == "json" or code.startswith(("{", "[")):
        inner = [
            each
            for text, tag, cut in code_in_json(code)
            for each in _pieces(Block(text, True, tag, "", cut), near, after, title, target, [])
        ]
        if inner:
            return inner
    kind = kind_of(code, block.tag, around=f"{block.info}\n{around}", asked=asked)
    if kind is None or (kind in ("python", "tool") and parse_python(code) is None):
        straight, told = straightened(code)
        found = kind_of(straight, block.tag, around=f"{block.info}\n{around}", asked=asked) if told else None
        if found is not None:
            kind, code = found, straight
        else:
            told = ""
    else:
        told = ""
    if kind in (None, "blink", "expression"):
        plain = with_plain_signs(code)
        again = kind_of(plain, block.tag, around=f"{block.info}\n{around}", asked=asked) if plain != code else None
        if again in ("blink", "expression"):
            kind, code, told = again, plain, _PLAIN
    if kind is None:
        if block.is_marked and block.tag in _MAYBE_PYTHON and is_work(code):
            # What does something to the machine is shown with its warnings; an example in Python at large is no proposal.
            return [_Piece(ScriptProposal("python", code + "\n", title, "", doubt, _note(near)), is_weak=not is_risky(code))]
        return []
    note = " ".join(filter(None, (_note(near), told)))
    if kind == "expression":
        return [
            _Piece(ScriptProposal(kind, text, title, knob or target, doubt or ("" if knob or target else _NO_TARGET), note))
            for text, knob in split_expressions(code, near, after)
        ]
    doubt = doubt or _left_out(kind, code)
    aim = _blink_node(around) if kind == "blink" else ""
    return [_Piece(ScriptProposal(kind, code + "\n", title, aim, doubt, note))]


def _of_patch(code: str, near: str, title: str, doubt: str, earlier: Sequence[ScriptProposal]) -> list[_Piece]:
    hunks = read_patch(code)
    if not hunks:
        return []
    for base in reversed(earlier[-_WINDOW:]):
        made = apply_patch(base.code.rstrip("\n"), hunks)
        if made is not None:
            return [_Piece(replace(base, code=made + "\n", title=title or base.title, doubt=doubt, note=_note(near)))]
    kind = kind_of(added_lines(hunks))
    if kind is None and not (earlier and parse_python(added_lines(hunks)) is not None):
        return []
    return [_Piece(ScriptProposal(kind or earlier[-1].kind, code + "\n", title, "", doubt or _NO_BASE, _note(near)))]


def _left_out(kind: ProposalKind, code: str) -> str:
    """Return the doubt about code in which the model left something out, "" for whole code."""
    if kind == "expression":
        return ""
    for match in LEFT_OUT.finditer(code):
        words = match.group().strip()
        if words == "..." and (parse_python(code) is not None):
            # A body that is "..." is Python for nothing; one between other lines stands for what is missing.
            before = code[: match.start()].rstrip()
            if before.endswith(":") and not match.group()[:1].strip():
                continue
        line = code.count("\n", 0, match.start() + len(match.group()) - len(match.group().lstrip())) + 1
        return f"Parts of it are left out (line {line}: {words[:60]})."
    return ""


_BLINK_NODE = re.compile(r"\b((?:\w{1,60}\.)?BlinkScript\d{1,4})\b")


def _blink_node(around: str) -> str:
    found = set(_BLINK_NODE.findall(around))
    return found.pop() if len(found) == 1 else ""


# How pieces belong together


def _belonging_together(pieces: Sequence[_Piece]) -> list[ScriptProposal]:
    """Join the steps of one script, and leave out what a later piece says again in full."""
    scripts: list[_Script] = []
    for piece in pieces:
        made = _Script(piece)
        if scripts and scripts[-1].goes_on_with(made, piece.before[-_PROSE:]):
            scripts[-1].join(made)
        else:
            if scripts:
                prose = piece.before[-_PROSE:]
                before = scripts[-1]
                if before.first.kind == piece.proposal.kind and not before.is_weak and MENDED.search(prose):
                    before.doubt = before.doubt or _IS_MENDED
                else:
                    made.is_alternative = ALTERNATIVE.search(prose) is not None
            scripts.append(made)
    scripts = [script for script in scripts if not script.is_weak]
    return [
        script.proposal()
        for number, script in enumerate(scripts)
        if not any(later.says_again(script) for later in scripts[number + 1 : number + _WINDOW])
    ]


class _Script:
    """The pieces that are one script, with the names and lines in them."""

    def __init__(self, piece: _Piece) -> None:
        self.first = piece.proposal
        self.is_weak = piece.is_weak
        self.is_alternative = False
        self.doubt = piece.proposal.doubt
        self.note = piece.proposal.note
        self.parts = [piece.proposal.code]
        self.lines = {line.strip() for line in piece.proposal.code.split("\n") if line.strip()}
        self.bound: set[str] = set()
        self.needed: frozenset[str] = frozenset()
        tree = parse_python(piece.proposal.code) if self.first.kind == "python" else None
        if tree is not None:
            bound, self.needed = own_names(tree)
            self.bound = set(bound) - {"nuke", "nukescripts"}

    def goes_on_with(self, other: _Script, prose: str) -> bool:
        """Return whether `other`, before which `prose` stands, is the next step of this one."""
        if self.first.kind != "python" or other.first.kind != "python" or _NO_BASE in (self.doubt, other.doubt):
            return False
        if ALTERNATIVE.search(prose) or self.lines <= other.lines:
            return False
        if not self.bound.isdisjoint(other.needed):
            return True
        if self.is_weak or other.is_weak:
            return False
        return bool(STEP.search(prose)) and not FRESH.search(prose)

    def join(self, other: _Script) -> None:
        self.is_weak = self.is_weak and other.is_weak
        self.doubt = self.doubt or other.doubt
        self.note = self.note or other.note
        self.parts += other.parts
        self.lines |= other.lines
        self.bound |= other.bound

    def says_again(self, other: _Script) -> bool:
        """Return whether all of `other` stands in this one too."""
        same = self.first.kind == other.first.kind and self.first.target == other.first.target
        return same and other.lines <= self.lines and self.doubt in ("", other.doubt)

    def proposal(self) -> ScriptProposal:
        if len(self.parts) == 1:
            return replace(self.first, doubt=self.doubt, is_alternative=self.is_alternative)
        code = "\n\n".join(part.rstrip() for part in self.parts) + "\n"
        return replace(self.first, code=code, doubt=self.doubt, note=self.note, is_alternative=self.is_alternative)


def _last_line(prose: str) -> str:
    """Return the last line of prose without its markup."""
    line = next((line for line in reversed(prose.split("\n")) if line.strip()), "")
    return re.sub(r"^[\W\d_]+", "", _MARKS.sub("", line))


def _note(prose: str) -> str:
    """Return the sentence that introduces a block, "" where none does."""
    lines = [line.strip() for line in prose.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    paragraph: list[str] = []
    for line in reversed(lines):
        if not line or line.startswith(("<", "|")) or (paragraph and line.startswith("#")):
            break
        paragraph.insert(0, line)
    said = _MARKS.sub("", _LINK.sub(r"\1", " ".join(paragraph))).strip(" -:\t")
    sentences = _SENTENCE_END.split(said)
    said = sentences[-1].strip(" :") if sentences else ""
    if len(said) > _NOTE:
        said = said[: _NOTE - 3].rstrip() + "..."
    return said

"""Every name in the right answers is misspelled in turn: what of it is seen before anything runs.

The recorded slips were written to be seen; these are not chosen. What is let through is listed when a test fails: names on a
node of which nothing is known (``for node in dictionary``), knobs of the Root, of which no list is complete, and a node that is
only compared with others. With ``-s`` the counts are printed.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.cli.tasks_files import load_answers
from nuke_ai_panel.scripting.finding import find_proposals
from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.surroundings import Surroundings

ANSWERS = load_answers(Path(__file__).with_name("answers"))

#: What is misspelled: where such a name stands, what is added to it, and the share (in hundredths) that has to be seen.
NAMES = {
    "class": (r"nuke\.nodes\.([A-Z]\w*)", "x", 100),
    "function": (r"nuke\.([a-z]\w*)\(", "Now", 97),
    "knob": (r"""\[["']([a-z]\w*)["']\]""", "Amountt", 92),
    "method": (r"\.(setXYpos|setInput|setExpression|setName|screenHeight|isAnimated|addKnob)\(", "Now", 97),
    "node": (r"""toNode\(["'](\w+)["']\)""", "_9", 97),
}


@pytest.mark.parametrize("what", NAMES)
def test_misspelled_names_are_seen(what, tasks):
    pattern, more, share = NAMES[what]
    tried = 0
    missed = []
    for answer in (answer for answer in ANSWERS if answer.kind == "right"):
        document = nk.load(tasks[answer.task].fixture)
        for node in document.nodes():
            document.select(node, node.name in tasks[answer.task].selection)
        place = Surroundings.of(document.to_bytes(with_selection=True))
        for proposal in (each for turn in answer.turns for each in find_proposals(turn) if each.kind == "python"):
            for match in {match.group(1): match for match in re.finditer(pattern, proposal.code)}.values():
                end = match.end(1)
                code = proposal.code[:end] + more + proposal.code[end:]
                found = preflight(dataclasses.replace(proposal, code=code), place).findings
                tried += 1
                if not any(each.severity != "note" and match.group(1) + more in each.name for each in found):
                    missed.append(f"{answer.name}: {match.group(1)}{more}")
    print(f"{what}: {tried - len(missed)} of {tried} seen", *missed, sep="\n    ")
    assert tried > 20
    assert 100 * (tried - len(missed)) >= share * tried, f"{len(missed)} of {tried} went through: {missed}"

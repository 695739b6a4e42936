"""What the demo model answers: fixed texts, chosen by a word in the prompt. No model runs here, and every answer says so."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ANSWERS", "LABEL", "MENU", "DemoAnswer", "answer_to", "pieces"]

#: The first words of every answer.
LABEL = "Demo model, no AI:"


@dataclass(frozen=True)
class DemoAnswer:
    """One fixed answer. ``words`` are looked for in the prompt, whole words, any case; ``offer`` is its line in the menu."""

    words: tuple[str, ...]
    offer: str
    text: str


# The scripts below ask the host for the little that both Nuke and a .nk document without Nuke can do, and wire their inputs
# themselves: what createNode connects depends on the selection and on preferences.
_AFTER_SELECTED = """\
import nuke

drawn = [n for n in nuke.allNodes() if n.Class() not in ("Viewer", "BackdropNode", "StickyNote", "Write", "Dot")]
picked = nuke.selectedNodes() or sorted(drawn, key=lambda n: n["ypos"].value())[-1:]
"""

_GRADE = (
    f"{LABEL} this is a fixed answer to the word *grade*.\n\n"
    "It puts a **Grade** behind the selected node, or behind the lowest one when nothing is selected:\n\n"
    "```python\n"
    + _AFTER_SELECTED
    + """\
grade = nuke.nodes.Grade(name="DemoGrade", label="from the demo model")
grade["white"].setValue(1.2)
grade["gamma"].setValue(0.95)
if picked:
    grade.setInput(0, picked[0])
    grade.setXYpos(int(picked[0]["xpos"].value()), int(picked[0]["ypos"].value()) + 60)
```

Nothing else in the script is changed. Look at the difference on the card, then run it or reject it; one undo takes it back.
"""
)

_BLUR = (
    f"{LABEL} this is a fixed answer to the word *blur*.\n\n"
    "It puts a **Blur** of 10 pixels behind the selected node, or behind the lowest node when nothing is selected:\n\n"
    "```python\n"
    + _AFTER_SELECTED
    + """\
blur = nuke.nodes.Blur(name="DemoBlur", size=10)
if picked:
    blur.setInput(0, picked[0])
    blur.setXYpos(int(picked[0]["xpos"].value()), int(picked[0]["ypos"].value()) + 60)
```
"""
)

_BACKDROP = f"""\
{LABEL} this is a fixed answer to the word *backdrop*.

It draws a **BackdropNode** round the selected nodes, or round every node when nothing is selected:

```python
import nuke

nodes = nuke.selectedNodes() or [n for n in nuke.allNodes() if n.Class() != "BackdropNode"]
if not nodes:
    raise RuntimeError("The script has no node to draw a backdrop round")
left = min(int(n["xpos"].value()) for n in nodes) - 80
top = min(int(n["ypos"].value()) for n in nodes) - 100
right = max(int(n["xpos"].value()) for n in nodes) + 160
bottom = max(int(n["ypos"].value()) for n in nodes) + 80
backdrop = nuke.nodes.BackdropNode(name="DemoBackdrop", label="drawn by the demo model")
backdrop.setXYpos(left, top)
backdrop["bdwidth"].setValue(right - left)
backdrop["bdheight"].setValue(bottom - top)
backdrop["tile_color"].setValue(0x50607FFF)
```
"""

_FAIL = f"""\
{LABEL} this is a fixed answer to the word *fail*. The script below has a mistake, so that you can see what becomes of it:

```python
import nuke

nuke.nodes.Blur(name="NeverKept")
missing = nuke.toNode("NoSuchNodeInThisScript")
missing["size"].setValue(10)
```

The card shows the error before anything runs. Should you run it all the same, the host rolls it back.
"""

_EXPLAIN = f"""\
{LABEL} this is a fixed answer to the word *explain*. A real model would be told about the selected nodes and describe them.

### What an explanation can look like
1. A **Read** brings the plate in.
2. A **Grade** sets its black and white point; `white` scales, `blackpoint` and `whitepoint` say what counts as black and white.
3. A **Merge2** lays `A` over `B`; its input 0 is `B`, its input 1 is `A`.

| knob | what it does |
|---|---|
| `operation` | how A and B are combined, `over` by default |
| `mix` | how much of the result is kept |

To have your own script explained, choose a model of Ollama or OpenRouter in the settings.
"""

_COUNT = "\n".join([f"{LABEL} this is a fixed answer to the word *count*, long enough to press Stop.", ""]) + "".join(
    f"\n{number}. line {number} of 200" for number in range(1, 201)
)

ANSWERS: tuple[DemoAnswer, ...] = (
    DemoAnswer(("grade", "brighter", "brighten"), "**grade**: a Grade behind the selected node", _GRADE),
    DemoAnswer(("blur", "soften"), "**blur**: a Blur of 10 pixels behind the selected node", _BLUR),
    DemoAnswer(("backdrop",), "**backdrop**: a backdrop round the selected nodes", _BACKDROP),
    DemoAnswer(("fail", "error"), "**fail**: a script with a mistake", _FAIL),
    DemoAnswer(("explain",), "**explain**: a sample of an explanation", _EXPLAIN),
    DemoAnswer(("count",), "**count**: a long answer, to try Stop", _COUNT),
)

#: The answer to every other prompt.
MENU = (
    f"{LABEL} I do not understand prompts, I only know a few words. A prompt with one of them gets a fixed answer:\n\n"
    + "\n".join(f"- {answer.offer}" for answer in ANSWERS)
    + "\n\nFor real answers start Ollama, or enter an OpenRouter key in the settings.\n"
)


def answer_to(prompt: str) -> str:
    """Return the fixed answer to `prompt`: that of the known word that stands first in it, or the menu.

    What the session tells a model beside the artist's words (the script's data, notes on what was run) is passed over.
    """
    asked = re.sub(r"\A(?:\s*\[[^\n]*\]\n)+", "", prompt.rpartition("</script-data>")[2])
    found: list[tuple[int, str]] = []
    for answer in ANSWERS:
        match = re.search(rf"\b(?:{'|'.join(answer.words)})\b", asked, re.IGNORECASE)
        if match:
            found.append((match.start(), answer.text))
    return min(found)[1] if found else MENU


def pieces(text: str) -> list[str]:
    """Return `text` cut as a model would stream it: a word with the blank space behind it; joined they give `text` again."""
    return re.findall(r"\s*\S+\s?|\s+", text)

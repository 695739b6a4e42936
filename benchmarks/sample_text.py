"""Deterministic Markdown that looks like a compositing assistant's answers, and a split into token-sized pieces."""

from __future__ import annotations

import random
import re

_PROSE = (
    "the merge premultiplies alpha before over so edges keep their energy when a grade sits between unpremult and premult again"
    " roto tracker camera projection deep sample bounding box overscan plate grain lens distortion linear log exposure stops"
    " keyer spill matte soft edge blend channel shuffle copy expression knob callback panel farm write node frame proxy viewer"
)
_WORDS = _PROSE.split()
_CODE = (
    "import nuke",
    'for read in nuke.allNodes("Read"):',
    '    path = read["file"].value()',
    "    if not path:",
    "        continue",
    '    read["colorspace"].setValue("ACES - ACEScg")',
    'def stack(plate, layers, name="comp"):',
    '    """Lay CG layers over a plate and return the last Merge2."""',
    "    merged = plate",
    "    for index, layer in enumerate(layers):",
    '        merged = nuke.nodes.Merge2(inputs=[merged, layer], operation="over")',
    "        merged.setXYpos(plate.xpos(), plate.ypos() + 80 * (index + 1))",
    "    return merged",
    "",
)
_TOKEN = re.compile(r"\s?[A-Za-z]{1,5}|\s?[0-9]{1,3}|\n+|[^\sA-Za-z0-9]{1,3}|\s+")


def sentence(chance: random.Random, count: int = 0) -> str:
    words = [chance.choice(_WORDS) for _ in range(count or chance.randint(8, 22))]
    place = chance.randrange(len(words))
    style = chance.choice(("{}", "{}", "**{}**", "`{}`", "*{}*", "[{0}](https://example.com/{0})"))
    words[place] = style.format(words[place])
    text = " ".join(words)
    return text[0].upper() + text[1:] + "."


def _paragraph(chance: random.Random) -> str:
    return " ".join(sentence(chance) for _ in range(chance.randint(2, 5)))


def _list(chance: random.Random) -> str:
    ordered = chance.random() < 0.4
    return "\n".join(f"{f'{number}.' if ordered else '-'} {sentence(chance)}" for number in range(1, chance.randint(4, 8)))


def _table(chance: random.Random) -> str:
    columns = chance.randint(2, 4)
    rows = [[chance.choice(_WORDS) for _ in range(columns)] for _ in range(chance.randint(4, 7))]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * columns, *lines[1:]])


def _code(chance: random.Random) -> str:
    return "\n".join(["```python", *(chance.choice(_CODE) for _ in range(chance.randint(4, 24))), "```"])


def answer(characters: int, seed: int = 1) -> str:
    """Return about that many characters of Markdown."""
    chance = random.Random(seed)
    blocks: list[str] = []
    size = 0
    while size < characters:
        roll = chance.random()
        if roll < 0.1:
            block = f"## {sentence(chance, 5).rstrip('.')}"
        elif roll < 0.6:
            block = _paragraph(chance)
        elif roll < 0.76:
            block = _code(chance)
        elif roll < 0.9:
            block = _list(chance)
        elif roll < 0.95:
            block = _table(chance)
        else:
            block = f"> {sentence(chance)}"
        blocks.append(block)
        size += len(block) + 2
    return "\n\n".join(blocks)[:characters]


def tokens(text: str) -> list[str]:
    """Cut `text` into pieces of about four characters, as models do."""
    return _TOKEN.findall(text)


def conversation(count: int, seed: int = 7) -> list[tuple[str, str, str]]:
    """Return `count` messages (role, text, title), questions and answers in turn, 400 characters each on average."""
    chance = random.Random(seed)
    messages = []
    for number in range(count):
        if number % 2 == 0:
            messages.append(("user", sentence(chance), ""))
        else:
            messages.append(("assistant", answer(int(chance.lognormvariate(0, 0.8) * 550) + 80, number), ""))
    return messages

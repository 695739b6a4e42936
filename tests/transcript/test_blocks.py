"""Splitting Markdown while it arrives."""

from __future__ import annotations

import random

import pytest

from nuke_ai_panel_ui.transcript.blocks import LIST_CUT, MAX_CODE_LINES, MAX_TEXT, TABLE_ROWS, BlockSplitter, code_of

#: Pieces that mean different things in different company.
_MARKS = (
    *(
        "- ",
        "* ",
        "1. ",
        "2. ",
        "#",
        "## ",
        "```",
        "```python",
        "~~~",
        "\n",
        "\n",
        "\n\n",
        "  ",
        "    ",
        "\t",
        "|",
        "|a|b|",
        "|-|-|",
    ),
    *(
        "---",
        "===",
        "> ",
        "word",
        "**",
        "[x]: http://a ",
        "[x](",
        "`",
        "x" * 30,
        "\r\n",
        "     ",
        "1",
        "y " * 700,
        "\u2029",
        "\ud83d",
    ),
)


def split(pieces, **options):
    splitter = BlockSplitter(**options)
    for piece in pieces:
        splitter.feed(piece)
    splitter.finish()
    return splitter


def kinds(text, **options):
    return [block.kind for block in split([text], **options).blocks]


def texts(text, **options):
    return [block.text for block in split([text], **options).blocks]


def check_pieces(text, pieces):
    """Feed `pieces` and check on the way that nothing frozen changes and that changes are announced."""
    whole = [block.signature for block in split([text]).blocks]
    splitter = BlockSplitter()
    frozen = []
    for piece in pieces:
        first = splitter.feed(piece)
        now = [block.signature for block in splitter.blocks]
        assert now[: len(frozen)] == frozen
        assert first >= len(frozen)
        frozen = now[: splitter.frozen]
    splitter.finish()
    assert [block.signature for block in splitter.blocks] == whole


@pytest.mark.parametrize("seed", range(40))
def test_splitter_gives_the_same_blocks_however_the_text_is_cut(seed, samples, cuts):
    text = samples(seed, 30)
    check_pieces(text, cuts(text, seed))


@pytest.mark.parametrize("seed", range(0, 400, 20))
def test_splitter_gives_the_same_blocks_for_marks_in_any_order(seed):
    for number in range(seed, seed + 20):
        chance = random.Random(number)
        text = "".join(chance.choice(_MARKS) for _ in range(chance.randint(3, 40)))
        pieces = []
        start = 0
        while start < len(text):
            size = chance.choice((1, 2, 3, 5, 11, 900))
            pieces.append(text[start : start + size])
            start += size
        check_pieces(text, pieces)


def test_splitter_cuts_every_character_alone_the_same(samples):
    text = samples(3, 12)
    check_pieces(text, list(text))


def test_splitter_knows_the_kinds_of_blocks():
    text = "Text\nmore\n\n# Head\nafter\n\n---\n\n```py\ncode\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote\n"
    assert kinds(text) == ["text", "text", "text", "rule", "code", "table", "text"]
    assert texts(text)[:2] == ["Text\nmore", "# Head"]


def test_splitter_bounds_every_block():
    code = "```\n" + "x\n" * (3 * MAX_CODE_LINES) + "```\n"
    table = "|a|b|\n|-|-|\n" + "|1|2|\n" * (3 * TABLE_ROWS)
    items = "".join(f"- item {n} with some words\n" for n in range(300))
    line = "word " * 5000
    for text in (code, table + "\n", items, line, "x" * 20_000, "- " + line):
        for block in split([text]).blocks:
            assert len(block.lines) <= max(MAX_CODE_LINES, TABLE_ROWS + 2) or block.size <= LIST_CUT + 200
            assert block.kind == "code" or block.size <= MAX_TEXT + 2
    assert [block.part for block in split([code]).blocks] == [0, 1, 2]
    assert [block.part for block in split([table]).blocks] == [0, 1, 2]


def test_splitter_loses_no_word_of_a_long_line():
    line = " ".join(f"w{number}" for number in range(4000))
    assert " ".join(texts(line)).split() == line.split()


def test_splitter_numbers_go_on_in_the_next_part_of_a_list():
    blocks = split(["".join(f"1. item {n} with a few more words\n" for n in range(60))]).blocks
    assert len(blocks) > 2
    counted = 1
    for block in blocks:
        assert block.start == counted
        counted += len(block.lines)


def test_splitter_keeps_numbering_behind_code_in_a_list():
    blocks = split(["1. one\n\n   ```python\n   x = 1\n     y\n   ```\n\n2. two\n"]).blocks
    assert [block.kind for block in blocks] == ["text", "code", "text"]
    assert blocks[1].text == "x = 1\n  y"
    assert blocks[1].indent == 3
    assert blocks[2].start == 2


def test_splitter_shows_no_table_row_or_fence_before_it_is_certain():
    splitter = BlockSplitter()
    splitter.feed("Text\n\n``")
    assert len(splitter.blocks) == 1
    splitter.feed("`py")
    assert len(splitter.blocks) == 1
    splitter.feed("thon\nx = 1\n``")
    assert splitter.blocks[1].text == "x = 1"
    splitter.feed("`\n")
    assert splitter.blocks[1].closed
    assert splitter.blocks[1].text == "x = 1"
    splitter.feed("| a | b |\n|---|---|\n| 1 ")
    assert splitter.blocks[2].lines == ["| a | b |", "|---|---|"]


def test_splitter_shows_code_while_its_line_is_unfinished():
    splitter = BlockSplitter()
    splitter.feed("```python\nimport nu")
    assert splitter.blocks[0].text == "import nu"
    splitter.feed("ke")
    assert splitter.blocks[0].text == "import nuke"


def test_splitter_replaces_characters_that_hide_or_reorder_text():
    assert texts("a\u202eb\u2029c\x00d\re\x1b[0m")[0] == "a\ufffdb\ufffdc\ufffdde[0m"


def test_splitter_takes_only_web_addresses_as_link_definitions():
    splitter = split(["[a]: https://example.com/x\n[b]: file:///etc/passwd\n[c]: javascript:alert(1)\n"])
    assert list(splitter.references) == ["A"]


def test_splitter_leaves_what_a_person_typed_alone():
    text = "a*b*c\n- not a list\n| not | a table |\n|---|---|\n# 1"
    assert texts(text, plain=True) == [text]
    assert kinds("look:\n```python\nx = 1\n```\nthanks", plain=True) == ["text", "code", "text"]


def test_splitter_treats_a_table_of_a_thousand_columns_as_text():
    row = "|x" * 1000 + "|\n"
    assert "table" not in kinds(row + "|-" * 1000 + "|\n" + row)


def test_code_of_joins_the_parts_of_one_block():
    code = "\n".join(f"line{n}" for n in range(400))
    blocks = split([f"```python\n{code}\n```\n```python\nother\n```\n"]).blocks
    assert [code_of(blocks, index) for index in range(4)] == [code] * 4
    assert code_of(blocks, 4) == "other"

"""Rendering of one block, and what must never come out of it."""

from __future__ import annotations

import re

import pytest

from nuke_ai_panel_ui.transcript.blocks import BlockSplitter
from nuke_ai_panel_ui.transcript.markdown_html import close_open_marks, is_web_address, plain_text, render_block


def blocks_of(text, **options):
    splitter = BlockSplitter(**options)
    splitter.feed(text)
    splitter.finish()
    return splitter


def render(text, **options):
    splitter = blocks_of(text)
    return "".join(
        render_block(block, references=splitter.references, column_widths=[60] * 24, **options)
        for block in splitter.blocks
        if block.kind in ("text", "table")
    )


@pytest.mark.parametrize(
    "text",
    [
        "<img src='file:///etc/passwd'>",
        "<script>alert(1)</script>",
        "![x](file:///etc/passwd)",
        "![x](//server/share/a.png)",
        "![x][y]\n\n[y]: https://example.com/a.png",
        "| <img src=x> | ![a](b.png) |\n|---|---|\n| <b>1</b> | 2 |",
        "<table><tr><td background='x.png'>",
        "> <iframe src='https://example.com'></iframe>",
    ],
)
def test_render_shows_html_and_images_as_text(text):
    html = render(text)
    assert not re.search(r"<(img|script|iframe|b|object|style)\b", html)
    assert "background" not in re.sub(r"&lt;.*?&gt;", "", html)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "javascript:alert(1)", "//server/x", "data:text/html,x", "ftp://a", "C:/x"]
)
def test_render_makes_no_link_of_other_schemes(url):
    assert "<a " not in render(f"[x]({url}) and <{url}>")
    assert not is_web_address(url)


def test_render_makes_links_of_web_addresses():
    assert '<a href="https://example.com/a">x</a>' in render("[x](https://example.com/a)")
    assert '<a href="https://example.com/r">y</a>' in render("[y]\n\n[y]: https://example.com/r")
    assert is_web_address("HTTP://example.com")
    assert not is_web_address("https:///path")


def test_render_breaks_lines_in_cells_and_nowhere_else():
    html = render("| a |\n|---|\n| 1<br>2 `<br>` |")
    assert "1<br>2" in html
    assert "&lt;br&gt;" in html


def test_render_numbers_a_list_that_begins_later():
    html = render("7. seven\n8. eight\n")
    assert "7.</td>" in html
    assert "8.</td>" in html


def test_render_plain_keeps_everything():
    block = blocks_of("a*b*c  <b>\n  two", plain=True).blocks[0]
    html = render_block(block, plain=True)
    assert "a*b*c  &lt;b&gt;\n  two" in html
    assert "pre-wrap" in html


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("a **bo", "a **bo**"),
        ("a **bold*", "a **bold**"),
        ("a **", "a "),
        ("a `co", "a `co`"),
        ("a `", "a "),
        ("x *it", "x *it*"),
        ("2 * 3", "2 * 3"),
        ("~~ol", "~~ol~~"),
        ("see [lab", "see lab"),
        ("see [label](https://exa", "see label"),
        ("see [label](https://a.b) and", "see [label](https://a.b) and"),
        ("list[0", "list[0"),
        ("``a ` b", "``a ` b``"),
        ("done **x** `y`", "done **x** `y`"),
        ("text\n| a |", "text"),
    ],
)
def test_close_open_marks_hides_what_is_being_typed(typed, shown):
    assert close_open_marks(typed) == shown


def test_no_mark_flashes_while_a_sentence_is_typed():
    sentence = "Use **both hands** and `code` or *one* [link](https://example.com/x) here."
    for end in range(1, len(sentence) + 1):
        splitter = BlockSplitter()
        splitter.feed(sentence[:end])
        for block in splitter.blocks:
            seen = re.sub(r"<[^>]*>", "", render_block(block, streaming=not block.closed))
            assert not set("*`[]()") & set(seen), (sentence[:end], seen)


@pytest.mark.parametrize(
    ("source", "copied"),
    [
        ("A **bold** *word* with `x*y*z` and [link](https://a.b)", "A bold word with x*y*z and link"),
        ("## Head", "Head"),
        ("* one\n* two\n  - deep", "- one\n- two\n  - deep"),
        ("3. three\n4. four", "3. three\n4. four"),
        ("> quote\n> two", "quote\ntwo"),
        (r"snake_case_name \*kept\* 2*3*4 &amp;", "snake_case_name *kept* 2*3*4 &"),
    ],
)
def test_plain_text_drops_marks_and_keeps_lists(source, copied):
    assert "\n".join(plain_text(block) for block in blocks_of(source).blocks) == copied


@pytest.mark.parametrize(
    "text", ["*a **b _c [d `" * 170, "> " * 1200, "- " * 1200, "[" * 2400, "`" * 2400, "![" * 1200, "<" * 2400]
)
def test_render_survives_hostile_marks(text):
    assert isinstance(render(text, streaming=True), str)

"""Colours of code, line by line."""

from __future__ import annotations

import pytest

from nuke_ai_panel_ui.transcript.code_highlighter import line_spans


def parts(line, language="python", state=0):
    spans, after = line_spans(line, language, state)
    return [(line[start : start + length], kind) for start, length, kind in spans], after


def test_line_spans_finds_the_kinds_of_python():
    found, state = parts('def grade(node): return node["gain"].value() * 1.5  # "why"')
    assert ("def", "keyword") in found
    assert ("grade", "call") in found
    assert ('"gain"', "string") in found
    assert ("1.5", "number") in found
    assert found[-1] == ('# "why"', "comment")
    assert state == 0


@pytest.mark.parametrize(("quotes", "state"), [('"""', 1), ("'''", 2)])
def test_line_spans_carries_a_long_string_to_the_next_lines(quotes, state):
    assert parts(f"x = {quotes}begins") == ([(f"{quotes}begins", "string")], state)
    assert parts("if 1: # in it", state=state) == ([("if 1: # in it", "string")], state)
    found, after = parts(f"ends{quotes} if x", state=state)
    assert found == [(f"ends{quotes}", "string"), ("if", "keyword")]
    assert after == 0


def test_line_spans_leaves_a_string_in_quotes_of_the_other_kind():
    assert parts("print(r'''x''' + \"a'b\")")[0] == [("print", "call"), ("r'''x'''", "string"), ('"a\'b"', "string")]


def test_line_spans_knows_tcl_and_leaves_plain_text_alone():
    assert ("set", "keyword") in parts("set it's [value x]", "tcl")[0]
    assert not any(kind == "string" for _, kind in parts("set it's here", "tcl")[0])
    assert parts('if "x" # y', "text") == ([], 0)


def test_line_spans_ends_on_any_line():
    for line in ("'" * 500, '"' * 501, "\\" * 300 + '"', '"' + "\\" * 999, "r" * 900 + "'"):
        spans, _ = line_spans(line, "python", 0)
        assert all(start + length <= len(line) for start, length, _ in spans)

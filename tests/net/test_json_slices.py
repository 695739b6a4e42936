"""Large JSON in small steps: the same value and the same errors, and turns for the loop in between."""

from __future__ import annotations

import asyncio
import json

import pytest

from nuke_ai_panel.errors import ProtocolError
from nuke_ai_panel.net import json_slices
from nuke_ai_panel.net.json_slices import parse_in_slices

FILL = "x" * 70_000
"""Makes a text long enough to be divided."""


@pytest.mark.parametrize(
    "value",
    [
        {"data": [{"id": "a", "n": [1, [2, {}]]}, None, "ü\u2028", 1.5], "more": {"x": []}, "fill": FILL, "empty": []},
        [{"id": "a"}, [], FILL],
        [],
        {},
        FILL,
        3,
        None,
    ],
)
@pytest.mark.parametrize("style", [{}, {"indent": 3}, {"separators": (",", ":"), "ensure_ascii": False}])
def test_value_is_the_same_as_that_of_the_whole_parser(value, style):
    raw = b" \r\n\t" + json.dumps(value, **style).encode() + b"\n" + b" " * 70_000
    assert asyncio.run(parse_in_slices(raw)) == value


@pytest.mark.parametrize(
    "source",
    [
        '{"a": [1, 2,], "fill": "%s"}',
        '{"a": [1 2], "fill": "%s"}',
        '{"fill": "%s"',
        '{"fill": "%s"} x',
        '{"fill": "%s", 3: 4}',
        '{"fill" "%s"}',
        '["%s"',
        '["%s"]]',
        '{"a": ["%s", ',
        "%s",
    ],
)
def test_what_is_broken_is_refused(source):
    with pytest.raises(ProtocolError) as caught:
        asyncio.run(parse_in_slices((source % FILL).encode()))
    assert caught.value.kind == "broken_json"


def test_bytes_that_are_no_text_are_replaced_as_in_every_answer():
    raw = b'\xef\xbb\xbf{"a": ["\xff"], "fill": "%s"}' % FILL.encode()
    assert asyncio.run(parse_in_slices(raw)) == {"a": ["\ufffd"], "fill": FILL}


def test_nesting_without_end_is_refused():
    with pytest.raises(ProtocolError):
        asyncio.run(parse_in_slices(b'{"a":' + b"[" * 200_000))


def test_other_work_gets_its_turn_between_the_elements(monkeypatch):
    monkeypatch.setattr(json_slices, "LONGEST_STEP", 0.0)
    raw = json.dumps({"data": [{"id": str(number), "fill": "x" * 1000} for number in range(100)]}).encode()
    turns = 0

    async def count():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def main():
        counting = asyncio.ensure_future(count())
        await asyncio.sleep(0)
        before = turns
        await parse_in_slices(raw)
        made = turns - before
        counting.cancel()
        return made

    assert asyncio.run(main()) >= 90

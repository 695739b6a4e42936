from __future__ import annotations

import time

import pytest

from nuke_ai_panel.errors import ProtocolError
from nuke_ai_panel.net.json_values import array, integer, number, parse, record, text, whole_characters


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('{"a":1}', {"a": 1}),
        (b'\xef\xbb\xbf {"a":1} \n', {"a": 1}),
        ("\r\n 3 \t", 3),
        (b'"Gr\xc3\xbcn"', "Grün"),
        (r'"\ud83d\ude00"', "😀"),
        ("1e999", float("inf")),
    ],
)
def test_json_is_read_with_what_may_stand_around_it(source, value):
    assert parse(source) == value


@pytest.mark.parametrize("source", ["", " ", "{", "{} {}", "nothing", '{"a":1}}', "[" * 100_000, b"\xff"])
def test_what_is_no_json_is_a_protocol_error_with_its_beginning(source):
    with pytest.raises(ProtocolError) as caught:
        parse(source)
    assert caught.value.kind == "broken_json"
    assert caught.value.__cause__ is None
    assert len(str(caught.value)) < 300


def test_number_of_a_million_digits_takes_no_time():
    began = time.process_time()
    with pytest.raises(ProtocolError):
        parse('{"n":' + "9" * 1_000_000 + "}")
    assert time.process_time() - began < 2
    assert parse('{"n":' + "9" * 30 + ',"x":"' + "y" * 5000 + '"}')["n"] == int("9" * 30)


def test_half_a_character_is_replaced_or_left_to_be_joined():
    source = r'{"a\ud83d":["b\ude00",{"c":"\ud83d\ude00"}]}'
    assert parse(source) == {"a\ufffd": ["b\ufffd", {"c": "😀"}]}
    assert parse(r'"\ud83d"', halves=True) == "\ud83d"
    assert whole_characters("a\ud83d" + "\ude00b\ud83d") == "a😀b\ufffd"
    assert whole_characters("Grün 😀") == "Grün 😀"


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "x", [], {}, float("nan"), float("inf"), 10**400])
def test_accessors_take_anything_and_return_their_own_type(value):
    assert isinstance(record(value), dict)
    assert isinstance(array(value), list)
    assert isinstance(text(value), str)
    assert integer(value) is None or type(integer(value)) is int
    assert number(value) is None or number(value) == number(value)


def test_numbers_are_taken_from_what_spells_them():
    assert (integer(3.0), integer(True), integer("3")) == (3, None, None)
    assert (number("0.5"), number("free"), number(True), number(3)) == (0.5, None, None, 3.0)

"""What is found in the text of a model that was told in words how to call and answer, cut at every place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuke_ai_panel.providers.fitting_forms import AnswerBlock, CallOrAnswer, InTurn
from nuke_ai_panel.providers.fitting_text import CallBlocks, CarriedCall
from nuke_ai_panel.validators.json_schema import problem_with

CALL = '{"name": "set_knob", "arguments": {"node": "Blur1", "value": 12}}'
SET = CarriedCall("set_knob", '{"node": "Blur1", "value": 12}')
SCHEMA = {
    "type": "object",
    "properties": {"size": {"type": "integer", "minimum": 1}, "name": {"type": "string"}},
    "required": ["size"],
}


def read(splitter, *pieces):
    """Text joined, and calls, in their order."""
    found = []
    for piece in (*(each for text in pieces for each in splitter.feed(text)), *splitter.close()):
        if isinstance(piece, str):
            assert piece
            if found and isinstance(found[-1], str):
                found[-1] += piece
                continue
        found.append(piece)
    return found


def splits(text):
    yield (text,)
    yield tuple(text)
    for place in range(1, len(text)):
        yield text[:place], text[place:]


BLOCKS = {
    "": [],
    "Just words.": ["Just words."],
    "Ends in a break.\n": ["Ends in a break.\n"],
    "  \n": ["  \n"],
    "a\r\n\r\nb\r\n": ["a\r\n\r\nb\r\n"],
    f"```tool_call\n{CALL}\n```": [SET],
    f"```tool_call {CALL}```": [SET],
    f"```tool_call\n{CALL}": [SET],
    f"````tool_call\r\n{CALL}\r\n````\r\n": [SET],
    f"<tool_call>\n{CALL}\n</tool_call>": [SET],
    f"Let me look. \n\n```tool_call\n{CALL}\n```\n": ["Let me look. ", SET],
    f"Ok.\n     \n```tool_call\n{CALL}\n```": ["Ok.", SET],
    f"Ok.\r\n```tool_call\n{CALL}\n```": ["Ok.", SET],
    f"One.\n```tool_call\n{CALL}\n```\n\nTwo.\n": ["One.", SET, "\n\nTwo.\n"],
    f"```tool_call\n{CALL}\n{CALL}\n```\n```tool_call\n{CALL}\n```": [SET, SET, SET],
    f"```tool_call\n[{CALL}, {CALL}]\n```": [SET, SET],
    f"```tool_call\n{CALL}\n``` and so on": [SET, "and so on"],
    f"Not at the start: ```tool_call\n{CALL}\n```": [f"Not at the start: ```tool_call\n{CALL}\n```"],
    f"    ```tool_call\n{CALL}": [f"    ```tool_call\n{CALL}"],
    "```python\nprint(1)\n```\nDone.": ["```python\nprint(1)\n```\nDone."],
    "```tool_calling\n```": ["```tool_calling\n```"],
    "Like so:\n\n```tool_call\nsomething\n```": ["Like so:\n\n```tool_call\nsomething\n```"],
    "x\n```tool_call\n": ["x\n```tool_call\n"],
    "x\n```tool_c": ["x\n```tool_c"],
    'x\n```tool_call\n{"no": "call"}\n```\ny': ['x\n```tool_call\n{"no": "call"}\n```\ny'],
    'x\n```tool_call\n{"name": 7}\n```': ['x\n```tool_call\n{"name": 7}\n```'],
    "x\n```tool_call\n[]\n```": ["x\n```tool_call\n[]\n```"],
    # Cut in the middle, as a limit of tokens does: what came of the arguments is kept.
    '```tool_call\n{"name": "f", "arguments": {"a": "b': [CarriedCall("f", '{"a": "b')],
    '```tool_call\n{"name": "f"': [CarriedCall("f", "")],
    '```tool_call\n{"na': ['```tool_call\n{"na'],
    # A fence and braces inside of a text end nothing.
    '```tool_call\n{"name": "f", "arguments": {"code": "```\\n}}\\" {"}}\n```': [CarriedCall("f", '{"code": "```\\n}}\\" {"}')],
    '```tool_call\n{"name": "f", "arguments": {"code": "a\nb"}}\n```': [CarriedCall("f", '{"code": "a\\nb"}')],
    '```tool_call\n{"tool": "f", "parameters": {}}\n```': [CarriedCall("f", "{}")],
    '```tool_call\n{"name": "f"}\n```': [CarriedCall("f", "{}")],
    '```tool_call\n{"name": "f", "arguments": "{\\"a\\": 1}"}\n```': [CarriedCall("f", '{"a": 1}')],
    '```tool_call\n{"name": "f", "arguments": {"a": 1}\n```\nAfter.': [CarriedCall("f", '{"a": 1}'), "After."],
    '```tool_call\n{"name": "f", "arguments": {"emoji": "😀é"}}\n```': [CarriedCall("f", '{"emoji": "😀é"}')],
}


@pytest.mark.parametrize("text", BLOCKS, ids=range(len(BLOCKS)))
def test_blocks_are_the_same_at_every_split(text):
    for pieces in splits(text):
        assert read(CallBlocks(), *pieces) == BLOCKS[text], pieces


FORMS = {
    '{"answer": "Hello."}': ["Hello."],
    ' {\n "answer" : "Hello." }\n': ["Hello."],
    '```json\n{"answer": "Hello."}\n```': ["Hello."],
    '{"answer": "a\\n\\"b\\" \\\\ \\u00e9 \\ud83d\\ude00 \\/"}': ['a\n"b" \\ é 😀 /'],
    '{"answer": "\\ud83d \\ude00 \\ud83d\\n \\ud83d\\u0041 \\uzz"}': ["\ufffd \ufffd \ufffd\n \ufffdA \ufffdzz"],
    '{"answer": ""}': [],
    '{"answer": {"a": [1, "}"]}}': ['{"a": [1, "}"]}'],
    '{"answer": 42}': ["42"],
    '{"answer": true, "x": 1}': ["true"],
    '{"answer": "cut': ["cut"],
    '{"answer": "cut\\': ["cut"],
    '{"answer": "cut\\ud83d': ["cut"],
    '{"tool": "set_knob", "arguments": {"node": "Blur1", "value": 12}}': [SET],
    CALL: [SET],
    '{"arguments": {"node": "Blur1", "value": 12}, "tool": "set_knob"}': [SET],
    '{"tool": "f", "arguments": {"a": "b': [CarriedCall("f", '{"a": "b')],
    '{"tool": 1, "arguments": {}}': ['{"tool": 1, "arguments": {}}'],
    # A server that holds the model to nothing lets anything through.
    "Hello.": ["Hello."],
    '{"other": 1}': ['{"other": 1}'],
    '{"answers": 1}': ['{"answers": 1}'],
    "{": ["{"],
    "```jso": ["```jso"],
    f"Look.\n\n```tool_call\n{CALL}\n```": ["Look.", SET],
    f"```tool_call\n{CALL}\n```": [SET],
}


@pytest.mark.parametrize("text", FORMS, ids=range(len(FORMS)))
def test_forms_are_the_same_at_every_split(text):
    for pieces in splits(text):
        assert read(CallOrAnswer(), *pieces) == FORMS[text], pieces


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"answer": {"size": 3}}', '{"size": 3}'),
        ('{"answer": "a \\"b\\""}', '"a \\"b\\""'),
        ('{"answer": [1, [2]] }', "[1, [2]]"),
        ('{"answer": {"size": ', '{"size": '),
    ],
)
def test_answer_of_a_schema_keeps_its_json(text, answer):
    for pieces in splits(text):
        assert "".join(read(CallOrAnswer(raw_answer=True), *pieces)) == answer


ANSWERS = {
    '{"size": 3}': ('{"size": 3}', ""),
    '\n{"size": 3}\nIs that right?': ('{"size": 3}', ""),
    '```json\n{"size": 3}\n```': ('{"size": 3}', ""),
    'Sure!\n\n```json\n{"size": 3, "name": "```"}\n```\nDone.': ('{"size": 3, "name": "```"}', ""),
    '```\n{"size": 3}\n```': ('{"size": 3}', ""),
    'It is {"size": 3}.': ('{"size": 3}', ""),
    '{"size": 0}': ('{"size": 0}', "size"),
    '{"size": "3"}': ('{"size": "3"}', "integer"),
    "{}": ("{}", "missing"),
    '{"size": 3': ('{"size": 3', "broken"),
    "I cannot.": ("I cannot.", "no JSON"),
    "": ("", "no JSON"),
}


@pytest.mark.parametrize("text", ANSWERS, ids=range(len(ANSWERS)))
def test_answer_block_gives_the_json_alone_and_says_what_is_wrong(text):
    answer, problem = ANSWERS[text]
    for pieces in splits(text):
        splitter = AnswerBlock(SCHEMA)
        assert "".join(read(splitter, *pieces)) == answer, pieces
        assert (problem in splitter.problem()) if problem else splitter.problem() == ""


def test_answer_that_is_no_container_is_found():
    for text, schema in (("```json\n42\n```", {"type": "integer"}), ('"red"', {"enum": ["red"]}), ("true", True)):
        splitter = AnswerBlock(schema if isinstance(schema, dict) else {})
        assert json.loads("".join(read(splitter, text))) in (42, "red", True)
        assert splitter.problem() == ""


def test_calls_and_an_answer_of_a_schema_can_come_in_blocks():
    for text, found, problem in (
        (f"I look.\n```tool_call\n{CALL}\n```", ["I look.", SET], ""),
        ('Here:\n```json\n{"size": 3}\n```', ['{"size": 3}'], ""),
        ("Nothing.", ["Nothing."], "it holds no JSON"),
    ):
        for pieces in splits(text):
            splitter = InTurn(CallBlocks(), AnswerBlock(SCHEMA))
            assert read(splitter, *pieces) == found, pieces
            assert splitter.problem() == problem


def test_text_is_given_out_as_soon_as_it_can_be_told_apart():
    blocks = CallBlocks()
    assert blocks.feed("Let me") == ["Let me"]
    assert blocks.feed(" look") == [" look"]
    assert blocks.feed(".\n") == ["."]
    assert blocks.undecided == "\n"
    assert blocks.feed("``") == []
    assert blocks.feed("x") == ["\n``x"]
    assert blocks.feed("\n```python") == ["\n```python"]
    assert blocks.feed("\n```tool_call\n") == []
    assert blocks.feed(CALL[:-1]) == []
    # A call is whole with its last brace, before the fence that closes it.
    assert blocks.feed(CALL[-1]) == [SET]

    form = CallOrAnswer()
    assert form.feed('{"answer": "He') == ["He"]
    assert form.feed("llo\\") == ["llo"]
    assert form.feed("n") == ["\n"]
    assert form.feed('."') == ["."]

    answer = AnswerBlock(SCHEMA)
    assert answer.feed("Sure!\n```json\n{") == ["{"]
    assert answer.feed('"size"') == ['"size"']


def test_long_text_is_split_in_time_linear_in_its_length():
    # 2 MB in small pieces; anything quadratic takes minutes.
    text = ("word `code` and more\n" * 50 + "\n```python\nx\n```\n") * 200
    pieces = [text[place : place + 40] for place in range(0, len(text), 40)]
    assert read(CallBlocks(), *pieces) == [text]
    quoted = json.dumps({"answer": text})
    assert read(CallOrAnswer(), *(quoted[place : place + 40] for place in range(0, len(quoted), 40))) == [text]


MARKS = ["```", "`", "\n", " ", "    ", "\r\n", "{", "}", "[", "]", '"', "\\", ":", ",", "<", "\x0b"]
WORDS = ["tool_call", "tool", "<tool_call>", "</tool_call>", "json", "word", "u", "d83d", "de00", "1", "é"]
SHREDS = st.sampled_from([*MARKS, *WORDS, '"name": "f"', '"arguments"', '{"answer": ', '{"tool": ', CALL])


@settings(derandomize=True, max_examples=150, deadline=None, database=None)
@given(st.lists(SHREDS, max_size=14), st.data())
@pytest.mark.parametrize(
    "make",
    [
        CallBlocks,
        CallOrAnswer,
        lambda: CallOrAnswer(raw_answer=True),
        lambda: AnswerBlock(SCHEMA),
        lambda: InTurn(CallBlocks(), AnswerBlock(SCHEMA)),
    ],
    ids=["blocks", "form", "raw form", "answer", "both"],
)
def test_any_text_is_the_same_at_any_split(make, shreds, data):
    text = "".join(shreds)
    whole = read(make(), text)
    assert read(make(), *text) == whole
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *places], [*places, len(text)])]
    assert read(make(), *pieces) == whole
    if "tool" not in text and "name" not in text and make is CallBlocks:
        assert "".join(whole) == text


@pytest.mark.parametrize(("value", "said"), [(0, "above 0"), (1, "below 1"), (0.5, "")])
def test_open_bounds_hold_a_value_back(value, said):
    schema = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
    problem = problem_with(value, schema)
    assert (said in problem) if said else not problem
    assert not problem_with(value, {**schema, "exclusiveMinimum": True, "exclusiveMaximum": False})

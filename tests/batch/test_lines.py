"""Lines of a batch file: both forms, what is wrong with one, and the digest that tells a change."""

from __future__ import annotations

import json

import pytest

from nuke_ai_panel.batch.lines import RequestLines

ASKED = {"model": "ollama/toy", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def read(tmp_path):
    """Return the lines of a file with this text."""

    def made(*lines, **options):
        path = tmp_path / "in.jsonl"
        raw = [
            line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
            for line in lines
        ]
        path.write_bytes(b"\n".join(raw))
        found = RequestLines(path, **options)
        assert found.count() == len(list(found))
        return list(found)

    return made


def test_own_form_and_batch_form_ask_the_same(read):
    wrapped = {"custom_id": "b", "method": "POST", "url": "/v1/chat/completions", "body": ASKED}
    own, other = read({"id": "a", **ASKED}, wrapped)
    assert [own.item.id, other.item.id] == ["a", "b"]
    assert own.item.request == other.item.request == ASKED
    assert own.digest == other.digest


def test_identifier_that_is_none_is_no_identifier(read):
    found = read({"id": None, **ASKED}, {"custom_id": None, "id": 0, **ASKED}, ASKED)
    assert [line.item.id for line in found] == ["", "0", ""]


def test_blank_lines_have_a_number_but_no_index(read):
    found = read(b"\xef\xbb\xbf" + json.dumps(ASKED).encode(), "", "  \r", ASKED)
    assert [(line.number, line.item.index, line.item.error) for line in found] == [(1, 0, None), (4, 1, None)]


def test_line_separators_inside_a_text_do_not_end_the_line(read):
    raw = json.dumps({**ASKED, "user": "a\u2028b\u0085c"}, ensure_ascii=False)
    (line,) = read(raw)
    assert line.item.request["user"] == "a\u2028b\u0085c"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Line 2: It is no JSON"),
        ('{"messages"', "Line 2: It is no JSON: Expecting ':' delimiter at column 12"),
        ("[1]", "Line 2: It must be an object"),
        (b'{"model": "\xff"}', "Line 2: It is not UTF-8: byte 12"),
        ('{"temperature": NaN}', "Line 2: It is no JSON that can be read"),
        ("[" * 100_000, "Line 2: It is no JSON that can be read"),
        ({"custom_id": "x", "body": [], "url": "/v1/chat/completions"}, "Line 2: The body"),
        ({"custom_id": "x", "body": ASKED, "url": "/v1/embeddings"}, "Line 2: A batch asks for chat completions only"),
        ({"custom_id": "x", "body": ASKED, "model": "ollama/toy"}, "Line 2: A request with a body has no field 'model'"),
        ({**ASKED, "user": "x" * 500}, "Line 2 is longer"),
        ({"messages": ASKED["messages"]}, "Line 2: It names no model, and no --model is given"),
    ],
    ids=range(11),
)
def test_bad_line_is_an_item_with_its_number_and_the_others_stay(read, line, said):
    found = read(ASKED, line, ASKED, longest=150_000 if isinstance(line, str) else 300)
    assert [each.item.error is None for each in found] == [True, False, True]
    assert str(found[1].item.error).startswith(said)
    assert found[1].item.index == 1
    assert found[1].item.error.__context__ is None


@pytest.mark.parametrize("field", ["api_key", "API_KEY", "headers"])
def test_key_in_a_line_is_refused_and_not_repeated(read, field):
    (line,) = read({"id": "a", **ASKED, field: "sk-very-secret"})
    assert line.item.request == {}
    assert line.item.id == "a"
    assert "environment" in str(line.item.error)
    assert "sk-very-secret" not in repr(vars(line.item.error)) + str(line.item.error)


@pytest.mark.parametrize("field", ["base_url", "ca_file"])
def test_server_in_a_line_is_refused_because_the_key_would_go_there(read, field):
    (line,) = read({"id": "a", **ASKED, field: "http://127.0.0.1:9"})
    assert line.item.request == {}
    assert "names no servers" in str(line.item.error)


def test_model_and_provider_fill_what_a_line_leaves_out(read):
    bare = {**ASKED, "model": "meta/toy"}
    given, slashed, none = read(ASKED, bare, {"messages": []}, model="plain", provider="openrouter")
    assert given.item.request["model"] == "ollama/toy"
    assert slashed.item.request["model"] == "openrouter/meta/toy"
    assert none.item.request["model"] == "openrouter/plain"


def test_digest_changes_with_what_is_asked_and_with_nothing_else(read):
    reordered = {"messages": ASKED["messages"], "model": ASKED["model"], "id": "another"}
    first, second, third, fourth = read(ASKED, reordered, {**ASKED, "seed": 1}, "{")
    assert first.digest == second.digest
    assert len({first.digest, third.digest, fourth.digest}) == 3

"""Texts that nobody wrote: values of any kind, scripts put together at random, real scripts damaged at random.

Nothing but the engine's own errors comes of them, in bounded time, and no byte goes wrong. ``NUKE_AI_PANEL_NK_FUZZ=2000`` tries
that many damaged scripts instead of a few for each file, ``NUKE_AI_PANEL_NK_EXAMPLES=5000`` that many examples of each kind.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError, NkError
from nuke_ai_panel.nk.node_text import NodeText
from nuke_ai_panel.nk.words import list_words, quote, unquote, word_end

#: Seconds that a file may take; generous, for machines that do other things too.
LIMIT = 10.0

quick = settings(
    max_examples=int(os.environ.get("NUKE_AI_PANEL_NK_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)

# Characters that mean something, and some that only look as if they did.
MARKS = [*'{}[]"\\;$#\n\r\t \x00\x0b\x1c\x85\xa0\u2028', "a", "name", "inputs", "selected", "é", "\udce9", "0", "\U0001f600"]
texts = st.lists(st.sampled_from(MARKS), max_size=14).map("".join)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)


def graph(document: nk.Document) -> list[object]:
    """Return all that a script says, in file order."""
    return [
        (
            node.path,
            node.class_name,
            [source and source.path for source in node.inputs],
            node.pops,
            dict(node.knobs),
            dict(node.user_knobs),
            (node.xpos, node.ypos),
        )
        for node in document.nodes(recurse=True)
    ]


@quick
@given(texts)
def test_a_quoted_text_is_one_word_and_means_the_text(text: str) -> None:
    word = quote(text)
    assert word_end(word + "\n", 0, in_list=True) == len(word)
    assert unquote(word) == text
    assert list_words(f" {word} {word}\n") == [word, word]


@quick
@given(names, texts, st.booleans())
def test_any_value_can_be_set_and_read(knob: str, value: str, scalar: bool) -> None:
    document = nk.loads(b"Read {\n inputs 0\n name R\n}\nGrade {\n white 2\n name G\n}\nBlur {\n name B\n}\n")
    if knob in ("inputs", "name", "selected"):
        return
    before = graph(document)
    document.set_knob(document.node("G"), knob, value, scalar=scalar)
    again = nk.loads(document.to_bytes())
    assert again.node("G").knob(knob) == value
    assert again.to_bytes() == document.to_bytes()
    document.clear_knob(document.node("G"), knob)
    if knob != "white":
        assert graph(document) == before


@quick
@given(st.lists(st.tuples(names, texts), max_size=6))
def test_a_body_is_read_by_lines_as_by_words(entries: list[tuple[str, str]]) -> None:
    lines = "".join(f" {name} {quote(value)}\n" for name, value in entries)
    by_line, by_word = NodeText("", "\n" + lines, ""), NodeText("", lines.replace("\n", "  "), "")
    assert [(s.name, unquote(by_line.word(s))) for s in by_line.spans] == entries
    assert [(s.name, unquote(by_word.word(s))) for s in by_word.spans] == entries


pieces = st.one_of(
    texts,
    st.sampled_from(
        [
            "Grade {\n name G\n}\n",
            "Group {\n name X\n}\n",
            "end_group\n",
            "set N1 [stack 0]\n",
            "push $N1\n",
            "push 0\n",
            "clone $N1 {\n xpos 1\n}\n",
            "clone a|B|c Grade {\n}\n",
            "Root {\n inputs 0\n}\n",
            "add_layer {a a.b}\n",
            "Blur {name B; size 2}",
            "Merge2 {\n inputs 2+1\n",
            "}\n",
            "; ",
            "# {\n",
            'Read {\r\n file "a\\\nb"\r\n}\r\n',
        ]
    ),
)


@quick
@given(st.lists(pieces, max_size=10).map("".join))
def test_scripts_put_together_at_random(text: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    try:
        document = nk.loads(data, recover=True)
    except EncryptedScriptError:
        return
    assert document.to_bytes() == data
    whole = graph(document)
    try:
        strict = nk.loads(data)
    except NkError:
        assert document.damage
    else:
        assert not document.damage
        assert graph(strict) == whole


@quick
@given(st.lists(pieces, max_size=8).map("".join), st.integers(0, 10_000))
def test_scripts_at_random_survive_changes(text: str, seed: int) -> None:
    data = text.encode("utf-8", "surrogateescape")
    try:
        document = nk.loads(data)
    except NkError:
        return
    rng = random.Random(seed)
    for _ in range(4):
        nodes = document.nodes(recurse=True)
        try:
            node = rng.choice(nodes) if nodes else document.create("Blur")
            kind = rng.randrange(4)
            if kind == 0:
                document.delete(node)
            elif kind == 1:
                document.connect(node, rng.randrange(3), rng.choice([*node.scope.nodes, None]))
            elif kind == 2:
                document.create("Blur", inputs=[node], group=node.scope.owner)
            else:
                document.copy([node])
        except NkError:
            continue
    try:
        written = document.to_bytes()
    except NkError:
        pass
    else:
        assert {node.path for node in nk.loads(written).nodes(recurse=True)} == {
            node.path for node in document.nodes(recurse=True)
        }
    document.roll_back(0)
    assert document.to_bytes() == data


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with one to three things gone wrong in it."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + data[at + rng.randint(1, 40) :]
        elif kind == 2:
            data = data[:at] + bytes([rng.choice(b'{}[]"\\;$#\n\r \x00\xe9')]) + data[at:]
        elif kind == 3:
            data = data[:at] + bytes(rng.randrange(256) for _ in range(8)) + data[at + 8 :]
        elif kind == 4:
            end = at + rng.randint(1, 400)
            data = data[:end] + data[at:end] + data[end:]
        else:
            lines = data.split(b"\n")
            del lines[rng.randrange(len(lines))]
            data = b"\n".join(lines)
    return data


def check(data: bytes, rng: random.Random) -> None:
    began = time.process_time()
    try:
        document = nk.loads(data, recover=True)
    except EncryptedScriptError:
        return
    assert document.to_bytes() == data
    before = graph(document)
    assert time.process_time() - began < LIMIT
    try:
        nk.loads(data)
    except NkError as error:
        told = str(error)
    else:
        told = ""
    assert told == (str(document.damage[0]) if document.damage else "")
    if told:
        return
    nodes = [node for node in document.nodes(recurse=True) if node.clone_of is None and not node.clones]
    if not nodes:
        return
    # One knob of one node is changed: that is all that changes.
    node = rng.choice(nodes)
    place = document.nodes(recurse=True).index(node)
    document.set_knob(node, "fuzzed", "{1 {curve x1 2}}")
    after = graph(nk.loads(document.to_bytes()))
    assert after == graph(document)
    assert [one for index, one in enumerate(after) if index != place] == [
        one for index, one in enumerate(before) if index != place
    ]


def test_damaged_real_scripts(corpus_file: Path) -> None:
    data = corpus_file.read_bytes()
    wanted = int(os.environ.get("NUKE_AI_PANEL_NK_FUZZ", "0"))
    rng = random.Random(corpus_file.name)
    tries = wanted // 90 + 1 if wanted else max(1, min(6, 60_000 // len(data)))
    for number in range(tries):
        mutant = damaged(data, rng)
        try:
            check(mutant, rng)
        except Exception as error:
            raise AssertionError(f"mutant {number} of {corpus_file.name}: {error!r}") from error


@pytest.mark.parametrize("seed", range(40))
def test_damaged_small_scripts(seed: int) -> None:
    rng = random.Random(seed)
    script = (
        b'Root {\n inputs 0\n name "a b"\n}\nadd_layer {id id.red}\nRead {\n inputs 0\n file "/a \\"b\\"/c.exr"\n name R\n}\n'
        b"set N1 [stack 0]\nGroup {\n name G\n addUserKnob {20 User}\n}\n Blur {\n  size {{curve x1 2 x3 4}}\n  name B\n }\n"
        b"end_group\npush $N1\npush 0\nMerge2 {\n inputs 2+1\n name M\n selected true\n}\nclone $N1 {\n xpos 4\n}\n"
    )
    for _ in range(12):
        check(damaged(script, rng), rng)


def test_plain_lines_are_read_as_words_would_be(corpus_file: Path) -> None:
    data = corpus_file.read_bytes()
    if corpus_file.suffix == ".nknc" or b"encrypted text" in data[:400]:
        pytest.skip("encrypted")
    # A blank behind the brace of a node keeps the pattern for plain commands from matching it.
    careful = nk.loads(data.replace(b"{\r\n", b"{ \r\n").replace(b"{\n", b"{ \n"))
    plain = nk.loads(data)
    for one, other in zip(plain.walk(), careful.walk()):
        assert (one.path, one.class_name, one.pops, one.selected) == (other.path, other.class_name, other.pops, other.selected)
        assert [source and source.path for source in one.inputs] == [source and source.path for source in other.inputs]
        assert list(one.knobs) == list(other.knobs)
    assert len(plain.nodes(recurse=True)) == len(careful.nodes(recurse=True))

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuke_ai_panel.errors import ProtocolError
from nuke_ai_panel.net.decoders import NdjsonDecoder, SseDecoder, WholeDecoder

NDJSON = '\ufeff{"a":"Grün"}\r\n\n  \n{"b":"x\u2028y\u0085z"}\n{"c":3}'.encode()
NDJSON_RECORDS = ['{"a":"Grün"}', '{"b":"x\u2028y\u0085z"}', '{"c":3}']

SSE = (
    '\ufeff: hello\n\ndata: {"a":"Grün\u2028\u0085"}\r\n\r\nevent: error\nid: 7\nretry: 10\ndata:one\ndata: two\n\n'
    "data\n\n:\n\n\n\ndata:  indented\n\ndata: [DONE]"
).encode()
SSE_EVENTS = ['{"a":"Grün\u2028\u0085"}', "one\ntwo", "", " indented", "[DONE]"]


@pytest.mark.parametrize(
    ("decoder", "body", "expected"), [(NdjsonDecoder, NDJSON, NDJSON_RECORDS), (SseDecoder, SSE, SSE_EVENTS)]
)
def test_decoder_gives_the_same_records_at_every_split_point(decoder, body, expected):
    for at in range(len(body) + 1):
        made = decoder()
        assert made.feed(body[:at]) + made.feed(body[at:]) + made.close() == expected, at


@pytest.mark.parametrize(
    ("decoder", "body", "expected"), [(NdjsonDecoder, NDJSON, NDJSON_RECORDS), (SseDecoder, SSE, SSE_EVENTS)]
)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_decoder_gives_the_same_records_in_pieces_of_any_size(decoder, body, expected, size):
    made = decoder()
    found = [record for at in range(0, len(body), size) for record in made.feed(body[at : at + size])]
    assert found + made.close() == expected


@pytest.mark.parametrize("end", [b"\r", b"\r\n"])
def test_event_stream_may_end_its_lines_in_any_way_at_every_split_point(end):
    body = SSE.replace(b"\r\n", b"\n").replace(b"\n", end)
    for at in range(len(body) + 1):
        made = SseDecoder()
        assert made.feed(body[:at]) + made.feed(body[at:]) + made.close() == SSE_EVENTS, at


def events_of(body):
    """The data of the events of a whole body, read word for word as the standard says, and the one at its end too."""
    text = body.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    events, data = [], []
    for line in [*text.split("\n"), ""]:
        field, _, value = line.partition(":")
        if not line and data:
            events.append("\n".join(data))
            data = []
        elif field == "data":
            data.append(value[1:] if value.startswith(" ") else value)
    return events


BITS = st.sampled_from(
    [
        *(b"data: x\n", b"data: x\n\n", b"data: y\n\ndata: [DONE]\n\n", b"data: ", b"data:", b"data", b"data : x"),
        *(b" ", b"x", b"\x00", b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n"),
        *(b": sign of life", b"id: 1", b"event: e", b"retry"),
        *(b"\xef\xbb\xbf", b"\xe2\x82", b"\xac", b"\xff", "\u2028\u0085".encode()),
    ]
)


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(pieces=st.lists(st.lists(BITS, max_size=4).map(b"".join), max_size=6), cuts=st.lists(st.integers(0, 120), max_size=4))
def test_event_stream_means_the_same_in_whatever_pieces_it_comes(pieces, cuts):
    body = b"".join(pieces)
    places = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    elsewhere = [body[at:end] for at, end in zip(places, places[1:])]
    for cut in (pieces, elsewhere, [body[at : at + 1] for at in range(len(body))]):
        made = SseDecoder()
        assert [event for piece in cut for event in made.feed(piece)] + made.close() == events_of(body)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(lengths=st.lists(st.integers(0, 60), min_size=1, max_size=6), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_event_that_is_too_long_is_refused_in_whatever_pieces_it_comes(lengths, cuts):
    body = b"".join(b"data: " + b"x" * length + b"\n\n" for length in lengths)
    places = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    made = SseDecoder(longest_line=40)

    def read():
        for at, end in zip(places, places[1:]):
            found.extend(made.feed(body[at:end]))
        found.extend(made.close())

    found = []
    if max(lengths) + len(b"data: ") > 40:
        with pytest.raises(ProtocolError):
            read()
        fitting = next(place for place, length in enumerate(lengths) if length + len(b"data: ") > 40)
        assert found == ["x" * length for length in lengths[:fitting]]
    else:
        read()
        assert found == ["x" * length for length in lengths]


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_whole_body_is_one_record(size):
    body = '\ufeff {\n"a": "Grün"\n}\n'.encode()
    made = WholeDecoder()
    assert [record for at in range(0, len(body), size) for record in made.feed(body[at : at + size])] == []
    assert [record.strip() for record in made.close()] == ['{\n"a": "Grün"\n}']
    assert WholeDecoder().close() == []


@pytest.mark.parametrize("decoder", [NdjsonDecoder, SseDecoder, WholeDecoder])
@pytest.mark.parametrize(
    ("body", "fits"),
    [
        (b'{"picture":"%s"}' % (b"QUJD" * 700_000), True),
        (b'{"values":[%s0]}' % (b"{}," * 700_000), False),
        (b'{"text":"%s"}' % ("\U0001f600" * 700_000).encode(), False),
    ],
    ids=["picture", "tiny values", "wide characters"],
)
def test_long_record_must_be_of_the_kind_that_long_records_are(decoder, body, fits):
    made = decoder()
    sent = {NdjsonDecoder: body + b"\n", SseDecoder: b"data: " + body + b"\n\n", WholeDecoder: body}[decoder]

    def read():
        found = [record for at in range(0, len(sent), 65536) for record in made.feed(sent[at : at + 65536])]
        return found + made.close()

    if fits:
        assert [len(record) for record in read()] == [len(body)]
    else:
        with pytest.raises(ProtocolError) as caught:
            read()
        assert caught.value.kind == "line_too_long"


def test_records_come_as_soon_as_they_are_whole():
    lines, events = NdjsonDecoder(), SseDecoder()
    assert lines.feed(b"1\n2\n3") == ["1", "2"]
    assert events.feed(b"data: 1\n\ndata: 2\n") == ["1"]
    assert events.feed(b"\n") == ["2"]


@pytest.mark.parametrize("decoder", [NdjsonDecoder, SseDecoder])
def test_line_over_the_limit_is_refused_after_the_records_before_it(decoder):
    first = b"data: 1\n\n"
    made = decoder(longest_line=100)
    assert len(made.feed(first + b"x" * 200 + b"\n" + first)) == 1
    with pytest.raises(ProtocolError):
        made.feed(b"")
    with pytest.raises(ProtocolError):
        made.close()


@pytest.mark.parametrize("decoder", [NdjsonDecoder, SseDecoder])
def test_line_without_an_end_is_refused_at_the_limit(decoder):
    made = decoder(longest_line=1000)
    for _ in range(100):
        assert made.feed(b"x" * 10) == []
    with pytest.raises(ProtocolError):
        made.feed(b"x")


def test_event_of_many_lines_is_bounded_as_a_whole():
    made = SseDecoder(longest_line=10_000)
    assert made.feed(b"data: 0123456789\n" * 100) == []
    assert made.feed(b"\n") == ["\n".join(["0123456789"] * 100)]
    assert made.feed(b"data: 0123456789\n" * 100) == []
    with pytest.raises(ProtocolError):
        made.feed(b"data: 0123456789\n" * 100)
    before = SseDecoder(longest_line=10_000)
    # What came in the same piece is kept.
    assert before.feed(b"data: 1\n\n" + b"data: 0123456789\n" * 1000) == ["1"]
    for ask_again in (lambda: before.feed(b"\n"), before.close):
        with pytest.raises(ProtocolError):
            ask_again()
    empty = SseDecoder(longest_line=10_000)
    with pytest.raises(ProtocolError):
        empty.feed(b"data:\n" * 1000)


def test_line_of_eight_megabytes_in_small_pieces_is_read_in_linear_time():
    body = b"data: " + b"x" * (7 * 1024 * 1024) + b"\n\n"
    made = SseDecoder()
    events = [event for at in range(0, len(body), 4096) for event in made.feed(body[at : at + 4096])]
    assert [len(event) for event in events] == [7 * 1024 * 1024]


def test_broken_utf8_costs_one_character_and_not_the_answer():
    assert NdjsonDecoder().feed(b'{"a":"\xff"}\n') == ['{"a":"\ufffd"}']


def test_recorded_streams_are_cut_into_json(shared):
    folder = shared / "recordings"
    if not folder.is_dir():
        pytest.skip("the folder 'shared' holds no recordings")
    streams = 0
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            exchange = json.loads(line) if line.strip() else {}
            kind = dict(exchange.get("headers") or []).get("content-type", "")
            body = (exchange.get("body") or "").encode()
            if exchange.get("status") != 200 or not body:
                continue
            if "event-stream" in kind:
                made = SseDecoder()
                records = [event for at in range(0, len(body), 13) for event in made.feed(body[at : at + 13])]
                assert made.close() == []
            elif "ndjson" in kind:
                lines = NdjsonDecoder()
                records = [
                    record for at in range(0, len(body), 13) for record in lines.feed(body[at : at + 13])
                ] + lines.close()
            else:
                continue
            streams += 1
            assert records, exchange["name"]
            for record in records:
                assert record == "[DONE]" or isinstance(json.loads(record), dict), exchange["name"]
    assert streams >= 20

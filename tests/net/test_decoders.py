from __future__ import annotations

import json

import pytest

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

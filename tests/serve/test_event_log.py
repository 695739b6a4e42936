"""A log that is read from every place gives exactly what follows it."""

from __future__ import annotations

import asyncio
import random

import pytest

from nuke_ai_panel.serve.event_log import EventLog, LogEvent


def words(events):
    """What a reader has, as one row of comparable steps."""
    row = []
    for event in events:
        if event.name in ("text", "reasoning"):
            row += [(event.name, event.data["choice"], character) for character in event.data["text"]]
        elif event.name == "tool_call":
            if "name" in event.data:
                row.append(("call", event.data["index"], event.data["name"]))
            row += [("arguments", event.data["index"], character) for character in event.data["arguments"]]
        else:
            row.append((event.name, event.data.get("text")))
    return row


def filled(log, seed):
    chance = random.Random(seed)
    for _ in range(300):
        kind = chance.choice(["text", "text", "text", "reasoning", "tool_call", "notice"])
        letters = "".join(chance.choice("abc \n\u2028é") for _ in range(chance.randrange(5)))
        if kind == "tool_call":
            begins = chance.random() < 0.3
            more = {"id": "call", "name": "run"} if begins else {}
            log.add(kind, {"index": chance.randrange(2), "choice": 0, "arguments": letters, **more})
        elif kind == "notice":
            log.add(kind, {"text": str(chance.random())})
        else:
            log.add(kind, {"text": letters, "choice": chance.choice([0, 0, 0, 1])})
    log.add("finished", {"reason": "stop"})
    return log


@pytest.mark.parametrize("limit", [1, 7, 40, 10_000])
def test_reader_may_stop_anywhere_and_go_on_without_loss_or_repetition(limit):
    whole = words(filled(EventLog(10_000), 3).read(0, 100_000))
    log = filled(EventLog(limit), 3)
    assert words(log.read(0, 100_000)) == whole
    for place in range(log.end + 1):
        assert words(log.read(place, 100_000)) == whole[place:], place


def test_identifiers_grow_and_name_the_place_after_an_event():
    log = filled(EventLog(40), 5)
    events = log.read(0, 100_000)
    assert [event.id for event in events] == sorted({event.id for event in events})
    assert events[-1].id == log.end
    assert events[-1].is_last


def test_log_that_is_too_long_joins_pieces_and_keeps_all_text():
    log = EventLog(10)
    for number in range(5000):
        log.add("text", {"text": f"{number} ", "choice": 0})
    log.add("finished", {"reason": "stop"})
    assert len(log) <= 12
    assert "".join(event.data["text"] for event in log.read()[:-1]) == "".join(f"{number} " for number in range(5000))
    assert log.read()[-1].name == "finished"


@pytest.mark.parametrize("name", ["text", "tool_call"])
def test_long_piece_is_read_in_pieces_that_fit_into_a_line(name):
    text = "".join(f"{number} " for number in range(20_000))
    log = EventLog()
    data = {"text": text} if name == "text" else {"index": 0, "id": "call", "name": "run", "arguments": text}
    log.add(name, {**data, "choice": 0})
    events = log.read(0, log.end)
    assert max(len(str(value)) for event in events for value in event.data.values()) == 16_000
    assert words(events) == words([LogEvent(0, name, {**data, "choice": 0})])
    for event in events:
        assert words(log.read(event.id, log.end)) == words(events)[event.id :]


def test_size_counts_what_is_kept():
    log = EventLog(10)
    for _ in range(1000):
        log.add("text", {"text": "x" * 100, "choice": 0})
    assert 100_000 <= log.size < 110_000


def test_only_the_newest_place_in_the_queue_is_kept():
    log = EventLog(3)
    for position in range(9, 0, -1):
        log.add("queued", {"position": position})
    assert [event.data for event in log.read()] == [{"position": 1}]
    # Who has seen an older one is told the newest.
    assert [event.data for event in log.read(4)] == [{"position": 1}]


def test_nothing_comes_after_the_last_event():
    log = EventLog()
    log.add("failed", {"error": {}})
    log.add("text", {"text": "late", "choice": 0})
    log.add("finished", {})
    assert [event.name for event in log.read()] == ["failed"]
    assert log.is_over


def test_piece_without_text_is_no_event():
    log = EventLog()
    log.add("text", {"text": "", "choice": 0})
    log.add("tool_call", {"index": 0, "choice": 0, "arguments": ""})
    assert log.read() == []
    assert log.end == 0


async def test_followers_each_get_everything_whenever_they_come():
    log = EventLog(5)

    async def follow():
        return words([event async for event in log.follow()])

    early = asyncio.ensure_future(follow())
    for number in range(50):
        log.add("text", {"text": str(number), "choice": 0})
        await asyncio.sleep(0)
    middle = asyncio.ensure_future(follow())
    await asyncio.sleep(0)
    log.add("finished", {"reason": "stop"})
    late = await follow()
    assert await early == await middle == late
    assert len(late) == sum(len(str(number)) for number in range(50)) + 1


async def test_wait_ends_after_its_time():
    log = EventLog()
    assert await log.wait(0, 0.01) is False
    log.add("queued", {"position": 0})
    assert await log.wait(0, 0.01) is True
    assert not log._waiting


async def test_listener_that_fails_does_not_keep_others_from_listening():
    log = EventLog()
    reported, got = [], []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))
    try:

        def broken(event):
            raise ValueError("mine")

        log.listen(broken)
        stop = log.listen(got.append)
        left = []
        log.listen(left.append)()
        log.add("text", {"text": "a", "choice": 0})
        log.add("finished", {})
        await asyncio.wait(set(log._listening))
        stop()
    finally:
        loop.set_exception_handler(before)
    assert [event.name for event in got] == ["text", "finished"]
    assert [type(error) for error in reported] == [ValueError, ValueError]
    assert left == []

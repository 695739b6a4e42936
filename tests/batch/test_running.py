"""Many requests to a real server: order, how many at once, the server's own wishes, and every way to call."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time

import pytest

from nuke_ai_panel import ChatCompletion
from nuke_ai_panel.batch import acompletions, acompletions_as_finished, run_batch
from nuke_ai_panel.errors import (
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    ValidationError,
)

LIMIT = 60.0


def texts(records):
    return [record.response.choices[0].message.content if record.is_ok else None for record in records]


def in_time(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, LIMIT))


def test_records_are_in_the_order_of_the_requests_however_late_an_answer_is(server, model, ask):
    requests = [ask(model, f"wait={(0.2, 0, 0.1)[number % 3]} number {number}", id=f"r{number}") for number in range(9)]
    records = run_batch(requests, concurrency=3)
    assert [record.index for record in records] == list(range(9))
    assert [record.id for record in records] == [f"r{number}" for number in range(9)]
    assert [text.split()[:2] for text in texts(records)] == [[str(number), "number"] for number in range(9)]


def test_an_identifier_that_is_none_is_no_identifier(server, ask):
    given = [{"id": None}, {"id": 0}, {"custom_id": None, "id": "b"}, {"custom_id": "a", "id": "b"}, {}]
    records = run_batch([{**ask("ollama/toy", "one"), **each} for each in given])
    assert [record.id for record in records] == ["", "0", "b", "a", ""]
    assert all(record.is_ok for record in records)


def test_no_request_waits_for_the_rest_of_a_group(server, ask):
    # The first request is answered only after all the others: with groups of four the fifth would never be sent.
    requests = [ask("ollama/toy", "hold" if number == 0 else f"number {number}") for number in range(12)]

    async def main():
        finished = acompletions_as_finished(requests, concurrency=4)
        first = [(await finished.__anext__()).index for _ in range(11)]
        server.held.set()
        return first, [record.index async for record in finished]

    first, last = in_time(main())
    assert sorted(first) == list(range(1, 12))
    assert last == [0]


@pytest.mark.parametrize("requests", [{"model": "ollama/toy"}, "abc", b"abc", 5, None])
def test_what_is_no_row_of_requests_is_refused(server, requests):
    with pytest.raises(ValidationError, match="list") as caught:
        run_batch(requests)
    assert caught.value.field == "requests"
    with pytest.raises(ValidationError, match="list"):
        in_time(acompletions(requests))


def test_async_iterable_is_refused_by_ordinary_code_with_the_way_on(server, ask):
    async def made():
        yield ask("ollama/toy", "one")

    with pytest.raises(ValidationError, match="acompletions") as caught:
        run_batch(made())
    assert caught.value.field == "requests"
    assert server.asked == []


@pytest.mark.parametrize("max_wait", [-1, float("nan"), "5", True, None])
def test_longest_wait_that_is_none_is_refused(server, ask, max_wait):
    with pytest.raises(ValidationError, match="max_wait"):
        run_batch([ask("ollama/toy", "one")], max_wait=max_wait)
    assert server.asked == []


@pytest.mark.parametrize("concurrency", [1, 3, 20])
def test_no_more_requests_run_than_were_allowed(server, ask, concurrency):
    requests = [ask("ollama/toy", "hold") for _ in range(25)]
    timer = threading.Thread(target=lambda: (server.wait_until(lambda asked: len(asked) >= concurrency), server.held.set()))
    timer.start()
    records = run_batch(requests, concurrency=concurrency)
    timer.join()
    assert all(record.is_ok for record in records)
    assert server.most == concurrency


def test_failure_is_a_record_in_its_place(server, model, ask, unused_url):
    requests = [
        ask(model, "one"),
        ask(model, "status=403 two", max_retries=0),
        ask(model, "cut three"),
        ask(model, "four", temperature=99),
        "five",
        ask(model, "six", base_url=unused_url, max_retries=0),
        ask(model, "seven", stream=True),
        ask(model, "eight", unheard_of=1),
        {"messages": [{"role": "user", "content": "nine"}]},
        ask(model, "ten"),
    ]
    records = run_batch(requests, concurrency=4)
    errors = [record.error for record in records]
    assert [record.is_ok for record in records] == [True, *[False] * 8, True]
    assert (type(errors[1]), errors[1].status) == (PermissionDeniedError, 403)
    assert type(errors[2]) is StreamInterruptedError
    assert errors[2].partial_text == "three "
    assert [type(errors[number]) for number in (3, 4, 6, 7, 8)] == [ValidationError] * 5
    assert [errors[number].field for number in (3, 4, 6, 7, 8)] == [
        "temperature",
        "requests[4]",
        "stream",
        "unheard_of",
        "model",
    ]
    assert errors[5].kind == "connection_refused"
    assert sorted(server.prompts) == sorted(["one", "status=403 two", "cut three", "ten"])
    for record in records:
        assert json.loads(json.dumps(record.to_dict()))["index"] == record.index
    assert records[2].to_dict()["error"]["partial_text"] == "three "


def test_failed_record_holds_no_frames_and_no_key(server, ask):
    records = run_batch([ask("openai/toy", "status=401", api_key="sk-marked-key-1234567890")])
    error = records[0].error
    assert (type(error).__name__, error.__traceback__, error.__context__) == ("AuthenticationError", None, None)
    assert "sk-marked" not in repr(records) + str(records[0].to_dict()) + repr(vars(error))


def test_retry_after_of_one_request_stops_all_workers(server, ask):
    server.refusals = [(429, {"Retry-After": "1"})]
    records = run_batch([ask("ollama/toy", f"wait=0.02 number {number}") for number in range(30)], concurrency=4)
    assert all(record.is_ok for record in records)
    times = sorted(each.at for each in server.asked)
    # Those that were on their way when the refusal was sent are not to blame; after them nothing came for a second.
    pause = max(later - earlier for earlier, later in zip(times, times[1:]))
    assert pause >= 0.9
    assert sum(at < times[0] + 0.9 for at in times) <= 8
    assert len(server.asked) == 31


def test_batch_waits_longer_than_a_single_call_and_all_workers_wait(server, ask):
    # A call waits for its server at most as long as it may take in all: here the pause is longer than that.
    requests = [ask("openai/toy", f"number {number}", timeout=1.9) for number in range(12)]
    server.refusals = [(503, {"Retry-After": "2"})]
    records = run_batch(requests, concurrency=3)
    assert [text.split()[0] for text in texts(records)] == [str(number) for number in range(12)]
    times = sorted(each.at for each in server.asked)
    assert max(later - earlier for earlier, later in zip(times, times[1:])) >= 1.8
    assert sum(at < times[0] + 1.8 for at in times) <= 6


def test_server_that_refuses_without_a_time_is_asked_again_later(server, ask):
    server.refusals = [(429, {})]
    records = run_batch([ask("ollama/toy", "one", max_retries=0), ask("ollama/toy", "two", max_retries=0)], concurrency=1)
    assert [record.is_ok for record in records] == [True, True]
    assert server.asked[1].at - server.asked[0].at >= 0.9


def test_server_that_stays_busy_is_a_failure_after_the_longest_wait(server, ask):
    server.rule = lambda now: (503, {"Retry-After": "0.4"})
    (record,) = run_batch([ask("ollama/toy", "one", max_retries=0)], max_wait=1.0)
    assert isinstance(record.error, ServerError)
    assert (record.error.status, record.error.retry_after) == (503, 0.4)
    assert 2 <= len(server.asked) <= 4


def test_pause_beyond_the_longest_wait_fails_that_model_unsent_and_spares_the_others(server, ask):
    server.refusals = [(429, {"Retry-After": "3600"})]
    requests = [*(ask("ollama/toy", f"number {number}") for number in range(5)), ask("ollama/other", "last")]
    records = run_batch(requests, concurrency=1)
    assert [record.is_ok for record in records] == [*[False] * 5, True]
    assert server.prompts == ["number 0", "last"]
    assert all(isinstance(record.error, RateLimitError) for record in records[:5])
    assert all(3500 < record.error.retry_after <= 3600 for record in records[:5])
    assert "Not sent" in str(records[4].error)


def test_rate_spreads_the_requests_evenly(server, ask):
    records = run_batch([ask("ollama/toy", f"number {number}") for number in range(8)], concurrency=8, rate={"ollama": 1200})
    assert all(record.is_ok for record in records)
    times = sorted(each.at for each in server.asked)
    # The first one waits besides for the client to be loaded and for a connection.
    assert times[-1] - times[1] >= 6 * 0.05 - 0.03
    assert server.most < 8


def test_rate_of_one_provider_does_not_slow_another(server, ask):
    requests = [ask("ollama/toy", "slow"), ask("ollama/toy", "slow"), *(ask("openai/toy", "quick") for _ in range(6))]

    async def main():
        finished = acompletions_as_finished(requests, concurrency=8, rate={"ollama": 6})
        try:
            return [(await finished.__anext__()).index for _ in range(7)]
        finally:
            await finished.aclose()

    assert sorted(in_time(main())) == [0, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    "bad", [{"concurrency": 0}, {"concurrency": True}, {"rate": 0}, {"rate": {"ollama": "fast"}}, {"rate": {"olama": 5}}]
)
def test_argument_of_the_batch_itself_is_refused(server, ask, bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        run_batch([ask("ollama/toy", "one")], **bad)
    assert server.asked == []


def test_empty_batch_is_an_empty_list(server):
    assert run_batch([]) == []
    assert in_time(acompletions(iter(()))) == []


def test_run_batch_works_in_threads_and_shares_nothing_but_connections(server, ask):
    found = {}

    def work(name):
        found[name] = texts(run_batch([ask("ollama/toy", f"{name} {number}") for number in range(5)]))

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert found == {name: [f"{number} {name} " for number in range(5)] for name in "ab"}


def test_run_batch_in_a_coroutine_names_its_twin(server, ask):
    async def main():
        with pytest.raises(RuntimeError, match=r"await nuke_ai_panel\.acompletions"):
            run_batch([ask("ollama/toy", "one")])

    in_time(main())
    assert server.asked == []


def test_acompletions_works_on_a_running_loop_and_on_the_loop_of_another_thread(server, ask):
    requests = [ask("ollama/toy", f"number {number}") for number in range(5)]
    expected = texts(run_batch(requests))
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append(in_time(acompletions(requests))))

    async def main():
        thread.start()
        here, sync = await asyncio.gather(
            acompletions(requests), asyncio.get_running_loop().run_in_executor(None, run_batch, requests)
        )
        await asyncio.get_running_loop().run_in_executor(None, thread.join, LIMIT)
        return here, sync

    here, sync = in_time(main())
    assert texts(here) == texts(sync) == texts(elsewhere[0]) == expected


def test_requests_are_taken_no_faster_than_they_can_be_sent(server, ask):
    taken = []

    async def requests():
        number = 0
        while True:
            taken.append(number)
            yield ask("ollama/toy", f"number {number}")
            number += 1

    async def main():
        finished = acompletions_as_finished(requests(), concurrency=2)
        for _ in range(5):
            await finished.__anext__()
        # Long enough for a reader that takes everything to take a lot.
        await asyncio.sleep(0.2)
        await finished.aclose()

    in_time(main())
    # Five were read, two can wait for the reader, two more with the workers, and two have just been taken.
    assert len(taken) <= 11


def test_closing_ends_the_running_calls(server, ask):
    async def main():
        before = asyncio.all_tasks()
        finished = acompletions_as_finished([ask("ollama/toy", "one"), *(ask("ollama/toy", "hold") for _ in range(5))])
        await finished.__anext__()
        await asyncio.get_running_loop().run_in_executor(None, server.wait_until, lambda _: server.running == 5)
        await finished.aclose()
        assert asyncio.all_tasks() == before

    in_time(main())
    server.wait_until(lambda _: server.running == 0)


def test_cancelling_acompletions_ends_the_running_calls(server, ask):
    async def main():
        working = asyncio.ensure_future(acompletions([ask("openai/toy", "hold") for _ in range(5)]))
        await asyncio.get_running_loop().run_in_executor(None, server.wait_until, lambda _: server.running == 5)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working

    in_time(main())
    server.wait_until(lambda _: server.running == 0)


def test_input_that_fails_is_raised_after_the_records_before_it(server, ask):
    def requests():
        yield ask("ollama/toy", "one")
        yield ask("ollama/toy", "two")
        raise OSError("the disk has gone")

    async def main():
        finished = acompletions_as_finished(requests(), concurrency=2)
        seen = {(await finished.__anext__()).index for _ in range(2)}
        with pytest.raises(OSError, match="disk has gone"):
            await finished.__anext__()
        return seen

    assert in_time(main()) == {0, 1}


def test_progress_counts_in_the_thread_of_the_caller(server, ask):
    states, threads = [], set()

    def listen(state):
        states.append(state)
        threads.add(threading.current_thread())

    requests = [ask("openai/toy", "one two"), ask("openai/toy", "status=404", max_retries=0), ask("openai/toy", "three")]
    run_batch(requests, concurrency=1, progress=listen)
    assert threads == {threading.current_thread()}
    assert [(state.done, state.ok, state.failed, state.total) for state in states] == [(1, 1, 0, 3), (2, 1, 1, 3), (3, 2, 1, 3)]
    last = states[-1]
    assert (last.prompt_tokens, last.completion_tokens, last.cost, last.remaining) == (14, 3, 0.5, 0.0)
    assert [state.record.index for state in states] == [0, 1, 2]
    assert last.rate > 0


def test_progress_that_fails_ends_nothing(server, ask, caplog):
    with caplog.at_level(logging.ERROR):
        records = run_batch([ask("ollama/toy", "one")], progress=lambda state: 1 / 0)
    assert texts(records) == ["one "]
    assert "ZeroDivisionError" in caplog.text


def test_iterator_may_make_calls_of_its_own(server, ask):
    def requests():
        answer = ChatCompletion.create(**ask("ollama/toy", "first"))
        yield ask("ollama/toy", f"then {answer.choices[0].message.content}")

    assert texts(run_batch(requests())) == ["first then "]


def test_defect_in_one_request_does_not_take_the_others_with_it(server, ask, caplog):
    class Broken:
        def __getattr__(self, name):
            raise ZeroDivisionError(name)

    bad = {"model": "ollama/toy", "messages": [Broken()]}
    with caplog.at_level(logging.ERROR):
        records = run_batch([ask("ollama/toy", "one"), bad, ask("ollama/toy", "two")])
    assert [record.is_ok for record in records] == [True, False, True]
    assert isinstance(records[1].error, ValidationError)


def test_batch_asks_at_the_speed_of_its_workers(server, ask):
    requests = [ask("ollama/toy", f"wait=0.1 {number}") for number in range(32)]
    run_batch(requests[:1])
    start = time.monotonic()
    run_batch(requests, concurrency=16)
    # One after the other would take 3.2 s.
    assert time.monotonic() - start < 1.6

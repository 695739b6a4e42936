"""Real threads feed, real loops read."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import threading
import time

import pytest

from nuke_ai_panel.aio import Bridge
from nuke_ai_panel.aio.loop_thread import LoopThread
from nuke_ai_panel.errors import BridgeClosedError, StreamStalledError

PATIENCE = 20.0
"""Seconds that something which happens at once on an idle machine may take."""


async def until(condition):
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "it never came true"
        await asyncio.sleep(0.005)


def wait_until(condition):
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.005)


class Producer:
    """A generator of numbers that tells how far it got and how it ended, each in which thread."""

    def __init__(self, count=10**9):
        self.count = count
        self.made = 0
        self.closed_in = None
        self.closed = threading.Event()

    def __iter__(self):
        try:
            for number in range(self.count):
                self.made = number + 1
                yield number
        finally:
            self.closed_in = threading.current_thread().name
            self.closed.set()

    def numbers(self):
        return iter(self)


# order and ends


async def test_bridge_hands_over_every_item_in_order():
    bridge = Bridge(limit=64)
    bridge.run(Producer(5000).numbers())
    assert [number async for number in bridge] == list(range(5000))


async def test_bridge_takes_items_of_a_callback_api_from_a_pool():
    bridge = Bridge()

    def work(on_token):
        for number in range(300):
            on_token(number)
        bridge.finish()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        done = pool.submit(work, bridge.feed)
        assert [number async for number in bridge] == list(range(300))
        await asyncio.wrap_future(done)


async def test_bridge_gives_the_error_of_the_producer_after_the_items_before_it():
    def tokens():
        yield "a"
        yield "b"
        raise KeyError("own")

    bridge = Bridge()
    bridge.run(tokens())
    reader = bridge.reader()
    assert [await reader.__anext__(), await reader.__anext__()] == ["a", "b"]
    with pytest.raises(KeyError, match="own"):
        await reader.__anext__()


@pytest.mark.parametrize("kind", [StopAsyncIteration, StopIteration, asyncio.CancelledError, KeyboardInterrupt, SystemExit])
async def test_bridge_never_takes_a_producer_that_failed_for_one_that_ended(kind):
    class Broken:
        def __init__(self):
            self.left = 2

        def __iter__(self):
            return self

        def __next__(self):
            self.left -= 1
            if self.left:
                return "text"
            raise kind

    bridge = Bridge()
    bridge.run(Broken()) if kind is not StopIteration else bridge.fail(kind())
    with pytest.raises(RuntimeError, match=kind.__name__):
        _ = [item async for item in bridge]


async def test_bridge_block_finishes_and_fails_for_its_producer():
    def work(bridge, broken):
        with bridge:
            bridge.feed(1)
            if broken:
                raise OSError("gone")

    whole, broken = Bridge(), Bridge()
    await asyncio.get_running_loop().run_in_executor(None, work, whole, False)
    assert [item async for item in whole] == [1]
    with pytest.raises(OSError, match="gone"):
        await asyncio.get_running_loop().run_in_executor(None, work, broken, True)
    with pytest.raises(OSError, match="gone"):
        _ = [item async for item in broken]


async def test_error_of_another_bridge_is_not_taken_for_readers_that_left():
    def tokens():
        yield 1
        raise BridgeClosedError("of another bridge")

    bridge = Bridge()
    bridge.run(tokens())
    with pytest.raises(BridgeClosedError, match="another"):
        _ = [item async for item in bridge]


async def test_feed_after_the_end_is_refused():
    bridge = Bridge()
    bridge.finish()
    bridge.finish()
    bridge.fail(OSError("too late"))
    with pytest.raises(RuntimeError, match="after its end"):
        bridge.feed(1)
    assert [item async for item in bridge] == []


async def test_several_readers_each_get_everything():
    bridge = Bridge(limit=8)
    readers = [bridge.reader() for _ in range(3)]
    bridge.run(Producer(1000).numbers())

    async def read(reader):
        return [number async for number in reader]

    assert await asyncio.gather(*map(read, readers)) == [list(range(1000))] * 3


async def test_several_producers_share_a_bridge():
    bridge = Bridge(limit=16)

    def work(name):
        for number in range(500):
            bridge.feed((name, number))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    reader = bridge.reader()
    got = {name: [] for name in "abc"}
    for _ in range(1500):
        name, number = await reader.__anext__()
        got[name].append(number)
    for thread in threads:
        thread.join(PATIENCE)
    assert all(numbers == list(range(500)) for numbers in got.values())


def test_readers_on_two_loops_follow_one_producer():
    loops = [LoopThread(f"nuke-ai-panel-test-{name}") for name in "ab"]
    bridge = Bridge(limit=8)
    readers = [bridge.reader() for _ in loops]

    async def read(reader):
        return [number async for number in reader]

    futures = [loop.submit(read(reader)) for loop, reader in zip(loops, readers)]
    bridge.run(Producer(500).numbers())
    try:
        assert [future.result(PATIENCE) for future in futures] == [list(range(500))] * 2
    finally:
        for loop in loops:
            loop.stop()


async def test_take_returns_all_that_is_there():
    bridge = Bridge()
    for number in range(10):
        bridge.feed(number)
    reader = bridge.reader()
    assert await reader.take(3) == [0, 1, 2]
    assert await reader.take() == list(range(3, 10))
    bridge.finish()
    assert await reader.take() == []
    assert await reader.take() == []


async def test_one_wake_up_serves_a_whole_batch():
    loop = asyncio.get_running_loop()
    wakes = []
    real = loop.call_soon_threadsafe

    def counting(callback, *args, **options):
        wakes.append(callback)
        return real(callback, *args, **options)

    loop.call_soon_threadsafe = counting
    bridge = Bridge(limit=5000)
    reader = bridge.reader()
    waiting = asyncio.ensure_future(reader.take())
    await asyncio.sleep(0)

    def work():
        for number in range(5000):
            bridge.feed(number)

    thread = threading.Thread(target=work)
    thread.start()
    # The loop is held up, as by a render: everything comes while it cannot look.
    thread.join(PATIENCE)
    assert len(await waiting) == 5000
    assert len(wakes) == 1


# bounds


async def test_slow_reader_makes_the_producer_wait():
    producer = Producer()
    bridge = Bridge(limit=10)
    bridge.run(producer.numbers())
    await until(lambda: bridge._waiting_producers)
    assert producer.made == 11
    async with bridge.reader() as reader:
        assert [await reader.__anext__() for _ in range(100)] == list(range(100))
        await until(lambda: bridge._waiting_producers)
        assert producer.made <= 100 + 11
    await until(producer.closed.is_set)


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_smallest_bounds_do_not_lock_up(limit):
    bridge = Bridge(limit=limit)
    bridge.run(Producer(200).numbers())
    assert [number async for number in bridge] == list(range(200))


async def test_drop_oldest_keeps_the_newest_and_tells_how_many_were_lost():
    bridge = Bridge(policy="drop_oldest", limit=10)
    early = bridge.reader()
    for number in range(100):
        bridge.feed(number)
    bridge.finish()
    assert [number async for number in early] == list(range(90, 100))
    assert early.dropped == 90


async def test_drop_oldest_counts_for_each_reader_by_itself():
    bridge = Bridge(policy="drop_oldest", limit=4)
    slow, fast = bridge.reader(), bridge.reader()
    seen = []
    for number in range(20):
        bridge.feed(number)
        seen += await fast.take()
    bridge.finish()
    assert seen == list(range(20))
    assert fast.dropped == 0
    assert await slow.take() == [16, 17, 18, 19]
    assert slow.dropped == 16


async def test_first_reader_is_told_what_was_lost_before_it_came():
    bridge = Bridge(policy="drop_oldest", limit=2)
    for number in range(5):
        bridge.feed(number)
    reader = bridge.reader()
    assert (await reader.take(), reader.dropped) == ([3, 4], 3)


async def test_feed_that_would_stop_its_own_loop_is_refused():
    bridge = Bridge(limit=2)
    bridge.feed(1)
    bridge.feed(2)
    with pytest.raises(RuntimeError, match="worker thread"):
        bridge.feed(3)
    assert await bridge.reader().take() == [1, 2]


@pytest.mark.parametrize(
    "options",
    [{"policy": "drop_newest"}, {"limit": 0}, {"limit": 1.5}, {"limit": True}, {"silence": 0}, {"silence": float("nan")}],
)
def test_bridge_refuses_settings_without_meaning(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Bridge(**options)


# leaving


async def test_leaving_the_loop_closes_the_generator_in_its_own_thread():
    producer = Producer()
    bridge = Bridge(limit=4)
    thread = bridge.run(producer.numbers())
    async for number in bridge:
        if number == 5:
            break
    await until(producer.closed.is_set)
    assert producer.closed_in == thread.name
    assert thread.name.startswith("nuke-ai-panel-")
    assert thread.daemon
    thread.join(PATIENCE)
    assert not thread.is_alive()


async def test_next_feed_of_a_callback_api_raises_when_the_reader_has_left():
    bridge = Bridge()
    refused = threading.Event()

    def work():
        try:
            for number in range(10**9):
                bridge.feed(number)
                if number > 10_000:
                    time.sleep(0.001)
        except BridgeClosedError:
            refused.set()

    thread = threading.Thread(target=work)
    thread.start()
    async with bridge.reader() as reader:
        assert await reader.__anext__() == 0
    await until(refused.is_set)
    thread.join(PATIENCE)
    assert bridge.is_closed


async def test_cancelled_task_ends_its_producer():
    producer = Producer()
    bridge = Bridge(limit=4)
    bridge.run(producer.numbers())
    got = asyncio.Event()

    async def read():
        async for _ in bridge:
            got.set()
            await asyncio.sleep(0)

    task = asyncio.ensure_future(read())
    await got.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()
    await until(producer.closed.is_set)


async def test_cancelled_wait_loses_no_item():
    bridge = Bridge()
    reader = bridge.reader()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(reader.__anext__(), 0.01)
    bridge.feed("kept")
    assert await reader.__anext__() == "kept"


async def test_one_reader_of_two_may_leave():
    bridge = Bridge(limit=4)
    staying, leaving = bridge.reader(), bridge.reader()
    bridge.run(Producer(100).numbers())
    assert await leaving.__anext__() == 0
    leaving.close()
    leaving.close()
    assert [number async for number in staying] == list(range(100))
    assert await leaving.take() == []


async def test_reader_that_is_closed_elsewhere_stops_waiting():
    bridge = Bridge()
    reader = bridge.reader()
    waiting = asyncio.ensure_future(reader.take())
    await asyncio.sleep(0)
    await asyncio.get_running_loop().run_in_executor(None, reader.close)
    assert await asyncio.wait_for(waiting, PATIENCE) == []


async def test_close_of_the_bridge_is_an_error_to_its_readers():
    bridge = Bridge()
    bridge.feed(1)
    waiting = bridge.reader()
    assert await waiting.__anext__() == 1
    task = asyncio.ensure_future(waiting.__anext__())
    await asyncio.sleep(0)
    bridge.close()
    with pytest.raises(BridgeClosedError):
        await asyncio.wait_for(task, PATIENCE)
    with pytest.raises(BridgeClosedError):
        bridge.feed(2)


def test_reader_may_be_collected_while_its_bridge_is_locked():
    bridge = Bridge()
    reader = bridge.reader()
    with bridge._lock:
        del reader
        gc.collect()
    with pytest.raises(BridgeClosedError):
        bridge.feed(1)


async def test_failure_of_a_generator_that_is_closed_is_logged_without_its_words(caplog):
    def tokens():
        try:
            while True:
                yield "x"
        finally:
            raise OSError("the secret prompt")

    bridge = Bridge(limit=4)
    thread = bridge.run(tokens())
    async for _ in bridge:
        break
    await until(lambda: not thread.is_alive())
    assert "OSError" in caplog.text
    assert "secret" not in caplog.text


# loops that close


@pytest.mark.parametrize("policy", ["wait", "drop_oldest"])
def test_loop_that_closes_ends_the_producer(policy):
    producer = Producer()
    bridge = Bridge(limit=4, policy=policy)

    async def read():
        reader = bridge.reader()
        # Something else keeps the reader alive after its loop has gone.
        kept.append(reader)
        await reader.__anext__()

    kept = []
    thread = bridge.run(producer.numbers())
    asyncio.run(read())
    assert producer.closed.wait(PATIENCE)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_loop_that_closes_under_a_waiting_reader_ends_the_producer():
    bridge = Bridge()
    loop = asyncio.new_event_loop()
    reader = bridge.reader()
    waiting = loop.create_task(reader.__anext__())
    loop.run_until_complete(asyncio.sleep(0))
    waiting.cancel()
    reader._sleep(loop, lambda: None)
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(waiting)
    reader._sleep(loop, lambda: None)
    loop.close()
    bridge.feed(1)
    with pytest.raises(BridgeClosedError):
        bridge.feed(2)


def test_loop_that_closes_under_listening_callbacks_ends_the_producer():
    producer = Producer()
    bridge = Bridge(limit=4)
    got = []

    async def listen():
        bridge.listen(got.append)
        await until(lambda: got)

    bridge.run(producer.numbers())
    asyncio.run(listen())
    assert producer.closed.wait(PATIENCE)


def test_program_ends_while_a_producer_runs():
    import os
    import subprocess
    import sys

    program = """
import asyncio, itertools, logging
from nuke_ai_panel.aio.bridge import Bridge
# Without what asyncio's debug mode says of steps that take long on a busy machine.
logging.getLogger("asyncio").setLevel(logging.ERROR)
bridge = Bridge(limit=4)
bridge.run(itertools.count())
kept = []
async def read():
    kept.append(bridge.reader())
    return await kept[0].__anext__()
assert asyncio.run(read()) == 0
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program],
        timeout=60,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


# silence


async def test_silent_producer_is_an_error_after_what_it_sent():
    release = threading.Event()
    refused = threading.Event()
    bridge = Bridge(silence=0.3, name="model")

    def work():
        bridge.feed("a")
        release.wait(PATIENCE)
        try:
            bridge.feed("b")
        except BridgeClosedError:
            refused.set()

    thread = threading.Thread(target=work)
    thread.start()
    reader = bridge.reader()
    assert await reader.__anext__() == "a"
    with pytest.raises(StreamStalledError, match=r"model has sent nothing for 0\.3 s"):
        await reader.__anext__()
    release.set()
    await until(refused.is_set)
    thread.join(PATIENCE)


async def test_silence_adds_up_over_cancelled_waits():
    bridge = Bridge(silence=0.4)
    reader = bridge.reader()

    async def poll():
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(asyncio.sleep(0))), 1)
            try:
                await asyncio.wait_for(reader.__anext__(), 0.25)
            except StreamStalledError:
                return True
            except asyncio.TimeoutError:
                continue

    assert await asyncio.wait_for(poll(), PATIENCE)


async def test_loop_that_stood_still_makes_no_silence():
    bridge = Bridge(silence=0.5)
    reader = bridge.reader()
    waiting = asyncio.ensure_future(reader.__anext__())
    await asyncio.sleep(0.05)
    time.sleep(0.9)  # noqa: ASYNC251 - a host that blocks its main thread
    await asyncio.sleep(0.05)
    bridge.feed("there")
    assert await waiting == "there"


async def test_slow_neighbour_is_not_taken_for_a_silent_producer():
    bridge = Bridge(limit=2, silence=0.3)
    slow, fast = bridge.reader(), bridge.reader()
    bridge.run(Producer(50).numbers())
    got = []

    async def read_fast():
        async for number in fast:
            got.append(number)

    task = asyncio.ensure_future(read_fast())
    await until(lambda: bridge._waiting_producers and bridge._sleeping)
    assert not (await asyncio.wait({task}, timeout=0.6))[0]
    assert [number async for number in slow] == list(range(50))
    await task
    assert got == list(range(50))


# callbacks


async def test_listeners_are_called_in_order_on_their_loop_and_told_of_the_end():
    bridge = Bridge(limit=16)
    home = threading.get_ident()
    got, threads, ends = [], set(), []

    def on_item(number):
        got.append(number)
        threads.add(threading.get_ident())

    bridge.listen(on_item, ends.append)
    bridge.run(Producer(500).numbers())
    await until(lambda: ends)
    assert got == list(range(500))
    assert threads == {home}
    assert ends == [None]


def test_listening_is_started_from_a_thread_without_a_loop():
    bridge = Bridge()
    with pytest.raises(ValueError, match="loop="):
        bridge.listen(print)
    thread = LoopThread("nuke-ai-panel-test")
    got, ended = [], threading.Event()
    try:
        bridge.listen(got.append, lambda _: ended.set(), loop=thread.loop)
        bridge.feed(1)
        bridge.feed(2)
        bridge.finish()
        assert ended.wait(PATIENCE)
    finally:
        thread.stop()
    assert got == [1, 2]


async def test_listener_gets_the_error_after_the_items():
    told = []
    bridge = Bridge()
    bridge.listen(told.append, told.append)
    bridge.feed("a")
    error = OSError("gone")
    bridge.fail(error)
    await until(lambda: len(told) == 2)
    assert told == ["a", error]


async def test_listener_is_told_what_was_dropped_where_it_was_dropped():
    told = []
    bridge = Bridge(policy="drop_oldest", limit=3)
    listening = bridge.listen(told.append, told.append, on_dropped=lambda count: told.append(f"{count} lost"))
    for number in range(10):
        bridge.feed(number)
    bridge.finish()
    await until(lambda: None in told)
    assert told == ["7 lost", 7, 8, 9, None]
    assert listening.dropped == 7


async def test_listener_that_leaves_is_not_called_again_and_ends_the_producer():
    producer = Producer()
    bridge = Bridge(limit=8)
    got, ends = [], []

    def on_item(number):
        got.append(number)
        if number == 3:
            listening.close()

    listening = bridge.listen(on_item, ends.append)
    bridge.run(producer.numbers())
    await until(producer.closed.is_set)
    listening.close()
    assert got == [0, 1, 2, 3]
    assert ends == []


async def test_listener_that_fails_is_reported_and_goes_on():
    reported, got, ends = [], [], []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))
    try:
        bridge = Bridge()

        def on_item(number):
            got.append(number)
            if number == 1:
                raise ValueError("mine")

        bridge.listen(on_item, ends.append)
        bridge.run(Producer(4).numbers())
        await until(lambda: ends)
    finally:
        loop.set_exception_handler(before)
    assert got == [0, 1, 2, 3]
    assert [type(error) for error in reported] == [ValueError]


async def test_many_callbacks_let_the_loop_take_its_turns():
    bridge = Bridge(limit=10_000)
    turns, ends = [], []
    for number in range(5000):
        bridge.feed(number)
    bridge.finish()
    bridge.listen(lambda _: None, ends.append)
    while not ends:
        turns.append(1)
        await asyncio.sleep(0)
    assert len(turns) > 20


async def test_waiting_listener_hears_a_silence():
    ends = []
    bridge = Bridge(silence=0.2)
    bridge.listen(print, ends.append)
    await until(lambda: ends)
    assert isinstance(ends[0], StreamStalledError)


def test_stall_of_one_is_the_end_of_all_but_their_items_are_kept():
    async def main():
        bridge = Bridge(silence=0.2)
        ahead, behind = bridge.reader(), bridge.reader()
        bridge.feed(1)
        assert await ahead.__anext__() == 1
        with pytest.raises(StreamStalledError):
            await ahead.__anext__()
        assert await behind.__anext__() == 1
        with pytest.raises(StreamStalledError):
            await behind.__anext__()

    asyncio.run(main())


def test_wait_ends_when_the_reader_is_closed_in_another_thread():
    bridge = Bridge(limit=1)
    reader = bridge.reader()
    producer = Producer()
    bridge.run(producer.numbers())
    wait_until(lambda: bridge._waiting_producers)
    reader.close()
    assert producer.closed.wait(PATIENCE)

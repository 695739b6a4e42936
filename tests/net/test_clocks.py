from __future__ import annotations

import asyncio
import time

import pytest

from nuke_ai_panel.net.clocks import AliveClock, Pulse, SilenceWatch, within


async def test_within_returns_the_result_and_raises_what_the_work_raises():
    async def work(value):
        await asyncio.sleep(0)
        if value is None:
            raise KeyError("x")
        return value

    assert await within(work(3), 5) == 3
    with pytest.raises(KeyError):
        await within(work(None), 5)


async def test_within_cancels_the_work_and_waits_for_its_end():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    with pytest.raises(asyncio.TimeoutError):
        await within(work(), 0.05)
    assert ended == [True]


async def test_within_passes_a_cancellation_on():
    ended = asyncio.Event()

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.ensure_future(within(work(), 30))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_within_keeps_a_cancellation_that_comes_with_the_result():
    done = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(within(done, 30))
    await asyncio.sleep(0)
    done.set_result(1)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_within_does_not_count_a_loop_that_stood_still():
    answer = asyncio.get_running_loop().create_future()

    async def block():
        time.sleep(1.2)  # noqa: ASYNC251 - the standstill is what is tested
        asyncio.get_running_loop().call_later(0.05, answer.set_result, "in time")

    task = asyncio.ensure_future(within(answer, 0.8))
    await block()
    assert await task == "in time"


async def test_alive_clock_counts_a_standstill_as_one_short_step():
    clock = AliveClock()
    time.sleep(0.7)  # noqa: ASYNC251
    assert clock.tick() == pytest.approx(0.2)
    assert clock.seconds == pytest.approx(0.2)


async def test_silence_watch_tells_bytes_from_events():
    fired = asyncio.Event()
    watch = SilenceWatch(Pulse(), 0.4, fired.set)
    watch.start()
    watch.waiting = True

    async def signs_of_life():
        while True:
            watch.byte_silence = 0.0
            await asyncio.sleep(0.02)

    life = asyncio.ensure_future(signs_of_life())
    await fired.wait()
    life.cancel()
    assert watch.silent == "events"

    fired = asyncio.Event()
    silent = SilenceWatch(Pulse(), 0.2, fired.set)
    silent.start()
    silent.waiting = True
    await fired.wait()
    assert silent.silent == "bytes"


async def test_silence_watch_counts_only_while_the_reader_waits():
    fired = []
    watch = SilenceWatch(Pulse(), 0.2, lambda: fired.append(True))
    watch.start()
    await asyncio.sleep(0.6)
    watch.stop()
    assert not fired


def test_within_can_be_thrown_away_after_its_loop_was_closed():
    loop = asyncio.new_event_loop()
    waiting = within(asyncio.sleep(60), 60)
    tasks = [loop.create_task(waiting)]
    loop.run_until_complete(asyncio.sleep(0.01))
    tasks += [each for each in asyncio.all_tasks(loop) if each is not tasks[0]]
    loop.close()
    waiting.close()
    for task in tasks:
        task.get_coro().close()
        # They are left pending on purpose.
        task._log_destroy_pending = False

from __future__ import annotations

import asyncio
import threading
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


class CountingLoop(asyncio.SelectorEventLoop):
    """A loop that counts the timers it is asked for."""

    def __init__(self):
        super().__init__()
        self.timers = 0

    def call_at(self, *arguments, **options):
        self.timers += 1
        return super().call_at(*arguments, **options)


def on_counting_loop(main):
    """Run the coroutine function `main` with the loop as its argument; the loop must be left with nothing on it."""
    loop = CountingLoop()
    try:
        loop.run_until_complete(main(loop))
    finally:
        loop.close()


def test_pulse_serves_many_watches_with_one_timer_and_ends_with_the_last_of_them():
    async def main(loop):
        pulse = Pulse()
        steps = {name: [] for name in range(50)}
        enough = asyncio.Event()

        def watch(name):
            def look(step):
                steps[name].append(step)
                if all(len(taken) >= 3 for taken in steps.values()):
                    enough.set()
                return 0.02

            return look

        looks = [watch(name) for name in steps]
        for look in looks:
            pulse.begin(look, 0.02)
        assert loop.timers == 1
        await enough.wait()
        most = max(map(len, steps.values()))
        assert loop.timers <= most + 1
        assert all(0 <= step <= 0.2 for taken in steps.values() for step in taken)
        for look in looks:
            pulse.end(look)
        before = loop.timers
        await asyncio.sleep(0.2)
        # That is the timer of this very wait.
        assert loop.timers == before + 1
        assert not [timer for timer in loop._scheduled if not timer.cancelled()]

    on_counting_loop(main)


def test_pulse_needs_no_second_timer_for_what_comes_and_goes():
    async def main(loop):
        pulse = Pulse()
        for _ in range(1000):
            look = lambda step: 0.1  # noqa: E731
            pulse.begin(look)
            pulse.end(look)
        assert loop.timers == 1

    on_counting_loop(main)


async def test_pulse_looks_sooner_where_one_wants_it_sooner():
    pulse = Pulse()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    called = {"late": [], "soon": []}
    done = asyncio.Event()

    def look(name):
        def note(step):
            called[name].append((loop.time() - begun, step))
            if name == "soon" and len(called["soon"]) >= 3:
                done.set()
            return 30.0 if name == "late" else 0.01

        return note

    late, soon = look("late"), look("soon")
    pulse.begin(late, 30.0)
    pulse.begin(soon, 0.01)
    await done.wait()
    pulse.end(soon)
    pulse.end(late)
    # All are called at each beat, with the seconds since the last one.
    assert len(called["late"]) == len(called["soon"])
    assert sum(step for _, step in called["soon"]) == pytest.approx(called["soon"][-1][0], abs=0.01)


async def test_watch_that_fails_takes_no_other_with_it():
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["exception"]))
    pulse = Pulse()
    seen = []
    enough = asyncio.Event()

    def fails(step):
        raise KeyError("watch")

    def works(step):
        seen.append(step)
        if len(seen) >= 3:
            enough.set()
        return 0.01

    pulse.begin(fails, 0.01)
    pulse.begin(works, 0.01)
    await enough.wait()
    pulse.end(works)
    # It is not called again.
    assert [type(error) for error in complaints] == [KeyError]


def test_ctrl_c_in_a_watch_leaves_the_others_their_timer():
    loop = asyncio.new_event_loop()
    seen = []

    def interrupted(step):
        pulse.end(interrupted)
        raise KeyboardInterrupt

    def works(step):
        seen.append(step)
        if len(seen) == 3:
            pulse.end(works)
            enough.set_result(None)
        return 0.01

    async def begin():
        made = Pulse()
        made.begin(interrupted, 0.01)
        made.begin(works, 0.01)
        return made

    enough = loop.create_future()
    pulse = loop.run_until_complete(begin())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(asyncio.sleep(30))
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    # A shell goes on with the same loop.
    loop.run_until_complete(asyncio.wait_for(enough, 30))
    loop.close()


async def test_watches_may_end_and_begin_others_while_they_are_looked_at():
    pulse = Pulse()
    calls = []
    done = asyncio.Event()

    def first(step):
        calls.append("first")
        pulse.end(second)
        pulse.end(first)
        pulse.begin(third, 0.01)
        # What begins once more counts from now on.
        pulse.begin(fourth, 0.01)
        return 0.01

    def second(step):
        calls.append("second")
        return 0.01

    def third(step):
        calls.append("third")
        pulse.end(third)
        return 0.01

    def fourth(step):
        calls.append("fourth")
        pulse.end(fourth)
        done.set()
        return 0.01

    pulse.begin(first, 0.01)
    pulse.begin(second, 0.01)
    pulse.begin(fourth, 0.01)
    await done.wait()
    assert sorted(calls) == ["first", "fourth", "third"]


async def test_watch_that_another_thread_throws_away_is_not_called_any_more():
    # The garbage collector can end a forgotten stream in any thread, in the middle of a beat.
    pulse = Pulse()
    calls = []
    done = asyncio.Event()

    def doomed(step):
        calls.append("doomed")
        thread = threading.Thread(target=pulse.end, args=(doomed,))
        thread.start()
        thread.join()
        return 0.01

    def other(step):
        calls.append("other")
        if calls.count("other") >= 3:
            pulse.end(other)
            done.set()
        return 0.01

    pulse.begin(doomed, 0.01)
    pulse.begin(other, 0.01)
    await done.wait()
    assert calls.count("doomed") == 1


def test_pulse_goes_on_where_its_loop_rested():
    loop = asyncio.new_event_loop()
    seen = []

    def look(step):
        seen.append(step)
        if len(seen) == 3:
            pulse.end(look)
            enough.set_result(None)
        return 0.02

    async def begin():
        made = Pulse()
        made.begin(look, 0.02)
        return made

    enough = loop.create_future()
    pulse = loop.run_until_complete(begin())
    time.sleep(0.5)
    loop.run_until_complete(asyncio.wait_for(enough, 30))
    # The rest was a standstill.
    assert seen[0] == pytest.approx(0.2)
    loop.close()


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

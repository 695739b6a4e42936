from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from nuke_ai_panel.aio import LoopThread, in_daemon_thread, maybe_await, refuse_in_coroutine, run_async


@pytest.fixture
def thread():
    made = LoopThread("nuke-ai-panel-test-loop")
    yield made
    made.stop()


async def where():
    return threading.current_thread().name, id(asyncio.get_running_loop())


def test_run_async_runs_every_call_on_one_loop_in_another_thread():
    first, second = run_async(where()), run_async(where)
    assert first == second
    assert first[0] != threading.current_thread().name


def test_run_returns_the_result_and_raises_what_the_work_raises(thread):
    async def fail():
        raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        thread.run(fail)
    assert thread.run(asyncio.sleep(0, "value")) == "value"


def test_calls_from_many_threads_share_the_loop(thread):
    seen = []
    callers = [threading.Thread(target=lambda: seen.append(thread.run(where))) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_timeout_cancels_the_work(thread):
    cancelled = threading.Event()

    async def wait():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        thread.run(wait, timeout=0.05)
    assert cancelled.wait(10)


def test_timeout_of_the_work_itself_is_passed_on(thread):
    async def own():
        raise asyncio.TimeoutError("mine")

    with pytest.raises(asyncio.TimeoutError, match="mine"):
        thread.run(own, timeout=20)


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt])
def test_work_that_wants_to_end_the_program_ends_its_own_call_only(thread, ending):
    loop, begun, gates = thread.loop, threading.Event(), []

    async def work() -> None:
        raise ending("from the work")

    async def other() -> str:
        gates.append(asyncio.Event())
        begun.set()
        await gates[0].wait()
        return "done"

    others = thread.submit(other)
    assert begun.wait(10)
    with pytest.raises(ending, match="from the work"):
        thread.run(work)
    loop.call_soon_threadsafe(gates[0].set)
    assert others.result(10) == "done"
    assert thread.loop is loop


def test_call_from_a_coroutine_names_the_async_twin(thread):
    async def acreate():
        return 1

    async def caller():
        with pytest.raises(RuntimeError, match=r"await .*acreate\(\.\.\.\)"):
            run_async(acreate())
        with pytest.raises(RuntimeError, match="acreate"):
            run_async(acreate)
        return True

    assert asyncio.run(caller())
    # On the loop's own thread waiting would be a deadlock.
    assert thread.run(caller)


def test_submit_can_be_cancelled(thread):
    cancelled = threading.Event()
    begun = threading.Event()

    async def wait():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    future = thread.submit(wait)
    assert begun.wait(10)
    future.cancel()
    assert cancelled.wait(10)


def test_stop_cancels_what_runs_and_a_later_call_starts_anew(thread):
    ended = threading.Event()
    begun = threading.Event()

    async def wait():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    thread.submit(wait)
    assert begun.wait(10)
    first = thread.loop
    thread.stop()
    assert ended.wait(10)
    assert first.is_closed()
    assert thread.run(asyncio.sleep(0, 5)) == 5
    thread.stop()
    thread.stop()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_loop_is_made_anew_after_a_fork():
    # In a process of its own: forking a process with threads is what is tested, and what newer Pythons warn of.
    import subprocess

    program = """
import asyncio, os, warnings
warnings.simplefilter("ignore")
from nuke_ai_panel.aio import run_async
assert run_async(asyncio.sleep(0, 1)) == 1
child = os.fork()
if child == 0:
    os._exit(run_async(asyncio.sleep(0, 7), timeout=20))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert run_async(asyncio.sleep(0, 2)) == 2
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        timeout=60,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr


def test_program_ends_quietly_with_work_still_running():
    import subprocess

    program = """
import asyncio, logging
from nuke_ai_panel.aio import run_async
from nuke_ai_panel.aio.loop_thread import _shared
# Without what asyncio's debug mode says of steps that take long on a busy machine.
logging.getLogger("asyncio").setLevel(logging.ERROR)
async def wait():
    await asyncio.Event().wait()
_shared.submit(wait)
run_async(asyncio.sleep(0))
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program],
        timeout=60,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_callback_of_a_loop_may_not_wait():
    told = []

    async def main():
        def callback():
            with pytest.raises(RuntimeError, match=r"await Some\.twin\(\.\.\.\)"):
                refuse_in_coroutine("Some.twin")
            told.append("refused")

        asyncio.get_running_loop().call_soon(callback)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert told == ["refused"]


def test_function_beneath_a_coroutine_may_not_wait():
    async def main():
        return [run_async(where) for _ in range(1)]

    with pytest.raises(RuntimeError, match="await"):
        asyncio.run(main())


def test_slot_of_a_host_that_is_marked_as_a_running_loop_may_wait():
    # A stock Qt loop marks the whole main thread for as long as the application runs, and slots run beneath no step of it.
    loop = asyncio.new_event_loop()
    asyncio._set_running_loop(loop)
    try:
        assert run_async(where)[0] == "nuke-ai-panel-loop"
    finally:
        asyncio._set_running_loop(None)
        loop.close()


def test_maybe_await_waits_for_what_can_be_awaited():
    async def main():
        future = asyncio.get_running_loop().create_future()
        future.set_result("future")
        return [await maybe_await(each) for each in (asyncio.sleep(0, "coroutine"), future, "value", None)]

    assert asyncio.run(main()) == ["coroutine", "future", "value", None]


def test_work_in_a_daemon_thread_returns_raises_and_can_be_left():
    begun, release = threading.Event(), threading.Event()

    def hang():
        begun.set()
        release.wait(20)

    def fail():
        raise KeyError("own")

    async def main():
        assert await in_daemon_thread(lambda: threading.current_thread().daemon)
        with pytest.raises(KeyError, match="own"):
            await in_daemon_thread(fail)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(in_daemon_thread(hang), 0.05)

    # The loop ends although one thread still hangs, and that thread does not mind.
    asyncio.run(main())
    assert begun.is_set()
    release.set()


class _Panic(BaseException):
    """What compiled libraries raise when they meet a defect of their own."""


@pytest.mark.parametrize("ending", [SystemExit, _Panic, StopIteration, GeneratorExit])
def test_work_in_a_daemon_thread_that_ends_oddly_keeps_nobody_waiting(ending):
    def end():
        raise ending

    async def main():
        with pytest.raises(RuntimeError, match=f"ended with {ending.__name__}") as caught:
            await asyncio.wait_for(in_daemon_thread(end), 20)
        assert isinstance(caught.value.__cause__, ending)

    asyncio.run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl+C there")
def test_ctrl_c_cancels_the_work():
    import subprocess

    program = """
import asyncio, os, signal, threading
from nuke_ai_panel.aio import run_async
ended = threading.Event()
async def wait():
    os.kill(os.getpid(), signal.SIGINT)
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()
try:
    run_async(wait)
except KeyboardInterrupt:
    assert ended.wait(20)
    print("left")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        timeout=60,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")

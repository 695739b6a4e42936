"""Ending scripts that do not end by themselves, on both hosts: the script is as it was, and so is the process."""

from __future__ import annotations

import functools
import signal
import sys
import threading
import time

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.hosts.nuke_host import NukeHost
from nuke_ai_panel.scripting.interrupting import Interruption, StopSwitch

posix = pytest.mark.skipif(sys.platform == "win32", reason="waiting for the system is ended by a POSIX signal")

HOSTS = {"document": lambda data: DocumentHost(nk.loads(data)), "nuke": lambda data: NukeHost(nk.emulate(nk.loads(data)))}

BUSY = "while True:\n    pass\n"
SWALLOWS = "while True:\n    try:\n        x = sum(range(100))\n    except:\n        pass\n"
SWALLOWS_TWICE = (
    "while True:\n    try:\n        try:\n            x = sum(range(100))\n        except BaseException:\n"
    "            continue\n    except BaseException:\n        continue\n"
)
GOES_ON_IN_FINALLY = "def work():\n    try:\n        while True:\n            pass\n    finally:\n        work()\nwork()\n"
IN_THE_ENGINE = "while True:\n    nuke.toNode('Blur1')['size'].setValue(3)\n    nuke.delete(nuke.nodes.Grade())\n"


@pytest.fixture(params=HOSTS)
def any_host(request, script):
    return HOSTS[request.param](script)


@pytest.fixture(autouse=True)
def nothing_stays_behind():
    before = {number: signal.getsignal(number) for number in signal.Signals if number.name in ("SIGINT", "SIGURG", "SIGWINCH")}
    traced = sys.gettrace()
    yield
    assert {number: signal.getsignal(number) for number in before} == before
    assert sys.gettrace() is traced
    assert not [each for each in threading.enumerate() if each.name == "nuke-ai-panel-watch"]


@pytest.mark.parametrize("code", [BUSY, SWALLOWS, SWALLOWS_TWICE, GOES_ON_IN_FINALLY, IN_THE_ENGINE])
def test_deadline_ends_a_script_and_leaves_everything_as_it_was(any_host, code):
    before = any_host.snapshot()
    # A busy machine may need longer for the first two lines than a quiet one is to wait for the others.
    for deadline in (0.1, 3.0):
        watch = Interruption(deadline=deadline)
        began = time.monotonic()
        result = any_host.run_python("nuke.createNode('Blur')\nprint('begun')\n" + code, title="x", watch=watch)
        assert time.monotonic() - began < 20
        if result.output:
            break
    assert not result.ok
    assert result.output == "begun\n"
    assert watch.was_stopped
    assert watch.reason == f"Stopped: it did not end within {deadline:g} s."
    assert any_host.snapshot() == before
    assert not any_host.undo()
    # And the next one runs as ever.
    assert any_host.run_python("def work():\n    return 3\nprint(work())\n", title="x", watch=Interruption()).output == "3\n"


@posix
@pytest.mark.parametrize(
    "code",
    ["import time\ntime.sleep(60)", "import os\nos.read(os.pipe()[0], 1)", "import threading\nthreading.Event().wait(60)"],
)
def test_stop_ends_waiting_for_the_system(any_host, code):
    before = any_host.snapshot()
    stop = StopSwitch()
    presser = threading.Timer(0.1, stop.press)
    presser.start()
    watch = Interruption(stop=stop)
    began = time.monotonic()
    result = any_host.run_python(f"nuke.createNode('Blur')\n{code}\n", title="x", watch=watch)
    assert time.monotonic() - began < 20
    presser.join()
    assert not result.ok
    assert watch.reason == "Stopped."
    assert any_host.snapshot() == before


def test_ticks_come_on_the_main_thread_and_may_press_stop(any_host):
    stop = StopSwitch()
    threads = []

    def tick():
        threads.append(threading.current_thread())
        if len(threads) == 3:
            stop.press()

    result = any_host.run_python(BUSY, title="x", watch=Interruption(stop=stop, on_tick=tick))
    assert not result.ok
    assert set(threads) == {threading.main_thread()}


def test_a_tick_that_fails_does_not_end_the_script(any_host, caplog):
    def tick():
        raise ValueError("no button")

    code = "import time\nend = time.monotonic() + 0.3\nwhile time.monotonic() < end:\n    pass\nprint('done')\n"
    assert any_host.run_python(code, title="x", watch=Interruption(on_tick=tick)).output == "done\n"
    assert "no button" in caplog.text


def test_a_script_that_ends_in_time_is_not_disturbed(any_host):
    watch = Interruption(deadline=30)
    result = any_host.run_python("nuke.createNode('Blur')\nprint(1)\n", title="x", watch=watch)
    assert result.ok
    assert not watch.was_stopped
    assert watch.reason == ""


def test_a_script_may_tidy_up_before_it_ends(any_host):
    code = "try:\n    while True:\n        pass\nfinally:\n    print('tidied', sum(range(1000)))\n"
    result = any_host.run_python(code, title="x", watch=Interruption(deadline=0.1))
    assert result.output == "tidied 499500\n"
    assert not result.ok


def test_another_thread_is_ended_by_the_deadline(any_host, script):
    """Without the main thread there are no signals; Python's own way ends what does not catch it."""
    host = DocumentHost(nk.loads(script))
    before = host.snapshot()
    watch = Interruption(deadline=0.1)
    results = []
    code = "nuke.createNode('Blur')\n" + BUSY
    run = functools.partial(host.run_python, code, title="x", watch=watch)
    # Should it not end, it must not keep the process from ending.
    worker = threading.Thread(target=lambda: results.append(run()), daemon=True)
    worker.start()
    worker.join(30)
    assert not worker.is_alive()
    assert not results[0].ok
    assert watch.was_stopped
    assert host.snapshot() == before


def test_many_scripts_that_end_just_then_never_raise_outside(script):
    """The end of the script and its deadline meet again and again; nothing may come out of the host."""
    host = DocumentHost(nk.loads(script))
    before = host.snapshot()
    for number in range(30):
        seconds = 0.05 + number * 0.0005
        code = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end:\n    pass\n"
        watch = Interruption(deadline=0.055)
        result = host.run_python(code, title="x", watch=watch)
        assert result.ok or watch.was_stopped
        for _ in range(500):
            pass
    assert host.snapshot() == before


def test_watching_costs_a_script_little(script):
    code = "total = 0\nfor i in range(400000):\n    total += i * i\n"
    host = DocumentHost(nk.loads(script))

    def seconds(watch):
        best = 60.0
        for _ in range(3):
            began = time.perf_counter()
            assert host.run_python(code, title="x", watch=watch).ok
            best = min(best, time.perf_counter() - began)
        return best

    plain = seconds(None)
    # Tracing would take many times as long; the limit leaves room for a busy machine.
    assert seconds(Interruption(on_tick=lambda: None)) < plain * 2 + 0.2

"""What is still asked when a program ends."""

from __future__ import annotations

import sys

import pytest

AFTER_THE_MAIN_THREAD = """
import asyncio, sys, threading, time
import concurrent.futures.thread as workers
from nuke_ai_panel import AudioTranscription, ChatCompletion, File, run_batch

hello = [{"role": "user", "content": "Hello"}]
this = __file__

def work():
    # From here on Python starts no worker thread of a pool any more.
    while not workers._shutdown:
        time.sleep(0.005)
    print(ChatCompletion.create("ollama/tiny", hello, attachments=[this]).choices[0].message.content)
    with ChatCompletion.create("openai/words-3", hello, stream=True) as stream:
        print("".join(chunk.choices[0].delta.content or "" for chunk in stream))
    print(File.upload(this, provider="openai").id)
    print([record.is_ok for record in run_batch([{"model": "ollama/tiny", "messages": hello}] * 2)])
    print(asyncio.run(ChatCompletion.acreate("openai/tiny", hello)).choices[0].message.content)

threading.Thread(target=work).start()
"""


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="Python 3.12 starts no thread at all when its main thread has ended"
)
def test_threads_that_outlive_the_main_thread_are_answered(server, run_script):
    lines = run_script(AFTER_THE_MAIN_THREAD).splitlines()
    assert lines == ["Hello there", "w0 w1 w2 ", "file-1", "[True, True]", "Hello there"]


IN_DAEMON_THREADS = """
import sys, threading, time
from nuke_ai_panel import ChatCompletion, run_batch

hello = [{"role": "user", "content": "Hello"}]
pieces = ChatCompletion.create("ollama/endless", hello, stream=True)
next(pieces)

def follow():
    for _ in pieces:
        pass

def whole():
    ChatCompletion.create("ollama/silent", hello)

def many():
    run_batch([{"model": "ollama/silent", "messages": hello}])

def waits(thread):
    frame = sys._current_frames().get(thread.ident)
    while frame is not None:
        if (frame.f_globals["__name__"], frame.f_code.co_name) in WAITING:
            return True
        frame = frame.f_back
    return False

WAITING = {
    ("nuke_ai_panel.aio.loop_thread", "wait_for_bell"),
    ("nuke_ai_panel.aio.loop_thread", "wait"),
    ("nuke_ai_panel.batch.running", "_taken"),
}
threads = [threading.Thread(target=work, daemon=True) for work in (whole, many, follow)]
for thread in threads:
    thread.start()
# The last one is fed all the time, so it may be caught between two waits.
end = time.monotonic() + 60
while not all(map(waits, threads[:2])) and time.monotonic() < end:
    time.sleep(0.005)
print("over")
"""


def test_daemon_threads_that_wait_at_the_end_say_nothing(server, run_script):
    assert run_script(IN_DAEMON_THREADS) == "over\n"
    server.release.set()
    server.wait_until_closed()


AT_EXIT = """
import atexit

# Called last, when the background loop has been ended.
def ask():
    print(ChatCompletion.create("ollama/tiny", [{"role": "user", "content": "Hello"}]).choices[0].message.content)

atexit.register(ask)
from nuke_ai_panel import ChatCompletion
ask()
"""


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="Python 3.12 starts no thread at all when its main thread has ended"
)
def test_what_is_asked_at_exit_is_answered(server, run_script):
    assert run_script(AT_EXIT) == "Hello there\n" * 2

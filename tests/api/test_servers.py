"""Connections: kept from call to call, on every kind of loop, and closed with it without a word."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import sys
import threading

import keyring
import pytest
import trustme
from keyring.backend import KeyringBackend

from nuke_ai_panel import ChatCompletion
from nuke_ai_panel.aio import background
from nuke_ai_panel.api import servers

HELLO = "[{'role': 'user', 'content': 'hi'}]"


def test_fifty_sync_calls_use_one_connection(server, hello):
    for number in range(50):
        if number % 2:
            ChatCompletion.create("ollama/tiny", hello)
        else:
            assert len(list(ChatCompletion.create("ollama/tiny", hello, stream=True))) == 4
    assert len(server.of("/api/chat")) == 50
    assert server.connections == 1


def test_threads_share_one_pool(server, hello):
    failures = []

    def work():
        try:
            for _ in range(15):
                ChatCompletion.create("ollama/tiny", hello)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert len(server.of("/api/chat")) == 120
    assert server.connections <= 8


def test_calls_at_the_same_time_do_not_wait_for_each_other(server, hello):
    async def main():
        streams = [await ChatCompletion.acreate("ollama/cut", hello, stream=True) for _ in range(40)]
        assert len(server.open) >= 40
        for stream in streams:
            await stream.aclose()

    asyncio.run(main())


def test_a_loop_of_the_callers_own_keeps_its_connection_until_it_ends(server, run_script):
    program = f"""
import asyncio, sys
from nuke_ai_panel import ChatCompletion
async def main():
    for _ in range(10):
        await ChatCompletion.acreate("ollama/tiny", {HELLO})
for _ in range(2):
    asyncio.run(main())
"""
    run_script(program, "-W", "error")
    assert len(server.of("/api/chat")) == 20
    assert server.connections == 2
    server.wait_until_closed()


@pytest.mark.parametrize("ending", ["loop.close()", "loop.run_until_complete(loop.shutdown_asyncgens()); loop.close()"])
def test_a_loop_that_is_closed_by_hand_closes_its_connections(server, run_script, ending):
    program = f"""
import asyncio, gc, sys
from nuke_ai_panel import ChatCompletion
loop = asyncio.new_event_loop()
for _ in range(3):
    loop.run_until_complete(ChatCompletion.acreate("ollama/tiny", {HELLO}))
{ending}
del loop
gc.collect()
"""
    # What is left open makes a warning when it is collected, and warnings are errors.
    run_script(program, "-W", "error")
    assert server.connections == 1


def test_a_loop_that_is_closed_inside_of_another_closes_its_connections(server, hello):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ChatCompletion.acreate("ollama/tiny", hello))

    async def close(other):
        other.close()

    asyncio.run(close(loop))
    del loop
    gc.collect()
    server.wait_until_closed()


def test_a_loop_that_nobody_closes_ends_with_the_program(server, run_script):
    program = f"""
import asyncio, warnings
from nuke_ai_panel import ChatCompletion
loop = asyncio.new_event_loop()
loop.run_until_complete(ChatCompletion.acreate("ollama/tiny", {HELLO}))
"""
    run_script(program)
    server.wait_until_closed()


def test_a_pool_does_not_keep_its_loop_alive(server, hello):
    import weakref

    loop = asyncio.new_event_loop()
    loop.run_until_complete(ChatCompletion.acreate("ollama/tiny", hello))
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None


def test_tls_is_pooled_and_closed_without_a_warning(start_server, run_script, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = start_server(context)
    program = f"""
import asyncio, sys
from nuke_ai_panel import ChatCompletion
call = dict(model="openai/tiny", messages={HELLO}, base_url=sys.argv[1], ca_file=sys.argv[2], api_key="k")
async def main():
    for _ in range(5):
        await ChatCompletion.acreate(**call)
asyncio.run(main())
for _ in range(5):
    ChatCompletion.create(**call)
"""
    run_script(program, "-W", "error", arguments=(f"{server.url}/v1", str(tmp_path / "ca.pem")))
    assert len(server.of("/v1/chat/completions")) == 10
    assert server.connections == 2


def test_servers_used_longest_ago_are_closed_and_those_in_use_are_not(server, start_server, hello, wait_until):
    used = ChatCompletion.create("ollama/endless", hello, stream=True)
    other = start_server()
    # Each key is a server of its own.
    for number in range(servers.MAX_PROVIDERS + 5):
        ChatCompletion.create("openai/tiny", hello, base_url=f"{other.url}/v1", api_key=f"key-{number}")
    wait_until(lambda: len(other.open) < servers.MAX_PROVIDERS)
    assert other.connections == servers.MAX_PROVIDERS + 5
    next(used)
    assert not server.gone.is_set()
    used.close()
    assert server.gone.wait(20)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork_the_child_makes_its_own_calls_and_the_parent_goes_on(server, run_script):
    program = f"""
import os, sys, warnings
warnings.simplefilter("ignore")
from nuke_ai_panel import ChatCompletion, StreamInterruptedError
def call():
    return ChatCompletion.create("ollama/tiny", {HELLO}, timeout=30).choices[0].message.content
assert call() == "Hello there"
stream = ChatCompletion.create("ollama/words-20000", {HELLO}, stream=True)
next(stream)
child = os.fork()
if child == 0:
    code = 1
    try:
        assert call() == call() == "Hello there"
        try:
            for _ in stream: pass
        except StreamInterruptedError:
            code = 7
    finally:
        os._exit(code)
assert os.waitpid(child, 0)[1] >> 8 == 7
assert call() == "Hello there"
assert sum(1 for _ in stream) == 20000
"""
    run_script(program)
    # Two of the parent's, for the stream holds one; one of the child's.
    assert server.connections == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork_an_own_loop_of_the_child_gets_a_pool_of_its_own(server, run_script):
    program = f"""
import asyncio, os, warnings
warnings.simplefilter("ignore")
from nuke_ai_panel import ChatCompletion
async def call():
    await ChatCompletion.acreate("ollama/tiny", {HELLO})
    await ChatCompletion.acreate("ollama/tiny", {HELLO})
loop = asyncio.new_event_loop()
loop.run_until_complete(call())
child = os.fork()
if child == 0:
    try:
        asyncio.run(call())
        os._exit(7)
    finally:
        os._exit(1)
assert os.waitpid(child, 0)[1] >> 8 == 7
loop.run_until_complete(call())
loop.close()
"""
    run_script(program)
    assert server.connections == 2


# keys


class HangingKeyring(KeyringBackend):
    priority = 1.0  # type: ignore[assignment]

    def __init__(self):
        super().__init__()
        self.release = threading.Event()
        self.was_asked = False

    def get_password(self, service, username):
        self.was_asked = True
        self.release.wait()

    def set_password(self, service, username, password):
        self.release.wait()

    def delete_password(self, service, username):
        self.release.wait()


def test_a_keyring_that_hangs_holds_up_neither_the_call_nor_the_loop(server, hello, monkeypatch):
    hanging = HangingKeyring()
    keyring.set_keyring(hanging)
    monkeypatch.setattr(servers, "KEYRING_SECONDS", 1.0)
    turns = 0

    async def main():
        nonlocal turns
        # With a key of its own the call asks no keyring; it brings the HTTP library.
        await ChatCompletion.acreate("openai/tiny", hello, api_key="k")
        assert not hanging.was_asked
        calling = asyncio.ensure_future(ChatCompletion.acreate("ollama/tiny", hello))
        while not server.of("/api/chat"):
            await asyncio.sleep(0.01)
            turns += hanging.was_asked
        assert (await calling).choices[0].message.content == "Hello there"

    try:
        asyncio.run(main())
        assert turns >= 5
    finally:
        hanging.release.set()


def test_the_keyring_is_asked_once_for_many_calls(server, hello):
    asked = []

    class Counting(HangingKeyring):
        def get_password(self, service, username):
            asked.append(username)

    keyring.set_keyring(Counting())

    async def main():
        await asyncio.gather(*(ChatCompletion.acreate("openai/tiny", hello) for _ in range(20)))
        await ChatCompletion.acreate("openai/tiny", hello)

    asyncio.run(main())
    assert asked == ["openai"]


def test_a_key_is_not_shown_and_not_pickled():
    import pickle

    secret = servers.Secret("sk-marked-key")
    assert "marked" not in repr(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_the_background_loop_can_be_ended_and_begins_again(server, hello):
    ChatCompletion.create("ollama/tiny", hello)
    background().stop()
    server.wait_until_closed()
    ChatCompletion.create("ollama/tiny", hello)
    assert server.connections == 2


def test_importing_the_face_brings_no_http_library(run_script):
    watched = ("aiohttp", "keyring", "markdown_it", "sqlite3")
    light = ("asyncio", "ssl", *watched)
    out = run_script(f"""
import sys
import nuke_ai_panel
assert set(nuke_ai_panel.__all__) <= set(dir(nuke_ai_panel))
print([name for name in {light} if name in sys.modules])
for name in nuke_ai_panel.__all__:
    getattr(nuke_ai_panel, name)
print([name for name in {watched} if name in sys.modules])
try:
    nuke_ai_panel.nothing
except AttributeError as error:
    print(error)
""")
    assert out.splitlines() == ["[]", "[]", "module 'nuke_ai_panel' has no attribute 'nothing'"]


def test_every_error_is_a_public_name():
    import nuke_ai_panel
    from nuke_ai_panel import errors

    assert set(errors.__all__) <= set(nuke_ai_panel.__all__)
    assert nuke_ai_panel.APIError is errors.APIError
    assert sys.modules["nuke_ai_panel"].run_async is nuke_ai_panel.run_async

"""What is kept from call to call: never longer than the settings, the keys and the environment hold, nor than it is used."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading

import pytest

from nuke_ai_panel import APIError, ChatCompletion, RequestTimeoutError, ValidationError
from nuke_ai_panel.aio import background
from nuke_ai_panel.api import servers
from nuke_ai_panel.api.servers import Lease, Place, Pool, Secret, pool_of_this_loop


def ask(hello, model="ollama/tiny", **arguments):
    assert ChatCompletion.create(model, hello, **arguments).choices[0].message.content == "Hello there"


def chats(*asked):
    """How many chats each of the servers was asked for."""
    return tuple(len(server.of("/api/chat")) for server in asked)


# the environment


def test_another_address_in_the_environment_counts_from_the_next_call_on(server, start_server, hello, monkeypatch):
    other = start_server()
    for number, target in enumerate((server, other, server, other), 1):
        monkeypatch.setenv("OLLAMA_HOST", target.url)
        ask(hello)
        ask(hello)
        assert chats(target) == (2 * ((number + 1) // 2),)


def test_a_host_that_puts_another_mapping_in_place_of_the_environment_is_followed(server, start_server, hello, monkeypatch):
    ask(hello)
    other = start_server()
    monkeypatch.setattr(os, "environ", {**os.environ, "OLLAMA_HOST": other.url})
    ask(hello)
    assert chats(other) == (1,)
    os.environ["OLLAMA_HOST"] = server.url
    ask(hello)
    assert chats(server, other) == (2, 1)


def test_the_environment_may_have_been_replaced_before_the_import(server, start_server, run_script):
    other = start_server()
    run_script(f"""
import os
true, os.environ = os.environ, dict(os.environ)
from nuke_ai_panel import ChatCompletion
def ask():
    ChatCompletion.create("ollama/tiny", [{{"role": "user", "content": "hi"}}])
ask()
os.environ["OLLAMA_HOST"] = {other.url!r}
ask()
os.environ = true
ask()
""")
    assert chats(server, other) == (2, 1)


def test_local_only_counts_for_a_server_that_was_asked_before(start_server, hello, monkeypatch):
    server = start_server()
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    for key in (None, "k"):
        ask(hello, api_key=key)
    # A name that is no address of this machine, for all that the settings know.
    place = {"base_url": "http://models.invalid:1", "connect_timeout": 5, "max_retries": 0, "api_key": "k"}
    with pytest.raises(APIError) as unreachable:
        ChatCompletion.create("ollama/tiny", hello, **place)
    assert not isinstance(unreachable.value, ValidationError)
    monkeypatch.setenv("NUKE_AI_PANEL_LOCAL_ONLY", "1")
    with pytest.raises(ValidationError, match="Local only"):
        ChatCompletion.create("ollama/tiny", hello, **place)
    monkeypatch.delenv("NUKE_AI_PANEL_LOCAL_ONLY")
    with pytest.raises(APIError) as unreachable:
        ChatCompletion.create("ollama/tiny", hello, **place)
    assert not isinstance(unreachable.value, ValidationError)
    background().stop()


# the settings


def test_a_lock_of_the_studio_counts_for_a_server_that_was_asked_before(server, start_server, hello, monkeypatch, tmp_path):
    monkeypatch.setattr(servers, "_SETTINGS_AGE", 0.0)
    studio = tmp_path / "studio.json"
    studio.write_text("{}")
    monkeypatch.setenv("NUKE_AI_PANEL_STUDIO_SETTINGS", str(studio))
    other = start_server()
    for _ in range(2):
        ask(hello, base_url=other.url, api_key="k")
    studio.write_text(json.dumps({"servers.ollama.base_url": server.url, "locked": ["servers.ollama.base_url"]}))
    with pytest.raises(ValidationError, match="studio"):
        ChatCompletion.create("ollama/tiny", hello, base_url=other.url, api_key="k")
    ask(hello, api_key="k")
    assert chats(server, other) == (1, 2)


def test_settings_are_read_again_when_they_hold_no_more(server, start_server, hello, monkeypatch, own_home):
    other = start_server()
    monkeypatch.delenv("OLLAMA_HOST")
    settings = own_home / "nuke-ai-panel" / "settings.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"servers.ollama.base_url": server.url}))
    monkeypatch.setattr(servers, "_SETTINGS_AGE", 3600.0)
    ask(hello)
    settings.write_text(json.dumps({"servers.ollama.base_url": other.url}))
    ask(hello)
    assert chats(server, other) == (2, 0)
    background().stop()
    monkeypatch.setattr(servers, "_SETTINGS_AGE", 0.0)
    ask(hello)
    settings.write_text(json.dumps({"servers.ollama.base_url": server.url}))
    ask(hello)
    assert chats(server, other) == (3, 1)


# keys


def test_each_key_has_connections_of_its_own_and_the_key_in_force_is_sent(server, hello, monkeypatch):
    for key in ("first", "second", "first", None, "second"):
        if key is None:
            monkeypatch.delenv("OPENAI_API_KEY")
        else:
            monkeypatch.setenv("OPENAI_API_KEY", key)
        ask(hello, "openai/tiny")
    ask(hello, "openai/tiny", api_key="third")
    sent = [headers.get("Authorization") for _, headers, _ in server.requests]
    assert sent == ["Bearer first", "Bearer second", "Bearer first", None, "Bearer second", "Bearer third"]
    assert server.connections == 4


# room


def test_a_server_that_is_asked_all_the_time_is_never_closed_to_make_room(server, hello):
    for number in range(servers.MAX_PROVIDERS + 8):
        ask(hello, "openai/tiny", api_key="always")
        ask(hello, "openai/tiny", api_key=f"key-{number}")
    assert server.connections == servers.MAX_PROVIDERS + 9
    # One that went is there again when it is asked.
    ask(hello, "openai/tiny", api_key="key-0")
    assert server.connections == servers.MAX_PROVIDERS + 10


@pytest.fixture
def place(server):
    return Place("ollama", base_url=server.url, key=Secret("k"))


def users_of(pool):
    return [kept.users for kept in pool._kept.values()]


async def test_calls_that_begin_together_share_a_server(place):
    pool = pool_of_this_loop()
    leases = await asyncio.gather(*(pool.lease(place) for _ in range(20)))
    assert len({id(lease.provider) for lease in leases}) == 1
    assert [len(users) for users in users_of(pool)] == [20]
    del leases
    # What has gathered them woke up this very step, and is a knot.
    await asyncio.sleep(0)
    gc.collect()
    assert users_of(pool) == [set()]


async def test_leases_may_be_forgotten_in_any_thread(place):
    pool = pool_of_this_loop()
    loop = asyncio.get_running_loop()

    def forget(leases, knotted):
        while leases:
            lease = leases.pop()
            if knotted:
                knot = [lease]
                knot.append(knot)
                del knot
        gc.collect()

    kept = await pool.lease(place)
    for knotted in (False, True):
        given = [[], [], [], []]
        for leases in given:
            leases.extend([await pool.lease(place) for _ in range(200)])
        forgetting = [loop.run_in_executor(None, forget, leases, knotted) for leases in given]
        while not all(work.done() for work in forgetting):
            # The numbers of those that are gone are given out again meanwhile.
            await pool.lease(place)
            await asyncio.sleep(0)
        await asyncio.gather(*forgetting)
    gc.collect()
    assert users_of(pool) == [{id(kept)}]


async def test_a_lease_that_is_held_keeps_its_connections_whatever_is_asked_meanwhile(server, place):
    pool = pool_of_this_loop()
    held = await pool.lease(place)
    for number in range(servers.MAX_PROVIDERS + 3):
        await pool.lease(Place("ollama", base_url=server.url, key=Secret(f"key-{number}")))
    assert (await pool.lease(place)).provider is held.provider
    assert len(pool._kept) == servers.MAX_PROVIDERS


async def test_where_all_are_in_use_none_is_closed(server):
    pool = pool_of_this_loop()
    places = [Place("ollama", base_url=server.url, key=Secret(f"key-{number}")) for number in range(servers.MAX_PROVIDERS + 3)]
    held = [await pool.lease(each) for each in places]
    assert len({id(lease.provider) for lease in held}) == len(places) == len(pool._kept)
    assert [(await pool.lease(each)).provider for each in places] == [lease.provider for lease in held]
    del held
    await pool.lease(Place("ollama", base_url=server.url, key=Secret("one-more")))
    assert len(pool._kept) == servers.MAX_PROVIDERS


async def test_a_pool_that_was_closed_opens_again(server, hello):
    pool = pool_of_this_loop()
    for number in range(1, 4):
        for _ in range(2):
            await ChatCompletion.acreate("ollama/tiny", hello)
        assert server.connections == number
        await pool.aclose()
        await pool.aclose()
        assert users_of(pool) == []
    assert pool_of_this_loop() is pool


def test_each_of_two_loops_has_what_it_uses(place):
    leased = {}
    both = threading.Barrier(2)

    def work(name):
        async def main():
            pool = pool_of_this_loop()
            for _ in range(20):
                lease: Lease = await pool.lease(place)
            both.wait(30)
            leased[name] = (pool, lease.provider)
            await pool.aclose()

        asyncio.run(main())

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(one is not other for one, other in zip(*leased.values()))
    assert all(isinstance(pool, Pool) for pool, _ in leased.values())


# what a call leaves behind


def handles_of(loop):
    """What is still to be called on `loop`, but for the timer by which the HTTP library closes idle connections."""
    left = [timer for timer in loop._scheduled if not timer.cancelled()]
    return [timer for timer in left if not str(getattr(timer._callback, "__module__", "")).startswith("aiohttp")]


def test_no_call_leaves_a_timer_or_a_task_behind(server, hello):
    async def calls():
        for model in ("ollama/tiny", "openai/words-5"):
            await ChatCompletion.acreate(model, hello)
            await ChatCompletion.acreate(model, hello, timeout=20)
            assert [chunk async for chunk in await ChatCompletion.acreate(model, hello, stream=True)]
            assert [chunk async for chunk in await ChatCompletion.acreate(model, hello, stream=True, timeout=20)]
        for provider in ("ollama", "openai"):
            async with await ChatCompletion.acreate(f"{provider}/endless", hello, stream=True) as stream:
                await stream.__anext__()
            await (await ChatCompletion.acreate(f"{provider}/endless", hello, stream=True)).aclose()
            for model in ("missing", "refused"):
                with pytest.raises(APIError):
                    await ChatCompletion.acreate(f"{provider}/{model}", hello)
            with pytest.raises(RequestTimeoutError):
                await ChatCompletion.acreate(f"{provider}/silent", hello, first_byte_timeout=0.2, max_retries=0)
            with pytest.raises(RequestTimeoutError):
                await ChatCompletion.acreate(f"{provider}/cut", hello, timeout=0.3, max_retries=0)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ChatCompletion.acreate(f"{provider}/cut", hello), 0.1)

    async def main():
        loop = asyncio.get_running_loop()
        await calls()
        # The timer of the watches goes on to its next beat, and no further.
        for _ in range(1000):
            await asyncio.sleep(0.02)
            if not handles_of(loop):
                break
        assert not handles_of(loop)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        server.release.set()

    complaints = []
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 60
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    assert not complaints
    server.wait_until_closed()

"""Names are looked up in daemon threads: shared while they hang, and nobody's business once nobody waits."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading

import pytest

from nuke_ai_panel.net.lookup import NameLookup


@pytest.fixture
def names(monkeypatch):
    """Name to addresses, to an error, or to an event that its lookup waits for; asked is how often each was looked up."""
    known, asked = {}, []

    def look_up(host, port, *args, **more):
        asked.append(host)
        found = known[host]
        if isinstance(found, threading.Event):
            found.wait(30)
            found = [(socket.AF_INET, ("127.0.0.1", port))]
        if isinstance(found, BaseException):
            raise found
        return [(family, socket.SOCK_STREAM, 6, "", where) for family, where in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known, asked


async def test_addresses_come_in_order_and_with_their_interface(names):
    names[0]["two.invalid"] = [
        (socket.AF_INET6, ("fe80::1", 80, 0, 3)),
        (socket.AF_INET6, ("::1", 80, 0, 0)),
        (socket.AF_INET, ("127.0.0.1", 80)),
    ]
    found = await NameLookup().resolve("two.invalid", 80, socket.AF_UNSPEC)
    assert [(entry["host"], entry["port"], entry["family"]) for entry in found] == [
        ("fe80::1%3", 80, socket.AF_INET6),
        ("::1", 80, socket.AF_INET6),
        ("127.0.0.1", 80, socket.AF_INET),
    ]
    assert {entry["hostname"] for entry in found} == {"two.invalid"}


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no"), socket.gaierror),
        (UnicodeError("label too long"), socket.gaierror),
        (KeyError("odd"), KeyError),
    ],
)
async def test_whatever_goes_wrong_reaches_who_asked(names, error, raised):
    names[0]["none.invalid"] = error
    with pytest.raises(raised):
        await NameLookup().resolve("none.invalid", 80)


async def test_lookup_that_hangs_is_shared_and_then_forgotten(names):
    known, asked = names
    known["slow.invalid"] = threading.Event()
    waiting = [asyncio.ensure_future(NameLookup().resolve("slow.invalid", 80)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    known["slow.invalid"].set()
    for each in waiting[1:]:
        assert (await each)[0]["host"] == "127.0.0.1"
    assert asked == ["slow.invalid"]
    await NameLookup().resolve("slow.invalid", 80)
    assert asked == ["slow.invalid"] * 2


def test_loop_does_not_wait_for_a_lookup_that_hangs(names):
    known, _ = names
    known["never.invalid"] = threading.Event()

    async def ask():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(NameLookup().resolve("never.invalid", 80), 0.1)

    done = threading.Event()

    def run():
        asyncio.run(ask())
        done.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert done.wait(20), "closing the loop waits for the lookup"
    finally:
        known["never.invalid"].set()
        thread.join(20)


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_child_of_a_fork_looks_up_anew(names):
    known, _ = names
    known["slow.invalid"] = threading.Event()

    async def ask_forever():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(NameLookup().resolve("slow.invalid", 80), 0.1)

    asyncio.run(ask_forever())
    child = os.fork()
    if not child:
        code = 1
        try:
            known["slow.invalid"] = [(socket.AF_INET, ("127.0.0.1", 80))]
            found = asyncio.run(asyncio.wait_for(NameLookup().resolve("slow.invalid", 80), 10))
            code = 0 if found[0]["host"] == "127.0.0.1" else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    known["slow.invalid"].set()
    assert os.WEXITSTATUS(status) == 0

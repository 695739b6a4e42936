"""Look up host names in daemon threads, so that a name server that never answers keeps nobody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from typing import TypedDict

__all__ = ["NameLookup"]


class _Address(TypedDict):
    """One address of a host, in the form that the HTTP library's connector reads."""

    hostname: str
    host: str
    port: int
    family: int
    proto: int
    flags: int


_Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[list[_Address]]"]
_Question = tuple[str, int, int]

_running: dict[_Question, list[_Waiter]] = {}
_lock = threading.Lock()


def _forget() -> None:
    # A fork copies what is asked, but not the threads that would answer.
    global _lock
    _lock = threading.Lock()
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class NameLookup:
    """A resolver for the HTTP library's connector.

    The library's own one runs in the loop's executor, whose threads a loop waits for before it is closed. Here each question
    has a daemon thread; while it hangs, everybody who asks the same waits for the same thread.
    """

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[_Address]:
        """Return the addresses of `host`. Cancelling leaves the lookup to itself.

        Raises:
            OSError: there is no such host.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[_Address]] = loop.create_future()
        question = (host, port, int(family))
        with _lock:
            waiters = _running.get(question)
            if waiters is None:
                _running[question] = [(loop, answer)]
                threading.Thread(target=_look_up, args=(question,), name="nuke-ai-panel-lookup", daemon=True).start()
            else:
                waiters.append((loop, answer))
        return await answer

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _look_up(question: _Question) -> None:
    host, port, family = question
    found: list[_Address] = []
    failure: BaseException | None = None
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
        found = [_address(host, entry[0], entry[2], entry[4]) for entry in entries]
    except UnicodeError:
        # How Python says that no host can be called so, e.g. for an empty or a long label.
        failure = socket.gaierror(socket.EAI_NONAME, "no name of a host")
    # Whatever it is, it belongs to those who asked.
    except BaseException as error:  # noqa: BLE001
        failure = error
    with _lock:
        waiters = _running.pop(question, [])
    for loop, answer in waiters:
        # Nobody waits where the loop was closed meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, answer, found, failure)


def _address(host: str, family: int, proto: int, where: tuple[object, ...]) -> _Address:
    address, port = str(where[0]), int(str(where[1]))
    if family == socket.AF_INET6 and len(where) > 3 and where[3] and "%" not in address:
        # A link-local address means nothing without its interface.
        address = f"{address}%{where[3]}"
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return {"hostname": host, "host": address, "port": port, "family": family, "proto": proto, "flags": flags}


def _settle(answer: asyncio.Future[list[_Address]], found: list[_Address], failure: BaseException | None) -> None:
    if answer.done():
        return
    if failure is not None:
        answer.set_exception(failure)
    else:
        answer.set_result(found)
